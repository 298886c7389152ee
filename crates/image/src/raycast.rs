//! A volume seen from a camera: shaded compositing and maximum intensity.
//!
//! CPU twin of `shaders/volume.wgsl`, without its leaps over empty bricks, which must not change the picture.

use std::sync::Arc;

use glam::{DVec3, Vec2, Vec3};

use crate::Volume;
use crate::camera::Camera;
use crate::plane::trilinear;
use crate::solids::SolidsDraw;
use crate::transfer::{Shading, TransferFunction};
use crate::transfer_table::TransferTable;
use crate::voi::Window;

/// Part of the volume that is shown, in shares of its length along x, y and z (voxel axes).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CropBox {
    /// Lower ends, `0.0..=1.0`.
    pub min: [f32; 3],
    /// Upper ends, `0.0..=1.0`.
    pub max: [f32; 3],
}

impl CropBox {
    /// Everything.
    pub const WHOLE: CropBox = CropBox { min: [0.0; 3], max: [1.0; 3] };
}

/// How the values along a ray become a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum VolumeMode {
    /// Shaded, front to back.
    Composite {
        /// Which values are seen, how.
        transfer: Arc<TransferFunction>,
        /// Light.
        shading: Shading,
    },
    /// Largest value along the ray through a window.
    Mip {
        /// Modality value → display value.
        window: Window,
        /// White where values are low.
        invert: bool,
    },
}

/// Everything that decides how a volume looks; equal descriptions give equal pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeDraw {
    /// From where.
    pub camera: Camera,
    /// What becomes of the values along a ray.
    pub mode: VolumeMode,
    /// Part that is shown.
    pub crop: CropBox,
    /// Distance of samples along a ray; held to the smallest voxel spacing at most.
    pub step_mm: f64,
    /// Behind the volume; red, green, blue.
    pub background: [u8; 3],
    /// Share of the target's resolution that is computed, `0.1..=1.0`; below 1 while dragging.
    pub quality: f32,
    /// Surfaces of segments in a composite; a MIP has none.
    pub solids: Option<SolidsDraw>,
}

impl VolumeDraw {
    /// The whole volume on black at full quality.
    pub fn new(camera: Camera, mode: VolumeMode, step_mm: f64) -> Self {
        Self { camera, mode, crop: CropBox::WHOLE, step_mm, background: [0; 3], quality: 1.0, solids: None }
    }

    /// A look by its preset name's content: composite or MIP as the preset says, with a step of 0.7 of the
    /// smallest spacing: with the integrated table finer steps are not seen.
    pub fn preset(camera: Camera, preset: &crate::Preset, volume: &Volume) -> Self {
        let transfer = preset.transfer_function(volume);
        let mode = match preset.mode {
            crate::transfer::PresetMode::Composite => {
                VolumeMode::Composite { transfer: Arc::new(transfer), shading: preset.shading }
            }
            crate::transfer::PresetMode::Mip => {
                let [low, high] = transfer.range().map(f64::from);
                VolumeMode::Mip { window: Window::spanning(low, high), invert: false }
            }
        };
        Self::new(camera, mode, volume.spacing_mm.min_element() * 0.7)
    }

    /// [`Self::step_mm`] within what the algorithm covers.
    pub fn step_within(&self, spacing_mm: DVec3) -> f64 {
        let longest = spacing_mm.min_element();
        self.step_mm.clamp(longest * 0.1, longest)
    }
}

/// A camera in texture coordinates of a volume (0 to 1 from the first voxel's outer face to the last one's).
#[derive(Clone, Copy, Debug)]
pub struct Rays {
    /// Of the target's corner on the plane through the focus.
    pub corner: Vec3,
    /// In a target pixel to the right.
    pub right: Vec3,
    /// In a target pixel down.
    pub down: Vec3,
    /// In a millimetre away from the eye.
    pub forward: Vec3,
    /// Gradient over voxels (x, y, z) → gradient in screen axes (right, down, forward).
    pub screen_from_gradient: [Vec3; 3],
}

impl Rays {
    /// For a target of `size_px` (width, height).
    pub fn new(
        patient_from_voxel: glam::DMat4,
        dims: [usize; 3],
        camera: &Camera,
        size_px: [f64; 2],
    ) -> Self {
        let voxel_from_patient = patient_from_voxel.inverse();
        let size = DVec3::from_array(dims.map(|n| n as f64));
        let along = |v: DVec3| (voxel_from_patient.transform_vector3(v) / size).as_vec3();
        let to_corner = camera.right * (size_px[0] / 2.0) + camera.down * (size_px[1] / 2.0);
        let corner_mm = camera.focus_mm - to_corner * camera.mm_per_px;
        let corner = (voxel_from_patient.transform_point3(corner_mm) + 0.5) / size;
        let screen = [camera.right, camera.down, camera.forward()];
        let rows = [0, 1, 2].map(|i| voxel_from_patient.row(i).truncate());
        Self {
            corner: corner.as_vec3(),
            right: along(camera.right * camera.mm_per_px),
            down: along(camera.down * camera.mm_per_px),
            forward: along(camera.forward()),
            screen_from_gradient: rows.map(|row| Vec3::from_array(screen.map(|axis| axis.dot(row) as f32))),
        }
    }
}

