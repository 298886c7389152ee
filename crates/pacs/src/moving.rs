//! C-MOVE (PS3.4 C.4.2): has a peer send objects to an application entity that it knows by title, which takes them by a
//! listener of its own ([`crate::listen`]). Not here: the listener, and what becomes of the objects.

use crate::NetError;
use crate::association::{Association, Proposal};
use crate::command::{Command, field, tag};
use crate::fetch::{Retrieved, SubOperations, Wanted, counted, ended};
use crate::inbox::{Expecting, Inbox};
use crate::retrieve::Came;
use crate::sink::{Keeper, Kept};
use crate::status::{PENDING, PENDING_WARNING};
use dicom_dictionary_std::uids;
use medsight_record::node::Dimse;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const MOVE: &str = uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_MOVE;
/// A peer that has answered but not sent all is waited for so long after the last object.
const QUIET: Duration = Duration::from_secs(5);

/// A peer that sends what is asked for to a listener of ours.
#[derive(Clone)]
pub struct Mover {
    /// The peer.
    pub node: Dimse,
    /// Our listener's title, in the peer's own table.
    pub destination: String,
    /// Where the listener puts what comes.
    pub inbox: Arc<Inbox>,
}

/// Has the peer send objects to `destination`, an application entity title in the peer's own table.
///
/// # Errors
/// [`NetError`]; `told` stays valid.
pub async fn move_to(
    to: &Dimse,
    wanted: &Wanted,
    destination: &str,
    cancel: &CancellationToken,
    progress: impl FnMut(&SubOperations),
) -> Retrieved {
    let mut told = SubOperations::default();
    let work = async {
        let mut session = MoveSession::open(to, destination, cancel).await?;
        let moved = session.ask(wanted, None, progress).await;
        told = session.told;
        moved?;
        session.release().await;
        Ok(())
    };
    let ended = work.await;
    Retrieved { told, kept: Kept::default(), error: ended.err() }
}

/// An association for several C-MOVEs to one destination.
pub(crate) struct MoveSession {
    /// `None` after a failure.
    association: Option<Association>,
    context: u8,
    destination: String,
    /// Of the last C-MOVE.
    told: SubOperations,
}

impl MoveSession {
    pub(crate) async fn open(
        to: &Dimse,
        destination: &str,
        cancel: &CancellationToken,
    ) -> Result<Self, NetError> {
        let association = Association::request(to, &[Proposal::service(MOVE)], cancel).await?;
        let Some(context) = association.context_for(MOVE).map(|c| c.id) else {
            association.release().await;
            return Err(NetError::NotOffered("retrieval to a destination (C-MOVE)".to_owned()));
        };
        let (association, told) = (Some(association), SubOperations::default());
        Ok(Self { association, context, destination: destination.to_owned(), told })
    }

    /// One C-MOVE to our own listener; ends when the objects are here or the peer has no more.
    pub(crate) async fn fetch(
        &mut self,
        wanted: &Wanted,
        inbox: &Arc<Inbox>,
        keeper: &Keeper,
        came: &Arc<Came>,
        cancel: &CancellationToken,
    ) -> Result<(), NetError> {
        let expecting = inbox.expect(&wanted.instances, keeper, came);
        let moved = self.ask(wanted, Some(&expecting), |_| {}).await;
        let not_delivered =
            |why: String| NetError::NotDelivered { destination: self.destination.clone(), why };
        match moved {
            // It does not know the destination, cannot reach it, or is refused here.
            Err(error @ NetError::Failed { .. }) if expecting.arrived() == 0 => {
                return Err(not_delivered(error.to_string()));
            }
            other => other?,
        }
        let failed = u64::from(self.told.failed);
        if failed > 0 && expecting.arrived() == 0 {
            return Err(not_delivered(format!("{failed} objects failed")));
        }
        let count = (wanted.instances.len() as u64).saturating_sub(failed);
        tokio::select! {
            () = cancel.cancelled() => Err(NetError::Cancelled),
            () = expecting.settle(count, QUIET) => Ok(()),
        }
    }

    /// One C-MOVE. While objects come to `expecting`, a peer that sends no pending answers is not silent.
    async fn ask(
        &mut self,
        wanted: &Wanted,
        expecting: Option<&Expecting>,
        mut progress: impl FnMut(&SubOperations),
    ) -> Result<(), NetError> {
        let Some(mut association) = self.association.take() else { return Err(NetError::Lost("C-MOVE")) };
        self.told = SubOperations::default();
        if let Some(expecting) = expecting {
            association.watch(expecting.counter());
        }
        let id = association.message_id();
        let request = Command::new(field::C_MOVE_RQ, true)
            .number(tag::MESSAGE_ID, id)
            .uid(tag::AFFECTED_CLASS, MOVE)
            .title(tag::DESTINATION, &self.destination)
            .number(tag::PRIORITY, 0);
        association.send(self.context, &request, Some(&wanted.keys().encode())).await?;
        let doing = "waiting for C-MOVE";
        loop {
            let told = &mut self.told;
            let step = async {
                let (context, answer) = association.answer(field::C_MOVE_RSP, doing).await?;
                counted(&mut association, context, &answer, told, doing).await
            };
            match step.await {
                Ok(PENDING | PENDING_WARNING) => progress(&self.told),
                Ok(status) => {
                    progress(&self.told);
                    self.association = Some(association);
                    return ended("C-MOVE", status);
                }
                Err(NetError::Cancelled) => {
                    association.cancel_move(self.context, id).await;
                    return Err(NetError::Cancelled);
                }
                Err(error) => {
                    association.abort().await;
                    return Err(error);
                }
            }
        }
    }

    pub(crate) async fn release(self) {
        if let Some(association) = self.association {
            association.release().await;
        }
    }
}
