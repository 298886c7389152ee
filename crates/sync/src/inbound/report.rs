//! DiagnosticReport (FHIR R4) as a report of another system. Its words only: no markup is read, no address followed.

use super::of_patient::{Told, Whence};
use super::order::name_of;
use super::values::{concept, concepts, has_code, identifier, moment, people, study, text};
use super::what::OfPatient;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use medsight_record::{Patient, ServerReport};
use serde_json::Value;

/// Longest words of a report that are kept, in bytes.
const LONGEST: usize = 128 << 10;

/// Radiology by LOINC (the category of reports of US Core), and the sections of HL7 v2 table 0074 that are of radiology:
/// radiology, imaging, CT, MR, nuclear medicine, ultrasound, radiograph.
const RADIOLOGY: [(&str, &[&str]); 2] = [
    ("http://loinc.org", &["LP29684-5"]),
    ("http://terminology.hl7.org/CodeSystem/v2-0074", &["RAD", "IMG", "CT", "NMR", "NMS", "RUS", "RX"]),
];

impl Told for ServerReport {
    const RESOURCE: &'static str = "DiagnosticReport";

    fn told(resource: &Value, from: &Whence<'_>) -> Option<Self> {
        report(resource, from.source, from.patient_id)
    }

    fn patient(&mut self) -> &mut Option<Patient> {
        &mut self.patient
    }

    fn conditions(what: OfPatient) -> Vec<String> {
        if what != OfPatient::Reports {
            return Vec::new();
        }
        let of_system =
            |(system, codes): &(&str, &[&str])| codes.iter().map(|code| format!("{system}|{code}")).collect();
        let codes: Vec<String> = RADIOLOGY.iter().flat_map::<Vec<String>, _>(of_system).collect();
        // A report that says of no kind that it is may be of radiology: it is not left out.
        vec![format!("category={}", codes.join(",")), "category:missing=true".to_owned()]
    }

    fn is_asked_for(&self, what: OfPatient) -> bool {
        what != OfPatient::Reports || self.is_radiology
    }
}

/// Whether it says that it is of radiology, or nothing.
fn is_radiology(category: &Value) -> bool {
    let says_nothing = concepts(category).is_empty();
    says_nothing || RADIOLOGY.iter().any(|(system, codes)| has_code(category, system, codes).is_some())
}

/// A report; `None` for a resource without name or version.
pub(super) fn report(resource: &Value, source: &str, patient_id: &str) -> Option<ServerReport> {
    if resource["resourceType"] != "DiagnosticReport" {
        return None;
    }
    let (place_of_report, version) = name_of(resource)?;
    let (mut words, mut is_cut, mut other_forms) = (String::new(), false, Vec::new());
    add(&mut words, &mut is_cut, resource["conclusion"].as_str().unwrap_or_default());
    for form in resource["presentedForm"].as_array().into_iter().flatten() {
        let kind = text(&form["contentType"]);
        match form["data"].as_str().and_then(|data| plain(&kind, data)) {
            Some(text) => add(&mut words, &mut is_cut, &text),
            None if other_forms.len() < 10 && !kind.is_empty() => other_forms.push(kind),
            None => {}
        }
    }
    let names = resource["identifier"].as_array().into_iter().flatten();
    Some(ServerReport {
        source: source.to_owned(),
        place: place_of_report,
        version,
        patient_id: patient_id.to_owned(),
        patient: None,
        status: text(&resource["status"]),
        category: concepts(&resource["category"]),
        is_radiology: is_radiology(&resource["category"]),
        title: concept(&resource["code"]),
        effective: effective_day(resource),
        issued_at: resource["issued"].as_str().and_then(moment),
        performer: Some(people(&resource["performer"]))
            .filter(|who| !who.is_empty())
            .unwrap_or_else(|| people(&resource["resultsInterpreter"])),
        text: words,
        is_cut,
        other_forms,
        study: study(resource).or_else(|| study_of_references(resource)),
        identifiers: names.map(|one| text(&one["value"])).filter(|name| !name.is_empty()).take(10).collect(),
    })
}

/// The text of an attachment of type `text/plain`, in the character set that it names: UTF-8 where it names none. `None` for another
/// type or set, and for what does not hold to it: a sign that is not understood would be another word.
fn plain(kind: &str, data: &str) -> Option<String> {
    let mut parts = kind.split(';').map(str::trim);
    parts.next().filter(|kind| kind.eq_ignore_ascii_case("text/plain"))?;
    let named =
        parts.find_map(|part| part.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("charset")));
    let charset = named.map_or("utf-8", |(_, value)| value.trim_matches('"')).to_ascii_lowercase();
    // base64Binary may be in lines.
    let data: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(data).ok()?;
    match charset.as_str() {
        "utf-8" | "utf8" => String::from_utf8(bytes).ok(),
        "us-ascii" => String::from_utf8(bytes).ok().filter(|text| text.is_ascii()),
        "iso-8859-1" | "latin1" => Some(bytes.into_iter().map(char::from).collect()),
        _ => None,
    }
}

