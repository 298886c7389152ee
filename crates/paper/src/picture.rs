//! Key images on paper: bare pixels from the imaging program, with what was measured on them drawn as lines, so that it is as
//! sharp as the text. No decoder: krilla's own ones are linked with its pictures and never called.

use crate::PaperError;
use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Size, Transform};
use krilla::image::{BitsPerComponent, CustomImage, Image, ImageColorspace};
use krilla::paint::Stroke;
use krilla::surface::Surface;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Longest edges of a picture on the page, points: two fit on one.
const MOST_PT: [f32; 2] = [380.0, 285.0];

/// A key image as it is printed.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// What stands below it: its name in the text, which image it is, and how it is windowed.
    pub caption: String,
    /// The pixels; `None` where there are none on this computer, and the caption says so.
    pub pixels: Option<Pixels>,
    /// What was measured on it, in the order of its names.
    pub marks: Vec<Mark>,
}

/// Bare pixels.
#[derive(Clone, Debug)]
pub struct Pixels {
    /// Columns and rows.
    pub size_px: [u32; 2],
    /// Red, green, blue of each, row by row.
    pub rgb: Arc<Vec<u8>>,
}

/// Something that was drawn on an image. Places are shares of its width and height.
#[derive(Clone, Debug)]
pub struct Mark {
    /// What it is.
    pub shape: Shape,
    /// Its points.
    pub points: Vec<[f64; 2]>,
    /// Its name in the text: `M1`.
    pub label: String,
}

/// How points become a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// From point to point.
    Open,
    /// From point to point, and back to the first.
    Closed,
    /// The ellipse in the box between two corners.
    Ellipse,
    /// The rectangle between two corners.
    Box,
    /// From the second point to the first, with a head there.
    Arrow,
}

impl Picture {
    /// Width and height on the page, points; nothing without pixels.
    pub(crate) fn size_pt(&self) -> Option<[f32; 2]> {
        let [columns, rows] = self.pixels.as_ref()?.size_px.map(|px| px.max(1) as f32);
        let scale = (MOST_PT[0] / columns).min(MOST_PT[1] / rows);
        Some([columns * scale, rows * scale])
    }

    /// Draws it with its upper left corner at a place of the page. `write` puts a label at a place.
    pub(crate) fn draw(
        &self,
        surface: &mut Surface<'_>,
        [left, top]: [f32; 2],
    ) -> Result<Vec<Label>, PaperError> {
        let (Some(pixels), Some([width, height])) = (&self.pixels, self.size_pt()) else {
            return Ok(Vec::new());
        };
        let size = Size::from_wh(width, height).ok_or_else(|| bad("a picture without a size"))?;
        if pixels.rgb.len() != pixels.size_px.iter().map(|px| *px as usize).product::<usize>() * 3 {
            return Err(bad("a picture that does not have the size that it says"));
        }
        // Not smoothed: ISO 19005-2 6.2.8 has no Interpolate.
        let image = Image::from_custom(Bare(pixels.clone()), false).map_err(|why| bad(&why))?;
        surface.push_transform(&Transform::from_translate(left, top));
        surface.draw_image(image, size);
        surface.pop();
        let at = |[x, y]: [f64; 2]| [left + width * x as f32, top + height * y as f32];
        let mut labels = Vec::new();
        for mark in &self.marks {
            let points: Vec<[f32; 2]> = mark.points.iter().map(|point| at(*point)).collect();
            let Some(path) = path(mark.shape, &points) else { continue };
            // Dark below bright: seen on every image.
            for (grey, width) in [(0, 2.2), (255, 0.9)] {
                let paint = rgb::Color::new(grey, grey, if grey == 0 { 0 } else { 90 }).into();
                surface.set_fill(None);
                surface.set_stroke(Some(Stroke { paint, width, ..Stroke::default() }));
                surface.draw_path(&path);
            }
            let last = points.last().copied().unwrap_or([left, top]);
            // A picture may be smaller than what is kept free beside a name: then the name begins at its edge.
            let between = |value: f32, least: f32, most: f32| value.min(most).max(least);
            let inside =
                |value: f32, from: f32, length: f32| between(value, from + 2.0, from + length - 22.0);
            labels.push(Label {
                text: mark.label.clone(),
                at: [
                    inside(last[0] + 4.0, left, width),
                    between(last[1] - 4.0, top + 10.0, top + height - 4.0),
                ],
            });
        }
        surface.set_stroke(None);
        Ok(labels)
    }
}

