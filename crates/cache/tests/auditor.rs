//! What an auditor finds: events by what they are about, and accesses that are unusual.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::*;
use medsight_audit::{Action, AuditEvent, Outcome, PatientKey};
use medsight_base::Timestamp;
use medsight_cache::{AuditFilter, Cache, Rule, Usual};
use medsight_record::Person;
use serde_json::Value::Null;

/// Noon of a day, UTC.
const NOON: Timestamp = Timestamp(1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 43_200_000);
const MINUTE: i64 = 60_000;

fn all(from: Timestamp) -> (Timestamp, Timestamp) {
    (Timestamp(from.0 - 40 * 86_400_000), Timestamp(from.0 + 40 * 86_400_000))
}

fn rules(cache: &Cache) -> Vec<(Rule, String, u64)> {
    let (from, until) = all(NOON);
    let found = cache.unusual_accesses(from, until, &Usual::default()).unwrap();
    found.into_iter().map(|unusual| (unusual.rule, unusual.who, unusual.count)).collect()
}

#[test]
fn events_are_found_by_person_patient_study_action_time_and_how_they_ended() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 3);
    let begun = cache.audit_position().unwrap().sequence;
    for minute in 0..6 {
        let (study, who) = (1 + minute as u32 % 3, if minute < 4 { "rita" } else { "nora" });
        cache.opened(&study_uid(study), who, Timestamp(NOON.0 + minute * MINUTE)).unwrap();
    }
    let elsewhere = PatientKey { id: "PAT-0001".into(), issuer: Some("OTHER".into()) };
    let refused = AuditEvent::new("nora", Action::RightRefused, NOON, None, Null)
        .ended(Outcome::MinorFailure)
        .about(Some(elsewhere));
    cache.note_event(&refused).unwrap();
    let numbers = |filter: AuditFilter| -> Vec<u64> {
        let page = cache.audit_search(&filter, None, 100).unwrap();
        assert_eq!(page.total, page.events.len() as u64);
        page.events.iter().map(|link| link.sequence - begun).filter(|number| *number < 1000).collect()
    };
    let by = AuditFilter::default;
    assert_eq!(numbers(AuditFilter { who: Some("rita".into()), ..by() }), [4, 3, 2, 1]);
    let opened = vec!["study_opened".to_owned()];
    let of = |id: &str| AuditFilter {
        patient: Some(id.into()),
        from: Some(NOON),
        until: Some(Timestamp(NOON.0 + 9 * MINUTE)),
        ..by()
    };
    assert_eq!(numbers(of("PAT-0001")), [7, 4, 1], "of any issuer");
    assert_eq!(numbers(of("PAT-000")), [0; 0]);
    assert_eq!(numbers(AuditFilter { study: Some(study_uid(2)), actions: opened, ..by() }), [5, 2]);
    assert_eq!(numbers(AuditFilter { only_failures: true, ..by() }), [7]);
    let some_minutes = AuditFilter {
        from: Some(Timestamp(NOON.0 + MINUTE)),
        until: Some(Timestamp(NOON.0 + 3 * MINUTE)),
        ..by()
    };
    assert_eq!(numbers(some_minutes), [3, 2]);
    // In pages, newest first.
    let rita = AuditFilter { who: Some("rita".into()), ..by() };
    let first = cache.audit_search(&rita, None, 3).unwrap();
    let next = cache.audit_search(&rita, Some(first.events[2].sequence), 3).unwrap();
    assert_eq!((first.total, next.total, next.events.len()), (4, 4, 1));
    assert_eq!(next.events[0].sequence, begun + 1);
}

