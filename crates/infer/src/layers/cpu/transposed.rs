//! Transposed convolutions whose kernel is their stride: a product of matrices, each voxel's results put in their box.

use rayon::prelude::*;

use super::product::{Rows, product};
use super::{Map, spare};
use crate::layers::conv::TransposedSpec;

/// Kernels as a matrix: inputs down, taps and outputs across.
#[derive(Debug)]
pub(in crate::layers) struct TransposedKernels(Vec<f32>);

impl TransposedKernels {
    /// From inputs, outputs, depth, rows, columns.
    pub(in crate::layers) fn of(weight: &[f32], spec: &TransposedSpec) -> Self {
        Self(by_tap(weight, spec))
    }
}

pub(in crate::layers) fn transposed(
    map: &Map,
    kernels: &TransposedKernels,
    bias: Option<&[f32]>,
    spec: &TransposedSpec,
) -> Map {
    let [images, depth, rows, columns, inputs] = map.dims;
    let [kd, kr, kc] = spec.kernel;
    let (outputs, taps) = (spec.outputs, kd * kr * kc);
    let dims = [images, depth * kd, rows * kr, columns * kc, outputs];
    let mut values = spare::take(dims.iter().product());
    let wide = taps * outputs;
    // One slice of the input makes `kd` slices of the output.
    values.par_chunks_mut(kd * rows * kr * columns * kc * outputs).enumerate().for_each(|(slice, out)| {
        let mut boxes = vec![0.0; columns * wide];
        for row in 0..rows {
            let source = &map.values[(slice * rows + row) * columns * inputs..][..columns * inputs];
            let left = Rows::of(source, inputs);
            let right = Rows::of(&kernels.0, wide);
            product([columns, wide, inputs], left, right, &mut boxes, wide, false);
            for (column, results) in boxes.chunks_exact(wide).enumerate() {
                for tap in 0..kd * kr {
                    let (tap_slice, tap_row) = (tap / kr, tap % kr);
                    let line = (tap_slice * rows * kr + row * kr + tap_row) * columns * kc + column * kc;
                    let to = &mut out[line * outputs..][..kc * outputs];
                    to.copy_from_slice(&results[tap * kc * outputs..][..kc * outputs]);
                    if let Some(bias) = bias {
                        for voxel in to.chunks_exact_mut(outputs) {
                            voxel.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
                        }
                    }
                }
            }
        }
    });
    Map { dims, values }
}

fn by_tap(weight: &[f32], spec: &TransposedSpec) -> Vec<f32> {
    let taps: usize = spec.kernel.iter().product();
    let mut kernels = vec![0.0; weight.len()];
    for input in 0..spec.inputs {
        for output in 0..spec.outputs {
            for tap in 0..taps {
                let value = weight[(input * spec.outputs + output) * taps + tap];
                kernels[(input * taps + tap) * spec.outputs + output] = value;
            }
        }
    }
    kernels
}
