//! The sliding window: patches that overlap by half, weighted by a Gaussian, their logits averaged.
//!
//! Sums are kept in half precision, as the original keeps them: they are the largest array of a run, and with them the answer
//! is the original's to the voxel.

use burn::prelude::Tensor;
use half::f16;
use rayon::prelude::*;

use crate::grid::Region;
use crate::run::InferError;

/// Where the logits of patches are put together.
pub(super) trait Gathering {
    /// Adds a patch: `[1, heads, slices, rows, columns]`.
    fn add(&mut self, region: Region, logits: Tensor<5>) -> Result<(), InferError>;

    /// All patches of a fold are there.
    fn end_fold(&mut self) -> Result<(), InferError>;
}

/// Where patches begin along an axis: half a patch apart at most, evenly from end to end.
fn starts(size: usize, patch: usize) -> Vec<usize> {
    let last = size - patch;
    let steps = (last as f64 / (patch as f64 * 0.5)).ceil() as usize;
    match steps {
        0 => vec![0],
        _ => (0..=steps)
            .map(|step| (last as f64 / steps as f64 * step as f64).round_ties_even() as usize)
            .collect(),
    }
}

/// The patches that cover a grid which is at least as large as one of them. Of a network of the plane each slice is one
/// row of patches.
pub(super) fn patches(dims: [usize; 3], patch: [usize; 3], spatial: usize) -> Vec<Region> {
    let along = |axis: usize| match axis == 0 && spatial == 2 {
        true => (0..dims[0]).collect(),
        false => starts(dims[axis], patch[axis]),
    };
    let (rows, columns) = (along(1), along(2));
    let mut all = Vec::new();
    for slice in along(0) {
        for row in &rows {
            all.extend(columns.iter().map(|column| Region { from: [slice, *row, *column], dims: patch }));
        }
    }
    all
}

/// The weights of a patch's voxels: a Gaussian about the middle, an eighth of the patch wide, 10 at its top and nowhere 0.
pub(super) fn gaussian(patch: [usize; 3]) -> Vec<f16> {
    let line = |size: usize| {
        let sigma = size as f64 / 8.0;
        let radius = (4.0 * sigma + 0.5) as i64;
        let weight = |offset: i64| (-0.5 / (sigma * sigma) * (offset * offset) as f64).exp();
        let sum: f64 = (-radius..=radius).map(weight).sum();
        let middle = (size / 2) as i64;
        let at = |place: i64| match (place - middle).abs() <= radius {
            true => weight(place - middle) / sum,
            false => 0.0,
        };
        (0..size as i64).map(at).collect::<Vec<f64>>()
    };
    let [slices, rows, columns] = patch.map(line);
    let mut values = Vec::with_capacity(patch.iter().product());
    for slice in &slices {
        for row in &rows {
            values.extend(columns.iter().map(|column| slice * row * column));
        }
    }
    let most = values.iter().copied().fold(0.0, f64::max);
    let mut weights: Vec<f16> = values.into_iter().map(|value| f16::from_f64(value / most * 10.0)).collect();
    let least = weights.iter().copied().filter(|weight| *weight > f16::ZERO).fold(f16::MAX, f16::min);
    weights.iter_mut().filter(|weight| **weight == f16::ZERO).for_each(|weight| *weight = least);
    weights
}

/// Weighted sums of logits over a grid.
pub(super) struct Sums {
    dims: [usize; 3],
    /// Head by head.
    logits: Vec<f16>,
    weights: Vec<f16>,
}

impl Sums {
    pub(super) fn new(heads: usize, dims: [usize; 3]) -> Self {
        let voxels = dims.iter().product();
        Self { dims, logits: vec![f16::ZERO; heads * voxels], weights: vec![f16::ZERO; voxels] }
    }

    /// Adds the logits of a patch, head by head.
    pub(super) fn add(&mut self, region: Region, logits: &[f32], gaussian: &[f16]) {
        let voxels: usize = self.dims.iter().product();
        let width = region.dims[2];
        let dims = self.dims;
        self.logits.par_chunks_mut(voxels).zip(logits.par_chunks(gaussian.len())).for_each(
            |(sums, logits)| {
                for (row, start) in region.rows(dims).enumerate() {
                    let part = row * width..(row + 1) * width;
                    let sums = &mut sums[start..start + width];
                    for (sum, (logit, weight)) in
                        sums.iter_mut().zip(logits[part.clone()].iter().zip(&gaussian[part]))
                    {
                        *sum = f16::from_f32(sum.to_f32() + logit * weight.to_f32());
                    }
                }
            },
        );
        for (row, start) in region.rows(dims).enumerate() {
            let sums = &mut self.weights[start..start + width];
            for (sum, weight) in sums.iter_mut().zip(&gaussian[row * width..(row + 1) * width]) {
                *sum = f16::from_f32(sum.to_f32() + weight.to_f32());
            }
        }
    }

