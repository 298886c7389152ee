//! The real OpenID provider (`oidc-provider`), started by the peers' own script on a port of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot start its peer has failed")]

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The running provider; stopped at the end.
pub struct Peer {
    pub issuer: String,
    scripts: PathBuf,
    state: PathBuf,
}

impl Peer {
    /// Starts it; `None`, said loudly, where it is not installed.
    pub fn start() -> Option<Self> {
        let named = std::env::var_os("MEDSIGHT_PEERS").map(PathBuf::from);
        let beside = medsight_base::testing::workspace().join("../shared/peers");
        let scripts = named.unwrap_or(beside).join("oidc");
        if !scripts.join("start.sh").is_file() {
            let why = "SKIPPED: the OpenID peer is not here (set MEDSIGHT_PEERS to the peers' folder)";
            let _unwritten = writeln!(std::io::stderr().lock(), "{why}");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Its modules are installed once, and kept.
        let state = std::env::var_os("PEERS_STATE")
            .map_or_else(|| std::env::temp_dir().join("medsight-oidc-peer"), PathBuf::from);
        std::fs::create_dir_all(&state).unwrap();
        let peer = Self { issuer: format!("http://127.0.0.1:{port}"), scripts, state };
        peer.run("stop.sh", port);
        assert!(peer.run("start.sh", port), "the OpenID peer does not start");
        Some(peer)
    }

    fn run(&self, script: &str, port: u16) -> bool {
        let mut command = Command::new("bash");
        command.arg(self.scripts.join(script)).env("PEERS_STATE", &self.state);
        command.env("PEER_OIDC_PORT", port.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.run("stop.sh", 0);
    }
}
