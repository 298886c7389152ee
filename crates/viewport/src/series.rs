//! What the light box knows of a series: its slices in reading order, their facts, and its volume.
//!
//! Filled from outside as files are read; a slice is there before its pixels are.

use std::sync::Arc;

use glam::{DVec2, DVec3};
use medsight_base::{InstanceUid, SeriesUid, StudyUid};
use medsight_image::lut::{Lut, Palette};
use medsight_image::present::Modality;
use medsight_image::{Frame, OverlayPlane, Shutter, Volume, VolumeWarning, Window};
use medsight_record::{CodedName, ImageRef, Place, Refusal, ScaleSource, UptakeKind};

/// Where a slice is in the patient (PS3.3 C.7.6.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlicePlace {
    /// Centre of the first pixel.
    pub origin_mm: DVec3,
    /// Unit vector along a row: the direction of growing column index.
    pub right: DVec3,
    /// Unit vector down a column.
    pub down: DVec3,
    /// Millimetres between columns (x) and between rows (y).
    pub spacing_mm: DVec2,
}

impl SlicePlace {
    /// The patient coordinates of an image point (column, row).
    pub fn patient_from_image(&self, image_px: DVec2) -> DVec3 {
        self.origin_mm
            + self.right * (image_px.x * self.spacing_mm.x)
            + self.down * (image_px.y * self.spacing_mm.y)
    }

    /// The image point under a patient point, and its distance from the slice in millimetres.
    pub fn image_from_patient(&self, patient_mm: DVec3) -> (DVec2, f64) {
        let d = patient_mm - self.origin_mm;
        let image = DVec2::new(d.dot(self.right), d.dot(self.down)) / self.spacing_mm;
        (image, d.dot(self.normal()))
    }

    /// Row × column.
    pub fn normal(&self) -> DVec3 {
        self.right.cross(self.down)
    }
}

/// Millimetres in a pixel and where that comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageScale {
    /// Millimetres between columns (x) and between rows (y).
    pub mm_per_px: DVec2,
    /// Which attribute says so.
    pub source: ScaleSource,
}

/// A calibrated region of an ultrasound image (PS3.3 C.8.5.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UltrasoundScale {
    /// First column and row.
    pub min_px: DVec2,
    /// Last column and row.
    pub max_px: DVec2,
    /// Millimetres between columns (x) and between rows (y); `None` where the axes are not lengths: spectra,
    /// curves.
    pub mm_per_px: Option<DVec2>,
}

/// A part of a line that is written over an image; numbers are written in the person's language.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// As the file says it.
    Text(String),
    /// A number with what stands before and after it: `TR 8.1`, `120 kV`.
    Number {
        /// `TR `.
        before: &'static str,
        /// The number.
        value: f64,
        /// ` kV`.
        after: &'static str,
    },
}

/// A quantity of stored values: Real World Value Mapping (PS3.3 C.7.6.16.2.11), by a line or by a table.
#[derive(Clone, Debug, PartialEq)]
pub struct RealWorld {
    /// LUT Label (0040,9210): `ADC`; may be empty.
    pub label: String,
    /// Quantity of a stored value of 1, less that of 0.
    pub slope: f64,
    /// Quantity of a stored value of 0.
    pub intercept: f64,
    /// First and last stored value that it is for.
    pub range: [f64; 2],
    /// The quantity of each stored value of the range, instead of the line.
    pub table: Option<Arc<[f64]>>,
    /// Its unit, may be empty.
    pub unit: String,
    /// The unit as the file has it.
    pub unit_code: CodedName,
    /// What is measured, where the file says it.
    pub quantity: Option<CodedName>,
}

impl RealWorld {
    /// The quantity of a modality value; `None` where the mapping is not for it, or no stored value can be told.
    pub fn of_modality_value(&self, value: f64, file_modality: &Modality) -> Option<f64> {
        let stored = match file_modality {
            Modality::Rescale { slope, intercept } if *slope != 0.0 => (value - intercept) / slope,
            _ => return None,
        };
        let Some(table) = &self.table else {
            return (self.range[0]..=self.range[1])
                .contains(&stored)
                .then_some(stored * self.slope + self.intercept);
        };
        // Stored values are whole numbers; what a rescale and back left behind the point is rounding.
        let index = stored.round() - self.range[0];
        (index >= 0.0).then(|| table.get(index as usize).copied()).flatten()
    }
}

