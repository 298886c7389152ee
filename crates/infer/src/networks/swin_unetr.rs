//! MONAI's `SwinUNETR`: a hierarchical transformer whose attention stays within shifted windows (Liu et al.,
//! arXiv:2103.14030), and a convolutional decoder (Hatamizadeh et al., arXiv:2201.01266).

use burn::prelude::{Device, Int, Tensor};
use burn::tensor::TensorData;
use burn::tensor::activation::softmax;

use super::swin_windows::Windows;
use super::unet_blocks::{Block, UpBlock};
use super::{MonaiNorm, Network, no_copies};
use crate::compute::Compute;
use crate::layers::{Activation, Conv, ConvSpec, LayerNorm, Linear};
use crate::weights::{Layers, Weights, WeightsError};

/// In which order neighbouring tokens are joined when a stage ends. The two are not interchangeable: the weights were
/// trained with one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merging {
    /// MONAI's `PatchMerging`, its default.
    First,
    /// MONAI's `PatchMergingV2`.
    Second,
}

/// Measures of a SwinUNETR.
#[derive(Clone, Debug, PartialEq)]
pub struct SwinUnetrShape {
    /// 2 or 3.
    pub spatial: usize,
    /// Channels of the image.
    pub inputs: usize,
    /// Classes.
    pub outputs: usize,
    /// Width of the first tokens; a multiple of 12.
    pub features: usize,
    /// Blocks of each of the four stages.
    pub depths: [usize; 4],
    /// Heads of the attention in each stage.
    pub heads: [usize; 4],
    /// Edge of a window in tokens.
    pub window: usize,
    /// How tokens are joined.
    pub merging: Merging,
    /// A residual block of convolutions before each stage (SwinUNETR-V2).
    pub convolutions: bool,
    /// Features of each stage are normalised before the decoder sees them.
    pub normalise: bool,
}

pub(super) fn build(
    shape: &SwinUnetrShape,
    weights: &Weights,
    compute: &Compute,
) -> Result<Box<dyn Network>, WeightsError> {
    weights
        .build(compute, shape.spatial, no_copies, |layers| Ok(Box::new(SwinUnetr::load(layers, shape)?) as _))
}

struct SwinUnetr {
    patches: Conv,
    stages: Vec<Stage>,
    encoders: Vec<Block>,
    decoders: Vec<UpBlock>,
    last: Conv,
    normalise: bool,
}

struct Stage {
    convolutions: Option<Block>,
    blocks: Vec<SwinBlock>,
    window: [usize; 3],
    merge: Merge,
}

struct Merge {
    norm: LayerNorm,
    reduction: Linear,
    /// Offsets of the tokens that are joined, in their order.
    offsets: Vec<[usize; 3]>,
    step: [usize; 3],
}

struct SwinBlock {
    norms: [LayerNorm; 2],
    attention: Attention,
    mlp: [Linear; 2],
    is_shifted: bool,
}

struct Attention {
    qkv: Linear,
    projection: Linear,
    /// Tokens of a whole window squared, by heads.
    bias: Vec<f32>,
    /// Tokens of a whole window.
    tokens: usize,
    heads: usize,
}

impl SwinUnetr {
    fn load(layers: &Layers<'_>, shape: &SwinUnetrShape) -> Result<Self, WeightsError> {
        let vit = layers.at("swinViT");
        let halves = if shape.spatial == 2 { [1, 2, 2] } else { [2; 3] };
        let patches =
            ConvSpec { padding: [0; 3], ..ConvSpec::sized(shape.inputs, shape.features, halves, halves) };
        let patches = Conv::load(&vit.at("patch_embed").at("proj"), patches)?;
        let stages = (0..4).map(|stage| Stage::load(&vit, stage, shape)).collect::<Result<_, _>>()?;
        let norm = MonaiNorm::Instance { affine: false };
        let cube = if shape.spatial == 2 { [1, 3, 3] } else { [3; 3] };
        let encoder = |name: &str, inputs: usize, outputs: usize| {
            Block::load(&layers.at(name).at("layer"), [inputs, outputs], cube, [1; 3], norm, true)
        };
        let width = shape.features;
        let encoders = vec![
            encoder("encoder1", shape.inputs, width)?,
            encoder("encoder2", width, width)?,
            encoder("encoder3", 2 * width, 2 * width)?,
            encoder("encoder4", 4 * width, 4 * width)?,
            encoder("encoder10", 16 * width, 16 * width)?,
        ];
        let channels = [[16, 8], [8, 4], [4, 2], [2, 1], [1, 1]];
        let decoders = channels.iter().enumerate().map(|(place, channels)| {
            let layers = layers.at(format!("decoder{}", 5 - place));
            UpBlock::load(&layers, channels.map(|times| times * width), cube, halves, false, norm, true)
        });
        let decoders = decoders.collect::<Result<_, _>>()?;
        let last = ConvSpec::sized(width, shape.outputs, [1; 3], [1; 3]);
        let last = Conv::load(&layers.at("out").at("conv").at("conv"), last)?;
        Ok(Self { patches, stages, encoders, decoders, last, normalise: shape.normalise })
    }

