//! Orders of the hospital's server: one of a study that is here, and one whose images are not.

use super::{NUMBERS, SLICES};
use crate::actors::{Desk, FhirServer};
use crate::process::until;
use crate::report::Report;
use anyhow::{Context, Result, ensure};
use serde_json::json;

/// Orders are asked for and shown.
pub(super) fn play(report: &mut Report, desk: &Desk, fhir: &FhirServer) -> Result<()> {
    let number = format!("DRAWN-{}", SLICES[0]);
    report.must("two things are ordered at the hospital, and the desk is told to ask", || {
        let found = fhir.search(&format!("Patient?identifier={NUMBERS}%7C{number}"))?;
        let patient = found.first().and_then(|one| one["id"].as_str()).context("no patient")?;
        for (accession, words) in
            [(format!("DRAWN{}", SLICES[0]), "Chest for a cough"), ("LATER1".into(), "Knee after a fall")]
        {
            let kind = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]});
            let order = json!({
                "resourceType": "ServiceRequest", "status": "active", "intent": "order", "priority": "urgent",
                "identifier": [{"type": kind, "value": accession}],
                "subject": {"reference": format!("Patient/{patient}")}, "code": {"text": words},
            });
            let (status, answer) = fhir.ask("POST", "ServiceRequest", Some(&order))?;
            ensure!(status == 201, "an order is answered with {status}: {answer}");
        }
        desk.click(&desk.find("sync", 5)?)?;
        desk.click(&desk.find("ask-sources", 10)?)?;
        until("the source to have answered", 20, || {
            let said = desk.text(&desk.find("source", 2)?)?;
            ensure!(said.contains("answers"), "it says {said}");
            Ok(())
        })
    })?;
    report.step("the study says what it was ordered for", || {
        desk.click(&desk.find("worklist-page", 5)?)?;
        desk.select(&number)?;
        until("the order", 10, || {
            let said = desk.text(&desk.find("order", 2)?)?;
            ensure!(said.contains("Chest for a cough"), "it says {said}");
            Ok(())
        })
    });
    report.step("what was ordered and is not here yet has a list of its own", || {
        desk.click(&desk.find("show-expected", 5)?)?;
        until("the order without images", 10, || {
            let said = desk.text(&desk.find("expected-order", 2)?)?;
            ensure!(said.contains("Knee after a fall") && said.contains(&number), "it says {said}");
            ensure!(
                !desk.text(&desk.find("expected", 2)?)?.contains("Chest"),
                "the study that is here is in it"
            );
            Ok(())
        })?;
        desk.click(&desk.find("expected-close", 5)?)
    });
    Ok(())
}
