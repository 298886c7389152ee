//! One destination's task: takes what waits to it, in order, and waits itself when there is nothing or nobody.

use crate::backoff::Backoff;
use crate::engine::{Papers, Swept};
use crate::link::Link;
use crate::moment::now;
use crate::{Secrets, Trouble};
use medsight_base::Timestamp;
use medsight_cache::{Cache, CacheError, Failing, Next, Outcome, Route};
use medsight_record::destination::{Destination, Kind};
use medsight_record::node::Node;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often the moment of the last success is stored, at most: it is for people.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// Events of the audit trail that are read at once.
const EVENTS: usize = 2048;

pub(crate) struct Courier {
    pub(crate) cache: Arc<Cache>,
    pub(crate) destination: Destination,
    pub(crate) nodes: Arc<Vec<Node>>,
    pub(crate) rules: Arc<Vec<Route>>,
    pub(crate) secrets: Secrets,
    pub(crate) papers: Option<Papers>,
    pub(crate) wake: Arc<Notify>,
    /// Somebody says that the destination is back.
    pub(crate) hurry: Arc<Notify>,
    pub(crate) cancel: CancellationToken,
    /// In whose name the sending is noted in the audit trail.
    pub(crate) who: String,
    link: Option<Link>,
    after: i64,
    generation: u64,
    backoff: Backoff,
    failing_since: Option<Timestamp>,
    told: Option<Instant>,
    swept: Swept,
}

enum Step {
    /// Something was sent or refused: there may be more.
    Moved,
    /// Nothing is left but what has to wait until then.
    Idle(Option<Timestamp>),
}

impl Courier {
    pub(crate) fn new(
        cache: Arc<Cache>,
        destination: Destination,
        nodes: Arc<Vec<Node>>,
        rules: Arc<Vec<Route>>,
        secrets: Secrets,
        who: String,
        cancel: CancellationToken,
    ) -> Self {
        let generation = cache.outbox_generation();
        Self {
            cache,
            destination,
            nodes,
            rules,
            secrets,
            papers: None,
            wake: Arc::new(Notify::new()),
            hurry: Arc::default(),
            cancel,
            who,
            link: None,
            after: 0,
            generation,
            backoff: Backoff::default(),
            failing_since: None,
            told: None,
            swept: Swept::default(),
        }
    }

