//! What the mouse does on a cell: tools, drawing, handles, crosshair, turning in 3D.
//!
//! A gesture begins with a press, goes on with motion and ends with a release; what it changes for good is
//! one step of the history and one effect, at its end. Measured from where the button went down, so that no
//! motion is lost to a drag threshold. Press, motion and release of all tools are one thing: a state machine.

use egui::{Pos2, Rect};
use glam::DVec2;
use medsight_base::Plane;
use medsight_image::raycast::CropBox;
use medsight_image::{Camera, Window};
use medsight_record::{Annotation, AnnotationId, AnnotationKind, Tool, ViewKind};

use crate::light_box::{Effect, LightBox, Popup};
use crate::measure::measure;
use crate::mpr::Mpr;
use crate::page::Page;
use crate::picture::first_camera;
use crate::shape::{Hit, hit, with_handle_at};
use crate::surface::Surface;

/// The button of a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// The tool's.
    Left,
    /// Window.
    Right,
    /// Move.
    Middle,
}

/// An annotation that is being drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draft {
    pub(crate) cell: usize,
    pub(crate) surface: Surface,
    pub(crate) kind: AnnotationKind,
    /// The last one follows the pointer.
    pub(crate) points: Vec<DVec2>,
    /// Screen point of the last press, to tell a click from a drag.
    pressed_at: Pos2,
}

impl Draft {
    /// The point before the one that follows the pointer, on the screen.
    fn before_last(&self) -> Option<Pos2> {
        let at = self.points.len().checked_sub(2)?;
        Some(self.surface.screen(self.points[at]))
    }
}

/// Distance of the points of a free line, screen points.
const TRACE: f32 = 3.0;

/// A click as near to the first corner closes an outline, screen points.
const CLOSES: f32 = 9.0;

/// A drag that is going on.
#[derive(Clone, Debug)]
pub(crate) enum Gesture {
    Window {
        cell: usize,
        from: Pos2,
        start: Window,
    },
    Transfer {
        cell: usize,
        from: Pos2,
        start: [f32; 2],
    },
    Pan {
        cell: usize,
        from: Pos2,
        start: DVec2,
    },
    Zoom {
        cell: usize,
        from: Pos2,
        zoom: f64,
        pan: DVec2,
    },
    Scroll {
        cell: usize,
        from: Pos2,
        start: i64,
    },
    Hover,
    Crosshair {
        cell: usize,
    },
    TurnCrosshair {
        cell: usize,
        start: Mpr,
        from_rad: f64,
    },
    Camera {
        cell: usize,
        from: Pos2,
        start: Camera,
        tool: Tool,
    },
    /// The curved view about its line.
    TurnCurved {
        cell: usize,
        from: Pos2,
        start_rad: f64,
    },
    CropFace {
        cell: usize,
        axis: usize,
        upper: bool,
        from: Pos2,
        start: CropBox,
    },
    /// `again`: it was selected before the press.
    Annotation {
        cell: usize,
        start: Box<Annotation>,
        hit: Hit,
        from: DVec2,
        again: bool,
    },
    Draw,
    Paint {
        cell: usize,
        set: uuid::Uuid,
        paint: medsight_image::Paint,
        last_mm: glam::DVec3,
    },
}

impl Gesture {
    pub(crate) fn moves_3d(&self, in_cell: usize) -> bool {
        match self {
            Self::Transfer { cell, .. } | Self::Camera { cell, .. } | Self::CropFace { cell, .. } => {
                *cell == in_cell
            }
            _ => false,
        }
    }
}

/// Modality units that the window changes by when the pointer moves a point.
///
/// Grows with the width, so that a narrow brain window can be set as finely as a bone window coarsely;
/// outside CT the range of values is the measure, as there is no unit.
pub(crate) fn window_step(modality: &str, range: [f64; 2], start: &Window) -> f64 {
    match modality {
        "CT" => (start.width() / 200.0).clamp(0.5, 10.0),
        _ => (start.width() / 400.0).max((range[1] - range[0]).abs() / 100_000.0).max(1e-6),
    }
}

/// Handle that turns the crosshair: its share of the shorter half of the cell.
pub(crate) const TURN_HANDLE: f32 = 0.78;

