//! JPEG with 12-bit samples: extended sequential and progressive DCT, Huffman coded (ISO 10918-1).
//!
//! Here because the maintained JPEG crates stop at 8 bits. Coefficients of the whole frame are kept, so that
//! sequential and progressive scans are one path; 8-bit frames and lossless frames go elsewhere.
//! Markers, codes, scans and transform are one thing: a decoder that nothing else uses.

use crate::guard::damaged;
use medsight_record::Refusal;

const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

struct Component {
    id: u8,
    h: usize,
    v: usize,
    table: usize,
    /// Blocks across and down, padded to whole MCUs.
    across: usize,
    down: usize,
    /// Blocks that hold samples: what a scan of this component alone visits.
    own_across: usize,
    own_down: usize,
    coefficients: Vec<[i32; 64]>,
    dc: i32,
}

/// Code lengths and symbols by the next 16 bits.
struct Huffman(Vec<(u8, u8)>);

struct Scan {
    /// Component, DC table, AC table.
    parts: Vec<(usize, usize, usize)>,
    from: usize,
    to: usize,
    high: u32,
    low: u32,
}

struct Decoder {
    quantization: [[i32; 64]; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    restart: usize,
    rows: usize,
    columns: usize,
    progressive: bool,
    components: Vec<Component>,
}

/// All samples of a frame, interleaved by pixel.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<u16>, Refusal> {
    let cut = || damaged("the JPEG frame is cut off");
    let mut decoder = Decoder {
        quantization: [[1; 64]; 4],
        dc: [const { None }; 4],
        ac: [const { None }; 4],
        restart: 0,
        rows: 0,
        columns: 0,
        progressive: false,
        components: Vec::new(),
    };
    let (mut at, mut scanned) = (0, 0);
    loop {
        // The next marker; what lies between segments is skipped as the standard allows fill bytes.
        while bytes.get(at) != Some(&0xFF) || matches!(bytes.get(at + 1), Some(0x00 | 0xFF)) {
            at += 1;
            if at >= bytes.len() {
                // Only the end mark is missing, or scans are too: of a progressive frame nobody can tell.
                let whole = !decoder.progressive && scanned >= decoder.components.len();
                return if whole { decoder.finish() } else { Err(cut()) };
            }
        }
        let marker = *bytes.get(at + 1).ok_or_else(cut)?;
        at += 2;
        if marker == 0xD9 {
            return decoder.finish();
        }
        if matches!(marker, 0x01 | 0xD0..=0xD8) {
            continue;
        }
        let length =
            bytes.get(at..at + 2).map(|l| usize::from(u16::from_be_bytes([l[0], l[1]]))).ok_or_else(cut)?;
        let segment = bytes.get(at + 2..at + length.max(2)).ok_or_else(cut)?;
        at += length.max(2);
        match marker {
            0xDB => decoder.quantization_tables(segment).ok_or_else(cut)?,
            0xC4 => decoder.huffman_tables(segment).ok_or_else(cut)?,
            0xDD => {
                decoder.restart =
                    segment.get(..2).map(|r| usize::from(u16::from_be_bytes([r[0], r[1]]))).ok_or_else(cut)?
            }
            0xC1 | 0xC2 => decoder.frame(segment, marker == 0xC2)?,
            0xDA => {
                let scan =
                    decoder.scan_header(segment).ok_or_else(|| damaged("a JPEG scan header is wrong"))?;
                let mut bits = Bits { bytes, at, buffer: 0, count: 0, invented: 0 };
                decoder.scan(&scan, &mut bits)?;
                scanned += scan.parts.len();
                at = bits.at;
            }
            _ => {}
        }
    }
}

impl Decoder {
    fn quantization_tables(&mut self, mut s: &[u8]) -> Option<()> {
        while let [head, rest @ ..] = s {
            let wide = head >> 4 != 0;
            let size = if wide { 128 } else { 64 };
            let values = rest.get(..size)?;
            let table = self.quantization.get_mut(usize::from(head & 15))?;
            for (i, place) in ZIGZAG.iter().enumerate() {
                let value = if wide {
                    u16::from_be_bytes([values[2 * i], values[2 * i + 1]])
                } else {
                    u16::from(values[i])
                };
                table[*place] = i32::from(value);
            }
            s = &rest[size..];
        }
        Some(())
    }

