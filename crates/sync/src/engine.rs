//! The couriers of all destinations, from the settings: for as long as the desk runs, or once.

use crate::Trouble;
use crate::courier::Courier;
use crate::moment::now;
use medsight_cache::{Cache, CacheError, DestinationStatus, Route};
use medsight_pacs::Auth;
use medsight_record::StudyRecord;
use medsight_record::destination::{Destination, Kind};
use medsight_record::node::Node;
use medsight_record::report::Report;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Gives what a destination is to be shown, out of the keyring or from the person who is signed in. The word of an error is
/// for people.
pub type Secrets = Arc<dyn Fn(&Destination) -> Result<Auth, String> + Send + Sync>;

/// Makes the DICOM file with the pages of a report's newest version, always under the same UIDs; `None` where no version is for
/// others. The word of an error is for people.
pub type Papers = Arc<dyn Fn(&StudyRecord, &Report) -> Result<Option<Vec<u8>>, String> + Send + Sync>;

/// What one pass over a destination did.
#[derive(Debug, Default)]
pub struct Swept {
    /// Its name.
    pub destination: String,
    /// Entries and events that it has now.
    pub sent: u64,
    /// Entries that it does not want, or that somebody changed there.
    pub refused: u64,
    /// Entries that are tried again later.
    pub again: u64,
    /// Why it ended early.
    pub trouble: Option<Trouble>,
}

/// Everything that is sent.
pub struct Engine {
    cache: Arc<Cache>,
    destinations: Vec<Destination>,
    nodes: Arc<Vec<Node>>,
    rules: Arc<Vec<Route>>,
    secrets: Secrets,
    papers: Option<Papers>,
    who: String,
    /// Ends the pause of a destination that was tried in vain.
    hurry: BTreeMap<String, Arc<Notify>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("destinations", &self.destinations.len()).finish_non_exhaustive()
    }
}

impl Engine {
    /// For the destinations of the settings; `who` is in whose name the sending is in the audit trail. Nothing is sent yet.
    ///
    /// # Errors
    /// [`CacheError`]: a destination that is new is noted in the records.
    pub fn new(
        cache: Arc<Cache>,
        destinations: Vec<Destination>,
        nodes: Vec<Node>,
        secrets: Secrets,
        who: &str,
    ) -> Result<Self, CacheError> {
        let rules: Vec<Route> = destinations.iter().map(rule_of).collect();
        for destination in &destinations {
            cache.destination_in_use(&destination.name, destination.backlog)?;
        }
        cache.outbox_settle(&rules, now())?;
        let (nodes, rules) = (Arc::new(nodes), Arc::new(rules));
        let hurry = destinations.iter().map(|to| (to.name.clone(), Arc::default())).collect();
        Ok(Self { cache, destinations, nodes, rules, secrets, papers: None, who: who.to_owned(), hurry })
    }

    /// With somebody who makes pages of reports. Without, those that are for a PACS wait for a program that has one.
    #[must_use]
    pub fn with_papers(self, papers: Papers) -> Self {
        Self { papers: Some(papers), ..self }
    }

    /// Tries a destination now that is waited for after tries in vain: a person knows that it is back. Does nothing where
    /// none is waited for.
    pub fn try_now(&self, destination: &str) {
        if let Some(hurry) = self.hurry.get(destination) {
            hurry.notify_waiters();
        }
    }

    /// Sends what comes, until cancelled. An idle engine does nothing: it is woken by changes of the records.
    pub async fn run(&self, cancel: CancellationToken) {
        let couriers: Vec<Courier> = self.couriers(&cancel).collect();
        let wakes: Vec<_> = couriers.iter().map(|courier| Arc::clone(&courier.wake)).collect();
        let listener: Arc<dyn Fn() + Send + Sync> =
            Arc::new(move || wakes.iter().for_each(|wake| wake.notify_one()));
        self.cache.on_change(Arc::downgrade(&listener));
        let mut running: JoinSet<()> = couriers.into_iter().map(Courier::run).collect();
        while running.join_next().await.is_some() {}
        drop(listener);
    }

    /// Sends what can be sent now, and ends.
    pub async fn once(&self, cancel: &CancellationToken) -> Vec<Swept> {
        let sweep = |courier: Courier| async move {
            let destination = courier.destination.name.clone();
            Swept { destination, ..courier.sweep().await }
        };
        let mut running: JoinSet<Swept> = self.couriers(cancel).map(sweep).collect();
        let mut swept = Vec::new();
        while let Some(done) = running.join_next().await {
            swept.extend(done.ok());
        }
        swept.sort_by(|a, b| a.destination.cmp(&b.destination));
        swept
    }

    /// What waits, since when and why.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn status(&self) -> Result<Vec<DestinationStatus>, CacheError> {
        self.cache.outbox_status(&self.rules)
    }

    /// What each destination takes of the outbox.
    #[must_use]
    pub fn rules(&self) -> &[Route] {
        &self.rules
    }

    fn couriers(&self, cancel: &CancellationToken) -> impl Iterator<Item = Courier> {
        self.destinations.iter().map(|destination| {
            let mut courier = Courier::new(
                Arc::clone(&self.cache),
                destination.clone(),
                Arc::clone(&self.nodes),
                Arc::clone(&self.rules),
                Arc::clone(&self.secrets),
                self.who.clone(),
                cancel.clone(),
            );
            courier.papers = self.papers.clone();
            if let Some(hurry) = self.hurry.get(&destination.name) {
                courier.hurry = Arc::clone(hurry);
            }
            courier
        })
    }
}

/// What a destination takes of the outbox, and whether of the audit trail.
#[must_use]
pub fn rule_of(destination: &Destination) -> Route {
    let kinds = destination.takes.iter().filter(|kind| **kind != Kind::Audit).map(|kind| kind.word());
    Route {
        destination: destination.name.clone(),
        kinds: kinds.collect(),
        events: destination.takes.contains(&Kind::Audit),
    }
}
