//! The way to one FHIR server: parcels into transactions, and what the answers mean for each.

use super::access::{Access, ClientTokens};
use super::bundle::Slot;
use super::fate::{Reply, again, refused, several, taken_away};
use super::http::Http;
use super::parcel::{Parcel, parcels};
use crate::Trouble;
use crate::engine::Secrets;
use crate::link::Round;
use futures_util::future::join_all;
use medsight_cache::{Cache, Delivered, Entry, Outcome, Remote};
use medsight_pacs::Auth;
use medsight_record::destination::{Access as SignInBy, Destination, FhirServer, Kind};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// Tries of one thing at which a server fails while it takes others: then a person looks at it.
pub(super) const MOST_FAULTS: u32 = 8;
/// Things that may fail one after the other before the server itself is taken to be broken.
const FAULTS_IN_A_ROW: usize = 3;

pub(crate) struct FhirLink {
    pub(super) shared: Arc<Shared>,
    secrets: Secrets,
    destination: Destination,
    /// The tokens of a client, for as long as the way holds.
    tokens: OnceCell<Arc<ClientTokens>>,
}

pub(super) struct Shared {
    pub(super) cache: Arc<Cache>,
    pub(super) name: String,
    pub(super) server: FhirServer,
    pub(super) sync_id: [u8; 16],
    /// Name of this site's audit trail.
    pub(super) site: String,
    /// What the server has shown to take at once; never above the settings.
    limit: AtomicUsize,
}

impl FhirLink {
    pub(crate) fn new(
        destination: &Destination,
        server: &FhirServer,
        cache: Arc<Cache>,
        secrets: Secrets,
    ) -> Result<Self, Trouble> {
        let shared = Shared {
            sync_id: cache.sync_id()?,
            site: cache.audit_site(),
            cache,
            name: destination.name.clone(),
            server: server.clone(),
            limit: AtomicUsize::new(usize::from(server.bundle.max(1))),
        };
        let tokens = OnceCell::new();
        Ok(Self { shared: Arc::new(shared), secrets, destination: destination.clone(), tokens })
    }

    /// Entries of one round.
    pub(crate) fn most(&self) -> usize {
        self.shared.limit.load(Ordering::Relaxed) * usize::from(self.shared.server.parallel.max(1))
    }

    /// A client with the token of now: tokens are short-lived.
    pub(super) async fn http(&self) -> Result<Http, Trouble> {
        connect(&self.destination, &self.shared.server, &self.secrets, &self.tokens).await
    }

    pub(crate) async fn deliver(&self, entries: Vec<Entry>, cancel: &CancellationToken) -> Round {
        let (claims, entries): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| entry.kind == Kind::Claim.word());
        let mut round = self.deliver_things(entries, cancel).await;
        if !claims.is_empty() && round.trouble.is_none() {
            let told = match self.http().await {
                Ok(http) => self.shared.claims(&http, &claims, cancel).await,
                Err(trouble) => Round::failed(trouble),
            };
            round.delivered.extend(told.delivered);
            round.trouble = told.trouble;
        }
        round
    }

    /// What is sent as a thing of its own: everything but claims, which change what the server has.
    async fn deliver_things(&self, entries: Vec<Entry>, cancel: &CancellationToken) -> Round {
        let shared = Arc::clone(&self.shared);
        let sorting = move || parcels(&shared.cache, &shared.name, &shared.sync_id, entries);
        let (parcels, at_once) = match tokio::task::spawn_blocking(sorting).await {
            Ok(Ok(sorted)) => sorted,
            Ok(Err(error)) => return Round::failed(error.into()),
            Err(_) => return Round::failed(Trouble::Answer("a fault of the program")),
        };
        let mut round = Round { delivered: at_once, trouble: None };
        if parcels.is_empty() {
            return round;
        }
        let http = match self.http().await {
            Ok(http) => http,
            Err(trouble) => {
                round.trouble = Some(trouble);
                return round;
            }
        };
        let parcels = match self.shared.of_one_patient(&http, parcels, cancel).await {
            Ok((parcels, held)) => {
                let held = held.iter().flat_map(|parcel| parcel.delivered(&several(), Vec::new()));
                round.delivered.extend(held);
                parcels
            }
            Err(trouble) => {
                round.trouble = Some(trouble);
                return round;
            }
        };
        // Parcels of one study stay in one lane, in their order.
        let lanes = usize::from(self.shared.server.parallel.max(1));
        let mut by_lane: Vec<Vec<Parcel>> = (0..lanes).map(|_| Vec::new()).collect();
        let mut of_study: BTreeMap<String, usize> = BTreeMap::new();
        for parcel in parcels {
            let shortest = (0..lanes).min_by_key(|lane| by_lane[*lane].len()).unwrap_or(0);
            let lane = *of_study.entry(parcel.study.uid.to_string()).or_insert(shortest);
            by_lane[lane].push(parcel);
        }
        let lanes = by_lane.into_iter().map(|parcels| self.shared.lane(&http, parcels, cancel));
        for ended in join_all(lanes).await {
            round.delivered.extend(ended.delivered);
            round.trouble = round.trouble.or(ended.trouble);
        }
        round
    }
}

