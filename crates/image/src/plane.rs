//! A plane or slab through a volume: multiplanar reconstruction and its projections.
//!
//! CPU twin of `shaders/plane.wgsl`: exact trilinear interpolation of modality values, then the window.
//! Target coordinates: (0, 0) is the corner of the first target pixel, its centre is (0.5, 0.5).

use glam::{DVec3, Vec3};
use medsight_base::Plane;
use serde::{Deserialize, Serialize};

use crate::Volume;
use crate::present::Interpolation;
use crate::voi::Window;

/// What a slab shows of the values along its thickness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// Maximum intensity.
    #[default]
    Mip,
    /// Minimum intensity.
    MinIp,
    /// Mean of the values.
    Mean,
}

/// Everything that decides how a plane looks; equal descriptions give equal pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaneDraw {
    /// Patient position of the target's corner (0, 0).
    pub origin_mm: DVec3,
    /// Patient step from a target pixel to the one on its right.
    pub right_mm_per_px: DVec3,
    /// Patient step from a target pixel to the one below.
    pub down_mm_per_px: DVec3,
    /// Thickness, centred on the plane; 0 is a plane.
    pub slab_mm: f64,
    /// Of the values along the thickness.
    pub projection: Projection,
    /// Modality value → display value.
    pub window: Window,
    /// White where values are low.
    pub invert: bool,
    /// Between voxel centres.
    pub interpolation: Interpolation,
    /// Shown outside the volume; red, green, blue.
    pub background: [u8; 3],
    /// Share of the target's resolution that is computed, `0.1..=1.0`; below 1 while dragging.
    pub quality: f32,
}

impl PlaneDraw {
    /// A standard plane with `center_mm` in the middle of a target of `size_px`.
    pub fn standard(
        plane: Plane,
        center_mm: DVec3,
        mm_per_px: f64,
        size_px: [u32; 2],
        window: Window,
    ) -> Self {
        let (right, down) = plane.screen_axes();
        Self::through(center_mm, right, down, mm_per_px, size_px, window)
    }

    /// Any plane: `right` and `down` are unit vectors.
    pub fn through(
        center_mm: DVec3,
        right: DVec3,
        down: DVec3,
        mm_per_px: f64,
        size_px: [u32; 2],
        window: Window,
    ) -> Self {
        let (right, down) = (right * mm_per_px, down * mm_per_px);
        let half = right * (f64::from(size_px[0]) / 2.0) + down * (f64::from(size_px[1]) / 2.0);
        Self {
            origin_mm: center_mm - half,
            right_mm_per_px: right,
            down_mm_per_px: down,
            slab_mm: 0.0,
            projection: Projection::default(),
            window,
            invert: false,
            interpolation: Interpolation::Linear,
            background: [0; 3],
            quality: 1.0,
        }
    }

    /// Patient position of a point of the target.
    pub fn patient_from_target_px(&self, x: f64, y: f64) -> DVec3 {
        self.origin_mm + self.right_mm_per_px * x + self.down_mm_per_px * y
    }

    /// Unit normal: right × down.
    pub fn normal(&self) -> DVec3 {
        self.right_mm_per_px.cross(self.down_mm_per_px).normalize_or_zero()
    }

    /// Samples along the thickness and their distance: at least two in every voxel, 512 at most.
    pub fn slab_samples(&self, spacing_mm: DVec3) -> (u32, f64) {
        if self.slab_mm <= 0.0 {
            return (1, 0.0);
        }
        let wanted = (self.slab_mm / (spacing_mm.min_element() * 0.5)).ceil() + 1.0;
        let count = wanted.clamp(2.0, 512.0);
        (count as u32, self.slab_mm / (count - 1.0))
    }
}

/// The trilinear value at a voxel position; `None` outside the voxels' own volume, which reaches half a voxel
/// over the outermost centres.
pub fn sample(volume: &Volume, voxel: Vec3) -> Option<f32> {
    let size = dims(volume);
    let inside = voxel.cmpge(Vec3::splat(-0.5)).all() && voxel.cmple(size - 0.5).all();
    inside.then(|| trilinear(volume, voxel))
}

/// The trilinear value with positions outside clamped to the outermost centres.
pub fn trilinear(volume: &Volume, voxel: Vec3) -> f32 {
    let voxel = voxel.clamp(Vec3::ZERO, dims(volume) - 1.0);
    let base = voxel.floor();
    let f = voxel - base;
    let low = [base.x as usize, base.y as usize, base.z as usize];
    let high = [0, 1, 2].map(|i| (low[i] + 1).min(volume.dims[i] - 1));
    let first = volume.first_voxel();
    let at = |x: usize, y: usize, z: usize| {
        volume.voxels.value(first + (z * volume.dims[1] + y) * volume.dims[0] + x)
    };
    let lerp = |a: f32, b: f32, t: f32| a + (b - a) * t;
    let row = |y: usize, z: usize| lerp(at(low[0], y, z), at(high[0], y, z), f.x);
    let layer = |z: usize| lerp(row(low[1], z), row(high[1], z), f.y);
    lerp(layer(low[2]), layer(high[2]), f.z)
}

