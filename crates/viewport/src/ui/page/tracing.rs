//! An ECG on its paper: grid, curves, names of the leads, calibration pulse, what the recorder found, and the scale.

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};
use medsight_record::words::Words;

use crate::draw_shape::outlined;
use crate::ecg_sheet::{HEAD_MM, MM_PER_MV, MM_PER_S, PULSE_MM, Paper, Sheet, Strip, sheet};
use crate::light_box::LightBox;
use crate::page::{Finding, Trace, TraceGroup, TraceUnit, Tracing};
use crate::theme;

const GRID_FINE: Color32 = Color32::from_rgb(0x26, 0x1A, 0x1C);
const GRID_COARSE: Color32 = Color32::from_rgb(0x4A, 0x30, 0x34);
const CURVE: Color32 = Color32::from_rgb(0xE6, 0xE2, 0xDA);
/// The span of a curve without millivolts is drawn so high.
const OTHER_MM: f64 = 20.0;

pub(super) fn show(painter: &Painter, light_box: &LightBox, index: usize, room: Rect, tracing: &Tracing) {
    let cell = &light_box.cells[index];
    let words = &light_box.words;
    let Some(group) = tracing.groups.get(cell.slice) else { return };
    let sheet = sheet(group);
    let paper = Paper::of(&sheet, room, cell.zoom, cell.pan);
    let whole = painter;
    let painter = whole.with_clip_rect(room);
    grid(&painter, &paper, &sheet);
    for (row, zero_mm) in sheet.rows_mm.iter().enumerate() {
        let is_mv = |s: &&Strip| s.zero_mm == *zero_mm && group.traces[s.trace].unit == TraceUnit::Millivolt;
        if sheet.strips.iter().any(|s| is_mv(&s)) {
            pulse(&painter, &paper, sheet.rows_mm[row]);
        }
    }
    for strip in &sheet.strips {
        curve(&painter, &paper, strip, group);
    }
    for strip in &sheet.strips {
        let trace = &group.traces[strip.trace];
        let at = paper.at(strip.left_mm, strip.zero_mm) + vec2(3.0, -(paper.points_per_mm * 11.0) as f32);
        let unit = match &trace.unit {
            TraceUnit::Millivolt => String::new(),
            TraceUnit::Other(unit) => format!(" ({unit})"),
            TraceUnit::Unknown => format!(" ({})", words.text("page.no_amplitude")),
        };
        outlined(&painter, at, Align2::LEFT_TOP, &format!("{}{unit}", trace.name), 13.0, theme::TEXT_1);
    }
    head(&painter, &paper, &sheet, &tracing.findings, words);
    if let Some((_, at)) = light_box.hover.filter(|(cell, _)| *cell == index) {
        reading(&painter, &paper, &sheet, group, at, words);
    }
    let line = scale_line(light_box, index, group, &paper);
    let below = room.left_bottom() + vec2(0.0, super::FOOT - 8.0);
    outlined(whole, below, Align2::LEFT_BOTTOM, &line, theme::IMAGE_TEXT, theme::TEXT_IMAGE);
}

fn grid(painter: &Painter, paper: &Paper, sheet: &Sheet) {
    let [width, height] = sheet.size_mm;
    let fine = paper.points_per_mm >= 2.5;
    for mm in 0..=width.ceil().max(height.ceil()) as usize {
        let coarse = mm % 5 == 0;
        if !coarse && !fine {
            continue;
        }
        let stroke = Stroke::new(1.0, if coarse { GRID_COARSE } else { GRID_FINE });
        let at = mm as f64;
        if at <= width {
            painter.line_segment([paper.at(at, HEAD_MM), paper.at(at, height)], stroke);
        }
        if at >= HEAD_MM && at <= height {
            painter.line_segment([paper.at(0.0, at), paper.at(width, at)], stroke);
        }
    }
}

/// 1 mV, 0.2 s.
fn pulse(painter: &Painter, paper: &Paper, zero_mm: f64) {
    let points = [(1.0, 0.0), (2.5, 0.0), (2.5, MM_PER_MV), (7.5, MM_PER_MV), (7.5, 0.0), (9.0, 0.0)];
    let points = points.map(|(x, up)| paper.at(x, zero_mm - up));
    painter.add(Shape::line(points.to_vec(), Stroke::new(1.2, theme::TEXT_3)));
}

/// Millimetres upwards of a value.
fn gain(trace: &Trace) -> impl Fn(f64) -> f64 {
    let finite = || trace.values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(v), h.max(v)));
    let (middle, span) = (f64::from(low + high) / 2.0, f64::from(high - low).max(1e-9));
    let is_mv = trace.unit == TraceUnit::Millivolt;
    move |value| if is_mv { value * MM_PER_MV } else { (value - middle) / span * OTHER_MM }
}

