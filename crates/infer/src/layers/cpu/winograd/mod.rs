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

mod product;
mod transform;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

use self::product::{Left, product};
pub(super) use self::transform::transformed_kernels;
use self::transform::{back, forward};

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
