//! ServiceRequest and Task (FHIR R4) as orders and tasks of the records.

use super::values::{
    accession, code, concept, concepts, moment, patient, people, person, place, short, study, text, when,
};
use medsight_record::destination::FhirServer;
use medsight_record::{Order, OrderStatus, OrderTask, Patient, Priority};
use serde_json::Value;
use std::collections::BTreeMap;

/// Patients that came with an answer, by `Patient/id`.
pub(super) type Patients = BTreeMap<String, Value>;

/// `Type/id` of a resource, and its version. Without either it is nothing that could be asked for again.
pub(super) fn name_of(resource: &Value) -> Option<(String, String)> {
    let kind = resource["resourceType"].as_str()?;
    let place = crate::fhir::http::place_of(&format!("{kind}/{}", resource["id"].as_str()?))?;
    let meta = &resource["meta"];
    let version = meta["versionId"].as_str().or_else(|| meta["lastUpdated"].as_str())?;
    Some((place, short(version)))
}

pub(super) fn updated(resource: &Value) -> Option<medsight_base::Timestamp> {
    moment(resource["meta"]["lastUpdated"].as_str()?)
}

/// `Patient/id` of whom an order is for, where it is a reference.
pub(super) fn subject(resource: &Value, base: &str) -> Option<String> {
    place(&resource["subject"], base).filter(|place| place.starts_with("Patient/"))
}

pub(super) fn priority(resource: &Value) -> Option<Priority> {
    match resource["priority"].as_str()? {
        "stat" => Some(Priority::Stat),
        "asap" | "urgent" => Some(Priority::Urgent),
        "routine" => Some(Priority::Routine),
        _ => None,
    }
}

/// An order; `None` for what is none: a proposal or plan, or a resource without name or version.
pub(super) fn order(
    resource: &Value,
    patients: &Patients,
    server: &FhirServer,
    source: &str,
) -> Option<Order> {
    if resource["resourceType"] != "ServiceRequest"
        || matches!(resource["intent"].as_str(), Some("proposal" | "plan" | "option" | "directive"))
    {
        return None;
    }
    let (place, version) = name_of(resource)?;
    let status = match resource["status"].as_str() {
        Some("on-hold") => OrderStatus::OnHold,
        Some("completed") => OrderStatus::Completed,
        Some("revoked" | "entered-in-error") => OrderStatus::Withdrawn,
        // Drafts are not asked for yet.
        Some("draft") => return None,
        _ => OrderStatus::Open,
    };
    let referred = subject(resource, &server.url).and_then(|place| patients.get(&place));
    let named = &resource["subject"]["identifier"];
    let patient = match referred {
        Some(found) => patient(found, &server.patient_system),
        None => Patient {
            id: if named["system"] == server.patient_system.as_str() {
                text(&named["value"])
            } else {
                String::new()
            },
            name: text(&resource["subject"]["display"]),
            birth_date: None,
            sex: None,
            issuer: None,
        },
    };
    let codings = resource["code"]["coding"].as_array().into_iter().flatten();
    let modality = codings
        .filter(|one| one["system"] == crate::fhir::names::system_of("DCM"))
        .map(|one| text(&one["code"]))
        .next();
    let occurrence = when(&resource["occurrenceDateTime"]);
    Some(Order {
        source: source.to_owned(),
        place,
        destination: None,
        version,
        status,
        priority: priority(resource),
        patient,
        study: study(resource),
        accession: accession(resource, &server.accession_system),
        procedure: concept(&resource["code"]),
        code: code(&resource["code"]),
        reason: concepts(&resource["reasonCode"]),
        requester: person(&resource["requester"]),
        performer: people(&resource["performer"]),
        modality: modality.unwrap_or_default(),
        requested: when(&resource["authoredOn"]),
        scheduled: occurrence.or_else(|| when(&resource["occurrencePeriod"]["start"])),
        due_at: None,
    })
}

