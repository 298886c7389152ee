//! Measurement reports (PS3.16 TID 1500) as typed values: groups of a region, numbers and findings. Reading.
//!
//! Writing is `measurement_write.rs`; annotations of the light box to and from groups, `annotations.rs`.
//! Read leniently: whoever made the report, a measurement group is taken wherever it stands, and the region of a
//! number may hang on the number (as OHIF and dcmjs write) or on its group (TID 1410, 1411).

use super::code::Code;
use super::measurement_codes as c;
use super::reference::InstanceRef;
use super::sr::{Graphic, Item, Report, Value};
use crate::object::Object;
use medsight_record::Refusal;

/// Who or what observed (TID 1002).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observer {
    /// A person, components divided by `^`.
    Person(String),
    /// A program.
    Device {
        /// Its UID.
        uid: String,
        /// Its name, may be empty.
        name: String,
    },
}

/// Where a measurement lies.
#[derive(Clone, Debug, PartialEq)]
pub enum Region {
    /// Drawn on an image.
    Image {
        /// The image, and its frame where it has several.
        image: InstanceRef,
        /// Form.
        graphic: Graphic,
        /// (column, row) in pixels; (0, 0) is the corner of the first pixel, its centre (0.5, 0.5).
        points_px: Vec<[f64; 2]>,
    },
    /// Drawn in the patient.
    Patient {
        /// Frame of Reference UID.
        frame_of_reference: String,
        /// Form.
        graphic: Graphic,
        /// Millimetres.
        points_mm: Vec<[f64; 3]>,
    },
    /// A segment, or frames of one.
    Segment(InstanceRef),
}

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// What was measured.
    pub concept: Code,
    /// How much; `None` where the report says that there is no value.
    pub value: Option<f64>,
    /// In which unit (UCUM).
    pub unit: Option<Code>,
    /// Mean, minimum, maximum, standard deviation… of what was measured.
    pub derivation: Option<Code>,
    /// Measurement Method.
    pub method: Option<Code>,
    /// A region of its own, beside the group's.
    pub region: Option<Region>,
}

/// A finding that is no number.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// What was judged.
    pub concept: Code,
    /// How.
    pub value: EvaluationValue,
}

/// The judgement.
#[derive(Clone, Debug, PartialEq)]
pub enum EvaluationValue {
    /// One of a list.
    Code(Code),
    /// In words.
    Text(String),
}

/// What belongs to one finding (TID 1501, 1410, 1411).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeasurementGroup {
    /// Tracking Identifier: a label for people.
    pub tracking_id: String,
    /// Tracking Unique Identifier: the same over time points; may be empty.
    pub tracking_uid: String,
    /// Activity Session, may be empty.
    pub session: String,
    /// Finding category.
    pub category: Option<Code>,
    /// Finding.
    pub finding: Option<Code>,
    /// What the finding is in words, where it has no code.
    pub finding_text: String,
    /// Finding Site.
    pub site: Option<Code>,
    /// Side of the site.
    pub laterality: Option<Code>,
    /// Measurement Method of all numbers.
    pub method: Option<Code>,
    /// The region over several planes or in three dimensions (TID 1411), not in one plane (TID 1410).
    pub volumetric: bool,
    /// Where it lies; none: the whole image or study.
    pub regions: Vec<Region>,
    /// Images from which a segment was drawn.
    pub source_images: Vec<InstanceRef>,
    /// Series from which it was drawn, may be empty.
    pub source_series: String,
    /// The numbers.
    pub measurements: Vec<Measurement>,
    /// Findings that are no numbers.
    pub evaluations: Vec<Evaluation>,
}

/// All measurements of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasurementReport {
    /// Title of the document (CID 7021).
    pub title: Code,
    /// Who or what observed.
    pub observers: Vec<Observer>,
    /// Procedure reported.
    pub procedures: Vec<Code>,
    /// The groups.
    pub groups: Vec<MeasurementGroup>,
}

impl MeasurementReport {
    /// Reads the measurements of a report.
    ///
    /// # Errors
    /// As [`Report::read`], and `no_measurements` when the report has no measurement group.
    pub fn read(object: &Object<'_>) -> Result<Self, Refusal> {
        Self::of(&Report::read(object)?)
    }

    /// The measurements of a report that is read already.
    ///
    /// # Errors
    /// `no_measurements` when it has no measurement group.
    pub fn of(report: &Report) -> Result<Self, Refusal> {
        let root = &report.root;
        let items = root.walk();
        let groups: Vec<MeasurementGroup> =
            items.iter().filter(|i| i.is(&c::MEASUREMENT_GROUP)).map(|i| read_group(i, root)).collect();
        let is_measurement_report = root.template == "1500"
            || root.is(&c::IMAGING_MEASUREMENT_REPORT)
            || items.iter().any(|i| i.is(&c::IMAGING_MEASUREMENTS));
        if groups.is_empty() && !is_measurement_report {
            let reason = "The report has no measurement group (PS3.16 TID 1500).";
            return Err(Refusal::new("no_measurements", reason));
        }
        let no_title = Code::constant("", "", "");
        let procedures = root.children.iter().filter(|i| i.is(&c::PROCEDURE_REPORTED));
        let procedures = procedures.filter_map(|i| match &i.value {
            Value::Code(code) => Some(code.clone()),
            _ => None,
        });
        Ok(Self {
            title: root.concept.clone().unwrap_or(no_title),
            observers: observers(root),
            procedures: procedures.collect(),
            groups,
        })
    }
}

