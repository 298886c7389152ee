//! Somebody else changes a report at the server meanwhile: what a person is shown, and what each decision leaves there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod peers;

use medsight_cache::{Cache, Choice, Merge};
use medsight_record::destination::Destination;
use medsight_record::report::rules::SignAct;
use medsight_record::report::{ReportId, Signature};
use medsight_sync::{Engine, fhir as words, rule_of};
use peers::bed::*;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// A report that somebody else changed at a server, and that was amended here.
struct Met {
    base: String,
    cache: Arc<Cache>,
    engine: Engine,
    destination: Destination,
    report: ReportId,
    entry: i64,
    _folder: tempfile::TempDir,
}

impl Met {
    fn at(base: &str, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1, seed);
        let destination = fhir("server", base, FINDINGS, "");
        let engine = engine(&cache, vec![destination.clone()], bearer(TOKEN));
        let (report, of) = (ReportId(Uuid::new_v4()), study(seed, 0));
        sign(&cache, &of, report, 0, "Ours.", &SignAct::Final);
        sweep(&engine);
        change(base, report, "Theirs.");
        sign(&cache, &of, report, 1, "Ours, changed.", &SignAct::Amend { reason: "A slip.".into() });
        sweep(&engine);
        let entry = conflicts(&engine)[0];
        Self { base: base.to_owned(), cache, engine, destination, report, entry, _folder: folder }
    }

    /// As a person does who has just looked at both.
    fn settle(&self, entry: i64, choice: &Choice) {
        let both = words::versions(&self.cache, &self.destination, entry).unwrap();
        let (rules, seen) = ([rule_of(&self.destination)], both.their_version);
        let by = Signature { account: "rita".into(), name: "Rita".into(), at: now() };
        let what = (entry, seen.as_deref());
        words::settle(&self.cache, &self.destination, what, choice, &rules, &by).unwrap();
    }

    fn there(&self) -> Value {
        let mut found = named(&self.base, "DiagnosticReport", self.report.0);
        assert_eq!(found.len(), 1, "it is there once");
        found.remove(0)
    }

    /// How many versions the server has of it.
    fn versions(&self) -> usize {
        let id = self.there()["id"].as_str().unwrap().to_owned();
        search(&self.base, &format!("DiagnosticReport/{id}/_history?_count=100")).len()
    }
}

/// Somebody else changes the conclusion.
fn change(base: &str, report: ReportId, conclusion: &str) {
    let mut theirs = named(base, "DiagnosticReport", report.0).remove(0);
    theirs["conclusion"] = json!(conclusion);
    let place = format!("{base}/DiagnosticReport/{}", theirs["id"].as_str().unwrap());
    assert_eq!(curl("PUT", &place, Some(&theirs)).0, 200);
}

fn conflicts(engine: &Engine) -> Vec<i64> {
    let status = engine.status().unwrap().remove(0);
    status.stuck.into_iter().filter(|stuck| stuck.state == "conflict").map(|stuck| stuck.id).collect()
}

fn at_each(seed: u64, test: impl Fn(Met)) {
    let medplum = peers::medplum();
    let helios = peers::helios();
    let medplum_base = medplum.as_ref().map(|peer| format!("http://127.0.0.1:{}/fhir", peer.port));
    let helios_base = helios.as_ref().map(|peer| format!("http://127.0.0.1:{}", peer.port));
    for (at, base) in medplum_base.into_iter().chain(helios_base).enumerate() {
        test(Met::at(&base, seed + at as u64));
    }
}

