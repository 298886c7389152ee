//! FHIR R4 AuditEvent. Interactions with records follow the patterns of IHE BALP 1.1.5 (`PatientCreate`, `PatientRead`,
//! `PatientUpdate`, `PatientDelete`, `PrivacyDisclosure.Source`), the rest DICOM's codes as R4 recommends. A pattern is
//! claimed in `meta.profile` only where all that it asks for is there: a patient, and success.
//!
//! The workstation is client and server of its own records: client is the program, server the store on this computer.

use super::dicom::other_end;
use super::shape::{APPLICATION, Code, DCM, DESTINATION, Pattern, SOURCE, Shape, shape};
use crate::{Action, AuditEvent, Link, Origin, Outcome, canonical_text};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

const PROFILE: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";

/// The resource's id: a UUID that belongs to this event of this site, so that sending it again makes no second one.
#[must_use]
pub fn fhir_id(site: &str, sequence: u64) -> String {
    let mut hash = Sha256::new();
    hash.update(site);
    hash.update(sequence.to_be_bytes());
    crate::keys::uuid(&hash.finalize().into())
}

/// The resource of one event. `site` names the trail.
#[must_use]
pub fn fhir(link: &Link, site: &str) -> Value {
    let event = &link.event;
    let more = &event.more;
    let shape = shape(event.action());
    let from = more.from.clone().unwrap_or_default();
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    put("resourceType", json!("AuditEvent"));
    put("id", json!(fhir_id(site, link.sequence)));
    if let Some(profile) = profile(event, &shape) {
        put("meta", json!({"profile": [format!("{PROFILE}{profile}")]}));
    }
    put("type", kind(&shape));
    put("subtype", subtypes(event, &shape));
    put("action", json!(shape.letter.to_string()));
    put("recorded", json!(event.when.iso()));
    put("outcome", json!(more.outcome.code().to_string()));
    let mut purposes = Vec::new();
    if event.action() == Some(Action::BrokeGlass) {
        let code = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "BTG", "display": "break the glass"});
        purposes.push(match &more.reason {
            Some(reason) => json!({"coding": [code], "text": reason}),
            None => json!({"coding": [code]}),
        });
    } else if let Some(reason) = more.reason.as_ref().filter(|_| more.outcome == Outcome::Success) {
        purposes.push(json!({"text": reason}));
    }
    if !purposes.is_empty() {
        put("purposeOfEvent", json!(purposes));
    }
    if let Some(reason) = more.reason.as_ref().filter(|_| more.outcome != Outcome::Success) {
        put("outcomeDesc", json!(reason));
    }
    put("agent", agents(event, &shape, &from));
    let observer = device(&from.station);
    // 1 is a user device (security-source-type).
    put(
        "source",
        json!({
            "site": site, "observer": observer,
            "type": [{"system": "http://terminology.hl7.org/CodeSystem/security-source-type", "code": "1", "display": "User Device"}]
        }),
    );
    put("entity", entities(link, &shape));
    Value::Object(out)
}

/// The pattern that the event meets in full.
fn profile(event: &AuditEvent, shape: &Shape) -> Option<&'static str> {
    let is_whole = event.more.outcome == Outcome::Success
        && event.more.patient.is_some()
        && event.more.from.as_ref().is_some_and(|from| !from.station.is_empty())
        && event.study.is_some();
    match shape.pattern {
        _ if !is_whole => None,
        Pattern::Rest => Some(match shape.letter {
            'C' => "PatientCreate",
            'R' => "PatientRead",
            'U' => "PatientUpdate",
            _ => "PatientDelete",
        }),
        // Who gets it is a part of the pattern.
        Pattern::Disclosure => other_end(event).map(|_| "PrivacyDisclosure.Source"),
        Pattern::Dicom => None,
    }
}

fn kind(shape: &Shape) -> Value {
    match shape.pattern {
        Pattern::Rest => json!({
            "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
            "code": "rest", "display": "Restful Operation"
        }),
        _ => coding(shape.event),
    }
}

fn subtypes(event: &AuditEvent, shape: &Shape) -> Value {
    let mut all = Vec::new();
    match shape.pattern {
        Pattern::Rest => {
            let code = match shape.letter {
                'C' => "create",
                'R' => "read",
                'U' => "update",
                _ => "delete",
            };
            all.push(
                json!({"system": "http://hl7.org/fhir/restful-interaction", "code": code, "display": code}),
            );
        }
        Pattern::Disclosure => all.push(json!({
            "system": "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle",
            "code": "disclose", "display": "Disclose Record Lifecycle Event"
        })),
        Pattern::Dicom => all.extend(shape.kind.map(coding)),
    }
    all.push(json!({"system": "urn:medsight:audit", "code": event.what}));
    json!(all)
}

