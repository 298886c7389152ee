//! Measurements, states and studies as resources (R4).

use super::names::{self, DICOM_UID, concept_of, identifiers};
use medsight_base::Timestamp;
use medsight_cache::DrawnContent;
use medsight_dicom::derived::{Measurement, key_object_codes, measurement_codes as c, measurements_of};
use medsight_record::destination::{FhirServer, Patients};
use medsight_record::{AnnotationKind, Place, Sex, StudyRecord};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// How the resources of one study refer to its patient and to the study.
pub(crate) struct About<'a> {
    pub(crate) server: &'a FhirServer,
    pub(crate) study: &'a StudyRecord,
    /// `Patient/7`, or the name of an entry in the same transaction; by identifier where `None`.
    pub(crate) patient: Option<String>,
    /// `ImagingStudy/7`, or the name of an entry in the same transaction.
    pub(crate) imaging_study: String,
}

impl About<'_> {
    pub(crate) fn subject(&self) -> Value {
        match &self.patient {
            Some(reference) => json!({"reference": reference}),
            None => json!({"type": "Patient", "identifier": patient_identifier(self.server, self.study)}),
        }
    }

    pub(crate) fn imaging_study(&self) -> Value {
        json!({"reference": self.imaging_study})
    }

    /// The order, by the accession number.
    pub(crate) fn based_on(&self) -> Option<Value> {
        let identifier = accession(self.server, self.study)?;
        Some(json!([{"type": "ServiceRequest", "identifier": identifier}]))
    }

    /// When the study was made, to the day.
    pub(crate) fn effective(&self) -> Option<String> {
        self.study.date.map(|date| date.iso())
    }
}

pub(crate) fn patient_identifier(server: &FhirServer, study: &StudyRecord) -> Value {
    json!({"system": server.patient_system, "value": study.patient.id.trim()})
}

fn accession(server: &FhirServer, study: &StudyRecord) -> Option<Value> {
    let value = study.accession.trim();
    if value.is_empty() {
        return None;
    }
    let mut identifier = json!({
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]},
        "value": value,
    });
    if !server.accession_system.is_empty() {
        identifier["system"] = json!(server.accession_system);
    }
    Some(identifier)
}

/// The patient, for a server that has none of the identifier and is to get it from here.
pub(crate) fn patient(server: &FhirServer, study: &StudyRecord) -> Option<Value> {
    if server.patients == Patients::Refer {
        return None;
    }
    let patient = &study.patient;
    let mut resource = json!({
        "resourceType": "Patient",
        "identifier": [patient_identifier(server, study)],
    });
    let mut parts = patient.name.split('=').next().unwrap_or_default().split('^').map(str::trim);
    let (family, given) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if !family.is_empty() || !given.is_empty() {
        let mut name = Map::new();
        if !family.is_empty() {
            name.insert("family".into(), json!(family));
        }
        if !given.is_empty() {
            name.insert("given".into(), json!([given]));
        }
        resource["name"] = json!([name]);
    }
    if let Some(date) = patient.birth_date {
        resource["birthDate"] = json!(date.iso());
    }
    if let Some(sex) = patient.sex {
        resource["gender"] = json!(match sex {
            Sex::F => "female",
            Sex::M => "male",
            Sex::O => "other",
        });
    }
    Some(resource)
}

/// The study, by its UID.
pub(crate) fn imaging_study(about: &About<'_>) -> Value {
    let study = about.study;
    let dcm = names::system_of("DCM");
    let mut identifier = vec![json!({"system": DICOM_UID, "value": format!("urn:oid:{}", study.uid)})];
    identifier.extend(accession(about.server, study));
    let mut resource = json!({
        "resourceType": "ImagingStudy",
        "identifier": identifier,
        "status": "available",
        "subject": about.subject(),
        "numberOfSeries": study.series_count,
        "numberOfInstances": study.instance_count,
    });
    if !study.modalities.is_empty() {
        let codes: Vec<Value> =
            study.modalities.iter().map(|modality| json!({"system": dcm, "code": modality})).collect();
        resource["modality"] = json!(codes);
    }
    if let Some(started) = about.effective() {
        resource["started"] = json!(started);
    }
    if !study.description.trim().is_empty() {
        resource["description"] = json!(study.description.trim());
    }
    resource
}

