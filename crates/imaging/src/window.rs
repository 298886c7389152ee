//! One window of a study: input in, the light box, pictures out. Drawn only when something changed.
//!
//! Input and drawing are here, as they decide whether a frame is due; what the loader brings is in `content`.

mod content;
mod growth;
mod locked;
mod runs;
mod tools;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use egui_winit::accesskit_winit;
use medsight_base::{StudyUid, Timestamp};
use medsight_gpu::Gpu;
use medsight_record::{Annotation, ReadingSession, Refusal, ViewKind};
use medsight_render::Renderer;
use medsight_viewport::{FrameState, LightBox};
use winit::event_loop::{ActiveEventLoop, EventLoopProxy};
use winit::window::Window;

use crate::load::{FoundSeries, Loader};
use crate::models::Input;
use crate::painter::Painter;
use crate::state_file::{Figures, StateFile};
use crate::studies::Studies;

pub(crate) use content::study_facts;

/// What belongs to the device; made anew when the device is lost.
struct Screen {
    context: egui::Context,
    input: egui_winit::State,
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
    painter: Painter,
}

/// A window.
pub(crate) struct StudyWindow {
    pub(crate) window: Arc<Window>,
    pub(crate) light_box: LightBox,
    screen: Screen,
    gpu: Arc<Gpu>,
    adapter: String,
    title: String,
    loader: Option<Loader>,
    found: Vec<FoundSeries>,
    /// Layout to be put back once the series are known.
    session: Option<ReadingSession>,
    began: Instant,
    opened: Instant,
    first_image_ms: Option<f64>,
    frames: u64,
    state_file: StateFile,
    /// Series whose volume was asked for.
    asked_volumes: Vec<usize>,
    /// Series whose solids were asked for.
    asked_solids: Vec<usize>,
    /// Series whose slices come out of their volume.
    slices_from_volume: Vec<usize>,
    cached: Vec<(usize, usize, usize)>,
    /// Next frame at the latest.
    pub(crate) due: Option<Instant>,
    /// The layout changed and has to be kept.
    pub(crate) session_changed: Option<Instant>,
    thumbnails: Vec<(usize, Vec<u8>, [usize; 2])>,
    buttons_down: u32,
    arrival: growth::Arriving,
    /// What the desk knows of it; `None` for files that were opened by themselves.
    pub(crate) studies: Option<Studies>,
    /// Nothing of the study is shown, and no input gets to it.
    is_locked: bool,
    models: runs::WindowModels,
    tools: tools::WindowTools,
}

/// What a frame left to be done.
pub(crate) struct AfterFrame {
    /// For the desk.
    pub(crate) effects: Vec<medsight_viewport::Effect>,
    /// A model that is to run now.
    pub(crate) run: Option<(String, Input)>,
    /// The first picture of the study was shown just now, after so many milliseconds.
    pub(crate) first_image_ms: Option<f64>,
}

fn screen<T: From<accesskit_winit::Event> + Send>(
    gpu: &Arc<Gpu>,
    renderer: &Arc<Renderer>,
    window: &Arc<Window>,
    event_loop: &ActiveEventLoop,
    proxy: &EventLoopProxy<T>,
) -> Result<Screen, String> {
    let surface = gpu.instance.create_surface(window.clone()).map_err(|e| e.to_string())?;
    let capabilities = surface.get_capabilities(&gpu.adapter);
    // egui wants a target without gamma conversion.
    let plain = [wgpu::TextureFormat::Bgra8Unorm, wgpu::TextureFormat::Rgba8Unorm];
    let format = *capabilities
        .formats
        .iter()
        .find(|f| plain.contains(f))
        .or(capabilities.formats.first())
        .ok_or("the graphics adapter can't draw on this screen")?;
    let size = window.inner_size();
    let mut config = surface
        .get_default_config(&gpu.adapter, size.width.max(1), size.height.max(1))
        .ok_or("the graphics adapter can't draw on this screen")?;
    config.format = format;
    config.present_mode = wgpu::PresentMode::AutoVsync;
    config.desired_maximum_frame_latency = 1;
    gpu.configure(&surface, &config).map_err(|e| e.to_string())?;
    let context = egui::Context::default();
    medsight_viewport::setup(&context);
    let limit = Some(gpu.max_edge_2d() as usize);
    let scale = Some(window.scale_factor() as f32);
    let mut input =
        egui_winit::State::new(context.clone(), egui::ViewportId::ROOT, window, scale, window.theme(), limit);
    input.init_accesskit(event_loop, window, proxy.clone());
    let painter = Painter::new(gpu.clone(), renderer.clone(), format);
    Ok(Screen { context, input, surface, config, painter })
}

