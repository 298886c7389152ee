//! A series from its files: first image at once, then headers, then every slice straight into its place.
//!
//! Uncompressed slices are read into the volume itself and rescaled there: no second copy of the pixels is ever
//! in memory. Compressed files are read and decoded one at a time on each thread.

use crate::frame_file::FrameFile;
use crate::guard::check_size;
use crate::scan::{SeriesScan, scan_headers};
use crate::source::ByteSource;
use medsight_dicom::{FrameSlot, ImageInfo, SortedSeries, Stack, VolumeBuilder, VolumeLayout, sort_frames};
use medsight_image::{Frame, Volume};
use medsight_record::Refusal;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// How to load.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions {
    /// Threads; 0 for as many as there are processors, at least 2.
    pub threads: usize,
    /// The file whose image is delivered first; the middle one when `None`.
    pub first: Option<usize>,
}

/// What happened so far.
#[derive(Debug)]
pub enum LoadEvent {
    /// The first image, long before the rest.
    First {
        /// File it came from.
        file: usize,
        /// Frame inside the file.
        frame: usize,
        /// Its facts.
        image: Box<ImageInfo>,
        /// Its stored values.
        pixels: Frame,
    },
    /// So many headers are read.
    Headers {
        /// Files read.
        done: usize,
        /// Files in all.
        total: usize,
    },
    /// So many frames are in the volume.
    Frames {
        /// Frames read.
        done: usize,
        /// Frames in all.
        total: usize,
    },
}

/// A file that is no part of the series, and why.
#[derive(Clone, Debug)]
pub struct SkippedFile {
    /// Which one.
    pub file: usize,
    /// Why.
    pub refusal: Refusal,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seconds {
    /// Finding and reading headers.
    pub read: f64,
    /// Reading, decoding and rescaling pixels.
    pub decode: f64,
    /// Sorting, allocating and finishing the volume.
    pub assemble: f64,
}

/// A series in memory.
#[derive(Debug)]
pub struct LoadedSeries {
    /// Its images.
    pub images: Vec<ImageInfo>,
    /// For each image, its file.
    pub files: Vec<usize>,
    /// Stacks and volumes.
    pub sorted: SortedSeries,
    /// Stack index and its volume, or why it could not be built.
    pub volumes: Vec<(usize, Result<Volume, Refusal>)>,
    /// Files without an image of the series.
    pub skipped: Vec<SkippedFile>,
    /// Where the time went.
    pub seconds: Seconds,
}

/// Loads one series: the largest, when the files belong to several.
///
/// `on_event` is called from several threads. Setting `cancel` ends the work soon.
///
/// # Errors
/// `cancelled`; `empty` when no file has an image.
pub fn load_series(
    source: &dyn ByteSource,
    options: LoadOptions,
    on_event: &(dyn Fn(LoadEvent) + Sync),
    cancel: &AtomicBool,
) -> Result<LoadedSeries, Refusal> {
    deliver_first(source, options, on_event);
    let begun = Instant::now();
    let scan = scan_headers(source, options.threads, on_event, cancel)?;
    let read = begun.elapsed().as_secs_f64();
    let series = scan.series.into_iter().max_by_key(|s| s.images.len());
    let series = series.ok_or_else(|| Refusal::new("empty", "None of the files has an image."))?;

    let mut seconds = Seconds { read, ..Seconds::default() };
    let begun = Instant::now();
    let sorted = sort_frames(&series.images);
    seconds.assemble += begun.elapsed().as_secs_f64();
    let mut volumes = Vec::new();
    for (index, stack) in sorted.stacks.iter().enumerate() {
        if let medsight_dicom::StackKind::Volume(layout) = &stack.kind {
            let volume =
                build_volume(source, &series, stack, layout, options, on_event, cancel, &mut seconds);
            if matches!(&volume, Err(refusal) if refusal.code == "cancelled") {
                return Err(cancelled());
            }
            volumes.push((index, volume));
        }
    }
    Ok(LoadedSeries {
        images: series.images,
        files: series.files,
        sorted,
        volumes,
        skipped: scan.skipped,
        seconds,
    })
}

pub(crate) fn cancelled() -> Refusal {
    Refusal::new("cancelled", "Loading was cancelled.")
}

/// How many threads to use.
pub(crate) fn thread_count(asked: usize) -> usize {
    if asked > 0 { asked } else { std::thread::available_parallelism().map_or(2, |n| n.get().max(2)) }
}

/// Decodes one image before anything else is read. A file that cannot be shown is told by the scan.
fn deliver_first(source: &dyn ByteSource, options: LoadOptions, on_event: &(dyn Fn(LoadEvent) + Sync)) {
    let file = options.first.unwrap_or(source.len() / 2);
    let Ok(opened) = FrameFile::open(source, file) else { return };
    let Ok(image) = ImageInfo::read(opened.object()) else { return };
    let frame = image.encoded.frames / 2;
    let Ok(pixels) = opened.decode(source, frame) else { return };
    on_event(LoadEvent::First { file, frame, image: Box::new(image), pixels });
}

/// Builds the volume of one stack of a scanned series.
///
/// # Errors
/// The first frame that cannot be read decides; `cancelled`; `too_large`.
#[allow(clippy::too_many_arguments, reason = "what is loaded, from where, how, and who is told")]
pub fn build_volume(
    source: &dyn ByteSource,
    series: &SeriesScan,
    stack: &Stack,
    layout: &VolumeLayout,
    options: LoadOptions,
    on_event: &(dyn Fn(LoadEvent) + Sync),
    cancel: &AtomicBool,
    seconds: &mut Seconds,
) -> Result<Volume, Refusal> {
    let begun = Instant::now();
    let voxel_bytes = layout.dims.iter().map(|d| *d as u64).product::<u64>() * 2;
    let file_bytes: u64 = series.sizes.iter().sum();
    check_size(voxel_bytes, usize::try_from(file_bytes).unwrap_or(usize::MAX))?;
    let mut builder = VolumeBuilder::new(stack, layout, &series.images)?;
    let work =
        Work { source, series, on_event, cancel, total: stack.frames.len(), done: AtomicUsize::new(0) };
    let (native, by_file) = work.sort_slots(builder.slots());
    seconds.assemble += begun.elapsed().as_secs_f64();

    let begun = Instant::now();
    let threads = thread_count(options.threads);
    work.in_parallel(native, threads, |slot| work.fill_native(slot))?;
    let (single, several): (Vec<_>, Vec<_>) = by_file.into_iter().partition(|(_, slots)| slots.len() == 1);
    work.in_parallel(single, threads, |(image, slots)| work.fill_file(image, slots, 1))?;
    for (image, slots) in several {
        work.fill_file(image, slots, threads)?;
    }
    seconds.decode += begun.elapsed().as_secs_f64();

    let begun = Instant::now();
    let volume = builder.finish()?;
    seconds.assemble += begun.elapsed().as_secs_f64();
    Ok(volume)
}

struct Work<'w> {
    source: &'w dyn ByteSource,
    series: &'w SeriesScan,
    on_event: &'w (dyn Fn(LoadEvent) + Sync),
    cancel: &'w AtomicBool,
    total: usize,
    done: AtomicUsize,
}

