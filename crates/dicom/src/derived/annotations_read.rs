//! Measurement groups of a report back into annotations: ours, and others' where the forms are ours.
//!
//! What has no form here (open lines, segments) is told, with its label, not dropped.

use super::annotations_shape::shape;
use super::measurement_codes as c;
use super::measurement_report::{EvaluationValue, Measurement, MeasurementGroup, MeasurementReport, Region};
use super::parametric_map::unit_text;
use super::reference::Evidence;
use super::sr::{Graphic, Report};
use super::{
    annotations::{SCALES, UPTAKES},
    code::Code,
};
use glam::DVec3;
use medsight_base::{InstanceUid, SeriesUid, StudyUid, Timestamp};
use medsight_record::{
    Annotation, AnnotationId, AnnotationKind, Measured, Place, RealWorldMeasured, Refusal, Statistics,
    Uptake, UptakeKind,
};
use std::collections::HashMap;
use uuid::Uuid;

/// Regions back from the last among which the same one is looked for: writers put them side by side.
const NEIGHBOURS: usize = 8;

/// A region that cannot be an annotation, or a number of one that cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotShown {
    /// Its label in the report.
    pub label: String,
    /// Why.
    pub reason: String,
}

/// What a report holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadAnnotations {
    /// In the order of the report.
    pub annotations: Vec<Annotation>,
    /// What has no form here.
    pub not_shown: Vec<NotShown>,
}

/// The annotations of a report. `series_of` finds a series with a frame of reference; `new_id` names
/// annotations of reports that are not ours.
///
/// # Errors
/// `no_measurements` when it is no measurement report.
pub fn annotations_of(
    report: &Report,
    read_at: Timestamp,
    series_of: &dyn Fn(&str) -> Option<SeriesUid>,
    new_id: &mut dyn FnMut() -> AnnotationId,
) -> Result<ReadAnnotations, Refusal> {
    let mut read = ReadAnnotations::default();
    let evidence: HashMap<&str, &Evidence> =
        report.evidence.iter().map(|e| (e.instance.instance.as_str(), e)).collect();
    for group in MeasurementReport::of(report)?.groups {
        let shared: Vec<&Measurement> = group.measurements.iter().filter(|m| m.region.is_none()).collect();
        let mut regions: Vec<(&Region, Vec<&Measurement>)> =
            group.regions.iter().map(|region| (region, shared.clone())).collect();
        // Several numbers may carry one and the same region each.
        for (own, number) in group.measurements.iter().filter_map(|m| Some((m.region.as_ref()?, m))) {
            match regions.iter_mut().rev().take(NEIGHBOURS).find(|(known, _)| *known == own) {
                Some((_, numbers)) => numbers.push(number),
                None => regions.push((own, vec![number])),
            }
        }
        let mut own_id = ours(&group.tracking_uid).filter(|_| group.regions.len() == 1);
        // What hangs on a segment is seen with its segmentation.
        regions.retain(|(region, _)| !matches!(region, Region::Segment(_)));
        for (region, mut numbers) in regions {
            let made = place(region, report, &evidence, series_of)
                .and_then(|place| annotation(&group, region, place, &numbers).ok_or("it has no form here"));
            match made {
                Ok((study, kind, place)) => {
                    if kind.is_closed() {
                        // dcmjs 0.29 codes the area of an ellipse as a length without a unit.
                        let count = numbers.len();
                        numbers.retain(|number| number.concept != c::LENGTH);
                        if numbers.len() < count {
                            let reason = "A number of an area is coded as a length, so it is not shown.";
                            let label = group.tracking_id.clone();
                            read.not_shown.push(NotShown { label, reason: reason.into() });
                        }
                    }
                    read.annotations.push(Annotation {
                        id: own_id.take().unwrap_or_else(&mut *new_id),
                        study,
                        kind,
                        place,
                        measured: measured(&numbers),
                        changed_at: read_at,
                    });
                }
                Err(why) => read.not_shown.push(NotShown {
                    label: group.tracking_id.clone(),
                    reason: format!("The region cannot be an annotation: {why}."),
                }),
            }
        }
    }
    Ok(read)
}

/// The id in a UID of the UUID root.
fn ours(tracking_uid: &str) -> Option<AnnotationId> {
    let bits = tracking_uid.strip_prefix("2.25.")?.parse().ok()?;
    Some(AnnotationId(Uuid::from_u128(bits)))
}

