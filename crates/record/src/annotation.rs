//! What a reader draws: measurements, arrows, texts and key images, and where they stand.
//!
//! Values are computed where the pixels are (`medsight-image`) and travel with the annotation, so that
//! the desk can list them without decoding anything.

use medsight_base::{InstanceUid, SeriesUid, StudyUid, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names one annotation for good; made once, by whoever draws it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnnotationId(pub Uuid);

/// One image: a file and the frame in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ImageRef {
    /// SOP Instance UID.
    pub instance: InstanceUid,
    /// Frame number, from 0.
    pub frame: u32,
}

/// What was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AnnotationKind {
    /// Two points.
    Length,
    /// Three points, the second is the vertex.
    Angle,
    /// Two points: opposite corners of the box around the ellipse.
    Ellipse,
    /// Two points: opposite corners.
    Rectangle,
    /// Three points or more: the corners of a closed outline, drawn freely or corner by corner. The last is joined to the
    /// first.
    Outline,
    /// Two points: tip, tail.
    Arrow,
    /// One point.
    Text {
        /// What was written.
        text: String,
    },
    /// No points: the whole image is marked.
    KeyImage,
    /// Two points: the ends of a line whose true length the reader knows. It scales its image.
    Calibration {
        /// The true length, millimetres.
        length_mm: f64,
    },
}

impl AnnotationKind {
    /// How many points the kind has; of an outline, how many it has at least.
    pub fn point_count(&self) -> usize {
        match self {
            Self::Length | Self::Ellipse | Self::Rectangle | Self::Arrow | Self::Calibration { .. } => 2,
            Self::Angle | Self::Outline => 3,
            Self::Text { .. } => 1,
            Self::KeyImage => 0,
        }
    }
}

/// Where an annotation stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum Place {
    /// On a stored image.
    Image {
        /// Series of the image.
        series: SeriesUid,
        /// The image.
        instance: InstanceUid,
        /// Frame number, from 0.
        frame: u32,
        /// Points as (column, row) in pixels; (0, 0) is the centre of the first pixel.
        points_px: Vec<[f64; 2]>,
    },
    /// On a plane through a volume.
    Plane {
        /// Series the volume was built from.
        series: SeriesUid,
        /// An image of that volume: a series may hold several (echoes, b-values), and what was measured in one
        /// must not be shown in another. `None` in records that do not say; the series alone decides then.
        #[serde(default)]
        image: Option<ImageRef>,
        /// Time point of the volume, from 0.
        #[serde(default)]
        time: u32,
        /// Points in patient coordinates, millimetres.
        points_mm: Vec<[f64; 3]>,
        /// Unit vector to the right on the plane, patient coordinates.
        right: [f64; 3],
        /// Unit vector downwards on the plane, patient coordinates.
        down: [f64; 3],
        /// Thickness of the slab that was shown, millimetres; 0 for a plane.
        slab_mm: f64,
    },
}

/// Where a length in millimetres comes from. A length without one is in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleSource {
    /// Pixel Spacing (0028,0030) of an image with a position in the patient.
    PixelSpacing,
    /// Pixel Spacing (0028,0030) of a projection image, calibrated (Pixel Spacing Calibration Type).
    Calibrated,
    /// Imager Pixel Spacing (0018,1164): at the detector, magnified against the patient.
    Detector,
    /// Imager Pixel Spacing (0018,1164) over Estimated Radiographic Magnification Factor (0018,1114): in the patient.
    DetectorCorrected,
    /// Distance of the voxels of a volume, on a plane that is turned against its slices: Pixel Spacing and the
    /// places of the slices.
    Volume,
    /// Physical Delta of an ultrasound region (0018,602C).
    UltrasoundRegion,
    /// Nominal Scanned Pixel Spacing (0018,2010) of a digitised film.
    Nominal,
    /// A line whose true length the reader gave ([`AnnotationKind::Calibration`]).
    Manual,
}

/// Why a length is in pixels where the file has a scale all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoScale {
    /// Its points lie in several ultrasound regions, or in one and outside of it.
    CrossesRegions,
    /// The axes of its ultrasound region are not both lengths: a spectrum, a curve, an M-mode.
    RegionWithoutLengths,
}

