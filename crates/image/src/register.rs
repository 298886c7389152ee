//! Where a volume lies in another one: rigid registration, for reading a study beside an earlier one.
//!
//! Normalised mutual information (Studholme, Hill and Hawkes, Pattern Recognition 32, 1999), which holds
//! between CT and MR as within one of them, is maximised by Powell's method (as Maes and others do, IEEE TMI
//! 16, 1997) over three rotations and three shifts, from a coarse grid to a fine one. The measure is in
//! `similarity.rs`.
//!
//! It starts from the patient coordinates of both, from their middles, and from their centres of mass, each
//! also tilted, and goes on with the best. Not here: anything that bends. Nothing is checked against anatomy:
//! a reader has to look at the result.

use glam::{DMat3, DMat4, DQuat, DVec3};

use crate::similarity::Compared;
pub use crate::similarity::{BINS, Histogram, Histograms, ToCompare};
use crate::{ToolError, Volume, Work, mask};

/// How one volume lies in the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Registration {
    /// From patient millimetres of the moving volume to those of the fixed one.
    pub fixed_from_moving: DMat4,
    /// Normalised mutual information where they overlap: 1 has nothing in common. The same volume twice has
    /// about 1.5, not 2, as values are shared between bins.
    pub similarity: f64,
    /// Part of the smaller volume that lies in the other one, 0 to 1.
    pub overlap: f64,
}

impl Registration {
    /// The moving volume in the patient coordinates of the fixed one. Voxels stay as they are: nothing is
    /// interpolated.
    #[must_use]
    pub fn placed(&self, moving: &Volume) -> Volume {
        let patient_from_voxel = self.fixed_from_moving * moving.patient_from_voxel;
        Volume {
            origin_mm: self.fixed_from_moving.transform_point3(moving.origin_mm),
            axes: moving.axes.map(|axis| self.fixed_from_moving.transform_vector3(axis)),
            patient_from_voxel,
            ..moving.clone()
        }
    }
}

/// Less of the smaller volume in the other one is refused.
const LEAST_OVERLAP: f64 = 0.15;
/// Less normalised mutual information beyond 1 is refused.
const LEAST_AGREEMENT: f64 = 0.03;
/// Spacing of the grids, coarse to fine, millimetres; and positions at which values are compared.
const LEVELS: [(f64, usize); 3] = [(8.0, 12_000), (4.0, 24_000), (2.0, 60_000)];
/// A radian moves a point this far, in the middle of a body: so that all six parameters have about one scale.
const ARM_MM: f64 = 80.0;

/// Registers `moving` to `fixed` in patient coordinates.
///
/// # Errors
/// [`ToolError::NoOverlap`], [`ToolError::NoAgreement`], [`ToolError::Uneven`], [`ToolError::Stopped`].
pub fn rigid(fixed: &Volume, moving: &Volume, work: &Work<'_>) -> Result<Registration, ToolError> {
    rigid_by(fixed, moving, None, work)
}

/// The same with joint histograms that `histograms` counts, where there is one that can. They differ from the processor's by
/// rounding only, so the result is the same within a tenth of a millimetre and of a degree.
///
/// # Errors
/// As [`rigid`].
pub fn rigid_by(
    fixed: &Volume,
    moving: &Volume,
    histograms: Option<&dyn Histograms>,
    work: &Work<'_>,
) -> Result<Registration, ToolError> {
    mask::steps_mm(fixed)?;
    mask::steps_mm(moving)?;
    let mut best: Vec<Candidate> = Vec::new();
    let pivot_mm = moving.center_mm();
    for (level, (grid_mm, samples)) in LEVELS.into_iter().enumerate() {
        let step = work.part(level as f32 / 3.0, (level + 1) as f32 / 3.0);
        step.tell(0.0)?;
        let pair = Pair::new(fixed, moving, (grid_mm, samples), pivot_mm, histograms);
        if level == 0 {
            best = starts(fixed, moving, &pair);
        }
        let count = best.len();
        for (n, candidate) in best.iter_mut().enumerate() {
            let part = |n: usize| n as f32 / count as f32;
            *candidate = pair.climb(candidate.pose, grid_mm, &step.part(part(n), part(n + 1)))?;
        }
        best.sort_by(|a, b| b.score.total_cmp(&a.score));
        best.truncate(if level == 0 { 3 } else { 1 });
        if level + 1 == LEVELS.len() {
            if let Some(found) = best.first() {
                return pair.result(found.pose);
            }
        }
    }
    Err(ToolError::NoOverlap { percent: 0.0, least: LEAST_OVERLAP * 100.0 })
}

