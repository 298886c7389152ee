//! A film inside a DICOM file (MPEG-2, H.264, HEVC; PS3.5 A.4.5 to A.4.8): what kind of stream it is, and where its
//! bytes lie. Nothing is decoded here: the platform's player does that.

use crate::attribute::{named, tags};
use crate::image_info::frame_time_ms;
use crate::object::{Object, is_video};
use medsight_record::Refusal;
use std::io;
use std::ops::Range;

/// How much of a file is read for its header first; then eight times as much, until the pixel data are in sight.
const FIRST_HEAD: u64 = 16 << 10;
/// A film is one bit stream, in one fragment, or in as many as 4 GiB of each make necessary; more is no film.
const MOST_FRAGMENTS: usize = 1 << 16;

/// Fills the bytes from an offset of the file on.
pub type ReadAt<'r> = dyn FnMut(u64, &mut [u8]) -> io::Result<()> + 'r;

/// What the stream is wrapped in, told by its first bytes and not by the transfer syntax, which allows several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilmContainer {
    /// ISO 14496-12.
    Mp4,
    /// ISO 13818-1, packets of 188 bytes.
    TransportStream,
    /// ISO 13818-1 or 11172-1, packs.
    ProgramStream,
    /// A bit stream of MPEG-2, H.264 or HEVC as it is.
    Elementary,
}

impl FilmContainer {
    fn of(begin: &[u8]) -> Option<Self> {
        match begin {
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(Self::Mp4),
            [0x47, ..] if begin.len() <= 188 || begin[188] == 0x47 => Some(Self::TransportStream),
            [0, 0, 1, 0xBA, ..] => Some(Self::ProgramStream),
            [0, 0, 1, ..] | [0, 0, 0, 1, ..] => Some(Self::Elementary),
            _ => None,
        }
    }
}

/// A film, and where it is in its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Film {
    /// Transfer Syntax UID (0002,0010): the coding, its profile and level.
    pub transfer_syntax: String,
    /// What the stream is wrapped in.
    pub container: FilmContainer,
    /// Number of Frames (0028,0008).
    pub frames: u32,
    /// Pictures a second, from Frame Time (0018,1063), its vector, or Cine Rate (0018,0040); `None` where neither says.
    pub rate_hz: Option<f64>,
    parts: Vec<Range<u64>>,
}

/// The coding of a film's transfer syntax, for people.
pub fn film_coding(transfer_syntax: &str) -> &'static str {
    let number = transfer_syntax.strip_prefix("1.2.840.10008.1.2.4.10").unwrap_or_default();
    match number.as_bytes().first() {
        Some(b'0' | b'1') => "MPEG-2",
        Some(b'7' | b'8') => "HEVC/H.265",
        _ => "MPEG-4 AVC/H.264",
    }
}

impl Film {
    /// Finds the stream of a file of `size` bytes, without reading the stream.
    ///
    /// # Errors
    /// `not_a_film`; `unreadable`; `truncated` when the file ends before the stream does; `damaged` when what is there
    /// is no stream; and as [`Object::parse`].
    pub fn find(size: u64, read_at: &mut ReadAt<'_>) -> Result<Self, Refusal> {
        let object = head(size, read_at)?;
        let span = object.pixel_span().filter(|span| is_video(object.transfer_syntax()) && !span.native);
        let Some(span) = span else {
            return Err(Refusal::new(
                "not_a_film",
                "The file has no film (Transfer Syntax UID (0002,0010)).",
            ));
        };
        let parts = fragments(span.start, size, read_at)?;
        let mut begin = vec![0; parts.first().map_or(0, |part| (part.end - part.start).min(189)) as usize];
        if let Some(part) = parts.first() {
            read_at(part.start, &mut begin).map_err(|error| unreadable(&error))?;
        }
        let container = FilmContainer::of(&begin).ok_or_else(|| {
            Refusal::new(
                "damaged",
                format!(
                    "{} does not begin like a film of any kind: it is damaged. Have the file sent again.",
                    named(tags::PIXEL_DATA)
                ),
            )
        })?;
        let data = object.data();
        let frames = data.integer(tags::NUMBER_OF_FRAMES).ok().flatten();
        Ok(Self {
            transfer_syntax: object.transfer_syntax().to_owned(),
            container,
            frames: frames.and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
            rate_hz: frame_time_ms(&data).map(|ms| 1000.0 / ms).filter(|rate| rate.is_finite()),
            parts,
        })
    }

