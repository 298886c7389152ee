//! An archive that sends to this workstation (C-MOVE), and peers that send of their own accord, as a person of the desk
//! meets them. The servers are dcmtk's and Orthanc; where one is not installed, that is said loudly and the test passes.

use crate::desk::Desk;
use crate::dto::{
    ListenerForm, ListenerState, NodeForm, RetrievalPhase, RetrieveRequest, RetrieveWay, SenderForm,
    SettingsChange, WantedStudy, WindowCommand, WorklistRequest,
};
use crate::network_journeys::{desk, ended, images_here, node, peers, retrieve, send, set_nodes, wait};
use crate::{network, perform, studies};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn listener(port: u16, senders: &[&str]) -> ListenerForm {
    let sender = |title: &&str| SenderForm { title: (*title).to_owned(), address: "127.0.0.1".into() };
    ListenerForm {
        on: true,
        own_ae: "WORKSTATION".into(),
        address: "127.0.0.1".into(),
        port,
        tls: None,
        senders: senders.iter().map(sender).collect(),
    }
}

fn set_listener(desk: &Arc<Desk>, form: ListenerForm) {
    let change = WindowCommand::ChangeSetting(SettingsChange::Listener(Box::new(form)));
    assert!(perform::from_window(desk, change).unwrap().undoable);
}

fn sends_here(mut node: NodeForm, title: &str) -> NodeForm {
    node.retrieve = RetrieveWay::Move;
    if let Some(dimse) = &mut node.dimse {
        dimse.called_ae = title.to_owned();
    }
    node
}

fn seen(desk: &Arc<Desk>) -> Vec<(String, String)> {
    match desk.state().listener {
        ListenerState::Listening { seen, .. } => seen.into_iter().map(|s| (s.what, s.from)).collect(),
        other => panic!("it does not listen: {other:?}"),
    }
}

