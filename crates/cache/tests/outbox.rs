//! What waits for other systems: in order, never lost, and with its reason.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::*;
use medsight_base::Timestamp;
use medsight_cache::{Cache, Delivered, Outcome, Remote, Route};
use medsight_record::{Annotation, AnnotationId, AnnotationKind, Measured, Place, RecordCommand};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn drawn(study: u32, number: u128) -> Annotation {
    let of = record(study, 1, 1);
    Annotation {
        id: AnnotationId(uuid::Uuid::from_u128(number)),
        study: of.study,
        kind: AnnotationKind::Length,
        place: Place::Image {
            series: of.series,
            instance: of.uid,
            frame: 0,
            points_px: vec![[1.0, 2.0], [3.0, 0.1]],
        },
        measured: Measured { length_mm: Some(12.5), ..Measured::default() },
        changed_at: AT,
    }
}

fn draw(cache: &Cache, study: u32, number: u128) {
    cache.apply(&RecordCommand::SaveAnnotation(Box::new(drawn(study, number))), "reader", AT).unwrap();
}

fn rule(name: &str) -> Route {
    Route { destination: name.into(), kinds: vec!["annotation"], events: false }
}

fn ids(cache: &Cache, name: &str, now: Timestamp) -> Vec<i64> {
    let next = cache.outbox_next(&rule(name), 0, 100, now).unwrap();
    next.entries.iter().map(|entry| entry.id).collect()
}

fn delivered(entry: i64, outcome: Outcome) -> Vec<Delivered> {
    vec![Delivered::plain(entry, outcome)]
}

fn again(next_try: Timestamp) -> Outcome {
    Outcome::Again { code: "sync.busy", words: "It is busy.".into(), next_try }
}

fn waiting_annotations(cache: &Cache) -> u64 {
    cache.outbox_status(&[rule("nobody")]).unwrap()[0].waiting
}

#[test]
fn an_entry_counts_as_sent_when_all_that_take_it_have_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    draw(&cache, 1, 1);
    let rules =
        [rule("a"), rule("b"), Route { destination: "c".into(), kinds: vec!["report"], events: false }];
    let [entry] = ids(&cache, "a", AT)[..] else { panic!("one entry") };
    cache.outbox_note("a", &rules, &delivered(entry, Outcome::Done), "sync", AT).unwrap();
    assert_eq!(waiting_annotations(&cache), 1);
    assert!(ids(&cache, "a", AT).is_empty());
    assert_eq!(ids(&cache, "b", AT), [entry]);
    cache.outbox_note("b", &rules, &delivered(entry, Outcome::Done), "sync", AT).unwrap();
    assert_eq!(waiting_annotations(&cache), 0);
    assert!(cache.verify_audit().unwrap().is_ok());
}

#[test]
fn without_a_destination_an_entry_waits_and_says_that_nobody_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    draw(&cache, 1, 1);
    cache.outbox_settle(&[], AT).unwrap();
    let unclaimed = cache.outbox_unclaimed(&[]).unwrap();
    assert!(unclaimed.contains(&("annotation".to_owned(), 1)), "{unclaimed:?}");
    assert!(!cache.outbox_unclaimed(&[rule("a")]).unwrap().iter().any(|(kind, _)| kind == "annotation"));
}

#[test]
fn behind_an_entry_that_waits_for_its_next_try_its_study_waits_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 2);
    for (study, number) in [(1, 1), (1, 2), (2, 3)] {
        draw(&cache, study, number);
    }
    let all = ids(&cache, "a", AT);
    assert_eq!(all.len(), 3);
    let later = Timestamp(AT.0 + 60_000);
    cache.outbox_note("a", &[rule("a")], &delivered(all[0], again(later)), "sync", AT).unwrap();
    let next = cache.outbox_next(&rule("a"), 0, 100, AT).unwrap();
    assert_eq!(next.entries.iter().map(|e| e.id).collect::<Vec<_>>(), [all[2]]);
    assert_eq!(next.due, Some(later));
    assert_eq!(ids(&cache, "a", later), all, "when it is due, in the old order");
    let a_day_back = Timestamp(AT.0 - 86_400_000);
    assert_eq!(ids(&cache, "a", a_day_back), all, "a clock that was set back holds nothing up");
}

#[test]
fn what_was_drawn_is_still_to_be_sent_when_its_study_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    draw(&cache, 1, 1);
    let before = cache.outbox_next(&rule("a"), 0, 100, AT).unwrap().entries.remove(0);
    cache.apply(&RecordCommand::DeleteStudies(vec![study_uid(1)]), "reader", AT).unwrap();
    drop(cache);
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    let after = cache.outbox_next(&rule("a"), 0, 100, AT).unwrap().entries.remove(0);
    assert_eq!(after.content, before.content);
    assert_eq!(after.content.drawn.unwrap().annotation, drawn(1, 1));
    assert_eq!(after.content.study.unwrap().patient.id, "PAT-0001");
    assert_eq!(after.study, Some(study_uid(1)));
    assert_eq!(cache.usage().unwrap().waiting, 1, "files that only came in are not sent");
}

