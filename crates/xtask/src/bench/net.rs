//! Sending and receiving a CT of 300 slices, against dcmtk's storescu and storescp between the same two ends.
//!
//! `send`: ours and storescu, each to the same storescp. `receive`: storescu to ours, which encrypts and makes
//! durable before it answers, and to storescp, which does neither. `receive_durable`: the same, but storescp too waits
//! for the disk before it answers, by a library that is loaded into it ([`SYNC_ON_CLOSE`]): what the same promise costs
//! each. `stow`: ours by STOW-RS and storescu by C-STORE, each to the same Orthanc, emptied in between. All by the wall
//! clock of the whole program.
//!
//! dcmtk's programs, and Orthanc, which is made of it, run with `TCP_NODELAY=1` (dcmtk's docs/envvars.txt): without it
//! Nagle's algorithm holds back the end of every object for 40 ms, and the comparison would be with that. Besides the
//! medians of all benchmarks the least time of each side is told: on a machine that does other work it is the one that
//! says most of the programs.

use super::{Case, ROUNDS, ct_300, warm};
use crate::run;
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Measures `net send`, `net receive` and `net stow`.
pub(super) fn measure(cases: &mut Vec<Case>) -> Result<()> {
    let (Some(storescu), Some(storescp)) = (program("storescu"), program("storescp")) else {
        println!("PEER MISSING: dcmtk's storescu and storescp are not installed: NO comparison.");
        return Ok(());
    };
    let slices = ct_300()?;
    let bytes = warm(&slices)?;
    let work = run::target_dir().join("bench/net");
    cases.push(send(&slices, &work, &storescu, &storescp, bytes)?);
    cases.push(receive("receive", &slices, &work, &storescu, || prompt(&storescp), bytes)?);
    match sync_on_close(&work) {
        Ok(library) => {
            let durable = || {
                let mut command = prompt(&storescp);
                command.env("LD_PRELOAD", library);
                command
            };
            cases.push(receive("receive_durable", &slices, &work, &storescu, durable, bytes)?);
        }
        Err(error) => println!("PEER MISSING: receive_durable is not measured: {error:#}"),
    }
    match program("Orthanc") {
        Some(orthanc) => cases.push(stow(&slices, &work, &storescu, &orthanc, bytes)?),
        None => println!("PEER MISSING: Orthanc is not installed: STOW-RS is not measured."),
    }
    Ok(())
}

/// Both sides alternately. `prepare` runs before each, unmeasured.
fn alternate(
    name: &str,
    peer: &str,
    bytes: u64,
    mut prepare: impl FnMut() -> Result<()>,
    mut ours: impl FnMut() -> Command,
    mut theirs: impl FnMut() -> Command,
) -> Result<Case> {
    let (mut ours_ms, mut peer_ms) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS + 1 {
        prepare()?;
        ours_ms.push(timed(&mut ours())?);
        prepare()?;
        peer_ms.push(timed(&mut theirs())?);
    }
    let rate = |ms: f64| bytes as f64 / 1e3 / ms;
    let least = |ms: &[f64]| ms.iter().copied().fold(f64::INFINITY, f64::min);
    for (which, of) in [("median", super::median as fn(&[f64]) -> f64), ("best", least)] {
        let (ours, theirs) = (rate(of(&ours_ms)), rate(of(&peer_ms)));
        println!(
            "net {name}, {which}: ours {ours:.0} MB/s, {peer} {theirs:.0} MB/s, ratio {:.2}",
            ours / theirs
        );
    }
    Ok(Case { bench: "net", case: name.to_owned(), ours_ms, peer_ms, peer: peer.to_owned() })
}

fn send(slices: &Path, work: &Path, storescu: &Path, storescp: &Path, bytes: u64) -> Result<Case> {
    let inbox = work.join("inbox");
    let port = free_port()?;
    let mut command = prompt(storescp);
    fresh(&inbox)?;
    command.args(["--accept-all", "--aetitle", "PEER", "-od"]).arg(&inbox).arg(port.to_string());
    let _server = Server::start(command, port)?;
    let prepare = || fresh(&inbox);
    let ours = || {
        let mut command = ctl();
        command.args(["pacs", "send", &format!("PEER@127.0.0.1:{port}")]).arg(slices);
        command
    };
    alternate("send", "dcmtk storescu", bytes, prepare, ours, || scu(storescu, "PEER", port, slices))
}

/// What makes storescp wait for the disk as we do: a file that is closed is on it. Its name in the folder too: ext4 and
/// XFS bring a new file's entry along.
const SYNC_ON_CLOSE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
int fclose(FILE *file) {
    if (fflush(file) == 0) fdatasync(fileno(file));
    return ((int (*)(FILE *))dlsym(RTLD_NEXT, "fclose"))(file);
}
"#;

