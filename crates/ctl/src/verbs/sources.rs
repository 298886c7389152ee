//! `sync sources`: where orders and earlier reports are asked for, how each source answered last, and whether it does now.

use super::sync::{Answer, Given, secrets};
use crate::output::{Exit, Output};
use medsight_cache::{Asking, Cache, CacheError};
use medsight_pacs::CancellationToken;
use medsight_record::Settings;
use medsight_record::source::{From, Source};
use medsight_sync::{Inbound, Trouble};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Ask each what it would be asked, and keep nothing of the answer.
    #[arg(long)]
    test: bool,
    #[command(flatten)]
    pub(super) from: Given,
}

pub(super) fn run(args: &Args, settings: &Settings, out: &Output) -> Answer {
    let cache = Arc::new(args.from.store.open_for_reading()?);
    let mut told =
        settings.sources.iter().map(|source| told(&cache, source)).collect::<Result<Vec<_>, _>>()?;
    let mut exit = Exit::Done;
    if args.test {
        let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() else {
            out.note("The network could not be started.");
            return Ok((Value::Null, Exit::Fault));
        };
        let (destinations, nodes) = (settings.destinations.clone(), settings.nodes.clone());
        let secrets = secrets(nodes.clone());
        let inbound = Inbound::new(cache, Vec::new(), destinations, nodes, secrets);
        for (source, told) in settings.sources.iter().zip(&mut told) {
            let begun = Instant::now();
            let answer = runtime.block_on(inbound.probe(source, &CancellationToken::new()));
            told["test"] = match &answer {
                Ok(()) => json!({"ms": begun.elapsed().as_secs_f64() * 1e3}),
                Err(trouble) => json!({"code": trouble.code(), "reason": trouble.to_string()}),
            };
            if let (Exit::Done, Err(trouble)) = (&exit, &answer) {
                exit = exit_of(trouble);
            }
        }
    }
    Ok((json!({"sources": told}), exit))
}

fn exit_of(trouble: &Trouble) -> Exit {
    match trouble.code() {
        _ if trouble.is_unreachable() => Exit::Unreachable,
        "sync.sign-in" | "sync.not-permitted" | "sync.secret" => Exit::NotPermitted,
        _ => Exit::Partly,
    }
}

fn told(cache: &Cache, source: &Source) -> Result<Value, CacheError> {
    let askings: Vec<Asking> =
        cache.askings_of(&source.name)?.into_iter().map(|(_, asking)| asking).collect();
    // Of several questions to one source, that which has no answer is told.
    let failing = askings.iter().find_map(|asking| Some((asking.failing_since?, asking)));
    let (system, of) = match &source.from {
        From::Destination(name) => ("fhir", name),
        From::Node(name) => ("worklist", name),
    };
    Ok(json!({
        "name": source.name, "system": system, "of": of, "every_min": source.every_min,
        "brings": source.brings.iter().map(|one| one.word()).collect::<Vec<_>>(),
        "asked": askings.iter().map(|asking| asking.asked_at).max().map(|at| at.iso()),
        "answered": askings.iter().filter_map(|asking| asking.ended_at).min().map(|at| at.iso()),
        "failing": failing.map(|(since, asking)| json!({
            "since": since.iso(), "attempts": asking.attempts, "code": asking.code, "reason": asking.words,
        })),
    }))
}

/// For people.
pub(super) fn text(document: &Value) -> String {
    let all = document["sources"].as_array().cloned().unwrap_or_default();
    if all.is_empty() {
        return "No source of orders or reports is in the settings.".to_owned();
    }
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |one: &Value| {
        let brings: Vec<String> = one["brings"].as_array().into_iter().flatten().map(word).collect();
        let mut line = format!("{}: {} of {}", word(&one["name"]), brings.join(" and "), word(&one["of"]));
        match one["answered"].as_str() {
            Some(at) => line += &format!(", answered {at}"),
            None => line += ", has not answered yet",
        }
        if let Some(reason) = one["failing"]["reason"].as_str() {
            line += &format!(". Since {}: {}", word(&one["failing"]["since"]), reason.trim_end_matches('.'));
        }
        if let Some(reason) = one["test"]["reason"].as_str() {
            line += &format!(". Now: {}", reason.trim_end_matches('.'));
        } else if let Some(ms) = one["test"]["ms"].as_f64() {
            line += &format!(". Answers now, in {ms:.0} ms");
        }
        line
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_does_not_answer_says_since_when_and_why_and_one_that_does_how_fast() {
        let source = json!({"name": "ris", "of": "hospital", "brings": ["orders", "reports"], "answered": null,
            "failing": {"since": "2026-11-23T08:00:00Z", "reason": "Nobody is there."}, "test": {"ms": 12.4}});
        let said = text(&json!({"sources": [source]}));
        assert_eq!(
            said,
            "ris: orders and reports of hospital, has not answered yet. Since 2026-11-23T08:00:00Z: Nobody is there. \
             Answers now, in 12 ms"
        );
        assert!(text(&json!({"sources": []})).contains("No source"));
    }
}
