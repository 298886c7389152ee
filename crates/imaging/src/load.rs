//! Loads a study in the background: first one image, then headers, then pictures, frames and volumes as asked.
//!
//! Two threads a study. The *scout* reads the first image, sorts the series and builds volumes; the *reader*
//! decodes single frames, the ones wanted last first, and thumbnails when nobody waits. The window never waits.
//! Here is what passes between them and the window; each thread has a file of its own.

mod derived;
mod reader;
mod scout;
mod tools;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use medsight_base::{InstanceUid, SeriesUid, StudyUid};
use medsight_codec::ByteSource;
use medsight_image::centerline::Centerline;
use medsight_image::click_segment::{Click, from_clicks_by};
use medsight_image::curved::CurvedImage;
use medsight_image::geodesic::Spreader;
use medsight_image::register::Registration;
use medsight_image::work::{ToolError, Work};
use medsight_image::{Frame, Photometric, Volume, VolumeWarning};
use medsight_record::{Annotation, Patient, Refusal};
use medsight_viewport::{CurvedAsk, LayerSet, Look, Page, SliceFacts, SolidsOf};

use reader::Reader;
use scout::Scout;

use crate::studies::Studies;

/// A slice of a series as it was found: file and frame in it.
#[derive(Clone, Debug)]
pub(crate) struct FoundSlice {
    pub(crate) instance: InstanceUid,
    pub(crate) frame: usize,
    pub(crate) file: usize,
    pub(crate) facts: Arc<SliceFacts>,
}

/// A stack of a series.
#[derive(Clone, Debug)]
pub(crate) struct FoundSeries {
    /// Whose it is, as its own files say; `None` where the desk has said it.
    pub(crate) study: Option<FoundStudy>,
    pub(crate) uid: SeriesUid,
    pub(crate) number: Option<i32>,
    pub(crate) modality: String,
    pub(crate) description: String,
    pub(crate) frame_of_reference: String,
    pub(crate) slices: Vec<FoundSlice>,
    /// Why there is no volume; `None` when there can be one.
    pub(crate) no_volume: Option<Refusal>,
    pub(crate) warnings: Vec<VolumeWarning>,
    /// Samples are MONOCHROME1.
    pub(crate) photometric: Photometric,
    /// It has no images but is a page.
    pub(crate) page: Option<Arc<Page>>,
}

/// What is told about a study in front of its pixels.
#[derive(Clone, Debug, Default)]
pub(crate) struct FoundStudy {
    pub(crate) uid: Option<StudyUid>,
    pub(crate) patient: Patient,
    pub(crate) description: String,
    pub(crate) date: Option<medsight_base::DicomDate>,
}

/// News from the background.
pub(crate) enum News {
    /// The first image, before anything else is known.
    First { study: Box<FoundStudy>, series: Box<FoundSeries>, frame: Arc<Frame> },
    /// The series of the study, sorted. Replaces all that was there. The last message has `complete`.
    Series { series: Vec<FoundSeries>, complete: bool },
    /// A frame, or why it is refused.
    Frame { series: usize, slice: usize, frame: Result<Arc<Frame>, Refusal> },
    /// A thumbnail: RGBA, width, height.
    Thumbnail { series: usize, rgba: Vec<u8>, size: [usize; 2] },
    /// Share of a volume that is read.
    Building { series: usize, share: f32 },
    /// A volume, or why there is none. `holds_slices` when its slices are the stored images; it was made even
    /// where the slice distance is not, and then they are not.
    Volume { series: usize, volume: Result<Arc<Volume>, Refusal>, holds_slices: bool },
    /// Segmentations and structure sets.
    Layers(Vec<LayerSet>),
    /// Labels of the layers that lie in a volume; `None` when there are none.
    Solids { series: usize, made: Option<SolidsOf> },
    /// What was clicked on: the voxels of the volume, or why nothing was found.
    Outlined { turn: u64, volume: Arc<Volume>, found: Result<Vec<bool>, String> },
    /// How far the light box's job is.
    JobAt { turn: u64, part: f32 },
    /// The centre line that was asked for.
    Traced { turn: u64, found: Result<Centerline, ToolError> },
    /// Where the prior lies.
    Aligned { turn: u64, found: Result<Registration, ToolError> },
    /// The picture along a line.
    Curved { of: Box<CurvedAsk>, made: Result<CurvedImage, ToolError> },
    /// Presentation states.
    Looks(Vec<Look>),
    /// What reports of the study measured.
    Reported(Vec<Annotation>),
    /// Files that are refused: name and reason.
    Refused(Vec<(String, Refusal)>),
    /// Nothing can be shown.
    Nothing(Refusal),
}

/// What the reader thread has to do; the window writes it anew whenever it changes.
#[derive(Default)]
struct Wanted {
    frames: VecDeque<(usize, usize)>,
    thumbnails: VecDeque<usize>,
    volumes: VecDeque<usize>,
    series: Arc<Vec<FoundSeries>>,
    quit: bool,
}

/// What is there already, and what is still to come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stage {
    /// The window shows an image of the study.
    pub(crate) is_shown: bool,
    /// More files are on their way: what lies on the images is read when all are there.
    pub(crate) is_arriving: bool,
}

/// A study that is being loaded; dropped, it stops.
pub(crate) struct Loader {
    /// The files.
    pub(crate) source: Arc<dyn ByteSource + Send + Sync>,
    wanted: Arc<(Mutex<Wanted>, Condvar)>,
    cancel: Arc<AtomicBool>,
    tell: Tell,
}

/// Sends news to the window; must not block.
pub(crate) type Tell = Arc<dyn Fn(News) + Send + Sync>;

