//! Part 10 files (PS3.10 7): preamble, meta header, data set in explicit VR little endian.
//!
//! Sequences and items have defined lengths, text is UTF-8 (ISO_IR 192), values are padded to even length.

use crate::attribute::{Tag, named, tags};
use crate::new_dataset::{NewDataset, NewValue};
use medsight_record::Refusal;

/// Implementation Class UID (0002,0012; PS3.7 D.3.3.2): this software, in files and in associations, a UUID under 2.25.
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.193614620378224870614327610835270923417";
/// Implementation Version Name (0002,0013), at most 16 characters.
pub const IMPLEMENTATION_VERSION: &str = concat!("MEDSIGHT_", env!("CARGO_PKG_VERSION"));
/// Explicit VR little endian.
const EXPLICIT: &str = "1.2.840.10008.1.2.1";

impl NewDataset {
    /// The bytes of a file. SOP Class UID and SOP Instance UID of the data set go into the meta header too.
    ///
    /// # Errors
    /// `unwritable`: the first value that the standard does not allow, or a value too long for its VR.
    pub fn to_file(&self) -> Result<Vec<u8>, Refusal> {
        let uid = |tag: Tag| match self.elements.get(&tag).map(|e| &e.value) {
            Some(NewValue::Bytes(bytes)) if !bytes.is_empty() => Ok(bytes.clone()),
            _ => Err(Refusal::new("unwritable", format!("{} has no value.", named(tag)))),
        };
        let (class, instance) = (uid(tags::SOP_CLASS_UID)?, uid(tags::SOP_INSTANCE_UID)?);
        if let Some(problem) = self.problem() {
            return Err(problem.clone());
        }
        let mut meta = Vec::new();
        element(&mut meta, tags::FILE_META_INFORMATION_VERSION, *b"OB", &[0, 1])?;
        element(&mut meta, tags::MEDIA_STORAGE_SOP_CLASS_UID, *b"UI", &class)?;
        element(&mut meta, tags::MEDIA_STORAGE_SOP_INSTANCE_UID, *b"UI", &instance)?;
        element(&mut meta, tags::TRANSFER_SYNTAX_UID, *b"UI", EXPLICIT.as_bytes())?;
        element(&mut meta, tags::IMPLEMENTATION_CLASS_UID, *b"UI", IMPLEMENTATION_CLASS_UID.as_bytes())?;
        element(&mut meta, tags::IMPLEMENTATION_VERSION_NAME, *b"SH", IMPLEMENTATION_VERSION.as_bytes())?;

        let mut out = vec![0; 128];
        out.extend(b"DICM");
        let length = meta.len() as u32; // six short values
        element(&mut out, tags::FILE_META_INFORMATION_GROUP_LENGTH, *b"UL", &length.to_le_bytes())?;
        out.extend(meta);
        let mut data = self.clone();
        data.text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
        dataset(&mut out, &data)?;
        Ok(out)
    }
}

fn dataset(out: &mut Vec<u8>, data: &NewDataset) -> Result<(), Refusal> {
    for (tag, new) in &data.elements {
        match &new.value {
            NewValue::Bytes(bytes) => element(out, *tag, new.vr, bytes)?,
            NewValue::Items(items) => {
                let start = out.len();
                header(out, *tag, new.vr, 0)?;
                let value = out.len();
                for item in items {
                    out.extend([0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0]);
                    let inside = out.len();
                    dataset(out, item)?;
                    set_length(out, *tag, inside - 4, inside)?;
                }
                set_length(out, *tag, start + 8, value)?;
            }
        }
    }
    Ok(())
}

