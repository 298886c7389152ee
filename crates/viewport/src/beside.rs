//! Other studies of the patient, beside the one that is read: which there are, which of them are in the window, and how one is laid out
//! when it comes. They are there to be compared with: they are measured like the current study, each in its own record, but objects are
//! made, and models run, in a study's own window only.
//!
//! Not here: registration (`align`), scrolling together (`linked`).

use medsight_base::StudyUid;
use medsight_record::{Annotation, Layout, StudyRecord};

use crate::cell::Cell;
use crate::light_box::{Effect, LightBox, Popup, SaveState};
use crate::series::Series;

/// What the window knows of them.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Which there are on this workstation, newest first; `None` until the desk has said.
    known: Option<Vec<StudyRecord>>,
    /// Those in the window, in the order in which they came.
    shown: Vec<StudyUid>,
    /// It is on its way, and is laid out when its series are there.
    wanted: Option<StudyUid>,
}

impl LightBox {
    /// The other studies of the patient that are here, newest first; `None` until the desk has said.
    pub fn other_studies(&self) -> Option<&[StudyRecord]> {
        self.beside.known.as_deref()
    }

    /// The desk has said which there are.
    pub fn put_other_studies(&mut self, known: Vec<StudyRecord>) {
        self.beside.known = Some(known);
    }

    /// Those of them that are in the window.
    pub fn studies_beside(&self) -> &[StudyUid] {
        &self.beside.shown
    }

    /// Shows the list of them, and asks what is there now.
    pub(crate) fn choose_prior(&mut self) {
        if !self.has_desk {
            self.notice = Some(self.words.text("beside.no_desk").to_owned());
            return;
        }
        self.effects.push(Effect::ListPriors);
        let first = self.other_studies().and_then(|all| all.iter().position(|s| !self.is_beside(&s.uid)));
        self.show_popup(Popup::Priors { chosen: first.unwrap_or(0) });
    }

    pub(crate) fn is_beside(&self, study: &StudyUid) -> bool {
        self.beside.shown.contains(study)
    }

    /// Puts the study of a line beside this one, or takes it off.
    pub(crate) fn put_or_take_prior(&mut self, line: usize) {
        let Some(study) = self.other_studies().and_then(|all| all.get(line)).map(|study| study.uid.clone())
        else {
            return;
        };
        self.popup = Popup::None;
        if self.is_beside(&study) {
            self.beside.wanted = None;
            self.effects.push(Effect::TakePrior(study));
        } else {
            self.done = Some(self.words.text("beside.coming").to_owned());
            self.beside.wanted = Some(study.clone());
            self.effects.push(Effect::PutPrior(study));
        }
    }

    /// A study is in the window now, or it was when the window was opened; with what was drawn on it, which is durable already.
    pub fn put_beside(&mut self, study: StudyUid, annotations: Vec<Annotation>) {
        for annotation in &annotations {
            self.save_states.entry(annotation.id).or_insert(SaveState::Saved);
        }
        self.annotations.amend(|all| {
            for annotation in &annotations {
                all.entry(annotation.id).or_insert_with(|| annotation.clone());
            }
        });
        if !self.is_beside(&study) {
            self.beside.shown.push(study);
            self.effects.push(Effect::SessionChanged);
        }
    }

    /// A study is not in the window any more. Where it was shown there is nothing; a layout that was made for it goes with it.
    pub fn take_beside(&mut self, study: &StudyUid) {
        self.beside.shown.retain(|shown| shown != study);
        self.annotations.amend(|all| all.retain(|_, annotation| annotation.study != *study));
        self.selected = self.selected.filter(|id| self.annotations.present().contains_key(id));
        for cell in &mut self.cells {
            let series = cell.series.and_then(|index| self.series.get(index));
            if series.is_some_and(|series| series.study_uid.as_ref() == Some(study)) {
                *cell = Cell { rect: cell.rect, ..Cell::default() };
            }
        }
        let is_filled = |index: &usize| self.cells[*index].series.is_some();
        if self.layout.cells() == 2 && (0..2).filter(is_filled).eq([0]) {
            (self.layout, self.active) = (Layout::default(), 0);
        }
        self.effects.push(Effect::SessionChanged);
    }

