//! What has to be in the texture of a cell. Equal pictures need no new drawing.

use std::sync::Arc;

use glam::{DAffine2, DMat2, DVec2, DVec3};
use medsight_image::{
    Camera, Frame, Interpolation, PlaneDraw, Preset, StackDraw, Voi, VoiFunction, Volume, VolumeDraw,
    VolumeMode, Window, raycast::CropBox, transfer::PresetMode,
};
use medsight_record::ViewKind;

use crate::fresh_labels::FreshSolids;
use crate::light_box::LightBox;
use crate::surface::{Space, Surface};

/// A stored image.
#[derive(Clone, Debug)]
pub struct StackPicture {
    /// The pixels.
    pub frame: Arc<Frame>,
    /// How they look.
    pub draw: StackDraw,
}

/// A plane through a volume.
#[derive(Clone, Debug)]
pub struct PlanePicture {
    /// The volume.
    pub volume: Arc<Volume>,
    /// How it looks.
    pub draw: PlaneDraw,
}

/// A volume in 3D.
#[derive(Clone, Debug)]
pub struct VolumePicture {
    /// The volume.
    pub volume: Arc<Volume>,
    /// How it looks.
    pub draw: VolumeDraw,
    /// Labels in device memory, shown instead of `draw.solids`, which they lie over.
    pub fresh: Option<Box<FreshSolids>>,
}

/// Content of a cell's texture.
#[derive(Clone, Debug)]
pub enum Picture {
    /// Nothing to draw: an empty cell, or pixels that are not there yet.
    None,
    /// A stored image.
    Stack(StackPicture),
    /// A plane.
    Plane(PlanePicture),
    /// 3D.
    Volume(VolumePicture),
}

impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Stack(a), Self::Stack(b)) => Arc::ptr_eq(&a.frame, &b.frame) && a.draw == b.draw,
            (Self::Plane(a), Self::Plane(b)) => Arc::ptr_eq(&a.volume, &b.volume) && a.draw == b.draw,
            (Self::Volume(a), Self::Volume(b)) => {
                Arc::ptr_eq(&a.volume, &b.volume) && a.draw == b.draw && a.fresh == b.fresh
            }
            _ => false,
        }
    }
}

impl LightBox {
    /// What cell `index` shows in a texture of `size_px` at `pixels_per_point`.
    pub fn picture(&self, index: usize, size_px: [u32; 2], pixels_per_point: f32) -> Picture {
        let Some(cell) = self.cells.get(index).filter(|c| c.rect.is_positive()) else { return Picture::None };
        if cell.view == ViewKind::Volume3d {
            return self.volume_picture(index, size_px);
        }
        if cell.view == ViewKind::Curved {
            return self.curved_picture(index, pixels_per_point);
        }
        match self.surface(index) {
            Some(surface) => self.flat_picture(index, &surface, cell.rect, pixels_per_point),
            None => Picture::None,
        }
    }

    /// What is under the magnifier: cell, place on the screen, picture.
    pub fn lens_picture(&self, pixels_per_point: f32) -> Option<(usize, egui::Rect, Picture)> {
        let (cell, at, rect) = crate::ui::lens_rect(self)?;
        let mut surface = self.surface(cell)?;
        let middle = DVec2::new(f64::from(at.x), f64::from(at.y));
        let about = DAffine2::from_translation(middle)
            * DAffine2::from_scale(DVec2::splat(1.0 / crate::ui::LENS.1))
            * DAffine2::from_translation(-middle);
        surface.local_from_screen *= about;
        Some((cell, rect, self.flat_picture(cell, &surface, rect, pixels_per_point)))
    }

    fn flat_picture(
        &self,
        index: usize,
        surface: &Surface,
        rect: egui::Rect,
        pixels_per_point: f32,
    ) -> Picture {
        let cell = &self.cells[index];
        let Some(series) = self.series_of(index) else { return Picture::None };
        let local = local_from_target(surface, rect, pixels_per_point);
        let Space::Plane { origin_mm, right, down, slab_mm, .. } = surface.space else {
            let Some(slice) = series.slices.get(cell.slice) else { return Picture::None };
            let (Some(facts), crate::FrameState::Ready(frame)) = (&slice.facts, &slice.frame) else {
                return Picture::None;
            };
            let draw = StackDraw {
                image_px_from_target_px: local,
                modality: self.shown_modality(index, facts),
                voi: self.voi(index),
                invert: self.is_inverted(index, frame),
                palette: facts.palette.clone(),
                interpolation: Interpolation::Linear,
                padding: facts.padding,
                background: [0; 3],
            };
            return Picture::Stack(StackPicture { frame: frame.clone(), draw });
        };
        let (Some(volume), Some(mpr)) = (series.volume(), series.planes) else {
            return Picture::None;
        };
        let patient = |v: DVec2| right * v.x + down * v.y;
        Picture::Plane(PlanePicture {
            volume: volume.clone(),
            draw: PlaneDraw {
                origin_mm: origin_mm + patient(local.translation),
                right_mm_per_px: patient(local.matrix2.x_axis),
                down_mm_per_px: patient(local.matrix2.y_axis),
                slab_mm,
                projection: mpr.projection,
                window: self.window(index).unwrap_or_else(|| Window::spanning(0.0, 1.0)),
                invert: cell.invert,
                interpolation: Interpolation::Linear,
                background: [0; 3],
                quality: if self.is_moving() && slab_mm > 0.0 { 0.5 } else { 1.0 },
            },
        })
    }

