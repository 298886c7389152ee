//! Requests at once against one peer, over all that is fetched from it: the most urgent first.
//!
//! What is fetched ahead never takes the last place, so that a study that is opened begins at once; and it gives its
//! place up between two requests when somebody more urgent waits. Not here: what is requested.

use crate::plan::Urgency;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Places for requests to one peer; share it between the [`crate::Retrieval`]s from that peer.
#[derive(Debug)]
pub struct Slots {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug)]
struct Inner {
    most: usize,
    used: usize,
    /// Of these, by what is fetched ahead.
    ahead: usize,
    /// Who waits, by the order in which they came.
    waiting: BTreeMap<u64, Urgency>,
    next: u64,
}

impl Inner {
    /// Whether the one with this ticket has its turn.
    fn has_turn(&self, ticket: u64, urgency: Urgency) -> bool {
        let first = self.waiting.iter().map(|(ticket, urgency)| (*urgency, *ticket)).min();
        let room_ahead = is_asked(urgency) || self.most == 1 || self.ahead + 1 < self.most;
        first == Some((urgency, ticket)) && self.used < self.most && room_ahead
    }
}

fn is_asked(urgency: Urgency) -> bool {
    urgency <= Urgency::Asked
}

impl Slots {
    /// So many requests at once, at least one.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        let inner = Inner { most: most.max(1), used: 0, ahead: 0, waiting: BTreeMap::new(), next: 0 };
        Arc::new(Self { inner: Mutex::new(inner), changed: Notify::new() })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    #[must_use]
    pub fn most(&self) -> usize {
        self.inner().most
    }

    /// Changes how many there are; those that run go on.
    pub fn set_most(&self, most: usize) {
        self.inner().most = most.max(1);
        self.changed.notify_waiters();
    }

    /// Waits for a place. `urgency` is asked again whenever something changes.
    pub(crate) async fn acquire(self: &Arc<Self>, urgency: impl Fn() -> Urgency) -> Slot {
        let ticket = Ticket::new(self, urgency());
        loop {
            let changed = self.changed.notified();
            let now = urgency();
            {
                let mut inner = self.inner();
                let before = inner.waiting.insert(ticket.number, now);
                // Who looked while this one seemed more urgent than it is has gone back to sleep.
                if before != Some(now) {
                    self.changed.notify_waiters();
                }
                if inner.has_turn(ticket.number, now) {
                    inner.used += 1;
                    inner.ahead += usize::from(!is_asked(now));
                    drop(inner);
                    return Slot { slots: self.clone(), urgency: now };
                }
            }
            changed.await;
        }
    }

    /// Those that wait look again: an urgency changed.
    pub fn look_again(&self) {
        self.changed.notify_waiters();
    }
}

/// A place in the line; given up when dropped.
struct Ticket<'s> {
    slots: &'s Slots,
    number: u64,
}

impl<'s> Ticket<'s> {
    fn new(slots: &'s Slots, urgency: Urgency) -> Self {
        let mut inner = slots.inner();
        let number = inner.next;
        inner.next += 1;
        inner.waiting.insert(number, urgency);
        Self { slots, number }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.slots.inner().waiting.remove(&self.number);
        self.slots.changed.notify_waiters();
    }
}

/// One place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    urgency: Urgency,
}

impl Slot {
    /// Whether somebody more urgent than `mine` waits for it.
    pub(crate) fn is_wanted(&self, mine: Urgency) -> bool {
        self.slots.inner().waiting.values().any(|other| *other < mine)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut inner = self.slots.inner();
        inner.used = inner.used.saturating_sub(1);
        inner.ahead = inner.ahead.saturating_sub(usize::from(!is_asked(self.urgency)));
        drop(inner);
        self.slots.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn soon(slots: &Arc<Slots>, urgency: Urgency) -> Option<Slot> {
        tokio::time::timeout(Duration::from_millis(50), slots.acquire(|| urgency)).await.ok()
    }

    #[tokio::test]
    async fn what_is_fetched_ahead_leaves_a_place_for_the_study_that_is_opened() {
        let slots = Slots::new(2);
        let ahead = soon(&slots, Urgency::Prior).await;
        assert!(ahead.is_some());
        assert!(soon(&slots, Urgency::Prior).await.is_none());
        let open = soon(&slots, Urgency::Open).await;
        assert!(open.is_some());
        assert!(soon(&slots, Urgency::Asked).await.is_none());
        drop(ahead);
        assert!(soon(&slots, Urgency::Asked).await.is_some());
    }

    #[tokio::test]
    async fn one_that_has_become_less_urgent_does_not_leave_the_others_asleep() {
        let slots = Slots::new(2);
        let held = soon(&slots, Urgency::Prior).await.unwrap();
        let prior = tokio::spawn({
            let slots = slots.clone();
            async move { drop(slots.acquire(|| Urgency::Prior).await) }
        });
        tokio::task::yield_now().await;
        // Its study has nothing left to fetch by the time the place is free.
        let has_more = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let next = tokio::spawn({
            let (slots, has_more) = (slots.clone(), has_more.clone());
            let urgency = move || match has_more.load(std::sync::atomic::Ordering::Relaxed) {
                true => Urgency::Next,
                false => Urgency::Prior,
            };
            async move { drop(slots.acquire(urgency).await) }
        });
        tokio::task::yield_now().await;
        has_more.store(false, std::sync::atomic::Ordering::Relaxed);
        drop(held);
        let both = async { (prior.await, next.await) };
        assert!(tokio::time::timeout(Duration::from_secs(5), both).await.is_ok(), "both sleep for ever");
    }

    #[tokio::test]
    async fn the_most_urgent_is_next_and_what_runs_is_told_that_it_waits() {
        let slots = Slots::new(1);
        let first = soon(&slots, Urgency::Prior).await.unwrap();
        let asked = tokio::spawn({
            let slots = slots.clone();
            async move { slots.acquire(|| Urgency::Asked).await }
        });
        tokio::task::yield_now().await;
        let open = tokio::spawn({
            let slots = slots.clone();
            async move { slots.acquire(|| Urgency::Open).await }
        });
        while !first.is_wanted(Urgency::Asked) {
            tokio::task::yield_now().await;
        }
        drop(first);
        let open = open.await.unwrap();
        assert!(!asked.is_finished());
        drop(open);
        asked.await.unwrap();
    }
}
