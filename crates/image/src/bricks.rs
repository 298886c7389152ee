//! Smallest and largest value in every brick of a volume, and which bricks can be seen at all.
//!
//! A brick is 8 voxels along an edge. Its range also covers two voxels around it: one for interpolation at its
//! border, one for a step that starts inside and ends outside. Steps longer than a voxel are not covered.

use std::ops::Range;

use rayon::prelude::*;

use crate::{TransferFunction, Volume, Voxels};

/// Voxels along the edge of a brick.
pub const BRICK: usize = 8;
const MARGIN: usize = 2;

/// Value ranges of all bricks, x fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Bricks {
    /// Bricks along x, y, z.
    pub dims: [usize; 3],
    ranges: Vec<[f32; 2]>,
}

impl Bricks {
    /// Bricks of a volume none of whose slices is there yet: every range is empty.
    pub fn new(volume_dims: [usize; 3]) -> Self {
        let dims = volume_dims.map(|n| n.div_ceil(BRICK));
        Self { dims, ranges: vec![[f32::INFINITY, f32::NEG_INFINITY]; dims.iter().product()] }
    }

    /// Takes in slices of a time point; all the others of a touched brick are read as they are now.
    pub fn update(&mut self, volume: &Volume, time: usize, slices: Range<usize>) {
        let first = slices.start.saturating_sub(MARGIN) / BRICK;
        let last = ((slices.end + MARGIN).div_ceil(BRICK)).min(self.dims[2]);
        let layer = self.dims[0] * self.dims[1];
        let grid = self.dims;
        let layers = self.ranges.par_chunks_mut(layer).enumerate().skip(first).take(last - first);
        let from = time * volume.voxels_per_time();
        match &*volume.voxels {
            Voxels::I16(v) => layers.for_each(|(z, out)| ranges_of_layer(&v[from..], volume, grid, z, out)),
            Voxels::F32(v) => layers.for_each(|(z, out)| ranges_of_layer(&v[from..], volume, grid, z, out)),
        }
    }

    /// Smallest and largest value of each brick.
    pub fn ranges(&self) -> &[[f32; 2]] {
        &self.ranges
    }

    /// For each brick: 0 when something in it can be seen, else how many bricks around it, in
    /// every direction, hold nothing to see (1 is the brick itself; 255 at most).
    pub fn empty_distance(&self, transfer: &TransferFunction) -> Vec<u8> {
        let seen = |[low, high]: &[f32; 2]| low <= high && transfer.max_opacity(*low, *high) > 0.0;
        distance_to(self.dims, self.ranges.iter().map(seen))
    }
}

/// For each brick of so many along x, y and z how far the nearest one is that is `seen`, as [`Bricks::empty_distance`] has it.
pub(crate) fn distance_to(dims: [usize; 3], seen: impl Iterator<Item = bool>) -> Vec<u8> {
    let mut distance: Vec<u8> = seen.map(|is_seen| if is_seen { 0 } else { u8::MAX }).collect();
    sweep(dims, &mut distance, false);
    sweep(dims, &mut distance, true);
    distance
}

/// One half of a chessboard distance transform: takes the minimum over the 13 neighbours
/// already passed, plus one.
fn sweep(dims: [usize; 3], distance: &mut [u8], backward: bool) {
    let [nx, ny, nz] = dims.map(|n| n as isize);
    let before = |d: &[isize; 3]| (d[2], d[1], d[0]) < (0, 0, 0);
    let around = (-1..=1).flat_map(|z| (-1..=1).flat_map(move |y| (-1..=1).map(move |x| [x, y, z])));
    let passed: Vec<[isize; 3]> = around.filter(before).collect();
    let turn = |i: isize, n: isize| if backward { n - 1 - i } else { i };
    let sign = if backward { -1 } else { 1 };
    for z in (0..nz).map(|i| turn(i, nz)) {
        for y in (0..ny).map(|i| turn(i, ny)) {
            for x in (0..nx).map(|i| turn(i, nx)) {
                let at = ((z * ny + y) * nx + x) as usize;
                let mut least = distance[at];
                if least == 0 {
                    continue;
                }
                for [dx, dy, dz] in &passed {
                    let (px, py, pz) = (x + sign * dx, y + sign * dy, z + sign * dz);
                    let inside = px >= 0 && py >= 0 && pz >= 0 && px < nx && py < ny && pz < nz;
                    // Outside the volume there is nothing to see: no limit from there.
                    if inside {
                        let other = distance[((pz * ny + py) * nx + px) as usize];
                        least = least.min(other.saturating_add(1));
                    }
                }
                distance[at] = least;
            }
        }
    }
}

