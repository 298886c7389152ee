//! `present FILE`: one frame as the light box shows it, at 1:1, through the same shader.

use crate::files;
use crate::output::{Exit, Output};
use crate::picture;
use glam::{DAffine2, DMat2, DVec2};
use medsight_codec::{FolderSource, FrameFile};
use medsight_dicom::{ImageInfo, Object, Softcopy, shutter_of};
use medsight_gpu::Gpu;
use medsight_image::{
    Frame, Modality, Photometric, Shutter, StackDraw, Voi, VoiFunction, VolumeWarning, Window,
};
use medsight_record::Refusal;
use medsight_render::{Renderer, Target};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// Show one frame as the light box does, pixel for pixel, and write it as a PNG.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A DICOM file.
    file: PathBuf,
    /// Frame, from 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    frame: usize,
    /// A LINEAR window in modality units, instead of the file's own.
    #[arg(long, value_name = "C,W", allow_hyphen_values = true, value_parser = picture::window)]
    window: Option<Window>,
    /// A greyscale softcopy presentation state for the file.
    #[arg(long, value_name = "FILE")]
    gsps: Option<PathBuf>,
    /// Where the picture goes.
    #[arg(long, value_name = "FILE.png")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Document {
    adapter: String,
    width: u32,
    height: u32,
    /// 1 for grey, 3 for colour.
    channels: u8,
    /// Of the samples in the PNG, rows top to bottom.
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<WindowRow>,
    /// A shutter that is not applied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<VolumeWarning>,
}

#[derive(Serialize)]
struct WindowRow {
    center: f64,
    width: f64,
    function: VoiFunction,
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    match present(args) {
        Ok(document) => {
            out.document(&document, |d| {
                format!("{} × {} pixels, {} channels, on {}", d.width, d.height, d.channels, d.adapter)
            });
            Exit::Done
        }
        Err((exit, refusal)) => {
            out.refused(&refusal);
            exit
        }
    }
}

fn present(args: &Args) -> Result<Document, (Exit, Refusal)> {
    let not_there = |refusal| (Exit::NotFound, refusal);
    let damaged = |refusal| (Exit::Damaged, refusal);
    picture::check_folder(&args.out)?;
    let fault = |reason: String| (Exit::Fault, Refusal::new("fault", reason));
    let source = FolderSource::new(vec![args.file.clone()]);
    let opened = FrameFile::open(&source, 0).map_err(|refusal| match refusal.code.as_str() {
        "unreadable" => not_there(refusal),
        _ => damaged(refusal),
    })?;
    let object = opened.object();
    let info = ImageInfo::read(object).map_err(damaged)?;
    let mut warnings = Vec::new();
    let (softcopy, shutter) = match &args.gsps {
        None => (None, shutter_of(&object.data(), &mut warnings)),
        Some(path) => {
            let state = Object::from_vec(files::read(path).map_err(not_there)?).map_err(damaged)?;
            let softcopy = Softcopy::read(&state, &info.instance_uid).map_err(damaged)?;
            // A state's shutters take the place of the image's (PS3.4 N.2.4).
            (Some(softcopy), shutter_of(&state.data(), &mut warnings))
        }
    };
    let frame = opened.decode_shown(&source, &info, args.frame).map_err(|refusal| {
        if refusal.code != "no_such_frame" {
            return (Exit::Damaged, refusal);
        }
        let reason = format!("{} On the command line frames count from 0.", refusal.reason);
        (Exit::NotFound, Refusal::new("no_such_frame", reason))
    })?;
    let look = look(args, &info, &frame, softcopy.as_ref());

    let gpu = Gpu::headless().map_err(|e| fault(e.to_string()))?;
    let renderer = Renderer::new(&gpu).map_err(|e| fault(e.to_string()))?;
    let size = [look.size[0] as u32, look.size[1] as u32];
    let target = Target::new(&gpu, size);
    let texture = renderer.upload_frame(&frame).map_err(|e| fault(e.to_string()))?;
    renderer.draw_stack(&target, &texture, &look.draw);
    let mut rgba = target.read_back(&gpu).map_err(|e| fault(e.to_string()))?;
    if let Some((complaint, _)) = gpu.errors.entries().into_iter().next() {
        return Err(fault(complaint));
    }
    if let Some(shutter) = &shutter {
        cover(&mut rgba, size[0] as usize, look.draw.image_px_from_target_px, shutter);
    }
    let is_color = !matches!(frame.photometric, Photometric::Monochrome1 | Photometric::Monochrome2);
    picture::write_png(&args.out, size, &rgba, is_color)?;
    let channels = if is_color { 3 } else { 1 };
    let samples: Vec<u8> = rgba.chunks_exact(4).flat_map(|p| p[..channels].iter().copied()).collect();
    let window = match &look.draw.voi {
        Voi::Window(w) if !is_color => {
            Some(WindowRow { center: w.center(), width: w.width(), function: w.function() })
        }
        _ => None,
    };
    Ok(Document {
        adapter: gpu.adapter_text(),
        width: size[0],
        height: size[1],
        channels: channels as u8,
        sha256: files::sha256(&samples),
        window,
        warnings,
    })
}

/// Paints over what a shutter does not show.
fn cover(rgba: &mut [u8], width: usize, image_px_from_target_px: DAffine2, shutter: &Shutter) {
    for (at, pixel) in rgba.chunks_exact_mut(4).enumerate() {
        let target = DVec2::new((at % width) as f64 + 0.5, (at / width) as f64 + 0.5);
        let image = image_px_from_target_px.transform_point2(target).round();
        if !shutter.shows(image.x as i64, image.y as i64) {
            pixel[..3].fill((shutter.value >> 8) as u8);
        }
    }
}

