//! The list of the files on a medium: no name leaves its folder.
#![no_main]
use libfuzzer_sys::fuzz_target;
use medsight_dicom::DicomHeaders;
use medsight_record::HeaderReader;

fuzz_target!(|data: &[u8]| {
    let Some(Ok(entries)) = DicomHeaders.directory_entries(data) else { return };
    for components in entries {
        assert!(!components.is_empty());
        for name in components {
            assert!(name != ".." && name != "." && !name.contains(['/', '\\', '\0']));
        }
    }
});
