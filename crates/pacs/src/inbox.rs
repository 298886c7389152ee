//! Where a listener's objects go: what a peer sends because a [`crate::Retrieval`] asked for it (C-MOVE) counts as part of
//! that retrieval; everything else is what peers send of their own accord.
//!
//! They are told apart by their SOP Instance UIDs: the title and number of the request that C-STORE may carry
//! (0000,1030 and 0000,1031) are left out by some archives. Not here: listening, and asking.

use crate::retrieve::Came;
use crate::sink::{Arrival, Keeper, Sink, Store, Taken};
use medsight_record::Refusal;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The sink of a listener that peers are asked to send to.
pub struct Inbox {
    expected: Mutex<HashMap<String, Arc<Request>>>,
    unasked: Arc<dyn Sink>,
}

/// One request to a peer, and what came of it.
struct Request {
    store: Arc<Store>,
    came: Arc<Came>,
    /// Objects, whether they could be kept or not.
    arrived: Arc<AtomicU64>,
    changed: Notify,
}

impl Inbox {
    /// With the place of what nobody asked for.
    #[must_use]
    pub fn new(unasked: Arc<dyn Sink>) -> Arc<Self> {
        Arc::new(Self { expected: Mutex::default(), unasked })
    }

    fn expected(&self) -> MutexGuard<'_, HashMap<String, Arc<Request>>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on these instances belong to the retrieval of `keeper`.
    pub(crate) fn expect(
        self: &Arc<Self>,
        instances: &[String],
        keeper: &Keeper,
        came: &Arc<Came>,
    ) -> Expecting {
        let request = Arc::new(Request {
            store: keeper.store().clone(),
            came: came.clone(),
            arrived: Arc::default(),
            changed: Notify::new(),
        });
        let mut expected = self.expected();
        for instance in instances {
            expected.insert(instance.clone(), request.clone());
        }
        drop(expected);
        Expecting { inbox: self.clone(), request, instances: instances.to_vec() }
    }
}

impl Sink for Inbox {
    fn keep(&self, arrivals: &[Arrival]) -> Vec<Result<Taken, Refusal>> {
        let requests: Vec<Option<Arc<Request>>> = {
            let expected = self.expected();
            arrivals.iter().map(|arrival| expected.get(&arrival.name.instance).cloned()).collect()
        };
        let same = |a: &Option<Arc<Request>>, b: &Option<Arc<Request>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        let (mut answers, mut rest) = (Vec::with_capacity(arrivals.len()), arrivals);
        for of_one in requests.chunk_by(same) {
            let (group, behind) = rest.split_at(of_one.len());
            rest = behind;
            answers.extend(match of_one.first() {
                Some(Some(request)) => request.keep(group),
                _ => self.unasked.keep(group),
            });
        }
        answers
    }

    fn missing(&self, study: &str, instances: &[String]) -> Result<Vec<String>, Refusal> {
        self.unasked.missing(study, instances)
    }
}

impl Request {
    fn keep(&self, group: &[Arrival]) -> Vec<Result<Taken, Refusal>> {
        let answers = self.store.take(group);
        self.arrived.fetch_add(group.len() as u64, Ordering::Relaxed);
        self.came.add(group.len() as u64);
        self.changed.notify_one();
        answers
    }
}

/// Instances that a peer was asked for; what comes later counts as unasked once this is dropped.
pub(crate) struct Expecting {
    inbox: Arc<Inbox>,
    request: Arc<Request>,
    instances: Vec<String>,
}

impl Expecting {
    /// Counts up with each object that comes.
    pub(crate) fn counter(&self) -> &Arc<AtomicU64> {
        &self.request.arrived
    }

    pub(crate) fn arrived(&self) -> u64 {
        self.request.arrived.load(Ordering::Relaxed)
    }

    /// Waits until `count` are here, or none has come for `quiet`: some peers answer before they have sent.
    pub(crate) async fn settle(&self, count: u64, quiet: Duration) {
        while self.arrived() < count {
            if tokio::time::timeout(quiet, self.request.changed.notified()).await.is_err() {
                break;
            }
        }
    }
}

impl Drop for Expecting {
    fn drop(&mut self) {
        let mut expected = self.inbox.expected();
        for instance in &self.instances {
            // Another retrieval may have asked for the same since.
            if expected.get(instance).is_some_and(|other| Arc::ptr_eq(other, &self.request)) {
                expected.remove(instance);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part10::ObjectName;

    #[derive(Default)]
    struct Names(Mutex<Vec<String>>);

    impl Sink for Names {
        fn keep(&self, arrivals: &[Arrival]) -> Vec<Result<Taken, Refusal>> {
            let names = arrivals.iter().map(|arrival| arrival.name.instance.clone());
            self.0.lock().unwrap().extend(names);
            arrivals.iter().map(|_| Ok(Taken::New)).collect()
        }

        fn missing(&self, _: &str, instances: &[String]) -> Result<Vec<String>, Refusal> {
            Ok(instances.to_vec())
        }
    }

    fn arrival(instance: &str) -> Arrival {
        let name = ObjectName {
            sop_class: String::new(),
            instance: instance.into(),
            transfer_syntax: String::new(),
        };
        Arrival { name, file: vec![0; 8], from: "PACS".into() }
    }

    #[tokio::test]
    async fn what_was_asked_for_is_the_retrievals_and_the_rest_is_unasked() {
        let (asked, unasked) = (Arc::new(Names::default()), Arc::new(Names::default()));
        let inbox = Inbox::new(unasked.clone());
        let (keeper, tally) = Keeper::start(asked.clone());
        let came = Arc::new(Came::new(|_| {}));
        let expecting = inbox.expect(&["1".into(), "3".into(), "4".into()], &keeper, &came);
        let answers = inbox.keep(&["1", "2", "3"].map(arrival));
        assert_eq!(answers, vec![Ok(Taken::New); 3]);
        // The fourth does not come: it is not waited for without end.
        expecting.settle(3, Duration::from_millis(20)).await;
        assert_eq!(expecting.arrived(), 2);
        drop(expecting);
        inbox.keep(&[arrival("4")]);
        drop(keeper);
        assert_eq!(tally.await.unwrap().new, 2);
        assert_eq!(*asked.0.lock().unwrap(), ["1", "3"]);
        assert_eq!(*unasked.0.lock().unwrap(), ["2", "4"]);
    }

    #[tokio::test]
    async fn a_second_retrieval_of_the_same_objects_takes_over_and_keeps_them_when_the_first_ends() {
        let (first, second) = (Arc::new(Names::default()), Arc::new(Names::default()));
        let inbox = Inbox::new(Arc::new(Names::default()));
        let (one, _tally) = Keeper::start(first.clone());
        let (other, _tally) = Keeper::start(second.clone());
        let came = Arc::new(Came::new(|_| {}));
        let earlier = inbox.expect(&["1".into()], &one, &came);
        let _later = inbox.expect(&["1".into()], &other, &came);
        drop(earlier);
        inbox.keep(&[arrival("1")]);
        assert!(first.0.lock().unwrap().is_empty());
        assert_eq!(*second.0.lock().unwrap(), ["1"]);
    }
}
