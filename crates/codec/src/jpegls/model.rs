//! The model of JPEG-LS (ISO 14495-1 annex A): contexts, prediction, and what one sample's error becomes.
//!
//! Names of variables are the standard's, so that the two can be read side by side. Not here: how samples follow each
//! other (`scan.rs`).

use super::bits::Bits;
use super::{Preset, thresholds};

/// A.7.1.2, table A.1.
const J: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Differences of samples have 17 bits with their sign.
const DIFFERENCES: usize = 1 << 17;

/// What a regular context has learnt (A.8): its errors' sizes, their sum, the correction, how many.
#[derive(Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

/// What a run's last sample has learnt; `nn` counts negative errors.
#[derive(Clone, Copy)]
struct RunContext {
    a: i32,
    n: i32,
    nn: i32,
}

/// What a loop over samples need not ask at each of them.
pub(super) mod kind {
    /// Lossless, and the largest value is all ones: the modulo is a mask.
    pub(in crate::jpegls) const EXACT: u8 = 0;
    /// Lossless, any largest value.
    pub(in crate::jpegls) const LOSSLESS: u8 = 1;
    /// Near-lossless.
    pub(in crate::jpegls) const NEAR: u8 = 2;
}

/// A scan's state; `KIND` is one of [`kind`].
pub(super) struct Model<const KIND: u8> {
    maxval: i32,
    near: i32,
    reset: i32,
    /// `2 × near + 1`: how far apart the values are that an error can make.
    step: i32,
    /// The modulo of A.4.5 in values: `range × step`.
    turn: i32,
    qbpp: u32,
    limit: u32,
    /// The longest unary part of a code in regular mode.
    longest: u32,
    /// Level of a difference by its lowest 17 bits (A.3.3).
    levels: Box<[i8; DIFFERENCES]>,
    /// 365 are used; the length spares a check.
    contexts: Box<[Context; 512]>,
    runs: [RunContext; 2],
}

/// Which model reads a scan.
pub(super) fn kind_of(preset: Preset, precision: u32, near: i32) -> u8 {
    match near {
        0 if preset.maxval == 0 || preset.maxval == (1 << precision) - 1 => kind::EXACT,
        0 => kind::LOSSLESS,
        _ => kind::NEAR,
    }
}

impl<const KIND: u8> Model<KIND> {
    /// `None` for parameters that the standard does not allow.
    pub(super) fn new(preset: Preset, precision: u32, near: i32) -> Option<Self> {
        if !(2..=16).contains(&precision) {
            return None;
        }
        let maxval = if preset.maxval == 0 { (1 << precision) - 1 } else { preset.maxval };
        if near > 255.min(maxval / 2) || maxval >= 1 << precision || maxval < 1 {
            return None;
        }
        let t = thresholds(maxval, near);
        let t = [0, 1, 2].map(|i| if preset.t[i] == 0 { t[i] } else { preset.t[i] });
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let bits_for = |values: i32| (values - 1).max(1).ilog2() + 1;
        let bpp = bits_for(maxval + 1).max(2);
        let first = ((range + 32) / 64).max(2);
        let (qbpp, limit) = (bits_for(range), 2 * (bpp + bpp.max(8)));
        Some(Self {
            maxval,
            near,
            reset: if preset.reset == 0 { 64 } else { preset.reset.max(3) },
            step: 2 * near + 1,
            turn: range * (2 * near + 1),
            qbpp,
            limit,
            longest: limit - qbpp - 1,
            levels: levels(near, t, maxval)?,
            contexts: Box::new([Context { a: first, b: 0, c: 0, n: 1 }; 512]),
            runs: [RunContext { a: first, n: 1, nn: 0 }; 2],
        })
    }

    /// The context that the samples around one make, with the sign of A.3.4; 0 where a run begins.
    #[inline(always)]
    pub(super) fn context(&self, ra: i32, rb: i32, rc: i32, rd: i32) -> i32 {
        let level = |d: i32| i32::from(self.levels[d as usize & (DIFFERENCES - 1)]);
        81 * level(rd - rb) + 9 * level(rb - rc) + level(rc - ra)
    }

    /// A.4 to A.6: one sample in regular mode.
    #[inline(always)]
    pub(super) fn regular(
        &mut self,
        bits: &mut Bits<'_>,
        context: i32,
        [ra, rb, rc]: [i32; 3],
    ) -> Option<i32> {
        let sign = context >> 31;
        let q = &mut self.contexts[context.unsigned_abs() as usize & 511];
        let px = (ra + rb - rc).max(ra.min(rb)).min(ra.max(rb));
        let px = (px + ((q.c ^ sign) - sign)).max(0).min(self.maxval);

        let k = golomb(q.n, q.a);
        let mapped = bits.golomb(k, self.longest, self.qbpp)?;
        let turned = if KIND != kind::NEAR && k == 0 && 2 * q.b <= -q.n { -1 } else { 0 };
        let error = (mapped >> 1) as i32 ^ -((mapped & 1) as i32) ^ turned;

        q.b += if KIND == kind::NEAR { error * self.step } else { error };
        q.a += error.abs();
        if q.n == self.reset {
            q.a >>= 1;
            q.b >>= 1;
            q.n >>= 1;
        }
        q.n += 1;
        if q.b <= -q.n {
            q.b = (q.b + q.n).max(1 - q.n);
            q.c = (q.c - 1).max(-128);
        } else if q.b > 0 {
            q.b = (q.b - q.n).min(0);
            q.c = (q.c + 1).min(127);
        }
        Some(self.reconstructed(px, (error ^ sign) - sign))
    }

