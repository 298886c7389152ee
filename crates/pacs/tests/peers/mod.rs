//! Real peers for the tests: dcmtk's and Orthanc's own programs, started here, ended here.
//!
//! Found by their names on this machine and by the folder of the peers' scripts (`MEDSIGHT_PEERS`, else beside the
//! checkout). What is not installed is said loudly, and the test passes.
#![allow(unreachable_pub, reason = "a module of several test programs")]
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot start its peer has failed")]

pub mod front;

use medsight_pacs::node::Dimse;
use medsight_pacs::{Arrival, Sink, Taken};
use medsight_record::{HeaderReader, Refusal};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A peer's process; killed and waited for at the end.
pub struct Peer {
    pub port: u16,
    pub folder: PathBuf,
    child: Child,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Peer {
    /// Ends it as a power failure would.
    pub fn kill(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }

    /// The peer as a node of the settings.
    pub fn node(&self, called: &str) -> Dimse {
        node(called, self.port)
    }

    /// Its process, for a test that watches its memory.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

pub fn node(called: &str, port: u16) -> Dimse {
    Dimse {
        called_ae: called.into(),
        calling_ae: "WORKSTATION".into(),
        host: "127.0.0.1".into(),
        port,
        tls: None,
        connect_s: 5,
        answer_s: 30,
    }
}

/// A line that the test runner does not swallow.
pub fn skipped(why: &str) {
    let _unwritten = writeln!(std::io::stderr().lock(), "SKIPPED: {why}");
}

pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A port that is taken until the listener is dropped.
pub fn taken_port() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Whether one could listen there.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// A program on the path or in sbin.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    let found = places.map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        skipped(&format!("{name} is not installed"));
    }
    found
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

/// Starts a server and waits until its port is open. It listens on loopback only, where the shim can be built.
pub fn start(mut command: Command, port: u16, folder: &Path) -> Peer {
    if let Some(shim) = shim(folder) {
        command.env("LD_PRELOAD", shim);
    }
    let log = std::fs::File::create(folder.join(format!("log-{port}"))).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let child = command.spawn().unwrap();
    let mut peer = Peer { port, folder: folder.to_path_buf(), child };
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = peer.child.try_wait().unwrap();
        assert!(ended.is_none(), "the peer ended at once: {ended:?}, see {}", folder.display());
        assert!(begun.elapsed() < Duration::from_secs(60), "the peer did not open port {port}");
        std::thread::sleep(Duration::from_millis(50));
    }
    peer
}

fn shim(folder: &Path) -> Option<PathBuf> {
    let source = scripts()?.join("loopback_bind.c");
    let library = folder.join("loopback_bind.so");
    if !library.is_file() {
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(source).status();
        built.ok().filter(std::process::ExitStatus::success)?;
    }
    Some(library)
}

/// dcmtk's storescp.
pub fn storescp(folder: &Path, port: u16, more: &[&str]) -> Option<Peer> {
    let mut command = Command::new(program("storescp")?);
    std::fs::create_dir_all(folder.join("in")).unwrap();
    command.args(["--aetitle", "STORESCP", "-od"]).arg(folder.join("in")).args(more).arg(port.to_string());
    Some(start(command, port, folder))
}

/// dcmtk's dcmqrscp, which moves to WORKSTATION at `move_port`.
pub fn dcmqrscp(folder: &Path, port: u16, move_port: u16) -> Option<Peer> {
    let program = program("dcmqrscp")?;
    std::fs::create_dir_all(folder.join("db")).unwrap();
    let config = format!(
        "NetworkTCPPort = {port}\nMaxPDUSize = 131072\nMaxAssociations = 16\nHostTable BEGIN\n\
         workstation = (WORKSTATION, localhost, {move_port})\nHostTable END\nVendorTable BEGIN\nVendorTable END\n\
         AETable BEGIN\nDCMQR {} RW (200, 4096mb) workstation\nAETable END\n",
        folder.join("db").display()
    );
    let file = folder.join("qr.cfg");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program);
    command.arg("-c").arg(file);
    Some(start(command, port, folder))
}

