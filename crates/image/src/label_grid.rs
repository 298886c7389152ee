//! Labels and bands of values on a regular grid in the patient, and how they are laid over a picture.
//!
//! A label is the number of a segment; 0 is none. Where segments overlap there are several grids. Nearest voxel, never
//! interpolated: between two organs there is no third one.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::{DMat4, DVec3};

use crate::Volume;

/// Labels of voxels. Clones share their slices until one of them is painted on.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelGrid {
    /// Voxels along columns (x), rows (y) and slices (z).
    pub dims: [usize; 3],
    /// Patient millimetres to voxel indices.
    pub voxel_from_patient: DMat4,
    /// Where each slice lies along z, in voxels from the first, ascending. Empty: one after the other, evenly.
    uneven: Arc<Vec<f64>>,
    /// Each slice: x fastest, then y.
    slices: Vec<Arc<Vec<u16>>>,
}

/// Values on a regular grid, shown as bands between thresholds: a dose. The label of a place is the number of
/// thresholds that its value reaches.
#[derive(Clone, Debug, PartialEq)]
pub struct BandGrid {
    /// Voxels along columns (x), rows (y) and slices (z).
    pub dims: [usize; 3],
    /// Patient millimetres to voxel indices.
    pub voxel_from_patient: DMat4,
    /// x fastest, then y, then z.
    pub values: Vec<f32>,
    /// Ascending.
    pub thresholds: Vec<f32>,
}

impl BandGrid {
    /// The value at a voxel position, linear between voxels; `None` outside of their centres.
    fn value(&self, voxel: DVec3) -> Option<f32> {
        let last = DVec3::new(self.dims[0] as f64, self.dims[1] as f64, self.dims[2] as f64) - 1.0;
        if voxel.cmplt(DVec3::ZERO).any() || voxel.cmpgt(last).any() {
            return None;
        }
        let low = voxel.floor();
        let part = voxel - low;
        let at = |dx: usize, dy: usize, dz: usize| {
            let x = (low.x as usize + dx).min(self.dims[0] - 1);
            let y = (low.y as usize + dy).min(self.dims[1] - 1);
            let z = (low.z as usize + dz).min(self.dims[2] - 1);
            f64::from(self.values[(z * self.dims[1] + y) * self.dims[0] + x])
        };
        let mix = |a: f64, b: f64, t: f64| a + (b - a) * t;
        let row = |dy, dz| mix(at(0, dy, dz), at(1, dy, dz), part.x);
        let layer = |dz| mix(row(0, dz), row(1, dz), part.y);
        Some(mix(layer(0), layer(1), part.z) as f32)
    }

    fn label(&self, voxel: DVec3) -> u16 {
        let Some(value) = self.value(voxel) else { return 0 };
        self.thresholds.partition_point(|threshold| *threshold <= value) as u16
    }
}

/// What gives every place of the patient a label.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Segments.
    Labels(LabelGrid),
    /// Bands of a value.
    Bands(BandGrid),
}

impl Field {
    /// The label at a point of the patient.
    pub fn label_at(&self, patient_mm: DVec3) -> u16 {
        match self {
            Self::Labels(grid) => grid.label_at(patient_mm),
            Self::Bands(grid) => grid.label(grid.voxel_from_patient.transform_point3(patient_mm)),
        }
    }

    /// The labels under the pixels of a plane, row by row.
    pub fn under(&self, plane: &PixelPlane) -> Vec<u16> {
        match self {
            Self::Labels(grid) => under(plane, &grid.voxel_from_patient, |voxel| grid.label(voxel)),
            Self::Bands(grid) => under(plane, &grid.voxel_from_patient, |voxel| grid.label(voxel)),
        }
    }
}

fn under(plane: &PixelPlane, voxel_from_patient: &DMat4, label: impl Fn(DVec3) -> u16) -> Vec<u16> {
    let origin = voxel_from_patient.transform_point3(plane.origin_mm);
    let right = voxel_from_patient.transform_vector3(plane.right_mm);
    let down = voxel_from_patient.transform_vector3(plane.down_mm);
    let [columns, rows] = plane.size_px;
    let mut labels = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        let start = origin + down * row as f64;
        labels.extend((0..columns).map(|column| label(start + right * column as f64)));
    }
    labels
}

/// A picture's pixels in the patient: `origin_mm` is the centre of the first one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelPlane {
    /// Centre of the first pixel.
    pub origin_mm: DVec3,
    /// From a pixel to the one right of it.
    pub right_mm: DVec3,
    /// From a pixel to the one below.
    pub down_mm: DVec3,
    /// Columns and rows.
    pub size_px: [usize; 2],
}

impl LabelGrid {
    /// A grid of `labels`, x fastest, then y, then z; what is missing of them is no label.
    pub fn new(dims: [usize; 3], voxel_from_patient: DMat4, labels: &[u16]) -> Self {
        let size = dims[0] * dims[1];
        let slice = |z: usize| {
            let end = labels.len().min((z + 1) * size);
            let mut slice = Vec::with_capacity(size);
            slice.extend_from_slice(labels.get(z * size..end).unwrap_or_default());
            slice.resize(size, 0);
            Arc::new(slice)
        };
        let slices = (0..dims[2]).map(slice).collect();
        Self { dims, voxel_from_patient, uneven: Arc::default(), slices }
    }

