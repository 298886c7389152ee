//! A structure from one click, better with each further one, without a trained model.
//!
//! From each click a front grows in the order of its cost and stops where it stalls, at a border
//! (`click_front.rs`). The reader can take more or less: [`Proposal::mask`].
//!
//! **Further clicks.** Each plus click adds its own region. A voxel belongs to the minus clicks when their
//! cost is lower: where no border is between them, halfway.
//!
//! **How far it looks.** The box around the clicks doubles until the fronts stall in it. Boxes of more than
//! two million voxels are computed on block means, and the border lies between their centres.

use crate::click_front::Ground;
use crate::geodesic::{Front, Lattice, Spreader};
use crate::{Mask, ToolError, Volume, Work, components};

/// A further plus click adds what is within so many times its cost to what the earlier ones found.
const FURTHER: f32 = 3.0;
/// First reach of the box around the clicks.
const FIRST_REACH_MM: f64 = 30.0;
/// Relative cost of a voxel that a minus click has won. Those that nothing reached are infinite.
const EXCLUDED: f32 = f32::MAX;

/// A voxel that a person pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Click {
    /// Column, row, slice.
    pub voxel: [usize; 3],
    /// True: this is in it. False: this is not.
    pub inside: bool,
}

/// What the clicks mean, for every voxel of a box.
#[derive(Clone, Debug)]
pub struct Proposal {
    lattice: Lattice,
    /// Voxels of the volume in a voxel of the lattice, along x, y, z.
    block: [usize; 3],
    /// Cost as a part of the cost at which growth stops; [`EXCLUDED`] where a minus click is nearer. Over the
    /// lattice.
    relative: Vec<f32>,
    dims: [usize; 3],
}

impl Proposal {
    /// The structure on the grid of the volume. `size` 1 is what the tool found best; below and above it the
    /// front stops earlier or later: for a wheel or a slider, 0.3 to 2. Small holes are filled.
    pub fn mask(&self, size: f32) -> Mask {
        let mut whole = Mask::none(self.dims);
        let Some((low, high)) = self.reached(size) else { return whole };
        let from = [0, 1, 2].map(|a| (self.lattice.low[a] + low[a]) * self.block[a]);
        let to = [0, 1, 2].map(|a| ((self.lattice.low[a] + high[a] + 1) * self.block[a]).min(self.dims[a]));
        let mut part = Mask::none([0, 1, 2].map(|a| to[a] - from[a]));
        for index in 0..part.inside.len() {
            let voxel = part.voxel(index);
            part.inside[index] = self.is_inside([0, 1, 2].map(|a| voxel[a] + from[a]), size);
        }
        // Vessels in an organ are holes of it; a cavity of a tenth of its size is not.
        let mut filled = components::fill_holes(&part, part.count() / 10);
        for index in 0..filled.inside.len() {
            let voxel = part.voxel(index);
            let at = [0, 1, 2].map(|a| (voxel[a] + from[a]) / self.block[a] - self.lattice.low[a]);
            filled.inside[index] &= self.relative[self.lattice.index(at)] != EXCLUDED;
        }
        for (index, inside) in filled.inside.iter().enumerate().filter(|(_, inside)| **inside) {
            let voxel = part.voxel(index);
            let to = whole.index([0, 1, 2].map(|a| voxel[a] + from[a]));
            whole.inside[to] = *inside;
        }
        whole
    }

    /// The lattice box around what is reached at a size, with a rim; `None` when nothing is.
    fn reached(&self, size: f32) -> Option<([usize; 3], [usize; 3])> {
        let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
        let all = self.lattice.size;
        for z in 0..all[2] {
            for y in 0..all[1] {
                let row = self.lattice.index([0, y, z]);
                for x in (0..all[0]).filter(|x| self.relative[row + x] <= size) {
                    for (a, at) in [x, y, z].into_iter().enumerate() {
                        low[a] = low[a].min(at);
                        high[a] = high[a].max(at);
                    }
                }
            }
        }
        let is_any = low[0] <= high[0];
        is_any.then(|| (low.map(|l| l.saturating_sub(1)), [0, 1, 2].map(|a| (high[a] + 1).min(all[a] - 1))))
    }

