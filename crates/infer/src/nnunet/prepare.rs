//! What is done to an image before the network sees it: axes, crop to what is not nothing, values, spacing.

use super::plans::{Normalisation, Plan, Resampling};
use crate::grid::{Grid, Region, transposed};
use crate::resample::{AxisTaps, Order, axis_taps, resized, resized_by_slices};

/// An image as the network takes it, and the way back.
pub(super) struct Prepared {
    /// Channels in the network's spacing.
    pub(super) channels: Vec<Grid>,
    /// The network's spacing; slices, rows, columns.
    pub(super) spacing_mm: [f64; 3],
    /// The image's own spacing in the network's axes.
    pub(super) image_spacing_mm: [f64; 3],
    /// Sizes of the image in the network's axes.
    pub(super) image_dims: [usize; 3],
    /// The part of it that is not nothing.
    pub(super) crop: Region,
}

/// Spacings that differ by more than this between axes: slices are resampled apart.
const UNEVEN: f64 = 3.0;

/// Prepares the channels of an image. `lower` is the segmentation of the stage before, over the whole image.
pub(super) fn prepare(
    plan: &Plan,
    images: &[Grid],
    spacing_mm: [f64; 3],
    lower: Option<(&[u16], &[u16])>,
) -> Prepared {
    let axes = plan.transpose;
    let image_spacing_mm = axes.map(|axis| spacing_mm[axis]);
    let images: Vec<Grid> = images.iter().map(|image| turned(image, axes)).collect();
    let image_dims = images[0].dims;
    let crop = not_nothing(&images);
    let mut channels: Vec<Grid> = images.iter().map(|image| image.part(crop)).collect();
    let inside =
        plan.normalisation.contains(&Normalisation::ZScore { inside: true }).then(|| filled_mask(&channels));
    for (channel, normalisation) in channels.iter_mut().zip(&plan.normalisation) {
        normalise(&mut channel.values, *normalisation, inside.as_deref());
    }
    let target_mm = [0, 1, 2].map(|axis| plan.spacing_mm[axis].unwrap_or(image_spacing_mm[axis]));
    let dims = [0, 1, 2].map(|axis| {
        (image_spacing_mm[axis] / target_mm[axis] * crop.dims[axis] as f64).round_ties_even().max(1.0)
            as usize
    });
    let resampled = |grid: &Grid| resample(grid, dims, plan.data, image_spacing_mm, target_mm);
    let mut channels: Vec<Grid> = channels.iter().map(resampled).collect();
    if let Some((labels, foreground)) = lower {
        let (labels, _) = transposed(labels, untransposed(image_dims, axes), axes);
        let whole = Grid { dims: image_dims, values: labels.iter().map(|label| f32::from(*label)).collect() };
        let part = whole.part(crop);
        let labels = resampled_labels(&part, dims, plan.labels, image_spacing_mm, target_mm);
        let one_hot = |label: &u16| Grid {
            dims,
            values: labels.iter().map(|seen| if seen == label { 1.0 } else { 0.0 }).collect(),
        };
        channels.extend(foreground.iter().map(one_hot));
    }
    Prepared { channels, spacing_mm: target_mm, image_spacing_mm, image_dims, crop }
}

fn turned(image: &Grid, axes: [usize; 3]) -> Grid {
    if axes == [0, 1, 2] {
        return image.clone();
    }
    let (values, dims) = transposed(&image.values, image.dims, axes);
    Grid { dims, values }
}

/// The sizes of an image before its axes were put in order.
pub(super) fn untransposed(dims: [usize; 3], axes: [usize; 3]) -> [usize; 3] {
    let mut before = [0; 3];
    axes.iter().zip(dims).for_each(|(axis, size)| before[*axis] = size);
    before
}

