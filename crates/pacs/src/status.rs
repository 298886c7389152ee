//! Statuses of DIMSE answers (PS3.7 annex C, PS3.4 B.2.3, C.4) in words.

use crate::NetError;

/// More answers follow.
pub(crate) const PENDING: u16 = 0xFF00;
/// More answers follow; some keys were not supported.
pub(crate) const PENDING_WARNING: u16 = 0xFF01;
/// Warnings of the storage service: kept all the same.
pub(crate) fn is_warning(status: u16) -> bool {
    matches!(status, 0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF)
}

/// What a status says.
#[must_use]
pub fn meaning(status: u16) -> &'static str {
    match status {
        0x0000 => "success",
        0x0105 => "no such attribute",
        0x0106 => "an attribute has a value that it cannot have",
        0x0110 => "processing failed there",
        0x0111 => "the object is there already",
        0x0112 => "no such object there",
        0x0117 => "the instance UID is not valid there",
        0x0118 => "it does not have this kind of object",
        0x0119 => "the class and the instance do not belong together",
        0x0122 => "it does not support this kind of object",
        0x0124 => "it does not permit this",
        0x0131 => "it does not know this workstation",
        0x0210 => "a message number was used twice",
        0x0211 => "it does not know the operation",
        0x0213 => "it is at the limit of its resources",
        0xA700 => "out of resources",
        0xA701 => "out of resources: it cannot count the matches",
        0xA702 => "out of resources: it cannot send the objects",
        0xA801 => "it does not know the destination",
        0xA900..=0xA9FF => "the object does not match its class",
        0xAA00..=0xAAFF => "none of the frames asked for is in the object",
        0xC000..=0xCFFF => "it cannot understand or process this",
        0xFE00 => "cancelled",
        0xB000 => "done, with failures; or attributes were changed there",
        0xB006 | 0xB007 => "taken, although elements were left out or do not match the class",
        _ => "a status that the standard's tables do not name",
    }
}

/// A failure as an error.
pub(crate) fn failed(operation: &'static str, status: u16) -> NetError {
    NetError::Failed { operation, status, meaning: meaning(status) }
}
