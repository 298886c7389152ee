//! Orders of other systems: what they change here, what they leave alone, and what is listed as expected.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its cache has failed")]

mod common;

use common::{AT, filled, study_uid};
use medsight_audit::Action;
use medsight_base::{StudyUid, Timestamp};
use medsight_cache::{AskedOf, Asking, AuditFilter, Cache, CameIn, OrderPage};
use medsight_record::{Order, OrderStatus, OrderTask, Patient, Priority, RecordCommand, When};
use std::collections::BTreeSet;
use tempfile::tempdir;

fn of() -> AskedOf {
    AskedOf { source: "ris".into(), feed: "orders".into() }
}

/// The order that study `n` of [`filled`] answers, by accession number and patient.
fn order(n: u32, version: &str, priority: Option<Priority>) -> Order {
    Order {
        source: "ris".into(),
        place: format!("ServiceRequest/{n}"),
        version: version.into(),
        priority,
        patient: Patient {
            id: format!("PAT-{n:04}"),
            name: format!("MÜLLER^JOSÉ {n}"),
            birth_date: None,
            sex: None,
            issuer: None,
        },
        accession: format!("ACC{n}"),
        procedure: "CT of the head".into(),
        ..Order::default()
    }
}

fn take(cache: &Cache, orders: Vec<Order>) -> CameIn {
    let page = OrderPage { of: of(), orders, ..OrderPage::default() };
    cache.take_orders(&page, "medsight", AT).unwrap()
}

fn priority(cache: &Cache, n: u32) -> (Priority, bool) {
    let work = cache.study(&study_uid(n)).unwrap().unwrap().work;
    (work.priority, work.is_priority_set)
}

fn set(cache: &Cache, n: u32, priority: Option<Priority>) {
    let command = RecordCommand::SetPriority { study: study_uid(n), priority };
    cache.apply(&command, "rita", AT).unwrap();
}

#[test]
fn an_order_makes_its_study_urgent_unless_a_person_said_how_urgent_it_is() {
    let folder = tempdir().unwrap();
    let cache = filled(folder.path(), 2);
    set(&cache, 2, Some(Priority::Routine));
    let came = take(&cache, vec![order(1, "1", Some(Priority::Stat)), order(2, "1", Some(Priority::Stat))]);
    assert_eq!(came.studies, BTreeSet::from([study_uid(1), study_uid(2)]));
    assert_eq!(priority(&cache, 1), (Priority::Stat, false));
    assert_eq!(priority(&cache, 2), (Priority::Routine, true));
    // The person leaves it to the order again.
    set(&cache, 2, None);
    assert_eq!(priority(&cache, 2), (Priority::Stat, false));
    take(&cache, vec![Order { status: OrderStatus::Withdrawn, ..order(1, "2", Some(Priority::Stat)) }]);
    assert_eq!(priority(&cache, 1), (Priority::Routine, false));
}

#[test]
fn an_order_that_was_here_before_its_study_sets_its_priority_when_the_study_comes() {
    let folder = tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    take(&cache, vec![order(7, "1", Some(Priority::Urgent))]);
    assert_eq!(cache.expected_orders("", 10).unwrap().total, 1);
    let source = folder.path().join("later");
    common::write_series(&source, 7, 1, 1, 10);
    common::import(&cache, &source);
    assert_eq!(priority(&cache, 7), (Priority::Urgent, false));
    assert_eq!(cache.expected_orders("", 10).unwrap().total, 0);
    let study = cache.study(&study_uid(7)).unwrap().unwrap();
    assert_eq!(cache.orders_of(&study).unwrap()[0].order.procedure, "CT of the head");
}

