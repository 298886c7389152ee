//! Reports: nothing that was written is lost, nothing that was signed changes, and nobody writes over another.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::*;
use medsight_base::Timestamp;
use medsight_cache::{
    Cache, CacheError, Choice, Delivered, Merge, Outcome, Query, Remote, Route, Seen, Sort,
};
use medsight_record::report::rules::{NotSigned, SignAct};
use medsight_record::report::{
    Content, CriticalResult, ReportId, ReportStatus, ReportToSave, Section, Signature, Urgency,
};
use medsight_record::{Priority, ReadState, RecordCommand};
use std::path::Path;
use uuid::Uuid;

const REPORT: ReportId = ReportId(Uuid::from_u128(7));

fn content(text: &str) -> Content {
    let section = Section {
        key: "findings".into(),
        heading: "Findings".into(),
        text: text.into(),
        ..Section::default()
    };
    Content { language: "en".into(), title: "CT".into(), sections: vec![section], ..Content::default() }
}

fn save(cache: &Cache, text: &str, base_version: u32, saved: u32) -> Result<u32, CacheError> {
    let save =
        ReportToSave { report: REPORT, study: study_uid(1), content: content(text), base_version, saved };
    let applied = cache.apply(&RecordCommand::SaveReport(Box::new(save)), "resident", AT)?;
    Ok(applied.revision.unwrap() as u32)
}

fn sign(cache: &Cache, who: &str, act: SignAct, base_version: u32) -> Result<i64, CacheError> {
    let signature = Signature { account: who.into(), name: format!("Dr {who}"), at: AT };
    Ok(cache.sign_report(REPORT, &act, base_version, signature)?.revision.unwrap())
}

fn open(folder: &Path) -> Cache {
    Cache::open(&folder.join("cache"), &key()).unwrap()
}

#[test]
fn what_was_written_is_there_after_the_program_was_closed_and_the_study_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    assert_eq!(save(&cache, "Node", 0, 0).unwrap(), 1);
    assert_eq!(save(&cache, "Node of 3 mm.", 0, 1).unwrap(), 2);
    drop(cache);
    let reports = open(folder.path()).reports(&study_uid(1)).unwrap();
    let working = reports[0].working.as_ref().unwrap();
    assert_eq!((working.content.sections[0].text.as_str(), working.saved), ("Node of 3 mm.", 2));
    assert_eq!(reports[0].status, ReportStatus::Draft);
    assert_eq!(open(folder.path()).study(&study_uid(1)).unwrap().unwrap().state, ReadState::Draft);
}

#[test]
fn a_resident_s_report_is_co_signed_and_both_names_stand_under_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    save(&cache, "Node of 3 mm.", 0, 0).unwrap();
    assert_eq!(sign(&cache, "resident", SignAct::Preliminary, 0).unwrap(), 1);
    assert_eq!(cache.study(&study_uid(1)).unwrap().unwrap().state, ReadState::Preliminary);
    assert_eq!(sign(&cache, "attending", SignAct::Final, 1).unwrap(), 2);
    let report = cache.report(REPORT).unwrap();
    let names: Vec<_> = report.newest().unwrap().signatures.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["Dr resident", "Dr attending"]);
    assert_eq!(report.versions[0].signatures.len(), 1, "the earlier version is as it was signed");
    assert_eq!(cache.study(&study_uid(1)).unwrap().unwrap().state, ReadState::Final);
    assert!(cache.verify_audit().unwrap().is_ok());
}

#[test]
fn a_final_report_is_added_to_and_amended_and_every_version_stays_word_for_word() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    save(&cache, "Left kidney.", 0, 0).unwrap();
    sign(&cache, "attending", SignAct::Final, 0).unwrap();
    // An amendment is being written when an addendum is signed: it stays, and goes on from the addendum.
    save(&cache, "Right kidney.", 1, 0).unwrap();
    sign(&cache, "attending", SignAct::Addendum { text: " Seen again with surgery. ".into() }, 1).unwrap();
    let report = cache.report(REPORT).unwrap();
    assert_eq!(report.newest().unwrap().addendum.as_deref(), Some("Seen again with surgery."));
    assert_eq!(report.newest().unwrap().content, content("Left kidney."));
    assert!(!report.is_in_conflict());
    let amend = |reason: &str| SignAct::Amend { reason: reason.into() };
    let refused = sign(&cache, "attending", amend(""), 2);
    assert!(matches!(refused, Err(CacheError::NotSigned(NotSigned::NoReason))), "{refused:?}");
    sign(&cache, "attending", amend("wrong side"), 2).unwrap();
    let report = cache.report(REPORT).unwrap();
    let texts: Vec<_> = report.versions.iter().map(|v| v.content.sections[0].text.as_str()).collect();
    assert_eq!(texts, ["Left kidney.", "Left kidney.", "Right kidney."]);
    assert_eq!(report.status, ReportStatus::Amended);
    assert_eq!(report.working, None);
    sign(&cache, "attending", SignAct::EnteredInError { reason: "wrong patient".into() }, 3).unwrap();
    assert!(save(&cache, "more", 4, 0).is_err(), "what was withdrawn is not written on");
    assert_eq!(cache.study(&study_uid(1)).unwrap().unwrap().state, ReadState::Unread);
}

