//! Our derived objects in the hands of readers that nobody on this project wrote: highdicom, pydicom, dcmtk and
//! dciodvfy (PS3.3 rules).
//!
//! `cargo xtask test` installs highdicom and dcmjs in the versions of `tests/peers`. By itself this looks for a Python
//! with highdicom in `MEDSIGHT_PEER_PYTHON` and for the folder of dcmjs in `MEDSIGHT_PEER_DCMJS`; without them, or
//! without a tool on the path, that part says loudly that it was skipped. `MEDSIGHT_PEER_KEEP` names a folder that gets
//! a copy of every object.
#![allow(clippy::unwrap_used, reason = "a test that cannot run its peers has failed")]

mod derived_support;

use derived_support::measurements::{drawn, evidence_of_volumetric, labelled, volumetric, written};
use derived_support::segmentations::{new, new_segment, pattern, region, region_planes, segment};
use derived_support::{SIZE, ct_file, header, plane_source, presentation};
use medsight_base::Timestamp;
use medsight_dicom::derived::{
    KeyObjects, Labels, MeasurementReport, ParametricMap, Region, Report, Segmentation, SegmentationKind,
    annotations_of,
};
use medsight_dicom::{Object, Softcopy, tags};
use medsight_image::Voi;
use medsight_record::{AnnotationId, AnnotationKind, Place, SegmentMeaning};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

fn skipped(what: &str) {
    // Straight to the stream: the test runner swallows `eprintln!` of tests that pass.
    let mut stderr = std::io::stderr().lock();
    let _unwritten = writeln!(stderr, "SKIPPED: {what}, so NOTHING was compared with it");
}

/// Each object with what an independent reader has to find in it.
fn samples() -> Vec<(&'static str, Vec<u8>, Value)> {
    let pixels = SIZE[0] * SIZE[1];
    let mut samples = Vec::new();
    let mass = region(1, 1, AnnotationKind::Rectangle, &[[0.6, 0.6], [2.4, 2.2]]);
    let file = new_segment(SegmentMeaning::Mass).to_file(&[&mass], &region_planes()).unwrap();
    let mask = |z: usize| -> Vec<u16> {
        let is_in = |p: usize| z == 1 && (1..=2).contains(&(p % SIZE[0])) && (1..=2).contains(&(p / SIZE[0]));
        (0..pixels).map(|p| u16::from(is_in(p))).collect()
    };
    let sources: Vec<String> = (0..3).map(|z| plane_source(z).instance.instance).collect();
    let masks: Vec<Vec<u16>> = (0..3).map(mask).collect();
    let facts =
        json!({ "kind": "seg", "segments": [masks], "sources": sources, "named": ["Mass", "Left one"] });
    samples.push(("seg_of_regions", file, facts));
    let mut seg = |name, kind, segments: u16, high: u16| {
        let new = new(kind, (1..=segments).map(segment).collect(), SIZE, 3);
        let value = |s: u16, z: usize, p: usize| if pattern(s.into(), z, p, 3) { high } else { 0 };
        let label = |z: usize, p: usize| (1..=segments).find(|s| value(*s, z, p) > 0).unwrap_or(0);
        let of = |s: Option<u16>, z: usize| -> Vec<u16> {
            (0..pixels).map(|p| s.map_or_else(|| label(z, p), |s| value(s, z, p))).collect()
        };
        let file = new.to_file(&mut |s, z| Some(of(s, z))).unwrap();
        let is_map = kind == SegmentationKind::LabelMap;
        let numbers: Vec<u16> = (1..=segments).collect();
        let expected: Vec<Value> = numbers
            .iter()
            .map(|s| {
                let plane = |z: usize| -> Vec<u16> {
                    let own = |v: u16| if is_map { u16::from(v == *s) } else { v };
                    of((!is_map).then_some(*s), z).into_iter().map(own).collect()
                };
                json!((0..3).map(plane).collect::<Vec<_>>())
            })
            .collect();
        let sources: Vec<String> = (0..3).map(|z| plane_source(z).instance.instance).collect();
        samples.push((name, file, json!({ "kind": "seg", "segments": expected, "sources": sources })));
    };
    seg("seg_binary", SegmentationKind::Binary, 3, 1);
    seg("seg_200", SegmentationKind::Binary, 200, 1);
    seg("seg_fractional", SegmentationKind::Fractional { max: 200, occupancy: false }, 2, 130);
    seg("seg_labelmap", SegmentationKind::LabelMap, 3, 1);
    seg("seg_labelmap_wide", SegmentationKind::LabelMap, 300, 1);

    let drawn = drawn();
    let on_images: Vec<_> = drawn.iter().take(6).cloned().collect();
    let corner = |i: usize| match &drawn[i].place {
        Place::Image { points_px, .. } => json!(points_px),
        Place::Plane { points_mm, .. } => json!(points_mm),
    };
    let sr = json!({ "kind": "sr", "planar": 6, "volumetric": 0, "length_mm": 5.0, "line": corner(0) });
    samples.push(("sr_on_images", written(&on_images).0, sr));
    let sr = json!({ "kind": "sr", "planar": 12, "volumetric": 0, "length_mm": 5.0, "line": corner(0) });
    samples.push(("sr_in_patient", written(&drawn).0, sr));
    let file = volumetric().to_file(header(), evidence_of_volumetric(), true).unwrap();
    samples.push(("sr_volumetric", file, json!({ "kind": "sr", "planar": 0, "volumetric": 2 })));

    let file = presentation::state().to_file(&header(), &presentation::look()).unwrap();
    samples.push(("pr", file, json!({ "kind": "pr", "window": [40.0, 400.0], "text": "5.0 mm" })));
    let file = presentation::key_objects().to_file(header()).unwrap();
    let marked = [0, 2].map(|z| plane_source(z).instance.instance);
    samples.push(("kos", file, json!({ "kind": "kos", "instances": marked })));
    let text = String::from_utf8(presentation::PDF.to_vec()).unwrap();
    samples.push(("pdf", presentation::pdf().to_file().unwrap(), json!({ "kind": "pdf", "text": text })));
    let rgb = presentation::RGB.to_vec();
    samples.push((
        "capture",
        presentation::capture().to_file().unwrap(),
        json!({ "kind": "image", "samples": rgb }),
    ));
    samples
}

