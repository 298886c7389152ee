//! What the reader drew, marked or set, as DICOM objects of the study: asked for here, made by the desk.

use std::collections::BTreeSet;

use medsight_base::SeriesUid;
use medsight_image::{Photometric, VoiFunction};
use medsight_record::{
    Annotation, AnnotationId, AnnotationKind, LookToWrite, Place, SegmentMeaning, SegmentToWrite, ToWrite,
    ViewCommand, ViewKind, Written,
};

use crate::light_box::{Effect, LightBox, Popup};
use crate::measure::lines;
use crate::series::FrameState;

/// One line of the dialog that writes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Offer {
    /// What writes it.
    pub(crate) command: ViewCommand,
    /// What would be in it, or why it can't be written.
    pub(crate) about: Result<String, String>,
}

impl LightBox {
    /// Asks for an object, or says what is missing for it.
    pub(crate) fn write(&mut self, what: Option<ToWrite>, missing: &'static str) {
        if matches!(self.popup, Popup::Write { .. }) {
            self.popup = Popup::None;
        }
        match what {
            _ if !self.has_desk => self.notice = Some(self.words.text("lightbox.not_kept").to_owned()),
            None => self.notice = Some(self.words.text(missing).to_owned()),
            Some(what) => {
                self.done = Some(self.words.text("write.writing").to_owned());
                self.effects.push(Effect::Write(what));
            }
        }
    }

    /// What can be written, in the order of the dialog.
    pub(crate) fn offers(&self) -> Vec<Offer> {
        let words = &self.words;
        let count = |one: &str, many: &str, count: usize, window: &str| match count {
            1 => words.fill(one, &[("window", window)]),
            more => words.fill(many, &[("count", &more.to_string()), ("window", window)]),
        };
        let of_kind = |is_key: bool| {
            self.own_annotations().filter(|a| (a.kind == AnnotationKind::KeyImage) == is_key).count()
        };
        let missing = |key: &str| Err(words.text(key).to_owned());
        let report = match of_kind(false) {
            0 => missing("write.no_measurements"),
            n => Ok(count("write.one_measurement", "write.measurements", n, "")),
        };
        let key_images = match of_kind(true) {
            0 => missing("write.no_key_images"),
            n => Ok(count("write.one_key_image", "write.key_images_count", n, "")),
        };
        let look = match self.look_to_write() {
            Some(ToWrite::Look(look)) => {
                let window = look.window.map(|v| format!("{v:.0}")).join(" / ");
                Ok(count("write.one_image", "write.images", look.images.len(), &window))
            }
            _ => missing(self.or_beside("write.no_image")),
        };
        let segment = match self.regions_to_write() {
            Some((_, regions, images)) => {
                let (regions, images) = (regions.len().to_string(), images.to_string());
                Ok(words.fill("write.regions", &[("regions", &regions), ("images", &images)]))
            }
            None => missing(self.or_beside("write.no_regions")),
        };
        vec![
            Offer { command: ViewCommand::WriteReport, about: report },
            Offer { command: ViewCommand::WriteKeyImages, about: key_images },
            Offer { command: ViewCommand::WriteLook, about: look },
            Offer { command: ViewCommand::WriteSegment, about: segment },
        ]
    }

    /// Closed regions on images of the series that the active cell shows, and on how many images they are.
    fn regions_to_write(&self) -> Option<(SeriesUid, Vec<AnnotationId>, usize)> {
        let of_current = self.series_of(self.active).filter(|_| self.shows_current(self.active));
        let series = of_current.filter(|series| series.page.is_none())?;
        let mut images = BTreeSet::new();
        let mut regions = Vec::new();
        for annotation in self.annotations.present().values().filter(|a| a.kind.is_closed()) {
            let Place::Image { instance, frame, .. } = &annotation.place else { continue };
            if series.holds(&annotation.place) {
                images.insert((instance.clone(), *frame));
                regions.push(annotation.id);
            }
        }
        (!regions.is_empty()).then(|| (series.uid.clone(), regions, images.len()))
    }

    /// Asks what the regions are.
    pub(crate) fn ask_segment(&mut self) {
        if self.has_desk && self.regions_to_write().is_some() {
            self.popup = Popup::Segment { label: String::new(), chosen: 0 };
        } else {
            self.write(None, self.or_beside("write.no_regions"));
        }
    }

    /// The regions are such, and are called so.
    pub(crate) fn write_segment(&mut self, label: &str, chosen: usize) {
        let meaning = SegmentMeaning::ALL.get(chosen).copied().unwrap_or(SegmentMeaning::Lesion);
        let label = match label.trim() {
            "" => self.words.text(meaning.key()).to_owned(),
            label => label.to_owned(),
        };
        let what = self.regions_to_write().map(|(series, regions, _)| {
            ToWrite::Segment(Box::new(SegmentToWrite { series, regions, label, meaning }))
        });
        self.popup = Popup::None;
        self.write(what, "write.no_regions");
    }

