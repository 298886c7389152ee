//! Places in the curved view and on the planes, both ways; the cut across the line; what the mouse does there. All of it goes by the picture
//! that is there: the places in it are those of the line it was made of, not of the one that is wanted.

use egui::{Pos2, pos2};
use glam::{DAffine2, DVec2, DVec3};
use medsight_image::centerline::Centerline;
use medsight_record::{Tool, ViewKind};

use super::{dvec, turned};
use crate::gesture::{Button, Gesture};
use crate::light_box::LightBox;
use crate::surface::points_per_unit;

/// Half a turn is so wide a drag, screen points.
const HALF_TURN_POINTS: f64 = 300.0;
/// What is nearer to the line than this is told by its place along it, millimetres.
const NEAR_LINE_MM: f64 = 8.0;
/// A press that moved no farther is a click, screen points.
const CLICK: f32 = 4.0;

impl LightBox {
    /// Pixels of the picture from screen points: (0, 0) is the corner of the first pixel.
    pub(crate) fn curved_px_from_screen(&self, index: usize) -> Option<DAffine2> {
        let made = self.curved_made()?;
        let cell = self.cells.get(index).filter(|cell| cell.view == ViewKind::Curved)?;
        let size = DVec2::new(made.frame.columns as f64, made.frame.rows as f64);
        let scale = points_per_unit(size, cell.curved_room(), false) * cell.zoom;
        let middle = dvec(cell.middle()) + cell.pan * cell.zoom;
        Some(
            DAffine2::from_translation(size / 2.0)
                * DAffine2::from_scale(DVec2::splat(1.0 / scale))
                * DAffine2::from_translation(-middle),
        )
    }

    /// Columns and rows, millimetres of a pixel.
    pub(crate) fn curved_size(&self) -> Option<(DVec2, f64)> {
        let made = self.curved_made()?;
        Some((DVec2::new(made.frame.columns as f64, made.frame.rows as f64), made.image.mm_per_px))
    }

    /// The line in the picture, a point for each row, and the length at which each row crosses it.
    pub(crate) fn curved_rows(&self) -> Option<(&[[f64; 2]], &[f64])> {
        self.curved_made().map(|made| (&*made.line_px, &*made.row_mm))
    }

    /// Where a place along the line is on the screen.
    pub fn curved_screen(&self, index: usize, at_mm: f64) -> Option<Pos2> {
        let (px_from_screen, made) = (self.curved_px_from_screen(index)?, self.curved_made()?);
        let row = made.row_mm.partition_point(|mm| *mm < at_mm).min(made.row_mm.len() - 1);
        let at = px_from_screen.inverse().transform_point2(DVec2::from_array(made.line_px[row]));
        Some(pos2(at.x as f32, at.y as f32))
    }

    /// The patient position under a screen point of the curved view; `None` beside the picture.
    pub fn curved_patient(&self, index: usize, at: Pos2) -> Option<DVec3> {
        let px = self.curved_px_from_screen(index)?.transform_point2(dvec(at));
        let (size, _) = self.curved_size()?;
        let is_on = px.cmpge(DVec2::ZERO).all() && px.cmple(size).all();
        is_on.then(|| self.curved_made().map(|made| made.image.patient_from_px(px.x, px.y))).flatten()
    }

    /// The place of the patient that the pointer is at in the curved view: shown on the planes.
    pub fn curved_marker_mm(&self) -> Option<DVec3> {
        let (cell, at) = self.hover?;
        self.curved_patient(cell, at)
    }

    /// Millimetres along the line of where the reader looks: under the pointer, in the curved view or on a plane beside the line; else where
    /// the planes cross near it; else the middle of the line.
    pub fn curved_at_mm(&self) -> Option<f64> {
        let (series, line) = self.vessel_line()?;
        let under_pointer = self.hover.and_then(|(cell, at)| {
            if let Some(px) = self.curved_px_from_screen(cell) {
                let row = px.transform_point2(dvec(at)).y;
                let (_, row_mm) = self.curved_rows()?;
                let is_on = row >= 0.0 && row <= row_mm.len() as f64;
                return is_on.then(|| row_mm.get((row as usize).min(row_mm.len() - 1)).copied()).flatten();
            }
            let of_line = self.cells.get(cell)?.series == Some(series);
            let surface = self.surface(cell).filter(|_| of_line)?;
            nearest_mm(line, surface.patient(surface.local(at))?, NEAR_LINE_MM)
        });
        let at_planes =
            || self.series[series].planes.and_then(|planes| nearest_mm(line, planes.center_mm, NEAR_LINE_MM));
        let length_mm = line.length_mm();
        under_pointer.or_else(at_planes).or(Some(length_mm * 0.5)).map(|mm| mm.min(length_mm))
    }

