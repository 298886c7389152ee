//! Runs in which everything breaks: the program is killed, connections are cut, answers are lost, the disk is full, the
//! clock goes back a day. In the end every finding is at the real server, once, as it was last, and the trail is whole.
//!
//! Each run has a seed; `MEDSIGHT_SEED=n` replays one alone, `MEDSIGHT_RUNS=n` sets how many there are.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod check;
#[path = "../peers/mod.rs"]
mod peers;
mod reader;

use check::check;
use medsight_sync::Engine;
use peers::bed::{FINDINGS, TOKEN, bearer, fhir};
use peers::proxy::{Fault, Proxy};
use reader::{CHILD, Job, Numbers, STUDIES, again_when_full, open, say, write};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Not a test by itself: the program that is killed. It says what is durable, line by line.
#[test]
fn what_is_said_to_be_kept_is_kept() {
    let Ok(job) = std::env::var(CHILD) else { return };
    let job: Job = serde_json::from_str(&job).unwrap();
    let folder = Path::new(&job.folder);
    let cache = Arc::new(open(folder));
    let destinations = vec![fhir("server", &job.url, &job.takes, "bundle = 7")];
    let engine = again_when_full(|| {
        Engine::new(Arc::clone(&cache), destinations.clone(), Vec::new(), bearer(TOKEN), "rita")
    });
    let written = Arc::new(AtomicBool::new(false));
    let writer = {
        let (cache, written) = (Arc::clone(&cache), Arc::clone(&written));
        std::thread::spawn(move || {
            write(&cache, &job);
            written.store(true, Ordering::SeqCst);
            job
        })
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // Faults go on while it drains, on a machine that may have much else to do: what counts is that it gets on.
    let (mut got_on, mut least) = (Instant::now(), u64::MAX);
    loop {
        let was_written = written.load(Ordering::SeqCst);
        let swept = runtime.block_on(engine.once(&CancellationToken::new()));
        let status = engine.status().unwrap().remove(0);
        let waiting = status.waiting + status.events_waiting.unwrap_or(0);
        if was_written && waiting == 0 {
            break;
        }
        if waiting < least || !was_written {
            (got_on, least) = (Instant::now(), waiting);
        }
        assert!(got_on.elapsed() < Duration::from_secs(120), "it does not drain: {waiting} {swept:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    let job = writer.join().unwrap();
    if job.drain {
        let stuck = engine.status().unwrap().remove(0).stuck;
        assert!(stuck.is_empty(), "{stuck:?}");
        say("drained");
    }
}

/// A child that does `job`; killed after `kill` if that is said. What it said is durable.
fn child(job: &Job, kill: Option<Duration>, kept: &mut BTreeMap<String, i64>) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_is_said_to_be_kept_is_kept", "--nocapture"])
        .env(CHILD, serde_json::to_string(job).unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut drained = false;
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut errors = child.stderr.take().unwrap();
    let reading = std::thread::spawn(move || {
        out.lines().map_while(Result::ok).filter(|line| line.starts_with('@')).collect::<Vec<_>>()
    });
    let complaining = std::thread::spawn(move || {
        let mut text = String::new();
        let _unread = std::io::Read::read_to_string(&mut errors, &mut text);
        text
    });
    if let Some(kill) = kill {
        std::thread::sleep(kill);
        let _ended = child.kill();
    }
    let status = child.wait().unwrap();
    let complaint = complaining.join().unwrap();
    assert!(kill.is_some() || status.success(), "seed {}: {complaint}", job.seed);
    for line in reading.join().unwrap() {
        let words: Vec<&str> = line[1..].split(' ').collect();
        match words[..] {
            ["drained"] => drained = true,
            [_, name, revision] => {
                kept.insert(name.to_owned(), revision.parse().unwrap());
            }
            _ => {}
        }
    }
    drained
}

/// A small disk of its own, where this user may make one.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=24m", "medsight-test"]).arg(folder);
        mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _stays = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// One run: two children that are killed, faults on the way, and one that ends. Then the server is asked.
fn run(seed: u64, server: &Server) {
    let (base, port) = (server.base.as_str(), server.peer.port);
    let mut numbers = Numbers(seed);
    let temporary = tempfile::tempdir().unwrap();
    let wants_full = numbers.below(4) == 0;
    let disk = if wants_full { SmallDisk::mount(temporary.path()) } else { None };
    let folder = temporary.path();
    medsight_cache::synthetic::fill(&open(folder), STUDIES as usize, seed).unwrap();
    let faults = std::sync::Mutex::new(Numbers(seed ^ 0xFA17));
    let calm = Arc::new(AtomicBool::new(false));
    let is_calm = Arc::clone(&calm);
    let proxy = Proxy::before(port, move |_| {
        if is_calm.load(Ordering::SeqCst) {
            return Fault::None;
        }
        match faults.lock().unwrap().below(20) {
            0..=2 => Fault::LoseAnswer,
            3 => Fault::HalfAnswer,
            4..=5 => Fault::CutRequest,
            6 => Fault::Gone,
            7 => Fault::Status(503, 0),
            8 => Fault::Status(500, 0),
            _ => Fault::None,
        }
    });
    let url = base.replace(&port.to_string(), &proxy.port.to_string());
    let mut kept: BTreeMap<String, i64> = BTreeMap::new();
    let mut job = Job {
        folder: folder.display().to_string(),
        url,
        takes: server.takes.clone(),
        seed,
        part: 0,
        acts: 12 + numbers.below(30),
        drain: false,
        clock_back: numbers.below(3) == 0,
        full: disk.is_some(),
    };
    for part in 0..2 {
        job.part = part;
        let kill = Duration::from_millis(5 + numbers.below(400));
        child(&job, Some(kill), &mut kept);
        let _none = std::fs::remove_file(folder.join("ballast"));
    }
    calm.store(numbers.below(2) == 0, Ordering::SeqCst);
    (job.part, job.drain, job.acts, job.full) = (2, true, 6, false);
    assert!(child(&job, None, &mut kept), "seed {seed}: it did not drain");
    check(seed, base, &server.takes, folder, &kept);
}

/// A server with what it takes: Helios refuses audit events from clients.
struct Server {
    peer: Arc<peers::Peer>,
    base: String,
    takes: String,
}

fn servers() -> Vec<Server> {
    let medplum = peers::medplum().map(|peer| Server {
        base: format!("http://127.0.0.1:{}/fhir", peer.port),
        takes: format!("{FINDINGS}, \"audit\""),
        peer,
    });
    let helios = peers::helios().map(|peer| Server {
        base: format!("http://127.0.0.1:{}", peer.port),
        takes: FINDINGS.to_owned(),
        peer,
    });
    medplum.into_iter().chain(helios).collect()
}

/// Runs on the same servers. They keep everything in memory and look through all of it for each condition: after a hundred
/// runs or so an answer takes longer than a client waits.
const RUNS_OF_A_SERVER: usize = 40;

/// `first`: of how many seeds that follow each other.
fn runs(default: u64, first: u64) {
    let seeds: Vec<u64> = match std::env::var("MEDSIGHT_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => {
            let count = std::env::var("MEDSIGHT_RUNS").ok().map_or(default, |n| n.parse().unwrap());
            (first..first + count).collect()
        }
    };
    let mut count = 0;
    for some in seeds.chunks(RUNS_OF_A_SERVER) {
        let servers = servers();
        if servers.is_empty() {
            return;
        }
        for seed in some {
            let server = &servers[count % servers.len()];
            count += 1;
            let mut err = std::io::stderr().lock();
            let _unwritten = writeln!(err, "fault run {count} of {}: MEDSIGHT_SEED={seed}", seeds.len());
            drop(err);
            run(*seed, server);
        }
    }
}

#[test]
fn nothing_is_lost_and_nothing_is_there_twice_when_everything_breaks() {
    if std::env::var_os(CHILD).is_none() {
        // The same each time: what changes here is the program. New seeds are for the long one.
        runs(6, 38_500_000);
    }
}

/// The long one: `MEDSIGHT_SLOW=1 cargo test -p medsight-sync --test faults -- a_thousand`.
#[test]
fn nothing_is_lost_and_nothing_is_there_twice_in_a_thousand_runs() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    if std::env::var_os("MEDSIGHT_SLOW").is_none() {
        peers::skipped(
            "a thousand runs in which everything breaks take the better part of an hour (MEDSIGHT_SLOW=1)",
        );
        return;
    }
    runs(1000, u64::from(std::process::id()) * 100_000);
}
