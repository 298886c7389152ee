//! The networks' measures in `plans.json`: `architecture.arch_kwargs`, or the keys that stood in the configuration before
//! nnU-Net 2.3.

use serde::Deserialize;

use super::plans::PlanError;
use crate::networks::NnunetShape;

#[derive(Deserialize)]
pub(super) struct Architecture {
    network_class_name: String,
    arch_kwargs: Arguments,
}

#[derive(Deserialize)]
struct Arguments {
    n_stages: usize,
    features_per_stage: PerStage,
    kernel_sizes: Vec<Sizes>,
    strides: Vec<Sizes>,
    n_conv_per_stage: Option<PerStage>,
    n_blocks_per_stage: Option<PerStage>,
    n_conv_per_stage_decoder: PerStage,
    conv_bias: Option<bool>,
    norm_op: Option<String>,
    norm_op_kwargs: Option<NormArguments>,
    nonlin: Option<String>,
    nonlin_kwargs: Option<NonlinArguments>,
}

#[derive(Deserialize)]
pub(super) struct OldArchitecture {
    #[serde(rename = "UNet_class_name")]
    class: String,
    #[serde(rename = "UNet_base_num_features")]
    first: usize,
    unet_max_num_features: usize,
    n_conv_per_stage_encoder: PerStage,
    n_conv_per_stage_decoder: PerStage,
    pool_op_kernel_sizes: Vec<Sizes>,
    conv_kernel_sizes: Vec<Sizes>,
}

#[derive(Deserialize)]
struct NormArguments {
    eps: Option<f64>,
    affine: Option<bool>,
}