    /// Length of the stream in bytes.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.end - part.start).sum()
    }

    /// A piece of the stream: up to `most` bytes from `offset` on; fewer at its end, none behind it.
    ///
    /// # Errors
    /// `unreadable`.
    pub fn read(&self, offset: u64, most: usize, read_at: &mut ReadAt<'_>) -> Result<Vec<u8>, Refusal> {
        let length = self.bytes().saturating_sub(offset).min(most as u64) as usize;
        let mut piece = vec![0; length];
        let (mut skipped, mut filled) = (0, 0);
        for part in &self.parts {
            let long = part.end - part.start;
            let from = (offset + filled as u64).saturating_sub(skipped).min(long);
            let count = (long - from).min((length - filled) as u64) as usize;
            if offset + (filled as u64) >= skipped && count > 0 {
                let into = &mut piece[filled..filled + count];
                read_at(part.start + from, into).map_err(|error| unreadable(&error))?;
                filled += count;
            }
            skipped += long;
        }
        Ok(piece)
    }
}

/// The file as far as its pixel data begin, or all of it.
fn head(size: u64, read_at: &mut ReadAt<'_>) -> Result<Object<'static>, Refusal> {
    let mut length = FIRST_HEAD.min(size);
    loop {
        let mut bytes = vec![0; length as usize];
        read_at(0, &mut bytes).map_err(|error| unreadable(&error))?;
        // Whatever is wrong with the beginning alone may be right with more of it.
        match Object::from_vec(bytes) {
            Ok(object) if length == size || object.pixel_span().is_some() => return Ok(object),
            Err(refusal) if length == size => return Err(refusal),
            _ => length = length.saturating_mul(8).min(size),
        }
    }
}

/// The items of encapsulated pixel data behind the first, which is the offset table (PS3.5 A.4).
fn fragments(start: u64, size: u64, read_at: &mut ReadAt<'_>) -> Result<Vec<Range<u64>>, Refusal> {
    let mut parts = Vec::new();
    let mut at = start;
    let mut is_table = true;
    loop {
        let mut head = [0; 8];
        if at.saturating_add(8) > size {
            return Err(truncated());
        }
        read_at(at, &mut head).map_err(|error| unreadable(&error))?;
        if head[..4] != [0xFE, 0xFF, 0x00, 0xE0] {
            return Ok(parts);
        }
        let length = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
        let end = at + 8 + length;
        if end > size || parts.len() == MOST_FRAGMENTS {
            return Err(truncated());
        }
        if !is_table && length > 0 {
            parts.push(at + 8..end);
        }
        (is_table, at) = (false, end);
    }
}

fn truncated() -> Refusal {
    let what = named(tags::PIXEL_DATA);
    Refusal::new(
        "truncated",
        format!("{what} is cut off: the film is not whole. Copy or send the file again."),
    )
}

fn unreadable(error: &io::Error) -> Refusal {
    Refusal::new("unreadable", format!("The file cannot be read: {}.", error.kind()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;

    /// A file with the given fragments behind an empty offset table.
    fn file(transfer_syntax: &str, fragments: &[&[u8]]) -> Vec<u8> {
        let mut meta = vec![2, 0, 0x10, 0, b'U', b'I'];
        let mut uid = transfer_syntax.as_bytes().to_vec();
        uid.resize(uid.len().next_multiple_of(2), 0);
        meta.extend((uid.len() as u16).to_le_bytes());
        meta.extend(uid);
        let mut bytes = vec![0; 128];
        bytes.extend(b"DICM");
        bytes.extend([2, 0, 0, 0, b'U', b'L', 4, 0]);
        bytes.extend((meta.len() as u32).to_le_bytes());
        bytes.extend(meta);
        bytes.extend([0x18, 0, 0x63, 0x10, b'D', b'S', 2, 0, b'4', b'0']);
        bytes.extend([0x28, 0, 0x08, 0, b'I', b'S', 2, 0, b'5', b'0']);
        bytes.extend([0xE0, 0x7F, 0x10, 0, b'O', b'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        for item in std::iter::once(&[][..]).chain(fragments.iter().copied()) {
            bytes.extend([0xFE, 0xFF, 0x00, 0xE0]);
            bytes.extend((item.len() as u32).to_le_bytes());
            bytes.extend(item);
        }
        bytes.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        bytes
    }

    fn find(bytes: &[u8]) -> Result<Film, Refusal> {
        Film::find(bytes.len() as u64, &mut reader(bytes))
    }

    fn reader(bytes: &[u8]) -> impl FnMut(u64, &mut [u8]) -> io::Result<()> + '_ {
        |at, into| {
            let from = bytes.get(at as usize..at as usize + into.len());
            into.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }
    }

    const H264: &str = "1.2.840.10008.1.2.4.102";

    #[test]
    fn a_film_in_several_fragments_is_one_stream_wherever_it_is_read() {
        let bytes = file(H264, &[b"\0\0\0\x20ftypisom", b"abcdef", b"ghij"]);
        let film = find(&bytes).unwrap();
        let whole = b"\0\0\0\x20ftypisomabcdefghij";
        assert_eq!((film.container, film.frames, film.rate_hz), (FilmContainer::Mp4, 50, Some(25.0)));
        assert_eq!(film.bytes(), whole.len() as u64);
        for from in 0..=whole.len() {
            for most in 0..=whole.len() {
                let piece = film.read(from as u64, most, &mut reader(&bytes)).unwrap();
                assert_eq!(piece, whole[from..(from + most).min(whole.len())], "{from} {most}");
            }
        }
    }

    #[test]
    fn the_wrapping_is_told_by_the_stream() {
        let mut packets = vec![0; 376];
        (packets[0], packets[188]) = (0x47, 0x47);
        for (stream, container) in [
            (&packets[..], FilmContainer::TransportStream),
            (&[0, 0, 1, 0xBA, 0x44, 0][..], FilmContainer::ProgramStream),
            (&[0, 0, 1, 0xB3, 0x44, 0][..], FilmContainer::Elementary),
            (&[0, 0, 0, 1, 0x67, 0x64][..], FilmContainer::Elementary),
        ] {
            assert_eq!(find(&file(H264, &[stream])).unwrap().container, container);
        }
    }

    #[test]
    fn what_is_no_film_or_not_whole_is_refused() {
        let code = |bytes: &[u8]| find(bytes).unwrap_err().code;
        assert_eq!(code(&file("1.2.840.10008.1.2.4.50", &[b"\xFF\xD8"])), "not_a_film");
        assert_eq!(code(&file(H264, &[b"no stream "])), "damaged");
        assert_eq!(code(&file(H264, &[])), "damaged");
        let whole = file(H264, &[b"\0\0\0\x20ftypisom"]);
        for cut in 1..16 {
            assert_eq!(code(&whole[..whole.len() - cut]), "truncated", "{cut} bytes less");
        }
    }

    #[test]
    fn the_stream_is_found_without_reading_it() {
        let stream = [&b"\0\0\0\x20ftypisom"[..], &vec![7; 4 << 20]].concat();
        let bytes = file(H264, &[&stream]);
        let (mut count, mut read) = (0, reader(&bytes));
        let film = Film::find(bytes.len() as u64, &mut |at, into: &mut [u8]| {
            count += into.len();
            read(at, into)
        });
        assert_eq!(film.unwrap().bytes(), stream.len() as u64);
        assert!(count < 32 << 10, "{count} bytes were read");
    }
}
