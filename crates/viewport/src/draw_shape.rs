//! Draws annotations: thin lines with a dark edge, so that they are seen on any background.

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Stroke, Vec2, pos2, vec2};
use medsight_record::words::Words;
use medsight_record::{Annotation, AnnotationKind};

use crate::light_box::{LightBox, SaveState};
use crate::measure::{has_scale, lines, measure, scale_key};
use crate::shape::handles;
use crate::surface::Surface;
use crate::theme;

/// Text with a dark outline.
pub(crate) fn outlined(
    painter: &Painter,
    at: Pos2,
    align: Align2,
    text: &str,
    size: f32,
    color: Color32,
) -> Rect {
    let font = FontId::proportional(size);
    let galley = painter.layout_no_wrap(text.to_owned(), font, Color32::PLACEHOLDER);
    let rect = align.anchor_size(at, galley.size());
    let edge = Color32::from_black_alpha(150);
    for x in [-1.0, 0.0, 1.0] {
        for y in [-1.0, 0.0, 1.0] {
            painter.galley_with_override_text_color(rect.min + vec2(x, y), galley.clone(), edge);
        }
    }
    painter.galley(rect.min, galley, color);
    rect
}

fn stroked(painter: &Painter, points: Vec<Pos2>, closed: bool, color: Color32, width: f32) {
    for (color, width) in [(Color32::from_black_alpha(170), width + 2.0), (color, width)] {
        let stroke = Stroke::new(width, color);
        painter.add(match closed {
            true => egui::Shape::closed_line(points.clone(), stroke),
            false => egui::Shape::line(points.clone(), stroke),
        });
    }
}

/// The lines beside an annotation, with the source of the scale behind the first that has a unit of length.
pub(crate) fn label_lines(annotation: &Annotation, words: &Words) -> Vec<String> {
    let m = &annotation.measured;
    let mut text = lines(&annotation.kind, m, words);
    if has_scale(&annotation.kind) {
        if let Some(last) = text.last_mut() {
            *last += &format!(" ({})", words.text(scale_key(m)));
        }
    }
    text
}

fn label_at(kind: &AnnotationKind, points: &[Pos2]) -> Option<Pos2> {
    let rightmost = points.iter().copied().max_by(|a, b| a.x.total_cmp(&b.x))?;
    Some(match kind {
        AnnotationKind::Text { .. } => rightmost,
        AnnotationKind::Angle => *points.get(1)? + vec2(10.0, 4.0),
        AnnotationKind::Ellipse | AnnotationKind::Rectangle | AnnotationKind::Outline => {
            let rect = Rect::from_points(points);
            pos2(rect.right() + 8.0, rect.top())
        }
        _ => rightmost + vec2(9.0, -6.0),
    })
}

/// Where the label stands, roughly: for hits, where no font is at hand.
pub(crate) fn label_rect_estimate(annotation: &Annotation, points: &[Pos2], words: &Words) -> Option<Rect> {
    let at = label_at(&annotation.kind, points)?;
    let text = label_lines(annotation, words);
    let width = text.iter().map(|l| l.chars().count()).max()? as f32 * 6.2;
    Some(Rect::from_min_size(at, vec2(width, text.len() as f32 * 15.0)))
}

/// `is_whole`: all of its points are set, so that what is closed is drawn closed.
fn shape(
    painter: &Painter,
    kind: &AnnotationKind,
    points: &[Pos2],
    is_whole: bool,
    color: Color32,
    width: f32,
) {
    match (kind, points) {
        (AnnotationKind::Length | AnnotationKind::Calibration { .. }, [a, b]) => {
            stroked(painter, vec![*a, *b], false, color, width);
            let along = (*b - *a).normalized();
            let across = vec2(-along.y, along.x) * 5.0;
            for end in [*a, *b] {
                stroked(painter, vec![end - across, end + across], false, color, width);
            }
        }
        (AnnotationKind::Angle, points) if points.len() >= 2 => {
            stroked(painter, points.to_vec(), false, color, width)
        }
        (AnnotationKind::Outline, points) if points.len() >= 2 => {
            stroked(painter, points.to_vec(), is_whole, color, width);
        }
        (AnnotationKind::Rectangle, [a, b]) => {
            let r = Rect::from_two_pos(*a, *b);
            stroked(
                painter,
                vec![r.left_top(), r.right_top(), r.right_bottom(), r.left_bottom()],
                true,
                color,
                width,
            );
        }
        (AnnotationKind::Ellipse, [a, b]) => {
            let r = Rect::from_two_pos(*a, *b);
            let half = r.size() / 2.0;
            let around = (0..72).map(|i| {
                let t = i as f32 / 72.0 * std::f32::consts::TAU;
                r.center() + vec2(half.x * t.cos(), half.y * t.sin())
            });
            stroked(painter, around.collect(), true, color, width);
        }
        (AnnotationKind::Arrow, [tip, tail]) => {
            stroked(painter, vec![*tail, *tip], false, color, width);
            let back = (*tail - *tip).normalized() * 11.0;
            for turn in [0.42f32, -0.42] {
                let wing = Vec2::new(
                    back.x * turn.cos() - back.y * turn.sin(),
                    back.x * turn.sin() + back.y * turn.cos(),
                );
                stroked(painter, vec![*tip, *tip + wing], false, color, width);
            }
        }
        _ => {}
    }
}

