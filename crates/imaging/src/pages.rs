//! Waveforms, plans, documents and dose-volume histograms of a study, as pages of the light box.

use std::collections::BTreeMap;
use std::sync::Arc;

use medsight_base::InstanceUid;
use medsight_dicom::derived::{
    Channel, Document, Dose, DoseUnits, DoseVolumeHistogram, DvhVolume, Plan, RT_PLAN, RecordedHistogram,
    Roi, Waveform,
};
use medsight_dicom::{Object, tags};
use medsight_record::Refusal;
use medsight_viewport::{
    FileInside, Finding, HistogramCurve, Histograms, Page, PlanBeam, PlanList, Trace, TraceGroup, TraceUnit,
    Tracing,
};

use crate::layers::color;

/// SOP classes of waveforms and of documents begin so (PS3.4 B.5).
const WAVEFORMS: &str = "1.2.840.10008.5.1.4.1.1.9.";
const DOCUMENTS: &str = "1.2.840.10008.5.1.4.1.1.104.";

/// The page of an object; `None` when it is none.
///
/// # Errors
/// Names what cannot be used.
pub(crate) fn of_object(object: &Object<'_>) -> Option<Result<Page, Refusal>> {
    let class = object.data().text(tags::SOP_CLASS_UID)?;
    if class.starts_with(WAVEFORMS) {
        return Some(Waveform::read(object).map(|waveform| Page::Tracing(tracing(&waveform))));
    }
    if class.starts_with(DOCUMENTS) {
        let uid = object.data().text_or_empty(tags::SOP_INSTANCE_UID);
        let instance = InstanceUid::parse(&uid);
        let unnamed = |_| Refusal::new("bad_attribute", "SOP Instance UID (0008,0018) is missing or no UID.");
        return Some(Document::read(object).and_then(|document| {
            let instance = instance.map_err(unnamed)?;
            Ok(Page::Document(FileInside {
                instance,
                title: document.title.clone(),
                mime: document.mime.clone(),
                bytes: document.bytes.len() as u64,
            }))
        }));
    }
    (class == RT_PLAN).then(|| Plan::read(object).map(|plan| Page::Plan(plan_list(&plan))))
}

/// Leads by the numbers of both code schemes: `2:61` of MDC, `5.6.3-9-61` of SCPECG (PS3.16 CID 3001).
const LEADS: [(u16, &str); 12] = [
    (1, "I"),
    (2, "II"),
    (61, "III"),
    (62, "aVR"),
    (63, "aVL"),
    (64, "aVF"),
    (3, "V1"),
    (4, "V2"),
    (5, "V3"),
    (6, "V4"),
    (7, "V5"),
    (8, "V6"),
];

fn name(channel: &Channel) -> String {
    let code = &channel.source;
    let number = match code.scheme.as_ref() {
        "MDC" => code.value.strip_prefix("2:"),
        "SCPECG" => code.value.strip_prefix("5.6.3-9-"),
        _ => None,
    };
    let number: Option<u16> = number.and_then(|n| n.parse().ok());
    let lead = LEADS.iter().find(|(known, _)| Some(*known) == number);
    match lead {
        Some((_, name)) => (*name).to_owned(),
        None if channel.label.is_empty() => code.meaning.to_string(),
        None => channel.label.clone(),
    }
}

fn trace(channel: &Channel) -> Trace {
    let (factor, unit) = match channel.calibration.as_ref().map(|c| c.unit.value.as_ref()) {
        Some("uV") => (1e-3, TraceUnit::Millivolt),
        Some("mV") => (1.0, TraceUnit::Millivolt),
        Some("V") => (1e3, TraceUnit::Millivolt),
        Some(other) => (1.0, TraceUnit::Other(other.trim_matches(['[', ']']).to_owned())),
        None => (1.0, TraceUnit::Unknown),
    };
    let values = channel.values.iter().map(|value| value * factor).collect();
    Trace { name: name(channel), unit, values: Arc::new(values) }
}

fn tracing(waveform: &Waveform) -> Tracing {
    let same = |of: &dyn Fn(&Channel) -> Option<f64>, channels: &[Channel]| {
        let first = channels.first().and_then(of);
        first.filter(|_| channels.iter().all(|c| of(c) == first))
    };
    let groups = waveform.groups.iter().map(|group| TraceGroup {
        label: group.label.clone(),
        frequency_hz: group.frequency_hz,
        filter_hz: [
            same(&|c| c.filter_low_hz, &group.channels),
            same(&|c| c.filter_high_hz, &group.channels),
        ],
        traces: group.channels.iter().map(trace).collect(),
    });
    let findings = waveform.annotations.iter().filter_map(|found| {
        let name = found.concept.as_ref().map(|code| code.meaning.to_string()).unwrap_or_default();
        let value = found.value.as_ref().map(|(value, unit)| (*value, unit.value.to_string()));
        let says = value.is_some() || !found.text.is_empty();
        says.then(|| Finding { name, value, text: found.text.clone() })
    });
    Tracing { groups: groups.collect(), findings: findings.collect() }
}

