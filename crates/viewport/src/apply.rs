//! The one place where the light box changes: commands and what views ask for.
//!
//! They are one thing so that a reader finds every change here, as one match over the commands.

use egui::{Pos2, Rect};
use medsight_base::{InstanceUid, SeriesUid};
use medsight_image::{Projection, Window};
use medsight_record::{AnnotationId, Decision, Layout, Tool, ViewCommand, ViewKind};
use uuid::Uuid;

use crate::cell::{Cell, Crop};
use crate::gesture::{Button, Gesture, zoom_about};
use crate::light_box::{Effect, LightBox, Overlays, Popup};
use crate::page::{Histograms, Page};
use crate::series::VolumeState;

/// What a view asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A command, from a key, the palette, or a button.
    Command(ViewCommand),
    /// A cell stands here now.
    Placed(usize, Rect),
    /// A mouse button went down on a cell.
    Press(usize, Pos2, Button),
    /// The pointer moved while a button is down.
    Drag(Pos2),
    /// The button came up.
    Release(Pos2),
    /// The pointer moved over a cell.
    Hover(usize, Pos2),
    /// The pointer left the cells.
    Leave,
    /// The wheel turned over a cell by so many notches; `true` magnifies.
    Wheel(usize, Pos2, f32, bool),
    /// The cell that keys go to.
    Activate(usize),
    /// A series goes into a cell.
    PutSeries {
        /// Cell.
        cell: usize,
        /// Index of the series.
        series: usize,
    },
    /// A series is taken off the strip.
    Lift(usize),
    /// It is let go, over this cell.
    Drop(Option<usize>),
    /// Choose an annotation and show where it is.
    GoTo(AnnotationId),
    /// Delete an annotation.
    Remove(AnnotationId),
    /// Open or close what lies over the images.
    Show(Popup),
    /// A text is finished.
    KeepText,
    /// 3D look of a cell.
    VolumePreset(usize, String),
    /// Light in a 3D cell.
    Shading(usize, bool),
    /// Share of the volume beside surfaces in a 3D cell.
    VolumeShare(usize, f32),
    /// Crop box of a 3D cell.
    SetCrop(usize, Crop),
    /// Slab thickness of a cell's planes, millimetres.
    Slab(usize, f64),
    /// A presentation state on or off.
    Look(usize),
    /// A part of a layer set on or off.
    LayerOn(usize, usize, bool),
    /// The document of a page is wanted as a file.
    SaveDocument(InstanceUid),
    /// The regions of the active cell's series are to be a segment: its name, the line of what it is.
    WriteSegment(String, usize),
    /// An object that was written is taken back.
    DeleteWritten(SeriesUid),
    /// A histogram of a page on or off: series, curve.
    CurveOn(usize, usize, bool),
    /// Histograms of a page in cubic centimetres, or percent.
    HistogramInCm3(usize, bool),
    /// Opacity of a layer set.
    LayerFill(usize, f32),
    /// The proposal that keys decide on; none.
    Judge(Option<Uuid>),
    /// The part of a proposal that the brush paints.
    PaintOn(Uuid, u16),
    /// The model of a line is to run.
    RunModel(usize),
    /// The study of a line comes beside this one, or is taken off.
    PutOrTakePrior(usize),
    /// A proposal is rejected; why, may be empty.
    Reject(Uuid, String),
    /// Radius of the brush, millimetres.
    BrushRadius(f64),
    /// The last point of the vessel.
    TakePointOff,
    /// What is computed for the reader is to stop.
    StopJob,
    /// Projection of a cell's planes.
    SetProjection(usize, Projection),
}

/// Slab thicknesses of the keys, millimetres.
const SLABS_MM: [f64; 10] = [0.0, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0, 20.0, 30.0, 50.0];

