//! What programs propose and people decide on: the light box sends labels of voxels, here they become DICOM objects of the study, with
//! their place in the record. Not here: running models, which the light box does, and drawing.

use crate::desk::{Desk, now};
use crate::problem::Problem;
use crate::writing::{Source, changed, take_in};
use medsight_base::{SeriesUid, StudyUid, Uid};
use medsight_cache::Cache;
use medsight_dicom::derived::{
    Evidence, MeasuredSegment, NewInstance, SegmentedVolume, segment_of, segmentation_of, volumes_report,
};
use medsight_record::{Decision, LabelMeaning, LabelsToWrite, Proposal, Refusal, ToDecide, Written};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Stores what a program proposes as a segmentation that nobody has read. It is durable when this returns.
pub(crate) fn propose(
    desk: &Arc<Desk>,
    study: &StudyUid,
    labels: &LabelsToWrite,
) -> Result<Written, Problem> {
    let cache = desk.cache()?;
    let source = Source::of(&cache, desk.who(), study)?;
    let number = source.next_number();
    let header = source.header(number, &format!("{} (unread)", labels.maker.text()))?;
    let series = header.series.clone();
    let voxels = Voxels::of(labels)?;
    take_in(desk, &cache, &voxels.segmentation(&source, header, None)?)?;
    let proposal = Proposal {
        series: series.clone(),
        images: labels.images.clone(),
        maker: labels.maker.clone(),
        made_at: now(),
        decided: None,
    };
    if let Err(error) = cache.proposed(study, &proposal, &desk.who()) {
        // Without its place in the record it would look like anybody's segmentation.
        let _left_to_a_person = cache.delete_series(study, &series, &desk.who(), now());
        return Err(error.into());
    }
    desk.model_runs().proposed(&labels.images, &labels.maker.name);
    changed(desk, study);
    Ok(Written { series, kind: "SEG".to_owned(), number })
}

/// Stores a decision, with what is kept by it: the segmentation in the name of who decides, and its volumes as a report.
pub(crate) fn decide(desk: &Arc<Desk>, study: &StudyUid, what: &ToDecide) -> Result<(), Problem> {
    let cache = desk.cache()?;
    let kept = match &what.kept {
        Some(labels) => keep(desk, &cache, study, labels, &what.decision)?,
        None => Vec::new(),
    };
    let of: Vec<(&SeriesUid, &str)> = kept.iter().map(|(series, kind)| (series, *kind)).collect();
    let decided = cache.decided(study, &what.proposal, &what.decision, &of, &desk.who(), now());
    if decided.is_err() {
        for (series, _) in &kept {
            let _left_to_a_person = cache.delete_series(study, series, &desk.who(), now());
        }
    }
    decided?;
    changed(desk, study);
    Ok(())
}

/// What a reader outlined with a tool, as a segmentation in the reader's name.
pub(crate) fn outlined(
    source: &Source<'_>,
    header: NewInstance,
    labels: &LabelsToWrite,
) -> Result<Vec<u8>, Problem> {
    Voxels::of(labels)?.segmentation(source, header, Some(&Decision::Accepted))
}

/// Takes a decision back.
pub(crate) fn reopen(desk: &Arc<Desk>, study: &StudyUid, proposal: &SeriesUid) -> Result<(), Problem> {
    desk.cache()?.reopen_proposal(study, proposal, &desk.who(), now())?;
    changed(desk, study);
    Ok(())
}

/// The series that are kept, with their modality.
fn keep(
    desk: &Arc<Desk>,
    cache: &Cache,
    study: &StudyUid,
    labels: &LabelsToWrite,
    decision: &Decision,
) -> Result<Vec<(SeriesUid, &'static str)>, Problem> {
    let source = Source::of(cache, desk.who(), study)?;
    let number = source.next_number();
    let header = source.header(number, &format!("{} (read)", labels.maker.text()))?;
    let voxels = Voxels::of(labels)?;
    let segmentation = segmentation_of(&header, study.to_string());
    let mut kept = vec![(header.series.clone(), "SEG")];
    take_in(desk, cache, &voxels.segmentation(&source, header, Some(decision))?)?;
    let measured = voxels.measured();
    if !measured.is_empty() {
        let header = source.header(number + 1, &format!("{}: volumes", labels.maker.text()))?;
        kept.push((header.series.clone(), "SR"));
        let images = voxels.evidence(&source)?;
        let report = volumes_report(header, source.who.clone(), &segmentation, &images, &measured);
        take_in(desk, cache, &report.map_err(|refusal| Problem::from(&refusal))?)?;
    }
    Ok(kept)
}

