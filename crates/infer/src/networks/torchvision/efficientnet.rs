//! EfficientNet B0 to B7: inverted bottlenecks with squeeze and excitation (Tan and Le, arXiv:1905.11946).

use burn::prelude::Tensor;

use crate::compute::Compute;
use crate::layers::{Activation, Conv, ConvSpec, Linear, Norm, adaptive_mean};
use crate::networks::densenet::as_one_voxel;
use crate::networks::{Network, no_copies};
use crate::weights::{Layers, Weights, WeightsError};

/// Measures of an EfficientNet.
#[derive(Clone, Debug, PartialEq)]
pub struct EfficientNetShape {
    /// Channels of the picture.
    pub inputs: usize,
    /// Classes.
    pub outputs: usize,
    /// Multiplies the channels.
    pub width: f64,
    /// Multiplies the number of blocks.
    pub depth: f64,
    /// Added to the variance by the normalisation.
    pub epsilon: f64,
}

impl EfficientNetShape {
    /// B0 to B7 with torchvision's factors.
    pub fn b(number: usize, inputs: usize, outputs: usize) -> Option<Self> {
        let (width, depth) =
            *[(1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8), (1.6, 2.2), (1.8, 2.6), (2.0, 3.1)]
                .get(number)?;
        let epsilon = if number >= 5 { 1e-3 } else { 1e-5 };
        Some(Self { inputs, outputs, width, depth, epsilon })
    }
}

/// Expansion, kernel, stride, channels in, channels out, blocks: B0's stages.
pub(in crate::networks) const STAGES: [[usize; 6]; 7] = [
    [1, 3, 1, 32, 16, 1],
    [6, 3, 2, 16, 24, 2],
    [6, 5, 2, 24, 40, 2],
    [6, 3, 2, 40, 80, 3],
    [6, 5, 1, 80, 112, 3],
    [6, 5, 2, 112, 192, 4],
    [6, 3, 1, 192, 320, 1],
];

/// Channels as a multiple of 8, no more than a tenth below what was asked.
pub(in crate::networks) fn rounded(channels: f64) -> usize {
    let near = (((channels + 4.0) / 8.0) as usize * 8).max(8);
    if (near as f64) < 0.9 * channels { near + 8 } else { near }
}

pub(in crate::networks) fn build(
    shape: &EfficientNetShape,
    weights: &Weights,
    compute: &Compute,
) -> Result<Box<dyn Network>, WeightsError> {
    weights.build(compute, 2, no_copies, |layers| Ok(Box::new(EfficientNet::load(layers, shape)?) as _))
}

struct EfficientNet {
    first: ConvNorm,
    blocks: Vec<Inverted>,
    last: ConvNorm,
    head: Linear,
}

struct ConvNorm(Conv, Norm);

struct Inverted {
    expand: Option<ConvNorm>,
    by_channel: ConvNorm,
    squeeze: [Conv; 2],
    project: ConvNorm,
    has_past: bool,
}

impl EfficientNet {
    fn load(layers: &Layers<'_>, shape: &EfficientNetShape) -> Result<Self, WeightsError> {
        let features = layers.at("features");
        let wide = |channels: usize| rounded(channels as f64 * shape.width);
        let spec = ConvSpec::cube(layers, shape.inputs, wide(32), 3, 2);
        let first = ConvNorm::load(&features.at(0), spec, shape.epsilon)?;
        let mut blocks = Vec::new();
        for (stage, [expansion, kernel, stride, inputs, outputs, count]) in STAGES.into_iter().enumerate() {
            let (inputs, outputs) = (wide(inputs), wide(outputs));
            let count = (count as f64 * shape.depth).ceil() as usize;
            for block in 0..count {
                let layers = features.at(stage + 1).at(block).at("block");
                let (inputs, stride) = if block == 0 { (inputs, stride) } else { (outputs, 1) };
                let form = Form { inputs, outputs, expansion, kernel, stride };
                blocks.push(Inverted::load(&layers, form, shape.epsilon)?);
            }
        }
        let narrow = wide(STAGES[STAGES.len() - 1][4]);
        let last = ConvSpec::cube(layers, narrow, 4 * narrow, 1, 1);
        let last = ConvNorm::load(&features.at(STAGES.len() + 1), last, shape.epsilon)?;
        let head = Linear::load(&layers.at("classifier").at(1), 4 * narrow, shape.outputs, true)?;
        Ok(Self { first, blocks, last, head })
    }
}

impl Network for EfficientNet {
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let x = Activation::Silu.forward(self.first.forward(x));
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        let x = Activation::Silu.forward(self.last.forward(x));
        as_one_voxel(self.head.forward(adaptive_mean(x)))
    }
}

impl ConvNorm {
    fn load(layers: &Layers<'_>, spec: ConvSpec, epsilon: f64) -> Result<Self, WeightsError> {
        let conv = Conv::load(&layers.at(0), spec.without_bias())?;
        Ok(Self(conv, Norm::batch(&layers.at(1), spec.outputs, epsilon)?))
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        self.1.forward(self.0.forward(x))
    }
}

struct Form {
    inputs: usize,
    outputs: usize,
    expansion: usize,
    kernel: usize,
    stride: usize,
}

impl Inverted {
    fn load(layers: &Layers<'_>, form: Form, epsilon: f64) -> Result<Self, WeightsError> {
        let Form { inputs, outputs, expansion, kernel, stride } = form;
        let wide = rounded((inputs * expansion) as f64);
        let mut place = 0;
        let mut next = || {
            place += 1;
            layers.at(place - 1)
        };
        let expand = (wide != inputs)
            .then(|| ConvNorm::load(&next(), ConvSpec::cube(layers, inputs, wide, 1, 1), epsilon))
            .transpose()?;
        let by_channel = ConvSpec::cube(layers, wide, wide, kernel, stride).in_groups(wide);
        let by_channel = ConvNorm::load(&next(), by_channel, epsilon)?;
        let squeezed = (inputs / 4).max(1);
        let excitation = next();
        let squeeze = [
            Conv::load(&excitation.at("fc1"), ConvSpec::cube(layers, wide, squeezed, 1, 1))?,
            Conv::load(&excitation.at("fc2"), ConvSpec::cube(layers, squeezed, wide, 1, 1))?,
        ];
        let project = ConvNorm::load(&next(), ConvSpec::cube(layers, wide, outputs, 1, 1), epsilon)?;
        Ok(Self { expand, by_channel, squeeze, project, has_past: stride == 1 && inputs == outputs })
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let wide = match &self.expand {
            Some(expand) => Activation::Silu.forward(expand.forward(x.clone())),
            None => x.clone(),
        };
        let wide = Activation::Silu.forward(self.by_channel.forward(wide));
        let [images, channels, ..] = wide.dims();
        let [narrow, widen] = &self.squeeze;
        let mean = adaptive_mean(wide.clone()).reshape([images, channels, 1, 1, 1]);
        let weight =
            burn::tensor::activation::sigmoid(widen.forward(Activation::Silu.forward(narrow.forward(mean))));
        let out = self.project.forward(wide * weight);
        if self.has_past { out + x } else { out }
    }
}
