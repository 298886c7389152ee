//! Runs that wait, and the thread that does them. A run for a window breaks off one that runs by a rule; that begins anew behind it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use medsight_base::SeriesUid;
use medsight_codec::ByteSource;
use medsight_dicom::{Object, tags};
use medsight_gpu::{DeviceLabels, Gpu};
use medsight_image::Volume;
use medsight_image::work::{ToolError, Work};
use medsight_infer::{CodedLabel, Compute, InferError, Model, Progress, SeriesFacts, Stop, Store, Trust};
use medsight_record::{LabelMeaning, LabelRuns, LabelsToWrite, Maker};
use winit::window::WindowId;

use super::background::Series;
use super::masks::OwnMask;
use super::{Found, Input, ModelNews, Shown};

/// Progress is told in steps of this part, and no more often than this.
const LEAST_PART: f32 = 0.01;
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// A run.
pub(super) struct Job {
    pub(super) model: String,
    pub(super) input: Arc<Input>,
    pub(super) gpu: Arc<Gpu>,
    pub(super) folder: PathBuf,
    pub(super) trust: Trust,
}

impl Job {
    fn window(&self) -> Option<WindowId> {
        match &*self.input {
            Input::Shown { window, .. } => Some(*window),
            Input::Stored { .. } => None,
        }
    }
}

type Tell = Arc<dyn Fn(ModelNews) + Send + Sync>;

/// Runs that wait.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    running: Option<Running>,
    has_thread: bool,
    is_ended: bool,
}

/// The run that the thread is at.
struct Running {
    window: Option<WindowId>,
    /// Known once the model is read.
    stop: Option<Stop>,
    /// Broken off before that.
    is_stopped: bool,
}

/// How a run ended that has no result.
enum Ended {
    Stopped,
    Failed(String),
}

impl Queue {
    /// A panic of the thread leaves plain values behind the lock.
    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(queue: &Arc<Self>, job: Job, tell: &Tell) {
        let mut state = queue.held();
        if job.window().is_some() {
            if let Some(running) = state.running.as_mut().filter(|running| running.window.is_none()) {
                running.break_off();
            }
        }
        state.waiting.push_back(job);
        if !std::mem::replace(&mut state.has_thread, true) {
            let (queue, tell) = (queue.clone(), tell.clone());
            let began = std::thread::Builder::new().name("models".into()).spawn(move || queue.work(&tell));
            state.has_thread = began.is_ok();
        }
        drop(state);
        queue.changed.notify_all();
    }

    pub(super) fn stop(&self, window: WindowId, tell: &Tell) {
        let mut state = self.held();
        let before = state.waiting.len();
        state.waiting.retain(|job| job.window() != Some(window));
        let was_waiting = state.waiting.len() < before;
        if let Some(running) = state.running.as_mut().filter(|running| running.window == Some(window)) {
            running.break_off();
        }
        drop(state);
        if was_waiting {
            tell(ModelNews::Found(window, None));
        }
    }

