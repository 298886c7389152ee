//! Which instances an object is about: references by class and UID, and the tree of study, series and instance.
//!
//! PS3.3 table 10-11 (SOP Instance Reference), C.12.2 (Common Instance Reference), C.17.2 (evidence).

use crate::attribute::{Tag, tags};
use crate::dataset::Dataset;
use crate::new_dataset::NewDataset;
use crate::object::Object;
use medsight_record::Refusal;
use std::collections::BTreeMap;

/// An instance, and frames or segments of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstanceRef {
    /// Referenced SOP Class UID (0008,1150).
    pub sop_class: String,
    /// Referenced SOP Instance UID (0008,1155).
    pub instance: String,
    /// Referenced Frame Number (0008,1160), from 1; empty for all frames.
    pub frames: Vec<u32>,
    /// Referenced Segment Number (0062,000B); empty for all.
    pub segments: Vec<u16>,
}

impl InstanceRef {
    /// All of one object.
    ///
    /// # Errors
    /// `missing_attribute` when it has no class or no UID.
    pub fn of(object: &Object<'_>) -> Result<Self, Refusal> {
        let data = object.data();
        let text = |tag| data.text(tag).ok_or_else(|| crate::attribute::missing(tag));
        Ok(Self {
            sop_class: text(tags::SOP_CLASS_UID)?,
            instance: text(tags::SOP_INSTANCE_UID)?,
            ..Self::default()
        })
    }

    /// The same instance, one frame of it; `frame` counts from 0.
    pub fn frame(&self, frame: u32) -> Self {
        Self { frames: vec![frame + 1], ..self.clone() }
    }

    /// Reads an item of a reference sequence; `None` without an instance.
    pub fn read(item: &Dataset<'_>) -> Option<Self> {
        let whole = |tag| item.numbers(tag).ok().flatten().unwrap_or_default();
        Some(Self {
            sop_class: item.text_or_empty(tags::REFERENCED_SOP_CLASS_UID),
            instance: item.text(tags::REFERENCED_SOP_INSTANCE_UID)?,
            frames: whole(tags::REFERENCED_FRAME_NUMBER).iter().map(|n| *n as u32).collect(),
            segments: whole(tags::REFERENCED_SEGMENT_NUMBER).iter().map(|n| *n as u16).collect(),
        })
    }

    /// All readable items of a sequence.
    pub fn read_all(data: &Dataset<'_>, sequence: Tag) -> Vec<Self> {
        data.items(sequence).iter().filter_map(Self::read).collect()
    }

    /// The item of a reference sequence.
    pub fn item(&self) -> NewDataset {
        let mut item = NewDataset::new();
        item.text(tags::REFERENCED_SOP_CLASS_UID, &self.sop_class)
            .text(tags::REFERENCED_SOP_INSTANCE_UID, &self.instance);
        if !self.frames.is_empty() {
            let frames: Vec<i64> = self.frames.iter().map(|f| i64::from(*f)).collect();
            item.integers(tags::REFERENCED_FRAME_NUMBER, &frames);
        }
        if !self.segments.is_empty() {
            let segments: Vec<i64> = self.segments.iter().map(|s| i64::from(*s)).collect();
            item.integers(tags::REFERENCED_SEGMENT_NUMBER, &segments);
        }
        item
    }
}

/// An instance with its place in a study.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// Study Instance UID.
    pub study: String,
    /// Series Instance UID.
    pub series: String,
    /// The instance, without frames.
    pub instance: InstanceRef,
}

impl Evidence {
    /// One object.
    ///
    /// # Errors
    /// `missing_attribute`, naming the UID that is not there.
    pub fn of(object: &Object<'_>) -> Result<Self, Refusal> {
        let data = object.data();
        let text = |tag| data.text(tag).ok_or_else(|| crate::attribute::missing(tag));
        Ok(Self {
            study: text(tags::STUDY_INSTANCE_UID)?,
            series: text(tags::SERIES_INSTANCE_UID)?,
            instance: InstanceRef::of(object)?,
        })
    }

