//! Reports of other systems: kept beside those of this workstation, and never mixed with them.
//!
//! Not here: the asking (`medsight-sync`).

use crate::asking::{AskedOf, Asking};
use crate::order::CameIn;
use crate::{Cache, CacheError, tables};
use medsight_audit::{Action, AuditEvent, PatientKey};
use medsight_base::Timestamp;
use medsight_record::report::ReportId;
use medsight_record::{KnownServerReport, ServerReport};
use serde_json::json;
use std::collections::BTreeSet;

/// The reports that a source has of a patient.
#[derive(Clone, Debug, Default)]
pub struct ReportPage {
    /// The question.
    pub of: AskedOf,
    /// How far it is now.
    pub asking: Asking,
    /// Patient ID (0010,0020) that was asked for.
    pub patient_id: String,
    /// Reports; those of a version that is here already change nothing.
    pub reports: Vec<ServerReport>,
    /// These are all that the source has: what is not among them is gone.
    pub is_whole: bool,
}

impl Cache {
    /// Keeps what a source has of a patient, in one transaction with how far the question is and the audit event.
    ///
    /// # Errors
    /// [`CacheError`]; nothing is kept then.
    pub fn take_server_reports(
        &self,
        page: &ReportPage,
        who: &str,
        at: Timestamp,
    ) -> Result<CameIn, CacheError> {
        self.write(|t| {
            let source = page.of.source.as_str();
            let mut came = CameIn::default();
            for report in &page.reports {
                match tables::server_reports::version(t, source, &report.place)? {
                    Some((known, false)) if known == report.version => {
                        tables::server_reports::seen(t, source, &report.place, at)?;
                        continue;
                    }
                    Some(_) => came.changed += 1,
                    None => came.new += 1,
                }
                tables::server_reports::put(t, report, at)?;
            }
            if page.is_whole {
                let here: BTreeSet<&str> = page.reports.iter().map(|report| report.place.as_str()).collect();
                for place in tables::server_reports::places(t, source, &page.patient_id)? {
                    if !here.contains(place.as_str())
                        && tables::server_reports::set_gone(t, source, &place, at)?
                    {
                        came.gone += 1;
                    }
                }
            }
            tables::askings::set(t, &page.of, &page.asking)?;
            // The patient's ID went there, whether something came of it or not.
            let detail = json!({
                "source": source, "feed": "reports", "new": came.new, "changed": came.changed, "gone": came.gone,
            });
            let event = AuditEvent::new(who, Action::Queried, at, None, detail);
            let issuer = tables::studies::issuer_of(t, &page.patient_id)?;
            tables::audit::add(t, &event.about(PatientKey::of(&page.patient_id, issuer.as_deref())))?;
            Ok(came)
        })
    }

    /// What other systems have of a patient, newest first. A report that was written here and sent there is not among
    /// them while it is there as it was sent: it is here as it was signed. What somebody changed there is.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn server_reports(&self, patient_id: &str) -> Result<Vec<KnownServerReport>, CacheError> {
        let id = patient_id.trim();
        if id.is_empty() {
            return Ok(Vec::new());
        }
        self.read(|db| {
            let mut found = Vec::new();
            for known in tables::server_reports::of_patient(db, id)? {
                let mut is_ours = false;
                for name in &known.report.identifiers {
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
                    (known.report.issued_at, known.report.effective.clone(), known.report.place.clone())
                };
                key(b).cmp(&key(a))
            });
            Ok(found)
        })
    }
}
