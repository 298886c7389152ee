//! Things that somebody else changed at a destination meanwhile: both versions for a person, and what the person decided.
//!
//! Not here: what the versions say in words, which is the sender's business (`medsight-sync`).

use super::{Entry, Remote, Route, content, note};
use crate::tables::deliveries::{self, Stored};
use crate::{Cache, CacheError, apply, report, tables};
use medsight_audit::Action;
use medsight_record::report::rules::SignAct;
use medsight_record::report::{ReportId, Signature};
use serde_json::json;

/// An entry that is in conflict.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Ours.
    pub entry: Entry,
    /// Theirs, as it was when it was met; `None` when it was taken away there.
    pub theirs: Option<String>,
}

/// What a person decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Ours goes on top of theirs.
    Ours,
    /// Theirs stays; ours need not go there.
    Theirs,
    /// Theirs is taken up into a new version of ours, which goes on top of theirs.
    Merged(Merge),
}

/// A merge: what is added to our report, signed in the transaction that settles the conflict. Either both are done or
/// neither, so what could not be signed is in conflict as before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// The report that is in conflict.
    pub report: ReportId,
    /// Its version that the person compared.
    pub base_version: u32,
    /// What is added.
    pub text: String,
}

/// What a person decided about: an entry that is in conflict, as it was shown.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The entry.
    pub entry: i64,
    /// Where it is in conflict.
    pub destination: &'a str,
    /// Our name of the thing.
    pub identity: &'a str,
    /// What the destination calls it and the version that the person saw; without one it is made anew there.
    pub remote: Option<&'a Remote>,
    /// Theirs, as in [`Conflict::theirs`].
    pub theirs: Option<&'a str>,
}

impl Choice {
    /// As it stands in the audit trail.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Theirs => "theirs",
            Self::Merged(_) => "merged",
        }
    }
}

impl Cache {
    /// Both versions of an entry that is in conflict at a destination.
    ///
    /// # Errors
    /// [`CacheError::NotFound`] when it is in none there, …
    pub fn outbox_conflict(&self, entry: i64, destination: &str) -> Result<Conflict, CacheError> {
        self.read(|db| {
            let (attempts, theirs) =
                deliveries::in_conflict(db, entry, destination)?.ok_or(CacheError::NotFound("conflict"))?;
            let waiting = tables::outbox::by_id(db, entry)?.ok_or(CacheError::NotFound("entry"))?;
            Ok(Conflict { entry: self.entry(db, waiting, attempts)?, theirs })
        })
    }

    /// Settles a conflict as a person decided: for this entry and every other of the same thing that is in conflict there.
    ///
    /// # Errors
    /// [`CacheError::NotFound`] when it is in no conflict there, [`CacheError::ChangedAgain`] when theirs is another than was
    /// seen; of a merge those of [`Cache::sign_report`]. Nothing is settled then.
    pub fn outbox_settle_conflict(
        &self,
        seen: Seen<'_>,
        choice: &Choice,
        rules: &[Route],
        by: &Signature,
    ) -> Result<(), CacheError> {
        let Seen { entry, destination, identity, remote, theirs } = seen;
        let (who, at) = (by.account.as_str(), by.at);
        let reindex = self.write(|t| {
            let (_, now) =
                deliveries::in_conflict(t, entry, destination)?.ok_or(CacheError::NotFound("conflict"))?;
            if now.as_deref() != theirs {
                return Err(CacheError::ChangedAgain);
            }
            let this = tables::outbox::by_id(t, entry)?.ok_or(CacheError::NotFound("entry"))?;
            match remote {
                Some(remote) => {
                    deliveries::set_remote(
                        t,
                        destination,
                        identity,
                        &remote.place,
                        remote.version.as_deref(),
                    )?;
                }
                None => deliveries::forget_remote(t, destination, identity)?,
            }
            let thing = content::thing_of(&this);
            for id in deliveries::conflicts(t, destination)? {
                let Some(other) = tables::outbox::by_id(t, id)? else { continue };
                if id != entry && (thing.is_none() || content::thing_of(&other) != thing) {
                    continue;
                }
                let state = match choice {
                    Choice::Ours => "waiting",
                    // What was signed to merge both may have been tried already, and met the conflict too.
                    Choice::Merged(_) if id > entry => "waiting",
                    Choice::Theirs | Choice::Merged(_) => "dropped",
                };
                let row =
                    Stored { state, next_try: None, code: None, words: None, remote: None, theirs: None };
                deliveries::note(t, id, destination, &row, at)?;
                note::close_if_done(t, id, &other.kind, rules, at)?;
            }
            if let Some(study) = &this.study_uid {
                let detail = json!({
                    "destination": destination, "kind": this.kind, "entry": entry, "choice": choice.word(),
                });
                apply::note(t, who, Action::ConflictSettled, at, study, detail)?;
            }
            let Choice::Merged(merge) = choice else { return Ok(None) };
            if this.kind != "report" || this.payload["report"] != json!(merge.report) {
                return Err(CacheError::BadCommand("only the report that is in conflict can be added to."));
            }
            let act = SignAct::Addendum { text: merge.text.clone() };
            let (_, _, row) = report::signed(t, merge.report, &act, merge.base_version, by.clone())?;
            Ok(row)
        })?;
        self.wake.again();
        self.reindex(reindex)
    }
}