fn agents(event: &AuditEvent, shape: &Shape, from: &Origin) -> Value {
    let more = &event.more;
    let network =
        json!({"address": if from.station.is_empty() { "unknown" } else { &from.station }, "type": "1"});
    let node = |kind: Value, who: Value| json!({"type": {"coding": [kind]}, "who": who, "requestor": false, "network": network});
    let (store, program) = (device(&from.station), device(&from.program));
    let mut all = match (shape.pattern, shape.letter) {
        (Pattern::Rest, 'D') => {
            let custodian = json!({
                "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                "code": "custodian", "display": "Custodian"
            });
            vec![node(coding(APPLICATION), program), node(custodian, store)]
        }
        // BALP: of a read the client is the destination.
        (Pattern::Rest, 'R') => vec![node(coding(DESTINATION), program), node(coding(SOURCE), store)],
        (Pattern::Rest, _) => vec![node(coding(SOURCE), program), node(coding(DESTINATION), store)],
        _ => match other_end(event) {
            Some(other) => vec![
                node(coding(SOURCE), store),
                json!({
                    "type": {"coding": [coding(DESTINATION)]}, "who": device(other), "requestor": false,
                    "network": {"address": other, "type": "1"}
                }),
            ],
            None => vec![node(coding(APPLICATION), program)],
        },
    };
    let participation = match (shape.pattern, shape.letter) {
        (Pattern::Rest, 'R') => Some(("IRCP", "information recipient")),
        (Pattern::Rest, _) => Some(("AUT", "author (originator)")),
        _ => None,
    };
    let mut person = json!({"who": {"identifier": {"value": event.who}, "display": more.name.as_ref().unwrap_or(&event.who)}, "requestor": true});
    if let Some((code, display)) = participation {
        person["type"] = json!({"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": code, "display": display
        }]});
    }
    if let Some(name) = &more.name {
        person["name"] = json!(name);
    }
    if !more.roles.is_empty() {
        let roles: Vec<Value> = more.roles.iter().map(|role| json!({"text": role})).collect();
        person["role"] = json!(roles);
    }
    all.push(person);
    json!(all)
}

fn entities(link: &Link, shape: &Shape) -> Value {
    let event = &link.event;
    let coded =
        |system: &str, code: &str, display: &str| json!({"system": system, "code": code, "display": display});
    let mut all = Vec::new();
    if let Some(patient) = &event.more.patient {
        let mut identifier = json!({"value": patient.id});
        if let Some(issuer) = &patient.issuer {
            identifier["assigner"] = json!({"display": issuer});
        }
        all.push(json!({
            "what": {"type": "Patient", "identifier": identifier},
            "type": coded(ENTITY_TYPE, "1", "Person"), "role": coded(OBJECT_ROLE, "1", "Patient")
        }));
    }
    if let Some(study) = &event.study {
        let (role, name) = if shape.is_report { ("3", "Report") } else { ("4", "Domain Resource") };
        all.push(json!({
            "what": {"type": "ImagingStudy", "identifier": {"system": "urn:dicom:uid", "value": format!("urn:oid:{study}")}},
            "type": coded(ENTITY_TYPE, "2", "System Object"), "role": coded(OBJECT_ROLE, role, name)
        }));
    }
    // The place in the trail, so that the server's copy can be compared with it. A type of its own: the data and the
    // patient are slices by type.
    let hash: String = link.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut detail = vec![
        json!({"type": "sequence", "valueString": link.sequence.to_string()}),
        json!({"type": "hash", "valueString": hash}),
    ];
    if let Some(clock) = event.more.clock {
        detail.push(json!({"type": "clock", "valueString": clock.state.word()}));
        if clock.went_back {
            detail.push(json!({"type": "clock_went_back", "valueString": "true"}));
        }
    }
    if !event.detail.is_null() {
        detail.push(json!({"type": "detail", "valueString": canonical_text(&event.detail)}));
    }
    all.push(json!({
        "type": coded(ENTITY_TYPE, "4", "Other"), "role": coded(OBJECT_ROLE, "13", "Security Resource"),
        "detail": detail
    }));
    json!(all)
}

/// A device by the name that it has here.
fn device(name: &str) -> Value {
    let name = if name.is_empty() { "unknown" } else { name };
    json!({"type": "Device", "identifier": {"value": name}, "display": name})
}

fn coding((code, display): Code) -> Value {
    json!({"system": DCM, "code": code, "display": display})
}
