//! Connected parts of a mask, and its holes.
//!
//! Rows are cut into runs, and runs that touch are joined (union-find; He, Ren, Gao and others, Pattern
//! Recognition 70, 2017, "The connected-component labeling problem"): time and memory go with the number of
//! runs, not of voxels.

use rayon::prelude::*;

use crate::Mask;

/// Which voxels are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbours {
    /// Those that share a face.
    Six,
    /// Those that share a face, an edge or a corner.
    TwentySix,
}

/// What is known of a connected part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// Number of voxels.
    pub voxels: usize,
    /// Lowest voxel index along x, y, z.
    pub low: [usize; 3],
    /// Highest voxel index along x, y, z.
    pub high: [usize; 3],
}

impl Component {
    /// True when it reaches the first or last voxel of the grid along `axis`.
    pub fn touches(&self, dims: [usize; 3], axis: usize) -> bool {
        self.low[axis] == 0 || self.high[axis] + 1 == dims[axis]
    }
}

/// The connected parts of a mask, largest first.
#[derive(Clone, Debug)]
pub struct Components {
    dims: [usize; 3],
    runs: Vec<Run>,
    list: Vec<Component>,
}

/// Neighbouring voxels of a row.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Flat index of the first voxel.
    first: usize,
    length: usize,
    /// While joining: another run of the same part. Then: the place of the part in the list.
    part: usize,
}

impl Components {
    /// Finds the connected parts.
    pub fn of(mask: &Mask, neighbours: Neighbours) -> Self {
        let [nx, ny, nz] = mask.dims;
        let (mut runs, row_ends) = runs(mask);
        let row = |y: usize, z: usize| {
            let at = z * ny + y;
            (if at == 0 { 0 } else { row_ends[at - 1] })..row_ends[at]
        };
        let reach = usize::from(neighbours == Neighbours::TwentySix);
        for z in 0..nz {
            for y in 0..ny {
                let here = row(y, z);
                if here.is_empty() {
                    continue;
                }
                if y > 0 {
                    join(&mut runs, here.clone(), row(y - 1, z), nx, reach);
                }
                if z > 0 {
                    for other in y.saturating_sub(reach)..=(y + reach).min(ny - 1) {
                        join(&mut runs, here.clone(), row(other, z - 1), nx, reach);
                    }
                }
            }
        }
        let list = numbered(&mut runs, mask);
        Self { dims: mask.dims, runs, list }
    }

    /// The parts, largest first; equally large ones in the order of their first voxels.
    pub fn list(&self) -> &[Component] {
        &self.list
    }

    /// The parts that are wanted, as a mask; `keep` is given the place in [`Self::list`].
    pub fn mask(&self, keep: impl Fn(usize, &Component) -> bool) -> Mask {
        let kept: Vec<bool> = self.list.iter().enumerate().map(|(i, c)| keep(i, c)).collect();
        let mut mask = Mask::none(self.dims);
        for run in self.runs.iter().filter(|run| kept[run.part]) {
            mask.inside[run.first..run.first + run.length].fill(true);
        }
        mask
    }

    /// Calls `each` for every voxel: its flat index and the place of its part in [`Self::list`].
    pub fn for_each_voxel(&self, mut each: impl FnMut(usize, usize)) {
        for run in &self.runs {
            (run.first..run.first + run.length).for_each(|index| each(index, run.part));
        }
    }
}

/// The runs of each row, and for each row the number of runs up to its end.
fn runs(mask: &Mask) -> (Vec<Run>, Vec<usize>) {
    let nx = mask.dims[0].max(1);
    let mut runs = Vec::new();
    let mut ends = Vec::with_capacity(mask.inside.len() / nx);
    for (row, voxels) in mask.inside.chunks_exact(nx).enumerate() {
        let mut x = 0;
        while let Some(start) = voxels[x..].iter().position(|v| *v).map(|skip| x + skip) {
            x = voxels[start..].iter().position(|v| !*v).map_or(nx, |length| start + length);
            runs.push(Run { first: row * nx + start, length: x - start, part: runs.len() });
        }
        ends.push(runs.len());
    }
    (runs, ends)
}

