//! Annotations and measurement groups that exist nowhere else.

use super::{FRAME_OF_REFERENCE, SERIES, STUDY, header, plane_source};
use medsight_base::{InstanceUid, SeriesUid, StudyUid, Timestamp};
use medsight_dicom::derived::measurement_codes as c;
use medsight_dicom::derived::*;
use medsight_record::{
    Annotation, AnnotationId, AnnotationKind, CodedName, ImageRef, Measured, Place, RealWorldMeasured,
    ScaleSource, Statistics, Uptake, UptakeKind,
};
use uuid::Uuid;

pub(crate) fn on_image(
    id: u128,
    kind: AnnotationKind,
    points_px: &[[f64; 2]],
    measured: Measured,
) -> Annotation {
    let place = Place::Image {
        series: SeriesUid::parse(SERIES).unwrap(),
        instance: InstanceUid::parse(&plane_source(2).instance.instance).unwrap(),
        frame: 0,
        points_px: points_px.to_vec(),
    };
    annotation(id, kind, place, measured)
}

pub(crate) fn in_patient(
    id: u128,
    kind: AnnotationKind,
    points_mm: &[[f64; 3]],
    measured: Measured,
) -> Annotation {
    let (s, k) = (0.6, 0.8);
    let place = Place::Plane {
        series: SeriesUid::parse(SERIES).unwrap(),
        image: Some(ImageRef {
            instance: InstanceUid::parse(&plane_source(1).instance.instance).unwrap(),
            frame: 0,
        }),
        time: 0,
        points_mm: points_mm.to_vec(),
        right: [1.0, 0.0, 0.0],
        down: [0.0, s, k],
        slab_mm: 0.0,
    };
    annotation(id, kind, place, measured)
}

pub(crate) fn annotation(id: u128, kind: AnnotationKind, place: Place, measured: Measured) -> Annotation {
    Annotation {
        id: AnnotationId(Uuid::from_u128(id)),
        study: StudyUid::parse(STUDY).unwrap(),
        kind,
        place,
        measured,
        changed_at: Timestamp(5),
    }
}

fn code(value: &str, scheme: &str, meaning: &str) -> CodedName {
    CodedName { value: value.into(), scheme: scheme.into(), meaning: meaning.into() }
}

pub(crate) fn region_of_interest() -> Measured {
    Measured {
        area_mm2: Some(314.159_265_358_979),
        mean: Some(-12.3),
        sd: Some(4.5),
        min: Some(-99.0),
        max: Some(101.0),
        suv_bw: Some([2.25, 7.5]),
        uptakes: vec![
            Uptake { kind: UptakeKind::LeanBodyMass, mean: 1.5, max: 5.25 },
            Uptake { kind: UptakeKind::LeanBodyMassJanma, mean: 1.25, max: 5.125 },
            Uptake { kind: UptakeKind::BodySurface, mean: 512.5, max: 1024.25 },
        ],
        real_world: Some(RealWorldMeasured {
            label: "Apparent Diffusion Coefficient".into(),
            unit: "mm2/s".into(),
            unit_code: code("mm2/s", "UCUM", "mm2/s"),
            quantity: Some(code("113041", "DCM", "Apparent Diffusion Coefficient")),
            statistics: Some(Statistics { mean: 0.0012, sd: Some(0.0001), min: 0.001, max: 0.0015 }),
        }),
        unit: "HU".into(),
        scale: Some(ScaleSource::PixelSpacing),
        ..Measured::default()
    }
}

pub(crate) fn length(mm: f64, scale: ScaleSource) -> Measured {
    Measured { length_mm: Some(mm), scale: Some(scale), ..Measured::default() }
}

pub(crate) fn drawn() -> Vec<Annotation> {
    let angle = Measured { angle_deg: Some(42.5), ..Measured::default() };
    let text = AnnotationKind::Text { text: "Größe prüfen".into() };
    vec![
        on_image(11, AnnotationKind::Length, &[[0.0, 0.0], [3.25, 4.5]], length(5.0, ScaleSource::Detector)),
        on_image(12, AnnotationKind::Angle, &[[0.0, 5.0], [1.0, 1.0], [5.0, 0.0]], angle.clone()),
        on_image(13, AnnotationKind::Ellipse, &[[1.0, 1.0], [4.0, 6.0]], region_of_interest()),
        on_image(14, AnnotationKind::Rectangle, &[[0.5, 0.5], [4.0, 2.0]], region_of_interest()),
        on_image(15, AnnotationKind::Arrow, &[[1.0, 1.0], [4.0, 4.0]], Measured::default()),
        on_image(16, text, &[[2.0, 3.0]], Measured::default()),
        on_image(17, AnnotationKind::KeyImage, &[], Measured::default()),
        in_patient(
            18,
            AnnotationKind::Length,
            &[[0.0; 3], [30.0, 0.0, 40.0]],
            length(50.0, ScaleSource::PixelSpacing),
        ),
        in_patient(19, AnnotationKind::Ellipse, &[[0.0; 3], [20.0, 6.0, 8.0]], region_of_interest()),
        in_patient(20, AnnotationKind::Rectangle, &[[0.0; 3], [5.0, 12.0, 16.0]], region_of_interest()),
        in_patient(21, AnnotationKind::Angle, &[[9.0, 0.0, 0.0], [0.0; 3], [0.0, 6.0, 8.0]], angle),
        on_image(
            22,
            AnnotationKind::Outline,
            &[[1.0, 1.0], [4.0, 1.5], [3.0, 5.0], [2.0, 2.5]],
            region_of_interest(),
        ),
        in_patient(
            23,
            AnnotationKind::Outline,
            &[[0.0; 3], [20.0, 0.0, 0.0], [25.0, 6.0, 8.0], [5.0, 12.0, 16.0], [-2.0, 3.0, 4.0]],
            region_of_interest(),
        ),
    ]
}