impl LightBox {
    /// Applies what a view asked for.
    pub fn apply(&mut self, action: Action) {
        match action {
            Action::Command(command) => self.command(command),
            Action::Placed(cell, rect) => self.cells[cell].rect = rect,
            Action::Press(cell, at, button) => self.press(cell, at, button),
            Action::Drag(at) => self.drag(at),
            Action::Release(at) => self.release(at),
            Action::Hover(cell, at) => self.hover_at(cell, at),
            Action::Leave => self.hover = None,
            Action::Wheel(cell, at, notches, magnify) => self.wheel(cell, at, notches, magnify),
            Action::Activate(cell) => self.active = cell,
            Action::PutSeries { cell, series } => self.put_series(cell, series),
            Action::Lift(series) => self.lifted = Some(series),
            Action::Drop(cell) => {
                if let (Some(series), Some(cell)) = (self.lifted.take(), cell) {
                    self.put_series(cell, series);
                }
            }
            Action::GoTo(id) => self.go_to_annotation(id),
            Action::Remove(id) => self.remove(id),
            Action::Show(popup) => self.show_popup(popup),
            Action::KeepText if matches!(self.popup, Popup::TrueLength { .. }) => self.keep_true_length(),
            Action::KeepText => self.keep_text(),
            Action::VolumePreset(cell, name) => {
                self.cells[cell].view_3d.preset = Some(name);
                self.cells[cell].view_3d.transfer = [0.0, 1.0];
            }
            Action::Shading(cell, on) => self.cells[cell].view_3d.shading = on,
            Action::VolumeShare(cell, share) => self.cells[cell].view_3d.volume_share = share.clamp(0.0, 1.0),
            Action::SetCrop(cell, crop) => self.cells[cell].view_3d.crop = crop,
            Action::Slab(cell, mm) => self.with_mpr(cell, |mpr| mpr.slab_mm = mm.clamp(0.0, 200.0)),
            Action::Look(index) => self.toggle_look(index),
            Action::LayerOn(set, layer, on) => {
                if let Some(layer) = self.layers.get_mut(set).and_then(|s| s.layers.get_mut(layer)) {
                    layer.on = on;
                }
            }
            Action::SaveDocument(instance) => self.effects.push(Effect::SaveDocument(instance)),
            Action::WriteSegment(label, chosen) => self.write_segment(&label, chosen),
            Action::DeleteWritten(series) => self.take_back(series),
            Action::CurveOn(series, curve, on) => self.with_histograms(series, |sheet| {
                if let Some(curve) = sheet.curves.get_mut(curve) {
                    curve.on = on;
                }
            }),
            Action::HistogramInCm3(series, in_cm3) => {
                self.with_histograms(series, |sheet| sheet.in_cm3 = in_cm3)
            }
            Action::LayerFill(set, fill) => {
                if let Some(set) = self.layers.get_mut(set) {
                    set.fill = fill.clamp(0.0, 1.0);
                }
            }
            Action::Judge(id) => self.judged = id,
            Action::PaintOn(id, label) => {
                (self.judged, self.painting) = (Some(id), Some((id, label)));
                if !matches!(self.tool, Tool::Brush | Tool::Eraser) {
                    self.tool = Tool::Brush;
                }
            }
            Action::RunModel(line) => {
                if let Some(model) = self.models.get(line).cloned() {
                    self.run_model(&model);
                }
            }
            Action::PutOrTakePrior(line) => self.put_or_take_prior(line),
            Action::Reject(id, why) => self.decide(id, Decision::Rejected(why.trim().to_owned())),
            Action::BrushRadius(mm) => self.brush.radius_mm = mm.clamp(0.5, 50.0),
            Action::TakePointOff => self.take_point_off(),
            Action::StopJob => self.stop_job(),
            Action::SetProjection(cell, projection) => self.with_mpr(cell, |mpr| mpr.projection = projection),
        }
    }