/// A client of a server, with what it is to be shown.
pub(crate) async fn connect(
    destination: &Destination,
    server: &FhirServer,
    secrets: &Secrets,
    tokens: &OnceCell<Arc<ClientTokens>>,
) -> Result<Http, Trouble> {
    let secret = || async {
        let (secrets, destination) = (Arc::clone(secrets), destination.clone());
        let asked = tokio::task::spawn_blocking(move || secrets(&destination)).await;
        asked.map_err(|_| Trouble::SignIn)?.map_err(Trouble::Secret)
    };
    let access = match &server.sign_in {
        SignInBy::Client(client) => {
            let begin = || async {
                match secret().await? {
                    Auth::Basic(_, secret) => Ok(Arc::new(ClientTokens::new(client, secret))),
                    Auth::None | Auth::Bearer(_) => Err(Trouble::SignIn),
                }
            };
            Access::Client(Arc::clone(tokens.get_or_try_init(begin).await?))
        }
        SignInBy::None | SignInBy::Bearer | SignInBy::Basic { .. } => Access::Fixed(secret().await?),
    };
    Http::new(server, access)
}

/// Asks a server whether it speaks FHIR R4, and whether it lets us in. What it has is only counted.
pub(crate) async fn probe(
    destination: &Destination,
    server: &FhirServer,
    secrets: &Secrets,
    cancel: &CancellationToken,
) -> Result<(), Trouble> {
    let http = connect(destination, server, secrets, &OnceCell::new()).await?;
    let said = http.request(Method::GET, "metadata", None, HeaderMap::new(), cancel).await?;
    if said.body["resourceType"] != "CapabilityStatement" {
        return Err(Trouble::Answer("it is no FHIR service"));
    }
    if !said.body["fhirVersion"].as_str().is_some_and(|version| version.starts_with("4.0")) {
        return Err(Trouble::Answer("it speaks another version of FHIR than R4"));
    }
    let counting = "DiagnosticReport?_summary=count";
    let counted = http.request(Method::GET, counting, None, HeaderMap::new(), cancel).await?;
    match counted.status.as_u16() {
        status @ 500.. => Err(Trouble::Server(status)),
        _ => Ok(()),
    }
}

impl Shared {
    async fn lane(&self, http: &Http, parcels: Vec<Parcel>, cancel: &CancellationToken) -> Round {
        let mut round = Round::default();
        let mut waiting: Vec<Vec<Parcel>> = Vec::new();
        let mut rest = parcels;
        while !rest.is_empty() {
            let cut = rest.len().min(self.limit.load(Ordering::Relaxed));
            let tail = rest.split_off(cut);
            waiting.push(std::mem::replace(&mut rest, tail));
        }
        waiting.reverse();
        let (mut faults, mut any_good) = (0, false);
        while let Some(mut parcels) = waiting.pop() {
            let sent = self.transaction(http, &parcels, cancel).await;
            match sent {
                Err(trouble) => {
                    round.trouble = Some(trouble);
                    break;
                }
                Ok(Some(sent)) => {
                    any_good |= sent.delivered.iter().any(|one| one.outcome == Outcome::Done);
                    round.delivered.extend(sent.delivered);
                    if sent.trouble.is_some() {
                        round.trouble = sent.trouble;
                        break;
                    }
                }
                // The whole was refused: one of them is the reason, or there are too many.
                Ok(None) if parcels.len() > 1 => {
                    let second = parcels.split_off(parcels.len() / 2);
                    waiting.push(second);
                    waiting.push(parcels);
                }
                Ok(None) => {
                    let Some(parcel) = parcels.pop() else { continue };
                    match self.alone(http, &parcel, cancel).await {
                        Err(trouble) => {
                            round.trouble = Some(trouble);
                            break;
                        }
                        Ok(delivered) => {
                            let again =
                                delivered.iter().any(|one| matches!(one.outcome, Outcome::Again { .. }));
                            faults = if again { faults + 1 } else { 0 };
                            any_good |= delivered.iter().any(|one| one.outcome == Outcome::Done);
                            if faults >= FAULTS_IN_A_ROW && !any_good {
                                round.trouble = Some(Trouble::Server(500));
                                break;
                            }
                            round.delivered.extend(delivered);
                        }
                    }
                }
            }
        }
        round
    }