/// Rotation about the pivot and shift: rotation vector in units of 1 / [`ARM_MM`] rad, then millimetres.
type Pose = [f64; 6];

#[derive(Clone, Copy, Debug)]
struct Candidate {
    pose: Pose,
    score: f64,
}

fn fixed_from_moving(pose: &Pose, pivot_mm: DVec3) -> DMat4 {
    let turn = DVec3::new(pose[0], pose[1], pose[2]) / ARM_MM;
    let shift = DVec3::new(pose[3], pose[4], pose[5]);
    let rotation = DMat3::from_quat(DQuat::from_scaled_axis(turn));
    DMat4::from_translation(pivot_mm + shift)
        * DMat4::from_mat3(rotation)
        * DMat4::from_translation(-pivot_mm)
}

/// The best places to begin: same coordinates, same middle, same centre of mass; each straight and tilted
/// about the three axes.
fn starts(fixed: &Volume, moving: &Volume, pair: &Pair) -> Vec<Candidate> {
    let shifts = [DVec3::ZERO, fixed.center_mm() - moving.center_mm(), pair.compared.mass_apart_mm()];
    let tilt = 0.26 * ARM_MM; // 15°
    let mut candidates = Vec::new();
    for shift in shifts {
        for turn in 0..27 {
            let [x, y, z] = [turn % 3, turn / 3 % 3, turn / 9].map(|t| f64::from(t - 1) * tilt);
            let pose = [x, y, z, shift.x, shift.y, shift.z];
            candidates.push(Candidate { pose, score: pair.score(&pose) });
        }
    }
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    // The same valley twice is no second chance.
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let is_near = |k: &Candidate| k.pose.iter().zip(candidate.pose).all(|(a, b)| (a - b).abs() < 12.0);
        if kept.len() < 6 && !kept.iter().any(is_near) {
            kept.push(candidate);
        }
    }
    kept
}

/// Two volumes on grids of one size, and what a pose is worth.
struct Pair {
    compared: Compared,
    pivot_mm: DVec3,
    /// How much of the moving volume the fixed one could hold at best.
    most: f64,
}

impl Pair {
    fn new(
        fixed: &Volume,
        moving: &Volume,
        (grid_mm, count): (f64, usize),
        pivot_mm: DVec3,
        histograms: Option<&dyn Histograms>,
    ) -> Self {
        let ml = |v: &Volume| v.voxels_per_time() as f64 * v.patient_from_voxel.determinant().abs();
        let most = (ml(fixed) / ml(moving)).min(1.0);
        Self { compared: Compared::new(fixed, moving, grid_mm, count, histograms), pivot_mm, most }
    }

    fn similarity(&self, pose: &Pose) -> (f64, f64) {
        let (similarity, part) = self.compared.at(&fixed_from_moving(pose, self.pivot_mm));
        (similarity, (part / self.most).min(1.0))
    }

    /// What is maximised: similarity, as long as enough overlaps.
    fn score(&self, pose: &Pose) -> f64 {
        let (similarity, overlap) = self.similarity(pose);
        // Below the least overlap it must still be better to overlap more, or nothing leads back.
        if overlap < LEAST_OVERLAP { overlap - LEAST_OVERLAP } else { similarity - 1.0 }
    }

    /// Powell's method from a pose.
    fn climb(&self, start: Pose, grid_mm: f64, work: &Work<'_>) -> Result<Candidate, ToolError> {
        const ROUNDS: usize = 12;
        let mut directions = [[0.0; 6]; 6];
        (0..6).for_each(|i| directions[i][i] = 1.0);
        let mut best = Candidate { pose: start, score: self.score(&start) };
        for round in 0..ROUNDS {
            let begin = best;
            let (mut largest, mut gain) = (0, 0.0);
            for (i, direction) in directions.iter().enumerate() {
                work.tell((round as f32 + i as f32 / 6.0) / ROUNDS as f32)?;
                let before = best.score;
                best = self.along(best, direction, grid_mm);
                if best.score - before > gain {
                    (largest, gain) = (i, best.score - before);
                }
            }
            let moved: Vec<f64> = best.pose.iter().zip(begin.pose).map(|(a, b)| a - b).collect();
            let length = moved.iter().map(|m| m * m).sum::<f64>().sqrt();
            // A fortieth of the grid: a twentieth of a millimetre on the finest.
            if length < grid_mm * 0.025 {
                break;
            }
            // The way of the whole round replaces the direction that gave most (Powell 1964).
            let way: Pose = std::array::from_fn(|i| moved[i] / length);
            best = self.along(best, &way, grid_mm);
            directions[largest] = way;
        }
        Ok(best)
    }

