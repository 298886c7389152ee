//! A prior beside the current study, brought into its coordinates by a rigid registration: what is registered to what, whether it is gone
//! through, and what the cells of the prior show then. The registration is computed outside (`medsight_image::register`), in the background.
//! Nothing of it is stored: it lives as long as the window.

use glam::{DMat4, DQuat, DVec3};
use medsight_base::Plane;
use medsight_image::ToolError;
use medsight_image::register::Registration;
use medsight_record::{History, ViewKind};

use crate::cell::Cell;
use crate::job::JobKind;
use crate::light_box::LightBox;
use crate::mpr::Mpr;
use crate::painted::Step;
use crate::series::VolumeState;
use crate::stack_key::StackKey;

/// Modalities (0008,0060) whose volumes show enough of the body to be registered by it.
const MODALITIES: [&str; 4] = ["CT", "MR", "PT", "NM"];

/// A prior and where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// Of the current study.
    pub fixed: StackKey,
    /// Of the prior.
    pub moving: StackKey,
    /// Where it lies.
    pub registration: Registration,
    /// It is gone through.
    pub is_on: bool,
}

impl Alignment {
    /// How far the middle of the prior's volume is moved, millimetres.
    fn shift_mm(&self, middle_mm: DVec3) -> f64 {
        self.registration.fixed_from_moving.transform_point3(middle_mm).distance(middle_mm)
    }

    /// How far the prior is turned.
    fn angle_deg(&self) -> f64 {
        let turn = DQuat::from_mat4(&self.registration.fixed_from_moving).normalize();
        2.0 * turn.w.abs().min(1.0).acos().to_degrees()
    }
}

/// The study that stays where it is, and the one that is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Fixed,
    Moving,
}

/// The alignment with its past, and what it was made of.
#[derive(Debug)]
pub(crate) struct Alignments {
    history: History<Option<Alignment>>,
    /// Current and prior that are being registered.
    wanted: Option<[StackKey; 2]>,
    /// The cell of the prior and its planes, as they were before it was laid like the current study.
    before: Option<(usize, Box<Cell>, Option<Mpr>)>,
}

impl Default for Alignments {
    fn default() -> Self {
        Self { history: History::new(None), wanted: None, before: None }
    }
}

impl LightBox {
    /// The prior that was registered, whether it is gone through or not.
    pub fn alignment(&self) -> Option<&Alignment> {
        self.alignments.history.present().as_ref()
    }

    /// To the current study from the prior, while that is gone through.
    pub(crate) fn aligned_by(&self) -> Option<DMat4> {
        self.alignment().filter(|a| a.is_on).map(|a| a.registration.fixed_from_moving)
    }

    /// Which of the two studies a stack belongs to: it is the one that was registered, or has its coordinates.
    pub(crate) fn side_of(&self, index: usize) -> Option<Side> {
        let alignment = self.alignment()?;
        let series = self.series.get(index)?;
        let belongs = |key: &StackKey| {
            let Some(registered) = key.find(&self.series).map(|at| &self.series[at]) else { return false };
            StackKey::of(series) == *key
                || (!series.frame_of_reference.is_empty()
                    && series.frame_of_reference == registered.frame_of_reference
                    && series.study == registered.study)
        };
        if belongs(&alignment.moving) {
            Some(Side::Moving)
        } else {
            belongs(&alignment.fixed).then_some(Side::Fixed)
        }
    }

    /// Registers the prior that is shown to the current study; where that is done, goes through it, or not.
    pub(crate) fn align_prior(&mut self) {
        if self.job.is_some_and(|job| job.kind == JobKind::Alignment) {
            return;
        }
        let pair = self.studies_shown();
        if let Some(known) = self.alignment().cloned() {
            let is_other = pair.as_ref().is_ok_and(|(fixed, moving)| {
                let sides = (self.side_of(*fixed), self.side_of(*moving));
                !matches!(sides, (Some(Side::Fixed), Some(Side::Moving)))
            });
            if !is_other {
                let is_on = !known.is_on;
                return self.step_alignment(Some(Alignment { is_on, ..known }));
            }
        }
        let (fixed, moving) = match pair {
            Ok(pair) => pair,
            Err(why) => {
                self.notice = Some(why);
                return;
            }
        };
        for index in [fixed, moving] {
            let series = &self.series[index];
            if !MODALITIES.contains(&series.modality.as_str()) {
                let key = "align.other_modality";
                self.notice = Some(self.words.fill(key, &[("is", &series.modality)]));
                return;
            }
            if let VolumeState::Refused(why) = &series.volume {
                self.notice = Some(self.words.refused(why));
                return;
            }
        }
        self.alignments.wanted = Some([fixed, moving].map(|index| StackKey::of(&self.series[index])));
        self.volumes_wanted.extend([fixed, moving]);
        self.begin_job(JobKind::Alignment);
    }

