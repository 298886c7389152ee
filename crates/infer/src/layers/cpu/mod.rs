//! The processor's own work where burn's flex backend falls behind: convolutions, normalisation with activation, joins.
//!
//! Maps lie in memory with their channels last, so that a voxel's channels are one run of numbers: every inner loop is over
//! them, and a convolution is products of matrices without any gathering. To burn such a tensor is a permuted view, which
//! every other operation understands; between two of these functions nothing is copied.

mod dense;
mod join;
mod normalise;
mod product;
mod spare;
mod transposed;
mod winograd;

use burn::prelude::{Device, Tensor};
use burn::tensor::TensorData;

pub(super) use dense::{Kernels, convolve, convolve_both};
pub(super) use join::join;
pub(super) use normalise::{Affine, normalise};
pub(crate) use spare::Kept;
pub(super) use transposed::{TransposedKernels, transposed};

/// A feature map in memory: images, depth, rows, columns, channels, the last one fastest.
pub(super) struct Map {
    /// Images, depth, rows, columns, channels.
    pub(super) dims: [usize; 5],
    pub(super) values: Vec<f32>,
}

/// True where these functions are for.
pub(super) fn is_here(x: &Tensor<5>) -> bool {
    x.device() == Device::flex()
}

impl Map {
    /// Takes a tensor's numbers. Nothing is copied when they lie as a map's and nobody else holds them.
    pub(super) fn of(x: Tensor<5>) -> Self {
        let x = x.permute([0, 2, 3, 4, 1]);
        let dims = x.dims();
        // A tensor of the flex backend is memory: taking it cannot fail.
        let values = x.into_data().try_into_vec::<f32>().unwrap_or_default();
        Self { dims, values }
    }

    /// The tensor as networks see it: images, channels, depth, rows, columns.
    pub(super) fn into_tensor(mut self) -> Tensor<5> {
        let values = std::mem::take(&mut self.values);
        let x: Tensor<5> = Tensor::from_data(TensorData::new(values, self.dims), &Device::flex());
        x.permute([0, 4, 1, 2, 3])
    }

    /// Voxels of all images.
    pub(super) fn voxels(&self) -> usize {
        self.dims[..4].iter().product()
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        spare::give(std::mem::take(&mut self.values));
    }
}
