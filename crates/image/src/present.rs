//! One stored image as displayed: modality values, window or VOI LUT, inversion, palette, zoom and rotation.
//!
//! The grey pipeline of DICOM PS3.4 N.2 up to P-values. CPU twin of `shaders/stack.wgsl`, in the same 32-bit
//! floats and the same order. Target coordinates: (0, 0) is the corner of the first target pixel, its centre
//! is (0.5, 0.5). Image coordinates: (0, 0) is the centre of the first stored pixel (column, row).

use std::sync::Arc;

use glam::{DAffine2, DVec2, Vec2};

use crate::lut::{Lut, Palette};
use crate::voi::Window;
use crate::{Frame, Photometric, Samples};

/// Stored value → modality value (PS3.3 C.11.1).
#[derive(Clone, Debug, PartialEq)]
pub enum Modality {
    /// Rescale Slope (0028,1053) and Intercept (0028,1052).
    Rescale {
        /// Factor.
        slope: f64,
        /// Added after the factor.
        intercept: f64,
    },
    /// Modality LUT Sequence (0028,3000).
    Lut(Arc<Lut>),
}

impl Modality {
    /// Stored values are the modality values.
    pub const IDENTITY: Modality = Modality::Rescale { slope: 1.0, intercept: 0.0 };

    /// The modality value of a stored one.
    pub fn apply(&self, stored: f32) -> f32 {
        match self {
            Self::Rescale { slope, intercept } => stored * *slope as f32 + *intercept as f32,
            Self::Lut(lut) => lut.apply(stored),
        }
    }
}

/// Modality value → display value in `0.0..=1.0` (PS3.3 C.11.2).
#[derive(Clone, Debug, PartialEq)]
pub enum Voi {
    /// A window.
    Window(Window),
    /// VOI LUT Sequence (0028,3010), its entries already divided by their largest possible value.
    Lut(Arc<Lut>),
}

impl Voi {
    /// The display value, `0.0..=1.0`.
    pub fn apply(&self, modality: f32) -> f32 {
        match self {
            Self::Window(window) => window.apply(f64::from(modality)) as f32,
            Self::Lut(lut) => lut.apply(modality).clamp(0.0, 1.0),
        }
    }
}

/// How values between pixel centres are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The nearest pixel: every stored pixel is a square.
    Nearest,
    /// Bilinear between modality values; averaged over the footprint when the image is made smaller.
    #[default]
    Linear,
}

/// Everything that decides how a frame looks; equal descriptions give equal pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct StackDraw {
    /// Zoom, pan, rotation and flips.
    pub image_px_from_target_px: DAffine2,
    /// Stored value → modality value.
    pub modality: Modality,
    /// Modality value → display value; no effect on colour.
    pub voi: Voi,
    /// The reader's inversion, on top of MONOCHROME1 (which the frame itself says).
    pub invert: bool,
    /// Of a PALETTE COLOR frame; without one the index is shown as grey.
    pub palette: Option<Arc<Palette>>,
    /// Between pixel centres.
    pub interpolation: Interpolation,
    /// Stored values from the first to the second, inclusive, are padding and shown as background:
    /// Pixel Padding Value (0028,0120) and Range Limit (0028,0121).
    pub padding: Option<[f64; 2]>,
    /// Shown outside the image and for padding; red, green, blue.
    pub background: [u8; 3],
}

impl StackDraw {
    /// The frame pixel for pixel, linear between pixels, nothing inverted, on black.
    pub fn one_to_one(modality: Modality, voi: Voi) -> Self {
        Self {
            image_px_from_target_px: DAffine2::from_translation(DVec2::splat(-0.5)),
            modality,
            voi,
            invert: false,
            palette: None,
            interpolation: Interpolation::Linear,
            padding: None,
            background: [0; 3],
        }
    }

    /// Samples along one edge of a target pixel's footprint, so that an image made smaller is averaged.
    pub fn taps(&self) -> u32 {
        let m = self.image_px_from_target_px.matrix2;
        let stored_per_target = m.x_axis.length().max(m.y_axis.length());
        match self.interpolation {
            Interpolation::Nearest => 1,
            Interpolation::Linear => (stored_per_target - 1e-6).ceil().clamp(1.0, 8.0) as u32,
        }
    }
}

