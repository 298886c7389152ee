//! The reader: single frames, the ones wanted last first, and thumbnails when nobody waits.

use std::sync::{Arc, Condvar, Mutex};

use medsight_codec::{ByteSource, FrameFile};
use medsight_dicom::ImageInfo;
use medsight_image::Frame;
use medsight_record::Refusal;

use super::{FoundSlice, News, Tell, Wanted};
use crate::thumbnail;

pub(super) struct Reader {
    pub(super) source: Arc<dyn ByteSource + Send + Sync>,
    pub(super) tell: Tell,
    pub(super) wanted: Arc<(Mutex<Wanted>, Condvar)>,
}

/// A file that was opened, and how its frames are shown.
struct Opened {
    file: FrameFile,
    image: ImageInfo,
}

enum Task {
    Frame(usize, usize, Box<FoundSlice>),
    Thumbnail(usize, Box<FoundSlice>),
}

impl Reader {
    pub(super) fn run(self) {
        // The file opened last: the frames of a multi-frame object come one after the other.
        let mut last: Option<Opened> = None;
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

    fn decode(&self, slice: &FoundSlice, last: &mut Option<Opened>) -> Result<Frame, Refusal> {
        let opened = match last.take().filter(|opened| opened.file.file() == slice.file) {
            Some(opened) => opened,
            None => {
                let file = FrameFile::open(&*self.source, slice.file)?;
                let image = ImageInfo::read(file.object())?;
                Opened { file, image }
            }
        };
        let Opened { file, image } = last.insert(opened);
        file.decode_shown(&*self.source, image, slice.frame)
    }
}
