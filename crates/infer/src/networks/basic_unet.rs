//! MONAI's `BasicUNet`: pairs of convolutions, max pooling, four levels.

use burn::prelude::Tensor;

use super::{Network, no_copies};
use crate::compute::Compute;
use crate::layers::{Activation, Conv, ConvSpec, Norm, TransposedConv, TransposedSpec, join, max_pool};
use crate::weights::{Layers, Weights, WeightsError};

/// Measures of a BasicUNet. Its activation is a leaky ReLU of slope 0.1, its normalisation that of each image with weights.
#[derive(Clone, Debug, PartialEq)]
pub struct BasicUnetShape {
    /// 2 or 3.
    pub spatial: usize,
    /// Channels of the image.
    pub inputs: usize,
    /// Classes.
    pub outputs: usize,
    /// Channels of the five levels, and of the last pair.
    pub features: [usize; 6],
    /// Convolutions have a bias.
    pub bias: bool,
}

pub(super) fn build(
    shape: &BasicUnetShape,
    weights: &Weights,
    compute: &Compute,
) -> Result<Box<dyn Network>, WeightsError> {
    weights
        .build(compute, shape.spatial, no_copies, |layers| Ok(Box::new(BasicUnet::load(layers, shape)?) as _))
}

struct BasicUnet {
    first: Pair,
    downs: Vec<Pair>,
    ups: Vec<(TransposedConv, Pair)>,
    last: Conv,
    spatial: usize,
}

struct Pair([(Conv, Norm); 2]);

impl BasicUnet {
    fn load(layers: &Layers<'_>, shape: &BasicUnetShape) -> Result<Self, WeightsError> {
        let features = shape.features;
        let first = Pair::load(&layers.at("conv_0"), shape.inputs, features[0], shape.bias)?;
        let downs = (1..=4).map(|level| {
            let layers = layers.at(format!("down_{level}")).at("convs");
            Pair::load(&layers, features[level - 1], features[level], shape.bias)
        });
        let downs = downs.collect::<Result<_, _>>()?;
        let ups = (1..=4).rev().map(|level| {
            let layers = layers.at(format!("upcat_{level}"));
            let (below, skip) = (features[level], features[level - 1]);
            // The last rise keeps its channels, the others halve them.
            let (risen, outputs) = if level == 1 { (below, features[5]) } else { (below / 2, skip) };
            let size = if shape.spatial == 2 { [1, 2, 2] } else { [2; 3] };
            let up = TransposedSpec {
                inputs: below,
                outputs: risen,
                kernel: size,
                stride: size,
                padding: [0; 3],
                output_padding: [0; 3],
                bias: true,
            };
            let up = TransposedConv::load(&layers.at("upsample").at("deconv"), up)?;
            Ok((up, Pair::load(&layers.at("convs"), skip + risen, outputs, shape.bias)?))
        });
        let ups = ups.collect::<Result<_, WeightsError>>()?;
        let last = ConvSpec::sized(features[5], shape.outputs, [1; 3], [1; 3]);
        Ok(Self {
            first,
            downs,
            ups,
            last: Conv::load(&layers.at("final_conv"), last)?,
            spatial: shape.spatial,
        })
    }
}

impl Network for BasicUnet {
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let halves = if self.spatial == 2 { [1, 2, 2] } else { [2; 3] };
        let mut x = self.first.forward(x);
        let mut skips = Vec::new();
        for down in &self.downs {
            skips.push(x.clone());
            x = down.forward(max_pool(x, halves));
        }
        for ((up, pair), skip) in self.ups.iter().zip(skips.into_iter().rev()) {
            let risen = grown_to(up.forward(x), skip.dims());
            x = pair.forward(join(skip, risen));
        }
        self.last.forward(x)
    }
}

/// An odd size lost its last row to the pooling: it is repeated at the end.
fn grown_to(x: Tensor<5>, dims: [usize; 5]) -> Tensor<5> {
    (2..5).fold(x, |x, axis| match x.dims()[axis] {
        size if size == dims[axis] => x,
        size => {
            let last = x.clone().narrow(axis, size - 1, 1);
            Tensor::cat(vec![x, last], axis)
        }
    })
}

impl Pair {
    fn load(layers: &Layers<'_>, inputs: usize, outputs: usize, bias: bool) -> Result<Self, WeightsError> {
        let one = |place: usize, inputs: usize| {
            let layers = layers.at(format!("conv_{place}"));
            let spec = ConvSpec::cube(&layers, inputs, outputs, 3, 1).with_bias(bias);
            let norm = Norm::instance(&layers.at("adn").at("N"), outputs, 1e-5)?;
            Ok::<_, WeightsError>((Conv::load(&layers.at("conv"), spec)?, norm))
        };
        Ok(Self([one(0, inputs)?, one(1, outputs)?]))
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let activation = Activation::LeakyRelu(0.1);
        self.0.iter().fold(x, |x, (conv, norm)| norm.activated(conv.forward(x), &activation))
    }
}
