//! Runs in which everything breaks: the program is killed, connections are cut, answers are lost, the disk is full, the
//! clock goes back a day. In the end every finding is at the real server, once, as it was last, and the trail is whole.
//!
//! Each run has a seed; `MEDSIGHT_SEED=n` replays one alone, `MEDSIGHT_RUNS=n` sets how many there are.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod peers;

use medsight_base::{StudyUid, Timestamp};
use medsight_cache::{Cache, CacheError};
use medsight_record::report::rules::SignAct;
use medsight_record::report::{Content, ReportId, ReportToSave, Section, Signature};
use medsight_record::{AnnotationId, RecordCommand};
use medsight_sync::Engine;
use peers::bed::{FINDINGS, TOKEN, bearer, fhir, key, length, named, study};
use peers::proxy::{Fault, Proxy};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// splitmix64: the same numbers for the same seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// What the child of a run is to do; it travels in the environment.
#[derive(serde::Serialize, serde::Deserialize)]
struct Job {
    folder: String,
    url: String,
    seed: u64,
    part: u64,
    /// Acts to do; then everything is sent, if `drain`.
    acts: u64,
    drain: bool,
    /// The clock goes back a day in the middle.
    clock_back: bool,
    /// The disk fills up in the middle, for a time.
    full: bool,
}

const CHILD: &str = "MEDSIGHT_FAULT_CHILD";
const STUDIES: u64 = 3;

fn annotation_id(seed: u64, n: u64) -> Uuid {
    Uuid::from_u128(u128::from(seed) << 64 | u128::from(n))
}

fn report_id(seed: u64, n: u64) -> ReportId {
    ReportId(Uuid::from_u128(u128::from(seed) << 64 | 1 << 32 | u128::from(n)))
}

