//! Where a volume is looked at from.
//!
//! Orthographic, or with mild perspective. Patient coordinates, millimetres; screen right and down are unit
//! vectors, so that a camera is a plane of pixels with a direction.

use glam::{DQuat, DVec3};
use medsight_base::Plane;

/// A view on a point of the patient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// Shown in the middle of the target.
    pub focus_mm: DVec3,
    /// Screen right, unit vector.
    pub right: DVec3,
    /// Screen down, unit vector, perpendicular to `right`.
    pub down: DVec3,
    /// Millimetres in a target pixel, at the focus.
    pub mm_per_px: f64,
    /// Distance from the eye to the focus; `None` is orthographic, where lengths can be compared.
    pub eye_distance_mm: Option<f64>,
}

impl Camera {
    /// Looks along a standard plane's normal so that the box `bounds_mm` fits a target of `size_px` from
    /// the front, the side and above.
    pub fn facing(plane: Plane, bounds_mm: (DVec3, DVec3), size_px: [u32; 2]) -> Self {
        let (right, down) = plane.screen_axes();
        let longest_edge = (bounds_mm.1 - bounds_mm.0).max_element().max(1.0);
        let pixels = f64::from(size_px[0].min(size_px[1]).max(1));
        Self {
            focus_mm: (bounds_mm.0 + bounds_mm.1) / 2.0,
            right,
            down,
            mm_per_px: longest_edge * 1.05 / pixels,
            eye_distance_mm: None,
        }
    }

    /// Viewing direction, away from the eye.
    pub fn forward(&self) -> DVec3 {
        self.right.cross(self.down)
    }

    /// Turned as a hand turns a ball: the front follows the pointer by `right_rad` and `down_rad`.
    #[must_use]
    pub fn turned(&self, right_rad: f64, down_rad: f64) -> Self {
        let turn =
            DQuat::from_axis_angle(self.down, right_rad) * DQuat::from_axis_angle(self.right, -down_rad);
        self.rotated(turn)
    }

    /// Turned about an axis of the patient, as the turntable of a film does.
    #[must_use]
    pub fn turned_about(&self, axis: DVec3, angle_rad: f64) -> Self {
        self.rotated(DQuat::from_axis_angle(axis.normalize_or(DVec3::Z), angle_rad))
    }

    /// The picture turned clockwise on the screen.
    #[must_use]
    pub fn rolled(&self, clockwise_rad: f64) -> Self {
        self.rotated(DQuat::from_axis_angle(self.forward(), -clockwise_rad))
    }

    /// The picture moved by target pixels.
    #[must_use]
    pub fn panned(&self, right_px: f64, down_px: f64) -> Self {
        let by_mm = (self.right * right_px + self.down * down_px) * self.mm_per_px;
        Self { focus_mm: self.focus_mm - by_mm, ..*self }
    }

    /// The picture made `factor` times as large.
    #[must_use]
    pub fn zoomed(&self, factor: f64) -> Self {
        Self { mm_per_px: self.mm_per_px / factor, ..*self }
    }

    fn rotated(&self, turn: DQuat) -> Self {
        // Made perpendicular again, so that thousands of small turns do not bend the axes.
        let right = (turn * self.right).normalize();
        let down = turn * self.down;
        Self { right, down: (down - right * down.dot(right)).normalize(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front() -> Camera {
        Camera::facing(Plane::Coronal, (DVec3::splat(-100.0), DVec3::splat(100.0)), [512, 512])
    }

    #[test]
    fn the_first_view_looks_at_the_patients_face_with_the_head_up() {
        let camera = front();
        assert_eq!(camera.forward(), DVec3::Y);
        assert_eq!(-camera.down, DVec3::Z);
        assert_eq!(camera.right, DVec3::X);
    }

    #[test]
    fn dragging_to_the_right_brings_the_patients_right_side_to_the_front() {
        // The patient's right is on the left of the screen; the near side moves with the pointer.
        let turned = front().turned(std::f64::consts::FRAC_PI_2, 0.0);
        assert!((turned.forward() - DVec3::X).length() < 1e-9, "{}", turned.forward());
    }

    #[test]
    fn dragging_down_shows_the_top_of_the_head() {
        let turned = front().turned(0.0, std::f64::consts::FRAC_PI_2);
        assert!((turned.forward() - DVec3::NEG_Z).length() < 1e-9, "{}", turned.forward());
    }

    #[test]
    fn a_thousand_turns_leave_the_axes_perpendicular() {
        let mut camera = front();
        for i in 0..1000 {
            camera = camera.turned(0.013 * f64::from(i % 7), 0.021);
        }
        assert!(camera.right.dot(camera.down).abs() < 1e-12);
        assert!((camera.forward().length() - 1.0).abs() < 1e-12);
    }
}
