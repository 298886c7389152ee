//! Verbs by which objects come in: get, move, listen.

use super::peer::{Chosen, EitherPeer, Peer, TlsFiles};
use super::sink::{CacheSink, FolderSink};
use super::{Answer, Trouble, error_value, exit_of};
use crate::output::{Exit, Output};
use crate::verbs::store::{Store, who};
use medsight_cache::Cache;
use medsight_pacs::{
    Allowed, CancellationToken, Event, Kept, ListenSettings, NetError, Patience, Plan, Remote, Retrieval,
    Sink, Urgency, Wanted,
};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Where objects go.
#[derive(clap::Args)]
pub(crate) struct Destination {
    #[command(flatten)]
    store: Store,
    /// A folder of unencrypted files in place of the cache.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Where objects go, and the records, where it is those.
type Opened = (Arc<dyn Sink>, Option<Arc<Cache>>);

impl Destination {
    fn sink(&self) -> Result<Arc<dyn Sink>, Trouble> {
        Ok(self.open()?.0)
    }

    fn open(&self) -> Result<Opened, Trouble> {
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder)
                .map_err(|source| NetError::Io { what: "making the folder for what comes in", source })?;
            return Ok((Arc::new(FolderSink { folder: folder.clone() }), None));
        }
        let cache = Arc::new(self.store.open_or_create()?);
        Ok((Arc::new(CacheSink { cache: cache.clone(), who: who() }), Some(cache)))
    }
}

fn kept_value(kept: &Kept) -> Value {
    let refused: Vec<Value> = kept
        .refused
        .iter()
        .map(|(uid, why)| json!({"instance": uid, "code": why.code, "reason": why.reason}))
        .collect();
    json!({"new": kept.new, "already_here": kept.already_here, "bytes": kept.bytes, "refused": refused})
}

#[derive(clap::Args)]
pub(crate) struct Get {
    #[command(flatten)]
    peer: EitherPeer,
    /// Study Instance UIDs; the first is the most urgent.
    #[arg(long = "study", value_name = "UID", required = true)]
    studies: Vec<String>,
    /// SOP Instance UID that is wanted first, with its neighbours.
    #[arg(long, value_name = "UID")]
    first: Option<String>,
    /// Requests at once.
    #[arg(long, default_value_t = 5)]
    parallel: usize,
    /// Seconds to try again when the peer goes away.
    #[arg(long, default_value_t = 30)]
    retry_s: u64,
    #[command(flatten)]
    into: Destination,
}

pub(crate) async fn get(args: &Get, out: &Output, cancel: &CancellationToken) -> Answer {
    let remote = match args.peer.choose()? {
        Chosen::Dimse(node) => Remote::Dimse(node),
        Chosen::Web(client) => Remote::Web(client),
    };
    let sink = args.into.sink()?;
    let urgency = |at: usize| if at == 0 { Urgency::Open } else { Urgency::Next };
    let retrieval = Retrieval {
        remote,
        studies: args.studies.iter().enumerate().map(|(at, uid)| (uid.clone(), urgency(at))).collect(),
        slots: medsight_pacs::Slots::new(args.parallel.clamp(1, 32)),
        patience: Patience { retry_for: Duration::from_secs(args.retry_s) },
    };
    let plan = Arc::new(Plan::new());
    if let Some(first) = &args.first {
        plan.focus(first);
    }
    let report = retrieval.run(&plan, sink, cancel, |_| {}).await;
    out.progress("", 0, 0);
    let whole = report.missing.is_empty() && report.kept.refused.is_empty() && report.listed > 0;
    let exit = match &report.error {
        Some(error) => exit_of(error),
        None if whole => Exit::Done,
        None if report.listed == 0 => Exit::NotFound,
        None => Exit::Partly,
    };
    let mb_per_s = if report.seconds > 0.0 { report.kept.bytes as f64 / 1e6 / report.seconds } else { 0.0 };
    let document = json!({
        "peer": args.peer.label(), "listed": report.listed, "here_before": report.here_before,
        "kept": kept_value(&report.kept), "missing": report.missing, "resumed": report.resumed,
        "first_ms": report.first_ms, "seconds": report.seconds, "mb_per_s": mb_per_s,
        "error": report.error.as_ref().map(error_value),
    });
    Ok((document, exit))
}

#[derive(clap::Args)]
pub(crate) struct Move {
    #[command(flatten)]
    peer: Peer,
    /// Study Instance UID.
    #[arg(long, value_name = "UID")]
    study: String,
    /// Series Instance UID.
    #[arg(long, value_name = "UID")]
    series: Option<String>,
    /// Application entity title of the destination, in the peer's own table. Without it: this workstation's,
    /// and it listens on --port while the peer sends.
    #[arg(long, value_name = "AE")]
    to: Option<String>,
    /// Port of this workstation that the peer knows.
    #[arg(long, default_value_t = 11112)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    address: IpAddr,
    #[command(flatten)]
    into: Destination,
}

