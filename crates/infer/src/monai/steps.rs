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
    /// `ScaleIntensityd`: from the least to the greatest value, of each channel or of all together.
    Scale { to: [f32; 2], each: bool },
    /// `NormalizeIntensityd`: mean and deviation of the image, or of what is not 0 in it; of each channel or of all together.
    Normalise { nonzero: bool, each: bool },
    /// `CropForegroundd`: the box around what is above 0 in one channel, or in any.
    CropForeground { margin: usize, of: Option<usize> },
}

/// Steps in order, and the names of the images that are joined to be the channels of one; one name where there is nothing to
/// join.
#[derive(Debug)]
pub(super) struct Steps {
    pub(super) steps: Vec<Before>,
    pub(super) keys: Vec<String>,
}

/// Spacings that an image may be brought to, millimetres, and the widest margin: guards against a configuration whose image
/// would fill all memory.
const SPACINGS_MM: std::ops::RangeInclusive<f64> = 0.05..=200.0;
const WIDEST_MARGIN: usize = 512;

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

pub(super) fn before(config: &Config<'_>) -> Result<Steps, BundleError> {
    let transforms = config.objects("transforms")?;
    let mut joined: Option<(Vec<String>, String)> = None;
    for step in &transforms {
        if step.target()? == "ConcatItemsd" {
            let (keys, name) = (step.texts("keys")?.unwrap_or_default(), step.text("name")?);
            let once = joined.is_none() && !keys.is_empty() && step.count("dim")?.unwrap_or(0) == 0;
            let name =
                name.filter(|_| once).ok_or_else(|| step.wrong("keys", "do not name once what is joined"))?;
            joined = Some((keys.into_iter().map(str::to_owned).collect(), name.to_owned()));
        }
    }
    let mut steps = Vec::new();
    // Before images are joined each is one of several.
    let mut apart = joined.is_some();
    for step in transforms {
        let target = step.target()?;
        if let Some((keys, name)) = &joined {
            let given = step.texts("keys")?.unwrap_or_default();
            let wanted: Vec<&str> = match apart {
                true => keys.iter().map(String::as_str).collect(),
                false => vec![name],
            };
            if let Some(left) = wanted.iter().find(|key| !given.contains(key)) {
                return Err(step.not_done("keys", format!("all but {left}")));
            }
        }
        let each = || Ok::<_, BundleError>(apart || step.flag("channel_wise")?.unwrap_or(false));
        let pair = |low: &str, high: &str| -> Result<Option<[f32; 2]>, BundleError> {
            Ok(step.number(low)?.zip(step.number(high)?).map(|(low, high)| [low as f32, high as f32]))
        };
        match target {
            // They read the file, or change how an array is held.
            "LoadImaged"
            | "EnsureChannelFirstd"
            | "EnsureTyped"
            | "CastToTyped"
            | "ToTensord"
            | "AddChanneld" => {}
            "ConcatItemsd" => {
                step.only(&["keys", "name", "dim"])?;
                apart = false;
            }
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
                if !spacing.iter().all(|spacing| SPACINGS_MM.contains(spacing)) {
                    return Err(step.wrong("pixdim", "is no distance of voxels, 0.05 to 200 mm"));
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
                steps.push(Before::Scale { to: to.map(|value| value as f32), each: each()? });
            }
            "NormalizeIntensityd" => {
                step.only(&["keys", "nonzero", "channel_wise"])?;
                let nonzero = step.flag("nonzero")?.unwrap_or(false);
                steps.push(Before::Normalise { nonzero, each: each()? });
            }
            "CropForegroundd" => {
                step.only(&["keys", "source_key", "margin"])?;
                let margin = step.count("margin")?.unwrap_or(0);
                if margin > WIDEST_MARGIN {
                    return Err(step.wrong("margin", "is above 512"));
                }
                let source = step.text("source_key")?.unwrap_or("image");
                let of = joined.as_ref().filter(|_| apart).map(|(keys, _)| {
                    let place = keys.iter().position(|key| key == source);
                    place.ok_or_else(|| step.not_done("source_key", source))
                });
                steps.push(Before::CropForeground { margin, of: of.transpose()? });
            }
            other => return Err(step.not_done("_target_", other)),
        }
    }
    let keys = joined.map_or_else(|| vec!["image".to_owned()], |(keys, _)| keys);
    Ok(Steps { steps, keys })
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
            "AsDiscreted" if !matches!(step.get("to_onehot")?, None | Some(Value::Null)) => {
                return Err(step.not_done("to_onehot", "a number"));
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
