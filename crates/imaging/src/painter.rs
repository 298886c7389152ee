//! Paints a window: the cells' pictures into their own textures, when they changed, then egui over all. What the pictures are made of is
//! brought to the device in `uploads`.

mod uploads;

use std::sync::Arc;

use egui::TextureId;
use medsight_gpu::Gpu;
use medsight_image::{Frame, LabelDraw, Solids, Volume};
use medsight_render::{DeviceLabels, FrameTexture, Renderer, SolidsTexture, Target, VolumeTexture};
use medsight_viewport::{FreshSolids, LightBox, Picture, Textures};

/// Stored images kept on the device, in bytes.
const FRAME_BYTES: u64 = 192 << 20;

/// One texture and what is in it.
struct Slot {
    target: Target,
    id: TextureId,
    picture: Picture,
}

/// Labels over a cell, and where they are drawn.
struct LabelSlot {
    target: Target,
    id: TextureId,
    /// What is in it; `None`: nothing that is to be shown.
    drawn: Option<LabelDraw>,
}

/// Where a texture is shown.
#[derive(Clone, Copy)]
enum Place {
    Cell(usize),
    Lens,
    /// The cut across a vessel, in its curved view.
    Section,
}

/// A volume on the device, or why it is not there.
type OnDevice = Result<Arc<VolumeTexture>, String>;

/// Surfaces of segments on the device, or why they are not there.
type SolidsOnDevice = Result<Arc<SolidsTexture>, String>;

/// What one window has on the device.
pub(crate) struct Painter {
    gpu: Arc<Gpu>,
    renderer: Arc<Renderer>,
    egui: egui_wgpu::Renderer,
    cells: Vec<Option<Slot>>,
    lens: Option<Slot>,
    /// Labels that a model left in device memory, until the processor has them.
    fresh: Option<Arc<DeviceLabels>>,
    labels: Vec<Option<LabelSlot>>,
    section: Option<Slot>,
    frames: Vec<(Arc<Frame>, Arc<FrameTexture>)>,
    volumes: Vec<(Arc<Volume>, OnDevice)>,
    solids: Vec<(Arc<Solids>, SolidsOnDevice)>,
    /// Of `fresh`, in the boxes of volumes.
    fresh_solids: Vec<(Arc<Volume>, FreshSolids, SolidsOnDevice)>,
    thumbnails: Vec<Option<(wgpu::Texture, TextureId, f32)>>,
    /// Pictures drawn so far.
    pub(crate) drawn: u64,
}

impl Painter {
    pub(crate) fn new(gpu: Arc<Gpu>, renderer: Arc<Renderer>, format: wgpu::TextureFormat) -> Self {
        let egui = egui_wgpu::Renderer::new(&gpu.device, format, egui_wgpu::RendererOptions::default());
        Self {
            gpu,
            renderer,
            egui,
            cells: (0..9).map(|_| None).collect(),
            lens: None,
            fresh: None,
            labels: (0..9).map(|_| None).collect(),
            section: None,
            frames: Vec::new(),
            volumes: Vec::new(),
            solids: Vec::new(),
            fresh_solids: Vec::new(),
            thumbnails: Vec::new(),
            drawn: 0,
        }
    }

    /// Ids of the textures for the next frame of the window.
    pub(crate) fn textures(&self) -> Textures {
        let id = |slot: &Option<Slot>| slot.as_ref().filter(|s| s.picture != Picture::None).map(|s| s.id);
        let of_labels = |slot: &Option<LabelSlot>| slot.as_ref().filter(|s| s.drawn.is_some()).map(|s| s.id);
        Textures {
            cells: self.cells.iter().map(id).collect(),
            labels: self.labels.iter().map(of_labels).collect(),
            lens: id(&self.lens),
            section: id(&self.section),
            thumbnails: self
                .thumbnails
                .iter()
                .map(|t| t.as_ref().map(|(_, id, aspect)| (*id, *aspect)))
                .collect(),
        }
    }