/// Study Instance UID of a logical reference to the study.
fn study_of_references(resource: &Value) -> Option<medsight_base::StudyUid> {
    resource["imagingStudy"].as_array().into_iter().flatten().find_map(|reference| {
        let alone = serde_json::json!({"identifier": [reference["identifier"]]});
        identifier(&alone, "urn:dicom:uid").and_then(|_| study(&alone))
    })
}

/// The day of an examination or observation as the server's calendar has it.
pub(super) fn effective_day(resource: &Value) -> String {
    let given =
        resource["effectiveDateTime"].as_str().or_else(|| resource["effectivePeriod"]["start"].as_str());
    given.and_then(|text| text.get(..10.min(text.len()))).unwrap_or_default().to_owned()
}

/// Adds words behind those that are there, line by line, as text and nothing else.
fn add(words: &mut String, is_cut: &mut bool, more: &str) {
    let more: String = more.trim().chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect();
    if more.is_empty() || words.contains(&more) {
        return;
    }
    if !words.is_empty() {
        words.push_str("\n\n");
    }
    let room = LONGEST.saturating_sub(words.len());
    let end = (0..=room.min(more.len())).rev().find(|at| more.is_char_boundary(*at)).unwrap_or(0);
    *is_cut |= end < more.len();
    words.push_str(&more[..end]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_words_of_a_report_are_its_conclusion_and_its_plain_text_and_no_markup_is_read() {
        let html = STANDARD.encode("<script>alert(1)</script>");
        let plain = STANDARD.encode("Findings: none.\r\nImpression: <b>normal</b>.\u{7}");
        let resource = json!({
            "resourceType": "DiagnosticReport", "id": "9", "meta": {"versionId": "2"}, "status": "amended",
            "code": {"text": "CT"}, "conclusion": "Normal.", "issued": "2026-01-02T03:04:05Z",
            "effectivePeriod": {"start": "2026-01-01T23:00:00-05:00"}, "performer": [{"display": "Dr. X"}],
            "presentedForm": [
                {"contentType": "text/html", "data": html},
                {"contentType": "text/plain; charset=utf-8", "data": plain},
                {"contentType": "application/pdf", "url": "https://evil.test/report.pdf"},
            ],
            "imagingStudy": [{"identifier": {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}}],
        });
        let report = report(&resource, "ris", "P1").unwrap();
        assert_eq!(report.text, "Normal.\n\nFindings: none.\nImpression: <b>normal</b>.");
        assert_eq!(report.other_forms, ["text/html", "application/pdf"]);
        assert_eq!((report.effective.as_str(), report.status.as_str()), ("2026-01-01", "amended"));
        assert_eq!(report.study.unwrap().as_str(), "1.2.3");
        assert!(!report.is_cut);
    }

    #[test]
    fn a_report_is_of_radiology_by_its_category_and_may_be_where_it_has_none() {
        let coded = |system: &str, code: &str| json!([{"coding": [{"system": system, "code": code}]}]);
        let v2 = "http://terminology.hl7.org/CodeSystem/v2-0074";
        assert!(is_radiology(&coded("http://loinc.org", "LP29684-5")) && is_radiology(&coded(v2, "RUS")));
        assert!(is_radiology(&Value::Null) && is_radiology(&json!([])));
        assert!(!is_radiology(&coded(v2, "LAB")) && !is_radiology(&coded("urn:local", "RAD")));
        assert!(!is_radiology(&json!([{"text": "Laboratory"}])));
        let [coded, unmarked] = &ServerReport::conditions(OfPatient::Reports)[..] else { panic!("two") };
        assert!(coded.starts_with("category=http://loinc.org|LP29684-5,http://terminology.hl7.org/"));
        assert_eq!(unmarked, "category:missing=true");
        assert!(ServerReport::conditions(OfPatient::AllReports).is_empty());
    }

    #[test]
    fn words_of_another_character_set_are_read_as_it_says_or_not_at_all() {
        let lines = STANDARD.encode("Lunge frei").chars().collect::<Vec<_>>();
        let in_lines: String = lines.chunks(4).map(|four| four.iter().collect::<String>() + "\r\n").collect();
        assert_eq!(plain("text/plain", &in_lines).as_deref(), Some("Lunge frei"));
        let latin = STANDARD.encode([b'f', 0xfc, b'r']);
        assert_eq!(plain("text/plain; charset=ISO-8859-1", &latin).as_deref(), Some("für"));
        assert_eq!(plain("text/plain; charset=utf-8", &latin), None);
        assert_eq!(plain("text/plain;charset=shift_jis", &latin), None);
        assert_eq!(plain("text/html", &STANDARD.encode("a")), None);
    }

    #[test]
    fn a_report_without_end_is_cut_and_says_so() {
        let resource = json!({"resourceType": "DiagnosticReport", "id": "9", "meta": {"versionId": "2"},
            "conclusion": "ä".repeat(LONGEST)});
        let report = report(&resource, "ris", "P1").unwrap();
        assert!(report.is_cut && report.text.len() <= LONGEST);
    }
}
