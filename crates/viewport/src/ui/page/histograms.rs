//! Dose-volume histograms: axes, curves, legend, and the reading under the pointer.

use egui::{
    Align2, Checkbox, Color32, Painter, Pos2, Rect, RichText, ScrollArea, Shape, Stroke, Ui, pos2, vec2,
};
use medsight_record::words::Words;

use crate::apply::Action;
use crate::draw_shape::outlined;
use crate::light_box::LightBox;
use crate::page::{HistogramCurve, Histograms};
use crate::theme;

const LEGEND: f32 = 270.0;
/// Room for the numbers at the axes.
const LEFT: f32 = 58.0;
const BELOW: f32 = 40.0;

/// What the axes span.
struct Axes {
    plot: Rect,
    dose: f64,
    /// 1 for percent; cubic centimetres else.
    volume: f64,
}

impl Axes {
    fn at(&self, dose: f64, volume: f64) -> Pos2 {
        pos2(
            self.plot.left() + self.plot.width() * (dose / self.dose) as f32,
            self.plot.bottom() - self.plot.height() * (volume / self.volume) as f32,
        )
    }

    fn dose_at(&self, at: Pos2) -> f64 {
        f64::from((at.x - self.plot.left()) / self.plot.width()) * self.dose
    }
}

/// A distance of marks that is 1, 2 or 5 of a power of ten, for about six of them.
fn step(span: f64) -> f64 {
    let raw = (span / 6.0).max(1e-9);
    let power = 10f64.powf(raw.log10().floor());
    let lead = [1.0, 2.0, 5.0].into_iter().find(|lead| lead * power >= raw * 0.999).unwrap_or(10.0);
    lead * power
}

/// The height of a curve at a dose, in the unit that is chosen; `None` where its volume is not known.
fn height(curve: &HistogramCurve, dose: f64, in_cm3: bool) -> Option<f64> {
    let part = curve.part_at(dose);
    if in_cm3 { Some(part * curve.volume_cm3?) } else { Some(part) }
}

pub(super) fn show(
    ui: &mut Ui,
    light_box: &LightBox,
    index: usize,
    room: Rect,
    sheet: &Histograms,
    out: &mut Vec<Action>,
) {
    let legend = Rect::from_min_max(pos2((room.right() - LEGEND).max(room.left()), room.top()), room.max);
    super::in_room(ui, legend, |ui| show_legend(ui, light_box, index, sheet, out));
    let plot = Rect::from_min_max(
        pos2(room.left() + LEFT, room.top() + 22.0),
        pos2(legend.left() - 16.0, room.bottom() - BELOW),
    );
    if plot.width() < 80.0 || plot.height() < 60.0 {
        return;
    }
    let drawn: Vec<&HistogramCurve> = sheet
        .curves
        .iter()
        .filter(|c| c.on && (!sheet.in_cm3 || c.volume_cm3.is_some()) && !c.points.is_empty())
        .collect();
    let most = |of: &dyn Fn(&&HistogramCurve) -> f64| drawn.iter().map(of).fold(0.0, f64::max);
    let dose = most(&|c| c.last_dose());
    let volume = if sheet.in_cm3 { most(&|c| c.volume_cm3.unwrap_or(0.0)) * 1.02 } else { 1.0 };
    if dose <= 0.0 || volume <= 0.0 {
        return;
    }
    let axes = Axes { plot, dose: dose * 1.02, volume };
    let painter = ui.painter().with_clip_rect(room);
    frame(&painter, &axes, sheet, &light_box.words);
    let inside = painter.with_clip_rect(plot);
    for curve in &drawn {
        let points: Vec<Pos2> = curve
            .points
            .iter()
            .filter_map(|[dose, _]| Some(axes.at(*dose, height(curve, *dose, sheet.in_cm3)?)))
            .collect();
        let stroke = Stroke::new(1.8, color(curve));
        if curve.recorded {
            inside.add(Shape::line(points, stroke));
        } else {
            inside.extend(Shape::dashed_line(&points, stroke, 7.0, 3.0));
        }
    }
    if let Some((_, at)) = light_box.hover.filter(|(cell, at)| *cell == index && plot.contains(*at)) {
        reading(&inside, &axes, sheet, &drawn, at, &light_box.words);
    }
}

