//! Overlay planes and shutters over a stored image, as textures that move with it.

use std::any::Any;
use std::sync::Arc;

use egui::epaint::{Mesh, Vertex};
use egui::{Color32, ColorImage, Painter, Shape, Stroke, TextureHandle, TextureOptions, pos2};
use glam::DVec2;
use medsight_image::{OverlayPlane, Shutter};

use crate::light_box::LightBox;
use crate::looks::LookOfImage;
use crate::surface::{Space, Surface};
use crate::theme;

/// Textures kept; enough for nine cells with some overlays each.
const KEPT: usize = 48;

/// Longest edge of a shutter's mask; its edge may be half such a pixel off on larger images.
const MASK_EDGE: usize = 1024;

/// What a texture was made of: the plane's or the shutter's place in memory, and the frame.
type Key = (usize, u32);

/// Textures made so far, the one used last at the end. The drawn thing is held, so that its place stays its own.
#[derive(Default)]
pub(crate) struct Graphics {
    kept: Vec<(Key, TextureHandle, Arc<dyn Any>)>,
}

impl Graphics {
    fn texture(
        &mut self,
        key: Key,
        held: Arc<dyn Any>,
        make: impl FnOnce() -> Option<TextureHandle>,
    ) -> Option<TextureHandle> {
        if let Some(at) = self.kept.iter().position(|(k, ..)| *k == key) {
            let entry = self.kept.remove(at);
            let texture = entry.1.clone();
            self.kept.push(entry);
            return Some(texture);
        }
        let made = make()?;
        self.kept.push((key, made.clone(), held));
        if self.kept.len() > KEPT {
            drop(self.kept.remove(0));
        }
        Some(made)
    }
}

/// Draws the shutter and the overlays of the image that a stack cell shows.
pub(super) fn show(painter: &Painter, light_box: &LightBox, index: usize, surface: &Surface) {
    let Space::Image { frame, .. } = &surface.space else { return };
    let Some(facts) = light_box.facts(index) else { return };
    let mut graphics = light_box.graphics.borrow_mut();
    let size = facts.size_px;
    let look = light_box.look_of(index);
    for shutter in facts.shutter.iter().chain(look.and_then(|look| look.shutter.as_ref())) {
        let key = (Arc::as_ptr(shutter) as usize, 0);
        let mask =
            || Some(painter.ctx().load_texture("shutter", mask(shutter, size), TextureOptions::NEAREST));
        if let Some(texture) = graphics.texture(key, shutter.clone(), mask) {
            let whole = DVec2::new(size[0] as f64, size[1] as f64);
            image(painter, surface, &texture, DVec2::splat(-0.5), whole, Color32::WHITE);
        }
    }
    if !light_box.overlay_planes {
        return;
    }
    if let Some(look) = look {
        drawings(painter, look, surface);
    }
    for overlay in &facts.overlays {
        let key = (Arc::as_ptr(overlay) as usize, *frame);
        let drawing = || {
            let drawing = drawing(overlay, *frame as usize)?;
            Some(painter.ctx().load_texture("overlay", drawing, TextureOptions::NEAREST))
        };
        if let Some(texture) = graphics.texture(key, overlay.clone(), drawing) {
            let [x, y] = overlay.origin_px.map(|o| o as f64 - 0.5);
            let extent = DVec2::new(overlay.size_px[0] as f64, overlay.size_px[1] as f64);
            let color = if overlay.is_region { theme::OVERLAY_REGION } else { theme::OVERLAY };
            image(painter, surface, &texture, DVec2::new(x, y), extent, color);
        }
    }
}

/// Lines and texts of a presentation state.
fn drawings(painter: &Painter, look: &LookOfImage, surface: &Surface) {
    let screen = |p: &[f64; 2]| surface.screen(DVec2::from_array(*p));
    for line in &look.lines {
        let points: Vec<egui::Pos2> = line.points_px.iter().map(screen).collect();
        if let [only] = points.as_slice() {
            painter.circle_filled(*only, 2.5, theme::OVERLAY);
            continue;
        }
        // With a dark edge, so that it is seen on white as on black.
        for (width, color) in [(3.4, Color32::from_black_alpha(150)), (1.4, theme::OVERLAY)] {
            let stroke = Stroke::new(width, color);
            let points = points.clone();
            painter.add(if line.closed {
                Shape::closed_line(points, stroke)
            } else {
                Shape::line(points, stroke)
            });
        }
    }
    for (text, at) in &look.texts {
        let font = egui::FontId::proportional(theme::IMAGE_TEXT);
        let galley = painter.layout_no_wrap(text.clone(), font, theme::OVERLAY);
        let at = screen(at);
        painter.rect_filled(
            egui::Rect::from_min_size(at, galley.size()),
            2.0,
            Color32::from_black_alpha(120),
        );
        painter.galley(at, galley, theme::OVERLAY);
    }
}

fn drawing(overlay: &OverlayPlane, frame: usize) -> Option<ColorImage> {
    let bits = overlay.over_frame(frame)?;
    let pixels =
        bits.into_iter().map(|set| if set { Color32::WHITE } else { Color32::TRANSPARENT }).collect();
    Some(ColorImage::new(overlay.size_px, pixels))
}

fn mask(shutter: &Shutter, size: [usize; 2]) -> ColorImage {
    let step = size[0].max(size[1]).div_ceil(MASK_EDGE).max(1);
    let small = size.map(|n| n.div_ceil(step));
    let cover = Color32::from_gray((shutter.value >> 8) as u8);
    let pixel = |i: usize| {
        let middle = |n: usize| (n * step + step / 2) as i64;
        let shown = shutter.shows(middle(i % small[0]), middle(i / small[0]));
        if shown { Color32::TRANSPARENT } else { cover }
    };
    ColorImage::new(small, (0..small[0] * small[1]).map(pixel).collect())
}

/// A texture over a rectangle of the image, turned and stretched as the image is.
fn image(
    painter: &Painter,
    surface: &Surface,
    texture: &TextureHandle,
    from_px: DVec2,
    extent_px: DVec2,
    color: Color32,
) {
    let mut mesh = Mesh::with_texture(texture.id());
    for (u, v) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)] {
        let pos = surface.screen(from_px + extent_px * DVec2::new(u, v));
        mesh.vertices.push(Vertex { pos, uv: pos2(u as f32, v as f32), color });
    }
    mesh.indices = vec![0, 1, 2, 0, 2, 3];
    painter.add(mesh);
}
