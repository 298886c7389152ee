//! The cheapest way from seeds to every voxel of a box, along steps between neighbouring voxels.
//!
//! Geodesic distance on a grid (Toivanen, Pattern Recognition Letters 17, 1996; Criminisi, Sharp and Blake,
//! GeoS, ECCV 2008). They sweep the grid until nothing changes much; here the front grows in the order of
//! cost (Dijkstra), which is exact for the graph, visits only what it reaches, and lets the caller watch the
//! region grow. The queue is one of buckets as wide as the cheapest step (Dial 1969; Denardo and Fox,
//! Operations Research 27, 1979): no heap, and the order in a bucket does not matter.
//!
//! A way is made of steps to the 26 neighbours, so a straight line at the worst angle is 13 % too long on a
//! grid of cubes. Not here: what a step costs (`click_segment.rs`, `centerline.rs`).

use glam::DVec3;
use rayon::prelude::*;

use crate::{ToolError, Work};

/// A box of voxels with a wall of one voxel around it, so that no step has to look for the edge.
#[derive(Clone, Debug)]
pub struct Lattice {
    /// First voxel of the box in the volume.
    pub low: [usize; 3],
    /// Voxels of the box along x, y, z.
    pub size: [usize; 3],
    /// Steps to the 26 neighbours: how far they are in the arrays, and in millimetres.
    steps: Vec<(isize, f32)>,
    shortest_mm: f32,
}

/// What is done with a voxel whose cost is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// The front goes on.
    Grow,
    /// The search is over.
    End,
}

impl Lattice {
    /// The box from `low` to `high` (inclusive); `steps_mm` lead from a voxel to the next one along x, y, z.
    pub fn new(low: [usize; 3], high: [usize; 3], steps_mm: [DVec3; 3]) -> Self {
        let size = [0, 1, 2].map(|axis| high[axis] + 1 - low[axis]);
        let [sx, sy] = [size[0] as isize + 2, size[1] as isize + 2];
        let steps: Vec<(isize, f32)> = (0..27)
            .filter(|i| *i != 13)
            .map(|i| {
                let d = [i % 3 - 1, i / 3 % 3 - 1, i / 9 - 1];
                let way: DVec3 = (0..3).map(|a| steps_mm[a] * d[a] as f64).sum();
                ((d[2] * sy + d[1]) * sx + d[0], way.length() as f32)
            })
            .collect();
        let shortest_mm = steps.iter().map(|(_, length)| *length).fold(f32::INFINITY, f32::min);
        Self { low, size, steps, shortest_mm }
    }

    /// Length of the arrays over this box: with its wall.
    pub fn len(&self) -> usize {
        self.size.iter().map(|n| n + 2).product()
    }

    /// True when the box has no voxel.
    pub fn is_empty(&self) -> bool {
        self.size.contains(&0)
    }

    /// Index in the arrays of a voxel of the box.
    pub fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        ((z + 1) * (self.size[1] + 2) + y + 1) * (self.size[0] + 2) + x + 1
    }

    /// The voxel of the box at an index that is not in the wall.
    pub fn voxel(&self, index: usize) -> [usize; 3] {
        let [sx, sy] = [self.size[0] + 2, self.size[1] + 2];
        [index % sx - 1, index / sx % sy - 1, index / (sx * sy) - 1]
    }

    /// Distances in the arrays to the next voxel along x, y and z.
    pub fn strides(&self) -> [usize; 3] {
        [1, self.size[0] + 2, (self.size[0] + 2) * (self.size[1] + 2)]
    }

    /// Steps to the 26 neighbours: how far they are in the arrays, and in millimetres.
    pub fn steps(&self) -> &[(isize, f32)] {
        &self.steps
    }

    /// The length of the shortest step.
    pub fn shortest_mm(&self) -> f32 {
        self.shortest_mm
    }

    /// An array over the box from what each of its voxels has; `wall` in the wall.
    pub fn filled<T: Copy>(&self, wall: T, mut value: impl FnMut([usize; 3]) -> T) -> Vec<T> {
        let mut array = vec![wall; self.len()];
        for z in 0..self.size[2] {
            for y in 0..self.size[1] {
                let first = self.index([0, y, z]);
                (0..self.size[0]).for_each(|x| array[first + x] = value([x, y, z]));
            }
        }
        array
    }
}

