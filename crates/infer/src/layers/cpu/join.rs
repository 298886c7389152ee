//! Two maps as one with the channels of both.

use rayon::prelude::*;

use super::{Map, spare};

/// Voxels that are copied together.
const TOGETHER: usize = 1024;

/// The channels of `first`, then those of `second`.
pub(in crate::layers) fn join(first: &Map, second: &Map) -> Map {
    let (a, b) = (first.dims[4], second.dims[4]);
    let [images, depth, rows, columns, _] = first.dims;
    let dims = [images, depth, rows, columns, a + b];
    let mut values = spare::take(dims.iter().product());
    values.par_chunks_mut(TOGETHER * (a + b)).enumerate().for_each(|(chunk, out)| {
        let start = chunk * TOGETHER;
        for (place, voxel) in out.chunks_exact_mut(a + b).enumerate() {
            let at = start + place;
            voxel[..a].copy_from_slice(&first.values[at * a..(at + 1) * a]);
            voxel[a..].copy_from_slice(&second.values[at * b..(at + 1) * b]);
        }
    });
    Map { dims, values }
}
