//! What two real FHIR servers hold after readers have measured, reported and changed their minds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod peers;

use medsight_record::report::rules::SignAct;
use medsight_record::report::{CriticalResult, ReportId, Urgency};
use medsight_record::{ReadState, RecordCommand};
use peers::bed::*;
use peers::proxy::{Fault, Proxy};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// One test at a time asks the servers: Helios in memory locks its tables against all others while it writes.
static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Both servers, with their base and port.
fn servers() -> Vec<(String, u16, Arc<peers::Peer>)> {
    let medplum =
        peers::medplum().map(|peer| (format!("http://127.0.0.1:{}/fhir", peer.port), peer.port, peer));
    let helios = peers::helios().map(|peer| (format!("http://127.0.0.1:{}", peer.port), peer.port, peer));
    medplum.into_iter().chain(helios).collect()
}

fn good(swept: &[medsight_sync::Swept], sent: u64) {
    for one in swept {
        assert!(one.trouble.is_none(), "{:?}", one.trouble);
        assert_eq!((one.sent, one.refused, one.again), (sent, 0, 0), "{}", one.destination);
    }
}

fn stuck(engine: &medsight_sync::Engine) -> Vec<(String, String)> {
    let status = engine.status().unwrap().remove(0);
    status.stuck.into_iter().map(|stuck| (stuck.state, format!("{}: {}", stuck.code, stuck.words))).collect()
}

#[test]
fn a_measurement_is_at_the_server_once_and_changes_there_when_it_changes_here() {
    let _alone = alone();
    for (at, (base, _, _peer)) in servers().into_iter().enumerate() {
        let seed = 1000 + at as u64;
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 2, seed);
        let engine = engine(&cache, vec![fhir("server", &base, FINDINGS, "")], bearer(TOKEN));
        let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
        draw(&cache, &length(&study(seed, 0), first, 12.5));
        draw(&cache, &length(&study(seed, 0), second, 99.0));
        draw(&cache, &length(&study(seed, 0), first, 13.0));
        let swept = sweep(&engine);
        assert_eq!(stuck(&engine), []);
        good(&swept, 3);
        let found = named(&base, "Observation", first);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["valueQuantity"]["value"].as_f64(), Some(13.0));
        assert_eq!(found[0]["valueQuantity"]["code"], "mm");
        assert_eq!(found[0]["method"]["coding"][0]["code"], "PIXEL_SPACING");
        assert_eq!(found[0]["code"]["coding"][0]["code"], "410668003");
        let imaging = found[0]["partOf"][0]["reference"].as_str().unwrap().to_owned();
        let (status, imaging) = curl("GET", &format!("{base}/{imaging}"), None);
        assert_eq!(status, 200);
        assert_eq!(imaging["identifier"][0]["value"], format!("urn:oid:{}", study(seed, 0)));
        let patient = imaging["subject"]["reference"].as_str().unwrap().to_owned();
        let (_, patient) = curl("GET", &format!("{base}/{patient}"), None);
        let kept = cache.study(&study(seed, 0)).unwrap().unwrap();
        assert_eq!(patient["identifier"][0]["value"], kept.patient.id);

        draw(&cache, &length(&study(seed, 0), first, 14.0));
        let remove = RecordCommand::RemoveAnnotation {
            study: study(seed, 0),
            id: medsight_record::AnnotationId(second),
        };
        cache.apply(&remove, "rita", now()).unwrap();
        good(&sweep(&engine), 2);
        let found = named(&base, "Observation", first);
        assert_eq!((found.len(), found[0]["valueQuantity"]["value"].as_f64()), (1, Some(14.0)));
        assert_eq!(found[0]["status"], "amended");
        assert_eq!(named(&base, "Observation", second)[0]["status"], "entered-in-error");
        let uid = format!("ImagingStudy?identifier=urn:dicom:uid%7Curn:oid:{}", study(seed, 0));
        assert_eq!(search(&base, &uid).len(), 1, "the study is there once");
        good(&sweep(&engine), 0);
        assert_eq!(cache.outbox_status(engine.rules()).unwrap()[0].waiting, 0);
        assert!(cache.verify_audit().unwrap().is_ok());
    }
}

