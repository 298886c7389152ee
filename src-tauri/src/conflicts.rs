//! What somebody else changed at another system meanwhile: both versions for a person, and what the person decides.
//!
//! Not here: how it is found and sent (`medsight-sync`), and what only waits (`syncing`).

use crate::desk::{Desk, now};
use crate::dto::{SyncConflict, SyncEntryRequest, SyncSettleRequest};
use crate::perform::perform;
use crate::problem::{Fault, Problem};
use medsight_cache::Choice;
use medsight_record::destination::Destination;
use medsight_record::report::rules::SignAct;
use medsight_record::{Command, RecordCommand};
use medsight_sync::{Trouble, fhir, rule_of};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Both versions.
pub(crate) fn view(desk: &Arc<Desk>, request: SyncEntryRequest) -> Result<SyncConflict, Problem> {
    let destination = named(desk, &request.destination)?;
    let both = fhir::versions(&desk.cache()?, &destination, request.id).map_err(told)?;
    Ok(SyncConflict {
        ours: both.ours,
        theirs: both.theirs,
        their_time: both.their_time,
        report: both.report.map(|report| report.0.to_string()),
    })
}

/// Does what a person decided. Of a merge the decision is noted before the addendum is signed: what is signed goes at once, and
/// must go on top of the version that the person saw, not meet the conflict again. Should the signing fail, theirs stands at
/// the server and ours here, and the person is told so.
pub(crate) fn settle(desk: &Arc<Desk>, request: SyncSettleRequest) -> Result<(), Problem> {
    let destination = named(desk, &request.destination)?;
    let cache = desk.cache()?;
    let choice = match request.choice.as_str() {
        "ours" => Choice::Ours,
        "theirs" => Choice::Theirs,
        "merged" => Choice::Merged,
        _ => return Err(Fault::BadRequest("a conflict can't be settled like this.".into()).into()),
    };
    let addendum = if choice == Choice::Merged {
        let both = fhir::versions(&cache, &destination, request.id).map_err(told)?;
        let report = both.report.ok_or_else(|| Fault::BadRequest("only a report has addenda.".into()))?;
        if request.addendum.trim().is_empty() {
            return Err(Fault::BadRequest("an addendum has words.".into()).into());
        }
        let base_version = cache.report(report)?.version();
        let act = SignAct::Addendum { text: request.addendum };
        Some(Command::Record(RecordCommand::SignReport { report, act, base_version }))
    } else {
        None
    };
    let rules: Vec<_> = desk.settings().settings.destinations.iter().map(rule_of).collect();
    let by = (desk.who(), now());
    fhir::settle(&cache, &destination, request.id, choice, &rules, (&by.0, by.1)).map_err(told)?;
    if let Some(addendum) = addendum {
        perform(desk, addendum)?;
    }
    desk.syncing().try_now(&request.destination);
    Ok(())
}

fn named(desk: &Desk, name: &str) -> Result<Destination, Problem> {
    let destinations = desk.settings().settings.destinations.clone();
    let found = destinations.into_iter().find(|destination| destination.name == name);
    Ok(found.ok_or(Fault::NoSuchNode)?)
}

fn told(trouble: Trouble) -> Problem {
    match trouble {
        Trouble::Cache(error) => error.into(),
        other => {
            Problem { code: other.code().to_owned(), values: BTreeMap::new(), detail: other.to_string() }
        }
    }
}
