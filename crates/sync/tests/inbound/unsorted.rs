//! A server that tells its changes in no order, and more of them than are read at once.

use crate::fake::{Fake, Said};
use crate::peers::bed::{cache, now};
use crate::{SYSTEM, ask, inbound};
use medsight_base::Timestamp;
use medsight_cache::{AskedOf, Cache};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::tempdir;

/// When each order was changed there, by its number; told in the order of a shuffle, and from a place on that is counted.
struct Server {
    changed: Mutex<Vec<Timestamp>>,
    per_page: usize,
    counts: bool,
    asked: AtomicUsize,
    /// At this page somebody changes an order that was told already.
    moves_at: usize,
}

impl Server {
    fn answer(&self, target: &str) -> Said {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let of = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name));
        let bundle = |found: Vec<Value>, total: usize, next: Option<String>| {
            let entries: Vec<Value> = found.into_iter().map(|one| json!({"resource": one})).collect();
            let link: Vec<Value> = next.iter().map(|url| json!({"relation": "next", "url": url})).collect();
            let mut body =
                json!({"resourceType": "Bundle", "type": "searchset", "entry": entries, "link": link});
            if self.counts {
                body["total"] = json!(total);
            }
            Said::Answer(200, String::new(), body.to_string())
        };
        if !target.starts_with("/fhir/ServiceRequest?") {
            // Nobody is deleted, and nobody has a task.
            return match target.contains('?') {
                true => bundle(Vec::new(), 0, None),
                false => Said::Answer(403, String::new(), String::new()),
            };
        }
        let mut changed = self.changed.lock().unwrap();
        let count = changed.len();
        if self.asked.fetch_add(1, Ordering::SeqCst) == self.moves_at {
            changed[shuffled(0, count)] = now();
        }
        let from = of("_lastUpdated=ge").unwrap_or_default();
        let until = of("_lastUpdated=lt").unwrap_or("9999");
        let fits = |n: &usize| {
            let at = changed[*n].iso();
            from <= at.as_str() && at.as_str() < until
        };
        let all: Vec<usize> = (0..count).map(|at| shuffled(at, count)).filter(fits).collect();
        let offset: usize = of("page=").and_then(|page| page.parse().ok()).unwrap_or(0);
        let page = &all[offset.min(all.len())..(offset + self.per_page).min(all.len())];
        let next = offset + self.per_page;
        let rest: Vec<&str> = query.split('&').filter(|part| !part.starts_with("page=")).collect();
        let next = (next < all.len()).then(|| format!("ServiceRequest?{}&page={next}", rest.join("&")));
        bundle(page.iter().map(|n| request(*n, changed[*n])).collect(), all.len(), next)
    }
}

/// In no order of time, and each once: the step has no divisor in common with the counts of the tests.
fn shuffled(at: usize, count: usize) -> usize {
    at * 7919 % count
}

fn request(n: usize, changed: Timestamp) -> Value {
    json!({"resourceType": "ServiceRequest", "id": format!("r{n}"), "status": "active", "intent": "order",
        "meta": {"versionId": changed.0.to_string(), "lastUpdated": changed.iso()}, "code": {"text": "CT"},
        "subject": {"identifier": {"system": SYSTEM, "value": format!("P{n}")}}})
}

fn known(cache: &Cache) -> BTreeSet<String> {
    let orders = cache.expected_orders("", 1_000_000).unwrap().orders;
    orders.into_iter().map(|known| known.order.patient.id).collect()
}

/// Twice as many as can be read at once here: 500 pages of two, or, for long runs, of a hundred.
fn start(counts: bool, moves_at: usize) -> (Arc<Server>, Fake, usize) {
    let is_slow = std::env::var_os("MEDSIGHT_SLOW").is_some();
    let (per_page, count) = if is_slow { (100, 60_000) } else { (2, 1300) };
    start_with(counts, moves_at, per_page, count)
}

fn start_with(counts: bool, moves_at: usize, per_page: usize, count: usize) -> (Arc<Server>, Fake, usize) {
    let first = now().0 - 86_400_000;
    let changed = (0..count as i64).map(|n| Timestamp(first + n * 1000)).collect();
    let asked = AtomicUsize::new(0);
    let server = Arc::new(Server { changed: Mutex::new(changed), per_page, counts, asked, moves_at });
    let told = Arc::clone(&server);
    (server, Fake::start(move |target, _| told.answer(target)), count)
}

fn mark(cache: &Cache) -> Option<Timestamp> {
    cache.asking(&AskedOf { source: "ris".into(), feed: "orders".into() }).unwrap().mark
}

#[test]
fn more_changes_in_no_order_than_are_read_at_once_come_all_the_same() {
    for counts in [true, false] {
        let (server, fake, count) = start(counts, usize::MAX);
        let folder = tempdir().unwrap();
        let cache = cache(folder.path(), 0, 1);
        let asking = inbound(&cache, &fake.url(), "");
        assert_eq!(ask(&asking).unwrap().new, count as u64, "counted: {counts}");
        assert_eq!(known(&cache).len(), count);
        // The next asking goes on from there, and reads a page.
        assert!(mark(&cache).unwrap().0 > now().0 - 600_000);
        let before = server.asked.load(Ordering::SeqCst);
        assert!(!ask(&asking).unwrap().any());
        assert!(server.asked.load(Ordering::SeqCst) - before <= 2);
    }
}

#[test]
fn an_order_that_is_changed_while_windows_are_read_makes_no_other_be_missed() {
    for counts in [true, false] {
        let (_server, fake, count) = start(counts, if counts { 20 } else { 1100 });
        let folder = tempdir().unwrap();
        let cache = cache(folder.path(), 0, 1);
        ask(&inbound(&cache, &fake.url(), "")).unwrap();
        assert_eq!(known(&cache).len(), count, "counted: {counts}");
    }
}

#[test]
fn more_changes_in_one_moment_than_are_read_at_once_are_refused_with_the_reason() {
    let (server, fake, count) = start(true, usize::MAX);
    let at = now();
    server.changed.lock().unwrap().fill(Timestamp(at.0 - 3_600_000));
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let refused = ask(&inbound(&cache, &fake.url(), "")).unwrap_err();
    assert!(refused.to_string().contains("in one moment"), "{refused}");
    assert!(known(&cache).len() < count);
    assert_eq!(mark(&cache), None);
}

#[test]
fn a_last_page_that_is_as_full_as_was_asked_for_is_the_last() {
    for (counts, count) in [(true, 100), (false, 100), (true, 300), (false, 300)] {
        let (_server, fake, count) = start_with(counts, usize::MAX, 100, count);
        let folder = tempdir().unwrap();
        let cache = cache(folder.path(), 0, 1);
        ask(&inbound(&cache, &fake.url(), "")).unwrap();
        assert_eq!(known(&cache).len(), count, "counted: {counts}");
    }
}
