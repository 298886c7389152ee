//! A structure from one click, better with each further one, without a trained model.
//!
//! From each click a front grows in the order of its cost (`geodesic.rs`). A step costs its length, more in tissue unlike the tissue
//! clicked on, and more across a change of values that noise does not explain; everything is in millimetres of ordinary tissue,
//! and the scales are the noise near the click and the spread of the tissue around it.
//! This is the distance of GeoS (Criminisi, Sharp and Blake, ECCV 2008), with appearance.
//!
//! **Where one click stops.** In even tissue the number of voxels grows with the third power of the cost. At a border the front stalls: cost
//! rises and few voxels come. Behind a leak it grows again. The region is the one at which growth is slowest, measured by the
//! exponent d ln(voxels) / d ln(cost) as the stability of extremal regions is (Matas and others, MSER, BMVC 2002). A late stall must be
//! deeper than an early one: when all similar tissue of the body is used up the front stalls too.
//! The reader can take more or less: [`Proposal::mask`].
//!
//! **Further clicks.** Each plus click adds its own region. A voxel belongs to the minus clicks when their cost is lower.
//!
//! **How far it looks.** The box around the clicks doubles until the fronts stall in it.
//! Boxes of more than [`MOST_VOXELS`] are computed on block means, and the border lies between their centres.

use crate::geodesic::{Front, Lattice, spread};
use crate::smooth::{diffuse, median, robust_sd, step_sd};
use crate::{Mask, ToolError, Volume, Work, blocks, components, mask};

/// Voxels that are worked on: about half a second.
pub const MOST_VOXELS: usize = 2_000_000;

/// No front goes farther, in millimetres of ordinary tissue.
const FARTHEST: f32 = 300.0;
/// No single step costs more.
const DEAREST: f32 = 60.0;
/// Cost of a change of values by one standard deviation of noise beyond the first.
const CHANGE: f32 = 4.0;
/// Tissue within so many of its standard deviations is as good as what was clicked on.
const ALIKE: f32 = 1.0;
/// Voxels around a click that say what its tissue is like.
const TISSUE_VOXELS: usize = 200;
/// Spread of tissue that is taken as given, as a part of the noise: changes within an organ are slow and wider than the noise that
/// diffusion leaves.
const TISSUE_FLOOR: f32 = 0.4;
/// Growth is measured from a cost divided to one multiplied by this.
const STAGE: f32 = 1.2;
/// Below so many voxel distances growth goes in jumps, as there are few distances.
const NEAREST: f32 = 8.0;
/// How much deeper a late stall must be: power of the cost.
const LATE: f32 = 0.4;
/// Growth by less than this power of the cost is that of a border; in even tissue it is 3.
const STALL: f32 = 1.2;
/// Behind a stall the front goes on to so many times its cost, to see whether a deeper one comes.
const BEYOND: f32 = 2.5;
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
    /// Cost as a part of the cost at which growth stops; [`EXCLUDED`] where a minus click is nearer. Over the lattice.
    relative: Vec<f32>,
    dims: [usize; 3],
}