/// [`SYNC_ON_CLOSE`] as a library.
fn sync_on_close(work: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(work)?;
    let (source, library) = (work.join("sync_on_close.c"), work.join("sync_on_close.so"));
    std::fs::write(&source, SYNC_ON_CLOSE)?;
    let mut compile = Command::new("cc");
    compile.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    let status = compile.status().context("cc could not be started")?;
    if status.success() { Ok(library) } else { bail!("cc ended with {status}") }
}

/// `peer`: the command that begins storescp.
fn receive(
    case: &str,
    slices: &Path,
    work: &Path,
    storescu: &Path,
    peer: impl FnOnce() -> Command,
    bytes: u64,
) -> Result<Case> {
    let inbox = work.join("inbox");
    let (our_port, their_port) = (free_port()?, free_port()?);
    fresh(&inbox)?;
    let mut command = peer();
    command.args(["--accept-all", "--aetitle", "PEER", "-od"]).arg(&inbox).arg(their_port.to_string());
    let _theirs = Server::start(command, their_port)?;
    let (cache, key) = (work.join("cache"), work.join("key"));
    let mut ours: Option<Server> = None;
    let prepare = || {
        // A new cache each time: what is here already is not written again.
        drop(ours.take());
        fresh(&cache)?;
        fresh(&inbox)?;
        let mut command = ctl();
        command.args(["pacs", "listen", "--aet", "OURS", "--allow", "STORESCU", "--listen"]);
        command.arg(format!("127.0.0.1:{our_port}")).arg("--cache").arg(&cache);
        command.env("MEDSIGHT_KEY", format!("file:{}", key.display()));
        ours = Some(Server::start(command, our_port)?);
        Ok(())
    };
    let to_ours = || scu(storescu, "OURS", our_port, slices);
    alternate(case, "dcmtk storescp", bytes, prepare, to_ours, || scu(storescu, "PEER", their_port, slices))
}

fn stow(slices: &Path, work: &Path, storescu: &Path, orthanc: &Path, bytes: u64) -> Result<Case> {
    let store = work.join("orthanc");
    let (dimse, http) = (free_port()?, free_port()?);
    let file = work.join("orthanc.json");
    let config = json!({
        "StorageDirectory": store, "IndexDirectory": store, "HttpPort": http, "DicomPort": dimse, "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": false, "AuthenticationEnabled": false, "DicomAlwaysAllowStore": true,
        "OverwriteInstances": true, "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"],
        "DicomWeb": {"Enable": true, "Root": "/dicom-web/"},
    });
    std::fs::write(&file, config.to_string())?;
    let mut server: Option<Server> = None;
    let prepare = || {
        drop(server.take());
        fresh(&store)?;
        // Orthanc's DICOM side is dcmtk too.
        let mut command = prompt(orthanc);
        command.arg(&file);
        server = Some(Server::start(command, http)?);
        Ok(())
    };
    let ours = || {
        let mut command = ctl();
        command.args(["pacs", "send", &format!("http://127.0.0.1:{http}/dicom-web")]).arg(slices);
        command
    };
    alternate("stow", "dcmtk storescu", bytes, prepare, ours, || scu(storescu, "ORTHANC", dimse, slices))
}

/// One of dcmtk's programs that does not wait for a full packet.
fn prompt(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("TCP_NODELAY", "1");
    command
}

fn ctl() -> Command {
    let mut command = Command::new(run::built("release", "medsightctl"));
    command.arg("--json");
    command
}

fn scu(storescu: &Path, called: &str, port: u16, slices: &Path) -> Command {
    let mut command = prompt(storescu);
    command.args(["-aec", called, "+sd", "127.0.0.1", &port.to_string()]).arg(slices);
    command
}

fn timed(command: &mut Command) -> Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status().with_context(|| format!("{command:?} could not be started"))?;
    let took_ms = begun.elapsed().as_secs_f64() * 1e3;
    if status.success() { Ok(took_ms) } else { bail!("{command:?} ended with {status}") }
}

/// An empty folder.
fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(std::fs::create_dir_all(folder)?)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    places.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A server of this measurement; killed at its end.
struct Server(Child);

impl Server {
    fn start(mut command: Command, port: u16) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Self(command.spawn().with_context(|| format!("{command:?} could not be started"))?);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if server.0.try_wait()?.is_some() || begun.elapsed() > Duration::from_secs(60) {
                bail!("{command:?} did not open port {port}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}
