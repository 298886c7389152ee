//! What a reader drew, into measurement groups of a report (PS3.16 TID 1500). The other way: `annotations_read.rs`.
//!
//! An annotation's id becomes its Tracking Unique Identifier, so that it is known again when the report comes back.

use super::code::Code;
use super::measurement_codes as c;
use super::measurement_report::{
    Evaluation, EvaluationValue, Measurement, MeasurementGroup, MeasurementReport, Observer, Region,
};
use super::reference::{Evidence, InstanceRef};
use super::sr::Graphic;
use glam::DVec3;
use medsight_base::{InstanceUid, SeriesUid, Uid};
use medsight_record::{
    Annotation, AnnotationId, AnnotationKind, Measured, Place, Refusal, ScaleSource, UptakeKind,
};

/// What is known of an image.
#[derive(Clone, Debug)]
pub struct ImageFacts {
    /// Class, UID and place in the study.
    pub evidence: Evidence,
    /// Number of Frames (0028,0008), 1 where it has one image.
    pub frames: u32,
}

/// Where facts about images come from.
pub struct Lookup<'l> {
    /// An image by SOP Instance UID.
    pub image: &'l dyn Fn(&InstanceUid) -> Option<ImageFacts>,
    /// Frame of Reference UID (0020,0052) of a series.
    pub frame_of_reference: &'l dyn Fn(&SeriesUid) -> Option<String>,
}

impl std::fmt::Debug for Lookup<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lookup")
    }
}

/// Annotations on their way into a report.
#[derive(Clone, Debug)]
pub struct Measurements {
    /// The report.
    pub report: MeasurementReport,
    /// The images it refers to.
    pub evidence: Vec<Evidence>,
    /// What has no form in a report: key images, which go into a key object selection.
    pub left_out: Vec<AnnotationId>,
}

/// How the source of millimetres is told: as Measurement Method, by private codes.
pub(crate) static SCALES: [(ScaleSource, Code); 8] = [
    (ScaleSource::PixelSpacing, scale("PIXEL_SPACING", "Pixel Spacing")),
    (ScaleSource::Calibrated, scale("CALIBRATED", "Pixel Spacing, calibrated")),
    (ScaleSource::Detector, scale("DETECTOR", "Imager Pixel Spacing: at the detector")),
    (ScaleSource::Volume, scale("VOLUME", "Distance of voxels: Pixel Spacing and slice places")),
    (ScaleSource::UltrasoundRegion, scale("US_REGION", "Physical Delta of an ultrasound region")),
    (ScaleSource::Nominal, scale("NOMINAL", "Nominal Scanned Pixel Spacing")),
    (
        ScaleSource::DetectorCorrected,
        scale("DETECTOR_ERMF", "Imager Pixel Spacing over magnification factor"),
    ),
    (ScaleSource::Manual, scale("MANUAL", "Calibrated by hand on the image")),
];

const fn scale(value: &'static str, meaning: &'static str) -> Code {
    Code::constant(value, "99MEDSIGHT", meaning)
}

/// How the groups of a report are labelled (Tracking Identifier).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Labels {
    /// For people: `Length 2`.
    #[default]
    Numbered,
    /// For OHIF and others built on Cornerstone, which take what bears the name of one of their tools as their own
    /// and let it be changed. What they have no tool for is numbered.
    Cornerstone,
}

impl Labels {
    fn of(self, kind: &AnnotationKind, word: &str, number: u32) -> String {
        let tool = match kind {
            AnnotationKind::Length => "Length",
            AnnotationKind::Ellipse => "EllipticalROI",
            AnnotationKind::Rectangle => "RectangleROI",
            AnnotationKind::Outline => "PlanarFreehandROI",
            _ => "",
        };
        match self {
            Self::Cornerstone if !tool.is_empty() => format!("Cornerstone3DTools@^0.1.0:{tool}"),
            _ => format!("{word} {number}"),
        }
    }
}

