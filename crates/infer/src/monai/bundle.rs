//! A bundle as a model: its configuration, its weights, and the run over an image.

use std::path::Path;

use burn::prelude::Tensor;
use burn::tensor::TensorData;
use rayon::prelude::*;
use serde_json::{Map, Value};

use super::config::Config;
use super::networks::network;
use super::steps::{After, Before, after, before};
use super::window::Window;
use crate::compute::Compute;
use crate::grid::{Grid, Region};
use crate::networks::Network;
use crate::resample::{at_steps, nearest_at_steps};
use crate::run::{InferError, Progress};
use crate::weights::{Weights, WeightsError};

/// Why a folder is not a bundle that runs here.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file of the bundle cannot be read.
    #[error("{file} cannot be read: {reason}")]
    File {
        /// Its name within the bundle.
        file: String,
        /// The system's word.
        reason: String,
    },
    /// A key of the configuration is missing or wrong.
    #[error("configs/inference.json: {0}")]
    Config(String),
    /// The configuration asks for something that is not done here.
    #[error("configs/inference.json: `{key}` is `{value}`, which this program does not do")]
    NotDone {
        /// The key.
        key: String,
        /// Its value.
        value: String,
    },
    /// The description of the bundle.
    #[error("configs/metadata.json: {0}")]
    Metadata(String),
    /// The weights.
    #[error("models/model.pt: {0}")]
    Weights(#[from] WeightsError),
}

/// A MONAI bundle with its weights on a device. Its images are arrays whose first axis runs slowest: x, y, z in the letters of
/// its orientation.
pub struct MonaiModel {
    network: Box<dyn Network>,
    inputs: usize,
    outputs: usize,
    before: Vec<Before>,
    window: Window,
    after: Vec<After>,
    compute: Compute,
}

impl std::fmt::Debug for MonaiModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MonaiModel").field("before", &self.before).field("after", &self.after).finish()
    }
}

fn json(folder: &Path, file: &str) -> Result<Map<String, Value>, BundleError> {
    let text = std::fs::read(folder.join(file))
        .map_err(|error| BundleError::File { file: file.to_owned(), reason: error.to_string() })?;
    serde_json::from_slice(&text).map_err(|error| BundleError::Config(error.to_string()))
}

/// Names of the labels of a bundle: `network_data_format.outputs.*.channel_def` of its metadata, the background left out.
pub(crate) fn labels_of(folder: &Path) -> Result<Vec<(u16, String)>, BundleError> {
    let metadata = json(folder, "configs/metadata.json")?;
    let wrong = || BundleError::Metadata("`network_data_format.outputs` has no `channel_def`".to_owned());
    let outputs = metadata.get("network_data_format").and_then(|format| format.get("outputs"));
    let outputs = outputs.and_then(Value::as_object).ok_or_else(wrong)?;
    let channels =
        outputs.values().find_map(|output| output.get("channel_def")?.as_object()).ok_or_else(wrong)?;
    let one = |(number, name): (&String, &Value)| {
        let number = number.parse::<u16>().ok().filter(|number| *number > 0)?;
        Some((number, name.as_str()?.to_owned()))
    };
    let mut labels: Vec<(u16, String)> = channels.iter().filter_map(one).collect();
    labels.sort_unstable();
    Ok(labels)
}

impl MonaiModel {
    /// Opens a bundle.
    ///
    /// # Errors
    /// [`BundleError`] with the key, the transform that is not known here, or the layer.
    pub fn open(folder: &Path, compute: &Compute) -> Result<Self, BundleError> {
        let root = json(folder, "configs/inference.json")?;
        let config = Config::new(&root);
        let definition = match root.contains_key("network_def") {
            true => config.object("network_def")?,
            false => config.object("network")?,
        };
        let (shape, spatial, outputs) = network(&definition)?;
        if spatial != 3 {
            return Err(definition.not_done("spatial_dims", spatial));
        }
        let inputs = definition.count("in_channels")?.unwrap_or(1);
        let before = before(&config.object("preprocessing")?)?;
        let window = Window::read(&config.object("inferer")?)?;
        let after = after(&config.object("postprocessing")?)?;
        if after.iter().any(|step| matches!(step, After::Threshold(_))) && outputs != 1 {
            let place = config.object("postprocessing")?;
            return Err(
                place.not_done("AsDiscreted.threshold", format!("of {outputs} channels that may overlap"))
            );
        }
        let weights = Weights::open(&folder.join("models/model.pt"), &["state_dict", "model", "network"])?;
        let network = shape.build(&weights, compute)?;
        Ok(Self { network, inputs, outputs, before, window, after, compute: compute.clone() })
    }

