//! The planes through a volume, and several volumes of one series.

use crate::support::{harness, light_box, two_volumes_in_a_series};
use egui::{Key, vec2};
use glam::{DVec2, DVec3};
use medsight_base::Plane;
use medsight_image::{VoiFunction, Volume, Voxels, Window};
use medsight_record::{ScaleSource, Tool, ViewCommand, ViewKind};
use medsight_viewport::{Action, VolumeState};
use std::sync::Arc;

#[test]
fn mpr_shows_three_linked_planes_and_the_volume_and_goes_back() {
    let mut h = harness(light_box());
    h.key_press(Key::M);
    h.run();
    let views: Vec<ViewKind> = h.state().cells[..4].iter().map(|c| c.view).collect();
    assert_eq!(views, [ViewKind::Axial, ViewKind::Coronal, ViewKind::Sagittal, ViewKind::Volume3d]);
    let before = h.state().series[0].planes.unwrap().center_mm;
    // The crosshair taken in the axial plane moves the other two, not itself.
    let from = h.state().cells[0].rect.center();
    h.state_mut().apply(Action::Press(0, from, medsight_viewport::Button::Left));
    h.state_mut().apply(Action::Drag(from + vec2(30.0, 0.0)));
    h.state_mut().apply(Action::Release(from + vec2(30.0, 0.0)));
    let after = h.state().series[0].planes.unwrap().center_mm;
    assert!(after.x > before.x + 1.0 && (after.z - before.z).abs() < 1e-6);
    h.key_press(Key::M);
    h.run();
    assert_eq!((h.state().cells[0].view, h.state().cells[0].slice), (ViewKind::Stack, 10));
}

#[test]
fn a_length_on_a_coronal_plane_is_true_in_the_patient() {
    let mut h = harness(light_box());
    h.key_press(Key::M);
    h.run();
    h.state_mut().command(ViewCommand::SelectTool(Tool::Length));
    let surface = h.state().surface(1).unwrap();
    let (a, b) = (surface.screen(DVec2::new(-10.0, 8.0)), surface.screen(DVec2::new(20.0, 8.0)));
    h.state_mut().apply(Action::Press(1, a, medsight_viewport::Button::Left));
    h.state_mut().apply(Action::Drag(b));
    h.state_mut().apply(Action::Release(b));
    let annotation = h.state().annotations.present().values().next().unwrap().clone();
    assert!((annotation.measured.length_mm.unwrap() - 30.0).abs() < 0.05);
    let medsight_record::Place::Plane { points_mm, down, .. } = &annotation.place else {
        panic!("on a plane")
    };
    assert_eq!(DVec3::from_array(*down), Plane::Coronal.screen_axes().1);
    assert!((points_mm[0][1] - points_mm[1][1]).abs() < 1e-9, "both in one coronal plane");
    // Across the slices the distance of slices counts too, not the pixels of a slice alone.
    assert_eq!(annotation.measured.scale, Some(ScaleSource::Volume));
}

#[test]
fn what_is_measured_on_one_volume_of_a_series_is_not_shown_on_the_other() {
    let mut b = two_volumes_in_a_series();
    b.command(ViewCommand::Layout(1));
    b.apply(Action::PutSeries { cell: 1, series: 1 });
    b.apply(Action::Activate(0));
    let mut h = harness(b);
    for cell in 0..2 {
        h.state_mut().cells[cell].view = ViewKind::Axial;
    }
    h.run();
    h.state_mut().command(ViewCommand::SelectTool(Tool::Length));
    let surface = h.state().surface(0).unwrap();
    let (a, b) = (surface.screen(DVec2::new(-10.0, 8.0)), surface.screen(DVec2::new(20.0, 8.0)));
    h.state_mut().apply(Action::Press(0, a, medsight_viewport::Button::Left));
    h.state_mut().apply(Action::Drag(b));
    h.state_mut().apply(Action::Release(b));
    let place = h.state().annotations.present().values().next().unwrap().place.clone();
    assert!(h.state().series[0].holds(&place));
    assert!(!h.state().series[1].holds(&place));
    // Nor do its planes move with those of the other.
    h.state_mut().apply(Action::Slab(0, 5.0));
    let slabs: Vec<f64> = h.state().series.iter().map(|s| s.planes.unwrap().slab_mm).collect();
    assert_eq!(slabs, [5.0, 0.0]);
}

