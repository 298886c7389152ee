//! What is in the windows of the light box: a study that grows there, and other studies of the patient beside it. Showing one of those is
//! seeing it: it takes the right, and is in the audit trail like any opening.

use super::opening::beside_message;
use super::{Inner, LightBox};
use crate::desk::{Desk, held, now};
use crate::problem::{Fault, Problem};
use crate::session::{self, Need};
use medsight_base::StudyUid;
use medsight_link::{Arrival, Beside, ToLightBox};
use medsight_record::{Right, StudyRecord};
use std::sync::Arc;

impl Inner {
    /// Whether a study is in a window.
    pub(super) fn shows(&self, study: &StudyUid) -> bool {
        self.open.contains(study) || self.beside.values().any(|others| others.contains(study))
    }

    /// Studies are in the window of another.
    pub(super) fn put_beside(&mut self, study: &StudyUid, others: &[StudyUid]) {
        let shown = self.beside.entry(study.clone()).or_default();
        for other in others {
            if !shown.contains(other) {
                shown.push(other.clone());
            }
        }
    }

    /// One is there no more.
    pub(super) fn taken_off(&mut self, study: &StudyUid, other: &StudyUid) {
        if let Some(shown) = self.beside.get_mut(study) {
            shown.retain(|known| known != other);
        }
    }

    /// A study has no window any more, and is beside no other.
    pub(super) fn closed(&mut self, study: &StudyUid) {
        self.open.retain(|open| open != study);
        self.beside.remove(study);
    }
}

impl LightBox {
    /// More of a study is here: it grows on the light box, if it is there.
    pub(crate) fn arrived(&self, desk: &Arc<Desk>, study: &StudyUid, arrival: Arrival) {
        if !self.has_open(study) {
            return;
        }
        // What cannot be read now is told when the study is opened the next time.
        let manifest = desk.cache().and_then(|cache| cache.manifest_here(study).map_err(Problem::from));
        if let Ok(manifest) = manifest.as_ref() {
            self.say(ToLightBox::Arrived { manifest: Box::new(manifest.clone()), arrival });
        }
        self.arrived_beside(desk, study);
    }

    /// What lies on the images of a study is another: the light box reads what is there now. A study that is still on its
    /// way is read again anyway.
    pub(super) fn layers_changed(&self, desk: &Arc<Desk>, study: &StudyUid) {
        if !desk.retrieving().is_arriving(study) {
            self.arrived(desk, study, Arrival::Whole);
        }
    }

    /// Says which other studies of the patient are here. Where that can't be read, nothing is said, and the list stays as it was.
    pub(super) fn tell_others(&self, desk: &Arc<Desk>, study: &StudyUid) {
        let others = || -> Result<Vec<StudyRecord>, Problem> {
            let cache = desk.cache()?;
            let record = cache.study(study)?.ok_or(Fault::StudyGone)?;
            Ok(cache.other_studies_of_patient(&record)?)
        };
        if let Ok(others) = others() {
            self.say(ToLightBox::Others { study: study.clone(), others });
        }
    }

    /// More of a study is here, or another object of it: the windows in which it is beside another one have it too.
    fn arrived_beside(&self, desk: &Arc<Desk>, other: &StudyUid) {
        let readings: Vec<StudyUid> = {
            let inner = held(&self.inner);
            let shows = inner.beside.iter().filter(|(_, others)| others.contains(other));
            shows.map(|(study, _)| study.clone()).collect()
        };
        for study in readings {
            let read = || -> Result<Beside, Problem> {
                let cache = desk.cache()?;
                let record = cache.study(&study)?.ok_or(Fault::StudyGone)?;
                beside_message(&cache, &record, other, desk.retrieving().is_arriving(other))
            };
            // What can't be read now is told when it is chosen the next time.
            if let Ok(beside) = read() {
                self.say(ToLightBox::Beside { study, other: Ok(beside) });
            }
        }
    }

    /// A reader wants a study beside another one.
    pub(super) fn put_beside(&self, desk: &Arc<Desk>, study: StudyUid, other: &StudyUid) {
        let read = || -> Result<Beside, Problem> {
            session::allowed(desk, Need::Right(Right::See))?;
            let cache = desk.cache()?;
            let record = cache.study(&study)?.ok_or(Fault::StudyGone)?;
            let beside = beside_message(&cache, &record, other, desk.retrieving().is_arriving(other))?;
            held(&self.inner).put_beside(&study, std::slice::from_ref(other));
            // That it is not in the audit trail must not keep anybody from reading.
            let _ = cache.opened(other, &desk.who(), now());
            Ok(beside)
        };
        let answer = read().map_err(|problem| problem.told(&desk.words()));
        self.say(ToLightBox::Beside { study, other: answer });
    }
}

/// The other studies that an opening message brings.
pub(super) fn studies_of(message: &ToLightBox) -> Vec<StudyUid> {
    match message {
        ToLightBox::Open { beside, .. } => beside.iter().map(|one| one.manifest.study.uid.clone()).collect(),
        _ => Vec::new(),
    }
}
