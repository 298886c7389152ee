//! DICOM facts of an image as the light box needs them.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::DVec2;
use medsight_dicom::ImageInfo;
use medsight_dicom::derived::{MappingForm, RealWorldMapping};
use medsight_image::{Modality, VolumeWarning};
use medsight_record::UptakeKind;
use medsight_viewport::{ImageScale, RealWorld, Said, SliceFacts, SlicePlace, UltrasoundScale};

/// Facts of each frame; frames that share everything share one.
pub(crate) fn of_frames(image: &ImageInfo) -> Vec<Arc<SliceFacts>> {
    let mut known: BTreeMap<*const medsight_dicom::FrameInfo, Arc<SliceFacts>> = BTreeMap::new();
    (0..image.frames.len())
        .map(|i| {
            known.entry(Arc::as_ptr(&image.frames[i])).or_insert_with(|| Arc::new(of_frame(image, i))).clone()
        })
        .collect()
}

/// Facts of one frame.
pub(crate) fn of_frame(image: &ImageInfo, frame: usize) -> SliceFacts {
    let info = &image.frames[frame.min(image.frames.len() - 1)];
    let encoded = &image.encoded;
    let scale =
        info.scale.map(|s| ImageScale { mm_per_px: DVec2::new(s.column_mm, s.row_mm), source: s.source });
    let place =
        info.position_mm.zip(info.orientation).zip(scale).map(|((origin_mm, [right, down]), scale)| {
            SlicePlace { origin_mm, right, down, spacing_mm: scale.mm_per_px }
        });
    let regions = image.regions.iter().map(|r| {
        let [x0, y0, x1, y1] = r.rectangle_px.map(|p| p as f64);
        UltrasoundScale {
            min_px: DVec2::new(x0, y0),
            max_px: DVec2::new(x1, y1),
            mm_per_px: r.scale.map(|s| DVec2::new(s.column_mm, s.row_mm)),
        }
    });
    SliceFacts {
        size_px: image.shown_size_px(),
        place,
        scale,
        regions: regions.collect(),
        pixel_aspect: match scale {
            Some(scale) => scale.mm_per_px.y / scale.mm_per_px.x,
            None => image.pixel_aspect.unwrap_or(1.0),
        },
        modality: info.modality_lut.to_image(),
        file_modality: info.modality_lut.to_image(),
        unit: info.unit.clone(),
        real_world: info.real_world.as_deref().filter(|m| m.form != MappingForm::IDENTITY).map(real_world),
        windows: info.windows.iter().map(|w| (w.window, w.explanation.clone())).collect(),
        voi_lut: info.voi_tables.first().and_then(|t| t.display_values()).map(Arc::new),
        palette: image.palette.as_ref().and_then(|p| p.to_image()).map(Arc::new),
        padding: image.padding.map(|[low, high]| [low as f64, high as f64]),
        suv_bw: image.suv.as_ref().and_then(|suv| suv.as_ref().ok()).map(|suv| suv.body_weight),
        uptakes: uptakes(image),
        overlays: image.overlays.clone(),
        shutter: image.shutter.clone(),
        is_color: !encoded.is_grey(),
        acquisition: acquisition(image),
        warnings: warnings(image),
        frames_per_second: image.frame_time_ms.filter(|ms| *ms > 0.0).map(|ms| 1000.0 / ms),
    }
}

fn real_world(mapping: &RealWorldMapping) -> RealWorld {
    let (slope, intercept, table) = match &mapping.form {
        MappingForm::Linear { slope, intercept } => (*slope, *intercept, None),
        MappingForm::Table(values) => (0.0, 0.0, Some(values.clone().into())),
    };
    RealWorld {
        label: mapping.label.clone(),
        slope,
        intercept,
        range: mapping.range,
        table,
        unit: mapping.unit_text(),
        unit_code: mapping.unit.named(),
        quantity: mapping.quantity_code().map(medsight_dicom::derived::Code::named),
    }
}