#[test]
fn a_restart_brings_back_the_second_volume_of_a_series_its_planes_turns_and_3d() {
    let mut before = two_volumes_in_a_series();
    before.command(ViewCommand::Layout(1));
    before.apply(Action::PutSeries { cell: 1, series: 1 });
    before.cells[1].slice = 7;
    before.command(ViewCommand::FlipHorizontal);
    before.command(ViewCommand::RotateClockwise);
    before.command(ViewCommand::Invert);
    before.apply(Action::Activate(0));
    before.command(ViewCommand::ToggleVolume3d);
    before.apply(Action::VolumePreset(0, "ct_lung".into()));
    before.cells[1].window = Window::new(10.0, 0.5, VoiFunction::LinearExact);
    let planes = before.series[1].planes.as_mut().unwrap();
    *planes = planes.turned_in(Plane::Axial, 0.4);
    planes.slab_mm = 8.0;
    let kept = serde_json::to_string(&before.session(None)).unwrap();
    let mut after = two_volumes_in_a_series();
    after.series[1].planes = None;
    after.restore(&serde_json::from_str(&kept).unwrap());
    after.volume_ready(1);
    assert_eq!((after.cells[1].series, after.cells[1].slice), (Some(1), 7));
    assert_eq!(after.cells[1].orientation, before.cells[1].orientation);
    assert!(after.cells[1].invert);
    assert_eq!(after.cells[1].window, before.cells[1].window);
    assert_eq!(after.series[1].planes, before.series[1].planes);
    assert_eq!(after.cells[0].view, ViewKind::Volume3d);
    assert_eq!(after.cells[0].view_3d.preset.as_deref(), Some("ct_lung"));
}

#[test]
fn a_length_on_a_slice_is_seen_on_the_plane_that_is_the_slice_and_on_no_other() {
    let mut h = harness(light_box());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Length));
    let at = h.state().cells[0].rect.center();
    h.state_mut().apply(Action::Press(0, at, medsight_viewport::Button::Left));
    h.state_mut().apply(Action::Drag(at + vec2(60.0, 0.0)));
    h.state_mut().apply(Action::Release(at + vec2(60.0, 0.0)));
    h.key_press(Key::M);
    h.run();
    let place = h.state().annotations.present().values().next().unwrap().place.clone();
    let seen = h.state().series[0].patient_points(&place).unwrap();
    let planes = h.state().series[0].planes.unwrap();
    // The planes cross in the slice that was shown: the axial one is the slice.
    assert!(seen.0.iter().all(|p| (p.z - planes.center_mm.z).abs() < 1e-6));
    assert!((seen.1.dot(planes.normal(Plane::Axial)).abs() - 1.0).abs() < 1e-9);
}

#[test]
fn time_goes_on_in_planes_and_stack_together_and_the_value_is_that_of_its_time() {
    let mut b = light_box();
    let series = &mut b.series[0];
    // 20 slices are two times of ten; the second is a thousand higher.
    let VolumeState::Ready(volume) = &series.volume else { panic!("a volume") };
    let mut volume = Volume::clone(volume);
    volume.dims = [100, 100, 10, 2];
    let at = |i: usize| (i % 100 + 1000 * (i / 100_000)) as i16;
    volume.voxels = Voxels::I16((0..200_000).map(at).collect()).into();
    series.volume = VolumeState::Ready(Arc::new(volume));
    b.volume_ready(0);
    b.cells[0].slice = 3;
    assert_eq!(b.time(0), Some((0, 2)));
    b.command(ViewCommand::NextTime);
    assert_eq!((b.time(0), b.cells[0].slice), (Some((1, 2)), 13));
    assert_eq!(b.series[0].volume().unwrap().at(5, 0, 0), Some(1005.0));
    b.command(ViewCommand::NextTime);
    assert_eq!((b.time(0), b.cells[0].slice), (Some((0, 2)), 3));
    assert_eq!(b.series[0].volume().unwrap().at(5, 0, 0), Some(5.0));
}

#[test]
fn slab_keys_thicken_and_the_projection_key_goes_round() {
    let mut h = harness(light_box());
    h.key_press(Key::M);
    h.run();
    h.key_press(Key::CloseBracket);
    h.key_press(Key::CloseBracket);
    h.run();
    assert_eq!(h.state().series[0].planes.unwrap().slab_mm, 3.0);
    h.key_press(Key::B);
    h.run();
    assert_eq!(h.state().series[0].planes.unwrap().projection, medsight_image::Projection::MinIp);
}
