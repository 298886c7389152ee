//! Segmentations that a program proposes, from the run of a model to the decision of a reader: what is open, what is painted on, what is
//! asked of the program around. Not here: how the model runs, how it is stored, how the panel looks.

use std::sync::Arc;

use medsight_base::SeriesUid;
use medsight_image::{Field, LabelGrid, Volume};
use medsight_record::{Decided, Decision, LabelMeaning, Maker, Proposal, Written};
use uuid::Uuid;

use crate::layers::{FIRST_FILL, Layer, LayerDose, LayerForm, LayerSet};
use crate::light_box::{Effect, LightBox, Popup};
use crate::painted::measure;

/// Colours of labels that have none of their own, told apart on grey.
const COLORS: [[u8; 3]; 6] =
    [[176, 132, 240], [92, 176, 236], [122, 200, 110], [240, 160, 72], [236, 124, 176], [72, 204, 190]];

/// The colour in which a label is shown first.
pub(crate) fn first_color(index: usize, meaning: &LabelMeaning) -> [u8; 3] {
    meaning.rgb.unwrap_or(COLORS[index % COLORS.len()])
}

/// What makes a layer set a proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    /// As the light box calls it while the window is open.
    pub id: Uuid,
    /// Series of the images.
    pub images: SeriesUid,
    /// What made it.
    pub maker: Maker,
    /// As it was proposed.
    pub original: LabelGrid,
    /// What became of it.
    pub decided: Option<Decided>,
    /// The desk was asked for a decision and has not answered.
    pub is_settling: bool,
    /// The desk could not store it: it lives as long as the window.
    pub is_unstored: bool,
}

impl LightBox {
    /// What a model has found on a series: shown, and asked to be kept as a proposal. Labels are over the volume's voxels.
    pub fn put_proposed(
        &mut self,
        series: usize,
        volume: &Volume,
        maker: Maker,
        meanings: Vec<LabelMeaning>,
        labels: &[u16],
    ) {
        self.fresh = None;
        let Some(of) = self.series.get(series) else { return };
        let (id, is_guided) = ((self.new_id)(), maker.is_guided);
        let grid = LabelGrid::over(volume, labels);
        let proposed = Proposed {
            id,
            images: of.uid.clone(),
            maker,
            original: grid.clone(),
            decided: None,
            is_settling: false,
            is_unstored: false,
        };
        let name = proposed.maker.text();
        let frame_of_reference = of.frame_of_reference.clone();
        let layer = |(index, meaning): (usize, &LabelMeaning)| Layer {
            name: meaning.name.clone(),
            rgb: first_color(index, meaning),
            on: true,
            volume_ml: None,
            is_body: false,
            dose: LayerDose::Unknown,
            form: LayerForm::Label(0, meaning.value),
        };
        let layers: Vec<Layer> = meanings.iter().enumerate().map(layer).collect();
        // What is stored has the colours that were seen.
        let coloured = meanings.into_iter().zip(&layers);
        let meanings =
            coloured.map(|(meaning, layer)| LabelMeaning { rgb: Some(layer.rgb), ..meaning }).collect();
        let mut set = LayerSet {
            name,
            frame_of_reference,
            fill: FIRST_FILL,
            plane_distance_mm: volume.spacing_mm.z,
            grids: vec![Arc::new(Field::Labels(grid))],
            layers,
            series: None,
            meanings,
            proposed: Some(Box::new(proposed)),
        };
        measure(&mut set);
        self.layers.push(set);
        (self.judged, self.panel, self.layers_shown) = (Some(id), true, true);
        self.effects.push(Effect::LayersChanged);
        if self.has_desk && !is_guided {
            self.effects.push(Effect::Propose(id));
        }
    }

    /// All that programs proposed in the study, as the record has it.
    pub fn put_proposals(&mut self, proposals: Vec<Proposal>) {
        self.proposals = proposals;
        // Its object was deleted.
        let Self { layers, proposals, .. } = self;
        layers.retain(|set| match (&set.proposed, &set.series) {
            (Some(_), Some(series)) => proposals.iter().any(|known| known.series == *series),
            _ => true,
        });
        self.match_proposals();
    }

    /// Layers that were read from files. One that is here already, perhaps painted on, stays as it is.
    pub fn put_layers(&mut self, sets: Vec<LayerSet>) {
        let is_new = |set: &LayerSet, here: &[LayerSet]| {
            set.series.is_none() || !here.iter().any(|known| known.series == set.series)
        };
        for set in sets {
            if is_new(&set, &self.layers) {
                self.layers.push(set);
            }
        }
        self.match_proposals();
    }

