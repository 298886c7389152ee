//! Mean, standard deviation, extremes and area inside an ellipse or rectangle.
//!
//! A pixel is inside when its centre is inside the shape or on its edge. The standard deviation is that of the sample (n − 1);
//! the area is the shape's own, not the number of pixels.

use glam::{DVec2, DVec3};

use crate::plane::sample;
use crate::{Frame, Modality, Photometric, Volume};

/// A shape by the opposite corners of the box around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Region {
    /// The ellipse that fills the box.
    Ellipse([DVec2; 2]),
    /// The box.
    Rectangle([DVec2; 2]),
}

/// Numbers of a region. `mean` and the others are `None` when no pixel centre is inside.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RegionStats {
    /// Pixel centres inside.
    pub count: usize,
    /// Mean modality value.
    pub mean: Option<f64>,
    /// Standard deviation of the sample; `None` below two pixels.
    pub sd: Option<f64>,
    /// Smallest modality value.
    pub min: Option<f64>,
    /// Largest modality value.
    pub max: Option<f64>,
    /// Area in the square of the coordinates' unit.
    pub area: f64,
}

impl Region {
    /// The box: (lower corner, upper corner).
    pub fn bounds(&self) -> (DVec2, DVec2) {
        let (Self::Ellipse([a, b]) | Self::Rectangle([a, b])) = self;
        (a.min(*b), a.max(*b))
    }

    /// True when the point is inside or on the edge.
    pub fn contains(&self, p: DVec2) -> bool {
        let (low, high) = self.bounds();
        match self {
            Self::Rectangle(_) => p.cmpge(low).all() && p.cmple(high).all(),
            Self::Ellipse(_) => {
                let radii = (high - low) / 2.0;
                radii.min_element() > 0.0 && ((p - (low + high) / 2.0) / radii).length_squared() <= 1.0
            }
        }
    }

    /// Area in the square of the coordinates' unit.
    pub fn area(&self) -> f64 {
        let (low, high) = self.bounds();
        let size = high - low;
        match self {
            Self::Rectangle(_) => size.x * size.y,
            Self::Ellipse(_) => size.x * size.y * std::f64::consts::FRAC_PI_4,
        }
    }

    fn collect(&self, value: impl Fn(i64, i64) -> Option<f64>) -> RegionStats {
        let (low, high) = self.bounds();
        let mut values = Vec::new();
        for row in low.y.ceil() as i64..=high.y.floor() as i64 {
            for column in low.x.ceil() as i64..=high.x.floor() as i64 {
                if self.contains(DVec2::new(column as f64, row as f64)) {
                    values.extend(value(column, row));
                }
            }
        }
        let mut stats = RegionStats { count: values.len(), area: self.area(), ..Default::default() };
        if values.is_empty() {
            return stats;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        stats.mean = Some(mean);
        stats.min = values.iter().copied().reduce(f64::min);
        stats.max = values.iter().copied().reduce(f64::max);
        if values.len() > 1 {
            let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
            stats.sd = Some((squares / (n - 1.0)).sqrt());
        }
        stats
    }
}

/// Numbers of a region on a stored image: coordinates in pixels, (0, 0) the centre of the first; area in square
/// pixels. Values are left out for colour; padding (stored values, inclusive) is not counted.
pub fn on_frame(
    frame: &Frame,
    modality: &Modality,
    padding: Option<[f64; 2]>,
    region: Region,
) -> RegionStats {
    let is_grey = matches!(frame.photometric, Photometric::Monochrome1 | Photometric::Monochrome2);
    region.collect(|column, row| {
        let inside = column >= 0 && row >= 0 && column < frame.columns as i64 && row < frame.rows as i64;
        if !is_grey || !inside {
            return None;
        }
        let stored = frame.samples.value(row as usize * frame.columns + column as usize);
        let is_padding = padding.is_some_and(|[low, high]| stored >= low && stored <= high);
        (!is_padding).then(|| match modality {
            // In f64: the mean of a 32-bit image must not lose digits.
            Modality::Rescale { slope, intercept } => stored * slope + intercept,
            Modality::Lut(lut) => f64::from(lut.apply(stored as f32)),
        })
    })
}

/// Numbers of a region on a plane: coordinates in millimetres along `right` and `down` (unit vectors) from
/// `origin_mm`; area in mm². Values are sampled at the distance of the smallest voxel spacing, trilinear.
pub fn on_plane(
    volume: &Volume,
    origin_mm: DVec3,
    right: DVec3,
    down: DVec3,
    region_mm: Region,
) -> RegionStats {
    let pitch = volume.spacing_mm.min_element();
    let voxel_from_patient = volume.voxel_from_patient();
    let corners = |[a, b]: [DVec2; 2]| [a / pitch, b / pitch];
    let region = match region_mm {
        Region::Ellipse(c) => Region::Ellipse(corners(c)),
        Region::Rectangle(c) => Region::Rectangle(corners(c)),
    };
    let stats = region.collect(|column, row| {
        let at_mm = origin_mm + right * (column as f64 * pitch) + down * (row as f64 * pitch);
        sample(volume, voxel_from_patient.transform_point3(at_mm).as_vec3()).map(f64::from)
    });
    RegionStats { area: region_mm.area(), ..stats }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Samples, phantom};

