//! The steps of a modality worklist (PS3.4 K) as orders. A worklist tells all that it has each time, and no versions.

use super::values::short;
use crate::Trouble;
use crate::moment::now;
use medsight_base::{DicomDate, StudyUid};
use medsight_dicom::tags;
use medsight_pacs::node::Dimse;
use medsight_pacs::{Keys, Row, find_worklist, worklist_keys};
use medsight_record::{CodedName, Order, OrderStatus, Patient, Priority, Sex, Source, When};
use ring::digest::{SHA256, digest};
use tokio_util::sync::CancellationToken;

/// Steps that are taken of one answer.
const MOST_STEPS: usize = 5000;
const DAY_MS: i64 = 86_400_000;

/// The steps of the days of the settings, and whether these are all.
pub(super) async fn steps(
    node: &Dimse,
    source: &Source,
    cancel: &CancellationToken,
) -> Result<(Vec<Order>, bool), Trouble> {
    // A day more at both ends: the worklist's calendar need not be that of Greenwich.
    let today = now().0.div_euclid(DAY_MS);
    let day = |days: i64| DicomDate::from_days_since_epoch(days).map(DicomDate::compact).unwrap_or_default();
    let from = day(today - i64::from(source.days_back) - 1);
    let to = day(today + i64::from(source.days_ahead) + 1);
    let step = Keys::new().matching(tags::SCHEDULED_PROCEDURE_STEP_START_DATE, &format!("{from}-{to}"));
    let keys = worklist_keys(step)
        .ask(&[tags::REASON_FOR_THE_REQUESTED_PROCEDURE, tags::ISSUER_OF_PATIENT_ID])
        .item(tags::REQUESTED_PROCEDURE_CODE_SEQUENCE, code_keys());
    let mut orders: Vec<Order> = Vec::new();
    let all = find_worklist(node, &keys, cancel, |row| {
        let is_full = orders.len() == MOST_STEPS;
        if !is_full {
            orders.extend(step_of(&row, &source.name));
        }
        !is_full
    })
    .await?;
    orders.sort_by(|a, b| a.place.cmp(&b.place));
    orders.dedup_by(|a, b| a.place == b.place);
    Ok((orders, all))
}

/// Asks for today's steps, and goes at the first: it is there, and lets this workstation ask.
pub(super) async fn probe(node: &Dimse, cancel: &CancellationToken) -> Result<(), Trouble> {
    let today = DicomDate::from_days_since_epoch(now().0.div_euclid(DAY_MS)).map(DicomDate::compact);
    let today = today.unwrap_or_default();
    let step = Keys::new().matching(tags::SCHEDULED_PROCEDURE_STEP_START_DATE, &today);
    find_worklist(node, &worklist_keys(step), cancel, |_| false).await?;
    Ok(())
}

fn code_keys() -> Keys {
    Keys::new().ask(&[tags::CODE_VALUE, tags::CODING_SCHEME_DESIGNATOR, tags::CODE_MEANING])
}