#[test]
fn a_signed_report_its_addendum_who_signed_and_who_was_told_are_at_the_server() {
    let _alone = alone();
    for (at, (base, _, _peer)) in servers().into_iter().enumerate() {
        let seed = 2000 + at as u64;
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1, seed);
        let engine = engine(&cache, vec![fhir("server", &base, FINDINGS, "")], bearer(TOKEN));
        let (id, of) = (ReportId(Uuid::new_v4()), study(seed, 0));
        assert_eq!(sign(&cache, &of, id, 0, "A node of 12 mm.", &SignAct::Final), 1);
        let told = CriticalResult {
            id: Uuid::new_v4(),
            result: "Pneumothorax".into(),
            urgency: Urgency::Minutes,
            told: "Dr. Ward".into(),
            by_way_of: "phone".into(),
            told_at: now(),
            is_read_back: true,
        };
        let tell = RecordCommand::TellCritical { report: id, result: Box::new(told.clone()) };
        cache.apply(&tell, "rita", now()).unwrap();
        let state = RecordCommand::SetReadState { study: of.clone(), state: ReadState::Final };
        cache.apply(&state, "rita", now()).unwrap();
        let swept = sweep(&engine);
        assert_eq!(stuck(&engine), []);
        good(&swept, 3);
        let found = named(&base, "DiagnosticReport", id.0);
        assert_eq!((found.len(), &found[0]["status"]), (1, &json!("final")));
        assert_eq!(found[0]["conclusion"], "A node of 12 mm.");
        assert_eq!(found[0]["resultsInterpreter"][0]["display"], "Dr. Rita");
        assert_eq!(named(&base, "Communication", told.id).len(), 1);
        assert_eq!(cache.study(&of).unwrap().unwrap().state, ReadState::Final);

        let addendum = SignAct::Addendum { text: "Compared with 2024: unchanged.".into() };
        assert_eq!(sign(&cache, &of, id, 1, "", &addendum), 2);
        good(&sweep(&engine), 1);
        let found = named(&base, "DiagnosticReport", id.0);
        assert_eq!((found.len(), &found[0]["status"]), (1, &json!("appended")));
        let place = format!("DiagnosticReport/{}", found[0]["id"].as_str().unwrap());
        let signed: Vec<Value> = search(&base, "Provenance?_count=1000")
            .into_iter()
            .filter(|provenance| provenance["target"][0]["reference"].as_str() == Some(&place))
            .collect();
        assert_eq!(signed.len(), 2, "each version says who signed it");
    }
}

#[test]
fn what_somebody_else_changed_meanwhile_is_kept_there_and_shown_here() {
    let _alone = alone();
    for (at, (base, _, _peer)) in servers().into_iter().enumerate() {
        let seed = 3000 + at as u64;
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1, seed);
        let engine = engine(&cache, vec![fhir("server", &base, FINDINGS, "")], bearer(TOKEN));
        let (id, of) = (ReportId(Uuid::new_v4()), study(seed, 0));
        sign(&cache, &of, id, 0, "Ours.", &SignAct::Final);
        good(&sweep(&engine), 1);
        let mut theirs = named(&base, "DiagnosticReport", id.0).remove(0);
        theirs["conclusion"] = json!("Theirs.");
        let place = format!("{base}/DiagnosticReport/{}", theirs["id"].as_str().unwrap());
        assert_eq!(curl("PUT", &place, Some(&theirs)).0, 200);

        sign(&cache, &of, id, 1, "Ours, changed.", &SignAct::Amend { reason: "A slip.".into() });
        // What is behind it in the same study goes on.
        draw(&cache, &length(&of, Uuid::new_v4(), 5.0));
        let swept = sweep(&engine).remove(0);
        assert_eq!((swept.sent, swept.refused), (1, 1), "{:?} {:?}", swept.trouble, stuck(&engine));
        assert_eq!(curl("GET", &place, None).1["conclusion"], "Theirs.");
        let status = engine.status().unwrap().remove(0);
        assert_eq!(status.stuck[0].state, "conflict");
        assert!(status.stuck[0].theirs.as_ref().unwrap().contains("Theirs."));
        assert_eq!(cache.report(id).unwrap().version(), 2, "ours is kept too");
    }
}