impl StudyWindow {
    /// A window for a study. It is hidden until [`Self::show`].
    #[allow(clippy::too_many_arguments, reason = "what a window is made of")]
    pub(crate) fn new<T: From<accesskit_winit::Event> + Send>(
        event_loop: &ActiveEventLoop,
        proxy: &EventLoopProxy<T>,
        gpu: &Arc<Gpu>,
        renderer: &Arc<Renderer>,
        window: Window,
        light_box: LightBox,
        began: Instant,
    ) -> Result<Self, String> {
        let window = Arc::new(window);
        let screen = screen(gpu, renderer, &window, event_loop, proxy)?;
        Ok(Self {
            screen,
            window,
            light_box,
            gpu: gpu.clone(),
            adapter: gpu.adapter_text(),
            title: String::new(),
            loader: None,
            found: Vec::new(),
            session: None,
            began: Instant::now(),
            opened: began,
            first_image_ms: None,
            frames: 0,
            state_file: StateFile::from_env(),
            asked_volumes: Vec::new(),
            asked_solids: Vec::new(),
            slices_from_volume: Vec::new(),
            cached: Vec::new(),
            due: None,
            session_changed: None,
            thumbnails: Vec::new(),
            buttons_down: 0,
            arrival: growth::Arriving::default(),
            studies: None,
            is_locked: false,
            models: runs::WindowModels::default(),
            tools: tools::WindowTools::default(),
        })
    }

    /// The same study on a new device.
    pub(crate) fn recover<T: From<accesskit_winit::Event> + Send>(
        &mut self,
        event_loop: &ActiveEventLoop,
        proxy: &EventLoopProxy<T>,
        gpu: &Arc<Gpu>,
        renderer: &Arc<Renderer>,
    ) -> Result<(), String> {
        self.screen = screen(gpu, renderer, &self.window, event_loop, proxy)?;
        self.gpu = gpu.clone();
        self.adapter = gpu.adapter_text();
        for (series, rgba, size) in &self.thumbnails {
            self.screen.painter.put_thumbnail(*series, rgba, *size);
        }
        self.window.request_redraw();
        Ok(())
    }

    /// Begins to load; what comes is given to [`Self::news`].
    pub(crate) fn load(
        &mut self,
        loader: Loader,
        session: Option<ReadingSession>,
        annotations: Vec<Annotation>,
    ) {
        self.loader = Some(loader);
        self.session = session;
        self.light_box.put_annotations(annotations);
        self.window.request_redraw();
    }

    /// The study that is read.
    pub(crate) fn study(&self) -> &StudyUid {
        &self.light_box.study
    }

    /// Whether a study is in the window: it is read, or is beside the one that is.
    pub(crate) fn holds(&self, study: &StudyUid) -> bool {
        self.study() == study || self.studies.as_ref().is_some_and(|studies| studies.holds(study))
    }

    /// Position and size on the desktop.
    pub(crate) fn place_px(&self) -> Option<[i32; 4]> {
        let at = self.window.outer_position().ok()?;
        let size = self.window.inner_size();
        Some([at.x, at.y, i32::try_from(size.width).ok()?, i32::try_from(size.height).ok()?])
    }

    /// A native event. True when the window is to be closed.
    pub(crate) fn event(&mut self, event: &winit::event::WindowEvent) -> bool {
        use winit::event::{ElementState, WindowEvent as W};
        if self.is_locked && !locked::is_heard(event) {
            return false;
        }
        match event {
            W::CloseRequested => return true,
            W::MouseInput { state: ElementState::Pressed, .. } => self.buttons_down += 1,
            W::MouseInput { .. } => self.buttons_down = self.buttons_down.saturating_sub(1),
            // A drag goes on outside the window: the grab still delivers motion, so the pointer is not gone.
            W::CursorLeft { .. } if self.buttons_down > 0 => return false,
            W::Resized(_) | W::Moved(_) => self.session_changed = Some(Instant::now()),
            _ => {}
        }
        if matches!(event, W::RedrawRequested) {
            return false;
        }
        let response = self.screen.input.on_window_event(&self.window, event);
        if response.repaint {
            self.window.request_redraw();
        }
        false
    }

    /// A screen reader came, went or did something.
    pub(crate) fn accessibility(&mut self, event: accesskit_winit::WindowEvent) {
        use accesskit_winit::WindowEvent as A;
        match event {
            A::InitialTreeRequested => self.screen.context.enable_accesskit(),
            A::AccessibilityDeactivated => self.screen.context.disable_accesskit(),
            A::ActionRequested(_) if self.is_locked => {}
            A::ActionRequested(request) => self.screen.input.on_accesskit_action_request(request),
        }
        self.window.request_redraw();
    }