#[test]
fn who_saves_or_signs_upon_an_older_state_is_told_and_writes_over_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    save(&cache, "mine", 0, 0).unwrap();
    assert!(matches!(save(&cache, "yours", 0, 0), Err(CacheError::ReportChanged)));
    sign(&cache, "attending", SignAct::Final, 0).unwrap();
    assert!(matches!(save(&cache, "yours", 0, 1), Err(CacheError::ReportChanged)));
    assert!(matches!(sign(&cache, "resident", SignAct::Preliminary, 0), Err(CacheError::ReportChanged)));
    let report = cache.report(REPORT).unwrap();
    assert_eq!((report.version(), report.newest().unwrap().content.clone()), (1, content("mine")));
}

#[test]
fn a_signed_report_outlives_its_study_and_still_waits_to_be_sent() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    save(&cache, "Node.", 0, 0).unwrap();
    sign(&cache, "attending", SignAct::Final, 0).unwrap();
    cache.apply(&RecordCommand::DeleteStudies(vec![study_uid(1)]), "attending", AT).unwrap();
    sign(&cache, "attending", SignAct::Addendum { text: "Called.".into() }, 1).unwrap();
    assert_eq!(cache.reports(&study_uid(1)).unwrap()[0].versions.len(), 2);
    assert!(cache.verify_audit().unwrap().is_ok());
}

#[test]
fn a_critical_result_sent_twice_is_one_and_stands_with_who_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    save(&cache, "Embolus.", 0, 0).unwrap();
    let result = CriticalResult {
        id: Uuid::from_u128(9),
        result: "Pulmonary embolism".into(),
        urgency: Urgency::Minutes,
        told: "Dr Ward, on call".into(),
        by_way_of: "phone".into(),
        told_at: Timestamp(AT.0 + 60_000),
        is_read_back: true,
    };
    for _ in 0..2 {
        let tell = RecordCommand::TellCritical { report: REPORT, result: Box::new(result.clone()) };
        cache.apply(&tell, "resident", AT).unwrap();
    }
    assert_eq!(cache.report(REPORT).unwrap().critical, std::slice::from_ref(&result));
    let nobody = CriticalResult { id: Uuid::from_u128(10), told: " ".into(), ..result };
    let tell = RecordCommand::TellCritical { report: REPORT, result: Box::new(nobody) };
    assert!(matches!(cache.apply(&tell, "resident", AT), Err(CacheError::BadCommand(_))));
}

#[test]
fn a_draft_that_is_thrown_away_leaves_what_was_signed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    save(&cache, "Node.", 0, 0).unwrap();
    cache.apply(&RecordCommand::DiscardReport(REPORT), "resident", AT).unwrap();
    assert!(cache.reports(&study_uid(1)).unwrap().is_empty());
    save(&cache, "Node.", 0, 0).unwrap();
    sign(&cache, "attending", SignAct::Final, 0).unwrap();
    save(&cache, "Other.", 1, 0).unwrap();
    cache.apply(&RecordCommand::DiscardReport(REPORT), "attending", AT).unwrap();
    let report = cache.report(REPORT).unwrap();
    assert_eq!((report.status, report.working), (ReportStatus::Final, None));
}

#[test]
fn two_people_do_not_read_one_study_unless_one_takes_it_over_knowingly() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let claim =
        |who: &str, over| cache.apply(&RecordCommand::Claim { study: study_uid(1), over }, who, AT).map(drop);
    let reader = || cache.study(&study_uid(1)).unwrap().unwrap().work.claimed.map(|claim| claim.by);
    claim("rita", false).unwrap();
    let refused = claim("nora", false);
    assert!(matches!(&refused, Err(CacheError::Claimed { by, .. }) if by == "rita"), "{refused:?}");
    assert!(cache.apply(&RecordCommand::Release(study_uid(1)), "nora", AT).is_err());
    claim("nora", true).unwrap();
    assert_eq!(reader().as_deref(), Some("nora"));
    cache.apply(&RecordCommand::Release(study_uid(1)), "nora", AT).unwrap();
    assert_eq!(reader(), None);
    assert!(cache.verify_audit().unwrap().is_ok());
}

