//! Segmentations (PS3.3 A.51, C.8.20; label maps A.100): what is where, as masks over frames. Reading.
//!
//! Writing is `seg_write.rs`. Not here: how a mask is drawn.

use super::code::Code;
use super::color::rgb_from_lab;
use super::grid::FrameGrid;
use super::pixels::{DecodeFrame, NativeFrames};
use super::reference::InstanceRef;
use crate::attribute::{missing, tags, unreadable};
use crate::dataset::Dataset;
use crate::image_info::{FrameInfo, ImageInfo};
use crate::object::{Object, PixelData};
use medsight_image::Samples;
use medsight_record::Refusal;
use std::collections::HashSet;
use std::sync::Arc;

/// Segmentation Storage: binary and fractional.
pub const SEGMENTATION: &str = "1.2.840.10008.5.1.4.1.1.66.4";
/// Label Map Segmentation Storage.
pub const LABEL_MAP_SEGMENTATION: &str = "1.2.840.10008.5.1.4.1.1.66.7";

/// What a stored value means (PS3.3 C.8.20.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentationKind {
    /// 1 is in the segment; one frame a segment and place.
    Binary,
    /// 0 to `max`; one frame a segment and place.
    Fractional {
        /// Maximum Fractional Value (0062,000E).
        max: u8,
        /// Segmentation Fractional Type (0062,0010): OCCUPANCY when true, else PROBABILITY.
        occupancy: bool,
    },
    /// The number of a segment; one frame a place.
    LabelMap,
}

/// Segment Algorithm Type (0062,0008).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Nobody had a hand in it.
    Automatic,
    /// A person and a program.
    Semiautomatic,
    /// A person.
    Manual,
}

/// One segment (PS3.3 C.8.20.4).
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Segment Number (0062,0004).
    pub number: u16,
    /// Segment Label (0062,0005).
    pub label: String,
    /// Segment Description (0062,0006), may be empty.
    pub description: String,
    /// Who drew it; `None` on the background of a label map.
    pub algorithm: Option<Algorithm>,
    /// Segment Algorithm Name (0062,0009); required unless manual.
    pub algorithm_name: String,
    /// Segmented Property Category (0062,0003).
    pub category: Option<Code>,
    /// Segmented Property Type (0062,000F).
    pub property: Option<Code>,
    /// Its modifiers, such as a side.
    pub modifiers: Vec<Code>,
    /// Anatomic Region (0008,2218).
    pub region: Option<Code>,
    /// Recommended Display CIELab Value (0062,000D) as sRGB.
    pub rgb: Option<[u8; 3]>,
    /// Tracking ID (0062,0020), may be empty.
    pub tracking_id: String,
    /// Tracking UID (0062,0021), may be empty.
    pub tracking_uid: String,
}

/// One frame.
#[derive(Clone, Debug)]
pub struct SegmentFrame {
    /// Its segment; `None` in a label map, where values name segments.
    pub segment: Option<u16>,
    /// Where it lies.
    pub place: Arc<FrameInfo>,
    /// The image frames it was drawn on.
    pub sources: Vec<InstanceRef>,
}

/// Stored values of all frames, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Masks {
    /// 1 bit a voxel, lowest bit first, without padding between frames (PS3.5 8.1.1).
    Bits(Vec<u8>),
    Bytes(Vec<u8>),
    Words(Vec<u16>),
}

/// A segmentation.
#[derive(Clone, Debug)]
pub struct Segmentation {
    /// What values mean.
    pub kind: SegmentationKind,
    /// In file order.
    pub segments: Vec<Segment>,
    /// In file order.
    pub frames: Vec<SegmentFrame>,
    /// Columns and rows of each frame.
    pub size: [usize; 2],
    /// Frame of Reference UID (0020,0052), empty when absent.
    pub frame_of_reference: String,
    pub(crate) masks: Masks,
}