#[test]
fn thirty_patients_in_ten_minutes_are_one_finding_and_twenty_nine_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let see = |who: &str, patient: i64, at: i64| {
        let event = AuditEvent::new(who, Action::ReportViewed, Timestamp(NOON.0 + at), None, Null)
            .about(PatientKey::local(&format!("P{patient}")));
        cache.note_event(&event).unwrap();
    };
    (0..29).for_each(|n| see("calm", n, n * MINUTE / 5));
    // The same patient again is no other patient.
    (0..50).for_each(|n| see("calm", n % 3, 6 * MINUTE + n));
    (0..40).for_each(|n| see("slow", n, n * MINUTE));
    (0..35).for_each(|n| see("curious", n, n * MINUTE / 5));
    assert_eq!(rules(&cache), [(Rule::ManyPatients, "curious".into(), 35)]);
}

#[test]
fn a_patient_with_the_name_of_who_looks_a_night_and_broken_glass_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let person = Person { account: "rita".into(), name: "Dr. Rita Muller".into(), roles: Default::default() };
    cache.signed_in(&person, Null, NOON).unwrap();
    let work = |who: &str, at: i64| {
        let event = AuditEvent::new(who, Action::ReportSaved, Timestamp(at), Some(study_uid(1)), Null);
        cache.note_event(&event).unwrap();
    };
    // The patient is MÜLLER^JOSÉ 1.
    cache.opened(&study_uid(1), "rita", NOON).unwrap();
    work("rita", NOON.0);
    assert_eq!(rules(&cache), [(Rule::SameName, "rita".into(), 1)]);
    cache.signed_out("rita", NOON).unwrap();
    let night = Timestamp(NOON.0 + 11 * 3_600_000);
    cache.opened(&study_uid(1), "nora", night).unwrap();
    cache.opened(&study_uid(1), "nora", Timestamp(night.0 + 3 * 3_600_000)).unwrap();
    work("nora", night.0 + 4 * 3_600_000);
    let glass =
        AuditEvent::new("nora", Action::BrokeGlass, NOON, Some(study_uid(1)), Null).because("shock room");
    cache.note_event(&glass).unwrap();
    assert_eq!(
        rules(&cache),
        [
            (Rule::BrokeGlass, "nora".into(), 1),
            (Rule::SameName, "rita".into(), 1),
            (Rule::OutsideHours, "nora".into(), 2)
        ],
        "before and after midnight is one night"
    );
    let (from, until) = all(NOON);
    let elsewhere = Usual { offset_minutes: 8 * 60, ..Usual::default() };
    let found = cache.unusual_accesses(from, until, &elsewhere).unwrap();
    assert!(
        !found
            .iter()
            .any(|unusual| unusual.rule == Rule::OutsideHours && unusual.who == "nora" && unusual.count > 1)
    );
}

#[test]
fn a_study_that_was_opened_and_left_is_found_once_the_day_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 2);
    cache.opened(&study_uid(1), "rita", NOON).unwrap();
    cache.opened(&study_uid(1), "rita", Timestamp(NOON.0 + MINUTE)).unwrap();
    cache.opened(&study_uid(2), "rita", NOON).unwrap();
    let saved =
        AuditEvent::new("rita", Action::ReportSaved, Timestamp(NOON.0 + MINUTE), Some(study_uid(2)), Null);
    cache.note_event(&saved).unwrap();
    assert_eq!(rules(&cache), [(Rule::NothingWritten, "rita".into(), 2)]);
    let from = Timestamp(NOON.0 - MINUTE);
    let today = cache.unusual_accesses(from, Timestamp(NOON.0 + 3_600_000), &Usual::default()).unwrap();
    assert!(today.is_empty(), "there is still time to write");
}

