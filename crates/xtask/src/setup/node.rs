//! Node and the front end's packages.

use crate::run;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// The oldest Node that the front end's build accepts: Debian 12 and Ubuntu 24.04 both bring 18.
const NODE_MAJOR: u32 = 18;

/// Installs Node where it is absent, and the front end's packages where the lock file changed since the last time.
pub(super) fn install() -> Result<()> {
    match version() {
        Some(major) if major >= NODE_MAJOR && run::installed("npm") => {}
        Some(major) if major < NODE_MAJOR => {
            bail!(
                "Node {major} is installed, {NODE_MAJOR} or later is needed: https://nodejs.org/en/download"
            )
        }
        _ => super::apt::add(&["nodejs", "npm"])?,
    }
    let ui = run::root().join("ui");
    let lock = std::fs::read(ui.join("package-lock.json")).context("ui/package-lock.json cannot be read")?;
    let stamp = ui.join("node_modules/.installed-lock");
    if std::fs::read(&stamp).is_ok_and(|then| then == lock) {
        return Ok(());
    }
    println!("Installing the front end's packages");
    npm("ci --no-audit --no-fund --prefer-offline")?;
    std::fs::write(&stamp, &lock).context("the stamp of the front end's packages cannot be written")
}

fn version() -> Option<u32> {
    let text = run::output("node --version")?;
    text.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

/// Runs npm in the front end's folder.
pub(crate) fn npm(words: &str) -> Result<()> {
    run::run_command(&mut npm_command(words), &format!("npm {words} (in ui)"))
}

fn npm_command(words: &str) -> Command {
    let mut command = run::command(&format!("npm {words}"));
    command.current_dir(run::root().join("ui")).env("NO_UPDATE_NOTIFIER", "1");
    command
}

/// Whether npm's registry can be asked at all: an audit needs it, and a machine may be offline.
pub(crate) fn registry_answers() -> bool {
    let mut ping = npm_command("ping --fetch-retries=0 --fetch-timeout=8000");
    ping.output().is_ok_and(|out| out.status.success())
}
