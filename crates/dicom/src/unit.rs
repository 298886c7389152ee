//! The unit of modality values.

use crate::attribute::tags;
use crate::dataset::Dataset;
use crate::derived::{MappingForm, RealWorldMapping};
use crate::lut::ModalityLut;

/// Rescale Type (0028,1054), Units (0054,1001) of PET, HU for CT; else the unit of a real world value mapping that
/// leaves stored values as they are, where the modality LUT does so too: the quantities of a parametric map.
pub(crate) fn unit(
    data: &Dataset<'_>,
    transform: &Dataset<'_>,
    modality_lut: Option<&ModalityLut>,
    real_world: Option<&RealWorldMapping>,
) -> String {
    match transform.text(tags::RESCALE_TYPE) {
        Some(unit) if unit == "US" => {} // PS3.3 C.11.1.1.2: unspecified
        Some(unit) => return unit,
        None => match data.text(tags::MODALITY).as_deref() {
            Some("CT") if modality_lut.is_some() => return "HU".to_owned(),
            Some("PT") => return data.text_or_empty(tags::UNITS),
            _ => {}
        },
    }
    let as_stored = modality_lut.is_none_or(|lut| *lut == ModalityLut::IDENTITY);
    match real_world {
        Some(mapping) if as_stored && mapping.form == MappingForm::IDENTITY => mapping.unit_text(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use crate::derived::Code;

    #[test]
    fn quantities_of_a_map_have_their_unit_and_stored_values_behind_a_slope_have_none() {
        let mapping = |slope| RealWorldMapping {
            label: "ADC".into(),
            explanation: String::new(),
            unit: Code::new("mm2/s", "UCUM", "mm2/s"),
            range: [0.0, 1.0],
            form: MappingForm::Linear { slope, intercept: 0.0 },
            quantity: Vec::new(),
        };
        let mut file = crate::NewDataset::new();
        file.text(tags::SOP_CLASS_UID, crate::derived::PARAMETRIC_MAP).text(tags::SOP_INSTANCE_UID, "2.25.4");
        let object = crate::Object::from_vec(file.to_file().unwrap()).unwrap();
        let data = object.data();
        let of = |mapping: &RealWorldMapping| unit(&data, &data, None, Some(mapping));
        assert_eq!((of(&mapping(1.0)).as_str(), of(&mapping(1e-6)).as_str()), ("mm2/s", ""));
    }
}
