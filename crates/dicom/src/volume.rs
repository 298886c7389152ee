//! Frames into one volume of modality values, in place and from several threads.
//!
//! The voxels are one allocation, lent out slice by slice as [`FrameSlot`]s. Values are 16-bit integers when all
//! of them are whole and fit, else 32-bit floats: PET has a slope of its own in each slice, and 16-bit CT may
//! leave the range once its intercept is added. What the headers cannot tell beforehand is found out while
//! filling, and the buffer is converted at the end, a piece at a time.

use crate::encoded::Encoded;
use crate::image_info::ImageInfo;
use crate::layout::VolumeLayout;
use crate::lut::ModalityLut;
use crate::stack::{FrameRef, Stack};
use medsight_image::{Frame, Samples, Volume, Voxels, with_samples};
use medsight_record::Refusal;

/// Voxels converted at a time at the end; keeps the second buffer small.
const PIECE: usize = 1 << 20;

enum Buffer {
    /// Modality values, or values modulo 65536 of which the true one can be told by the slot's intercept.
    I16(Vec<i16>),
    F32(Vec<f32>),
}

/// What became of one slot.
#[derive(Clone, Copy)]
struct Filled {
    min: f64,
    max: f64,
    /// Every value is whole.
    whole: bool,
}

/// One frame's transform and sample format.
#[derive(Clone)]
struct Rule {
    at: FrameRef,
    lut: ModalityLut,
    encoded: Encoded,
}

/// Builds one volume.
pub struct VolumeBuilder {
    layout: VolumeLayout,
    unit: String,
    buffer: Buffer,
    rules: Vec<Rule>,
    filled: Vec<Option<Filled>>,
}

/// The place of one frame in the volume; send it to any thread and fill it.
pub struct FrameSlot<'v> {
    rule: &'v Rule,
    target: Target<'v>,
    filled: &'v mut Option<Filled>,
}

enum Target<'v> {
    I16(&'v mut [i16]),
    F32(&'v mut [f32]),
}

impl VolumeBuilder {
    /// Allocates the voxels of a volume stack.
    ///
    /// # Errors
    /// `too_large` when the volume does not fit the address space.
    pub fn new(stack: &Stack, layout: &VolumeLayout, images: &[ImageInfo]) -> Result<Self, Refusal> {
        let rules: Vec<Rule> = stack
            .frames
            .iter()
            .map(|at| {
                let image = &images[at.image];
                Rule {
                    at: *at,
                    lut: image.frames[at.frame].modality_lut.clone(),
                    encoded: image.encoded.clone(),
                }
            })
            .collect();
        let too_large = || Refusal::new("too_large", "The volume is larger than this computer can address.");
        let count = layout.dims.iter().try_fold(1_usize, |n, d| n.checked_mul(*d)).ok_or_else(too_large)?;
        count.checked_mul(8).filter(|bytes| isize::try_from(*bytes).is_ok()).ok_or_else(too_large)?;
        let floats = rules.iter().any(|rule| rule.needs_floats());
        let buffer = if floats { Buffer::F32(vec![0.0; count]) } else { Buffer::I16(vec![0; count]) };
        let first = rules.first().map(|rule| &images[rule.at.image].frames[rule.at.frame]);
        Ok(Self {
            layout: layout.clone(),
            unit: first.map(|f| f.unit.clone()).unwrap_or_default(),
            buffer,
            filled: vec![None; rules.len()],
            rules,
        })
    }

    /// The slots, in the order of the stack's frames.
    pub fn slots(&mut self) -> Vec<FrameSlot<'_>> {
        let size = self.layout.dims[0] * self.layout.dims[1];
        let targets: Vec<Target<'_>> = match &mut self.buffer {
            Buffer::I16(v) => v.chunks_exact_mut(size).map(Target::I16).collect(),
            Buffer::F32(v) => v.chunks_exact_mut(size).map(Target::F32).collect(),
        };
        let places = self.rules.iter().zip(targets).zip(&mut self.filled);
        places.map(|((rule, target), filled)| FrameSlot { rule, target, filled }).collect()
    }

    /// The finished volume.
    ///
    /// # Errors
    /// `incomplete` when a slot was not filled.
    pub fn finish(self) -> Result<Volume, Refusal> {
        let filled: Option<Vec<Filled>> = self.filled.iter().copied().collect();
        let filled =
            filled.ok_or_else(|| Refusal::new("incomplete", "Not every slice of the volume was read."))?;
        let min = filled.iter().map(|f| f.min).fold(f64::INFINITY, f64::min);
        let max = filled.iter().map(|f| f.max).fold(f64::NEG_INFINITY, f64::max);
        let fits = min >= f64::from(i16::MIN) && max <= f64::from(i16::MAX);
        let whole = filled.iter().all(|f| f.whole);
        let size = self.layout.dims[0] * self.layout.dims[1];
        let voxels = match self.buffer {
            Buffer::I16(v) if fits => Voxels::I16(v),
            Buffer::I16(v) => Voxels::F32(unwrapped(v, &self.rules, size)),
            Buffer::F32(v) if fits && whole => Voxels::I16(narrowed(v, size)),
            Buffer::F32(v) => Voxels::F32(v),
        };
        let layout = self.layout;
        Ok(Volume {
            dims: layout.dims,
            spacing_mm: layout.spacing_mm,
            origin_mm: layout.origin_mm,
            axes: layout.axes,
            patient_from_voxel: layout.patient_from_voxel,
            slice_offsets_mm: layout.slice_offsets_mm,
            voxels: voxels.into(),
            time: 0,
            min_max: [min as f32, max as f32],
            unit: self.unit,
            warnings: layout.warnings,
        })
    }
}