/// `image_px_from_target_px` that shows a whole image of `image_px` (columns, rows) centred in `target_px`,
/// its pixels `pixel_aspect` times as high as wide (row spacing / column spacing).
pub fn fit(image_px: [usize; 2], target_px: [u32; 2], pixel_aspect: f64) -> DAffine2 {
    let size = DVec2::new(image_px[0] as f64, image_px[1] as f64);
    let target = DVec2::new(f64::from(target_px[0]), f64::from(target_px[1]));
    let target_per_column = (target.x / size.x).min(target.y / (size.y * pixel_aspect));
    let scale = DVec2::new(1.0 / target_per_column, 1.0 / (target_per_column * pixel_aspect));
    DAffine2::from_translation(size / 2.0 - 0.5)
        * DAffine2::from_scale(scale)
        * DAffine2::from_translation(-target / 2.0)
}

/// Colour samples of a frame as 8-bit red, green, blue; `None` when it has one sample a pixel.
///
/// YBR_FULL by PS3.3 C.7.6.3.1.2. Wider samples keep their upper 8 bits.
pub fn rgb8(frame: &Frame) -> Option<Vec<[u8; 3]>> {
    if frame.photometric.samples_per_pixel() != 3 {
        return None;
    }
    let bytes: Vec<u8> = match &frame.samples {
        Samples::U8(v) => v.clone(),
        Samples::U16(v) => v.iter().map(|s| (s >> 8) as u8).collect(),
        other => (0..other.len()).map(|i| other.value(i).clamp(0.0, 255.0) as u8).collect(),
    };
    let pixels = bytes.chunks_exact(3).map(|p| [p[0], p[1], p[2]]);
    Some(match frame.photometric {
        Photometric::YbrFull => pixels.map(rgb_from_ybr).collect(),
        _ => pixels.collect(),
    })
}

fn rgb_from_ybr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb]
        .map(|v| v.round().clamp(0.0, 255.0) as u8)
}

/// Draws a frame: RGBA, rows top to bottom, `size_px` (width, height).
pub fn draw(frame: &Frame, draw: &StackDraw, size_px: [u32; 2]) -> Vec<u8> {
    let source = Source { frame, draw, colors: rgb8(frame) };
    let mut rgba = Vec::with_capacity(size_px[0] as usize * size_px[1] as usize * 4);
    for row in 0..size_px[1] {
        for column in 0..size_px[0] {
            let [r, g, b] = source.pixel(column, row);
            rgba.extend([r, g, b, 255]);
        }
    }
    rgba
}

struct Source<'a> {
    frame: &'a Frame,
    draw: &'a StackDraw,
    colors: Option<Vec<[u8; 3]>>,
}

impl Source<'_> {
    fn pixel(&self, column: u32, row: u32) -> [u8; 3] {
        let a = self.draw.image_px_from_target_px;
        let (x, y, corner) =
            (a.matrix2.x_axis.as_vec2(), a.matrix2.y_axis.as_vec2(), a.translation.as_vec2());
        let at = |tx: f32, ty: f32| x * tx + (y * ty + corner);
        let (left, top) = (column as f32, row as f32);
        let taps = self.draw.taps();
        let center = at(left + 0.5, top + 0.5);
        let size = Vec2::new(self.frame.columns as f32, self.frame.rows as f32);
        let inside = |p: Vec2| p.cmpge(Vec2::splat(-0.5)).all() && p.cmplt(size - 0.5).all();
        if !inside(center) {
            return self.draw.background;
        }
        let is_color = self.colors.is_some() || self.draw.palette.is_some();
        if !is_color && self.is_padding(self.stored(nearest(center))) {
            return self.draw.background;
        }
        let (mut sum, mut count) = ([0.0f32; 3], 0.0f32);
        for j in 0..taps {
            for i in 0..taps {
                let step = |k: u32| (k as f32 + 0.5) / taps as f32;
                let p = at(left + step(i), top + step(j));
                if !inside(p) {
                    continue;
                }
                let value = self.sample(p, center);
                sum = [0, 1, 2].map(|c| sum[c] + value[c]);
                count += 1.0;
            }
        }
        let mean = sum.map(|s| s / count.max(1.0));
        if is_color {
            return mean.map(|v| v.round() as u8);
        }
        let mut y = self.draw.voi.apply(mean[0]);
        if self.draw.invert != (self.frame.photometric == Photometric::Monochrome1) {
            y = 1.0 - y;
        }
        [(y * 255.0).round() as u8; 3]
    }

    /// Colour in `0..=255`, or the modality value in the first place.
    fn sample(&self, p: Vec2, center: Vec2) -> [f32; 3] {
        if self.draw.interpolation == Interpolation::Nearest {
            return self.texel(nearest(p), center);
        }
        let corner = p.floor();
        let f = p - corner;
        let c = [corner.x as i32, corner.y as i32];
        let [a, b] = [self.texel(c, center), self.texel([c[0] + 1, c[1]], center)];
        let [d, e] = [self.texel([c[0], c[1] + 1], center), self.texel([c[0] + 1, c[1] + 1], center)];
        [0, 1, 2].map(|i| {
            let top = a[i] + (b[i] - a[i]) * f.x;
            let bottom = d[i] + (e[i] - d[i]) * f.x;
            top + (bottom - top) * f.y
        })
    }

    fn texel(&self, at: [i32; 2], center: Vec2) -> [f32; 3] {
        if let Some(colors) = &self.colors {
            return colors[self.index(at)].map(f32::from);
        }
        let stored = self.stored(at);
        if let Some(palette) = &self.draw.palette {
            return palette.apply(stored).map(f32::from);
        }
        // A padded neighbour must not bleed into the picture.
        let stored = if self.is_padding(stored) { self.stored(nearest(center)) } else { stored };
        [self.draw.modality.apply(stored), 0.0, 0.0]
    }

    fn is_padding(&self, stored: f32) -> bool {
        self.draw.padding.is_some_and(|[low, high]| stored >= low as f32 && stored <= high as f32)
    }

    fn stored(&self, at: [i32; 2]) -> f32 {
        self.frame.samples.value(self.index(at)) as f32
    }

    fn index(&self, [x, y]: [i32; 2]) -> usize {
        let x = x.clamp(0, self.frame.columns as i32 - 1) as usize;
        let y = y.clamp(0, self.frame.rows as i32 - 1) as usize;
        y * self.frame.columns + x
    }
}

