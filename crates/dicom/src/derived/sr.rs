//! Structured reports as a tree of content items (PS3.3 A.35, C.17.3): any report, read whole, and written.
//!
//! What the items mean is elsewhere: measurements in `measurement_report.rs`, key images in `kos.rs`.

use super::code::Code;
use super::reference::{Evidence, InstanceRef, evidence_items};
use super::{NewInstance, sr_write};
use crate::attribute::{missing, tags, unreadable};
use crate::dataset::Dataset;
use crate::object::Object;
use medsight_record::Refusal;

/// Comprehensive SR Storage: coordinates on images.
pub const COMPREHENSIVE_SR: &str = "1.2.840.10008.5.1.4.1.1.88.33";
/// Comprehensive 3D SR Storage: coordinates in the patient too.
pub const COMPREHENSIVE_3D_SR: &str = "1.2.840.10008.5.1.4.1.1.88.34";
/// Deepest tree that is followed; real reports stay below 15.
const DEEPEST: usize = 40;

/// How an item stands to the one above it (PS3.3 C.17.3.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the term of its name")]
pub enum Relationship {
    Contains,
    HasObservationContext,
    HasAcquisitionContext,
    HasConceptModifier,
    HasProperties,
    InferredFrom,
    SelectedFrom,
}

impl Relationship {
    const ALL: [Self; 7] = [
        Self::Contains,
        Self::HasObservationContext,
        Self::HasAcquisitionContext,
        Self::HasConceptModifier,
        Self::HasProperties,
        Self::InferredFrom,
        Self::SelectedFrom,
    ];

    /// The defined term.
    pub fn term(self) -> &'static str {
        match self {
            Self::Contains => "CONTAINS",
            Self::HasObservationContext => "HAS OBS CONTEXT",
            Self::HasAcquisitionContext => "HAS ACQ CONTEXT",
            Self::HasConceptModifier => "HAS CONCEPT MOD",
            Self::HasProperties => "HAS PROPERTIES",
            Self::InferredFrom => "INFERRED FROM",
            Self::SelectedFrom => "SELECTED FROM",
        }
    }
}

/// Form of a region (PS3.3 C.18.6.1.2 and C.18.9.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the term of its name")]
pub enum Graphic {
    Point,
    Multipoint,
    Polyline,
    /// Closed; only in the patient. On an image a closed polyline ends where it began.
    Polygon,
    /// Centre, then a point on the circle; only on an image.
    Circle,
    /// End points of the major axis, then of the minor axis.
    Ellipse,
    /// End points of three axes; only in the patient.
    Ellipsoid,
}

impl Graphic {
    const ALL: [Self; 7] = [
        Self::Point,
        Self::Multipoint,
        Self::Polyline,
        Self::Polygon,
        Self::Circle,
        Self::Ellipse,
        Self::Ellipsoid,
    ];

    /// The defined term.
    pub fn term(self) -> &'static str {
        match self {
            Self::Point => "POINT",
            Self::Multipoint => "MULTIPOINT",
            Self::Polyline => "POLYLINE",
            Self::Polygon => "POLYGON",
            Self::Circle => "CIRCLE",
            Self::Ellipse => "ELLIPSE",
            Self::Ellipsoid => "ELLIPSOID",
        }
    }

    /// True when the form can have this many points.
    pub fn allows(self, points: usize) -> bool {
        match self {
            Self::Point => points == 1,
            Self::Circle => points == 2,
            Self::Ellipse => points == 4,
            Self::Ellipsoid => points == 6,
            Self::Polygon => points >= 3,
            Self::Multipoint | Self::Polyline => points >= 1,
        }
    }
}

/// What an item says.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each is the value type of its name")]
pub enum Value {
    Container,
    Text(String),
    Code(Code),
    Number {
        /// `None` where the report says why there is no value.
        value: Option<f64>,
        unit: Option<Code>,
        /// Numeric Value Qualifier: not a number, out of range…
        qualifier: Option<Code>,
    },
    PersonName(String),
    Uid(String),
    Date(String),
    Time(String),
    DateTime(String),
    Image(InstanceRef),
    Composite(InstanceRef),
    Waveform(InstanceRef),
    /// SCOORD: (column, row) in pixels; (0, 0) is the upper left corner of the first pixel, its centre
    /// (0.5, 0.5) (PS3.3 C.18.6.1.2).
    Points {
        graphic: Graphic,
        points_px: Vec<[f64; 2]>,
    },
    /// SCOORD3D: millimetres in the patient.
    Points3d {
        graphic: Graphic,
        frame_of_reference: String,
        points_mm: Vec<[f64; 3]>,
    },
    /// Another item, by the numbers that lead to it from the root.
    Reference(Vec<u32>),
    /// A value type that is not read: its term.
    Other(String),
}

