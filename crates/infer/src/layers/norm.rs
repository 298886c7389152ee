//! Normalisations of a feature map by channel. All have ε = 1e-5, PyTorch's default, unless a model says otherwise.

use burn::prelude::Tensor;
use burn::tensor::TensorData;

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
        Ok(Self::OfImage { groups: channels, epsilon, affine: Some(affine(layers, channels)?) })
    }

    /// Instance normalisation that has no weights.
    pub(crate) fn plain_instance(channels: usize) -> Self {
        Self::OfImage { groups: channels, epsilon: EPSILON, affine: None }
    }

    /// Group normalisation.
    pub(crate) fn group(layers: &Layers<'_>, channels: usize, groups: usize) -> Result<Self, WeightsError> {
        Ok(Self::OfImage { groups, epsilon: EPSILON, affine: Some(affine(layers, channels)?) })
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

    pub(crate) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        match self {
            Self::OfTraining { scale, shift } => x * scale.clone() + shift.clone(),
            Self::OfImage { groups, epsilon, affine } => {
                let dims = x.dims();
                let [images, channels, depth, rows, columns] = dims;
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

fn affine(layers: &Layers<'_>, channels: usize) -> Result<(Tensor<5>, Tensor<5>), WeightsError> {
    let scale = layers.numbers("weight", &[channels])?;
    let shift = layers.numbers("bias", &[channels])?;
    Ok((per_channel(layers, scale), per_channel(layers, shift)))
}

fn per_channel(layers: &Layers<'_>, numbers: Vec<f32>) -> Tensor<5> {
    let channels = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [1, channels, 1, 1, 1]), layers.device())
}