/// A name and where it stands.
pub(crate) struct Label {
    pub(crate) text: String,
    pub(crate) at: [f32; 2],
}

fn bad(why: &str) -> PaperError {
    PaperError::Refused(why.to_owned())
}

fn path(shape: Shape, points: &[[f32; 2]]) -> Option<Path> {
    let mut builder = PathBuilder::new();
    match (shape, points) {
        (Shape::Ellipse, [[x0, y0], [x1, y1], ..]) => {
            let (cx, cy) = ((x0 + x1) / 2.0, (y0 + y1) / 2.0);
            let (rx, ry) = ((x1 - x0).abs() / 2.0, (y1 - y0).abs() / 2.0);
            // Four Bézier arcs; the constant makes them leave the ellipse by less than 0.03 %.
            let (kx, ky) = (rx * 0.552_284_8, ry * 0.552_284_8);
            builder.move_to(cx + rx, cy);
            builder.cubic_to(cx + rx, cy + ky, cx + kx, cy + ry, cx, cy + ry);
            builder.cubic_to(cx - kx, cy + ry, cx - rx, cy + ky, cx - rx, cy);
            builder.cubic_to(cx - rx, cy - ky, cx - kx, cy - ry, cx, cy - ry);
            builder.cubic_to(cx + kx, cy - ry, cx + rx, cy - ky, cx + rx, cy);
            builder.close();
        }
        (Shape::Box, [[x0, y0], [x1, y1], ..]) => {
            builder.move_to(*x0, *y0);
            for [x, y] in [[x1, y0], [x1, y1], [x0, y1]] {
                builder.line_to(*x, *y);
            }
            builder.close();
        }
        (Shape::Arrow, [[x, y], [tail_x, tail_y], ..]) => {
            let (dx, dy) = (tail_x - x, tail_y - y);
            let length = dx.hypot(dy).max(1e-3);
            let (ux, uy) = (dx / length * 7.0, dy / length * 7.0);
            builder.move_to(*tail_x, *tail_y);
            builder.line_to(*x, *y);
            builder.move_to(x + ux - uy * 0.5, y + uy + ux * 0.5);
            builder.line_to(*x, *y);
            builder.line_to(x + ux + uy * 0.5, y + uy - ux * 0.5);
        }
        (Shape::Open | Shape::Closed, [[x, y], rest @ ..]) => {
            builder.move_to(*x, *y);
            rest.iter().for_each(|[x, y]| builder.line_to(*x, *y));
            if shape == Shape::Closed {
                builder.close();
            }
        }
        _ => return None,
    }
    builder.finish()
}

/// Pixels as krilla takes them.
#[derive(Clone)]
struct Bare(Pixels);

impl Hash for Bare {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.size_px.hash(state);
        self.0.rgb.hash(state);
    }
}

impl CustomImage for Bare {
    fn color_channel(&self) -> &[u8] {
        &self.0.rgb
    }

    fn alpha_channel(&self) -> Option<&[u8]> {
        None
    }

    fn bits_per_component(&self) -> BitsPerComponent {
        BitsPerComponent::Eight
    }

    fn size(&self) -> (u32, u32) {
        (self.0.size_px[0], self.0.size_px[1])
    }

    fn icc_profile(&self) -> Option<&[u8]> {
        None
    }

    fn color_space(&self) -> ImageColorspace {
        ImageColorspace::Rgb
    }
}