    /// Where it runs.
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// The letters of `Orientationd`; none where the image is taken as it is stored.
    pub fn orientation(&self) -> Option<&str> {
        self.before.iter().find_map(|step| match step {
            Before::Orientation(letters) => Some(letters.as_str()),
            _ => None,
        })
    }

    /// Labels of the answer but for the background.
    pub fn labels(&self) -> impl Iterator<Item = u16> + use<> {
        let most = if self.outputs == 1 { 1 } else { self.outputs as u16 - 1 };
        1..=most
    }

    /// The labels of an image whose axes are in the bundle's orientation, x slowest; `spacing_mm` is that of x, y, z.
    ///
    /// # Errors
    /// [`InferError`] before anything runs when the image does not fit, and [`InferError::Stopped`] when it was ended.
    pub fn segment(
        &self,
        image: &Grid,
        spacing_mm: [f64; 3],
        progress: &Progress<'_>,
    ) -> Result<Vec<u16>, InferError> {
        if self.inputs != 1 {
            return Err(InferError::Channels { expected: self.inputs, found: 1 });
        }
        if spacing_mm.iter().any(|spacing| !spacing.is_finite() || *spacing <= 0.0) {
            return Err(InferError::Spacing(spacing_mm));
        }
        if image.dims.contains(&1) {
            return Err(InferError::SingleSlice);
        }
        if !image.values.iter().all(|value| value.is_finite()) {
            return Err(InferError::NotFinite);
        }
        self.compute.stop().begin();
        let (grid, undo) = self.prepared(image, spacing_mm);
        let logits = self.logits(&grid, progress)?;
        Ok(self.decided(logits, grid.dims, &undo))
    }

    /// The image as the network takes it, and what to undo, the last step first.
    fn prepared(&self, image: &Grid, spacing_mm: [f64; 3]) -> (Grid, Vec<Undo>) {
        let (mut grid, mut undo, mut spacing_mm) = (image.clone(), Vec::new(), spacing_mm);
        for step in &self.before {
            match step {
                Before::Orientation(_) => {}
                Before::Spacing(wanted) => {
                    let steps = [0, 1, 2].map(|axis| wanted[axis] / spacing_mm[axis]);
                    let dims = [0, 1, 2].map(|axis| {
                        ((grid.dims[axis] as f64 - 1.0) / steps[axis] + 1.0).round_ties_even() as usize
                    });
                    undo.push(Undo::Spacing { dims: grid.dims, steps });
                    grid = at_steps(&grid, dims, steps);
                    spacing_mm = *wanted;
                }
                Before::Range { from: [a, b], to: [c, d], clip } => {
                    let (low, high) = (c.min(*d), c.max(*d));
                    grid.values.par_iter_mut().for_each(|value| {
                        *value = (*value - a) / (b - a) * (d - c) + c;
                        if *clip {
                            *value = value.clamp(low, high);
                        }
                    });
                }
                Before::Scale([to_low, to_high]) => {
                    let [low, high] = grid.min_max();
                    let range = if high > low { high - low } else { 1.0 };
                    let scale = |value: f32| (value - low) / range * (to_high - to_low) + to_low;
                    grid.values.par_iter_mut().for_each(|value| *value = scale(*value));
                }
                Before::Normalise { nonzero } => normalise(&mut grid.values, *nonzero),
                Before::CropForeground { margin } => {
                    let (from, dims) = foreground(&grid, *margin);
                    undo.push(Undo::Crop { dims: grid.dims, from });
                    grid = grid.boxed(from, dims);
                }
            }
        }
        undo.reverse();
        (grid, undo)
    }