fn color(curve: &HistogramCurve) -> Color32 {
    // Dark colours of files are lifted, so that no curve is lost on black.
    let [r, g, b] = curve.rgb;
    let light = r.max(g).max(b);
    let lift = |c: u8| if light < 110 { c.saturating_add(110 - light) } else { c };
    Color32::from_rgb(lift(r), lift(g), lift(b))
}

fn frame(painter: &Painter, axes: &Axes, sheet: &Histograms, words: &Words) {
    let line = Stroke::new(1.0, theme::LINE_1);
    let (plot, size) = (axes.plot, theme::IMAGE_TEXT);
    let dose_step = step(axes.dose);
    let decimals = usize::from(dose_step < 1.0) + usize::from(dose_step < 0.1);
    for i in 0..=(axes.dose / dose_step) as usize {
        let x = axes.at(i as f64 * dose_step, 0.0).x;
        painter.line_segment([pos2(x, plot.top()), pos2(x, plot.bottom())], line);
        let text = words.number(i as f64 * dose_step, decimals);
        outlined(painter, pos2(x, plot.bottom() + 4.0), Align2::CENTER_TOP, &text, size, theme::TEXT_2);
    }
    let (scale, unit) = if sheet.in_cm3 { (1.0, "cm³") } else { (100.0, "%") };
    let volume_step = step(axes.volume * scale) / scale;
    for i in 0..=(axes.volume / volume_step + 1e-6) as usize {
        let y = axes.at(0.0, i as f64 * volume_step).y;
        painter.line_segment([pos2(plot.left(), y), pos2(plot.right(), y)], line);
        let value = i as f64 * volume_step * scale;
        let text = words.number(value, usize::from(volume_step * scale < 1.0));
        outlined(painter, pos2(plot.left() - 6.0, y), Align2::RIGHT_CENTER, &text, size, theme::TEXT_2);
    }
    let corner = Stroke::new(1.0, theme::LINE_3);
    painter.line_segment([plot.left_bottom(), plot.right_bottom()], corner);
    painter.line_segment([plot.left_bottom(), plot.left_top()], corner);
    let dose = format!("{} {}", words.text("page.dose"), bracketed(sheet.unit, words));
    let below = pos2(plot.center().x, plot.bottom() + 20.0);
    outlined(painter, below, Align2::CENTER_TOP, &dose, size, theme::TEXT_1);
    let volume = format!("{} ({unit})", words.text("page.volume"));
    outlined(
        painter,
        plot.left_top() - vec2(LEFT - 4.0, 5.0),
        Align2::LEFT_BOTTOM,
        &volume,
        size,
        theme::TEXT_1,
    );
}

fn bracketed(unit: &str, words: &Words) -> String {
    format!("({})", if unit.is_empty() { words.text("page.relative") } else { unit })
}

/// The curve that is nearest above or below the pointer: its dose and its volume, in both units where they are known.
fn reading(
    painter: &Painter,
    axes: &Axes,
    sheet: &Histograms,
    drawn: &[&HistogramCurve],
    at: Pos2,
    words: &Words,
) {
    let dose = axes.dose_at(at);
    let place = |c: &&&HistogramCurve| height(c, dose, sheet.in_cm3).map(|v| axes.at(dose, v));
    let distance = |c: &&&HistogramCurve| place(c).map_or(f32::MAX, |p| (p.y - at.y).abs());
    let Some(curve) = drawn.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))) else { return };
    let Some(on_curve) = place(&curve) else { return };
    let faint = Stroke::new(1.0, theme::LINE_3);
    painter.line_segment([pos2(at.x, axes.plot.top()), pos2(at.x, axes.plot.bottom())], faint);
    painter.circle_filled(on_curve, 4.0, color(curve));
    let part = curve.part_at(dose);
    let cm3 = curve.volume_cm3.map_or(String::new(), |all| format!(" = {} cm³", words.number(part * all, 1)));
    let text = format!(
        "{}: V({} {}) = {} %{cm3}",
        curve.name,
        words.number(dose, 2),
        sheet.unit,
        words.number(part * 100.0, 1)
    );
    let room_at_right = at.x + 260.0 < axes.plot.right();
    let (align, shift) =
        if room_at_right { (Align2::LEFT_BOTTOM, 10.0) } else { (Align2::RIGHT_BOTTOM, -10.0) };
    let y = (on_curve.y - 6.0).max(axes.plot.top() + 18.0);
    outlined(painter, pos2(at.x + shift, y), align, &text, 13.0, theme::MEASURE_ACTIVE);
}