/// What of a crosshair is under a point, and where it is.
pub(crate) struct Crosshair {
    pub(crate) middle: Pos2,
    /// The other two planes with the screen direction of their line.
    pub(crate) lines: [(Plane, egui::Vec2); 2],
    pub(crate) radius: f32,
    /// Where handles may stand: beside the texts at the upper and lower edge of the cell.
    room: Rect,
}

/// Height of the texts at the edges that handles keep off, points.
const TEXTS: f32 = 40.0;

/// Handles stand at least so far from the middle, points.
const LEAST_ARM: f32 = 24.0;

impl Crosshair {
    /// Where the handle on a line stands; the direction may be turned round for the other one.
    pub(crate) fn handle(&self, direction: egui::Vec2) -> Pos2 {
        let to_edge = |from: f32, along: f32, low: f32, high: f32| match along {
            a if a > 1e-3 => (high - from) / a,
            a if a < -1e-3 => (low - from) / a,
            _ => f32::INFINITY,
        };
        let across = to_edge(self.middle.x, direction.x, self.room.left(), self.room.right());
        let down = to_edge(self.middle.y, direction.y, self.room.top(), self.room.bottom());
        let arm = self.radius.min(across.min(down).max(LEAST_ARM));
        self.middle + direction * arm
    }
}

impl LightBox {
    /// The crosshair of a plane cell on the screen.
    pub(crate) fn crosshair_on(&self, cell: usize) -> Option<Crosshair> {
        let c = self.cells.get(cell)?;
        let plane = c.plane()?;
        let surface = self.surface(cell)?;
        let mpr = self.planes(cell)?;
        let (local, _) = surface.local_from_patient(mpr.center_mm)?;
        let middle = surface.screen(local);
        let normal = mpr.normal(plane);
        let line = |other: Plane| {
            let along = normal.cross(mpr.normal(other));
            let (end, _) = surface.local_from_patient(mpr.center_mm + along * 10.0)?;
            let direction = surface.screen(end) - middle;
            Some((other, if direction.length() > 0.0 { direction.normalized() } else { egui::Vec2::X }))
        };
        let mut others = Plane::ALL.into_iter().filter(|p| *p != plane);
        let lines = [line(others.next()?)?, line(others.next()?)?];
        let room = c.rect.shrink2(egui::vec2(8.0, TEXTS));
        Some(Crosshair { middle, lines, radius: c.rect.size().min_elem() / 2.0 * TURN_HANDLE, room })
    }

    pub(crate) fn press(&mut self, cell: usize, at: Pos2, button: Button) {
        self.active = cell;
        self.hover = Some((cell, at));
        if self.gesture.is_some() || self.cells[cell].series.is_none() {
            return;
        }
        let tool = match button {
            Button::Left => self.tool,
            Button::Right => Tool::Window,
            Button::Middle => Tool::Pan,
        };
        if self.cells[cell].view == ViewKind::Volume3d {
            self.gesture = self.begin_3d(cell, at, button, tool);
            return;
        }
        if self.cells[cell].view == ViewKind::Curved {
            self.gesture = self.begin_curved(cell, at, button);
            return;
        }
        if matches!(self.page_of(cell), Some(Page::Tracing(_))) {
            let c = &self.cells[cell];
            self.gesture = Some(match tool {
                Tool::Zoom => Gesture::Zoom { cell, from: at, zoom: c.zoom, pan: c.pan },
                _ => Gesture::Pan { cell, from: at, start: c.pan },
            });
            return;
        }
        let Some(surface) = self.surface(cell) else { return };
        if button == Button::Left {
            if let Some(draft) = &mut self.draft {
                if draft.cell == cell && draft.surface.space == surface.space {
                    draft.pressed_at = at;
                    self.gesture = Some(Gesture::Draw);
                    self.move_draft(at, false);
                    return;
                }
                self.draft = None;
            }
            // A stroke goes over what is drawn, and does not take hold of it.
            let paints = matches!(tool, Tool::Brush | Tool::Eraser | Tool::Pick | Tool::Vessel);
            if let Some((start, hit)) = self.annotation_at(cell, at).filter(|_| !paints) {
                let again = self.selected == Some(start.id);
                self.select(Some(start.id));
                self.gesture = Some(Gesture::Annotation {
                    cell,
                    start: Box::new(start),
                    hit,
                    from: surface.local(at),
                    again,
                });
                return;
            }
            self.selected = None;
            if let Some(gesture) = self.begin_crosshair(cell, at) {
                self.gesture = Some(gesture);
                return;
            }
        }
        self.gesture = self.begin(cell, at, tool, surface);
        if matches!(self.gesture, Some(Gesture::Crosshair { .. })) {
            self.drag(at);
        }
    }

