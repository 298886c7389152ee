//! Measurement reports (PS3.16 TID 1500), writing: typed groups into content items.
//!
//! A group without a region is TID 1501, with one in a plane TID 1410, else TID 1411.

use super::code::Code;
use super::header::NewInstance;
use super::measurement_codes as c;
use super::measurement_report::{
    EvaluationValue, Measurement, MeasurementGroup, MeasurementReport, Observer, Region,
};
use super::reference::Evidence;
use super::sr::{COMPREHENSIVE_3D_SR, COMPREHENSIVE_SR, Item, NewReport, Relationship, Value};
use Relationship::{Contains, HasConceptModifier, HasObservationContext, InferredFrom, SelectedFrom};
use medsight_record::Refusal;

impl MeasurementReport {
    /// The file: Comprehensive 3D SR when a region lies in the patient, else Comprehensive SR, which more
    /// systems can show.
    ///
    /// # Errors
    /// `unwritable`, as [`NewReport::to_file`], and for a group whose regions fit no template.
    pub fn to_file(
        &self,
        header: NewInstance,
        evidence: Vec<Evidence>,
        complete: bool,
    ) -> Result<Vec<u8>, Refusal> {
        let in_patient = |region: &Region| matches!(region, Region::Patient { .. });
        let in_space = self.groups.iter().any(|g| {
            g.regions.iter().chain(g.measurements.iter().filter_map(|m| m.region.as_ref())).any(in_patient)
        });
        for group in &self.groups {
            let planar = !group.volumetric && group.regions.len() > 1;
            if planar || group.tracking_id.is_empty() {
                let reason = "A measurement group has no label, or several regions without being volumetric.";
                return Err(Refusal::new("unwritable", reason));
            }
        }
        let sop_class = if in_space { COMPREHENSIVE_3D_SR } else { COMPREHENSIVE_SR };
        NewReport { header, sop_class, modality: "SR", root: self.root(), evidence, complete }.to_file()
    }

    /// The content tree.
    pub fn root(&self) -> Item {
        let mut children = vec![Item::new(HasConceptModifier, c::LANGUAGE, Value::Code(c::ENGLISH))];
        self.observers.iter().for_each(|observer| children.extend(observer_items(observer)));
        let procedures = self.procedures.iter().cloned();
        children.extend(
            procedures.map(|code| Item::new(HasConceptModifier, c::PROCEDURE_REPORTED, Value::Code(code))),
        );
        let groups = self.groups.iter().map(group_item).collect();
        children.push(Item::new(Contains, c::IMAGING_MEASUREMENTS, Value::Container).with(groups));
        let root = Item::new(Contains, self.title.clone(), Value::Container).with(children);
        Item { template: "1500".into(), ..root }
    }
}

fn observer_items(observer: &Observer) -> Vec<Item> {
    let context = |concept, value| Item::new(HasObservationContext, concept, value);
    let kind = |code| context(c::OBSERVER_TYPE, Value::Code(code));
    match observer {
        Observer::Person(name) => {
            vec![kind(c::PERSON), context(c::PERSON_OBSERVER_NAME, Value::PersonName(name.clone()))]
        }
        Observer::Device { uid, name } => {
            let mut items = vec![kind(c::DEVICE), context(c::DEVICE_OBSERVER_UID, Value::Uid(uid.clone()))];
            if !name.is_empty() {
                items.push(context(c::DEVICE_OBSERVER_NAME, Value::Text(name.clone())));
            }
            items
        }
    }
}