/// The box around all that is not 0 in any channel; the whole image when there is nothing.
fn not_nothing(images: &[Grid]) -> Region {
    let dims = images[0].dims;
    let (mut low, mut high) = (dims, [0; 3]);
    for image in images {
        for (row, values) in image.values.chunks(dims[2]).enumerate() {
            let Some(first) = values.iter().position(|value| *value != 0.0) else { continue };
            let last = values.iter().rposition(|value| *value != 0.0).unwrap_or(first);
            for (axis, (from, to)) in
                [(row / dims[1], row / dims[1]), (row % dims[1], row % dims[1]), (first, last)]
                    .into_iter()
                    .enumerate()
            {
                low[axis] = low[axis].min(from);
                high[axis] = high[axis].max(to + 1);
            }
        }
    }
    match low[0] < high[0] {
        true => Region { from: low, dims: [0, 1, 2].map(|axis| high[axis] - low[axis]) },
        false => Region { from: [0; 3], dims },
    }
}

/// What is not 0 in any channel, with the holes in it: what cannot be reached from the border over zeros.
fn filled_mask(images: &[Grid]) -> Vec<bool> {
    let dims = images[0].dims;
    let mut outside = vec![false; images[0].values.len()];
    let is_zero = |at: usize| images.iter().all(|image| image.values[at] == 0.0);
    let step = [dims[1] * dims[2], dims[2], 1];
    let place = |at: usize| [at / step[0], at / step[1] % dims[1], at % dims[2]];
    let at_border = |at: usize| {
        let place = place(at);
        (0..3).any(|axis| place[axis] == 0 || place[axis] + 1 == dims[axis])
    };
    let mut open: Vec<usize> = (0..outside.len()).filter(|at| at_border(*at) && is_zero(*at)).collect();
    open.iter().for_each(|at| outside[*at] = true);
    while let Some(at) = open.pop() {
        let here = place(at);
        for axis in 0..3 {
            let before = (here[axis] > 0).then(|| at - step[axis]);
            let after = (here[axis] + 1 < dims[axis]).then(|| at + step[axis]);
            for next in [before, after].into_iter().flatten() {
                if !outside[next] && is_zero(next) {
                    outside[next] = true;
                    open.push(next);
                }
            }
        }
    }
    outside.into_iter().map(|outside| !outside).collect()
}

fn normalise(values: &mut [f32], how: Normalisation, inside: Option<&[bool]>) {
    match how {
        Normalisation::None => {}
        Normalisation::Rgb => values.iter_mut().for_each(|value| *value /= 255.0),
        Normalisation::Ct { low, high, mean, deviation } => {
            let divisor = deviation.max(1e-8);
            values.iter_mut().for_each(|value| *value = (value.clamp(low, high) - mean) / divisor);
        }
        Normalisation::ToOne => {
            let low = values.iter().copied().fold(f32::INFINITY, f32::min);
            let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let range = (high - low).max(1e-8);
            values.iter_mut().for_each(|value| *value = (*value - low) / range);
        }
        Normalisation::ZScore { inside: only } => {
            let mask = inside.filter(|_| only);
            let counts = |at: usize| mask.is_none_or(|mask| mask[at]);
            let seen = || {
                values.iter().enumerate().filter(|(at, _)| counts(*at)).map(|(_, value)| f64::from(*value))
            };
            let count = seen().count().max(1) as f64;
            let mean = seen().sum::<f64>() / count;
            let variance = seen().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            let (mean, divisor) = (mean as f32, (variance.sqrt() as f32).max(1e-8));
            for (at, value) in values.iter_mut().enumerate() {
                if counts(at) {
                    *value = (*value - mean) / divisor;
                }
            }
        }
    }
}

/// Brings a grid to other dimensions as the plan says. `from_mm` and `to_mm` decide whether slices are resampled apart.
pub(super) fn resample(
    grid: &Grid,
    dims: [usize; 3],
    how: Resampling,
    from_mm: [f64; 3],
    to_mm: [f64; 3],
) -> Grid {
    if grid.dims == dims {
        return grid.clone();
    }
    match slices_apart(how, from_mm, to_mm) {
        Some(axis) => resized_by_slices(grid, dims, axis, how.order, how.between),
        None => resized(grid, dims, how.order),
    }
}

