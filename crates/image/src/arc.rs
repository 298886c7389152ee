//! Polylines in the patient, walked by their length: places at a distance, even steps, smoothing, and frames
//! that do not twist.

use glam::DVec3;

/// Length from the first point to each of them, millimetres.
pub fn lengths_mm(line: &[DVec3]) -> Vec<f64> {
    let mut so_far = 0.0;
    let mut lengths = Vec::with_capacity(line.len());
    for (i, point) in line.iter().enumerate() {
        so_far += if i > 0 { line[i - 1].distance(*point) } else { 0.0 };
        lengths.push(so_far);
    }
    lengths
}

/// The whole length.
pub fn length_mm(line: &[DVec3]) -> f64 {
    line.windows(2).map(|pair| pair[0].distance(pair[1])).sum()
}

/// Where a length lies among ascending `lengths`: the index of the point before it, and the part of the way
/// to the next one. Beyond the ends: the ends.
pub fn locate(lengths: &[f64], at_mm: f64) -> (usize, f64) {
    let last = lengths.len().saturating_sub(2);
    let before = lengths.partition_point(|l| *l <= at_mm).saturating_sub(1).min(last);
    let Some(after) = lengths.get(before + 1) else { return (before, 0.0) };
    let gap = after - lengths[before];
    (before, if gap > 0.0 { ((at_mm - lengths[before]) / gap).clamp(0.0, 1.0) } else { 0.0 })
}

/// The value between two neighbours of a list.
pub fn between<T>(list: &[T], (before, part): (usize, f64)) -> T
where
    T: Copy + std::ops::Add<Output = T> + std::ops::Mul<f64, Output = T>,
{
    let after = (before + 1).min(list.len() - 1);
    list[before] * (1.0 - part) + list[after] * part
}

/// Points at even distances along the line, as near to `step_mm` as fits into its length; both ends stay. The
/// second result is the distance; points that coincide give one.
pub fn resampled(line: &[DVec3], step_mm: f64) -> (Vec<DVec3>, f64) {
    let lengths = lengths_mm(line);
    let whole = lengths.last().copied().unwrap_or(0.0);
    let steps = (whole / step_mm).round().max(1.0);
    if whole <= 0.0 || !steps.is_finite() {
        return (line.first().copied().into_iter().collect(), 0.0);
    }
    let even = whole / steps;
    let points = (0..=steps as usize).map(|i| between(line, locate(&lengths, i as f64 * even))).collect();
    (points, even)
}

/// Smoothed with a normal distribution of `sd(place)` points, three of them wide at most and as wide as fits
/// before the nearer end: the ends stay.
pub fn smoothed<T>(list: &[T], sd: impl Fn(usize) -> f64) -> Vec<T>
where
    T: Copy + std::ops::Add<Output = T> + std::ops::Mul<f64, Output = T>,
{
    let around = |i: usize| {
        let sd = sd(i);
        let reach = ((3.0 * sd).ceil() as usize).min(i).min(list.len() - 1 - i);
        let weight = |d: usize| (-0.5 * (d as f64 / sd).powi(2)).exp();
        let whole = 1.0 + 2.0 * (1..=reach).map(weight).sum::<f64>();
        (1..=reach)
            .fold(list[i] * (1.0 / whole), |sum, d| sum + (list[i - d] + list[i + d]) * (weight(d) / whole))
    };
    (0..list.len()).map(around).collect()
}

/// Unit directions of the line at its points.
pub fn tangents(line: &[DVec3]) -> Vec<DVec3> {
    let last = line.len().saturating_sub(1);
    (0..line.len())
        .map(|i| (line[(i + 1).min(last)] - line[i.saturating_sub(1)]).normalize_or(DVec3::Z))
        .collect()
}

/// A unit normal at each point, turned as little as possible from one to the next: the rotation-minimising
/// frame by double reflection (Wang, Jüttler, Zheng and Liu, ACM Transactions on Graphics 27, 2008). The
/// first is as near to `start` as a normal can be.
pub fn normals(line: &[DVec3], tangents: &[DVec3], start: DVec3) -> Vec<DVec3> {
    let Some(first) = tangents.first() else { return Vec::new() };
    let mut normal = start.reject_from_normalized(*first).normalize_or(first.any_orthonormal_vector());
    let mut normals = vec![normal];
    for i in 1..line.len() {
        let way = line[i] - line[i - 1];
        let reflect = |v: DVec3, across: DVec3| {
            let square = across.length_squared();
            if square > 0.0 { v - across * (2.0 * v.dot(across) / square) } else { v }
        };
        let (turned, direction) = (reflect(normal, way), reflect(tangents[i - 1], way));
        normal = reflect(turned, tangents[i] - direction);
        // Rounding must not add up over a long line.
        normal =
            normal.reject_from_normalized(tangents[i]).normalize_or(tangents[i].any_orthonormal_vector());
        normals.push(normal);
    }
    normals
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn circle(radius: f64, points: usize) -> Vec<DVec3> {
        let at = |i: usize| TAU * 0.75 * i as f64 / (points - 1) as f64;
        (0..points).map(|i| DVec3::new(radius * at(i).cos(), radius * at(i).sin(), 0.0)).collect()
    }

    #[test]
    fn a_line_is_cut_into_even_steps_and_keeps_its_ends_and_its_length() {
        let line = circle(20.0, 300);
        let (even, step_mm) = resampled(&line, 1.0);
        assert!((length_mm(&even) - TAU * 15.0).abs() < 0.02);
        assert!((step_mm - 1.0).abs() < 0.01);
        assert!(even.windows(2).all(|p| (p[0].distance(p[1]) - step_mm).abs() < 1e-3));
        assert!(even[0] == line[0] && even[even.len() - 1].distance(line[299]) < 1e-9);
    }

    #[test]
    fn a_normal_of_a_plane_curve_stays_normal_to_the_plane_and_one_in_it_stays_in_it() {
        let line = circle(10.0, 200);
        let along = tangents(&line);
        for normal in normals(&line, &along, DVec3::Z) {
            assert!((normal - DVec3::Z).length() < 1e-9);
        }
        for (normal, point) in normals(&line, &along, DVec3::X).iter().zip(&line).skip(1).take(190) {
            assert!(normal.dot(*point / 10.0) > 0.999, "{normal} at {point}");
        }
    }

    #[test]
    fn smoothing_takes_zigzag_away_and_leaves_the_ends() {
        let zigzag: Vec<DVec3> = (0..60).map(|i| DVec3::new(i as f64, f64::from(i % 2), 0.0)).collect();
        let smooth = smoothed(&zigzag, |_| 2.0);
        assert_eq!((smooth[0], smooth[59]), (zigzag[0], zigzag[59]));
        assert!(smooth[10..50].iter().all(|p| (p.y - 0.5).abs() < 0.01));
    }
}
