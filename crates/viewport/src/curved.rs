//! The curved view: a cell that shows the volume along the centre line of a vessel, unrolled. Where it stands in the layout, how it is
//! turned, and the picture that is drawn there. That is made outside, in the background (`medsight_image::curved`); one is made at a time, and
//! the next one is of how things are then. Not here: how a place in it belongs to places on the planes (`places`).

mod places;

use std::sync::Arc;

use egui::{Pos2, Rect, pos2, vec2};
use glam::{DAffine2, DVec2, DVec3};
use medsight_image::centerline::Centerline;
use medsight_image::curved::{CurvedDraw, CurvedImage, CurvedKind};
use medsight_image::{
    Frame, Interpolation, Modality, PlaneDraw, Projection, StackDraw, ToolError, Voi, Volume, Window,
};
use medsight_record::ViewKind;

use crate::cell::Cell;
use crate::job::JobKind;
use crate::light_box::LightBox;
use crate::picture::{Picture, PlanePicture, StackPicture};

/// How the reader looks at it.
#[derive(Debug, Default)]
pub(crate) struct CurvedView {
    /// Not straightened.
    pub(crate) is_stretched: bool,
    /// Turned about the line.
    pub(crate) angle_rad: f64,
    /// What stood in its cell before.
    under: Option<(usize, Box<Cell>)>,
    /// The picture that is there.
    made: Option<Made>,
    /// The one that is being made.
    asked: Option<CurvedAsk>,
    /// Why the one that was asked for is not there.
    refused: Option<(CurvedAsk, ToolError)>,
}

/// A picture along a line.
#[derive(Clone, Debug)]
pub struct CurvedAsk {
    /// Of this volume.
    pub volume: Arc<Volume>,
    /// Along this line.
    pub line: Arc<Centerline>,
    /// How.
    pub draw: CurvedDraw,
}

impl PartialEq for CurvedAsk {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.volume, &other.volume)
            && Arc::ptr_eq(&self.line, &other.line)
            && self.draw == other.draw
    }
}

#[derive(Debug)]
struct Made {
    of: CurvedAsk,
    image: CurvedImage,
    frame: Arc<Frame>,
    /// Length from the first point of the line at which each row crosses it.
    row_mm: Vec<f64>,
    /// Where the row crosses the line.
    line_px: Vec<[f64; 2]>,
}

/// A step of the wheel or of an arrow key.
const TURN_RAD: f64 = 5.0 * std::f64::consts::PI / 180.0;
/// From the line to the sides: bounds, millimetres. As wide as the cell allows between them.
const HALF_WIDTH_MM: [f64; 2] = [15.0, 60.0];
/// Half the smallest edge of a voxel, within these bounds.
const MM_PER_PX: [f64; 2] = [0.1, 1.0];
/// What the picture leaves free at zoom 1, screen points: above and below for lines of text, left for the ruler.
const TEXT_ABOVE: f32 = 42.0;
const TEXT_BELOW: f32 = 58.0;
const RULER: f32 = 50.0;
const EDGE: f32 = 8.0;
/// Edge of the cut across the line: share of the cell, and bounds, screen points.
const SECTION: (f32, f32, f32) = (0.34, 110.0, 240.0);
/// The cut stands below the lines of text in the corner.
const BELOW_TEXT: f32 = 74.0;

impl Cell {
    /// Where the cut across the line stands; `None` where there is no room for it.
    pub(crate) fn section_rect(&self) -> Option<Rect> {
        let edge = (self.rect.size().min_elem() * SECTION.0).clamp(SECTION.1, SECTION.2).round();
        let has_room = self.rect.width() > edge * 2.2 && self.rect.height() > edge + BELOW_TEXT * 1.5;
        let right_top = pos2(self.rect.right() - EDGE, self.rect.top() + BELOW_TEXT);
        has_room.then(|| Rect::from_min_size(right_top - vec2(edge, 0.0), vec2(edge, edge)))
    }

