//! Regions of interest as solids: which points of the patient are inside their outlines.
//!
//! Each plane of contours stands for a slab of half the distance to its neighbours; contours of one plane are
//! combined by exclusive or (PS3.3 C.8.8.6.3).

use super::rtstruct::Roi;
use glam::DVec3;
use medsight_record::Refusal;

/// Cells along the longer side of a plane, at most.
const MOST_ACROSS: f64 = 2048.0;
/// Cells of all planes together, at most: 64 MiB.
const MOST_CELLS: f64 = 67_108_864.0;

/// A region of interest, rasterised by plane.
#[derive(Clone, Debug)]
pub struct RoiMask {
    normal: DVec3,
    right: DVec3,
    down: DVec3,
    /// Lower corner of the raster along `right` and `down`, millimetres.
    low_mm: [f64; 2],
    cell_mm: f64,
    cells: [usize; 2],
    /// Position along the normal, and one bit a cell.
    planes: Vec<(f64, Vec<bool>)>,
    half_slab_mm: f64,
}

impl RoiMask {
    /// Rasterises the closed contours of a region in cells of `cell_mm`, larger where the region is.
    ///
    /// # Errors
    /// `no_planes` as [`Roi::planes`].
    pub fn of(roi: &Roi, cell_mm: f64) -> Result<Self, Refusal> {
        let planes = roi.planes()?;
        let (right, down) = planes.axes();
        let flat: Vec<(f64, Vec<Vec<[f64; 2]>>)> = planes
            .planes
            .iter()
            .map(|(along, contours)| {
                let flatten = |points: &[DVec3]| points.iter().map(|p| [p.dot(right), p.dot(down)]).collect();
                (*along, contours.iter().map(|c| flatten(&c.points_mm)).collect())
            })
            .collect();
        let corners = flat.iter().flat_map(|(_, contours)| contours.iter().flatten());
        let (low_mm, high_mm) = corners.fold(([f64::MAX; 2], [f64::MIN; 2]), |(l, h), p| {
            ([l[0].min(p[0]), l[1].min(p[1])], [h[0].max(p[0]), h[1].max(p[1])])
        });
        let longest_mm = (high_mm[0] - low_mm[0]).max(high_mm[1] - low_mm[1]);
        let all_mm2 = (high_mm[0] - low_mm[0]) * (high_mm[1] - low_mm[1]) * flat.len() as f64;
        let cell_mm = cell_mm.max(longest_mm / MOST_ACROSS).max((all_mm2 / MOST_CELLS).sqrt()).max(1e-3);
        let cells = [0, 1].map(|a| ((high_mm[a] - low_mm[a]) / cell_mm).ceil().max(1.0) as usize);
        let raster = |contours: &[Vec<[f64; 2]>]| {
            let mut bits = Vec::with_capacity(cells[0] * cells[1]);
            for row in 0..cells[1] {
                let crossings = crossings(contours, low_mm[1] + (row as f64 + 0.5) * cell_mm);
                let mut crossed = 0;
                for column in 0..cells[0] {
                    let u = low_mm[0] + (column as f64 + 0.5) * cell_mm;
                    while crossings.get(crossed).is_some_and(|at| *at <= u) {
                        crossed += 1;
                    }
                    bits.push(crossed % 2 == 1);
                }
            }
            bits
        };
        Ok(Self {
            normal: planes.normal,
            right,
            down,
            low_mm,
            cell_mm,
            cells,
            half_slab_mm: planes.spacing_mm.unwrap_or(0.5) / 2.0,
            planes: flat.iter().map(|(along, contours)| (*along, raster(contours))).collect(),
        })
    }

    /// True when a point of the patient is inside.
    pub fn contains(&self, point_mm: DVec3) -> bool {
        let along = point_mm.dot(self.normal);
        let after = self.planes.partition_point(|(at, _)| *at < along);
        let near = [after.checked_sub(1), Some(after)].into_iter().flatten();
        let near = near.filter_map(|at| self.planes.get(at));
        let nearest = near.min_by(|a, b| (a.0 - along).abs().total_cmp(&(b.0 - along).abs()));
        let Some((at, bits)) = nearest.filter(|(at, _)| (at - along).abs() <= self.half_slab_mm + 1e-6)
        else {
            return false;
        };
        debug_assert!((at - along).abs() <= self.half_slab_mm + 1e-3);
        let cell = |axis: DVec3, low: f64| ((point_mm.dot(axis) - low) / self.cell_mm).floor();
        let (u, v) = (cell(self.right, self.low_mm[0]), cell(self.down, self.low_mm[1]));
        let inside = u >= 0.0 && v >= 0.0 && u < self.cells[0] as f64 && v < self.cells[1] as f64;
        inside && bits[v as usize * self.cells[0] + u as usize]
    }

    /// Centres of the cells inside, and the volume that each stands for in cubic millimetres. A region in a
    /// single plane counts as half a millimetre thick.
    pub fn cells(&self) -> (impl Iterator<Item = DVec3> + '_, f64) {
        let center = move |along: f64, i: usize| {
            let (u, v) = (i % self.cells[0], i / self.cells[0]);
            self.right * (self.low_mm[0] + (u as f64 + 0.5) * self.cell_mm)
                + self.down * (self.low_mm[1] + (v as f64 + 0.5) * self.cell_mm)
                + self.normal * along
        };
        let inside = move |(along, bits): &'_ (f64, Vec<bool>)| {
            let along = *along;
            let set: Vec<usize> = bits.iter().enumerate().filter(|(_, b)| **b).map(|(i, _)| i).collect();
            set.into_iter().map(move |i| center(along, i))
        };
        let volume_mm3 = self.cell_mm * self.cell_mm * self.half_slab_mm * 2.0;
        (self.planes.iter().flat_map(inside), volume_mm3)
    }
}

/// Where a line of one plane crosses contours, ascending: between an odd and an even crossing is inside.
fn crossings(contours: &[Vec<[f64; 2]>], v: f64) -> Vec<f64> {
    let mut found = Vec::new();
    for corners in contours {
        let ends = corners.iter().cycle().skip(1);
        for ([au, av], [bu, bv]) in corners.iter().zip(ends) {
            if (*av > v) != (*bv > v) {
                found.push((bu - au) * (v - av) / (bv - av) + au);
            }
        }
    }
    found.sort_by(f64::total_cmp);
    found
}
