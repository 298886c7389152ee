//! JPEG 2000 and HTJ2K (ISO 15444-1 and -15), decoded by OpenJPEG.

use crate::guard::{contradicts, damaged};
use crate::samples::from_values;
use medsight_dicom::{Encoded, tags};
use medsight_image::Samples;
use medsight_record::Refusal;

/// What the codestream's SIZ segment says (A.5.1).
struct Size {
    rows: usize,
    columns: usize,
    components: usize,
    precision: u32,
    tiles: u64,
}

fn no_header() -> Refusal {
    damaged("the compressed frame has no JPEG 2000 header")
}

/// Where the codestream begins: a JP2 file may be around it.
fn codestream(bytes: &[u8]) -> Result<&[u8], Refusal> {
    let at = bytes.windows(4).position(|w| w == [0xFF, 0x4F, 0xFF, 0x51]).ok_or_else(no_header)?;
    Ok(&bytes[at..])
}

/// Refuses a codestream of which only a part is there: the decoder would make up the rest. Walks the tile parts by
/// their lengths (A.4.2); without an end mark, every tile has to have been there.
fn check_whole(codestream: &[u8], tiles: u64) -> Result<(), Refusal> {
    let cut_off = || damaged("the JPEG 2000 frame is cut off");
    let mut seen = std::collections::BTreeSet::new();
    let mut at = 2;
    loop {
        let Some(head) = codestream.get(at..at + 2) else {
            return if seen.len() as u64 >= tiles { Ok(()) } else { Err(cut_off()) };
        };
        let length = match head {
            [0xFF, 0xD9] => return Ok(()),
            [0xFF, 0x90] => {
                let part: &[u8] = codestream.get(at..at + 12).ok_or_else(cut_off)?;
                seen.insert([part[4], part[5]]);
                match u32::from_be_bytes([part[6], part[7], part[8], part[9]]) as usize {
                    // The last tile part reaches to the end mark.
                    0 if codestream
                        .trim_ascii_end()
                        .strip_suffix(&[0])
                        .unwrap_or(codestream)
                        .ends_with(&[0xFF, 0xD9]) =>
                    {
                        return Ok(());
                    }
                    0 => return Err(cut_off()),
                    length if length < 14 => {
                        return Err(damaged("a tile of the JPEG 2000 frame has no length"));
                    }
                    length => length,
                }
            }
            [0xFF, _] => {
                let length = codestream.get(at + 2..at + 4).ok_or_else(cut_off)?;
                2 + usize::from(u16::from_be_bytes([length[0], length[1]]))
            }
            // Padding behind the last tile part.
            _ => return if seen.len() as u64 >= tiles { Ok(()) } else { Err(cut_off()) },
        };
        at += length;
        if at > codestream.len() {
            return Err(cut_off());
        }
    }
}

fn size(codestream: &[u8]) -> Result<Size, Refusal> {
    let siz = codestream.get(4..44).and_then(|s| <&[u8; 40]>::try_from(s).ok()).ok_or_else(no_header)?;
    let word = |i: usize| u32::from_be_bytes([siz[i], siz[i + 1], siz[i + 2], siz[i + 3]]);
    let tiles = |end: usize, begin: usize, step: usize| match word(step) {
        0 => Err(no_header()),
        size => Ok(u64::from(word(end).saturating_sub(word(begin)).div_ceil(size))),
    };
    Ok(Size {
        tiles: tiles(4, 28, 20)? * tiles(8, 32, 24)?,
        columns: word(4).saturating_sub(word(12)) as usize,
        rows: word(8).saturating_sub(word(16)) as usize,
        components: usize::from(u16::from_be_bytes([siz[36], siz[37]])),
        precision: u32::from(siz[38] & 0x7F) + 1,
    })
}

/// One frame. A reversible or irreversible colour transform is undone by the decoder: the result is RGB.
pub(crate) fn decode(encoded: &Encoded, bytes: &[u8]) -> Result<Samples, Refusal> {
    let codestream = codestream(bytes)?;
    let size = size(codestream)?;
    for (tag, header, frame) in [
        (tags::ROWS, encoded.rows, size.rows),
        (tags::COLUMNS, encoded.columns, size.columns),
        (tags::SAMPLES_PER_PIXEL, encoded.samples_per_pixel, size.components),
    ] {
        if header != frame {
            return Err(contradicts(tag, header, frame));
        }
    }
    if size.precision > encoded.bits_allocated {
        return Err(contradicts(
            tags::BITS_ALLOCATED,
            encoded.bits_allocated as usize,
            size.precision as usize,
        ));
    }
    check_whole(codestream, size.tiles)?;
    let parameters = jpeg2k::DecodeParameters::new().strict(true);
    let image = jpeg2k::Image::from_bytes_with(bytes, parameters)
        .or_else(|_| jpeg2k::Image::from_bytes(bytes)) // a last packet that the encoder cut costs only its detail
        .map_err(|_| damaged("the JPEG 2000 frame cannot be decoded"))?;
    let components = image.components();
    let pixels = encoded.rows * encoded.columns;
    if components.len() != encoded.samples_per_pixel || components.iter().any(|c| c.data().len() != pixels) {
        return Err(damaged("the components of the JPEG 2000 frame are not of one size"));
    }
    let planes: Vec<&[i32]> = components.iter().map(jpeg2k::ImageComponent::data).collect();
    if let [grey] = planes[..] {
        return Ok(from_values(encoded, 0, grey.iter().map(|v| v.cast_unsigned())));
    }
    if let ([red, green, blue], ..=8, false) = (&planes[..], encoded.bits_allocated, encoded.signed) {
        let largest = u8::MAX >> (8 - encoded.bits_stored.min(8));
        // Made at once and then filled: to grow it pixel by pixel takes longer.
        let mut woven = vec![0; pixels * 3];
        let colours = red.iter().zip(*green).zip(*blue);
        for (pixel, ((r, g), b)) in woven.as_chunks_mut::<3>().0.iter_mut().zip(colours) {
            *pixel = [*r as u8 & largest, *g as u8 & largest, *b as u8 & largest];
        }
        return Ok(Samples::U8(woven));
    }
    let count = planes.len();
    let mut woven = vec![0; pixels * count];
    for (first, plane) in planes.iter().enumerate() {
        let places = woven[first..].iter_mut().step_by(count);
        places.zip(*plane).for_each(|(place, value)| *place = value.cast_unsigned());
    }
    Ok(from_values(encoded, 0, woven.iter().copied()))
}
