//! The middle line of a vessel through points that a person clicked in it.
//!
//! Two minimal paths, as Deschamps and Cohen make them (Medical Image Analysis 5, 2001): the first through
//! voxels that look like the clicked ones, the second through the lumen found around it, dear near its wall.
//! Then each point moves to the middle of its own cross-section, below the size of a voxel, and the line is
//! smoothed (`cross_section.rs`).
//!
//! The measure of likeness is local statistics and not a vesselness of second derivatives (Frangi and others,
//! MICCAI 1998): it needs no choice of scales, works from a coronary artery to an aorta, bright or dark, and
//! does not break off at branches. It needs what they do not: contrast between the lumen and what is around
//! it. Not here: pictures along the line (`curved.rs`).

use glam::DVec3;

use crate::arc::{length_mm, lengths_mm, locate, resampled};
use crate::cross_section::centered;
use crate::geodesic::{Front, Lattice, spread};
use crate::smooth::{diffuse, median, robust_sd, step_sd};
use crate::{Mask, ToolError, Volume, Work, arc, distance, mask};

/// A line with a radius at each point.
#[derive(Clone, Debug, PartialEq)]
pub struct Centerline {
    /// Patient positions at even distances, in the order of the clicks.
    pub points_mm: Vec<DVec3>,
    /// Distance between them along the line.
    pub step_mm: f64,
    /// At each point: radius of the circle with the area of the lumen. An estimate for showing, not for
    /// reporting.
    pub radius_mm: Vec<f64>,
}

impl Centerline {
    /// From the first to the last point.
    pub fn length_mm(&self) -> f64 {
        length_mm(&self.points_mm)
    }

    /// The patient position at a length from the first point; beyond the ends: the ends.
    pub fn at_mm(&self, length_mm: f64) -> DVec3 {
        arc::between(&self.points_mm, locate(&lengths_mm(&self.points_mm), length_mm))
    }
}

/// Voxels in the box around two neighbouring clicks.
const MOST_VOXELS: usize = 24_000_000;
/// Margin around two clicks: their distance, within these bounds, so that a vessel may turn back between
/// them.
const MARGIN_MM: [f64; 2] = [20.0, 80.0];
/// How many times dearer than the lumen a way can be.
const DEAREST: f32 = 200.0;
/// Voxels are lumen when they differ by so many of its standard deviations at most.
const LIKE_LUMEN: f32 = 3.0;
/// Voxels around a click that say what the lumen is like.
const LUMEN_VOXELS: usize = 60;

/// The middle line through two or more clicks in a vessel, in order, in patient millimetres; its points are
/// `step_mm` apart, or a little more or less so that they fit.
///
/// # Errors
/// [`ToolError::TooFew`] for fewer than two clicks, [`ToolError::Outside`], [`ToolError::OutOfRange`] for a
/// step that is not above 0 or for clicks too far apart (add one in between), [`ToolError::NoPath`],
/// [`ToolError::Uneven`], [`ToolError::Stopped`].
pub fn centerline(
    volume: &Volume,
    clicks_mm: &[DVec3],
    step_mm: f64,
    work: &Work<'_>,
) -> Result<Centerline, ToolError> {
    if clicks_mm.len() < 2 {
        return Err(ToolError::TooFew { found: clicks_mm.len(), least: 2 });
    }
    if !(step_mm > 0.0 && step_mm.is_finite()) {
        return Err(ToolError::OutOfRange { what: "step in mm", found: step_mm, allowed: "above 0" });
    }
    let steps = mask::steps_mm(volume)?;
    let voxels = clicked_voxels(volume, clicks_mm)?;
    let mut line: Vec<(DVec3, f64)> = Vec::new();
    for from in 0..voxels.len() - 1 {
        let part = |n: usize| 0.9 * n as f32 / (voxels.len() - 1) as f32;
        let step = Step { volume, steps_mm: steps, from };
        let found = step.between(voxels[from], voxels[from + 1], &work.part(part(from), part(from + 1)))?;
        line.extend(found.into_iter().skip(usize::from(from > 0)));
    }
    work.tell(0.9)?;
    let finest_mm = steps.map(|s| s.length()).into_iter().fold(f64::INFINITY, f64::min);
    let (points, radii) = centered(volume, line, finest_mm, &work.part(0.9, 1.0))?;
    let along = lengths_mm(&points);
    let (points_mm, even_mm) = resampled(&points, step_mm);
    let radius_mm =
        (0..points_mm.len()).map(|i| arc::between(&radii, locate(&along, i as f64 * even_mm))).collect();
    Ok(Centerline { points_mm, step_mm: even_mm, radius_mm })
}

