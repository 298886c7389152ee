//! What somebody else changed at another system meanwhile: both versions for a person, and what the person decides.
//!
//! Not here: how it is found and sent (`medsight-sync`), and what only waits (`syncing`).

use crate::desk::{Desk, now};
use crate::dto::{
    ClaimConflict, ClaimSettleRequest, DeskEvent, SyncConflict, SyncEntryRequest, SyncSettleRequest,
};
use crate::perform::perform;
use crate::problem::{Fault, Problem};
use crate::reports::about;
use medsight_cache::{Choice, Merge};
use medsight_record::destination::Destination;
use medsight_record::report::rules::{self, SignAct};
use medsight_record::report::{Report, Signature};
use medsight_record::{Command, RecordCommand};
use medsight_sync::{fhir, rule_of};
use std::sync::Arc;

/// Both versions, with whose they are. Who saw the words of a report is in the audit trail.
pub(crate) fn view(desk: &Arc<Desk>, request: SyncEntryRequest) -> Result<SyncConflict, Problem> {
    let (destination, cache) = (named(desk, &request.destination)?, desk.cache()?);
    let both = fhir::versions(&cache, &destination, request.id)?;
    if let Some(study) = &both.study {
        cache.reports_viewed(&study.uid, &desk.who(), now())?;
    }
    Ok(SyncConflict {
        ours: both.ours,
        theirs: both.theirs,
        their_time: both.their_time,
        their_version: both.their_version,
        identity: both
            .study
            .as_ref()
            .map(|study| study.patient.identity_line(study.date))
            .unwrap_or_default(),
        about: both.study.as_ref().map(about).unwrap_or_default(),
        base_version: both.report.as_ref().filter(|report| takes_addendum(report)).map(Report::version),
    })
}

/// Only what is final is added to; a draft of it that is being written stays beside it.
fn takes_addendum(report: &Report) -> bool {
    let words = SignAct::Addendum { text: "…".into() };
    report.newest().is_some_and(|newest| rules::next(report.status, &words, &newest.content).is_ok())
}

/// Does what a person decided about what they saw. A merge is signed in the transaction that settles the conflict: what can't
/// be signed is in conflict as before.
pub(crate) fn settle(desk: &Arc<Desk>, request: SyncSettleRequest) -> Result<(), Problem> {
    let (destination, cache) = (named(desk, &request.destination)?, desk.cache()?);
    let choice = match (request.choice.as_str(), request.base_version) {
        ("ours", _) => Choice::Ours,
        ("theirs", _) => Choice::Theirs,
        ("merged", Some(base_version)) => {
            let report = fhir::versions(&cache, &destination, request.id)?.report;
            let report = report.ok_or_else(|| Fault::BadRequest("only a report has addenda.".into()))?.id;
            Choice::Merged(Merge { report, base_version, text: request.addendum })
        }
        _ => return Err(Fault::BadRequest("a conflict can't be settled like this.".into()).into()),
    };
    let rules: Vec<_> = desk.settings().settings.destinations.iter().map(rule_of).collect();
    let by = Signature { account: desk.who(), name: desk.session().name(), at: now() };
    let study = cache.outbox_conflict(request.id, &destination.name)?.entry.study;
    let seen = (request.id, request.their_version.as_deref());
    fhir::settle(&cache, &destination, seen, &choice, &rules, &by)?;
    if let Some(study) = study.filter(|_| matches!(choice, Choice::Merged(_))) {
        desk.tell(DeskEvent::StudyChanged { study_uid: study.to_string() });
    }
    desk.syncing().try_now(&request.destination);
    Ok(())
}

/// Who has an order that was claimed here.
pub(crate) fn claim(desk: &Arc<Desk>, request: SyncEntryRequest) -> Result<ClaimConflict, Problem> {
    let met = fhir::claim_met(&desk.cache()?, &named(desk, &request.destination)?, request.id)?;
    Ok(ClaimConflict {
        identity: met.study.as_ref().map(|study| study.patient.identity_line(study.date)).unwrap_or_default(),
        about: met.study.as_ref().map(about).unwrap_or_default(),
        ours: met.ours,
        theirs: met.theirs,
        since: met.since,
        status: met.status,
        version: met.version,
    })
}

/// Takes an order over from who has it, or leaves it to them: then who claimed the study here gives it back here too.
pub(crate) fn settle_claim(desk: &Arc<Desk>, request: ClaimSettleRequest) -> Result<(), Problem> {
    let (destination, cache) = (named(desk, &request.destination)?, desk.cache()?);
    let met = fhir::claim_met(&cache, &destination, request.id)?;
    let rules: Vec<_> = desk.settings().settings.destinations.iter().map(rule_of).collect();
    let by = Signature { account: desk.who(), name: desk.session().name(), at: now() };
    let seen = (request.id, request.version.as_str());
    fhir::settle_claim(&cache, &destination, seen, request.takes_over, &rules, &by)?;
    let study = met.study.filter(|_| !request.takes_over && met.ours == by.account);
    if let Some(study) = study
        && let Some(here) = cache.study(&study.uid)?
        && here.work.claimed.is_some_and(|claim| claim.by == by.account)
    {
        perform(desk, Command::Record(RecordCommand::Release(study.uid)))?;
    }
    desk.syncing().try_now(&request.destination);
    Ok(())
}

fn named(desk: &Desk, name: &str) -> Result<Destination, Problem> {
    let destinations = desk.settings().settings.destinations.clone();
    let found = destinations.into_iter().find(|destination| destination.name == name);
    Ok(found.ok_or(Fault::NoSuchNode)?)
}
