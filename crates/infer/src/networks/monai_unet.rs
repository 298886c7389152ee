//! MONAI's `UNet`: residual units, normalisation before activation (the order NDA), transposed convolutions on the way up.

use burn::prelude::Tensor;

use super::{Network, no_copies};
use crate::compute::Compute;
use crate::layers::{Activation, Conv, ConvSpec, Norm, TransposedConv, TransposedSpec, join, same_padding};
use crate::weights::{Layers, Weights, WeightsError};

/// Which normalisation the units have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MonaiNorm {
    /// Of each channel of each image, with or without weights.
    Instance {
        /// With scale and shift.
        affine: bool,
    },
    /// By figures from the training.
    Batch,
    /// Of groups of channels.
    Group(usize),
}

impl MonaiNorm {
    pub(super) fn load(self, layers: &Layers<'_>, channels: usize) -> Result<Norm, WeightsError> {
        match self {
            Self::Instance { affine: true } => Norm::instance(layers, channels, 1e-5),
            Self::Instance { affine: false } => Ok(Norm::plain_instance(channels)),
            Self::Batch => Norm::batch(layers, channels, 1e-5),
            Self::Group(groups) => Norm::group(layers, channels, groups),
        }
    }
}

/// Measures of MONAI's UNet.
#[derive(Clone, Debug, PartialEq)]
pub struct MonaiUnetShape {
    /// 2 or 3.
    pub spatial: usize,
    /// Channels of the image.
    pub inputs: usize,
    /// Classes.
    pub outputs: usize,
    /// Channels of each level.
    pub channels: Vec<usize>,
    /// Stride between levels; one fewer than levels.
    pub strides: Vec<usize>,
    /// Kernel on the way down and in the units, and on the way up.
    pub kernels: [usize; 2],
    /// Convolutions of a residual unit; 0 for one convolution without a way past it.
    pub units: usize,
    /// Normalisation of the units.
    pub norm: MonaiNorm,
    /// `None` for PReLU, whose slope is a weight; else the slope of a leaky ReLU, 0 for ReLU.
    pub slope: Option<f64>,
}

pub(super) fn build(
    shape: &MonaiUnetShape,
    weights: &Weights,
    compute: &Compute,
) -> Result<Box<dyn Network>, WeightsError> {
    weights.build(compute, shape.spatial, no_copies, |layers| {
        let level = Level::load(&layers.at("model"), shape, 0, shape.inputs, shape.outputs)?;
        Ok(Box::new(level) as _)
    })
}

/// A level and all below it: MONAI nests them.
struct Level {
    down: Unit,
    below: Below,
    up: TransposedConv,
    after_up: Option<After>,
    refine: Option<Unit>,
}

enum Below {
    Level(Box<Level>),
    Bottom(Box<Unit>),
}

/// Normalisation and activation behind a convolution.
struct After {
    norm: Norm,
    activation: Activation,
}

struct Unit {
    convs: Vec<(Conv, Option<After>)>,
    past: Past,
}

enum Past {
    None,
    Identity,
    Conv(Box<Conv>),
}

