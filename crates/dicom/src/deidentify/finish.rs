//! The end of the file: what was done to it, the pixels, the meta header.

use super::profile::{DeidentifyOption as O, Profile};
use super::walk::{Piece, Walk};
use super::{DecodeFrame, Deidentified, encode, overlays, pixels};
use crate::attribute::{Tag, missing, named, tags};
use crate::object::{DEFLATED, EXPLICIT, EXPLICIT_BIG_ENDIAN, IMPLICIT, Object, PixelData, is_pixel_data};
use crate::parse::Encoding;
use crate::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION};
use medsight_base::InstanceUid;
use medsight_record::Refusal;
use std::borrow::Cow;
use std::io::Write;

/// The smallest whole PDF with one empty page, in place of an encapsulated document.
pub(super) const BLANK_PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>endobj\n\
xref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000053 00000 n \n0000000102 00000 n \n\
trailer<</Size 4/Root 1 0 R>>\nstartxref\n168\n%%EOF\n";

/// Adds what the profile demands and makes the file.
pub(super) fn file(
    object: &Object<'_>,
    walk: &Walk<'_>,
    mut pieces: Vec<Piece>,
    plan: &pixels::Plan,
    decode: &DecodeFrame<'_>,
) -> Result<Deidentified, Refusal> {
    let data = object.data();
    let encoding = data.encoding;
    let mut syntax = written_syntax(object);
    note(&mut pieces, encoding, walk.profile, &data.texts(tags::DEIDENTIFICATION_METHOD));
    if data.has(tags::ENCAPSULATED_DOCUMENT) {
        pieces.retain(|(tag, _)| *tag != tags::ENCAPSULATED_DOCUMENT_LENGTH);
    }
    let mut cleaned_frames = 0;
    if plan.mask.iter().any(|black| *black) {
        let blanked = pixels::blank(object, &plan.mask, decode)?;
        cleaned_frames = data.integer(tags::NUMBER_OF_FRAMES)?.map_or(1, |n| n.max(1) as usize);
        put(&mut pieces, encoding, tags::BURNED_IN_ANNOTATION, *b"CS", b"NO");
        blank_overlays(object, &mut pieces, &plan.mask)?;
        let mut vr = data.find(tags::PIXEL_DATA).map_or(*b"OW", |element| element.vr);
        if let Some(photometric) = blanked.decoded_as {
            lossy_history(object, &mut pieces, &syntax, blanked.bytes.len());
            EXPLICIT.clone_into(&mut syntax);
            vr = if data.integer(tags::BITS_ALLOCATED)?.unwrap_or(16) > 8 { *b"OW" } else { *b"OB" };
            put(&mut pieces, encoding, tags::PHOTOMETRIC_INTERPRETATION, *b"CS", photometric.as_bytes());
            if data.has(tags::PLANAR_CONFIGURATION) {
                put(&mut pieces, encoding, tags::PLANAR_CONFIGURATION, *b"US", &[0, 0]);
            }
            pieces.retain(|(tag, _)| !matches!(tag, Tag(0x7FE0, 0x0001..=0x0003)));
        }
        let bytes = without_overlay(object, plan, &blanked.bytes)?;
        put(&mut pieces, encoding, tags::PIXEL_DATA, vr, &bytes);
    } else {
        for element in data.elements.iter().filter(|element| is_pixel_data(element.tag)) {
            let value = without_overlay(object, plan, &data.bytes[element.start..element.end])?;
            let mut piece = Vec::with_capacity(value.len() + 20);
            if element.undefined {
                encode::head(&mut piece, encoding, element.tag, element.vr, encode::UNDEFINED);
                piece.extend_from_slice(&value);
                encode::head(&mut piece, encoding, Tag(0xFFFE, 0xE0DD), [0; 2], 0);
            } else {
                encode::element(&mut piece, encoding, element.tag, element.vr, &value);
            }
            pieces.push((element.tag, piece));
        }
    }
    pieces.sort_by_key(|(tag, _)| *tag);
    let class = data.text(tags::SOP_CLASS_UID).ok_or_else(|| missing(tags::SOP_CLASS_UID))?;
    let uid = data.text(tags::SOP_INSTANCE_UID).ok_or_else(|| missing(tags::SOP_INSTANCE_UID))?;
    let instance_uid = if walk.profile.has(O::RetainUids) { uid } else { walk.pseudonyms.uid(&uid) };
    // It becomes a file name: what is no UID must not.
    let instance_uid = InstanceUid::parse(&instance_uid)
        .map_err(|why| {
            Refusal::new("bad_attribute", format!("{} cannot be used: {why}.", named(tags::SOP_INSTANCE_UID)))
        })?
        .to_string();
    let mut bytes = meta_header(&class, &instance_uid, &syntax);
    append(&mut bytes, pieces, syntax == DEFLATED)?;
    // A damaged file of mixed encodings may come out as one that nobody can open: that is no export.
    Object::parse(&bytes)?;
    Ok(Deidentified { bytes, instance_uid, cleaned_frames, may_show_identity: plan.may_show_identity })
}