    /// Reads Current Requested Procedure Evidence Sequence (0040,A375) or another sequence of its form.
    pub fn read_all(data: &Dataset<'_>, sequence: Tag) -> Vec<Self> {
        let mut found = Vec::new();
        for study in data.items(sequence) {
            let study_uid = study.text_or_empty(tags::STUDY_INSTANCE_UID);
            for series in study.items(tags::REFERENCED_SERIES_SEQUENCE) {
                let series_uid = series.text_or_empty(tags::SERIES_INSTANCE_UID);
                let instances = InstanceRef::read_all(&series, tags::REFERENCED_SOP_SEQUENCE);
                found.extend(instances.into_iter().map(|instance| Self {
                    study: study_uid.clone(),
                    series: series_uid.clone(),
                    instance,
                }));
            }
        }
        found
    }
}

/// Instances by study and series, in the order of UIDs, each once.
fn tree(evidence: &[Evidence]) -> BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, &InstanceRef>>> {
    let mut studies: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, &InstanceRef>>> = BTreeMap::new();
    for e in evidence {
        let series = studies.entry(&e.study).or_default().entry(&e.series).or_default();
        series.insert(&e.instance.instance, &e.instance);
    }
    studies
}

fn whole(instance: &InstanceRef) -> NewDataset {
    InstanceRef { frames: Vec::new(), segments: Vec::new(), ..instance.clone() }.item()
}

/// The items of an evidence sequence (PS3.3 table C.17-3): study, series, instance.
pub(crate) fn evidence_items(evidence: &[Evidence]) -> Vec<NewDataset> {
    let study_item = |(study, all): (&str, BTreeMap<&str, BTreeMap<&str, &InstanceRef>>)| {
        let mut item = NewDataset::new();
        item.text(tags::STUDY_INSTANCE_UID, study);
        item.items(tags::REFERENCED_SERIES_SEQUENCE, series_items(all, tags::REFERENCED_SOP_SEQUENCE));
        item
    };
    tree(evidence).into_iter().map(study_item).collect()
}

fn series_items(all: BTreeMap<&str, BTreeMap<&str, &InstanceRef>>, instances: Tag) -> Vec<NewDataset> {
    let series_item = |(series, members): (&str, BTreeMap<&str, &InstanceRef>)| {
        let mut item = NewDataset::new();
        item.text(tags::SERIES_INSTANCE_UID, series);
        item.items(instances, members.into_values().map(whole).collect());
        item
    };
    all.into_iter().map(series_item).collect()
}

/// Referenced Series Sequence (0008,1115) with Referenced Image Sequence, as presentation states have it.
pub(crate) fn referenced_images(evidence: &[Evidence]) -> Vec<NewDataset> {
    tree(evidence).into_values().flat_map(|all| series_items(all, tags::REFERENCED_IMAGE_SEQUENCE)).collect()
}

/// Common Instance Reference module (PS3.3 C.12.2): instances of `own_study` and of other studies apart.
pub(crate) fn put_common_references(fields: &mut NewDataset, own_study: &str, evidence: &[Evidence]) {
    let mut others = Vec::new();
    for (study, all) in tree(evidence) {
        let items = series_items(all, tags::REFERENCED_INSTANCE_SEQUENCE);
        if study == own_study {
            fields.items(tags::REFERENCED_SERIES_SEQUENCE, items);
        } else {
            let mut item = NewDataset::new();
            item.text(tags::STUDY_INSTANCE_UID, study).items(tags::REFERENCED_SERIES_SEQUENCE, items);
            others.push(item);
        }
    }
    if !others.is_empty() {
        fields.items(tags::STUDIES_CONTAINING_OTHER_REFERENCED_INSTANCES_SEQUENCE, others);
    }
}