    fn huffman_tables(&mut self, mut s: &[u8]) -> Option<()> {
        while let [head, rest @ ..] = s {
            let counts = rest.get(..16)?;
            let total: usize = counts.iter().map(|c| usize::from(*c)).sum();
            let symbols = rest.get(16..16 + total)?;
            let mut table = vec![(0_u8, 0_u8); 1 << 16];
            let (mut code, mut next) = (0_usize, symbols.iter());
            for (length, count) in (1_u8..).zip(counts) {
                for symbol in next.by_ref().take(usize::from(*count)) {
                    let spread = 1_usize << (16 - length);
                    table.get_mut(code..code + spread)?.fill((length, *symbol));
                    code += spread;
                }
            }
            let slot = usize::from(head & 15);
            let tables = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(slot)? = Some(Huffman(table));
            s = &rest[16 + total..];
        }
        Some(())
    }

    fn frame(&mut self, s: &[u8], progressive: bool) -> Result<(), Refusal> {
        let wrong = || damaged("the JPEG frame header is wrong");
        let &[_, r0, r1, c0, c1, count] = s.first_chunk().ok_or_else(wrong)?;
        self.progressive = progressive;
        self.rows = usize::from(u16::from_be_bytes([r0, r1]));
        self.columns = usize::from(u16::from_be_bytes([c0, c1]));
        let parts = s.get(6..6 + 3 * usize::from(count)).ok_or_else(wrong)?;
        let factor = |b: u8| (1..=4).contains(&b).then_some(usize::from(b)).ok_or_else(wrong);
        let mut sizes = Vec::new();
        for part in parts.chunks_exact(3) {
            sizes.push((part[0], factor(part[1] >> 4)?, factor(part[1] & 15)?, usize::from(part[2] & 3)));
        }
        let most_h = sizes.iter().map(|s| s.1).max().ok_or_else(wrong)?;
        let most_v = sizes.iter().map(|s| s.2).max().ok_or_else(wrong)?;
        if !self.components.is_empty() || self.rows == 0 || self.columns == 0 {
            return Err(wrong());
        }
        let mcus_across = self.columns.div_ceil(8 * most_h);
        let mcus_down = self.rows.div_ceil(8 * most_v);
        self.components = sizes
            .into_iter()
            .map(|(id, h, v, table)| Component {
                id,
                h,
                v,
                table,
                across: mcus_across * h,
                down: mcus_down * v,
                own_across: (self.columns * h).div_ceil(8 * most_h),
                own_down: (self.rows * v).div_ceil(8 * most_v),
                coefficients: vec![[0; 64]; mcus_across * h * mcus_down * v],
                dc: 0,
            })
            .collect();
        Ok(())
    }

    fn scan_header(&self, s: &[u8]) -> Option<Scan> {
        let count = usize::from(*s.first()?);
        let parts = s.get(1..1 + 2 * count)?.chunks_exact(2).map(|p| {
            let component = self.components.iter().position(|c| c.id == p[0])?;
            Some((component, usize::from(p[1] >> 4 & 3), usize::from(p[1] & 3)))
        });
        let parts: Vec<_> = parts.collect::<Option<_>>()?;
        let &[from, to, approximation] = s.get(1 + 2 * count..4 + 2 * count)?.first_chunk()?;
        let (from, to) = if self.progressive { (usize::from(from), usize::from(to)) } else { (0, 63) };
        let (high, low) = if self.progressive {
            (u32::from(approximation >> 4), u32::from(approximation & 15))
        } else {
            (0, 0)
        };
        (from <= to && to < 64 && !parts.is_empty() && low < 14).then_some(Scan {
            parts,
            from,
            to,
            high,
            low,
        })
    }

