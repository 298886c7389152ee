//! The ICC profile of a colour image: ICC Profile (0028,2000), of whole slides that of the first optical path.

use crate::attribute::{named, tags};
use crate::dataset::Dataset;
use crate::encoded::Encoded;
use medsight_image::{ProfileError, ToSrgb, VolumeWarning};
use std::sync::{Arc, Mutex, PoisonError};

/// A profile, and what came of it.
type Known = (Vec<u8>, Result<Option<Arc<ToSrgb>>, ProfileError>);

/// What turns the colours of an image into those of the screen; `None` where they are that already, or where the file
/// does not say what they are. A profile that cannot be used is told.
pub(crate) fn to_srgb(
    data: &Dataset<'_>,
    encoded: &Encoded,
    warnings: &mut Vec<VolumeWarning>,
) -> Option<Arc<ToSrgb>> {
    let is_color = encoded.samples_per_pixel == 3 || encoded.photometric == "PALETTE COLOR";
    let of_path = || data.first_item(tags::OPTICAL_PATH_SEQUENCE)?.raw(tags::ICC_PROFILE);
    let profile = data.raw(tags::ICC_PROFILE).or_else(of_path).filter(|_| is_color)?;
    match known(profile) {
        Ok(to_srgb) => to_srgb,
        Err(what) => {
            let reason =
                format!("{} {what}: the colours are shown as if they were sRGB", named(tags::ICC_PROFILE));
            warnings.push(VolumeWarning { code: "icc_unusable".into(), reason, figures: Vec::new() });
            None
        }
    }
}

/// The images of a series have one profile: the last is kept.
fn known(profile: &[u8]) -> Result<Option<Arc<ToSrgb>>, ProfileError> {
    static LAST: Mutex<Option<Known>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, found)) = last.as_ref().filter(|(bytes, _)| bytes == profile) {
        return found.clone();
    }
    let found = ToSrgb::new(profile).map(|to_srgb| to_srgb.map(Arc::new));
    *last = Some((profile.to_vec(), found.clone()));
    found
}
