//! What a peer was told to be kept is here after a power cut, whatever of blobs and records had reached the disk.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its files has failed")]

mod common;

use common::{AT, Invented, file_of, key, record, study_uid};
use medsight_cache::{Cache, Took};
use medsight_record::RecordCommand;
use std::fs;
use std::path::Path;

const JOURNAL: &str = "received.journal";

fn take_in(cache: &Cache, study: u32, instances: &[u32]) {
    for instance in instances {
        let file = file_of(&record(study, 1, *instance), 300_000);
        assert_eq!(cache.take_in(&Invented, "tester", &[&file]).unwrap().answers, [Ok(Took::New)]);
    }
}

/// Copies the files of a cache that is open, as a power cut would leave them; not those that `lost` names.
fn cut(from: &Path, to: &Path, lost: &dyn Fn(&str) -> bool) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            cut(&entry.path(), &to.join(&name), lost);
        } else if !lost(&name) && !name.ends_with("-shm") && name != "cache.lock" {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

fn here(folder: &Path, study: u32) -> usize {
    let cache = Cache::open(folder, &key()).unwrap();
    let report = cache.check(true, |_, _| {}).unwrap();
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
    cache.instances_here(&study_uid(study)).unwrap().len()
}

#[test]
fn objects_are_here_again_when_neither_their_records_nor_their_files_reached_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (live, after) = (folder.path().join("live"), folder.path().join("after"));
    let cache = Cache::open(&live, &key()).unwrap();
    cut(&live, &after, &|_| false);
    take_in(&cache, 1, &[1, 2, 3]);
    fs::copy(live.join(JOURNAL), after.join(JOURNAL)).unwrap();
    assert_eq!(here(&after, 1), 3);
    // Once more: what is here now is not taken in a second time.
    assert_eq!(here(&after, 1), 3);
}

#[test]
fn a_record_whose_file_did_not_reach_the_disk_whole_gets_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let (live, after) = (folder.path().join("live"), folder.path().join("after"));
    let cache = Cache::open(&live, &key()).unwrap();
    take_in(&cache, 1, &[1, 2]);
    cut(&live, &after, &|name| name.ends_with(".msv"));
    assert_eq!(here(&after, 1), 2);
}

#[test]
fn an_entry_that_was_cut_off_is_left_out_and_those_before_it_count() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live");
    let cache = Cache::open(&live, &key()).unwrap();
    let before = folder.path().join("before");
    cut(&live, &before, &|_| false);
    take_in(&cache, 1, &[1, 2]);
    let whole = fs::read(live.join(JOURNAL)).unwrap();
    let entry = whole.len() / 2;
    for (name, length, wanted) in
        [("a", 0, 0), ("b", 10, 0), ("c", entry - 5000, 0), ("d", entry, 1), ("e", entry + 5000, 1)]
    {
        let after = folder.path().join(name);
        cut(&before, &after, &|_| false);
        fs::write(after.join(JOURNAL), &whole[..length]).unwrap();
        assert_eq!(here(&after, 1), wanted, "cut to {length} bytes");
    }
    let mut changed = whole;
    changed[entry + 2000] ^= 1;
    fs::write(before.join(JOURNAL), changed).unwrap();
    assert_eq!(here(&before, 1), 1);
}

#[test]
fn a_deleted_or_evicted_study_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (live, after) = (folder.path().join("live"), folder.path().join("after"));
    let cache = Cache::open(&live, &key()).unwrap();
    take_in(&cache, 1, &[1, 2]);
    take_in(&cache, 2, &[1]);
    cache.apply(&RecordCommand::DeleteStudies(vec![study_uid(1)]), "tester", AT).unwrap();
    take_in(&cache, 3, &[1]);
    cut(&live, &after, &|_| false);
    assert_eq!([1, 2, 3].map(|study| here(&after, study)), [0, 1, 1]);
    cache.archived(&study_uid(2), AT).unwrap();
    let held = cache.usage().unwrap().bytes;
    assert_eq!(cache.evict_to(held - 1, "tester", AT).unwrap().studies, [study_uid(2)]);
    let later = folder.path().join("later");
    cut(&live, &later, &|_| false);
    assert_eq!([1, 2, 3].map(|study| here(&later, study)), [0, 0, 1]);
}

#[test]
fn what_a_refused_object_left_in_the_journal_is_refused_again() {
    let folder = tempfile::tempdir().unwrap();
    let (live, after) = (folder.path().join("live"), folder.path().join("after"));
    let cache = Cache::open(&live, &key()).unwrap();
    take_in(&cache, 1, &[1]);
    let mut other = record(1, 1, 2);
    other.patient.id = "SOMEBODY-ELSE".into();
    let answers = cache.take_in(&Invented, "tester", &[&file_of(&other, 100)]).unwrap().answers;
    assert_eq!(answers[0].as_ref().unwrap_err().code, "patient_conflict");
    cut(&live, &after, &|_| false);
    assert_eq!(here(&after, 1), 1);
}

#[test]
fn neither_the_journal_nor_anything_else_tells_a_patient() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), &key()).unwrap();
    take_in(&cache, 1, &[1]);
    let journal = fs::read(folder.path().join(JOURNAL)).unwrap();
    for word in ["PAT-0001", "1.2.1.1.1", "tester", "axial"] {
        assert!(!journal.windows(word.len()).any(|w| w == word.as_bytes()), "{word}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path().join(JOURNAL)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[test]
fn a_cache_that_was_closed_needs_no_journal() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), &key()).unwrap();
    take_in(&cache, 1, &[1, 2]);
    assert!(folder.path().join("writing").exists());
    drop(cache);
    assert!(!folder.path().join("writing").exists());
    fs::remove_file(folder.path().join(JOURNAL)).unwrap();
    assert_eq!(here(folder.path(), 1), 2);
}

#[test]
fn a_disk_that_refuses_the_journal_costs_no_object() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), &key()).unwrap();
    fs::create_dir(folder.path().join(JOURNAL)).unwrap();
    take_in(&cache, 1, &[1, 2]);
    drop(cache);
    fs::remove_dir(folder.path().join(JOURNAL)).unwrap();
    assert_eq!(here(folder.path(), 1), 2);
}
