//! What the record keeps of a file, and which files are refused before they come in.

use crate::attribute::{Tag, missing, named, tags};
use crate::dataset::Dataset;
use crate::encoded::Encoded;
use crate::image_info::ImageInfo;
use crate::object::{Object, PixelData};
use medsight_base::{DicomDate, InstanceUid, SeriesUid, StudyUid};
use medsight_record::{HeaderReader, InstanceRecord, Patient, Refusal, Sex};

/// Reads DICOM headers for an import.
#[derive(Clone, Copy, Debug, Default)]
pub struct DicomHeaders;

impl HeaderReader for DicomHeaders {
    fn read_header(&self, bytes: &[u8]) -> Result<InstanceRecord, Refusal> {
        let object = Object::parse(bytes)?;
        check_pixels(&object)?;
        instance_record(&object)
    }

    fn same_object(&self, one: &[u8], other: &[u8]) -> bool {
        crate::same::same_object(one, other)
    }

    fn directory_entries(&self, bytes: &[u8]) -> Option<Result<Vec<Vec<String>>, Refusal>> {
        crate::directory::entries(bytes)
    }
}

/// The header facts of one instance.
///
/// # Errors
/// `missing_attribute` or `bad_attribute` when the file does not say which study, series and instance it is.
pub fn instance_record(object: &Object<'_>) -> Result<InstanceRecord, Refusal> {
    let data = object.data();
    if data.has(tags::DIRECTORY_RECORD_SEQUENCE) {
        return Err(Refusal::new(
            "directory",
            "This is a DICOMDIR, the list of the files beside it, and no image.",
        ));
    }
    let study = required_uid(&data, tags::STUDY_INSTANCE_UID, StudyUid::parse)?;
    let series = required_uid(&data, tags::SERIES_INSTANCE_UID, SeriesUid::parse)?;
    let uid = required_uid(&data, tags::SOP_INSTANCE_UID, InstanceUid::parse)?;
    let encoded = if object.has_pixel_data() { Some(Encoded::read(&data)?) } else { None };
    let (position_mm, orientation) = first_plane(&data);
    let whole = |tag| data.integer(tag).ok().flatten().and_then(|n| i32::try_from(n).ok());
    Ok(InstanceRecord {
        uid,
        sop_class: data.text_or_empty(tags::SOP_CLASS_UID),
        transfer_syntax: object.transfer_syntax().to_owned(),
        study,
        series,
        patient: Patient {
            id: data.text_or_empty(tags::PATIENT_ID),
            issuer: data.text(tags::ISSUER_OF_PATIENT_ID).filter(|issuer| !issuer.is_empty()),
            name: data.text_or_empty(tags::PATIENT_NAME),
            birth_date: data.text(tags::PATIENT_BIRTH_DATE).and_then(|d| DicomDate::parse(&d)),
            sex: data.text(tags::PATIENT_SEX).and_then(|s| Sex::parse(&s)),
        },
        study_date: data.text(tags::STUDY_DATE).and_then(|d| DicomDate::parse(&d)),
        study_time: time_of_day(&data.text_or_empty(tags::STUDY_TIME)),
        accession: data.text_or_empty(tags::ACCESSION_NUMBER),
        study_description: data.text_or_empty(tags::STUDY_DESCRIPTION),
        modality: data.text_or_empty(tags::MODALITY),
        series_number: whole(tags::SERIES_NUMBER),
        series_description: data.text_or_empty(tags::SERIES_DESCRIPTION),
        instance_number: whole(tags::INSTANCE_NUMBER),
        frames: encoded.as_ref().map_or(0, |e| e.frames as u32),
        rows_columns: encoded.as_ref().map(|e| (e.rows as u32, e.columns as u32)),
        position_mm,
        orientation,
    })
}

/// Refuses a file whose pixels could not be shown right. Files without pixels pass.
fn check_pixels(object: &Object<'_>) -> Result<(), Refusal> {
    object.check_pixel_data_whole()?;
    let Some(pixels) = object.pixel_data().filter(|_| object.has_pixel_data()) else {
        let class = object.data().text_or_empty(tags::SOP_CLASS_UID);
        return if is_image_class(&class) { Err(missing(tags::PIXEL_DATA)) } else { Ok(()) };
    };
    let info = ImageInfo::read(object)?;
    if let PixelData::Native { bytes, tag, .. } = pixels {
        check_native_length(&info.encoded, bytes.len(), tag)?;
    }
    Ok(())
}

/// True for the storage classes whose instances are images (PS3.4 B.5): an image without pixels was cut off.
fn is_image_class(uid: &str) -> bool {
    let Some(class) = uid.strip_prefix("1.2.840.10008.5.1.4.1.1.") else { return false };
    let family = class.split('.').next().unwrap_or_default();
    let spectroscopy = class == "4.2";
    matches!(family, "1" | "2" | "3" | "4" | "6" | "7" | "12" | "13" | "14" | "20" | "77" | "128" | "130")
        && !spectroscopy
}

/// Uncompressed pixel data have to hold what the Image Pixel module announces. More is padding.
///
/// # Errors
/// `wrong_length`, naming the attributes and both figures.
pub fn check_native_length(encoded: &Encoded, found: usize, tag: Tag) -> Result<(), Refusal> {
    let needed = encoded.native_bytes();
    if found as u64 >= needed {
        return Ok(());
    }
    Err(Refusal::new(
        "wrong_length",
        format!(
            "Rows (0028,0010) {} × Columns (0028,0011) {} × {} samples × {} frames of {} bits need {needed} bytes, \
             but {} has {found}. Ask the sender for a corrected file.",
            encoded.rows,
            encoded.columns,
            encoded.samples_per_pixel,
            encoded.frames,
            encoded.bits_allocated,
            named(tag)
        ),
    ))
}

fn required_uid<T, E>(
    data: &Dataset<'_>,
    tag: Tag,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Refusal>
where
    E: std::fmt::Display,
{
    let text = data.text(tag).ok_or_else(|| missing(tag))?;
    parse(&text)
        .map_err(|why| Refusal::new("bad_attribute", format!("{} cannot be used: {why}.", named(tag))))
}

/// Position and orientation of the first frame; what is not readable is left out here and told when it is opened.
fn first_plane(data: &Dataset<'_>) -> (Option<[f64; 3]>, Option<[f64; 6]>) {
    let group = |sequence| {
        let functional =
            [tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE];
        functional.into_iter().find_map(|groups| data.first_item(groups)?.first_item(sequence))
    };
    let position = data.vector(tags::IMAGE_POSITION_PATIENT).ok().flatten();
    let orientation = data.vector(tags::IMAGE_ORIENTATION_PATIENT).ok().flatten();
    (
        position.or_else(|| {
            let plane = group(tags::PLANE_POSITION_SEQUENCE)?;
            plane.vector(tags::IMAGE_POSITION_PATIENT).ok().flatten()
        }),
        orientation.or_else(|| {
            let plane = group(tags::PLANE_ORIENTATION_SEQUENCE)?;
            plane.vector(tags::IMAGE_ORIENTATION_PATIENT).ok().flatten()
        }),
    )
}

/// `HHMMSS` of a TM value; empty when it is none.
fn time_of_day(text: &str) -> String {
    let digits: String =
        text.chars().filter(|c| *c != ':').take_while(char::is_ascii_digit).take(6).collect();
    if digits.len() < 4 { String::new() } else { format!("{digits:0<6}") }
}
