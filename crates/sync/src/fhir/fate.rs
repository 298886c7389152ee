//! What a server's answer means for a thing that was sent: arrived, refused, changed by somebody else, or to be sent again.

use super::http::{Answer, Http, place_of, version_of_etag};
use super::link::{MOST_FAULTS, Shared};
use super::names::revision_of;
use super::parcel::Parcel;
use crate::Trouble;
use crate::backoff::{after, fraction};
use crate::moment::now;
use medsight_base::Timestamp;
use medsight_cache::{Outcome, Remote};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue, IF_MATCH};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// What an answer to one entry says.
pub(super) struct Reply<'a> {
    pub(super) status: u16,
    pub(super) place: Option<String>,
    pub(super) version: Option<String>,
    pub(super) resource: Option<&'a Value>,
    pub(super) body: &'a Value,
}

impl Shared {
    /// What the answer to a parcel's own entry means.
    pub(super) async fn fate(
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
    pub(super) async fn look(
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
        if ours.is_none() {
            return Ok((conflict(), Vec::new()));
        }
        // A later revision of ours has arrived, and its answer was lost: this one has nothing to add.
        if there > parcel.revision {
            return Ok((Outcome::Done, remote(current)));
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
    pub(super) async fn get(
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
    pub(super) async fn only_ours_since(
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
        let mut versions: Vec<(&str, &str, Option<i64>, &Value)> = entries
            .iter()
            .filter_map(|entry| {
                let resource = &entry["resource"];
                let meta = &resource["meta"];
                Some((
                    meta["lastUpdated"].as_str()?,
                    meta["versionId"].as_str()?,
                    revision_of(resource, parcel.id),
                    resource,
                ))
            })
            .collect();
        versions.sort_by_key(|(updated, _, revision, _)| (*updated, *revision));
        let from = match seen {
            None => 0,
            Some(seen) => match versions.iter().position(|(_, version, ..)| *version == seen) {
                Some(at) => at,
                None => return Ok(None),
            },
        };
        let versions = &versions[from..];
        // A server that keeps half of a transaction is sent the same revision again, and keeps it twice.
        let follows = |one: &(&str, &str, Option<i64>, &Value), next: &(&str, &str, Option<i64>, &Value)| {
            one.2.is_some() && (one.2 < next.2 || (one.2 == next.2 && says_the_same(one.3, next.3)))
        };
        let rises = versions.windows(2).all(|pair| follows(&pair[0], &pair[1]));
        let all: Option<Vec<(String, i64)>> = versions
            .iter()
            .map(|(_, version, revision, _)| Some(((*version).to_owned(), (*revision)?)))
            .collect();
        // Somebody changed the newest of ours: the first that says so is still ours.
        Ok(all.filter(|_| rises))
    }
}

impl<'a> Reply<'a> {
    pub(super) fn of(entry: &'a Value) -> Self {
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

    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Two versions of a resource that differ at most in what the server adds.
fn says_the_same(one: &Value, other: &Value) -> bool {
    let without = |resource: &Value| {
        let mut resource = resource.clone();
        resource["meta"] = Value::Null;
        resource
    };
    without(one) == without(other)
}

fn version_in(answer: &Answer) -> Option<String> {
    answer.etag.clone().or_else(|| answer.body["meta"]["versionId"].as_str().map(str::to_owned))
}

pub(super) fn again(code: &'static str, attempts: u32) -> Outcome {
    let pause = after(attempts.saturating_add(1), None, fraction());
    let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
    let words = "The server failed at it. It is tried again by itself.".to_owned();
    Outcome::Again { code, words, next_try: Timestamp(now().0.saturating_add(pause_ms)) }
}

pub(super) fn several() -> Outcome {
    let words =
        "The server has several resources of this name. Its administrator has to merge them.".to_owned();
    Outcome::Refused { code: "sync.ambiguous", words }
}

pub(super) fn taken_away() -> Outcome {
    let words =
        "It was deleted at the server. Ours is kept; decide whether it is to be sent again.".to_owned();
    Outcome::Conflict { words, theirs: None }
}

/// What the server said, without its free text, which may quote the patient: the codes and places of its issues.
pub(super) fn refused(status: u16, body: &Value) -> Outcome {
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
