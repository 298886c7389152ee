//! The headers of many files, grouped into series. Of large files only the beginning is read.

use crate::frame_file::{FIRST_HEAD, HEAD_GROWTH};
use crate::load::{LoadEvent, SkippedFile, cancelled, thread_count, unreadable};
use crate::source::ByteSource;
use medsight_dicom::{ImageInfo, Object};
use medsight_record::Refusal;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The images of one series.
#[derive(Debug, Default)]
pub struct SeriesScan {
    /// Series Instance UID (0020,000E); empty when the files have none.
    pub uid: String,
    /// Facts of each image.
    pub images: Vec<ImageInfo>,
    /// For each image, its file.
    pub files: Vec<usize>,
    /// For each image, the length of its file in bytes.
    pub sizes: Vec<u64>,
    /// For each image, where its uncompressed little-endian samples begin, when they can be read in place.
    pub(crate) plain: Vec<Option<u64>>,
}

/// All series of some files.
#[derive(Debug, Default)]
pub struct Scan {
    /// By Series Instance UID.
    pub series: Vec<SeriesScan>,
    /// Files without an image, and why.
    pub skipped: Vec<SkippedFile>,
}

struct Header {
    image: ImageInfo,
    size: u64,
    plain: Option<u64>,
}

/// Reads all headers on several threads.
///
/// # Errors
/// `cancelled`. A file that cannot be used is in [`Scan::skipped`].
pub fn scan_headers(
    source: &dyn ByteSource,
    threads: usize,
    on_event: &(dyn Fn(LoadEvent) + Sync),
    cancel: &AtomicBool,
) -> Result<Scan, Refusal> {
    let total = source.len();
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, Result<Header, Refusal>)>> = Mutex::new(Vec::with_capacity(total));
    let run = || {
        let mut own = Vec::new();
        let mut buffer = Vec::new();
        while !cancel.load(Ordering::Relaxed) {
            let file = next.fetch_add(1, Ordering::Relaxed);
            if file >= total {
                break;
            }
            own.push((file, read_header(source, file, &mut buffer)));
            on_event(LoadEvent::Headers { done: done.fetch_add(1, Ordering::Relaxed) + 1, total });
        }
        if let Ok(mut found) = found.lock() {
            found.append(&mut own);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..thread_count(threads).min(total) {
            scope.spawn(run);
        }
        run();
    });
    if cancel.load(Ordering::Relaxed) {
        return Err(cancelled());
    }
    let mut found = found.into_inner().unwrap_or_default();
    found.sort_by_key(|(file, _)| *file);
    Ok(grouped(found))
}

fn grouped(found: Vec<(usize, Result<Header, Refusal>)>) -> Scan {
    let mut skipped = Vec::new();
    // Images of two patients are never one series, whatever their UID says.
    let mut series: BTreeMap<(String, [String; 3]), SeriesScan> = BTreeMap::new();
    for (file, header) in found {
        match header {
            Err(refusal) => skipped.push(SkippedFile { file, refusal }),
            Ok(header) => {
                let uid = header.image.series_uid.clone();
                let of = (uid.clone(), header.image.patient.clone());
                let into = series.entry(of).or_insert_with(|| SeriesScan { uid, ..SeriesScan::default() });
                into.images.push(header.image);
                into.files.push(file);
                into.sizes.push(header.size);
                into.plain.push(header.plain);
            }
        }
    }
    Scan { series: series.into_values().collect(), skipped }
}

fn read_header(source: &dyn ByteSource, file: usize, buffer: &mut Vec<u8>) -> Result<Header, Refusal> {
    let size = source.size(file).map_err(|error| unreadable(&error))?;
    let mut head = FIRST_HEAD;
    while head < size {
        buffer.resize(head as usize, 0);
        source.read_at(file, 0, buffer).map_err(|error| unreadable(&error))?;
        // Whatever is wrong with the beginning alone may be right with the whole file.
        let header = Object::parse(buffer).and_then(|object| header_of(&object, size, false));
        if let Ok(Some(header)) = header {
            return Ok(header);
        }
        head = head.saturating_mul(HEAD_GROWTH);
    }
    let bytes = source.read(file).map_err(|error| unreadable(&error))?;
    let object = Object::from_vec(bytes)?;
    header_of(&object, size, true)?.ok_or_else(|| {
        Refusal::new("no_pixels", "The object has no Pixel Data (7FE0,0010): it is a document, not an image.")
    })
}

/// The header, or `None` when the pixel data are not in the bytes at hand.
fn header_of(object: &Object<'_>, size: u64, whole: bool) -> Result<Option<Header>, Refusal> {
    let Some(span) = object.pixel_span() else { return Ok(None) };
    if whole {
        object.check_pixel_data_whole()?;
    } else if span.native && span.start + span.announced > size {
        return Ok(None); // cut off: the whole file says so in words
    }
    let image = ImageInfo::read(object)?;
    if image.overlays_wait_for_pixels && !whole {
        return Ok(None);
    }
    let plain = span.plain
        && image.encoded.bits_allocated == 16
        && image.encoded.is_grey()
        && image.encoded.native_bytes() <= span.announced;
    Ok(Some(Header { plain: plain.then_some(span.start), image, size }))
}
