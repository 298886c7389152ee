//! DIMSE and DICOMweb against the real Orthanc: both directions, TLS, killed and restarted.
#![allow(clippy::unwrap_used, reason = "tests")]

mod peers;

use medsight_dicom::{same_object, tags};
use medsight_pacs::node::{Tls, Web};
use medsight_pacs::{
    Allowed, Auth, CancellationToken, Event, Keys, Level, ListenSettings, NetError, Outcome, Patience, Plan,
    Query, Remote, Retrieval, Source, Urgency, Wanted, WebClient, WebQuery,
};
use peers::{MemorySink, Peer, ct_series, folder, free_port, orthanc, program, skipped};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

const ONCE: Patience = Patience { retry_for: Duration::ZERO };

struct Running {
    peer: Peer,
    dimse: u16,
    http: u16,
    ours: u16,
}

fn running(folder: &Path) -> Option<Running> {
    let (dimse, http, ours) = (free_port(), free_port(), free_port());
    Some(Running { peer: orthanc(folder, dimse, http, ours, false)?, dimse, http, ours })
}

fn client(http: u16, password: &str) -> WebClient {
    signed_in(http, Auth::Basic("peer".into(), password.to_owned().into()))
}

fn signed_in(http: u16, auth: Auth) -> WebClient {
    let url = format!("http://127.0.0.1:{http}/dicom-web");
    WebClient::new(&Web { url, tls: None, connect_s: 5, answer_s: 30 }, auth).unwrap()
}

fn sources(files: &[PathBuf]) -> Vec<Source> {
    files.iter().cloned().map(Source::File).collect()
}

/// Every file is among what came, value for value.
fn assert_all_came(files: &[PathBuf], sink: &MemorySink) {
    let came = sink.files.lock().unwrap();
    assert_eq!(came.len(), files.len());
    for sent in files {
        let bytes = std::fs::read(sent).unwrap();
        assert!(came.values().any(|got| same_object(got, &bytes)), "{}", sent.display());
    }
}