    /// Layers are read from files again; proposals that wait stay as they are on the screen.
    pub fn forget_layers(&mut self) {
        self.layers.retain(|set| set.proposed.as_ref().is_some_and(|proposed| proposed.decided.is_none()));
    }

    /// Whether the desk's answer was about a proposal: that it is stored, or why not.
    pub(crate) fn is_proposal_written(&mut self, made: &Result<Written, String>) -> bool {
        match made {
            Ok(written) => {
                // An outline that was kept is read again as what it is now.
                if written.kind == "SEG" {
                    self.layers.retain(|set| {
                        !set.proposed.as_ref().is_some_and(|p| p.maker.is_guided && p.is_settling)
                    });
                    self.outlining = None;
                }
                self.proposals.iter().any(|proposal| proposal.series == written.series)
            }
            Err(_) => {
                for set in self.layers.iter_mut().filter(|set| set.series.is_none()) {
                    if let Some(proposed) = &mut set.proposed {
                        (proposed.is_unstored, proposed.is_settling) = (!proposed.maker.is_guided, false);
                    }
                }
                false
            }
        }
    }

    fn match_proposals(&mut self) {
        let Self { layers, proposals, new_id, .. } = self;
        for proposal in proposals.iter() {
            let of_series = |set: &LayerSet| set.series.as_ref() == Some(&proposal.series);
            // What was shown as it came from the model is the object that was stored meanwhile.
            let unnamed = |set: &LayerSet| {
                set.series.is_none()
                    && set
                        .proposed
                        .as_ref()
                        .is_some_and(|p| p.images == proposal.images && p.maker == proposal.maker)
            };
            let at = layers.iter().position(of_series).or_else(|| layers.iter().position(unnamed));
            let Some(set) = at.and_then(|at| layers.get_mut(at)) else { continue };
            set.series = Some(proposal.series.clone());
            match &mut set.proposed {
                Some(proposed) => proposed.decided = proposal.decided.clone(),
                none => {
                    let Some(Field::Labels(grid)) = set.grids.first().map(Arc::as_ref) else { continue };
                    *none = Some(Box::new(Proposed {
                        id: new_id(),
                        images: proposal.images.clone(),
                        maker: proposal.maker.clone(),
                        original: grid.clone(),
                        decided: proposal.decided.clone(),
                        is_settling: false,
                        is_unstored: false,
                    }));
                }
            }
        }
        if self.judged.is_some_and(|id| self.open_proposal(id).is_none()) {
            self.judged = None;
        }
    }

    /// A proposal that waits for a decision.
    pub fn open_proposal(&self, id: Uuid) -> Option<&LayerSet> {
        let is_open =
            |set: &&LayerSet| set.proposed.as_ref().is_some_and(|p| p.id == id && p.decided.is_none());
        self.layers.iter().find(is_open)
    }

    /// What became of the proposal that a set was kept of.
    pub(crate) fn kept_as(&self, set: &LayerSet) -> Option<(&Proposal, &Decided)> {
        let series = set.series.as_ref()?;
        self.proposals.iter().find_map(|proposal| {
            let decided = proposal.decided.as_ref().filter(|decided| decided.kept.contains(series))?;
            Some((proposal, decided))
        })
    }

    /// Whether a proposal was painted on.
    pub fn is_changed(&self, id: Uuid) -> bool {
        let original = self.open_proposal(id).and_then(|set| set.proposed.as_ref()).map(|p| &p.original);
        let painted = self.painted.grids.present().get(&id);
        painted.is_some_and(|painted| Some(painted) != original)
    }

    /// The proposal that keys decide on: the one chosen in the panel, or the only one there is.
    pub(crate) fn judged_set(&self) -> Option<&LayerSet> {
        if let Some(id) = self.judged {
            return self.open_proposal(id);
        }
        let series = self.series_of(self.active)?;
        let is_open = |set: &&LayerSet| set.proposed.as_ref().is_some_and(|p| p.decided.is_none());
        let mut open = self.layers.iter().filter(is_open).filter(|set| set.lies_on(series));
        open.next().filter(|_| open.next().is_none())
    }

