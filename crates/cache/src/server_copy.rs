//! What other systems have of a patient: kept beside what this workstation has, and never mixed with it.
//!
//! Not here: the asking (`medsight-sync`).

use crate::asking::{AskedOf, Asking};
use crate::order::CameIn;
use crate::{Cache, CacheError, tables};
use medsight_audit::{Action, AuditEvent, PatientKey};
use medsight_base::Timestamp;
use medsight_record::report::ReportId;
use medsight_record::{KnownCopy, KnownServerReport, ServerCopy, ServerReport, WoundObservation};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// A kind of copy that has a table of its own.
pub trait Kept: ServerCopy + Serialize + DeserializeOwned {
    /// The table.
    const TABLE: &'static str;
    /// What was asked for, in the audit trail.
    const ASKED_FOR: &'static str;
}

impl Kept for ServerReport {
    const TABLE: &'static str = tables::server_copies::REPORTS;
    const ASKED_FOR: &'static str = "reports";
}

impl Kept for WoundObservation {
    const TABLE: &'static str = tables::server_copies::WOUNDS;
    const ASKED_FOR: &'static str = "wounds";
}

/// What a source said of a patient, and how far the question is with it. Kept as a whole, or not at all.
#[derive(Clone, Debug)]
pub struct CopyPage<T> {
    /// The question.
    pub of: AskedOf,
    /// How far it is now.
    pub asking: Asking,
    /// Patient ID (0010,0020) that was asked for.
    pub patient_id: String,
    /// What there is; what is of a version that is here already counts as nothing new.
    pub found: Vec<T>,
    /// Places of what the source no longer has of this patient.
    pub gone: Vec<String>,
}

impl Cache {
    /// Keeps what a source has of a patient, in one transaction with how far the question is and the audit event.
    ///
    /// # Errors
    /// [`CacheError`]; nothing is kept then.
    pub fn take_copies<T: Kept>(
        &self,
        page: &CopyPage<T>,
        who: &str,
        at: Timestamp,
    ) -> Result<CameIn, CacheError> {
        use tables::server_copies as copies;
        self.write(|t| {
            let source = page.of.source.as_str();
            let mut came = CameIn::default();
            for copy in &page.found {
                match copies::version(t, T::TABLE, source, copy.place())? {
                    Some((known, false)) if known == copy.version() => {}
                    Some(_) => came.changed += 1,
                    None => came.new += 1,
                }
                // Also of the same version: who the patient is there may have changed, and what is read of it.
                copies::put(t, T::TABLE, copy, at)?;
            }
            for place in &page.gone {
                came.gone += u64::from(copies::set_gone(t, T::TABLE, source, place, at)?);
            }
            tables::askings::set(t, &page.of, &page.asking)?;
            // The patient's ID went there, whether something came of it or not.
            let detail = json!({
                "source": source, "feed": T::ASKED_FOR, "new": came.new, "changed": came.changed, "gone": came.gone,
            });
            let event = AuditEvent::new(who, Action::Queried, at, None, detail);
            let issuer = tables::studies::issuer_of(t, &page.patient_id)?;
            tables::audit::add(t, &event.about(PatientKey::of(&page.patient_id, issuer.as_deref())))?;
            Ok(came)
        })
    }

    /// Everything of a kind that other systems have of a patient, in no order.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn copies<T: Kept>(&self, patient_id: &str) -> Result<Vec<KnownCopy<T>>, CacheError> {
        let id = patient_id.trim();
        if id.is_empty() {
            return Ok(Vec::new());
        }
        self.read(|db| Ok(tables::server_copies::of_patient(db, T::TABLE, id)?))
    }

    /// The reports that other systems have of a patient, newest first. A report that was written here and sent there is not
    /// among them while it is there as it was sent: it is here as it was signed. What somebody changed there is.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn server_reports(&self, patient_id: &str) -> Result<Vec<KnownServerReport>, CacheError> {
        let all = self.copies::<ServerReport>(patient_id)?;
        self.read(|db| {
            let mut found = Vec::new();
            for known in all {
                let mut is_ours = false;
                for name in &known.said.identifiers {
                    let id = name.strip_prefix("urn:uuid:").and_then(|id| id.parse().ok()).map(ReportId);
                    let Some(id) = id else { continue };
                    is_ours |= tables::reports::by_id(db, id)?.is_some()
                        && !tables::deliveries::is_changed_there(db, name, &id.0.to_string(), &known)?;
                }
                if !is_ours {
                    found.push(known);
                }
            }
            found.sort_by(|a, b| {
                let key = |known: &KnownServerReport| {
                    (known.said.issued_at, known.said.effective.clone(), known.said.place.clone())
                };
                key(b).cmp(&key(a))
            });
            Ok(found)
        })
    }

    /// What other systems observed of a patient's wounds, newest first.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn wound_history(&self, patient_id: &str) -> Result<Vec<KnownCopy<WoundObservation>>, CacheError> {
        let mut found = self.copies::<WoundObservation>(patient_id)?;
        found.sort_by(|a, b| {
            // By the day as it is told, then by the moment: one that tells only a day has no moment.
            let key = |known: &KnownCopy<WoundObservation>| {
                (known.said.effective.clone(), known.said.effective_at, known.said.place.clone())
            };
            key(b).cmp(&key(a))
        });
        Ok(found)
    }
}
