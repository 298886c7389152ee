//! A curved plane along a line, unrolled: what a vessel looks like from end to end in one picture.
//!
//! Kanitsar, Fleischmann, Wegenkittl, Felkel and Gröller, "CPR: curved planar reformation", IEEE
//! Visualization 2002. Both forms keep lengths along the line: *straightened* draws the line upright and
//! shows a cut along it at any angle; *stretched* sweeps one fixed direction along the line and unrolls that
//! surface without distortion, so that what is beside the vessel keeps its shape. Across the line distances
//! are true at every row; between rows they are true on the line only.

use glam::DVec3;
use rayon::prelude::*;

use crate::arc::{between, lengths_mm, locate, normals, tangents};
use crate::plane::{Projection, sample};
use crate::{Frame, Photometric, Samples, ToolError, Volume};

/// How the surface is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CurvedKind {
    /// The line is upright in the middle. `angle_rad` turns the cut around it, from the direction that is
    /// nearest to the patient's left at the first point, seen along the line clockwise.
    Straightened {
        /// Any number; a whole turn is 2π.
        angle_rad: f64,
    },
    /// Every row runs along this direction of the patient.
    Stretched {
        /// Unit vector, to the right in the picture.
        across: DVec3,
    },
}

/// Everything that decides what the picture shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvedDraw {
    /// How the surface is made.
    pub kind: CurvedKind,
    /// From the line to the sides of the picture; stretched: beyond the line where it goes farthest.
    pub half_width_mm: f64,
    /// The same along and across.
    pub mm_per_px: f64,
    /// Thickness, centred on the surface; 0 is the surface alone.
    pub slab_mm: f64,
    /// Of the values along the thickness.
    pub projection: Projection,
    /// The value where the volume ends.
    pub outside: f32,
}

/// The unrolled surface.
#[derive(Clone, Debug)]
pub struct CurvedImage {
    /// Modality values, [`Samples::F32`]; the first point of the line is at the top.
    pub frame: Frame,
    /// Along the rows and from row to row.
    pub mm_per_px: f64,
    rows: Vec<Row>,
}

/// Where a row lies in the patient.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Where it crosses the line.
    on_line_mm: DVec3,
    /// Column of that place, in millimetres from the left side of the picture.
    line_at_mm: f64,
    /// Unit vector to the right.
    across: DVec3,
    /// Unit vector out of the surface.
    through: DVec3,
}

impl CurvedImage {
    /// The patient position of a place in the picture: (0, 0) is the corner of the first pixel, its centre is
    /// (0.5, 0.5).
    pub fn patient_from_px(&self, x: f64, y: f64) -> DVec3 {
        let last = self.rows.len() - 1;
        let at = (y - 0.5).clamp(0.0, last as f64);
        let (row, part) = ((at as usize).min(last), at.fract());
        let place = |row: &Row| row.on_line_mm + row.across * (x * self.mm_per_px - row.line_at_mm);
        place(&self.rows[row]).lerp(place(&self.rows[(row + 1).min(last)]), part)
    }

    /// The line in the picture, a point for each row.
    pub fn line_px(&self) -> Vec<[f64; 2]> {
        let place = |(y, row): (usize, &Row)| [row.line_at_mm / self.mm_per_px, y as f64 + 0.5];
        self.rows.iter().enumerate().map(place).collect()
    }
}

/// Rows and columns of a picture are no more than this.
const MOST_PX: f64 = 16_384.0;

/// The picture along a line of patient positions, such as [`crate::centerline::Centerline::points_mm`].
///
/// # Errors
/// [`ToolError::TooFew`] for a line without length, [`ToolError::OutOfRange`] for sizes that are not above 0
/// or give more than 16 384 rows or columns, or a direction `across` that is none or runs along the whole
/// line.
pub fn curved(volume: &Volume, line_mm: &[DVec3], draw: &CurvedDraw) -> Result<CurvedImage, ToolError> {
    let is_length = |mm: f64| mm > 0.0 && mm.is_finite();
    for (what, found) in [("half width in mm", draw.half_width_mm), ("mm per pixel", draw.mm_per_px)] {
        if !is_length(found) {
            return Err(ToolError::OutOfRange { what, found, allowed: "above 0" });
        }
    }
    let mut line = line_mm.to_vec();
    line.dedup();
    if line.len() < 2 {
        return Err(ToolError::TooFew { found: line.len(), least: 2 });
    }
    let (rows, width_mm) = match draw.kind {
        CurvedKind::Straightened { angle_rad } => {
            (straightened(&line, angle_rad, draw)?, draw.half_width_mm * 2.0)
        }
        CurvedKind::Stretched { across } => stretched(&line, across, draw)?,
    };
    let columns = (width_mm / draw.mm_per_px).round().max(1.0);
    checked_size(columns)?;
    let columns = columns as usize;
    let values: Vec<f32> = rows.par_iter().flat_map_iter(|row| drawn(volume, row, columns, draw)).collect();
    let frame = Frame {
        rows: rows.len(),
        columns,
        photometric: Photometric::Monochrome2,
        samples: Samples::F32(values),
    };
    Ok(CurvedImage { frame, mm_per_px: draw.mm_per_px, rows })
}

