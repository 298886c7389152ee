//! Winograd's minimal filtering F(4 × 4, 3 × 3) in the plane (Lavin and Gray, arXiv:1509.09308): 36 products for 16 outputs
//! instead of 144. Taps along the depth are added up as they are.
//!
//! Tiles of 4 × 4 outputs; of a block of tiles and slices the inputs are transformed, 36 matrices (tiles by inputs) are
//! multiplied by the transformed kernels, and the sums are transformed back.

use pulp::Arch;
use rayon::prelude::*;

use super::Map;
use super::product::{Rows, product};
use crate::layers::conv::ConvSpec;

/// Edge of a tile of outputs, and of the inputs under it.
const TILE: usize = 4;
const PATCH: usize = 6;
const POINTS: usize = PATCH * PATCH;
/// Channels that are transformed together.
const LANES: usize = 16;
/// Rows of the matrices of a block, about: their inputs and outputs stay in the second cache.
const BLOCK: usize = 768;

type Lanes = [f32; LANES];

/// Kernels of 3 × 3 in the plane that move by single steps, with channels enough to be worth it.
pub(super) fn fits(spec: &ConvSpec) -> bool {
    spec.kernel[1..] == [3, 3]
        && spec.stride == [1; 3]
        && spec.padding[1..] == [1, 1]
        && spec.inputs >= 4
        && spec.outputs >= 4
}

pub(super) fn convolve(map: &Map, weight: &[f32], bias: Option<&[f32]>, spec: &ConvSpec) -> Map {
    let [images, depth, rows, columns, inputs] = map.dims;
    let [_, _, out_depth, ..] = spec.output_dims([images, inputs, depth, rows, columns]);
    let kernels = transformed_kernels(weight, spec);
    let dims = [images, out_depth, rows, columns, spec.outputs];
    let mut values = vec![0.0; dims.iter().product()];
    let job = Job { map, kernels: &kernels, bias, spec, out_depth };
    let tile_columns = columns.div_ceil(TILE);
    // Blocks of whole slices; of a picture blocks of rows.
    if images * out_depth > 1 {
        // Two more slices are transformed than come out: not too few at a time, and work for every thread.
        let slices = out_depth.div_ceil(2 * rayon::current_num_threads()).clamp(1, 8);
        let slice = rows * columns * spec.outputs;
        for (image, values) in values.chunks_mut(out_depth * slice).enumerate() {
            values.par_chunks_mut(slices * slice).enumerate().for_each(|(block, out)| {
                let first = block * slices;
                job.block(image, first, out.len() / slice, 0, rows, out);
            });
        }
    } else {
        let tile_rows = (BLOCK / tile_columns.max(1)).clamp(1, 8);
        let band = tile_rows * TILE;
        values.par_chunks_mut(band * columns * spec.outputs).enumerate().for_each(|(block, out)| {
            let height = out.len() / (columns * spec.outputs);
            job.block(0, 0, 1, block * band, height, out);
        });
    }
    Map { dims, values }
}

struct Job<'a> {
    map: &'a Map,
    /// Points, depth taps, inputs, outputs.
    kernels: &'a [f32],
    bias: Option<&'a [f32]>,
    spec: &'a ConvSpec,
    out_depth: usize,
}