/// Orthanc with DICOMweb. DIMSE port and HTTP port; its own folders.
pub fn orthanc(folder: &Path, dimse: u16, http: u16, move_port: u16, tls: bool) -> Option<Peer> {
    let program = program("Orthanc")?;
    let plugins = Path::new("/usr/share/orthanc/plugins");
    let base = scripts()?.join("orthanc/orthanc.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(base).unwrap()).unwrap();
    for name in ["storage", "index", "worklists"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    let inside = |name: &str| serde_json::Value::String(folder.join(name).display().to_string());
    config["StorageDirectory"] = inside("storage");
    config["IndexDirectory"] = inside("index");
    config["Worklists"]["Database"] = inside("worklists");
    config["DicomPort"] = dimse.into();
    config["HttpPort"] = http.into();
    config["DicomModalities"]["workstation"]["Port"] = move_port.into();
    let found =
        ["OrthancDicomWeb", "ModalityWorklists", "OrthancGdcm"].map(|n| plugins.join(format!("lib{n}.so")));
    let found: Vec<String> = found.iter().filter(|p| p.is_file()).map(|p| p.display().to_string()).collect();
    if !found.iter().any(|p| p.contains("DicomWeb")) {
        skipped("Orthanc's DICOMweb plug-in is not installed");
        return None;
    }
    config["Plugins"] = found.into();
    if tls {
        let pki = pki(folder)?;
        let file = |name: &str| serde_json::Value::String(pki.join(name).display().to_string());
        config["DicomTlsEnabled"] = true.into();
        config["DicomTlsCertificate"] = file("server.crt");
        config["DicomTlsPrivateKey"] = file("server.key");
        config["DicomTlsTrustedCertificates"] = file("ca.crt");
        config["DicomTlsRemoteCertificateRequired"] = true.into();
        config["DicomModalities"]["workstation"]["UseDicomTls"] = true.into();
    }
    let file = folder.join("orthanc.json");
    std::fs::write(&file, config.to_string()).unwrap();
    let mut command = Command::new(program);
    command.arg(file);
    let peer = start(command, dimse, folder);
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", http)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "Orthanc did not open port {http}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(peer)
}

/// The peers' test certificates, made for this folder.
pub fn pki(folder: &Path) -> Option<PathBuf> {
    let script = scripts()?.join("pki/make.sh");
    let made = Command::new("bash").arg(script).env("PEERS_STATE", folder).stderr(Stdio::null()).status();
    made.ok().filter(std::process::ExitStatus::success)?;
    Some(folder.join("pki"))
}

/// A CT of `count` slices of `size`² made here: real enough for every peer. Gives the files and the study's UID.
pub fn ct_series(folder: &Path, count: u32, size: u16, study: u32) -> (Vec<PathBuf>, String) {
    let root = format!("1.2.826.0.1.3680043.8.498.{study}");
    std::fs::create_dir_all(folder).unwrap();
    let make = |number: u32| {
        let path = folder.join(format!("{number:04}.dcm"));
        std::fs::write(&path, ct_slice(&root, number, size)).unwrap();
        path
    };
    ((1..=count).map(make).collect(), root)
}

/// One slice, explicit little endian.
pub fn ct_slice(root: &str, number: u32, size: u16) -> Vec<u8> {
    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    let instance = format!("{root}.1.{number}");
    let mut out = Vec::new();
    let mut put = |group: u16, element: u16, vr: &[u8; 2], value: &[u8]| {
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            value.push(if vr == b"UI" { 0 } else { b' ' });
        }
        out.extend_from_slice(&group.to_le_bytes());
        out.extend_from_slice(&element.to_le_bytes());
        out.extend_from_slice(vr);
        if vr == b"OW" || vr == b"OB" {
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(&(value.len() as u32).to_le_bytes());
        } else {
            out.extend_from_slice(&(value.len() as u16).to_le_bytes());
        }
        out.extend_from_slice(&value);
    };
    put(2, 1, b"OB", &[0, 1]);
    put(2, 2, b"UI", CT.as_bytes());
    put(2, 3, b"UI", instance.as_bytes());
    put(2, 0x10, b"UI", b"1.2.840.10008.1.2.1");
    put(2, 0x12, b"UI", b"1.2.826.0.1.3680043.8.498.1");
    put(8, 0x16, b"UI", CT.as_bytes());
    put(8, 0x18, b"UI", instance.as_bytes());
    put(8, 0x20, b"DA", b"20260401");
    put(8, 0x30, b"TM", b"101500");
    put(8, 0x50, b"SH", b"A100");
    put(8, 0x60, b"CS", b"CT");
    put(8, 0x1030, b"LO", b"Head");
    put(0x10, 0x10, b"PN", b"Test^Network");
    put(0x10, 0x20, b"LO", b"NET1");
    put(0x10, 0x30, b"DA", b"19700101");
    put(0x10, 0x40, b"CS", b"F");
    put(0x20, 0x0D, b"UI", root.as_bytes());
    put(0x20, 0x0E, b"UI", format!("{root}.1").as_bytes());
    put(0x20, 0x10, b"SH", b"1");
    put(0x20, 0x11, b"IS", b"1");
    put(0x20, 0x13, b"IS", number.to_string().as_bytes());
    put(0x20, 0x32, b"DS", format!("0\\0\\{number}").as_bytes());
    put(0x20, 0x37, b"DS", b"1\\0\\0\\0\\1\\0");
    put(0x20, 0x52, b"UI", format!("{root}.9").as_bytes());
    put(0x28, 2, b"US", &1_u16.to_le_bytes());
    put(0x28, 4, b"CS", b"MONOCHROME2");
    put(0x28, 0x10, b"US", &size.to_le_bytes());
    put(0x28, 0x11, b"US", &size.to_le_bytes());
    put(0x28, 0x30, b"DS", b"1\\1");
    put(0x28, 0x100, b"US", &16_u16.to_le_bytes());
    put(0x28, 0x101, b"US", &12_u16.to_le_bytes());
    put(0x28, 0x102, b"US", &11_u16.to_le_bytes());
    put(0x28, 0x103, b"US", &0_u16.to_le_bytes());
    put(0x28, 0x1052, b"DS", b"-1024");
    put(0x28, 0x1053, b"DS", b"1");
    let pixels: Vec<u8> = (0..u32::from(size) * u32::from(size))
        .flat_map(|at| (((at ^ (number * 7919)) & 0xFFF) as u16).to_le_bytes())
        .collect();
    put(0x7FE0, 0x10, b"OW", &pixels);
    let mut file = vec![0; 128];
    file.extend_from_slice(b"DICM");
    file.extend_from_slice(&out);
    file
}

/// Keeps files in memory; counts what comes twice.
#[derive(Default)]
pub struct MemorySink {
    pub files: Mutex<BTreeMap<String, Vec<u8>>>,
    pub twice: Mutex<u64>,
    /// How long keeping a group takes, as a slow disk would.
    pub slow: Duration,
}

impl Sink for MemorySink {
    fn keep(&self, arrivals: &[Arrival]) -> Vec<Result<Taken, Refusal>> {
        std::thread::sleep(self.slow);
        let one = |arrival: &Arrival| {
            medsight_dicom::DicomHeaders.read_header(&arrival.file)?;
            let mut files = self.files.lock().unwrap();
            if files.insert(arrival.name.instance.clone(), arrival.file.clone()).is_some() {
                *self.twice.lock().unwrap() += 1;
                return Ok(Taken::AlreadyHere);
            }
            Ok(Taken::New)
        };
        arrivals.iter().map(one).collect()
    }

    fn missing(&self, _study: &str, instances: &[String]) -> Result<Vec<String>, Refusal> {
        let files = self.files.lock().unwrap();
        Ok(instances.iter().filter(|uid| !files.contains_key(*uid)).cloned().collect())
    }
}

/// A temporary folder whose path is short enough for dcmtk's tables.
pub fn folder() -> TempDir {
    tempfile::Builder::new().prefix("msn").tempdir().unwrap()
}