fn checked_size(pixels: f64) -> Result<(), ToolError> {
    if pixels > MOST_PX {
        let what = "rows or columns of the picture";
        return Err(ToolError::OutOfRange {
            what,
            found: pixels,
            allowed: "up to 16384: use more mm per pixel",
        });
    }
    Ok(())
}

/// Positions along a length at which rows lie: in the middle of each pixel.
fn row_places(length_mm: f64, mm_per_px: f64) -> Result<impl Iterator<Item = f64>, ToolError> {
    let count = (length_mm / mm_per_px).round().max(1.0);
    checked_size(count)?;
    Ok((0..count as usize).map(move |row| (row as f64 + 0.5) * mm_per_px))
}

fn straightened(line: &[DVec3], angle_rad: f64, draw: &CurvedDraw) -> Result<Vec<Row>, ToolError> {
    let lengths = lengths_mm(line);
    let along = tangents(line);
    let normals = normals(line, &along, DVec3::X);
    let rows = row_places(lengths[lengths.len() - 1], draw.mm_per_px)?.map(|at_mm| {
        let place = locate(&lengths, at_mm);
        let tangent = between(&along, place).normalize_or(DVec3::Z);
        let normal = between(&normals, place).reject_from_normalized(tangent);
        let normal = normal.normalize_or(tangent.any_orthonormal_vector());
        let across = normal * angle_rad.cos() + tangent.cross(normal) * angle_rad.sin();
        Row {
            on_line_mm: between(line, place),
            line_at_mm: draw.half_width_mm,
            across,
            through: across.cross(tangent),
        }
    });
    Ok(rows.collect())
}

/// Rows, and the width of the picture.
fn stretched(line: &[DVec3], across: DVec3, draw: &CurvedDraw) -> Result<(Vec<Row>, f64), ToolError> {
    let none = |found: f64| ToolError::OutOfRange {
        what: "length of the direction across",
        found,
        allowed: "1, and not along the line",
    };
    if !(across.length() - 1.0).abs().le(&1e-3) {
        return Err(none(across.length()));
    }
    let side: Vec<f64> = line.iter().map(|p| p.dot(across)).collect();
    // The surface is unrolled along what of the line is at right angles to the rows.
    let upright: Vec<DVec3> = line.iter().map(|p| p.reject_from_normalized(across)).collect();
    let down = lengths_mm(&upright);
    let length_mm = down[down.len() - 1];
    if length_mm < draw.mm_per_px {
        return Err(none(across.length()));
    }
    let directions = tangents(&upright);
    let (least, most) =
        side.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), s| (l.min(*s), m.max(*s)));
    let rows = row_places(length_mm, draw.mm_per_px)?.map(|at_mm| {
        let place = locate(&down, at_mm);
        Row {
            on_line_mm: between(line, place),
            line_at_mm: between(&side, place) - least + draw.half_width_mm,
            across,
            through: across.cross(between(&directions, place)).normalize_or_zero(),
        }
    });
    Ok((rows.collect(), most - least + 2.0 * draw.half_width_mm))
}

