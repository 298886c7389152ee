//! Costs of ways through tissue, found on the device: `shaders/geodesic.wgsl`. Its twin on the processor is
//! `medsight_image::geodesic`, which says what a cost is; the costs differ by rounding only.

use std::sync::Arc;

use medsight_gpu::Gpu;
use medsight_gpu::kernel::{Kernel, read_back, storage, uniform, zeros};
use medsight_image::geodesic::{Landscape, Spreader};
use medsight_image::{ToolError, Work};

use crate::{RenderError, shaders};

/// Mirror of `Spread` in `shaders/geodesic.wgsl`; a test compares every offset.
#[repr(C)]
#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct SpreadUniform {
    pub(crate) size: [u32; 3],
    pub(crate) limit: f32,
    pub(crate) tiles: [u32; 3],
    pub(crate) tissue: f32,
    pub(crate) tissue_sd: f32,
    pub(crate) alike: f32,
    pub(crate) step_sd: f32,
    pub(crate) change: f32,
    pub(crate) dearest: f32,
    pub(crate) shortest_mm: f32,
    pub(crate) pad_0: u32,
    pub(crate) pad_1: u32,
    pub(crate) lengths: [[f32; 4]; 7],
}

/// Voxels of a tile along columns, rows, slices.
const TILE: [usize; 3] = [8, 8, 4];
/// Passes between two looks whether anything still falls; even, so that the flags end where they began.
const PASSES: usize = 16;
/// `FAR` in the shader: no way was found.
const FAR: f32 = 3.0e38;

/// Finds costs on a graphics device.
pub struct GpuSpreader {
    gpu: Arc<Gpu>,
    kernel: Kernel,
}

impl GpuSpreader {
    /// Compiles the shader.
    ///
    /// # Errors
    /// [`RenderError::Shader`].
    pub fn new(gpu: Arc<Gpu>) -> Result<Self, RenderError> {
        let kernel = Kernel::new(&gpu.device, "geodesic", shaders::GEODESIC, "relax")?;
        Ok(Self { gpu, kernel })
    }

    /// The device does not answer: noted, and the processor does the work.
    fn gone<T>(&self, error: &dyn std::fmt::Display) -> Option<T> {
        self.gpu.errors.record(&error.to_string());
        None
    }
}

impl Spreader for GpuSpreader {
    fn costs(
        &self,
        landscape: &Landscape<'_>,
        seed: usize,
        limit: f32,
        work: &Work<'_>,
    ) -> Result<Option<Vec<f32>>, ToolError> {
        let (lattice, step, device) = (landscape.lattice, landscape.step, &self.gpu.device);
        let size = lattice.size;
        let voxels: usize = size.iter().product();
        let limits = device.limits();
        let bytes = voxels as u64 * 4;
        if bytes > limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) {
            return Ok(None);
        }
        let Ok(_room) = self.gpu.memory.reserve(3 * bytes) else { return Ok(None) };
        let tiles = [0, 1, 2].map(|a| size[a].div_ceil(TILE[a]));
        let mut lengths = [[0.0; 4]; 7];
        // The 13th of 27 is the voxel itself.
        let neighbours = (0..27).filter(|n| *n != 13);
        for (n, (_, length_mm)) in neighbours.zip(lattice.steps()) {
            lengths[n / 4][n % 4] = *length_mm;
        }
        let constants = SpreadUniform {
            size: size.map(|n| n as u32),
            limit,
            tiles: tiles.map(|n| n as u32),
            tissue: step.tissue,
            tissue_sd: step.tissue_sd,
            alike: step.alike,
            step_sd: step.step_sd,
            change: step.change,
            dearest: step.dearest,
            shortest_mm: lattice.shortest_mm(),
            lengths,
            ..Default::default()
        };
        let rows = || (0..size[2]).flat_map(|z| (0..size[1]).map(move |y| [0, y, z]));
        let values: Vec<f32> = rows()
            .flat_map(|row| &landscape.values[lattice.index(row)..lattice.index(row) + size[0]])
            .copied()
            .collect();
        let at = lattice.voxel(seed);
        let mut begin = vec![FAR; voxels];
        begin[(at[2] * size[1] + at[1]) * size[0] + at[0]] = 0.0;
        let mut flags = vec![0_u32; tiles.iter().product()];
        let tile = [0, 1, 2].map(|a| at[a] / TILE[a]);
        flags[(tile[2] * tiles[1] + tile[1]) * tiles[0] + tile[0]] = 1;
        let (constants, values) =
            (uniform(device, bytemuck::bytes_of(&constants)), storage(device, bytemuck::cast_slice(&values)));
        let costs = zeros(device, "costs", bytes);
        let falls = [0, 1].map(|_| zeros(device, "falls", flags.len() as u64 * 4));
        self.gpu.queue.write_buffer(&costs, 0, bytemuck::cast_slice(&begin));
        self.gpu.queue.write_buffer(&falls[0], 0, bytemuck::cast_slice(&flags));
        drop(begin);
        let mut passes = 0;
        loop {
            // How far it is to the end is not known: the bar nears it.
            work.tell(passes as f32 / (passes + 8 * PASSES) as f32)?;
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            for pass in 0..PASSES {
                let [fell, falls] = [&falls[pass % 2], &falls[(pass + 1) % 2]];
                encoder.clear_buffer(falls, 0, None);
                let buffers = [&constants, &values, &costs, fell, falls];
                let resources = buffers.map(wgpu::Buffer::as_entire_binding);
                self.kernel.run(device, &mut encoder, &resources, tiles.map(|n| n as u32));
            }
            let _submitting = self.gpu.submitting();
            self.gpu.queue.submit([encoder.finish()]);
            passes += PASSES;
            match read_back(device, &self.gpu.queue, &falls[0]) {
                Ok(flags) if flags.iter().all(|byte| *byte == 0) => break,
                Ok(_) => {}
                Err(error) => return Ok(self.gone(&error)),
            }
        }
        let _submitting = self.gpu.submitting();
        let found = match read_back(device, &self.gpu.queue, &costs) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(self.gone(&error)),
        };
        let mut costs = vec![-1.0; lattice.len()];
        for (row, line) in rows().zip(found.chunks_exact(size[0] * 4)) {
            let first = lattice.index(row);
            for (cost, bytes) in costs[first..first + size[0]].iter_mut().zip(line.chunks_exact(4)) {
                let found = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                *cost = if found < FAR { found } else { f32::INFINITY };
            }
        }
        Ok(Some(costs))
    }
}
