//! Classifiers: one picture in, a probability for each label out. Which networks there are is in `networks`; how a picture is
//! prepared is in the package's manifest.

mod resize;

use image::RgbImage;

use self::resize::{Plane, bytes_resized, middle, resized};
use crate::compute::Compute;
use crate::model::{ModelError, SeriesFacts, fits_series};
use crate::networks::{Network, pass};
use crate::package::{
    ClassifierForm, CodedLabel, Form, GreyWindow, Installed, Likelihood, Manifest, ManifestError, Resize,
    Trust,
};
use crate::run::InferError;
use crate::weights::Weights;

/// A picture as a classifier takes it.
#[derive(Clone, Copy, Debug)]
pub enum Picture<'a> {
    /// One value a pixel.
    Grey {
        /// Columns and rows.
        size_px: [usize; 2],
        /// Modality values, row by row.
        values: &'a [f32],
        /// Their unit: `HU`; empty when the file gives none.
        unit: &'a str,
        /// The lowest value is white (MONOCHROME1).
        inverted: bool,
    },
    /// Red, green, blue of 8 bits.
    Colour(&'a RgbImage),
}

/// What a classifier says of a picture about one label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding<'a> {
    /// The label.
    pub label: &'a CodedLabel,
    /// How probable, 0 to 1.
    pub probability: f32,
    /// Whether it is at least the label's threshold; none where the package names no threshold.
    pub is_above: Option<bool>,
}

/// A classifier that is ready to run.
pub struct ClassifierModel {
    /// What the package says of itself.
    pub manifest: Manifest,
    /// SHA-256 of the whole package.
    pub sha256: String,
    form: ClassifierForm,
    network: Box<dyn Network>,
    compute: Compute,
}

impl std::fmt::Debug for ClassifierModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClassifierModel").field("manifest", &self.manifest).finish()
    }
}

/// More pixels than any picture has after it was resized: one that is a thousand times as wide as it is high.
const MOST_PIXELS: usize = 1 << 26;

impl ClassifierModel {
    /// Opens an installed package: all its files are read and compared with the manifest first.
    ///
    /// # Errors
    /// [`ModelError`] with the file or layer, or because the package is for something else.
    pub fn open(installed: &Installed, trust: &Trust, compute: &Compute) -> Result<Self, ModelError> {
        installed.verify(trust)?;
        let mut manifest = installed.manifest.clone();
        let Form::Classifier(form) = &installed.manifest.form else {
            return Err(ModelError::OtherUse("whole pictures"));
        };
        // The network's answers are in the order of the values.
        manifest.labels.sort_by_key(|label| label.value);
        let shape = form.shape(manifest.labels.len()).ok_or_else(|| {
            let (field, reason) =
                ("form.network".to_owned(), "is no network that this program has".to_owned());
            ModelError::Package(ManifestError::Field { field, reason }.into())
        })?;
        let entry: Vec<&str> = form.entry.iter().map(String::as_str).collect();
        let weights = Weights::open(&installed.folder.join(&form.weights), &entry)?;
        let network = shape.build(&weights, compute)?;
        let sha256 = installed.sha256.clone();
        Ok(Self { manifest, sha256, form: form.as_ref().clone(), network, compute: compute.clone() })
    }

