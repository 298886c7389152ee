//! Verbs that ask: echo, find, worklist, commit.

use super::Answer;
use super::peer::Peer;
use crate::output::Exit;
use clap::ValueEnum;
use medsight_base::Uid;
use medsight_dicom::{Object, tags};
use medsight_pacs::{CancellationToken, Keys, Level, NetError, Query, Row, tag_named};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Echo {
    #[command(flatten)]
    peer: Peer,
}

pub(crate) async fn echo(args: &Echo, cancel: &CancellationToken) -> Answer {
    let answer_ms = medsight_pacs::echo(&args.peer.dimse()?, cancel).await?;
    Ok((json!({"peer": args.peer.label(), "status": "0000", "answer_ms": answer_ms}), Exit::Done))
}

/// How far down a search looks.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LevelWord {
    Patient,
    Study,
    Series,
    Image,
}

impl From<LevelWord> for Level {
    fn from(word: LevelWord) -> Self {
        match word {
            LevelWord::Patient => Self::Patient,
            LevelWord::Study => Self::Study,
            LevelWord::Series => Self::Series,
            LevelWord::Image => Self::Image,
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct Find {
    #[command(flatten)]
    peer: Peer,
    #[arg(long, value_enum, default_value = "study")]
    level: LevelWord,
    /// What must match, `KEYWORD=VALUE`; without value: to be returned too. Patterns and ranges as DICOM has them.
    #[arg(long = "match", short = 'm', value_name = "KEYWORD=VALUE")]
    matches: Vec<String>,
    /// Matches at most; the peer is told to stop.
    #[arg(long, default_value_t = 10_000)]
    limit: usize,
}

/// `KEYWORD=VALUE` words as keys.
pub(crate) fn keys_of(words: &[String]) -> Result<Keys, NetError> {
    let mut keys = Keys::new();
    for word in words {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let tag = tag_named(name)
            .ok_or_else(|| NetError::Settings(format!("the dictionary has no attribute {name}")))?;
        keys = if value.is_empty() { keys.ask(&[tag]) } else { keys.matching(tag, value) };
    }
    Ok(keys)
}

pub(crate) async fn find(args: &Find, cancel: &CancellationToken) -> Answer {
    let query = Query::new(args.level.into(), keys_of(&args.matches)?);
    let mut rows: Vec<Row> = Vec::new();
    let all = medsight_pacs::find(&args.peer.dimse()?, &query, cancel, |row| {
        rows.push(row);
        rows.len() < args.limit
    })
    .await?;
    let matches: Vec<_> = rows.iter().map(Row::by_keyword).collect();
    Ok((json!({"peer": args.peer.label(), "matches": matches, "more": !all}), Exit::Done))
}

#[derive(clap::Args)]
pub(crate) struct Worklist {
    #[command(flatten)]
    peer: Peer,
    /// Modality of the step.
    #[arg(long)]
    modality: Option<String>,
    /// Application entity title of the station.
    #[arg(long)]
    station: Option<String>,
    /// Start date of the step, YYYYMMDD or a range with a hyphen.
    #[arg(long)]
    date: Option<String>,
    /// Further matches outside the step, `KEYWORD=VALUE`.
    #[arg(long = "match", short = 'm', value_name = "KEYWORD=VALUE")]
    matches: Vec<String>,
}

pub(crate) async fn worklist(args: &Worklist, cancel: &CancellationToken) -> Answer {
    let mut step = Keys::new();
    for (tag, value) in [
        (tags::MODALITY, &args.modality),
        (tags::SCHEDULED_STATION_AE_TITLE, &args.station),
        (tags::SCHEDULED_PROCEDURE_STEP_START_DATE, &args.date),
    ] {
        if let Some(value) = value {
            step = step.matching(tag, value);
        }
    }
    let mut keys = medsight_pacs::worklist_keys(step);
    for word in &args.matches {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let tag = tag_named(name)
            .ok_or_else(|| NetError::Settings(format!("the dictionary has no attribute {name}")))?;
        keys = keys.matching(tag, value);
    }
    let mut rows: Vec<Row> = Vec::new();
    medsight_pacs::find_worklist(&args.peer.dimse()?, &keys, cancel, |row| {
        rows.push(row);
        true
    })
    .await?;
    let matches: Vec<_> = rows.iter().map(Row::by_keyword).collect();
    Ok((json!({"peer": args.peer.label(), "matches": matches}), Exit::Done))
}

#[derive(clap::Args)]
pub(crate) struct Commit {
    #[command(flatten)]
    peer: Peer,
    /// The files that the peer was sent.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Seconds to wait for the report on the same association; a later one comes to the listener.
    #[arg(long, default_value_t = 5)]
    wait_s: u64,
}

pub(crate) async fn commit(args: &Commit, cancel: &CancellationToken) -> Answer {
    let mut objects = Vec::new();
    for path in &args.files {
        let bytes = std::fs::read(path)
            .map_err(|source| NetError::Io { what: "reading a file that the peer was sent", source })?;
        let object = Object::parse(&bytes).map_err(NetError::from)?;
        let data = object.data();
        objects.push((data.text_or_empty(tags::SOP_CLASS_UID), data.text_or_empty(tags::SOP_INSTANCE_UID)));
    }
    let transaction = Uid::from_uuid(random_bits());
    let wait = tokio::time::sleep(Duration::from_secs(args.wait_s));
    let report =
        medsight_pacs::commit(&args.peer.dimse()?, transaction.as_str(), &objects, wait, cancel).await?;
    let failed = report.as_ref().is_some_and(|report| !report.failed.is_empty());
    let document = json!({
        "peer": args.peer.label(), "transaction": transaction.as_str(), "asked": objects.len(), "report": report,
    });
    Ok((document, if failed { Exit::Partly } else { Exit::Done }))
}

/// For a UID that no other has: the standard library's random keys, twice.
fn random_bits() -> u128 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let half = || u128::from(RandomState::new().build_hasher().finish());
    (half() << 64) | half()
}
