//! JPEG (ISO 10918-1): reads the frame header first, then the decoder that fits its process.
//!
//! Colours stay as they are coded: YCbCr is converted where it is shown, because Photometric Interpretation
//! (0028,0004) says what the samples mean.

use crate::guard::damaged;
use crate::samples::{from_bytes, from_words};
use medsight_dicom::Encoded;
use medsight_image::Samples;
use medsight_record::Refusal;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The frame header (B.2.2), of JPEG and of JPEG-LS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FrameHeader {
    /// 0xC0 baseline, 0xC1 extended, 0xC2 progressive, 0xC3 lossless, 0xF7 JPEG-LS…
    pub(crate) process: u8,
    pub(crate) precision: u32,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) components: usize,
}

/// Finds the frame header by walking the markers.
pub(crate) fn frame_header(bytes: &[u8]) -> Result<FrameHeader, Refusal> {
    let no_header = || damaged("the compressed frame has no JPEG frame header");
    let mut at = bytes.windows(2).position(|w| w == [0xFF, 0xD8]).ok_or_else(no_header)? + 2;
    loop {
        let marker = *bytes.get(at + 1).ok_or_else(no_header)?;
        if bytes[at] != 0xFF {
            return Err(no_header());
        }
        match marker {
            0xFF => at += 1,
            0x01 | 0xD0..=0xD8 => at += 2,
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xF7 => {
                let header: &[u8; 10] =
                    bytes.get(at..at + 10).and_then(|h| h.try_into().ok()).ok_or_else(no_header)?;
                return Ok(FrameHeader {
                    process: marker,
                    precision: u32::from(header[4]),
                    rows: usize::from(u16::from_be_bytes([header[5], header[6]])),
                    columns: usize::from(u16::from_be_bytes([header[7], header[8]])),
                    components: usize::from(header[9]),
                });
            }
            0xD9 | 0xDA => return Err(no_header()),
            _ => {
                let length = bytes.get(at + 2..at + 4).map(|l| usize::from(u16::from_be_bytes([l[0], l[1]])));
                at += 2 + length.filter(|l| *l >= 2).ok_or_else(no_header)?;
            }
        }
    }
}

/// One frame whose header has been checked against the Image Pixel module.
pub(crate) fn decode(encoded: &Encoded, header: FrameHeader, bytes: &[u8]) -> Result<Samples, Refusal> {
    match (header.process, header.precision) {
        (0xC0..=0xC2, 8) => match fast(encoded, bytes) {
            Some(samples) => Ok(samples),
            None => thorough(encoded, header, bytes),
        },
        (0xC3, _) => thorough(encoded, header, bytes),
        (0xC1 | 0xC2, 12) => {
            let values = crate::jpeg12::decode(bytes)?;
            expect(encoded, values.len())?;
            Ok(from_words(encoded, 0, values))
        }
        (process, precision) => Err(Refusal::new(
            "unsupported",
            format!(
                "The frame is JPEG with process marker {process:02X} and {precision} bits, which cannot be decoded here."
            ),
        )),
    }
}

/// Baseline and progressive frames that are as the standard wants them, by the fastest decoder. The samples stay as
/// they are coded: no colour is converted. `None` sends a frame to [`thorough`]: one that is cut off would be shown
/// with made-up pixels here, and one that is odd would be refused.
fn fast(encoded: &Encoded, bytes: &[u8]) -> Option<Samples> {
    let ends = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if !bytes[..ends].ends_with(&[0xFF, 0xD9]) {
        return None;
    }
    let options =
        DecoderOptions::default().set_strict_mode(true).set_max_width(65_535).set_max_height(65_535);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    let coded = decoder.input_colorspace()?;
    decoder.set_options(options.jpeg_set_out_colorspace(coded));
    let decoded = decoder.decode().ok()?;
    (decoded.len() == encoded.samples_per_frame()).then(|| from_bytes(encoded, decoded))
}

/// Any frame of 8 bits, and lossless ones of all.
fn thorough(encoded: &Encoded, header: FrameHeader, bytes: &[u8]) -> Result<Samples, Refusal> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    if header.components == 3 {
        // Means: the samples as they are coded, by pixel. `None` would give them line by line.
        decoder.set_color_transform(jpeg_decoder::ColorTransform::RGB);
    }
    let decoded = decoder.decode().map_err(|error| match error {
        jpeg_decoder::Error::Unsupported(feature) => Refusal::new(
            "unsupported",
            format!("The frame uses a JPEG feature that cannot be decoded here: {feature:?}."),
        ),
        _ => damaged("the JPEG frame cannot be decoded"),
    })?;
    // Lossless frames of other than 8 bits come as 16-bit words in the machine's byte order.
    if header.process == 0xC3 && header.precision != 8 {
        expect(encoded, decoded.len() / 2)?;
        let words = decoded.as_chunks().0.iter().map(|word| u16::from_ne_bytes(*word));
        return Ok(from_words(encoded, 0, words.collect()));
    }
    expect(encoded, decoded.len())?;
    Ok(from_bytes(encoded, decoded))
}

/// A frame has to hold as many samples as the Image Pixel module says.
pub(crate) fn expect(encoded: &Encoded, found: usize) -> Result<(), Refusal> {
    let wanted = encoded.samples_per_frame();
    if found == wanted {
        return Ok(());
    }
    Err(damaged(&format!("the compressed frame holds {found} samples where {wanted} are needed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_header_is_found_behind_other_segments() {
        let bytes = [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xC1, 0, 11, 12, 0, 64, 0, 32, 1, 1, 0x11, 0];
        let header = frame_header(&bytes).unwrap();
        assert_eq!(
            header,
            FrameHeader { process: 0xC1, precision: 12, rows: 64, columns: 32, components: 1 }
        );
    }

    #[test]
    fn bytes_that_are_no_jpeg_are_refused() {
        assert!(frame_header(&[1, 2, 3]).is_err());
        assert!(frame_header(&[0xFF, 0xD8, 0xFF]).is_err());
    }
}
