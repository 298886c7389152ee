//! PlainConvUNet and ResidualEncoderUNet of dynamic-network-architectures 0.4, the networks of nnU-Net v2 and of
//! TotalSegmentator.

use burn::prelude::Tensor;

use super::Network;
use crate::compute::Compute;
use crate::layers::{Activation, Conv, ConvSpec, Norm, TransposedConv, TransposedSpec, avg_pool, join};
use crate::weights::{Layers, Weights, WeightsError};

/// Measures of a network by stage, the first being the finest. Axes are depth, rows, columns; a network of the plane has
/// kernels and strides of depth 1.
#[derive(Clone, Debug, PartialEq)]
pub struct NnunetShape {
    /// 2 or 3.
    pub spatial: usize,
    /// Channels of the image.
    pub inputs: usize,
    /// Heads: labels, or regions.
    pub outputs: usize,
    /// Channels of each stage.
    pub features: Vec<usize>,
    /// Kernel of each stage.
    pub kernels: Vec<[usize; 3]>,
    /// Stride into each stage; the first is 1.
    pub strides: Vec<[usize; 3]>,
    /// Convolutions of each stage of the encoder, or residual blocks.
    pub blocks: Vec<usize>,
    /// True for ResidualEncoderUNet.
    pub residual: bool,
    /// Convolutions of each stage of the decoder, the coarsest first.
    pub decoder_blocks: Vec<usize>,
    /// Convolutions have a bias.
    pub bias: bool,
    /// Added to the variance by the normalisation.
    pub epsilon: f64,
    /// Slope of the activation where x is negative; 0 for ReLU.
    pub slope: f64,
}

impl NnunetShape {
    /// By how much each axis of the input is divided at the coarsest stage: a patch must be a multiple of it.
    pub fn divisor(&self) -> [usize; 3] {
        self.strides.iter().fold([1; 3], |all, stride| [0, 1, 2].map(|axis| all[axis] * stride[axis]))
    }

    fn activation(&self) -> Activation {
        match self.slope == 0.0 {
            true => Activation::Relu,
            false => Activation::LeakyRelu(self.slope),
        }
    }
}

pub(super) fn build(
    shape: &NnunetShape,
    weights: &Weights,
    compute: &Compute,
) -> Result<Box<dyn Network>, WeightsError> {
    // `all_modules` are the same tensors again, and the decoder keeps a reference to the whole encoder.
    let is_copy = |name: &str| name.contains(".all_modules.") || name.starts_with("decoder.encoder.");
    weights.build(compute, shape.spatial, is_copy, |layers| {
        Ok(Box::new(NnunetNetwork::load(layers, shape)?) as _)
    })
}

struct NnunetNetwork {
    stem: Option<ConvBlock>,
    encoder: Vec<Stage>,
    decoder: Vec<Rise>,
    head: Conv,
    activation: Activation,
}

enum Stage {
    Plain(Vec<ConvBlock>),
    Residual(Vec<Residual>),
}

struct Rise {
    up: TransposedConv,
    blocks: Vec<ConvBlock>,
}

/// Convolution and normalisation; what follows is the caller's.
struct ConvBlock {
    conv: Conv,
    norm: Norm,
}

struct Residual {
    first: ConvBlock,
    second: ConvBlock,
    skip: Option<ConvBlock>,
    stride: [usize; 3],
}

impl NnunetNetwork {
    fn load(layers: &Layers<'_>, shape: &NnunetShape) -> Result<Self, WeightsError> {
        let (encoder, decoder) = (layers.at("encoder"), layers.at("decoder"));
        let features = &shape.features;
        let stem = shape.residual.then(|| {
            let spec = ConvSpec::sized(shape.inputs, features[0], shape.kernels[0], [1; 3]);
            ConvBlock::load(&encoder.at("stem").at("convs").at(0), spec, shape)
        });
        let stages = (0..features.len()).map(|stage| {
            let inputs = match stage {
                0 if shape.residual => features[0],
                0 => shape.inputs,
                _ => features[stage - 1],
            };
            Stage::load(&encoder.at("stages").at(stage), inputs, stage, shape)
        });
        let encoder = stages.collect::<Result<Vec<_>, _>>()?;
        let coarsest = features.len() - 1;
        let rises = (0..coarsest).map(|rise| Rise::load(&decoder, rise, shape));
        let rises = rises.collect::<Result<Vec<_>, _>>()?;
        // The heads of coarser stages only guide the training.
        for rise in 0..coarsest - 1 {
            let head = decoder.at("seg_layers").at(rise);
            head.leave("weight");
            head.leave("bias");
        }
        let head = decoder.at("seg_layers").at(coarsest - 1);
        let head = Conv::load(&head, ConvSpec::sized(features[0], shape.outputs, [1; 3], [1; 3]))?;
        Ok(Self { stem: stem.transpose()?, encoder, decoder: rises, head, activation: shape.activation() })
    }
}

impl Network for NnunetNetwork {
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let mut x = match &self.stem {
            Some(stem) => stem.forward(x, &self.activation),
            None => x,
        };
        let mut finer = Vec::with_capacity(self.encoder.len());
        let (coarsest, above) = match self.encoder.split_last() {
            Some(split) => split,
            None => return self.head.forward(x),
        };
        for stage in above {
            x = stage.forward(x, &self.activation);
            finer.push(x.clone());
        }
        x = coarsest.forward(x, &self.activation);
        for (rise, skip) in self.decoder.iter().zip(finer.into_iter().rev()) {
            x = rise.forward(x, skip, &self.activation);
        }
        self.head.forward(x)
    }
}

