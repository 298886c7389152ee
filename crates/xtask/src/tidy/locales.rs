//! The words of the user interface: the same keys with the same places to fill in every language, and none unused.

use crate::run;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Compares every language with English, and looks for each key in the sources.
pub(super) fn check(paths: &[String], found: &mut Vec<String>) -> Result<()> {
    let mut languages = BTreeMap::new();
    for path in paths.iter().filter(|p| p.starts_with("assets/locales/") && p.ends_with(".toml")) {
        let text = std::fs::read_to_string(run::root().join(path)).with_context(|| path.clone())?;
        languages.insert(path.clone(), keys(&text));
    }
    let Some((english, reference)) = languages.iter().find(|(path, _)| path.ends_with("/en.toml")) else {
        return Ok(());
    };
    for (path, theirs) in &languages {
        for (key, text) in reference {
            match theirs.get(key) {
                None => found.push(format!("{path}: `{key}` is missing")),
                Some(other) if places(other) != places(text) => {
                    found.push(format!("{path}: `{key}` fills in other places than English"));
                }
                Some(_) => {}
            }
        }
        for key in theirs.keys().filter(|key| !reference.contains_key(*key)) {
            found.push(format!("{path}: `{key}` is not in English"));
        }
    }
    unused(paths, english, reference, found);
    Ok(())
}

/// A key counts as used when it stands in a source, whole; or when a beginning of it that holds its table is put
/// together with the rest there: `window.preset_{n}` for `window.preset_3`.
fn unused(paths: &[String], english: &str, reference: &BTreeMap<String, String>, found: &mut Vec<String>) {
    let is_source = |path: &&String| {
        let ends = [".rs", ".ts", ".svelte"].iter().any(|end| path.ends_with(end));
        ends && !path.contains("/generated/")
    };
    let sources: String = paths
        .iter()
        .filter(is_source)
        .filter_map(|path| std::fs::read_to_string(run::root().join(path)).ok())
        .collect();
    // The words of codes are put together from codes, and have a rule of their own.
    for key in reference.keys().filter(|key| !key.starts_with("problem.")) {
        let table = key.rfind('.').map_or(0, |dot| dot + 1);
        let put_together = |end: usize| {
            let start = &key[..end];
            ["{", "${", "\"", "'"].iter().any(|next| sources.contains(&format!("{start}{next}")))
        };
        // The front end's `named(table, name)` puts the two together too.
        let (folder, name) = (key[..table].trim_end_matches('.'), &key[table..]);
        let call = format!("named(\"{folder}\", ");
        let by_variable = sources.split(call.as_str()).skip(1).any(|rest| !rest.starts_with('`'));
        let by_template = (1..name.len()).any(|end| sources.contains(&format!("{call}`{}${{", &name[..end])));
        if !sources.contains(key.as_str())
            && !(table..key.len()).any(put_together)
            && !by_variable
            && !by_template
        {
            found.push(format!("{english}: `{key}` is used nowhere"));
        }
    }
}

/// `table.key → text` of the small part of TOML that the files use: tables, and one quoted text a line.
pub(super) fn keys(text: &str) -> BTreeMap<String, String> {
    let mut table = String::new();
    let mut keys = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = format!("{name}.");
        } else if let Some((key, value)) = line.split_once('=') {
            keys.insert(format!("{table}{}", key.trim().trim_matches('"')), value.trim().to_owned());
        }
    }
    keys
}

/// The `{name}` places of a text.
fn places(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_carry_their_table_and_places_are_compared_by_name() {
        let read =
            keys("# words\n[tool]\nlength = \"Length\"\n\n[import.done]\nfiles = \"{count} of {all}\"\n");
        assert_eq!(read["tool.length"], "\"Length\"");
        assert_eq!(places(&read["import.done.files"]), places("{all}, {count}"));
    }
}
