//! Models of nnU-Net v2 as they are published: a folder of results with its plans, and TotalSegmentator's, which are such
//! folders. Nothing is converted by hand; what is done to the image is what `nnunetv2.inference` does.
//!
//! Facts of the format: nnU-Net 2.8 (`nnunetv2/inference`, `preprocessing`, `utilities/plans_handling`).

mod architecture;
mod dataset;
mod device;
mod folder;
mod logits_shader;
mod memory;
mod plans;
mod precision;
mod predict;
mod prepare;
mod sliding;

pub use dataset::{Dataset, Label, LabelValue};
pub(crate) use device::Placing;
pub use folder::{NnunetError, NnunetModel};
pub use plans::{Normalisation, Plan, PlanError, Resampling};
pub(crate) use predict::Found;