    /// True for a voxel of the volume that is inside at a size; of blocks: where at least half is, trilinear
    /// between their centres.
    fn is_inside(&self, voxel: [usize; 3], size: f32) -> bool {
        let inside = |at: [usize; 3]| self.relative[self.lattice.index(at)] <= size;
        if self.block == [1; 3] {
            return inside([0, 1, 2].map(|a| voxel[a] - self.lattice.low[a]));
        }
        let place = [0, 1, 2].map(|a| {
            let at = (voxel[a] as f32 + 0.5) / self.block[a] as f32 - 0.5 - self.lattice.low[a] as f32;
            at.clamp(0.0, self.lattice.size[a] as f32 - 1.0)
        });
        let base = place.map(|p| p as usize);
        let mut share = 0.0;
        for corner in 0..8 {
            let mut weight = 1.0;
            let at = [0, 1, 2].map(|a| {
                let part = place[a] - base[a] as f32;
                let up = corner >> a & 1;
                weight *= if up == 1 { part } else { 1.0 - part };
                (base[a] + up).min(self.lattice.size[a] - 1)
            });
            share += if inside(at) { weight } else { 0.0 };
        }
        share >= 0.5
    }
}

/// Segments what the clicks say. The box around them grows until the fronts stall within it, to `reach_mm`
/// beyond the clicks at most.
///
/// # Errors
/// [`ToolError::NoSeed`] without a plus click, [`ToolError::Outside`] for a click that is not in the volume,
/// [`ToolError::Uneven`], [`ToolError::Stopped`].
pub fn from_clicks(
    volume: &Volume,
    clicks: &[Click],
    reach_mm: f64,
    work: &Work<'_>,
) -> Result<Proposal, ToolError> {
    from_clicks_by(volume, clicks, reach_mm, None, work)
}

/// The same with costs that `spreader` finds, where there is one that can.
///
/// # Errors
/// As [`from_clicks`].
pub fn from_clicks_by(
    volume: &Volume,
    clicks: &[Click],
    reach_mm: f64,
    spreader: Option<&dyn Spreader>,
    work: &Work<'_>,
) -> Result<Proposal, ToolError> {
    // No box is larger than the volume. The smaller of a number and none is the number.
    let (low, high) = volume.bounds_mm();
    let reach_mm = low.distance(high).min(reach_mm).max(0.0);
    let mut reach = FIRST_REACH_MM.min(reach_mm);
    let mut done = 0.0;
    loop {
        let is_last = reach >= reach_mm;
        // Each box is larger than all before it together.
        let end = if is_last { 1.0 } else { done + (1.0 - done) * 0.4 };
        if let Some(proposal) = in_box(volume, clicks, (reach, is_last), spreader, &work.part(done, end))? {
            return Ok(proposal);
        }
        (reach, done) = ((reach * 2.0).min(reach_mm), end);
    }
}