#[test]
fn a_made_series_is_sent_though_its_study_was_deleted_and_not_when_it_was_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 2);
    let made = Route { destination: "pacs".into(), kinds: vec!["object"], events: false };
    let files = |cache: &Cache| {
        let mut all = Vec::new();
        for entry in cache.outbox_next(&made, 0, 100, AT).unwrap().entries {
            cache
                .outbox_files(&entry, |file| {
                    all.push(file);
                    Ok(())
                })
                .unwrap();
        }
        all
    };
    for study in [1, 2] {
        cache.series_written(&study_uid(study), &record(study, 1, 1).series, "SR", "reader", AT).unwrap();
    }
    let both = files(&cache);
    cache.delete_series(&study_uid(2), &record(2, 1, 1).series, "reader", AT).unwrap();
    let one = files(&cache);
    assert!(!one.is_empty() && one.len() < both.len());
    cache.apply(&RecordCommand::DeleteStudies(vec![study_uid(1)]), "reader", AT).unwrap();
    let mut kept = files(&cache);
    let mut one = one;
    kept.sort();
    one.sort();
    assert_eq!(kept, one);
}

#[test]
fn a_refused_entry_is_read_retried_and_dropped_by_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    draw(&cache, 1, 1);
    draw(&cache, 1, 2);
    let rules = [rule("a")];
    let all = ids(&cache, "a", AT);
    let refused = Outcome::Refused { code: "sync.refused", words: "It has no such code.".into() };
    cache.outbox_note("a", &rules, &delivered(all[0], refused.clone()), "sync", AT).unwrap();
    assert_eq!(ids(&cache, "a", AT), [all[1]], "what comes behind it goes on");
    let status = cache.outbox_status(&rules).unwrap().remove(0);
    assert_eq!((status.waiting, status.stuck.len()), (1, 1));
    assert_eq!(status.stuck[0].words, "It has no such code.");
    let generation = cache.outbox_generation();
    cache.outbox_retry(all[0], "a").unwrap();
    assert_ne!(cache.outbox_generation(), generation);
    assert_eq!(ids(&cache, "a", AT), all);
    cache.outbox_note("a", &rules, &delivered(all[0], refused), "sync", AT).unwrap();
    cache.outbox_drop(all[0], "a", &rules, "it", AT).unwrap();
    assert!(cache.outbox_status(&rules).unwrap()[0].stuck.is_empty());
    assert_eq!(ids(&cache, "a", AT), [all[1]]);
    assert!(cache.outbox_retry(all[0], "a").is_err(), "what was dropped is dropped");
}

