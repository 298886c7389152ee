//! The form of a classifier in `model.toml`: which network, how a picture is prepared for it, what its answers are.

use serde::{Deserialize, Serialize};

use super::labels::CodedLabel;
use super::manifest::ManifestError;
use crate::networks::Shape;

/// A network that says what a whole picture shows. Its first answer is the label with the value 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierForm {
    /// The weights within the package: `.safetensors`, `.pth` or `.pt`.
    pub weights: String,
    /// The entry of a checkpoint that holds the weights; without it the checkpoint is the table of weights itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// torchvision's or MONAI's name: `resnet50`, `densenet121`, `efficientnet_b2`, `convnext_tiny`.
    pub network: String,
    /// Channels that the network takes: 1, or 3 for red, green, blue. A grey picture is given to three channels alike.
    pub channels: usize,
    /// How answers become probabilities.
    pub activation: Likelihood,
    /// What is done to a picture first.
    pub picture: PictureRules,
}

/// How a network's answers become probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likelihood {
    /// One of the labels is true: they sum to 1.
    Softmax,
    /// Each label is true or not, whatever the others are.
    Sigmoid,
}

/// What is done to a picture before the network sees it, as torchvision's presets do it: values to 0…1, resize, crop, less
/// the mean, by the deviation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureRules {
    /// The size it is brought to.
    pub resize_px: Resize,
    /// Edge of the square in its middle that the network sees; without it the whole picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop_px: Option<usize>,
    /// How values between pixels are made.
    #[serde(default)]
    pub interpolation: PictureFilter,
    /// Whether a picture that is made smaller is smoothed.
    #[serde(default = "yes")]
    pub antialias: bool,
    /// For grey pictures: which values become 0 and 1, what is beyond being cut off. Without it grey pictures are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<GreyWindow>,
    /// Subtracted from each channel.
    pub mean: Vec<f32>,
    /// Divisor of each channel.
    pub deviation: Vec<f32>,
}

fn yes() -> bool {
    true
}

/// A size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Resize {
    /// Of the shorter edge; the picture keeps its proportions.
    ShorterEdge(usize),
    /// Rows and columns, whatever the proportions were.
    RowsColumns([usize; 2]),
}

/// How values between pixels are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureFilter {
    /// From the two nearest along each axis.
    #[default]
    Bilinear,
    /// From the four nearest along each axis.
    Bicubic,
}

/// Which values of a grey picture become 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum GreyWindow {
    /// These, in the unit of the picture: HU on CT.
    Values([f32; 2]),
    /// `"image"`: the least and the greatest of the picture itself.
    Own(OwnRange),
}

/// The picture's own values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnRange {
    /// From the least to the greatest.
    Image,
}

/// The largest edge of a picture that a network sees.
const LARGEST_PX: usize = 4096;

impl ClassifierForm {
    /// The network with an answer for each label; none when its name is not known here.
    pub(crate) fn shape(&self, outputs: usize) -> Option<Shape> {
        Shape::classifier(&self.network, self.channels, outputs)
    }

    pub(super) fn check(&self, labels: &[CodedLabel]) -> Result<(), ManifestError> {
        let wrong = |field: &str, reason: &str| {
            Err(ManifestError::Field { field: field.to_owned(), reason: reason.to_owned() })
        };
        if ![1, 3].contains(&self.channels) {
            return wrong("form.channels", "is neither 1 nor 3");
        }
        if self.shape(labels.len()).is_none() {
            return wrong("form.network", "is no network that this program has");
        }
        let mut values: Vec<usize> = labels.iter().map(|label| usize::from(label.value)).collect();
        values.sort_unstable();
        if !values.into_iter().eq(1..=labels.len()) {
            return wrong("labels", "are not numbered from 1, one for each answer of the network");
        }
        if self.activation == Likelihood::Softmax && labels.len() < 2 {
            return wrong("form.activation", "is softmax, which needs two labels or more");
        }
        let is_part = |part: f32| part > 0.0 && part <= 1.0;
        if labels.iter().filter_map(|label| label.threshold).any(|threshold| !is_part(threshold)) {
            return wrong("labels.threshold", "is not above 0 and at most 1");
        }
        let picture = &self.picture;
        let sizes = match picture.resize_px {
            Resize::ShorterEdge(edge) => [edge; 2],
            Resize::RowsColumns(sizes) => sizes,
        };
        if sizes.into_iter().chain(picture.crop_px).any(|size| !(1..=LARGEST_PX).contains(&size)) {
            return wrong("form.picture.resize_px", "or `crop_px` is not from 1 to 4096");
        }
        let fits = |numbers: &[f32]| {
            numbers.len() == self.channels && numbers.iter().all(|number| number.is_finite())
        };
        if !fits(&picture.mean) || !fits(&picture.deviation) || picture.deviation.iter().any(|d| *d <= 0.0) {
            return wrong(
                "form.picture.mean",
                "and `deviation` are not a number for each channel, deviations above 0",
            );
        }
        match picture.window {
            Some(GreyWindow::Values([low, high])) if !(low.is_finite() && high.is_finite() && low < high) => {
                wrong("form.picture.window", "does not begin below its end")
            }
            _ => Ok(()),
        }
    }
}