    /// The averages, head by head.
    pub(super) fn averages(mut self) -> Vec<f16> {
        let weights = &self.weights;
        self.logits.par_chunks_mut(weights.len()).for_each(|sums| {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = f16::from_f32(sum.to_f32() / weight.to_f32());
            }
        });
        self.logits
    }
}

/// Sums in the processor's memory; the mean of all folds' averages.
pub(super) struct OnProcessor {
    heads: usize,
    dims: [usize; 3],
    gaussian: Vec<f16>,
    sums: Sums,
    total: Option<Vec<f16>>,
    folds: usize,
}

impl OnProcessor {
    pub(super) fn new(heads: usize, dims: [usize; 3], patch: [usize; 3]) -> Self {
        let sums = Sums::new(heads, dims);
        Self { heads, dims, gaussian: gaussian(patch), sums, total: None, folds: 0 }
    }

    /// Head by head.
    ///
    /// # Errors
    /// [`InferError::Overflow`].
    pub(super) fn logits(self) -> Result<Vec<f16>, InferError> {
        let mut logits = self.total.unwrap_or_default();
        if self.folds > 1 {
            let count = self.folds as f32;
            logits.par_iter_mut().for_each(|logit| *logit = f16::from_f32(logit.to_f32() / count));
        }
        match logits.par_iter().any(|logit| !logit.is_finite()) {
            true => Err(InferError::Overflow),
            false => Ok(logits),
        }
    }
}

impl Gathering for OnProcessor {
    fn add(&mut self, region: Region, logits: Tensor<5>) -> Result<(), InferError> {
        let data = logits.try_into_data().map_err(|error| InferError::Device(error.to_string()))?;
        let logits: Vec<f32> = data.try_to_vec().map_err(|error| InferError::Device(format!("{error:?}")))?;
        self.sums.add(region, &logits, &self.gaussian);
        Ok(())
    }

    fn end_fold(&mut self) -> Result<(), InferError> {
        let sums = std::mem::replace(&mut self.sums, Sums::new(self.heads, self.dims));
        let averages = sums.averages();
        self.folds += 1;
        self.total = Some(match self.total.take() {
            None => averages,
            Some(total) => total
                .par_iter()
                .zip(&averages)
                .map(|(sum, logit)| f16::from_f32(sum.to_f32() + logit.to_f32()))
                .collect(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_reach_from_end_to_end_and_overlap_by_half_or_more() {
        // The example in the original's source: 110 voxels, a patch of 64.
        assert_eq!(starts(110, 64), [0, 23, 46]);
        assert_eq!(starts(64, 64), [0]);
        assert_eq!(patches([5, 64, 110], [1, 64, 64], 2).len(), 5 * 3);
    }

    #[test]
    fn the_gaussian_is_10_in_the_middle_and_nowhere_0() {
        let weights = gaussian([4, 64, 64]);
        assert_eq!(weights[(2 * 64 + 32) * 64 + 32], f16::from_f32(10.0));
        assert!(weights.iter().all(|weight| *weight > f16::ZERO));
    }

    #[test]
    fn equal_logits_average_to_themselves_however_often_they_are_seen() {
        let patch = [4, 4, 4];
        let (weights, mut sums) = (gaussian(patch), Sums::new(2, [4, 4, 6]));
        let logits: Vec<f32> = (0..128).map(|at| if at < 64 { 1.5 } else { -0.25 }).collect();
        for region in patches([4, 4, 6], patch, 3) {
            sums.add(region, &logits, &weights);
        }
        // At the corners the weights are the smallest numbers that half precision has: there only the sign is sure.
        let sure: Vec<bool> = sums.weights.iter().map(|weight| weight.to_f32() > 0.01).collect();
        assert!(sure.iter().filter(|sure| **sure).count() > 40);
        let averages = sums.averages();
        for (at, logit) in averages.iter().map(|logit| logit.to_f32()).enumerate() {
            let expected = if at < 96 { 1.5 } else { -0.25 };
            let near = (logit - expected).abs() < 0.01 * expected.abs();
            assert!(if sure[at % 96] { near } else { logit.signum() == expected.signum() }, "{at}: {logit}");
        }
    }
}