    /// The part of the cell that the curved picture fills at zoom 1.
    pub(crate) fn curved_room(&self) -> Rect {
        let right = self.section_rect().map_or(self.rect.right(), |section| section.left()) - EDGE;
        let min = self.rect.min + vec2(RULER, TEXT_ABOVE);
        let max = pos2(right, self.rect.bottom() - TEXT_BELOW);
        if max.x > min.x && max.y > min.y { Rect::from_min_max(min, max) } else { self.rect }
    }

    /// The screen point that stays where it is while the cell is magnified about its middle.
    pub(crate) fn middle(&self) -> Pos2 {
        if self.view == ViewKind::Curved { self.curved_room().center() } else { self.rect.center() }
    }
}

impl LightBox {
    /// The visible cell with the curved view.
    pub(crate) fn curved_cell(&self) -> Option<usize> {
        self.visible_cells().into_iter().find(|i| self.cells[*i].view == ViewKind::Curved)
    }

    /// Shows the curved view: in place of 3D, in an empty cell, or beside the planes that it opens.
    pub(crate) fn show_curved(&mut self) {
        let Some((series, _)) = self.vessel_line() else { return };
        if self.curved_cell().is_some_and(|cell| self.cells[cell].series == Some(series)) {
            return;
        }
        self.maximised = false;
        let of_series = |b: &Self, i: &usize| b.cells[*i].series == Some(series);
        let room = |b: &Self| {
            let visible = b.visible_cells();
            let is_3d = |i: &usize| b.cells[*i].view == ViewKind::Volume3d && of_series(b, i);
            let is_curved = |i: &usize| b.cells[*i].view == ViewKind::Curved;
            let first = |is: &dyn Fn(&usize) -> bool| visible.iter().copied().find(is);
            first(&is_curved).or_else(|| first(&is_3d)).or_else(|| first(&|i| b.cells[*i].series.is_none()))
        };
        let has_planes =
            self.visible_cells().iter().any(|i| of_series(self, i) && self.cells[*i].plane().is_some());
        if room(self).is_none() && !has_planes && self.before_mpr.is_none() {
            if let Some(cell) = self.visible_cells().into_iter().find(|i| of_series(self, i)) {
                self.active = cell;
                self.toggle_mpr();
            }
        }
        let others = self.visible_cells().into_iter().rev();
        let cell = room(self).or_else(|| others.clone().find(|i| *i != self.active));
        let Some(cell) = cell.or_else(|| others.clone().next()) else { return };
        let like =
            self.visible_cells().into_iter().find(|i| of_series(self, i) && self.cells[*i].plane().is_some());
        let (window, invert) = like.map_or((None, false), |i| (self.cells[i].window, self.cells[i].invert));
        let old = &mut self.cells[cell];
        let shown = Cell {
            series: Some(series),
            view: ViewKind::Curved,
            window,
            invert,
            rect: old.rect,
            ..Cell::default()
        };
        let under = std::mem::replace(old, shown);
        if under.view != ViewKind::Curved {
            self.curved.under = Some((cell, Box::new(under)));
        }
    }

    /// What stood there before stands there again.
    pub(crate) fn hide_curved(&mut self) {
        let mut under = self.curved.under.take();
        for (index, cell) in self.cells.iter_mut().enumerate().filter(|(_, c)| c.view == ViewKind::Curved) {
            let rect = cell.rect;
            *cell = match under.take_if(|(of, _)| *of == index) {
                Some((_, old)) => Cell { rect, ..*old },
                None => Cell { view: ViewKind::Stack, ..cell.clone() },
            };
        }
        for cell in self.before_mpr.iter_mut().flat_map(|before| before.1.iter_mut()) {
            if cell.view == ViewKind::Curved {
                cell.view = ViewKind::Stack;
            }
        }
        self.curved.made = None;
        self.curved.refused = None;
    }

    /// The curved view; where it is shown, its other kind.
    pub(crate) fn next_curved(&mut self) {
        if self.vessel_line().is_none() {
            let key = crate::ui::command_key(self, "tool.vessel");
            self.notice = Some(self.words.fill("vessel.none", &[("key", &key)]));
        } else if self.curved_cell().is_some() {
            self.curved.is_stretched ^= true;
        } else {
            self.show_curved();
        }
    }