fn plan_list(plan: &Plan) -> PlanList {
    let joined =
        |parts: &[&str]| parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(" · ");
    let date = medsight_base::DicomDate::parse(&plan.date).map_or_else(|| plan.date.clone(), |d| d.iso());
    let about = [&date, &plan.intent, &plan.approval];
    let of_beam = |number: i64| {
        let all = plan.fraction_groups.iter().flat_map(|group| &group.beams);
        all.clone().find(|(of, ..)| *of == number)
    };
    let beams = plan.beams.iter().map(|beam| {
        let (_, dose_gy, monitor_units) = of_beam(beam.number).copied().unwrap_or((0, None, None));
        PlanBeam {
            number: beam.number,
            name: beam.name.clone(),
            about: joined(&[&beam.radiation, &beam.kind, &beam.machine]),
            energy: beam.energy,
            gantry_deg: beam.gantry_deg,
            collimator_deg: beam.collimator_deg,
            couch_deg: beam.couch_deg,
            control_points: beam.control_points,
            monitor_units,
            dose_gy,
        }
    });
    PlanList {
        title: joined(&[&plan.label, &plan.name]),
        about: about.into_iter().filter(|text| !text.is_empty()).cloned().collect(),
        prescriptions: plan
            .prescriptions
            .iter()
            .map(|aim| (aim.description.clone(), aim.kind.clone(), aim.dose_gy))
            .collect(),
        fractions: plan.fraction_groups.iter().map(|group| group.fractions).collect(),
        beams: beams.collect(),
    }
}

/// `Gy`, or empty for relative dose.
pub(crate) fn unit(units: DoseUnits) -> &'static str {
    match units {
        DoseUnits::Gray => "Gy",
        DoseUnits::Relative => "",
    }
}

/// Points of a computed curve.
const POINTS: usize = 256;

/// A region with the histogram that was computed of it.
pub(crate) type Computed<'a> = (&'a Roi, &'a DoseVolumeHistogram);

/// The histograms of a dose: those that the file has, and those computed of regions. `None` when there are none.
pub(crate) fn histograms(
    dose: &Dose,
    recorded: &[RecordedHistogram],
    regions: &[Roi],
    computed: &[Computed<'_>],
) -> Option<Page> {
    let by_number: BTreeMap<i64, (usize, &Roi)> =
        regions.iter().enumerate().map(|(index, roi)| (roi.number, (index, roi))).collect();
    let rgb_of = |number: i64| by_number.get(&number).map_or([200; 3], |(index, roi)| color(roi.rgb, *index));
    let names = |numbers: &[i64]| {
        let name = |number: &i64| match by_number.get(number) {
            Some((_, roi)) if !roi.name.is_empty() => roi.name.clone(),
            _ => format!("ROI {number}"),
        };
        numbers.iter().map(name).collect::<Vec<_>>().join(" + ")
    };
    let of_file = recorded.iter().filter(|r| r.units == dose.units && !r.points.is_empty()).map(|r| {
        let whole = r.points[0][1];
        let per = match r.volume {
            DvhVolume::Cm3 => whole.max(1e-12),
            DvhVolume::Percent => 100.0,
        };
        HistogramCurve {
            name: names(&r.rois),
            rgb: r.rois.first().map_or([200; 3], |number| rgb_of(*number)),
            on: true,
            recorded: true,
            points: Arc::new(r.points.iter().map(|[d, v]| [*d, v / per]).collect()),
            volume_cm3: (r.volume == DvhVolume::Cm3).then_some(whole),
            covered: 1.0,
            mean: r.mean,
            max: r.max,
        }
    });
    let of_regions = computed.iter().map(|(roi, histogram)| {
        let last = histogram.max.max(1e-9);
        let dose = |i: usize| last * i as f64 / (POINTS - 1) as f64;
        let points = (0..POINTS).map(|i| [dose(i), histogram.part_at(dose(i))]);
        HistogramCurve {
            name: names(&[roi.number]),
            rgb: rgb_of(roi.number),
            // What the file has already is not drawn twice at first.
            on: !recorded.iter().any(|r| r.rois == [roi.number]),
            recorded: false,
            points: Arc::new(points.chain([[last * 1.0001, 0.0]]).collect()),
            volume_cm3: Some(histogram.volume_mm3 / 1000.0),
            covered: histogram.covered,
            mean: Some(histogram.mean),
            max: Some(histogram.max),
        }
    });
    let curves: Vec<HistogramCurve> = of_file.chain(of_regions).collect();
    (!curves.is_empty())
        .then(|| Page::Histograms(Histograms { unit: unit(dose.units), in_cm3: false, curves }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;

    fn page(file: &str) -> Option<Page> {
        let path = medsight_base::testing::corpus()?.join("dicom/derived").join(file);
        let object = Object::from_vec(std::fs::read(path).unwrap()).unwrap();
        Some(of_object(&object).unwrap().unwrap())
    }

    #[test]
    fn a_twelve_lead_ecg_has_its_leads_by_name_in_millivolts_and_what_the_recorder_found() {
        let Some(Page::Tracing(tracing)) = page("pydicom/waveform_ecg.dcm") else { return };
        let names: Vec<&str> = tracing.groups[0].traces.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]);
        let lead_ii = &tracing.groups[0].traces[1];
        let high = lead_ii.values.iter().copied().fold(f32::MIN, f32::max);
        assert!(lead_ii.unit == TraceUnit::Millivolt && (0.3..3.0).contains(&high), "{high} mV");
        assert!((tracing.groups[0].seconds() - 10.0).abs() < 1e-9);
        let qrs = tracing.findings.iter().find(|f| f.name == "QRS Duration").unwrap();
        assert_eq!(qrs.value, Some((75.0, "ms".to_owned())));
    }

    #[test]
    fn a_plan_lists_its_beams_with_the_monitor_units_of_a_fraction() {
        let Some(Page::Plan(plan)) = page("rt_dicompyler/rtplan.dcm") else { return };
        let beam = &plan.beams[0];
        assert_eq!((beam.name.as_str(), beam.monitor_units, beam.dose_gy), ("3 RAO", Some(97.0), Some(0.5)));
        assert_eq!(plan.fractions, [Some(7)]);
    }
}
