//! Benchmarks against peers: the same input, in the same run, alternately, at least five times each.
//!
//! Every case ends in one line, `BENCH name case ours_ms peer_ms ratio peer`: medians; a ratio above 1 means that ours
//! is faster. Times are measured on whatever else the machine is doing, which is why both sides alternate.

mod cache;
mod codecs;
mod infer;
mod load;
mod net;
mod peer;
mod render;
mod sync;

use crate::run::{self, Usage, run};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How often each side runs.
const ROUNDS: usize = 5;

/// Names that later parts of the product bring.
const LATER: &[&str] = &["mpr"];

/// One measured case: each side's times in milliseconds, in the order measured.
pub(crate) struct Case {
    bench: &'static str,
    case: String,
    ours_ms: Vec<f64>,
    peer_ms: Vec<f64>,
    peer: String,
}

/// Runs the named benchmarks.
pub(crate) fn bench(words: &[String]) -> Result<()> {
    let (mut names, mut json_file) = (Vec::new(), None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => {
                json_file =
                    Some(PathBuf::from(words.next().ok_or_else(|| Usage("--json needs a file".into()))?))
            }
            "load" | "codecs" | "cache" | "render" | "net" | "sync" | "infer" => names.push(word.as_str()),
            name if LATER.contains(&name) => {
                return Err(Usage(format!(
                    "`bench {name}` comes with the part of the product that it measures"
                ))
                .into());
            }
            other => return Err(Usage(format!("bench does not know `{other}`")).into()),
        }
    }
    if names.is_empty() {
        return Err(Usage("bench needs a name: load, codecs, cache, render, net, sync, infer".into()).into());
    }
    run("cargo build --release --locked -p medsight-ctl")?;
    let mut cases = Vec::new();
    for name in names {
        match name {
            "load" => load::measure(&mut cases)?,
            "cache" => cache::measure(&mut cases)?,
            "net" => net::measure(&mut cases)?,
            "sync" => sync::measure(&mut cases)?,
            "codecs" => codecs::measure(&mut cases)?,
            "infer" => infer::measure(&mut cases)?,
            _ => render::measure(&mut cases)?,
        }
    }
    let rows: Vec<Value> = cases.iter().map(Case::row).collect();
    for case in &cases {
        println!("{}", case.line());
    }
    if let Some(file) = json_file {
        std::fs::write(&file, serde_json::to_string_pretty(&rows)? + "\n")
            .with_context(|| file.display().to_string())?;
    }
    Ok(())
}

impl Case {
    fn ratio(&self) -> f64 {
        median(&self.peer_ms) / median(&self.ours_ms)
    }

    fn line(&self) -> String {
        let (ours, peer) = (median(&self.ours_ms), median(&self.peer_ms));
        format!("BENCH {} {} {ours:.2} {peer:.2} {:.2} {}", self.bench, self.case, self.ratio(), self.peer)
    }

    fn row(&self) -> Value {
        json!({"name": self.bench, "case": self.case, "ours_ms": median(&self.ours_ms), "peer_ms": median(&self.peer_ms),
            "ratio": self.ratio(), "peer": self.peer, "all_ours_ms": self.ours_ms, "all_peer_ms": self.peer_ms})
    }
}

/// The middle value; of an even number of values, the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// Runs `medsightctl … --json` and returns its document.
fn ctl(arguments: &[&dyn AsRef<OsStr>]) -> Result<Value> {
    Ok(ctl_with_memory(arguments)?.0)
}

/// The same, and the most memory it had resident, in bytes (`VmHWM` of proc(5), read until it ends).
fn ctl_with_memory(arguments: &[&dyn AsRef<OsStr>]) -> Result<(Value, u64)> {
    let mut command = Command::new(run::built("release", "medsightctl"));
    command.args(arguments.iter().map(|word| word.as_ref())).arg("--json");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().context("medsightctl could not be started")?;
    let status = format!("/proc/{}/status", child.id());
    // The pipes are read on another thread while this one watches.
    let reader = std::thread::spawn(move || child.wait_with_output());
    let mut peak_kib = 0;
    while !reader.is_finished() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        peak_kib = peak_kib.max(kib.unwrap_or(0_u64));
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let out = reader.join().map_err(|_| anyhow::anyhow!("the reader of the pipes ended early"))??;
    if !out.status.success() {
        bail!("medsightctl ended with {}: {}", out.status, String::from_utf8_lossy(&out.stderr));
    }
    Ok((
        serde_json::from_slice(&out.stdout).context("medsightctl printed no JSON document")?,
        peak_kib * 1024,
    ))
}

/// The folder of a CT of 300 slices of 512×512, drawn once.
fn ct_300() -> Result<PathBuf> {
    let folder = run::target_dir().join("bench/ct300");
    let complete = folder.join("complete");
    if !complete.is_file() {
        println!("Drawing a CT of 300 slices in {}", folder.display());
        medsight_e2e::phantom::write_ct(&folder.join("slices"), 300, 512)?;
        std::fs::write(&complete, "")?;
    }
    Ok(folder.join("slices"))
}

/// Reads every file once, so that no side pays for the disk.
fn warm(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)?.flatten() {
        bytes += std::fs::read(entry.path())?.len() as u64;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_takes_half_as_long_as_its_peer_has_a_ratio_of_two() {
        let case = Case {
            bench: "load",
            case: "ct300".into(),
            ours_ms: vec![9.0, 10.0, 50.0],
            peer_ms: vec![20.0, 10.0, 30.0],
            peer: "Peer 1".into(),
        };
        assert_eq!(case.line(), "BENCH load ct300 10.00 20.00 2.00 Peer 1");
    }
}
