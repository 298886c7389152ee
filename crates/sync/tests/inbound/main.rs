//! What comes from other systems: real FHIR servers and a real worklist, and servers that lie.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of one test program")]

mod claim;
mod fake;
mod hostile;
mod of_patient;
#[path = "../peers/mod.rs"]
mod peers;
mod race;
mod real;
mod tls;
mod unsorted;
mod worklist;

use medsight_cache::{Cache, CameIn};
use medsight_record::destination::Destination;
use medsight_record::node::Node;
use medsight_record::source::Source;
use medsight_sync::{Answered, Inbound, OfPatient, Secrets, Trouble};
use peers::bed::{bearer, fhir};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

pub(crate) const SYSTEM: &str = "urn:oid:2.25.1";

/// Held by tests that make tasks at a server, or count all that come: each would see those of the others.
pub(crate) fn alone_with_tasks() -> MutexGuard<'static, ()> {
    static TASKS: Mutex<()> = Mutex::new(());
    TASKS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn source(more: &str) -> Source {
    let text = format!(
        "name = \"ris\"\nbrings = [\"orders\", \"reports\", \"wounds\"]\nfrom = {{ destination = \"ris\" }}\n{more}"
    );
    toml::from_str(&text).unwrap()
}

/// The FHIR server under `url` as the one source.
pub(crate) fn inbound(cache: &Arc<Cache>, url: &str, only: &str) -> Inbound {
    let destination = fhir("ris", url, "\"report\"", "accession_system = \"urn:acc\"");
    let only = if only.is_empty() { String::new() } else { format!("only = \"{only}\"") };
    with(cache, source(&only), vec![destination], Vec::new(), bearer(peers::bed::TOKEN))
}

pub(crate) fn with(
    cache: &Arc<Cache>,
    source: Source,
    destinations: Vec<Destination>,
    nodes: Vec<Node>,
    secrets: Secrets,
) -> Inbound {
    Inbound::new(Arc::clone(cache), vec![source], destinations, nodes, secrets)
}

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

/// Asks for orders once.
pub(crate) fn ask(inbound: &Inbound) -> Result<CameIn, Trouble> {
    one(block(inbound.ask("medsight", &CancellationToken::new())))
}

/// Asks for a patient's reports of radiology.
pub(crate) fn ask_reports(inbound: &Inbound, patient_id: &str) -> Result<CameIn, Trouble> {
    ask_of(inbound, OfPatient::Reports, patient_id, false)
}

/// Asks what there is of a patient, or what comes after what was read.
pub(crate) fn ask_of(
    inbound: &Inbound,
    what: OfPatient,
    patient_id: &str,
    further: bool,
) -> Result<CameIn, Trouble> {
    let patient = medsight_record::Patient { id: patient_id.to_owned(), ..Default::default() };
    one(block(inbound.ask_of_patient(what, &patient, further, "rita", &CancellationToken::new())))
}

fn one(mut answered: Vec<Answered>) -> Result<CameIn, Trouble> {
    assert_eq!(answered.len(), 1);
    answered.remove(0).came
}
