//! What is done to an image before the network, and how its grid is brought back.

use rayon::prelude::*;

use super::steps::Before;
use crate::grid::Grid;
use crate::resample::{at_steps, nearest_at_steps};

/// What was done to the image's grid.
pub(super) enum Undo {
    Spacing { dims: [usize; 3], steps: [f64; 3] },
    Crop { dims: [usize; 3], from: [i64; 3] },
}

/// A grid of the answer on the image's grid again.
pub(super) fn undone(grid: &Grid, undo: &[Undo], nearest: bool) -> Grid {
    undo.iter().fold(grid.clone(), |grid, step| match step {
        Undo::Spacing { dims, steps } => {
            let back = steps.map(|step| 1.0 / step);
            if nearest { nearest_at_steps(&grid, *dims, back) } else { at_steps(&grid, *dims, back) }
        }
        Undo::Crop { dims, from } => grid.boxed(from.map(|from| -from), *dims),
    })
}

/// The channels of an image as the network takes them, and what to undo, the last step first.
pub(super) fn prepared(before: &[Before], images: &[Grid], spacing_mm: [f64; 3]) -> (Vec<Grid>, Vec<Undo>) {
    let (mut grids, mut undo, mut spacing_mm) = (images.to_vec(), Vec::new(), spacing_mm);
    for step in before {
        let old = grids[0].dims;
        match step {
            Before::Orientation(_) => {}
            Before::Spacing(wanted) => {
                let steps = [0, 1, 2].map(|axis| wanted[axis] / spacing_mm[axis]);
                let dims = [0, 1, 2]
                    .map(|axis| ((old[axis] as f64 - 1.0) / steps[axis] + 1.0).round_ties_even() as usize);
                undo.push(Undo::Spacing { dims: old, steps });
                grids = grids.iter().map(|grid| at_steps(grid, dims, steps)).collect();
                spacing_mm = *wanted;
            }
            Before::Range { from: [a, b], to: [c, d], clip } => {
                let (low, high) = (c.min(*d), c.max(*d));
                each_value(&mut grids, |value| {
                    let value = (value - a) / (b - a) * (d - c) + c;
                    if *clip { value.clamp(low, high) } else { value }
                });
            }
            Before::Scale { to: [to_low, to_high], each } => {
                for grids in together(&mut grids, *each) {
                    let all = grids.iter().map(Grid::min_max);
                    let start = [f32::INFINITY, f32::NEG_INFINITY];
                    let [low, high] = all.fold(start, |[low, high], [a, b]| [low.min(a), high.max(b)]);
                    let range = if high > low { high - low } else { 1.0 };
                    each_value(grids, |value| (value - low) / range * (to_high - to_low) + to_low);
                }
            }
            Before::Normalise { nonzero, each } => {
                together(&mut grids, *each).for_each(|grids| normalise(grids, *nonzero));
            }
            Before::CropForeground { margin, of } => {
                let seen = of.map_or(&grids[..], |channel| std::slice::from_ref(&grids[channel]));
                let (from, dims) = foreground(seen, *margin);
                undo.push(Undo::Crop { dims: old, from });
                grids = grids.iter().map(|grid| grid.boxed(from, dims)).collect();
            }
        }
    }
    undo.reverse();
    (grids, undo)
}

/// All channels, or one after the other.
fn together(grids: &mut [Grid], each: bool) -> impl Iterator<Item = &mut [Grid]> {
    let size = if each { 1 } else { grids.len() };
    grids.chunks_mut(size)
}

fn each_value(grids: &mut [Grid], change: impl Fn(f32) -> f32 + Sync) {
    grids.iter_mut().for_each(|grid| grid.values.par_iter_mut().for_each(|value| *value = change(*value)));
}

/// Mean and deviation; an image without any difference keeps its values less the mean.
fn normalise(grids: &mut [Grid], nonzero: bool) {
    let counts = |value: f32| !nonzero || value != 0.0;
    let seen = || grids.iter().flat_map(|grid| &grid.values).copied().filter(|value| counts(*value));
    let count = seen().count();
    if count == 0 {
        return;
    }
    let mean = seen().map(f64::from).sum::<f64>() / count as f64;
    let squares = seen().map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>();
    let deviation = (squares / count as f64).sqrt();
    let (mean, divisor) = (mean as f32, if deviation > 0.0 { deviation as f32 } else { 1.0 });
    each_value(grids, |value| if counts(value) { (value - mean) / divisor } else { value });
}

/// The box around all that is above 0 in any channel, wider by a margin, which may reach beyond the image; the whole image
/// when nothing is.
fn foreground(grids: &[Grid], margin: usize) -> ([i64; 3], [usize; 3]) {
    let dims = grids[0].dims;
    let (mut low, mut high) = (dims, [0; 3]);
    let rows = grids.iter().flat_map(|grid| grid.values.chunks(dims[2]).enumerate());
    for (row, values) in rows {
        let Some(first) = values.iter().position(|value| *value > 0.0) else { continue };
        let last = values.iter().rposition(|value| *value > 0.0).unwrap_or(first);
        let place = [row / dims[1], row % dims[1]];
        for (axis, (from, to)) in
            [(place[0], place[0]), (place[1], place[1]), (first, last)].into_iter().enumerate()
        {
            low[axis] = low[axis].min(from);
            high[axis] = high[axis].max(to + 1);
        }
    }
    match low[0] < high[0] {
        true => {
            let from = low.map(|low| low as i64 - margin as i64);
            (from, [0, 1, 2].map(|axis| high[axis] - low[axis] + 2 * margin))
        }
        false => ([0; 3], dims),
    }
}
