//! Against FHIR servers that are not ours.

use crate::peers::bed::{TOKEN, cache, curl};
use crate::peers::proxy::{Fault, Proxy};
use crate::{SYSTEM, inbound, peers};
use medsight_cache::{AskedOf, Cache, CameIn};
use medsight_record::{OrderStatus, Priority};
use medsight_sync::{Inbound, Trouble};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::tempdir;

/// More than two pages.
const ORDERS: usize = 230;

/// Helios in memory locks its tables against a reader while another writes, and says so with 503: one test at a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn patiently(asked: impl Fn() -> Result<CameIn, Trouble>) -> Result<CameIn, Trouble> {
    let mut came = CameIn::default();
    for _ in 0..50 {
        match asked() {
            Err(Trouble::Busy { .. }) => std::thread::sleep(Duration::from_millis(200)),
            Ok(more) => {
                came.add(more);
                return Ok(came);
            }
            other => return other,
        }
    }
    Err(Trouble::Busy { retry_after: None })
}

fn ask(inbound: &Inbound) -> Result<CameIn, Trouble> {
    patiently(|| crate::ask(inbound))
}

fn ask_reports(inbound: &Inbound, patient_id: &str) -> Result<CameIn, Trouble> {
    patiently(|| crate::ask_reports(inbound, patient_id))
}

struct Server {
    base: String,
    port: u16,
    path: &'static str,
    /// What only orders of this test have: servers are shared.
    mine: String,
    patient: String,
    patient_id: String,
}

impl Server {
    fn new(peer: &peers::Peer, path: &'static str, name: &str) -> Self {
        let base = format!("http://127.0.0.1:{}{path}", peer.port);
        let unique = format!("{name}-{}-{}", std::process::id(), peer.port);
        let patient_id = format!("P-{unique}");
        let patient = make(
            &base,
            &json!({
                "resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": patient_id}],
                "name": [{"family": "Doe", "given": ["Jane"]}], "birthDate": "1957-03-14", "gender": "female",
            }),
        );
        let mine = format!("category=urn:medsight:test%7C{unique}");
        Self {
            base,
            port: peer.port,
            path,
            mine,
            patient: format!("Patient/{}", patient["id"].as_str().unwrap()),
            patient_id,
        }
    }

    fn request(&self, n: usize, status: &str) -> Value {
        let category = self.mine.rsplit_once("%7C").unwrap().1;
        json!({
            "resourceType": "ServiceRequest", "status": status, "intent": "order", "priority": "urgent",
            "category": [{"coding": [{"system": "urn:medsight:test", "code": category}]}],
            "identifier": [{"system": "urn:acc", "value": format!("A{n}")}], "code": {"text": "CT of the head"},
            "subject": {"reference": self.patient}, "authoredOn": "2026-11-20T10:00:00Z",
            "reasonCode": [{"text": "Headache"}], "requester": {"display": "Dr. House"},
        })
    }

    fn fill(&self) {
        for first in (0..ORDERS).step_by(50) {
            let mut missing: Vec<usize> = (first..ORDERS.min(first + 50)).collect();
            for _ in 0..50 {
                let entry = |n: &usize| json!({"resource": self.request(*n, "active"), "request": {"method": "POST", "url": "ServiceRequest"}});
                let entries: Vec<Value> = missing.iter().map(entry).collect();
                let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
                let (_, answer) = curl("POST", &self.base, Some(&batch));
                let made = |at: usize| {
                    answer["entry"][at]["response"]["status"].as_str().is_some_and(|s| s.starts_with("201"))
                };
                // Helios in memory locks its tables against a writer at times: what it did not take is sent again.
                missing = missing.iter().enumerate().filter(|(at, _)| !made(*at)).map(|(_, n)| *n).collect();
                if missing.is_empty() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            assert!(missing.is_empty(), "{missing:?}");
        }
    }

    /// `ServiceRequest/id` of order `n`.
    fn place(&self, n: usize) -> String {
        let found = peers::bed::search(
            &self.base,
            &format!("ServiceRequest?{}&identifier=urn:acc%7CA{n}", self.mine),
        );
        assert_eq!(found.len(), 1);
        format!("ServiceRequest/{}", found[0]["id"].as_str().unwrap())
    }
}

fn make(base: &str, resource: &Value) -> Value {
    let (status, made) =
        curl("POST", &format!("{base}/{}", resource["resourceType"].as_str().unwrap()), Some(resource));
    assert_eq!(status, 201, "{made}");
    made
}

fn accessions(cache: &Cache) -> BTreeSet<String> {
    let found = cache.expected_orders("", 100_000).unwrap();
    let accessions: BTreeSet<String> =
        found.orders.iter().map(|known| known.order.accession.clone()).collect();
    assert_eq!(accessions.len(), found.total, "each once");
    accessions
}

