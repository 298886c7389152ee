//! What every derived object says of itself: whose it is, when and by what it was made.
//!
//! Patient, study and equipment modules (PS3.3 C.7.1 to C.7.5, C.12.1). Ids and times come in as arguments.

use crate::attribute::{Tag, tags};
use crate::new_dataset::NewDataset;
use crate::object::Object;
use medsight_base::{InstanceUid, SeriesUid, Timestamp};
use medsight_record::{Refusal, StudyRecord};

/// Patient and study, taken over unchanged from an object of the study.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    fields: NewDataset,
}

/// Required, possibly empty: PS3.3 tables C.7-1 and C.7-3.
const ALWAYS: [Tag; 10] = [
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::STUDY_INSTANCE_UID,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::STUDY_ID,
];

/// Taken over where they are.
const WHERE_THERE: [Tag; 13] = [
    tags::ISSUER_OF_PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE,
    tags::OTHER_PATIENT_I_DS_SEQUENCE,
    tags::PATIENT_SPECIES_DESCRIPTION,
    tags::PATIENT_SPECIES_CODE_SEQUENCE,
    tags::PATIENT_IDENTITY_REMOVED,
    tags::DEIDENTIFICATION_METHOD,
    tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE,
    tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE,
    tags::STUDY_DESCRIPTION,
    tags::PATIENT_AGE,
    tags::PATIENT_SIZE,
    tags::PATIENT_WEIGHT,
];

impl Origin {
    /// Takes over what `source` says.
    ///
    /// # Errors
    /// `missing_attribute` when it does not say which study it is of.
    pub fn of(source: &Object<'_>) -> Result<Self, Refusal> {
        let data = source.data();
        if data.text(tags::STUDY_INSTANCE_UID).is_none() {
            return Err(crate::attribute::missing(tags::STUDY_INSTANCE_UID));
        }
        let mut fields = NewDataset::new();
        for tag in ALWAYS {
            fields.copy_or_empty(&data, tag);
        }
        for tag in WHERE_THERE {
            fields.copy(&data, tag);
        }
        Ok(Self { fields })
    }

    /// From the worklist's own facts, where no file is at hand.
    pub fn of_study(study: &StudyRecord) -> Self {
        let mut fields = NewDataset::new();
        for tag in ALWAYS {
            fields.empty(tag);
        }
        let patient = &study.patient;
        let date = |date: Option<medsight_base::DicomDate>| date.map(|d| d.compact()).unwrap_or_default();
        fields
            .text(tags::PATIENT_NAME, &patient.name)
            .text(tags::PATIENT_ID, &patient.id)
            .text(tags::PATIENT_BIRTH_DATE, &date(patient.birth_date))
            .text(tags::PATIENT_SEX, &patient.sex.map(|s| s.letter().to_string()).unwrap_or_default())
            .text(tags::STUDY_INSTANCE_UID, study.uid.as_str())
            .text(tags::STUDY_DATE, &date(study.date))
            .text(tags::STUDY_TIME, &study.time)
            .text(tags::ACCESSION_NUMBER, &study.accession)
            .text_if(tags::STUDY_DESCRIPTION, &study.description);
        Self { fields }
    }
}

/// The software and machine that make an object (PS3.3 C.7.5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Manufacturer (0008,0070).
    pub manufacturer: String,
    /// Manufacturer's Model Name (0008,1090).
    pub model: String,
    /// Device Serial Number (0018,1000).
    pub serial: String,
    /// Software Versions (0018,1020).
    pub software: String,
}

impl Default for Device {
    fn default() -> Self {
        Self {
            manufacturer: "MedSight".into(),
            model: "MedSight".into(),
            serial: "0".into(),
            software: env!("CARGO_PKG_VERSION").into(),
        }
    }
}

/// A new instance in a new or own series.
#[derive(Clone, Debug, PartialEq)]
pub struct NewInstance {
    /// Whose and of which study.
    pub origin: Origin,
    /// Series Instance UID: a series of its own, never the images'.
    pub series: SeriesUid,
    /// SOP Instance UID.
    pub instance: InstanceUid,
    /// Series Number (0020,0011).
    pub series_number: u32,
    /// Instance Number (0020,0013).
    pub instance_number: u32,
    /// Series Description (0008,103E), may be empty.
    pub series_description: String,
    /// When it is made.
    pub made_at: Timestamp,
    /// Local time against UTC, minutes: dates and times in the object are local.
    pub utc_offset_min: i32,
    /// By what it is made.
    pub device: Device,
}

impl NewInstance {
    /// Patient, study, series, equipment and SOP common modules of an object of a class.
    pub(crate) fn fields(&self, sop_class: &str, modality: &str) -> NewDataset {
        let mut fields = self.origin.fields.clone();
        let (date, time) = self.local();
        fields
            .text(tags::SOP_CLASS_UID, sop_class)
            .text(tags::SOP_INSTANCE_UID, self.instance.as_str())
            .text(tags::INSTANCE_CREATION_DATE, &date)
            .text(tags::INSTANCE_CREATION_TIME, &time)
            .text(tags::TIMEZONE_OFFSET_FROM_UTC, &offset(self.utc_offset_min))
            .text(tags::MODALITY, modality)
            .text(tags::SERIES_INSTANCE_UID, self.series.as_str())
            .integer(tags::SERIES_NUMBER, i64::from(self.series_number))
            .integer(tags::INSTANCE_NUMBER, i64::from(self.instance_number))
            .text(tags::SERIES_DATE, &date)
            .text(tags::SERIES_TIME, &time)
            .text_if(tags::SERIES_DESCRIPTION, &self.series_description)
            .text(tags::MANUFACTURER, &self.device.manufacturer)
            .text(tags::MANUFACTURER_MODEL_NAME, &self.device.model)
            .text(tags::DEVICE_SERIAL_NUMBER, &self.device.serial)
            .text(tags::SOFTWARE_VERSIONS, &self.device.software);
        fields
    }

    /// Date and time of making as `YYYYMMDD` and `HHMMSS.FFF`, local.
    pub(crate) fn local(&self) -> (String, String) {
        date_and_time(self.made_at, self.utc_offset_min)
    }

    /// Study Instance UID.
    pub(crate) fn study_uid(&self) -> String {
        match self.origin.fields.elements.get(&tags::STUDY_INSTANCE_UID).map(|e| &e.value) {
            Some(crate::new_dataset::NewValue::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }
    }
}

/// `+0130`.
fn offset(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// Date and time of day of a place, as DA and TM.
fn date_and_time(at: Timestamp, utc_offset_min: i32) -> (String, String) {
    let at = at.civil(utc_offset_min);
    (at.compact_date(), format!("{}.{:03}", at.compact_time(), at.milli))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_local_date_and_time_also_on_a_leap_day_and_before_midnight() {
        assert_eq!(date_and_time(Timestamp(0), 0), ("19700101".into(), "000000.000".into()));
        assert_eq!(date_and_time(Timestamp(951_827_696_789), 0), ("20000229".into(), "123456.789".into()));
        assert_eq!(date_and_time(Timestamp(-1), 0), ("19691231".into(), "235959.999".into()));
        assert_eq!((offset(90).as_str(), offset(-570).as_str()), ("+0130", "-0930"));
    }
}
