//! What the points of a region of a report draw: the forms that annotations have.

use super::code::Code;
use super::measurement_codes as c;
use super::measurement_report::Measurement;
use super::sr::Graphic;
use glam::DVec3;
use medsight_record::AnnotationKind;

/// Kind, points, and the axes of their plane: to the right and downwards.
pub(super) type Shape = (AnnotationKind, Vec<DVec3>, [DVec3; 2]);

/// What the points draw, and the axes of their plane.
pub(super) fn shape(graphic: Graphic, points: &[DVec3], numbers: &[&Measurement]) -> Option<Shape> {
    let has = |unit: &Code| numbers.iter().any(|m| m.unit.as_ref() == Some(unit));
    let is_of = |concept: &Code| numbers.iter().any(|m| m.concept == *concept);
    let is_length = has(&c::MILLIMETER) || has(&c::CENTIMETER) || has(&c::PIXELS) || is_of(&c::LENGTH);
    let is_area = has(&c::SQUARE_MILLIMETER) || has(&c::SQUARE_CENTIMETER) || is_of(&c::AREA);
    let plane = |a: DVec3, b: DVec3| {
        let right = a.normalize_or(DVec3::X);
        let down = (b - right * b.dot(right)).normalize_or(right.any_orthonormal_vector());
        [right, down]
    };
    match (graphic, points) {
        (Graphic::Point, [at]) => {
            Some((AnnotationKind::Text { text: String::new() }, vec![*at], [DVec3::X, DVec3::Y]))
        }
        (Graphic::Polyline, [a, b]) => {
            let kind = if is_length { AnnotationKind::Length } else { AnnotationKind::Arrow };
            Some((kind, points.to_vec(), plane(*b - *a, DVec3::ZERO)))
        }
        (Graphic::Polyline, [a, vertex, b]) if has(&c::DEGREE) => {
            Some((AnnotationKind::Angle, points.to_vec(), plane(*a - *vertex, *b - *vertex)))
        }
        // As Cornerstone writes an angle: two lines that meet.
        (Graphic::Polyline, [a, vertex, again, b]) if has(&c::DEGREE) => {
            let axes = plane(*a - *vertex, *b - *vertex);
            (vertex == again).then(|| (AnnotationKind::Angle, vec![*a, *vertex, *b], axes))
        }
        (Graphic::Ellipse, [a, b, d, e]) => {
            let center = (*a + *b) / 2.0;
            let (major, minor) = ((*b - *a) / 2.0, (*e - *d) / 2.0);
            let corners = vec![center - major - minor, center + major + minor];
            Some((AnnotationKind::Ellipse, corners, plane(major, minor)))
        }
        (Graphic::Circle, [center, on]) => {
            let radius = center.distance(*on);
            let half = DVec3::new(radius, radius, 0.0);
            Some((AnnotationKind::Ellipse, vec![*center - half, *center + half], [DVec3::X, DVec3::Y]))
        }
        (Graphic::Polyline | Graphic::Polygon, [a, b, far, d, ..])
            if is_rectangle(graphic, points, is_area) =>
        {
            Some((AnnotationKind::Rectangle, vec![*a, *far], plane(*b - *a, *d - *a)))
        }
        (Graphic::Polyline | Graphic::Polygon, _) => closed_outline(graphic, points),
        _ => None,
    }
}

/// Four corners, the first perhaps again, with right angles.
fn is_rectangle(graphic: Graphic, points: &[DVec3], is_area: bool) -> bool {
    let [a, b, far, d, rest @ ..] = points else { return false };
    let is_closed = match rest {
        [] => graphic == Graphic::Polygon || is_area,
        [again] => again.distance(*a) < 1e-3,
        _ => false,
    };
    let (wide, high) = (*b - *a, *d - *a);
    is_closed
        && wide.normalize_or_zero().dot(high.normalize_or_zero()).abs() < 1e-4
        && (*a + wide + high).distance(*far) < 1e-3 * (1.0 + wide.length() + high.length())
}

/// An outline that ends where it begins and lies in a plane.
fn closed_outline(graphic: Graphic, points: &[DVec3]) -> Option<Shape> {
    /// Off the plane of the others, pixels or millimetres.
    const FLAT: f64 = 0.5;
    let (first, last) = (points.first()?, points.last()?);
    let ends_at_begin = points.len() > 3 && first.distance(*last) < 1e-3;
    if !ends_at_begin && graphic != Graphic::Polygon {
        return None;
    }
    let corners = &points[..points.len() - usize::from(ends_at_begin)];
    // The vector area: across the plane, whatever way the corners turn (Newell).
    let across = |i: usize| (corners[i] - *first).cross(corners[(i + 1) % corners.len()] - *first);
    let normal = (0..corners.len()).map(across).sum::<DVec3>().try_normalize()?;
    if corners.len() < 3 || corners.iter().any(|p| (*p - *first).dot(normal).abs() > FLAT) {
        return None;
    }
    let right = corners.iter().find_map(|p| (*p - *first).try_normalize())?;
    Some((AnnotationKind::Outline, corners.to_vec(), [right, normal.cross(right)]))
}
