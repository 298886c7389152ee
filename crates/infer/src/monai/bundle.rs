//! A bundle as a model: its configuration, its weights, and the run over an image.

use std::path::Path;

use burn::prelude::Tensor;
use burn::tensor::TensorData;
use rayon::prelude::*;
use serde_json::{Map, Value};

use super::config::Config;
use super::decide::decided;
use super::files::{USUAL, configuration, entries, read};
use super::networks::network;
use super::prepare::prepared;
use super::steps::{After, Before, Steps, after, before};
use super::window::Window;
use crate::compute::Compute;
use crate::grid::{Grid, Region};
use crate::layers::Kept;
use crate::networks::{Network, Shape};
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
        /// The system's word, or what is wrong in it.
        reason: String,
    },
    /// A key of the configuration is missing or wrong.
    #[error("the bundle's configuration: {0}")]
    Config(String),
    /// The configuration asks for something that is not done here.
    #[error("the bundle's configuration: `{key}` is `{value}`, which this program does not do")]
    NotDone {
        /// The key.
        key: String,
        /// Its value.
        value: String,
    },
    /// The regions of the answer may overlap, and nobody said which one is written over which.
    #[error(
        "the answer has {0} channels that may overlap: `regions_order` is to name the labels 1 to {0} in the order in which they \
         are written, later ones over earlier ones (the largest region first)"
    )]
    Regions(usize),
    /// The description of the bundle.
    #[error("configs/metadata.json: {0}")]
    Metadata(String),
    /// The weights.
    #[error("models/model.pt: {0}")]
    Weights(#[from] WeightsError),
}

/// What a bundle's configuration says, all of it checked: everything of a bundle but its weights. Needs no device.
#[derive(Debug)]
pub struct BundlePlan {
    shape: Shape,
    inputs: usize,
    outputs: usize,
    before: Steps,
    window: Window,
    after: Vec<After>,
}

impl BundlePlan {
    /// Reads a bundle's configuration from the texts of its files, which are merged in this order; a name tells whether its
    /// file is JSON or YAML.
    ///
    /// # Errors
    /// [`BundleError`] with the file, the key, or the transform that is not known here.
    pub fn read(files: &[(&str, &[u8])]) -> Result<Self, BundleError> {
        let mut root = Map::new();
        for (file, text) in files {
            super::files::merge(&mut root, file, entries(file, text)?)?;
        }
        Self::of(&root)
    }

    fn of(root: &Map<String, Value>) -> Result<Self, BundleError> {
        let config = Config::new(root);
        let definition = match root.contains_key("network_def") {
            true => config.object("network_def")?,
            false => config.object("network")?,
        };
        let (shape, spatial, outputs) = network(&definition)?;
        if spatial != 3 {
            return Err(definition.not_done("spatial_dims", spatial));
        }
        let inputs = definition.count("in_channels")?.unwrap_or(1);
        if !(1..=MOST_CHANNELS).contains(&inputs) || !(1..=MOST_CLASSES).contains(&outputs) {
            return Err(definition.wrong("in_channels", "and `out_channels` are no numbers of channels"));
        }
        let place = config.object("preprocessing")?;
        let before = before(&place)?;
        if before.keys.len() > 1 && before.keys.len() != inputs {
            let reason = format!("joins {} images, the network takes {inputs}", before.keys.len());
            return Err(place.wrong("transforms", &reason));
        }
        let window = Window::read(&config.object("inferer")?)?;
        let after = after(&config.object("postprocessing")?)?;
        let threshold = after.iter().position(|step| matches!(step, After::Threshold(_)));
        let invert = after.iter().position(|step| matches!(step, After::Invert { .. }));
        let changes = |step: &Before| matches!(step, Before::Spacing(_) | Before::CropForeground { .. });
        if invert.is_none() && before.steps.iter().any(changes) {
            let place = config.object("postprocessing")?;
            return Err(
                place.wrong("transforms", "do not bring the answer back to the image's grid (Invertd)")
            );
        }
        if outputs > 1 && threshold.zip(invert).is_some_and(|(threshold, invert)| threshold < invert) {
            let place = config.object("postprocessing")?;
            return Err(place.not_done("transforms", "regions that are brought back after the decision"));
        }
        Ok(Self { shape, inputs, outputs, before, window, after })
    }

