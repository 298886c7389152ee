//! MONAI bundles: `configs/inference.json` (or `.yaml`, or several files that are merged), `configs/metadata.json`,
//! `models/model.pt`.
//!
//! A bundle's configuration may hold Python. None is run: the transforms before and after the network are taken from a list
//! that is known here, with their arguments as literals, and anything else is refused by its name.
//!
//! Facts: MONAI 1.6 (`monai/transforms`, `monai/inferers/utils.py`, `monai/data/utils.py`).

mod bundle;
mod config;
mod decide;
mod files;
mod networks;
mod prepare;
mod steps;
mod window;
mod yaml;

pub use bundle::{BundleChoice, BundleError, BundlePlan, MonaiModel};
pub(crate) use bundle::{config_files, names_of};
