//! JPEG-LS, lossless and near-lossless (ISO 14495-1, ITU-T T.87): the inverse of its annex A.
//!
//! Here because the decoders that exist are C++. Names of variables are the standard's, so that the two can be
//! read side by side. All three interleave modes; mapping tables and restart intervals are refused. The states of
//! the model, its codes and its bits are one thing.

use crate::guard::damaged;
use medsight_record::Refusal;

/// A.7.1.2, table A.1.
const J: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Preset coding parameters (C.2.4.1.1); zero means the default.
#[derive(Clone, Copy, Default)]
struct Preset {
    maxval: i32,
    t: [i32; 3],
    reset: i32,
}

/// All samples of a frame, interleaved by pixel. The header has been checked by the caller.
pub(crate) fn decode(
    bytes: &[u8],
    rows: usize,
    columns: usize,
    components: usize,
    precision: u32,
) -> Result<Vec<u16>, Refusal> {
    let cut = || damaged("the JPEG-LS frame is cut off");
    let mut preset = Preset::default();
    let mut out = vec![0_u16; rows * columns * components];
    let mut order: Vec<u8> = Vec::new();
    let mut done = 0;
    let mut at = bytes.windows(2).position(|w| w == [0xFF, 0xD8]).ok_or_else(cut)? + 2;
    while done < components {
        while bytes.get(at) != Some(&0xFF) || bytes.get(at + 1).is_none_or(|m| *m < 0x80 || *m == 0xFF) {
            at += 1;
            if at >= bytes.len() {
                return Err(cut());
            }
        }
        let marker = bytes[at + 1];
        let length = bytes
            .get(at + 2..at + 4)
            .map(|l| usize::from(u16::from_be_bytes([l[0], l[1]])))
            .ok_or_else(cut)?;
        let segment = bytes.get(at + 4..at + 2 + length.max(2)).ok_or_else(cut)?;
        at += 2 + length.max(2);
        match marker {
            0xF7 => order = segment.get(6..).ok_or_else(cut)?.chunks_exact(3).map(|c| c[0]).collect(),
            0xF8 => preset = parameters(segment)?,
            0xDD if segment.iter().any(|b| *b != 0) => return Err(unsupported("restart intervals")),
            0xDA => {
                let count = usize::from(*segment.first().ok_or_else(cut)?);
                let tail = segment.get(1 + 2 * count..4 + 2 * count).ok_or_else(cut)?;
                let (near, interleave) = (i32::from(tail[0]), tail[1]);
                if tail[2] != 0 {
                    return Err(unsupported("a point transform"));
                }
                if segment.iter().skip(2).step_by(2).take(count).any(|table| *table != 0) {
                    return Err(unsupported("mapping tables"));
                }
                let first = order.iter().position(|id| *id == segment[1]).ok_or_else(cut)?;
                if count == 0 || first + count > components || (interleave == 0 && count != 1) {
                    return Err(damaged("a JPEG-LS scan header is wrong"));
                }
                let mut scan = Scan::new(preset, precision, near, &bytes[at..])?;
                let target = Target { out: &mut out, columns, stride: components, first, count };
                match interleave {
                    0 | 1 => scan.lines(target, rows),
                    2 => scan.pixels(target, rows),
                    _ => None,
                }
                .ok_or_else(|| damaged("a JPEG-LS scan cannot be decoded"))?;
                at += scan.bits.at;
                done += count;
            }
            0xD9 => return Err(cut()),
            _ => {}
        }
    }
    Ok(out)
}

fn unsupported(what: &str) -> Refusal {
    Refusal::new("unsupported", format!("The JPEG-LS frame uses {what}, which cannot be decoded here."))
}

fn parameters(segment: &[u8]) -> Result<Preset, Refusal> {
    match segment {
        [1, rest @ ..] if rest.len() >= 10 => {
            let word = |i: usize| i32::from(u16::from_be_bytes([rest[2 * i], rest[2 * i + 1]]));
            Ok(Preset { maxval: word(0), t: [word(1), word(2), word(3)], reset: word(4) })
        }
        [2 | 3, ..] => Err(unsupported("mapping tables")),
        _ => Err(unsupported("unusual parameters")),
    }
}

/// Where a scan's components go.
struct Target<'o> {
    out: &'o mut [u16],
    columns: usize,
    stride: usize,
    first: usize,
    count: usize,
}

