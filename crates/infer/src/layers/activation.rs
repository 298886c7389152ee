//! Activations, element by element.

use burn::prelude::Tensor;
use burn::tensor::activation as burn_activation;

use crate::weights::{Layers, WeightsError};

/// What is done to each element.
#[derive(Clone, Debug)]
pub(crate) enum Activation {
    /// max(x, 0).
    Relu,
    /// max(x, 0), 6 at most.
    Relu6,
    /// x, or the slope times x where x is negative.
    LeakyRelu(f64),
    /// As leaky ReLU, the slope being a weight; one for all channels, or one each.
    PRelu(Box<Tensor<1>>),
    /// x times its logistic function.
    Silu,
    /// x times the normal distribution's integral, exact (by erf).
    Gelu,
}

impl Activation {
    /// A slope from the file, one for all channels: PyTorch's `PReLU()`.
    pub(crate) fn prelu(layers: &Layers<'_>) -> Result<Self, WeightsError> {
        let slopes = layers.shape("weight").map_or(1, |shape| shape.first().copied().unwrap_or(1));
        Ok(Self::PRelu(Box::new(layers.tensor("weight", [slopes])?)))
    }

    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Relu => burn_activation::relu(x),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::LeakyRelu(slope) => burn_activation::leaky_relu(x, *slope),
            Self::PRelu(slope) => burn_activation::prelu(x, slope.as_ref().clone()),
            Self::Silu => burn_activation::silu(x),
            Self::Gelu => burn_activation::gelu(x),
        }
    }
}