/// Observers stand one after the other, each begun by its type.
fn observers(root: &Item) -> Vec<Observer> {
    let mut found = Vec::new();
    for item in &root.children {
        match &item.value {
            Value::PersonName(name) | Value::Text(name) if item.is(&c::PERSON_OBSERVER_NAME) => {
                found.push(Observer::Person(name.clone()));
            }
            Value::Uid(uid) if item.is(&c::DEVICE_OBSERVER_UID) => {
                found.push(Observer::Device { uid: uid.clone(), name: String::new() });
            }
            Value::Text(text) if item.is(&c::DEVICE_OBSERVER_NAME) => {
                if let Some(Observer::Device { name, .. }) = found.last_mut() {
                    *name = text.clone();
                }
            }
            _ => {}
        }
    }
    found
}

fn read_group(item: &Item, root: &Item) -> MeasurementGroup {
    let mut group = MeasurementGroup {
        tracking_id: item.text(&c::TRACKING_IDENTIFIER).unwrap_or_default().to_owned(),
        tracking_uid: item.text(&c::TRACKING_UID).unwrap_or_default().to_owned(),
        session: item.text(&c::ACTIVITY_SESSION).unwrap_or_default().to_owned(),
        category: item.code(&c::FINDING_CATEGORY).cloned(),
        finding: item.code(&c::FINDING).cloned(),
        finding_text: item.text(&c::FINDING).unwrap_or_default().to_owned(),
        site: item.code(&c::FINDING_SITE).cloned(),
        method: item.code(&c::MEASUREMENT_METHOD).cloned(),
        source_series: item.text(&c::SOURCE_SERIES_FOR_SEGMENTATION).unwrap_or_default().to_owned(),
        ..MeasurementGroup::default()
    };
    let site = item.children.iter().find(|i| i.is(&c::FINDING_SITE));
    group.laterality = site.and_then(|site| site.code(&c::LATERALITY)).cloned();
    let named_once = [
        c::TRACKING_IDENTIFIER,
        c::TRACKING_UID,
        c::ACTIVITY_SESSION,
        c::FINDING_CATEGORY,
        c::FINDING,
        c::FINDING_SITE,
        c::MEASUREMENT_METHOD,
        c::SOURCE_SERIES_FOR_SEGMENTATION,
    ];
    for child in &item.children {
        if let Some(region) = read_region(child, root) {
            let whole = child.is(&c::VOLUME_SURFACE) || child.is(&c::REFERENCED_SEGMENT);
            group.volumetric |= whole || !group.regions.is_empty();
            group.regions.push(region);
            continue;
        }
        let Some(concept) = child.concept.clone().filter(|code| !named_once.contains(code)) else { continue };
        match &child.value {
            Value::Image(image) => group.source_images.push(image.clone()),
            Value::Number { value, unit, .. } => group.measurements.push(Measurement {
                concept,
                value: *value,
                unit: unit.clone(),
                derivation: child.code(&c::DERIVATION).cloned(),
                method: child.code(&c::MEASUREMENT_METHOD).cloned(),
                region: child.children.iter().find_map(|below| read_region(below, root)),
            }),
            Value::Code(code) => {
                group.evaluations.push(Evaluation { concept, value: EvaluationValue::Code(code.clone()) });
            }
            Value::Text(text) => {
                group.evaluations.push(Evaluation { concept, value: EvaluationValue::Text(text.clone()) });
            }
            _ => {}
        }
    }
    group
}

/// The item that numbers from the root lead to (PS3.3 C.17.3.2.5); the first is the root itself.
fn by_path<'i>(root: &'i Item, path: &[u32]) -> Option<&'i Item> {
    let steps = path.get(1..)?;
    steps.iter().try_fold(root, |at, n| at.children.get((*n as usize).checked_sub(1)?))
}

fn read_region(item: &Item, root: &Item) -> Option<Region> {
    match &item.value {
        Value::Points { graphic, points_px } => {
            let image = item.children.iter().find_map(|below| match &below.value {
                Value::Image(image) => Some(image.clone()),
                Value::Reference(path) => match &by_path(root, path)?.value {
                    Value::Image(image) => Some(image.clone()),
                    _ => None,
                },
                _ => None,
            })?;
            Some(Region::Image { image, graphic: *graphic, points_px: points_px.clone() })
        }
        Value::Points3d { graphic, frame_of_reference, points_mm } => Some(Region::Patient {
            frame_of_reference: frame_of_reference.clone(),
            graphic: *graphic,
            points_mm: points_mm.clone(),
        }),
        Value::Image(image)
            if item.is(&c::REFERENCED_SEGMENT) || item.is(&c::REFERENCED_SEGMENTATION_FRAME) =>
        {
            Some(Region::Segment(image.clone()))
        }
        _ => None,
    }
}