    /// Turns it about the line.
    pub(crate) fn turn_curved(&mut self, steps: i64) {
        self.curved.angle_rad = turned(self.curved.angle_rad + steps as f64 * TURN_RAD);
    }

    /// Degrees about the line.
    pub(crate) fn curved_degrees(&self) -> f64 {
        self.curved.angle_rad.to_degrees().round()
    }

    /// The picture that is to be made now, once; none while one is being made.
    pub fn curved_to_make(&mut self) -> Option<CurvedAsk> {
        if self.curved.asked.is_some() {
            return None;
        }
        let ask = self.curved_wanted()?;
        let is_there = self.curved.made.as_ref().is_some_and(|made| made.of == ask)
            || self.curved.refused.as_ref().is_some_and(|(of, _)| *of == ask);
        if is_there {
            return None;
        }
        self.curved.asked = Some(ask.clone());
        Some(ask)
    }

    /// A picture, or why there is none.
    pub fn put_curved(&mut self, of: CurvedAsk, made: Result<CurvedImage, ToolError>) {
        self.curved.asked = None;
        match made {
            Ok(image) => {
                self.curved.refused = None;
                let line_px = image.line_px();
                let row_mm = rows_along(&of, &image, &line_px);
                let frame = Arc::new(image.frame.clone());
                self.curved.made = Some(Made { of, image, frame, row_mm, line_px });
            }
            Err(error) => self.curved.refused = Some((of, error)),
        }
    }

    /// Who made pictures is gone: they are asked for again.
    pub fn forget_curved(&mut self) {
        self.curved.asked = None;
    }

    /// Why there is no picture.
    pub(crate) fn curved_refused(&self) -> Option<String> {
        self.curved.refused.as_ref().map(|(_, error)| self.fault(JobKind::CenterLine, error))
    }

    /// Some picture of the line that is shown is there.
    fn curved_made(&self) -> Option<&Made> {
        let (_, line) = self.vessel_line()?;
        self.curved.made.as_ref().filter(|made| Arc::ptr_eq(&made.of.line, line))
    }

    /// A picture of the line is there, and how it is made.
    pub(crate) fn has_curved(&self) -> bool {
        self.curved_made().is_some()
    }

    fn curved_wanted(&self) -> Option<CurvedAsk> {
        let cell = self.curved_cell()?;
        let (series, line) = self.vessel_line()?;
        let series = &self.series[series];
        let (volume, planes) = (series.volume()?, series.planes?);
        let room = self.cells[cell].curved_room();
        let length_mm = line.length_mm();
        let finest_mm = volume.spacing_mm.min_element();
        let mm_per_px = (finest_mm * 0.5).clamp(MM_PER_PX[0], MM_PER_PX[1]).max(length_mm / 4000.0);
        let widest_mm = line.radius_mm.iter().copied().fold(0.0, f64::max);
        let by_cell = length_mm * f64::from(room.width() / room.height().max(1.0)) * 0.5;
        let least = HALF_WIDTH_MM[0].max((widest_mm * 3.0).min(HALF_WIDTH_MM[1]));
        // In steps, so that a cell that is made a little wider does not ask for another picture.
        let half_width_mm = (by_cell.clamp(least, HALF_WIDTH_MM[1]) / 5.0).floor() * 5.0;
        let kind = if self.curved.is_stretched {
            CurvedKind::Stretched { across: across(&line.points_mm, self.curved.angle_rad) }
        } else {
            CurvedKind::Straightened { angle_rad: self.curved.angle_rad }
        };
        let draw = CurvedDraw {
            kind,
            half_width_mm,
            mm_per_px,
            slab_mm: planes.slab_mm,
            projection: planes.projection,
            outside: volume.min_max[0],
        };
        Some(CurvedAsk { volume: volume.clone(), line: line.clone(), draw })
    }

