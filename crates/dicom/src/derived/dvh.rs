//! Dose-volume histograms that a planning system recorded (PS3.3 C.8.8.4, RT DVH module), as cumulative curves.
//!
//! Histograms that are computed here from a dose and a region are [`super::DoseVolumeHistogram`].

use super::rtdose::DoseUnits;
use crate::attribute::{missing, tags, unreadable};
use crate::dataset::Dataset;
use crate::object::Object;
use medsight_record::Refusal;

/// What the volumes of a histogram count (DVH Volume Units, 3004,0054).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DvhVolume {
    /// Cubic centimetres.
    Cm3,
    /// Percent of the structure's volume.
    Percent,
}

/// A histogram of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedHistogram {
    /// Referenced ROI Number (3006,0084) of the structures that are counted in; those that are left out are not here.
    pub rois: Vec<i64>,
    /// Unit of the doses (3004,0002).
    pub units: DoseUnits,
    /// What the volumes count.
    pub volume: DvhVolume,
    /// Dose, and the volume that receives at least this much; doses ascend, volumes do not grow.
    pub points: Vec<[f64; 2]>,
    /// DVH Minimum Dose (3004,0070).
    pub min: Option<f64>,
    /// DVH Mean Dose (3004,0074).
    pub mean: Option<f64>,
    /// DVH Maximum Dose (3004,0072).
    pub max: Option<f64>,
}

impl RecordedHistogram {
    /// All histograms of a dose object: DVH Sequence (3004,0050).
    ///
    /// # Errors
    /// Names the attribute that is missing or unusable.
    pub fn read_all(object: &Object<'_>) -> Result<Vec<Self>, Refusal> {
        object.data().items(tags::DVH_SEQUENCE).iter().map(Self::read).collect()
    }

    fn read(item: &Dataset<'_>) -> Result<Self, Refusal> {
        let term = |tag| item.text(tag).ok_or_else(|| missing(tag));
        let unknown = |tag, term: &str| unreadable(tag, &format!("is {term}, which is not known"));
        let units = match term(tags::DOSE_UNITS)?.as_str() {
            "GY" => DoseUnits::Gray,
            "RELATIVE" => DoseUnits::Relative,
            other => return Err(unknown(tags::DOSE_UNITS, other)),
        };
        let volume = match term(tags::DVH_VOLUME_UNITS)?.as_str() {
            "CM3" => DvhVolume::Cm3,
            "PERCENT" => DvhVolume::Percent,
            other => return Err(unknown(tags::DVH_VOLUME_UNITS, other)),
        };
        let scaling = item.number(tags::DVH_DOSE_SCALING)?.unwrap_or(1.0);
        if scaling <= 0.0 {
            return Err(unreadable(tags::DVH_DOSE_SCALING, "is not above 0"));
        }
        let tag = tags::DVH_DATA;
        let data = item.numbers(tag)?.ok_or_else(|| missing(tag))?;
        if data.len() % 2 != 0 || data.iter().any(|v| *v < 0.0) {
            return Err(unreadable(tag, "is not pairs of bin widths and volumes, none below 0"));
        }
        let bins: Vec<[f64; 2]> = data.chunks_exact(2).map(|pair| [pair[0] * scaling, pair[1]]).collect();
        let points = match term(tags::DVH_TYPE)?.as_str() {
            "CUMULATIVE" => cumulative(&bins),
            "DIFFERENTIAL" => summed(&bins),
            other => return Err(unknown(tags::DVH_TYPE, other)),
        };
        let counted = |roi: &Dataset<'_>| {
            let is_left_out = roi.text(tags::DVHROI_CONTRIBUTION_TYPE).as_deref() == Some("EXCLUDED");
            (!is_left_out).then(|| roi.integer(tags::REFERENCED_ROI_NUMBER).transpose()).flatten()
        };
        let rois = item.items(tags::DVH_REFERENCED_ROI_SEQUENCE);
        Ok(Self {
            rois: rois.iter().filter_map(counted).collect::<Result<_, _>>()?,
            units,
            volume,
            points,
            min: item.number(tags::DVH_MINIMUM_DOSE)?,
            mean: item.number(tags::DVH_MEAN_DOSE)?,
            max: item.number(tags::DVH_MAXIMUM_DOSE)?,
        })
    }
}