    /// A grid over the voxels of a volume, whose slices may be uneven.
    pub fn over(volume: &Volume, labels: &[u16]) -> Self {
        let [x, y, z, _] = volume.dims;
        let first = volume.slice_offsets_mm.first().copied().unwrap_or(0.0);
        let step = volume.spacing_mm.z;
        let uneven = volume.slice_offsets_mm.iter().map(|offset| (offset - first) / step).collect();
        Self { uneven: Arc::new(uneven), ..Self::new([x, y, z], volume.voxel_from_patient(), labels) }
    }

    /// The same labels over the voxels of a volume that has the same rows and columns; slices that are not in this grid are empty.
    /// `None` when the two lie otherwise to each other.
    pub fn onto(&self, volume: &Volume) -> Option<Self> {
        /// Part of a voxel by which places may differ: coordinates in files are rounded.
        const NEAR: f64 = 0.1;
        let over = Self::over(volume, &[]);
        let here = self.voxel_from_patient * volume.patient_from_voxel;
        let step = here.transform_vector3(DVec3::Z);
        let fits = self.dims[..2] == over.dims[..2]
            && here.transform_vector3(DVec3::X).abs_diff_eq(DVec3::X, NEAR / over.dims[0].max(1) as f64)
            && here.transform_vector3(DVec3::Y).abs_diff_eq(DVec3::Y, NEAR / over.dims[1].max(1) as f64);
        if !fits {
            return None;
        }
        let slice = |z: usize| {
            let at = here.transform_point3(DVec3::ZERO) + step * over.place_of(z);
            if at.x.abs() > NEAR || at.y.abs() > NEAR {
                return None;
            }
            let same = self.slice_at(at.z).filter(|slice| (self.place_of(*slice) - at.z).abs() < 0.5);
            Some(same.map_or_else(|| over.slices[z].clone(), |slice| self.slices[slice].clone()))
        };
        let slices = (0..over.dims[2]).map(slice).collect::<Option<Vec<_>>>()?;
        Some(Self { slices, ..over })
    }

    /// The labels, x fastest, then y, then z.
    pub fn labels(&self) -> impl Iterator<Item = u16> + '_ {
        self.slices.iter().flat_map(|slice| slice.iter().copied())
    }

    /// Voxels of each label that is somewhere, 0 too.
    pub fn counts(&self) -> BTreeMap<u16, u64> {
        let mut counts = BTreeMap::new();
        for slice in &self.slices {
            for run in slice.chunk_by(|a, b| a == b) {
                *counts.entry(run[0]).or_default() += run.len() as u64; // a chunk is never empty
            }
        }
        counts
    }

    /// What a voxel of even slices measures, cubic millimetres.
    pub fn voxel_mm3(&self) -> f64 {
        self.voxel_from_patient.determinant().abs().recip()
    }

    /// A slice that is to be changed.
    pub(crate) fn slice_mut(&mut self, z: usize) -> Option<&mut Vec<u16>> {
        self.slices.get_mut(z).map(Arc::make_mut)
    }

    /// Where a slice lies along z, in voxels from the first.
    pub(crate) fn place_of(&self, z: usize) -> f64 {
        self.uneven.get(z).copied().unwrap_or(z as f64)
    }

    /// The slice nearest to a place along z; `None` further than half a slice from the first and last.
    pub(crate) fn slice_at(&self, along: f64) -> Option<usize> {
        let Some((first, last)) = self.uneven.first().zip(self.uneven.last()) else {
            let at = (along + 0.5).floor();
            return (at >= 0.0 && (at as usize) < self.dims[2]).then_some(at as usize);
        };
        if along < first - 0.5 || along >= last + 0.5 {
            return None;
        }
        let above = self.uneven.partition_point(|place| *place <= along);
        let below = above.saturating_sub(1);
        let nearer = |z: usize| (self.place_of(z) - along).abs();
        let above = above.min(self.uneven.len() - 1);
        Some(if nearer(above) < nearer(below) { above } else { below })
    }

    /// The label of the voxel nearest to a point; 0 outside of the grid.
    pub fn label_at(&self, patient_mm: DVec3) -> u16 {
        self.label(self.voxel_from_patient.transform_point3(patient_mm))
    }

    fn label(&self, voxel: DVec3) -> u16 {
        let at = (voxel + 0.5).floor();
        let is_inside =
            at.x >= 0.0 && at.y >= 0.0 && (at.x as usize) < self.dims[0] && (at.y as usize) < self.dims[1];
        if !is_inside {
            return 0;
        }
        let slice = self.slice_at(voxel.z).and_then(|z| self.slices.get(z));
        slice.map_or(0, |slice| slice[at.y as usize * self.dims[0] + at.x as usize])
    }
}

/// How the edge of a label is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Whole.
    Solid,
    /// With gaps: nobody has confirmed it.
    Dashed,
}

