//! Accesses that a person should look at. None of them proves anything: each names its rule, and an auditor judges.

use crate::{Cache, CacheError};
use medsight_audit::Action;
use medsight_base::Timestamp;
use rusqlite::{Connection, params};
use std::collections::{HashMap, VecDeque};
use unicode_normalization::UnicodeNormalization;

/// Why an access is in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Somebody went past the usual rules.
    BrokeGlass,
    /// Many patients in a short time.
    ManyPatients,
    /// A patient with the same family name as the person.
    SameName,
    /// Outside of the usual hours.
    OutsideHours,
    /// Nothing was written after a study was opened.
    NothingWritten,
}

impl Rule {
    /// All of them, as the report has them.
    pub const ALL: [Self; 5] =
        [Self::BrokeGlass, Self::ManyPatients, Self::SameName, Self::OutsideHours, Self::NothingWritten];

    /// Key of its words in the locales; they fill in the numbers of [`Usual`].
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::BrokeGlass => "audit.unusual.broke_glass",
            Self::ManyPatients => "audit.unusual.many_patients",
            Self::SameName => "audit.unusual.same_name",
            Self::OutsideHours => "audit.unusual.outside_hours",
            Self::NothingWritten => "audit.unusual.nothing_written",
        }
    }
}

/// What is usual here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usual {
    /// Fewer patients than this within [`Self::minutes`].
    pub patients: u32,
    /// Minutes.
    pub minutes: u32,
    /// First hour of the day, local time.
    pub from_hour: u32,
    /// Hour at which the day has ended.
    pub until_hour: u32,
    /// Local time less UTC, in minutes.
    pub offset_minutes: i32,
    /// Hours within which who opened a study writes something.
    pub hours: u32,
}

impl Default for Usual {
    fn default() -> Self {
        Self { patients: 30, minutes: 10, from_hour: 6, until_hour: 22, offset_minutes: 0, hours: 24 }
    }
}

/// One finding: accesses of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusual {
    /// Why.
    pub rule: Rule,
    /// Who.
    pub who: String,
    /// The patient, where the rule is about one; as in [`crate::AuditFilter::patient`].
    pub patient: Option<String>,
    /// Number of accesses, or of patients in [`Rule::ManyPatients`].
    pub count: u64,
    /// First and last event of it.
    pub events: (u64, u64),
    /// When it began.
    pub at: Timestamp,
}

/// One access in the time that is looked at.
struct Access {
    sequence: u64,
    who: String,
    name: Option<String>,
    at: Timestamp,
    patient: Option<String>,
    patient_name: Option<String>,
}

const ACCESSES: [Action; 5] =
    [Action::StudyOpened, Action::ReportViewed, Action::Exported, Action::Printed, Action::Sent];
const WORK: [Action; 10] = [
    Action::AnnotationSaved,
    Action::AnnotationRemoved,
    Action::ReadStateSet,
    Action::ObjectWritten,
    Action::ProposalDecided,
    Action::ReportSaved,
    Action::ReportSigned,
    Action::ReportAmended,
    Action::CriticalTold,
    Action::Assigned,
];

impl Cache {
    /// What was unusual from `from` until before `until`; the newest first within a rule.
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn unusual_accesses(
        &self,
        from: Timestamp,
        until: Timestamp,
        usual: &Usual,
    ) -> Result<Vec<Unusual>, CacheError> {
        self.read(|db| {
            let mut report = Report { usual: *usual, ..Report::default() };
            let mut statement = db.prepare_cached(
                "SELECT a.sequence, a.who, a.more ->> 'name', a.at, a.patient, s.patient_name
                 FROM audit a LEFT JOIN studies s ON s.uid = a.study
                 WHERE a.at >= ?1 AND a.at < ?2 AND a.what IN (SELECT value FROM json_each(?3))
                 ORDER BY a.sequence",
            )?;
            let mut rows = statement.query(params![from.0, until.0, words(&ACCESSES)])?;
            while let Some(row) = rows.next()? {
                report.take(&Access {
                    sequence: row.get::<_, i64>(0)?.cast_unsigned(),
                    who: row.get(1)?,
                    name: row.get(2)?,
                    at: Timestamp(row.get(3)?),
                    patient: row.get(4)?,
                    patient_name: row.get(5)?,
                });
            }
            let mut found = report.found;
            found.extend(broke_glass(db, from, until)?);
            found.extend(nothing_written(db, from, until, usual)?);
            found.sort_by_key(|unusual| (unusual.rule, std::cmp::Reverse(unusual.events.0)));
            Ok(found)
        })
    }
}

fn words(actions: &[Action]) -> String {
    let words: Vec<&str> = actions.iter().map(|action| action.word()).collect();
    serde_json::json!(words).to_string()
}

#[derive(Default)]
struct Report {
    usual: Usual,
    found: Vec<Unusual>,
    /// Of each person the accesses of the last minutes: number, time, patient.
    recent: HashMap<String, VecDeque<(u64, Timestamp, String)>>,
    /// Findings that go on, by rule, person and what makes them one.
    open: HashMap<(Rule, String, String), usize>,
}

