//! Identity burned into pixels (PS3.15 E.3.1): where it is by rule, and making those places black.
//!
//! A rule is a line of `burned_in.txt`, or, for ultrasound with calibrated regions, everything outside of them. Where
//! the pixels may show who the patient is and no rule says where, nothing is exported: a person has to look.

use super::profile::{DeidentifyOption as O, Profile};
use super::{DecodeFrame, overlays};
use crate::attribute::{Tag, named, tags};
use crate::dataset::Dataset;
use crate::encoded::Encoded;
use crate::object::{Object, PixelData};
use medsight_image::{Photometric, Samples, with_samples};
use medsight_record::Refusal;
use std::ops::Range;

/// What to do with the pixels.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Black for each pixel of a frame that must go; empty when nothing must.
    pub(super) mask: Vec<bool>,
    /// The pixels may show who the patient is, and stay.
    pub(super) may_show_identity: bool,
    /// Bits of each sample that are the image's, where others hold an overlay; `None` where none do.
    pub(super) image_bits: Option<u32>,
}

/// Pixel data with black regions, and what their description has to say now.
pub(super) struct Blanked {
    pub(super) bytes: Vec<u8>,
    /// Photometric Interpretation (0028,0004) of decoded frames; `None` where nothing had to be decoded.
    pub(super) decoded_as: Option<&'static str>,
}

/// A rectangle in pixels: columns and rows.
type Rectangle = (Range<usize>, Range<usize>);

/// Decides what happens to the pixels of an object.
pub(super) fn plan(object: &Object<'_>, profile: &Profile) -> Result<Plan, Refusal> {
    let nothing = |may_show_identity, image_bits| Plan { mask: Vec::new(), may_show_identity, image_bits };
    if !object.has_pixel_data() {
        return Ok(nothing(false, None));
    }
    let data = object.data();
    let encoded = Encoded::read(&data)?;
    let image_bits = overlays::in_unused_bits(&data).then(|| image_bits(&data, &encoded)).transpose()?;
    let is_compressed = matches!(object.pixel_data(), Some(PixelData::Encapsulated { .. }));
    // In compressed frames an overlay cannot be taken out without decoding them: somebody has to look.
    let hidden = image_bits.is_some() && is_compressed;
    let regions = ultrasound_regions(&data, &encoded)?;
    let rules = rectangles(&data);
    let risky = may_show_identity(&data);
    if !profile.has(O::CleanPixelData) {
        return Ok(nothing(risky || hidden || !rules.is_empty(), image_bits));
    }
    // Outside of all ultrasound regions, and inside of every rectangle of a rule.
    let mut mask = vec![!regions.is_empty(); encoded.rows * encoded.columns];
    let mut fill = |(x, y): &Rectangle, black: bool| {
        for row in y.start.min(encoded.rows)..y.end.min(encoded.rows) {
            let from = row * encoded.columns;
            // A region whose end lies before its beginning shows nothing.
            if let Some(pixels) = mask.get_mut(from + x.start..from + x.end.min(encoded.columns)) {
                pixels.fill(black);
            }
        }
    };
    regions.iter().for_each(|region| fill(region, false));
    rules.iter().for_each(|rule| fill(rule, true));
    // A region as large as the image says nothing about where its text is.
    if risky && !mask.contains(&true) {
        let why = format!(
            "The pixels may show who the patient is ({}, Modality (0008,0060), Conversion Type (0008,0064)), and no rule \
             says where for this device. Look at the image, then export it without clean-pixel-data or leave it out.",
            named(tags::BURNED_IN_ANNOTATION)
        );
        return Err(Refusal::new("burned_in", why));
    }
    Ok(Plan { mask, may_show_identity: hidden, image_bits })
}

/// The bits of a sample in which the image is: Bits Stored up to High Bit (PS3.5 8.1.1).
fn image_bits(data: &Dataset<'_>, encoded: &Encoded) -> Result<u32, Refusal> {
    let high = data.integer(tags::HIGH_BIT)?.and_then(|bit| u32::try_from(bit).ok());
    let low = high.unwrap_or(encoded.bits_stored - 1).saturating_sub(encoded.bits_stored - 1);
    let bits = (1_u64 << encoded.bits_stored.min(32)) - 1;
    Ok((bits << low.min(31)) as u32)
}

