//! The light box as a reading session and back.

use glam::{DVec2, DVec3};
use medsight_image::raycast::CropBox;
use medsight_image::{Camera, Projection, VoiFunction, Window};
use medsight_record::{
    CameraState, CellState, Layout, PlanesState, ProjectionKind, ReadingSession, View3dState, ViewKind,
};

use crate::cell::{Cell, Crop, Orientation, View3d};
use crate::light_box::LightBox;
use crate::mpr::Mpr;
use crate::series::{Series, Slice};

pub(crate) fn save(light_box: &LightBox, window_px: Option<[i32; 4]>) -> ReadingSession {
    let state = |cell: &Cell| {
        let series = cell.series.and_then(|s| light_box.series.get(s));
        let image = series.and_then(|s| s.slices.get(cell.slice).or(s.slices.first())).map(Slice::image);
        CellState {
            series: series.map(|s| s.uid.clone()),
            image,
            // The line that a curved view follows is not kept.
            view: if cell.view == ViewKind::Curved { ViewKind::Volume3d } else { cell.view },
            slice: u32::try_from(cell.slice).unwrap_or(0),
            window: cell.window.map(|w| [w.center(), w.width()]),
            window_function: cell.window.map(|w| function_name(w.function()).to_owned()),
            invert: cell.invert,
            quarter_turns: cell.orientation.quarter_turns(),
            flipped: cell.orientation.is_flipped(),
            planes: series.and_then(|s| s.planes.map(|planes| planes_state(&planes, s.time))),
            view_3d: (cell.view == ViewKind::Volume3d).then(|| view_3d_state(&cell.view_3d)),
            zoom: cell.zoom,
            pan: cell.pan.to_array(),
        }
    };
    ReadingSession {
        study: light_box.study.clone(),
        beside: light_box.studies_beside().to_vec(),
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
        let rect = cell.rect;
        let (series, slice) = find(&light_box.series, state);
        if let (Some(series), Some(planes)) = (series, &state.planes) {
            light_box.series[series].planes = planes_of(planes);
            light_box.series[series].time = planes.time as usize;
        }
        *cell = Cell {
            series,
            view: state.view,
            slice,
            window: window_of(state),
            invert: state.invert,
            orientation: Orientation::of(state.quarter_turns, state.flipped),
            zoom: if state.zoom.is_finite() && state.zoom > 0.0 { state.zoom } else { 1.0 },
            pan: DVec2::from_array(state.pan),
            view_3d: state.view_3d.as_ref().map(view_3d_of).unwrap_or_default(),
            rect,
            ..Cell::default()
        };
    }
    light_box.active = (session.active as usize).min(session.layout.cells() - 1);
}

/// The stack that holds the image, else the first one of the series; and the slice in it.
fn find(all: &[Series], state: &CellState) -> (Option<usize>, usize) {
    let of_series = |s: &&Series| Some(&s.uid) == state.series.as_ref();
    let by_image = state.image.as_ref().and_then(|image| {
        let of_stack = |(i, s): (usize, &Series)| Some((i, s.slice_of(image)?));
        all.iter().enumerate().filter(|(_, s)| of_series(s)).find_map(of_stack)
    });
    match by_image {
        Some((series, slice)) => (Some(series), slice),
        None => (all.iter().position(|s| of_series(&s)), state.slice as usize),
    }
}

/// The defined terms of VOI LUT Function (0028,1056).
fn function_name(function: VoiFunction) -> &'static str {
    match function {
        VoiFunction::Linear => "LINEAR",
        VoiFunction::LinearExact => "LINEAR_EXACT",
        VoiFunction::Sigmoid => "SIGMOID",
    }
}

/// The window of a cell, where it was changed from that of the file.
#[must_use]
pub fn window_of(state: &CellState) -> Option<Window> {
    let [center, width] = state.window?;
    let function = match state.window_function.as_deref() {
        Some("LINEAR_EXACT") => VoiFunction::LinearExact,
        Some("SIGMOID") => VoiFunction::Sigmoid,
        _ => VoiFunction::Linear,
    };
    Window::new(center, width, function)
}

fn planes_state(planes: &Mpr, time: usize) -> PlanesState {
    PlanesState {
        center_mm: planes.center_mm.to_array(),
        axes: planes.axes.map(|axes| axes.map(|axis| axis.to_array())),
        slab_mm: planes.slab_mm,
        projection: match planes.projection {
            Projection::Mip => ProjectionKind::Mip,
            Projection::MinIp => ProjectionKind::MinIp,
            Projection::Mean => ProjectionKind::Mean,
        },
        time: u32::try_from(time).unwrap_or(0),
    }
}

/// `None` when the axes are not unit vectors at right angles.
fn planes_of(state: &PlanesState) -> Option<Mpr> {
    let axes = state.axes.map(|axes| axes.map(DVec3::from_array));
    let square = |[right, down]: &[DVec3; 2]| {
        right.is_normalized() && down.is_normalized() && right.dot(*down).abs() < 1e-3
    };
    let center_mm = DVec3::from_array(state.center_mm);
    (axes.iter().all(square) && center_mm.is_finite()).then_some(Mpr {
        center_mm,
        axes,
        slab_mm: if state.slab_mm.is_finite() { state.slab_mm.clamp(0.0, 200.0) } else { 0.0 },
        projection: match state.projection {
            ProjectionKind::Mip => Projection::Mip,
            ProjectionKind::MinIp => Projection::MinIp,
            ProjectionKind::Mean => Projection::Mean,
        },
    })
}

fn view_3d_state(view: &View3d) -> View3dState {
    let camera = |c: Camera| CameraState {
        focus_mm: c.focus_mm.to_array(),
        right: c.right.to_array(),
        down: c.down.to_array(),
        edge_mm: c.mm_per_px,
    };
    View3dState {
        camera: view.camera.map(camera),
        preset: view.preset.clone(),
        shading: view.shading,
        crop: [view.crop.region.min, view.crop.region.max],
        transfer: view.transfer,
    }
}

fn view_3d_of(state: &View3dState) -> View3d {
    let camera = state.camera.map(|c| Camera {
        focus_mm: DVec3::from_array(c.focus_mm),
        right: DVec3::from_array(c.right),
        down: DVec3::from_array(c.down),
        mm_per_px: c.edge_mm,
        eye_distance_mm: None,
    });
    let valid = |c: &Camera| c.right.is_normalized() && c.down.is_normalized() && c.mm_per_px > 0.0;
    let [min, max] = state.crop;
    let is_box = (0..3).all(|i| 0.0 <= min[i] && min[i] < max[i] && max[i] <= 1.0);
    let region = if is_box { CropBox { min, max } } else { CropBox::WHOLE };
    View3d {
        camera: camera.filter(valid),
        preset: state.preset.clone(),
        shading: state.shading,
        crop: Crop { shown: false, region },
        transfer: if state.transfer.iter().all(|v| v.is_finite()) { state.transfer } else { [0.0, 1.0] },
        ..View3d::default()
    }
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