/// Each volume stands at the lower end of its bin: at dose 0 it is the whole.
fn cumulative(bins: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut from = 0.0;
    let mut points = Vec::with_capacity(bins.len() + 1);
    for [width, volume] in bins {
        points.push([from, *volume]);
        from += width;
    }
    points
}

/// Volumes in bins, added up from the highest dose down.
fn summed(bins: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut from: f64 = bins.iter().map(|[width, _]| width).sum();
    let mut above = 0.0;
    let mut points = vec![[from, above]];
    for [width, volume] in bins.iter().rev() {
        (from, above) = ((from - width).max(0.0), above + volume);
        points.push([from, above]);
    }
    points.reverse();
    points
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use crate::new_dataset::NewDataset;

    fn file(kind: &str, data: &[f64]) -> Vec<u8> {
        let mut histogram = NewDataset::new();
        histogram
            .text(tags::DVH_TYPE, kind)
            .text(tags::DOSE_UNITS, "GY")
            .text(tags::DVH_VOLUME_UNITS, "CM3")
            .real(tags::DVH_DOSE_SCALING, 2.0)
            .reals(tags::DVH_DATA, data)
            .real(tags::DVH_MEAN_DOSE, 3.5);
        let rois = vec![item(4, "INCLUDED"), item(5, "EXCLUDED")];
        histogram.items(tags::DVH_REFERENCED_ROI_SEQUENCE, rois);
        let mut data = NewDataset::new();
        data.text(tags::SOP_CLASS_UID, super::super::RT_DOSE)
            .text(tags::SOP_INSTANCE_UID, "2.25.43")
            .item(tags::DVH_SEQUENCE, histogram);
        data.to_file().unwrap()
    }

    fn item(number: i64, contribution: &str) -> NewDataset {
        let mut roi = NewDataset::new();
        roi.integer(tags::REFERENCED_ROI_NUMBER, number).text(tags::DVHROI_CONTRIBUTION_TYPE, contribution);
        roi
    }

    fn read(kind: &str, data: &[f64]) -> Result<RecordedHistogram, Refusal> {
        let file = file(kind, data);
        RecordedHistogram::read_all(&Object::parse(&file).unwrap()).map(|mut all| all.remove(0))
    }

    #[test]
    fn volumes_in_bins_and_volumes_above_a_dose_give_the_same_curve() {
        // Bins of 1 × 2 Gy with 10, 20 and 30 cm³.
        let summed = read("DIFFERENTIAL", &[1.0, 10.0, 1.0, 20.0, 1.0, 30.0]).unwrap();
        assert_eq!(summed.points, [[0.0, 60.0], [2.0, 50.0], [4.0, 30.0], [6.0, 0.0]]);
        let recorded = read("CUMULATIVE", &[1.0, 60.0, 1.0, 50.0, 1.0, 30.0, 0.0, 0.0]).unwrap();
        assert_eq!(recorded.points, summed.points);
        assert_eq!((recorded.volume, recorded.units), (DvhVolume::Cm3, DoseUnits::Gray));
        assert_eq!((recorded.mean, recorded.max), (Some(3.5), None));
    }

    #[test]
    fn a_structure_that_is_left_out_of_a_histogram_does_not_name_it() {
        assert_eq!(read("CUMULATIVE", &[1.0, 60.0]).unwrap().rois, [4]);
    }

    #[test]
    fn a_histogram_with_half_a_pair_is_refused_by_its_name() {
        let refusal = read("CUMULATIVE", &[1.0, 60.0, 1.0]).unwrap_err();
        assert!(refusal.reason.contains("DVH Data (3004,0058)"), "{}", refusal.reason);
    }
}
