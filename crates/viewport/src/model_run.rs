//! Models as the light box offers and runs them: which there are, which take the series that is shown, how far the one is that runs. What it
//! finds is in `proposed`.

use crate::light_box::{Effect, LightBox, Popup};

/// A model as it is offered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelOffer {
    /// What it is run by: `NAME@VERSION`, or the workstation's own name for one of its tools.
    pub key: String,
    /// As it stands in the list.
    pub title: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for, in a sentence of its maker.
    pub intended_use: String,
    /// How well it was measured and on what, in one line; empty where nobody has said.
    pub measured: String,
    /// Modalities (0008,0060) that it takes.
    pub modalities: Vec<String>,
    /// Why the site does not let it run; `None` where it does.
    pub barred: Option<String>,
}

/// A model that runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRun {
    /// Its name and version.
    pub model: String,
    /// The part that is done, 0 to 1.
    pub part: f32,
    /// Seconds that are left, once they can be told.
    pub left_s: Option<f64>,
    /// It was told to stop.
    pub is_stopping: bool,
}

impl LightBox {
    /// The models that are installed.
    pub fn put_models(&mut self, models: Vec<ModelOffer>) {
        self.models = models;
    }

    /// The first model that can run on the series of the active cell.
    pub(crate) fn first_model(&self) -> usize {
        self.models.iter().position(|model| self.can_run(model).is_ok()).unwrap_or(0)
    }

    /// Asks for a model to run on the series of the active cell.
    pub(crate) fn run_model(&mut self, model: &ModelOffer) {
        self.popup = Popup::None;
        let Some(series) = self.cells[self.active].series else { return };
        if let Err(why) = self.can_run(model) {
            self.notice = Some(why);
            return;
        }
        self.model_run =
            Some(ModelRun { model: model.title.clone(), part: 0.0, left_s: None, is_stopping: false });
        self.volumes_wanted.insert(series);
        self.effects.push(Effect::RunModel { series, model: model.key.clone() });
    }

    /// Why a model does not run on the series of the active cell.
    pub(crate) fn can_run(&self, model: &ModelOffer) -> Result<(), String> {
        let words = &self.words;
        if let Some(why) = &model.barred {
            return Err(why.clone());
        }
        if self.model_run.is_some() {
            return Err(words.text("model.one_at_a_time").to_owned());
        }
        let Some(series) = self.series_of(self.active) else {
            return Err(words.text("model.no_series").to_owned());
        };
        if !self.shows_current(self.active) {
            return Err(words.text("beside.own_window").to_owned());
        }
        if !model.modalities.contains(&series.modality) {
            let takes = model.modalities.join(", ");
            return Err(words.fill("model.other_modality", &[("takes", &takes), ("is", &series.modality)]));
        }
        match &series.volume {
            crate::series::VolumeState::Refused(why) => Err(words.refused(why)),
            _ => Ok(()),
        }
    }

    pub(crate) fn stop_model(&mut self) {
        if let Some(run) = self.model_run.as_mut().filter(|run| !run.is_stopping) {
            run.is_stopping = true;
            self.effects.push(Effect::StopModel);
        }
    }

    /// How far a model is.
    pub fn model_at(&mut self, part: f32, left_s: Option<f64>) {
        if let Some(run) = &mut self.model_run {
            (run.part, run.left_s) = (part, left_s);
        }
    }

    /// A model has ended; why without a result, where there is none.
    pub fn model_ended(&mut self, failed: Option<String>) {
        (self.model_run, self.fresh) = (None, None);
        if failed.is_some() {
            self.notice = failed;
        }
    }
}
