//! `sync --once` and `sync status`: sends what waits in the outbox, and tells what waits, since when and why. Not here: what is
//! asked of other systems (`sources`).

use super::sources;
use super::store::{Store, fail, now, who};
use crate::output::{Exit, Output};
use crate::settings::in_force;
use clap::Subcommand;
use medsight_cache::{Cache, CacheError, DestinationStatus};
use medsight_pacs::CancellationToken;
use medsight_record::destination::{Destination, To};
use medsight_record::node::{Node, SignIn};
use medsight_record::{Refusal, Settings};
use medsight_sync::{Auth, Engine, Secrets, Swept, rule_of};
use medsight_vault::ServerSecret;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use zeroize::Zeroizing;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Send what can be sent now, and end.
    #[arg(long, required = true)]
    once: bool,
    #[command(flatten)]
    from: Given,
}

#[derive(Subcommand)]
enum What {
    /// Tell what waits for which destination, since when and why.
    Status(Given),
    /// Have an entry that a destination refused, or that is in conflict there, tried again.
    Retry(Entry),
    /// Say that an entry need not go to a destination. Noted in the audit trail.
    Drop(Entry),
    /// Tell where orders and earlier reports are asked for, and how each source answered.
    Sources(sources::Args),
}

#[derive(clap::Args)]
struct Entry {
    /// Number of the entry, as `status` tells it.
    id: i64,
    /// Name of the destination.
    #[arg(long)]
    destination: String,
    #[command(flatten)]
    from: Given,
}

#[derive(clap::Args)]
pub(super) struct Given {
    /// Settings file with the destinations. Without it: the person's. The site's policy lies above either.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    pub(super) store: Store,
}

impl Given {
    fn settings(&self) -> Result<Settings, Refusal> {
        let settings = in_force(self.settings.as_deref())?;
        medsight_record::destination::check_all(&settings.destinations)
            .map_err(|why| Refusal::new("settings", format!("destinations: {why}.")))?;
        Ok(settings)
    }
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    let from = match &args.what {
        None => &args.from,
        Some(What::Status(from)) => from,
        Some(What::Retry(entry) | What::Drop(entry)) => &entry.from,
        Some(What::Sources(args)) => &args.from,
    };
    let settings = match from.settings() {
        Ok(settings) => settings,
        Err(refusal) => {
            out.refused(&refusal);
            return Exit::Usage;
        }
    };
    let done = match &args.what {
        None => once(from, settings, out),
        Some(What::Status(_)) => status(from, &settings),
        Some(What::Retry(entry)) => retry(entry, &settings),
        Some(What::Drop(entry)) => drop_entry(entry, &settings),
        Some(What::Sources(args)) => sources::run(args, &settings, out),
    };
    let words = if matches!(args.what, Some(What::Sources(_))) { sources::text } else { text };
    match done {
        Ok((document, exit)) => {
            out.document(&document, words);
            exit
        }
        Err(error) => fail(&error, out),
    }
}

pub(super) type Answer = Result<(Value, Exit), CacheError>;

fn once(from: &Given, settings: Settings, out: &Output) -> Answer {
    let cache = Arc::new(from.store.open()?);
    let secrets = secrets(settings.nodes.clone());
    let destinations = settings.destinations.clone();
    let engine = Engine::new(Arc::clone(&cache), destinations, settings.nodes.clone(), secrets, &who())?;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out.note(&format!("The network could not be started: {error}"));
            return Ok((Value::Null, Exit::Fault));
        }
    };
    let cancel = CancellationToken::new();
    let swept = runtime.block_on(async {
        let interrupted = cancel.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                interrupted.cancel();
            }
        });
        engine.once(&cancel).await
    });
    let sent = swept.iter().map(|one| one.sent).sum();
    let document = document(&cache, &settings.destinations, sent)?;
    let exit = exit_of(&swept, &document);
    Ok((document, exit))
}

fn exit_of(swept: &[Swept], document: &Value) -> Exit {
    let mut troubles = swept.iter().filter_map(|one| one.trouble.as_ref());
    match troubles.next() {
        Some(trouble) if trouble.is_unreachable() => Exit::Unreachable,
        Some(trouble) if matches!(trouble.code(), "sync.sign-in" | "sync.not-permitted" | "sync.secret") => {
            Exit::NotPermitted
        }
        Some(_) => Exit::Partly,
        None if document["refused"].as_array().is_some_and(|refused| !refused.is_empty()) => Exit::Partly,
        None => Exit::Done,
    }
}

fn status(from: &Given, settings: &Settings) -> Answer {
    let cache = from.store.open_for_reading()?;
    Ok((document(&cache, &settings.destinations, 0)?, Exit::Done))
}

fn retry(entry: &Entry, settings: &Settings) -> Answer {
    let cache = entry.from.store.open()?;
    cache.outbox_retry(entry.id, &entry.destination)?;
    Ok((document(&cache, &settings.destinations, 0)?, Exit::Done))
}

