//! Looks that somebody gave to images: presentation states (PS3.3 A.33.1). Chosen in the panel, taken off again there.
//!
//! Filled from outside. A look changes window, turn and inversion of the cell it is put on, and adds its shutter and
//! drawings to the images it is for.

use std::sync::Arc;

use medsight_base::InstanceUid;
use medsight_image::present::Modality;
use medsight_image::{Lut, Shutter, Voi};

use crate::cell::Orientation;
use crate::light_box::{Effect, LightBox};

/// A drawn line or area.
#[derive(Clone, Debug, PartialEq)]
pub struct LookLine {
    /// Image column and row, (0, 0) is the centre of the first pixel.
    pub points_px: Vec<[f64; 2]>,
    /// Joined at the ends.
    pub closed: bool,
}

/// A look of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct LookOfImage {
    /// The image.
    pub instance: InstanceUid,
    /// Frames from 0; empty is all of them.
    pub frames: Vec<u32>,
    /// Stored value → modality value under the look, in place of the file's own.
    pub modality: Modality,
    /// Window or table, when the look has one.
    pub voi: Option<Voi>,
    /// White where values are low.
    pub inverse: bool,
    /// Quarter turns clockwise, before mirroring.
    pub quarter_turns: u8,
    /// Mirrored left and right, after turning.
    pub flipped: bool,
    /// What is covered.
    pub shutter: Option<Arc<Shutter>>,
    /// Lines.
    pub lines: Vec<LookLine>,
    /// Texts with the image point where they begin.
    pub texts: Vec<(String, [f64; 2])>,
}

/// A presentation state.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// Content Label, and who made it.
    pub name: String,
    /// What it says of each image.
    pub images: Vec<LookOfImage>,
    /// What of it is not shown here.
    pub left_out: String,
}

impl Look {
    /// What it says of a frame of an image.
    pub fn of(&self, instance: &InstanceUid, frame: u32) -> Option<&LookOfImage> {
        let is_for =
            |i: &&LookOfImage| i.instance == *instance && (i.frames.is_empty() || i.frames.contains(&frame));
        self.images.iter().find(is_for)
    }
}

impl LightBox {
    /// The look of the image a stack cell shows, when one was chosen that is for it.
    pub(crate) fn look_of(&self, cell: usize) -> Option<&LookOfImage> {
        let look = self.looks.get(self.look?)?;
        let slice = self.series_of(cell)?.slices.get(self.cells[cell].slice)?;
        look.of(&slice.instance, slice.frame_number)
    }

    /// The table of the look on a cell, until the reader sets a window.
    pub(crate) fn look_table(&self, cell: usize) -> Option<Arc<Lut>> {
        match &self.look_of(cell).filter(|_| self.cells[cell].window.is_none())?.voi {
            Some(Voi::Lut(lut)) => Some(lut.clone()),
            _ => None,
        }
    }

    /// What turns the pixels of a stack cell into the values that its window or table is for.
    pub(crate) fn shown_modality(&self, cell: usize, facts: &crate::SliceFacts) -> Modality {
        match self.look_of(cell) {
            Some(look) => under(&look.modality, facts),
            None => facts.modality.clone(),
        }
    }

    /// Whether a stack cell is drawn inverted against what its samples say. A look says how grey values are seen, and
    /// takes the place of MONOCHROME1 (PS3.4 N.2.4).
    pub(crate) fn is_inverted(&self, cell: usize, frame: &medsight_image::Frame) -> bool {
        let by_image = frame.photometric == medsight_image::Photometric::Monochrome1;
        self.cells[cell].invert != (by_image && self.look_of(cell).is_some())
    }

    /// Puts a look on: the active cell shows its first image, with window and turn as it says. The same look
    /// once more takes it off.
    pub(crate) fn toggle_look(&mut self, index: usize) {
        if self.look == Some(index) {
            self.look = None;
            let cell = &mut self.cells[self.active];
            (cell.window, cell.invert, cell.orientation) = (None, false, Orientation::default());
            self.effects.push(Effect::SessionChanged);
            return;
        }
        let Some(look) = self.looks.get(index).cloned() else { return };
        let first_in = |s: &crate::Series| {
            s.slices.iter().position(|slice| look.of(&slice.instance, slice.frame_number).is_some())
        };
        let shown = self.cells[self.active].series.filter(|s| first_in(&self.series[*s]).is_some());
        let series = shown.or_else(|| self.series.iter().position(|s| first_in(s).is_some()));
        let Some(series) = series else {
            self.notice = Some(self.words.text("lightbox.look_elsewhere").to_owned());
            return;
        };
        if self.cells[self.active].series != Some(series) || self.cells[self.active].plane().is_some() {
            self.put_series(self.active, series);
        }
        let is_for_shown = {
            let slice = self.series[series].slices.get(self.cells[self.active].slice);
            slice.is_some_and(|s| look.of(&s.instance, s.frame_number).is_some())
        };
        if let Some(first) = first_in(&self.series[series]).filter(|_| !is_for_shown) {
            self.cells[self.active].slice = first;
        }
        self.look = Some(index);
        let Some(says) = self.look_of(self.active).cloned() else { return };
        let cell = &mut self.cells[self.active];
        cell.window = match says.voi {
            Some(Voi::Window(window)) => Some(window),
            Some(Voi::Lut(_)) => None,
            None => cell.window,
        };
        cell.invert = says.inverse;
        let turned = Orientation::of(says.quarter_turns, false);
        cell.orientation = if says.flipped { turned.flipped() } else { turned };
        self.notice = (!look.left_out.is_empty()).then(|| look.left_out.clone());
        self.effects.push(Effect::SessionChanged);
    }
}

/// The transform of a look on the pixels at hand, which are stored values or, out of a volume, modality values.
fn under(look: &Modality, facts: &crate::SliceFacts) -> Modality {
    if *look == facts.file_modality {
        return facts.modality.clone();
    }
    if facts.modality == facts.file_modality {
        return look.clone();
    }
    match (look, &facts.file_modality) {
        (
            Modality::Rescale { slope, intercept },
            Modality::Rescale { slope: of_file, intercept: file_intercept },
        ) if *of_file != 0.0 => {
            let slope = slope / of_file;
            Modality::Rescale { slope, intercept: intercept - file_intercept * slope }
        }
        // Volumes are made of rescaled values only, so there is no table to turn round.
        _ => look.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_for_stored_values_is_right_also_where_the_pixels_are_modality_values() {
        let file = Modality::Rescale { slope: 2.0, intercept: -1000.0 };
        let mut facts = crate::measure::tests::facts(None);
        (facts.modality, facts.file_modality) = (file.clone(), file.clone());
        let look = Modality::Rescale { slope: 4.0, intercept: 10.0 };
        assert_eq!(under(&look, &facts).apply(30.0), 130.0);
        // The same pixel out of a volume is −940.
        facts.modality = Modality::IDENTITY;
        assert_eq!(under(&look, &facts).apply(-940.0), 130.0);
        assert_eq!(under(&file, &facts).apply(-940.0), -940.0);
    }
}