fn orders_come_in_pages_and_changes_after_them(server: &Server) {
    let _alone = crate::alone_with_tasks();
    server.fill();
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let asking = inbound(&cache, &server.base, &server.mine);
    let came = ask(&asking).unwrap();
    assert_eq!((came.new, came.gone), (ORDERS as u64, 0));
    assert_eq!(accessions(&cache).len(), ORDERS);
    let one = cache.expected_orders("doe a229 head", 10).unwrap().orders.remove(0).order;
    assert_eq!(
        (one.procedure.as_str(), one.reason.as_str(), one.requester.as_str()),
        ("CT of the head", "Headache", "Dr. House")
    );
    assert_eq!(
        (one.patient.id.as_str(), one.patient.name.as_str()),
        (server.patient_id.as_str(), "Doe^Jane")
    );
    assert_eq!((one.priority, one.accession.as_str()), (Some(Priority::Urgent), "A229"));
    // Nothing new: nothing is written, and no event says that data came in.
    let before = cache.audit_position().unwrap().sequence;
    assert!(!ask(&asking).unwrap().any());
    assert_eq!(cache.audit_position().unwrap().sequence, before);
    // One is called off, and one is given to somebody.
    let place = server.place(3);
    let mut revoked = server.request(3, "revoked");
    revoked["id"] = json!(place.rsplit('/').next());
    assert_eq!(curl("PUT", &format!("{}/{place}", server.base), Some(&revoked)).0, 200);
    let given = server.place(4);
    let task = json!({"resourceType": "Task", "status": "accepted", "intent": "order", "priority": "stat",
        "focus": {"reference": given}, "owner": {"display": "Dr. Y"}, "for": {"reference": server.patient},
        "restriction": {"period": {"end": "2026-11-23T12:00:00Z"}}});
    make(&server.base, &task);
    let came = ask(&asking).unwrap();
    assert_eq!((came.changed, came.new), (1, 1));
    assert!(!accessions(&cache).contains("A3"));
    let first = cache.expected_orders("", 10).unwrap().orders.remove(0);
    assert_eq!((first.order.accession.as_str(), first.priority()), ("A4", Some(Priority::Stat)));
    assert_eq!(first.task.as_ref().unwrap().owner, "Dr. Y");
    assert_eq!(first.order.status, OrderStatus::Open);
    assert_eq!(first.due_at().unwrap().iso(), "2026-11-23T12:00:00.000Z");
    // The task is deleted: nobody has the order any more.
    let task = first.task.unwrap().place;
    assert!((200..300).contains(&curl("DELETE", &format!("{}/{task}", server.base), None).0));
    assert_eq!(ask(&asking).unwrap().changed, 1);
    let again = cache.expected_orders("", 1000).unwrap().orders;
    assert!(again.iter().all(|known| known.task.is_none()));
}

#[test]
fn orders_come_from_medplum_in_pages_and_changes_after_them() {
    let Some(peer) = peers::medplum() else { return };
    orders_come_in_pages_and_changes_after_them(&Server::new(&peer, "/fhir", "pages"));
}

#[test]
fn orders_come_from_helios_in_pages_and_changes_after_them() {
    let (_one, Some(peer)) = (alone(), peers::helios()) else { return };
    orders_come_in_pages_and_changes_after_them(&Server::new(&peer, "", "pages"));
}

fn a_deleted_order_is_no_longer_expected(server: &Server) {
    for n in 0..3 {
        make(&server.base, &server.request(n, "active"));
    }
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let asking = inbound(&cache, &server.base, &server.mine);
    ask(&asking).unwrap();
    let place = server.place(1);
    let (status, _) = curl("DELETE", &format!("{}/{place}", server.base), None);
    assert!((200..300).contains(&status));
    assert_eq!(ask(&asking).unwrap().gone, 1);
    assert_eq!(accessions(&cache), BTreeSet::from(["A0".to_owned(), "A2".to_owned()]));
}

#[test]
fn an_order_that_medplum_deleted_is_no_longer_expected() {
    let Some(peer) = peers::medplum() else { return };
    a_deleted_order_is_no_longer_expected(&Server::new(&peer, "/fhir", "deleted"));
}

#[test]
fn an_order_that_helios_deleted_is_no_longer_expected() {
    let (_one, Some(peer)) = (alone(), peers::helios()) else { return };
    a_deleted_order_is_no_longer_expected(&Server::new(&peer, "", "deleted"));
}

