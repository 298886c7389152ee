//! A report that somebody else changed at the server after it was sent from here.

use super::{SLICES, badge, no_badge, settled};
use crate::actors::{Desk, FhirServer};
use crate::process::until;
use crate::report::Report;
use anyhow::{Context, Result, ensure};
use serde_json::json;

/// Somebody else changes the report at the server meanwhile: both are shown, and a merge is signed and arrives.
pub(super) fn play(report: &mut Report, desk: &Desk, fhir: &FhirServer) -> Result<()> {
    report.must(
        "what somebody else changed at the server meanwhile is not written over, and is shown beside ours",
        || {
            let mut theirs = fhir.search("DiagnosticReport")?.remove(0);
            let place = format!("DiagnosticReport/{}", theirs["id"].as_str().context("no id")?);
            theirs["conclusion"] = json!("Changed at the server meanwhile.");
            let (status, answer) = fhir.ask("PUT", &place, Some(&theirs))?;
            ensure!(status == 200, "the server answers {status}: {answer}");
            desk.click(&desk.find("worklist-page", 5)?)?;
            desk.select(&format!("DRAWN-{}", SLICES[0]))?;
            desk.click(&desk.find("open-report", 5)?)?;
            desk.click(&desk.find("sign", 10)?)?;
            desk.type_into(&desk.find("sign-words", 5)?, "Seen together with surgery.")?;
            desk.click(&desk.find("sign-now", 5)?)?;
            desk.click(&desk.find("sync", 5)?)?;
            desk.click(&desk.find("sync-compare", 20)?)?;
            until("the badge", 10, || {
                let said = badge(desk)?;
                ensure!(said == "▲ 1", "the badge says {said}");
                Ok(())
            })?;
            until("both versions", 10, || {
                let ours = desk.text(&desk.find("conflict-ours", 5)?)?;
                ensure!(ours.contains("A node of 12 mm") && !ours.contains("meanwhile"), "ours reads {ours}");
                let added = desk.all_css("[data-testid=\"conflict-theirs\"] ins")?;
                let added = added.iter().map(|words| desk.text(words)).collect::<Result<Vec<_>>>()?;
                let theirs = added.iter().map(|words| words.trim()).collect::<Vec<_>>().join(" ");
                ensure!(theirs.contains("Changed at the server meanwhile"), "theirs has {theirs}");
                Ok(())
            })?;
            let there = fhir.search("DiagnosticReport")?;
            ensure!(there[0]["conclusion"] == "Changed at the server meanwhile.", "{there:?}");
            Ok(())
        },
    )?;
    report.must("a merge is signed as an addendum and goes on top of theirs", || {
        desk.click(&desk.find("conflict-merge", 5)?)?;
        desk.type_into(&desk.find("conflict-addendum", 5)?, "At the server it was said meanwhile: changed.")?;
        desk.click(&desk.find("conflict-sign", 5)?)?;
        settled(desk, "Hospital")?;
        no_badge(desk)?;
        let there = fhir.search("DiagnosticReport")?;
        ensure!(there.len() == 1 && there[0]["status"] == "appended", "{there:?}");
        let place = format!("DiagnosticReport/{}/_history", there[0]["id"].as_str().context("no id")?);
        let versions = fhir.search(&place)?;
        let kept = versions.iter().any(|one| one["conclusion"] == "Changed at the server meanwhile.");
        ensure!(kept, "theirs is not in the history of the server: {versions:?}");
        Ok(())
    })
}
