//! Planes and slabs: the device against the CPU twin.

use glam::{DQuat, DVec3};
use medsight_base::Plane;
use medsight_image::{
    Interpolation, PlaneDraw, Projection, VoiFunction, Volume, Voxels, Window, phantom, plane,
};

use super::{difference, picture};

const SIZE: [u32; 2] = [80, 60];

fn window() -> Window {
    Window::new(300.0, 2000.0, VoiFunction::Linear).unwrap()
}

fn check(volume: &Volume, look: &PlaneDraw) {
    let drawn = picture(SIZE, |renderer, target| {
        renderer.draw_plane(target, &renderer.upload_volume(volume).unwrap(), look);
    });
    let twin = plane::draw(volume, look, SIZE);
    let apart = difference(&drawn, &twin);
    // A pixel on the volume's very edge may fall inside on one side and outside on the other.
    assert!(apart.beyond_one <= 0.001 && apart.mean < 0.3, "{apart:?}");
}

fn oblique(volume: &Volume) -> PlaneDraw {
    let turn = DQuat::from_euler(glam::EulerRot::XYZ, 0.4, 0.3, -0.7);
    PlaneDraw::through(volume.center_mm(), turn * DVec3::X, turn * DVec3::NEG_Z, 2.3, SIZE, window())
}

#[test]
fn standard_and_oblique_planes_are_the_twins_within_one_level() {
    let volume = phantom::head([40, 44, 36], 4.0);
    for plane in Plane::ALL {
        check(&volume, &PlaneDraw::standard(plane, volume.center_mm(), 2.1, SIZE, window()));
    }
    let look = oblique(&volume);
    check(&volume, &look);
    check(&volume, &PlaneDraw { invert: true, ..look.clone() });
    check(&volume, &PlaneDraw { interpolation: Interpolation::Nearest, ..look });
}

#[test]
fn slabs_are_the_twins_within_one_level() {
    let volume = phantom::head([40, 44, 36], 4.0);
    for projection in [Projection::Mip, Projection::MinIp, Projection::Mean] {
        check(&volume, &PlaneDraw { slab_mm: 25.0, projection, ..oblique(&volume) });
    }
}

#[test]
fn a_volume_of_float_values_is_shown_like_one_of_integers() {
    let mut volume = phantom::head([24, 24, 24], 6.0);
    volume.voxels =
        Voxels::F32((0..volume.voxels.len()).map(|i| volume.voxels.value(i) + 0.25).collect()).into();
    check(&volume, &oblique(&volume));
}

#[test]
fn the_extreme_stored_values_come_back_exactly_from_the_texture() {
    let voxels = vec![i16::MIN, -32767, -1, 0, 1, 2, 32766, i16::MAX];
    let volume = phantom::volume([8, 1, 1], DVec3::ONE, voxels);
    for step in [-32768.0, -32767.0, 0.0, 1.0, 32766.0] {
        // A window of width 1 is a step: the value is dark, the next one bright.
        let step_window = Window::new(step + 1.0, 1.0, VoiFunction::Linear).unwrap();
        let look = PlaneDraw::standard(Plane::Axial, volume.center_mm(), 1.0, [8, 1], step_window);
        let drawn = picture([8, 1], |renderer, target| {
            renderer.draw_plane(target, &renderer.upload_volume(&volume).unwrap(), &look);
        });
        assert_eq!(drawn, plane::draw(&volume, &look, [8, 1]), "step above {step}");
    }
}

#[test]
fn a_plane_drawn_at_lower_quality_shows_the_same_thing() {
    let volume = phantom::head([40, 44, 36], 4.0);
    let full = PlaneDraw::standard(Plane::Axial, volume.center_mm(), 2.1, SIZE, window());
    let drawn = picture(SIZE, |renderer, target| {
        let texture = renderer.upload_volume(&volume).unwrap();
        renderer.draw_plane(target, &texture, &PlaneDraw { quality: 0.5, ..full.clone() });
    });
    let apart = difference(&drawn, &plane::draw(&volume, &full, SIZE));
    assert!(apart.mean < 8.0, "{apart:?}");
}