impl Segmentation {
    /// Reads an uncompressed segmentation.
    ///
    /// # Errors
    /// Names the attribute that is missing, contradicts another, or says more than there is.
    pub fn read(object: &Object<'_>) -> Result<Self, Refusal> {
        let encoded = crate::Encoded::read(&object.data())?;
        let native = NativeFrames::new(object, &encoded)?;
        Self::read_with(object, &|frame| native.samples(frame))
    }

    /// Reads a segmentation whose frames `decode` decodes.
    ///
    /// # Errors
    /// As [`Self::read`], and what `decode` says.
    pub fn read_with(object: &Object<'_>, decode: &DecodeFrame<'_>) -> Result<Self, Refusal> {
        let data = object.data();
        let info = ImageInfo::read(object)?;
        let kind = kind(&data)?;
        let segments =
            data.items(tags::SEGMENT_SEQUENCE).iter().map(read_segment).collect::<Result<Vec<_>, _>>()?;
        if segments.is_empty() {
            return Err(missing(tags::SEGMENT_SEQUENCE));
        }
        let frames = frames(&data, &info, kind, &segments)?;
        let bits = info.encoded.bits_allocated;
        let fits = match kind {
            SegmentationKind::Binary => matches!(bits, 1 | 8),
            SegmentationKind::Fractional { .. } => bits == 8,
            SegmentationKind::LabelMap => matches!(bits, 8 | 16),
        };
        if !fits || info.encoded.samples_per_pixel != 1 {
            let what = format!("is {bits}, which does not fit Segmentation Type (0062,0001)");
            return Err(unreadable(tags::BITS_ALLOCATED, &what));
        }
        let masks = match object.pixel_data() {
            Some(PixelData::Native { bytes, big_endian: false, .. }) if bits == 1 => {
                NativeFrames::new(object, &info.encoded)?;
                Masks::Bits(bytes.to_vec())
            }
            _ => decoded(&info, kind, decode)?,
        };
        Ok(Self {
            kind,
            segments,
            frames,
            size: [info.encoded.columns, info.encoded.rows],
            frame_of_reference: data.text_or_empty(tags::FRAME_OF_REFERENCE_UID),
            masks,
        })
    }

    /// The largest value of [`Self::mask`].
    pub fn max_value(&self) -> u8 {
        match self.kind {
            SegmentationKind::Fractional { max, .. } => max,
            SegmentationKind::Binary | SegmentationKind::LabelMap => 1,
        }
    }

    /// The stored values of a frame: 0 and 1, fractions, or segment numbers; rows top to bottom.
    ///
    /// # Panics
    /// When `frame` is not below the number of frames.
    pub fn stored(&self, frame: usize) -> Vec<u16> {
        let n = self.size[0] * self.size[1];
        let range = frame * n..(frame + 1) * n;
        assert!(frame < self.frames.len(), "frame {frame} of {}", self.frames.len());
        match &self.masks {
            Masks::Bits(bits) => range.map(|bit| u16::from(bits[bit / 8] >> (bit % 8) & 1)).collect(),
            Masks::Bytes(bytes) => bytes[range].iter().map(|v| u16::from(*v)).collect(),
            Masks::Words(words) => words[range].to_vec(),
        }
    }

    /// How much of a segment is in each pixel of a frame, 0 to [`Self::max_value`]. `None` when the frame
    /// shows another segment.
    pub fn mask(&self, frame: usize, segment: u16) -> Option<Vec<u8>> {
        let of_frame = self.frames.get(frame)?.segment;
        if of_frame.is_some_and(|own| own != segment) {
            return None;
        }
        let is_label_map = of_frame.is_none();
        let value = |v: u16| if is_label_map { u8::from(v == segment) } else { v.min(255) as u8 };
        Some(self.stored(frame).into_iter().map(value).collect())
    }

