//! MONAI's `SegResNet`: normalisation and activation before each convolution, sums instead of joins on the way up.

use burn::prelude::Tensor;

use super::{MonaiNorm, Network, no_copies};
use crate::compute::Compute;
use crate::layers::{Activation, Conv, ConvSpec, Norm, linear_by_two};
use crate::weights::{Layers, Weights, WeightsError};

/// Measures of a SegResNet.
#[derive(Clone, Debug, PartialEq)]
pub struct SegResNetShape {
    /// 2 or 3.
    pub spatial: usize,
    /// Channels of the image.
    pub inputs: usize,
    /// Classes.
    pub outputs: usize,
    /// Channels of the finest level; each coarser one has twice as many.
    pub filters: usize,
    /// Blocks of each level on the way down.
    pub blocks_down: Vec<usize>,
    /// Blocks of each level on the way up; one fewer.
    pub blocks_up: Vec<usize>,
    /// Normalisation; groups of 8 by default.
    pub norm: MonaiNorm,
}

pub(super) fn build(
    shape: &SegResNetShape,
    weights: &Weights,
    compute: &Compute,
) -> Result<Box<dyn Network>, WeightsError> {
    weights
        .build(compute, shape.spatial, no_copies, |layers| Ok(Box::new(SegResNet::load(layers, shape)?) as _))
}

struct SegResNet {
    first: Conv,
    downs: Vec<(Option<Conv>, Vec<Block>)>,
    ups: Vec<(Conv, Vec<Block>)>,
    last_norm: Norm,
    last: Conv,
    spatial: usize,
}

struct Block {
    norms: [Norm; 2],
    convs: [Conv; 2],
}

impl SegResNet {
    fn load(layers: &Layers<'_>, shape: &SegResNetShape) -> Result<Self, WeightsError> {
        let conv = |layers: &Layers<'_>, inputs: usize, outputs: usize, kernel: usize, stride: usize| {
            let spec = ConvSpec::cube(layers, inputs, outputs, kernel, stride).without_bias();
            Conv::load(&layers.at("conv"), spec)
        };
        let first = conv(&layers.at("convInit"), shape.inputs, shape.filters, 3, 1)?;
        let downs = shape.blocks_down.iter().enumerate().map(|(level, count)| {
            let layers = layers.at("down_layers").at(level);
            let channels = shape.filters << level;
            let into = (level > 0).then(|| conv(&layers.at(0), channels / 2, channels, 3, 2)).transpose()?;
            let blocks = (1..=*count).map(|place| Block::load(&layers.at(place), channels, shape.norm));
            Ok((into, blocks.collect::<Result<_, WeightsError>>()?))
        });
        let downs = downs.collect::<Result<_, WeightsError>>()?;
        let rises = shape.blocks_up.len();
        let ups = shape.blocks_up.iter().enumerate().map(|(rise, count)| {
            let channels = shape.filters << (rises - rise);
            let into = conv(&layers.at("up_samples").at(rise).at(0), channels, channels / 2, 1, 1)?;
            let layers = layers.at("up_layers").at(rise);
            let blocks = (0..*count).map(|place| Block::load(&layers.at(place), channels / 2, shape.norm));
            Ok((into, blocks.collect::<Result<_, WeightsError>>()?))
        });
        let ups = ups.collect::<Result<_, WeightsError>>()?;
        let end = layers.at("conv_final");
        let last_norm = shape.norm.load(&end.at(0), shape.filters)?;
        let last = ConvSpec::sized(shape.filters, shape.outputs, [1; 3], [1; 3]);
        let last = Conv::load(&end.at(2).at("conv"), last)?;
        Ok(Self { first, downs, ups, last_norm, last, spatial: shape.spatial })
    }
}

impl Network for SegResNet {
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let mut x = self.first.forward(x);
        let mut levels = Vec::with_capacity(self.downs.len());
        for (into, blocks) in &self.downs {
            x = match into {
                Some(conv) => conv.forward(x),
                None => x,
            };
            x = blocks.iter().fold(x, |x, block| block.forward(x));
            levels.push(x.clone());
        }
        levels.pop();
        for ((conv, blocks), finer) in self.ups.iter().zip(levels.into_iter().rev()) {
            let risen = linear_by_two(conv.forward(x), self.spatial) + finer;
            x = blocks.iter().fold(risen, |x, block| block.forward(x));
        }
        self.last.forward(Activation::Relu.forward(self.last_norm.forward(x)))
    }
}

impl Block {
    fn load(layers: &Layers<'_>, channels: usize, norm: MonaiNorm) -> Result<Self, WeightsError> {
        let conv = |place: &str| {
            let spec = ConvSpec::cube(layers, channels, channels, 3, 1).without_bias();
            Conv::load(&layers.at(place).at("conv"), spec)
        };
        let norm = |place: &str| norm.load(&layers.at(place), channels);
        Ok(Self { norms: [norm("norm1")?, norm("norm2")?], convs: [conv("conv1")?, conv("conv2")?] })
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let through = self
            .norms
            .iter()
            .zip(&self.convs)
            .fold(x.clone(), |x, (norm, conv)| conv.forward(Activation::Relu.forward(norm.forward(x))));
        through + x
    }
}
