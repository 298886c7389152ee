//! Who reads a study, told where its order came from: in the Task that is there, else in one of ours.
//!
//! A task is changed only in the version that was just read (If-Match), and never taken from somebody else: that is a
//! conflict, which a person sees. The order itself is not touched. What the server says of one task is the fate of one claim:
//! findings and audit events go on.

use super::fate::{again, refused};
use super::http::{Answer, Http, place_below};
use super::link::{MOST_FAULTS, Shared};
use super::names::{URI, system_of, token, urn, uuid_of};
use super::resources::person;
use crate::Trouble;
use crate::link::Round;
use crate::moment::now;
use medsight_cache::{Delivered, Entry, Outcome, Remote};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue, IF_MATCH};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// Reading (SNOMED CT: imaging), by which our tasks are known.
const READING: &str = "363679005";

/// Why a claim is not told now.
enum Stop {
    /// Nobody is there.
    Trouble(Trouble),
    /// The server does not take this one.
    Fate(Outcome),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

type Told = Result<(Outcome, Vec<Remote>), Stop>;

/// What an entry says.
struct Claim<'a> {
    /// `ServiceRequest/7`.
    order: &'a str,
    /// The account.
    who: &'a str,
    /// Taken; else given back.
    is_taken: bool,
    /// Given back because it is read and signed.
    is_read: bool,
}

impl Shared {
    /// Tells of claims in their order; behind one that is tried again, later ones of its order wait too.
    pub(super) async fn claims(&self, http: &Http, entries: &[Entry], cancel: &CancellationToken) -> Round {
        let mut round = Round::default();
        let mut held_back: BTreeSet<&str> = BTreeSet::new();
        for entry in entries {
            let order = entry.payload["order"].as_str().unwrap_or_default();
            if held_back.contains(order) {
                continue;
            }
            match self.claim(http, entry, cancel).await {
                Ok(delivered) => {
                    if matches!(delivered.outcome, Outcome::Again { .. }) {
                        held_back.insert(order);
                    }
                    round.delivered.push(delivered);
                }
                Err(trouble) => {
                    round.trouble = Some(trouble);
                    break;
                }
            }
        }
        round
    }

    /// Tells who reads the study of an order, or that nobody does any more.
    async fn claim(
        &self,
        http: &Http,
        entry: &Entry,
        cancel: &CancellationToken,
    ) -> Result<Delivered, Trouble> {
        let payload = &entry.payload;
        let (Some(order), Some(who)) = (payload["order"].as_str(), payload["who"].as_str()) else {
            return Ok(Delivered::plain(entry.id, Outcome::Nothing));
        };
        // The order is of another system: it is no business of this one.
        if payload["destination"] != self.name.as_str() {
            return Ok(Delivered::plain(entry.id, Outcome::Nothing));
        }
        let claim =
            Claim { order, who, is_taken: payload["taken"] == true, is_read: payload["read"] == true };
        match self.told(http, entry, &claim, cancel).await {
            Ok((outcome, remotes)) => Ok(Delivered { remotes, ..Delivered::plain(entry.id, outcome) }),
            Err(Stop::Fate(outcome)) => Ok(Delivered::plain(entry.id, outcome)),
            Err(Stop::Trouble(trouble)) => Err(trouble),
        }
    }

    async fn told(&self, http: &Http, entry: &Entry, claim: &Claim<'_>, cancel: &CancellationToken) -> Told {
        match self.task_of(http, entry, claim.order, cancel).await? {
            Some(task) => self.retell(http, entry, claim, task, cancel).await,
            None if claim.is_taken => self.tell(http, entry, claim, cancel).await,
            None => Ok((Outcome::Nothing, Vec::new())),
        }
    }

    fn claim_id(&self, order: &str) -> uuid::Uuid {
        claim_id(&self.sync_id, &self.name, order)
    }

