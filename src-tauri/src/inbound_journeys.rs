//! What a person sees of other systems' orders, reports and wounds: on the study, in the list of what is expected, on the report
//! page, and when a system does not answer.

use crate::desk::Desk;
use crate::dto::{
    ExpectedRequest, FoundView, Nothing, OfPatientForm, OfPatientRequest, ReportRequest, SettingsChange,
    SourceForm, StudyRequest, WindowCommand, WorklistFilter, WorklistRequest,
};
use crate::support::{import, only_study, open_desk};
use crate::{inbound, perform, reports, studies};
use medsight_base::{DicomDate, StudyUid};
use medsight_record::Patient;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A FHIR server with one patient: what it has, by the beginning of the question.
struct Server {
    port: u16,
    has: Arc<Mutex<Vec<(&'static str, Value)>>>,
    is_down: Arc<AtomicBool>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let has: Arc<Mutex<Vec<(&'static str, Value)>>> = Arc::default();
        let is_down = Arc::new(AtomicBool::new(false));
        let (all, down) = (Arc::clone(&has), Arc::clone(&is_down));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while reader.read_line(&mut head).is_ok_and(|bytes| bytes > 2) {}
                let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let found: Vec<Value> = all
                    .lock()
                    .unwrap()
                    .iter()
                    .filter(|(kind, _)| target.starts_with(&format!("/{kind}?")))
                    .map(|(_, resource)| json!({"resource": resource}))
                    .collect();
                let status = if down.load(Ordering::SeqCst) { "500 Fault" } else { "200 OK" };
                let body = json!({"resourceType": "Bundle", "type": "searchset", "entry": found}).to_string();
                let _unheard = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Type: application/fhir+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { port, has, is_down }
    }

    fn add(&self, kind: &'static str, resource: Value) {
        let mut resource = resource;
        resource["resourceType"] = json!(kind);
        resource["meta"] = json!({"versionId": "1", "lastUpdated": "2026-11-20T10:00:00Z"});
        self.has.lock().unwrap().push((kind, resource));
    }
}

/// A desk with one study, and a server that it asks only when a person wants it.
fn begun(folder: &Path) -> (Arc<Desk>, StudyUid, Server) {
    let server = Server::start();
    let settings = format!(
        "[[destinations]]\nname = \"ris\"\ntakes = [\"report\"]\n[destinations.to]\nsystem = \"fhir\"\n\
         url = \"http://127.0.0.1:{}\"\npatient_system = \"urn:oid:1\"\naccession_system = \"urn:acc\"\n\
         [[sources]]\nname = \"ris\"\nbrings = [\"orders\", \"reports\", \"wounds\"]\nevery_min = 0\nfrom = {{ destination = \"ris\" }}\n",
        server.port
    );
    std::fs::write(folder.join("settings.toml"), settings).unwrap();
    let desk = open_desk(folder, |_| None);
    let sample = "../assets/samples/studies/ct_head_tilted_uneven";
    import(&desk, &Path::new(env!("CARGO_MANIFEST_DIR")).join(sample));
    let study = only_study(&desk);
    (desk, study, server)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn asked(desk: &Arc<Desk>) {
    inbound::ask(desk, Nothing {}).unwrap();
    until("the sources are asked", || !inbound::view(desk, Nothing {}).unwrap().is_asking);
}

fn request(id: &str, study: Option<&StudyUid>, patient_id: &str, priority: &str) -> Value {
    let mut identifier = vec![json!({"system": "urn:acc", "value": format!("A-{id}")})];
    identifier.extend(study.map(|uid| json!({"system": "urn:dicom:uid", "value": format!("urn:oid:{uid}")})));
    json!({"id": id, "status": "active", "intent": "order", "priority": priority, "identifier": identifier,
        "code": {"text": "CT of the head"}, "reasonCode": [{"text": "Fall"}], "requester": {"display": "Dr. House"},
        "subject": {"identifier": {"system": "urn:oid:1", "value": patient_id}, "display": "Doe, Jane"}})
}

#[test]
fn a_study_shows_what_it_was_asked_for_and_a_person_s_priority_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, study, server) = begun(folder.path());
    let id = desk.cache().unwrap().study(&study).unwrap().unwrap().patient.id;
    server.add("ServiceRequest", request("1", Some(&study), &id, "stat"));
    server.add("ServiceRequest", request("2", None, "SOMEBODY", "urgent"));
    server.add(
        "Task",
        json!({"id": "t", "status": "accepted", "focus": {"reference": "ServiceRequest/1"}, "owner": {"display": "Dr. Y"},
            "restriction": {"period": {"end": "2026-11-23T12:00:00Z"}}}),
    );
    asked(&desk);
    let details = || {
        let request = StudyRequest { study_uid: study.to_string(), today: "2026-11-22".into() };
        studies::details(&desk, request).unwrap()
    };
    let shown = details();
    let order = &shown.orders[0];
    assert_eq!((order.procedure.as_str(), order.reason.as_str()), ("CT of the head", "Fall"));
    assert_eq!((order.requester.as_str(), order.owner.as_str()), ("Dr. House", "Dr. Y"));
    assert_eq!((shown.study.priority.as_str(), shown.study.is_priority_set), ("stat", false));
    let all = WorklistRequest { limit: 10, ..WorklistRequest::default() };
    let row = studies::worklist(&desk, all).unwrap().rows.remove(0);
    assert_eq!((row.ordered.as_str(), row.order_owner.as_str()), ("CT of the head", "Dr. Y"));
    assert_eq!(row.due_ms, Some(1_795_435_200_000));
    // The other order has no images here.
    let expected = inbound::expected(&desk, ExpectedRequest { text: String::new() }).unwrap();
    assert_eq!((expected.is_set_up, expected.total), (true, 1));
    assert_eq!((expected.orders[0].id.as_str(), expected.orders[0].accession.as_str()), ("SOMEBODY", "A-2"));
    // Somebody says otherwise, takes it back, and it is as ordered again.
    let set = WindowCommand::SetPriority {
        study_uid: study.to_string(),
        priority: Some(medsight_record::Priority::Routine),
    };
    perform::from_window(&desk, set).unwrap();
    asked(&desk);
    let shown = details();
    assert_eq!((shown.study.priority.as_str(), shown.study.is_priority_set), ("routine", true));
    assert_eq!(shown.study.due_ms, None);
    perform::from_window(&desk, WindowCommand::Undo).unwrap();
    let shown = details();
    assert_eq!((shown.study.priority.as_str(), shown.study.is_priority_set), ("stat", false));
}

