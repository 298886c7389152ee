//! What is fetched before anybody asks, with a real Orthanc: the next study of the worklist and the patient's earlier ones.
//! Where no Orthanc is installed, that is said loudly and the test passes.

use crate::desk::Desk;
use crate::dto::{NodeForm, RetrievalPhase, RetrievalRow, SettingsChange, WindowCommand};
use crate::network_journeys::{desk, ended, images_here, node, peers, retrieve, send, set_nodes, wait};
use crate::{perform, prefetch};
use medsight_base::StudyUid;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A server with studies of one patient and of another.
struct Archive {
    _server: peers::Peer,
    port: u16,
    /// The study that is opened, and its files.
    open: (String, Vec<PathBuf>),
    /// The next of the worklist, another patient's, and its files.
    next: (String, Vec<PathBuf>),
    /// Earlier studies of the first patient, the newest first, then one that is later.
    earlier: Vec<String>,
}

/// A CT of a patient on a day; `series` makes it another study.
fn study(
    folder: &Path,
    slices: u32,
    series: u32,
    patient: &[u8; 4],
    day: &[u8; 8],
) -> (String, Vec<PathBuf>) {
    let (files, uid) = peers::ct_series(&folder.join(series.to_string()), slices, 256, series);
    for file in &files {
        let mut bytes = std::fs::read(file).unwrap();
        for (old, new) in [(&b"NET1"[..], &patient[..]), (&b"20260401"[..], &day[..])] {
            let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
            bytes[at..at + old.len()].copy_from_slice(new);
        }
        std::fs::write(file, bytes).unwrap();
    }
    (uid, files)
}

fn archive(folder: &Path, slices: u32) -> Option<Archive> {
    let (port, http) = (peers::free_port(), peers::free_port());
    let server = peers::orthanc(folder, port, http, peers::free_port(), false)?;
    let open = study(folder, 4, 741, b"NET1", b"20260401");
    let next = study(folder, slices, 742, b"NET2", b"20260402");
    let days: [&[u8; 8]; 3] = [b"20250101", b"20240101", b"20270101"];
    let earlier: Vec<_> =
        (743..).zip(days).map(|(number, day)| study(folder, slices, number, b"NET1", day)).collect();
    let mut files = [open.1.clone(), next.1.clone()].concat();
    files.extend(earlier.iter().flat_map(|(_, files)| files.clone()));
    send(&server, "ORTHANC", files);
    let earlier = earlier.into_iter().map(|(uid, _)| uid).collect();
    Some(Archive { _server: server, port, open, next, earlier })
}

impl Archive {
    fn node(&self, next: bool, priors: u8) -> NodeForm {
        let mut node = node("archive", self.port);
        (node.prefetch_next, node.prefetch_priors) = (next, priors);
        node.parallel_retrievals = 2;
        if let Some(dimse) = &mut node.dimse {
            dimse.called_ae = "ORTHANC".into();
        }
        node
    }

    /// The desk has the study that is opened whole and the next in part, and the first is opened.
    fn opened(&self, desk: &Arc<Desk>) {
        let paths = self.open.1.iter().chain(&self.next.1[..2]).cloned().collect();
        desk.importing().add(desk, paths).unwrap();
        until("the import", || images_here(desk) == 6);
        self.open_again(desk);
    }

    fn open_again(&self, desk: &Arc<Desk>) {
        let uid = |uid: &str| StudyUid::parse(uid).unwrap();
        prefetch::opened(desk, &uid(&self.open.0), Some(uid(&self.next.0)));
    }
}

fn until(what: &str, is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} does not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn row(desk: &Arc<Desk>, uid: &str) -> Option<RetrievalRow> {
    desk.retrieving().rows().into_iter().find(|row| row.study_uid == uid)
}

#[test]
fn the_next_study_and_the_newest_priors_come_by_themselves_and_are_shown_as_fetched_ahead() {
    let folder = peers::folder();
    let Some(archive) = archive(folder.path(), 60) else { return };
    let desk = desk(folder.path());
    set_nodes(&desk, vec![archive.node(true, 1)]);
    archive.opened(&desk);
    let both = [archive.next.0.as_str(), archive.earlier[0].as_str()];
    until("what is fetched ahead", || both.iter().all(|uid| row(&desk, uid).is_some()));
    let rows = desk.retrieving().rows();
    assert!(rows.len() == 2 && rows.iter().all(|row| row.ahead && row.node == "archive"), "{rows:?}");
    // The next study is nearer than a prior; the second prior is more than was wanted, and a later study is none.
    assert_eq!(rows.iter().map(|row| row.study_uid.as_str()).collect::<Vec<_>>(), both);
    until("all of it", || desk.retrieving().rows().is_empty());
    assert_eq!(images_here(&desk), 4 + 60 + 60);
    // Everything is here: opening it again asks for nothing.
    archive.open_again(&desk);
    std::thread::sleep(Duration::from_millis(500));
    assert!(desk.retrieving().rows().is_empty());
    assert!(desk.cache().unwrap().interrupted_retrievals().unwrap().is_empty());
}

