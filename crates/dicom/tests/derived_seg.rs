//! Segmentations as a reader meets them: ours read back, and others' with independently counted voxels.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

mod derived_support;

use derived_support::segmentations::{new, new_segment, pattern, region, region_planes as planes, segment};
use derived_support::{SIZE, plane_source};
use medsight_dicom::derived::{NewSegmentation, Segment, Segmentation, SegmentationKind};
use medsight_dicom::{Object, tags};
use medsight_record::{Annotation, AnnotationKind, SegmentMeaning};

#[test]
fn bits_of_odd_frames_stay_in_their_frame_and_empty_planes_get_none() {
    for (size, segments, planes) in [([7, 5], 3, 4), ([1, 1], 2, 9), ([513, 3], 1, 5), ([9, 9], 200, 2)] {
        let kind = SegmentationKind::Binary;
        let new = new(kind, (1..=segments).map(segment).collect(), size, planes);
        let pixels = size[0] * size[1];
        let expected = |s: u16, z: usize| -> Vec<u16> {
            (0..pixels).map(|p| pattern(s.into(), z, p, 3).into()).collect()
        };
        let file = new.to_file(&mut |s, z| Some(expected(s.unwrap(), z))).unwrap();
        let object = Object::parse(&file).unwrap();
        let read = Segmentation::read(&object).unwrap();
        assert_eq!((read.kind, &read.segments, read.size), (kind, &new.segments, size));
        let bytes = object.data().raw(tags::PIXEL_DATA).unwrap().len();
        let least = (read.frames.len() * pixels).div_ceil(8);
        assert_eq!(bytes, least + least % 2, "packed across frames");
        for s in 1..=segments {
            let mut filled: Vec<usize> = Vec::new();
            for frame in read.frames_of(s) {
                let z = (0..planes)
                    .find(|z| read.frames[frame].place.position_mm == Some(new.planes[*z].position_mm));
                let z = z.unwrap();
                assert_eq!(read.stored(frame), expected(s, z), "{size:?} segment {s} plane {z}");
                assert_eq!(read.frames[frame].sources[0].instance, plane_source(z).instance.instance);
                filled.push(z);
            }
            let planned: Vec<usize> = (0..planes).filter(|z| expected(s, *z).contains(&1)).collect();
            assert_eq!(filled, planned, "{size:?} segment {s}");
        }
    }
}

#[test]
fn fractions_keep_their_values_and_the_volume_counts_them_as_fractions() {
    let kind = SegmentationKind::Fractional { max: 200, occupancy: true };
    let new = new(kind, vec![segment(1)], [3, 3], 2);
    let file = new.to_file(&mut |_, z| Some(vec![if z == 0 { 200 } else { 50 }; 9])).unwrap();
    let read = Segmentation::read(&Object::parse(&file).unwrap()).unwrap();
    assert_eq!(read.kind, kind);
    assert_eq!(read.mask(1, 1).unwrap(), [50; 9]);
    let voxel_mm3 = 0.7 * 0.5 * 2.5;
    assert!((read.volume_mm3(1).unwrap() - 9.0 * 1.25 * voxel_mm3).abs() < 1e-9);
}

#[test]
fn a_label_map_says_of_each_pixel_which_segment_it_is_also_above_255() {
    let numbers = [1_u16, 7, 300];
    let new = new(SegmentationKind::LabelMap, numbers.map(segment).to_vec(), [5, 3], 3);
    let label = |z: usize, p: usize| [0, 1, 7, 300][(z + p) % 4];
    let file = new.to_file(&mut |_, z| Some((0..15).map(|p| label(z, p)).collect())).unwrap();
    let read = Segmentation::read(&Object::parse(&file).unwrap()).unwrap();
    for number in numbers {
        let expected =
            (0..3).flat_map(|z| (0..15).map(move |p| label(z, p))).filter(|l| *l == number).count();
        assert_eq!(read.voxel_count(number), expected as u64, "segment {number}");
    }
    assert_eq!(read.mask(0, 300).unwrap()[3], 1);
}