    /// Draws what changed. True when a texture that was not there before is to be shown: the window has to
    /// lay itself out once more.
    ///
    /// # Errors
    /// A volume or image that does not fit the device: cell and reason.
    pub(crate) fn draw_pictures(
        &mut self,
        light_box: &LightBox,
        pixels_per_point: f32,
    ) -> (bool, Vec<(usize, String)>) {
        let mut appeared = false;
        let mut failed = Vec::new();
        let visible = light_box.visible_cells();
        for index in 0..self.cells.len() {
            if !visible.contains(&index) {
                continue;
            }
            let rect = light_box.cells[index].rect;
            let size_px = size_of(rect, pixels_per_point);
            let picture = light_box.picture(index, size_px, pixels_per_point);
            match self.fill(Place::Cell(index), picture, size_px) {
                Ok(new) => appeared |= new,
                Err(why) => failed.push((index, why)),
            }
            appeared |= self.fill_labels(index, light_box.fresh_labels(index, size_px), size_px);
        }
        let lens = light_box.lens_picture(pixels_per_point);
        let section = light_box.section_picture(pixels_per_point);
        for (place, over) in [(Place::Lens, lens), (Place::Section, section)] {
            if let Some((cell, rect, picture)) = over {
                match self.fill(place, picture, size_of(rect, pixels_per_point)) {
                    Ok(new) => appeared |= new,
                    Err(why) => failed.push((cell, why)),
                }
            } else if let Some(slot) = self.slot(place) {
                slot.picture = Picture::None;
            }
        }
        self.forget_unused(light_box);
        (appeared, failed)
    }

    fn slot(&mut self, place: Place) -> &mut Option<Slot> {
        match place {
            Place::Cell(i) => &mut self.cells[i],
            Place::Lens => &mut self.lens,
            Place::Section => &mut self.section,
        }
    }

    /// Draws into a texture.
    fn fill(&mut self, place: Place, picture: Picture, size_px: [u32; 2]) -> Result<bool, String> {
        let mut slot = self.slot(place).take();
        let fits = slot.as_ref().is_some_and(|s| s.target.size_px() == size_px);
        let unchanged = fits && slot.as_ref().is_some_and(|s| s.picture == picture);
        let mut result = Ok(false);
        if !unchanged {
            if !fits && picture != Picture::None {
                slot = Some(self.resized(slot, size_px));
            }
            if let Some(slot) = &mut slot {
                let was_shown = slot.picture != Picture::None;
                result = self
                    .draw(&slot.target, &picture)
                    .map(|()| picture != Picture::None && (!was_shown || !fits));
                slot.picture = if result.is_ok() { picture } else { Picture::None };
            }
        }
        *self.slot(place) = slot;
        result
    }

    /// Labels in device memory, to be drawn over the cells that [`LightBox::fresh_labels`] names, and in 3D.
    pub(crate) fn put_fresh(&mut self, labels: Arc<DeviceLabels>) {
        self.fresh = Some(labels);
        self.fresh_solids.clear();
        self.labels.iter_mut().flatten().for_each(|slot| slot.drawn = None);
        let of_old =
            |slot: &&mut Slot| matches!(&slot.picture, Picture::Volume(view) if view.fresh.is_some());
        self.cells.iter_mut().flatten().filter(of_old).for_each(|slot| slot.picture = Picture::None);
    }

    /// Draws labels over a cell. True when they were not there before.
    fn fill_labels(&mut self, cell: usize, look: Option<LabelDraw>, size_px: [u32; 2]) -> bool {
        let Some((look, labels)) = look.zip(self.fresh.clone()) else {
            if let Some(slot) = &mut self.labels[cell] {
                slot.drawn = None;
            }
            return false;
        };
        let old = self.labels[cell].take().map(|slot| (slot.target, slot.id, slot.drawn));
        let (target, id, drawn) = match old {
            Some(old) if old.0.size_px() == size_px => old,
            old => {
                let (target, id) = self.target(old.map(|(_, id, _)| id), size_px);
                (target, id, None)
            }
        };
        let is_new = drawn.is_none();
        if drawn.as_ref() != Some(&look) {
            let _submitting = self.gpu.submitting();
            self.renderer.draw_labels(&target, &labels, &look);
        }
        self.labels[cell] = Some(LabelSlot { target, id, drawn: Some(look) });
        is_new
    }

    fn resized(&mut self, old: Option<Slot>, size_px: [u32; 2]) -> Slot {
        let (target, id) = self.target(old.map(|slot| slot.id), size_px);
        Slot { target, id, picture: Picture::None }
    }

    /// A picture that egui shows, by the same name as the one before.
    fn target(&mut self, old: Option<TextureId>, size_px: [u32; 2]) -> (Target, TextureId) {
        let target = Target::new(&self.gpu, size_px);
        let (device, filter) = (&self.gpu.device, wgpu::FilterMode::Linear);
        let id = match old {
            Some(id) => {
                self.egui.update_egui_texture_from_wgpu_texture(device, target.view(), filter, id);
                id
            }
            None => self.egui.register_native_texture(device, target.view(), filter),
        };
        (target, id)
    }

