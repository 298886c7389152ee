//! Reports on the desk: what the page shows, keeping what is written, signing, and the way back to the images.
//!
//! What changes a report goes through [`perform`], as everything a person does. Not here: what may follow what
//! (`medsight-record`).

use crate::asker::Asker;
use crate::desk::{Desk, now};
use crate::documents;
use crate::dto::{
    CompareRequest, ContentForm, MacroWords, NamedCode, PriorReport, Quotable, ReportChoice, ReportPage,
    ReportPdfRequest, ReportRequest, ReportSaved, ReportView, SaveReportRequest, ShowPlaceRequest,
    SignReportRequest, SignatureView, TellCriticalRequest, TemplateChoice, TemplateField, TemplateRequest,
    TemplateStart, TextChange, VersionView, annotation_id, report_id,
};
use crate::inbound;
use crate::perform::perform;
use crate::problem::{Fault, Problem};
use crate::report_pages;
use crate::studies::measurement;
use medsight_base::{DicomDate, StudyUid};
use medsight_cache::{Cache, CacheError};
use medsight_link::ToLightBox;
use medsight_record::report::rules::SignAct;
use medsight_record::report::template::{Code, KnownFinding, Phrases, Template};
use medsight_record::report::{Content, Report, ReportToSave, ReportVersion, changes};
use medsight_record::words::Locale;
use medsight_record::{Annotation, Command, Place, RecordCommand, Right, SeriesRecord, StudyRecord};
use std::sync::Arc;

/// Earlier examinations that are shown, newest first.
const MOST_PRIORS: usize = 20;
/// Texts that are compared, at most, bytes: more is no report.
const LONGEST_COMPARED: usize = 256 << 10;

/// Everything the report page shows.
pub(crate) fn page(desk: &Arc<Desk>, request: ReportRequest) -> Result<ReportPage, Problem> {
    let uid = StudyUid::parse(&request.study_uid)?;
    let cache = desk.cache()?;
    let locale = desk.settings().locale();
    let study = cache.study(&uid)?.ok_or(Fault::StudyGone)?;
    if request.is_opened {
        cache.reports_viewed(&uid, &desk.who(), now())?;
        inbound::ask_what_is_due(desk, &study, request.all_kinds)?;
    }
    let (server_reports, server_sources) = inbound::reports(desk, &study.patient, request.all_kinds)?;
    let (wounds, wound_sources) = inbound::wounds(desk, &study.patient)?;
    let phrases = Phrases::built_in();
    let named = |known: &[KnownFinding]| known.iter().map(|one| named(one, locale)).collect();
    Ok(ReportPage {
        study_uid: uid.to_string(),
        identity: study.patient.identity_line(study.date.or(DicomDate::parse(&request.today))),
        about: about(&study),
        reports: cache.reports(&uid)?.into_iter().map(view).collect(),
        templates: templates(desk, &study, locale),
        quotables: quotables(&cache, &uid)?,
        priors: priors(&cache, &study)?,
        server_reports,
        server_sources,
        wounds,
        wound_sources,
        orders: inbound::orders_of(&cache, &uid)?,
        macros: phrases
            .macros
            .iter()
            .map(|one| MacroWords { short: one.short.clone(), text: one.text.of(locale).to_owned() })
            .collect(),
        findings: named(&phrases.findings),
        sites: named(&phrases.sites),
    })
}

/// The words that a report begins with.
pub(crate) fn begin(desk: &Arc<Desk>, request: TemplateRequest) -> Result<TemplateStart, Problem> {
    let locale = desk.settings().locale();
    let template = desk.forms().all().into_iter().find(|template| template.id == request.template);
    let template = template.ok_or_else(|| Fault::BadRequest("there is no such template.".into()))?;
    let locale = template.language(locale);
    let code = |code: &Option<Code>| code.as_ref().map(|code| code.0.clone().into());
    let fields = template.sections.iter().flat_map(|section| {
        section.fields.iter().map(|field| TemplateField {
            section: section.key.clone(),
            key: field.key.clone(),
            label: field.label.of(locale).to_owned(),
            unit: field.unit.clone().unwrap_or_default(),
            choices: field
                .choices
                .iter()
                .map(|choice| NamedCode {
                    words: choice.words.of(locale).to_owned(),
                    code: code(&choice.code),
                })
                .collect(),
        })
    });
    Ok(TemplateStart { fields: fields.collect(), content: template.begin(locale).into() })
}

