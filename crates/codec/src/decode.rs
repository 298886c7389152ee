//! One frame of an object as stored values, whatever its transfer syntax.

use crate::fragments::{self, begins_frame};
use crate::guard::{check_size, contradicts, damaged, guarded};
use crate::native::NativeForm;
use crate::samples::from_words;
use crate::syntax::{Compression, compression};
use crate::{jpeg, jpeg2000, jpegls, jpegxl, native, rle};
use medsight_dicom::{Encoded, Object, PixelData, check_native_length, tags};
use medsight_image::{Frame, Photometric, Samples};
use medsight_record::Refusal;
use std::borrow::Cow;
use std::ops::Range;

/// Decodes frames of one object; finds them once.
pub struct FrameDecoder<'o> {
    encoded: Encoded,
    compression: Compression,
    source: Source<'o>,
}

enum Source<'o> {
    Native { form: NativeForm, bytes: &'o [u8] },
    Fragments { fragments: Vec<&'o [u8]>, frames: Vec<Range<usize>> },
}

/// Decodes one frame, from 0. For several frames make a [`FrameDecoder`].
///
/// # Errors
/// As [`FrameDecoder::new`] and [`FrameDecoder::decode`].
pub fn decode_frame(object: &Object<'_>, frame: usize) -> Result<Frame, Refusal> {
    FrameDecoder::new(object)?.decode(frame)
}

impl<'o> FrameDecoder<'o> {
    /// Checks the pixel data against the header; decodes nothing yet.
    ///
    /// # Errors
    /// `no_pixels`, `unsupported`, `truncated`, `wrong_length`, or an attribute that cannot be used.
    pub fn new(object: &'o Object<'_>) -> Result<Self, Refusal> {
        let pixels = object.pixel_data().filter(|_| object.has_pixel_data()).ok_or_else(|| {
            Refusal::new(
                "no_pixels",
                "The object has no Pixel Data (7FE0,0010): it is a document, not an image.",
            )
        })?;
        object.check_pixel_data_whole()?;
        let encoded = Encoded::read(&object.data())?;
        let compression = compression(object.transfer_syntax())?;
        let source = match pixels {
            PixelData::Native { tag, bytes, big_endian, vr } => {
                check_native_length(&encoded, bytes.len(), tag)?;
                let swapped_words = big_endian && &vr != b"OB";
                Source::Native { form: NativeForm { tag, big_endian, swapped_words }, bytes }
            }
            PixelData::Encapsulated { fragments, starts, offsets } => {
                if compression == Compression::None {
                    return Err(damaged(
                        "it is in fragments, but Transfer Syntax UID (0002,0010) says uncompressed",
                    ));
                }
                let marked: Vec<bool> = fragments.iter().map(|f| begins_frame(f, compression)).collect();
                let frames = fragments::frames(&marked, &starts, &offsets, encoded.frames)?;
                Source::Fragments { fragments, frames }
            }
        };
        Ok(Self { encoded, compression, source })
    }

    /// The Image Pixel module.
    pub fn encoded(&self) -> &Encoded {
        &self.encoded
    }

    /// Decodes a frame, from 0.
    ///
    /// # Errors
    /// `no_such_frame`, `damaged`, `contradiction`, `too_large`, `unsupported`.
    pub fn decode(&self, frame: usize) -> Result<Frame, Refusal> {
        check_frame(&self.encoded, frame)?;
        shown(&self.encoded, self.compression, || self.samples(frame))
    }

    fn samples(&self, frame: usize) -> Result<Samples, Refusal> {
        match &self.source {
            Source::Native { form, bytes } => native::decode(&self.encoded, *form, bytes, frame),
            Source::Fragments { fragments, frames } => {
                compressed(&self.encoded, self.compression, &fragments[frames[frame].clone()])
            }
        }
    }
}

/// Refuses a frame that the object does not have.
///
/// # Errors
/// `no_such_frame`.
pub(crate) fn check_frame(encoded: &Encoded, frame: usize) -> Result<(), Refusal> {
    if frame < encoded.frames {
        return Ok(());
    }
    let what = format!(
        "Frame {} was asked for, but Number of Frames (0028,0008) is {}.",
        frame.saturating_add(1),
        encoded.frames
    );
    Err(Refusal::new("no_such_frame", what))
}

/// A frame from its samples; they are decoded under guard and counted.
///
/// # Errors
/// The decoder's own; `damaged`; `unsupported` for what the samples mean.
pub(crate) fn shown(
    encoded: &Encoded,
    compression: Compression,
    samples: impl FnOnce() -> Result<Samples, Refusal>,
) -> Result<Frame, Refusal> {
    let samples = guarded(samples)?;
    if samples.len() != encoded.samples_per_frame() {
        return Err(damaged("the frame does not hold Rows × Columns samples"));
    }
    Ok(Frame {
        rows: encoded.rows,
        columns: encoded.columns,
        photometric: photometric(encoded, compression)?,
        samples,
    })
}

/// The samples of one compressed frame from its fragments.
///
/// # Errors
/// The decoder's own; `too_large`; `contradiction`.
pub(crate) fn compressed(
    encoded: &Encoded,
    compression: Compression,
    fragments: &[&[u8]],
) -> Result<Samples, Refusal> {
    let bytes = joined(fragments);
    let claimed = (encoded.samples_per_frame() as u64 * u64::from(encoded.bits_allocated)).div_ceil(8);
    check_size(claimed, bytes.len())?;
    match compression {
        Compression::Rle => rle::decode(encoded, &bytes),
        Compression::Jpeg | Compression::JpegLs => by_frame_header(encoded, &bytes),
        Compression::Jpeg2000 => jpeg2000::decode(encoded, &bytes),
        Compression::JpegXl => jpegxl::decode(encoded, &bytes),
        Compression::DeflatedFrame => one_native_frame(encoded, &inflated(&bytes, claimed)?),
        Compression::None | Compression::EncapsulatedNative => one_native_frame(encoded, &bytes),
    }
}

fn joined<'f>(fragments: &[&'f [u8]]) -> Cow<'f, [u8]> {
    match fragments {
        [one] => Cow::Borrowed(one),
        several => Cow::Owned(several.concat()),
    }
}

