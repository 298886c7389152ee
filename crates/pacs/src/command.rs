//! DIMSE commands (PS3.7 9, 10 and annex E): a small data set of group 0000, always implicit little endian.

use crate::NetError;
use medsight_dicom::Tag;

/// Command Field (0000,0100) of the services used here.
pub(crate) mod field {
    pub(crate) const C_STORE_RQ: u16 = 0x0001;
    pub(crate) const C_STORE_RSP: u16 = 0x8001;
    pub(crate) const C_GET_RQ: u16 = 0x0010;
    pub(crate) const C_GET_RSP: u16 = 0x8010;
    pub(crate) const C_FIND_RQ: u16 = 0x0020;
    pub(crate) const C_FIND_RSP: u16 = 0x8020;
    pub(crate) const C_MOVE_RQ: u16 = 0x0021;
    pub(crate) const C_MOVE_RSP: u16 = 0x8021;
    pub(crate) const C_ECHO_RQ: u16 = 0x0030;
    pub(crate) const C_ECHO_RSP: u16 = 0x8030;
    pub(crate) const C_CANCEL_RQ: u16 = 0x0FFF;
    pub(crate) const N_EVENT_REPORT_RQ: u16 = 0x0100;
    pub(crate) const N_EVENT_REPORT_RSP: u16 = 0x8100;
    pub(crate) const N_ACTION_RQ: u16 = 0x0130;
    pub(crate) const N_ACTION_RSP: u16 = 0x8130;
}

/// Attributes of group 0000.
pub(crate) mod tag {
    use medsight_dicom::Tag;
    pub(crate) const AFFECTED_CLASS: Tag = Tag(0, 0x0002);
    pub(crate) const REQUESTED_CLASS: Tag = Tag(0, 0x0003);
    pub(crate) const FIELD: Tag = Tag(0, 0x0100);
    pub(crate) const MESSAGE_ID: Tag = Tag(0, 0x0110);
    pub(crate) const RESPONDED_ID: Tag = Tag(0, 0x0120);
    pub(crate) const DESTINATION: Tag = Tag(0, 0x0600);
    pub(crate) const PRIORITY: Tag = Tag(0, 0x0700);
    pub(crate) const DATA_SET_TYPE: Tag = Tag(0, 0x0800);
    pub(crate) const STATUS: Tag = Tag(0, 0x0900);
    pub(crate) const AFFECTED_INSTANCE: Tag = Tag(0, 0x1000);
    pub(crate) const REQUESTED_INSTANCE: Tag = Tag(0, 0x1001);
    pub(crate) const EVENT_TYPE: Tag = Tag(0, 0x1002);
    pub(crate) const ACTION_TYPE: Tag = Tag(0, 0x1008);
    pub(crate) const REMAINING: Tag = Tag(0, 0x1020);
    pub(crate) const COMPLETED: Tag = Tag(0, 0x1021);
    pub(crate) const FAILED: Tag = Tag(0, 0x1022);
    pub(crate) const WARNING: Tag = Tag(0, 0x1023);
}

/// Command Data Set Type (0000,0800) that says that no data set follows.
const NO_DATA_SET: u16 = 0x0101;

/// A command set: its elements, in the order of their tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Command {
    elements: Vec<(Tag, Vec<u8>)>,
}

impl Command {
    /// A request or response of the kind `field`; `with_data` when a data set follows it.
    pub(crate) fn new(field: u16, with_data: bool) -> Self {
        let kind = if with_data { 0x0001 } else { NO_DATA_SET };
        Self::default().number(tag::FIELD, field).number(tag::DATA_SET_TYPE, kind)
    }

    /// Adds a number.
    pub(crate) fn number(mut self, tag: Tag, value: u16) -> Self {
        self.set(tag, value.to_le_bytes().to_vec());
        self
    }

    /// Adds a UID; an empty one is left out.
    pub(crate) fn uid(mut self, tag: Tag, value: &str) -> Self {
        if !value.is_empty() {
            self.set(tag, padded(value, 0));
        }
        self
    }

    /// Adds an application entity title.
    pub(crate) fn title(mut self, tag: Tag, value: &str) -> Self {
        self.set(tag, padded(value, b' '));
        self
    }

    fn set(&mut self, tag: Tag, value: Vec<u8>) {
        match self.elements.binary_search_by_key(&tag, |(tag, _)| *tag) {
            Ok(at) => self.elements[at].1 = value,
            Err(at) => self.elements.insert(at, (tag, value)),
        }
    }

