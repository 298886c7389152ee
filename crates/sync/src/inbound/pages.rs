//! A search of a FHIR server, page by page: within bounds, below the address of the settings, and never in a circle.

use super::order::{name_of, updated};
use crate::Trouble;
use crate::fhir::http::{Answer, Http};
use medsight_base::Timestamp;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use serde_json::Value;
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// Resources that a page is asked to have.
pub(super) const COUNT: usize = 100;
/// Entries of a page that are read. A server may give more than it was asked for, and brings others along.
const MOST_ENTRIES: usize = 5000;
/// Pages of one reading.
const MOST_PAGES: usize = 500;
/// Pages one after the other that bring nothing.
const MOST_EMPTY: usize = 3;

const ENDLESS: Trouble = Trouble::Answer("its pages bring the same things again and again");
pub(super) const TOO_LONG: Trouble =
    Trouble::Answer("it has more pages than are read at once; the next asking goes on from there");

/// One page.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// What was searched for.
    pub(super) found: Vec<Value>,
    /// What came with it.
    pub(super) beside: Vec<Value>,
    /// When the last of them was changed there, where all pages so far came in this order.
    pub(super) sorted_to: Option<Timestamp>,
    /// It is the last.
    pub(super) is_last: bool,
}

/// A search that is being read.
pub(super) struct Pages<'a> {
    http: &'a Http,
    /// `ServiceRequest?…`, without the moment from which on.
    search: String,
    /// From which change on; `None`: all, in no order.
    from: Option<Timestamp>,
    /// Changes before this moment only.
    until: Option<Timestamp>,
    next: Option<String>,
    seen: BTreeSet<(String, String)>,
    pages: usize,
    empty: usize,
    offset: usize,
    /// The last question was for a page by our own count: a server that knows none of it tells the first again.
    is_by_count: bool,
    is_sorted: bool,
    /// The last question went on from the last change that was seen: what was changed in that moment comes once more.
    is_overlap: bool,
    /// What the server's clock said with the first page.
    pub(super) began: Option<Timestamp>,
    /// The latest change that was seen.
    pub(super) newest: Option<Timestamp>,
    /// The server told where its next page is: how it keeps its place is not known.
    pub(super) by_links: bool,
    pub(super) etag: Option<String>,
    /// How many there are, as the server counted them for the first page.
    total: Option<usize>,
    /// How many came with the first page.
    per_page: usize,
    /// When those that were seen were changed.
    changes: Vec<Timestamp>,
    /// It has more pages than are read at once.
    is_cut: bool,
}

impl<'a> Pages<'a> {
    pub(super) fn new(http: &'a Http, search: String, from: Option<Timestamp>) -> Self {
        Self {
            http,
            search,
            from,
            until: None,
            next: None,
            seen: BTreeSet::new(),
            pages: 0,
            empty: 0,
            offset: 0,
            is_by_count: false,
            is_sorted: from.is_some(),
            is_overlap: false,
            began: None,
            newest: None,
            by_links: false,
            etag: None,
            total: None,
            per_page: 0,
            changes: Vec::new(),
            is_cut: false,
        }
    }

