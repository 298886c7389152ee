//! The lumen of a vessel at right angles to a line through it: its middle and its width, finer than voxels.
//!
//! Not here: how the line is found (`centerline.rs`).

use glam::{DMat4, DVec3};
use rayon::prelude::*;

use crate::arc::{between, lengths_mm, locate, resampled, smoothed, tangents};
use crate::plane::trilinear;
use crate::smooth::median;
use crate::{ToolError, Volume, Work};

/// How often points move to the middle of their cross-sections.
const ROUNDS: usize = 5;

/// The line moved to the middle of its cross-sections and smoothed, with the radius of the lumen at each
/// point.
pub(crate) fn centered(
    volume: &Volume,
    path: Vec<(DVec3, f64)>,
    finest_mm: f64,
    work: &Work<'_>,
) -> Result<(Vec<DVec3>, Vec<f64>), ToolError> {
    let (mut line, mut radii): (Vec<DVec3>, Vec<f64>) = path.into_iter().unzip();
    line = smoothed(&line, |_| 1.0);
    let voxel_from_patient = volume.voxel_from_patient();
    for round in 0..ROUNDS {
        work.tell(round as f32 / ROUNDS as f32)?;
        let along = lengths_mm(&line);
        let (even, step_mm) = resampled(&line, finest_mm);
        radii = (0..even.len()).map(|i| between(&radii, locate(&along, i as f64 * step_mm))).collect();
        let directions = tangents(&smoothed(&even, |_| 2.0));
        let sections: Vec<(DVec3, f64)> = (0..even.len())
            .into_par_iter()
            .map(|i| {
                section(
                    volume,
                    &voxel_from_patient,
                    even[i],
                    directions[i],
                    radii[i].max(finest_mm),
                    finest_mm,
                )
            })
            .collect();
        line = sections.iter().map(|(point, _)| *point).collect();
        radii = smoothed(&sections.iter().map(|(_, radius)| *radius).collect::<Vec<f64>>(), |_| 2.0);
        // A wide vessel has no sharp bends of its middle.
        line = smoothed(&line, |i| (radii[i] * 0.5 / finest_mm).clamp(2.0, 10.0));
    }
    Ok((line, radii))
}

/// The middle of the lumen in the plane through a point, and the radius of a circle of its area. `radius_mm`
/// is about how wide it is.
///
/// A sample belongs to the lumen in the measure in which it is more like its core than like the ring around
/// it: at the wall, where a voxel has a part of both, by that part.
fn section(
    volume: &Volume,
    voxel_from_patient: &DMat4,
    at: DVec3,
    along: DVec3,
    radius_mm: f64,
    finest_mm: f64,
) -> (DVec3, f64) {
    let value = |p: DVec3| trilinear(volume, voxel_from_patient.transform_point3(p).as_vec3());
    let (right, up) = along.any_orthonormal_pair();
    let on_circle = |r: f64, n: usize| -> Vec<f32> {
        let turn = |i: usize| (i as f64 / n as f64 * std::f64::consts::TAU).sin_cos();
        (0..n).map(|i| value(at + (right * turn(i).1 + up * turn(i).0) * r)).collect()
    };
    let mut core = on_circle(radius_mm * 0.4, 8);
    core.push(value(at));
    let ring = on_circle(radius_mm * 1.8 + finest_mm, 24);
    let middle = median(&mut core).unwrap_or(0.0);
    let mut apart: Vec<f32> = ring.iter().map(|v| (v - middle).abs()).collect();
    let contrast = median(&mut apart).unwrap_or(0.0);
    if contrast <= 0.0 {
        return (at, radius_mm);
    }
    let reach_mm = radius_mm * 1.5 + finest_mm;
    let pitch_mm = (finest_mm * 0.5).max(radius_mm / 6.0);
    let count = (reach_mm / pitch_mm).ceil() as i64;
    let (mut sum, mut moment) = (0.0, DVec3::ZERO);
    for j in -count..=count {
        for i in -count..=count {
            let offset = (right * i as f64 + up * j as f64) * pitch_mm;
            if offset.length() <= reach_mm {
                let part = f64::from((1.0 - (value(at + offset) - middle).abs() / contrast).clamp(0.0, 1.0));
                // Noise has no share, and neither has what is only a little like the lumen.
                let part = if part < 0.25 { 0.0 } else { part };
                sum += part;
                moment += offset * part;
            }
        }
    }
    if sum <= 0.0 {
        return (at, radius_mm);
    }
    let shift = (moment / sum).clamp_length_max(radius_mm * 0.5);
    let found_mm = (sum * pitch_mm * pitch_mm / std::f64::consts::PI).sqrt();
    (at + shift, found_mm.clamp(radius_mm * 0.7, radius_mm * 1.4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;

    #[test]
    fn a_point_beside_the_middle_of_a_dark_tube_moves_to_it_and_knows_its_width() {
        // A tube of 3.4 mm radius along z through (1.3, −0.8), 0 in 200, with one voxel of blur at its wall.
        let dims = [40, 40, 12];
        let value = |i: usize| {
            let (x, y) = ((i % 40) as f64 - 19.5, (i / 40 % 40) as f64 - 19.5);
            ((x - 1.3).hypot(y + 0.8) - 3.4 + 0.5).clamp(0.0, 1.0) * 200.0
        };
        let voxels = (0..dims.iter().product()).map(|i| value(i) as i16).collect();
        let volume = phantom::volume(dims, DVec3::ONE, voxels);
        let line: Vec<(DVec3, f64)> =
            (0..8).map(|z| (DVec3::new(0.5, 0.5 * f64::from(z % 2), f64::from(z) - 4.0), 2.5)).collect();
        let (points, radii) = centered(&volume, line, 1.0, &Work::silent()).unwrap();
        for (point, radius) in points.iter().zip(radii) {
            assert!((point.x - 1.3).hypot(point.y + 0.8) < 0.1, "{point}");
            assert!((radius - 3.4).abs() < 0.2, "{radius}");
        }
    }
}
