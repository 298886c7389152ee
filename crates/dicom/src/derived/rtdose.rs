//! Radiotherapy dose (PS3.3 A.18, C.8.8.3): a grid of dose in the patient, and dose-volume histograms.

use super::grid::FrameGrid;
use super::pixels::{DecodeFrame, NativeFrames};
use super::roi_mask::RoiMask;
use super::rtstruct::Roi;
use crate::attribute::{missing, tags, unreadable};
use crate::image_info::ImageInfo;
use crate::object::Object;
use glam::{DMat4, DVec3};
use medsight_record::Refusal;

/// RT Dose Storage.
pub const RT_DOSE: &str = "1.2.840.10008.5.1.4.1.1.481.2";

/// Dose Units (3004,0002).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoseUnits {
    /// Gray.
    Gray,
    /// Relative to a reference that the object may name.
    Relative,
}

/// A dose grid.
#[derive(Clone, Debug)]
pub struct Dose {
    /// Unit of the values.
    pub units: DoseUnits,
    /// Dose Type (3004,0004): `PHYSICAL`, `EFFECTIVE`, `ERROR`.
    pub kind: String,
    /// Dose Summation Type (3004,000A): `PLAN`, `BEAM`, `FRACTION`…
    pub summation: String,
    /// Frame of Reference UID (0020,0052).
    pub frame_of_reference: String,
    /// Voxels along x, y, z.
    pub dims: [usize; 3],
    /// Voxel indices to the patient, millimetres.
    pub patient_from_voxel: DMat4,
    /// Dose of each voxel, x fastest: stored value × Dose Grid Scaling (3004,000E).
    pub values: Vec<f32>,
    voxel_from_patient: DMat4,
}

impl Dose {
    /// Reads an uncompressed dose.
    ///
    /// # Errors
    /// Names the attribute that is missing or unusable.
    pub fn read(object: &Object<'_>) -> Result<Self, Refusal> {
        let encoded = crate::Encoded::read(&object.data())?;
        let native = NativeFrames::new(object, &encoded)?;
        Self::read_with(object, &|frame| native.samples(frame))
    }

    /// Reads a dose whose frames `decode` decodes.
    ///
    /// # Errors
    /// As [`Self::read`], and what `decode` says.
    pub fn read_with(object: &Object<'_>, decode: &DecodeFrame<'_>) -> Result<Self, Refusal> {
        let data = object.data();
        let info = ImageInfo::read(object)?;
        let tag = tags::DOSE_GRID_SCALING;
        let scaling = data.number(tag)?.ok_or_else(|| missing(tag))?;
        if scaling <= 0.0 {
            return Err(unreadable(tag, "is not above 0"));
        }
        let tag = tags::DOSE_UNITS;
        let units = match data.text(tag).as_deref() {
            Some("GY") => DoseUnits::Gray,
            Some("RELATIVE") => DoseUnits::Relative,
            None => return Err(missing(tag)),
            Some(other) => return Err(unreadable(tag, &format!("is {other}; GY and RELATIVE are known"))),
        };
        let offsets = data.numbers(tags::GRID_FRAME_OFFSET_VECTOR)?.unwrap_or_default();
        if info.frames.len() > 1 && offsets.len() != info.frames.len() {
            let what = format!("has {} offsets for {} frames", offsets.len(), info.frames.len());
            return Err(unreadable(tags::GRID_FRAME_OFFSET_VECTOR, &what));
        }
        let size = [info.encoded.columns, info.encoded.rows];
        let grid = FrameGrid::of(info.frames.iter().map(AsRef::as_ref), size)?;
        // Empty slices between frames would be dose that nobody computed.
        if grid.dims[2] != info.frames.len() {
            let tag = tags::GRID_FRAME_OFFSET_VECTOR;
            return Err(unreadable(tag, "does not place the frames at even distances, each once"));
        }
        let plane = size[0] * size[1];
        let mut values = vec![0.0; plane * grid.dims[2]];
        for (frame, slice) in grid.slice_of_frame.iter().enumerate() {
            let samples = decode(frame)?;
            if samples.len() != plane {
                let what = format!("frame {} has {} values, not {plane}", frame + 1, samples.len());
                return Err(unreadable(tags::PIXEL_DATA, &what));
            }
            for (at, value) in values[slice * plane..(slice + 1) * plane].iter_mut().enumerate() {
                *value = (samples.value(at) * scaling) as f32;
            }
        }
        Ok(Self {
            units,
            kind: data.text_or_empty(tags::DOSE_TYPE),
            summation: data.text_or_empty(tags::DOSE_SUMMATION_TYPE),
            frame_of_reference: data.text_or_empty(tags::FRAME_OF_REFERENCE_UID),
            dims: grid.dims,
            patient_from_voxel: grid.patient_from_voxel,
            voxel_from_patient: grid.patient_from_voxel.inverse(),
            values,
        })
    }

