//! Radiotherapy dose (PS3.3 A.18, C.8.8.3): a grid of dose in the patient, and dose-volume histograms.

use super::grid::FrameGrid;
use super::pixels::{DecodeFrame, NativeFrames};
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

/// Where a line of one plane crosses contours, ascending: between an odd and an even crossing is inside.
fn crossings(contours: &[Vec<[f64; 2]>], v: f64) -> Vec<f64> {
    let mut found = Vec::new();
    for corners in contours {
        let ends = corners.iter().cycle().skip(1);
        for ([au, av], [bu, bv]) in corners.iter().zip(ends) {
            if (*av > v) != (*bv > v) {
                found.push((bu - au) * (v - av) / (bv - av) + au);
            }
        }
    }
    found.sort_by(f64::total_cmp);
    found
}

/// Sample points along the longer side of a plane.
const ACROSS: f64 = 128.0;
/// Sample points are not nearer than this.
const FINEST_MM: f64 = 0.5;

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
        let planes = roi.planes()?;
        let spacing_mm = planes.spacing_mm.ok_or_else(|| {
            Refusal::new("single_plane", "The region is drawn in one plane only, so it has no volume.")
        })?;
        let (x, y) = planes.axes();
        let flat: Vec<(f64, Vec<Vec<[f64; 2]>>)> = planes
            .planes
            .iter()
            .map(|(along, contours)| {
                let flatten = |c: &&super::rtstruct::Contour| -> Vec<[f64; 2]> {
                    c.points_mm.iter().map(|p| [p.dot(x), p.dot(y)]).collect()
                };
                (*along, contours.iter().map(flatten).collect())
            })
            .collect();
        let corners = flat.iter().flat_map(|(_, contours)| contours.iter().flatten());
        let (low, high) = corners.fold(([f64::MAX; 2], [f64::MIN; 2]), |(l, h), p| {
            ([l[0].min(p[0]), l[1].min(p[1])], [h[0].max(p[0]), h[1].max(p[1])])
        });
        let step_mm = ((high[0] - low[0]).max(high[1] - low[1]) / ACROSS).max(FINEST_MM);
        let counts = [0, 1].map(|a| ((high[a] - low[a]) / step_mm).ceil() as usize + 1);
        let (mut doses, mut points) = (Vec::new(), 0_u64);
        for (along, contours) in &flat {
            for row in 0..counts[1] {
                let v = low[1] + (row as f64 + 0.5) * step_mm;
                let crossings = crossings(contours, v);
                let mut crossed = 0;
                for column in 0..counts[0] {
                    let u = low[0] + (column as f64 + 0.5) * step_mm;
                    while crossings.get(crossed).is_some_and(|at| *at <= u) {
                        crossed += 1;
                    }
                    if crossed % 2 == 1 {
                        points += 1;
                        let at = x * u + y * v + planes.normal * *along;
                        doses.extend(dose.at(at).map(|d| d as f32));
                    }
                }
            }
        }
        if doses.is_empty() {
            let reason = "No part of the region lies in the dose grid.";
            return Err(Refusal::new("outside", reason));
        }
        doses.sort_by(f32::total_cmp);
        let mean = doses.iter().map(|d| f64::from(*d)).sum::<f64>() / doses.len() as f64;
        Ok(Self {
            volume_mm3: points as f64 * step_mm * step_mm * spacing_mm,
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
