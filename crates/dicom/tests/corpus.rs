//! Files that must be refused with the attribute named, names in many scripts, and hostile headers.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

use medsight_dicom::{DicomHeaders, Object, tags};
use medsight_record::HeaderReader;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn own_corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus")
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn each_refused_sample_is_refused_and_the_attribute_is_named() {
    let corpus = own_corpus();
    for sample in json(&corpus.join("expected.json"))["refused"].as_array().unwrap() {
        let file = sample["file"].as_str().unwrap();
        let bytes = std::fs::read(corpus.join(file)).unwrap();
        let refusal = DicomHeaders.read_header(&bytes).expect_err(file);
        if let Some(tag) = sample["attribute"].as_str() {
            assert!(refusal.reason.contains(tag), "{file}: {}", refusal.reason);
        }
    }
}

#[test]
fn each_accepted_sample_is_accepted_unless_it_does_not_say_which_study_it_is() {
    let corpus = own_corpus();
    for sample in json(&corpus.join("expected.json"))["files"].as_array().unwrap() {
        let file = sample["file"].as_str().unwrap();
        let bytes = std::fs::read(corpus.join(file)).unwrap();
        if let Err(refusal) = DicomHeaders.read_header(&bytes) {
            let object = Object::parse(&bytes).unwrap();
            assert!(!object.data().has(tags::STUDY_INSTANCE_UID), "{file}: {}", refusal.reason);
            assert!(refusal.reason.contains("(0020,000D)"), "{file}: {}", refusal.reason);
        }
    }
}

fn names_are_right(folder: &Path, samples: &[Value]) {
    for sample in samples {
        let (Some(file), Some(name)) = (sample["file"].as_str(), sample["patient_name"].as_str()) else {
            continue;
        };
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let Ok(object) = Object::parse(&bytes) else { continue };
        assert_eq!(object.data().text_or_empty(tags::PATIENT_NAME), name.trim_end(), "{file}");
    }
}

#[test]
fn names_in_other_scripts_are_read_as_they_were_written() {
    let corpus = own_corpus();
    names_are_right(&corpus, json(&corpus.join("expected.json"))["charset"].as_array().unwrap());
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let folder = corpus.join("dicom/derived");
    let document = json(&folder.join("expected.json"));
    let charset: Vec<Value> = document["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["file"].as_str().is_some_and(|f| f.starts_with("charset/")))
        .cloned()
        .collect();
    names_are_right(&folder, &charset);
}

#[test]
fn a_file_cut_at_any_byte_of_its_header_is_refused_and_nothing_worse() {
    let bytes = std::fs::read(own_corpus().join("accepted/codecs/MR_small.dcm")).unwrap();
    for length in (0..bytes.len()).step_by(7) {
        let refused = DicomHeaders.read_header(&bytes[..length]);
        assert!(refused.is_err(), "{length} of {} bytes", bytes.len());
    }
}

#[test]
fn a_dicomdir_lists_its_files() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let folder = corpus.join("dicom/derived/dicomdir");
    let bytes = std::fs::read(folder.join("DICOMDIR")).unwrap();
    let entries = DicomHeaders.directory_entries(&bytes).unwrap().unwrap();
    assert!(entries.len() > 10);
    for components in &entries {
        let path = components.iter().fold(folder.clone(), |path, part| path.join(part));
        assert!(path.is_file(), "{}", path.display());
    }
    let image = std::fs::read(own_corpus().join("accepted/codecs/MR_small.dcm")).unwrap();
    assert!(DicomHeaders.directory_entries(&image).is_none());
}
