//! Models that run by themselves when a study has arrived, as the rules of the settings say. The light box runs them, one at a time and
//! behind whatever a reader asked for; here is which run is due, and that one that was cut off by the end of the program that ran it is tried
//! once more. What comes of it is a proposal like any other.

use crate::desk::{Desk, held};
use crate::writing::Source;
use medsight_base::{SeriesUid, StudyUid};
use medsight_dicom::tags;
use medsight_link::ToLightBox;
use medsight_record::{ManifestInstance, ModelRule, RuledSeries, SeriesRecord};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use ts_rs::TS;

/// Times that a run is begun: one that ends the light box twice would end it every time.
const TRIES: u32 = 2;

/// Runs that did not come about are shown up to so many.
const SHOWN: usize = 20;

/// Runs that are due.
#[derive(Default)]
pub(crate) struct ModelRuns {
    due: Mutex<Vec<Run>>,
    refused: Mutex<VecDeque<RefusedRun>>,
}

/// A run that a rule named and that did not come about.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, TS)]
pub struct RefusedRun {
    /// Name of the model.
    pub model: String,
    /// Why; no patient data.
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq)]
struct Run {
    study: StudyUid,
    series: SeriesUid,
    model: String,
    tries: u32,
}

impl ModelRuns {
    /// A study is here, whole: what the rules say runs. Reads headers: not for a thread that others wait for.
    pub(crate) fn arrived(&self, desk: &Arc<Desk>, study: &StudyUid) {
        let rules = desk.settings().settings.models.rules.clone();
        // A study that cannot be read is found by whoever opens it.
        let Some(runs) = (!rules.is_empty()).then(|| due(desk, study, &rules)).flatten() else { return };
        let fresh: Vec<Run> = {
            let mut due = held(&self.due);
            let is_known = |run: &Run| due.iter().any(|d| d.series == run.series && d.model == run.model);
            let fresh: Vec<Run> = runs.into_iter().filter(|run| !is_known(run)).collect();
            due.extend(fresh.clone());
            fresh
        };
        if !fresh.is_empty() && desk.light_box().ensure(desk).is_ok() {
            self.ask(desk, |run| fresh.contains(run));
        }
    }

    /// The light box is there, perhaps anew: what it had not done is asked for again.
    pub(crate) fn light_box_ready(&self, desk: &Arc<Desk>) {
        self.ask(desk, |_| true);
    }

    /// What a model proposes on a series is stored.
    pub(crate) fn proposed(&self, series: &SeriesUid, model: &str) {
        let is_of = |run: &Run| run.model == model || run.model.split('@').next() == Some(model);
        held(&self.due).retain(|run| run.series != *series || !is_of(run));
    }

    /// A model did not run. The reason is the site's who wrote the rule: it is told where rules are, not to who reads.
    pub(crate) fn not_proposed(&self, series: &SeriesUid, reason: &str) {
        let model = {
            let mut due = held(&self.due);
            let at = due.iter().position(|run| run.series == *series);
            at.map(|at| due.remove(at).model)
        };
        if let Some(model) = model {
            let mut refused = held(&self.refused);
            refused.push_front(RefusedRun { model, reason: reason.to_owned() });
            refused.truncate(SHOWN);
        }
    }

    /// Runs that did not come about since the start, newest first.
    pub(crate) fn refused(&self) -> Vec<RefusedRun> {
        held(&self.refused).iter().cloned().collect()
    }

    fn ask(&self, desk: &Arc<Desk>, is_meant: impl Fn(&Run) -> bool) {
        let asked: Vec<Run> = {
            let mut due = held(&self.due);
            due.retain(|run| run.tries < TRIES);
            let meant = due.iter_mut().filter(|run| is_meant(run));
            meant
                .map(|run| {
                    run.tries += 1;
                    run.clone()
                })
                .collect()
        };
        for run in asked {
            let manifest = desk.cache().ok().and_then(|cache| cache.manifest(&run.study).ok());
            // Deleted meanwhile.
            let Some(manifest) = manifest.map(Box::new) else { continue };
            desk.light_box().say(ToLightBox::Propose { manifest, series: run.series, model: run.model });
        }
    }
}

/// The runs that the rules name for a study and that were not made yet.
fn due(desk: &Arc<Desk>, study: &StudyUid, rules: &[ModelRule]) -> Option<Vec<Run>> {
    let cache = desk.cache().ok()?;
    let manifest = cache.manifest(study).ok()?;
    let made = cache.proposals(study).ok()?;
    let source = Source::of(&cache, desk.who(), study).ok()?;
    let body_part = |series: &SeriesRecord| {
        let is_of = |image: &&ManifestInstance| image.series == series.uid && image.frames > 0;
        let first = manifest.instances.iter().find(is_of)?;
        Some(source.object(&first.uid).ok()?.data().text_or_empty(tags::BODY_PART_EXAMINED))
    };
    let mut runs = Vec::new();
    for series in &manifest.series {
        let of_modality = |rule: &&ModelRule| rule.modality.trim() == series.modality;
        if !rules.iter().any(|rule| of_modality(&rule)) {
            continue;
        }
        let names_part = rules.iter().filter(of_modality).any(|rule| !rule.body_part.is_empty());
        let body_part = if names_part { body_part(series).unwrap_or_default() } else { String::new() };
        let ruled = RuledSeries {
            modality: &series.modality,
            body_part: &body_part,
            descriptions: [&series.description, &manifest.study.description],
            images: series.frame_count,
        };
        for rule in rules.iter().filter(|rule| rule.holds_for(ruled)) {
            let name = rule.model.split('@').next().unwrap_or_default();
            if !made.iter().any(|known| known.images == series.uid && known.maker.name == name) {
                let (study, series) = (study.clone(), series.uid.clone());
                runs.push(Run { study, series, model: rule.model.clone(), tries: 0 });
            }
        }
    }
    Some(runs)
}
