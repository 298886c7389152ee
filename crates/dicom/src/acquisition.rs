//! How an image was made, as far as it is written over the picture. What measures or sorts is in `image_info`.

use crate::attribute::tags;
use crate::dataset::Dataset;

/// What is written over the image about how it was made.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "each is the attribute of its name")]
pub struct Acquisition {
    pub institution: String,
    pub station: String,
    pub manufacturer: String,
    pub model: String,
    pub body_part: String,
    pub laterality: String,
    pub view_position: String,
    pub patient_position: String,
    pub protocol: String,
    pub kernel: String,
    pub date: String,
    pub time: String,
    pub kvp: Option<f64>,
    pub tube_current_ma: Option<f64>,
    pub exposure_mas: Option<f64>,
    pub echo_time_ms: Option<f64>,
    pub repetition_time_ms: Option<f64>,
    pub flip_angle_deg: Option<f64>,
    pub slice_thickness_mm: Option<f64>,
    pub gantry_tilt_deg: Option<f64>,
    pub contrast_agent: String,
    pub comments: String,
}

impl Acquisition {
    pub(crate) fn read(data: &Dataset<'_>) -> Self {
        let text = |tag| data.text_or_empty(tag);
        let number = |tag| data.number(tag).ok().flatten();
        let or = |a: String, b: String| if a.is_empty() { b } else { a };
        Self {
            institution: text(tags::INSTITUTION_NAME),
            station: text(tags::STATION_NAME),
            manufacturer: text(tags::MANUFACTURER),
            model: text(tags::MANUFACTURER_MODEL_NAME),
            body_part: text(tags::BODY_PART_EXAMINED),
            laterality: or(text(tags::IMAGE_LATERALITY), text(tags::LATERALITY)),
            view_position: text(tags::VIEW_POSITION),
            patient_position: text(tags::PATIENT_POSITION),
            protocol: text(tags::PROTOCOL_NAME),
            kernel: text(tags::CONVOLUTION_KERNEL),
            date: or(text(tags::ACQUISITION_DATE), text(tags::CONTENT_DATE)),
            time: or(text(tags::ACQUISITION_TIME), text(tags::CONTENT_TIME)),
            kvp: number(tags::KVP),
            tube_current_ma: number(tags::X_RAY_TUBE_CURRENT),
            exposure_mas: number(tags::EXPOSURE),
            echo_time_ms: number(tags::ECHO_TIME),
            repetition_time_ms: number(tags::REPETITION_TIME),
            flip_angle_deg: number(tags::FLIP_ANGLE),
            slice_thickness_mm: number(tags::SLICE_THICKNESS),
            gantry_tilt_deg: number(tags::GANTRY_DETECTOR_TILT),
            contrast_agent: text(tags::CONTRAST_BOLUS_AGENT),
            comments: text(tags::IMAGE_COMMENTS),
        }
    }
}