impl Proposal {
    /// The structure on the grid of the volume. `size` 1 is what the tool found best; below and above it the front
    /// stops earlier or later: for a wheel or a slider, 0.3 to 2. Small holes are filled.
    pub fn mask(&self, size: f32) -> Mask {
        let mut whole = Mask::none(self.dims);
        let (low, high) = self.reached(size);
        let from = [0, 1, 2].map(|a| (self.lattice.low[a] + low[a]) * self.block[a]);
        let to = [0, 1, 2].map(|a| ((self.lattice.low[a] + high[a] + 1) * self.block[a]).min(self.dims[a]));
        let mut part = Mask::none([0, 1, 2].map(|a| to[a].saturating_sub(from[a])));
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

    /// The lattice box around what is reached at a size, with a rim; empty (high below low) when nothing is.
    fn reached(&self, size: f32) -> ([usize; 3], [usize; 3]) {
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
        (
            low.map(|l| l.saturating_sub(1).min(usize::MAX >> 20)),
            [0, 1, 2].map(|a| (high[a] + 1).min(all[a] - 1)),
        )
    }

    /// True for a voxel of the volume that is inside at a size; of blocks: where at least half is, trilinear between their centres.
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

/// Segments what the clicks say. The box around them grows until the fronts stall within it, to `reach_mm` beyond the clicks at most.
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
    let mut reach = FIRST_REACH_MM.min(reach_mm);
    let mut done = 0.0;
    loop {
        let is_last = reach >= reach_mm;
        // Each box is larger than all before it together.
        let end = if is_last { 1.0 } else { done + (1.0 - done) * 0.4 };
        if let Some(proposal) = in_box(volume, clicks, reach, is_last, &work.part(done, end))? {
            return Ok(proposal);
        }
        (reach, done) = ((reach * 2.0).min(reach_mm), end);
    }
}

/// The proposal of a box; `None` when it is not the last one and a region did not end within it.
fn in_box(
    volume: &Volume,
    clicks: &[Click],
    reach_mm: f64,
    is_last: bool,
    work: &Work<'_>,
) -> Result<Option<Proposal>, ToolError> {
    let ground = Ground::new(volume, clicks, reach_mm)?;
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
        for (at, cost) in front.cost.iter().enumerate() {
            least[at] = least[at].min(*cost);
            relative[at] = relative[at].min(cost / front.stop.cost);
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

/// What the fronts grow over.
struct Ground {
    lattice: Lattice,
    block: [usize; 3],
    /// Voxels of the whole volume, in blocks: where the lattice ends there the volume ends too.
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    values: Vec<f32>,
    /// Standard deviation of the differences of neighbours before noise was taken out.
    noise: f32,
}

/// Costs from one click, and the one at which its growth stops.
struct GrownFront {
    cost: Vec<f32>,
    stop: Stop,
}

/// Where growth is slowest.
#[derive(Clone, Copy, Debug)]
struct Stop {
    cost: f32,
    /// True when it is slow there as at a border, and the front went on behind it.
    is_stall: bool,
}

impl Ground {
    fn new(volume: &Volume, clicks: &[Click], reach_mm: f64) -> Result<Self, ToolError> {
        let steps = mask::steps_mm(volume)?;
        let dims = [volume.dims[0], volume.dims[1], volume.dims[2]];
        for (point, click) in clicks.iter().enumerate() {
            if (0..3).any(|a| click.voxel[a] >= dims[a]) {
                return Err(ToolError::Outside { point });
            }
        }
        let Some(first) = clicks.iter().find(|c| c.inside) else { return Err(ToolError::NoSeed) };
        let reach = steps.map(|s| (reach_mm.max(0.0) / s.length()).ceil() as usize);
        let least = |a: usize| clicks.iter().map(|c| c.voxel[a]).min().unwrap_or(0);
        let most = |a: usize| clicks.iter().map(|c| c.voxel[a]).max().unwrap_or(0);
        let low = [0, 1, 2].map(|a| least(a).saturating_sub(reach[a]));
        let high = [0, 1, 2].map(|a| (most(a) + reach[a]).min(dims[a] - 1));
        let block = block_size([0, 1, 2].map(|a| high[a] + 1 - low[a]), steps.map(|s| s.length()));
        let steps_mm = [0, 1, 2].map(|a| steps[a] * block[a] as f64);
        let lattice = Lattice::new(
            [0, 1, 2].map(|a| low[a] / block[a]),
            [0, 1, 2].map(|a| high[a] / block[a]),
            steps_mm,
        );
        let spacing_mm = steps_mm.map(|s| s.length());
        let mut values = lattice.filled(0.0, |at| {
            blocks::mean(volume, [0, 1, 2].map(|a| (at[a] + lattice.low[a]) * block[a]), block)
        });
        let center = [0, 1, 2].map(|a| first.voxel[a] / block[a] - lattice.low[a]);
        let range = volume.min_max[1] - volume.min_max[0];
        // Made-up volumes have no noise: a thousandth of the range stands for it.
        let noise = step_sd(&lattice, &values, center, 15.0, spacing_mm).max(range * 1e-3);
        diffuse(&lattice, &mut values, spacing_mm, 2.0 * noise, 6);
        let dims = [0, 1, 2].map(|a| dims[a].div_ceil(block[a]));
        Ok(Self { lattice, block, dims, spacing_mm, values, noise })
    }

    fn front(&self, click: &Click, work: &Work<'_>) -> Result<GrownFront, ToolError> {
        let nearest = NEAREST * self.lattice.shortest_mm();
        let mut costs = Vec::new();
        let (mut farthest, mut next_look, mut is_ended) = (f32::INFINITY, nearest, false);
        let watch = |index: usize, cost: f32| {
            costs.push(cost);
            if farthest.is_infinite() && self.is_cut(index) {
                farthest = cost;
            }
            if cost < next_look {
                return Front::Grow;
            }
            next_look = cost * 1.1;
            // Costs come in order within the width of a bucket, which is enough to look.
            let stop = slowest_growth(&costs, nearest, farthest.min(cost));
            is_ended = stop.is_stall && cost > stop.cost * BEYOND;
            if is_ended { Front::End } else { Front::Grow }
        };
        let cost = self.spread_from(click, FARTHEST, watch, work)?;
        costs.sort_unstable_by(f32::total_cmp);
        // Behind the last cost nothing was counted, unless there is nothing to count.
        let known = if is_ended { costs.last().copied().unwrap_or(0.0) } else { FARTHEST };
        let end = farthest.min(known);
        Ok(GrownFront { cost, stop: slowest_growth(&costs, nearest, end) })
    }

    /// Costs of the ways from a click.
    fn spread_from(
        &self,
        click: &Click,
        limit: f32,
        settled: impl FnMut(usize, f32) -> Front,
        work: &Work<'_>,
    ) -> Result<Vec<f32>, ToolError> {
        let (lattice, values) = (&self.lattice, &self.values);
        let at = [0, 1, 2].map(|a| click.voxel[a] / self.block[a] - lattice.low[a]);
        let seed = lattice.index(at);
        let step = step_sd(lattice, values, at, 12.0, self.spacing_mm).max(self.noise * 0.1);
        let (tissue, spread_of_tissue) = self.tissue(seed, work)?;
        let sd = spread_of_tissue.max(self.noise * TISSUE_FLOOR);
        let step_cost = |from: usize, to: usize, length_mm: f32| {
            let unlike = ((values[to] - tissue).abs() / sd - ALIKE).max(0.0);
            let change = ((values[to] - values[from]).abs() / step - 1.0).max(0.0);
            (length_mm * (1.0 + unlike * unlike)).min(DEAREST) + CHANGE * change
        };
        spread(lattice, &[seed], limit, DEAREST, step_cost, settled, work)
    }

    /// Middle value of the tissue around a voxel, and its spread.
    fn tissue(&self, seed: usize, work: &Work<'_>) -> Result<(f32, f32), ToolError> {
        let mut near = Vec::with_capacity(TISSUE_VOXELS);
        let note = |index: usize, _: f32| {
            near.push(self.values[index]);
            if near.len() < TISSUE_VOXELS { Front::Grow } else { Front::End }
        };
        // Changes count a little, so that a small structure is not outvoted by what is around it.
        let cost = |from: usize, to: usize, length_mm: f32| {
            length_mm + length_mm * (self.values[to] - self.values[from]).abs() / self.noise
        };
        spread(&self.lattice, &[seed], FARTHEST, DEAREST, cost, note, &work.part(0.0, 0.0))?;
        let middle = median(&mut near.clone()).unwrap_or(self.values[seed]);
        Ok((middle, robust_sd(&near, middle)))
    }

    /// True at a side of the box where the volume goes on.
    fn is_cut(&self, index: usize) -> bool {
        let at = self.lattice.voxel(index);
        (0..3).any(|a| {
            let (low, end) = (self.lattice.low[a], self.lattice.low[a] + self.lattice.size[a]);
            (at[a] == 0 && low > 0) || (at[a] + 1 == self.lattice.size[a] && end < self.dims[a])
        })
    }
}

/// How many voxels are taken together so that a box is not too large: along the finest axes first.
fn block_size(size: [usize; 3], spacing_mm: [f64; 3]) -> [usize; 3] {
    let mut block = [1; 3];
    loop {
        let voxels: usize = (0..3).map(|a| size[a].div_ceil(block[a]) + 1).product();
        if voxels <= MOST_VOXELS {
            return block;
        }
        let wide = [0, 1, 2].map(|a| spacing_mm[a] * block[a] as f64);
        let finest = wide.into_iter().fold(f64::INFINITY, f64::min);
        for a in 0..3 {
            if wide[a] < finest * 1.4 {
                block[a] += 1;
            }
        }
    }
}

/// Where growth is slowest, of ascending costs up to `farthest`. Exponents are measured from `nearest` on.
fn slowest_growth(costs: &[f32], nearest: f32, farthest: f32) -> Stop {
    let reached = |cost: f32| costs.partition_point(|c| *c <= cost) as f32;
    let mut stop = Stop { cost: farthest.min(nearest), is_stall: false };
    let mut least = f32::INFINITY;
    let mut cost = nearest;
    while cost > 0.0 && cost * STAGE <= farthest {
        let exponent = (reached(cost * STAGE) / reached(cost / STAGE)).ln() / (2.0 * STAGE.ln());
        let slowness = (exponent + 0.05) * cost.powf(LATE);
        if slowness < least {
            least = slowness;
            stop = Stop { cost, is_stall: exponent < STALL && cost * STAGE * STAGE <= farthest };
        }
        cost *= 1.05;
    }
    stop
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;
    use glam::DVec3;

    const DIMS: [usize; 3] = [96, 96, 48];

    /// Tissue of 50 with noise of a given standard deviation, in 0.8 × 0.8 × 1.5 mm voxels, and what `inside` says in 120.
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
    fn minus_clicks_alone_and_clicks_outside_are_refused() {
        let volume = phantom::ramp([8, 8, 8]);
        let of =
            |voxel, inside| from_clicks(&volume, &[Click { voxel, inside }], 10.0, &Work::silent()).err();
        assert_eq!(of([1, 1, 1], false), Some(ToolError::NoSeed));
        assert_eq!(of([1, 8, 1], true), Some(ToolError::Outside { point: 0 }));
    }
}
