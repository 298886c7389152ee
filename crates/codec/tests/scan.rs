//! Headers of many files, grouped into series.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

use medsight_codec::{ByteSource, Scan, scan_headers};
use medsight_dicom::{NewDataset, tags};
use std::io;
use std::sync::atomic::AtomicBool;

struct Files(Vec<Vec<u8>>);

impl ByteSource for Files {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn size(&self, file: usize) -> io::Result<u64> {
        Ok(self.0[file].len() as u64)
    }

    fn read_at(&self, file: usize, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let from = offset as usize;
        into.copy_from_slice(self.0[file].get(from..from + into.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

fn file(patient: &str, series: &str, with_pixels: bool) -> Vec<u8> {
    let mut data = NewDataset::new();
    data.text(tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.7")
        .text(tags::SOP_INSTANCE_UID, "2.25.1")
        .text(tags::PATIENT_ID, patient)
        .text(tags::SERIES_INSTANCE_UID, series);
    if with_pixels {
        data.integer(tags::ROWS, 1).integer(tags::COLUMNS, 1).integer(tags::BITS_ALLOCATED, 16).bytes(
            tags::PIXEL_DATA,
            b"OW",
            vec![0, 0],
        );
    }
    data.to_file().unwrap()
}

fn scan(files: Vec<Vec<u8>>) -> Scan {
    scan_headers(&Files(files), 2, &|_| {}, &AtomicBool::new(false)).unwrap()
}

#[test]
fn images_of_two_patients_are_two_series_though_they_have_one_series_uid() {
    let found = scan(vec![file("A", "2.25.9", true), file("B", "2.25.9", true), file("A", "2.25.9", true)]);
    let files: Vec<&[usize]> = found.series.iter().map(|series| &series.files[..]).collect();
    assert_eq!(files, [&[0, 2][..], &[1]]);
    assert!(found.series.iter().all(|series| series.uid == "2.25.9"));
}

#[test]
fn images_of_one_patient_are_grouped_by_their_series() {
    let found = scan(vec![file("A", "2.25.8", true), file("A", "2.25.9", true), file("A", "2.25.8", true)]);
    let files: Vec<(&str, &[usize])> = found.series.iter().map(|s| (&*s.uid, &s.files[..])).collect();
    assert_eq!(files, [("2.25.8", &[0, 2][..]), ("2.25.9", &[1])]);
}

#[test]
fn a_file_that_is_no_image_is_left_out_with_the_reason_and_the_others_stay() {
    let found =
        scan(vec![file("A", "2.25.9", false), b"no DICOM at all".to_vec(), file("A", "2.25.9", true)]);
    assert_eq!(found.series[0].files, [2]);
    let skipped: Vec<(usize, &str)> = found.skipped.iter().map(|s| (s.file, &*s.refusal.code)).collect();
    assert_eq!(skipped, [(0, "no_pixels"), (1, "not_dicom")]);
}
