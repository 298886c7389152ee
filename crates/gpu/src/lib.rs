//! The one graphics device: its capability tier, its memory budget and its error log.
//!
//! The light box draws with it, egui paints with it, and models run on it. What those share is here too: compute shaders
//! ([`kernel`]) and labels in device memory. Pipelines that draw, and uploads, are in `medsight-render`.

mod device;
mod errors;
pub mod kernel;
mod labels;
mod memory;

pub use device::{Gpu, GpuError, Tier, instance_descriptor};
pub use errors::ErrorLog;
pub use labels::DeviceLabels;
pub use memory::{MemoryBudget, OutOfGpuMemory, Reservation};
pub use wgpu;