    /// Changes before this moment only.
    pub(super) fn before(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// It is known by now that it can't be read at once, and not where it could be gone on with: the answers are not sorted.
    /// After the first page the server's own count may say so.
    pub(super) fn is_too_much(&self) -> bool {
        let foreseen = self.total.is_some_and(|total| total > self.per_page.saturating_mul(MOST_PAGES));
        !self.is_sorted && (foreseen || self.is_cut)
    }

    /// A moment before which about half of what was seen was changed.
    pub(super) fn middle(&self) -> Option<Timestamp> {
        let mut changes = self.changes.clone();
        changes.sort_unstable();
        changes.get(changes.len() / 2).copied()
    }

    /// The server said how many there are.
    pub(super) fn is_counted(&self) -> bool {
        self.total.is_some()
    }

    /// As many came as the server counted when the reading began: nothing left it meanwhile.
    pub(super) fn is_complete(&self) -> bool {
        self.total.is_some_and(|total| self.seen.len() >= total)
    }

    /// Goes on where [`Self::place`] was.
    pub(super) fn from(mut self, offset: usize, link: Option<String>) -> Self {
        self.by_links = link.is_some();
        (self.offset, self.next) = (offset, link);
        self
    }

    /// Where it goes on: how many were read, and the address of the next page where the server told one.
    pub(super) fn place(&self) -> (usize, Option<String>) {
        (self.offset, self.next.clone())
    }

    /// The question of the first page.
    pub(super) fn query(&self) -> String {
        let divider = if self.search.contains('?') { '&' } else { '?' };
        let mut query = format!("{}{divider}_count={COUNT}", self.search);
        if let Some(from) = self.from {
            query += &format!("&_sort=_lastUpdated&_lastUpdated=ge{}", from.iso());
        }
        if let Some(until) = self.until {
            query += &format!("&_lastUpdated=lt{}", until.iso());
        }
        if self.offset > 0 {
            query += &format!("&_offset={}", self.offset);
        }
        query
    }

    /// The next page; `None` when the server's answer is the one of `etag`.
    pub(super) async fn read(
        &mut self,
        etag: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Option<Page>, Trouble> {
        if self.pages == MOST_PAGES {
            self.is_cut = true;
            return Err(TOO_LONG);
        }
        self.pages += 1;
        let question = self.next.take().unwrap_or_else(|| self.query());
        let answer = self.http.request(Method::GET, &question, None, if_none_match(etag), cancel).await?;
        match answer.status.as_u16() {
            304 if etag.is_some() => return Ok(None),
            200 if answer.body["resourceType"] == "Bundle" => {}
            200..=299 => return Err(Trouble::Answer("it is no bundle of a search")),
            status => return Err(Trouble::Server(status)),
        }
        if self.pages == 1 {
            self.is_sorted = self.is_sorted && self.sorts(&answer, cancel).await?;
            (self.began, self.etag) = (answer.date, answer.etag.clone());
            self.total = answer.body["total"].as_u64().and_then(|total| usize::try_from(total).ok());
        }
        self.page(answer).map(Some)
    }

    /// Whether a server whose first page looks sorted sorts at all: a few changes may stand in their order by chance, and who
    /// read on from the last of them would miss others. It does when it tells another, and no older one, to the same question
    /// the other way round. Asked only where there is more than this page.
    async fn sorts(&self, answer: &Answer, cancel: &CancellationToken) -> Result<bool, Trouble> {
        let found: Vec<&Value> = self.found_in(&answer.body).collect();
        let is_all = next_of(&answer.body).is_none() && found.len() < COUNT;
        let (Some(first), Some(newest)) = (found.first(), found.iter().filter_map(|one| updated(one)).max())
        else {
            return Ok(true);
        };
        if is_all {
            return Ok(true);
        }
        let question = self.query().replace("&_sort=_lastUpdated", "&_sort=-_lastUpdated");
        let question = question.replace(&format!("_count={COUNT}"), "_count=1");
        let other = self.http.request(Method::GET, &question, None, HeaderMap::new(), cancel).await?;
        let last = self.found_in(&other.body).next();
        Ok(last.is_some_and(|last| last["id"] != first["id"] && updated(last).is_some_and(|at| at >= newest)))
    }

    /// What was searched for, of a bundle's entries.
    fn found_in<'b>(&self, bundle: &'b Value) -> impl Iterator<Item = &'b Value> {
        let kind = self.search.split('?').next().unwrap_or_default().to_owned();
        let entries = bundle["entry"].as_array().into_iter().flatten();
        let found =
            entries.filter(|entry| entry["search"]["mode"] != "include").map(|entry| &entry["resource"]);
        found.filter(move |resource| resource["resourceType"] == kind.as_str())
    }

