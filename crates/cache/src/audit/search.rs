//! What an auditor looks for: events by person, patient, study, action and time, in pages.

use crate::{Cache, CacheError, tables};
use medsight_audit::{Link, Outcome};
use medsight_base::{StudyUid, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// Which events. What is empty does not limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Account.
    pub who: Option<String>,
    /// Patient ID, of any issuer.
    pub patient: Option<String>,
    /// Study.
    pub study: Option<StudyUid>,
    /// Words of actions; one of them.
    pub actions: Vec<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Only what did not end well.
    pub only_failures: bool,
}

/// A page of events, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditPage {
    /// Events that fit the filter, on all pages.
    pub total: u64,
    /// This page. The next begins before the sequence number of its last.
    pub events: Vec<Link>,
}

impl AuditFilter {
    /// The conditions and what fills them in.
    fn conditions(&self) -> (String, Vec<Value>) {
        let mut values: Vec<Value> = Vec::new();
        let mut sql = String::from("1");
        let mut limit = |condition: &str, value: Value| {
            values.push(value);
            sql.push_str(" AND ");
            sql.push_str(&condition.replace('?', &format!("?{}", values.len())));
        };
        if let Some(who) = &self.who {
            limit("who = ?", who.clone().into());
        }
        if let Some(patient) = &self.patient {
            limit("(patient = ? OR substr(patient, 1, length(?) + 3) = ? || '^^^')", patient.clone().into());
        }
        if let Some(study) = &self.study {
            limit("study = ?", study.to_string().into());
        }
        if !self.actions.is_empty() {
            let words = serde_json::json!(self.actions).to_string();
            limit("what IN (SELECT value FROM json_each(?))", words.into());
        }
        if let Some(from) = self.from {
            limit("at >= ?", from.0.into());
        }
        if let Some(until) = self.until {
            limit("at < ?", until.0.into());
        }
        if self.only_failures {
            limit("more ->> 'outcome' <> ?", Outcome::Success.word().to_owned().into());
        }
        (sql, values)
    }
}

impl Cache {
    /// At most `limit` events that fit, newest first; those before the event `before` where it is given.
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn audit_search(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AuditPage, CacheError> {
        self.read(|db| {
            let (conditions, mut values) = filter.conditions();
            let total = count(db, &conditions, &values)?;
            let before = before.map_or(i64::MAX, u64::cast_signed);
            values.extend([Value::from(before), Value::from(i64::try_from(limit).unwrap_or(i64::MAX))]);
            let (last, most) = (values.len() - 1, values.len());
            let events = db
                .prepare_cached(&format!(
                    "SELECT {} FROM audit WHERE {conditions} AND sequence < ?{last} ORDER BY sequence DESC LIMIT ?{most}",
                    tables::audit::COLUMNS
                ))?
                .query_map(params_from_iter(values), tables::audit::from_row)?
                .collect::<rusqlite::Result<Vec<Link>>>()?;
            Ok(AuditPage { total, events })
        })
    }
}

fn count(db: &Connection, conditions: &str, values: &[Value]) -> rusqlite::Result<u64> {
    db.prepare_cached(&format!("SELECT count(*) FROM audit WHERE {conditions}"))?
        .query_row(params_from_iter(values), |row| row.get::<_, i64>(0).map(i64::cast_unsigned))
}
