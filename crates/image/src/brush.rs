//! Painting on labels: a stroke of a round brush sets voxels to a label, or takes it off them.
//!
//! Flat, it reaches the slice that it is drawn on and no other; as a ball, all voxels within its radius. Undo is the grid as it was before:
//! slices that were not painted on are shared.

use glam::DVec3;

use crate::label_grid::LabelGrid;

/// How a brush reaches off the plane that it is drawn on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// Voxels that the plane with this unit normal goes through.
    Plane(DVec3),
    /// All around.
    Ball,
}

/// A piece of a stroke: from where the pointer was to where it is, millimetres in the patient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Begin.
    pub from_mm: DVec3,
    /// End.
    pub to_mm: DVec3,
    /// Radius of the brush.
    pub radius_mm: f64,
    /// Off the plane.
    pub reach: Reach,
}

/// What a stroke does to a voxel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// It gets the label.
    Set(u16),
    /// It loses the label, if it has it; other labels stay.
    Clear(u16),
}

impl LabelGrid {
    /// Paints a stroke; true when a voxel changed. A brush thinner than a voxel reaches the one that it is on.
    pub fn paint(&mut self, stroke: &Stroke, paint: Paint) -> bool {
        let patient_from_voxel = self.voxel_from_patient.inverse();
        let edges = [DVec3::X, DVec3::Y, DVec3::Z].map(|axis| patient_from_voxel.transform_vector3(axis));
        let finest_mm = edges.iter().map(|edge| edge.length()).fold(f64::INFINITY, f64::min);
        let radius_mm = stroke.radius_mm.max(finest_mm / 2.0);
        // Half of what a voxel measures along the normal: the slices next to the plane's own are further.
        let half_mm = match stroke.reach {
            Reach::Plane(normal) => edges.iter().map(|edge| edge.dot(normal).abs()).fold(0.0, f64::max) / 2.0,
            Reach::Ball => f64::INFINITY,
        };
        let (low, high) = self.box_around(stroke, radius_mm);
        let [columns, rows, slices] = self.dims;
        let range = |low: f64, high: f64, count: usize| {
            let first = low.floor().max(0.0) as usize;
            first..((high.ceil().max(-1.0) + 1.0) as usize).min(count)
        };
        let mut changed = false;
        for z in 0..slices {
            let place = self.place_of(z);
            if !(low.z..=high.z).contains(&place) {
                continue;
            }
            for y in range(low.y, high.y, rows) {
                for x in range(low.x, high.x, columns) {
                    let voxel = DVec3::new(x as f64, y as f64, place);
                    let at_mm = patient_from_voxel.transform_point3(voxel);
                    if !stroke.reaches(at_mm, radius_mm, half_mm) {
                        continue;
                    }
                    let Some(slice) = self.slice_mut(z) else { continue };
                    let label = &mut slice[y * columns + x];
                    let next = match paint {
                        Paint::Set(to) => to,
                        Paint::Clear(of) if *label == of => 0,
                        Paint::Clear(_) => *label,
                    };
                    changed |= *label != next;
                    *label = next;
                }
            }
        }
        changed
    }

    /// Voxel indices around all that a stroke can reach.
    fn box_around(&self, stroke: &Stroke, radius_mm: f64) -> (DVec3, DVec3) {
        let corners = (0..8).flat_map(|i| {
            let by = [0, 1, 2].map(|axis| if i >> axis & 1 == 1 { radius_mm } else { -radius_mm });
            [stroke.from_mm, stroke.to_mm].map(|end| end + DVec3::from_array(by))
        });
        let voxels = corners.map(|corner| self.voxel_from_patient.transform_point3(corner));
        let nothing = (DVec3::INFINITY, DVec3::NEG_INFINITY);
        let (low, high) = voxels.fold(nothing, |(low, high), v| (low.min(v), high.max(v)));
        (low - 0.5, high + 0.5)
    }
}

impl Stroke {
    fn reaches(&self, at_mm: DVec3, radius_mm: f64, half_mm: f64) -> bool {
        let way = self.to_mm - self.from_mm;
        let from_begin = at_mm - self.from_mm;
        let part = match way.length_squared() {
            0.0 => 0.0,
            squared => (from_begin.dot(way) / squared).clamp(0.0, 1.0),
        };
        let off = from_begin - way * part;
        match self.reach {
            Reach::Ball => off.length() <= radius_mm,
            Reach::Plane(normal) => {
                let above = off.dot(normal);
                (-half_mm..half_mm).contains(&above) && (off - normal * above).length() <= radius_mm
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DMat4;

    /// 20×20×5 voxels of 1×1×3 mm.
    fn grid() -> LabelGrid {
        let voxel_from_patient = DMat4::from_scale(DVec3::new(1.0, 1.0, 1.0 / 3.0));
        LabelGrid::new([20, 20, 5], voxel_from_patient, &[])
    }

    fn dot(radius_mm: f64, reach: Reach) -> Stroke {
        let at = DVec3::new(10.0, 10.0, 6.2);
        Stroke { from_mm: at, to_mm: at, radius_mm, reach }
    }

    fn slices_with(grid: &LabelGrid, label: u16) -> Vec<usize> {
        let of_slice = |z: usize| grid.labels().skip(z * 400).take(400).filter(|l| *l == label).count();
        (0..5).map(of_slice).collect()
    }

    #[test]
    fn a_flat_brush_paints_the_slice_that_is_seen_and_a_ball_its_neighbours_too() {
        let mut flat = grid();
        assert!(flat.paint(&dot(4.0, Reach::Plane(DVec3::Z)), Paint::Set(2)));
        assert_eq!(slices_with(&flat, 2), [0, 0, 49, 0, 0], "a disc of radius 4 has 49 whole points");
        let mut ball = grid();
        ball.paint(&dot(4.0, Reach::Ball), Paint::Set(2));
        let [_, below, middle, above, _] = slices_with(&ball, 2)[..] else { panic!() };
        assert!(middle > above && above > below && below > 0, "{below} {middle} {above}");
    }

    #[test]
    fn a_fast_stroke_leaves_no_gaps() {
        let mut grid = grid();
        let stroke = Stroke { from_mm: DVec3::new(2.0, 10.0, 6.0), ..dot(1.0, Reach::Plane(DVec3::Z)) };
        grid.paint(&stroke, Paint::Set(1));
        let row: Vec<u16> = grid.labels().skip(2 * 400 + 10 * 20).take(20).collect();
        assert_eq!(row, [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn the_eraser_takes_one_label_and_what_was_before_is_still_there_to_go_back_to() {
        let mut painted = grid();
        painted.paint(&dot(4.0, Reach::Plane(DVec3::Z)), Paint::Set(2));
        let before = painted.clone();
        assert!(!painted.paint(&dot(9.0, Reach::Plane(DVec3::Z)), Paint::Clear(3)), "there is no 3");
        assert!(painted.paint(&dot(9.0, Reach::Plane(DVec3::Z)), Paint::Clear(2)));
        assert_eq!((before.counts()[&2], painted.counts().get(&2)), (49, None));
    }
}
