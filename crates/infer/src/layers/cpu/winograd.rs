//! Winograd's minimal filtering F(4 × 4, 3 × 3) in the plane (Lavin and Gray, arXiv:1509.09308): 36 products for 16 outputs
//! instead of 144. Taps along the depth are added up as they are.
//!
//! Tiles of 4 × 4 outputs. A thread goes through its slices with one band of tiles after the other: the inputs of a slice are
//! transformed once and kept for the slices that need them (as many as there are taps), 36 products are made with the kernels,
//! which were transformed with the network, and the sums are transformed back. What a band needs stays in the processor's
//! caches; only the map itself goes through memory.
//!
//! The product is made here and not by `gemm`: its rows lie far apart, taps are added up without leaving the registers, and
//! kernels are in the order of use already.
//!
//! What works on vectors is inlined into one function that has the processor's instructions ([`Arch::dispatch`]), so there are
//! plain loops and no closures in it: a closure in an iterator is a function of its own, which has not.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

use super::{Map, spare};
use crate::layers::conv::ConvSpec;

/// Edge of a tile of outputs, and of the inputs under it.
const TILE: usize = 4;
const PATCH: usize = 6;
const POINTS: usize = PATCH * PATCH;
/// Output channels of which the kernels lie together, the last ones filled up with zeros.
const PANEL: usize = 32;
/// Tiles whose sums are made together, about: often enough that kernels are not read again and again, few enough that all of
/// them stay in the second cache.
const ROWS: usize = 144;
/// Slices of a thread's share, at most.
const SHARE: usize = 32;

/// Kernels of 3 × 3 in the plane that move by single steps, with channels enough to be worth it.
pub(super) fn fits(spec: &ConvSpec) -> bool {
    spec.kernel[1..] == [3, 3]
        && spec.stride == [1; 3]
        && spec.padding[1..] == [1, 1]
        && spec.inputs >= 4
        && spec.outputs >= 4
}

/// The convolution of the channels of one map after those of the other. `kernels` are those of [`transformed_kernels`].
pub(super) fn convolve(maps: &[&Map], kernels: &[f32], bias: Option<&[f32]>, spec: &ConvSpec) -> Map {
    let [images, depth, rows, columns, _] = maps[0].dims;
    let inputs = maps.iter().map(|map| map.dims[4]).sum();
    let [_, _, out_depth, ..] = spec.output_dims([images, inputs, depth, rows, columns]);
    let dims = [images, out_depth, rows, columns, spec.outputs];
    let mut values = spare::take(dims.iter().product());
    let job = Job { maps, kernels, bias, spec };
    let arch = Arch::new();
    let line = columns * spec.outputs;
    // Shares of whole slices; of a picture shares of rows.
    if images * out_depth > 1 {
        let slices = out_depth.div_ceil(2 * rayon::current_num_threads()).clamp(1, SHARE);
        for (image, values) in values.chunks_mut(out_depth * rows * line).enumerate() {
            values.par_chunks_mut(slices * rows * line).enumerate().for_each_init(
                Scratch::default,
                |scratch, (share, out)| {
                    let first_slice = share * slices;
                    let place =
                        Place { image, first_slice, slices: out.len() / (rows * line), rows: 0..rows };
                    arch.dispatch(Share { job: &job, place, scratch, out });
                },
            );
        }
    } else {
        let band =
            (rows.div_ceil(2 * rayon::current_num_threads())).next_multiple_of(TILE).clamp(TILE, 8 * TILE);
        values.par_chunks_mut(band * line).enumerate().for_each_init(
            Scratch::default,
            |scratch, (share, out)| {
                let first = share * band;
                let rows = first..first + out.len() / line;
                let place = Place { image: 0, first_slice: 0, slices: 1, rows };
                arch.dispatch(Share { job: &job, place, scratch, out });
            },
        );
    }
    Map { dims, values }
}

struct Job<'a> {
    maps: &'a [&'a Map],
    /// Points, panels of outputs, depth taps, inputs, [`PANEL`] outputs.
    kernels: &'a [f32],
    bias: Option<&'a [f32]>,
    spec: &'a ConvSpec,
}

/// Output slices and rows of a share.
struct Place {
    image: usize,
    first_slice: usize,
    slices: usize,
    rows: Range<usize>,
}

/// A thread's own memory.
#[derive(Default)]
struct Scratch {
    /// A ring of slices: tiles, points, inputs.
    patches: Vec<f32>,
    /// Slices, tiles, points, outputs up to a whole panel.
    sums: Vec<f32>,
}

