//! De-identification by PS3.15 Annex E: the Basic Application Level Confidentiality Profile and its options.
//!
//! Works on the byte index of [`Object`]: what is kept is copied byte for byte in the file's own transfer syntax, also
//! the pixel data, unless regions of them are blanked. What happens to an attribute is data (`table.txt`, Table E.1-1); what the standard leaves to the Type of an attribute is decided so that the object stays valid: an attribute
//! that may be removed, emptied or replaced is replaced, a sequence emptied.
//!
//! Beyond the table: public attributes that the dictionary does not know, group lengths and padding are removed, dates
//! in attributes that the table does not name are treated like those it names, and a file without a preamble gets one.
//!
//! Not here: which files, where to, and the key of the pseudonyms: the caller's. No pixel decoder either: where
//! compressed pixels must be blanked, the caller decodes ([`DecodeFrame`]).

mod action;
mod dates;
mod encode;
mod finish;
mod overlays;
mod pixels;
mod private;
mod profile;
mod pseudonym;
mod table;
mod walk;
mod words;

use crate::attribute::tags;
use crate::object::Object;
use medsight_image::Frame;
use medsight_record::Refusal;

pub use profile::{DeidentifyOption, Profile, ProfileError};
pub use pseudonym::Pseudonyms;

/// Decodes a frame of the object at hand, from 0; for pixels that are compressed and must be blanked.
pub type DecodeFrame<'d> = dyn Fn(usize) -> Result<Frame, Refusal> + 'd;

/// A de-identified file.
#[derive(Clone, Debug)]
pub struct Deidentified {
    /// A whole Part 10 file.
    pub bytes: Vec<u8>,
    /// Its SOP Instance UID (0008,0018); a file name without patient data.
    pub instance_uid: String,
    /// Frames in which regions were blanked.
    pub cleaned_frames: usize,
    /// True when the pixels may show who the patient is and were not cleaned.
    pub may_show_identity: bool,
}

/// De-identifies a file.
///
/// # Errors
/// `directory` for a DICOMDIR, `damaged` where a sequence cannot be followed to its end (nothing is let through
/// unread), `missing_attribute` without a SOP Instance UID, and with Clean Pixel Data `burned_in` where the pixels may
/// show who the patient is and no rule says where.
pub fn deidentify(
    object: &Object<'_>,
    profile: &Profile,
    pseudonyms: &Pseudonyms,
    decode: &DecodeFrame<'_>,
) -> Result<Deidentified, Refusal> {
    let data = object.data();
    if data.has(tags::DIRECTORY_RECORD_SEQUENCE) {
        let why = "A DICOMDIR lists patients by name and is not exported de-identified; export its files.";
        return Err(Refusal::new("directory", why));
    }
    if !data.has(tags::SOP_INSTANCE_UID) {
        return Err(crate::attribute::missing(tags::SOP_INSTANCE_UID));
    }
    object.check_pixel_data_whole()?;
    let plan = pixels::plan(object, profile)?;
    walk::rewrite(object, profile, pseudonyms, plan, decode)
}
