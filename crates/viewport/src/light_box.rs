//! The state of one window of the light box. Views read it; [`crate::apply`] alone changes it.
//!
//! It is one thing, so that all that a window knows is seen in one list.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use egui::Pos2;
use glam::DVec3;
use medsight_base::{DicomDate, StudyUid, Timestamp};
use medsight_image::{Preset, TransferFunction, Window};
use medsight_record::hotkeys::Hotkeys;
use medsight_record::words::{Locale, Words};
use medsight_record::{
    Annotation, AnnotationId, History, Layout, Patient, Proposal, ReadingSession, Refusal, Tool, ViewKind,
    Written,
};
use uuid::Uuid;

use crate::align::Alignments;
use crate::beside::Beside;
use crate::cell::Cell;
use crate::curved::CurvedView;
pub use crate::effect::{Effect, SaveState};
use crate::gesture::{Draft, Gesture};
use crate::job::Job;
use crate::mpr::Mpr;
pub use crate::popup::Popup;
use crate::presets::Presets;
use crate::sample::Source;
use crate::series::{FrameState, Series, SliceFacts};
use crate::stack_key::StackKey;
use crate::surface::Surface;
use crate::vessel::Vessels;

/// Whose study it is; stands on top of the window whatever else is hidden.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StudyFacts {
    /// `NAME^GIVEN · 1957-03-14 (69 F) · ID 004711`.
    pub identity: String,
    /// Description and date.
    pub description: String,
    /// When it was made.
    pub date: Option<DicomDate>,
    /// Whose it is, as the file says it; `None` where it was not read.
    pub patient: Option<Patient>,
}

impl StudyFacts {
    /// Whether two studies say that they are of one person: by Patient ID, or by name where neither has one, and nothing else against it. Where
    /// it was not read who it is, by the line that is shown.
    pub(crate) fn is_of_person_of(&self, other: &Self) -> bool {
        let (Some(a), Some(b)) = (&self.patient, &other.patient) else {
            return self.identity == other.identity;
        };
        let by_name = a.id.is_empty() && b.id.is_empty() && a.name == b.name;
        let by_id = !a.id.is_empty() && a.id == b.id;
        (by_id || by_name) && a.may_be(b)
    }
}

/// How much is written over the images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlays {
    /// Everything.
    #[default]
    All,
    /// View and window only.
    Minimal,
    /// Nothing; identity stays in the window's header.
    None,
}

