//! The program's part in models and proposals: what a window asks of the models, what they tell, what goes to the desk.

use std::sync::Arc;

use medsight_base::{SeriesUid, StudyUid};
use medsight_link::{FromLightBox, ModelsPlace};
use medsight_record::{Decision, LabelsToWrite, Manifest, ToDecide, ToWrite};
use medsight_viewport::Effect;
use uuid::Uuid;
use winit::window::WindowId;

use super::{App, Wake};
use crate::models::{Input, ModelNews, Models};
use crate::proposals::labels_to_write;

impl App {
    /// Where models are.
    pub(super) fn set_models(&mut self, place: ModelsPlace) {
        match &mut self.models {
            Some(models) => models.set_place(place),
            None => {
                let proxy = self.proxy.clone();
                let tell = Arc::new(move |news| {
                    // The loop is gone only at the end of the program.
                    let _ = proxy.send_event(Wake::Model(news));
                });
                self.models = Some(Models::new(place, tell));
            }
        }
    }

    /// Each window offers the models that are installed.
    pub(super) fn offer_models(&mut self) {
        let Some(models) = &self.models else { return };
        for (window, _) in self.windows.values_mut() {
            let offers = models.offers(&self.installed, &window.light_box.words);
            window.light_box.put_models(offers);
            window.window.request_redraw();
        }
    }

    pub(super) fn model_news(&mut self, news: ModelNews) {
        match news {
            ModelNews::Listed(installed) => {
                self.installed = installed;
                self.offer_models();
            }
            ModelNews::At(id, part, left_s) => {
                if let Some((window, _)) = self.windows.get_mut(&id) {
                    window.model_at(part, left_s);
                }
            }
            ModelNews::Shown(id, shown) => {
                if let Some((window, _)) = self.windows.get_mut(&id) {
                    window.model_shown(*shown);
                }
            }
            ModelNews::Found(id, found) => {
                if let Some((window, _)) = self.windows.get_mut(&id) {
                    window.model_found(found);
                }
            }
            ModelNews::ByRule { manifest, series, found } => {
                let Some(desk) = &self.desk else { return };
                let study = manifest.study.uid.clone();
                desk.say(match found {
                    Ok(labels) => FromLightBox::Write { study, what: ToWrite::Proposal(labels) },
                    Err(reason) => FromLightBox::NotProposed { study, series, reason },
                });
            }
        }
    }

    /// Lets a model run that a rule names.
    pub(super) fn run_by_rule(
        &mut self,
        manifest: Box<Manifest>,
        series: SeriesUid,
        model: String,
    ) -> Result<(), String> {
        let source = self.source(manifest.instances.iter())?;
        let (gpu, _) = self.device()?;
        let models = self.models.as_ref().ok_or("no folder of models is known")?;
        models.run(&gpu, model, Input::Stored { manifest, series, source });
        Ok(())
    }

    /// What a window asks of its models. True when that is all there is to it.
    pub(super) fn model_effect(&mut self, id: WindowId, effect: &Effect) -> bool {
        let Some((window, _)) = self.windows.get_mut(&id) else { return false };
        match effect {
            Effect::RunModel { series, model } => window.want_model(*series, model.clone()),
            Effect::StopModel => {
                if !window.unwant_model() {
                    if let Some(models) = &self.models {
                        models.stop(id);
                    }
                }
            }
            Effect::LayersChanged => window.layers_changed(),
            Effect::Outline => window.want_outline(),
            Effect::Compute(_) => window.want_job(),
            Effect::StopComputing => window.stop_job(),
            _ => return false,
        }
        true
    }

    /// Sends what is shown of a set to the desk, to be stored.
    pub(super) fn store_labels(
        &self,
        id: WindowId,
        study: &StudyUid,
        set: Uuid,
        of: impl Fn(Box<LabelsToWrite>) -> ToWrite,
    ) {
        let (Some(desk), Some((window, _))) = (&self.desk, self.windows.get(&id)) else { return };
        if let Some(labels) = labels_to_write(&window.light_box, set) {
            desk.say(FromLightBox::Write { study: study.clone(), what: of(Box::new(labels)) });
        }
    }

    /// Sends a decision to the desk, with what is to be kept.
    pub(super) fn decide(&mut self, id: WindowId, study: &StudyUid, set: Uuid, decision: Decision) {
        let (Some(desk), Some((window, _))) = (&self.desk, self.windows.get_mut(&id)) else { return };
        let series = window.light_box.open_proposal(set).and_then(|set| set.series.clone());
        let Some(proposal) = series else { return };
        let kept = decision.keeps().then(|| labels_to_write(&window.light_box, set));
        let kept = match kept {
            None => None,
            Some(Some(labels)) => Some(Box::new(labels)),
            // Its volume is not there: asked for, and the reader is told.
            Some(None) => {
                window.light_box.not_yet(&proposal);
                window.window.request_redraw();
                return;
            }
        };
        let what = ToDecide { proposal, decision, kept };
        desk.say(FromLightBox::Decide { study: study.clone(), what });
    }
}
