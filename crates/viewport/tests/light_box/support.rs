//! The studies that the tests draw, and a hand that draws on them with the mouse.

use egui::{Modifiers, PointerButton};
use egui_kittest::Harness;
use glam::{DMat4, DVec2, DVec3};
use medsight_base::{SeriesUid, StudyUid};
use medsight_image::present::Modality;
use medsight_image::{Frame, Photometric, Samples, VoiFunction, Volume, Voxels, Window};
use medsight_record::ScaleSource;
use medsight_record::words::Locale;
use medsight_viewport::{
    Cell, FrameState, ImageScale, LightBox, Said, Series, Slice, SliceFacts, SlicePlace, Textures,
    VolumeState, setup,
};
use std::sync::Arc;
use uuid::Uuid;

/// A CT of 20 axial slices of 100×100 pixels of 1 mm, 2 mm apart, with a volume.
pub(crate) fn light_box() -> LightBox {
    let mut next = 0u128;
    let new_id = move || {
        next += 1;
        Uuid::from_u128(next)
    };
    let mut b = LightBox::new(StudyUid::parse("1.2").unwrap(), Locale::En, new_id);
    b.facts.identity = "DOE^JANE · 1957-03-14 (69 F) · ID 004711".into();
    let mut series = Series::new(SeriesUid::parse("1.2.3").unwrap(), "CT");
    let frame = Arc::new(Frame {
        rows: 100,
        columns: 100,
        photometric: Photometric::Monochrome2,
        samples: Samples::I16((0..10_000).map(|i| i % 100).collect()),
    });
    for z in 0..20 {
        let mut slice = Slice::new(medsight_base::InstanceUid::parse(&format!("1.2.3.{z}")).unwrap(), 0);
        slice.facts = Some(Arc::new(SliceFacts {
            size_px: [100, 100],
            place: Some(SlicePlace {
                origin_mm: DVec3::new(-50.0, -50.0, f64::from(z) * 2.0),
                right: DVec3::X,
                down: DVec3::Y,
                spacing_mm: DVec2::ONE,
            }),
            scale: Some(ImageScale { mm_per_px: DVec2::ONE, source: ScaleSource::PixelSpacing }),
            regions: Vec::new(),
            pixel_aspect: 1.0,
            modality: Modality::IDENTITY,
            file_modality: Modality::IDENTITY,
            real_world: None,
            unit: "HU".into(),
            windows: vec![(Window::new(40.0, 400.0, VoiFunction::Linear).unwrap(), String::new())],
            voi_lut: None,
            palette: None,
            padding: None,
            suv_bw: None,
            uptakes: Vec::new(),
            overlays: Vec::new(),
            shutter: None,
            is_color: false,
            acquisition: vec![vec![Said::Number { before: "", value: 120.0, after: " kV" }]],
            warnings: Vec::new(),
            frames_per_second: None,
        }));
        slice.frame = FrameState::Ready(frame.clone());
        series.slices.push(slice);
    }
    series.volume = VolumeState::Ready(Arc::new(Volume {
        dims: [100, 100, 20, 1],
        spacing_mm: DVec3::new(1.0, 1.0, 2.0),
        origin_mm: DVec3::new(-50.0, -50.0, 0.0),
        axes: [DVec3::X, DVec3::Y, DVec3::Z],
        patient_from_voxel: DMat4::from_translation(DVec3::new(-50.0, -50.0, 0.0))
            * DMat4::from_scale(DVec3::new(1.0, 1.0, 2.0)),
        voxels: Voxels::I16((0..200_000).map(|i| (i % 100) as i16).collect()).into(),
        time: 0,
        min_max: [0.0, 99.0],
        unit: "HU".into(),
        slice_offsets_mm: Vec::new(),
        warnings: Vec::new(),
    }));
    b.series.push(series);
    b.volume_ready(0);
    b.cells[0] = Cell::showing(0, 10);
    b
}

pub(crate) fn harness(b: LightBox) -> Harness<'static, LightBox> {
    let mut h = Harness::builder().with_size(egui::vec2(1200.0, 800.0)).build_ui_state(
        |ui, b: &mut LightBox| {
            setup(ui.ctx());
            b.show(ui, &Textures::default());
        },
        b,
    );
    h.run();
    h.state_mut().take_effects();
    h
}

/// Drags from the middle of the first cell.
pub(crate) fn drag(h: &mut Harness<'_, LightBox>, button: PointerButton, from: egui::Vec2, to: egui::Vec2) {
    let middle = h.state().cells[0].rect.center();
    let modifiers = Modifiers::NONE;
    h.hover_at(middle + from);
    h.run();
    h.event(egui::Event::PointerButton { pos: middle + from, button, pressed: true, modifiers });
    h.run();
    for step in 1..=4 {
        h.hover_at(middle + from + (to - from) * (step as f32 / 4.0));
        h.run();
    }
    h.event(egui::Event::PointerButton { pos: middle + to, button, pressed: false, modifiers });
    h.run();
}

/// The CT and a second volume of the same series, a copy of it with images of its own: another echo.
pub(crate) fn two_volumes_in_a_series() -> LightBox {
    let mut b = light_box();
    let mut second = b.series[0].clone();
    for (z, slice) in second.slices.iter_mut().enumerate() {
        slice.instance = medsight_base::InstanceUid::parse(&format!("1.2.4.{z}")).unwrap();
    }
    b.series.push(second);
    b.volume_ready(1);
    b
}

/// Presses and releases at a place of the image, or moves through several with the button down.
pub(crate) fn stroke(h: &mut Harness<'_, LightBox>, path: &[[f64; 2]]) {
    let screen =
        |h: &Harness<'_, LightBox>, p: [f64; 2]| h.state().surface(0).unwrap().screen(DVec2::new(p[0], p[1]));
    let button = |h: &mut Harness<'_, LightBox>, pos, pressed| {
        let modifiers = Modifiers::NONE;
        h.event(egui::Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers });
        h.run();
    };
    let (first, last) = (screen(h, path[0]), screen(h, path[path.len() - 1]));
    h.hover_at(first);
    h.run();
    button(h, first, true);
    for p in &path[1..] {
        let to = screen(h, *p);
        h.hover_at(to);
        h.run();
    }
    button(h, last, false);
}

/// A radiograph: one image without a place in the patient, measured at the detector.
pub(crate) fn radiograph() -> LightBox {
    let mut b = light_box();
    let mut slice = b.series[0].slices[10].clone();
    let facts = slice.facts.as_deref().unwrap().clone();
    let scale = Some(ImageScale { mm_per_px: DVec2::splat(0.2), source: ScaleSource::Detector });
    slice.facts = Some(Arc::new(SliceFacts { place: None, scale, ..facts }));
    b.series[0].slices = vec![slice];
    b.series[0].volume = VolumeState::Refused(medsight_record::Refusal::new("single_image", "one image"));
    b.cells[0] = Cell::showing(0, 0);
    b
}