    fn frame() -> Frame {
        let values = (0..25).map(|i| i as u16).collect();
        Frame { rows: 5, columns: 5, photometric: Photometric::Monochrome2, samples: Samples::U16(values) }
    }

    #[test]
    fn a_rectangle_counts_the_pixels_whose_centres_it_holds() {
        let region = Region::Rectangle([DVec2::new(2.4, 0.6), DVec2::new(0.6, 2.4)]);
        let stats = on_frame(&frame(), &Modality::Rescale { slope: 2.0, intercept: -1.0 }, None, region);
        // Stored 6, 7, 11, 12.
        assert_eq!((stats.count, stats.mean, stats.min, stats.max), (4, Some(17.0), Some(11.0), Some(23.0)));
        assert!((stats.sd.unwrap() - (104.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!((stats.area - 3.24).abs() < 1e-12);
    }

    #[test]
    fn an_ellipse_leaves_the_corners_out() {
        let region = Region::Ellipse([DVec2::new(0.0, 0.0), DVec2::new(4.0, 4.0)]);
        let stats = on_frame(&frame(), &Modality::IDENTITY, None, region);
        assert_eq!((stats.count, stats.mean), (13, Some(12.0)));
        assert!((stats.area - 4.0 * std::f64::consts::PI).abs() < 1e-12);
    }

    #[test]
    fn padding_is_not_measured_and_a_region_outside_has_no_mean() {
        let all = Region::Rectangle([DVec2::ZERO, DVec2::splat(4.0)]);
        assert_eq!(on_frame(&frame(), &Modality::IDENTITY, Some([0.0, 4.0]), all).count, 20);
        let outside = Region::Rectangle([DVec2::splat(10.0), DVec2::splat(12.0)]);
        assert_eq!(on_frame(&frame(), &Modality::IDENTITY, None, outside).mean, None);
    }

    #[test]
    fn a_region_on_a_plane_measures_interpolated_values_in_millimetres() {
        let volume = phantom::ramp([9, 9, 9]);
        let center = volume.center_mm(); // 10·4 + 4 + 100·4
        let region = Region::Ellipse([DVec2::splat(-3.0), DVec2::splat(3.0)]);
        let stats = on_plane(&volume, center, DVec3::X, DVec3::Y, region);
        assert!((stats.mean.unwrap() - 444.0).abs() < 1e-6);
        assert!((stats.area - 9.0 * std::f64::consts::PI).abs() < 1e-12);
    }
}
