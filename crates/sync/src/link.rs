//! The way to one destination, whatever it speaks.

use crate::Trouble;
use crate::audit_repository::RepositoryLink;
use crate::engine::{Papers, Secrets};
use crate::fhir::FhirLink;
use crate::hl7::Hl7Link;
use crate::pacs::PacsLink;
use medsight_audit::Link as AuditLink;
use medsight_cache::{Cache, Delivered, Entry};
use medsight_record::destination::{Destination, To};
use medsight_record::node::Node;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What became of a round of entries.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// Entries whose fate is known.
    pub(crate) delivered: Vec<Delivered>,
    /// Why it ended early: the others are as they were.
    pub(crate) trouble: Option<Trouble>,
}

impl Round {
    pub(crate) fn failed(trouble: Trouble) -> Self {
        Self { delivered: Vec::new(), trouble: Some(trouble) }
    }
}

pub(crate) enum Link {
    Fhir(Box<FhirLink>),
    Pacs(Box<PacsLink>),
    Repository(RepositoryLink),
    Hl7(Hl7Link),
}

impl Link {
    pub(crate) fn new(
        destination: &Destination,
        nodes: &[Node],
        cache: &Arc<Cache>,
        (secrets, papers): (Secrets, Option<Papers>),
    ) -> Result<Self, Trouble> {
        destination.check().map_err(|why| Trouble::Settings(why.to_string()))?;
        Ok(match &destination.to {
            To::Fhir(server) => {
                Self::Fhir(Box::new(FhirLink::new(destination, server, Arc::clone(cache), secrets)?))
            }
            To::Pacs(pacs) => {
                let link = PacsLink::new(pacs, nodes, Arc::clone(cache), destination, secrets)?;
                Self::Pacs(Box::new(link.with_papers(papers)))
            }
            To::AuditRepository(repository) => {
                Self::Repository(RepositoryLink::new(repository, cache.audit_site())?)
            }
            To::Hl7(receiver) => Self::Hl7(Hl7Link::new(receiver)?),
        })
    }

    /// Entries of one round, at most.
    pub(crate) fn most(&self) -> usize {
        match self {
            Self::Fhir(link) => link.most(),
            Self::Pacs(_) => 4,
            // It takes nothing but the audit trail, which has no entries.
            Self::Repository(_) => 1,
            Self::Hl7(_) => 16,
        }
    }

    pub(crate) async fn deliver(&mut self, entries: Vec<Entry>, cancel: &CancellationToken) -> Round {
        match self {
            Self::Fhir(link) => link.deliver(entries, cancel).await,
            Self::Pacs(link) => link.deliver(entries, cancel).await,
            Self::Hl7(link) => link.deliver(entries, cancel).await,
            Self::Repository(_) => Round::default(),
        }
    }

    /// Sends events of the audit trail; how many of the first of them have arrived.
    pub(crate) async fn deliver_audit(
        &mut self,
        events: &[AuditLink],
        cancel: &CancellationToken,
    ) -> (usize, Option<Trouble>) {
        match self {
            Self::Fhir(link) => link.deliver_audit(events, cancel).await,
            Self::Repository(link) => link.deliver_audit(events, cancel).await,
            Self::Pacs(_) | Self::Hl7(_) => (0, None),
        }
    }
}
