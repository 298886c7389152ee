//! Tools that compute in the background for a window: the centre line of a vessel, the picture along it, where a prior lies. Each on a thread
//! of its own, as it takes seconds; parts of it on the pool.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use glam::DVec3;
use medsight_image::register::Histograms;
use medsight_image::work::{ToolError, Work};
use medsight_image::{Volume, centerline, curved, register};
use medsight_viewport::CurvedAsk;

use super::{Loader, News, spawn};

/// Progress is told no more often.
const LEAST_PAUSE: Duration = Duration::from_millis(100);
/// Points of a centre line are as far apart as the smallest edge of a voxel, within these bounds, millimetres.
const STEP_MM: [f64; 2] = [0.25, 1.0];

impl Loader {
    /// The centre line of a vessel through clicks. `stop` ends it within a moment.
    pub(crate) fn want_center_line(
        &self,
        turn: u64,
        volume: Arc<Volume>,
        clicks_mm: Vec<DVec3>,
        stop: Arc<AtomicBool>,
    ) {
        let step_mm = volume.spacing_mm.min_element().clamp(STEP_MM[0], STEP_MM[1]);
        let find = move |work: &Work<'_>| centerline::centerline(&volume, &clicks_mm, step_mm, work);
        self.compute("centre line", turn, stop, find, |turn, found| News::Traced { turn, found });
    }

    /// Where a volume lies in another one; joint histograms by `histograms` where there is a graphics card.
    pub(crate) fn want_alignment(
        &self,
        turn: u64,
        [fixed, moving]: [Arc<Volume>; 2],
        histograms: Option<Arc<dyn Histograms>>,
        stop: Arc<AtomicBool>,
    ) {
        let find = move |work: &Work<'_>| register::rigid_by(&fixed, &moving, histograms.as_deref(), work);
        self.compute("alignment", turn, stop, find, |turn, found| News::Aligned { turn, found });
    }

    /// The picture along a line, on the pool: it is there before the next frame.
    pub(crate) fn want_curved(&self, of: CurvedAsk) {
        let (tell, cancel) = (self.tell.clone(), self.cancel.clone());
        rayon::spawn(move || {
            let made = curved::curved(&of.volume, &of.line.points_mm, &of.draw);
            if !cancel.load(Ordering::SeqCst) {
                tell(News::Curved { of: Box::new(of), made });
            }
        });
    }

    fn compute<T: 'static>(
        &self,
        name: &str,
        turn: u64,
        stop: Arc<AtomicBool>,
        find: impl FnOnce(&Work<'_>) -> Result<T, ToolError> + Send + 'static,
        say: fn(u64, Result<T, ToolError>) -> News,
    ) {
        let (tell, cancel) = (self.tell.clone(), self.cancel.clone());
        spawn(name, move || {
            let told = Cell::new(Instant::now());
            let at = |part: f32| {
                if told.get().elapsed() >= LEAST_PAUSE {
                    told.set(Instant::now());
                    tell(News::JobAt { turn, part });
                }
            };
            let is_over = || stop.load(Ordering::SeqCst) || cancel.load(Ordering::SeqCst);
            let found = find(&Work::new(&at, &is_over));
            if !cancel.load(Ordering::SeqCst) {
                tell(say(turn, found));
            }
        });
    }
}