/// Standardized uptake values of PET besides the one by body weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UptakeKind {
    /// By lean body mass after James.
    LeanBodyMass,
    /// By lean body mass after Janmahasatian.
    LeanBodyMassJanma,
    /// By body surface after Du Bois.
    BodySurface,
}

impl UptakeKind {
    /// Its name (PS3.16 CID 7469) and, where there are several formulas, whose it is by.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeanBodyMass => "SUVlbm (James)",
            Self::LeanBodyMassJanma => "SUVlbm (Janma)",
            Self::BodySurface => "SUVbsa",
        }
    }

    /// Its unit as people write it.
    pub fn unit(self) -> &'static str {
        match self {
            Self::LeanBodyMass | Self::LeanBodyMassJanma => "g/ml",
            Self::BodySurface => "cm²/ml",
        }
    }
}

/// Uptake inside a region.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uptake {
    /// By what.
    pub kind: UptakeKind,
    /// Mean, in the unit of the kind.
    pub mean: f64,
    /// Largest, in the unit of the kind.
    pub max: f64,
}

/// A coded concept as a file has it (PS3.3 8.8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodedName {
    /// Code Value (0008,0100).
    pub value: String,
    /// Coding Scheme Designator (0008,0102).
    pub scheme: String,
    /// Code Meaning (0008,0104).
    pub meaning: String,
}

/// Mean, SD of the sample, smallest and largest of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Mean.
    pub mean: f64,
    /// Standard deviation (of the sample, n − 1); absent of one value.
    pub sd: Option<f64>,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

/// Another quantity that the stored values inside stand for, by Real World Value Mapping (PS3.3 C.7.6.16.2.11).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RealWorldMeasured {
    /// LUT Label (0040,9210), may be empty.
    pub label: String,
    /// Its unit as people write it; empty for pure numbers.
    pub unit: String,
    /// Measurement Units Code Sequence (0040,08EA).
    pub unit_code: CodedName,
    /// What is measured: the value of Quantity Definition Sequence (0040,9220), where the file has one.
    pub quantity: Option<CodedName>,
    /// The numbers; `None` where a value inside is none that the mapping is for.
    pub statistics: Option<Statistics>,
}

/// The numbers of an annotation. Only what the data support is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Length in millimetres.
    pub length_mm: Option<f64>,
    /// Length in pixels, when the file gives no scale.
    pub length_px: Option<f64>,
    /// Angle in degrees.
    pub angle_deg: Option<f64>,
    /// Area in square millimetres.
    pub area_mm2: Option<f64>,
    /// Area in pixels, when the file gives no scale.
    pub area_px: Option<f64>,
    /// Mean modality value inside.
    pub mean: Option<f64>,
    /// Standard deviation of the modality values inside (of the sample, n − 1).
    pub sd: Option<f64>,
    /// Smallest modality value inside.
    pub min: Option<f64>,
    /// Largest modality value inside.
    pub max: Option<f64>,
    /// PET: mean and largest uptake value by body weight (SUVbw, g/ml) inside.
    #[serde(default)]
    pub suv_bw: Option<[f64; 2]>,
    /// PET: other uptake values inside, as far as the file has what they need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uptakes: Vec<Uptake>,
    /// Another quantity inside, where the file maps its values to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_world: Option<RealWorldMeasured>,
    /// Unit of mean, SD, min and max: `HU`, or empty.
    pub unit: String,
    /// Where millimetres come from.
    pub scale: Option<ScaleSource>,
    /// Why there are none, where it is not that the file says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_scale: Option<NoScale>,
}

/// One thing a reader drew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// Its name for good.
    pub id: AnnotationId,
    /// Study it belongs to.
    pub study: StudyUid,
    /// What was drawn.
    pub kind: AnnotationKind,
    /// Where.
    pub place: Place,
    /// The numbers.
    pub measured: Measured,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

impl Annotation {
    /// True when the number of points fits the kind; anything else is a programming error upstream and
    /// is refused before it is stored.
    pub fn is_complete(&self) -> bool {
        let points = match &self.place {
            Place::Image { points_px, .. } => points_px.len(),
            Place::Plane { points_mm, .. } => points_mm.len(),
        };
        match self.kind {
            AnnotationKind::Outline => points >= self.kind.point_count(),
            _ => points == self.kind.point_count(),
        }
    }
}
