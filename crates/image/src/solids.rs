//! Segments and regions as solids in a volume's box, for surfaces in 3D.
//!
//! One label a cell, so where two of them overlap the later one is seen. Cells are those of the volume or coarser.
//! [`Solids::with_labels`] is the CPU twin of `shaders/solids.wgsl`, which makes them of labels that are in device memory.

use std::sync::Arc;

use glam::{DMat4, DVec3, Vec3};

use crate::bricks::{BRICK, distance_to};
use crate::{LabelGrid, Volume};

/// Cells along an edge at most: a surface is seen from as far away as the whole volume is.
const MOST: usize = 256;
/// A brick also counts what is this far outside of it, in volume voxels: what a step from inside can reach.
const MARGIN: usize = 2;

/// Labels of the cells of a volume's box.
#[derive(Clone, Debug)]
pub struct Solids {
    dims: [usize; 3],
    labels: Vec<u8>,
    brick_dims: [usize; 3],
    bricks: Vec<bool>,
}

/// Which part of solids each label of a grid is: labels of one grid among what else is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelParts {
    /// From patient millimetres to the grid's voxels, whose slices are even.
    pub voxel_from_patient: DMat4,
    /// For each label the number of its part, from 1; 0, and beyond the end: not shown.
    pub parts: Arc<Vec<u8>>,
}

impl LabelParts {
    /// The part that a label is; 0 where it is none.
    pub fn of(&self, label: u16) -> u8 {
        self.parts.get(usize::from(label)).copied().unwrap_or(0)
    }
}

impl Solids {
    /// Cells along x, y and z for a volume.
    pub fn dims_for(volume: &Volume) -> [usize; 3] {
        Self::dims_of([volume.dims[0], volume.dims[1], volume.dims[2]])
    }

    /// The same for so many voxels along x, y and z.
    pub fn dims_of(voxels: [usize; 3]) -> [usize; 3] {
        voxels.map(|n| n.clamp(1, MOST))
    }

    /// The patient position of a cell's centre, for a volume.
    pub fn center_mm(volume: &Volume, [x, y, z]: [usize; 3]) -> DVec3 {
        let dims = Self::dims_for(volume);
        let voxel = [(x, 0), (y, 1), (z, 2)]
            .map(|(at, axis)| (at as f64 + 0.5) * volume.dims[axis] as f64 / dims[axis] as f64 - 0.5);
        volume.patient_from_voxel.transform_point3(DVec3::from_array(voxel))
    }

    /// From a cell's place to the voxel's, for so many voxels and cells along x, y and z.
    pub fn voxel_from_cell(voxels: [usize; 3], cells: [usize; 3]) -> DMat4 {
        let scale = DVec3::from_array([0, 1, 2].map(|axis| voxels[axis] as f64 / cells[axis] as f64));
        DMat4::from_translation(0.5 * scale - 0.5) * DMat4::from_scale(scale)
    }

    /// Of labels, x fastest, then y, then z; 0 is nothing. `None` when they are not as many as the cells.
    pub fn new(volume: &Volume, labels: Vec<u8>) -> Option<Self> {
        let dims = Self::dims_for(volume);
        if labels.len() != dims.iter().product::<usize>() {
            return None;
        }
        let voxels = [volume.dims[0], volume.dims[1], volume.dims[2]];
        let bricks = bricks(voxels, dims, &labels);
        Some(Self { dims, labels, brick_dims: voxels.map(|n| n.div_ceil(BRICK)), bricks })
    }

    /// The parts that labels of a grid are, over what is shown `beneath` them. Each cell has the label of the voxel that its
    /// centre lies in. `None` when what is beneath was made for another volume.
    pub fn with_labels(
        volume: &Volume,
        beneath: Option<&Self>,
        grid: &LabelGrid,
        parts: &LabelParts,
    ) -> Option<Self> {
        let dims @ [nx, ny, nz] = Self::dims_for(volume);
        if beneath.is_some_and(|beneath| beneath.dims != dims) {
            return None;
        }
        let part = |at: usize| {
            let cell = [at % nx, at / nx % ny, at / (nx * ny)];
            match parts.of(grid.label_at(Self::center_mm(volume, cell))) {
                0 => beneath.map_or(0, |beneath| beneath.labels[at]),
                part => part,
            }
        };
        Self::new(volume, (0..nx * ny * nz).map(part).collect())
    }