fn step_of(row: &Row, source: &str) -> Option<Order> {
    let steps = row.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE);
    let step = steps.first()?;
    let of = |row: &Row, tag| short(&row.text(tag));
    let ids = [
        of(row, tags::STUDY_INSTANCE_UID),
        of(row, tags::REQUESTED_PROCEDURE_ID),
        of(row, tags::ACCESSION_NUMBER),
        of(step, tags::SCHEDULED_PROCEDURE_STEP_ID),
    ];
    if ids.iter().all(String::is_empty) {
        return None;
    }
    let codes = row.items(tags::REQUESTED_PROCEDURE_CODE_SEQUENCE);
    let code = codes.first().map(|code| CodedName {
        value: of(code, tags::CODE_VALUE),
        scheme: of(code, tags::CODING_SCHEME_DESIGNATOR),
        meaning: of(code, tags::CODE_MEANING),
    });
    let first = |texts: [String; 3]| texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let status = of(step, tags::SCHEDULED_PROCEDURE_STEP_STATUS).to_uppercase();
    Some(Order {
        source: source.to_owned(),
        place: format!("step/{}", hex(&ids.join("\\"), 16)),
        destination: None,
        version: hex(&serde_json::to_string(row).unwrap_or_default(), 16),
        status: match status.as_str() {
            "COMPLETED" => OrderStatus::Completed,
            "CANCELLED" | "DISCONTINUED" => OrderStatus::Withdrawn,
            _ => OrderStatus::Open,
        },
        priority: match of(row, tags::REQUESTED_PROCEDURE_PRIORITY).to_uppercase().as_str() {
            "STAT" => Some(Priority::Stat),
            "HIGH" => Some(Priority::Urgent),
            "ROUTINE" | "MEDIUM" | "LOW" => Some(Priority::Routine),
            _ => None,
        },
        patient: Patient {
            id: of(row, tags::PATIENT_ID),
            name: of(row, tags::PATIENT_NAME),
            birth_date: DicomDate::parse(&row.text(tags::PATIENT_BIRTH_DATE)),
            sex: Sex::parse(&row.text(tags::PATIENT_SEX)),
            issuer: Some(of(row, tags::ISSUER_OF_PATIENT_ID)).filter(|issuer| !issuer.is_empty()),
        },
        study: StudyUid::parse(&row.text(tags::STUDY_INSTANCE_UID)).ok(),
        accession: of(row, tags::ACCESSION_NUMBER),
        procedure: first([
            of(row, tags::REQUESTED_PROCEDURE_DESCRIPTION),
            code.as_ref().map(|code| code.meaning.clone()).unwrap_or_default(),
            of(step, tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION),
        ]),
        code: code.filter(|code| !code.value.is_empty()),
        reason: of(row, tags::REASON_FOR_THE_REQUESTED_PROCEDURE),
        requester: first([
            of(row, tags::REQUESTING_PHYSICIAN),
            of(row, tags::REFERRING_PHYSICIAN_NAME),
            String::new(),
        ])
        .replace('^', " "),
        performer: first([
            of(step, tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME).replace('^', " "),
            of(step, tags::SCHEDULED_STATION_NAME),
            of(step, tags::SCHEDULED_STATION_AE_TITLE),
        ]),
        modality: of(step, tags::MODALITY),
        requested: None,
        scheduled: scheduled(step),
        due_at: None,
    })
}

/// A worklist has no time zone: its times are those of its own place.
fn scheduled(step: &Row) -> Option<When> {
    let day = DicomDate::parse(&step.text(tags::SCHEDULED_PROCEDURE_STEP_START_DATE))?.iso();
    let time = step.text(tags::SCHEDULED_PROCEDURE_STEP_START_TIME);
    let digits: String = time.chars().filter(char::is_ascii_digit).take(4).collect();
    Some(When::Local(if digits.len() == 4 {
        format!("{day} {}:{}", &digits[..2], &digits[2..])
    } else {
        day
    }))
}

/// The first bytes of a digest: a name that tells nothing of the patient.
fn hex(text: &str, bytes: usize) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(status: &str) -> Row {
        let row = json!({
            "00100020": {"vr": "LO", "Value": ["P1"]}, "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]},
            "00080050": {"vr": "SH", "Value": ["A1"]}, "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
            "00401003": {"vr": "SH", "Value": ["HIGH"]}, "00321060": {"vr": "LO", "Value": ["CT Head"]},
            "00321032": {"vr": "PN", "Value": [{"Alphabetic": "House^Gregory"}]},
            "00400100": {"vr": "SQ", "Value": [{
                "00400002": {"vr": "DA", "Value": ["20261123"]}, "00400003": {"vr": "TM", "Value": ["083000"]},
                "00400009": {"vr": "SH", "Value": ["S1"]}, "00080060": {"vr": "CS", "Value": ["CT"]},
                "00400020": {"vr": "CS", "Value": [status]},
            }]},
        });
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn a_step_of_a_worklist_is_an_order_with_a_name_that_tells_nothing_of_the_patient() {
        let order = step_of(&row("SCHEDULED"), "mwl").unwrap();
        assert_eq!((order.patient.id.as_str(), order.accession.as_str()), ("P1", "A1"));
        assert_eq!((order.procedure.as_str(), order.requester.as_str()), ("CT Head", "House Gregory"));
        assert_eq!((order.priority, order.modality.as_str()), (Some(Priority::Urgent), "CT"));
        assert_eq!(order.scheduled, Some(When::Local("2026-11-23 08:30".into())));
        assert!(!order.place.contains("A1") && order.place.len() == "step/".len() + 32);
    }

    #[test]
    fn a_step_that_changed_keeps_its_name_and_has_another_version() {
        let (one, other) =
            (step_of(&row("SCHEDULED"), "m").unwrap(), step_of(&row("DISCONTINUED"), "m").unwrap());
        assert_eq!(one.place, other.place);
        assert_ne!(one.version, other.version);
        assert_eq!(other.status, OrderStatus::Withdrawn);
        assert!(step_of(&Row::default(), "m").is_none());
    }
}