fn ranges_of_layer<T: Copy + Into<f32> + PartialOrd>(
    voxels: &[T],
    volume: &Volume,
    grid: [usize; 3],
    layer: usize,
    out: &mut [[f32; 2]],
) {
    let [nx, ny, nz, _] = volume.dims;
    let reach = |brick: usize, n: usize| {
        (brick * BRICK).saturating_sub(MARGIN)..((brick + 1) * BRICK + MARGIN).min(n)
    };
    out.fill([f32::INFINITY, f32::NEG_INFINITY]);
    for z in reach(layer, nz) {
        for by in 0..grid[1] {
            for y in reach(by, ny) {
                let row = &voxels[(z * ny + y) * nx..][..nx];
                for bx in 0..grid[0] {
                    let part = &row[reach(bx, nx)];
                    let (mut low, mut high) = (part[0], part[0]);
                    for v in &part[1..] {
                        low = if *v < low { *v } else { low };
                        high = if *v > high { *v } else { high };
                    }
                    let range = &mut out[by * grid[0] + bx];
                    *range = [range[0].min(low.into()), range[1].max(high.into())];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;
    use crate::transfer::TransferPoint;

    fn bone() -> TransferFunction {
        let point = |value, opacity| TransferPoint { value, color: [1.0; 3], opacity };
        TransferFunction::new(vec![point(800.0, 0.0), point(1200.0, 1.0)]).unwrap()
    }

    #[test]
    fn no_brick_with_something_to_see_is_called_empty() {
        let volume = phantom::head([40, 48, 33], 2.0);
        let mut bricks = Bricks::new([40, 48, 33]);
        bricks.update(&volume, 0, 0..33);
        let distance = bricks.empty_distance(&bone());
        assert!(distance.contains(&0) && distance.iter().any(|d| *d > 0));
        for (z, y, x) in (0..33).flat_map(|z| (0..48).flat_map(move |y| (0..40).map(move |x| (z, y, x)))) {
            let brick = (z / 8 * bricks.dims[1] + y / 8) * bricks.dims[0] + x / 8;
            assert!(distance[brick] == 0 || volume.at(x, y, z).unwrap() <= 800.0);
        }
    }

    #[test]
    fn the_distance_says_how_far_nothing_is_seen_in_any_direction() {
        let mut voxels = vec![0i16; 80 * 8 * 8];
        voxels[4 * 640 + 4 * 80 + 4] = 1000;
        let volume = phantom::volume([80, 8, 8], glam::DVec3::ONE, voxels);
        let mut bricks = Bricks::new([80, 8, 8]);
        bricks.update(&volume, 0, 0..8);
        assert_eq!(bricks.empty_distance(&bone()), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn slices_that_arrive_one_by_one_give_the_same_bricks_as_all_at_once() {
        let volume = phantom::head([20, 20, 30], 2.0);
        let (mut whole, mut growing) = (Bricks::new([20, 20, 30]), Bricks::new([20, 20, 30]));
        whole.update(&volume, 0, 0..30);
        for z in 0..30 {
            growing.update(&volume, 0, z..z + 1);
        }
        assert_eq!(whole, growing);
    }
}