    /// A study could not be put beside this one.
    pub fn prior_refused(&mut self, why: String) {
        self.beside.wanted = None;
        (self.done, self.notice) = (None, Some(why));
    }

    /// Lays the study that was wanted out, when its series are there: the one that is most like the series of the active cell, in the cell
    /// beside it, at the same part of its height.
    pub fn lay_out_beside(&mut self) {
        let Some(study) = self.beside.wanted.take_if(|study| self.beside.shown.contains(study)) else {
            return;
        };
        let own = self.active;
        let Some(best) = self.most_alike(own, &study) else {
            return self.prior_refused(self.words.text("beside.nothing").to_owned());
        };
        (self.maximised, self.before_mpr) = (false, None);
        if self.layout.cells() == 1 {
            self.layout = Layout { columns: 2, rows: 1 };
        }
        let others = || (0..self.layout.cells()).filter(|cell| *cell != own);
        let is_empty = |cell: &usize| self.cells[*cell].series.is_none();
        let Some(cell) = others().find(is_empty).or_else(|| others().next()) else { return };
        let slices = self.series_of(own).map_or(0, |series| series.slices.len());
        let part = if slices > 1 { self.cells[own].slice as f64 / (slices - 1) as f64 } else { 0.5 };
        let last = self.series[best].slices.len().saturating_sub(1);
        let slice = (part * last as f64).round() as usize;
        self.cells[cell] = Cell { rect: self.cells[cell].rect, ..Cell::showing(best, slice) };
        self.effects.push(Effect::SessionChanged);
        let date = self.series[best].study.as_ref().and_then(|study| study.date);
        let date = date.map_or_else(|| self.words.text("beside.no_date").to_owned(), |date| date.iso());
        self.done = Some(self.words.fill("beside.done", &[("date", &date)]));
    }

    /// The series of a study that is most like that of a cell: of the same kind, cut the same way, of the same name, of about as many
    /// images, in this order of weight.
    fn most_alike(&self, cell: usize, study: &StudyUid) -> Option<usize> {
        let own = self.series_of(cell);
        let of_study = (0..self.series.len()).filter(|i| self.series[*i].study_uid.as_ref() == Some(study));
        of_study.max_by_key(|index| {
            let series = &self.series[*index];
            let count = series.slices.len();
            let Some(own) = own else { return (false, false, false, count) };
            let (less, more) = (count.min(own.slices.len()), count.max(own.slices.len()).max(1));
            (
                series.modality == own.modality && series.page.is_some() == own.page.is_some(),
                are_parallel(series, own),
                !own.description.is_empty() && series.description.eq_ignore_ascii_case(&own.description),
                less * 1000 / more,
            )
        })
    }

    /// Study Instance UID of what a cell shows.
    pub(crate) fn study_uid_of(&self, cell: usize) -> &StudyUid {
        self.series_of(cell).and_then(|series| series.study_uid.as_ref()).unwrap_or(&self.study)
    }

    /// Whether a cell shows the study that is read, and not one beside it. Files that were opened by themselves are all read.
    pub(crate) fn shows_current(&self, cell: usize) -> bool {
        !self.has_desk || *self.study_uid_of(cell) == self.study
    }
}

/// Their images are cut along the same planes, to 25 degrees.
fn are_parallel(a: &Series, b: &Series) -> bool {
    let normal = |series: &Series| {
        let place = series.slices.first()?.facts.as_ref()?.place.as_ref()?;
        Some(place.right.cross(place.down))
    };
    normal(a).zip(normal(b)).is_some_and(|(a, b)| a.dot(b).abs() > 0.9)
}