/// JPEG and JPEG-LS share their frame header; what it says decides, not the transfer syntax.
fn by_frame_header(encoded: &Encoded, bytes: &[u8]) -> Result<Samples, Refusal> {
    let header = jpeg::frame_header(bytes)?;
    for (tag, ours, theirs) in [
        (tags::ROWS, encoded.rows, header.rows),
        (tags::COLUMNS, encoded.columns, header.columns),
        (tags::SAMPLES_PER_PIXEL, encoded.samples_per_pixel, header.components),
    ] {
        if ours != theirs {
            return Err(contradicts(tag, ours, theirs));
        }
    }
    if header.precision > encoded.bits_allocated {
        return Err(contradicts(
            tags::BITS_ALLOCATED,
            encoded.bits_allocated as usize,
            header.precision as usize,
        ));
    }
    if header.process == 0xF7 {
        let values = jpegls::decode(bytes, header.rows, header.columns, header.components, header.precision)?;
        return Ok(from_words(encoded, 0, values));
    }
    jpeg::decode(encoded, header, bytes)
}

fn one_native_frame(encoded: &Encoded, bytes: &[u8]) -> Result<Samples, Refusal> {
    let alone = Encoded { frames: 1, ..encoded.clone() };
    check_native_length(&alone, bytes.len(), tags::PIXEL_DATA)?;
    let form = NativeForm { tag: tags::PIXEL_DATA, big_endian: false, swapped_words: false };
    native::decode(&alone, form, bytes, 0)
}

fn inflated(bytes: &[u8], claimed: u64) -> Result<Vec<u8>, Refusal> {
    use std::io::Read;
    let mut out = Vec::new();
    let read = flate2::read::DeflateDecoder::new(bytes).take(claimed + 1).read_to_end(&mut out);
    read.map(|_| out).map_err(|_| damaged("a deflated frame cannot be inflated"))
}

/// What the samples mean once decoded.
fn photometric(encoded: &Encoded, compression: Compression) -> Result<Photometric, Refusal> {
    let colour = encoded.samples_per_pixel == 3;
    match (encoded.photometric.as_str(), colour) {
        ("MONOCHROME1", false) => Ok(Photometric::Monochrome1),
        ("MONOCHROME2", false) => Ok(Photometric::Monochrome2),
        ("PALETTE COLOR", false) => Ok(Photometric::PaletteColor),
        ("RGB" | "YBR_RCT" | "YBR_ICT", true) => Ok(Photometric::Rgb),
        // XYB exists only in JPEG XL, whose decoder gives RGB.
        ("XYB" | "YBR_FULL" | "YBR_FULL_422", true) if compression == Compression::JpegXl => {
            Ok(Photometric::Rgb)
        }
        ("YBR_FULL" | "YBR_FULL_422", true) => Ok(Photometric::YbrFull),
        (other, _) => Err(Refusal::new(
            "unsupported",
            format!(
                "Photometric Interpretation (0028,0004) {other} with {} samples per pixel cannot be shown.",
                encoded.samples_per_pixel
            ),
        )),
    }
}
