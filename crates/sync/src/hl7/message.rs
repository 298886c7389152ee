//! The message itself. Segments and fields after HL7 v2.5.1 chapters 2, 3 and 7.

use crate::moment::hl7 as time;
use medsight_base::Timestamp;
use medsight_record::destination::Hl7Receiver;
use medsight_record::report::{Report, ReportStatus, ReportVersion};
use medsight_record::{Sex, StudyRecord};

/// MSH-10, at most 20 characters: always the same for the same version of the same report.
#[must_use]
pub fn control_id(report: &Report, version: &ReportVersion) -> String {
    let hash =
        ring::digest::digest(&ring::digest::SHA256, format!("{}#{}", report.id.0, version.number).as_bytes());
    let hex: String = hash.as_ref()[..10].iter().map(|byte| format!("{byte:02X}")).collect();
    hex
}

/// ORU^R01 of one version. `at` is when it is sent first; carriage returns end the segments.
#[must_use]
pub fn oru(
    to: &Hl7Receiver,
    study: &StudyRecord,
    report: &Report,
    version: &ReportVersion,
    at: Timestamp,
) -> String {
    let (result, observation) = match version.status {
        // 0123 and 0085: what older receivers know too.
        ReportStatus::Draft | ReportStatus::Preliminary => ("P", "P"),
        ReportStatus::Final => ("F", "F"),
        ReportStatus::Addendum | ReportStatus::Amended => ("C", "C"),
        ReportStatus::EnteredInError => ("X", "W"),
    };
    let patient = &study.patient;
    let sex = patient.sex.map_or("U", |sex| match sex {
        Sex::F => "F",
        Sex::M => "M",
        Sex::O => "O",
    });
    let birth = patient.birth_date.map(|date| date.compact()).unwrap_or_default();
    let day = study.date.map(|date| date.compact()).unwrap_or_default();
    let issued = version.signatures.last().map(|signature| signature.at).unwrap_or(at);
    let code = version.content.code.as_ref().map_or_else(
        || "18748-4^Diagnostic imaging study^LN".to_owned(),
        |code| format!("{}^{}^{}", escaped(&code.value), escaped(&code.meaning), escaped(&code.scheme)),
    );
    let reader = version.signatures.first().map_or_else(String::new, |signature| {
        format!("{}^{}", escaped(&signature.account), escaped(&signature.name))
    });
    let mut segments = vec![
        format!(
            "MSH|^~\\&|MEDSIGHT||{}|{}|{}||ORU^R01^ORU_R01|{}|P|2.5.1||||||UNICODE UTF-8",
            escaped(&to.application),
            escaped(&to.facility),
            time(at),
            control_id(report, version),
        ),
        format!(
            "PID|1||{}^^^{}||{}||{birth}|{sex}",
            escaped(patient.id.trim()),
            escaped(&to.authority),
            person_name(&patient.name),
        ),
        format!(
            "OBR|1||{}^MEDSIGHT|{code}|||{day}|||||||||||{}||||{}||RAD|{result}|||||||{reader}",
            report.id.0.as_simple(),
            escaped(study.accession.trim()),
            time(issued),
        ),
        format!("OBX|1|HD|113014^DICOM Study^DCM||{}||||||{observation}", study.uid),
    ];
    let mut number = 1;
    for line in crate::fhir::report_words(version).lines() {
        number += 1;
        segments.push(format!(
            "OBX|{number}|TX|{code}||{}||||||{observation}|||{}",
            escaped(line),
            time(issued)
        ));
    }
    if let Some(reason) = &version.reason {
        segments.push(format!("NTE|1|L|{}", escaped(reason)));
    }
    segments.push(String::new());
    segments.join("\r")
}

/// `DOE^JANE` of DICOM is family and given name of XPN too; only its ideographic parts are left out.
fn person_name(name: &str) -> String {
    let first = name.split('=').next().unwrap_or_default();
    first.split('^').map(escaped).collect::<Vec<_>>().join("^")
}

/// What delimits is escaped (2.7); control characters, which would end a segment or a frame, are left out.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '~' => out.push_str("\\R\\"),
            '\\' => out.push_str("\\E\\"),
            '&' => out.push_str("\\T\\"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;

    #[test]
    fn what_delimits_fields_does_not_in_a_text() {
        assert_eq!(escaped("a|b^c~d\\e&f\rMSH"), "a\\F\\b\\S\\c\\R\\d\\E\\e\\T\\f MSH");
        assert_eq!(person_name("MÜLLER^JOSÉ|X=山田"), "MÜLLER^JOSÉ\\F\\X");
    }
}