fn group_item(group: &MeasurementGroup) -> Item {
    let context = |concept: Code, value: Value| Item::new(HasObservationContext, concept, value);
    let mut items = vec![context(c::TRACKING_IDENTIFIER, Value::Text(group.tracking_id.clone()))];
    if !group.tracking_uid.is_empty() {
        items.push(context(c::TRACKING_UID, Value::Uid(group.tracking_uid.clone())));
    }
    if !group.session.is_empty() {
        items.push(context(c::ACTIVITY_SESSION, Value::Text(group.session.clone())));
    }
    let mut code = |relationship, concept: Code, code: &Option<Code>| {
        items.extend(code.iter().map(|v| Item::new(relationship, concept.clone(), Value::Code(v.clone()))));
    };
    code(Contains, c::FINDING_CATEGORY, &group.category);
    code(Contains, c::FINDING, &group.finding);
    code(HasConceptModifier, c::MEASUREMENT_METHOD, &group.method);
    if group.finding.is_none() && !group.finding_text.is_empty() {
        items.push(Item::new(Contains, c::FINDING, Value::Text(group.finding_text.clone())));
    }
    if let Some(site) = &group.site {
        let side = group.laterality.iter();
        let side = side.map(|s| Item::new(HasConceptModifier, c::LATERALITY, Value::Code(s.clone())));
        let site = Item::new(HasConceptModifier, c::FINDING_SITE, Value::Code(site.clone()));
        items.push(site.with(side.collect()));
    }
    items.extend(group.regions.iter().map(|region| region_item(region, group.volumetric, Contains)));
    items.extend(
        group
            .source_images
            .iter()
            .map(|image| Item::new(Contains, c::SOURCE_IMAGE_FOR_SEGMENTATION, Value::Image(image.clone()))),
    );
    if !group.source_series.is_empty() {
        let uid = Value::Uid(group.source_series.clone());
        items.push(Item::new(Contains, c::SOURCE_SERIES_FOR_SEGMENTATION, uid));
    }
    items.extend(group.measurements.iter().map(measurement_item));
    items.extend(group.evaluations.iter().map(|evaluation| {
        let value = match &evaluation.value {
            EvaluationValue::Code(code) => Value::Code(code.clone()),
            EvaluationValue::Text(text) => Value::Text(text.clone()),
        };
        Item::new(Contains, evaluation.concept.clone(), value)
    }));
    let template = match (group.regions.is_empty(), group.volumetric) {
        (true, _) => "1501",
        (false, false) => "1410",
        (false, true) => "1411",
    };
    let item = Item::new(Contains, c::MEASUREMENT_GROUP, Value::Container).with(items);
    Item { template: template.into(), ..item }
}

fn region_item(region: &Region, volumetric: bool, relationship: Relationship) -> Item {
    match region {
        Region::Image { image, graphic, points_px } => {
            let value = Value::Points { graphic: *graphic, points_px: points_px.clone() };
            let concept =
                if relationship == InferredFrom { c::SOURCE_OF_MEASUREMENT } else { c::IMAGE_REGION };
            let source = Item::new(SelectedFrom, c::SOURCE_IMAGE, Value::Image(image.clone()));
            Item::new(relationship, concept, value).with(vec![source])
        }
        Region::Patient { frame_of_reference, graphic, points_mm } => {
            let value = Value::Points3d {
                graphic: *graphic,
                frame_of_reference: frame_of_reference.clone(),
                points_mm: points_mm.clone(),
            };
            let concept = match (relationship, volumetric) {
                (InferredFrom, _) => c::SOURCE_OF_MEASUREMENT,
                (_, true) => c::VOLUME_SURFACE,
                (_, false) => c::IMAGE_REGION,
            };
            Item::new(relationship, concept, value)
        }
        Region::Segment(segment) => {
            let concept = if volumetric { c::REFERENCED_SEGMENT } else { c::REFERENCED_SEGMENTATION_FRAME };
            Item::new(relationship, concept, Value::Image(segment.clone()))
        }
    }
}

fn measurement_item(measurement: &Measurement) -> Item {
    let mut below = Vec::new();
    let mut modifier = |concept: Code, code: &Option<Code>| {
        below.extend(
            code.iter().map(|v| Item::new(HasConceptModifier, concept.clone(), Value::Code(v.clone()))),
        );
    };
    modifier(c::DERIVATION, &measurement.derivation);
    modifier(c::MEASUREMENT_METHOD, &measurement.method);
    below.extend(measurement.region.iter().map(|region| region_item(region, false, InferredFrom)));
    let value = Value::Number { value: measurement.value, unit: measurement.unit.clone(), qualifier: None };
    Item::new(Contains, measurement.concept.clone(), value).with(below)
}
