//! Convolutions: by Winograd's algorithm where it fits, else as a product of gathered windows and the kernels.

use rayon::prelude::*;

use super::product::{Rows, product};
use super::{Map, winograd};
use crate::layers::conv::ConvSpec;

/// Output voxels whose windows are gathered together.
const GATHERED: usize = 256;

/// The convolution of a map. `weight` is outputs, inputs, depth, rows, columns; no groups.
pub(in crate::layers) fn convolve(map: &Map, weight: &[f32], bias: Option<&[f32]>, spec: &ConvSpec) -> Map {
    if winograd::fits(spec) {
        return winograd::convolve(map, weight, bias, spec);
    }
    let [images, depth, rows, columns, inputs] = map.dims;
    let [_, _, out_depth, out_rows, out_columns] = spec.output_dims([images, inputs, depth, rows, columns]);
    let dims = [images, out_depth, out_rows, out_columns, spec.outputs];
    let kernels = by_tap(weight, spec);
    let taps: usize = spec.kernel.iter().product();
    let width = taps * inputs;
    let is_pointwise = taps == 1 && spec.stride == [1; 3] && spec.padding == [0; 3];
    let mut values = vec![0.0; dims.iter().product()];
    values.par_chunks_mut(GATHERED * spec.outputs).enumerate().for_each(|(chunk, out)| {
        let count = out.len() / spec.outputs;
        let first = chunk * GATHERED;
        if let Some(bias) = bias {
            out.chunks_exact_mut(spec.outputs).for_each(|voxel| voxel.copy_from_slice(bias));
        }
        let sizes = [count, spec.outputs, width];
        let right = Rows { values: &kernels, stride: spec.outputs };
        if is_pointwise {
            let left = Rows { values: &map.values[first * inputs..], stride: inputs };
            product(sizes, left, right, out, spec.outputs, bias.is_some());
            return;
        }
        let mut windows = vec![0.0; count * width];
        for (place, window) in windows.chunks_exact_mut(width).enumerate() {
            let at = first + place;
            let column = at % out_columns;
            let row = at / out_columns % out_rows;
            let slice = at / (out_columns * out_rows) % out_depth;
            let image = at / (out_columns * out_rows * out_depth);
            gather(map, image, [slice, row, column], spec, window);
        }
        let left = Rows { values: &windows, stride: width };
        product(sizes, left, right, out, spec.outputs, bias.is_some());
    });
    Map { dims, values }
}

/// The inputs under a kernel, tap after tap; what lies outside of the map stays 0.
fn gather(map: &Map, image: usize, at: [usize; 3], spec: &ConvSpec, window: &mut [f32]) {
    let [_, depth, rows, columns, inputs] = map.dims;
    let [kd, kr, kc] = spec.kernel;
    let from = |axis: usize| (at[axis] * spec.stride[axis]) as isize - spec.padding[axis] as isize;
    let (first_slice, first_row, first_column) = (from(0), from(1), from(2));
    // Columns of the kernel that are inside: one run of memory.
    let low = (-first_column).clamp(0, kc as isize) as usize;
    let high = (columns as isize - first_column).clamp(low as isize, kc as isize) as usize;
    if low == high {
        return;
    }
    for tap_slice in 0..kd {
        let slice = first_slice + tap_slice as isize;
        if slice < 0 || slice >= depth as isize {
            continue;
        }
        for tap_row in 0..kr {
            let row = first_row + tap_row as isize;
            if row < 0 || row >= rows as isize {
                continue;
            }
            let voxel = ((image * depth + slice as usize) * rows + row as usize) * columns;
            let source = (voxel as isize + first_column + low as isize) as usize * inputs;
            let target = ((tap_slice * kr + tap_row) * kc + low) * inputs;
            let count = (high - low) * inputs;
            window[target..target + count].copy_from_slice(&map.values[source..source + count]);
        }
    }
}

/// Kernels as a matrix: taps and inputs down, outputs across.
fn by_tap(weight: &[f32], spec: &ConvSpec) -> Vec<f32> {
    let taps: usize = spec.kernel.iter().product();
    let mut kernels = vec![0.0; weight.len()];
    for output in 0..spec.outputs {
        for input in 0..spec.inputs {
            for tap in 0..taps {
                let value = weight[(output * spec.inputs + input) * taps + tap];
                kernels[(tap * spec.inputs + input) * spec.outputs + output] = value;
            }
        }
    }
    kernels
}