    /// The best pose along a direction: steps that double while it climbs, then parabolas between three of
    /// them.
    fn along(&self, from: Candidate, direction: &Pose, grid_mm: f64) -> Candidate {
        let at = |t: f64| -> Candidate {
            let pose: Pose = std::array::from_fn(|i| from.pose[i] + direction[i] * t);
            Candidate { pose, score: self.score(&pose) }
        };
        let mut step = grid_mm * 0.5;
        let (up, down) = (at(step), at(-step));
        let mut middle = (0.0, from);
        let (mut low, mut high) = ((-step, down), (step, up));
        if up.score.max(down.score) > from.score {
            let sign = if up.score > down.score { 1.0 } else { -1.0 };
            let mut behind = middle;
            middle = if sign > 0.0 { high } else { low };
            let mut ahead = middle;
            for _ in 0..6 {
                step *= 2.0;
                let t = middle.0 + sign * step;
                ahead = (t, at(t));
                if ahead.1.score <= middle.1.score {
                    break;
                }
                (behind, middle) = (middle, ahead);
            }
            (low, high) = if sign > 0.0 { (behind, ahead) } else { (ahead, behind) };
        }
        for _ in 0..6 {
            let width = high.0 - low.0;
            if width < grid_mm * 0.05 || middle.0 <= low.0 || middle.0 >= high.0 {
                break;
            }
            // Else into the wider half.
            let t = vertex(low, middle, high).unwrap_or(if middle.0 - low.0 > high.0 - middle.0 {
                (low.0 + middle.0) * 0.5
            } else {
                (middle.0 + high.0) * 0.5
            });
            let tried = (t, at(t));
            if tried.1.score > middle.1.score {
                if t > middle.0 {
                    low = middle
                } else {
                    high = middle
                }
                middle = tried;
            } else if t > middle.0 {
                high = tried;
            } else {
                low = tried;
            }
        }
        if middle.1.score > from.score { middle.1 } else { from }
    }

    fn result(&self, pose: Pose) -> Result<Registration, ToolError> {
        let (similarity, overlap) = self.similarity(&pose);
        if overlap < LEAST_OVERLAP {
            return Err(ToolError::NoOverlap { percent: overlap * 100.0, least: LEAST_OVERLAP * 100.0 });
        }
        if similarity - 1.0 < LEAST_AGREEMENT {
            return Err(ToolError::NoAgreement { found: similarity - 1.0, least: LEAST_AGREEMENT });
        }
        Ok(Registration { fixed_from_moving: fixed_from_moving(&pose, self.pivot_mm), similarity, overlap })
    }
}

