//! One cell of the layout: which series, how it is shown, where the reader has moved it.

use egui::Rect;
use glam::{DMat2, DVec2};
use medsight_image::{Camera, CropBox, Window};
use medsight_record::ViewKind;

/// Rotation in quarter turns and mirroring: maps image directions to screen directions (y down).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Orientation(DMat2);

impl Default for Orientation {
    fn default() -> Self {
        Self(DMat2::IDENTITY)
    }
}

impl Orientation {
    /// Turned a quarter clockwise, as seen on the screen.
    #[must_use]
    pub fn rotated(self) -> Self {
        Self(DMat2::from_cols(DVec2::Y, DVec2::NEG_X) * self.0)
    }

    /// Mirrored left and right, as seen on the screen.
    #[must_use]
    pub fn flipped(self) -> Self {
        Self(DMat2::from_diagonal(DVec2::new(-1.0, 1.0)) * self.0)
    }

    /// Turned clockwise `quarter_turns` times after mirroring.
    pub fn of(quarter_turns: u8, flipped: bool) -> Self {
        let start = if flipped { Self::default().flipped() } else { Self::default() };
        (0..quarter_turns % 4).fold(start, |orientation, _| orientation.rotated())
    }

    /// Mirrored, before any turn.
    pub fn is_flipped(self) -> bool {
        self.0.determinant() < 0.0
    }

    /// Quarter turns clockwise after mirroring, 0 to 3.
    pub fn quarter_turns(self) -> u8 {
        let right = if self.is_flipped() { -self.0.x_axis } else { self.0.x_axis };
        match (right.x.round() as i32, right.y.round() as i32) {
            (0, 1) => 1,
            (-1, 0) => 2,
            (0, -1) => 3,
            _ => 0,
        }
    }

    /// Screen direction of an image direction.
    pub fn screen_from_image(self) -> DMat2 {
        self.0
    }

    /// Image direction of a screen direction.
    pub fn image_from_screen(self) -> DMat2 {
        self.0.transpose()
    }

    /// True when rows stand upright on the screen.
    pub fn swaps_axes(self) -> bool {
        self.0.x_axis.x.abs() < 0.5
    }
}

/// The crop box of a 3D view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
    /// Its handles and sliders are shown.
    pub shown: bool,
    /// What it leaves.
    pub region: CropBox,
}

/// How a cell shows a volume in 3D.
#[derive(Clone, Debug, PartialEq)]
pub struct View3d {
    /// From where; made when first shown.
    pub camera: Option<Camera>,
    /// Name of the transfer function preset; the first of the modality when `None`.
    pub preset: Option<String>,
    /// Light on or off.
    pub shading: bool,
    /// Part that is shown.
    pub crop: Crop,
    /// Moves and stretches the transfer function, as a window drag does: by modality units, factor.
    pub transfer: [f32; 2],
    /// Share of the volume's opacity beside surfaces of segments, 0 to 1.
    pub volume_share: f32,
}

/// Share of the volume beside surfaces at first: what lies inside is seen, and the body around it too.
pub(crate) const FIRST_SHARE: f32 = 0.3;

impl Default for View3d {
    fn default() -> Self {
        Self {
            camera: None,
            preset: None,
            shading: true,
            crop: Crop { shown: false, region: CropBox::WHOLE },
            transfer: [0.0, 1.0],
            volume_share: FIRST_SHARE,
        }
    }
}

/// Cine of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cine {
    /// Pictures a second.
    pub fps: f64,
    /// Time of the last step in seconds of the window's clock.
    pub last_s: Option<f64>,
}

/// One cell.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Index into the series of the light box; `None` is empty.
    pub series: Option<usize>,
    /// How it is shown.
    pub view: ViewKind,
    /// Slice of a stack, from 0.
    pub slice: usize,
    /// Window, when changed from the stored one.
    pub window: Option<Window>,
    /// White where values are low.
    pub invert: bool,
    /// Turned, mirrored.
    pub orientation: Orientation,
    /// Magnification relative to fit.
    pub zoom: f64,
    /// Shift from the middle in screen points at zoom 1.
    pub pan: DVec2,
    /// Plays when there is one.
    pub cine: Option<Cine>,
    /// 3D view.
    pub view_3d: View3d,
    /// Where it stood in the last frame, in points.
    pub rect: Rect,
}

impl Default for Cell {
    fn default() -> Self {
        Self {
            series: None,
            view: ViewKind::Stack,
            slice: 0,
            window: None,
            invert: false,
            orientation: Orientation::default(),
            zoom: 1.0,
            pan: DVec2::ZERO,
            cine: None,
            view_3d: View3d::default(),
            rect: Rect::NOTHING,
        }
    }
}

impl Cell {
    /// An empty cell put at the first look of a series.
    pub fn showing(series: usize, slice: usize) -> Self {
        Self { series: Some(series), slice, ..Self::default() }
    }

    /// The whole image in the middle.
    pub fn fit(&mut self) {
        self.zoom = 1.0;
        self.pan = DVec2::ZERO;
        self.view_3d.camera = None;
    }

    /// The plane of a reconstruction.
    pub fn plane(&self) -> Option<medsight_base::Plane> {
        use medsight_base::Plane;
        match self.view {
            ViewKind::Axial => Some(Plane::Axial),
            ViewKind::Coronal => Some(Plane::Coronal),
            ViewKind::Sagittal => Some(Plane::Sagittal),
            ViewKind::Stack | ViewKind::Volume3d | ViewKind::Curved => None,
        }
    }
}
