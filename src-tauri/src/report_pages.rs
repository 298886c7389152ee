//! The pages of a signed report: for the file that a person saves, and as an encapsulated PDF (PS3.3 A.45) for a PACS that takes
//! reports. Not here: the layout (`medsight-paper`), the sending (`medsight-sync`).

use crate::desk::Desk;
use crate::key_images;
use crate::problem::{Fault, Problem};
use crate::reports::about;
use medsight_base::{InstanceUid, SeriesUid, Timestamp, Uid};
use medsight_dicom::derived::{Code, Device, NewInstance, NewPdf, Origin};
use medsight_paper::Around;
use medsight_record::StudyRecord;
use medsight_record::report::{Report, ReportStatus, ReportVersion};
use medsight_sync::Papers;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Weak};

/// Behind the series of images, as scanners number them.
const SERIES_NUMBER: u32 = 9000;

/// One version as PDF, with the key images that it speaks of.
///
/// # Errors
/// [`Problem`] where it has a sign that the font does not have, or no such version.
pub(crate) fn pdf(
    desk: &Arc<Desk>,
    study: &StudyRecord,
    report: &Report,
    number: u32,
    utc_offset_min: i32,
) -> Result<Vec<u8>, Problem> {
    let version = report.versions.iter().find(|version| version.number == number);
    let pictures = match version {
        Some(version) => key_images::pictures(desk, &report.study, &version.content)?,
        None => Vec::new(),
    };
    let around = Around {
        identity: &study.patient.identity_line(study.date),
        about: &about(study),
        utc_offset_min,
        words: &desk.words(),
        pictures: &pictures,
    };
    Ok(medsight_paper::pdf(report, number, &around).map_err(Fault::Paper)?)
}

/// For the sending: the newest version as a DICOM file, while the desk is there.
pub(crate) fn papers(desk: Weak<Desk>) -> Papers {
    Arc::new(move |study, report| {
        let desk = desk.upgrade().ok_or_else(|| "the program is ending".to_owned())?;
        let Some(version) = for_others(report) else { return Ok(None) };
        let at = version.signatures.last().map_or(Timestamp(0), |signature| signature.at);
        let offset = utc_offset_min(at);
        let pdf = pdf(&desk, study, report, version.number, offset).map_err(|problem| problem.detail)?;
        as_object(study, report, version, &pdf, (at, offset)).map(Some)
    })
}

/// The newest version, where it was final once: what is only preliminary stays out of the archive.
fn for_others(report: &Report) -> Option<&ReportVersion> {
    let was_final = report.versions.iter().any(|version| version.status.is_final());
    report.newest().filter(|newest| {
        newest.status.is_final() || (was_final && newest.status == ReportStatus::EnteredInError)
    })
}

/// The same version has the same UIDs, whenever and wherever it is made: a PACS that has it already keeps one.
fn as_object(
    study: &StudyRecord,
    report: &Report,
    version: &ReportVersion,
    pdf: &[u8],
    (made_at, utc_offset_min): (Timestamp, i32),
) -> Result<Vec<u8>, String> {
    let header = NewInstance {
        origin: Origin::of_study(study),
        series: SeriesUid(named(report, "series")),
        instance: InstanceUid(named(report, &format!("version {}", version.number))),
        series_number: SERIES_NUMBER,
        instance_number: version.number,
        series_description: "Report".to_owned(),
        made_at,
        utc_offset_min,
        device: Device::default(),
    };
    let new = NewPdf {
        header,
        title: version.content.title.clone(),
        concept: version.content.code.as_ref().map(Code::of),
        names_patient: true,
        sources: Vec::new(),
        bytes: pdf,
    };
    new.to_file().map_err(|refusal| refusal.reason)
}

/// A UID out of a name that belongs to a report: of a UUID of version 8 (RFC 9562 5.8), the first bits of a SHA-256.
fn named(report: &Report, name: &str) -> Uid {
    let digest = Sha256::new().chain_update(report.id.0.as_bytes()).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uid::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid().as_u128())
}

/// Minutes by which this place's clock was ahead of UTC at a moment.
fn utc_offset_min(at: Timestamp) -> i32 {
    let Ok(at) = jiff::Timestamp::from_millisecond(at.0) else { return 0 };
    jiff::tz::TimeZone::system().to_offset(at).seconds() / 60
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use crate::writing::tests::desk;
    use medsight_dicom::derived::{Document, ENCAPSULATED_PDF};
    use medsight_dicom::{Object, tags};
    use medsight_record::RecordCommand;
    use medsight_record::report::rules::SignAct;
    use medsight_record::report::{Content, ReportId, ReportToSave, Section, Signature};

    #[test]
    fn a_signed_report_is_a_pdf_of_its_study_under_the_same_name_each_time_and_a_preliminary_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, study) = desk(folder.path());
        let cache = desk.cache().unwrap();
        let id = ReportId(uuid::Uuid::from_u128(9));
        let signature = |at| Signature { account: "rita".into(), name: "Dr. Rita".into(), at: Timestamp(at) };
        let write = |base_version, saved, text: &str| {
            let section = Section {
                key: "findings".into(),
                heading: "Findings".into(),
                text: text.into(),
                ..Section::default()
            };
            let title = "CT of the head".to_owned();
            let content = Content { title, sections: vec![section], ..Content::default() };
            let save = ReportToSave { report: id, study: study.clone(), content, base_version, saved };
            cache.apply(&RecordCommand::SaveReport(Box::new(save)), "rita", Timestamp(1)).unwrap();
        };
        let record = cache.study(&study).unwrap().unwrap();
        let make = papers(Arc::downgrade(&desk));

        write(0, 0, "Looks well so far.");
        cache.sign_report(id, &SignAct::Preliminary, 0, signature(2)).unwrap();
        assert_eq!(make(&record, &cache.report(id).unwrap()), Ok(None));

        write(1, 0, "No fracture.");
        cache.sign_report(id, &SignAct::Final, 1, signature(3)).unwrap();
        let report = cache.report(id).unwrap();
        let first = make(&record, &report).unwrap().unwrap();
        assert_eq!(make(&record, &report).unwrap().unwrap(), first);
        let object = Object::parse(&first).unwrap();
        let text = |tag| object.data().text_or_empty(tag);
        assert_eq!(text(tags::SOP_CLASS_UID), ENCAPSULATED_PDF);
        assert_eq!(text(tags::STUDY_INSTANCE_UID), study.as_str());
        assert_eq!(text(tags::PATIENT_ID), record.patient.id);
        let document = Document::read(&object).unwrap();
        assert_eq!((document.title.as_str(), document.mime.as_str()), ("CT of the head", "application/pdf"));
        assert!(document.bytes.starts_with(b"%PDF-"));

        let act = SignAct::Addendum { text: "Compared with last year.".into() };
        cache.sign_report(id, &act, 2, signature(4)).unwrap();
        let second = make(&record, &cache.report(id).unwrap()).unwrap().unwrap();
        let second = Object::parse(&second).unwrap();
        assert_ne!(second.data().text_or_empty(tags::SOP_INSTANCE_UID), text(tags::SOP_INSTANCE_UID));
        assert_eq!(second.data().text_or_empty(tags::SERIES_INSTANCE_UID), text(tags::SERIES_INSTANCE_UID));
    }
}
