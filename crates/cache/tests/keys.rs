//! Keys, versions and owners: every way in which a cache does not open says so, and changes nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::*;
use medsight_cache::{Cache, CacheError, key_source};
use medsight_vault::{KeySource, MasterKey, Purpose};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file with its content, to see that nothing was changed. The lock is not content.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(content(&entry.path()));
        } else if entry.file_name() != "cache.lock" {
            found.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    found
}

fn raw(folder: &Path, key: &MasterKey) -> rusqlite::Connection {
    let db = rusqlite::Connection::open(folder.join("records.db")).unwrap();
    db.execute_batch(&format!("PRAGMA key = \"x'{}'\"", *key.derive(Purpose::Records).to_hex())).unwrap();
    db
}

#[test]
fn another_key_is_told_from_damage_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 1));
    let cache = folder.path().join("cache");
    let before = content(&cache);
    let other = MasterKey::from_bytes([1; 32]);
    assert!(matches!(Cache::open(&cache, &other), Err(CacheError::WrongKey)));
    assert!(matches!(Cache::open_read_only(&cache, &other), Err(CacheError::WrongKey)));
    // Also when the description is lost.
    fs::rename(cache.join("cache.json"), folder.path().join("kept")).unwrap();
    assert!(matches!(Cache::open(&cache, &other), Err(CacheError::WrongKey)));
    fs::rename(folder.path().join("kept"), cache.join("cache.json")).unwrap();
    assert_eq!(before, content(&cache));
    fs::remove_file(cache.join("cache.json")).unwrap();
    assert_eq!(Cache::open(&cache, &key()).unwrap().usage().unwrap().studies, 1);
}

#[test]
fn damaged_records_under_the_right_key_are_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 1));
    let cache = folder.path().join("cache");
    let mut bytes = fs::read(cache.join("records.db")).unwrap();
    bytes[100..2000].fill(0);
    fs::write(cache.join("records.db"), bytes).unwrap();
    assert!(matches!(Cache::open(&cache, &key()), Err(CacheError::Damaged(_))));
    fs::remove_file(cache.join("records.db")).unwrap();
    assert!(matches!(Cache::open(&cache, &key()), Err(CacheError::Damaged(_))));
}

#[test]
fn a_cache_of_a_newer_program_is_refused_and_an_additive_newer_one_is_used() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 1));
    let cache = folder.path().join("cache");
    raw(&cache, &key()).execute_batch("PRAGMA user_version = 99").unwrap();
    assert_eq!(Cache::open(&cache, &key()).unwrap().usage().unwrap().studies, 1);
    raw(&cache, &key()).execute_batch("UPDATE meta SET value = 99 WHERE name = 'must_know'").unwrap();
    let refused = Cache::open(&cache, &key()).unwrap_err();
    assert!(matches!(refused, CacheError::Newer { found: 99, known: 4.. }), "{refused}");
    assert!(matches!(Cache::open_read_only(&cache, &key()), Err(CacheError::Newer { .. })));
}

#[test]
fn one_program_owns_the_cache_and_another_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let owner = filled(folder.path(), 1);
    let cache = folder.path().join("cache");
    assert!(matches!(Cache::open(&cache, &key()), Err(CacheError::InUse)));
    let reader = Cache::open_read_only(&cache, &key()).unwrap();
    assert_eq!(reader.worklist(&medsight_cache::Query { limit: 9, ..Default::default() }).unwrap().total, 1);
    reader.export(&study_uid(1), &folder.path().join("out"), "tester", AT, |_, _| {}).unwrap();
    assert!(matches!(reader.opened(&study_uid(1), "x", AT), Err(CacheError::ReadOnly)));
    assert!(reader.gc().is_err());
    drop(owner);
    Cache::open(&cache, &key()).unwrap();
}

#[test]
fn a_new_key_opens_the_cache_with_all_its_images_and_the_old_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 2);
    let new = MasterKey::from_bytes([7; 32]);
    let blobs_before = content(&folder.path().join("cache/blobs"));
    let cache = cache.rekey(&new, None, "admin", AT).unwrap();
    assert!(cache.check(true, |_, _| {}).unwrap().damaged.is_empty());
    assert_eq!(import(&cache, &folder.path().join("source")).already_present, 12);
    drop(cache);
    let path = folder.path().join("cache");
    assert!(matches!(Cache::open(&path, &key()), Err(CacheError::WrongKey)));
    assert_eq!(Cache::open(&path, &new).unwrap().usage().unwrap().studies, 2);
    assert_eq!(blobs_before, content(&path.join("blobs")));
}

