//! What tests of the desk share: a desk on a key file in a folder of its own, and imports that are waited for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::args::Args;
use crate::desk::{Desk, Shell};
use crate::dto::{ImportPaths, ImportState, ImportSummary};
use crate::importing;
use medsight_base::StudyUid;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A desk that is open, with its cache, key and settings in `folder`. Its person answers where files go with `save_as`.
pub(crate) fn open_desk(
    folder: &Path,
    save_as: impl Fn(&str) -> Option<PathBuf> + Send + Sync + 'static,
) -> Arc<Desk> {
    let desk = new_desk(folder, save_as);
    desk.start(false);
    desk
}

/// As [`open_desk`], before its start.
pub(crate) fn new_desk(
    folder: &Path,
    save_as: impl Fn(&str) -> Option<PathBuf> + Send + Sync + 'static,
) -> Arc<Desk> {
    new_desk_with(folder, shell(save_as))
}

/// As [`new_desk`], with what is around it.
pub(crate) fn new_desk_with(folder: &Path, shell: Shell) -> Arc<Desk> {
    let args = Args {
        cache: Some(folder.join("cache")),
        key: format!("key-file:{}", folder.join("key").display()).parse().ok(),
        import: Vec::new(),
    };
    Desk::new(args, Some(folder.join("settings.toml")), shell)
}

/// A program around the desk that hears nothing and has no windows.
pub(crate) fn shell(save_as: impl Fn(&str) -> Option<PathBuf> + Send + Sync + 'static) -> Shell {
    Shell {
        tell: Box::new(|_| ()),
        choose: Box::new(|_| Vec::new()),
        save_as: Box::new(save_as),
        open_in_browser: Box::new(|_| false),
        speller: None,
        close: Box::new(|| ()),
    }
}

/// Imports a path and waits for the end.
pub(crate) fn import(desk: &Arc<Desk>, path: &Path) -> ImportSummary {
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

/// The one study of the cache.
pub(crate) fn only_study(desk: &Arc<Desk>) -> StudyUid {
    let all = medsight_cache::Query { limit: 10, ..Default::default() };
    let page = desk.cache().unwrap().worklist(&all).unwrap();
    assert_eq!(page.total, 1);
    page.rows[0].uid.clone()
}