    /// Does a command on the active cell.
    pub fn command(&mut self, command: ViewCommand) {
        use ViewCommand as C;
        (self.notice, self.done) = (None, None);
        let active = self.active;
        match command {
            C::SelectTool(tool) => {
                self.tool = tool;
                self.draft = None;
            }
            C::WindowPreset(n) => self.window_preset(n),
            C::WindowAsStored => self.next_stored_window(),
            C::Invert => self.cells[active].invert ^= true,
            C::FlipHorizontal => self.orient(|o| o.flipped()),
            C::RotateClockwise => {
                if self.cells[active].view == ViewKind::Volume3d {
                    let cell = &mut self.cells[active].view_3d;
                    cell.camera = cell.camera.map(|c| c.rolled(std::f64::consts::FRAC_PI_2));
                } else {
                    self.orient(|o| o.rotated());
                }
            }
            C::Fit => self.cells[active].fit(),
            C::ActualPixels => self.magnify_to(1.0, false),
            C::TrueSize => self.true_size(),
            C::Layout(n) => self.set_layout(n),
            C::Maximise => self.maximised ^= true,
            C::ToggleMpr => self.toggle_mpr(),
            C::ToggleVolume3d => self.toggle_3d(),
            C::NextVolumePreset => self.next_volume_preset(),
            C::ToggleCrop => self.cells[active].view_3d.crop.shown ^= true,
            C::SlabThicker => self.change_slab(1),
            C::SlabThinner => self.change_slab(-1),
            C::NextProjection => self.with_mpr(active, |mpr| {
                mpr.projection = match mpr.projection {
                    Projection::Mip => Projection::MinIp,
                    Projection::MinIp => Projection::Mean,
                    Projection::Mean => Projection::Mip,
                };
            }),
            C::ToggleCrosshair => self.crosshair ^= true,
            C::ToggleCine => self.toggle_cine(),
            C::CineFaster => self.change_cine(1.25),
            C::CineSlower => self.change_cine(0.8),
            C::CycleOverlays => {
                self.overlays = match self.overlays {
                    Overlays::All => Overlays::Minimal,
                    Overlays::Minimal => Overlays::None,
                    Overlays::None => Overlays::All,
                }
            }
            C::ToggleLayers => self.layers_shown ^= true,
            C::ToggleOverlayPlanes => self.overlay_planes ^= true,
            C::TogglePanel => self.panel ^= true,
            C::NextSeries => self.step_series(1),
            C::PreviousSeries => self.step_series(-1),
            C::NextTime => self.step_time(active, 1),
            C::PreviousTime => self.step_time(active, -1),
            C::ScrollBy(n) => self.scroll_by(active, i64::from(n)),
            C::ToggleKeyImage => self.toggle_key_image(),
            C::Calibrate => self.ask_true_length(),
            C::Write => self.show_popup(Popup::Write { chosen: self.first_offer() }),
            C::WriteReport => self.write(self.report_to_write(), "write.no_measurements"),
            C::WriteKeyImages => self.write(self.key_images_to_write(), "write.no_key_images"),
            C::WriteLook => self.write(self.look_to_write(), self.or_beside("write.no_image")),
            C::WriteSegment => self.ask_segment(),
            C::DeleteSelected => {
                if let Some(id) = self.selected {
                    self.remove(id);
                }
            }
            C::RunModel => self.show_popup(Popup::Models { chosen: self.first_model() }),
            C::StopModel if self.model_run.is_none() => self.stop_job(),
            C::StopModel => self.stop_model(),
            C::TraceVessel => self.trace_vessel(),
            C::NextCurved => self.next_curved(),
            C::ChoosePrior => self.choose_prior(),
            C::ToggleLink => self.toggle_link(),
            C::AlignPrior => self.align_prior(),
            C::AcceptProposal => self.accept(),
            C::RejectProposal => self.ask_reject(),
            C::BrushLarger if self.tool == Tool::Pick => self.resize_outline(1.15),
            C::BrushSmaller if self.tool == Tool::Pick => self.resize_outline(1.0 / 1.15),
            C::BrushLarger => self.change_brush(1),
            C::BrushSmaller => self.change_brush(-1),
            C::ToggleBall => self.brush.is_ball ^= true,
            C::Undo => self.undo(),
            C::Redo => self.redo(),
            C::Cancel => self.cancel(),
            C::Palette => self.show_popup(Popup::Palette { query: String::new(), chosen: 0 }),
            C::Help => self.show_popup(Popup::Help),
            C::Lock => self.effects.push(Effect::LockWanted),
        }
        let is_quiet = matches!(
            command,
            C::SelectTool(_)
                | C::Undo
                | C::Redo
                | C::Cancel
                | C::Palette
                | C::Help
                | C::Lock
                | C::DeleteSelected
                | C::ToggleKeyImage
                | C::Calibrate
                | C::Write
                | C::WriteReport
                | C::WriteKeyImages
                | C::WriteLook
                | C::WriteSegment
                | C::RunModel
                | C::StopModel
                | C::TraceVessel
                | C::ChoosePrior
                | C::ToggleLink
                | C::AlignPrior
                | C::AcceptProposal
                | C::RejectProposal
                | C::BrushLarger
                | C::BrushSmaller
                | C::ToggleBall
        );
        if !is_quiet {
            self.effects.push(Effect::SessionChanged);
        }
    }