#[derive(Deserialize)]
struct NonlinArguments {
    negative_slope: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PerStage {
    All(usize),
    Each(Vec<usize>),
}

impl PerStage {
    fn of(&self, stages: usize) -> Option<Vec<usize>> {
        match self {
            Self::All(count) => Some(vec![*count; stages]),
            Self::Each(counts) => (counts.len() == stages).then(|| counts.clone()),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sizes {
    All(usize),
    Each(Vec<usize>),
}

impl Sizes {
    /// Depth, rows, columns; depth is 1 in the plane.
    fn of(&self, spatial: usize) -> Option<[usize; 3]> {
        match self {
            Self::All(size) if spatial == 2 => Some([1, *size, *size]),
            Self::All(size) => Some([*size; 3]),
            Self::Each(sizes) if sizes.len() == spatial => Some(padded(sizes, 1)),
            Self::Each(_) => None,
        }
    }
}

/// Two numbers or three as three, with `first` before two.
pub(super) fn padded(sizes: &[usize], first: usize) -> [usize; 3] {
    match *sizes {
        [rows, columns] => [first, rows, columns],
        [depth, rows, columns] => [depth, rows, columns],
        _ => [0; 3],
    }
}

impl Architecture {
    pub(super) fn shape(
        &self,
        spatial: usize,
        inputs: usize,
        outputs: usize,
    ) -> Result<NnunetShape, PlanError> {
        let arguments = &self.arch_kwargs;
        let residual = is_residual("architecture.network_class_name", &self.network_class_name)?;
        let not_done = |key: &str, value: &str| PlanError::NotDone {
            key: format!("architecture.arch_kwargs.{key}"),
            value: value.to_owned(),
        };
        let norm = arguments.norm_op.as_deref().unwrap_or("InstanceNorm");
        let affine = arguments.norm_op_kwargs.as_ref().and_then(|norm| norm.affine);
        if !norm.contains("InstanceNorm") || affine == Some(false) {
            return Err(not_done("norm_op", norm));
        }
        let activation = arguments.nonlin.as_deref().unwrap_or("LeakyReLU");
        let slope = match activation.rsplit('.').next() {
            Some("LeakyReLU") => {
                arguments.nonlin_kwargs.as_ref().and_then(|told| told.negative_slope).unwrap_or(0.01)
            }
            Some("ReLU") => 0.0,
            _ => return Err(not_done("nonlin", activation)),
        };
        let (key, blocks) = match residual {
            true => ("n_blocks_per_stage", &arguments.n_blocks_per_stage),
            false => ("n_conv_per_stage", &arguments.n_conv_per_stage),
        };
        let blocks = blocks
            .as_ref()
            .ok_or_else(|| PlanError::Plans(format!("architecture.arch_kwargs: missing field `{key}`")))?;
        let measures = Measures {
            spatial,
            stages: arguments.n_stages,
            features: &arguments.features_per_stage,
            kernels: &arguments.kernel_sizes,
            strides: &arguments.strides,
            blocks,
            decoder_blocks: &arguments.n_conv_per_stage_decoder,
        };
        measures.shape("architecture.arch_kwargs", |shape| NnunetShape {
            inputs,
            outputs,
            residual,
            slope,
            bias: arguments.conv_bias.unwrap_or(false),
            epsilon: arguments.norm_op_kwargs.as_ref().and_then(|norm| norm.eps).unwrap_or(1e-5),
            ..shape
        })
    }
}

impl OldArchitecture {
    pub(super) fn shape(
        &self,
        spatial: usize,
        inputs: usize,
        outputs: usize,
    ) -> Result<NnunetShape, PlanError> {
        let residual = is_residual("UNet_class_name", &self.class)?;
        let stages = self.conv_kernel_sizes.len();
        let features = (0..stages).map(|stage| {
            let wide = self.first.checked_shl(stage as u32).unwrap_or(usize::MAX);
            wide.min(self.unet_max_num_features)
        });
        let measures = Measures {
            spatial,
            stages,
            features: &PerStage::Each(features.collect()),
            kernels: &self.conv_kernel_sizes,
            strides: &self.pool_op_kernel_sizes,
            blocks: &self.n_conv_per_stage_encoder,
            decoder_blocks: &self.n_conv_per_stage_decoder,
        };
        measures.shape("configuration", |shape| NnunetShape { inputs, outputs, residual, ..shape })
    }
}

fn is_residual(key: &str, class: &str) -> Result<bool, PlanError> {
    match class.rsplit('.').next() {
        Some("PlainConvUNet") => Ok(false),
        Some("ResidualEncoderUNet") => Ok(true),
        _ => Err(PlanError::NotDone { key: key.to_owned(), value: class.to_owned() }),
    }
}

struct Measures<'a> {
    spatial: usize,
    stages: usize,
    features: &'a PerStage,
    kernels: &'a [Sizes],
    strides: &'a [Sizes],
    blocks: &'a PerStage,
    decoder_blocks: &'a PerStage,
}

/// More than any network that is published: a guard against a plan that is none.
const MOST: usize = 1 << 14;

impl Measures<'_> {
    fn shape(
        &self,
        place: &str,
        rest: impl FnOnce(NnunetShape) -> NnunetShape,
    ) -> Result<NnunetShape, PlanError> {
        let wrong =
            |key: &str| PlanError::Plans(format!("{place}: `{key}` does not fit {} stages", self.stages));
        let sizes = |key: &str, sizes: &[Sizes]| {
            let all: Option<Vec<[usize; 3]>> = sizes.iter().map(|sizes| sizes.of(self.spatial)).collect();
            let fits = |sizes: &Vec<[usize; 3]>| {
                sizes.len() == self.stages && sizes.iter().flatten().all(|size| (1..=MOST).contains(size))
            };
            all.filter(fits).ok_or_else(|| wrong(key))
        };
        let counts = |key: &str, counts: &PerStage, stages: usize| {
            let fits = |counts: &Vec<usize>| counts.iter().all(|count| (1..=MOST).contains(count));
            counts.of(stages).filter(fits).ok_or_else(|| wrong(key))
        };
        if !(2..=16).contains(&self.stages) {
            return Err(wrong("n_stages"));
        }
        let shape = rest(NnunetShape {
            spatial: self.spatial,
            inputs: 0,
            outputs: 0,
            features: counts("features_per_stage", self.features, self.stages)?,
            kernels: sizes("kernel_sizes", self.kernels)?,
            strides: sizes("strides", self.strides)?,
            blocks: counts("n_conv_per_stage", self.blocks, self.stages)?,
            residual: false,
            decoder_blocks: counts("n_conv_per_stage_decoder", self.decoder_blocks, self.stages - 1)?,
            bias: true,
            epsilon: 1e-5,
            slope: 0.01,
        });
        match shape.strides[0] == [1; 3] && shape.kernels.iter().flatten().all(|size| size % 2 == 1) {
            true => Ok(shape),
            false => Err(wrong("strides")),
        }
    }
}
