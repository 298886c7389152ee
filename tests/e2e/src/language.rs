//! The texts of the user interface, to look for those of one language on a page that should be in another.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// Shorter texts are units, signs and names that languages share.
const SHORTEST: usize = 5;

/// Every text of a language by its key, from `assets/locales`.
pub(crate) fn texts(locales: &Path, code: &str) -> Result<BTreeMap<String, String>> {
    let file = locales.join(format!("{code}.toml"));
    let text = std::fs::read_to_string(&file).with_context(|| format!("{} is missing", file.display()))?;
    let table: toml::Table = toml::from_str(&text)?;
    let mut texts = BTreeMap::new();
    flatten("", &table, &mut texts);
    Ok(texts)
}

fn flatten(prefix: &str, table: &toml::Table, into: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        match value {
            toml::Value::Table(inner) => flatten(&format!("{prefix}{name}."), inner, into),
            toml::Value::String(text) => {
                into.insert(format!("{prefix}{name}"), text.clone());
            }
            _ => {}
        }
    }
}

/// What is shown in English although this language has a text of its own for it. `shown` are whole texts of a page; a
/// text with places to fill is recognised by its longest part between them.
pub(crate) fn left_in_english(
    shown: &[String],
    english: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
) -> Vec<String> {
    let fixed = |text: &str| {
        let parts = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, after)| after));
        parts.max_by_key(|part| part.len()).unwrap_or_default().trim().to_owned()
    };
    let mut left = Vec::new();
    for (key, text) in english {
        let part = fixed(text);
        let is_same = own.get(key).is_some_and(|own| own.contains(&part));
        if is_same || part.len() < SHORTEST {
            continue;
        }
        let has_places = text.contains('{');
        let is_shown = |line: &&String| {
            if has_places { part.len() > 12 && line.contains(&part) } else { **line == part }
        };
        // What another text of this language says in the same words is no English.
        let is_own_word = own.values().any(|own| *own == part);
        if !is_own_word && let Some(line) = shown.iter().find(is_shown) {
            left.push(format!("{key}: {line}"));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_english_text_on_a_german_page_is_found_and_shared_words_are_not() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let english = map(&[("a", "Worklist"), ("b", "Details"), ("c", "Delete the study of {name}?")]);
        let german =
            map(&[("a", "Arbeitsliste"), ("b", "Details"), ("c", "Untersuchung von {name} löschen?")]);
        let shown = ["Worklist", "Details", "Delete the study of Doe?"].map(str::to_owned);
        assert_eq!(left_in_english(&shown, &english, &german).len(), 2);
        assert!(left_in_english(&["Arbeitsliste".to_owned()], &english, &german).is_empty());
    }
}