    /// How many regions the answer has that may overlap; none where each voxel has one label.
    pub fn regions(&self) -> Option<usize> {
        let has_threshold = self.after.iter().any(|step| matches!(step, After::Threshold(_)));
        (has_threshold && self.outputs > 1).then_some(self.outputs)
    }
}

/// Images of one run and classes of one answer: a guard against a configuration that is none.
const MOST_CHANNELS: usize = 64;
const MOST_CLASSES: usize = 4096;

/// What is said of a bundle beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BundleChoice {
    /// The files of its configuration, merged in this order as `monai.bundle run` merges them; none for
    /// `configs/inference.json` or `.yaml`.
    pub configs: Vec<String>,
    /// For an answer of regions that may overlap, which have the labels from 1 on: the order in which they are written.
    pub regions_order: Vec<u16>,
}

impl BundleChoice {
    /// The bundle's plan, when the choice fits it.
    fn plan(&self, folder: &Path) -> Result<BundlePlan, BundleError> {
        let plan = BundlePlan::of(&configuration(folder, &config_files(folder, &self.configs)?)?)?;
        let mut labels = self.regions_order.clone();
        labels.sort_unstable();
        let expected = plan.regions().unwrap_or(0);
        match labels.into_iter().map(usize::from).eq(1..=expected) {
            true => Ok(plan),
            false => Err(BundleError::Regions(expected)),
        }
    }
}

/// A MONAI bundle with its weights on a device. Its images are arrays whose first axis runs slowest: x, y, z in the letters of
/// its orientation.
pub struct MonaiModel {
    network: Box<dyn Network>,
    plan: BundlePlan,
    channels: Vec<String>,
    regions_order: Vec<u16>,
    compute: Compute,
}

impl std::fmt::Debug for MonaiModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MonaiModel").field("plan", &self.plan).finish()
    }
}

/// The files of a bundle's configuration: those that were named, or the usual one.
pub(crate) fn config_files(folder: &Path, named: &[String]) -> Result<Vec<String>, BundleError> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let there = USUAL.into_iter().find(|file| folder.join(file).is_file());
    there.map(|file| vec![file.to_owned()]).ok_or_else(|| BundleError::File {
        file: USUAL[0].to_owned(),
        reason: "neither it nor inference.yaml is there".to_owned(),
    })
}

fn metadata(folder: &Path) -> Result<Map<String, Value>, BundleError> {
    let text = read(folder, "configs/metadata.json")?;
    serde_json::from_slice(&text).map_err(|error| BundleError::Metadata(error.to_string()))
}

/// `network_data_format.KIND.*.channel_def` of the metadata: numbers and names.
fn channel_def(metadata: &Map<String, Value>, kind: &str) -> Option<Vec<(u16, String)>> {
    let all = metadata.get("network_data_format")?.get(kind)?.as_object()?;
    let channels = all.values().find_map(|one| one.get("channel_def")?.as_object())?;
    let one = |(number, name): (&String, &Value)| Some((number.parse().ok()?, name.as_str()?.to_owned()));
    let mut named: Vec<(u16, String)> = channels.iter().filter_map(one).collect();
    named.sort_unstable();
    Some(named)
}

/// Labels with their values, and the names of the channels.
type Named = (Vec<(u16, String)>, Vec<String>);

/// Names of the labels of a bundle, the background left out, and of the images that it takes, in their order.
pub(crate) fn names_of(folder: &Path, choice: &BundleChoice) -> Result<Named, BundleError> {
    let plan = choice.plan(folder)?;
    let wrong = || BundleError::Metadata("`network_data_format.outputs` has no `channel_def`".to_owned());
    let named = channel_def(&metadata(folder)?, "outputs").ok_or_else(wrong)?;
    let labels = match plan.regions() {
        // No channel of them is the background.
        Some(_) => named.into_iter().map(|(number, name)| (number.saturating_add(1), name)).collect(),
        None => named.into_iter().filter(|(number, _)| *number > 0).collect(),
    };
    Ok((labels, named_channels(folder, &plan)))
}

fn named_channels(folder: &Path, plan: &BundlePlan) -> Vec<String> {
    let told = metadata(folder).ok().and_then(|metadata| channel_def(&metadata, "inputs"));
    let told = told.map(|named| named.into_iter().map(|(_, name)| name).collect::<Vec<_>>());
    match told {
        _ if plan.before.keys.len() == plan.inputs => plan.before.keys.clone(),
        Some(names) if names.len() == plan.inputs => names,
        _ => (0..plan.inputs).map(|channel| format!("channel {channel}")).collect(),
    }
}