#[test]
fn a_claim_is_never_touched_by_an_order_or_its_task() {
    let folder = tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    cache.apply(&RecordCommand::Claim { study: study_uid(1), over: false }, "rita", AT).unwrap();
    let before = cache.study(&study_uid(1)).unwrap().unwrap().work;
    let task = OrderTask {
        source: "ris".into(),
        place: "Task/1".into(),
        version: "1".into(),
        order: "ServiceRequest/1".into(),
        status: "in-progress".into(),
        owner: "Dr. Other".into(),
        priority: Some(Priority::Stat),
        due_at: Some(Timestamp(AT.0 + 1)),
    };
    let page =
        OrderPage { of: of(), orders: vec![order(1, "1", None)], tasks: vec![task], ..OrderPage::default() };
    cache.take_orders(&page, "medsight", AT).unwrap();
    let study = cache.study(&study_uid(1)).unwrap().unwrap();
    assert_eq!((study.work.claimed.clone(), study.work.assigned_to.clone()), (before.claimed, None));
    let known = cache.orders_of(&study).unwrap().remove(0);
    assert_eq!(known.task.as_ref().unwrap().owner, "Dr. Other");
    assert_eq!((known.priority(), known.due_at()), (Some(Priority::Stat), Some(Timestamp(AT.0 + 1))));
    assert_eq!(study.work.priority, Priority::Stat);
}

#[test]
fn an_accession_number_of_another_patient_meets_no_study() {
    let folder = tempdir().unwrap();
    let cache = filled(folder.path(), 2);
    let mut strange = order(1, "1", Some(Priority::Stat));
    strange.patient.id = "PAT-0002".into();
    let mut by_uid = order(2, "1", Some(Priority::Stat));
    (by_uid.accession, by_uid.study) = (String::new(), Some(study_uid(1)));
    let came = take(&cache, vec![strange, by_uid]);
    assert_eq!((priority(&cache, 1).0, priority(&cache, 2).0), (Priority::Routine, Priority::Routine));
    assert_eq!(came.new, 2);
}

#[test]
fn the_same_answer_twice_changes_nothing_and_leaves_no_second_trace() {
    let folder = tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    assert_eq!(take(&cache, vec![order(1, "1", None)]).new, 1);
    assert!(!take(&cache, vec![order(1, "1", None)]).any());
    assert_eq!(take(&cache, vec![order(1, "2", None)]).changed, 1);
    let filter = AuditFilter { actions: vec![Action::Queried.word().into()], ..AuditFilter::default() };
    let events = cache.audit_search(&filter, None, 10).unwrap().events;
    assert_eq!(events.len(), 2);
    let event = &events[0].event;
    assert_eq!(event.more.patient.as_ref().unwrap().id, "PAT-0001");
    assert!(!event.detail.to_string().contains("MÜLLER"));
}

#[test]
fn a_question_moves_on_with_its_answer_and_stays_where_it_was_when_it_fails() {
    let folder = tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let asking = Asking { progress: Some(Timestamp(500)), asked_at: AT, ..Asking::default() };
    let page = OrderPage {
        of: of(),
        asking: asking.clone(),
        orders: vec![order(1, "1", None)],
        ..OrderPage::default()
    };
    cache.take_orders(&page, "medsight", AT).unwrap();
    cache.asking_failed(&of(), "sync.unreachable", "Nobody answers.", Timestamp(AT.0 + 5)).unwrap();
    let failed = cache.asking(&of()).unwrap();
    assert_eq!((failed.progress, failed.attempts), (Some(Timestamp(500)), 1));
    assert_eq!(
        (failed.failing_since, failed.code.as_deref()),
        (Some(Timestamp(AT.0 + 5)), Some("sync.unreachable"))
    );
    let mut again = asking;
    again.answered();
    cache.take_orders(&OrderPage { of: of(), asking: again, ..OrderPage::default() }, "x", AT).unwrap();
    assert_eq!(cache.asking(&of()).unwrap().failing_since, None);
}