impl Job<'_> {
    /// Output slices `first_slice..` and rows `first_row..` into `out`, which holds whole rows of them.
    fn block(
        &self,
        image: usize,
        first_slice: usize,
        slices: usize,
        first_row: usize,
        height: usize,
        out: &mut [f32],
    ) {
        debug_assert!(first_slice + slices <= self.out_depth);
        let columns = self.map.dims[3];
        let tile_columns = columns.div_ceil(TILE);
        let all_tile_rows = height.div_ceil(TILE);
        // As many tile rows at a time as a block holds.
        let tile_rows = (BLOCK / (slices * tile_columns).max(1)).clamp(1, all_tile_rows);
        let (inputs, outputs, taps) = (self.spec.inputs, self.spec.outputs, self.spec.kernel[0]);
        let source_slices = slices + taps - 1;
        let tiles = tile_rows * tile_columns;
        let mut patches = vec![0.0; POINTS * source_slices * tiles * inputs];
        let mut sums = vec![0.0; POINTS * slices * tiles * outputs];
        let arch = Arch::new();
        let mut tile_row = 0;
        while tile_row < all_tile_rows {
            let count = tile_rows.min(all_tile_rows - tile_row);
            let place = Place {
                image,
                first_slice: first_slice as isize - self.spec.padding[0] as isize,
                slices: source_slices,
                first_row: first_row + tile_row * TILE,
                tile_rows: count,
                tile_columns,
            };
            let tiles = count * tile_columns;
            arch.dispatch(|| forward(self.map, &place, &mut patches));
            let (patch_rows, sum_rows) = (source_slices * tiles, slices * tiles);
            for point in 0..POINTS {
                let patches = &patches[point * patch_rows * inputs..][..patch_rows * inputs];
                let sums = &mut sums[point * sum_rows * outputs..][..sum_rows * outputs];
                for tap in 0..taps {
                    let left = Rows { values: &patches[tap * tiles * inputs..], stride: inputs };
                    let kernels = &self.kernels[(point * taps + tap) * inputs * outputs..];
                    let right = Rows { values: &kernels[..inputs * outputs], stride: outputs };
                    product([sum_rows, outputs, inputs], left, right, sums, outputs, tap > 0);
                }
            }
            let target = Target {
                slices,
                first_row: tile_row * TILE,
                height,
                columns,
                outputs,
                tile_rows: count,
                tile_columns,
            };
            arch.dispatch(|| back(&sums, &target, self.bias, out));
            tile_row += count;
        }
    }
}

struct Place {
    image: usize,
    /// May lie before the map, where there are zeros.
    first_slice: isize,
    slices: usize,
    first_row: usize,
    tile_rows: usize,
    tile_columns: usize,
}

struct Target {
    slices: usize,
    /// Within the rows of `out`.
    first_row: usize,
    /// Rows of a slice in `out`.
    height: usize,
    columns: usize,
    outputs: usize,
    tile_rows: usize,
    tile_columns: usize,
}

/// Bᵀ d B for every tile: points, then slices and tiles, then inputs.
#[inline(always)]
fn forward(map: &Map, place: &Place, patches: &mut [f32]) {
    let [_, depth, rows, columns, inputs] = map.dims;
    let tiles = place.tile_rows * place.tile_columns;
    let plane = place.slices * tiles * inputs;
    for slice in 0..place.slices {
        let source = place.first_slice + slice as isize;
        if source < 0 || source >= depth as isize {
            for point in 0..POINTS {
                patches[point * plane + slice * tiles * inputs..][..tiles * inputs].fill(0.0);
            }
            continue;
        }
        let base = (place.image * depth + source as usize) * rows;
        for tile in 0..tiles {
            let top = (place.first_row + tile / place.tile_columns * TILE) as isize - 1;
            let left = (tile % place.tile_columns * TILE) as isize - 1;
            let mut channel = 0;
            while channel < inputs {
                let lanes = LANES.min(inputs - channel);
                let mut d = [[[0.0_f32; LANES]; PATCH]; PATCH];
                for (y, line) in d.iter_mut().enumerate() {
                    let row = top + y as isize;
                    if row < 0 || row >= rows as isize {
                        continue;
                    }
                    for (x, value) in line.iter_mut().enumerate() {
                        let column = left + x as isize;
                        if column < 0 || column >= columns as isize {
                            continue;
                        }
                        let at = ((base + row as usize) * columns + column as usize) * inputs + channel;
                        match lanes {
                            LANES => value.copy_from_slice(&map.values[at..at + LANES]),
                            _ => value[..lanes].copy_from_slice(&map.values[at..at + lanes]),
                        }
                    }
                }
                let mut half = [[[0.0_f32; LANES]; PATCH]; PATCH];
                for x in 0..PATCH {
                    let column = to_points([&d[0][x], &d[1][x], &d[2][x], &d[3][x], &d[4][x], &d[5][x]]);
                    half.iter_mut().zip(column).for_each(|(line, value)| line[x] = value);
                }
                let start = (slice * tiles + tile) * inputs + channel;
                for (y, line) in half.iter().enumerate() {
                    let points = to_points([&line[0], &line[1], &line[2], &line[3], &line[4], &line[5]]);
                    for (x, value) in points.iter().enumerate() {
                        let to = (y * PATCH + x) * plane + start;
                        match lanes {
                            LANES => patches[to..to + LANES].copy_from_slice(value),
                            _ => patches[to..to + lanes].copy_from_slice(&value[..lanes]),
                        }
                    }
                }
                channel += LANES;
            }
        }
    }
}

