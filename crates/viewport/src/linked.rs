//! Cells that look at one place of the patient: which stacks have their coordinates in common, by their frame of reference or by a
//! registration, and what follows when one of them is scrolled or points somewhere.

use glam::{DMat4, DVec3};
use medsight_record::ViewKind;

use crate::align::Side;
use crate::light_box::LightBox;
use crate::series::SlicePlace;
use crate::stack_key::StackKey;

/// Cosine between normals above which two cells are cut alike enough to be scrolled together.
const ALIKE: f64 = 0.7;

impl LightBox {
    /// From patient coordinates of the stack `from` to those of `to`; `None` where they have nothing in common.
    pub(crate) fn patient_to_from(&self, to: usize, from: usize) -> Option<DMat4> {
        let (to_side, from_side) = (self.side_of(to), self.side_of(from));
        if let (Some(fixed_from_moving), Some(to), Some(from)) = (self.aligned_by(), to_side, from_side) {
            return Some(match (to, from) {
                (Side::Fixed, Side::Moving) => fixed_from_moving,
                (Side::Moving, Side::Fixed) => fixed_from_moving.inverse(),
                _ => DMat4::IDENTITY,
            });
        }
        let (a, b) = (self.series.get(to)?, self.series.get(from)?);
        // Without a frame of reference (0020,0052) only what one study holds is taken to lie in one.
        let in_one = a.frame_of_reference == b.frame_of_reference
            && (!a.frame_of_reference.is_empty() || a.study == b.study);
        in_one.then_some(DMat4::IDENTITY)
    }

    /// Cells that show the same part of the patient are scrolled together from now on, or not.
    pub(crate) fn toggle_link(&mut self) {
        self.is_linked ^= true;
        let key = if self.is_linked { "link.on" } else { "link.off" };
        self.done = Some(self.words.text(key).to_owned());
    }

    /// The other visible cells go to where a cell was scrolled to.
    pub(crate) fn followed(&mut self, cell: usize) {
        if !self.is_linked {
            return;
        }
        let Some(from) = self.cells[cell].series else { return };
        let Some((at_mm, normal)) = self.looked_at(cell) else { return };
        for other in self.visible_cells() {
            let Some(to) = self.cells[other].series.filter(|to| *to != from) else { continue };
            let Some(map) = self.patient_to_from(to, from) else { continue };
            let (at_mm, normal) = (map.transform_point3(at_mm), map.transform_vector3(normal));
            let is_alike = self.looked_at(other).is_some_and(|(_, own)| own.dot(normal).abs() > ALIKE);
            if is_alike {
                self.show_place(other, at_mm, true);
            }
        }
    }

    /// The middle of what a flat cell shows, and its normal.
    pub(crate) fn looked_at(&self, cell: usize) -> Option<(DVec3, DVec3)> {
        match self.cells.get(cell)?.plane() {
            Some(plane) => {
                let planes = self.planes(cell)?;
                Some((planes.center_mm, planes.normal(plane)))
            }
            None => {
                let (place, middle_px) = self.place_of(cell)?;
                Some((place.patient_from_image(middle_px), place.normal()))
            }
        }
    }

    /// Where the image of a stack cell lies, and the middle of it.
    pub(crate) fn place_of(&self, cell: usize) -> Option<(SlicePlace, glam::DVec2)> {
        if self.cells.get(cell)?.view != ViewKind::Stack {
            return None;
        }
        let facts = self.facts(cell)?;
        let middle_px = glam::DVec2::new(facts.size_px[0] as f64, facts.size_px[1] as f64) / 2.0 - 0.5;
        Some((facts.place?, middle_px))
    }

    /// A cell shows a place of its own patient coordinates: the slice nearest to it, or its plane goes there. `along`: no further than
    /// along the normal, so that a crosshair stays where it is in the picture.
    pub(crate) fn show_place(&mut self, cell: usize, at_mm: DVec3, along: bool) {
        if self.cells[cell].view == ViewKind::Stack {
            if let Some(slice) = self.nearest_slice(cell, at_mm) {
                self.cells[cell].slice = slice;
            }
            return;
        }
        let Some(plane) = self.cells[cell].plane() else { return };
        let Some(volume) = self.series_of(cell).and_then(|s| s.volume().cloned()) else { return };
        self.with_mpr(cell, |mpr| {
            let normal = mpr.normal(plane);
            let to = if along { mpr.center_mm + normal * (at_mm - mpr.center_mm).dot(normal) } else { at_mm };
            *mpr = mpr.moved_to(to, &volume);
        });
    }

    /// The slice of a stack that lies nearest to a place, at the time point that is shown.
    fn nearest_slice(&self, cell: usize, at_mm: DVec3) -> Option<usize> {
        let series = self.series_of(cell)?;
        let per_time = (series.slices.len() / series.time_points().max(1)).max(1);
        let first = self.cells[cell].slice / per_time * per_time;
        let distance = |i: usize| {
            let place = series.slices.get(i)?.facts.as_ref()?.place?;
            Some(place.image_from_patient(at_mm).1.abs())
        };
        let near = (first..first + per_time).filter_map(|i| Some((i, distance(i)?)));
        near.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i)
    }

    /// A place that a cell points at is shown in all others that have their coordinates in common with it.
    pub(crate) fn point_at(&mut self, cell: usize, at_mm: DVec3) {
        let Some(from) = self.cells[cell].series else { return };
        self.pointed = Some((StackKey::of(&self.series[from]), at_mm));
        if let Some(volume) = self.series[from].volume().cloned() {
            self.with_mpr(cell, |mpr| *mpr = mpr.moved_to(at_mm, &volume));
        }
        for other in (0..self.cells.len()).filter(|other| *other != cell) {
            let Some(to) = self.cells[other].series else { continue };
            if to == from && self.cells[other].view != ViewKind::Stack {
                continue;
            }
            if let Some(map) = self.patient_to_from(to, from) {
                self.show_place(other, map.transform_point3(at_mm), false);
            }
        }
    }

    /// The place that was pointed at last, in the coordinates of a cell's stack.
    pub(crate) fn pointed_in(&self, cell: usize) -> Option<DVec3> {
        let (stack, at_mm) = self.pointed.as_ref()?;
        let (to, from) = (self.cells.get(cell)?.series?, stack.find(&self.series)?);
        Some(self.patient_to_from(to, from)?.transform_point3(*at_mm))
    }

    /// Where the image of another stack cell lies, in the coordinates of a cell's stack.
    pub(crate) fn place_seen_from(&self, cell: usize, other: usize) -> Option<SlicePlace> {
        let (to, from) = (self.cells.get(cell)?.series?, self.cells.get(other)?.series?);
        let (map, (place, _)) = (self.patient_to_from(to, from)?, self.place_of(other)?);
        Some(SlicePlace {
            origin_mm: map.transform_point3(place.origin_mm),
            right: map.transform_vector3(place.right),
            down: map.transform_vector3(place.down),
            ..place
        })
    }
}