fn write_all(folder: &Path) -> Vec<&'static str> {
    for z in 0..4 {
        std::fs::write(folder.join(format!("ct{z}.dcm")), ct_file(z)).unwrap();
    }
    let samples = samples();
    let facts: serde_json::Map<String, Value> =
        samples.iter().map(|(name, _, facts)| (format!("{name}.dcm"), facts.clone())).collect();
    std::fs::write(folder.join("facts.json"), Value::Object(facts).to_string()).unwrap();
    let kept = std::env::var_os("MEDSIGHT_PEER_KEEP").map(PathBuf::from);
    for (name, file, _) in &samples {
        std::fs::write(folder.join(format!("{name}.dcm")), file).unwrap();
        kept.iter().for_each(|kept| std::fs::write(kept.join(format!("{name}.dcm")), file).unwrap());
    }
    samples.iter().map(|(name, ..)| *name).collect()
}

#[test]
fn highdicom_and_pydicom_find_in_our_objects_what_we_put_there() {
    let Some(python) = std::env::var_os("MEDSIGHT_PEER_PYTHON") else {
        return skipped("MEDSIGHT_PEER_PYTHON does not name a Python with highdicom");
    };
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/derived_peers.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.trim_end().ends_with("objects agree"), "{out}\n{err}");
}

#[test]
fn dcmtk_prints_our_reports_without_a_complaint() {
    let folder = tempfile::tempdir().unwrap();
    for name in write_all(folder.path()).iter().filter(|n| n.starts_with("sr_") || n.starts_with("kos")) {
        let file = folder.path().join(format!("{name}.dcm"));
        let Ok(output) = Command::new("dsrdump").arg("+U8").arg(&file).output() else {
            return skipped("dsrdump is not installed");
        };
        let err = String::from_utf8_lossy(&output.stderr);
        // What dcmtk 3.6.7 says of itself: it checks values in Latin 1 only, and knows few templates.
        let of_itself = ["VR checker does not support", "Check for template constraints"];
        let of_ours = |l: &&str| !l.trim().is_empty() && !of_itself.iter().any(|known| l.contains(known));
        let complaints: Vec<_> = err.lines().filter(of_ours).collect();
        assert!(output.status.success() && complaints.is_empty(), "{name}: {}", complaints.join("\n"));
    }
}