    /// The task of reading about an order that is not over: somebody's before nobody's.
    async fn task_of(
        &self,
        http: &Http,
        entry: &Entry,
        order: &str,
        cancel: &CancellationToken,
    ) -> Result<Option<Value>, Stop> {
        let mut found: Option<Value> = None;
        let mut unknown = 0;
        for parameter in ["focus", "based-on"] {
            let path = format!("Task?{parameter}={order}&_count=50");
            let answer = http.answer(Method::GET, &path, None, HeaderMap::new(), cancel).await?;
            match answer.status.as_u16() {
                200..=299 => {}
                // It does not know this parameter; by neither, nobody could tell whose the order is.
                400 if unknown == 0 => unknown += 1,
                _ => return Err(Stop::Fate(failed(entry, &answer))),
            }
            for entry in answer.body["entry"].as_array().into_iter().flatten() {
                let task = &entry["resource"];
                let is_over = matches!(
                    task["status"].as_str(),
                    Some("completed" | "cancelled" | "rejected" | "failed" | "entered-in-error")
                );
                if task["resourceType"] != "Task" || is_over || !is_of_reading(task) {
                    continue;
                }
                if found.as_ref().is_none_or(|known| known["owner"].is_null() && !task["owner"].is_null()) {
                    found = Some(task.clone());
                }
            }
        }
        Ok(found)
    }

    async fn retell(
        &self,
        http: &Http,
        entry: &Entry,
        claim: &Claim<'_>,
        mut task: Value,
        cancel: &CancellationToken,
    ) -> Told {
        let is_ours = self.is_of(http, &task["owner"], claim.who, cancel).await?;
        let is_free = task["owner"].is_null();
        if claim.is_taken && !is_ours && !is_free && !self.is_taken_over(claim, &task)? {
            let words =
                "Somebody else took the order at the server. Agree with them, then try again or let it go.";
            return Ok((
                Outcome::Conflict { words: words.to_owned(), theirs: Some(task.to_string()) },
                Vec::new(),
            ));
        }
        if claim.is_taken == is_ours && (is_free || task["status"] == "in-progress") {
            return Ok((Outcome::Done, Vec::new()));
        }
        if !claim.is_taken && !is_ours {
            // It is somebody else's by now: there is nothing of ours to give back.
            return Ok((Outcome::Nothing, Vec::new()));
        }
        let version = task["meta"]["versionId"].as_str();
        let etag = version.and_then(|version| HeaderValue::from_str(&format!("W/\"{version}\"")).ok());
        let (Some(id), Some(etag)) = (task["id"].as_str(), etag) else {
            let words = "The server's task of this order has no version, so it cannot be changed safely. Tell \
                         who reads it there by hand, and let it go here.";
            return Ok((Outcome::Refused { code: "sync.refused", words: words.to_owned() }, Vec::new()));
        };
        let place = format!("Task/{id}");
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, etag);
        let is_made_here = task["identifier"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["value"] == urn(task_id(claim.order))));
        if claim.is_taken {
            // Given to this very person there: it stays as it is said there.
            if !is_ours {
                task["owner"] = person(claim.who, claim.who);
            }
            task["status"] = json!("in-progress");
        } else if claim.is_read {
            task["status"] = json!("completed");
        } else {
            if let Some(task) = task.as_object_mut() {
                task.remove("owner");
            }
            task["status"] = json!(if is_made_here { "cancelled" } else { "requested" });
        }
        task["lastModified"] = json!(now().iso());
        let answer = http.answer(Method::PUT, &place, Some(&task), headers, cancel).await?;
        match answer.status.as_u16() {
            200..=299 => Ok((Outcome::Done, vec![self.remote(claim, &place, answer.etag)])),
            _ => Err(Stop::Fate(failed(entry, &answer))),
        }
    }

    /// Whether a person has said, of this very version of the task, that it is taken from who has it.
    fn is_taken_over(&self, claim: &Claim<'_>, task: &Value) -> Result<bool, Trouble> {
        let decided = self.cache.remote(&self.name, &urn(self.claim_id(claim.order)))?;
        let place = format!("Task/{}", task["id"].as_str().unwrap_or_default());
        let version = task["meta"]["versionId"].as_str();
        Ok(version.is_some()
            && decided.is_some_and(|decided| decided.place == place && decided.version.as_deref() == version))
    }

    /// Whether an owner is this person: by the identifier that stands there, or by those of the Practitioner that is named.
    async fn is_of(
        &self,
        http: &Http,
        owner: &Value,
        who: &str,
        cancel: &CancellationToken,
    ) -> Result<bool, Trouble> {
        let mut named = owner.clone();
        // PractitionerRole, then Practitioner.
        for _ in 0..2 {
            if named["identifier"]["value"] == who {
                return Ok(true);
            }
            let place = named["reference"].as_str().and_then(|text| place_below(&self.server.url, text));
            let Some(place) = place.filter(|place| place.starts_with("Practitioner")) else {
                return Ok(false);
            };
            let answer = http.answer(Method::GET, &place, None, HeaderMap::new(), cancel).await?;
            if !answer.status.is_success() {
                return Ok(false);
            }
            let mut names = answer.body["identifier"].as_array().into_iter().flatten();
            if names.any(|one| one["value"] == who) {
                return Ok(true);
            }
            named = answer.body["practitioner"].clone();
        }
        Ok(false)
    }

    async fn tell(&self, http: &Http, entry: &Entry, claim: &Claim<'_>, cancel: &CancellationToken) -> Told {
        let order = http.answer(Method::GET, claim.order, None, HeaderMap::new(), cancel).await?;
        match order.status.as_u16() {
            200 => {}
            // Without its order there is nothing to be told.
            404 | 410 => return Ok((Outcome::Nothing, Vec::new())),
            _ => return Err(Stop::Fate(failed(entry, &order))),
        }
        let name = urn(task_id(claim.order));
        let mut task = json!({
            "resourceType": "Task",
            "identifier": [{"use": "official", "system": URI, "value": name}],
            "status": "in-progress",
            "intent": "order",
            "code": {"coding": [{"system": system_of("SCT"), "code": READING, "display": "Imaging"}],
                     "text": "Read the imaging study"},
            "focus": {"reference": claim.order},
            "basedOn": [{"reference": claim.order}],
            "owner": person(claim.who, claim.who),
            "lastModified": now().iso(),
        });
        if order.body["resourceType"] == "ServiceRequest" && order.body["subject"].is_object() {
            task["for"] = order.body["subject"].clone();
        }
        let mut headers = HeaderMap::new();
        // One that runs, whoever made it: sent twice it is one, and of two workstations at the same moment one is first.
        let only_once = format!("{}&status=in-progress", token("identifier", URI, &name));
        let only_once = HeaderValue::from_str(&only_once)
            .map_err(|_| Trouble::Answer("a name that no header can hold"))?;
        headers.insert("if-none-exist", only_once);
        let answer = http.answer(Method::POST, "Task", Some(&task), headers, cancel).await?;
        match answer.status.as_u16() {
            // There was one: ours, whose answer was lost, or that of who was faster.
            200 => match self.task_of(http, entry, claim.order, cancel).await? {
                Some(task) => self.retell(http, entry, claim, task, cancel).await,
                None => Ok((again("sync.again", entry.attempts), Vec::new())),
            },
            201..=299 => {
                let place = answer.body["id"].as_str().map(|id| format!("Task/{id}"));
                let remote = |place: String| self.remote(claim, &place, answer.etag.clone());
                Ok((Outcome::Done, place.map(remote).into_iter().collect()))
            }
            _ => Err(Stop::Fate(failed(entry, &answer))),
        }
    }

    fn remote(&self, claim: &Claim<'_>, place: &str, version: Option<String>) -> Remote {
        Remote { identity: urn(self.claim_id(claim.order)), place: place.to_owned(), version }
    }
}

