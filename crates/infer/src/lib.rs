//! Models on the workstation's own device: what the field publishes, read without conversion and run as its original runs.
//!
//! [`Weights`] reads checkpoints without executing them; [`Shape`] says which network they belong to; [`NnunetModel`] is a
//! published folder of results, with what is done before and after the network; a [`Model`] is an installed package that takes
//! volumes, a [`ClassifierModel`] one that takes a picture. All code that knows burn is in this crate.

mod channels;
mod classifier;
mod compute;
mod grid;
mod in_order;
mod layers;
mod model;
mod monai;
mod networks;
mod nnunet;
mod package;
mod resample;
mod run;
mod tensor_memory;
mod volume;
mod weights;
mod wound;

pub use channels::{ChannelError, ChannelRule, SeriesTexts, assigned};
pub use classifier::{ClassifierModel, Finding, Picture};
pub use compute::{Compute, Precision, Stop};
pub use grid::{Grid, Region};
pub use image;
pub use model::{ChannelVolume, Model, ModelError, SeriesFacts};
pub use monai::{BundleChoice, BundleError, BundlePlan, MonaiModel};
pub use networks::{
    BasicUnetShape, ConvNextShape, DenseNetShape, DynUnetShape, EfficientNetShape, Merging, MonaiNorm,
    MonaiUnetShape, Network, NnunetShape, ResNetShape, SegResNetShape, Shape, SwinUnetrShape, WoundUnetShape,
    pass,
};
pub use nnunet::{
    Dataset, Label, LabelValue, NnunetError, NnunetModel, Normalisation, Plan, PlanError, Resampling,
};
pub use package::{
    ClassifierForm, CodedLabel, Coding, Draft, FileHash, Form, GreyWindow, InputRules, Installed, Likelihood,
    Manifest, ManifestError, Measured, OwnRange, PackageError, PictureFilter, PictureRules, Resize, Store,
    Trust, TrustError, Verdict,
};
pub use resample::Order;
pub use run::{InferError, Progress};
pub use weights::{Weights, WeightsError};
pub use wound::{WoundMask, WoundModel};