/// A report of annotations.
///
/// # Errors
/// `unknown_image` when an image is not found, `incomplete_annotation` when points are missing.
pub fn report_of<'a>(
    annotations: impl IntoIterator<Item = &'a Annotation>,
    observers: Vec<Observer>,
    labels: Labels,
    lookup: &Lookup<'_>,
) -> Result<Measurements, Refusal> {
    let (mut groups, mut evidence, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    let mut counts: Vec<(&'static str, u32)> = Vec::new();
    for annotation in annotations {
        let Some(word) = word(&annotation.kind) else {
            left_out.push(annotation.id);
            continue;
        };
        let at = counts.iter().position(|(known, _)| *known == word).unwrap_or_else(|| {
            counts.push((word, 0));
            counts.len() - 1
        });
        counts[at].1 += 1;
        let (group, source) = group_of(annotation, &labels.of(&annotation.kind, word, counts[at].1), lookup)?;
        groups.push(group);
        evidence.extend(source);
    }
    let report = MeasurementReport {
        title: c::IMAGING_MEASUREMENT_REPORT,
        observers,
        procedures: vec![c::IMAGING_PROCEDURE],
        groups,
    };
    Ok(Measurements { report, evidence, left_out })
}

fn word(kind: &AnnotationKind) -> Option<&'static str> {
    Some(match kind {
        AnnotationKind::Length => "Length",
        AnnotationKind::Angle => "Angle",
        AnnotationKind::Ellipse => "Ellipse",
        AnnotationKind::Rectangle => "Rectangle",
        AnnotationKind::Outline => "Outline",
        AnnotationKind::Arrow => "Arrow",
        AnnotationKind::Text { .. } => "Text",
        _ => return None,
    })
}

/// The group of one annotation, and the image that it refers to.
///
/// # Errors
/// As [`report_of`].
pub fn group_of(
    annotation: &Annotation,
    label: &str,
    lookup: &Lookup<'_>,
) -> Result<(MeasurementGroup, Option<Evidence>), Refusal> {
    complete(annotation)?;
    let (region, source) = match &annotation.place {
        Place::Image { points_px, .. } => {
            let (evidence, image) = image_of(annotation, lookup)?;
            // Ours count from the centre of the first pixel, DICOM from its corner.
            let points: Vec<DVec3> =
                points_px.iter().map(|[x, y]| DVec3::new(x + 0.5, y + 0.5, 0.0)).collect();
            let (graphic, points) = outline(&annotation.kind, &points, [DVec3::X, DVec3::Y]);
            let points_px = points.iter().map(|p| [p.x, p.y]).collect();
            (Region::Image { image, graphic, points_px }, Some(evidence))
        }
        Place::Plane { series, points_mm, right, down, image, .. } => {
            let frame_of_reference =
                (lookup.frame_of_reference)(series).ok_or_else(|| unknown("its frame of reference"))?;
            let points: Vec<DVec3> = points_mm.iter().map(|p| DVec3::from_array(*p)).collect();
            let axes = [*right, *down].map(DVec3::from_array);
            let (graphic, points) = outline(&annotation.kind, &points, axes);
            // In the patient a closed form is a polygon.
            let closed = graphic == Graphic::Polyline && points.len() > 3 && points.first() == points.last();
            let graphic = if closed { Graphic::Polygon } else { graphic };
            let points_mm = points.iter().map(|p| p.to_array()).collect();
            let source = image.as_ref().and_then(|image| (lookup.image)(&image.instance));
            (Region::Patient { frame_of_reference, graphic, points_mm }, source.map(|facts| facts.evidence))
        }
    };
    let evaluations = match &annotation.kind {
        AnnotationKind::Text { text } => {
            vec![Evaluation { concept: c::COMMENT, value: EvaluationValue::Text(text.clone()) }]
        }
        _ => Vec::new(),
    };
    let mut measurements = measurements_of(&annotation.measured);
    // Cornerstone looks for the region below the first number, others beside it.
    if let (Some(first), Region::Image { .. }) = (measurements.first_mut(), &region) {
        first.region = Some(region.clone());
    }
    let group = MeasurementGroup {
        tracking_id: label.to_owned(),
        tracking_uid: Uid::from_uuid(annotation.id.0.as_u128()).to_string(),
        regions: vec![region],
        measurements,
        evaluations,
        ..MeasurementGroup::default()
    };
    Ok((group, source))
}

fn complete(annotation: &Annotation) -> Result<(), Refusal> {
    if annotation.is_complete() {
        return Ok(());
    }
    Err(Refusal::new("incomplete_annotation", "An annotation cannot be written: points are missing."))
}

fn unknown(what: &str) -> Refusal {
    Refusal::new("unknown_image", format!("An annotation cannot be written: {what} is not known."))
}

/// The image of an annotation on a stored image, with its place in the study; the frame where it has several.
pub(crate) fn image_of(
    annotation: &Annotation,
    lookup: &Lookup<'_>,
) -> Result<(Evidence, InstanceRef), Refusal> {
    complete(annotation)?;
    let Place::Image { instance, frame, .. } = &annotation.place else { return Err(unknown("its image")) };
    let facts = (lookup.image)(instance).ok_or_else(|| unknown("its image"))?;
    let whole = &facts.evidence.instance;
    let image = if facts.frames > 1 { whole.frame(*frame) } else { whole.clone() };
    Ok((facts.evidence, image))
}

/// The form of an annotation with its points; boxes lie along the two axes.
pub(crate) fn outline(
    kind: &AnnotationKind,
    points: &[DVec3],
    [right, down]: [DVec3; 2],
) -> (Graphic, Vec<DVec3>) {
    if *kind == AnnotationKind::Outline {
        return (Graphic::Polyline, points.iter().chain(points.first()).copied().collect());
    }
    let (AnnotationKind::Ellipse | AnnotationKind::Rectangle, [a, b]) = (kind, points) else {
        let graphic = if points.len() == 1 { Graphic::Point } else { Graphic::Polyline };
        return (graphic, points.to_vec());
    };
    let diagonal = *b - *a;
    let (wide, high) = (right * diagonal.dot(right), down * diagonal.dot(down));
    if *kind == AnnotationKind::Rectangle {
        return (Graphic::Polyline, vec![*a, *a + wide, *b, *a + high, *a]);
    }
    let center = (*a + *b) / 2.0;
    let (major, minor) = if wide.length() >= high.length() { (wide, high) } else { (high, wide) };
    let ends = [center - major / 2.0, center + major / 2.0, center - minor / 2.0, center + minor / 2.0];
    (Graphic::Ellipse, ends.to_vec())
}

/// The numbers of an annotation with their concepts (PS3.16), units (UCUM) and, of lengths and areas, where the millimetres
/// come from.
#[must_use]
pub fn measurements_of(measured: &Measured) -> Vec<Measurement> {
    let scale = SCALES.iter().find(|(source, _)| Some(*source) == measured.scale);
    let mut found = Vec::new();
    let mut number = |value: Option<f64>, concept: Code, unit: Code, derivation: Option<Code>| {
        let in_mm = unit.value.starts_with("mm");
        found.extend(value.map(|value| Measurement {
            concept,
            value: Some(value),
            unit: Some(unit),
            derivation,
            method: scale.filter(|_| in_mm).map(|(_, code)| code.clone()),
            region: None,
        }));
    };
    number(measured.length_mm, c::LENGTH, c::MILLIMETER, None);
    number(measured.length_px, c::LENGTH, c::PIXELS, None);
    number(measured.angle_deg, c::ANGLE, c::DEGREE, None);
    number(measured.area_mm2, c::AREA, c::SQUARE_MILLIMETER, None);
    number(measured.area_px, c::AREA, c::PIXELS, None);
    let [suv_mean, suv_max] = measured.suv_bw.map_or([None; 2], |both| both.map(Some));
    number(suv_mean, c::SUV_BODY_WEIGHT, c::SUV_BODY_WEIGHT_UNIT, Some(c::MEAN));
    number(suv_max, c::SUV_BODY_WEIGHT, c::SUV_BODY_WEIGHT_UNIT, Some(c::MAXIMUM));
    for uptake in &measured.uptakes {
        let (_, concept, unit) = uptake_codes(uptake.kind);
        number(Some(uptake.mean), concept.clone(), unit.clone(), Some(c::MEAN));
        number(Some(uptake.max), concept.clone(), unit.clone(), Some(c::MAXIMUM));
    }
    let statistics = [
        (measured.mean, c::MEAN),
        (measured.sd, c::STANDARD_DEVIATION),
        (measured.min, c::MINIMUM),
        (measured.max, c::MAXIMUM),
    ];
    for (value, statistic) in statistics {
        match measured.unit.as_str() {
            "HU" => number(value, c::XRAY_ATTENUATION, c::HOUNSFIELD, Some(statistic)),
            unit => number(value, statistic, ucum(unit), None),
        }
    }
    if let Some((quantity, numbers)) = measured.real_world.as_ref().and_then(|q| Some((q, q.statistics?))) {
        let concept = quantity.quantity.as_ref().map_or(c::REAL_WORLD_VALUE, Code::of);
        let unit = Code::of(&quantity.unit_code);
        let all = [
            (Some(numbers.mean), c::MEAN),
            (numbers.sd, c::STANDARD_DEVIATION),
            (Some(numbers.min), c::MINIMUM),
            (Some(numbers.max), c::MAXIMUM),
        ];
        for (value, statistic) in all {
            number(value, concept.clone(), unit.clone(), Some(statistic));
        }
    }
    found
}

/// Concept and unit of an uptake value (PS3.16 CID 7469, CID 85).
pub(crate) fn uptake_codes(kind: UptakeKind) -> &'static (UptakeKind, Code, Code) {
    match kind {
        UptakeKind::LeanBodyMass => &UPTAKES[0],
        UptakeKind::LeanBodyMassJanma => &UPTAKES[1],
        UptakeKind::BodySurface => &UPTAKES[2],
    }
}

/// Uptake values besides the one by body weight, with concept and unit.
pub(crate) static UPTAKES: [(UptakeKind, Code, Code); 3] = [
    (UptakeKind::LeanBodyMass, c::SUV_LEAN_BODY_MASS, c::SUV_LEAN_BODY_MASS_UNIT),
    (UptakeKind::LeanBodyMassJanma, c::SUV_LEAN_BODY_MASS_JANMA, c::SUV_LEAN_BODY_MASS_JANMA_UNIT),
    (UptakeKind::BodySurface, c::SUV_BODY_SURFACE, c::SUV_BODY_SURFACE_UNIT),
];

/// Units of PET and of Rescale Type (0028,1054) in UCUM. What has no unit there stands in braces, as UCUM allows.
fn ucum(unit: &str) -> Code {
    match unit {
        "" => c::NO_UNITS,
        "BQML" => Code::constant("Bq/ml", "UCUM", "Becquerels/milliliter"),
        "GML" => Code::constant("g/ml", "UCUM", "Gram per milliliter"),
        "PCT" => Code::constant("%", "UCUM", "Percent"),
        other => Code::new(format!("{{{other}}}"), "UCUM", other.to_owned()),
    }
}
