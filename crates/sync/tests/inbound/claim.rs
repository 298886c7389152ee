//! Who reads a study is told where its order came from, and nobody's task is taken from them.

use crate::peers::bed::{bearer, cache, curl, engine, fhir, now, search, study, sweep};
use crate::{SYSTEM, inbound, peers};
use medsight_cache::Cache;
use medsight_record::report::Signature;
use medsight_record::report::rules::SignAct;
use medsight_record::{ReadState, RecordCommand, StudyRecord};
use medsight_sync::{Engine, fhir as words, rule_of};
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::tempdir;

pub(crate) const SEED: u64 = 9_200_117;

pub(crate) struct Scene {
    pub(crate) base: String,
    pub(crate) cache: Arc<Cache>,
    engine: Engine,
    study: StudyRecord,
    pub(crate) order: String,
    pub(crate) patient: String,
    /// The condition that this order alone fulfils.
    pub(crate) only: String,
}

/// A study, and its order at the server.
pub(crate) fn begun(folder: &std::path::Path, base: &str, name: &str) -> Scene {
    let cache = cache(folder, 1, SEED);
    let uid = study(SEED, 0);
    // An invented study may be read already: then a claim that ends has ended well.
    cache
        .apply(&RecordCommand::SetReadState { study: uid.clone(), state: ReadState::Unread }, "x", now())
        .unwrap();
    let study = cache.study(&uid).unwrap().unwrap();
    let make = |resource: &Value| {
        let kind = resource["resourceType"].as_str().unwrap();
        let (status, made) = curl("POST", &format!("{base}/{kind}"), Some(resource));
        assert_eq!(status, 201, "{made}");
        format!("{kind}/{}", made["id"].as_str().unwrap())
    };
    let unique = format!("{name}-{}", std::process::id());
    let patient = make(&json!({"resourceType": "Patient",
        "identifier": [{"system": SYSTEM, "value": study.patient.id}]}));
    let order = make(&json!({
        "resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": "CT"},
        "category": [{"coding": [{"system": "urn:medsight:test", "code": unique}]}],
        "identifier": [{"system": "urn:acc", "value": study.accession}], "subject": {"reference": patient},
    }));
    let only = format!("category=urn:medsight:test%7C{unique}");
    crate::ask(&inbound(&cache, base, &only)).unwrap();
    assert_eq!(cache.orders_of(&study).unwrap().len(), 1);
    let destination = fhir("ris", base, "\"claim\"", "");
    let engine = engine(&cache, vec![destination], bearer(peers::bed::TOKEN));
    Scene { base: base.to_owned(), cache, engine, study, order, patient, only }
}

impl Scene {
    fn act(&self, command: RecordCommand, who: &str) {
        self.cache.apply(&command, who, now()).unwrap();
    }

    fn claim(&self, over: bool, who: &str) {
        self.act(RecordCommand::Claim { study: self.study.uid.clone(), over }, who);
    }

    /// Sends, and says what is stuck.
    fn sent(&self) -> Vec<String> {
        sweep(&self.engine);
        let status = self.engine.status().unwrap().remove(0);
        status.stuck.into_iter().map(|stuck| stuck.state).collect()
    }

    pub(crate) fn tasks(&self) -> Vec<Value> {
        search(&self.base, &format!("Task?focus={}", self.order))
    }
}

fn a_claim_is_told_and_given_back(base: &str) {
    let folder = tempdir().unwrap();
    let scene = begun(folder.path(), base, "claim");
    scene.claim(false, "rita");
    assert!(scene.sent().is_empty());
    let tasks = scene.tasks();
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!(
        (&tasks[0]["status"], &tasks[0]["owner"]["identifier"]["value"]),
        (&json!("in-progress"), &json!("rita"))
    );
    assert_eq!(tasks[0]["for"]["reference"], scene.patient.as_str());
    // It is given back, and another takes it.
    scene.act(RecordCommand::Release(scene.study.uid.clone()), "rita");
    assert!(scene.sent().is_empty());
    assert_eq!(scene.tasks()[0]["status"], "cancelled");
    assert!(scene.tasks()[0]["owner"].is_null());
    scene.claim(false, "otto");
    assert!(scene.sent().is_empty());
    let open: Vec<Value> = scene.tasks().into_iter().filter(|task| task["status"] == "in-progress").collect();
    assert_eq!((open.len(), &open[0]["owner"]["identifier"]["value"]), (1, &json!("otto")));
    // Who signs the report as final has done it.
    let report = medsight_record::report::ReportId(uuid::Uuid::from_u128(u128::from(SEED)));
    peers::bed::sign(&scene.cache, &scene.study.uid, report, 0, "Normal.", &SignAct::Final);
    assert!(scene.sent().is_empty());
    let done: Vec<Value> = scene.tasks().into_iter().filter(|task| task["status"] == "completed").collect();
    assert_eq!((done.len(), &done[0]["owner"]["identifier"]["value"]), (1, &json!("otto")));
}

