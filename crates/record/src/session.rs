//! What a reading session looks like, so that it can be put back after a restart.
//!
//! Navigation and look only: measurements are records of their own.

use medsight_base::{SeriesUid, StudyUid};
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
}

/// State of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellState {
    /// Series shown; `None` for an empty cell.
    pub series: Option<SeriesUid>,
    /// How it is shown.
    pub view: ViewKind,
    /// Slice of a stack, from 0.
    pub slice: u32,
    /// Window centre and width in modality units, when changed from the stored one.
    pub window: Option<[f64; 2]>,
    /// Magnification relative to fit; 1 fits.
    pub zoom: f64,
    /// Shift from the middle in screen points at zoom 1.
    pub pan: [f64; 2],
}

impl Default for CellState {
    fn default() -> Self {
        Self { series: None, view: ViewKind::Stack, slice: 0, window: None, zoom: 1.0, pan: [0.0, 0.0] }
    }
}

/// What the light box shows of one study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadingSession {
    /// The study.
    pub study: StudyUid,
    /// Cells.
    pub layout: Layout,
    /// State of each cell, row by row.
    pub cells: Vec<CellState>,
    /// Index of the active cell.
    pub active: u32,
    /// Position and size of the window on the desktop in pixels: x, y, width, height.
    pub window_px: Option<[i32; 4]>,
}
