//! Starts that fail: each has a screen that says what is the matter and what to do, and trying again works once it is mended.

use crate::Programs;
use crate::actors::Desk;
use crate::machine::Machine;
use crate::process::until;
use crate::report::Report;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;

/// Plays all of them over one cache.
pub(crate) fn play(programs: &Programs, report: &mut Report) -> Result<()> {
    let logs = report.folder().to_path_buf();
    let mut machine =
        report.must("a session without a keyring service", || Machine::without_keyring(&logs))?;
    report.watch(&machine.display);
    let cache = machine.home("cache-in-trouble");
    let first = report.must("no keyring service: said, and no cache is made without a key", || {
        let desk = on_screen(&machine, programs, &cache, "no_keyring")?;
        ensure!(!cache.join("records.db").exists(), "there are records without a key");
        Ok(desk)
    })?;
    let desk = report.must("once the service runs, trying again opens the worklist", || {
        machine.unlock_keyring()?;
        try_again(&first)?;
        first.find("worklist", 30)?;
        Ok(first)
    })?;
    drop(desk);
    let locked = report.must("a locked keyring", || {
        machine.lock_keyring()?;
        on_screen(&machine, programs, &cache, "keyring_locked")
    })?;
    drop(locked);
    let description = cache.join("cache.json");
    let before = std::fs::read(&description)?;
    let newer = report.must("a cache of a newer MedSight is not touched", || {
        let mut newer: serde_json::Value = serde_json::from_slice(&before)?;
        newer["format"] = 99.into();
        std::fs::write(&description, newer.to_string())?;
        let seen = snapshot(&cache)?;
        let desk = on_screen(&machine, programs, &cache, "newer_schema")?;
        ensure!(snapshot(&cache)? == seen, "the cache was changed");
        Ok(desk)
    })?;
    drop(newer);
    std::fs::write(&description, before)?;
    let _lost = report.must("a lost key: no new one is made", || {
        machine.forget_keys()?;
        on_screen(&machine, programs, &cache, "key_missing")
    })?;
    Ok(())
}

/// Starts the desk, which must show the screen of this trouble; it stays for the picture.
fn on_screen(machine: &Machine, programs: &Programs, cache: &Path, kind: &str) -> Result<Desk> {
    let desk = Desk::launch(machine, programs, cache, &[])?;
    screen(&desk, kind)?;
    Ok(desk)
}

/// Waits for the screen of a trouble, which must say something besides its title.
fn screen(desk: &Desk, kind: &str) -> Result<()> {
    until(&format!("the screen {kind}"), 60, || {
        let start = desk.all("start")?;
        let start = start.first().context("no start screen")?;
        let is = desk.attribute(start, "data-state")?;
        if is == kind { Ok(()) } else { bail!("the screen is {is}") }
    })?;
    desk.find("try-again", 5).map(drop)
}

fn try_again(desk: &Desk) -> Result<()> {
    desk.click(&desk.find("try-again", 5)?)
}

/// Names and sizes of a folder's files.
fn snapshot(folder: &Path) -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        files.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()));
    }
    files.sort();
    Ok(files)
}
