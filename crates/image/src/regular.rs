//! Uneven slice distances made even, so that planes and rays through the volume are true to scale.
//!
//! Between two slices the value is interpolated linearly; what was measured stays measured only at the
//! original slices, so the volume keeps its `uneven_spacing` warning.

use std::sync::Arc;

use crate::volume::{Volume, Voxels};

/// A slice distance that varies by less than this part of its median is even.
const EVEN: f64 = 0.01;

/// The volume on an even grid. One that is even already comes back untouched.
pub fn regular(volume: Volume) -> Volume {
    let Some((count, step_mm)) = even_grid(&volume) else { return volume };
    let [nx, ny, nz, nt] = volume.dims;
    let size = nx * ny;
    // For each new slice: the slice below it, and the part of the one above.
    let places: Vec<(usize, f32)> =
        (0..count).map(|i| place(&volume.slice_offsets_mm, i as f64 * step_mm)).collect();
    let slices: Vec<(usize, f32)> = (0..nt)
        .flat_map(|t| places.iter().map(move |(below, part)| ((t * nz + below) * size, *part)))
        .collect();
    let old = Arc::try_unwrap(volume.voxels).unwrap_or_else(|shared| (*shared).clone());
    let voxels = match old {
        Voxels::I16(v) => Voxels::I16(blended(v, &slices, size, f32::from, |x| x.round() as i16)),
        Voxels::F32(v) => Voxels::F32(blended(v, &slices, size, |x| x, |x| x)),
    };
    let mut even = Volume { voxels: voxels.into(), slice_offsets_mm: Vec::new(), ..volume };
    even.dims[2] = count;
    even.patient_from_voxel.z_axis *= step_mm / even.spacing_mm.z;
    even.spacing_mm.z = step_mm;
    even
}

/// True when all slices have the same distance, so that one affine map holds for every voxel.
pub fn is_regular(volume: &Volume) -> bool {
    even_grid(volume).is_none()
}

/// Number of slices and their distance on the even grid; `None` when the volume is even.
fn even_grid(volume: &Volume) -> Option<(usize, f64)> {
    let offsets = &volume.slice_offsets_mm;
    let gaps = offsets.windows(2).map(|pair| pair[1] - pair[0]);
    let (least, most) = gaps.fold((f64::INFINITY, 0.0_f64), |(low, high), gap| (low.min(gap), high.max(gap)));
    let median = volume.spacing_mm.z;
    if offsets.len() < 2 || least <= 0.0 || most - least <= EVEN * median {
        return None;
    }
    let range = offsets[offsets.len() - 1] - offsets[0];
    let steps = (range / median).round().max(1.0);
    Some((steps as usize + 1, range / steps))
}

/// The slice at or below an offset, and how far it is to the next, 0 to 1.
fn place(offsets: &[f64], at_mm: f64) -> (usize, f32) {
    let above = offsets.partition_point(|offset| *offset <= at_mm + offsets[0]).clamp(1, offsets.len() - 1);
    let below = above - 1;
    let part = (at_mm + offsets[0] - offsets[below]) / (offsets[above] - offsets[below]);
    (below, part.clamp(0.0, 1.0) as f32)
}

/// The new slices, from the last: what lies behind the slices that are still needed is given back on the way,
/// so that the two volumes are never in memory together.
fn blended<T: Copy + Default>(
    mut old: Vec<T>,
    slices: &[(usize, f32)],
    size: usize,
    value: impl Fn(T) -> f32,
    back: impl Fn(f32) -> T,
) -> Vec<T> {
    let mut out = vec![T::default(); size * slices.len()];
    for ((at, part), to) in slices.iter().zip(out.chunks_exact_mut(size)).rev() {
        old.truncate(at + 2 * size);
        if old.capacity() - old.len() >= 16 * size {
            old.shrink_to_fit();
        }
        let (below, above) = old[*at..].split_at(size);
        for (to, (a, b)) in to.iter_mut().zip(below.iter().zip(above)) {
            let (a, b) = (value(*a), value(*b));
            *to = back(a + (b - a) * part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;

    #[test]
    fn a_value_between_two_distant_slices_lies_between_theirs() {
        let mut volume = phantom::ramp([2, 2, 4]);
        volume.slice_offsets_mm = vec![0.0, 1.0, 2.0, 4.0];
        let even = regular(volume);
        assert_eq!(even.dims[2], 5);
        let column: Vec<f32> = (0..5).filter_map(|z| even.at(0, 0, z)).collect();
        assert_eq!(column, [0.0, 100.0, 200.0, 250.0, 300.0]);
        assert!((even.spacing_mm.z - 1.0).abs() < 1e-9);
    }

    #[test]
    fn an_even_volume_comes_back_untouched() {
        let volume = phantom::ramp([2, 2, 3]);
        assert_eq!(regular(volume.clone()).voxels, volume.voxels);
    }
}
