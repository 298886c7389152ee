//! Reports: kept at every pause, signed as versions that stay as they are, with their events and outbox entries.

use crate::apply::note;
use crate::audit::Act;
use crate::tables::reports::{self, Head};
use crate::{Applied, Cache, CacheError, tables, work};
use medsight_audit::Action;
use medsight_base::{StudyUid, Timestamp};
use medsight_record::ReadState;
use medsight_record::report::rules::{self, SignAct};
use medsight_record::report::{
    Content, CriticalResult, Report, ReportId, ReportStatus, ReportToSave, ReportVersion, Signature,
    WorkingText,
};
use serde_json::json;

/// A report above this is none that a person wrote: stored text, bytes.
const LARGEST: usize = 4 << 20;

impl Cache {
    /// The reports of a study, oldest first; also of one whose images are no longer here.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn reports(&self, study: &StudyUid) -> Result<Vec<Report>, CacheError> {
        self.read(|db| {
            let mut found = Vec::new();
            for id in reports::of_study(db, study)? {
                if let Some(head) = reports::by_id(db, id)? {
                    found.push(reports::whole(db, id, head)?);
                }
            }
            Ok(found)
        })
    }

    /// One report.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn report(&self, id: ReportId) -> Result<Report, CacheError> {
        self.read(|db| {
            let head = reports::by_id(db, id)?.ok_or(CacheError::NotFound("report"))?;
            Ok(reports::whole(db, id, head)?)
        })
    }

    /// The reports of a study were shown to somebody: noted in the audit trail.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn reports_viewed(&self, study: &StudyUid, who: &str, at: Timestamp) -> Result<(), CacheError> {
        self.write(|t| note(t, who, Action::ReportViewed, at, study, serde_json::Value::Null))
    }

    pub(crate) fn save_report(
        &self,
        save: &ReportToSave,
        who: &str,
        at: Timestamp,
    ) -> Result<Applied, CacheError> {
        if serde_json::to_vec(&save.content)?.len() > LARGEST {
            return Err(CacheError::BadCommand("the report is larger than 4 MiB."));
        }
        let (saved, row) = self.write(|t| {
            let known = reports::by_id(t, save.report)?;
            if known.as_ref().is_some_and(|known| known.study != save.study) {
                return Err(CacheError::BadCommand("the report belongs to another study."));
            }
            let (version, status) =
                known.as_ref().map_or((0, ReportStatus::Draft), |k| (k.version, k.status));
            let before = known.and_then(|known| known.working).map_or(0, |working| working.saved);
            if version != save.base_version || before != save.saved {
                return Err(CacheError::ReportChanged);
            }
            if status == ReportStatus::EnteredInError {
                return Err(rules::NotSigned::NotNext { from: status }.into());
            }
            let working = WorkingText {
                content: save.content.clone(),
                base_version: version,
                saved: before + 1,
                saved_at: at,
                saved_by: who.to_owned(),
            };
            reports::save(t, save.report, &save.study, Some(&working))?;
            let detail = json!({"report": save.report, "version": version, "saved": working.saved});
            note(t, who, Action::ReportSaved, at, &save.study, detail)?;
            let begun = begin_reading(t, &save.study, who, at)?;
            Ok((working.saved, begun))
        })?;
        self.reindex(row)?;
        Ok(Applied { revision: Some(i64::from(saved)), studies: vec![save.study.clone()] })
    }

    pub(crate) fn discard_report(
        &self,
        id: ReportId,
        who: &str,
        at: Timestamp,
    ) -> Result<Applied, CacheError> {
        let study = self.write(|t| {
            let head = reports::by_id(t, id)?.ok_or(CacheError::NotFound("report"))?;
            if head.working.is_none() {
                return Ok(head.study);
            }
            match head.version {
                0 => reports::remove_draft(t, id)?,
                _ => reports::save(t, id, &head.study, None)?,
            }
            let detail = json!({"report": id, "version": head.version});
            note(t, who, Action::ReportDiscarded, at, &head.study, detail)?;
            Ok(head.study)
        })?;
        Ok(Applied { revision: None, studies: vec![study] })
    }

    /// Signs a report: its words become a version that stays, with an event that holds their hash, and an entry for
    /// other systems. Its revision is the number of the version.
    ///
    /// # Errors
    /// [`CacheError::ReportChanged`] when another version came since, [`CacheError::NotSigned`] when the step does not
    /// follow or the words are not ready, [`CacheError::NotFound`], …
    pub fn sign_report(
        &self,
        id: ReportId,
        act: &SignAct,
        base_version: u32,
        signature: Signature,
    ) -> Result<Applied, CacheError> {
        let (number, study, row) = self.write(|t| signed(t, id, act, base_version, signature))?;
        self.reindex(row)?;
        Ok(Applied { revision: Some(i64::from(number)), studies: vec![study] })
    }

    pub(crate) fn tell_critical(
        &self,
        id: ReportId,
        result: &CriticalResult,
        who: &str,
        at: Timestamp,
    ) -> Result<Applied, CacheError> {
        if result.result.trim().is_empty() || result.told.trim().is_empty() {
            return Err(CacheError::BadCommand("a critical result says what was found and who was told."));
        }
        let study = self.write(|t| {
            let head = reports::by_id(t, id)?.ok_or(CacheError::NotFound("report"))?;
            // The same call sent a second time is one call.
            if !reports::add_critical(t, id, result)? {
                return Ok(head.study);
            }
            let detail = json!({"report": id, "critical": result.id, "read_back": result.is_read_back});
            note(t, who, Action::CriticalTold, at, &head.study, detail)?;
            let entry = json!({"report": id, "critical": result.id, "study": head.study});
            tables::outbox::add(t, tables::studies::id_of(t, &head.study)?, "critical", &entry, at)?;
            Ok(head.study)
        })?;
        Ok(Applied { revision: None, studies: vec![study] })
    }
}

