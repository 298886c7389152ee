//! What comes from other systems: orders, the tasks that give them to somebody, and of a patient earlier reports and what
//! was observed of wounds.
//!
//! The other systems are asked; nothing here listens. All that comes in is kept with its version and never written
//! back. A link of an answer is followed only below the address of the settings, so that a token goes nowhere else.

mod feed;
mod of_patient;
mod order;
mod pages;
mod probe;
mod report;
mod values;
mod what;
mod windows;
mod worklist;
mod wound;

use crate::backoff::Backoff;
use crate::fhir::http::Http;
use crate::moment::now;
use crate::{Secrets, Trouble, fhir};
use feed::{Feed, blocking};
use futures_util::future::join_all;
use medsight_cache::{AskedOf, Cache, CameIn, OrderPage};
use medsight_record::destination::{Destination, FhirServer, To};
use medsight_record::node::{Dimse, Node};
use medsight_record::source::{Brings, From};
use medsight_record::{Patient, ServerReport, Source, WoundObservation};
use of_patient::Asked;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
pub use what::OfPatient;

/// How a source answered.
#[derive(Debug)]
pub struct Answered {
    /// Its name.
    pub source: String,
    /// What came in, or why nothing more did. What came before it broke off is kept.
    pub came: Result<CameIn, Trouble>,
}

/// The sources of the settings.
pub struct Inbound {
    cache: Arc<Cache>,
    sources: Vec<Source>,
    destinations: Vec<Destination>,
    nodes: Vec<Node>,
    secrets: Secrets,
    closed_order_days: u16,
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbound").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}

impl Inbound {
    /// For the sources of the settings. Nothing is asked yet.
    #[must_use]
    pub fn new(
        cache: Arc<Cache>,
        sources: Vec<Source>,
        destinations: Vec<Destination>,
        nodes: Vec<Node>,
        secrets: Secrets,
    ) -> Self {
        Self { cache, sources, destinations, nodes, secrets, closed_order_days: 0 }
    }

    /// Forgets closed orders without images after so many days, whenever orders were asked for; 0: never.
    #[must_use]
    pub fn forgetting_after(mut self, closed_order_days: u16) -> Self {
        self.closed_order_days = closed_order_days;
        self
    }

    /// Asks every source of orders now, in the name of `who`.
    pub async fn ask(&self, who: &str, cancel: &CancellationToken) -> Vec<Answered> {
        let asked = self.sources.iter().filter(|source| source.brings.contains(&Brings::Orders));
        join_all(asked.map(|source| self.ask_one(source, who, cancel))).await
    }