    /// Features as the decoder takes them.
    fn told(&self, x: Tensor<5>) -> Tensor<5> {
        match self.normalise {
            true => channels_first(LayerNorm::plain().forward(channels_last(x))),
            false => x,
        }
    }
}

impl Network for SwinUnetr {
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let mut tokens = self.patches.forward(x.clone());
        let mut features = vec![self.told(tokens.clone())];
        for stage in &self.stages {
            tokens = stage.forward(tokens);
            features.push(self.told(tokens.clone()));
        }
        let encoded = |encoder: usize, x: Tensor<5>| self.encoders[encoder].forward(x);
        // From the coarsest: the fourth stage's features go up as they are, the finer ones through their encoder.
        let finer = [
            features[3].clone(),
            encoded(3, features[2].clone()),
            encoded(2, features[1].clone()),
            encoded(1, features[0].clone()),
            encoded(0, x),
        ];
        let coarsest = encoded(4, features[4].clone());
        let decoded =
            self.decoders.iter().zip(finer).fold(coarsest, |x, (decoder, finer)| decoder.forward(x, finer));
        self.last.forward(decoded)
    }
}

impl Stage {
    fn load(vit: &Layers<'_>, stage: usize, shape: &SwinUnetrShape) -> Result<Self, WeightsError> {
        let width = shape.features << stage;
        let layers = vit.at(format!("layers{}", stage + 1)).at(0);
        let window = if shape.spatial == 2 { [1, shape.window, shape.window] } else { [shape.window; 3] };
        let blocks = (0..shape.depths[stage]).map(|block| {
            let layers = layers.at("blocks").at(block);
            let attention = Attention::load(&layers.at("attn"), width, shape.heads[stage], window)?;
            let mlp = layers.at("mlp");
            let mlp = [
                Linear::load(&mlp.at("linear1"), width, 4 * width, true)?,
                Linear::load(&mlp.at("linear2"), 4 * width, width, true)?,
            ];
            let norm = |name| LayerNorm::load(&layers.at(name), width, 1e-5);
            Ok(SwinBlock {
                norms: [norm("norm1")?, norm("norm2")?],
                attention,
                mlp,
                is_shifted: block % 2 == 1,
            })
        });
        let blocks = blocks.collect::<Result<_, WeightsError>>()?;
        let merge = Merge::load(&layers.at("downsample"), width, shape)?;
        let cube = if shape.spatial == 2 { [1, 3, 3] } else { [3; 3] };
        let convolutions = shape.convolutions.then(|| {
            let layers = vit.at(format!("layers{}c", stage + 1)).at(0).at("layer");
            let norm = MonaiNorm::Instance { affine: false };
            Block::load(&layers, [width; 2], cube, [1; 3], norm, true)
        });
        Ok(Self { convolutions: convolutions.transpose()?, blocks, window, merge })
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let x = match &self.convolutions {
            Some(block) => block.forward(x),
            None => x,
        };
        let x = channels_last(x);
        let [_, depth, rows, columns, _] = x.dims();
        let windows = Windows::new([depth, rows, columns], self.window);
        let mask = windows.mask(&x.device());
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x, &windows, &mask));
        channels_first(self.merge.forward(x))
    }
}

impl SwinBlock {
    fn forward(&self, x: Tensor<5>, windows: &Windows, mask: &Option<Tensor<3>>) -> Tensor<5> {
        let shifted = self.is_shifted && windows.is_shifted();
        let cut = windows.cut(self.norms[0].forward(x.clone()), shifted);
        let mask = mask.as_ref().filter(|_| shifted);
        let x = x + windows.joined(self.attention.forward(cut, mask), shifted);
        let [widen, narrow] = &self.mlp;
        let inner = Activation::Gelu.forward(widen.forward(self.norms[1].forward(x.clone())));
        x + narrow.forward(inner)
    }
}

