//! Questions about studies. Thin: parse the request, ask the cache, map the answer.

use crate::desk::Desk;
use crate::dto::{
    FacetCount, Measurement, SeriesRow, SortColumn, StudyDetails, StudyRequest, WorklistFacets,
    WorklistFilter, WorklistPage, WorklistRequest,
};
use crate::films;
use crate::inbound;
use crate::problem::{Fault, Problem};
use medsight_base::{DicomDate, SeriesUid, StudyUid};
use medsight_cache::{DateRange, Filter, Query, Sort};
use medsight_record::{Annotation, AnnotationKind, NoScale, Place, ScaleSource, SeriesRecord};
use serde::Serialize as _;
use std::sync::Arc;

/// Rows in one answer at most.
const MOST_ROWS: u32 = 500;

/// A window of rows.
pub(crate) fn worklist(desk: &Arc<Desk>, request: WorklistRequest) -> Result<WorklistPage, Problem> {
    let query = Query {
        filter: filter(request.filter)?,
        sort: sort(request.sort),
        descending: request.descending,
        offset: request.offset as usize,
        limit: request.limit.min(MOST_ROWS) as usize,
    };
    let cache = desk.cache()?;
    let page = cache.worklist(&query)?;
    Ok(WorklistPage {
        total: number(page.total),
        offset: number(page.offset),
        rows: inbound::rows(&cache, page.rows)?,
    })
}

/// Counts beside the filters.
pub(crate) fn facets(desk: &Arc<Desk>, request: WorklistFilter) -> Result<WorklistFacets, Problem> {
    let facets = desk.cache()?.facets(&filter(request)?)?;
    Ok(WorklistFacets {
        studies: number(facets.studies),
        modalities: facets
            .modalities
            .into_iter()
            .map(|(value, count)| FacetCount { value, count: number(count) })
            .collect(),
        states: facets
            .states
            .into_iter()
            .map(|(state, count)| FacetCount { value: word(&state), count: number(count) })
            .collect(),
    })
}

/// Everything the study panel shows.
pub(crate) fn details(desk: &Arc<Desk>, request: StudyRequest) -> Result<StudyDetails, Problem> {
    let uid = StudyUid::parse(&request.study_uid)?;
    let cache = desk.cache()?;
    let study = cache.study(&uid)?.ok_or(Fault::StudyGone)?;
    let series = cache.series(&uid)?;
    let measurements = cache.annotations(&uid)?.iter().map(|a| measurement(a, &series)).collect();
    Ok(StudyDetails {
        // The age at the study, as on the light box; today's where the study has no date.
        identity: study.patient.identity_line(study.date.or(DicomDate::parse(&request.today))),
        orders: inbound::orders_of(&cache, &uid)?,
        study: inbound::rows(&cache, vec![study])?.into_iter().next().ok_or(Fault::StudyGone)?,
        films: films::of_study(&cache, &uid)?,
        series: series.into_iter().map(series_row).collect(),
        measurements,
    })
}

fn filter(wanted: WorklistFilter) -> Result<Filter, Problem> {
    let day = |text: Option<String>| match text {
        None => Ok(None),
        Some(text) => {
            DicomDate::parse(&text).map(Some).ok_or_else(|| Fault::BadRequest("this is no date.".into()))
        }
    };
    Ok(Filter {
        text: wanted.text,
        modalities: wanted.modalities,
        states: wanted.states,
        dates: DateRange { from: day(wanted.dates.from)?, to: day(wanted.dates.to)? },
    })
}

fn sort(column: SortColumn) -> Sort {
    match column {
        SortColumn::Name => Sort::Name,
        SortColumn::Id => Sort::Id,
        SortColumn::Date => Sort::Date,
        SortColumn::Modality => Sort::Modality,
        SortColumn::Description => Sort::Description,
        SortColumn::Images => Sort::Images,
        SortColumn::State => Sort::State,
        SortColumn::Accession => Sort::Accession,
        SortColumn::Imported => Sort::Imported,
        SortColumn::Priority => Sort::Priority,
    }
}

/// More than four thousand million studies fit no disk.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn series_row(series: SeriesRecord) -> SeriesRow {
    SeriesRow {
        uid: series.uid.to_string(),
        number: series.number,
        modality: series.modality,
        description: series.description,
        instances: series.instance_count,
        frames: series.frame_count,
    }
}

/// What was drawn, in one line.
pub(crate) fn measurement(annotation: &Annotation, series: &[SeriesRecord]) -> Measurement {
    let stands_on: &SeriesUid = match &annotation.place {
        Place::Image { series, .. } | Place::Plane { series, .. } => series,
    };
    let (kind, text) = match &annotation.kind {
        AnnotationKind::Length => ("length", ""),
        AnnotationKind::Angle => ("angle", ""),
        AnnotationKind::Ellipse => ("ellipse", ""),
        AnnotationKind::Rectangle => ("rectangle", ""),
        AnnotationKind::Outline => ("outline", ""),
        AnnotationKind::Arrow => ("arrow", ""),
        AnnotationKind::Text { text } => ("text", text.as_str()),
        AnnotationKind::KeyImage => ("key_image", ""),
        AnnotationKind::Calibration { .. } => ("calibration", ""),
    };
    let m = &annotation.measured;
    Measurement {
        id: annotation.id.0.to_string(),
        kind: kind.to_owned(),
        text: text.to_owned(),
        series_number: series.iter().find(|s| s.uid == *stands_on).and_then(|s| s.number),
        length_mm: m.length_mm,
        length_px: m.length_px,
        angle_deg: m.angle_deg,
        area_mm2: m.area_mm2,
        area_px: m.area_px,
        mean: m.mean,
        sd: m.sd,
        unit: m.unit.clone(),
        scale: m.scale.map(scale_word).or(m.no_scale.map(no_scale_word)).unwrap_or_default().to_owned(),
        changed_ms: annotation.changed_at.0,
    }
}

fn scale_word(scale: ScaleSource) -> &'static str {
    match scale {
        ScaleSource::PixelSpacing => "pixel_spacing",
        ScaleSource::Calibrated => "calibrated",
        ScaleSource::Detector => "detector",
        ScaleSource::Volume => "volume",
        ScaleSource::UltrasoundRegion => "ultrasound_region",
        ScaleSource::Nominal => "nominal",
        ScaleSource::DetectorCorrected => "detector_corrected",
        ScaleSource::Manual => "manual",
    }
}

fn no_scale_word(why: NoScale) -> &'static str {
    match why {
        NoScale::CrossesRegions => "crosses_regions",
        NoScale::RegionWithoutLengths => "region_without_lengths",
    }
}

/// The word of a state, as it crosses to the window and names its label.
fn word(state: &medsight_record::ReadState) -> String {
    // A unit variant always becomes a string.
    state
        .serialize(serde_json::value::Serializer)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}
