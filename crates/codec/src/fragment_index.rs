//! Where the compressed frames of a large file lie, found without reading them: by the basic or the extended offset
//! table (PS3.5 A.4, PS3.3 C.7.6.3.1.8), or by going from item to item.

use crate::fragments::{self, begins_frame};
use crate::guard::damaged;
use crate::load::unreadable;
use crate::source::ByteSource;
use crate::syntax::Compression;
use medsight_dicom::{Encoded, Object, PixelSpan, named, tags};
use medsight_record::Refusal;
use std::ops::Range;

const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
const SEQUENCE_END: [u8; 4] = [0xFE, 0xFF, 0xDD, 0xE0];
/// More fragments than any file of this size has: each item is some hundred bytes at least.
const MOST_FRAGMENTS: usize = 4 << 20;

/// The bytes of one fragment, in the file.
type Fragment = Range<u64>;

/// All frames of one file.
pub(crate) struct FragmentIndex {
    frames: Frames,
}

enum Frames {
    /// Where each frame's first item begins, and behind the last frame.
    Table(Vec<u64>),
    /// Every fragment, and which of them make which frame.
    Walked(Vec<Fragment>, Vec<Range<usize>>),
}

impl FragmentIndex {
    /// Reads the offset table, or goes from item to item where there is none that can be believed.
    ///
    /// # Errors
    /// `unreadable`; `truncated` when the file ends before its last frame does; `damaged`.
    pub(crate) fn find(
        source: &dyn ByteSource,
        file: usize,
        size: u64,
        object: &Object<'_>,
        span: PixelSpan,
        encoded: &Encoded,
        compression: Compression,
    ) -> Result<Self, Refusal> {
        let mut items = Items { source, file, size, window: Vec::new(), window_start: 0, ahead: 16 };
        let Some((table, length)) = items.item(span.start)? else {
            return Err(damaged("it has no compressed frame"));
        };
        // A table of any other length says nothing about these frames.
        let is_table = length == encoded.frames as u64 * 4;
        let mut basic = vec![0; if is_table { length as usize } else { 0 }];
        source.read_at(file, table, &mut basic).map_err(|error| unreadable(&error))?;
        let offsets: Vec<u64> = if basic.is_empty() {
            let extended = object.data().raw(tags::EXTENDED_OFFSET_TABLE).unwrap_or_default();
            extended.chunks_exact(8).filter_map(|c| c.try_into().ok()).map(u64::from_le_bytes).collect()
        } else {
            basic
                .chunks_exact(4)
                .filter_map(|c| c.try_into().ok())
                .map(u32::from_le_bytes)
                .map(u64::from)
                .collect()
        };
        let first = table + length;
        let believable = offsets.len() == encoded.frames
            && offsets.first() == Some(&0)
            && offsets.windows(2).all(|pair| pair[0] + 8 <= pair[1])
            && offsets.last().is_some_and(|last| *last < size - first.min(size));
        if believable {
            let mut begins: Vec<u64> = offsets.iter().map(|offset| first + offset).collect();
            // From the last frame to the end mark: whether the file is whole, and where that frame ends.
            if let Some(end) = items.end_behind(begins[begins.len() - 1])? {
                begins.push(end);
                return Ok(Self { frames: Frames::Table(begins) });
            }
        }
        let (mut found, mut marked) = (Vec::new(), Vec::new());
        let mut at = first;
        while let Some((start, length)) = items.item(at)? {
            found.push(start..start + length);
            marked.push(begins_frame(items.peek(start, 8.min(length))?, compression));
            if found.len() > MOST_FRAGMENTS {
                return Err(damaged("it has more fragments than can be"));
            }
            at = start + length;
        }
        let starts: Vec<u64> = found.iter().map(|fragment| fragment.start - 8 - first).collect();
        let frames = fragments::frames(&marked, &starts, &offsets, encoded.frames)?;
        Ok(Self { frames: Frames::Walked(found, frames) })
    }

    /// The fragments of one frame, which has to be there.
    ///
    /// # Errors
    /// `unreadable`; `damaged` when the offset table does not point at items.
    pub(crate) fn read(
        &self,
        source: &dyn ByteSource,
        file: usize,
        frame: usize,
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let read = |range: Range<u64>| {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            source.read_at(file, range.start, &mut bytes).map_err(|error| unreadable(&error))?;
            Ok(bytes)
        };
        match &self.frames {
            Frames::Walked(found, frames) => frames[frame].clone().map(|i| read(found[i].clone())).collect(),
            Frames::Table(begins) => {
                let bytes = read(begins[frame]..begins[frame + 1])?;
                let mut fragments = Vec::new();
                let mut rest = &bytes[..];
                while let Some((head, tail)) = rest.split_first_chunk::<8>() {
                    let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
                    let wrong = || damaged("its offset table points between the fragments");
                    if head[..4] != ITEM {
                        return Err(wrong());
                    }
                    fragments.push(tail.get(..length).ok_or_else(wrong)?.to_vec());
                    rest = &tail[length..];
                }
                Ok(fragments)
            }
        }
    }
}

/// Items one after the other, read through a window that grows while they are small.
struct Items<'s> {
    source: &'s dyn ByteSource,
    file: usize,
    size: u64,
    window: Vec<u8>,
    window_start: u64,
    ahead: usize,
}

impl Items<'_> {
    fn peek(&mut self, at: u64, length: u64) -> Result<&[u8], Refusal> {
        let length = length.min(self.size.saturating_sub(at)) as usize;
        let inside = |s: &Self| {
            let from = usize::try_from(at.checked_sub(s.window_start)?).ok()?;
            (from + length <= s.window.len()).then_some(from)
        };
        if let Some(from) = inside(self) {
            return Ok(&self.window[from..from + length]);
        }
        let near = at.saturating_sub(self.window_start) < self.window.len() as u64 * 2;
        self.ahead = if near { (self.ahead * 2).min(64 << 10) } else { 16 };
        let wanted = (self.ahead as u64).min(self.size.saturating_sub(at)).max(length as u64) as usize;
        self.window.resize(wanted, 0);
        self.window_start = at;
        self.source.read_at(self.file, at, &mut self.window).map_err(|error| unreadable(&error))?;
        Ok(&self.window[..length])
    }

    /// Where the value of the item at `at` begins, and its length; `None` at the end mark.
    fn item(&mut self, at: u64) -> Result<Option<(u64, u64)>, Refusal> {
        let cut_off = || {
            let pixels = named(tags::PIXEL_DATA);
            let what = "the file ends before the end of the compressed pixels";
            Refusal::new("truncated", format!("{pixels} is cut off: {what}. Copy or send the file again."))
        };
        let size = self.size;
        let head = self.peek(at, 8)?;
        let (tag, length) = head.split_first_chunk::<4>().ok_or_else(cut_off)?;
        let length = length.try_into().map(u32::from_le_bytes).map_err(|_| cut_off())?;
        match *tag {
            ITEM if at + 8 + u64::from(length) <= size => Ok(Some((at + 8, u64::from(length)))),
            ITEM => Err(cut_off()),
            SEQUENCE_END => Ok(None),
            _ => Err(damaged("between its fragments stands something else")),
        }
    }

    /// From an item that is believed to be there to the end mark; `None` when there is none at `at`.
    fn end_behind(&mut self, mut at: u64) -> Result<Option<u64>, Refusal> {
        if self.peek(at, 4)? != ITEM {
            return Ok(None);
        }
        while let Some((start, length)) = self.item(at)? {
            at = start + length;
        }
        Ok(Some(at))
    }
}
