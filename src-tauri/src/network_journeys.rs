//! A server as a person of the desk meets it: added, tested, searched, its studies brought here. The servers are
//! dcmtk's and Orthanc; where one is not installed, that is said loudly and the test passes.

use crate::args::Args;
use crate::desk::now;
use crate::desk::{Desk, Shell};
use crate::dto::{
    DimseForm, FindRequest, ImportSummary, NodeForm, NodeTest, NodeTestRequest, Notice, RetrievalChoice,
    RetrievalPhase, RetrievalRow, RetrieveRequest, RetrieveWay, SettingsChange, SignInForm, WantedStudy,
    WebForm, WindowCommand, WorklistRequest,
};
use crate::{network, perform, studies};
use medsight_base::StudyUid;
use medsight_cache::RetrievalJob;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[path = "../../crates/pacs/tests/peers/mod.rs"]
pub(crate) mod peers;

pub(crate) fn desk(folder: &Path) -> Arc<Desk> {
    let args = Args {
        cache: Some(folder.join("cache")),
        key: format!("key-file:{}", folder.join("key").display()).parse().ok(),
        import: Vec::new(),
    };
    let shell = Shell {
        tell: Box::new(|_| ()),
        choose: Box::new(|_| Vec::new()),
        save_as: Box::new(|_| None),
        open_in_browser: Box::new(|_| false),
        speller: None,
        close: Box::new(|| ()),
    };
    let desk = Desk::new(args, Some(folder.join("settings.toml")), shell);
    desk.start(false);
    desk
}

pub(crate) fn node(name: &str, port: u16) -> NodeForm {
    let dimse = DimseForm {
        called_ae: "DCMQR".into(),
        calling_ae: "WORKSTATION".into(),
        host: "127.0.0.1".into(),
        port,
        tls: None,
        connect_s: 5,
        answer_s: 30,
    };
    NodeForm {
        name: name.into(),
        dimse: Some(dimse),
        web: None,
        retrieve: RetrieveWay::Get,
        parallel_retrievals: 3,
        prefetch_next: false,
        prefetch_priors: 0,
        sign_in: SignInForm::None,
    }
}

pub(crate) fn tested(desk: &Arc<Desk>, node: NodeForm) -> NodeTest {
    network::test_node(desk, NodeTestRequest { node, secret: None }).unwrap()
}

pub(crate) fn set_nodes(desk: &Arc<Desk>, nodes: Vec<NodeForm>) {
    let change = WindowCommand::ChangeSetting(SettingsChange::Nodes(nodes));
    assert!(perform::from_window(desk, change).unwrap().undoable);
}

pub(crate) fn retrieve(desk: &Arc<Desk>, node: &str, uids: &[&str]) {
    let study = |uid: &&str| WantedStudy { uid: (*uid).to_owned(), about: "Test Network".into() };
    let studies = uids.iter().map(study).collect();
    network::retrieve(desk, RetrieveRequest { node: node.into(), studies, open: false }).unwrap();
}

/// Waits until what is known of a retrieval fits.
pub(crate) fn wait<T>(desk: &Arc<Desk>, uid: &str, until: impl Fn(&RetrievalRow) -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        let rows = desk.retrieving().rows();
        if let Some(found) = rows.iter().find(|row| row.study_uid == uid).and_then(&until) {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "the retrieval does not get there: {rows:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn ended(desk: &Arc<Desk>, uid: &str) -> ImportSummary {
    wait(desk, uid, |row| match &row.phase {
        RetrievalPhase::Ended(summary) => Some(summary.clone()),
        _ => None,
    })
}

/// Sends a series to a server, in its own name for the workstation.
pub(crate) fn send(server: &peers::Peer, called: &str, files: Vec<std::path::PathBuf>) {
    let sources: Vec<_> = files.into_iter().map(medsight_pacs::Source::File).collect();
    let once = medsight_pacs::Patience { retry_for: Duration::ZERO };
    let cancel = medsight_pacs::CancellationToken::new();
    let sent = tauri::async_runtime::block_on(async {
        medsight_pacs::send(&server.node(called), &sources, once, &cancel, |_, _| {}).await
    });
    assert!(sent.error.is_none(), "{:?}", sent.error);
}

pub(crate) fn images_here(desk: &Arc<Desk>) -> u32 {
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
    let request = NodeTestRequest { node: wrong, secret: None };
    assert_eq!(network::test_node(&desk, request).unwrap_err().code, "settings.node-title");
}

#[test]
fn a_server_that_is_not_there_is_said_with_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    let port = peers::free_port();
    let tested = tested(&desk, node("archive", port)).dimse.unwrap();
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
    send(&server, "DCMQR", files);

    let desk = desk(folder.path());
    set_nodes(&desk, vec![node("archive", server.port)]);
    let tested = tested(&desk, node("archive", server.port)).dimse.unwrap();
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

    retrieve(&desk, "archive", &[&head]);
    let summary = ended(&desk, &head);
    assert_eq!((summary.imported, summary.studies, summary.failed), (12, 1, None));
    assert_eq!(images_here(&desk), 12);
    retrieve(&desk, "archive", &[&head]);
    let again = ended(&desk, &head);
    assert_eq!((again.imported, again.already_present, again.failed), (0, 12, None));
    let found = network::find(&desk, search("Test")).unwrap();
    assert!(found.studies.iter().all(|study| study.here == (study.uid == head)));

    // The small study again beside the large one: each is stopped on its own.
    retrieve(&desk, "archive", &[&large, &head]);
    let id = wait(&desk, &large, |row| (row.files_done > 0).then_some(row.id));
    let asked = Instant::now();
    desk.retrieving().cancel(&desk, Some(id));
    let stopped = ended(&desk, &large);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(stopped.cancelled && stopped.failed.is_none() && stopped.refused.is_empty(), "{stopped:?}");
    let other = ended(&desk, &head);
    assert!(!other.cancelled && other.already_present == 12, "{other:?}");
    let kept = u64::from(images_here(&desk)) - 12;
    assert_eq!(kept, stopped.imported);
    assert!(desk.cache().unwrap().interrupted_retrievals().unwrap().is_empty());

    network::retry(&desk, RetrievalChoice { id: Some(id) }).unwrap();
    let rest = wait(&desk, &large, |row| match &row.phase {
        RetrievalPhase::Ended(summary) if row.id != id => Some(summary.clone()),
        _ => None,
    });
    assert_eq!((rest.imported, rest.already_present, rest.failed), (180 - kept, kept, None));
    assert_eq!(images_here(&desk), 192);
    desk.retrieving().dismiss(&desk);
    assert!(desk.retrieving().rows().is_empty());
    // Both are on the server, so a full disk may take their images; from there they come again.
    let cache = desk.cache().unwrap();
    let evicted = cache.evict_to(0, "medsight", now()).unwrap();
    assert_eq!((evicted.studies.len(), evicted.over), (2, 0));
    retrieve(&desk, "archive", &[&head]);
    assert_eq!(ended(&desk, &head).failed, None);
    assert!(cache.has_images(&StudyUid::parse(&head).unwrap()).unwrap());
}

