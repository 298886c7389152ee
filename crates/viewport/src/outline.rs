//! Outlining by clicks: what is clicked on is found in three dimensions; a click outside of it adds, one inside takes off. Found is it
//! outside, where it may take its time; here are the clicks, and what becomes of the answer. It is the reader's own, not a proposal:
//! nothing is stored before it is kept.

use std::sync::Arc;

use egui::Pos2;
use glam::DVec3;
use medsight_base::SeriesUid;
use medsight_image::{Field, LabelGrid, Volume};
use medsight_record::{LabelMeaning, Maker};
use uuid::Uuid;

use crate::light_box::{Effect, LightBox};

/// A click: where in the patient, and whether it belongs to what is meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutlineClick {
    /// Millimetres in the patient.
    pub at_mm: DVec3,
    /// It adds.
    pub adds: bool,
}

/// What is being outlined.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlining {
    /// Series of the images.
    pub images: SeriesUid,
    /// In the order of clicking.
    pub clicks: Vec<OutlineClick>,
    /// Larger or smaller than found: 1 is as found.
    pub size: f64,
    /// Counts what was asked for: an answer to an earlier question is none.
    pub turn: u64,
    /// The set that shows the answer, once there is one.
    set: Option<Uuid>,
    /// How many clicks what is shown was found with.
    answered: usize,
}

/// What the outline is called until somebody says more.
const LABEL: u16 = 1;

impl LightBox {
    /// A click of the tool.
    pub(crate) fn click_outline(&mut self, cell: usize, at: Pos2) {
        let surface = self.surface(cell);
        let Some(at_mm) = surface.and_then(|surface| surface.patient(surface.local(at))) else {
            self.notice = Some(self.words.text("outline.no_place").to_owned());
            return;
        };
        if !self.shows_current(cell) {
            self.notice = Some(self.words.text("beside.own_window").to_owned());
            return;
        }
        let Some(index) = self.cells[cell].series else { return };
        let images = self.series[index].uid.clone();
        let goes_on = self.outlining.as_ref().is_some_and(|outlining| {
            outlining.images == images && outlining.set.is_none_or(|set| self.open_proposal(set).is_some())
        });
        if !goes_on {
            let turn = self.outlining.as_ref().map_or(0, |before| before.turn);
            let clicks = Vec::new();
            self.outlining = Some(Outlining { images, clicks, size: 1.0, turn, set: None, answered: 0 });
        }
        let is_inside = self.outlined_at(at_mm);
        if let Some(outlining) = &mut self.outlining {
            outlining.clicks.push(OutlineClick { at_mm, adds: !is_inside });
        }
        self.ask_outline(index);
    }

    /// Whether a place is in the outline as it is shown.
    fn outlined_at(&self, at_mm: DVec3) -> bool {
        let set = self.outlining.as_ref().and_then(|outlining| outlining.set);
        let grid = set.and_then(|set| self.open_proposal(set)).and_then(|set| set.grids.first());
        grid.is_some_and(|grid| grid.label_at(at_mm) == LABEL)
    }

    fn ask_outline(&mut self, series: usize) {
        let Some(outlining) = &mut self.outlining else { return };
        outlining.turn += 1;
        self.volumes_wanted.insert(series);
        self.effects.push(Effect::Outline);
    }

    /// A larger or a smaller outline of the same clicks.
    pub(crate) fn resize_outline(&mut self, factor: f64) {
        let Some(outlining) = &mut self.outlining else { return };
        outlining.size = (outlining.size * factor).clamp(0.3, 2.0);
        let series = self.series.iter().position(|series| series.uid == outlining.images);
        if let Some(series) = series {
            self.ask_outline(series);
        }
    }

    /// The answer: the voxels that are in the outline, or why there is none.
    pub fn outlined(&mut self, turn: u64, volume: &Volume, version: &str, found: Result<&[bool], String>) {
        let Some(outlining) = self.outlining.as_mut().filter(|outlining| outlining.turn == turn) else {
            return;
        };
        let inside = match found {
            Ok(inside) => inside,
            Err(why) => {
                // The click that nothing came of is not there.
                outlining.clicks.truncate(outlining.answered);
                self.notice = Some(why);
                return;
            }
        };
        outlining.answered = outlining.clicks.len();
        let labels: Vec<u16> = inside.iter().map(|is_in| u16::from(*is_in) * LABEL).collect();
        let (set, images) = (outlining.set, outlining.images.clone());
        if let Some(id) = set.filter(|set| self.open_proposal(*set).is_some()) {
            self.replace_grid(id, LabelGrid::over(volume, &labels));
            return;
        }
        let Some(series) = self.series.iter().position(|series| series.uid == images) else { return };
        let maker = Maker {
            name: self.words.text("outline.maker").to_owned(),
            version: version.to_owned(),
            sha256: String::new(),
            is_guided: true,
            arithmetic: String::new(),
        };
        let meaning = LabelMeaning {
            value: LABEL,
            name: self.words.text("outline.label").to_owned(),
            category: None,
            code: None,
            side: None,
            rgb: None,
        };
        self.put_proposed(series, volume, maker, vec![meaning], &labels);
        if let Some(outlining) = &mut self.outlining {
            outlining.set = self.judged;
        }
    }

    fn replace_grid(&mut self, id: Uuid, grid: LabelGrid) {
        let of_id = |set: &&mut crate::LayerSet| set.proposed.as_ref().is_some_and(|p| p.id == id);
        if let Some(set) = self.layers.iter_mut().find(of_id) {
            set.grids = vec![Arc::new(Field::Labels(grid))];
        }
        self.painted(id);
    }

    /// A step of the outline was undone: its click is gone with it.
    pub(crate) fn forget_click(&mut self) {
        let set = self.outlining.as_ref().and_then(|outlining| outlining.set);
        if set.is_some_and(|set| self.judged == Some(set)) {
            if let Some(outlining) = self.outlining.as_mut().filter(|outlining| outlining.clicks.len() > 1) {
                outlining.clicks.pop();
                outlining.answered = outlining.clicks.len();
            }
        }
    }
}
