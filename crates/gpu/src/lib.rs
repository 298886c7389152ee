//! The one graphics device: its capability tier, its memory budget and its error log.
//!
//! The light box draws with it, egui paints with it, and models run on it. Pipelines and uploads are in
//! `medsight-render`.

mod device;
mod errors;
mod memory;

pub use device::{Gpu, GpuError, Tier, instance_descriptor};
pub use errors::ErrorLog;
pub use memory::{MemoryBudget, OutOfGpuMemory, Reservation};
pub use wgpu;
