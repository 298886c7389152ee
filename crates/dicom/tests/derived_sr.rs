//! Measurement reports as a reader meets them: ours come back as they were drawn, others' with their numbers.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

mod derived_support;

use derived_support::measurements::*;
use derived_support::{FRAME_OF_REFERENCE, SERIES, header, plane_source};
use medsight_base::{SeriesUid, Timestamp};
use medsight_dicom::Object;
use medsight_dicom::derived::measurement_codes as c;
use medsight_dicom::derived::*;
use medsight_record::{AnnotationId, AnnotationKind, Place};
use uuid::Uuid;

fn read_back(file: &[u8]) -> ReadAnnotations {
    let report = Report::read(&Object::parse(file).unwrap()).unwrap();
    let series = |uid: &str| (uid == FRAME_OF_REFERENCE).then(|| SeriesUid::parse(SERIES).unwrap());
    let mut next = 1000;
    let mut new_id = || {
        next += 1;
        AnnotationId(Uuid::from_u128(next))
    };
    annotations_of(&report, Timestamp(5), &series, &mut new_id).unwrap()
}

fn near(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4)
}

#[test]
fn what_was_drawn_comes_back_in_its_place_with_its_numbers_and_its_name() {
    let drawn = drawn();
    let (file, left_out) = written(&drawn);
    assert_eq!(left_out, [AnnotationId(Uuid::from_u128(17))], "a key image is no measurement");
    let read = read_back(&file);
    assert_eq!(read.not_shown, []);
    let expected: Vec<_> = drawn.iter().filter(|a| a.kind != AnnotationKind::KeyImage).collect();
    assert_eq!(read.annotations.len(), expected.len());
    for (read, drawn) in read.annotations.iter().zip(expected) {
        let kind = &drawn.kind;
        assert_eq!((&read.id, &read.kind, &read.study), (&drawn.id, kind, &drawn.study));
        assert_eq!(read.measured, drawn.measured, "{kind:?}");
        match (&read.place, &drawn.place) {
            (
                Place::Image { instance, frame, points_px, .. },
                Place::Image { instance: i, frame: f, points_px: p, .. },
            ) => {
                assert_eq!((instance, frame), (i, f));
                assert!(near(points_px.as_flattened(), p.as_flattened()), "{kind:?}: {points_px:?} {p:?}");
            }
            (Place::Plane { points_mm, .. }, Place::Plane { points_mm: p, .. }) => {
                // Boxes may name another pair of corners or axes: what they enclose is compared below.
                let is_box = matches!(kind, AnnotationKind::Ellipse | AnnotationKind::Rectangle);
                let ends =
                    |p: &[[f64; 3]]| if is_box { middle(p).to_vec() } else { p.as_flattened().to_vec() };
                assert!(near(&ends(points_mm), &ends(p)), "{kind:?}: {points_mm:?} {p:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

fn middle(points: &[[f64; 3]]) -> [f64; 3] {
    [0, 1, 2].map(|i| points.iter().map(|p| p[i]).sum::<f64>() / points.len() as f64)
}

#[test]
fn a_box_in_the_patient_comes_back_with_the_same_corners() {
    let rectangle =
        in_patient(1, AnnotationKind::Rectangle, &[[0.0; 3], [5.0, 12.0, 16.0]], region_of_interest());
    let (file, _) = written(&[rectangle]);
    let report = MeasurementReport::read(&Object::parse(&file).unwrap()).unwrap();
    let Region::Patient { graphic, points_mm, .. } = &report.groups[0].regions[0] else { panic!() };
    assert_eq!(*graphic, Graphic::Polygon);
    let expected = [[0.0; 3], [5.0, 0.0, 0.0], [5.0, 12.0, 16.0], [0.0, 12.0, 16.0], [0.0; 3]];
    assert!(near(points_mm.as_flattened(), expected.as_flattened()), "{points_mm:?}");
}

#[test]
fn a_report_without_regions_in_the_patient_is_the_class_that_more_systems_show() {
    let on_images: Vec<_> = drawn().into_iter().take(6).collect();
    let class = |file: &[u8]| Report::read(&Object::parse(file).unwrap()).unwrap().sop_class;
    assert_eq!(class(&written(&on_images).0), COMPREHENSIVE_SR);
    assert_eq!(class(&written(&drawn()).0), COMPREHENSIVE_3D_SR);
}

#[test]
fn volumes_of_segments_and_of_outlines_come_back_whole_and_exact() {
    let report = volumetric();
    let file = report.to_file(header(), evidence_of_volumetric(), false).unwrap();
    assert_eq!(MeasurementReport::read(&Object::parse(&file).unwrap()).unwrap(), report);
}

#[test]
fn a_report_that_points_to_an_image_outside_its_evidence_is_refused() {
    let reason = volumetric().to_file(header(), vec![plane_source(0)], false).unwrap_err().reason;
    assert!(reason.contains("evidence"), "{reason}");
}

/// As OHIF writes by dcmjs: the region hangs on the number, codes of SNOMED-RT, a point for a text.
#[test]
fn a_length_whose_region_hangs_on_the_number_opens_in_the_right_place() {
    use Relationship::*;
    let image = Item {
        concept: None,
        ..Item::new(SelectedFrom, c::SOURCE_IMAGE, Value::Image(plane_source(3).instance))
    };
    let points = Value::Points { graphic: Graphic::Polyline, points_px: vec![[10.5, 20.5], [13.5, 24.5]] };
    let region =
        Item { concept: Some(c::SOURCE_OF_MEASUREMENT), ..Item::new(InferredFrom, c::IMAGE_REGION, points) };
    let number = Value::Number { value: Some(0.5), unit: Some(c::CENTIMETER), qualifier: None };
    let old_length = Code::new("G-D7FE", "SRT", "Length");
    let group = Item::new(Contains, c::MEASUREMENT_GROUP, Value::Container).with(vec![
        Item::new(
            HasObservationContext,
            c::TRACKING_IDENTIFIER,
            Value::Text("Cornerstone3DTools@^0.1.0:Length".into()),
        ),
        Item::new(HasObservationContext, c::TRACKING_UID, Value::Uid("1.2.826.0.1.99".into())),
        Item::new(Contains, old_length, number).with(vec![region.with(vec![image])]),
    ]);
    let measurements = Item::new(Contains, c::IMAGING_MEASUREMENTS, Value::Container).with(vec![group]);
    let root = Item::new(Contains, c::IMAGING_MEASUREMENT_REPORT, Value::Container).with(vec![measurements]);
    let report = NewReport {
        header: header(),
        sop_class: COMPREHENSIVE_3D_SR,
        modality: "SR",
        root: Item { template: "1500".into(), ..root },
        evidence: vec![plane_source(3)],
        complete: true,
    };
    let read = read_back(&report.to_file().unwrap());
    let [annotation] = &read.annotations[..] else { panic!("{read:?}") };
    assert_eq!((&annotation.kind, annotation.measured.length_mm), (&AnnotationKind::Length, Some(5.0)));
    let Place::Image { points_px, instance, .. } = &annotation.place else { panic!() };
    assert_eq!(points_px, &[[10.0, 20.0], [13.0, 24.0]]);
    assert_eq!(instance.as_str(), plane_source(3).instance.instance);
    assert_eq!(annotation.id, AnnotationId(Uuid::from_u128(1001)), "a name of its own");
}

#[test]
fn other_makers_reports_have_the_items_and_numbers_that_pydicom_found() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let folder = corpus.join("dicom/derived");
    let document: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let mut compared = 0;
    for entry in document["files"].as_array().unwrap().iter().filter(|e| e["sr"].is_object()) {
        let name = entry["file"].as_str().unwrap();
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let report = Report::read(&Object::parse(&bytes).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let expected = &entry["sr"];
        let items = report.root.walk();
        assert_eq!(
            report.root.concept.as_ref().unwrap().meaning,
            expected["title"].as_str().unwrap(),
            "{name}"
        );
        assert_eq!(items.len() - 1, expected["items"].as_u64().unwrap() as usize, "{name}");
        assert_eq!(report.root.template, expected["template"].as_str().unwrap_or_default(), "{name}");
        let numbers: Vec<_> = items
            .iter()
            .filter_map(|i| match &i.value {
                Value::Number { value, unit, .. } => {
                    Some((i.concept.clone()?.meaning, value.unwrap(), unit.clone()?.value))
                }
                _ => None,
            })
            .collect();
        let expected = expected["num_values"].as_array().unwrap();
        assert_eq!(numbers.len(), expected.len(), "{name}");
        for ((concept, value, unit), expected) in numbers.iter().zip(expected) {
            let text = |i: usize| expected[i].as_str().unwrap();
            assert_eq!((concept.as_ref(), unit.as_ref()), (text(0), text(2)), "{name}");
            assert!((value - text(1).parse::<f64>().unwrap()).abs() < 1e-4 * value.abs().max(1.0), "{name}");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared} numbers compared");
}

#[test]
fn others_measurement_groups_are_found_with_their_region_and_finding() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let read = |name: &str| {
        let bytes = std::fs::read(corpus.join("dicom/derived").join(name)).unwrap();
        MeasurementReport::read(&Object::parse(&bytes).unwrap()).unwrap()
    };
    let highdicom = read("highdicom/sr_document.dcm");
    let group = &highdicom.groups[0];
    assert!(matches!(&group.regions[..], [Region::Image { graphic: Graphic::Circle, .. }]), "{group:?}");
    assert_eq!(group.measurements[0].value, Some(1.7));
    assert_eq!(group.site.as_ref().unwrap().meaning, "Cervico-thoracic spine");
    let dcmqi = read("dcmqi/sr-example/sr.dcm");
    assert!(dcmqi.groups.iter().any(|g| g.volumetric && matches!(g.regions[..], [Region::Segment(_)])));
    assert!(dcmqi.groups.iter().any(|g| !g.source_series.is_empty() || !g.source_images.is_empty()));
}
