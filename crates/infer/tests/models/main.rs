//! Models against their originals. What these gave is kept in `tests/infer`, with the programs that made it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod arrays;
mod bundles;
mod channels;
mod classifiers;
mod made;
mod networks;
mod nnunet;
mod on_device;
mod packages;
mod wound;
