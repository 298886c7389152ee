//! Pictures brought to another size as the originals do it: colours of 8 bits by Pillow's `Image.resize`, other values by
//! PyTorch's `interpolate`. (`image` resizes differently in the last bits, and `crate::resample` is for grids of nnU-Net.)
//!
//! Both work one axis after the other, columns first; each new pixel is a sum of old ones with fixed parts. Pillow rounds to
//! 8 bits between the two axes.

use crate::package::{PictureFilter, PictureRules};

/// Values of 0…1, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plane {
    /// Columns and rows.
    pub(super) size_px: [usize; 2],
    pub(super) values: Vec<f32>,
}

/// For each new pixel: the first old one that has a part in it, and the parts.
type Parts = Vec<(usize, Vec<f64>)>;

/// Pillow's parts of 8-bit pictures are whole numbers of this many bits (`Resample.c`).
const BITS: u32 = 22;

/// A channel of 8 bits with another size, as 0…1.
pub(super) fn bytes_resized(bytes: &[u8], from: [usize; 2], to: [usize; 2], rules: &PictureRules) -> Plane {
    let part = |byte: &u8| f32::from(*byte) / 255.0;
    if from == to {
        return Plane { size_px: to, values: bytes.iter().map(part).collect() };
    }
    if !rules.antialias {
        // Pillow always smooths: this is PyTorch's way.
        let plane = Plane { size_px: from, values: bytes.iter().map(part).collect() };
        return resized(&plane, to, rules);
    }
    let whole = |parts: Parts| -> Vec<(usize, Vec<i64>)> {
        let unit = f64::from(1_u32 << BITS);
        let rounded = |part: f64| (part * unit + 0.5_f64.copysign(part)) as i64;
        parts.into_iter().map(|(first, parts)| (first, parts.into_iter().map(rounded).collect())).collect()
    };
    let sum = |parts: &[i64], values: &mut dyn Iterator<Item = u8>| {
        let start = 1_i64 << (BITS - 1);
        let sum = parts.iter().zip(values).fold(start, |sum, (part, value)| sum + part * i64::from(value));
        (sum >> BITS).clamp(0, 255) as u8
    };
    let [old_columns, old_rows] = from;
    let [columns, rows] = to;
    let across = whole(smoothed(old_columns, columns, rules.interpolation));
    let narrow: Vec<u8> = match old_columns == columns {
        true => bytes.to_vec(),
        false => bytes
            .chunks_exact(old_columns)
            .flat_map(|row| {
                across.iter().map(|(first, parts)| sum(parts, &mut row[*first..].iter().copied()))
            })
            .collect(),
    };
    let down = whole(smoothed(old_rows, rows, rules.interpolation));
    let values: Vec<f32> = match old_rows == rows {
        true => narrow.iter().map(part).collect(),
        false => down
            .iter()
            .flat_map(|(first, parts)| {
                let column =
                    |column: usize| narrow[first * columns + column..].iter().step_by(columns).copied();
                (0..columns).map(move |at| part(&sum(parts, &mut column(at)))).collect::<Vec<f32>>()
            })
            .collect(),
    };
    Plane { size_px: to, values }
}

/// The same for values that are no bytes.
pub(super) fn resized(plane: &Plane, to: [usize; 2], rules: &PictureRules) -> Plane {
    if plane.size_px == to {
        return plane.clone();
    }
    let of = |length: usize, count: usize| match rules.antialias {
        true => smoothed(length, count, rules.interpolation),
        false => between(length, count, rules.interpolation),
    };
    let [old_columns, old_rows] = plane.size_px;
    let [columns, rows] = to;
    let across = of(old_columns, columns);
    let narrow: Vec<f32> = plane
        .values
        .chunks_exact(old_columns)
        .flat_map(|row| {
            across.iter().map(|(first, parts)| {
                let pairs = parts.iter().zip(&row[*first..]);
                pairs.map(|(part, value)| part * f64::from(*value)).sum::<f64>() as f32
            })
        })
        .collect();
    let mut values = Vec::with_capacity(columns * rows);
    for (first, parts) in of(old_rows, rows) {
        values.extend((0..columns).map(|column| {
            let old = narrow[first * columns + column..].iter().step_by(columns);
            parts.iter().zip(old).map(|(part, value)| part * f64::from(*value)).sum::<f64>() as f32
        }));
    }
    Plane { size_px: to, values }
}

/// The filter's reach in new pixels, and its height at a place.
fn filter(kind: PictureFilter, sharpness: f64) -> (f64, impl Fn(f64) -> f64) {
    let reach = match kind {
        PictureFilter::Bilinear => 1.0,
        PictureFilter::Bicubic => 2.0,
    };
    let height = move |x: f64| {
        let x = x.abs();
        match kind {
            _ if x >= reach => 0.0,
            PictureFilter::Bilinear => 1.0 - x,
            PictureFilter::Bicubic if x < 1.0 => ((sharpness + 2.0) * x - (sharpness + 3.0)) * x * x + 1.0,
            PictureFilter::Bicubic => (((x - 5.0) * x + 8.0) * x - 4.0) * sharpness,
        }
    };
    (reach, height)
}