    fn begin(&mut self, cell: usize, at: Pos2, tool: Tool, surface: Surface) -> Option<Gesture> {
        let c = &self.cells[cell];
        let draw = |kind: AnnotationKind| Draft {
            cell,
            points: vec![surface.local(at); 2],
            surface: surface.clone(),
            kind,
            pressed_at: at,
        };
        let kind = match tool {
            Tool::Window => return Some(Gesture::Window { cell, from: at, start: self.window(cell)? }),
            Tool::Pan => return Some(Gesture::Pan { cell, from: at, start: c.pan }),
            Tool::Zoom => return Some(Gesture::Zoom { cell, from: at, zoom: c.zoom, pan: c.pan }),
            Tool::Scroll => return Some(Gesture::Scroll { cell, from: at, start: self.position(cell)?.0 }),
            Tool::Magnifier | Tool::Probe => return Some(Gesture::Hover),
            Tool::Crosshair => return Some(Gesture::Crosshair { cell }),
            Tool::Brush | Tool::Eraser => return self.begin_paint(cell, at, tool),
            Tool::Pick => {
                self.click_outline(cell, at);
                return None;
            }
            Tool::Vessel => {
                self.click_vessel(cell, at);
                return None;
            }
            Tool::Text => {
                self.popup = Popup::Text { cell, at, text: String::new(), id: None };
                return None;
            }
            Tool::Length => AnnotationKind::Length,
            Tool::Angle => AnnotationKind::Angle,
            Tool::Ellipse => AnnotationKind::Ellipse,
            Tool::Rectangle => AnnotationKind::Rectangle,
            Tool::Outline => AnnotationKind::Outline,
            Tool::Arrow => AnnotationKind::Arrow,
        };
        self.draft = Some(draw(kind));
        Some(Gesture::Draw)
    }

    fn begin_3d(&self, cell: usize, at: Pos2, button: Button, tool: Tool) -> Option<Gesture> {
        let c = &self.cells[cell];
        if button == Button::Left && c.view_3d.crop.shown {
            if let Some((axis, upper)) = crate::ui::crop_face_at(self, cell, at) {
                return Some(Gesture::CropFace { cell, axis, upper, from: at, start: c.view_3d.crop.region });
            }
        }
        if button == Button::Right {
            return Some(Gesture::Transfer { cell, from: at, start: c.view_3d.transfer });
        }
        let volume = self.series_of(cell)?.volume()?;
        let start = c.view_3d.camera.unwrap_or_else(|| first_camera(volume));
        Some(Gesture::Camera { cell, from: at, start, tool })
    }

    fn begin_crosshair(&self, cell: usize, at: Pos2) -> Option<Gesture> {
        if !self.crosshair {
            return None;
        }
        let cross = self.crosshair_on(cell)?;
        for (_, direction) in cross.lines {
            for side in [1.0, -1.0] {
                if cross.handle(direction * side).distance(at) <= 9.0 {
                    let start = *self.planes(cell)?;
                    let arm = at - cross.middle;
                    return Some(Gesture::TurnCrosshair {
                        cell,
                        start,
                        from_rad: f64::from(arm.y.atan2(arm.x)),
                    });
                }
            }
        }
        // The middle may be taken with any tool but those that draw, where it would be in the way.
        (!self.draws() && cross.middle.distance(at) <= 10.0).then_some(Gesture::Crosshair { cell })
    }

    /// The tool of the left button draws.
    fn draws(&self) -> bool {
        matches!(
            self.tool,
            Tool::Length
                | Tool::Angle
                | Tool::Ellipse
                | Tool::Rectangle
                | Tool::Outline
                | Tool::Arrow
                | Tool::Text
                | Tool::Brush
                | Tool::Eraser
                | Tool::Pick
                | Tool::Vessel
        )
    }

