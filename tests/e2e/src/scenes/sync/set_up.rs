//! Destinations as whoever keeps the workstation adds them on the settings page, each tested before it is kept.

use super::NUMBERS;
use crate::actors::{Desk, FhirServer, TOKEN};
use crate::machine::Machine;
use crate::process::until;
use crate::report::Report;
use anyhow::{Context, Result, ensure};
use serde_json::json;

/// Whoever keeps the workstation adds both on the settings page.
pub(super) fn play(report: &mut Report, machine: &Machine, desk: &Desk, fhir: &FhirServer) -> Result<()> {
    report.must("a FHIR server is added: a wrong token is said, the right one is tested and kept", || {
        desk.click(&desk.find("settings", 10)?)?;
        desk.click(&desk.find("destination-add", 10)?)?;
        desk.type_into(&desk.find("destination-name", 10)?, "Hospital")?;
        desk.type_into(&desk.find("destination-url", 5)?, &fhir.base)?;
        desk.click(&desk.find("destination-form-test", 5)?)?;
        let wrong = desk.text(&desk.find("destination-wrong", 5)?)?;
        ensure!(wrong.contains("has to be a URI"), "it says {wrong}");
        desk.type_into(&desk.find("destination-patients", 5)?, NUMBERS)?;
        desk.click(&desk.find("destination-create-patients", 5)?)?;
        desk.choose("destination-sign-in", "bearer")?;
        desk.type_into(&desk.find("destination-secret", 5)?, "not this one")?;
        tested(desk, "destination", "wants to know who asks")?;
        desk.type_into(&desk.find("destination-secret", 5)?, TOKEN)?;
        tested(desk, "destination", "answered in")?;
        desk.click(&desk.find("destination-save", 5)?)?;
        listed(desk, "destination", "Hospital")
    })?;
    report.must("orders are to be asked of it: tested, kept, and only when somebody wants it", || {
        desk.click(&desk.find("source-add", 10)?)?;
        desk.type_into(&desk.find("source-name", 10)?, "Orders")?;
        desk.type_into(&desk.find("source-every", 5)?, "0")?;
        tested(desk, "source", "answered in")?;
        desk.click(&desk.find("source-save", 5)?)?;
        listed(desk, "source", "only when somebody wants it")
    })?;
    report.must("the FHIR server is not taken away under its orders", || {
        desk.click(&desk.find("destination-delete", 5)?)?;
        until("the desk to say who uses it", 10, || {
            let said = desk.text(&desk.find("failure", 2)?)?;
            ensure!(said.contains("Orders") && said.contains("Hospital"), "it says {said}");
            Ok(())
        })
    })?;
    report.must("the PACS is added, and no secret is in the settings", || {
        desk.click(&desk.find("destination-add", 10)?)?;
        desk.type_into(&desk.find("destination-name", 10)?, "Images")?;
        desk.choose("destination-system", "pacs")?;
        tested(desk, "destination", "answered in")?;
        desk.click(&desk.find("destination-save", 5)?)?;
        listed(desk, "destination", "Images")?;
        let file = machine.home("config").join("medsight/settings.toml");
        let settings = std::fs::read_to_string(file)?;
        ensure!(settings.contains("Hospital") && settings.contains("Images"), "the file is {settings}");
        ensure!(!settings.contains(TOKEN) && !settings.contains("this run"), "the file has a secret");
        Ok(())
    })
}

/// Presses Test in the form and waits for words in the answer.
fn tested(desk: &Desk, part: &str, words: &str) -> Result<()> {
    desk.click(&desk.find(&format!("{part}-form-test"), 5)?)?;
    until("the answer to the form", 20, || {
        let answer = format!("[data-testid=\"{part}-dialog\"] [data-testid=\"echo-answer\"]");
        let dialog = desk.all_css(&answer)?;
        let said = desk.text(dialog.first().context("no answer is shown")?)?;
        ensure!(said.contains(words), "it says {said}");
        Ok(())
    })
}

/// The list of destinations or sources has it.
fn listed(desk: &Desk, part: &str, name: &str) -> Result<()> {
    until("it in the list", 10, || {
        let rows = desk.all(&format!("{part}-row"))?;
        let texts: Vec<String> = rows.iter().map(|row| desk.text(row)).collect::<Result<_>>()?;
        ensure!(texts.iter().any(|text| text.contains(name)), "there are {texts:?}");
        Ok(())
    })
}

/// Puts a secret into the keyring, as the form of a destination does.
pub(super) fn keep_secret(desk: &Desk, url: &str, sign_in: &serde_json::Value, secret: &str) -> Result<()> {
    let request =
        json!({"request": {"name": "Archive", "url": url, "signIn": sign_in, "secret": secret}}).to_string();
    let code = "const done = arguments[1]; window.__TAURI_INTERNALS__.invoke('keep_secret', JSON.parse(arguments[0]))\
        .then(() => done('done'), (e) => done(JSON.stringify(e)))";
    let answer = desk.inject(code, &[&request])?;
    ensure!(answer == "done", "the keyring does not keep it: {answer}");
    Ok(())
}
