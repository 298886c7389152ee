//! Display shutters (PS3.3 C.7.6.11): what of an image is covered. Read by `medsight-dicom`, drawn by the viewport.

/// Where an image is to be seen, the rest is covered (PS3.3 C.7.6.11, C.11.5).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shutter {
    /// Seen: left, top, right, bottom columns and rows, from 0, all included.
    pub rectangle_px: Option<[i64; 4]>,
    /// Seen: column and row of the middle, from 0, and the radius in pixels.
    pub circle_px: Option<[i64; 3]>,
    /// Seen: corners as column and row, from 0.
    pub polygon_px: Vec<[i64; 2]>,
    /// Shutter Presentation Value (0018,1622): 0 is black, 65535 white.
    pub value: u16,
}

impl Shutter {
    /// True where the image is seen: inside of every shape.
    pub fn shows(&self, column: i64, row: i64) -> bool {
        let in_rectangle =
            self.rectangle_px.is_none_or(|[l, t, r, b]| (l..=r).contains(&column) && (t..=b).contains(&row));
        let in_circle = self
            .circle_px
            .is_none_or(|[x, y, radius]| ((column - x) as f64).hypot((row - y) as f64) <= radius as f64);
        in_rectangle && in_circle && (self.polygon_px.is_empty() || self.in_polygon(column, row))
    }

    /// By the number of edges that a ray to the right crosses; corners themselves are inside.
    fn in_polygon(&self, column: i64, row: i64) -> bool {
        let corners = &self.polygon_px;
        let mut inside = false;
        for (i, [x1, y1]) in corners.iter().enumerate() {
            let [x0, y0] = corners[(i + corners.len() - 1) % corners.len()];
            if [*x1, *y1] == [column, row] {
                return true;
            }
            if (*y1 > row) != (y0 > row) {
                let crossing = *x1 as f64 + (row - y1) as f64 * (x0 - x1) as f64 / (y0 - y1) as f64;
                inside ^= (column as f64) < crossing;
            }
        }
        inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_is_seen_when_it_is_inside_of_every_shutter() {
        let shutter = Shutter {
            rectangle_px: Some([10, 10, 90, 90]),
            circle_px: Some([50, 50, 30]),
            polygon_px: vec![[0, 0], [100, 0], [100, 50], [0, 50]],
            value: 0,
        };
        assert!(shutter.shows(50, 30));
        assert!(!shutter.shows(50, 60), "below the polygon");
        assert!(!shutter.shows(15, 30), "outside of the circle");
        assert!(!shutter.shows(5, 30), "left of the rectangle");
    }
}
