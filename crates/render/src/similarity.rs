//! Joint histograms of two volumes, counted on the device: `shaders/similarity.wgsl`. Its twin on the processor is in
//! `medsight_image::register`, which also has the optimiser.

use std::sync::Arc;

use glam::{DMat4, DVec3};
use medsight_gpu::kernel::{Kernel, read_back, storage, uniform, zeros};
use medsight_gpu::{Gpu, Reservation};
use medsight_image::register::{BINS, Histogram, Histograms, ToCompare};

use crate::{RenderError, shaders};

/// Mirror of `Pose` in `shaders/similarity.wgsl`; a test compares every offset.
#[repr(C)]
#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct PoseUniform {
    pub(crate) row_x: [f32; 4],
    pub(crate) row_y: [f32; 4],
    pub(crate) row_z: [f32; 4],
    pub(crate) dims: [u32; 3],
    pub(crate) samples: u32,
    pub(crate) whole: f32,
    pub(crate) pad_0: u32,
    pub(crate) pad_1: u32,
    pub(crate) pad_2: u32,
}

/// What a sample counts at most: a share is told to 1 / 65536.
const MOST_SHARES: u64 = 65_536;
/// Workgroups; each has a histogram of its own first.
const GROUPS: u32 = 64;

/// Counts joint histograms on a graphics device.
pub struct GpuHistograms {
    gpu: Arc<Gpu>,
    kernel: Arc<Kernel>,
}

impl GpuHistograms {
    /// Compiles the shader.
    ///
    /// # Errors
    /// [`RenderError::Shader`].
    pub fn new(gpu: Arc<Gpu>) -> Result<Self, RenderError> {
        let kernel = Arc::new(Kernel::new(&gpu.device, "similarity", shaders::SIMILARITY, "count_joint")?);
        Ok(Self { gpu, kernel })
    }
}

/// Two volumes on the device.
struct OnDevice {
    gpu: Arc<Gpu>,
    kernel: Arc<Kernel>,
    bins: wgpu::Buffer,
    samples: wgpu::Buffer,
    joint: wgpu::Buffer,
    dims: [u32; 3],
    count: u32,
    /// What a sample counts, so that all in one bin are a 32-bit number.
    whole: u32,
    /// Positions are told from here: they keep more digits.
    center_mm: DVec3,
    _room: Reservation,
}

impl Histograms for GpuHistograms {
    fn begin(&self, what: &ToCompare<'_>) -> Option<Box<dyn Histogram>> {
        let device = &self.gpu.device;
        let limits = device.limits();
        let (bins, samples) = (what.bins.len() as u64 * 4, what.samples.len() as u64 * 16);
        let fits = bins.max(samples) <= limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        if !fits || what.bins.is_empty() || what.samples.is_empty() {
            return None;
        }
        let room = self.gpu.memory.reserve(bins + samples).ok()?;
        let sum: DVec3 = what.samples.iter().map(|(place, _)| *place).sum();
        let center_mm = sum / what.samples.len() as f64;
        let placed: Vec<[f32; 4]> = what
            .samples
            .iter()
            .map(|(place, bin)| (*place - center_mm).as_vec3().extend(*bin).to_array())
            .collect();
        Some(Box::new(OnDevice {
            gpu: self.gpu.clone(),
            kernel: self.kernel.clone(),
            bins: storage(device, bytemuck::cast_slice(what.bins)),
            samples: storage(device, bytemuck::cast_slice(&placed)),
            joint: zeros(device, "joint", (BINS * BINS + 1) as u64 * 4),
            dims: what.dims.map(|n| n as u32),
            count: what.samples.len() as u32,
            whole: MOST_SHARES.min(u64::from(u32::MAX) / what.samples.len() as u64).max(1) as u32,
            center_mm,
            _room: room,
        }))
    }
}

impl Histogram for OnDevice {
    fn at(&self, fixed_voxel_from_patient: &DMat4) -> Option<(Vec<f64>, usize)> {
        let device = &self.gpu.device;
        let from_center = *fixed_voxel_from_patient * DMat4::from_translation(self.center_mm);
        let [row_x, row_y, row_z] = [0, 1, 2].map(|row| from_center.row(row).as_vec4().to_array());
        let pose = PoseUniform {
            row_x,
            row_y,
            row_z,
            dims: self.dims,
            samples: self.count,
            whole: self.whole as f32,
            ..Default::default()
        };
        let constants = uniform(device, bytemuck::bytes_of(&pose));
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.clear_buffer(&self.joint, 0, None);
        let resources =
            [&constants, &self.bins, &self.samples, &self.joint].map(wgpu::Buffer::as_entire_binding);
        let groups = self.count.div_ceil(256).min(GROUPS);
        self.kernel.run(device, &mut encoder, &resources, [groups, 1, 1]);
        let _submitting = self.gpu.submitting();
        self.gpu.queue.submit([encoder.finish()]);
        let bytes = match read_back(device, &self.gpu.queue, &self.joint) {
            Ok(bytes) => bytes,
            Err(error) => {
                // Noted, and the processor counts.
                self.gpu.errors.record(&error.to_string());
                return None;
            }
        };
        let counts = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let mut joint: Vec<f64> = counts.map(f64::from).collect();
        let samples = joint.pop()? as usize;
        joint.iter_mut().for_each(|count| *count /= f64::from(self.whole));
        Some((joint, samples))
    }
}
