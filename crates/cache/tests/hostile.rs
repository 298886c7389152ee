//! Paths that a medium, an archive or a peer chooses lead nowhere, and nothing is written outside of the cache.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::*;
use medsight_cache::Cache;
use std::fs;
use std::path::Path;

/// Every path under a folder.
fn paths(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        found.push(entry.path().display().to_string());
        if entry.file_type().unwrap().is_dir() {
            found.extend(paths(&entry.path()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_dicomdir_cannot_take_in_a_file_outside_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let medium = folder.path().join("medium");
    write_series(&medium, 1, 1, 1, 10);
    write_series(&folder.path().join("private"), 2, 1, 1, 10);
    let outside = fs::canonicalize(folder.path().join("private")).unwrap();
    let list = format!(
        "DICOMDIR\n1-1-0001\n..\\private\\2-1-0001\n..\n.\\..\\private\\2-1-0001\n{}",
        outside.display()
    );
    fs::write(medium.join("DICOMDIR"), list).unwrap();
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let summary = import(&cache, &medium.join("DICOMDIR"));
    assert_eq!((summary.instances, cache.usage().unwrap().studies), (1, 1));
    assert!(summary.rejected.iter().all(|r| r.code == "listed_missing"), "{:?}", summary.rejected);
    assert!(!summary.rejected.is_empty());
}

#[test]
fn an_import_writes_nothing_outside_of_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    write_series(&source, 1, 1, 3, 10);
    fs::write(source.join("..hidden"), file_of(&record(1, 1, 9), 10)).unwrap();
    let cache_folder = folder.path().join("cache");
    let cache = Cache::open(&cache_folder, &key()).unwrap();
    let outside = |all: Vec<String>| -> Vec<String> {
        all.into_iter().filter(|path| !path.starts_with(&cache_folder.display().to_string())).collect()
    };
    let before = outside(paths(folder.path()));
    assert_eq!(import(&cache, &source).instances, 4);
    assert_eq!(outside(paths(folder.path())), before);
}

#[test]
fn a_uid_that_is_a_path_names_no_file_of_an_export() {
    for uid in ["../../x", ".", "..", "/etc/x", "1/2", ""] {
        assert!(medsight_base::InstanceUid::parse(uid).is_err(), "{uid}");
    }
}
