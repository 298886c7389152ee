//! The desk as a person meets it, without its window: started, filled, searched, changed, closed, started again.

use crate::args::Args;
use crate::desk::{Desk, Shell};
use crate::dto::{
    DeleteStudies, ImportPaths, ImportState, ImportSummary, SetReadState, StartState, StudyRequest,
    TroubleKind, WorklistFilter, WorklistRequest,
};
use crate::{importing, settings, studies};
use medsight_record::ReadState;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn desk(folder: &Path) -> Arc<Desk> {
    let args = Args {
        cache: Some(folder.join("cache")),
        key: format!("key-file:{}", folder.join("key").display()).parse().ok(),
        import: Vec::new(),
    };
    let shell = Shell { tell: Box::new(|_| ()), choose: Box::new(|_| Vec::new()) };
    Desk::new(args, Some(folder.join("settings.toml")), shell)
}

fn samples(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/samples/studies").join(name)
}

fn import(desk: &Arc<Desk>, path: &Path) -> ImportSummary {
    importing::import_paths(desk, ImportPaths { paths: vec![path.display().to_string()] }).unwrap();
    let begun = Instant::now();
    loop {
        if let ImportState::Ended(summary) = desk.importing().state() {
            return summary;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "the import does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn rows(desk: &Arc<Desk>, text: &str) -> Vec<crate::dto::StudyRow> {
    let filter = WorklistFilter { text: text.to_owned(), ..WorklistFilter::default() };
    studies::worklist(desk, WorklistRequest { filter, limit: 100, ..WorklistRequest::default() })
        .unwrap()
        .rows
}

#[test]
fn what_was_imported_read_and_set_is_there_after_a_restart_and_gone_after_deletion() {
    let folder = tempfile::tempdir().unwrap();
    let first = desk(folder.path());
    assert!(matches!(first.start(false), StartState::Ready { first_run: true }));
    let summary = import(&first, &samples("ct_head_tilted_uneven"));
    assert_eq!((summary.imported, summary.studies, summary.failed), (28, 1, None));
    assert_eq!(import(&first, &samples("ct_head_tilted_uneven")).already_present, 28);
    let uid = rows(&first, "")[0].uid.clone();
    studies::set_read_state(&first, SetReadState { study_uid: uid.clone(), state: ReadState::Final })
        .unwrap();
    settings::change(&first, crate::dto::SettingsChange::Locale(Some("es".into()))).unwrap();
    drop(first);

    let second = desk(folder.path());
    assert!(matches!(second.start(false), StartState::Ready { first_run: false }));
    assert_eq!(second.state().settings.locale, "es");
    assert!(second.state().settings.cache_bytes > 0);
    let row = rows(&second, "").remove(0);
    assert_eq!((row.uid.as_str(), row.images, row.state), (uid.as_str(), 28, ReadState::Final));
    let word = row.description.split_whitespace().next().unwrap_or("CT").to_lowercase();
    assert_eq!(rows(&second, &word).len(), 1);
    assert!(rows(&second, "nothing is called like this").is_empty());
    let details =
        studies::details(&second, StudyRequest { study_uid: uid.clone(), today: "2026-11-22".into() })
            .unwrap();
    assert_eq!(details.series.iter().map(|s| s.instances).sum::<u32>(), 28);
    studies::delete(&second, DeleteStudies { study_uids: vec![uid.clone()] }).unwrap();
    assert!(rows(&second, "").is_empty());
    assert!(studies::details(&second, StudyRequest { study_uid: uid, today: String::new() }).is_err());
}

#[test]
fn each_trouble_at_the_start_is_told_and_trying_again_works_once_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let trouble = |desk: &Arc<Desk>| match desk.start(true) {
        StartState::Trouble(trouble) => trouble.kind,
        other => panic!("{other:?}"),
    };
    let owner = desk(folder.path());
    owner.start(false);
    let waiting = desk(folder.path());
    assert_eq!(trouble(&waiting), TroubleKind::InUse);
    drop(owner);

    let right = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    assert_eq!(trouble(&waiting), TroubleKind::KeyMissing);
    write_private(&key, &[b'0'; 64]);
    assert_eq!(trouble(&waiting), TroubleKind::WrongKey);
    write_private(&key, b"no key");
    assert_eq!(trouble(&waiting), TroubleKind::BadKeySource);
    write_private(&key, &right);
    assert!(matches!(waiting.start(true), StartState::Ready { first_run: false }));
}

#[test]
fn a_path_where_nothing_is_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    desk.start(false);
    let missing = folder.path().join("not here").display().to_string();
    assert!(importing::import_paths(&desk, ImportPaths { paths: vec![missing] }).is_err());
}

fn write_private(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
