//! From an image to its labels: prepare, run all folds over all patches, put the logits together, decide. Where there is a
//! graphics device with room for the sums, the last two are done there (`device`); else on the processor.

use burn::prelude::Tensor;
use burn::tensor::TensorData;
use half::f16;
use medsight_gpu::{DeviceLabels, Reservation};
use rayon::prelude::*;

use super::dataset::Dataset;
use super::device::{OnDevice, Placing};
use super::folder::NnunetModel;
use super::memory::room;
use super::plans::Plan;
use super::precision::input;
use super::prepare::{Prepared, prepare, resample, untransposed};
use super::sliding::{Gathering, OnProcessor, patches};
use crate::compute::{Compute, Stop, single};
use crate::grid::{Grid, Region, transposed};
use crate::layers::Kept;
use crate::networks::Network;
use crate::run::{InferError, Progress};

/// Labels on the volume's voxels in device memory, or on the image's in the processor's.
pub(crate) enum Found {
    Here(Vec<u16>),
    There(DeviceLabels),
}

/// An image as it goes through the network patch by patch.
pub(super) struct Cut {
    pub(super) patch: [usize; 3],
    /// The prepared grid, where it is smaller than a patch with a frame around it.
    pub(super) padded: [usize; 3],
    /// The image in it.
    pub(super) inner: Region,
    channels: Vec<Grid>,
    regions: Vec<Region>,
    /// Held until the last patch is done.
    _room: Reservation,
}

impl Cut {
    /// The patches.
    pub(super) fn regions(&self) -> &[Region] {
        &self.regions
    }
}

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
        match self.segment_to(images, spacing_mm, None, progress)? {
            Found::Here(labels) => Ok(labels),
            // Only where a place for them is given.
            Found::There(labels) => labels.read_back().map_err(|error| InferError::Device(error.to_string())),
        }
    }

    /// The same; where `placing` is given and there is room on the device ([`OnDevice::planned`]), the labels are left there,
    /// on the volume's voxels. The stage of a cascade that another one builds on is always done on the processor: it is
    /// prepared for the next one there.
    pub(crate) fn segment_to(
        &self,
        images: &[Grid],
        spacing_mm: [f64; 3],
        placing: Option<&Placing>,
        progress: &Progress<'_>,
    ) -> Result<Found, InferError> {
        self.check(images, spacing_mm)?;
        self.compute().stop().begin();
        let _kept = Kept;
        let stages = 1 + usize::from(self.lower().is_some());
        let lower = match self.lower() {
            Some(lower) => {
                let progress = progress.part(0, stages);
                let prepared = lower.prepared(images, spacing_mm, None);
                let cut = lower.cut(&prepared)?;
                Some(lower.stage_here(&prepared, &cut, &progress)?)
            }
            None => None,
        };
        let progress = progress.part(stages - 1, stages);
        let prepared = self.prepared(images, spacing_mm, lower.as_deref());
        let cut = self.cut(&prepared)?;
        match placing.and_then(|placing| OnDevice::planned(self, &prepared, &cut, placing)) {
            Some(gathering) => {
                let mut gathering = gathering?;
                self.gather(&cut, &mut gathering, &progress)?;
                gathering.labels(self.dataset(), &prepared).map(Found::There)
            }
            None => self.stage_here(&prepared, &cut, &progress).map(Found::Here),
        }
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

    fn prepared(&self, images: &[Grid], spacing_mm: [f64; 3], lower: Option<&[u16]>) -> Prepared {
        let foreground: Vec<u16> = self.dataset().foreground().collect();
        prepare(self.plan(), images, spacing_mm, lower.map(|labels| (labels, foreground.as_slice())))
    }

    fn cut(&self, prepared: &Prepared) -> Result<Cut, InferError> {
        let plan = self.plan();
        let dims = prepared.channels[0].dims;
        let (patch, room) = room(&plan.shape, plan.patch, self.compute())?;
        let padded = [0, 1, 2].map(|axis| dims[axis].max(patch[axis]));
        let before = [0, 1, 2].map(|axis| (padded[axis] - dims[axis]) / 2);
        let framed = |channel: &Grid| channel.boxed(before.map(|before| -(before as i64)), padded);
        Ok(Cut {
            patch,
            padded,
            inner: Region { from: before, dims },
            channels: prepared.channels.iter().map(framed).collect(),
            regions: patches(padded, patch, plan.shape.spatial),
            _room: room,
        })
    }

    /// Sums, averages and decides on the processor.
    fn stage_here(
        &self,
        prepared: &Prepared,
        cut: &Cut,
        progress: &Progress<'_>,
    ) -> Result<Vec<u16>, InferError> {
        let (plan, heads) = (self.plan(), self.dataset().heads());
        let mut gathering = OnProcessor::new(heads, cut.padded, cut.patch);
        self.gather(cut, &mut gathering, progress)?;
        let logits = unframed(gathering.logits()?, heads, cut.padded, cut.inner);
        let labels = decided(self.dataset(), plan, prepared, &logits, self.compute().stop())?;
        drop(logits);
        // The part in its place, and the axes as they were.
        let mut whole = vec![0_u16; prepared.image_dims.iter().product()];
        let width = prepared.crop.dims[2];
        for (start, row) in prepared.crop.rows(prepared.image_dims).zip(labels.chunks(width)) {
            whole[start..start + width].copy_from_slice(row);
        }
        Ok(transposed(&whole, prepared.image_dims, untransposed([0, 1, 2], plan.transpose)).0)
    }

    /// Runs all folds over all patches.
    fn gather(
        &self,
        cut: &Cut,
        gathering: &mut dyn Gathering,
        progress: &Progress<'_>,
    ) -> Result<(), InferError> {
        let runs = cut.regions.len() * self.folds().len();
        for (fold, network) in self.folds().iter().enumerate() {
            for (place, region) in cut.regions.iter().enumerate() {
                let values = cut.channels.iter().flat_map(|channel| channel.part(*region).values).collect();
                let logits = self.mirrored(network.as_ref(), values, cut.patch)?;
                gathering.add(*region, logits)?;
                progress.tell((fold * cut.regions.len() + place + 1) as f32 / runs as f32);
            }
            gathering.end_fold()?;
        }
        Ok(())
    }

    /// The mean over a patch and its mirror images.
    fn mirrored(
        &self,
        network: &dyn Network,
        values: Vec<f32>,
        [depth, rows, columns]: [usize; 3],
    ) -> Result<Tensor<5>, InferError> {
        let data = TensorData::new(values, [1, self.plan().shape.inputs, depth, rows, columns]);
        let x = input(data, self.compute());
        let mirrors = mirrors(self.mirrored_axes());
        let count = mirrors.len() as f32;
        let mut sum: Option<Tensor<5>> = None;
        for axes in mirrors {
            let flip = |x: Tensor<5>| axes.iter().fold(x, |x, axis| x.flip([*axis]));
            let logits = flip(single(network.forward(flip(x.clone()))));
            sum = Some(match sum {
                None => logits,
                Some(sum) => sum + logits,
            });
            // One submission a pass, so that the viewport is drawn between them.
            settle(self.compute())?;
        }
        let mean = sum.map(|sum| if count > 1.0 { sum / count } else { sum });
        mean.ok_or(InferError::Stopped)
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
