//! What somebody else changed at a server meanwhile: both versions as a person reads them, and what the person decided.
//!
//! Nothing is sent here: what the person decides is noted, and goes the usual way, guarded by the version that the person
//! saw (If-Match). Who changes it once more meanwhile makes another conflict.

use super::link::FhirLink;
use super::parcel::parcels;
use crate::Trouble;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use medsight_cache::{Cache, CacheError, Choice, Conflict, Remote, Route, Seen};
use medsight_pacs::Auth;
use medsight_record::StudyRecord;
use medsight_record::destination::{Destination, To};
use medsight_record::report::{Report, Signature};
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::Arc;

/// Fields that say nothing to a reader: names, versions, and the narrative, which repeats the rest.
const SILENT: [&str; 6] = ["resourceType", "id", "meta", "identifier", "text", "contained"];

/// Two versions of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Versions {
    /// FHIR's word for what it is.
    pub kind: String,
    /// Ours, in words: the text, then every other field that is not the same in both, in a line.
    pub ours: String,
    /// Theirs, in the same way; `None` when it was taken away there.
    pub theirs: Option<String>,
    /// When theirs was written, as the server says it.
    pub their_time: Option<String>,
    /// The server's name of their version, by which the decision names what was seen; `None` when it was taken away.
    pub their_version: Option<String>,
    /// The study and its patient.
    pub study: Option<StudyRecord>,
    /// The whole report, where it is one that is in conflict.
    pub report: Option<Report>,
}

/// Both versions of an entry that is in conflict at a FHIR server.
///
/// # Errors
/// [`Trouble::Cache`] with [`CacheError::NotFound`] when it is in none there, …
pub fn versions(cache: &Arc<Cache>, destination: &Destination, entry: i64) -> Result<Versions, Trouble> {
    let To::Fhir(server) = &destination.to else {
        return Err(CacheError::NotFound("conflict").into());
    };
    let conflict = cache.outbox_conflict(entry, &destination.name)?;
    let theirs = theirs_of(&conflict)?;
    let link = FhirLink::new(destination, server, Arc::clone(cache), Arc::new(|_| Ok(Auth::None)))?;
    let content = &conflict.entry.content;
    let study = content.study.clone();
    let report = content.report.clone().filter(|_| conflict.entry.kind == "report");
    let (parcels, _) = parcels(cache, &destination.name, &link.shared.sync_id, vec![conflict.entry])?;
    let parcel = parcels.first().ok_or(CacheError::NotFound("entry"))?;
    let known = link.shared.known(&parcel.study)?;
    let ours = parcel.resource(&link.shared.about(&parcel.study, &known));
    let (our_words, their_words) = in_words(ours.as_ref(), theirs.as_ref());
    Ok(Versions {
        kind: parcel.kind().to_owned(),
        ours: our_words,
        their_time: theirs
            .as_ref()
            .and_then(|theirs| theirs["meta"]["lastUpdated"].as_str())
            .map(str::to_owned),
        their_version: version_of(theirs.as_ref()),
        theirs: theirs.as_ref().map(|_| their_words),
        study,
        report,
    })
}

/// Notes what a person decided about an entry that is in conflict. `seen` is [`Versions::their_version`] of what the person
/// was shown.
///
/// # Errors
/// As [`versions`], and [`CacheError::ChangedAgain`] when theirs is another by now.
pub fn settle(
    cache: &Arc<Cache>,
    destination: &Destination,
    (entry, seen): (i64, Option<&str>),
    choice: &Choice,
    rules: &[Route],
    by: &Signature,
) -> Result<(), Trouble> {
    let conflict = cache.outbox_conflict(entry, &destination.name)?;
    let theirs = theirs_of(&conflict)?;
    if version_of(theirs.as_ref()).as_deref() != seen {
        return Err(CacheError::ChangedAgain.into());
    }
    let sync_id = cache.sync_id()?;
    let (parcels, _) = parcels(cache, &destination.name, &sync_id, vec![conflict.entry])?;
    let parcel = parcels.first().ok_or(CacheError::NotFound("entry"))?;
    let remote = theirs.as_ref().and_then(|theirs| {
        Some(Remote {
            identity: parcel.identity(),
            place: format!("{}/{}", theirs["resourceType"].as_str()?, theirs["id"].as_str()?),
            version: theirs["meta"]["versionId"].as_str().map(str::to_owned),
        })
    });
    let identity = parcel.identity();
    let (remote, theirs) = (remote.as_ref(), conflict.theirs.as_deref());
    let seen = Seen { entry, destination: &destination.name, identity: &identity, remote, theirs };
    Ok(cache.outbox_settle_conflict(seen, choice, rules, by)?)
}

