//! One of the requests at once: takes a place, fetches what is most urgent, and gives the place up to the more urgent.

use crate::fetch::GetSession;
use crate::moving::{MoveSession, Mover};
use crate::plan::{Item, Plan, Urgency};
use crate::retrieve::{Came, Remote};
use crate::sink::Keeper;
use crate::slots::{Slot, Slots};
use crate::web::WebClient;
use crate::{NetError, Wanted};
use medsight_record::node::Dimse;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Instances of one C-GET or C-MOVE: few at first, so that the reader's slice is not behind others.
const FIRST_BATCH: usize = 4;
const LARGEST_BATCH: usize = 64;

pub(crate) struct Worker {
    pub(crate) remote: Remote,
    pub(crate) plan: Arc<Plan>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) keeper: Keeper,
    pub(crate) stop: CancellationToken,
    pub(crate) came: Arc<Came>,
}

impl Worker {
    /// Works until the plan is done. A failure stops the listing and the other workers: what they would fetch is asked
    /// for again.
    pub(crate) async fn run(self) -> Result<(), NetError> {
        let ended = self.work().await;
        if ended.is_err() {
            self.stop.cancel();
        }
        ended
    }

    async fn work(&self) -> Result<(), NetError> {
        let mut most = FIRST_BATCH;
        loop {
            let slot = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(NetError::Cancelled),
                slot = self.slot() => slot,
            };
            let Some(slot) = slot else { return Ok(()) };
            match &self.remote {
                Remote::Web(client) => self.over_web(client, &slot).await?,
                Remote::Dimse(node) => self.over_dimse(node, &slot, &mut most).await?,
                Remote::Move(mover) => self.by_move(mover, &slot, &mut most).await?,
            }
        }
    }

    fn urgency(&self) -> Urgency {
        self.plan.urgency(Urgency::Prior)
    }

    /// A place, as soon as there is something to fetch; `None` at the end.
    async fn slot(&self) -> Option<Slot> {
        if !self.plan.ready().await {
            return None;
        }
        Some(self.slots.acquire(|| self.urgency()).await)
    }

    /// What comes next on this place; nothing when somebody more urgent waits for it, or nothing is left.
    fn next(&self, slot: &Slot, most: usize) -> Result<Vec<Item>, NetError> {
        if self.stop.is_cancelled() {
            return Err(NetError::Cancelled);
        }
        Ok(if slot.is_wanted(self.urgency()) { Vec::new() } else { self.plan.take(most) })
    }

    async fn over_web(&self, client: &WebClient, slot: &Slot) -> Result<(), NetError> {
        while let Some(item) = self.next(slot, 1)?.pop() {
            let wanted =
                Wanted { study: item.study, series: Some(item.series), instances: vec![item.instance] };
            match client.instances(&wanted, &self.keeper, &self.stop).await {
                Ok(count) => self.came.add(count),
                // Gone there since it was listed: it stays missing, and the others come.
                Err(NetError::Http { status: 404 | 410, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn by_move(&self, mover: &Mover, slot: &Slot, most: &mut usize) -> Result<(), NetError> {
        let mut session: Option<MoveSession> = None;
        loop {
            let items = self.next(slot, *most)?;
            let Some(wanted) = wanted_of(&items) else { break };
            *most = (*most * 2).min(LARGEST_BATCH);
            let mut open = match session.take() {
                Some(open) => open,
                None => MoveSession::open(&mover.node, &mover.destination, &self.stop).await?,
            };
            open.fetch(&wanted, &mover.inbox, &self.keeper, &self.came, &self.stop).await?;
            session = Some(open);
        }
        if let Some(open) = session {
            open.release().await;
        }
        Ok(())
    }

    async fn over_dimse(&self, node: &Dimse, slot: &Slot, most: &mut usize) -> Result<(), NetError> {
        let mut session: Option<(GetSession, BTreeSet<String>)> = None;
        loop {
            let items = self.next(slot, *most)?;
            let Some(wanted) = wanted_of(&items) else { break };
            *most = (*most * 2).min(LARGEST_BATCH);
            let classes: BTreeSet<String> =
                items.iter().map(|item| item.sop_class.clone()).filter(|class| !class.is_empty()).collect();
            // An association knows only the classes that it was made for.
            if !matches!(&session, Some((_, known)) if classes.is_subset(known)) {
                if let Some((old, _)) = session.take() {
                    old.release().await;
                }
                let offered: Vec<String> = classes.iter().cloned().collect();
                session = Some((GetSession::open(node, &offered, &self.stop).await?, classes));
            }
            let Some((mut open, known)) = session.take() else { continue };
            open.get(&wanted, &self.keeper, |came| self.came.add(came)).await?;
            session = Some((open, known));
        }
        if let Some((open, _)) = session {
            open.release().await;
        }
        Ok(())
    }
}

/// Instances of one series as a request; `None` when there are none.
fn wanted_of(items: &[Item]) -> Option<Wanted> {
    let first = items.first()?;
    Some(Wanted {
        study: first.study.clone(),
        series: Some(first.series.clone()),
        instances: items.iter().map(|item| item.instance.clone()).collect(),
    })
}
