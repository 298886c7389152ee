//! Which voxels of a grid belong to something.
//!
//! Not here: numbers of segments and their place in the patient (`label_grid.rs`), how a mask is found.

use glam::DVec3;
use rayon::prelude::*;

use crate::{LabelGrid, ToolError, Volume, regular};

/// A voxel set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Voxels along columns (x), rows (y) and slices (z).
    pub dims: [usize; 3],
    /// `dims.product()` answers, x fastest, then y, then z.
    pub inside: Vec<bool>,
}

impl Mask {
    /// No voxel.
    pub fn none(dims: [usize; 3]) -> Self {
        Self { dims, inside: vec![false; dims.iter().product()] }
    }

    /// The voxels of the volume's time point whose value is wanted.
    pub fn where_value(volume: &Volume, wanted: impl Fn(f32) -> bool + Sync) -> Self {
        let [nx, ny, nz, _] = volume.dims;
        let first = volume.first_voxel();
        let voxels = &*volume.voxels;
        let inside = (0..nx * ny * nz).into_par_iter().map(|i| wanted(voxels.value(first + i))).collect();
        Self { dims: [nx, ny, nz], inside }
    }

    /// Number of voxels.
    pub fn count(&self) -> usize {
        self.inside.iter().filter(|inside| **inside).count()
    }

    /// Flat index of a voxel.
    pub fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        (z * self.dims[1] + y) * self.dims[0] + x
    }

    /// The voxel at a flat index.
    pub fn voxel(&self, index: usize) -> [usize; 3] {
        let [nx, ny, _] = self.dims;
        [index % nx, index / nx % ny, index / (nx * ny)]
    }

    /// Millilitres, when the mask is on the grid of `volume`.
    pub fn volume_ml(&self, volume: &Volume) -> f64 {
        let m = volume.patient_from_voxel;
        self.count() as f64 * m.determinant().abs() / 1000.0
    }

    /// The mask as a segment on the grid of `volume`.
    pub fn label_grid(&self, volume: &Volume, label: u16) -> LabelGrid {
        let labels: Vec<u16> = self.inside.iter().map(|inside| if *inside { label } else { 0 }).collect();
        LabelGrid::over(volume, &labels)
    }

    /// Voxels of both.
    #[must_use]
    pub fn and(mut self, other: &Mask) -> Self {
        self.inside.iter_mut().zip(&other.inside).for_each(|(a, b)| *a &= *b);
        self
    }

    /// Voxels of either.
    #[must_use]
    pub fn or(mut self, other: &Mask) -> Self {
        self.inside.iter_mut().zip(&other.inside).for_each(|(a, b)| *a |= *b);
        self
    }

    /// Voxels of this one that are not in the other.
    #[must_use]
    pub fn without(mut self, other: &Mask) -> Self {
        self.inside.iter_mut().zip(&other.inside).for_each(|(a, b)| *a &= !*b);
        self
    }

    /// Overlap as twice the common voxels over the voxels of both (Dice 1945); 1 when both are empty.
    pub fn dice(&self, other: &Mask) -> f64 {
        let common = self.inside.iter().zip(&other.inside).filter(|(a, b)| **a && **b).count();
        let both = self.count() + other.count();
        if both == 0 { 1.0 } else { 2.0 * common as f64 / both as f64 }
    }
}

/// The three steps from a voxel to its neighbours along columns, rows and slices, in patient millimetres.
///
/// # Errors
/// [`ToolError::Uneven`] where the slices have no common step.
pub(crate) fn steps_mm(volume: &Volume) -> Result<[DVec3; 3], ToolError> {
    if !regular::is_regular(volume) {
        return Err(ToolError::Uneven);
    }
    let m = volume.patient_from_voxel;
    Ok([m.x_axis.truncate(), m.y_axis.truncate(), m.z_axis.truncate()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;

    #[test]
    fn a_mask_says_its_volume_and_where_in_the_patient_it_is() {
        let volume = phantom::ramp([4, 4, 4]);
        let mask = Mask::where_value(&volume, |v| v >= 300.0);
        assert_eq!((mask.count(), mask.volume_ml(&volume)), (16, 0.016));
        let grid = mask.label_grid(&volume, 3);
        assert_eq!(grid.label_at(DVec3::new(0.0, 0.0, 1.5)), 3);
        assert_eq!(grid.label_at(DVec3::new(0.0, 0.0, 0.5)), 0);
        assert_eq!(mask.voxel(mask.index([1, 2, 3])), [1, 2, 3]);
    }

    #[test]
    fn half_of_the_voxels_in_common_is_a_dice_of_one_half() {
        let mask = |inside: [bool; 3]| Mask { dims: [3, 1, 1], inside: inside.to_vec() };
        let (a, b) = (mask([true, true, false]), mask([false, true, true]));
        assert_eq!(a.dice(&b), 0.5);
        assert_eq!((a.clone().and(&b).count(), a.clone().or(&b).count(), a.without(&b).count()), (1, 3, 1));
    }
}