impl Report {
    fn take(&mut self, access: &Access) {
        self.many_patients(access);
        let own_name = access.name.as_deref().zip(access.patient_name.as_deref());
        if own_name.is_some_and(|(person, patient)| same_family(person, patient)) {
            let patient = access.patient.clone();
            self.add(Rule::SameName, access, patient.clone().unwrap_or_default(), patient);
        }
        let local_minutes = access.at.0.div_euclid(60_000) + i64::from(self.usual.offset_minutes);
        let hour = local_minutes.rem_euclid(1440) / 60;
        if hour < i64::from(self.usual.from_hour) || hour >= i64::from(self.usual.until_hour) {
            // One finding a person and night: what is before noon belongs to the evening before.
            let night = (local_minutes - 720).div_euclid(1440);
            self.add(Rule::OutsideHours, access, night.to_string(), None);
        }
    }

    fn many_patients(&mut self, access: &Access) {
        let Some(patient) = &access.patient else { return };
        let recent = self.recent.entry(access.who.clone()).or_default();
        let begin = access.at.0 - i64::from(self.usual.minutes) * 60_000;
        while recent.front().is_some_and(|(_, at, _)| at.0 <= begin) {
            recent.pop_front();
        }
        recent.retain(|(_, _, other)| other != patient);
        recent.push_back((access.sequence, access.at, patient.clone()));
        let (count, first) = (recent.len() as u64, recent.front().map(|(sequence, at, _)| (*sequence, *at)));
        let Some((sequence, at)) = first.filter(|_| count >= u64::from(self.usual.patients)) else { return };
        let key = (Rule::ManyPatients, access.who.clone(), String::new());
        match self.open.get(&key).map(|index| &mut self.found[*index]) {
            // The same rush goes on while it overlaps.
            Some(going) if sequence <= going.events.1 => {
                going.events.1 = access.sequence;
                going.count = going.count.max(count);
            }
            _ => {
                self.open.insert(key, self.found.len());
                self.found.push(Unusual {
                    rule: Rule::ManyPatients,
                    who: access.who.clone(),
                    patient: None,
                    count,
                    events: (sequence, access.sequence),
                    at,
                });
            }
        }
    }

    fn add(&mut self, rule: Rule, access: &Access, one: String, patient: Option<String>) {
        let key = (rule, access.who.clone(), one);
        if let Some(index) = self.open.get(&key) {
            let going = &mut self.found[*index];
            going.count += 1;
            going.events.1 = access.sequence;
            return;
        }
        self.open.insert(key, self.found.len());
        self.found.push(Unusual {
            rule,
            who: access.who.clone(),
            patient,
            count: 1,
            events: (access.sequence, access.sequence),
            at: access.at,
        });
    }
}

/// Whether a word of the person's name is the patient's family name: Patient's Name (0010,0010) up to the first caret.
/// Capital letters and accents make no difference; a name of two letters is no name to go by.
fn same_family(person: &str, patient: &str) -> bool {
    let plain = |text: &str| -> String {
        text.nfkd().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let family = plain(patient.split(['^', '=']).next().unwrap_or_default());
    family.chars().count() > 2 && person.split([' ', ',', '.', '^', '-']).any(|word| plain(word) == family)
}

fn broke_glass(db: &Connection, from: Timestamp, until: Timestamp) -> rusqlite::Result<Vec<Unusual>> {
    db.prepare_cached(
        "SELECT sequence, who, at, patient FROM audit WHERE at >= ?1 AND at < ?2 AND what = ?3",
    )?
    .query_map(params![from.0, until.0, Action::BrokeGlass.word()], |row| {
        let sequence = row.get::<_, i64>(0)?.cast_unsigned();
        Ok(Unusual {
            rule: Rule::BrokeGlass,
            who: row.get(1)?,
            patient: row.get(3)?,
            count: 1,
            events: (sequence, sequence),
            at: Timestamp(row.get(2)?),
        })
    })?
    .collect()
}

fn nothing_written(
    db: &Connection,
    from: Timestamp,
    until: Timestamp,
    usual: &Usual,
) -> rusqlite::Result<Vec<Unusual>> {
    let patience = i64::from(usual.hours) * 3_600_000;
    db.prepare_cached(
        "SELECT min(a.sequence), a.who, min(a.at), max(a.patient), count(*), max(a.sequence) FROM audit a
         WHERE a.at >= ?1 AND a.at < ?2 - ?5 AND a.what = ?3 AND NOT EXISTS (
             SELECT 1 FROM audit b WHERE b.study = a.study AND b.who = a.who AND b.sequence > a.sequence
                 AND b.at <= a.at + ?5 AND b.what IN (SELECT value FROM json_each(?4)))
         GROUP BY a.who, a.study",
    )?
    .query_map(params![from.0, until.0, Action::StudyOpened.word(), words(&WORK), patience], |row| {
        Ok(Unusual {
            rule: Rule::NothingWritten,
            who: row.get(1)?,
            patient: row.get(3)?,
            count: row.get::<_, i64>(4)?.cast_unsigned(),
            events: (row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(5)?.cast_unsigned()),
            at: Timestamp(row.get(2)?),
        })
    })?
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_name_is_the_same_with_other_accents_and_capitals() {
        assert!(same_family("Dr. Rita Röntgen", "RONTGEN^WILHELM"));
        assert!(same_family("Müller-Lüdenscheidt, Ernst", "MÜLLER^ANNA"));
        assert!(!same_family("Dr. Anna Schmidt", "RÖNTGEN^ANNA"), "a given name is no family name");
        assert!(!same_family("Li Wang", "LI^MING"), "two letters");
        assert!(!same_family("Rita", "^RITA"));
    }
}