/// The place without its points.
fn place(
    region: &Region,
    report: &Report,
    evidence: &HashMap<&str, &Evidence>,
    series_of: &dyn Fn(&str) -> Option<SeriesUid>,
) -> Result<(StudyUid, Place), &'static str> {
    let study_of = |study: &str| StudyUid::parse(study).map_err(|_| "its study is not named");
    match region {
        Region::Image { image, .. } => {
            let of = evidence.get(image.instance.as_str()).ok_or("its image is not in the evidence")?;
            let series = SeriesUid::parse(&of.series).map_err(|_| "its series is not named")?;
            let instance = InstanceUid::parse(&image.instance).map_err(|_| "its image is not named")?;
            let frame = image.frames.first().map_or(0, |f| f.saturating_sub(1));
            Ok((study_of(&of.study)?, Place::Image { series, instance, frame, points_px: Vec::new() }))
        }
        Region::Patient { frame_of_reference, .. } => {
            let series = series_of(frame_of_reference).ok_or("no open series has its frame of reference")?;
            let known = report.evidence.iter().find(|e| e.series == series.as_str());
            let of = known.or(report.evidence.first()).ok_or("its study is not named")?;
            let place = Place::Plane {
                series,
                image: None,
                time: 0,
                points_mm: Vec::new(),
                right: [1.0, 0.0, 0.0],
                down: [0.0, 1.0, 0.0],
                slab_mm: 0.0,
            };
            Ok((study_of(&of.study)?, place))
        }
        Region::Segment(_) => Err("it is a segment of a segmentation"),
    }
}

/// Kind and points of a region, put into its place.
fn annotation(
    group: &MeasurementGroup,
    region: &Region,
    (study, place): (StudyUid, Place),
    numbers: &[&Measurement],
) -> Option<(StudyUid, AnnotationKind, Place)> {
    let (graphic, points): (Graphic, Vec<DVec3>) = match region {
        Region::Image { graphic, points_px, .. } => {
            (*graphic, points_px.iter().map(|[x, y]| DVec3::new(x - 0.5, y - 0.5, 0.0)).collect())
        }
        Region::Patient { graphic, points_mm, .. } => {
            (*graphic, points_mm.iter().map(|p| DVec3::from_array(*p)).collect())
        }
        Region::Segment(_) => return None,
    };
    let is_on_image = matches!(place, Place::Image { .. });
    let found = shape(graphic, &points, numbers)?;
    let (kind, points, [right, down]) = match found {
        (AnnotationKind::Text { .. }, points, axes) => {
            (AnnotationKind::Text { text: words(group) }, points, axes)
        }
        other => other,
    };
    // A box on an image lies along rows and columns; a turned one would be another region.
    let is_box = matches!(kind, AnnotationKind::Ellipse | AnnotationKind::Rectangle);
    let along = |v: DVec3| v.x.abs() > 0.999_9 || v.y.abs() > 0.999_9;
    if is_on_image && is_box && !along(right) {
        return None;
    }
    let place = match place {
        Place::Image { series, instance, frame, .. } => {
            let points_px = points.iter().map(|p| [p.x, p.y]).collect();
            Place::Image { series, instance, frame, points_px }
        }
        Place::Plane { series, image, time, slab_mm, .. } => Place::Plane {
            series,
            image,
            time,
            slab_mm,
            points_mm: points.iter().map(|p| p.to_array()).collect(),
            right: right.to_array(),
            down: down.to_array(),
        },
    };
    Some((study, kind, place))
}

/// The words of a point: its comment, its finding, its label.
fn words(group: &MeasurementGroup) -> String {
    let said = group.evaluations.iter().find_map(|e| match &e.value {
        EvaluationValue::Text(text) => Some(text.clone()),
        EvaluationValue::Code(_) => None,
    });
    let finding = || Some(group.finding.as_ref()?.meaning.to_string());
    let text = Some(group.finding_text.clone()).filter(|t| !t.is_empty());
    said.or(text).or_else(finding).unwrap_or_else(|| group.tracking_id.clone())
}

