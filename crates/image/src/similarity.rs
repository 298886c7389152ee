//! How alike two volumes are at a pose: normalised mutual information (Studholme, Hill and Hawkes, Pattern
//! Recognition 32, 1999).
//!
//! Values are shared between two neighbouring bins and read at scattered positions, so that the measure is
//! smooth and has no ripples at the distance of voxels. The same in every run and with any number of threads.

use glam::{DMat4, DVec3};
use rayon::prelude::*;

use crate::Volume;
use crate::blocks::Blocks;

/// Bins of values, in each volume.
pub const BINS: usize = 48;

/// What a joint histogram is made of.
#[derive(Clone, Copy, Debug)]
pub struct ToCompare<'a> {
    /// Voxels of the fixed volume along columns, rows, slices.
    pub dims: [usize; 3],
    /// Its values as fractional bins, x fastest.
    pub bins: &'a [f32],
    /// Patient positions in the moving volume, millimetres, with its fractional bin there.
    pub samples: &'a [(DVec3, f32)],
}

/// Something that counts joint histograms: a graphics device.
pub trait Histograms: Send + Sync {
    /// Takes what is compared; `None` when it cannot, for want of room. The processor counts then.
    fn begin(&self, what: &ToCompare<'_>) -> Option<Box<dyn Histogram>>;
}

/// Two volumes whose joint histogram is counted.
pub trait Histogram: Send + Sync {
    /// With the samples at places of the fixed volume: [`BINS`] rows of [`BINS`] counts (those of the fixed volume's bins are
    /// the rows), each sample shared between two neighbouring bins of each volume, linear; and how many samples lie in the fixed
    /// volume. `None` when the device is gone. The same each time it is asked.
    fn at(&self, fixed_voxel_from_patient: &DMat4) -> Option<(Vec<f64>, usize)>;
}

/// Two volumes on grids of one size, and where they are compared.
pub(crate) struct Compared {
    fixed: Coarse,
    moving: Coarse,
    /// Patient positions in the moving volume, with its bins there.
    samples: Vec<(DVec3, f32)>,
    elsewhere: Option<Box<dyn Histogram>>,
}

impl Compared {
    /// On grids of about `grid_mm`, at `count` positions of the moving volume; counted by `histograms` where there are any.
    pub(crate) fn new(
        fixed: &Volume,
        moving: &Volume,
        grid_mm: f64,
        count: usize,
        histograms: Option<&dyn Histograms>,
    ) -> Self {
        let (fixed, moving) = (Coarse::new(fixed, grid_mm), Coarse::new(moving, grid_mm));
        let last = DVec3::from_array(moving.dims.map(|n| n as f64 - 1.0));
        // An additive recurrence fills a cube evenly and never falls into step with the voxels (Roberts 2018:
        // R3). The same positions in every run.
        let turn = DVec3::new(0.819_172_513_396_164_4, 0.671_043_606_703_789_2, 0.549_700_477_901_970_4);
        let samples: Vec<(DVec3, f32)> = (0..count)
            .filter_map(|n| {
                let place = (turn * n as f64 + 0.5).fract_gl() * last;
                Some((moving.patient_from_voxel.transform_point3(place), moving.at(place)?))
            })
            .collect();
        let what = ToCompare { dims: fixed.dims, bins: &fixed.bins, samples: &samples };
        let elsewhere = histograms.and_then(|histograms| histograms.begin(&what));
        Self { fixed, moving, samples, elsewhere }
    }

    /// From the centre of mass of the moving volume to that of the fixed one.
    pub(crate) fn mass_apart_mm(&self) -> DVec3 {
        self.fixed.mass_mm() - self.moving.mass_mm()
    }

    /// Normalised mutual information of the samples that lie in both, and the part of all samples that
    /// do.
    pub(crate) fn at(&self, fixed_from_moving: &DMat4) -> (f64, f64) {
        let to_voxel = self.fixed.voxel_from_patient * *fixed_from_moving;
        let counted = self.elsewhere.as_ref().and_then(|histogram| histogram.at(&to_voxel));
        let (joint, count) = counted.unwrap_or_else(|| self.counted(&to_voxel));
        (normalised_mutual_information(&joint), count as f64 / self.samples.len().max(1) as f64)
    }

