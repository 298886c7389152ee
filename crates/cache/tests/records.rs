//! What is done to records: durable, whole, in the audit trail, and never at the cost of the only copy.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::*;
use medsight_base::Timestamp;
use medsight_cache::{Cache, CacheError};
use medsight_record::{
    Annotation, AnnotationId, AnnotationKind, Measured, Place, ReadState, ReadingSession, RecordCommand,
};
use std::collections::BTreeSet;
use std::fs;

fn length_on(study: u32) -> Annotation {
    let of = record(study, 1, 1);
    Annotation {
        id: AnnotationId(uuid::Uuid::new_v4()),
        study: of.study,
        kind: AnnotationKind::Length,
        place: Place::Image {
            series: of.series,
            instance: of.uid,
            frame: 0,
            points_px: vec![[1.0, 2.0], [3.0, 0.1]],
        },
        measured: Measured { length_mm: Some(12.345_678_901_234_567), ..Measured::default() },
        changed_at: AT,
    }
}

fn save(annotation: &Annotation) -> RecordCommand {
    RecordCommand::SaveAnnotation(Box::new(annotation.clone()))
}

#[test]
fn a_measurement_is_there_after_the_program_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let mut annotation = length_on(1);
    assert_eq!(cache.apply(&save(&annotation), "reader", AT).unwrap().revision, Some(1));
    annotation.measured.length_mm = Some(13.0);
    assert_eq!(cache.apply(&save(&annotation), "reader", AT).unwrap().revision, Some(2));
    drop(cache);
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    assert_eq!(cache.annotations(&study_uid(1)).unwrap(), [annotation.clone()]);
    assert_eq!(cache.study(&study_uid(1)).unwrap().unwrap().state, ReadState::Draft);
    let remove = RecordCommand::RemoveAnnotation { study: study_uid(1), id: annotation.id };
    cache.apply(&remove, "reader", AT).unwrap();
    assert!(cache.annotations(&study_uid(1)).unwrap().is_empty());
    let events = cache.verify_audit().unwrap().unwrap().events;
    assert_eq!(
        cache.apply(&remove, "reader", AT).unwrap().revision,
        None,
        "a removal sent twice is done once"
    );
    assert_eq!(cache.verify_audit().unwrap().unwrap().events, events);
    // Undo of the removal.
    cache.apply(&save(&annotation), "reader", AT).unwrap();
    assert_eq!(cache.annotations(&study_uid(1)).unwrap().len(), 1);
}

#[test]
fn a_command_that_cannot_be_kept_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 2);
    let before = cache.verify_audit().unwrap().unwrap();
    let mut unfinished = length_on(1);
    unfinished.kind = AnnotationKind::Angle;
    assert!(matches!(cache.apply(&save(&unfinished), "reader", AT), Err(CacheError::BadCommand(_))));
    let annotation = length_on(1);
    cache.apply(&save(&annotation), "reader", AT).unwrap();
    let moved = Annotation { study: study_uid(2), ..annotation };
    assert!(matches!(cache.apply(&save(&moved), "reader", AT), Err(CacheError::BadCommand(_))));
    let gone = RecordCommand::DeleteStudies(vec![study_uid(1), study_uid(99)]);
    assert!(matches!(cache.apply(&gone, "reader", AT), Err(CacheError::NotFound("study"))));
    assert!(cache.study(&study_uid(1)).unwrap().is_some(), "the first of two is not deleted alone");
    assert_eq!(cache.verify_audit().unwrap().unwrap().events, before.events + 1);
}

#[test]
fn each_change_is_one_event_of_an_unbroken_audit_trail() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 2);
    let before = cache.verify_audit().unwrap().unwrap().events;
    cache.opened(&study_uid(1), "reader", AT).unwrap();
    cache.apply(&save(&length_on(1)), "reader", AT).unwrap();
    let state = RecordCommand::SetReadState { study: study_uid(1), state: ReadState::Final };
    cache.apply(&state, "reader", AT).unwrap();
    cache.apply(&RecordCommand::DeleteStudies(vec![study_uid(1)]), "reader", AT).unwrap();
    assert_eq!(cache.verify_audit().unwrap().unwrap().events, before + 4);
}