/// Everything one window shows.
pub struct LightBox {
    /// The study.
    pub study: StudyUid,
    /// Whose it is.
    pub facts: StudyFacts,
    /// Texts in the person's language.
    pub words: Words,
    /// Keys.
    pub hotkeys: Hotkeys,
    /// Window presets by modality.
    pub presets: Presets,
    /// Looks for 3D.
    pub volume_presets: Vec<Preset>,
    /// The series, in the order of the strip.
    pub series: Vec<Series>,
    /// Cells across and down.
    pub layout: Layout,
    /// Nine cells; the layout shows the first of them.
    pub cells: Vec<Cell>,
    /// The cell that keys go to.
    pub active: usize,
    /// The active cell fills the window.
    pub maximised: bool,
    /// Layout and cells before MPR.
    pub before_mpr: Option<Box<(Layout, Vec<Cell>, usize)>>,
    /// Left mouse button.
    pub tool: Tool,
    /// How much is written over the images.
    pub overlays: Overlays,
    /// Segmentations and structure sets of the study.
    pub layers: Vec<crate::LayerSet>,
    /// What programs proposed in the study, as the record has it.
    pub proposals: Vec<Proposal>,
    /// The proposal that keys decide on.
    pub judged: Option<Uuid>,
    /// The proposal and the label that the brush paints.
    pub(crate) painting: Option<(Uuid, u16)>,
    pub(crate) painted: crate::painted::Painted,
    /// The brush.
    pub brush: crate::Brush,
    /// A decision that undo takes back.
    pub(crate) reopen: Option<medsight_base::SeriesUid>,
    /// What is being outlined by clicks.
    pub outlining: Option<crate::Outlining>,
    /// The vessel that is traced.
    pub(crate) vessels: Vessels,
    /// The view along it.
    pub(crate) curved: CurvedView,
    /// Other studies of the patient.
    pub(crate) beside: Beside,
    /// The prior that is aligned to the current study.
    pub(crate) alignments: Alignments,
    /// Cells that show the same part of the patient are scrolled together.
    pub is_linked: bool,
    /// The place that was pointed at last.
    pub(crate) pointed: Option<(StackKey, DVec3)>,
    /// What is computed for the reader.
    pub job: Option<Job>,
    /// Jobs so far.
    pub(crate) turns: u64,
    /// Models that are installed.
    pub models: Vec<crate::ModelOffer>,
    /// The one that runs.
    pub model_run: Option<crate::ModelRun>,
    /// Series whose volume is wanted though no cell shows it.
    pub volumes_wanted: BTreeSet<usize>,
    /// They are drawn.
    pub layers_shown: bool,
    /// Labels of their parts, by series, where 3D has asked for them.
    pub solids: BTreeMap<usize, crate::SolidsOf>,
    pub(crate) fresh: Option<crate::FreshLabels>,
    pub(crate) layer_textures: RefCell<crate::ui::LayerTextures>,
    /// Presentation states of the study.
    pub looks: Vec<crate::Look>,
    /// The one that is on.
    pub look: Option<usize>,
    /// What reports of the study (DICOM SR) measured: seen, not changed.
    pub reported: Vec<Annotation>,
    /// DICOM objects that the reader had made since the window was opened.
    pub written: Vec<Written>,
    /// The one that undo takes back: nothing was drawn since it was written.
    pub(crate) take_back: Option<medsight_base::SeriesUid>,
    /// Overlay planes of the images are drawn.
    pub overlay_planes: bool,
    pub(crate) graphics: RefCell<crate::ui::Graphics>,
    /// The side panel is open.
    pub panel: bool,
    /// Crosshair and reference lines are shown.
    pub crosshair: bool,
    /// What was drawn, with its past.
    pub annotations: History<BTreeMap<AnnotationId, Annotation>>,
    /// An annotation as it is while it is dragged; not in the history yet.
    pub(crate) live: Option<Annotation>,
    /// The one with handles.
    pub selected: Option<AnnotationId>,
    /// What the desk said.
    pub save_states: BTreeMap<AnnotationId, SaveState>,
    /// There is a desk that keeps things.
    pub has_desk: bool,
    /// What lies over the images.
    pub popup: Popup,
    /// Being drawn.
    pub(crate) draft: Option<Draft>,
    /// Being dragged.
    pub(crate) gesture: Option<Gesture>,
    /// The series that is carried from the strip to a cell.
    pub(crate) lifted: Option<usize>,
    /// Pointer over a cell.
    pub(crate) hover: Option<(usize, Pos2)>,
    /// Screen points in a millimetre, when the monitor was calibrated.
    pub screen_points_per_mm: Option<f64>,
    /// Time now, set before each frame.
    pub now: Timestamp,
    /// Seconds of the window's clock, set before each frame.
    pub clock_s: f64,
    /// Pictures a second where the file says nothing.
    pub default_fps: f64,
    /// Computed share of a 3D view's resolution while it moves and while it stands still.
    pub quality_3d: [f32; 2],
    /// Asked for from outside since the last [`Self::take_effects`].
    pub(crate) effects: Vec<Effect>,
    /// Warnings the reader has opened, by series and code: still shown, but quieter.
    pub(crate) seen_warnings: BTreeSet<(usize, String)>,
    /// A line about the last command: what it did not do, and why.
    pub notice: Option<String>,
    /// A line about what was done well.
    pub done: Option<String>,
    /// Files that were to be shown and are refused: name and reason.
    pub refused_files: Vec<(String, Refusal)>,
    pub(crate) new_id: Box<dyn FnMut() -> Uuid>,
    transfers: RefCell<BTreeMap<(usize, String), Arc<TransferFunction>>>,
}

