//! Proposals and decisions on them between light box and record, and where models are.

use super::LightBox;
use crate::desk::Desk;
use crate::problem::Problem;
use crate::session::{self, Need};
use medsight_base::{SeriesUid, StudyUid};
use medsight_link::{ModelsPlace, ToLightBox};
use medsight_record::{Right, Settings};
use std::path::PathBuf;
use std::sync::Arc;

impl LightBox {
    /// Decides, or takes a decision back, and tells what holds now.
    pub(super) fn settle_proposal(
        &self,
        desk: &Arc<Desk>,
        study: &StudyUid,
        proposal: &SeriesUid,
        settle: impl FnOnce(&Arc<Desk>) -> Result<(), Problem>,
    ) {
        let may = session::allowed(desk, Need::Right(Right::Annotate));
        let failed = may.and_then(|()| settle(desk)).err().map(|problem| problem.told(&desk.words()));
        let is_settled = failed.is_none();
        self.tell_proposals(desk, study);
        self.answer(ToLightBox::Decided { study: study.clone(), proposal: proposal.clone(), failed });
        if is_settled {
            self.layers_changed(desk, study);
        }
    }

    /// What programs proposed in a study, as the record has it now.
    pub(crate) fn tell_proposals(&self, desk: &Arc<Desk>, study: &StudyUid) {
        let known = desk.cache().and_then(|cache| cache.proposals(study).map_err(Problem::from));
        // A study that is gone has none.
        let Ok(proposals) = known else { return };
        self.answer(ToLightBox::Proposals { study: study.clone(), proposals });
    }
}

/// Where model packages are: the folder of the settings, that of the environment for tests, or the one beside the cache's
/// own place, where `medsightctl models install` puts them.
pub(super) fn models_place(settings: &Settings) -> Option<ModelsPlace> {
    let models = &settings.models;
    let of_environment = || std::env::var_os("MEDSIGHT_MODELS").map(PathBuf::from);
    let beside_cache = || Some(medsight_cache::default_folder()?.with_file_name("models"));
    Some(ModelsPlace {
        folder: models.folder.clone().or_else(of_environment).or_else(beside_cache)?,
        allow_hashes: models.allow_hashes.clone(),
        allow_keys: models.allow_keys.clone(),
    })
}
