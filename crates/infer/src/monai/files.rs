//! The files of a bundle's configuration, merged as `monai.bundle run --config_file` merges them: a later file's keys take the
//! place of earlier ones; `a::b` (or `a#b`) goes into what is there; `+a` adds to a table or a list.

use std::path::Path;

use serde_json::{Map, Value};

use super::bundle::BundleError;
use super::yaml;
use crate::in_order::InOrder;

/// Where the configuration is when nobody says otherwise: the first of them that is there.
pub(crate) const USUAL: [&str; 3] =
    ["configs/inference.json", "configs/inference.yaml", "configs/inference.yml"];
/// The longest file that is read: a hundred times the longest that is published.
const LONGEST: usize = 4 << 20;

/// The configuration of a bundle from these files, in their order.
pub(super) fn configuration(folder: &Path, files: &[String]) -> Result<Map<String, Value>, BundleError> {
    let mut all = Map::new();
    for file in files {
        let text = read(folder, file)?;
        merge(&mut all, file, entries(file, &text)?)?;
    }
    Ok(all)
}

pub(super) fn read(folder: &Path, file: &str) -> Result<Vec<u8>, BundleError> {
    std::fs::read(folder.join(file)).map_err(|error| fault(file, error.to_string()))
}

fn fault(file: &str, reason: String) -> BundleError {
    BundleError::File { file: file.to_owned(), reason }
}

/// The entries of a file in its order; by its name JSON or YAML.
pub(super) fn entries(file: &str, text: &[u8]) -> Result<Vec<(String, Value)>, BundleError> {
    if text.len() > LONGEST {
        return Err(fault(file, format!("it has {} bytes; {LONGEST} are the most", text.len())));
    }
    match file.rsplit('.').next().map(str::to_ascii_lowercase).as_deref() {
        Some("json") => {
            let entries: Result<InOrder, _> = serde_json::from_slice(text);
            entries.map(|entries| entries.0).map_err(|error| fault(file, error.to_string()))
        }
        Some("yaml" | "yml") => {
            let text = std::str::from_utf8(text).map_err(|error| fault(file, error.to_string()))?;
            yaml::entries(text).map_err(|reason| fault(file, reason))
        }
        _ => Err(fault(file, "its name ends neither in .json nor in .yaml".to_owned())),
    }
}

/// Puts the entries of one file over what is there (MONAI's `merge_kv`).
pub(super) fn merge(
    all: &mut Map<String, Value>,
    file: &str,
    entries: Vec<(String, Value)>,
) -> Result<(), BundleError> {
    for (key, value) in entries {
        let wrong = |reason: &str| fault(file, format!("`{key}` {reason}"));
        match key.strip_prefix('+') {
            None => set(all, &key, value).ok_or_else(|| wrong("goes into what is not there"))?,
            Some(id) => match (at(all, id), value) {
                (Some(Value::Object(table)), Value::Object(more)) => table.extend(more),
                (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
                (Some(_), _) => return Err(wrong("adds to what is not of its kind")),
                (None, value) => set(all, id, value).ok_or_else(|| wrong("goes into what is not there"))?,
            },
        }
    }
    Ok(())
}

/// The parts of `a::b#c`.
pub(super) fn parts(id: &str) -> Vec<String> {
    id.replace('#', "::").split("::").map(str::to_owned).collect()
}

fn at<'a>(all: &'a mut Map<String, Value>, id: &str) -> Option<&'a mut Value> {
    let parts = parts(id);
    let (first, rest) = parts.split_first()?;
    rest.iter().try_fold(all.get_mut(first)?, |value, part| match value {
        Value::Object(table) => table.get_mut(part),
        Value::Array(list) => list.get_mut(part.parse::<usize>().ok()?),
        _ => None,
    })
}

fn set(all: &mut Map<String, Value>, id: &str, value: Value) -> Option<()> {
    let parts = parts(id);
    let (last, before) = parts.split_last()?;
    if before.is_empty() {
        all.insert(last.clone(), value);
        return Some(());
    }
    match at(all, &before.join("::"))? {
        Value::Object(table) => drop(table.insert(last.clone(), value)),
        Value::Array(list) => *list.get_mut(last.parse::<usize>().ok()?)? = value,
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `ConfigParser.load_config_files` of MONAI 1.6 has it.
    #[test]
    fn later_files_change_go_into_and_add_to_what_earlier_ones_say() {
        let mut all = Map::new();
        let first = br#"{"roi": [96, 96], "net": {"a": 1, "b": [1, 2]}, "list": [1], "table": {"x": 1}}"#;
        merge(&mut all, "a.json", entries("a.json", first).unwrap()).unwrap();
        let second = "roi: [64, 64]\nnet::a: 2\nnet#b#1: 7\n+list: [2]\n+table: {y: 2}\n+new: 3\n";
        merge(&mut all, "b.yaml", entries("b.yaml", second.as_bytes()).unwrap()).unwrap();
        let expected = serde_json::json!({
            "roi": [64, 64], "net": {"a": 2, "b": [1, 7]}, "list": [1, 2], "table": {"x": 1, "y": 2}, "new": 3,
        });
        assert_eq!(Value::Object(all.clone()), expected);
        for (text, named) in [("roi::5: 1", "`roi::5`"), ("no::a: 1", "`no::a`"), ("+roi: {a: 1}", "`+roi`")]
        {
            let error = merge(&mut all, "c.yml", entries("c.yml", text.as_bytes()).unwrap()).unwrap_err();
            assert!(error.to_string().contains(named) && error.to_string().contains("c.yml"), "{error}");
        }
        assert!(entries("configs/inference.py", b"{}").is_err());
    }
}