    /// Draws a frame.
    ///
    /// # Errors
    /// When the surface is lost and the device with it.
    pub(crate) fn frame(&mut self, event_loop: &ActiveEventLoop) -> Result<AfterFrame, String> {
        let nothing = AfterFrame { effects: Vec::new(), run: None, first_image_ms: None };
        let size = self.window.inner_size();
        if size.width == 0 || size.height == 0 {
            return Ok(nothing);
        }
        if [self.screen.config.width, self.screen.config.height] != [size.width, size.height] {
            self.screen.config.width = size.width;
            self.screen.config.height = size.height;
            self.gpu.configure(&self.screen.surface, &self.screen.config).map_err(|e| e.to_string())?;
        }
        self.due = None;
        self.stand_notice();
        self.light_box.now = Timestamp::from_system(SystemTime::now());
        self.light_box.clock_s = self.began.elapsed().as_secs_f64();
        let cine = self.light_box.advance_cines();
        self.ask();
        let raw = self.screen.input.take_egui_input(&self.window);
        let textures = self.screen.painter.textures();
        let context = self.screen.context.clone();
        if self.is_locked {
            return self.locked_frame(event_loop, raw, [size.width, size.height]);
        }
        let mut out = context.run_ui(raw, |ui| self.light_box.show(ui, &textures));
        // Titles are read on task bars and in screenshots of other programs: no name of a patient in them.
        let description = &self.light_box.study_of(self.light_box.active).description;
        if !description.is_empty() && *description != self.title {
            self.title = description.clone();
            self.window.set_title(&format!("{description} · MedSight"));
        }
        let scale = out.pixels_per_point;
        // What the reader did in this frame is asked for in this frame.
        self.ask();
        let (appeared, failed) = self.screen.painter.draw_pictures(&self.light_box, scale);
        for (cell, why) in failed {
            self.refuse_picture(cell, &why);
        }
        let shapes = context.tessellate(std::mem::take(&mut out.shapes), scale);
        let delay = out.viewport_output.get(&egui::ViewportId::ROOT).map(|v| v.repaint_delay);
        let cine = cine.map(Duration::from_secs_f64);
        let wait = if appeared { Some(Duration::ZERO) } else { cine.into_iter().chain(delay).min() };
        self.due = wait.filter(|d| *d < Duration::from_secs(3600)).map(|d| Instant::now() + d);
        self.screen.input.handle_platform_output_with_event_loop(
            &self.window,
            event_loop,
            out.platform_output,
        );
        let shown = self.present([size.width, size.height], scale, &shapes, &mut out.textures_delta)?;
        let mut first = None;
        // A study of which nothing can be shown has said so by now: that is its first picture.
        let shows_page =
            self.light_box.visible_cells().into_iter().any(|i| self.light_box.page_of(i).is_some());
        let has_picture = textures.cells.iter().any(Option::is_some)
            || shows_page
            || self.light_box.series.iter().any(|s| s.failure.is_some());
        if shown {
            self.frames += 1;
            if self.first_image_ms.is_none() && has_picture {
                first = Some(self.opened.elapsed().as_secs_f64() * 1e3);
                self.first_image_ms = first;
                // Now there is time for the volume.
                self.due = Some(Instant::now());
            }
        }
        let figures = Figures {
            adapter: &self.adapter,
            first_image_ms: self.first_image_ms,
            frames: self.frames,
            pictures: self.screen.painter.drawn,
            size_px: [size.width, size.height],
            pixels_per_point: scale,
        };
        self.state_file.write(&self.light_box, &figures);
        let effects = self.light_box.take_effects();
        Ok(AfterFrame { effects, run: self.models.due.take(), first_image_ms: first })
    }

    /// True when it was shown.
    fn present(
        &mut self,
        size: [u32; 2],
        scale: f32,
        shapes: &[egui::ClippedPrimitive],
        textures: &mut egui::TexturesDelta,
    ) -> Result<bool, String> {
        use wgpu::CurrentSurfaceTexture as Got;
        let got = self.screen.surface.get_current_texture();
        let _submitting = self.gpu.submitting();
        // Also for a frame that is not shown: egui sends each change once.
        self.screen.painter.upload(textures);
        let shown = match got {
            Got::Success(frame) | Got::Suboptimal(frame) => {
                let view = frame.texture.create_view(&wgpu::TextureViewDescriptor::default());
                self.screen.painter.paint(&view, size, scale, shapes);
                self.gpu.queue.present(frame);
                true
            }
            Got::Outdated => {
                self.screen.config.width = 0; // set up again before the next frame
                self.due = Some(Instant::now());
                false
            }
            Got::Timeout | Got::Occluded => {
                self.due = Some(Instant::now() + Duration::from_millis(100));
                false
            }
            _ => return Err("the window's surface is lost".to_owned()),
        };
        self.screen.painter.free(textures);
        Ok(shown)
    }

    /// A picture could not be put on the device: said where it would be.
    fn refuse_picture(&mut self, cell: usize, why: &str) {
        let view = self.light_box.cells[cell].view;
        let slice = self.light_box.cells[cell].slice;
        let Some(series) = self.light_box.cells[cell].series else { return };
        let Some(s) = self.light_box.series.get_mut(series) else { return };
        if view == ViewKind::Stack {
            if let Some(slice) = s.slices.get_mut(slice) {
                slice.frame = FrameState::Failed(Refusal::new("device", why));
            }
        } else {
            self.light_box.notice = Some(why.to_owned());
        }
    }

    /// The line with which a test ends: how many frames were drawn.
    pub(crate) fn closing_line(&mut self) {
        let line = serde_json::json!({"event": "closed", "frames_drawn": self.frames, "pictures_drawn": self.screen.painter.drawn});
        self.state_file.write_line(&line);
    }
}