impl Target<'_> {
    fn store(&mut self, row: usize, component: usize, line: &[i32]) {
        let from = row * self.columns * self.stride + self.first + component;
        let places = self.out[from..].iter_mut().step_by(self.stride);
        for (place, value) in places.zip(line) {
            *place = *value as u16;
        }
    }
}

struct Scan<'b> {
    maxval: i32,
    near: i32,
    t: [i32; 3],
    reset: i32,
    range: i32,
    qbpp: u32,
    limit: u32,
    a: [i32; 367],
    b: [i32; 365],
    c: [i32; 365],
    n: [i32; 367],
    nn: [i32; 2],
    bits: Bits<'b>,
}

impl<'b> Scan<'b> {
    fn new(preset: Preset, precision: u32, near: i32, bytes: &'b [u8]) -> Result<Self, Refusal> {
        let wrong = || damaged("the JPEG-LS parameters are wrong");
        if !(2..=16).contains(&precision) {
            return Err(wrong());
        }
        let maxval = if preset.maxval == 0 { (1 << precision) - 1 } else { preset.maxval };
        if near > 255.min(maxval / 2) || maxval >= 1 << precision || maxval < 1 {
            return Err(wrong());
        }
        let t = thresholds(maxval, near);
        let t = [0, 1, 2].map(|i| if preset.t[i] == 0 { t[i] } else { preset.t[i] });
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let bits_for = |values: i32| (values - 1).max(1).ilog2() + 1;
        let bpp = bits_for(maxval + 1).max(2);
        let first = ((range + 32) / 64).max(2);
        Ok(Self {
            maxval,
            near,
            t,
            reset: if preset.reset == 0 { 64 } else { preset.reset.max(3) },
            range,
            qbpp: bits_for(range),
            limit: 2 * (bpp + bpp.max(8)),
            a: [first; 367],
            b: [0; 365],
            c: [0; 365],
            n: [1; 367],
            nn: [0; 2],
            bits: Bits { bytes, at: 0, buffer: 0, count: 0 },
        })
    }

    /// Interleave none and by line (A.2, C.2.3): components take turns line by line.
    fn lines(&mut self, mut target: Target<'_>, rows: usize) -> Option<()> {
        let width = target.columns;
        let mut planes: Vec<([Vec<i32>; 2], usize)> =
            (0..target.count).map(|_| ([vec![0; width + 2], vec![0; width + 2]], 0)).collect();
        for row in 0..rows {
            for (component, ([previous, current], run)) in planes.iter_mut().enumerate() {
                start_line(previous, current, width);
                self.line(previous, current, width, run)?;
                target.store(row, component, &current[1..=width]);
                std::mem::swap(previous, current);
            }
        }
        Some(())
    }

    fn line(&mut self, previous: &[i32], current: &mut [i32], width: usize, run: &mut usize) -> Option<()> {
        let mut x = 1;
        while x <= width {
            let (ra, rb, rc, rd) = (current[x - 1], previous[x], previous[x - 1], previous[x + 1]);
            let d = [rd - rb, rb - rc, rc - ra];
            if d.iter().all(|d| d.abs() <= self.near) {
                let length = self.run_length(width + 1 - x, run)?;
                current[x..x + length].fill(ra);
                x += length;
                if x <= width {
                    let rb = previous[x];
                    current[x] = self.interruption(ra, rb, (ra - rb).abs() <= self.near, *run)?;
                    *run = run.saturating_sub(1);
                    x += 1;
                }
            } else {
                current[x] = self.regular(ra, rb, rc, d)?;
                x += 1;
            }
        }
        Some(())
    }

