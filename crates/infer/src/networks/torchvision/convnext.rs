//! ConvNeXt: 7 × 7 convolutions channel by channel and a transformer's block around them (Liu et al., arXiv:2201.03545).

use burn::prelude::Tensor;

use crate::compute::Compute;
use crate::layers::{Activation, Conv, ConvSpec, LayerNorm, Linear, adaptive_mean};
use crate::networks::densenet::as_one_voxel;
use crate::networks::{Network, no_copies};
use crate::weights::{Layers, Weights, WeightsError};

/// Measures of a ConvNeXt.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvNextShape {
    /// Channels of the picture.
    pub inputs: usize,
    /// Classes.
    pub outputs: usize,
    /// Channels of each of the four stages.
    pub widths: [usize; 4],
    /// Blocks of each stage.
    pub blocks: [usize; 4],
}

impl ConvNextShape {
    /// `tiny`, `small`, `base` or `large`.
    pub fn by_name(name: &str, inputs: usize, outputs: usize) -> Option<Self> {
        let (first, third) = match name {
            "tiny" => (96, 9),
            "small" => (96, 27),
            "base" => (128, 27),
            "large" => (192, 27),
            _ => return None,
        };
        let widths = [first, 2 * first, 4 * first, 8 * first];
        Some(Self { inputs, outputs, widths, blocks: [3, 3, third, 3] })
    }
}

const EPSILON: f64 = 1e-6;

pub(in crate::networks) fn build(
    shape: &ConvNextShape,
    weights: &Weights,
    compute: &Compute,
) -> Result<Box<dyn Network>, WeightsError> {
    weights.build(compute, 2, no_copies, |layers| Ok(Box::new(ConvNext::load(layers, shape)?) as _))
}

struct ConvNext {
    stem: (Conv, LayerNorm),
    stages: Vec<(Option<Into>, Vec<Block>)>,
    last_norm: LayerNorm,
    head: Linear,
}

/// What leads from one stage to the next.
type Into = (LayerNorm, Conv);

struct Block {
    by_channel: Conv,
    norm: LayerNorm,
    mlp: [Linear; 2],
    scale: Tensor<5>,
}

impl ConvNext {
    fn load(layers: &Layers<'_>, shape: &ConvNextShape) -> Result<Self, WeightsError> {
        let features = layers.at("features");
        let patches = |inputs: usize, outputs: usize, size: usize| ConvSpec {
            padding: [0; 3],
            ..ConvSpec::cube(layers, inputs, outputs, size, size)
        };
        let stem = features.at(0);
        let stem = (
            Conv::load(&stem.at(0), patches(shape.inputs, shape.widths[0], 4))?,
            LayerNorm::load(&stem.at(1), shape.widths[0], EPSILON)?,
        );
        let stages = (0..4).map(|stage| {
            let width = shape.widths[stage];
            let into = (stage > 0).then(|| {
                let layers = features.at(2 * stage);
                let before = shape.widths[stage - 1];
                let norm = LayerNorm::load(&layers.at(0), before, EPSILON)?;
                Ok::<_, WeightsError>((norm, Conv::load(&layers.at(1), patches(before, width, 2))?))
            });
            let layers = features.at(2 * stage + 1);
            let blocks = (0..shape.blocks[stage]).map(|block| Block::load(&layers.at(block), width));
            Ok((into.transpose()?, blocks.collect::<Result<_, WeightsError>>()?))
        });
        let stages = stages.collect::<Result<_, WeightsError>>()?;
        let head = layers.at("classifier");
        let width = shape.widths[3];
        let last_norm = LayerNorm::load(&head.at(0), width, EPSILON)?;
        Ok(Self { stem, stages, last_norm, head: Linear::load(&head.at(2), width, shape.outputs, true)? })
    }
}

impl Network for ConvNext {
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let (conv, norm) = &self.stem;
        let mut x = by_channels(conv.forward(x), norm);
        for (into, blocks) in &self.stages {
            if let Some((norm, conv)) = into {
                x = conv.forward(by_channels(x, norm));
            }
            x = blocks.iter().fold(x, |x, block| block.forward(x));
        }
        as_one_voxel(self.head.forward(self.last_norm.forward(adaptive_mean(x))))
    }
}

/// The normalisation over the channels of each pixel.
fn by_channels(x: Tensor<5>, norm: &LayerNorm) -> Tensor<5> {
    norm.forward(x.permute([0, 2, 3, 4, 1])).permute([0, 4, 1, 2, 3])
}

impl Block {
    fn load(layers: &Layers<'_>, width: usize) -> Result<Self, WeightsError> {
        let inner = layers.at("block");
        let by_channel = ConvSpec::cube(layers, width, width, 7, 1).in_groups(width);
        let scale: Tensor<3> = layers.tensor("layer_scale", [width, 1, 1])?;
        Ok(Self {
            by_channel: Conv::load(&inner.at(0), by_channel)?,
            norm: LayerNorm::load(&inner.at(2), width, EPSILON)?,
            mlp: [
                Linear::load(&inner.at(3), width, 4 * width, true)?,
                Linear::load(&inner.at(5), 4 * width, width, true)?,
            ],
            scale: scale.reshape([1, width, 1, 1, 1]),
        })
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let tokens = self.norm.forward(self.by_channel.forward(x.clone()).permute([0, 2, 3, 4, 1]));
        let [widen, narrow] = &self.mlp;
        let inner = narrow.forward(Activation::Gelu.forward(widen.forward(tokens)));
        inner.permute([0, 4, 1, 2, 3]) * self.scale.clone() + x
    }
}
