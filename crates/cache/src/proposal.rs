//! Proposals of programs and what people decide on them: each act with its audit event in one transaction. What was proposed stays an
//! object of the study whatever is decided; it is sent to nobody. What is kept is sent like anything else that was written here.

use crate::apply::{note, require};
use crate::{Cache, CacheError, tables};
use medsight_audit::Action;
use medsight_base::{SeriesUid, StudyUid, Timestamp};
use medsight_record::{Decided, Decision, Proposal};
use serde_json::json;

/// A series that was kept, and its modality.
pub type KeptSeries<'k> = (&'k SeriesUid, &'k str);

impl Cache {
    /// A program proposed what is in a series of the study; `who` let it run.
    ///
    /// # Errors
    /// [`CacheError::NotFound`] when the study is not here, …
    pub fn proposed(&self, study: &StudyUid, proposal: &Proposal, who: &str) -> Result<(), CacheError> {
        self.write(|t| {
            let row = require(t, study)?;
            tables::proposals::add(t, row, proposal)?;
            let maker = &proposal.maker;
            let mut detail = json!({
                "series": proposal.series, "by": maker.text(), "sha256": maker.sha256, "guided": maker.is_guided,
            });
            if !maker.arithmetic.is_empty() {
                detail["arithmetic"] = json!(maker.arithmetic);
            }
            note(t, who, Action::Proposed, proposal.made_at, study, detail)
        })
    }

    /// What programs proposed in a study, oldest first.
    ///
    /// # Errors
    /// [`CacheError::NotFound`] when the study is not here, …
    pub fn proposals(&self, study: &StudyUid) -> Result<Vec<Proposal>, CacheError> {
        self.read(|db| Ok(tables::proposals::of_study(db, require(db, study)?)?))
    }

    /// A person decided on a proposal. `kept` are series that are in the cache already: the segmentation, the report of it.
    ///
    /// # Errors
    /// [`CacheError::NotFound`] when there is no such proposal; [`CacheError::Decided`] when somebody has decided on it.
    pub fn decided(
        &self,
        study: &StudyUid,
        proposal: &SeriesUid,
        decision: &Decision,
        kept: &[KeptSeries<'_>],
        who: &str,
        at: Timestamp,
    ) -> Result<Decided, CacheError> {
        self.write(|t| {
            let row = require(t, study)?;
            let known = of(t, row, proposal)?;
            if let Some(decided) = known.decided {
                return Err(CacheError::Decided(decided.by));
            }
            for (series, kind) in kept {
                let detail = json!({"series": series, "kind": kind});
                tables::outbox::add(t, row, "object", &detail, at)?;
                note(t, who, Action::ObjectWritten, at, study, detail)?;
            }
            let decided = Decided {
                decision: decision.clone(),
                by: who.to_owned(),
                at,
                kept: kept.iter().map(|(series, _)| (*series).clone()).collect(),
            };
            tables::proposals::decide(t, proposal, Some(&decided))?;
            let why = match decision {
                Decision::Rejected(why) => why.as_str(),
                Decision::Accepted | Decision::Changed => "",
            };
            let detail = json!({
                "series": proposal, "by": known.maker.text(), "decision": decision.word(), "why": why,
                "kept": decided.kept,
            });
            note(t, who, Action::ProposalDecided, at, study, detail)?;
            Ok(decided)
        })
    }

    /// Takes a decision back: what was kept by it is deleted, and the proposal waits for another.
    ///
    /// # Errors
    /// [`CacheError::GivenOut`] when what was kept has left this computer since; [`CacheError::NotFound`] when there is no
    /// such decision.
    pub fn reopen_proposal(
        &self,
        study: &StudyUid,
        proposal: &SeriesUid,
        who: &str,
        at: Timestamp,
    ) -> Result<(), CacheError> {
        let known = self.read(|db| of(db, require(db, study)?, proposal))?;
        let decided = known.decided.ok_or(CacheError::NotFound("decision"))?;
        for series in &decided.kept {
            match self.take_back_series(study, series, who, at) {
                // Deleted before; the decision alone is left.
                Ok(()) | Err(CacheError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.write(|t| {
            tables::proposals::decide(t, proposal, None)?;
            let detail =
                json!({"series": proposal, "by": known.maker.text(), "was": decided.decision.word()});
            note(t, who, Action::ProposalReopened, at, study, detail)
        })
    }
}

fn of(db: &rusqlite::Connection, study: i64, series: &SeriesUid) -> Result<Proposal, CacheError> {
    let all = tables::proposals::of_study(db, study)?;
    all.into_iter().find(|known| known.series == *series).ok_or(CacheError::NotFound("proposal"))
}
