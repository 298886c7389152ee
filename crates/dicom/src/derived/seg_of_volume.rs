//! Labels of a volume's voxels, as a model gives them, as a segmentation over the images of the volume.

use super::header::NewInstance;
use super::reference::Evidence;
use super::seg::{Segment, SegmentationKind};
use super::seg_write::{MaskPlane, NewSegmentation};
use glam::DVec3;
use medsight_base::Uid;
use medsight_image::Volume;
use medsight_record::Refusal;

/// Labels over a volume, to be written. Only segments that are somewhere in it, or that were looked for, are named.
#[derive(Debug)]
pub struct SegmentedVolume<'v> {
    /// Whose, when, by what.
    pub header: NewInstance,
    /// The volume.
    pub volume: &'v Volume,
    /// A label for each of its voxels: columns fastest, slice after slice.
    pub labels: &'v [u16],
    /// Labels and what they mean; numbered anew from 1 in this order.
    pub segments: Vec<(u16, Segment)>,
    /// For each slice the image it was made from.
    pub slices: Vec<Evidence>,
    /// Frame of Reference UID of the images.
    pub frame_of_reference: String,
    /// Content Label: capital letters, digits, `_`.
    pub label: String,
    /// Content Description.
    pub description: String,
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
        let volume = self.volume;
        let [columns, rows, slices, _] = volume.dims;
        if self.labels.len() != columns * rows * slices || self.slices.len() != slices {
            return Err(Refusal::new("unwritable", "The labels do not cover the volume's slices."));
        }
        let step = volume.patient_from_voxel.z_axis.truncate();
        let along = |slice: usize| match volume.slice_offsets_mm.get(slice) {
            Some(offset) => (offset - volume.slice_offsets_mm[0]) / volume.spacing_mm.z,
            None => slice as f64,
        };
        let plane = |(slice, source): (usize, &Evidence)| MaskPlane {
            position_mm: volume.origin_mm + step * along(slice),
            source: Some(source.clone()),
        };
        let values: Vec<u16> = self.segments.iter().map(|(value, _)| *value).collect();
        let numbered =
            self.segments.into_iter().zip(1..).map(|((_, segment), number)| Segment { number, ..segment });
        let new = NewSegmentation {
            header: self.header,
            kind: SegmentationKind::Binary,
            segments: numbered.collect(),
            size: [columns, rows],
            orientation: [volume.axes[0], volume.axes[1]].map(DVec3::normalize),
            spacing_mm: [volume.spacing_mm.y, volume.spacing_mm.x],
            thickness_mm: volume.spacing_mm.z,
            frame_of_reference: self.frame_of_reference,
            planes: self.slices.iter().enumerate().map(plane).collect(),
            dimension_organization: self.dimension_organization,
            label: self.label,
            description: self.description,
            creator: String::new(),
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
