//! Pictures on the command line: sizes and windows as arguments, PNG files.

use crate::output::Exit;
use medsight_image::{VoiFunction, Window};
use medsight_record::Refusal;
use std::io::BufWriter;
use std::path::Path;

/// `WxH`, both from 1 to 16384.
pub(crate) fn size(text: &str) -> Result<[u32; 2], String> {
    let edge = |part: &str| part.parse::<u32>().ok().filter(|n| (1..=16_384).contains(n));
    let parts = text.split_once(['x', 'X', '×']);
    parts
        .and_then(|(w, h)| Some([edge(w)?, edge(h)?]))
        .ok_or_else(|| "not a size such as 1024x768".to_owned())
}

/// `C,W`: a LINEAR window in modality units.
pub(crate) fn window(text: &str) -> Result<Window, String> {
    let number = |part: &str| part.trim().parse::<f64>().ok();
    let parts = text.split_once(',').and_then(|(c, w)| Some((number(c)?, number(w)?)));
    parts
        .and_then(|(center, width)| Window::new(center, width, VoiFunction::Linear))
        .ok_or_else(|| "not a window such as 40,400 (the width at least 1)".to_owned())
}

/// Whether the folder that a picture is to go to is there: said before anything is drawn.
///
/// # Errors
/// `not_found`, with the folder.
pub(crate) fn check_folder(path: &Path) -> Result<(), (Exit, Refusal)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Ok(());
    }
    let reason = format!("The folder {} is not there; the picture cannot be written.", folder.display());
    Err((Exit::NotFound, Refusal::new("not_found", reason)))
}

/// Writes RGBA pixels as a PNG of three colours, or of grey.
///
/// # Errors
/// With the exit code that says whether the place may not be written to or the disk did not take it.
pub(crate) fn write_png(
    path: &Path,
    [width, height]: [u32; 2],
    rgba: &[u8],
    color: bool,
) -> Result<(), (Exit, Refusal)> {
    let not_written = |exit, why: String| {
        let reason = format!("The picture cannot be written to {}: {why}.", path.display());
        (exit, Refusal::new("not_written", reason))
    };
    let file =
        std::fs::File::create(path).map_err(|why| not_written(Exit::NotPermitted, why.kind().to_string()))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), width, height);
    encoder.set_color(if color { png::ColorType::Rgb } else { png::ColorType::Grayscale });
    encoder.set_depth(png::BitDepth::Eight);
    let channels = if color { 3 } else { 1 };
    let samples: Vec<u8> = rgba.chunks_exact(4).flat_map(|p| p[..channels].iter().copied()).collect();
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&samples));
    written.map_err(|why| not_written(Exit::Partly, why.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_windows_are_read_or_refused() {
        assert_eq!(size("1024x768"), Ok([1024, 768]));
        assert!(size("0x5").is_err() && size("wide").is_err());
        assert_eq!(window("-600, 1500").unwrap().center(), -600.0);
        assert!(window("40,0").is_err() && window("40").is_err());
    }
}