    pub(super) fn end(&self) {
        let mut state = self.held();
        state.is_ended = true;
        state.waiting.clear();
        if let Some(running) = &mut state.running {
            running.break_off();
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The next run: those that a window waits for first.
    fn next(&self) -> Option<Job> {
        let mut state = self.held();
        loop {
            if state.is_ended {
                return None;
            }
            let first = state.waiting.iter().position(|job| job.window().is_some()).unwrap_or(0);
            if let Some(job) = state.waiting.remove(first) {
                state.running = Some(Running { window: job.window(), stop: None, is_stopped: false });
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn work(&self, tell: &Tell) {
        // The model that ran last, and what it was made for: reading one again takes longer than many a run.
        let mut kept: Option<(String, Model)> = None;
        while let Some(job) = self.next() {
            let found = self.run(&job, &mut kept, tell);
            let is_ended = {
                let mut state = self.held();
                state.running = None;
                state.is_ended
            };
            if is_ended {
                break;
            }
            match (&*job.input, found) {
                (Input::Shown { window, .. }, Err(Ended::Stopped)) => tell(ModelNews::Found(*window, None)),
                (Input::Shown { window, .. }, Err(Ended::Failed(why))) => {
                    tell(ModelNews::Found(*window, Some(Err(why))));
                }
                (Input::Shown { window, images, volume, .. }, Ok(labelled)) => {
                    let found = Found {
                        images: images.clone(),
                        volume: volume.clone(),
                        maker: labelled.maker,
                        meanings: labelled.meanings,
                        labels: labelled.labels,
                    };
                    tell(ModelNews::Found(*window, Some(Ok(Box::new(found)))));
                }
                // Broken off for a reader: it waits for its turn again.
                (Input::Stored { .. }, Err(Ended::Stopped)) => self.held().waiting.push_back(job),
                (Input::Stored { manifest, series, .. }, found) => {
                    let found = match found.map(|labelled| labelled.into_labels(series.clone())) {
                        Ok(Some(labels)) => Ok(Box::new(labels)),
                        Err(Ended::Failed(why)) => Err(why),
                        Ok(None) | Err(Ended::Stopped) => continue,
                    };
                    tell(ModelNews::ByRule { manifest: manifest.clone(), series: series.clone(), found });
                }
            }
        }
    }

    fn run(&self, job: &Job, kept: &mut Option<(String, Model)>, tell: &Tell) -> Result<Labelled, Ended> {
        let failed = |why: String| Ended::Failed(why);
        let begun = Instant::now();
        let window = job.window();
        let told = Mutex::new((0.0_f32, begun));
        let at = |part: f32| {
            let Some(window) = window else { return };
            // A model tells after each layer; a window that drew each of them would draw nothing else.
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if part < told.0 + LEAST_PART || told.1.elapsed() < LEAST_PAUSE {
                return;
            }
            *told = (part, Instant::now());
            drop(told);
            let seconds = begun.elapsed().as_secs_f64();
            // The first steps say little about the rest.
            let left_s = (part > 0.02 && seconds > 0.5).then(|| seconds * f64::from((1.0 - part) / part));
            tell(ModelNews::At(window, part, left_s));
        };
        if let Some(mask) = OwnMask::of_key(&job.model) {
            let (series, volume, _) = job.input.read().map_err(failed)?;
            let is_stopped = || self.held().running.as_ref().is_none_or(|running| running.is_stopped);
            let (labels, meanings) =
                mask.find(&volume, &Work::new(&at, &is_stopped)).map_err(|error| match error {
                    ToolError::Stopped => Ended::Stopped,
                    other => failed(other.to_string()),
                })?;
            return Labelled { maker: mask.maker(), meanings, labels, series }.found();
        }
        let installed = Store::new(job.folder.clone()).find(&job.model, &job.trust);
        let installed = installed.map_err(|error| failed(error.to_string()))?;
        // Another package, another device: opened anew. It is compared with its manifest each time it is read.
        let made_for = format!("{} {:p}", installed.sha256, Arc::as_ptr(&job.gpu));
        if kept.as_ref().is_none_or(|(of, _)| *of != made_for) {
            *kept = None;
            let compute = Compute::on(&job.gpu).map_err(failed)?;
            let model =
                Model::open(&installed, &job.trust, &compute).map_err(|error| failed(error.to_string()))?;
            *kept = Some((made_for, model));
        }
        let Some((_, model)) = kept else { return Err(failed("the model is not there".to_owned())) };
        {
            let mut state = self.held();
            let Some(running) = &mut state.running else { return Err(Ended::Stopped) };
            if running.is_stopped {
                return Err(Ended::Stopped);
            }
            // Set back before anybody can stop this run.
            model.compute().stop().begin();
            running.stop = Some(model.compute().stop().clone());
        }
        let (series, volume, facts) = job.input.read().map_err(failed)?;
        let meanings: Vec<LabelMeaning> = model.manifest.labels.iter().map(CodedLabel::meaning).collect();
        let shown = |labels: Arc<DeviceLabels>| {
            if let Input::Shown { window, images, volume, .. } = &*job.input {
                let (images, volume, meanings) = (images.clone(), volume.clone(), meanings.clone());
                tell(ModelNews::Shown(*window, Box::new(Shown { images, volume, meanings, labels })));
            }
        };
        let labels = model.segment_shown(&volume, &facts, &Progress::new(&at), &shown);
        let labels = labels.map_err(|error| match error {
            InferError::Stopped => Ended::Stopped,
            other => failed(other.to_string()),
        })?;
        Labelled { maker: model.maker(), meanings, labels, series }.found()
    }
}

impl Input {
    /// The volume, and what its files say of it; a series of the store is read.
    fn read(&self) -> Result<(Option<Series>, Arc<Volume>, SeriesFacts), String> {
        let facts = |modality: &str, source: &dyn ByteSource, file: usize| SeriesFacts {
            modality: modality.to_owned(),
            body_part: body_part(source, file),
        };
        match self {
            Self::Shown { volume, modality, source, file, .. } => {
                Ok((None, volume.clone(), facts(modality, &**source, *file)))
            }
            Self::Stored { manifest, series, source } => {
                let read = Series::read(&**source, manifest, series).map_err(|refusal| refusal.reason)?;
                let facts = facts(&read.modality, &**source, read.first_file);
                let volume = read.volume.clone();
                Ok((Some(read), volume, facts))
            }
        }
    }
}

impl Running {
    fn break_off(&mut self) {
        self.is_stopped = true;
        if let Some(stop) = &self.stop {
            stop.now();
        }
    }
}

/// Labels that were found.
struct Labelled {
    maker: Maker,
    meanings: Vec<LabelMeaning>,
    labels: Vec<u16>,
    /// Where a series of the store lies.
    series: Option<Series>,
}

impl Labelled {
    /// Itself, when there is anything.
    fn found(self) -> Result<Self, Ended> {
        match self.labels.iter().any(|label| *label != 0) {
            true => Ok(self),
            false => Err(Ended::Failed(format!("{} found nothing", self.maker.text()))),
        }
    }

    /// For the desk; `None` for what is on the screen, which the window sends.
    fn into_labels(self, images: SeriesUid) -> Option<LabelsToWrite> {
        let (slices, places) = self.series?.places();
        Some(LabelsToWrite {
            images,
            slices,
            places,
            maker: self.maker,
            meanings: self.meanings,
            labels: LabelRuns::of(self.labels),
        })
    }
}

/// Body Part Examined (0018,0015) of a file; empty where it has none.
fn body_part(source: &dyn ByteSource, file: usize) -> String {
    let object = source.read(file).ok().and_then(|bytes| Object::from_vec(bytes).ok());
    object.map(|object| object.data().text_or_empty(tags::BODY_PART_EXAMINED)).unwrap_or_default()
}
