//! Importing a folder the way a person does with the keyboard: the button, the path, the summary.

use crate::actors::Desk;
use anyhow::{Context, Result};
use std::path::Path;

/// Presses the button and types the folder's path. Returns when the import has been asked for.
pub(super) fn begin(desk: &Desk, folder: &Path) -> Result<()> {
    desk.click(&desk.find("import-button", 10)?)?;
    let path = folder.to_str().context("the folder's name is not UTF-8")?;
    desk.type_into(&desk.find("import-path", 10)?, path)?;
    desk.click(&desk.find("import-start", 10)?)
}

/// Waits for the summary, and returns its words.
pub(super) fn summary(desk: &Desk, seconds: u64) -> Result<String> {
    let summary = desk.find("import-summary", seconds)?;
    desk.text(&summary)
}

/// How much of the import that runs is done, 0 to 1.
pub(super) fn share_done(desk: &Desk) -> Result<f64> {
    let bar = desk.all_css("[data-testid=\"import-progress\"] progress")?;
    let bar = bar.first().context("no progress is shown")?;
    let number = |name: &str| Ok::<f64, anyhow::Error>(desk.attribute(bar, name)?.parse().unwrap_or(0.0));
    Ok(number("value")? / number("max")?.max(1.0))
}