fn until(what: &str, is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn gone(desk: Arc<Desk>) {
    desk.end();
    let begun = Instant::now();
    while Arc::strong_count(&desk) > 1 {
        assert!(begun.elapsed() < Duration::from_secs(20), "somebody still holds the desk");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Orthanc with a CT of so many slices.
fn orthanc(folder: &Path, ports: (u16, u16, u16), slices: u32, study: u32) -> Option<(peers::Peer, String)> {
    let server = peers::orthanc(folder, ports.0, ports.1, ports.2, false)?;
    let (files, uid) = peers::ct_series(&folder.join("sent"), slices, 256, study);
    send(&server, "ORTHANC", files);
    Some((server, uid))
}

#[test]
fn an_archive_that_sends_here_says_what_to_do_while_nothing_listens() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    assert_eq!(desk.state().listener, ListenerState::Off);
    set_nodes(&desk, vec![sends_here(node("archive", 104), "PACS")]);
    let ask = || {
        let studies = vec![WantedStudy { uid: "1.2.3".into(), about: String::new() }];
        network::retrieve(&desk, RetrieveRequest { node: "archive".into(), studies, open: false })
    };
    assert_eq!(ask().unwrap_err().code, "desk.listener-off");
    assert!(desk.retrieving().rows().is_empty());

    // Another program has the port.
    let (other, port) = peers::taken_port();
    set_listener(&desk, listener(port, &["PACS"]));
    let ListenerState::Failed(why) = desk.state().listener else { panic!("it listens") };
    assert_eq!((why.code.as_str(), why.values["port"].as_str()), ("desk.port-taken", &*port.to_string()));
    assert_eq!(ask().unwrap_err().code, "desk.listener-failed");
    drop(other);
    desk.listening().apply(&desk);
    assert!(matches!(desk.state().listener, ListenerState::Listening { .. }));

    // Undo switches it off again, and the port is free.
    perform::from_window(&desk, WindowCommand::Undo).unwrap();
    assert_eq!(desk.state().listener, ListenerState::Off);
    assert!(peers::is_free(port));
}

#[test]
fn a_listener_without_anybody_who_may_send_and_one_elsewhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    let code = |form: ListenerForm| {
        let change = WindowCommand::ChangeSetting(SettingsChange::Listener(Box::new(form)));
        perform::from_window(&desk, change).map_err(|why| why.code)
    };
    assert_eq!(code(listener(11112, &[])).unwrap_err(), "settings.listener-senders");
    let named = ListenerForm { address: "pacs.hospital".into(), ..listener(11112, &["PACS"]) };
    assert_eq!(code(named).unwrap_err(), "settings.listener-address");
    // TEST-NET-1 (RFC 5737): no computer has it.
    code(ListenerForm { address: "192.0.2.1".into(), ..listener(11112, &["PACS"]) }).unwrap();
    let ListenerState::Failed(why) = desk.state().listener else { panic!("it listens") };
    assert_eq!(why.code, "desk.address-not-here");
}

#[test]
fn a_study_comes_by_c_move_once_and_what_peers_send_unasked_is_on_the_worklist() {
    let folder = peers::folder();
    let (port, ours) = (peers::free_port(), peers::free_port());
    let Some(server) = peers::dcmqrscp(folder.path(), port, ours) else { return };
    let (files, study) = peers::ct_series(&folder.path().join("a"), 30, 64, 721);
    send(&server, "DCMQR", files);

    let desk = desk(folder.path());
    set_nodes(&desk, vec![sends_here(node("archive", port), "DCMQR")]);
    // The archive's title is missing among those that may send.
    set_listener(&desk, listener(ours, &["MODALITY"]));
    retrieve(&desk, "archive", &[&study]);
    let failed = ended(&desk, &study).failed.unwrap();
    assert_eq!((failed.code.as_str(), failed.values["title"].as_str()), ("desk.sender-unknown", "DCMQR"));
    assert_eq!(seen(&desk)[0], ("sender_unknown".to_owned(), "DCMQR".to_owned()));

    set_listener(&desk, listener(ours, &["MODALITY", "DCMQR"]));
    retrieve(&desk, "archive", &[&study]);
    let summary = ended(&desk, &study);
    assert_eq!((summary.imported, summary.studies, summary.failed), (30, 1, None));
    assert_eq!(images_here(&desk), 30);
    retrieve(&desk, "archive", &[&study]);
    let again = ended(&desk, &study);
    assert_eq!((again.imported, again.already_present, again.failed), (0, 30, None));

    // A modality sends of its own accord; a stranger may not.
    let (files, _) = peers::ct_series(&folder.path().join("b"), 5, 64, 722);
    let sources: Vec<_> = files.into_iter().map(medsight_pacs::Source::File).collect();
    let sent = |title: &str| {
        let to = medsight_pacs::node::Dimse { calling_ae: title.into(), ..peers::node("WORKSTATION", ours) };
        let once = medsight_pacs::Patience { retry_for: Duration::ZERO };
        let cancel = medsight_pacs::CancellationToken::new();
        let sources = sources.clone();
        tauri::async_runtime::block_on(async move {
            medsight_pacs::send(&to, &sources, once, &cancel, |_, _| {}).await
        })
    };
    assert!(sent("STRANGER").error.is_some());
    assert_eq!(images_here(&desk), 30);
    assert!(sent("MODALITY").error.is_none());
    // Answered means kept: no waiting here.
    assert_eq!(images_here(&desk), 35);
    until("the stranger", || seen(&desk).contains(&("sender_unknown".into(), "STRANGER".into())));
    until("the modality", || seen(&desk).contains(&("stored".into(), "MODALITY".into())));
    let rows = studies::worklist(&desk, WorklistRequest { limit: 9, ..WorklistRequest::default() });
    assert_eq!(rows.unwrap().rows.len(), 2);
}

#[test]
fn a_server_that_does_not_know_where_to_send_is_told_with_our_title_and_port() {
    let folder = peers::folder();
    let (port, ours) = (peers::free_port(), peers::free_port());
    let ports = (port, peers::free_port(), peers::free_port());
    let Some((_server, study)) = orthanc(folder.path(), ports, 3, 723) else { return };
    let desk = desk(folder.path());
    set_nodes(&desk, vec![sends_here(node("archive", port), "ORTHANC")]);
    // It knows the title, but by another port.
    set_listener(&desk, listener(ours, &["ORTHANC"]));
    retrieve(&desk, "archive", &[&study]);
    let failed = ended(&desk, &study).failed.unwrap();
    assert_eq!(failed.code, "desk.not-delivered");
    assert_eq!(failed.values["title"], "WORKSTATION");
    assert_eq!(failed.values["port"], ours.to_string());
}

#[test]
fn a_cancelled_c_move_ends_at_once_and_the_server_stops_sending() {
    let folder = peers::folder();
    let ports = (peers::free_port(), peers::free_port(), peers::free_port());
    let Some((_server, study)) = orthanc(folder.path(), ports, 400, 724) else { return };
    let desk = desk(folder.path());
    set_nodes(&desk, vec![sends_here(node("archive", ports.0), "ORTHANC")]);
    set_listener(&desk, listener(ports.2, &["ORTHANC"]));
    retrieve(&desk, "archive", &[&study]);
    let id = wait(&desk, &study, |row| (row.files_done > 0).then_some(row.id));
    let asked = Instant::now();
    desk.retrieving().cancel(&desk, Some(id));
    let stopped = ended(&desk, &study);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(stopped.cancelled && stopped.failed.is_none() && stopped.refused.is_empty(), "{stopped:?}");
    std::thread::sleep(Duration::from_millis(500));
    let kept = images_here(&desk);
    assert!(kept < 400, "all came although it was cancelled");
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(images_here(&desk), kept, "the server goes on sending");
}

#[test]
fn a_c_move_goes_on_after_the_desk_and_after_the_server_were_cut_off_and_nothing_comes_twice() {
    let folder = peers::folder();
    let ports = (peers::free_port(), peers::free_port(), peers::free_port());
    let Some((mut server, study)) = orthanc(folder.path(), ports, 600, 725) else { return };
    let first = desk(folder.path());
    set_nodes(&first, vec![sends_here(node("archive", ports.0), "ORTHANC")]);
    set_listener(&first, listener(ports.2, &["ORTHANC"]));
    retrieve(&first, "archive", &[&study]);
    wait(&first, &study, |row| (row.files_done > 0).then_some(()));
    first.end();
    ended(&first, &study);
    let kept = u64::from(images_here(&first));
    assert!(kept > 0 && kept < 600, "{kept}");
    gone(first);

    let second = desk(folder.path());
    wait(&second, &study, |row| (row.files_done > 0).then_some(()));
    server.kill();
    let before = images_here(&second);
    assert!(before < 600, "the server was killed too late");
    let Some(_server) = peers::orthanc(folder.path(), ports.0, ports.1, ports.2, false) else { return };
    let summary = ended(&second, &study);
    assert_eq!((summary.failed.clone(), images_here(&second)), (None, 600), "{summary:?}");
    assert_eq!(summary.imported + summary.already_present, 600, "{summary:?}");
    assert!(matches!(
        second.retrieving().rows().first().map(|row| row.phase.clone()),
        Some(RetrievalPhase::Ended(_))
    ));
    assert!(second.cache().unwrap().interrupted_retrievals().unwrap().is_empty());
    // Each object once, and the trail of who brought it is whole.
    assert!(second.cache().unwrap().verify_audit().unwrap().is_ok());
}