/// Puts the count of the bytes from `from` to the end at `at`.
fn set_length(out: &mut [u8], tag: Tag, at: usize, from: usize) -> Result<(), Refusal> {
    let length =
        u32::try_from(out.len() - from).ok().filter(|l| *l < u32::MAX).ok_or_else(|| too_long(tag))?;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn element(out: &mut Vec<u8>, tag: Tag, vr: [u8; 2], value: &[u8]) -> Result<(), Refusal> {
    header(out, tag, vr, value.len() + value.len() % 2)?;
    out.extend(value);
    if value.len() % 2 == 1 {
        // PS3.5 6.2: UIDs and bytes are padded with 0, text with a space.
        out.push(if matches!(&vr, b"UI" | b"OB" | b"UN") { 0 } else { b' ' });
    }
    Ok(())
}

/// PS3.5 7.1.2: a length of 16 bits for most VRs, of 32 bits behind two reserved bytes for the others.
fn header(out: &mut Vec<u8>, tag: Tag, vr: [u8; 2], length: usize) -> Result<(), Refusal> {
    out.extend(tag.group().to_le_bytes());
    out.extend(tag.element().to_le_bytes());
    out.extend(vr);
    let long = matches!(&vr, b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ")
        || matches!(&vr, b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV");
    if long {
        let length = u32::try_from(length).ok().filter(|l| *l < u32::MAX).ok_or_else(|| too_long(tag))?;
        out.extend([0, 0]);
        out.extend(length.to_le_bytes());
    } else {
        let length = u16::try_from(length).map_err(|_| too_long(tag))?;
        out.extend(length.to_le_bytes());
    }
    Ok(())
}

fn too_long(tag: Tag) -> Refusal {
    Refusal::new("unwritable", format!("{} cannot be written: it is too long for a file.", named(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Object;

    fn sample() -> NewDataset {
        let mut data = NewDataset::new();
        data.text(tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.7").text(tags::SOP_INSTANCE_UID, "2.25.7");
        data
    }

    #[test]
    fn what_is_written_is_read_back_the_same_in_every_kind_of_value() {
        let mut data = sample();
        data.text(tags::PATIENT_NAME, "Müller^Zoë=山田^太郎").integers(tags::ROWS, &[7]);
        data.texts(tags::IMAGE_TYPE, &["DERIVED", "PRIMARY"]).reals(tags::SLICE_THICKNESS, &[2.5]);
        data.reals(tags::REAL_WORLD_VALUE_SLOPE, &[0.1]).empty(tags::ACCESSION_NUMBER);
        data.pointers(tags::DIMENSION_INDEX_POINTER, &[tags::ROWS]);
        data.items(
            tags::SEGMENT_SEQUENCE,
            ["odd", "even"]
                .map(|label| {
                    let mut item = NewDataset::new();
                    item.text(tags::SEGMENT_LABEL, label).with_item(tags::ANATOMIC_REGION_SEQUENCE, |code| {
                        code.text(tags::CODE_VALUE, "1");
                    });
                    item
                })
                .to_vec(),
        );
        data.bytes(tags::PIXEL_DATA, b"OB", vec![1, 2, 3]);
        let file = data.to_file().unwrap();
        assert_eq!(file.len() % 2, 0);
        let object = Object::parse(&file).unwrap();
        let read = object.data();
        assert_eq!(object.transfer_syntax(), EXPLICIT);
        assert_eq!(read.text(tags::PATIENT_NAME).unwrap(), "Müller^Zoë=山田^太郎");
        assert_eq!(read.texts(tags::IMAGE_TYPE), ["DERIVED", "PRIMARY"]);
        assert_eq!(read.number(tags::REAL_WORLD_VALUE_SLOPE).unwrap(), Some(0.1));
        assert!(read.has(tags::ACCESSION_NUMBER) && read.text(tags::ACCESSION_NUMBER).is_none());
        let labels = read.items(tags::SEGMENT_SEQUENCE);
        let labels: Vec<_> = labels.iter().map(|i| i.text_or_empty(tags::SEGMENT_LABEL)).collect();
        assert_eq!(labels, ["odd", "even"]);
        assert_eq!(read.raw(tags::PIXEL_DATA).unwrap(), [1, 2, 3, 0]);

        // Copied whole it is the same file again.
        assert_eq!(NewDataset::copy_of(&read).to_file().unwrap(), file);
    }

    #[test]
    fn the_meta_headers_group_length_leads_to_the_data_set() {
        let file = sample().to_file().unwrap();
        assert_eq!(&file[128..132], b"DICM");
        let length = u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
        assert_eq!(&file[144 + length..144 + length + 4], [8, 0, 5, 0]); // Specific Character Set
    }

    #[test]
    fn a_value_too_long_for_its_vr_is_refused_not_cut() {
        let mut data = sample();
        data.reals(tags::GRAPHIC_DATA, &vec![1.0; 16_384]);
        let reason = data.to_file().unwrap_err().reason;
        assert!(reason.contains("Graphic Data (0070,0022)"), "{reason}");
    }
}