/// Cost of the cheapest way from any of `seeds` to each voxel: the sum of `step_cost(from, to, length_mm)`
/// over its steps. Infinite where the front did not come: beyond `limit`, or after `settled(index, cost)`
/// answered [`Front::End`]; it is called for each voxel in the order of cost, within the width of a bucket,
/// [`Lattice::shortest_mm`]. The wall costs −1.
///
/// A step costs at least [`Lattice::shortest_mm`] (cheaper answers are raised to it) and `dearest` at most
/// (dearer ones are not gone).
///
/// # Errors
/// [`ToolError::Stopped`].
pub fn spread(
    lattice: &Lattice,
    seeds: &[usize],
    limit: f32,
    dearest: f32,
    step_cost: impl Fn(usize, usize, f32) -> f32,
    mut settled: impl FnMut(usize, f32) -> Front,
    work: &Work<'_>,
) -> Result<Vec<f32>, ToolError> {
    let width = bucket_width(lattice);
    let mut cost = lattice.filled(-1.0_f32, |_| f32::INFINITY);
    let mut buckets: Vec<Vec<u32>> = vec![Vec::new(); (dearest / width).ceil() as usize + 2];
    let count = buckets.len();
    for seed in seeds {
        cost[*seed] = 0.0;
        buckets[0].push(*seed as u32);
    }
    let (mut open, mut at, mut done) = (seeds.len(), 0_usize, 0_usize);
    let mut here = Vec::new();
    let voxels: usize = lattice.size.iter().product();
    'grow: while open > 0 && (at as f32) * width <= limit {
        std::mem::swap(&mut here, &mut buckets[at % count]);
        open -= here.len();
        // A voxel can be waiting twice: only where its cost belongs is it taken, and there only once.
        here.sort_unstable();
        here.dedup();
        for index in here.drain(..) {
            let index = index as usize;
            let so_far = cost[index];
            if (so_far / width) as usize != at {
                continue;
            }
            done += 1;
            if done % 65_536 == 0 {
                work.tell(done as f32 / voxels as f32)?;
            }
            if settled(index, so_far) == Front::End {
                break 'grow;
            }
            for (step, length_mm) in &lattice.steps {
                let next = (index as isize + step) as usize;
                // No step is cheaper than the width: what has less is known already. The wall has −1.
                if cost[next] <= so_far + width {
                    continue;
                }
                let way = step_cost(index, next, *length_mm).max(lattice.shortest_mm);
                if way <= dearest && so_far + way < cost[next] && so_far + way <= limit {
                    cost[next] = so_far + way;
                    buckets[((so_far + way) / width) as usize % count].push(next as u32);
                    open += 1;
                }
            }
        }
        at += 1;
    }
    // What was reached and not settled has no final cost.
    let last = (at as f32) * width;
    if open > 0 {
        cost.iter_mut().filter(|c| **c >= last).for_each(|c| *c = f32::INFINITY);
    }
    Ok(cost)
}

/// What a step costs that grows through tissue, as GeoS has it with the tissue's look: its length, more in what is unlike the
/// tissue, and more across a change of values that noise does not explain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepCost {
    /// Middle value of the tissue, and its spread.
    pub tissue: f32,
    /// Spread of the tissue, above 0.
    pub tissue_sd: f32,
    /// Within so many of its standard deviations tissue is as good as its middle.
    pub alike: f32,
    /// Standard deviation of the differences of neighbours, above 0.
    pub step_sd: f32,
    /// Cost of a change by one such deviation beyond the first.
    pub change: f32,
    /// Length and unlikeness together cost no more; a dearer step is not gone.
    pub dearest: f32,
}

impl StepCost {
    /// From a value to the next one, so many millimetres away.
    pub fn of(&self, from: f32, to: f32, length_mm: f32) -> f32 {
        let unlike = ((to - self.tissue).abs() / self.tissue_sd - self.alike).max(0.0);
        let change = ((to - from).abs() / self.step_sd - 1.0).max(0.0);
        (length_mm * (1.0 + unlike * unlike)).min(self.dearest) + self.change * change
    }
}

