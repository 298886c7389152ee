//! What a model has just found, while its labels are in device memory only: how it looks on each cell, in 3D too. It is replaced by the
//! proposal ([`LightBox::put_proposed`]) once the processor has the labels; only that can be painted on, and decided on.

use std::sync::Arc;

use egui::Rect;
use glam::DMat4;
use medsight_base::SeriesUid;
use medsight_image::label_grid::{Edge, PixelPlane};
use medsight_image::{LabelDraw, LabelParts, Solids, SolidsLook, Volume};
use medsight_record::{LabelMeaning, ViewKind};

use crate::layers::FIRST_FILL;
use crate::light_box::LightBox;
use crate::proposed::first_color;
use crate::solids::surface_share;
use crate::surface::Surface;

/// Labels in device memory.
#[derive(Clone, Debug, PartialEq)]
pub struct FreshLabels {
    images: SeriesUid,
    frame_of_reference: String,
    voxel_from_patient: DMat4,
    colors: Arc<Vec<Option<[u8; 3]>>>,
    /// In the order of the layers that they will be.
    labels: Vec<u16>,
}

/// Labels in device memory as surfaces in 3D.
#[derive(Clone, Debug)]
pub struct FreshSolids {
    /// Which part each of them is.
    pub labels: LabelParts,
    /// What was shown before, and still is where they show nothing.
    pub beneath: Option<Arc<Solids>>,
    /// How all of it looks.
    pub look: SolidsLook,
}

impl FreshSolids {
    /// True when the solids are the same, however they look.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = match (&self.beneath, &other.beneath) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        same && self.labels == other.labels
    }
}

impl PartialEq for FreshSolids {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) && self.look == other.look
    }
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
            labels: meanings.iter().map(|meaning| meaning.value).collect(),
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
        let fresh = self.fresh_over(cell)?;
        let surface = self.surface(cell)?;
        let size_px = size_px.map(|edge| edge as usize);
        Some(LabelDraw {
            plane: pixel_plane(&surface, self.cells.get(cell)?.rect, size_px)?,
            voxel_from_patient: fresh.voxel_from_patient,
            fill: FIRST_FILL,
            edge: Edge::Dashed,
            colors: fresh.colors.clone(),
        })
    }

    /// How labels in device memory look in a 3D cell, over the surfaces that are there; `None` when there are none on its
    /// images. They have the colours and the opacity that they will have as layers.
    pub(crate) fn fresh_solids(&self, cell: usize) -> Option<FreshSolids> {
        let fresh = self.fresh_over(cell)?;
        let shown = self.cells.get(cell).filter(|cell| cell.view == ViewKind::Volume3d)?;
        let (beneath, mut look) = match self.solids_look(cell) {
            Some((of, look)) => (Some(of.solids.clone()), look),
            None => (None, SolidsLook { colors: vec![[0; 4]], volume_share: shown.view_3d.volume_share }),
        };
        let mut parts = vec![0; fresh.colors.len()];
        let opacity = (255.0 * surface_share(FIRST_FILL)) as u8;
        for label in fresh.labels.iter().filter(|label| **label != 0) {
            // Parts beyond the 255th are not shown; neither are they as layers.
            let (Ok(part), Some([r, g, b])) =
                (u8::try_from(look.colors.len()), fresh.colors[usize::from(*label)])
            else {
                continue;
            };
            parts[usize::from(*label)] = part;
            look.colors.push([r, g, b, opacity]);
        }
        let labels = LabelParts { voxel_from_patient: fresh.voxel_from_patient, parts: Arc::new(parts) };
        Some(FreshSolids { labels, beneath, look })
    }

    /// Labels in device memory that lie on the images of a cell and are to be shown.
    fn fresh_over(&self, cell: usize) -> Option<&FreshLabels> {
        let fresh = self.fresh.as_ref().filter(|_| self.layers_shown)?;
        let series = self.series_of(cell)?;
        let is_here = series.uid == fresh.images
            || (!fresh.frame_of_reference.is_empty()
                && series.frame_of_reference == fresh.frame_of_reference);
        is_here.then_some(fresh)
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
