//! Every input that is kept, through what reads it: the seeds of the fuzz targets and what they once found.

use medsight_hostile::{TARGETS, check};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

fn kept(kind: &str, target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(kind).join(target);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// One test, as memory is counted for the whole process.
#[test]
fn no_input_that_is_kept_breaks_hangs_or_fills_memory() {
    let mut broken = Vec::new();
    let mut bytes = 0;
    for target in TARGETS {
        let seeds = kept("seeds", target.name);
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        for path in seeds.into_iter().chain(kept("regressions", target.name)) {
            let data = std::fs::read(&path).unwrap_or_default();
            bytes += data.len();
            let begun = Instant::now();
            let panicked = catch_unwind(AssertUnwindSafe(|| check(target, &data))).is_err();
            if panicked || begun.elapsed().as_secs() >= 5 {
                broken.push(path);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(bytes < 3 << 20, "{bytes} bytes are kept: minimise them, see tests/fuzz/README.md");
}

#[test]
fn what_once_broke_something_is_small() {
    for target in TARGETS {
        for path in kept("regressions", target.name) {
            let length = path.metadata().map_or(0, |data| data.len());
            assert!(length <= 64 << 10, "{}: {length} bytes", path.display());
        }
    }
}

#[test]
fn every_fuzz_target_is_replayed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let stem = |path: PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut programs: Vec<String> = entries.map(|entry| stem(entry.path())).collect();
    let mut replayed: Vec<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    programs.sort();
    replayed.sort();
    assert_eq!(programs, replayed);
}
