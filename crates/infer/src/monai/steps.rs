//! Transforms before and after the network that are known here.

use serde_json::Value;

use super::bundle::BundleError;
use super::config::Config;

/// What is done to the image, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Before {
    /// `Orientationd`: three letters.
    Orientation(String),
    /// `Spacingd`: millimetres along the array's axes, linear.
    Spacing([f64; 3]),
    /// `ScaleIntensityRanged`.
    Range { from: [f32; 2], to: [f32; 2], clip: bool },
    /// `ScaleIntensityd`: from the least to the greatest value.
    Scale([f32; 2]),
    /// `NormalizeIntensityd`: mean and deviation of the image, or of what is not 0 in it.
    Normalise { nonzero: bool },
    /// `CropForegroundd`: the box around what is above 0.
    CropForeground { margin: usize },
}

/// What is done to the answer, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// `Activationsd(softmax=True)`.
    Softmax,
    /// `Activationsd(sigmoid=True)`.
    Sigmoid,
    /// `Invertd`: back to the image's grid; labels or probabilities by the nearest voxel, or linear.
    Invert { nearest: bool },
    /// `AsDiscreted(argmax=True)`.
    Argmax,
    /// `AsDiscreted(threshold=…)`, a probability in hundredths of a thousandth.
    Threshold(u32),
}

pub(super) fn before(config: &Config<'_>) -> Result<Vec<Before>, BundleError> {
    let mut steps = Vec::new();
    for step in config.objects("transforms")? {
        let pair = |low: &str, high: &str| -> Result<Option<[f32; 2]>, BundleError> {
            Ok(step.number(low)?.zip(step.number(high)?).map(|(low, high)| [low as f32, high as f32]))
        };
        match step.target()? {
            // They read the file, or change how an array is held.
            "LoadImaged"
            | "EnsureChannelFirstd"
            | "EnsureTyped"
            | "CastToTyped"
            | "ToTensord"
            | "AddChanneld" => {}
            "Orientationd" => {
                let axes = step.text("axcodes")?.ok_or_else(|| step.wrong("axcodes", "is missing"))?;
                let known = crate::package::directions(axes).map(|_| axes.to_owned());
                steps.push(Before::Orientation(known.ok_or_else(|| step.not_done("axcodes", axes))?));
            }
            "Spacingd" => {
                step.only(&["keys", "pixdim", "mode", "diagonal", "padding_mode", "align_corners", "dtype"])?;
                let spacing = step.numbers("pixdim")?.ok_or_else(|| step.wrong("pixdim", "is missing"))?;
                let spacing: [f64; 3] =
                    spacing.try_into().map_err(|_| step.wrong("pixdim", "is not of three numbers"))?;
                if spacing.iter().any(|spacing| *spacing <= 0.0) {
                    return Err(step.wrong("pixdim", "is not above 0"));
                }
                match first_text(&step, "mode")? {
                    None | Some("bilinear") => {}
                    Some(other) => return Err(step.not_done("mode", other)),
                }
                steps.push(Before::Spacing(spacing));
            }
            "ScaleIntensityRanged" => {
                step.only(&["keys", "a_min", "a_max", "b_min", "b_max", "clip", "dtype"])?;
                let from = pair("a_min", "a_max")?.filter(|[low, high]| low < high);
                let from = from.ok_or_else(|| step.wrong("a_min", "is not below `a_max`"))?;
                let to = pair("b_min", "b_max")?.ok_or_else(|| step.wrong("b_min", "is missing"))?;
                steps.push(Before::Range { from, to, clip: step.flag("clip")?.unwrap_or(false) });
            }
            "ScaleIntensityd" => {
                step.only(&["keys", "minv", "maxv", "channel_wise"])?;
                let to = [step.number("minv")?.unwrap_or(0.0), step.number("maxv")?.unwrap_or(1.0)];
                steps.push(Before::Scale(to.map(|value| value as f32)));
            }
            "NormalizeIntensityd" => {
                step.only(&["keys", "nonzero", "channel_wise"])?;
                steps.push(Before::Normalise { nonzero: step.flag("nonzero")?.unwrap_or(false) });
            }
            "CropForegroundd" => {
                step.only(&["keys", "source_key", "margin"])?;
                steps.push(Before::CropForeground { margin: step.count("margin")?.unwrap_or(0) });
            }
            other => return Err(step.not_done("_target_", other)),
        }
    }
    Ok(steps)
}

pub(super) fn after(config: &Config<'_>) -> Result<Vec<After>, BundleError> {
    let mut steps = Vec::new();
    for step in config.objects("transforms")? {
        match step.target()? {
            // They only write files, or change how an array is held.
            "SaveImaged" | "EnsureTyped" | "ToTensord" | "CopyItemsd" => {}
            "Activationsd" => match (step.flag("softmax")?, step.flag("sigmoid")?) {
                (Some(true), None | Some(false)) => steps.push(After::Softmax),
                (None | Some(false), Some(true)) => steps.push(After::Sigmoid),
                _ => return Err(step.wrong("softmax", "and `sigmoid` are not one of the two")),
            },
            "Invertd" => {
                let nearest = match step.get("nearest_interp")? {
                    None => true,
                    Some(Value::Bool(nearest)) => *nearest,
                    Some(Value::Array(all)) => all.first().and_then(Value::as_bool).unwrap_or(true),
                    Some(other) => return Err(step.not_done("nearest_interp", other)),
                };
                steps.push(After::Invert { nearest });
            }
            "AsDiscreted" => match (first_flag(&step, "argmax")?, step.number("threshold")?) {
                (Some(true), None) => steps.push(After::Argmax),
                (None | Some(false), Some(threshold)) => {
                    steps.push(After::Threshold((threshold * 1e5) as u32))
                }
                _ => return Err(step.wrong("argmax", "and `threshold` are not one of the two")),
            },
            other => return Err(step.not_done("_target_", other)),
        }
    }
    let decides = |step: &After| matches!(step, After::Argmax | After::Threshold(_));
    match steps.iter().filter(|step| decides(step)).count() {
        1 => Ok(steps),
        _ => Err(config.wrong("transforms", "do not decide for labels once (AsDiscreted)")),
    }
}

/// A text, or the first of a list: one for each key.
fn first_text<'a>(step: &Config<'a>, key: &str) -> Result<Option<&'a str>, BundleError> {
    match step.get(key)? {
        Some(Value::Array(all)) => Ok(all.first().and_then(Value::as_str)),
        _ => step.text(key),
    }
}

fn first_flag(step: &Config<'_>, key: &str) -> Result<Option<bool>, BundleError> {
    match step.get(key)? {
        Some(Value::Array(all)) => Ok(all.first().and_then(Value::as_bool)),
        _ => step.flag(key),
    }
}
