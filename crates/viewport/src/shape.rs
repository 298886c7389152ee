//! The shape of an annotation on the screen: what the pointer hits, and where its handles are.

use egui::{Pos2, Rect, Vec2};
use medsight_record::AnnotationKind;

/// How near the pointer must be, points.
pub(crate) const REACH: f32 = 7.0;

/// Corners of an outline that are taken one by one.
const MOST_HANDLES: usize = 24;

/// What of an annotation is under the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hit {
    /// A handle, by its number.
    Handle(usize),
    /// The rest of it: moves the whole.
    Body,
}

/// Handles of a shape: its points; a box has its other two corners too.
pub(crate) fn handles(kind: &AnnotationKind, points: &[Pos2]) -> Vec<Pos2> {
    match (kind, points) {
        (AnnotationKind::Ellipse | AnnotationKind::Rectangle, [a, b]) => {
            vec![*a, *b, Pos2::new(b.x, a.y), Pos2::new(a.x, b.y)]
        }
        (AnnotationKind::Text { .. } | AnnotationKind::KeyImage, _) => Vec::new(),
        // A free line has more points than a hand takes one by one: it is moved as a whole.
        (AnnotationKind::Outline, points) if points.len() > MOST_HANDLES => Vec::new(),
        _ => points.to_vec(),
    }
}

fn to_segment(p: Pos2, a: Pos2, b: Pos2) -> f32 {
    let ab = b - a;
    let t = if ab.length_sq() > 0.0 { ((p - a).dot(ab) / ab.length_sq()).clamp(0.0, 1.0) } else { 0.0 };
    p.distance(a + ab * t)
}

fn to_ellipse(p: Pos2, a: Pos2, b: Pos2) -> f32 {
    let rect = Rect::from_two_pos(a, b);
    let (middle, half) = (rect.center(), (rect.size() / 2.0).max(Vec2::splat(0.5)));
    let d = p - middle;
    let r = Vec2::new(d.x / half.x, d.y / half.y).length();
    // Near the line the distance along the ray from the middle is close enough for a hand.
    if r > 0.0 { (d.length() - d.length() / r).abs() } else { half.min_elem() }
}

/// What of a shape is at `p`. Handles go before the body. `label` is the rectangle of its text.
pub(crate) fn hit(kind: &AnnotationKind, points: &[Pos2], label: Option<Rect>, p: Pos2) -> Option<Hit> {
    let handle = handles(kind, points).iter().position(|h| h.distance(p) <= REACH);
    if let Some(handle) = handle {
        return Some(Hit::Handle(handle));
    }
    let near = match (kind, points) {
        (AnnotationKind::Length | AnnotationKind::Calibration { .. } | AnnotationKind::Arrow, [a, b]) => {
            to_segment(p, *a, *b) <= REACH
        }
        (AnnotationKind::Angle, [a, b, c]) => to_segment(p, *a, *b).min(to_segment(p, *b, *c)) <= REACH,
        (AnnotationKind::Outline, corners) => {
            let ends = |i: usize| (corners[i], corners[(i + 1) % corners.len()]);
            (0..corners.len()).map(ends).any(|(a, b)| to_segment(p, a, b) <= REACH)
        }
        (AnnotationKind::Rectangle, [a, b]) => {
            let rect = Rect::from_two_pos(*a, *b);
            rect.expand(REACH).contains(p) && !rect.shrink(REACH).contains(p)
        }
        (AnnotationKind::Ellipse, [a, b]) => to_ellipse(p, *a, *b) <= REACH,
        _ => false,
    };
    (near || label.is_some_and(|l| l.contains(p))).then_some(Hit::Body)
}

/// The points after handle `index` was moved to `to`, in any coordinates whose axes are the box's.
pub(crate) fn with_handle_at<P: Copy>(
    kind: &AnnotationKind,
    points: &[P],
    index: usize,
    to: P,
    mix: impl Fn(P, P) -> P,
) -> Vec<P> {
    let mut points = points.to_vec();
    match (kind, index) {
        // The corners in between share one coordinate with each of the two points.
        (AnnotationKind::Ellipse | AnnotationKind::Rectangle, 2) if points.len() == 2 => {
            (points[0], points[1]) = (mix(points[0], to), mix(to, points[1]));
        }
        (AnnotationKind::Ellipse | AnnotationKind::Rectangle, 3) if points.len() == 2 => {
            (points[0], points[1]) = (mix(to, points[0]), mix(points[1], to));
        }
        _ => {
            if let Some(point) = points.get_mut(index) {
                *point = to;
            }
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::pos2;
    use glam::DVec2;

    #[test]
    fn a_length_is_taken_at_its_ends_along_its_line_and_not_beyond() {
        let points = [pos2(10.0, 10.0), pos2(110.0, 10.0)];
        let at = |x, y| hit(&AnnotationKind::Length, &points, None, pos2(x, y));
        assert_eq!(at(12.0, 9.0), Some(Hit::Handle(0)));
        assert_eq!(at(60.0, 14.0), Some(Hit::Body));
        assert_eq!(at(60.0, 30.0), None);
        assert_eq!(at(130.0, 10.0), None);
    }

    #[test]
    fn the_inside_of_a_region_is_free_for_other_tools() {
        let points = [pos2(0.0, 0.0), pos2(100.0, 60.0)];
        for kind in [AnnotationKind::Ellipse, AnnotationKind::Rectangle] {
            assert_eq!(hit(&kind, &points, None, pos2(50.0, 30.0)), None);
            assert_eq!(hit(&kind, &points, None, pos2(50.0, 1.0)), Some(Hit::Body));
            assert_eq!(hit(&kind, &points, None, pos2(99.0, 2.0)), Some(Hit::Handle(2)));
        }
    }

    #[test]
    fn a_corner_between_the_two_points_moves_both() {
        let points = [DVec2::new(0.0, 0.0), DVec2::new(10.0, 10.0)];
        let mix = |x: DVec2, y: DVec2| DVec2::new(x.x, y.y);
        let moved = with_handle_at(&AnnotationKind::Rectangle, &points, 2, DVec2::new(12.0, -3.0), mix);
        assert_eq!(moved, [DVec2::new(0.0, -3.0), DVec2::new(12.0, 10.0)]);
    }
}
