//! Brush and eraser on a proposal: what is painted on, with which label, and what a stroke changes while it is drawn. One stroke is one
//! step of the history.

use std::sync::Arc;

use egui::Pos2;
use glam::DVec3;
use medsight_image::{Field, LabelGrid, Paint, Reach, Stroke};
use medsight_record::Tool;
use uuid::Uuid;

use crate::gesture::Gesture;
use crate::layers::{LayerForm, LayerSet};
use crate::light_box::LightBox;

/// The brush.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brush {
    /// Millimetres.
    pub radius_mm: f64,
    /// It reaches the neighbouring slices too.
    pub is_ball: bool,
}

impl Default for Brush {
    fn default() -> Self {
        Self { radius_mm: 5.0, is_ball: false }
    }
}

/// Radii of the keys, millimetres.
const RADII_MM: [f64; 11] = [0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0];

impl LightBox {
    /// The proposal and the label that a stroke paints: those chosen, else the first part of the proposal that is judged.
    pub(crate) fn painting_on(&self) -> Option<(&LayerSet, Uuid, u16)> {
        let chosen = self.painting.and_then(|(id, label)| Some((self.open_proposal(id)?, label)));
        let (set, label) = chosen.or_else(|| {
            let set = self.judged_set()?;
            let first = set.layers.iter().find_map(|layer| match layer.form {
                LayerForm::Label(0, label) => Some(label),
                _ => None,
            });
            Some((set, first?))
        })?;
        Some((set, set.proposed.as_ref()?.id, label))
    }

    pub(crate) fn begin_paint(&mut self, cell: usize, at: Pos2, tool: Tool) -> Option<Gesture> {
        let found = self.painting_on().map(|(set, id, label)| {
            let lies_here = self.series_of(cell).is_some_and(|series| set.lies_on(series));
            let is_settling = set.proposed.as_ref().is_some_and(|proposed| proposed.is_settling);
            (lies_here && !is_settling).then_some((id, label))
        });
        let Some((id, label)) = found.flatten() else {
            self.notice = Some(self.words.text("proposal.nothing_to_paint").to_owned());
            return None;
        };
        let surface = self.surface(cell)?;
        let from_mm = surface.patient(surface.local(at))?;
        let paint = if tool == Tool::Eraser { Paint::Clear(label) } else { Paint::Set(label) };
        self.stroke(cell, id, paint, [from_mm, from_mm]);
        Some(Gesture::Paint { cell, set: id, paint, last_mm: from_mm })
    }

    /// The stroke goes on; the answer is where it is now.
    pub(crate) fn go_on_painting(
        &mut self,
        cell: usize,
        set: Uuid,
        paint: Paint,
        last_mm: DVec3,
        at: Pos2,
    ) -> DVec3 {
        let surface = self.surface(cell);
        let Some(to_mm) = surface.and_then(|surface| surface.patient(surface.local(at))) else {
            return last_mm;
        };
        self.stroke(cell, set, paint, [last_mm, to_mm]);
        to_mm
    }

    fn stroke(&mut self, cell: usize, id: Uuid, paint: Paint, [from_mm, to_mm]: [DVec3; 2]) {
        let Some(normal) = self.surface(cell).and_then(|surface| surface.normal()) else { return };
        let reach = if self.brush.is_ball { Reach::Ball } else { Reach::Plane(normal) };
        let stroke = Stroke { from_mm, to_mm, radius_mm: self.brush.radius_mm, reach };
        if let Some(grid) = self.grid_mut(id) {
            grid.paint(&stroke, paint);
        }
    }

    fn grid_mut(&mut self, id: Uuid) -> Option<&mut LabelGrid> {
        let is_this = |set: &&mut LayerSet| set.proposed.as_ref().is_some_and(|p| p.id == id);
        let set = self.layers.iter_mut().find(is_this)?;
        match Arc::make_mut(set.grids.first_mut()?) {
            Field::Labels(grid) => Some(grid),
            Field::Bands(_) => None,
        }
    }

    /// A stroke that is broken off leaves everything as it was.
    pub(crate) fn break_off_paint(&mut self) {
        if matches!(self.gesture, Some(Gesture::Paint { .. })) {
            self.show_painted();
        }
    }

    pub(crate) fn change_brush(&mut self, by: isize) {
        let at = RADII_MM.iter().position(|mm| *mm >= self.brush.radius_mm).unwrap_or(RADII_MM.len() - 1);
        self.brush.radius_mm = RADII_MM[at.saturating_add_signed(by).min(RADII_MM.len() - 1)];
    }

    /// Radius of the brush on the screen over a cell, points; `None` with another tool.
    pub(crate) fn brush_on_screen(&self, cell: usize) -> Option<f32> {
        if !matches!(self.tool, Tool::Brush | Tool::Eraser) {
            return None;
        }
        let surface = self.surface(cell)?;
        surface.patient(glam::DVec2::ZERO)?;
        let (points, _) = surface.screen_per_mm(self.cells[cell].rect.center())?;
        Some((points * self.brush.radius_mm) as f32)
    }
}