fn drawn(volume: &Volume, row: &Row, columns: usize, draw: &CurvedDraw) -> Vec<f32> {
    let voxel_from_patient = volume.voxel_from_patient();
    let slab_mm = draw.slab_mm.max(0.0);
    // At least two samples in every voxel of the thickness, as planes have.
    let count = match slab_mm {
        mm if mm > 0.0 => {
            (mm / (volume.spacing_mm.min_element() * 0.5)).ceil().clamp(1.0, 511.0) as usize + 1
        }
        _ => 1,
    };
    let step_mm = if count > 1 { slab_mm / (count - 1) as f64 } else { 0.0 };
    let value = |column: usize| {
        let side_mm = (column as f64 + 0.5) * draw.mm_per_px - row.line_at_mm;
        let first = row.on_line_mm + row.across * side_mm - row.through * (slab_mm * 0.5);
        let at = |k: usize| first + row.through * (k as f64 * step_mm);
        let mut values =
            (0..count).filter_map(|k| sample(volume, voxel_from_patient.transform_point3(at(k)).as_vec3()));
        let Some(first) = values.next() else { return draw.outside };
        match draw.projection {
            Projection::Mip => values.fold(first, f32::max),
            Projection::MinIp => values.fold(first, f32::min),
            Projection::Mean => {
                let (sum, n) = values.fold((first, 1.0), |(sum, n), v| (sum + v, n + 1.0));
                sum / n
            }
        }
    };
    (0..columns).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;
    use std::f64::consts::{FRAC_PI_2, PI};

    /// A half ring of 300 HU, radius 20 mm and 3 mm thick (radius), in air, in the plane z = 0; and its
    /// middle line.
    fn half_ring() -> (Volume, Vec<DVec3>) {
        let dims = [60, 60, 20];
        let mut voxels = Vec::new();
        for i in 0..dims.iter().product::<usize>() {
            let p = DVec3::new((i % 60) as f64 - 29.5, (i / 60 % 60) as f64 - 29.5, (i / 3600) as f64 - 9.5);
            let apart = (p.x.hypot(p.y) - 20.0).hypot(p.z);
            voxels.push(if apart < 3.0 { 300 } else { -1000 });
        }
        let at = |i: usize| {
            DVec3::new(20.0 * (PI * i as f64 / 200.0).cos(), 20.0 * (PI * i as f64 / 200.0).sin(), 0.0)
        };
        (phantom::volume(dims, DVec3::ONE, voxels), (0..=200).map(at).collect())
    }

    fn draw(kind: CurvedKind) -> CurvedDraw {
        CurvedDraw {
            kind,
            half_width_mm: 8.0,
            mm_per_px: 0.5,
            slab_mm: 0.0,
            projection: Projection::Mip,
            outside: -1000.0,
        }
    }

    fn value(image: &CurvedImage, x: usize, y: usize) -> f64 {
        image.frame.samples.value(y * image.frame.columns + x)
    }

    #[test]
    fn a_straightened_half_ring_is_an_upright_band_of_its_length_and_width_at_any_angle() {
        let (volume, line) = half_ring();
        for angle_rad in [0.0, FRAC_PI_2, 1.0] {
            let image = curved(&volume, &line, &draw(CurvedKind::Straightened { angle_rad })).unwrap();
            assert_eq!((image.frame.rows, image.frame.columns), (126, 32)); // 62.8 mm, 16 mm
            for row in 2..124 {
                let bright = (0..32).filter(|x| value(&image, *x, row) > -350.0).count();
                assert!((10..=14).contains(&bright), "{bright} pixels of 12 in row {row} at {angle_rad}");
                assert!(value(&image, 15, row) > 299.0);
            }
        }
    }

    #[test]
    fn a_stretched_half_ring_keeps_the_length_of_the_line_in_the_picture() {
        let (volume, line) = half_ring();
        let image = curved(&volume, &line, &draw(CurvedKind::Stretched { across: DVec3::X })).unwrap();
        let shown: f64 = image
            .line_px()
            .windows(2)
            .map(|p| (p[1][0] - p[0][0]).hypot(p[1][1] - p[0][1]) * image.mm_per_px)
            .sum();
        // Rows lie in the middle of pixels: at both ends half a row is missing, where the line runs along the
        // rows.
        assert!((shown - 20.0 * PI).abs() < 4.0, "{shown}");
        for [x, y] in image.line_px() {
            assert!(value(&image, x as usize, y as usize) > 290.0, "{x} {y}");
            let place = image.patient_from_px(x, y);
            assert!((place.length() - 20.0).abs() < 0.1, "{place}");
        }
    }

    #[test]
    fn a_place_in_the_picture_is_where_its_value_is_in_the_patient() {
        let volume = phantom::ramp([40, 40, 12]);
        let line: Vec<DVec3> =
            (0..50).map(|i| DVec3::new((i as f64 * 0.1).sin() * 8.0, i as f64 * 0.5 - 12.0, 0.4)).collect();
        for kind in [CurvedKind::Straightened { angle_rad: 0.7 }, CurvedKind::Stretched { across: DVec3::X }]
        {
            let image = curved(&volume, &line, &CurvedDraw { half_width_mm: 3.0, ..draw(kind) }).unwrap();
            for (x, y) in [(2, 3), (7, 30), (4, 17)] {
                let place = image.patient_from_px(x as f64 + 0.5, y as f64 + 0.5);
                let voxel = volume.voxel_from_patient().transform_point3(place);
                let wanted = 10.0 * voxel.x + voxel.y + 100.0 * voxel.z;
                assert!((value(&image, x, y) - wanted).abs() < 0.1, "{kind:?} at {x}, {y}");
            }
        }
    }

    #[test]
    fn a_line_without_length_and_a_direction_along_the_line_are_refused() {
        let volume = phantom::ramp([8, 8, 8]);
        let of = |line: &[DVec3], kind| curved(&volume, line, &draw(kind)).err();
        let straight = CurvedKind::Straightened { angle_rad: 0.0 };
        assert_eq!(of(&[DVec3::ZERO; 4], straight), Some(ToolError::TooFew { found: 1, least: 2 }));
        let along = of(&[DVec3::ZERO, DVec3::X * 3.0], CurvedKind::Stretched { across: DVec3::X });
        assert!(matches!(along, Some(ToolError::OutOfRange { .. })), "{along:?}");
    }
}