impl LightBox {
    /// An empty window of a study. `new_id` makes ids for annotations.
    pub fn new(study: StudyUid, locale: Locale, new_id: impl FnMut() -> Uuid + 'static) -> Self {
        Self {
            study,
            facts: StudyFacts::default(),
            words: Words::new(locale),
            hotkeys: Hotkeys::built_in("lightbox").unwrap_or_default(),
            presets: Presets::default(),
            volume_presets: Preset::all(),
            series: Vec::new(),
            layout: Layout::default(),
            cells: vec![Cell::default(); 9],
            active: 0,
            maximised: false,
            before_mpr: None,
            tool: Tool::Window,
            overlays: Overlays::All,
            layers: Vec::new(),
            proposals: Vec::new(),
            judged: None,
            painting: None,
            painted: crate::painted::Painted::default(),
            brush: crate::Brush::default(),
            reopen: None,
            outlining: None,
            vessels: Vessels::new(None),
            curved: CurvedView::default(),
            beside: Beside::default(),
            alignments: Alignments::default(),
            is_linked: false,
            pointed: None,
            job: None,
            turns: 0,
            models: Vec::new(),
            model_run: None,
            volumes_wanted: BTreeSet::new(),
            layers_shown: true,
            solids: BTreeMap::new(),
            fresh: None,
            layer_textures: RefCell::default(),
            looks: Vec::new(),
            look: None,
            reported: Vec::new(),
            written: Vec::new(),
            take_back: None,
            overlay_planes: true,
            graphics: RefCell::default(),
            panel: false,
            crosshair: true,
            annotations: History::new(BTreeMap::new()),
            live: None,
            selected: None,
            save_states: BTreeMap::new(),
            has_desk: false,
            popup: Popup::None,
            draft: None,
            gesture: None,
            lifted: None,
            hover: None,
            screen_points_per_mm: None,
            now: Timestamp(0),
            clock_s: 0.0,
            default_fps: 15.0,
            quality_3d: [0.34, 1.0],
            effects: Vec::new(),
            seen_warnings: BTreeSet::new(),
            notice: None,
            done: None,
            refused_files: Vec::new(),
            new_id: Box::new(new_id),
            transfers: RefCell::new(BTreeMap::new()),
        }
    }

    /// Cells that are on the screen.
    pub fn visible_cells(&self) -> Vec<usize> {
        if self.maximised { vec![self.active] } else { (0..self.layout.cells()).collect() }
    }

    /// What was asked for since the last call.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Annotations as they are on the screen now.
    pub fn shown_annotations(&self) -> impl Iterator<Item = &Annotation> {
        let live = self.live.as_ref();
        let kept = self.annotations.present().values();
        kept.filter(move |a| live.is_none_or(|l| l.id != a.id)).chain(live)
    }

    /// The series of a cell.
    pub fn series_of(&self, cell: usize) -> Option<&Series> {
        self.series.get(self.cells.get(cell)?.series?)
    }

    /// The page that a cell shows, where it shows one.
    pub fn page_of(&self, cell: usize) -> Option<&crate::Page> {
        self.series_of(cell)?.page.as_deref()
    }

    /// Whose images a cell shows.
    pub fn study_of(&self, cell: usize) -> &StudyFacts {
        self.series_of(cell).and_then(|s| s.study.as_ref()).unwrap_or(&self.facts)
    }

    /// Series of more than one study are in the window.
    pub(crate) fn has_several_studies(&self) -> bool {
        self.series.windows(2).any(|pair| pair[0].study != pair[1].study)
    }

    /// Facts of the slice a stack cell shows.
    pub fn facts(&self, cell: usize) -> Option<&Arc<SliceFacts>> {
        let series = self.series_of(cell)?;
        let own = series.slices.get(self.cells[cell].slice).and_then(|s| s.facts.as_ref());
        if self.cells[cell].view == ViewKind::Stack {
            return own;
        }
        // Planes take what they need from any slice that was read.
        own.or_else(|| series.slices.iter().find_map(|s| s.facts.as_ref()))
    }

