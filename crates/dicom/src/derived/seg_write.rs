//! Segmentations, writing: masks over planes into a file (PS3.3 A.51, A.100, C.8.20).
//!
//! Planes on which a segment has nothing get no frame; a segment that is nowhere keeps its description.

use super::code::codes;
use super::color::lab_from_rgb;
use super::header::NewInstance;
use super::reference::{Evidence, put_common_references};
use super::seg::{Algorithm, LABEL_MAP_SEGMENTATION, SEGMENTATION, Segment, SegmentationKind};
use crate::attribute::{Tag, tags};
use crate::new_dataset::NewDataset;
use glam::DVec3;
use medsight_base::Uid;
use medsight_record::Refusal;

/// One plane on which there can be a mask.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskPlane {
    /// Centre of the first pixel, millimetres in the patient.
    pub position_mm: DVec3,
    /// The image it was drawn on; its frame, where it has several, in [`super::InstanceRef::frames`].
    pub source: Option<Evidence>,
}

/// A segmentation to be written. All planes are parallel and of one size.
#[derive(Clone, Debug)]
pub struct NewSegmentation {
    /// Whose, when, by what.
    pub header: NewInstance,
    /// What values mean.
    pub kind: SegmentationKind,
    /// Numbered 1, 2, 3…, except in a label map, where numbers may have gaps and 0 is the background.
    pub segments: Vec<Segment>,
    /// Columns and rows.
    pub size: [usize; 2],
    /// Unit vectors along a row and along a column.
    pub orientation: [DVec3; 2],
    /// Distance of rows, distance of columns; millimetres.
    pub spacing_mm: [f64; 2],
    /// Thickness of a plane, millimetres.
    pub thickness_mm: f64,
    /// Frame of Reference UID of the images.
    pub frame_of_reference: String,
    /// Where there can be a mask.
    pub planes: Vec<MaskPlane>,
    /// Names the dimensions of the object.
    pub dimension_organization: Uid,
    /// Content Label (0070,0080): capital letters, digits, `_`.
    pub label: String,
    /// Content Description (0070,0081), may be empty.
    pub description: String,
    /// Content Creator's Name (0070,0084), may be empty.
    pub creator: String,
    /// Lossy Image Compression (0028,2110) of the images.
    pub lossy_source: bool,
}

/// The values of one segment (`None`: all segments of a label map) on one plane; `None` where there is nothing.
pub type MaskValues<'m> = dyn FnMut(Option<u16>, usize) -> Option<Vec<u16>> + 'm;

fn refuse(reason: impl Into<String>) -> Refusal {
    Refusal::new("unwritable", reason)
}

/// Samples of all frames on their way into Pixel Data.
#[derive(Default)]
struct Samples {
    bytes: Vec<u8>,
    bit_count: usize,
}

impl Samples {
    /// Appends a frame. Bits follow one another without padding between frames (PS3.5 8.1.1).
    fn push(&mut self, values: &[u16], bits: u32) {
        match bits {
            1 => {
                for value in values {
                    if self.bit_count.is_multiple_of(8) {
                        self.bytes.push(0);
                    }
                    let last = self.bytes.len() - 1; // pushed above, or in an earlier round
                    self.bytes[last] |= u8::from(*value > 0) << (self.bit_count % 8);
                    self.bit_count += 1;
                }
            }
            8 => self.bytes.extend(values.iter().map(|v| *v as u8)),
            _ => self.bytes.extend(values.iter().flat_map(|v| v.to_le_bytes())),
        }
    }
}

