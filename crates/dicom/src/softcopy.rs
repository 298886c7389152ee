//! Greyscale Softcopy Presentation State: how somebody wants an image to look (PS3.3 A.33.1, PS3.4 annex N).
//!
//! Modality and VOI transforms, presentation LUT shape, rotation and flip. Not read: drawings, shutters, displayed area.

use crate::attribute::{missing, tags, unreadable};
use crate::image_info::voi_of;
use crate::lut::ModalityLut;
use crate::object::Object;
use medsight_image::{Modality, Voi};
use medsight_record::Refusal;
use std::sync::Arc;

/// What a presentation state says of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Softcopy {
    /// In place of the image's own modality transform; `None` means there is none to apply.
    pub modality: Modality,
    /// Window or table; `None` shows all values.
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
        if data.has(tags::PRESENTATION_LUT_SEQUENCE) {
            return Err(unreadable(
                tags::PRESENTATION_LUT_SEQUENCE,
                "is a table, which is not supported here",
            ));
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
        Ok(Self {
            modality: ModalityLut::read(&data, true)?.map_or(Modality::IDENTITY, |lut| lut.to_image()),
            voi,
            inverse,
            quarter_turns: (rotation / 90).rem_euclid(4) as u8,
            flipped: data.text(tags::IMAGE_HORIZONTAL_FLIP).as_deref() == Some("Y"),
        })
    }
}
