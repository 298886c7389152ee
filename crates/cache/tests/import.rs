//! Taking files in: what is taken, what is refused, and that nothing is taken twice or changed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::*;
use medsight_cache::{Cache, Import, Rejected};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;

fn codes(rejected: &[Rejected]) -> Vec<&str> {
    let mut codes: Vec<&str> = rejected.iter().map(|r| r.code.as_str()).collect();
    codes.sort_unstable();
    codes
}

#[test]
fn a_folder_is_imported_once_and_every_file_comes_out_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    write_series(&source.join("a"), 1, 1, 150, 20_000);
    write_series(&source.join("b/deep"), 2, 1, 3, 0);
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();

    let first = import(&cache, &source);
    assert_eq!((first.instances, first.already_present, first.studies.len()), (153, 0, 2));
    assert!(first.rejected.is_empty());
    let again = import(&cache, &source);
    assert_eq!((again.instances, again.already_present), (0, 153));
    assert_eq!(cache.usage().unwrap().instances, 153);

    let out = folder.path().join("out");
    let report = cache.export(&study_uid(1), &out, "tester", AT, |_, _| {}).unwrap();
    assert_eq!(report.files, 150);
    for instance in 1..=150 {
        let came = fs::read(source.join(format!("a/1-1-{instance:04}"))).unwrap();
        assert!(came == fs::read(out.join(format!("1.2.1.1.{instance}.dcm"))).unwrap());
    }
    assert!(cache.check(true, |_, _| {}).unwrap().damaged.is_empty());
    assert!(cache.interrupted_imports().unwrap().is_empty());
}

#[test]
fn a_file_that_is_no_image_is_named_with_its_reason_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    write_series(&source, 1, 1, 2, 0);
    fs::write(source.join("letter.dcm"), b"Dear colleague").unwrap();
    fs::write(source.join("broken-reader"), b"panic\n").unwrap();
    fs::write(source.join("Thumbs.db"), b"left by a system").unwrap();
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let summary = import(&cache, &source);
    assert_eq!(summary.instances, 2);
    assert_eq!(codes(&summary.rejected), ["fault", "not_dicom"]);
    assert!(summary.rejected.iter().any(|r| r.file.ends_with("letter.dcm")));
    let none = import(&cache, &source.join("nothing-here"));
    assert_eq!(codes(&none.rejected), ["unreadable"]);
}

#[test]
fn other_content_under_a_known_sop_instance_uid_is_refused_and_the_first_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let first = write_series(&one, 1, 1, 1, 10).remove(0);
    write_series(&two, 1, 1, 1, 11);
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    import(&cache, &one);
    let summary = import(&cache, &two);
    assert_eq!((summary.instances, codes(&summary.rejected)), (0, vec!["conflict"]));
    assert!(summary.rejected[0].reason.contains("SOP Instance UID (0008,0018)"));
    let blob = cache.manifest(&study_uid(1)).unwrap().instances[0].blob.parse().unwrap();
    assert_eq!(cache.blobs().open(blob).unwrap().read_all().unwrap(), fs::read(first).unwrap());
}

#[test]
fn the_same_conflict_is_found_between_two_files_of_one_import() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    write_series(&source.join("a"), 1, 1, 1, 10);
    write_series(&source.join("b"), 1, 1, 1, 11);
    write_series(&source.join("c"), 2, 1, 1, 10);
    write_series(&source.join("d"), 2, 1, 1, 10);
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let summary = import(&cache, &source);
    assert_eq!((summary.instances, summary.already_present), (2, 1));
    assert_eq!(codes(&summary.rejected), ["conflict"]);
    assert_eq!(cache.gc().unwrap().files, 0, "what is not needed is removed at once");
}

#[test]
fn an_image_of_another_patient_does_not_get_into_a_study() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let mut other = record(1, 1, 77);
    other.patient.id = "SOMEBODY ELSE".into();
    let path = folder.path().join("other");
    fs::write(&path, file_of(&other, 0)).unwrap();
    let summary = import(&cache, &path);
    assert_eq!(codes(&summary.rejected), ["patient_conflict"]);
    assert!(summary.rejected[0].reason.contains("(0010,0020)"));
    assert!(!summary.rejected[0].reason.contains("SOMEBODY"));
}

#[test]
fn the_same_patient_id_with_another_birth_date_is_another_patient() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let mut other = record(1, 1, 77);
    other.patient.birth_date = medsight_base::DicomDate::parse("19010203");
    let path = folder.path().join("other");
    fs::write(&path, file_of(&other, 0)).unwrap();
    let known = cache.study(&other.study).unwrap().unwrap().patient.birth_date;
    assert!(known.is_some() && known != other.patient.birth_date);
    assert_eq!(codes(&import(&cache, &path).rejected), ["patient_conflict"]);
}