/// Opacity of the edge of a label, of 255.
pub const EDGE_OPACITY: u8 = 230;
/// Length of a dash and of a gap, pixels along the diagonals.
pub const DASH_PX: usize = 5;

/// Colours over a picture: red, green, blue, opacity for each pixel; the edges of a label are opaque, its inside has
/// `fill` opacity, 0 to 1. `color` is `None` for labels that are not shown.
pub fn painted(
    labels: &[u16],
    columns: usize,
    fill: f32,
    edge: Edge,
    color: impl Fn(u16) -> Option<[u8; 3]>,
) -> Vec<[u8; 4]> {
    let rows = labels.len() / columns.max(1);
    let inside = (fill.clamp(0.0, 1.0) * 255.0).round() as u8;
    let mut last = (0, None);
    let mut color_of = |label: u16| {
        if label != last.0 {
            last = (label, color(label));
        }
        last.1
    };
    let mut out = Vec::with_capacity(labels.len());
    for row in 0..rows {
        for column in 0..columns {
            let at = row * columns + column;
            let label = labels[at];
            let Some([r, g, b]) = (label != 0).then(|| color_of(label)).flatten() else {
                out.push([0; 4]);
                continue;
            };
            let is_edge = (column > 0 && labels[at - 1] != label)
                || (column + 1 < columns && labels[at + 1] != label)
                || (row > 0 && labels[at - columns] != label)
                || (row + 1 < rows && labels[at + columns] != label);
            let is_drawn = edge == Edge::Solid || ((row + column) / DASH_PX).is_multiple_of(2);
            out.push([r, g, b, if is_edge && is_drawn { EDGE_OPACITY } else { inside }]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4×4×2 voxels of 2 mm; one voxel of label 7.
    fn grid() -> LabelGrid {
        let mut labels = vec![0; 32];
        labels[4 + 2] = 7; // column 2, row 1, slice 0
        LabelGrid::new([4, 4, 2], DMat4::from_scale(DVec3::splat(0.5)), &labels)
    }

    #[test]
    fn a_label_reaches_half_a_voxel_around_its_centre_and_no_further() {
        let grid = grid();
        assert_eq!(grid.label_at(DVec3::new(4.9, 2.0, 0.0)), 7);
        assert_eq!(grid.label_at(DVec3::new(5.1, 2.0, 0.0)), 0);
        assert_eq!(grid.label_at(DVec3::new(-3.0, 2.0, 0.0)), 0);
    }

    #[test]
    fn a_grid_takes_no_more_memory_than_its_voxels_and_what_is_missing_of_the_labels_is_none() {
        let grid = LabelGrid::new([2, 2, 3], DMat4::IDENTITY, &[1, 2, 3, 4, 5]);
        assert_eq!(grid.labels().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0]);
        assert!(
            grid.slices.iter().all(|slice| slice.capacity() == 4),
            "a slice holds on to what is behind it"
        );
    }

    #[test]
    fn a_label_of_uneven_slices_reaches_halfway_to_the_next_one() {
        let mut volume = crate::phantom::volume([1, 1, 3], DVec3::ONE, vec![0; 3]);
        volume.slice_offsets_mm = vec![0.0, 1.0, 5.0];
        let grid = LabelGrid::over(&volume, &[1, 2, 3]);
        let at = |mm: f64| grid.label(DVec3::new(0.0, 0.0, mm));
        assert_eq!([-0.6, -0.4, 0.4, 0.6, 2.9, 3.1, 5.4, 5.6].map(at), [0, 1, 1, 2, 2, 3, 3, 0]);
    }

    #[test]
    fn a_band_begins_where_the_value_between_two_voxels_reaches_its_threshold() {
        let bands = BandGrid {
            dims: [3, 1, 1],
            voxel_from_patient: DMat4::IDENTITY,
            values: vec![0.0, 10.0, 20.0],
            thresholds: vec![5.0, 15.0],
        };
        let plane = PixelPlane {
            origin_mm: DVec3::ZERO,
            right_mm: DVec3::X * 0.25,
            down_mm: DVec3::Y,
            size_px: [10, 1],
        };
        assert_eq!(Field::Bands(bands).under(&plane), [0, 0, 1, 1, 1, 1, 2, 2, 2, 0]);
    }

    #[test]
    fn a_label_is_drawn_with_an_edge_and_a_fainter_inside_and_hidden_ones_not_at_all() {
        let plane = PixelPlane {
            origin_mm: DVec3::ZERO,
            right_mm: DVec3::X * 0.5,
            down_mm: DVec3::Y * 0.5,
            size_px: [16, 16],
        };
        let labels = Field::Labels(grid()).under(&plane);
        let shown = painted(&labels, 16, 0.4, Edge::Solid, |_| Some([255, 0, 0]));
        let opacities: Vec<u8> = shown.iter().map(|p| p[3]).filter(|a| *a > 0).collect();
        assert_eq!(opacities.len(), 16);
        assert_eq!(opacities.iter().filter(|a| **a == 102).count(), 4);
        assert!(painted(&labels, 16, 0.4, Edge::Solid, |_| None).iter().all(|p| p[3] == 0));
    }
}
