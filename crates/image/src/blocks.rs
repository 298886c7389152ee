//! A volume made coarser by whole voxels: means of blocks, for searches that need no detail.

use glam::{DMat4, DVec3};
use rayon::prelude::*;

use crate::{Mask, Volume};

/// Means of equal blocks of a volume's time point.
#[derive(Clone, Debug)]
pub struct Blocks {
    /// Voxels in a block along x, y, z.
    pub block: [usize; 3],
    /// Blocks along x, y, z; the last ones may hold fewer voxels.
    pub dims: [usize; 3],
    /// Modality values, x fastest.
    pub values: Vec<f32>,
    /// Distances of neighbouring block centres.
    pub spacing_mm: DVec3,
    /// Patient position of block centres.
    pub patient_from_block: DMat4,
}

impl Blocks {
    /// Blocks as near to cubes of `grid_mm` as whole voxels allow.
    pub fn near(volume: &Volume, grid_mm: f64) -> Self {
        let m = volume.patient_from_voxel;
        let steps = [m.x_axis, m.y_axis, m.z_axis].map(|axis| axis.truncate().length());
        let wanted = |a: usize| ((grid_mm / steps[a]).round() as usize).clamp(1, volume.dims[a].max(1));
        let block = [0, 1, 2].map(wanted);
        let dims = [0, 1, 2].map(|a| volume.dims[a].div_ceil(block[a]));
        let size = (dims[0] * dims[1]).max(1);
        let value = |i: usize| {
            let at = [i % dims[0], i / dims[0] % dims[1], i / size];
            mean(volume, [0, 1, 2].map(|a| at[a] * block[a]), block)
        };
        let values = (0..size * dims[2]).into_par_iter().map(value).collect();
        let count = DVec3::from_array(block.map(|b| b as f64));
        let spacing_mm = DVec3::from_array(steps) * count;
        let patient_from_block = m * DMat4::from_translation((count - 1.0) * 0.5) * DMat4::from_scale(count);
        Self { block, dims, values, spacing_mm, patient_from_block }
    }

    /// The blocks whose value is wanted.
    pub fn mask(&self, wanted: impl Fn(f32) -> bool + Sync) -> Mask {
        Mask { dims: self.dims, inside: self.values.par_iter().map(|v| wanted(*v)).collect() }
    }

    /// Millilitres of a block.
    pub fn ml(&self) -> f64 {
        self.patient_from_block.determinant().abs() / 1000.0
    }

    /// A mask of blocks on the voxels of the volume.
    pub fn fine(&self, mask: &Mask, volume: &Volume) -> Mask {
        let [nx, ny, nz, _] = volume.dims;
        let mut inside = vec![false; nx * ny * nz];
        inside.par_chunks_exact_mut(nx.max(1)).enumerate().for_each(|(row, to)| {
            let first = mask.index([0, row % ny / self.block[1], row / ny / self.block[2]]);
            to.iter_mut().enumerate().for_each(|(x, to)| *to = mask.inside[first + x / self.block[0]]);
        });
        Mask { dims: [nx, ny, nz], inside }
    }
}

/// Mean of the voxels of a block that are in the volume.
pub(crate) fn mean(volume: &Volume, low: [usize; 3], block: [usize; 3]) -> f32 {
    let high = [0, 1, 2].map(|a| (low[a] + block[a]).min(volume.dims[a]));
    let first = volume.first_voxel();
    let mut sum = 0.0_f64;
    for z in low[2]..high[2] {
        for y in low[1]..high[1] {
            let row = first + (z * volume.dims[1] + y) * volume.dims[0];
            sum += (low[0]..high[0]).map(|x| f64::from(volume.voxels.value(row + x))).sum::<f64>();
        }
    }
    let count: usize = (0..3).map(|a| high[a].saturating_sub(low[a])).product();
    (sum / count.max(1) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;

    #[test]
    fn a_block_has_the_mean_of_its_voxels_and_lies_in_their_middle() {
        let volume = phantom::ramp([5, 4, 4]); // value = 10 x + y + 100 z
        let blocks = Blocks::near(&volume, 2.0);
        assert_eq!((blocks.block, blocks.dims), ([2; 3], [3, 2, 2]));
        assert_eq!(blocks.values[0], 5.0 + 0.5 + 50.0);
        assert_eq!(blocks.values[2], 40.0 + 0.5 + 50.0); // the last column alone
        let middle = blocks.patient_from_block.transform_point3(DVec3::ZERO);
        assert!(middle.distance(volume.patient_from_voxel.transform_point3(DVec3::splat(0.5))) < 1e-12);
        let high = blocks.mask(|v| v > 200.0);
        assert_eq!(blocks.fine(&high, &volume), Mask::where_value(&volume, |v| v >= 200.0));
    }
}
