//! What a model has just found, while its labels are in device memory only: how it looks on each cell. It is replaced by the
//! proposal ([`LightBox::put_proposed`]) once the processor has the labels; only that can be painted on, and decided on.

use std::sync::Arc;

use egui::Rect;
use glam::DMat4;
use medsight_base::SeriesUid;
use medsight_image::label_grid::{Edge, PixelPlane};
use medsight_image::{LabelDraw, Volume};
use medsight_record::LabelMeaning;

use crate::layers::FIRST_FILL;
use crate::light_box::LightBox;
use crate::proposed::first_color;
use crate::surface::Surface;

/// Labels in device memory.
#[derive(Clone, Debug, PartialEq)]
pub struct FreshLabels {
    images: SeriesUid,
    frame_of_reference: String,
    voxel_from_patient: DMat4,
    colors: Arc<Vec<Option<[u8; 3]>>>,
}

impl LightBox {
    /// Shows labels over a volume that are in device memory. Those over uneven slices are not shown before the processor has
    /// them: false.
    pub fn put_fresh(&mut self, series: usize, volume: &Volume, meanings: &[LabelMeaning]) -> bool {
        let Some(of) = self.series.get(series).filter(|_| volume.slice_offsets_mm.is_empty()) else {
            return false;
        };
        let most = meanings.iter().map(|meaning| usize::from(meaning.value)).max().unwrap_or(0);
        let mut colors = vec![None; most + 1];
        for (index, meaning) in meanings.iter().enumerate() {
            colors[usize::from(meaning.value)] = Some(first_color(index, meaning));
        }
        self.fresh = Some(FreshLabels {
            images: of.uid.clone(),
            frame_of_reference: of.frame_of_reference.clone(),
            voxel_from_patient: volume.voxel_from_patient(),
            colors: Arc::new(colors),
        });
        self.layers_shown = true;
        true
    }

    /// True while labels are in device memory only.
    pub fn has_fresh_labels(&self) -> bool {
        self.fresh.is_some()
    }

    /// How labels in device memory look over a cell in a texture of `size_px`; `None` when there are none on its images.
    pub fn fresh_labels(&self, cell: usize, size_px: [u32; 2]) -> Option<LabelDraw> {
        let fresh = self.fresh.as_ref().filter(|_| self.layers_shown)?;
        let series = self.series_of(cell)?;
        let is_here = series.uid == fresh.images
            || (!fresh.frame_of_reference.is_empty()
                && series.frame_of_reference == fresh.frame_of_reference);
        let surface = self.surface(cell).filter(|_| is_here)?;
        let size_px = size_px.map(|edge| edge as usize);
        Some(LabelDraw {
            plane: pixel_plane(&surface, self.cells.get(cell)?.rect, size_px)?,
            voxel_from_patient: fresh.voxel_from_patient,
            fill: FIRST_FILL,
            edge: Edge::Dashed,
            colors: fresh.colors.clone(),
        })
    }
}

/// The pixels of a picture of so many over a part of the window, in the patient.
pub(crate) fn pixel_plane(surface: &Surface, rect: Rect, size_px: [usize; 2]) -> Option<PixelPlane> {
    let step = egui::vec2(rect.width() / size_px[0].max(1) as f32, rect.height() / size_px[1].max(1) as f32);
    let at = |x: f32, y: f32| surface.patient(surface.local(rect.min + egui::vec2(x * step.x, y * step.y)));
    let origin_mm = at(0.5, 0.5)?;
    Some(PixelPlane {
        origin_mm,
        right_mm: at(1.5, 0.5)? - origin_mm,
        down_mm: at(0.5, 1.5)? - origin_mm,
        size_px,
    })
}