/// Values over a lattice, and what a step between two of them costs.
#[derive(Clone, Copy, Debug)]
pub struct Landscape<'a> {
    /// The box.
    pub lattice: &'a Lattice,
    /// Values over its arrays; those of the wall do not matter.
    pub values: &'a [f32],
    /// What a step costs.
    pub step: StepCost,
}

/// Something that finds all costs at once: a graphics device.
pub trait Spreader: Send + Sync {
    /// What [`spread`] finds from `seed` when nobody ends it: costs up to `limit`, infinite beyond, −1 in the wall. `None` when
    /// it cannot, for want of room or because the device is gone; the processor does it then.
    ///
    /// # Errors
    /// [`ToolError::Stopped`].
    fn costs(
        &self,
        landscape: &Landscape<'_>,
        seed: usize,
        limit: f32,
        work: &Work<'_>,
    ) -> Result<Option<Vec<f32>>, ToolError>;
}

impl Landscape<'_> {
    /// [`spread`] over this landscape, by `spreader` where there is one that can. The answer is the same: the cheapest way is
    /// one, however it is found. `settled` is called in the same order.
    ///
    /// # Errors
    /// [`ToolError::Stopped`].
    pub fn spread(
        &self,
        seed: usize,
        limit: f32,
        spreader: Option<&dyn Spreader>,
        settled: impl FnMut(usize, f32) -> Front,
        work: &Work<'_>,
    ) -> Result<Vec<f32>, ToolError> {
        if let Some(spreader) = spreader {
            if let Some(mut costs) = spreader.costs(self, seed, limit, work)? {
                settle(self.lattice, &mut costs, settled);
                return Ok(costs);
            }
        }
        let step = |from: usize, to: usize, mm: f32| self.step.of(self.values[from], self.values[to], mm);
        spread(self.lattice, &[seed], limit, self.step.dearest, step, settled, work)
    }
}

/// Calls `settled` on costs that are known already, as [`spread`] does, until it answers [`Front::End`]; what lies behind that
/// has no cost then.
fn settle(lattice: &Lattice, costs: &mut [f32], mut settled: impl FnMut(usize, f32) -> Front) {
    let width = bucket_width(lattice);
    let bucket = |index: u32| (costs[index as usize] / width) as usize;
    let is_reached = |index: &u32| costs[*index as usize] >= 0.0 && costs[*index as usize].is_finite();
    let mut order: Vec<u32> = (0..costs.len() as u32).filter(is_reached).collect();
    order.par_sort_unstable_by_key(|index| (bucket(*index), *index));
    let ended = order.iter().find(|index| settled(**index as usize, costs[**index as usize]) == Front::End);
    let Some(ended) = ended.copied() else { return };
    let at = bucket(ended);
    // At the seed itself nothing else was looked at.
    let is_first = order.first() == Some(&ended);
    let last = if is_first { f32::MIN_POSITIVE } else { at as f32 * width };
    if order.last().is_some_and(|index| bucket(*index) > at) {
        costs.iter_mut().filter(|cost| **cost >= last).for_each(|cost| *cost = f32::INFINITY);
    }
}

