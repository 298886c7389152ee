//! Looks for texts that must not be found wherever somebody else could read: arguments and environment of processes, files.

use crate::actors::Desk;
use crate::process::descendants;
use anyhow::{Context, Result, bail, ensure};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Fails when one of the texts is in the arguments or the environment of a program that the desk started, or of itself, or in
/// a file below the folders. What can't be read is no proof: that fails too, and so does a search that does not find what was
/// planted for it.
pub(super) fn read_along(desk: &Desk, wanted: &[&str], folders: &[PathBuf]) -> Result<()> {
    let found_in = |bytes: &[u8]| {
        wanted.iter().find(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes())).copied()
    };
    let mut programs = Vec::new();
    for id in descendants(desk.family()) {
        for name in ["cmdline", "environ"] {
            let bytes = match std::fs::read(format!("/proc/{id}/{name}")) {
                Ok(bytes) => bytes,
                Err(why) if is_gone(&why) => continue,
                Err(why) => bail!("{name} of process {id} can't be read: {why}"),
            };
            let found = found_in(&bytes);
            ensure!(found.is_none(), "{found:?} is in {name} of a process");
            if name == "cmdline" {
                programs
                    .push(String::from_utf8_lossy(&bytes).split('\0').next().unwrap_or_default().to_owned());
            }
        }
    }
    ensure!(
        programs.iter().any(|program| program.ends_with("/medsight")),
        "the desk is not among {programs:?}"
    );
    let mut looked_at = 0;
    for folder in folders {
        for file in files(folder)? {
            let bytes = match std::fs::read(&file) {
                Ok(bytes) => bytes,
                Err(why) if is_gone(&why) => continue,
                Err(why) => bail!("{} can't be read: {why}", file.display()),
            };
            let found = found_in(&bytes);
            ensure!(found.is_none(), "{found:?} is in {}", file.display());
            looked_at += 1;
        }
    }
    ensure!(looked_at > 0, "no file was looked at");
    control(wanted)
}

/// The same search finds each text that is in a file.
fn control(wanted: &[&str]) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("medsight-e2e-planted-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("inside"))?;
    let searched = wanted.iter().try_for_each(|text| {
        std::fs::write(folder.join("inside/planted"), format!("before {text} behind"))?;
        let found = files(&folder)?.iter().any(|file| {
            std::fs::read(file)
                .is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
        });
        ensure!(!text.is_empty() && found, "the search finds nothing");
        Ok(())
    });
    std::fs::remove_dir_all(&folder)?;
    searched
}

/// A process that ended meanwhile, a file that was taken away.
fn is_gone(why: &std::io::Error) -> bool {
    // ESRCH: the process has ended, its folder is still there.
    why.kind() == ErrorKind::NotFound || why.raw_os_error() == Some(3)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Err(why) if is_gone(&why) => return Ok(found),
        entries => entries.with_context(|| folder.display().to_string())?,
    };
    for entry in entries {
        let entry = entry?;
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())?),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    Ok(found)
}