/// A task that gives an order to somebody; `None` for tasks about other things, ours of reading among them.
pub(super) fn task(resource: &Value, server: &FhirServer, source: &str) -> Option<OrderTask> {
    if resource["resourceType"] != "Task" {
        return None;
    }
    let (place_of_task, version) = name_of(resource)?;
    let based_on =
        resource["basedOn"].as_array().into_iter().flatten().filter_map(|one| place(one, &server.url));
    let order = place(&resource["focus"], &server.url)
        .into_iter()
        .chain(based_on)
        .find(|place| place.starts_with("ServiceRequest/"))?;
    Some(OrderTask {
        source: source.to_owned(),
        place: place_of_task,
        version,
        order,
        status: text(&resource["status"]),
        owner: person(&resource["owner"]),
        priority: priority(resource),
        due_at: resource["restriction"]["period"]["end"].as_str().and_then(moment),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use medsight_record::When;
    use serde_json::json;

    fn server() -> FhirServer {
        toml::from_str("url = \"https://fhir/r4\"\npatient_system = \"urn:oid:1\"").unwrap()
    }

    #[test]
    fn an_order_says_what_was_asked_for_by_whom_why_and_for_whom() {
        let request = json!({
            "resourceType": "ServiceRequest", "id": "7", "meta": {"versionId": "3", "lastUpdated": "2026-11-22T20:00:00Z"},
            "status": "active", "intent": "order", "priority": "asap", "authoredOn": "2026-11-20",
            "occurrencePeriod": {"start": "2026-11-23T08:00:00+01:00"},
            "subject": {"reference": "https://fhir/r4/Patient/p"},
            "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"},
                           {"type": {"coding": [{"code": "ACSN"}]}, "value": "A1"}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "24627-2", "display": "CT Chest"}]},
            "reasonCode": [{"text": "Dyspnoea"}, {"coding": [{"display": "Cough"}]}],
            "requester": {"display": "Dr. House"},
        });
        let who = json!({"resourceType": "Patient", "id": "p", "identifier": [{"system": "urn:oid:1", "value": "P1"}],
            "name": [{"family": "Doe", "given": ["Jane", "M"]}], "birthDate": "1957-03-14", "gender": "female"});
        let patients = Patients::from([("Patient/p".to_owned(), who)]);
        let order = order(&request, &patients, &server(), "ris").unwrap();
        assert_eq!((order.place.as_str(), order.version.as_str()), ("ServiceRequest/7", "3"));
        assert_eq!((order.patient.id.as_str(), order.patient.name.as_str()), ("P1", "Doe^Jane M"));
        assert_eq!((order.procedure.as_str(), order.reason.as_str()), ("CT Chest", "Dyspnoea; Cough"));
        assert_eq!((order.priority, order.accession.as_str()), (Some(Priority::Urgent), "A1"));
        assert_eq!(order.study.unwrap().as_str(), "1.2.3");
        assert_eq!(order.requested, Some(When::Local("2026-11-20".into())));
        assert!(matches!(order.scheduled, Some(When::At(at)) if at.iso().starts_with("2026-11-23T07:00")));
    }

    #[test]
    fn a_plan_or_a_draft_is_no_order_and_an_identifier_of_another_system_names_no_patient() {
        let request = |status: &str, intent: &str| {
            json!({"resourceType": "ServiceRequest", "id": "7", "meta": {"versionId": "1"}, "status": status,
                "intent": intent, "subject": {"identifier": {"system": "urn:oid:other", "value": "P1"}}})
        };
        let none = Patients::new();
        assert!(order(&request("active", "plan"), &none, &server(), "ris").is_none());
        assert!(order(&request("draft", "order"), &none, &server(), "ris").is_none());
        assert_eq!(order(&request("active", "order"), &none, &server(), "ris").unwrap().patient.id, "");
    }

    #[test]
    fn only_a_task_about_an_order_is_one() {
        let about = |focus: &str| {
            json!({"resourceType": "Task", "id": "t", "meta": {"versionId": "1"}, "status": "requested",
                "focus": {"reference": focus}, "owner": {"display": "Dr. Y"}, "priority": "stat",
                "restriction": {"period": {"end": "2026-11-22T22:00:00Z"}}})
        };
        assert!(task(&about("ImagingStudy/1"), &server(), "ris").is_none());
        assert!(task(&about("https://other/r4/ServiceRequest/7"), &server(), "ris").is_none());
        let task = task(&about("ServiceRequest/7"), &server(), "ris").unwrap();
        assert_eq!((task.order.as_str(), task.owner.as_str()), ("ServiceRequest/7", "Dr. Y"));
        assert!(task.due_at.is_some());
    }
}
