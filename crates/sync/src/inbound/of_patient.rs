//! What a FHIR server has of a patient: of whom it knows by our Patient ID, and of nobody else.
//!
//! The newest are read first. Where the server has more than is read at once, the place where it goes on is kept with what
//! was read, and a person can have it read further. What is no longer found is asked for by its name before it is called
//! gone: it may be of another kind now, or another patient's.

use super::feed::blocking;
use super::order::{name_of, subject};
use super::pages::{One, Pages, one};
use super::{values, what::OfPatient};
use crate::Trouble;
use crate::fhir::http::Http;
use crate::fhir::names::token;
use crate::moment::now;
use medsight_cache::{Cache, CameIn, CopyPage, Kept};
use medsight_record::destination::FhirServer;
use medsight_record::{Patient, Source};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Resources that are read of one search before a person is asked.
const MOST_AT_ONCE: usize = 500;
/// Resources of one patient at the server: it should be one.
const MOST_NAMES: usize = 20;
/// Those that were not found and are asked for by name, at each asking.
const LOOKED_AT: usize = 50;
/// Longest address of a next page that is kept.
const LONGEST_LINK: usize = 8192;

/// A kind of resource that is read of a patient.
pub(super) trait Told: Kept + Send + 'static {
    /// FHIR's name of it.
    const RESOURCE: &'static str;

    /// One of them; `None` for what is none, or has no name or version.
    fn told(resource: &Value, from: &Whence<'_>) -> Option<Self>;

    /// Who the server says that it is about.
    fn patient(&mut self) -> &mut Option<Patient>;

    /// Conditions of the searches that together find what is asked for; none: all there is.
    fn conditions(what: OfPatient) -> Vec<String>;

    /// Whether it is what is asked for: a server need not hold to a condition.
    fn is_asked_for(&self, what: OfPatient) -> bool;
}

/// Where a resource is from, and for whom it was asked for.
#[derive(Clone, Copy)]
pub(super) struct Whence<'a> {
    /// Name of the source in the settings.
    pub(super) source: &'a str,
    /// Address of the server, below which a reference is one to itself.
    pub(super) base: &'a str,
    /// Patient ID (0010,0020).
    pub(super) patient_id: &'a str,
}

/// One question about one patient.
pub(super) struct Asked<'a> {
    pub(super) cache: &'a Arc<Cache>,
    pub(super) source: &'a Source,
    pub(super) server: &'a FhirServer,
    pub(super) http: &'a Http,
    pub(super) what: OfPatient,
    pub(super) patient_id: &'a str,
    pub(super) who: &'a str,
    pub(super) cancel: &'a CancellationToken,
}

/// Whose resources are read: `Patient/id` and who that is, or whom they name by the identifier alone.
type Subject<'a> = Option<(&'a str, &'a Patient)>;

/// Where a search goes on that was not read to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rest {
    /// `Patient/id`; `None`: by the identifier alone.
    subject: Option<String>,
    search: String,
    offset: usize,
    link: Option<String>,
}