/// Labels that fit their slices.
struct Voxels<'l> {
    of: &'l LabelsToWrite,
    labels: Vec<u16>,
    counts: BTreeMap<u16, u64>,
}

impl<'l> Voxels<'l> {
    fn of(of: &'l LabelsToWrite) -> Result<Self, Problem> {
        let [columns, rows] = of.places.size_px;
        let slices = of.places.positions_mm.len();
        let expected = columns.checked_mul(rows).and_then(|size| size.checked_mul(slices));
        let fits = slices == of.slices.len();
        let labels = expected.filter(|_| fits).and_then(|expected| of.labels.labels(expected));
        let wrong = Refusal::new("unwritable", "The labels do not cover the slices of the series.");
        let labels = labels.ok_or_else(|| Problem::from(&wrong))?;
        let mut counts = BTreeMap::new();
        for run in labels.chunk_by(|a, b| a == b) {
            *counts.entry(run[0]).or_default() += run.len() as u64; // a chunk is never empty
        }
        Ok(Self { of, labels, counts })
    }

    /// The image of each slice.
    fn evidence(&self, source: &Source<'_>) -> Result<Vec<Evidence>, Problem> {
        let gone = Refusal::new("unwritable", "An image of the labels is not on this computer.");
        let one = |image: &medsight_record::ImageRef| {
            let facts = source.known(&image.instance).ok_or_else(|| Problem::from(&gone))?.facts;
            let mut evidence = facts.evidence;
            if facts.frames > 1 {
                evidence.instance = evidence.instance.frame(image.frame);
            }
            Ok(evidence)
        };
        self.of.slices.iter().map(one).collect()
    }

    /// The object: unread, or as a person decided.
    fn segmentation(
        &self,
        source: &Source<'_>,
        header: NewInstance,
        decision: Option<&Decision>,
    ) -> Result<Vec<u8>, Problem> {
        let maker = &self.of.maker;
        let is_changed = decision == Some(&Decision::Changed);
        let segment = |label: &LabelMeaning| (label.value, segment_of(label, maker, is_changed));
        let first = self.of.slices.first().and_then(|image| source.known(&image.instance));
        let description = match decision {
            None => format!("Made by {}, read by nobody yet", maker.text()),
            Some(_) if maker.is_guided => format!("Outlined by a person with {}", maker.text()),
            Some(Decision::Changed) => format!("Made by {}, changed by a person", maker.text()),
            Some(_) => format!("Made by {}, accepted by a person", maker.text()),
        };
        let made = SegmentedVolume {
            header,
            places: self.of.places.clone(),
            labels: &self.labels,
            segments: self.of.meanings.iter().map(segment).collect(),
            slices: self.evidence(source)?,
            label: if decision.is_some() { "READ" } else { "MODEL" }.to_owned(),
            description,
            creator: if decision.is_some() { source.who.clone() } else { String::new() },
            lossy_source: first.is_some_and(|known| known.is_lossy),
            dimension_organization: new_uid(),
        };
        made.to_file().map_err(|refusal| Problem::from(&refusal))
    }

    /// Segments that are somewhere, numbered as the segmentation numbers them.
    fn measured(&self) -> Vec<MeasuredSegment<'l>> {
        let [row_mm, column_mm] = self.of.places.spacing_mm;
        let voxel_mm3 = row_mm * column_mm * self.of.places.thickness_mm;
        let numbered = self.of.meanings.iter().zip(1..);
        let somewhere = numbered.filter_map(|(meaning, number)| {
            let voxels = *self.counts.get(&meaning.value)?;
            let volume_mm3 = voxels as f64 * voxel_mm3;
            Some(MeasuredSegment { number, meaning, volume_mm3, tracking: new_uid() })
        });
        somewhere.collect()
    }
}