impl NewSegmentation {
    /// The file. `values` is asked plane by plane: 0 and 1, fractions, or segment numbers; rows top to bottom.
    ///
    /// # Errors
    /// `unwritable`: segments or values that do not fit the kind, or a text that its attribute cannot hold.
    pub fn to_file(&self, values: &mut MaskValues<'_>) -> Result<Vec<u8>, Refusal> {
        self.check()?;
        let bits = self.bits();
        let meaningful = self.meaningful();
        let mut samples = Samples::default();
        let mut frames = Vec::new();
        let numbers: Vec<Option<u16>> = match self.kind {
            SegmentationKind::LabelMap => vec![None],
            _ => self.segments.iter().map(|s| Some(s.number)).collect(),
        };
        for (index, number) in numbers.iter().enumerate() {
            for plane in 0..self.planes.len() {
                let Some(frame) = values(*number, plane) else { continue };
                self.check_values(&frame, plane, &meaningful)?;
                if frame.iter().any(|v| *v > 0) {
                    samples.push(&frame, bits);
                    frames.push(self.frame_item(*number, index, plane));
                }
            }
        }
        if frames.is_empty() {
            // An object needs a frame: an empty one says that nothing was found.
            samples.push(&vec![0; self.size[0] * self.size[1]], bits);
            frames.push(self.frame_item(numbers[0], 0, 0));
        }
        let mut fields = self.fields(bits, frames.len());
        fields.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames);
        let vr = if bits == 16 { b"OW" } else { b"OB" };
        fields.bytes(tags::PIXEL_DATA, vr, samples.bytes);
        fields.to_file()
    }

    fn bits(&self) -> u32 {
        let largest = self.segments.iter().map(|s| s.number).max().unwrap_or(0);
        match self.kind {
            SegmentationKind::Binary => 1,
            SegmentationKind::LabelMap if largest > 255 => 16,
            SegmentationKind::Fractional { .. } | SegmentationKind::LabelMap => 8,
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        let is_map = self.kind == SegmentationKind::LabelMap;
        let in_order = self.segments.iter().enumerate().all(|(i, s)| usize::from(s.number) == i + 1);
        let ascending = self.segments.windows(2).all(|pair| pair[0].number < pair[1].number);
        if self.segments.is_empty() || self.planes.is_empty() || !(in_order || is_map && ascending) {
            let named = crate::named(tags::SEGMENT_SEQUENCE);
            return Err(refuse(format!("{named} needs segments numbered from 1, and at least one plane.")));
        }
        for segment in &self.segments {
            let named_by = segment.algorithm == Some(Algorithm::Manual) || !segment.algorithm_name.is_empty();
            let is_background = is_map && segment.number == 0;
            let described = segment.category.is_some() && segment.property.is_some();
            if !(described && segment.algorithm.is_some() && named_by || is_background) {
                let number = segment.number;
                return Err(refuse(format!(
                    "Segment {number} lacks a category, a type, or who or what drew it (PS3.3 C.8.20.4)."
                )));
            }
        }
        let [columns, rows] = self.size;
        if !(1..=65_535).contains(&columns) || !(1..=65_535).contains(&rows) {
            return Err(refuse(format!("{} is not between 1 and 65535.", crate::named(tags::COLUMNS))));
        }
        Ok(())
    }

    /// For each stored value whether it means something.
    fn meaningful(&self) -> Vec<bool> {
        let largest = match self.kind {
            SegmentationKind::Binary => 1,
            SegmentationKind::Fractional { max, .. } => u16::from(max),
            SegmentationKind::LabelMap => 0,
        };
        let mut meaningful: Vec<bool> = (0..=u16::MAX).map(|v| v <= largest).collect();
        if self.kind == SegmentationKind::LabelMap {
            self.segments.iter().for_each(|s| meaningful[usize::from(s.number)] = true);
        }
        meaningful
    }

    fn check_values(&self, values: &[u16], plane: usize, meaningful: &[bool]) -> Result<(), Refusal> {
        let [columns, rows] = self.size;
        if values.len() != columns * rows {
            let count = values.len();
            return Err(refuse(format!(
                "The mask on plane {plane} has {count} values, not {columns} × {rows}."
            )));
        }
        match values.iter().find(|v| !meaningful[usize::from(**v)]) {
            None => Ok(()),
            Some(value) => {
                Err(refuse(format!("The mask on plane {plane} has the value {value}, which means nothing.")))
            }
        }
    }

    fn fields(&self, bits: u32, frames: usize) -> NewDataset {
        let is_map = self.kind == SegmentationKind::LabelMap;
        let class = if is_map { LABEL_MAP_SEGMENTATION } else { SEGMENTATION };
        let mut fields = self.header.fields(class, "SEG");
        let (date, time) = self.header.local();
        let [columns, rows] = self.size.map(|n| n as i64);
        fields
            .texts(tags::IMAGE_TYPE, &["DERIVED", "PRIMARY"])
            .text(tags::CONTENT_DATE, &date)
            .text(tags::CONTENT_TIME, &time)
            .integer(tags::SAMPLES_PER_PIXEL, 1)
            .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2")
            .integer(tags::NUMBER_OF_FRAMES, frames as i64)
            .integer(tags::ROWS, rows)
            .integer(tags::COLUMNS, columns)
            .integer(tags::BITS_ALLOCATED, i64::from(bits))
            .integer(tags::BITS_STORED, i64::from(bits))
            .integer(tags::HIGH_BIT, i64::from(bits) - 1)
            .integer(tags::PIXEL_REPRESENTATION, 0)
            .text(tags::LOSSY_IMAGE_COMPRESSION, if self.lossy_source { "01" } else { "00" })
            .text(tags::CONTENT_LABEL, &self.label)
            .text(tags::CONTENT_DESCRIPTION, &self.description)
            .text(tags::CONTENT_CREATOR_NAME, &self.creator)
            .items(tags::SEGMENT_SEQUENCE, self.segments.iter().map(|s| segment_item(s, is_map)).collect());
        if !self.frame_of_reference.is_empty() {
            fields
                .text(tags::FRAME_OF_REFERENCE_UID, &self.frame_of_reference)
                .empty(tags::POSITION_REFERENCE_INDICATOR);
        }
        match self.kind {
            SegmentationKind::Binary => fields.text(tags::SEGMENTATION_TYPE, "BINARY"),
            SegmentationKind::LabelMap => fields
                .text(tags::SEGMENTATION_TYPE, "LABELMAP")
                .text(tags::SEGMENTS_OVERLAP, "NO")
                .integers_as(tags::PIXEL_PADDING_VALUE, *b"US", &[0]),
            SegmentationKind::Fractional { max, occupancy } => fields
                .text(tags::SEGMENTATION_TYPE, "FRACTIONAL")
                .text(tags::SEGMENTATION_FRACTIONAL_TYPE, if occupancy { "OCCUPANCY" } else { "PROBABILITY" })
                .integer(tags::MAXIMUM_FRACTIONAL_VALUE, i64::from(max)),
        };
        self.put_dimensions(&mut fields);
        fields.with_item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, |shared| {
            shared.with_item(tags::PIXEL_MEASURES_SEQUENCE, |item| {
                item.reals(tags::PIXEL_SPACING, &self.spacing_mm)
                    .real(tags::SLICE_THICKNESS, self.thickness_mm);
                if let Some(between) = self.spacing_between() {
                    item.real(tags::SPACING_BETWEEN_SLICES, between);
                }
            });
            shared.with_item(tags::PLANE_ORIENTATION_SEQUENCE, |item| {
                let [row, column] = self.orientation.map(|v| v.to_array());
                item.reals(tags::IMAGE_ORIENTATION_PATIENT, &[row, column].concat());
            });
        });
        let sources: Vec<Evidence> = self.planes.iter().filter_map(|p| p.source.clone()).collect();
        put_common_references(&mut fields, &self.header.study_uid(), &sources);
        fields
    }

    /// The distance of neighbouring planes along the normal, when it is one.
    fn spacing_between(&self) -> Option<f64> {
        let normal = self.orientation[0].cross(self.orientation[1]);
        let mut along: Vec<f64> = self.planes.iter().map(|p| p.position_mm.dot(normal)).collect();
        along.sort_by(f64::total_cmp);
        let gap = along.get(1)? - along[0];
        let even = along.windows(2).all(|pair| (pair[1] - pair[0] - gap).abs() < 0.01 * gap);
        (even && gap > 0.0).then_some(gap)
    }

    /// Multi-frame Dimension module (PS3.3 C.7.6.17): segment, then position.
    fn put_dimensions(&self, fields: &mut NewDataset) {
        let uid = self.dimension_organization.as_str();
        fields.with_item(tags::DIMENSION_ORGANIZATION_SEQUENCE, |item| {
            item.text(tags::DIMENSION_ORGANIZATION_UID, uid);
        });
        let dimension = |pointer: Tag, group: Tag, label: &str| {
            let mut item = NewDataset::new();
            item.text(tags::DIMENSION_ORGANIZATION_UID, uid)
                .pointers(tags::DIMENSION_INDEX_POINTER, &[pointer])
                .pointers(tags::FUNCTIONAL_GROUP_POINTER, &[group])
                .text(tags::DIMENSION_DESCRIPTION_LABEL, label);
            item
        };
        let segment = dimension(
            tags::REFERENCED_SEGMENT_NUMBER,
            tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            "Segment Number",
        );
        let position = dimension(
            tags::IMAGE_POSITION_PATIENT,
            tags::PLANE_POSITION_SEQUENCE,
            "Image Position (Patient)",
        );
        let is_map = self.kind == SegmentationKind::LabelMap;
        fields.items(
            tags::DIMENSION_INDEX_SEQUENCE,
            if is_map { vec![position] } else { vec![segment, position] },
        );
    }

    fn frame_item(&self, number: Option<u16>, index: usize, plane: usize) -> NewDataset {
        let MaskPlane { position_mm, source } = &self.planes[plane];
        let mut item = NewDataset::new();
        item.with_item(tags::FRAME_CONTENT_SEQUENCE, |content| {
            let place = plane as i64 + 1;
            let values = if number.is_some() { vec![index as i64 + 1, place] } else { vec![place] };
            content.integers(tags::DIMENSION_INDEX_VALUES, &values);
        });
        item.with_item(tags::PLANE_POSITION_SEQUENCE, |position| {
            position.reals(tags::IMAGE_POSITION_PATIENT, &position_mm.to_array());
        });
        if let Some(source) = source {
            item.with_item(tags::DERIVATION_IMAGE_SEQUENCE, |derivation| {
                derivation.item(tags::DERIVATION_CODE_SEQUENCE, codes::SEGMENTATION.item());
                let mut image = source.instance.item();
                image
                    .item(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, codes::SOURCE_FOR_PROCESSING.item())
                    .text(tags::SPATIAL_LOCATIONS_PRESERVED, "YES");
                derivation.item(tags::SOURCE_IMAGE_SEQUENCE, image);
            });
        }
        if let Some(number) = number {
            item.with_item(tags::SEGMENT_IDENTIFICATION_SEQUENCE, |id| {
                id.integer(tags::REFERENCED_SEGMENT_NUMBER, i64::from(number));
            });
        }
        item
    }
}

