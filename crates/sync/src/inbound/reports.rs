//! What a FHIR server has of a patient: the DiagnosticReports of whom it knows by our Patient ID, and of nobody else.

use super::feed::blocking;
use super::pages::Pages;
use super::report::{report, subject};
use crate::Trouble;
use crate::fhir::http::Http;
use crate::fhir::names::token;
use crate::moment::now;
use medsight_cache::{AskedOf, Cache, CameIn, ReportPage};
use medsight_record::destination::FhirServer;
use medsight_record::{Patient, ServerReport, Source};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Reports of one patient that are read.
const MOST_REPORTS: usize = 500;
/// Resources of one patient at the server: it should be one.
const MOST_NAMES: usize = 20;
/// How the names of these questions begin.
const FEED: &str = "reports/";

/// Under which name is kept how far a source was asked for the reports of a patient.
#[must_use]
pub fn reports_of(source: &Source, patient_id: &str) -> AskedOf {
    AskedOf { source: source.name.clone(), feed: format!("{FEED}{patient_id}") }
}

/// Whether a name of [`AskedOf::feed`] is about one patient's reports.
#[must_use]
pub fn is_of_reports(feed: &str) -> bool {
    feed.starts_with(FEED)
}

pub(super) async fn read(
    cache: &Arc<Cache>,
    source: &Source,
    server: &FhirServer,
    http: &Http,
    patient_id: &str,
    who: &str,
    cancel: &CancellationToken,
) -> Result<CameIn, Trouble> {
    let system = server.patient_system.as_str();
    let mut found: BTreeMap<String, ServerReport> = BTreeMap::new();
    let names = patients(http, system, patient_id, cancel).await?;
    let mut is_whole = true;
    for (name, patient) in &names {
        // The newest first: of a patient with more than are read the old ones are left out.
        let search = format!("DiagnosticReport?subject={name}");
        let mut see = |resource: &Value| {
            if subject(resource, &server.url).as_ref() == Some(name) {
                keep(&mut found, resource, source, patient_id, Some(patient));
            }
        };
        is_whole &= match all(http, format!("{search}&_sort=-date"), cancel, &mut see).await {
            // It can't sort.
            Err(Trouble::Server(400)) => all(http, search, cancel, &mut see).await?,
            done => done?,
        };
    }
    // Reports that name their patient by the identifier alone. A server that can't search for it has none.
    let search = format!("DiagnosticReport?{}", token("subject:identifier", system, patient_id));
    let mut see = |resource: &Value| {
        let named = &resource["subject"]["identifier"];
        if named["system"] == system && named["value"] == patient_id {
            keep(&mut found, resource, source, patient_id, None);
        }
    };
    match all(http, search, cancel, &mut see).await {
        Ok(all) => is_whole &= all,
        Err(Trouble::Server(400 | 404 | 501)) => {}
        Err(trouble) => return Err(trouble),
    }
    let (cache, who, of) = (Arc::clone(cache), who.to_owned(), reports_of(source, patient_id));
    let (patient_id, reports) = (patient_id.to_owned(), found.into_values().collect());
    blocking(move || {
        let mut asking = cache.asking(&of)?;
        asking.answered();
        (asking.asked_at, asking.ended_at) = (now(), Some(now()));
        cache.take_server_reports(&ReportPage { of, asking, patient_id, reports, is_whole }, &who, now())
    })
    .await
}

fn keep(
    found: &mut BTreeMap<String, ServerReport>,
    resource: &Value,
    source: &Source,
    patient_id: &str,
    patient: Option<&Patient>,
) {
    if let Some(report) = report(resource, &source.name, patient_id) {
        // Who was found by the patient says more than who was found by the number.
        let known = found.get(&report.place).and_then(|known| known.patient.clone());
        let patient = patient.cloned().or(known);
        found.insert(report.place.clone(), ServerReport { patient, ..report });
    }
}

/// `Patient/id` of whom the server knows by the identifier, and who that is.
async fn patients(
    http: &Http,
    system: &str,
    patient_id: &str,
    cancel: &CancellationToken,
) -> Result<Vec<(String, Patient)>, Trouble> {
    let mut names = Vec::new();
    let search = format!("Patient?{}", token("identifier", system, patient_id));
    all(http, search, cancel, &mut |resource| {
        if super::values::is_named(resource, system, patient_id) && names.len() < MOST_NAMES {
            let who = || super::values::patient(resource, system);
            names.extend(super::order::name_of(resource).map(|(place, _)| (place, who())));
        }
    })
    .await?;
    Ok(names)
}

/// Everything that a search finds; whether it was all.
async fn all(
    http: &Http,
    search: String,
    cancel: &CancellationToken,
    see: &mut (dyn FnMut(&Value) + Send),
) -> Result<bool, Trouble> {
    let mut pages = Pages::new(http, search, None);
    let mut seen = 0;
    loop {
        let Some(page) = pages.read(None, cancel).await? else { return Ok(false) };
        for resource in &page.found {
            see(resource);
        }
        seen += page.found.len();
        if page.is_last || seen >= MOST_REPORTS {
            return Ok(page.is_last);
        }
    }
}
