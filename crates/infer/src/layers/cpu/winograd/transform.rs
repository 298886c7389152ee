//! Tiles of inputs and kernels at Winograd's points, and sums at points as tiles of outputs.

use pulp::Simd;
use std::ops::Range;

use super::{Job, PANEL, PATCH, POINTS, TILE, Tiles};
use crate::layers::conv::ConvSpec;
use crate::layers::cpu::Map;

/// Some channels of a voxel.
#[inline(always)]
fn load<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    match S::as_simd_f32s(values).0 {
        [whole] => *whole,
        _ => simd.partial_load_f32s(values),
    }
}

#[inline(always)]
fn store<S: Simd>(simd: S, to: &mut [f32], vector: S::f32s) {
    if to.len() == S::F32_LANES {
        S::as_mut_simd_f32s(to).0[0] = vector;
    } else {
        simd.partial_store_f32s(to, vector);
    }
}

/// A number times a vector, and another vector.
#[inline(always)]
fn times<S: Simd>(simd: S, factor: f32, x: S::f32s, add: S::f32s) -> S::f32s {
    simd.mul_add_f32s(simd.splat_f32s(factor), x, add)
}

/// Bᵀ d B for every tile: tiles, points, `all` inputs, of which the map's begin at `before`.
#[inline(always)]
pub(super) fn forward<S: Simd>(
    simd: S,
    map: &Map,
    slice: usize,
    top: usize,
    tiles: Tiles,
    [before, all]: [usize; 2],
    out: &mut [f32],
) {
    let [_, _, rows, columns, inputs] = map.dims;
    let plane = &map.values[slice * rows * columns * inputs..][..rows * columns * inputs];
    for (tile, to) in out.chunks_exact_mut(POINTS * all).enumerate() {
        // The first row and column under the tile lie one before it, and may be outside, where there are zeros.
        let row = top + tiles.first_row + tile / tiles.columns * TILE;
        let column = tile % tiles.columns * TILE;
        let is_inside = row > 0 && column > 0 && row + PATCH <= rows + 1 && column + PATCH <= columns + 1;
        let mut channel = 0;
        while channel < inputs {
            let lanes = S::F32_LANES.min(inputs - channel);
            let zero = simd.splat_f32s(0.0);
            let mut values = [[zero; PATCH]; PATCH];
            for (y, line) in values.iter_mut().enumerate() {
                for (x, value) in line.iter_mut().enumerate() {
                    let is_there = is_inside
                        || ((1..=rows).contains(&(row + y)) && (1..=columns).contains(&(column + x)));
                    if is_there {
                        let at = ((row + y - 1) * columns + column + x - 1) * inputs + channel;
                        *value = load(simd, &plane[at..at + lanes]);
                    }
                }
            }
            let [a, b, c, d, e, f] = values;
            let mut half = [[zero; PATCH]; PATCH];
            for x in 0..PATCH {
                half[x] = to_points(simd, [a[x], b[x], c[x], d[x], e[x], f[x]]);
            }
            let [a, b, c, d, e, f] = half;
            for y in 0..PATCH {
                let points = to_points(simd, [a[y], b[y], c[y], d[y], e[y], f[y]]);
                for (x, point) in points.into_iter().enumerate() {
                    store(simd, &mut to[(y * PATCH + x) * all + before + channel..][..lanes], point);
                }
            }
            channel += S::F32_LANES;
        }
    }
}

/// Bᵀ times a column.
#[inline(always)]
fn to_points<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; PATCH]) -> [S::f32s; PATCH] {
    let (near, far) = (times(simd, -4.0, c, e), times(simd, -4.0, b, d));
    let (inner, outer) = (simd.sub_f32s(e, c), simd.sub_f32s(d, b));
    [
        times(simd, 4.0, a, times(simd, -5.0, c, e)),
        simd.add_f32s(near, far),
        simd.sub_f32s(near, far),
        times(simd, 2.0, outer, inner),
        times(simd, -2.0, outer, inner),
        times(simd, 4.0, b, times(simd, -5.0, d, f)),
    ]
}