impl Attention {
    fn load(
        layers: &Layers<'_>,
        width: usize,
        heads: usize,
        window: [usize; 3],
    ) -> Result<Self, WeightsError> {
        let reach = window.map(|size| 2 * size - 1);
        let table = layers.numbers("relative_position_bias_table", &[reach.iter().product(), heads])?;
        // Which entry belongs to which pair follows from the window.
        layers.leave("relative_position_index");
        let tokens: usize = window.iter().product();
        let place = |token: usize| {
            [token / (window[1] * window[2]), token / window[2] % window[1], token % window[2]]
        };
        let mut bias = vec![0.0; heads * tokens * tokens];
        for from in 0..tokens {
            for to in 0..tokens {
                let (a, b) = (place(from), place(to));
                let entry =
                    (0..3).fold(0, |sum, axis| sum * reach[axis] + (a[axis] + window[axis] - 1 - b[axis]));
                for head in 0..heads {
                    bias[(head * tokens + from) * tokens + to] = table[entry * heads + head];
                }
            }
        }
        Ok(Self {
            qkv: Linear::load(&layers.at("qkv"), width, 3 * width, true)?,
            projection: Linear::load(&layers.at("proj"), width, width, true)?,
            bias,
            tokens,
            heads,
        })
    }

    /// The bias of the first `tokens` of a window: a smaller window is a part of the table, as in the original.
    fn bias_of(&self, tokens: usize, device: &Device) -> Tensor<4> {
        let whole = [1, self.heads, self.tokens, self.tokens];
        let bias: Tensor<4> = Tensor::from_data(TensorData::new(self.bias.clone(), whole), device);
        bias.narrow(2, 0, tokens).narrow(3, 0, tokens)
    }

    fn forward(&self, x: Tensor<3>, mask: Option<&Tensor<3>>) -> Tensor<3> {
        let [windows, tokens, width] = x.dims();
        let (heads, each) = (self.heads, width / self.heads);
        let device = x.device();
        let qkv: Tensor<5> = self.qkv.forward(x).reshape([windows, tokens, 3, heads, each]);
        let part = |which: usize| -> Tensor<4> {
            let part = qkv.clone().narrow(2, which, 1).permute([0, 3, 1, 4, 2]);
            part.reshape([windows, heads, tokens, each])
        };
        let scale = (each as f64).powf(-0.5);
        let likeness = (part(0) * scale).matmul(part(1).transpose()) + self.bias_of(tokens, &device);
        let likeness = match mask {
            None => likeness,
            Some(mask) => {
                let count = mask.dims()[0];
                let apart: Tensor<5> = likeness.reshape([windows / count, count, heads, tokens, tokens]);
                let mask: Tensor<5> = mask.clone().reshape([1, count, 1, tokens, tokens]);
                (apart + mask).reshape([windows, heads, tokens, tokens])
            }
        };
        let seen = softmax(likeness, 3).matmul(part(2));
        self.projection.forward(seen.swap_dims(1, 2).reshape([windows, tokens, width]))
    }
}

impl Merge {
    fn load(layers: &Layers<'_>, width: usize, shape: &SwinUnetrShape) -> Result<Self, WeightsError> {
        let joined = if shape.spatial == 2 { 4 } else { 8 };
        let offsets = match (shape.spatial, shape.merging) {
            // In the plane both take the rows first.
            (2, _) => vec![[0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]],
            (_, Merging::First) => {
                vec![[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]]
            }
            (_, Merging::Second) => {
                (0..8).map(|corner| [corner >> 2 & 1, corner >> 1 & 1, corner & 1]).collect()
            }
        };
        Ok(Self {
            norm: LayerNorm::load(&layers.at("norm"), joined * width, 1e-5)?,
            reduction: Linear::load(&layers.at("reduction"), joined * width, 2 * width, false)?,
            offsets,
            step: if shape.spatial == 2 { [1, 2, 2] } else { [2; 3] },
        })
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let device = x.device();
        let mut x = x;
        for axis in 0..3 {
            let mut dims = x.dims();
            if dims[axis + 1] % self.step[axis] == 1 && self.step[axis] == 2 {
                dims[axis + 1] = 1;
                x = Tensor::cat(vec![x, Tensor::zeros(dims, &device)], axis + 1);
            }
        }
        let [_, depth, rows, columns, _] = x.dims();
        let sizes = [depth, rows, columns];
        let every = |axis: usize, offset: usize| -> Tensor<1, Int> {
            let places: Vec<i64> =
                (offset..sizes[axis]).step_by(self.step[axis]).map(|place| place as i64).collect();
            let count = places.len();
            Tensor::from_data(TensorData::new(places, [count]), &device)
        };
        let corners = self.offsets.iter().map(|offset| {
            (0..3)
                .filter(|axis| self.step[*axis] == 2)
                .fold(x.clone(), |x, axis| x.select(axis + 1, every(axis, offset[axis])))
        });
        self.reduction.forward(self.norm.forward(Tensor::cat(corners.collect(), 4)))
    }
}

fn channels_last(x: Tensor<5>) -> Tensor<5> {
    x.permute([0, 2, 3, 4, 1])
}

fn channels_first(x: Tensor<5>) -> Tensor<5> {
    x.permute([0, 4, 1, 2, 3])
}