    fn scan(&mut self, scan: &Scan, bits: &mut Bits<'_>) -> Result<(), Refusal> {
        let alone = scan.parts.len() == 1;
        let first = &self.components[scan.parts[0].0];
        let units = if alone {
            first.own_across * first.own_down
        } else {
            first.across / first.h * (first.down / first.v)
        };
        let mut end_of_band = 0_u32;
        for unit in 0..units {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                bits.restart();
                end_of_band = 0;
                self.components.iter_mut().for_each(|c| c.dc = 0);
            }
            for &(index, dc, ac) in &scan.parts {
                let tables = (self.dc[dc].as_ref(), self.ac[ac].as_ref());
                let component = &mut self.components[index];
                let (h, v) = if alone { (1, 1) } else { (component.h, component.v) };
                let width = if alone { component.own_across } else { component.across / component.h };
                let (left, top) = (unit % width * h, unit / width * v);
                for block in 0..h * v {
                    let place = (top + block / h) * component.across + left + block % h;
                    let block = &mut component.coefficients[place];
                    decode_block(
                        block,
                        &mut component.dc,
                        scan,
                        self.progressive,
                        tables,
                        &mut end_of_band,
                        bits,
                    )
                    .filter(|()| !bits.ran_out())
                    .ok_or_else(|| damaged("a JPEG scan cannot be decoded, or is cut off"))?;
                }
            }
        }
        self.components.iter_mut().for_each(|c| c.dc = 0);
        bits.align();
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u16>, Refusal> {
        if self.components.is_empty() {
            return Err(damaged("the JPEG frame has no pixels"));
        }
        let most_h = self.components.iter().map(|c| c.h).max().unwrap_or(1);
        let most_v = self.components.iter().map(|c| c.v).max().unwrap_or(1);
        let count = self.components.len();
        let mut out = vec![0_u16; self.rows * self.columns * count];
        for (index, component) in self.components.iter_mut().enumerate() {
            let width = component.across * 8;
            let mut plane = vec![0_u16; width * component.down * 8];
            let table = &self.quantization[component.table];
            for (number, block) in component.coefficients.iter().enumerate() {
                let (top, left) = (number / component.across * 8, number % component.across * 8);
                let samples = inverse_dct(block, table);
                for (y, row) in samples.chunks_exact(8).enumerate() {
                    let from = (top + y) * width + left;
                    plane[from..from + 8].copy_from_slice(row);
                }
            }
            for y in 0..self.rows {
                let source = &plane[y * component.v / most_v * width..];
                for x in 0..self.columns {
                    out[(y * self.columns + x) * count + index] = source[x * component.h / most_h];
                }
            }
        }
        Ok(out)
    }
}

/// One block of one scan (F.2.2 and G.2). `None` when a code or table is missing.
fn decode_block(
    block: &mut [i32; 64],
    last_dc: &mut i32,
    scan: &Scan,
    progressive: bool,
    (dc, ac): (Option<&Huffman>, Option<&Huffman>),
    end_of_band: &mut u32,
    bits: &mut Bits<'_>,
) -> Option<()> {
    let mut k = scan.from;
    if k == 0 {
        if scan.high > 0 {
            block[0] |= (bits.take(1) as i32) << scan.low;
        } else {
            let size = u32::from(bits.symbol(dc?)?);
            *last_dc = last_dc.wrapping_add(bits.signed(size)?);
            block[0] = last_dc.wrapping_shl(scan.low);
        }
        k = 1;
        if progressive {
            return Some(());
        }
    }
    if scan.high > 0 {
        return refine(block, k, scan, ac?, end_of_band, bits);
    }
    if *end_of_band > 0 {
        *end_of_band -= 1;
        return Some(());
    }
    while k <= scan.to {
        let symbol = bits.symbol(ac?)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 {
            if run < 15 {
                *end_of_band = (1 << run) - 1 + bits.take(run as u32);
                return Some(());
            }
            k += 16;
            continue;
        }
        k += run;
        *block.get_mut(*ZIGZAG.get(k)?)? = bits.signed(size)? << scan.low;
        k += 1;
    }
    Some(())
}

/// A refinement scan of AC coefficients (G.1.2.3).
fn refine(
    block: &mut [i32; 64],
    mut k: usize,
    scan: &Scan,
    ac: &Huffman,
    end_of_band: &mut u32,
    bits: &mut Bits<'_>,
) -> Option<()> {
    let step = 1_i32 << scan.low;
    let correct = |value: &mut i32, bits: &mut Bits<'_>| {
        if bits.take(1) == 1 && *value & step == 0 {
            *value += if *value >= 0 { step } else { -step };
        }
    };
    if *end_of_band == 0 {
        while k <= scan.to {
            let symbol = bits.symbol(ac)?;
            let (mut run, size) = (usize::from(symbol >> 4), symbol & 15);
            let mut fresh = 0;
            if size == 0 {
                if run < 15 {
                    *end_of_band = (1 << run) + bits.take(run as u32);
                    break;
                }
            } else {
                fresh = if bits.take(1) == 1 { step } else { -step };
            }
            while k <= scan.to {
                let value = &mut block[ZIGZAG[k]];
                if *value != 0 {
                    correct(value, bits);
                } else if run == 0 {
                    *value = fresh;
                    k += 1;
                    break;
                } else {
                    run -= 1;
                }
                k += 1;
            }
        }
    }
    if *end_of_band > 0 {
        for place in &ZIGZAG[k.min(64)..=scan.to.max(k.min(63))] {
            if block[*place] != 0 {
                correct(&mut block[*place], bits);
            }
        }
        *end_of_band -= 1;
    }
    Some(())
}

