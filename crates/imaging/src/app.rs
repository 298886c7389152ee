//! The program: windows on one device, the desk's messages, and the event loop that sleeps in between.
//!
//! They are one thing: the handler of the one event loop, which alone owns windows, device and link.

mod beside;
mod proposing;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_winit::accesskit_winit;
use medsight_base::StudyUid;
use medsight_codec::{ByteSource, FolderSource};
use medsight_gpu::Gpu;
use medsight_link::{Arrival, Beside, FromLightBox, Hello, PROTOCOL, ToLightBox};
use medsight_record::words::Locale;
use medsight_record::{Annotation, Manifest, ManifestInstance, ReadingSession, ToWrite};
use medsight_render::Renderer;
use medsight_vault::{BlobId, BlobKey, BlobStore};
use medsight_viewport::{Effect, LightBox, SaveState};
use winit::application::ApplicationHandler;
use winit::dpi::{PhysicalPosition, PhysicalSize};
use winit::event::{StartCause, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoopProxy};
use winit::window::{Window, WindowId};

use crate::desk::{Desk, FromDesk, Sent};
use crate::load::{Loader, News, Stage, Tell};
use crate::models::{ModelNews, Models};
use crate::source::BlobSource;
use crate::studies::Studies;
use crate::thumbnail;
use crate::window::{StudyWindow, study_facts};

/// A layout is kept this long after its last change.
const SESSION_DELAY: Duration = Duration::from_millis(400);
/// What the desk refused is sent again after so long.
const RETRY_DELAY: Duration = Duration::from_secs(5);
/// The lock counts minutes; more often need not be said that somebody is here.
const INPUT_EVERY: Duration = Duration::from_secs(5);

/// What wakes the event loop.
pub(crate) enum Wake {
    /// The desk said something.
    Desk(FromDesk),
    /// Something was loaded for a window; the number tells late news of an earlier study apart.
    News(WindowId, u64, Box<News>),
    /// A screen reader.
    Access(accesskit_winit::Event),
    /// A model.
    Model(ModelNews),
}

impl From<accesskit_winit::Event> for Wake {
    fn from(event: accesskit_winit::Event) -> Self {
        Self::Access(event)
    }
}

/// What was asked for on the command line.
pub(crate) enum Mode {
    /// Files and folders, nothing is kept.
    Alone(Vec<PathBuf>),
    /// Started by the desk.
    Desk,
}

/// The program.
pub(crate) struct App {
    mode: Mode,
    started: Instant,
    proxy: EventLoopProxy<Wake>,
    gpu: Option<(Arc<Gpu>, Arc<Renderer>)>,
    windows: HashMap<WindowId, (StudyWindow, u64)>,
    generation: u64,
    desk: Option<Desk>,
    store: Option<Arc<BlobStore>>,
    models: Option<Models>,
    installed: Vec<medsight_infer::Installed>,
    locale: Locale,
    screen_px_per_mm: Option<f64>,
    retry_at: Option<Instant>,
    /// The desk wants nothing shown.
    is_locked: bool,
    /// When the desk was last told that somebody is here.
    input_said: Option<Instant>,
    recoveries: Vec<Instant>,
    /// Why the program ended early, for the exit code and stderr.
    pub(crate) fault: Option<String>,
    display: Option<winit::event_loop::OwnedDisplayHandle>,
}