#[test]
fn what_a_worklist_no_longer_lists_is_gone_and_what_two_sources_tell_is_listed_once() {
    let folder = tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let step = |n: u32, place: &str| Order {
        source: "mwl".into(),
        place: place.into(),
        scheduled: Some(When::Local(format!("2026-11-2{n} 08:30"))),
        ..order(n, "1", None)
    };
    let worklist = AskedOf { source: "mwl".into(), feed: "worklist".into() };
    let list = |orders: Vec<Order>| {
        let whole = Some(orders.iter().map(|order| order.place.clone()).collect());
        let page = OrderPage { of: worklist.clone(), orders, whole, ..OrderPage::default() };
        cache.take_orders(&page, "medsight", AT).unwrap()
    };
    list(vec![step(5, "step/5"), step(4, "step/4")]);
    let names = |text: &str| -> Vec<String> {
        let orders = cache.expected_orders(text, 10).unwrap().orders;
        orders.into_iter().map(|known| known.order.place).collect()
    };
    assert_eq!(names(""), ["step/4", "step/5"]);
    assert_eq!(names("muller acc5"), ["step/5"]);
    take(&cache, vec![order(5, "1", Some(Priority::Urgent))]);
    assert_eq!(names(""), ["ServiceRequest/5", "step/4"]);
    assert_eq!(list(vec![step(5, "step/5")]).gone, 1);
    assert_eq!(names(""), ["ServiceRequest/5"]);
    let uid = StudyUid::parse("1.2.99").unwrap();
    assert!(cache.study(&uid).unwrap().is_none());
}

/// Days of this many milliseconds after the order came.
fn later(days: i64) -> Timestamp {
    Timestamp(AT.0 + days * 86_400_000)
}

fn closed(n: u32, status: OrderStatus) -> Order {
    Order { status, destination: Some("ris".into()), ..order(n, "2", None) }
}

#[test]
fn a_closed_order_without_images_is_forgotten_after_its_days_and_an_open_one_never() {
    let folder = tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    take(
        &cache,
        vec![order(7, "1", None), closed(8, OrderStatus::Completed), closed(9, OrderStatus::Withdrawn)],
    );
    take(&cache, vec![order(6, "1", None)]);
    let page = OrderPage { of: of(), gone: vec!["ServiceRequest/6".into()], ..OrderPage::default() };
    cache.take_orders(&page, "medsight", AT).unwrap();
    // The same answer again, later: it was closed when it was closed.
    let again =
        OrderPage { of: of(), orders: vec![closed(8, OrderStatus::Completed)], ..OrderPage::default() };
    cache.take_orders(&again, "medsight", later(80)).unwrap();
    assert_eq!(cache.forget_closed_orders(90, later(90)).unwrap(), 0);
    assert_eq!(cache.forget_closed_orders(0, later(10_000)).unwrap(), 0);
    assert_eq!(cache.forget_closed_orders(90, later(91)).unwrap(), 3);
    assert_eq!(cache.forget_closed_orders(90, later(10_000)).unwrap(), 0);
    assert_eq!(cache.expected_orders("", 10).unwrap().total, 1);
    // What comes again is new again.
    assert_eq!(take(&cache, vec![closed(8, OrderStatus::Completed)]).new, 1);
}

#[test]
fn a_closed_order_that_was_opened_again_counts_its_days_anew() {
    let folder = tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    take(&cache, vec![closed(7, OrderStatus::Withdrawn)]);
    take(&cache, vec![order(7, "3", None)]);
    let page = OrderPage {
        of: of(),
        orders: vec![Order { version: "4".into(), ..closed(7, OrderStatus::Completed) }],
        ..OrderPage::default()
    };
    cache.take_orders(&page, "medsight", later(80)).unwrap();
    assert_eq!(cache.forget_closed_orders(90, later(100)).unwrap(), 0);
    assert_eq!(cache.forget_closed_orders(90, later(171)).unwrap(), 1);
}

