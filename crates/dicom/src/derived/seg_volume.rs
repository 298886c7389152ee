//! Segments as one grid of labels in the patient, for planes and volume rendering.

use super::grid::FrameGrid;
use super::seg::{Segmentation, SegmentationKind};
use crate::attribute::{tags, unreadable};
use glam::{DMat4, DVec3};
use medsight_record::Refusal;

/// Most voxels of a grid of labels: 1024 slices of 1024 × 1024.
const MOST_VOXELS: usize = 1 << 30;

/// A label for each voxel.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelVolume {
    /// Voxels along x, y, z.
    pub dims: [usize; 3],
    /// Distance of voxel centres, millimetres.
    pub spacing_mm: DVec3,
    /// Voxel indices to the patient, millimetres.
    pub patient_from_voxel: DMat4,
    /// Segment numbers, x fastest; 0 where there is none. Where segments overlap, the one listed last.
    pub labels: Vec<u16>,
    /// Voxels in which several of the segments are.
    pub overlapping: u64,
    voxel_from_patient: DMat4,
}

impl Segmentation {
    /// The chosen segments as labels; fractions count from half of the largest value on.
    ///
    /// # Errors
    /// `no_grid` when the frames are no regular grid; `bad_attribute` when it would have more than 2^30 voxels.
    pub fn labels(&self, segments: &[u16]) -> Result<LabelVolume, Refusal> {
        let FrameGrid { dims, spacing_mm, patient_from_voxel, slice_of_frame } = self.grid()?;
        let plane = dims[0] * dims[1];
        if plane.checked_mul(dims[2]).is_none_or(|all| all > MOST_VOXELS) {
            return Err(unreadable(tags::IMAGE_POSITION_PATIENT, "spreads the frames over too large a grid"));
        }
        let mut labels = vec![0_u16; plane * dims[2]];
        let mut overlapping = 0;
        let is_map = self.kind == SegmentationKind::LabelMap;
        let half = u16::from(self.max_value()).div_ceil(2);
        for wanted in segments {
            for frame in self.frames_of(*wanted) {
                let first = slice_of_frame[frame] * plane;
                let slots = &mut labels[first..first + plane];
                for (slot, stored) in slots.iter_mut().zip(self.stored(frame)) {
                    let inside = if is_map { stored == *wanted } else { stored >= half };
                    if inside {
                        overlapping += u64::from(*slot != 0 && *slot != *wanted);
                        *slot = *wanted;
                    }
                }
            }
        }
        let voxel_from_patient = patient_from_voxel.inverse();
        Ok(LabelVolume { dims, spacing_mm, patient_from_voxel, labels, overlapping, voxel_from_patient })
    }
}

impl LabelVolume {
    /// The label of the voxel that holds a point of the patient; 0 outside.
    pub fn at(&self, point_mm: DVec3) -> u16 {
        let voxel = self.voxel_from_patient.transform_point3(point_mm).round();
        let inside = (0..3).all(|a| voxel[a] >= 0.0 && voxel[a] < self.dims[a] as f64);
        if !inside {
            return 0;
        }
        let [x, y, z] = voxel.to_array().map(|v| v as usize);
        self.labels[(z * self.dims[1] + y) * self.dims[0] + x]
    }
}
