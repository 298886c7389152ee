//! What of a study lies on its images, speaks of them or stands beside them: layers, reports, presentation states,
//! pages; and what can't be shown.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use medsight_base::SeriesUid;
use medsight_codec::{ByteSource, SkippedFile};
use medsight_dicom::derived::NotShown;
use medsight_dicom::{Object, instance_record};
use medsight_image::Photometric;
use medsight_record::Refusal;
use medsight_viewport::Page;

use super::scout::Scout;
use super::{FoundSeries, FoundStudy, News};
use crate::{layers, looks, pages};

impl Scout {
    /// Reads these files as layers and gives them to the window. Those that are none, or cannot be used, are not in
    /// the answer; with it the histograms of doses.
    pub(super) fn show_layers(&self, files: Vec<usize>) -> (Vec<usize>, Vec<FoundSeries>) {
        let (mut shown, mut found, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for file in files {
            if self.cancel.load(Ordering::SeqCst) {
                break;
            }
            match self.object(file).as_ref().and_then(|object| layers::of_object(object, file)) {
                Some(Ok(one)) => {
                    shown.push(file);
                    found.push(one);
                }
                Some(Err(refusal)) => refused.push((self.source.name(file), refusal)),
                None => {}
            }
        }
        let (sets, histograms) = layers::sets(&found);
        if !sets.is_empty() {
            (self.tell)(News::Layers(sets));
        }
        if !refused.is_empty() {
            (self.tell)(News::Refused(refused));
        }
        let pages = histograms.into_iter().filter_map(|(file, page)| self.page(&self.object(file)?, page));
        (shown, pages.collect())
    }

    /// The pages among these files, and which files they are. Those that are pages and cannot be used are told.
    pub(super) fn pages(&self, files: &[usize]) -> (Vec<usize>, Vec<FoundSeries>) {
        let (mut read, mut found, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for file in files {
            let Some(object) = self.object(*file) else { continue };
            match pages::of_object(&object) {
                Some(Ok(page)) => {
                    read.push(*file);
                    found.extend(self.page(&object, page));
                }
                Some(Err(refusal)) => {
                    read.push(*file);
                    refused.push((self.source.name(*file), refusal));
                }
                None => {}
            }
        }
        if !refused.is_empty() {
            (self.tell)(News::Refused(refused));
        }
        (read, found)
    }

    fn object(&self, file: usize) -> Option<Object<'static>> {
        self.source.read(file).ok().and_then(|bytes| Object::from_vec(bytes).ok())
    }

    /// A page as a series of its own, under the series of its object.
    fn page(&self, object: &Object<'_>, page: Page) -> Option<FoundSeries> {
        let record = instance_record(object).ok()?;
        let study = FoundStudy {
            uid: Some(record.study.clone()),
            patient: record.patient.clone(),
            description: record.study_description.clone(),
            date: record.study_date,
        };
        let refusal = "The object has no Pixel Data (7FE0,0010): it is a document, not an image.";
        Some(FoundSeries {
            // The desk has said whose it is; alone, each file says it.
            study: if self.studies.is_some() { self.beside_of(&record.series) } else { Some(study) },
            uid: record.series,
            number: record.series_number,
            modality: page.letters().to_owned(),
            description: record.series_description,
            frame_of_reference: String::new(),
            slices: Vec::new(),
            no_volume: Some(Refusal::new("no_pixels", refusal)),
            warnings: Vec::new(),
            photometric: Photometric::Monochrome2,
            page: Some(Arc::new(page)),
        })
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
            let Some(object) = self.object(*file) else { continue };
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