#[test]
fn what_is_tried_again_is_found_by_who_remembers_how_far_it_has_come_whenever_it_looks() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    draw(&cache, 1, 1);
    let entry = ids(&cache, "a", AT)[0];
    let refused = || Outcome::Refused { code: "sync.refused", words: "It has no such code.".into() };
    let (found, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let (mut generation, mut after) = (cache.outbox_generation(), 0);
            while !done.load(Ordering::SeqCst) {
                if generation != cache.outbox_generation() {
                    (generation, after) = (cache.outbox_generation(), 0);
                }
                let next = cache.outbox_next(&rule("a"), after, 8, AT).unwrap();
                after = next.done_to;
                if !next.entries.is_empty() {
                    cache.outbox_note("a", &[rule("a")], &delivered(entry, refused()), "sync", AT).unwrap();
                    found.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        for round in 1..=100 {
            let begun = Instant::now();
            while found.load(Ordering::SeqCst) < round && begun.elapsed() < Duration::from_secs(10) {
                std::thread::yield_now();
            }
            if found.load(Ordering::SeqCst) < round {
                break;
            }
            cache.outbox_retry(entry, "a").unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
    assert!(found.load(Ordering::SeqCst) >= 100, "it was found {found:?} times and then no more");
}

#[test]
fn a_destination_without_backlog_gets_only_what_comes_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    draw(&cache, 1, 1);
    cache.destination_in_use("new", false).unwrap();
    cache.destination_in_use("old", true).unwrap();
    draw(&cache, 1, 2);
    cache.destination_in_use("new", false).unwrap();
    let all = ids(&cache, "old", AT);
    assert_eq!(all.len(), 2);
    assert_eq!(ids(&cache, "new", AT), [all[1]]);
    let rules = [rule("new"), rule("old")];
    cache.outbox_note("old", &rules, &delivered(all[0], Outcome::Done), "sync", AT).unwrap();
    assert_eq!(waiting_annotations(&cache), 1, "the new one does not hold up what is not its business");
}

#[test]
fn who_waits_for_something_new_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let told = std::sync::Arc::new(AtomicU32::new(0));
    let counter = std::sync::Arc::clone(&told);
    let listener: std::sync::Arc<dyn Fn() + Send + Sync> = std::sync::Arc::new(move || {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    cache.on_change(std::sync::Arc::downgrade(&listener));
    draw(&cache, 1, 1);
    assert_eq!(told.load(Ordering::SeqCst), 1);
    drop(listener);
    draw(&cache, 1, 2);
    assert_eq!(told.load(Ordering::SeqCst), 1);
}

#[test]
fn what_only_waits_for_a_promise_holds_up_nothing_and_is_due_as_soon_as_the_answer_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    draw(&cache, 1, 1);
    draw(&cache, 1, 2);
    let [first, second] = ids(&cache, "a", AT)[..] else { panic!("two entries") };
    let objects = [("1.2".to_owned(), "9.1".to_owned()), ("1.2".to_owned(), "9.2".to_owned())];
    cache.promise_asked(first, "a", "2.25.7", &objects, AT).unwrap();
    let later = Timestamp(AT.0 + 3_600_000);
    cache.outbox_note("a", &[rule("a")], &delivered(first, again(later)), "sync", AT).unwrap();
    assert_eq!(ids(&cache, "a", AT), [second], "it is there: what comes behind it need not wait");
    // The program ends; the answer comes to the next one.
    drop(cache);
    let cache = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    assert!(cache.promise_answered("2.25.7", &["9.1".into()], &[("9.2".into(), 0x0112)]).unwrap());
    assert_eq!(ids(&cache, "a", AT), [first, second]);
    let answer = cache.promise(first, "a").unwrap().unwrap();
    assert_eq!((answer.askings, answer.missing), (1, Some(vec![("9.2".to_owned(), 0x0112)])));
    // A person has it sent anew: nothing of the old asking is left.
    cache.outbox_retry(first, "a").unwrap();
    assert_eq!(cache.promise(first, "a").unwrap(), None);
}

#[test]
fn a_promise_under_a_transaction_that_is_not_ours_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    draw(&cache, 1, 1);
    let [entry] = ids(&cache, "a", AT)[..] else { panic!("one entry") };
    let objects = [("1.2".to_owned(), "9.1".to_owned())];
    cache.promise_asked(entry, "a", "2.25.7", &objects, AT).unwrap();
    assert!(!cache.promise_answered("2.25.8", &["9.1".into()], &[]).unwrap());
    assert!(!cache.promise_is_answered(entry, "a").unwrap());
    // What is promised in part, or of other objects, is no promise of the whole.
    assert!(cache.promise_answered("2.25.7", &["9.9".into()], &[]).unwrap());
    assert_eq!(cache.promise(entry, "a").unwrap().unwrap().missing, Some(vec![("9.1".to_owned(), 0)]));
}

#[test]
fn files_that_come_into_a_study_while_it_is_sent_are_sent_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let files = Route { destination: "pacs".into(), kinds: vec!["study"], events: false };
    let entry = cache.outbox_next(&files, 0, 10, AT).unwrap().entries.remove(0);
    let all = u64::from(cache.study(&study_uid(1)).unwrap().unwrap().instance_count);
    let sent =
        |files: u64| vec![Delivered { files: Some(files), ..Delivered::plain(entry.id, Outcome::Done) }];
    let rules = std::slice::from_ref(&files);
    cache.outbox_note("pacs", rules, &sent(all - 1), "sync", AT).unwrap();
    assert_eq!(cache.outbox_next(&files, 0, 10, AT).unwrap().entries.len(), 1, "one came meanwhile");
    cache.outbox_note("pacs", rules, &sent(all), "sync", AT).unwrap();
    assert!(cache.outbox_next(&files, 0, 10, AT).unwrap().entries.is_empty());
}

#[test]
fn a_destination_with_another_name_gets_nothing_twice_and_keeps_what_a_person_has_to_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 2);
    for (study, number) in [(1, 1), (1, 2), (2, 3)] {
        draw(&cache, study, number);
    }
    let all = ids(&cache, "ris", AT);
    let remote = Remote { identity: "x".into(), place: "Observation/1".into(), version: Some("1".into()) };
    let done = Delivered { remotes: vec![remote.clone()], ..Delivered::plain(all[0], Outcome::Done) };
    let refused = Outcome::Refused { code: "sync.refused", words: "No.".into() };
    let rules = [rule("ris"), rule("other")];
    cache.outbox_note("ris", &rules, &[done, Delivered::plain(all[1], refused)], "sync", AT).unwrap();
    // What an earlier destination of the new name left behind is not this one's.
    cache.outbox_note("hospital", &rules, &[Delivered::plain(all[2], Outcome::Done)], "sync", AT).unwrap();
    cache.rename_destinations(&[("ris".into(), "hospital".into())]).unwrap();
    assert_eq!(ids(&cache, "hospital", AT), [all[2]]);
    assert_eq!(cache.remote("hospital", "x").unwrap(), Some(remote));
    assert_eq!(cache.remote("ris", "x").unwrap(), None);
    let status = cache.outbox_status(&[rule("hospital")]).unwrap().remove(0);
    assert_eq!(status.stuck.iter().map(|one| one.id).collect::<Vec<_>>(), [all[1]]);
    assert!(cache.verify_audit().unwrap().is_ok());
}
