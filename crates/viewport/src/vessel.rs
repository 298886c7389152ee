//! A vessel that a reader traces: points clicked along it on images and planes, in order, and the centre line that is found through them.
//! Each click is a step that can be undone, and so is the line. The search is outside (`medsight_image::centerline`), in the background; how
//! the curved view shows it is in `curved`.

use std::sync::Arc;

use egui::Pos2;
use glam::DVec3;
use medsight_image::ToolError;
use medsight_image::centerline::Centerline;
use medsight_record::{History, Tool};

use crate::inside::holds;
use crate::job::JobKind;
use crate::light_box::LightBox;
use crate::painted::Step;
use crate::series::VolumeState;
use crate::stack_key::StackKey;

/// A vessel.
#[derive(Clone, Debug, PartialEq)]
pub struct Vessel {
    /// The stack it was clicked on.
    pub stack: StackKey,
    /// In the order of clicking, patient millimetres.
    pub clicks_mm: Vec<DVec3>,
    /// Through the clicks, once it is found.
    pub line: Option<Arc<Centerline>>,
}

/// The vessel with its past.
pub(crate) type Vessels = History<Option<Vessel>>;

/// Fewer points have no line.
const LEAST_POINTS: usize = 2;

/// The second press of a double click falls on the point of the first, screen points.
const SAME_POINT: f32 = 4.0;

impl LightBox {
    /// The vessel that is traced, or was.
    pub fn vessel(&self) -> Option<&Vessel> {
        self.vessels.present().as_ref()
    }

    /// Its line, and the stack it lies in.
    pub(crate) fn vessel_line(&self) -> Option<(usize, &Arc<Centerline>)> {
        let vessel = self.vessel()?;
        Some((vessel.stack.find(&self.series)?, vessel.line.as_ref()?))
    }

    /// Points are being set: there are some, and no line yet.
    pub(crate) fn is_tracing(&self) -> bool {
        self.tool == Tool::Vessel && self.vessel().is_some_and(|vessel| vessel.line.is_none())
    }

    /// A click of the tool. It goes on with the vessel that has no line yet, else begins another one.
    pub(crate) fn click_vessel(&mut self, cell: usize, at: Pos2) {
        let Some(surface) = self.surface(cell) else { return };
        let Some(at_mm) = surface.patient(surface.local(at)) else {
            self.notice = Some(self.words.text("vessel.no_place").to_owned());
            return;
        };
        let Some(index) = self.cells[cell].series else { return };
        let series = &self.series[index];
        if let VolumeState::Refused(why) = &series.volume {
            self.notice = Some(self.words.refused(why));
            return;
        }
        if series.volume().is_some_and(|volume| !holds(volume, at_mm)) {
            self.notice = Some(self.words.text("lightbox.outside").to_owned());
            return;
        }
        let stack = StackKey::of(series);
        let goes_on = |vessel: &&Vessel| vessel.stack == stack && vessel.line.is_none();
        let mut clicks_mm = self.vessel().filter(goes_on).map(|v| v.clicks_mm.clone()).unwrap_or_default();
        let is_same = |last: &DVec3| {
            let local = surface.local_from_patient(*last);
            local.is_some_and(|(local, _)| surface.screen(local).distance(at) < SAME_POINT)
        };
        if clicks_mm.last().is_some_and(is_same) {
            return;
        }
        clicks_mm.push(at_mm);
        self.step_vessel(Some(Vessel { stack, clicks_mm, line: None }));
    }

    /// Takes the last point off; a line that was found goes with it, and its other points stay.
    pub(crate) fn take_point_off(&mut self) {
        let Some(mut vessel) = self.vessel().cloned() else { return };
        vessel.clicks_mm.pop();
        vessel.line = None;
        self.step_vessel(Some(vessel).filter(|vessel| !vessel.clicks_mm.is_empty()));
    }

    /// Asks for the line through the points.
    pub(crate) fn trace_vessel(&mut self) {
        let points = self.vessel().map_or(0, |vessel| vessel.clicks_mm.len());
        if points < LEAST_POINTS {
            let error = ToolError::TooFew { found: points, least: LEAST_POINTS };
            self.notice = Some(self.fault(JobKind::CenterLine, &error));
            return;
        }
        if self.vessel().is_some_and(|vessel| vessel.line.is_some()) || self.is_finding_line() {
            return;
        }
        let Some(series) = self.vessel().and_then(|vessel| vessel.stack.find(&self.series)) else { return };
        self.volumes_wanted.insert(series);
        self.begin_job(JobKind::CenterLine);
    }

    fn is_finding_line(&self) -> bool {
        self.job.is_some_and(|job| job.kind == JobKind::CenterLine)
    }

    /// The line, or why there is none. Its answer is shown along the line too.
    pub fn traced(&mut self, turn: u64, found: Result<Centerline, ToolError>) {
        let Some(line) = self.job_ended(turn, found) else { return };
        let Some(mut vessel) = self.vessel().cloned() else { return };
        let length = self.words.number(line.length_mm(), 1);
        vessel.line = Some(Arc::new(line));
        self.step_vessel(Some(vessel));
        self.done = Some(self.words.fill("vessel.length", &[("mm", &length)]));
    }

    /// Leaves the vessel: its points, its line and the curved view. Undo brings them back.
    pub(crate) fn leave_vessel(&mut self) {
        if self.vessel().is_some() {
            self.step_vessel(None);
        }
    }

    fn step_vessel(&mut self, next: Option<Vessel>) {
        self.vessels.step(next);
        self.painted.did(Step::Vessel);
        (self.take_back, self.reopen, self.done) = (None, None, None);
        self.vessel_changed();
    }

    /// A step of the vessel's history, back or forth.
    pub(crate) fn step_vessel_history(&mut self, step: impl Fn(&mut Vessels) -> bool) {
        if step(&mut self.vessels) {
            self.vessel_changed();
        }
    }

    fn vessel_changed(&mut self) {
        if self.is_finding_line() {
            self.break_off_job();
        }
        match self.vessel_line() {
            Some(_) => self.show_curved(),
            None => self.hide_curved(),
        }
    }
}
