//! What is fetched before anybody asks, when a study is opened: the next one of the worklist, and earlier ones of the
//! patient. Only from servers that the settings name for it; it stands in the queue of the retrievals, gives way to
//! what is asked for, and can be stopped there. It ends when it is switched off, when another study is opened before it has
//! begun, and when it would fill the cache above its quota.
//!
//! A prior is a study with the same Patient ID (0010,0020). Where both sides give an Issuer of Patient ID (0010,0021) or
//! a birth date, these have to agree: two hospitals may have given one number to two people.

use crate::desk::Desk;
use crate::dto::FoundStudy;
use crate::network;
use crate::problem::Problem;
use crate::retrieving::Wish;
use medsight_base::StudyUid;
use medsight_cache::Cache;
use medsight_dicom::{Object, tags};
use medsight_pacs::{CancellationToken, Keys, Row, Urgency};
use medsight_record::StudyRecord;
use medsight_record::node::Node;
use std::sync::Arc;

/// Rows of one patient that are looked at.
const MOST_ROWS: usize = 200;
/// A larger file is not read for one attribute.
const LARGEST_READ: u64 = 64 << 20;

/// A study was opened: looks on a thread of its own what to fetch ahead.
pub(crate) fn opened(desk: &Arc<Desk>, study: &StudyUid, next: Option<StudyUid>) {
    let nodes: Vec<Node> =
        desk.settings().settings.nodes.iter().filter(|node| !node.prefetch.is_off()).cloned().collect();
    desk.retrieving().turn_to_another(desk);
    if nodes.is_empty() || !desk.has_room_for(0) {
        return;
    }
    let (desk, study) = (Arc::clone(desk), study.clone());
    // Without a thread nothing is fetched ahead; it is fetched when it is asked for.
    let _later = std::thread::Builder::new().name("ahead".into()).spawn(move || {
        for node in &nodes {
            // A server that does not answer now is asked again with the next study; nobody waits for this.
            let wishes = ahead(&desk, node, &study, next.as_ref());
            if let Ok(mut wishes) = wishes {
                // It may have been switched off while the server was asked.
                let now = desk.settings().settings.nodes.iter().find(|now| now.name == node.name).cloned();
                wishes.retain(|wish| now.as_ref().is_some_and(|now| is_wanted(now, wish.urgency)));
                let _queued = desk.retrieving().add(&desk, wishes);
            }
        }
    });
}

/// Whether a server's settings want this fetched ahead.
pub(crate) fn is_wanted(node: &Node, urgency: Urgency) -> bool {
    match urgency {
        Urgency::Open | Urgency::Asked => true,
        Urgency::Next => node.prefetch.next,
        Urgency::Prior => node.prefetch.priors > 0,
    }
}

fn ahead(
    desk: &Arc<Desk>,
    node: &Node,
    study: &StudyUid,
    next: Option<&StudyUid>,
) -> Result<Vec<Wish>, Problem> {
    let cache = desk.cache()?;
    let cancel = CancellationToken::new();
    let mut wishes = Vec::new();
    if let Some(next) = next.filter(|_| node.prefetch.next) {
        let keys = Keys::new().matching(tags::STUDY_INSTANCE_UID, next.as_str());
        let (rows, _) = network::studies(node, keys, 1, &cancel)?;
        let found = rows.iter().map(network::study_of).find(|found| found.uid == next.as_str());
        wishes.extend(found.and_then(|found| wish(&cache, node, &found, Urgency::Next)));
    }
    if node.prefetch.priors > 0
        && let Some(record) = cache.study(study)?
        && let Some(keys) = same_patient(&record)
    {
        let issuer = issuer_of(&cache, study).unwrap_or_default();
        let asked = network::studies(node, keys, MOST_ROWS, &cancel);
        network::note_query(desk, node, &record.patient.id, asked.as_ref().map(|(rows, _)| rows.len()).ok())?;
        let (rows, _) = asked?;
        let priors = priors(&record, &issuer, &rows);
        let missing = priors.iter().filter_map(|found| wish(&cache, node, found, Urgency::Prior));
        wishes.extend(missing.take(usize::from(node.prefetch.priors)));
    }
    Ok(wishes)
}

/// The search for the patient's studies; `None` without an ID, or with one that would match those of others too.
fn same_patient(record: &StudyRecord) -> Option<Keys> {
    let id = record.patient.id.trim();
    let is_plain = !id.is_empty() && !id.contains(['*', '?', '\\']);
    is_plain.then(|| Keys::new().matching(tags::PATIENT_ID, id).ask(&[tags::ISSUER_OF_PATIENT_ID]))
}

