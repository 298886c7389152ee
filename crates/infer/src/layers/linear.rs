//! Linear layers and the normalisation over the last axis, as transformers and heads of classifiers have them.

use burn::prelude::Tensor;

use crate::weights::{Layers, WeightsError};

/// x · weightᵀ + bias over the last axis.
#[derive(Debug)]
pub(crate) struct Linear {
    /// Inputs by outputs.
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
}

impl Linear {
    /// Takes `weight` (outputs by inputs in the file) and, where there is one, `bias`.
    pub(crate) fn load(
        layers: &Layers<'_>,
        inputs: usize,
        outputs: usize,
        bias: bool,
    ) -> Result<Self, WeightsError> {
        let weight = layers.tensor("weight", [outputs, inputs])?.transpose();
        let bias = bias.then(|| layers.tensor("bias", [outputs])).transpose()?;
        Ok(Self { weight, bias })
    }

    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mut dims = x.dims();
        let inputs = dims[D - 1];
        let rows = dims.iter().product::<usize>() / inputs;
        let product: Tensor<2> = x.reshape([rows, inputs]).matmul(self.weight.clone());
        let product = match &self.bias {
            Some(bias) => product + bias.clone().unsqueeze::<2>(),
            None => product,
        };
        dims[D - 1] = product.dims()[1];
        product.reshape(dims)
    }
}

/// Normalisation over the last axis.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    affine: Option<(Tensor<1>, Tensor<1>)>,
    epsilon: f64,
}

impl LayerNorm {
    /// With scale and shift from `weight` and `bias`.
    pub(crate) fn load(layers: &Layers<'_>, width: usize, epsilon: f64) -> Result<Self, WeightsError> {
        let affine = Some((layers.tensor("weight", [width])?, layers.tensor("bias", [width])?));
        Ok(Self { affine, epsilon })
    }

    /// Without weights.
    pub(crate) fn plain() -> Self {
        Self { affine: None, epsilon: 1e-5 }
    }

    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let dims = x.dims();
        let width = dims[D - 1];
        let flat: Tensor<2> = x.reshape([dims.iter().product::<usize>() / width, width]);
        let mean = flat.clone().mean_dim(1);
        let centred = flat - mean;
        let variance = centred.clone().powi_scalar(2).mean_dim(1);
        let normal = centred / (variance + self.epsilon).sqrt();
        let scaled = match &self.affine {
            Some((scale, shift)) => normal * scale.clone().unsqueeze::<2>() + shift.clone().unsqueeze::<2>(),
            None => normal,
        };
        scaled.reshape(dims)
    }
}
