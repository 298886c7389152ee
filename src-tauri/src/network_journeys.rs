//! A server as a person of the desk meets it: added, tested, searched, its studies brought here. The servers are
//! dcmtk's and Orthanc; where one is not installed, that is said loudly and the test passes.

use crate::args::Args;
use crate::desk::{Desk, Shell};
use crate::dto::{
    DimseForm, FindRequest, ImportState, ImportSummary, NodeForm, RetrieveRequest, SettingsChange, WebForm,
    WindowCommand, WorklistRequest,
};
use crate::{network, perform, studies};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[path = "../../crates/pacs/tests/peers/mod.rs"]
mod peers;

fn desk(folder: &Path) -> Arc<Desk> {
    let args = Args {
        cache: Some(folder.join("cache")),
        key: format!("key-file:{}", folder.join("key").display()).parse().ok(),
        import: Vec::new(),
    };
    let shell =
        Shell { tell: Box::new(|_| ()), choose: Box::new(|_| Vec::new()), save_as: Box::new(|_| None) };
    let desk = Desk::new(args, Some(folder.join("settings.toml")), shell);
    desk.start(false);
    desk
}

fn node(name: &str, port: u16) -> NodeForm {
    let dimse = DimseForm {
        called_ae: "DCMQR".into(),
        calling_ae: "WORKSTATION".into(),
        host: "127.0.0.1".into(),
        port,
        tls: None,
        connect_s: 5,
        answer_s: 30,
    };
    NodeForm { name: name.into(), dimse: Some(dimse), web: None, parallel_retrievals: 3 }
}

fn set_nodes(desk: &Arc<Desk>, nodes: Vec<NodeForm>) {
    let change = WindowCommand::ChangeSetting(SettingsChange::Nodes(nodes));
    assert!(perform::from_window(desk, change).unwrap().undoable);
}

fn ended(desk: &Arc<Desk>) -> ImportSummary {
    let begun = Instant::now();
    loop {
        if let ImportState::Ended(summary) = desk.importing().state() {
            return summary;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "the retrieval does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn images_here(desk: &Arc<Desk>) -> u32 {
    let all = WorklistRequest { limit: 100, ..WorklistRequest::default() };
    studies::worklist(desk, all).unwrap().rows.iter().map(|row| row.images).sum()
}

#[test]
fn a_server_that_was_removed_is_back_after_undo_and_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = desk(folder.path());
    set_nodes(&first, vec![node("archive", 104)]);
    set_nodes(&first, Vec::new());
    perform::from_window(&first, WindowCommand::Undo).unwrap();
    drop(first);
    assert_eq!(desk(folder.path()).state().settings.nodes, [node("archive", 104)]);
}

#[test]
fn a_title_that_no_server_can_have_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    let mut wrong = node("archive", 104);
    wrong.dimse.as_mut().unwrap().called_ae = "ARCHIVE_OF_RADIOL".into();
    let change = WindowCommand::ChangeSetting(SettingsChange::Nodes(vec![wrong.clone()]));
    assert_eq!(perform::from_window(&desk, change).unwrap_err().code, "settings.node-title");
    assert_eq!(network::test_node(&desk, wrong).unwrap_err().code, "settings.node-title");
}

#[test]
fn a_server_that_is_not_there_is_said_with_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    let port = peers::free_port();
    let tested = network::test_node(&desk, node("archive", port)).unwrap().dimse.unwrap();
    let why = tested.problem.unwrap();
    assert_eq!((why.code.as_str(), tested.answer_ms), ("net.unreachable", None));
    assert!(why.values["peer"].contains(&port.to_string()), "{why:?}");
}

