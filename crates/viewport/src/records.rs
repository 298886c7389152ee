//! Annotations as the reader changes them: each finished gesture is one step of the history, and whatever
//! differs after a step is asked to be kept or taken away.

use std::collections::BTreeMap;

use glam::DVec3;
use medsight_record::{Annotation, AnnotationId, AnnotationKind, History, Place, ViewKind};

use crate::light_box::{Effect, LightBox, Popup, SaveState};
use crate::painted::Step;
use crate::surface::Surface;

impl LightBox {
    /// Takes annotations from the desk in; they are durable already.
    pub fn put_annotations(&mut self, annotations: Vec<Annotation>) {
        for a in &annotations {
            self.save_states.insert(a.id, SaveState::Saved);
        }
        self.annotations = History::new(annotations.into_iter().map(|a| (a.id, a)).collect());
    }

    /// Whether something that was drawn is selected.
    pub fn is_something_selected(&self) -> bool {
        self.selected.is_some()
    }

    /// Number of annotations that are durable.
    pub fn saved_count(&self) -> usize {
        self.annotations
            .present()
            .keys()
            .filter(|id| self.save_states.get(id) == Some(&SaveState::Saved))
            .count()
    }

    /// Takes measurements of a report in. What two reports say alike is listed once.
    pub fn put_reported(&mut self, annotations: Vec<Annotation>) {
        for annotation in annotations {
            if !self.reported.iter().any(|known| is_alike(known, &annotation)) {
                self.reported.push(annotation);
            }
        }
    }

    /// True when a measurement of a report is one of the reader's own, as it still is: drawn once is enough.
    pub(crate) fn is_still_drawn(&self, reported: &Annotation) -> bool {
        self.annotations.present().get(&reported.id).is_some_and(|own| is_alike(own, reported))
    }

    /// True when the image a stack cell shows is a key image.
    pub fn is_key_image(&self, cell: usize) -> bool {
        self.key_image_of(cell).is_some()
    }

    pub(crate) fn key_image_of(&self, cell: usize) -> Option<AnnotationId> {
        let surface = self.surface(cell)?;
        let is_here = |a: &&Annotation| {
            a.kind == AnnotationKind::KeyImage && self.points_on(cell, &surface, &a.place).is_some()
        };
        self.annotations.present().values().find(is_here).map(|a| a.id)
    }

    /// The points of something drawn, on what a cell shows; `None` when it does not lie there.
    pub(crate) fn points_on(
        &self,
        cell: usize,
        surface: &Surface,
        place: &Place,
    ) -> Option<Vec<glam::DVec2>> {
        self.series_of(cell).filter(|series| series.holds(place))?;
        surface.points_of(place)
    }

    /// As [`Self::points_on`], and what was drawn on an image where a plane cuts just there, or on a plane that
    /// is an image: seen, but taken hold of only where it was drawn.
    pub(crate) fn points_seen_on(
        &self,
        cell: usize,
        surface: &Surface,
        place: &Place,
    ) -> Option<Vec<glam::DVec2>> {
        let series = self.series_of(cell).filter(|series| series.holds(place))?;
        surface.points_of(place).or_else(|| surface.points_seen(&series.patient_points(place)?))
    }

    pub(crate) fn toggle_key_image(&mut self) {
        match self.key_image_of(self.active) {
            Some(id) => self.remove(id),
            None => {
                let Some(surface) = self.surface(self.active) else { return };
                let id = AnnotationId((self.new_id)());
                let annotation = self.measured(self.active, &surface, id, &AnnotationKind::KeyImage, &[]);
                self.keep(annotation);
            }
        }
    }

    /// Keeps a new or changed annotation: one step of the history.
    pub(crate) fn keep(&mut self, annotation: Annotation) {
        let mut next = self.annotations.present().clone();
        next.insert(annotation.id, annotation);
        self.step_to(next);
    }

    pub(crate) fn remove(&mut self, id: AnnotationId) {
        let mut next = self.annotations.present().clone();
        next.remove(&id);
        self.step_to(next);
        if self.selected == Some(id) {
            self.selected = None;
        }
    }

    fn step_to(&mut self, next: BTreeMap<AnnotationId, Annotation>) {
        (self.take_back, self.done) = (None, None);
        let next = self.measured_by_calibration(next);
        let before = self.annotations.present().clone();
        self.annotations.step(next);
        if before != *self.annotations.present() {
            self.painted.did(Step::Drawn);
            self.reopen = None;
        }
        self.tell_changes(&before);
    }

    pub(crate) fn step_history(
        &mut self,
        step: impl Fn(&mut History<BTreeMap<AnnotationId, Annotation>>) -> bool,
    ) {
        let before = self.annotations.present().clone();
        if step(&mut self.annotations) {
            self.tell_changes(&before);
        }
    }