    /// The annotation under a point, those drawn last first.
    pub(crate) fn annotation_at(&self, cell: usize, at: Pos2) -> Option<(Annotation, Hit)> {
        let surface = self.surface(cell)?;
        let mut on_top: Vec<&Annotation> = self.annotations.present().values().collect();
        on_top.sort_by_key(|a| (Some(a.id) == self.selected, a.changed_at));
        on_top.into_iter().rev().find_map(|a| {
            let points: Vec<Pos2> =
                self.points_on(cell, &surface, &a.place)?.into_iter().map(|p| surface.screen(p)).collect();
            // A label must not be in the way of drawing; a text is nothing but its label.
            let takes_label = !self.draws() || matches!(a.kind, AnnotationKind::Text { .. });
            let label = takes_label
                .then(|| crate::draw_shape::label_rect_estimate(a, &points, &self.words))
                .flatten();
            hit(&a.kind, &points, label, at).map(|hit| (a.clone(), hit))
        })
    }

    pub(crate) fn hover_at(&mut self, cell: usize, at: Pos2) {
        self.hover = Some((cell, at));
        if self.gesture.is_none() && self.draft.as_ref().is_some_and(|d| d.cell == cell) {
            self.move_draft(at, false);
        }
    }

    /// The last point follows the pointer. With the button down a free line grows.
    fn move_draft(&mut self, at: Pos2, is_down: bool) {
        if let Some(draft) = &mut self.draft {
            let local = draft.surface.local(at);
            let is_free = is_down && draft.kind == AnnotationKind::Outline;
            if is_free && draft.before_last().is_some_and(|before| before.distance(at) >= TRACE) {
                draft.points.push(local);
            }
            if let Some(last) = draft.points.last_mut() {
                *last = local;
            }
        }
    }

    pub(crate) fn drag(&mut self, at: Pos2) {
        let Some(gesture) = self.gesture.take() else { return };
        match &gesture {
            Gesture::Window { cell, from, start } => {
                let (modality, range) = match self.series_of(*cell) {
                    Some(series) => (series.modality.clone(), series.value_range()),
                    None => (String::new(), [0.0, 1.0]),
                };
                let step = window_step(&modality, range, start);
                let d = at - *from;
                let window = start.dragged(f64::from(d.y) * step, f64::from(d.x) * step * 2.0);
                self.set_window(*cell, window);
            }
            Gesture::Transfer { cell, from, start } => {
                let range = self.series_of(*cell).map_or([0.0, 1.0], crate::Series::value_range);
                let d = at - *from;
                let by = start[0] + d.y * (range[1] - range[0]) as f32 / 1500.0;
                self.cells[*cell].view_3d.transfer = [by, (start[1] * (d.x / 300.0).exp()).clamp(0.05, 20.0)];
            }
            Gesture::Pan { cell, from, start } => {
                let c = &mut self.cells[*cell];
                c.pan = *start + dvec(at - *from) / c.zoom;
            }
            Gesture::Zoom { cell, from, zoom, pan } => {
                let factor = f64::from((*from - at).y / 150.0).exp();
                let c = &mut self.cells[*cell];
                (c.zoom, c.pan) = (*zoom, *pan);
                zoom_about(c, *from, factor);
            }
            Gesture::Scroll { cell, from, start } => {
                let count = self.position(*cell).map_or(1, |(_, count)| count);
                // The whole stack in one stroke through the cell, a slice every two points at least.
                let points = (f64::from(self.cells[*cell].rect.height()) / count as f64).clamp(2.0, 12.0);
                let by = (f64::from((at - *from).y) / points).round() as i64;
                self.go_to(*cell, *start + by);
            }
            Gesture::Hover => {}
            Gesture::Crosshair { cell } if self.cells[*cell].view == ViewKind::Curved => {
                self.go_to_curved(*cell, at);
            }
            Gesture::Crosshair { cell } => self.move_crosshair(*cell, at),
            Gesture::TurnCurved { from, start_rad, .. } => self.drag_curved(*from, *start_rad, at),
            Gesture::TurnCrosshair { cell, start, from_rad } => {
                let turned =
                    self.crosshair_on(*cell).zip(self.surface(*cell)).and_then(|(cross, surface)| {
                        let arm = at - cross.middle;
                        let plane = self.cells[*cell].plane()?;
                        // On a mirrored picture a hand that turns clockwise turns the planes the other way.
                        let [right, down] = surface.screen_directions()?;
                        let sign = right.cross(down).dot(start.normal(plane)).signum();
                        let by = (f64::from(arm.y.atan2(arm.x)) - from_rad) * sign;
                        Some(start.turned_in(plane, by))
                    });
                if let Some(turned) = turned {
                    self.with_mpr(*cell, |mpr| *mpr = turned);
                }
            }
            Gesture::Camera { cell, from, start, tool } => {
                let c = &mut self.cells[*cell];
                let points = f64::from(c.rect.size().min_elem()).max(1.0);
                let d = dvec(at - *from);
                c.view_3d.camera = Some(match tool {
                    Tool::Pan => start.panned(d.x / points, d.y / points),
                    Tool::Zoom => start.zoomed((-d.y / 150.0).exp()),
                    _ => start.turned(d.x / points * 3.5, d.y / points * 3.5),
                });
            }
            Gesture::CropFace { cell, axis, upper, from, start } => {
                if let Some(along) = crate::ui::crop_axis_on_screen(self, *cell, *axis) {
                    let share = (at - *from).dot(along) / along.length_sq().max(1.0);
                    let mut region = *start;
                    if *upper {
                        region.max[*axis] = (start.max[*axis] + share).clamp(region.min[*axis] + 0.02, 1.0);
                    } else {
                        region.min[*axis] = (start.min[*axis] + share).clamp(0.0, region.max[*axis] - 0.02);
                    }
                    self.cells[*cell].view_3d.crop.region = region;
                }
            }
            Gesture::Annotation { cell, start, hit, from, .. } => {
                if let Some(surface) = self.surface(*cell) {
                    if let Some(points) = self.points_on(*cell, &surface, &start.place) {
                        let to = surface.local(at);
                        let points = match hit {
                            Hit::Handle(i) => {
                                with_handle_at(&start.kind, &points, *i, to, |x, y| DVec2::new(x.x, y.y))
                            }
                            Hit::Body => points.into_iter().map(|p| p + (to - *from)).collect(),
                        };
                        if to != *from {
                            self.live = Some(self.measured(*cell, &surface, start.id, &start.kind, &points));
                        }
                    }
                }
            }
            Gesture::Draw => self.move_draft(at, true),
            Gesture::Paint { cell, set, paint, last_mm } => {
                let last_mm = self.go_on_painting(*cell, *set, *paint, *last_mm, at);
                self.hover = self.hover.map(|(cell, _)| (cell, at));
                self.gesture = Some(Gesture::Paint { cell: *cell, set: *set, paint: *paint, last_mm });
                return;
            }
        }
        self.hover = self.hover.map(|(cell, _)| (cell, at));
        self.gesture = Some(gesture);
    }