    /// The frames in which a segment can be, in file order.
    pub fn frames_of(&self, segment: u16) -> impl Iterator<Item = usize> + '_ {
        let shows = move |f: &SegmentFrame| f.segment.is_none_or(|own| own == segment);
        self.frames.iter().enumerate().filter(move |(_, f)| shows(f)).map(|(at, _)| at)
    }

    /// The frames drawn on a frame of an image, by the references in the object; `frame` counts from 0.
    pub fn frames_on(&self, instance: &str, frame: u32) -> impl Iterator<Item = usize> + '_ {
        let instance = instance.to_owned();
        let on = move |f: &SegmentFrame| {
            let names = |s: &InstanceRef| s.frames.is_empty() || s.frames.contains(&(frame + 1));
            f.sources.iter().any(|s| s.instance == instance && names(s))
        };
        self.frames.iter().enumerate().filter(move |(_, f)| on(f)).map(|(at, _)| at)
    }

    /// Voxels that belong to a segment, wholly or in part.
    pub fn voxel_count(&self, segment: u16) -> u64 {
        let frames = self.frames_of(segment).filter_map(|frame| self.mask(frame, segment));
        frames.map(|mask| mask.iter().filter(|v| **v > 0).count() as u64).sum()
    }

    /// Volume of a segment in cubic millimetres; fractions count as such.
    ///
    /// # Errors
    /// `no_grid` when slices have no distance.
    pub fn volume_mm3(&self, segment: u16) -> Result<f64, Refusal> {
        let voxel_mm3 = self.grid()?.voxel_mm3();
        let frames = self.frames_of(segment).filter_map(|frame| self.mask(frame, segment));
        let sum: u64 = frames.map(|mask| mask.iter().map(|v| u64::from(*v)).sum::<u64>()).sum();
        Ok(sum as f64 / f64::from(self.max_value()) * voxel_mm3)
    }

    /// The grid on which the frames lie.
    ///
    /// # Errors
    /// `no_grid`, naming the attribute.
    pub fn grid(&self) -> Result<FrameGrid, Refusal> {
        FrameGrid::of(self.frames.iter().map(|f| f.place.as_ref()), self.size)
    }
}

fn kind(data: &Dataset<'_>) -> Result<SegmentationKind, Refusal> {
    let tag = tags::SEGMENTATION_TYPE;
    Ok(match data.text(tag).ok_or_else(|| missing(tag))?.as_str() {
        "BINARY" => SegmentationKind::Binary,
        "LABELMAP" => SegmentationKind::LabelMap,
        "FRACTIONAL" => {
            let tag = tags::MAXIMUM_FRACTIONAL_VALUE;
            let max = data.integer(tag)?.ok_or_else(|| missing(tag))?;
            let max = u8::try_from(max).ok().filter(|m| *m > 0);
            SegmentationKind::Fractional {
                max: max.ok_or_else(|| unreadable(tag, "is not between 1 and 255"))?,
                occupancy: data.text(tags::SEGMENTATION_FRACTIONAL_TYPE).as_deref() == Some("OCCUPANCY"),
            }
        }
        other => {
            return Err(unreadable(tag, &format!("is {other}; BINARY, FRACTIONAL and LABELMAP are known")));
        }
    })
}

fn read_segment(item: &Dataset<'_>) -> Result<Segment, Refusal> {
    let tag = tags::SEGMENT_NUMBER;
    let number = item.integer(tag)?.ok_or_else(|| missing(tag))?;
    let algorithm = match item.text(tags::SEGMENT_ALGORITHM_TYPE).as_deref() {
        Some("AUTOMATIC") => Some(Algorithm::Automatic),
        Some("SEMIAUTOMATIC") => Some(Algorithm::Semiautomatic),
        Some("MANUAL") => Some(Algorithm::Manual),
        _ => None,
    };
    let property = item.first_item(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE);
    let modifiers = property.as_ref().map_or_else(Vec::new, |p| {
        p.items(tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE).iter().filter_map(Code::read).collect()
    });
    let lab = item.vector::<3>(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE)?;
    Ok(Segment {
        number: u16::try_from(number).map_err(|_| unreadable(tag, "is not between 0 and 65535"))?,
        label: item.text_or_empty(tags::SEGMENT_LABEL),
        description: item.text_or_empty(tags::SEGMENT_DESCRIPTION),
        algorithm,
        algorithm_name: item.text_or_empty(tags::SEGMENT_ALGORITHM_NAME),
        category: Code::first(item, tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE),
        property: property.as_ref().and_then(Code::read),
        modifiers,
        region: Code::first(item, tags::ANATOMIC_REGION_SEQUENCE),
        rgb: lab.map(|lab| rgb_from_lab(lab.map(|v| v as u16))),
        tracking_id: item.text_or_empty(tags::TRACKING_ID),
        tracking_uid: item.text_or_empty(tags::TRACKING_UID),
    })
}