/// Earlier studies of the patient, the newest first.
fn priors(record: &StudyRecord, issuer: &str, rows: &[Row]) -> Vec<FoundStudy> {
    let agree = |one: &str, other: &str| one.is_empty() || other.is_empty() || one == other;
    let birth = record.patient.birth_date.map(|day| day.iso()).unwrap_or_default();
    let date = record.date.map(|day| day.iso()).unwrap_or_default();
    let mut found: Vec<FoundStudy> = rows
        .iter()
        .filter(|row| agree(issuer.trim(), row.text(tags::ISSUER_OF_PATIENT_ID).trim()))
        .map(network::study_of)
        .filter(|found| found.id.trim() == record.patient.id.trim() && agree(&birth, &found.birth_date))
        .filter(|found| found.uid != record.uid.as_str() && !found.uid.is_empty())
        .filter(|found| date.is_empty() || found.date.is_empty() || found.date <= date)
        .collect();
    found.sort_by(|a, b| b.date.cmp(&a.date));
    found
}

/// Nothing when all of it is here already.
fn wish(cache: &Cache, node: &Node, found: &FoundStudy, urgency: Urgency) -> Option<Wish> {
    let study = StudyUid::parse(&found.uid).ok()?;
    let here = cache.instances_here(&study).map_or(0, |here| here.len());
    if found.images.is_some_and(|images| here >= images as usize) {
        return None;
    }
    let about = [found.name.replace('^', " "), found.date.clone(), found.description.clone()];
    let about: Vec<String> = about.into_iter().filter(|part| !part.is_empty()).collect();
    Some(Wish { node: node.name.clone(), study, about: about.join(" · "), urgency, open: false })
}

/// Issuer of Patient ID, out of the study's smallest file; `None` when it cannot be read.
fn issuer_of(cache: &Cache, study: &StudyUid) -> Option<String> {
    let manifest = cache.manifest_here(study).ok()?;
    let smallest = manifest.instances.iter().min_by_key(|instance| instance.bytes)?;
    if smallest.bytes > LARGEST_READ {
        return None;
    }
    let bytes = cache.blobs().open(smallest.blob.parse().ok()?).ok()?.read_all().ok()?;
    Some(Object::from_vec(bytes).ok()?.data().text_or_empty(tags::ISSUER_OF_PATIENT_ID))
}

#[cfg(test)]
mod tests {
    use super::*;
    use medsight_base::{DicomDate, Timestamp};
    use medsight_record::{Patient, ReadState};

    fn record(id: &str) -> StudyRecord {
        let day = DicomDate::parse;
        let (birth_date, name) = (day("19570314"), "Doe^Jane".to_owned());
        StudyRecord {
            uid: StudyUid::parse("1.9").unwrap(),
            patient: Patient { id: id.into(), issuer: None, name, birth_date, sex: None },
            date: day("20260401"),
            time: String::new(),
            accession: String::new(),
            description: String::new(),
            modalities: Vec::new(),
            series_count: 1,
            instance_count: 1,
            bytes: 0,
            state: ReadState::Unread,
            imported_at: Timestamp(0),
            work: Default::default(),
        }
    }

    fn row(uid: &str, id: &str, date: &str, issuer: &str, birth: &str) -> Row {
        let text = |tag: &str, value: &str| format!("\"{tag}\":{{\"vr\":\"LO\",\"Value\":[\"{value}\"]}}");
        let parts = [
            text("0020000D", uid),
            text("00100020", id),
            text("00080020", date),
            text("00100021", issuer),
            text("00100030", birth),
        ];
        serde_json::from_str(&format!("{{{}}}", parts.join(","))).unwrap()
    }

    #[test]
    fn a_prior_is_an_earlier_study_of_the_same_patient_and_not_of_one_with_the_same_number() {
        let rows = [
            row("1.1", "4711", "20200101", "", ""),
            row("1.2", "4711", "20250101", "WARD", "19570314"),
            row("1.3", "4711", "20240101", "ELSEWHERE", "19570314"),
            row("1.4", "4711", "20230101", "WARD", "19990101"),
            row("1.5", "47110", "20220101", "", ""),
            row("1.6", "4711", "20270101", "", ""),
            row("1.9", "4711", "20260401", "WARD", ""),
        ];
        let found = priors(&record("4711"), "WARD", &rows);
        assert_eq!(found.iter().map(|f| f.uid.as_str()).collect::<Vec<_>>(), ["1.2", "1.1"]);
    }

    #[test]
    fn a_patient_without_a_number_of_its_own_has_no_priors() {
        assert!(same_patient(&record("")).is_none() && same_patient(&record("A*")).is_none());
        assert!(same_patient(&record("4711")).is_some());
    }
}