/// A little below the cheapest step, so that rounding cannot leave a step in the bucket that it came from.
fn bucket_width(lattice: &Lattice) -> f32 {
    lattice.shortest_mm * 0.99
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A box of 0.8 × 0.8 × 2 mm voxels with values that jump about, and what a step costs there.
    fn landscape() -> (Lattice, Vec<f32>) {
        let steps = [DVec3::X * 0.8, DVec3::Y * 0.8, DVec3::Z * 2.0];
        let lattice = Lattice::new([3, 0, 1], [13, 8, 6], steps);
        let mut state = 17u32;
        let heights = lattice.filled(0.0, |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as f32 * 0.03
        });
        (lattice, heights)
    }

    fn far_and_wide(lattice: &Lattice, seeds: &[usize], limit: f32, heights: &[f32]) -> Vec<f32> {
        let cost = |from: usize, to: usize, mm: f32| mm + (heights[to] - heights[from]).abs();
        spread(lattice, seeds, limit, 20.0, cost, |_, _| Front::Grow, &Work::silent()).unwrap()
    }

    #[test]
    fn costs_are_those_of_the_cheapest_of_all_ways() {
        let (lattice, heights) = landscape();
        let seeds = [lattice.index([0, 0, 0]), lattice.index([9, 7, 3])];
        let found = far_and_wide(&lattice, &seeds, 1e6, &heights);
        // The slow way: every step is tried until nothing becomes cheaper (Bellman and Ford).
        let is_wall: Vec<bool> = lattice.filled(true, |_| false);
        let mut costs = vec![f32::INFINITY; lattice.len()];
        seeds.iter().for_each(|seed| costs[*seed] = 0.0);
        loop {
            let before = costs.clone();
            for from in (0..costs.len()).filter(|i| !is_wall[*i]) {
                for (step, mm) in lattice.steps() {
                    let to = (from as isize + step) as usize;
                    if !is_wall[to] {
                        costs[to] = costs[to].min(costs[from] + mm + (heights[to] - heights[from]).abs());
                    }
                }
            }
            if costs == before {
                break;
            }
        }
        for (found, wanted) in found.iter().zip(&costs).filter(|(found, _)| **found >= 0.0) {
            assert!((found - wanted).abs() < 1e-3, "{found} and {wanted}");
        }
        assert_eq!(found.iter().filter(|c| **c >= 0.0).count(), 11 * 9 * 6);
    }

    #[test]
    fn beyond_the_limit_there_is_no_cost_and_on_flat_ground_costs_are_millimetres() {
        let (lattice, _) = landscape();
        let flat = vec![0.0; lattice.len()];
        let found = far_and_wide(&lattice, &[lattice.index([0, 0, 0])], 5.0, &flat);
        let at = |voxel| found[lattice.index(voxel)];
        assert!((at([5, 0, 0]) - 4.0).abs() < 1e-5 && (at([0, 0, 2]) - 4.0).abs() < 1e-5);
        assert!((at([3, 3, 0]) - 0.8 * 3.0 * 2.0_f32.sqrt()).abs() < 1e-5);
        assert!(at([7, 0, 0]).is_infinite() && at([0, 0, 3]).is_infinite());
    }

    /// Costs by the processor, as a device would give them.
    struct AllAtOnce;

    impl Spreader for AllAtOnce {
        fn costs(
            &self,
            landscape: &Landscape<'_>,
            seed: usize,
            limit: f32,
            work: &Work<'_>,
        ) -> Result<Option<Vec<f32>>, ToolError> {
            landscape.spread(seed, limit, None, |_, _| Front::Grow, work).map(Some)
        }
    }

    #[test]
    fn costs_that_were_found_all_at_once_settle_as_those_that_were_found_one_by_one() {
        let (lattice, values) = landscape();
        let step =
            StepCost { tissue: 4.0, tissue_sd: 2.0, alike: 1.0, step_sd: 1.0, change: 4.0, dearest: 60.0 };
        let landscape = Landscape { lattice: &lattice, values: &values, step };
        let seed = lattice.index([5, 4, 3]);
        for enough in [1, 37, 400, usize::MAX] {
            let run = |spreader: Option<&dyn Spreader>| {
                let mut seen = Vec::new();
                let note = |index: usize, cost: f32| {
                    seen.push((index, cost));
                    if seen.len() < enough { Front::Grow } else { Front::End }
                };
                let costs = landscape.spread(seed, 200.0, spreader, note, &Work::silent()).unwrap();
                (costs, seen)
            };
            assert!(run(None) == run(Some(&AllAtOnce)), "{enough}");
        }
    }

    #[test]
    fn voxels_are_settled_in_the_order_of_cost_until_the_caller_has_enough() {
        let (lattice, heights) = landscape();
        let cost = |from: usize, to: usize, mm: f32| mm + (heights[to] - heights[from]).abs();
        let mut seen = Vec::new();
        let note = |_: usize, cost: f32| {
            seen.push(cost);
            if seen.len() < 100 { Front::Grow } else { Front::End }
        };
        let seed = lattice.index([5, 4, 3]);
        let found = spread(&lattice, &[seed], 1e6, 20.0, cost, note, &Work::silent()).unwrap();
        assert_eq!(seen.len(), 100);
        assert!(seen.windows(2).all(|pair| pair[1] > pair[0] - lattice.shortest_mm()));
        assert!(found.iter().filter(|c| c.is_finite() && **c >= 0.0).count() <= 100);
        assert_eq!(lattice.voxel(seed), [5, 4, 3]);
    }
}
