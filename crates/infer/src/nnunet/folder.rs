//! A folder of results: `plans.json`, `dataset.json` and a checkpoint for each fold.

use std::path::{Path, PathBuf};

use pytorch_reader::{PickleValue, PytorchReader};

use super::dataset::Dataset;
use super::plans::{Plan, PlanError};
use super::precision::{Placed, in_half};
use crate::compute::Compute;
use crate::networks::{Network, Shape};
use crate::weights::{Weights, WeightsError};

/// Why a folder of results is not a model.
#[derive(Debug, thiserror::Error)]
pub enum NnunetError {
    /// A file of the folder cannot be read.
    #[error("{file} cannot be read: {reason}")]
    File {
        /// Its name within the folder.
        file: String,
        /// The system's word.
        reason: String,
    },
    /// Plans or dataset.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Weights of a fold.
    #[error("{fold}: {error}")]
    Weights {
        /// The fold's folder.
        fold: String,
        /// What is wrong with them.
        error: WeightsError,
    },
    /// The folder has no fold with a checkpoint.
    #[error("the folder holds no fold_N with checkpoint_final.pth or checkpoint_best.pth")]
    NoFold,
    /// The folds were trained for different things.
    #[error("{fold} was trained for the configuration {found}, the others for {expected}")]
    Mixed {
        /// The fold's folder.
        fold: String,
        /// What it says.
        found: String,
        /// What the first one says.
        expected: String,
    },
    /// A cascade without the stage before.
    #[error("the cascade needs {0} beside its folder")]
    NoLowerStage(String),
}

/// A model of nnU-Net with its weights on a device.
pub struct NnunetModel {
    plan: Plan,
    dataset: Dataset,
    folds: Vec<Box<dyn Network>>,
    /// Axes of a tensor of five about which patches are mirrored.
    mirrored_axes: Vec<usize>,
    /// The stage before, in a cascade.
    lower: Option<Box<NnunetModel>>,
    compute: Compute,
}

impl std::fmt::Debug for NnunetModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NnunetModel").field("plan", &self.plan).field("folds", &self.folds.len()).finish()
    }
}

/// What a checkpoint says of itself.
struct Told {
    configuration: String,
    /// Axes of space, from 0.
    mirroring: Vec<usize>,
}

impl NnunetModel {
    /// Opens a folder of results, `…__Plans__3d_fullres`, with all its folds. A cascade finds the folder of its stage before
    /// beside it.
    ///
    /// # Errors
    /// [`NnunetError`] with the file and the key or layer.
    pub fn open(folder: &Path, compute: &Compute) -> Result<Self, NnunetError> {
        let read = |file: &str| {
            std::fs::read(folder.join(file))
                .map_err(|error| NnunetError::File { file: file.to_owned(), reason: error.to_string() })
        };
        let dataset = Dataset::read(&read("dataset.json")?)?;
        let plans = read("plans.json")?;
        let checkpoints = checkpoints(folder)?;
        let mut plan: Option<(Plan, Vec<usize>)> = None;
        let mut folds = Vec::with_capacity(checkpoints.len());
        // Of the first fold's weights: whether all run in half precision.
        let mut chosen: Option<Compute> = None;
        for (fold, path) in checkpoints {
            let in_fold = |error: WeightsError| NnunetError::Weights { fold: fold.clone(), error };
            // The weights first: a checkpoint that calls anything is refused before more of it is read.
            let weights = Weights::open(&path, &["network_weights"]).map_err(in_fold)?;
            let told = told(&path).map_err(in_fold)?;
            let (plan, _) = match &plan {
                Some(plan) if plan.0.configuration == told.configuration => plan,
                Some((plan, _)) => {
                    let (found, expected) = (told.configuration, plan.configuration.clone());
                    return Err(NnunetError::Mixed { fold, found, expected });
                }
                None => {
                    let read = Plan::read(&plans, &told.configuration, &dataset)?;
                    plan.insert((read, told.mirroring))
                }
            };
            let shape = Shape::Nnunet(plan.shape.clone());
            let network = match &chosen {
                Some(chosen) => shape.build(&weights, chosen),
                None => first_fold(&shape, plan, &dataset, &weights, compute).map(|(network, on)| {
                    chosen = Some(on);
                    network
                }),
            };
            folds.push(network.map_err(in_fold)?);
        }
        let (plan, mirroring) = plan.ok_or(NnunetError::NoFold)?;
        let first_axis = 5 - plan.shape.spatial;
        let mirrored_axes =
            mirroring.into_iter().map(|axis| axis + first_axis).filter(|axis| *axis < 5).collect();
        let lower = match &plan.previous {
            Some(previous) => Some(Box::new(Self::open(&beside(folder, &plan, previous)?, compute)?)),
            None => None,
        };
        let compute = chosen.unwrap_or_else(|| compute.clone());
        Ok(Self { plan, dataset, folds, mirrored_axes, lower, compute })
    }

