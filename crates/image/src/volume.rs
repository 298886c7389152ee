//! A regular grid of modality values in patient space.
//!
//! Built by `medsight-dicom` from a stack of slices; sampled by the MPR and ray-cast twins.

use std::sync::Arc;

use glam::{DMat4, DVec3};
use serde::{Deserialize, Serialize};

/// Modality values, x fastest, then y, then z, then time.
#[derive(Clone, Debug, PartialEq)]
pub enum Voxels {
    /// Rescaled values that are whole and fit 16 bits: every CT, most MR.
    I16(Vec<i16>),
    /// All other values.
    F32(Vec<f32>),
}

impl Voxels {
    /// Number of voxels over all time points.
    pub fn len(&self) -> usize {
        match self {
            Self::I16(v) => v.len(),
            Self::F32(v) => v.len(),
        }
    }

    /// True when there is no voxel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at a flat index.
    ///
    /// # Panics
    /// When `index` is not below [`Self::len`].
    pub fn value(&self, index: usize) -> f32 {
        match self {
            Self::I16(v) => f32::from(v[index]),
            Self::F32(v) => v[index],
        }
    }
}

/// Something about the data that a reader has to know before measuring in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VolumeWarning {
    /// Stable word for programs and translations: `uneven_spacing`, `gantry_tilt`, `missing_slices`…
    pub code: String,
    /// What it is, in English, with the attribute and the figures.
    pub reason: String,
    /// The figures again, in the order of [`Self::reason`], with a decimal point: for other languages.
    #[serde(skip)]
    pub figures: Vec<String>,
}

/// A volume in patient space.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Voxels along column index (x), row index (y), slice (z), time (t; 1 when there is one point).
    pub dims: [usize; 4],
    /// Distance of neighbouring voxel centres in millimetres. z is the median slice distance along the
    /// line through the slice origins projected on the normal.
    pub spacing_mm: DVec3,
    /// Centre of voxel (0,0,0): Image Position (Patient) of the first slice.
    pub origin_mm: DVec3,
    /// Unit axes of x, y, z; z is the slice normal row × column.
    pub axes: [DVec3; 3],
    /// The affine map from voxel indices to the patient. With gantry tilt its third column is the
    /// true slice step, not the normal.
    pub patient_from_voxel: DMat4,
    /// Position of each slice along the normal, from the first; millimetres. Empty means even:
    /// multiples of `spacing_mm.z`. See [`crate::regular`] for planes and ray casting.
    pub slice_offsets_mm: Vec<f64>,
    /// `dims.product()` modality values; shared by what looks at different time points of them.
    pub voxels: Arc<Voxels>,
    /// The time point that planes, rays and measurements see, from 0.
    pub time: usize,
    /// Smallest and largest modality value.
    pub min_max: [f32; 2],
    /// `HU`, or empty when the file gives no unit (Rescale Type, 0028,1054).
    pub unit: String,
    /// What a reader must know.
    pub warnings: Vec<VolumeWarning>,
}

impl Volume {
    /// Voxels in one time point.
    pub fn voxels_per_time(&self) -> usize {
        self.dims[0] * self.dims[1] * self.dims[2]
    }

    /// The same voxels seen at another time point; the last one when there are fewer.
    #[must_use]
    pub fn at_time(&self, time: usize) -> Self {
        Self { time: time.min(self.dims[3].saturating_sub(1)), ..self.clone() }
    }

    /// Flat index of the first voxel of the time point that is seen.
    pub fn first_voxel(&self) -> usize {
        self.time * self.voxels_per_time()
    }

    /// The value at a voxel of the time point that is seen; `None` outside.
    pub fn at(&self, x: usize, y: usize, z: usize) -> Option<f32> {
        let inside = x < self.dims[0] && y < self.dims[1] && z < self.dims[2];
        inside.then(|| self.voxels.value(self.first_voxel() + (z * self.dims[1] + y) * self.dims[0] + x))
    }

    /// Inverse of [`Self::patient_from_voxel`].
    pub fn voxel_from_patient(&self) -> DMat4 {
        self.patient_from_voxel.inverse()
    }

    /// The middle of the volume in patient coordinates.
    pub fn center_mm(&self) -> DVec3 {
        let last = DVec3::new(self.dims[0] as f64, self.dims[1] as f64, self.dims[2] as f64) - 1.0;
        self.patient_from_voxel.transform_point3(last * 0.5)
    }

    /// The box around all voxel centres in patient coordinates: (min, max).
    pub fn bounds_mm(&self) -> (DVec3, DVec3) {
        let last = [0, 1, 2].map(|i| self.dims[i] as f64 - 1.0);
        let corners = (0..8).map(|i| {
            let corner = [0, 1, 2].map(|a| if i >> a & 1 == 1 { last[a] } else { 0.0 });
            self.patient_from_voxel.transform_point3(DVec3::from_array(corner))
        });
        corners.fold((DVec3::INFINITY, DVec3::NEG_INFINITY), |(low, high), c| (low.min(c), high.max(c)))
    }
}
