//! MONAI bundles: `configs/inference.json`, `configs/metadata.json`, `models/model.pt`.
//!
//! A bundle's configuration may hold Python. None is run: the transforms before and after the network are taken from a list
//! that is known here, with their arguments as literals, and anything else is refused by its name.
//!
//! Facts: MONAI 1.6 (`monai/transforms`, `monai/inferers/utils.py`, `monai/data/utils.py`).

mod bundle;
mod config;
mod networks;
mod steps;
mod window;

pub(crate) use bundle::labels_of;
pub use bundle::{BundleError, MonaiModel};
