//! What the light box is told of a study that it is to show.

use crate::problem::{Fault, Problem};
use medsight_base::{SeriesUid, StudyUid};
use medsight_cache::Cache;
use medsight_link::{Beside, ToLightBox};
use medsight_record::{Manifest, ManifestInstance, StudyRecord};

/// Modalities of objects without pixels that say something of images, and nothing by themselves.
const BESIDE_IMAGES: [&str; 6] = ["SR", "PR", "KO", "RTSTRUCT", "REG", "FID"];

/// Images, and what is a page of its own: an ECG, a plan, a document.
fn is_shown(manifest: &Manifest, instance: &ManifestInstance) -> bool {
    let series = manifest.series.iter().find(|series| series.uid == instance.series);
    instance.frames > 0 || series.is_some_and(|s| !BESIDE_IMAGES.contains(&s.modality.as_str()))
}

pub(super) fn open_message(cache: &Cache, study: &StudyUid, arriving: bool) -> Result<ToLightBox, Problem> {
    let manifest = if arriving { cache.manifest_here(study)? } else { cache.manifest(study)? };
    // A report or a presentation state alone opens no window that would stay empty.
    if !has_pictures(&manifest) {
        return Err(Fault::NoImages.into());
    }
    let session = cache.session(study)?;
    let before = session.as_ref().map(|session| session.beside.as_slice()).unwrap_or_default();
    // One that has gone since, or is of somebody else now, is not shown again; the rest is.
    let beside = before.iter().filter_map(|other| beside_message(cache, &manifest.study, other, false).ok());
    Ok(ToLightBox::Open {
        beside: beside.collect(),
        manifest: Box::new(manifest),
        annotations: cache.annotations(study)?,
        session: session.map(Box::new),
        arriving,
    })
}

/// Another study of the patient, to be shown beside the one that is read. What programs proposed there is not among it: it is decided on
/// in the study's own window, and shown nowhere else as if it were read.
pub(super) fn beside_message(
    cache: &Cache,
    study: &StudyRecord,
    other: &StudyUid,
    arriving: bool,
) -> Result<Beside, Problem> {
    if !cache.other_studies_of_patient(study)?.iter().any(|known| known.uid == *other) {
        return Err(Fault::NotOfPatient.into());
    }
    let mut manifest = if arriving { cache.manifest_here(other)? } else { cache.manifest(other)? };
    let proposals = cache.proposals(other)?;
    let is_proposal = |series: &SeriesUid| proposals.iter().any(|proposal| proposal.series == *series);
    manifest.instances.retain(|instance| !is_proposal(&instance.series));
    manifest.series.retain(|series| !is_proposal(&series.uid));
    if !has_pictures(&manifest) {
        return Err(Fault::NoImages.into());
    }
    Ok(Beside { manifest: Box::new(manifest), annotations: cache.annotations(other)? })
}

fn has_pictures(manifest: &Manifest) -> bool {
    manifest.instances.iter().any(|instance| is_shown(manifest, instance))
}