#[test]
fn medplum_is_told_who_reads_the_study_of_its_order_and_that_nobody_does() {
    let Some(peer) = peers::medplum() else { return };
    a_claim_is_told_and_given_back(&format!("http://127.0.0.1:{}/fhir", peer.port));
}

#[test]
fn helios_is_told_who_reads_the_study_of_its_order_and_that_nobody_does() {
    let (_one, Some(peer)) = (crate::real::alone(), peers::helios()) else { return };
    a_claim_is_told_and_given_back(&format!("http://127.0.0.1:{}", peer.port));
}

#[test]
fn a_task_that_somebody_else_has_is_never_taken_from_them_and_the_conflict_is_kept() {
    let _alone = crate::alone_with_tasks();
    let Some(peer) = peers::medplum() else { return };
    let folder = tempdir().unwrap();
    let scene = begun(folder.path(), &format!("http://127.0.0.1:{}/fhir", peer.port), "conflict");
    let theirs = json!({"resourceType": "Task", "status": "requested", "intent": "order",
        "focus": {"reference": scene.order}, "for": {"reference": scene.patient}});
    let (status, made) = curl("POST", &format!("{}/Task", scene.base), Some(&theirs));
    assert_eq!(status, 201);
    // Nobody has it: it becomes ours, and nothing else of it changes.
    scene.claim(false, "rita");
    assert!(scene.sent().is_empty());
    let tasks = scene.tasks();
    assert_eq!((tasks.len(), &tasks[0]["id"]), (1, &made["id"]));
    assert_eq!(tasks[0]["owner"]["identifier"]["value"], "rita");
    scene.act(RecordCommand::Release(scene.study.uid.clone()), "rita");
    assert!(scene.sent().is_empty());
    assert_eq!(scene.tasks()[0]["status"], "requested");
    // Somebody takes it there.
    let mut taken = scene.tasks().remove(0);
    taken["owner"] = json!({"display": "Dr. Other"});
    taken["status"] = json!("accepted");
    let place = format!("{}/Task/{}", scene.base, made["id"].as_str().unwrap());
    assert_eq!(curl("PUT", &place, Some(&taken)).0, 200);
    scene.claim(false, "rita");
    assert_eq!(scene.sent(), ["conflict"]);
    assert_eq!(scene.tasks()[0]["owner"]["display"], "Dr. Other");
    // A person is told who has it, and takes it over: in the version that they saw, and in no later one.
    let destination = fhir("ris", &scene.base, "\"claim\"", "");
    let entry = scene.engine.status().unwrap().remove(0).stuck[0].id;
    let takes_over = || {
        let met = words::claim_met(&scene.cache, &destination, entry).unwrap();
        assert_eq!((met.theirs.as_str(), met.ours.as_str()), ("Dr. Other", "rita"));
        assert!(met.study.is_some() && met.since.is_some());
        let by = Signature { account: "rita".into(), name: "Rita".into(), at: now() };
        let (what, rules) = ((entry, met.version.as_str()), [rule_of(&destination)]);
        words::settle_claim(&scene.cache, &destination, what, true, &rules, &by).unwrap();
    };
    takes_over();
    taken["status"] = json!("in-progress");
    assert_eq!(curl("PUT", &place, Some(&taken)).0, 200);
    assert_eq!(scene.sent(), ["conflict"], "it was changed once more");
    takes_over();
    assert!(scene.sent().is_empty());
    assert_eq!(scene.tasks()[0]["owner"]["identifier"]["value"], "rita");
    // Somebody takes it there once more, and who gives it back here does not take it from them.
    assert_eq!(curl("PUT", &place, Some(&taken)).0, 200);
    scene.act(RecordCommand::Release(scene.study.uid.clone()), "rita");
    scene.sent();
    assert_eq!(scene.tasks()[0]["owner"]["display"], "Dr. Other");
}

#[test]
fn a_server_that_knows_no_tasks_refuses_the_claim_and_nothing_else_waits_for_it() {
    use crate::fake::{Fake, Said};
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 1, SEED);
    let uid = study(SEED, 0);
    let unread = RecordCommand::SetReadState { study: uid.clone(), state: ReadState::Unread };
    cache.apply(&unread, "x", now()).unwrap();
    let record = cache.study(&uid).unwrap().unwrap();
    let (accession, patient) = (record.accession.clone(), record.patient.id.clone());
    let server = Fake::start(move |target, _| {
        let order = json!({"resourceType": "ServiceRequest", "id": "7", "status": "active", "intent": "order",
            "meta": {"versionId": "1", "lastUpdated": now().iso()}, "code": {"text": "CT"},
            "identifier": [{"system": "urn:acc", "value": accession}],
            "subject": {"identifier": {"system": SYSTEM, "value": patient}}});
        let bundle = |all: Vec<Value>| {
            let entries: Vec<Value> = all.into_iter().map(|one| json!({"resource": one})).collect();
            Said::Answer(200, String::new(), json!({"resourceType": "Bundle", "entry": entries}).to_string())
        };
        match target {
            "/fhir/ServiceRequest/7" => Said::Answer(200, String::new(), order.to_string()),
            _ if target.starts_with("/fhir/ServiceRequest?") => bundle(vec![order]),
            _ if target.starts_with("/fhir/Task?focus") || target.starts_with("/fhir/Task?based-on") => {
                Said::Answer(403, String::new(), json!({"resourceType": "OperationOutcome"}).to_string())
            }
            _ => bundle(Vec::new()),
        }
    });
    crate::ask(&inbound(&cache, &server.url(), "")).unwrap();
    assert_eq!(cache.orders_of(&record).unwrap().len(), 1);
    cache.apply(&RecordCommand::Claim { study: uid, over: false }, "rita", now()).unwrap();
    let engine = engine(&cache, vec![fhir("ris", &server.url(), "\"claim\"", "")], bearer(peers::bed::TOKEN));
    let swept = sweep(&engine).remove(0);
    assert!(swept.trouble.is_none(), "{:?}", swept.trouble);
    let stuck = engine.status().unwrap().remove(0).stuck;
    assert_eq!(
        (stuck.len(), stuck[0].state.as_str(), stuck[0].code.as_str()),
        (1, "refused", "sync.refused")
    );
}