impl App {
    pub(crate) fn new(
        mode: Mode,
        started: Instant,
        proxy: EventLoopProxy<Wake>,
        display: winit::event_loop::OwnedDisplayHandle,
    ) -> Self {
        let language = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()));
        let desk = matches!(mode, Mode::Desk).then(Desk::start);
        Self {
            mode,
            started,
            proxy,
            gpu: None,
            windows: HashMap::new(),
            generation: 0,
            desk,
            store: None,
            models: None,
            installed: Vec::new(),
            locale: language.and_then(|l| Locale::parse(&l)).unwrap_or_default(),
            screen_px_per_mm: None,
            retry_at: None,
            is_locked: false,
            input_said: None,
            recoveries: Vec::new(),
            fault: None,
            display: Some(display),
        }
    }

    fn fail(&mut self, event_loop: &ActiveEventLoop, why: String) {
        if let Some(desk) = &self.desk {
            desk.say(FromLightBox::Problem(why.clone()));
        }
        self.fault = Some(why);
        event_loop.exit();
    }

    /// The device, made when it is first needed.
    fn device(&mut self) -> Result<(Arc<Gpu>, Arc<Renderer>), String> {
        if let Some((gpu, renderer)) = &self.gpu {
            return Ok((gpu.clone(), renderer.clone()));
        }
        let instance = match &self.display {
            Some(display) => {
                let mut descriptor =
                    wgpu::InstanceDescriptor::new_with_display_handle(Box::new(display.clone()));
                descriptor.backends = medsight_gpu::instance_descriptor().backends;
                wgpu::Instance::new(descriptor)
            }
            None => wgpu::Instance::new(medsight_gpu::instance_descriptor()),
        };
        let gpu = Arc::new(Gpu::new(instance, None).map_err(|e| e.to_string())?);
        let renderer = Arc::new(Renderer::new(&gpu).map_err(|e| e.to_string())?);
        self.gpu = Some((gpu.clone(), renderer.clone()));
        Ok((gpu, renderer))
    }

    fn open_window(
        &mut self,
        event_loop: &ActiveEventLoop,
        study: StudyUid,
        place_px: Option<[i32; 4]>,
        began: Instant,
    ) -> Result<WindowId, String> {
        let (gpu, renderer) = self.device()?;
        let monitor = event_loop.primary_monitor().or_else(|| event_loop.available_monitors().next());
        let room = monitor.map_or([1600, 1000], |m| m.size().into());
        let [x, y, w, h] = place_px.unwrap_or_else(|| {
            let [w, h] = room.map(|edge: u32| (f64::from(edge) * 0.94) as i32);
            [((room[0] as i32) - w) / 2, ((room[1] as i32) - h) / 2, w, h]
        });
        let attributes = Window::default_attributes()
            .with_title("MedSight")
            .with_inner_size(PhysicalSize::new(w.clamp(640, 16_384) as u32, h.clamp(480, 16_384) as u32))
            .with_position(PhysicalPosition::new(x, y))
            .with_visible(false); // AccessKit must see the window before it is shown
        let window = event_loop.create_window(attributes).map_err(|e| e.to_string())?;
        let id = window.id();
        let mut light_box = LightBox::new(study, self.locale, uuid::Uuid::new_v4);
        light_box.has_desk = self.desk.is_some();
        if gpu.is_software {
            // Sharp enough to read, and back before the hand has waited.
            light_box.quality_3d = [0.2, 0.6];
        }
        light_box.screen_points_per_mm = self.screen_px_per_mm.map(|px| px / window.scale_factor());
        let mut window =
            StudyWindow::new(event_loop, &self.proxy, &gpu, &renderer, window, light_box, began)?;
        if self.is_locked {
            window.lock(true);
        }
        window.window.set_visible(true);
        window.window.request_redraw();
        self.generation += 1;
        self.windows.insert(id, (window, self.generation));
        self.offer_models();
        Ok(id)
    }

    fn tell(&self, id: WindowId) -> Tell {
        let (proxy, generation) = (self.proxy.clone(), self.generation);
        Arc::new(move |news| {
            // The loop is gone only at the end of the program.
            let _ = proxy.send_event(Wake::News(id, generation, Box::new(news)));
        })
    }

    fn open_paths(&mut self, event_loop: &ActiveEventLoop, paths: &[PathBuf]) -> Result<(), String> {
        let unknown = StudyUid(medsight_base::Uid::from_uuid(0));
        let id = self.open_window(event_loop, unknown, None, self.started)?;
        let files = crate::source::files_under(paths);
        let source: Arc<dyn ByteSource + Send + Sync> = Arc::new(FolderSource::new(files));
        let loader = Loader::start(source, None, Stage::default(), self.tell(id));
        if let Some((window, _)) = self.windows.get_mut(&id) {
            window.load(loader, None, Vec::new());
        }
        if let Some(place) = Models::own_place() {
            self.set_models(place);
        }
        Ok(())
    }

    fn open_study(
        &mut self,
        event_loop: &ActiveEventLoop,
        manifest: Manifest,
        annotations: Vec<Annotation>,
        session: Option<ReadingSession>,
        beside: Vec<Beside>,
        is_arriving: bool,
    ) -> Result<(), String> {
        let began = Instant::now();
        let study = manifest.study.uid.clone();
        let known = self.windows.iter().find(|(_, (w, _))| w.study() == &study).map(|(id, _)| *id);
        if let Some((window, _)) = known.and_then(|id| self.windows.get(&id)) {
            window.window.focus_window();
            // The desk waits for this answer; the image has been there since the first time.
            if let Some(desk) = &self.desk {
                desk.say(FromLightBox::Shown { study, first_image_ms: 0.0 });
            }
            return Ok(());
        }
        let place = session.as_ref().and_then(|s| s.window_px);
        let id = self.open_window(event_loop, study, place, began)?;
        let tell = self.tell(id);
        let facts = study_facts(&manifest.study.patient, &manifest.study.description, manifest.study.date);
        let stage = Stage { is_shown: false, is_arriving };
        let others = beside.iter().map(|other| (*other.manifest).clone()).collect();
        let studies = Studies::new(manifest, others);
        let source = self.source(studies.instances())?;
        let loader = Loader::start(source, Some(studies.clone()), stage, tell);
        if let Some((window, _)) = self.windows.get_mut(&id) {
            window.light_box.facts = facts;
            window.studies = Some(studies);
            window.load(loader, session, annotations);
            for other in beside {
                window.light_box.put_beside(other.manifest.study.uid, other.annotations);
            }
            window.set_arrival(if is_arriving { Arrival::More } else { Arrival::Whole });
        }
        Ok(())
    }

    /// Files in the store.
    fn source<'i>(
        &self,
        instances: impl Iterator<Item = &'i ManifestInstance>,
    ) -> Result<Arc<dyn ByteSource + Send + Sync>, String> {
        let store = self.store.clone().ok_or("no study can be opened before Hello")?;
        let no_place = "a file of the study has no valid place in the store";
        let blob = |i: &ManifestInstance| Ok((i.blob.parse().map_err(|_| no_place)?, i.bytes));
        let blobs: Result<Vec<(BlobId, u64)>, String> = instances.map(blob).collect();
        Ok(Arc::new(BlobSource::new(store, blobs?)))
    }

    fn hello(&mut self, event_loop: &ActiveEventLoop, hello: &Hello) {
        if hello.protocol != PROTOCOL {
            let why = format!(
                "the desk speaks protocol {}, the light box {PROTOCOL}: install both from one version",
                hello.protocol
            );
            return self.fail(event_loop, why);
        }
        let Some(key) = BlobKey::from_hex(&hello.blob_key_hex) else {
            return self
                .fail(event_loop, "the key of the image store is not 64 hexadecimal digits".to_owned());
        };
        self.store = Some(Arc::new(BlobStore::read_only(&hello.blob_root, key)));
        self.locale = Locale::parse(&hello.locale).unwrap_or_default();
        self.screen_px_per_mm = hello.screen_px_per_mm;
        if let Some(place) = hello.models.clone() {
            self.set_models(place);
        }
        let adapter = match self.device() {
            Ok((gpu, _)) => gpu.adapter_text(),
            Err(why) => return self.fail(event_loop, why),
        };
        if let Some(desk) = &self.desk {
            desk.say(FromLightBox::Ready { protocol: PROTOCOL, adapter });
        }
    }

    fn message(&mut self, event_loop: &ActiveEventLoop, message: ToLightBox) {
        match message {
            ToLightBox::Hello(hello) => self.hello(event_loop, &hello),
            ToLightBox::Open { manifest, annotations, session, beside, arriving } => {
                let session = session.map(|s| *s);
                let opened = self.open_study(event_loop, *manifest, annotations, session, beside, arriving);
                self.report(opened);
            }
            ToLightBox::Arrived { manifest, arrival } => {
                let grown = self.grow(&manifest, arrival);
                self.report(grown);
            }
            ToLightBox::Others { study, others } => {
                self.of_reading(&study, |light_box| light_box.put_other_studies(others.clone()));
            }
            ToLightBox::Beside { study, other } => {
                let put = self.put_beside(&study, other);
                self.report(put);
            }
            ToLightBox::Saved { sequence } => {
                let saved = self.desk.as_mut().and_then(|d| d.saved(sequence));
                self.mark(saved, &SaveState::Saved);
            }
            ToLightBox::NotSaved { sequence, reason } => {
                let failed = self.desk.as_mut().and_then(|d| d.not_saved(sequence));
                self.retry_at = Some(Instant::now() + RETRY_DELAY);
                self.mark(failed, &SaveState::Failed(reason));
            }
            ToLightBox::Thumbnail { request, blob, frame, edge_px } => {
                self.thumbnail(request, &blob, frame, edge_px)
            }
            ToLightBox::Picture { request, blob, frame, edge_px, look } => {
                let draw = move |bytes| thumbnail::bare(bytes, frame, edge_px, look.as_deref());
                let say = move |made| FromLightBox::Picture { request, made };
                self.draw_file(&blob, draw, say);
            }
            ToLightBox::Preferences { locale, screen_px_per_mm } => {
                self.locale = Locale::parse(&locale).unwrap_or(self.locale);
                self.screen_px_per_mm = screen_px_per_mm;
                for (window, _) in self.windows.values_mut() {
                    window.light_box.set_locale(self.locale);
                    window.light_box.screen_points_per_mm =
                        screen_px_per_mm.map(|px| px / window.window.scale_factor());
                    window.window.request_redraw();
                }
            }
            ToLightBox::Written { study, made } => {
                self.of_study(&study, |light_box| light_box.written(made.clone()));
            }
            ToLightBox::Deleted { study, series, failed } => {
                self.of_study(&study, |light_box| light_box.written_deleted(&series, failed.clone()));
            }
            ToLightBox::GoTo { study, annotation } => {
                self.of_study(&study, |light_box| light_box.go_to_annotation(annotation));
                for (window, _) in self.windows.values().filter(|(window, _)| window.study() == &study) {
                    window.window.focus_window();
                }
            }
            ToLightBox::Proposals { study, proposals } => {
                self.of_reading(&study, |light_box| light_box.put_proposals(proposals.clone()));
            }
            ToLightBox::Decided { study, proposal, failed } => {
                self.of_study(&study, |light_box| light_box.settled(&proposal, failed.clone()));
            }
            ToLightBox::Models(place) => self.set_models(place),
            ToLightBox::Propose { manifest, series, model } => {
                let begun = self.run_by_rule(manifest, series, model);
                self.report(begun);
            }
            ToLightBox::Lock => self.lock(true),
            ToLightBox::Unlock => self.lock(false),
            ToLightBox::Close(study) => {
                self.windows.retain(|_, (w, _)| w.study() != &study);
                self.take_beside_everywhere(&study);
            }
            ToLightBox::Quit => self.quit(event_loop),
        }
    }

    fn lock(&mut self, is_locked: bool) {
        self.is_locked = is_locked;
        for (window, _) in self.windows.values_mut() {
            window.lock(is_locked);
        }
    }

    /// Tells the desk that somebody is here, at most every few seconds.
    fn say_input(&mut self, event: &WindowEvent) {
        use WindowEvent as W;
        let is_input = matches!(
            event,
            W::KeyboardInput { .. }
                | W::MouseInput { .. }
                | W::MouseWheel { .. }
                | W::CursorMoved { .. }
                | W::Touch(_)
        );
        let is_due = self.input_said.is_none_or(|said| said.elapsed() >= INPUT_EVERY);
        if let Some(desk) = self.desk.as_ref().filter(|_| is_input && is_due && !self.is_locked) {
            desk.say(FromLightBox::Input);
            self.input_said = Some(Instant::now());
        }
    }

    /// Every window in which a study is.
    fn of_study(&mut self, study: &StudyUid, tell: impl Fn(&mut LightBox)) {
        for (window, _) in self.windows.values_mut().filter(|(window, _)| window.holds(study)) {
            tell(&mut window.light_box);
            window.window.request_redraw();
        }
    }

    /// The window in which a study is read.
    fn of_reading(&mut self, study: &StudyUid, tell: impl Fn(&mut LightBox)) {
        for (window, _) in self.windows.values_mut().filter(|(window, _)| window.study() == study) {
            tell(&mut window.light_box);
            window.window.request_redraw();
        }
    }

    fn report(&self, done: Result<(), String>) {
        if let (Err(why), Some(desk)) = (done, &self.desk) {
            desk.say(FromLightBox::Problem(why));
        }
    }

    fn mark(&mut self, id: Option<medsight_record::AnnotationId>, state: &SaveState) {
        let Some(id) = id else { return };
        for (window, _) in self.windows.values_mut() {
            if let Some(known) = window.light_box.save_states.get_mut(&id) {
                *known = state.clone();
                window.window.request_redraw();
            }
        }
    }

    fn thumbnail(&self, request: u64, blob: &str, frame: u32, edge_px: u32) {
        let draw = move |bytes| thumbnail::png_base64(bytes, frame, edge_px);
        self.draw_file(blob, draw, move |png_base64| FromLightBox::Thumbnail { request, png_base64 });
    }

    /// Decoded off the event loop (the pool's threads are shared with volumes).
    fn draw_file<T: Send + 'static>(
        &self,
        blob: &str,
        draw: impl FnOnce(Vec<u8>) -> Result<T, String> + Send + 'static,
        say: impl FnOnce(Result<T, String>) -> FromLightBox + Send + 'static,
    ) {
        let (Some(desk), Some(store)) = (&self.desk, &self.store) else { return };
        let Ok(id) = blob.parse::<BlobId>() else {
            return desk.say(say(Err("the file has no valid place in the store".to_owned())));
        };
        let (store, out) = (store.clone(), desk.sender());
        rayon::spawn(move || {
            let bytes = store.open(id).and_then(|blob| blob.read_all()).map_err(|e| e.to_string());
            // The writer is gone only when the desk is.
            let _ = out.send(say(bytes.and_then(draw)));
        });
    }

    fn quit(&mut self, event_loop: &ActiveEventLoop) {
        let ids: Vec<WindowId> = self.windows.keys().copied().collect();
        for id in ids {
            self.keep_session(id);
            if let Some((mut window, _)) = self.windows.remove(&id) {
                window.closing_line();
            }
        }
        event_loop.exit();
    }

    fn keep_session(&mut self, id: WindowId) {
        let (Some(desk), Some((window, _))) = (&mut self.desk, self.windows.get_mut(&id)) else { return };
        if window.session_changed.take().is_some() && !window.light_box.series.is_empty() {
            desk.keep_session(window.light_box.session(window.place_px()));
        }
    }

    fn close(&mut self, event_loop: &ActiveEventLoop, id: WindowId) {
        self.keep_session(id);
        let Some((mut window, _)) = self.windows.remove(&id) else { return };
        if let Some(models) = &self.models {
            models.stop(id);
        }
        window.closing_line();
        match &self.desk {
            Some(desk) => desk.say(FromLightBox::Closed(window.study().clone())),
            None if self.windows.is_empty() => event_loop.exit(),
            None => {}
        }
    }

    fn draw(&mut self, event_loop: &ActiveEventLoop, id: WindowId) {
        let Some((window, _)) = self.windows.get_mut(&id) else { return };
        match window.frame(event_loop) {
            Ok(after) => {
                let study = window.study().clone();
                if let (Some(first_image_ms), Some(desk)) = (after.first_image_ms, &self.desk) {
                    desk.say(FromLightBox::Shown { study: study.clone(), first_image_ms });
                }
                if let (Some(instance), Some(desk)) = (window.newly_visible(), &self.desk) {
                    desk.say(FromLightBox::Visible { study: study.clone(), instance });
                }
                if let Some((model, input)) = after.run {
                    if let (Ok((gpu, _)), Some(models)) = (self.device(), &self.models) {
                        models.run(&gpu, model, input);
                    }
                }
                for effect in after.effects {
                    self.effect(id, &study, effect);
                }
            }
            Err(why) => self.recover(event_loop, &why),
        }
    }

    fn effect(&mut self, id: WindowId, study: &StudyUid, effect: Effect) {
        if effect == Effect::SessionChanged {
            if let Some((window, _)) = self.windows.get_mut(&id) {
                window.session_changed = Some(Instant::now());
            }
            return;
        }
        if self.model_effect(id, &effect) {
            return;
        }
        let Some(desk) = &mut self.desk else { return };
        match effect {
            Effect::Save(annotation) => desk.keep(Sent::Annotation(annotation)),
            Effect::Remove { study, id } => desk.keep(Sent::Removal(study, id)),
            Effect::ListPriors => desk.say(FromLightBox::ListOthers { study: study.clone() }),
            Effect::PutPrior(other) => desk.say(FromLightBox::PutBeside { study: study.clone(), other }),
            Effect::TakePrior(other) => self.take_beside(id, study, &other),
            Effect::Selected(annotation) => desk.say(FromLightBox::Selected(annotation)),
            Effect::SaveDocument(instance) => {
                desk.say(FromLightBox::SaveDocument { study: study.clone(), instance });
            }
            Effect::LockWanted => desk.say(FromLightBox::LockWanted),
            Effect::Write(what) => desk.say(FromLightBox::Write { study: study.clone(), what }),
            Effect::DeleteWritten(series) => {
                desk.say(FromLightBox::DeleteWritten { study: study.clone(), series });
            }
            Effect::Reopen(proposal) => desk.say(FromLightBox::Reopen { study: study.clone(), proposal }),
            Effect::Propose(set) => self.store_labels(id, study, set, ToWrite::Proposal),
            Effect::KeepOutline(set) => self.store_labels(id, study, set, ToWrite::Outline),
            Effect::Decide { set, decision } => self.decide(id, study, set, decision),
            Effect::SessionChanged
            | Effect::RunModel { .. }
            | Effect::StopModel
            | Effect::Outline
            | Effect::Compute(_)
            | Effect::StopComputing
            | Effect::LayersChanged => {}
        }
    }

    /// A new device, the same windows, the same studies.
    fn recover(&mut self, event_loop: &ActiveEventLoop, why: &str) {
        let now = Instant::now();
        self.recoveries.retain(|r| r.elapsed() < Duration::from_secs(30));
        self.recoveries.push(now);
        if self.recoveries.len() > 5 {
            return self.fail(event_loop, format!("the graphics device was lost too often: {why}"));
        }
        self.gpu = None;
        let (gpu, renderer) = match self.device() {
            Ok(device) => device,
            Err(why) => return self.fail(event_loop, why),
        };
        let mut failed = None;
        for (window, _) in self.windows.values_mut() {
            if let Err(why) = window.recover(event_loop, &self.proxy, &gpu, &renderer) {
                failed = Some(why);
            }
        }
        if let Some(why) = failed {
            self.fail(event_loop, why);
        }
    }
}

