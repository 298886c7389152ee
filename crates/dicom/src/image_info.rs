//! What a viewport needs to show the frames of one instance and to measure in them.
//!
//! Enhanced multi-frame objects keep most of it in functional groups, shared or per frame (PS3.3 C.7.6.16).

use crate::acquisition::Acquisition;
use crate::attribute::{Tag, missing, tags, unreadable};
use crate::color_profile::to_srgb;
use crate::dataset::Dataset;
use crate::derived::RealWorldMapping;
use crate::encoded::Encoded;
use crate::lut::{LookUpTable, ModalityLut, Palette};
use crate::object::Object;
use crate::overlay::overlays_of;
use crate::scale::{Scale, UltrasoundRegion};
use crate::shutter::shutter_of;
use crate::slide::Slide;
use crate::stack::warning;
use crate::suv::SuvFactors;
use crate::unit::unit;
use crate::voi::voi_of;
use glam::DVec3;
use medsight_image::{OverlayPlane, Shutter, ToSrgb, VolumeWarning, Window};
use medsight_record::Refusal;
use std::sync::Arc;

/// A window of the file with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedWindow {
    /// The window, in modality units.
    pub window: Window,
    /// Window Center & Width Explanation (0028,1055), empty when absent.
    pub explanation: String,
}

/// One frame.
#[derive(Clone, Debug)]
pub struct FrameInfo {
    /// Image Position (Patient) (0020,0032): centre of the first pixel, millimetres.
    pub position_mm: Option<DVec3>,
    /// Image Orientation (Patient) (0020,0037): unit vectors along a row and along a column.
    pub orientation: Option<[DVec3; 2]>,
    /// Distance of pixels. Ultrasound: see [`ImageInfo::regions`].
    pub scale: Option<Scale>,
    /// Slice Thickness (0018,0050), millimetres.
    pub slice_thickness_mm: Option<f64>,
    /// Stored value to modality value.
    pub modality_lut: ModalityLut,
    /// Unit of the modality value: `HU`, `BQML`…; empty when the file gives none.
    pub unit: String,
    /// Real world value of the stored values: the first mapping that the file has (PS3.3 C.7.6.16.2.11).
    pub real_world: Option<Arc<RealWorldMapping>>,
    /// Windows in file order.
    pub windows: Vec<NamedWindow>,
    /// VOI LUTs, alternatives to the windows.
    pub voi_tables: Vec<LookUpTable>,
    /// Temporal Position Index (0020,9128) or Identifier (0020,0100).
    pub time_position: Option<i64>,
    /// Echo time (0018,0081 or 0018,9082), milliseconds.
    pub echo_time_ms: Option<f64>,
}

/// A multi-frame image that was divided into several instances (PS3.3 C.7.6.16.2.2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concatenation {
    /// Concatenation UID (0020,9161): one for all parts.
    pub uid: String,
    /// In-concatenation Number (0020,9162), from 1.
    pub number: i64,
}

impl Concatenation {
    fn read(data: &Dataset<'_>) -> Option<Self> {
        let number = data.integer(tags::IN_CONCATENATION_NUMBER).ok().flatten()?;
        Some(Self { uid: data.text(tags::CONCATENATION_UID)?, number })
    }
}

/// One instance with pixels.
#[derive(Clone, Debug)]
pub struct ImageInfo {
    /// SOP Instance UID (0008,0018), empty when absent.
    pub instance_uid: String,
    /// Series Instance UID (0020,000E), empty when absent.
    pub series_uid: String,
    /// Whose image it is: Patient ID (0010,0020), Patient's Name (0010,0010) and Birth Date (0010,0030) as they stand
    /// in the file. For telling patients apart only.
    pub patient: [String; 3],
    /// Frame of Reference UID (0020,0052), empty when absent.
    pub frame_of_reference: String,
    /// The instances that this one is a part of, and where its frames stand among theirs.
    pub concatenation: Option<Concatenation>,
    /// Instance Number (0020,0013).
    pub instance_number: Option<i64>,
    /// Modality (0008,0060).
    pub modality: String,
    /// Image Type (0008,0008).
    pub image_type: Vec<String>,
    /// Transfer Syntax UID.
    pub transfer_syntax: String,
    /// How samples are stored.
    pub encoded: Encoded,
    /// One a frame; frames that share everything share one.
    pub frames: Vec<Arc<FrameInfo>>,
    /// Frames that are tiles of larger pictures, and where they lie.
    pub slide: Option<Arc<Slide>>,
    /// Palette of PALETTE COLOR images.
    pub palette: Option<Palette>,
    /// What turns the colours into those of the screen, by ICC Profile (0028,2000); the palette's are that already.
    pub to_srgb: Option<Arc<ToSrgb>>,
    /// Height of a pixel over its width by Pixel Aspect Ratio (0028,0034), for images without a scale.
    pub pixel_aspect: Option<f64>,
    /// PET: factors to uptake values, or why there are none.
    pub suv: Option<Result<SuvFactors, String>>,
    /// Overlay planes.
    pub overlays: Vec<Arc<OverlayPlane>>,
    /// An overlay lies in unused bits of pixels that were not all at hand: read again with the whole file.
    pub overlays_wait_for_pixels: bool,
    /// Display shutters.
    pub shutter: Option<Arc<Shutter>>,
    /// Calibrated regions of ultrasound images.
    pub regions: Vec<UltrasoundRegion>,
    /// Stored values from…to that are not image (0028,0120 and 0028,0121).
    pub padding: Option<[i64; 2]>,
    /// Time between frames of a cine, milliseconds.
    pub frame_time_ms: Option<f64>,
    /// Lossy Image Compression (0028,2110) is 01.
    pub lossy: bool,
    /// Burned In Annotation (0028,0301) is YES.
    pub burned_in: bool,
    /// Acquisition facts for overlays.
    pub acquisition: Acquisition,
    /// What a reader has to know: a window that cannot be used, a mosaic.
    pub warnings: Vec<VolumeWarning>,
}

