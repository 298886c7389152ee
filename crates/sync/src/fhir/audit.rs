//! The audit trail as AuditEvents (IHE BALP). The trail is the queue, and how far each destination has it is in the records.
//!
//! An event has an id of its own at every server, so that putting it there twice is putting it there once.

use super::link::FhirLink;
use crate::Trouble;
use futures_util::future::join_all;
use medsight_audit::Link;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

impl FhirLink {
    /// How many of the first of `events` the server has now.
    pub(crate) async fn deliver_audit(
        &self,
        events: &[Link],
        cancel: &CancellationToken,
    ) -> (usize, Option<Trouble>) {
        let http = match self.http().await {
            Ok(http) => http,
            Err(trouble) => return (0, Some(trouble)),
        };
        let size = usize::from(self.shared.server.bundle.max(1));
        let at_once = usize::from(self.shared.server.parallel.max(1));
        let mut arrived = 0;
        for group in events.chunks(size * at_once) {
            let sending = group.chunks(size).map(|events| {
                let bundle = self.bundle_of(events);
                let http = &http;
                async move {
                    let mut headers = HeaderMap::new();
                    headers.insert("prefer", HeaderValue::from_static("return=minimal"));
                    let answer = http.request(Method::POST, "", Some(&bundle), headers, cancel).await?;
                    let refused = |status| match status {
                        429 | 503 => Trouble::Busy { retry_after: None },
                        500.. => Trouble::Server(status),
                        _ => Trouble::Answer("it does not take an audit event, and none may be left out"),
                    };
                    if !answer.status.is_success() {
                        return Err(refused(answer.status.as_u16()));
                    }
                    let replies = answer.body["entry"].as_array().map_or(&[][..], Vec::as_slice);
                    let status =
                        |reply: &Value| reply["response"]["status"].as_str()?.get(..3)?.parse::<u16>().ok();
                    let bad = replies
                        .iter()
                        .map(|reply| status(reply).unwrap_or(500))
                        .find(|s| !(200..300).contains(s));
                    match bad {
                        Some(status) => Err(refused(status)),
                        None if replies.len() != events.len() => {
                            Err(Trouble::Answer("it does not answer each part of the transaction"))
                        }
                        None => Ok(events.len()),
                    }
                }
            });
            let mut trouble = None;
            for ended in join_all(sending).await {
                match (ended, &trouble) {
                    (Ok(count), None) => arrived += count,
                    // Behind one that did not arrive: it is put there again, which changes nothing.
                    (Ok(_), Some(_)) => {}
                    (Err(why), _) => trouble = trouble.or(Some(why)),
                }
            }
            if trouble.is_some() {
                return (arrived, trouble);
            }
        }
        (arrived, None)
    }

    fn bundle_of(&self, events: &[Link]) -> Value {
        let site = &self.shared.site;
        let entries: Vec<Value> = events
            .iter()
            .map(|event| {
                let place = format!("AuditEvent/{}", medsight_audit::fhir_id(site, event.sequence));
                json!({
                    "resource": medsight_audit::fhir(event, site),
                    "request": {"method": "PUT", "url": place},
                })
            })
            .collect();
        json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    }
}
