//! Observation (FHIR R4) as what another system observed of a wound: by the codes of wounds, and by no word in it.
//!
//! The codes are those of the HL7 guide "Lower Extremity Skin Wound Assessment" (LOINC), and of the scales of risk that go
//! with pressure injuries: Braden and Norton. Codes that are no wound's alone, such as a photograph or a cause, are not
//! among them. Numbers are kept with the digits and the unit that came.

use super::of_patient::{Told, Whence};
use super::order::name_of;
use super::report::effective_day;
use super::values::{concept, has_code, moment, people, place, text};
use super::what::OfPatient;
use medsight_record::{Found, Patient, WoundObservation, WoundValue};
use serde_json::Value;

const LOINC: &str = "http://loinc.org";

/// LOINC codes by which an observation is one of a wound. Their names are in the locales (`wound.code.…`).
pub(super) const CODES: [&str; 34] = [
    // Assessment as a whole; size: panel, length, width, depth, depth in words, area.
    "39135-9", "72287-6", "39126-8", "39125-0", "39127-6", "39114-4", "89260-4",
    // Bed: panel, appearance, share by appearance, colour, share by colour.
    "89254-7", "72371-8", "72370-0", "39132-6", "89255-4",
    // Edge: panel, colour, description.
    "89256-2", "39133-4", "72304-9", // Exudate: amount, appearance, odour, colour, volume.
    "39116-9", "72290-0", "72288-4", "72289-2", "72291-8",
    // Tunnelling and undermining: length, clock.
    "72296-7", "72297-5", "72293-4", "72294-2",
    // Episode, visible structure, present on admission, trend, skin around.
    "89252-1", "89250-5", "89251-3", "89253-9", "72301-5",
    // Braden: panel, total; Norton: total. Pressure injuries by stage: stage 1, and stage 2 at admission.
    "38228-3", "38227-5", "75249-3", "54884-2", "54886-7",
];

/// Members and components of one observation that are kept.
const MOST_PARTS: usize = 40;

impl Told for WoundObservation {
    const RESOURCE: &'static str = "Observation";

    fn told(resource: &Value, from: &Whence<'_>) -> Option<Self> {
        observation(resource, from)
    }

    fn patient(&mut self) -> &mut Option<Patient> {
        &mut self.patient
    }

    fn conditions(_: OfPatient) -> Vec<String> {
        let codes: Vec<String> = CODES.iter().map(|code| format!("{LOINC}|{code}")).collect();
        vec![format!("code={}", codes.join(","))]
    }

    fn is_asked_for(&self, _: OfPatient) -> bool {
        true
    }
}

/// An observation of a wound; `None` for one of something else, or without name or version.
fn observation(resource: &Value, from: &Whence<'_>) -> Option<WoundObservation> {
    if resource["resourceType"] != "Observation" {
        return None;
    }
    let (place_there, version) = name_of(resource)?;
    let code = has_code(&resource["code"], LOINC, &CODES)?;
    let own = found(resource).map(|found| WoundValue { what: String::new(), code: String::new(), found });
    let components = resource["component"].as_array().into_iter().flatten().filter_map(|part| {
        let code = has_code(&part["code"], LOINC, &CODES).unwrap_or_default().to_owned();
        Some(WoundValue { what: concept(&part["code"]), code, found: found(part)? })
    });
    let members = resource["hasMember"].as_array().into_iter().flatten();
    let members = members.filter_map(|one| place(one, from.base));
    let moment_of =
        ["effectiveDateTime", "effectiveInstant"].iter().find_map(|member| resource[*member].as_str());
    let begin = moment_of.or_else(|| resource["effectivePeriod"]["start"].as_str());
    Some(WoundObservation {
        source: from.source.to_owned(),
        place: place_there,
        version,
        patient_id: from.patient_id.to_owned(),
        patient: None,
        status: text(&resource["status"]),
        what: concept(&resource["code"]),
        code: code.to_owned(),
        effective: effective_day(resource),
        effective_at: begin.and_then(moment),
        site: concept(&resource["bodySite"]),
        method: concept(&resource["method"]),
        performer: people(&resource["performer"]),
        values: own.into_iter().chain(components).take(MOST_PARTS).collect(),
        members: members.take(MOST_PARTS).collect(),
    })
}

/// The value of an observation or component, or why there is none; `None` where neither is said.
fn found(part: &Value) -> Option<Found> {
    let members = part.as_object()?;
    let Some((name, value)) = members.iter().find(|(name, _)| name.starts_with("value")) else {
        return Some(Found::Absent(concept(&part["dataAbsentReason"])))
            .filter(|_| part["dataAbsentReason"].is_object());
    };
    Some(match &name["value".len()..] {
        "Quantity" => quantity(value),
        "CodeableConcept" => Found::Words(concept(value)),
        "String" | "Time" | "DateTime" => Found::Words(text(value)),
        "Integer" => Found::Quantity { number: value.to_string(), unit: String::new() },
        "Boolean" => Found::Truth(value == true),
        "Range" => {
            let digits =
                |end: &Value| if end["value"].is_number() { end["value"].to_string() } else { String::new() };
            let unit = [&value["low"], &value["high"]].map(unit).into_iter().find(|unit| !unit.is_empty());
            Found::Quantity {
                number: format!("{}–{}", digits(&value["low"]), digits(&value["high"])),
                unit: unit.unwrap_or_default(),
            }
        }
        other => Found::Elsewhere(other.to_owned()),
    })
}