/// The same as steps along the axes; `None` where it is a cubic one.
pub(super) fn resample_steps(
    from: [usize; 3],
    to: [usize; 3],
    how: Resampling,
    from_mm: [f64; 3],
    to_mm: [f64; 3],
) -> Option<Vec<AxisTaps>> {
    match slices_apart(how, from_mm, to_mm).filter(|_| from != to) {
        Some(axis) => {
            let mut in_plane = to;
            in_plane[axis] = from[axis];
            let mut steps = axis_taps(from, in_plane, how.order)?;
            steps.extend(axis_taps(in_plane, to, how.between)?);
            Some(steps)
        }
        None => axis_taps(from, to, how.order),
    }
}

/// The axis across which slices are resampled apart.
fn slices_apart(how: Resampling, from_mm: [f64; 3], to_mm: [f64; 3]) -> Option<usize> {
    let uneven = |spacing: [f64; 3]| {
        let most = spacing.iter().copied().fold(0.0, f64::max);
        let least = spacing.iter().copied().fold(f64::INFINITY, f64::min);
        most / least > UNEVEN
    };
    let spacing = match how.by_slices {
        Some(false) => return None,
        Some(true) => from_mm,
        None if uneven(from_mm) => from_mm,
        None if uneven(to_mm) => to_mm,
        None => return None,
    };
    let most = spacing.iter().copied().fold(0.0, f64::max);
    let mut widest = (0..3).filter(|axis| most / spacing[*axis] == 1.0);
    // Two axes of the same largest spacing: neither is resampled apart.
    match (widest.next(), widest.next()) {
        (Some(axis), None) => Some(axis),
        _ => None,
    }
}

/// Labels on another grid: each as a mask of its own, that it has where it is at least a half.
fn resampled_labels(
    labels: &Grid,
    dims: [usize; 3],
    how: Resampling,
    from_mm: [f64; 3],
    to_mm: [f64; 3],
) -> Vec<u16> {
    if labels.dims == dims {
        return labels.values.iter().map(|label| *label as u16).collect();
    }
    let mut present: Vec<u16> = labels.values.iter().map(|label| *label as u16).collect();
    present.sort_unstable();
    present.dedup();
    let mut out = vec![0; dims.iter().product()];
    let apart = slices_apart(how, from_mm, to_mm);
    for label in present {
        let mask = Grid {
            dims: labels.dims,
            values: labels.values.iter().map(|seen| f32::from(*seen as u16 == label)).collect(),
        };
        let mask = match (how.order, apart) {
            (Order::Nearest, _) | (_, None) => resized(&mask, dims, how.order),
            (order, Some(axis)) => resized_by_slices(&mask, dims, axis, order, how.between),
        };
        for (out, part) in out.iter_mut().zip(&mask.values) {
            if *part >= 0.5 {
                *out = label;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_belongs_to_what_is_around_it() {
        let mut image = Grid::filled([5, 5, 5], 0.0);
        for at in 0..125 {
            let place = [at / 25, at / 5 % 5, at % 5];
            let within = place.iter().all(|place| (1..4).contains(place));
            image.values[at] = if within && place != [2, 2, 2] { 7.0 } else { 0.0 };
        }
        let mask = filled_mask(std::slice::from_ref(&image));
        assert_eq!(mask.iter().filter(|inside| **inside).count(), 27);
        assert_eq!(not_nothing(&[image]), Region { from: [1; 3], dims: [3; 3] });
    }

    #[test]
    fn slices_are_resampled_apart_only_when_one_axis_is_much_wider() {
        let how = Resampling { order: Order::Cubic, between: Order::Nearest, by_slices: None };
        assert_eq!(slices_apart(how, [5.0, 1.0, 1.0], [1.0; 3]), Some(0));
        assert_eq!(slices_apart(how, [3.0, 1.0, 1.0], [1.0; 3]), None);
        assert_eq!(slices_apart(how, [0.24, 1.25, 1.25], [1.0; 3]), None);
        assert_eq!(slices_apart(how, [1.0; 3], [1.0, 1.0, 4.0]), Some(2));
    }
}
