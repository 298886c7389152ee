//! What servers have of a patient: reports of one kind or of all, more of them than are read at once, and wounds.

use crate::fake::{Fake, Said};
use crate::peers::bed::{cache, curl};
use crate::{SYSTEM, ask_of, ask_reports, inbound, peers};
use medsight_cache::Cache;
use medsight_record::{Found, WoundObservation, sites_by_panel};
use medsight_sync::OfPatient;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tempfile::tempdir;

const V2: &str = "http://terminology.hl7.org/CodeSystem/v2-0074";

/// A server with one patient: what it has, whether it knows `category`, and whether its pages are told by links.
#[derive(Clone, Default)]
struct Has {
    reports: Arc<Mutex<Vec<Value>>>,
    knows_no_category: bool,
    has_no_links: bool,
}

fn report(n: usize, category: Option<&str>) -> Value {
    let category: Vec<Value> =
        category.iter().map(|code| json!({"coding": [{"system": V2, "code": code}]})).collect();
    json!({"resourceType": "DiagnosticReport", "id": format!("d{n}"), "meta": {"versionId": "1"}, "status": "final",
        "category": category, "subject": {"reference": "Patient/p"}, "code": {"text": "CT"},
        "effectiveDateTime": format!("20{:02}-01-01", n % 26), "conclusion": format!("{n}")})
}

fn said(body: &Value) -> Said {
    Said::Answer(200, String::new(), body.to_string())
}

fn bundle(found: &[Value], next: Option<String>) -> Said {
    let entries: Vec<Value> = found.iter().map(|one| json!({"resource": one})).collect();
    let link: Vec<Value> = next.iter().map(|url| json!({"relation": "next", "url": url})).collect();
    said(&json!({"resourceType": "Bundle", "type": "searchset", "entry": entries, "link": link}))
}

