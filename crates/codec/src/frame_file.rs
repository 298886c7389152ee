//! A file that is opened for single frames: the header is read, then only the bytes of each frame that is asked for.
//!
//! Small files, deflated data sets and frames that do not begin at a byte are read whole: that is the same code as
//! [`crate::FrameDecoder`]'s, over all of the bytes. Where compressed frames lie, `fragment_index.rs` finds out.

use crate::decode::{FrameDecoder, check_frame, compressed, shown};
use crate::fragment_index::FragmentIndex;
use crate::load::unreadable;
use crate::native::{self, NativeForm};
use crate::slide::shown_by;
use crate::source::ByteSource;
use crate::syntax::{Compression, compression};
use medsight_dicom::{Encoded, ImageInfo, Object, PixelSpan, check_native_length, named};
use medsight_image::Frame;
use medsight_record::Refusal;

/// Files up to this size are read whole: one read is faster than several.
const SMALL: u64 = 1 << 20;
/// How much of a file is read for its header first; then eight times as much, until the pixel data are in sight.
pub(crate) const FIRST_HEAD: u64 = 16 << 10;
pub(crate) const HEAD_GROWTH: u64 = 8;

/// One file, and where its frames are.
pub struct FrameFile {
    file: usize,
    object: Object<'static>,
    place: Place,
}

enum Place {
    /// The object is all of the file.
    Whole,
    Native {
        encoded: Encoded,
        compression: Compression,
        form: NativeForm,
        start: u64,
        length: u64,
    },
    Fragments {
        encoded: Encoded,
        compression: Compression,
        index: FragmentIndex,
    },
}

impl FrameFile {
    /// Reads the header and checks that the pixel data it announces are there.
    ///
    /// # Errors
    /// `unreadable`, and as [`Object::parse`] and [`FrameDecoder::new`].
    pub fn open(source: &dyn ByteSource, file: usize) -> Result<Self, Refusal> {
        let size = source.size(file).map_err(|error| unreadable(&error))?;
        if size > SMALL {
            if let Some(opened) = Self::open_large(source, file, size)? {
                return Ok(opened);
            }
        }
        let bytes = source.read(file).map_err(|error| unreadable(&error))?;
        Ok(Self { file, object: Object::from_vec(bytes)?, place: Place::Whole })
    }

    /// `None` when only the whole file can tell.
    fn open_large(source: &dyn ByteSource, file: usize, size: u64) -> Result<Option<Self>, Refusal> {
        let mut head = FIRST_HEAD;
        while head < size {
            let mut bytes = vec![0; head as usize];
            source.read_at(file, 0, &mut bytes).map_err(|error| unreadable(&error))?;
            // Whatever is wrong with the beginning alone may be right with more of it.
            if let Ok(object) = Object::from_vec(bytes) {
                if let Some(span) = object.pixel_span() {
                    return Self::with_head(source, file, size, object, span);
                }
            }
            head = head.saturating_mul(HEAD_GROWTH);
        }
        Ok(None)
    }

    fn with_head(
        source: &dyn ByteSource,
        file: usize,
        size: u64,
        object: Object<'static>,
        span: PixelSpan,
    ) -> Result<Option<Self>, Refusal> {
        if !span.in_file || (span.native && span.announced == 0) {
            return Ok(None);
        }
        let encoded = Encoded::read(&object.data())?;
        let compression = compression(object.transfer_syntax())?;
        let place = if span.native {
            let swapped_words = span.big_endian && &span.vr != b"OB";
            let form = NativeForm { tag: span.tag, big_endian: span.big_endian, swapped_words };
            let lacking = (span.start + span.announced).saturating_sub(size);
            if lacking > 0 {
                return Err(Refusal::new(
                    "truncated",
                    format!(
                        "{} is cut off: {lacking} bytes are missing at its end. Copy or send the file again.",
                        named(span.tag)
                    ),
                ));
            }
            let length = usize::try_from(span.announced).unwrap_or(usize::MAX);
            check_native_length(&encoded, length, span.tag)?;
            if native::frame_span(&encoded, form, span.announced, 0).is_none() {
                return Ok(None);
            }
            Place::Native { encoded, compression, form, start: span.start, length: span.announced }
        } else {
            // What a file without a meta header is compressed with may be seen only in its fragments.
            if compression == Compression::None || span.big_endian {
                return Ok(None);
            }
            let index = FragmentIndex::find(source, file, size, &object, span, &encoded, compression)?;
            Place::Fragments { encoded, compression, index }
        };
        Ok(Some(Self { file, object, place }))
    }

    /// The object; of a large file its attributes only, without the values of Pixel Data (7FE0,0010).
    pub fn object(&self) -> &Object<'static> {
        &self.object
    }

    /// Which file of the source it is.
    pub fn file(&self) -> usize {
        self.file
    }

    /// Reads and decodes a frame, from 0.
    ///
    /// # Errors
    /// `unreadable`, and as [`FrameDecoder::decode`].
    pub fn decode(&self, source: &dyn ByteSource, frame: usize) -> Result<Frame, Refusal> {
        match &self.place {
            Place::Whole => FrameDecoder::new(&self.object)?.decode(frame),
            Place::Native { encoded, compression, form, start, length } => {
                check_frame(encoded, frame)?;
                let alone = Encoded { frames: 1, ..encoded.clone() };
                let span = native::frame_span(encoded, *form, *length, frame).unwrap_or(0..*length);
                let size = (span.end.min(*length) - span.start.min(*length)) as usize;
                let mut bytes = vec![0; size];
                source
                    .read_at(self.file, start + span.start, &mut bytes)
                    .map_err(|error| unreadable(&error))?;
                shown(encoded, *compression, || native::decode(&alone, *form, &bytes, 0))
            }
            Place::Fragments { encoded, compression, index } => {
                check_frame(encoded, frame)?;
                let fragments = index.read(source, self.file, frame)?;
                let borrowed: Vec<&[u8]> = fragments.iter().map(Vec::as_slice).collect();
                shown(encoded, *compression, || compressed(encoded, *compression, &borrowed))
            }
        }
    }

    /// Reads and decodes what is looked at as one image: as [`crate::decode_shown`].
    ///
    /// # Errors
    /// As [`Self::decode`] and [`crate::decode_shown`].
    pub fn decode_shown(
        &self,
        source: &dyn ByteSource,
        image: &ImageInfo,
        frame: usize,
    ) -> Result<Frame, Refusal> {
        match &self.place {
            Place::Whole => crate::decode_shown(&self.object, image, frame),
            Place::Native { .. } | Place::Fragments { .. } => {
                shown_by(&|frame| self.decode(source, frame), image, frame)
            }
        }
    }
}
