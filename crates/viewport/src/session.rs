//! The light box as a reading session and back.

use glam::DVec2;
use medsight_image::{VoiFunction, Window};
use medsight_record::{CellState, Layout, ReadingSession};

use crate::cell::Cell;
use crate::light_box::LightBox;

pub(crate) fn save(light_box: &LightBox, window_px: Option<[i32; 4]>) -> ReadingSession {
    let state = |cell: &Cell| CellState {
        series: cell.series.and_then(|s| light_box.series.get(s)).map(|s| s.uid.clone()),
        view: cell.view,
        slice: u32::try_from(cell.slice).unwrap_or(0),
        window: cell.window.map(|w| [w.center(), w.width()]),
        zoom: cell.zoom,
        pan: cell.pan.to_array(),
    };
    ReadingSession {
        study: light_box.study.clone(),
        layout: light_box.layout,
        cells: light_box.cells.iter().take(light_box.layout.cells()).map(state).collect(),
        active: u32::try_from(light_box.active).unwrap_or(0),
        window_px,
    }
}

pub(crate) fn restore(light_box: &mut LightBox, session: &ReadingSession) {
    if !Layout::ALL.contains(&session.layout) {
        return;
    }
    light_box.layout = session.layout;
    light_box.maximised = false;
    for (cell, state) in light_box.cells.iter_mut().zip(&session.cells) {
        let series =
            state.series.as_ref().and_then(|uid| light_box.series.iter().position(|s| &s.uid == uid));
        let rect = cell.rect;
        *cell = Cell {
            series,
            view: state.view,
            slice: state.slice as usize,
            window: state.window.and_then(|[c, w]| {
                Window::new(c, w, VoiFunction::Linear).or_else(|| Window::new(c, w, VoiFunction::LinearExact))
            }),
            zoom: if state.zoom.is_finite() && state.zoom > 0.0 { state.zoom } else { 1.0 },
            pan: DVec2::from_array(state.pan),
            rect,
            ..Cell::default()
        };
    }
    light_box.active = (session.active as usize).min(session.layout.cells() - 1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Series;
    use medsight_base::{SeriesUid, StudyUid};
    use medsight_record::ViewKind;
    use medsight_record::words::Locale;
    use uuid::Uuid;

    #[test]
    fn a_restarted_light_box_shows_the_same_slice_window_and_layout() {
        let new = || {
            let mut b = LightBox::new(StudyUid::parse("1.2").unwrap(), Locale::En, Uuid::nil);
            b.series.push(Series::new(SeriesUid::parse("1.2.3").unwrap(), "CT"));
            b
        };
        let mut before = new();
        before.layout = Layout { columns: 2, rows: 1 };
        before.cells[1] = Cell::showing(0, 17);
        before.cells[1].view = ViewKind::Coronal;
        before.cells[1].window = Window::new(-600.0, 1500.0, VoiFunction::Linear);
        before.active = 1;
        let session = before.session(None);
        let mut after = new();
        after.restore(&session);
        assert_eq!(after.session(None), session);
        assert_eq!((after.cells[1].slice, after.active), (17, 1));
    }
}
