//! C-ECHO (PS3.4 A) and C-FIND: the query/retrieve models (PS3.4 C) and the modality worklist (PS3.4 K).

use crate::association::{Association, Proposal};
use crate::command::{Command, field, tag};
use crate::keys::Keys;
use crate::row::Row;
use crate::status::{self, PENDING, PENDING_WARNING};
use crate::{NetError, part10, syntax};
use dicom_dictionary_std::{tags, uids};
use medsight_dicom::Tag;
use medsight_record::node::Dimse;
use serde::{Deserialize, Serialize};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Longest answer to a query, in bytes.
const MAX_IDENTIFIER: u64 = 4 << 20;

/// How far down a query looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Patients.
    Patient,
    /// Studies.
    Study,
    /// Series of one study.
    Series,
    /// Instances of one series.
    Image,
}

impl Level {
    /// Query/Retrieve Level (0008,0052).
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Patient => "PATIENT",
            Self::Study => "STUDY",
            Self::Series => "SERIES",
            Self::Image => "IMAGE",
        }
    }

    /// Attributes that are asked for when nothing else is said (PS3.4 C.6.1.1, C.6.2.1).
    pub(crate) fn usual_keys(self) -> &'static [Tag] {
        match self {
            Self::Patient => {
                &[tags::PATIENT_ID, tags::PATIENT_NAME, tags::PATIENT_BIRTH_DATE, tags::PATIENT_SEX]
            }
            Self::Study => &[
                tags::STUDY_INSTANCE_UID,
                tags::PATIENT_ID,
                tags::PATIENT_NAME,
                tags::PATIENT_BIRTH_DATE,
                tags::PATIENT_SEX,
                tags::STUDY_DATE,
                tags::STUDY_TIME,
                tags::ACCESSION_NUMBER,
                tags::STUDY_ID,
                tags::STUDY_DESCRIPTION,
                tags::REFERRING_PHYSICIAN_NAME,
                tags::MODALITIES_IN_STUDY,
                tags::NUMBER_OF_STUDY_RELATED_SERIES,
                tags::NUMBER_OF_STUDY_RELATED_INSTANCES,
            ],
            Self::Series => &[
                tags::STUDY_INSTANCE_UID,
                tags::SERIES_INSTANCE_UID,
                tags::MODALITY,
                tags::SERIES_NUMBER,
                tags::SERIES_DESCRIPTION,
                tags::NUMBER_OF_SERIES_RELATED_INSTANCES,
            ],
            Self::Image => &[
                tags::STUDY_INSTANCE_UID,
                tags::SERIES_INSTANCE_UID,
                tags::SOP_INSTANCE_UID,
                tags::SOP_CLASS_UID,
                tags::INSTANCE_NUMBER,
            ],
        }
    }
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// How far down.
    pub level: Level,
    /// Matches, and further attributes to be returned.
    pub keys: Keys,
}

impl Query {
    /// A query with the attributes that are usual at its level.
    #[must_use]
    pub fn new(level: Level, keys: Keys) -> Self {
        Self { level, keys: keys.ask(level.usual_keys()) }
    }
}

/// Asks whether the peer is there and knows us; the milliseconds of question and answer, without the connection.
///
/// # Errors
/// [`NetError`].
pub async fn echo(to: &Dimse, cancel: &CancellationToken) -> Result<f64, NetError> {
    let proposals = [Proposal::service(syntax::VERIFICATION)];
    let mut association = Association::request(to, &proposals, cancel).await?;
    let Some(context) = association.context_for(syntax::VERIFICATION).map(|c| c.id) else {
        association.release().await;
        return Err(NetError::NotOffered("verification (C-ECHO)".to_owned()));
    };
    let id = association.message_id();
    let request = Command::new(field::C_ECHO_RQ, false)
        .number(tag::MESSAGE_ID, id)
        .uid(tag::AFFECTED_CLASS, syntax::VERIFICATION);
    let begun = Instant::now();
    association.send(context, &request, None).await?;
    let (_, answer) = association.answer(field::C_ECHO_RSP, "waiting for C-ECHO").await?;
    let took_ms = begun.elapsed().as_secs_f64() * 1e3;
    association.release().await;
    match answer.status() {
        0 => Ok(took_ms),
        status => Err(status::failed("C-ECHO", status)),
    }
}

/// Looks for patients, studies, series or images. `each` gets every match as it comes; when it answers `false`
/// the peer is told to stop. Ends with whether the peer had sent all.
///
/// # Errors
/// [`NetError`].
pub async fn find(
    to: &Dimse,
    query: &Query,
    cancel: &CancellationToken,
    each: impl FnMut(Row) -> bool,
) -> Result<bool, NetError> {
    let class = match query.level {
        Level::Patient => uids::PATIENT_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND,
        _ => uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND,
    };
    let keys = query.keys.clone().matching(tags::QUERY_RETRIEVE_LEVEL, query.level.word());
    ask(to, class, &keys, cancel, each).await
}