/// What one thread does at a time: `out` holds the rows of the place, slice after slice.
struct Share<'a> {
    job: &'a Job<'a>,
    place: Place,
    scratch: &'a mut Scratch,
    out: &'a mut [f32],
}

impl WithSimd for Share<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many rows and vectors as registers hold.
        match S::F32_LANES {
            16 => self.run::<S, 12, 2>(simd),
            8 => self.run::<S, 3, 4>(simd),
            4 => self.run::<S, 3, 8>(simd),
            _ => self.run::<S, 1, PANEL>(simd),
        }
    }
}

impl Share<'_> {
    #[inline(always)]
    fn run<S: Simd, const HIGH: usize, const WIDE: usize>(self, simd: S) {
        let Share { job, place, scratch, out } = self;
        let (spec, columns) = (job.spec, job.maps[0].dims[3]);
        let (inputs, taps) = (spec.inputs, spec.kernel[0]);
        let panels = spec.outputs.div_ceil(PANEL);
        let (height, tile_columns) = (place.rows.len(), columns.div_ceil(TILE));
        let all_rows = height.div_ceil(TILE);
        let band = ROWS.div_ceil(tile_columns).clamp(1, all_rows);
        let together = ROWS.div_ceil(band * tile_columns).clamp(1, place.slices);
        let ring = together + taps - 1;
        let (patch, sum) = (POINTS * inputs, POINTS * panels * PANEL);
        scratch.patches.resize(ring * band * tile_columns * patch, 0.0);
        scratch.sums.resize(together * band * tile_columns * sum, 0.0);
        for first_row in (0..all_rows).step_by(band) {
            let tiles = Tiles {
                first_row: first_row * TILE,
                rows: band.min(all_rows - first_row),
                columns: tile_columns,
            };
            let slot = tiles.count() * patch;
            let mut transformed = 0;
            for first in (0..place.slices).step_by(together) {
                let group = together.min(place.slices - first);
                while transformed < first + group + taps - 1 {
                    let to = &mut scratch.patches[transformed % ring * slot..][..slot];
                    let source = (place.first_slice + transformed).checked_sub(spec.padding[0]);
                    let depth = job.maps[0].dims[1];
                    match source.filter(|slice| *slice < depth) {
                        Some(slice) => {
                            let mut before = 0;
                            for map in job.maps {
                                let slice = place.image * depth + slice;
                                forward(simd, map, slice, place.rows.start, tiles, [before, inputs], to);
                                before += map.dims[4];
                            }
                        }
                        None => to.fill(0.0),
                    }
                    transformed += 1;
                }
                for point in 0..POINTS {
                    for panel in 0..panels {
                        let size = taps * inputs * PANEL;
                        let kernels = &job.kernels[(point * panels + panel) * size..][..size];
                        for slice in 0..group {
                            let at = |tap: usize| (first + slice + tap) % ring * slot + point * inputs;
                            let left = Left { values: &scratch.patches, inputs, stride: patch };
                            let to = slice * tiles.count() * sum + (point * panels + panel) * PANEL;
                            let sums = &mut scratch.sums[to..];
                            product::<S, HIGH, WIDE>(simd, left, at, kernels, tiles.count(), sums, sum);
                        }
                    }
                }
                for slice in 0..group {
                    let sums = &scratch.sums[slice * tiles.count() * sum..][..tiles.count() * sum];
                    let lines = (first + slice) * height;
                    back(simd, sums, tiles, job, lines..lines + height, out);
                }
            }
        }
    }
}

/// A band of tiles.
#[derive(Clone, Copy)]
struct Tiles {
    /// Within the share's rows.
    first_row: usize,
    rows: usize,
    columns: usize,
}

impl Tiles {
    #[inline(always)]
    fn count(self) -> usize {
        self.rows * self.columns
    }
}

/// Transformed inputs of all tiles.
#[derive(Clone, Copy)]
struct Left<'a> {
    values: &'a [f32],
    inputs: usize,
    /// From one tile to the next.
    stride: usize,
}

/// For `count` tiles: the sum over taps and inputs of what lies `at` the tap, times a panel of kernels.
#[inline(always)]
fn product<S: Simd, const HIGH: usize, const WIDE: usize>(
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
fn forward<S: Simd>(
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
fn back<S: Simd>(simd: S, sums: &[f32], tiles: Tiles, job: &Job<'_>, lines: Range<usize>, out: &mut [f32]) {
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
pub(super) fn transformed_kernels(weight: &[f32], spec: &ConvSpec) -> Vec<f32> {
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