    /// Interleave by sample: run mode only when all components are in it.
    fn pixels(&mut self, mut target: Target<'_>, rows: usize) -> Option<()> {
        let (width, count) = (target.columns, target.count);
        let mut previous = vec![vec![0; width + 2]; count];
        let mut current = previous.clone();
        let mut run = 0;
        for row in 0..rows {
            for (p, c) in previous.iter_mut().zip(&mut current) {
                start_line(p, c, width);
            }
            let mut x = 1;
            while x <= width {
                let around = |c: usize, current: &[Vec<i32>]| {
                    (current[c][x - 1], previous[c][x], previous[c][x - 1], previous[c][x + 1])
                };
                let flat = (0..count).all(|c| {
                    let (ra, rb, rc, rd) = around(c, &current);
                    [rd - rb, rb - rc, rc - ra].iter().all(|d| d.abs() <= self.near)
                });
                if flat {
                    let length = self.run_length(width + 1 - x, &mut run)?;
                    for line in &mut current {
                        let ra = line[x - 1];
                        line[x..x + length].fill(ra);
                    }
                    x += length;
                    if x <= width {
                        for (line, above) in current.iter_mut().zip(&previous) {
                            line[x] = self.interruption(line[x - 1], above[x], false, run)?;
                        }
                        run = run.saturating_sub(1);
                        x += 1;
                    }
                } else {
                    for c in 0..count {
                        let (ra, rb, rc, rd) = around(c, &current);
                        current[c][x] = self.regular(ra, rb, rc, [rd - rb, rb - rc, rc - ra])?;
                    }
                    x += 1;
                }
            }
            for (c, line) in current.iter().enumerate() {
                target.store(row, c, &line[1..=width]);
            }
            std::mem::swap(&mut previous, &mut current);
        }
        Some(())
    }

    /// A.3 to A.6: one sample in regular mode.
    fn regular(&mut self, ra: i32, rb: i32, rc: i32, d: [i32; 3]) -> Option<i32> {
        let q = d.map(|d| self.quantized(d));
        let context = 81 * q[0] + 9 * q[1] + q[2];
        let sign = if context < 0 { -1 } else { 1 };
        let q = context.unsigned_abs() as usize;
        let (low, high) = (ra.min(rb), ra.max(rb));
        let px = if rc >= high {
            low
        } else if rc <= low {
            high
        } else {
            ra + rb - rc
        };
        let px = (px + sign * self.c[q]).clamp(0, self.maxval);

        let k = golomb(self.n[q], self.a[q]);
        let mapped = self.bits.golomb(k, self.limit, self.qbpp)?;
        let turned = self.near == 0 && k == 0 && 2 * self.b[q] <= -self.n[q];
        let half = (mapped >> 1) as i32;
        let error = if (mapped & 1 == 1) == turned { half } else { -half - 1 };

        self.b[q] += error * (2 * self.near + 1);
        self.a[q] += error.abs();
        if self.n[q] == self.reset {
            self.a[q] >>= 1;
            self.b[q] >>= 1;
            self.n[q] >>= 1;
        }
        self.n[q] += 1;
        if self.b[q] <= -self.n[q] {
            self.b[q] = (self.b[q] + self.n[q]).max(1 - self.n[q]);
            self.c[q] = (self.c[q] - 1).max(-128);
        } else if self.b[q] > 0 {
            self.b[q] = (self.b[q] - self.n[q]).min(0);
            self.c[q] = (self.c[q] + 1).min(127);
        }
        Some(self.reconstructed(px, sign * error))
    }

    fn quantized(&self, d: i32) -> i32 {
        let [t1, t2, t3] = self.t;
        let size = d.abs();
        let level = if size <= self.near {
            0
        } else if size < t1 {
            1
        } else if size < t2 {
            2
        } else if size < t3 {
            3
        } else {
            4
        };
        if d < 0 { -level } else { level }
    }

    /// A.4.4 and A.4.5.
    fn reconstructed(&self, px: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut rx = px + error * step;
        if rx < -self.near {
            rx += self.range * step;
        } else if rx > self.maxval + self.near {
            rx -= self.range * step;
        }
        rx.clamp(0, self.maxval)
    }

    /// A.7.1.2: how many samples the run covers, at most `left`.
    fn run_length(&mut self, left: usize, run: &mut usize) -> Option<usize> {
        let mut length = 0;
        while self.bits.take(1)? == 1 {
            let whole = 1_usize << J[*run];
            let part = whole.min(left - length);
            length += part;
            if part == whole {
                *run = (*run + 1).min(31);
            }
            if length == left {
                return Some(length);
            }
        }
        length += self.bits.take(J[*run])? as usize;
        (length < left).then_some(length)
    }

