//! What a FHIR server changed of its orders and tasks since it was last asked.
//!
//! Each page is kept with how far the reading is. Sorted answers are read on from the last change that was seen, so that
//! nothing is missed by what comes or goes meanwhile. Links are followed only where that does not get on; what is changed
//! then may move others over the edge of a page, where the server keeps its place by counting: all of it is read again.
//! More than can be read so at once is read by windows of time (`windows.rs`).
//! The mark, from which on the next asking reads, is moved at the end of a reading that nothing overtook, and stays behind
//! the server's clock: what is committed there late is not missed.

use super::order::{Patients, name_of, order, subject, task};
use super::pages::{One, Page, Pages, TOO_LONG, one};
use crate::Trouble;
use crate::fhir::http::Http;
use crate::moment::now;
use medsight_base::Timestamp;
use medsight_cache::{AskedOf, Asking, Cache, CameIn, OrderPage};
use medsight_record::destination::FhirServer;
use medsight_record::source::From;
use medsight_record::{Order, Source};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What may be committed late at a server, milliseconds.
const LATE_MS: i64 = 120_000;
/// Readings of the same once more because something was changed meanwhile.
pub(super) const MOST_READINGS: usize = 3;
/// Open orders that are asked for by name at each asking: those that were deleted are in no search.
const LOOKED_AT: usize = 25;
/// Patients that are asked for by name for a page whose server brings none along.
const MOST_PATIENTS: usize = 200;

pub(super) struct Feed<'a> {
    pub(super) cache: &'a Arc<Cache>,
    pub(super) source: &'a Source,
    pub(super) server: &'a FhirServer,
    pub(super) http: &'a Http,
    pub(super) who: &'a str,
    pub(super) cancel: &'a CancellationToken,
}

