//! Labels and bands of values on a regular grid in the patient, and how they are laid over a picture.
//!
//! A label is the number of a segment; 0 is none. Where segments overlap there are several grids. Nearest voxel, never
//! interpolated: between two organs there is no third one.

use glam::{DMat4, DVec3};

/// Labels of voxels.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelGrid {
    /// Voxels along columns (x), rows (y) and slices (z).
    pub dims: [usize; 3],
    /// Patient millimetres to voxel indices.
    pub voxel_from_patient: DMat4,
    /// x fastest, then y, then z.
    pub labels: Vec<u16>,
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
    /// The label of the voxel nearest to a point; 0 outside of the grid.
    pub fn label_at(&self, patient_mm: DVec3) -> u16 {
        self.label(self.voxel_from_patient.transform_point3(patient_mm))
    }

    fn label(&self, voxel: DVec3) -> u16 {
        let at = (voxel + 0.5).floor();
        let inside = at.cmpge(DVec3::ZERO).all()
            && (at.x as usize) < self.dims[0]
            && (at.y as usize) < self.dims[1]
            && (at.z as usize) < self.dims[2];
        if !inside {
            return 0;
        }
        let index = (at.z as usize * self.dims[1] + at.y as usize) * self.dims[0] + at.x as usize;
        self.labels.get(index).copied().unwrap_or(0)
    }
}

/// Colours over a picture: red, green, blue, opacity for each pixel; the edges of a label are opaque, its inside has
/// `fill` opacity, 0 to 1. `color` is `None` for labels that are not shown.
pub fn painted(
    labels: &[u16],
    columns: usize,
    fill: f32,
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
            out.push([r, g, b, if is_edge { 230 } else { inside }]);
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
        LabelGrid { dims: [4, 4, 2], voxel_from_patient: DMat4::from_scale(DVec3::splat(0.5)), labels }
    }

    #[test]
    fn a_label_reaches_half_a_voxel_around_its_centre_and_no_further() {
        let grid = grid();
        assert_eq!(grid.label_at(DVec3::new(4.9, 2.0, 0.0)), 7);
        assert_eq!(grid.label_at(DVec3::new(5.1, 2.0, 0.0)), 0);
        assert_eq!(grid.label_at(DVec3::new(-3.0, 2.0, 0.0)), 0);
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
        let shown = painted(&labels, 16, 0.4, |_| Some([255, 0, 0]));
        let opacities: Vec<u8> = shown.iter().map(|p| p[3]).filter(|a| *a > 0).collect();
        assert_eq!(opacities.len(), 16);
        assert_eq!(opacities.iter().filter(|a| **a == 102).count(), 4);
        assert!(painted(&labels, 16, 0.4, |_| None).iter().all(|p| p[3] == 0));
    }
}