fn show_legend(ui: &mut Ui, light_box: &LightBox, index: usize, sheet: &Histograms, out: &mut Vec<Action>) {
    let words = &light_box.words;
    let Some(series) = light_box.cells[index].series else { return };
    ui.horizontal(|ui| {
        for (in_cm3, name) in [(false, "%"), (true, "cm³")] {
            if ui.selectable_label(sheet.in_cm3 == in_cm3, name).clicked() {
                out.push(Action::HistogramInCm3(series, in_cm3));
            }
        }
        for (recorded, key) in [(true, "page.recorded"), (false, "page.computed")] {
            if !sheet.curves.iter().any(|c| c.recorded == recorded) {
                continue;
            }
            sample_line(ui, recorded, theme::TEXT_2);
            ui.label(RichText::new(words.text(key)).color(theme::TEXT_2).size(12.0));
        }
    });
    ui.separator();
    ScrollArea::vertical().id_salt(("histograms", index)).auto_shrink([false, false]).show(ui, |ui| {
        for (at, curve) in sheet.curves.iter().enumerate() {
            let mut on = curve.on;
            let label = RichText::new(&curve.name).color(color(curve));
            let row = ui.horizontal(|ui| {
                sample_line(ui, curve.recorded, color(curve));
                ui.add(Checkbox::new(&mut on, label))
            });
            let response = row.inner;
            let kind = words.text(if curve.recorded { "page.recorded" } else { "page.computed" });
            let name = format!("{}, {kind}", curve.name);
            response
                .widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::CheckBox, true, on, &name));
            if response.changed() {
                out.push(Action::CurveOn(series, at, on));
            }
            ui.label(RichText::new(figures(curve, sheet.unit, words)).color(theme::TEXT_3).size(11.5));
        }
    });
}

/// A piece of the line that stands for recorded or computed histograms.
fn sample_line(ui: &mut Ui, recorded: bool, color: Color32) {
    let (place, _) = ui.allocate_exact_size(vec2(24.0, 10.0), egui::Sense::hover());
    let ends = [place.left_center(), place.right_center()];
    let stroke = Stroke::new(1.8, color);
    match recorded {
        true => drop(ui.painter().line_segment(ends, stroke)),
        false => ui.painter().extend(Shape::dashed_line(&ends, stroke, 7.0, 3.0)),
    }
}

/// `⌀ 21.3 Gy · max 45.6 Gy · 123.4 cm³`.
fn figures(curve: &HistogramCurve, unit: &str, words: &Words) -> String {
    let mut parts = Vec::new();
    if curve.covered < 0.995 {
        let covered = words.number(curve.covered * 100.0, 0);
        parts.push(words.fill("page.covered", &[("percent", &covered)]));
    }
    parts.extend(curve.mean.map(|dose| format!("⌀ {} {unit}", words.number(dose, 1))));
    let max = words.text("lightbox.max");
    parts.extend(curve.max.map(|dose| format!("{max} {} {unit}", words.number(dose, 1))));
    parts.extend(curve.volume_cm3.map(|cm3| format!("{} cm³", words.number(cm3, 1))));
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_at_round_numbers() {
        assert_eq!(
            [70.0, 1.0, 14.0, 0.55].map(|span| (step(span) * 1000.0).round() / 1000.0),
            [20.0, 0.2, 5.0, 0.1]
        );
    }
}
