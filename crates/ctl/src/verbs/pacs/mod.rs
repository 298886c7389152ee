//! `pacs …`: what a peer on the network answers. DIMSE and DICOMweb, as user; `listen` as provider.
//!
//! Every verb prints `{peer, …what the peer answered…}`; a peer that cannot be reached is exit code 6.
//! Not here: the protocols, which are `medsight-pacs`.

mod ask;
mod peer;
mod receive;
mod send;
mod sink;
mod web;

use crate::output::{Exit, Output};
use clap::Subcommand;
use medsight_cache::CacheError;
use medsight_pacs::{CancellationToken, NetError};
use serde_json::{Value, json};

/// Talk to a peer on the network.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Ask whether the peer is there and knows this workstation (C-ECHO).
    Echo(ask::Echo),
    /// Look for patients, studies, series or images (C-FIND).
    Find(ask::Find),
    /// Look for scheduled procedure steps (modality worklist).
    Worklist(ask::Worklist),
    /// Have the peer promise to keep what it was sent (storage commitment).
    Commit(ask::Commit),
    /// Bring studies into the cache (C-FIND and C-GET, or QIDO-RS and WADO-RS), resumed until nothing is missing.
    Get(receive::Get),
    /// Have the peer send objects to an application entity that it knows (C-MOVE).
    Move(receive::Move),
    /// Take objects from peers into the cache (C-ECHO and C-STORE as provider).
    Listen(receive::Listen),
    /// Send files (C-STORE, or STOW-RS), as they are stored.
    Send(send::Send),
    /// Search by DICOMweb (QIDO-RS).
    WebFind(web::Find),
    /// Metadata by DICOMweb (WADO-RS).
    WebMetadata(web::Metadata),
    /// Frames as they are stored, or an image drawn by the server (WADO-RS).
    WebFrames(web::Frames),
}

/// What went wrong: the network, or the cache behind it.
enum Trouble {
    Net(NetError),
    Cache(CacheError),
}

impl From<NetError> for Trouble {
    fn from(error: NetError) -> Self {
        Self::Net(error)
    }
}

impl From<CacheError> for Trouble {
    fn from(error: CacheError) -> Self {
        Self::Cache(error)
    }
}

/// A document, its form for people, and how the command ended.
type Answer = Result<(Value, Exit), Trouble>;

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out.note(&format!("The network could not be started: {error}"));
            return Exit::Fault;
        }
    };
    let cancel = CancellationToken::new();
    let done = runtime.block_on(async {
        let interrupted = cancel.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                interrupted.cancel();
            }
        });
        match &args.what {
            What::Echo(args) => ask::echo(args, &cancel).await,
            What::Find(args) => ask::find(args, &cancel).await,
            What::Worklist(args) => ask::worklist(args, &cancel).await,
            What::Commit(args) => ask::commit(args, &cancel).await,
            What::Get(args) => receive::get(args, out, &cancel).await,
            What::Move(args) => receive::move_to(args, out, &cancel).await,
            What::Listen(args) => receive::listen(args, out, &cancel).await,
            What::Send(args) => send::send(args, out, &cancel).await,
            What::WebFind(args) => web::find(args, &cancel).await,
            What::WebMetadata(args) => web::metadata(args, &cancel).await,
            What::WebFrames(args) => web::frames(args, &cancel).await,
        }
    });
    match done {
        Ok((document, exit)) => {
            out.document(&document, text);
            exit
        }
        Err(Trouble::Cache(error)) => super::store::fail(&error, out),
        Err(Trouble::Net(error)) => {
            if out.is_json() {
                out.document(&json!({"error": error_value(&error)}), |_| String::new());
            }
            out.note(&format!("{}.", error.to_string().trim_end_matches('.')));
            exit_of(&error)
        }
    }
}

fn error_value(error: &NetError) -> Value {
    json!({"code": error.code(), "reason": error.to_string()})
}

fn exit_of(error: &NetError) -> Exit {
    match error {
        _ if error.is_unreachable() => Exit::Unreachable,
        NetError::Settings(_) | NetError::Certificate { .. } => Exit::Usage,
        NetError::Rejected { .. } | NetError::Http { status: 401 | 403, .. } => Exit::NotPermitted,
        NetError::Http { status: 404 | 410, .. } => Exit::NotFound,
        NetError::Protocol(_) => Exit::Damaged,
        _ => Exit::Partly,
    }
}

/// For people: one line a row, else the document.
fn text(document: &Value) -> String {
    let Some(rows) = document.get("matches").and_then(Value::as_array) else {
        return serde_json::to_string_pretty(document).unwrap_or_default();
    };
    let line = |row: &Value| {
        let cells = row.as_object().into_iter().flatten();
        let shown = cells.filter(|(_, value)| !value.is_null()).map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        });
        shown.collect::<Vec<_>>().join("  ")
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.push(format!("{} found", rows.len()));
    lines.join("\n")
}
