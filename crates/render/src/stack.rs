//! Draws one stored image: `shaders/stack.wgsl`.

use medsight_image::{
    Interpolation, Lut, Modality, Palette, Photometric, StackDraw, Voi, VoiFunction, Window,
};
use wgpu::{TextureDimension, TextureFormat, TextureSampleType, TextureViewDimension};

use crate::pass::{Pass, Slot, UNFILTERED, texture_of, view_of};
use crate::{FrameTexture, RenderError, Target, shaders};

/// Mirror of `Stack` in `shaders/stack.wgsl`; a test compares every offset.
#[repr(C)]
#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct StackUniform {
    pub(crate) x_axis: [f32; 2],
    pub(crate) y_axis: [f32; 2],
    pub(crate) translation: [f32; 2],
    pub(crate) size_px: [f32; 2],
    pub(crate) window_center: f32,
    pub(crate) window_width: f32,
    pub(crate) voi_function: u32,
    pub(crate) invert: u32,
    pub(crate) slope: f32,
    pub(crate) intercept: f32,
    pub(crate) modality_entries: u32,
    pub(crate) modality_first: i32,
    pub(crate) padding_low: f32,
    pub(crate) padding_high: f32,
    pub(crate) has_padding: u32,
    pub(crate) taps: u32,
    pub(crate) background: [f32; 3],
    pub(crate) nearest: u32,
    pub(crate) voi_entries: u32,
    pub(crate) voi_first: i32,
    pub(crate) palette_entries: u32,
    pub(crate) palette_first: i32,
    pub(crate) samples: u32,
    pub(crate) pad_0: u32,
    pub(crate) pad_1: u32,
    pub(crate) pad_2: u32,
}

const VOI_LUT: u32 = 3;

/// (centre, width, `VOI_*` of `shaders/shared/voi.wgsl`).
pub(crate) fn window_uniform(window: &Window) -> (f32, f32, u32) {
    let function = match window.function() {
        VoiFunction::Linear => 0,
        VoiFunction::LinearExact => 1,
        VoiFunction::Sigmoid => 2,
    };
    (window.center() as f32, window.width() as f32, function)
}

/// 8-bit colour as the shaders take it.
pub(crate) fn color(rgb: [u8; 3]) -> [f32; 3] {
    rgb.map(|c| f32::from(c) / 255.0)
}

/// The pipeline and the one-texel textures that stand where there is nothing.
#[derive(Debug)]
pub(crate) struct StackPass {
    pass: Pass,
    no_uint: wgpu::TextureView,
    no_sint: wgpu::TextureView,
    no_float: wgpu::TextureView,
}

impl StackPass {
    pub(crate) fn new(device: &wgpu::Device, queue: &wgpu::Queue) -> Result<Self, RenderError> {
        let texture = |kind| Slot::Texture(kind, TextureViewDimension::D2);
        let slots = [
            Slot::Uniform,
            texture(TextureSampleType::Uint),
            texture(TextureSampleType::Sint),
            texture(UNFILTERED),
            texture(UNFILTERED),
            texture(UNFILTERED),
            texture(UNFILTERED),
            texture(UNFILTERED),
        ];
        let nothing = |format| {
            let texture =
                texture_of(device, queue, "nothing", TextureDimension::D2, format, [1, 1, 1], &[0; 4]);
            view_of(&texture)
        };
        Ok(Self {
            pass: Pass::new(device, "stack", shaders::STACK, "fs_main", &slots)?,
            no_uint: nothing(TextureFormat::R32Uint),
            no_sint: nothing(TextureFormat::R32Sint),
            no_float: nothing(TextureFormat::R32Float),
        })
    }

