//! The texture a viewport is drawn into.

use medsight_gpu::Gpu;

use crate::RenderError;

/// An offscreen picture: 8-bit RGBA, values as on the screen (no gamma conversion).
#[derive(Debug)]
pub struct Target {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
}

impl Target {
    /// What pipelines draw into.
    pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

    /// A black picture of (width, height) pixels; edges are held within 1 and what the adapter allows.
    pub fn new(gpu: &Gpu, size_px: [u32; 2]) -> Self {
        Self::of_size(&gpu.device, size_px.map(|edge| edge.clamp(1, gpu.max_edge_2d())))
    }

    pub(crate) fn of_size(device: &wgpu::Device, [width, height]: [u32; 2]) -> Self {
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("target"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: Self::FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT
                | wgpu::TextureUsages::TEXTURE_BINDING
                | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Self { texture, view }
    }

    /// (width, height) in pixels.
    pub fn size_px(&self) -> [u32; 2] {
        [self.texture.width(), self.texture.height()]
    }

    /// For a window to show, or to draw into.
    pub fn view(&self) -> &wgpu::TextureView {
        &self.view
    }

    /// The texture itself.
    pub fn texture(&self) -> &wgpu::Texture {
        &self.texture
    }

    /// Waits for the drawing and gives its pixels: RGBA, rows top to bottom, without padding.
    ///
    /// # Errors
    /// [`RenderError::ReadBack`] when the device is lost.
    pub fn read_back(&self, gpu: &Gpu) -> Result<Vec<u8>, RenderError> {
        let [width, height] = self.size_px();
        let row_bytes = width * 4;
        let padded = row_bytes.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read back"),
            size: u64::from(padded) * u64::from(height),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_texture_to_buffer(
            self.texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(padded),
                    rows_per_image: None,
                },
            },
            self.texture.size(),
        );
        gpu.queue.submit([encoder.finish()]);
        let failed = |e: String| RenderError::ReadBack(e);
        let (send, receive) = std::sync::mpsc::channel();
        buffer.map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver is gone only when this function has returned early.
            let _ = send.send(result);
        });
        gpu.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| failed(e.to_string()))?;
        receive.recv().map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
        let mapped = buffer.get_mapped_range(..).map_err(|e| failed(e.to_string()))?;
        let rows = mapped.chunks_exact(padded as usize);
        Ok(rows.flat_map(|row| row[..row_bytes as usize].iter().copied()).collect())
    }
}
