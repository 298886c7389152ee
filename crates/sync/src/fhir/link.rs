//! The way to one FHIR server: parcels into transactions, and what the answers mean for each.

use super::http::{Answer, Http, place_of, version_of_etag};
use super::names::{DICOM_UID, URI, revision_of, token, urn, uuid_of};
use super::parcel::{Known, Parcel, parcels};
use super::resources::{About, imaging_study, patient};
use crate::Trouble;
use crate::backoff::{after, fraction};
use crate::engine::Secrets;
use crate::link::Round;
use crate::moment::now;
use futures_util::future::join_all;
use medsight_base::Timestamp;
use medsight_cache::{Cache, Delivered, Entry, Outcome, Remote};
use medsight_record::StudyRecord;
use medsight_record::destination::{Destination, FhirServer};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue, IF_MATCH};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;

/// Tries of one thing at which a server fails while it takes others: then a person looks at it.
const MOST_FAULTS: u32 = 8;
/// Things that may fail one after the other before the server itself is taken to be broken.
const FAULTS_IN_A_ROW: usize = 3;

pub(crate) struct FhirLink {
    pub(super) shared: Arc<Shared>,
    secrets: Secrets,
    destination: Destination,
}

pub(super) struct Shared {
    cache: Arc<Cache>,
    name: String,
    pub(super) server: FhirServer,
    pub(super) sync_id: [u8; 16],
    /// Name of this site's audit trail.
    pub(super) site: String,
    /// What the server has shown to take at once; never above the settings.
    limit: AtomicUsize,
}

/// One entry of a transaction, and what it is for.
enum Slot {
    /// Patient or study, by the key of its remote.
    Needed { key: String, study: String },
    /// The parcel itself, by its place in the list.
    Main(usize),
    /// What goes with the parcel.
    Beside(usize),
}