    /// The stacks of the current study and of a prior that are shown: that of the active cell and the first of another study, or else of
    /// another frame of reference; the later one first.
    ///
    /// # Errors
    /// Why there are no two.
    fn studies_shown(&self) -> Result<(usize, usize), String> {
        let none = || self.words.text("align.no_prior").to_owned();
        let own = self.cells[self.active].series.ok_or_else(none)?;
        let study = |index: usize| self.series[index].study.as_ref().unwrap_or(&self.facts);
        let frame = |index: usize| &self.series[index].frame_of_reference;
        let shown = || self.visible_cells().into_iter().filter_map(|i| self.cells[i].series);
        let of_other_study = shown().find(|i| study(*i) != study(own));
        let other = of_other_study.or_else(|| shown().find(|i| frame(*i) != frame(own))).ok_or_else(none)?;
        if !study(own).is_of_person_of(study(other)) {
            return Err(self.words.text("align.other_person").to_owned());
        }
        let is_earlier = |a: usize, b: usize| study(a).date.zip(study(b).date).is_some_and(|(a, b)| a < b);
        Ok(if is_earlier(own, other) { (other, own) } else { (own, other) })
    }

    /// The stacks whose volumes a registration needs.
    pub(crate) fn alignment_needs(&self) -> Option<Vec<usize>> {
        self.alignments.wanted.as_ref()?.iter().map(|stack| stack.find(&self.series)).collect()
    }

    /// Where the prior lies, or why nobody can tell.
    pub fn aligned(&mut self, turn: u64, found: Result<Registration, ToolError>) {
        let Some(registration) = self.job_ended(turn, found) else { return };
        let Some([fixed, moving]) = self.alignments.wanted.take() else { return };
        self.is_linked = true;
        self.step_alignment(Some(Alignment { fixed, moving, registration, is_on: true }));
    }

    fn step_alignment(&mut self, next: Option<Alignment>) {
        // Another prior is laid anew, from what was there before the first.
        self.lay_prior_back();
        self.alignments.history.step(next);
        self.painted.did(Step::Aligned);
        (self.take_back, self.reopen) = (None, None);
        self.alignment_changed();
        self.done = self.alignment_text(true);
    }

    /// A step of the alignment's history, back or forth.
    pub(crate) fn step_alignment_history(&mut self, step: impl Fn(&mut History<Option<Alignment>>) -> bool) {
        self.lay_prior_back();
        if step(&mut self.alignments.history) {
            self.alignment_changed();
        }
    }

    fn alignment_changed(&mut self) {
        if self.aligned_by().is_some() {
            self.lay_prior();
        }
    }

    /// The cell of the prior shows the plane that the current study shows, as large and as it lies there.
    fn lay_prior(&mut self) {
        let Some(alignment) = self.alignment().cloned() else { return };
        let (fixed, moving) = (alignment.fixed.find(&self.series), alignment.moving.find(&self.series));
        let (Some(fixed), Some(moving)) = (fixed, moving) else { return };
        let Some(volume) = self.series[moving].volume().cloned() else { return };
        let is_flat = |i: &usize| self.cells[*i].view == ViewKind::Stack || self.cells[*i].plane().is_some();
        let flat: Vec<usize> = self.visible_cells().into_iter().filter(is_flat).collect();
        let of = |index: usize| flat.iter().copied().find(|i| self.cells[*i].series == Some(index));
        let (Some(current), Some(prior)) = (of(fixed), of(moving)) else { return };
        let Some((plane, like)) = self.planes_like(current) else { return };
        let moving_from_fixed = alignment.registration.fixed_from_moving.inverse();
        let planes = self.series[moving].planes;
        self.alignments.before = Some((prior, Box::new(self.cells[prior].clone()), planes));
        let slab = planes.unwrap_or_else(|| Mpr::through(&volume));
        let laid = Mpr {
            axes: like
                .axes
                .map(|axes| axes.map(|axis| moving_from_fixed.transform_vector3(axis).normalize())),
            ..slab
        };
        let center_mm = moving_from_fixed.transform_point3(like.center_mm);
        self.series[moving].planes = Some(laid.moved_to(center_mm, &volume));
        let orientation = self.cells[current].orientation;
        let cell = &mut self.cells[prior];
        cell.view = match plane {
            Plane::Axial => ViewKind::Axial,
            Plane::Coronal => ViewKind::Coronal,
            Plane::Sagittal => ViewKind::Sagittal,
        };
        (cell.zoom, cell.pan) = (1.0, glam::DVec2::ZERO);
        cell.orientation = orientation;
        self.magnify_like(current, prior, moving_from_fixed);
    }

