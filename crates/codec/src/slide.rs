//! What is looked at as one image: a frame, or the whole picture whose tile that frame is, in the colours of the screen.
//!
//! Not here: where tiles lie (`medsight_dicom::Slide`).

use crate::decode::FrameDecoder;
use crate::guard::{check_size, damaged};
use medsight_dicom::{Encoded, ImageInfo, Object, Slide};
use medsight_image::{Frame, Photometric, Samples};
use medsight_record::Refusal;

/// Decodes `frame` (from 0) of an image; of a slide all tiles of that frame's picture, in rows and columns of the Total
/// Pixel Matrix. Where no tile lies, the picture is white for colour and 0 else. Colours with a profile become sRGB.
///
/// # Errors
/// As [`FrameDecoder::new`] and [`FrameDecoder::decode`].
pub fn decode_shown(object: &Object<'_>, image: &ImageInfo, frame: usize) -> Result<Frame, Refusal> {
    let decoder = FrameDecoder::new(object)?;
    shown_by(&|frame| decoder.decode(frame), image, frame)
}

/// The same with frames that `decode` gives.
///
/// # Errors
/// What `decode` says; `too_large`; `damaged`.
pub(crate) fn shown_by(
    decode: &dyn Fn(usize) -> Result<Frame, Refusal>,
    image: &ImageInfo,
    frame: usize,
) -> Result<Frame, Refusal> {
    let stored = match image.slide.as_deref() {
        Some(slide) => picture(decode, &image.encoded, slide, frame)?,
        None => decode(frame)?,
    };
    Ok(match &image.to_srgb {
        Some(to_srgb) => to_srgb.frame(stored),
        None => stored,
    })
}

fn picture(
    decode: &dyn Fn(usize) -> Result<Frame, Refusal>,
    encoded: &Encoded,
    slide: &Slide,
    frame: usize,
) -> Result<Frame, Refusal> {
    let Some(tiles) = slide.picture_of(frame) else { return decode(frame) };
    let channels = encoded.samples_per_pixel;
    let bytes =
        (slide.rows * slide.columns * channels) as u64 * u64::from(encoded.bits_allocated.div_ceil(8));
    // Tiles of one picture are at most as many as its pixels; a slide with few of them is mostly empty.
    check_size(bytes, tiles.len() * encoded.samples_per_frame())?;
    let mut shown: Option<Frame> = None;
    for tile in tiles {
        let part = decode(tile.frame)?;
        let whole = shown.get_or_insert_with(|| Frame {
            rows: slide.rows,
            columns: slide.columns,
            photometric: part.photometric,
            samples: empty(&part, slide.rows * slide.columns),
        });
        let width = part.columns.min(slide.columns - tile.column) * channels;
        for y in 0..part.rows.min(slide.rows - tile.row) {
            let from = y * part.columns * channels;
            let to = ((tile.row + y) * slide.columns + tile.column) * channels;
            match (&part.samples, &mut whole.samples) {
                (Samples::U8(a), Samples::U8(b)) => b[to..to + width].copy_from_slice(&a[from..from + width]),
                (Samples::U16(a), Samples::U16(b)) => {
                    b[to..to + width].copy_from_slice(&a[from..from + width])
                }
                _ => return Err(damaged("the tiles of the slide are not of one kind")),
            }
        }
    }
    shown.ok_or_else(|| damaged("the slide has no tile"))
}

/// Glass: white where there is colour, 0 in fluorescence.
fn empty(part: &Frame, pixels: usize) -> Samples {
    match (&part.samples, part.photometric) {
        (Samples::U16(_), Photometric::Rgb) => Samples::U16(vec![u16::MAX; pixels * 3]),
        (Samples::U16(_), _) => Samples::U16(vec![0; pixels]),
        (_, Photometric::Rgb) => Samples::U8(vec![u8::MAX; pixels * 3]),
        (_, Photometric::YbrFull) => Samples::U8([u8::MAX, 128, 128].repeat(pixels)),
        _ => Samples::U8(vec![0; pixels]),
    }
}