#[test]
fn labels_of_sparse_frames_stand_at_their_place_in_the_patient() {
    let new = new(SegmentationKind::Binary, vec![segment(1), segment(2)], [7, 5], 6);
    // Segment 1 on planes 0 and 5, segment 2 on plane 3 and over it on 5: the planes between are empty.
    let file = new
        .to_file(&mut |s, z| {
            let filled = matches!((s, z), (Some(1), 0 | 5) | (Some(2), 3 | 5));
            filled.then(|| (0..35).map(|p| u16::from(p == 8 || s == Some(1) && p == 9)).collect())
        })
        .unwrap();
    let read = Segmentation::read(&Object::parse(&file).unwrap()).unwrap();
    let labels = read.labels(&[1, 2]).unwrap();
    assert_eq!((labels.dims, labels.overlapping), ([7, 5, 6], 1), "gaps of 3 and 2 planes");
    let at = |z: usize, column: f64| {
        labels.at(new.planes[z].position_mm + glam::DVec3::new(0.5 * column, 0.7, 0.0))
    };
    assert_eq!([at(0, 1.0), at(3, 1.0), at(5, 1.0), at(5, 2.0), at(5, 3.0)], [1, 2, 2, 1, 0]);
}

#[test]
fn a_segmentation_in_which_nothing_was_found_is_a_valid_object() {
    let new = new(SegmentationKind::Binary, vec![segment(1), segment(2)], [5, 5], 3);
    let file = new.to_file(&mut |_, _| None).unwrap();
    let read = Segmentation::read(&Object::parse(&file).unwrap()).unwrap();
    assert_eq!((read.frames.len(), read.voxel_count(1), read.voxel_count(2)), (1, 0, 0));
}

#[test]
fn what_contradicts_itself_is_refused_before_there_is_a_file() {
    let ok = new(SegmentationKind::Binary, vec![segment(1)], [5, 5], 1);
    let refused = |new: &NewSegmentation, value: u16, count: usize| {
        new.to_file(&mut |_, _| Some(vec![value; count])).unwrap_err().reason
    };
    assert!(refused(&ok, 2, 25).contains("value 2"));
    assert!(refused(&ok, 1, 24).contains("24 values"));
    let gap = NewSegmentation { segments: vec![segment(2)], ..ok.clone() };
    assert!(refused(&gap, 1, 25).contains("(0062,0002)"));
    let unnamed = Segment { algorithm_name: String::new(), ..segment(1) };
    assert!(refused(&NewSegmentation { segments: vec![unnamed], ..ok.clone() }, 1, 25).contains("Segment 1"));
    let long = NewSegmentation { label: "lower case".into(), ..ok };
    assert!(refused(&long, 1, 25).contains("Content Label (0070,0080)"));
}

#[test]
fn a_file_with_fewer_bits_than_its_frames_need_is_refused() {
    let new = new(SegmentationKind::Binary, vec![segment(1)], [64, 64], 3);
    let file = new.to_file(&mut |_, _| Some(vec![1; 64 * 64])).unwrap();
    let refusal = Segmentation::read(&Object::parse(&file[..file.len() - 600]).unwrap()).unwrap_err();
    assert_eq!(refusal.code, "truncated");
    assert!(refusal.reason.contains("Pixel Data (7FE0,0010)"), "{}", refusal.reason);
}