    fn orient(&mut self, turn: impl Fn(crate::Orientation) -> crate::Orientation) {
        let cell = &mut self.cells[self.active];
        cell.orientation = turn(cell.orientation);
    }

    /// Where a cell is in its stack or along its plane's normal: (from 0, count).
    pub fn position(&self, cell: usize) -> Option<(i64, i64)> {
        let c = self.cells.get(cell)?;
        let series = self.series_of(cell)?;
        match c.plane() {
            Some(plane) => Some(series.planes?.steps(plane, series.volume()?)),
            None if c.view == ViewKind::Stack => {
                let count = series.page.as_ref().map_or(series.slices.len(), |page| page.sheets());
                Some((c.slice as i64, count as i64))
            }
            None => None,
        }
    }

    pub(crate) fn go_to(&mut self, cell: usize, position: i64) {
        if let Some((at, _)) = self.position(cell) {
            self.scroll_by(cell, position - at);
        }
    }

    pub(crate) fn scroll_by(&mut self, cell: usize, by: i64) {
        if self.cells[cell].view == ViewKind::Curved {
            return self.turn_curved(by);
        }
        let Some((at, count)) = self.position(cell) else { return };
        match self.cells[cell].plane() {
            Some(plane) => {
                let Some(volume) = self.series_of(cell).and_then(|s| s.volume().cloned()) else { return };
                self.with_mpr(cell, |mpr| *mpr = mpr.scrolled(plane, by, &volume));
            }
            None => self.cells[cell].slice = (at + by).clamp(0, (count - 1).max(0)) as usize,
        }
        self.followed(cell);
    }

    fn wheel(&mut self, cell: usize, at: Pos2, notches: f32, magnify: bool) {
        if self.cells[cell].view == ViewKind::Volume3d {
            if let Some(volume) = self.series_of(cell).and_then(|s| s.volume().cloned()) {
                let view = &mut self.cells[cell].view_3d;
                let camera = view.camera.unwrap_or_else(|| crate::picture::first_camera(&volume));
                view.camera = Some(camera.zoomed(1.1f64.powf(f64::from(notches))));
            }
        } else if magnify {
            zoom_about(&mut self.cells[cell], at, 1.1f64.powf(f64::from(notches)));
        } else if self.page_of(cell).is_some_and(|page| page.sheets() == 1) {
            // A page that does not turn is moved.
            let cell = &mut self.cells[cell];
            cell.pan.y += f64::from(notches) * 40.0 / cell.zoom;
        } else {
            self.scroll_by(cell, -(notches.round() as i64));
        }
        self.effects.push(Effect::SessionChanged);
    }

    pub(crate) fn set_window(&mut self, cell: usize, window: Window) {
        let linked = self.linked_planes(cell);
        for i in linked {
            self.cells[i].window = Some(window);
        }
    }

    /// The cells that show planes of the same volume, flat or curved, share their window; a stack stands alone.
    fn linked_planes(&self, cell: usize) -> Vec<usize> {
        let c = &self.cells[cell];
        let is_cut = |c: &Cell| c.plane().is_some() || c.view == ViewKind::Curved;
        if !is_cut(c) {
            return vec![cell];
        }
        (0..self.cells.len())
            .filter(|i| is_cut(&self.cells[*i]) && self.cells[*i].series == c.series)
            .collect()
    }

    /// The first window of the file; where it is shown already, the next one.
    fn next_stored_window(&mut self) {
        let cell = self.active;
        let windows = self.facts(cell).map(|facts| facts.windows.clone()).unwrap_or_default();
        let shown = match self.cells[cell].window {
            None => Some(0),
            Some(window) => windows.iter().position(|(stored, _)| *stored == window),
        };
        let next = shown.map_or(0, |at| at + 1).min(windows.len());
        match windows.get(next).filter(|_| next > 0) {
            Some((window, _)) => self.set_window(cell, *window),
            None => {
                for linked in self.linked_planes(cell) {
                    self.cells[linked].window = None;
                }
            }
        }
    }

    fn window_preset(&mut self, n: u8) {
        let Some(series) = self.series_of(self.active) else { return };
        let preset = usize::from(n).checked_sub(1).and_then(|i| self.presets.of(&series.modality).get(i));
        if let Some(window) = preset.and_then(|p| p.window(series.value_range())) {
            self.set_window(self.active, window);
        }
    }

