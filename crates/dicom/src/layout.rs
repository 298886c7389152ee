//! Parallel slices into a grid: order, slice distance, time points, and what a reader must know about them.

use crate::stack::{FrameRef, Placed, warning};
use glam::{DMat4, DVec3};
use medsight_image::VolumeWarning;

/// Positions nearer than this are the same slice; scanners round to a few micrometres.
const SAME_PLACE_MM: f64 = 0.01;
/// A slice distance is even when it varies by less than this part of the median.
const EVEN: f64 = 0.01;
/// Tilt below this is rounding.
const LEAST_TILT_DEG: f64 = 0.1;

/// Geometry of a volume, and which frame is which slice.
#[derive(Clone, Debug)]
pub struct VolumeLayout {
    /// Voxels along x, y, z, t.
    pub dims: [usize; 4],
    /// Spacing in millimetres; z is the median slice distance along the normal.
    pub spacing_mm: DVec3,
    /// Centre of the first voxel.
    pub origin_mm: DVec3,
    /// Unit axes; z is the normal, row × column.
    pub axes: [DVec3; 3],
    /// Voxel to patient. With a tilted gantry the third column is the true slice step.
    pub patient_from_voxel: DMat4,
    /// Position of each slice along the normal, from the first; millimetres.
    pub slice_offsets_mm: Vec<f64>,
    /// What a reader must know.
    pub warnings: Vec<VolumeWarning>,
}

