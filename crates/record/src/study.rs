//! Patients, studies, series and instances, as the worklist and the light box know them.
//!
//! These are facts read from DICOM headers (PS3.3 C.7.1 to C.7.5), not pixels.

use crate::work::Work;
use medsight_base::{DicomDate, InstanceUid, SeriesUid, StudyUid, Timestamp};
use serde::{Deserialize, Serialize};

/// Patient's Sex (0010,0040).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sex {
    /// `F`
    F,
    /// `M`
    M,
    /// `O`
    O,
}

impl Sex {
    /// Reads the attribute; `None` for empty or anything else.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "F" => Some(Self::F),
            "M" => Some(Self::M),
            "O" => Some(Self::O),
            _ => None,
        }
    }

    /// The letter of the attribute.
    pub fn letter(self) -> char {
        match self {
            Self::F => 'F',
            Self::M => 'M',
            Self::O => 'O',
        }
    }
}

/// Who was examined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patient {
    /// Patient ID (0010,0020), as in the file.
    pub id: String,
    /// Issuer of Patient ID (0010,0021): whose numbering it is. `None` where the file does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Patient's Name (0010,0010), decoded, components divided by `^`.
    pub name: String,
    /// Patient's Birth Date (0010,0030).
    pub birth_date: Option<DicomDate>,
    /// Patient's Sex (0010,0040).
    pub sex: Option<Sex>,
}

impl Patient {
    /// Whether nothing that both say is another: whose numbering the Patient ID is of, and the day of birth. The ID itself is not
    /// looked at.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        let issuer = |patient: &Self| patient.issuer.as_deref().map(str::trim).unwrap_or_default().to_owned();
        let (one, two) = (issuer(self), issuer(other));
        let is_other_day = self.birth_date.zip(other.birth_date).is_some_and(|(one, two)| one != two);
        (one.is_empty() || two.is_empty() || one == two) && !is_other_day
    }

    /// The form in which identity stands on every window: `NAME^GIVEN · 1957-03-14 (69 F) · ID 004711`.
    ///
    /// Age is whole years on `today`; what the file does not say is left out.
    pub fn identity_line(&self, today: Option<DicomDate>) -> String {
        let name = if self.name.is_empty() { "—" } else { &self.name };
        let age = self.birth_date.zip(today).and_then(|(birth, today)| birth.years_until(today));
        let sex = self.sex.map(|s| s.letter().to_string());
        let about: Vec<String> = age.map(|a| a.to_string()).into_iter().chain(sex).collect();
        let mut line = name.to_owned();
        match (self.birth_date, about.is_empty()) {
            (Some(birth), false) => line += &format!(" · {} ({})", birth.iso(), about.join(" ")),
            (Some(birth), true) => line += &format!(" · {}", birth.iso()),
            (None, false) => line += &format!(" · ({})", about.join(" ")),
            (None, true) => {}
        }
        if !self.id.is_empty() {
            line += &format!(" · ID {}", self.id);
        }
        line
    }
}

/// How far the reading of a study has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadState {
    /// Nobody has opened it.
    #[default]
    Unread,
    /// Opened, something measured or written.
    Draft,
    /// A preliminary report is there.
    Preliminary,
    /// Signed.
    Final,
    /// Signed and added to.
    Addendum,
}

impl ReadState {
    /// All states in their order.
    pub const ALL: [ReadState; 5] =
        [Self::Unread, Self::Draft, Self::Preliminary, Self::Final, Self::Addendum];
}

/// One study of the worklist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyRecord {
    /// Study Instance UID (0020,000D).
    pub uid: StudyUid,
    /// Who was examined.
    pub patient: Patient,
    /// Study Date (0008,0020).
    pub date: Option<DicomDate>,
    /// Study Time (0008,0030) as `HHMMSS`, empty when absent.
    pub time: String,
    /// Accession Number (0008,0050).
    pub accession: String,
    /// Study Description (0008,1030).
    pub description: String,
    /// Modalities of its series, sorted, each once.
    pub modalities: Vec<String>,
    /// Number of series.
    pub series_count: u32,
    /// Number of instances.
    pub instance_count: u32,
    /// Bytes of the files as they came in.
    pub bytes: u64,
    /// How far the reading has come.
    pub state: ReadState,
    /// When the first instance came in.
    pub imported_at: Timestamp,
    /// Who reads it, and how urgent it is.
    #[serde(default)]
    pub work: Work,
}

