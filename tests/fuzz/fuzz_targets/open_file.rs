//! A whole file: header, every value at every depth, and what an import and a viewport read of it.
#![no_main]
use libfuzzer_sys::fuzz_target;
use medsight_dicom::{Dataset, DicomHeaders, ImageInfo, Object, Softcopy};
use medsight_record::HeaderReader;

fn walk(data: &Dataset<'_>, depth: usize) {
    for tag in data.tags().collect::<Vec<_>>() {
        let _ = data.text(tag);
        let _ = data.numbers(tag);
        if depth < 6 {
            data.items(tag).iter().take(8).for_each(|item| walk(item, depth + 1));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let _ = DicomHeaders.read_header(data);
    let Ok(object) = Object::parse(data) else { return };
    walk(&object.data(), 0);
    let _ = object.pixel_data();
    let _ = ImageInfo::read(&object);
    let _ = Softcopy::read(&object, "1.2.3");
});
