//! Regions that a reader drew on images, as one segment of a segmentation.
//!
//! A pixel is in the segment when its centre is in a region: the rule by which the numbers of a region are taken. Regions of
//! one image are joined.

use super::code::{Code, codes};
use super::header::NewInstance;
use super::reference::Evidence;
use super::seg::{Algorithm, Segment, SegmentationKind};
use super::seg_write::{MaskPlane, NewSegmentation};
use crate::attribute::{missing, tags};
use crate::image_info::ImageInfo;
use crate::object::Object;
use glam::DVec3;
use medsight_base::Uid;
use medsight_record::{Annotation, ImageRef, Place, Refusal, SegmentMeaning};

/// An image on which regions can be.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionPlane {
    /// Which.
    pub image: ImageRef,
    /// Its place in the study; the frame, where it has several.
    pub source: Evidence,
    /// Columns and rows.
    pub size: [usize; 2],
    /// Centre of the first pixel, millimetres in the patient.
    pub position_mm: DVec3,
    /// Unit vectors along a row and along a column.
    pub orientation: [DVec3; 2],
    /// Distance of rows, distance of columns; millimetres.
    pub spacing_mm: [f64; 2],
    /// Slice Thickness (0018,0050), millimetres.
    pub thickness_mm: Option<f64>,
    /// Its pixels were compressed with loss.
    pub lossy: bool,
}

impl RegionPlane {
    /// The planes of an object, frame by frame.
    ///
    /// # Errors
    /// Names the attribute that gives no place in the patient: a mask has to be somewhere.
    pub fn of(object: &Object<'_>, instance: &medsight_base::InstanceUid) -> Result<Vec<Self>, Refusal> {
        let info = ImageInfo::read(object)?;
        let whole = Evidence::of(object)?;
        let several = info.frames.len() > 1;
        let plane = |(number, frame): (u32, &std::sync::Arc<crate::image_info::FrameInfo>)| {
            let scale = frame.scale.ok_or_else(|| missing(tags::PIXEL_SPACING))?;
            let mut source = whole.clone();
            if several {
                source.instance = source.instance.frame(number);
            }
            Ok(Self {
                image: ImageRef { instance: instance.clone(), frame: number },
                source,
                size: [info.encoded.columns, info.encoded.rows],
                position_mm: frame.position_mm.ok_or_else(|| missing(tags::IMAGE_POSITION_PATIENT))?,
                orientation: frame.orientation.ok_or_else(|| missing(tags::IMAGE_ORIENTATION_PATIENT))?,
                spacing_mm: [scale.row_mm, scale.column_mm],
                thickness_mm: frame.slice_thickness_mm,
                lossy: info.lossy,
            })
        };
        (0..).zip(&info.frames).map(plane).collect()
    }

    /// Parallel, and of pixels of the same number and size: such planes make one segmentation.
    fn fits(&self, other: &Self) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-4;
        let turned = (0..2).any(|axis| self.orientation[axis].distance(other.orientation[axis]) > 1e-4);
        let same_pixels = (0..2).all(|axis| near(self.spacing_mm[axis], other.spacing_mm[axis]));
        self.size == other.size && !turned && same_pixels
    }
}

/// What is to be a segment.
#[derive(Clone, Debug)]
pub struct NewSegment<'s> {
    /// Whose, when, by what.
    pub header: NewInstance,
    /// What it is called.
    pub label: &'s str,
    /// What it is.
    pub meaning: SegmentMeaning,
    /// Who drew it.
    pub creator: &'s str,
    /// Frame of Reference UID (0020,0052) of the images.
    pub frame_of_reference: String,
    /// Names the segment for good.
    pub tracking: Uid,
    /// Names the dimensions of the object.
    pub dimensions: Uid,
}

