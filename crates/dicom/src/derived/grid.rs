//! Frames of one object as a regular grid in the patient: segmentations, doses, parametric maps.
//!
//! Several frames may lie in one place (a segment each), and places may be empty (sparse frames).

use crate::attribute::{Tag, named, tags};
use crate::image_info::FrameInfo;
use glam::{DMat4, DVec3};
use medsight_base::geometry::patient_from_voxel;
use medsight_record::Refusal;

/// Positions nearer than this are the same slice.
const SAME_PLACE_MM: f64 = 0.01;
/// Slices may be off the grid by this part of their distance.
const OFF_GRID: f64 = 0.05;
/// Most slices of a grid, empty ones included.
const MOST_SLICES: f64 = 100_000.0;
/// Slices in the smallest gap, at most.
const MOST_PARTS: u32 = 8;

/// Where the frames lie.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameGrid {
    /// Voxels along columns (x), rows (y) and slices (z).
    pub dims: [usize; 3],
    /// Distance of voxel centres, millimetres.
    pub spacing_mm: DVec3,
    /// Voxel indices to the patient, millimetres.
    pub patient_from_voxel: DMat4,
    /// For each frame of the object, its slice.
    pub slice_of_frame: Vec<usize>,
}

fn refuse(tag: Tag, what: &str) -> Refusal {
    Refusal::new("no_grid", format!("{} {what}: the frames are no regular grid.", named(tag)))
}

impl FrameGrid {
    /// Finds the grid of frames of `columns` × `rows`.
    ///
    /// # Errors
    /// `no_grid`, naming the attribute that is missing or uneven.
    pub fn of<'f>(
        frames: impl Iterator<Item = &'f FrameInfo>,
        [columns, rows]: [usize; 2],
    ) -> Result<Self, Refusal> {
        let frames: Vec<&FrameInfo> = frames.collect();
        let first = frames.first().ok_or_else(|| refuse(tags::NUMBER_OF_FRAMES, "is 0"))?;
        let no_position = || refuse(tags::IMAGE_POSITION_PATIENT, "is missing");
        let [x, y] =
            first.orientation.ok_or_else(|| refuse(tags::IMAGE_ORIENTATION_PATIENT, "is missing"))?;
        let scale = first.scale.ok_or_else(|| refuse(tags::PIXEL_SPACING, "is missing"))?;
        let origin = first.position_mm.ok_or_else(no_position)?;
        let z = x.cross(y);
        let shear = shear(&frames, origin, z);
        let mut along = Vec::with_capacity(frames.len());
        for frame in &frames {
            let position = frame.position_mm.ok_or_else(no_position)?;
            let turned = frame.orientation.is_none_or(|[a, b]| a.distance(x) + b.distance(y) > 1e-3);
            if turned {
                return Err(refuse(tags::IMAGE_ORIENTATION_PATIENT, "differs between frames"));
            }
            let other_scale = frame.scale.is_none_or(|s| {
                (s.row_mm - scale.row_mm).abs() + (s.column_mm - scale.column_mm).abs() > 1e-4
            });
            if other_scale {
                return Err(refuse(tags::PIXEL_SPACING, "differs between frames"));
            }
            let from_first = position - origin;
            let offset_mm = from_first.dot(z);
            let sideways_mm = (from_first - (z + shear) * offset_mm).length();
            if !sideways_mm.is_finite() || sideways_mm > 0.1 * scale.row_mm.min(scale.column_mm) {
                return Err(refuse(tags::IMAGE_POSITION_PATIENT, "shifts frames sideways"));
            }
            along.push(offset_mm);
        }
        let lowest = along.iter().copied().fold(f64::INFINITY, f64::min);
        let step_mm = step(&along, first.slice_thickness_mm);
        let slice = |offset: &f64| {
            let at = (offset - lowest) / step_mm;
            if !(0.0..MOST_SLICES).contains(&at) {
                return Err(refuse(tags::IMAGE_POSITION_PATIENT, "spreads frames over too wide a range"));
            }
            if (at - at.round()).abs() > OFF_GRID {
                return Err(refuse(tags::IMAGE_POSITION_PATIENT, "has uneven distances"));
            }
            Ok(at.round() as usize)
        };
        let slice_of_frame = along.iter().map(slice).collect::<Result<Vec<_>, _>>()?;
        let mut patient_from_voxel = patient_from_voxel(
            origin + (z + shear) * lowest,
            [x, y, z],
            DVec3::new(scale.column_mm, scale.row_mm, step_mm),
        );
        patient_from_voxel.z_axis = ((z + shear) * step_mm).extend(0.0);
        let slices = slice_of_frame.iter().max().map_or(1, |last| last + 1);
        let spacing_mm = DVec3::new(scale.column_mm, scale.row_mm, step_mm);
        Ok(Self { dims: [columns, rows, slices], spacing_mm, patient_from_voxel, slice_of_frame })
    }

    /// Volume of one voxel, cubic millimetres.
    pub fn voxel_mm3(&self) -> f64 {
        self.spacing_mm.element_product()
    }
}

/// How far frames lie aside for each millimetre along their normal: with a tilted gantry each a little further than the one before. By the
/// frame that lies furthest from the first; whether the others keep to it is for the caller to see.
fn shear(frames: &[&FrameInfo], origin: DVec3, normal: DVec3) -> DVec3 {
    let from_first = frames.iter().filter_map(|frame| Some(frame.position_mm? - origin));
    let furthest = from_first.max_by(|a, b| a.dot(normal).abs().total_cmp(&b.dot(normal).abs()));
    match furthest.map(|far| (far, far.dot(normal))) {
        Some((far, offset_mm)) if offset_mm.abs() > SAME_PLACE_MM => far / offset_mm - normal,
        _ => DVec3::ZERO,
    }
}

/// The slice distance: the largest of which all gaps between places are multiples; the thickness where there is one
/// place. Empty places leave gaps of several slices, and none need be of one.
fn step(along: &[f64], thickness_mm: Option<f64>) -> f64 {
    let mut places = along.to_vec();
    places.sort_by(f64::total_cmp);
    let gaps = places.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > SAME_PLACE_MM);
    let gaps: Vec<f64> = gaps.collect();
    let smallest = gaps.iter().copied().fold(f64::INFINITY, f64::min);
    if !smallest.is_finite() {
        return thickness_mm.unwrap_or(1.0);
    }
    let whole_mm = places[places.len() - 1] - places[0];
    let fits = |step: &f64| gaps.iter().all(|gap| (gap / step - (gap / step).round()).abs() < OFF_GRID);
    let step = (1..=MOST_PARTS).map(|parts| smallest / f64::from(parts)).find(fits).unwrap_or(smallest);
    // The mean over all slices is more exact than one gap of rounded positions.
    whole_mm / (whole_mm / step).round()
}
