//! The bits of a JPEG-LS scan (ISO 14495-1 A.1 and A.5.3): 64 at a time, without the bits that were stuffed.
//!
//! After a byte of 0xFF the next byte has seven bits. Behind the scan, which a marker ends, come zeros; whoever uses
//! one of them reads a frame that is cut off ([`Bits::ran_out`]).

/// A reader of bits, from the highest of each byte on. Passed by value where that is rare, so that the loop over
/// samples can keep it in registers.
#[derive(Clone, Copy)]
pub(super) struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
    /// The next bits, from the top; below the first `count` of them all are zero.
    buffer: u64,
    count: u32,
    /// How many bits were made up behind the end.
    invented: u32,
    /// True when the byte before `at` is 0xFF.
    stuffed: bool,
}

impl<'b> Bits<'b> {
    /// Bits that are available at least after a look.
    pub(super) const IN_SIGHT: u32 = 48;

    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0, buffer: 0, count: 0, invented: 0, stuffed: false }
    }

    /// How many bytes have been looked at; never beyond the marker that ends the scan.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// True when bits were used that the file does not have.
    pub(super) fn ran_out(&self) -> bool {
        self.count < self.invented
    }

    /// Makes at least 48 bits available.
    #[inline(always)]
    fn fill(&mut self) {
        if self.count >= 48 {
            return;
        }
        let ahead = self.bytes.get(self.at..self.at + 8).and_then(|eight| eight.try_into().ok());
        if let Some(eight) = ahead {
            let word = u64::from_be_bytes(eight);
            // A byte of 0xFF is a zero byte of the complement; this finds all of them, and at worst one more.
            let turned = !word;
            let has_ff = turned.wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080;
            if has_ff == 0 && !self.stuffed {
                let whole = (64 - self.count) / 8;
                // `whole` is between 2 and 8; bits that do not fit are read again next time.
                let kept = word >> (64 - 8 * whole) << (64 - 8 * whole);
                self.buffer |= kept >> self.count;
                self.count += 8 * whole;
                self.at += whole as usize;
                return;
            }
        }
        *self = self.filled_by_bytes();
    }

    #[inline(never)]
    fn filled_by_bytes(mut self) -> Self {
        while self.count <= 56 {
            let next = self.bytes.get(self.at).copied();
            let (value, size) = match next {
                Some(byte) if self.stuffed && byte < 0x80 => (u64::from(byte), 7),
                // 0xFF before a marker belongs to the marker.
                Some(0xFF)
                    if !self.stuffed && self.bytes.get(self.at + 1).is_some_and(|next| *next < 0x80) =>
                {
                    (0xFF, 8)
                }
                Some(byte) if !self.stuffed && byte != 0xFF => (u64::from(byte), 8),
                _ => {
                    self.invented += 8;
                    self.count += 8;
                    continue;
                }
            };
            self.stuffed = next == Some(0xFF);
            self.buffer |= value << (64 - size - self.count);
            self.count += size;
            self.at += 1;
        }
        self
    }

    #[inline(always)]
    fn drop(&mut self, n: u32) {
        self.buffer <<= n;
        self.count -= n;
    }

    /// How many ones come next, of those in the buffer; [`Self::IN_SIGHT`] bits are looked at, or more.
    #[inline(always)]
    pub(super) fn ones(&mut self) -> u32 {
        self.fill();
        self.buffer.leading_ones()
    }

    /// The `n` bits behind the next `before` ones, which were looked at: all of them in [`Self::IN_SIGHT`], `before` not 0.
    #[inline(always)]
    pub(super) fn take_behind(&mut self, before: u32, n: u32) -> u32 {
        // Two steps, because n may be 0.
        let value = ((self.buffer << before) >> 1 >> (63 - n)) as u32;
        self.drop(before + n);
        value
    }

    /// Whether the next bit is a one.
    #[inline(always)]
    fn more_ones(&mut self) -> bool {
        self.fill();
        self.buffer >> 63 == 1
    }

    /// Leaves out bits that were looked at.
    #[inline(always)]
    pub(super) fn skip(&mut self, n: u32) {
        // In two steps, because all 64 may have been ones.
        self.buffer = self.buffer << (n / 2) << (n - n / 2);
        self.count -= n;
    }

    /// At most 32 bits.
    #[inline(always)]
    pub(super) fn take(&mut self, n: u32) -> u32 {
        self.fill();
        // Two steps, because n may be 0.
        let value = (self.buffer >> 1 >> (63 - n)) as u32;
        self.drop(n);
        value
    }

    /// Limited-length Golomb code (A.5.3): `k` below 24, `longest` = limit - qbpp - 1. `None` for a code that none writes.
    #[inline(always)]
    pub(super) fn golomb(&mut self, k: u32, longest: u32, qbpp: u32) -> Option<u32> {
        self.fill();
        let zeros = self.buffer.leading_zeros();
        if zeros < longest && zeros + 1 + k <= 48 {
            let rest = self.buffer << (zeros + 1);
            let low = (rest >> 1 >> (63 - k)) as u32;
            self.drop(zeros + 1 + k);
            return Some(zeros << k | low);
        }
        let (after, value) = self.long_golomb(k, longest, qbpp)?;
        *self = after;
        Some(value)
    }

    #[cold]
    #[inline(never)]
    fn long_golomb(mut self, k: u32, longest: u32, qbpp: u32) -> Option<(Self, u32)> {
        let mut zeros = 0;
        while !self.more_ones() {
            self.skip(1);
            zeros += 1;
            if zeros > longest {
                return None;
            }
        }
        self.skip(1);
        let value = if zeros < longest { zeros << k | self.take(k) } else { self.take(qbpp) + 1 };
        Some((self, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_byte_of_ones_the_next_has_seven_bits() {
        let mut bits = Bits::new(&[0xFF, 0x7F, 0x80, 0xFF, 0xD9]);
        assert_eq!(bits.take(15), 0x7FFF);
        assert!(bits.more_ones());
        bits.skip(1);
        assert_eq!(bits.take(7), 0);
        assert!(!bits.ran_out());
        assert_eq!(bits.take(1), 0);
        assert!(bits.ran_out());
        assert_eq!(bits.position(), 3);
    }

    #[test]
    fn bits_read_eight_bytes_at_a_time_are_those_read_one_by_one() {
        let bytes: Vec<u8> =
            (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).map(|b| b & 0x7F).collect();
        let mut with_ones = bytes.clone();
        with_ones.iter_mut().step_by(37).for_each(|byte| *byte = 0xFF);
        for bytes in [bytes, with_ones] {
            let mut wanted: Vec<bool> = Vec::new();
            for (i, byte) in bytes.iter().enumerate() {
                let size = if i > 0 && bytes[i - 1] == 0xFF { 7 } else { 8 };
                wanted.extend((0..size).rev().map(|bit| byte >> bit & 1 == 1));
            }
            let mut bits = Bits::new(&bytes);
            let mut at = 0;
            for n in (0..=31).cycle() {
                if at + n as usize > wanted.len() {
                    break;
                }
                let value = wanted[at..at + n as usize].iter().fold(0, |v, bit| v << 1 | u32::from(*bit));
                assert_eq!(bits.take(n), value, "at bit {at}");
                at += n as usize;
            }
        }
    }

    #[test]
    fn a_code_of_more_zeros_than_the_limit_is_no_code() {
        assert_eq!(Bits::new(&[0; 16]).golomb(2, 23, 12), None);
        assert_eq!(Bits::new(&[0b0010_1100, 0]).golomb(2, 23, 12), Some(2 << 2 | 0b01));
        assert_eq!(Bits::new(&[0, 0, 1, 0xAB, 0xC0, 0]).golomb(2, 23, 12), Some(0xABC + 1));
    }
}
