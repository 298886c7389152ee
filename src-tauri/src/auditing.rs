//! The auditor's view: events by what they are about, whether the trail is whole, unusual accesses, copies for others.
//!
//! To look at the trail and to copy it are events of it.

use crate::asker::Asker;
use crate::desk::{Desk, now};
use crate::documents;
use crate::dto::{
    AuditBreak, AuditExportRequest, AuditRequest, AuditRow, AuditRows, AuditState, Nothing, UnusualRequest,
    UnusualRow,
};
use crate::problem::{Fault, Problem};
use medsight_audit::{Action, AuditEvent, CSV_HEAD, Link, csv, dicom, fhir};
use medsight_base::{StudyUid, Timestamp};
use medsight_cache::{AuditFilter, Cache, CacheError, Usual};
use medsight_record::Right;
use std::io::{self, Write};
use std::sync::Arc;

/// Events of a page of the view.
const PAGE: usize = 100;
/// Events that are in memory at a time while a copy is written.
const COPY_PAGE: usize = 500;

/// A page of events, newest first. The first page of a question is noted.
pub(crate) fn search(desk: &Arc<Desk>, request: AuditRequest) -> Result<AuditRows, Problem> {
    let cache = desk.cache()?;
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let study = given(&request.study_uid).map(|uid| StudyUid::parse(&uid)).transpose()?;
    let filter = AuditFilter {
        who: given(&request.who),
        patient: given(&request.patient),
        study,
        actions: given(&request.action).into_iter().collect(),
        from: request.from_ms.map(Timestamp),
        until: request.until_ms.map(Timestamp),
        only_failures: request.only_failures,
    };
    if request.before.is_none() {
        note(desk, &cache, Action::AuditViewed, serde_json::Value::Null)?;
    }
    let page = cache.audit_search(&filter, request.before, PAGE)?;
    Ok(AuditRows { total: page.total, events: page.events.into_iter().map(row).collect() })
}

/// Checks the trail from its beginning.
pub(crate) fn verify(desk: &Arc<Desk>, _: Nothing) -> Result<AuditState, Problem> {
    let trail = desk.cache()?.audit_trail()?;
    Ok(AuditState {
        events: trail.events,
        first_ms: trail.first.map(|(_, at)| at.0),
        last_ms: trail.last.map(|(_, at)| at.0),
        broken: trail
            .chain
            .err()
            .map(|broken| AuditBreak { at: broken.sequence, how: broken.how.word().to_owned() }),
    })
}

/// Accesses that a person should look at.
pub(crate) fn unusual(desk: &Arc<Desk>, request: UnusualRequest) -> Result<Vec<UnusualRow>, Problem> {
    let usual = Usual { offset_minutes: request.utc_offset_min, ..Usual::default() };
    let span = (Timestamp(request.from_ms), Timestamp(request.until_ms));
    let found = desk.cache()?.unusual_accesses(span.0, span.1, &usual)?;
    let fill = [
        ("patients", usual.patients),
        ("minutes", usual.minutes),
        ("from_hour", usual.from_hour),
        ("until_hour", usual.until_hour),
        ("hours", usual.hours),
    ];
    let rows = found.into_iter().map(|one| UnusualRow {
        rule: one.rule.key().to_owned(),
        usual: fill.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        who: one.who,
        patient: one.patient.unwrap_or_default(),
        count: one.count,
        first: one.events.0,
        at_ms: one.at.0,
    });
    Ok(rows.collect())
}

/// Asks where to, and writes the whole trail there. False when the person chose no place.
pub(crate) fn export(desk: &Arc<Desk>, request: AuditExportRequest) -> Result<bool, Problem> {
    let (name, form): (&str, Form) = match request.form.as_str() {
        "csv" => ("audit.csv", Form { head: CSV_HEAD, line: |link, _| csv(link), end: "" }),
        "fhir" => {
            ("audit.ndjson", Form { head: "", line: |link, site| format!("{}\n", fhir(link, site)), end: "" })
        }
        "dicom" => {
            let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AuditMessages>\n";
            let line = |link: &Link, site: &str| format!("{}\n", dicom(link, site));
            ("audit.xml", Form { head, line, end: "</AuditMessages>\n" })
        }
        _ => return Err(Fault::BadRequest("there is no such form.".into()).into()),
    };
    let cache = desk.cache()?;
    let Some(path) = Asker::of(desk, Right::Audit).save_as(desk, name)? else { return Ok(false) };
    // Noted first: the copy holds the event that it was made.
    note(desk, &cache, Action::AuditExported, serde_json::json!({"form": request.form}))?;
    documents::write(&path, |file| copy(&cache, &form, file))
        .map_err(|error| CacheError::Export { file: path.clone(), error })?;
    Ok(true)
}

