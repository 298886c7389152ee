//! C-GET (PS3.4 C.4.3): studies, series or instances, from a peer, over the association that asked; and what it has in
//! common with C-MOVE, which is `moving`.

use crate::association::{Association, Incoming, MOST_CONTEXTS, Proposal};
use crate::command::{Command, field, tag};
use crate::find::Level;
use crate::keys::Keys;
use crate::part10::{self, ObjectName};
use crate::sink::{Arrival, Keeper, Kept, Sink};
use crate::status::{self, PENDING};
use crate::{NetError, syntax};
use dicom_dictionary_std::{tags, uids};
use medsight_base::Uid;
use medsight_record::node::Dimse;
use serde::Serialize;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Largest object that is taken, as the import has it.
pub(crate) const LARGEST_OBJECT: u64 = 8 << 30;
/// Longest identifier of an answer; it may list the UIDs that failed.
const MAX_IDENTIFIER: u64 = 64 << 20;

/// What is to be retrieved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Study Instance UID.
    pub study: String,
    /// Only this series.
    pub series: Option<String>,
    /// Only these instances of the series.
    pub instances: Vec<String>,
}

impl Wanted {
    /// A whole study.
    #[must_use]
    pub fn study(uid: &str) -> Self {
        Self { study: uid.to_owned(), series: None, instances: Vec::new() }
    }

    fn level(&self) -> Level {
        match (&self.series, self.instances.is_empty()) {
            (None, _) => Level::Study,
            (Some(_), true) => Level::Series,
            (Some(_), false) => Level::Image,
        }
    }

    pub(crate) fn keys(&self) -> Keys {
        let keys = Keys::new()
            .matching(tags::QUERY_RETRIEVE_LEVEL, self.level().word())
            .matching(tags::STUDY_INSTANCE_UID, &self.study);
        let keys = match &self.series {
            Some(series) => keys.matching(tags::SERIES_INSTANCE_UID, series),
            None => keys,
        };
        if self.level() == Level::Image {
            keys.matching(tags::SOP_INSTANCE_UID, &self.instances.join("\\"))
        } else {
            keys
        }
    }
}

/// How far the peer is with its sub-operations (PS3.7 C.4.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SubOperations {
    /// To go; unknown at the end.
    pub remaining: Option<u16>,
    /// Done.
    pub completed: u16,
    /// Failed.
    pub failed: u16,
    /// Done with a warning.
    pub warning: u16,
}

/// How a retrieval ended.
#[derive(Debug)]
pub struct Retrieved {
    /// As the peer counted.
    pub told: SubOperations,
    /// As we counted; empty for C-MOVE, where a listener counts.
    pub kept: Kept,
    /// Why it ended early.
    pub error: Option<NetError>,
}

/// Brings objects here by C-GET. `classes`: the SOP classes to expect; empty when unknown. Each is offered in each
/// syntax that can be kept, so that the peer need not transcode.
pub async fn get(
    to: &Dimse,
    wanted: &Wanted,
    classes: &[String],
    sink: Arc<dyn Sink>,
    cancel: &CancellationToken,
) -> Retrieved {
    let (keeper, tally) = Keeper::start(sink);
    let mut told = SubOperations::default();
    let work = async {
        let mut session = GetSession::open(to, classes, cancel).await?;
        session.get(wanted, &keeper, |_| {}).await?;
        told = session.told;
        session.release().await;
        Ok(())
    };
    let ended = work.await;
    drop(keeper);
    let kept = tally.await.unwrap_or_default();
    Retrieved { told, kept, error: ended.err() }
}

pub(crate) const GET: &str = uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_GET;

/// An association for several C-GETs.
pub(crate) struct GetSession {
    /// `None` after a failure.
    association: Option<Association>,
    context: u8,
    /// Of the last C-GET.
    pub(crate) told: SubOperations,
}

impl GetSession {
    pub(crate) async fn open(
        to: &Dimse,
        classes: &[String],
        cancel: &CancellationToken,
    ) -> Result<Self, NetError> {
        let mut proposals = vec![Proposal::service(GET)];
        proposals.extend(storage_proposals(classes));
        Self::over(Association::request(to, &proposals, cancel).await?).await
    }

    /// On an association that was asked for with [`GET`] among its proposals.
    pub(crate) async fn over(association: Association) -> Result<Self, NetError> {
        let Some(context) = association.context_for(GET).map(|c| c.id) else {
            association.release().await;
            return Err(NetError::NotOffered("retrieval over the same connection (C-GET)".to_owned()));
        };
        Ok(Self { association: Some(association), context, told: SubOperations::default() })
    }