#[test]
fn a_closed_order_stays_with_its_images_and_with_whoever_has_it() {
    let folder = tempdir().unwrap();
    let cache = filled(folder.path(), 2);
    let open = |n| Order { destination: Some("ris".into()), ..order(n, "1", None) };
    take(&cache, vec![open(1), open(2), open(7)]);
    // Study 2 is claimed and deleted; that its claim has ended waits to be told.
    cache.destination_in_use("ris", true).unwrap();
    cache.apply(&RecordCommand::Claim { study: study_uid(2), over: false }, "rita", AT).unwrap();
    cache.apply(&RecordCommand::DeleteStudies(vec![study_uid(2)]), "rita", AT).unwrap();
    let task = OrderTask {
        source: "ris".into(),
        place: "Task/7".into(),
        version: "1".into(),
        order: "ServiceRequest/7".into(),
        status: "in-progress".into(),
        owner: "Dr. Other".into(),
        ..OrderTask::default()
    };
    let page = OrderPage {
        of: of(),
        orders: [1, 2, 7].map(|n| closed(n, OrderStatus::Completed)).into(),
        tasks: vec![task.clone()],
        ..OrderPage::default()
    };
    cache.take_orders(&page, "medsight", AT).unwrap();
    assert_eq!(cache.forget_closed_orders(90, later(1000)).unwrap(), 0);
    // The other gives it back; that of the images stays.
    let over = OrderTask { version: "2".into(), status: "completed".into(), ..task };
    let page = OrderPage { of: of(), tasks: vec![over], ..OrderPage::default() };
    cache.take_orders(&page, "medsight", AT).unwrap();
    assert_eq!(cache.forget_closed_orders(90, later(1000)).unwrap(), 1);
    let study = cache.study(&study_uid(1)).unwrap().unwrap();
    assert_eq!(cache.orders_of(&study).unwrap().len(), 1);
}

#[test]
fn of_more_orders_than_anybody_reads_the_most_urgent_stand_first_and_each_is_found() {
    let folder = tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let all = 21_500;
    for chunk in (100..100 + all).collect::<Vec<u32>>().chunks(5000) {
        let orders = chunk.iter().map(|n| Order {
            scheduled: Some(When::At(Timestamp(AT.0 - i64::from(*n)))),
            ..order(*n, "1", None)
        });
        take(&cache, orders.collect());
    }
    take(&cache, vec![order(90_000, "1", Some(Priority::Stat)), order(90_001, "1", Some(Priority::Urgent))]);
    let first = cache.expected_orders("", 3).unwrap();
    assert_eq!(first.total, all as usize + 2);
    let places: Vec<&str> = first.orders.iter().map(|known| known.order.place.as_str()).collect();
    // Then the one that was to be first.
    let earliest = format!("ServiceRequest/{}", 99 + all);
    assert_eq!(places, ["ServiceRequest/90000", "ServiceRequest/90001", earliest.as_str()]);
    let one = cache.expected_orders("jose acc21", 10).unwrap();
    assert_eq!((one.total, one.orders.len()), (10 + 100 + 600, 10), "ACC210 … ACC21599");
    assert_eq!(cache.expected_orders("90001 head", 10).unwrap().total, 1);
}

#[test]
fn a_task_moves_its_order_in_the_list_and_its_end_moves_it_back() {
    let folder = tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    take(&cache, vec![order(5, "1", Some(Priority::Urgent)), order(6, "1", None)]);
    let task = |version: &str, status: &str| {
        let task = OrderTask {
            source: "ris".into(),
            place: "Task/6".into(),
            version: version.into(),
            order: "ServiceRequest/6".into(),
            status: status.into(),
            priority: Some(Priority::Stat),
            ..OrderTask::default()
        };
        let page = OrderPage { of: of(), tasks: vec![task], ..OrderPage::default() };
        cache.take_orders(&page, "medsight", AT).unwrap();
        cache.expected_orders("", 10).unwrap().orders[0].order.place.clone()
    };
    assert_eq!(task("1", "requested"), "ServiceRequest/6");
    assert_eq!(task("2", "completed"), "ServiceRequest/5");
}