#[test]
fn an_answer_that_is_lost_after_the_server_has_done_it_has_no_second_effect() {
    let _alone = alone();
    for (at, (base, port, _peer)) in servers().into_iter().enumerate() {
        for fault in [Fault::LoseAnswer, Fault::HalfAnswer, Fault::CutRequest, Fault::Gone] {
            let seed = 4000 + at as u64 * 10 + fault_number(fault);
            let folder = tempfile::tempdir().unwrap();
            let cache = cache(folder.path(), 1, seed);
            let armed = Arc::new(AtomicBool::new(false));
            let is_armed = Arc::clone(&armed);
            // The next transaction is hit, and no other.
            let proxy = Proxy::before(port, move |head| {
                let hit = head.starts_with("POST") && is_armed.swap(false, Ordering::SeqCst);
                if hit { fault } else { Fault::None }
            });
            let through = base.replace(&port.to_string(), &proxy.port.to_string());
            let engine = engine(&cache, vec![fhir("server", &through, FINDINGS, "")], bearer(TOKEN));
            let id = Uuid::new_v4();
            for (round, mm) in [10.0, 11.0, 12.0].into_iter().enumerate() {
                draw(&cache, &length(&study(seed, 0), id, mm));
                armed.store(true, Ordering::SeqCst);
                let lost = sweep(&engine).remove(0);
                assert!(lost.trouble.is_some(), "{fault:?}");
                let swept = sweep(&engine);
                assert_eq!(stuck(&engine), [], "{fault:?} round {round}");
                good(&swept, 1);
                let found = named(&base, "Observation", id);
                assert_eq!((found.len(), found[0]["valueQuantity"]["value"].as_f64()), (1, Some(mm)));
            }
            // A change that comes before the answer of the one before is known.
            draw(&cache, &length(&study(seed, 0), id, 13.0));
            armed.store(true, Ordering::SeqCst);
            assert!(sweep(&engine)[0].trouble.is_some());
            draw(&cache, &length(&study(seed, 0), id, 14.0));
            let swept = sweep(&engine);
            assert_eq!(stuck(&engine), [], "{fault:?}");
            good(&swept, 2);
            let found = named(&base, "Observation", id);
            assert_eq!((found.len(), found[0]["valueQuantity"]["value"].as_f64()), (1, Some(14.0)));
        }
    }
}

fn fault_number(fault: Fault) -> u64 {
    match fault {
        Fault::LoseAnswer => 1,
        Fault::HalfAnswer => 2,
        Fault::CutRequest => 3,
        _ => 4,
    }
}

#[test]
fn one_bad_entry_among_many_is_the_only_one_that_is_left() {
    let _alone = alone();
    for (at, (base, _, _peer)) in servers().into_iter().enumerate() {
        let seed = 5000 + at as u64;
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1, seed);
        let engine = engine(&cache, vec![fhir("server", &base, FINDINGS, "")], bearer(TOKEN));
        let bad = Uuid::new_v4();
        let mut all = Vec::new();
        for n in 0..20 {
            let id = if n == 7 { bad } else { Uuid::new_v4() };
            let mut annotation = length(&study(seed, 0), id, f64::from(n));
            if n == 7 {
                // FHIR has no empty strings: every server refuses one.
                annotation.kind = medsight_record::AnnotationKind::Text { text: String::new() };
                let medsight_record::Place::Image { points_px, .. } = &mut annotation.place else { panic!() };
                points_px.truncate(1);
            }
            draw(&cache, &annotation);
            all.push(id);
        }
        let swept = sweep(&engine).remove(0);
        assert_eq!((swept.sent, swept.refused), (19, 1), "{:?} {:?}", swept.trouble, stuck(&engine));
        for id in all {
            assert_eq!(named(&base, "Observation", id).len(), usize::from(id != bad));
        }
        assert_eq!(stuck(&engine).len(), 1);
    }
}