/// Whole values into 16 bits, from the end, giving memory back on the way.
fn narrowed(mut wide: Vec<f32>, size: usize) -> Vec<i16> {
    // Pages of zeroes are not taken before they are written to.
    let mut out = vec![0_i16; wide.len()];
    while !wide.is_empty() {
        let keep = wide.len().saturating_sub(PIECE.max(size)) / size * size;
        for (to, from) in out[keep..].iter_mut().zip(&wide[keep..]) {
            *to = *from as i16;
        }
        wide.truncate(keep);
        wide.shrink_to_fit();
    }
    out
}

/// Values modulo 65536 into true values, from the end, giving memory back on the way.
fn unwrapped(mut wrapped: Vec<i16>, rules: &[Rule], size: usize) -> Vec<f32> {
    let mut out = vec![0.0_f32; wrapped.len()];
    while !wrapped.is_empty() {
        let from = wrapped.len().saturating_sub(PIECE.max(size)) / size * size;
        for (slice, (target, source)) in
            (from / size..).zip(out[from..].chunks_exact_mut(size).zip(wrapped[from..].chunks_exact(size)))
        {
            let rule = &rules[slice];
            let intercept = rule.whole_rescale().map_or(0, |(_, intercept)| intercept);
            for (t, s) in target.iter_mut().zip(source) {
                let stored = s.cast_unsigned().wrapping_sub(intercept as u16);
                let stored =
                    if rule.encoded.signed { i32::from(stored.cast_signed()) } else { i32::from(stored) };
                *t = (stored + intercept) as f32;
            }
        }
        wrapped.truncate(from);
        wrapped.shrink_to_fit();
    }
    out
}

impl Rule {
    /// Slope and intercept when both are whole and small enough for 32-bit arithmetic.
    fn whole_rescale(&self) -> Option<(i32, i32)> {
        let whole = |x: f64| (x.fract() == 0.0 && x.abs() <= 30_000.0).then_some(x as i32);
        match self.lut {
            ModalityLut::Rescale { slope, intercept } => whole(slope).zip(whole(intercept)),
            ModalityLut::Table(_) => None,
        }
    }

    /// Smallest and largest value that the stored bits allow.
    fn stored_range(&self) -> (i64, i64) {
        let bits = self.encoded.bits_stored;
        if self.encoded.signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) }
    }

    /// True when 16-bit integers cannot hold the frame, not even modulo 65536.
    fn needs_floats(&self) -> bool {
        if self.encoded.bits_stored > 16 {
            return true;
        }
        match (&self.lut, self.whole_rescale()) {
            (ModalityLut::Table(table), _) => table.entries.iter().any(|e| *e > 32_767),
            (_, None) => true,
            (_, Some((1, _))) => false,
            (_, Some((slope, intercept))) => {
                let (low, high) = self.stored_range();
                let ends = [low, high].map(|s| s * i64::from(slope) + i64::from(intercept));
                ends.iter().any(|v| i16::try_from(*v).is_err())
            }
        }
    }
}

