//! `plans.json`: what is done to an image before and after the network, and the network's measures. The form before
//! nnU-Net 2.3, which much of what is published has, names the measures differently.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::architecture::{Architecture, OldArchitecture, padded};
use super::dataset::Dataset;
use crate::networks::NnunetShape;
use crate::resample::Order;

/// Why a folder of results is not a model that is run here.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A key of `plans.json` is missing or wrong.
    #[error("plans.json: {0}")]
    Plans(String),
    /// A key of `dataset.json` is missing or wrong.
    #[error("dataset.json: {0}")]
    Dataset(String),
    /// The plan asks for something that is not done here.
    #[error("plans.json: `{key}` is `{value}`, which this program does not do")]
    NotDone {
        /// The key.
        key: String,
        /// Its value.
        value: String,
    },
}

/// What is done to the values of a channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Normalisation {
    /// Clipped to percentiles of the training's foreground, and its mean and deviation.
    Ct {
        /// Lowest value that is kept.
        low: f32,
        /// Highest value that is kept.
        high: f32,
        /// Subtracted.
        mean: f32,
        /// Divisor.
        deviation: f32,
    },
    /// Mean and deviation of the image itself.
    ZScore {
        /// Only of what is not nothing.
        inside: bool,
    },
    /// As it is.
    None,
    /// From the least to the greatest value.
    ToOne,
    /// A colour of 8 bits.
    Rgb,
}

/// How a grid is brought to another spacing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampling {
    /// Within slices, or in all axes.
    pub order: Order,
    /// Between slices, where they are resampled apart.
    pub between: Order,
    /// Slices are resampled apart; decided by the spacing when it is not said.
    pub by_slices: Option<bool>,
}

/// One configuration of a plan. Axes are those of the network: slices, rows, columns after [`Self::transpose`].
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Name of the configuration: `3d_fullres`.
    pub configuration: String,
    /// The network.
    pub shape: NnunetShape,
    /// Voxels of a patch. A network of the plane has patches of one slice.
    pub patch: [usize; 3],
    /// Millimetres between voxels; `None` along the slices of a network of the plane.
    pub spacing_mm: [Option<f64>; 3],
    /// For each channel.
    pub normalisation: Vec<Normalisation>,
    /// Axis `n` of the network is axis `transpose[n]` of the image.
    pub transpose: [usize; 3],
    /// Of the image.
    pub data: Resampling,
    /// Of the logits.
    pub logits: Resampling,
    /// Of a segmentation that a cascade takes.
    pub labels: Resampling,
    /// The configuration whose segmentation this one takes.
    pub previous: Option<String>,
}

/// Voxels of a patch, and spacings that an image may be brought to: guards against a plan that would fill all memory.
const MOST_VOXELS: usize = 1 << 27;
const SPACINGS_MM: std::ops::RangeInclusive<f64> = 0.05..=200.0;

impl Plan {
    /// Reads a configuration of `plans.json`.
    ///
    /// # Errors
    /// [`PlanError`] with the key that is missing, wrong or not done here.
    pub fn read(text: &[u8], configuration: &str, dataset: &Dataset) -> Result<Self, PlanError> {
        let plans: Plans =
            serde_json::from_slice(text).map_err(|error| PlanError::Plans(error.to_string()))?;
        let json = inherited(&plans.configurations, configuration)?;
        let within = |reason: String| PlanError::Plans(format!("configurations.{configuration}: {reason}"));
        let told: Configuration =
            serde_json::from_value(Value::Object(json.clone())).map_err(|error| within(error.to_string()))?;
        let spatial = told.patch_size.len();
        if !(2..=3).contains(&spatial) || told.spacing.len() != spatial {
            return Err(within("`patch_size` and `spacing` are not both of 2 or of 3 numbers".to_owned()));
        }
        let previous = told.previous_stage.clone();
        let inputs =
            dataset.channels.len() + if previous.is_some() { dataset.foreground().count() } else { 0 };
        let shape = match &told.architecture {
            Some(architecture) => architecture.shape(spatial, inputs, dataset.heads())?,
            None => {
                let old: OldArchitecture =
                    serde_json::from_value(Value::Object(json)).map_err(|error| within(error.to_string()))?;
                old.shape(spatial, inputs, dataset.heads())?
            }
        };
        let patch = padded(&told.patch_size, 1);
        let divisor = shape.divisor();
        if (0..3).any(|axis| patch[axis] == 0 || !patch[axis].is_multiple_of(divisor[axis])) {
            return Err(within(format!(
                "`patch_size` {patch:?} is not a multiple of {divisor:?}, the strides' product"
            )));
        }
        if patch
            .iter()
            .try_fold(1_usize, |all, size| all.checked_mul(*size))
            .is_none_or(|all| all > MOST_VOXELS)
        {
            return Err(within("`patch_size` has more than 2^27 voxels".to_owned()));
        }
        let mut spacing_mm = [None; 3];
        spacing_mm[3 - spatial..].iter_mut().zip(&told.spacing).for_each(|(to, from)| *to = Some(*from));
        if !spacing_mm.iter().flatten().all(|spacing| SPACINGS_MM.contains(spacing)) {
            return Err(within("`spacing` is no distance of voxels, 0.05 to 200 mm".to_owned()));
        }
        let properties = plans.foreground_intensity_properties_per_channel.as_ref();
        let normalisation = normalisations(&told, properties, dataset.channels.len())?;
        let transpose = match *plans.transpose_forward.as_slice() {
            [a, b, c]
                if {
                    let mut all = [a, b, c];
                    all.sort_unstable();
                    all == [0, 1, 2]
                } =>
            {
                [a, b, c]
            }
            _ => return Err(PlanError::Plans("`transpose_forward` is no order of three axes".to_owned())),
        };
        Ok(Self {
            configuration: configuration.to_owned(),
            shape,
            patch,
            spacing_mm,
            normalisation,
            transpose,
            data: resampling(
                "resampling_fn_data",
                &told.resampling_fn_data,
                &told.resampling_fn_data_kwargs,
            )?,
            logits: resampling(
                "resampling_fn_probabilities",
                &told.resampling_fn_probabilities,
                &told.resampling_fn_probabilities_kwargs,
            )?,
            labels: resampling("resampling_fn_seg", &told.resampling_fn_seg, &told.resampling_fn_seg_kwargs)?,
            previous,
        })
    }
}

