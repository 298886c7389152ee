//! A presentation state, a key object selection, a document and a picture that exist nowhere else.

use super::{SIZE, header, plane_source};
use medsight_dicom::ModalityLut;
use medsight_dicom::derived::*;
use medsight_image::{Shutter, VoiFunction, Window};

pub(crate) fn state() -> PresentationState {
    let one = plane_source(1).instance;
    PresentationState {
        label: "READING".into(),
        description: "Größe markiert".into(),
        creator: "Roe^Rita".into(),
        images: (0..3).map(plane_source).collect(),
        layers: vec![
            GraphicLayer { name: "BACK".into(), order: 1, description: String::new(), rgb: None },
            GraphicLayer {
                name: "MEASURE".into(),
                order: 2,
                description: "Lengths".into(),
                rgb: Some([255, 221, 85]),
            },
        ],
        annotations: vec![
            GraphicAnnotation {
                layer: "MEASURE".into(),
                images: vec![one.clone()],
                graphics: vec![
                    GraphicObject {
                        drawing: Drawing::Polyline,
                        units: Units::Pixel,
                        points: vec![[0.5, 0.5], [6.5, 4.25]],
                        filled: false,
                    },
                    GraphicObject {
                        drawing: Drawing::Ellipse,
                        units: Units::Pixel,
                        points: vec![[1.0, 2.0], [5.0, 2.0], [3.0, 1.0], [3.0, 3.0]],
                        filled: true,
                    },
                ],
                texts: vec![TextObject {
                    text: "5.0 mm".into(),
                    bounds: None,
                    anchor: Some(([6.5, 4.25], Units::Pixel, true)),
                }],
            },
            GraphicAnnotation {
                layer: "BACK".into(),
                images: Vec::new(),
                graphics: Vec::new(),
                texts: vec![TextObject {
                    text: "Prüfung".into(),
                    bounds: Some(([0.0, 0.0], Units::Display, [0.5, 0.25])),
                    anchor: None,
                }],
            },
        ],
        areas: vec![
            DisplayedArea {
                images: vec![one],
                top_left: [2, 1],
                bottom_right: [6, 5],
                size: AreaSize::Magnify(2.5),
                spacing_mm: Some([0.7, 0.5]),
            },
            DisplayedArea {
                images: vec![plane_source(0).instance, plane_source(2).instance],
                top_left: [1, 1],
                bottom_right: SIZE.map(|n| n as i64),
                size: AreaSize::ScaleToFit,
                spacing_mm: Some([0.7, 0.5]),
            },
        ],
        shutter: Some(Shutter {
            rectangle_px: Some([0, 1, 6, 4]),
            circle_px: Some([3, 2, 3]),
            polygon_px: vec![[0, 0], [6, 0], [3, 4]],
            value: 0,
        }),
        warnings: Vec::new(),
    }
}

pub(crate) fn look() -> NewLook {
    let window = |center, width, function| Window::new(center, width, function).unwrap();
    NewLook {
        windows: vec![
            (window(40.0, 400.0, VoiFunction::Linear), vec![plane_source(0).instance]),
            (
                window(-600.25, 1500.5, VoiFunction::Sigmoid),
                vec![plane_source(1).instance, plane_source(2).instance],
            ),
        ],
        modality: Some(ModalityLut::Rescale { slope: 1.0, intercept: -1024.0 }),
        rescale_type: "HU".into(),
        inverse: true,
        quarter_turns: 3,
        flipped: true,
    }
}

pub(crate) fn key_objects() -> KeyObjects {
    let frame = plane_source(2).instance;
    KeyObjects {
        title: key_object_codes::REJECTED_FOR_QUALITY,
        modifier: Some(Code::new("111210", "DCM", "Motion blur")),
        description: "Bewegung".into(),
        observer: "Roe^Rita".into(),
        instances: vec![plane_source(0).instance, frame],
        evidence: vec![plane_source(0), plane_source(2)],
    }
}

pub(crate) const PDF: &[u8] =
    b"%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF";

pub(crate) fn pdf() -> NewPdf<'static> {
    NewPdf {
        header: header(),
        title: "Befund".into(),
        concept: Some(Code::new("11528-7", "LN", "Radiology Report")),
        names_patient: true,
        sources: vec![plane_source(0)],
        bytes: PDF,
    }
}

pub(crate) const RGB: [u8; 27] =
    [255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18];

pub(crate) fn capture() -> NewCapture<'static> {
    NewCapture {
        header: header(),
        size: [3, 3],
        picture: Picture::Rgb(&RGB),
        description: "Volume rendering".into(),
        has_text: false,
        sources: vec![plane_source(0), plane_source(1)],
    }
}