#[test]
fn a_claim_goes_where_its_order_came_from_and_the_trail_says_so_of_nobody_else() {
    let Some(peer) = peers::medplum() else { return };
    let folder = tempdir().unwrap();
    let scene = begun(folder.path(), &format!("http://127.0.0.1:{}/fhir", peer.port), "elsewhere");
    scene.claim(false, "rita");
    let both = vec![fhir("other", &scene.base, "\"claim\"", ""), fhir("ris", &scene.base, "\"claim\"", "")];
    let engine = engine(&scene.cache, both, bearer(peers::bed::TOKEN));
    let swept = sweep(&engine);
    assert_eq!(swept.iter().map(|one| one.sent).collect::<Vec<_>>(), [0, 1]);
    let trail = scene.cache.audit_after(0, 10_000).unwrap();
    let told = trail.iter().filter(|link| link.event.detail["destination"] == "other").count();
    assert_eq!(told, 0);
    assert_eq!(scene.tasks().len(), 1);
}

#[test]
fn an_order_that_was_closed_meanwhile_is_given_back_all_the_same() {
    let Some(peer) = peers::medplum() else { return };
    let folder = tempdir().unwrap();
    let base = format!("http://127.0.0.1:{}/fhir", peer.port);
    let scene = begun(folder.path(), &base, "closed");
    scene.claim(false, "rita");
    assert!(scene.sent().is_empty());
    // The images are there: for the RIS the order is done.
    let place = format!("{base}/{}", scene.order);
    let mut order = curl("GET", &place, None).1;
    order["status"] = json!("completed");
    assert_eq!(curl("PUT", &place, Some(&order)).0, 200);
    crate::ask(&inbound(&scene.cache, &base, &scene.only)).unwrap();
    let report = medsight_record::report::ReportId(uuid::Uuid::from_u128(u128::from(SEED) + 1));
    peers::bed::sign(&scene.cache, &scene.study.uid, report, 0, "Normal.", &SignAct::Final);
    assert!(scene.sent().is_empty());
    assert_eq!(scene.tasks()[0]["status"], "completed");
}

#[test]
fn a_task_that_was_given_to_this_very_reader_is_no_conflict_and_one_of_making_images_is_left_alone() {
    let Some(peer) = peers::medplum() else { return };
    let folder = tempdir().unwrap();
    let scene = begun(folder.path(), &format!("http://127.0.0.1:{}/fhir", peer.port), "given");
    let make = |resource: &Value| {
        let kind = resource["resourceType"].as_str().unwrap();
        let (status, made) = curl("POST", &format!("{}/{kind}", scene.base), Some(resource));
        assert_eq!(status, 201, "{made}");
        format!("{kind}/{}", made["id"].as_str().unwrap())
    };
    let rita = make(
        &json!({"resourceType": "Practitioner", "identifier": [{"system": "urn:accounts", "value": "rita"}]}),
    );
    let images = make(&json!({"resourceType": "Task", "status": "accepted", "intent": "order",
        "focus": {"reference": scene.order}, "for": {"reference": scene.patient},
        "code": {"coding": [{"system": "urn:ris", "code": "perform"}]}, "owner": {"display": "Technologist"}}));
    make(&json!({"resourceType": "Task", "status": "accepted", "intent": "order",
        "focus": {"reference": scene.order}, "for": {"reference": scene.patient}, "owner": {"reference": rita}}));
    scene.claim(false, "rita");
    assert!(scene.sent().is_empty());
    let tasks = scene.tasks();
    assert_eq!(tasks.len(), 2);
    let of = |images_too: bool| {
        tasks
            .iter()
            .find(|task| (format!("Task/{}", task["id"].as_str().unwrap()) == images) == images_too)
            .unwrap()
    };
    assert_eq!(
        (&of(true)["status"], &of(true)["owner"]["display"]),
        (&json!("accepted"), &json!("Technologist"))
    );
    assert_eq!(
        (&of(false)["status"], &of(false)["owner"]["reference"]),
        (&json!("in-progress"), &json!(rita))
    );
}