/// Signs a report within a transaction; the number of the new version, its study, and the study's row while it is here.
pub(crate) fn signed(
    t: &Act<'_>,
    id: ReportId,
    act: &SignAct,
    base_version: u32,
    signature: Signature,
) -> Result<(u32, StudyUid, Option<i64>), CacheError> {
    let at = signature.at;
    let who = signature.account.clone();
    let head = reports::by_id(t, id)?.ok_or(CacheError::NotFound("report"))?;
    if head.version != base_version {
        return Err(CacheError::ReportChanged);
    }
    let study = head.study.clone();
    let written = head.working.clone();
    let version = version(t, id, head, act, signature)?;
    // What is added or withdrawn leaves what is being written as it is.
    let adds = matches!(act, SignAct::Addendum { .. } | SignAct::EnteredInError { .. });
    let working = written.filter(|_| adds).map(|w| WorkingText { base_version: version.number, ..w });
    let sha256 = reports::add_version(t, id, &version, working.as_ref(), at)?;
    let hex: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let detail = json!({"report": id, "version": version.number, "status": version.status, "sha256": hex});
    let action = match version.status {
        ReportStatus::Draft | ReportStatus::Preliminary | ReportStatus::Final => Action::ReportSigned,
        ReportStatus::Addendum | ReportStatus::Amended | ReportStatus::EnteredInError => {
            Action::ReportAmended
        }
    };
    note(t, &who, action, at, &study, detail)?;
    let row = tables::studies::id_of(t, &study)?;
    if let Some(row) = row {
        tables::studies::set_state(t, row, read_state(version.status))?;
        // What is signed is read.
        if let Some(known) = tables::studies::by_id(t, row)?.filter(|known| known.work.claimed.is_some()) {
            work::set_claim(t, row, &study, known.work, None, &who, at)?;
        }
    }
    let entry = json!({"report": id, "version": version.number, "study": study});
    tables::outbox::add(t, row, "report", &entry, at)?;
    Ok((version.number, study, row))
}

/// What is signed: the working text, or the words of the last version where nothing was written since.
fn version(
    t: &Act<'_>,
    id: ReportId,
    head: Head,
    act: &SignAct,
    signature: Signature,
) -> Result<ReportVersion, CacheError> {
    let (status, number) = (head.status, head.version + 1);
    let Report { versions, working, .. } = reports::whole(t, id, head)?;
    let last = versions.last();
    let said = || last.map(|version| version.content.clone());
    let content: Content = match (act, working) {
        // An addendum adds to what was signed, and a withdrawal is of what was signed: what is being written is neither.
        (SignAct::Addendum { .. } | SignAct::EnteredInError { .. }, _) => said(),
        (_, Some(working)) => Some(working.content),
        (_, None) => said(),
    }
    .unwrap_or_default();
    let becomes = rules::next(status, act, &content)?;
    let earlier = last.map(|version| version.signatures.clone()).unwrap_or_default();
    let keeps_earlier = status == ReportStatus::Preliminary && becomes == ReportStatus::Final;
    let mut signatures: Vec<Signature> = if keeps_earlier { earlier } else { Vec::new() };
    signatures.retain(|earlier| earlier.account != signature.account);
    signatures.push(signature);
    let (reason, addendum) = match act {
        SignAct::Preliminary | SignAct::Final => (None, None),
        SignAct::Addendum { text } => (None, Some(text.trim().to_owned())),
        SignAct::Amend { reason } | SignAct::EnteredInError { reason } => {
            (Some(reason.trim().to_owned()), None)
        }
    };
    Ok(ReportVersion { number, status: becomes, signatures, reason, addendum, content })
}

/// Who writes has begun to read, and has claimed the study unless somebody else has; its row where that is new.
fn begin_reading(t: &Act<'_>, study: &StudyUid, who: &str, at: Timestamp) -> Result<Option<i64>, CacheError> {
    let Some(row) = tables::studies::id_of(t, study)? else { return Ok(None) };
    let Some(known) = tables::studies::by_id(t, row)? else { return Ok(None) };
    let is_unread = known.state == ReadState::Unread;
    if is_unread {
        tables::studies::set_state(t, row, ReadState::Draft)?;
    }
    let is_free = known.work.claimed.is_none();
    if is_free {
        work::set_claim(t, row, study, known.work, Some(who), who, at)?;
    }
    Ok((is_unread || is_free).then_some(row))
}

fn read_state(status: ReportStatus) -> ReadState {
    match status {
        // What was withdrawn has yet to be read.
        ReportStatus::EnteredInError => ReadState::Unread,
        ReportStatus::Draft => ReadState::Draft,
        ReportStatus::Preliminary => ReadState::Preliminary,
        ReportStatus::Final => ReadState::Final,
        ReportStatus::Addendum | ReportStatus::Amended => ReadState::Addendum,
    }
}
