//! Both lungs, told apart: CT in Hounsfield units.
//!
//! After Hu, Hoffman and Reinhardt, "Automatic lung segmentation for accurate quantitation of volumetric
//! X-ray CT images" (IEEE TMI 20, 2001): a threshold midway between the means of air and tissue in the body,
//! found by repetition; the body's air in connected parts; airways and bowel gas left out; left and right
//! parted; vessels within closed. They follow the trachea and cut along the brightest line between the lungs;
//! here thick cores of each lung claim what is nearest to them within the air, and what is far from any core
//! and has the value of pure air is airway.
//!
//! Dense disease (consolidation, effusion, masses at the wall) is above the threshold and left out, as in
//! every threshold method.

use rayon::prelude::*;

use crate::blocks::Blocks;
use crate::body_mask::{GRID_MM, coarse_body, in_hounsfield};
use crate::components::{Components, Neighbours, fill_holes};
use crate::distance::{dilated, eroded};
use crate::geodesic::{Front, Lattice, spread};
use crate::smooth::median;
use crate::{Mask, ToolError, Volume, Work};

/// The lungs that were found, each on the grid of the volume.
#[derive(Clone, Debug, PartialEq)]
pub struct Lungs {
    /// On the patient's left.
    pub left: Option<Mask>,
    /// On the patient's right.
    pub right: Option<Mask>,
}

/// The threshold between lung and tissue stays within these.
const THRESHOLD_HU: [f32; 2] = [-600.0, -320.0];
/// Below: gas in bowel or airways. Emphysema stays above in the middle of its values.
const GAS_HU: f32 = -960.0;
/// Parts with less are no lung.
const LEAST_ML: f64 = 5.0;
/// Balls that fit into a lung's core: the trachea has a radius of 13 mm at most. Larger ones are tried where
/// the lungs stay joined.
const CORE_MM: [f64; 4] = [8.0, 13.0, 18.0, 24.0];
/// Air this far from any core, and not of lung's value, is airway.
const NEAR_CORE_MM: f32 = 25.0;
/// Vessels up to twice this thick belong to the lung.
const VESSEL_MM: f64 = 5.0;

/// Finds the lungs.
///
/// # Errors
/// [`ToolError::NotHounsfield`], [`ToolError::NothingFound`] without body or lung, [`ToolError::Uneven`],
/// [`ToolError::Stopped`].
pub fn lungs(volume: &Volume, work: &Work<'_>) -> Result<Lungs, ToolError> {
    in_hounsfield(volume)?;
    let blocks = Blocks::near(volume, GRID_MM);
    let body = coarse_body(&blocks, &work.part(0.0, 0.3))?;
    let threshold = threshold_hu(&blocks, &body);
    let air = lung_like(&blocks, &blocks.mask(|v| v < threshold).and(&body));
    work.tell(0.35)?;
    let middle_mm = middle_mm(&blocks, &body);
    let [left, right] = sides(&blocks, &air, middle_mm, &work.part(0.35, 0.7))?;
    let mut step = 0.7;
    let mut finished = |side: Mask, other: &Mask| -> Result<Option<Mask>, ToolError> {
        if side.count() as f64 * blocks.ml() < LEAST_ML {
            return Ok(None);
        }
        let closed = eroded(&dilated(&side, blocks.spacing_mm, VESSEL_MM), blocks.spacing_mm, VESSEL_MM);
        let closed = fill_holes(&closed.or(&side).and(&body).without(other), usize::MAX);
        work.tell(step + 0.1)?;
        let found = on_voxels(volume, &blocks, &closed, other, threshold);
        step += 0.15;
        work.tell(step)?;
        Ok(Some(found))
    };
    let lungs = Lungs { left: finished(left.clone(), &right)?, right: finished(right, &left)? };
    if lungs.left.is_none() && lungs.right.is_none() {
        return Err(ToolError::NothingFound { what: "lung" });
    }
    Ok(lungs)
}

/// Midway between the mean of air and that of tissue in the body, repeated until it stays.
fn threshold_hu(blocks: &Blocks, body: &Mask) -> f32 {
    let mut threshold = -500.0;
    for _ in 0..20 {
        let (mut sums, mut counts) = ([0.0_f64; 2], [0.0_f64; 2]);
        for (value, _) in blocks.values.iter().zip(&body.inside).filter(|(_, inside)| **inside) {
            let side = usize::from(*value >= threshold);
            sums[side] += f64::from(*value);
            counts[side] += 1.0;
        }
        if counts.contains(&0.0) {
            break;
        }
        let next = ((sums[0] / counts[0] + sums[1] / counts[1]) * 0.5) as f32;
        let next = next.clamp(THRESHOLD_HU[0], THRESHOLD_HU[1]);
        if (next - threshold).abs() < 0.5 {
            break;
        }
        threshold = next;
    }
    threshold
}

/// The connected parts of air whose middle value is that of lung.
fn lung_like(blocks: &Blocks, air: &Mask) -> Mask {
    let parts = Components::of(air, Neighbours::Six);
    let is_lung = medians_above_gas(blocks, &parts);
    parts.mask(|place, part| part.voxels as f64 * blocks.ml() >= LEAST_ML && is_lung[place])
}