    /// The planes of a cell; those of a stack are laid through the image that it shows.
    fn planes_like(&self, cell: usize) -> Option<(Plane, Mpr)> {
        if let Some(plane) = self.cells[cell].plane() {
            return Some((plane, *self.planes(cell)?));
        }
        let (place, middle_px) = self.place_of(cell)?;
        let normal = place.normal();
        let alike = |plane: &Plane| plane.normal().dot(normal).abs();
        let plane = Plane::ALL.into_iter().max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
        let (right, down) = plane.screen_axes();
        let frame = |right: DVec3, down: DVec3| glam::DMat3::from_cols(right, down, right.cross(down));
        let turn = frame(place.right, place.down) * frame(right, down).transpose();
        let planes = Mpr::through(self.series_of(cell)?.volume()?);
        let axes = planes.axes.map(|axes| axes.map(|axis| (turn * axis).normalize()));
        Some((plane, Mpr { axes, center_mm: place.patient_from_image(middle_px), ..planes }))
    }

    /// A millimetre is as long in one cell as in the other, and their middles show the same place.
    fn magnify_like(&mut self, current: usize, prior: usize, moving_from_fixed: DMat4) {
        let (Some(like), Some(own)) = (self.surface(current), self.surface(prior)) else { return };
        let middle = self.cells[current].rect.center();
        let scale = |surface: &crate::Surface, at| surface.screen_per_mm(at).map(|(points, _)| points);
        let own_middle = self.cells[prior].rect.center();
        let (Some(wanted), Some(is)) = (scale(&like, middle), scale(&own, own_middle)) else { return };
        self.cells[prior].zoom = (wanted / is).clamp(0.05, 80.0);
        let at_mm = like.patient(like.local(middle)).map(|mm| moving_from_fixed.transform_point3(mm));
        let at = self.surface(prior).zip(at_mm).and_then(|(own, mm)| {
            let (local, _) = own.local_from_patient(mm)?;
            Some(own.screen(local))
        });
        if let Some(at) = at {
            let cell = &mut self.cells[prior];
            let off = own_middle - at;
            cell.pan += glam::DVec2::new(f64::from(off.x), f64::from(off.y)) / cell.zoom;
        }
    }

    /// The cell of the prior as it was.
    fn lay_prior_back(&mut self) {
        let Some((index, old, planes)) = self.alignments.before.take() else { return };
        let moving = self.alignment().and_then(|alignment| alignment.moving.find(&self.series));
        let Some(moving) = moving else { return };
        self.series[moving].planes = planes;
        let cell = &mut self.cells[index];
        if cell.series == Some(moving) {
            // What the reader has set meanwhile stays.
            *cell = Cell { rect: cell.rect, window: cell.window, invert: cell.invert, ..*old };
        }
    }

    /// What is said of a cell: that it is aligned and by how much, or that it could be and is not.
    pub fn aligned_as(&self, cell: usize) -> Option<String> {
        match (self.side_of(self.cells.get(cell)?.series?)?, self.alignment()?.is_on) {
            (Side::Fixed, true) => Some(self.words.text("align.current").to_owned()),
            (Side::Fixed, false) => None,
            (Side::Moving, _) => self.alignment_text(false),
        }
    }

    fn alignment_text(&self, with_advice: bool) -> Option<String> {
        let alignment = self.alignment()?;
        if !alignment.is_on {
            return Some(self.words.text("align.off").to_owned());
        }
        let moving = alignment.moving.find(&self.series).and_then(|at| self.series[at].volume())?;
        let mm = self.words.number(alignment.shift_mm(moving.center_mm()), 1);
        let degrees = self.words.number(alignment.angle_deg(), 1);
        let key = if with_advice { "align.done" } else { "align.prior" };
        Some(self.words.fill(key, &[("mm", &mm), ("degrees", &degrees)]))
    }
}