    /// Asks every source of orders whenever its time has come, until cancelled. `told` hears each answer.
    pub async fn run(&self, who: &str, told: impl Fn(&Answered) + Send + Sync, cancel: &CancellationToken) {
        let by_itself = self.sources.iter().filter(|s| s.brings.contains(&Brings::Orders) && s.every_min > 0);
        let told = &told;
        join_all(by_itself.map(|source| async move {
            let mut backoff = Backoff::default();
            loop {
                let answered = self.ask_one(source, who, cancel).await;
                let every = Duration::from_secs(u64::from(source.every_min) * 60);
                let pause = match &answered.came {
                    Err(Trouble::Cancelled) => return,
                    // What the server asks for is kept to; without that it is not asked less often than usual.
                    Err(trouble) => {
                        let asked = trouble.retry_after();
                        let pause = backoff.next(asked);
                        if asked.is_some() { pause } else { pause.min(every) }
                    }
                    Ok(_) => {
                        backoff.reset();
                        every
                    }
                };
                told(&answered);
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }))
        .await;
    }

    /// Asks the sources that can know a patient what they have of them, in the name of `who`; `further`: what comes after
    /// what was read, where the server has more.
    pub async fn ask_of_patient(
        &self,
        what: OfPatient,
        patient: &Patient,
        further: bool,
        who: &str,
        cancel: &CancellationToken,
    ) -> Vec<Answered> {
        let patient_id = patient.id.trim();
        let asked = self.sources.iter().filter(|source| {
            source.brings.contains(&what.brings()) && source.may_know(patient) && !patient_id.is_empty()
        });
        let one = |source| async move {
            let came = async {
                let (server, http) = self.fhir(source).await?;
                let (server, http) = (&server, &http);
                let asked = Asked { cache: &self.cache, source, server, http, what, patient_id, who, cancel };
                match what {
                    OfPatient::Reports | OfPatient::AllReports => asked.read::<ServerReport>(further).await,
                    OfPatient::Wounds => asked.read::<WoundObservation>(further).await,
                }
            };
            self.answered(source, what.asked_of(source, patient_id), came.await).await
        };
        join_all(asked.map(one)).await
    }

    async fn ask_one(&self, source: &Source, who: &str, cancel: &CancellationToken) -> Answered {
        let answered = self.ask_of_orders(source, who, cancel).await;
        let (cache, days) = (Arc::clone(&self.cache), self.closed_order_days);
        // What can't be forgotten now is when orders are asked for again.
        let _stays = blocking(move || cache.forget_closed_orders(days, now())).await;
        answered
    }

    async fn ask_of_orders(&self, source: &Source, who: &str, cancel: &CancellationToken) -> Answered {
        let named = |feed: &str| AskedOf { source: source.name.clone(), feed: feed.to_owned() };
        match &source.from {
            From::Destination(_) => {
                let (of, came) = match self.fhir(source).await {
                    Err(trouble) => (named("orders"), Err(trouble)),
                    Ok((server, http)) => {
                        let (server, http) = (&server, &http);
                        let feed = Feed { cache: &self.cache, source, server, http, who, cancel };
                        match feed.read().await {
                            Ok(came) => (named("orders"), Ok(came)),
                            Err((of, trouble)) => (of, Err(trouble)),
                        }
                    }
                };
                self.answered(source, of, came).await
            }
            From::Node(_) => {
                let of = named("worklist");
                let came = self.worklist(source, &of, who, cancel).await;
                self.answered(source, of, came).await
            }
        }
    }

    async fn worklist(
        &self,
        source: &Source,
        of: &AskedOf,
        who: &str,
        cancel: &CancellationToken,
    ) -> Result<CameIn, Trouble> {
        let (orders, is_all) = worklist::steps(self.dimse(source)?, source, cancel).await?;
        let (cache, who, of) = (Arc::clone(&self.cache), who.to_owned(), of.clone());
        blocking(move || {
            let mut asking = cache.asking(&of)?;
            asking.answered();
            (asking.asked_at, asking.ended_at) = (now(), Some(now()));
            let whole = is_all.then(|| orders.iter().map(|order| order.place.clone()).collect());
            cache.take_orders(&OrderPage { of, asking, orders, whole, ..OrderPage::default() }, &who, now())
        })
        .await
    }

    /// Keeps why a source did not answer, for the person who looks.
    async fn answered(&self, source: &Source, of: AskedOf, came: Result<CameIn, Trouble>) -> Answered {
        if let Err(trouble) = &came
            && !matches!(trouble, Trouble::Cancelled)
        {
            let (cache, code, words) = (Arc::clone(&self.cache), trouble.code(), trouble.to_string());
            // Where the records can't be written, the answer itself says why.
            let _unwritten = blocking(move || cache.asking_failed(&of, code, &words, now())).await;
        }
        Answered { source: source.name.clone(), came }
    }

    async fn fhir(&self, source: &Source) -> Result<(FhirServer, Http), Trouble> {
        source.check().map_err(|why| Trouble::Settings(why.to_string()))?;
        let named = match &source.from {
            From::Destination(name) => self.destinations.iter().find(|to| to.name == *name),
            From::Node(_) => None,
        };
        let Some((destination, To::Fhir(server))) = named.map(|named| (named, &named.to)) else {
            return Err(no_such_system());
        };
        // A token of a provider is asked for anew each time: this is done seldom.
        let http = fhir::connect(destination, server, &self.secrets, &OnceCell::new()).await?;
        Ok((server.clone(), http))
    }

    fn dimse(&self, source: &Source) -> Result<&Dimse, Trouble> {
        source.check().map_err(|why| Trouble::Settings(why.to_string()))?;
        let From::Node(name) = &source.from else { return Err(no_such_system()) };
        let node = self.nodes.iter().find(|node| node.name == *name).and_then(|node| node.dimse.as_ref());
        node.ok_or_else(no_such_system)
    }
}

fn no_such_system() -> Trouble {
    Trouble::Settings(medsight_record::source::SourceError::NoSuchSystem.to_string())
}