fn nearest(p: Vec2) -> [i32; 2] {
    let p = (p + 0.5).floor();
    [p.x as i32, p.y as i32]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VoiFunction;

    fn frame(photometric: Photometric, values: Vec<u16>) -> Frame {
        Frame { rows: 1, columns: values.len(), photometric, samples: Samples::U16(values) }
    }

    fn grey(rgba: &[u8]) -> Vec<u8> {
        rgba.chunks(4).map(|p| p[0]).collect()
    }

    #[test]
    fn a_ct_at_one_to_one_shows_each_stored_pixel_through_rescale_and_window() {
        let window = Window::new(40.0, 400.0, VoiFunction::Linear).unwrap();
        let modality = Modality::Rescale { slope: 1.0, intercept: -1024.0 };
        let look = StackDraw::one_to_one(modality, Voi::Window(window));
        let shown = draw(&frame(Photometric::Monochrome2, vec![0, 864, 1064, 1263, 4095]), &look, [5, 1]);
        assert_eq!(grey(&shown), [0, 0, 128, 255, 255]);
    }

    #[test]
    fn monochrome1_is_dark_where_values_are_high_until_the_reader_inverts_it() {
        let look = StackDraw::one_to_one(Modality::IDENTITY, Voi::Window(Window::spanning(0.0, 100.0)));
        let frame = frame(Photometric::Monochrome1, vec![0, 100]);
        assert_eq!(grey(&draw(&frame, &look, [2, 1])), [255, 0]);
        let inverted = StackDraw { invert: true, ..look };
        assert_eq!(grey(&draw(&frame, &inverted, [2, 1])), [0, 255]);
    }

    #[test]
    fn fit_centres_the_image_and_keeps_the_shape_of_its_pixels() {
        let image_from_target = fit([100, 50], [400, 400], 2.0);
        let corner = image_from_target.transform_point2(DVec2::ZERO);
        assert!((corner - DVec2::new(-0.5, -0.5)).length() < 1e-9);
        let end = image_from_target.transform_point2(DVec2::splat(400.0));
        assert!((end - DVec2::new(99.5, 49.5)).length() < 1e-9);
    }

    #[test]
    fn padding_is_background_and_does_not_bleed_into_its_neighbours() {
        let mut look = StackDraw::one_to_one(Modality::IDENTITY, Voi::Window(Window::spanning(0.0, 255.0)));
        look.padding = Some([9.0, 9.0]);
        look.image_px_from_target_px =
            DAffine2::from_translation(DVec2::splat(-0.5)) * DAffine2::from_scale(DVec2::new(0.5, 1.0));
        let shown = draw(&frame(Photometric::Monochrome2, vec![200, 9]), &look, [4, 1]);
        assert_eq!(grey(&shown), [200, 200, 0, 0]);
    }
}