    /// Logits head by head on the prepared grid.
    fn logits(&self, grid: &Grid, progress: &Progress<'_>) -> Result<Vec<Grid>, InferError> {
        let roi = self.window.roi;
        let dims = [0, 1, 2].map(|axis| grid.dims[axis].max(roi[axis]));
        let inner =
            Region { from: [0, 1, 2].map(|axis| (dims[axis] - grid.dims[axis]) / 2), dims: grid.dims };
        let mut framed = Grid::filled(dims, self.window.outside);
        for (start, row) in inner.rows(dims).zip(grid.values.chunks(grid.dims[2])) {
            framed.values[start..start + row.len()].copy_from_slice(row);
        }
        let weights = self.window.weights();
        let mut sums: Vec<Grid> = (0..self.outputs).map(|_| Grid::filled(dims, 0.0)).collect();
        let mut counts = Grid::filled(dims, 0.0);
        let patches = self.window.patches(dims);
        for (place, region) in patches.iter().enumerate() {
            let data = TensorData::new(framed.part(*region).values, [1, 1, roi[0], roi[1], roi[2]]);
            let x: Tensor<5> = Tensor::from_data(data, self.compute.device());
            let answer = self.network.forward(x).try_into_data();
            let answer = answer.map_err(|error| InferError::Device(error.to_string()))?;
            if self.compute.stop().is_asked() {
                return Err(InferError::Stopped);
            }
            let answer: Vec<f32> =
                answer.try_into_vec().map_err(|error| InferError::Device(format!("{error:?}")))?;
            sums.par_iter_mut().zip(answer.par_chunks(weights.len())).for_each(|(sum, logits)| {
                add(sum, *region, logits, &weights);
            });
            add(&mut counts, *region, &vec![1.0; weights.len()], &weights);
            progress.tell((place + 1) as f32 / patches.len() as f32);
        }
        let average = |sum: Grid| {
            let mut sum = sum;
            sum.values.par_iter_mut().zip(&counts.values).for_each(|(sum, count)| *sum /= count);
            sum.part(inner)
        };
        let logits: Vec<Grid> = sums.into_iter().map(average).collect();
        match logits.iter().all(|grid| grid.values.par_iter().all(|value| value.is_finite())) {
            true => Ok(logits),
            false => Err(InferError::Overflow),
        }
    }

    fn decided(&self, logits: Vec<Grid>, dims: [usize; 3], undo: &[Undo]) -> Vec<u16> {
        let mut heads = logits;
        let mut labels: Option<Grid> = None;
        for step in &self.after {
            match step {
                After::Softmax => softmax(&mut heads),
                After::Sigmoid => heads.iter_mut().flat_map(|head| &mut head.values).for_each(|value| {
                    *value = 1.0 / (1.0 + (-*value).exp());
                }),
                After::Invert { nearest } => match &mut labels {
                    Some(labels) => *labels = undone(labels, undo, *nearest),
                    None => heads = heads.iter().map(|head| undone(head, undo, *nearest)).collect(),
                },
                After::Argmax => {
                    let mut best = Grid::filled(heads.first().map_or(dims, |head| head.dims), 0.0);
                    let mut most = vec![f32::NEG_INFINITY; best.values.len()];
                    for (number, head) in heads.iter().enumerate() {
                        let all = best.values.par_iter_mut().zip(&mut most).zip(&head.values);
                        all.for_each(|((label, most), value)| {
                            if *value > *most {
                                (*most, *label) = (*value, number as f32);
                            }
                        });
                    }
                    labels = Some(best);
                }
                After::Threshold(part) => {
                    let least = *part as f32 / 1e5;
                    let above = |head: &Grid| Grid {
                        dims: head.dims,
                        values: head.values.iter().map(|value| f32::from(*value >= least)).collect(),
                    };
                    labels = heads.first().map(above);
                }
            }
        }
        labels.map(|labels| labels.values.iter().map(|label| *label as u16).collect()).unwrap_or_default()
    }
}