#[test]
fn a_report_page_shows_what_the_server_has_and_says_when_it_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, study, server) = begun(folder.path());
    let id = desk.cache().unwrap().study(&study).unwrap().unwrap().patient.id;
    server.add("Patient", json!({"id": "p", "identifier": [{"system": "urn:oid:1", "value": id}]}));
    let report = |id: &str, status: &str, conclusion: &str| {
        json!({"id": id, "status": status, "code": {"text": "CT"}, "conclusion": conclusion,
            "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2025-01-02"})
    };
    server.add("DiagnosticReport", report("a", "final", "<b>No</b> bleeding."));
    server.add("DiagnosticReport", report("b", "entered-in-error", "Of somebody else."));
    let page = |is_opened: bool| {
        let request = ReportRequest {
            study_uid: study.to_string(),
            today: "2026-11-22".into(),
            is_opened,
            all_kinds: false,
        };
        reports::page(&desk, request).unwrap()
    };
    page(true);
    until("the reports come", || page(false).server_reports.len() == 2);
    let shown = page(false);
    let of = |place: &str| shown.server_reports.iter().find(|one| one.place.ends_with(place)).unwrap();
    assert_eq!((of("/a").text.as_str(), of("/a").is_withdrawn), ("<b>No</b> bleeding.", false));
    assert!(of("/b").is_withdrawn);
    assert!(shown.server_sources[0].failing_since_ms.is_none() && shown.server_sources[0].asked_ms.is_some());
    // The server breaks: what came stays, and the Sync page says since when and why.
    server.is_down.store(true, Ordering::SeqCst);
    asked(&desk);
    let source = inbound::view(&desk, Nothing {}).unwrap().sources.remove(0);
    assert_eq!(source.problem.unwrap().code, "sync.server");
    assert!(source.failing_since_ms.is_some());
    assert_eq!(page(false).server_reports.len(), 2);
    let facets = studies::facets(&desk, WorklistFilter::default()).unwrap();
    assert_eq!(facets.studies, 1);
}

#[test]
fn a_source_is_tested_as_it_stands_in_the_form_and_says_why_it_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _, server) = begun(folder.path());
    let form = desk.settings_view().sources.remove(0);
    let answered = inbound::test(&desk, form.clone()).unwrap();
    assert!(answered.problem.is_none() && answered.answer_ms.is_some());
    server.is_down.store(true, Ordering::SeqCst);
    assert_eq!(inbound::test(&desk, form.clone()).unwrap().problem.unwrap().code, "sync.server");
    let wrong = SourceForm { only: "_count=1".into(), ..form.clone() };
    assert_eq!(inbound::test(&desk, wrong).unwrap_err().code, "settings.source-only");
    // What orders are asked of is not taken away under them.
    let none = WindowCommand::ChangeSetting(SettingsChange::Destinations(Vec::new()));
    let refused = perform::from_window(&desk, none).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.values["by"].as_str()), ("settings.in-use", "ris"));
    let sources = vec![SourceForm { name: "orders".into(), every_min: 0, ..form }];
    perform::from_window(&desk, WindowCommand::ChangeSetting(SettingsChange::Sources(sources))).unwrap();
    assert_eq!(desk.settings_view().sources[0].name, "orders");
    perform::from_window(&desk, WindowCommand::Undo).unwrap();
    assert_eq!(desk.settings_view().sources[0].name, "ris");
}