impl ImageInfo {
    /// Reads all of it. Of the pixels, only overlays that lie in their unused bits are read.
    ///
    /// # Errors
    /// Names the attribute that is missing or unusable.
    pub fn read(object: &Object<'_>) -> Result<Self, Refusal> {
        let data = object.data();
        let encoded = Encoded::read(&data)?;
        let mut warnings = Vec::new();
        let frames = read_frames(&data, &encoded, &mut warnings)?;
        let image_type = data.texts(tags::IMAGE_TYPE);
        if image_type.iter().any(|t| t == "MOSAIC") {
            let reason = "Image Type (0008,0008) says MOSAIC: many slices are tiled into this one image";
            warnings.push(warning("mosaic", reason.into(), &[]));
        }
        if object.has_executable_preamble() {
            let reason =
                "The preamble before the mark DICM begins a program: the file can be run, and may be harmful";
            warnings.push(warning("executable_preamble", reason.into(), &[]));
        }
        let pixel_aspect = match data.vector::<2>(tags::PIXEL_ASPECT_RATIO) {
            Ok(None) => None,
            Ok(Some([vertical, horizontal])) if vertical > 0.0 && horizontal > 0.0 => {
                Some(vertical / horizontal)
            }
            _ => {
                let reason =
                    "Pixel Aspect Ratio (0028,0034) is not two numbers above 0: pixels are shown square";
                warnings.push(warning("pixel_aspect_ratio", reason.into(), &[]));
                None
            }
        };
        let size_px = [encoded.columns, encoded.rows];
        let slide = Slide::read(&data, &encoded, &mut warnings).map(Arc::new);
        let regions = UltrasoundRegion::read_all(&data, size_px, &mut warnings);
        let palette =
            if encoded.photometric == "PALETTE COLOR" { Palette::read(&data, encoded.signed)? } else { None };
        if encoded.photometric == "PALETTE COLOR" && palette.is_none() {
            return Err(missing(tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR));
        }
        let to_srgb = to_srgb(&data, &encoded, &mut warnings);
        let palette = palette.map(|palette| match &to_srgb {
            Some(to_srgb) => palette.shown_by(to_srgb),
            None => palette,
        });
        let overlays = overlays_of(object, &encoded, &mut warnings);
        let padding = data.integer(tags::PIXEL_PADDING_VALUE).ok().flatten();
        let padding_to = data.integer(tags::PIXEL_PADDING_RANGE_LIMIT).ok().flatten();
        let padding = padding.map(|p| padding_to.map_or([p, p], |to| [p.min(to), p.max(to)]));
        Ok(Self {
            instance_uid: data.text_or_empty(tags::SOP_INSTANCE_UID),
            series_uid: data.text_or_empty(tags::SERIES_INSTANCE_UID),
            patient: [tags::PATIENT_ID, tags::PATIENT_NAME, tags::PATIENT_BIRTH_DATE]
                .map(|tag| data.text_or_empty(tag)),
            frame_of_reference: data.text_or_empty(tags::FRAME_OF_REFERENCE_UID),
            concatenation: Concatenation::read(&data),
            instance_number: data.integer(tags::INSTANCE_NUMBER).ok().flatten(),
            modality: data.text_or_empty(tags::MODALITY),
            image_type,
            transfer_syntax: object.transfer_syntax().to_owned(),
            encoded,
            frames,
            slide,
            palette,
            suv: (data.text(tags::MODALITY).as_deref() == Some("PT")).then(|| SuvFactors::read(&data)),
            overlays: overlays.planes,
            overlays_wait_for_pixels: overlays.wait_for_pixels,
            shutter: shutter_of(&data, &mut warnings).map(Arc::new),
            to_srgb,
            pixel_aspect,
            regions,
            padding,
            frame_time_ms: frame_time_ms(&data),
            lossy: data.text(tags::LOSSY_IMAGE_COMPRESSION).as_deref() == Some("01"),
            burned_in: data.text(tags::BURNED_IN_ANNOTATION).as_deref() == Some("YES"),
            acquisition: Acquisition::read(&data),
            warnings,
        })
    }