    fn draw(&mut self, target: &Target, picture: &Picture) -> Result<(), String> {
        match picture {
            Picture::None => return Ok(()),
            Picture::Stack(stack) => {
                let frame = self.frame(&stack.frame)?;
                let _submitting = self.gpu.submitting();
                self.renderer.draw_stack(target, &frame, &stack.draw);
            }
            Picture::Plane(plane) => {
                let volume = self.volume(&plane.volume)?;
                let _submitting = self.gpu.submitting();
                self.renderer.draw_plane(target, &volume, &plane.draw);
            }
            Picture::Volume(view) => {
                let volume = self.volume(&view.volume)?;
                let (solids, look) = match (&view.fresh, &view.draw.solids) {
                    (Some(fresh), _) => (self.fresh_solids(view, fresh)?, Some(&fresh.look)),
                    (None, Some(draw)) => (Some(self.solids(&draw.solids)?), Some(&draw.look)),
                    (None, None) => (None, None),
                };
                let _submitting = self.gpu.submitting();
                self.renderer.draw_volume_with(target, &volume, solids.as_deref().zip(look), &view.draw);
            }
        }
        self.drawn += 1;
        Ok(())
    }

    /// A picture of a series for the strip.
    pub(crate) fn put_thumbnail(&mut self, series: usize, rgba: &[u8], size: [usize; 2]) {
        let extent =
            wgpu::Extent3d { width: size[0] as u32, height: size[1] as u32, depth_or_array_layers: 1 };
        let texture = self.gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("thumbnail"),
            size: extent,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        let layout = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(extent.width * 4),
            rows_per_image: None,
        };
        self.gpu.queue.write_texture(texture.as_image_copy(), rgba, layout, extent);
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let id = self.egui.register_native_texture(&self.gpu.device, &view, wgpu::FilterMode::Linear);
        if self.thumbnails.len() <= series {
            self.thumbnails.resize_with(series + 1, || None);
        }
        if let Some((_, old, _)) = self.thumbnails[series].take() {
            self.egui.free_texture(&old);
        }
        self.thumbnails[series] = Some((texture, id, size[0] as f32 / size[1] as f32));
    }

    /// The strip begins anew.
    pub(crate) fn forget_thumbnails(&mut self) {
        for (_, id, _) in std::mem::take(&mut self.thumbnails).into_iter().flatten() {
            self.egui.free_texture(&id);
        }
    }

    /// egui's own textures: for every pass, shown or not.
    pub(crate) fn upload(&mut self, delta: &mut egui::TexturesDelta) {
        for (id, deltas) in delta.set.drain() {
            for one in deltas {
                self.egui.update_texture(&self.gpu.device, &self.gpu.queue, id, &one);
            }
        }
    }

    /// After the submit, for every pass too.
    pub(crate) fn free(&mut self, delta: &mut egui::TexturesDelta) {
        for id in delta.free.drain() {
            self.egui.free_texture(&id);
        }
    }

    /// egui over everything, on the window.
    pub(crate) fn paint(
        &mut self,
        view: &wgpu::TextureView,
        size_px: [u32; 2],
        pixels_per_point: f32,
        shapes: &[egui::ClippedPrimitive],
    ) {
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let screen = egui_wgpu::ScreenDescriptor { size_in_pixels: size_px, pixels_per_point };
        let more = self.egui.update_buffers(&self.gpu.device, &self.gpu.queue, &mut encoder, shapes, &screen);
        {
            let attachment = wgpu::RenderPassColorAttachment {
                view,
                resolve_target: None,
                depth_slice: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                    store: wgpu::StoreOp::Store,
                },
            };
            let mut pass = encoder
                .begin_render_pass(&wgpu::RenderPassDescriptor {
                    label: Some("window"),
                    color_attachments: &[Some(attachment)],
                    ..Default::default()
                })
                .forget_lifetime();
            self.egui.render(&mut pass, shapes, &screen);
        }
        self.gpu.queue.submit(more.into_iter().chain([encoder.finish()]));
    }
}

fn size_of(rect: egui::Rect, pixels_per_point: f32) -> [u32; 2] {
    [rect.width(), rect.height()].map(|points| (points * pixels_per_point).round().clamp(1.0, 16384.0) as u32)
}
