//! The parts of the desk, each with its own work and its own lock.

use super::Desk;
use crate::closing::Closing;
use crate::forms::Forms;
use crate::importing::Importing;
use crate::inbound::Inbounding;
use crate::listening::Listening;
use crate::model_runs::ModelRuns;
use crate::network::Asking;
use crate::perform::Steps;
use crate::retrieving::Retrieving;
use crate::syncing::Syncing;

impl Desk {
    pub(crate) fn importing(&self) -> &Importing {
        &self.importing
    }

    pub(crate) fn retrieving(&self) -> &Retrieving {
        &self.retrieving
    }

    pub(crate) fn listening(&self) -> &Listening {
        &self.listening
    }

    pub(crate) fn syncing(&self) -> &Syncing {
        &self.syncing
    }

    pub(crate) fn model_runs(&self) -> &ModelRuns {
        &self.model_runs
    }

    pub(crate) fn inbounding(&self) -> &Inbounding {
        &self.inbounding
    }

    pub(crate) fn asking(&self) -> &Asking {
        &self.asking
    }

    pub(crate) fn steps(&self) -> &Steps {
        &self.steps
    }

    pub(crate) fn forms(&self) -> &Forms {
        &self.forms
    }

    pub(crate) fn closing(&self) -> &Closing {
        &self.closing
    }
}