fn measured(numbers: &[&Measurement]) -> Measured {
    let mut measured = Measured::default();
    let (mut suv_mean, mut suv_max) = (None, None);
    let mut real_world = Quantities::default();
    for number in numbers {
        let (Some(value), Some(unit)) = (number.value, &number.unit) else { continue };
        if let Some((kind, ..)) = UPTAKES.iter().find(|(_, concept, _)| number.concept == *concept) {
            put_uptake(&mut measured.uptakes, *kind, number, value);
            continue;
        }
        if real_world.takes(number, value, numbers) {
            continue;
        }
        if number.concept == c::SUV_BODY_WEIGHT {
            let of = |derivation| number.derivation.as_ref() == Some(&derivation);
            suv_mean = suv_mean.or(Some(value).filter(|_| of(c::MEAN)));
            suv_max = suv_max.or(Some(value).filter(|_| of(c::MAXIMUM)));
            continue;
        }
        let unit = unit.value.as_ref();
        let is_angle = number.concept == c::ANGLE || number.concept == c::COBB_ANGLE;
        match unit {
            "mm" => measured.length_mm = measured.length_mm.or(Some(value)),
            "cm" => measured.length_mm = measured.length_mm.or(Some(value * 10.0)),
            "mm2" => measured.area_mm2 = measured.area_mm2.or(Some(value)),
            "cm2" => measured.area_mm2 = measured.area_mm2.or(Some(value * 100.0)),
            "{pixels}" | "1" if number.concept == c::LENGTH => measured.length_px = Some(value),
            "{pixels}" | "1" if number.concept == c::AREA => measured.area_px = Some(value),
            "deg" if is_angle => measured.angle_deg = Some(value),
            _ => put_statistic(&mut measured, number, value, unit),
        }
        let scale = SCALES.iter().find(|(_, code)| number.method.as_ref() == Some(code));
        measured.scale = measured.scale.or(scale.map(|(source, _)| *source));
    }
    measured.suv_bw = suv_mean.zip(suv_max).map(|(mean, max)| [mean, max]);
    // Mean and largest belong together.
    measured.uptakes.retain(|uptake| uptake.mean.is_finite() && uptake.max.is_finite());
    measured.real_world = real_world.measured();
    measured
}

fn put_uptake(uptakes: &mut Vec<Uptake>, kind: UptakeKind, number: &Measurement, value: f64) {
    let at = uptakes.iter().position(|uptake| uptake.kind == kind).unwrap_or_else(|| {
        uptakes.push(Uptake { kind, mean: f64::NAN, max: f64::NAN });
        uptakes.len() - 1
    });
    match &number.derivation {
        Some(derivation) if *derivation == c::MEAN => uptakes[at].mean = value,
        Some(derivation) if *derivation == c::MAXIMUM => uptakes[at].max = value,
        _ => {}
    }
}

/// The statistics of a quantity that stand beside those of the modality values.
#[derive(Default)]
struct Quantities {
    of: Option<(Code, Code)>,
    mean: Option<f64>,
    sd: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
}

impl Quantities {
    /// Takes a number that is a statistic of such a quantity; the first quantity is the one.
    fn takes(&mut self, number: &Measurement, value: f64, all: &[&Measurement]) -> bool {
        let (Some(unit), Some(statistic)) = (&number.unit, &number.derivation) else { return false };
        let modality = [c::MEAN, c::MINIMUM, c::MAXIMUM, c::STANDARD_DEVIATION, c::XRAY_ATTENUATION];
        let is_of_modality = |m: &Measurement| modality.contains(&m.concept);
        if is_of_modality(number)
            || number.concept == c::SUV_BODY_WEIGHT
            || !all.iter().any(|other| is_of_modality(other))
        {
            return false;
        }
        let of = (number.concept.clone(), unit.clone());
        if self.of.get_or_insert_with(|| of.clone()) != &of {
            return false;
        }
        for (slot, name) in [
            (&mut self.mean, c::MEAN),
            (&mut self.sd, c::STANDARD_DEVIATION),
            (&mut self.min, c::MINIMUM),
            (&mut self.max, c::MAXIMUM),
        ] {
            if *statistic == name {
                *slot = Some(value);
                return true;
            }
        }
        false
    }

    fn measured(self) -> Option<RealWorldMeasured> {
        let (concept, unit) = self.of?;
        let (mean, min, max) = (self.mean?, self.min?, self.max?);
        let is_named = concept != c::REAL_WORLD_VALUE;
        Some(RealWorldMeasured {
            label: if is_named { concept.meaning.to_string() } else { String::new() },
            unit: unit_text(&unit),
            unit_code: unit.named(),
            quantity: is_named.then(|| concept.named()),
            statistics: Some(Statistics { mean, sd: self.sd, min, max }),
        })
    }
}

fn put_statistic(measured: &mut Measured, number: &Measurement, value: f64, unit: &str) {
    let statistic = number.derivation.as_ref().unwrap_or(&number.concept);
    let slot = if *statistic == c::MEAN {
        &mut measured.mean
    } else if *statistic == c::STANDARD_DEVIATION {
        &mut measured.sd
    } else if *statistic == c::MINIMUM {
        &mut measured.min
    } else if *statistic == c::MAXIMUM {
        &mut measured.max
    } else {
        return;
    };
    *slot = Some(value);
    measured.unit = match unit {
        "[hnsf'U]" => "HU".into(),
        "1" => String::new(),
        "Bq/ml" => "BQML".into(),
        "g/ml" => "GML".into(),
        "%" => "PCT".into(),
        other => other.trim_matches(['{', '}']).to_owned(),
    };
}