#[test]
fn the_layout_of_a_study_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    assert_eq!(cache.session(&study_uid(1)).unwrap(), None);
    let session = ReadingSession {
        study: study_uid(1),
        beside: Vec::new(),
        layout: medsight_record::Layout { columns: 2, rows: 1 },
        cells: vec![medsight_record::CellState {
            zoom: 1.25,
            window: Some([40.0, 400.0]),
            ..Default::default()
        }],
        active: 0,
        window_px: Some([-1920, 0, 1920, 1080]),
    };
    cache.apply(&RecordCommand::SaveSession(Box::new(session.clone())), "reader", AT).unwrap();
    assert_eq!(cache.session(&study_uid(1)).unwrap(), Some(session));
}

#[test]
fn the_manifest_lists_slices_from_feet_to_head_whatever_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let manifest = cache.manifest(&study_uid(1)).unwrap();
    assert_eq!(manifest.study.modalities, ["CT", "MR"]);
    assert_eq!((manifest.study.series_count, manifest.study.instance_count), (2, 6));
    let along: Vec<_> = manifest.instances.iter().map(|i| i.position_along_normal_mm.unwrap()).collect();
    assert_eq!(along, [2.5, 5.0, 7.5, 2.5, 5.0, 7.5]);
    assert_eq!(manifest.instances[0].series, manifest.series[0].uid);
}

#[test]
fn a_deleted_study_leaves_neither_record_nor_file() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 2);
    cache.set_thumbnail(&record(1, 1, 1).series, b"picture", AT).unwrap();
    cache.set_thumbnail(&record(1, 1, 1).series, b"better picture", AT).unwrap();
    assert_eq!(cache.thumbnail(&record(1, 1, 1).series).unwrap().unwrap(), b"better picture");
    assert_eq!(cache.blobs().list().unwrap().len(), 13);
    cache.apply(&RecordCommand::DeleteStudies(vec![study_uid(1)]), "reader", AT).unwrap();
    assert_eq!(cache.blobs().list().unwrap().len(), 6);
    assert!(matches!(cache.manifest(&study_uid(1)), Err(CacheError::NotFound("study"))));
    assert_eq!(cache.usage().unwrap().instances, 6);
}

#[test]
fn the_quota_removes_the_least_recently_used_images_but_never_the_only_copy() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 4);
    let total = cache.usage().unwrap().bytes;
    assert_eq!(cache.evict_to(0, "medsight", AT).unwrap().over, total, "nothing is known to be elsewhere");
    for study in [1, 2, 3] {
        cache.archived(&study_uid(study), AT).unwrap();
    }
    cache.opened(&study_uid(1), "reader", Timestamp(AT.0 + 9_000_000_000)).unwrap();
    // Measured after it was archived: the measurement has yet to arrive.
    cache.apply(&save(&length_on(3)), "reader", AT).unwrap();
    let evicted = cache.evict_to(total - 1, "medsight", AT).unwrap();
    assert_eq!(evicted.studies, [study_uid(2)]);
    assert_eq!(evicted.over, 0);
    let evicted = cache.evict_to(0, "medsight", AT).unwrap();
    assert_eq!(evicted.studies, [study_uid(1)]);
    assert!(evicted.over > 0);
    for here in [3, 4] {
        assert!(cache.has_images(&study_uid(here)).unwrap());
    }
    assert!(matches!(cache.manifest(&study_uid(1)), Err(CacheError::PixelsElsewhere)));
    assert!(cache.check(true, |_, _| {}).unwrap().damaged.is_empty());
    assert_eq!(cache.blobs().list().unwrap().len(), 12);
    // Imported again, the images are back and nothing is doubled.
    let summary = import(&cache, &folder.path().join("source"));
    assert_eq!((summary.instances, summary.already_present), (12, 12));
    assert_eq!(cache.manifest(&study_uid(1)).unwrap().instances.len(), 6);
    assert_eq!(cache.usage().unwrap().bytes, total);
}