/// Clears the bits of uncompressed samples that are not the image's.
pub(super) fn keep_bits(bytes: &mut [u8], bits_allocated: u32, big_endian: bool, image_bits: u32) {
    let width = (bits_allocated / 8).clamp(1, 4) as usize;
    let little = image_bits.to_le_bytes();
    for sample in bytes.chunks_exact_mut(width) {
        for (at, byte) in sample.iter_mut().enumerate() {
            *byte &= little[if big_endian { width - 1 - at } else { at }];
        }
    }
}

/// Kinds of image on which devices write who the patient is, unless the file says that they did not.
fn may_show_identity(data: &Dataset<'_>) -> bool {
    match data.text_or_empty(tags::BURNED_IN_ANNOTATION).as_str() {
        "YES" => return true,
        "NO" => return false,
        _ => {}
    }
    let class = data.text_or_empty(tags::SOP_CLASS_UID);
    let class = class.strip_prefix("1.2.840.10008.5.1.4.1.1.").unwrap_or_default();
    let captured =
        class == "7" || class.starts_with("7.") || class.starts_with("77.1.4") || class.starts_with("77.1.1");
    let modality = data.text_or_empty(tags::MODALITY);
    let by_modality =
        matches!(modality.as_str(), "US" | "ES" | "XC" | "GM" | "OT" | "OP" | "IVUS" | "DOC" | "SC" | "ECG");
    let kind = data.text_or_empty(tags::IMAGE_TYPE).to_uppercase();
    let screen = kind.contains("SCREEN SAVE") || kind.contains("DOSE");
    captured || by_modality || screen || data.has(tags::CONVERSION_TYPE)
}

/// The calibrated regions of an ultrasound image (PS3.3 C.8.5.5).
fn ultrasound_regions(data: &Dataset<'_>, encoded: &Encoded) -> Result<Vec<Rectangle>, Refusal> {
    let mut found = Vec::new();
    for item in data.items(tags::SEQUENCE_OF_ULTRASOUND_REGIONS) {
        let edge = |tag: Tag, most: usize| -> Result<usize, Refusal> {
            let at = item.integer(tag)?.ok_or_else(|| crate::attribute::missing(tag))?;
            Ok(usize::try_from(at).unwrap_or(0).min(most))
        };
        let x = edge(tags::REGION_LOCATION_MIN_X0, encoded.columns)?
            ..edge(tags::REGION_LOCATION_MAX_X1, encoded.columns)? + 1;
        let y = edge(tags::REGION_LOCATION_MIN_Y0, encoded.rows)?
            ..edge(tags::REGION_LOCATION_MAX_Y1, encoded.rows)? + 1;
        found.push((x, y));
    }
    Ok(found)
}

/// The rectangles of all device rules that hold.
fn rectangles(data: &Dataset<'_>) -> Vec<Rectangle> {
    let mut found = Vec::new();
    for line in include_str!("burned_in.txt").lines().filter(|line| !line.starts_with('#')) {
        let Some((conditions, places)) = line.split_once(" :: ") else { continue };
        if conditions.split("; ").all(|condition| holds(data, condition)) {
            for place in places.split(", ") {
                let numbers: Vec<usize> = place.split(' ').filter_map(|n| n.parse().ok()).collect();
                if let [x, y, width, height] = numbers[..] {
                    found.push((x..x + width, y..y + height));
                }
            }
        }
    }
    found
}

fn holds(data: &Dataset<'_>, condition: &str) -> bool {
    let Some(at) = condition.find(['~', '=']) else { return false };
    let tag = match &condition[..at] {
        "modality" => tags::MODALITY,
        "manufacturer" => tags::MANUFACTURER,
        "model" => tags::MANUFACTURER_MODEL_NAME,
        "rows" => tags::ROWS,
        "columns" => tags::COLUMNS,
        "image_type" => tags::IMAGE_TYPE,
        "series" => tags::SERIES_DESCRIPTION,
        "burned_in" => tags::BURNED_IN_ANNOTATION,
        _ => return false,
    };
    let (value, wanted) = (data.text_or_empty(tag).to_lowercase(), condition[at + 1..].to_lowercase());
    let equal = condition.as_bytes()[at] == b'=';
    wanted.split('|').any(|one| if equal { value == one } else { value.contains(one) })
}