fn earlier_reports_come_with_their_words_and_their_state(server: &Server) {
    let report = |status: &str, conclusion: &str, subject: &Value| {
        json!({"resourceType": "DiagnosticReport", "status": status, "code": {"text": "CT of the head"},
            "subject": subject, "conclusion": conclusion, "issued": "2025-03-01T10:00:00Z",
            "effectiveDateTime": "2025-03-01", "performer": [{"display": "Dr. X"}]})
    };
    let mine = json!({"reference": server.patient});
    let other = make(
        &server.base,
        &json!({"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": format!("{}x", server.patient_id)}]}),
    );
    let first = make(&server.base, &report("final", "No bleeding.", &mine));
    let second = make(&server.base, &report("final", "Small infarct.", &mine));
    make(
        &server.base,
        &report(
            "final",
            "Somebody else.",
            &json!({"reference": format!("Patient/{}", other["id"].as_str().unwrap())}),
        ),
    );
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let asking = inbound(&cache, &server.base, &server.mine);
    assert_eq!(ask_reports(&asking, &server.patient_id).unwrap().new, 2);
    let found = cache.server_reports(&server.patient_id).unwrap();
    let words: BTreeSet<&str> = found.iter().map(|known| known.said.text.as_str()).collect();
    assert_eq!(words, BTreeSet::from(["No bleeding.", "Small infarct."]));
    assert_eq!((found[0].said.performer.as_str(), found[0].said.effective.as_str()), ("Dr. X", "2025-03-01"));
    // One is withdrawn, one is taken away.
    let mut wrong = report("entered-in-error", "No bleeding.", &mine);
    wrong["id"] = first["id"].clone();
    let at = |made: &Value| format!("{}/DiagnosticReport/{}", server.base, made["id"].as_str().unwrap());
    assert_eq!(curl("PUT", &at(&first), Some(&wrong)).0, 200);
    assert!((200..300).contains(&curl("DELETE", &at(&second), None).0));
    let came = ask_reports(&asking, &server.patient_id).unwrap();
    assert_eq!((came.changed, came.gone), (1, 1));
    let found = cache.server_reports(&server.patient_id).unwrap();
    let state = |words: &str| {
        let known = found.iter().find(|known| known.said.text == words).unwrap();
        (known.said.is_withdrawn(), known.gone)
    };
    assert_eq!((state("No bleeding."), state("Small infarct.")), ((true, false), (false, true)));
}

#[test]
fn earlier_reports_come_from_medplum_with_their_words_and_their_state() {
    let Some(peer) = peers::medplum() else { return };
    earlier_reports_come_with_their_words_and_their_state(&Server::new(&peer, "/fhir", "reports"));
}

#[test]
fn earlier_reports_come_from_helios_with_their_words_and_their_state() {
    let (_one, Some(peer)) = (alone(), peers::helios()) else { return };
    earlier_reports_come_with_their_words_and_their_state(&Server::new(&peer, "", "reports"));
}

const CHILD: &str = "MEDSIGHT_INBOUND_CHILD";

/// Not a test by itself: the program that is killed while it reads pages.
#[test]
fn what_is_read_until_it_is_killed() {
    let Ok(job) = std::env::var(CHILD) else { return };
    let words: Vec<&str> = job.split(' ').collect();
    let [folder, url, only] = words[..] else { panic!("a job") };
    let cache = cache(Path::new(folder), 0, 1);
    let _killed = ask(&inbound(&cache, url, only));
}

fn killed_in_the_middle_it_goes_on_where_it_was(server: &Server) {
    server.fill();
    let folder = tempdir().unwrap();
    let (pages, hang) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let (count, holds) = (Arc::clone(&pages), Arc::clone(&hang));
    let proxy = Proxy::before(server.port, move |head| {
        let is_second = head.starts_with("GET")
            && head.contains("ServiceRequest?")
            && !head.contains("_sort=-")
            && count.fetch_add(1, Ordering::SeqCst) >= 1;
        if is_second && holds.load(Ordering::SeqCst) {
            Fault::Hang(Duration::from_secs(30))
        } else {
            Fault::None
        }
    });
    // Helios names its own address in its links, and our child would not follow them past the proxy.
    let url = format!("http://127.0.0.1:{}{}", proxy.port, server.path);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "real::what_is_read_until_it_is_killed", "--nocapture"])
        .env(CHILD, format!("{} {url} {}", folder.path().display(), server.mine))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..600 {
        if pages.load(Ordering::SeqCst) >= 2 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    hang.store(false, Ordering::SeqCst);
    let cache = cache(folder.path(), 0, 1);
    assert_eq!(accessions(&cache).len(), 100, "the page that was kept");
    let of = AskedOf { source: "ris".into(), feed: "orders".into() };
    let asking = cache.asking(&of).unwrap();
    assert!(asking.progress.is_some() && asking.mark.is_none());
    let before = proxy.requests().len();
    ask(&inbound(&cache, &url, &server.mine)).unwrap();
    let from = format!("_lastUpdated=ge{}", asking.progress.unwrap().iso());
    let first = proxy.requests().split_off(before).remove(0);
    assert!(first.contains(&from), "{first}: {from}");
    assert!(first.contains(TOKEN));
    assert_eq!(accessions(&cache).len(), ORDERS);
    let asking = cache.asking(&of).unwrap();
    assert!(asking.progress.is_none() && asking.mark.is_some());
}

#[test]
fn who_is_killed_while_medplum_tells_its_orders_goes_on_where_it_was() {
    let Some(peer) = peers::medplum() else { return };
    killed_in_the_middle_it_goes_on_where_it_was(&Server::new(&peer, "/fhir", "killed"));
}

#[test]
fn who_is_killed_while_helios_tells_its_orders_goes_on_where_it_was() {
    let (_one, Some(peer)) = (alone(), peers::helios()) else { return };
    killed_in_the_middle_it_goes_on_where_it_was(&Server::new(&peer, "", "killed"));
}
