//! Convolutions: by Winograd's algorithm where it fits, else as a product of gathered windows and the kernels.

use rayon::prelude::*;

use super::product::{Rows, product};
use super::{Map, join, spare, winograd};
use crate::layers::conv::ConvSpec;

/// Output voxels whose windows are gathered together.
const GATHERED: usize = 256;
/// Inputs of which a window has so little side by side that it is gathered tap by tap, for many voxels at once.
const FEW: usize = 4;

/// The kernels of a convolution without groups, in the order in which they are used: made once, with the network.
#[derive(Debug)]
pub(in crate::layers) enum Kernels {
    /// At Winograd's points.
    AtPoints(Vec<f32>),
    /// Taps and inputs down, outputs across.
    ByTap(Vec<f32>),
}

impl Kernels {
    /// From outputs, inputs, depth, rows, columns.
    pub(in crate::layers) fn of(weight: Vec<f32>, spec: &ConvSpec) -> Self {
        match winograd::fits(spec) {
            true => Self::AtPoints(winograd::transformed_kernels(&weight, spec)),
            false => Self::ByTap(by_tap(&weight, spec)),
        }
    }

    /// Whether the channels of two maps need not lie together.
    pub(in crate::layers) fn take_two(&self) -> bool {
        matches!(self, Self::AtPoints(_))
    }
}

/// The convolution of two maps as if their channels were one map's, by kernels that take two.
pub(in crate::layers) fn convolve_both(
    [first, second]: [&Map; 2],
    kernels: &Kernels,
    bias: Option<&[f32]>,
    spec: &ConvSpec,
) -> Map {
    match kernels {
        Kernels::AtPoints(kernels) => winograd::convolve(&[first, second], kernels, bias, spec),
        Kernels::ByTap(_) => convolve(&join(first, second), kernels, bias, spec),
    }
}

/// The convolution of a map.
pub(in crate::layers) fn convolve(
    map: &Map,
    kernels: &Kernels,
    bias: Option<&[f32]>,
    spec: &ConvSpec,
) -> Map {
    let kernels = match kernels {
        Kernels::AtPoints(kernels) => return winograd::convolve(&[map], kernels, bias, spec),
        Kernels::ByTap(kernels) => kernels,
    };
    let [images, depth, rows, columns, inputs] = map.dims;
    let [_, _, out_depth, out_rows, out_columns] = spec.output_dims([images, inputs, depth, rows, columns]);
    let dims = [images, out_depth, out_rows, out_columns, spec.outputs];
    let taps: usize = spec.kernel.iter().product();
    let width = taps * inputs;
    let is_pointwise = taps == 1 && spec.stride == [1; 3] && spec.padding == [0; 3];
    let mut values = spare::take(dims.iter().product());
    values.par_chunks_mut(GATHERED * spec.outputs).enumerate().for_each(|(chunk, out)| {
        let count = out.len() / spec.outputs;
        let first = chunk * GATHERED;
        if let Some(bias) = bias {
            out.chunks_exact_mut(spec.outputs).for_each(|voxel| voxel.copy_from_slice(bias));
        }
        let sizes = [count, spec.outputs, width];
        let right = Rows::of(kernels, spec.outputs);
        if is_pointwise {
            let left = Rows::of(&map.values[first * inputs..], inputs);
            product(sizes, left, right, out, spec.outputs, bias.is_some());
            return;
        }
        let mut windows = vec![0.0; count * width];
        if inputs <= FEW {
            gather_few(map, first, count, [out_depth, out_rows, out_columns], spec, &mut windows);
            let left = Rows::by_column(&windows, count);
            product(sizes, left, right, out, spec.outputs, bias.is_some());
            return;
        }
        for (place, window) in windows.chunks_exact_mut(width).enumerate() {
            let at = first + place;
            let column = at % out_columns;
            let row = at / out_columns % out_rows;
            let slice = at / (out_columns * out_rows) % out_depth;
            let image = at / (out_columns * out_rows * out_depth);
            gather(map, image, [slice, row, column], spec, window);
        }
        let left = Rows::of(&windows, width);
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

/// The same for `count` voxels from `first` on, tap after tap: one row of numbers for all voxels.
fn gather_few(
    map: &Map,
    first: usize,
    count: usize,
    [out_depth, out_rows, out_columns]: [usize; 3],
    spec: &ConvSpec,
    windows: &mut [f32],
) {
    let [_, depth, rows, columns, inputs] = map.dims;
    let [kd, kr, kc] = spec.kernel;
    let mut done = 0;
    while done < count {
        // As far as the voxels are in one row.
        let at = first + done;
        let from_column = at % out_columns;
        let row = at / out_columns % out_rows;
        let slice = at / (out_columns * out_rows) % out_depth;
        let image = at / (out_columns * out_rows * out_depth);
        let run = (out_columns - from_column).min(count - done);
        for tap in 0..kd * kr * kc {
            let inside = |axis: usize, place: usize, tap: usize, size: usize| {
                (place * spec.stride[axis] + tap).checked_sub(spec.padding[axis]).filter(|at| *at < size)
            };
            let source_slice = inside(0, slice, tap / (kr * kc), depth);
            let source_row = inside(1, row, tap / kc % kr, rows);
            let (Some(source_slice), Some(source_row)) = (source_slice, source_row) else { continue };
            let line = ((image * depth + source_slice) * rows + source_row) * columns;
            for input in 0..inputs {
                let to = &mut windows[(tap * inputs + input) * count + done..][..run];
                for (place, value) in to.iter_mut().enumerate() {
                    if let Some(column) = inside(2, from_column + place, tap % kc, columns) {
                        *value = map.values[(line + column) * inputs + input];
                    }
                }
            }
        }
        done += run;
    }
}

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
