//! What the reader drew, marked or set, as DICOM objects of the study: asked for here, made by the desk.

use medsight_base::SeriesUid;
use medsight_image::{Photometric, VoiFunction};
use medsight_record::{AnnotationKind, LookToWrite, Place, ToWrite, ViewKind, Written};

use crate::light_box::{Effect, LightBox};
use crate::measure::lines;
use crate::series::FrameState;

impl LightBox {
    /// Asks for an object, or says what is missing for it.
    pub(crate) fn write(&mut self, what: Option<ToWrite>, missing: &'static str) {
        match what {
            _ if !self.has_desk => self.notice = Some(self.words.text("lightbox.not_kept").to_owned()),
            None => self.notice = Some(self.words.text(missing).to_owned()),
            Some(what) => {
                self.notice = Some(self.words.text("write.writing").to_owned());
                self.effects.push(Effect::Write(what));
            }
        }
    }

    /// The measurements, when there are any.
    pub(crate) fn report_to_write(&self) -> Option<ToWrite> {
        let any = self.annotations.present().values().any(|a| a.kind != AnnotationKind::KeyImage);
        any.then_some(ToWrite::Report)
    }

    /// The key images, when there are any.
    pub(crate) fn key_images_to_write(&self) -> Option<ToWrite> {
        let any = self.annotations.present().values().any(|a| a.kind == AnnotationKind::KeyImage);
        any.then_some(ToWrite::KeyImages)
    }

    /// How the active cell shows its stack; `None` where it shows no grey images.
    pub(crate) fn look_to_write(&self) -> Option<ToWrite> {
        let cell = &self.cells[self.active];
        let series = self.series_of(self.active).filter(|_| cell.view == ViewKind::Stack)?;
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
        match made {
            Ok(written) => {
                let number = written.number.to_string();
                let values = [("kind", written.kind.as_str()), ("number", number.as_str())];
                self.notice = Some(self.words.fill("write.written", &values));
                self.written.push(written);
            }
            Err(why) => self.notice = Some(format!("{}: {why}", self.words.text("lightbox.not_saved"))),
        }
    }

    /// The desk has deleted an object that was written, or not.
    pub fn written_deleted(&mut self, series: &SeriesUid, failed: Option<String>) {
        match failed {
            None => {
                self.written.retain(|w| w.series != *series);
                self.notice = Some(self.words.text("write.deleted").to_owned());
            }
            Some(why) => self.notice = Some(why),
        }
    }
}
