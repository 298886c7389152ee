//! A view of the light box as a presentation state.

use super::{Source, nothing};
use medsight_base::InstanceUid;
use medsight_dicom::ImageInfo;
use medsight_dicom::derived::{
    AreaSize, DisplayedArea, Evidence, Lookup, NewInstance, NewLook, PresentationState, drawings_of,
};
use medsight_image::{VoiFunction, Window};
use medsight_record::{Annotation, LookToWrite, Refusal};

impl Source<'_> {
    pub(super) fn look(
        &self,
        annotations: &[Annotation],
        look: &LookToWrite,
        header: &NewInstance,
    ) -> Result<Vec<u8>, Refusal> {
        let image = |uid: &InstanceUid| self.known(uid).map(|known| known.facts);
        let lookup = Lookup { image: &image, frame_of_reference: &|_| None };
        let unreadable = |_| nothing("The shown image is not on this computer.");
        let object = self.object(&look.shown.instance).map_err(unreadable)?;
        let info = ImageInfo::read(&object)?;
        if !info.encoded.is_grey() {
            return Err(nothing("A view can be written of grey images only."));
        }
        let frame = &info.frames[(look.shown.frame as usize).min(info.frames.len() - 1)];
        let images: Vec<Evidence> =
            look.images.iter().filter_map(|uid| self.known(uid)).map(|k| k.facts.evidence).collect();
        let on_images = annotations.iter().filter(|a| look.captions.contains_key(&a.id));
        let caption = |a: &Annotation| look.captions.get(&a.id).cloned().unwrap_or_default();
        let drawings = drawings_of(on_images, &caption, &lookup)?;
        let state = PresentationState {
            label: "VIEW".into(),
            description: String::new(),
            creator: self.who.clone(),
            images,
            layers: if drawings.annotations.is_empty() { Vec::new() } else { vec![drawings.layer] },
            annotations: drawings.annotations,
            areas: vec![DisplayedArea {
                images: Vec::new(),
                top_left: [1, 1],
                bottom_right: [info.encoded.columns as i64, info.encoded.rows as i64],
                size: AreaSize::ScaleToFit,
                spacing_mm: frame.scale.map(|s| [s.row_mm, s.column_mm]),
            }],
            shutter: None,
            warnings: Vec::new(),
        };
        let window = window_of(look).ok_or_else(|| nothing("The window of the view cannot be used."))?;
        let new_look = NewLook {
            windows: vec![(window, Vec::new())],
            modality: Some(frame.modality_lut.clone()),
            rescale_type: if frame.unit.is_empty() { "US".into() } else { frame.unit.clone() },
            inverse: look.inverse,
            quarter_turns: look.quarter_turns,
            flipped: look.flipped,
        };
        state.to_file(header, &new_look)
    }
}

/// The window of a view; its function is a defined term of VOI LUT Function (0028,1056).
fn window_of(look: &LookToWrite) -> Option<Window> {
    let function = match look.window_function.as_str() {
        "LINEAR_EXACT" => VoiFunction::LinearExact,
        "SIGMOID" => VoiFunction::Sigmoid,
        _ => VoiFunction::Linear,
    };
    let [center, width] = look.window;
    Window::new(center, width, function)
}
