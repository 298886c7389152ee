//! An order that somebody else has at the server while it was claimed here: who, since when, and what the person decided.
//!
//! Nothing is sent here. Who takes it over does so of the version that they saw: the claim then goes the usual way, and meets
//! another conflict when the task was changed once more.

use super::claim::claim_name;
use crate::Trouble;
use medsight_cache::{Cache, CacheError, Choice, Remote, Route, Seen};
use medsight_record::StudyRecord;
use medsight_record::destination::Destination;
use medsight_record::report::Signature;
use serde_json::Value;
use std::sync::Arc;

/// A claim that met somebody else's.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimMet {
    /// The account that claimed it here.
    pub ours: String,
    /// Who has it there, in words; empty when the server does not say.
    pub theirs: String,
    /// Since when, as the server says it: the last change of the task.
    pub since: Option<String>,
    /// FHIR's word of how far they are.
    pub status: String,
    /// The server's version of the task, by which the decision names what was seen.
    pub version: String,
    /// The study and its patient.
    pub study: Option<StudyRecord>,
}

/// What an entry of kind `claim` met.
///
/// # Errors
/// [`Trouble::Cache`] with [`CacheError::NotFound`] when it is in no conflict there, …
pub fn claim_met(cache: &Arc<Cache>, destination: &Destination, entry: i64) -> Result<ClaimMet, Trouble> {
    let conflict = cache.outbox_conflict(entry, &destination.name)?;
    let task = task_of(conflict.theirs.as_deref())?;
    let owner = &task["owner"];
    let said = [&owner["display"], &owner["identifier"]["value"], &owner["reference"]];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Ok(ClaimMet {
        ours: text(&conflict.entry.payload["who"]).unwrap_or_default(),
        theirs: said.into_iter().find_map(text).unwrap_or_default(),
        since: text(&task["lastModified"]).or_else(|| text(&task["meta"]["lastUpdated"])),
        status: text(&task["status"]).unwrap_or_default(),
        version: version_of(&task),
        study: conflict.entry.content.study,
    })
}

/// Notes what a person decided: takes the order over from who has it, or leaves it to them. `seen` is [`ClaimMet::version`].
///
/// # Errors
/// As [`claim_met`], and [`CacheError::ChangedAgain`] when the task is another by now.
pub fn settle_claim(
    cache: &Arc<Cache>,
    destination: &Destination,
    (entry, seen): (i64, &str),
    takes_over: bool,
    rules: &[Route],
    by: &Signature,
) -> Result<(), Trouble> {
    let conflict = cache.outbox_conflict(entry, &destination.name)?;
    let task = task_of(conflict.theirs.as_deref())?;
    if version_of(&task) != seen {
        return Err(CacheError::ChangedAgain.into());
    }
    let order = conflict.entry.payload["order"].as_str().unwrap_or_default();
    let identity = claim_name(&cache.sync_id()?, &destination.name, order);
    let place = format!("Task/{}", task["id"].as_str().unwrap_or_default());
    // This version may be taken from who has it, and no other.
    let remote =
        takes_over.then(|| Remote { identity: identity.clone(), place, version: Some(seen.to_owned()) });
    let theirs = conflict.theirs.as_deref();
    let met =
        Seen { entry, destination: &destination.name, identity: &identity, remote: remote.as_ref(), theirs };
    let choice = if takes_over { Choice::Ours } else { Choice::Theirs };
    Ok(cache.outbox_settle_conflict(met, &choice, rules, by)?)
}

fn task_of(theirs: Option<&str>) -> Result<Value, Trouble> {
    let theirs = theirs.ok_or(CacheError::NotFound("task"))?;
    let task: Value = serde_json::from_str(theirs).map_err(CacheError::from)?;
    if task["resourceType"] == "Task" { Ok(task) } else { Err(CacheError::NotFound("task").into()) }
}

fn version_of(task: &Value) -> String {
    task["meta"]["versionId"].as_str().unwrap_or_default().to_owned()
}