    pub(crate) fn draw(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        target: &Target,
        frame: &FrameTexture,
        draw: &StackDraw,
    ) {
        let table = |lut: &Lut| lut_texture(device, queue, lut);
        let modality = match &draw.modality {
            Modality::Lut(lut) => Some(table(lut)),
            Modality::Rescale { .. } => None,
        };
        let voi = match &draw.voi {
            Voi::Lut(lut) => Some(table(lut)),
            Voi::Window(_) => None,
        };
        let is_indexed = frame.photometric() == Photometric::PaletteColor;
        let palette = draw.palette.as_ref().filter(|_| is_indexed).map(|p| palette_texture(device, queue, p));
        let uniform = uniform(frame, draw, palette.is_some());
        // The frame in its own place, one texel in the others.
        let at = |kind: usize, nothing| if frame.kind as usize == kind { &frame.view } else { nothing };
        let views = [
            at(0, &self.no_uint),
            at(1, &self.no_sint),
            at(2, &self.no_float),
            at(3, &self.no_float),
            modality.as_ref().unwrap_or(&self.no_float),
            voi.as_ref().unwrap_or(&self.no_float),
            palette.as_ref().unwrap_or(&self.no_float),
        ];
        let resources = views.map(wgpu::BindingResource::TextureView);
        self.pass.draw(device, queue, target.view(), &uniform, &resources);
    }
}

fn uniform(frame: &FrameTexture, draw: &StackDraw, has_palette: bool) -> StackUniform {
    let [columns, rows] = frame.size_px();
    let affine = draw.image_px_from_target_px;
    let is_monochrome1 = frame.photometric() == Photometric::Monochrome1;
    let mut uniform = StackUniform {
        x_axis: affine.matrix2.x_axis.as_vec2().to_array(),
        y_axis: affine.matrix2.y_axis.as_vec2().to_array(),
        translation: affine.translation.as_vec2().to_array(),
        size_px: [columns as f32, rows as f32],
        invert: u32::from(draw.invert != is_monochrome1),
        taps: draw.taps(),
        background: color(draw.background),
        nearest: u32::from(draw.interpolation == Interpolation::Nearest),
        samples: frame.kind as u32,
        ..Default::default()
    };
    match &draw.modality {
        Modality::Rescale { slope, intercept } => {
            (uniform.slope, uniform.intercept) = (*slope as f32, *intercept as f32);
        }
        Modality::Lut(lut) => {
            (uniform.modality_entries, uniform.modality_first) = (lut.values().len() as u32, lut.first);
        }
    }
    match &draw.voi {
        Voi::Window(window) => {
            (uniform.window_center, uniform.window_width, uniform.voi_function) = window_uniform(window);
        }
        Voi::Lut(lut) => {
            uniform.voi_function = VOI_LUT;
            (uniform.voi_entries, uniform.voi_first) = (lut.values().len() as u32, lut.first);
        }
    }
    if let Some(palette) = draw.palette.as_ref().filter(|_| has_palette) {
        (uniform.palette_entries, uniform.palette_first) = (palette.colors().len() as u32, palette.first);
    }
    if let Some([low, high]) = draw.padding {
        (uniform.has_padding, uniform.padding_low, uniform.padding_high) = (1, low as f32, high as f32);
    }
    uniform
}

fn lut_texture(device: &wgpu::Device, queue: &wgpu::Queue, lut: &Lut) -> wgpu::TextureView {
    let mut values = lut.values().to_vec();
    let rows = values.len().div_ceil(256);
    values.resize(rows * 256, 0.0);
    let (bytes, size) = (bytemuck::cast_slice(&values), [256, rows as u32, 1]);
    view_of(&texture_of(device, queue, "lut", TextureDimension::D2, TextureFormat::R32Float, size, bytes))
}

fn palette_texture(device: &wgpu::Device, queue: &wgpu::Queue, palette: &Palette) -> wgpu::TextureView {
    let mut texels: Vec<u8> = palette.colors().iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
    let rows = palette.colors().len().div_ceil(256);
    texels.resize(rows * 1024, 0);
    let size = [256, rows as u32, 1];
    view_of(&texture_of(
        device,
        queue,
        "palette",
        TextureDimension::D2,
        TextureFormat::Rgba8Unorm,
        size,
        &texels,
    ))
}