impl FrameSlot<'_> {
    /// The frame that belongs here.
    pub fn frame(&self) -> FrameRef {
        self.rule.at
    }

    /// Takes a decoded frame.
    ///
    /// # Errors
    /// `wrong_length` when it has not the size of a slice.
    pub fn fill(self, frame: &Frame) -> Result<(), Refusal> {
        let wanted = self.rule.encoded.rows * self.rule.encoded.columns;
        if frame.samples.len() != wanted {
            return Err(Refusal::new(
                "wrong_length",
                format!("A frame has {} samples, but Rows × Columns need {wanted}.", frame.samples.len()),
            ));
        }
        let rule = self.rule;
        let filled = match (self.target, rule.whole_rescale(), &frame.samples) {
            (Target::I16(out), Some(rescale), Samples::U16(v)) => rescaled(out, v, rescale),
            (Target::I16(out), Some(rescale), Samples::I16(v)) => rescaled(out, v, rescale),
            (Target::I16(out), Some(rescale), Samples::U8(v)) => rescaled(out, v, rescale),
            (Target::I16(out), Some(rescale), Samples::I8(v)) => rescaled(out, v, rescale),
            (Target::I16(out), _, samples) => general(out, samples, &rule.lut, |x| x as i16),
            (Target::F32(out), _, samples) => general(out, samples, &rule.lut, |x| x as f32),
        };
        *self.filled = Some(filled);
        Ok(())
    }

    /// Where to read native little-endian 16-bit samples into, when they can be rescaled in place;
    /// then [`Self::fill_in_place`].
    pub fn raw_bytes(&mut self) -> Option<&mut [u8]> {
        let encoded = &self.rule.encoded;
        let in_place = encoded.bits_allocated == 16 && cfg!(target_endian = "little");
        match &mut self.target {
            Target::I16(out) if in_place && self.rule.whole_rescale().is_some() => {
                Some(bytemuck::cast_slice_mut(out))
            }
            _ => None,
        }
    }

    /// Rescales the stored samples that were read into [`Self::raw_bytes`].
    pub fn fill_in_place(self) {
        let (Target::I16(out), Some(rescale)) = (self.target, self.rule.whole_rescale()) else { return };
        let encoded = &self.rule.encoded;
        let up = 15 - encoded.high_bit;
        let down = 16 - encoded.bits_stored;
        let filled = if encoded.signed {
            in_place(out, rescale, |raw| (raw << up) >> down, 0)
        } else {
            in_place(out, rescale, |raw| ((raw.cast_unsigned() << up) >> down).cast_signed(), i16::MIN)
        };
        *self.filled = Some(filled);
    }
}

fn range((low, high): (i32, i32), (slope, intercept): (i32, i32)) -> Filled {
    let ends = [low, high].map(|stored| f64::from(stored) * f64::from(slope) + f64::from(intercept));
    Filled { min: ends[0].min(ends[1]), max: ends[0].max(ends[1]), whole: true }
}

/// `stored` turns raw bits into the 16 bits of the stored value. Their order as signed numbers is that of the
/// values once `bias` is taken off: 0 for signed, −32768 for unsigned samples. All of it stays in 16 bits, so that
/// eight values are done at a time.
fn in_place(
    out: &mut [i16],
    (slope, intercept): (i32, i32),
    stored: impl Fn(i16) -> i16,
    bias: i16,
) -> Filled {
    let (mut low, mut high) = (i16::MAX, i16::MIN);
    let (slope_16, intercept_16) = (slope as i16, intercept as i16); // modulo 65536 on purpose
    for v in out.iter_mut() {
        let s = stored(*v);
        let ordered = s ^ bias;
        low = low.min(ordered);
        high = high.max(ordered);
        *v = s.wrapping_mul(slope_16).wrapping_add(intercept_16);
    }
    let value = |ordered: i16| i32::from(ordered) - i32::from(bias);
    range((value(low), value(high)), (slope, intercept))
}

fn rescaled<T: Copy + Into<i32>>(out: &mut [i16], values: &[T], (slope, intercept): (i32, i32)) -> Filled {
    let (mut low, mut high) = (i32::MAX, i32::MIN);
    for (v, stored) in out.iter_mut().zip(values) {
        let n: i32 = (*stored).into();
        low = low.min(n);
        high = high.max(n);
        *v = n.wrapping_mul(slope).wrapping_add(intercept) as i16; // modulo 65536 on purpose
    }
    range((low, high), (slope, intercept))
}

/// Any sample type, any transform.
#[allow(clippy::unnecessary_cast, reason = "one of the eight types is f64 already")]
fn general<T>(out: &mut [T], samples: &Samples, lut: &ModalityLut, convert: impl Fn(f64) -> T) -> Filled {
    let (mut min, mut max, mut whole) = (f64::INFINITY, f64::NEG_INFINITY, true);
    with_samples!(samples, values => {
        for (v, stored) in out.iter_mut().zip(values) {
            let x = lut.apply(*stored as f64);
            min = min.min(x);
            max = max.max(x);
            whole &= x.fract() == 0.0;
            *v = convert(x);
        }
    });
    Filled { min, max, whole }
}