impl Feed<'_> {
    fn of(&self, feed: &str) -> AskedOf {
        AskedOf { source: self.source.name.clone(), feed: feed.to_owned() }
    }

    /// Orders, then the tasks that give them to somebody, then those that were not heard of for longest.
    pub(super) async fn read(&self) -> Result<CameIn, (AskedOf, Trouble)> {
        let only = if self.source.only.is_empty() { String::new() } else { format!("&{}", self.source.only) };
        let orders = format!("ServiceRequest?_include=ServiceRequest:subject{only}");
        let mut came = self.follow("orders", &orders).await.map_err(|why| (self.of("orders"), why))?;
        came.add(self.follow("tasks", "Task").await.map_err(|why| (self.of("tasks"), why))?);
        came.add(self.look().await.map_err(|why| (self.of("orders"), why))?);
        Ok(came)
    }

    async fn follow(&self, feed: &str, search: &str) -> Result<CameIn, Trouble> {
        let of = self.of(feed);
        let mut asking = self.asking(&of).await?;
        let back_ms = i64::from(self.source.days_back) * 86_400_000;
        let from = asking.mark.unwrap_or(Timestamp(now().0.saturating_sub(back_ms)));
        let mut start = asking.progress.filter(|progress| *progress >= from).unwrap_or(from);
        let mut came = CameIn::default();
        for reading in 0..MOST_READINGS {
            let mut pages = Pages::new(self.http, search.to_owned(), Some(start));
            let (query, first) = (pages.query(), start);
            let known = asking.etag.clone().filter(|_| reading == 0 && asking.query.as_ref() == Some(&query));
            let (mut count, mut etag) = (0, known);
            // Up to where windows of time were read, and since when what they lack may have been changed.
            let (mut read_to, mut torn_since) = (from, None);
            loop {
                let page = pages.read(etag.take().as_deref(), self.cancel).await;
                if pages.is_too_much() {
                    let until = pages.began.unwrap_or_else(now);
                    if until <= start {
                        return Err(TOO_LONG);
                    }
                    let (more, is_whole) = self.windows(&of, &mut asking, search, (start, until)).await?;
                    came.add(more);
                    torn_since = torn_since.or(Some(until).filter(|_| !is_whole));
                    (read_to, start, count) = (Timestamp(until.0.saturating_sub(LATE_MS)), until, 0);
                    asking.began = None;
                    pages = Pages::new(self.http, search.to_owned(), Some(start));
                    continue;
                }
                count += 1;
                let Some(page) = page? else {
                    asking.answered();
                    (asking.asked_at, asking.ended_at) = (now(), Some(now()));
                    came.add(self.keep(&of, &asking, Page::default()).await?);
                    return Ok(came);
                };
                // A reading that goes on after it was cut off began when the first of it did.
                asking.began = asking.began.or(pages.began);
                let is_last = page.is_last;
                let is_newer_than = |began: Option<Timestamp>| {
                    pages.newest.zip(began).is_some_and(|(newest, began)| newest > began)
                };
                let overtaken = is_last
                    && (pages.by_links && is_newer_than(asking.began) && (count > 1 || start > from)
                        || is_newer_than(torn_since));
                if overtaken {
                    (asking.progress, asking.began) = (None, None);
                    // Torn each time: the next asking reads from where this one did.
                    if reading + 1 == MOST_READINGS {
                        asking.ended_at = Some(now());
                    }
                } else if is_last {
                    asking.mark = Some(mark(from.max(read_to), &pages));
                    (asking.progress, asking.began) = (None, None);
                    (asking.query, asking.etag) =
                        (Some(query.clone()), pages.etag.clone().filter(|_| count == 1 && start == first));
                    asking.ended_at = Some(now());
                } else if page.sorted_to.is_some() {
                    asking.progress = page.sorted_to;
                }
                asking.asked_at = now();
                asking.answered();
                came.add(self.keep(&of, &asking, page).await?);
                if is_last && !overtaken {
                    return Ok(came);
                }
                if overtaken {
                    break;
                }
            }
            start = from;
        }
        Ok(came)
    }

    async fn asking(&self, of: &AskedOf) -> Result<Asking, Trouble> {
        let (cache, of) = (Arc::clone(self.cache), of.clone());
        blocking(move || cache.asking(&of)).await
    }

    fn order(&self, resource: &Value, patients: &Patients) -> Option<Order> {
        let mut order = order(resource, patients, self.server, &self.source.name)?;
        order.patient.issuer = Some(self.source.issuer.clone()).filter(|issuer| !issuer.is_empty());
        let destination = match &self.source.from {
            From::Destination(name) => Some(name.clone()),
            From::Node(_) => None,
        };
        Some(Order { destination, ..order })
    }

    pub(super) async fn keep(&self, of: &AskedOf, asking: &Asking, page: Page) -> Result<CameIn, Trouble> {
        let patients = self.patients(&page).await?;
        let orders = page.found.iter().filter_map(|one| self.order(one, &patients));
        let kept = OrderPage {
            of: of.clone(),
            asking: asking.clone(),
            orders: orders.collect(),
            tasks: page.found.iter().filter_map(|one| task(one, self.server, &self.source.name)).collect(),
            ..OrderPage::default()
        };
        self.take(kept).await
    }

    async fn take(&self, page: OrderPage) -> Result<CameIn, Trouble> {
        let (cache, who) = (Arc::clone(self.cache), self.who.to_owned());
        blocking(move || cache.take_orders(&page, &who, now())).await
    }

    /// The patients of a page: those that came with it, and the others by their names.
    async fn patients(&self, page: &Page) -> Result<Patients, Trouble> {
        let mut patients = Patients::new();
        for resource in &page.beside {
            if resource["resourceType"] == "Patient"
                && let Some(id) = resource["id"].as_str()
            {
                patients.insert(format!("Patient/{id}"), resource.clone());
            }
        }
        let mut asked = 0;
        for place in page.found.iter().filter_map(|one| subject(one, &self.server.url)) {
            if patients.contains_key(&place) || asked == MOST_PATIENTS {
                continue;
            }
            asked += 1;
            let answer = self.http.answer(Method::GET, &place, None, HeaderMap::new(), self.cancel).await?;
            match answer.status.as_u16() {
                200 => drop(patients.insert(place, answer.body)),
                // Nobody is known by this name, or it is not for us: then it can't be told whose order it is.
                400..=499 => drop(patients.insert(place, Value::Null)),
                status => return Err(Trouble::Server(status)),
            }
        }
        Ok(patients)
    }

    /// Asks for open orders, and the tasks about them, by name that were in no answer for longest: as they are now with their
    /// patient, who may have got another number since, or deleted.
    async fn look(&self) -> Result<CameIn, Trouble> {
        let (cache, source) = (Arc::clone(self.cache), self.source.name.clone());
        let (due, tasks) = blocking(move || {
            Ok((cache.orders_to_look_at(&source, LOOKED_AT)?, cache.tasks_to_look_at(&source, LOOKED_AT)?))
        })
        .await?;
        let of = self.of("orders");
        let mut kept = OrderPage { asking: self.asking(&of).await?, of, ..OrderPage::default() };
        let mut changed = Page::default();
        for place in due {
            match one(self.http, &place, self.cancel).await? {
                // Of one that can't be read nothing new is known; the others behind it have their turn.
                One::Unreadable => kept.unchanged.push(place),
                One::Gone => kept.gone.push(place),
                One::There(resource) => changed.found.push(*resource),
            }
        }
        for place in tasks {
            match one(self.http, &place, self.cancel).await? {
                One::There(resource) => kept.tasks.extend(task(&resource, self.server, &self.source.name)),
                One::Gone => kept.gone_tasks.push(place),
                // It has its turn again.
                One::Unreadable => {}
            }
        }
        let patients = self.patients(&changed).await?;
        for resource in &changed.found {
            match (self.order(resource, &patients), name_of(resource)) {
                (Some(order), _) => kept.orders.push(order),
                // It is no order any more.
                (None, Some((place, _))) => kept.gone.push(place),
                (None, None) => {}
            }
        }
        self.take(kept).await
    }
}

/// From which change on the next asking reads.
fn mark(from: Timestamp, pages: &Pages<'_>) -> Timestamp {
    let Some(newest) = pages.newest else { return from };
    let clock = pages.began.unwrap_or(newest);
    newest.min(Timestamp(clock.0.saturating_sub(LATE_MS))).max(from)
}

/// The records are read and written on a thread that may wait for the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, medsight_cache::CacheError> + Send + 'static,
) -> Result<T, Trouble> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Trouble::Answer("a fault of the program")),
    }
}