/// Entropy-coded bits; behind a marker come zeros (F.2.2.5).
struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
    buffer: u64,
    count: u32,
    /// How many of the bits at the end of the buffer are such zeros.
    invented: u32,
}

impl Bits<'_> {
    /// True when bits were used that the file does not have: the frame is cut off.
    fn ran_out(&self) -> bool {
        self.count < self.invented
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match (self.bytes.get(self.at), self.bytes.get(self.at + 1)) {
                (Some(0xFF), Some(0x00)) => {
                    self.at += 2;
                    0xFF
                }
                (Some(0xFF), _) | (None, _) => {
                    self.invented += 8;
                    0
                }
                (Some(byte), _) => {
                    self.at += 1;
                    *byte
                }
            };
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    fn take(&mut self, n: u32) -> u32 {
        if self.count < n {
            self.fill();
        }
        self.count -= n;
        (self.buffer >> self.count) as u32 & ((1_u64 << n) - 1) as u32
    }

    fn symbol(&mut self, table: &Huffman) -> Option<u8> {
        if self.count < 16 {
            self.fill();
        }
        let (length, symbol) = table.0[(self.buffer >> (self.count - 16)) as usize & 0xFFFF];
        (length > 0).then(|| {
            self.count -= u32::from(length);
            symbol
        })
    }

    /// EXTEND of F.2.2.1.
    fn signed(&mut self, size: u32) -> Option<i32> {
        if size == 0 {
            return Some(0);
        }
        let value = (size <= 16).then(|| self.take(size) as i32)?;
        Some(if value < 1 << (size - 1) { value - (1 << size) + 1 } else { value })
    }

    fn align(&mut self) {
        (self.buffer, self.count, self.invented) = (0, 0, 0);
    }

    /// Goes behind the next restart marker, if it is there.
    fn restart(&mut self) {
        self.align();
        let marker = (self.at..self.bytes.len().saturating_sub(1))
            .find(|i| self.bytes[*i] == 0xFF && !matches!(self.bytes[i + 1], 0x00 | 0xFF));
        if let Some(at) = marker.filter(|at| matches!(self.bytes[at + 1], 0xD0..=0xD7)) {
            self.at = at + 2;
        }
    }
}

/// A.3.3, separable, in floating point: exact enough that the rounded result is the standard's.
fn inverse_dct(block: &[i32; 64], table: &[i32; 64]) -> [u16; 64] {
    let basis = basis();
    let mut rows = [0.0_f32; 64];
    for y in 0..8 {
        let coefficients: [f32; 8] =
            std::array::from_fn(|u| (block[y * 8 + u].wrapping_mul(table[y * 8 + u])) as f32);
        for x in 0..8 {
            rows[y * 8 + x] = (0..8).map(|u| coefficients[u] * basis[u][x]).sum();
        }
    }
    std::array::from_fn(|i| {
        let (y, x) = (i / 8, i % 8);
        let value: f32 = (0..8).map(|v| rows[v * 8 + x] * basis[v][y]).sum();
        (value + 2048.0).round().clamp(0.0, 4095.0) as u16
    })
}

/// `c(u) / 2 · cos((2x + 1) u π / 16)`.
fn basis() -> &'static [[f32; 8]; 8] {
    static BASIS: std::sync::OnceLock<[[f32; 8]; 8]> = std::sync::OnceLock::new();
    BASIS.get_or_init(|| {
        std::array::from_fn(|u| {
            std::array::from_fn(|x| {
                let scale = if u == 0 { std::f32::consts::FRAC_1_SQRT_2 } else { 1.0 };
                let angle = (2 * x + 1) as f32 * u as f32 * std::f32::consts::PI / 16.0;
                scale / 2.0 * angle.cos()
            })
        })
    })
}