    /// A.4.4 and A.4.5.
    #[inline(always)]
    fn reconstructed(&self, px: i32, error: i32) -> i32 {
        if KIND == kind::EXACT {
            return (px + error) & self.maxval;
        }
        let rx = px + if KIND == kind::NEAR { error * self.step } else { error };
        // The next sample waits for this one: hardly any is outside, and a guess that is right costs nothing.
        if (0..=self.maxval).contains(&rx) { rx } else { self.turned(rx) }
    }

    /// What the modulo and the limits make of a value that is none.
    #[cold]
    #[inline(never)]
    fn turned(&self, rx: i32) -> i32 {
        let up = if rx < -self.near { self.turn } else { 0 };
        let down = if rx > self.maxval + self.near { self.turn } else { 0 };
        (rx + up - down).max(0).min(self.maxval)
    }

    /// A.7.1.2: how many samples the run covers, at most `left`.
    #[inline(always)]
    pub(super) fn run_length(&self, bits: &mut Bits<'_>, left: usize, run: &mut usize) -> Option<usize> {
        let mut length = 0;
        loop {
            // All ones that are in sight, each a whole step; a one behind the last sample of the line is not used.
            let ones = bits.ones();
            let mut used = 0;
            while used < ones && length < left {
                let whole = 1_usize << J[*run];
                used += 1;
                if whole <= left - length {
                    length += whole;
                    *run = (*run + 1).min(31);
                } else {
                    length = left;
                }
            }
            if length == left {
                bits.skip(used);
                return Some(length);
            }
            // The zero behind the ones and what follows it are in sight too.
            if ones <= Bits::IN_SIGHT - 16 {
                length += bits.take_behind(ones + 1, J[*run]) as usize;
                return (length < left).then_some(length);
            }
            bits.skip(used);
        }
    }

    /// A.7.2: the sample that ends a run. `together`: of several samples at once, which are never alike (C.2.3).
    #[inline(always)]
    pub(super) fn interruption(
        &mut self,
        bits: &mut Bits<'_>,
        [ra, rb]: [i32; 2],
        together: bool,
        run: usize,
    ) -> Option<i32> {
        let alike = !together && (ra - rb).abs() <= self.near;
        let kind = usize::from(alike);
        let q = &mut self.runs[kind];
        let temp = if alike { q.a + (q.n >> 1) } else { q.a };
        let k = golomb(q.n, temp);
        let longest = (self.limit - J[run] - 1).checked_sub(self.qbpp + 1)?;
        let mapped = bits.golomb(k, longest, self.qbpp)? as i32;
        let sum = mapped + kind as i32;
        let map = sum & 1;
        let negative_has_map = k != 0 || 2 * q.nn >= q.n;
        let size = (sum + map) / 2;
        let error = if negative_has_map == (map == 1) { -size } else { size };
        if error < 0 {
            q.nn += 1;
        }
        q.a += (mapped + 1 - kind as i32) >> 1;
        if q.n == self.reset {
            q.a >>= 1;
            q.n >>= 1;
            q.nn >>= 1;
        }
        q.n += 1;
        let (px, error) = if alike { (ra, error) } else { (rb, if ra > rb { -error } else { error }) };
        Some(self.reconstructed(px, error))
    }
}

/// A.3.3 for every difference. `None` where memory is short.
fn levels(near: i32, [t1, t2, t3]: [i32; 3], maxval: i32) -> Option<Box<[i8; DIFFERENCES]>> {
    let mut levels: Box<[i8; DIFFERENCES]> = vec![0; DIFFERENCES].into_boxed_slice().try_into().ok()?;
    for size in near + 1..=maxval {
        let level = if size < t1 {
            1
        } else if size < t2 {
            2
        } else if size < t3 {
            3
        } else {
            4
        };
        levels[size as usize] = level;
        levels[DIFFERENCES - size as usize] = -level;
    }
    Some(levels)
}

/// A.5.1: the smallest k with `n << k >= a`, at most 24. Both are above 0.
#[inline(always)]
fn golomb(n: i32, a: i32) -> u32 {
    let k = n.leading_zeros().saturating_sub(a.leading_zeros());
    (k + u32::from(i64::from(n) << k < i64::from(a))).min(24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_parameter_is_the_smallest_that_reaches_the_errors() {
        for n in 1..70 {
            for a in (1..5000).chain([1 << 20, i32::MAX]) {
                let by_search = (0..24).find(|k| i64::from(n) << k >= i64::from(a)).unwrap_or(24);
                assert_eq!(golomb(n, a), by_search, "n {n}, a {a}");
            }
        }
    }
}