impl Asked<'_> {
    /// Reads what there is, or, `further`, what comes after what was read.
    pub(super) async fn read<T: Told>(&self, further: bool) -> Result<CameIn, Trouble> {
        let of = self.what.asked_of(self.source, self.patient_id);
        let names = self.patients().await?;
        let mut found: BTreeMap<String, T> = BTreeMap::new();
        let mut rests = Vec::new();
        if further {
            let (cache, of) = (Arc::clone(self.cache), of.clone());
            let kept = blocking(move || cache.asking(&of)).await?.query;
            let kept: Vec<Rest> = kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            for rest in kept {
                let subject = match &rest.subject {
                    None => None,
                    // Somebody who does not have the number any more is nobody who was asked for.
                    Some(name) => match names.iter().find(|(known, _)| known == name) {
                        Some((name, patient)) => Some((name.as_str(), patient)),
                        None => continue,
                    },
                };
                rests.extend(self.some(rest, subject, &mut found).await?);
            }
        } else {
            for (name, patient) in &names {
                rests.extend(self.all(Some((name, patient)), &mut found).await?);
            }
            match self.all(None, &mut found).await {
                Ok(more) => rests.extend(more),
                // It can't search for the identifier: then nothing is there by it.
                Err(Trouble::Server(400 | 404 | 501)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        let gone = match !further && rests.is_empty() {
            true => self.missed(&names, &mut found).await?,
            false => Vec::new(),
        };
        let query = if rests.is_empty() { None } else { serde_json::to_string(&rests).ok() };
        let (cache, who, patient_id) =
            (Arc::clone(self.cache), self.who.to_owned(), self.patient_id.to_owned());
        blocking(move || {
            let mut asking = cache.asking(&of)?;
            asking.answered();
            (asking.asked_at, asking.ended_at, asking.query) = (now(), Some(now()), query);
            let found = found.into_values().collect();
            cache.take_copies(&CopyPage { of, asking, patient_id, found, gone }, &who, now())
        })
        .await
    }

    /// Everything of one subject that is asked for; where it goes on.
    async fn all<T: Told>(
        &self,
        subject: Subject<'_>,
        found: &mut BTreeMap<String, T>,
    ) -> Result<Vec<Rest>, Trouble> {
        let by = match subject {
            Some((name, _)) => format!("subject={name}"),
            None => token("subject:identifier", &self.server.patient_system, self.patient_id),
        };
        let plain = format!("{}?{by}", T::RESOURCE);
        let mut rests = Vec::new();
        for condition in T::conditions(self.what) {
            match self.sorted(&format!("{plain}&{condition}"), subject, found).await {
                Ok(rest) => rests.extend(rest),
                // It does not know the condition: what is asked for is picked out here.
                Err(Trouble::Server(400 | 501)) => {
                    return self.sorted(&plain, subject, found).await.map(to_list);
                }
                Err(trouble) => return Err(trouble),
            }
        }
        if T::conditions(self.what).is_empty() {
            rests.extend(self.sorted(&plain, subject, found).await?);
        }
        Ok(rests)
    }

    /// The newest first: of more than are read at once those are left for later that are oldest.
    async fn sorted<T: Told>(
        &self,
        search: &str,
        subject: Subject<'_>,
        found: &mut BTreeMap<String, T>,
    ) -> Result<Option<Rest>, Trouble> {
        let rest = |search: String| Rest {
            subject: subject.map(|(name, _)| name.to_owned()),
            search,
            offset: 0,
            link: None,
        };
        match self.some(rest(format!("{search}&_sort=-date")), subject, found).await {
            // It can't sort.
            Err(Trouble::Server(400)) => self.some(rest(search.to_owned()), subject, found).await,
            done => done,
        }
    }

    /// Reads on, up to what is read at once.
    async fn some<T: Told>(
        &self,
        rest: Rest,
        subject: Subject<'_>,
        found: &mut BTreeMap<String, T>,
    ) -> Result<Option<Rest>, Trouble> {
        let mut pages = Pages::new(self.http, rest.search.clone(), None).from(rest.offset, rest.link);
        let mut seen = 0;
        loop {
            let Some(page) = pages.read(None, self.cancel).await? else { return Ok(None) };
            for resource in &page.found {
                self.see(resource, subject, found);
            }
            seen += page.found.len();
            if page.is_last {
                return Ok(None);
            }
            if seen >= MOST_AT_ONCE {
                let (offset, link) = pages.place();
                if link.as_ref().is_some_and(|link| link.len() > LONGEST_LINK) {
                    return Err(Trouble::Answer("the address of its next page is too long"));
                }
                return Ok(Some(Rest { search: rest.search, subject: rest.subject, offset, link }));
            }
        }
    }

    fn see<T: Told>(&self, resource: &Value, subject: Subject<'_>, found: &mut BTreeMap<String, T>) {
        if !self.is_about(resource, subject.map(|(name, _)| name)) {
            return;
        }
        let Some(mut one) = T::told(resource, &self.whence()) else { return };
        if one.is_asked_for(self.what) {
            // Who was found by the patient says more than who was found by the number.
            let known = found.get_mut(one.place()).and_then(|known| known.patient().take());
            *one.patient() = subject.map(|(_, patient)| patient.clone()).or(known);
            found.insert(one.place().to_owned(), one);
        }
    }

    fn whence(&self) -> Whence<'_> {
        Whence { source: &self.source.name, base: &self.server.url, patient_id: self.patient_id }
    }

    fn is_about(&self, resource: &Value, name: Option<&str>) -> bool {
        match name {
            Some(name) => subject(resource, &self.server.url).as_deref() == Some(name),
            None => {
                let named = &resource["subject"]["identifier"];
                named["system"] == self.server.patient_system.as_str() && named["value"] == self.patient_id
            }
        }
    }

    /// What is here and was not found: asked for by name. The places of what the server no longer has of this patient.
    async fn missed<T: Told>(
        &self,
        names: &[(String, Patient)],
        found: &mut BTreeMap<String, T>,
    ) -> Result<Vec<String>, Trouble> {
        let (cache, id) = (Arc::clone(self.cache), self.patient_id.to_owned());
        let known = blocking(move || cache.copies::<T>(&id)).await?;
        let missed = known.into_iter().filter(|known| {
            let said = &known.said;
            !known.gone
                && said.source() == self.source.name
                && said.is_asked_for(self.what)
                && !found.contains_key(said.place())
        });
        let places: Vec<String> = missed.map(|known| known.said.place().to_owned()).take(LOOKED_AT).collect();
        let mut gone = Vec::new();
        for place in places {
            match one(self.http, &place, self.cancel).await? {
                One::Gone => gone.push(place),
                // Of one that can't be read nothing new is known.
                One::Unreadable => {}
                One::There(resource) if resource["resourceType"] != T::RESOURCE => {}
                One::There(resource) => {
                    let by_name = names.iter().find(|(name, _)| self.is_about(&resource, Some(name)));
                    let told = T::told(&resource, &self.whence());
                    match (told, by_name) {
                        (Some(mut one), Some((_, patient))) => {
                            *one.patient() = Some(patient.clone());
                            found.insert(place, one);
                        }
                        (Some(one), None) if self.is_about(&resource, None) => drop(found.insert(place, one)),
                        // It is another patient's, or is no such thing any more.
                        _ => gone.push(place),
                    }
                }
            }
        }
        Ok(gone)
    }

    /// `Patient/id` of whom the server knows by the identifier, and who that is.
    async fn patients(&self) -> Result<Vec<(String, Patient)>, Trouble> {
        let system = self.server.patient_system.as_str();
        let search = format!("Patient?{}", token("identifier", system, self.patient_id));
        let mut pages = Pages::new(self.http, search, None);
        let mut names = Vec::new();
        while let Some(page) = pages.read(None, self.cancel).await? {
            for resource in &page.found {
                if values::is_named(resource, system, self.patient_id) && names.len() < MOST_NAMES {
                    let who = || values::patient(resource, system);
                    names.extend(name_of(resource).map(|(place, _)| (place, who())));
                }
            }
            if page.is_last || names.len() == MOST_NAMES {
                break;
            }
        }
        Ok(names)
    }
}

fn to_list<T>(one: Option<T>) -> Vec<T> {
    one.into_iter().collect()
}