/// What an answer to one entry says.
struct Reply<'a> {
    status: u16,
    place: Option<String>,
    version: Option<String>,
    resource: Option<&'a Value>,
    body: &'a Value,
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
        Ok(Self { shared: Arc::new(shared), secrets, destination: destination.clone() })
    }

    /// Entries of one round.
    pub(crate) fn most(&self) -> usize {
        self.shared.limit.load(Ordering::Relaxed) * usize::from(self.shared.server.parallel.max(1))
    }

    /// A client with the token of now: tokens are short-lived.
    pub(super) async fn http(&self) -> Result<Http, Trouble> {
        let (secrets, destination) = (Arc::clone(&self.secrets), self.destination.clone());
        let asked = tokio::task::spawn_blocking(move || secrets(&destination)).await;
        let auth = asked.map_err(|_| Trouble::SignIn)?.map_err(Trouble::Secret)?;
        Http::new(&self.shared.server, auth)
    }

    pub(crate) async fn deliver(&self, entries: Vec<Entry>, cancel: &CancellationToken) -> Round {
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
                Ok(Some(delivered)) => {
                    any_good |= delivered.iter().any(|one| one.outcome == Outcome::Done);
                    round.delivered.extend(delivered);
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

    fn known(&self, study: &StudyRecord) -> Result<Known, Trouble> {
        let place =
            |key: &str| Ok::<_, Trouble>(self.cache.remote(&self.name, key)?.map(|remote| remote.place));
        Ok(Known { patient: place(&patient_key(study))?, study: place(&study_key(study))? })
    }

    /// Sends parcels in one transaction. Nothing when the server refused the whole.
    async fn transaction(
        &self,
        http: &Http,
        parcels: &[Parcel],
        cancel: &CancellationToken,
    ) -> Result<Option<Vec<Delivered>>, Trouble> {
        let (bundle, slots, empty) = self.bundle(parcels)?;
        let mut delivered: Vec<Delivered> =
            empty.iter().flat_map(|at| parcels[*at].delivered(&Outcome::Done, Vec::new())).collect();
        if slots.is_empty() {
            return Ok(Some(delivered));
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
            let (mut outcome, mut found) = self.fate(http, parcel, &replies[main], cancel).await?;
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
        Ok(Some(delivered))
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

    /// A transaction, what each entry of it is for, and which parcels hold nothing to send.
    fn bundle(&self, parcels: &[Parcel]) -> Result<(Value, Vec<Slot>, Vec<usize>), Trouble> {
        let (mut entries, mut slots, mut empty) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen: BTreeMap<String, Known> = BTreeMap::new();
        let mut patients: BTreeMap<String, String> = BTreeMap::new();
        for (at, parcel) in parcels.iter().enumerate() {
            let study = &parcel.study;
            let name = study.uid.to_string();
            let mut known = match seen.get(&name) {
                Some(known) => known.clone(),
                None => self.known(study)?,
            };
            let mut needed: Vec<(String, Value, Slot)> = Vec::new();
            if known.patient.is_none() {
                let key = patient_key(study);
                if let Some(reference) = patients.get(&key) {
                    known.patient = Some(reference.clone());
                } else if let Some(resource) = patient(&self.server, study) {
                    let reference = urn(uuid_of(&self.sync_id, "patient", &key));
                    let system = &self.server.patient_system;
                    let search = token("identifier", system, study.patient.id.trim());
                    needed.push((
                        reference.clone(),
                        create(&reference, resource, &search),
                        Slot::Needed { key: key.clone(), study: name.clone() },
                    ));
                    patients.insert(key, reference.clone());
                    known.patient = Some(reference);
                }
            }
            if known.study.is_none() {
                let key = study_key(study);
                let reference = urn(uuid_of(&self.sync_id, "study", &name));
                known.study = Some(reference.clone());
                let about = self.about(study, &known);
                let search = token("identifier", DICOM_UID, &format!("urn:oid:{name}"));
                needed.push((
                    reference.clone(),
                    create(&reference, imaging_study(&about), &search),
                    Slot::Needed { key, study: name.clone() },
                ));
            }
            let Some(resource) = parcel.resource(&self.about(study, &known)) else {
                // A draft of a report, an arrow: nothing for others. What it would have needed is not made for it.
                for (reference, _, slot) in &needed {
                    if matches!(slot, Slot::Needed { key, .. } if key.starts_with("patient:")) {
                        patients.retain(|_, known| known != reference);
                    }
                }
                empty.push(at);
                continue;
            };
            seen.insert(name, known);
            for (_, entry, slot) in needed {
                entries.push(entry);
                slots.push(slot);
            }
            // Not its own name: servers write the place of an entry over every text that is the entry's name.
            let full_url = urn(uuid_of(&self.sync_id, "entry", &parcel.identity()));
            let target = match &parcel.remote {
                Some(remote) => {
                    entries.push(update(resource, remote));
                    remote.place.clone()
                }
                None => {
                    entries.push(create_in(parcel.kind(), &full_url, resource, &parcel.search()));
                    full_url
                }
            };
            slots.push(Slot::Main(at));
            if let Some((id, resource)) = parcel.provenance(&self.sync_id, &target) {
                let full_url = urn(uuid_of(&self.sync_id, "entry", &urn(id)));
                entries.push(create(&full_url, resource, &token("_tag", URI, &urn(id))));
                slots.push(Slot::Beside(at));
            }
        }
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        Ok((bundle, slots, empty))
    }

    fn about<'a>(&'a self, study: &'a StudyRecord, known: &Known) -> About<'a> {
        About {
            server: &self.server,
            study,
            patient: known.patient.clone(),
            imaging_study: known.study.clone().unwrap_or_default(),
        }
    }

    /// What the answer to a parcel's own entry means.
    async fn fate(
        &self,
        http: &Http,
        parcel: &Parcel,
        reply: &Reply<'_>,
        cancel: &CancellationToken,
    ) -> Result<(Outcome, Vec<Remote>), Trouble> {
        let remote = |place: &str, version: Option<String>| Remote {
            identity: parcel.identity(),
            place: place.to_owned(),
            version,
        };
        let known = parcel.remote.as_ref();
        Ok(match reply.status {
            201 | 200 => {
                let place = reply.place.clone().or_else(|| known.map(|known| known.place.clone()));
                let Some(place) = place else {
                    return Err(Trouble::Answer("it does not say where it keeps a resource"));
                };
                // 200 to a creation: there was one. Ours, if it says that it is this revision.
                if known.is_none() && reply.status == 200 {
                    return self.look(http, parcel, &place, cancel).await;
                }
                let version = match (&reply.version, reply.resource) {
                    (Some(version), _) => Some(version.clone()),
                    (None, Some(_)) => None,
                    (None, None) => self.get(http, &place, cancel).await?.and_then(|theirs| theirs.1),
                };
                (Outcome::Done, vec![remote(&place, version)])
            }
            409 | 412 => match known {
                Some(known) => return self.look(http, parcel, &known.place, cancel).await,
                None => (several(), Vec::new()),
            },
            404 | 410 if known.is_some() => (taken_away(), Vec::new()),
            401 => return Err(Trouble::SignIn),
            403 => return Err(Trouble::NotPermitted),
            429 | 503 => return Err(Trouble::Busy { retry_after: None }),
            500.. if parcel.attempts >= MOST_FAULTS => (refused(reply.status, reply.body), Vec::new()),
            500.. => (again("sync.server", parcel.attempts), Vec::new()),
            status => (refused(status, reply.body), Vec::new()),
        })
    }

    /// The server has something of the name already, or another version than the one last seen. It is ours when only
    /// revisions of ours came since; else somebody else changed it.
    async fn look(
        &self,
        http: &Http,
        parcel: &Parcel,
        place: &str,
        cancel: &CancellationToken,
    ) -> Result<(Outcome, Vec<Remote>), Trouble> {
        let Some((theirs, current)) = self.get(http, place, cancel).await? else {
            return Ok((taken_away(), Vec::new()));
        };
        let remote = |version: Option<String>| {
            vec![Remote { identity: parcel.identity(), place: place.to_owned(), version }]
        };
        let conflict = || Outcome::Conflict {
            words: "Somebody else changed it at the server. Both versions are kept; compare and decide."
                .to_owned(),
            theirs: Some(theirs.to_string()),
        };
        let Some(there) = revision_of(&theirs, parcel.id) else { return Ok((conflict(), Vec::new())) };
        let seen = parcel.remote.as_ref().and_then(|remote| remote.version.as_deref());
        let ours = self.only_ours_since(http, place, parcel, seen, cancel).await?;
        if there == parcel.revision {
            // It arrived, and its answer was lost. What somebody made of it since is met at the next change.
            let version = ours.clone().and_then(|versions| {
                versions.into_iter().find(|(_, revision)| *revision == there).map(|(version, _)| version)
            });
            return Ok((Outcome::Done, remote(version.or(current))));
        }
        if there > parcel.revision || ours.is_none() {
            return Ok((conflict(), Vec::new()));
        }
        let Some(version) = current else { return Ok((conflict(), Vec::new())) };
        let known = self.known(&parcel.study)?;
        let has_references = known.study.is_some();
        let Some(resource) = parcel.resource(&self.about(&parcel.study, &known)).filter(|_| has_references)
        else {
            // Next time its study is known there.
            let waits = again("sync.again", parcel.attempts);
            return Ok((waits, remote(Some(version))));
        };
        let mut resource = resource;
        resource["id"] = json!(place.rsplit('/').next());
        let mut headers = HeaderMap::new();
        let etag = HeaderValue::from_str(&format!("W/\"{version}\""))
            .map_err(|_| Trouble::Answer("a version that no header can hold"))?;
        headers.insert(IF_MATCH, etag);
        let answer = http.request(Method::PUT, place, Some(&resource), headers, cancel).await?;
        Ok(match answer.status.as_u16() {
            200..=299 => (Outcome::Done, remote(version_in(&answer))),
            409 | 412 => (conflict(), Vec::new()),
            404 | 410 => (taken_away(), Vec::new()),
            500.. => (again("sync.server", parcel.attempts), Vec::new()),
            status => (refused(status, &answer.body), Vec::new()),
        })
    }

    /// The resource as it is, and its version.
    async fn get(
        &self,
        http: &Http,
        place: &str,
        cancel: &CancellationToken,
    ) -> Result<Option<(Value, Option<String>)>, Trouble> {
        let answer = http.request(Method::GET, place, None, HeaderMap::new(), cancel).await?;
        match answer.status.as_u16() {
            200 => {
                let version = version_in(&answer);
                Ok(Some((answer.body, version)))
            }
            404 | 410 => Ok(None),
            status => Err(Trouble::Server(status)),
        }
    }

    /// The versions since the one last seen, oldest first, each with its revision; `None` when one of them is not ours.
    /// Each of ours says another revision; who changes one leaves what it says, or takes it away.
    async fn only_ours_since(
        &self,
        http: &Http,
        place: &str,
        parcel: &Parcel,
        seen: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Option<Vec<(String, i64)>>, Trouble> {
        let path = format!("{place}/_history?_count=100");
        let answer = http.request(Method::GET, &path, None, HeaderMap::new(), cancel).await?;
        match answer.status.as_u16() {
            // It keeps no history that could be asked for.
            501 => return Ok(None),
            status @ 500.. => return Err(Trouble::Server(status)),
            _ => {}
        }
        let Some(entries) = answer.body["entry"].as_array().filter(|_| answer.status.is_success()) else {
            return Ok(None);
        };
        let mut versions: Vec<(&str, &str, Option<i64>)> = entries
            .iter()
            .filter_map(|entry| {
                let resource = &entry["resource"];
                let meta = &resource["meta"];
                Some((
                    meta["lastUpdated"].as_str()?,
                    meta["versionId"].as_str()?,
                    revision_of(resource, parcel.id),
                ))
            })
            .collect();
        versions.sort_by_key(|(updated, _, revision)| (*updated, *revision));
        let from = match seen {
            None => 0,
            Some(seen) => match versions.iter().position(|(_, version, _)| *version == seen) {
                Some(at) => at,
                None => return Ok(None),
            },
        };
        let versions = &versions[from..];
        let rises = versions.windows(2).all(|pair| pair[0].2.is_some() && pair[0].2 < pair[1].2);
        let all: Option<Vec<(String, i64)>> = versions
            .iter()
            .map(|(_, version, revision)| Some(((*version).to_owned(), (*revision)?)))
            .collect();
        // Somebody changed the newest of ours: the first that says so is still ours.
        Ok(all.filter(|_| rises))
    }
}

impl<'a> Reply<'a> {
    fn of(entry: &'a Value) -> Self {
        let response = &entry["response"];
        let status = response["status"].as_str().and_then(|text| text.get(..3)?.parse().ok()).unwrap_or(500);
        let resource = Some(&entry["resource"]).filter(|resource| resource.is_object());
        let of_resource = || {
            let resource = resource?;
            Some(format!("{}/{}", resource["resourceType"].as_str()?, resource["id"].as_str()?))
        };
        let meta = || resource.and_then(|resource| resource["meta"]["versionId"].as_str()).map(str::to_owned);
        Self {
            status,
            place: response["location"].as_str().and_then(place_of).or_else(of_resource),
            version: response["etag"].as_str().and_then(version_of_etag).or_else(meta),
            resource,
            body: &response["outcome"],
        }
    }

    fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

fn version_in(answer: &Answer) -> Option<String> {
    answer.etag.clone().or_else(|| answer.body["meta"]["versionId"].as_str().map(str::to_owned))
}

fn patient_key(study: &StudyRecord) -> String {
    format!("patient:{}", study.patient.id.trim())
}

fn study_key(study: &StudyRecord) -> String {
    format!("study:{}", study.uid)
}

fn create(full_url: &str, resource: Value, search: &str) -> Value {
    let kind = resource["resourceType"].as_str().unwrap_or_default().to_owned();
    create_in(&kind, full_url, resource, search)
}

fn create_in(kind: &str, full_url: &str, resource: Value, search: &str) -> Value {
    json!({
        "fullUrl": full_url,
        "resource": resource,
        "request": {"method": "POST", "url": kind, "ifNoneExist": search},
    })
}

fn update(mut resource: Value, remote: &Remote) -> Value {
    resource["id"] = json!(remote.place.rsplit('/').next());
    let mut request = json!({"method": "PUT", "url": remote.place});
    if let Some(version) = &remote.version {
        request["ifMatch"] = json!(format!("W/\"{version}\""));
    }
    json!({"resource": resource, "request": request})
}

fn again(code: &'static str, attempts: u32) -> Outcome {
    let pause = after(attempts.saturating_add(1), None, fraction());
    let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
    let words = "The server failed at it. It is tried again by itself.".to_owned();
    Outcome::Again { code, words, next_try: Timestamp(now().0.saturating_add(pause_ms)) }
}

fn several() -> Outcome {
    let words =
        "The server has several resources of this name. Its administrator has to merge them.".to_owned();
    Outcome::Refused { code: "sync.ambiguous", words }
}

fn taken_away() -> Outcome {
    let words =
        "It was deleted at the server. Ours is kept; decide whether it is to be sent again.".to_owned();
    Outcome::Conflict { words, theirs: None }
}

/// What the server said, without its free text, which may quote the patient: the codes and places of its issues.
fn refused(status: u16, body: &Value) -> Outcome {
    let issues = body["issue"].as_array().into_iter().flatten();
    let told: Vec<String> = issues
        .filter(|issue| matches!(issue["severity"].as_str(), Some("error" | "fatal")))
        .map(|issue| {
            let code = issue["code"].as_str().unwrap_or("unknown");
            let place = issue["expression"][0].as_str().or_else(|| issue["location"][0].as_str());
            place.map_or_else(|| code.to_owned(), |place| format!("{code} at {place}"))
        })
        .take(5)
        .collect();
    let told = if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) };
    let words = format!(
        "The server refused it with status {status}{told}. Correct it there or here and send it again, or drop it."
    );
    Outcome::Refused { code: "sync.refused", words }
}