/// Keeps what is being written: durable when this answers.
pub(crate) fn save(desk: &Arc<Desk>, request: SaveReportRequest) -> Result<ReportSaved, Problem> {
    let report = report_id(&request.report)?;
    let save = ReportToSave {
        report,
        study: StudyUid::parse(&request.study_uid)?,
        content: request.content.try_into()?,
        base_version: request.base_version,
        saved: request.saved,
    };
    perform(desk, Command::Record(RecordCommand::SaveReport(Box::new(save))))?;
    let working = desk.cache()?.report(report)?.working;
    let working = working.ok_or(Fault::BadRequest("the report was signed meanwhile.".into()))?;
    Ok(ReportSaved { saved: working.saved, saved_ms: working.saved_at.0 })
}

/// Signs a report; the report as it is then.
pub(crate) fn sign(desk: &Arc<Desk>, request: SignReportRequest) -> Result<ReportView, Problem> {
    let report = report_id(&request.report)?;
    let words = request.words;
    let act = match request.act.as_str() {
        "preliminary" => SignAct::Preliminary,
        "final" => SignAct::Final,
        "addendum" => SignAct::Addendum { text: words },
        "amend" => SignAct::Amend { reason: words },
        "entered_in_error" => SignAct::EnteredInError { reason: words },
        _ => return Err(Fault::BadRequest("a report can't become this.".into()).into()),
    };
    let base_version = request.base_version;
    perform(desk, Command::Record(RecordCommand::SignReport { report, act, base_version }))?;
    Ok(view(desk.cache()?.report(report)?))
}

/// Throws away what was written since the last version.
pub(crate) fn discard(desk: &Arc<Desk>, request: ReportChoice) -> Result<(), Problem> {
    perform(desk, Command::Record(RecordCommand::DiscardReport(report_id(&request.report)?)))?;
    Ok(())
}

/// Writes down that a critical result was passed on; the report as it is then.
pub(crate) fn tell_critical(desk: &Arc<Desk>, request: TellCriticalRequest) -> Result<ReportView, Problem> {
    let report = report_id(&request.report)?;
    let result = Box::new(request.critical.try_into()?);
    perform(desk, Command::Record(RecordCommand::TellCritical { report, result }))?;
    Ok(view(desk.cache()?.report(report)?))
}

/// Asks where to, and writes a signed version as PDF there. False when the person chose no place.
pub(crate) fn save_pdf(desk: &Arc<Desk>, request: ReportPdfRequest) -> Result<bool, Problem> {
    let (asker, cache) = (Asker::of(desk, Right::GiveOut), desk.cache()?);
    let report = cache.report(report_id(&request.report)?)?;
    let study = cache.study(&report.study)?.ok_or(Fault::StudyGone)?;
    let pdf = report_pages::pdf(desk, &study, &report, request.version, request.utc_offset_min)?;
    // A name with the patient in it would be for the person to give.
    let Some(path) = asker.save_as(desk, "report.pdf")? else { return Ok(false) };
    documents::write(&path, |file| file.write_all(&pdf))
        .map_err(|error| CacheError::Export { file: path.clone(), error })?;
    let detail = serde_json::json!({"report": report.id, "version": request.version});
    cache.printed(&report.study, asker.who(), now(), detail)?;
    Ok(true)
}

/// What differs between two texts.
pub(crate) fn compare(_: &Arc<Desk>, request: CompareRequest) -> Result<Vec<TextChange>, Problem> {
    if request.old.len().max(request.new.len()) > LONGEST_COMPARED {
        return Err(Fault::BadRequest("the texts are too long to be compared.".into()).into());
    }
    let changes = changes::between(&request.old, &request.new);
    Ok(changes.into_iter().map(|change| TextChange { kind: change.kind, text: change.text }).collect())
}

/// Shows the place of something that was drawn: opens the study on the light box where it is not.
pub(crate) fn show_place(desk: &Arc<Desk>, request: ShowPlaceRequest) -> Result<(), Problem> {
    let study = StudyUid::parse(&request.study_uid)?;
    let annotation = annotation_id(&request.annotation)?;
    if !desk.light_box().has_open(&study) {
        desk.light_box().open(desk, &study)?;
    }
    desk.light_box().say(ToLightBox::GoTo { study, annotation });
    Ok(())
}

