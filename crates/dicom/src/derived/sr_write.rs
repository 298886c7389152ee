//! Content items of structured reports, writing (PS3.3 C.17.3, C.18).

use super::code::Code;
use super::reference::Evidence;
use super::sr::{COMPREHENSIVE_3D_SR, Graphic, Item, Value};
use crate::attribute::tags;
use crate::new_dataset::{NewDataset, decimal};
use medsight_record::Refusal;

fn refuse(reason: impl Into<String>) -> Refusal {
    Refusal::new("unwritable", reason)
}

/// What the attributes' own rules do not catch.
pub(crate) fn check(root: &Item, evidence: &[Evidence], sop_class: &str) -> Result<(), Refusal> {
    for item in root.walk() {
        if item.concept.is_none() && !matches!(item.value, Value::Image(_) | Value::Reference(_)) {
            return Err(refuse("A content item has no Concept Name (0040,A043)."));
        }
        let count = |graphic: Graphic, points: usize| {
            let term = graphic.term();
            if graphic.allows(points) {
                Ok(())
            } else {
                Err(refuse(format!("{points} points make no {term}.")))
            }
        };
        match &item.value {
            Value::Image(to) | Value::Composite(to) | Value::Waveform(to)
                if !evidence.iter().any(|e| e.instance.instance == to.instance) =>
            {
                return Err(refuse("The report refers to an instance that its evidence does not list."));
            }
            Value::Points { graphic, points_px } => {
                count(*graphic, points_px.len())?;
                if matches!(graphic, Graphic::Polygon | Graphic::Ellipsoid) {
                    return Err(refuse(format!("{} is no form on an image.", graphic.term())));
                }
                if item.children.is_empty() {
                    return Err(refuse("A region does not say on which image it lies."));
                }
            }
            Value::Points3d { graphic, points_mm, frame_of_reference } => {
                count(*graphic, points_mm.len())?;
                if *graphic == Graphic::Circle || sop_class != COMPREHENSIVE_3D_SR {
                    return Err(refuse(
                        "A region in the patient needs Comprehensive 3D SR, and is no circle.",
                    ));
                }
                if frame_of_reference.is_empty() {
                    return Err(refuse("A region in the patient does not say in which frame of reference."));
                }
            }
            Value::Other(kind) => return Err(refuse(format!("Value type {kind} cannot be written."))),
            _ => {}
        }
    }
    Ok(())
}

/// An item with everything below it; the root has no relationship.
pub(crate) fn item(from: &Item, is_root: bool) -> NewDataset {
    let mut item = NewDataset::new();
    if !is_root {
        item.text(tags::RELATIONSHIP_TYPE, from.relationship.term());
    }
    if let Value::Reference(path) = &from.value {
        let path: Vec<i64> = path.iter().map(|n| i64::from(*n)).collect();
        item.integers(tags::REFERENCED_CONTENT_ITEM_IDENTIFIER, &path);
        return item;
    }
    if let Some(concept) = &from.concept {
        item.item(tags::CONCEPT_NAME_CODE_SEQUENCE, concept.item());
    }
    put_value(&mut item, &from.value);
    if !from.template.is_empty() {
        item.with_item(tags::CONTENT_TEMPLATE_SEQUENCE, |template| {
            template
                .text(tags::MAPPING_RESOURCE, "DCMR")
                .text(tags::MAPPING_RESOURCE_UID, "1.2.840.10008.8.1.1")
                .text(tags::TEMPLATE_IDENTIFIER, &from.template);
        });
    }
    if !from.children.is_empty() {
        let children = from.children.iter().map(|child| self::item(child, false)).collect();
        item.items(tags::CONTENT_SEQUENCE, children);
    }
    item
}

fn put_value(item: &mut NewDataset, value: &Value) {
    let mut kind = |term: &str| {
        item.text(tags::VALUE_TYPE, term);
    };
    match value {
        Value::Container => {
            kind("CONTAINER");
            item.text(tags::CONTINUITY_OF_CONTENT, "SEPARATE");
        }
        Value::Text(text) => {
            kind("TEXT");
            item.text(tags::TEXT_VALUE, text);
        }
        Value::Code(code) => {
            kind("CODE");
            item.item(tags::CONCEPT_CODE_SEQUENCE, code.item());
        }
        Value::Number { value, unit, qualifier } => {
            kind("NUM");
            item.items(
                tags::MEASURED_VALUE_SEQUENCE,
                value.iter().map(|v| measured(*v, unit.as_ref())).collect(),
            );
            if let Some(qualifier) = qualifier {
                item.item(tags::NUMERIC_VALUE_QUALIFIER_CODE_SEQUENCE, qualifier.item());
            }
        }
        Value::PersonName(name) => {
            kind("PNAME");
            item.text(tags::PERSON_NAME, name);
        }
        Value::Uid(uid) => {
            kind("UIDREF");
            item.text(tags::UID, uid);
        }
        Value::Date(date) => {
            kind("DATE");
            item.text(tags::DATE, date);
        }
        Value::Time(time) => {
            kind("TIME");
            item.text(tags::TIME, time);
        }
        Value::DateTime(time) => {
            kind("DATETIME");
            item.text(tags::DATE_TIME, time);
        }
        Value::Image(to) => {
            kind("IMAGE");
            item.item(tags::REFERENCED_SOP_SEQUENCE, to.item());
        }
        Value::Composite(to) => {
            kind("COMPOSITE");
            item.item(tags::REFERENCED_SOP_SEQUENCE, to.item());
        }
        Value::Waveform(to) => {
            kind("WAVEFORM");
            item.item(tags::REFERENCED_SOP_SEQUENCE, to.item());
        }
        Value::Points { graphic, points_px } => {
            kind("SCOORD");
            item.text(tags::GRAPHIC_TYPE, graphic.term()).reals(tags::GRAPHIC_DATA, points_px.as_flattened());
        }
        Value::Points3d { graphic, frame_of_reference, points_mm } => {
            kind("SCOORD3D");
            item.text(tags::GRAPHIC_TYPE, graphic.term())
                .reals(tags::GRAPHIC_DATA, points_mm.as_flattened())
                .text(tags::REFERENCED_FRAME_OF_REFERENCE_UID, frame_of_reference);
        }
        Value::Other(term) => kind(term),
        Value::Reference(_) => {}
    }
}

fn measured(value: f64, unit: Option<&Code>) -> NewDataset {
    let mut measured = NewDataset::new();
    measured.real(tags::NUMERIC_VALUE, value);
    if decimal(value).parse() != Ok(value) {
        measured.real(tags::FLOATING_POINT_VALUE, value);
    }
    let one = Code::constant("1", "UCUM", "no units");
    measured.item(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, unit.unwrap_or(&one).item());
    measured
}
