//! Resampling of grids as nnU-Net does it: scikit-image's `resize` without anti-aliasing, that is SciPy's
//! `ndimage.zoom(grid_mode=True, mode='nearest')`, its result kept within the values of its input.
//!
//! Splines are products of one-dimensional ones, so each axis is resampled alone: four taps an axis instead of 64.
//! [`at_steps`] is MONAI's `Spacing`: linear, both grids beginning at the same voxel centre.
//! (`medsight-image` samples volumes for the screen, along any plane; this keeps to the axes and to the original's
//! borders.)

use rayon::prelude::*;

use crate::grid::Grid;

/// Degree of the spline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The nearest value.
    Nearest,
    /// Linear.
    Linear,
    /// Cubic B-spline.
    Cubic,
}

impl Order {
    /// 0, 1 or 3.
    pub fn from_degree(degree: u64) -> Option<Self> {
        match degree {
            0 => Some(Self::Nearest),
            1 => Some(Self::Linear),
            3 => Some(Self::Cubic),
            _ => None,
        }
    }
}

/// SciPy repeats the ends this often before it filters.
const PAD: usize = 12;
/// Columns that are filtered together, so that they stay in the cache.
const STRIP: usize = 32;
/// The pole of the cubic spline, √3 - 2.
const POLE: f64 = -0.267_949_192_431_122_7;

/// The grid with other dimensions and the same extent.
pub(crate) fn resized(grid: &Grid, dims: [usize; 3], order: Order) -> Grid {
    let [low, high] = grid.min_max();
    let mut out = along_axes(grid.clone(), dims, [order; 3]);
    if order == Order::Cubic {
        out.values.par_iter_mut().for_each(|value| *value = value.clamp(low, high));
    }
    out
}

/// The grid with other dimensions, slice by slice across `axis`, and between slices by `between`: where slices are so far
/// apart that there is nothing to interpolate.
pub(crate) fn resized_by_slices(
    grid: &Grid,
    dims: [usize; 3],
    axis: usize,
    order: Order,
    between: Order,
) -> Grid {
    let limits = (order == Order::Cubic).then(|| limits_of_slices(grid, axis));
    let mut in_plane = dims;
    in_plane[axis] = grid.dims[axis];
    let mut out = along_axes(grid.clone(), in_plane, [order; 3]);
    if let Some(limits) = limits {
        let inner: usize = out.dims[axis + 1..].iter().product();
        let count = out.dims[axis];
        out.values.par_chunks_mut(inner).enumerate().for_each(|(block, values)| {
            let [low, high] = limits[block % count];
            values.iter_mut().for_each(|value| *value = value.clamp(low, high));
        });
    }
    along_axes(out, dims, [between; 3])
}

fn limits_of_slices(grid: &Grid, axis: usize) -> Vec<[f32; 2]> {
    let inner: usize = grid.dims[axis + 1..].iter().product();
    let count = grid.dims[axis];
    let mut limits = vec![[f32::INFINITY, f32::NEG_INFINITY]; count];
    for (block, values) in grid.values.chunks(inner).enumerate() {
        let [low, high] = &mut limits[block % count];
        for value in values {
            *low = low.min(*value);
            *high = high.max(*value);
        }
    }
    limits
}

/// The grid at places `steps` voxels apart from the first voxel on, linear; beyond the last voxel its value
/// (PyTorch's `grid_sample` with `border`).
pub(crate) fn at_steps(grid: &Grid, dims: [usize; 3], steps: [f64; 3]) -> Grid {
    stepped(grid, dims, steps, Order::Linear)
}

/// The same, each place having the value of the voxel nearest to it.
pub(crate) fn nearest_at_steps(grid: &Grid, dims: [usize; 3], steps: [f64; 3]) -> Grid {
    stepped(grid, dims, steps, Order::Nearest)
}

fn stepped(grid: &Grid, dims: [usize; 3], steps: [f64; 3], order: Order) -> Grid {
    (0..3).fold(grid.clone(), |grid, axis| {
        let step = steps[axis];
        match step == 1.0 && grid.dims[axis] == dims[axis] {
            true => grid,
            // Midway between two voxels PyTorch takes the even one.
            false if order == Order::Nearest => {
                along(&grid, axis, dims[axis], order, &|index| (index as f64 * step).round_ties_even())
            }
            false => along(&grid, axis, dims[axis], order, &|index| index as f64 * step),
        }
    })
}

/// The axis that shrinks most goes first.
fn along_axes(grid: Grid, dims: [usize; 3], order: [Order; 3]) -> Grid {
    changed_axes(grid.dims, dims).fold(grid, |grid, axis| {
        let place = place_along(grid.dims[axis], dims[axis]);
        along(&grid, axis, dims[axis], order[axis], &place)
    })
}

