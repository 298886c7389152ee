//! Waveforms (PS3.3 C.10.9): ECG and other curves over time, in their physical units.
//!
//! Not here: how a 12-lead ECG is laid out and drawn.

use super::code::Code;
use crate::attribute::{Tag, missing, tags, unreadable};
use crate::dataset::Dataset;
use crate::object::Object;
use medsight_record::Refusal;

/// 12-lead ECG Waveform Storage.
pub const TWELVE_LEAD_ECG: &str = "1.2.840.10008.5.1.4.1.1.9.1.1";

/// How samples become quantities: `sample × sensitivity × correction + baseline`.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Channel Sensitivity (003A,0210): quantity of one unit of the sample.
    pub sensitivity: f64,
    /// Channel Sensitivity Correction Factor (003A,0212).
    pub correction: f64,
    /// Channel Baseline (003A,0213).
    pub baseline: f64,
    /// Channel Sensitivity Units (003A,0211), UCUM: `uV`, `mV`, `mm[Hg]`.
    pub unit: Code,
}

/// One channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Channel Source (003A,0208): which lead.
    pub source: Code,
    /// Channel Label (003A,0203), may be empty.
    pub label: String,
    /// `None` where the file does not say what a sample means: its shape can be drawn, not its height.
    pub calibration: Option<Calibration>,
    /// Channel Time Skew (003A,0214), seconds.
    pub skew_s: f64,
    /// Filter Low Frequency (003A,0220), Hz.
    pub filter_low_hz: Option<f64>,
    /// Filter High Frequency (003A,0221), Hz.
    pub filter_high_hz: Option<f64>,
    /// Quantities (or bare samples without calibration), one a sample; NaN where the file pads.
    pub values: Vec<f32>,
}

/// Channels that were recorded together.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiplexGroup {
    /// Multiplex Group Label (003A,0020), may be empty.
    pub label: String,
    /// Waveform Originality (003A,0004): `ORIGINAL` or `DERIVED`.
    pub originality: String,
    /// Multiplex Group Time Offset (0018,1068) after the acquisition's beginning, milliseconds.
    pub offset_ms: f64,
    /// Sampling Frequency (003A,001A), Hz.
    pub frequency_hz: f64,
    /// Channels in file order.
    pub channels: Vec<Channel>,
}

/// A waveform object.
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform {
    /// Groups in file order.
    pub groups: Vec<MultiplexGroup>,
    /// Waveform Annotation Sequence (0040,B020): concept, and value or text.
    pub annotations: Vec<WaveformAnnotation>,
}

/// A finding or measurement that the recorder made.
#[derive(Clone, Debug, PartialEq)]
pub struct WaveformAnnotation {
    /// What was found.
    pub concept: Option<Code>,
    /// In words, may be empty.
    pub text: String,
    /// Measured value with its unit.
    pub value: Option<(f64, Code)>,
    /// The code that was found.
    pub code: Option<Code>,
}

impl Waveform {
    /// Reads all groups.
    ///
    /// # Errors
    /// Names the attribute that is missing, unusable, or promises more samples than there are.
    pub fn read(object: &Object<'_>) -> Result<Self, Refusal> {
        let data = object.data();
        let groups = data.items(tags::WAVEFORM_SEQUENCE);
        if groups.is_empty() {
            return Err(missing(tags::WAVEFORM_SEQUENCE));
        }
        let annotations = data.items(tags::WAVEFORM_ANNOTATION_SEQUENCE);
        Ok(Self {
            groups: groups.iter().map(read_group).collect::<Result<_, _>>()?,
            annotations: annotations.iter().map(read_annotation).collect::<Result<_, _>>()?,
        })
    }
}

fn required(data: &Dataset<'_>, tag: Tag) -> Result<f64, Refusal> {
    data.number(tag)?.ok_or_else(|| missing(tag))
}

fn read_annotation(item: &Dataset<'_>) -> Result<WaveformAnnotation, Refusal> {
    let unit = Code::first(item, tags::MEASUREMENT_UNITS_CODE_SEQUENCE);
    Ok(WaveformAnnotation {
        concept: Code::first(item, tags::CONCEPT_NAME_CODE_SEQUENCE),
        text: item.text_or_empty(tags::UNFORMATTED_TEXT_VALUE),
        value: item.number(tags::NUMERIC_VALUE)?.zip(unit),
        code: Code::first(item, tags::CONCEPT_CODE_SEQUENCE),
    })
}

/// Sample formats of PS3.3 C.10.9.1.5.
#[derive(Clone, Copy)]
enum Format {
    Signed(usize),
    Unsigned(usize),
    MuLaw,
    ALaw,
}

impl Format {
    fn read(data: &Dataset<'_>) -> Result<Self, Refusal> {
        let tag = tags::WAVEFORM_SAMPLE_INTERPRETATION;
        let bits = data.integer(tags::WAVEFORM_BITS_ALLOCATED)?;
        let term = data.text(tag).ok_or_else(|| missing(tag))?;
        let format = match term.as_str() {
            "SB" => Self::Signed(1),
            "SS" => Self::Signed(2),
            "SL" => Self::Signed(4),
            "UB" => Self::Unsigned(1),
            "US" => Self::Unsigned(2),
            "UL" => Self::Unsigned(4),
            "MB" => Self::MuLaw,
            "AB" => Self::ALaw,
            _ => return Err(unreadable(tag, &format!("is {term}, which is not known"))),
        };
        if bits.is_some_and(|bits| bits != format.width() as i64 * 8) {
            return Err(unreadable(tags::WAVEFORM_BITS_ALLOCATED, &format!("does not fit {term}")));
        }
        Ok(format)
    }