impl Work<'_> {
    /// Slots that can be read in place, and the others by their file.
    fn sort_slots<'v>(
        &self,
        slots: Vec<FrameSlot<'v>>,
    ) -> (Vec<FrameSlot<'v>>, Vec<(usize, Vec<FrameSlot<'v>>)>) {
        let mut native = Vec::new();
        let mut by_file: BTreeMap<usize, Vec<FrameSlot<'v>>> = BTreeMap::new();
        for mut slot in slots {
            let image = slot.frame().image;
            if self.series.plain[image].is_some() && slot.raw_bytes().is_some() {
                native.push(slot);
            } else {
                by_file.entry(image).or_default().push(slot);
            }
        }
        (native, by_file.into_iter().collect())
    }

    /// Runs `each` over the items on several threads; the first refusal stops all.
    fn in_parallel<T: Send>(
        &self,
        items: Vec<T>,
        threads: usize,
        each: impl Fn(T) -> Result<(), Refusal> + Sync,
    ) -> Result<(), Refusal> {
        let threads = threads.min(items.len());
        let queue = Mutex::new(items.into_iter());
        let failed: Mutex<Option<Refusal>> = Mutex::new(None);
        let next = || queue.lock().ok()?.next();
        let run = || {
            while let Some(item) = next() {
                let result = if self.cancel.load(Ordering::Relaxed) { Err(cancelled()) } else { each(item) };
                if let Err(refusal) = result {
                    if let Ok(mut first) = failed.lock() {
                        first.get_or_insert(refusal);
                    }
                    return;
                }
                if failed.lock().is_ok_and(|f| f.is_some()) {
                    return;
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(run);
            }
            run();
        });
        failed.into_inner().ok().flatten().map_or(Ok(()), Err)
    }

    fn count(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        (self.on_event)(LoadEvent::Frames { done, total: self.total });
    }

    /// Pixels from the file into the volume, and rescaled there.
    fn fill_native(&self, mut slot: FrameSlot<'_>) -> Result<(), Refusal> {
        let at = slot.frame();
        let span = self.series.plain[at.image];
        if let Some((offset, bytes)) = span.zip(slot.raw_bytes()) {
            let offset = offset + (at.frame * bytes.len()) as u64;
            self.source
                .read_at(self.series.files[at.image], offset, bytes)
                .map_err(|error| unreadable(&error))?;
            slot.fill_in_place();
        }
        self.count();
        Ok(())
    }

    /// One file: opened, its frames read and decoded.
    fn fill_file(&self, image: usize, slots: Vec<FrameSlot<'_>>, threads: usize) -> Result<(), Refusal> {
        let opened = FrameFile::open(self.source, self.series.files[image])?;
        self.in_parallel(slots, threads, |slot| {
            let at = slot.frame();
            slot.fill(&opened.decode(self.source, at.frame)?)?;
            self.count();
            Ok(())
        })
    }
}

/// A file that cannot be read; the path stays out of the message.
pub(crate) fn unreadable(error: &std::io::Error) -> Refusal {
    Refusal::new("unreadable", format!("The file cannot be read: {}.", error.kind()))
}
