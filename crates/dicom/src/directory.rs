//! DICOMDIR (PS3.3 annex F): the list of files on a medium.

use crate::attribute::tags;
use crate::object::Object;
use medsight_record::Refusal;

/// The files a DICOMDIR lists, as path components; `None` when the bytes are anything else.
///
/// Records are taken in file order: their links by byte offset are wrong on many media, and every record that
/// names a file is one. A component that would leave the folder is left out.
pub(crate) fn entries(bytes: &[u8]) -> Option<Result<Vec<Vec<String>>, Refusal>> {
    let object = Object::parse(bytes).ok()?;
    let data = object.data();
    if !data.has(tags::DIRECTORY_RECORD_SEQUENCE) {
        return None;
    }
    let mut files = Vec::new();
    for range in data.item_ranges(tags::DIRECTORY_RECORD_SEQUENCE) {
        let Some(record) = data.item(tags::DIRECTORY_RECORD_SEQUENCE, range) else { continue };
        let components = record.texts(tags::REFERENCED_FILE_ID);
        let components: Vec<String> = components.into_iter().filter(|c| !c.is_empty()).collect();
        let leaves_folder =
            components.iter().any(|c| c == ".." || c == "." || c.contains(['/', '\\', ':', '\0']));
        if !components.is_empty() && !leaves_folder {
            files.push(components);
        }
    }
    Some(Ok(files))
}
