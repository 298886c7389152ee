//! What a reader drew, marked or set on the light box, as DICOM objects of the study: a measurement report (TID 1500), a
//! key object selection, a presentation state, a segmentation. Each is a new series in the cache, like one that came in from elsewhere,
//! and can be deleted again.

mod look;

use crate::desk::{Desk, now};
use crate::dto::DeskEvent;
use crate::problem::{Fault, Problem};
use crate::proposing;
use medsight_base::{InstanceUid, SeriesUid, StudyUid, Uid};
use medsight_cache::{Cache, CacheError};
use medsight_dicom::derived::{
    Device, Evidence, ImageFacts, Labels, Lookup, NewInstance, NewSegment, Observer, Origin, RegionPlane,
    key_object_codes, key_objects_of, report_of,
};
use medsight_dicom::{DicomHeaders, Object, tags};
use medsight_record::{Annotation, Manifest, Place, Refusal, SegmentToWrite, ToWrite, Written};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Makes the object and takes it into the cache; it is durable when this returns.
pub(crate) fn write(desk: &Arc<Desk>, study: &StudyUid, what: &ToWrite) -> Result<Written, Problem> {
    let cache = desk.cache()?;
    let source = Source::of(&cache, desk.who(), study)?;
    let annotations = cache.annotations(study)?;
    let number = source.next_number();
    let header = |description: &str| source.header(number, description);
    let refused = |refusal: Refusal| Problem::from(&refusal);
    let (series, kind, file) = match what {
        ToWrite::Report => {
            let header = header("Measurements")?;
            (header.series.clone(), "SR", source.report(&annotations, header).map_err(refused)?)
        }
        ToWrite::KeyImages => {
            let header = header("Key images")?;
            (header.series.clone(), "KO", source.key_images(&annotations, header).map_err(refused)?)
        }
        ToWrite::Look(look) => {
            let header = header("View")?;
            (header.series.clone(), "PR", source.look(&annotations, look, &header).map_err(refused)?)
        }
        ToWrite::Segment(segment) => {
            let header = header(&segment.label)?;
            (header.series.clone(), "SEG", source.segment(&annotations, segment, header).map_err(refused)?)
        }
        ToWrite::Outline(labels) => {
            let header = header(&labels.maker.text())?;
            (header.series.clone(), "SEG", proposing::outlined(&source, header, labels)?)
        }
        ToWrite::Proposal(labels) => return proposing::propose(desk, study, labels),
    };
    take_in(desk, &cache, &file)?;
    cache.series_written(study, &series, kind, &desk.who(), now())?;
    changed(desk, study);
    Ok(Written { series, kind: kind.to_owned(), number })
}

/// Takes an object that was made here into the cache, like one from elsewhere.
pub(crate) fn take_in(desk: &Desk, cache: &Cache, file: &[u8]) -> Result<(), Problem> {
    let mut took = cache.take_in(&DicomHeaders, &desk.who(), &[file])?;
    match took.answers.pop() {
        Some(Ok(_)) => Ok(()),
        Some(Err(refusal)) => Err(Problem::from(&refusal)),
        None => Err(Fault::Own.into()),
    }
}

/// Deletes a series that [`write`] made, unless its study was exported or sent since.
pub(crate) fn delete(desk: &Arc<Desk>, study: &StudyUid, series: &SeriesUid) -> Result<(), Problem> {
    desk.cache()?.take_back_series(study, series, &desk.who(), now())?;
    changed(desk, study);
    Ok(())
}

/// The panel of the study lists its series.
pub(crate) fn changed(desk: &Arc<Desk>, study: &StudyUid) {
    desk.studies_changed();
    desk.tell(DeskEvent::StudyChanged { study_uid: study.to_string() });
}

/// The files of a study, read as they are asked for.
pub(crate) struct Source<'c> {
    cache: &'c Cache,
    /// In whose name it is written.
    pub(crate) who: String,
    manifest: Manifest,
    read: RefCell<BTreeMap<InstanceUid, Option<Known>>>,
}

/// What is taken from the header of an image.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) facts: ImageFacts,
    frame_of_reference: String,
    pub(crate) is_lossy: bool,
}