/// Joins the runs of two rows that touch. `reach` is 1 when corners count.
fn join(
    runs: &mut [Run],
    here: std::ops::Range<usize>,
    there: std::ops::Range<usize>,
    nx: usize,
    reach: usize,
) {
    let (mut a, mut b) = (here.start, there.start);
    while a < here.end && b < there.end {
        let (start_a, start_b) = (runs[a].first % nx, runs[b].first % nx);
        let (end_a, end_b) = (start_a + runs[a].length, start_b + runs[b].length);
        if start_a < end_b + reach && start_b < end_a + reach {
            let (root_a, root_b) = (root(runs, a), root(runs, b));
            runs[root_a.max(root_b)].part = root_a.min(root_b);
        }
        // The run that ends first cannot touch what comes later in the other row.
        if end_a < end_b { a += 1 } else { b += 1 }
    }
}

fn root(runs: &mut [Run], mut at: usize) -> usize {
    while runs[at].part != at {
        runs[at].part = runs[runs[at].part].part;
        at = runs[at].part;
    }
    at
}

/// Replaces roots by places in the list of parts.
fn numbered(runs: &mut [Run], mask: &Mask) -> Vec<Component> {
    let mut found: Vec<Component> = Vec::new();
    // A root is the first run of its part, so its number is known before any other run asks for it.
    for at in 0..runs.len() {
        let from = runs[at].part;
        let (first, length) = (mask.voxel(runs[at].first), runs[at].length);
        let part = if from == at { found.len() } else { runs[from].part };
        runs[at].part = part;
        let last = [first[0] + length - 1, first[1], first[2]];
        if from == at {
            found.push(Component { voxels: 0, low: first, high: last });
        }
        let component = &mut found[part];
        component.voxels += length;
        for axis in 0..3 {
            component.low[axis] = component.low[axis].min(first[axis]);
            component.high[axis] = component.high[axis].max(last[axis]);
        }
    }
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(found[*i].voxels));
    let mut place = vec![0; found.len()];
    order.iter().enumerate().for_each(|(to, from)| place[*from] = to);
    runs.iter_mut().for_each(|run| run.part = place[run.part]);
    order.into_iter().map(|i| found[i]).collect()
}

/// The largest connected part; no voxel when there is none.
pub fn largest(mask: &Mask, neighbours: Neighbours) -> Mask {
    Components::of(mask, neighbours).mask(|place, _| place == 0)
}

/// The mask with its holes of up to `most_voxels`: what is outside of it and not connected, face to face,
/// with the edge of the grid.
pub fn fill_holes(mask: &Mask, most_voxels: usize) -> Mask {
    let outside = Components::of(&inverted(mask), Neighbours::Six);
    let is_hole = |c: &Component| c.voxels <= most_voxels && !(0..3).any(|axis| c.touches(mask.dims, axis));
    mask.clone().or(&outside.mask(|_, component| is_hole(component)))
}

/// The mask with the holes that it has in each slice on its own. For what is open at the first or last slice
/// of a scan: the lungs in the body.
pub fn fill_holes_in_slices(mask: &Mask) -> Mask {
    let [nx, ny, _] = mask.dims;
    let slice_size = (nx * ny).max(1);
    let fill = |slice: &[bool]| {
        let slice = Mask { dims: [nx, ny, 1], inside: slice.to_vec() };
        let outside = Components::of(&inverted(&slice), Neighbours::Six);
        let is_hole = |c: &Component| !c.touches(slice.dims, 0) && !c.touches(slice.dims, 1);
        outside.mask(|_, component| is_hole(component)).or(&slice).inside
    };
    let slices: Vec<Vec<bool>> = mask.inside.par_chunks(slice_size).map(fill).collect();
    Mask { dims: mask.dims, inside: slices.concat() }
}

