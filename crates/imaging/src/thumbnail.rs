//! Small pictures of an image in its default window, drawn on the CPU.

use base64::Engine;
use medsight_codec::decode_shown;
use medsight_dicom::{ImageInfo, Object};
use medsight_image::present::{Interpolation, StackDraw, Voi, draw as draw_frame, fit};
use medsight_image::{Frame, Photometric, Window};
use medsight_link::BarePicture;
use medsight_record::CellState;
use medsight_viewport::{SliceFacts, window_of};

use crate::facts;

/// Modality values between which all but the lowest and highest hundredth of a frame lie: the window of
/// images that carry none. A few very bright pixels would else leave the rest dark.
pub(crate) fn typical_range(frame: &Frame, facts: &SliceFacts) -> [f64; 2] {
    let count = frame.samples.len();
    let stride = (count / 40_000).max(1);
    let is_padding = |v: f64| facts.padding.is_some_and(|[low, high]| v >= low && v <= high);
    let stored = (0..count)
        .step_by(stride)
        .map(|i| frame.samples.value(i))
        .filter(|v| v.is_finite() && !is_padding(*v));
    let mut values: Vec<f64> = stored.map(|v| f64::from(facts.modality.apply(v as f32))).collect();
    if values.is_empty() {
        return [0.0, 1.0];
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    let (low, high) = (at(0.01), at(0.995));
    if high > low { [low, high] } else { [values[0], values[values.len() - 1]] }
}

/// RGBA of a frame whose longer edge is `edge_px`, and its size.
pub(crate) fn draw(frame: &Frame, facts: &SliceFacts, edge_px: u32) -> (Vec<u8>, [usize; 2]) {
    draw_as(frame, facts, edge_px, default_voi(frame, facts), false)
}

/// As the file says, else between the values that nearly all have.
fn default_voi(frame: &Frame, facts: &SliceFacts) -> Voi {
    match (facts.windows.first(), &facts.voi_lut) {
        (Some((window, _)), _) => Voi::Window(*window),
        (None, Some(lut)) => Voi::Lut(lut.clone()),
        (None, None) => {
            let [low, high] = typical_range(frame, facts);
            Voi::Window(Window::spanning(low, high))
        }
    }
}

fn draw_as(frame: &Frame, facts: &SliceFacts, edge_px: u32, voi: Voi, invert: bool) -> (Vec<u8>, [usize; 2]) {
    let (width, height) = (frame.columns as f64, frame.rows as f64 * facts.pixel_aspect);
    let scale = f64::from(edge_px) / width.max(height).max(1.0);
    let size = [(width * scale).round().max(1.0) as u32, (height * scale).round().max(1.0) as u32];
    let look = StackDraw {
        image_px_from_target_px: fit([frame.columns, frame.rows], size, facts.pixel_aspect),
        modality: facts.modality.clone(),
        voi,
        invert,
        palette: facts.palette.clone(),
        interpolation: Interpolation::Linear,
        padding: facts.padding,
        background: [0; 3],
    };
    (draw_frame(frame, &look, size), size.map(|s| s as usize))
}

fn frame_of(bytes: Vec<u8>, frame: u32) -> Result<(Frame, SliceFacts), String> {
    let object = Object::from_vec(bytes).map_err(|r| r.reason)?;
    let image = ImageInfo::read(&object).map_err(|r| r.reason)?;
    let number = (frame as usize).min(image.encoded.frames - 1);
    let pixels = decode_shown(&object, &image, number).map_err(|r| r.reason)?;
    Ok((pixels, facts::of_frame(&image, number)))
}

/// Bare pixels of one frame of a file, as it was looked at last where that is known. Mirrored or turned it is not: places
/// on it are those of the file.
///
/// # Errors
/// Why there is none, naming the attribute.
pub(crate) fn bare(
    bytes: Vec<u8>,
    frame: u32,
    edge_px: u32,
    look: Option<&CellState>,
) -> Result<BarePicture, String> {
    let (pixels, facts) = frame_of(bytes, frame)?;
    let chosen = look.and_then(window_of).map(Voi::Window);
    let voi = chosen.unwrap_or_else(|| default_voi(&pixels, &facts));
    let window = match &voi {
        Voi::Window(window)
            if matches!(pixels.photometric, Photometric::Monochrome1 | Photometric::Monochrome2) =>
        {
            Some([window.center(), window.width()])
        }
        _ => None,
    };
    let invert = look.is_some_and(|look| look.invert);
    let (rgba, size) = draw_as(&pixels, &facts, edge_px.clamp(8, 2048), voi, invert);
    let rgb: Vec<u8> = rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    Ok(BarePicture {
        size_px: size.map(|px| px as u32),
        frame_px: [pixels.columns as u32, pixels.rows as u32],
        window,
        rgb_base64: base64::engine::general_purpose::STANDARD.encode(rgb),
    })
}

/// A PNG in base64 of one frame of a file, for the desk.
///
/// # Errors
/// Why there is none, naming the attribute.
pub(crate) fn png_base64(bytes: Vec<u8>, frame: u32, edge_px: u32) -> Result<String, String> {
    let (pixels, facts) = frame_of(bytes, frame)?;
    let (rgba, size) = draw(&pixels, &facts, edge_px.clamp(8, 1024));
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, size[0] as u32, size[1] as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let rgb: Vec<u8> = rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    let written = encoder.write_header().and_then(|mut w| w.write_image_data(&rgb));
    written.map_err(|_| "The picture could not be written.".to_owned())?;
    Ok(base64::engine::general_purpose::STANDARD.encode(out))
}
