//! Segments, regions of interest and isodoses of a study as solids in a volume, made in the background for 3D.

use medsight_dicom::derived::{Contour, ContourKind, Roi, RoiMask};
use medsight_image::{Field, Solids, Volume};
use medsight_viewport::{LayerContour, LayerForm, LayerSet, SolidsOf};
use rayon::prelude::*;

/// Edge of the raster of an outline, millimetres.
const RASTER_MM: f64 = 0.7;

/// What says whether a point of the patient is in a part.
enum Inside<'a> {
    /// Label of a grid.
    Label(&'a Field, u16),
    /// Outlines, with the box around them.
    Outlines(Box<RoiMask>, [glam::DVec3; 2]),
}

/// The parts of the sets that lie in `volume`, each with a label; those beyond the 255th have none.
///
/// A dose has a part for each isodose: from its dose to the next one. `None` when there is nothing to show.
pub(crate) fn of_sets(volume: &Volume, sets: &[(usize, LayerSet)]) -> Option<SolidsOf> {
    let mut parts: Vec<((usize, usize), Inside<'_>)> = Vec::new();
    for (set_index, set) in sets {
        for (layer_index, layer) in set.layers.iter().enumerate().filter(|(_, layer)| !layer.is_body) {
            let inside = match &layer.form {
                LayerForm::Label(grid, label) => match set.grids.get(*grid) {
                    Some(field) => Inside::Label(field, *label),
                    None => continue,
                },
                LayerForm::Contours(contours) => match outlines(contours) {
                    Some(inside) => inside,
                    None => continue,
                },
            };
            parts.push(((*set_index, layer_index), inside));
        }
    }
    // The last part that holds a point is the one that is seen: a region is not hidden by the dose that it receives.
    parts.sort_by_key(|(_, inside)| !matches!(inside, Inside::Label(Field::Bands(_), _)));
    parts.truncate(255);
    if parts.is_empty() {
        return None;
    }
    let [nx, ny, nz] = Solids::dims_for(volume);
    let mut labels = vec![0u8; nx * ny * nz];
    labels.par_chunks_mut(nx * ny).enumerate().for_each(|(z, slice)| {
        for (at, cell) in slice.iter_mut().enumerate() {
            let point_mm = Solids::center_mm(volume, [at % nx, at / nx, z]);
            *cell = label_at(&parts, point_mm);
        }
    });
    let order = parts.iter().map(|(at, _)| *at).collect();
    Solids::new(volume, labels).map(|solids| SolidsOf { solids: std::sync::Arc::new(solids), parts: order })
}

/// The label of the last part that a point is in; parts count from 1.
fn label_at(parts: &[((usize, usize), Inside<'_>)], point_mm: glam::DVec3) -> u8 {
    // Labels of one grid are looked up once.
    let mut known: Option<(*const Field, u16)> = None;
    let mut found = 0;
    for (number, (_, inside)) in parts.iter().enumerate() {
        let is_in = match inside {
            Inside::Label(field, label) => {
                let here: *const Field = *field;
                let under = match known {
                    Some((grid, under)) if grid == here => under,
                    _ => field.label_at(point_mm),
                };
                known = Some((here, under));
                under == *label
            }
            Inside::Outlines(mask, [low, high]) => {
                point_mm.cmpge(*low).all() && point_mm.cmple(*high).all() && mask.contains(point_mm)
            }
        };
        if is_in {
            found = number as u8 + 1; // at most 255 parts
        }
    }
    found
}

/// Closed outlines as a region; `None` where they enclose nothing.
fn outlines(contours: &[LayerContour]) -> Option<Inside<'static>> {
    let closed = contours.iter().filter(|c| c.closed && c.points_mm.len() > 2);
    let contours: Vec<Contour> = closed
        .map(|c| Contour { kind: ContourKind::ClosedPlanar, points_mm: c.points_mm.clone(), image: None })
        .collect();
    let points = || contours.iter().flat_map(|c| &c.points_mm);
    let low = points().copied().reduce(glam::DVec3::min)?;
    let high = points().copied().reduce(glam::DVec3::max)?;
    let roi = Roi {
        number: 0,
        name: String::new(),
        description: String::new(),
        interpreted: String::new(),
        rgb: None,
        frame_of_reference: String::new(),
        contours,
    };
    let thick = roi.planes().ok()?.spacing_mm.unwrap_or(1.0);
    let mask = RoiMask::of(&roi, RASTER_MM).ok()?;
    let margin = glam::DVec3::splat(thick);
    Some(Inside::Outlines(Box::new(mask), [low - margin, high + margin]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use glam::DVec3;
    use medsight_image::phantom;
    use medsight_viewport::{Layer, LayerDose};
    use std::sync::Arc;

    #[test]
    fn outlines_fill_the_cells_between_them_and_leave_the_hole_free() {
        let volume = phantom::volume([40, 40, 20], DVec3::ONE, vec![0; 40 * 40 * 20]);
        let ring = |z: f64, half: f64| LayerContour {
            points_mm: vec![
                DVec3::new(-half, -half, z),
                DVec3::new(half, -half, z),
                DVec3::new(half, half, z),
                DVec3::new(-half, half, z),
            ],
            closed: true,
        };
        let contours = (-5..=5).flat_map(|z| [ring(f64::from(z), 10.0), ring(f64::from(z), 4.0)]).collect();
        let layer = Layer {
            name: "wall".into(),
            rgb: [255, 0, 0],
            on: true,
            volume_ml: None,
            is_body: false,
            dose: LayerDose::Unknown,
            form: LayerForm::Contours(Arc::new(contours)),
        };
        let set = LayerSet {
            name: String::new(),
            frame_of_reference: "1.2".into(),
            fill: 0.3,
            plane_distance_mm: 1.0,
            grids: Vec::new(),
            layers: vec![layer],
            series: None,
            meanings: Vec::new(),
            proposed: None,
        };
        let made = of_sets(&volume, &[(3, set)]).unwrap();
        assert_eq!(made.parts, [(3, 0)]);
        let filled = made.solids.labels().iter().filter(|l| **l == 1).count() as f64;
        let paper = (20.0 * 20.0 - 8.0 * 8.0) * 11.0;
        assert!((filled - paper).abs() / paper < 0.12, "{filled} cells, {paper} on paper");
    }
}
