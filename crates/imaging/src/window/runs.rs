//! Models in a window: one is started when the volume that it needs is there, and what it found is shown.

use std::sync::{Arc, OnceLock};

use medsight_base::SeriesUid;
use medsight_gpu::Gpu;
use medsight_image::Volume;
use medsight_image::click_segment::Click;
use medsight_image::geodesic::Spreader;
use medsight_render::GpuSpreader;
use medsight_viewport::VolumeState;

use super::StudyWindow;
use crate::models::{Found, Input, Shown};

/// What a window knows of its models.
#[derive(Default)]
pub(super) struct WindowModels {
    /// Wanted by the reader; its volume is not there yet.
    wanted: Option<(SeriesUid, String)>,
    /// Clicks wait for their volume.
    outline_wanted: bool,
    /// Finds what is clicked on; made with the first click, `None` where there is no graphics card.
    spreader: OnceLock<Option<Arc<dyn Spreader>>>,
    /// To be given to the models of the program.
    pub(super) due: Option<(String, Input)>,
}

impl StudyWindow {
    /// The reader wants a model on a series.
    pub(crate) fn want_model(&mut self, series: usize, model: String) {
        let uid = self.light_box.series.get(series).map(|series| series.uid.clone());
        self.models.wanted = uid.map(|uid| (uid, model));
        self.window.request_redraw();
    }

    /// The reader does not want it any more. True when it had not begun.
    pub(crate) fn unwant_model(&mut self) -> bool {
        let waited = self.models.wanted.take().is_some() || self.models.due.take().is_some();
        if waited {
            self.model_ended(Some(self.light_box.words.text("model.stopped").to_owned()));
        }
        waited
    }

    /// Starts the model that is wanted, if its volume is there; gives it up where there is none.
    pub(super) fn start_model(&mut self) {
        let Some((uid, model)) = &self.models.wanted else { return };
        let Some(index) = self.light_box.series.iter().position(|series| series.uid == *uid) else { return };
        let series = &self.light_box.series[index];
        if let VolumeState::Refused(why) = &series.volume {
            let why = self.light_box.words.refused(why);
            self.models.wanted = None;
            return self.model_ended(Some(why));
        }
        let (Some(volume), Some(loader)) = (series.volume(), &self.loader) else { return };
        let Some(file) = self.found.get(index).and_then(|found| found.slices.first()).map(|slice| slice.file)
        else {
            return;
        };
        let input = Input::Shown {
            window: self.window.id(),
            images: uid.clone(),
            modality: series.modality.clone(),
            volume: volume.clone(),
            source: loader.source.clone(),
            file,
        };
        self.models.due = Some((model.clone(), input));
        self.models.wanted = None;
    }

    /// The model of this window is so far.
    pub(crate) fn model_at(&mut self, part: f32, left_s: Option<f64>) {
        self.light_box.model_at(part, left_s);
        self.window.request_redraw();
    }

    /// What the model found is in device memory: drawn from there until the processor has it.
    pub(crate) fn model_shown(&mut self, shown: Shown) {
        let Some(series) = self.light_box.series.iter().position(|series| series.uid == shown.images) else {
            return;
        };
        if self.light_box.put_fresh(series, &shown.volume, &shown.meanings) {
            self.screen.painter.put_fresh(shown.labels);
        }
        self.window.request_redraw();
    }

    /// The model has ended: with labels, without (why), or because it was stopped.
    pub(crate) fn model_found(&mut self, found: Option<Result<Box<Found>, String>>) {
        let words = &self.light_box.words;
        match found {
            None => {
                let text = words.text("model.stopped").to_owned();
                self.model_ended(Some(text));
            }
            Some(Err(why)) => {
                let text = words.fill("model.failed", &[("why", &why)]);
                self.model_ended(Some(text));
            }
            Some(Ok(found)) => {
                self.model_ended(None);
                let index = self.light_box.series.iter().position(|series| series.uid == found.images);
                // Gone with its study meanwhile.
                let Some(index) = index else { return };
                let Found { volume, maker, meanings, labels, .. } = *found;
                self.light_box.put_proposed(index, &volume, maker, meanings, &labels);
            }
        }
    }

    /// Looks for what was clicked on, when its volume is there.
    pub(super) fn start_outline(&mut self) {
        if !self.models.outline_wanted {
            return;
        }
        let Some(outlining) = &self.light_box.outlining else {
            self.models.outline_wanted = false;
            return;
        };
        let Some(series) = self.light_box.series.iter().find(|series| series.uid == outlining.images) else {
            return;
        };
        if let VolumeState::Refused(why) = &series.volume {
            self.models.outline_wanted = false;
            self.light_box.notice = Some(self.light_box.words.refused(why));
            return;
        }
        let (Some(volume), Some(loader)) = (series.volume(), &self.loader) else { return };
        let voxel_from_patient = volume.voxel_from_patient();
        let click = |click: &medsight_viewport::OutlineClick| {
            let voxel = (voxel_from_patient.transform_point3(click.at_mm) + 0.5).floor();
            let within = |at: f64, count: usize| at.clamp(0.0, count as f64 - 1.0) as usize;
            let [x, y, z, _] = volume.dims;
            Click { voxel: [within(voxel.x, x), within(voxel.y, y), within(voxel.z, z)], inside: click.adds }
        };
        let clicks = outlining.clicks.iter().map(click).collect();
        let spreader = self.models.spreader.get_or_init(|| spreader(&self.gpu)).clone();
        loader.want_outline(outlining.turn, volume.clone(), clicks, outlining.size as f32, spreader);
        self.models.outline_wanted = false;
    }

    /// A click wants an outline.
    pub(crate) fn want_outline(&mut self) {
        self.models.outline_wanted = true;
        self.window.request_redraw();
    }

    pub(super) fn outlined(&mut self, turn: u64, volume: &Volume, found: Result<Vec<bool>, String>) {
        let words = &self.light_box.words;
        let told = |code: String| words.text(&format!("tool_fault.{code}")).to_owned();
        let found = found.map_err(told);
        let found = found.as_ref().map(Vec::as_slice).map_err(Clone::clone);
        self.light_box.outlined(turn, volume, env!("CARGO_PKG_VERSION"), found);
    }

    /// Layers were added or painted on: their solids are of before.
    pub(crate) fn layers_changed(&mut self) {
        self.forget_solids();
        self.window.request_redraw();
    }

    fn model_ended(&mut self, notice: Option<String>) {
        self.light_box.model_ended(notice);
        self.light_box.volumes_wanted.clear();
        self.window.request_redraw();
    }
}

/// Costs on the graphics card. A software device computes on the processor itself, whose own way is quicker.
fn spreader(gpu: &Arc<Gpu>) -> Option<Arc<dyn Spreader>> {
    if gpu.is_software {
        return None;
    }
    match GpuSpreader::new(gpu.clone()) {
        Ok(spreader) => Some(Arc::new(spreader)),
        Err(error) => {
            // The tool works without; what the device said is in its log.
            gpu.errors.record(&error.to_string());
            None
        }
    }
}
