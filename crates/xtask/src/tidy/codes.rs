//! Whatever a library says by a code, a person must be able to read in every language: each code that stands in a
//! source has its words, and each of these words has its code. That the languages agree is `locales`' rule.

use crate::run;
use anyhow::{Context, Result};
use std::collections::BTreeSet;

/// Errors with a function `code` (its texts are whole codes) or `word` (the fault of a key file).
const ERRORS: [&str; 7] = [
    "crates/vault/src/error.rs",
    "crates/cache/src/error.rs",
    "src-tauri/src/problem.rs",
    "src-tauri/src/problem/destination.rs",
    "src-tauri/src/problem/listening.rs",
    "src-tauri/src/problem/session.rs",
    "src-tauri/src/problem/settings.rs",
];

/// What stands before the code of a refusal, and before that of a warning. The crates that refuse and warn.
const REFUSALS: [&str; 6] = ["Refusal::new(", ".refuse(", "pages(", "Err((", "return Err(\"", ".ok_or(\""];
const WARNINGS: [&str; 2] = ["warning(", "VolumeWarning {"];
const SPEAKERS: [&str; 6] = [
    "crates/dicom/src/",
    "crates/codec/src/",
    "crates/cache/src/import",
    "crates/image/src/",
    "crates/imaging/src/",
    "src-tauri/src/writing.rs",
];

/// Compares the codes of the sources with the words of English.
pub(super) fn check(paths: &[String], found: &mut Vec<String>) -> Result<()> {
    let read = |path: &str| std::fs::read_to_string(run::root().join(path)).with_context(|| path.to_owned());
    let mut keys = BTreeSet::new();
    for path in ERRORS {
        let text = read(path)?;
        keys.extend(returned(&text, "fn code(").into_iter().map(|code| format!("problem.{code}")));
        keys.extend(returned(&text, "fn word(").into_iter().map(|word| format!("problem.key_file.{word}")));
    }
    let network = returned(&read("crates/pacs/src/error.rs")?, "fn code(");
    keys.extend(network.into_iter().map(|code| format!("problem.net.{code}")));
    for path in paths.iter().filter(|path| path.starts_with("crates/sync/src/") && path.ends_with(".rs")) {
        keys.extend(said_in_full(&read(path)?, "sync.").into_iter().map(|code| format!("problem.{code}")));
    }
    let mut warnings = BTreeSet::new();
    for path in paths.iter().filter(|path| SPEAKERS.iter().any(|start| path.starts_with(start))) {
        let text = read(path)?;
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        keys.extend(named_after(text, &REFUSALS).into_iter().map(|code| format!("problem.refused.{code}")));
        warnings.extend(named_after(text, &WARNINGS).into_iter().map(|code| format!("warning.{code}")));
    }
    let english = super::locales::keys(&read("assets/locales/en.toml")?);
    for key in keys.iter().chain(&warnings).filter(|key| !english.contains_key(*key)) {
        found.push(format!("assets/locales/en.toml: `{key}` is missing: a source emits this code"));
    }
    let without = |key: &&String| key.starts_with("problem.") && !keys.contains(*key);
    for key in english.keys().filter(without) {
        found.push(format!("assets/locales/en.toml: `{key}` is the word of a code that nothing emits"));
    }
    Ok(())
}

/// The texts that every function of this name returns from the arms of its match.
fn returned(source: &str, function: &str) -> Vec<String> {
    let bodies = source.split(function).skip(1).map(|rest| rest.split("\n    }").next().unwrap_or_default());
    let arms = bodies.flat_map(|body| body.split("=> \"").skip(1));
    arms.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

/// Texts of a source, outside of its tests, that are whole codes with this beginning.
fn said_in_full(source: &str, beginning: &str) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let quoted = format!("\"{beginning}");
    let texts = source.split(quoted.as_str()).skip(1);
    let ends = texts.filter_map(|rest| Some(rest.split_once('"')?.0));
    let codes =
        ends.filter(|end| !end.is_empty() && end.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    codes.map(|end| format!("{beginning}{end}")).collect()
}

/// The first text behind each of these beginnings, when it stands where a code does: as the first argument or behind
/// one that is no text, and written as codes are.
fn named_after(source: &str, beginnings: &[&str]) -> Vec<String> {
    let mut codes = Vec::new();
    for beginning in beginnings {
        for (at, _) in source.match_indices(beginning) {
            let rest = &source[at + beginning.trim_end_matches('"').len()..];
            let Some((before, after)) = rest.split_once('"') else { continue };
            let Some((code, _)) = after.split_once('"') else { continue };
            let is_code = !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let arguments = before.matches(',').count() <= 1 && !before.contains([';', '}', ')']);
            if is_code && arguments {
                codes.push(code.to_owned());
            }
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_where_they_are_emitted_and_sentences_are_none() {
        let source = "Refusal::new(\n    \"too_large\", x); self.refuse(path, \"unreadable\", &y); \
                      return Err(\"colour\"); Refusal::new(code, \"It is gone.\"); pages(&m, \"single_image\", z)";
        let mut codes = named_after(source, &REFUSALS);
        codes.sort();
        assert_eq!(codes, ["colour", "single_image", "too_large", "unreadable"]);
    }

    #[test]
    fn a_code_that_is_written_in_full_is_found_and_a_sentence_is_none() {
        let found = said_in_full("a(\"sync.busy\"), \"sync.sign-in\", \"sync. Again.\"", "sync.");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["sync.busy", "sync.sign-in"]);
    }

    #[test]
    fn what_an_exhaustive_match_returns_is_found_whole() {
        let source = "fn code(&self) -> &str {\n        match self {\n Self::A => \"key.a\",\n Self::B(_) => \"key.b\",\n        }\n    }\n fn x() { a => \"c\" }";
        assert_eq!(returned(source, "fn code("), ["key.a", "key.b"]);
    }
}