struct Look {
    draw: StackDraw,
    size: [usize; 2],
}

fn look(args: &Args, info: &ImageInfo, frame: &Frame, softcopy: Option<&Softcopy>) -> Look {
    let of_frame = info.frames.get(args.frame).or(info.frames.first());
    let own_modality = || of_frame.map_or(Modality::IDENTITY, |f| f.modality_lut.to_image());
    let modality = softcopy.map_or_else(own_modality, |s| s.modality.clone());
    let own = of_frame.and_then(|f| {
        let window = f.windows.first().map(|named| Voi::Window(named.window));
        window.or_else(|| f.voi_tables.first()?.display_values().map(|lut| Voi::Lut(Arc::new(lut))))
    });
    let stated = softcopy.map_or(own, |s| s.voi.clone());
    let voi = args.window.map(Voi::Window).or(stated);
    let voi = voi.unwrap_or_else(|| Voi::Window(whole_range(frame, &modality)));
    // With a presentation state its LUT shape decides alone, MONOCHROME1 or not.
    let is_monochrome1 = frame.photometric == Photometric::Monochrome1;
    let (turns, flipped) = softcopy.map_or((0, false), |s| (s.quarter_turns, s.flipped));
    let (image_px_from_target_px, size) = turned([frame.columns, frame.rows], turns, flipped);
    let draw = StackDraw {
        image_px_from_target_px,
        invert: softcopy.is_some_and(|s| s.inverse != is_monochrome1),
        palette: info.palette.as_ref().and_then(|p| p.to_image()).map(Arc::new),
        padding: info.padding.map(|range| range.map(|v| v as f64)),
        ..StackDraw::one_to_one(modality, voi)
    };
    Look { draw, size }
}

/// 1:1 after quarter turns clockwise and then a flip of left and right; and the size it has then.
fn turned([columns, rows]: [usize; 2], quarter_turns: u8, flipped: bool) -> (DAffine2, [usize; 2]) {
    let (last_column, last_row) = (columns as f64 - 1.0, rows as f64 - 1.0);
    // Pixel (u, v) of the turned picture, counted from 0, in the stored image.
    let (axes, origin, size) = match quarter_turns {
        1 => (DMat2::from_cols(DVec2::NEG_Y, DVec2::X), DVec2::new(0.0, last_row), [rows, columns]),
        2 => (DMat2::from_diagonal(DVec2::NEG_ONE), DVec2::new(last_column, last_row), [columns, rows]),
        3 => (DMat2::from_cols(DVec2::Y, DVec2::NEG_X), DVec2::new(last_column, 0.0), [rows, columns]),
        _ => (DMat2::IDENTITY, DVec2::ZERO, [columns, rows]),
    };
    let mut image_from_index = DAffine2::from_mat2_translation(axes, origin);
    if flipped {
        let mirror = DAffine2::from_mat2_translation(
            DMat2::from_diagonal(DVec2::new(-1.0, 1.0)),
            DVec2::new(size[0] as f64 - 1.0, 0.0),
        );
        image_from_index *= mirror;
    }
    (image_from_index * DAffine2::from_translation(DVec2::splat(-0.5)), size)
}

/// For an image without a window: all of its values.
fn whole_range(frame: &Frame, modality: &Modality) -> Window {
    let Some((min, max, _)) = frame.samples.min_max_mean() else { return Window::spanning(0.0, 1.0) };
    let (a, b) = (f64::from(modality.apply(min as f32)), f64::from(modality.apply(max as f32)));
    Window::spanning(a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shutter_covers_its_pixels_of_the_image_also_when_the_picture_is_turned() {
        let shutter = Shutter { rectangle_px: Some([1, 0, 3, 2]), value: 0x8000, ..Shutter::default() };
        // 4 × 3 pixels, the first column covered; a quarter turn clockwise makes it the first row.
        for (turns, covered) in [(0, [0, 4, 8]), (1, [0, 1, 2])] {
            let (affine, size) = turned([4, 3], turns, false);
            let mut rgba = vec![255; 4 * 3 * 4];
            cover(&mut rgba, size[0], affine, &shutter);
            let dark: Vec<usize> = (0..12).filter(|at| rgba[at * 4] == 0x80).collect();
            assert_eq!(dark, covered, "{turns} turns");
        }
    }

    #[test]
    fn a_quarter_turn_clockwise_puts_the_first_pixel_top_right() {
        let at = |turns, flipped, x: f64, y: f64| {
            let (affine, _) = turned([4, 3], turns, flipped);
            affine.transform_point2(DVec2::new(x + 0.5, y + 0.5))
        };
        assert_eq!(turned([4, 3], 1, false).1, [3, 4]);
        assert_eq!(at(1, false, 2.0, 0.0), DVec2::ZERO);
        assert_eq!(at(1, false, 2.0, 3.0), DVec2::new(3.0, 0.0));
        assert_eq!(at(2, false, 3.0, 2.0), DVec2::ZERO);
        assert_eq!(at(3, false, 0.0, 3.0), DVec2::ZERO);
        assert_eq!(at(1, true, 0.0, 0.0), DVec2::ZERO);
        assert_eq!(at(0, true, 3.0, 1.0), DVec2::new(0.0, 1.0));
    }
}