/// Uncompressed samples without the overlay that lies in their unused bits; all others as they are.
fn without_overlay<'v>(
    object: &Object<'_>,
    plan: &pixels::Plan,
    value: &'v [u8],
) -> Result<Cow<'v, [u8]>, Refusal> {
    let (Some(bits), Some(PixelData::Native { big_endian, tag, .. })) =
        (plan.image_bits, object.pixel_data())
    else {
        return Ok(Cow::Borrowed(value));
    };
    let allocated = object.data().integer(tags::BITS_ALLOCATED)?.unwrap_or(16);
    if tag != tags::PIXEL_DATA || !matches!(allocated, 8 | 16 | 32) {
        return Ok(Cow::Borrowed(value));
    }
    let mut value = value.to_vec();
    pixels::keep_bits(&mut value, allocated as u32, big_endian, bits);
    Ok(Cow::Owned(value))
}

/// Pixels that were compressed with loss stay so when they are decoded (PS3.3 C.7.6.1.1.5). Syntaxes that may be
/// either leave it to what the file says.
fn lossy_history(object: &Object<'_>, pieces: &mut Vec<Piece>, syntax: &str, decoded_bytes: usize) {
    let method = match syntax.strip_prefix("1.2.840.10008.1.2.4.") {
        Some("50" | "51" | "53" | "55") => "ISO_10918_1",
        Some("81") => "ISO_14495_1",
        _ => return,
    };
    let (data, encoding) = (object.data(), object.data().encoding);
    if data.text_or_empty(tags::LOSSY_IMAGE_COMPRESSION) == "01" {
        return;
    }
    let Some(PixelData::Encapsulated { fragments, .. }) = object.pixel_data() else { return };
    let stored = fragments.iter().map(|fragment| fragment.len()).sum::<usize>().max(1);
    let ratio = format!("{:.2}", decoded_bytes as f64 / stored as f64);
    put(pieces, encoding, tags::LOSSY_IMAGE_COMPRESSION, *b"CS", b"01");
    put(pieces, encoding, tags::LOSSY_IMAGE_COMPRESSION_RATIO, *b"DS", ratio.as_bytes());
    put(pieces, encoding, tags::LOSSY_IMAGE_COMPRESSION_METHOD, *b"CS", method.as_bytes());
}

/// Blanks in the overlay planes that stay what is blanked in the image below.
fn blank_overlays(object: &Object<'_>, pieces: &mut Vec<Piece>, mask: &[bool]) -> Result<(), Refusal> {
    let data = object.data();
    let columns = data.integer(tags::COLUMNS)?.and_then(|n| usize::try_from(n).ok()).unwrap_or(0).max(1);
    let is_plane = |tag: &Tag| overlays::GROUPS.contains(&tag.group()) && tag.element() == overlays::DATA;
    let planes: Vec<Tag> = pieces.iter().map(|(tag, _)| *tag).filter(is_plane).collect();
    for tag in planes {
        match overlays::blanked(&data, tag.group(), mask, columns) {
            Some(bits) => {
                let vr = data.find(tag).map_or(*b"OW", |element| element.vr);
                put(pieces, data.encoding, tag, vr, &bits);
            }
            None => pieces.retain(|(at, _)| at.group() != tag.group()),
        }
    }
    Ok(())
}

/// The transfer syntax of what is written: that of the file, or what its bytes are where the file says another.
fn written_syntax(object: &Object<'_>) -> String {
    let (declared, data) = (object.transfer_syntax(), object.data());
    let plain = [IMPLICIT, EXPLICIT, EXPLICIT_BIG_ENDIAN];
    if !plain.contains(&declared) {
        return declared.to_owned();
    }
    let index = match data.encoding {
        Encoding { explicit: false, .. } => 0,
        Encoding { big_endian: false, .. } => 1,
        _ => 2,
    };
    plain[index].to_owned()
}

