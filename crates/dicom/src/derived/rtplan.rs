//! Radiotherapy plans (PS3.3 A.20, C.8.8.9 to C.8.8.14), for listing: prescription, fractions and beams.
//!
//! Not here: leaf positions and the sequence of control points.

use super::reference::InstanceRef;
use crate::attribute::{Tag, missing, tags};
use crate::dataset::Dataset;
use crate::object::Object;
use medsight_record::Refusal;

/// RT Plan Storage.
pub const RT_PLAN: &str = "1.2.840.10008.5.1.4.1.1.481.5";

/// One beam.
#[derive(Clone, Debug, PartialEq)]
pub struct Beam {
    /// Beam Number (300A,00C0).
    pub number: i64,
    /// Beam Name (300A,00C2).
    pub name: String,
    /// Beam Type (300A,00C4): `STATIC`, `DYNAMIC`.
    pub kind: String,
    /// Radiation Type (300A,00C6): `PHOTON`, `ELECTRON`, `PROTON`…
    pub radiation: String,
    /// Treatment Machine Name (300A,00B2).
    pub machine: String,
    /// Number of Control Points (300A,0110).
    pub control_points: usize,
    /// Nominal Beam Energy (300A,0114): MV for photons, MeV for others.
    pub energy: Option<f64>,
    /// Gantry Angle (300A,011E) at the first and the last control point, degrees.
    pub gantry_deg: Option<[f64; 2]>,
    /// Beam Limiting Device Angle (300A,0120) at the first control point, degrees.
    pub collimator_deg: Option<f64>,
    /// Patient Support Angle (300A,0122) at the first control point, degrees.
    pub couch_deg: Option<f64>,
    /// Isocenter Position (300A,012C), millimetres in the patient.
    pub isocenter_mm: Option<[f64; 3]>,
}

/// One scheme of fractions.
#[derive(Clone, Debug, PartialEq)]
pub struct FractionGroup {
    /// Number of Fractions Planned (300A,0078).
    pub fractions: Option<i64>,
    /// Beam number, Beam Dose (300A,0084) in Gy, Beam Meterset (300A,0086).
    pub beams: Vec<(i64, Option<f64>, Option<f64>)>,
}

/// One aim of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Prescription {
    /// Dose Reference Description (300A,0016).
    pub description: String,
    /// Dose Reference Type (300A,0020): `TARGET`, `ORGAN_AT_RISK`.
    pub kind: String,
    /// Target Prescription Dose (300A,0026), Gy.
    pub dose_gy: Option<f64>,
}

/// A plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// RT Plan Label (300A,0002).
    pub label: String,
    /// RT Plan Name (300A,0003), may be empty.
    pub name: String,
    /// RT Plan Date (300A,0006) as `YYYYMMDD`, may be empty.
    pub date: String,
    /// Plan Intent (300A,000A), may be empty.
    pub intent: String,
    /// Approval Status (300E,0002), may be empty.
    pub approval: String,
    /// Aims.
    pub prescriptions: Vec<Prescription>,
    /// Schemes of fractions.
    pub fraction_groups: Vec<FractionGroup>,
    /// Beams in file order.
    pub beams: Vec<Beam>,
    /// The structure set it was planned on.
    pub structure_set: Option<InstanceRef>,
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// Names the attribute that is missing or unusable.
    pub fn read(object: &Object<'_>) -> Result<Self, Refusal> {
        let data = object.data();
        if data.text(tags::RT_PLAN_LABEL).is_none() {
            return Err(missing(tags::RT_PLAN_LABEL));
        }
        let text = |tag| data.text_or_empty(tag);
        let beams = data.items(tags::BEAM_SEQUENCE);
        let groups = data.items(tags::FRACTION_GROUP_SEQUENCE);
        let aims = data.items(tags::DOSE_REFERENCE_SEQUENCE);
        Ok(Self {
            label: text(tags::RT_PLAN_LABEL),
            name: text(tags::RT_PLAN_NAME),
            date: text(tags::RT_PLAN_DATE),
            intent: text(tags::PLAN_INTENT),
            approval: text(tags::APPROVAL_STATUS),
            prescriptions: aims.iter().map(prescription).collect::<Result<_, _>>()?,
            fraction_groups: groups.iter().map(fraction_group).collect::<Result<_, _>>()?,
            beams: beams.iter().map(beam).collect::<Result<_, _>>()?,
            structure_set: InstanceRef::read_all(&data, tags::REFERENCED_STRUCTURE_SET_SEQUENCE)
                .into_iter()
                .next(),
        })
    }
}

fn prescription(item: &Dataset<'_>) -> Result<Prescription, Refusal> {
    Ok(Prescription {
        description: item.text_or_empty(tags::DOSE_REFERENCE_DESCRIPTION),
        kind: item.text_or_empty(tags::DOSE_REFERENCE_TYPE),
        dose_gy: item.number(tags::TARGET_PRESCRIPTION_DOSE)?,
    })
}

fn fraction_group(item: &Dataset<'_>) -> Result<FractionGroup, Refusal> {
    let mut beams = Vec::new();
    for beam in item.items(tags::REFERENCED_BEAM_SEQUENCE) {
        let tag = tags::REFERENCED_BEAM_NUMBER;
        let number = beam.integer(tag)?.ok_or_else(|| missing(tag))?;
        beams.push((number, beam.number(tags::BEAM_DOSE)?, beam.number(tags::BEAM_METERSET)?));
    }
    Ok(FractionGroup { fractions: item.integer(tags::NUMBER_OF_FRACTIONS_PLANNED)?, beams })
}

fn beam(item: &Dataset<'_>) -> Result<Beam, Refusal> {
    let points = item.items(tags::CONTROL_POINT_SEQUENCE);
    // A value that does not change stands at the first control point only.
    let first = |tag: Tag| points.first().map_or(Ok(None), |point| point.number(tag));
    let mut last_gantry = None;
    for point in &points {
        last_gantry = point.number(tags::GANTRY_ANGLE)?.or(last_gantry);
    }
    let gantry_deg = first(tags::GANTRY_ANGLE)?.zip(last_gantry).map(|(a, b)| [a, b]);
    Ok(Beam {
        number: item.integer(tags::BEAM_NUMBER)?.ok_or_else(|| missing(tags::BEAM_NUMBER))?,
        name: item.text_or_empty(tags::BEAM_NAME),
        kind: item.text_or_empty(tags::BEAM_TYPE),
        radiation: item.text_or_empty(tags::RADIATION_TYPE),
        machine: item.text_or_empty(tags::TREATMENT_MACHINE_NAME),
        control_points: points.len(),
        energy: first(tags::NOMINAL_BEAM_ENERGY)?,
        gantry_deg,
        collimator_deg: first(tags::BEAM_LIMITING_DEVICE_ANGLE)?,
        couch_deg: first(tags::PATIENT_SUPPORT_ANGLE)?,
        isocenter_mm: points.first().map_or(Ok(None), |p| p.vector::<3>(tags::ISOCENTER_POSITION))?,
    })
}
