//! A stored image on the device: values stay integers as they are in the file.

use medsight_gpu::{MemoryBudget, Reservation};
use medsight_image::{Frame, Photometric, Samples, present};
use wgpu::{TextureDimension, TextureFormat};

use crate::RenderError;
use crate::pass::{texture_of, view_of};

/// Which texture of the shader has the image; `SAMPLES_*` in `shaders/stack.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SampleKind {
    Uint = 0,
    Sint = 1,
    Float = 2,
    Color = 3,
}

/// Stored values of one frame; made by [`crate::Renderer::upload_frame`].
#[derive(Debug)]
pub struct FrameTexture {
    columns: usize,
    rows: usize,
    photometric: Photometric,
    pub(crate) kind: SampleKind,
    pub(crate) view: wgpu::TextureView,
    memory: Reservation,
}

impl FrameTexture {
    pub(crate) fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        budget: &MemoryBudget,
        frame: &Frame,
    ) -> Result<Self, RenderError> {
        let needed = frame.rows * frame.columns * frame.photometric.samples_per_pixel();
        let found = frame.samples.len();
        if found != needed || needed == 0 {
            return Err(RenderError::Length { found, needed });
        }
        let limit = device.limits().max_texture_dimension_2d;
        let edge = frame.rows.max(frame.columns);
        if edge > limit as usize {
            return Err(RenderError::TooLarge { edge, limit });
        }
        let (kind, format, bytes) = texels(frame);
        let memory = budget.reserve(bytes.len() as u64)?;
        let size = [frame.columns as u32, frame.rows as u32, 1];
        let texture = texture_of(device, queue, "frame", TextureDimension::D2, format, size, &bytes);
        Ok(Self {
            columns: frame.columns,
            rows: frame.rows,
            photometric: frame.photometric,
            kind,
            view: view_of(&texture),
            memory,
        })
    }

    /// (columns, rows).
    pub fn size_px(&self) -> [usize; 2] {
        [self.columns, self.rows]
    }

    /// What the samples mean.
    pub fn photometric(&self) -> Photometric {
        self.photometric
    }

    /// Graphics memory it takes.
    pub fn bytes(&self) -> u64 {
        self.memory.bytes()
    }
}

fn texels(frame: &Frame) -> (SampleKind, TextureFormat, Vec<u8>) {
    if let Some(colors) = present::rgb8(frame) {
        let rgba = colors.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
        return (SampleKind::Color, TextureFormat::Rgba8Unorm, rgba);
    }
    let (kind, format) = match &frame.samples {
        Samples::U8(_) => (SampleKind::Uint, TextureFormat::R8Uint),
        Samples::I8(_) => (SampleKind::Sint, TextureFormat::R8Sint),
        Samples::U16(_) => (SampleKind::Uint, TextureFormat::R16Uint),
        Samples::I16(_) => (SampleKind::Sint, TextureFormat::R16Sint),
        Samples::U32(_) => (SampleKind::Uint, TextureFormat::R32Uint),
        Samples::I32(_) => (SampleKind::Sint, TextureFormat::R32Sint),
        Samples::F32(_) => (SampleKind::Float, TextureFormat::R32Float),
        // Shaders have no 64-bit floats: 24 bits of the value are kept, a screen shows 10.
        Samples::F64(v) => {
            let narrow: Vec<f32> = v.iter().map(|x| *x as f32).collect();
            return (SampleKind::Float, TextureFormat::R32Float, bytemuck::cast_slice(&narrow).to_vec());
        }
    };
    (kind, format, frame.samples.to_le_bytes())
}