/// An item of Segment Sequence (0062,0002).
fn segment_item(segment: &Segment, in_map: bool) -> NewDataset {
    let mut item = NewDataset::new();
    item.integer(tags::SEGMENT_NUMBER, i64::from(segment.number))
        .text(tags::SEGMENT_LABEL, &segment.label)
        .text_if(tags::SEGMENT_DESCRIPTION, &segment.description)
        .text_if(tags::SEGMENT_ALGORITHM_NAME, &segment.algorithm_name)
        .text_if(tags::TRACKING_ID, &segment.tracking_id)
        .text_if(tags::TRACKING_UID, &segment.tracking_uid);
    // The background of a label map has drawn itself.
    let algorithm = match segment.algorithm {
        Some(Algorithm::Automatic) => Some("AUTOMATIC"),
        Some(Algorithm::Semiautomatic) => Some("SEMIAUTOMATIC"),
        Some(Algorithm::Manual) => Some("MANUAL"),
        None => in_map.then_some("MANUAL"),
    };
    item.text_if(tags::SEGMENT_ALGORITHM_TYPE, algorithm.unwrap_or_default());
    let category = segment.category.clone().unwrap_or(codes::BACKGROUND);
    item.item(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, category.item());
    let mut property = segment.property.clone().unwrap_or(codes::BACKGROUND).item();
    if !segment.modifiers.is_empty() {
        let modifiers = segment.modifiers.iter().map(super::Code::item).collect();
        property.items(tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE, modifiers);
    }
    item.item(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, property);
    if let Some(region) = &segment.region {
        item.item(tags::ANATOMIC_REGION_SEQUENCE, region.item());
    }
    if let Some(rgb) = segment.rgb {
        let lab = lab_from_rgb(rgb).map(i64::from);
        item.integers(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &lab);
    }
    item
}
