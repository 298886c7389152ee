//! Between a data set as it travels and a file as it lies on a disk: the meta header of PS3.10 7.1.
//!
//! The data set itself is never touched: what was received is written, byte for byte, and what is in the file
//! is sent.

use crate::command::put;
use medsight_dicom::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION, Object, tags};
use medsight_record::Refusal;

/// What an object is, as the association has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub instance: String,
    /// Transfer syntax that the data set is written in.
    pub transfer_syntax: String,
}

/// The preamble, the mark and the meta header that go before a data set received from `source_ae`.
pub(crate) fn file_head(name: &ObjectName, source_ae: &str) -> Vec<u8> {
    let mut group = Vec::with_capacity(256);
    let mut element = |number: u16, vr: &[u8; 2], value: &[u8], pad: u8| {
        let padded = value.len() + value.len() % 2;
        group.extend_from_slice(&[2, 0]);
        group.extend_from_slice(&number.to_le_bytes());
        group.extend_from_slice(vr);
        if vr == b"OB" {
            group.extend_from_slice(&[0, 0]);
            group.extend_from_slice(&(padded as u32).to_le_bytes());
        } else {
            group.extend_from_slice(&(padded as u16).to_le_bytes());
        }
        group.extend_from_slice(value);
        if padded > value.len() {
            group.push(pad);
        }
    };
    element(0x0001, b"OB", &[0, 1], 0);
    element(0x0002, b"UI", name.sop_class.as_bytes(), 0);
    element(0x0003, b"UI", name.instance.as_bytes(), 0);
    element(0x0010, b"UI", name.transfer_syntax.as_bytes(), 0);
    element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID.as_bytes(), 0);
    element(0x0013, b"SH", IMPLEMENTATION_VERSION.as_bytes(), b' ');
    if !source_ae.is_empty() {
        element(0x0016, b"AE", source_ae.as_bytes(), b' ');
    }
    let mut head = vec![0; 128];
    head.extend_from_slice(b"DICM");
    head.extend_from_slice(&[2, 0, 0, 0, b'U', b'L', 4, 0]);
    head.extend_from_slice(&(group.len() as u32).to_le_bytes());
    head.append(&mut group);
    head
}

/// What the file is, and where its data set begins. `bytes` may be the beginning of the file only.
///
/// # Errors
/// `not_dicom`, `missing_attribute`: without class, instance and syntax nothing can be sent.
pub(crate) fn name_of(bytes: &[u8]) -> Result<(ObjectName, usize), Refusal> {
    if bytes.get(128..132) != Some(b"DICM") {
        return name_without_meta(bytes);
    }
    let (mut at, mut found) = (132, [const { String::new() }; 3]);
    while bytes.get(at..at + 2) == Some(&[2, 0]) {
        let Some(head) = bytes.get(at..at + 12) else { return Err(cut_off()) };
        let long = matches!(&head[4..6], b"OB" | b"UN" | b"UT" | b"OW" | b"SQ");
        let (length, skip) = if long {
            (u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize, 12)
        } else {
            (usize::from(u16::from_le_bytes([head[6], head[7]])), 8)
        };
        let start = at + skip;
        let value = start.checked_add(length).and_then(|end| bytes.get(start..end)).ok_or_else(cut_off)?;
        let slot = match u16::from_le_bytes([head[2], head[3]]) {
            0x0002 => Some(0),
            0x0003 => Some(1),
            0x0010 => Some(2),
            _ => None,
        };
        if let Some(slot) = slot {
            found[slot] = String::from_utf8_lossy(value).trim_matches(['\0', ' ']).to_owned();
        }
        at = start + length;
    }
    let [sop_class, instance, transfer_syntax] = found;
    let name = ObjectName { sop_class, instance, transfer_syntax };
    checked(name).map(|name| (name, at))
}

/// A bare data set says what it is in its own attributes.
fn name_without_meta(bytes: &[u8]) -> Result<(ObjectName, usize), Refusal> {
    let object = Object::parse(bytes)?;
    let data = object.data();
    let name = ObjectName {
        sop_class: data.text_or_empty(tags::SOP_CLASS_UID),
        instance: data.text_or_empty(tags::SOP_INSTANCE_UID),
        transfer_syntax: object.transfer_syntax().to_owned(),
    };
    checked(name).map(|name| (name, 0))
}

fn checked(name: ObjectName) -> Result<ObjectName, Refusal> {
    for (value, attribute) in [
        (&name.sop_class, "SOP Class UID (0008,0016)"),
        (&name.instance, "SOP Instance UID (0008,0018)"),
        (&name.transfer_syntax, "Transfer Syntax UID (0002,0010)"),
    ] {
        if medsight_base::Uid::parse(value).is_err() {
            return Err(Refusal::new(
                "missing_attribute",
                format!("{attribute} is missing or no UID; the file cannot be sent."),
            ));
        }
    }
    Ok(name)
}

fn cut_off() -> Refusal {
    Refusal::new("truncated", "The file ends inside its meta header (group 0002).")
}

/// A whole small data set (an answer to a query) as a file, so that one parser reads everything.
pub(crate) fn as_object(transfer_syntax: &str, data: &[u8]) -> Result<Object<'static>, Refusal> {
    let name = ObjectName {
        sop_class: String::new(),
        instance: String::new(),
        transfer_syntax: transfer_syntax.to_owned(),
    };
    let mut file = file_head(&name, "");
    file.extend_from_slice(data);
    Object::from_vec(file)
}

/// An identifier's text with the padding that its VR asks for; used by [`crate::keys`] too.
pub(crate) fn put_text(out: &mut Vec<u8>, tag: medsight_dicom::Tag, text: &str, pad: u8) {
    let mut value = text.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(pad);
    }
    put(out, tag, &value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_before_a_received_data_set_reads_back_as_its_name() {
        let name = ObjectName {
            sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
            instance: "1.2.3".into(),
            transfer_syntax: "1.2.840.10008.1.2.4.80".into(),
        };
        let mut file = file_head(&name, "MODALITY");
        let length = file.len();
        file.extend_from_slice(&[8, 0, 5, 0, b'C', b'S', 0, 0]);
        assert_eq!(name_of(&file).unwrap(), (name.clone(), length));
        assert_eq!(Object::parse(&file).unwrap().transfer_syntax(), name.transfer_syntax);
    }

    #[test]
    fn a_meta_header_that_lies_about_its_length_is_refused() {
        let name = ObjectName {
            sop_class: "1.2".into(),
            instance: "1.2.3".into(),
            transfer_syntax: "1.2.840.10008.1.2".into(),
        };
        let mut file = file_head(&name, "A");
        file[150..154].copy_from_slice(&[0xFF; 4]);
        assert_eq!(name_of(&file).unwrap_err().code, "truncated");
    }
}
