//! What all pipelines have in common: full-screen fragment shaders with one bind group.

use wgpu::util::DeviceExt as _;

use crate::{RenderError, Target, shaders};

/// A full-screen fragment shader and the layout of what it reads.
#[derive(Debug)]
pub(crate) struct Pass {
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    label: &'static str,
}

/// Where a picture goes: the target, or a smaller picture that is then stretched over it.
pub(crate) struct Canvas<'a> {
    pub(crate) view: &'a wgpu::TextureView,
    pub(crate) size_px: [u32; 2],
    /// Target pixels in one of its pixels, across and down.
    pub(crate) scale: [f64; 2],
}

/// What is bound at a number.
pub(crate) enum Slot {
    Uniform,
    Texture(wgpu::TextureSampleType, wgpu::TextureViewDimension),
    Sampler,
    /// Words that are read.
    Storage,
}

/// A float texture read by coordinates, without filtering.
pub(crate) const UNFILTERED: wgpu::TextureSampleType = wgpu::TextureSampleType::Float { filterable: false };
/// A float texture that is filtered.
pub(crate) const FILTERED: wgpu::TextureSampleType = wgpu::TextureSampleType::Float { filterable: true };

impl Pass {
    /// Compiles `entry` of a source of `shaders/`; slots are bound in order from 0.
    pub(crate) fn new(
        device: &wgpu::Device,
        label: &'static str,
        source: &str,
        entry: &str,
        slots: &[Slot],
    ) -> Result<Self, RenderError> {
        let failed = |reason: String| RenderError::Shader { name: label.to_owned(), reason };
        let text = shaders::expand(source).map_err(failed)?;
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(text.into()),
        });
        let entries: Vec<_> = slots.iter().enumerate().map(|(i, slot)| slot.layout(i as u32)).collect();
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(label),
            entries: &entries,
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(label),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some(label),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("vs_main"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some(entry),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(Target::FORMAT.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        match pollster::block_on(scope.pop()) {
            None => Ok(Self { pipeline, layout, label }),
            Some(error) => Err(failed(error.to_string())),
        }
    }

    /// Draws over the whole of `view`, submitted at once. `uniform` is bound at 0, `resources` from 1.
    pub(crate) fn draw<U: bytemuck::Pod>(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        view: &wgpu::TextureView,
        uniform: &U,
        resources: &[wgpu::BindingResource<'_>],
    ) {
        let buffer = device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: Some(self.label),
            contents: bytemuck::bytes_of(uniform),
            usage: wgpu::BufferUsages::UNIFORM,
        });
        let uniform = std::iter::once(buffer.as_entire_binding());
        let all = uniform.chain(resources.iter().cloned()).enumerate();
        let entries: Vec<_> =
            all.map(|(i, resource)| wgpu::BindGroupEntry { binding: i as u32, resource }).collect();
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(self.label),
            layout: &self.layout,
            entries: &entries,
        });
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some(self.label),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view,
                    resolve_target: None,
                    depth_slice: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                        store: wgpu::StoreOp::Store,
                    },
                })],
                ..Default::default()
            });
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.draw(0..3, 0..1);
        }
        queue.submit([encoder.finish()]);
    }
}

impl Slot {
    fn layout(&self, binding: u32) -> wgpu::BindGroupLayoutEntry {
        let ty = match self {
            Self::Uniform => wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Uniform,
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            Self::Texture(sample_type, view_dimension) => wgpu::BindingType::Texture {
                sample_type: *sample_type,
                view_dimension: *view_dimension,
                multisampled: false,
            },
            Self::Sampler => wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
            Self::Storage => wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: true },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
        };
        wgpu::BindGroupLayoutEntry { binding, visibility: wgpu::ShaderStages::FRAGMENT, ty, count: None }
    }
}

/// Rows of bytes put into a whole texture.
pub(crate) fn texture_of(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    label: &'static str,
    dimension: wgpu::TextureDimension,
    format: wgpu::TextureFormat,
    size: [u32; 3],
    bytes: &[u8],
) -> wgpu::Texture {
    let texture = empty_texture(device, label, dimension, format, size);
    let row = size[0] * format.block_copy_size(None).unwrap_or(4);
    let layout =
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: Some(size[1]) };
    queue.write_texture(texture.as_image_copy(), bytes, layout, texture.size());
    texture
}

/// A texture that something is to be copied into.
pub(crate) fn empty_texture(
    device: &wgpu::Device,
    label: &'static str,
    dimension: wgpu::TextureDimension,
    format: wgpu::TextureFormat,
    size: [u32; 3],
) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some(label),
        size: wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: size[2] },
        mip_level_count: 1,
        sample_count: 1,
        dimension,
        format,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    })
}

/// The whole texture as the shaders see it.
pub(crate) fn view_of(texture: &wgpu::Texture) -> wgpu::TextureView {
    texture.create_view(&wgpu::TextureViewDescriptor::default())
}
