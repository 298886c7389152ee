//! Models on the workstation's own device: what the field publishes, read without conversion and run as its original runs.
//!
//! [`Weights`] reads checkpoints without executing them; [`Shape`] says which network they belong to; [`NnunetModel`] is a
//! published folder of results, with what is done before and after the network; a [`Model`] is an installed package that takes
//! volumes. All code that knows burn is in this crate.

mod compute;
mod grid;
mod layers;
mod model;
mod monai;
mod networks;
mod nnunet;
mod package;
mod resample;
mod run;
mod volume;
mod weights;
mod wound;

pub use compute::{Compute, Stop};
pub use grid::{Grid, Region};
pub use image;
pub use model::{Model, ModelError, SeriesFacts};
pub use monai::{BundleError, MonaiModel};
pub use networks::{
    BasicUnetShape, ConvNextShape, DenseNetShape, DynUnetShape, EfficientNetShape, Merging, MonaiNorm,
    MonaiUnetShape, Network, NnunetShape, ResNetShape, SegResNetShape, Shape, SwinUnetrShape, pass,
};
pub use nnunet::{
    Dataset, Label, LabelValue, NnunetError, NnunetModel, Normalisation, Plan, PlanError, Resampling,
};
pub use package::{
    CodedLabel, Coding, Draft, FileHash, Form, InputRules, Installed, Manifest, ManifestError, Measured,
    PackageError, Store, Trust, TrustError, Verdict,
};
pub use resample::Order;
pub use run::{InferError, Progress};
pub use weights::{Weights, WeightsError};
pub use wound::{WoundMask, WoundModel};