/// Parts of a picture that is smoothed where it gets smaller: Pillow's, and PyTorch's with `antialias`.
fn smoothed(length: usize, count: usize, kind: PictureFilter) -> Parts {
    let scale = length as f64 / count as f64;
    let wide = scale.max(1.0);
    let (reach, height) = filter(kind, -0.5);
    let reach = reach * wide;
    let one = |place: usize| {
        let center = (place as f64 + 0.5) * scale;
        let first = (center - reach + 0.5).max(0.0) as usize;
        let end = ((center + reach + 0.5) as usize).min(length);
        let parts: Vec<f64> = (first..end).map(|old| height((old as f64 - center + 0.5) / wide)).collect();
        let sum: f64 = parts.iter().sum();
        (first, parts.into_iter().map(|part| part / sum).collect())
    };
    (0..count).map(one).collect()
}

/// Parts of a picture that is only looked at between its pixels: PyTorch's `interpolate` without `antialias`, pixels beyond the
/// edge being those of the edge.
fn between(length: usize, count: usize, kind: PictureFilter) -> Parts {
    let scale = length as f64 / count as f64;
    let last = length as i64 - 1;
    let (reach, height) = filter(kind, -0.75);
    let one = |place: usize| {
        let at = (place as f64 + 0.5) * scale - 0.5;
        let at = if kind == PictureFilter::Bilinear { at.max(0.0) } else { at };
        let low = at.floor() as i64 - reach as i64 + 1;
        let places = low..low + 2 * reach as i64;
        let first = low.clamp(0, last);
        let mut parts = vec![0.0; (places.end - 1).clamp(0, last) as usize - first as usize + 1];
        for old in places {
            parts[(old.clamp(0, last) - first) as usize] += height(at - old as f64);
        }
        (first as usize, parts)
    };
    (0..count).map(one).collect()
}

/// The middle of a picture, columns and rows; around a smaller picture there is 0 (torchvision's `center_crop`).
pub(super) fn middle(plane: &Plane, size: [usize; 2]) -> Plane {
    let [columns, rows] = plane.size_px;
    let [wide, high] = size;
    // Where the part begins in the picture: before it when the picture is smaller. Half a pixel goes to the even side.
    let begin = |has: usize, wants: usize| match wants > has {
        true => -(((wants - has) / 2) as i64),
        false => ((has - wants) as f64 / 2.0).round_ties_even() as i64,
    };
    let (left, top) = (begin(columns, wide), begin(rows, high));
    let at = |column: usize, row: usize| {
        let column = usize::try_from(column as i64 + left).ok().filter(|column| *column < columns)?;
        let row = usize::try_from(row as i64 + top).ok().filter(|row| *row < rows)?;
        plane.values.get(row * columns + column).copied()
    };
    let line = |row: usize| (0..wide).map(move |column| (column, row));
    let values = (0..high).flat_map(line).map(|(column, row)| at(column, row).unwrap_or(0.0)).collect();
    Plane { size_px: size, values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Resize;

    fn rules(interpolation: PictureFilter, antialias: bool) -> PictureRules {
        PictureRules {
            resize_px: Resize::ShorterEdge(1),
            crop_px: None,
            interpolation,
            antialias,
            window: None,
            mean: vec![0.0],
            deviation: vec![1.0],
        }
    }

    #[test]
    fn the_middle_of_a_smaller_picture_has_nothing_around_it() {
        let plane = Plane { size_px: [3, 1], values: vec![1.0, 2.0, 3.0] };
        assert_eq!(middle(&plane, [2, 2]).values, [1.0, 2.0, 0.0, 0.0]);
        assert_eq!(middle(&plane, [5, 1]).values, [0.0, 1.0, 2.0, 3.0, 0.0]);
    }

    #[test]
    fn an_even_picture_stays_even_at_any_size() {
        for kind in [PictureFilter::Bilinear, PictureFilter::Bicubic] {
            for to in [[3, 2], [40, 7], [9, 31]] {
                let bytes = bytes_resized(&[77; 9 * 8], [9, 8], to, &rules(kind, true));
                assert!(bytes.values.iter().all(|value| (value * 255.0 - 77.0).abs() < 1e-3));
                let plane = Plane { size_px: [9, 8], values: vec![0.3; 72] };
                let even = resized(&plane, to, &rules(kind, false));
                assert!(even.values.iter().all(|value| (value - 0.3).abs() < 1e-6));
                assert_eq!(even.values.len(), to[0] * to[1]);
            }
        }
    }
}
