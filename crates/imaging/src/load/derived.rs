//! What of a study lies on its images or speaks of them: layers, reports, presentation states; and what can't be shown.

use std::sync::atomic::Ordering;

use medsight_base::SeriesUid;
use medsight_codec::{ByteSource, SkippedFile};
use medsight_dicom::Object;
use medsight_dicom::derived::NotShown;
use medsight_record::Refusal;

use super::News;
use super::scout::Scout;
use crate::{layers, looks};

impl Scout {
    /// Reads these files as layers and gives them to the window. Those that are none, or cannot be used, are not in
    /// the answer.
    pub(super) fn show_layers(&self, files: Vec<usize>) -> Vec<usize> {
        let (mut shown, mut found, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for file in files {
            if self.cancel.load(Ordering::SeqCst) {
                break;
            }
            let object = self.source.read(file).ok().and_then(|bytes| Object::from_vec(bytes).ok());
            match object.as_ref().and_then(layers::of_object) {
                Some(Ok(one)) => {
                    shown.push(file);
                    found.push(one);
                }
                Some(Err(refusal)) => refused.push((self.source.name(file), refusal)),
                None => {}
            }
        }
        if !found.is_empty() {
            (self.tell)(News::Layers(layers::sets(found)));
        }
        if !refused.is_empty() {
            (self.tell)(News::Refused(refused));
        }
        shown
    }

    /// Reads these files as measurement reports and presentation states and gives them to the window; the answer is
    /// the files that were such. `frames_of_reference` with the series that have them.
    pub(super) fn show_reports(
        &self,
        files: &[usize],
        frames_of_reference: &[(String, SeriesUid)],
    ) -> Vec<usize> {
        let series_of = |frame: &str| {
            frames_of_reference.iter().find(|(known, _)| known == frame).map(|(_, series)| series.clone())
        };
        let (mut read, mut all, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        let mut found_looks = Vec::new();
        for file in files {
            let object = self.source.read(*file).ok().and_then(|bytes| Object::from_vec(bytes).ok());
            let Some(object) = object else { continue };
            match looks::of_object(&object) {
                Some(Ok(look)) => {
                    read.push(*file);
                    found_looks.push(look);
                    continue;
                }
                Some(Err(refusal)) => {
                    read.push(*file);
                    refused.push((self.source.name(*file), refusal));
                    continue;
                }
                None => {}
            }
            let Some(found) = layers::measured_in(&object, &series_of) else { continue };
            read.push(*file);
            let name = self.source.name(*file);
            let no_form = |n: NotShown| (format!("{name}: {}", n.label), Refusal::new("no_form", n.reason));
            refused.extend(found.not_shown.into_iter().map(no_form));
            all.extend(found.annotations);
        }
        if !found_looks.is_empty() {
            (self.tell)(News::Looks(found_looks));
        }
        if !all.is_empty() {
            (self.tell)(News::Reported(all));
        }
        if !refused.is_empty() {
            (self.tell)(News::Refused(refused));
        }
        read
    }

    /// Names the files that can't be shown.
    pub(super) fn refuse(&self, source: &dyn ByteSource, skipped: &[SkippedFile]) {
        if !skipped.is_empty() {
            let named = |s: &SkippedFile| (source.name(s.file), s.refusal.clone());
            (self.tell)(News::Refused(skipped.iter().map(named).collect()));
        }
    }
}