/// True when two frames lie at one position.
pub(crate) fn positions_repeat(members: &[Placed<'_>]) -> bool {
    let mut along: Vec<f64> = members.iter().map(|m| m.along_mm).collect();
    along.sort_by(f64::total_cmp);
    along.windows(2).any(|pair| pair[1] - pair[0] < SAME_PLACE_MM)
}

/// Orders `members` (already in instance order) into slices and time points.
pub(crate) fn layout(
    [x, y]: [DVec3; 2],
    [column_mm, row_mm]: [f64; 2],
    members: &[Placed<'_>],
) -> Result<(VolumeLayout, Vec<FrameRef>), (&'static str, String)> {
    let mut order: Vec<&Placed<'_>> = members.iter().collect();
    order.sort_by(|a, b| a.along_mm.total_cmp(&b.along_mm)); // stable: instance order within a place
    let mut places: Vec<Vec<&Placed<'_>>> = Vec::new();
    for member in order {
        match places.last_mut() {
            Some(place) if member.along_mm - place[0].along_mm < SAME_PLACE_MM => place.push(member),
            _ => places.push(vec![member]),
        }
    }
    if places.len() < 2 {
        return Err(("one_position", "All images lie at one position: a cine, not a volume.".into()));
    }
    let mut warnings = Vec::new();
    let times = time_points(&mut places, &mut warnings)?;
    let encoded = &members[0].image.encoded;

    let z = x.cross(y);
    let firsts: Vec<DVec3> = places.iter().map(|p| p[0].position_mm).collect();
    let along: Vec<f64> = firsts.iter().map(|p| p.dot(z)).collect();
    let slice_mm = slice_spacing(&along, &mut warnings);
    let line = firsts[firsts.len() - 1] - firsts[0];
    let line = if line.length() > 0.0 { line.normalize() } else { z };
    let tilt_deg = line.dot(z).clamp(-1.0, 1.0).acos().to_degrees();
    if tilt_deg > LEAST_TILT_DEG {
        warnings.push(warning(
            "gantry_tilt",
            format!(
                "The slices are shifted against each other by {tilt_deg:.1}° (gantry tilt): \
                 Image Position (Patient) (0020,0032) does not run along the slice normal"
            ),
            &[tilt_deg],
        ));
    }
    check_line(&firsts, line, slice_mm, &mut warnings);
    let step = line * (slice_mm / line.dot(z).max(1e-3));
    let layout = VolumeLayout {
        dims: [encoded.columns, encoded.rows, places.len(), times],
        spacing_mm: DVec3::new(column_mm, row_mm, slice_mm),
        origin_mm: firsts[0],
        axes: [x, y, z],
        patient_from_voxel: DMat4::from_cols(
            (x * column_mm).extend(0.0),
            (y * row_mm).extend(0.0),
            step.extend(0.0),
            firsts[0].extend(1.0),
        ),
        slice_offsets_mm: along.iter().map(|a| a - along[0]).collect(),
        warnings,
    };
    let frames = (0..times).flat_map(|t| places.iter().map(move |p| p[t].at)).collect();
    Ok((layout, frames))
}

/// Makes every place hold the same number of frames, in time order; returns that number.
fn time_points(
    places: &mut [Vec<&Placed<'_>>],
    warnings: &mut Vec<VolumeWarning>,
) -> Result<usize, (&'static str, String)> {
    let (fewest, most) = places.iter().fold((usize::MAX, 0), |(f, m), p| (f.min(p.len()), m.max(p.len())));
    if fewest == most {
        for place in places.iter_mut() {
            let mut positions: Vec<_> = place.iter().map(|p| p.info().time_position).collect();
            positions.sort_unstable();
            positions.dedup();
            if positions.len() == place.len() {
                place.sort_by_key(|p| p.info().time_position);
            }
        }
        return Ok(most);
    }
    let surplus: usize = places.iter().map(|p| p.len() - fewest).sum();
    if fewest > 1 || surplus * 2 > places.len() {
        return Err((
            "uneven_time_points",
            format!("Some positions have {fewest} images and some {most}: time points are missing."),
        ));
    }
    warnings.push(warning(
        "duplicate_slices",
        format!("{surplus} images lie at a position that another image has too; the first by Instance Number (0020,0013) is used"),
        &[surplus as f64],
    ));
    for place in places.iter_mut() {
        place.truncate(1);
    }
    Ok(1)
}

/// The median distance, and what is uneven about it.
fn slice_spacing(along: &[f64], warnings: &mut Vec<VolumeWarning>) -> f64 {
    let mut gaps: Vec<f64> = along.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let middle = gaps.len() / 2;
    let median = if gaps.len() % 2 == 1 { gaps[middle] } else { (gaps[middle - 1] + gaps[middle]) / 2.0 };
    let (least, largest) = (gaps[0], gaps[gaps.len() - 1]);
    if largest - least <= EVEN * median {
        return median;
    }
    let missing = missing_slices(along);
    if missing > 0 {
        let widest = along.windows(2).map(|pair| pair[1] - pair[0]).enumerate();
        let (before, gap) =
            widest.fold((0, 0.0), |best, (i, gap)| if gap > best.1 { (i, gap) } else { best });
        warnings.push(warning(
            "missing_slices",
            format!(
                "About {missing} slices are missing: neighbours are {median:.3} mm apart, but {gap:.3} mm lie between slices \
                 {} and {}",
                before + 1,
                before + 2
            ),
            &[missing as f64, median, gap, before as f64 + 1.0, before as f64 + 2.0],
        ));
    }
    warnings.push(warning(
        "uneven_spacing",
        format!("The slice distance is uneven: from {least:.3} to {largest:.3} mm, median {median:.3} mm (Image Position (Patient) (0020,0032))"),
        &[least, largest, median],
    ));
    median
}

/// How many slices would fill the gaps that are wider than the gaps around them. A stack whose distance changes
/// once, as of a head scanned in two parts, has none.
fn missing_slices(along: &[f64]) -> usize {
    const AROUND: usize = 5;
    let gaps: Vec<f64> = along.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let usual = |i: usize| {
        let mut near = gaps[i.saturating_sub(AROUND)..(i + AROUND + 1).min(gaps.len())].to_vec();
        near.sort_by(f64::total_cmp);
        near[(near.len() - 1) / 2]
    };
    (0..gaps.len())
        .map(|i| gaps[i] / usual(i))
        .filter(|times| *times > 1.5)
        // Positions that no patient has make more slices missing than can be counted.
        .fold(0, |sum: usize, times| sum.saturating_add(times.round() as usize - 1))
}

/// Slices that lie off the line through the first and the last are not a straight stack.
fn check_line(firsts: &[DVec3], line: DVec3, slice_mm: f64, warnings: &mut Vec<VolumeWarning>) {
    let off = |p: &DVec3| {
        let from_first = *p - firsts[0];
        (from_first - line * from_first.dot(line)).length()
    };
    let farthest = firsts.iter().map(off).fold(0.0, f64::max);
    if farthest > 0.1 * slice_mm.max(1.0) {
        warnings.push(warning(
            "shifted_slices",
            format!("Slices are shifted sideways by up to {farthest:.2} mm against a straight stack"),
            &[farthest],
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(gaps_mm: &[f64]) -> Vec<f64> {
        gaps_mm.iter().fold(vec![0.0], |mut along, gap| {
            along.push(along[along.len() - 1] + gap);
            along
        })
    }

    fn codes(gaps_mm: &[f64]) -> Vec<String> {
        let mut warnings = Vec::new();
        slice_spacing(&stack(gaps_mm), &mut warnings);
        warnings.into_iter().map(|w| w.code.to_string()).collect()
    }

    #[test]
    fn a_hole_in_a_stack_is_missing_slices_even_where_the_distance_is_uneven_too() {
        let mut gaps = vec![1.5; 30];
        gaps[4] = 1.7;
        gaps[12] = 69.0;
        assert_eq!(missing_slices(&stack(&gaps)), 45);
        assert_eq!(codes(&gaps), ["missing_slices", "uneven_spacing"]);
    }

    #[test]
    fn two_holes_side_by_side_are_both_counted() {
        let mut gaps = vec![2.5; 20];
        gaps[8] = 5.0;
        gaps[9] = 7.5;
        assert_eq!(missing_slices(&stack(&gaps)), 3);
    }

    #[test]
    fn a_head_scanned_in_two_parts_is_uneven_but_whole() {
        let gaps = [vec![2.5; 12], vec![5.0; 14]].concat();
        assert_eq!(codes(&gaps), ["uneven_spacing"]);
    }
}