/// What was drawn, as an Observation; `None` where it says nothing to other systems.
pub(crate) fn observation(about: &About<'_>, drawn: &DrawnContent) -> Option<Value> {
    let annotation = &drawn.annotation;
    let id = annotation.id.0;
    let measured = measurements_of(&annotation.measured);
    let mut resource = json!({
        "resourceType": "Observation",
        "identifier": identifiers(id, drawn.revision),
        "status": match (drawn.removed, drawn.revision) {
            (true, _) => "entered-in-error",
            (false, 1) => "final",
            (false, _) => "amended",
        },
        "category": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "imaging",
        }]}],
        "subject": about.subject(),
        "partOf": [about.imaging_study()],
        "issued": drawn.at.iso(),
        "performer": [person(&drawn.by, &drawn.by)],
        "derivedFrom": derived_from(&annotation.place),
    });
    if let Some(day) = about.effective() {
        resource["effectiveDateTime"] = json!(day);
    }
    if let Some(based_on) = about.based_on() {
        resource["basedOn"] = based_on;
    }
    match &annotation.kind {
        AnnotationKind::Text { text } => {
            resource["code"] = concept_of(&c::FINDING);
            resource["valueString"] = json!(text);
        }
        AnnotationKind::KeyImage => {
            resource["code"] = concept_of(&key_object_codes::OF_INTEREST);
            resource["valueBoolean"] = json!(true);
        }
        AnnotationKind::Arrow | AnnotationKind::Calibration { .. } => return None,
        _ => match measured.split_first() {
            // Nothing measurable: a region without scale or values.
            None => return None,
            Some((first, rest)) => {
                resource["code"] = concept_of(&first.concept);
                value(&mut resource, first);
                if let Some(method) = &first.method {
                    resource["method"] = concept_of(method);
                }
                if !rest.is_empty() {
                    resource["component"] = rest.iter().map(component).collect();
                }
            }
        },
    }
    Some(resource)
}

fn component(measurement: &Measurement) -> Value {
    let mut component = json!({"code": concept_of(&measurement.concept)});
    // Mean, maximum … of a quantity: both codes, and the text says which is which.
    if let Some(derivation) = &measurement.derivation {
        let both = [concept_of(&measurement.concept), concept_of(derivation)];
        let codings: Vec<Value> =
            both.iter().flat_map(|c| c["coding"].as_array().cloned().unwrap_or_default()).collect();
        component["code"] = json!({"coding": codings, "text": format!("{}: {}", measurement.concept.meaning, derivation.meaning)});
    }
    value(&mut component, measurement);
    component
}

fn value(into: &mut Value, measurement: &Measurement) {
    match (measurement.value, &measurement.unit) {
        (Some(value), Some(unit)) => {
            into["valueQuantity"] = json!({
                "value": value, "unit": unit.meaning, "system": names::system_of("UCUM"), "code": unit.value,
            });
        }
        _ => {
            into["dataAbsentReason"] = json!({"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown",
            }]});
        }
    }
}

/// The image or series that something was drawn on, by its UID.
fn derived_from(place: &Place) -> Value {
    let uid = |kind: &str, uid: &str, display: String| json!([{"type": kind, "identifier": {"system": DICOM_UID, "value": format!("urn:oid:{uid}")}, "display": display}]);
    match place {
        Place::Image { instance, frame, .. } => {
            uid("Media", instance.as_str(), format!("Image, frame {}", frame + 1))
        }
        Place::Plane { series, .. } => {
            uid("ImagingStudy", series.as_str(), "Plane through the series".to_owned())
        }
    }
}

/// A person by the account.
pub(crate) fn person(account: &str, name: &str) -> Value {
    json!({"type": "Practitioner", "identifier": {"value": account}, "display": name})
}

/// How far the reading is, as the Task of reading the study. `state` is the stored word of a read state.
pub(crate) fn task(
    about: &About<'_>,
    id: Uuid,
    revision: i64,
    state: &str,
    who: Option<&str>,
    at: Timestamp,
) -> Value {
    let status = match state {
        "unread" => "requested",
        "draft" | "preliminary" => "in-progress",
        _ => "completed",
    };
    let mut resource = json!({
        "resourceType": "Task",
        "identifier": identifiers(id, revision),
        "status": status,
        "businessStatus": {"text": state},
        "intent": "order",
        "code": {"coding": [{"system": names::system_of("SCT"), "code": "363679005", "display": "Imaging"}],
                 "text": "Read the imaging study"},
        "focus": about.imaging_study(),
        "for": about.subject(),
        "lastModified": at.iso(),
    });
    if let Some(who) = who {
        resource["owner"] = person(who, who);
    }
    if let Some(based_on) = about.based_on() {
        resource["basedOn"] = based_on;
    }
    resource
}
