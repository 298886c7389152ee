//! The three linked planes through a volume: where they cross, how they are turned, how thick they are.

use glam::{DQuat, DVec3};
use medsight_base::Plane;
use medsight_image::{Projection, Volume};

/// Linked planes of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mpr {
    /// Where the planes cross, patient coordinates.
    pub center_mm: DVec3,
    /// Screen axes (right, down) of axial, coronal, sagittal; unit vectors.
    pub axes: [[DVec3; 2]; 3],
    /// Thickness; 0 is a plane.
    pub slab_mm: f64,
    /// What a slab shows.
    pub projection: Projection,
}

fn index(plane: Plane) -> usize {
    match plane {
        Plane::Axial => 0,
        Plane::Coronal => 1,
        Plane::Sagittal => 2,
    }
}

impl Mpr {
    /// Standard planes through the middle of a volume.
    pub fn through(volume: &Volume) -> Self {
        Self {
            center_mm: volume.center_mm(),
            axes: Plane::ALL.map(|plane| {
                let (right, down) = plane.screen_axes();
                [right, down]
            }),
            slab_mm: 0.0,
            projection: Projection::Mip,
        }
    }

    /// Screen axes (right, down) of a plane.
    pub fn axes(&self, plane: Plane) -> [DVec3; 2] {
        self.axes[index(plane)]
    }

    /// Unit normal of a plane: right × down, the direction in which slices are counted.
    pub fn normal(&self, plane: Plane) -> DVec3 {
        let [right, down] = self.axes(plane);
        right.cross(down)
    }

    /// The other two planes turned about the normal of `plane`, so that its picture stays.
    #[must_use]
    pub fn turned_in(&self, plane: Plane, clockwise_rad: f64) -> Self {
        let turn = DQuat::from_axis_angle(self.normal(plane), clockwise_rad);
        let mut next = *self;
        for other in Plane::ALL.into_iter().filter(|p| *p != plane) {
            let [right, down] = self.axes(other);
            let right = (turn * right).normalize();
            let down = turn * down;
            next.axes[index(other)] = [right, (down - right * down.dot(right)).normalize()];
        }
        next
    }

    /// Turned together, by as little as it takes, so that one of the planes has this normal (or its opposite).
    #[must_use]
    pub fn containing_normal(&self, normal: DVec3) -> Self {
        let alike = |plane: Plane| self.normal(plane).dot(normal);
        let nearest = Plane::ALL.into_iter().max_by(|a, b| alike(*a).abs().total_cmp(&alike(*b).abs()));
        let Some(nearest) = nearest.filter(|p| alike(*p).abs() < 0.999) else { return *self };
        let to = if alike(nearest) < 0.0 { -normal } else { normal };
        let turn = DQuat::from_rotation_arc(self.normal(nearest), to.normalize_or(DVec3::Z));
        Self { axes: self.axes.map(|axes| axes.map(|axis| (turn * axis).normalize())), ..*self }
    }

    /// True when a plane is not one of the patient's own.
    pub fn is_oblique(&self, plane: Plane) -> bool {
        self.normal(plane).dot(plane.normal()) < 0.9999
    }

    /// Distance between steps through a plane: the smallest voxel edge along its normal, millimetres.
    pub fn step_mm(&self, plane: Plane, volume: &Volume) -> f64 {
        let n = self.normal(plane);
        let along: f64 = (0..3).map(|i| (volume.axes[i].dot(n) * volume.spacing_mm[i]).abs()).sum();
        along.max(0.05)
    }

    /// How far a plane is through the volume along its normal: (step, number of steps), from 0.
    pub fn steps(&self, plane: Plane, volume: &Volume) -> (i64, i64) {
        let (low, high) = self.extent_mm(plane, volume);
        let step = self.step_mm(plane, volume);
        let at = self.center_mm.dot(self.normal(plane));
        (((at - low) / step).round() as i64, ((high - low) / step).round() as i64 + 1)
    }

    /// Moves a plane along its normal, not out of the volume.
    #[must_use]
    pub fn scrolled(&self, plane: Plane, by_steps: i64, volume: &Volume) -> Self {
        let (at, count) = self.steps(plane, volume);
        let target = (at + by_steps).clamp(0, count - 1);
        let mm = (target - at) as f64 * self.step_mm(plane, volume);
        Self { center_mm: self.center_mm + self.normal(plane) * mm, ..*self }
    }

    /// The crossing at another point, held inside the box of the volume.
    #[must_use]
    pub fn moved_to(&self, patient_mm: DVec3, volume: &Volume) -> Self {
        let (low, high) = volume.bounds_mm();
        Self { center_mm: patient_mm.clamp(low, high), ..*self }
    }

    /// Lowest and highest position of the volume's corners along a plane's normal.
    pub fn extent_mm(&self, plane: Plane, volume: &Volume) -> (f64, f64) {
        extent_along(volume, self.normal(plane))
    }
}

/// Lowest and highest position of a volume's corners along a direction, millimetres.
pub(crate) fn extent_along(volume: &Volume, direction: DVec3) -> (f64, f64) {
    let last = [0, 1, 2].map(|i| volume.dims[i] as f64 - 1.0);
    let corners = (0..8).map(|i| {
        let corner = [0, 1, 2].map(|a| if i >> a & 1 == 1 { last[a] } else { 0.0 });
        volume.patient_from_voxel.transform_point3(DVec3::from_array(corner)).dot(direction)
    });
    corners.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), c| (low.min(c), high.max(c)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::tests::cube;

    #[test]
    fn turning_the_crosshair_in_one_plane_turns_the_other_two_and_leaves_its_own_picture() {
        let mpr = Mpr::through(&cube()).turned_in(Plane::Axial, 0.3);
        assert_eq!(mpr.axes(Plane::Axial), Mpr::through(&cube()).axes(Plane::Axial));
        assert!(mpr.is_oblique(Plane::Coronal) && mpr.is_oblique(Plane::Sagittal));
        let angle = mpr.normal(Plane::Coronal).dot(Plane::Coronal.normal()).acos();
        assert!((angle - 0.3).abs() < 1e-9);
        assert!(mpr.normal(Plane::Coronal).dot(mpr.normal(Plane::Sagittal)).abs() < 1e-9);
    }

    #[test]
    fn scrolling_stops_at_the_ends_of_the_volume() {
        let volume = cube();
        let mpr = Mpr::through(&volume).scrolled(Plane::Axial, 100, &volume);
        let (at, count) = mpr.steps(Plane::Axial, &volume);
        assert_eq!((at, count), (9, 10));
    }
}