#[test]
fn what_a_program_exports_that_may_only_read_is_in_the_trail_once_the_owner_opens_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let owner = filled(folder.path(), 1);
    let path = folder.path().join("cache");
    let reader = Cache::open_read_only(&path, &key()).unwrap();
    reader.set_program("medsightctl 9");
    reader.export(&study_uid(1), &folder.path().join("out"), "ivan", NOON, |_, _| {}).unwrap();
    let left: Vec<_> = std::fs::read_dir(path.join("events.left")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1);
    let copy = std::fs::read(left[0].path()).unwrap();
    assert!(!copy.windows(4).any(|four| four == b"ivan"), "it is encrypted");
    drop(owner);
    let by_ivan = AuditFilter { who: Some("ivan".into()), ..AuditFilter::default() };
    let owner = Cache::open(&path, &key()).unwrap();
    let found = owner.audit_search(&by_ivan, None, 10).unwrap().events;
    assert_eq!(found.len(), 1);
    let event = &found[0].event;
    assert_eq!((event.action(), event.when), (Some(Action::Exported), NOON));
    assert_eq!(event.more.from.as_ref().unwrap().program, "medsightctl 9");
    assert_eq!(event.more.patient.as_ref().unwrap().id, "PAT-0001");
    // A copy that is put back makes no second event, and one that was changed is told of.
    std::fs::write(left[0].path(), &copy).unwrap();
    assert_eq!(owner.take_left_events().unwrap(), 0);
    let mut changed = copy;
    let last = changed.len() - 1;
    changed[last] ^= 1;
    std::fs::write(left[0].path(), &changed).unwrap();
    assert_eq!(owner.take_left_events().unwrap(), 0);
    assert_eq!(owner.check(false, |_, _| {}).unwrap().damaged[0].code, "audit");
    assert!(owner.verify_audit().unwrap().is_ok());
}

/// Kilobytes that this process holds now.
#[cfg(target_os = "linux")]
fn held_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_hundred_thousand_events_are_handed_on_and_checked_without_holding_them() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let detail = serde_json::json!({"text": "x".repeat(200)});
    let event =
        AuditEvent::new("rita", Action::ReportViewed, NOON, None, detail).about(PatientKey::local("P1"));
    let thousand = vec![event; 1000];
    for _ in 0..100 {
        cache.note_events(&thousand).unwrap();
    }
    drop(thousand);
    let before = held_kb();
    let (mut seen, mut most) = (0, 0);
    loop {
        let page = cache.audit_after(seen, 500).unwrap();
        let Some(last) = page.last() else { break };
        seen = last.sequence;
        most = most.max(held_kb());
    }
    assert_eq!(seen, 100_001);
    let begun = std::time::Instant::now();
    assert_eq!(cache.verify_audit().unwrap().unwrap().events, 100_001);
    println!("checked 100,001 events in {:?}", begun.elapsed());
    most = most.max(held_kb());
    // The trail itself has more than 50 MB.
    assert!(most < before + 40_000, "{before} kB before, {most} kB at most");
}

#[test]
fn whose_numbering_a_patient_id_is_stands_in_each_event_of_the_study_also_after_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut of = record(1, 1, 1);
    of.patient.issuer = Some("HOSPITAL".into());
    let file = folder.path().join("one");
    std::fs::write(&file, file_of(&of, 10)).unwrap();
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    import(&cache, &file);
    cache.opened(&study_uid(1), "rita", NOON).unwrap();
    let delete = medsight_record::RecordCommand::DeleteStudies(vec![study_uid(1)]);
    cache.apply(&delete, "rita", NOON).unwrap();
    cache.note_event(&AuditEvent::new("rita", Action::Queried, NOON, Some(study_uid(1)), Null)).unwrap();
    let by = AuditFilter { study: Some(study_uid(1)), ..AuditFilter::default() };
    let found = cache.audit_search(&by, None, 10).unwrap().events;
    assert_eq!(found.len(), 4);
    for link in &found {
        let patient = link.event.more.patient.as_ref().unwrap();
        assert_eq!((patient.id.as_str(), patient.issuer.as_deref()), ("PAT-0001", Some("HOSPITAL")));
        assert!(medsight_audit::csv(link).contains(",PAT-0001,HOSPITAL,"));
        assert!(medsight_audit::dicom(link, "site").contains("\"PAT-0001^^^HOSPITAL\""));
        assert!(medsight_audit::fhir(link, "site").to_string().contains("\"display\":\"HOSPITAL\""));
    }
}
