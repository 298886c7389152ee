//! Parametric maps (PS3.3 A.75) and real world values (C.7.6.16.2.11): stored values to quantities with a unit.

use super::code::Code;
use super::grid::FrameGrid;
use super::pixels::{DecodeFrame, NativeFrames};
use crate::attribute::{missing, tags, unreadable};
use crate::dataset::Dataset;
use crate::image_info::ImageInfo;
use crate::object::Object;
use medsight_record::Refusal;

/// Parametric Map Storage.
pub const PARAMETRIC_MAP: &str = "1.2.840.10008.5.1.4.1.1.30";

/// One mapping of stored values.
#[derive(Clone, Debug, PartialEq)]
pub struct RealWorldMapping {
    /// LUT Label (0040,9210).
    pub label: String,
    /// LUT Explanation (0028,3003).
    pub explanation: String,
    /// Measurement Units (UCUM).
    pub unit: Code,
    /// First and last stored value to which it applies.
    pub range: [f64; 2],
    /// How.
    pub form: MappingForm,
    /// Quantity Definition (0040,9220): concept and value, such as quantity = ADC.
    pub quantity: Vec<(Code, Code)>,
}

/// How stored values become quantities.
#[derive(Clone, Debug, PartialEq)]
pub enum MappingForm {
    /// `slope × stored + intercept`.
    Linear {
        /// Real World Value Slope (0040,9225).
        slope: f64,
        /// Real World Value Intercept (0040,9224).
        intercept: f64,
    },
    /// One value for each stored value of the range.
    Table(Vec<f64>),
}

impl MappingForm {
    /// The quantity is the stored value.
    pub const IDENTITY: Self = Self::Linear { slope: 1.0, intercept: 0.0 };
}

/// A unit of UCUM as people write it: `HU`, `mm2/s`; empty for pure numbers. What stands in braces beside a unit only says
/// what it is of.
pub(crate) fn unit_text(unit: &Code) -> String {
    let value = unit.value.as_ref();
    let outside = match (value.find('{'), value.find('}')) {
        (Some(open), Some(close)) if open < close => format!("{}{}", &value[..open], &value[close + 1..]),
        _ => value.to_owned(),
    };
    match value {
        "1" => String::new(),
        "[hnsf'U]" => "HU".to_owned(),
        _ if !outside.is_empty() => outside.trim_matches(['[', ']']).to_owned(),
        other => other.trim_matches(['{', '}', '[', ']']).to_owned(),
    }
}

impl RealWorldMapping {
    /// The unit as people write it: `HU`, `mm2/s`; empty for pure numbers.
    pub fn unit_text(&self) -> String {
        unit_text(&self.unit)
    }

    /// What is measured: the quantity of the definition, where it names one.
    pub fn quantity_code(&self) -> Option<&Code> {
        let is_quantity = |(concept, _): &&(Code, Code)| concept.is("246205007", "SCT");
        self.quantity.iter().find(is_quantity).map(|(_, value)| value)
    }

    /// The quantity of a stored value; `None` outside the range.
    pub fn apply(&self, stored: f64) -> Option<f64> {
        if !(self.range[0]..=self.range[1]).contains(&stored) {
            return None;
        }
        match &self.form {
            MappingForm::Linear { slope, intercept } => Some(stored * slope + intercept),
            MappingForm::Table(values) => values.get((stored - self.range[0]) as usize).copied(),
        }
    }

    /// The mappings of a data set or functional group: Real World Value Mapping Sequence (0040,9096).
    ///
    /// # Errors
    /// Names the attribute that is missing or unusable.
    pub fn read_all(data: &Dataset<'_>) -> Result<Vec<Self>, Refusal> {
        data.items(tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE).iter().map(Self::read).collect()
    }

