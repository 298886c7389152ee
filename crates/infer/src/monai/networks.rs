//! `network_def`: the networks of MONAI that are known here, from their arguments.

use serde_json::Value;

use super::bundle::BundleError;
use super::config::Config;
use crate::networks::{
    BasicUnetShape, DynUnetShape, Merging, MonaiNorm, MonaiUnetShape, SegResNetShape, Shape, SwinUnetrShape,
};

/// The network, how many axes of space and how many classes it has.
pub(super) fn network(config: &Config<'_>) -> Result<(Shape, usize, usize), BundleError> {
    let spatial = config.count("spatial_dims")?.unwrap_or(3);
    if !(2..=3).contains(&spatial) {
        return Err(config.not_done("spatial_dims", spatial));
    }
    let inputs = config.count("in_channels")?.unwrap_or(1);
    let needed = |key: &str| config.count(key)?.ok_or_else(|| config.wrong(key, "is missing"));
    let shape = match config.target()? {
        "UNet" | "Unet" => {
            config.only(&[
                "spatial_dims",
                "in_channels",
                "out_channels",
                "channels",
                "strides",
                "kernel_size",
                "up_kernel_size",
                "num_res_units",
                "act",
                "norm",
                "dropout",
            ])?;
            let list = |key: &str| config.counts(key)?.ok_or_else(|| config.wrong(key, "is missing"));
            let (channels, strides) = (list("channels")?, list("strides")?);
            if channels.len() < 2 || strides.len() + 1 != channels.len() {
                return Err(config.wrong("strides", "is not one fewer than `channels`"));
            }
            Shape::MonaiUnet(MonaiUnetShape {
                spatial,
                inputs,
                outputs: needed("out_channels")?,
                channels,
                strides,
                kernels: [odd(config, "kernel_size")?, odd(config, "up_kernel_size")?],
                units: config.count("num_res_units")?.unwrap_or(0),
                norm: norm(config, "norm", MonaiNorm::Instance { affine: false })?,
                slope: slope(config)?,
            })
        }
        "BasicUNet" | "BasicUnet" | "Basicunet" => {
            config.only(&["spatial_dims", "in_channels", "out_channels", "features", "bias", "dropout"])?;
            let features = config.counts("features")?.unwrap_or_else(|| vec![32, 32, 64, 128, 256, 32]);
            let features: [usize; 6] =
                features.try_into().map_err(|_| config.wrong("features", "are not six numbers"))?;
            let (outputs, bias) = (needed("out_channels")?, config.flag("bias")?.unwrap_or(true));
            Shape::BasicUnet(BasicUnetShape { spatial, inputs, outputs, features, bias })
        }
        "DynUNet" | "DynUnet" | "Dynunet" => {
            config.only(&[
                "spatial_dims",
                "in_channels",
                "out_channels",
                "kernel_size",
                "strides",
                "upsample_kernel_size",
                "filters",
                "norm_name",
                "deep_supervision",
                "deep_supr_num",
                "res_block",
                "trans_bias",
                "dropout",
            ])?;
            let levels = |key: &str| {
                config.sizes_of_levels(key, spatial)?.ok_or_else(|| config.wrong(key, "is missing"))
            };
            let (kernels, strides) = (levels("kernel_size")?, levels("strides")?);
            let up_kernels = levels("upsample_kernel_size")?;
            let most = if spatial == 3 { 320 } else { 512 };
            let usual = || (0..strides.len()).map(|level| (32_usize << level.min(16)).min(most)).collect();
            let filters: Vec<usize> = config.counts("filters")?.unwrap_or_else(usual);
            let count = strides.len();
            if count < 3 || kernels.len() != count || up_kernels.len() + 1 != count || filters.len() < count {
                return Err(config.wrong("strides", "does not fit kernels and filters"));
            }
            Shape::DynUnet(DynUnetShape {
                spatial,
                inputs,
                outputs: needed("out_channels")?,
                filters: filters[..count].to_vec(),
                kernels,
                strides,
                up_kernels,
                norm: norm(config, "norm_name", MonaiNorm::Instance { affine: true })?,
                residual: config.flag("res_block")?.unwrap_or(false),
                up_bias: config.flag("trans_bias")?.unwrap_or(false),
            })
        }
        "SegResNet" => {
            config.only(&[
                "spatial_dims",
                "in_channels",
                "out_channels",
                "init_filters",
                "blocks_down",
                "blocks_up",
                "dropout_prob",
                "norm",
                "num_groups",
                "upsample_mode",
            ])?;
            match config.text("upsample_mode")? {
                None | Some("nontrainable") => {}
                Some(other) => return Err(config.not_done("upsample_mode", other)),
            }
            let groups = config.count("num_groups")?.unwrap_or(8);
            let blocks_down = config.counts("blocks_down")?.unwrap_or_else(|| vec![1, 2, 2, 4]);
            let blocks_up = config.counts("blocks_up")?.unwrap_or_else(|| vec![1, 1, 1]);
            if blocks_down.is_empty() || blocks_up.len() + 1 != blocks_down.len() {
                return Err(config.wrong("blocks_up", "is not one fewer than `blocks_down`"));
            }
            Shape::SegResNet(SegResNetShape {
                spatial,
                inputs,
                outputs: config.count("out_channels")?.unwrap_or(2),
                filters: config.count("init_filters")?.unwrap_or(8),
                blocks_down,
                blocks_up,
                norm: norm(config, "norm", MonaiNorm::Group(groups))?,
            })
        }
        "SwinUNETR" => {
            config.only(&[
                "spatial_dims",
                "img_size",
                "in_channels",
                "out_channels",
                "feature_size",
                "depths",
                "num_heads",
                "window_size",
                "downsample",
                "use_v2",
                "normalize",
                "use_checkpoint",
                "drop_rate",
                "attn_drop_rate",
                "dropout_path_rate",
                "norm_name",
            ])?;
            let four = |key: &str, usual: [usize; 4]| -> Result<[usize; 4], BundleError> {
                let given = config.counts(key)?.unwrap_or_else(|| usual.to_vec());
                given.try_into().map_err(|_| config.wrong(key, "are not four numbers"))
            };
            Shape::SwinUnetr(SwinUnetrShape {
                spatial,
                inputs,
                outputs: needed("out_channels")?,
                features: config.count("feature_size")?.unwrap_or(24),
                depths: four("depths", [2; 4])?,
                heads: four("num_heads", [3, 6, 12, 24])?,
                window: config.count("window_size")?.unwrap_or(7),
                merging: match config.text("downsample")? {
                    None | Some("merging") => Merging::First,
                    Some("mergingv2") => Merging::Second,
                    Some(other) => return Err(config.not_done("downsample", other)),
                },
                convolutions: config.flag("use_v2")?.unwrap_or(false),
                normalise: config.flag("normalize")?.unwrap_or(true),
            })
        }
        other => return Err(config.not_done("_target_", other)),
    };
    let outputs = match &shape {
        Shape::MonaiUnet(shape) => shape.outputs,
        Shape::BasicUnet(shape) => shape.outputs,
        Shape::DynUnet(shape) => shape.outputs,
        Shape::SegResNet(shape) => shape.outputs,
        Shape::SwinUnetr(shape) => shape.outputs,
        _ => 0,
    };
    Ok((shape, spatial, outputs))
}