/// What is known of a frame besides its pixels.
#[derive(Clone, Debug)]
pub struct SliceFacts {
    /// Columns and rows.
    pub size_px: [usize; 2],
    /// Place in the patient, when the file gives one.
    pub place: Option<SlicePlace>,
    /// Scale of the whole image.
    pub scale: Option<ImageScale>,
    /// Regions with a scale of their own, or with none.
    pub regions: Vec<UltrasoundScale>,
    /// Height of a pixel over its width.
    pub pixel_aspect: f64,
    /// Value of the pixels at hand → modality value.
    pub modality: Modality,
    /// Stored value → modality value, as the file says: another where the pixels came out of a volume.
    pub file_modality: Modality,
    /// Unit of the modality value: `HU`, or empty.
    pub unit: String,
    /// Another quantity that stored values stand for, where the file says so.
    pub real_world: Option<RealWorld>,
    /// Windows the file carries, with their explanations.
    pub windows: Vec<(Window, String)>,
    /// VOI LUT the file carries.
    pub voi_lut: Option<Arc<Lut>>,
    /// Palette of a PALETTE COLOR image.
    pub palette: Option<Arc<Palette>>,
    /// Stored values that are padding.
    pub padding: Option<[f64; 2]>,
    /// PET: SUV by body weight in a modality value of 1, where all that it needs is in the file.
    pub suv_bw: Option<f64>,
    /// PET: other uptake values than by body weight, in a modality value of 1.
    pub uptakes: Vec<(UptakeKind, f64)>,
    /// Drawings over the image.
    pub overlays: Vec<Arc<OverlayPlane>>,
    /// What of the image is covered.
    pub shutter: Option<Arc<Shutter>>,
    /// Shown in colour: windows have no effect.
    pub is_color: bool,
    /// How it was acquired, line by line: `120 kV`, `214 mAs`.
    pub acquisition: Vec<Vec<Said>>,
    /// What a reader must know of this image: lossy compression and the like.
    pub warnings: Vec<VolumeWarning>,
    /// Pictures a second, of a multi-frame image.
    pub frames_per_second: Option<f64>,
}

/// Pixels of a slice.
#[derive(Clone, Debug, Default)]
pub enum FrameState {
    /// Not asked for, or on its way.
    #[default]
    Waiting,
    /// There.
    Ready(Arc<Frame>),
    /// Refused; the reason names the attribute.
    Failed(Refusal),
}

/// One image of a series.
#[derive(Clone, Debug)]
pub struct Slice {
    /// SOP Instance UID.
    pub instance: InstanceUid,
    /// Frame number, from 0.
    pub frame_number: u32,
    /// Once the file has been read.
    pub facts: Option<Arc<SliceFacts>>,
    /// The pixels.
    pub frame: FrameState,
}

impl Slice {
    /// Which image it is.
    pub fn image(&self) -> ImageRef {
        ImageRef { instance: self.instance.clone(), frame: self.frame_number }
    }

    /// A slice of which only the name is known.
    pub fn new(instance: InstanceUid, frame_number: u32) -> Self {
        Self { instance, frame_number, facts: None, frame: FrameState::Waiting }
    }
}

/// The volume of a series.
#[derive(Clone, Debug, Default)]
pub enum VolumeState {
    /// Not begun, or running; share that is done.
    #[default]
    Unknown,
    /// Being built: share done.
    Building(f32),
    /// There.
    Ready(Arc<Volume>),
    /// This series makes no volume, and why.
    Refused(Refusal),
}

/// A stack of images that is read as one: a series, or the part of it that makes one volume (an echo, a b-value).
#[derive(Clone, Debug)]
pub struct Series {
    /// Series Instance UID; several stacks may share it.
    pub uid: SeriesUid,
    /// Series Number.
    pub number: Option<i32>,
    /// Modality.
    pub modality: String,
    /// Series Description.
    pub description: String,
    /// Study Instance UID (0020,000D), where it is another than that of the window, or files were opened by themselves.
    pub study_uid: Option<StudyUid>,
    /// Whose it is, where studies are shown together.
    pub study: Option<crate::StudyFacts>,
    /// Frame of Reference UID (0020,0052), empty when the files have none.
    pub frame_of_reference: String,
    /// Images in reading order.
    pub slices: Vec<Slice>,
    /// Its volume, seen at one time point.
    pub volume: VolumeState,
    /// The linked planes through the volume; laid through its middle when it comes.
    pub planes: Option<crate::Mpr>,
    /// Time point that is wanted of the volume, from 0.
    pub time: usize,
    /// What a reader must know of all of it: uneven spacing, tilt, missing slices.
    pub warnings: Vec<VolumeWarning>,
    /// Smallest and largest modality value met so far.
    pub range: Option<[f64; 2]>,
    /// Ends of the window for images that carry none: all but the darkest and brightest hundredth of the first
    /// image. Not changed by what is read later, so that the picture does not change by itself.
    pub typical: Option<[f64; 2]>,
    /// A refusal that leaves nothing to show.
    pub failure: Option<Refusal>,
    /// It is no images but a page.
    pub page: Option<Arc<crate::Page>>,
}

