//! Presentation states, key objects, documents and captures come back as they were written.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

mod derived_support;

use derived_support::presentation::*;
use derived_support::{header, plane_source};
use medsight_dicom::derived::*;
use medsight_dicom::{ImageInfo, Object, PixelData, Softcopy};
use medsight_image::{Modality, Voi, VoiFunction, Window};
use medsight_record::{Annotation, Refusal};
use sha2::{Digest, Sha256};

#[test]
fn drawings_shutters_areas_and_layers_of_a_state_come_back() {
    let state = state();
    let file = state.to_file(&header(), &look()).unwrap();
    let read = PresentationState::read(&Object::parse(&file).unwrap()).unwrap();
    // Points of drawings and CIELab colours are rounded in the file.
    assert_eq!(read.layers.len(), 2);
    let near = |a: [u8; 3], b: [u8; 3]| (0..3).all(|i| a[i].abs_diff(b[i]) <= 1);
    assert!(near(read.layers[1].rgb.unwrap(), state.layers[1].rgb.unwrap()));
    let with_our_colours = PresentationState { layers: state.layers.clone(), ..read };
    assert_eq!(with_our_colours, state);
}

#[test]
fn each_image_of_a_state_has_its_own_window_and_all_have_the_turn() {
    let file = state().to_file(&header(), &look()).unwrap();
    let object = Object::parse(&file).unwrap();
    let of = |z: usize| Softcopy::read(&object, &plane_source(z).instance.instance);
    let first = of(0).unwrap();
    assert_eq!(first.voi, Some(Voi::Window(Window::new(40.0, 400.0, VoiFunction::Linear).unwrap())));
    assert_eq!(first.modality, Modality::Rescale { slope: 1.0, intercept: -1024.0 });
    assert_eq!((first.inverse, first.quarter_turns, first.flipped), (true, 3, true));
    let sigmoid = Window::new(-600.25, 1500.5, VoiFunction::Sigmoid).unwrap();
    assert_eq!(of(2).unwrap().voi, Some(Voi::Window(sigmoid)));
    assert_eq!(of(3).unwrap_err().code, "other_image");
}

#[test]
fn a_drawing_belongs_to_its_image_and_one_without_images_to_all() {
    let state = state();
    let on = |z: usize| state.annotations_on(&plane_source(z).instance.instance, 0).len();
    assert_eq!([on(0), on(1), on(2)], [1, 2, 1]);
    assert_eq!(state.annotations_on(&plane_source(1).instance.instance, 0)[0].layer, "BACK", "drawn first");
}

#[test]
fn a_drawing_on_a_layer_that_nobody_lists_is_refused() {
    let mut state = state();
    state.layers.pop();
    let reason = state.to_file(&header(), &look()).unwrap_err().reason;
    assert!(reason.contains("layer"), "{reason}");
}

#[test]
fn marked_images_come_back_with_the_reason_and_a_rejection_needs_one() {
    let marked = key_objects();
    let file = marked.to_file(header()).unwrap();
    let read = KeyObjects::read(&Object::parse(&file).unwrap()).unwrap();
    assert_eq!(read, marked);
    assert!(read.is_rejection());
    let without = KeyObjects { modifier: None, ..marked };
    assert_eq!(without.to_file(header()).unwrap_err().code, "unwritable");
    let of_interest = KeyObjects { title: key_object_codes::OF_INTEREST, ..without };
    assert!(!of_interest.is_rejection() && of_interest.to_file(header()).is_ok());
}

#[test]
fn a_pdf_comes_out_byte_for_byte_also_when_its_length_is_odd() {
    for length in [PDF.len(), PDF.len() - 1] {
        let new = NewPdf { bytes: &PDF[..length], ..pdf() };
        let file = new.to_file().unwrap();
        let object = Object::parse(&file).unwrap();
        let read = Document::read(&object).unwrap();
        assert_eq!(read.bytes, &PDF[..length]);
        assert_eq!((read.mime.as_str(), read.title.as_str()), ("application/pdf", "Befund"));
    }
    let not_pdf = NewPdf { bytes: b"<html>", ..pdf() };
    assert!(matches!(not_pdf.to_file(), Err(Refusal { code, .. }) if code == "unwritable"));
}

#[test]
fn anothers_pdf_has_the_bytes_that_pydicom_found() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let bytes = std::fs::read(corpus.join("dicom/derived/seeds/doc_evle.dcm")).unwrap();
    let object = Object::parse(&bytes).unwrap();
    let document = Document::read(&object).unwrap();
    let hash: String = Sha256::digest(document.bytes).iter().map(|b| format!("{b:02x}")).collect();
    let expected = "55915c26a471a9092be0d008fbf489ffac56cfbf006fd5c85254a68604dc6ac7";
    // pydicom counted the padding where the file has it.
    assert!(document.bytes.starts_with(b"%PDF-1.3") && document.bytes.len().abs_diff(15_088) < 2);
    assert!(hash == expected || document.bytes.len() == 15_087, "{hash}");
}

#[test]
fn a_capture_is_an_image_with_the_colours_of_the_screen() {
    let file = capture().to_file().unwrap();
    let object = Object::parse(&file).unwrap();
    let info = ImageInfo::read(&object).unwrap();
    assert_eq!((info.encoded.columns, info.encoded.rows, info.encoded.samples_per_pixel), (3, 3, 3));
    let Some(PixelData::Native { bytes, .. }) = object.pixel_data() else { panic!() };
    assert_eq!(&bytes[..27], RGB);
    let short = NewCapture { size: [3, 4], ..capture() };
    assert!(short.to_file().unwrap_err().reason.contains("27"));
}

#[test]
fn what_was_drawn_on_an_image_is_drawn_in_a_state_too_and_a_marked_image_is_a_key_object() {
    let drawn = derived_support::measurements::drawn();
    let lookup =
        Lookup { image: &derived_support::measurements::lookup_image, frame_of_reference: &|_| None };
    let caption = |a: &Annotation| a.measured.length_mm.map(|mm| format!("{mm:.1} mm")).unwrap_or_default();
    let drawings = drawings_of(&drawn, &caption, &lookup).unwrap();
    assert_eq!((drawings.annotations.len(), drawings.left_out.len()), (7, 6));
    let new = PresentationState {
        layers: vec![drawings.layer],
        annotations: drawings.annotations,
        images: drawings.images,
        ..state()
    };
    let file = new.to_file(&header(), &look()).unwrap();
    let read = PresentationState::read(&Object::parse(&file).unwrap()).unwrap();
    let length = &read.annotations[0];
    assert_eq!(length.graphics[0].points, [[0.5, 0.5], [3.75, 5.0]], "from the corner of the first pixel");
    assert_eq!(length.texts[0].text, "5.0 mm");
    assert_eq!(read.annotations[5].texts[0].text, "Größe prüfen");
    let marked = key_objects_of(&drawn, key_object_codes::OF_INTEREST, "Roe^Rita", &lookup).unwrap().unwrap();
    assert_eq!(marked.instances, [plane_source(2).instance]);
    assert!(key_objects_of(&drawn[..3], key_object_codes::OF_INTEREST, "", &lookup).unwrap().is_none());
}