    pub(crate) fn release(&mut self, at: Pos2) {
        let Some(gesture) = self.gesture.take() else { return };
        match gesture {
            Gesture::Hover => {}
            Gesture::Draw => self.release_draft(at),
            Gesture::TurnCurved { cell, from, .. } => self.release_curved(cell, from, at),
            Gesture::Paint { set, .. } => self.painted(set),
            Gesture::Annotation { cell, start, again, .. } => match (self.live.take(), start.kind) {
                (Some(annotation), _) => {
                    self.keep_where_it_lies(cell, annotation);
                }
                // A click on a chosen text is there to change its words.
                (None, AnnotationKind::Text { text }) if again => {
                    self.popup = Popup::Text { cell, at, text, id: Some(start.id) };
                }
                (None, _) => {}
            },
            _ => self.effects.push(Effect::SessionChanged),
        }
    }

    fn release_draft(&mut self, at: Pos2) {
        if self.draft.as_ref().is_some_and(|draft| draft.kind == AnnotationKind::Outline) {
            return self.release_outline(at);
        }
        let Some(draft) = self.draft.as_mut() else { return };
        // A click sets a point and the next one follows the pointer; a drag sets both.
        let was_click = draft.pressed_at.distance(at) < 4.0;
        let needed = draft.kind.point_count();
        let has_length = draft.points.len() >= 2
            && draft
                .surface
                .screen(draft.points[0])
                .distance(draft.surface.screen(draft.points[draft.points.len() - 1]))
                >= 4.0;
        if draft.points.len() == needed && (!was_click || has_length) {
            self.finish_draft();
        } else if draft.points.len() < needed && (!was_click || has_length) {
            let last = draft.surface.local(at);
            draft.points.push(last);
        }
    }

