//! Colours by the ICC profile of an image (PS3.3 C.11.15), as sRGB for the screen.
//!
//! On the CPU, once a frame or palette: the shaders draw sRGB. Which image has a profile is read by `medsight-dicom`.

use crate::present::rgb8;
use crate::{Frame, Photometric, Samples};
use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};
use std::fmt;
use std::sync::Arc;

/// From the colours of a profile to sRGB, 8 bits a component.
#[derive(Clone)]
pub struct ToSrgb(Arc<Transform8BitExecutor>);

/// Why a profile cannot be used, as the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not an ICC profile, or only a part of one.
    #[error("is damaged")]
    Damaged,
    /// Of grey, CMYK or another space.
    #[error("is not for RGB colours")]
    NotRgb,
    /// It lacks what makes colours of its values.
    #[error("has no transform from RGB colours")]
    NoTransform,
}

/// Two colours that a screen shows alike.
const SAME: u8 = 1;

impl ToSrgb {
    /// `None` when the profile's colours are sRGB already: then nothing is to be done, and no value changes by rounding.
    ///
    /// # Errors
    /// What is wrong with the profile.
    pub fn new(profile: &[u8]) -> Result<Option<Self>, ProfileError> {
        let profile = ColorProfile::new_from_slice(profile).map_err(|_| ProfileError::Damaged)?;
        if profile.color_space != DataColorSpace::Rgb {
            return Err(ProfileError::NotRgb);
        }
        let options = TransformOptions { prefer_fixed_point: false, ..TransformOptions::default() };
        let srgb = ColorProfile::new_srgb();
        let transform = profile.create_transform_8bit(Layout::Rgb, &srgb, Layout::Rgb, options);
        let own = Self(transform.map_err(|_| ProfileError::NoTransform)?);
        let steps = [0_u8, 51, 102, 153, 204, 255];
        let grid: Vec<[u8; 3]> =
            steps.iter().flat_map(|r| steps.iter().flat_map(move |g| steps.map(|b| [*r, *g, b]))).collect();
        let shown = own.colors(&grid);
        let alike = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= SAME;
        let changes = grid.as_flattened().iter().zip(shown.as_flattened()).any(|pair| !alike(pair));
        Ok(changes.then_some(own))
    }

    /// Red, green and blue of each colour as sRGB.
    pub fn colors(&self, colors: &[[u8; 3]]) -> Vec<[u8; 3]> {
        let mut out = vec![[0; 3]; colors.len()];
        // Fails only for buffers of different lengths.
        let done = self.0.transform(colors.as_flattened(), out.as_flattened_mut());
        debug_assert!(done.is_ok(), "buffers of one length");
        out
    }

    /// A colour frame as RGB of 8 bits in sRGB; any other as it is.
    pub fn frame(&self, frame: Frame) -> Frame {
        let Some(colors) = rgb8(&frame) else { return frame };
        let samples = Samples::U8(self.colors(&colors).into_flattened());
        Frame { samples, photometric: Photometric::Rgb, ..frame }
    }
}

impl fmt::Debug for ToSrgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToSrgb")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(value: f64) -> [u8; 4] {
        ((value * 65_536.0).round() as i32).to_be_bytes()
    }

    fn xyz(values: [f64; 3]) -> Vec<u8> {
        [&b"XYZ \0\0\0\0"[..], &values.map(fixed).concat()].concat()
    }

    /// A scanner's profile of three primaries (relative to D50) and a gamma, as ICC.1 writes it.
    fn profile(primaries: [[f64; 3]; 3], gamma: f64, space: &[u8; 4]) -> Vec<u8> {
        let white = [0.9642, 1.0, 0.8249];
        let mut curve = b"curv\0\0\0\0\0\0\0\x01".to_vec();
        curve.extend(((gamma * 256.0).round() as u16).to_be_bytes());
        curve.extend([0, 0]);
        let [red, green, blue] = primaries.map(xyz);
        let tags = [
            (b"wtpt", xyz(white)),
            (b"rXYZ", red),
            (b"gXYZ", green),
            (b"bXYZ", blue),
            (b"rTRC", curve.clone()),
            (b"gTRC", curve.clone()),
            (b"bTRC", curve),
        ];
        let (mut table, mut body) = ((tags.len() as u32).to_be_bytes().to_vec(), Vec::new());
        for (name, value) in &tags {
            let offset = 128 + 4 + 12 * tags.len() + body.len();
            table.extend(*name);
            table.extend((offset as u32).to_be_bytes());
            table.extend((value.len() as u32).to_be_bytes());
            body.extend(value);
        }
        let mut head = ((128 + table.len() + body.len()) as u32).to_be_bytes().to_vec();
        head.extend(b"\0\0\0\0\x02\x40\0\0scnr");
        head.extend(space);
        head.extend(b"XYZ \0\0\0\0\0\0\0\0\0\0\0\0acsp");
        head.resize(68, 0);
        head.extend(white.map(fixed).concat());
        head.resize(128, 0);
        [head, table, body].concat()
    }

    const WIDE: [[f64; 3]; 3] =
        [[0.51512, 0.2412, -0.00105], [0.29198, 0.69225, 0.04189], [0.1571, 0.06657, 0.78407]];
    const SRGB: [[f64; 3]; 3] =
        [[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.71410]];

    #[test]
    fn colours_of_a_wide_profile_become_the_srgb_that_littlecms_finds() {
        let to_srgb = ToSrgb::new(&profile(WIDE, 2.2, b"RGB ")).unwrap().unwrap();
        let pairs = [
            ([0, 0, 0], [0, 0, 0]),
            ([255, 255, 255], [255, 255, 255]),
            ([128, 128, 128], [129, 129, 129]),
            ([200, 100, 50], [216, 93, 24]),
            ([50, 100, 200], [16, 102, 208]),
            ([120, 130, 140], [118, 131, 142]),
            ([30, 60, 90], [6, 58, 92]),
        ];
        for (stored, littlecms) in pairs {
            let shown = to_srgb.colors(&[stored])[0];
            let off = shown.iter().zip(littlecms).map(|(a, b)| a.abs_diff(b)).max().unwrap();
            assert!(off <= 2, "{stored:?} became {shown:?}, not {littlecms:?}");
        }
    }

    #[test]
    fn a_frame_in_luminance_and_chroma_becomes_rgb_of_the_screen() {
        let to_srgb = ToSrgb::new(&profile(WIDE, 2.2, b"RGB ")).unwrap().unwrap();
        let frame = Frame {
            rows: 1,
            columns: 1,
            photometric: Photometric::YbrFull,
            samples: Samples::U8(vec![128; 3]),
        };
        let shown = to_srgb.frame(frame);
        assert_eq!((shown.photometric, shown.samples), (Photometric::Rgb, Samples::U8(vec![129; 3])));
    }

    #[test]
    fn a_profile_whose_colours_are_those_of_the_screen_changes_nothing() {
        // The curve of sRGB lies near a gamma of 2.2, but not within what a screen shows alike.
        assert!(ToSrgb::new(&profile(SRGB, 2.2, b"RGB ")).unwrap().is_some());
        let encoded = ColorProfile::new_srgb().encode().unwrap();
        assert!(ToSrgb::new(&encoded).unwrap().is_none());
    }

    #[test]
    fn a_profile_that_is_damaged_or_not_for_rgb_is_refused() {
        assert_eq!(ToSrgb::new(&[0; 40]).unwrap_err(), ProfileError::Damaged);
        assert_eq!(ToSrgb::new(&profile(WIDE, 2.2, b"CMYK")).unwrap_err(), ProfileError::NotRgb);
    }
}
