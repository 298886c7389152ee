//! DICOMweb verbs that only ask: search, metadata, frames. Sending and fetching are `send` and `get` with a URL.

use super::Answer;
use super::ask::{LevelWord, keys_of};
use super::peer::WebPeer;
use crate::output::Exit;
use medsight_pacs::{CancellationToken, NetError, Query, Row, Wanted, WebQuery};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Find {
    #[command(flatten)]
    peer: WebPeer,
    #[arg(long, value_enum, default_value = "study")]
    level: LevelWord,
    /// Within this study.
    #[arg(long, value_name = "UID")]
    study: Option<String>,
    /// Within this series.
    #[arg(long, value_name = "UID")]
    series: Option<String>,
    /// What must match, `KEYWORD=VALUE`; without value: to be returned too.
    #[arg(long = "match", short = 'm', value_name = "KEYWORD=VALUE")]
    matches: Vec<String>,
    /// Rows at most.
    #[arg(long, default_value_t = 10_000)]
    limit: usize,
}

pub(crate) async fn find(args: &Find, cancel: &CancellationToken) -> Answer {
    let query = WebQuery {
        level: args.level.into(),
        study: args.study.clone(),
        series: args.series.clone(),
        keys: Query::new(args.level.into(), keys_of(&args.matches)?).keys,
        limit: args.limit,
    };
    let (rows, more) = args.peer.client()?.search(&query, cancel).await?;
    let matches: Vec<_> = rows.iter().map(Row::by_keyword).collect();
    Ok((json!({"peer": args.peer.label(), "matches": matches, "more": more}), Exit::Done))
}

#[derive(clap::Args)]
pub(crate) struct Metadata {
    #[command(flatten)]
    peer: WebPeer,
    #[arg(long, value_name = "UID")]
    study: String,
    #[arg(long, value_name = "UID")]
    series: Option<String>,
}

pub(crate) async fn metadata(args: &Metadata, cancel: &CancellationToken) -> Answer {
    let wanted = Wanted { study: args.study.clone(), series: args.series.clone(), instances: Vec::new() };
    let rows = args.peer.client()?.metadata(&wanted, cancel).await?;
    let matches: Vec<_> = rows.iter().map(Row::by_keyword).collect();
    Ok((json!({"peer": args.peer.label(), "matches": matches}), Exit::Done))
}

#[derive(clap::Args)]
pub(crate) struct Frames {
    #[command(flatten)]
    peer: WebPeer,
    #[arg(long, value_name = "UID")]
    study: String,
    #[arg(long, value_name = "UID")]
    series: String,
    #[arg(long, value_name = "UID")]
    instance: String,
    /// Frame numbers from 1, divided by commas.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    frames: Vec<u32>,
    /// Let the server draw the first of them, and write the image here. For a preview, never for reading.
    #[arg(long, value_name = "FILE")]
    rendered: Option<PathBuf>,
}

pub(crate) async fn frames(args: &Frames, cancel: &CancellationToken) -> Answer {
    let client = args.peer.client()?;
    let wanted = Wanted {
        study: args.study.clone(),
        series: Some(args.series.clone()),
        instances: vec![args.instance.clone()],
    };
    if let Some(file) = &args.rendered {
        let drawn = client.rendered(&wanted, args.frames.first().copied(), "image/jpeg", cancel).await?;
        std::fs::write(file, &drawn.bytes)
            .map_err(|source| NetError::Io { what: "writing the image", source })?;
        let document =
            json!({"peer": args.peer.label(), "media_type": drawn.media_type, "bytes": drawn.bytes.len()});
        return Ok((document, Exit::Done));
    }
    let mut found = Vec::new();
    client
        .frames(&wanted, &args.frames, cancel, |frame| {
            let hash: String = Sha256::digest(&frame.bytes).iter().map(|b| format!("{b:02x}")).collect();
            found.push(json!({
                "number": frame.number, "media_type": frame.media_type, "transfer_syntax": frame.transfer_syntax,
                "bytes": frame.bytes.len(), "sha256": hash,
            }));
        })
        .await?;
    Ok((json!({"peer": args.peer.label(), "frames": found}), Exit::Done))
}