impl Loader {
    /// Loads a study, and others beside it. `studies` says which file belongs to which series, where the desk knows it.
    pub(crate) fn start(
        source: Arc<dyn ByteSource + Send + Sync>,
        studies: Option<Studies>,
        stage: Stage,
        tell: Tell,
    ) -> Self {
        let wanted: Arc<(Mutex<Wanted>, Condvar)> = Arc::default();
        let cancel = Arc::new(AtomicBool::new(false));
        let loader = Self {
            source: source.clone(),
            wanted: wanted.clone(),
            cancel: cancel.clone(),
            tell: tell.clone(),
        };
        let reader = Reader { source: source.clone(), tell: tell.clone(), wanted: wanted.clone() };
        spawn("reader", move || reader.run());
        spawn("scout", move || Scout { source, studies, stage, tell, wanted, cancel }.run());
        loader
    }

    /// The frames the window waits for, most urgent first; replaces what was wanted before.
    pub(crate) fn want_frames(&self, frames: Vec<(usize, usize)>) {
        self.change(|w| w.frames = frames.into());
    }

    /// The volume of a series.
    pub(crate) fn want_volume(&self, series: usize) {
        self.change(|w| {
            if !w.volumes.contains(&series) {
                w.volumes.push_back(series);
            }
        });
    }

    /// The labels of layer sets in the volume of a series, made on the pool.
    pub(crate) fn want_solids(&self, series: usize, volume: Arc<Volume>, sets: Vec<(usize, LayerSet)>) {
        let (tell, cancel) = (self.tell.clone(), self.cancel.clone());
        rayon::spawn(move || {
            let made = crate::solids::of_sets(&volume, &sets);
            if !cancel.load(Ordering::SeqCst) {
                tell(News::Solids { series, made });
            }
        });
    }

    /// What is clicked on in a volume, found on the pool; costs by `spreader` where there is a graphics card.
    pub(crate) fn want_outline(
        &self,
        turn: u64,
        volume: Arc<Volume>,
        clicks: Vec<Click>,
        size: f32,
        spreader: Option<Arc<dyn Spreader>>,
    ) {
        /// No further than this from the clicks, millimetres; where it stops is decided by the image long before.
        const REACH_MM: f64 = 250.0;
        let (tell, cancel) = (self.tell.clone(), self.cancel.clone());
        rayon::spawn(move || {
            let is_over = || cancel.load(Ordering::SeqCst);
            let work = Work::new(&|_| (), &is_over);
            let found = from_clicks_by(&volume, &clicks, REACH_MM, spreader.as_deref(), &work);
            let found = found.map(|found| found.mask(size).inside).map_err(|error| error.code().to_owned());
            if !is_over() {
                tell(News::Outlined { turn, volume, found });
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Wanted)) {
        if let Ok(mut wanted) = self.wanted.0.lock() {
            change(&mut wanted);
        }
        self.wanted.1.notify_all();
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::SeqCst);
        self.change(|w| w.quit = true);
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) {
    // Without a thread there is no picture, and the window says that it is loading.
    let _ = std::thread::Builder::new().name(name.to_owned()).spawn(run);
}

/// What a study without a single image is told.
fn no_images() -> Refusal {
    Refusal::new("empty", "None of the files has an image.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use std::sync::atomic::AtomicU64;
    use std::sync::mpsc::channel;

    use medsight_codec::FolderSource;

    /// Counts the bytes that were read.
    struct Counted {
        files: FolderSource,
        read: Arc<AtomicU64>,
    }

    impl ByteSource for Counted {
        fn len(&self) -> usize {
            self.files.len()
        }

        fn size(&self, file: usize) -> std::io::Result<u64> {
            self.files.size(file)
        }

        fn read_at(&self, file: usize, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
            self.read.fetch_add(into.len() as u64, Ordering::SeqCst);
            self.files.read_at(file, offset, into)
        }

        fn read(&self, file: usize) -> std::io::Result<Vec<u8>> {
            self.read.fetch_add(self.files.size(file)?, Ordering::SeqCst);
            self.files.read(file)
        }
    }

    #[test]
    fn the_first_image_is_ready_before_a_twentieth_of_the_series_is_read() {
        let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/samples/studies/mr_head_t1_3d");
        let files = FolderSource::new(crate::source::files_under(&[samples.into()]));
        let total: u64 = (0..files.len()).map(|file| files.size(file).unwrap()).sum();
        let read = Arc::new(AtomicU64::new(0));
        let source = Arc::new(Counted { files, read: read.clone() });
        let (send, receive) = channel();
        let tell: Tell = Arc::new(move |news| {
            if matches!(news, News::First { .. }) {
                let _ = send.send(read.load(Ordering::SeqCst));
            }
        });
        let _loader = Loader::start(source, None, Stage::default(), tell);
        let before_first = receive.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
        assert!(before_first * 20 < total, "{before_first} of {total} bytes");
    }

    #[test]
    fn files_that_cannot_be_shown_are_named_beside_those_that_can() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus");
        let files = crate::source::files_under(&[corpus.into()]);
        let (send, receive) = channel();
        let tell: Tell = Arc::new(move |news| {
            if let News::Refused(files) = news {
                let _ = send.send(files);
            }
        });
        let _loader = Loader::start(Arc::new(FolderSource::new(files)), None, Stage::default(), tell);
        let refused = receive.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
        let (_, why) = refused.iter().find(|(name, _)| name == "rescale_slope_unreadable.dcm").unwrap();
        assert!(why.reason.contains("Rescale Slope (0028,1053)"), "{why:?}");
    }
}
