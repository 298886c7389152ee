//! Encapsulated documents (PS3.3 A.45): a PDF, CDA or STL inside a DICOM file.

use super::code::Code;
use super::header::NewInstance;
use super::reference::Evidence;
use crate::attribute::{missing, tags};
use crate::new_dataset::NewDataset;
use crate::object::Object;
use medsight_record::Refusal;

/// Encapsulated PDF Storage.
pub const ENCAPSULATED_PDF: &str = "1.2.840.10008.5.1.4.1.1.104.1";

/// A document as it was read; its bytes are borrowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Document<'o> {
    /// MIME Type (0042,0012).
    pub mime: String,
    /// Document Title (0042,0010), may be empty.
    pub title: String,
    /// Concept of the title.
    pub concept: Option<Code>,
    /// The document, without the byte that pads it to even length.
    pub bytes: &'o [u8],
}

impl<'o> Document<'o> {
    /// Reads an encapsulated document.
    ///
    /// # Errors
    /// `missing_attribute` when there is none, `bad_attribute` when its length is wrong.
    pub fn read(object: &'o Object<'_>) -> Result<Self, Refusal> {
        let data = object.data();
        let tag = tags::ENCAPSULATED_DOCUMENT;
        let bytes = data.raw(tag).ok_or_else(|| missing(tag))?;
        let mime = data.text_or_empty(tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT);
        let length = data.integer(tags::ENCAPSULATED_DOCUMENT_LENGTH)?;
        let bytes = match length.map(usize::try_from) {
            Some(Ok(length)) if length <= bytes.len() && bytes.len() - length < 2 => &bytes[..length],
            Some(_) => {
                let tag = tags::ENCAPSULATED_DOCUMENT_LENGTH;
                return Err(crate::attribute::unreadable(tag, "is not the length of the document"));
            }
            // Without a length a byte of padding can only be told where the format has an end.
            None if mime == "application/pdf" && bytes.ends_with(&[0]) => &bytes[..bytes.len() - 1],
            None => bytes,
        };
        Ok(Self {
            mime,
            title: data.text_or_empty(tags::DOCUMENT_TITLE),
            concept: Code::first(&data, tags::CONCEPT_NAME_CODE_SEQUENCE),
            bytes,
        })
    }
}

/// A PDF to be written.
#[derive(Clone, Debug)]
pub struct NewPdf<'p> {
    /// Whose, when, by what.
    pub header: NewInstance,
    /// Document Title (0042,0010), may be empty.
    pub title: String,
    /// Concept of the title: what kind of document it is.
    pub concept: Option<Code>,
    /// The patient's name is to be read in it: Burned In Annotation (0028,0301).
    pub names_patient: bool,
    /// What it was made from.
    pub sources: Vec<Evidence>,
    /// The PDF.
    pub bytes: &'p [u8],
}

impl NewPdf<'_> {
    /// The file.
    ///
    /// # Errors
    /// `unwritable` when the bytes are no PDF, or a text is too long.
    pub fn to_file(&self) -> Result<Vec<u8>, Refusal> {
        if !self.bytes.starts_with(b"%PDF-") {
            return Err(Refusal::new(
                "unwritable",
                "The document is not a PDF: it does not begin with %PDF-.",
            ));
        }
        let mut fields = self.header.fields(ENCAPSULATED_PDF, "DOC");
        let (date, time) = self.header.local();
        fields
            .text(tags::CONVERSION_TYPE, "WSD")
            .text(tags::CONTENT_DATE, &date)
            .text(tags::CONTENT_TIME, &time)
            .empty(tags::ACQUISITION_DATE_TIME)
            .text(tags::BURNED_IN_ANNOTATION, if self.names_patient { "YES" } else { "NO" })
            .text(tags::DOCUMENT_TITLE, &self.title)
            .items(tags::CONCEPT_NAME_CODE_SEQUENCE, self.concept.iter().map(Code::item).collect())
            .text(tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT, "application/pdf")
            .integer(tags::ENCAPSULATED_DOCUMENT_LENGTH, self.bytes.len() as i64)
            .bytes(tags::ENCAPSULATED_DOCUMENT, b"OB", self.bytes.to_vec());
        let sources: Vec<NewDataset> = self.sources.iter().map(|s| s.instance.item()).collect();
        if !sources.is_empty() {
            fields.items(tags::SOURCE_INSTANCE_SEQUENCE, sources);
        }
        fields.to_file()
    }
}