/// Not a test by itself: the program that is killed. It says what is durable, line by line.
#[test]
fn what_is_said_to_be_kept_is_kept() {
    let Ok(job) = std::env::var(CHILD) else { return };
    let job: Job = serde_json::from_str(&job).unwrap();
    let folder = Path::new(&job.folder);
    let cache = Arc::new(open(folder));
    let destinations = vec![fhir("server", &job.url, FINDINGS, "bundle = 7")];
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
    let begun = Instant::now();
    loop {
        let was_written = written.load(Ordering::SeqCst);
        let swept = runtime.block_on(engine.once(&CancellationToken::new()));
        let waiting = engine.status().unwrap()[0].waiting;
        if was_written && waiting == 0 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "it does not drain: {waiting} {swept:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    let job = writer.join().unwrap();
    if job.drain {
        let stuck = engine.status().unwrap().remove(0).stuck;
        assert!(stuck.is_empty(), "{stuck:?}");
        say("drained");
    }
}

fn open(folder: &Path) -> Cache {
    again_when_full(|| Cache::open(&folder.join("cache"), &key()))
}

fn again_when_full<T>(mut act: impl FnMut() -> Result<T, CacheError>) -> T {
    loop {
        match act() {
            Ok(done) => return done,
            Err(CacheError::DiskFull) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = writeln!(out, "\n@{line}").and_then(|()| out.flush());
}

fn write(cache: &Arc<Cache>, job: &Job) {
    let mut numbers = Numbers(job.seed.wrapping_mul(1000).wrapping_add(job.part));
    let shift = AtomicU64::new(0);
    let ballast = Path::new(&job.folder).join("ballast");
    for n in 0..job.acts {
        if job.clock_back && n == job.acts / 2 {
            medsight_sync::set_clock_offset_ms(-86_400_000);
            shift.store(86_400_000, Ordering::SeqCst);
        }
        if job.full && n == job.acts / 3 {
            fill_up(&ballast);
        }
        if job.full && n == job.acts * 2 / 3 {
            let _none = std::fs::remove_file(&ballast);
        }
        let real = Timestamp::from_system(std::time::SystemTime::now());
        let at = Timestamp(real.0 - shift.load(Ordering::SeqCst).cast_signed());
        act(cache, job.seed, &mut numbers, at);
        std::thread::sleep(Duration::from_micros(numbers.below(4000)));
    }
    let _none = std::fs::remove_file(&ballast);
}

/// Until nothing more fits.
fn fill_up(ballast: &Path) {
    let Ok(mut file) = std::fs::File::create(ballast) else { return };
    for size in [65_536, 4096, 512] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

/// One act of a reader. What is durable is said.
fn act(cache: &Cache, seed: u64, numbers: &mut Numbers, at: Timestamp) {
    let of = study(seed, numbers.below(STUDIES) as usize);
    match numbers.below(10) {
        0..=6 => {
            let id = annotation_id(seed, numbers.below(6));
            let mm = (numbers.below(100_000) as f64) / 100.0;
            // An annotation stays in the study it was drawn in.
            let of = study(seed, (id.as_u128() % u128::from(STUDIES)) as usize);
            let command = RecordCommand::SaveAnnotation(Box::new(length(&of, id, mm)));
            if let Ok(applied) = cache.apply(&command, "rita", at) {
                say(&format!("drawn {id} {}", applied.revision.unwrap()));
            }
        }
        7 => {
            let id = annotation_id(seed, numbers.below(6));
            let of = study(seed, (id.as_u128() % u128::from(STUDIES)) as usize);
            let command = RecordCommand::RemoveAnnotation { study: of, id: AnnotationId(id) };
            if let Ok(applied) = cache.apply(&command, "rita", at) {
                if let Some(revision) = applied.revision {
                    say(&format!("drawn {id} {revision}"));
                }
            }
        }
        _ => {
            let n = numbers.below(2);
            if let Some(version) = report(cache, &study(seed, n as usize), report_id(seed, n), at) {
                say(&format!("signed {} {version}", report_id(seed, n).0));
            }
        }
    }
    drop(of);
}

/// Signs the next version of a report.
fn report(cache: &Cache, of: &StudyUid, id: ReportId, at: Timestamp) -> Option<i64> {
    let version = cache.report(id).map_or(0, |report| report.version());
    let act = match version {
        0 => {
            let section = Section {
                key: "impression".into(),
                heading: "Impression".into(),
                text: "Seen.".into(),
                ..Section::default()
            };
            let content = Content { language: "en".into(), sections: vec![section], ..Content::default() };
            let saved = cache.report(id).ok().and_then(|r| r.working).map_or(0, |working| working.saved);
            let save = ReportToSave { report: id, study: of.clone(), content, base_version: 0, saved };
            cache.apply(&RecordCommand::SaveReport(Box::new(save)), "rita", at).ok()?;
            SignAct::Final
        }
        n => SignAct::Addendum { text: format!("Addendum {n}.") },
    };
    let signature = Signature { account: "rita".into(), name: "Dr. Rita".into(), at };
    cache.sign_report(id, &act, version, signature).ok()?.revision
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
fn run(seed: u64, base: &str, port: u16) {
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
    check(seed, base, folder, &kept);
}

/// The records hold what was said to be durable; the server holds what the records hold, each thing once.
fn check(seed: u64, base: &str, folder: &Path, kept: &BTreeMap<String, i64>) {
    let cache = open(folder);
    assert!(cache.verify_audit().unwrap().is_ok(), "seed {seed}: the trail is broken");
    let rule = medsight_sync::rule_of(&fhir("server", base, FINDINGS, ""));
    assert_eq!(cache.outbox_status(&[rule]).unwrap()[0].waiting, 0, "seed {seed}");
    for n in 0..6 {
        let id = annotation_id(seed, n);
        let here = cache
            .annotations(&study(seed, (id.as_u128() % u128::from(STUDIES)) as usize))
            .unwrap()
            .into_iter()
            .find(|annotation| annotation.id.0 == id);
        let there = named(base, "Observation", id);
        let said = kept.get(&id.to_string()).copied().unwrap_or(0);
        if here.is_none() && said == 0 && there.is_empty() {
            continue;
        }
        assert_eq!(there.len(), 1, "seed {seed}: {id} is at the server {} times", there.len());
        let revision = revision(&there[0]);
        assert!(
            revision >= said,
            "seed {seed}: {id} is lost: revision {said} was durable, {revision} is there"
        );
        match here {
            Some(annotation) => {
                let value = there[0]["valueQuantity"]["value"].as_f64();
                assert_eq!(value, annotation.measured.length_mm, "seed {seed}: {id}");
            }
            None => assert_eq!(there[0]["status"], "entered-in-error", "seed {seed}: {id}"),
        }
    }
    for n in 0..2 {
        let id = report_id(seed, n);
        let version = cache.report(id).map_or(0, |report| i64::from(report.version()));
        let said = kept.get(&id.0.to_string()).copied().unwrap_or(0);
        assert!(version >= said, "seed {seed}: version {said} of a report is lost here");
        let there = named(base, "DiagnosticReport", id.0);
        assert_eq!(there.len(), usize::from(version > 0), "seed {seed}: report {}", id.0);
        if version > 0 {
            assert_eq!(revision(&there[0]), version, "seed {seed}: report {}", id.0);
        }
    }
    for n in 0..STUDIES {
        let uid = study(seed, n as usize);
        let query = format!("ImagingStudy?identifier=urn:dicom:uid%7Curn:oid:{uid}");
        assert!(peers::bed::search(base, &query).len() <= 1, "seed {seed}: a study is there twice");
    }
}

fn revision(resource: &Value) -> i64 {
    let identifiers = resource["identifier"].as_array().unwrap();
    let mut revisions = identifiers.iter().filter_map(|one| one["value"].as_str()?.split_once('#'));
    revisions.next().unwrap().1.parse().unwrap()
}

fn runs(default: u64) {
    let seeds: Vec<u64> = match std::env::var("MEDSIGHT_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => {
            let count = std::env::var("MEDSIGHT_RUNS").ok().map_or(default, |n| n.parse().unwrap());
            let first = u64::from(std::process::id());
            (0..count).map(|n| first * 100_000 + n).collect()
        }
    };
    let servers = [
        peers::medplum().map(|peer| (format!("http://127.0.0.1:{}/fhir", peer.port), peer)),
        peers::helios().map(|peer| (format!("http://127.0.0.1:{}", peer.port), peer)),
    ];
    let servers: Vec<_> = servers.into_iter().flatten().collect();
    if servers.is_empty() {
        return;
    }
    for (n, seed) in seeds.iter().enumerate() {
        let (base, peer) = &servers[n % servers.len()];
        let mut err = std::io::stderr().lock();
        let _unwritten = writeln!(err, "fault run {} of {}: MEDSIGHT_SEED={seed}", n + 1, seeds.len());
        drop(err);
        run(*seed, base, peer.port);
    }
}

#[test]
fn nothing_is_lost_and_nothing_is_there_twice_when_everything_breaks() {
    if std::env::var_os(CHILD).is_none() {
        runs(6);
    }
}

/// The long one: `cargo test -p medsight-sync --test faults -- --ignored a_thousand`.
#[test]
#[ignore = "slow: a thousand runs take the better part of an hour"]
fn nothing_is_lost_and_nothing_is_there_twice_in_a_thousand_runs() {
    runs(1000);
}