    /// A.7.2: the sample that ends a run.
    fn interruption(&mut self, ra: i32, rb: i32, alike: bool, run: usize) -> Option<i32> {
        let kind = usize::from(alike);
        let q = 365 + kind;
        let temp = if alike { self.a[q] + (self.n[q] >> 1) } else { self.a[q] };
        let k = golomb(self.n[q], temp);
        let mapped = self.bits.golomb(k, self.limit - J[run] - 1, self.qbpp)? as i32;
        let sum = mapped + kind as i32;
        let map = sum & 1;
        let negative_has_map = k != 0 || 2 * self.nn[kind] >= self.n[q];
        let size = (sum + map) / 2;
        let error = if negative_has_map == (map == 1) { -size } else { size };
        if error < 0 {
            self.nn[kind] += 1;
        }
        self.a[q] += (mapped + 1 - kind as i32) >> 1;
        if self.n[q] == self.reset {
            self.a[q] >>= 1;
            self.n[q] >>= 1;
            self.nn[kind] >>= 1;
        }
        self.n[q] += 1;
        let (px, error) = if alike { (ra, error) } else { (rb, if ra > rb { -error } else { error }) };
        Some(self.reconstructed(px, error))
    }
}

/// The samples left of the first and right of the last (A.2.1).
fn start_line(previous: &mut [i32], current: &mut [i32], width: usize) {
    current[0] = previous[1];
    previous[width + 1] = previous[width];
}

/// C.2.4.1.1.1.
fn thresholds(maxval: i32, near: i32) -> [i32; 3] {
    let clamp = |x: i32, low: i32| if x > maxval || x < low { low } else { x };
    let raw = if maxval >= 128 {
        let factor = (maxval.min(4095) + 128) / 256;
        [factor + 2 + 3 * near, factor * 4 + 3 + 5 * near, factor * 17 + 4 + 7 * near]
    } else {
        let factor = 256 / (maxval + 1);
        [(3 / factor + 3 * near).max(2), (7 / factor + 5 * near).max(3), (21 / factor + 7 * near).max(4)]
    };
    let t1 = clamp(raw[0], near + 1);
    let t2 = clamp(raw[1], t1);
    [t1, t2, clamp(raw[2], t2)]
}

fn golomb(n: i32, a: i32) -> u32 {
    (0..24).find(|k| n << k >= a).unwrap_or(24)
}

/// Bits with the stuffing of A.1: after 0xFF, the next byte has seven.
struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
    buffer: u64,
    count: u32,
}

impl Bits<'_> {
    /// `None` once far more bits were asked for than are there.
    fn fill(&mut self) -> Option<()> {
        while self.count <= 48 {
            let after_ff = self.at > 0 && self.bytes.get(self.at - 1) == Some(&0xFF);
            match self.bytes.get(self.at) {
                Some(byte) if after_ff && *byte < 0x80 => {
                    self.buffer = self.buffer << 7 | u64::from(*byte);
                    self.count += 7;
                    self.at += 1;
                }
                // 0xFF before a marker belongs to the marker.
                Some(0xFF) if self.bytes.get(self.at + 1).is_none_or(|next| *next >= 0x80) => {
                    return self.end();
                }
                Some(byte) if !after_ff => {
                    self.buffer = self.buffer << 8 | u64::from(*byte);
                    self.count += 8;
                    self.at += 1;
                }
                _ => return self.end(),
            }
        }
        Some(())
    }

    /// Zeros behind the last bit, so that the last codes can be looked at as a whole.
    fn end(&mut self) -> Option<()> {
        (self.count > 0).then(|| {
            self.buffer <<= 16;
            self.count += 16;
        })
    }

    fn take(&mut self, n: u32) -> Option<u32> {
        if n == 0 {
            return Some(0);
        }
        if self.count < n {
            self.fill()?;
        }
        self.count = self.count.checked_sub(n)?;
        Some((self.buffer >> self.count) as u32 & ((1_u64 << n) - 1) as u32)
    }

    /// Limited-length Golomb code (A.5.3).
    fn golomb(&mut self, k: u32, limit: u32, qbpp: u32) -> Option<u32> {
        let longest = limit.checked_sub(qbpp + 1)?;
        let mut zeros = 0;
        loop {
            if self.count == 0 {
                self.fill()?;
            }
            let ahead = self.buffer << (64 - self.count);
            let here = ahead.leading_zeros().min(self.count);
            zeros += here;
            if zeros > longest {
                return None;
            }
            self.count -= here;
            if self.count > 0 {
                self.count -= 1;
                break;
            }
        }
        if zeros < longest {
            return Some(zeros << k | self.take(k)?);
        }
        Some(self.take(qbpp)? + 1)
    }
}
