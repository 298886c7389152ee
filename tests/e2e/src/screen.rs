//! What is on the screen: the picture of an X server's root window, and what can be said of one by counting.

use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;

/// A colour picture, three bytes a pixel, rows from the top.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    rgb: Vec<u8>,
}

/// A part of the screen, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// What can be said of a medical image without knowing it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Share of pixels that are brighter than dark.
    pub(crate) lit: f64,
    /// Grey levels that at least one pixel in 2,000 has.
    pub(crate) levels: usize,
    /// Standard deviation of the grey level, 0 to about 128.
    pub(crate) deviation: f64,
}

impl Look {
    /// Fails unless the picture shows something with shades: neither one colour nor a few.
    pub(crate) fn must_show_an_image(self) -> Result<()> {
        ensure!(self.lit > 0.08, "only {:.1} % of the pixels are lit", self.lit * 100.0);
        ensure!(self.levels > 40, "only {} grey levels: no image is shown", self.levels);
        ensure!(
            self.deviation > 12.0,
            "grey levels hardly differ (standard deviation {:.1})",
            self.deviation
        );
        Ok(())
    }
}

/// Takes a picture of everything on a screen.
pub(crate) fn capture(display: &str) -> Result<Picture> {
    dump(&["-silent", "-root", "-display", display])
}

/// Takes a picture of one window, without its frame.
pub(crate) fn capture_window(display: &str, id: &str) -> Result<Picture> {
    dump(&["-silent", "-id", id, "-display", display])
}

fn dump(arguments: &[&str]) -> Result<Picture> {
    let out = Command::new("xwd").args(arguments).output().context("xwd is not installed")?;
    if !out.status.success() {
        bail!("xwd ended with {}: {}", out.status, String::from_utf8_lossy(&out.stderr));
    }
    from_xwd(&out.stdout)
}

/// Reads the X window dump format, version 7, of a true-colour screen (XWDFile.h).
fn from_xwd(dump: &[u8]) -> Result<Picture> {
    let word = |index: usize| -> Result<usize> {
        let bytes = dump.get(index * 4..index * 4 + 4).context("the window dump is too short")?;
        Ok(u32::from_be_bytes(bytes.try_into()?) as usize)
    };
    let (header, version, width, height) = (word(0)?, word(1)?, word(4)?, word(5)?);
    let (little, bits, line, colours) = (word(7)? == 0, word(11)?, word(12)?, word(19)?);
    ensure!(
        version == 7 && (bits == 32 || bits == 24),
        "a window dump of version {version} with {bits} bits a pixel"
    );
    let bytes = bits / 8;
    let start = header + colours * 12;
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        let row = dump
            .get(start + y * line..start + y * line + width * bytes)
            .context("the window dump is too short")?;
        for pixel in row.chunks_exact(bytes) {
            let colour = if little {
                [pixel[2], pixel[1], pixel[0]]
            } else {
                [pixel[bytes - 3], pixel[bytes - 2], pixel[bytes - 1]]
            };
            rgb.extend(colour);
        }
    }
    Ok(Picture { width, height, rgb })
}

impl Picture {
    /// Writes a PNG file.
    pub(crate) fn save(&self, file: &Path) -> Result<()> {
        let file = std::io::BufWriter::new(std::fs::File::create(file)?);
        let mut encoder = png::Encoder::new(file, u32::try_from(self.width)?, u32::try_from(self.height)?);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::Fast);
        encoder.write_header()?.write_image_data(&self.rgb)?;
        Ok(())
    }

    /// Part of the picture, cut to what there is.
    pub(crate) fn crop(&self, area: Area) -> Self {
        let (left, top) = (area.x.min(self.width), area.y.min(self.height));
        let (width, height) = (area.width.min(self.width - left), area.height.min(self.height - top));
        let mut rgb = Vec::with_capacity(width * height * 3);
        for y in top..top + height {
            let at = (y * self.width + left) * 3;
            rgb.extend_from_slice(&self.rgb[at..at + width * 3]);
        }
        Self { width, height, rgb }
    }

    /// Counts shades.
    pub(crate) fn look(&self) -> Look {
        let mut counts = [0_usize; 256];
        for pixel in self.rgb.chunks_exact(3) {
            let sum = u32::from(pixel[0]) * 2 + u32::from(pixel[1]) * 5 + u32::from(pixel[2]);
            counts[(sum / 8) as usize] += 1;
        }
        let all = (self.width * self.height).max(1);
        let share = |level: usize| counts[level] as f64 / all as f64;
        let mean: f64 = (0..256).map(|level| level as f64 * share(level)).sum();
        let variance: f64 = (0..256).map(|level| (level as f64 - mean).powi(2) * share(level)).sum();
        Look {
            lit: (40..256).map(share).sum(),
            levels: counts.iter().filter(|count| **count * 2000 >= all).count(),
            deviation: variance.sqrt(),
        }
    }

    /// Share of pixels that differ from another picture of the same size by more than `levels` in any channel.
    pub(crate) fn differs(&self, other: &Self, levels: u8) -> f64 {
        if (self.width, self.height) != (other.width, other.height) {
            return 1.0;
        }
        let pairs = self.rgb.chunks_exact(3).zip(other.rgb.chunks_exact(3));
        let different = pairs.filter(|(a, b)| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > levels)).count();
        different as f64 / (self.width * self.height).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(grey: impl Fn(usize, usize) -> u8) -> Picture {
        let rgb = (0..100 * 100).flat_map(|i| [grey(i % 100, i / 100); 3]).collect();
        Picture { width: 100, height: 100, rgb }
    }

    #[test]
    fn a_blank_window_and_two_flat_colours_are_not_an_image_but_a_gradient_is() {
        assert!(picture(|_, _| 30).look().must_show_an_image().is_err());
        assert!(picture(|x, _| if x < 50 { 20 } else { 200 }).look().must_show_an_image().is_err());
        assert!(picture(|x, y| (x + y) as u8).look().must_show_an_image().is_ok());
    }

    #[test]
    fn a_crop_beyond_the_edge_is_cut_and_pictures_of_two_sizes_differ_wholly() {
        let whole = picture(|x, _| x as u8);
        let part = whole.crop(Area { x: 90, y: 95, width: 50, height: 50 });
        assert_eq!((part.width, part.height), (10, 5));
        assert!(whole.differs(&part, 0) > 0.99 && whole.differs(&whole, 0) < 0.01);
    }
}