/// One content item and what is below it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// How it stands to the item above; the root's is ignored.
    pub relationship: Relationship,
    /// Concept Name (0040,A043).
    pub concept: Option<Code>,
    /// What it says.
    pub value: Value,
    /// Template Identifier (0040,DB00) of a container: `1500`; empty when absent.
    pub template: String,
    /// What is below it.
    pub children: Vec<Item>,
}

impl Item {
    /// An item without children.
    pub fn new(relationship: Relationship, concept: Code, value: Value) -> Self {
        Self { relationship, concept: Some(concept), value, template: String::new(), children: Vec::new() }
    }

    /// The same with children.
    pub fn with(mut self, children: Vec<Item>) -> Self {
        self.children = children;
        self
    }

    /// True when its concept is `code`.
    pub fn is(&self, code: &Code) -> bool {
        self.concept.as_ref() == Some(code)
    }

    /// The code that the first child with this concept says.
    pub fn code(&self, concept: &Code) -> Option<&Code> {
        self.children.iter().filter(|c| c.is(concept)).find_map(|c| match &c.value {
            Value::Code(code) => Some(code),
            _ => None,
        })
    }

    /// The text, name or UID that the first child with this concept says.
    pub fn text(&self, concept: &Code) -> Option<&str> {
        self.children.iter().filter(|c| c.is(concept)).find_map(|c| match &c.value {
            Value::Text(text) | Value::PersonName(text) | Value::Uid(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Itself and all items below, in the order of the report.
    pub fn walk(&self) -> Vec<&Item> {
        let (mut found, mut stack) = (Vec::new(), vec![self]);
        while let Some(item) = stack.pop() {
            found.push(item);
            stack.extend(item.children.iter().rev());
        }
        found
    }
}

/// A report as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// SOP Class UID.
    pub sop_class: String,
    /// The document's title and everything below.
    pub root: Item,
    /// Instances it is about: requested and other evidence.
    pub evidence: Vec<Evidence>,
    /// Completion Flag (0040,A491) is COMPLETE.
    pub complete: bool,
    /// Verification Flag (0040,A493) is VERIFIED.
    pub verified: bool,
}

impl Report {
    /// Reads a report of any class.
    ///
    /// # Errors
    /// Names the attribute that is missing or unusable: a report is read whole or not at all.
    pub fn read(object: &Object<'_>) -> Result<Self, Refusal> {
        let data = object.data();
        let mut evidence = Evidence::read_all(&data, tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE);
        evidence.extend(Evidence::read_all(&data, tags::PERTINENT_OTHER_EVIDENCE_SEQUENCE));
        if !data.has(tags::CONTENT_SEQUENCE) && !data.has(tags::VALUE_TYPE) {
            return Err(missing(tags::CONTENT_SEQUENCE));
        }
        Ok(Self {
            sop_class: data.text_or_empty(tags::SOP_CLASS_UID),
            root: read_item(&data, Relationship::Contains, 0)?,
            evidence,
            complete: data.text(tags::COMPLETION_FLAG).as_deref() == Some("COMPLETE"),
            verified: data.text(tags::VERIFICATION_FLAG).as_deref() == Some("VERIFIED"),
        })
    }

    /// The study and series of an instance, by the evidence.
    pub fn evidence_of(&self, instance: &str) -> Option<&Evidence> {
        self.evidence.iter().find(|e| e.instance.instance == instance)
    }
}

fn read_item(data: &Dataset<'_>, relationship: Relationship, depth: usize) -> Result<Item, Refusal> {
    if depth > DEEPEST {
        return Err(unreadable(tags::CONTENT_SEQUENCE, &format!("is nested deeper than {DEEPEST}")));
    }
    let mut children = Vec::new();
    for child in data.items(tags::CONTENT_SEQUENCE) {
        let term = child.text_or_empty(tags::RELATIONSHIP_TYPE);
        let Some(relationship) = Relationship::ALL.into_iter().find(|r| r.term() == term) else {
            return Err(unreadable(tags::RELATIONSHIP_TYPE, "is no relationship of PS3.3 C.17.3.2.4"));
        };
        children.push(read_item(&child, relationship, depth + 1)?);
    }
    let template = data.first_item(tags::CONTENT_TEMPLATE_SEQUENCE);
    Ok(Item {
        relationship,
        concept: Code::first(data, tags::CONCEPT_NAME_CODE_SEQUENCE).map(Code::current),
        value: read_value(data)?,
        template: template.map(|t| t.text_or_empty(tags::TEMPLATE_IDENTIFIER)).unwrap_or_default(),
        children,
    })
}

fn read_value(data: &Dataset<'_>) -> Result<Value, Refusal> {
    if let Some(numbers) = data.numbers(tags::REFERENCED_CONTENT_ITEM_IDENTIFIER)? {
        return Ok(Value::Reference(numbers.iter().map(|n| *n as u32).collect()));
    }
    let reference = || {
        let tag = tags::REFERENCED_SOP_SEQUENCE;
        InstanceRef::read_all(data, tag).into_iter().next().ok_or_else(|| missing(tag))
    };
    let kind = data.text(tags::VALUE_TYPE).ok_or_else(|| missing(tags::VALUE_TYPE))?;
    Ok(match kind.as_str() {
        "CONTAINER" => Value::Container,
        "TEXT" => Value::Text(data.text_or_empty(tags::TEXT_VALUE)),
        "CODE" => Value::Code(Code::required(data, tags::CONCEPT_CODE_SEQUENCE)?.current()),
        "NUM" => read_number(data)?,
        "PNAME" => Value::PersonName(data.text_or_empty(tags::PERSON_NAME)),
        "UIDREF" => Value::Uid(data.text_or_empty(tags::UID)),
        "DATE" => Value::Date(data.text_or_empty(tags::DATE)),
        "TIME" => Value::Time(data.text_or_empty(tags::TIME)),
        "DATETIME" => Value::DateTime(data.text_or_empty(tags::DATE_TIME)),
        "IMAGE" => Value::Image(reference()?),
        "COMPOSITE" => Value::Composite(reference()?),
        "WAVEFORM" => Value::Waveform(reference()?),
        "SCOORD" => {
            let (graphic, points_px) = read_points::<2>(data)?;
            Value::Points { graphic, points_px }
        }
        "SCOORD3D" => {
            let (graphic, points_mm) = read_points::<3>(data)?;
            let frame_of_reference = data.text_or_empty(tags::REFERENCED_FRAME_OF_REFERENCE_UID);
            Value::Points3d { graphic, frame_of_reference, points_mm }
        }
        _ => Value::Other(kind),
    })
}

fn read_number(data: &Dataset<'_>) -> Result<Value, Refusal> {
    let measured = data.first_item(tags::MEASURED_VALUE_SEQUENCE);
    let (mut value, mut unit) = (None, None);
    if let Some(measured) = measured {
        // The floating point form is there where the text is not exact enough.
        value = measured.number(tags::FLOATING_POINT_VALUE)?.or(measured.number(tags::NUMERIC_VALUE)?);
        unit = Code::first(&measured, tags::MEASUREMENT_UNITS_CODE_SEQUENCE);
    }
    let qualifier = Code::first(data, tags::NUMERIC_VALUE_QUALIFIER_CODE_SEQUENCE);
    Ok(Value::Number { value, unit, qualifier })
}

fn read_points<const N: usize>(data: &Dataset<'_>) -> Result<(Graphic, Vec<[f64; N]>), Refusal> {
    let (kind, tag) = (tags::GRAPHIC_TYPE, tags::GRAPHIC_DATA);
    let term = data.text(kind).ok_or_else(|| missing(kind))?;
    let graphic = Graphic::ALL.into_iter().find(|g| g.term() == term);
    let graphic = graphic.ok_or_else(|| unreadable(kind, &format!("is {term}, which is no known form")))?;
    let numbers = data.numbers(tag)?.ok_or_else(|| missing(tag))?;
    if numbers.len() % N != 0 || numbers.iter().any(|n| !n.is_finite()) {
        return Err(unreadable(tag, &format!("does not hold points of {N} numbers")));
    }
    let points: Vec<[f64; N]> = numbers.chunks_exact(N).filter_map(|c| c.try_into().ok()).collect();
    if !graphic.allows(points.len()) {
        return Err(unreadable(tag, &format!("has {} points, which make no {term}", points.len())));
    }
    Ok((graphic, points))
}

/// A report to be written.
#[derive(Clone, Debug)]
pub struct NewReport {
    /// Whose, when, by what.
    pub header: NewInstance,
    /// SOP Class UID: [`COMPREHENSIVE_SR`], [`COMPREHENSIVE_3D_SR`]…
    pub sop_class: &'static str,
    /// Modality (0008,0060): `SR`, `KO`.
    pub modality: &'static str,
    /// The document's title and everything below.
    pub root: Item,
    /// Every instance that the items refer to.
    pub evidence: Vec<Evidence>,
    /// Nothing is missing in it: Completion Flag (0040,A491).
    pub complete: bool,
}

impl NewReport {
    /// The file.
    ///
    /// # Errors
    /// `unwritable`: a reference without evidence, points that make no form, a text that is too long.
    pub fn to_file(&self) -> Result<Vec<u8>, Refusal> {
        let mut fields = self.header.fields(self.sop_class, self.modality);
        let (date, time) = self.header.local();
        fields
            .text(tags::CONTENT_DATE, &date)
            .text(tags::CONTENT_TIME, &time)
            .empty(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE);
        if self.modality == "SR" {
            fields
                .empty(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE)
                .text(tags::COMPLETION_FLAG, if self.complete { "COMPLETE" } else { "PARTIAL" })
                .text(tags::VERIFICATION_FLAG, "UNVERIFIED");
        }
        let evidence = evidence_items(&self.evidence);
        if !evidence.is_empty() {
            fields.items(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, evidence);
        }
        sr_write::check(&self.root, &self.evidence, self.sop_class)?;
        fields.extend(sr_write::item(&self.root, true));
        fields.to_file()
    }
}
