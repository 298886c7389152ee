//! Servers that lie, stop in the middle, or never end.

use crate::fake::{Fake, Said};
use crate::{ask, ask_reports, inbound, peers};
use medsight_cache::{AskedOf, Cache};
use medsight_sync::Trouble;
use peers::bed::{TOKEN, cache};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::tempdir;

fn request(id: usize, version: &str) -> Value {
    json!({"resourceType": "ServiceRequest", "id": format!("r{id}"), "status": "active", "intent": "order",
        "meta": {"versionId": version, "lastUpdated": format!("2026-01-01T00:{:02}:{:02}.000Z", id / 60 % 60, id % 60)},
        "subject": {"identifier": {"system": crate::SYSTEM, "value": format!("P{id}")}}, "code": {"text": "CT"}})
}

fn bundle(resources: &[Value], next: Option<&str>) -> String {
    let entries: Vec<Value> = resources.iter().map(|one| json!({"resource": one})).collect();
    let link: Vec<Value> = next.iter().map(|url| json!({"relation": "next", "url": url})).collect();
    json!({"resourceType": "Bundle", "type": "searchset", "entry": entries, "link": link}).to_string()
}

fn good(body: String) -> Said {
    Said::Answer(200, "Date: Sun, 22 Nov 2026 20:00:00 GMT\r\n".into(), body)
}

/// Answers `orders` to the question for orders, as a server that sorts them, and nothing to others.
fn orders(answer: impl Fn(&str, &str) -> Said + Send + Sync + 'static) -> Fake {
    Fake::start(move |target, head| {
        if target.contains("_sort=-_lastUpdated") {
            let mut newest = request(999_999, "1");
            newest["meta"]["lastUpdated"] = json!("2026-11-22T20:00:00Z");
            good(bundle(&[newest], None))
        } else if target.starts_with("/fhir/ServiceRequest") {
            answer(target, head)
        } else {
            good(bundle(&[], None))
        }
    })
}

fn known(cache: &Cache) -> usize {
    cache.expected_orders("", 100_000).unwrap().total
}

fn of(feed: &str) -> AskedOf {
    AskedOf { source: "ris".into(), feed: feed.into() }
}

#[test]
fn a_link_to_another_host_is_not_followed_and_the_token_is_never_sent_there() {
    let thief = Fake::start(|_, _| good(bundle(&[], None)));
    let (port, folder) = (thief.port, tempdir().unwrap());
    for next in [
        format!("http://127.0.0.1:{port}/fhir/ServiceRequest?page=2"),
        format!("//127.0.0.1:{port}/fhir/ServiceRequest?page=2"),
        "../admin/ServiceRequest?page=2".to_owned(),
    ] {
        let cache = cache(&folder.path().join(next.len().to_string()), 0, 1);
        let server = orders(move |_, _| good(bundle(&[request(1, "1")], Some(&next))));
        let error = ask(&inbound(&cache, &server.url(), "")).unwrap_err();
        assert!(matches!(error, Trouble::Redirected), "{error:?}");
        // What came before is kept, and the person can see why there is no more.
        assert_eq!(known(&cache), 1);
        assert_eq!(cache.asking(&of("orders")).unwrap().code.as_deref(), Some("sync.redirected"));
        assert!(server.asked().iter().all(|head| head.contains(TOKEN)));
    }
    assert!(thief.asked().is_empty(), "{:?}", thief.asked());
}

#[test]
fn a_server_that_sends_requests_on_gets_no_token_to_the_other_address() {
    let thief = Fake::start(|_, _| good(bundle(&[], None)));
    let there = format!("Location: http://127.0.0.1:{}/fhir/ServiceRequest\r\n", thief.port);
    let server = orders(move |_, _| Said::Answer(302, there.clone(), String::new()));
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    assert!(matches!(ask(&inbound(&cache, &server.url(), "")), Err(Trouble::Redirected)));
    assert!(thief.asked().is_empty());
}

#[test]
fn pages_that_go_round_in_a_circle_or_never_end_come_to_an_end() {
    let folder = tempdir().unwrap();
    let circle = orders(|_, _| good(bundle(&[request(1, "1")], Some("ServiceRequest?page=1"))));
    let cache_of_circle = cache(&folder.path().join("circle"), 0, 1);
    assert!(matches!(ask(&inbound(&cache_of_circle, &circle.url(), "")), Err(Trouble::Answer(_))));
    assert!(circle.asked().len() < 5);
    let empty = orders(|_, _| good(bundle(&[], Some("ServiceRequest?page=1"))));
    assert!(ask(&inbound(&cache_of_circle, &empty.url(), "")).is_err());
    assert!(empty.asked().len() < 10);
    // Every page is a new one, without end: bounded, and the next asking goes on where this one stopped.
    let endless_cache = cache(&folder.path().join("endless"), 0, 1);
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let endless = orders(move |_, _| {
        let id = counting.fetch_add(1, Ordering::SeqCst);
        good(bundle(&[request(id, "1")], Some(&format!("ServiceRequest?page={id}"))))
    });
    let asking = inbound(&endless_cache, &endless.url(), "");
    assert!(matches!(ask(&asking), Err(Trouble::Answer(_))));
    assert_eq!(count.load(Ordering::SeqCst), 500);
    assert_eq!(known(&endless_cache), 500);
    let progress = endless_cache.asking(&of("orders")).unwrap().progress.unwrap();
    assert!(progress.iso().starts_with("2026-01-01T00:08:19"), "{}", progress.iso());
}

