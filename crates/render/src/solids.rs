//! Labels of segments on the device, for surfaces in 3D.

use std::sync::Arc;

use medsight_gpu::{MemoryBudget, Reservation};
use medsight_image::{Solids, SolidsDraw};
use wgpu::{TextureDimension, TextureFormat};

use crate::RenderError;
use crate::pass::{texture_of, view_of};

/// Labels of the box of a volume; made by [`crate::Renderer::upload_solids`].
#[derive(Debug)]
pub struct SolidsTexture {
    pub(crate) solids: Arc<Solids>,
    pub(crate) view: wgpu::TextureView,
    memory: Reservation,
}

impl SolidsTexture {
    pub(crate) fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        budget: &MemoryBudget,
        solids: &Arc<Solids>,
    ) -> Result<Self, RenderError> {
        let memory = budget.reserve(solids.labels().len() as u64)?;
        let (format, size) = (TextureFormat::R8Uint, solids.dims().map(|n| n as u32));
        let texture =
            texture_of(device, queue, "labels", TextureDimension::D3, format, size, solids.labels());
        Ok(Self { solids: solids.clone(), view: view_of(&texture), memory })
    }

    /// Graphics memory it takes.
    pub fn bytes(&self) -> u64 {
        self.memory.bytes()
    }
}

/// A texel for each of the 256 labels.
pub(crate) fn label_colors(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    look: &SolidsDraw,
) -> wgpu::TextureView {
    let mut colors = vec![[0u8; 4]; 256];
    for (texel, color) in colors.iter_mut().zip(&look.colors).skip(1) {
        *texel = *color;
    }
    let (format, bytes) = (TextureFormat::Rgba8Unorm, bytemuck::cast_slice(&colors));
    view_of(&texture_of(device, queue, "label colors", TextureDimension::D2, format, [256, 1, 1], bytes))
}
