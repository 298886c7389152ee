//! The studies of a window as the desk knows them: the one that is read, and others of the patient beside it. Their files are numbered
//! through, those of the one that is read first.

use medsight_base::{SeriesUid, StudyUid};
use medsight_record::{Manifest, ManifestInstance, SeriesRecord, StudyRecord};

/// The manifests of a window.
#[derive(Clone, Debug)]
pub(crate) struct Studies {
    current: Manifest,
    beside: Vec<Manifest>,
}

impl Studies {
    pub(crate) fn new(current: Manifest, beside: Vec<Manifest>) -> Self {
        Self { current, beside }
    }

    /// The one that is read.
    pub(crate) fn current(&self) -> &Manifest {
        &self.current
    }

    /// Whether a study is one of them.
    pub(crate) fn holds(&self, study: &StudyUid) -> bool {
        self.all().any(|manifest| manifest.study.uid == *study)
    }

    /// What there is now of a study; one that was not there is beside from now on.
    pub(crate) fn put(&mut self, manifest: Manifest) {
        let same = std::iter::once(&mut self.current)
            .chain(&mut self.beside)
            .find(|known| known.study.uid == manifest.study.uid);
        match same {
            Some(known) => *known = manifest,
            None => self.beside.push(manifest),
        }
    }

    /// Takes a study off that is beside. False where it is not.
    pub(crate) fn take(&mut self, study: &StudyUid) -> bool {
        let before = self.beside.len();
        self.beside.retain(|manifest| manifest.study.uid != *study);
        self.beside.len() < before
    }

    /// The files of all, in the order of their numbers.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &ManifestInstance> {
        self.all().flat_map(|manifest| &manifest.instances)
    }

    /// The series of all, study by study.
    pub(crate) fn series(&self) -> impl Iterator<Item = &SeriesRecord> {
        self.all().flat_map(|manifest| &manifest.series)
    }

    /// The study of a series, where that is one beside.
    pub(crate) fn beside_of(&self, series: &SeriesUid) -> Option<&StudyRecord> {
        let holds = |manifest: &&Manifest| manifest.series.iter().any(|record| record.uid == *series);
        self.beside.iter().find(holds).map(|manifest| &manifest.study)
    }

    fn all(&self) -> impl Iterator<Item = &Manifest> {
        std::iter::once(&self.current).chain(&self.beside)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use medsight_base::{InstanceUid, Timestamp};
    use medsight_record::{Patient, ReadState};

    fn manifest(study: &str, files: u32) -> Manifest {
        let series = SeriesUid::parse(&format!("{study}.1")).unwrap();
        let instance = |n: u32| ManifestInstance {
            uid: InstanceUid::parse(&format!("{study}.1.{n}")).unwrap(),
            series: series.clone(),
            blob: String::new(),
            bytes: 0,
            frames: 1,
            position_along_normal_mm: None,
        };
        Manifest {
            study: StudyRecord {
                uid: StudyUid::parse(study).unwrap(),
                patient: Patient::default(),
                date: None,
                time: String::new(),
                accession: String::new(),
                description: String::new(),
                modalities: Vec::new(),
                series_count: 1,
                instance_count: files,
                bytes: 0,
                state: ReadState::Unread,
                imported_at: Timestamp(0),
                work: Default::default(),
            },
            instances: (1..=files).map(instance).collect(),
            series: vec![SeriesRecord {
                uid: series,
                number: None,
                modality: "CT".into(),
                description: String::new(),
                instance_count: files,
                frame_count: files,
            }],
        }
    }

    #[test]
    fn files_of_the_study_that_is_read_keep_their_numbers_when_another_comes_beside_it() {
        let mut studies = Studies::new(manifest("1.5", 3), Vec::new());
        let numbers = |s: &Studies| s.instances().map(|i| i.uid.to_string()).collect::<Vec<_>>();
        let before = numbers(&studies);
        studies.put(manifest("1.4", 2));
        assert_eq!(numbers(&studies)[..3], before);
        assert_eq!(numbers(&studies)[3..], ["1.4.1.1", "1.4.1.2"]);
        assert_eq!(studies.beside_of(&SeriesUid::parse("1.4.1").unwrap()).unwrap().uid.to_string(), "1.4");
        assert!(studies.beside_of(&SeriesUid::parse("1.5.1").unwrap()).is_none());
        // More of it has come.
        studies.put(manifest("1.4", 4));
        assert_eq!(numbers(&studies).len(), 7);
        assert!(studies.take(&StudyUid::parse("1.4").unwrap()));
        assert_eq!(numbers(&studies), before);
        assert!(!studies.take(&StudyUid::parse("1.5").unwrap()), "the one that is read stays");
    }
}