    fn page(&mut self, mut answer: Answer) -> Result<Page, Trouble> {
        let link = next_of(&answer.body).map(str::to_owned);
        let Value::Array(entries) = answer.body["entry"].take() else {
            return self.end(Page::default(), link, 0, true);
        };
        if entries.len() > MOST_ENTRIES {
            return Err(Trouble::Answer("a page has too many entries"));
        }
        let kind = self.search.split('?').next().unwrap_or_default().to_owned();
        let (mut page, mut is_new) = (Page::default(), false);
        for mut entry in entries {
            let resource = entry["resource"].take();
            if entry["search"]["mode"] == "include" || resource["resourceType"] != kind.as_str() {
                page.beside.push(resource);
                continue;
            }
            let changed = updated(&resource);
            self.is_sorted &= changed.is_some() && changed >= self.newest;
            self.newest = self.newest.max(changed);
            self.changes.extend(changed);
            is_new |= name_of(&resource).is_some_and(|name| self.seen.insert(name));
            page.found.push(resource);
        }
        let count = page.found.len();
        if self.pages == 1 {
            self.per_page = count;
        }
        self.end(page, link, count, is_new)
    }

    /// Where the next page is.
    fn end(
        &mut self,
        mut page: Page,
        link: Option<String>,
        count: usize,
        is_new: bool,
    ) -> Result<Page, Trouble> {
        page.sorted_to = self.newest.filter(|_| self.is_sorted);
        self.empty = if count == 0 { self.empty + 1 } else { 0 };
        // A server that told where its pages are tells it of all but the last, which may be full too.
        let goes_on = link.is_some() || (count >= COUNT && !self.by_links);
        let was_overlap = std::mem::take(&mut self.is_overlap);
        let was_by_count = std::mem::take(&mut self.is_by_count);
        if goes_on && ((count > 0 && !is_new && !was_overlap) || self.empty > MOST_EMPTY) {
            if was_by_count && self.total.is_none_or(|total| self.seen.len() >= total) {
                page.is_last = true;
                return Ok(page);
            }
            return Err(ENDLESS);
        }
        let further = page.sorted_to.filter(|to| self.from.is_some_and(|from| *to > from));
        match (further, link) {
            _ if !goes_on => page.is_last = true,
            // From the last change that was seen: what comes or goes there meanwhile moves nothing.
            (Some(to), _) => (self.from, self.offset, self.is_overlap) = (Some(to), 0, true),
            (None, Some(link)) => {
                self.by_links = true;
                // To another address nothing goes; said here, so that what came with this page is kept first.
                self.next = Some(link);
            }
            // A server without links of pages: by counting.
            (None, None) => (self.offset, self.is_by_count) = (self.offset + count, true),
        }
        Ok(page)
    }
}

/// The address of the next page, where the server tells one.
fn next_of(bundle: &Value) -> Option<&str> {
    let mut links = bundle["link"].as_array().into_iter().flatten();
    links.find(|link| link["relation"] == "next")?["url"].as_str()
}

/// One resource by its name.
pub(super) enum One {
    There(Box<Value>),
    /// Not for us, or the server fails at it.
    Unreadable,
    Gone,
}

pub(super) async fn one(http: &Http, place: &str, cancel: &CancellationToken) -> Result<One, Trouble> {
    let answer = http.answer(Method::GET, place, None, HeaderMap::new(), cancel).await?;
    Ok(match answer.status.as_u16() {
        200 => One::There(Box::new(answer.body)),
        404 | 410 => One::Gone,
        _ => One::Unreadable,
    })
}

/// A version as the header has it; what no header can hold is not asked about.
fn if_none_match(version: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = version.and_then(|version| HeaderValue::from_str(&format!("W/\"{version}\"")).ok());
    if let Some(value) = value {
        headers.insert(IF_NONE_MATCH, value);
    }
    headers
}