impl ApplicationHandler<Wake> for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        let Mode::Alone(paths) = &mut self.mode else { return };
        let paths = std::mem::take(paths);
        if !paths.is_empty() {
            if let Err(why) = self.open_paths(event_loop, &paths) {
                self.fail(event_loop, why);
            }
        }
    }

    fn new_events(&mut self, _: &ActiveEventLoop, cause: StartCause) {
        if matches!(cause, StartCause::ResumeTimeReached { .. }) {
            let now = Instant::now();
            for (window, _) in self.windows.values_mut() {
                if window.due.is_some_and(|due| due <= now) {
                    window.due = None;
                    window.window.request_redraw();
                }
            }
        }
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, id: WindowId, event: WindowEvent) {
        self.say_input(&event);
        let Some((window, _)) = self.windows.get_mut(&id) else { return };
        if window.event(&event) {
            return self.close(event_loop, id);
        }
        if matches!(event, WindowEvent::RedrawRequested) {
            self.draw(event_loop, id);
        }
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, wake: Wake) {
        match wake {
            Wake::Desk(FromDesk::Message(message)) => self.message(event_loop, *message),
            Wake::Desk(FromDesk::Gone(reason)) => {
                self.fault = reason;
                self.quit(event_loop);
            }
            Wake::News(id, generation, news) => {
                if let Some((window, _)) = self.windows.get_mut(&id).filter(|(_, g)| *g == generation) {
                    window.news(*news);
                    if window.is_to_read_anew() {
                        let read = self.read_anew(id);
                        self.report(read);
                    }
                }
            }
            Wake::Model(news) => self.model_news(news),
            Wake::Access(event) => {
                if let Some((window, _)) = self.windows.get_mut(&event.window_id) {
                    window.accessibility(event.window_event);
                }
            }
        }
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        let now = Instant::now();
        let settled = |changed: &Instant| now.duration_since(*changed) >= SESSION_DELAY;
        let ids: Vec<WindowId> = self
            .windows
            .iter()
            .filter(|(_, (w, _))| w.session_changed.as_ref().is_some_and(settled))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.keep_session(id);
            if let Some((window, _)) = self.windows.get_mut(&id) {
                window.session_changed = None;
            }
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            if let Some(desk) = &mut self.desk {
                desk.send_refused_again();
            }
        }
        let sessions =
            self.windows.values().filter_map(|(w, _)| w.session_changed.map(|at| at + SESSION_DELAY));
        let retry = self.retry_at.filter(|_| self.desk.as_ref().is_some_and(Desk::has_refused));
        let next = self.windows.values().filter_map(|(w, _)| w.due).chain(sessions).chain(retry).min();
        event_loop.set_control_flow(next.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
    }
}
