//! A whole file without who it is about: what comes out opens again and holds the same pixels.
#![no_main]
use libfuzzer_sys::fuzz_target;
use medsight_codec::decode_frame;
use medsight_dicom::{DeidentifyOption as O, Object, Profile, Pseudonyms, deidentify, tags};

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first_chunk::<2>() else { return };
    let choice = u16::from_le_bytes(*choice);
    let options = O::ALL.into_iter().enumerate().filter(|(bit, _)| choice >> bit & 1 == 1).map(|(_, option)| option);
    let Ok(profile) = Profile::new(options) else { return };
    let Ok(object) = Object::parse(bytes) else { return };
    let decode = |frame| decode_frame(&object, frame);
    let Ok(done) = deidentify(&object, &profile, &Pseudonyms::new(&[1; 32]), &decode) else { return };
    let after = Object::parse(&done.bytes).expect("what was written opens");
    assert_eq!(after.data().text_or_empty(tags::PATIENT_IDENTITY_REMOVED), "YES");
    assert_eq!(after.has_pixel_data(), object.has_pixel_data());
});
