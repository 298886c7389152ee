//! The inside of what is drawn closed: one rule for the statistics of a region and for the mask that is made of it.

use crate::AnnotationKind;

impl AnnotationKind {
    /// It has an inside.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Ellipse | Self::Rectangle | Self::Outline)
    }

    /// Whether a point is inside, its edge included for ellipse and rectangle. `points` are the annotation's, in
    /// coordinates whose axes are those of its box; an outline that crosses itself is inside where a ray crosses it an odd
    /// number of times.
    pub fn holds(&self, points: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
        match (self, points) {
            (Self::Rectangle, [a, b]) => {
                let within = |v: f64, p: f64, q: f64| (p.min(q)..=p.max(q)).contains(&v);
                within(x, a[0], b[0]) && within(y, a[1], b[1])
            }
            (Self::Ellipse, [a, b]) => {
                let part = |v: f64, p: f64, q: f64| {
                    let half = ((q - p).abs() / 2.0).max(1e-9);
                    (v - (p + q) / 2.0) / half
                };
                part(x, a[0], b[0]).powi(2) + part(y, a[1], b[1]).powi(2) <= 1.0
            }
            (Self::Outline, corners) => {
                let mut inside = false;
                for (i, [x1, y1]) in corners.iter().enumerate() {
                    let [x2, y2] = corners[(i + 1) % corners.len()];
                    if (*y1 > y) != (y2 > y) && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1 {
                        inside = !inside;
                    }
                }
                inside
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_holds_what_is_inside_of_its_corners_and_not_its_notch() {
        // A square of 10 with a notch from above to the middle.
        let corners = [[0.0, 0.0], [5.0, 6.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]];
        let holds = |p| AnnotationKind::Outline.holds(&corners, p);
        assert!(holds([1.0, 5.0]) && holds([9.0, 5.0]) && holds([5.0, 8.0]));
        assert!(!holds([5.0, 3.0]), "in the notch");
        assert!(!holds([-1.0, 5.0]) && !holds([5.0, 11.0]));
    }

    #[test]
    fn the_corner_of_a_box_is_in_the_rectangle_and_not_in_the_ellipse() {
        let corners = [[2.0, 2.0], [0.0, 0.0]];
        assert!(AnnotationKind::Rectangle.holds(&corners, [0.0, 2.0]));
        assert!(!AnnotationKind::Ellipse.holds(&corners, [0.1, 0.1]));
        assert!(AnnotationKind::Ellipse.holds(&corners, [1.0, 0.0]));
        assert!(!AnnotationKind::Length.holds(&corners, [1.0, 1.0]), "a line has no inside");
    }
}