impl Stage {
    fn load(
        layers: &Layers<'_>,
        inputs: usize,
        stage: usize,
        shape: &NnunetShape,
    ) -> Result<Self, WeightsError> {
        let (outputs, kernel) = (shape.features[stage], shape.kernels[stage]);
        let spec_of = |block: usize| match block {
            0 => ConvSpec::sized(inputs, outputs, kernel, shape.strides[stage]),
            _ => ConvSpec::sized(outputs, outputs, kernel, [1; 3]),
        };
        let blocks = 0..shape.blocks[stage];
        if shape.residual {
            let layers = layers.at("blocks");
            let blocks = blocks.map(|block| Residual::load(&layers.at(block), spec_of(block), shape));
            return Ok(Self::Residual(blocks.collect::<Result<_, _>>()?));
        }
        // A pooling layer before the convolutions shifts their place.
        let place = usize::from(!layers.has("0.convs.0.conv.weight"));
        let layers = layers.at(place).at("convs");
        let blocks = blocks.map(|block| ConvBlock::load(&layers.at(block), spec_of(block), shape));
        Ok(Self::Plain(blocks.collect::<Result<_, _>>()?))
    }

    fn forward(&self, x: Tensor<5>, activation: &Activation) -> Tensor<5> {
        match self {
            Self::Plain(blocks) => blocks.iter().fold(x, |x, block| block.forward(x, activation)),
            Self::Residual(blocks) => blocks.iter().fold(x, |x, block| block.forward(x, activation)),
        }
    }
}

impl Rise {
    fn load(decoder: &Layers<'_>, rise: usize, shape: &NnunetShape) -> Result<Self, WeightsError> {
        let below = shape.features.len() - 1 - rise;
        let (inputs, outputs) = (shape.features[below], shape.features[below - 1]);
        let up = TransposedSpec {
            inputs,
            outputs,
            kernel: shape.strides[below],
            stride: shape.strides[below],
            padding: [0; 3],
            output_padding: [0; 3],
            bias: shape.bias,
        };
        let up = TransposedConv::load(&decoder.at("transpconvs").at(rise), up)?;
        let layers = decoder.at("stages").at(rise).at("convs");
        let kernel = shape.kernels[below - 1];
        let blocks = (0..shape.decoder_blocks[rise]).map(|block| {
            let inputs = if block == 0 { 2 * outputs } else { outputs };
            ConvBlock::load(&layers.at(block), ConvSpec::sized(inputs, outputs, kernel, [1; 3]), shape)
        });
        Ok(Self { up, blocks: blocks.collect::<Result<_, _>>()? })
    }

    fn forward(&self, x: Tensor<5>, finer: Tensor<5>, activation: &Activation) -> Tensor<5> {
        let up = self.up.forward(x);
        // There is at least one block: a decoder without any does not pass the plan.
        let Some((first, rest)) = self.blocks.split_first() else { return join(up, finer) };
        let x = first.norm.activated(first.conv.forward_joined(up, finer), activation);
        rest.iter().fold(x, |x, block| block.forward(x, activation))
    }
}

impl ConvBlock {
    fn load(layers: &Layers<'_>, spec: ConvSpec, shape: &NnunetShape) -> Result<Self, WeightsError> {
        let conv = Conv::load(&layers.at("conv"), spec.with_bias(shape.bias))?;
        Ok(Self { conv, norm: Norm::instance(&layers.at("norm"), spec.outputs, shape.epsilon)? })
    }

    fn linear(&self, x: Tensor<5>) -> Tensor<5> {
        self.norm.forward(self.conv.forward(x))
    }

    fn forward(&self, x: Tensor<5>, activation: &Activation) -> Tensor<5> {
        self.norm.activated(self.conv.forward(x), activation)
    }
}

impl Residual {
    fn load(layers: &Layers<'_>, spec: ConvSpec, shape: &NnunetShape) -> Result<Self, WeightsError> {
        let first = ConvBlock::load(&layers.at("conv1"), spec, shape)?;
        let second = ConvSpec::sized(spec.outputs, spec.outputs, spec.kernel, [1; 3]);
        let second = ConvBlock::load(&layers.at("conv2"), second, shape)?;
        // The place of the projection in `skip` is behind the pooling, where there is one.
        let place = usize::from(spec.stride != [1; 3]);
        let skip = (spec.inputs != spec.outputs).then(|| {
            let projection = ConvSpec::sized(spec.inputs, spec.outputs, [1; 3], [1; 3]).without_bias();
            let layers = layers.at("skip").at(place);
            let conv = Conv::load(&layers.at("conv"), projection)?;
            let norm = Norm::instance(&layers.at("norm"), spec.outputs, shape.epsilon)?;
            Ok::<_, WeightsError>(ConvBlock { conv, norm })
        });
        Ok(Self { first, second, skip: skip.transpose()?, stride: spec.stride })
    }

    fn forward(&self, x: Tensor<5>, activation: &Activation) -> Tensor<5> {
        let past = avg_pool(x.clone(), self.stride);
        let past = match &self.skip {
            Some(skip) => skip.linear(past),
            None => past,
        };
        activation.forward(self.second.linear(self.first.forward(x, activation)) + past)
    }
}