    /// Until cancelled.
    pub(crate) async fn run(mut self) {
        while !self.cancel.is_cancelled() {
            let wait = match self.step().await {
                Ok(Step::Moved) => {
                    if self.succeeded().await.is_ok() {
                        continue;
                    }
                    Some(Duration::from_secs(1))
                }
                Ok(Step::Idle(due)) => due.map(|due| in_how_long(due, now())),
                Err(Trouble::Cancelled) => return,
                Err(trouble) => {
                    let pause = self.failed(&trouble).await;
                    // New entries do not cut it short: the destination is what is missing.
                    tokio::select! {
                        () = self.cancel.cancelled() => return,
                        () = self.hurry.notified() => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                    continue;
                }
            };
            tokio::select! {
                () = self.cancel.cancelled() => return,
                () = self.wake.notified() => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// Until nothing is left that can be sent now, or until the first trouble.
    pub(crate) async fn sweep(mut self) -> Swept {
        loop {
            match self.step().await {
                Ok(Step::Moved) => {
                    if let Err(error) = self.succeeded().await {
                        self.swept.trouble = Some(error.into());
                        break;
                    }
                }
                Ok(Step::Idle(_)) => break,
                Err(trouble) => {
                    self.failed(&trouble).await;
                    self.swept.trouble = Some(trouble);
                    break;
                }
            }
        }
        self.swept
    }

    fn rule(&self) -> Route {
        crate::engine::rule_of(&self.destination)
    }

    async fn step(&mut self) -> Result<Step, Trouble> {
        if self.link.is_none() {
            let hands = (self.secrets.clone(), self.papers.clone());
            let link = Link::new(&self.destination, &self.nodes, &self.cache, hands)?;
            self.link = Some(link);
        }
        let due = match self.entries().await? {
            Step::Moved => return Ok(Step::Moved),
            Step::Idle(due) => due,
        };
        if self.destination.takes.contains(&Kind::Audit) && self.events().await? {
            return Ok(Step::Moved);
        }
        Ok(Step::Idle(due))
    }

    async fn entries(&mut self) -> Result<Step, Trouble> {
        let generation = self.cache.outbox_generation();
        if generation != self.generation {
            (self.generation, self.after) = (generation, 0);
        }
        let (rule, after) = (self.rule(), self.after);
        if rule.kinds.is_empty() {
            return Ok(Step::Idle(None));
        }
        let most = self.link.as_ref().map_or(1, Link::most);
        let next = self.blocking(move |cache| cache.outbox_next(&rule, after, most, now())).await?;
        let Next { entries, due, done_to } = next;
        self.after = done_to;
        if entries.is_empty() {
            return Ok(Step::Idle(due));
        }
        let Some(link) = &mut self.link else { return Ok(Step::Idle(due)) };
        let round = link.deliver(entries, &self.cancel).await;
        let moved = !round.delivered.is_empty();
        if moved {
            self.swept.count(&round.delivered);
            let (name, rules) = (self.destination.name.clone(), Arc::clone(&self.rules));
            let who = self.who.clone();
            self.blocking(move |cache| cache.outbox_note(&name, &rules, &round.delivered, &who, now()))
                .await?;
        }
        match round.trouble {
            Some(trouble) => Err(trouble),
            None if moved => Ok(Step::Moved),
            None => Ok(Step::Idle(due)),
        }
    }

    /// Whether events of the audit trail were sent. The trail itself is the queue, and in the records stands how far each
    /// destination has it.
    async fn events(&mut self) -> Result<bool, Trouble> {
        let name = self.destination.name.clone();
        let reading = move |cache: &Cache| {
            let known = cache.audit_delivered(&name)?.map_or(0, |delivery| delivery.acknowledged.sequence);
            cache.audit_after(known, EVENTS)
        };
        let events = self.blocking(reading).await?;
        let Some(link) = self.link.as_mut().filter(|_| !events.is_empty()) else { return Ok(false) };
        let (arrived, trouble) = link.deliver_audit(&events, &self.cancel).await;
        let last = arrived.checked_sub(1).and_then(|last| events.get(last)).map(|event| event.sequence);
        if let Some(last) = last {
            self.swept.sent += arrived as u64;
            let name = self.destination.name.clone();
            self.blocking(move |cache| cache.audit_acknowledged(&name, last, now())).await?;
        }
        match trouble {
            Some(trouble) => Err(trouble),
            None => Ok(arrived > 0),
        }
    }

    async fn succeeded(&mut self) -> Result<(), CacheError> {
        let failed_before = self.failing_since.take().is_some() || self.backoff.attempts() > 0;
        self.backoff.reset();
        if !failed_before && self.told.is_some_and(|told| told.elapsed() < TOLD_EVERY) {
            return Ok(());
        }
        self.told = Some(Instant::now());
        let name = self.destination.name.clone();
        self.blocking(move |cache| cache.set_destination(&name, None, Some(now()))).await
    }

    /// Keeps why nothing goes there; how long to wait.
    async fn failed(&mut self, trouble: &Trouble) -> Duration {
        // Certificates and settings may be other ones by the next try.
        self.link = None;
        let pause = self.backoff.next(trouble.retry_after());
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let since = *self.failing_since.get_or_insert_with(now);
        let failing = Failing {
            since,
            attempts: self.backoff.attempts(),
            next_try: Some(Timestamp(now().0.saturating_add(pause_ms))),
            code: trouble.code().to_owned(),
            words: trouble.to_string(),
        };
        let name = self.destination.name.clone();
        // A disk that is full is told by the trouble itself.
        let _untold = self.blocking(move |cache| cache.set_destination(&name, Some(&failing), None)).await;
        pause
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cache) -> Result<T, CacheError> + Send + 'static,
    ) -> Result<T, CacheError> {
        let cache = Arc::clone(&self.cache);
        match tokio::task::spawn_blocking(move || work(&cache)).await {
            Ok(done) => done,
            Err(_) => Err(CacheError::BadCommand("a fault of the program while sending.")),
        }
    }
}

impl Swept {
    fn count(&mut self, delivered: &[medsight_cache::Delivered]) {
        for one in delivered {
            match one.outcome {
                Outcome::Done => self.sent += 1,
                Outcome::Nothing => {}
                Outcome::Again { .. } => self.again += 1,
                Outcome::Refused { .. } | Outcome::Conflict { .. } => self.refused += 1,
            }
        }
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// A time in the past is due now, and one that only a clock can have set far ahead is looked at again soon.
fn in_how_long(due: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(due.0 - now.0).unwrap_or(0)).min(Duration::from_secs(600))
}