fn new_uid() -> Uid {
    Uid::from_uuid(uuid::Uuid::new_v4().as_u128())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use crate::writing::tests::{desk, only_object};
    use medsight_dicom::derived::{Algorithm, MeasurementReport, Segmentation};
    use medsight_dicom::tags;
    use medsight_record::{ImageRef, LabelRuns, Maker, SlicePlaces};

    /// Two voxels of the first slice, one of the second.
    fn labels(desk: &Desk, study: &StudyUid) -> LabelsToWrite {
        let images = desk.cache().unwrap().manifest(study).unwrap().instances;
        let series = images[0].series.clone();
        let slices: Vec<ImageRef> = images
            .iter()
            .filter(|image| image.series == series)
            .take(2)
            .map(|image| ImageRef { instance: image.uid.clone(), frame: 0 })
            .collect();
        let named = |value: u16, name: &str| LabelMeaning {
            value,
            name: name.into(),
            category: None,
            code: None,
            side: None,
            rgb: None,
        };
        LabelsToWrite {
            images: series,
            slices,
            places: SlicePlaces {
                size_px: [2, 2],
                axes: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
                spacing_mm: [2.0, 2.0],
                thickness_mm: 5.0,
                positions_mm: vec![[0.0; 3], [0.0, 0.0, 5.0]],
                frame_of_reference: "1.2.3".into(),
            },
            maker: Maker {
                name: "bleed".into(),
                version: "2.1".into(),
                sha256: "ab".into(),
                is_guided: false,
                arithmetic: String::new(),
            },
            meanings: vec![named(1, "haematoma"), named(2, "nothing here")],
            labels: LabelRuns::of([1, 1, 0, 0, 1, 0, 0, 0]),
        }
    }

    #[test]
    fn a_proposal_is_an_unread_segmentation_and_what_is_kept_of_it_is_in_the_readers_name_with_its_volume() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, study) = desk(folder.path());
        let labels = labels(&desk, &study);
        let proposed = propose(&desk, &study, &labels).unwrap();
        let object = only_object(&desk, &study, &proposed.series);
        let seg = Segmentation::read(&object).unwrap();
        assert_eq!(seg.segments[0].algorithm, Some(Algorithm::Automatic));
        assert_eq!(seg.segments[0].algorithm_name, "bleed 2.1");
        assert_eq!(object.data().text_or_empty(tags::SERIES_DESCRIPTION), "bleed 2.1 (unread)");

        let changed = LabelsToWrite { labels: LabelRuns::of([1, 1, 0, 0, 0, 0, 0, 0]), ..labels };
        let what = ToDecide {
            proposal: proposed.series.clone(),
            decision: Decision::Changed,
            kept: Some(Box::new(changed)),
        };
        decide(&desk, &study, &what).unwrap();
        let cache = desk.cache().unwrap();
        let [known] = &cache.proposals(&study).unwrap()[..] else { panic!("one proposal") };
        let decided = known.decided.clone().unwrap();
        assert_eq!((&decided.decision, &decided.by), (&Decision::Changed, &desk.who()));
        let kept = Segmentation::read(&only_object(&desk, &study, &decided.kept[0])).unwrap();
        assert_eq!(kept.segments[0].algorithm, Some(Algorithm::Semiautomatic));
        assert_eq!((kept.voxel_count(1), kept.voxel_count(2)), (2, 0));
        let report = only_object(&desk, &study, &decided.kept[1]);
        let report = MeasurementReport::read(&report).unwrap();
        let [group] = &report.groups[..] else { panic!("a group for the segment that is somewhere") };
        assert_eq!(group.measurements[0].value, Some(40.0), "two voxels of 2×2×5 mm");
        assert_eq!(seg.voxel_count(1), 3, "what was proposed is as it was");

        let again = decide(&desk, &study, &what).unwrap_err();
        assert_eq!(again.code, "cache.decided");
        let series = cache.series(&study).unwrap().len();
        reopen(&desk, &study, &proposed.series).unwrap();
        assert_eq!(cache.series(&study).unwrap().len(), series - 2, "what was kept is gone");
        assert!(cache.proposals(&study).unwrap()[0].decided.is_none());
    }

    #[test]
    fn labels_that_do_not_cover_the_slices_are_refused_and_nothing_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, study) = desk(folder.path());
        let series = desk.cache().unwrap().series(&study).unwrap().len();
        let short = LabelsToWrite { labels: LabelRuns::of([1; 7]), ..labels(&desk, &study) };
        assert!(propose(&desk, &study, &short).is_err());
        assert_eq!(desk.cache().unwrap().series(&study).unwrap().len(), series);
        assert!(desk.cache().unwrap().proposals(&study).unwrap().is_empty());
    }
}
