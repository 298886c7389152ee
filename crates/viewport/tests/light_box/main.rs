//! The light box driven by keys and mouse, without a window or a graphics device.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod beside;
mod calibration;
mod measuring;
mod planes;
mod priors;
mod proposals;
mod support;
mod vessels;
mod viewing;
mod writing;
