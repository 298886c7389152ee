//! What the light box is told of a study that it is to show.

use crate::problem::{Fault, Problem};
use medsight_base::StudyUid;
use medsight_cache::Cache;
use medsight_link::ToLightBox;
use medsight_record::{Manifest, ManifestInstance};

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
    if !manifest.instances.iter().any(|instance| is_shown(&manifest, instance)) {
        return Err(Fault::NoImages.into());
    }
    Ok(ToLightBox::Open {
        manifest: Box::new(manifest),
        annotations: cache.annotations(study)?,
        session: cache.session(study)?.map(Box::new),
        arriving,
    })
}