/// The frames' own facts. A frame without its own group takes the shared one.
fn frames(
    data: &Dataset<'_>,
    info: &ImageInfo,
    kind: SegmentationKind,
    segments: &[Segment],
) -> Result<Vec<SegmentFrame>, Refusal> {
    let shared = data.first_item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let ranges = data.item_ranges(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let described: HashSet<u16> = segments.iter().map(|s| s.number).collect();
    let mut frames = Vec::with_capacity(info.frames.len());
    for (at, place) in info.frames.iter().enumerate() {
        let own = ranges.get(at);
        let own = own.and_then(|range| data.item(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, *range));
        let group = |tag| {
            let found = own.as_ref().and_then(|own| own.first_item(tag));
            found.or_else(|| shared.as_ref().and_then(|shared| shared.first_item(tag)))
        };
        let segment = match kind {
            SegmentationKind::LabelMap => None,
            _ => {
                let tag = tags::REFERENCED_SEGMENT_NUMBER;
                let item = group(tags::SEGMENT_IDENTIFICATION_SEQUENCE);
                let number = item.and_then(|item| item.integer(tag).transpose()).transpose()?;
                let number = number.ok_or_else(|| missing(tag))?;
                let known = u16::try_from(number).ok().filter(|n| described.contains(n));
                Some(known.ok_or_else(|| {
                    unreadable(
                        tag,
                        &format!("is {number}, which Segment Sequence (0062,0002) does not describe"),
                    )
                })?)
            }
        };
        let derivation = group(tags::DERIVATION_IMAGE_SEQUENCE);
        let sources =
            derivation.map_or_else(Vec::new, |d| InstanceRef::read_all(&d, tags::SOURCE_IMAGE_SEQUENCE));
        frames.push(SegmentFrame { segment, place: place.clone(), sources });
    }
    Ok(frames)
}

/// All frames by way of a decoder, in the narrowest form.
fn decoded(info: &ImageInfo, kind: SegmentationKind, decode: &DecodeFrame<'_>) -> Result<Masks, Refusal> {
    let (frames, n) = (info.frames.len(), info.encoded.samples_per_frame());
    let wide = info.encoded.bits_allocated == 16;
    let (mut bytes, mut words) = (Vec::new(), Vec::new());
    for frame in 0..frames {
        let samples = decode(frame)?;
        if samples.len() != n {
            let what = format!("frame {} has {} values, not {n}", frame + 1, samples.len());
            return Err(unreadable(tags::PIXEL_DATA, &what));
        }
        match (samples, wide) {
            (Samples::U16(values), true) => words.extend(values),
            (Samples::U8(values), true) => words.extend(values.into_iter().map(u16::from)),
            (Samples::U8(values), false) => bytes.extend(values),
            _ => return Err(unreadable(tags::PIXEL_DATA, "does not hold unsigned whole numbers")),
        }
    }
    if kind == SegmentationKind::Binary {
        bytes.iter_mut().for_each(|v| *v = u8::from(*v > 0));
    }
    Ok(if wide { Masks::Words(words) } else { Masks::Bytes(bytes) })
}
