//! Greyscale Softcopy Presentation State: how somebody wants an image to look (PS3.3 A.33.1, PS3.4 annex N).
//!
//! Modality and VOI transforms, presentation LUT, rotation and flip. Drawings, shutters and displayed areas are read
//! by [`crate::derived::PresentationState`].

use crate::attribute::{missing, tags, unreadable};
use crate::lut::{LookUpTable, ModalityLut};
use crate::object::Object;
use crate::voi::voi_of;
use medsight_image::{Lut, Modality, Voi};
use medsight_record::Refusal;
use std::sync::Arc;

/// What a presentation state says of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Softcopy {
    /// In place of the image's own modality transform; `None` means there is none to apply.
    pub modality: Modality,
    /// Window or table, with the Presentation LUT Sequence (2050,0010) behind it; `None` shows all values.
    pub voi: Option<Voi>,
    /// Presentation LUT Shape (2050,0020) is INVERSE. Takes the place of MONOCHROME1 in the image.
    pub inverse: bool,
    /// Image Rotation (0070,0042), quarter turns clockwise, 0 to 3.
    pub quarter_turns: u8,
    /// Image Horizontal Flip (0070,0041), after the rotation.
    pub flipped: bool,
}

impl Softcopy {
    /// Reads what `state` says of the image `instance_uid`.
    ///
    /// # Errors
    /// When it is no such object, does not name the image, or has a part that cannot be used.
    pub fn read(state: &Object<'_>, instance_uid: &str) -> Result<Self, Refusal> {
        let data = state.data();
        let series = data.items(tags::REFERENCED_SERIES_SEQUENCE);
        let images = series.iter().flat_map(|s| s.items(tags::REFERENCED_IMAGE_SEQUENCE));
        let names = |uid: Option<String>| uid.as_deref() == Some(instance_uid);
        if series.is_empty() {
            return Err(missing(tags::REFERENCED_SERIES_SEQUENCE));
        }
        if !images.into_iter().any(|i| names(i.text(tags::REFERENCED_SOP_INSTANCE_UID))) {
            let reason = "The presentation state is for other images than this one.".to_owned();
            return Err(Refusal::new("other_image", reason));
        }
        let inverse = match data.text(tags::PRESENTATION_LUT_SHAPE).as_deref() {
            Some("INVERSE") => true,
            Some("IDENTITY") | None => false,
            Some(_) => {
                return Err(unreadable(tags::PRESENTATION_LUT_SHAPE, "is neither IDENTITY nor INVERSE"));
            }
        };
        let rotation = data.integer(tags::IMAGE_ROTATION)?.unwrap_or(0);
        if rotation.rem_euclid(90) != 0 {
            return Err(unreadable(tags::IMAGE_ROTATION, "is not a multiple of 90"));
        }
        let applies = |item: &crate::Dataset<'_>| {
            let images = item.items(tags::REFERENCED_IMAGE_SEQUENCE);
            images.is_empty() || images.iter().any(|i| names(i.text(tags::REFERENCED_SOP_INSTANCE_UID)))
        };
        let voi = match data.items(tags::SOFTCOPY_VOILUT_SEQUENCE).iter().find(|item| applies(item)) {
            None => None,
            Some(item) => {
                let mut warnings = Vec::new();
                let (windows, tables) = voi_of(item, true, &mut warnings);
                let table =
                    || tables.first().and_then(|t| t.display_values()).map(|lut| Voi::Lut(Arc::new(lut)));
                let voi = windows.first().map(|named| Voi::Window(named.window)).or_else(table);
                let reason = warnings.into_iter().next().map(|w| w.reason);
                Some(voi.ok_or_else(|| {
                    let reason = reason.unwrap_or_else(|| "Its window is missing.".to_owned());
                    Refusal::new("bad_attribute", reason)
                })?)
            }
        };
        let voi = match LookUpTable::read_all(&data, tags::PRESENTATION_LUT_SEQUENCE, false)?.first() {
            None => voi,
            Some(table) => Some(through(voi, table)?),
        };
        Ok(Self {
            modality: ModalityLut::read(&data, true)?.map_or(Modality::IDENTITY, |lut| lut.to_image()),
            voi,
            inverse,
            quarter_turns: (rotation / 90).rem_euclid(4) as u8,
            flipped: data.text(tags::IMAGE_HORIZONTAL_FLIP).as_deref() == Some("Y"),
        })
    }
}

/// Most entries of a table that a window and a presentation LUT are joined to.
const MOST_ENTRIES: f64 = 65_536.0;

/// A VOI transform and the presentation LUT behind it (PS3.3 C.11.6) as one table over whole modality values.
fn through(voi: Option<Voi>, table: &LookUpTable) -> Result<Voi, Refusal> {
    let unusable = |what: &str| unreadable(tags::PRESENTATION_LUT_SEQUENCE, what);
    let outputs = table.display_values().ok_or_else(|| unusable("has no entry"))?;
    let last = (outputs.values().len() - 1) as f32;
    // The range of the VOI output is the range of the table's entries.
    let shown = |grey: f32| outputs.apply(outputs.first as f32 + grey * last);
    let (first, greys): (i32, Vec<f32>) = match voi {
        None => return Err(unusable("is a table, but there is no window or VOI LUT in front of it")),
        Some(Voi::Lut(lut)) => (lut.first, lut.values().to_vec()),
        Some(Voi::Window(window)) => {
            let half = window.width() / 2.0 + 1.0;
            let (low, high) = ((window.center() - half).floor(), (window.center() + half).ceil());
            if high - low >= MOST_ENTRIES || low < f64::from(i32::MIN) || high > f64::from(i32::MAX) {
                return Err(unusable("is a table behind a window that is too wide for one"));
            }
            (low as i32, (low as i32..=high as i32).map(|x| window.apply(f64::from(x)) as f32).collect())
        }
    };
    let joined = Lut::new(first, greys.into_iter().map(shown).collect());
    Ok(Voi::Lut(Arc::new(joined.ok_or_else(|| unusable("has no entry"))?)))
}