    /// The zoom at which an image pixel takes `pixels` screen points.
    fn magnify_to(&mut self, points_per_pixel: f64, mm: bool) {
        let Some(surface) = self.surface(self.active) else { return };
        let cell = &mut self.cells[self.active];
        let unit = if mm {
            match surface.screen_per_mm(cell.rect.center()) {
                Some((points, _)) => points,
                None => return,
            }
        } else {
            1.0 / surface.local_from_screen.transform_vector2(glam::DVec2::X).length()
        };
        let anchor = cell.rect.center();
        zoom_about(cell, anchor, points_per_pixel / unit);
    }

    fn with_histograms(&mut self, series: usize, change: impl FnOnce(&mut Histograms)) {
        let page = self.series.get_mut(series).and_then(|s| s.page.as_mut());
        if let Some(Page::Histograms(sheet)) = page.map(std::sync::Arc::make_mut) {
            change(sheet);
        }
    }

    /// A millimetre of the paper becomes one of the screen.
    fn true_size_of_paper(&mut self) {
        let Some(points) = self.screen_points_per_mm else {
            self.notice = Some(self.words.text("lightbox.not_calibrated").to_owned());
            return;
        };
        if let Some(paper) = crate::ui::paper_of(self, self.active) {
            let anchor = self.cells[self.active].rect.center();
            zoom_about(&mut self.cells[self.active], anchor, points / paper);
        }
    }

    fn true_size(&mut self) {
        if self.page_of(self.active).is_some() {
            return self.true_size_of_paper();
        }
        let has_scale = self
            .surface(self.active)
            .is_some_and(|s| s.screen_per_mm(self.cells[self.active].rect.center()).is_some());
        match self.screen_points_per_mm {
            Some(points) if has_scale => self.magnify_to(points, true),
            Some(_) => self.notice = Some(self.words.text("scale.none").to_owned()),
            None => self.notice = Some(self.words.text("lightbox.not_calibrated").to_owned()),
        }
    }

    fn set_layout(&mut self, n: u8) {
        let Some(layout) = Layout::ALL.get(usize::from(n)) else { return };
        self.layout = *layout;
        self.before_mpr = None;
        self.maximised = false;
        // Cells that were never filled take the series that are not shown yet.
        let active = self.active;
        for i in 0..layout.cells() {
            if self.cells[i].series.is_none() {
                let shown: Vec<_> = self.cells[..layout.cells()].iter().filter_map(|c| c.series).collect();
                if let Some(next) = (0..self.series.len()).find(|s| !shown.contains(s)) {
                    self.put_series(i, next);
                }
            }
        }
        self.active = active.min(layout.cells() - 1);
    }

    pub(crate) fn put_series(&mut self, cell: usize, series: usize) {
        let Some(s) = self.series.get(series) else { return };
        let rect = self.cells[cell].rect;
        self.cells[cell] = Cell { rect, ..Cell::showing(series, s.slices.len() / 2) };
        self.active = cell;
        self.effects.push(Effect::SessionChanged);
    }

    fn step_series(&mut self, by: i64) {
        let count = self.series.len() as i64;
        let at = self.cells[self.active].series.map_or(-1, |s| s as i64);
        let next = at + by;
        if (0..count).contains(&next) {
            self.put_series(self.active, next as usize);
        }
    }

    /// Why the active cell has no volume, when it can't get one.
    fn volume_refused(&mut self) -> bool {
        let Some(series) = self.series_of(self.active) else { return true };
        if let VolumeState::Refused(why) = &series.volume {
            self.notice = Some(self.words.refused(why));
            return true;
        }
        false
    }

    pub(crate) fn toggle_mpr(&mut self) {
        if let Some(before) = self.before_mpr.take() {
            let (layout, cells, active) = *before;
            self.layout = layout;
            for (cell, mut old) in self.cells.iter_mut().zip(cells) {
                old.rect = cell.rect;
                *cell = old;
            }
            self.active = active;
            return;
        }
        if self.volume_refused() {
            return;
        }
        let from = self.cells[self.active].clone();
        if from.plane().is_some() {
            // Put back after a restart: what was there before the planes is not known any more.
            self.layout = Layout::default();
            self.cells[0] = Cell { rect: self.cells[0].rect, view: ViewKind::Stack, ..from };
            self.active = 0;
            return;
        }
        self.volume_follows_slice(self.active);
        self.before_mpr = Some(Box::new((self.layout, self.cells.clone(), self.active)));
        self.layout = Layout { columns: 2, rows: 2 };
        self.maximised = false;
        let views = [ViewKind::Axial, ViewKind::Coronal, ViewKind::Sagittal, ViewKind::Volume3d];
        for (cell, view) in self.cells.iter_mut().zip(views) {
            let rect = cell.rect;
            *cell = Cell {
                series: from.series,
                view,
                window: from.window,
                slice: from.slice,
                invert: from.invert,
                rect,
                ..Cell::default()
            };
        }
        self.active = 0;
    }