#[test]
fn what_a_person_asks_for_goes_before_what_is_fetched_ahead() {
    let folder = peers::folder();
    let Some(archive) = archive(folder.path(), 300) else { return };
    let desk = desk(folder.path());
    set_nodes(&desk, vec![archive.node(true, 1)]);
    archive.opened(&desk);
    let next = archive.next.0.as_str();
    wait(&desk, next, |row| (row.files_done > 0).then_some(()));
    // It is asked for later and has as many objects, and yet it is here first.
    retrieve(&desk, "archive", &[&archive.earlier[1]]);
    let summary = ended(&desk, &archive.earlier[1]);
    assert_eq!((summary.imported, summary.failed), (300, None));
    let ahead = row(&desk, &archive.earlier[0]).expect("the prior was fetched before what was asked for");
    assert!(ahead.ahead && !matches!(ahead.phase, RetrievalPhase::Ended(_)), "{ahead:?}");
    desk.retrieving().cancel(&desk, None);
}

#[test]
fn switching_it_off_ends_it_at_once_and_what_came_stays() {
    let folder = peers::folder();
    let Some(archive) = archive(folder.path(), 300) else { return };
    let desk = desk(folder.path());
    set_nodes(&desk, vec![archive.node(true, 2)]);
    archive.opened(&desk);
    let next = archive.next.0.as_str();
    wait(&desk, next, |row| (row.files_done > 0).then_some(()));
    // The next study is not wanted any more; the priors are.
    set_nodes(&desk, vec![archive.node(false, 2)]);
    until("the end of the next study", || row(&desk, next).is_none());
    assert!(row(&desk, &archive.earlier[1]).is_some(), "{:?}", desk.retrieving().rows());
    set_nodes(&desk, vec![archive.node(false, 0)]);
    until("the end of all", || desk.retrieving().rows().is_empty());
    let kept = images_here(&desk);
    assert!(kept > 6 && kept < 4 + 900, "{kept}");
    assert!(desk.cache().unwrap().interrupted_retrievals().unwrap().is_empty());
    archive.open_again(&desk);
    std::thread::sleep(Duration::from_millis(500));
    assert!(desk.retrieving().rows().is_empty() && images_here(&desk) == kept);
}

#[test]
fn opening_another_study_leaves_what_had_not_begun_for_the_one_before() {
    let folder = peers::folder();
    let Some(archive) = archive(folder.path(), 300) else { return };
    let desk = desk(folder.path());
    set_nodes(&desk, vec![NodeForm { parallel_retrievals: 1, ..archive.node(true, 2) }]);
    archive.opened(&desk);
    until("all three", || desk.retrieving().rows().len() == 3);
    let other = StudyUid::parse("1.2.3").unwrap();
    prefetch::opened(&desk, &other, None);
    until("the one that had begun", || desk.retrieving().rows().len() == 1);
    assert_eq!(desk.retrieving().rows()[0].study_uid, archive.next.0);
    desk.retrieving().cancel(&desk, None);
}

#[test]
fn a_cache_that_is_full_gets_nothing_that_nobody_asked_for() {
    let folder = peers::folder();
    let Some(archive) = archive(folder.path(), 60) else { return };
    let desk = desk(folder.path());
    set_nodes(&desk, vec![archive.node(true, 2)]);
    let quota = |gib| WindowCommand::ChangeSetting(SettingsChange::CacheQuotaGib(gib));
    perform::from_window(&desk, quota(1)).unwrap();
    desk.pretend_bytes(1 << 30);
    archive.open_again(&desk);
    std::thread::sleep(Duration::from_millis(500));
    assert!(desk.retrieving().rows().is_empty());
    // Half a megabyte is left: it begins and ends with what fits.
    desk.pretend_bytes((1 << 30) - (512 << 10));
    archive.open_again(&desk);
    until("the beginning", || !desk.retrieving().rows().is_empty());
    until("the end", || desk.retrieving().rows().is_empty());
    let kept = images_here(&desk);
    assert!(kept > 0 && kept < 180, "{kept}");
}