#[test]
fn dcmtk_accepts_our_presentation_states() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let Ok(output) = Command::new("dcmpschk").arg(folder.path().join("pr.dcm")).output() else {
        return skipped("dcmpschk is not installed");
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("Testing:"), "{text}");
    // dcmtk 3.6.7 takes letters of UTF-8 for errors.
    let errors: Vec<_> = text.split("Error:").skip(1).filter(|error| error.is_ascii()).collect();
    assert!(errors.is_empty(), "{text}");
}

/// dcmjs is what OHIF reads and writes reports with.
#[test]
fn dcmjs_opens_our_measurements_and_we_open_its() {
    let Some(package) = std::env::var_os("MEDSIGHT_PEER_DCMJS") else {
        return skipped("MEDSIGHT_PEER_DCMJS does not name the folder of dcmjs 0.29");
    };
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let drawn: Vec<_> = drawn().into_iter().take(4).collect();
    let ours = labelled(&drawn, Labels::Cornerstone).0;
    std::fs::write(folder.path().join("ours.dcm"), ours).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/derived_peers.cjs");
    let output = Command::new("node").arg(script).arg(package).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8(output.stdout).unwrap();
    let read: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    // From the corner of the first pixel, as everywhere in DICOM.
    let points = |tool: &Value| -> Vec<f64> {
        let points = tool["points"].as_array().unwrap().iter().flat_map(|p| p.as_array().unwrap());
        points.map(|v| v.as_f64().unwrap()).collect()
    };
    let (length, ellipse) = (&read["Length"][0], &read["EllipticalROI"][0]);
    assert_eq!(points(length), [0.5, 0.5, 3.75, 5.0]);
    assert_eq!(length["value"].as_f64(), Some(5.0));
    assert_eq!(points(ellipse), [3.0, 1.5, 3.0, 6.5, 1.5, 4.0, 4.5, 4.0]);

    let bytes = std::fs::read(folder.path().join("theirs.dcm")).unwrap();
    let report = Report::read(&Object::parse(&bytes).unwrap()).unwrap();
    let mut next = 0;
    let mut new_id = || {
        next += 1;
        AnnotationId(uuid::Uuid::from_u128(next))
    };
    let read = annotations_of(&report, Timestamp(0), &|_| None, &mut new_id).unwrap();
    let [not_shown] = &read.not_shown[..] else { panic!("{:?}", read.not_shown) };
    assert!(not_shown.reason.contains("coded as a length"), "the ellipse's area: {not_shown:?}");
    let found: Vec<_> = read.annotations.iter().map(|a| (a.kind.clone(), a.place.clone())).collect();
    let [(length, on), (ellipse, box_on), (arrow, _)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((length, ellipse), (&AnnotationKind::Length, &AnnotationKind::Ellipse));
    assert_eq!(arrow, &AnnotationKind::Text { text: "look here".into() });
    let points = |place: &Place| match place {
        Place::Image { points_px, instance, .. } => {
            assert_eq!(instance.as_str(), plane_source(1).instance.instance);
            points_px.clone()
        }
        Place::Plane { .. } => panic!("on no image"),
    };
    assert_eq!(points(on), [[0.5, 1.5], [3.5, 1.5]]);
    assert_eq!(points(box_on), [[0.5, 0.5], [2.5, 3.5]]);
    assert_eq!(read.annotations[0].measured.length_mm, Some(1.5));
    assert_eq!(read.annotations[1].measured, medsight_record::Measured::default());
}

/// Three scrambled tables, one behind the other: modality, VOI, presentation.
#[test]
fn an_image_under_a_state_of_three_tables_looks_as_dcmtk_shows_it() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let weasis = corpus.join("dicom/derived/weasis");
    let (image, state) = (weasis.join("imageForPrLUTs.dcm"), weasis.join("prLUTs.dcm"));
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("shown.pgm");
    let mut command = Command::new("dcmp2pgm");
    let Ok(output) = command.arg("-p").arg(&state).arg(&image).arg(&picture).output() else {
        return skipped("dcmp2pgm is not installed");
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let picture = std::fs::read(picture).unwrap();
    let (image, state) = (std::fs::read(image).unwrap(), std::fs::read(state).unwrap());
    let (image, state) = (Object::parse(&image).unwrap(), Object::parse(&state).unwrap());
    let uid = image.data().text_or_empty(tags::SOP_INSTANCE_UID);
    let look = Softcopy::read(&state, &uid).unwrap();
    let stored = image.data().raw(tags::PIXEL_DATA).unwrap();
    let shown = &picture[picture.len() - 512 * 512..];
    let voi = look.voi.unwrap();
    let ours: Vec<u8> = stored[..512 * 512]
        .iter()
        .map(|v| (voi.apply(look.modality.apply(f32::from(*v))) * 255.0).round() as u8)
        .collect();
    let different = ours.iter().zip(shown).filter(|(a, b)| a != b).count();
    assert_eq!(different, 0, "of {} pixels", shown.len());
    assert!(shown.iter().max() > shown.iter().min(), "a picture, not a blank");
}

/// highdicom's objects of our images, read by us.
#[test]
fn what_highdicom_writes_of_our_images_we_read_as_it_was_meant() {
    let Some(python) = std::env::var_os("MEDSIGHT_PEER_PYTHON") else {
        return skipped("MEDSIGHT_PEER_PYTHON does not name a Python with highdicom");
    };
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/derived_peers.py");
    let output = Command::new(python).arg(script).arg(folder.path()).arg("make").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    for kind in ["binary", "fractional", "labelmap"] {
        let bytes = read(&format!("hd_seg_{kind}.dcm"));
        let object = Object::parse(&bytes).unwrap();
        let seg = Segmentation::read(&object).unwrap();
        for (number, planes) in theirs["segments"].as_object().unwrap() {
            let number: u16 = number.parse().unwrap();
            for (z, plane) in planes.as_array().unwrap().iter().enumerate() {
                let on: Vec<usize> = seg.frames_on(&plane_source(z).instance.instance, 0).collect();
                let mask = on.iter().find_map(|frame| seg.mask(*frame, number));
                let filled = |v: &u8| if kind == "fractional" { *v == seg.max_value() } else { *v == 1 };
                let found: Vec<u64> =
                    mask.map_or(vec![0; SIZE[0] * SIZE[1]], |m| m.iter().map(|v| filled(v).into()).collect());
                let meant: Vec<u64> = plane.as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect();
                assert_eq!(found, meant, "{kind} segment {number} plane {z}");
            }
        }
    }
    let bytes = read("hd_sr.dcm");
    let report = MeasurementReport::read(&Object::parse(&bytes).unwrap()).unwrap();
    let group = &report.groups[0];
    assert_eq!((group.tracking_id.as_str(), group.measurements[0].value), ("Lesion 1", Some(12.5)));
    let Region::Image { points_px, image, .. } = &group.regions[0] else { panic!("{group:?}") };
    assert_eq!((points_px[1], &image.instance), ([4.0, 1.0], &plane_source(1).instance.instance));
    let bytes = read("hd_pm.dcm");
    let map = ParametricMap::read(&Object::parse(&bytes).unwrap()).unwrap();
    assert_eq!((map.grid.dims, map.mappings[0].unit.value.as_ref()), ([7, 5, 3], "[hnsf'U]"));
    let mut values: Vec<f32> = map.frames.concat();
    values.sort_by(f32::total_cmp);
    assert_eq!((values[0], values[104]), (-5.0, 47.0), "0 to 104 halved, less 5");
    let bytes = read("hd_pr.dcm");
    let look = Softcopy::read(&Object::parse(&bytes).unwrap(), &plane_source(0).instance.instance).unwrap();
    assert!(matches!(look.voi, Some(Voi::Window(w)) if (w.center(), w.width()) == (40.0, 400.0)));
    let bytes = read("hd_ko.dcm");
    let marked = KeyObjects::read(&Object::parse(&bytes).unwrap()).unwrap();
    assert_eq!(marked.instances[0].instance, plane_source(0).instance.instance);
}

#[test]
fn the_rules_of_the_standard_hold_for_our_objects() {
    let folder = tempfile::tempdir().unwrap();
    let mut findings = Vec::new();
    for name in write_all(folder.path()) {
        if name.starts_with("seg_labelmap") {
            continue; // younger than the validator
        }
        let file = folder.path().join(format!("{name}.dcm"));
        let Ok(output) = Command::new("dciodvfy").arg("-new").arg(&file).output() else {
            return skipped("dciodvfy is not installed");
        };
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let errors = text.lines().filter(|l| l.starts_with("Error"));
        findings.extend(errors.map(|l| format!("{name}: {l}")));
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}
