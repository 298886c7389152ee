//! What was painted on proposals, with its past: undone and done again in the order in which a person drew and painted.

use std::collections::BTreeMap;
use std::sync::Arc;

use medsight_image::{Field, LabelGrid};
use medsight_record::History;
use uuid::Uuid;

use crate::layers::{LayerForm, LayerSet};
use crate::light_box::{Effect, LightBox};

/// Strokes of the brush, to be undone with what was drawn, in the order in which a person did both.
#[derive(Debug)]
pub(crate) struct Painted {
    pub(crate) grids: History<BTreeMap<Uuid, LabelGrid>>,
    done: Vec<Step>,
    undone: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    Drawn,
    Painted,
    Vessel,
    Aligned,
}

impl Default for Painted {
    fn default() -> Self {
        Self { grids: History::new(BTreeMap::new()), done: Vec::new(), undone: Vec::new() }
    }
}

impl Painted {
    /// A person did something; what was undone is gone.
    pub(crate) fn did(&mut self, step: Step) {
        self.done.push(step);
        self.undone.clear();
    }
}

impl LightBox {
    /// A step back: of what was written or decided last, else of what was drawn or painted.
    pub(crate) fn undo(&mut self) {
        if let Some(series) = self.take_back.take() {
            return self.take_back(series);
        }
        if let Some(proposal) = self.reopen.take() {
            self.effects.push(Effect::Reopen(proposal));
            return;
        }
        match self.painted.done.pop() {
            Some(Step::Painted) => {
                self.painted.grids.undo();
                self.painted.undone.push(Step::Painted);
                self.forget_click();
                self.show_painted();
            }
            Some(Step::Aligned) => {
                self.painted.undone.push(Step::Aligned);
                self.step_alignment_history(|h| h.undo());
            }
            Some(Step::Vessel) => {
                self.painted.undone.push(Step::Vessel);
                self.step_vessel_history(|h| h.undo());
            }
            other => {
                self.step_history(|h| h.undo());
                self.painted.undone.extend(other);
            }
        }
    }

    pub(crate) fn redo(&mut self) {
        match self.painted.undone.pop() {
            Some(Step::Painted) => {
                self.painted.grids.redo();
                self.painted.done.push(Step::Painted);
                self.show_painted();
            }
            Some(Step::Aligned) => {
                self.painted.done.push(Step::Aligned);
                self.step_alignment_history(|h| h.redo());
            }
            Some(Step::Vessel) => {
                self.painted.done.push(Step::Vessel);
                self.step_vessel_history(|h| h.redo());
            }
            other => {
                self.step_history(|h| h.redo());
                self.painted.done.extend(other);
            }
        }
    }

    /// A stroke has ended: what is on the screen is one step of the history.
    pub(crate) fn painted(&mut self, id: Uuid) {
        let Some(set) = self.open_proposal(id) else { return };
        let Some(Field::Labels(grid)) = set.grids.first().map(Arc::as_ref) else { return };
        let mut next = self.painted.grids.present().clone();
        next.insert(id, grid.clone());
        if next != *self.painted.grids.present() {
            self.painted.grids.step(next);
            self.painted.did(Step::Painted);
            (self.take_back, self.reopen, self.done) = (None, None, None);
            self.show_painted();
        }
    }

    /// Shows each proposal as the history has it.
    pub(crate) fn show_painted(&mut self) {
        let present = self.painted.grids.present();
        for set in &mut self.layers {
            let Some(proposed) = &set.proposed else { continue };
            let grid = present.get(&proposed.id).unwrap_or(&proposed.original);
            let is_shown =
                matches!(set.grids.first().map(Arc::as_ref), Some(Field::Labels(shown)) if shown == grid);
            if !is_shown {
                set.grids = vec![Arc::new(Field::Labels(grid.clone()))];
            }
            measure(set);
        }
        self.effects.push(Effect::LayersChanged);
    }
}

/// Millilitres of each part, by what is painted.
pub(crate) fn measure(set: &mut LayerSet) {
    let Some(Field::Labels(grid)) = set.grids.first().map(Arc::as_ref) else { return };
    let counts = grid.counts();
    let voxel_ml = grid.voxel_mm3() / 1000.0;
    for layer in &mut set.layers {
        if let LayerForm::Label(0, label) = layer.form {
            layer.volume_ml = Some(counts.get(&label).copied().unwrap_or(0) as f64 * voxel_ml);
        }
    }
}
