//! What the front end takes from Rust: commands and DTO types, written to `ui/src/generated`.

use crate::{demo, run};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Writes the generated files; with `check`, fails when they were not what the code says.
pub(crate) fn codegen(check: bool) -> Result<()> {
    let folder = run::root().join("ui/src/generated");
    let before = contents(&folder);
    // A check comes after the programs were built; building one package alone would compile its packages again.
    if !check {
        demo::build_beside_tests()?;
    }
    run::run_command(&mut Command::new(run::built("debug", "export-bindings")), "export-bindings")?;
    let after = contents(&folder);
    if after.is_empty() {
        bail!("nothing was written to ui/src/generated");
    }
    let stale: Vec<_> =
        after.iter().filter(|(name, text)| before.get(*name) != Some(text)).map(|(name, _)| name).collect();
    if check && !stale.is_empty() {
        bail!("generated files were stale (now rewritten; commit them): {stale:?}");
    }
    println!("{} generated files, {} changed", after.len(), stale.len());
    Ok(())
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    let files = entries.flatten().filter(|entry| entry.path().is_file());
    files
        .filter_map(|e| Some((e.file_name().to_string_lossy().into_owned(), std::fs::read(e.path()).ok()?)))
        .collect()
}