struct Form {
    head: &'static str,
    line: fn(&Link, &str) -> String,
    end: &'static str,
}

fn copy(cache: &Cache, form: &Form, file: &mut dyn Write) -> io::Result<()> {
    let site = cache.audit_site();
    let mut out = io::BufWriter::new(file);
    out.write_all(form.head.as_bytes())?;
    let mut after = 0;
    loop {
        let page = cache.audit_after(after, COPY_PAGE).map_err(io::Error::other)?;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        for link in &page {
            out.write_all((form.line)(link, &site).as_bytes())?;
        }
    }
    out.write_all(form.end.as_bytes())?;
    out.flush()
}

fn note(desk: &Desk, cache: &Cache, what: Action, detail: serde_json::Value) -> Result<(), Problem> {
    cache.note_event(&AuditEvent::new(&desk.who(), what, now(), None, detail))?;
    Ok(())
}

fn row(link: Link) -> AuditRow {
    let event = link.event;
    let more = &event.more;
    AuditRow {
        sequence: link.sequence,
        at_ms: event.when.0,
        name: more.name.clone().unwrap_or_default(),
        roles: more.roles.clone(),
        outcome: more.outcome.word().to_owned(),
        patient: more.patient.as_ref().map(|patient| patient.cx()).unwrap_or_default(),
        study_uid: event.study.as_ref().map(ToString::to_string).unwrap_or_default(),
        reason: more.reason.clone().unwrap_or_default(),
        from: more
            .from
            .as_ref()
            .map(|from| [from.station.as_str(), from.program.as_str()].join(" · "))
            .unwrap_or_default(),
        clock: more.clock.map(|clock| clock.state.word().to_owned()).unwrap_or_default(),
        clock_went_back: more.clock.is_some_and(|clock| clock.went_back),
        detail: if event.detail.is_null() { String::new() } else { event.detail.to_string() },
        who: event.who.clone(),
        what: event.what.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use crate::support::{import, only_study, open_desk};
    use std::path::Path;

    #[test]
    fn every_action_that_an_auditor_may_look_for_has_a_name_in_each_language() {
        use medsight_record::words::{Locale, Words};
        for locale in [Locale::En, Locale::Es, Locale::De] {
            let words = Words::new(locale);
            for action in medsight_audit::Action::ALL {
                let key = format!("audit.action.{}", action.word());
                assert!(words.all().contains_key(&key), "{key} in {locale:?}");
            }
        }
    }

    #[test]
    fn an_auditor_finds_who_did_what_to_a_study_and_takes_a_copy_which_is_noted_too() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("trail.csv");
        let place = out.clone();
        let desk = open_desk(folder.path(), move |_| Some(place.clone()));
        import(
            &desk,
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/samples/studies/ct_head_tilted_uneven"),
        );
        let study = only_study(&desk);
        let ask = |action: &str, study_uid: String| {
            let request = AuditRequest { action: action.into(), study_uid, ..AuditRequest::default() };
            search(&desk, request).unwrap()
        };
        let imported = ask("imported", study.to_string());
        assert!(imported.total > 0);
        assert!(
            imported.events.iter().all(|event| event.what == "imported" && event.study_uid == study.as_str())
        );
        assert!(!imported.events[0].patient.is_empty(), "the event says whose data it was");
        assert!(export(&desk, AuditExportRequest { form: "csv".into() }).unwrap());
        let copy = std::fs::read_to_string(&out).unwrap();
        assert!(copy.starts_with("sequence,time,who"));
        assert!(copy.contains(",imported,") && copy.contains(",audit_exported,"));
        assert_eq!(ask("audit_exported", String::new()).total, 1);
        let state = verify(&desk, Nothing {}).unwrap();
        assert_eq!((state.broken, copy.lines().count() as u64), (None, state.events));
    }
}