fn listener(port: u16) -> ListenSettings {
    ListenSettings {
        own_ae: "WORKSTATION".into(),
        address: ([127, 0, 0, 1], port).into(),
        tls: None,
        peers: vec![Allowed { calling_ae: "ORTHANC".into(), address: None }],
        most_associations: 4,
        idle_s: 10,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_study_sent_by_stow_is_found_by_qido_and_comes_back_by_wado_the_same() {
    let folder = folder();
    let Some(running) = running(folder.path()) else { return };
    let web = client(running.http, "peer-test-only");
    let (files, study) = ct_series(&folder.path().join("ct"), 40, 128, 201);
    let cancel = CancellationToken::new();
    let report = web.store(&sources(&files), ONCE, &cancel, |_| {}).await;
    assert!(report.error.is_none(), "{:?}", report.error);
    assert!(report.deliveries.iter().all(|d| d.outcome == Outcome::Stored), "{:?}", report.deliveries);

    let query = |level, keys: Keys, limit| WebQuery { level, study: None, series: None, keys, limit };
    let by_name = query(Level::Study, Keys::new().matching(tags::PATIENT_ID, "NET1"), 10);
    let (rows, more) = web.search(&by_name, &cancel).await.unwrap();
    assert_eq!((rows.len(), more, rows[0].text(tags::STUDY_INSTANCE_UID)), (1, false, study.clone()));
    let none = query(Level::Study, Keys::new().matching(tags::PATIENT_ID, "NOBODY"), 10);
    assert_eq!(web.search(&none, &cancel).await.unwrap().0.len(), 0);
    let images = WebQuery {
        study: Some(study.clone()),
        ..query(Level::Image, Keys::new().ask(&[tags::INSTANCE_NUMBER]), usize::MAX)
    };
    let (rows, _) = web.search(&images, &cancel).await.unwrap();
    assert_eq!(rows.len(), 40);
    let metadata = web.metadata(&Wanted::study(&study), &cancel).await.unwrap();
    assert_eq!(metadata.len(), 40);
    assert_eq!(metadata[0].text(tags::ROWS), "128");

    let one = Wanted {
        study: study.clone(),
        series: Some(format!("{study}.1")),
        instances: vec![format!("{study}.1.7")],
    };
    let mut frames = Vec::new();
    web.frames(&one, &[1], &cancel, |frame| frames.push(frame)).await.unwrap();
    let sent = std::fs::read(&files[6]).unwrap();
    assert_eq!(frames[0].bytes[..], sent[sent.len() - 128 * 128 * 2..]);
    let drawn = web.rendered(&one, None, "image/png", &cancel).await.unwrap();
    assert!(
        drawn.media_type.starts_with("image/") && drawn.bytes.starts_with(b"\x89PNG"),
        "{}",
        drawn.media_type
    );

    let sink = Arc::new(MemorySink::default());
    let retrieval = Retrieval {
        remote: Remote::Web(web),
        studies: vec![(study, Urgency::Open)],
        slots: medsight_pacs::Slots::new(5),
        patience: ONCE,
    };
    let report = retrieval.run(&Arc::new(Plan::new()), sink.clone(), &cancel, |_| {}).await;
    assert!(report.error.is_none() && report.missing.is_empty(), "{report:?}");
    assert!(report.first_ms.is_some());
    assert_all_came(&files, &sink);
    let again = retrieval.run(&Arc::new(Plan::new()), sink.clone(), &cancel, |_| {}).await;
    assert_eq!((again.here_before, again.kept.new), (40, 0));
    assert_eq!(*sink.twice.lock().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_from_a_server_that_is_not_there() {
    let folder = folder();
    let Some(running) = running(folder.path()) else { return };
    let query = WebQuery { level: Level::Study, study: None, series: None, keys: Keys::new(), limit: 1 };
    let cancel = CancellationToken::new();
    let error = client(running.http, "wrong").search(&query, &cancel).await.unwrap_err();
    assert!(matches!(error, NetError::Http { status: 401, .. }), "{error}");
    let error = client(free_port(), "wrong").search(&query, &cancel).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    let bad = WebQuery { study: Some("../1.2".into()), level: Level::Image, ..query };
    assert!(matches!(client(running.http, "x").search(&bad, &cancel).await, Err(NetError::Settings(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_demands_a_bearer_token_gets_it_with_every_request() {
    let folder = folder();
    let Some(running) = running(folder.path()) else { return };
    let (port, asked) = peers::front::bearer_front("token-of-rita", running.http);
    let by_token = |token: &str| signed_in(port, Auth::Bearer(token.to_owned().into()));
    let (files, study) = ct_series(&folder.path().join("ct"), 8, 64, 207);
    let cancel = CancellationToken::new();
    let query = WebQuery { level: Level::Study, study: None, series: None, keys: Keys::new(), limit: 1 };
    let error = by_token("token-of-nobody").search(&query, &cancel).await.unwrap_err();
    assert!(matches!(error, NetError::Http { status: 401, .. }), "{error}");
    assert!(!error.to_string().contains("token-of"), "{error}");
    let web = by_token("token-of-rita");
    let stored = web.store(&sources(&files), ONCE, &cancel, |_| {}).await;
    assert!(stored.deliveries.iter().all(|d| d.outcome == Outcome::Stored), "{stored:?}");
    let sink = Arc::new(MemorySink::default());
    let retrieval = Retrieval {
        remote: Remote::Web(web),
        studies: vec![(study, Urgency::Open)],
        slots: medsight_pacs::Slots::new(3),
        patience: ONCE,
    };
    let report = retrieval.run(&Arc::new(Plan::new()), sink.clone(), &cancel, |_| {}).await;
    assert!(report.error.is_none() && report.missing.is_empty(), "{report:?}");
    assert_all_came(&files, &sink);
    assert!(asked.with_token() >= 10 && asked.refused() == 1, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dimse_brings_the_same_study_by_c_get_and_by_c_move() {
    let folder = folder();
    let Some(running) = running(folder.path()) else { return };
    let to = running.peer.node("ORTHANC");
    let (files, study) = ct_series(&folder.path().join("ct"), 15, 128, 202);
    let cancel = CancellationToken::new();
    let sent = medsight_pacs::send(&to, &sources(&files), ONCE, &cancel, |_, _| {}).await;
    assert!(sent.error.is_none() && sent.deliveries.iter().all(|d| d.outcome == Outcome::Stored), "{sent:?}");

    let sink = Arc::new(MemorySink::default());
    let retrieval = Retrieval {
        remote: Remote::Dimse(to.clone()),
        studies: vec![(study.clone(), Urgency::Open)],
        slots: medsight_pacs::Slots::new(3),
        patience: ONCE,
    };
    let report = retrieval.run(&Arc::new(Plan::new()), sink.clone(), &cancel, |_| {}).await;
    assert!(report.error.is_none() && report.missing.is_empty(), "{report:?}");
    assert_all_came(&files, &sink);

    let sink = Arc::new(MemorySink::default());
    let (events, mut happened) = mpsc::channel(100);
    let stop = CancellationToken::new();
    let listening =
        tokio::spawn(medsight_pacs::listen(listener(running.ours), sink.clone(), events, stop.clone()));
    assert!(matches!(happened.recv().await, Some(Event::Listening { .. })));
    let moved = medsight_pacs::move_to(&to, &Wanted::study(&study), "WORKSTATION", &cancel, |_| {}).await;
    assert!(moved.error.is_none() && moved.told.completed == 15, "{moved:?}");
    stop.cancel();
    drop(happened);
    listening.await.unwrap().unwrap();
    assert_all_came(&files, &sink);
}

#[tokio::test(flavor = "multi_thread")]
async fn orthanc_promises_to_keep_what_it_has_and_names_what_it_has_not() {
    let folder = folder();
    let Some(running) = running(folder.path()) else { return };
    let to = running.peer.node("ORTHANC");
    let (files, study) = ct_series(&folder.path().join("ct"), 3, 64, 203);
    let cancel = CancellationToken::new();
    medsight_pacs::send(&to, &sources(&files), ONCE, &cancel, |_, _| {}).await;
    let (events, mut happened) = mpsc::channel(100);
    let stop = CancellationToken::new();
    let sink = Arc::new(MemorySink::default());
    let listening = tokio::spawn(medsight_pacs::listen(listener(running.ours), sink, events, stop.clone()));
    assert!(matches!(happened.recv().await, Some(Event::Listening { .. })));
    let ct = "1.2.840.10008.5.1.4.1.1.2".to_owned();
    let mut objects: Vec<(String, String)> =
        (1..=3).map(|number| (ct.clone(), format!("{study}.1.{number}"))).collect();
    objects.push((ct, format!("{study}.1.99")));
    let early = medsight_pacs::commit(&to, "2.25.77", &objects, async {}, &cancel).await.unwrap();
    let commitment = match early {
        Some(commitment) => commitment,
        None => loop {
            match tokio::time::timeout(Duration::from_secs(20), happened.recv()).await.unwrap() {
                Some(Event::Committed { commitment, .. }) => break commitment,
                Some(_) => {}
                None => panic!("the listener ended"),
            }
        },
    };
    assert_eq!(commitment.transaction, "2.25.77");
    assert_eq!((commitment.committed.len(), commitment.failed.len()), (3, 1));
    assert_eq!(commitment.failed[0].0, format!("{study}.1.99"));
    stop.cancel();
    drop(happened);
    listening.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_step_is_found_on_the_worklist() {
    let folder = folder();
    let (Some(scripts), Some(dump2dcm)) = (peers::scripts(), program("dump2dcm")) else { return };
    std::fs::create_dir_all(folder.path().join("worklists")).unwrap();
    for name in ["ct", "photo"] {
        let made = Command::new(&dump2dcm)
            .arg("-q")
            .arg(scripts.join(format!("dcmtk/worklist/{name}.dump")))
            .arg(folder.path().join(format!("worklists/{name}.wl")))
            .status();
        assert!(made.unwrap().success());
    }
    let Some(running) = running(folder.path()) else { return };
    let cancel = CancellationToken::new();
    for (step, count) in [(Keys::new(), 2), (Keys::new().matching(tags::MODALITY, "CT"), 1)] {
        let mut rows = Vec::new();
        let keys = medsight_pacs::worklist_keys(step);
        medsight_pacs::find_worklist(&running.peer.node("ORTHANC"), &keys, &cancel, |row| {
            rows.push(row);
            true
        })
        .await
        .unwrap();
        assert_eq!(rows.len(), count);
        assert!(rows.iter().all(|row| !row.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orthanc_killed_in_the_middle_gives_the_rest_when_it_is_back_and_nothing_twice() {
    let folder = folder();
    let Some(mut running) = running(folder.path()) else { return };
    let web = client(running.http, "peer-test-only");
    let (files, study) = ct_series(&folder.path().join("ct"), 100, 256, 204);
    let cancel = CancellationToken::new();
    let report = web.store(&sources(&files), ONCE, &cancel, |_| {}).await;
    assert!(report.error.is_none(), "{:?}", report.error);
    let sink = Arc::new(MemorySink { slow: Duration::from_millis(10), ..MemorySink::default() });
    let retrieval = Retrieval {
        remote: Remote::Web(web),
        studies: vec![(study, Urgency::Open)],
        slots: medsight_pacs::Slots::new(2),
        patience: Patience { retry_for: Duration::from_secs(60) },
    };
    let (came, mut at) = mpsc::unbounded_channel();
    let (plan, into) = (Arc::new(Plan::new()), sink.clone());
    let fetching = tokio::spawn(async move {
        let tell = move |count| {
            let _gone = came.send(count);
        };
        retrieval.run(&plan, into, &cancel, tell).await
    });
    while at.recv().await.unwrap() < 20 {}
    running.peer.kill();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let _peer = orthanc(folder.path(), running.dimse, running.http, running.ours, false).unwrap();
    let report = fetching.await.unwrap();
    assert!(report.error.is_none() && report.missing.is_empty(), "{report:?}");
    assert!(report.resumed >= 1, "the test killed nothing");
    assert_all_came(&files, &sink);
    assert_eq!(*sink.twice.lock().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_orthanc_takes_our_certificate_and_no_strangers() {
    let folder = folder();
    let Some(pki) = peers::pki(folder.path()) else { return skipped("no test certificates") };
    let (dimse, http, ours) = (free_port(), free_port(), free_port());
    let Some(peer) = orthanc(folder.path(), dimse, http, ours, true) else { return };
    let tls = |who: &str| {
        Some(Tls {
            authorities: Some(pki.join("ca.crt")),
            certificate: Some(pki.join(format!("{who}.crt"))),
            key: Some(pki.join(format!("{who}.key"))),
            server_name: None,
        })
    };
    let (files, study) = ct_series(&folder.path().join("ct"), 6, 128, 205);
    let cancel = CancellationToken::new();
    let mut to = peer.node("ORTHANC");
    to.tls = tls("workstation");
    let sent = medsight_pacs::send(&to, &sources(&files), ONCE, &cancel, |_, _| {}).await;
    assert!(sent.error.is_none() && sent.deliveries.iter().all(|d| d.outcome == Outcome::Stored), "{sent:?}");
    let mut rows = 0;
    let query = Query::new(Level::Study, Keys::new().matching(tags::STUDY_INSTANCE_UID, &study));
    medsight_pacs::find(&to, &query, &cancel, |_| {
        rows += 1;
        true
    })
    .await
    .unwrap();
    assert_eq!(rows, 1);

    let sink = Arc::new(MemorySink::default());
    let (events, mut happened) = mpsc::channel(100);
    let stop = CancellationToken::new();
    let settings = ListenSettings { tls: tls("server"), ..listener(ours) };
    let listening = tokio::spawn(medsight_pacs::listen(settings, sink.clone(), events, stop.clone()));
    assert!(matches!(happened.recv().await, Some(Event::Listening { .. })));
    let moved = medsight_pacs::move_to(&to, &Wanted::study(&study), "WORKSTATION", &cancel, |_| {}).await;
    assert!(moved.error.is_none() && moved.told.completed == 6, "{moved:?}");
    stop.cancel();
    drop(happened);
    listening.await.unwrap().unwrap();
    assert_all_came(&files, &sink);

    to.tls = tls("stranger");
    assert!(medsight_pacs::echo(&to, &cancel).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_a_study_goes_and_comes_and_an_unknown_authority_is_refused() {
    let folder = folder();
    let Some(stunnel) = program("stunnel") else { return };
    let Some(pki) = peers::pki(folder.path()) else { return skipped("no test certificates") };
    let Some(running) = running(folder.path()) else { return };
    let front = free_port();
    let file = folder.path().join("stunnel.conf");
    let config = format!(
        "foreground = yes\npid =\nsyslog = no\n[web]\naccept = 127.0.0.1:{front}\nconnect = 127.0.0.1:{}\n\
         cert = {p}/server.crt\nkey = {p}/server.key\nsslVersionMin = TLSv1.2\nCAfile = {p}/ca.crt\nverifyChain = yes\n",
        running.http,
        p = pki.display()
    );
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(stunnel);
    command.arg(&file);
    let _front = peers::start(command, front, folder.path());
    let client = |authority: &str| {
        let tls = Tls {
            authorities: Some(pki.join(authority)),
            certificate: Some(pki.join("workstation.crt")),
            key: Some(pki.join("workstation.key")),
            server_name: None,
        };
        let url = format!("https://localhost:{front}/dicom-web");
        let web = Web { url, tls: Some(tls), connect_s: 5, answer_s: 30 };
        WebClient::new(&web, Auth::Basic("peer".into(), "peer-test-only".to_owned().into())).unwrap()
    };
    let (files, study) = ct_series(&folder.path().join("ct"), 10, 128, 206);
    let cancel = CancellationToken::new();
    let web = client("ca.crt");
    let report = web.store(&sources(&files), ONCE, &cancel, |_| {}).await;
    assert!(
        report.error.is_none() && report.deliveries.iter().all(|d| d.outcome == Outcome::Stored),
        "{report:?}"
    );
    let sink = Arc::new(MemorySink::default());
    let retrieval = Retrieval {
        remote: Remote::Web(web),
        studies: vec![(study, Urgency::Open)],
        slots: medsight_pacs::Slots::new(5),
        patience: ONCE,
    };
    let report = retrieval.run(&Arc::new(Plan::new()), sink.clone(), &cancel, |_| {}).await;
    assert!(report.error.is_none() && report.missing.is_empty(), "{report:?}");
    assert_all_came(&files, &sink);
    let query = WebQuery { level: Level::Study, study: None, series: None, keys: Keys::new(), limit: 1 };
    let error = client("stranger-ca.crt").search(&query, &cancel).await.unwrap_err();
    assert!(matches!(error, NetError::Tls { .. }), "{error}");
}