    /// The largest dose of the grid.
    pub fn max(&self) -> f32 {
        self.values.iter().copied().fold(0.0, f32::max)
    }

    /// The dose at a point of the patient, linear between voxel centres; `None` outside the grid.
    pub fn at(&self, point_mm: DVec3) -> Option<f64> {
        let p = self.voxel_from_patient.transform_point3(point_mm).to_array();
        let mut low = [0; 3];
        let mut part = [0.0; 3];
        for axis in 0..3 {
            let last = (self.dims[axis] - 1) as f64;
            // A hair of rounding outside is the edge.
            if p[axis] < -1e-6 || p[axis] > last + 1e-6 {
                return None;
            }
            let at = p[axis].clamp(0.0, last);
            low[axis] = (at.floor() as usize).min(self.dims[axis].saturating_sub(2));
            part[axis] = at - low[axis] as f64;
        }
        let mut sum = 0.0;
        for corner in 0..8_usize {
            let step = [corner & 1, corner >> 1 & 1, corner >> 2];
            let weight: f64 = (0..3).map(|a| if step[a] == 1 { part[a] } else { 1.0 - part[a] }).product();
            if weight > 0.0 {
                let [x, y, z] = [0, 1, 2].map(|a| low[a] + step[a]);
                sum += weight * f64::from(self.values[(z * self.dims[1] + y) * self.dims[0] + x]);
            }
        }
        Some(sum)
    }
}

/// A cumulative dose-volume histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct DoseVolumeHistogram {
    /// Volume of the region, cubic millimetres.
    pub volume_mm3: f64,
    /// Part of the region that lies in the grid, 0 to 1; doses are of this part.
    pub covered: f64,
    /// Smallest, mean and largest dose.
    pub min: f64,
    /// Mean dose.
    pub mean: f64,
    /// Largest dose.
    pub max: f64,
    /// Doses of sample points, ascending; each stands for the same volume.
    doses: Vec<f32>,
}

/// Sample points along the longer side of a plane.
const ACROSS: f64 = 128.0;
/// Sample points are not nearer than this.
const FINEST_MM: f64 = 0.5;

/// Distance of sample points in a plane of a region.
fn sample_mm(roi: &Roi) -> f64 {
    let points = || roi.contours.iter().flat_map(|c| &c.points_mm);
    let low = points().fold(DVec3::MAX, |low, p| low.min(*p));
    let high = points().fold(DVec3::MIN, |high, p| high.max(*p));
    ((high - low).max_element() / ACROSS).max(FINEST_MM)
}

impl DoseVolumeHistogram {
    /// The dose in a region of interest, sampled over its planes.
    ///
    /// # Errors
    /// `no_planes` as [`Roi::planes`]; `single_plane` when the region has no thickness; `other_space` when
    /// region and dose have different frames of reference; `outside` when no part of it lies in the grid.
    pub fn of(dose: &Dose, roi: &Roi) -> Result<Self, Refusal> {
        if roi.frame_of_reference != dose.frame_of_reference {
            let reason = "The region and the dose have different Frame of Reference UIDs (0020,0052).";
            return Err(Refusal::new("other_space", reason));
        }
        if roi.planes()?.spacing_mm.is_none() {
            let reason = "The region is drawn in one plane only, so it has no volume.";
            return Err(Refusal::new("single_plane", reason));
        }
        let mask = RoiMask::of(roi, sample_mm(roi))?;
        let (cells, cell_mm3) = mask.cells();
        let (mut doses, mut points) = (Vec::new(), 0_u64);
        for cell in cells {
            points += 1;
            doses.extend(dose.at(cell).map(|d| d as f32));
        }
        if doses.is_empty() {
            let reason = "No part of the region lies in the dose grid.";
            return Err(Refusal::new("outside", reason));
        }
        doses.sort_by(f32::total_cmp);
        let mean = doses.iter().map(|d| f64::from(*d)).sum::<f64>() / doses.len() as f64;
        Ok(Self {
            volume_mm3: points as f64 * cell_mm3,
            covered: doses.len() as f64 / points as f64,
            min: f64::from(doses[0]),
            mean,
            max: f64::from(doses[doses.len() - 1]),
            doses,
        })
    }

    /// Part of the volume, 0 to 1, that receives at least a dose: V20 is `part_at(20.0)`.
    pub fn part_at(&self, dose: f64) -> f64 {
        let below = self.doses.partition_point(|d| f64::from(*d) < dose);
        (self.doses.len() - below) as f64 / self.doses.len() as f64
    }

    /// The dose that a part of the volume, 0 to 1, receives at least: D95 is `dose_at(0.95)`.
    pub fn dose_at(&self, part: f64) -> f64 {
        let last = self.doses.len() - 1; // never empty
        let below = ((1.0 - part.clamp(0.0, 1.0)) * self.doses.len() as f64).floor() as usize;
        f64::from(self.doses[below.min(last)])
    }
}
