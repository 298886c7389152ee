//! What must hold at the end of a run.

use crate::peers::bed::{curl, fhir, named, search, study};
use crate::reader::{STUDIES, annotation_id, open, report_id};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The records hold what was said to be durable; the server holds what the records hold, each thing once, and every event
/// of the trail where it takes them.
pub(crate) fn check(seed: u64, base: &str, takes: &str, folder: &Path, kept: &BTreeMap<String, i64>) {
    let cache = open(folder);
    let trail = cache.audit_trail().unwrap();
    assert!(trail.chain.is_ok(), "seed {seed}: the trail is broken");
    if takes.contains("audit") {
        let (last, _) = trail.last.unwrap();
        assert_eq!(trail.events, last, "seed {seed}: an event is missing here");
        for sequence in 1..=last {
            let id = medsight_audit::fhir_id(&cache.audit_site(), sequence);
            let (status, event) = curl("GET", &format!("{base}/AuditEvent/{id}"), None);
            assert_eq!(status, 200, "seed {seed}: event {sequence} of {last} is not at the server: {event}");
        }
    }
    let rule = medsight_sync::rule_of(&fhir("server", base, takes, ""));
    assert_eq!(cache.outbox_status(&[rule]).unwrap()[0].waiting, 0, "seed {seed}");
    for n in 0..6 {
        let id = annotation_id(seed, n);
        let here = cache
            .annotations(&study(seed, (id.as_u128() % u128::from(STUDIES)) as usize))
            .unwrap()
            .into_iter()
            .find(|annotation| annotation.id.0 == id);
        let there = named(base, "Observation", id);
        let said = kept.get(&id.to_string()).copied().unwrap_or(0);
        if here.is_none() && said == 0 && there.is_empty() {
            continue;
        }
        assert_eq!(there.len(), 1, "seed {seed}: {id} is at the server {} times", there.len());
        let revision = revision(&there[0]);
        assert!(
            revision >= said,
            "seed {seed}: {id} is lost: revision {said} was durable, {revision} is there"
        );
        match here {
            Some(annotation) => {
                let value = there[0]["valueQuantity"]["value"].as_f64();
                assert_eq!(value, annotation.measured.length_mm, "seed {seed}: {id}");
            }
            None => assert_eq!(there[0]["status"], "entered-in-error", "seed {seed}: {id}"),
        }
    }
    for n in 0..2 {
        let id = report_id(seed, n);
        let version = cache.report(id).map_or(0, |report| i64::from(report.version()));
        let said = kept.get(&id.0.to_string()).copied().unwrap_or(0);
        assert!(version >= said, "seed {seed}: version {said} of a report is lost here");
        let there = named(base, "DiagnosticReport", id.0);
        assert_eq!(there.len(), usize::from(version > 0), "seed {seed}: report {}", id.0);
        if version > 0 {
            assert_eq!(revision(&there[0]), version, "seed {seed}: report {}", id.0);
        }
    }
    for n in 0..STUDIES {
        let uid = study(seed, n as usize);
        let query = format!("ImagingStudy?identifier=urn:dicom:uid%7Curn:oid:{uid}");
        assert!(search(base, &query).len() <= 1, "seed {seed}: a study is there twice");
    }
}

pub(crate) fn revision(resource: &Value) -> i64 {
    let identifiers = resource["identifier"].as_array().unwrap();
    let mut revisions = identifiers.iter().filter_map(|one| one["value"].as_str()?.split_once('#'));
    revisions.next().unwrap().1.parse().unwrap()
}
