//! JPEG-LS, lossless and near-lossless (ISO 14495-1, ITU-T T.87): the inverse of its annex A.
//!
//! Here because the decoders that exist are C++. All three interleave modes; mapping tables and restart intervals are
//! refused. This file reads the segments; `scan.rs` has the order of the samples, `model.rs` what each one is, `bits.rs`
//! its code.

mod bits;
mod model;
mod scan;

use crate::guard::damaged;
use bits::Bits;
use medsight_record::Refusal;
use model::{Model, kind};
use scan::Target;

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
                let target = Target { out: &mut out, columns, rows, stride: components, first, count };
                let mut scan = Bits::new(&bytes[at..]);
                let parameters = (preset, precision, near, interleave);
                match model::kind_of(preset, precision, near) {
                    kind::EXACT => read_scan::<{ kind::EXACT }>(parameters, &mut scan, target)?,
                    kind::LOSSLESS => read_scan::<{ kind::LOSSLESS }>(parameters, &mut scan, target)?,
                    _ => read_scan::<{ kind::NEAR }>(parameters, &mut scan, target)?,
                }
                at += scan.position();
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

fn read_scan<const KIND: u8>(
    (preset, precision, near, interleave): (Preset, u32, i32, u8),
    bits: &mut Bits<'_>,
    target: Target<'_>,
) -> Result<(), Refusal> {
    let mut model = Model::<KIND>::new(preset, precision, near)
        .ok_or_else(|| damaged("the JPEG-LS parameters are wrong"))?;
    let read = match interleave {
        0 | 1 => scan::lines(&mut model, bits, target),
        2 => scan::pixels(&mut model, bits, target),
        _ => None,
    };
    read.ok_or_else(|| damaged("a JPEG-LS scan cannot be decoded"))
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
