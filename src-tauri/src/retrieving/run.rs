//! One study from a server: run to its end, and shown while it arrives.
//!
//! Each group of objects is durable before the next is taken, so what came stays when the rest does not. Not here:
//! the order of the objects and the resuming, which are `medsight-pacs`'; which study is next, which is the queue's.

use super::sink::{CALLED_OFF, CacheSink, Count};
use crate::desk::{Desk, held, now};
use crate::dto::{DeskEvent, ImportRefusal, ImportSummary};
use crate::network;
use crate::prefetch;
use crate::problem::{Fault, Problem};
use medsight_base::StudyUid;
use medsight_link::Arrival;
use medsight_pacs::{CancellationToken, NetError, Patience, Plan, Retrieval, RetrieveReport, Slots, Urgency};
use medsight_record::node::Node;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A server that goes away in the middle is waited for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the window hears how far it is.
const BEAT: Duration = Duration::from_millis(100);
/// The light box hears of more images this often at most…
const SHOW_BEAT: Duration = Duration::from_millis(400);
/// …and when they are by so much more: it looks at all headers again each time.
const GROWTH: f64 = 1.25;

/// What can be told to a retrieval from outside, whether it runs or waits.
#[derive(Debug, Default)]
pub(super) struct Reins {
    pub(super) plan: Arc<Plan>,
    pub(super) cancel: CancellationToken,
    /// It is to be shown as soon as there is something to show.
    pub(super) open: AtomicBool,
}

/// One retrieval.
pub(super) struct What<'w> {
    /// Its number in the queue.
    pub(super) id: u32,
    pub(super) node: &'w Node,
    pub(super) study: &'w StudyUid,
    pub(super) urgency: Urgency,
}

/// Brings the study here.
pub(super) fn run(
    desk: &Arc<Desk>,
    what: &What<'_>,
    slots: Arc<Slots>,
    reins: &Reins,
) -> Result<ImportSummary, Problem> {
    let cache = desk.cache()?;
    let What { id, node, study, urgency } = *what;
    let remote = network::remote(desk, node)?;
    let since_ms = now().0;
    let sink = Arc::new(CacheSink::new(cache, desk.who(), reins.cancel.clone()));
    let patience = Patience { retry_for: PATIENCE };
    let retrieval = Retrieval { remote, studies: vec![(study.to_string(), urgency)], slots, patience };
    let mut showing = Showing::new(study);
    let report = tauri::async_runtime::block_on(async {
        let work = retrieval.run(&reins.plan, sink.clone(), &reins.cancel, |_| {});
        tokio::pin!(work);
        let mut tick = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                report = &mut work => break report,
                () = sink.changed.notified() => {}
                _ = tick.tick() => {}
            }
            let far = Far::of(&held(&sink.count), showing.begun);
            showing.look(desk, reins, &far);
            desk.retrieving().beat(desk, id, far);
        }
    });
    let far = Far::of(&held(&sink.count), showing.begun);
    desk.retrieving().beat(desk, id, far);
    if far.new > 0 && !reins.cancel.is_cancelled() {
        showing.open(desk, reins, true);
    }
    // What the server has as well may be evicted. Where that can't be noted, it stays: nothing is lost.
    if report.error.is_none() && report.missing.is_empty() {
        let listed = std::mem::take(&mut held(&sink.count).listed);
        let _stays = sink.cache.kept_elsewhere(study, &listed, now());
    }
    let not_delivered = matches!(report.error, Some(NetError::NotDelivered { .. }));
    let mut summary = summary(report);
    if not_delivered {
        summary.failed = Some(desk.listening().not_delivered(since_ms));
    }
    Ok(summary)
}

/// How far a retrieval is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Far {
    pub(super) files: u64,
    pub(super) total: u64,
    pub(super) bytes: u64,
    pub(super) bytes_per_second: f64,
    new: u64,
}

impl Far {
    fn of(count: &Count, begun: Instant) -> Self {
        let seconds = begun.elapsed().as_secs_f64();
        Self {
            files: count.files,
            total: (count.wanted.len() as u64).max(count.files),
            bytes: count.bytes,
            bytes_per_second: count.bytes as f64 / seconds.max(1e-3),
            new: count.new,
        }
    }
}

/// When the window and the light box look again.
struct Showing<'s> {
    study: &'s StudyUid,
    begun: Instant,
    /// New objects when the list was drawn last, and when the light box was told last.
    listed: u64,
    shown: u64,
    next: Instant,
    list_next: Instant,
}

impl<'s> Showing<'s> {
    fn new(study: &'s StudyUid) -> Self {
        let now = Instant::now();
        Self { study, begun: now, listed: 0, shown: 0, next: now, list_next: now }
    }

    fn look(&mut self, desk: &Arc<Desk>, reins: &Reins, far: &Far) {
        let now = Instant::now();
        // The first object puts the study on the list at once; then once a second.
        if far.new > self.listed && (self.listed == 0 || now >= self.list_next) {
            self.listed = far.new;
            self.list_next = now + Duration::from_secs(1);
            desk.tell(DeskEvent::WorklistChanged);
        }
        if far.new == 0 || reins.cancel.is_cancelled() {
            return;
        }
        self.open(desk, reins, false);
        let grown = far.new as f64 >= self.shown as f64 * GROWTH && far.new > self.shown;
        if grown && now >= self.next && desk.light_box().has_open(self.study) {
            desk.light_box().arrived(desk, self.study, Arrival::More);
            self.shown = far.new;
            self.next = Instant::now() + SHOW_BEAT;
        }
    }

    /// Opens the study when that was asked for. Until the end there may be nothing to show yet; then it is said.
    fn open(&mut self, desk: &Arc<Desk>, reins: &Reins, at_the_end: bool) {
        if !reins.open.load(Ordering::Relaxed) {
            return;
        }
        match desk.light_box().open(desk, self.study) {
            Ok(()) => {
                reins.open.store(false, Ordering::Relaxed);
                prefetch::opened(desk, self.study, None);
            }
            Err(why) if at_the_end => desk.tell(DeskEvent::Failure(why)),
            Err(_) => {}
        }
    }
}

fn summary(report: RetrieveReport) -> ImportSummary {
    let cancelled = matches!(report.error, Some(NetError::Cancelled));
    let refused = report.kept.refused.iter().filter(|(_, why)| why.code != CALLED_OFF);
    let refused: Vec<ImportRefusal> =
        refused.map(|(uid, why)| ImportRefusal { file: uid.clone(), why: Problem::from(why) }).collect();
    let failed = match &report.error {
        _ if cancelled => None,
        Some(why) => Some(Problem::from(why)),
        None if report.listed == 0 => Some(Fault::NothingListed.into()),
        // What was refused is told file by file.
        None if report.missing.len() > refused.len() => {
            Some(Fault::NotAllCame { missing: report.missing.len(), listed: report.listed }.into())
        }
        None => None,
    };
    // At a whole end, all that is listed is here; what this retrieval did not bring was here, or came by itself meanwhile,
    // as an object does that a server was sending when it was cut off.
    let brought = report.kept.new + report.missing.len() as u64;
    let already_present = match &report.error {
        None => report.listed.saturating_sub(brought),
        Some(_) => report.here_before + report.kept.already_here,
    };
    ImportSummary {
        imported: report.kept.new,
        already_present,
        studies: u64::from(report.kept.new > 0),
        bytes: report.kept.bytes,
        seconds: report.seconds,
        refused,
        cancelled,
        failed,
    }
}
