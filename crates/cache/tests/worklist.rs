//! Finding a study: words in any order, whatever the case and the accents; filters, sorting, windows, counts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::*;
use medsight_base::DicomDate;
use medsight_cache::{Cache, DateRange, Filter, Page, Query, Sort};
use medsight_record::{ReadState, RecordCommand};
use std::fs;
use std::path::Path;

/// Four studies whose fields differ.
fn ward(folder: &Path) -> Cache {
    let cache = Cache::open(&folder.join("cache"), &key()).unwrap();
    let people = [
        ("MÜLLER^JOSÉ", "PAT-0001", "20260101", "CT Schädel nativ", "CT"),
        ("GARCÍA LÓPEZ^MARÍA", "PAT-0002", "20260215", "RM rodilla izquierda", "MR"),
        ("muller^anna", "77-004711", "20251224", "Chest PA", "CR"),
        ("山田^太郎=やまだ^たろう", "9", "", "CT chest", "CT"),
    ];
    for (n, (name, id, date, description, modality)) in people.into_iter().enumerate() {
        let mut of = record(n as u32 + 1, 1, 1);
        of.patient.name = name.into();
        of.patient.id = id.into();
        of.study_date = DicomDate::parse(date);
        of.study_description = description.into();
        of.modality = modality.into();
        let path = folder.join(n.to_string());
        fs::write(&path, file_of(&of, 0)).unwrap();
        import(&cache, &path);
    }
    cache
}

fn ids(page: &Page) -> Vec<&str> {
    page.rows.iter().map(|row| row.patient.id.as_str()).collect()
}

fn find(cache: &Cache, filter: Filter) -> Vec<String> {
    let query = Query { filter, sort: Sort::Id, limit: 100, ..Query::default() };
    let page = cache.worklist(&query).unwrap();
    assert_eq!(page.total, page.rows.len());
    ids(&page).into_iter().map(str::to_owned).collect()
}

fn typed(cache: &Cache, text: &str) -> Vec<String> {
    find(cache, Filter { text: text.into(), ..Filter::default() })
}

#[test]
fn words_are_found_in_any_order_without_case_and_accents() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ward(folder.path());
    for text in ["jose muller", "MÜLLER jo", "josé ct", "schadel", "pat-0001", "mul nat 0001", "acc1"] {
        assert_eq!(typed(&cache, text), ["PAT-0001"], "{text}");
    }
    assert_eq!(typed(&cache, "müll"), ["77-004711", "PAT-0001"]);
    assert_eq!(typed(&cache, "lopez garcia"), ["PAT-0002"]);
    assert_eq!(typed(&cache, "004711"), ["77-004711"]);
    assert_eq!(typed(&cache, "田"), ["9"]);
    assert_eq!(typed(&cache, "chest"), ["77-004711", "9"]);
    assert!(typed(&cache, "üller").is_empty(), "a word is found by its beginning");
    assert!(typed(&cache, "chest schädel").is_empty(), "all words must be there");
    assert_eq!(typed(&cache, " ,;").len(), 4);
}

#[test]
fn filters_by_modality_state_and_date_narrow_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ward(folder.path());
    let modalities = |list: &[&str]| Filter {
        modalities: list.iter().map(|m| (*m).to_owned()).collect(),
        ..Filter::default()
    };
    assert_eq!(find(&cache, modalities(&["CT", "CR"])).len(), 3);
    assert!(find(&cache, modalities(&["US"])).is_empty(), "a modality that nobody has fits nothing");
    let state = RecordCommand::SetReadState { study: study_uid(1), state: ReadState::Final };
    cache.apply(&state, "reader", AT).unwrap();
    let done = Filter { states: vec![ReadState::Final], ..Filter::default() };
    assert_eq!(find(&cache, done), ["PAT-0001"]);
    let day = |text: &str| DicomDate::parse(text);
    let dates = DateRange { from: day("20260101"), to: day("20260215") };
    assert_eq!(find(&cache, Filter { dates, ..Filter::default() }), ["PAT-0001", "PAT-0002"]);
    let dates = DateRange { from: None, to: day("20251231") };
    assert_eq!(find(&cache, Filter { dates, ..Filter::default() }), ["77-004711"]);
}

#[test]
fn the_counts_beside_a_filter_say_what_each_choice_would_leave() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ward(folder.path());
    let filter = Filter { modalities: vec!["CT".into()], ..Filter::default() };
    let facets = cache.facets(&filter).unwrap();
    assert_eq!(facets.studies, 4);
    let counts = [("CT", 2), ("CR", 1), ("MR", 1)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(facets.modalities, counts);
    assert_eq!(facets.states[0], (ReadState::Unread, 2));
}

#[test]
fn rows_come_in_windows_in_the_order_of_any_column() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ward(folder.path());
    let page = |sort, descending, offset, limit| {
        cache.worklist(&Query { sort, descending, offset, limit, ..Query::default() }).unwrap()
    };
    assert_eq!(ids(&page(Sort::Date, true, 0, 9)), ["PAT-0002", "PAT-0001", "77-004711", "9"]);
    assert_eq!(ids(&page(Sort::Name, false, 0, 9)), ["PAT-0002", "77-004711", "PAT-0001", "9"]);
    let second = page(Sort::Name, false, 1, 2);
    assert_eq!((second.total, ids(&second)), (4, vec!["77-004711", "PAT-0001"]));
    assert!(page(Sort::Imported, true, 10, 5).rows.is_empty());
    for sort in [Sort::Id, Sort::Modality, Sort::Description, Sort::Images, Sort::State, Sort::Accession] {
        let (up, mut down) = (page(sort, false, 0, 9), page(sort, true, 0, 9));
        down.rows.reverse();
        assert_eq!(up, down, "{sort:?}");
    }
}

#[test]
fn the_list_keeps_its_order_while_studies_come_change_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ward(folder.path());
    let every = [Sort::Name, Sort::Id, Sort::Date, Sort::Modality, Sort::Images, Sort::State, Sort::Imported];
    let look = |cache: &Cache, sort| cache.worklist(&Query { sort, limit: 100, ..Query::default() }).unwrap();
    every.iter().for_each(|sort| drop(look(&cache, *sort)));
    import(&cache, &write_series(&folder.path().join("more"), 3, 2, 5, 0)[0]);
    let state = RecordCommand::SetReadState { study: study_uid(2), state: ReadState::Preliminary };
    cache.apply(&state, "reader", AT).unwrap();
    cache.apply(&RecordCommand::DeleteStudies(vec![study_uid(1)]), "reader", AT).unwrap();
    write_series(&folder.path().join("new"), 9, 1, 1, 0);
    import(&cache, &folder.path().join("new"));
    let seen: Vec<Page> = every.iter().map(|sort| look(&cache, *sort)).collect();
    drop(cache);
    let again = Cache::open(&folder.path().join("cache"), &key()).unwrap();
    for (sort, page) in every.into_iter().zip(seen) {
        assert_eq!(look(&again, sort), page, "{sort:?}");
    }
}
