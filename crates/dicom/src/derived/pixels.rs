//! Samples of derived objects: uncompressed frames are cut out here, compressed ones come from the caller's decoder.
//!
//! Decoders are in `medsight-codec`, which this crate does not know.

use crate::encoded::Encoded;
use crate::object::{Object, PixelData};
use medsight_image::Samples;
use medsight_record::Refusal;

/// Decodes one frame, counted from 0, into its stored values (`medsight-codec`'s `FrameDecoder`).
pub type DecodeFrame<'d> = dyn Fn(usize) -> Result<Samples, Refusal> + 'd;

/// Uncompressed pixel data, found complete.
pub(crate) struct NativeFrames<'o> {
    bytes: &'o [u8],
    samples_per_frame: usize,
    bits: u32,
    signed: bool,
    float: bool,
    big_endian: bool,
    /// Bytes lie swapped by pairs: 1 and 8 bit values in big-endian words.
    swapped: bool,
}

impl<'o> NativeFrames<'o> {
    /// # Errors
    /// `unsupported` when the pixels are compressed, `truncated` when some are missing.
    pub(crate) fn new(object: &'o Object<'_>, encoded: &Encoded) -> Result<Self, Refusal> {
        object.check_pixel_data_whole()?;
        let Some(PixelData::Native { tag, bytes, big_endian, vr }) = object.pixel_data() else {
            let reason = "The object's pixels are compressed, and no decoder was given to read them.";
            return Err(Refusal::new("unsupported", reason));
        };
        if (bytes.len() as u64) < encoded.native_bytes() {
            let reason = format!(
                "{} has {} bytes; {} frames of {} × {} need {}. Copy or send the file again.",
                crate::named(tag),
                bytes.len(),
                encoded.frames,
                encoded.columns,
                encoded.rows,
                encoded.native_bytes()
            );
            return Err(Refusal::new("truncated", reason));
        }
        Ok(Self {
            bytes,
            samples_per_frame: encoded.samples_per_frame(),
            bits: encoded.bits_allocated,
            signed: encoded.signed,
            float: tag != crate::tags::PIXEL_DATA,
            big_endian,
            swapped: big_endian && &vr == b"OW" && encoded.bits_allocated <= 8,
        })
    }

    fn byte(&self, at: usize) -> u8 {
        let at = if self.swapped { at ^ 1 } else { at };
        self.bytes.get(at).copied().unwrap_or_default() // swapped pairs may be cut at the very end
    }

    fn numbers<const N: usize, T>(&self, frame: usize, read: impl Fn([u8; N]) -> T) -> Vec<T> {
        let length = self.samples_per_frame * N;
        let bytes = &self.bytes[frame * length..(frame + 1) * length];
        let value = |c: &[u8]| {
            let mut value = [0; N];
            value.copy_from_slice(c);
            if self.big_endian {
                value.reverse();
            }
            read(value)
        };
        bytes.chunks_exact(N).map(value).collect()
    }

    /// The stored values of a frame below Number of Frames.
    pub(crate) fn samples(&self, frame: usize) -> Result<Samples, Refusal> {
        let n = self.samples_per_frame;
        Ok(match (self.bits, self.float, self.signed) {
            (1, ..) => {
                let first = frame * n;
                Samples::U8((first..first + n).map(|bit| self.byte(bit / 8) >> (bit % 8) & 1).collect())
            }
            (8, false, false) => Samples::U8((frame * n..(frame + 1) * n).map(|at| self.byte(at)).collect()),
            (16, false, false) => Samples::U16(self.numbers(frame, u16::from_le_bytes)),
            (16, false, true) => Samples::I16(self.numbers(frame, i16::from_le_bytes)),
            (32, false, false) => Samples::U32(self.numbers(frame, u32::from_le_bytes)),
            (32, false, true) => Samples::I32(self.numbers(frame, i32::from_le_bytes)),
            (32, true, _) => Samples::F32(self.numbers(frame, f32::from_le_bytes)),
            (64, true, _) => Samples::F64(self.numbers(frame, f64::from_le_bytes)),
            (bits, ..) => {
                let reason =
                    format!("Bits Allocated (0028,0100) is {bits}, which this kind of object has not.");
                return Err(Refusal::new("unsupported", reason));
            }
        })
    }
}
