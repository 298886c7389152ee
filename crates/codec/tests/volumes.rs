//! Whole series against SimpleITK: order, geometry, every voxel, and what a reader is warned of.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

use medsight_codec::{FolderSource, LoadEvent, LoadOptions, LoadedSeries, load_series};
use medsight_image::Voxels;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

fn own_series() -> (PathBuf, Value) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let document: Value =
        serde_json::from_slice(&std::fs::read(corpus.join("expected.json")).unwrap()).unwrap();
    (corpus.join("accepted/series"), document["series"].clone())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).filter(|p| p.is_file()).collect();
    files.sort();
    files
}

fn load(folder: &Path) -> LoadedSeries {
    let source = FolderSource::new(files(folder));
    load_series(&source, LoadOptions::default(), &|_| {}, &AtomicBool::new(false)).unwrap()
}

fn check(folder: &Path, want: &Value) {
    let name = folder.display().to_string();
    let loaded = load(folder);
    assert_eq!(loaded.volumes.len(), 1, "{name}");
    let volume = loaded.volumes[0].1.as_ref().unwrap();
    let numbers = |value: &Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
    };
    let shape = numbers(&want["volume"]["shape_tzyx"]);
    let dims: Vec<f64> = volume.dims.iter().rev().map(|d| *d as f64).collect();
    assert_eq!(dims, shape, "{name}");
    let bytes: Vec<u8> = match &*volume.voxels {
        Voxels::I16(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Voxels::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
    };
    let hash: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hash, want["volume"]["sha256"].as_str().unwrap(), "{name}");
    let close = |ours: f64, theirs: f64| assert!((ours - theirs).abs() < 1e-3, "{name}: {ours} and {theirs}");
    let [row_mm, column_mm] = numbers(&want["pixel_spacing_row_col"])[..] else { panic!("two spacings") };
    close(volume.spacing_mm.x, column_mm);
    close(volume.spacing_mm.y, row_mm);
    close(volume.spacing_mm.z, want["slice_spacing_median"].as_f64().unwrap());
    for (ours, theirs) in volume.origin_mm.to_array().iter().zip(numbers(&want["first_image_position"])) {
        close(*ours, theirs);
    }
    let uneven = want["uniform_spacing"] == Value::Bool(false);
    let tilted = want["shear_angle_deg"].as_f64().unwrap().abs() > 0.1;
    let warned = |code: &str| volume.warnings.iter().any(|w| w.code == code);
    assert_eq!(warned("uneven_spacing"), uneven, "{name}");
    assert_eq!(warned("gantry_tilt"), tilted, "{name}");
    let last = volume.patient_from_voxel.transform_point3(glam_vec(0.0, 0.0, volume.dims[2] as f64 - 1.0));
    if !uneven {
        for (ours, theirs) in last.to_array().iter().zip(numbers(&want["last_image_position"])) {
            assert!((ours - theirs).abs() < 0.01, "{name}: the last slice is at {last}");
        }
    }
}

fn glam_vec(x: f64, y: f64, z: f64) -> glam::DVec3 {
    glam::DVec3::new(x, y, z)
}

#[test]
fn our_own_series_have_the_voxels_and_the_geometry_that_simpleitk_finds() {
    let (folder, series) = own_series();
    for (name, want) in series.as_object().unwrap() {
        check(&folder.join(name), want);
    }
}

#[test]
fn the_corpus_series_have_the_voxels_and_the_geometry_that_simpleitk_finds() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let folder = corpus.join("dicom/series");
    let document: Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    for (name, want) in document["series"].as_object().unwrap() {
        if folder.join(name).is_dir() {
            check(&folder.join(name), want);
        }
    }
}

#[test]
fn the_first_image_is_there_before_any_other_file_is_touched() {
    let (folder, _) = own_series();
    let source = FolderSource::new(files(&folder.join("ct_axial_shuffled")));
    let seen = Mutex::new(Vec::new());
    let note = |event: LoadEvent| {
        let word = match event {
            LoadEvent::First { pixels, .. } => format!("first {}", pixels.rows),
            LoadEvent::Headers { .. } => "header".into(),
            LoadEvent::Frames { .. } => "frame".into(),
        };
        seen.lock().unwrap().push(word);
    };
    load_series(&source, LoadOptions::default(), &note, &AtomicBool::new(false)).unwrap();
    assert_eq!(seen.into_inner().unwrap()[0], "first 20");
}

#[test]
fn loading_can_be_cancelled() {
    let (folder, _) = own_series();
    let source = FolderSource::new(files(&folder.join("ct_axial_shuffled")));
    let cancel = AtomicBool::new(false);
    let stop = |event: LoadEvent| {
        if matches!(event, LoadEvent::Frames { .. }) {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let refusal = load_series(&source, LoadOptions::default(), &stop, &cancel).unwrap_err();
    assert_eq!(refusal.code, "cancelled");
}

#[test]
fn sixteen_bit_ct_that_leaves_the_range_with_its_intercept_becomes_floats_not_garbage() {
    // Stored 65000 with intercept 0 does not fit 16 signed bits.
    let (folder, _) = own_series();
    let temporary = std::env::temp_dir().join(format!("medsight-wide-{}", std::process::id()));
    std::fs::create_dir_all(&temporary).unwrap();
    for path in files(&folder.join("mr_two_times")) {
        let mut bytes = std::fs::read(&path).unwrap();
        // Bits Stored 16, High Bit 15, unsigned; then one bright pixel.
        set_u16(&mut bytes, [0x28, 0x00, 0x01, 0x01], 16);
        set_u16(&mut bytes, [0x28, 0x00, 0x02, 0x01], 15);
        set_u16(&mut bytes, [0x28, 0x00, 0x03, 0x01], 0);
        let last = bytes.len() - 2;
        bytes[last..].copy_from_slice(&65_000_u16.to_le_bytes());
        std::fs::write(temporary.join(path.file_name().unwrap()), bytes).unwrap();
    }
    let loaded = load(&temporary);
    std::fs::remove_dir_all(&temporary).unwrap();
    let volume = loaded.volumes[0].1.as_ref().unwrap();
    assert!(matches!(*volume.voxels, Voxels::F32(_)));
    assert_eq!(volume.min_max[1], 65_000.0);
    assert_eq!(volume.at(volume.dims[0] - 1, volume.dims[1] - 1, 0), Some(65_000.0));
}

fn set_u16(bytes: &mut [u8], tag: [u8; 4], value: u16) {
    let at = bytes.windows(4).position(|w| w == tag).unwrap();
    bytes[at + 8..at + 10].copy_from_slice(&value.to_le_bytes());
}