fn clicked_voxels(volume: &Volume, clicks_mm: &[DVec3]) -> Result<Vec<[usize; 3]>, ToolError> {
    let voxel_from_patient = volume.voxel_from_patient();
    let voxel = |(point, click): (usize, &DVec3)| {
        let at = (voxel_from_patient.transform_point3(*click) + 0.5).floor().to_array();
        let is_in = (0..3).all(|a| at[a] >= 0.0 && at[a] < volume.dims[a] as f64);
        if is_in { Ok(at.map(|c| c as usize)) } else { Err(ToolError::Outside { point }) }
    };
    clicks_mm.iter().enumerate().map(voxel).collect()
}

/// The way from one click to the next.
struct Step<'a> {
    volume: &'a Volume,
    steps_mm: [DVec3; 3],
    /// Place of the first click in the list.
    from: usize,
}

impl Step<'_> {
    /// Points in the patient with the radius of the largest ball in the lumen around each.
    fn between(&self, a: [usize; 3], b: [usize; 3], work: &Work<'_>) -> Result<Vec<(DVec3, f64)>, ToolError> {
        let spacing_mm = self.steps_mm.map(|s| s.length());
        let lattice = self.lattice(a, b)?;
        let low = lattice.low;
        // What is not a number is outside of what was measured, and must not spread.
        let mut values = lattice.filled(0.0, |v| {
            let value = self.volume.at(v[0] + low[0], v[1] + low[1], v[2] + low[2]);
            value.filter(|v| v.is_finite()).unwrap_or(self.volume.min_max[0])
        });
        let ends = [a, b].map(|voxel| [0, 1, 2].map(|axis| voxel[axis] - low[axis]));
        let range = self.volume.min_max[1] - self.volume.min_max[0];
        let noise = ends
            .map(|end| step_sd(&lattice, &values, end, 8.0, spacing_mm))
            .into_iter()
            .fold(range * 1e-3, f32::max);
        work.tell(0.1)?;
        diffuse(&lattice, &mut values, spacing_mm, 2.0 * noise, 3);
        let [start, end] = ends.map(|end| lattice.index(end));
        let unlike = self.unlike(&lattice, &values, [start, end], noise, work)?;
        let alike = |_: usize, to: usize, length: f32| length * (1.0 + unlike[to].powi(2)).min(DEAREST);
        let first = self.path(&lattice, [start, end], alike, &work.part(0.2, 0.5))?;
        let wall_mm =
            lumen_mm(&lattice, &unlike, &first, DVec3::from_array(spacing_mm), &work.part(0.5, 0.7))?;
        let widest = first.iter().map(|i| wall_mm[*i]).fold(lattice.shortest_mm(), f32::max);
        let middle = |_: usize, to: usize, length: f32| {
            length * (1.0 + (widest / wall_mm[to].max(1e-3)).powi(2)).min(DEAREST)
        };
        let second = self.path(&lattice, [start, end], middle, &work.part(0.7, 1.0))?;
        let place = |index: &usize| {
            let voxel = lattice.voxel(*index);
            let at = DVec3::from_array([0, 1, 2].map(|axis| (voxel[axis] + low[axis]) as f64));
            (self.volume.patient_from_voxel.transform_point3(at), f64::from(wall_mm[*index]))
        };
        Ok(second.iter().map(place).collect())
    }

    fn lattice(&self, a: [usize; 3], b: [usize; 3]) -> Result<Lattice, ToolError> {
        let apart: DVec3 = (0..3).map(|axis| self.steps_mm[axis] * (a[axis] as f64 - b[axis] as f64)).sum();
        let margin_mm = apart.length().clamp(MARGIN_MM[0], MARGIN_MM[1]);
        let margin = self.steps_mm.map(|s| (margin_mm / s.length()).ceil() as usize);
        let low = [0, 1, 2].map(|axis| a[axis].min(b[axis]).saturating_sub(margin[axis]));
        let high =
            [0, 1, 2].map(|axis| (a[axis].max(b[axis]) + margin[axis]).min(self.volume.dims[axis] - 1));
        let voxels: usize = (0..3).map(|axis| high[axis] + 1 - low[axis]).product();
        if voxels > MOST_VOXELS {
            let (found, what) = (voxels as f64, "voxels around two neighbouring clicks");
            return Err(ToolError::OutOfRange {
                what,
                found,
                allowed: "up to 24 million: click once in between",
            });
        }
        Ok(Lattice::new(low, high, self.steps_mm))
    }

    /// For each voxel: by how many standard deviations it is outside of what the lumen is like at the two
    /// clicks and between.
    fn unlike(
        &self,
        lattice: &Lattice,
        values: &[f32],
        seeds: [usize; 2],
        noise: f32,
        work: &Work<'_>,
    ) -> Result<Vec<f32>, ToolError> {
        let (mut low, mut high, mut sd) = (f32::INFINITY, f32::NEG_INFINITY, noise * 0.3);
        for seed in seeds {
            let mut near = Vec::with_capacity(LUMEN_VOXELS);
            let note = |index: usize, _: f32| {
                near.push(values[index]);
                if near.len() < LUMEN_VOXELS { Front::Grow } else { Front::End }
            };
            // What differs from the click comes last, so that a thin vessel is not outvoted by what is around
            // it.
            let cost = |_: usize, to: usize, length: f32| {
                length * (1.0 + ((values[to] - values[seed]) / noise).powi(2)).min(DEAREST)
            };
            let dearest = DEAREST * 2.0 * longest_mm(lattice);
            spread(lattice, &[seed], f32::MAX, dearest, cost, note, &work.part(0.2, 0.2))?;
            let middle = median(&mut near.clone()).unwrap_or(values[seed]);
            sd = sd.max(robust_sd(&near, middle).min(noise * 2.0));
            low = low.min(middle);
            high = high.max(middle);
        }
        Ok(values.iter().map(|v| (low - v).max(v - high).max(0.0) / sd).collect())
    }

    /// The cheapest way between two voxels: their indices in order.
    fn path(
        &self,
        lattice: &Lattice,
        [start, end]: [usize; 2],
        cost: impl Fn(usize, usize, f32) -> f32,
        work: &Work<'_>,
    ) -> Result<Vec<usize>, ToolError> {
        let dearest = DEAREST * longest_mm(lattice);
        let stop = |index: usize, _: f32| if index == end { Front::End } else { Front::Grow };
        let costs = spread(lattice, &[start], f32::MAX, dearest, &cost, stop, work)?;
        let mut way = vec![end];
        let mut here = end;
        while here != start {
            let before = |(step, length): &(isize, f32)| {
                let index = (here as isize - step) as usize;
                // Costs fall on the way back, so it ends. Those of the wall are below 0.
                let is_reached = costs[index] >= 0.0 && costs[index].is_finite();
                is_reached.then(|| (costs[index] + cost(index, here, *length), index))
            };
            let best = lattice.steps().iter().filter_map(before).min_by(|a, b| a.0.total_cmp(&b.0));
            let Some((_, index)) = best else { return Err(ToolError::NoPath { from: self.from }) };
            if way.len() > 1 && costs[index] >= costs[here] {
                return Err(ToolError::NoPath { from: self.from });
            }
            way.push(index);
            here = index;
        }
        way.reverse();
        Ok(way)
    }
}