/// The proposal of a box; `None` when it is not the last one and a region did not end within it.
fn in_box(
    volume: &Volume,
    clicks: &[Click],
    (reach_mm, is_last): (f64, bool),
    spreader: Option<&dyn Spreader>,
    work: &Work<'_>,
) -> Result<Option<Proposal>, ToolError> {
    let ground = Ground::new(volume, clicks, reach_mm, spreader)?;
    work.tell(0.2)?;
    let (plus, minus): (Vec<Click>, Vec<Click>) = clicks.iter().partition(|c| c.inside);
    let share = 0.8 / (clicks.len() as f32);
    let mut least = ground.lattice.filled(-1.0, |_| f32::INFINITY);
    let mut relative = least.clone();
    for (n, click) in plus.iter().enumerate() {
        let done = 0.2 + share * n as f32;
        let front = ground.front(click, &work.part(done, done + share))?;
        if !front.stop.is_stall && !is_last {
            return Ok(None);
        }
        // A further click makes better what is there: its region goes no farther than a few times the way to
        // that.
        let there = front.cost.iter().zip(&relative).filter(|(cost, part)| **cost >= 0.0 && **part <= 1.0);
        let nearest = there.map(|(cost, _)| *cost).fold(f32::INFINITY, f32::min);
        let stop = front.stop.cost.min(nearest * FURTHER).max(ground.lattice.shortest_mm());
        for (at, cost) in front.cost.iter().enumerate() {
            least[at] = least[at].min(*cost);
            relative[at] = relative[at].min(cost / stop);
        }
    }
    // Where no plus click came, a minus click changes nothing.
    let dearest = least.iter().copied().filter(|c| c.is_finite()).fold(0.0, f32::max);
    for (n, click) in minus.iter().enumerate() {
        let done = 0.2 + share * (plus.len() + n) as f32;
        let grow = |_: usize, _: f32| Front::Grow;
        let costs = ground.spread_from(click, dearest, grow, &work.part(done, done + share))?;
        for (at, cost) in costs.iter().enumerate() {
            if *cost < least[at] {
                relative[at] = EXCLUDED;
            }
        }
    }
    let Ground { lattice, block, .. } = ground;
    let dims = [volume.dims[0], volume.dims[1], volume.dims[2]];
    Ok(Some(Proposal { lattice, block, relative, dims }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;
    use glam::DVec3;

    const DIMS: [usize; 3] = [96, 96, 48];

    /// Tissue of 50 with noise of a given standard deviation, in 0.8 × 0.8 × 1.5 mm voxels, and what `inside`
    /// says in 120.
    fn tissue(sd: f64, inside: impl Fn(DVec3) -> bool) -> (Volume, Mask) {
        let mut truth = Mask::none(DIMS);
        let mut state = 11u32;
        let mut voxels = Vec::with_capacity(truth.inside.len());
        for i in 0..truth.inside.len() {
            let [x, y, z] = truth.voxel(i);
            let p = (DVec3::new(x as f64, y as f64, z as f64) - DVec3::new(48.0, 48.0, 24.0)) * SPACING;
            truth.inside[i] = inside(p);
            let mut noise = 0.0;
            for _ in 0..6 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                noise += f64::from(state >> 8) / 16_777_216.0 - 0.5;
            }
            voxels.push(((if truth.inside[i] { 120.0 } else { 50.0 }) + noise * sd * 1.414) as i16);
        }
        (phantom::volume(DIMS, SPACING, voxels), truth)
    }

    const SPACING: DVec3 = DVec3::new(0.8, 0.8, 1.5);

    fn click(p: DVec3, inside: bool) -> Click {
        let at = (p / SPACING + DVec3::new(48.0, 48.0, 24.0)).round().to_array();
        Click { voxel: at.map(|c| c as usize), inside }
    }

    fn found(volume: &Volume, clicks: &[Click]) -> Mask {
        from_clicks(volume, clicks, 100.0, &Work::silent()).unwrap().mask(1.0)
    }

    #[test]
    fn one_click_off_the_middle_finds_a_lesion_in_noise_of_a_third_of_its_contrast() {
        let ball = |p: DVec3| (p / DVec3::new(16.0, 12.0, 10.0)).length() < 1.0;
        for sd in [8.0, 16.0, 24.0] {
            let (volume, truth) = tissue(sd, ball);
            let dice = found(&volume, &[click(DVec3::new(6.0, -4.0, 3.0), true)]).dice(&truth);
            println!("noise {sd}: Dice {dice:.3}");
            assert!(dice > 0.93, "noise {sd}: {dice}");
        }
    }

    #[test]
    fn a_minus_click_cuts_off_what_one_click_took_through_a_bridge() {
        // Two balls of the same tissue that share a neck of 8 mm.
        let ball = |p: DVec3, x: f64| p.distance(DVec3::new(x, 0.0, 0.0)) < 13.0;
        let neck = |p: DVec3| p.x.abs() < 12.0 && p.y.hypot(p.z) < 4.0;
        let (volume, both) = tissue(12.0, |p| ball(p, -16.0) || ball(p, 16.0) || neck(p));
        let (_, left) = tissue(12.0, |p| ball(p, -16.0) || (neck(p) && p.x < 0.0));
        let plus = click(DVec3::new(-16.0, 0.0, 0.0), true);
        let minus = click(DVec3::new(16.0, 0.0, 0.0), false);
        let cut = found(&volume, &[plus, minus]).dice(&left);
        assert!(cut > 0.95, "{cut}");
        let two = found(&volume, &[plus, Click { inside: true, ..minus }]).dice(&both);
        assert!(two > 0.95, "{two}");
        println!("one ball {cut:.3}, both {two:.3}");
    }

    #[test]
    fn a_small_lesion_is_found_and_a_larger_size_takes_more() {
        let (volume, truth) = tissue(10.0, |p| p.length() < 4.0);
        let proposal = from_clicks(&volume, &[click(DVec3::ZERO, true)], 40.0, &Work::silent()).unwrap();
        let dice = proposal.mask(1.0).dice(&truth);
        assert!(dice > 0.85, "{dice}");
        let count = |size| proposal.mask(size).count();
        assert!(count(0.4) < count(1.0) && count(1.0) <= count(2.0));
    }

    #[test]
    fn a_large_box_is_worked_on_in_blocks_and_the_border_stays_below_a_voxel_of_them() {
        let dims = [200, 200, 180];
        let center = DVec3::new(100.0, 100.0, 90.0);
        let mut truth = Mask::none(dims);
        for i in 0..truth.inside.len() {
            let p = DVec3::from_array(truth.voxel(i).map(|c| c as f64)) - center;
            truth.inside[i] = p.length() < 70.0;
        }
        let values =
            truth.inside.iter().enumerate().map(|(i, t)| if *t { 100 } else { 0 } + (i * 7 % 13) as i16);
        let volume = phantom::volume(dims, DVec3::ONE, values.collect());
        let click = Click { voxel: [105, 95, 80], inside: true };
        let proposal = from_clicks(&volume, &[click], 200.0, &Work::silent()).unwrap();
        assert_ne!(proposal.block, [1; 3]);
        let dice = proposal.mask(1.0).dice(&truth);
        assert!(dice > 0.95, "{dice}");
    }

    #[test]
    fn a_single_slice_and_values_that_are_not_numbers_do_no_harm() {
        let (ball, _) = tissue(10.0, |p| p.length() < 12.0);
        let slice: Vec<f32> = (0..96 * 96).map(|i| ball.voxels.value(24 * 96 * 96 + i)).collect();
        let truth = slice.iter().map(|v| *v > 85.0);
        let truth = Mask { dims: [96, 96, 1], inside: truth.collect() };
        let mut values = slice.clone();
        values[..96 * 20].fill(f32::NAN);
        let mut one = phantom::volume([96, 96, 1], SPACING, vec![0; 96 * 96]);
        (one.voxels, one.min_max) = (crate::Voxels::F32(values).into(), [0.0, 160.0]);
        let click = Click { voxel: [48, 48, 0], inside: true };
        let found = from_clicks(&one, &[click], 80.0, &Work::silent()).unwrap().mask(1.0);
        assert!(found.dice(&truth) > 0.9, "{}", found.dice(&truth));
    }

    #[test]
    fn minus_clicks_alone_and_clicks_outside_are_refused() {
        let volume = phantom::ramp([8, 8, 8]);
        let of =
            |voxel, inside| from_clicks(&volume, &[Click { voxel, inside }], 10.0, &Work::silent()).err();
        assert_eq!(of([1, 1, 1], false), Some(ToolError::NoSeed));
        assert_eq!(of([1, 8, 1], true), Some(ToolError::Outside { point: 0 }));
        let click = [Click { voxel: [1, 1, 1], inside: true }];
        for reach_mm in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(from_clicks(&volume, &click, reach_mm, &Work::silent()).is_ok());
        }
    }
}