/// Makes the masked pixels of all frames black.
pub(super) fn blank(
    object: &Object<'_>,
    mask: &[bool],
    decode: &DecodeFrame<'_>,
) -> Result<Blanked, Refusal> {
    let encoded = Encoded::read(&object.data())?;
    let pixels = object.pixel_data().ok_or_else(|| crate::attribute::missing(tags::PIXEL_DATA))?;
    match pixels {
        PixelData::Native { bytes, big_endian, tag, .. } if tag == tags::PIXEL_DATA => {
            crate::header::check_native_length(&encoded, bytes.len(), tag)?;
            let mut bytes = bytes.to_vec();
            blank_native(&encoded, mask, big_endian, &mut bytes)?;
            Ok(Blanked { bytes, decoded_as: None })
        }
        PixelData::Native { tag, .. } => {
            Err(Refusal::new("unsupported", format!("Regions of {} cannot be blanked.", named(tag))))
        }
        PixelData::Encapsulated { .. } => {
            let (mut bytes, mut decoded_as) = (Vec::new(), "MONOCHROME2");
            for frame in 0..encoded.frames {
                let decoded = decode(frame)?;
                decoded_as = match decoded.photometric {
                    Photometric::Monochrome1 => "MONOCHROME1",
                    Photometric::Monochrome2 => "MONOCHROME2",
                    Photometric::PaletteColor => "PALETTE COLOR",
                    Photometric::Rgb => "RGB",
                    Photometric::YbrFull => "YBR_FULL",
                };
                let from = bytes.len();
                append(&decoded.samples, &mut bytes);
                let plain = Encoded {
                    frames: 1,
                    planar: false,
                    photometric: decoded_as.to_owned(),
                    ..encoded.clone()
                };
                if bytes.len() - from
                    != plain.samples_per_frame() * (plain.bits_allocated as usize).div_ceil(8)
                {
                    let why = "Bits Allocated (0028,0100) does not fit the decoded samples; regions cannot be blanked.";
                    return Err(Refusal::new("unsupported", why));
                }
                blank_native(&plain, mask, false, &mut bytes[from..])?;
            }
            Ok(Blanked { bytes, decoded_as: Some(decoded_as) })
        }
    }
}

fn append(samples: &Samples, out: &mut Vec<u8>) {
    if cfg!(target_endian = "little") {
        with_samples!(samples, values => out.extend_from_slice(bytemuck::cast_slice(values)));
    } else {
        out.extend_from_slice(&samples.to_le_bytes());
    }
}

/// Black in samples of whole bytes.
fn blank_native(encoded: &Encoded, mask: &[bool], big_endian: bool, bytes: &mut [u8]) -> Result<(), Refusal> {
    let width = (encoded.bits_allocated / 8) as usize;
    let subsampled = encoded.photometric == "YBR_FULL_422" && encoded.samples_per_pixel == 3;
    if !matches!(encoded.bits_allocated, 8 | 16 | 32) || subsampled && encoded.planar {
        let why = format!("Regions of pixels with {} bits cannot be blanked.", encoded.bits_allocated);
        return Err(Refusal::new("unsupported", why));
    }
    let middle = 1_u32 << (encoded.bits_stored - 1);
    let black: Vec<u32> = match (encoded.photometric.as_str(), encoded.signed) {
        ("MONOCHROME1", false) => vec![middle - 1 + middle],
        ("MONOCHROME1", true) => vec![middle - 1],
        (photometric, _) if photometric.starts_with("YBR_FULL") => vec![0, middle, middle],
        _ => vec![0; encoded.samples_per_pixel],
    };
    let mut put = |at: usize, value: u32| {
        let Some(sample) = bytes.get_mut(at..at + width) else { return };
        let little = value.to_le_bytes();
        sample.copy_from_slice(&little[..width]);
        if big_endian {
            sample.reverse();
        }
    };
    let (pixels, samples) = (mask.len(), encoded.samples_per_pixel);
    for frame in 0..encoded.frames {
        for pixel in (0..pixels).filter(|pixel| mask[*pixel]) {
            if subsampled {
                // Y Y Cb Cr for two pixels: the chroma of a half-black pair is black too.
                let pair = (frame * pixels + pixel) / 2 * 4 * width;
                put(pair + (pixel % 2) * width, black[0]);
                put(pair + 2 * width, black[1]);
                put(pair + 3 * width, black[2]);
                continue;
            }
            for (sample, value) in black.iter().enumerate() {
                let at = match encoded.planar {
                    true => (frame * samples + sample) * pixels + pixel,
                    false => (frame * pixels + pixel) * samples + sample,
                };
                put(at * width, *value);
            }
        }
    }
    Ok(())
}
