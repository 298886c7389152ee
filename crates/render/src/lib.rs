//! wgpu pipelines.
