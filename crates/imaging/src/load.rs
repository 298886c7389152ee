//! Loads a study in the background: first one image, then headers, then pictures, frames and volumes as asked.
//!
//! Two threads a study. The *scout* reads the first image, sorts the series and builds volumes; the *reader*
//! decodes single frames, the ones wanted last first, and thumbnails when nobody waits. The window never waits.
//! Both threads and the list of wishes between them are one thing: apart they could not be read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use medsight_base::{InstanceUid, SeriesUid, StudyUid};
use medsight_codec::{
    ByteSource, FrameDecoder, LoadOptions, SeriesScan, SkippedFile, build_volume, scan_headers,
};
use medsight_dicom::derived::NotShown;
use medsight_dicom::{ImageInfo, Object, Stack, StackKind, instance_record, sort_frames};
use medsight_image::{Frame, Photometric, Volume, VolumeWarning};
use medsight_record::{Annotation, Manifest, Patient, Refusal};
use medsight_viewport::{LayerSet, Look, SliceFacts};

use crate::facts;
use crate::source::Part;
use crate::thumbnail;
use crate::{layers, looks};

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

/// A study that is being loaded; dropped, it stops.
pub(crate) struct Loader {
    wanted: Arc<(Mutex<Wanted>, Condvar)>,
    cancel: Arc<AtomicBool>,
}

/// Sends news to the window; must not block.
pub(crate) type Tell = Arc<dyn Fn(News) + Send + Sync>;

/// Sorted series with what is needed to build their volumes.
struct Sorted {
    scan: Arc<SeriesScan>,
    stack: Stack,
}