    /// Decides on the proposal that is judged.
    pub(crate) fn accept(&mut self) {
        let Some(id) = self.judged_set().and_then(|set| set.proposed.as_ref()).map(|p| p.id) else {
            self.notice = Some(self.words.text("proposal.none").to_owned());
            return;
        };
        let decision = if self.is_changed(id) { Decision::Changed } else { Decision::Accepted };
        self.decide(id, decision);
    }

    /// Asks why the proposal that is judged is rejected.
    pub(crate) fn ask_reject(&mut self) {
        match self.judged_set().and_then(|set| set.proposed.as_ref()).map(|p| p.id) {
            Some(set) if self.open_proposal(set).is_some_and(is_outline) => self.discard(set),
            Some(set) => self.popup = Popup::Reject { set, reason: String::new() },
            None => self.notice = Some(self.words.text("proposal.none").to_owned()),
        }
    }

    /// Takes an outline away that was not kept.
    fn discard(&mut self, id: Uuid) {
        self.layers.retain(|set| set.proposed.as_ref().is_none_or(|proposed| proposed.id != id));
        (self.judged, self.outlining) = (None, None);
        self.effects.push(Effect::LayersChanged);
    }

    pub(crate) fn decide(&mut self, id: Uuid, decision: Decision) {
        self.popup = Popup::None;
        if !self.has_desk {
            self.notice = Some(self.words.text("lightbox.not_kept").to_owned());
            return;
        }
        let is_this = |set: &&mut LayerSet| set.proposed.as_ref().is_some_and(|p| p.id == id);
        let Some(set) = self.layers.iter_mut().find(is_this) else { return };
        let name = set.name.clone();
        if let Some(proposed) = set.proposed.as_mut().filter(|proposed| proposed.maker.is_guided) {
            if decision.keeps() && !std::mem::replace(&mut proposed.is_settling, true) {
                self.done = Some(self.words.fill("proposal.settling", &[("name", &name)]));
                self.effects.push(Effect::KeepOutline(id));
            }
            return;
        }
        let (Some(proposed), Some(_)) = (&mut set.proposed, &set.series) else {
            self.notice = Some(self.words.text("proposal.not_stored").to_owned());
            return;
        };
        if proposed.is_settling || proposed.decided.is_some() {
            return;
        }
        proposed.is_settling = true;
        self.done = Some(self.words.fill("proposal.settling", &[("name", &name)]));
        self.effects.push(Effect::Decide { set: id, decision });
    }

    /// A decision cannot be sent yet: the volume that the labels lie on is not there. It is asked for.
    pub fn not_yet(&mut self, proposal: &SeriesUid) {
        let of_it = |set: &&mut LayerSet| set.series.as_ref() == Some(proposal);
        let found = self.layers.iter_mut().find(of_it).and_then(|set| set.proposed.as_mut());
        let Some(proposed) = found else { return };
        proposed.is_settling = false;
        let images = proposed.images.clone();
        self.done = None;
        self.volumes_wanted.extend(self.series.iter().position(|series| series.uid == images));
        self.notice = Some(self.words.text("proposal.no_volume").to_owned());
    }

    /// The desk has settled a proposal, or not.
    pub fn settled(&mut self, proposal: &SeriesUid, failed: Option<String>) {
        let of_it = |set: &&mut LayerSet| set.series.as_ref() == Some(proposal);
        if let Some(proposed) = self.layers.iter_mut().find(of_it).and_then(|set| set.proposed.as_mut()) {
            proposed.is_settling = false;
        }
        self.done = None;
        if let Some(why) = failed {
            self.notice = Some(why);
            return;
        }
        let known = self.proposals.iter().find(|known| known.series == *proposal);
        let Some(known) = known else { return };
        let name = known.maker.text();
        match &known.decided {
            Some(decided) => {
                let key = format!("proposal.now_{}", decided.decision.word());
                self.done = Some(self.words.fill(&key, &[("name", &name)]));
                self.reopen = Some(proposal.clone());
                self.take_back = None;
            }
            None => {
                self.done = Some(self.words.fill("proposal.reopened", &[("name", &name)]));
                self.reopen = None;
                let waits = self.layers.iter().find(|set| set.series.as_ref() == Some(proposal));
                self.judged = waits.and_then(|set| set.proposed.as_ref()).map(|proposed| proposed.id);
            }
        }
    }
}

/// The reader's own, by clicks.
pub(crate) fn is_outline(set: &LayerSet) -> bool {
    set.proposed.as_ref().is_some_and(|proposed| proposed.maker.is_guided)
}