    fn read(item: &Dataset<'_>) -> Result<Self, Refusal> {
        let either = |double, short| {
            let number = item.number(double)?.or(item.number(short)?);
            number.ok_or_else(|| missing(short))
        };
        let first = either(
            tags::DOUBLE_FLOAT_REAL_WORLD_VALUE_FIRST_VALUE_MAPPED,
            tags::REAL_WORLD_VALUE_FIRST_VALUE_MAPPED,
        )?;
        let last = either(
            tags::DOUBLE_FLOAT_REAL_WORLD_VALUE_LAST_VALUE_MAPPED,
            tags::REAL_WORLD_VALUE_LAST_VALUE_MAPPED,
        )?;
        let form = match item.numbers(tags::REAL_WORLD_VALUE_LUT_DATA)? {
            Some(values) if values.len() as f64 == last - first + 1.0 => MappingForm::Table(values),
            Some(_) => {
                let what = "has not one value for each stored value of its range";
                return Err(unreadable(tags::REAL_WORLD_VALUE_LUT_DATA, what));
            }
            None => {
                let (slope, intercept) = (tags::REAL_WORLD_VALUE_SLOPE, tags::REAL_WORLD_VALUE_INTERCEPT);
                MappingForm::Linear {
                    slope: item.number(slope)?.ok_or_else(|| missing(slope))?,
                    intercept: item.number(intercept)?.ok_or_else(|| missing(intercept))?,
                }
            }
        };
        let quantity = item.items(tags::QUANTITY_DEFINITION_SEQUENCE);
        let quantity = quantity.iter().filter_map(|q| {
            let concept = Code::first(q, tags::CONCEPT_NAME_CODE_SEQUENCE)?;
            Some((concept, Code::first(q, tags::CONCEPT_CODE_SEQUENCE)?))
        });
        Ok(Self {
            label: item.text_or_empty(tags::LUT_LABEL),
            explanation: item.text_or_empty(tags::LUT_EXPLANATION),
            unit: Code::required(item, tags::MEASUREMENT_UNITS_CODE_SEQUENCE)?,
            range: [first, last],
            form,
            quantity: quantity.collect(),
        })
    }
}

/// A parametric map: quantities on a grid.
#[derive(Clone, Debug)]
pub struct ParametricMap {
    /// Where the frames lie.
    pub grid: FrameGrid,
    /// Frame of Reference UID (0020,0052), empty when absent.
    pub frame_of_reference: String,
    /// The mapping of each frame; frames with several take the first.
    pub mappings: Vec<RealWorldMapping>,
    /// For each frame, its entry in `mappings`.
    pub mapping_of_frame: Vec<usize>,
    /// Quantities of each frame, rows top to bottom; NaN where the mapping does not apply.
    pub frames: Vec<Vec<f32>>,
}

impl ParametricMap {
    /// Reads an uncompressed map: 16-bit, 32-bit and 64-bit values.
    ///
    /// # Errors
    /// Names the attribute that is missing or unusable.
    pub fn read(object: &Object<'_>) -> Result<Self, Refusal> {
        let encoded = crate::Encoded::read(&object.data())?;
        let native = NativeFrames::new(object, &encoded)?;
        Self::read_with(object, &|frame| native.samples(frame))
    }

    /// Reads a map whose frames `decode` decodes.
    ///
    /// # Errors
    /// As [`Self::read`], and what `decode` says.
    pub fn read_with(object: &Object<'_>, decode: &DecodeFrame<'_>) -> Result<Self, Refusal> {
        let data = object.data();
        let info = ImageInfo::read(object)?;
        let size = [info.encoded.columns, info.encoded.rows];
        let grid = FrameGrid::of(info.frames.iter().map(AsRef::as_ref), size)?;
        let shared = data.first_item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
        let shared = shared.map_or(Ok(Vec::new()), |shared| RealWorldMapping::read_all(&shared))?;
        let ranges = data.item_ranges(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
        let (mut mappings, mut mapping_of_frame, mut frames) = (Vec::new(), Vec::new(), Vec::new());
        for frame in 0..info.frames.len() {
            let own = ranges.get(frame);
            let own = own.and_then(|r| data.item(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, *r));
            let own = own.map_or(Ok(Vec::new()), |own| RealWorldMapping::read_all(&own))?;
            let mapping = own.into_iter().next().or_else(|| shared.first().cloned());
            let mapping = mapping.ok_or_else(|| missing(tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE))?;
            let at = mappings.iter().position(|known| *known == mapping).unwrap_or_else(|| {
                mappings.push(mapping);
                mappings.len() - 1
            });
            mapping_of_frame.push(at);
            let samples = decode(frame)?;
            let value = |i| mappings[at].apply(samples.value(i)).map_or(f32::NAN, |v| v as f32);
            frames.push((0..samples.len()).map(value).collect());
        }
        let frame_of_reference = data.text_or_empty(tags::FRAME_OF_REFERENCE_UID);
        Ok(Self { grid, frame_of_reference, mappings, mapping_of_frame, frames })
    }
}