    /// Cells along x, y and z.
    pub fn dims(&self) -> [usize; 3] {
        self.dims
    }

    /// The labels, x fastest.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// For each brick of the volume: some label is in it, or so near that a step from inside can reach it.
    pub fn bricks(&self) -> &[bool] {
        &self.bricks
    }

    /// Bricks along x, y and z.
    pub fn brick_dims(&self) -> [usize; 3] {
        self.brick_dims
    }

    /// For each brick 0 where [`Self::bricks`] is so, else how many bricks around it hold nothing, as
    /// [`crate::Bricks::empty_distance`] has it.
    pub fn empty_distance(&self) -> Vec<u8> {
        distance_to(self.brick_dims, self.bricks.iter().copied())
    }

    /// The label at texture coordinates of the volume.
    pub(crate) fn label_at(&self, uvw: Vec3) -> u8 {
        let at = (uvw * self.size()).floor();
        self.label(at.to_array().map(|v| v as i64))
    }

    /// The share of a label around texture coordinates, linear between the centres of cells.
    pub(crate) fn share_of(&self, label: u8, uvw: Vec3) -> f32 {
        let at = uvw * self.size() - 0.5;
        let low = at.floor();
        let part = at - low;
        let mut sum = 0.0;
        for corner in 0..8_i64 {
            let step = [corner & 1, corner >> 1 & 1, corner >> 2];
            let cell = [0, 1, 2].map(|a| low[a] as i64 + step[a]);
            if self.label(cell) == label {
                sum += (0..3).map(|a| if step[a] == 1 { part[a] } else { 1.0 - part[a] }).product::<f32>();
            }
        }
        sum
    }

    /// The slope of a label's share over the cells.
    pub(crate) fn slope_of(&self, label: u8, uvw: Vec3) -> Vec3 {
        let d = 1.0 / self.size();
        let along = |axis: Vec3| self.share_of(label, uvw + axis * d) - self.share_of(label, uvw - axis * d);
        Vec3::new(along(Vec3::X), along(Vec3::Y), along(Vec3::Z))
    }

    pub(crate) fn size(&self) -> Vec3 {
        Vec3::from_array(self.dims.map(|n| n as f32))
    }

    /// Outside of the box the cell at its edge goes on.
    fn label(&self, cell: [i64; 3]) -> u8 {
        let [x, y, z] = [0, 1, 2].map(|a| cell[a].clamp(0, self.dims[a] as i64 - 1) as usize);
        self.labels[(z * self.dims[1] + y) * self.dims[0] + x]
    }
}

fn bricks(volume: [usize; 3], dims: [usize; 3], labels: &[u8]) -> Vec<bool> {
    let count = volume.map(|n| n.div_ceil(BRICK));
    let mut seen = vec![false; count.iter().product()];
    // The bricks whose reach a cell lies in, along one axis.
    let reach = |axis: usize, cell: usize| {
        let voxel = |edge: usize| edge * volume[axis] / dims[axis];
        let first = voxel(cell).saturating_sub(MARGIN) / BRICK;
        let last = (voxel(cell + 1) + MARGIN).min(volume[axis] - 1) / BRICK;
        first..=last
    };
    let along: [Vec<std::ops::RangeInclusive<usize>>; 3] =
        [0, 1, 2].map(|axis| (0..dims[axis]).map(|cell| reach(axis, cell)).collect());
    for (at, _) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        let [x, y, z] = [at % dims[0], at / dims[0] % dims[1], at / (dims[0] * dims[1])];
        for bz in along[2][z].clone() {
            for by in along[1][y].clone() {
                for bx in along[0][x].clone() {
                    seen[(bz * count[1] + by) * count[0] + bx] = true;
                }
            }
        }
    }
    seen
}