impl MonaiModel {
    /// Opens a bundle.
    ///
    /// # Errors
    /// [`BundleError`] with the key, the transform that is not known here, or the layer.
    pub fn open(folder: &Path, compute: &Compute) -> Result<Self, BundleError> {
        Self::open_with(folder, &BundleChoice::default(), compute)
    }

    /// The same with what was said beside it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(folder: &Path, choice: &BundleChoice, compute: &Compute) -> Result<Self, BundleError> {
        let plan = choice.plan(folder)?;
        let weights = Weights::open(&folder.join("models/model.pt"), &["state_dict", "model", "network"])?;
        let network = plan.shape.build(&weights, compute)?;
        let channels = named_channels(folder, &plan);
        let regions_order = choice.regions_order.clone();
        Ok(Self { network, plan, channels, regions_order, compute: compute.clone() })
    }

    /// Where it runs.
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// The letters of `Orientationd`; none where the image is taken as it is stored.
    pub fn orientation(&self) -> Option<&str> {
        self.plan.before.steps.iter().find_map(|step| match step {
            Before::Orientation(letters) => Some(letters.as_str()),
            _ => None,
        })
    }

    /// Names of the images that it takes, in their order.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// Labels of the answer but for the background.
    pub fn labels(&self) -> impl Iterator<Item = u16> + use<> {
        let outputs = self.plan.outputs as u16;
        let most = if outputs == 1 || self.plan.regions().is_some() { outputs } else { outputs - 1 };
        1..=most
    }

    /// The labels of an image whose axes are in the bundle's orientation, x slowest; `images` are its channels on one grid,
    /// `spacing_mm` is that of x, y, z.
    ///
    /// # Errors
    /// [`InferError`] before anything runs when the image does not fit, and [`InferError::Stopped`] when it was ended.
    pub fn segment(
        &self,
        images: &[Grid],
        spacing_mm: [f64; 3],
        progress: &Progress<'_>,
    ) -> Result<Vec<u16>, InferError> {
        let expected = self.plan.inputs;
        if images.len() != expected {
            return Err(InferError::Channels { expected, found: images.len() });
        }
        let image = &images[0];
        if images.iter().any(|other| other.dims != image.dims) {
            return Err(InferError::Grids);
        }
        if spacing_mm.iter().any(|spacing| !spacing.is_finite() || *spacing <= 0.0) {
            return Err(InferError::Spacing(spacing_mm));
        }
        if image.dims.contains(&1) {
            return Err(InferError::SingleSlice);
        }
        if !images.iter().flat_map(|image| &image.values).all(|value| value.is_finite()) {
            return Err(InferError::NotFinite);
        }
        self.compute.stop().begin();
        let _kept = Kept;
        let (grids, undo) = prepared(&self.plan.before.steps, images, spacing_mm);
        let logits = self.logits(&grids, progress)?;
        Ok(decided(&self.plan.after, logits, grids[0].dims, &undo, &self.regions_order))
    }

    /// Logits head by head on the prepared grid.
    fn logits(&self, grids: &[Grid], progress: &Progress<'_>) -> Result<Vec<Grid>, InferError> {
        let window = &self.plan.window;
        let (roi, size) = (window.roi, grids[0].dims);
        let dims = [0, 1, 2].map(|axis| size[axis].max(roi[axis]));
        let inner = Region { from: [0, 1, 2].map(|axis| (dims[axis] - size[axis]) / 2), dims: size };
        let framed = |grid: &Grid| {
            let mut framed = Grid::filled(dims, window.outside);
            for (start, row) in inner.rows(dims).zip(grid.values.chunks(size[2])) {
                framed.values[start..start + row.len()].copy_from_slice(row);
            }
            framed
        };
        let framed: Vec<Grid> = grids.iter().map(framed).collect();
        let weights = window.weights();
        let mut sums: Vec<Grid> = (0..self.plan.outputs).map(|_| Grid::filled(dims, 0.0)).collect();
        let mut counts = Grid::filled(dims, 0.0);
        let patches = window.patches(dims);
        for (place, region) in patches.iter().enumerate() {
            let values: Vec<f32> = framed.iter().flat_map(|grid| grid.part(*region).values).collect();
            let data = TensorData::new(values, [1, framed.len(), roi[0], roi[1], roi[2]]);
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