impl Has {
    fn answer(&self, target: &str) -> Said {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path == "/fhir/Patient" {
            let patient = json!({"resourceType": "Patient", "id": "p", "meta": {"versionId": "1"},
                "identifier": [{"system": SYSTEM, "value": "P1"}]});
            return bundle(&[patient], None);
        }
        let reports = self.reports.lock().unwrap().clone();
        if let Some(id) = path.strip_prefix("/fhir/DiagnosticReport/") {
            let found = reports.iter().find(|one| one["id"] == id);
            return found.map_or(Said::Answer(404, String::new(), String::new()), said);
        }
        let of = |name: &str| {
            query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        if of("subject").is_none() {
            return bundle(&[], None);
        }
        let (category, missing) = (of("category"), of("category:missing"));
        if self.knows_no_category && (category.is_some() || missing.is_some()) {
            return Said::Answer(400, String::new(), String::new());
        }
        let fits = |one: &&Value| {
            let code = one["category"][0]["coding"][0]["code"].as_str();
            match (&category, &missing) {
                (Some(wanted), _) => {
                    let wanted = wanted.replace("%7C", "|");
                    let mut wanted = wanted.split(',').filter_map(|token| token.rsplit('|').next());
                    code.is_some_and(|code| wanted.any(|one| one == code))
                }
                (None, Some(_)) => code.is_none(),
                (None, None) => true,
            }
        };
        let all: Vec<Value> = reports.iter().filter(fits).cloned().collect();
        let from: usize = of("_offset").and_then(|from| from.parse().ok()).unwrap_or(0);
        let page = &all[from.min(all.len())..(from + 100).min(all.len())];
        let rest: Vec<&str> = query.split('&').filter(|part| !part.starts_with("_offset")).collect();
        let next = format!("DiagnosticReport?{}&_offset={}", rest.join("&"), from + 100);
        bundle(page, (from + 100 < all.len() && !self.has_no_links).then_some(next))
    }

    fn start(&self) -> Fake {
        let this = self.clone();
        Fake::start(move |target, _| this.answer(target))
    }
}

fn texts(cache: &Cache) -> BTreeSet<String> {
    cache.server_reports("P1").unwrap().into_iter().map(|known| known.said.text).collect()
}

fn has_more(cache: &Cache, what: OfPatient) -> bool {
    cache.asking(&what.asked_of(&crate::source(""), "P1")).unwrap().query.is_some()
}

#[test]
fn reports_of_the_laboratory_come_only_when_somebody_asks_for_every_kind() {
    for knows_no_category in [false, true] {
        let kinds = [Some("RAD"), Some("LAB"), None, Some("CT"), Some("MB")];
        let reports = kinds.iter().enumerate().map(|(n, kind)| report(n, *kind)).collect();
        let has = Has { reports: Arc::new(Mutex::new(reports)), knows_no_category, ..Has::default() };
        let (server, folder) = (has.start(), tempdir().unwrap());
        let cache = cache(folder.path(), 0, 1);
        let asking = inbound(&cache, &server.url(), "");
        assert_eq!(ask_reports(&asking, "P1").unwrap().new, 3);
        // One that says of no kind that it is may be of radiology.
        assert_eq!(texts(&cache), ["0", "2", "3"].map(str::to_owned).into());
        assert_eq!(ask_of(&asking, OfPatient::AllReports, "P1", false).unwrap().new, 2);
        assert_eq!(texts(&cache).len(), 5);
        let radiology =
            cache.server_reports("P1").unwrap().into_iter().filter(|known| known.said.is_radiology);
        assert_eq!(radiology.count(), 3);
    }
}

#[test]
fn a_patient_with_more_reports_than_are_read_at_once_is_read_further_to_the_last_one() {
    for has_no_links in [false, true] {
        let reports = (0..1230).map(|n| report(n, Some("RAD"))).collect();
        let has = Has { reports: Arc::new(Mutex::new(reports)), has_no_links, ..Has::default() };
        let (server, folder) = (has.start(), tempdir().unwrap());
        let cache = cache(folder.path(), 0, 1);
        let asking = inbound(&cache, &server.url(), "");
        let mut known = Vec::new();
        for further in [false, true, true] {
            ask_of(&asking, OfPatient::Reports, "P1", further).unwrap();
            known.push((texts(&cache).len(), has_more(&cache, OfPatient::Reports)));
        }
        assert_eq!(known, [(500, true), (1000, true), (1230, false)]);
        // Nothing of what came is taken for gone by a reading of the first of them.
        assert_eq!(ask_reports(&asking, "P1").unwrap().gone, 0);
        assert!(has_more(&cache, OfPatient::Reports), "the first were read, and there are more");
    }
}

#[test]
fn a_report_that_became_one_of_another_kind_is_not_gone_and_one_of_another_patient_is() {
    let reports = (0..4).map(|n| report(n, Some("RAD"))).collect();
    let has = Has { reports: Arc::new(Mutex::new(reports)), ..Has::default() };
    let (server, folder) = (has.start(), tempdir().unwrap());
    let cache = cache(folder.path(), 0, 1);
    let asking = inbound(&cache, &server.url(), "");
    ask_reports(&asking, "P1").unwrap();
    {
        let mut reports = has.reports.lock().unwrap();
        for (at, version) in [(0, "2"), (1, "2")] {
            reports[at]["meta"]["versionId"] = json!(version);
        }
        reports[0]["category"] = json!([{"coding": [{"system": V2, "code": "LAB"}]}]);
        reports[1]["subject"] = json!({"reference": "Patient/somebody-else"});
        reports.remove(2);
    }
    let came = ask_reports(&asking, "P1").unwrap();
    assert_eq!((came.changed, came.gone), (1, 2));
    let found = cache.server_reports("P1").unwrap();
    let of = |text: &str| found.iter().find(|known| known.said.text == text).unwrap();
    assert!(!of("0").gone && !of("0").said.is_radiology);
    assert!(of("1").gone && of("2").gone && !of("3").gone);
}

fn made(base: &str, resource: &Value) -> String {
    let kind = resource["resourceType"].as_str().unwrap();
    let (status, made) = curl("POST", &format!("{base}/{kind}"), Some(resource));
    assert_eq!(status, 201, "{made}");
    format!("{kind}/{}", made["id"].as_str().unwrap())
}

fn wounds_come_with_their_values_their_site_and_their_state(base: &str, name: &str) {
    let id = format!("{name}-{}", std::process::id());
    let patient =
        made(base, &json!({"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": id}]}));
    let observed = |code: &str, more: Value| {
        let mut one = json!({"resourceType": "Observation", "status": "final", "subject": {"reference": patient},
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "effectiveDateTime": "2026-03-01"});
        for (name, value) in more.as_object().unwrap() {
            one[name] = value.clone();
        }
        one
    };
    let cm = |value: f64| json!({"value": value, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"});
    let length = made(base, &observed("39126-8", json!({"valueQuantity": cm(4.2)})));
    made(base, &observed("8302-2", json!({"valueQuantity": cm(180.0)})));
    made(
        base,
        &observed(
            "39135-9",
            json!({"hasMember": [{"reference": length}],
        "bodySite": {"coding": [{"system": "http://snomed.info/sct", "code": "51027004"}], "text": "Sacral region"}}),
        ),
    );
    made(
        base,
        &observed(
            "72287-6",
            json!({"component": [
        {"code": {"coding": [{"system": "http://loinc.org", "code": "39125-0"}]}, "valueQuantity": cm(2.5)},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "39127-6"}]}, "valueQuantity": cm(0.5)}]}),
        ),
    );
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let asking = inbound(&cache, base, "");
    assert_eq!(
        ask_of(&asking, OfPatient::Wounds, &id, false).unwrap().new,
        3,
        "the height is none of a wound"
    );
    let history = |cache: &Cache| cache.wound_history(&id).unwrap();
    let all = history(&cache);
    let of = |code: &str| -> WoundObservation {
        all.iter().find(|known| known.said.code == code).unwrap().said.clone()
    };
    let quantity = |number: &str| Found::Quantity { number: number.into(), unit: "cm".into() };
    assert_eq!(of("39126-8").values[0].found, quantity("4.2"));
    let parts: Vec<(String, Found)> =
        of("72287-6").values.into_iter().map(|value| (value.code, value.found)).collect();
    assert_eq!(parts, [("39125-0".to_owned(), quantity("2.5")), ("39127-6".to_owned(), quantity("0.5"))]);
    let sites = sites_by_panel(all.iter().map(|known| &known.said));
    assert_eq!(sites.get(&("ris", length.as_str())), Some(&"Sacral region"));
    // One is corrected, and one is taken away.
    let mut corrected = observed("39126-8", json!({"valueQuantity": cm(3.9), "status": "corrected"}));
    corrected["id"] = json!(length.rsplit('/').next());
    assert_eq!(curl("PUT", &format!("{base}/{length}"), Some(&corrected)).0, 200);
    let size = format!("{base}/{}", of("72287-6").place);
    assert!((200..300).contains(&curl("DELETE", &size, None).0));
    let came = ask_of(&asking, OfPatient::Wounds, &id, false).unwrap();
    assert_eq!((came.new, came.changed, came.gone), (0, 1, 1));
    let all = history(&cache);
    let of = |code: &str| all.iter().find(|known| known.said.code == code).unwrap();
    assert_eq!(of("39126-8").said.values[0].found, quantity("3.9"));
    assert!(of("72287-6").gone);
}