impl Loader {
    /// Loads a study. `manifest` says which file belongs to which series, where the desk knows it.
    pub(crate) fn start(
        source: Arc<dyn ByteSource + Send + Sync>,
        manifest: Option<Manifest>,
        tell: Tell,
    ) -> Self {
        let wanted: Arc<(Mutex<Wanted>, Condvar)> = Arc::default();
        let cancel = Arc::new(AtomicBool::new(false));
        let loader = Self { wanted: wanted.clone(), cancel: cancel.clone() };
        let reader = Reader { source: source.clone(), tell: tell.clone(), wanted: wanted.clone() };
        spawn("reader", move || reader.run());
        spawn("scout", move || Scout { source, manifest, tell, wanted, cancel }.run());
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

struct Scout {
    source: Arc<dyn ByteSource + Send + Sync>,
    manifest: Option<Manifest>,
    tell: Tell,
    wanted: Arc<(Mutex<Wanted>, Condvar)>,
    cancel: Arc<AtomicBool>,
}

impl Scout {
    fn run(self) {
        self.first();
        let (found, sorted) = match &self.manifest {
            Some(manifest) => self.by_manifest(manifest),
            None => self.by_scan(),
        };
        if found.is_empty() {
            return;
        }
        loop {
            let next = {
                let Ok(mut wanted) = self.wanted.0.lock() else { return };
                loop {
                    if wanted.quit {
                        return;
                    }
                    if let Some(series) = wanted.volumes.pop_front() {
                        break series;
                    }
                    let Ok(again) = self.wanted.1.wait(wanted) else { return };
                    wanted = again;
                }
            };
            if let Some(sorted) = sorted.get(next) {
                self.build(next, sorted);
            }
        }
    }

    /// The files that may hold the first image: the middle one, then from the start.
    fn candidates(&self) -> Vec<usize> {
        let with_pixels: Vec<usize> = match &self.manifest {
            Some(m) => {
                let largest = m.series.iter().max_by_key(|s| s.frame_count).map(|s| s.uid.clone());
                let of_series = m
                    .instances
                    .iter()
                    .enumerate()
                    .filter(|(_, i)| i.frames > 0 && Some(&i.series) == largest.as_ref());
                of_series.map(|(i, _)| i).collect()
            }
            None => (0..self.source.len()).collect(),
        };
        let middle = with_pixels.get(with_pixels.len() / 2).copied();
        middle.into_iter().chain(with_pixels.into_iter().take(3)).collect()
    }

    fn first(&self) {
        for file in self.candidates() {
            let Ok(bytes) = self.source.read(file) else { continue };
            let Ok(object) = Object::from_vec(bytes) else { continue };
            let Ok(image) = ImageInfo::read(&object) else { continue };
            let frame_number = image.encoded.frames / 2;
            let Ok(frame) = FrameDecoder::new(&object).and_then(|d| d.decode(frame_number)) else { continue };
            let facts = Arc::new(facts::of_frame(&image, frame_number));
            let (study, mut series) = describe(&object, &image);
            series.photometric = frame.photometric;
            series.slices =
                vec![FoundSlice { instance: instance_of(&image, file), frame: frame_number, file, facts }];
            (self.tell)(News::First {
                study: Box::new(study),
                series: Box::new(series),
                frame: Arc::new(frame),
            });
            return;
        }
    }

    /// Alone: nobody knows which file is what, so all headers are read.
    fn by_scan(&self) -> (Vec<FoundSeries>, Vec<Sorted>) {
        let scan = match scan_headers(self.source.as_ref(), 0, &|_| {}, &self.cancel) {
            Ok(scan) => scan,
            Err(_) => return Default::default(),
        };
        // Segmentations and structure sets lie on the images; those that are no such layers stay what they were.
        let is_document = |s: &&SkippedFile| s.refusal.code == "no_pixels";
        let documents: Vec<usize> = scan.skipped.iter().filter(is_document).map(|s| s.file).collect();
        let of_segmentations = |s: &SeriesScan| {
            s.images.iter().all(|image| layers::LAYER_MODALITIES.contains(&image.modality.as_str()))
        };
        let masks = scan.series.iter().filter(|s| of_segmentations(s)).flat_map(|s| s.files.clone());
        let shown = self.show_layers(documents.iter().copied().chain(masks).collect());
        let frames_of_reference = scan.series.iter().filter_map(|s| {
            let uid = SeriesUid::parse(&s.uid).ok()?;
            Some((s.images.first()?.frame_of_reference.clone(), uid))
        });
        let read = self.show_reports(&documents, &frames_of_reference.collect::<Vec<_>>());
        let is_shown = |file: &usize| shown.contains(file) || read.contains(file);
        let skipped: Vec<_> = scan.skipped.iter().filter(|s| !is_shown(&s.file)).cloned().collect();
        let only_layers = |s: &SeriesScan| s.files.iter().all(|file| shown.contains(file));
        let has_images = scan.series.iter().any(|s| !only_layers(s));
        self.refuse(self.source.as_ref(), &skipped);
        if scan.series.is_empty() {
            let why = scan.skipped.first().map_or_else(no_images, |s| s.refusal.clone());
            (self.tell)(News::Nothing(why));
            return Default::default();
        }
        let (mut found, mut sorted) = (Vec::new(), Vec::new());
        for series in scan.series.into_iter().filter(|s| !has_images || !only_layers(s)) {
            let files = series.files.clone();
            self.sort(series, &files, None, &mut found, &mut sorted);
        }
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by_key(|i| {
            (found[*i].number.unwrap_or(i32::MAX), std::cmp::Reverse(found[*i].slices.len()))
        });
        let mut sorted: Vec<Option<Sorted>> = sorted.into_iter().map(Some).collect();
        let found: Vec<FoundSeries> = order.iter().map(|i| found[*i].clone()).collect();
        let sorted = order.iter().filter_map(|i| sorted[*i].take()).collect();
        self.publish(&found, true);
        (found, sorted)
    }

    /// With the desk: series by series, as the manifest lists them.
    fn by_manifest(&self, manifest: &Manifest) -> (Vec<FoundSeries>, Vec<Sorted>) {
        let is_layer = |series: &SeriesUid| {
            let modality = manifest.series.iter().find(|s| s.uid == *series).map(|s| s.modality.as_str());
            modality.is_some_and(|modality| layers::LAYER_MODALITIES.contains(&modality))
        };
        let derived = manifest.instances.iter().enumerate().filter(|(_, i)| is_layer(&i.series));
        let shown = self.show_layers(derived.map(|(file, _)| file).collect());
        let has_images = manifest.instances.iter().any(|i| i.frames > 0 && !is_layer(&i.series));
        let mut files: BTreeMap<&SeriesUid, Vec<usize>> = BTreeMap::new();
        let images = manifest.instances.iter().enumerate().filter(|(_, i)| i.frames > 0);
        for (i, instance) in images.filter(|(i, _)| !has_images || !shown.contains(i)) {
            files.entry(&instance.series).or_default().push(i);
        }
        let (mut found, mut sorted) = (Vec::new(), Vec::new());
        let mut refused = None;
        for series in &manifest.series {
            let Some(files) = files.get(&series.uid) else { continue };
            let part = Part { whole: self.source.as_ref(), files };
            let Ok(scan) = scan_headers(&part, 0, &|_| {}, &self.cancel) else { return Default::default() };
            if let Some(skipped) = scan.skipped.first() {
                refused = Some(skipped.refusal.clone());
            }
            self.refuse(&part, &scan.skipped);
            for one in scan.series {
                self.sort(one, files, Some(series), &mut found, &mut sorted);
            }
        }
        let is_report = |i: &medsight_record::ManifestInstance| {
            manifest.series.iter().any(|s| s.uid == i.series && matches!(s.modality.as_str(), "SR" | "PR"))
        };
        let reports = manifest.instances.iter().enumerate().filter(|(_, i)| is_report(i));
        let reports: Vec<usize> = reports.map(|(file, _)| file).collect();
        let frames_of_reference: Vec<_> =
            found.iter().map(|s| (s.frame_of_reference.clone(), s.uid.clone())).collect();
        self.show_reports(&reports, &frames_of_reference);
        if found.is_empty() {
            (self.tell)(News::Nothing(refused.unwrap_or_else(no_images)));
        } else {
            self.publish(&found, true);
        }
        (found, sorted)
    }

    /// Reads these files as layers and gives them to the window. Those that are none, or cannot be used, are not in
    /// the answer.
    fn show_layers(&self, files: Vec<usize>) -> Vec<usize> {
        let (mut shown, mut found, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for file in files {
            if self.cancel.load(Ordering::SeqCst) {
                break;
            }
            let object = self.source.read(file).ok().and_then(|bytes| Object::from_vec(bytes).ok());
            match object.as_ref().and_then(layers::of_object) {
                Some(Ok(one)) => {
                    shown.push(file);
                    found.push(one);
                }
                Some(Err(refusal)) => refused.push((self.source.name(file), refusal)),
                None => {}
            }
        }
        if !found.is_empty() {
            (self.tell)(News::Layers(layers::sets(found)));
        }
        if !refused.is_empty() {
            (self.tell)(News::Refused(refused));
        }
        shown
    }

    /// Reads these files as measurement reports and presentation states and gives them to the window; the answer is
    /// the files that were such. `frames_of_reference` with the series that have them.
    fn show_reports(&self, files: &[usize], frames_of_reference: &[(String, SeriesUid)]) -> Vec<usize> {
        let series_of = |frame: &str| {
            frames_of_reference.iter().find(|(known, _)| known == frame).map(|(_, series)| series.clone())
        };
        let (mut read, mut all, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        let mut found_looks = Vec::new();
        for file in files {
            let object = self.source.read(*file).ok().and_then(|bytes| Object::from_vec(bytes).ok());
            let Some(object) = object else { continue };
            match looks::of_object(&object) {
                Some(Ok(look)) => {
                    read.push(*file);
                    found_looks.push(look);
                    continue;
                }
                Some(Err(refusal)) => {
                    read.push(*file);
                    refused.push((self.source.name(*file), refusal));
                    continue;
                }
                None => {}
            }
            let Some(found) = layers::measured_in(&object, &series_of) else { continue };
            read.push(*file);
            let name = self.source.name(*file);
            let no_form = |n: NotShown| (format!("{name}: {}", n.label), Refusal::new("no_form", n.reason));
            refused.extend(found.not_shown.into_iter().map(no_form));
            all.extend(found.annotations);
        }
        if !found_looks.is_empty() {
            (self.tell)(News::Looks(found_looks));
        }
        if !all.is_empty() {
            (self.tell)(News::Reported(all));
        }
        if !refused.is_empty() {
            (self.tell)(News::Refused(refused));
        }
        read
    }

    /// Names the files that can't be shown.
    fn refuse(&self, source: &dyn ByteSource, skipped: &[SkippedFile]) {
        if !skipped.is_empty() {
            let named = |s: &SkippedFile| (source.name(s.file), s.refusal.clone());
            (self.tell)(News::Refused(skipped.iter().map(named).collect()));
        }
    }

    /// Sorts one series into stacks; `files` numbers its files in the whole source.
    fn sort(
        &self,
        mut scan: SeriesScan,
        files: &[usize],
        record: Option<&medsight_record::SeriesRecord>,
        found: &mut Vec<FoundSeries>,
        sorted: &mut Vec<Sorted>,
    ) {
        if record.is_some() {
            scan.files = scan.files.iter().map(|f| files[*f]).collect();
        }
        let mut base = match record {
            Some(r) => FoundSeries {
                study: None,
                uid: r.uid.clone(),
                number: r.number,
                modality: r.modality.clone(),
                description: r.description.clone(),
                frame_of_reference: scan.images[0].frame_of_reference.clone(),
                slices: Vec::new(),
                no_volume: None,
                warnings: Vec::new(),
                photometric: Photometric::Monochrome2,
            },
            None => match self.source.read(scan.files[0]).ok().and_then(|b| Object::from_vec(b).ok()) {
                Some(object) => {
                    let (study, series) = describe(&object, &scan.images[0]);
                    FoundSeries { study: Some(study), ..series }
                }
                None => return,
            },
        };
        if scan.images.iter().all(|i| i.encoded.photometric == "MONOCHROME1") {
            base.photometric = Photometric::Monochrome1;
        }
        let facts: Vec<Vec<Arc<SliceFacts>>> = scan.images.iter().map(facts::of_frames).collect();
        let stacks = sort_frames(&scan.images).stacks;
        let scan = Arc::new(scan);
        // Stacks that are only pages are read as one; each volume stands alone.
        let (volumes, pages): (Vec<Stack>, Vec<Stack>) =
            stacks.into_iter().partition(|s| matches!(s.kind, StackKind::Volume(_)));
        let merged = pages.into_iter().reduce(|mut all, more| {
            all.frames.extend(more.frames);
            all
        });
        for stack in volumes.into_iter().chain(merged) {
            let slices = stack.frames.iter().map(|at| FoundSlice {
                instance: instance_of(&scan.images[at.image], scan.files[at.image]),
                frame: at.frame,
                file: scan.files[at.image],
                facts: facts[at.image][at.frame].clone(),
            });
            let (no_volume, warnings) = match &stack.kind {
                StackKind::Volume(layout) => (None, layout.warnings.clone()),
                StackKind::Pages { code, why_not } => (Some(Refusal::new(*code, why_not)), Vec::new()),
            };
            found.push(FoundSeries { slices: slices.collect(), no_volume, warnings, ..base.clone() });
            sorted.push(Sorted { scan: scan.clone(), stack });
        }
    }

    fn publish(&self, found: &[FoundSeries], complete: bool) {
        if let Ok(mut wanted) = self.wanted.0.lock() {
            wanted.series = Arc::new(found.to_vec());
            wanted.thumbnails = (0..found.len()).collect();
        }
        self.wanted.1.notify_all();
        (self.tell)(News::Series { series: found.to_vec(), complete });
    }

    fn build(&self, index: usize, sorted: &Sorted) {
        let StackKind::Volume(layout) = &sorted.stack.kind else { return };
        let told = std::sync::atomic::AtomicUsize::new(0);
        let on_event = |event: medsight_codec::LoadEvent| {
            if let medsight_codec::LoadEvent::Frames { done, total } = event {
                let percent = done * 20 / total.max(1);
                if told.fetch_max(percent, Ordering::Relaxed) < percent {
                    (self.tell)(News::Building { series: index, share: done as f32 / total.max(1) as f32 });
                }
            }
        };
        let mut seconds = medsight_codec::Seconds::default();
        let built = build_volume(
            self.source.as_ref(),
            &sorted.scan,
            &sorted.stack,
            layout,
            LoadOptions::default(),
            &on_event,
            &self.cancel,
            &mut seconds,
        );
        let mut holds_slices = true;
        let volume = match built {
            Ok(volume) => {
                let offsets = volume.slice_offsets_mm.clone();
                let even = medsight_image::regular::regular(volume);
                holds_slices = even.slice_offsets_mm == offsets;
                Ok(Arc::new(even))
            }
            Err(refusal) if refusal.code == "cancelled" => return,
            Err(refusal) => Err(refusal),
        };
        (self.tell)(News::Volume { series: index, volume, holds_slices });
    }
}

/// What a study without a single image is told.
fn no_images() -> Refusal {
    Refusal::new("empty", "None of the files has an image.")
}

fn instance_of(image: &ImageInfo, file: usize) -> InstanceUid {
    // Files without a UID are told apart by their place in the list; such measurements are never kept.
    InstanceUid::parse(&image.instance_uid)
        .unwrap_or_else(|_| InstanceUid(medsight_base::Uid::from_uuid(file as u128)))
}

fn describe(object: &Object<'_>, image: &ImageInfo) -> (FoundStudy, FoundSeries) {
    let record = instance_record(object).ok();
    let series =
        SeriesUid::parse(&image.series_uid).unwrap_or_else(|_| SeriesUid(medsight_base::Uid::from_uuid(0)));
    let study = record.as_ref().map_or_else(FoundStudy::default, |r| FoundStudy {
        uid: Some(r.study.clone()),
        patient: r.patient.clone(),
        description: r.study_description.clone(),
        date: r.study_date,
    });
    let series = FoundSeries {
        study: None,
        uid: series,
        number: record.as_ref().and_then(|r| r.series_number),
        modality: image.modality.clone(),
        description: record.map(|r| r.series_description).unwrap_or_default(),
        frame_of_reference: image.frame_of_reference.clone(),
        slices: Vec::new(),
        no_volume: None,
        warnings: Vec::new(),
        photometric: Photometric::Monochrome2,
    };
    (study, series)
}

struct Reader {
    source: Arc<dyn ByteSource + Send + Sync>,
    tell: Tell,
    wanted: Arc<(Mutex<Wanted>, Condvar)>,
}

enum Task {
    Frame(usize, usize, Box<FoundSlice>),
    Thumbnail(usize, Box<FoundSlice>),
}

impl Reader {
    fn run(self) {
        // The file read last: the frames of a multi-frame object come one after the other.
        let mut last: Option<(usize, Object<'static>)> = None;
        while let Some(task) = self.next() {
            let slice = match &task {
                Task::Frame(_, _, slice) => slice,
                Task::Thumbnail(_, slice) => slice,
            };
            let decoded = self.decode(slice, &mut last);
            match task {
                Task::Frame(series, slice, _) => {
                    (self.tell)(News::Frame { series, slice, frame: decoded.map(Arc::new) })
                }
                Task::Thumbnail(series, slice) => {
                    let Ok(frame) = decoded else { continue };
                    let (rgba, size) = thumbnail::draw(&frame, &slice.facts, 128);
                    (self.tell)(News::Thumbnail { series, rgba, size });
                }
            }
        }
    }

    fn next(&self) -> Option<Task> {
        let mut wanted = self.wanted.0.lock().ok()?;
        loop {
            if wanted.quit {
                return None;
            }
            let slice_of = |w: &Wanted, series: usize, slice: usize| {
                Some(w.series.get(series)?.slices.get(slice)?.clone())
            };
            if let Some((series, slice)) = wanted.frames.pop_front() {
                match slice_of(&wanted, series, slice) {
                    Some(found) => return Some(Task::Frame(series, slice, Box::new(found))),
                    None => continue,
                }
            }
            if let Some(series) = wanted.thumbnails.pop_front() {
                let middle = wanted.series.get(series).map_or(0, |s| s.slices.len() / 2);
                match slice_of(&wanted, series, middle) {
                    Some(found) => return Some(Task::Thumbnail(series, Box::new(found))),
                    None => continue,
                }
            }
            wanted = self.wanted.1.wait(wanted).ok()?;
        }
    }

    fn decode(
        &self,
        slice: &FoundSlice,
        last: &mut Option<(usize, Object<'static>)>,
    ) -> Result<Frame, Refusal> {
        if last.as_ref().is_none_or(|(file, _)| *file != slice.file) {
            *last = None;
            let bytes = self
                .source
                .read(slice.file)
                .map_err(|e| Refusal::new("unreadable", format!("The file cannot be read: {}.", e.kind())))?;
            let object = Object::from_vec(bytes)?;
            *last = Some((slice.file, object));
        }
        let Some((_, object)) = last else { return Err(no_images()) };
        FrameDecoder::new(object).and_then(|d| d.decode(slice.frame))
    }
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
        let _loader = Loader::start(source, None, tell);
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
        let _loader = Loader::start(Arc::new(FolderSource::new(files)), None, tell);
        let refused = receive.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
        let (_, why) = refused.iter().find(|(name, _)| name == "rescale_slope_unreadable.dcm").unwrap();
        assert!(why.reason.contains("Rescale Slope (0028,1053)"), "{why:?}");
    }
}
