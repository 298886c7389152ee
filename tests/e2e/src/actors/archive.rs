//! An archive on the network: dcmtk's, filled with a phantom, behind a line that is as slow as a test needs it.

use crate::Programs;
use crate::http::free_port;
use crate::machine::Machine;
use crate::process::{Owned, until};
use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What of the archive's answers passes at once…
const PIECE: usize = 32 << 10;
/// …and how long the next piece is kept back, on each connection.
const PAUSE: Duration = Duration::from_millis(50);

/// A running archive. Dropping it ends it.
pub(crate) struct Archive {
    _server: Owned,
    /// Where the slow line is.
    pub(crate) port: u16,
}

impl Archive {
    /// Whether one can be started here.
    pub(crate) fn is_installed() -> bool {
        program("dcmqrscp").is_some()
    }

    /// Starts it and sends it the files of a folder, past the slow line.
    pub(crate) fn start(machine: &Machine, programs: &Programs, files: &Path) -> Result<Self> {
        let (folder, server_port) = (machine.home("archive"), free_port()?);
        std::fs::create_dir_all(folder.join("db"))?;
        let config = format!(
            "NetworkTCPPort = {server_port}\nMaxPDUSize = 131072\nMaxAssociations = 16\nHostTable BEGIN\n\
             desk = (MEDSIGHT, localhost, 1)\nHostTable END\nVendorTable BEGIN\nVendorTable END\nAETable BEGIN\n\
             ARCHIVE {} RW (20, 4096mb) ANY\nAETable END\n",
            folder.join("db").display()
        );
        let file = folder.join("archive.cfg");
        std::fs::write(&file, config)?;
        let mut command = Command::new(program("dcmqrscp").context("dcmqrscp is not installed")?);
        command.arg("-c").arg(file).stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(shim) = loopback_only(&folder) {
            command.env("LD_PRELOAD", shim);
        }
        let server = Owned::start(&mut command, machine.logs(), "archive")?;
        until("the archive", 30, || TcpStream::connect(("127.0.0.1", server_port)).context("no answer"))?;
        let to = format!("ARCHIVE@127.0.0.1:{server_port}");
        let sent = machine.command(&programs.ctl).args(["pacs", "send", &to]).arg(files).output()?;
        ensure!(
            sent.status.success(),
            "medsightctl could not fill it: {}",
            String::from_utf8_lossy(&sent.stderr)
        );
        Ok(Self { _server: server, port: slow_line(server_port, Slow::Answers)? })
    }

    /// Settings of a desk that knows the archive.
    pub(crate) fn settings(&self) -> String {
        format!(
            "[[nodes]]\nname = \"Archive\"\n[nodes.dimse]\ncalled_ae = \"ARCHIVE\"\ncalling_ae = \"MEDSIGHT\"\n\
             host = \"127.0.0.1\"\nport = {}\n",
            self.port
        )
    }
}

pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// dcmqrscp listens on every address of the machine. Where the peers' shim can be built, on loopback alone.
pub(super) fn loopback_only(folder: &Path) -> Option<PathBuf> {
    let source = PathBuf::from(std::env::var_os("MEDSIGHT_PEERS")?).join("loopback_bind.c");
    let library = folder.join("loopback_bind.so");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(source).status();
    built.ok().filter(std::process::ExitStatus::success).map(|_| library)
}

/// Which direction of a line is slow.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Slow {
    /// What the one that was called sends.
    Answers,
    /// What the one that calls sends.
    Questions,
}

/// A port that passes everything on to another one, slowly; it listens until the program ends.
pub(crate) fn slow_line(server_port: u16, slow: Slow) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A side that goes away ends its connection and no other.
            std::thread::spawn(move || drop(pass(client, server_port, slow)));
        }
    });
    Ok(port)
}

fn pass(client: TcpStream, server_port: u16, slow: Slow) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", server_port))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || one_way(&mut from, &mut to, slow == Slow::Questions));
    one_way(&mut { server }, &mut { client }, slow == Slow::Answers)
}

fn one_way(from: &mut TcpStream, to: &mut TcpStream, is_slow: bool) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).unwrap_or(0);
        if read == 0 {
            return to.shutdown(std::net::Shutdown::Write);
        }
        if is_slow && read == PIECE {
            std::thread::sleep(PAUSE);
        }
        to.write_all(&piece[..read])?;
    }
}