fn drop_entry(entry: &Entry, settings: &Settings) -> Answer {
    let cache = entry.from.store.open()?;
    let rules: Vec<_> = settings.destinations.iter().map(rule_of).collect();
    cache.outbox_drop(entry.id, &entry.destination, &rules, &who(), now())?;
    Ok((document(&cache, &settings.destinations, 0)?, Exit::Done))
}

fn document(cache: &Cache, destinations: &[Destination], sent: u64) -> Result<Value, CacheError> {
    let rules: Vec<_> = destinations.iter().map(rule_of).collect();
    let told = cache.outbox_status(&rules)?;
    let refused: Vec<Value> = told.iter().flat_map(refused).collect();
    let unclaimed: Vec<Value> = cache
        .outbox_unclaimed(&rules)?
        .into_iter()
        .map(|(kind, entries)| json!({"kind": kind, "entries": entries}))
        .collect();
    let destinations: Vec<Value> = told
        .iter()
        .map(|one| {
            json!({
                "destination": one.destination,
                "waiting": one.waiting, "audit_events_waiting": one.events_waiting,
                "since": one.since.map(|at| at.iso()),
                "last_sent": one.last_sent.map(|at| at.iso()),
                "failing": one.failing.as_ref().map(|failing| json!({
                    "since": failing.since.iso(), "attempts": failing.attempts, "code": failing.code,
                    "reason": failing.words, "next_try": failing.next_try.map(|at| at.iso()),
                })),
            })
        })
        .collect();
    let waiting = cache.usage()?.waiting;
    Ok(json!({
        "sent": sent, "waiting": waiting, "refused": refused,
        "destinations": destinations, "nobody_takes": unclaimed,
    }))
}

fn refused(of: &DestinationStatus) -> Vec<Value> {
    let one = |stuck: &medsight_cache::Stuck| {
        json!({
            "id": stuck.id, "destination": of.destination, "reason": stuck.words, "code": stuck.code,
            "next_try": stuck.next_try.map(|at| at.iso()), "kind": stuck.kind, "state": stuck.state,
            "attempts": stuck.attempts,
        })
    };
    of.stuck.iter().map(one).collect()
}

/// Tokens and passwords are in the keyring, under the address that they are for.
pub(super) fn secrets(nodes: Vec<Node>) -> Secrets {
    Arc::new(move |destination| {
        let (url, by) = match &destination.to {
            To::Fhir(server) => match server.sign_in.secret_of(&server.url) {
                None => return Ok(Auth::None),
                Some((address, name)) => {
                    let secret = kept(address, name)?;
                    return Ok(if name.is_empty() {
                        Auth::Bearer(secret)
                    } else {
                        Auth::Basic(name.to_owned(), secret)
                    });
                }
            },
            To::Pacs(pacs) => {
                let node = nodes.iter().find(|node| node.name == pacs.node);
                let url = node.and_then(|node| node.web.as_ref()).map(|web| web.url.clone());
                (url.unwrap_or_default(), node.map(|node| node.sign_in.clone()).unwrap_or_default())
            }
            To::AuditRepository(_) | To::Hl7(_) => return Ok(Auth::None),
        };
        let user = match &by {
            SignIn::None => return Ok(Auth::None),
            SignIn::Bearer => String::new(),
            SignIn::Basic { user } => user.clone(),
        };
        let secret = kept(&url, &user)?;
        Ok(if user.is_empty() { Auth::Bearer(secret) } else { Auth::Basic(user, secret) })
    })
}

/// What the keyring has for an address and a name.
fn kept(address: &str, name: &str) -> Result<Zeroizing<String>, String> {
    let missing = "The keyring has no token or password for this destination. Sign in, or put it there.";
    let secret = ServerSecret::of(address, name).load().map_err(|why| why.to_string())?;
    secret.ok_or_else(|| missing.to_owned())
}

fn text(document: &Value) -> String {
    let mut lines = vec![format!("{} sent, {} waiting", document["sent"], document["waiting"])];
    let list = |name: &str| document[name].as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for one in list("destinations") {
        let mut line = format!("{}: {} waiting", word(&one["destination"]), one["waiting"]);
        if let Some(events) = one["audit_events_waiting"].as_u64() {
            line += &format!(", {events} audit events");
        }
        if let Some(since) = one["since"].as_str() {
            line += &format!(" since {since}");
        }
        if let Some(reason) = one["failing"]["reason"].as_str() {
            line += &format!(". {reason}");
        }
        lines.push(line);
    }
    for one in list("refused") {
        lines.push(format!("{} → {}: {}", one["id"], word(&one["destination"]), word(&one["reason"])));
    }
    for one in list("nobody_takes") {
        lines.push(format!("{} of kind {}: no destination takes them", one["entries"], word(&one["kind"])));
    }
    lines.join("\n")
}