    /// Sends parcels in one transaction. Nothing when the server refused the whole.
    async fn transaction(
        &self,
        http: &Http,
        parcels: &[Parcel],
        cancel: &CancellationToken,
    ) -> Result<Option<Round>, Trouble> {
        let (bundle, slots, empty) = self.bundle(parcels)?;
        let mut delivered: Vec<Delivered> =
            empty.iter().flat_map(|at| parcels[*at].delivered(&Outcome::Done, Vec::new())).collect();
        if slots.is_empty() {
            return Ok(Some(Round { delivered, trouble: None }));
        }
        let mut headers = HeaderMap::new();
        // Versions are in the answer's resources where a server gives no ETag of each.
        headers.insert("prefer", HeaderValue::from_static("return=representation"));
        let answer = http.request(Method::POST, "", Some(&bundle), headers, cancel).await?;
        if !answer.status.is_success() {
            return Ok(None);
        }
        let replies = answer.body["entry"].as_array().filter(|replies| replies.len() == slots.len());
        let replies = replies.ok_or(Trouble::Answer("it does not answer each part of the transaction"))?;
        let replies: Vec<Reply<'_>> = replies.iter().map(Reply::of).collect();
        let mut remotes: BTreeMap<String, Vec<Remote>> = BTreeMap::new();
        let mut unusable: BTreeMap<String, Outcome> = BTreeMap::new();
        for (slot, reply) in slots.iter().zip(&replies) {
            let Slot::Needed { key, study } = slot else { continue };
            match (reply.is_good(), &reply.place) {
                (true, Some(place)) => remotes.entry(study.clone()).or_default().push(Remote {
                    identity: key.clone(),
                    place: place.clone(),
                    version: None,
                }),
                (true, None) => {}
                (false, _) => {
                    unusable.entry(study.clone()).or_insert_with(|| refused(reply.status, reply.body));
                }
            }
        }
        for (at, parcel) in parcels.iter().enumerate() {
            let of = |wanted: &Slot| match wanted {
                Slot::Main(n) => *n == at,
                _ => false,
            };
            let Some(main) = slots.iter().position(of) else { continue };
            let beside = slots.iter().position(|slot| matches!(slot, Slot::Beside(n) if *n == at));
            let beside = beside.map(|at| &replies[at]).filter(|reply| !reply.is_good());
            let study = parcel.study.uid.to_string();
            let (mut outcome, mut found) = match self.fate(http, parcel, &replies[main], cancel).await {
                Ok(fate) => fate,
                // The fate of those before is known, and is kept.
                Err(trouble) => return Ok(Some(Round { delivered, trouble: Some(trouble) })),
            };
            if outcome == Outcome::Done {
                if let Some(why) = unusable.get(&study) {
                    outcome = why.clone();
                } else if let Some(reply) = beside {
                    outcome = match reply.status {
                        500.. => again("sync.server", parcel.attempts),
                        status => refused(status, reply.body),
                    };
                }
            }
            found.extend(remotes.remove(&study).unwrap_or_default());
            delivered.extend(parcel.delivered(&outcome, found));
        }
        Ok(Some(Round { delivered, trouble: None }))
    }

    /// One parcel that the server refuses in a transaction: what is wrong with it is asked for by itself.
    async fn alone(
        &self,
        http: &Http,
        parcel: &Parcel,
        cancel: &CancellationToken,
    ) -> Result<Vec<Delivered>, Trouble> {
        let (bundle, _, _) = self.bundle(std::slice::from_ref(parcel))?;
        let answer = http.request(Method::POST, "", Some(&bundle), HeaderMap::new(), cancel).await?;
        let status = answer.status.as_u16();
        let (outcome, remotes) = match (status, &parcel.remote) {
            (200..=299, _) => (again("sync.again", 0), Vec::new()),
            (404 | 410, Some(_)) => (taken_away(), Vec::new()),
            // Some servers tell a stale version inside a transaction with 400: whether it is that is seen there.
            (400..=499, Some(remote)) => match self.get(http, &remote.place, cancel).await? {
                Some((_, current)) if current == remote.version && status != 412 => {
                    (refused(status, &answer.body), Vec::new())
                }
                _ => self.look(http, parcel, &remote.place, cancel).await?,
            },
            (412, None) => (several(), Vec::new()),
            (500.., _) if parcel.attempts >= MOST_FAULTS => (refused(status, &answer.body), Vec::new()),
            (500.., _) => (again("sync.server", parcel.attempts), Vec::new()),
            _ => (refused(status, &answer.body), Vec::new()),
        };
        Ok(parcel.delivered(&outcome, remotes))
    }
}
