//! How labels over the voxels of a volume look on a plane through it. CPU twin of `shaders/labels.wgsl`.
//!
//! The labels themselves may be in device memory only, while they are on their way to the processor. Where they are here, and on
//! uneven slices, `label_grid` has them.

use std::sync::Arc;

use glam::{DMat4, DVec3};

use crate::label_grid::{Edge, PixelPlane, painted};
use crate::{Field, LabelGrid};

/// Labels as a picture: which plane, and the look.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelDraw {
    /// The pixels.
    pub plane: PixelPlane,
    /// Patient millimetres to voxel indices; the slices are even.
    pub voxel_from_patient: DMat4,
    /// Opacity of a label's inside, 0 to 1.
    pub fill: f32,
    /// How its edge is drawn.
    pub edge: Edge,
    /// The colour of each label; `None`, and beyond the end: not shown. That of label 0 is never shown.
    pub colors: Arc<Vec<Option<[u8; 3]>>>,
}

impl LabelDraw {
    /// In voxel coordinates the centre of the first pixel, and the ways to the pixel right of it and to the one below.
    pub fn voxels(&self) -> [DVec3; 3] {
        let to = self.voxel_from_patient;
        [
            to.transform_point3(self.plane.origin_mm),
            to.transform_vector3(self.plane.right_mm),
            to.transform_vector3(self.plane.down_mm),
        ]
    }

    /// The colour of a label that is shown.
    pub fn color(&self, label: u16) -> Option<[u8; 3]> {
        self.colors.get(usize::from(label)).copied().flatten().filter(|_| label != 0)
    }
}

/// Red, green, blue and opacity of each pixel, row by row.
pub fn draw(labels: &LabelGrid, look: &LabelDraw) -> Vec<[u8; 4]> {
    let under = Field::Labels(labels.clone()).under(&look.plane);
    painted(&under, look.plane.size_px[0], look.fill, look.edge, |label| look.color(label))
}