fn nothing(what: &str) -> Refusal {
    Refusal::new("nothing_to_write", what)
}

impl<'c> Source<'c> {
    pub(crate) fn of(cache: &'c Cache, who: String, study: &StudyUid) -> Result<Self, Problem> {
        Ok(Self { cache, who, manifest: cache.manifest(study)?, read: RefCell::default() })
    }

    pub(crate) fn object(&self, instance: &InstanceUid) -> Result<Object<'static>, Problem> {
        let found = self.manifest.instances.iter().find(|i| i.uid == *instance).ok_or(Fault::StudyGone)?;
        let blob = found.blob.parse().map_err(|_| CacheError::Damaged("a file name".to_owned()))?;
        let bytes =
            self.cache.blobs().open(blob).and_then(|blob| blob.read_all()).map_err(CacheError::from)?;
        Object::from_vec(bytes).map_err(|refusal| Problem::from(&refusal))
    }

    pub(crate) fn known(&self, instance: &InstanceUid) -> Option<Known> {
        if let Some(known) = self.read.borrow().get(instance) {
            return known.clone();
        }
        let frames = self.manifest.instances.iter().find(|i| i.uid == *instance).map_or(1, |i| i.frames);
        let known = self.object(instance).ok().and_then(|object| {
            let facts = ImageFacts { evidence: Evidence::of(&object).ok()?, frames };
            let frame_of_reference = object.data().text_or_empty(tags::FRAME_OF_REFERENCE_UID);
            let is_lossy = object.data().text(tags::LOSSY_IMAGE_COMPRESSION).as_deref() == Some("01");
            Some(Known { facts, frame_of_reference, is_lossy })
        });
        self.read.borrow_mut().insert(instance.clone(), known.clone());
        known
    }

    fn frame_of_reference(&self, series: &SeriesUid) -> Option<String> {
        let first = self.manifest.instances.iter().find(|i| i.series == *series)?;
        self.known(&first.uid).map(|known| known.frame_of_reference).filter(|uid| !uid.is_empty())
    }

    /// Behind the series that there are.
    pub(crate) fn next_number(&self) -> u32 {
        let last = self.manifest.series.iter().filter_map(|s| s.number).max().unwrap_or(0);
        u32::try_from(last).unwrap_or(0).saturating_add(1)
    }

    /// Patient and study as the first file has them.
    pub(crate) fn header(&self, series_number: u32, description: &str) -> Result<NewInstance, Problem> {
        let first = self.manifest.instances.first().ok_or(Fault::StudyGone)?;
        let new = || Uid::from_uuid(uuid::Uuid::new_v4().as_u128());
        Ok(NewInstance {
            origin: Origin::of(&self.object(&first.uid)?).map_err(|refusal| Problem::from(&refusal))?,
            series: SeriesUid(new()),
            instance: InstanceUid(new()),
            series_number,
            instance_number: 1,
            series_description: description.to_owned(),
            made_at: now(),
            // Times in the object are UTC, and it says so.
            utc_offset_min: 0,
            device: Device::default(),
        })
    }

    fn report(&self, annotations: &[Annotation], header: NewInstance) -> Result<Vec<u8>, Refusal> {
        let image = |uid: &InstanceUid| self.known(uid).map(|known| known.facts);
        let frame_of_reference = |series: &SeriesUid| self.frame_of_reference(series);
        let lookup = Lookup { image: &image, frame_of_reference: &frame_of_reference };
        let observers = vec![Observer::Person(self.who.clone())];
        let made = report_of(annotations, observers, Labels::Numbered, &lookup)?;
        if made.report.groups.is_empty() {
            return Err(nothing("There is no measurement to write."));
        }
        made.report.to_file(header, made.evidence, true)
    }

    fn key_images(&self, annotations: &[Annotation], header: NewInstance) -> Result<Vec<u8>, Refusal> {
        let image = |uid: &InstanceUid| self.known(uid).map(|known| known.facts);
        let lookup = Lookup { image: &image, frame_of_reference: &|_| None };
        let marked = key_objects_of(annotations, key_object_codes::OF_INTEREST, &self.who, &lookup)?;
        marked.ok_or_else(|| nothing("No image is marked."))?.to_file(header)
    }

    fn segment(
        &self,
        annotations: &[Annotation],
        wanted: &SegmentToWrite,
        header: NewInstance,
    ) -> Result<Vec<u8>, Refusal> {
        let regions: Vec<&Annotation> =
            annotations.iter().filter(|a| wanted.regions.contains(&a.id)).collect();
        let drawn_on = |instance: &InstanceUid| {
            regions.iter().any(|a| matches!(&a.place, Place::Image { instance: on, .. } if on == instance))
        };
        let mut planes = Vec::new();
        for image in self.manifest.instances.iter().filter(|i| i.series == wanted.series && i.frames > 0) {
            let unreadable = |_| nothing("An image of the regions is not on this computer.");
            let read = self.object(&image.uid).map_err(unreadable);
            match read.and_then(|object| RegionPlane::of(&object, &image.uid)) {
                Ok(frames) => planes.extend(frames),
                // A localiser among the slices need not have a place, unless it was drawn on.
                Err(refusal) if drawn_on(&image.uid) => return Err(refusal),
                Err(_) => {}
            }
        }
        let new = NewSegment {
            header,
            label: &wanted.label,
            meaning: wanted.meaning,
            creator: &self.who,
            frame_of_reference: self.frame_of_reference(&wanted.series).unwrap_or_default(),
            tracking: Uid::from_uuid(uuid::Uuid::new_v4().as_u128()),
            dimensions: Uid::from_uuid(uuid::Uuid::new_v4().as_u128()),
        };
        new.to_file(&regions, &planes)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use crate::args::Args;
    use crate::desk::Shell;
    use crate::dto::{ImportPaths, ImportState};
    use crate::importing;
    use medsight_base::Timestamp;
    use medsight_dicom::derived::{KeyObjects, MeasurementReport, PresentationState, Report};
    use medsight_record::{
        AnnotationId, AnnotationKind, ImageRef, LookToWrite, Measured, Place, RecordCommand, ScaleSource,
    };
    use std::path::Path;
    use std::time::{Duration, Instant};

    /// A desk with a sample study.
    pub(crate) fn desk(folder: &Path) -> (Arc<Desk>, StudyUid) {
        let args = Args {
            cache: Some(folder.join("cache")),
            key: format!("key-file:{}", folder.join("key").display()).parse().ok(),
            import: Vec::new(),
        };
        let shell = Shell {
            tell: Box::new(|_| ()),
            choose: Box::new(|_| Vec::new()),
            save_as: Box::new(|_| None),
            open_in_browser: Box::new(|_| false),
            speller: None,
            close: Box::new(|| ()),
        };
        let desk = Desk::new(args, Some(folder.join("settings.toml")), shell);
        desk.start(false);
        let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/samples/studies/ct_head_tilted_uneven");
        importing::import_paths(&desk, ImportPaths { paths: vec![samples.to_owned()] }).unwrap();
        let begun = Instant::now();
        while !matches!(desk.importing().state(), ImportState::Ended(_)) {
            assert!(begun.elapsed() < Duration::from_secs(60), "the import does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        let page = desk
            .cache()
            .unwrap()
            .worklist(&medsight_cache::Query { limit: 10, ..Default::default() })
            .unwrap();
        let study = page.rows[0].uid.clone();
        (desk, study)
    }

    fn keep(desk: &Desk, study: &StudyUid, number: u128, kind: AnnotationKind, points_px: Vec<[f64; 2]>) {
        let cache = desk.cache().unwrap();
        let first = cache.manifest(study).unwrap().instances.remove(0);
        let annotation = Annotation {
            id: AnnotationId(uuid::Uuid::from_u128(number)),
            study: study.clone(),
            kind,
            place: Place::Image { series: first.series, instance: first.uid, frame: 0, points_px },
            measured: Measured {
                length_mm: Some(12.5),
                scale: Some(ScaleSource::PixelSpacing),
                ..Measured::default()
            },
            changed_at: Timestamp(1),
        };
        cache.apply(&RecordCommand::SaveAnnotation(Box::new(annotation)), "tester", now()).unwrap();
    }

    pub(crate) fn only_object(desk: &Desk, study: &StudyUid, series: &SeriesUid) -> Object<'static> {
        let cache = desk.cache().unwrap();
        let source = Source::of(&cache, desk.who(), study).unwrap();
        let mut of_series = source.manifest.instances.iter().filter(|i| i.series == *series);
        source.object(&of_series.next().unwrap().uid).unwrap()
    }

    #[test]
    fn what_was_measured_and_marked_becomes_series_of_the_study_and_can_be_deleted_again() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, study) = desk(folder.path());
        let series_of = |desk: &Desk| desk.cache().unwrap().series(&study).unwrap();
        let before = series_of(&desk).len();
        let refused = write(&desk, &study, &ToWrite::Report).unwrap_err();
        assert_eq!(refused.code, "refused.nothing_to_write");
        keep(&desk, &study, 1, AnnotationKind::Length, vec![[10.0, 10.0], [30.0, 10.0]]);
        keep(&desk, &study, 2, AnnotationKind::KeyImage, Vec::new());

        let report = write(&desk, &study, &ToWrite::Report).unwrap();
        let object = only_object(&desk, &study, &report.series);
        let read = MeasurementReport::of(&Report::read(&object).unwrap()).unwrap();
        assert_eq!(read.groups[0].measurements[0].value, Some(12.5));
        let marked = write(&desk, &study, &ToWrite::KeyImages).unwrap();
        let object = only_object(&desk, &study, &marked.series);
        assert_eq!(KeyObjects::read(&object).unwrap().instances.len(), 1);
        assert_eq!(marked.number, report.number + 1);
        let there = series_of(&desk);
        assert_eq!(there.len(), before + 2);
        assert!(there.iter().any(|s| s.uid == report.series && s.modality == "SR"));

        delete(&desk, &study, &report.series).unwrap();
        assert!(delete(&desk, &study, &there[0].uid).is_err(), "it came in from elsewhere");
        assert_eq!(series_of(&desk).len(), before + 1);
        assert!(delete(&desk, &study, &report.series).is_err(), "it is gone");

        let out = folder.path().join("out");
        desk.cache().unwrap().export(&study, &out, "tester", now(), |_, _| ()).unwrap();
        let refused = delete(&desk, &study, &marked.series).unwrap_err();
        assert_eq!(refused.code, "cache.given-out");
        assert_eq!(series_of(&desk).len(), before + 1, "others have it: it stays");
        assert!(desk.cache().unwrap().verify_audit().unwrap().is_ok());
    }

    #[test]
    fn a_view_keeps_its_window_its_turn_and_what_stands_beside_a_length() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, study) = desk(folder.path());
        keep(&desk, &study, 1, AnnotationKind::Length, vec![[10.0, 10.0], [30.0, 10.0]]);
        let images: Vec<InstanceUid> =
            desk.cache().unwrap().manifest(&study).unwrap().instances.into_iter().map(|i| i.uid).collect();
        let look = LookToWrite {
            shown: ImageRef { instance: images[0].clone(), frame: 0 },
            images: images.clone(),
            window: [35.0, 80.0],
            window_function: "LINEAR".into(),
            inverse: true,
            quarter_turns: 1,
            flipped: false,
            captions: [(AnnotationId(uuid::Uuid::from_u128(1)), "12.5 mm".to_owned())].into(),
        };
        let written = write(&desk, &study, &ToWrite::Look(Box::new(look))).unwrap();
        let object = only_object(&desk, &study, &written.series);
        let state = PresentationState::read(&object).unwrap();
        assert_eq!(state.images.len(), images.len());
        assert_eq!(state.annotations[0].texts[0].text, "12.5 mm");
        let grey = medsight_dicom::Softcopy::read(&object, &images[0].to_string()).unwrap();
        assert_eq!((grey.inverse, grey.quarter_turns, grey.flipped), (true, 1, false));
        let Some(medsight_image::Voi::Window(window)) = grey.voi else { panic!("a window") };
        assert_eq!((window.center(), window.width()), (35.0, 80.0));
    }
}