    fn value(&self, tag: Tag) -> Option<&[u8]> {
        let at = self.elements.binary_search_by_key(&tag, |(tag, _)| *tag).ok()?;
        Some(&self.elements[at].1)
    }

    /// A number of the command, if it has it.
    pub(crate) fn get(&self, tag: Tag) -> Option<u16> {
        self.value(tag)?.try_into().ok().map(u16::from_le_bytes)
    }

    /// A text of the command without its padding; empty when it is not there.
    pub(crate) fn text(&self, tag: Tag) -> String {
        let value = self.value(tag).unwrap_or_default();
        String::from_utf8_lossy(value).trim_matches(['\0', ' ']).to_owned()
    }

    /// Command Field; 0, which no service has, when it is missing.
    pub(crate) fn field(&self) -> u16 {
        self.get(tag::FIELD).unwrap_or(0)
    }

    /// Status (0000,0900); a response without one counts as a failure.
    pub(crate) fn status(&self) -> u16 {
        self.get(tag::STATUS).unwrap_or(0xC000)
    }

    /// Whether a data set follows.
    pub(crate) fn has_data(&self) -> bool {
        self.get(tag::DATA_SET_TYPE).is_some_and(|kind| kind != NO_DATA_SET)
    }

    /// The response to this request, with `status`.
    pub(crate) fn response(&self, status: u16) -> Self {
        Self::new(self.field() | 0x8000, false)
            .number(tag::RESPONDED_ID, self.get(tag::MESSAGE_ID).unwrap_or(0))
            .uid(tag::AFFECTED_CLASS, &self.text(tag::AFFECTED_CLASS))
            .uid(tag::AFFECTED_INSTANCE, &self.text(tag::AFFECTED_INSTANCE))
            .number(tag::STATUS, status)
    }

    /// As it travels, with its group length first.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(192);
        for (tag, value) in &self.elements {
            put(&mut body, *tag, value);
        }
        let mut out = Vec::with_capacity(body.len() + 12);
        put(&mut out, Tag(0, 0), &(body.len() as u32).to_le_bytes());
        out.append(&mut body);
        out
    }

    /// Reads a command set. Elements of other groups cannot stand in it.
    ///
    /// # Errors
    /// [`NetError::Protocol`].
    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, NetError> {
        let mut command = Self::default();
        while !bytes.is_empty() {
            let Some((head, rest)) = bytes.split_first_chunk::<8>() else {
                return Err(NetError::malformed("a command that ends inside an element"));
            };
            let group = u16::from_le_bytes([head[0], head[1]]);
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let value = rest.get(..length);
            let Some(value) = value.filter(|_| group == 0) else {
                return Err(NetError::malformed("a command with an element that cannot stand in it"));
            };
            command.set(Tag(0, u16::from_le_bytes([head[2], head[3]])), value.to_vec());
            bytes = &rest[length..];
        }
        Ok(command)
    }
}

/// One element in implicit little endian (PS3.5 7.1.3).
pub(crate) fn put(out: &mut Vec<u8>, tag: Tag, value: &[u8]) {
    out.extend_from_slice(&tag.group().to_le_bytes());
    out.extend_from_slice(&tag.element().to_le_bytes());
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(value);
}

fn padded(value: &str, pad: u8) -> Vec<u8> {
    let mut value = value.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(pad);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_back_as_it_was_written() {
        let echo = Command::new(field::C_ECHO_RQ, false)
            .number(tag::MESSAGE_ID, 7)
            .uid(tag::AFFECTED_CLASS, "1.2.840.10008.1.1");
        let back = Command::decode(&echo.encode()).unwrap();
        assert_eq!(back.field(), field::C_ECHO_RQ);
        assert_eq!(back.text(tag::AFFECTED_CLASS), "1.2.840.10008.1.1");
        assert!(!back.has_data());
        let answer = back.response(0);
        assert_eq!((answer.field(), answer.get(tag::RESPONDED_ID)), (field::C_ECHO_RSP, Some(7)));
    }

    #[test]
    fn a_command_that_announces_more_than_it_has_is_refused() {
        let mut bytes = Command::new(field::C_ECHO_RQ, false).encode();
        bytes[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Command::decode(&bytes).is_err());
        assert!(Command::decode(&bytes[..9]).is_err());
    }
}
