//! Who reads a study, told where its order came from: in the Task that is there, else in one of ours.
//!
//! A task is changed only in the version that was just read (If-Match), and never taken from somebody else: that is a
//! conflict, which a person sees. The order itself is not touched.

use super::fate::{again, refused};
use super::http::Http;
use super::link::Shared;
use super::names::{URI, identifiers, system_of, token, urn, uuid_of};
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
            return Ok(ended(entry, Outcome::Done, Vec::new()));
        };
        // The order is of another system: it is no business of this one.
        if payload["destination"] != self.name.as_str() {
            return Ok(ended(entry, Outcome::Done, Vec::new()));
        }
        let claim =
            Claim { order, who, is_taken: payload["taken"] == true, is_read: payload["read"] == true };
        let (outcome, remotes) = match self.task_of(http, order, cancel).await? {
            Some(task) => self.retell(http, entry, &claim, task, cancel).await?,
            None if claim.is_taken => self.tell(http, entry, &claim, cancel).await?,
            None => (Outcome::Done, Vec::new()),
        };
        Ok(ended(entry, outcome, remotes))
    }

    fn claim_id(&self, order: &str) -> uuid::Uuid {
        uuid_of(&self.sync_id, "claim", &format!("{}/{order}", self.name))
    }

    /// The task about an order that is not over: somebody's before nobody's.
    async fn task_of(
        &self,
        http: &Http,
        order: &str,
        cancel: &CancellationToken,
    ) -> Result<Option<Value>, Trouble> {
        let mut found: Option<Value> = None;
        for parameter in ["focus", "based-on"] {
            let path = format!("Task?{parameter}={order}&_count=50");
            let answer = http.request(Method::GET, &path, None, HeaderMap::new(), cancel).await?;
            if !answer.status.is_success() {
                return Err(Trouble::Server(answer.status.as_u16()));
            }
            for entry in answer.body["entry"].as_array().into_iter().flatten() {
                let task = &entry["resource"];
                let is_over = matches!(
                    task["status"].as_str(),
                    Some("completed" | "cancelled" | "rejected" | "failed" | "entered-in-error")
                );
                if task["resourceType"] != "Task" || is_over {
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
    ) -> Result<(Outcome, Vec<Remote>), Trouble> {
        let is_ours = task["owner"]["identifier"]["value"] == claim.who;
        let is_free = task["owner"].is_null();
        if claim.is_taken && !is_ours && !is_free {
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
            return Ok((Outcome::Done, Vec::new()));
        }
        let (Some(id), Some(version)) = (task["id"].as_str(), task["meta"]["versionId"].as_str()) else {
            return Err(Trouble::Answer("a task without a version"));
        };
        let place = format!("Task/{id}");
        let mut headers = HeaderMap::new();
        let etag = HeaderValue::from_str(&format!("W/\"{version}\""))
            .map_err(|_| Trouble::Answer("a version that no header can hold"))?;
        headers.insert(IF_MATCH, etag);
        let is_made_here = task["identifier"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["value"] == urn(self.claim_id(claim.order))));
        if claim.is_taken {
            task["owner"] = person(claim.who, claim.who);
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
        let answer = http.request(Method::PUT, &place, Some(&task), headers, cancel).await?;
        Ok(match answer.status.as_u16() {
            200..=299 => (Outcome::Done, vec![self.remote(claim, &place, answer.etag)]),
            // It was changed since it was read: it is read anew.
            404 | 409 | 410 | 412 => (again("sync.again", entry.attempts), Vec::new()),
            500.. => (again("sync.server", entry.attempts), Vec::new()),
            status => (refused(status, &answer.body), Vec::new()),
        })
    }

    async fn tell(
        &self,
        http: &Http,
        entry: &Entry,
        claim: &Claim<'_>,
        cancel: &CancellationToken,
    ) -> Result<(Outcome, Vec<Remote>), Trouble> {
        let order = http.request(Method::GET, claim.order, None, HeaderMap::new(), cancel).await?;
        match order.status.as_u16() {
            200 => {}
            // Without its order there is nothing to be told.
            404 | 410 => return Ok((Outcome::Done, Vec::new())),
            status => return Err(Trouble::Server(status)),
        }
        let id = self.claim_id(claim.order);
        let task = json!({
            "resourceType": "Task",
            // The entry counts up: another claim of the same order is another revision.
            "identifier": identifiers(id, entry.id),
            "status": "in-progress",
            "intent": "order",
            "code": {"coding": [{"system": system_of("SCT"), "code": "363679005", "display": "Imaging"}],
                     "text": "Read the imaging study"},
            "focus": {"reference": claim.order},
            "basedOn": [{"reference": claim.order}],
            "for": order.body["subject"],
            "owner": person(claim.who, claim.who),
            "lastModified": now().iso(),
        });
        let mut headers = HeaderMap::new();
        // Sent twice it is one: the search names this very entry.
        let only_once = token("identifier", URI, &format!("{}#{}", urn(id), entry.id));
        let only_once = HeaderValue::from_str(&only_once)
            .map_err(|_| Trouble::Answer("a name that no header can hold"))?;
        headers.insert("if-none-exist", only_once);
        let answer = http.request(Method::POST, "Task", Some(&task), headers, cancel).await?;
        Ok(match answer.status.as_u16() {
            200..=299 => {
                let place = answer.body["id"].as_str().map(|id| format!("Task/{id}"));
                (
                    Outcome::Done,
                    place.into_iter().map(|place| self.remote(claim, &place, answer.etag.clone())).collect(),
                )
            }
            409 | 412 => (again("sync.again", entry.attempts), Vec::new()),
            500.. => (again("sync.server", entry.attempts), Vec::new()),
            status => (refused(status, &answer.body), Vec::new()),
        })
    }

    fn remote(&self, claim: &Claim<'_>, place: &str, version: Option<String>) -> Remote {
        Remote { identity: urn(self.claim_id(claim.order)), place: place.to_owned(), version }
    }
}

fn ended(entry: &Entry, outcome: Outcome, remotes: Vec<Remote>) -> Delivered {
    Delivered { remotes, ..Delivered::plain(entry.id, outcome) }
}
