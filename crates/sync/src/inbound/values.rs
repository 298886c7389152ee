//! Values of FHIR resources as this workstation keeps them: bounded texts, moments, identifiers.

use crate::fhir::http::place_below;
use medsight_base::time::seconds_of_day;
use medsight_base::{DicomDate, StudyUid, Timestamp};
use medsight_record::{CodedName, Patient, Sex, When};
use serde_json::Value;

/// Longest text of one field, in characters: more is no name of an examination.
const LONGEST: usize = 1024;

/// A text of a resource, without control characters and not longer than is read by a person.
pub(super) fn short(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().map(short).unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What a CodeableConcept says: its text, else the name of its first code that has one, else the code.
pub(super) fn concept(value: &Value) -> String {
    let of =
        |member: &str| list(&value["coding"]).map(|one| text(&one[member])).find(|text| !text.is_empty());
    Some(text(&value["text"]))
        .filter(|text| !text.is_empty())
        .or_else(|| of("display"))
        .or_else(|| of("code"))
        .unwrap_or_default()
}

/// Several of them.
pub(super) fn concepts(value: &Value) -> String {
    join(list(value).map(concept))
}

pub(super) fn code(value: &Value) -> Option<CodedName> {
    let first = list(&value["coding"]).find(|one| one["code"].is_string())?;
    Some(CodedName { value: text(&first["code"]), scheme: text(&first["system"]), meaning: concept(value) })
}

/// The first of these codes of a system that several concepts have, or the one.
pub(super) fn has_code<'a>(concepts: &Value, system: &str, codes: &[&'a str]) -> Option<&'a str> {
    let all = concepts.as_array().map_or(std::slice::from_ref(concepts), Vec::as_slice);
    let mut codings = all.iter().flat_map(|concept| list(&concept["coding"]));
    codings.find_map(|one| {
        codes.iter().copied().find(|code| one["system"] == system && one["code"].as_str() == Some(*code))
    })
}

/// Whom references name, in the words that stand with them.
pub(super) fn people(value: &Value) -> String {
    join(list(value).map(person))
}

pub(super) fn person(reference: &Value) -> String {
    let of_name = || text(&reference["identifier"]["value"]);
    Some(text(&reference["display"])).filter(|text| !text.is_empty()).unwrap_or_else(of_name)
}

fn join(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<String> = texts.filter(|text| !text.is_empty()).take(20).collect();
    short(&texts.join("; "))
}

/// `Type/id` of a reference to the server at `base`.
pub(super) fn place(reference: &Value, base: &str) -> Option<String> {
    place_below(base, reference["reference"].as_str()?)
}

/// The value of the identifier of a system: of several the one in use, and one that was given up only where there is no
/// other.
pub(super) fn identifier(resource: &Value, system: &str) -> Option<String> {
    let of_system =
        || list(&resource["identifier"]).filter(|one| one["system"] == system && one["value"].is_string());
    let rank = |one: &&Value| match one["use"].as_str() {
        Some("official" | "usual") => 0,
        Some("old") => 2,
        _ => 1,
    };
    of_system().min_by_key(rank).map(|one| text(&one["value"]))
}

/// Whether an identifier of a system has this value, in use or given up.
pub(super) fn is_named(resource: &Value, system: &str, value: &str) -> bool {
    list(&resource["identifier"]).any(|one| one["system"] == system && one["value"] == value)
}

/// Accession number: an identifier of the settings' system, or of the type that says so.
pub(super) fn accession(resource: &Value, system: &str) -> String {
    let is_typed = |one: &&Value| list(&one["type"]["coding"]).any(|coding| coding["code"] == "ACSN");
    let by_type = || list(&resource["identifier"]).find(is_typed).map(|one| text(&one["value"]));
    let by_system = (!system.is_empty()).then(|| identifier(resource, system)).flatten();
    by_system.or_else(by_type).unwrap_or_default()
}

/// A Study Instance UID among identifiers.
pub(super) fn study(resource: &Value) -> Option<StudyUid> {
    let value = identifier(resource, "urn:dicom:uid")?;
    StudyUid::parse(value.strip_prefix("urn:oid:").unwrap_or(&value)).ok()
}

/// FHIR's `instant` and `dateTime`: a moment where there is an offset, else what the server's calendar says.
pub(super) fn when(value: &Value) -> Option<When> {
    let text = value.as_str()?;
    match moment(text) {
        Some(at) => Some(When::At(at)),
        None => text.get(..10).and_then(DicomDate::parse).map(|day| When::Local(day.iso())),
    }
}

pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once('T')?;
    let day = DicomDate::parse(date).filter(|_| date.len() == 10)?;
    let (time, offset_min) = match rest.find(['Z', '+', '-']) {
        Some(at) if &rest[at..] == "Z" => (&rest[..at], 0),
        Some(at) => {
            let (hours, minutes) = rest[at + 1..].split_once(':')?;
            let two = |text: &str| -> Option<i64> {
                let is_two = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
                text.parse().ok().filter(|_| is_two)
            };
            let minutes = two(hours)? * 60 + two(minutes)?;
            if minutes > 14 * 60 {
                return None;
            }
            (&rest[..at], if rest.as_bytes()[at] == b'-' { -minutes } else { minutes })
        }
        None => return None,
    };
    let of_day_ms = (seconds_of_day(time)? * 1000.0).floor() as i64;
    Some(Timestamp(day.days_since_epoch() * 86_400_000 + of_day_ms - offset_min * 60_000))
}

/// A Patient as the records have one; `id` is the identifier of the settings' system, empty where there is none.
pub(super) fn patient(resource: &Value, system: &str) -> Patient {
    let name = &resource["name"][0];
    let given: Vec<String> = list(&name["given"]).map(text).filter(|text| !text.is_empty()).collect();
    let (family, given) = (
        text(&name["family"]).replace(['^', '=', '\\'], " "),
        given.join(" ").replace(['^', '=', '\\'], " "),
    );
    let named = if given.is_empty() { family } else { format!("{family}^{given}") };
    Patient {
        id: identifier(resource, system).unwrap_or_default(),
        name: if named.is_empty() { text(&name["text"]) } else { named },
        birth_date: resource["birthDate"].as_str().and_then(DicomDate::parse),
        sex: match resource["gender"].as_str() {
            Some("female") => Some(Sex::F),
            Some("male") => Some(Sex::M),
            Some("other") => Some(Sex::O),
            _ => None,
        },
        // The system of the settings stands for it; what DICOM calls the issuer is not told.
        issuer: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_time_of_another_zone_is_the_same_moment() {
        let at = |text| moment(text).map(|at| at.iso());
        assert_eq!(at("2026-11-22T20:39:28.123Z").as_deref(), Some("2026-11-22T20:39:28.123Z"));
        assert_eq!(at("2026-11-23T01:09:28+04:30").as_deref(), Some("2026-11-22T20:39:28.000Z"));
        assert_eq!(at("2026-11-22T20:39:28.123456789-01:00").as_deref(), Some("2026-11-22T21:39:28.123Z"));
        for bad in [
            "2026-11-22",
            "2026-13-01T00:00:00Z",
            "2026-11-22T25:00:00Z",
            "T",
            "2026-11-22T20:39:28+1",
            "2026-11-22T00:00:00+9223372036854775807:00",
            "2026-11-22T00:00:00+-5:00",
            "2026-11-22T00:00:00+15:00",
        ] {
            assert_eq!(at(bad), None, "{bad}");
        }
        assert_eq!(when(&json!("2026-11-22")), Some(When::Local("2026-11-22".into())));
    }

    #[test]
    fn a_text_without_end_and_with_control_signs_is_kept_short_and_plain() {
        let long = format!("CT\u{1b}[31m {}", "x".repeat(9000));
        let kept = concept(&json!({"text": long}));
        assert_eq!(kept.chars().count(), 1024);
        assert!(!kept.contains('\u{1b}'));
        assert_eq!(concept(&json!({"coding": [{"code": "7"}, {"display": "Head"}]})), "Head");
    }

    #[test]
    fn of_two_numbers_of_a_patient_the_one_in_use_is_meant_and_both_are_known() {
        let merged = json!({"identifier": [
            {"system": "urn:oid:1", "use": "old", "value": "P1"},
            {"system": "urn:oid:1", "use": "usual", "value": "P2"},
            {"system": "urn:oid:2", "value": "P3"},
        ]});
        assert_eq!(identifier(&merged, "urn:oid:1").as_deref(), Some("P2"));
        assert!(is_named(&merged, "urn:oid:1", "P1") && !is_named(&merged, "urn:oid:1", "P3"));
    }

    #[test]
    fn an_accession_number_is_known_by_its_type_or_by_the_system_of_the_settings() {
        let typed = json!({"identifier": [
            {"system": "urn:other", "value": "no"},
            {"type": {"coding": [{"code": "ACSN"}]}, "value": "A1"},
            {"system": "urn:acc", "value": "A2"},
        ]});
        assert_eq!((accession(&typed, ""), accession(&typed, "urn:acc")), ("A1".into(), "A2".into()));
    }
}
