//! The light box as the desk starts it: a study out of the encrypted store, a picture on the screen, a thumbnail,
//! and an orderly end when the desk is gone. Needs a display; says loudly that it was skipped without one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use medsight_base::Timestamp;
use medsight_dicom::DicomHeaders;
use medsight_link::{FromLightBox, Hello, PROTOCOL, ToLightBox, wire};
use medsight_record::{HeaderReader, Manifest, ManifestInstance, ReadState, SeriesRecord, StudyRecord};
use medsight_vault::{BlobKey, BlobStore, Durability};

fn has_display() -> bool {
    let there = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    if !there {
        eprintln!("SKIPPED: no display, so the light box can't open a window");
    }
    there
}

/// Files of one series of the project's own samples.
fn sample_files() -> Vec<PathBuf> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|e| e == "dcm") {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&medsight_base::testing::workspace().join("assets/samples"), &mut files);
    files.sort();
    let first = files.first().and_then(|f| f.parent().map(Path::to_owned));
    files.retain(|f| f.parent() == first.as_deref());
    files
}

fn manifest(store: &BlobStore, files: &[PathBuf]) -> Manifest {
    let mut instances = Vec::new();
    let mut first = None;
    for file in files {
        let bytes = std::fs::read(file).unwrap();
        let Ok(header) = DicomHeaders.read_header(&bytes) else { continue };
        let blob = store.put(&bytes, Durability::Later).unwrap();
        instances.push(ManifestInstance {
            uid: header.uid.clone(),
            series: header.series.clone(),
            blob: blob.to_string(),
            bytes: bytes.len() as u64,
            frames: header.frames,
            position_along_normal_mm: None,
        });
        first.get_or_insert(header);
    }
    let first = first.expect("a sample that can be read");
    instances.retain(|i| i.series == first.series);
    let count = u32::try_from(instances.len()).unwrap();
    Manifest {
        study: StudyRecord {
            uid: first.study.clone(),
            patient: first.patient.clone(),
            date: first.study_date,
            time: first.study_time.clone(),
            accession: String::new(),
            description: String::new(),
            modalities: vec![first.modality.clone()],
            series_count: 1,
            instance_count: count,
            bytes: 0,
            state: ReadState::Unread,
            imported_at: Timestamp(0),
            work: Default::default(),
        },
        series: vec![SeriesRecord {
            uid: first.series,
            number: first.series_number,
            modality: first.modality,
            description: first.series_description,
            instance_count: count,
            frame_count: instances.iter().map(|i| i.frames).sum(),
        }],
        instances,
    }
}

#[test]
fn a_study_out_of_the_encrypted_store_is_shown_and_the_end_of_the_desk_is_the_end() {
    if !has_display() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let key = [7; 32];
    let store = BlobStore::open_or_create(folder.path(), BlobKey::from_bytes(key)).unwrap();
    let manifest = manifest(&store, &sample_files());
    let (study, blob) = (manifest.study.uid.clone(), manifest.instances[0].blob.clone());

    let mut child = Command::new(env!("CARGO_BIN_EXE_medsight-imaging"))
        .arg("--desk")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    let hello = Hello {
        protocol: PROTOCOL,
        blob_root: folder.path().to_owned(),
        blob_key_hex: BlobKey::from_bytes(key).to_hex().to_string(),
        locale: "de".into(),
        screen_px_per_mm: None,
        models: None,
    };
    wire::write_message(&mut to, &ToLightBox::Hello(Box::new(hello))).unwrap();
    let open = ToLightBox::Open {
        manifest: Box::new(manifest),
        annotations: Vec::new(),
        session: None,
        beside: Vec::new(),
        arriving: false,
    };
    wire::write_message(&mut to, &open).unwrap();
    let thumbnail = ToLightBox::Thumbnail { request: 5, blob, frame: 0, edge_px: 64 };
    wire::write_message(&mut to, &thumbnail).unwrap();

    let (mut ready, mut shown, mut picture) = (false, false, false);
    while !(ready && shown && picture) {
        match wire::read_message::<FromLightBox>(&mut from).unwrap().expect("the light box lives") {
            FromLightBox::Ready { protocol, .. } => ready = protocol == PROTOCOL,
            FromLightBox::Shown { study: which, first_image_ms } => {
                shown = which == study && first_image_ms > 0.0
            }
            FromLightBox::Thumbnail { request: 5, png_base64 } => {
                picture = png_base64.unwrap().starts_with("iVBORw0KGgo");
            }
            FromLightBox::Problem(why) => panic!("{why}"),
            _ => {}
        }
    }
    drop(to);
    let since = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(since.elapsed() < Duration::from_secs(30), "the light box outlived its desk");
        std::thread::sleep(Duration::from_millis(20));
    }
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
}
