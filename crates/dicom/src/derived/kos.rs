//! Key object selections (PS3.3 A.35.4, PS3.16 TID 2010): images that somebody marked, and why.

use super::code::Code;
use super::header::NewInstance;
use super::measurement_codes::{OBSERVER_TYPE, PERSON, PERSON_OBSERVER_NAME};
use super::reference::{Evidence, InstanceRef};
use super::sr::{Item, NewReport, Relationship, Report, Value};
use crate::object::Object;
use medsight_record::Refusal;

/// Key Object Selection Document Storage.
pub const KEY_OBJECT_SELECTION: &str = "1.2.840.10008.5.1.4.1.1.88.59";

/// Titles (CID 7010) and concepts.
pub mod key_object_codes {
    use super::Code;

    /// Marked by a reader.
    pub const OF_INTEREST: Code = Code::constant("113000", "DCM", "Of Interest");
    /// Not to be used: bad images. Needs a reason.
    pub const REJECTED_FOR_QUALITY: Code = Code::constant("113001", "DCM", "Rejected for Quality Reasons");
    /// To be shown to who sent the patient.
    pub const FOR_REFERRING_PROVIDER: Code = Code::constant("113002", "DCM", "For Referring Provider");
    /// For teaching.
    pub const FOR_TEACHING: Code = Code::constant("113004", "DCM", "For Teaching");
    /// For a conference.
    pub const FOR_CONFERENCE: Code = Code::constant("113005", "DCM", "For Conference");
    /// Not to be used: wrong patient or wrong side.
    pub const REJECTED_FOR_SAFETY: Code =
        Code::constant("113037", "DCM", "Rejected for Patient Safety Reasons");
    /// Not to be used: wrong worklist entry.
    pub const INCORRECT_WORKLIST_ENTRY: Code =
        Code::constant("113038", "DCM", "Incorrect Modality Worklist Entry");
    /// Not to be used: kept long enough.
    pub const RETENTION_EXPIRED: Code = Code::constant("113039", "DCM", "Data Retention Policy Expired");
    /// What the title needs besides.
    pub const TITLE_MODIFIER: Code = Code::constant("113011", "DCM", "Document Title Modifier");
    /// Free text.
    pub const DESCRIPTION: Code = Code::constant("113012", "DCM", "Key Object Description");
    /// Concept of the images in the list; they may have none.
    pub const IMAGE: Code = Code::constant("121079", "DCM", "Image");
}

/// A selection.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyObjects {
    /// Why they are marked (CID 7010).
    pub title: Code,
    /// The reason of a rejection, or another modifier of the title.
    pub modifier: Option<Code>,
    /// In words, may be empty.
    pub description: String,
    /// Who marked them, may be empty; components divided by `^`.
    pub observer: String,
    /// The marked instances, and frames of them.
    pub instances: Vec<InstanceRef>,
    /// Where they are: study and series of each.
    pub evidence: Vec<Evidence>,
}

impl KeyObjects {
    /// Reads a selection.
    ///
    /// # Errors
    /// As [`Report::read`]; `other_object` when it is another kind of report.
    pub fn read(object: &Object<'_>) -> Result<Self, Refusal> {
        use key_object_codes::{DESCRIPTION, TITLE_MODIFIER};
        let report = Report::read(object)?;
        if report.sop_class != KEY_OBJECT_SELECTION {
            return Err(Refusal::new("other_object", "The file is not a key object selection."));
        }
        let root = &report.root;
        let instances = root.children.iter().filter(|c| c.relationship == Relationship::Contains);
        let instances = instances.filter_map(|item| match &item.value {
            Value::Image(to) | Value::Composite(to) | Value::Waveform(to) => Some(to.clone()),
            _ => None,
        });
        Ok(Self {
            title: root
                .concept
                .clone()
                .ok_or_else(|| crate::attribute::missing(crate::tags::CONCEPT_NAME_CODE_SEQUENCE))?,
            modifier: root.code(&TITLE_MODIFIER).cloned(),
            description: root.text(&DESCRIPTION).unwrap_or_default().to_owned(),
            observer: root.text(&PERSON_OBSERVER_NAME).unwrap_or_default().to_owned(),
            instances: instances.collect(),
            evidence: report.evidence,
        })
    }

    /// True for the titles that say: do not use these (IHE Imaging Object Change Management).
    pub fn is_rejection(&self) -> bool {
        use key_object_codes as k;
        let titles = [
            k::REJECTED_FOR_QUALITY,
            k::REJECTED_FOR_SAFETY,
            k::INCORRECT_WORKLIST_ENTRY,
            k::RETENTION_EXPIRED,
        ];
        titles.contains(&self.title)
    }

    /// The file.
    ///
    /// # Errors
    /// `unwritable`: nothing is marked, something is not in the evidence, or a rejection for quality has no reason.
    pub fn to_file(&self, header: NewInstance) -> Result<Vec<u8>, Refusal> {
        use Relationship::{Contains, HasConceptModifier, HasObservationContext};
        use key_object_codes::{DESCRIPTION, IMAGE, REJECTED_FOR_QUALITY, TITLE_MODIFIER};
        let needs_reason = self.title == REJECTED_FOR_QUALITY && self.modifier.is_none();
        if self.instances.is_empty() || needs_reason {
            let reason = "A key object selection needs an instance, and a rejection for quality a reason.";
            return Err(Refusal::new("unwritable", reason));
        }
        let mut children = Vec::new();
        if let Some(modifier) = &self.modifier {
            children.push(Item::new(HasConceptModifier, TITLE_MODIFIER, Value::Code(modifier.clone())));
        }
        if !self.observer.is_empty() {
            let name = Value::PersonName(self.observer.clone());
            children.push(Item::new(HasObservationContext, OBSERVER_TYPE, Value::Code(PERSON)));
            children.push(Item::new(HasObservationContext, PERSON_OBSERVER_NAME, name));
        }
        if !self.description.is_empty() {
            children.push(Item::new(Contains, DESCRIPTION, Value::Text(self.description.clone())));
        }
        children.extend(self.instances.iter().map(|instance| Item {
            concept: None,
            ..Item::new(Contains, IMAGE, Value::Image(instance.clone()))
        }));
        let root = Item::new(Contains, self.title.clone(), Value::Container).with(children);
        NewReport {
            header,
            sop_class: KEY_OBJECT_SELECTION,
            modality: "KO",
            root: Item { template: "2010".into(), ..root },
            evidence: self.evidence.clone(),
            complete: true,
        }
        .to_file()
    }
}
