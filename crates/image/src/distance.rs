//! How far each voxel of a mask is from its edge, and what erosion and dilation by a ball make of a mask.
//!
//! Exact Euclidean distances between voxel centres on grids with unequal spacing: Felzenszwalb and
//! Huttenlocher, Theory of Computing 8, 2012, "Distance transforms of sampled functions", one axis after the
//! other. Axes are taken as perpendicular, so distances are approximate where the gantry was tilted.

use glam::DVec3;
use rayon::prelude::*;

use crate::Mask;

/// Millimetres from each voxel of the mask to the nearest voxel that is not in it; 0 for those. Beyond the
/// grid nothing is known and nothing counts: infinite when the mask fills the grid.
pub fn inside_mm(mask: &Mask, spacing_mm: DVec3) -> Vec<f32> {
    let squares = squared(mask, spacing_mm, |inside| !inside);
    squares.into_par_iter().map(f32::sqrt).collect()
}

/// The voxels that are farther than `radius_mm` from everything outside of the mask.
pub fn eroded(mask: &Mask, spacing_mm: DVec3, radius_mm: f64) -> Mask {
    let least = (radius_mm * radius_mm) as f32;
    let squares = squared(mask, spacing_mm, |inside| !inside);
    Mask { dims: mask.dims, inside: squares.into_par_iter().map(|d| d > least).collect() }
}

/// The voxels within `radius_mm` of the mask.
pub fn dilated(mask: &Mask, spacing_mm: DVec3, radius_mm: f64) -> Mask {
    let most = (radius_mm * radius_mm) as f32;
    let squares = squared(mask, spacing_mm, |inside| inside);
    Mask { dims: mask.dims, inside: squares.into_par_iter().map(|d| d <= most).collect() }
}

/// Squared millimetres to the nearest voxel that is a target.
fn squared(mask: &Mask, spacing_mm: DVec3, is_target: impl Fn(bool) -> bool + Sync) -> Vec<f32> {
    let [nx, ny, nz] = mask.dims;
    let mut squares: Vec<f32> =
        mask.inside.par_iter().map(|inside| if is_target(*inside) { 0.0 } else { f32::INFINITY }).collect();
    if squares.is_empty() {
        return squares;
    }
    let step = spacing_mm.as_vec3();
    squares.par_chunks_exact_mut(nx * ny).for_each_init(Lower::default, |lower, slice| {
        for row in slice.chunks_exact_mut(nx) {
            lower.run(row, step.x);
        }
        for x in 0..nx {
            lower.run_strided(slice, x, nx, ny, step.y);
        }
    });
    if nz > 1 {
        // Along slices: one row (all x at a y) at a time, copied out, so that each thread owns what it
        // writes.
        let columns: Vec<Vec<f32>> = (0..ny)
            .into_par_iter()
            .map_init(Lower::default, |lower, y| {
                let mut sheet: Vec<f32> = (0..nz)
                    .flat_map(|z| &squares[(z * ny + y) * nx..(z * ny + y + 1) * nx])
                    .copied()
                    .collect();
                (0..nx).for_each(|x| lower.run_strided(&mut sheet, x, nx, nz, step.z));
                sheet
            })
            .collect();
        for (y, sheet) in columns.iter().enumerate() {
            for (z, row) in sheet.chunks_exact(nx).enumerate() {
                squares[(z * ny + y) * nx..(z * ny + y + 1) * nx].copy_from_slice(row);
            }
        }
    }
    squares
}

/// The lower envelope of parabolas along a line, and room to work in.
#[derive(Default)]
struct Lower {
    line: Vec<f32>,
    result: Vec<f32>,
    /// Where the parabolas of the envelope have their lowest points.
    vertex: Vec<usize>,
    /// From where on each of them is the lowest.
    from: Vec<f32>,
}

impl Lower {
    fn run_strided(&mut self, values: &mut [f32], first: usize, stride: usize, count: usize, step: f32) {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        line.extend((0..count).map(|i| values[first + i * stride]));
        self.run(&mut line, step);
        line.iter().enumerate().for_each(|(i, v)| values[first + i * stride] = *v);
        self.line = line;
    }

    /// Replaces each value by the lowest of (value at another place + squared distance to it).
    fn run(&mut self, line: &mut [f32], step: f32) {
        self.vertex.clear();
        self.from.clear();
        let square = step * step;
        for (q, value) in line.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            // In units of steps: where the parabola of q becomes lower than the last one.
            let meets = |v: usize| {
                let (q2, v2) = ((q * q) as f32, (v * v) as f32);
                ((value - line[v]) / square + q2 - v2) / (2.0 * (q - v) as f32)
            };
            while let (Some(v), Some(from)) = (self.vertex.last(), self.from.last()) {
                if meets(*v) > *from {
                    break;
                }
                self.vertex.pop();
                self.from.pop();
            }
            self.from.push(self.vertex.last().map_or(f32::NEG_INFINITY, |v| meets(*v)));
            self.vertex.push(q);
        }
        if self.vertex.is_empty() {
            return;
        }
        self.result.clear();
        let mut k = 0;
        for q in 0..line.len() {
            while self.from.get(k + 1).is_some_and(|from| *from < q as f32) {
                k += 1;
            }
            let v = self.vertex[k];
            let apart = q.abs_diff(v) as f32 * step;
            self.result.push(line[v] + apart * apart);
        }
        line.copy_from_slice(&self.result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_to_the_nearest_of_all_voxels_outside_in_millimetres() {
        let mut mask = Mask { dims: [13, 9, 7], inside: vec![true; 13 * 9 * 7] };
        let spacing = DVec3::new(0.7, 1.1, 3.0);
        let mut state = 7u32;
        for inside in &mut mask.inside {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *inside = state >> 24 > 6;
        }
        let place = |i: usize| DVec3::from_array(mask.voxel(i).map(|c| c as f64)) * spacing;
        let outside: Vec<DVec3> = (0..mask.inside.len()).filter(|i| !mask.inside[*i]).map(place).collect();
        assert!(outside.len() > 5);
        for (i, found) in inside_mm(&mask, spacing).iter().enumerate() {
            let nearest = outside.iter().map(|o| o.distance(place(i))).fold(f64::INFINITY, f64::min);
            assert!((f64::from(*found) - nearest).abs() < 1e-4, "{i}: {found} and {nearest}");
        }
    }

    #[test]
    fn a_voxel_dilates_to_a_ball_in_millimetres_and_the_ball_erodes_to_it() {
        let mut mask = Mask::none([21, 21, 11]);
        let middle = mask.index([10, 10, 5]);
        mask.inside[middle] = true;
        let spacing = DVec3::new(1.0, 1.0, 2.0);
        let ball = dilated(&mask, spacing, 4.5);
        let volume_mm3 = ball.count() as f64 * 2.0;
        assert!((volume_mm3 / 381.7 - 1.0).abs() < 0.1, "{volume_mm3}");
        assert_eq!(eroded(&ball, spacing, 4.5), mask);
        let all = Mask { dims: [3, 3, 3], inside: vec![true; 27] };
        assert_eq!(eroded(&all, spacing, 100.0), all);
    }
}