    /// What the texture of the cell shows.
    pub(crate) fn curved_picture(&self, index: usize, pixels_per_point: f32) -> Picture {
        let (Some(made), Some(px_from_screen)) = (self.curved_made(), self.curved_px_from_screen(index))
        else {
            return Picture::None;
        };
        let cell = &self.cells[index];
        let draw = StackDraw {
            image_px_from_target_px: DAffine2::from_translation(DVec2::splat(-0.5))
                * px_from_screen
                * DAffine2::from_translation(dvec(cell.rect.min))
                * DAffine2::from_scale(DVec2::splat(1.0 / f64::from(pixels_per_point))),
            modality: Modality::IDENTITY,
            voi: Voi::Window(self.window(index).unwrap_or_else(|| Window::spanning(0.0, 1.0))),
            invert: cell.invert,
            palette: None,
            interpolation: Interpolation::Linear,
            padding: None,
            background: [0; 3],
        };
        Picture::Stack(StackPicture { frame: made.frame.clone(), draw })
    }

    /// The cut across the line: cell, place on the screen, picture.
    pub fn section_picture(&self, pixels_per_point: f32) -> Option<(usize, Rect, Picture)> {
        let (cell, rect) = crate::ui::section_rect(self)?;
        let series = self.series_of(cell)?;
        let at_mm = self.curved_at_mm()?;
        let [middle, right, down] = self.section_at(at_mm)?;
        let mm_per_px = self.section_mm(at_mm)? / (f64::from(rect.width()) * f64::from(pixels_per_point));
        let half_px = f64::from(rect.width()) * f64::from(pixels_per_point) / 2.0;
        let draw = PlaneDraw {
            origin_mm: middle - (right + down) * (half_px * mm_per_px),
            right_mm_per_px: right * mm_per_px,
            down_mm_per_px: down * mm_per_px,
            slab_mm: 0.0,
            projection: Projection::Mip,
            window: self.window(cell).unwrap_or_else(|| Window::spanning(0.0, 1.0)),
            invert: self.cells[cell].invert,
            interpolation: Interpolation::Linear,
            background: [0; 3],
            quality: 1.0,
        };
        Some((cell, rect, Picture::Plane(PlanePicture { volume: series.volume()?.clone(), draw })))
    }
}

fn dvec(p: Pos2) -> DVec2 {
    DVec2::new(f64::from(p.x), f64::from(p.y))
}

/// An angle from 0 to a whole turn.
fn turned(angle_rad: f64) -> f64 {
    angle_rad.rem_euclid(std::f64::consts::TAU)
}

/// The direction of the rows of a stretched picture: at right angles to the way from the first to the last point, turned about that way
/// from the one nearest to the patient's left.
fn across(line_mm: &[DVec3], angle_rad: f64) -> DVec3 {
    let way = match line_mm {
        [first, .., last] => (*last - *first).normalize_or(DVec3::Z),
        _ => DVec3::Z,
    };
    let start = DVec3::X.reject_from_normalized(way).normalize_or(way.any_orthonormal_vector());
    (start * angle_rad.cos() + way.cross(start) * angle_rad.sin()).normalize_or(start)
}

/// The length at which each row crosses the line. Rows of a stretched picture follow the line in steps of their own, so that each is looked for
/// from where the one before was.
fn rows_along(of: &CurvedAsk, image: &CurvedImage, line_px: &[[f64; 2]]) -> Vec<f64> {
    if matches!(of.draw.kind, CurvedKind::Straightened { .. }) {
        return line_px.iter().map(|[_, y]| y * image.mm_per_px).collect();
    }
    let line = &of.line;
    let points = &line.points_mm;
    let mut at = 0;
    let row = |[x, y]: &[f64; 2]| {
        let on_line = image.patient_from_px(*x, *y);
        while at + 1 < points.len() && points[at + 1].distance(on_line) <= points[at].distance(on_line) {
            at += 1;
        }
        at as f64 * line.step_mm
    };
    line_px.iter().map(row).collect()
}