    fn volume_picture(&self, index: usize, size_px: [u32; 2]) -> Picture {
        let Some(volume) = self.series_of(index).and_then(|s| s.volume()) else { return Picture::None };
        let (Some(camera), Some(mode)) = (self.camera(index, size_px), self.volume_mode(index)) else {
            return Picture::None;
        };
        let moving = self.is_moving_3d(index);
        let fresh = self.fresh_solids(index).map(Box::new);
        Picture::Volume(VolumePicture {
            volume: volume.clone(),
            draw: VolumeDraw {
                camera,
                mode,
                crop: self.cells[index].view_3d.crop.region,
                step_mm: volume.spacing_mm.min_element() * if moving { 1.0 } else { 0.5 },
                background: [0; 3],
                quality: self.quality_3d[usize::from(!moving)],
                solids: if fresh.is_none() { self.solids_draw(index) } else { None },
            },
            fresh,
        })
    }

    /// The camera of a 3D cell for a texture of `size_px`.
    fn camera(&self, index: usize, size_px: [u32; 2]) -> Option<Camera> {
        let cell = self.cells.get(index)?;
        let volume = self.series.get(cell.series?)?.volume()?;
        let mut camera = cell.view_3d.camera.unwrap_or_else(|| first_camera(volume));
        let pixels = f64::from(size_px[0].min(size_px[1]).max(1));
        // Kept as millimetres over the whole shorter edge, so that it does not depend on the cell's size.
        camera.mm_per_px /= pixels;
        Some(camera)
    }

    /// The preset a 3D cell uses.
    pub fn volume_preset(&self, index: usize) -> Option<&Preset> {
        let cell = self.cells.get(index)?;
        let series = self.series.get(cell.series?)?;
        let named = cell.view_3d.preset.as_ref();
        named
            .and_then(|name| self.volume_presets.iter().find(|p| &p.name == name))
            .or_else(|| self.volume_presets.iter().find(|p| p.suits(&series.modality)))
            .or_else(|| self.volume_presets.first())
    }

    fn volume_mode(&self, index: usize) -> Option<VolumeMode> {
        let cell = self.cells.get(index)?;
        let preset = self.volume_preset(index)?;
        let function = self.transfer(cell.series?, preset)?;
        let [by, stretch] = cell.view_3d.transfer;
        let function = if cell.view_3d.transfer == [0.0, 1.0] {
            function
        } else {
            Arc::new(function.moved(by, stretch))
        };
        Some(match preset.mode {
            PresetMode::Composite => {
                let mut shading = preset.shading;
                if !cell.view_3d.shading {
                    (shading.ambient, shading.diffuse, shading.specular) = (1.0, 0.0, 0.0);
                }
                VolumeMode::Composite { transfer: function, shading }
            }
            PresetMode::Mip => {
                let [low, high] = function.range().map(f64::from);
                let window =
                    Window::new((low + high) / 2.0, (high - low).max(1e-3), VoiFunction::LinearExact)?;
                VolumeMode::Mip { window, invert: cell.invert }
            }
        })
    }

    /// What becomes of modality values in a cell.
    pub(crate) fn voi(&self, index: usize) -> Voi {
        let cell = &self.cells[index];
        if let Some(table) = self.look_table(index) {
            return Voi::Lut(table);
        }
        let lut = self.facts(index).and_then(|f| f.voi_lut.clone());
        match (cell.window, lut, self.facts(index).is_some_and(|f| f.windows.is_empty())) {
            (None, Some(lut), true) => Voi::Lut(lut),
            _ => Voi::Window(self.window(index).unwrap_or_else(|| Window::spanning(0.0, 1.0))),
        }
    }
}

/// From the front, the whole volume in view; `mm_per_px` is millimetres over the whole shorter edge.
pub(crate) fn first_camera(volume: &Volume) -> Camera {
    let mut camera = Camera::facing(medsight_base::Plane::Coronal, volume.bounds_mm(), [1, 1]);
    camera.mm_per_px *= 0.95;
    camera
}

fn local_from_target(surface: &Surface, rect: egui::Rect, pixels_per_point: f32) -> DAffine2 {
    let corner = DVec2::new(f64::from(rect.min.x), f64::from(rect.min.y));
    surface.local_from_screen
        * DAffine2::from_translation(corner)
        * DAffine2::from_mat2(DMat2::from_diagonal(DVec2::splat(1.0 / f64::from(pixels_per_point))))
}

/// Corners of the volume's crop box in patient coordinates, for its outline.
pub(crate) fn crop_corners(volume: &Volume, crop: &CropBox) -> [DVec3; 8] {
    let last = [0, 1, 2].map(|i| volume.dims[i] as f64 - 1.0);
    std::array::from_fn(|i| {
        let voxel = [0, 1, 2].map(|a| {
            let share = if i >> a & 1 == 1 { crop.max[a] } else { crop.min[a] };
            f64::from(share) * last[a]
        });
        volume.patient_from_voxel.transform_point3(DVec3::from_array(voxel))
    })
}
