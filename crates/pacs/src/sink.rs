//! Where received objects go, and the thread that brings them there.
//!
//! Objects come in faster than they can be encrypted and written. A bounded channel makes the network wait; one
//! thread takes what is queued as one group and answers for all of it. So a burst costs one commit, and
//! a peer is never told that an object is kept before it is. A peer that sends one object and waits finds the thread
//! idle: then the association's own thread keeps it, without two changes of threads an object.

use crate::part10::ObjectName;
use medsight_record::Refusal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Received objects that wait to be kept, at most.
const QUEUE: usize = 32;
/// Their bytes, at most, in KiB; one larger object waits alone.
const BUDGET_KIB: u32 = 256 << 10;

/// An object as it came in.
#[derive(Debug)]
pub struct Arrival {
    /// What it is, as the association or the server said.
    pub name: ObjectName,
    /// A whole file (PS3.10 7): a meta header of ours and the data set byte for byte, or the server's file.
    pub file: Vec<u8>,
    /// The peer's application entity title, or its host.
    pub from: String,
}

/// What became of an object that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is new here.
    New,
    /// It was here before.
    AlreadyHere,
}

/// Keeps received objects. Called on a thread of its own, which it may block, one call at a time.
pub trait Sink: Send + Sync + 'static {
    /// Takes a group of objects; one answer each, in their order. What is answered well is durable; a refusal is
    /// told to the peer, and other objects go on.
    fn keep(&self, arrivals: &[Arrival]) -> Vec<Result<Taken, Refusal>>;

    /// Which of these instances of a study are not here.
    ///
    /// # Errors
    /// When it cannot be told.
    fn missing(&self, study: &str, instances: &[String]) -> Result<Vec<String>, Refusal>;
}

/// How many of what a keeper took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// New objects.
    pub new: u64,
    /// Objects that were here before.
    pub already_here: u64,
    /// Bytes of the new ones.
    pub bytes: u64,
    /// Objects that were not taken: instance and why.
    pub refused: Vec<(String, Refusal)>,
}

impl Kept {
    pub(crate) fn add(&mut self, other: Self) {
        self.new += other.new;
        self.already_here += other.already_here;
        self.bytes += other.bytes;
        self.refused.extend(other.refused);
    }
}

type Answer = oneshot::Sender<Result<Taken, Refusal>>;

struct Queued {
    arrival: Arrival,
    answer: Option<Answer>,
    /// Its share of [`BUDGET_KIB`], given back when the object is kept.
    share: OwnedSemaphorePermit,
}

/// The near end of the channel. Cheap to clone; the thread ends when the last one is gone.
#[derive(Clone)]
pub(crate) struct Keeper {
    queue: mpsc::Sender<Queued>,
    budget: Arc<Semaphore>,
    store: Arc<Store>,
    /// Whether whoever has this is alone on its thread.
    pub(crate) may_block: bool,
}

/// The sink and what it took; locked while it works, so that it is called by one at a time.
pub(crate) struct Store {
    sink: Arc<dyn Sink>,
    kept: Mutex<Kept>,
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a group that came by another way than the queue, and counts it as if it had.
    pub(crate) fn take(&self, group: &[Arrival]) -> Vec<Result<Taken, Refusal>> {
        let mut kept = self.lock();
        self.keep(&mut kept, group)
    }

    /// Keeps a group and counts it; one answer each.
    fn keep(&self, kept: &mut Kept, group: &[Arrival]) -> Vec<Result<Taken, Refusal>> {
        let mut outcomes = self.sink.keep(group);
        outcomes.resize_with(group.len(), || Err(stopped()));
        for (arrival, outcome) in group.iter().zip(&outcomes) {
            match outcome {
                Ok(Taken::New) => {
                    kept.new += 1;
                    kept.bytes += arrival.file.len() as u64;
                }
                Ok(Taken::AlreadyHere) => kept.already_here += 1,
                Err(why) => kept.refused.push((arrival.name.instance.clone(), why.clone())),
            }
        }
        outcomes
    }
}

impl Keeper {
    /// Starts the thread. The handle gives the tally once all keepers are gone.
    pub(crate) fn start(sink: Arc<dyn Sink>) -> (Self, tokio::task::JoinHandle<Kept>) {
        let (queue, arrivals) = mpsc::channel(QUEUE);
        let budget = Arc::new(Semaphore::new(BUDGET_KIB as usize));
        let store = Arc::new(Store { sink, kept: Mutex::default() });
        let keeper = Self { queue, budget, store: store.clone(), may_block: false };
        (keeper, tokio::task::spawn_blocking(move || keep_all(&store, arrivals)))
    }

    /// Where what it is given goes.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Hands an object over; waits while the queue is full. What becomes of it is in the tally.
    pub(crate) async fn push(&self, arrival: Arrival) -> Result<(), Refusal> {
        self.queue(arrival, None).await
    }

    /// Hands an object over and waits until it is durable.
    pub(crate) async fn keep(&self, arrival: Arrival) -> Result<Taken, Refusal> {
        let is_idle = self.queue.capacity() == QUEUE;
        if self.may_block
            && is_idle
            && let Ok(mut kept) = self.store.kept.try_lock()
        {
            let answer = self.store.keep(&mut kept, std::slice::from_ref(&arrival)).pop();
            return answer.unwrap_or_else(|| Err(stopped()));
        }
        let (answer, kept) = oneshot::channel();
        self.queue(arrival, Some(answer)).await?;
        kept.await.unwrap_or_else(|_| Err(stopped()))
    }

    async fn queue(&self, arrival: Arrival, answer: Option<Answer>) -> Result<(), Refusal> {
        let kib = (arrival.file.len() as u64 / 1024).clamp(1, u64::from(BUDGET_KIB)) as u32;
        let share = self.budget.clone().acquire_many_owned(kib).await.map_err(|_| stopped())?;
        self.queue.send(Queued { arrival, answer, share }).await.map_err(|_| stopped())
    }
}

fn stopped() -> Refusal {
    Refusal::new("stopped", "The store for received objects has stopped.")
}

fn keep_all(store: &Store, mut arrivals: mpsc::Receiver<Queued>) -> Kept {
    while let Some(first) = arrivals.blocking_recv() {
        // While somebody else keeps an object, more may come into this group.
        let mut kept = store.lock();
        let (mut group, mut answers, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(Queued { arrival, answer, share }) = next {
            group.push(arrival);
            answers.push(answer);
            shares.push(share);
            next = arrivals.try_recv().ok();
        }
        let outcomes = store.keep(&mut kept, &group);
        for (outcome, answer) in outcomes.into_iter().zip(answers) {
            if let Some(answer) = answer {
                // A peer that has gone away does not want to know.
                let _gone = answer.send(outcome);
            }
        }
    }
    std::mem::take(&mut *store.lock())
}