    /// Asks for whatever differs from `before` to be kept or taken away.
    fn tell_changes(&mut self, before: &BTreeMap<AnnotationId, Annotation>) {
        let after = self.annotations.present().clone();
        for (id, annotation) in &after {
            if before.get(id) != Some(annotation) {
                let state = if self.has_desk { SaveState::Waiting } else { SaveState::NotKept };
                self.save_states.insert(*id, state);
                self.effects.push(Effect::Save(Box::new(annotation.clone())));
            }
        }
        for (id, annotation) in before.iter().filter(|(id, _)| !after.contains_key(id)) {
            self.save_states.remove(id);
            self.effects.push(Effect::Remove { study: annotation.study.clone(), id: *id });
        }
    }

    pub(crate) fn select(&mut self, id: Option<AnnotationId>) {
        self.selected = id;
        if let Some(id) = id {
            self.effects.push(Effect::Selected(id));
        }
    }

    /// Shows the place of something that was drawn, and selects it; nothing where it is not there.
    pub fn go_to_annotation(&mut self, id: AnnotationId) {
        let known = self.annotations.present().get(&id).or_else(|| self.reported.iter().find(|a| a.id == id));
        let Some(annotation) = known.cloned() else { return };
        self.select(Some(id));
        match &annotation.place {
            Place::Image { instance, frame, .. } => {
                let Some(index) = self.series.iter().position(|s| s.holds(&annotation.place)) else { return };
                let slice = self.series[index]
                    .slices
                    .iter()
                    .position(|s| &s.instance == instance && s.frame_number == *frame);
                let shows = |i: &usize| {
                    self.cells[*i].series == Some(index) && self.cells[*i].view == ViewKind::Stack
                };
                let cell = self.visible_cells().into_iter().find(shows).unwrap_or(self.active);
                if !shows(&cell) {
                    self.put_series(cell, index);
                }
                self.active = cell;
                if let Some(slice) = slice {
                    self.cells[cell].slice = slice;
                }
            }
            Place::Plane { points_mm, right, down, time, .. } => {
                let Some(index) = self.series.iter().position(|s| s.holds(&annotation.place)) else { return };
                self.series[index].set_time(*time as usize);
                let normal = glam::DVec3::from_array(*right).cross(glam::DVec3::from_array(*down));
                let is_mpr =
                    |i: &usize| self.cells[*i].series == Some(index) && self.cells[*i].plane().is_some();
                if !self.visible_cells().iter().any(is_mpr) {
                    if self.cells[self.active].series != Some(index) {
                        self.put_series(self.active, index);
                    }
                    self.toggle_mpr();
                }
                let series = &mut self.series[index];
                let (Some(first), Some(volume)) = (points_mm.first(), series.volume().cloned()) else {
                    return;
                };
                if let Some(planes) = &mut series.planes {
                    *planes =
                        planes.containing_normal(normal).moved_to(glam::DVec3::from_array(*first), &volume);
                }
                let parallel = |i: &usize| {
                    let plane = self.cells[*i].plane().filter(|_| self.cells[*i].series == Some(index))?;
                    Some(self.planes(*i)?.normal(plane).dot(normal).abs() > 0.999)
                };
                if let Some(cell) = self.visible_cells().into_iter().find(|i| parallel(i) == Some(true)) {
                    self.active = cell;
                }
            }
        }
    }

    pub(crate) fn keep_text(&mut self) {
        let Popup::Text { cell, at, text, id } = std::mem::take(&mut self.popup) else { return };
        let text = text.trim().to_owned();
        if text.is_empty() {
            return;
        }
        let Some(surface) = self.surface(cell) else { return };
        let kind = AnnotationKind::Text { text };
        let annotation = match id.and_then(|id| self.annotations.present().get(&id).cloned()) {
            Some(old) => Annotation { kind, changed_at: self.now, ..old },
            None => {
                let id = AnnotationId((self.new_id)());
                self.measured(cell, &surface, id, &kind, &[surface.local(at)])
            }
        };
        self.selected = Some(annotation.id);
        self.keep(annotation);
    }
}

/// The same thing in the same place, but for what coordinates lose in a report, which holds them in 32 bits.
fn is_alike(one: &Annotation, other: &Annotation) -> bool {
    /// Pixels or millimetres.
    const NEAR: f64 = 0.02;
    let boxed = |points: &[DVec3]| {
        let low = points.iter().copied().reduce(DVec3::min);
        low.zip(points.iter().copied().reduce(DVec3::max))
    };
    let of = |place: &Place| match place {
        Place::Image { instance, frame, points_px, .. } => {
            let points: Vec<DVec3> = points_px.iter().map(|[x, y]| DVec3::new(*x, *y, 0.0)).collect();
            (Some((instance.clone(), *frame)), boxed(&points))
        }
        Place::Plane { points_mm, .. } => {
            let points: Vec<DVec3> = points_mm.iter().map(|p| DVec3::from_array(*p)).collect();
            (None, boxed(&points))
        }
    };
    let ((image, one_box), (other_image, other_box)) = (of(&one.place), of(&other.place));
    let near = match (one_box, other_box) {
        (Some((low, high)), Some((other_low, other_high))) => {
            low.abs_diff_eq(other_low, NEAR) && high.abs_diff_eq(other_high, NEAR)
        }
        (None, None) => true,
        _ => false,
    };
    one.id == other.id && one.kind == other.kind && image == other_image && near
}