#[test]
fn a_study_found_on_a_server_is_brought_here_once_and_a_cancelled_one_ends_at_once() {
    let folder = peers::folder();
    let Some(server) = peers::dcmqrscp(folder.path(), peers::free_port(), peers::free_port()) else { return };
    let (mut files, head) = peers::ct_series(&folder.path().join("a"), 12, 64, 701);
    let (more, large) = peers::ct_series(&folder.path().join("b"), 180, 256, 702);
    files.extend(more);
    let sources: Vec<_> = files.into_iter().map(medsight_pacs::Source::File).collect();
    let once = medsight_pacs::Patience { retry_for: Duration::ZERO };
    let cancel = medsight_pacs::CancellationToken::new();
    let sent = tauri::async_runtime::block_on(async {
        medsight_pacs::send(&server.node("DCMQR"), &sources, once, &cancel, |_, _| {}).await
    });
    assert!(sent.error.is_none(), "{:?}", sent.error);

    let desk = desk(folder.path());
    set_nodes(&desk, vec![node("archive", server.port)]);
    let tested = network::test_node(&desk, node("archive", server.port)).unwrap().dimse.unwrap();
    assert!(tested.answer_ms.is_some_and(|ms| ms > 0.0 && ms < 5000.0), "{tested:?}");

    let search = |name: &str| FindRequest {
        node: "archive".into(),
        name: name.into(),
        from: "2026-04-01".into(),
        to: "2026-04-01".into(),
        ..FindRequest::default()
    };
    assert!(network::find(&desk, search("Nobody")).unwrap().studies.is_empty());
    let found = network::find(&desk, search("test")).unwrap();
    // Whether capitals matter is the server's own affair.
    let found =
        if found.studies.is_empty() { network::find(&desk, search("Test, N")).unwrap() } else { found };
    assert_eq!((found.studies.len(), found.more), (2, false), "{found:?}");
    assert!(found.studies.iter().all(|s| s.id == "NET1" && s.date == "2026-04-01" && !s.here));

    let retrieve = |uid: &str| RetrieveRequest { node: "archive".into(), study_uids: vec![uid.to_owned()] };
    network::retrieve(&desk, retrieve(&head)).unwrap();
    let summary = ended(&desk);
    assert_eq!((summary.imported, summary.studies, summary.failed), (12, 1, None));
    assert_eq!(images_here(&desk), 12);
    network::retrieve(&desk, retrieve(&head)).unwrap();
    let again = ended(&desk);
    assert_eq!((again.imported, again.already_present, again.failed), (0, 12, None));
    let found = network::find(&desk, search("Test")).unwrap();
    assert!(found.studies.iter().all(|study| study.here == (study.uid == head)));

    network::retrieve(&desk, retrieve(&large)).unwrap();
    let begun = Instant::now();
    // Some of it may be here by then, or nothing: a small study comes in the blink of an eye.
    while !matches!(desk.importing().state(), ImportState::Running(_)) {
        assert!(begun.elapsed() < Duration::from_secs(60), "the retrieval does not begin");
        std::thread::sleep(Duration::from_millis(2));
    }
    let asked = Instant::now();
    perform::from_window(&desk, WindowCommand::CancelImport).unwrap();
    let stopped = ended(&desk);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(stopped.cancelled && stopped.failed.is_none() && stopped.refused.is_empty(), "{stopped:?}");
    let kept = u64::from(images_here(&desk)) - 12;
    assert_eq!(kept, stopped.imported);

    network::retrieve(&desk, retrieve(&large)).unwrap();
    let rest = ended(&desk);
    assert_eq!((rest.imported, rest.already_present, rest.failed), (180 - kept, kept, None));
    assert_eq!(images_here(&desk), 192);
}

#[test]
fn a_study_of_a_server_that_speaks_dicomweb_only_is_brought_here() {
    let folder = peers::folder();
    let (dimse, http) = (peers::free_port(), peers::free_port());
    let Some(mut closed) = peers::orthanc(folder.path(), dimse, http, peers::free_port(), false) else {
        return;
    };
    let desk = desk(folder.path());
    let web = |path: &str| {
        let url = format!("http://127.0.0.1:{http}/{path}");
        let web = WebForm { url, tls: None, connect_s: 5, answer_s: 30 };
        NodeForm { name: "web".into(), dimse: None, web: Some(web), parallel_retrievals: 2 }
    };
    let test = |path: &str| network::test_node(&desk, web(path)).unwrap().web.unwrap();
    // It wants a password, and the settings have none.
    let why = test("dicom-web").problem.unwrap();
    assert_eq!((why.code.as_str(), why.values["status"].as_str()), ("net.http", "401"));
    closed.kill();
    let server = open_orthanc(folder.path(), dimse);
    let begun = Instant::now();
    while test("dicom-web").answer_ms.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", test("dicom-web"));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(test("no-such-place").problem.unwrap().values["status"], "404");

    let (files, uid) = peers::ct_series(&folder.path().join("a"), 6, 64, 703);
    let sources: Vec<_> = files.into_iter().map(medsight_pacs::Source::File).collect();
    let once = medsight_pacs::Patience { retry_for: Duration::ZERO };
    let cancel = medsight_pacs::CancellationToken::new();
    let sent = tauri::async_runtime::block_on(async {
        medsight_pacs::send(&server.node("ORTHANC"), &sources, once, &cancel, |_, _| {}).await
    });
    assert!(sent.error.is_none(), "{:?}", sent.error);

    set_nodes(&desk, vec![web("dicom-web")]);
    let search = FindRequest { node: "web".into(), id: "NET1".into(), ..FindRequest::default() };
    let found = network::find(&desk, search).unwrap().studies;
    assert_eq!(
        found.iter().map(|s| (s.uid.as_str(), s.images)).collect::<Vec<_>>(),
        [(uid.as_str(), Some(6))]
    );
    network::retrieve(&desk, RetrieveRequest { node: "web".into(), study_uids: vec![uid] }).unwrap();
    let summary = ended(&desk);
    assert_eq!((summary.imported, summary.studies, summary.failed), (6, 1, None));
    assert_eq!(images_here(&desk), 6);
}

/// The same server without a password, as one behind the hospital's wall may be.
fn open_orthanc(folder: &Path, dimse: u16) -> peers::Peer {
    let file = folder.join("orthanc.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
    config["AuthenticationEnabled"] = false.into();
    std::fs::write(&file, config.to_string()).unwrap();
    let mut command = std::process::Command::new(peers::program("Orthanc").unwrap());
    command.arg(file);
    peers::start(command, dimse, folder)
}