/// One test at a time asks the servers: Helios in memory locks its tables against all others while it writes.
static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn both_versions_are_shown_and_ours_goes_on_top_of_theirs_when_a_person_says_so() {
    let _alone = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    at_each(9100, |met| {
        let both = words::versions(&met.cache, &met.destination, met.entry).unwrap();
        assert_eq!(both.kind, "DiagnosticReport");
        assert_eq!(both.report.map(|report| report.id), Some(met.report));
        assert!(both.study.is_some(), "whose it is");
        assert!(both.ours.contains("conclusion: Ours, changed."), "{}", both.ours);
        let theirs = both.theirs.unwrap();
        assert!(theirs.contains("conclusion: Theirs.") && !theirs.contains("changed"), "{theirs}");
        assert!(both.their_time.is_some());
        let before = met.versions();
        met.settle(met.entry, &Choice::Ours);
        sweep(&met.engine);
        assert_eq!(met.there()["conclusion"], "Ours, changed.");
        assert_eq!(met.versions(), before + 1, "theirs stays in the history");
        assert!(conflicts(&met.engine).is_empty());
        assert_eq!(met.engine.status().unwrap()[0].waiting, 0);
        let settled = met.cache.audit_after(0, 10_000).unwrap();
        let settled = settled.iter().filter(|link| link.event.what == "conflict_settled").count();
        assert_eq!(settled, 1, "who decided is in the audit trail");
    });
}

#[test]
fn somebody_who_changes_it_again_before_ours_arrives_is_not_written_over_either() {
    let _alone = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    at_each(9200, |met| {
        met.settle(met.entry, &Choice::Ours);
        change(&met.base, met.report, "Theirs, once more.");
        sweep(&met.engine);
        assert_eq!(met.there()["conclusion"], "Theirs, once more.");
        let again = conflicts(&met.engine);
        let both = words::versions(&met.cache, &met.destination, again[0]).unwrap();
        assert!(both.theirs.unwrap().contains("once more"));
    });
}

#[test]
fn theirs_that_was_left_standing_is_what_a_later_change_of_ours_goes_on_top_of() {
    let _alone = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    at_each(9300, |met| {
        met.settle(met.entry, &Choice::Theirs);
        sweep(&met.engine);
        assert_eq!(met.there()["conclusion"], "Theirs.");
        assert_eq!(met.engine.status().unwrap()[0].waiting, 0);
        assert_eq!(met.cache.report(met.report).unwrap().version(), 2, "ours is kept here");
        let study = met.cache.report(met.report).unwrap().study;
        let addendum = SignAct::Addendum { text: "Seen again.".into() };
        sign(&met.cache, &study, met.report, 2, "", &addendum);
        sweep(&met.engine);
        assert!(conflicts(&met.engine).is_empty());
        assert_eq!(met.there()["status"], "appended");
    });
}

#[test]
fn a_merge_that_is_signed_arrives_whether_it_was_tried_before_or_after_the_decision() {
    let _alone = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for tried_before in [false, true] {
        at_each(9400 + u64::from(tried_before) * 10, |met| {
            let mut base_version = 2;
            if tried_before {
                // What was signed after the conflict was met has met it too.
                let study = met.cache.report(met.report).unwrap().study;
                sign(
                    &met.cache,
                    &study,
                    met.report,
                    2,
                    "",
                    &SignAct::Addendum { text: "Seen again.".into() },
                );
                sweep(&met.engine);
                assert_eq!(conflicts(&met.engine).len(), 2);
                base_version = 3;
            }
            let text = "At the server it said: Theirs.".into();
            met.settle(met.entry, &Choice::Merged(Merge { report: met.report, base_version, text }));
            sweep(&met.engine);
            assert!(conflicts(&met.engine).is_empty());
            assert_eq!(met.engine.status().unwrap()[0].waiting, 0);
            assert_eq!(met.there()["status"], "appended");
            assert_eq!(met.cache.report(met.report).unwrap().version(), base_version + 1);
        });
    }
}

#[test]
fn what_was_deleted_at_the_server_is_made_there_again_when_a_person_says_so() {
    let _alone = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(peer) = peers::medplum() else { return };
    let met = Met::at(&format!("http://127.0.0.1:{}/fhir", peer.port), 9500);
    let id = met.there()["id"].as_str().unwrap().to_owned();
    met.settle(met.entry, &Choice::Ours);
    assert!((200..300).contains(&curl("DELETE", &format!("{}/DiagnosticReport/{id}", met.base), None).0));
    sweep(&met.engine);
    let entry = conflicts(&met.engine)[0];
    let both = words::versions(&met.cache, &met.destination, entry).unwrap();
    assert_eq!(both.theirs, None);
    met.settle(entry, &Choice::Ours);
    sweep(&met.engine);
    assert_eq!(met.there()["conclusion"], "Ours, changed.");
}