pub(crate) fn lookup_image(instance: &InstanceUid) -> Option<ImageFacts> {
    let evidence = (0..4).map(plane_source).find(|e| e.instance.instance == instance.as_str())?;
    Some(ImageFacts { evidence, frames: 1 })
}

pub(crate) fn written(annotations: &[Annotation]) -> (Vec<u8>, Vec<AnnotationId>) {
    labelled(annotations, Labels::Numbered)
}

pub(crate) fn labelled(annotations: &[Annotation], labels: Labels) -> (Vec<u8>, Vec<AnnotationId>) {
    let lookup = Lookup { image: &lookup_image, frame_of_reference: &|_| Some(FRAME_OF_REFERENCE.into()) };
    let observers = vec![
        Observer::Person("Roe^Rita".into()),
        Observer::Device { uid: "2.25.8".into(), name: "MedSight".into() },
    ];
    let made = report_of(annotations, observers, labels, &lookup).unwrap();
    (made.report.to_file(header(), made.evidence, true).unwrap(), made.left_out)
}

pub(crate) fn volumetric() -> MeasurementReport {
    let segmentation = InstanceRef {
        sop_class: SEGMENTATION.into(),
        instance: "2.25.555".into(),
        segments: vec![2],
        ..InstanceRef::default()
    };
    let volume = Measurement {
        concept: c::VOLUME,
        value: Some(1.0 / 3.0),
        unit: Some(c::CUBIC_MILLIMETER),
        derivation: None,
        method: None,
        region: None,
    };
    let severity = Code::new("272141005", "SCT", "Severity");
    let segment_group = MeasurementGroup {
        tracking_id: "Lesion 1".into(),
        tracking_uid: "1.2.3.4".into(),
        session: "Session 2".into(),
        category: Some(codes::MORPHOLOGICALLY_ABNORMAL),
        finding: Some(Code::new("108369006", "SCT", "Neoplasm")),
        site: Some(Code::new("10200004", "SCT", "Liver")),
        laterality: Some(Code::new("24028007", "SCT", "Right")),
        volumetric: true,
        regions: vec![Region::Segment(segmentation)],
        source_series: SERIES.into(),
        measurements: vec![volume.clone()],
        evaluations: vec![Evaluation {
            concept: severity,
            value: EvaluationValue::Code(Code::new("24484000", "SCT", "Severe")),
        }],
        ..MeasurementGroup::default()
    };
    let slice = |z: usize| Region::Image {
        image: plane_source(z).instance,
        graphic: Graphic::Polyline,
        points_px: vec![[1.0, 1.0], [4.0, 1.0], [2.5, 5.0], [1.0, 1.0]],
    };
    let outlines = MeasurementGroup {
        tracking_id: "Lesion 2".into(),
        finding_text: "Unclear".into(),
        volumetric: true,
        regions: vec![slice(0), slice(1)],
        measurements: vec![volume],
        ..MeasurementGroup::default()
    };
    let plain = MeasurementGroup { tracking_id: "Impression".into(), ..MeasurementGroup::default() };
    MeasurementReport {
        title: c::IMAGING_MEASUREMENT_REPORT,
        observers: vec![Observer::Person("Roe^Rita".into())],
        procedures: vec![c::IMAGING_PROCEDURE],
        groups: vec![segment_group, outlines, plain],
    }
}

pub(crate) fn evidence_of_volumetric() -> Vec<Evidence> {
    let segmentation =
        InstanceRef { sop_class: SEGMENTATION.into(), instance: "2.25.555".into(), ..InstanceRef::default() };
    let other = Evidence { study: STUDY.into(), series: "2.25.554".into(), instance: segmentation };
    vec![plane_source(0), plane_source(1), other]
}
