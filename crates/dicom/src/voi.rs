//! Windows and VOI tables of a data set (PS3.3 C.11.2).

use crate::attribute::tags;
use crate::dataset::Dataset;
use crate::image_info::NamedWindow;
use crate::lut::LookUpTable;
use medsight_image::{VoiFunction, VolumeWarning, Window};

/// Windows and tables of PS3.3 C.11.2. What cannot be used is told, not repaired.
pub(crate) fn voi_of(
    data: &Dataset<'_>,
    signed: bool,
    warnings: &mut Vec<VolumeWarning>,
) -> (Vec<NamedWindow>, Vec<LookUpTable>) {
    let mut unusable = |reason: String| {
        if !warnings.iter().any(|w| w.reason == reason) {
            warnings.push(VolumeWarning { code: "unusable_window".into(), reason, figures: Vec::new() });
        }
    };
    let tables = LookUpTable::read_all(data, tags::VOILUT_SEQUENCE, signed).unwrap_or_else(|refusal| {
        unusable(refusal.reason);
        Vec::new()
    });
    let centers = data.numbers(tags::WINDOW_CENTER);
    let widths = data.numbers(tags::WINDOW_WIDTH);
    let (centers, widths) = match (centers, widths) {
        (Ok(Some(centers)), Ok(Some(widths))) => (centers, widths),
        (Err(refusal), _) | (_, Err(refusal)) => {
            unusable(refusal.reason);
            return (Vec::new(), tables);
        }
        _ => return (Vec::new(), tables),
    };
    let function = match data.text(tags::VOILUT_FUNCTION).as_deref() {
        Some("LINEAR_EXACT") => VoiFunction::LinearExact,
        Some("SIGMOID") => VoiFunction::Sigmoid,
        _ => VoiFunction::Linear,
    };
    let explanations = data.texts(tags::WINDOW_CENTER_WIDTH_EXPLANATION);
    let mut windows = Vec::new();
    for (i, (center, width)) in centers.iter().zip(&widths).enumerate() {
        match Window::new(*center, *width, function) {
            Some(window) => {
                let explanation = explanations.get(i).cloned().unwrap_or_default();
                windows.push(NamedWindow { window, explanation });
            }
            None => unusable(format!(
                "Window Width (0028,1051) is {width}, which is below what its function allows"
            )),
        }
    }
    (windows, tables)
}
