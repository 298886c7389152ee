//! Invented studies for tests, in a file format of their own: the header as JSON on one line, then bytes. The
//! cache does not know what DICOM is, so its tests need none.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its files has failed")]

use medsight_base::{DicomDate, InstanceUid, SeriesUid, StudyUid, Timestamp};
use medsight_cache::{Cache, Import, Summary};
use medsight_record::{HeaderReader, InstanceRecord, Patient, Refusal};
use medsight_vault::MasterKey;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

pub(crate) const AT: Timestamp = Timestamp(1_790_000_000_000);

pub(crate) fn key() -> MasterKey {
    MasterKey::from_bytes([0x42; 32])
}

/// Reads the invented format, and DICOMDIRs that are lines of paths.
pub(crate) struct Invented;

impl HeaderReader for Invented {
    fn read_header(&self, bytes: &[u8]) -> Result<InstanceRecord, Refusal> {
        let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        if line == b"panic" {
            panic!("a fault of the reader");
        }
        serde_json::from_slice(line).map_err(|_| Refusal::new("not_dicom", "It is no DICOM file."))
    }

    fn directory_entries(&self, bytes: &[u8]) -> Option<Result<Vec<Vec<String>>, Refusal>> {
        let text = std::str::from_utf8(bytes).ok()?.strip_prefix("DICOMDIR\n")?;
        Some(Ok(text.lines().map(|line| line.split('\\').map(str::to_owned).collect()).collect()))
    }
}

pub(crate) fn study_uid(study: u32) -> StudyUid {
    StudyUid::parse(&format!("1.2.{study}")).unwrap()
}

pub(crate) fn record(study: u32, series: u32, instance: u32) -> InstanceRecord {
    InstanceRecord {
        uid: InstanceUid::parse(&format!("1.2.{study}.{series}.{instance}")).unwrap(),
        sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
        transfer_syntax: "1.2.840.10008.1.2.1".into(),
        study: study_uid(study),
        series: SeriesUid::parse(&format!("1.2.{study}.{series}")).unwrap(),
        patient: Patient {
            id: format!("PAT-{study:04}"),
            issuer: None,
            name: format!("MÜLLER^JOSÉ {study}"),
            birth_date: DicomDate::parse("19570314"),
            sex: None,
        },
        study_date: DicomDate::parse("20260102"),
        study_time: "101112".into(),
        accession: format!("ACC{study}"),
        study_description: "CT Schädel".into(),
        modality: if series == 1 { "CT".into() } else { "MR".into() },
        series_number: Some(series as i32),
        series_description: "axial".into(),
        // Numbered against the direction in which the patient lies.
        instance_number: Some(1000 - instance as i32),
        frames: 1,
        rows_columns: Some((4, 4)),
        position_mm: Some([0.0, 0.0, f64::from(instance) * 2.5]),
        orientation: Some([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
    }
}

pub(crate) fn file_of(record: &InstanceRecord, padding: usize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(record).unwrap();
    bytes.push(b'\n');
    bytes.extend((0..padding).map(|i| (i * 31 + i / 256) as u8));
    bytes
}

/// Writes `instances` files of one study and series.
pub(crate) fn write_series(
    folder: &Path,
    study: u32,
    series: u32,
    instances: u32,
    padding: usize,
) -> Vec<PathBuf> {
    std::fs::create_dir_all(folder).unwrap();
    (1..=instances)
        .map(|instance| {
            let path = folder.join(format!("{study}-{series}-{instance:04}"));
            std::fs::write(&path, file_of(&record(study, series, instance), padding)).unwrap();
            path
        })
        .collect()
}

pub(crate) fn import(cache: &Cache, path: &Path) -> Summary {
    let summary =
        Import::new(cache, &Invented, "tester").run(&[path.to_path_buf()], &AtomicBool::new(false), |_| {});
    assert!(summary.failed.is_none(), "{:?}", summary.failed);
    summary
}

/// A cache with `studies` studies of two series of three files.
pub(crate) fn filled(folder: &Path, studies: u32) -> Cache {
    let source = folder.join("source");
    for study in 1..=studies {
        write_series(&source, study, 1, 3, 5000);
        write_series(&source, study, 2, 3, 5000);
    }
    let cache = Cache::open(&folder.join("cache"), &key()).unwrap();
    import(&cache, &source);
    cache
}
