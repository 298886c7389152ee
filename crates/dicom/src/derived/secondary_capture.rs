//! Secondary captures (PS3.3 A.8): a picture of a screen as an image. Reading is that of any image.

use super::header::NewInstance;
use super::reference::{Evidence, put_common_references};
use crate::attribute::tags;
use medsight_record::Refusal;

/// Secondary Capture Image Storage.
pub const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// Samples of a picture, 8 bits each, rows top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture<'p> {
    /// One value a pixel.
    Grey(&'p [u8]),
    /// Red, green, blue for each pixel.
    Rgb(&'p [u8]),
}

/// A picture to be written.
#[derive(Clone, Debug)]
pub struct NewCapture<'p> {
    /// Whose, when, by what.
    pub header: NewInstance,
    /// Columns and rows.
    pub size: [u16; 2],
    /// The samples.
    pub picture: Picture<'p>,
    /// Derivation Description (0008,2111): what is shown, may be empty.
    pub description: String,
    /// The patient's name or other text is drawn into it: Burned In Annotation (0028,0301).
    pub has_text: bool,
    /// Images that it shows.
    pub sources: Vec<Evidence>,
}

impl NewCapture<'_> {
    /// The file.
    ///
    /// # Errors
    /// `unwritable` when the samples are not as many as the size says, or a text is too long.
    pub fn to_file(&self) -> Result<Vec<u8>, Refusal> {
        let (samples, bytes, photometric) = match self.picture {
            Picture::Grey(bytes) => (1, bytes, "MONOCHROME2"),
            Picture::Rgb(bytes) => (3, bytes, "RGB"),
        };
        let [columns, rows] = self.size;
        let needed = usize::from(columns) * usize::from(rows) * samples;
        if bytes.len() != needed || needed == 0 {
            let reason = format!("The picture has {} samples, not {needed}.", bytes.len());
            return Err(Refusal::new("unwritable", reason));
        }
        let mut fields = self.header.fields(SECONDARY_CAPTURE, "OT");
        let (date, time) = self.header.local();
        fields
            .text(tags::CONVERSION_TYPE, "WSD")
            .texts(tags::IMAGE_TYPE, &["DERIVED", "SECONDARY"])
            .text(tags::CONTENT_DATE, &date)
            .text(tags::CONTENT_TIME, &time)
            .text(tags::DATE_OF_SECONDARY_CAPTURE, &date)
            .text(tags::TIME_OF_SECONDARY_CAPTURE, &time)
            .text_if(tags::DERIVATION_DESCRIPTION, &self.description)
            .text(tags::BURNED_IN_ANNOTATION, if self.has_text { "YES" } else { "NO" })
            .empty(tags::PATIENT_ORIENTATION)
            .empty(tags::LATERALITY)
            .integer(tags::SAMPLES_PER_PIXEL, samples as i64)
            .text(tags::PHOTOMETRIC_INTERPRETATION, photometric)
            .integer(tags::ROWS, i64::from(rows))
            .integer(tags::COLUMNS, i64::from(columns))
            .integer(tags::BITS_ALLOCATED, 8)
            .integer(tags::BITS_STORED, 8)
            .integer(tags::HIGH_BIT, 7)
            .integer(tags::PIXEL_REPRESENTATION, 0)
            .bytes(tags::PIXEL_DATA, b"OB", bytes.to_vec());
        if samples == 3 {
            fields.integer(tags::PLANAR_CONFIGURATION, 0);
        }
        if !self.sources.is_empty() {
            fields
                .items(tags::SOURCE_IMAGE_SEQUENCE, self.sources.iter().map(|s| s.instance.item()).collect());
            put_common_references(&mut fields, &self.header.study_uid(), &self.sources);
        }
        fields.to_file()
    }
}