/// One series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesRecord {
    /// Series Instance UID (0020,000E).
    pub uid: SeriesUid,
    /// Series Number (0020,0011).
    pub number: Option<i32>,
    /// Modality (0008,0060).
    pub modality: String,
    /// Series Description (0008,103E).
    pub description: String,
    /// Number of instances.
    pub instance_count: u32,
    /// Number of frames over all instances.
    pub frame_count: u32,
}

/// What is kept of one instance's header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// SOP Instance UID (0008,0018).
    pub uid: InstanceUid,
    /// SOP Class UID (0008,0016).
    pub sop_class: String,
    /// Transfer Syntax UID (0002,0010).
    pub transfer_syntax: String,
    /// Study it belongs to.
    pub study: StudyUid,
    /// Series it belongs to.
    pub series: SeriesUid,
    /// Who was examined.
    pub patient: Patient,
    /// Study Date (0008,0020).
    pub study_date: Option<DicomDate>,
    /// Study Time (0008,0030) as `HHMMSS`.
    pub study_time: String,
    /// Accession Number (0008,0050).
    pub accession: String,
    /// Study Description (0008,1030).
    pub study_description: String,
    /// Modality (0008,0060).
    pub modality: String,
    /// Series Number (0020,0011).
    pub series_number: Option<i32>,
    /// Series Description (0008,103E).
    pub series_description: String,
    /// Instance Number (0020,0013).
    pub instance_number: Option<i32>,
    /// Number of Frames (0028,0008), 1 when absent, 0 without pixels.
    pub frames: u32,
    /// Rows and columns; `None` without pixels.
    pub rows_columns: Option<(u32, u32)>,
    /// Image Position (Patient) (0020,0032) in millimetres, of the first frame.
    pub position_mm: Option<[f64; 3]>,
    /// Image Orientation (Patient) (0020,0037): row axis, column axis.
    pub orientation: Option<[f64; 6]>,
}

/// One file of a study, as the light box gets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestInstance {
    /// SOP Instance UID (0008,0018).
    pub uid: InstanceUid,
    /// Series it belongs to.
    pub series: SeriesUid,
    /// Where its bytes are in the blob store.
    pub blob: String,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Number of frames; 0 without pixels.
    pub frames: u32,
    /// Position of the slice centre along its normal in millimetres, for loading in reading order.
    pub position_along_normal_mm: Option<f64>,
}

/// A study as the light box gets it: what there is, and where its bytes are. No pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The study.
    pub study: StudyRecord,
    /// Its series, in series number order.
    pub series: Vec<SeriesRecord>,
    /// Its files, by series and then by position along the slice normal, else by instance number.
    pub instances: Vec<ManifestInstance>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_reads_the_same_everywhere() {
        let patient = Patient {
            id: "004711".into(),
            issuer: None,
            name: "DOE^JANE".into(),
            birth_date: DicomDate::parse("19570314"),
            sex: Some(Sex::F),
        };
        let today = DicomDate::parse("20261122");
        assert_eq!(patient.identity_line(today), "DOE^JANE · 1957-03-14 (69 F) · ID 004711");
        assert_eq!(Patient::default().identity_line(today), "—");
    }

    #[test]
    fn the_same_number_of_another_hospital_or_of_somebody_born_on_another_day_is_not_the_same_person() {
        let of = |issuer: Option<&str>, born: Option<&str>| Patient {
            id: "1234".into(),
            issuer: issuer.map(str::to_owned),
            birth_date: born.and_then(DicomDate::parse),
            ..Patient::default()
        };
        let here = of(Some("HERE"), Some("19570314"));
        for same in [of(None, None), of(Some("HERE "), None), of(None, Some("19570314"))] {
            assert!(here.may_be(&same) && same.may_be(&here), "{same:?}");
        }
        assert!(!here.may_be(&of(Some("OTHER"), Some("19570314"))));
        assert!(!here.may_be(&of(Some("HERE"), Some("19570315"))));
    }
}
