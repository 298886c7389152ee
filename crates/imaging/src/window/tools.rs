//! Tools of a window that compute: one begins when the volumes that it needs are there, and is given up where there are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use medsight_gpu::Gpu;
use medsight_image::Volume;
use medsight_image::register::Histograms;
use medsight_render::GpuHistograms;
use medsight_viewport::{JobKind, VolumeState};

use super::StudyWindow;

/// What a window knows of what it computes.
#[derive(Default)]
pub(super) struct WindowTools {
    /// The job of the light box waits for volumes.
    is_wanted: bool,
    /// Ends what is computed.
    stop: Option<Arc<AtomicBool>>,
}

impl StudyWindow {
    /// The light box has a job.
    pub(crate) fn want_job(&mut self) {
        self.tools.is_wanted = true;
        self.window.request_redraw();
    }

    /// Nobody wants what is computed any more. What had not begun has ended with that.
    pub(crate) fn stop_job(&mut self) {
        // A job that was put in the place of another is asked for after the other was stopped, in this order.
        let has_begun = !std::mem::take(&mut self.tools.is_wanted);
        if let Some(stop) = self.tools.stop.take() {
            stop.store(true, Ordering::SeqCst);
        }
        if let Some(job) = self.light_box.job.filter(|job| job.is_stopping && !has_begun) {
            self.light_box.job_failed(job.turn, None);
        }
        self.window.request_redraw();
    }

    /// Begins the job that is wanted, if its volumes are there; gives it up where there are none.
    pub(super) fn start_job(&mut self) {
        let Some(job) = self.light_box.job.filter(|_| self.tools.is_wanted) else {
            self.tools.is_wanted = false;
            return;
        };
        let Some(needed) = self.light_box.job_needs() else {
            self.tools.is_wanted = false;
            return self.light_box.break_off_job();
        };
        let mut volumes: Vec<Arc<Volume>> = Vec::new();
        for series in needed {
            match self.light_box.series.get(series).map(|series| &series.volume) {
                Some(VolumeState::Ready(volume)) => volumes.push(volume.clone()),
                Some(VolumeState::Refused(why)) => {
                    let why = self.light_box.words.refused(why);
                    self.tools.is_wanted = false;
                    return self.light_box.job_failed(job.turn, Some(why));
                }
                _ => return,
            }
        }
        let Some(loader) = &self.loader else { return };
        let stop: Arc<AtomicBool> = Arc::default();
        match (job.kind, volumes.as_slice()) {
            (JobKind::CenterLine, [volume]) => {
                let clicks = self.light_box.vessel().map(|vessel| vessel.clicks_mm.clone());
                loader.want_center_line(job.turn, volume.clone(), clicks.unwrap_or_default(), stop.clone());
            }
            (JobKind::Alignment, [fixed, moving]) => {
                let histograms = histograms(&self.gpu);
                loader.want_alignment(job.turn, [fixed.clone(), moving.clone()], histograms, stop.clone());
            }
            _ => return self.light_box.break_off_job(),
        }
        self.tools.is_wanted = false;
        self.tools.stop = Some(stop);
    }

    /// Asks for the picture along the line of the vessel.
    pub(super) fn make_curved(&mut self) {
        let Some(loader) = &self.loader else { return };
        if let Some(ask) = self.light_box.curved_to_make() {
            loader.want_curved(ask);
        }
    }
}

/// Joint histograms on the graphics card. A software device computes on the processor itself, whose own way is quicker.
fn histograms(gpu: &Arc<Gpu>) -> Option<Arc<dyn Histograms>> {
    if gpu.is_software {
        return None;
    }
    match GpuHistograms::new(gpu.clone()) {
        Ok(histograms) => Some(Arc::new(histograms)),
        Err(error) => {
            // Registration works without; what the device said is in its log.
            gpu.errors.record(&error.to_string());
            None
        }
    }
}
