//! `pacs send`: files to a peer, as they are stored; C-STORE, or STOW-RS for a URL.

use super::peer::{Chosen, EitherPeer};
use super::{Answer, error_value, exit_of};
use crate::files;
use crate::output::{Exit, Output};
use medsight_pacs::{CancellationToken, Delivery, Outcome, Patience, SendReport, Source};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Send {
    #[command(flatten)]
    peer: EitherPeer,
    /// Files and folders.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Seconds to try again when the peer goes away.
    #[arg(long, default_value_t = 0)]
    retry_s: u64,
}

pub(crate) async fn send(args: &Send, out: &Output, cancel: &CancellationToken) -> Answer {
    let peer = args.peer.choose()?;
    let (found, missing) = files::collect(&args.paths);
    for path in &missing {
        out.note(&format!("{} is not there", path.display()));
    }
    let sources: Vec<Source> = found.into_iter().map(Source::File).collect();
    let total = sources.len();
    let patience = Patience { retry_for: Duration::from_secs(args.retry_s) };
    let report = match &peer {
        Chosen::Dimse(node) => {
            let shown = |done, _: &Outcome| out.progress("Sending", done, total);
            medsight_pacs::send(node, &sources, patience, cancel, shown).await
        }
        Chosen::Web(client) => {
            client.store(&sources, patience, cancel, |done| out.progress("Sending", done, total)).await
        }
    };
    out.progress("", 0, 0);
    let (document, exit) = document(args.peer.label(), &report);
    let exit = if exit == Exit::Done && !missing.is_empty() { Exit::NotFound } else { exit };
    Ok((document, exit))
}

fn document(peer: &str, report: &SendReport) -> (serde_json::Value, Exit) {
    let is_stored = |d: &&Delivery| matches!(d.outcome, Outcome::Stored | Outcome::StoredWithWarning { .. });
    let stored = report.deliveries.iter().filter(is_stored).count();
    let refused: Vec<&Delivery> = report.deliveries.iter().filter(|d| !is_stored(d)).collect();
    let exit = match &report.error {
        Some(error) => exit_of(error),
        None if refused.is_empty() => Exit::Done,
        None => Exit::Partly,
    };
    let mb_per_s = if report.seconds > 0.0 { report.bytes as f64 / 1e6 / report.seconds } else { 0.0 };
    let document = json!({
        "peer": peer, "stored": stored, "bytes": report.bytes, "seconds": report.seconds, "mb_per_s": mb_per_s,
        "resumed": report.resumed, "refused": refused, "error": report.error.as_ref().map(error_value),
    });
    (document, exit)
}