/// Aᵀ m A for every tile, with the bias, into the rows and columns that are there. `lines` are the rows of the slice in `out`.
#[inline(always)]
pub(super) fn back<S: Simd>(
    simd: S,
    sums: &[f32],
    tiles: Tiles,
    job: &Job<'_>,
    lines: Range<usize>,
    out: &mut [f32],
) {
    let (outputs, columns) = (job.spec.outputs, job.maps[0].dims[3]);
    let padded = outputs.next_multiple_of(PANEL);
    for (tile, from) in sums.chunks_exact(POINTS * padded).enumerate() {
        let top = lines.start + tiles.first_row + tile / tiles.columns * TILE;
        let left = tile % tiles.columns * TILE;
        let (high, wide) = (TILE.min(lines.end - top), TILE.min(columns - left));
        let mut channel = 0;
        while channel < outputs {
            let lanes = S::F32_LANES.min(outputs - channel);
            let added = match job.bias {
                Some(bias) => load(simd, &bias[channel..channel + lanes]),
                None => simd.splat_f32s(0.0),
            };
            let mut half = [[added; TILE]; PATCH];
            for (x, half) in half.iter_mut().enumerate() {
                let mut column = [added; PATCH];
                for (y, value) in column.iter_mut().enumerate() {
                    // Whole vectors are there: sums have whole panels of channels.
                    let at = (y * PATCH + x) * padded + channel;
                    *value = load(simd, &from[at..at + S::F32_LANES]);
                }
                *half = to_outputs(simd, column);
            }
            let [a, b, c, d, e, f] = half;
            for y in 0..high {
                let values = to_outputs(simd, [a[y], b[y], c[y], d[y], e[y], f[y]]);
                let row = (top + y) * columns + left;
                for (x, value) in values.into_iter().enumerate().take(wide) {
                    let to = &mut out[(row + x) * outputs + channel..][..lanes];
                    store(simd, to, simd.add_f32s(value, added));
                }
            }
            channel += S::F32_LANES;
        }
    }
}

/// Aᵀ times a column.
#[inline(always)]
fn to_outputs<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; PATCH]) -> [S::f32s; TILE] {
    let (one, other) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
    let (two, four) = (simd.add_f32s(d, e), simd.sub_f32s(d, e));
    [
        simd.add_f32s(simd.add_f32s(a, one), two),
        times(simd, 2.0, four, other),
        times(simd, 4.0, two, one),
        simd.add_f32s(times(simd, 8.0, four, other), f),
    ]
}

/// G g Gᵀ for each kernel: points, panels of outputs, depth taps, inputs, [`PANEL`] outputs.
pub(in crate::layers::cpu) fn transformed_kernels(weight: &[f32], spec: &ConvSpec) -> Vec<f32> {
    let (inputs, outputs, taps) = (spec.inputs, spec.outputs, spec.kernel[0]);
    let panels = outputs.div_ceil(PANEL);
    let mut kernels = vec![0.0; POINTS * panels * taps * inputs * PANEL];
    let plane = panels * taps * inputs * PANEL;
    for output in 0..outputs {
        let (panel, place) = (output / PANEL, output % PANEL);
        for input in 0..inputs {
            for tap in 0..taps {
                let g = &weight[((output * inputs + input) * taps + tap) * 9..][..9];
                let mut half = [[0.0_f32; 3]; PATCH];
                for x in 0..3 {
                    let column = to_kernel_points([g[x], g[3 + x], g[6 + x]]);
                    half.iter_mut().zip(column).for_each(|(line, value)| line[x] = value);
                }
                for (y, line) in half.iter().enumerate() {
                    for (x, value) in to_kernel_points(*line).into_iter().enumerate() {
                        let at = ((panel * taps + tap) * inputs + input) * PANEL + place;
                        kernels[(y * PATCH + x) * plane + at] = value;
                    }
                }
            }
        }
    }
    kernels
}

/// G times a column.
fn to_kernel_points([a, b, c]: [f32; 3]) -> [f32; PATCH] {
    let (even, odd) = (a + c, b);
    let (far_even, far_odd) = (a / 24.0 + c / 6.0, b / 12.0);
    [a / 4.0, -(even + odd) / 6.0, -(even - odd) / 6.0, far_even + far_odd, far_even - far_odd, c]
}
