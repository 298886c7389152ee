//! The audit trail of a cache: what an event tells, what tampering is found, what other systems are told, what policy
//! takes away.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::*;
use medsight_audit::{Action, AuditEvent, Break, Outcome, Position};
use medsight_base::Timestamp;
use medsight_cache::{Agreement, Cache};
use medsight_record::{Person, RecordCommand, Retention, Role};
use medsight_vault::{MasterKey, Purpose};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

fn note(cache: &Cache, who: &str, at: Timestamp) -> Position {
    cache.note_event(&AuditEvent::new(who, Action::Locked, at, None, serde_json::Value::Null)).unwrap()
}

/// A cache with one study and `events` more events, closed.
fn closed(folder: &Path, events: u64) -> PathBuf {
    let cache = filled(folder, 1);
    for _ in 0..events {
        note(&cache, "reader", AT);
    }
    assert!(cache.verify_audit().unwrap().is_ok());
    folder.join("cache")
}

/// The records as somebody sees them who has the key and no shame.
fn raw(folder: &Path) -> Connection {
    let db = Connection::open(folder.join("records.db")).unwrap();
    let key = key().derive(Purpose::Records).to_hex();
    db.execute_batch(&format!("PRAGMA key = \"x'{}'\"", *key)).unwrap();
    db.execute_batch("DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete").unwrap();
    db
}

fn found(folder: &Path) -> Break {
    let broken = Cache::open(folder, &key()).unwrap().verify_audit().unwrap().unwrap_err();
    // Also by who only reads, and by the check of the cache.
    let reading = Cache::open_read_only(folder, &key()).unwrap();
    assert_eq!(reading.verify_audit().unwrap(), Err(broken));
    assert!(reading.check(false, |_, _| {}).unwrap().damaged.iter().any(|damage| damage.code == "audit"));
    broken.how
}

#[test]
fn an_event_tells_who_where_when_with_what_clock_and_whose_data() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let person = Person {
        account: "rita".into(),
        name: "Dr. Rita Röntgen".into(),
        roles: [Role::Radiologist, Role::Auditor].into(),
    };
    cache.set_station("READ-7");
    cache.set_program("medsight 9.9");
    cache.signed_in(&person, serde_json::json!({"by": "oidc"}), AT).unwrap();
    cache.opened(&study_uid(1), "rita", AT).unwrap();
    cache.opened(&study_uid(1), "nobody", Timestamp(AT.0 - 5)).unwrap();
    cache.signed_out("rita", AT).unwrap();
    note(&cache, "rita", AT);
    let position = cache.audit_position().unwrap();
    let last = cache.audit_after(position.sequence - 5, 10).unwrap();
    let words: Vec<&str> = last.iter().map(|link| link.event.what.as_str()).collect();
    assert_eq!(words, ["signed_in", "study_opened", "study_opened", "signed_out", "locked"]);
    let opened = &last[1].event;
    assert_eq!(opened.more.name.as_deref(), Some("Dr. Rita Röntgen"));
    assert_eq!(opened.more.roles, ["radiologist", "auditor"]);
    assert_eq!(opened.more.patient.as_ref().unwrap().id, "PAT-0001");
    assert_eq!(opened.more.from.as_ref().unwrap().station, "READ-7");
    assert_eq!(opened.more.outcome, Outcome::Success);
    assert!(!opened.more.clock.unwrap().went_back);
    assert!(last[2].event.more.clock.unwrap().went_back, "its time is before that of the event before");
    assert_eq!(last[2].event.more.name, None);
    assert_eq!(last[4].event.more.name, None, "who signed out is forgotten");
}

#[test]
fn an_event_still_says_whose_study_it_was_when_the_study_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    cache.apply(&RecordCommand::DeleteStudies(vec![study_uid(1)]), "reader", AT).unwrap();
    let last = cache.audit_after(cache.audit_position().unwrap().sequence - 1, 1).unwrap();
    assert_eq!(last[0].event.what, "study_deleted");
    assert_eq!(last[0].event.more.patient.as_ref().unwrap().id, "PAT-0001");
    let told =
        AuditEvent::new("reader", Action::ReportViewed, AT, Some(study_uid(1)), serde_json::Value::Null);
    cache.note_event(&told).unwrap();
    let last = cache.audit_after(cache.audit_position().unwrap().sequence - 1, 1).unwrap();
    assert_eq!(last[0].event.more.patient.as_ref().unwrap().id, "PAT-0001");
}