fn longest_mm(lattice: &Lattice) -> f32 {
    lattice.steps().iter().map(|(_, length)| *length).fold(0.0, f32::max)
}

/// Millimetres to the wall of the lumen around a path; 0 outside of it. The path itself is lumen, also in a
/// stenosis.
fn lumen_mm(
    lattice: &Lattice,
    unlike: &[f32],
    path: &[usize],
    spacing_mm: DVec3,
    work: &Work<'_>,
) -> Result<Vec<f32>, ToolError> {
    let cost =
        |_: usize, to: usize, length: f32| if unlike[to] <= LIKE_LUMEN { length } else { f32::INFINITY };
    let reach_mm = MARGIN_MM[0] as f32;
    let reached = spread(lattice, path, reach_mm, longest_mm(lattice), cost, |_, _| Front::Grow, work)?;
    let mut lumen = Mask::none(lattice.size);
    for index in 0..lumen.inside.len() {
        lumen.inside[index] = reached[lattice.index(lumen.voxel(index))].is_finite();
    }
    let inside = distance::inside_mm(&lumen, spacing_mm);
    let far = spacing_mm.length() as f32 * lattice.size.iter().sum::<usize>() as f32;
    Ok(lattice.filled(0.0, |voxel| inside[lumen.index(voxel)].min(far)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arc::tangents;
    use crate::phantom;
    use std::f64::consts::TAU;

    /// Two turns of a helix, radius 20 mm, pitch 20 mm, in 0.8 × 0.8 × 1.25 mm voxels, its lumen 300 HU wide
    /// 2.5 mm radius in tissue of 50 HU, with noise of 20 HU; and the helix itself.
    fn helix() -> (Volume, Vec<DVec3>) {
        let dims = [72, 72, 52];
        let spacing = DVec3::new(0.8, 0.8, 1.25);
        let at =
            |turn: f64| DVec3::new(20.0 * (TAU * turn).cos(), 20.0 * (TAU * turn).sin(), 20.0 * turn - 20.0);
        let truth: Vec<DVec3> = (0..=1000).map(|i| at(2.0 * i as f64 / 1000.0)).collect();
        let half = DVec3::new(71.0, 71.0, 51.0) * 0.5;
        let mut state = 5u32;
        let mut voxels = Vec::new();
        for i in 0..dims.iter().product::<usize>() {
            let index = DVec3::new((i % 72) as f64, (i / 72 % 72) as f64, (i / 5184) as f64);
            let p = (index - half) * spacing;
            // Near a helix of small pitch the nearest turn is found by its angle.
            let angle = p.y.atan2(p.x) / TAU;
            let near = (-1..4).map(|k| angle + f64::from(k)).filter(|t| (-0.02..2.02).contains(t));
            let apart = near.map(|t| p.distance(at(t))).fold(f64::INFINITY, f64::min);
            let share = (2.5 - apart / 1.05 + 0.5).clamp(0.0, 1.0);
            let mut noise = 0.0;
            for _ in 0..6 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                noise += f64::from(state >> 8) / 16_777_216.0 - 0.5;
            }
            voxels.push((50.0 + 250.0 * share + noise * 28.3) as i16);
        }
        (phantom::volume(dims, spacing, voxels), truth)
    }

    #[test]
    fn a_helix_clicked_four_times_has_its_length_its_middle_and_no_zigzag() {
        let (volume, truth) = helix();
        let clicks: Vec<DVec3> = [20, 340, 660, 980]
            .iter()
            .enumerate()
            .map(|(i, n)| truth[*n] + DVec3::new(0.8, -0.6, 0.7) * if i % 2 == 0 { 1.0 } else { -1.0 })
            .collect();
        let line = centerline(&volume, &clicks, 0.5, &Work::silent()).unwrap();
        let true_mm = length_mm(&truth[20..=980]);
        let error = line.length_mm() / true_mm - 1.0;
        assert!(error.abs() < 0.01, "{} of {true_mm} mm", line.length_mm());
        let inner = &line.points_mm[6..line.points_mm.len() - 6];
        let off = |p: &DVec3| truth.iter().map(|t| t.distance(*p)).fold(f64::INFINITY, f64::min);
        let worst = inner.iter().map(off).fold(0.0, f64::max);
        assert!(worst < 0.5, "{worst} mm from the middle");
        let directions = tangents(&line.points_mm);
        let bend = directions.windows(2).map(|d| d[0].angle_between(d[1]).to_degrees()).fold(0.0, f64::max);
        // The helix itself turns by 1.4° in half a millimetre.
        assert!(bend < 5.0, "{bend}° in half a millimetre");
        let mean_radius = line.radius_mm.iter().sum::<f64>() / line.radius_mm.len() as f64;
        assert!((2.2..3.0).contains(&mean_radius), "{mean_radius}");
        println!(
            "length {:+.2} %, worst {worst:.2} mm, bend {bend:.1}°, radius {mean_radius:.2}",
            error * 100.0
        );
    }

    #[test]
    fn one_click_or_one_outside_of_the_volume_is_refused() {
        let volume = phantom::ramp([8, 8, 8]);
        let of = |clicks: &[DVec3]| centerline(&volume, clicks, 1.0, &Work::silent());
        assert_eq!(of(&[DVec3::ZERO]), Err(ToolError::TooFew { found: 1, least: 2 }));
        assert_eq!(of(&[DVec3::ZERO, DVec3::splat(4.6)]), Err(ToolError::Outside { point: 1 }));
    }
}