fn inverted(mask: &Mask) -> Mask {
    Mask { dims: mask.dims, inside: mask.inside.iter().map(|inside| !inside).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(dims: [usize; 3], is_inside: impl Fn(usize, usize, usize) -> bool) -> Mask {
        let mut mask = Mask::none(dims);
        for i in 0..mask.inside.len() {
            let [x, y, z] = mask.voxel(i);
            mask.inside[i] = is_inside(x, y, z);
        }
        mask
    }

    /// The slow and obvious way: a flood from each voxel.
    fn flooded(mask: &Mask, neighbours: Neighbours) -> Vec<usize> {
        let mut left = mask.clone();
        let mut sizes = Vec::new();
        while let Some(start) = left.inside.iter().position(|v| *v) {
            let (mut open, mut size) = (vec![start], 0);
            left.inside[start] = false;
            while let Some(at) = open.pop() {
                size += 1;
                let v = left.voxel(at).map(|c| c as i64);
                for i in 0..27 {
                    let step = [i % 3 - 1, i / 3 % 3 - 1, i / 9 - 1];
                    let faces = step.iter().filter(|s| **s != 0).count();
                    let next = [0, 1, 2].map(|a| v[a] + step[a]);
                    let is_in = (0..3).all(|a| next[a] >= 0 && next[a] < left.dims[a] as i64);
                    if (neighbours == Neighbours::Six && faces != 1) || !is_in {
                        continue;
                    }
                    let next = left.index(next.map(|c| c as usize));
                    if std::mem::take(&mut left.inside[next]) {
                        open.push(next);
                    }
                }
            }
            sizes.push(size);
        }
        sizes.sort_by_key(|s| std::cmp::Reverse(*s));
        sizes
    }

    #[test]
    fn the_parts_of_random_masks_are_those_that_a_flood_finds() {
        let mut state = 1u32;
        for (dims, share) in [([17, 13, 11], 80), ([9, 1, 30], 120), ([31, 5, 4], 40), ([6, 6, 6], 200)] {
            let mut random = Mask::none(dims);
            for inside in &mut random.inside {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *inside = (state >> 24) < share;
            }
            for neighbours in [Neighbours::Six, Neighbours::TwentySix] {
                let parts = Components::of(&random, neighbours);
                let sizes: Vec<usize> = parts.list().iter().map(|c| c.voxels).collect();
                assert_eq!(sizes, flooded(&random, neighbours));
                assert_eq!(parts.mask(|_, _| true), random);
                let first = parts.mask(|place, _| place == 0);
                assert_eq!(flooded(&first, neighbours), [sizes[0]]);
            }
        }
    }

    #[test]
    fn two_blocks_that_share_a_corner_are_one_part_or_two() {
        let corner = mask([4, 4, 4], |x, y, z| [x, y, z].iter().all(|c| *c < 2) || x.min(y).min(z) >= 2);
        assert_eq!(Components::of(&corner, Neighbours::Six).list().len(), 2);
        let one = Components::of(&corner, Neighbours::TwentySix);
        assert_eq!(one.list(), [Component { voxels: 16, low: [0; 3], high: [3; 3] }]);
    }

    #[test]
    fn a_hollow_ball_is_filled_and_a_cup_is_not() {
        let shell = mask([9, 9, 9], |x, y, z| {
            let r = [x, y, z].iter().map(|c| (*c as f64 - 4.0).powi(2)).sum::<f64>().sqrt();
            (2.5..4.2).contains(&r)
        });
        let filled = fill_holes(&shell, usize::MAX);
        assert!(filled.inside[filled.index([4, 4, 4])] && filled.count() > shell.count() + 50);
        assert_eq!(fill_holes(&shell, 10), shell);
        let cup = mask([9, 9, 9], |x, y, z| shell.inside[shell.index([x, y, z])] && z < 6);
        assert_eq!(fill_holes(&cup, usize::MAX), cup);
        // Slice by slice the cup is a ring, and a ring has a hole.
        let slices = fill_holes_in_slices(&cup);
        assert!(slices.inside[slices.index([4, 4, 4])] && !slices.inside[slices.index([4, 4, 7])]);
    }
}
