//! DenseNet for classification, in MONAI's form (2D and 3D) and torchvision's: they differ in names only.

use burn::prelude::Tensor;

use super::{Network, no_copies};
use crate::compute::Compute;
use crate::layers::{Activation, Conv, ConvSpec, Linear, Norm, adaptive_mean, avg_pool, join, stem_pool};
use crate::weights::{Layers, Weights, WeightsError};

/// Measures of a DenseNet.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseNetShape {
    /// 2 or 3.
    pub spatial: usize,
    /// Channels of the image.
    pub inputs: usize,
    /// Classes.
    pub outputs: usize,
    /// Channels of the first convolution.
    pub first: usize,
    /// Channels that each layer adds.
    pub growth: usize,
    /// Layers of each block; 6, 12, 24, 16 is DenseNet121.
    pub blocks: Vec<usize>,
}

impl DenseNetShape {
    /// DenseNet121.
    pub fn densenet121(spatial: usize, inputs: usize, outputs: usize) -> Self {
        Self { spatial, inputs, outputs, first: 64, growth: 32, blocks: vec![6, 12, 24, 16] }
    }

    /// Of pictures, by the number of layers in its name: 121, 161, 169, 201.
    pub fn by_layers(layers: usize, inputs: usize, outputs: usize) -> Option<Self> {
        let (first, growth, blocks) = match layers {
            121 => (64, 32, [6, 12, 24, 16]),
            161 => (96, 48, [6, 12, 36, 24]),
            169 => (64, 32, [6, 12, 32, 32]),
            201 => (64, 32, [6, 12, 48, 32]),
            _ => return None,
        };
        Some(Self { spatial: 2, inputs, outputs, first, growth, blocks: blocks.to_vec() })
    }
}

/// The narrow convolution of a layer has this many times the channels that it adds.
const NARROW: usize = 4;

pub(super) fn build(
    shape: &DenseNetShape,
    weights: &Weights,
    compute: &Compute,
) -> Result<Box<dyn Network>, WeightsError> {
    weights
        .build(compute, shape.spatial, no_copies, |layers| Ok(Box::new(DenseNet::load(layers, shape)?) as _))
}

struct DenseNet {
    stem: (Conv, Norm),
    blocks: Vec<(Vec<DenseLayer>, Option<Transition>)>,
    last_norm: Norm,
    head: Linear,
    spatial: usize,
}

/// What halves channels and size between blocks.
type Transition = (Norm, Conv);

struct DenseLayer {
    norms: [Norm; 2],
    convs: [Conv; 2],
}

impl DenseNet {
    fn load(layers: &Layers<'_>, shape: &DenseNetShape) -> Result<Self, WeightsError> {
        let features = layers.at("features");
        let stem = ConvSpec::cube(layers, shape.inputs, shape.first, 7, 2).without_bias();
        let stem = (Conv::load(&features.at("conv0"), stem)?, batch(&features.at("norm0"), shape.first)?);
        let mut channels = shape.first;
        let mut blocks = Vec::with_capacity(shape.blocks.len());
        for (place, count) in shape.blocks.iter().enumerate() {
            let block = features.at(format!("denseblock{}", place + 1));
            let dense = (0..*count).map(|layer| {
                let layers = block.at(format!("denselayer{}", layer + 1));
                DenseLayer::load(&layers, channels + layer * shape.growth, shape.growth)
            });
            let dense = dense.collect::<Result<Vec<_>, _>>()?;
            channels += count * shape.growth;
            let is_last = place + 1 == shape.blocks.len();
            let transition = (!is_last).then(|| {
                let layers = features.at(format!("transition{}", place + 1));
                let conv = ConvSpec::sized(channels, channels / 2, [1; 3], [1; 3]).without_bias();
                Ok::<_, WeightsError>((
                    batch(&layers.at("norm"), channels)?,
                    Conv::load(&layers.at("conv"), conv)?,
                ))
            });
            blocks.push((dense, transition.transpose()?));
            channels = if is_last { channels } else { channels / 2 };
        }
        let last_norm = batch(&features.at("norm5"), channels)?;
        let monai = layers.at("class_layers").at("out");
        let head = if monai.has("weight") { monai } else { layers.at("classifier") };
        let head = Linear::load(&head, channels, shape.outputs, true)?;
        Ok(Self { stem, blocks, last_norm, head, spatial: shape.spatial })
    }
}

impl Network for DenseNet {
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let halves = if self.spatial == 2 { [1, 2, 2] } else { [2; 3] };
        let (conv, norm) = &self.stem;
        let mut x = stem_pool(Activation::Relu.forward(norm.forward(conv.forward(x))), self.spatial);
        for (dense, transition) in &self.blocks {
            x = dense.iter().fold(x, |x, layer| layer.forward(x));
            if let Some((norm, conv)) = transition {
                x = avg_pool(conv.forward(Activation::Relu.forward(norm.forward(x))), halves);
            }
        }
        as_one_voxel(self.head.forward(adaptive_mean(Activation::Relu.forward(self.last_norm.forward(x)))))
    }
}

impl DenseLayer {
    fn load(layers: &Layers<'_>, inputs: usize, growth: usize) -> Result<Self, WeightsError> {
        // MONAI has a level more; the first checkpoints of torchvision have a dot in the name.
        let monai = layers.at("layers");
        let layers = if monai.has("norm1.weight") { &monai } else { layers };
        let dotted = layers.has("norm.1.weight");
        let named = |what: &str, place: usize| match dotted {
            true => layers.at(what).at(place),
            false => layers.at(format!("{what}{place}")),
        };
        let narrow = NARROW * growth;
        let first = ConvSpec::sized(inputs, narrow, [1; 3], [1; 3]).without_bias();
        let second = ConvSpec::cube(layers, narrow, growth, 3, 1).without_bias();
        Ok(Self {
            norms: [batch(&named("norm", 1), inputs)?, batch(&named("norm", 2), narrow)?],
            convs: [Conv::load(&named("conv", 1), first)?, Conv::load(&named("conv", 2), second)?],
        })
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let new = self
            .norms
            .iter()
            .zip(&self.convs)
            .fold(x.clone(), |x, (norm, conv)| conv.forward(Activation::Relu.forward(norm.forward(x))));
        join(x, new)
    }
}

fn batch(layers: &Layers<'_>, channels: usize) -> Result<Norm, WeightsError> {
    Norm::batch(layers, channels, 1e-5)
}

/// `[images, classes]` as an answer of one voxel.
pub(super) fn as_one_voxel(x: Tensor<2>) -> Tensor<5> {
    let [images, classes] = x.dims();
    x.reshape([images, classes, 1, 1, 1])
}
