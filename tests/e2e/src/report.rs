//! Steps: each has a name, a time, a picture of the screen, and whether it went well or why not.

use crate::process::until;
use crate::screen;
use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The steps so far. A report is written whatever happens.
pub(crate) struct Report {
    out: PathBuf,
    steps: Vec<Value>,
    failed: usize,
    display: Option<String>,
}

/// Plays scenes and writes `report.json`; returns how many steps failed.
pub(crate) fn run(out: &Path, play: impl FnOnce(&mut Report) -> Result<()>) -> Result<usize> {
    std::fs::remove_dir_all(out).ok();
    std::fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    let begun = Instant::now();
    let mut report = Report { out: out.to_path_buf(), steps: Vec::new(), failed: 0, display: None };
    // A step that fails has said so already; only what happens between steps is new.
    if let Err(error) = play(&mut report)
        && !error.is::<StepFailed>()
    {
        report.add("between steps", Some(format!("{error:#}")), None, 0.0);
    }
    let document = json!({"steps": report.steps, "total_seconds": rounded(begun.elapsed().as_secs_f64())});
    let file = out.join("report.json");
    std::fs::write(&file, serde_json::to_string_pretty(&document)? + "\n")
        .context("report.json cannot be written")?;
    println!(
        "{} steps, {} failed, {:.0} s",
        report.steps.len(),
        report.failed,
        begun.elapsed().as_secs_f64()
    );
    Ok(report.failed)
}

/// Nothing more can be done in this scene: the step is in the report.
#[derive(Debug)]
pub(crate) struct StepFailed;

impl std::fmt::Display for StepFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a step failed")
    }
}

impl std::error::Error for StepFailed {}

impl Report {
    /// Tells which screen to take pictures of from now on.
    pub(crate) fn watch(&mut self, display: &str) {
        self.display = Some(display.to_owned());
    }

    /// The folder of the report, for logs that belong to it.
    pub(crate) fn folder(&self) -> &Path {
        &self.out
    }

    /// Plays one step that others do not need.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> bool {
        let begun = Instant::now();
        let done = work();
        let seconds = begun.elapsed().as_secs_f64();
        let picture = self.picture(name);
        let why = done.err().map(|error| format!("{error:#}"));
        let ok = why.is_none();
        self.add(name, why, picture, seconds);
        ok
    }

    /// Plays one step without which the rest means nothing.
    pub(crate) fn must<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut value = None;
        let ok = self.step(name, || {
            value = Some(work()?);
            Ok(())
        });
        value.filter(|_| ok).ok_or_else(|| anyhow!(StepFailed))
    }

    fn add(&mut self, name: &str, why: Option<String>, screenshot: Option<String>, seconds: f64) {
        self.failed += usize::from(why.is_some());
        match &why {
            None => println!("  ok      {name} ({seconds:.1} s)"),
            Some(why) => println!("  FAILED  {name} ({seconds:.1} s): {why}"),
        }
        let mut step = json!({"name": name, "ok": why.is_none(), "seconds": rounded(seconds)});
        if let Some(why) = why {
            step["why"] = why.into();
        }
        if let Some(file) = screenshot {
            step["screenshot"] = file.into();
        }
        self.steps.push(step);
    }

    fn picture(&self, name: &str) -> Option<String> {
        let display = self.display.as_ref()?;
        let words: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .collect();
        let file = format!("{:02}-{words}.png", self.steps.len() + 1);
        // A window that closes at this moment makes the server answer with an error.
        let picture = until("a picture of the screen", 2, || screen::capture(display));
        let saved = picture.and_then(|picture| picture.save(&self.out.join(&file)));
        match saved {
            Ok(()) => Some(file),
            Err(error) => {
                println!("          no picture of the screen: {error:#}");
                None
            }
        }
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}