    /// A drag around something closes the outline where the button comes up; a click sets a corner, and one on the first
    /// corner closes.
    fn release_outline(&mut self, at: Pos2) {
        let Some(draft) = self.draft.as_mut() else { return };
        let was_click = draft.pressed_at.distance(at) < 4.0;
        let first = draft.surface.screen(draft.points[0]); // a draft begins with two points
        let corners = draft.points.len() - 1;
        let is_closed = corners >= 3 && first.distance(at) <= CLOSES;
        let in_one_stroke = !was_click && corners >= 3 && first.distance(draft.pressed_at) < 1.0;
        if is_closed || in_one_stroke {
            if is_closed {
                draft.points.pop();
            }
            self.finish_draft();
        } else if !was_click || draft.before_last().is_some_and(|before| before.distance(at) >= 4.0) {
            let last = draft.surface.local(at);
            draft.points.push(last);
        }
    }

    /// Keeps what was drawn and selects it.
    fn finish_draft(&mut self) {
        let Some(draft) = self.draft.take() else { return };
        let id = AnnotationId((self.new_id)());
        let annotation = self.measured(draft.cell, &draft.surface, id, &draft.kind, &draft.points);
        if self.keep_where_it_lies(draft.cell, annotation) {
            self.selected = Some(id);
        }
    }

    /// Keeps what was drawn when some of it lies on the image; says so when nothing does.
    fn keep_where_it_lies(&mut self, cell: usize, annotation: Annotation) -> bool {
        let surface = self.surface(cell);
        let local = surface.as_ref().and_then(|s| Some((s, self.points_on(cell, s, &annotation.place)?)));
        if local.is_some_and(|(s, points)| self.is_outside(cell, s, &annotation.kind, &points)) {
            self.notice = Some(self.words.text("lightbox.drawn_outside").to_owned());
            return false;
        }
        self.keep(annotation);
        true
    }

    /// An annotation with its numbers, as of now.
    pub(crate) fn measured(
        &self,
        cell: usize,
        surface: &Surface,
        id: AnnotationId,
        kind: &AnnotationKind,
        points: &[DVec2],
    ) -> Annotation {
        let source = self.source(cell);
        let (source, unit) = match &source {
            Some((source, unit)) => (Some(source), *unit),
            None => (None, ""),
        };
        let measured = measure(kind, points, surface, source, unit);
        Annotation {
            id,
            study: self.study_uid_of(cell).clone(),
            kind: kind.clone(),
            place: surface.place(points),
            measured: self.with_quantities(cell, kind, points, surface, measured),
            changed_at: self.now,
        }
    }

    fn move_crosshair(&mut self, cell: usize, at: Pos2) {
        let patient = self.surface(cell).and_then(|surface| surface.patient(surface.local(at)));
        if let Some(patient_mm) = patient {
            self.point_at(cell, patient_mm);
        }
    }
}

pub(crate) fn dvec(v: egui::Vec2) -> DVec2 {
    DVec2::new(f64::from(v.x), f64::from(v.y))
}

/// Magnifies a cell so that what is under `anchor` stays there.
pub(crate) fn zoom_about(cell: &mut crate::Cell, anchor: Pos2, factor: f64) {
    let next = (cell.zoom * factor).clamp(0.05, 80.0);
    let factor = next / cell.zoom;
    let from_center = dvec(anchor - cell.middle());
    let offset = from_center - cell.pan * cell.zoom;
    cell.pan = (from_center - offset * factor) / next;
    cell.zoom = next;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handles_of_a_small_cell_keep_off_the_lines_of_text_and_those_of_a_large_one_stay() {
        let cross = |side: f32| Crosshair {
            middle: egui::pos2(side / 2.0, side / 2.0),
            lines: [(Plane::Axial, egui::Vec2::X), (Plane::Coronal, egui::Vec2::Y)],
            radius: side / 2.0 * TURN_HANDLE,
            room: Rect::from_min_max(egui::pos2(8.0, TEXTS), egui::pos2(side - 8.0, side - TEXTS)),
        };
        assert!(cross(200.0).handle(-egui::Vec2::Y).y >= TEXTS);
        assert!(cross(200.0).handle(egui::Vec2::X).x > 170.0, "there is no text at the sides");
        let large = cross(900.0);
        assert_eq!(large.handle(-egui::Vec2::Y).y, 450.0 - large.radius);
        assert!(
            (cross(70.0).handle(-egui::Vec2::Y).y - (35.0 - LEAST_ARM)).abs() < 1e-3,
            "off its own middle"
        );
    }
}