#[test]
fn a_retrieval_goes_on_after_the_desk_and_after_the_server_were_cut_off_and_nothing_comes_twice() {
    let folder = peers::folder();
    let (port, move_port) = (peers::free_port(), peers::free_port());
    let Some(mut server) = peers::dcmqrscp(folder.path(), port, move_port) else { return };
    let (files, study) = peers::ct_series(&folder.path().join("a"), 400, 256, 704);
    send(&server, "DCMQR", files);

    let first = desk(folder.path());
    set_nodes(&first, vec![node("archive", port)]);
    retrieve(&first, "archive", &[&study]);
    wait(&first, &study, |row| (row.files_done > 0).then_some(()));
    first.end();
    ended(&first, &study);
    let kept = u64::from(images_here(&first));
    assert!(kept > 0 && kept < 400, "{kept}");
    let begun = Instant::now();
    // The thread of the retrieval lets the cache go a moment after it has said that it ended.
    while Arc::strong_count(&first) > 1 {
        assert!(begun.elapsed() < Duration::from_secs(20), "somebody still holds the desk");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(first);

    let second = desk(folder.path());
    assert_eq!(second.state().notice, Some(Notice::RetrievalResumed));
    wait(&second, &study, |row| (row.files_done > 0).then_some(()));
    server.kill();
    std::thread::sleep(Duration::from_millis(300));
    let Some(_server) = peers::dcmqrscp(folder.path(), port, move_port) else { return };
    let summary = ended(&second, &study);
    assert_eq!((summary.imported, summary.already_present), (400 - kept, kept), "{summary:?}");
    assert_eq!((summary.failed, images_here(&second)), (None, 400));
    assert!(second.cache().unwrap().interrupted_retrievals().unwrap().is_empty());
    drop(second);
    assert!(desk(folder.path()).retrieving().rows().is_empty());
}

#[test]
fn a_retrieval_whose_server_was_removed_says_so_and_is_kept_until_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let first = desk(folder.path());
    let study = medsight_base::StudyUid::parse("1.2.3").unwrap();
    let job = RetrievalJob { node: "archive".into(), study, about: String::new(), ahead: false };
    first.cache().unwrap().queue_retrieval(&job).unwrap();
    drop(first);
    let second = desk(folder.path());
    assert_eq!(ended(&second, "1.2.3").failed.unwrap().code, "desk.no-such-server");
    assert_eq!(second.cache().unwrap().interrupted_retrievals().unwrap(), [job]);
    second.retrieving().dismiss(&second);
    assert!(second.cache().unwrap().interrupted_retrievals().unwrap().is_empty());
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
        NodeForm { name: "web".into(), dimse: None, web: Some(web), ..node("web", 1) }
    };
    let test = |path: &str| tested(&desk, web(path)).web.unwrap();
    // It wants a password, and the settings have none.
    let why = test("dicom-web").problem.unwrap();
    assert_eq!((why.code.as_str(), why.values["status"].as_str()), ("net.unauthorised", "401"));
    closed.kill();
    let server = open_orthanc(folder.path(), dimse);
    let begun = Instant::now();
    while test("dicom-web").answer_ms.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", test("dicom-web"));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(test("no-such-place").problem.unwrap().values["status"], "404");

    let (files, uid) = peers::ct_series(&folder.path().join("a"), 6, 64, 703);
    send(&server, "ORTHANC", files);

    set_nodes(&desk, vec![web("dicom-web")]);
    let search = FindRequest { node: "web".into(), id: "NET1".into(), ..FindRequest::default() };
    let found = network::find(&desk, search).unwrap().studies;
    assert_eq!(
        found.iter().map(|s| (s.uid.as_str(), s.images)).collect::<Vec<_>>(),
        [(uid.as_str(), Some(6))]
    );
    retrieve(&desk, "web", &[&uid]);
    let summary = ended(&desk, &uid);
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