#[test]
fn a_trail_of_the_first_version_goes_on_with_a_key_and_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
    for name in ["records.db", "cache.json"] {
        std::fs::copy(fixture.join(name), folder.path().join(name)).unwrap();
    }
    let cache = Cache::open(folder.path(), &key()).unwrap();
    assert_eq!(cache.verify_audit().unwrap().unwrap().events, 3);
    note(&cache, "reader", AT);
    let forms: Vec<u8> = cache.audit_after(0, 10).unwrap().iter().map(|link| link.form).collect();
    assert_eq!(forms, [1, 1, 1, 2]);
    assert_eq!(cache.verify_audit().unwrap().unwrap().events, 4);
}

#[test]
fn a_new_master_key_leaves_the_trail_whole_and_its_site_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path(), 70);
    let cache = Cache::open(&path, &key()).unwrap();
    let site = cache.audit_site();
    let new = MasterKey::from_bytes([7; 32]);
    let cache = cache.rekey(&new, None, "admin", AT).unwrap();
    assert!(cache.verify_audit().unwrap().is_ok());
    note(&cache, "reader", AT);
    drop(cache);
    let cache = Cache::open(&path, &new).unwrap();
    assert!(cache.verify_audit().unwrap().is_ok());
    assert_eq!((cache.audit_site(), site.len()), (site, 36));
}

#[test]
fn a_changed_event_is_found_also_when_its_hash_was_made_to_fit_by_guess() {
    for change in [
        "UPDATE audit SET who = 'somebody else' WHERE sequence = 5",
        "UPDATE audit SET at = at + 1 WHERE sequence = 5",
        "UPDATE audit SET what = 'locked ' WHERE sequence = 5",
        "UPDATE audit SET patient = 'PAT-0002' WHERE sequence = 5",
        "UPDATE audit SET study = NULL WHERE sequence = 2",
        "UPDATE audit SET more = replace(more, 'success', 'minor_failure') WHERE sequence = 5",
        "UPDATE audit SET detail = ' ' || detail WHERE sequence = 5",
        "UPDATE audit SET hash = zeroblob(32) WHERE sequence = 5",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = closed(folder.path(), 10);
        assert_eq!(raw(&path).execute(change, []).unwrap(), 1, "{change}");
        assert_eq!(found(&path), Break::Changed, "{change}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path(), 10);
    raw(&path).execute("UPDATE audit SET form = 1 WHERE sequence = 5", []).unwrap();
    assert_eq!(found(&path), Break::Unkeyed);
}

#[test]
fn a_removed_event_and_events_in_another_order_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path(), 10);
    raw(&path).execute("DELETE FROM audit WHERE sequence = 5", []).unwrap();
    assert_eq!(found(&path), Break::Missing);
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path(), 10);
    raw(&path)
        .execute_batch(
            "UPDATE audit SET sequence = 1000 WHERE sequence = 5; UPDATE audit SET sequence = 5 WHERE sequence = 6;
             UPDATE audit SET sequence = 6 WHERE sequence = 1000;",
        )
        .unwrap();
    assert_eq!(found(&path), Break::Changed);
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path(), 10);
    raw(&path).execute("DELETE FROM audit WHERE sequence <= 5", []).unwrap();
    assert_eq!(found(&path), Break::Missing, "the beginning without the record of a purge");
}

#[test]
fn a_trail_whose_end_was_cut_off_is_found_by_the_mark_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path(), 70);
    raw(&path)
        .execute_batch(
            "DELETE FROM audit WHERE sequence > 60; DELETE FROM audit_checkpoints WHERE sequence > 60",
        )
        .unwrap();
    assert_eq!(found(&path), Break::RolledBack);
    // What is written on afterwards does not cover it up.
    let cache = Cache::open(&path, &key()).unwrap();
    for _ in 0..40 {
        note(&cache, "somebody else", AT);
    }
    assert_eq!(cache.verify_audit().unwrap().unwrap_err().how, Break::RolledBack);
}

#[test]
fn a_missing_or_moved_checkpoint_is_found() {
    for change in [
        "DELETE FROM audit_checkpoints WHERE sequence = 64",
        "UPDATE audit_checkpoints SET sequence = 65 WHERE sequence = 64",
        "UPDATE audit_checkpoints SET at = at + 1 WHERE sequence = 64",
        "UPDATE audit_checkpoints SET signature = zeroblob(64)",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = closed(folder.path(), 70);
        assert_eq!(raw(&path).execute(change, []).unwrap(), 1, "{change}");
        assert_eq!(found(&path), Break::Checkpoint, "{change}");
    }
}