/// For each part: true when its middle value is above that of gas. Edges count for nothing: they mix gas with
/// its wall.
fn medians_above_gas(blocks: &Blocks, parts: &Components) -> Vec<bool> {
    let mut values: Vec<Vec<f32>> = vec![Vec::new(); parts.list().len()];
    let whole = parts.mask(|_, _| true);
    let inner = eroded(&whole, blocks.spacing_mm, blocks.spacing_mm.max_element());
    let mut edges: Vec<Vec<f32>> = values.clone();
    parts.for_each_voxel(|index, part| {
        let to = if inner.inside[index] { &mut values } else { &mut edges };
        to[part].push(blocks.values[index]);
    });
    let of = |(inner, edge): (Vec<f32>, Vec<f32>)| {
        // A part of edges alone is thin; then they are all there is.
        let mut all = if inner.is_empty() { edge } else { inner };
        median(&mut all).is_some_and(|m| m > GAS_HU)
    };
    values.into_par_iter().zip(edges).map(of).collect()
}

/// Patient x of the middle of the body: its mean.
fn middle_mm(blocks: &Blocks, body: &Mask) -> f64 {
    let x = |index: usize| x_mm(blocks, body.voxel(index));
    let inside = || (0..body.inside.len()).filter(|i| body.inside[*i]);
    inside().map(x).sum::<f64>() / inside().count().max(1) as f64
}

fn x_mm(blocks: &Blocks, voxel: [usize; 3]) -> f64 {
    blocks.patient_from_block.transform_point3(glam::DVec3::from_array(voxel.map(|c| c as f64))).x
}

/// The air of the left and of the right lung, without airways.
fn sides(blocks: &Blocks, air: &Mask, middle_mm: f64, work: &Work<'_>) -> Result<[Mask; 2], ToolError> {
    let mut cores = [Mask::none(air.dims), Mask::none(air.dims)];
    for (n, radius_mm) in CORE_MM.into_iter().enumerate() {
        work.tell(n as f32 * 0.1)?;
        let parts = Components::of(&eroded(air, blocks.spacing_mm, radius_mm), Neighbours::Six);
        let left = share_on_the_left(blocks, &parts, middle_mm);
        let sure = |share: f64| !(0.2..0.8).contains(&share);
        cores = [parts.mask(|place, _| left[place] >= 0.8), parts.mask(|place, _| left[place] <= 0.2)];
        let all: usize = parts.list().iter().map(|p| p.voxels).sum();
        let joined: usize =
            parts.list().iter().zip(&left).filter(|(_, share)| !sure(**share)).map(|(p, _)| p.voxels).sum();
        if joined * 10 <= all {
            break;
        }
    }
    let lattice = Lattice::new(
        [0; 3],
        air.dims.map(|n| n - 1),
        [0, 1, 2].map(|a| blocks.patient_from_block.col(a).truncate()),
    );
    let in_air = lattice.filled(false, |voxel| air.inside[air.index(voxel)]);
    let longest = lattice.steps().iter().map(|(_, length)| *length).fold(0.0, f32::max);
    let from_core = |core: &Mask, from: f32| {
        let seeds: Vec<usize> = (0..core.inside.len())
            .filter(|i| core.inside[*i])
            .map(|i| lattice.index(core.voxel(i)))
            .collect();
        let cost = |_: usize, to: usize, length: f32| if in_air[to] { length } else { f32::INFINITY };
        spread(&lattice, &seeds, 1e4, longest, cost, |_, _| Front::Grow, &work.part(from, from + 0.3))
    };
    let costs = [from_core(&cores[0], 0.4)?, from_core(&cores[1], 0.7)?];
    let mut found = [Mask::none(air.dims), Mask::none(air.dims)];
    let mut far = Mask::none(air.dims);
    for index in (0..air.inside.len()).filter(|i| air.inside[*i]) {
        let at = lattice.index(air.voxel(index));
        let side = usize::from(costs[1][at] < costs[0][at]);
        if costs[side][at] <= NEAR_CORE_MM {
            found[side].inside[index] = true
        } else {
            far.inside[index] = true
        }
    }
    // Far from the cores there are airways, and thin parts of lung.
    let parts = Components::of(&far, Neighbours::Six);
    let is_lung = medians_above_gas(blocks, &parts);
    let left = share_on_the_left(blocks, &parts, middle_mm);
    parts.for_each_voxel(|index, part| {
        if is_lung[part] {
            let at = lattice.index(far.voxel(index));
            let nearer =
                if costs[0][at] == costs[1][at] { left[part] < 0.5 } else { costs[1][at] < costs[0][at] };
            found[usize::from(nearer)].inside[index] = true;
        }
    });
    Ok(found)
}

