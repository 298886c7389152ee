//! Labels on a regular grid in the patient, and how they are laid over a picture.
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

    /// The labels under the pixels of a plane, row by row.
    pub fn under(&self, plane: &PixelPlane) -> Vec<u16> {
        let origin = self.voxel_from_patient.transform_point3(plane.origin_mm);
        let right = self.voxel_from_patient.transform_vector3(plane.right_mm);
        let down = self.voxel_from_patient.transform_vector3(plane.down_mm);
        let [columns, rows] = plane.size_px;
        let mut labels = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            let start = origin + down * row as f64;
            labels.extend((0..columns).map(|column| self.label(start + right * column as f64)));
        }
        labels
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
    fn a_label_is_drawn_with_an_edge_and_a_fainter_inside_and_hidden_ones_not_at_all() {
        let plane = PixelPlane {
            origin_mm: DVec3::ZERO,
            right_mm: DVec3::X * 0.5,
            down_mm: DVec3::Y * 0.5,
            size_px: [16, 16],
        };
        let labels = grid().under(&plane);
        let shown = painted(&labels, 16, 0.4, |_| Some([255, 0, 0]));
        let opacities: Vec<u8> = shown.iter().map(|p| p[3]).filter(|a| *a > 0).collect();
        assert_eq!(opacities.len(), 16);
        assert_eq!(opacities.iter().filter(|a| **a == 102).count(), 4);
        assert!(painted(&labels, 16, 0.4, |_| None).iter().all(|p| p[3] == 0));
    }
}
