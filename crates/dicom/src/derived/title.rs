//! What a document of a study is, and what it calls itself: for a list, without reading what it says.

use super::code::Code;
use super::gsps::GRAYSCALE_PRESENTATION_STATE;
use super::kos::KEY_OBJECT_SELECTION;
use crate::attribute::tags;
use crate::object::Object;

/// What sort of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// A structured report.
    Report,
    /// A key object selection.
    KeyImages,
    /// A presentation state: how images are shown.
    View,
    /// A file of another format inside (PDF, CDA, STL), which is read in another program.
    File,
}

/// A document and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Titled {
    /// What it is.
    pub kind: DocumentKind,
    /// Document Title (0042,0010), the meaning of the title's concept, or Content Description (0070,0081); may be
    /// empty.
    pub title: String,
    /// MIME Type (0042,0012) of a file inside, else empty.
    pub mime: String,
}

impl Titled {
    /// The name of an object; nothing where it is no document.
    pub fn of(object: &Object<'_>) -> Option<Self> {
        let data = object.data();
        let class = data.text_or_empty(tags::SOP_CLASS_UID);
        let concept =
            || Code::first(&data, tags::CONCEPT_NAME_CODE_SEQUENCE).map(|code| code.meaning.into_owned());
        let first = |texts: [Option<String>; 2]| {
            texts.into_iter().flatten().find(|text| !text.is_empty()).unwrap_or_default()
        };
        let (kind, title) = if data.has(tags::ENCAPSULATED_DOCUMENT) {
            (DocumentKind::File, first([data.text(tags::DOCUMENT_TITLE), concept()]))
        } else if class == KEY_OBJECT_SELECTION {
            (DocumentKind::KeyImages, first([concept(), None]))
        } else if class == GRAYSCALE_PRESENTATION_STATE {
            let texts = [data.text(tags::CONTENT_DESCRIPTION), data.text(tags::CONTENT_LABEL)];
            (DocumentKind::View, first(texts))
        } else if data.has(tags::VALUE_TYPE) && data.has(tags::CONTENT_SEQUENCE) {
            (DocumentKind::Report, first([concept(), None]))
        } else {
            return None;
        };
        Some(Self { kind, title, mime: data.text_or_empty(tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::new_dataset::NewDataset;

    #[test]
    fn a_document_is_named_by_its_title_else_by_the_concept_and_an_image_is_none() {
        let named = |fill: &dyn Fn(&mut NewDataset)| {
            let mut data = NewDataset::new();
            data.text(tags::SOP_INSTANCE_UID, "2.25.1");
            fill(&mut data);
            let file = data.to_file().unwrap();
            Titled::of(&Object::parse(&file).unwrap()).map(|titled| (titled.kind, titled.title))
        };
        let concept = || Code::constant("11528-7", "LN", "Radiology Report").item();
        let pdf = |title: &'static str| {
            named(&|data| {
                data.text(tags::SOP_CLASS_UID, super::super::ENCAPSULATED_PDF)
                    .text(tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT, "application/pdf")
                    .text_if(tags::DOCUMENT_TITLE, title)
                    .item(tags::CONCEPT_NAME_CODE_SEQUENCE, concept())
                    .bytes(tags::ENCAPSULATED_DOCUMENT, b"OB", vec![0, 0]);
            })
        };
        assert_eq!(pdf("Discharge letter"), Some((DocumentKind::File, "Discharge letter".into())));
        assert_eq!(pdf(""), Some((DocumentKind::File, "Radiology Report".into())));
        let marked = named(&|data| {
            data.text(tags::SOP_CLASS_UID, KEY_OBJECT_SELECTION).item(
                tags::CONCEPT_NAME_CODE_SEQUENCE,
                Code::constant("113000", "DCM", "Of Interest").item(),
            );
        });
        assert_eq!(marked, Some((DocumentKind::KeyImages, "Of Interest".into())));
        let image = named(&|data| {
            data.text(tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.2");
        });
        assert_eq!(image, None);
    }
}