#[test]
fn reports_of_somebody_else_with_the_same_number_are_marked_and_another_hospital_s_patient_is_not_asked_for()
{
    let folder = tempfile::tempdir().unwrap();
    let (desk, study, server) = begun(folder.path());
    // The sample tells no day of birth.
    let known = desk.cache().unwrap().study(&study).unwrap().unwrap().patient;
    let patient = Patient { birth_date: DicomDate::parse("19570314"), ..known };
    let person = |id: &str, born: &str| {
        json!({"id": id, "identifier": [{"system": "urn:oid:1", "value": patient.id}],
            "name": [{"family": "Doe", "given": ["Jane"]}], "birthDate": born})
    };
    server.add("Patient", person("p", "1957-03-14"));
    server.add("Patient", person("q", "1901-01-01"));
    for (id, subject) in [("a", "Patient/p"), ("b", "Patient/q")] {
        server.add(
            "DiagnosticReport",
            json!({"id": id, "status": "final", "code": {"text": "CT"}, "conclusion": id,
                "subject": {"reference": subject}}),
        );
    }
    let page = |is_opened: bool| {
        let request = ReportRequest {
            study_uid: study.to_string(),
            today: "2026-11-22".into(),
            is_opened,
            all_kinds: false,
        };
        reports::page(&desk, request).unwrap()
    };
    page(true);
    until("the reports come", || page(false).server_reports.len() == 2);
    let (shown, _) = inbound::reports(&desk, &patient, false).unwrap();
    let of = |place: &str| shown.iter().find(|one| one.place.ends_with(place)).unwrap();
    assert!(of("/b").is_doubtful && of("/b").identity.contains("1901-01-01"), "{:?}", of("/b"));
    assert!(!of("/a").is_doubtful && of("/a").identity.contains("Doe^Jane"), "{:?}", of("/a"));
    // The settings say whose numbers the server has, and the study is of another hospital.
    let other = Patient { issuer: Some("OTHER".into()), ..patient };
    let form = SourceForm { issuer: "HERE".into(), ..desk.settings_view().sources.remove(0) };
    perform::from_window(&desk, WindowCommand::ChangeSetting(SettingsChange::Sources(vec![form]))).unwrap();
    let (reports, sources) = inbound::reports(&desk, &other, false).unwrap();
    assert!(reports.is_empty() && sources.is_empty());
}

#[test]
fn wounds_stand_beside_earlier_reports_with_their_place_and_reports_of_other_kinds_only_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, study, server) = begun(folder.path());
    let id = desk.cache().unwrap().study(&study).unwrap().unwrap().patient.id;
    server.add("Patient", json!({"id": "p", "identifier": [{"system": "urn:oid:1", "value": id}]}));
    for (id, category) in [("a", "RAD"), ("b", "LAB")] {
        let category = json!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": category}]}]);
        server.add(
            "DiagnosticReport",
            json!({"id": id, "status": "final", "code": {"text": "CT"}, "conclusion": id, "category": category,
                "subject": {"reference": "Patient/p"}}),
        );
    }
    let observed = |id: &str, code: &str| {
        json!({"id": id, "status": "final", "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2026-03-01",
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]}})
    };
    let mut length = observed("length", "39126-8");
    length["valueQuantity"] = json!({"value": 4.2, "unit": "cm"});
    let mut panel = observed("panel", "39135-9");
    panel["bodySite"] = json!({"text": "Left heel"});
    panel["hasMember"] = json!([{"reference": "Observation/length"}]);
    for one in [length, panel, observed("height", "8302-2")] {
        server.add("Observation", one);
    }
    let page = |is_opened: bool, all_kinds: bool| {
        let study_uid = study.to_string();
        let request = ReportRequest { study_uid, today: "2026-11-22".into(), is_opened, all_kinds };
        reports::page(&desk, request).unwrap()
    };
    page(true, false);
    until("the wounds come", || !page(false, false).wounds.is_empty());
    until("the reports come", || !page(false, false).server_reports.is_empty());
    let shown = page(false, false);
    let wound = &shown.wounds[0];
    assert_eq!((shown.wounds.len(), wound.site.as_str(), wound.code.as_str()), (1, "Left heel", "39126-8"));
    assert_eq!(wound.values[0].found, FoundView::Quantity(["4.2".into(), "cm".into()]));
    assert!(shown.wound_sources[0].asked_ms.is_some() && !shown.wound_sources[0].has_more);
    assert_eq!(shown.server_reports.len(), 1);
    let what = OfPatientForm::AllReports;
    inbound::ask_of_patient(&desk, OfPatientRequest { study_uid: study.to_string(), what, further: false })
        .unwrap();
    until("those of other kinds come", || page(false, true).server_reports.len() == 2);
    assert_eq!(page(false, false).server_reports.len(), 1);
}