/// The axes that get another length, those that shrink most first: less is left to do for the others.
fn changed_axes(from: [usize; 3], to: [usize; 3]) -> impl Iterator<Item = usize> {
    let mut axes = [0, 1, 2];
    axes.sort_by(|a, b| {
        let growth = |axis: usize| to[axis] as f64 / from[axis] as f64;
        growth(*a).total_cmp(&growth(*b))
    });
    axes.into_iter().filter(move |axis| from[*axis] != to[*axis])
}

/// Where a new index lies among the old ones: both grids have one extent.
fn place_along(from: usize, to: usize) -> impl Fn(usize) -> f64 {
    let scale = from as f64 / to as f64;
    move |index| (index as f64 + 0.5) * scale - 0.5
}

/// A resampling along one axis that looks at two neighbouring places at most, for the graphics device.
pub(crate) struct AxisTaps {
    /// The axis.
    pub(crate) axis: usize,
    /// Places that a new one looks at: 1 or 2.
    pub(crate) taps: usize,
    /// For each new place the first old one, and the parts of it and of the next.
    pub(crate) places: Vec<(u32, [f32; 2])>,
}

/// [`resized`], or a part of [`resized_by_slices`], axis by axis; `None` where an axis is cubic.
pub(crate) fn axis_taps(from: [usize; 3], to: [usize; 3], order: Order) -> Option<Vec<AxisTaps>> {
    let of_axis = |axis: usize| {
        let found = taps(from[axis], to[axis], order, &place_along(from[axis], to[axis]));
        let part = |(first, [a, b, ..]): (usize, [f64; 4])| (first as u32, [a as f32, b as f32]);
        AxisTaps { axis, taps: found.taps, places: found.places.into_iter().map(part).collect() }
    };
    (order != Order::Cubic).then(|| changed_axes(from, to).map(of_axis).collect())
}

/// `place` tells for each new index where it lies among the old ones.
fn along(grid: &Grid, axis: usize, count: usize, order: Order, place: &dyn Fn(usize) -> f64) -> Grid {
    let length = grid.dims[axis];
    let inner: usize = grid.dims[axis + 1..].iter().product();
    let outer: usize = grid.dims[..axis].iter().product();
    let taps = taps(length, count, order, place);
    let strips = inner.div_ceil(STRIP);
    let done: Vec<Vec<f32>> = (0..outer * strips)
        .into_par_iter()
        .map(|task| {
            let (block, first) = (task / strips, task % strips * STRIP);
            let width = STRIP.min(inner - first);
            let source = &grid.values[block * length * inner..];
            strip(source, inner, first, width, length, order, &taps)
        })
        .collect();
    let mut dims = grid.dims;
    dims[axis] = count;
    let mut values = vec![0.0; dims.iter().product()];
    values.par_chunks_mut(inner).enumerate().for_each(|(row, to)| {
        let (block, place) = (row / count, row % count);
        for (strip, to) in to.chunks_mut(STRIP).enumerate() {
            let from = &done[block * strips + strip][place * to.len()..];
            to.copy_from_slice(&from[..to.len()]);
        }
    });
    Grid { dims, values }
}

/// For each new place: the first old one that has a part in it (of the padded line), and the parts.
struct Taps {
    places: Vec<(usize, [f64; 4])>,
    taps: usize,
}

fn taps(length: usize, count: usize, order: Order, place: &dyn Fn(usize) -> f64) -> Taps {
    let last = length as f64 - 1.0;
    let (taps, places): (usize, Vec<(usize, [f64; 4])>) = match order {
        Order::Nearest => {
            let at = |index| (place(index).clamp(0.0, last) + 0.5).floor() as usize;
            (1, (0..count).map(|index| (at(index).min(length - 1), [1.0, 0.0, 0.0, 0.0])).collect())
        }
        Order::Linear => {
            let at = |index| {
                let at = place(index).clamp(0.0, last);
                let low = (at.floor() as usize).min(length.saturating_sub(2));
                let part = at - low as f64;
                (low, [1.0 - part, part, 0.0, 0.0])
            };
            (2.min(length), (0..count).map(at).collect())
        }
        Order::Cubic => {
            let at = |index| {
                let at = place(index) + PAD as f64;
                let low = at.floor();
                let t = at - low;
                let u = 1.0 - t;
                let parts = [
                    u * u * u / 6.0,
                    (t * t * (t - 2.0) * 3.0 + 4.0) / 6.0,
                    (u * u * (u - 2.0) * 3.0 + 4.0) / 6.0,
                    t * t * t / 6.0,
                ];
                (low as usize - 1, parts)
            };
            (4, (0..count).map(at).collect())
        }
    };
    Taps { places, taps }
}

