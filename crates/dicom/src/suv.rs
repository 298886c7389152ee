//! Standardized uptake values of PET: the factors from the values of an image.
//!
//! By the vendor-neutral pseudo-code of the QIBA FDG-PET profile, as dcm4che's and cornerstone's readers have it. Nothing
//! is guessed: with an input missing there is no factor, and the reason names the attribute.

use crate::attribute::{Tag, named, tags};
use crate::dataset::Dataset;
use medsight_base::time::{DicomDate, seconds_of_date_time, seconds_of_day};

/// Modality value times factor is the uptake value.
#[derive(Clone, Debug, PartialEq)]
pub struct SuvFactors {
    /// SUVbw, g/ml: by body weight (DCM 126401).
    pub body_weight: f64,
    /// The others, or why there are none: the attribute that is missing or says otherwise.
    pub by_size: Result<BySize, String>,
}

/// Factors that need Patient's Size (0010,1020).
#[derive(Clone, Debug, PartialEq)]
pub struct BySize {
    /// SUVlbm, g/ml: by lean body mass after James (DCM 126402); needs Patient's Sex, and says so.
    pub lean_body_mass: Result<f64, String>,
    /// SUVlbm(Janma), g/ml: by lean body mass after Janmahasatian (DCM 126405); needs Patient's Sex, and says so.
    pub lean_body_mass_janma: Result<f64, String>,
    /// SUVbsa, cm2/ml: by body surface after Du Bois (DCM 126403).
    pub body_surface: f64,
}

/// Philips: SUV Scale Factor and Activity Concentration Scale Factor.
const PHILIPS_SUV_SCALE: Tag = Tag(0x7053, 0x1000);
const PHILIPS_ACTIVITY_SCALE: Tag = Tag(0x7053, 0x1009);
/// GE: PET scan date and time, of which decay is counted.
const GE_SCAN_DATE_TIME: Tag = Tag(0x0009, 0x100D);

impl SuvFactors {
    /// The factors of a PET image.
    ///
    /// # Errors
    /// Why there are none: the attribute that is missing or says otherwise.
    pub fn read(data: &Dataset<'_>) -> Result<Self, String> {
        let units = data.text_or_empty(tags::UNITS);
        if units == "GML" {
            return match data.text(tags::SUV_TYPE).as_deref() {
                None | Some("BW") => Ok(Self { body_weight: 1.0, by_size: by_size(data, 1.0) }),
                Some(_) => Err(lacks(tags::SUV_TYPE)),
            };
        }
        let corrected = data.texts(tags::CORRECTED_IMAGE);
        if !["ATTN", "DECY"].iter().all(|c| corrected.iter().any(|have| have == c)) {
            return Err(format!("no SUV: {} does not say ATTN and DECY", named(tags::CORRECTED_IMAGE)));
        }
        let weight_kg = above_zero(data, tags::PATIENT_WEIGHT)?;
        let philips = |tag| data.number(tag).ok().flatten().filter(|n: &f64| *n > 0.0);
        let becquerel_ml = match (units.as_str(), philips(PHILIPS_SUV_SCALE)) {
            ("BQML", _) => 1.0,
            ("CNTS", Some(factor)) => {
                return Ok(Self { body_weight: factor, by_size: by_size(data, factor) });
            }
            ("CNTS", None) => philips(PHILIPS_ACTIVITY_SCALE).ok_or_else(|| lacks(tags::UNITS))?,
            _ => return Err(lacks(tags::UNITS)),
        };
        let drug = data
            .first_item(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE)
            .ok_or_else(|| lacks(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE))?;
        let dose_bq = above_zero(&drug, tags::RADIONUCLIDE_TOTAL_DOSE)?;
        let decay = match data.text(tags::DECAY_CORRECTION).as_deref() {
            // Corrected to the injection already.
            Some("ADMIN") => 1.0,
            Some("START") => {
                let half_life_s = above_zero(&drug, tags::RADIONUCLIDE_HALF_LIFE)?;
                let waited_s = scan_s(data)? - injection_s(data, &drug)?;
                if waited_s < 0.0 {
                    return Err(lacks(tags::RADIOPHARMACEUTICAL_START_TIME));
                }
                (-waited_s / half_life_s).exp2()
            }
            _ => return Err(lacks(tags::DECAY_CORRECTION)),
        };
        let body_weight = becquerel_ml / (dose_bq * decay) * weight_kg * 1000.0;
        Ok(Self { body_weight, by_size: by_size(data, body_weight) })
    }
}

fn lacks(tag: Tag) -> String {
    format!("no SUV: {} is missing or not usable", named(tag))
}

fn above_zero(data: &Dataset<'_>, tag: Tag) -> Result<f64, String> {
    data.number(tag).ok().flatten().filter(|n| *n > 0.0).ok_or_else(|| lacks(tag))
}

