//! An Orthanc of the hospital: it wants to know who asks, and sends to the desk's listener (C-MOVE).

use super::archive::{loopback_only, program};
use crate::Programs;
use crate::http::{curl, free_port};
use crate::machine::Machine;
use crate::process::{Owned, signal, until};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const PLUGIN: &str = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";

/// How it wants to know who asks by HTTP.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wants {
    /// Name and password; the user `visitor` has no permission for anything.
    Password,
    /// The token `token-of-this-run`.
    Token,
}

/// A server that keeps what it has when it ends. Dropping it ends it.
pub(crate) struct Orthanc {
    server: Option<Owned>,
    name: String,
    folder: PathBuf,
    http_port: u16,
    pub(crate) dimse_port: u16,
    /// Base of its DICOMweb service.
    pub(crate) url: String,
}

impl Orthanc {
    /// Whether one can be started here.
    pub(crate) fn is_installed() -> bool {
        program("Orthanc").is_some() && Path::new(PLUGIN).is_file()
    }

    /// Starts it. It sends to the title MEDSIGHT at `move_port`.
    pub(crate) fn start(machine: &Machine, name: &str, wants: Wants, move_port: u16) -> Result<Self> {
        let folder = machine.home(name);
        std::fs::create_dir_all(&folder)?;
        let (dimse_port, http_port) = (free_port()?, free_port()?);
        let rule = match wants {
            Wants::Password => "username ~= 'visitor'",
            Wants::Token => "headers['authorization'] == 'Bearer token-of-this-run'",
        };
        let script = format!(
            "function IncomingHttpRequestFilter(method, uri, ip, username, headers)\n  return {rule}\nend\n"
        );
        std::fs::write(folder.join("rule.lua"), script)?;
        let config = json!({
            "Name": name, "DicomAet": "ORTHANC", "DicomPort": dimse_port, "HttpPort": http_port,
            "StorageDirectory": folder.join("storage"), "IndexDirectory": folder.join("index"),
            "Plugins": [PLUGIN], "DicomWeb": {"Enable": true, "Root": "/dicom-web/"},
            "RemoteAccessAllowed": false, "AuthenticationEnabled": wants == Wants::Password,
            "RegisteredUsers": {"rita": "password of this run", "visitor": "password of this run"},
            "LuaScripts": [folder.join("rule.lua")], "DicomCheckCalledAet": true, "ConcurrentJobs": 8,
            "DicomModalities": {"desk": {
                "AET": "MEDSIGHT", "Host": "127.0.0.1", "Port": move_port,
                "AllowEcho": true, "AllowStore": true, "AllowFind": true, "AllowGet": false, "AllowMove": true,
            }},
        });
        std::fs::write(folder.join("orthanc.json"), config.to_string())?;
        let url = format!("http://127.0.0.1:{http_port}/dicom-web");
        let mut orthanc = Self { server: None, name: name.to_owned(), folder, http_port, dimse_port, url };
        orthanc.begin(machine)?;
        Ok(orthanc)
    }

    /// Starts it, also again over what it had.
    pub(crate) fn begin(&mut self, machine: &Machine) -> Result<()> {
        let mut command = machine.command(program("Orthanc").context("Orthanc is not installed")?);
        command.arg(self.folder.join("orthanc.json")).stdout(Stdio::null());
        if let Some(shim) = loopback_only(&self.folder) {
            command.env("LD_PRELOAD", shim);
        }
        self.server = Some(Owned::start(&mut command, machine.logs(), &self.name)?);
        for port in [self.dimse_port, self.http_port] {
            until("Orthanc", 60, || TcpStream::connect(("127.0.0.1", port)).context("no answer"))?;
        }
        Ok(())
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let server = self.server.take().context("it does not run")?;
        signal(server.id(), "KILL")
    }

    /// How many studies and objects it has, asked by its own interface (`/statistics`).
    pub(crate) fn holds(&self) -> Result<(u64, u64)> {
        let url = format!("http://127.0.0.1:{}/statistics", self.http_port);
        let answer = curl("GET", &url, &["--user", "rita:password of this run"], None)?.1;
        let count = |name: &str| answer[name].as_u64().with_context(|| format!("{name} of {answer}"));
        Ok((count("CountStudies")?, count("CountInstances")?))
    }

    /// Sends it the files of a folder.
    pub(crate) fn fill(&self, machine: &Machine, programs: &Programs, files: &Path) -> Result<()> {
        let to = format!("ORTHANC@127.0.0.1:{}", self.dimse_port);
        let sent = machine.command(&programs.ctl).args(["pacs", "send", &to]).arg(files).output()?;
        ensure!(
            sent.status.success(),
            "medsightctl could not fill it: {}",
            String::from_utf8_lossy(&sent.stderr)
        );
        Ok(())
    }
}
