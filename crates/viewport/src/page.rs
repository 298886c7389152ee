//! Pages: what of a study has no pixels and is read all the same. They stand in cells as series do.
//!
//! Filled from outside; drawn in `ui/page`. What can be changed of a page is which curves it shows.

use std::sync::Arc;

use medsight_base::InstanceUid;

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub enum Page {
    /// Curves over time: an ECG.
    Tracing(Tracing),
    /// Dose-volume histograms.
    Histograms(Histograms),
    /// A radiotherapy plan.
    Plan(PlanList),
    /// A document that is read in another program.
    Document(FileInside),
}

impl Page {
    /// Letters that stand for it in the strip of series.
    pub fn letters(&self) -> &'static str {
        match self {
            Self::Tracing(_) => "ECG",
            Self::Histograms(_) => "DVH",
            Self::Plan(_) => "PLAN",
            Self::Document(document) if document.mime == "application/pdf" => "PDF",
            Self::Document(_) => "DOC",
        }
    }

    /// Sheets that it has.
    pub fn sheets(&self) -> usize {
        match self {
            Self::Tracing(tracing) => tracing.groups.len(),
            Self::Histograms(_) | Self::Plan(_) | Self::Document(_) => 1,
        }
    }
}

/// Recorded curves (PS3.3 C.10.9).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tracing {
    /// Channels that were recorded together: the rhythm, a median beat.
    pub groups: Vec<TraceGroup>,
    /// What the recorder says of them.
    pub findings: Vec<Finding>,
}

/// Channels of one clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceGroup {
    /// Multiplex Group Label (003A,0020), may be empty.
    pub label: String,
    /// Samples a second.
    pub frequency_hz: f64,
    /// Pass band of the filters, Hz, where all channels have the same.
    pub filter_hz: [Option<f64>; 2],
    /// Curves in file order.
    pub traces: Vec<Trace>,
}

impl TraceGroup {
    /// Seconds of its longest curve.
    pub fn seconds(&self) -> f64 {
        let samples = self.traces.iter().map(|trace| trace.values.len()).max().unwrap_or(0);
        samples as f64 / self.frequency_hz
    }
}

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// `aVR`, `V1`, or what the file calls it.
    pub name: String,
    /// Values are millivolts; else their unit, or nothing where the file does not say what a sample means.
    pub unit: TraceUnit,
    /// One a sample; NaN where nothing was recorded.
    pub values: Arc<Vec<f32>>,
}

/// What the values of a curve are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceUnit {
    /// Millivolts.
    Millivolt,
    /// Another quantity, by its UCUM unit.
    Other(String),
    /// Samples without a meaning.
    Unknown,
}

/// A finding or measurement of the recorder.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What was measured: `QRS Duration`; empty for a text.
    pub name: String,
    /// Value and unit.
    pub value: Option<(f64, String)>,
    /// Words.
    pub text: String,
}

/// Dose-volume histograms of regions in one dose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histograms {
    /// `Gy`, or empty for relative dose.
    pub unit: &'static str,
    /// Volumes are read in cubic centimetres, not percent.
    pub in_cm3: bool,
    /// One a region.
    pub curves: Vec<HistogramCurve>,
}

/// A cumulative histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramCurve {
    /// Name of the region.
    pub name: String,
    /// Its colour.
    pub rgb: [u8; 3],
    /// Drawn.
    pub on: bool,
    /// The file has it; else it was computed from dose and outlines.
    pub recorded: bool,
    /// Dose, and the share of the volume, 0 to 1, that receives at least this much; doses ascend.
    pub points: Arc<Vec<[f64; 2]>>,
    /// The whole volume, cubic centimetres, where it is known.
    pub volume_cm3: Option<f64>,
    /// Share of the region that lies in the dose grid, 0 to 1.
    pub covered: f64,
    /// Mean dose.
    pub mean: Option<f64>,
    /// Highest dose.
    pub max: Option<f64>,
}

impl HistogramCurve {
    /// Share of the volume that receives at least a dose, linear between points.
    pub fn part_at(&self, dose: f64) -> f64 {
        let after = self.points.partition_point(|[d, _]| *d <= dose);
        match (after.checked_sub(1).map(|i| self.points[i]), self.points.get(after)) {
            (None, _) => self.points.first().map_or(0.0, |[_, part]| *part),
            (Some(_), None) => 0.0,
            (Some([d0, p0]), Some([d1, p1])) => p0 + (p1 - p0) * (dose - d0) / (d1 - d0),
        }
    }

    /// The highest dose of its points.
    pub fn last_dose(&self) -> f64 {
        self.points.last().map_or(0.0, |[dose, _]| *dose)
    }
}

/// A radiotherapy plan for reading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanList {
    /// RT Plan Label (300A,0002) and name.
    pub title: String,
    /// Date, intent, approval: as the file says them.
    pub about: Vec<String>,
    /// Aims: description, type, dose in Gy.
    pub prescriptions: Vec<(String, String, Option<f64>)>,
    /// Fractions planned, one a fraction group.
    pub fractions: Vec<Option<i64>>,
    /// Beams in file order.
    pub beams: Vec<PlanBeam>,
}

/// A beam of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanBeam {
    /// Beam Number (300A,00C0).
    pub number: i64,
    /// Beam Name (300A,00C2).
    pub name: String,
    /// Type, radiation and machine.
    pub about: String,
    /// Nominal Beam Energy (300A,0114), MV or MeV.
    pub energy: Option<f64>,
    /// Gantry angle at its first and last control point, degrees.
    pub gantry_deg: Option<[f64; 2]>,
    /// Collimator angle, degrees.
    pub collimator_deg: Option<f64>,
    /// Couch angle, degrees.
    pub couch_deg: Option<f64>,
    /// Control points.
    pub control_points: usize,
    /// Beam Meterset (300A,0086) of a fraction: monitor units.
    pub monitor_units: Option<f64>,
    /// Beam Dose (300A,0084) of a fraction, Gy.
    pub dose_gy: Option<f64>,
}

/// A document inside a DICOM file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileInside {
    /// The object that it is in.
    pub instance: InstanceUid,
    /// Document Title (0042,0010), may be empty.
    pub title: String,
    /// MIME Type (0042,0012).
    pub mime: String,
    /// Its length.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_volume_at_a_dose_is_read_between_the_points_and_is_nothing_above_the_last() {
        let curve = HistogramCurve {
            name: String::new(),
            rgb: [0; 3],
            on: true,
            recorded: true,
            points: Arc::new(vec![[0.0, 1.0], [10.0, 0.5], [20.0, 0.0]]),
            volume_cm3: None,
            covered: 1.0,
            mean: None,
            max: None,
        };
        assert_eq!([0.0, 5.0, 15.0, 20.0, 30.0].map(|d| curve.part_at(d)), [1.0, 0.75, 0.25, 0.0, 0.0]);
    }
}