    fn width(self) -> usize {
        match self {
            Self::Signed(width) | Self::Unsigned(width) => width,
            Self::MuLaw | Self::ALaw => 1,
        }
    }

    /// A sample of little-endian bytes.
    fn sample(self, bytes: &[u8]) -> f64 {
        let unsigned = bytes.iter().rev().fold(0_u32, |sum, b| sum << 8 | u32::from(*b));
        match self {
            Self::Unsigned(_) => f64::from(unsigned),
            Self::Signed(width) => {
                let shift = 32 - 8 * width as u32;
                f64::from((unsigned << shift).cast_signed() >> shift)
            }
            Self::MuLaw => mu_law(bytes[0]),
            Self::ALaw => a_law(bytes[0]),
        }
    }
}

/// ITU-T G.711, 14 bits.
fn mu_law(byte: u8) -> f64 {
    let byte = !byte;
    let magnitude = (((i32::from(byte & 0x0F) << 3) + 0x84) << (byte >> 4 & 7)) - 0x84;
    f64::from(if byte & 0x80 == 0 { magnitude } else { -magnitude })
}

/// ITU-T G.711, 13 bits.
fn a_law(byte: u8) -> f64 {
    let byte = byte ^ 0x55;
    let (segment, low) = (byte >> 4 & 7, i32::from(byte & 0x0F) << 4);
    let magnitude = if segment == 0 { low + 8 } else { (low + 0x108) << (segment - 1) };
    f64::from(if byte & 0x80 == 0 { -magnitude } else { magnitude })
}

fn read_group(item: &Dataset<'_>) -> Result<MultiplexGroup, Refusal> {
    let frequency_hz = required(item, tags::SAMPLING_FREQUENCY)?;
    if frequency_hz <= 0.0 {
        return Err(unreadable(tags::SAMPLING_FREQUENCY, "is not above 0"));
    }
    let definitions = item.items(tags::CHANNEL_DEFINITION_SEQUENCE);
    let count = required(item, tags::NUMBER_OF_WAVEFORM_CHANNELS)?;
    if definitions.is_empty() || definitions.len() as f64 != count {
        let what = format!("is {count}, but {} channels are defined", definitions.len());
        return Err(unreadable(tags::NUMBER_OF_WAVEFORM_CHANNELS, &what));
    }
    let samples = required(item, tags::NUMBER_OF_WAVEFORM_SAMPLES)?;
    let format = Format::read(item)?;
    let (tag, width) = (tags::WAVEFORM_DATA, format.width());
    let bytes = item.raw(tag).ok_or_else(|| missing(tag))?;
    let needed = samples * count * width as f64;
    if (bytes.len() as f64) < needed {
        let what = format!("has {} bytes; its samples need {needed}", bytes.len());
        return Err(unreadable(tag, &what));
    }
    let step = definitions.len() * width;
    let padding = item.raw(tags::WAVEFORM_PADDING_VALUE).filter(|p| p.len() >= width).map(|p| &p[..width]);
    let little = |sample: &[u8]| -> Vec<u8> {
        let swap = item.encoding.big_endian;
        if swap { sample.iter().rev().copied().collect() } else { sample.to_vec() }
    };
    let mut channels = Vec::with_capacity(definitions.len());
    for (at, definition) in definitions.iter().enumerate() {
        let calibration = calibration(definition)?;
        let value = |frame: &[u8]| {
            let sample = &frame[at * width..(at + 1) * width];
            if padding == Some(sample) {
                return f32::NAN;
            }
            let sample = format.sample(&little(sample));
            calibration.as_ref().map_or(sample, |c| sample * c.sensitivity * c.correction + c.baseline) as f32
        };
        let values: Vec<f32> = bytes.chunks_exact(step).take(samples as usize).map(value).collect();
        channels.push(Channel {
            source: Code::required(definition, tags::CHANNEL_SOURCE_SEQUENCE)?,
            label: definition.text_or_empty(tags::CHANNEL_LABEL),
            skew_s: definition.number(tags::CHANNEL_TIME_SKEW)?.unwrap_or(0.0),
            filter_low_hz: definition.number(tags::FILTER_LOW_FREQUENCY)?,
            filter_high_hz: definition.number(tags::FILTER_HIGH_FREQUENCY)?,
            calibration,
            values,
        });
    }
    Ok(MultiplexGroup {
        label: item.text_or_empty(tags::MULTIPLEX_GROUP_LABEL),
        originality: item.text_or_empty(tags::WAVEFORM_ORIGINALITY),
        offset_ms: item.number(tags::MULTIPLEX_GROUP_TIME_OFFSET)?.unwrap_or(0.0),
        frequency_hz,
        channels,
    })
}

fn calibration(item: &Dataset<'_>) -> Result<Option<Calibration>, Refusal> {
    let Some(sensitivity) = item.number(tags::CHANNEL_SENSITIVITY)? else { return Ok(None) };
    Ok(Some(Calibration {
        sensitivity,
        correction: item.number(tags::CHANNEL_SENSITIVITY_CORRECTION_FACTOR)?.unwrap_or(1.0),
        baseline: item.number(tags::CHANNEL_BASELINE)?.unwrap_or(0.0),
        unit: Code::required(item, tags::CHANNEL_SENSITIVITY_UNITS_SEQUENCE)?,
    }))
}