#[test]
fn wounds_come_from_medplum_with_their_values_their_site_and_their_state() {
    let Some(peer) = peers::medplum() else { return };
    wounds_come_with_their_values_their_site_and_their_state(
        &format!("http://127.0.0.1:{}/fhir", peer.port),
        "wounds",
    );
}

#[test]
fn wounds_come_from_helios_with_their_values_their_site_and_their_state() {
    let (_one, Some(peer)) = (crate::real::alone(), peers::helios()) else { return };
    wounds_come_with_their_values_their_site_and_their_state(
        &format!("http://127.0.0.1:{}", peer.port),
        "wounds",
    );
}

fn only_radiology_is_read_by_default(base: &str, name: &str) {
    let id = format!("{name}-{}", std::process::id());
    let patient =
        made(base, &json!({"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": id}]}));
    for (n, category) in [Some("RAD"), Some("LAB"), None].into_iter().enumerate() {
        let mut one = report(n, category);
        one["subject"] = json!({"reference": patient});
        for member in ["id", "meta"] {
            one.as_object_mut().unwrap().remove(member);
        }
        if category.is_none() {
            one.as_object_mut().unwrap().remove("category");
        }
        made(base, &one);
    }
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let asking = inbound(&cache, base, "");
    assert_eq!(ask_reports(&asking, &id).unwrap().new, 2);
    assert_eq!(ask_of(&asking, OfPatient::AllReports, &id, false).unwrap().new, 1);
}

#[test]
fn medplum_is_asked_for_reports_of_radiology_and_for_others_when_somebody_wants_them() {
    let Some(peer) = peers::medplum() else { return };
    only_radiology_is_read_by_default(&format!("http://127.0.0.1:{}/fhir", peer.port), "kinds");
}

#[test]
fn helios_is_asked_for_reports_of_radiology_and_for_others_when_somebody_wants_them() {
    let (_one, Some(peer)) = (crate::real::alone(), peers::helios()) else { return };
    only_radiology_is_read_by_default(&format!("http://127.0.0.1:{}", peer.port), "kinds");
}