#[test]
fn a_wrong_token_stops_everything_and_loses_nothing() {
    let Some(peer) = peers::medplum() else { return };
    let base = format!("http://127.0.0.1:{}/fhir", peer.port);
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), 1, 6000);
    draw(&cache, &length(&study(6000, 0), Uuid::new_v4(), 1.0));
    let wrong = engine(&cache, vec![fhir("server", &base, FINDINGS, "")], bearer("wrong"));
    let swept = sweep(&wrong).remove(0);
    assert_eq!(swept.trouble.unwrap().code(), "sync.sign-in");
    let status = wrong.status().unwrap().remove(0);
    assert_eq!((status.waiting, status.failing.unwrap().code.as_str()), (1, "sync.sign-in"));
    let right = engine(&cache, vec![fhir("server", &base, FINDINGS, "")], bearer(TOKEN));
    good(&sweep(&right), 1);
    assert!(right.status().unwrap()[0].failing.is_none());
}

#[test]
fn a_server_that_sends_us_elsewhere_gets_no_second_request_and_the_other_no_token() {
    let elsewhere = Proxy::before(1, |_| Fault::Status(200, 0));
    let target = elsewhere.port;
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut client in listener.incoming().flatten() {
            let mut bytes = [0; 65_536];
            let _read = client.read(&mut bytes);
            let answer = format!(
                "HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:{target}/fhir\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _gone = client.write_all(answer.as_bytes());
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), 1, 7000);
    draw(&cache, &length(&study(7000, 0), Uuid::new_v4(), 1.0));
    let url = format!("http://127.0.0.1:{port}/fhir");
    let engine = engine(&cache, vec![fhir("server", &url, FINDINGS, "")], bearer("planted-secret"));
    assert_eq!(sweep(&engine)[0].trouble.as_ref().unwrap().code(), "sync.redirected");
    assert!(elsewhere.requests().is_empty(), "the other host was asked nothing");
}

#[test]
fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let busy = Proxy::before(1, |_| Fault::Status(429, 120));
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), 1, 8000);
    draw(&cache, &length(&study(8000, 0), Uuid::new_v4(), 1.0));
    let url = format!("http://127.0.0.1:{}/fhir", busy.port);
    let engine = engine(&cache, vec![fhir("server", &url, FINDINGS, "")], bearer(TOKEN));
    assert_eq!(sweep(&engine)[0].trouble.as_ref().unwrap().code(), "sync.busy");
    let failing = engine.status().unwrap().remove(0).failing.unwrap();
    let asked = failing.next_try.unwrap().0 - failing.since.0;
    assert!((119_000..=123_000).contains(&asked), "{asked} ms");
    assert_eq!(busy.requests().len(), 1);
}

#[test]
fn neither_token_nor_name_is_in_a_file_a_reason_or_an_error() {
    // It refuses everything and says why in words that quote what was sent.
    let refusing = Proxy::before(1, |_| Fault::Status(422, 0));
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), 1, 8500);
    let kept = cache.study(&study(8500, 0)).unwrap().unwrap();
    draw(&cache, &length(&study(8500, 0), Uuid::new_v4(), 1.0));
    let url = format!("http://127.0.0.1:{}/fhir", refusing.port);
    let engine = engine(&cache, vec![fhir("server", &url, FINDINGS, "")], bearer("planted-secret-4711"));
    let swept = sweep(&engine).remove(0);
    assert_eq!(swept.refused, 1);
    let told = format!("{swept:?} {:?} {engine:?}", engine.status().unwrap());
    let family = kept.patient.name.split('^').next().unwrap().to_owned();
    assert!(!told.contains("planted-secret"), "{told}");
    assert!(!told.contains(&family), "{told}");
    drop(engine);
    drop(cache);
    let mut folders = vec![folder.path().to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            for planted in ["planted-secret", family.as_str()] {
                let found = bytes.windows(planted.len()).any(|window| window == planted.as_bytes());
                assert!(!found, "{planted} is readable in {}", path.display());
            }
        }
    }
}
