//! Storage commitment, push model (PS3.4 J): has the peer promise to keep what it was sent.
//!
//! The promise comes later, often over an association that the peer opens to our listener. Until it has come
//! for an object, no copy of it may be deleted here.

use crate::association::{Association, Incoming, Proposal};
use crate::command::{Command, field, tag};
use crate::keys::Keys;
use crate::row::Row;
use crate::{NetError, part10, status};
use dicom_dictionary_std::{tags, uids};
use medsight_record::node::Dimse;
use serde::Serialize;
use std::future::Future;
use tokio_util::sync::CancellationToken;

pub(crate) const CLASS: &str = uids::STORAGE_COMMITMENT_PUSH_MODEL;
const INSTANCE: &str = uids::STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE;
/// Longest report, in bytes: some 200 a reference.
pub(crate) const MAX_REPORT: u64 = 64 << 20;

/// What the peer promises.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Commitment {
    /// Transaction UID (0008,1195) of the request.
    pub transaction: String,
    /// Instances that it keeps.
    pub committed: Vec<String>,
    /// Instances that it does not, each with its Failure Reason (0008,1197).
    pub failed: Vec<(String, u16)>,
}

impl Commitment {
    /// From the report's data set (PS3.4 table J.3.3-1).
    pub(crate) fn of(row: &Row) -> Self {
        let uid = |item: &Row| item.text(tags::REFERENCED_SOP_INSTANCE_UID);
        let reason = |item: &Row| item.text(tags::FAILURE_REASON).parse().unwrap_or(0x0110);
        Self {
            transaction: row.text(tags::TRANSACTION_UID),
            committed: row.items(tags::REFERENCED_SOP_SEQUENCE).iter().map(uid).collect(),
            failed: row.items(tags::FAILED_SOP_SEQUENCE).iter().map(|i| (uid(i), reason(i))).collect(),
        }
    }
}

/// Asks for the promise. `objects`: SOP class and instance of each. When the peer answers on the same association
/// before `enough` ends, its report is the result; else it will come to the listener under `transaction`.
///
/// # Errors
/// [`NetError`].
pub async fn commit(
    to: &Dimse,
    transaction: &str,
    objects: &[(String, String)],
    enough: impl Future<Output = ()>,
    cancel: &CancellationToken,
) -> Result<Option<Commitment>, NetError> {
    let mut association = Association::request(to, &[Proposal::service(CLASS)], cancel).await?;
    let Some(context) = association.context_for(CLASS).map(|c| c.id) else {
        association.release().await;
        return Err(NetError::NotOffered("storage commitment".to_owned()));
    };
    let mut keys = Keys::new().matching(tags::TRANSACTION_UID, transaction);
    for (class, instance) in objects {
        let reference = Keys::new()
            .matching(tags::REFERENCED_SOP_CLASS_UID, class)
            .matching(tags::REFERENCED_SOP_INSTANCE_UID, instance);
        keys = keys.item(tags::REFERENCED_SOP_SEQUENCE, reference);
    }
    let id = association.message_id();
    let request = Command::new(field::N_ACTION_RQ, true)
        .number(tag::MESSAGE_ID, id)
        .uid(tag::REQUESTED_CLASS, CLASS)
        .uid(tag::REQUESTED_INSTANCE, INSTANCE)
        .number(tag::ACTION_TYPE, 1);
    association.send(context, &request, Some(&keys.encode())).await?;
    // The report may overtake the answer.
    let mut report = None;
    loop {
        match association.receive("waiting for storage commitment").await? {
            Incoming::Released => return Err(NetError::Lost("waiting for storage commitment")),
            Incoming::Message { context, command } if command.field() == field::N_EVENT_REPORT_RQ => {
                report = Some(answer_report(&mut association, context, &command).await?);
            }
            Incoming::Message { context, command } if command.field() == field::N_ACTION_RSP => {
                if command.has_data() {
                    association
                        .receive_data(context, &mut Vec::new(), MAX_REPORT, "storage commitment")
                        .await?;
                }
                if command.status() != 0 {
                    association.release().await;
                    return Err(status::failed("N-ACTION", command.status()));
                }
                break;
            }
            Incoming::Message { .. } => return Err(NetError::malformed("an answer to something else")),
        }
    }
    if report.is_none() {
        let next = tokio::select! {
            biased;
            () = enough => None,
            next = association.receive("waiting for the commitment's report") => next.ok(),
        };
        if let Some(Incoming::Message { context, command }) = next {
            if command.field() == field::N_EVENT_REPORT_RQ {
                report = Some(answer_report(&mut association, context, &command).await?);
            }
        }
    }
    association.release().await;
    Ok(report)
}

/// Reads a report and confirms it.
pub(crate) async fn answer_report(
    association: &mut Association,
    context: u8,
    request: &Command,
) -> Result<Commitment, NetError> {
    let mut data = Vec::new();
    if request.has_data() {
        association.receive_data(context, &mut data, MAX_REPORT, "reading a commitment's report").await?;
    }
    let syntax = association.context(context).map(|c| c.transfer_syntax.clone()).unwrap_or_default();
    let commitment = Commitment::of(&Row::of(&part10::as_object(&syntax, &data)?));
    let event = request.get(tag::EVENT_TYPE).unwrap_or(1);
    let answer = request.response(0).number(tag::EVENT_TYPE, event);
    debug_assert_eq!(answer.field(), field::N_EVENT_REPORT_RSP);
    association.send(context, &answer, None).await?;
    Ok(commitment)
}
