//! Reading one study: its record, its series, its manifest for the light box, what was drawn on it.

use crate::{Cache, CacheError, apply::require, tables};
use medsight_base::{InstanceUid, SeriesUid, StudyUid};
use medsight_record::{
    Annotation, AnnotationId, Manifest, ManifestInstance, ReadingSession, SeriesRecord, StudyRecord,
};
use medsight_vault::BlobId;
use std::collections::BTreeMap;
use tables::instances::{Geometry, Stored};

/// One file of a study, and what kind of object it is.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredForm {
    /// SOP Instance UID (0008,0018).
    pub uid: InstanceUid,
    /// Series Instance UID (0020,000E).
    pub series: SeriesUid,
    /// SOP Class UID (0008,0016).
    pub sop_class: String,
    /// Transfer Syntax UID (0002,0010) of the stored bytes.
    pub transfer_syntax: String,
    /// Where its bytes are; `None` when they are not on this computer.
    pub blob: Option<BlobId>,
}

impl Cache {
    /// The record of a study; `None` when it is not here.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn study(&self, study: &StudyUid) -> Result<Option<StudyRecord>, CacheError> {
        self.read(|db| Ok(tables::studies::by_uid(db, study)?))
    }

    /// The series of a study in the order of their numbers.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn series(&self, study: &StudyUid) -> Result<Vec<SeriesRecord>, CacheError> {
        self.read(|db| {
            let row = require(db, study)?;
            Ok(tables::series::of_study(db, row)?.into_iter().map(|(_, record)| record).collect())
        })
    }

    /// The instances of a study whose bytes are on this computer; none when the study is not here.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn instances_here(&self, study: &StudyUid) -> Result<Vec<InstanceUid>, CacheError> {
        self.read(|db| {
            let Ok(row) = require(db, study) else { return Ok(Vec::new()) };
            let stored = tables::instances::of_study(db, row)?;
            Ok(stored.into_iter().filter(|s| s.blob.is_some()).map(|s| s.uid).collect())
        })
    }

    /// In what form each file of a study is stored: what an image program opens, and what another one does.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn stored_forms(&self, study: &StudyUid) -> Result<Vec<StoredForm>, CacheError> {
        self.read(|db| Ok(tables::instances::forms_of_study(db, require(db, study)?)?))
    }

    /// What stands on a study, oldest change first.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn annotations(&self, study: &StudyUid) -> Result<Vec<Annotation>, CacheError> {
        self.read(|db| Ok(tables::annotations::of_study(db, require(db, study)?)?))
    }

    /// The revision of everything that stands on a study: who quotes a number says which.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn annotation_revisions(&self, study: &StudyUid) -> Result<BTreeMap<AnnotationId, i64>, CacheError> {
        self.read(|db| {
            let row = require(db, study)?;
            Ok(tables::annotations::revisions_of_study(db, row)?.into_iter().collect())
        })
    }

    /// Other studies of the patient of a study that are in the cache, newest first. The same patient: the same Patient
    /// ID, and no other birth date or issuer of the ID. Nothing for a study without a Patient ID.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn other_studies_of_patient(&self, study: &StudyRecord) -> Result<Vec<StudyRecord>, CacheError> {
        let id = study.patient.id.trim();
        if id.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self.read(|db| Ok(tables::studies::of_patient_id(db, id)?))?;
        found.retain(|other| study.patient.may_be(&other.patient) && other.uid != study.uid);
        found.sort_by(|a, b| (b.date, &b.time).cmp(&(a.date, &a.time)));
        Ok(found)
    }

    /// How the study was laid out when it was last read.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn session(&self, study: &StudyUid) -> Result<Option<ReadingSession>, CacheError> {
        self.read(|db| Ok(tables::sessions::of_study(db, require(db, study)?)?))
    }

    /// What the light box gets: the files of the study in reading order, and where their bytes are.
    ///
    /// # Errors
    /// [`CacheError::NotFound`]; [`CacheError::PixelsElsewhere`] when the images were evicted.
    pub fn manifest(&self, study: &StudyUid) -> Result<Manifest, CacheError> {
        self.manifest_of(study, true)
    }

    /// As [`Self::manifest`], but with what is on this computer only: for a study that is on its way.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn manifest_here(&self, study: &StudyUid) -> Result<Manifest, CacheError> {
        self.manifest_of(study, false)
    }

    fn manifest_of(&self, study: &StudyUid, whole: bool) -> Result<Manifest, CacheError> {
        self.read(|db| {
            let row = require(db, study)?;
            let record = tables::studies::by_id(db, row)?.ok_or(CacheError::NotFound("study"))?;
            let (rows, series): (Vec<i64>, Vec<SeriesRecord>) =
                tables::series::of_study(db, row)?.into_iter().unzip();
            let mut stored = tables::instances::of_study(db, row)?;
            stored.retain(|s| whole || s.blob.is_some());
            let place = |s: &Stored| rows.iter().position(|row| *row == s.series).unwrap_or(usize::MAX);
            let normals: Vec<_> = rows.iter().map(|row| series_normal(&stored, *row)).collect();
            let along = |s: &Stored| {
                let normal = normals.get(place(s)).copied().flatten()?;
                s.geometry.as_ref().map(|geometry| dot(geometry.position_mm, normal))
            };
            stored.sort_by(|a, b| {
                let positions = match (along(a), along(b)) {
                    (Some(a), Some(b)) => a.total_cmp(&b),
                    (a, b) => b.is_some().cmp(&a.is_some()),
                };
                place(a)
                    .cmp(&place(b))
                    .then(positions)
                    .then_with(|| a.number.cmp(&b.number))
                    .then_with(|| a.uid.cmp(&b.uid))
            });
            let instances = stored
                .iter()
                .map(|s| {
                    Ok(ManifestInstance {
                        uid: s.uid.clone(),
                        series: series_of(&series, place(s))?,
                        blob: s.blob.ok_or(CacheError::PixelsElsewhere)?.to_string(),
                        bytes: s.bytes,
                        frames: s.frames,
                        position_along_normal_mm: along(s),
                    })
                })
                .collect::<Result<_, CacheError>>()?;
            Ok(Manifest { study: record, series, instances })
        })
    }
}

fn series_of(series: &[SeriesRecord], place: usize) -> Result<SeriesUid, CacheError> {
    let record =
        series.get(place).ok_or_else(|| CacheError::Damaged("an image without series".to_owned()))?;
    Ok(record.uid.clone())
}

/// The direction in which the slices of a series are counted: row axis × column axis of its first image
/// (PS3.3 C.7.6.2.1.1). `None` when no image says where it stands.
fn series_normal(stored: &[Stored], series: i64) -> Option<[f64; 3]> {
    let of_series = stored.iter().filter(|s| s.series == series);
    let first: &Geometry = of_series
        .filter_map(|s| s.geometry.as_ref().map(|g| (s.number, &s.uid, g)))
        .min_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)))?
        .2;
    let [a, b, c, d, e, f] = first.orientation;
    Some([b * f - c * e, c * d - a * f, a * e - b * d])
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}
