//! Looks that somebody gave to images: presentation states (PS3.3 A.33.1). Chosen in the panel, taken off again there.
//!
//! Filled from outside. A look changes window, turn and inversion of the cell it is put on, and adds its shutter and
//! drawings to the images it is for.

use std::sync::Arc;

use medsight_base::InstanceUid;
use medsight_image::{Shutter, Window};

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
    /// Window, when the look has one.
    pub window: Option<Window>,
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
        cell.window = says.window.or(cell.window);
        cell.invert = says.inverse;
        let turned = Orientation::of(says.quarter_turns, false);
        cell.orientation = if says.flipped { turned.flipped() } else { turned };
        self.notice = (!look.left_out.is_empty()).then(|| look.left_out.clone());
        self.effects.push(Effect::SessionChanged);
    }
}