fn view(report: Report) -> ReportView {
    let is_in_conflict = report.is_in_conflict();
    let working = report.working.as_ref();
    ReportView {
        id: report.id.0.to_string(),
        status: report.status.word().to_owned(),
        base_version: working.map_or(report.version(), |w| w.base_version),
        saved: working.map_or(0, |w| w.saved),
        saved_ms: working.map_or(0, |w| w.saved_at.0),
        saved_by: working.map(|w| w.saved_by.clone()).unwrap_or_default(),
        is_in_conflict,
        working: report.working.map(|w| w.content.into()),
        versions: report.versions.into_iter().map(version).collect(),
        critical: report.critical.into_iter().map(Into::into).collect(),
    }
}

fn version(version: ReportVersion) -> VersionView {
    VersionView {
        number: version.number,
        status: version.status.word().to_owned(),
        signatures: version
            .signatures
            .into_iter()
            .map(|signed| SignatureView { name: signed.name, at_ms: signed.at.0 })
            .collect(),
        reason: version.reason,
        addendum: version.addendum,
        plain: version.content.plain(),
        content: ContentForm::from(version.content),
    }
}

/// Date, modalities and description of a study in a line.
pub(crate) fn about(study: &StudyRecord) -> String {
    let date = study.date.map(DicomDate::iso).unwrap_or_default();
    let parts = [date, study.modalities.join("/"), study.description.clone()];
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" · ")
}

fn named(known: &KnownFinding, locale: Locale) -> NamedCode {
    NamedCode { words: known.words.of(locale).to_owned(), code: Some(known.code.0.clone().into()) }
}

/// Those that fit first; what is for other modalities last, but there.
fn templates(desk: &Desk, study: &StudyRecord, locale: Locale) -> Vec<TemplateChoice> {
    let mut all: Vec<(u32, Template)> =
        desk.forms().all().into_iter().map(|template| (template.fits(study), template)).collect();
    all.sort_by_key(|(fits, _)| std::cmp::Reverse(*fits));
    let choices = all.into_iter().enumerate().map(|(at, (fits, template))| TemplateChoice {
        title: template.title.of(template.language(locale)).to_owned(),
        fits: at == 0 && fits > 0,
        is_of_site: desk.forms().is_of_site(&template.id),
        id: template.id,
    });
    choices.collect()
}

fn quotables(cache: &Cache, study: &StudyUid) -> Result<Vec<Quotable>, Problem> {
    let (series, revisions) = (cache.series(study)?, cache.annotation_revisions(study)?);
    let quotable = |annotation: &Annotation, series: &[SeriesRecord]| {
        let (series_uid, image) = match &annotation.place {
            Place::Image { series, instance, frame, .. } => (series, Some((instance.clone(), *frame))),
            Place::Plane { series, image, .. } => {
                (series, image.as_ref().map(|image| (image.instance.clone(), image.frame)))
            }
        };
        Quotable {
            measurement: measurement(annotation, series),
            revision: revisions.get(&annotation.id).copied().unwrap_or_default(),
            series_uid: series_uid.to_string(),
            frame: image.as_ref().map_or(0, |(_, frame)| *frame),
            instance_uid: image.map(|(instance, _)| instance.to_string()),
        }
    };
    Ok(cache.annotations(study)?.iter().map(|annotation| quotable(annotation, &series)).collect())
}

fn priors(cache: &Cache, study: &StudyRecord) -> Result<Vec<PriorReport>, Problem> {
    let mut priors = Vec::new();
    let earlier = cache.other_studies_of_patient(study)?.into_iter();
    for other in
        earlier.filter(|other| (other.date, &other.time) <= (study.date, &study.time)).take(MOST_PRIORS)
    {
        let report = cache.reports(&other.uid)?.into_iter().rev().find(|report| report.newest().is_some());
        let newest = report.as_ref().and_then(Report::newest);
        priors.push(PriorReport {
            words: about(&other),
            report: report.as_ref().map(|report| report.id.0.to_string()),
            version: newest.map_or(0, |newest| newest.number),
            status: report.as_ref().map(|report| report.status.word().to_owned()).unwrap_or_default(),
            plain: newest.map(|newest| newest.content.plain()).unwrap_or_default(),
            summary: newest.map(|newest| summary(&newest.content)).unwrap_or_default(),
            study_uid: other.uid.to_string(),
        });
    }
    Ok(priors)
}

/// The impression, or the findings where there is none.
fn summary(content: &Content) -> String {
    let text =
        |key| content.section(key).map(|section| content.spoken(&section.text)).filter(|t| !t.is_empty());
    text("impression").or_else(|| text("findings")).unwrap_or_default()
}