/// What was done to the image's grid.
enum Undo {
    Spacing { dims: [usize; 3], steps: [f64; 3] },
    Crop { dims: [usize; 3], from: [i64; 3] },
}

fn undone(grid: &Grid, undo: &[Undo], nearest: bool) -> Grid {
    undo.iter().fold(grid.clone(), |grid, step| match step {
        Undo::Spacing { dims, steps } => {
            let back = steps.map(|step| 1.0 / step);
            if nearest { nearest_at_steps(&grid, *dims, back) } else { at_steps(&grid, *dims, back) }
        }
        Undo::Crop { dims, from } => grid.boxed(from.map(|from| -from), *dims),
    })
}

fn add(sum: &mut Grid, region: Region, values: &[f32], weights: &[f32]) {
    let width = region.dims[2];
    for (row, start) in region.rows(sum.dims).enumerate() {
        let part = row * width..(row + 1) * width;
        let added = values[part.clone()].iter().zip(&weights[part]);
        for (sum, (value, weight)) in sum.values[start..start + width].iter_mut().zip(added) {
            *sum += value * weight;
        }
    }
}

fn softmax(heads: &mut [Grid]) {
    let voxels = heads.first().map_or(0, |head| head.values.len());
    let mut most = vec![f32::NEG_INFINITY; voxels];
    heads.iter().for_each(|head| {
        most.iter_mut().zip(&head.values).for_each(|(most, value)| *most = most.max(*value))
    });
    let mut sums = vec![0.0; voxels];
    for head in heads.iter_mut() {
        for ((value, most), sum) in head.values.iter_mut().zip(&most).zip(&mut sums) {
            *value = (*value - most).exp();
            *sum += *value;
        }
    }
    for head in heads {
        head.values.iter_mut().zip(&sums).for_each(|(value, sum)| *value /= sum);
    }
}

/// Mean and deviation; an image without any difference keeps its values less the mean.
fn normalise(values: &mut [f32], nonzero: bool) {
    let counts = |value: &f32| !nonzero || *value != 0.0;
    let count = values.iter().filter(|value| counts(value)).count();
    if count == 0 {
        return;
    }
    let seen = || values.iter().filter(|value| counts(value)).map(|value| f64::from(*value));
    let mean = seen().sum::<f64>() / count as f64;
    let deviation = (seen().map(|value| (value - mean).powi(2)).sum::<f64>() / count as f64).sqrt();
    let (mean, divisor) = (mean as f32, if deviation > 0.0 { deviation as f32 } else { 1.0 });
    values.iter_mut().filter(|value| counts(value)).for_each(|value| *value = (*value - mean) / divisor);
}

/// The box around all that is above 0, wider by a margin, which may reach beyond the image; the whole image when nothing is.
fn foreground(grid: &Grid, margin: usize) -> ([i64; 3], [usize; 3]) {
    let dims = grid.dims;
    let (mut low, mut high) = (dims, [0; 3]);
    for (row, values) in grid.values.chunks(dims[2]).enumerate() {
        let Some(first) = values.iter().position(|value| *value > 0.0) else { continue };
        let last = values.iter().rposition(|value| *value > 0.0).unwrap_or(first);
        let place = [row / dims[1], row % dims[1]];
        for (axis, (from, to)) in
            [(place[0], place[0]), (place[1], place[1]), (first, last)].into_iter().enumerate()
        {
            low[axis] = low[axis].min(from);
            high[axis] = high[axis].max(to + 1);
        }
    }
    match low[0] < high[0] {
        true => {
            let from = low.map(|low| low as i64 - margin as i64);
            (from, [0, 1, 2].map(|axis| high[axis] - low[axis] + 2 * margin))
        }
        false => ([0; 3], dims),
    }
}
