//! A report as a DiagnosticReport, who signed it as Provenance, and a critical result as Communication (R4).

use super::names::{self, concept, identifiers, tag, urn};
use super::resources::{About, person};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use medsight_record::CodedName;
use medsight_record::report::{CriticalResult, Report, ReportVersion};
use serde_json::{Value, json};
use uuid::Uuid;

/// The text as it is read: of an addendum, what was added stands behind what it is added to.
pub(crate) fn words(version: &ReportVersion) -> String {
    let mut words = version.content.plain();
    if let Some(addendum) = &version.addendum {
        words.push_str("\n\nAddendum\n");
        words.push_str(addendum);
    }
    words
}

/// The newest version; `None` while nobody signed one.
pub(crate) fn diagnostic_report(about: &About<'_>, report: &Report) -> Option<Value> {
    let version = report.newest()?;
    let status = version.status.fhir()?;
    let content = &version.content;
    // LOINC: Diagnostic imaging study.
    let general = CodedName {
        value: "18748-4".into(),
        scheme: "LN".into(),
        meaning: "Diagnostic imaging study".into(),
    };
    let code = concept(content.code.as_ref().unwrap_or(&general));
    let results: Vec<Value> = content
        .quotes
        .iter()
        .map(|quote| {
            let identifier = json!({"system": names::URI, "value": urn(quote.annotation.0)});
            json!({"type": "Observation", "identifier": identifier, "display": quote.words})
        })
        .collect();
    let found = content.findings.iter().filter(|finding| !finding.is_absent);
    let conclusions: Vec<Value> = found.map(|finding| concept(&finding.finding)).collect();
    let mut resource = json!({
        "resourceType": "DiagnosticReport",
        "identifier": identifiers(report.id.0, i64::from(version.number)),
        "status": status,
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}],
        "code": code,
        "subject": about.subject(),
        "imagingStudy": [about.imaging_study()],
        "resultsInterpreter": version.signatures.iter().map(|s| person(&s.account, &s.name)).collect::<Vec<_>>(),
        "presentedForm": [{
            "contentType": "text/plain; charset=utf-8",
            "language": content.language,
            "data": STANDARD.encode(words(version)),
            "title": content.title,
        }],
    });
    if content.language.is_empty() {
        if let Some(form) = resource["presentedForm"][0].as_object_mut() {
            form.remove("language");
        }
    }
    if content.title.is_empty() {
        if let Some(form) = resource["presentedForm"][0].as_object_mut() {
            form.remove("title");
        }
    }
    if let Some(issued) = version.signatures.last() {
        resource["issued"] = json!(issued.at.iso());
    }
    if let Some(day) = about.effective() {
        resource["effectiveDateTime"] = json!(day);
    }
    if let Some(based_on) = about.based_on() {
        resource["basedOn"] = based_on;
    }
    if let Some(impression) = content.section("impression").filter(|section| !section.text.trim().is_empty())
    {
        resource["conclusion"] = json!(content.spoken(&impression.text));
    }
    if !results.is_empty() {
        resource["result"] = json!(results);
    }
    if !conclusions.is_empty() {
        resource["conclusionCode"] = json!(conclusions);
    }
    Some(resource)
}

/// Who signed a version of `report`, when and why. `target` is where the report is.
pub(crate) fn provenance(id: Uuid, target: &str, version: &ReportVersion) -> Option<Value> {
    let last = version.signatures.last()?;
    let signatures: Vec<Value> = version
        .signatures
        .iter()
        .map(|signature| {
            json!({
                "type": [{"system": "http://uri.etsi.org/01903/v1.2.2", "code": "ProofOfApproval"}],
                "when": signature.at.iso(),
                "who": person(&signature.account, &signature.name),
            })
        })
        .collect();
    let agents: Vec<Value> = version
        .signatures
        .iter()
        .map(|signature| json!({"who": person(&signature.account, &signature.name)}))
        .collect();
    let mut resource = json!({
        "resourceType": "Provenance",
        "meta": tag(id, 1),
        "target": [{"reference": target}],
        "recorded": last.at.iso(),
        "agent": agents,
        "signature": signatures,
    });
    if let Some(reason) = &version.reason {
        resource["reason"] = json!([{"text": reason}]);
    }
    Some(resource)
}

/// A critical result: who was told what, when and how.
pub(crate) fn communication(about: &About<'_>, report: &Report, told: &CriticalResult) -> Value {
    let read_back = if told.is_read_back { "Read back." } else { "Not read back." };
    let mut resource = json!({
        "resourceType": "Communication",
        "identifier": identifiers(told.id, 1),
        "status": "completed",
        "category": [concept(&told.urgency.code())],
        "medium": [{"text": told.by_way_of}],
        "subject": about.subject(),
        "about": [{"type": "DiagnosticReport",
                   "identifier": {"system": names::URI, "value": urn(report.id.0)}}],
        "sent": told.told_at.iso(),
        "recipient": [{"display": told.told}],
        "payload": [{"contentString": told.result}],
        "note": [{"text": read_back}],
    });
    if let Some(based_on) = about.based_on() {
        resource["basedOn"] = based_on;
    }
    resource
}