impl Level {
    fn load(
        layers: &Layers<'_>,
        shape: &MonaiUnetShape,
        level: usize,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, WeightsError> {
        let (channels, stride) = (shape.channels[level], shape.strides[level]);
        let is_last = level + 2 == shape.channels.len();
        let down = Unit::load(&layers.at(0), shape, [inputs, channels], stride, shape.units, false)?;
        let inner = layers.at(1).at("submodule");
        let (below, joined) = match is_last {
            true => {
                let bottom = [channels, shape.channels[level + 1]];
                let bottom = Unit::load(&inner, shape, bottom, 1, shape.units, false)?;
                (Below::Bottom(Box::new(bottom)), channels + shape.channels[level + 1])
            }
            false => {
                let next = Self::load(&inner, shape, level + 1, channels, channels)?;
                (Below::Level(Box::new(next)), 2 * channels)
            }
        };
        let is_top = level == 0;
        let rise = match shape.units {
            0 => layers.at(2),
            _ => layers.at(2).at(0),
        };
        let all = |size: usize| if shape.spatial == 2 { [1, size, size] } else { [size; 3] };
        let kernel = all(shape.kernels[1]);
        let up = TransposedSpec {
            inputs: joined,
            outputs,
            kernel,
            stride: all(stride),
            padding: same_padding(kernel),
            output_padding: all(stride).map(|stride| stride - 1),
            bias: true,
        };
        let up = TransposedConv::load(&rise.at("conv"), up)?;
        let after_up = match is_top && shape.units == 0 {
            true => None,
            false => Some(After::load(&rise.at("adn"), shape, outputs)?),
        };
        let refine = (shape.units > 0)
            .then(|| Unit::load(&layers.at(2).at(1), shape, [outputs; 2], 1, 1, is_top))
            .transpose()?;
        Ok(Self { down, below, up, after_up, refine })
    }
}

impl Network for Level {
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let down = self.down.forward(x);
        let below = match &self.below {
            Below::Level(level) => level.forward(down.clone()),
            Below::Bottom(unit) => unit.forward(down.clone()),
        };
        let up = self.up.forward(join(down, below));
        let up = match &self.after_up {
            Some(after) => after.forward(up),
            None => up,
        };
        match &self.refine {
            Some(unit) => unit.forward(up),
            None => up,
        }
    }
}

impl After {
    fn load(layers: &Layers<'_>, shape: &MonaiUnetShape, channels: usize) -> Result<Self, WeightsError> {
        let norm = shape.norm.load(&layers.at("N"), channels)?;
        let activation = match shape.slope {
            None => Activation::prelu(&layers.at("A"))?,
            Some(0.0) => Activation::Relu,
            Some(slope) => Activation::LeakyRelu(slope),
        };
        Ok(Self { norm, activation })
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        self.norm.activated(x, &self.activation)
    }
}

impl Unit {
    /// `units` convolutions with a way past them; with none, a single convolution. `bare` leaves the last one without
    /// normalisation and activation.
    fn load(
        layers: &Layers<'_>,
        shape: &MonaiUnetShape,
        [inputs, outputs]: [usize; 2],
        stride: usize,
        units: usize,
        bare: bool,
    ) -> Result<Self, WeightsError> {
        let first = ConvSpec::cube(layers, inputs, outputs, shape.kernels[0], stride);
        let after = |layers: &Layers<'_>| After::load(&layers.at("adn"), shape, outputs);
        if units == 0 {
            let conv = Conv::load(&layers.at("conv"), first)?;
            return Ok(Self { convs: vec![(conv, Some(after(layers)?))], past: Past::None });
        }
        let convs = (0..units).map(|unit| {
            let layers = layers.at("conv").at(format!("unit{unit}"));
            let spec = match unit {
                0 => first,
                _ => ConvSpec::cube(&layers, outputs, outputs, shape.kernels[0], 1),
            };
            let behind = match bare && unit + 1 == units {
                true => None,
                false => Some(after(&layers)?),
            };
            Ok((Conv::load(&layers.at("conv"), spec)?, behind))
        });
        let convs = convs.collect::<Result<Vec<_>, WeightsError>>()?;
        let past = match (stride, inputs == outputs) {
            (1, true) => Past::Identity,
            (1, false) => {
                let point = ConvSpec::cube(layers, inputs, outputs, 1, 1);
                Past::Conv(Box::new(Conv::load(&layers.at("residual"), point)?))
            }
            _ => Past::Conv(Box::new(Conv::load(&layers.at("residual"), first)?)),
        };
        Ok(Self { convs, past })
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let past = match &self.past {
            Past::None => None,
            Past::Identity => Some(x.clone()),
            Past::Conv(conv) => Some(conv.forward(x.clone())),
        };
        let through = self.convs.iter().fold(x, |x, (conv, after)| {
            let x = conv.forward(x);
            match after {
                Some(after) => after.forward(x),
                None => x,
            }
        });
        match past {
            Some(past) => through + past,
            None => through,
        }
    }
}
