//! Noise taken out of a box of voxels while its edges stay, for tools that follow tissue from voxel to voxel.
//!
//! Nonlinear diffusion (Perona and Malik, IEEE PAMI 12, 1990; for medical volumes Gerig, Kübler, Kikinis and
//! Jolesz, IEEE TMI 11, 1992): neighbours share their difference as far as it looks like noise. Never for
//! what a reader sees.

use crate::geodesic::Lattice;

/// 1.4826 × the median of absolute values estimates the standard deviation of normal values (Rousseeuw and
/// Croux, 1993).
const SD_FROM_MEDIAN: f32 = 1.4826;

/// The middle one of the values; `None` when there is none.
pub fn median(values: &mut [f32]) -> Option<f32> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

/// Standard deviation of values around `center`, blind to up to half of them.
pub fn robust_sd(values: &[f32], center: f32) -> f32 {
    let mut apart: Vec<f32> = values.iter().map(|v| (v - center).abs()).collect();
    SD_FROM_MEDIAN * median(&mut apart).unwrap_or(0.0)
}

/// How much neighbouring voxels differ within `radius_mm` of a voxel: the standard deviation of their
/// differences, blind to edges as long as they are fewer than half of the pairs.
pub fn step_sd(
    lattice: &Lattice,
    values: &[f32],
    center: [usize; 3],
    radius_mm: f64,
    spacing_mm: [f64; 3],
) -> f32 {
    let low = [0, 1, 2].map(|a| center[a].saturating_sub((radius_mm / spacing_mm[a]).ceil() as usize));
    let high =
        [0, 1, 2].map(|a| (center[a] + (radius_mm / spacing_mm[a]).ceil() as usize).min(lattice.size[a] - 1));
    let mut differences = Vec::new();
    for z in low[2]..=high[2] {
        for y in low[1]..=high[1] {
            for x in low[0]..=high[0] {
                let (index, at) = (lattice.index([x, y, z]), [x, y, z]);
                for (axis, stride) in lattice.strides().into_iter().enumerate() {
                    if at[axis] < high[axis] {
                        differences.push((values[index + stride] - values[index]).abs());
                    }
                }
            }
        }
    }
    SD_FROM_MEDIAN * median(&mut differences).unwrap_or(0.0)
}

/// Diffuses `times` times; a difference of `edge` or more between neighbours is an edge and stays.
pub fn diffuse(lattice: &Lattice, values: &mut [f32], spacing_mm: [f64; 3], edge: f32, times: usize) {
    if edge <= 0.0 {
        return;
    }
    let least = spacing_mm.into_iter().fold(f64::INFINITY, f64::min);
    let weights = spacing_mm.map(|s| (least / s).powi(2) as f32);
    // The largest step in time for which the scheme is stable, with some room.
    let time = 1.0 / (2.0 * weights.iter().sum::<f32>() + 1.0);
    let inverse = 1.0 / (edge * edge);
    let strides = lattice.strides();
    let mut flow = vec![0.0_f32; values.len()];
    for _ in 0..times {
        flow.fill(0.0);
        for axis in 0..3 {
            let mut pairs = lattice.size;
            pairs[axis] -= 1;
            let (stride, weight) = (strides[axis], weights[axis] * time);
            for z in 0..pairs[2] {
                for y in 0..pairs[1] {
                    let first = lattice.index([0, y, z]);
                    for i in first..first + pairs[0] {
                        let difference = values[i + stride] - values[i];
                        let part = 1.0 + difference * difference * inverse;
                        let moved = weight * difference / (part * part);
                        flow[i] += moved;
                        flow[i + stride] -= moved;
                    }
                }
            }
        }
        values.iter_mut().zip(&flow).for_each(|(value, flow)| *value += flow);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    #[test]
    fn noise_goes_and_an_edge_of_many_times_the_noise_stays_where_it_is() {
        let lattice = Lattice::new([0; 3], [31, 15, 15], [DVec3::X, DVec3::Y, DVec3::Z]);
        let mut state = 3u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 * 34.6 - 17.3 // standard deviation 10
        };
        let mut values = lattice.filled(0.0, |v| noise() + if v[0] < 16 { 0.0 } else { 200.0 });
        let step = step_sd(&lattice, &values, [8, 8, 8], 6.0, [1.0; 3]);
        assert!((step / 14.1 - 1.0).abs() < 0.25, "{step}");
        diffuse(&lattice, &mut values, [1.0; 3], 2.5 * step, 10);
        let side = |xs: std::ops::Range<usize>| {
            let of: Vec<f32> = xs
                .flat_map(|x| (0..256).map(move |i| [x, i % 16, i / 16]))
                .map(|v| values[lattice.index(v)])
                .collect();
            let mean = of.iter().sum::<f32>() / of.len() as f32;
            (mean, (of.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / of.len() as f32).sqrt())
        };
        for (found, wanted) in [(side(12..16), 0.0), (side(16..20), 200.0)] {
            assert!((found.0 - wanted).abs() < 4.0 && found.1 < 4.0, "{found:?}");
        }
    }
}
