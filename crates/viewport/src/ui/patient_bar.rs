//! Two patients in one window: a coloured bar each, never one alone, so that nobody takes the one for the other.
//!
//! Windows of the desk show one study; a folder that is opened by itself may hold several patients.

use egui::{Color32, Painter, Rect, vec2};

use crate::light_box::{LightBox, StudyFacts};
use crate::theme;

/// Height of the bar over an image, width of the bar beside a picture of the strip; points.
const THICK: f32 = 4.0;

/// Colour of the patient of a series; `None` while the window shows one patient only.
pub(super) fn color_of_series(light_box: &LightBox, series: usize) -> Option<Color32> {
    let study_of = |index: usize| light_box.series[index].study.as_ref().unwrap_or(&light_box.facts);
    // A study of each: the line that is shown says another age in an earlier one of the same patient.
    let mut patients: Vec<&StudyFacts> = Vec::new();
    for study in (0..light_box.series.len()).map(study_of) {
        if !patients.iter().any(|known| known.is_of_person_of(study)) {
            patients.push(study);
        }
    }
    let at = patients.iter().position(|known| known.is_of_person_of(study_of(series)))?;
    (patients.len() > 1).then(|| theme::PATIENTS[at % theme::PATIENTS.len()])
}

/// Colour of the patient that a cell shows.
pub(super) fn color_of_cell(light_box: &LightBox, cell: usize) -> Option<Color32> {
    color_of_series(light_box, light_box.cells.get(cell)?.series?)
}

/// The bar along the top of an image.
pub(super) fn above(painter: &Painter, rect: Rect, color: Color32) {
    painter.rect_filled(Rect::from_min_size(rect.min, vec2(rect.width(), THICK)), 0.0, color);
}

/// The bar along the left of a picture.
pub(super) fn beside(painter: &Painter, rect: Rect, color: Color32) {
    painter.rect_filled(Rect::from_min_size(rect.min, vec2(THICK, rect.height())), 0.0, color);
}
