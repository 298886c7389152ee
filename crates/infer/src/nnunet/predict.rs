//! From an image to its labels: prepare, run all folds over all patches, bring the logits back, decide.

use burn::prelude::Tensor;
use burn::tensor::TensorData;
use half::f16;
use rayon::prelude::*;

use super::dataset::Dataset;
use super::folder::NnunetModel;
use super::memory::room;
use super::plans::Plan;
use super::prepare::{Prepared, prepare, resample, untransposed};
use super::sliding::{Sums, gaussian, patches};
use crate::compute::{Compute, Stop};
use crate::grid::{Grid, Region, transposed};
use crate::layers::Kept;
use crate::networks::Network;
use crate::run::{InferError, Progress};

impl NnunetModel {
    /// The labels of an image, slices, rows, columns as the image has them. `images` are the channels in the order of the
    /// dataset, on one grid; `spacing_mm` is that of slices, rows, columns.
    ///
    /// # Errors
    /// [`InferError`] before anything runs when the image does not fit, and [`InferError::Stopped`] when it was ended.
    pub fn segment(
        &self,
        images: &[Grid],
        spacing_mm: [f64; 3],
        progress: &Progress<'_>,
    ) -> Result<Vec<u16>, InferError> {
        self.check(images, spacing_mm)?;
        self.compute().stop().begin();
        let _kept = Kept;
        let stages = 1 + usize::from(self.lower().is_some());
        let lower = match self.lower() {
            Some(lower) => Some(lower.stage(images, spacing_mm, None, &progress.part(0, stages))?),
            None => None,
        };
        self.stage(images, spacing_mm, lower.as_deref(), &progress.part(stages - 1, stages))
    }

    fn check(&self, images: &[Grid], spacing_mm: [f64; 3]) -> Result<(), InferError> {
        let expected = self.dataset().channels.len();
        if images.len() != expected {
            return Err(InferError::Channels { expected, found: images.len() });
        }
        let dims = images[0].dims;
        if images.iter().any(|image| image.dims != dims) {
            return Err(InferError::Grids);
        }
        if spacing_mm.iter().any(|spacing| !spacing.is_finite() || *spacing <= 0.0) {
            return Err(InferError::Spacing(spacing_mm));
        }
        if self.plan().shape.spatial == 3 && dims.contains(&1) {
            return Err(InferError::SingleSlice);
        }
        match images.iter().flat_map(|image| &image.values).all(|value| value.is_finite()) {
            true => Ok(()),
            false => Err(InferError::NotFinite),
        }
    }

    fn stage(
        &self,
        images: &[Grid],
        spacing_mm: [f64; 3],
        lower: Option<&[u16]>,
        progress: &Progress<'_>,
    ) -> Result<Vec<u16>, InferError> {
        let plan = self.plan();
        let foreground: Vec<u16> = self.dataset().foreground().collect();
        let lower = lower.map(|labels| (labels, foreground.as_slice()));
        let prepared = prepare(plan, images, spacing_mm, lower);
        let logits = self.logits(&prepared, progress)?;
        let labels = decided(self.dataset(), plan, &prepared, &logits, self.compute().stop())?;
        drop(logits);
        // The part in its place, and the axes as they were.
        let mut whole = vec![0_u16; prepared.image_dims.iter().product()];
        let width = prepared.crop.dims[2];
        for (start, row) in prepared.crop.rows(prepared.image_dims).zip(labels.chunks(width)) {
            whole[start..start + width].copy_from_slice(row);
        }
        Ok(transposed(&whole, prepared.image_dims, untransposed([0, 1, 2], plan.transpose)).0)
    }

    /// Averages over patches, mirrored ones and folds, head by head on the prepared grid.
    fn logits(&self, prepared: &Prepared, progress: &Progress<'_>) -> Result<Vec<f16>, InferError> {
        let plan = self.plan();
        let dims = prepared.channels[0].dims;
        // Held until the last patch is done.
        let (patch, _room) = room(&plan.shape, plan.patch, self.compute())?;
        let padded = [0, 1, 2].map(|axis| dims[axis].max(patch[axis]));
        let before = [0, 1, 2].map(|axis| (padded[axis] - dims[axis]) / 2);
        let channels: Vec<Grid> = prepared
            .channels
            .iter()
            .map(|channel| channel.boxed(before.map(|before| -(before as i64)), padded))
            .collect();
        let regions = patches(padded, patch, plan.shape.spatial);
        let (heads, weights) = (self.dataset().heads(), gaussian(patch));
        let runs = regions.len() * self.folds().len();
        let mut total: Option<Vec<f16>> = None;
        for (fold, network) in self.folds().iter().enumerate() {
            let mut sums = Sums::new(heads, padded);
            for (place, region) in regions.iter().enumerate() {
                let values = channels.iter().flat_map(|channel| channel.part(*region).values).collect();
                let logits = self.mirrored(network.as_ref(), values, patch)?;
                sums.add(*region, &logits, &weights);
                progress.tell((fold * regions.len() + place + 1) as f32 / runs as f32);
            }
            let averages = sums.averages();
            total = Some(match total {
                None => averages,
                Some(total) => total
                    .par_iter()
                    .zip(&averages)
                    .map(|(sum, logit)| f16::from_f32(sum.to_f32() + logit.to_f32()))
                    .collect(),
            });
        }
        let mut logits = total.unwrap_or_default();
        if self.folds().len() > 1 {
            let count = self.folds().len() as f32;
            logits.par_iter_mut().for_each(|logit| *logit = f16::from_f32(logit.to_f32() / count));
        }
        if logits.par_iter().any(|logit| !logit.is_finite()) {
            return Err(InferError::Overflow);
        }
        Ok(unframed(logits, heads, padded, Region { from: before, dims }))
    }