    /// The volume is seen at the time of the slice a stack cell shows, and its planes cross in that slice.
    fn volume_follows_slice(&mut self, cell: usize) {
        let cell = &self.cells[cell];
        let Some(series) = cell.series.filter(|_| cell.view == ViewKind::Stack) else { return };
        let Some(series) = self.series.get_mut(series) else { return };
        let per_time = series.slices.len() / series.time_points();
        series.set_time(cell.slice / per_time.max(1));
        let place = series.slices.get(cell.slice).and_then(|s| s.facts.as_ref()).and_then(|f| f.place);
        let Some((place, volume)) = place.zip(series.volume().cloned()) else { return };
        if let Some(planes) = &mut series.planes {
            let (_, distance_mm) = place.image_from_patient(planes.center_mm);
            *planes = planes.moved_to(planes.center_mm - place.normal() * distance_mm, &volume);
        }
    }

    fn toggle_3d(&mut self) {
        if self.volume_refused() {
            return;
        }
        self.volume_follows_slice(self.active);
        let cell = &mut self.cells[self.active];
        cell.view = if cell.view == ViewKind::Volume3d { ViewKind::Stack } else { ViewKind::Volume3d };
    }

    fn next_volume_preset(&mut self) {
        let Some(series) = self.series_of(self.active) else { return };
        let suited: Vec<&String> =
            self.volume_presets.iter().filter(|p| p.suits(&series.modality)).map(|p| &p.name).collect();
        let now = self.volume_preset(self.active).map(|p| &p.name);
        let at = suited.iter().position(|name| Some(*name) == now).map_or(0, |i| i + 1);
        if let Some(name) = suited.get(at % suited.len().max(1)) {
            let action = Action::VolumePreset(self.active, (*name).clone());
            self.apply(action);
        }
    }

    pub(crate) fn with_mpr(&mut self, cell: usize, change: impl FnOnce(&mut crate::Mpr)) {
        let series = self.cells.get(cell).and_then(|c| c.series).and_then(|s| self.series.get_mut(s));
        if let Some(mpr) = series.and_then(|s| s.planes.as_mut()) {
            change(mpr);
        }
    }

    fn change_slab(&mut self, by: isize) {
        self.with_mpr(self.active, |mpr| {
            let at = SLABS_MM.iter().position(|mm| *mm >= mpr.slab_mm).unwrap_or(SLABS_MM.len() - 1);
            mpr.slab_mm = SLABS_MM[at.saturating_add_signed(by).min(SLABS_MM.len() - 1)];
        });
    }

    pub(crate) fn show_popup(&mut self, popup: Popup) {
        if let Popup::Warning { cell, code } = &popup {
            if let Some(series) = self.cells.get(*cell).and_then(|c| c.series) {
                self.seen_warnings.insert((series, code.clone()));
            }
        }
        self.popup = if popup == self.popup { Popup::None } else { popup };
    }

    /// Leaves what was begun, the innermost first.
    fn cancel(&mut self) {
        if self.lifted.take().is_some() {
            return;
        }
        if self.popup != Popup::None {
            self.popup = Popup::None;
        } else if matches!(self.gesture, Some(Gesture::Paint { .. })) {
            self.break_off_paint();
            self.gesture = None;
        } else if self.draft.is_some() || self.gesture.is_some() {
            self.draft = None;
            self.gesture = None;
            self.live = None;
        } else if self.selected.is_some() {
            self.selected = None;
        } else if self.outlining.is_some() {
            // The next click begins another; what is outlined stays.
            self.outlining = None;
        } else if self.job.is_some() {
            self.stop_job();
        } else if self.is_tracing() {
            self.leave_vessel();
        } else if self.judged.is_some() {
            self.judged = None;
        } else if self.maximised {
            self.maximised = false;
        } else if self.tool == Tool::Vessel {
            self.leave_vessel();
        }
    }
}