/// Some neighbouring columns of one block, `[count, width]`.
fn strip(
    source: &[f32],
    inner: usize,
    first: usize,
    width: usize,
    length: usize,
    order: Order,
    taps: &Taps,
) -> Vec<f32> {
    let pad = if order == Order::Cubic { PAD } else { 0 };
    let padded = length + 2 * pad;
    let mut line = Vec::with_capacity(padded * width);
    for place in 0..padded {
        let row = place.saturating_sub(pad).min(length - 1) * inner + first;
        line.extend(source[row..row + width].iter().map(|value| f64::from(*value)));
    }
    if order == Order::Cubic {
        filter(&mut line, padded, width);
    }
    let mut out = Vec::with_capacity(taps.places.len() * width);
    for (start, parts) in &taps.places {
        let rows = &line[start * width..(start + taps.taps) * width];
        out.extend((0..width).map(|column| {
            let parts = parts.iter().take(taps.taps).enumerate();
            parts.map(|(tap, part)| part * rows[tap * width + column]).sum::<f64>() as f32
        }));
    }
    out
}

/// Values to coefficients of the cubic spline, the line being reflected about its ends
/// (SciPy's `ni_splines.c`, mode `nearest`).
fn filter(line: &mut [f64], length: usize, width: usize) {
    if length < 2 {
        return;
    }
    let gain = (1.0 - POLE) * (1.0 - 1.0 / POLE);
    line.iter_mut().for_each(|value| *value *= gain);
    let whole = POLE.powi(length as i32);
    for column in 0..width {
        let at = |place: usize| place * width + column;
        let first = line[column];
        let mut power = POLE;
        let mut sum = first + whole * line[at(length - 1)];
        for place in 1..length {
            sum += power * (line[at(place)] + whole * line[at(length - 1 - place)]);
            power *= POLE;
        }
        line[column] = sum * POLE / (1.0 - whole * whole) + first;
    }
    for place in 1..length {
        let (before, now) = line.split_at_mut(place * width);
        let before = &before[(place - 1) * width..];
        now[..width].iter_mut().zip(before).for_each(|(now, before)| *now += POLE * before);
    }
    let last = &mut line[(length - 1) * width..length * width];
    last.iter_mut().for_each(|value| *value *= POLE / (POLE - 1.0));
    for place in (0..length - 1).rev() {
        let (now, after) = line.split_at_mut((place + 1) * width);
        let now = &mut now[place * width..];
        now.iter_mut().zip(&after[..width]).for_each(|(now, after)| *now = POLE * (*after - *now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `skimage.transform.resize(x, 7, order=3, mode='edge', anti_aliasing=False)`, 0.26, of 1, 5, 2, 8, 3.
    #[test]
    fn a_line_is_resized_as_scikit_image_does_it() {
        let grid = Grid { dims: [1, 1, 5], values: vec![1.0, 5.0, 2.0, 8.0, 3.0] };
        let cubic = resized(&grid, [1, 1, 7], Order::Cubic);
        let expected = [1.0, 3.866_13, 4.195_106_6, 2.0, 6.738_055, 6.676_711, 2.520_370_5];
        for (ours, theirs) in cubic.values.iter().zip(expected) {
            assert!((ours - theirs).abs() < 1e-5, "{:?}", cubic.values);
        }
        let linear = resized(&grid, [1, 1, 10], Order::Linear);
        assert_eq!(&linear.values[..4], [1.0, 2.0, 4.0, 4.25]);
    }

    #[test]
    fn between_far_slices_nothing_is_interpolated() {
        let grid = Grid { dims: [2, 1, 2], values: vec![0.0, 2.0, 10.0, 30.0] };
        let out = resized_by_slices(&grid, [4, 1, 4], 0, Order::Linear, Order::Nearest);
        assert_eq!(out.values[..4], out.values[4..8]);
        assert_eq!(out.values[8..12], [10.0, 15.0, 25.0, 30.0]);
    }

    #[test]
    fn values_stay_within_what_was_measured() {
        let mut grid = Grid::filled([8, 8, 8], -1000.0);
        grid.values[4 * 64 + 4 * 8 + 4] = 1000.0;
        let [low, high] = resized(&grid, [17, 15, 23], Order::Cubic).min_max();
        assert!(low >= -1000.0 && high <= 1000.0);
    }
}
