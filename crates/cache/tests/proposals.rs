//! What a program proposed and what a person made of it: both stay, and both are in the trail.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::*;
use medsight_base::{SeriesUid, StudyUid};
use medsight_cache::{AuditFilter, Cache, CacheError, Route};
use medsight_record::{Decision, Maker, Proposal};

fn maker() -> Maker {
    Maker {
        name: "liver".into(),
        version: "1.0.0".into(),
        sha256: "ab".repeat(32),
        is_guided: false,
        arithmetic: "f16".into(),
    }
}

/// A study with a proposal; its images stand for the object.
fn proposed(cache: &Cache) -> (StudyUid, SeriesUid) {
    let (study, series) = (study_uid(1), record(1, 1, 1).series);
    let proposal = Proposal {
        series: series.clone(),
        images: series.clone(),
        maker: maker(),
        made_at: AT,
        decided: None,
    };
    cache.proposed(&study, &proposal, "reader").unwrap();
    (study, series)
}

fn actions(cache: &Cache) -> Vec<String> {
    let page = cache.audit_search(&AuditFilter::default(), None, 100).unwrap();
    let mut found: Vec<String> = page.events.iter().map(|link| link.event.what.to_string()).collect();
    found.retain(|what| what.starts_with("propos") || what == "object_written" || what == "series_deleted");
    found.reverse();
    found
}

#[test]
fn a_proposal_is_sent_to_nobody_and_what_is_kept_of_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let (study, series) = proposed(&cache);
    let rule = Route { destination: "pacs".into(), kinds: vec!["object"], events: false };
    assert!(cache.outbox_next(&rule, 0, 10, AT).unwrap().entries.is_empty());
    let kept = SeriesUid::parse("1.2.3.4").unwrap();
    cache.decided(&study, &series, &Decision::Changed, &[(&kept, "SEG")], "rossi", AT).unwrap();
    let sent = cache.outbox_next(&rule, 0, 10, AT).unwrap().entries;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].payload["series"], kept.as_str());
    let [known] = &cache.proposals(&study).unwrap()[..] else { panic!("one proposal") };
    let decided = known.decided.clone().unwrap();
    assert_eq!(
        (decided.decision, decided.by.as_str(), decided.kept),
        (Decision::Changed, "rossi", vec![kept])
    );
    assert_eq!(known.maker, maker());
    assert_eq!(actions(&cache), ["proposed", "object_written", "proposal_decided"]);
}

#[test]
fn a_proposal_is_decided_once_until_the_decision_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    let (study, series) = proposed(&cache);
    let rejected = Decision::Rejected("it is the spleen".into());
    cache.decided(&study, &series, &rejected, &[], "rossi", AT).unwrap();
    let again = cache.decided(&study, &series, &Decision::Accepted, &[], "weber", AT);
    assert!(matches!(again, Err(CacheError::Decided(by)) if by == "rossi"));
    cache.reopen_proposal(&study, &series, "rossi", AT).unwrap();
    assert!(cache.proposals(&study).unwrap()[0].decided.is_none());
    cache.decided(&study, &series, &Decision::Accepted, &[], "weber", AT).unwrap();
    assert_eq!(actions(&cache), ["proposed", "proposal_decided", "proposal_reopened", "proposal_decided"]);
}
