//! Layers over the images: segmentations, structure sets and doses, each with its parts, on or off.
//!
//! Filled from outside; how they are drawn is in `ui/layers`.

use std::sync::Arc;

use glam::DVec3;
use medsight_base::SeriesUid;
use medsight_image::Field;
use medsight_record::LabelMeaning;

use crate::proposed::Proposed;
use crate::series::Series;

/// The form of a part.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerForm {
    /// A label of one of the set's grids: (grid, label).
    Label(usize, u16),
    /// Outlines in the patient, millimetres; closed or open lines, or single points.
    Contours(Arc<Vec<LayerContour>>),
}

/// An outline.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerContour {
    /// Millimetres in the patient.
    pub points_mm: Vec<DVec3>,
    /// The last point is joined to the first.
    pub closed: bool,
}

/// A part and a dose.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum LayerDose {
    /// None known.
    #[default]
    Unknown,
    /// It is where the dose is at least this, as share of the highest one.
    Isodose {
        /// Dose.
        value: f64,
        /// `Gy`, or empty for relative dose.
        unit: &'static str,
    },
    /// It receives this.
    Received {
        /// Share of it that lies in the dose grid, 0 to 1; the figures are of this part.
        covered: f64,
        /// Mean dose.
        mean: f64,
        /// What 95 % of the volume receives at least.
        d95: f64,
        /// Highest dose.
        max: f64,
        /// `Gy`, or empty for relative dose.
        unit: &'static str,
    },
}

/// A part of a set: a segment, a region of interest.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// What it is called.
    pub name: String,
    /// Its colour.
    pub rgb: [u8; 3],
    /// Drawn.
    pub on: bool,
    /// Millilitres, when they can be told.
    pub volume_ml: Option<f64>,
    /// The whole body: in 3D it would hide everything else, so it has no surface.
    pub is_body: bool,
    /// The dose that it is, or that it receives.
    pub dose: LayerDose,
    /// What is drawn.
    pub form: LayerForm,
}

/// A segmentation or a structure set.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSet {
    /// What it is called: Series Description or label.
    pub name: String,
    /// Frame of Reference UID (0020,0052): the images it lies on.
    pub frame_of_reference: String,
    /// Opacity of the inside of labels, 0 to 1.
    pub fill: f32,
    /// Distance of outlines' planes, millimetres.
    pub plane_distance_mm: f64,
    /// Labels of the voxels.
    pub grids: Vec<Arc<Field>>,
    /// Its parts, in file order.
    pub layers: Vec<Layer>,
    /// Series of the object that it was read from or written as.
    pub series: Option<SeriesUid>,
    /// What the labels of a segmentation are, part by part.
    pub meanings: Vec<LabelMeaning>,
    /// A program proposed it.
    pub proposed: Option<Box<Proposed>>,
}

/// Opacity of a set that was just opened.
pub const FIRST_FILL: f32 = 0.35;

impl LayerSet {
    /// True when it lies on the images of a series. A proposal that was decided on is not shown any more: what was kept of it is.
    pub fn lies_on(&self, series: &Series) -> bool {
        let is_past = self.proposed.as_ref().is_some_and(|proposed| proposed.decided.is_some());
        !is_past
            && !self.frame_of_reference.is_empty()
            && self.frame_of_reference == series.frame_of_reference
    }

    /// The colour of a label of a grid, when it is shown.
    pub fn color(&self, grid: usize, label: u16) -> Option<[u8; 3]> {
        let shown = |l: &&Layer| l.on && l.form == LayerForm::Label(grid, label);
        self.layers.iter().find(shown).map(|layer| layer.rgb)
    }
}

/// Where a closed outline is cut by a plane: pairs of points, from where it is entered to where it is left.
///
/// `point_mm` and the unit `normal` are of the plane. An outline that lies in the plane is not cut.
pub(crate) fn cuts(contour: &LayerContour, point_mm: DVec3, normal: DVec3) -> Vec<[DVec3; 2]> {
    if !contour.closed || contour.points_mm.len() < 3 {
        return Vec::new();
    }
    let side = |p: &DVec3| (*p - point_mm).dot(normal);
    let next = contour.points_mm.iter().cycle().skip(1);
    let mut crossings: Vec<DVec3> = contour
        .points_mm
        .iter()
        .zip(next)
        .filter_map(|(a, b)| {
            let (from, to) = (side(a), side(b));
            ((from < 0.0) != (to < 0.0)).then(|| a.lerp(*b, from / (from - to)))
        })
        .collect();
    let (Some(first), Some(last)) = (crossings.first().copied(), crossings.last().copied()) else {
        return Vec::new();
    };
    // All crossings lie on one line, that of the two planes: sorted along it, in and out alternate.
    let furthest = crossings.iter().copied().max_by(|a, b| a.distance(first).total_cmp(&b.distance(first)));
    let along = (furthest.unwrap_or(last) - first).normalize_or_zero();
    crossings.sort_by(|a, b| a.dot(along).total_cmp(&b.dot(along)));
    crossings.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_through_a_ring_shows_where_it_enters_and_leaves() {
        let square = LayerContour {
            points_mm: vec![
                DVec3::new(-10.0, -10.0, 5.0),
                DVec3::new(10.0, -10.0, 5.0),
                DVec3::new(10.0, 10.0, 5.0),
                DVec3::new(-10.0, 10.0, 5.0),
            ],
            closed: true,
        };
        let cut = cuts(&square, DVec3::new(0.0, 3.0, 0.0), DVec3::Y);
        assert_eq!(cut.len(), 1);
        let ends = cut[0].map(|p| (p.x, p.y));
        assert!(ends.contains(&(-10.0, 3.0)) && ends.contains(&(10.0, 3.0)));
        assert!(cuts(&square, DVec3::new(0.0, 30.0, 0.0), DVec3::Y).is_empty());
    }
}
