//! What a reading session looks like, so that it can be put back after a restart.
//!
//! Navigation and look only: measurements are records of their own.

use medsight_base::{SeriesUid, StudyUid};

use crate::ImageRef;
use serde::{Deserialize, Serialize};

/// Cells on the light box, 1×1 to 3×3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layout {
    /// Cells across, 1 to 3.
    pub columns: u8,
    /// Cells down, 1 to 3.
    pub rows: u8,
}

impl Layout {
    /// Layouts in the order of Ctrl+Alt+1…9.
    pub const ALL: [Layout; 9] = [
        Layout { columns: 1, rows: 1 },
        Layout { columns: 2, rows: 1 },
        Layout { columns: 3, rows: 1 },
        Layout { columns: 1, rows: 2 },
        Layout { columns: 2, rows: 2 },
        Layout { columns: 3, rows: 2 },
        Layout { columns: 1, rows: 3 },
        Layout { columns: 2, rows: 3 },
        Layout { columns: 3, rows: 3 },
    ];

    /// Number of cells.
    pub fn cells(self) -> usize {
        usize::from(self.columns) * usize::from(self.rows)
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self { columns: 1, rows: 1 }
    }
}

/// What a cell shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewKind {
    /// Images of a series as they are stored.
    #[default]
    Stack,
    /// Axial plane through the volume.
    Axial,
    /// Coronal plane.
    Coronal,
    /// Sagittal plane.
    Sagittal,
    /// Ray-cast volume.
    Volume3d,
    /// Along the centre line of a vessel. Lives as long as the window: a session holds [`Self::Volume3d`] instead.
    Curved,
}

/// The linked planes through a volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanesState {
    /// Where they cross, patient coordinates in millimetres.
    pub center_mm: [f64; 3],
    /// Screen right and screen down of axial, coronal, sagittal; unit vectors.
    pub axes: [[[f64; 3]; 2]; 3],
    /// Thickness of the slab in millimetres; 0 is a plane.
    pub slab_mm: f64,
    /// What a slab shows.
    pub projection: ProjectionKind,
    /// Time point, from 0.
    pub time: u32,
}

/// What a slab shows of the values along its thickness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectionKind {
    /// Maximum.
    #[default]
    Mip,
    /// Minimum.
    MinIp,
    /// Mean.
    Mean,
}

/// A camera: patient coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CameraState {
    /// In the middle of the cell, millimetres.
    pub focus_mm: [f64; 3],
    /// Screen right, unit vector.
    pub right: [f64; 3],
    /// Screen down, unit vector.
    pub down: [f64; 3],
    /// Millimetres over the shorter edge of the cell.
    pub edge_mm: f64,
}

/// A look at a volume in 3D.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View3dState {
    /// From where; `None` until it was turned.
    pub camera: Option<CameraState>,
    /// Name of the transfer function; the modality's first when `None`.
    pub preset: Option<String>,
    /// Light on.
    pub shading: bool,
    /// Lower and upper ends of the crop box as shares of the volume, x, y, z.
    pub crop: [[f32; 3]; 2],
    /// Shift in modality units and stretch of the transfer function.
    pub transfer: [f32; 2],
}

/// State of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CellState {
    /// Series shown; `None` for an empty cell.
    pub series: Option<SeriesUid>,
    /// The image a stack shows, or one of the volume: which of a series' stacks it is, and where in it.
    pub image: Option<ImageRef>,
    /// How it is shown.
    pub view: ViewKind,
    /// Slice of a stack, from 0.
    pub slice: u32,
    /// Window centre and width in modality units, when changed from the stored one.
    pub window: Option<[f64; 2]>,
    /// VOI LUT Function of that window: `LINEAR`, `LINEAR_EXACT`, `SIGMOID`.
    pub window_function: Option<String>,
    /// White where values are low.
    pub invert: bool,
    /// Quarter turns clockwise on the screen, 0 to 3, after mirroring left and right.
    pub quarter_turns: u8,
    /// Mirrored left and right, before turning.
    pub flipped: bool,
    /// The planes of the volume, when there are any.
    pub planes: Option<PlanesState>,
    /// The look at it in 3D.
    pub view_3d: Option<View3dState>,
    /// Magnification relative to fit; 1 fits.
    pub zoom: f64,
    /// Shift from the middle in screen points at zoom 1.
    pub pan: [f64; 2],
}

impl Default for CellState {
    fn default() -> Self {
        Self {
            series: None,
            image: None,
            view: ViewKind::Stack,
            slice: 0,
            window: None,
            window_function: None,
            invert: false,
            quarter_turns: 0,
            flipped: false,
            planes: None,
            view_3d: None,
            zoom: 1.0,
            pan: [0.0, 0.0],
        }
    }
}

/// What the light box shows of one study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadingSession {
    /// The study.
    pub study: StudyUid,
    /// Other studies of the patient that are in the window.
    #[serde(default)]
    pub beside: Vec<StudyUid>,
    /// Cells.
    pub layout: Layout,
    /// State of each cell, row by row.
    pub cells: Vec<CellState>,
    /// Index of the active cell.
    pub active: u32,
    /// Position and size of the window on the desktop in pixels: x, y, width, height.
    pub window_px: Option<[i32; 4]>,
}