#[test]
fn an_answer_without_end_and_a_page_of_a_million_entries_are_refused() {
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let long = orders(|_, _| {
        let mut bytes =
            b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nConnection: close\r\n\r\n{\"a\":\""
                .to_vec();
        bytes.resize(66 << 20, b'x');
        Said::Raw(bytes)
    });
    assert!(matches!(ask(&inbound(&cache, &long.url(), "")), Err(Trouble::Answer("it is too long"))));
    let many = orders(|_, _| {
        let all: Vec<Value> = (0..6000).map(|id| request(id, "1")).collect();
        good(bundle(&all, None))
    });
    assert!(matches!(ask(&inbound(&cache, &many.url(), "")), Err(Trouble::Answer(_))));
    assert_eq!(known(&cache), 0);
}

#[test]
fn half_an_answer_keeps_nothing_of_it_and_moves_nothing_on() {
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let server = orders(|target, _| {
        if target.contains("page=2") {
            let body = bundle(&[request(2, "1"), request(3, "1")], None);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            return Said::Raw([head.as_bytes(), &body.as_bytes()[..body.len() / 2]].concat());
        }
        good(bundle(&[request(1, "1")], Some("ServiceRequest?page=2")))
    });
    assert!(matches!(ask(&inbound(&cache, &server.url(), "")), Err(Trouble::Lost(_))));
    let asking = cache.asking(&of("orders")).unwrap();
    assert_eq!((known(&cache), asking.mark, asking.attempts), (1, None, 1));
    assert!(asking.progress.unwrap().iso().starts_with("2026-01-01T00:00:01"));
    for garbage in ["<html>no</html>", "[1, 2]", "{\"resourceType\": \"Patient\"}"] {
        let server = orders(move |_, _| good(garbage.to_owned()));
        assert!(matches!(ask(&inbound(&cache, &server.url(), "")), Err(Trouble::Answer(_))), "{garbage}");
    }
}

#[test]
fn what_did_not_change_is_asked_for_with_its_etag_and_not_sent_again() {
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let server = orders(|target, head| {
        let knows = |etag: &str| head.to_lowercase().contains(&format!("if-none-match: w/\"{etag}\""));
        if target.contains('?') {
            if knows("all-1") {
                return Said::Answer(304, String::new(), String::new());
            }
            let both = bundle(&[request(1, "a"), request(2, "b")], None);
            let headers = "ETag: W/\"all-1\"\r\nDate: Sun, 22 Nov 2026 20:00:00 GMT\r\n";
            return Said::Answer(200, headers.into(), both);
        }
        match target {
            "/fhir/ServiceRequest/r1" => good(request(1, "a").to_string()),
            "/fhir/ServiceRequest/r2" => Said::Answer(410, String::new(), String::new()),
            _ => Said::Answer(404, String::new(), String::new()),
        }
    });
    let asking = inbound(&cache, &server.url(), "");
    // Both came, and one of them was deleted at once: it is in no search, and asked for by its name.
    let came = ask(&asking).unwrap();
    assert_eq!((came.new, came.gone, known(&cache)), (2, 1, 1));
    // The mark has moved with the first answer; from then on the question stays the same until something comes.
    ask(&asking).unwrap();
    let before = server.asked().len();
    assert!(!ask(&asking).unwrap().any());
    let heads = server.asked().split_off(before).join("\n").to_lowercase();
    assert!(heads.contains("if-none-match: w/\"all-1\""), "{heads}");
    assert_eq!(cache.asking(&of("orders")).unwrap().code, None);
}

#[test]
fn a_server_that_gives_another_patient_s_report_is_not_believed() {
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let server = Fake::start(|target, _| {
        let person = |id: &str, value: &str| {
            json!({"resourceType": "Patient", "id": id, "meta": {"versionId": "1"},
                "identifier": [{"system": crate::SYSTEM, "value": value}]})
        };
        let report = |id: &str, subject: &str| {
            json!({"resourceType": "DiagnosticReport", "id": id, "meta": {"versionId": "1"}, "status": "final",
                "subject": {"reference": subject}, "code": {"text": "CT"}, "conclusion": id})
        };
        good(match target.split('?').next().unwrap() {
            "/fhir/Patient" => bundle(&[person("p1", "P1"), person("p2", "P2")], None),
            _ => bundle(&[report("mine", "Patient/p1"), report("other", "Patient/p2")], None),
        })
    });
    ask_reports(&inbound(&cache, &server.url(), ""), "P1").unwrap();
    let found = cache.server_reports("P1").unwrap();
    assert_eq!(found.iter().map(|known| known.said.text.as_str()).collect::<Vec<_>>(), ["mine"]);
    assert!(cache.server_reports("P2").unwrap().is_empty());
}

#[test]
fn a_patient_and_an_order_that_are_not_for_us_hold_up_nobody_else() {
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let is_open = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let later = Arc::clone(&is_open);
    let server = Fake::start(move |target, _| {
        let mut vip = request(1, "1");
        vip["subject"] = json!({"reference": "Patient/vip"});
        match target {
            "/fhir/Patient/vip" if later.load(Ordering::SeqCst) => good(
                json!({"resourceType": "Patient", "id": "vip", "identifier": [{"system": crate::SYSTEM, "value": "V1"}]})
                    .to_string(),
            ),
            "/fhir/Patient/vip" | "/fhir/ServiceRequest/r2" => Said::Answer(403, String::new(), String::new()),
            "/fhir/ServiceRequest/r1" => good(vip.to_string()),
            "/fhir/ServiceRequest/r3" => Said::Answer(410, String::new(), String::new()),
            _ if target.starts_with("/fhir/ServiceRequest?") => {
                // The deleted one is still in the search of the first asking, as of an index that is late.
                let most = if later.load(Ordering::SeqCst) { 2 } else { 3 };
                good(bundle(&[vip, request(2, "1"), request(3, "1")][..most], None))
            }
            _ => good(bundle(&[], None)),
        }
    });
    let asking = inbound(&cache, &server.url(), "");
    // All came, whose the first is can't be told, and the one behind those that can't be read is found to be deleted.
    let came = ask(&asking).unwrap();
    assert_eq!((came.new, came.gone, known(&cache)), (3, 1, 2));
    assert_eq!(cache.asking(&of("orders")).unwrap().code, None);
    // Who the patient is becomes known without a change of the order.
    is_open.store(true, Ordering::SeqCst);
    assert_eq!(ask(&asking).unwrap().changed, 1);
    assert!(
        cache.expected_orders("v1", 10).unwrap().orders.iter().any(|known| known.order.patient.id == "V1")
    );
}

#[test]
fn a_patient_of_another_server_is_not_taken_for_the_one_of_the_same_number_here() {
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let server = orders(|_, _| {
        let mut elsewhere = request(1, "1");
        elsewhere["subject"] = json!({"reference": "https://mpi.hospital/fhir/Patient/7"});
        let here = json!({"resourceType": "Patient", "id": "7",
            "identifier": [{"system": crate::SYSTEM, "value": "SOMEBODY-ELSE"}]});
        good(bundle(&[elsewhere, here], None))
    });
    ask(&inbound(&cache, &server.url(), "")).unwrap();
    let found = cache.expected_orders("", 10).unwrap().orders;
    assert_eq!((found.len(), found[0].order.patient.id.as_str()), (1, ""));
}

#[test]
fn an_order_that_leaves_the_answer_while_it_is_read_makes_no_other_be_missed() {
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // A server that keeps its place by counting, and whose first order is done as soon as the first page is out.
    let server = orders(move |target, _| {
        if !target.contains('?') {
            return Said::Answer(404, String::new(), String::new());
        }
        let first = usize::from(count.fetch_add(1, Ordering::SeqCst) > 0);
        let said =
            |name: &str| target.split(['?', '&']).find_map(|part| part.strip_prefix(name)).map(str::to_owned);
        let from = said("_lastUpdated=ge").unwrap_or_default();
        let offset: usize = said("page=").and_then(|page| page.parse().ok()).unwrap_or(0);
        let all: Vec<Value> = (first..250).map(|n| request(n, "1")).collect();
        let wanted: Vec<Value> = all
            .into_iter()
            .filter(|one| one["meta"]["lastUpdated"].as_str().unwrap() >= from.as_str())
            .skip(offset)
            .collect();
        let next = format!("ServiceRequest?_lastUpdated=ge{from}&page={}", offset + 100);
        let page = &wanted[..wanted.len().min(100)];
        good(bundle(page, (wanted.len() > 100).then_some(next.as_str())))
    });
    let folder_of = |known: medsight_cache::Expected| -> std::collections::BTreeSet<String> {
        known.orders.into_iter().map(|known| known.order.patient.id).collect()
    };
    let mut source = crate::source("days_back = 365");
    source.every_min = 0;
    let destination = peers::bed::fhir("ris", &server.url(), "\"report\"", "");
    let asking = crate::with(&cache, source, vec![destination], Vec::new(), peers::bed::bearer(TOKEN));
    // What is gone by its name afterwards does not matter here: what came in does.
    assert_eq!(ask(&asking).unwrap().new, 250);
    assert!(folder_of(cache.expected_orders("", 1000).unwrap()).contains("P249"));
}
