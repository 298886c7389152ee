//! The clock of the lock: one thread that sleeps until the time of no input is over. Input moves the time and does not wake
//! it, so a workstation that nobody uses does nothing until then.

use crate::desk::{Desk, held};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

/// What is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The time without input.
    Idle,
    /// The time of the broken glass.
    Glass,
}

/// The clock.
#[derive(Default)]
pub(super) struct Idle {
    inner: Mutex<Inner>,
    wake: Condvar,
}

struct Inner {
    /// Time without input after which it is over; `None` while nobody is at the desk.
    limit: Option<Duration>,
    /// By the clock that a change of the time of day does not move…
    last: Instant,
    /// …and by the one that goes on while the computer sleeps.
    last_by_day: SystemTime,
    glass: Option<Instant>,
    ended: bool,
    watched: bool,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            limit: None,
            last: Instant::now(),
            last_by_day: SystemTime::now(),
            glass: None,
            ended: false,
            watched: false,
        }
    }
}

impl Inner {
    /// What is left of the time without input.
    fn left(&self) -> Option<Duration> {
        let passed = self.last.elapsed().max(self.last_by_day.elapsed().unwrap_or_default());
        self.limit.map(|limit| limit.saturating_sub(passed))
    }

    fn next(&self) -> Option<(Duration, Over)> {
        let idle = self.left().map(|left| (left, Over::Idle));
        let glass = self.glass.map(|at| (at.saturating_duration_since(Instant::now()), Over::Glass));
        idle.into_iter().chain(glass).min_by_key(|(left, _)| *left)
    }
}

impl Idle {
    /// Somebody did something. After a sleep of the computer it may be too late: then the lock comes first.
    pub(super) fn input(&self) {
        let mut inner = held(&self.inner);
        if inner.left().is_some_and(|left| left.is_zero()) {
            self.wake.notify_all();
            return;
        }
        inner.last = Instant::now();
        inner.last_by_day = SystemTime::now();
    }

    /// Counts anew from now, or not at all; `glass` is what is left of the broken glass.
    pub(super) fn set(&self, limit: Option<Duration>, glass: Option<Duration>) {
        let mut inner = held(&self.inner);
        // A change of the settings does not count as input, an opened session does.
        if inner.limit.is_none() {
            inner.last = Instant::now();
            inner.last_by_day = SystemTime::now();
        }
        inner.limit = limit;
        inner.glass = glass.map(|left| Instant::now() + left);
        self.wake.notify_all();
    }

    pub(super) fn end(&self) {
        held(&self.inner).ended = true;
        self.wake.notify_all();
    }

    /// Starts the thread, once. It holds the clock and not the desk.
    pub(super) fn watch(this: &Arc<Self>, desk: &Arc<Desk>) {
        if std::mem::replace(&mut held(&this.inner).watched, true) {
            return;
        }
        let (idle, desk) = (Arc::clone(this), Arc::downgrade(desk));
        // Without its thread the desk would never lock: better that it does not run.
        std::thread::Builder::new()
            .name("idle".into())
            .spawn(move || idle.run(&desk))
            .unwrap_or_else(|why| panic!("the thread of the screen lock can't be started: {why}"));
    }

    fn run(&self, desk: &Weak<Desk>) {
        loop {
            let over = {
                let mut inner = held(&self.inner);
                loop {
                    if inner.ended {
                        return;
                    }
                    inner = match inner.next() {
                        None => self.wake.wait(inner).unwrap_or_else(PoisonError::into_inner),
                        Some((left, over)) if left.is_zero() => {
                            match over {
                                Over::Idle => inner.limit = None,
                                Over::Glass => inner.glass = None,
                            }
                            break over;
                        }
                        Some((left, _)) => {
                            let waited = self.wake.wait_timeout(inner, left);
                            waited.unwrap_or_else(PoisonError::into_inner).0
                        }
                    };
                }
            };
            match desk.upgrade() {
                Some(desk) => super::time_over(&desk, over),
                None => return,
            }
        }
    }

    /// As if nothing had been done for so long.
    #[cfg(test)]
    pub(super) fn pretend(&self, passed: Duration) {
        held(&self.inner).last_by_day -= passed;
        self.wake.notify_all();
    }
}