#[test]
fn images_that_a_server_has_too_may_go_until_something_comes_that_it_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let all: BTreeSet<String> =
        cache.instances_here(&study_uid(1)).unwrap().iter().map(ToString::to_string).collect();
    let some: BTreeSet<String> = all.iter().skip(1).cloned().collect();
    let stays = |cache: &Cache| cache.evict_to(0, "medsight", AT).unwrap().studies.is_empty();
    assert!(!cache.kept_elsewhere(&study_uid(1), &some, AT).unwrap());
    assert!(stays(&cache), "one image is on no server");
    assert!(cache.kept_elsewhere(&study_uid(1), &all, AT).unwrap());
    cache.take_in(&Invented, "reader", &[&file_of(&record(1, 1, 99), 1000)]).unwrap();
    assert!(stays(&cache), "the new file is on no server");
    let with_new: BTreeSet<String> = all.iter().cloned().chain([record(1, 1, 99).uid.to_string()]).collect();
    assert!(cache.kept_elsewhere(&study_uid(1), &with_new, AT).unwrap());
    assert_eq!(cache.evict_to(0, "medsight", AT).unwrap().studies, [study_uid(1)]);
}

#[test]
fn a_damaged_and_a_missing_file_are_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let manifest = cache.manifest(&study_uid(1)).unwrap();
    let path = |i: usize| cache.blobs().path(manifest.instances[i].blob.parse().unwrap());
    let mut bytes = fs::read(path(0)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path(0), bytes).unwrap();
    fs::remove_file(path(1)).unwrap();
    let report = cache.check(true, |_, _| {}).unwrap();
    let codes: Vec<_> = report.damaged.iter().map(|d| (d.code.as_str(), d.instance.clone())).collect();
    assert_eq!(codes.len(), 2);
    assert!(codes.contains(&("blob.damaged", Some(manifest.instances[0].uid.clone()))));
    assert!(codes.contains(&("blob.missing", Some(manifest.instances[1].uid.clone()))));
    // The rest can be had all the same.
    let out = folder.path().join("out");
    fs::remove_file(path(2)).ok();
    let exported = cache.export(&study_uid(1), &out, "reader", AT, |_, _| {}).unwrap();
    assert_eq!((exported.files, exported.refused.len()), (3, 3));
    // The import of the same files repairs the damaged one and the missing ones.
    assert_eq!(import(&cache, &folder.path().join("source")).instances, 3);
    assert!(cache.check(true, |_, _| {}).unwrap().damaged.is_empty());
}

#[test]
fn files_without_a_record_are_cleared_away_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    cache.blobs().put(b"left by a kill", medsight_vault::Durability::Now).unwrap();
    assert_eq!(cache.gc().unwrap().files, 1);
    assert_eq!(cache.gc().unwrap().files, 0);
    assert!(cache.check(true, |_, _| {}).unwrap().damaged.is_empty());
}

#[test]
fn what_a_killed_import_left_is_cleared_away_by_the_next_one_and_nothing_is_searched_for_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let (place, mark) = (folder.path().join("cache"), folder.path().join("cache/writing"));
    drop(filled(folder.path(), 1));
    assert!(!mark.exists(), "an import that ended leaves no mark");
    let cache = Cache::open(&place, &key()).unwrap();
    assert_eq!(cache.clear_left_over().unwrap(), None);
    cache.blobs().put(b"left by a kill", medsight_vault::Durability::Now).unwrap();
    drop(cache);
    fs::write(&mark, []).unwrap(); // as a program that is killed in the middle leaves it

    let cache = Cache::open(&place, &key()).unwrap();
    write_series(&folder.path().join("more"), 2, 1, 1, 10);
    assert_eq!(import(&cache, &folder.path().join("more")).instances, 1);
    assert_eq!(cache.gc().unwrap().files, 0, "the import cleared it away");
    assert!(!mark.exists());
    assert!(cache.check(true, |_, _| {}).unwrap().damaged.is_empty());
}

#[test]
fn no_name_is_readable_in_any_file_of_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    cache.apply(&save(&length_on(1)), "reader", AT).unwrap();
    let mut folders = vec![folder.path().join("cache")];
    let mut files = 0;
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = fs::read(entry.path()).unwrap();
            files += 1;
            for secret in ["MÜLLER", "PAT-0001", "ACC1", "19570314"] {
                let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
                assert!(!found, "{secret} stands in {}", entry.path().display());
            }
        }
    }
    assert!(files >= 8);
}
