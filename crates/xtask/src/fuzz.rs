//! The fuzz targets of `tests/fuzz`, one after the other. Takes hours and a nightly compiler, so it is no part of
//! `test`: that replays what is kept (`tests/hostile`) with the stable one.

use crate::run::{self, Usage};
use crate::setup;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// Seconds for each target when nothing else is said.
const SECONDS: u64 = 3600;
/// Version of cargo-fuzz that is installed when there is none.
const CARGO_FUZZ: &str = "^0.13";

/// Runs the named targets, or all of them.
pub(crate) fn fuzz(words: &[String]) -> Result<()> {
    let mut seconds = SECONDS;
    let mut wanted = Vec::new();
    let all = targets()?;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => {
                let number = words.next().and_then(|n| n.parse().ok());
                seconds = number.ok_or_else(|| Usage("--seconds takes a number".to_owned()))?;
            }
            name if all.iter().any(|target| target == name) => wanted.push(name.to_owned()),
            other => return Err(Usage(format!("`{other}` is no fuzz target: {}", all.join(", "))).into()),
        }
    }
    if run::output("rustup run nightly rustc --version").is_none() {
        bail!("fuzzing needs a nightly compiler: `rustup toolchain install nightly`");
    }
    setup::install_tool("cargo-fuzz", CARGO_FUZZ)?;
    let mut found = Vec::new();
    for target in if wanted.is_empty() { all } else { wanted } {
        let ended = run::step(&format!("fuzz {target}: {seconds} s"), || one(&target, seconds));
        if ended.is_err() {
            found.push(target);
        }
    }
    if !found.is_empty() {
        bail!("findings in {}: the inputs are in tests/fuzz/artifacts", found.join(", "));
    }
    Ok(())
}

/// What is found on the way is gathered in the target folder; the seeds in the repository stay as they are.
fn one(target: &str, seconds: u64) -> Result<()> {
    let gathered = run::target_dir().join("fuzz-corpus").join(target);
    std::fs::create_dir_all(&gathered).with_context(|| gathered.display().to_string())?;
    let tools = run::tools_dir().join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)))?;
    let mut command = Command::new("rustup");
    command
        .current_dir(run::root())
        // The stable compiler's, which runs this program.
        .env_remove("CARGO")
        .env("PATH", path)
        .env(c_flags_variable()?, "-DNDEBUG -fsanitize=address -fno-omit-frame-pointer -g1")
        .args(["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir", "tests/fuzz", target])
        .arg(gathered)
        .arg(format!("tests/fuzz/seeds/{target}"))
        .args(["--", "-rss_limit_mb=2048", "-timeout=5"])
        .arg(format!("-max_total_time={seconds}"));
    run::run_command(&mut command, &format!("cargo fuzz run {target}"))
}

/// The variable with the C compiler's flags for this machine: decoders in C are watched like those in Rust.
fn c_flags_variable() -> Result<String> {
    let about = run::output("rustup run nightly rustc -vV").context("`rustc -vV` says nothing")?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    Ok(format!("CFLAGS_{}", host.replace('-', "_")))
}

/// The names of the targets, in alphabetical order.
fn targets() -> Result<Vec<String>> {
    let folder = run::root().join("tests/fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let names = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_suffix(".rs").map(str::to_owned)
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}