    /// Columns and rows of what is looked at as one image: a frame, or the picture of which the frames are tiles.
    pub fn shown_size_px(&self) -> [usize; 2] {
        match &self.slide {
            Some(slide) => [slide.columns, slide.rows],
            None => [self.encoded.columns, self.encoded.rows],
        }
    }

    /// The frame that stands for what `frame` is shown in: of a slide the first tile of its picture.
    pub fn shown_frame(&self, frame: usize) -> usize {
        let tiles = self.slide.as_ref().and_then(|slide| slide.picture_of(frame));
        tiles.and_then(|tiles| tiles.first()).map_or(frame, |tile| tile.frame)
    }

    /// The scale at a pixel: the region's on ultrasound, the image's elsewhere.
    pub fn scale_at(&self, frame: usize, column: f64, row: f64) -> Option<Scale> {
        let region = self.regions.iter().rfind(|r| r.contains(column, row));
        // A region without a scale (a spectrum, a curve) has none, whatever the image says.
        match region {
            Some(region) => region.scale,
            None => self.frames.get(frame).and_then(|f| f.scale),
        }
    }
}

/// Frame Time (0018,1063), Frame Time Vector, or a rate turned round.
pub(crate) fn frame_time_ms(data: &Dataset<'_>) -> Option<f64> {
    let number = |tag| data.number(tag).ok().flatten().filter(|n: &f64| *n > 0.0);
    let vector = data.numbers(tags::FRAME_TIME_VECTOR).ok().flatten();
    let mean = vector.filter(|v| v.len() > 1).map(|v| v[1..].iter().sum::<f64>() / (v.len() - 1) as f64);
    number(tags::FRAME_TIME)
        .or(mean.filter(|m| *m > 0.0))
        .or_else(|| number(tags::CINE_RATE).map(|rate| 1000.0 / rate))
        .or_else(|| number(tags::RECOMMENDED_DISPLAY_FRAME_RATE).map(|rate| 1000.0 / rate))
}

/// A frame's groups: its own item, the shared item, and the data set, in this order.
struct Groups<'d, 'b> {
    own: Option<Dataset<'b>>,
    shared: Option<&'d Dataset<'b>>,
    data: &'d Dataset<'b>,
}

impl<'b> Groups<'_, 'b> {
    /// The item of a functional group, else the data set itself.
    fn group(&self, sequence: Tag) -> Dataset<'b> {
        let own = self.own.as_ref().and_then(|own| own.first_item(sequence));
        let found = own.or_else(|| self.shared.and_then(|shared| shared.first_item(sequence)));
        found.unwrap_or_else(|| self.data.clone())
    }

    /// The first real world value mapping.
    fn real_world(&self, warnings: &mut Vec<VolumeWarning>) -> Option<Arc<RealWorldMapping>> {
        let places = [self.own.as_ref(), self.shared, Some(self.data)];
        for place in places.into_iter().flatten() {
            match RealWorldMapping::read_all(place) {
                Ok(mappings) => match mappings.into_iter().next() {
                    Some(mapping) => return Some(Arc::new(mapping)),
                    None => continue,
                },
                Err(refusal) => {
                    let found = warning("real_world_value", refusal.reason, &[]);
                    if !warnings.contains(&found) {
                        warnings.push(found);
                    }
                }
            }
        }
        None
    }
}