/// What was done to the file (PS3.15 E.1.1, PS3.3 C.7.1.1 and C.12.1).
fn note(pieces: &mut Vec<Piece>, encoding: Encoding, profile: &Profile, before: &[String]) {
    let mut codes = vec![code_item(encoding, Profile::BASIC_CODE.0, Profile::BASIC_CODE.1)];
    codes.extend(profile.options().map(|option| code_item(encoding, option.code().0, option.code().1)));
    let mut method: Vec<String> = before.to_vec();
    method.push(format!("MedSight {}, PS3.15 2026c", env!("CARGO_PKG_VERSION")));
    method.extend(profile.to_string().split('+').map(str::to_owned));
    put(pieces, encoding, tags::PATIENT_IDENTITY_REMOVED, *b"CS", b"YES");
    put(pieces, encoding, tags::DEIDENTIFICATION_METHOD, *b"LO", method.join("\\").as_bytes());
    let dates: &[u8] = match () {
        () if profile.has(O::RetainFullDates) => b"UNMODIFIED",
        () if profile.has(O::RetainModifiedDates) => b"MODIFIED",
        () => b"REMOVED",
    };
    put(pieces, encoding, tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, *b"CS", dates);
    let tag = tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE;
    pieces.retain(|(at, _)| *at != tag);
    let mut sequence = Vec::new();
    let vr = if encoding.explicit { *b"SQ" } else { [0; 2] };
    encode::sequence(&mut sequence, encoding, encoding, tag, vr, &codes);
    pieces.push((tag, sequence));
}

/// A code of the DICOM controlled terminology (PS3.16 annex D), as an item.
pub(super) fn code_item(encoding: Encoding, value: &str, meaning: &str) -> Vec<u8> {
    let mut item = Vec::new();
    let vr = |vr| if encoding.explicit { vr } else { [0; 2] };
    encode::element(&mut item, encoding, tags::CODE_VALUE, vr(*b"SH"), value.as_bytes());
    encode::element(&mut item, encoding, tags::CODING_SCHEME_DESIGNATOR, vr(*b"SH"), b"DCM");
    encode::element(&mut item, encoding, tags::CODE_MEANING, vr(*b"LO"), meaning.as_bytes());
    item
}

/// Puts an element in the place of the one with its tag.
fn put(pieces: &mut Vec<Piece>, encoding: Encoding, tag: Tag, vr: [u8; 2], value: &[u8]) {
    pieces.retain(|(at, _)| *at != tag);
    let vr = if encoding.explicit { vr } else { [0; 2] };
    let mut piece = Vec::with_capacity(value.len() + 16);
    encode::element(&mut piece, encoding, tag, vr, value);
    pieces.push((tag, piece));
}

/// Preamble, mark and group 0002 (PS3.10 7.1). The preamble is zeros: it can hold a program (CVE-2019-11687).
fn meta_header(class: &str, instance: &str, syntax: &str) -> Vec<u8> {
    let mut group = Vec::new();
    let mut element = |tag, vr, value: &[u8]| encode::element(&mut group, Encoding::EXPLICIT, tag, vr, value);
    element(tags::FILE_META_INFORMATION_VERSION, *b"OB", &[0, 1]);
    element(tags::MEDIA_STORAGE_SOP_CLASS_UID, *b"UI", class.as_bytes());
    element(tags::MEDIA_STORAGE_SOP_INSTANCE_UID, *b"UI", instance.as_bytes());
    element(tags::TRANSFER_SYNTAX_UID, *b"UI", syntax.as_bytes());
    element(tags::IMPLEMENTATION_CLASS_UID, *b"UI", IMPLEMENTATION_CLASS_UID.as_bytes());
    element(tags::IMPLEMENTATION_VERSION_NAME, *b"SH", IMPLEMENTATION_VERSION.as_bytes());
    let mut bytes = vec![0; 128];
    bytes.extend_from_slice(b"DICM");
    let length = (group.len() as u32).to_le_bytes();
    encode::element(
        &mut bytes,
        Encoding::EXPLICIT,
        tags::FILE_META_INFORMATION_GROUP_LENGTH,
        *b"UL",
        &length,
    );
    bytes.extend_from_slice(&group);
    bytes
}

fn append(bytes: &mut Vec<u8>, pieces: Vec<Piece>, deflate: bool) -> Result<(), Refusal> {
    if !deflate {
        bytes.reserve_exact(pieces.iter().map(|(_, piece)| piece.len()).sum());
        pieces.iter().for_each(|(_, piece)| bytes.extend_from_slice(piece));
        return Ok(());
    }
    let mut deflater = flate2::write::DeflateEncoder::new(bytes, flate2::Compression::default());
    let written = pieces.iter().try_for_each(|(_, piece)| deflater.write_all(piece));
    match written.and_then(|()| deflater.finish().map(drop)) {
        Ok(()) => Ok(()),
        Err(_) => Err(Refusal::new("fault", "The data set could not be deflated.")),
    }
}