#[test]
fn other_makers_segments_have_the_voxels_that_pydicom_counted() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let folder = corpus.join("dicom/derived");
    let document: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let mut compared = 0;
    for entry in document["files"].as_array().unwrap() {
        let seg = &entry["seg"];
        let counts = seg["nonzero_voxels_per_segment"].as_object().or(seg["label_voxels"].as_object());
        let Some(counts) = counts else { continue };
        let name = entry["file"].as_str().unwrap();
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let read =
            Segmentation::read(&Object::parse(&bytes).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
        for described in seg["segments"].as_array().unwrap() {
            let number = described["number"].as_u64().unwrap();
            let segment = read.segments.iter().find(|s| u64::from(s.number) == number).unwrap();
            assert_eq!(segment.label, described["label"].as_str().unwrap(), "{name}");
            let expected = counts.get(&number.to_string()).and_then(serde_json::Value::as_u64).unwrap_or(0);
            if number > 0 {
                assert_eq!(read.voxel_count(number as u16), expected, "{name} segment {number}");
                compared += 1;
            }
        }
    }
    assert!(compared > 60, "{compared} segments compared");
    // This one says one frame and describes three.
    let bytes = std::fs::read(folder.join("pydicom/liver_1frame.dcm")).unwrap();
    let refusal = Segmentation::read(&Object::parse(&bytes).unwrap()).unwrap_err();
    assert!(refusal.reason.contains("(5200,9230)"), "{refusal}");
}

#[test]
fn regions_drawn_on_two_slices_are_one_segment_of_the_pixels_whose_centres_they_hold() {
    let regions = [
        region(1, 1, AnnotationKind::Rectangle, &[[0.6, 0.6], [3.4, 2.2]]),
        region(2, 3, AnnotationKind::Outline, &[[-5.0, -5.0], [2.5, -5.0], [2.5, 1.5], [-5.0, 1.5]]),
        region(3, 3, AnnotationKind::Ellipse, &[[1.0, 1.0], [3.0, 3.0]]),
        region(4, 2, AnnotationKind::Length, &[[0.0, 0.0], [3.0, 3.0]]),
    ];
    let all: Vec<&Annotation> = regions.iter().collect();
    let file = new_segment(SegmentMeaning::Mass).to_file(&all, &planes()).unwrap();
    let read = Segmentation::read(&Object::parse(&file).unwrap()).unwrap();
    assert_eq!(read.kind, SegmentationKind::Binary);
    let segment = &read.segments[0];
    assert_eq!((segment.label.as_str(), read.segments.len()), ("Left one", 1));
    assert_eq!(segment.property.as_ref().unwrap().value, "4147007");
    assert_eq!(segment.category.as_ref().unwrap().value, "49755003");
    assert_eq!(read.frames.len(), 2, "the slice with a length alone has no frame");
    let set = |frame: usize| -> Vec<[usize; 2]> {
        let mask = read.stored(frame);
        (0..mask.len()).filter(|p| mask[*p] > 0).map(|p| [p % SIZE[0], p / SIZE[0]]).collect()
    };
    let plane_of = |z: usize| {
        let source = plane_source(z).instance.instance;
        read.frames.iter().position(|f| f.sources[0].instance == source).unwrap()
    };
    assert_eq!(set(plane_of(1)), [[1, 1], [2, 1], [3, 1], [1, 2], [2, 2], [3, 2]]);
    // The outline holds columns 0 to 2 of rows 0 and 1; the ellipse the cross around (2, 2).
    let joined = [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1], [1, 2], [2, 2], [3, 2], [2, 3]];
    assert_eq!(set(plane_of(3)), joined);
}

#[test]
fn a_mask_without_a_region_or_without_a_place_is_refused_and_says_why() {
    let length = region(4, 2, AnnotationKind::Length, &[[0.0, 0.0], [3.0, 3.0]]);
    let refused = new_segment(SegmentMeaning::Lesion).to_file(&[&length], &planes()).unwrap_err();
    assert_eq!(refused.code, "nothing_to_write");
    let mut turned = planes();
    turned[3].orientation.swap(0, 1);
    let regions = [1, 3].map(|z| region(9, z, AnnotationKind::Rectangle, &[[0.0, 0.0], [2.0, 2.0]]));
    let all: Vec<&Annotation> = regions.iter().collect();
    let refused = new_segment(SegmentMeaning::Lesion).to_file(&all, &turned).unwrap_err();
    assert!(refused.reason.contains("different size or direction"), "{}", refused.reason);
    assert!(new_segment(SegmentMeaning::Organ).to_file(&all[..1], &turned).is_ok());
}
