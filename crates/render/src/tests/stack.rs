//! Stored images: the device against the CPU twin.

use std::sync::Arc;

use glam::{DAffine2, DVec2};
use medsight_image::{
    Frame, Interpolation, Lut, Modality, Palette, Photometric, Samples, StackDraw, Voi, VoiFunction, Window,
    present,
};

use super::{difference, picture};

const SIZE: [u32; 2] = [97, 71];

fn ct() -> Frame {
    let values = (0..64 * 48).map(|i| ((i % 64) * 40 + (i / 64) * 31 + (i * 7919) % 23) as u16).collect();
    Frame { rows: 48, columns: 64, photometric: Photometric::Monochrome2, samples: Samples::U16(values) }
}

fn look(window: Window) -> StackDraw {
    let rescale = Modality::Rescale { slope: 1.0, intercept: -1024.0 };
    StackDraw {
        image_px_from_target_px: present::fit([64, 48], SIZE, 1.0),
        ..StackDraw::one_to_one(rescale, Voi::Window(window))
    }
}

fn ct_window(function: VoiFunction) -> Window {
    Window::new(300.0, 2000.0, function).unwrap()
}

fn check(frame: &Frame, look: &StackDraw) {
    let drawn = picture(SIZE, |renderer, target| {
        renderer.draw_stack(target, &renderer.upload_frame(frame).unwrap(), look);
    });
    let twin = present::draw(frame, look, SIZE);
    assert!(twin.chunks(4).any(|p| p[0] > 40) && twin.chunks(4).any(|p| p[0] < 200), "shows something");
    let apart = difference(&drawn, &twin);
    assert!(apart.max <= 1, "{apart:?}");
}

#[test]
fn each_window_function_shows_the_twins_grey_within_one_level() {
    for function in [VoiFunction::Linear, VoiFunction::LinearExact, VoiFunction::Sigmoid] {
        check(&ct(), &look(ct_window(function)));
    }
}

#[test]
fn rotated_zoomed_flipped_and_shrunk_images_are_the_twins() {
    let base = look(ct_window(VoiFunction::Linear));
    let about = |affine: DAffine2| {
        let middle = DVec2::new(48.5, 35.5);
        let turn = DAffine2::from_translation(middle) * affine * DAffine2::from_translation(-middle);
        StackDraw { image_px_from_target_px: base.image_px_from_target_px * turn, ..base.clone() }
    };
    check(&ct(), &about(DAffine2::from_angle(0.377)));
    check(&ct(), &about(DAffine2::from_scale(DVec2::new(-1.0, 1.0))));
    check(&ct(), &about(DAffine2::from_scale(DVec2::splat(0.21))));
    check(&ct(), &about(DAffine2::from_scale(DVec2::splat(3.7))));
    check(&ct(), &StackDraw { interpolation: Interpolation::Nearest, ..base });
}

#[test]
fn monochrome1_and_inversion_are_the_twins() {
    let frame = Frame { photometric: Photometric::Monochrome1, ..ct() };
    let base = look(ct_window(VoiFunction::Linear));
    check(&frame, &base);
    check(&frame, &StackDraw { invert: true, ..base });
}

#[test]
fn every_sample_type_is_shown_as_stored() {
    let types = [
        Samples::U8((0..3072).map(|i| (i % 251) as u8).collect()),
        Samples::I8((0..3072).map(|i| (i % 251) as u8 as i8).collect()),
        Samples::U16((0..3072).map(|i| (i * 20) as u16).collect()),
        Samples::I16((0..3072).map(|i| (i * 20 - 30000) as i16).collect()),
        Samples::U32((0..3072).map(|i| i * 1_000_000).collect()),
        Samples::I32((0..3072).map(|i| i * 600_000 - 900_000_000).collect()),
        Samples::F32((0..3072).map(|i| i as f32 * 0.01).collect()),
        Samples::F64((0..3072).map(|i| f64::from(i) * 0.01).collect()),
    ];
    for samples in types {
        let (min, max, _) = samples.min_max_mean().unwrap();
        let frame = Frame { samples, ..ct() };
        let window = Voi::Window(Window::spanning(min, max));
        check(
            &frame,
            &StackDraw { modality: Modality::IDENTITY, voi: window, ..look(ct_window(VoiFunction::Linear)) },
        );
    }
}

#[test]
fn look_up_tables_palettes_and_colour_are_the_twins() {
    let base = look(ct_window(VoiFunction::Linear));
    let curve = Lut::new(-50, (0..3000).map(|i| (i as f32).sqrt() * 40.0 - 1000.0).collect()).unwrap();
    let modality = Modality::Lut(Arc::new(curve));
    check(&ct(), &StackDraw { modality, ..base.clone() });
    let voi = Lut::new(-900, (0..2500).map(|i| (i as f32 / 2499.0).powi(2)).collect()).unwrap();
    check(&ct(), &StackDraw { voi: Voi::Lut(Arc::new(voi)), ..base.clone() });
    let colors = (0..600u32).map(|i| [(i / 3) as u8, (255 - i / 4) as u8, (i * 5) as u8]).collect();
    let palette = Some(Arc::new(Palette::new(100, colors).unwrap()));
    let indexed = Frame { photometric: Photometric::PaletteColor, ..ct() };
    check(&indexed, &StackDraw { palette, ..base.clone() });
    let samples = Samples::U8((0..3072 * 3).map(|i| (i * 13 % 256) as u8).collect());
    for photometric in [Photometric::Rgb, Photometric::YbrFull] {
        check(&Frame { photometric, samples: samples.clone(), ..ct() }, &base);
    }
}

#[test]
fn padding_is_background_on_the_device_too() {
    let base = look(ct_window(VoiFunction::Linear));
    check(&ct(), &StackDraw { padding: Some([0.0, 600.0]), background: [10, 20, 30], ..base });
}
