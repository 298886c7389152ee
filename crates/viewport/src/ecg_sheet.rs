//! How curves lie on paper: 25 mm a second, 10 mm a millivolt, twelve leads in three rows of four and a rhythm strip.
//!
//! Millimetres are of the paper. How large the paper is on the screen is the cell's zoom.

use egui::{Pos2, Rect, pos2};
use glam::DVec2;

use crate::page::{TraceGroup, TraceUnit};

/// Paper speed.
pub(crate) const MM_PER_S: f64 = 25.0;
/// Gain.
pub(crate) const MM_PER_MV: f64 = 10.0;
/// Distance of rows.
const ROW_MM: f64 = 30.0;
/// Room at the left for the calibration pulse.
pub(crate) const PULSE_MM: f64 = 10.0;
/// Room above the first row, for what the recorder says.
pub(crate) const HEAD_MM: f64 = 16.0;
/// A column of the twelve leads.
const COLUMN_S: f64 = 2.5;

/// The twelve leads by columns.
const TWELVE: [[&str; 3]; 4] =
    [["I", "II", "III"], ["aVR", "aVL", "aVF"], ["V1", "V2", "V3"], ["V4", "V5", "V6"]];
const RHYTHM: &str = "II";

/// A piece of a curve on the paper.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Strip {
    /// Which curve.
    pub(crate) trace: usize,
    /// From and to, seconds.
    pub(crate) time_s: [f64; 2],
    /// Where it begins, from the left edge.
    pub(crate) left_mm: f64,
    /// Where 0 mV is, from the upper edge.
    pub(crate) zero_mm: f64,
}

/// Curves on paper.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sheet {
    /// Width and height.
    pub(crate) size_mm: [f64; 2],
    /// Pieces.
    pub(crate) strips: Vec<Strip>,
    /// Where 0 mV of each row is: there the calibration pulse stands.
    pub(crate) rows_mm: Vec<f64>,
}

/// Lays a group out: as a 12-lead ECG when it has the leads, else a row for each curve.
pub(crate) fn sheet(group: &TraceGroup) -> Sheet {
    let seconds = group.seconds();
    let of = |name: &str| {
        let is_lead = |t: &crate::page::Trace| t.name == name && t.unit == TraceUnit::Millivolt;
        group.traces.iter().position(is_lead)
    };
    let leads: Option<Vec<usize>> = TWELVE.iter().flatten().map(|name| of(name)).collect();
    let zero = |row: usize| HEAD_MM + (row as f64 + 0.5) * ROW_MM;
    let mut strips = Vec::new();
    let (rows, long_s) = match leads {
        Some(leads) => {
            let column_s = seconds.min(COLUMN_S);
            // One time runs through the columns where there is enough of it; short beats are shown whole in each.
            let runs_on = seconds >= COLUMN_S * 4.0 - 0.01;
            for (at, trace) in leads.iter().enumerate() {
                let (column, row) = (at / 3, at % 3);
                let from = if runs_on { column as f64 * COLUMN_S } else { 0.0 };
                strips.push(Strip {
                    trace: *trace,
                    time_s: [from, from + column_s],
                    left_mm: PULSE_MM + column as f64 * column_s * MM_PER_S,
                    zero_mm: zero(row),
                });
            }
            if seconds > COLUMN_S {
                let rhythm = of(RHYTHM).unwrap_or(leads[0]);
                let time_s = [0.0, seconds];
                strips.push(Strip { trace: rhythm, time_s, left_mm: PULSE_MM, zero_mm: zero(3) });
            }
            (if seconds > COLUMN_S { 4 } else { 3 }, seconds.max(column_s * 4.0))
        }
        None => {
            for trace in 0..group.traces.len() {
                let zero_mm = zero(trace);
                strips.push(Strip { trace, time_s: [0.0, seconds], left_mm: PULSE_MM, zero_mm });
            }
            (group.traces.len(), seconds)
        }
    };
    Sheet {
        size_mm: [PULSE_MM + (long_s * MM_PER_S).max(60.0), HEAD_MM + rows as f64 * ROW_MM],
        strips,
        rows_mm: (0..rows).map(zero).collect(),
    }
}

/// The paper on the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Paper {
    origin: Pos2,
    /// Screen points in a millimetre of the paper.
    pub(crate) points_per_mm: f64,
}

impl Paper {
    /// The whole sheet in `room` at zoom 1.
    pub(crate) fn of(sheet: &Sheet, room: Rect, zoom: f64, pan: DVec2) -> Self {
        let [width, height] = sheet.size_mm;
        let fit = (f64::from(room.width()) / width).min(f64::from(room.height()) / height);
        let points_per_mm = fit * zoom;
        let middle = room.center();
        let corner = pan * zoom - DVec2::new(width, height) * points_per_mm / 2.0;
        let origin = pos2(middle.x + corner.x as f32, middle.y + corner.y as f32);
        Self { origin, points_per_mm }
    }

    /// The screen point of millimetres from the left and the upper edge.
    pub(crate) fn at(&self, x_mm: f64, y_mm: f64) -> Pos2 {
        let point = |mm: f64| (mm * self.points_per_mm) as f32;
        pos2(self.origin.x + point(x_mm), self.origin.y + point(y_mm))
    }

    /// Millimetres of a screen point.
    pub(crate) fn mm(&self, at: Pos2) -> [f64; 2] {
        let d = at - self.origin;
        [f64::from(d.x) / self.points_per_mm, f64::from(d.y) / self.points_per_mm]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Trace;
    use std::sync::Arc;

    fn group(names: &[&str], seconds: f64) -> TraceGroup {
        let trace = |name: &&str| Trace {
            name: (*name).to_owned(),
            unit: TraceUnit::Millivolt,
            values: Arc::new(vec![0.0; (seconds * 500.0) as usize]),
        };
        TraceGroup { frequency_hz: 500.0, traces: names.iter().map(trace).collect(), ..TraceGroup::default() }
    }

    const LEADS: [&str; 12] = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];

    #[test]
    fn ten_seconds_of_twelve_leads_are_250_mm_with_the_time_running_on_through_the_columns() {
        let sheet = sheet(&group(&LEADS, 10.0));
        assert_eq!(sheet.size_mm[0] - PULSE_MM, 250.0);
        assert_eq!(sheet.strips.len(), 13);
        let v6 = sheet.strips.iter().find(|s| s.trace == 11).unwrap();
        assert_eq!((v6.time_s, v6.left_mm - PULSE_MM), ([7.5, 10.0], 187.5));
        let rhythm = sheet.strips.last().unwrap();
        assert_eq!((rhythm.trace, rhythm.time_s), (1, [0.0, 10.0]));
        assert!(rhythm.zero_mm > v6.zero_mm);
    }

    #[test]
    fn a_median_beat_is_shown_whole_in_each_column() {
        let sheet = sheet(&group(&LEADS, 1.2));
        assert!(sheet.strips.iter().all(|s| s.time_s == [0.0, 1.2]));
        assert_eq!(sheet.strips.len(), 12);
    }

    #[test]
    fn curves_that_are_no_twelve_leads_have_a_row_each() {
        let sheet = sheet(&group(&["A", "B"], 3.0));
        assert_eq!(sheet.rows_mm.len(), 2);
        assert_eq!(sheet.strips[1].time_s, [0.0, 3.0]);
    }
}
