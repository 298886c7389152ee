//! Blocks that MONAI's DynUNet and SwinUNETR share: `UnetBasicBlock`, `UnetResBlock` and the rise between levels. Their
//! convolutions have no bias, their activation is a leaky ReLU of slope 0.01.

use burn::prelude::Tensor;

use super::MonaiNorm;
use crate::layers::{Activation, Conv, ConvSpec, Norm, TransposedConv, TransposedSpec, join};
use crate::weights::{Layers, WeightsError};

/// Two convolutions, and a way past them in the residual form.
pub(super) struct Block {
    convs: [(Conv, Norm); 2],
    /// None: no way past. Some(None): the input itself. Some(Some): a projection of it.
    past: Option<Option<(Conv, Norm)>>,
}

/// MONAI's padding: (k - s + 1) / 2, rounded down.
fn padding(kernel: [usize; 3], stride: [usize; 3]) -> [usize; 3] {
    [0, 1, 2].map(|axis| (kernel[axis] + 1).saturating_sub(stride[axis]) / 2)
}

impl Block {
    pub(super) fn load(
        layers: &Layers<'_>,
        [inputs, outputs]: [usize; 2],
        kernel: [usize; 3],
        stride: [usize; 3],
        norm: MonaiNorm,
        residual: bool,
    ) -> Result<Self, WeightsError> {
        let one = |place: usize, inputs: usize, kernel: [usize; 3], stride: [usize; 3]| {
            let spec = ConvSpec {
                padding: padding(kernel, stride),
                ..ConvSpec::sized(inputs, outputs, kernel, stride)
            };
            let conv = Conv::load(&layers.at(format!("conv{place}")).at("conv"), spec.without_bias())?;
            Ok::<_, WeightsError>((conv, norm.load(&layers.at(format!("norm{place}")), outputs)?))
        };
        let convs = [one(1, inputs, kernel, stride)?, one(2, outputs, kernel, [1; 3])?];
        let past = match (residual, inputs != outputs || stride != [1; 3]) {
            (false, _) => None,
            (true, false) => Some(None),
            (true, true) => Some(Some(one(3, inputs, [1; 3], stride)?)),
        };
        Ok(Self { convs, past })
    }

    /// Of the channels of `first`, then those of `second`.
    fn forward_joined(&self, first: Tensor<5>, second: Tensor<5>) -> Tensor<5> {
        if self.past.is_some() {
            return self.forward(join(first, second));
        }
        let activation = Activation::LeakyRelu(0.01);
        let [(conv, norm), (last_conv, last_norm)] = &self.convs;
        let inner = norm.activated(conv.forward_joined(first, second), &activation);
        last_norm.activated(last_conv.forward(inner), &activation)
    }

    pub(super) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let activation = Activation::LeakyRelu(0.01);
        let through = |(conv, norm): &(Conv, Norm), x| norm.forward(conv.forward(x));
        let [first, second] = &self.convs;
        let inner = through(second, first.1.activated(first.0.forward(x.clone()), &activation));
        activation.forward(match &self.past {
            None => inner,
            Some(None) => inner + x,
            Some(Some(projection)) => inner + through(projection, x),
        })
    }
}

/// A transposed convolution whose kernel is its stride, joined with the finer level, and a block.
pub(super) struct UpBlock {
    up: TransposedConv,
    block: Block,
}

impl UpBlock {
    pub(super) fn load(
        layers: &Layers<'_>,
        [inputs, outputs]: [usize; 2],
        kernel: [usize; 3],
        stride: [usize; 3],
        bias: bool,
        norm: MonaiNorm,
        residual: bool,
    ) -> Result<Self, WeightsError> {
        let (padding, output_padding) = ([0; 3], [0; 3]);
        let up = TransposedSpec { inputs, outputs, kernel: stride, stride, padding, output_padding, bias };
        let up = TransposedConv::load(&layers.at("transp_conv").at("conv"), up)?;
        let joined = [2 * outputs, outputs];
        let block = Block::load(&layers.at("conv_block"), joined, kernel, [1; 3], norm, residual)?;
        Ok(Self { up, block })
    }

    pub(super) fn forward(&self, x: Tensor<5>, finer: Tensor<5>) -> Tensor<5> {
        self.block.forward_joined(self.up.forward(x), finer)
    }
}
