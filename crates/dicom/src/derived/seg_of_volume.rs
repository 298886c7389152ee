//! Labels of a volume's voxels, as a model gives them, as a segmentation over the images of the volume.

use super::code::Code;
use super::header::NewInstance;
use super::reference::Evidence;
use super::seg::{Algorithm, Segment, SegmentationKind};
use super::seg_write::{MaskPlane, NewSegmentation};
use glam::DVec3;
use medsight_base::Uid;
use medsight_image::Volume;
use medsight_record::{LabelMeaning, Maker, Refusal, SlicePlaces};

/// Labels over a volume, to be written. Only segments that are somewhere in it, or that were looked for, are named.
#[derive(Debug)]
pub struct SegmentedVolume<'l> {
    /// Whose, when, by what.
    pub header: NewInstance,
    /// Where the volume's slices lie.
    pub places: SlicePlaces,
    /// A label for each of its voxels: columns fastest, slice after slice.
    pub labels: &'l [u16],
    /// Labels and what they mean; numbered anew from 1 in this order.
    pub segments: Vec<(u16, Segment)>,
    /// For each slice the image it was made from.
    pub slices: Vec<Evidence>,
    /// Content Label: capital letters, digits, `_`.
    pub label: String,
    /// Content Description.
    pub description: String,
    /// Content Creator's Name; empty for a program.
    pub creator: String,
    /// Lossy Image Compression of the images.
    pub lossy_source: bool,
    /// Names the dimensions of the object.
    pub dimension_organization: Uid,
}

impl SegmentedVolume<'_> {
    /// The file: a binary segmentation, which every reader of segmentations takes.
    ///
    /// # Errors
    /// `unwritable` when labels or slices are not as many as the volume's, or a text does not fit its attribute.
    pub fn to_file(self) -> Result<Vec<u8>, Refusal> {
        let SlicePlaces { size_px: [columns, rows], axes, spacing_mm, thickness_mm, .. } = self.places;
        let positions = &self.places.positions_mm;
        let slices = positions.len();
        if self.labels.len() != columns * rows * slices || self.slices.len() != slices {
            return Err(Refusal::new("unwritable", "The labels do not cover the volume's slices."));
        }
        let plane = |(position, source): (&[f64; 3], &Evidence)| MaskPlane {
            position_mm: DVec3::from_array(*position),
            source: Some(source.clone()),
        };
        let planes = positions.iter().zip(&self.slices).map(plane).collect();
        let values: Vec<u16> = self.segments.iter().map(|(value, _)| *value).collect();
        let numbered =
            self.segments.into_iter().zip(1..).map(|((_, segment), number)| Segment { number, ..segment });
        let new = NewSegmentation {
            header: self.header,
            kind: SegmentationKind::Binary,
            segments: numbered.collect(),
            size: [columns, rows],
            orientation: axes.map(|axis| DVec3::from_array(axis).normalize()),
            spacing_mm,
            thickness_mm,
            frame_of_reference: self.places.frame_of_reference,
            planes,
            dimension_organization: self.dimension_organization,
            label: self.label,
            description: self.description,
            creator: self.creator,
            lossy_source: self.lossy_source,
        };
        let labels = self.labels;
        new.to_file(&mut |number, slice| {
            // Binary: asked segment by segment, numbered from 1 as above.
            let value = values[usize::from(number?) - 1];
            let plane = &labels[slice * columns * rows..(slice + 1) * columns * rows];
            plane.contains(&value).then(|| plane.iter().map(|label| u16::from(*label == value)).collect())
        })
    }
}

/// Where the slices of a volume lie, by the map of its voxels: with gantry tilt they are shifted.
pub fn slice_places(volume: &Volume, frame_of_reference: &str) -> SlicePlaces {
    let step = volume.patient_from_voxel.z_axis.truncate();
    let along = |slice: usize| match volume.slice_offsets_mm.get(slice) {
        Some(offset) => (offset - volume.slice_offsets_mm[0]) / volume.spacing_mm.z,
        None => slice as f64,
    };
    let position = |slice: usize| (volume.origin_mm + step * along(slice)).to_array();
    SlicePlaces {
        size_px: [volume.dims[0], volume.dims[1]],
        axes: [volume.axes[0], volume.axes[1]].map(|axis| axis.to_array()),
        spacing_mm: [volume.spacing_mm.y, volume.spacing_mm.x],
        thickness_mm: volume.spacing_mm.z,
        positions_mm: (0..volume.dims[2]).map(position).collect(),
        frame_of_reference: frame_of_reference.to_owned(),
    }
}

/// What a label is, in DICOM's words. One without a code is tissue of which nothing more is said.
pub fn segment_of(label: &LabelMeaning, maker: &Maker, is_changed: bool) -> Segment {
    let code = Code::of;
    let tissue = || Code::new("85756007", "SCT", "Tissue");
    let structure = || Code::new("123037004", "SCT", "Anatomical Structure");
    let category = match (&label.category, &label.code) {
        (Some(category), _) => code(category),
        (None, Some(_)) => structure(),
        (None, None) => tissue(),
    };
    Segment {
        number: 1,
        label: label.name.clone(),
        description: String::new(),
        algorithm: Some(if maker.is_guided || is_changed {
            Algorithm::Semiautomatic
        } else {
            Algorithm::Automatic
        }),
        algorithm_name: maker.text(),
        category: Some(category),
        property: Some(label.code.as_ref().map_or_else(tissue, code)),
        modifiers: label.side.iter().map(code).collect(),
        region: None,
        rgb: label.rgb,
        tracking_id: String::new(),
        tracking_uid: String::new(),
    }
}
