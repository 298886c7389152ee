//! A node's promise to keep what it was sent (storage commitment, PS3.4 J): asked for once, then waited for, wherever the
//! answer comes to.
//!
//! Many nodes answer on an association of their own, seconds or hours later: that one comes to the listener of the desk,
//! which puts it into the records. While it is out, neither are the objects sent again nor is the node asked again before
//! [`patience`] is over.

use super::PacsLink;
use crate::Trouble;
use crate::moment::now;
use medsight_base::{Timestamp, Uid};
use medsight_cache::{Cache, CacheError, Delivered, Entry, ObjectName, Outcome, Promise};
use medsight_pacs::commit;
use medsight_pacs::node::Dimse;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long the connection that asks is held open for the answer.
const ON_THE_LINE: Duration = Duration::from_secs(10);
/// The same, of a node that did not answer there before.
const HARDLY: Duration = Duration::from_millis(500);
/// A node that is silent after so many askings needs a person.
const MOST_ASKED: u32 = 6;
const HOUR_MS: i64 = 60 * 60 * 1000;

/// How long an answer is waited for after so many askings, in milliseconds: an hour longer each time, some 20 hours in all.
fn patience(askings: u32) -> i64 {
    i64::from(askings.clamp(1, 5)) * HOUR_MS
}

impl PacsLink {
    /// What the node was asked to keep of an entry since it was last sent.
    pub(super) async fn asked(&self, entry: &Entry) -> Result<Option<Promise>, Trouble> {
        let (id, name) = (entry.id, self.destination.name.clone());
        Ok(self.records(move |cache| cache.promise(id, &name)).await?)
    }

    /// Asks, where it is time to, and tells how it stands. `names`: what is to be kept, where the node was not asked yet.
    pub(super) async fn promise(
        &self,
        dimse: &Dimse,
        entry: &Entry,
        mut promise: Promise,
        cancel: &CancellationToken,
    ) -> Result<Delivered, Trouble> {
        let at = now();
        let until = Timestamp(promise.asked_at.0 + patience(promise.askings));
        // A moment that is still to come was stored by a clock that was set back since.
        let is_out = promise.askings > 0 && promise.asked_at <= at && at < until;
        if promise.missing.is_none() && !is_out {
            if promise.askings >= MOST_ASKED {
                return Ok(Delivered::plain(entry.id, silent(promise.askings)));
            }
            self.ask(dimse, entry.id, &promise.objects, cancel).await?;
            promise = self.asked(entry).await?.unwrap_or(promise);
        }
        let files = Some(promise.objects.len() as u64);
        Ok(Delivered { files, ..Delivered::plain(entry.id, verdict(&promise)) })
    }

    /// Asks; the answer, if it comes while the connection is open, is in the records.
    async fn ask(
        &self,
        dimse: &Dimse,
        entry: i64,
        objects: &[ObjectName],
        cancel: &CancellationToken,
    ) -> Result<(), Trouble> {
        let transaction = Uid::from_uuid(uuid::Uuid::new_v4().as_u128()).to_string();
        let name = self.destination.name.clone();
        let (noted, names, under) = (transaction.clone(), objects.to_vec(), name.clone());
        self.records(move |cache| cache.promise_asked(entry, &under, &noted, &names, now())).await?;
        let enough = self.heard(entry, &name);
        match commit(dimse, &transaction, objects, enough, cancel).await {
            Ok(Some(answer)) => {
                let known = move |cache: &Cache| {
                    cache.promise_answered(&transaction, &answer.committed, &answer.failed)
                };
                self.records(known).await?;
                Ok(())
            }
            Ok(None) => {
                self.answers_elsewhere.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.records(move |cache| cache.promise_not_asked(entry, &name)).await?;
                Err(error.into())
            }
        }
    }

    /// Ends when the answer has come another way, or when it is not worth while to hold the connection any longer.
    async fn heard(&self, entry: i64, destination: &str) {
        let changed = Arc::new(Notify::new());
        let wake = Arc::clone(&changed);
        let listener: Arc<dyn Fn() + Send + Sync> = Arc::new(move || wake.notify_one());
        self.cache.on_change(Arc::downgrade(&listener));
        let told = async {
            loop {
                changed.notified().await;
                let name = destination.to_owned();
                let is_answered = self.records(move |cache| cache.promise_is_answered(entry, &name)).await;
                if is_answered.unwrap_or(false) {
                    break;
                }
            }
        };
        // Either way it is asked of the records what came.
        let elsewhere = self.answers_elsewhere.load(Ordering::Relaxed);
        let _in_time = tokio::time::timeout(if elsewhere { HARDLY } else { ON_THE_LINE }, told).await;
        drop(listener);
    }

    async fn records<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cache) -> Result<T, CacheError> + Send + 'static,
    ) -> Result<T, CacheError> {
        let cache = Arc::clone(&self.cache);
        super::blocking(move || work(&cache)).await
    }
}

/// What has yet to be asked for.
pub(super) fn unasked(objects: Vec<ObjectName>) -> Promise {
    Promise { objects, askings: 0, asked_at: Timestamp(0), missing: None }
}

fn verdict(promise: &Promise) -> Outcome {
    let Some(missing) = &promise.missing else {
        let words = "The server has it. Its promise to keep it has not come yet; a server that sends it later needs \
                     the listener of this computer.";
        let next_try = Timestamp(promise.asked_at.0 + patience(promise.askings));
        return Outcome::Again { code: "sync.promise-out", words: words.to_owned(), next_try };
    };
    let Some((_, reason)) = missing.first() else { return Outcome::Done };
    let words = format!(
        "The server does not promise to keep {} of {} objects (Failure Reason {reason:04X}H). Ask its administrator, \
         then try again: they are sent anew.",
        missing.len(),
        promise.objects.len()
    );
    Outcome::Refused { code: "sync.not-committed", words }
}

fn silent(askings: u32) -> Outcome {
    let words = format!(
        "The server has it, was asked {askings} times to promise to keep it, and has not answered. It has to know this \
         computer's title and address, and the listener has to be on."
    );
    Outcome::Refused { code: "sync.no-promise", words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_silent_is_asked_six_times_in_a_day_and_never_waited_for_longer_than_the_records_believe()
     {
        let waits: Vec<i64> = (1..=MOST_ASKED).map(|n| patience(n) / HOUR_MS).collect();
        assert_eq!(waits, [1, 2, 3, 4, 5, 5]);
        assert!(waits.iter().sum::<i64>() <= 24);
    }

    #[test]
    fn what_is_promised_in_part_is_told_with_the_reason() {
        let objects = vec![("1.2".to_owned(), "1".to_owned()), ("1.2".to_owned(), "2".to_owned())];
        let missing = Some(vec![("2".to_owned(), 0x0112)]);
        let promise = Promise { objects, askings: 1, asked_at: Timestamp(0), missing };
        let Outcome::Refused { code, words } = verdict(&promise) else { panic!("refused") };
        assert_eq!(code, "sync.not-committed");
        assert!(words.contains("1 of 2") && words.contains("0112H"), "{words}");
        assert_eq!(verdict(&Promise { missing: Some(Vec::new()), ..promise }), Outcome::Done);
    }
}