/// Uptake values beside the one by body weight, as far as the file has what they need.
fn uptakes(image: &ImageInfo) -> Vec<(UptakeKind, f64)> {
    let suv = image.suv.as_ref().and_then(|suv| suv.as_ref().ok());
    let Some(by_size) = suv.and_then(|suv| suv.by_size.as_ref().ok()) else { return Vec::new() };
    let found = [
        (UptakeKind::LeanBodyMass, by_size.lean_body_mass.as_ref().ok()),
        (UptakeKind::LeanBodyMassJanma, by_size.lean_body_mass_janma.as_ref().ok()),
        (UptakeKind::BodySurface, Some(&by_size.body_surface)),
    ];
    found.into_iter().filter_map(|(kind, factor)| Some((kind, *factor?))).collect()
}

/// Why uptake values beside the one by body weight are missing, where it is there.
fn no_uptake_by_size(image: &ImageInfo) -> Option<&str> {
    match &image.suv.as_ref()?.as_ref().ok()?.by_size {
        Err(reason) => Some(reason),
        Ok(by_size) => by_size.lean_body_mass.as_ref().err().map(String::as_str),
    }
}

/// The same facts for pixels that are modality values already, as voxels are.
pub(crate) fn for_voxels(facts: &SliceFacts) -> SliceFacts {
    let padding = match &facts.modality {
        Modality::Rescale { slope, intercept } => facts.padding.map(|p| {
            let [a, b] = p.map(|v| v * slope + intercept);
            [a.min(b), a.max(b)]
        }),
        Modality::Lut(_) => None,
    };
    SliceFacts { modality: Modality::IDENTITY, padding, ..facts.clone() }
}

fn warning(code: &str, reason: &str) -> VolumeWarning {
    VolumeWarning { code: code.to_owned(), reason: reason.to_owned(), figures: Vec::new() }
}

fn warnings(image: &ImageInfo) -> Vec<VolumeWarning> {
    let mut all = image.warnings.clone();
    if let Some(Err(reason)) = &image.suv {
        all.push(warning("no_suv", reason));
    }
    if let Some(reason) = no_uptake_by_size(image) {
        all.push(warning("no_suv_by_size", reason));
    }
    let mut add = |is: bool, code: &str, reason: &str| {
        if is {
            all.push(warning(code, reason));
        }
    };
    add(
        image.lossy,
        "lossy",
        "Lossy Image Compression (0028,2110) is 01: the pixels were changed when the image was stored.",
    );
    add(
        image.burned_in,
        "burned_in",
        "Burned In Annotation (0028,0301) is YES: there is text in the pixels, which may name the patient.",
    );
    all
}

/// Lines such as `120 kV · 214 mAs`; what the file does not say is left out.
fn acquisition(image: &ImageInfo) -> Vec<Vec<Said>> {
    let a = &image.acquisition;
    let number = |value: Option<f64>, before, after| value.map(|value| Said::Number { before, value, after });
    let text = |text: &str| (!text.is_empty()).then(|| Said::Text(text.to_owned()));
    let current = number(a.exposure_mas, "", " mAs").or(number(a.tube_current_ma, "", " mA"));
    let lines = [
        vec![number(a.kvp, "", " kV"), current],
        vec![
            number(a.repetition_time_ms, "TR ", ""),
            number(a.echo_time_ms, "TE ", ""),
            number(a.flip_angle_deg, "FA ", "°"),
        ],
        vec![number(a.slice_thickness_mm, "", " mm"), text(&a.kernel), text(&a.patient_position)],
        vec![text(&a.view_position), text(&a.laterality)],
        vec![text(&a.institution)],
    ];
    let known = lines.into_iter().map(|line| line.into_iter().flatten().collect::<Vec<_>>());
    known.filter(|line| !line.is_empty()).collect()
}
