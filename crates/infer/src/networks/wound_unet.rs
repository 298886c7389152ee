//! The wound segmenter's network (`models/wound/train/network.py`): a U-Net whose way down is EfficientNet-Lite (Tan and Le,
//! arXiv:1905.11946, without squeeze and excitation), in the form that its package holds: each normalisation folded into
//! the convolution before it.

use burn::prelude::Tensor;

use crate::compute::Compute;
use crate::layers::{Activation, Conv, ConvSpec, linear_by_two, nearest_by_two};
use crate::networks::torchvision::{STAGES, rounded};
use crate::networks::{Network, no_copies};
use crate::weights::{Layers, Weights, WeightsError};

/// Measures of the way down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WoundUnetShape {
    /// Multiplies the channels.
    pub width: f64,
    /// Multiplies the number of blocks of all stages but the first and the last.
    pub depth: f64,
}

impl WoundUnetShape {
    /// `lite0`, `lite1` or `lite2`.
    pub fn by_name(name: &str) -> Option<Self> {
        let (width, depth) = match name {
            "lite0" => (1.0, 1.0),
            "lite1" => (1.0, 1.1),
            "lite2" => (1.1, 1.2),
            _ => return None,
        };
        Some(Self { width, depth })
    }
}

/// Rows and columns of a picture are multiples of this.
pub(crate) const STEP_PX: usize = 32;

/// Channels of the stem, whatever the width.
const STEM: usize = 32;
/// The stages whose last images go across to the way up, coarsest first, and the channels there.
const UP: [(usize, usize); 4] = [(4, 96), (2, 64), (1, 48), (0, 32)];

pub(in crate::networks) fn build(
    shape: &WoundUnetShape,
    weights: &Weights,
    compute: &Compute,
) -> Result<Box<dyn Network>, WeightsError> {
    weights.build(compute, 2, no_copies, |layers| Ok(Box::new(WoundUnet::load(layers, shape)?) as _))
}

struct WoundUnet {
    stem: Conv,
    stages: Vec<Vec<Block>>,
    up: Vec<[Conv; 2]>,
    head: Conv,
}

/// An inverted bottleneck: wider within, one plane at a time, narrow again.
struct Block {
    expand: Option<Conv>,
    depthwise: Conv,
    project: Conv,
    has_past: bool,
}

impl WoundUnet {
    fn load(layers: &Layers<'_>, shape: &WoundUnetShape) -> Result<Self, WeightsError> {
        let encoder = layers.at("encoder");
        let stem = Conv::load(&encoder.at("stem"), ConvSpec::cube(layers, 3, STEM, 3, 2))?;
        let (mut stages, mut place, mut inputs) = (Vec::new(), 0, STEM);
        for (stage, [expansion, kernel, stride, _, outputs, count]) in STAGES.into_iter().enumerate() {
            let is_end = stage == 0 || stage + 1 == STAGES.len();
            let outputs = rounded(outputs as f64 * shape.width);
            let count = if is_end { count } else { (count as f64 * shape.depth).ceil() as usize };
            let mut blocks = Vec::with_capacity(count);
            for block in 0..count {
                let at = encoder.at("blocks").at(place);
                let stride = if block == 0 { stride } else { 1 };
                blocks.push(Block::load(&at, [inputs, outputs], expansion, kernel, stride)?);
                (place, inputs) = (place + 1, outputs);
            }
            stages.push(blocks);
        }
        let mut up = Vec::with_capacity(UP.len());
        for (level, (stage, channels)) in UP.into_iter().enumerate() {
            let across = rounded(STAGES[stage][4] as f64 * shape.width);
            let at = layers.at("decoder").at(level);
            up.push([
                Conv::load(&at.at("first"), ConvSpec::cube(layers, inputs + across, channels, 3, 1))?,
                Conv::load(&at.at("second"), ConvSpec::cube(layers, channels, channels, 3, 1))?,
            ]);
            inputs = channels;
        }
        let head = Conv::load(&layers.at("head"), ConvSpec::cube(layers, inputs, 1, 3, 1))?;
        Ok(Self { stem, stages, up, head })
    }
}

impl Network for WoundUnet {
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let mut x = Activation::Relu6.forward(self.stem.forward(x));
        let mut across = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            x = stage.iter().fold(x, |x, block| block.forward(x));
            across.push(x.clone());
        }
        for ([first, second], (stage, _)) in self.up.iter().zip(UP) {
            x = first.forward_joined(nearest_by_two(x), across[stage].clone());
            x = Activation::Relu.forward(second.forward(Activation::Relu.forward(x)));
        }
        linear_by_two(self.head.forward(x), 2)
    }
}

impl Block {
    fn load(
        layers: &Layers<'_>,
        [inputs, outputs]: [usize; 2],
        expansion: usize,
        kernel: usize,
        stride: usize,
    ) -> Result<Self, WeightsError> {
        let wide = inputs * expansion;
        let expand = (expansion > 1)
            .then(|| Conv::load(&layers.at("expand"), ConvSpec::cube(layers, inputs, wide, 1, 1)))
            .transpose()?;
        let depthwise = ConvSpec::cube(layers, wide, wide, kernel, stride).in_groups(wide);
        let depthwise = Conv::load(&layers.at("depthwise"), depthwise)?;
        let project = Conv::load(&layers.at("project"), ConvSpec::cube(layers, wide, outputs, 1, 1))?;
        Ok(Self { expand, depthwise, project, has_past: stride == 1 && inputs == outputs })
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let wide = match &self.expand {
            Some(expand) => Activation::Relu6.forward(expand.forward(x.clone())),
            None => x.clone(),
        };
        let out = self.project.forward(Activation::Relu6.forward(self.depthwise.forward(wide)));
        if self.has_past { out + x } else { out }
    }
}