/// The same concentration and dose by another measure of the body than its weight.
fn by_size(data: &Dataset<'_>, body_weight: f64) -> Result<BySize, String> {
    let weight_kg = above_zero(data, tags::PATIENT_WEIGHT)?;
    let height_m = above_zero(data, tags::PATIENT_SIZE)?;
    let per_kg = body_weight / weight_kg;
    let sex = data.text_or_empty(tags::PATIENT_SEX);
    let by_mass = |kg: Option<f64>| {
        // A formula far outside of the bodies it was fitted to gives no mass.
        kg.filter(|kg| *kg > 0.0).map(|kg| per_kg * kg).ok_or_else(|| lacks(tags::PATIENT_SEX))
    };
    let height_cm = height_m * 100.0;
    let surface_cm2 = 71.84 * weight_kg.powf(0.425) * height_cm.powf(0.725);
    Ok(BySize {
        lean_body_mass: by_mass(lean_body_mass_kg(&sex, weight_kg, height_cm)),
        lean_body_mass_janma: by_mass(lean_body_mass_janma_kg(&sex, weight_kg, height_m)),
        body_surface: per_kg * surface_cm2 / 1000.0,
    })
}

/// Lean body mass after Janmahasatian, kilograms, by the body mass index; `None` as [`lean_body_mass_kg`].
fn lean_body_mass_janma_kg(sex: &str, weight_kg: f64, height_m: f64) -> Option<f64> {
    let index = weight_kg / (height_m * height_m);
    match sex {
        "M" => Some(9270.0 * weight_kg / (6680.0 + 216.0 * index)),
        "F" => Some(9270.0 * weight_kg / (8780.0 + 244.0 * index)),
        _ => None,
    }
}

/// Lean body mass after James, kilograms; `None` for other sexes than those it was fitted to.
fn lean_body_mass_kg(sex: &str, weight_kg: f64, height_cm: f64) -> Option<f64> {
    let square = (weight_kg / height_cm).powi(2);
    match sex {
        "M" => Some(1.10 * weight_kg - 120.0 * square),
        "F" => Some(1.07 * weight_kg - 148.0 * square),
        _ => None,
    }
}

/// The moment to which the values are corrected for decay, seconds since the epoch.
fn scan_s(data: &Dataset<'_>) -> Result<f64, String> {
    let at = |date: Tag, time: Tag| {
        let days = DicomDate::parse(&data.text(date)?)?.days_since_epoch();
        Some(days as f64 * 86_400.0 + seconds_of_day(&data.text(time)?)?)
    };
    let series = at(tags::SERIES_DATE, tags::SERIES_TIME);
    let acquired = at(tags::ACQUISITION_DATE, tags::ACQUISITION_TIME);
    let ge = || data.text(GE_SCAN_DATE_TIME).and_then(|text| seconds_of_date_time(&text));
    match (series, acquired) {
        (Some(series), Some(acquired)) if series <= acquired => Ok(series),
        // The series was made anew later: its time says nothing of the scan.
        _ => {
            ge().ok_or_else(|| format!("no SUV: {} is later than the acquisition", named(tags::SERIES_TIME)))
        }
    }
}

fn injection_s(data: &Dataset<'_>, drug: &Dataset<'_>) -> Result<f64, String> {
    let whole = drug.text(tags::RADIOPHARMACEUTICAL_START_DATE_TIME).and_then(|t| seconds_of_date_time(&t));
    let of_day = || {
        let days = DicomDate::parse(&data.text(tags::SERIES_DATE)?)?.days_since_epoch();
        let second = seconds_of_day(&drug.text(tags::RADIOPHARMACEUTICAL_START_TIME)?)?;
        Some(days as f64 * 86_400.0 + second)
    };
    whole.or_else(of_day).ok_or_else(|| lacks(tags::RADIOPHARMACEUTICAL_START_TIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lean_body_mass_is_that_of_james() {
        assert!((lean_body_mass_kg("M", 80.0, 180.0).unwrap_or_default() - 64.296_296).abs() < 1e-5);
        assert!((lean_body_mass_kg("F", 60.0, 165.0).unwrap_or_default() - 44.629_752).abs() < 1e-5);
        assert_eq!(lean_body_mass_kg("O", 60.0, 165.0), None);
    }

    #[test]
    fn lean_body_mass_after_janmahasatian_goes_by_the_body_mass_index() {
        // 80 kg, 1.80 m: index 24.691; 741,600 / 12,013.3. 60 kg, 1.65 m: index 22.039; 556,200 / 14,157.4.
        assert!((lean_body_mass_janma_kg("M", 80.0, 1.80).unwrap_or_default() - 61.731_410).abs() < 1e-5);
        assert!((lean_body_mass_janma_kg("F", 60.0, 1.65).unwrap_or_default() - 39.286_846).abs() < 1e-5);
        assert_eq!(lean_body_mass_janma_kg("", 60.0, 1.65), None);
    }
}