#[test]
fn who_writes_a_report_reads_the_study_until_it_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let reader = || cache.study(&study_uid(1)).unwrap().unwrap().work.claimed.map(|claim| claim.by);
    save(&cache, "Node.", 0, 0).unwrap();
    assert_eq!(reader().as_deref(), Some("resident"));
    sign(&cache, "attending", SignAct::Final, 0).unwrap();
    assert_eq!(reader(), None);
}

#[test]
fn what_is_urgent_stands_first_and_of_equal_ones_what_came_first() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 3);
    for (study, priority) in [(2, Priority::Stat), (3, Priority::Urgent)] {
        cache
            .apply(&RecordCommand::SetPriority { study: study_uid(study), priority: Some(priority) }, "x", AT)
            .unwrap();
    }
    let query = Query { sort: Sort::Priority, limit: 10, ..Query::default() };
    let rows = cache.worklist(&query).unwrap().rows;
    let order: Vec<_> = rows.iter().map(|row| (row.uid.clone(), row.work.priority)).collect();
    let wanted = [(2, Priority::Stat), (3, Priority::Urgent), (1, Priority::Routine)];
    assert_eq!(order, wanted.map(|(study, priority)| (study_uid(study), priority)));
}

/// The newest entry of the report, in conflict at `fhir` with what somebody else wrote there.
fn in_conflict(cache: &Cache, theirs: &str) -> i64 {
    let next = cache.outbox_next(&at_fhir(), 0, 100, AT).unwrap();
    let entry = next.entries.iter().rfind(|entry| entry.kind == "report").unwrap().id;
    meets(cache, entry, theirs);
    entry
}

fn meets(cache: &Cache, entry: i64, theirs: &str) {
    let outcome = Outcome::Conflict { words: "Changed.".into(), theirs: Some(theirs.into()) };
    let delivered = [Delivered::plain(entry, outcome)];
    cache.outbox_note("fhir", &[at_fhir()], &delivered, "sync", AT).unwrap();
}

fn at_fhir() -> Route {
    Route { destination: "fhir".into(), kinds: vec!["report"], events: false }
}

fn merge(cache: &Cache, entry: i64, theirs: &str, base_version: u32) -> Result<(), CacheError> {
    let remote = Remote { identity: "r".into(), place: "DiagnosticReport/1".into(), version: None };
    let seen =
        Seen { entry, destination: "fhir", identity: "r", remote: Some(&remote), theirs: Some(theirs) };
    let choice = Choice::Merged(Merge { report: REPORT, base_version, text: "There: a cyst.".into() });
    let by = Signature { account: "attending".into(), name: "Dr A".into(), at: AT };
    cache.outbox_settle_conflict(seen, &choice, &[at_fhir()], &by)
}

#[test]
fn a_merge_that_can_not_be_signed_leaves_the_conflict_and_the_report_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    save(&cache, "Node.", 0, 0).unwrap();
    sign(&cache, "resident", SignAct::Preliminary, 0).unwrap();
    let entry = in_conflict(&cache, "{}");
    let refused = merge(&cache, entry, "{}", 1);
    assert!(matches!(refused, Err(CacheError::NotSigned(NotSigned::NotNext { .. }))), "{refused:?}");
    assert_eq!(cache.outbox_conflict(entry, "fhir").unwrap().theirs.as_deref(), Some("{}"));
    let what: Vec<_> = cache.audit_after(0, 100).unwrap().into_iter().map(|link| link.event.what).collect();
    assert!(!what.iter().any(|what| what == "conflict_settled"), "{what:?}");
    // It is final by then, but not in the version that was compared, or the server's is another than was seen.
    sign(&cache, "attending", SignAct::Final, 1).unwrap();
    assert!(matches!(merge(&cache, entry, "{}", 1), Err(CacheError::ReportChanged)));
    meets(&cache, entry, "{\"later\":1}");
    assert!(matches!(merge(&cache, entry, "{}", 2), Err(CacheError::ChangedAgain)));
    assert!(cache.outbox_conflict(entry, "fhir").is_ok());
    merge(&cache, entry, "{\"later\":1}", 2).unwrap();
    assert!(cache.outbox_conflict(entry, "fhir").is_err());
    let report = cache.report(REPORT).unwrap();
    assert_eq!((report.version(), report.status), (3, ReportStatus::Addendum));
    assert!(cache.verify_audit().unwrap().is_ok());
}
