//! How the samples of a JPEG-LS scan follow each other: line by line, or all components of a pixel together.
//!
//! Lines are kept with one sample more at each end (A.2.1). Of interleaved pixels a line holds all components.

use super::bits::Bits;
use super::model::Model;

/// Where a scan's components go.
pub(super) struct Target<'o> {
    /// The frame, interleaved by pixel.
    pub(super) out: &'o mut [u16],
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Components of the frame.
    pub(super) stride: usize,
    /// The scan's first component, and how many it has.
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Target<'_> {
    fn store(&mut self, row: usize, component: usize, line: &[u16]) {
        let from = row * self.columns * self.stride;
        let places = &mut self.out[from..from + self.columns * self.stride];
        if self.stride == line.len() / self.columns {
            places.copy_from_slice(line);
            return;
        }
        let places = places[self.first + component..].chunks_mut(self.stride);
        for (place, value) in places.zip(line) {
            place[0] = *value;
        }
    }
}

/// Interleave none and by line (A.2, C.2.3): components take turns line by line. `None` when the scan is damaged.
pub(super) fn lines<const KIND: u8>(
    model: &mut Model<KIND>,
    bits: &mut Bits<'_>,
    mut target: Target<'_>,
) -> Option<()> {
    let width = target.columns;
    let mut planes: Vec<([Vec<u16>; 2], usize)> =
        (0..target.count).map(|_| ([vec![0; width + 2], vec![0; width + 2]], 0)).collect();
    for row in 0..target.rows {
        for (component, ([previous, current], run)) in planes.iter_mut().enumerate() {
            current[0] = previous[1];
            previous[width + 1] = previous[width];
            line(model, bits, previous, current, run)?;
            target.store(row, component, &current[1..=width]);
            std::mem::swap(previous, current);
        }
    }
    Some(())
}

fn line<const KIND: u8>(
    model: &mut Model<KIND>,
    reader: &mut Bits<'_>,
    previous: &[u16],
    current: &mut [u16],
    run: &mut usize,
) -> Option<()> {
    let end = previous.len().min(current.len()) - 1;
    let (previous, current) = (&previous[..=end], &mut current[..=end]);
    let mut bits = *reader;
    let mut x = 1;
    'line: while x < end {
        // What is left of the sample and above it moves along in registers.
        let (mut ra, mut rc, mut rb) =
            (i32::from(current[x - 1]), i32::from(previous[x - 1]), i32::from(previous[x]));
        loop {
            let rd = i32::from(previous[x + 1]);
            let context = model.context(ra, rb, rc, rd);
            if context == 0 {
                break;
            }
            ra = model.regular(&mut bits, context, [ra, rb, rc])?;
            current[x] = ra as u16;
            (rc, rb) = (rb, rd);
            x += 1;
            if x >= end {
                break 'line;
            }
        }
        let length = model.run_length(&mut bits, end - x, run)?;
        if length > 0 {
            current[x..x + length].fill(ra as u16);
            x += length;
        }
        if x < end {
            current[x] = model.interruption(&mut bits, [ra, i32::from(previous[x])], false, *run)? as u16;
            *run = run.saturating_sub(1);
            x += 1;
        }
    }
    *reader = bits;
    (!bits.ran_out()).then_some(())
}

/// Interleave by sample: run mode only when all components are in it. `None` when the scan is damaged.
pub(super) fn pixels<const KIND: u8>(
    model: &mut Model<KIND>,
    bits: &mut Bits<'_>,
    mut target: Target<'_>,
) -> Option<()> {
    let (width, count) = (target.columns, target.count);
    let mut previous = vec![0_u16; (width + 2) * count];
    let mut current = previous.clone();
    let mut contexts = vec![0; count];
    let mut run = 0;
    let end = (width + 1) * count;
    for row in 0..target.rows {
        current[..count].copy_from_slice(&previous[count..2 * count]);
        previous.copy_within(width * count..end, end);
        let mut x = count;
        while x < end {
            let around = |i: usize, current: &[u16]| {
                [current[i - count], previous[i], previous[i - count], previous[i + count]].map(i32::from)
            };
            let mut any = 0;
            for (c, context) in contexts.iter_mut().enumerate() {
                let [ra, rb, rc, rd] = around(x + c, &current);
                *context = model.context(ra, rb, rc, rd);
                any |= *context;
            }
            if any != 0 {
                for (c, context) in contexts.iter().enumerate() {
                    let [ra, rb, rc, _] = around(x + c, &current);
                    current[x + c] = model.regular(bits, *context, [ra, rb, rc])? as u16;
                }
                x += count;
                continue;
            }
            let length = model.run_length(bits, (end - x) / count, &mut run)?;
            for pixel in 0..length {
                let to = x + pixel * count;
                current.copy_within(to - count..to, to);
            }
            x += length * count;
            if x < end {
                for i in x..x + count {
                    let (ra, rb) = (i32::from(current[i - count]), i32::from(previous[i]));
                    current[i] = model.interruption(bits, [ra, rb], true, run)? as u16;
                }
                run = run.saturating_sub(1);
                x += count;
            }
        }
        if bits.ran_out() {
            return None;
        }
        if target.stride == count {
            target.store(row, 0, &current[count..end]);
        } else {
            for c in 0..count {
                let one: Vec<u16> = current[count + c..end].iter().step_by(count).copied().collect();
                target.store(row, c, &one);
            }
        }
        std::mem::swap(&mut previous, &mut current);
    }
    Some(())
}
