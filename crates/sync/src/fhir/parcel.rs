//! Entries of the outbox as things to be sent: one for each thing, however many entries tell of it.

use super::names::{URI, token, urn, uuid_of};
use super::report::{communication, diagnostic_report, provenance};
use super::resources::{About, observation, task};
use medsight_base::Timestamp;
use medsight_cache::{Cache, CacheError, Content, Delivered, Entry, Outcome, Remote};
use medsight_record::StudyRecord;
use medsight_record::report::CriticalResult;
use serde_json::Value;
use uuid::Uuid;

/// One thing to be made or changed at the server.
pub(crate) struct Parcel {
    /// Entries that are done with it.
    pub(crate) entries: Vec<i64>,
    pub(crate) attempts: u32,
    pub(crate) study: StudyRecord,
    pub(crate) id: Uuid,
    pub(crate) revision: i64,
    /// Where it is at the server, as far as is known.
    pub(crate) remote: Option<Remote>,
    what: What,
    content: Content,
}

enum What {
    Drawn,
    Report,
    Critical(Box<CriticalResult>),
    Reading { state: String, who: Option<String>, at: Timestamp },
}

/// Where the patient and the study of a parcel are at the server.
#[derive(Clone, Default)]
pub(crate) struct Known {
    pub(crate) patient: Option<String>,
    pub(crate) study: Option<String>,
}

impl Parcel {
    pub(crate) fn kind(&self) -> &'static str {
        match self.what {
            What::Drawn => "Observation",
            What::Report => "DiagnosticReport",
            What::Critical(_) => "Communication",
            What::Reading { .. } => "Task",
        }
    }

    /// What it is called here: key of [`Cache::remote`].
    pub(crate) fn identity(&self) -> String {
        urn(self.id)
    }

    /// A search that finds it and nothing else.
    pub(crate) fn search(&self) -> String {
        token("identifier", URI, &urn(self.id))
    }

    pub(crate) fn resource(&self, about: &About<'_>) -> Option<Value> {
        match &self.what {
            What::Drawn => observation(about, self.content.drawn.as_ref()?),
            What::Report => diagnostic_report(about, self.content.report.as_ref()?),
            What::Critical(told) => Some(communication(about, self.content.report.as_ref()?, told)),
            What::Reading { state, who, at } => {
                Some(task(about, self.id, self.revision, state, who.as_deref(), *at))
            }
        }
    }

    /// Who signed it, with the name of that resource. `target` is where the thing itself is.
    pub(crate) fn provenance(&self, sync_id: &[u8; 16], target: &str) -> Option<(Uuid, Value)> {
        let report = self.content.report.as_ref().filter(|_| matches!(self.what, What::Report))?;
        let version = report.newest()?;
        let id = uuid_of(sync_id, "provenance", &format!("{}#{}", report.id.0, version.number));
        Some((id, provenance(id, target, version)?))
    }

    /// The same fate for all of its entries.
    pub(crate) fn delivered(&self, outcome: &Outcome, remotes: Vec<Remote>) -> Vec<Delivered> {
        let mut remotes = Some(remotes);
        let one = |entry: &i64| {
            let remotes = remotes.take().unwrap_or_default();
            Delivered { remotes, ..Delivered::plain(*entry, outcome.clone()) }
        };
        self.entries.iter().map(one).collect()
    }
}

/// Sorts entries into parcels, and tells of those that hold nothing to send.
pub(crate) fn parcels(
    cache: &Cache,
    destination: &str,
    sync_id: &[u8; 16],
    entries: Vec<Entry>,
) -> Result<(Vec<Parcel>, Vec<Delivered>), CacheError> {
    let (mut parcels, mut at_once): (Vec<Parcel>, Vec<Delivered>) = Default::default();
    for entry in entries {
        let Some((id, revision, what)) = what_of(&entry, sync_id) else {
            // Its record is gone, or nothing of it says anything elsewhere.
            at_once.push(Delivered::plain(entry.id, Outcome::Nothing));
            continue;
        };
        let Some(study) = entry.content.study.clone().filter(|study| !study.patient.id.trim().is_empty())
        else {
            let words =
                "The study has no Patient ID (0010,0020): nobody could tell whose finding it is.".to_owned();
            at_once.push(Delivered::plain(entry.id, Outcome::Refused { code: "sync.no-patient-id", words }));
            continue;
        };
        if let Some(same) = parcels.iter_mut().find(|parcel| parcel.id == id) {
            // The later entry has the later state.
            same.entries.push(entry.id);
            same.attempts = same.attempts.max(entry.attempts);
            (same.revision, same.what, same.content) = (revision, what, entry.content);
            continue;
        }
        parcels.push(Parcel {
            entries: vec![entry.id],
            attempts: entry.attempts,
            study,
            id,
            revision,
            remote: cache.remote(destination, &urn(id))?,
            what,
            content: entry.content,
        });
    }
    Ok((parcels, at_once))
}

fn what_of(entry: &Entry, sync_id: &[u8; 16]) -> Option<(Uuid, i64, What)> {
    match entry.kind.as_str() {
        "annotation" => {
            let drawn = entry.content.drawn.as_ref()?;
            Some((drawn.annotation.id.0, drawn.revision, What::Drawn))
        }
        "report" => {
            let report = entry.content.report.as_ref()?;
            Some((report.id.0, i64::from(report.version()), What::Report))
        }
        "critical" => {
            let wanted = entry.payload["critical"].as_str()?;
            let mut told = entry.content.report.as_ref()?.critical.iter();
            let told = told.find(|told| told.id.to_string() == wanted)?;
            Some((told.id, 1, What::Critical(Box::new(told.clone()))))
        }
        "read_state" => {
            let study = entry.study.as_ref()?;
            let state = entry.payload["state"].as_str()?.to_owned();
            let who = entry.payload["who"].as_str().map(str::to_owned);
            let id = uuid_of(sync_id, "reading", study.as_str());
            Some((id, entry.id, What::Reading { state, who, at: entry.created_at }))
        }
        _ => None,
    }
}