    /// Estimated diameter of the lumen there, millimetres.
    pub(crate) fn curved_diameter_mm(&self, at_mm: f64) -> Option<f64> {
        let (_, line) = self.vessel_line()?;
        let at =
            ((at_mm / line.step_mm.max(1e-9)).round() as usize).min(line.radius_mm.len().saturating_sub(1));
        line.radius_mm.get(at).map(|radius| radius * 2.0)
    }

    /// The plane at right angles to the line at a place: its middle, and the directions to the right and down. What is to the right there is
    /// to the right in the curved view too; it is seen along the line.
    pub(crate) fn section_at(&self, at_mm: f64) -> Option<[DVec3; 3]> {
        let made = self.curved_made()?;
        let line = &made.of.line;
        let middle = line.at_mm(at_mm);
        let tangent =
            (line.at_mm(at_mm + line.step_mm) - line.at_mm(at_mm - line.step_mm)).try_normalize()?;
        let row = made.row_mm.partition_point(|mm| *mm < at_mm).min(made.row_mm.len() - 1);
        let [x, y] = made.line_px[row];
        let along_row = made.image.patient_from_px(x + 1.0, y) - made.image.patient_from_px(x, y);
        let right = along_row.reject_from_normalized(tangent).try_normalize()?;
        Some([middle, right, tangent.cross(right)])
    }

    /// Width of the cut across the line, millimetres: in steps, so that it does not breathe with the vessel.
    pub(crate) fn section_mm(&self, at_mm: f64) -> Option<f64> {
        let widths = [20.0, 30.0, 45.0, 70.0, 100.0];
        let wanted = self.curved_diameter_mm(at_mm)? * 3.0;
        Some(widths.into_iter().find(|mm| *mm >= wanted).unwrap_or(widths[widths.len() - 1]))
    }

    /// What a press begins in the curved view.
    pub(crate) fn begin_curved(&mut self, cell: usize, at: Pos2, button: Button) -> Option<Gesture> {
        let c = &self.cells[cell];
        let (pan, zoom) = (c.pan, c.zoom);
        let tool = match button {
            Button::Left => self.tool,
            Button::Right => Tool::Window,
            Button::Middle => Tool::Pan,
        };
        Some(match tool {
            Tool::Window => Gesture::Window { cell, from: at, start: self.window(cell)? },
            Tool::Pan => Gesture::Pan { cell, from: at, start: pan },
            Tool::Zoom => Gesture::Zoom { cell, from: at, zoom, pan },
            Tool::Crosshair => {
                self.go_to_curved(cell, at);
                Gesture::Crosshair { cell }
            }
            _ => Gesture::TurnCurved { cell, from: at, start_rad: self.curved.angle_rad },
        })
    }

    /// A drag across turns the picture about the line.
    pub(crate) fn drag_curved(&mut self, from: Pos2, start_rad: f64, at: Pos2) {
        let by = f64::from((at - from).x) / HALF_TURN_POINTS * std::f64::consts::PI;
        if from.distance(at) >= CLICK {
            self.curved.angle_rad = turned(start_rad + by);
        }
    }

    /// A click without a drag puts the planes there.
    pub(crate) fn release_curved(&mut self, cell: usize, from: Pos2, at: Pos2) {
        if from.distance(at) < CLICK {
            self.go_to_curved(cell, at);
        }
    }

    /// The planes cross where a point of the curved view lies in the patient.
    pub(crate) fn go_to_curved(&mut self, cell: usize, at: Pos2) {
        let Some(patient_mm) = self.curved_patient(cell, at) else { return };
        let Some(volume) = self.series_of(cell).and_then(|s| s.volume().cloned()) else { return };
        self.with_mpr(cell, |mpr| *mpr = mpr.moved_to(patient_mm, &volume));
    }
}

/// The length along a line at which it passes nearest to a point, if that is near enough.
fn nearest_mm(line: &Centerline, point_mm: DVec3, within_mm: f64) -> Option<f64> {
    let distance = |p: &DVec3| p.distance(point_mm);
    let nearest = line.points_mm.iter().enumerate().min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
    let (at, point) = nearest?;
    (distance(point) <= within_mm).then_some(at as f64 * line.step_mm)
}