#[test]
fn a_mark_that_was_taken_away_or_written_by_somebody_else_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path(), 5);
    let mark = std::fs::read(path.join("audit.mark")).unwrap();
    std::fs::remove_file(path.join("audit.mark")).unwrap();
    assert_eq!(found(&path), Break::Mark);
    let mut forged = mark;
    for byte in forged.iter_mut().skip(8) {
        *byte ^= 1;
    }
    std::fs::write(path.join("audit.mark"), forged).unwrap();
    assert_eq!(found(&path), Break::Mark);
}

#[test]
fn older_records_in_the_place_of_the_newer_are_found_until_a_person_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path(), 5);
    let older = std::fs::read(path.join("records.db")).unwrap();
    let cache = Cache::open(&path, &key()).unwrap();
    note(&cache, "reader", AT);
    drop(cache);
    std::fs::write(path.join("records.db"), older).unwrap();
    assert_eq!(found(&path), Break::RolledBack);
    let cache = Cache::open(&path, &key()).unwrap();
    cache.accept_restore("admin", "the disk was replaced; backup of Sunday", AT).unwrap();
    assert!(cache.verify_audit().unwrap().is_ok());
    let last = cache.audit_after(cache.audit_position().unwrap().sequence - 1, 1).unwrap().remove(0);
    assert_eq!(last.event.action(), Some(Action::RestoreAccepted));
    assert_eq!(last.event.more.reason.as_deref(), Some("the disk was replaced; backup of Sunday"));
    assert_eq!(last.event.detail["mark"], last.sequence, "the event that the backup did not have");
    drop(cache);
    assert!(Cache::open(&path, &key()).unwrap().verify_audit().unwrap().is_ok());
}

#[test]
fn an_older_copy_of_the_whole_folder_is_found_by_what_a_server_had_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path(), 5);
    let copy: Vec<_> = ["records.db", "audit.mark", "cache.json"]
        .map(|name| (path.join(name), std::fs::read(path.join(name)).unwrap()))
        .into();
    let cache = Cache::open(&path, &key()).unwrap();
    let told = note(&cache, "reader", AT);
    assert_eq!(cache.audit_agrees(told.sequence, &told.hash).unwrap(), Agreement::Agrees);
    drop(cache);
    for (name, bytes) in copy {
        std::fs::write(name, bytes).unwrap();
    }
    let cache = Cache::open(&path, &key()).unwrap();
    assert!(cache.verify_audit().unwrap().is_ok(), "nothing on this computer tells");
    let (here, there) = (told.sequence - 1, told.sequence);
    assert_eq!(cache.audit_agrees(there, &told.hash).unwrap(), Agreement::RolledBack { here, there });
    note(&cache, "somebody else", AT);
    assert_eq!(cache.audit_agrees(there, &told.hash).unwrap(), Agreement::Differs { sequence: there });
}

#[test]
fn a_trail_that_is_written_on_while_it_is_checked_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path(), 5);
    let cache = Cache::open(&path, &key()).unwrap();
    let reading = Cache::open_read_only(&path, &key()).unwrap();
    std::thread::scope(|threads| {
        let writing = threads.spawn(|| {
            for _ in 0..300 {
                note(&cache, "reader", AT);
            }
        });
        while !writing.is_finished() {
            assert!(reading.verify_audit().unwrap().is_ok(), "another program");
            assert!(cache.verify_audit().unwrap().is_ok(), "this one");
        }
    });
}

#[test]
fn a_power_cut_in_the_middle_of_the_mark_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path(), 5);
    let whole = std::fs::read(path.join("audit.mark")).unwrap();
    let cache = Cache::open(&path, &key()).unwrap();
    note(&cache, "reader", AT);
    drop(cache);
    let after = std::fs::read(path.join("audit.mark")).unwrap();
    let torn: Vec<u8> = after
        .iter()
        .enumerate()
        .map(|(at, byte)| if whole.get(at) == Some(byte) { *byte } else { 0 })
        .collect();
    std::fs::write(path.join("audit.mark"), torn).unwrap();
    let cache = Cache::open(&path, &key()).unwrap();
    assert!(cache.verify_audit().unwrap().is_ok());
}

