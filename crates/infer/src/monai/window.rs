//! `SlidingWindowInferer`: patches a fixed part of themselves apart, their logits averaged with weights.

use super::bundle::BundleError;
use super::config::Config;
use crate::grid::Region;

const MOST_VOXELS: usize = 1 << 27;

/// How an image is cut.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    /// Voxels of a patch; a network of the plane takes whole slices' parts.
    pub(super) roi: [usize; 3],
    overlap: f64,
    /// The Gaussian's deviation as a part of the patch; none for equal weights.
    sigma: Option<f64>,
    /// What is around an image that is smaller than a patch.
    pub(super) outside: f32,
}

impl Window {
    pub(super) fn read(config: &Config<'_>) -> Result<Self, BundleError> {
        match config.target()? {
            "SlidingWindowInferer" => {}
            other => return Err(config.not_done("_target_", other)),
        }
        config.only(&[
            "roi_size",
            "sw_batch_size",
            "overlap",
            "mode",
            "sigma_scale",
            "padding_mode",
            "cval",
            "progress",
            "cache_roi_weight_map",
            "device",
            "sw_device",
        ])?;
        let roi = config.counts("roi_size")?.ok_or_else(|| config.wrong("roi_size", "is missing"))?;
        let roi: [usize; 3] =
            roi.try_into().map_err(|_| config.wrong("roi_size", "is not of three numbers"))?;
        // More voxels than any network's patch has: a guard against a configuration that is none.
        if roi.iter().product::<usize>() > MOST_VOXELS {
            return Err(config.wrong("roi_size", "has more than 2^27 voxels"));
        }
        let overlap = config.number("overlap")?.unwrap_or(0.25);
        if roi.contains(&0) || !(0.0..1.0).contains(&overlap) {
            return Err(config.wrong("overlap", "is not from 0 to below 1, or `roi_size` is 0"));
        }
        let sigma = match config.text("mode")? {
            None | Some("constant") => None,
            Some("gaussian") => Some(config.number("sigma_scale")?.unwrap_or(0.125)),
            Some(other) => return Err(config.not_done("mode", other)),
        };
        match config.text("padding_mode")? {
            None | Some("constant") => {}
            Some(other) => return Err(config.not_done("padding_mode", other)),
        }
        Ok(Self { roi, overlap, sigma, outside: config.number("cval")?.unwrap_or(0.0) as f32 })
    }

    /// The patches of a grid that is at least as large as one.
    pub(super) fn patches(&self, dims: [usize; 3]) -> Vec<Region> {
        let along = |axis: usize| -> Vec<usize> {
            let (size, roi) = (dims[axis], self.roi[axis]);
            let step = match size == roi {
                true => roi,
                false => ((roi as f64 * (1.0 - self.overlap)) as usize).max(1),
            };
            let count = (size - roi).div_ceil(step) + 1;
            (0..count).map(|place| (place * step).min(size - roi)).collect()
        };
        let [firsts, seconds, thirds] = [0, 1, 2].map(along);
        let mut all = Vec::new();
        for first in &firsts {
            for second in &seconds {
                all.extend(
                    thirds.iter().map(|third| Region { from: [*first, *second, *third], dims: self.roi }),
                );
            }
        }
        all
    }

    /// The weights of a patch's voxels.
    pub(super) fn weights(&self) -> Vec<f32> {
        let line = |size: usize| -> Vec<f32> {
            let Some(sigma) = self.sigma else { return vec![1.0; size] };
            let sigma = sigma * size as f64;
            let at = |place: usize| place as f64 - (size as f64 - 1.0) / 2.0;
            (0..size).map(|place| (-at(place).powi(2) / (2.0 * sigma * sigma)).exp() as f32).collect()
        };
        let [first, second, third] = self.roi.map(line);
        let mut weights = Vec::with_capacity(self.roi.iter().product());
        for a in &first {
            for b in &second {
                weights.extend(third.iter().map(|c| a * b * c));
            }
        }
        let least = weights.iter().copied().fold(f32::INFINITY, f32::min).max(1e-3);
        weights.iter_mut().for_each(|weight| *weight = weight.max(least));
        weights
    }
}