fn read_frames(
    data: &Dataset<'_>,
    encoded: &Encoded,
    warnings: &mut Vec<VolumeWarning>,
) -> Result<Vec<Arc<FrameInfo>>, Refusal> {
    let ranges = data.item_ranges(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let shared = data.first_item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    if ranges.is_empty() {
        let groups = Groups { own: None, shared: shared.as_ref(), data };
        let mut one = read_frame(&groups, encoded, warnings)?;
        if encoded.frames > 1 {
            return grid_frames(data, encoded, one);
        }
        one.time_position =
            one.time_position.or(data.integer(tags::TEMPORAL_POSITION_IDENTIFIER).ok().flatten());
        return Ok(vec![Arc::new(one)]);
    }
    if ranges.len() != encoded.frames {
        let tag = tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE;
        let what = format!("has {} items for {} frames", ranges.len(), encoded.frames);
        return Err(unreadable(tag, &what));
    }
    let mut frames = Vec::with_capacity(ranges.len());
    for range in ranges {
        let own = data.item(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, range);
        let groups = Groups { own, shared: shared.as_ref(), data };
        frames.push(Arc::new(read_frame(&groups, encoded, warnings)?));
    }
    Ok(frames)
}

/// Frames of objects without functional groups. RT Dose places its frames by Grid Frame Offset Vector.
fn grid_frames(
    data: &Dataset<'_>,
    encoded: &Encoded,
    first: FrameInfo,
) -> Result<Vec<Arc<FrameInfo>>, Refusal> {
    let offsets = data.numbers(tags::GRID_FRAME_OFFSET_VECTOR)?;
    let placed = first.position_mm.zip(first.orientation);
    let (Some(offsets), Some((position, [row, column]))) =
        (offsets.filter(|o| o.len() == encoded.frames), placed)
    else {
        // A cine: one place for all, or no place.
        let shared = Arc::new(first);
        return Ok(std::iter::repeat_n(shared, encoded.frames).collect());
    };
    let base = offsets.first().copied().filter(|_| offsets.first() != Some(&0.0)).unwrap_or(0.0);
    let normal = row.cross(column);
    Ok(offsets
        .iter()
        .map(|offset| {
            Arc::new(FrameInfo { position_mm: Some(position + normal * (offset - base)), ..first.clone() })
        })
        .collect())
}

fn read_frame(
    groups: &Groups<'_, '_>,
    encoded: &Encoded,
    warnings: &mut Vec<VolumeWarning>,
) -> Result<FrameInfo, Refusal> {
    let plane = groups.group(tags::PLANE_POSITION_SEQUENCE);
    let oriented = groups.group(tags::PLANE_ORIENTATION_SEQUENCE);
    let measures = groups.group(tags::PIXEL_MEASURES_SEQUENCE);
    let transform = groups.group(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE);
    let voi = groups.group(tags::FRAME_VOILUT_SEQUENCE);
    let content = groups.group(tags::FRAME_CONTENT_SEQUENCE);
    let echo = groups.group(tags::MR_ECHO_SEQUENCE);

    let position_mm = plane.vector::<3>(tags::IMAGE_POSITION_PATIENT)?.map(DVec3::from_array);
    let orientation = orientation(&oriented)?;
    let modality_lut = ModalityLut::read(&transform, encoded.signed)?;
    let (windows, voi_tables) = voi_of(&voi, encoded.signed, warnings);
    let real_world = groups.real_world(warnings);
    let effective = echo.number(tags::EFFECTIVE_ECHO_TIME).ok().flatten();
    Ok(FrameInfo {
        position_mm,
        orientation,
        scale: Scale::read(groups.data, &measures, position_mm.is_some())?,
        slice_thickness_mm: measures.number(tags::SLICE_THICKNESS).ok().flatten().filter(|t| *t > 0.0),
        unit: unit(groups.data, &transform, modality_lut.as_ref(), real_world.as_deref()),
        real_world,
        modality_lut: modality_lut.unwrap_or(ModalityLut::IDENTITY),
        windows,
        voi_tables,
        time_position: content.integer(tags::TEMPORAL_POSITION_INDEX).ok().flatten(),
        echo_time_ms: effective.or_else(|| groups.data.number(tags::ECHO_TIME).ok().flatten()),
    })
}

/// Row and column direction, made exactly perpendicular and of length 1.
fn orientation(data: &Dataset<'_>) -> Result<Option<[DVec3; 2]>, Refusal> {
    let tag = tags::IMAGE_ORIENTATION_PATIENT;
    let Some([a, b, c, d, e, f]) = data.vector::<6>(tag)? else { return Ok(None) };
    let (row, column) = (DVec3::new(a, b, c), DVec3::new(d, e, f));
    let skew = row.normalize_or_zero().dot(column.normalize_or_zero()).abs();
    let is_unit = |v: DVec3| (0.9..=1.1).contains(&v.length());
    if !is_unit(row) || !is_unit(column) || skew > 0.02 {
        return Err(unreadable(tag, "does not hold two perpendicular directions of length 1"));
    }
    let row = row.normalize();
    let column = (column - row * row.dot(column)).normalize();
    Ok(Some([row, column]))
}