    /// The mean over a patch and its mirror images.
    fn mirrored(
        &self,
        network: &dyn Network,
        values: Vec<f32>,
        [depth, rows, columns]: [usize; 3],
    ) -> Result<Vec<f32>, InferError> {
        let data = TensorData::new(values, [1, self.plan().shape.inputs, depth, rows, columns]);
        let x: Tensor<5> = Tensor::from_data(data, self.compute().device());
        let mirrors = mirrors(self.mirrored_axes());
        let count = mirrors.len() as f32;
        let mut sum: Option<Tensor<5>> = None;
        for axes in mirrors {
            let flip = |x: Tensor<5>| axes.iter().fold(x, |x, axis| x.flip([*axis]));
            let logits = flip(network.forward(flip(x.clone())));
            sum = Some(match sum {
                None => logits,
                Some(sum) => sum + logits,
            });
            // One submission a pass, so that the viewport is drawn between them.
            settle(self.compute())?;
        }
        let mean = sum.map(|sum| if count > 1.0 { sum / count } else { sum });
        let mean = mean.ok_or(InferError::Stopped)?;
        let data = mean.try_into_data().map_err(|error| InferError::Device(error.to_string()))?;
        data.try_to_vec().map_err(|error| InferError::Device(format!("{error:?}")))
    }
}

/// Waits for the device, and ends the run where that was asked.
fn settle(compute: &Compute) -> Result<(), InferError> {
    compute.device().sync().map_err(|error| InferError::Device(error.to_string()))?;
    match compute.stop().is_asked() {
        true => Err(InferError::Stopped),
        false => Ok(()),
    }
}

/// All sets of axes, the empty one first. Axes are those of a tensor of five.
fn mirrors(axes: &[usize]) -> Vec<Vec<usize>> {
    (0..1_usize << axes.len())
        .map(|set| (0..axes.len()).filter(|bit| set >> bit & 1 == 1).map(|bit| axes[bit]).collect())
        .collect()
}

fn unframed(logits: Vec<f16>, heads: usize, dims: [usize; 3], inner: Region) -> Vec<f16> {
    if inner.dims == dims {
        return logits;
    }
    let voxels: usize = dims.iter().product();
    let mut out = Vec::with_capacity(heads * inner.dims.iter().product::<usize>());
    for head in 0..heads {
        for start in inner.rows(dims) {
            let start = head * voxels + start;
            out.extend_from_slice(&logits[start..start + inner.dims[2]]);
        }
    }
    out
}

/// The logits in the image's spacing, head by head, and the label of each voxel.
fn decided(
    dataset: &Dataset,
    plan: &Plan,
    prepared: &Prepared,
    logits: &[f16],
    stop: &Stop,
) -> Result<Vec<u16>, InferError> {
    let dims = prepared.channels[0].dims;
    let voxels: usize = dims.iter().product();
    let target = prepared.crop.dims;
    let mut labels = vec![0_u16; target.iter().product()];
    let mut best = vec![f16::NEG_INFINITY; labels.len()];
    for (head, logits) in logits.chunks(voxels).enumerate() {
        if stop.is_asked() {
            return Err(InferError::Stopped);
        }
        let grid = Grid { dims, values: logits.par_iter().map(|logit| logit.to_f32()).collect() };
        let grid = resample(&grid, target, plan.logits, prepared.spacing_mm, prepared.image_spacing_mm);
        let logits = grid.values.par_iter().map(|logit| f16::from_f32(*logit));
        match &dataset.regions_order {
            // A region is where its probability is above a half, its logit above 0.
            Some(order) => labels.par_iter_mut().zip(logits).for_each(|(label, logit)| {
                if logit > f16::ZERO {
                    *label = order[head];
                }
            }),
            // Of equal logits the first head's counts.
            None => labels.par_iter_mut().zip(&mut best).zip(logits).for_each(|((label, best), logit)| {
                if logit > *best {
                    (*best, *label) = (logit, dataset.all_labels[head]);
                }
            }),
        }
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_seen_in_every_mirror() {
        assert_eq!(mirrors(&[]), [Vec::<usize>::new()]);
        assert_eq!(mirrors(&[2, 4]), [vec![], vec![2], vec![4], vec![2, 4]]);
    }

    #[test]
    fn what_is_framed_comes_out_again() {
        let grid = Grid { dims: [1, 2, 3], values: (0..6).map(|at| at as f32).collect() };
        let framed = grid.boxed([0, -1, 0], [2, 4, 4]);
        let logits: Vec<f16> = framed.values.iter().map(|value| f16::from_f32(*value)).collect();
        let out = unframed(logits, 1, [2, 4, 4], Region { from: [0, 1, 0], dims: [1, 2, 3] });
        assert!(out.iter().zip(&grid.values).all(|(out, value)| out.to_f32() == *value));
    }
}