pub(crate) async fn move_to(args: &Move, out: &Output, cancel: &CancellationToken) -> Answer {
    let node = args.peer.dimse()?;
    let wanted = Wanted { study: args.study.clone(), series: args.series.clone(), instances: Vec::new() };
    let show = |told: &medsight_pacs::SubOperations| {
        let total = told.completed + told.failed + told.remaining.unwrap_or(0);
        out.progress("Moving", usize::from(told.completed), usize::from(total));
    };
    let (moved, kept) = match &args.to {
        Some(destination) => (medsight_pacs::move_to(&node, &wanted, destination, cancel, show).await, None),
        None => {
            let settings = ListenSettings {
                own_ae: node.calling_ae.clone(),
                address: SocketAddr::new(args.address, args.port),
                tls: node.tls.clone(),
                peers: vec![Allowed { calling_ae: node.called_ae.clone(), address: None }],
                most_associations: 16,
                idle_s: node.answer_s,
            };
            let (events, mut happened) = mpsc::channel(64);
            let stop = cancel.child_token();
            let listener =
                tokio::spawn(medsight_pacs::listen(settings, args.into.sink()?, events, stop.clone()));
            if happened.recv().await.is_none() {
                // It could not listen; why is its own answer.
                let why = listener.await.unwrap_or(Err(NetError::Cancelled));
                return Err(why.err().unwrap_or(NetError::Cancelled).into());
            }
            let drain = tokio::spawn(async move { while happened.recv().await.is_some() {} });
            let destination = node.calling_ae.clone();
            let moved = medsight_pacs::move_to(&node, &wanted, &destination, cancel, show).await;
            stop.cancel();
            let kept = listener.await.unwrap_or(Err(NetError::Cancelled))?;
            let _ended = drain.await;
            (moved, Some(kept))
        }
    };
    out.progress("", 0, 0);
    let refused = kept.as_ref().is_some_and(|kept| !kept.refused.is_empty());
    let exit = match &moved.error {
        Some(error) => exit_of(error),
        None if moved.told.failed == 0 && !refused => Exit::Done,
        None => Exit::Partly,
    };
    let document = json!({
        "peer": args.peer.label(), "completed": moved.told.completed, "failed": moved.told.failed,
        "warning": moved.told.warning, "kept": kept.as_ref().map(kept_value),
        "error": moved.error.as_ref().map(error_value),
    });
    Ok((document, exit))
}

#[derive(clap::Args)]
pub(crate) struct Listen {
    /// This workstation's application entity title; peers that call another are refused.
    #[arg(long, default_value = "MEDSIGHT", value_name = "AE")]
    aet: String,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:11112", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Peers that may send, `AE` or `AE@ADDRESS`. Nobody else may.
    #[arg(long = "allow", value_name = "AE", required = true)]
    peers: Vec<String>,
    /// With TLS: --tls-cert, --tls-key and --tls-ca are needed, and peers must show a certificate.
    #[arg(long)]
    tls: bool,
    #[command(flatten)]
    files: TlsFiles,
    /// End after so many objects.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End after so many seconds.
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    #[command(flatten)]
    into: Destination,
}

pub(crate) async fn listen(args: &Listen, out: &Output, cancel: &CancellationToken) -> Answer {
    let mut peers = Vec::new();
    for word in &args.peers {
        let (title, address) = word.split_once('@').map_or((word.as_str(), None), |(t, a)| (t, Some(a)));
        let address = address.map(str::parse::<IpAddr>).transpose();
        let address = address.map_err(|_| NetError::Settings("--allow takes AE or AE@ADDRESS".to_owned()))?;
        peers.push(Allowed { calling_ae: title.to_owned(), address });
    }
    let settings = ListenSettings {
        own_ae: args.aet.clone(),
        address: args.listen,
        tls: args.tls.then(|| args.files.tls()),
        peers,
        most_associations: 16,
        idle_s: 30,
    };
    let (events, mut happened) = mpsc::channel(64);
    let stop = cancel.child_token();
    let (sink, records) = args.into.open()?;
    let listener = tokio::spawn(medsight_pacs::listen(settings, sink, events, stop.clone()));
    let end = async {
        match args.seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(end);
    let (mut stored, mut is_over) = (0, false);
    let mut other = Vec::new();
    loop {
        let event = tokio::select! {
            () = &mut end, if !is_over => {
                is_over = true;
                stop.cancel();
                continue;
            }
            event = happened.recv() => event,
        };
        let Some(event) = event else { break };
        out.note(&serde_json::to_string(&event).unwrap_or_default());
        match &event {
            Event::Stored { .. } => stored += 1,
            Event::Committed { commitment: answer, .. } => {
                // What `sync --once` asked for.
                if let Some(cache) = &records {
                    cache.promise_answered(&answer.transaction, &answer.committed, &answer.failed)?;
                }
                other.push(event);
            }
            Event::Refused { .. } => other.push(event),
            _ => {}
        }
        if args.count.is_some_and(|count| stored >= count) {
            // Those that are on their way are answered first.
            tokio::time::sleep(Duration::from_millis(200)).await;
            stop.cancel();
        }
    }
    let kept = listener.await.unwrap_or(Err(NetError::Cancelled))?;
    let exit = if kept.refused.is_empty() { Exit::Done } else { Exit::Partly };
    Ok((json!({"kept": kept_value(&kept), "events": other}), exit))
}