#[derive(Deserialize)]
struct Plans {
    configurations: Map<String, Value>,
    transpose_forward: Vec<usize>,
    #[serde(alias = "foreground_intensity_properties_by_modality")]
    foreground_intensity_properties_per_channel: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Configuration {
    patch_size: Vec<usize>,
    spacing: Vec<f64>,
    normalization_schemes: Vec<String>,
    use_mask_for_norm: Vec<bool>,
    #[serde(default = "usual_resampling")]
    resampling_fn_data: String,
    #[serde(default)]
    resampling_fn_data_kwargs: ResamplingArguments,
    #[serde(default = "usual_resampling")]
    resampling_fn_seg: String,
    #[serde(default)]
    resampling_fn_seg_kwargs: ResamplingArguments,
    #[serde(default = "usual_resampling")]
    resampling_fn_probabilities: String,
    #[serde(default)]
    resampling_fn_probabilities_kwargs: ResamplingArguments,
    architecture: Option<Architecture>,
    previous_stage: Option<String>,
}

const USUAL_RESAMPLING: &str = "resample_data_or_seg_to_shape";

fn usual_resampling() -> String {
    USUAL_RESAMPLING.to_owned()
}

/// The defaults are those of the function in Python.
#[derive(Deserialize)]
#[serde(default)]
struct ResamplingArguments {
    order: u64,
    order_z: u64,
    force_separate_z: Option<bool>,
}

impl Default for ResamplingArguments {
    fn default() -> Self {
        Self { order: 3, order_z: 0, force_separate_z: Some(false) }
    }
}

/// The keys of a configuration over those it inherits from.
fn inherited(configurations: &Map<String, Value>, name: &str) -> Result<Map<String, Value>, PlanError> {
    let mut chain = Vec::new();
    let mut next = name.to_owned();
    loop {
        let Some(Value::Object(configuration)) = configurations.get(&next) else {
            return Err(PlanError::Plans(format!("there is no configuration `{next}`")));
        };
        if chain.len() > configurations.len() {
            return Err(PlanError::Plans(format!("configurations.{name} inherits from itself")));
        }
        chain.push(configuration);
        match configuration.get("inherits_from").and_then(Value::as_str) {
            Some(parent) => next = parent.to_owned(),
            None => break,
        }
    }
    let mut all = Map::new();
    for configuration in chain.into_iter().rev() {
        all.extend(configuration.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    Ok(all)
}

fn resampling(key: &str, function: &str, arguments: &ResamplingArguments) -> Result<Resampling, PlanError> {
    if function != USUAL_RESAMPLING {
        return Err(PlanError::NotDone { key: key.to_owned(), value: function.to_owned() });
    }
    let order = |name: &str, degree: u64| {
        Order::from_degree(degree).ok_or_else(|| PlanError::NotDone {
            key: format!("{key}_kwargs.{name}"),
            value: degree.to_string(),
        })
    };
    Ok(Resampling {
        order: order("order", arguments.order)?,
        between: order("order_z", arguments.order_z)?,
        by_slices: arguments.force_separate_z,
    })
}

fn normalisations(
    told: &Configuration,
    properties: Option<&Map<String, Value>>,
    channels: usize,
) -> Result<Vec<Normalisation>, PlanError> {
    if told.normalization_schemes.len() != channels || told.use_mask_for_norm.len() != channels {
        let reason =
            format!("`normalization_schemes` and `use_mask_for_norm` are not for {channels} channels");
        return Err(PlanError::Plans(reason));
    }
    let figure = |channel: usize, name: &str| {
        let place = format!("foreground_intensity_properties_per_channel.{channel}.{name}");
        let figures = properties.and_then(|all| all.get(&channel.to_string()));
        let value = figures.and_then(|figures| figures.get(name)).and_then(Value::as_f64);
        value
            .filter(|value| value.is_finite())
            .map(|value| value as f32)
            .ok_or_else(|| PlanError::Plans(format!("missing number `{place}`")))
    };
    let one = |(channel, (scheme, inside)): (usize, (&String, &bool))| {
        Ok(match scheme.as_str() {
            "CTNormalization" => Normalisation::Ct {
                low: figure(channel, "percentile_00_5")?,
                high: figure(channel, "percentile_99_5")?,
                mean: figure(channel, "mean")?,
                deviation: figure(channel, "std")?,
            },
            "ZScoreNormalization" => Normalisation::ZScore { inside: *inside },
            "NoNormalization" => Normalisation::None,
            "RescaleTo01Normalization" => Normalisation::ToOne,
            "RGBTo01Normalization" => Normalisation::Rgb,
            other => {
                let key = format!("normalization_schemes[{channel}]");
                return Err(PlanError::NotDone { key, value: other.to_owned() });
            }
        })
    };
    told.normalization_schemes.iter().zip(&told.use_mask_for_norm).enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset() -> Dataset {
        Dataset::read(br#"{"channel_names":{"0":"CT"},"labels":{"background":0,"liver":1}}"#).unwrap()
    }

    fn plans(change: impl Fn(&mut Value)) -> Vec<u8> {
        let mut json = serde_json::json!({
            "transpose_forward": [0, 1, 2],
            "foreground_intensity_properties_per_channel":
                {"0": {"mean": 100.0, "std": 30.0, "percentile_00_5": -50.0, "percentile_99_5": 300.0}},
            "configurations": {
                "3d_fullres": {
                    "patch_size": [64, 96, 96], "spacing": [3.0, 0.8, 0.8],
                    "normalization_schemes": ["CTNormalization"], "use_mask_for_norm": [false],
                    "resampling_fn_data": "resample_data_or_seg_to_shape",
                    "resampling_fn_data_kwargs": {"is_seg": false, "order": 3, "order_z": 0, "force_separate_z": null},
                    "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
                    "resampling_fn_probabilities_kwargs": {"order": 1, "order_z": 0, "force_separate_z": null},
                    "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 32, "unet_max_num_features": 320,
                    "n_conv_per_stage_encoder": [2, 2, 2], "n_conv_per_stage_decoder": [2, 2],
                    "num_pool_per_axis": [1, 2, 2], "pool_op_kernel_sizes": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
                    "conv_kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]]
                },
                "3d_lowres": {"inherits_from": "3d_fullres", "spacing": [4.0, 1.6, 1.6]}
            }
        });
        change(&mut json);
        serde_json::to_vec(&json).unwrap()
    }

    #[test]
    fn a_plan_of_the_old_form_is_read_and_inherited_from() {
        let plan = Plan::read(&plans(|_| ()), "3d_lowres", &dataset()).unwrap();
        assert_eq!(plan.spacing_mm, [Some(4.0), Some(1.6), Some(1.6)]);
        assert_eq!(plan.patch, [64, 96, 96]);
        assert_eq!(plan.shape.features, [32, 64, 128]);
        assert_eq!(plan.shape.divisor(), [2, 4, 4]);
        assert_eq!(plan.data.by_slices, None);
        assert_eq!(plan.logits.order, Order::Linear);
        assert!(matches!(plan.normalisation[0], Normalisation::Ct { high: 300.0, .. }));
    }

    #[test]
    fn what_is_missing_wrong_or_not_done_is_named() {
        type Change = fn(&mut Value);
        let cases: [(Change, &str); 6] = [
            (
                |json| {
                    drop(json["configurations"]["3d_fullres"].as_object_mut().unwrap().remove("patch_size"))
                },
                "patch_size",
            ),
            (
                |json| json["configurations"]["3d_fullres"]["patch_size"] = serde_json::json!([63, 96, 96]),
                "patch_size",
            ),
            (
                |json| json["configurations"]["3d_fullres"]["spacing"] = serde_json::json!([0.0, 1.0, 1.0]),
                "spacing",
            ),
            (|json| json["configurations"]["3d_fullres"]["UNet_class_name"] = "PrimusM".into(), "PrimusM"),
            (
                |json| json["configurations"]["3d_fullres"]["resampling_fn_data"] = "resample_torch".into(),
                "resample_torch",
            ),
            (
                |json| json["foreground_intensity_properties_per_channel"]["0"]["std"] = Value::Null,
                "foreground_intensity_properties_per_channel.0.std",
            ),
        ];
        for (change, named) in cases {
            let error = Plan::read(&plans(change), "3d_fullres", &dataset()).unwrap_err().to_string();
            assert!(error.contains(named), "{error} does not name {named}");
        }
        assert!(Plan::read(&plans(|_| ()), "2d", &dataset()).unwrap_err().to_string().contains("`2d`"));
        let circle = plans(|json| json["configurations"]["3d_fullres"]["inherits_from"] = "3d_lowres".into());
        assert!(Plan::read(&circle, "3d_fullres", &dataset()).unwrap_err().to_string().contains("itself"));
    }
}