#[test]
fn a_change_of_key_that_was_cut_short_leaves_a_cache_that_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let (old_file, new_file) = (folder.path().join("old"), folder.path().join("new"));
    let sources = [&old_file, &new_file].map(|file| KeySource::KeyFile(file.clone()));
    let old = Cache::open_with(&path, &sources[0]).unwrap();
    assert_eq!(key_source(&path).unwrap(), sources[0]);
    let new = sources[1].create_if_first_run(false).unwrap();
    drop(old.rekey(&new, Some(&sources[1]), "admin", AT).unwrap());
    assert_eq!(key_source(&path).unwrap(), sources[1]);
    // As it was between the new records taking their name and the last word in the description.
    let text = fs::read_to_string(path.join("cache.json")).unwrap();
    let mut description: serde_json::Value = serde_json::from_str(&text).unwrap();
    description["next_key_source"] = sources[1].to_string().into();
    description["key_source"] = sources[0].to_string().into();
    let old_key = sources[0].load().unwrap();
    let print: String = old_key.fingerprint().iter().map(|b| format!("{b:02x}")).collect();
    description["key_fingerprints"].as_array_mut().unwrap().push(print.into());
    fs::write(path.join("cache.json"), description.to_string()).unwrap();
    fs::write(path.join("records.new.db"), b"half-written").unwrap();
    let source = key_source(&path).unwrap();
    assert_eq!(source, sources[0]);
    drop(Cache::open_with(&path, &source).unwrap());
    assert_eq!(key_source(&path).unwrap(), sources[1]);
    assert!(!path.join("records.new.db").exists());
}

#[test]
fn a_lost_key_is_said_to_be_lost_and_no_new_one_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let source = KeySource::KeyFile(folder.path().join("key"));
    drop(Cache::open_with(&path, &source).unwrap());
    fs::remove_file(folder.path().join("key")).unwrap();
    let lost = Cache::open_with(&path, &source).unwrap_err();
    assert_eq!(lost.code(), "key.missing");
    assert!(lost.is_locked() && !folder.path().join("key").exists());
}

/// The file was written by version 1 with the key of these tests: see
/// `what_this_version_writes_it_opens_again_and_can_keep_as_a_fixture`.
#[test]
fn a_cache_of_version_1_opens_with_its_study_and_measurement() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
    for name in ["records.db", "cache.json"] {
        fs::copy(fixture.join(name), folder.path().join(name)).unwrap();
    }
    let cache = Cache::open(folder.path(), &key()).unwrap();
    let study = cache.study(&study_uid(1)).unwrap().unwrap();
    assert_eq!((study.patient.name.as_str(), study.instance_count), ("MÜLLER^JOSÉ 1", 6));
    assert_eq!(cache.verify_audit().unwrap().unwrap().events, 3);
    assert_eq!(cache.session(&study_uid(1)).unwrap().unwrap().cells.len(), 1);
}

/// With `MEDSIGHT_WRITE_FIXTURE` naming a folder, the cache that was written is kept there: once a release.
#[test]
fn what_this_version_writes_it_opens_again_and_can_keep_as_a_fixture() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let session = medsight_record::ReadingSession {
        study: study_uid(1),
        beside: Vec::new(),
        layout: Default::default(),
        cells: vec![Default::default()],
        active: 0,
        window_px: None,
    };
    cache.apply(&medsight_record::RecordCommand::SaveSession(Box::new(session)), "tester", AT).unwrap();
    cache.opened(&study_uid(1), "tester", AT).unwrap();
    drop(cache);
    let written = folder.path().join("cache");
    assert!(Cache::open(&written, &key()).unwrap().session(&study_uid(1)).unwrap().is_some());
    if let Some(fixture) = std::env::var_os("MEDSIGHT_WRITE_FIXTURE").map(std::path::PathBuf::from) {
        fs::create_dir_all(&fixture).unwrap();
        for name in ["records.db", "cache.json"] {
            fs::copy(written.join(name), fixture.join(name)).unwrap();
        }
    }
}