    /// The joint histogram, and the samples that lie in both.
    fn counted(&self, to_voxel: &DMat4) -> (Vec<f64>, usize) {
        let chunk = self.samples.len().div_ceil(8).max(1);
        let empty = || (vec![0.0_f32; BINS * BINS], 0_usize);
        let count_chunk = |chunk: &[(DVec3, f32)]| {
            let (mut joint, mut count) = empty();
            for (place, moving) in chunk {
                let Some(fixed) = self.fixed.at(to_voxel.transform_point3(*place)) else { continue };
                count += 1;
                let (a, b) = ((fixed as usize).min(BINS - 2), (*moving as usize).min(BINS - 2));
                let (part_a, part_b) = (fixed - a as f32, moving - b as f32);
                let at = a * BINS + b;
                joint[at] += (1.0 - part_a) * (1.0 - part_b);
                joint[at + 1] += (1.0 - part_a) * part_b;
                joint[at + BINS] += part_a * (1.0 - part_b);
                joint[at + BINS + 1] += part_a * part_b;
            }
            (joint, count)
        };
        // Summed in the order of the chunks, so that the result does not depend on the threads.
        let chunks: Vec<(Vec<f32>, usize)> = self.samples.par_chunks(chunk).map(count_chunk).collect();
        let mut joint = vec![0.0_f64; BINS * BINS];
        let mut count = 0;
        for (part, n) in chunks {
            joint.iter_mut().zip(part).for_each(|(sum, p)| *sum += f64::from(p));
            count += n;
        }
        (joint, count)
    }
}

/// A volume on a coarser grid, its values as bins.
struct Coarse {
    dims: [usize; 3],
    /// `BINS` values, fractional; x fastest.
    bins: Vec<f32>,
    patient_from_voxel: DMat4,
    voxel_from_patient: DMat4,
}

impl Coarse {
    /// Means of blocks as near to `grid_mm` as whole voxels allow.
    fn new(volume: &Volume, grid_mm: f64) -> Self {
        let blocks = Blocks::near(volume, grid_mm);
        let (dims, patient_from_voxel) = (blocks.dims, blocks.patient_from_block);
        let voxel_from_patient = patient_from_voxel.inverse();
        Self { dims, bins: binned(&blocks.values), patient_from_voxel, voxel_from_patient }
    }

    /// The centre of mass of bins: patient coordinates.
    fn mass_mm(&self) -> DVec3 {
        let (mut sum, mut moment) = (0.0, DVec3::ZERO);
        for (index, bin) in self.bins.iter().enumerate() {
            moment += self.place(index) * f64::from(*bin);
            sum += f64::from(*bin);
        }
        self.patient_from_voxel.transform_point3(if sum > 0.0 { moment / sum } else { DVec3::ZERO })
    }

    fn place(&self, index: usize) -> DVec3 {
        let [nx, ny, _] = self.dims;
        DVec3::new((index % nx) as f64, (index / nx % ny) as f64, (index / (nx * ny)) as f64)
    }

    /// The bin at a place, trilinear; `None` outside of the voxel centres.
    fn at(&self, place: DVec3) -> Option<f32> {
        let p = place.as_vec3().to_array();
        let mut low = [0_usize; 3];
        let mut part = [0.0_f32; 3];
        for a in 0..3 {
            if !(p[a] >= 0.0 && p[a] <= (self.dims[a] - 1) as f32) {
                return None;
            }
            low[a] = (p[a] as usize).min(self.dims[a].saturating_sub(2));
            part[a] = p[a] - low[a] as f32;
        }
        let [nx, ny, _] = self.dims;
        let stride =
            [usize::from(nx > 1), if ny > 1 { nx } else { 0 }, if self.dims[2] > 1 { nx * ny } else { 0 }];
        let base = (low[2] * ny + low[1]) * nx + low[0];
        let lerp = |a: f32, b: f32, t: f32| a + (b - a) * t;
        let row = |at: usize| lerp(self.bins[at], self.bins[at + stride[0]], part[0]);
        let sheet = |at: usize| lerp(row(at), row(at + stride[1]), part[1]);
        Some(lerp(sheet(base), sheet(base + stride[2]), part[2]))
    }
}

/// Values as fractional bins between their 1st and 99.5th percentile: one bright voxel of metal must not take
/// all bins.
fn binned(values: &[f32]) -> Vec<f32> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let at = |part: f64| sorted.get((sorted.len() as f64 * part) as usize).copied().unwrap_or(0.0);
    let (low, high) = (at(0.01), at(0.995));
    let scale = if high > low { (BINS - 1) as f32 / (high - low) } else { 0.0 };
    let bin = |v: &f32| ((v - low) * scale).clamp(0.0, (BINS - 1) as f32);
    values.iter().map(|v| if v.is_finite() { bin(v) } else { 0.0 }).collect()
}

/// (H(a) + H(b)) / H(a, b) of a joint histogram; 1 when it is empty.
fn normalised_mutual_information(joint: &[f64]) -> f64 {
    let whole: f64 = joint.iter().sum();
    if whole <= 0.0 {
        return 1.0;
    }
    let entropy = |counts: &mut dyn Iterator<Item = f64>| -> f64 {
        counts.filter(|c| *c > 0.0).map(|c| -(c / whole) * (c / whole).ln()).sum()
    };
    let rows = entropy(&mut joint.chunks_exact(BINS).map(|row| row.iter().sum()));
    let columns = entropy(&mut (0..BINS).map(|c| joint.iter().skip(c).step_by(BINS).sum()));
    let both = entropy(&mut joint.iter().copied());
    if both > 0.0 { (rows + columns) / both } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;

    #[test]
    fn a_volume_is_most_alike_to_itself_where_it_lies_and_less_the_farther_it_is_away() {
        let head = phantom::head([60, 60, 60], 3.0);
        let compared = Compared::new(&head, &head, 4.0, 10_000, None);
        let at = |x: f64| compared.at(&DMat4::from_translation(DVec3::X * x));
        let (same, overlap) = at(0.0);
        assert!(same > 1.4 && overlap > 0.99, "{same} {overlap}");
        assert!(same > at(2.0).0 && at(2.0).0 > at(6.0).0 && at(6.0).0 > at(15.0).0);
        let (nothing, overlap) = at(1000.0);
        assert_eq!((nothing, overlap), (1.0, 0.0));
    }
}