/// Share of a step by which rays are moved against each other, against banding.
pub const JITTER: f32 = 0.5;

/// Draws a volume: RGBA, rows top to bottom, `size_px` (width, height). `quality` has no effect here.
pub fn draw(volume: &Volume, draw: &VolumeDraw, size_px: [u32; 2]) -> Vec<u8> {
    let caster = Caster::new(volume, draw, size_px);
    let mut rgba = Vec::with_capacity(size_px[0] as usize * size_px[1] as usize * 4);
    for row in 0..size_px[1] {
        for column in 0..size_px[0] {
            let color = caster.pixel(Vec2::new(column as f32 + 0.5, row as f32 + 0.5));
            rgba.extend(color.to_array().map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8));
            rgba.push(255);
        }
    }
    rgba
}

struct Caster<'a> {
    volume: &'a Volume,
    draw: &'a VolumeDraw,
    rays: Rays,
    dims: Vec3,
    center_px: Vec2,
    step_mm: f32,
    table: Option<TransferTable>,
}

struct Ray {
    start: Vec3,
    step: Vec3,
    count: i32,
}

impl<'a> Caster<'a> {
    fn new(volume: &'a Volume, draw: &'a VolumeDraw, size_px: [u32; 2]) -> Self {
        let dims = [volume.dims[0], volume.dims[1], volume.dims[2]];
        let step_mm = draw.step_within(volume.spacing_mm);
        let size = size_px.map(f64::from);
        let table = match &draw.mode {
            VolumeMode::Composite { transfer, .. } => Some(TransferTable::new(transfer, step_mm as f32)),
            VolumeMode::Mip { .. } => None,
        };
        Self {
            volume,
            draw,
            rays: Rays::new(volume.patient_from_voxel, dims, &draw.camera, size),
            dims: Vec3::from_array(dims.map(|n| n as f32)),
            center_px: Vec2::new(size[0] as f32, size[1] as f32) / 2.0,
            step_mm: step_mm as f32,
            table,
        }
    }

    fn pixel(&self, position: Vec2) -> Vec3 {
        let ray = self.ray(position);
        match (&self.draw.mode, &self.table) {
            (VolumeMode::Composite { shading, .. }, Some(table)) => self.composite(&ray, table, *shading),
            (VolumeMode::Mip { window, invert }, _) => self.mip(&ray, *window, *invert),
            (VolumeMode::Composite { .. }, None) => self.background(),
        }
    }

    fn background(&self) -> Vec3 {
        Vec3::from_array(self.draw.background.map(|c| f32::from(c) / 255.0))
    }

    fn ray(&self, position: Vec2) -> Ray {
        let rays = &self.rays;
        let on_plane = rays.corner + rays.right * position.x + rays.down * position.y;
        let (mut direction, mut nearest_mm) = (rays.forward, -1e30f32);
        if let Some(eye_mm) = self.draw.camera.eye_distance_mm.map(|mm| mm as f32) {
            let offset_px = position - self.center_px;
            let offset_mm = offset_px * self.draw.camera.mm_per_px as f32;
            let length_mm = (offset_mm.length_squared() + eye_mm * eye_mm).sqrt();
            let toward = rays.forward * eye_mm + rays.right * offset_px.x + rays.down * offset_px.y;
            (direction, nearest_mm) = (toward / length_mm, -length_mm);
        }
        let direction = Vec3::select(direction.abs().cmplt(Vec3::splat(1e-9)), Vec3::splat(1e-9), direction);
        let a = (Vec3::from_array(self.draw.crop.min) - on_plane) / direction;
        let b = (Vec3::from_array(self.draw.crop.max) - on_plane) / direction;
        let from_mm = a.min(b).max_element().max(nearest_mm);
        let to_mm = a.max(b).min_element();
        let first_mm = from_mm + self.step_mm * JITTER * noise(position.floor());
        Ray {
            start: on_plane + direction * first_mm,
            step: direction * self.step_mm,
            count: ((to_mm - first_mm) / self.step_mm).floor().clamp(-1.0, 20_000.0) as i32,
        }
    }

    fn value(&self, uvw: Vec3) -> f32 {
        trilinear(self.volume, uvw * self.dims - 0.5)
    }