#[test]
fn an_archive_in_a_cut_archive_is_not_taken_for_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let archive = |files: &[(&str, Vec<u8>)]| {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in files {
            zip.start_file(*name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let inner = archive(&[("a", file_of(&record(1, 1, 1), 100))]);
    let mut outer = archive(&[("inner.zip", inner.clone()), ("b", file_of(&record(1, 1, 2), 90_000))]);
    outer.truncate(inner.len() + 2_000);
    let path = folder.path().join("cut.zip");
    fs::write(&path, outer).unwrap();
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let summary = import(&cache, &path);
    assert_eq!((summary.instances, codes(&summary.rejected)), (0, vec!["zip_damaged"]));
}

#[test]
fn a_zip_archive_is_read_without_unpacking_and_its_names_lead_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("study.ZIP");
    let mut zip = zip::ZipWriter::new(fs::File::create(&archive).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for instance in 1..=20 {
        zip.start_file(format!("../../etc/{instance}"), options).unwrap();
        zip.write_all(&file_of(&record(1, 1, instance), 30_000)).unwrap();
    }
    zip.start_file("__MACOSX/x", options).unwrap();
    zip.start_file("readme.txt", options).unwrap();
    zip.write_all(b"hello").unwrap();
    zip.start_file("second.zip", options).unwrap();
    zip.write_all(b"PK\x03\x04 and more").unwrap();
    zip.finish().unwrap();
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let summary = import(&cache, &archive);
    assert_eq!((summary.instances, codes(&summary.rejected)), (20, vec!["not_dicom", "zip_nested"]));
    assert!(summary.rejected[0].file.ends_with("study.ZIP » readme.txt"));
    assert!(cache.check(true, |_, _| {}).unwrap().damaged.is_empty());
}

#[test]
fn an_archive_that_would_unpack_to_a_hundred_times_its_size_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("bomb.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&archive).unwrap());
    let zeros = vec![0_u8; 16 << 20];
    for name in 0..80 {
        zip.start_file(name.to_string(), zip::write::SimpleFileOptions::default().compression_level(Some(1)))
            .unwrap();
        zip.write_all(&zeros).unwrap();
    }
    zip.finish().unwrap();
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let summary = import(&cache, &archive);
    assert_eq!((summary.instances, codes(&summary.rejected)), (0, vec!["zip_bomb"]));
}

#[test]
fn a_cut_archive_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("cut.zip");
    fs::write(&archive, b"PK\x03\x04 and then nothing").unwrap();
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    assert_eq!(codes(&import(&cache, &archive).rejected), ["zip_damaged"]);
}

#[test]
fn a_dicomdir_brings_the_files_it_lists_whatever_the_case_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let disc = folder.path().join("disc");
    fs::create_dir_all(disc.join("images/ct")).unwrap();
    fs::write(disc.join("images/ct/i1.;1"), file_of(&record(1, 1, 1), 0)).unwrap();
    fs::write(disc.join("images/ct/I2"), file_of(&record(1, 1, 2), 0)).unwrap();
    fs::write(disc.join("images/ct/not-listed"), file_of(&record(1, 1, 3), 0)).unwrap();
    fs::write(folder.path().join("outside"), file_of(&record(1, 1, 4), 0)).unwrap();
    let listed = "DICOMDIR\nIMAGES\\CT\\I1\nIMAGES\\CT\\I2\nIMAGES\\CT\\I9\n..\\outside\n";
    fs::write(disc.join("DICOMDIR"), listed).unwrap();
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let summary = import(&cache, &disc.join("DICOMDIR"));
    assert_eq!(summary.instances, 2);
    assert_eq!(codes(&summary.rejected), ["listed_missing", "listed_missing"]);
    // The folder of the disc has the third as well, and still tells what is missing.
    let whole = import(&cache, &disc);
    assert_eq!((whole.instances, whole.already_present, whole.rejected.len()), (1, 2, 2));
}

#[test]
fn a_cancelled_import_keeps_what_was_taken_and_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    write_series(&source, 1, 1, 300, 1000);
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let cancel = AtomicBool::new(false);
    let summary = Import::new(&cache, &Invented, "tester").run(&[source], &cancel, |progress| {
        if progress.files_done > 0 {
            cancel.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    });
    assert!(summary.cancelled && summary.failed.is_none());
    assert_eq!(cache.usage().unwrap().instances, summary.instances);
    assert!(summary.instances < 300);
    assert!(cache.interrupted_imports().unwrap().is_empty());
    assert!(cache.check(true, |_, _| {}).unwrap().damaged.is_empty());
}

#[test]
fn progress_tells_files_bytes_speed_and_time_left() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    write_series(&source, 1, 1, 50, 100_000);
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let mut last = None;
    let _ = Import::new(&cache, &Invented, "tester").run(
        std::slice::from_ref(&source),
        &AtomicBool::new(false),
        |p| {
            last = Some(*p);
        },
    );
    let last = last.unwrap();
    assert_eq!((last.files_done, last.files_total, last.counting), (50, 50, false));
    assert_eq!(last.bytes_done, last.bytes_total);
    let on_disk: u64 =
        fs::read_dir(Path::new(&source)).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(last.bytes_done, on_disk);
}
