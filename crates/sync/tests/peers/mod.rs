//! Real peers for the tests: FHIR servers, an audit repository, started by the peers' scripts and ended here.
//!
//! Found by `MEDSIGHT_PEERS`, else beside the checkout; Helios FHIR by `PEER_HFS_BIN`, because it takes long to build.
//! What is not here is said loudly, and the test passes.
#![allow(unreachable_pub, reason = "a module of several test programs")]
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot start its peer has failed")]

pub mod bed;
pub mod proxy;

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, Weak};

/// A line that the test runner does not swallow.
pub fn skipped(why: &str) {
    let _unwritten = writeln!(std::io::stderr().lock(), "SKIPPED: {why}");
}

pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// The folder of the peers' scripts.
pub fn scripts() -> Option<PathBuf> {
    let named = std::env::var_os("MEDSIGHT_PEERS").map(PathBuf::from);
    let beside = medsight_base::testing::workspace().join("../shared/peers");
    let found = named.or(Some(beside)).filter(|folder| folder.is_dir());
    if found.is_none() {
        skipped("the peers' scripts are not here (set MEDSIGHT_PEERS to their folder)");
    }
    found
}

/// Where the peers keep what takes long to install, kept between runs: `PEERS_STATE`, so that a long run has servers that
/// no other run ends, else a folder of the build.
pub fn state() -> PathBuf {
    let named = std::env::var_os("PEERS_STATE").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A server that was started by its script; ended with the last who uses it.
pub struct Peer {
    pub port: u16,
    pub folder: PathBuf,
    stop: (PathBuf, Vec<String>),
}

impl Drop for Peer {
    fn drop(&mut self) {
        let (script, args) = &self.stop;
        let _ended = Command::new("bash")
            .arg(script)
            .args(args)
            .env("PEERS_STATE", &self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

fn start(folder: &str, args: &[&str], port_variable: &str) -> Option<Peer> {
    start_in(&state(), folder, args, &[(port_variable, free_port().to_string())])
}

/// The first of `variables` is that of the port.
fn start_in(state: &Path, folder: &str, args: &[&str], variables: &[(&str, String)]) -> Option<Peer> {
    let scripts = scripts()?.join(folder);
    let (port, state) = (variables[0].1.parse().unwrap(), state.to_path_buf());
    let run = |script: &str| {
        let mut command = Command::new("bash");
        command.arg(scripts.join(script)).args(args).env("PEERS_STATE", &state);
        command.envs(variables.iter().map(|(name, value)| (*name, value)));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    // One that a killed test left behind has another port.
    run("stop.sh");
    if !run("start.sh") {
        skipped(&format!("the peer {folder} {} could not be started", args.join(" ")));
        return None;
    }
    let stop = (scripts.join("stop.sh"), args.iter().map(|arg| (*arg).to_owned()).collect());
    Some(Peer { port, folder: state, stop })
}

fn shared(known: &Mutex<Weak<Peer>>, begin: impl FnOnce() -> Option<Peer>) -> Option<Arc<Peer>> {
    let mut known = known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(peer) = known.upgrade() {
        return Some(peer);
    }
    let peer = Arc::new(begin()?);
    *known = Arc::downgrade(&peer);
    Some(peer)
}

/// Medplum's FHIR router, in memory; wants the bearer token `peer-test-token`.
pub fn medplum() -> Option<Arc<Peer>> {
    static KNOWN: Mutex<Weak<Peer>> = Mutex::new(Weak::new());
    shared(&KNOWN, || start("fhir", &["medplum"], "PEER_FHIR_PORT"))
}

/// Helios FHIR, in memory; wants no token.
pub fn helios() -> Option<Arc<Peer>> {
    static KNOWN: Mutex<Weak<Peer>> = Mutex::new(Weak::new());
    if std::env::var_os("PEER_HFS_BIN").is_none() {
        skipped("Helios FHIR is not here (build it with the peers' script and name it in PEER_HFS_BIN)");
        return None;
    }
    shared(&KNOWN, || start("fhir", &["hfs"], "PEER_HFS_PORT"))
}

/// An OpenID provider whose access tokens last for so many seconds, and Helios FHIR, which wants them.
pub fn helios_with_tokens(seconds: u32) -> Option<(Peer, Peer)> {
    if std::env::var_os("PEER_HFS_BIN").is_none() {
        skipped("Helios FHIR is not here (build it with the peers' script and name it in PEER_HFS_BIN)");
        return None;
    }
    // Beside the one that wants none: the scripts know one of each in a folder. What is installed is shared.
    let beside = state().join("with-tokens");
    std::fs::create_dir_all(&beside).unwrap();
    drop(medplum()?);
    let link = beside.join("fhir-medplum");
    if !link.exists() {
        std::os::unix::fs::symlink(state().join("fhir-medplum"), link).unwrap();
    }
    let oidc_port = free_port().to_string();
    let lasting = ("PEER_OIDC_ACCESS_SECONDS", seconds.to_string());
    let oidc = start_in(&beside, "oidc", &[], &[("PEER_OIDC_PORT", oidc_port.clone()), lasting])?;
    let wants = [
        ("PEER_HFS_PORT", free_port().to_string()),
        ("PEER_HFS_AUTH", "1".to_owned()),
        ("PEER_OIDC_PORT", oidc_port),
    ];
    Some((oidc, start_in(&beside, "fhir", &["hfs"], &wants)?))
}

/// TLS in front of a server, with the certificate `server` of the peers' authority.
pub fn tls_before(port: u16) -> Option<Peer> {
    let at = free_port().to_string();
    let (name, plain) = (format!("sync-{port}"), port.to_string());
    start_in(&state(), "tlsfront", &[&name, &at, &plain], &[("PEER_UNUSED_PORT", at.clone())])
}

/// rsyslog as audit record repository.
pub fn atna() -> Option<Arc<Peer>> {
    static KNOWN: Mutex<Weak<Peer>> = Mutex::new(Weak::new());
    shared(&KNOWN, || start("atna", &[], "PEER_ATNA_PORT"))
}

/// Orthanc with DICOMweb. Its ports are fixed: DIMSE 24242, HTTP 28042.
pub fn orthanc() -> Option<Arc<Peer>> {
    static KNOWN: Mutex<Weak<Peer>> = Mutex::new(Weak::new());
    shared(&KNOWN, || {
        let mut peer = start("orthanc", &["plain"], "PEER_UNUSED_PORT")?;
        peer.port = 28042;
        Some(peer)
    })
}

/// DCMTK's worklist with two steps. Its port is fixed.
pub fn worklist() -> Option<Arc<Peer>> {
    static KNOWN: Mutex<Weak<Peer>> = Mutex::new(Weak::new());
    shared(&KNOWN, || {
        let mut peer = start("dcmtk", &["worklist"], "PEER_UNUSED_PORT")?;
        peer.port = 24105;
        Some(peer)
    })
}