    fn composite(&self, ray: &Ray, table: &TransferTable, shading: Shading) -> Vec3 {
        let (mut color, mut opacity) = (Vec3::ZERO, 0.0f32);
        let solids = self.draw.solids.as_ref();
        let volume_share = solids.map_or(1.0, |s| s.look.volume_share);
        let mut inside = 0;
        for i in 0..ray.count {
            let uvw = ray.start + ray.step * i as f32;
            if let Some(solids) = solids {
                if let Some([r, g, b, a]) = self.surface(solids, uvw, &mut inside) {
                    let slope = solids.solids.slope_of(inside, uvw) * solids.solids.size() / self.dims;
                    let [surface, highlight] = self.lit(slope, shading);
                    color += (1.0 - opacity) * a * (Vec3::new(r, g, b) * surface + highlight);
                    opacity += (1.0 - opacity) * a;
                    if opacity > 0.99 {
                        break;
                    }
                }
            }
            let seen = table.at(self.value(uvw), self.value(uvw + ray.step)).map(|c| c * volume_share);
            if seen[3] < 0.002 {
                continue;
            }
            let [surface, highlight] = self.light(uvw + ray.step * 0.5, shading);
            let lit = Vec3::new(seen[0], seen[1], seen[2]) * surface + seen[3] * highlight;
            color += (1.0 - opacity) * lit;
            opacity += (1.0 - opacity) * seen[3];
            if opacity > 0.99 {
                break;
            }
        }
        color + (1.0 - opacity) * self.background()
    }

    /// The colour of the surface that a ray enters at a place; `inside` is the label whose inside it is in.
    fn surface(&self, solids: &SolidsDraw, uvw: Vec3, inside: &mut u8) -> Option<[f32; 4]> {
        let label = solids.solids.label_at(uvw);
        if label == *inside {
            return None;
        }
        let color = solids.look.color(label);
        if color[3] == 0.0 {
            *inside = label;
            return None;
        }
        (solids.solids.share_of(label, uvw) >= 0.5).then(|| {
            *inside = label;
            color
        })
    }

    fn light(&self, uvw: Vec3, shading: Shading) -> [f32; 2] {
        let d = 1.0 / self.dims;
        let along = |axis: Vec3| self.value(uvw + axis * d) - self.value(uvw - axis * d);
        self.lit(Vec3::new(along(Vec3::X), along(Vec3::Y), along(Vec3::Z)), shading)
    }

    /// (light on the surface, highlight) of a gradient over voxels.
    fn lit(&self, gradient: Vec3, shading: Shading) -> [f32; 2] {
        let [x, y, z] = self.rays.screen_from_gradient;
        let normal = x * gradient.x + y * gradient.y + z * gradient.z;
        let size = normal.length();
        if size < 1e-9 {
            return [shading.ambient + shading.diffuse, 0.0];
        }
        let facing = normal * (normal.z + 1e-20).signum() / size;
        let to_light = Vec3::new(0.1961, 0.2942, 0.9354);
        let half_way = (to_light + Vec3::Z).normalize();
        let highlight = facing.dot(half_way).max(0.0).powf(shading.shininess);
        [shading.ambient + shading.diffuse * facing.dot(to_light).max(0.0), shading.specular * highlight]
    }

    fn mip(&self, ray: &Ray, window: Window, invert: bool) -> Vec3 {
        if ray.count < 0 {
            return self.background();
        }
        let values = (0..=ray.count).map(|i| self.value(ray.start + ray.step * i as f32));
        let y = window.apply(f64::from(values.fold(f32::NEG_INFINITY, f32::max))) as f32;
        Vec3::splat(if invert { 1.0 - y } else { y })
    }
}

/// Interleaved gradient noise (Jimenez 2014).
fn noise(px: Vec2) -> f32 {
    (52.982_918 * px.dot(Vec2::new(0.067_110_56, 0.005_837_15)).fract()).fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Preset, phantom};
    use medsight_base::Plane;

    #[test]
    fn the_ball_on_the_patients_left_is_on_the_right_of_a_front_view() {
        let volume = phantom::head([32, 32, 32], 6.0);
        let camera = Camera::facing(Plane::Coronal, volume.bounds_mm(), [64, 64]);
        let mode = VolumeMode::Mip { window: Window::spanning(300.0, 1000.0), invert: false };
        let mut look = VolumeDraw::new(camera, mode, 3.0);
        // Only the inner part, so that the skull does not hide the ball.
        look.crop = CropBox { min: [0.25, 0.35, 0.4], max: [0.8, 0.65, 0.7] };
        let shown = draw(&volume, &look, [64, 64]);
        let weight = |left_half: bool| -> u32 {
            let lit = shown.chunks(4).enumerate().filter(|(i, _)| (i % 64 < 32) == left_half);
            lit.map(|(_, p)| u32::from(p[0])).sum()
        };
        assert!(weight(false) > 3 * weight(true), "{} {}", weight(true), weight(false));
    }

    #[test]
    fn half_the_step_gives_the_same_picture_as_opacity_is_that_of_a_millimetre() {
        let volume = phantom::head([32, 32, 32], 6.0);
        let camera = Camera::facing(Plane::Coronal, volume.bounds_mm(), [24, 24]);
        let bone = Preset::named("ct_bone").unwrap();
        let coarse = VolumeDraw { step_mm: 2.0, ..VolumeDraw::preset(camera, &bone, &volume) };
        let fine = VolumeDraw { step_mm: 1.0, ..coarse.clone() };
        let (a, b) = (draw(&volume, &coarse, [24, 24]), draw(&volume, &fine, [24, 24]));
        let difference: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        assert!(difference / (a.len() as f64) < 3.0, "{}", difference / a.len() as f64);
    }
}
