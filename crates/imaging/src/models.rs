//! The models of the light box: which are installed, and the one thread that runs them, on the device that draws. What a reader waits for
//! runs before what rules ask for, and takes its place.

mod background;
mod masks;
mod queue;

use std::path::PathBuf;
use std::sync::Arc;

use medsight_base::SeriesUid;
use medsight_codec::ByteSource;
use medsight_gpu::{DeviceLabels, Gpu};
use medsight_image::Volume;
use medsight_infer::{Installed, Store, Trust};
use medsight_link::ModelsPlace;
use medsight_record::words::Words;
use medsight_record::{LabelMeaning, LabelsToWrite, Maker, Manifest};
use medsight_viewport::ModelOffer;
use winit::window::WindowId;

use queue::Queue;

/// What the thread of the models tells the event loop.
pub(crate) enum ModelNews {
    /// The packages that are installed.
    Listed(Vec<Installed>),
    /// How far the model is that a window waits for, and the seconds that are left.
    At(WindowId, f32, Option<f64>),
    /// What it found is in device memory, and is shown from there while it is brought back.
    Shown(WindowId, Box<Shown>),
    /// What it found, or why nothing; `None`: it was stopped.
    Found(WindowId, Option<Result<Box<Found>, String>>),
    /// What a model that ran by itself found, or why nothing.
    ByRule { manifest: Box<Manifest>, series: SeriesUid, found: Result<Box<LabelsToWrite>, String> },
}

/// What a model found on a series, in device memory.
pub(crate) struct Shown {
    pub(crate) images: SeriesUid,
    pub(crate) volume: Arc<Volume>,
    pub(crate) meanings: Vec<LabelMeaning>,
    pub(crate) labels: Arc<DeviceLabels>,
}

/// What a model found on a series.
pub(crate) struct Found {
    pub(crate) images: SeriesUid,
    pub(crate) volume: Arc<Volume>,
    pub(crate) maker: Maker,
    pub(crate) meanings: Vec<LabelMeaning>,
    /// Over the volume's voxels.
    pub(crate) labels: Vec<u16>,
}

/// What a model is to run on.
pub(crate) enum Input {
    /// A volume that is on the screen; one of its files says what a package asks for.
    Shown {
        window: WindowId,
        images: SeriesUid,
        modality: String,
        volume: Arc<Volume>,
        source: Arc<dyn ByteSource + Send + Sync>,
        file: usize,
    },
    /// A series in the store.
    Stored { manifest: Box<Manifest>, series: SeriesUid, source: Arc<dyn ByteSource + Send + Sync> },
}

/// The models of the light box.
pub(crate) struct Models {
    queue: Arc<Queue>,
    tell: Arc<dyn Fn(ModelNews) + Send + Sync>,
    place: ModelsPlace,
}

impl Models {
    pub(crate) fn new(place: ModelsPlace, tell: Arc<dyn Fn(ModelNews) + Send + Sync>) -> Self {
        let models = Self { queue: Arc::default(), tell, place };
        models.list();
        models
    }

    /// Where they are when no desk says it: as `medsightctl models` has it without one.
    pub(crate) fn own_place() -> Option<ModelsPlace> {
        let folder = std::env::var_os("MEDSIGHT_MODELS").map(PathBuf::from)?;
        Some(ModelsPlace { folder, ..ModelsPlace::default() })
    }

    /// They are elsewhere, or others may run.
    pub(crate) fn set_place(&mut self, place: ModelsPlace) {
        if self.place != place {
            self.place = place;
            self.list();
        }
    }

    /// Reads the list anew, off the event loop.
    pub(crate) fn list(&self) {
        let (store, tell) = (Store::new(self.place.folder.clone()), self.tell.clone());
        rayon::spawn(move || tell(ModelNews::Listed(store.list())));
    }

    fn trust(&self) -> Trust {
        Trust { hashes: self.place.allow_hashes.clone(), keys: self.place.allow_keys.clone() }
    }

    /// The packages as the light box offers them.
    pub(crate) fn offers(&self, installed: &[Installed], words: &Words) -> Vec<ModelOffer> {
        let barred = words.text("model.barred");
        let (store, trust) = (Store::new(self.place.folder.clone()), self.trust());
        let of_volumes = installed.iter().filter(|package| package.manifest.takes_volumes());
        let offer = |package: &Installed| {
            let manifest = &package.manifest;
            let name = format!("{}@{}", manifest.name, manifest.version);
            let measured = manifest.measured.first().map(|m| format!("{} {} · {}", m.measure, m.value, m.on));
            ModelOffer {
                title: format!("{} {}", manifest.name, manifest.version),
                key: name.clone(),
                name: manifest.name.clone(),
                version: manifest.version.clone(),
                intended_use: manifest.intended_use.clone(),
                measured: measured.unwrap_or_default(),
                modalities: manifest.input.modalities.clone(),
                barred: store.find(&name, &trust).is_err().then(|| barred.to_owned()),
            }
        };
        of_volumes.map(offer).chain(masks::offers(words)).collect()
    }

    /// Lets a model run, by `NAME@VERSION` or the newest of `NAME`.
    pub(crate) fn run(&self, gpu: &Arc<Gpu>, model: String, input: Input) {
        let job = queue::Job {
            model,
            input: Arc::new(input),
            gpu: gpu.clone(),
            folder: self.place.folder.clone(),
            trust: self.trust(),
        };
        Queue::add(&self.queue, job, &self.tell);
    }

    /// Nobody waits any more for what runs for a window, or waits to.
    pub(crate) fn stop(&self, window: WindowId) {
        self.queue.stop(window, &self.tell);
    }
}

impl Drop for Models {
    fn drop(&mut self) {
        self.queue.end();
    }
}
