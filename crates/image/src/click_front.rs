//! Growth from one click: what a step costs, and where it stops.
//!
//! From each click a front grows in the order of its cost (`geodesic.rs`). A step costs its length, more in
//! tissue unlike the tissue clicked on, and more across a change of values that noise does not explain;
//! everything is in millimetres of ordinary tissue, and the scales are the noise near the click and the
//! spread of the tissue around it. This is the distance of GeoS (Criminisi, Sharp and Blake, ECCV 2008), with
//! appearance.
//!
//! **Where one click stops.** In even tissue the number of voxels grows with the third power of the cost. At
//! a border the front stalls: cost rises and few voxels come. Behind a leak it grows again. The region is the
//! one at which growth is slowest, measured by the exponent d ln(voxels) / d ln(cost) as the stability of
//! extremal regions is (Matas and others, MSER, BMVC 2002). A late stall must be deeper than an early one:
//! when all similar tissue of the body is used up the front stalls too.
//!
//! Not here: what several clicks mean together (`click_segment.rs`).

use crate::click_segment::Click;
use crate::geodesic::{Front, Landscape, Lattice, Spreader, StepCost, spread};
use crate::smooth::{diffuse, median, robust_sd, step_sd};
use crate::{ToolError, Volume, Work, blocks, mask};

/// Voxels that are worked on: about half a second.
const MOST_VOXELS: usize = 2_000_000;
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
/// Spread of tissue that is taken as given, as a part of the noise: changes within an organ are slow and
/// wider than the noise that diffusion leaves.
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

/// What the fronts grow over.
pub(crate) struct Ground<'a> {
    /// Finds costs, where there is one.
    spreader: Option<&'a dyn Spreader>,
    pub(crate) lattice: Lattice,
    /// Voxels of the volume in a voxel of the lattice, along x, y, z.
    pub(crate) block: [usize; 3],
    /// Voxels of the whole volume, in blocks: where the lattice ends there the volume ends too.
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    values: Vec<f32>,
    /// Standard deviation of the differences of neighbours before noise was taken out.
    noise: f32,
}

/// Costs from one click, and the one at which its growth stops.
pub(crate) struct GrownFront {
    /// Over the lattice.
    pub(crate) cost: Vec<f32>,
    pub(crate) stop: Stop,
}

/// Where growth is slowest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) cost: f32,
    /// True when it is slow there as at a border, and the front went on behind it.
    pub(crate) is_stall: bool,
}

impl<'a> Ground<'a> {
    /// The box that reaches `reach_mm` beyond the clicks on all sides.
    pub(crate) fn new(
        volume: &Volume,
        clicks: &[Click],
        reach_mm: f64,
        spreader: Option<&'a dyn Spreader>,
    ) -> Result<Self, ToolError> {
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
        // What is not a number is outside of what was measured, and must not spread.
        let lowest = volume.min_max[0];
        let mut values = lattice.filled(0.0, |at| {
            let low = [0, 1, 2].map(|a| (at[a] + lattice.low[a]) * block[a]);
            let value = blocks::mean(volume, low, block);
            if value.is_finite() { value } else { lowest }
        });
        let center = [0, 1, 2].map(|a| first.voxel[a] / block[a] - lattice.low[a]);
        let range = volume.min_max[1] - volume.min_max[0];
        // Made-up volumes have no noise: a thousandth of the range stands for it.
        let noise = step_sd(&lattice, &values, center, 15.0, spacing_mm).max(range * 1e-3);
        diffuse(&lattice, &mut values, spacing_mm, 2.0 * noise, 6);
        let dims = [0, 1, 2].map(|a| dims[a].div_ceil(block[a]));
        Ok(Self { spreader, lattice, block, dims, spacing_mm, values, noise })
    }

    /// Grows from a click until it is plain where to stop.
    pub(crate) fn front(&self, click: &Click, work: &Work<'_>) -> Result<GrownFront, ToolError> {
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
    pub(crate) fn spread_from(
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
        let step = StepCost {
            tissue,
            tissue_sd: spread_of_tissue.max(self.noise * TISSUE_FLOOR),
            alike: ALIKE,
            step_sd: step,
            change: CHANGE,
            dearest: DEAREST,
        };
        Landscape { lattice, values, step }.spread(seed, limit, self.spreader, settled, work)
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

    #[test]
    fn growth_stops_where_few_voxels_come_for_much_cost_and_not_at_a_later_and_shallower_stall() {
        // An even ball up to cost 20, a border up to 40, a leak up to 90, a weaker border up to 120.
        let count = |cost: f32| match cost {
            c if c < 20.0 => c.powi(3),
            c if c < 40.0 => 8_000.0 + (c - 20.0) * 20.0,
            c if c < 90.0 => 8_400.0 + (c - 40.0).powi(3),
            c => 133_400.0 + (c - 90.0) * 600.0,
        };
        let mut costs = Vec::new();
        let mut cost = 1.0_f32;
        while cost < 150.0 {
            costs.extend(std::iter::repeat_n(cost, (count(cost) as usize).saturating_sub(costs.len())));
            cost += 0.05;
        }
        let stop = slowest_growth(&costs, 8.0, 150.0);
        assert!(stop.is_stall && (20.0..40.0).contains(&stop.cost), "{stop:?}");
        // In even tissue there is no border yet.
        assert!(!slowest_growth(&costs, 8.0, 19.0).is_stall);
    }
}
