//! A transfer function integrated over a step: colour and opacity by the values at both ends.
//!
//! Pre-integration after Engel, Kraus, Ertl 2001, without attenuation inside a step. Used by the ray caster
//! and its twin alike.

use crate::TransferFunction;

/// Entries along an edge of the table.
pub const TABLE: usize = 256;

/// Premultiplied colour and opacity of one step, by (value in front, value behind).
#[derive(Clone, Debug)]
pub struct TransferTable {
    low: f32,
    high: f32,
    entries: Vec<[f32; 4]>,
}

impl TransferTable {
    /// For steps of `step_mm`.
    pub fn new(transfer: &TransferFunction, step_mm: f32) -> Self {
        let [low, high] = transfer.range();
        // Sums of extinction and of colour × extinction over values, finer than the table, so that a corner
        // between two entries counts.
        const FINE: usize = 8;
        let count = (TABLE - 1) * FINE + 1;
        let width = (high - low) / (count - 1) as f32;
        let dense = |i: usize| {
            let (color, opacity) = transfer.at(low + width * i as f32);
            let extinction = -(1.0 - f64::from(opacity.clamp(0.0, 0.9999))).ln(); // per millimetre
            [f64::from(color[0]), f64::from(color[1]), f64::from(color[2]), 1.0].map(|c| c * extinction)
        };
        let mut sums = vec![[0.0f64; 4]; count];
        for i in 1..count {
            let (a, b) = (dense(i - 1), dense(i));
            sums[i] = [0, 1, 2, 3].map(|c| sums[i - 1][c] + (a[c] + b[c]) / 2.0);
        }
        let mut entries = Vec::with_capacity(TABLE * TABLE);
        for back in 0..TABLE {
            for front in 0..TABLE {
                let (from, to) = (front.min(back) * FINE, front.max(back) * FINE);
                let mean = match from == to {
                    true => dense(from),
                    false => [0, 1, 2, 3].map(|c| (sums[to][c] - sums[from][c]) / (to - from) as f64),
                };
                let opacity = 1.0 - (-mean[3] * f64::from(step_mm)).exp();
                let share = if mean[3] > 0.0 { opacity / mean[3] } else { 0.0 };
                entries.push([mean[0] * share, mean[1] * share, mean[2] * share, opacity].map(|c| c as f32));
            }
        }
        Self { low, high, entries }
    }

    /// Values of the first and last entry.
    pub fn range(&self) -> [f32; 2] {
        [self.low, self.high]
    }

    /// All entries, value in front fastest.
    pub fn entries(&self) -> &[[f32; 4]] {
        &self.entries
    }

    /// Premultiplied colour and opacity, bilinear between entries.
    pub fn at(&self, front: f32, back: f32) -> [f32; 4] {
        let place = |v: f32| ((v - self.low) / (self.high - self.low)).clamp(0.0, 1.0) * (TABLE - 1) as f32;
        let (x, y) = (place(front), place(back));
        let (x0, y0) = (x.floor() as usize, y.floor() as usize);
        let (x1, y1) = ((x0 + 1).min(TABLE - 1), (y0 + 1).min(TABLE - 1));
        let (fx, fy) = (x.fract(), y.fract());
        let entry = |x: usize, y: usize| &self.entries[y * TABLE + x];
        [0, 1, 2, 3].map(|c| {
            let top = entry(x0, y0)[c] * (1.0 - fx) + entry(x1, y0)[c] * fx;
            let bottom = entry(x0, y1)[c] * (1.0 - fx) + entry(x1, y1)[c] * fx;
            top * (1.0 - fy) + bottom * fy
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::TransferPoint;

    fn flat(opacity: f32) -> TransferFunction {
        let point = |value| TransferPoint { value, color: [1.0, 0.5, 0.0], opacity };
        TransferFunction::new(vec![point(0.0), point(100.0)]).unwrap()
    }

    #[test]
    fn two_half_steps_take_away_as_much_as_one_step() {
        let one = TransferTable::new(&flat(0.4), 1.0).at(50.0, 50.0);
        let half = TransferTable::new(&flat(0.4), 0.5).at(50.0, 50.0);
        assert!((one[3] - 0.4).abs() < 1e-5);
        assert!((1.0 - (1.0 - half[3]).powi(2) - one[3]).abs() < 1e-5);
        assert!((one[1] - 0.2).abs() < 1e-5, "premultiplied");
    }

    #[test]
    fn a_thin_layer_between_two_samples_is_seen() {
        let point = |value, opacity| TransferPoint { value, color: [1.0; 3], opacity };
        let layer = TransferFunction::new(vec![
            point(0.0, 0.0),
            point(49.0, 0.0),
            point(50.0, 0.9),
            point(51.0, 0.0),
            point(100.0, 0.0),
        ]);
        let table = TransferTable::new(&layer.unwrap(), 1.0);
        assert!(table.at(10.0, 90.0)[3] > 0.005);
        assert!(table.at(60.0, 90.0)[3] < 1e-5);
    }
}
