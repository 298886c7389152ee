//! The workflow of the worklist: how urgent a study is, who is to read it, and who reads it now.

use crate::apply::{note, require};
use crate::audit::Act;
use crate::{Applied, Cache, CacheError, tables};
use medsight_audit::Action;
use medsight_base::{StudyUid, Timestamp};
use medsight_record::{Claim, Priority, Work};
use serde_json::{Value, json};

impl Cache {
    pub(crate) fn change_work(
        &self,
        study: &StudyUid,
        action: Action,
        detail: Value,
        who: &str,
        at: Timestamp,
        change: impl FnOnce(&mut Work) -> Result<(), CacheError>,
    ) -> Result<Applied, CacheError> {
        let row = self.write(|t| {
            let row = require(t, study)?;
            let mut work = work_of(t, row)?;
            change(&mut work)?;
            tables::studies::set_work(t, row, &work)?;
            note(t, who, action, at, study, detail)?;
            Ok(row)
        })?;
        self.reindex([row])?;
        Ok(Applied { revision: None, studies: vec![study.clone()] })
    }

    /// How urgent a study is: as a person says, or as its order does.
    pub(crate) fn set_priority(
        &self,
        study: &StudyUid,
        priority: Option<Priority>,
        who: &str,
        at: Timestamp,
    ) -> Result<Applied, CacheError> {
        let row = self.write(|t| {
            let row = require(t, study)?;
            let mut work = work_of(t, row)?;
            work.is_priority_set = priority.is_some();
            work.priority = priority.unwrap_or_default();
            tables::studies::set_work(t, row, &work)?;
            crate::order::settle(t, row)?;
            note(t, who, Action::Assigned, at, study, json!({"priority": priority}))?;
            Ok(row)
        })?;
        self.reindex([row])?;
        Ok(Applied { revision: None, studies: vec![study.clone()] })
    }

    /// Claims a study, also from somebody else where `over` says so.
    pub(crate) fn claim(
        &self,
        study: &StudyUid,
        over: bool,
        who: &str,
        at: Timestamp,
    ) -> Result<Applied, CacheError> {
        let row = self.write(|t| {
            let row = require(t, study)?;
            let work = work_of(t, row)?;
            match &work.claimed {
                Some(claim) if claim.by == who => return Ok(None),
                Some(claim) if !over => {
                    return Err(CacheError::Claimed { by: claim.by.clone(), at: claim.at });
                }
                _ => set_claim(t, row, study, work, Some(who), who, at)?,
            }
            Ok(Some(row))
        })?;
        self.reindex(row)?;
        Ok(Applied { revision: None, studies: vec![study.clone()] })
    }

    pub(crate) fn release(&self, study: &StudyUid, who: &str, at: Timestamp) -> Result<Applied, CacheError> {
        let row = self.write(|t| {
            let row = require(t, study)?;
            let work = work_of(t, row)?;
            match &work.claimed {
                None => return Ok(None),
                // Who wants to end another's claim takes it over first, so that it is seen who did.
                Some(claim) if claim.by != who => {
                    return Err(CacheError::Claimed { by: claim.by.clone(), at: claim.at });
                }
                Some(_) => set_claim(t, row, study, work, None, who, at)?,
            }
            Ok(Some(row))
        })?;
        self.reindex(row)?;
        Ok(Applied { revision: None, studies: vec![study.clone()] })
    }
}

fn work_of(t: &Act<'_>, row: i64) -> Result<Work, CacheError> {
    Ok(tables::studies::by_id(t, row)?.ok_or(CacheError::NotFound("study"))?.work)
}

/// Sets who reads a study, and notes that `who` did; `None` ends the claim that there is.
pub(crate) fn set_claim(
    t: &Act<'_>,
    row: i64,
    study: &StudyUid,
    mut work: Work,
    reader: Option<&str>,
    who: &str,
    at: Timestamp,
) -> Result<(), CacheError> {
    let before = work.claimed.take().map(|claim| claim.by);
    work.claimed = reader.map(|reader| Claim { by: reader.to_owned(), at });
    tables::studies::set_work(t, row, &work)?;
    let action = if reader.is_some() { Action::Claimed } else { Action::Released };
    crate::order::tell_claim(t, row, reader, before.as_deref(), at)?;
    note(t, who, action, at, study, json!({"from": before}))
}
