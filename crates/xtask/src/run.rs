//! Running other programs, and where things are: the repository, the target folder, the peers.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The words after the verb make no sense: exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// The repository's root: two folders above this crate.
pub(crate) fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).unwrap_or(crate_folder).to_path_buf()
}

/// Where cargo writes: `CARGO_TARGET_DIR`, else `target` in the repository.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => std::path::absolute(&folder).unwrap_or_else(|_| PathBuf::from(folder)),
        None => root().join("target"),
    }
}

/// Programs that tests need and that cargo installs: kept in the target folder, so that a warm one keeps them.
pub(crate) fn tools_dir() -> PathBuf {
    target_dir().join("tools")
}

/// A program that was built into the target folder.
pub(crate) fn built(profile: &str, program: &str) -> PathBuf {
    target_dir().join(profile).join(program)
}

/// The peers that benchmarks compare with: `MEDSIGHT_PEERS`, else beside the checkout.
pub(crate) fn peers() -> Option<PathBuf> {
    let folder =
        std::env::var_os("MEDSIGHT_PEERS").map_or_else(|| root().join("../shared/peers"), PathBuf::from);
    folder.join("bench").is_dir().then(|| folder.canonicalize().unwrap_or(folder))
}

/// A command in the repository's root; words are split at spaces (none of ours has a space inside).
pub(crate) fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or("true");
    let mut command = if program == "cargo" {
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    } else {
        Command::new(program)
    };
    command.args(words).current_dir(root());
    command
}

/// Runs a command with its output shown, and fails when it fails.
pub(crate) fn run(line: &str) -> Result<()> {
    run_command(&mut command(line), line)
}

/// As [`run`], for a command that needed more than words.
pub(crate) fn run_command(command: &mut Command, shown: &str) -> Result<()> {
    let status = command.status().with_context(|| format!("`{shown}` could not be started"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// What a command prints, or nothing when it fails or is not installed.
pub(crate) fn output(line: &str) -> Option<String> {
    let out = command(line).stderr(Stdio::null()).stdin(Stdio::null()).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Whether a program of this name is in the search path.
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Announces a step, runs it, and says how long it took.
pub(crate) fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n── {name}");
    let begun = Instant::now();
    let done = work();
    let word = if done.is_ok() { "done" } else { "FAILED" };
    println!("── {name}: {word} in {:.1} s", begun.elapsed().as_secs_f64());
    done.with_context(|| name.to_owned())
}
