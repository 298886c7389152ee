//! A report as a radiologist writes it: begun with a form, a number taken over, signed, added to, printed, found again.

use crate::dto::{
    ContentForm, CriticalForm, QuoteForm, ReportPage, ReportPdfRequest, ReportRequest, ReportView,
    SaveReportRequest, SignReportRequest, TellCriticalRequest, TemplateRequest,
};
use crate::problem::Problem;
use crate::support::{import, only_study, open_desk};
use crate::{desk::Desk, reports};
use medsight_base::{StudyUid, Timestamp};
use medsight_cache::AuditFilter;
use medsight_record::report::Urgency;
use medsight_record::{
    Annotation, AnnotationId, AnnotationKind, Measured, Place, ReadState, RecordCommand, ScaleSource,
};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

const REPORT: &str = "00000000-0000-4000-8000-000000000001";

fn filled(folder: &Path, save_as: Option<std::path::PathBuf>) -> (Arc<Desk>, StudyUid) {
    let desk = open_desk(folder, move |name| {
        assert_eq!(name, "report.pdf");
        save_as.clone()
    });
    import(
        &desk,
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/samples/studies/ct_head_tilted_uneven"),
    );
    let study = only_study(&desk);
    (desk, study)
}

fn page(desk: &Arc<Desk>, study: &StudyUid) -> ReportPage {
    let request = ReportRequest {
        study_uid: study.to_string(),
        today: "2026-11-22".into(),
        is_opened: true,
        all_kinds: false,
    };
    reports::page(desk, request).unwrap()
}

fn begun(desk: &Arc<Desk>, template: &str) -> ContentForm {
    reports::begin(desk, TemplateRequest { template: template.into() }).unwrap().content
}

fn save(
    desk: &Arc<Desk>,
    study: &StudyUid,
    content: &ContentForm,
    base_version: u32,
    saved: u32,
) -> Result<u32, Problem> {
    let request = SaveReportRequest {
        report: REPORT.into(),
        study_uid: study.to_string(),
        content: content.clone(),
        base_version,
        saved,
    };
    reports::save(desk, request).map(|done| done.saved)
}

fn sign(desk: &Arc<Desk>, act: &str, words: &str, base_version: u32) -> Result<ReportView, Problem> {
    let request =
        SignReportRequest { report: REPORT.into(), act: act.into(), words: words.into(), base_version };
    reports::sign(desk, request)
}

/// A length on the first image of the study.
fn draw(desk: &Arc<Desk>, study: &StudyUid) -> AnnotationId {
    let cache = desk.cache().unwrap();
    let first = cache.manifest(study).unwrap().instances.remove(0);
    let id = AnnotationId(Uuid::from_u128(5));
    let annotation = Annotation {
        id,
        study: study.clone(),
        kind: AnnotationKind::Length,
        place: Place::Image {
            series: first.series,
            instance: first.uid,
            frame: 0,
            points_px: vec![[1.0, 1.0], [9.0, 1.0]],
        },
        measured: Measured {
            length_mm: Some(23.4),
            scale: Some(ScaleSource::PixelSpacing),
            ..Measured::default()
        },
        changed_at: Timestamp(1),
    };
    cache.apply(&RecordCommand::SaveAnnotation(Box::new(annotation)), "reader", Timestamp(1)).unwrap();
    id
}

fn fill(content: &mut ContentForm, findings: &str) {
    for section in &mut content.sections {
        section.text = section.text.replace("[___]", "normal");
        if section.key == "findings" {
            section.text = findings.to_owned();
        }
    }
}