#[test]
fn a_destination_gets_the_trail_in_pages_and_never_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    for _ in 0..250 {
        note(&cache, "reader", AT);
    }
    let end = cache.audit_position().unwrap();
    let (mut seen, mut pages) = (0, 0);
    assert_eq!(cache.audit_delivered("repository").unwrap(), None);
    loop {
        let page = cache.audit_after(seen, 100).unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 100 && page[0].sequence == seen + 1);
        assert_eq!(cache.audit_hash_at(last.sequence).unwrap(), Some(last.hash));
        cache.audit_acknowledged("repository", last.sequence, AT).unwrap();
        (seen, pages) = (last.sequence, pages + 1);
    }
    assert_eq!((seen, pages), (end.sequence, 3));
    cache.audit_acknowledged("repository", 5, AT).unwrap();
    assert_eq!(cache.audit_delivered("repository").unwrap().unwrap().acknowledged, end);
    assert!(
        cache.audit_acknowledged("repository", end.sequence + 1, AT).is_err(),
        "nobody acknowledges the future"
    );
    assert_eq!(cache.audit_deliveries().unwrap().len(), 1);
    cache.audit_forget_destination("repository").unwrap();
    assert!(cache.audit_deliveries().unwrap().is_empty());
}

const YEAR: i64 = 366 * 86_400_000;

/// A trail of 10 events of each of the last ten years; its first two events are of today.
fn decade(folder: &Path) -> (Cache, Timestamp) {
    let cache = Cache::open(&folder.join("cache"), &key()).unwrap();
    let first = cache.audit_after(0, 1).unwrap()[0].event.when;
    let now = Timestamp(first.0 + 12 * YEAR);
    for age in (0..=10).rev() {
        for _ in 0..10 {
            note(&cache, "reader", Timestamp(now.0 - age * YEAR - 1));
        }
    }
    (cache, now)
}

#[test]
fn events_are_kept_for_the_years_of_the_policy_and_the_trail_is_whole_without_the_older() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, now) = decade(folder.path());
    let end = cache.audit_position().unwrap();
    cache.audit_acknowledged("repository", end.sequence, now).unwrap();
    assert_eq!(cache.purge_audit(Retention::Thirty, &["repository"], "system", now).unwrap().events, 0);
    // One of the beginning, and those of the years 10, 9, 8 and 7.
    assert_eq!(cache.purge_audit(Retention::Seven, &["repository"], "system", now).unwrap().events, 41);
    let whole = cache.verify_audit().unwrap().unwrap();
    assert_eq!((whole.first, whole.events), (42, 71), "70 of the years after, and the purge itself");
    let last = cache.audit_after(end.sequence, 1).unwrap().remove(0).event;
    assert_eq!((last.action(), &last.detail["last"]), (Some(Action::Purged), &serde_json::json!(41)));
    assert_eq!(cache.audit_agrees(end.sequence, &end.hash).unwrap(), Agreement::Agrees);
    let later = Timestamp(now.0 + 2 * YEAR);
    assert_eq!(cache.purge_audit(Retention::Seven, &["repository"], "system", later).unwrap().events, 20);
    drop(cache);
    let path = folder.path().join("cache");
    let cache = Cache::open(&path, &key()).unwrap();
    assert_eq!(cache.verify_audit().unwrap().unwrap().first, 62);
    drop(cache);
    raw(&path).execute("UPDATE audit_purges SET first = 2 WHERE first = 1", []).unwrap();
    assert_eq!(found(&path), Break::Purge);
}

#[test]
fn nothing_is_taken_away_that_a_destination_has_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, now) = decade(folder.path());
    assert_eq!(cache.purge_audit(Retention::Seven, &[], "system", now).unwrap().events, 0, "the only copy");
    cache.audit_acknowledged("fhir", 60, now).unwrap();
    let purged = cache.purge_audit(Retention::Seven, &["fhir", "repository"], "system", now).unwrap();
    assert_eq!((purged.events, purged.waiting), (0, 41));
    cache.audit_acknowledged("repository", 30, now).unwrap();
    let purged = cache.purge_audit(Retention::Seven, &["fhir", "repository"], "system", now).unwrap();
    assert_eq!((purged.events, purged.waiting), (30, 11));
    assert!(cache.verify_audit().unwrap().is_ok());
}

#[test]
fn a_clock_that_once_ran_ahead_takes_no_young_event_away() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let first = cache.audit_after(0, 1).unwrap()[0].event.when;
    note(&cache, "reader", first);
    note(&cache, "reader", Timestamp(first.0 + 9 * YEAR));
    note(&cache, "reader", first);
    cache.audit_acknowledged("repository", 4, first).unwrap();
    let at = Timestamp(first.0 + 8 * YEAR);
    assert_eq!(cache.purge_audit(Retention::Seven, &["repository"], "system", at).unwrap().events, 2);
    assert!(cache.verify_audit().unwrap().is_ok());
}