    /// What was drawn on the study that is read, and not on one beside it.
    fn own_annotations(&self) -> impl Iterator<Item = &Annotation> {
        self.annotations.present().values().filter(|annotation| annotation.study == self.study)
    }

    /// What is missing for an object of the active cell: it is of the study that is read, or else that is what is missing.
    pub(crate) fn or_beside(&self, missing: &'static str) -> &'static str {
        if self.shows_current(self.active) { missing } else { "beside.own_window" }
    }

    /// The first that can be written.
    pub(crate) fn first_offer(&self) -> usize {
        self.offers().iter().position(|offer| offer.about.is_ok()).unwrap_or(0)
    }

    /// Asks for an object that was written to be deleted.
    pub(crate) fn take_back(&mut self, series: SeriesUid) {
        self.take_back = None;
        self.done = Some(self.words.text("write.taking_back").to_owned());
        self.effects.push(Effect::DeleteWritten(series));
    }

    /// The measurements, when there are any.
    pub(crate) fn report_to_write(&self) -> Option<ToWrite> {
        let any = self.own_annotations().any(|a| a.kind != AnnotationKind::KeyImage);
        any.then_some(ToWrite::Report)
    }

    /// The key images, when there are any.
    pub(crate) fn key_images_to_write(&self) -> Option<ToWrite> {
        let any = self.own_annotations().any(|a| a.kind == AnnotationKind::KeyImage);
        any.then_some(ToWrite::KeyImages)
    }

    /// How the active cell shows its stack; `None` where it shows no grey images.
    pub(crate) fn look_to_write(&self) -> Option<ToWrite> {
        let cell = &self.cells[self.active];
        let is_stack = cell.view == ViewKind::Stack && self.shows_current(self.active);
        let series = self.series_of(self.active).filter(|_| is_stack)?;
        let slice = series.slices.get(cell.slice)?;
        slice.facts.as_ref().filter(|f| !f.is_color && f.palette.is_none())?;
        let FrameState::Ready(frame) = &slice.frame else { return None };
        let window = self.window(self.active)?;
        // Where low values are white by the image itself, the state has to say so; a look that is on says it already.
        let by_image = frame.photometric == Photometric::Monochrome1 && self.look_of(self.active).is_none();
        let mut images: Vec<_> = series.slices.iter().map(|s| s.instance.clone()).collect();
        images.dedup();
        let on_stack = self.annotations.present().values().filter(|a| {
            matches!(a.place, Place::Image { .. })
                && a.kind != AnnotationKind::KeyImage
                && series.holds(&a.place)
        });
        let captions = on_stack.map(|a| (a.id, lines(&a.kind, &a.measured, &self.words).join(", ")));
        // A state turns first and mirrors then; a cell the other way round.
        let turns = cell.orientation.quarter_turns();
        let flipped = cell.orientation.is_flipped();
        Some(ToWrite::Look(Box::new(LookToWrite {
            shown: slice.image(),
            images,
            window: [window.center(), window.width()],
            window_function: match window.function() {
                VoiFunction::Linear => "LINEAR",
                VoiFunction::LinearExact => "LINEAR_EXACT",
                VoiFunction::Sigmoid => "SIGMOID",
            }
            .to_owned(),
            inverse: cell.invert != by_image,
            quarter_turns: if flipped { (4 - turns) % 4 } else { turns },
            flipped,
            captions: captions.collect(),
        })))
    }

    /// The desk has made an object, or not.
    pub fn written(&mut self, made: Result<Written, String>) {
        if self.is_proposal_written(&made) {
            return;
        }
        self.done = None;
        match made {
            Ok(written) => {
                let number = written.number.to_string();
                let values = [("kind", written.kind.as_str()), ("number", number.as_str())];
                self.done = Some(self.words.fill("write.written", &values));
                self.take_back = Some(written.series.clone());
                self.written.push(written);
            }
            Err(why) => self.notice = Some(format!("{}: {why}", self.words.text("lightbox.not_saved"))),
        }
    }

    /// The desk has deleted an object that was written, or not.
    pub fn written_deleted(&mut self, series: &SeriesUid, failed: Option<String>) {
        self.done = None;
        match failed {
            None => {
                self.written.retain(|w| w.series != *series);
                self.done = Some(self.words.text("write.deleted").to_owned());
            }
            Some(why) => self.notice = Some(why),
        }
    }
}