#[test]
fn a_report_quotes_a_number_is_signed_added_to_and_printed_and_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("mine.pdf");
    let (desk, study) = filled(folder.path(), Some(out.clone()));
    let annotation = draw(&desk, &study);
    let first = page(&desk, &study);
    assert_eq!(first.templates[0].id, "ct_head", "the form that fits stands first");
    let quotable = &first.quotables[0];
    assert_eq!((quotable.measurement.length_mm, quotable.revision), (Some(23.4), 1));
    let mut content = begun(&desk, "ct_head");
    assert_eq!(save(&desk, &study, &content, 0, 0).unwrap(), 1);
    let refused = sign(&desk, "final", "", 0).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.values["section"].as_str()), ("report.open", "Findings"));
    fill(&mut content, "Node of [M1].");
    content.quotes.push(QuoteForm {
        label: "M1".into(),
        annotation: annotation.0.to_string(),
        revision: quotable.revision,
        words: "23.4 mm".into(),
        series_uid: quotable.series_uid.clone(),
        instance_uid: quotable.instance_uid.clone(),
        frame: quotable.frame,
    });
    save(&desk, &study, &content, 0, 1).unwrap();
    let signed = sign(&desk, "final", "", 0).unwrap();
    assert_eq!((signed.status.as_str(), signed.working.is_none()), ("final", true));
    assert!(signed.versions[0].plain.contains("Node of 23.4 mm."));
    let added = sign(&desk, "addendum", "Told the ward.", 1).unwrap();
    assert_eq!(added.versions.len(), 2);
    let pdf = ReportPdfRequest { report: REPORT.into(), version: 2, utc_offset_min: 60 };
    assert!(reports::save_pdf(&desk, pdf).unwrap());
    assert!(std::fs::read(&out).unwrap().starts_with(b"%PDF-1.7"));
    let printed = AuditFilter { actions: vec!["printed".into()], ..AuditFilter::default() };
    let events = desk.cache().unwrap().audit_search(&printed, None, 9).unwrap().events;
    assert_eq!((events.len(), &events[0].event.detail["version"]), (1, &serde_json::json!(2)));
    drop(desk);

    let desk = open_desk(folder.path(), |_| None);
    let again = page(&desk, &study);
    assert_eq!(again.reports[0].versions[1].addendum.as_deref(), Some("Told the ward."));
    let cache = desk.cache().unwrap();
    assert_eq!(cache.study(&study).unwrap().unwrap().state, ReadState::Addendum);
    assert!(cache.verify_audit().unwrap().is_ok());
}

#[test]
fn who_writes_on_what_another_has_changed_is_told_and_both_texts_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, study) = filled(folder.path(), None);
    let mut mine = begun(&desk, "general");
    fill(&mut mine, "mine");
    save(&desk, &study, &mine, 0, 0).unwrap();
    sign(&desk, "final", "", 0).unwrap();
    let mut yours = mine.clone();
    fill(&mut yours, "yours");
    assert_eq!(save(&desk, &study, &yours, 0, 1).unwrap_err().code, "cache.report-changed");
    // After both were looked at, it goes on from what was signed.
    save(&desk, &study, &yours, 1, 0).unwrap();
    let report = page(&desk, &study).reports.remove(0);
    assert!(report.versions[0].plain.contains("mine"));
    assert!(report.working.unwrap().sections.iter().any(|section| section.text == "yours"));
    let amended = sign(&desk, "amend", "wrong text", 1).unwrap();
    assert_eq!(amended.versions[1].reason.as_deref(), Some("wrong text"));
}

#[test]
fn a_critical_result_stands_with_the_report_with_who_was_told_and_when() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, study) = filled(folder.path(), None);
    let mut content = begun(&desk, "ct_head");
    fill(&mut content, "Bleeding.");
    save(&desk, &study, &content, 0, 0).unwrap();
    let critical = CriticalForm {
        id: Uuid::from_u128(3).to_string(),
        result: " Bleeding ".into(),
        urgency: Urgency::Minutes,
        told: "Dr Ward".into(),
        by_way_of: "phone".into(),
        told_at_ms: 1_790_000_000_000,
        is_read_back: true,
    };
    let request = TellCriticalRequest { report: REPORT.into(), critical };
    let told = reports::tell_critical(&desk, request).unwrap();
    assert_eq!((told.critical[0].result.as_str(), told.critical[0].is_read_back), ("Bleeding", true));
    assert_eq!(page(&desk, &study).reports[0].critical.len(), 1);
}
