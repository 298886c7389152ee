//! DIMSE against dcmtk's own servers and tools: nobody on this project wrote the other side.
#![allow(clippy::unwrap_used, reason = "tests")]

mod peers;

use medsight_dicom::{same_object, tags};
use medsight_pacs::node::Tls;
use medsight_pacs::{
    Allowed, CancellationToken, Event, Keys, Level, ListenSettings, NetError, Outcome, Patience, Plan, Query,
    Remote, Retrieval, Source, Urgency, Wanted,
};
use peers::{MemorySink, ct_series, dcmqrscp, folder, free_port, node, program, skipped, storescp};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

const ONCE: Patience = Patience { retry_for: Duration::ZERO };

fn sources(files: &[PathBuf]) -> Vec<Source> {
    files.iter().cloned().map(Source::File).collect()
}

fn received(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("in")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_said_at_once_and_is_no_rejection() {
    let error = medsight_pacs::echo(&node("X", free_port()), &CancellationToken::new()).await.unwrap_err();
    assert!(error.is_unreachable() && matches!(error, NetError::Unreachable { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_to_storescp_arrives_value_for_value_in_the_syntax_it_is_stored_in() {
    let folder = folder();
    let Some(peer) = storescp(folder.path(), free_port(), &["+B", "-pdu", "16384"]) else { return };
    let (files, _) = ct_series(&folder.path().join("ct"), 20, 128, 101);
    medsight_pacs::echo(&peer.node("STORESCP"), &CancellationToken::new()).await.unwrap();
    let cancel = CancellationToken::new();
    let report =
        medsight_pacs::send(&peer.node("STORESCP"), &sources(&files), ONCE, &cancel, |_, _| {}).await;
    assert!(report.error.is_none(), "{:?}", report.error);
    assert!(report.deliveries.iter().all(|d| d.outcome == Outcome::Stored), "{:?}", report.deliveries);
    let there = received(folder.path());
    assert_eq!(there.len(), 20);
    for file in there {
        let got = std::fs::read(&file).unwrap();
        assert!(
            files.iter().any(|sent| same_object(&std::fs::read(sent).unwrap(), &got)),
            "{}",
            file.display()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_syntax_that_the_peer_refuses_is_named_and_nothing_is_transcoded() {
    let folder = folder();
    let Some(peer) = storescp(folder.path(), free_port(), &["+xi"]) else { return };
    let (files, _) = ct_series(&folder.path().join("ct"), 2, 64, 102);
    let cancel = CancellationToken::new();
    let report =
        medsight_pacs::send(&peer.node("STORESCP"), &sources(&files), ONCE, &cancel, |_, _| {}).await;
    for delivery in &report.deliveries {
        let Outcome::SyntaxRefused { transfer_syntax, .. } = &delivery.outcome else {
            panic!("{delivery:?}")
        };
        assert_eq!(transfer_syntax, "1.2.840.10008.1.2.1");
    }
    assert_eq!(received(folder.path()).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_study_is_found_at_every_level_and_comes_back_by_c_get() {
    let folder = folder();
    let Some(peer) = dcmqrscp(folder.path(), free_port(), free_port()) else { return };
    let to = peer.node("DCMQR");
    let (files, study) = ct_series(&folder.path().join("ct"), 12, 64, 103);
    let cancel = CancellationToken::new();
    let sent = medsight_pacs::send(&to, &sources(&files), ONCE, &cancel, |_, _| {}).await;
    assert!(sent.error.is_none() && sent.deliveries.iter().all(|d| d.outcome == Outcome::Stored), "{sent:?}");

    for (level, keys, count) in [
        (Level::Patient, Keys::new().matching(tags::PATIENT_ID, "NET1"), 1),
        (Level::Study, Keys::new().matching(tags::PATIENT_NAME, "Test*"), 1),
        (Level::Series, Keys::new().matching(tags::STUDY_INSTANCE_UID, &study), 1),
        (
            Level::Image,
            Keys::new()
                .matching(tags::STUDY_INSTANCE_UID, &study)
                .matching(tags::SERIES_INSTANCE_UID, &format!("{study}.1")),
            12,
        ),
        (Level::Study, Keys::new().matching(tags::PATIENT_ID, "NOBODY"), 0),
    ] {
        let mut rows = Vec::new();
        let query = Query::new(level, keys);
        let all = medsight_pacs::find(&to, &query, &cancel, |row| {
            rows.push(row);
            true
        });
        assert!(all.await.unwrap());
        assert_eq!(rows.len(), count, "{level:?}");
    }

    let sink = Arc::new(MemorySink::default());
    let got = medsight_pacs::get(&to, &Wanted::study(&study), &[], sink.clone(), &cancel).await;
    assert!(got.error.is_none(), "{:?}", got.error);
    assert_eq!((got.told.completed, got.kept.new), (12, 12));
    for sent in &files {
        let sent = std::fs::read(sent).unwrap();
        assert!(sink.files.lock().unwrap().values().any(|got| same_object(got, &sent)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_stopped_at_the_peer_when_enough_was_found() {
    let folder = folder();
    let Some(peer) = dcmqrscp(folder.path(), free_port(), free_port()) else { return };
    let to = peer.node("DCMQR");
    let (files, study) = ct_series(&folder.path().join("ct"), 30, 16, 104);
    let cancel = CancellationToken::new();
    medsight_pacs::send(&to, &sources(&files), ONCE, &cancel, |_, _| {}).await;
    let keys = Keys::new()
        .matching(tags::STUDY_INSTANCE_UID, &study)
        .matching(tags::SERIES_INSTANCE_UID, &format!("{study}.1"));
    let mut count = 0;
    let query = Query::new(Level::Image, keys);
    let all = medsight_pacs::find(&to, &query, &cancel, |_| {
        count += 1;
        count < 3
    });
    assert!(!all.await.unwrap());
    assert_eq!(count, 3);
    medsight_pacs::echo(&to, &cancel).await.unwrap();
}

fn listener(port: u16, tls: Option<Tls>) -> ListenSettings {
    ListenSettings {
        own_ae: "WORKSTATION".into(),
        address: ([127, 0, 0, 1], port).into(),
        tls,
        peers: vec![
            Allowed { calling_ae: "DCMQR".into(), address: None },
            Allowed { calling_ae: "MODALITY".into(), address: Some([127, 0, 0, 1].into()) },
            Allowed { calling_ae: "ELSEWHERE".into(), address: Some([10, 9, 8, 7].into()) },
        ],
        most_associations: 4,
        idle_s: 10,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c_move_brings_a_study_to_our_own_listener() {
    let folder = folder();
    let ours = free_port();
    let Some(peer) = dcmqrscp(folder.path(), free_port(), ours) else { return };
    let to = peer.node("DCMQR");
    let (files, study) = ct_series(&folder.path().join("ct"), 8, 64, 105);
    let cancel = CancellationToken::new();
    medsight_pacs::send(&to, &sources(&files), ONCE, &cancel, |_, _| {}).await;
    let sink = Arc::new(MemorySink::default());
    let (events, mut happened) = mpsc::channel(100);
    let stop = CancellationToken::new();
    let listening =
        tokio::spawn(medsight_pacs::listen(listener(ours, None), sink.clone(), events, stop.clone()));
    assert!(matches!(happened.recv().await, Some(Event::Listening { .. })));
    let moved = medsight_pacs::move_to(&to, &Wanted::study(&study), "WORKSTATION", &cancel, |_| {}).await;
    assert!(moved.error.is_none(), "{:?}", moved.error);
    assert_eq!((moved.told.completed, moved.told.failed), (8, 0));
    stop.cancel();
    drop(happened);
    assert_eq!(listening.await.unwrap().unwrap().new, 8);
    let error = medsight_pacs::move_to(&to, &Wanted::study(&study), "NOBODY", &cancel, |_| {}).await.error;
    assert!(matches!(error, Some(NetError::Failed { operation: "C-MOVE", .. })), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_peers_of_the_list_that_call_us_by_our_name_may_send() {
    let folder = folder();
    let (Some(storescu), Some(echoscu)) = (program("storescu"), program("echoscu")) else { return };
    let (files, _) = ct_series(&folder.path().join("ct"), 3, 64, 106);
    let port = free_port();
    let sink = Arc::new(MemorySink::default());
    let (events, mut happened) = mpsc::channel(100);
    let stop = CancellationToken::new();
    let listening =
        tokio::spawn(medsight_pacs::listen(listener(port, None), sink.clone(), events, stop.clone()));
    assert!(matches!(happened.recv().await, Some(Event::Listening { .. })));
    let port = port.to_string();
    let try_it = |program: &Path, calling: &str, called: &str, files: &[PathBuf]| {
        let mut command = Command::new(program);
        command.args(["-aet", calling, "-aec", called, "127.0.0.1", &port]).args(files);
        command.output().unwrap().status.success()
    };
    assert!(try_it(&echoscu, "MODALITY", "WORKSTATION", &[]));
    assert!(!try_it(&echoscu, "STRANGER", "WORKSTATION", &[]));
    assert!(!try_it(&echoscu, "ELSEWHERE", "WORKSTATION", &[]));
    assert!(!try_it(&echoscu, "MODALITY", "SOMEONE", &[]));
    assert!(!try_it(&storescu, "STRANGER", "WORKSTATION", &files));
    assert!(try_it(&storescu, "MODALITY", "WORKSTATION", &files));
    stop.cancel();
    drop(happened);
    assert_eq!(listening.await.unwrap().unwrap().new, 3);
    for sent in &files {
        let sent = std::fs::read(sent).unwrap();
        assert!(sink.files.lock().unwrap().values().any(|got| same_object(got, &sent)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_without_a_trusted_certificate_gets_no_connection() {
    let folder = folder();
    let Some(storescu) = program("storescu") else { return };
    let Some(pki) = peers::pki(folder.path()) else { return skipped("no test certificates") };
    let file = |name: &str| Some(pki.join(name));
    let ours = Tls {
        authorities: file("ca.crt"),
        certificate: file("server.crt"),
        key: file("server.key"),
        server_name: None,
    };
    let (files, _) = ct_series(&folder.path().join("ct"), 2, 64, 107);
    let port = free_port();
    let sink = Arc::new(MemorySink::default());
    let (events, mut happened) = mpsc::channel(100);
    let stop = CancellationToken::new();
    let listening =
        tokio::spawn(medsight_pacs::listen(listener(port, Some(ours)), sink, events, stop.clone()));
    assert!(matches!(happened.recv().await, Some(Event::Listening { .. })));
    let send_as = |who: &str| {
        let mut command = Command::new(&storescu);
        command.args(["-aet", "MODALITY", "-aec", "WORKSTATION", "+tls"]);
        command.arg(pki.join(format!("{who}.key"))).arg(pki.join(format!("{who}.crt")));
        command.arg("+cf").arg(pki.join("ca.crt")).args(["127.0.0.1", &port.to_string()]).args(&files);
        command.output().unwrap().status.success()
    };
    assert!(send_as("modality"));
    assert!(!send_as("stranger"));
    stop.cancel();
    drop(happened);
    assert_eq!(listening.await.unwrap().unwrap().new, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn dcmtk_takes_our_certificate_and_we_refuse_one_of_another_name() {
    let folder = folder();
    let Some(pki) = peers::pki(folder.path()) else { return skipped("no test certificates") };
    let (key, crt, ca) = (pki.join("server.key"), pki.join("server.crt"), pki.join("ca.crt"));
    let more = ["+tls", key.to_str().unwrap(), crt.to_str().unwrap(), "+cf", ca.to_str().unwrap(), "+px"];
    let Some(peer) = storescp(folder.path(), free_port(), &more) else { return };
    let mut to = peer.node("STORESCP");
    let tls = |who: &str, name: Option<&str>| {
        Some(Tls {
            authorities: Some(ca.clone()),
            certificate: Some(pki.join(format!("{who}.crt"))),
            key: Some(pki.join(format!("{who}.key"))),
            server_name: name.map(str::to_owned),
        })
    };
    let (files, _) = ct_series(&folder.path().join("ct"), 5, 128, 108);
    let cancel = CancellationToken::new();
    to.tls = tls("workstation", None);
    let report = medsight_pacs::send(&to, &sources(&files), ONCE, &cancel, |_, _| {}).await;
    assert!(report.error.is_none() && received(folder.path()).len() == 5, "{report:?}");
    to.tls = tls("workstation", Some("elsewhere.test"));
    assert!(matches!(medsight_pacs::echo(&to, &cancel).await, Err(NetError::Tls { .. })));
    to.tls = tls("stranger", None);
    assert!(medsight_pacs::echo(&to, &cancel).await.is_err());
    to.tls = None;
    assert!(medsight_pacs::echo(&to, &cancel).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_killed_in_the_middle_of_our_sending_gets_the_rest_when_it_is_back() {
    let folder = folder();
    let port = free_port();
    let Some(mut peer) = dcmqrscp(folder.path(), port, free_port()) else { return };
    let (files, study) = ct_series(&folder.path().join("ct"), 120, 256, 109);
    let cancel = CancellationToken::new();
    let (done, mut at) = mpsc::unbounded_channel();
    let to = peer.node("DCMQR");
    let all = sources(&files);
    let patience = Patience { retry_for: Duration::from_secs(30) };
    let sending = tokio::spawn(async move {
        medsight_pacs::send(&to, &all, patience, &cancel, |count, _| {
            let _gone = done.send(count);
        })
        .await
    });
    while at.recv().await.unwrap() < 30 {}
    kill_family(&mut peer);
    tokio::time::sleep(Duration::from_millis(700)).await;
    let peer = dcmqrscp(folder.path(), port, free_port()).unwrap();
    let report = sending.await.unwrap();
    assert!(report.error.is_none(), "{:?}", report.error);
    assert!(report.resumed >= 1, "the test killed nothing");
    assert!(report.deliveries.iter().all(|d| d.outcome == Outcome::Stored));
    let keys = Keys::new()
        .matching(tags::STUDY_INSTANCE_UID, &study)
        .matching(tags::SERIES_INSTANCE_UID, &format!("{study}.1"));
    let mut there = Vec::new();
    let query = Query::new(Level::Image, keys);
    medsight_pacs::find(&peer.node("DCMQR"), &query, &CancellationToken::new(), |row| {
        there.push(row.text(tags::SOP_INSTANCE_UID));
        true
    })
    .await
    .unwrap();
    there.sort();
    there.dedup();
    assert_eq!(there.len(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_killed_in_the_middle_of_a_retrieval_gives_the_rest_and_nothing_twice() {
    let folder = folder();
    let port = free_port();
    let Some(mut peer) = dcmqrscp(folder.path(), port, free_port()) else { return };
    let to = peer.node("DCMQR");
    let (files, study) = ct_series(&folder.path().join("ct"), 80, 512, 110);
    let cancel = CancellationToken::new();
    let sent = medsight_pacs::send(&to, &sources(&files), ONCE, &cancel, |_, _| {}).await;
    assert!(sent.error.is_none());
    // More than the system's buffers between the two hold: what is killed has not been sent yet.
    let sink = Arc::new(MemorySink { slow: Duration::from_millis(10), ..MemorySink::default() });
    let retrieval = Retrieval {
        remote: Remote::Dimse(to),
        studies: vec![(study, Urgency::Open)],
        slots: medsight_pacs::Slots::new(2),
        patience: Patience { retry_for: Duration::from_secs(30) },
    };
    let (came, mut at) = mpsc::unbounded_channel();
    let (plan, into) = (Arc::new(Plan::new()), sink.clone());
    let running = tokio::spawn(async move {
        retrieval
            .run(&plan, into, &cancel, move |count| {
                let _gone = came.send(count);
            })
            .await
    });
    while at.recv().await.unwrap() < 15 {}
    kill_family(&mut peer);
    tokio::time::sleep(Duration::from_millis(700)).await;
    let _peer = dcmqrscp(folder.path(), port, free_port()).unwrap();
    let report = running.await.unwrap();
    assert!(report.error.is_none(), "{:?}", report.error);
    assert!(report.resumed >= 1, "the test killed nothing");
    assert_eq!((report.kept.new, report.missing.len()), (80, 0));
    assert_eq!(*sink.twice.lock().unwrap(), 0);
}

/// dcmqrscp forks a process for each association; all of them go.
fn kill_family(peer: &mut peers::Peer) {
    let listing =
        Command::new("ps").args(["-o", "pid=", "--ppid", &peer.pid().to_string()]).output().unwrap();
    peer.kill();
    for pid in String::from_utf8_lossy(&listing.stdout).split_whitespace() {
        let _gone = Command::new("kill").args(["-9", pid]).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_retrieval_ends_soon_and_keeps_what_had_come() {
    let folder = folder();
    let Some(peer) = dcmqrscp(folder.path(), free_port(), free_port()) else { return };
    let to = peer.node("DCMQR");
    let (files, study) = ct_series(&folder.path().join("ct"), 60, 256, 111);
    let cancel = CancellationToken::new();
    medsight_pacs::send(&to, &sources(&files), ONCE, &cancel, |_, _| {}).await;
    let sink = Arc::new(MemorySink { slow: Duration::from_millis(30), ..MemorySink::default() });
    let stop = cancel.clone();
    let timer = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(250)).await;
        stop.cancel();
    });
    let begun = std::time::Instant::now();
    let got = medsight_pacs::get(&to, &Wanted::study(&study), &[], sink.clone(), &cancel).await;
    timer.await.unwrap();
    if got.error.is_none() {
        return skipped("the peer was faster than the cancellation");
    }
    assert!(matches!(got.error, Some(NetError::Cancelled)), "{:?}", got.error);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(got.kept.new, sink.files.lock().unwrap().len() as u64);
}