/// All annotations that lie on what a cell shows, and the one being drawn.
pub(crate) fn annotations(painter: &Painter, light_box: &LightBox, cell: usize, surface: &Surface) {
    let mut labels = Labels::default();
    let of_others = light_box.reported.iter().filter(|a| !light_box.is_still_drawn(a));
    let reported = of_others.map(|a| (a, theme::REPORTED));
    for (annotation, plain) in light_box.shown_annotations().map(|a| (a, theme::MEASURE)).chain(reported) {
        let Some(local) = light_box.points_seen_on(cell, surface, &annotation.place) else { continue };
        if annotation.kind == AnnotationKind::KeyImage {
            continue;
        }
        let points: Vec<Pos2> = local.into_iter().map(|p| surface.screen(p)).collect();
        let is_selected = light_box.selected == Some(annotation.id);
        let color = if is_selected { theme::MEASURE_ACTIVE } else { plain };
        shape(painter, &annotation.kind, &points, true, color, if is_selected { 1.8 } else { 1.4 });
        if is_selected && plain == theme::MEASURE {
            for handle in handles(&annotation.kind, &points) {
                painter.circle(handle, 4.0, Color32::BLACK, Stroke::new(1.5, color));
            }
        }
        let mut text = label_lines(annotation, &light_box.words);
        if let Some(SaveState::Failed(_)) = light_box.save_states.get(&annotation.id) {
            text.push(format!("! {}", light_box.words.text("lightbox.not_saved")));
        }
        labels.draw(painter, &annotation.kind, &points, &text, color);
    }
    let Some(draft) = light_box.draft.as_ref().filter(|d| d.cell == cell) else { return };
    let points: Vec<Pos2> = draft.points.iter().map(|p| surface.screen(*p)).collect();
    let is_outline = draft.kind == AnnotationKind::Outline;
    shape(painter, &draft.kind, &points, !is_outline, theme::MEASURE_ACTIVE, 1.6);
    if let Some(first) = points.first().filter(|_| is_outline) {
        // Where a click closes it.
        painter.circle(*first, 4.0, Color32::BLACK, Stroke::new(1.5, theme::MEASURE_ACTIVE));
    }
    if draft.points.len() == draft.kind.point_count() && !is_outline {
        let source = light_box.source(cell);
        let (source, unit) = source.as_ref().map_or((None, ""), |(s, u)| (Some(s), *u));
        let measured = measure(&draft.kind, &draft.points, surface, source, unit);
        let measured = light_box.with_quantities(cell, &draft.kind, &draft.points, surface, measured);
        let text = lines(&draft.kind, &measured, &light_box.words);
        labels.draw(painter, &draft.kind, &points, &text, theme::MEASURE_ACTIVE);
    }
}

/// Labels of a cell; each is moved off those that were drawn before it.
#[derive(Default)]
struct Labels {
    taken: Vec<Rect>,
}

impl Labels {
    fn draw(
        &mut self,
        painter: &Painter,
        kind: &AnnotationKind,
        points: &[Pos2],
        text: &[String],
        color: Color32,
    ) {
        let Some(at) = label_at(kind, points) else { return };
        // On a ground of its own, so that it is read on bone as on air.
        let font = FontId::proportional(theme::IMAGE_TEXT + 0.5);
        let galley = painter.layout_no_wrap(text.join("\n"), font, color);
        let room = painter.clip_rect().shrink(4.0);
        let size = galley.size() + vec2(8.0, 2.0);
        // Held inside the cell, so that a measurement at the edge can be read.
        let held = |at: Pos2| {
            let x = at.x.min(room.right() - size.x).max(room.left());
            Rect::from_min_size(pos2(x, at.y.min(room.bottom() - size.y).max(room.top())), size)
        };
        let mut rect = held(at - vec2(4.0, 1.0));
        // A text is its place: it stays.
        if !matches!(kind, AnnotationKind::Text { .. }) {
            rect = self.free_place(rect, room);
        }
        self.taken.push(rect);
        painter.rect_filled(rect, 3.0, Color32::from_black_alpha(135));
        painter.galley(rect.min + vec2(4.0, 1.0), galley, color);
    }

    /// The nearest place below or above where nothing is written yet; the wanted one when all is full.
    fn free_place(&self, wanted: Rect, room: Rect) -> Rect {
        let is_free = |r: &Rect| {
            r.top() >= room.top()
                && r.bottom() <= room.bottom()
                && !self.taken.iter().any(|t| t.intersects(*r))
        };
        let below = self.taken.iter().map(|t| t.bottom() + 1.0 - wanted.top());
        let above = self.taken.iter().map(|t| t.top() - 1.0 - wanted.bottom());
        let mut shifts: Vec<f32> = below.chain(above).collect();
        shifts.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        std::iter::once(0.0)
            .chain(shifts)
            .map(|dy| wanted.translate(vec2(0.0, dy)))
            .find(is_free)
            .unwrap_or(wanted)
    }
}