    /// Where it runs.
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// How probable each label is, in the order of the labels' values.
    ///
    /// # Errors
    /// [`InferError`], before anything runs when the picture is not one that the model was made for.
    pub fn classify(
        &self,
        picture: Picture<'_>,
        series: &SeriesFacts,
    ) -> Result<Vec<Finding<'_>>, InferError> {
        fits_series(&self.manifest, series)?;
        let (values, [rows, columns]) = self.prepared(picture)?;
        self.compute.stop().begin();
        let dims = [1, self.form.channels, 1, rows, columns];
        let logits = pass(self.network.as_ref(), &self.compute, values, dims)?;
        if self.compute.stop().is_asked() {
            return Err(InferError::Stopped);
        }
        if logits.iter().any(|logit| !logit.is_finite()) {
            return Err(InferError::Overflow);
        }
        let told = |(label, probability): (_, f32)| {
            let label: &CodedLabel = label;
            Finding { label, probability, is_above: label.threshold.map(|least| probability >= least) }
        };
        let probabilities = probabilities(&logits, self.form.activation);
        Ok(self.manifest.labels.iter().zip(probabilities).map(told).collect())
    }

    /// The picture as the network takes it, channel by channel, and its rows and columns.
    fn prepared(&self, picture: Picture<'_>) -> Result<(Vec<f32>, [usize; 2]), InferError> {
        let misfit = |attribute: &'static str, found: String, expected: &str| {
            Err(InferError::Misfit { attribute, found, expected: expected.to_owned() })
        };
        let rules = &self.form.picture;
        let samples = "Samples per Pixel (0028,0002)";
        let size_px = match picture {
            Picture::Grey { size_px, .. } => size_px,
            Picture::Colour(picture) => [picture.width() as usize, picture.height() as usize],
        };
        if size_px.contains(&0) {
            return misfit("Rows (0028,0010)", "0".to_owned(), "a picture");
        }
        let [columns, rows] = match rules.resize_px {
            Resize::RowsColumns([rows, columns]) => [columns, rows],
            // As torchvision has it: the longer edge without its fraction.
            Resize::ShorterEdge(edge) => {
                let shorter = size_px[0].min(size_px[1]);
                size_px.map(|size| (edge as f64 * size as f64 / shorter as f64) as usize)
            }
        };
        if rows.saturating_mul(columns) > MOST_PIXELS {
            let found = format!("{} × {} pixels", size_px[0], size_px[1]);
            return misfit(
                "the size of the picture (Rows, 0028,0010)",
                found,
                "one that is not as long and narrow",
            );
        }
        let planes: Vec<Plane> = match picture {
            Picture::Colour(_) if self.form.channels != 3 => {
                return misfit(samples, "3".to_owned(), "1: a grey picture");
            }
            Picture::Colour(picture) => {
                let channel = |channel: usize| {
                    let bytes: Vec<u8> = picture.pixels().map(|pixel| pixel.0[channel]).collect();
                    bytes_resized(&bytes, size_px, [columns, rows], rules)
                };
                (0..3).map(channel).collect()
            }
            Picture::Grey { values, unit, inverted, .. } => {
                let Some(window) = rules.window else {
                    return misfit(samples, "1".to_owned(), "3: a colour picture");
                };
                if let Some(expected) = self.manifest.input.unit.as_ref().filter(|expected| *expected != unit)
                {
                    return misfit(
                        "the unit of the values (Rescale Type, 0028,1054)",
                        unit.to_owned(),
                        expected,
                    );
                }
                let plane = windowed(values, size_px, window, inverted)?;
                vec![resized(&plane, [columns, rows], rules); self.form.channels]
            }
        };
        let edge = rules.crop_px.map(|edge| [edge, edge]);
        let mut all = Vec::new();
        for (plane, (mean, deviation)) in planes.iter().zip(rules.mean.iter().zip(&rules.deviation)) {
            let seen = edge.map_or_else(|| plane.clone(), |size| middle(plane, size));
            all.extend(seen.values.iter().map(|value| (value - mean) / deviation));
        }
        Ok((all, edge.unwrap_or([rows, columns])))
    }
}

/// Values to 0…1.
fn windowed(
    values: &[f32],
    size_px: [usize; 2],
    window: GreyWindow,
    inverted: bool,
) -> Result<Plane, InferError> {
    if !values.iter().all(|value| value.is_finite()) {
        return Err(InferError::NotFinite);
    }
    if values.len() != size_px[0] * size_px[1] {
        return Err(InferError::Grids);
    }
    let [low, high] = match window {
        GreyWindow::Values(ends) => ends,
        GreyWindow::Own(_) => {
            let start = [f32::INFINITY, f32::NEG_INFINITY];
            values.iter().fold(start, |[low, high], value| [low.min(*value), high.max(*value)])
        }
    };
    let range = if high > low { high - low } else { 1.0 };
    let part = |value: &f32| ((value - low) / range).clamp(0.0, 1.0);
    let values = values.iter().map(|value| if inverted { 1.0 - part(value) } else { part(value) });
    Ok(Plane { size_px, values: values.collect() })
}

fn probabilities(logits: &[f32], activation: Likelihood) -> Vec<f32> {
    match activation {
        Likelihood::Sigmoid => logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
        Likelihood::Softmax => {
            let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let parts: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
            let sum: f32 = parts.iter().sum();
            parts.into_iter().map(|part| part / sum).collect()
        }
    }
}