/// Under which name the task that a claim of ours met or made is known here.
pub(super) fn claim_name(sync_id: &[u8; 16], destination: &str, order: &str) -> String {
    urn(claim_id(sync_id, destination, order))
}

fn claim_id(sync_id: &[u8; 16], destination: &str, order: &str) -> uuid::Uuid {
    uuid_of(sync_id, "claim", &format!("{destination}/{order}"))
}

/// The name of our tasks about an order, the same at every workstation.
fn task_id(order: &str) -> uuid::Uuid {
    uuid_of(&[0; 16], "claim", order)
}

/// A task without a code, of fulfilling the order as a whole, or of reading: those of who makes the images are left alone.
fn is_of_reading(task: &Value) -> bool {
    let mut codes = task["code"]["coding"].as_array().into_iter().flatten().peekable();
    codes.peek().is_none() || codes.any(|one| matches!(one["code"].as_str(), Some(READING | "fulfill")))
}

/// What an answer that is no success means for one claim: what may pass is tried again, not for ever.
fn failed(entry: &Entry, answer: &Answer) -> Outcome {
    match answer.status.as_u16() {
        status if entry.attempts >= MOST_FAULTS => refused(status, &answer.body),
        // It was changed since it was read: it is read anew.
        404 | 409 | 410 | 412 => again("sync.again", entry.attempts),
        500.. => again("sync.server", entry.attempts),
        status => refused(status, &answer.body),
    }
}
