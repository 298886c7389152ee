//! The workstation's own masks, offered beside the models: lungs, bones and body of a CT, by thresholds and shapes. They need no package
//! and are proposals like any other.

use medsight_image::mask::Mask;
use medsight_image::work::{ToolError, Work};
use medsight_image::{Volume, body_mask, bone_mask, lung_mask};
use medsight_record::words::Words;
use medsight_record::{CodedName, LabelMeaning, Maker};
use medsight_viewport::ModelOffer;

/// What the key of a mask begins with, where a package has its name.
const PREFIX: &str = "own:";

/// A mask that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnMask {
    Lungs,
    Bones,
    Body,
}

impl OwnMask {
    const ALL: [OwnMask; 3] = [OwnMask::Lungs, OwnMask::Bones, OwnMask::Body];

    fn word(self) -> &'static str {
        match self {
            Self::Lungs => "lungs",
            Self::Bones => "bones",
            Self::Body => "body",
        }
    }

    /// The mask of a key of [`offers`]; `None` for a package.
    pub(super) fn of_key(key: &str) -> Option<Self> {
        let word = key.strip_prefix(PREFIX)?;
        Self::ALL.into_iter().find(|mask| mask.word() == word)
    }

    pub(super) fn maker(self) -> Maker {
        Maker {
            name: format!("MedSight {}", self.word()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sha256: String::new(),
            is_guided: false,
            arithmetic: String::new(),
        }
    }

    /// The labels over the voxels of a volume, and what they are.
    ///
    /// # Errors
    /// [`ToolError`], as when the values are not in Hounsfield units.
    pub(super) fn find(
        self,
        volume: &Volume,
        work: &Work<'_>,
    ) -> Result<(Vec<u16>, Vec<LabelMeaning>), ToolError> {
        let lung = || coded("39607008", "Lung");
        let parts: Vec<(Option<Mask>, LabelMeaning)> = match self {
            Self::Lungs => {
                let lungs = lung_mask::lungs(volume, work)?;
                vec![
                    (lungs.right, meaning("Right lung", lung(), coded("24028007", "Right"), [92, 176, 236])),
                    (lungs.left, meaning("Left lung", lung(), coded("7771000", "Left"), [122, 200, 110])),
                ]
            }
            Self::Bones => {
                vec![(Some(bone_mask::bone(volume, work)?), meaning("Bones", None, None, [240, 220, 170]))]
            }
            Self::Body => {
                vec![(Some(body_mask::body(volume, work)?), meaning("Body", None, None, [176, 132, 240]))]
            }
        };
        let mut labels = vec![0_u16; volume.voxels_per_time()];
        let mut meanings = Vec::new();
        for (value, (mask, meaning)) in (1_u16..).zip(parts) {
            for (label, is_inside) in labels.iter_mut().zip(mask.iter().flat_map(|mask| &mask.inside)) {
                if *is_inside {
                    *label = value;
                }
            }
            meanings.push(LabelMeaning { value, ..meaning });
        }
        Ok((labels, meanings))
    }
}

fn coded(value: &str, meaning: &str) -> Option<CodedName> {
    Some(CodedName { value: value.to_owned(), scheme: "SCT".to_owned(), meaning: meaning.to_owned() })
}

fn meaning(name: &str, code: Option<CodedName>, side: Option<CodedName>, rgb: [u8; 3]) -> LabelMeaning {
    LabelMeaning { value: 0, name: name.to_owned(), category: None, code, side, rgb: Some(rgb) }
}

/// The masks as the light box offers them.
pub(super) fn offers(words: &Words) -> Vec<ModelOffer> {
    let offer = |mask: OwnMask| {
        let maker = mask.maker();
        ModelOffer {
            key: format!("{PREFIX}{}", mask.word()),
            title: words.text(&format!("model.{}", mask.word())).to_owned(),
            name: maker.name,
            version: maker.version,
            intended_use: words.text("model.own_mask").to_owned(),
            measured: String::new(),
            modalities: vec!["CT".to_owned()],
            barred: None,
        }
    };
    OwnMask::ALL.map(offer).into()
}
