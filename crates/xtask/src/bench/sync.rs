//! Findings that wait, to a FHIR server: ours, from the encrypted outbox to the last acknowledgement kept, against the
//! same resources posted one by one by a plain HTTP client in a loop.
//!
//! The server is Helios FHIR, fresh for each side in turn (`PEER_HFS_BIN`, and the peers' scripts in `MEDSIGHT_PEERS`). The
//! client is Python's `http.client` with one connection that stays open; what it posts is what the server holds after
//! ours, each with the If-None-Exist that keeps a second one from being made. By the wall clock of the whole of ours, and
//! of the loop alone.

use super::{Case, ROUNDS};
use crate::run;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const EVENTS: usize = 1000;

/// Fetches everything (`get FILE`), or posts it one by one (`post FILE`) and prints the milliseconds of that.
const PLAIN: &str = r#"
import http.client, json, sys, time
port, what, file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
c = http.client.HTTPConnection("127.0.0.1", port)
head = {"Accept": "application/fhir+json", "Content-Type": "application/fhir+json"}
def ask(method, path, body=None, more={}):
    c.request(method, path, body, {**head, **more})
    r = c.getresponse()
    return r.status, r.read()
if what == "get":
    found = []
    for kind in ("Patient", "ImagingStudy", "Observation"):
        path = "/%s?_count=200" % kind
        while path:
            status, text = ask("GET", path)
            bundle = json.loads(text)
            found += [e["resource"] for e in bundle.get("entry", [])]
            nexts = [l["url"] for l in bundle.get("link", []) if l["relation"] == "next"]
            path = nexts[0].split("127.0.0.1:%d" % port)[1] if nexts else None
    for r in found: r.pop("id", None); r.pop("meta", None)
    json.dump(found, open(file, "w"))
    print(sum(1 for r in found if r["resourceType"] == "Observation"))
else:
    found = json.load(open(file))
    begun = time.perf_counter()
    for r in found:
        i = r["identifier"][0]
        q = ("identifier=%s|%s" % (i["system"], i["value"]))
        status, text = ask("POST", "/" + r["resourceType"], json.dumps(r), {"If-None-Exist": q})
        assert status in (200, 201), text
    print((time.perf_counter() - begun) * 1e3)
"#;

/// Measures `sync findings`.
pub(super) fn measure(cases: &mut Vec<Case>) -> Result<()> {
    let scripts = std::env::var_os("MEDSIGHT_PEERS").map(PathBuf::from);
    let scripts = scripts.unwrap_or_else(|| run::root().join("../shared/peers"));
    if !scripts.join("fhir/start.sh").is_file() || std::env::var_os("PEER_HFS_BIN").is_none() {
        println!("PEER MISSING: Helios FHIR is not here (MEDSIGHT_PEERS, PEER_HFS_BIN): NO comparison.");
        return Ok(());
    }
    let work = run::target_dir().join("bench/sync");
    std::fs::create_dir_all(&work)?;
    let posts = work.join("posts.json");
    let (mut ours_ms, mut peer_ms) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let server = Server::start(&scripts, &work)?;
        ours_ms.push(ours(&work, server.port)?);
        if round == 0 {
            let there = plain(server.port, "get", &posts)?;
            if there as usize != EVENTS {
                bail!("the server has {there} of {EVENTS} findings");
            }
        }
        drop(server);
        let server = Server::start(&scripts, &work)?;
        peer_ms.push(plain(server.port, "post", &posts)?);
    }
    let rate = |ms: &[f64]| EVENTS as f64 / (super::median(ms) / 1e3);
    println!(
        "sync findings: ours {:.0} a second, a plain client in a loop {:.0} a second",
        rate(&ours_ms),
        rate(&peer_ms)
    );
    let peer = "http.client loop".to_owned();
    cases.push(Case { bench: "sync", case: "findings".to_owned(), ours_ms, peer_ms, peer });
    Ok(())
}

/// One run of `sync --once` on a cache in which everything waits, in milliseconds.
fn ours(work: &Path, port: u16) -> Result<f64> {
    let cache = work.join("cache");
    let _none = std::fs::remove_dir_all(&cache);
    let key = work.join("key");
    let settings = work.join("settings.toml");
    let text = format!(
        "[[destinations]]\nname = \"peer\"\ntakes = [\"annotation\"]\n[destinations.to]\nsystem = \"fhir\"\n\
         url = \"http://127.0.0.1:{port}\"\npatient_system = \"urn:oid:2.25.1\"\npatients = \"create\"\n"
    );
    std::fs::write(&settings, text)?;
    let ctl = || {
        let mut command = Command::new(run::target_dir().join("release/medsightctl"));
        command.env("MEDSIGHT_KEY", format!("file:{}", key.display()));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let mut queue = ctl();
    queue.args(["bench-internal", "queue", "--events", &EVENTS.to_string(), "--cache"]).arg(&cache);
    run::run_command(&mut queue, "medsightctl bench-internal queue")?;
    let mut sync = ctl();
    sync.args(["--json", "sync", "--once", "--cache"]).arg(&cache).arg("--settings").arg(&settings);
    let begun = Instant::now();
    run::run_command(&mut sync, "medsightctl sync --once")?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

fn plain(port: u16, what: &str, posts: &Path) -> Result<f64> {
    let output = Command::new("python3")
        .args(["-c", PLAIN, &port.to_string(), what])
        .arg(posts)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("python3 could not be started")?;
    if !output.status.success() {
        bail!("the plain client ended with {}", output.status);
    }
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim().parse().with_context(|| format!("the plain client said `{}`", said.trim()))
}

/// Helios FHIR with nothing in it.
struct Server {
    port: u16,
    scripts: PathBuf,
    state: PathBuf,
}

impl Server {
    fn start(scripts: &Path, work: &Path) -> Result<Self> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let server = Self { port, scripts: scripts.to_owned(), state: work.join("peers") };
        server.script("stop.sh")?;
        server.script("start.sh")?;
        Ok(server)
    }

    fn script(&self, name: &str) -> Result<()> {
        let mut command = Command::new("bash");
        command.arg(self.scripts.join("fhir").join(name)).arg("hfs");
        command.env("PEERS_STATE", &self.state).env("PEER_HFS_PORT", self.port.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        run::run_command(&mut command, name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _stays = self.script("stop.sh");
    }
}
