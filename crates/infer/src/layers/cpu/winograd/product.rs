//! The products of transformed inputs and kernels: sums over taps and inputs that stay in registers.

use pulp::Simd;

use super::PANEL;

/// Transformed inputs of all tiles.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) values: &'a [f32],
    pub(super) inputs: usize,
    /// From one tile to the next.
    pub(super) stride: usize,
}

/// For `count` tiles: the sum over taps and inputs of what lies `at` the tap, times a panel of kernels.
#[inline(always)]
pub(super) fn product<S: Simd, const HIGH: usize, const WIDE: usize>(
    simd: S,
    left: Left<'_>,
    at: impl Fn(usize) -> usize,
    kernels: &[f32],
    count: usize,
    out: &mut [f32],
    stride: usize,
) {
    let mut tile = 0;
    while tile + HIGH <= count {
        rows::<S, HIGH, WIDE>(simd, left, tile, &at, kernels, &mut out[tile * stride..], stride);
        tile += HIGH;
    }
    while tile + 3 <= count {
        rows::<S, 3, WIDE>(simd, left, tile, &at, kernels, &mut out[tile * stride..], stride);
        tile += 3;
    }
    while tile < count {
        rows::<S, 1, WIDE>(simd, left, tile, &at, kernels, &mut out[tile * stride..], stride);
        tile += 1;
    }
}

/// The same for `HIGH` tiles, whose sums stay in registers: `WIDE` vectors are a panel.
#[inline(always)]
fn rows<S: Simd, const HIGH: usize, const WIDE: usize>(
    simd: S,
    left: Left<'_>,
    tile: usize,
    at: &impl Fn(usize) -> usize,
    kernels: &[f32],
    out: &mut [f32],
    stride: usize,
) {
    let mut sums = [[simd.splat_f32s(0.0); WIDE]; HIGH];
    let inputs = left.inputs;
    for (tap, kernels) in kernels.chunks_exact(inputs * PANEL).enumerate() {
        let start = at(tap) + tile * left.stride;
        let mut rows: [&[f32]; HIGH] = [&[]; HIGH];
        for (row, values) in rows.iter_mut().enumerate() {
            *values = &left.values[start + row * left.stride..][..inputs];
        }
        let (vectors, _) = S::as_simd_f32s(kernels);
        for (input, vectors) in (0..inputs).zip(vectors.chunks_exact(WIDE)) {
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let value = simd.splat_f32s(row[input]);
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = simd.mul_add_f32s(value, *vector, *sum);
                }
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        let (vectors, _) = S::as_mut_simd_f32s(&mut out[row * stride..][..PANEL]);
        for (to, sum) in vectors.iter_mut().zip(sums) {
            *to = *sum;
        }
    }
}
