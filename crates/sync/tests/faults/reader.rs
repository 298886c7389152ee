//! The side of a run that is killed: a reader who draws, takes away and signs, and says what is durable.

use crate::peers::bed::{key, length, study};
use medsight_base::{StudyUid, Timestamp};
use medsight_cache::{Cache, CacheError};
use medsight_record::report::rules::SignAct;
use medsight_record::report::{Content, ReportId, ReportToSave, Section, Signature};
use medsight_record::{AnnotationId, RecordCommand};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// splitmix64: the same numbers for the same seed.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// What the child of a run is to do; it travels in the environment.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Job {
    pub(crate) folder: String,
    pub(crate) url: String,
    /// What the destination takes, as the settings write it.
    pub(crate) takes: String,
    pub(crate) seed: u64,
    pub(crate) part: u64,
    /// Acts to do; then everything is sent, if `drain`.
    pub(crate) acts: u64,
    pub(crate) drain: bool,
    /// The clock goes back a day in the middle.
    pub(crate) clock_back: bool,
    /// The disk fills up in the middle, for a time.
    pub(crate) full: bool,
}

pub(crate) const CHILD: &str = "MEDSIGHT_FAULT_CHILD";
pub(crate) const STUDIES: u64 = 3;

pub(crate) fn annotation_id(seed: u64, n: u64) -> Uuid {
    Uuid::from_u128(u128::from(seed) << 64 | u128::from(n))
}

pub(crate) fn report_id(seed: u64, n: u64) -> ReportId {
    ReportId(Uuid::from_u128(u128::from(seed) << 64 | 1 << 32 | u128::from(n)))
}

pub(crate) fn open(folder: &Path) -> Cache {
    again_when_full(|| Cache::open(&folder.join("cache"), &key()))
}

pub(crate) fn again_when_full<T>(mut act: impl FnMut() -> Result<T, CacheError>) -> T {
    loop {
        match act() {
            Ok(done) => return done,
            Err(CacheError::DiskFull) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => panic!("{error:?}"),
        }
    }
}

pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = writeln!(out, "\n@{line}").and_then(|()| out.flush());
}

pub(crate) fn write(cache: &Arc<Cache>, job: &Job) {
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
pub(crate) fn fill_up(ballast: &Path) {
    let Ok(mut file) = std::fs::File::create(ballast) else { return };
    for size in [65_536, 4096, 512] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

/// One act of a reader. What is durable is said.
pub(crate) fn act(cache: &Cache, seed: u64, numbers: &mut Numbers, at: Timestamp) {
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
pub(crate) fn report(cache: &Cache, of: &StudyUid, id: ReportId, at: Timestamp) -> Option<i64> {
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