    /// One C-GET. `came` is told the number of objects of each message, 0 or 1.
    pub(crate) async fn get(
        &mut self,
        wanted: &Wanted,
        keeper: &Keeper,
        mut came: impl FnMut(u64),
    ) -> Result<(), NetError> {
        let Some(mut association) = self.association.take() else { return Err(NetError::Lost("C-GET")) };
        self.told = SubOperations::default();
        let id = association.message_id();
        let request = Command::new(field::C_GET_RQ, true)
            .number(tag::MESSAGE_ID, id)
            .uid(tag::AFFECTED_CLASS, GET)
            .number(tag::PRIORITY, 0);
        association.send(self.context, &request, Some(&wanted.keys().encode())).await?;
        loop {
            match get_step(&mut association, keeper, &mut self.told).await {
                Ok(Step::Object) => came(1),
                Ok(Step::Pending) => {}
                Ok(Step::Done(status)) => {
                    self.association = Some(association);
                    return ended("C-GET", status);
                }
                Err(NetError::Cancelled) => {
                    association.cancel_operation(self.context, id).await;
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

enum Step {
    Object,
    Pending,
    Done(u16),
}

/// One message of the peer: an object, or how far it is.
async fn get_step(
    association: &mut Association,
    keeper: &Keeper,
    told: &mut SubOperations,
) -> Result<Step, NetError> {
    let doing = "waiting for objects of C-GET";
    match association.receive(doing).await? {
        Incoming::Released => Err(NetError::Lost(doing)),
        Incoming::Message { context, command } if command.field() == field::C_STORE_RQ => {
            let arrival = receive_object(association, context, &command, doing).await?;
            keeper.push(arrival).await?;
            association.send(context, &command.response(0), None).await?;
            Ok(Step::Object)
        }
        Incoming::Message { context, command } if command.field() == field::C_GET_RSP => {
            let status = counted(association, context, &command, told, doing).await?;
            Ok(if status == PENDING { Step::Pending } else { Step::Done(status) })
        }
        Incoming::Message { .. } => Err(NetError::malformed("a command that C-GET does not have")),
    }
}

/// Notes the peer's figures, reads away an identifier (the UIDs that failed), and gives the status.
pub(crate) async fn counted(
    association: &mut Association,
    context: u8,
    answer: &Command,
    told: &mut SubOperations,
    doing: &'static str,
) -> Result<u16, NetError> {
    if answer.has_data() {
        association.receive_data(context, &mut Vec::new(), MAX_IDENTIFIER, doing).await?;
    }
    told.remaining = answer.get(tag::REMAINING);
    told.completed = answer.get(tag::COMPLETED).unwrap_or(told.completed);
    told.failed = answer.get(tag::FAILED).unwrap_or(told.failed);
    told.warning = answer.get(tag::WARNING).unwrap_or(told.warning);
    Ok(answer.status())
}

/// B000H says that some sub-operations failed; how many is in the figures, so it is no error of its own.
pub(crate) fn ended(operation: &'static str, status: u16) -> Result<(), NetError> {
    match status {
        0 | 0xB000 => Ok(()),
        status => Err(status::failed(operation, status)),
    }
}

/// Each class in each syntax that can be kept, as long as contexts last; then all syntaxes of a class in one.
pub(crate) fn storage_proposals(classes: &[String]) -> Vec<Proposal> {
    let common: Vec<String>;
    let classes = if classes.is_empty() {
        common = syntax::COMMON_STORAGE.iter().map(|class| (*class).to_owned()).collect();
        &common
    } else {
        classes
    };
    let room = MOST_CONTEXTS - 1;
    let classes = &classes[..classes.len().min(room)];
    let one = |class: &String, syntaxes: &[&str]| Proposal {
        abstract_syntax: class.clone(),
        transfer_syntaxes: syntaxes.iter().map(|s| (*s).to_owned()).collect(),
        peer_sends: true,
    };
    let each = (room / classes.len().max(1)).min(syntax::TAKEN.len());
    let (single, shared) = syntax::TAKEN.split_at(if each == syntax::TAKEN.len() { each } else { each - 1 });
    let mut proposals = Vec::new();
    for class in classes {
        proposals.extend(single.iter().map(|syntax| one(class, &[*syntax])));
        if !shared.is_empty() {
            proposals.push(one(class, shared));
        }
    }
    proposals
}

/// The data set behind a C-STORE request, as a file.
pub(crate) async fn receive_object(
    association: &mut Association,
    context: u8,
    request: &Command,
    doing: &'static str,
) -> Result<Arrival, NetError> {
    let Some(agreed) = association.context(context) else {
        return Err(NetError::malformed("an object in a context that was not agreed on"));
    };
    let name = ObjectName {
        sop_class: request.text(tag::AFFECTED_CLASS),
        instance: request.text(tag::AFFECTED_INSTANCE),
        transfer_syntax: agreed.transfer_syntax.clone(),
    };
    // The name becomes part of a file: it has to be a UID and nothing else.
    if !request.has_data() || Uid::parse(&name.instance).is_err() || name.sop_class != agreed.abstract_syntax
    {
        return Err(NetError::malformed("a C-STORE request without an object, its UID or its class"));
    }
    let from = association.peer_title.clone();
    let mut file = part10::file_head(&name, &from);
    association.receive_data(context, &mut file, LARGEST_OBJECT, doing).await?;
    Ok(Arrival { name, file, from })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_study_of_known_classes_is_offered_in_every_syntax_on_its_own() {
        let offered = storage_proposals(&["1.2.840.10008.5.1.4.1.1.2".to_owned()]);
        assert_eq!(offered.len(), syntax::TAKEN.len());
        assert!(offered.iter().all(|p| p.transfer_syntaxes.len() == 1 && p.peer_sends));
    }

    #[test]
    fn a_study_of_unknown_classes_still_fits_one_association() {
        let offered = storage_proposals(&[]);
        assert!(offered.len() < MOST_CONTEXTS, "{}", offered.len());
        let ct = "1.2.840.10008.5.1.4.1.1.2";
        let syntaxes: usize =
            offered.iter().filter(|p| p.abstract_syntax == ct).map(|p| p.transfer_syntaxes.len()).sum();
        assert_eq!(syntaxes, syntax::TAKEN.len());
    }
}
