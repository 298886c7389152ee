//! Importing a folder the way a person does with the keyboard: the button, the path, the summary.

use crate::actors::Desk;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;

/// Presses the button and types the folder's path. Returns when the import has been asked for.
pub(super) fn begin(desk: &Desk, folder: &Path) -> Result<()> {
    desk.click(&desk.find("import-button", 10)?)?;
    let path = folder.to_str().context("the folder's name is not UTF-8")?;
    desk.type_into(&desk.find("import-path", 10)?, path)?;
    desk.click(&desk.find("import-start", 10)?)
}

/// Waits for the summary, puts it away, and returns its words.
pub(super) fn summary(desk: &Desk, seconds: u64) -> Result<String> {
    let summary = desk.find("import-summary", seconds)?;
    let words = desk.text(&summary)?;
    desk.click(&desk.find("import-dismiss", 5)?)?;
    Ok(words)
}

/// Imports the damaged files of the small corpus: each must be refused by its name, with the attribute that is wrong.
pub(super) fn damaged(desk: &Desk, small_corpus: &Path) -> Result<()> {
    let text = std::fs::read_to_string(small_corpus.join("expected.json")).context("no expected.json")?;
    let expected: Value = serde_json::from_str(&text)?;
    let expected = expected["refused"].as_array().context("no list of refused files")?;
    begin(desk, &small_corpus.join("refused"))?;
    desk.click(&desk.find("import-refused", 30)?)?;
    let shown: Vec<String> =
        desk.all("refusal")?.iter().map(|line| desk.text(line)).collect::<Result<_>>()?;
    for entry in expected {
        let file = entry["file"]
            .as_str()
            .and_then(|file| file.rsplit('/').next())
            .context("an entry without a file")?;
        let line = shown
            .iter()
            .find(|line| line.contains(file))
            .with_context(|| format!("{file} was not refused"))?;
        if let Some(attribute) = entry["attribute"].as_str() {
            ensure!(line.contains(attribute), "{file}: the reason does not name {attribute}: {line}");
        }
    }
    ensure!(shown.len() == expected.len(), "{} files were refused, not {}", shown.len(), expected.len());
    Ok(())
}

/// How much of the import that runs is done, 0 to 1.
pub(super) fn share_done(desk: &Desk) -> Result<f64> {
    let bar = desk.all_css("[data-testid=\"import-progress\"] progress")?;
    let bar = bar.first().context("no progress is shown")?;
    let number = |name: &str| Ok::<f64, anyhow::Error>(desk.attribute(bar, name)?.parse().unwrap_or(0.0));
    Ok(number("value")? / number("max")?.max(1.0))
}
