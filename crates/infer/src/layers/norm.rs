//! Normalisations of a feature map by channel. All have ε = 1e-5, PyTorch's default, unless a model says otherwise.

use burn::prelude::Tensor;
use burn::tensor::{DType, TensorData};

use super::activation::Activation;
use super::cpu::{self, Affine, Map};
use crate::weights::{Layers, WeightsError};

/// A normalisation with its weights.
#[derive(Debug)]
pub(crate) enum Norm {
    /// By mean and variance of each channel of each image, or of a group of channels.
    OfImage {
        /// Groups of channels; as many as channels for instance normalisation.
        groups: usize,
        /// Added to the variance.
        epsilon: f64,
        /// Scale and shift of each channel, `[1, channels, 1, 1, 1]`.
        affine: Option<(Tensor<5>, Tensor<5>)>,
        /// The same in memory.
        numbers: Option<(Vec<f32>, Vec<f32>)>,
    },
    /// By figures kept from the training: one scale and one shift for each channel.
    OfTraining {
        /// `[1, channels, 1, 1, 1]`.
        scale: Tensor<5>,
        /// `[1, channels, 1, 1, 1]`.
        shift: Tensor<5>,
    },
}

/// PyTorch's default.
const EPSILON: f64 = 1e-5;

impl Norm {
    /// Instance normalisation with scale and shift from `weight` and `bias`.
    pub(crate) fn instance(layers: &Layers<'_>, channels: usize, epsilon: f64) -> Result<Self, WeightsError> {
        Self::of_image(layers, channels, channels, epsilon)
    }

    /// Instance normalisation that has no weights.
    pub(crate) fn plain_instance(channels: usize) -> Self {
        Self::OfImage { groups: channels, epsilon: EPSILON, affine: None, numbers: None }
    }

    /// Group normalisation.
    pub(crate) fn group(layers: &Layers<'_>, channels: usize, groups: usize) -> Result<Self, WeightsError> {
        Self::of_image(layers, channels, groups, EPSILON)
    }

    fn of_image(
        layers: &Layers<'_>,
        channels: usize,
        groups: usize,
        epsilon: f64,
    ) -> Result<Self, WeightsError> {
        let scale = layers.numbers("weight", &[channels])?;
        let shift = layers.numbers("bias", &[channels])?;
        let affine = (per_channel(layers, scale.clone()), per_channel(layers, shift.clone()));
        Ok(Self::OfImage { groups, epsilon, affine: Some(affine), numbers: Some((scale, shift)) })
    }

    /// Batch normalisation as it is at inference.
    pub(crate) fn batch(layers: &Layers<'_>, channels: usize, epsilon: f64) -> Result<Self, WeightsError> {
        layers.leave("num_batches_tracked");
        let mean = layers.numbers("running_mean", &[channels])?;
        let variance = layers.numbers("running_var", &[channels])?;
        let weight = layers.numbers("weight", &[channels])?;
        let bias = layers.numbers("bias", &[channels])?;
        let scale: Vec<f32> = weight
            .iter()
            .zip(&variance)
            .map(|(weight, variance)| (f64::from(*weight) / (f64::from(*variance) + epsilon).sqrt()) as f32)
            .collect();
        let shift: Vec<f32> = bias
            .iter()
            .zip(mean.iter().zip(&scale))
            .map(|(bias, (mean, scale))| bias - mean * scale)
            .collect();
        if let Some(at) = scale.iter().position(|scale| !scale.is_finite()) {
            return Err(WeightsError::NotFinite(format!("running_var[{at}] of a batch normalisation")));
        }
        Ok(Self::OfTraining { scale: per_channel(layers, scale), shift: per_channel(layers, shift) })
    }

    /// The normalisation and the activation behind it: one pass where the processor does both.
    pub(crate) fn activated(&self, x: Tensor<5>, activation: &Activation) -> Tensor<5> {
        let slope = match activation {
            Activation::Relu => Some(0.0),
            Activation::LeakyRelu(slope) => Some(*slope as f32),
            _ => None,
        };
        match (self, slope) {
            (Self::OfImage { groups, epsilon, numbers, .. }, Some(slope))
                if *groups == x.dims()[1] && cpu::is_here(&x) =>
            {
                by_channel(x, numbers, *epsilon, slope)
            }
            _ => activation.forward(self.forward(x)),
        }
    }

    /// Sums over an image are beyond half precision: always in single.
    pub(crate) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let given = x.dtype();
        if given != DType::F32 {
            return self.forward(x.cast(DType::F32)).cast(given);
        }
        match self {
            Self::OfTraining { scale, shift } => x * scale.clone() + shift.clone(),
            Self::OfImage { groups, epsilon, affine, numbers } => {
                let dims = x.dims();
                let [images, channels, depth, rows, columns] = dims;
                if *groups == channels && cpu::is_here(&x) {
                    return by_channel(x, numbers, *epsilon, 1.0);
                }
                let each = channels / groups * depth * rows * columns;
                let flat: Tensor<2> = x.reshape([images * groups, each]);
                let mean = flat.clone().mean_dim(1);
                let centred = flat - mean;
                let variance = centred.clone().powi_scalar(2).mean_dim(1);
                let normal: Tensor<5> = (centred / (variance + *epsilon).sqrt()).reshape(dims);
                match affine {
                    Some((scale, shift)) => normal * scale.clone() + shift.clone(),
                    None => normal,
                }
            }
        }
    }
}

fn by_channel(x: Tensor<5>, numbers: &Option<(Vec<f32>, Vec<f32>)>, epsilon: f64, slope: f32) -> Tensor<5> {
    let mut map = Map::of(x);
    let affine = numbers.as_ref().map(|(scale, shift)| Affine { scale, shift });
    cpu::normalise(&mut map, affine, epsilon, slope);
    map.into_tensor()
}

fn per_channel(layers: &Layers<'_>, numbers: Vec<f32>) -> Tensor<5> {
    let channels = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [1, channels, 1, 1, 1]), layers.device())
}