/// Where several samples fall on one screen point, their lowest and highest: no spike is lost.
fn curve(painter: &Painter, paper: &Paper, strip: &Strip, group: &TraceGroup) {
    let trace = &group.traces[strip.trace];
    let up = gain(trace);
    let [from, to] = strip.time_s.map(|s| (s * group.frequency_hz).round() as usize);
    let to = to.min(trace.values.len());
    let mm_per_sample = MM_PER_S / group.frequency_hz;
    let at_once = (1.0 / (mm_per_sample * paper.points_per_mm)).floor().max(1.0) as usize;
    let mut line: Vec<Pos2> = Vec::new();
    let draw = |line: &mut Vec<Pos2>| {
        if line.len() > 1 {
            painter.add(Shape::line(std::mem::take(line), Stroke::new(1.3, CURVE)));
        }
        line.clear();
    };
    for start in (from..to).step_by(at_once) {
        let part = &trace.values[start..(start + at_once).min(to)];
        let place = |value: f32| {
            let x = strip.left_mm + (start - from) as f64 * mm_per_sample;
            paper.at(x, strip.zero_mm - up(f64::from(value)))
        };
        if part.iter().any(|v| !v.is_finite()) {
            draw(&mut line);
            continue;
        }
        let (low, high) = part.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        line.push(place(low));
        if high > low {
            line.push(place(high));
        }
    }
    draw(&mut line);
}

/// What the recorder says, above the first row.
fn head(painter: &Painter, paper: &Paper, sheet: &Sheet, findings: &[Finding], words: &Words) {
    let said = findings.iter().filter(|f| !f.text.is_empty()).map(|f| f.text.clone());
    let measured = findings.iter().filter_map(|f| {
        let (value, unit) = f.value.as_ref()?;
        Some(format!("{} {} {unit}", f.name, words.short_number(*value, 2)))
    });
    let lines = [said.collect::<Vec<_>>().join(" · "), measured.collect::<Vec<_>>().join(" · ")];
    let lines: Vec<String> = lines.into_iter().filter(|l| !l.is_empty()).collect();
    if lines.is_empty() {
        return;
    }
    let width = (sheet.size_mm[0] - PULSE_MM) * paper.points_per_mm;
    let font = FontId::proportional(theme::IMAGE_TEXT);
    let galley = painter.layout(lines.join("\n"), font, theme::TEXT_2, width as f32);
    let bottom = paper.at(PULSE_MM, HEAD_MM - 1.0);
    painter.galley(bottom - vec2(0.0, galley.size().y), galley, theme::TEXT_2);
}

/// Lead, time and value under the pointer.
fn reading(painter: &Painter, paper: &Paper, sheet: &Sheet, group: &TraceGroup, at: Pos2, words: &Words) {
    let [x, y] = paper.mm(at);
    let is_under = |s: &&Strip| {
        let wide = (s.time_s[1] - s.time_s[0]) * MM_PER_S;
        (s.left_mm..s.left_mm + wide).contains(&x) && (s.zero_mm - y).abs() <= 15.0
    };
    let Some(strip) = sheet.strips.iter().find(is_under) else { return };
    let trace = &group.traces[strip.trace];
    let time_s = strip.time_s[0] + (x - strip.left_mm) / MM_PER_S;
    let Some(value) = trace.values.get((time_s * group.frequency_hz) as usize).filter(|v| v.is_finite())
    else {
        return;
    };
    let value_mm = gain(trace)(f64::from(*value));
    painter.circle_stroke(
        paper.at(x, strip.zero_mm - value_mm),
        3.5,
        Stroke::new(1.5, theme::MEASURE_ACTIVE),
    );
    let (decimals, unit) = match &trace.unit {
        TraceUnit::Millivolt => (2, " mV".to_owned()),
        TraceUnit::Other(unit) => (2, format!(" {unit}")),
        TraceUnit::Unknown => (0, String::new()),
    };
    let text = format!(
        "{}  {} s  {}{unit}",
        trace.name,
        words.number(time_s, 3),
        words.number(f64::from(*value), decimals)
    );
    let (align, at) = match at.x + 180.0 > painter.clip_rect().right() {
        true => (Align2::RIGHT_BOTTOM, pos2(at.x - 12.0, at.y - 8.0)),
        false => (Align2::LEFT_BOTTOM, pos2(at.x + 12.0, at.y - 8.0)),
    };
    outlined(painter, at, align, &text, 13.0, theme::MEASURE_ACTIVE);
}

/// Speed, gain, filters; and how large a millimetre of the paper is on the screen, where that is known.
fn scale_line(light_box: &LightBox, index: usize, group: &TraceGroup, paper: &Paper) -> String {
    let words = &light_box.words;
    let mut parts = vec!["25 mm/s".to_owned()];
    if group.traces.iter().any(|t| t.unit == TraceUnit::Millivolt) {
        parts.push("10 mm/mV".to_owned());
    }
    if let [Some(low), Some(high)] = group.filter_hz {
        parts.push(format!("{}–{} Hz", words.short_number(low, 2), words.short_number(high, 0)));
    }
    parts.push(match light_box.screen_points_per_mm {
        Some(points) => {
            let screen_mm = words.number(paper.points_per_mm / points, 2);
            words.fill("page.paper_on_screen", &[("mm", &screen_mm)])
        }
        None => words.text("page.paper_unknown_screen").to_owned(),
    });
    if !group.label.is_empty() {
        parts.push(group.label.clone());
    }
    if let Some((at, count)) = light_box.position(index).filter(|(_, count)| *count > 1) {
        parts.push(format!("{}/{count}", at + 1));
    }
    parts.join(" · ")
}