fn odd(config: &Config<'_>, key: &str) -> Result<usize, BundleError> {
    match config.count(key)?.unwrap_or(3) {
        size if size % 2 == 1 => Ok(size),
        size => Err(config.not_done(key, size)),
    }
}

/// A name, or a name with arguments: `"batch"`, `["group", {"num_groups": 8}]`.
fn norm(config: &Config<'_>, key: &str, usual: MonaiNorm) -> Result<MonaiNorm, BundleError> {
    let Some(value) = config.get(key)? else { return Ok(usual) };
    let (name, arguments) = match value {
        Value::String(name) => (name.as_str(), None),
        Value::Array(parts) => (parts.first().and_then(Value::as_str).unwrap_or_default(), parts.get(1)),
        other => return Err(config.not_done(key, other)),
    };
    let affine = arguments.and_then(|arguments| arguments.get("affine")).and_then(Value::as_bool);
    let groups = arguments.and_then(|arguments| arguments.get("num_groups")).and_then(Value::as_u64);
    match (name.to_ascii_lowercase().as_str(), groups) {
        ("instance", _) => Ok(MonaiNorm::Instance { affine: affine.unwrap_or(false) }),
        ("batch", _) => Ok(MonaiNorm::Batch),
        ("group", Some(groups)) if groups > 0 => Ok(MonaiNorm::Group(groups as usize)),
        _ => Err(config.not_done(key, value)),
    }
}

/// `None` for PReLU.
fn slope(config: &Config<'_>) -> Result<Option<f64>, BundleError> {
    match config.get("act")? {
        None => Ok(None),
        Some(Value::String(name)) => match name.to_ascii_lowercase().as_str() {
            "prelu" => Ok(None),
            "relu" => Ok(Some(0.0)),
            "leakyrelu" => Ok(Some(0.01)),
            _ => Err(config.not_done("act", name)),
        },
        Some(other) => Err(config.not_done("act", other)),
    }
}