impl Series {
    /// A series without images yet.
    pub fn new(uid: SeriesUid, modality: &str) -> Self {
        Self {
            uid,
            number: None,
            modality: modality.to_owned(),
            description: String::new(),
            study_uid: None,
            study: None,
            frame_of_reference: String::new(),
            slices: Vec::new(),
            volume: VolumeState::Unknown,
            planes: None,
            time: 0,
            warnings: Vec::new(),
            range: None,
            typical: None,
            failure: None,
            page: None,
        }
    }

    /// The volume once it is there.
    pub fn volume(&self) -> Option<&Arc<Volume>> {
        match &self.volume {
            VolumeState::Ready(volume) => Some(volume),
            _ => None,
        }
    }

    /// Time points of the volume; 1 where there is no time.
    pub fn time_points(&self) -> usize {
        self.volume().map_or(1, |volume| volume.dims[3])
    }

    /// The volume at another time point, and the images of a stack with it.
    pub fn set_time(&mut self, time: usize) {
        self.time = time.min(self.time_points().saturating_sub(1));
        if let VolumeState::Ready(volume) = &mut self.volume {
            if volume.time != self.time {
                *volume = Arc::new(volume.at_time(self.time));
            }
        }
    }

    /// Where an image is in the stack.
    pub fn slice_of(&self, image: &ImageRef) -> Option<usize> {
        self.slices.iter().position(|s| s.instance == image.instance && s.frame_number == image.frame)
    }

    /// True when something drawn there was drawn on this stack.
    pub fn holds(&self, place: &Place) -> bool {
        match place {
            Place::Image { series, instance, frame, .. } => {
                let image = ImageRef { instance: instance.clone(), frame: *frame };
                *series == self.uid && self.slice_of(&image).is_some()
            }
            Place::Plane { series, image, .. } => {
                *series == self.uid && image.as_ref().is_none_or(|image| self.slice_of(image).is_some())
            }
        }
    }

    /// Where something drawn is in the patient: its points and the normal of what it was drawn on.
    pub fn patient_points(&self, place: &Place) -> Option<(Vec<DVec3>, DVec3)> {
        match place {
            Place::Image { instance, frame, points_px, .. } => {
                let slice = self.slice_of(&ImageRef { instance: instance.clone(), frame: *frame })?;
                let at = self.slices[slice].facts.as_ref()?.place?;
                let points = points_px.iter().map(|p| at.patient_from_image(DVec2::from_array(*p)));
                Some((points.collect(), at.normal()))
            }
            Place::Plane { points_mm, right, down, time, .. } => {
                let seen = self.volume().is_none_or(|volume| volume.time == *time as usize);
                let normal = DVec3::from_array(*right).cross(DVec3::from_array(*down));
                seen.then(|| (points_mm.iter().map(|p| DVec3::from_array(*p)).collect(), normal))
            }
        }
    }

    /// `2 · Thorax 1.0`.
    pub fn title(&self) -> String {
        match (self.number, self.description.is_empty()) {
            (Some(n), false) => format!("{n} · {}", self.description),
            (Some(n), true) => format!("{n} · {}", self.modality),
            (None, false) => self.description.clone(),
            (None, true) => self.modality.clone(),
        }
    }

    /// Smallest and largest modality value: of the volume, or of what was met so far.
    pub fn value_range(&self) -> [f64; 2] {
        match self.volume() {
            Some(volume) => volume.min_max.map(f64::from),
            None => self.range.unwrap_or([0.0, 1.0]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_world_value_by_table_is_entered_by_the_stored_value_behind_the_rescaled_one() {
        // Modality = 0.1 × stored − 1; stored 10 to 12 stand for 5, 7 and 11 ms.
        let mapping = RealWorld {
            label: "T1".into(),
            slope: 0.0,
            intercept: 0.0,
            range: [10.0, 12.0],
            table: Some([5.0, 7.0, 11.0].into()),
            unit: "ms".into(),
            unit_code: CodedName { value: "ms".into(), scheme: "UCUM".into(), meaning: "ms".into() },
            quantity: None,
        };
        let modality = Modality::Rescale { slope: 0.1, intercept: -1.0 };
        let of = |stored: f64| mapping.of_modality_value(0.1 * stored - 1.0, &modality);
        assert_eq!([9.0, 10.0, 11.0, 12.0, 13.0].map(of), [None, Some(5.0), Some(7.0), Some(11.0), None]);
    }
}
