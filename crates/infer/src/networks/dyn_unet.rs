//! MONAI's `DynUNet`, its form of nnU-Net.

use burn::prelude::Tensor;

use super::unet_blocks::{Block, UpBlock};
use super::{MonaiNorm, Network};
use crate::compute::Compute;
use crate::layers::{Conv, ConvSpec};
use crate::weights::{Weights, WeightsError};

/// Measures of a DynUNet by level, the first being the finest; axes depth, rows, columns.
#[derive(Clone, Debug, PartialEq)]
pub struct DynUnetShape {
    /// 2 or 3.
    pub spatial: usize,
    /// Channels of the image.
    pub inputs: usize,
    /// Classes.
    pub outputs: usize,
    /// Channels of each level.
    pub filters: Vec<usize>,
    /// Kernel of each level.
    pub kernels: Vec<[usize; 3]>,
    /// Stride into each level.
    pub strides: Vec<[usize; 3]>,
    /// Kernel and stride of each rise, the finest first; one fewer than levels.
    pub up_kernels: Vec<[usize; 3]>,
    /// Normalisation of the blocks.
    pub norm: MonaiNorm,
    /// Residual blocks on the way down.
    pub residual: bool,
    /// Transposed convolutions have a bias.
    pub up_bias: bool,
}

pub(super) fn build(
    shape: &DynUnetShape,
    weights: &Weights,
    compute: &Compute,
) -> Result<Box<dyn Network>, WeightsError> {
    // `skip_layers` are the same blocks again, nested; the heads of deep supervision only guide the training.
    let is_copy =
        |name: &str| name.starts_with("skip_layers.") || name.starts_with("deep_supervision_heads.");
    weights.build(compute, shape.spatial, is_copy, |layers| {
        let levels = shape.filters.len();
        let block = |name: String, level: usize| {
            let layers = layers.at(name);
            let inputs = if level == 0 { shape.inputs } else { shape.filters[level - 1] };
            let channels = [inputs, shape.filters[level]];
            Block::load(
                &layers,
                channels,
                shape.kernels[level],
                shape.strides[level],
                shape.norm,
                shape.residual,
            )
        };
        let downs = (0..levels).map(|level| match level {
            0 => block("input_block".to_owned(), level),
            _ if level + 1 == levels => block("bottleneck".to_owned(), level),
            _ => block(format!("downsamples.{}", level - 1), level),
        });
        let downs = downs.collect::<Result<Vec<_>, _>>()?;
        let ups = (1..levels).rev().map(|level| {
            let layers = layers.at("upsamples").at(levels - 1 - level);
            let channels = [shape.filters[level], shape.filters[level - 1]];
            let (kernel, stride) = (shape.kernels[level], shape.up_kernels[level - 1]);
            // The blocks on the way up are plain in both forms.
            UpBlock::load(&layers, channels, kernel, stride, shape.up_bias, shape.norm, false)
        });
        let ups = ups.collect::<Result<Vec<_>, _>>()?;
        let last = ConvSpec::sized(shape.filters[0], shape.outputs, [1; 3], [1; 3]);
        let last = Conv::load(&layers.at("output_block").at("conv").at("conv"), last)?;
        Ok(Box::new(DynUnet { downs, ups, last }) as _)
    })
}

struct DynUnet {
    downs: Vec<Block>,
    ups: Vec<UpBlock>,
    last: Conv,
}

impl Network for DynUnet {
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let mut levels = Vec::with_capacity(self.downs.len());
        let mut x = x;
        for down in &self.downs {
            x = down.forward(x);
            levels.push(x.clone());
        }
        levels.pop();
        for (up, finer) in self.ups.iter().zip(levels.into_iter().rev()) {
            x = up.forward(x, finer);
        }
        self.last.forward(x)
    }
}
