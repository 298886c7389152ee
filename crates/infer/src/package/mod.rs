//! Model packages: a manifest, weights and a card in a folder, installed once and the same on every workstation.
//!
//! The manifest names every file with its SHA-256, so that the manifest's own hash stands for the whole package: a site allows
//! packages by it, or by the signature of who made them.

mod classifier;
mod labels;
mod manifest;
mod published;
mod store;
mod trust;

pub use classifier::{ClassifierForm, GreyWindow, Likelihood, OwnRange, PictureFilter, PictureRules, Resize};
pub use labels::{CodedLabel, Coding};
pub(crate) use manifest::directions;
pub use manifest::{FileHash, Form, InputRules, Manifest, ManifestError, Measured};
pub use store::{Draft, Installed, PackageError, Store, Verdict};
pub use trust::{Trust, TrustError};
