//! `ls`: the worklist, as the desk shows it.

use super::store::{Store, fail};
use crate::output::{Exit, Output};
use medsight_base::DicomDate;
use medsight_cache::{CacheError, DateRange, Facets, Filter, Page, Query, Sort};
use medsight_record::{ReadState, StudyRecord};
use serde::Serialize;
use std::collections::BTreeMap;

/// List the studies in the cache.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Words over name, id, accession number and description.
    #[arg(long, default_value = "")]
    text: String,
    /// Only these modalities, divided by commas.
    #[arg(long, value_delimiter = ',')]
    modality: Vec<String>,
    /// Only these reading states, divided by commas: unread, draft, preliminary, final, addendum.
    #[arg(long, value_delimiter = ',', value_parser = word::<ReadState>)]
    state: Vec<ReadState>,
    /// Study date from, YYYY-MM-DD.
    #[arg(long, value_parser = date)]
    from: Option<DicomDate>,
    /// Study date to, YYYY-MM-DD.
    #[arg(long, value_parser = date)]
    to: Option<DicomDate>,
    /// name, id, date, modality, description, images, state, accession or imported.
    #[arg(long, default_value = "date", value_parser = word::<Sort>)]
    sort: Sort,
    /// First first. Without it the last comes first.
    #[arg(long)]
    ascending: bool,
    /// Rows to pass over.
    #[arg(long, default_value_t = 0)]
    offset: usize,
    /// Rows at most.
    #[arg(long, default_value_t = 1000)]
    limit: usize,
    #[command(flatten)]
    store: Store,
}

#[derive(Serialize)]
struct Document {
    total: usize,
    offset: usize,
    studies: Vec<StudyRecord>,
    facets: Counts,
}

#[derive(Serialize)]
struct Counts {
    studies: usize,
    modalities: BTreeMap<String, usize>,
    states: Vec<(ReadState, usize)>,
}

fn date(text: &str) -> Result<DicomDate, String> {
    DicomDate::parse(text).ok_or_else(|| "not a date of the form YYYY-MM-DD".to_owned())
}

/// The words of a type are its words in JSON.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|_| "no such word; see --help".to_owned())
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    match look(args) {
        Ok((page, facets)) => {
            let counts = Counts {
                studies: facets.studies,
                modalities: facets.modalities.into_iter().collect(),
                states: facets.states,
            };
            let document =
                Document { total: page.total, offset: page.offset, studies: page.rows, facets: counts };
            out.document(&document, text);
            Exit::Done
        }
        Err(error) => fail(&error, out),
    }
}

fn look(args: &Args) -> Result<(Page, Facets), CacheError> {
    let cache = args.store.open_for_reading()?;
    let filter = Filter {
        text: args.text.clone(),
        modalities: args.modality.clone(),
        states: args.state.clone(),
        dates: DateRange { from: args.from, to: args.to },
    };
    let facets = cache.facets(&filter)?;
    let (sort, offset, limit) = (args.sort, args.offset, args.limit);
    let page = cache.worklist(&Query { filter, sort, descending: !args.ascending, offset, limit })?;
    Ok((page, facets))
}

fn text(document: &Document) -> String {
    let mut lines: Vec<String> = document
        .studies
        .iter()
        .map(|study| {
            format!(
                "{}  {}  {}  {}  {}  {} images  {}",
                study.date.map(|d| d.iso()).unwrap_or_else(|| "no date   ".to_owned()),
                study.patient.name,
                study.patient.id,
                study.modalities.join("\\"),
                study.description,
                study.instance_count,
                study.uid
            )
        })
        .collect();
    lines.push(format!("{} of {} studies", document.studies.len(), document.total));
    lines.join("\n")
}
