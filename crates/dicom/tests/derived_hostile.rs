//! Damaged derived objects are refused or read, and nothing worse: no reader panics or takes memory for a claim.
#![allow(clippy::unwrap_used, reason = "a test that cannot make its samples has failed")]

mod derived_support;

use derived_support::segmentations::{new, pattern, segment};
use derived_support::{SIZE, header, measurements, presentation};
use medsight_base::{SeriesUid, Timestamp};
use medsight_dicom::derived::*;
use medsight_dicom::{NewDataset, Object, Softcopy, tags};
use medsight_record::AnnotationId;

fn samples() -> Vec<Vec<u8>> {
    let seg = |kind| {
        let new = new(kind, vec![segment(1), segment(2)], SIZE, 2);
        new.to_file(&mut |s, z| {
            Some((0..35).map(|p| pattern(s.unwrap_or(0).into(), z, p, 3).into()).collect())
        })
        .unwrap()
    };
    let volumetric = measurements::volumetric();
    vec![
        seg(SegmentationKind::Binary),
        seg(SegmentationKind::Fractional { max: 255, occupancy: true }),
        seg(SegmentationKind::LabelMap),
        measurements::written(&measurements::drawn()).0,
        volumetric.to_file(header(), measurements::evidence_of_volumetric(), true).unwrap(),
        presentation::state().to_file(&header(), &presentation::look()).unwrap(),
        presentation::key_objects().to_file(header()).unwrap(),
        presentation::pdf().to_file().unwrap(),
    ]
}

/// Every reader on one file; what they say does not matter here.
fn read_all(bytes: &[u8]) {
    let Ok(object) = Object::parse(bytes) else { return };
    if let Ok(seg) = Segmentation::read(&object) {
        for segment in &seg.segments {
            seg.voxel_count(segment.number);
        }
        seg.volume_mm3(1).ok();
    }
    if let Ok(report) = Report::read(&object) {
        let series = |_: &str| SeriesUid::parse("1.2").ok();
        let mut new_id = || AnnotationId(uuid::Uuid::nil());
        annotations_of(&report, Timestamp(0), &series, &mut new_id).ok();
    }
    PresentationState::read(&object).ok();
    Softcopy::read(&object, &derived_support::plane_source(0).instance.instance).ok();
    KeyObjects::read(&object).ok();
    Document::read(&object).ok();
    StructureSet::read(&object).ok();
    Dose::read(&object).ok();
    Plan::read(&object).ok();
    ParametricMap::read(&object).ok();
    Waveform::read(&object).ok();
}

#[test]
fn a_derived_object_cut_anywhere_does_no_harm() {
    for file in samples() {
        for length in (132..file.len()).step_by(13) {
            read_all(&file[..length]);
        }
    }
}

#[test]
fn a_derived_object_with_changed_bytes_does_no_harm() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for file in samples() {
        for _ in 0..400 {
            let mut changed = file.clone();
            for _ in 0..1 + random() % 4 {
                let at = 132 + random() % (changed.len() - 132);
                changed[at] = [0, 0xFF, b'9', b'\\', random() as u8][random() % 5];
            }
            read_all(&changed);
        }
    }
}

#[test]
fn a_report_nested_without_end_is_refused() {
    let mut item = NewDataset::new();
    item.text(tags::RELATIONSHIP_TYPE, "CONTAINS").text(tags::VALUE_TYPE, "CONTAINER");
    for _ in 0..200 {
        let mut outer = NewDataset::new();
        outer.text(tags::RELATIONSHIP_TYPE, "CONTAINS").text(tags::VALUE_TYPE, "CONTAINER");
        outer.item(tags::CONTENT_SEQUENCE, item);
        item = outer;
    }
    item.text(tags::SOP_CLASS_UID, COMPREHENSIVE_SR).text(tags::SOP_INSTANCE_UID, "2.25.1");
    let file = item.to_file().unwrap();
    let reason = Report::read(&Object::parse(&file).unwrap()).unwrap_err().reason;
    assert!(reason.contains("nested deeper"), "{reason}");
}

#[test]
fn a_segmentation_that_claims_a_million_frames_is_refused_before_it_takes_memory() {
    let kind = SegmentationKind::Binary;
    let file = new(kind, vec![segment(1)], SIZE, 1).to_file(&mut |_, _| Some(vec![1; 35])).unwrap();
    let object = Object::parse(&file).unwrap();
    let mut claims = NewDataset::copy_of(&object.data());
    claims.integer(tags::NUMBER_OF_FRAMES, 999_999);
    let claims = claims.to_file().unwrap();
    let refusal = Segmentation::read(&Object::parse(&claims).unwrap()).unwrap_err();
    assert!(["truncated", "bad_attribute"].contains(&refusal.code.as_str()), "{refusal}");
}

#[test]
fn frames_at_absurd_places_make_no_grid() {
    let kind = SegmentationKind::Binary;
    for far in ["1e308", "-1e308", "1e15", "9e9"] {
        let file = new(kind, vec![segment(1)], SIZE, 3).to_file(&mut |_, _| Some(vec![1; 35])).unwrap();
        // The last of the three positions, in its own length.
        let near = b"-10\\20\\35 ";
        let at = file.windows(near.len()).position(|w| w == near).unwrap();
        let mut text = format!("0\\0\\{far}");
        text.extend(std::iter::repeat_n(' ', near.len().saturating_sub(text.len())));
        let mut changed = file.clone();
        changed[at..at + near.len()].copy_from_slice(&text.as_bytes()[..near.len()]);
        let read = Segmentation::read(&Object::parse(&changed).unwrap()).unwrap();
        assert_eq!(read.grid().unwrap_err().code, "no_grid", "{far}");
    }
}

#[test]
fn a_region_of_many_planes_over_a_wide_area_takes_no_more_memory_than_others() {
    let corner = |x: f64, y: f64, z: usize| glam::DVec3::new(x, y, z as f64);
    let contours = (0..20_000).map(|z| Contour {
        kind: ContourKind::ClosedPlanar,
        points_mm: vec![corner(0.0, 0.0, z), corner(1e6, 0.0, z), corner(0.0, 1e6, z)],
        image: None,
    });
    let roi = Roi {
        number: 1,
        name: String::new(),
        description: String::new(),
        interpreted: String::new(),
        rgb: None,
        frame_of_reference: String::new(),
        contours: contours.collect(),
    };
    let mask = RoiMask::of(&roi, 0.1).unwrap();
    assert!(mask.cells().0.count() < 80_000_000);
}