fn dims(volume: &Volume) -> Vec3 {
    Vec3::new(volume.dims[0] as f32, volume.dims[1] as f32, volume.dims[2] as f32)
}

/// The modality value shown at a point of the target; `None` outside the volume.
pub fn value_at(volume: &Volume, draw: &PlaneDraw, x: f64, y: f64) -> Option<f32> {
    let voxel_from_patient = volume.voxel_from_patient();
    let at = voxel_from_patient.transform_point3(draw.patient_from_target_px(x, y)).as_vec3();
    let (count, step_mm) = draw.slab_samples(volume.spacing_mm);
    let step = (voxel_from_patient.transform_vector3(draw.normal()) * step_mm).as_vec3();
    let first = at - step * ((count - 1) as f32 * 0.5);
    let mut values = (0..count).filter_map(|k| {
        let p = first + step * k as f32;
        match draw.interpolation {
            Interpolation::Linear => sample(volume, p),
            Interpolation::Nearest => sample(volume, p).map(|_| trilinear(volume, (p + 0.5).floor())),
        }
    });
    let first = values.next()?;
    Some(match draw.projection {
        Projection::Mip => values.fold(first, f32::max),
        Projection::MinIp => values.fold(first, f32::min),
        Projection::Mean => {
            let (sum, n) = values.fold((first, 1.0), |(sum, n), v| (sum + v, n + 1.0));
            sum / n
        }
    })
}

/// Draws a plane: RGBA, rows top to bottom, `size_px` (width, height). `quality` has no effect here.
pub fn draw(volume: &Volume, draw: &PlaneDraw, size_px: [u32; 2]) -> Vec<u8> {
    let mut rgba = Vec::with_capacity(size_px[0] as usize * size_px[1] as usize * 4);
    for row in 0..size_px[1] {
        for column in 0..size_px[0] {
            let value = value_at(volume, draw, f64::from(column) + 0.5, f64::from(row) + 0.5);
            let [r, g, b] = match value {
                None => draw.background,
                Some(value) => {
                    let y = draw.window.apply(f64::from(value));
                    let y = if draw.invert { 1.0 - y } else { y };
                    [(y * 255.0).round() as u8; 3]
                }
            };
            rgba.extend([r, g, b, 255]);
        }
    }
    rgba
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;

    #[test]
    fn a_coronal_plane_has_the_head_on_top_and_the_patients_left_on_the_right() {
        let volume = phantom::head([32, 32, 32], 6.0);
        let window = Window::spanning(-1000.0, 1500.0);
        let plane = PlaneDraw::standard(Plane::Coronal, volume.center_mm(), 3.0, [64, 64], window);
        let shown = draw(&volume, &plane, [64, 64]);
        let grey = |x: usize, y: usize| i32::from(shown[(y * 64 + x) * 4]);
        // The phantom has its bright ball at the left and its dark ball near the head.
        let [left, _] = phantom::landmarks_mm(&volume);
        let offset = left - volume.center_mm();
        let (x, y) = ((32.0 + offset.x / 3.0) as usize, (32.0 - offset.z / 3.0) as usize);
        assert!(x > 32);
        assert!(grey(x, y) > 180, "{}", grey(x, y));
        assert!(grey(64 - x, y) < 160, "{}", grey(64 - x, y));
    }

    #[test]
    fn a_slab_shows_the_largest_the_smallest_or_the_mean_value_of_its_thickness() {
        let volume = phantom::ramp([8, 8, 8]); // value = 10 x + y + 100 z, spacing 1 mm
        let mut plane =
            PlaneDraw::standard(Plane::Axial, volume.center_mm(), 1.0, [8, 8], Window::spanning(0.0, 1.0));
        plane.slab_mm = 4.0;
        let middle = |projection| {
            let plane = PlaneDraw { projection, ..plane.clone() };
            value_at(&volume, &plane, 4.0, 4.0).unwrap()
        };
        assert!((middle(Projection::Mip) - 588.5).abs() < 0.01, "{}", middle(Projection::Mip));
        assert!((middle(Projection::MinIp) - 188.5).abs() < 0.01);
        assert!((middle(Projection::Mean) - 388.5).abs() < 0.01);
    }

    #[test]
    fn outside_the_volume_there_is_no_value() {
        let volume = phantom::ramp([4, 4, 4]);
        assert_eq!(sample(&volume, Vec3::new(-0.6, 0.0, 0.0)), None);
        assert_eq!(sample(&volume, Vec3::new(-0.4, 0.0, 0.0)), Some(0.0));
        assert_eq!(sample(&volume, Vec3::new(1.5, 1.0, 2.0)), Some(216.0));
    }
}