/// Digits as the server wrote them, as far as a number can hold them, and its unit.
fn quantity(value: &Value) -> Found {
    if !value["value"].is_number() {
        return Found::Absent(String::new());
    }
    let bound = value["comparator"].as_str().map(|sign| format!("{sign} ")).unwrap_or_default();
    Found::Quantity { number: format!("{bound}{}", value["value"]), unit: unit(value) }
}

/// The unit for people, else its code.
fn unit(quantity: &Value) -> String {
    Some(text(&quantity["unit"])).filter(|unit| !unit.is_empty()).unwrap_or_else(|| text(&quantity["code"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(more: &Value) -> Option<WoundObservation> {
        let mut resource = json!({"resourceType": "Observation", "id": "1", "meta": {"versionId": "2"},
            "status": "final", "code": {"coding": [{"system": LOINC, "code": "39126-8", "display": "Length of Wound"}]}});
        for (name, value) in more.as_object()? {
            resource[name] = value.clone();
        }
        let from = Whence { source: "ward", base: "https://fhir/r4", patient_id: "P1" };
        observation(&resource, &from)
    }

    #[test]
    fn a_length_has_its_digits_its_unit_its_site_and_its_day() {
        let told = of(&json!({"valueQuantity": {"value": 4.2, "unit": "cm", "code": "cm"},
            "bodySite": {"coding": [{"display": "Skin structure of sacral region"}]},
            "effectiveDateTime": "2026-03-01T08:00:00+01:00", "performer": [{"display": "Nurse A"}]}))
        .unwrap();
        assert_eq!(told.values[0].found, Found::Quantity { number: "4.2".into(), unit: "cm".into() });
        assert_eq!(
            (told.site.as_str(), told.effective.as_str()),
            ("Skin structure of sacral region", "2026-03-01")
        );
        assert_eq!((told.code.as_str(), told.performer.as_str()), ("39126-8", "Nurse A"));
        assert!(told.effective_at.unwrap().iso().starts_with("2026-03-01T07:00"));
    }

    #[test]
    fn a_number_without_unit_gets_none_and_a_bound_stays_a_bound() {
        let value = |value: Value| of(&json!({"valueQuantity": value})).unwrap().values.remove(0).found;
        assert_eq!(value(json!({"value": 3})), Found::Quantity { number: "3".into(), unit: String::new() });
        let bound = value(json!({"value": 4, "comparator": "<", "code": "cm2"}));
        assert_eq!(bound, Found::Quantity { number: "< 4".into(), unit: "cm2".into() });
        assert_eq!(value(json!({"unit": "cm"})), Found::Absent(String::new()));
    }

    #[test]
    fn an_observation_of_something_else_is_none_of_a_wound_whatever_its_words_say() {
        let other =
            json!({"code": {"text": "Wound length", "coding": [{"system": LOINC, "code": "8302-2"}]}});
        assert!(of(&other).is_none());
        assert!(of(&json!({"code": {"coding": [{"system": "urn:local", "code": "39126-8"}]}})).is_none());
    }

    #[test]
    fn components_and_members_of_a_panel_are_kept_and_what_is_not_read_is_named() {
        let told = of(&json!({
            "code": {"coding": [{"system": LOINC, "code": "72287-6"}], "text": "Wound size"},
            "component": [
                {"code": {"coding": [{"system": LOINC, "code": "39125-0", "display": "Width"}]},
                 "valueQuantity": {"value": 2, "unit": "cm"}},
                {"code": {"text": "Stage"}, "valueCodeableConcept": {"text": "Stage 3"}},
                {"code": {"text": "Closed"}, "valueBoolean": false},
                {"code": {"text": "Depth"}, "dataAbsentReason": {"text": "not measured"}},
                {"code": {"text": "Curve"}, "valueSampledData": {}},
            ],
            "hasMember": [{"reference": "Observation/7"}, {"reference": "https://fhir/r4/Observation/8"},
                {"reference": "https://other/r4/Observation/9"}],
        }))
        .unwrap();
        let found: Vec<&Found> = told.values.iter().map(|value| &value.found).collect();
        assert_eq!(told.values[0].code, "39125-0");
        assert_eq!(*found[1], Found::Words("Stage 3".into()));
        assert_eq!((found[2], found[3]), (&Found::Truth(false), &Found::Absent("not measured".into())));
        assert_eq!(*found[4], Found::Elsewhere("SampledData".into()));
        assert_eq!(told.members, ["Observation/7", "Observation/8"]);
    }

    #[test]
    fn every_code_of_a_wound_has_a_right_check_digit() {
        // LOINC's last digit: mod 10, every second digit from the right doubled.
        for code in CODES {
            let (digits, check) = code.split_once('-').unwrap();
            let sum: u32 = digits
                .bytes()
                .rev()
                .enumerate()
                .map(|(at, digit)| {
                    let doubled = u32::from(digit - b'0') * (2 - at as u32 % 2);
                    doubled / 10 + doubled % 10
                })
                .sum();
            assert_eq!(check, ((10 - sum % 10) % 10).to_string(), "{code}");
        }
    }
}
