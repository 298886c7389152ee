//! The desk as a person meets it, without its window: started, filled, searched, changed, closed, started again.

use crate::desk::Desk;
use crate::dto::{
    ImportPaths, ImportState, Performed, SettingsChange, StartState, StudyRequest, TroubleKind,
    WindowCommand, WorklistFilter, WorklistRequest,
};
use crate::support::{self, import};
use crate::{importing, perform, studies};
use medsight_record::{Locale, ReadState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn desk(folder: &Path) -> Arc<Desk> {
    support::new_desk(folder, |_| None)
}

fn samples(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/samples/studies").join(name)
}

fn rows(desk: &Arc<Desk>, text: &str) -> Vec<crate::dto::StudyRow> {
    let filter = WorklistFilter { text: text.to_owned(), ..WorklistFilter::default() };
    studies::worklist(desk, WorklistRequest { filter, limit: 100, ..WorklistRequest::default() })
        .unwrap()
        .rows
}

fn do_it(desk: &Arc<Desk>, command: WindowCommand) -> Performed {
    perform::from_window(desk, command).unwrap()
}

fn set_state(desk: &Arc<Desk>, uid: &str, state: ReadState) -> Performed {
    do_it(desk, WindowCommand::SetReadState { study_uid: uid.to_owned(), state })
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
    set_state(&first, &uid, ReadState::Final);
    do_it(&first, WindowCommand::ChangeSetting(SettingsChange::Locale(Some(Locale::Es))));
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
    do_it(&second, WindowCommand::DeleteStudies { study_uids: vec![uid.clone()] });
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

#[test]
fn what_was_set_is_taken_back_step_by_step_and_done_again_but_a_deletion_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    desk.start(false);
    import(&desk, &samples("ct_head_tilted_uneven"));
    let state = |desk: &Arc<Desk>| rows(desk, "")[0].state;
    let uid = rows(&desk, "")[0].uid.clone();
    assert!(set_state(&desk, &uid, ReadState::Final).undoable);
    // To set what holds already is nothing that could be taken back.
    assert!(!set_state(&desk, &uid, ReadState::Final).undoable);
    do_it(&desk, WindowCommand::ToggleTheme);
    let columns = desk.state().settings.worklist_columns;
    do_it(&desk, WindowCommand::ChangeSetting(SettingsChange::WorklistColumns(vec!["name".into()])));

    let taken_back = do_it(&desk, WindowCommand::Undo);
    assert_eq!((taken_back.id.as_str(), taken_back.redoable), ("desk.change_setting", true));
    assert_eq!(desk.state().settings.worklist_columns, columns);
    assert_eq!(do_it(&desk, WindowCommand::Undo).id, "desk.toggle_theme");
    assert_eq!(desk.state().settings.theme, "dark");
    assert_eq!(do_it(&desk, WindowCommand::Undo).id, "record.set_read_state");
    assert_eq!(state(&desk), ReadState::Unread);
    assert!(perform::from_window(&desk, WindowCommand::Undo).is_err());
    do_it(&desk, WindowCommand::Redo);
    assert_eq!(state(&desk), ReadState::Final);

    let deleted = do_it(&desk, WindowCommand::DeleteStudies { study_uids: vec![uid] });
    assert!(!deleted.undoable);
    assert_eq!(perform::from_window(&desk, WindowCommand::Undo).unwrap_err().code, "desk.nothing-to-undo");
}

#[test]
fn an_import_that_waits_behind_another_is_there_after_the_desk_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    {
        // Killed: the import that runs and the one behind it are noted, and neither was begun.
        let killed = desk(folder.path());
        killed.start(false);
        let cache = killed.cache().unwrap();
        for name in ["ct_head_tilted_uneven", "us_colour_multiframe"] {
            cache.queue_import(&[std::path::absolute(samples(name)).unwrap()]).unwrap();
        }
    }
    let next = desk(folder.path());
    next.start(false);
    let begun = Instant::now();
    while !matches!(next.importing().state(), ImportState::Ended(_)) {
        assert!(begun.elapsed() < Duration::from_secs(120), "the imports do not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(rows(&next, "").len(), 2);
    assert_eq!(next.cache().unwrap().interrupted_imports().unwrap(), []);
}

#[test]
fn what_waits_when_a_person_cancels_is_not_begun_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    desk.start(false);
    let cache = desk.cache().unwrap();
    cache.queue_import(&[std::path::absolute(samples("ct_head_tilted_uneven")).unwrap()]).unwrap();
    do_it(&desk, WindowCommand::CancelImport);
    assert_eq!(cache.interrupted_imports().unwrap(), []);
}

#[test]
fn a_study_without_images_is_not_opened_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    desk.start(false);
    let report = folder.path().join("report.dcm");
    std::fs::write(&report, text_report()).unwrap();
    assert_eq!(import(&desk, &report).imported, 1);
    let uid = rows(&desk, "").remove(0).uid;
    let refused =
        perform::from_window(&desk, WindowCommand::OpenStudy { study_uid: uid, next_uid: None }).unwrap_err();
    assert_eq!(refused.code, "desk.no-images");
}

/// A Basic Text SR without content (PS3.3 A.35.1): an object that is no image. Explicit VR little endian.
fn text_report() -> Vec<u8> {
    fn element(out: &mut Vec<u8>, group: u16, element: u16, vr: &str, value: &str) {
        let pad = if vr == "UI" { '\0' } else { ' ' };
        let value = if value.len().is_multiple_of(2) { value.to_owned() } else { format!("{value}{pad}") };
        out.extend(group.to_le_bytes());
        out.extend(element.to_le_bytes());
        out.extend(vr.as_bytes());
        out.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
        out.extend(value.as_bytes());
    }
    let class = "1.2.840.10008.5.1.4.1.1.88.11";
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    element(&mut file, 2, 0x02, "UI", class);
    element(&mut file, 2, 0x03, "UI", "2.25.31401");
    element(&mut file, 2, 0x10, "UI", "1.2.840.10008.1.2.1");
    for (group, number, vr, value) in [
        (0x08, 0x16, "UI", class),
        (0x08, 0x18, "UI", "2.25.31401"),
        (0x08, 0x20, "DA", "20260105"),
        (0x08, 0x60, "CS", "SR"),
        (0x10, 0x10, "PN", "Report^Only"),
        (0x10, 0x20, "LO", "R-1"),
        (0x20, 0x0d, "UI", "2.25.31402"),
        (0x20, 0x0e, "UI", "2.25.31403"),
    ] {
        element(&mut file, group, number, vr, value);
    }
    file
}

fn write_private(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