/// How much of each part is on the patient's left, where x is larger.
fn share_on_the_left(blocks: &Blocks, parts: &Components, middle_mm: f64) -> Vec<f64> {
    let mut left = vec![0_usize; parts.list().len()];
    let [nx, ny, _] = blocks.dims;
    parts.for_each_voxel(|index, part| {
        let voxel = [index % nx, index / nx % ny, index / (nx * ny)];
        left[part] += usize::from(x_mm(blocks, voxel) > middle_mm);
    });
    left.iter().zip(parts.list()).map(|(left, part)| *left as f64 / part.voxels as f64).collect()
}

/// The edge on the voxels: within a block of where the blocks have it.
fn on_voxels(volume: &Volume, blocks: &Blocks, closed: &Mask, other: &Mask, threshold: f32) -> Mask {
    let rim_mm = blocks.spacing_mm.max_element();
    let inner = blocks.fine(&eroded(closed, blocks.spacing_mm, rim_mm), volume);
    let outer = dilated(closed, blocks.spacing_mm, rim_mm).without(other);
    let outer = blocks.fine(&outer, volume);
    Mask::where_value(volume, |v| v < threshold).and(&outer).or(&inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;
    use glam::DVec3;

    /// A chest: two lungs that touch in front, a trachea with main bronchi that joins them, vessels in them,
    /// a stomach bubble; 3 mm voxels. With the truth of the left and right lung, vessels included.
    fn chest() -> (Volume, [Mask; 2]) {
        let dims = [120, 100, 80];
        let mut truth = [Mask::none(dims), Mask::none(dims)];
        let mut voxels = Vec::new();
        for i in 0..dims.iter().product::<usize>() {
            let p = DVec3::new(
                (i % 120) as f64 - 59.5,
                (i / 120 % 100) as f64 - 49.5,
                (i / 12_000) as f64 - 39.5,
            ) * 3.0;
            let lung =
                |x: f64| ((p - DVec3::new(x, 0.0, 0.0)) / DVec3::new(66.0, 80.0, 100.0)).length() < 1.0;
            let trachea = p.x.hypot(p.y - 20.0) < 10.0 && p.z > 0.0;
            let bronchi = (p.y - 20.0).hypot(p.z) < 8.0 && p.x.abs() < 40.0;
            let vessel = (p.y + 20.0).hypot(p.z - 10.0) < 4.0;
            let bubble = p.distance(DVec3::new(60.0, -20.0, -105.0)) < 22.0;
            let airway = trachea || bronchi;
            let sides = [lung(64.0), lung(-64.0)];
            for (side, is_in) in sides.into_iter().enumerate() {
                truth[side].inside[i] = is_in && !airway && (p.x > 0.0) == (side == 0);
            }
            let hu = match () {
                () if airway || bubble => -1000.0,
                () if (sides[0] || sides[1]) && vessel => 30.0,
                () if sides[0] || sides[1] => -830.0,
                () if (p.x / 165.0).hypot(p.y / 125.0) < 1.0 => 30.0,
                () => -1000.0,
            };
            voxels.push((hu + (i * 7919 % 41) as f64 - 20.0) as i16);
        }
        (phantom::volume(dims, DVec3::splat(3.0), voxels), truth)
    }

    #[test]
    fn lungs_that_touch_are_told_apart_and_trachea_and_stomach_are_left_out() {
        let (volume, truth) = chest();
        let found = lungs(&volume, &Work::silent()).unwrap();
        for (found, truth) in [found.left, found.right].into_iter().zip(&truth) {
            let found = found.unwrap();
            let dice = found.dice(truth);
            println!("Dice {dice:.3}, {:.0} of {:.0} ml", found.volume_ml(&volume), truth.volume_ml(&volume));
            assert!(dice > 0.97, "{dice}");
        }
    }

    #[test]
    fn a_patient_who_lies_the_other_way_round_has_the_left_lung_on_the_left() {
        let (volume, _) = chest();
        let one_lung = {
            let keep = |i: usize| {
                let x = i % 120;
                if x < 60 { volume.voxels.value(i).max(30.0) } else { volume.voxels.value(i) }
            };
            let body = |i: usize, v: f32| {
                let (x, y) = ((i % 120) as f64 - 59.5, (i / 120 % 100) as f64 - 49.5);
                if (x / 55.0).hypot(y / 41.6) < 1.0 { v } else { -1000.0 }
            };
            let values = (0..volume.voxels.len()).map(|i| body(i, keep(i)) as i16).collect();
            phantom::volume([120, 100, 80], DVec3::splat(3.0), values)
        };
        let found = lungs(&one_lung, &Work::silent()).unwrap();
        assert!(found.left.is_some() && found.right.is_none());
        // Head to the other end, face down: x of the grid runs to the patient's right.
        let m = glam::DMat4::from_scale(DVec3::new(-1.0, -1.0, 1.0)) * one_lung.patient_from_voxel;
        let turned = Volume { patient_from_voxel: m, ..one_lung };
        let found = lungs(&turned, &Work::silent()).unwrap();
        assert!(found.left.is_none() && found.right.is_some());
    }

    #[test]
    fn a_head_has_no_lungs() {
        let head = phantom::head([64, 64, 64], 3.0);
        assert_eq!(lungs(&head, &Work::silent()), Err(ToolError::NothingFound { what: "lung" }));
    }
}