    /// What is done to the image.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Channels and labels.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Where it runs.
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    pub(super) fn folds(&self) -> &[Box<dyn Network>] {
        &self.folds
    }

    pub(super) fn mirrored_axes(&self) -> &[usize] {
        &self.mirrored_axes
    }

    pub(super) fn lower(&self) -> Option<&Self> {
        self.lower.as_deref()
    }
}

/// The first fold's network, and where all folds run.
fn first_fold(
    shape: &Shape,
    plan: &Plan,
    dataset: &Dataset,
    weights: &Weights,
    compute: &Compute,
) -> Result<Placed, WeightsError> {
    let single = shape.build(weights, compute)?;
    let half = in_half(single.as_ref(), plan, dataset, compute, |half| shape.build(weights, half))?;
    Ok(half.unwrap_or_else(|| (single, compute.clone())))
}

/// The folds' names and checkpoints, in order.
fn checkpoints(folder: &Path) -> Result<Vec<(String, PathBuf)>, NnunetError> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| NnunetError::File { file: ".".to_owned(), reason: error.to_string() })?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut folds: Vec<(String, PathBuf)> = names
        .filter(|name| name.starts_with("fold_"))
        .filter_map(|name| {
            let files = ["checkpoint_final.pth", "checkpoint_best.pth"];
            let path =
                files.map(|file| folder.join(&name).join(file)).into_iter().find(|path| path.is_file())?;
            Some((name, path))
        })
        .collect();
    folds.sort();
    match folds.is_empty() {
        true => Err(NnunetError::NoFold),
        false => Ok(folds),
    }
}

fn told(path: &Path) -> Result<Told, WeightsError> {
    let read = |key: &str| PytorchReader::read_pickle_data(path, Some(key));
    let no_entry = |key: &str| WeightsError::NoEntry(key.to_owned());
    let arguments = read("init_args").map_err(|_| no_entry("init_args"))?;
    let PickleValue::Dict(arguments) = arguments else { return Err(no_entry("init_args")) };
    let Some(PickleValue::String(configuration)) = arguments.get("configuration") else {
        return Err(no_entry("init_args.configuration"));
    };
    // It may be absent; then nothing was mirrored in the training.
    let mirroring = match read("inference_allowed_mirroring_axes") {
        Ok(PickleValue::List(axes)) => axes
            .iter()
            .map(|axis| match axis {
                PickleValue::Int(axis @ 0..=2) => Ok(*axis as usize),
                _ => Err(no_entry("inference_allowed_mirroring_axes[…]")),
            })
            .collect::<Result<_, _>>()?,
        _ => Vec::new(),
    };
    Ok(Told { configuration: configuration.clone(), mirroring })
}

/// The folder whose name differs by the configuration only.
fn beside(folder: &Path, plan: &Plan, previous: &str) -> Result<PathBuf, NnunetError> {
    let missing = || NnunetError::NoLowerStage(format!("…__{previous}"));
    let name = folder.file_name().and_then(|name| name.to_str()).ok_or_else(missing)?;
    let stem = name.strip_suffix(&plan.configuration).ok_or_else(missing)?;
    let path = folder.with_file_name(format!("{stem}{previous}"));
    match path.is_dir() {
        true => Ok(path),
        false => Err(missing()),
    }
}