/// Looks for scheduled procedure steps. `keys` are those of [`worklist_keys`] with their matches.
///
/// # Errors
/// [`NetError`].
pub async fn find_worklist(
    to: &Dimse,
    keys: &Keys,
    cancel: &CancellationToken,
    each: impl FnMut(Row) -> bool,
) -> Result<bool, NetError> {
    ask(to, uids::MODALITY_WORKLIST_INFORMATION_MODEL_FIND, keys, cancel, each).await
}

/// What a worklist is asked for (PS3.4 K.6.1.2.2). `step` matches within the scheduled procedure step: modality,
/// station, date.
#[must_use]
pub fn worklist_keys(step: Keys) -> Keys {
    let step = step.ask(&[
        tags::MODALITY,
        tags::SCHEDULED_STATION_AE_TITLE,
        tags::SCHEDULED_PROCEDURE_STEP_START_DATE,
        tags::SCHEDULED_PROCEDURE_STEP_START_TIME,
        tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME,
        tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION,
        tags::SCHEDULED_PROCEDURE_STEP_ID,
        tags::SCHEDULED_STATION_NAME,
        tags::SCHEDULED_PROCEDURE_STEP_LOCATION,
        tags::SCHEDULED_PROCEDURE_STEP_STATUS,
    ]);
    Keys::new().item(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, step).ask(&[
        tags::PATIENT_NAME,
        tags::PATIENT_ID,
        tags::PATIENT_BIRTH_DATE,
        tags::PATIENT_SEX,
        tags::PATIENT_WEIGHT,
        tags::PATIENT_SIZE,
        tags::MEDICAL_ALERTS,
        tags::ALLERGIES,
        tags::ACCESSION_NUMBER,
        tags::STUDY_INSTANCE_UID,
        tags::REQUESTED_PROCEDURE_ID,
        tags::REQUESTED_PROCEDURE_DESCRIPTION,
        tags::REQUESTED_PROCEDURE_PRIORITY,
        tags::REFERRING_PHYSICIAN_NAME,
        tags::REQUESTING_PHYSICIAN,
    ])
}

async fn ask(
    to: &Dimse,
    class: &str,
    keys: &Keys,
    cancel: &CancellationToken,
    each: impl FnMut(Row) -> bool,
) -> Result<bool, NetError> {
    let association = Association::request(to, &[Proposal::service(class)], cancel).await?;
    ask_over(association, class, keys, each).await
}

/// On an association that was asked for with `class` as its proposal.
pub(crate) async fn ask_over(
    mut association: Association,
    class: &str,
    keys: &Keys,
    mut each: impl FnMut(Row) -> bool,
) -> Result<bool, NetError> {
    let Some(context) = association.context_for(class).map(|c| c.id) else {
        association.release().await;
        return Err(NetError::NotOffered("this kind of query (C-FIND)".to_owned()));
    };
    let id = association.message_id();
    let request = Command::new(field::C_FIND_RQ, true)
        .number(tag::MESSAGE_ID, id)
        .uid(tag::AFFECTED_CLASS, class)
        .number(tag::PRIORITY, 0);
    association.send(context, &request, Some(&keys.encode())).await?;
    loop {
        match next(&mut association).await {
            Ok(Next::Match(row)) => {
                if !each(row) {
                    association.cancel_operation(context, id).await;
                    return Ok(false);
                }
            }
            Ok(Next::Done(0)) => {
                association.release().await;
                return Ok(true);
            }
            Ok(Next::Done(status)) => {
                association.release().await;
                return Err(status::failed("C-FIND", status));
            }
            Err(NetError::Cancelled) => {
                association.cancel_operation(context, id).await;
                return Err(NetError::Cancelled);
            }
            Err(error) => {
                association.abort().await;
                return Err(error);
            }
        }
    }
}

enum Next {
    Match(Row),
    Done(u16),
}

async fn next(association: &mut Association) -> Result<Next, NetError> {
    let doing = "waiting for answers to C-FIND";
    let (context, answer) = association.answer(field::C_FIND_RSP, doing).await?;
    let mut data = Vec::new();
    if answer.has_data() {
        association.receive_data(context, &mut data, MAX_IDENTIFIER, doing).await?;
    }
    match answer.status() {
        PENDING | PENDING_WARNING => {
            let syntax = association.context(context).map_or(syntax::IMPLICIT, |c| &c.transfer_syntax);
            Ok(Next::Match(Row::of(&part10::as_object(syntax, &data)?)))
        }
        status => Ok(Next::Done(status)),
    }
}