fn version_of(theirs: Option<&Value>) -> Option<String> {
    // A server without versions has one.
    theirs.map(|theirs| theirs["meta"]["versionId"].as_str().unwrap_or_default().to_owned())
}

fn theirs_of(conflict: &Conflict) -> Result<Option<Value>, Trouble> {
    let read = |text: &String| serde_json::from_str(text).map_err(CacheError::from);
    Ok(conflict.theirs.as_ref().map(read).transpose()?)
}

/// Two versions as a person reads them: the text of each first, then the fields in which they differ, in a line, by name.
fn in_words(ours: Option<&Value>, theirs: Option<&Value>) -> (String, String) {
    let (our_lines, their_lines) = (lines(ours), lines(theirs));
    let said = |resource, lines: &[(String, String)], others: &[(String, String)]| {
        let mut words = texts(resource);
        for (name, value) in lines.iter().filter(|line| !others.contains(line)) {
            // Writing to a String cannot fail.
            let _ = writeln!(words, "{name}: {value}");
        }
        words
    };
    (said(ours, &our_lines, &their_lines), said(theirs, &their_lines, &our_lines))
}

fn texts(resource: Option<&Value>) -> String {
    let forms = resource.and_then(|resource| resource["presentedForm"].as_array()).into_iter().flatten();
    forms.filter_map(text_of).map(|text| format!("{}\n\n", text.trim_end())).collect()
}

fn lines(resource: Option<&Value>) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (name, value) in resource.and_then(Value::as_object).into_iter().flatten() {
        if !SILENT.contains(&name.as_str()) {
            leaves(name, value, &mut lines);
        }
    }
    lines.sort();
    lines
}

/// The text of an attachment that is one. In base64 of FHIR there may be white space.
fn text_of(form: &Value) -> Option<String> {
    let is_text = form["contentType"].as_str().is_some_and(|kind| kind.starts_with("text/"));
    let data: String = form["data"].as_str().filter(|_| is_text)?.split_ascii_whitespace().collect();
    String::from_utf8(STANDARD.decode(data).ok()?).ok()
}

fn leaves(path: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            // What an attachment holds is no line: its text stands above, another form (a PDF) is told by its length.
            let is_form = value["contentType"].is_string();
            let is_shown = text_of(value).is_some();
            for (name, value) in fields {
                match value.as_str().filter(|_| is_form && name == "data") {
                    Some(_) if is_shown => {}
                    Some(data) => {
                        lines.push((format!("{path}.{name}"), format!("({} bytes)", data.len() / 4 * 3)))
                    }
                    None => leaves(&format!("{path}.{name}"), value, lines),
                }
            }
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                let path = if values.len() == 1 { path.to_owned() } else { format!("{path}[{}]", at + 1) };
                leaves(&path, value, lines);
            }
        }
        Value::String(text) => lines.push((path.to_owned(), text.clone())),
        Value::Null => {}
        other => lines.push((path.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn two_versions_read_as_their_texts_and_then_the_fields_in_which_they_differ() {
        let report = json!({
            "resourceType": "DiagnosticReport", "id": "7", "meta": {"versionId": "2"}, "status": "amended",
            "conclusion": "A node.", "result": [{"display": "12 mm"}, {"display": "9 mm"}],
            "presentedForm": [{"contentType": "text/plain; charset=utf-8", "data": STANDARD.encode("Findings\nA node.")}],
        });
        let mut before = report.clone();
        before["status"] = json!("final");
        before["result"][1]["display"] = json!("8 mm");
        let (words, _) = in_words(Some(&report), Some(&before));
        assert!(words.starts_with("Findings\nA node.\n\n"), "{words}");
        for line in ["status: amended", "result[2].display: 9 mm"] {
            assert!(words.lines().any(|one| one == line), "{line} in {words}");
        }
        assert!(!words.contains("versionId") && !words.contains("data:"), "{words}");
        assert!(!words.contains("12 mm") && !words.contains("conclusion"), "the same in both: {words}");
        let (words, _) = in_words(Some(&report), None);
        assert!(words.contains("conclusion: A node."), "{words}");
    }
}
