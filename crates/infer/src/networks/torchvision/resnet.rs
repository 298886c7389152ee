//! ResNet: basic blocks (18, 34) or bottlenecks (50, 101, 152), stride in the 3 × 3 convolution.

use burn::prelude::Tensor;

use crate::compute::Compute;
use crate::layers::{Activation, Conv, ConvSpec, Linear, Norm, adaptive_mean, stem_pool};
use crate::networks::densenet::as_one_voxel;
use crate::networks::{Network, no_copies};
use crate::weights::{Layers, Weights, WeightsError};

/// Measures of a ResNet.
#[derive(Clone, Debug, PartialEq)]
pub struct ResNetShape {
    /// Channels of the picture.
    pub inputs: usize,
    /// Classes.
    pub outputs: usize,
    /// Blocks of each of the four stages.
    pub blocks: [usize; 4],
    /// Three convolutions a block, the last four times as wide.
    pub bottleneck: bool,
}

impl ResNetShape {
    /// By the number of layers in its name: 18, 34, 50, 101, 152.
    pub fn by_depth(depth: usize, inputs: usize, outputs: usize) -> Option<Self> {
        let blocks = match depth {
            18 => [2, 2, 2, 2],
            34 | 50 => [3, 4, 6, 3],
            101 => [3, 4, 23, 3],
            152 => [3, 8, 36, 3],
            _ => return None,
        };
        Some(Self { inputs, outputs, blocks, bottleneck: depth >= 50 })
    }
}

pub(in crate::networks) fn build(
    shape: &ResNetShape,
    weights: &Weights,
    compute: &Compute,
) -> Result<Box<dyn Network>, WeightsError> {
    weights.build(compute, 2, no_copies, |layers| Ok(Box::new(ResNet::load(layers, shape)?) as _))
}

struct ResNet {
    stem: (Conv, Norm),
    blocks: Vec<Block>,
    head: Linear,
}

struct Block {
    convs: Vec<(Conv, Norm)>,
    past: Option<(Conv, Norm)>,
}

impl ResNet {
    fn load(layers: &Layers<'_>, shape: &ResNetShape) -> Result<Self, WeightsError> {
        let stem = ConvSpec::cube(layers, shape.inputs, 64, 7, 2).without_bias();
        let stem = (Conv::load(&layers.at("conv1"), stem)?, Norm::batch(&layers.at("bn1"), 64, 1e-5)?);
        let wide = if shape.bottleneck { 4 } else { 1 };
        let mut inputs = 64;
        let mut blocks = Vec::new();
        for (stage, count) in shape.blocks.iter().enumerate() {
            let layers = layers.at(format!("layer{}", stage + 1));
            for block in 0..*count {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let width = 64 << stage;
                blocks.push(Block::load(
                    &layers.at(block),
                    inputs,
                    width,
                    wide * width,
                    stride,
                    shape.bottleneck,
                )?);
                inputs = wide * width;
            }
        }
        Ok(Self { stem, blocks, head: Linear::load(&layers.at("fc"), inputs, shape.outputs, true)? })
    }
}

impl Network for ResNet {
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let (conv, norm) = &self.stem;
        let x = stem_pool(Activation::Relu.forward(norm.forward(conv.forward(x))), 2);
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        as_one_voxel(self.head.forward(adaptive_mean(x)))
    }
}

impl Block {
    fn load(
        layers: &Layers<'_>,
        inputs: usize,
        width: usize,
        outputs: usize,
        stride: usize,
        bottleneck: bool,
    ) -> Result<Self, WeightsError> {
        let pair = |place: usize, inputs: usize, outputs: usize, kernel: usize, stride: usize| {
            let spec = ConvSpec::cube(layers, inputs, outputs, kernel, stride).without_bias();
            let conv = Conv::load(&layers.at(format!("conv{place}")), spec)?;
            Ok((conv, Norm::batch(&layers.at(format!("bn{place}")), outputs, 1e-5)?))
        };
        let convs: Result<Vec<_>, WeightsError> = match bottleneck {
            true => [
                pair(1, inputs, width, 1, 1),
                pair(2, width, width, 3, stride),
                pair(3, width, outputs, 1, 1),
            ]
            .into_iter()
            .collect(),
            false => [pair(1, inputs, width, 3, stride), pair(2, width, outputs, 3, 1)].into_iter().collect(),
        };
        let past = (stride > 1 || inputs != outputs).then(|| {
            let layers = layers.at("downsample");
            let spec = ConvSpec::cube(&layers, inputs, outputs, 1, stride).without_bias();
            Ok::<_, WeightsError>((
                Conv::load(&layers.at(0), spec)?,
                Norm::batch(&layers.at(1), outputs, 1e-5)?,
            ))
        });
        Ok(Self { convs: convs?, past: past.transpose()? })
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let last = self.convs.len() - 1;
        let through = self.convs.iter().enumerate().fold(x.clone(), |x, (place, (conv, norm))| {
            let x = norm.forward(conv.forward(x));
            if place == last { x } else { Activation::Relu.forward(x) }
        });
        let past = match &self.past {
            Some((conv, norm)) => norm.forward(conv.forward(x)),
            None => x,
        };
        Activation::Relu.forward(through + past)
    }
}
