//! A server that nobody here wrote, started and ended by the peers' own scripts.

use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A peer that may run. Dropping it ends it.
pub(crate) struct Peer {
    scripts: PathBuf,
    arguments: &'static [&'static str],
    port: (&'static str, u16),
    state: PathBuf,
}

impl Peer {
    /// The peer in a folder of the scripts, at a port that is told by a variable; `None` where its scripts are not here.
    /// Found by `MEDSIGHT_PEERS`, else beside the checkout.
    pub(crate) fn find(
        folder: &str,
        arguments: &'static [&'static str],
        port: (&'static str, u16),
    ) -> Result<Option<Self>> {
        let named = std::env::var_os("MEDSIGHT_PEERS").map(PathBuf::from);
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/peers");
        let scripts = named.unwrap_or(beside).join(folder);
        if !scripts.join("start.sh").is_file() {
            return Ok(None);
        }
        // What takes long to install is installed once, and kept.
        let kept = std::env::var_os("PEERS_STATE").map(PathBuf::from);
        let state = kept.unwrap_or_else(|| std::env::temp_dir().join(format!("medsight-{folder}-peer")));
        std::fs::create_dir_all(&state)?;
        let peer = Self { scripts, arguments, port, state };
        // One that a killed run left behind has another port.
        peer.run("stop.sh")?;
        Ok(Some(peer))
    }

    /// Starts it.
    pub(crate) fn begin(&self) -> Result<()> {
        let (scripts, state) = (self.scripts.display(), self.state.display());
        ensure!(self.run("start.sh")?, "the peer of {scripts} does not start: see its log in {state}");
        Ok(())
    }

    /// Ends it.
    pub(crate) fn end(&self) -> Result<()> {
        self.run("stop.sh").map(drop)
    }

    fn run(&self, script: &str) -> Result<bool> {
        let mut command = Command::new("bash");
        command.arg(self.scripts.join(script)).args(self.arguments).env("PEERS_STATE", &self.state);
        command.env(self.port.0, self.port.1.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command.status()?.success())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.run("stop.sh").ok();
    }
}