/// How solids look in a picture, wherever their labels are.
#[derive(Clone, Debug, PartialEq)]
pub struct SolidsLook {
    /// Red, green, blue, opacity of the surface of each label; 0 is not seen. Labels beyond its end are not seen.
    pub colors: Vec<[u8; 4]>,
    /// Share of the volume's own opacity that is left, 0 to 1, so that what lies inside is seen.
    pub volume_share: f32,
}

/// Solids in a picture.
#[derive(Clone, Debug)]
pub struct SolidsDraw {
    /// The labels.
    pub solids: Arc<Solids>,
    /// How they look.
    pub look: SolidsLook,
}

impl PartialEq for SolidsDraw {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.solids, &other.solids) && self.look == other.look
    }
}

impl SolidsLook {
    /// Colour and opacity of a label, 0 to 1.
    pub(crate) fn color(&self, label: u8) -> [f32; 4] {
        let color = self.colors.get(usize::from(label)).copied().filter(|_| label != 0).unwrap_or_default();
        color.map(|c| f32::from(c) / 255.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;

    #[test]
    fn the_share_of_a_label_falls_from_one_to_nothing_over_one_cell() {
        let volume = phantom::volume([4, 1, 1], DVec3::ONE, vec![0i16; 4]);
        let solids = Solids::new(&volume, vec![0, 0, 7, 7]).unwrap();
        let at = |x: f32| solids.share_of(7, Vec3::new(x / 4.0, 0.5, 0.5));
        assert_eq!([at(1.5), at(2.0), at(2.5), at(4.0)], [0.0, 0.5, 1.0, 1.0]);
        assert!(solids.slope_of(7, Vec3::new(0.5, 0.5, 0.5)).x > 0.9);
        assert_eq!(solids.label_at(Vec3::new(0.51, 0.5, 0.5)), 7);
    }

    #[test]
    fn a_brick_knows_of_a_label_that_a_step_can_reach_from_it() {
        let volume = phantom::volume([32, 8, 8], DVec3::ONE, vec![0i16; 32 * 64]);
        let mut labels = vec![0; 32 * 64];
        labels[17] = 1; // the second voxel of the third brick
        let solids = Solids::new(&volume, labels).unwrap();
        assert_eq!(solids.bricks(), [false, true, true, false]);
    }

    #[test]
    fn a_cell_lies_where_its_voxels_lie() {
        let volume = phantom::volume([4, 4, 4], DVec3::new(1.0, 2.0, 3.0), vec![0i16; 64]);
        let by_voxel = volume.patient_from_voxel.transform_point3(DVec3::new(1.0, 2.0, 3.0));
        assert!(Solids::center_mm(&volume, [1, 2, 3]).distance(by_voxel) < 1e-12);
        let coarse = Solids::voxel_from_cell([512, 4, 6], [256, 4, 3]);
        assert_eq!(coarse.transform_point3(DVec3::new(3.0, 2.0, 1.0)), DVec3::new(6.5, 2.0, 2.5));
    }

    #[test]
    fn labels_lie_over_what_was_there_and_leave_it_where_they_show_nothing() {
        let volume = phantom::volume([4, 1, 1], DVec3::ONE, vec![0i16; 4]);
        let beneath = Solids::new(&volume, vec![1, 1, 2, 0]).unwrap();
        let grid = LabelGrid::over(&volume, &[0, 300, 5, 300]);
        let mut parts = vec![0; 301];
        parts[300] = 3;
        let labels = LabelParts { voxel_from_patient: volume.voxel_from_patient(), parts: Arc::new(parts) };
        let over = Solids::with_labels(&volume, Some(&beneath), &grid, &labels).unwrap();
        assert_eq!(over.labels(), [1, 3, 2, 3]);
    }
}