/// Where the parabola through three points is highest, when that is well between them.
fn vertex(low: (f64, Candidate), middle: (f64, Candidate), high: (f64, Candidate)) -> Option<f64> {
    let (a, b) = (middle.0 - low.0, high.0 - middle.0);
    let (fa, fb) = (middle.1.score - low.1.score, middle.1.score - high.1.score);
    let below = 2.0 * (a * fb + b * fa);
    let t = middle.0 + (b * b * fa - a * a * fb) / below;
    let margin = (high.0 - low.0) * 0.02;
    let is_new = (t - middle.0).abs() > margin * 0.5 && t > low.0 + margin && t < high.0 - margin;
    (below > 0.0 && is_new).then_some(t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Voxels;
    use crate::phantom;
    use crate::plane::sample;

    /// The volume as it would be, had the patient lain otherwise: turned about its middle and shifted, on the
    /// same grid, and the transform that puts it back.
    fn moved(volume: &Volume, turn_degrees: DVec3, shift_mm: DVec3, noise: f64) -> (Volume, DMat4) {
        let center = volume.center_mm();
        let turn = DQuat::from_scaled_axis(turn_degrees * (std::f64::consts::PI / 180.0));
        let back = DMat4::from_translation(center + shift_mm)
            * DMat4::from_quat(turn)
            * DMat4::from_translation(-center);
        let voxel_from_voxel = volume.voxel_from_patient() * back * volume.patient_from_voxel;
        let mut state = 9u32;
        let voxels = (0..volume.voxels_per_time()).map(|i| {
            let [nx, ny] = [volume.dims[0], volume.dims[1]];
            let p = DVec3::new((i % nx) as f64, (i / nx % ny) as f64, (i / (nx * ny)) as f64);
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let extra = (f64::from(state >> 8) / 16_777_216.0 - 0.5) * 3.46 * noise;
            let value =
                sample(volume, voxel_from_voxel.transform_point3(p).as_vec3()).unwrap_or(volume.min_max[0]);
            (f64::from(value) + extra) as i16
        });
        (Volume { voxels: Voxels::I16(voxels.collect()).into(), ..volume.clone() }, back)
    }

    /// Largest distance in millimetres at the corners of the inner half of the volume, and the angle in
    /// degrees.
    fn error(found: &DMat4, truth: &DMat4, volume: &Volume) -> (f64, f64) {
        let (low, high) = volume.bounds_mm();
        let corners = (0..8).map(|i| {
            let part =
                DVec3::new(f64::from(i & 1), f64::from(i >> 1 & 1), f64::from(i >> 2 & 1)) * 0.5 + 0.25;
            low + (high - low) * part
        });
        let off = |p: DVec3| found.transform_point3(p).distance(truth.transform_point3(p));
        let turn = |m: &DMat4| m.to_scale_rotation_translation().1;
        let angle = turn(found).angle_between(turn(truth)).to_degrees();
        (corners.map(off).fold(0.0, f64::max), angle)
    }

    #[test]
    fn a_turned_and_shifted_head_is_found_within_half_a_millimetre_and_half_a_degree() {
        let head = phantom::head([80, 96, 72], 2.4);
        for (turn, shift, noise) in [
            (DVec3::new(3.0, -5.0, 8.0), DVec3::new(12.0, -9.0, 15.0), 0.0),
            (DVec3::new(-12.0, 4.0, -15.0), DVec3::new(-20.0, 25.0, 8.0), 30.0),
        ] {
            let (other, truth) = moved(&head, turn, shift, noise);
            let begin = std::time::Instant::now();
            let found = rigid(&head, &other, &Work::silent()).unwrap();
            let (mm, degrees) = error(&found.fixed_from_moving, &truth, &head);
            println!("{mm:.3} mm, {degrees:.3}°, {found:?}, {} ms", begin.elapsed().as_millis());
            assert!(mm < 0.5 && degrees < 0.5, "{mm} mm, {degrees}°");
            // Placed there, both show the same voxel at the same place.
            let placed = found.placed(&other);
            let [ball, _] = phantom::landmarks_mm(&head);
            let value = |v: &Volume| sample(v, v.voxel_from_patient().transform_point3(ball).as_vec3());
            assert!((value(&placed).unwrap() - value(&head).unwrap()).abs() < 100.0);
        }
    }

    #[test]
    fn values_of_another_modality_do_not_matter() {
        let head = phantom::head([80, 96, 72], 2.4);
        let (other, truth) = moved(&head, DVec3::new(4.0, 0.0, -6.0), DVec3::new(5.0, 7.0, -6.0), 0.0);
        // As in MR: bone and air dark, fluid bright.
        let turned = |v: f32| if !(-300.0..=300.0).contains(&v) { 0.0 } else { 300.0 - v * 4.0 };
        let values = (0..other.voxels.len()).map(|i| turned(other.voxels.value(i)) as i16).collect();
        let other = Volume { voxels: Voxels::I16(values).into(), min_max: [0.0, 900.0], ..other };
        let found = rigid(&head, &other, &Work::silent()).unwrap();
        let (mm, degrees) = error(&found.fixed_from_moving, &truth, &head);
        println!("{mm:.3} mm, {degrees:.3}°, {found:?}");
        assert!(mm < 1.0 && degrees < 1.0, "{mm} mm, {degrees}°");
    }

    #[test]
    fn volumes_without_common_structure_are_refused() {
        let head = phantom::head([48, 48, 48], 4.0);
        let mut state = 1u32;
        let noise = (0..head.voxels.len()).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 20) as i16
        });
        let noise =
            Volume { voxels: Voxels::I16(noise.collect()).into(), min_max: [0.0, 4095.0], ..head.clone() };
        let refusal = rigid(&head, &noise, &Work::silent()).unwrap_err();
        assert_eq!(refusal.code(), "no_agreement", "{refusal}");
        let flat = Volume { voxels: Voxels::I16(vec![0; head.voxels.len()]).into(), ..head.clone() };
        assert_eq!(rigid(&head, &flat, &Work::silent()).unwrap_err().code(), "no_agreement");
    }

    #[test]
    fn registration_can_be_stopped() {
        let head = phantom::head([48, 48, 48], 4.0);
        let asked = std::cell::Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() > 10
        };
        let work = Work::new(&|_| {}, &stop);
        assert_eq!(rigid(&head, &head, &work), Err(ToolError::Stopped));
    }
}
