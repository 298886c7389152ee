//! Where tests find the optional corpus of real studies. Absent corpus: tests say so loudly and pass.

use std::io::Write;
use std::path::PathBuf;

/// The corpus folder: `MEDSIGHT_CORPUS`, else what the unpack script beside the checkout prints.
///
/// Prints one SKIPPED line and returns `None` when neither is there.
pub fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("MEDSIGHT_CORPUS").map(PathBuf::from);
    let found = named.or_else(unpacked).filter(|folder| folder.is_dir());
    if found.is_none() {
        // Straight to the stream: the test runner swallows `eprintln!` of tests that pass.
        let mut stderr = std::io::stderr().lock();
        let _unwritten =
            writeln!(stderr, "SKIPPED: the corpus is not here (set MEDSIGHT_CORPUS to its folder)");
    }
    found
}

/// The small corpus the project carries itself: `tests/corpus`.
pub fn own_corpus() -> PathBuf {
    workspace().join("tests").join("corpus")
}

/// The root of the checkout.
pub fn workspace() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn unpacked() -> Option<PathBuf> {
    let script = workspace().join("../shared/data/unpack.sh");
    let output = std::process::Command::new("bash").arg(script.canonicalize().ok()?).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().last().map(|line| PathBuf::from(line.trim()))
}