impl NewSegment<'_> {
    /// The file of a binary segmentation of `regions`, which lie on images of `planes`. Planes that do not fit those that
    /// are drawn on are left out.
    ///
    /// # Errors
    /// `nothing_to_write` without a region, `unwritable` when regions lie on images that make no one segmentation.
    pub fn to_file(&self, regions: &[&Annotation], planes: &[RegionPlane]) -> Result<Vec<u8>, Refusal> {
        let drawn_on = |plane: &RegionPlane| -> Vec<&Annotation> {
            let is_here = |a: &&&Annotation| match &a.place {
                Place::Image { instance, frame, .. } => {
                    *instance == plane.image.instance && *frame == plane.image.frame
                }
                Place::Plane { .. } => false,
            };
            regions.iter().filter(|a| a.kind.is_closed()).filter(is_here).copied().collect()
        };
        let nothing = || Refusal::new("nothing_to_write", "There is no closed region on these images.");
        let first = planes.iter().find(|plane| !drawn_on(plane).is_empty()).ok_or_else(nothing)?;
        if planes.iter().any(|plane| !plane.fits(first) && !drawn_on(plane).is_empty()) {
            let why =
                "The regions lie on images of different size or direction, which make no one segmentation.";
            return Err(Refusal::new("unwritable", why));
        }
        let normal = first.orientation[0].cross(first.orientation[1]);
        let mut fitting: Vec<&RegionPlane> = planes.iter().filter(|plane| plane.fits(first)).collect();
        fitting.sort_by(|a, b| a.position_mm.dot(normal).total_cmp(&b.position_mm.dot(normal)));
        let gaps = fitting.windows(2).map(|pair| (pair[1].position_mm - pair[0].position_mm).dot(normal));
        let least_gap = gaps.filter(|gap| *gap > 1e-3).reduce(f64::min);
        let new = NewSegmentation {
            header: self.header.clone(),
            kind: SegmentationKind::Binary,
            segments: vec![self.segment()],
            size: first.size,
            orientation: first.orientation,
            spacing_mm: first.spacing_mm,
            // What the image does not say is not known better than by the next image.
            thickness_mm: first.thickness_mm.or(least_gap).unwrap_or(1.0),
            frame_of_reference: self.frame_of_reference.clone(),
            planes: fitting
                .iter()
                .map(|plane| MaskPlane { position_mm: plane.position_mm, source: Some(plane.source.clone()) })
                .collect(),
            dimension_organization: self.dimensions.clone(),
            label: "REGIONS".into(),
            description: String::new(),
            creator: self.creator.to_owned(),
            lossy_source: fitting.iter().any(|plane| plane.lossy),
        };
        new.to_file(&mut |_, plane| {
            let drawn = drawn_on(fitting[plane]);
            (!drawn.is_empty()).then(|| mask(&drawn, first.size))
        })
    }

    fn segment(&self) -> Segment {
        let (category, property) = segment_codes(self.meaning);
        // Segment Label (0062,0005) holds 64 characters.
        let label: String = self.label.chars().take(64).collect();
        Segment {
            number: 1,
            description: String::new(),
            algorithm: Some(Algorithm::Manual),
            algorithm_name: String::new(),
            category: Some(category),
            property: Some(property),
            modifiers: Vec::new(),
            region: None,
            rgb: None,
            tracking_id: label.clone(),
            tracking_uid: self.tracking.to_string(),
            label,
        }
    }
}

/// 1 where the centre of a pixel is in one of the regions; rows from the top.
fn mask(regions: &[&Annotation], [columns, rows]: [usize; 2]) -> Vec<u16> {
    let mut mask = vec![0; columns * rows];
    for region in regions {
        let Place::Image { points_px, .. } = &region.place else { continue };
        let ends = |axis: usize, count: usize| {
            let all = points_px.iter().map(|p| p[axis]);
            let low = all.clone().fold(f64::INFINITY, f64::min).ceil().max(0.0) as usize;
            // One beyond the last: nothing where the region ends before the image begins.
            let high =
                (all.fold(f64::NEG_INFINITY, f64::max).floor() + 1.0).clamp(0.0, count as f64) as usize;
            low..high
        };
        for row in ends(1, rows) {
            for column in ends(0, columns) {
                if region.kind.holds(points_px, [column as f64, row as f64]) {
                    mask[row * columns + column] = 1;
                }
            }
        }
    }
    mask
}

/// Category and type of a segment (PS3.16 CID 7150, CID 7159, CID 7166).
fn segment_codes(meaning: SegmentMeaning) -> (Code, Code) {
    let abnormal = codes::MORPHOLOGICALLY_ABNORMAL;
    let anatomical = Code::constant("91723000", "SCT", "Anatomical Structure");
    match meaning {
        SegmentMeaning::Lesion => (abnormal, Code::constant("52988006", "SCT", "Lesion")),
        SegmentMeaning::Mass => (abnormal, Code::constant("4147007", "SCT", "Mass")),
        SegmentMeaning::Nodule => (abnormal, Code::constant("27925004", "SCT", "Nodule")),
        SegmentMeaning::Cyst => (abnormal, Code::constant("367643001", "SCT", "Cyst")),
        SegmentMeaning::Abscess => (abnormal, Code::constant("44132006", "SCT", "Abscess")),
        SegmentMeaning::Edema => (abnormal, Code::constant("79654002", "SCT", "Edema")),
        SegmentMeaning::Hemorrhage => (abnormal, Code::constant("50960005", "SCT", "Hemorrhage")),
        SegmentMeaning::Necrosis => (abnormal, Code::constant("6574001", "SCT", "Necrosis")),
        SegmentMeaning::Organ => (anatomical, Code::constant("91772007", "SCT", "Organ")),
        SegmentMeaning::LymphNode => (anatomical, Code::constant("59441001", "SCT", "Lymph Node")),
        SegmentMeaning::BloodVessel => (anatomical, Code::constant("59820001", "SCT", "Blood Vessel")),
    }
}