    /// The window of a cell: the reader's, else the file's, else one that spans the values.
    pub fn window(&self, cell: usize) -> Option<Window> {
        if let Some(window) = self.cells.get(cell)?.window {
            return Some(window);
        }
        if let Some((window, _)) = self.facts(cell).and_then(|f| f.windows.first()) {
            return Some(*window);
        }
        let series = self.series_of(cell)?;
        let [min, max] = series.typical.unwrap_or_else(|| series.value_range());
        Some(Window::spanning(min, max))
    }

    /// The mapping between screen and image of a 2D cell.
    pub fn surface(&self, index: usize) -> Option<Surface> {
        let cell = self.cells.get(index)?;
        let series = self.series_of(index)?;
        match cell.plane() {
            Some(plane) => {
                let mpr = series.planes.as_ref()?;
                Some(Surface::of_plane(cell, cell.rect, series, plane, mpr, series.volume()?))
            }
            None if cell.view == ViewKind::Stack => {
                let slice = series.slices.get(cell.slice)?;
                let facts = slice.facts.as_ref()?;
                let frame = slice.frame_number;
                let stored = Surface::of_image(cell, cell.rect, &series.uid, &slice.instance, frame, facts);
                Some(self.with_calibration(stored))
            }
            None => None,
        }
    }

    /// Where the values of a cell come from.
    pub(crate) fn source(&self, index: usize) -> Option<(Source<'_>, &str)> {
        let cell = self.cells.get(index)?;
        let series = self.series_of(index)?;
        if cell.plane().is_some() {
            let (volume, mpr) = (series.volume()?, series.planes?);
            return Some((Source::Volume(volume, mpr.projection), &volume.unit));
        }
        let slice = series.slices.get(cell.slice)?;
        match (&slice.frame, &slice.facts) {
            (FrameState::Ready(frame), Some(facts)) => Some((Source::Image(frame, facts), &facts.unit)),
            _ => None,
        }
    }

    /// The transfer function of a preset on the volume of a stack; percentiles are computed once.
    pub(crate) fn transfer(&self, series: usize, preset: &Preset) -> Option<Arc<TransferFunction>> {
        let key = (series, preset.name.clone());
        if let Some(known) = self.transfers.borrow().get(&key) {
            return Some(known.clone());
        }
        let volume = self.series.get(series)?.volume()?;
        let made = Arc::new(preset.transfer_function(volume));
        self.transfers.borrow_mut().insert(key, made.clone());
        Some(made)
    }

    /// Something is being dragged.
    pub fn is_moving(&self) -> bool {
        self.gesture.is_some()
    }

    /// The 3D view of a cell is being turned, moved or cropped.
    pub fn is_moving_3d(&self, cell: usize) -> bool {
        self.gesture.as_ref().is_some_and(|g| g.moves_3d(cell))
    }

    /// Takes the volume of a stack in: planes are laid through its middle, unless a session has put them.
    pub fn volume_ready(&mut self, series: usize) {
        self.transfers.borrow_mut().retain(|(of, _), _| *of != series);
        let Some(s) = self.series.get_mut(series) else { return };
        s.set_time(s.time);
        let Some(volume) = s.volume() else { return };
        let planes = match s.planes {
            Some(kept) => kept.moved_to(kept.center_mm, volume),
            None => Mpr::through(volume),
        };
        s.planes = Some(planes);
    }

    /// The planes of the stack that a cell shows.
    pub fn planes(&self, cell: usize) -> Option<&Mpr> {
        self.series_of(cell)?.planes.as_ref()
    }

    /// Another language from now on.
    pub fn set_locale(&mut self, locale: Locale) {
        self.words = Words::new(locale);
    }

    /// How the window is laid out, to be put back after a restart.
    pub fn session(&self, window_px: Option<[i32; 4]>) -> ReadingSession {
        crate::session::save(self, window_px)
    }

    /// Puts a layout back. Series that are not known (any more) leave their cell empty.
    pub fn restore(&mut self, session: &ReadingSession) {
        crate::session::restore(self, session);
    }
}