/// Bᵀ times a column.
#[inline(always)]
fn to_points(d: [&Lanes; PATCH]) -> [Lanes; PATCH] {
    let mut out = [[0.0_f32; LANES]; PATCH];
    for lane in 0..LANES {
        let [a, b, c, e, f, g] = [d[0][lane], d[1][lane], d[2][lane], d[3][lane], d[4][lane], d[5][lane]];
        out[0][lane] = 4.0 * a - 5.0 * c + f;
        let (near, far) = (f - 4.0 * c, e - 4.0 * b);
        out[1][lane] = near + far;
        out[2][lane] = near - far;
        let (near, far) = (f - c, 2.0 * (e - b));
        out[3][lane] = near + far;
        out[4][lane] = near - far;
        out[5][lane] = 4.0 * b - 5.0 * e + g;
    }
    out
}

/// Aᵀ m A for every tile, with the bias, into the rows and columns that are there.
#[inline(always)]
fn back(sums: &[f32], target: &Target, bias: Option<&[f32]>, out: &mut [f32]) {
    let outputs = target.outputs;
    let tiles = target.tile_rows * target.tile_columns;
    let plane = target.slices * tiles * outputs;
    for slice in 0..target.slices {
        for tile in 0..tiles {
            let top = target.first_row + tile / target.tile_columns * TILE;
            let left = tile % target.tile_columns * TILE;
            let (high, wide) = (TILE.min(target.height - top), TILE.min(target.columns - left));
            let mut channel = 0;
            while channel < outputs {
                let lanes = LANES.min(outputs - channel);
                let start = (slice * tiles + tile) * outputs + channel;
                let mut added = [0.0_f32; LANES];
                if let Some(bias) = bias {
                    added[..lanes].copy_from_slice(&bias[channel..channel + lanes]);
                }
                let mut half = [[[0.0_f32; LANES]; PATCH]; TILE];
                for x in 0..PATCH {
                    let mut m = [[0.0_f32; LANES]; PATCH];
                    for (y, value) in m.iter_mut().enumerate() {
                        let at = (y * PATCH + x) * plane + start;
                        match lanes {
                            LANES => value.copy_from_slice(&sums[at..at + LANES]),
                            _ => value[..lanes].copy_from_slice(&sums[at..at + lanes]),
                        }
                    }
                    let column = to_outputs([&m[0], &m[1], &m[2], &m[3], &m[4], &m[5]]);
                    half.iter_mut().zip(column).for_each(|(line, value)| line[x] = value);
                }
                for (y, line) in half.iter().enumerate().take(high) {
                    let values = to_outputs([&line[0], &line[1], &line[2], &line[3], &line[4], &line[5]]);
                    let row = (slice * target.height + top + y) * target.columns + left;
                    for (x, value) in values.iter().enumerate().take(wide) {
                        let to = &mut out[(row + x) * outputs + channel..][..lanes];
                        for ((to, value), added) in to.iter_mut().zip(value).zip(&added) {
                            *to = value + added;
                        }
                    }
                }
                channel += LANES;
            }
        }
    }
}

/// Aᵀ times a column.
#[inline(always)]
fn to_outputs(m: [&Lanes; PATCH]) -> [Lanes; TILE] {
    let mut out = [[0.0_f32; LANES]; TILE];
    for lane in 0..LANES {
        let [a, b, c, d, e, f] = [m[0][lane], m[1][lane], m[2][lane], m[3][lane], m[4][lane], m[5][lane]];
        let (one, other) = (b + c, b - c);
        let (two, four) = (d + e, d - e);
        out[0][lane] = a + one + two;
        out[1][lane] = other + 2.0 * four;
        out[2][lane] = one + 4.0 * two;
        out[3][lane] = other + 8.0 * four + f;
    }
    out
}

/// G g Gᵀ for each kernel: points, depth taps, inputs, outputs.
fn transformed_kernels(weight: &[f32], spec: &ConvSpec) -> Vec<f32> {
    let (inputs, outputs, taps) = (spec.inputs, spec.outputs, spec.kernel[0]);
    let mut kernels = vec![0.0; POINTS * taps * inputs * outputs];
    let plane = taps * inputs * outputs;
    for output in 0..outputs {
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
                        kernels[(y * PATCH + x) * plane + (tap * inputs + input) * outputs + output] = value;
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
