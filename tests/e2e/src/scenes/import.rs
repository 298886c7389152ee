//! Importing a folder the way a person does: the button, the folder chooser, the summary.

use crate::actors::Desk;
use crate::machine::Machine;
use crate::process::until;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Presses the button and picks a folder in the chooser. Returns when the import has begun.
pub(super) fn begin(machine: &Machine, desk: &Desk, folder: &Path) -> Result<()> {
    let before = windows(machine);
    desk.click(&desk.find("import-button", 10)?)?;
    // The button may offer a choice of folder or files first.
    std::thread::sleep(Duration::from_millis(300));
    if let Some(choice) = desk.all("import-folder")?.first() {
        desk.click(choice)?;
    }
    let chooser = until("the folder chooser", 15, || {
        windows(machine).difference(&before).next().cloned().context("no new window")
    })?;
    machine.output("xdotool", &["windowactivate", &chooser])?;
    until("the chooser's focus", 10, || {
        let active = machine.output("xdotool", &["getactivewindow"])?;
        if active.trim() == chooser { Ok(()) } else { bail!("another window has it") }
    })?;
    let path = folder.to_str().context("the folder's name is not UTF-8")?;
    machine.output("xdotool", &["type", "--clearmodifiers", "--delay", "12", path])?;
    std::thread::sleep(Duration::from_millis(400));
    until("the chooser to close", 20, || {
        machine.output("xdotool", &["key", "--clearmodifiers", "Return"])?;
        std::thread::sleep(Duration::from_millis(700));
        if windows(machine).contains(&chooser) { bail!("it is still open") } else { Ok(()) }
    })
}

/// Waits for the summary, and returns its words.
pub(super) fn summary(desk: &Desk, seconds: u64) -> Result<String> {
    let summary = desk.find("import-summary", seconds)?;
    desk.text(&summary)
}

fn windows(machine: &Machine) -> BTreeSet<String> {
    let found = machine.output("xdotool", &["search", "--onlyvisible", "--name", "."]);
    found.unwrap_or_default().lines().map(str::to_owned).collect()
}
