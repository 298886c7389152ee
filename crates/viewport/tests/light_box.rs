//! The light box driven by keys and mouse, without a window or a graphics device. The studies drawn here and the
//! tests on them are one thing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use egui::{Key, Modifiers, PointerButton, pos2, vec2};
use egui_kittest::{Harness, kittest::Queryable};
use glam::{DMat4, DVec2, DVec3};
use medsight_base::geometry::orientation_letters;
use medsight_base::{Plane, SeriesUid, StudyUid};
use medsight_image::present::Modality;
use medsight_image::{Frame, Photometric, Samples, VoiFunction, Volume, Voxels, Window};
use medsight_record::words::Locale;
use medsight_record::{
    AnnotationKind, Place, ScaleSource, SegmentMeaning, ToWrite, Tool, ViewCommand, ViewKind, Written,
};
use medsight_viewport::{
    Action, Cell, Effect, FrameState, ImageScale, LightBox, Popup, Said, SaveState, Series, Slice,
    SliceFacts, SlicePlace, Textures, VolumeState, setup,
};
use uuid::Uuid;

/// A CT of 20 axial slices of 100×100 pixels of 1 mm, 2 mm apart, with a volume.
fn light_box() -> LightBox {
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

fn harness(b: LightBox) -> Harness<'static, LightBox> {
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
fn drag(h: &mut Harness<'_, LightBox>, button: PointerButton, from: egui::Vec2, to: egui::Vec2) {
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

fn saves(effects: &[Effect]) -> usize {
    effects.iter().filter(|e| matches!(e, Effect::Save(_))).count()
}

#[test]
fn dragging_the_window_tool_changes_width_across_and_centre_down_and_is_no_undo_step() {
    let mut h = harness(light_box());
    drag(&mut h, PointerButton::Primary, vec2(0.0, 0.0), vec2(50.0, 20.0));
    let window = h.state().window(0).unwrap();
    // 400 HU wide: 2 HU a point for the centre, 4 HU for the width.
    assert_eq!((window.width(), window.center()), (600.0, 80.0));
    let effects = h.state_mut().take_effects();
    assert_eq!(effects.iter().filter(|e| **e == Effect::SessionChanged).count(), 1);
    h.state_mut().command(ViewCommand::Undo);
    assert_eq!(h.state().window(0).unwrap().width(), 600.0);
    h.state_mut().command(ViewCommand::WindowAsStored);
    assert_eq!(h.state().window(0).unwrap().width(), 400.0);
}

#[test]
fn the_right_button_windows_whatever_the_tool_is() {
    let mut h = harness(light_box());
    h.key_press(Key::L);
    h.run();
    drag(&mut h, PointerButton::Secondary, vec2(0.0, 0.0), vec2(0.0, 10.0));
    assert_eq!(h.state().window(0).unwrap().center(), 60.0);
    assert!(h.state().annotations.present().is_empty());
}

#[test]
fn a_length_drawn_with_the_mouse_is_one_undo_step_and_is_sent_once_at_the_end() {
    let mut h = harness(light_box());
    h.state_mut().has_desk = true;
    h.key_press(Key::L);
    h.run();
    assert_eq!(h.state().tool, Tool::Length);
    let per_mm = h.state().surface(0).unwrap().screen_per_mm(pos2(0.0, 0.0)).unwrap().0;
    drag(&mut h, PointerButton::Primary, vec2(0.0, 0.0), vec2(40.0 * per_mm as f32, 0.0));
    let effects = h.state_mut().take_effects();
    assert_eq!(saves(&effects), 1);
    let (id, annotation) =
        h.state().annotations.present().iter().next().map(|(i, a)| (*i, a.clone())).unwrap();
    assert!((annotation.measured.length_mm.unwrap() - 40.0).abs() < 0.1);
    assert_eq!(annotation.measured.scale, Some(ScaleSource::PixelSpacing));
    assert_eq!(h.state().save_states[&id], SaveState::Waiting);
    assert_eq!(h.state().saved_count(), 0);

    h.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    h.run();
    assert!(h.state().annotations.present().is_empty());
    assert_eq!(h.state_mut().take_effects(), [Effect::Remove(id)]);
    h.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    h.run();
    assert_eq!(saves(&h.state_mut().take_effects()), 1);
    assert_eq!(h.state().annotations.present()[&id], annotation);
}

#[test]
fn a_handle_that_is_moved_changes_the_length_in_one_step() {
    let mut h = harness(light_box());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Length));
    drag(&mut h, PointerButton::Primary, vec2(0.0, 0.0), vec2(100.0, 0.0));
    let before = h.state().annotations.present().values().next().unwrap().measured.length_mm.unwrap();
    h.state_mut().take_effects();
    drag(&mut h, PointerButton::Primary, vec2(100.0, 0.0), vec2(200.0, 0.0));
    assert_eq!(h.state().annotations.present().len(), 1, "the handle was taken, nothing new was drawn");
    let after = h.state().annotations.present().values().next().unwrap().measured.length_mm.unwrap();
    assert!((after - 2.0 * before).abs() < 0.2, "{before} {after}");
    assert_eq!(saves(&h.state_mut().take_effects()), 1);
    h.state_mut().command(ViewCommand::Undo);
    let undone = h.state().annotations.present().values().next().unwrap().measured.length_mm.unwrap();
    assert_eq!(undone, before);
}

#[test]
fn a_length_beside_the_image_is_not_kept_and_the_reader_is_told() {
    let mut h = harness(light_box());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Length));
    // The image is 100 × 100 in a wide cell: there is black at its left.
    let at = |h: &Harness<'_, LightBox>, x: f64| h.state().surface(0).unwrap().screen(DVec2::new(x, 50.0));
    let middle = h.state().cells[0].rect.center();
    let (from, to) = (at(&h, -12.0) - middle, at(&h, -3.0) - middle);
    drag(&mut h, PointerButton::Primary, from, to);
    assert!(h.state().annotations.present().is_empty());
    assert_eq!(h.state().notice.as_deref(), Some("Not kept: it lies outside the image."));
    let inside = at(&h, 5.0) - middle;
    drag(&mut h, PointerButton::Primary, from, inside);
    assert_eq!(h.state().annotations.present().len(), 1, "one that reaches into the image is kept");
}

#[test]
fn an_angle_takes_a_drag_and_a_click() {
    let mut h = harness(light_box());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Angle));
    drag(&mut h, PointerButton::Primary, vec2(100.0, 0.0), vec2(0.0, 0.0));
    assert!(h.state().annotations.present().is_empty());
    let end = h.state().cells[0].rect.center() + vec2(0.0, 90.0);
    h.hover_at(end);
    h.run();
    h.drag_at(end);
    h.run();
    h.drop_at(end);
    h.run();
    let angle = h.state().annotations.present().values().next().unwrap().measured.angle_deg.unwrap();
    assert!((angle - 90.0).abs() < 0.5, "{angle}");
}

#[test]
fn a_region_says_mean_and_area_in_modality_units() {
    let mut h = harness(light_box());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Rectangle));
    drag(&mut h, PointerButton::Primary, vec2(-100.0, -50.0), vec2(100.0, 50.0));
    let m = h.state().annotations.present().values().next().unwrap().measured.clone();
    assert!((m.mean.unwrap() - 49.5).abs() < 1.0, "{m:?}");
    assert_eq!(m.unit, "HU");
    assert!(m.area_mm2.is_some() && m.area_px.is_none());
}

#[test]
fn letters_follow_flip_and_rotation() {
    let mut b = harness(light_box());
    let letters = |b: &LightBox| {
        let [right, down] = b.surface(0).unwrap().screen_directions().unwrap();
        (orientation_letters(right), orientation_letters(down))
    };
    assert_eq!(letters(b.state()), ("L".into(), "P".into()));
    b.state_mut().command(ViewCommand::FlipHorizontal);
    assert_eq!(letters(b.state()), ("R".into(), "P".into()));
    b.state_mut().command(ViewCommand::FlipHorizontal);
    // Clockwise: what was on top, the front, is on the right.
    b.state_mut().command(ViewCommand::RotateClockwise);
    assert_eq!(letters(b.state()), ("A".into(), "L".into()));
    // Mirrored as seen on the screen, whatever came before.
    b.state_mut().command(ViewCommand::FlipHorizontal);
    assert_eq!(letters(b.state()), ("P".into(), "L".into()));
}

#[test]
fn the_point_under_the_pointer_stays_there_while_the_wheel_magnifies() {
    let mut h = harness(light_box());
    let at = h.state().cells[0].rect.center() + vec2(120.0, -60.0);
    let before = h.state().surface(0).unwrap().local(at);
    h.state_mut().apply(Action::Wheel(0, at, 5.0, true));
    assert!(h.state().cells[0].zoom > 1.5);
    assert!((h.state().surface(0).unwrap().local(at) - before).length() < 1e-6);
}

#[test]
fn keys_scroll_and_stop_at_the_ends_of_the_stack() {
    let mut h = harness(light_box());
    h.key_press(Key::ArrowDown);
    h.run();
    assert_eq!(h.state().cells[0].slice, 11);
    h.key_press(Key::PageDown);
    h.run();
    h.key_press(Key::PageDown);
    h.run();
    assert_eq!(h.state().cells[0].slice, 19);
}

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

/// The CT and a second volume of the same series, a copy of it with images of its own: another echo.
fn two_volumes_in_a_series() -> LightBox {
    let mut b = light_box();
    let mut second = b.series[0].clone();
    for (z, slice) in second.slices.iter_mut().enumerate() {
        slice.instance = medsight_base::InstanceUid::parse(&format!("1.2.4.{z}")).unwrap();
    }
    b.series.push(second);
    b.volume_ready(1);
    b
}

#[test]
fn a_series_that_is_dragged_into_a_cell_is_shown_there_even_when_all_of_it_happens_in_one_frame() {
    let mut h = harness(two_volumes_in_a_series());
    h.state_mut().command(ViewCommand::Layout(1));
    h.run();
    let (from, to) = (pos2(50.0, 190.0), h.state().cells[0].rect.center());
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    for event in [
        egui::Event::PointerMoved(from),
        button(from, true),
        egui::Event::PointerMoved(to),
        button(to, false),
    ] {
        h.event(event);
    }
    h.run();
    assert_eq!(h.state().cells[0].series, Some(1));
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
fn a_click_on_a_chosen_text_lets_its_words_be_changed() {
    let mut h = harness(light_box());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Text));
    let at = h.state().cells[0].rect.center();
    let click = |h: &mut Harness<'static, LightBox>| {
        h.state_mut().apply(Action::Press(0, at, medsight_viewport::Button::Left));
        h.state_mut().apply(Action::Release(at));
    };
    click(&mut h);
    let Popup::Text { text, .. } = &mut h.state_mut().popup else { panic!("the editor") };
    *text = "cyst".into();
    h.state_mut().apply(Action::KeepText);
    click(&mut h);
    let Popup::Text { text, id, .. } = &h.state().popup else { panic!("the editor again") };
    assert_eq!((text.as_str(), id.is_some()), ("cyst", true));
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

#[test]
fn the_palette_finds_and_does_a_command_and_the_help_sheet_names_keys() {
    let mut h = harness(light_box());
    h.key_press_modifiers(Modifiers::COMMAND, Key::K);
    h.run();
    assert!(matches!(h.state().popup, Popup::Palette { .. }));
    h.event(egui::Event::Text("invert".into()));
    h.run();
    h.key_press(Key::Enter);
    h.run();
    assert!(h.state().cells[0].invert);
    assert_eq!(h.state().popup, Popup::None);
    h.key_press_modifiers(Modifiers::SHIFT, Key::Questionmark);
    h.run();
    assert_eq!(h.state().popup, Popup::Help);
    assert!(h.query_all_by_label("Shift+I").next().is_some());
    h.key_press(Key::Escape);
    h.run();
    assert_eq!(h.state().popup, Popup::None);
}

#[test]
fn a_key_image_is_marked_and_unmarked_by_one_key() {
    let mut h = harness(light_box());
    h.key_press(Key::K);
    h.run();
    assert!(h.state().is_key_image(0));
    assert_eq!(h.state().annotations.present().values().next().unwrap().kind, AnnotationKind::KeyImage);
    h.key_press(Key::K);
    h.run();
    assert!(h.state().annotations.present().is_empty());
}

#[test]
fn the_dialog_writes_with_the_keyboard_and_the_same_key_that_undoes_takes_it_back() {
    let mut h = harness(light_box());
    h.state_mut().has_desk = true;
    h.state_mut().command(ViewCommand::SelectTool(Tool::Length));
    drag(&mut h, PointerButton::Primary, vec2(0.0, 0.0), vec2(60.0, 0.0));
    h.state_mut().take_effects();
    h.key_press_modifiers(Modifiers::COMMAND, Key::S);
    h.run();
    assert!(h.query_by_label("Measurements as DICOM report: 1 measurement").is_some());
    // No image is marked: its line says why, and does nothing.
    h.key_press(Key::Num2);
    h.run();
    assert!(h.query_by_label_contains("No image is marked").is_some());
    assert!(h.state_mut().take_effects().is_empty());
    h.key_press(Key::Enter);
    h.run();
    assert_eq!(h.state().popup, Popup::None);
    assert_eq!(h.state_mut().take_effects(), [Effect::Write(ToWrite::Report)]);

    let series = SeriesUid::parse("2.25.9").unwrap();
    let made = Written { series: series.clone(), kind: "SR".into(), number: 7 };
    h.state_mut().written(Ok(made));
    h.run();
    assert!(h.query_by_label_contains("Written: SR, series 7").is_some());
    assert!(h.state().notice.is_none(), "it is no warning");
    h.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    h.run();
    assert_eq!(h.state_mut().take_effects(), [Effect::DeleteWritten(series.clone())]);
    assert_eq!(h.state().annotations.present().len(), 1, "what was drawn stays");
    h.state_mut().written_deleted(&series, None);
    assert!(h.state().written.is_empty());
    h.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    h.run();
    assert!(h.state().annotations.present().is_empty(), "the key undoes the drawing again");
}

#[test]
fn what_has_no_place_in_the_patient_is_a_frame_or_an_image_and_no_slice() {
    let mut b = light_box();
    let mut h = harness(light_box());
    assert!(h.query_by_label_contains("slice 11 of 20").is_some());
    for slice in &mut b.series[0].slices {
        let facts = slice.facts.as_deref().cloned().unwrap();
        slice.facts = Some(Arc::new(SliceFacts { place: None, ..facts }));
    }
    h = harness(b);
    assert!(h.query_by_label_contains("image 11 of 20").is_some());
    let first = h.state().series[0].slices[0].instance.clone();
    for (number, slice) in h.state_mut().series[0].slices.iter_mut().enumerate() {
        (slice.instance, slice.frame_number) = (first.clone(), number as u32);
    }
    h.run();
    assert!(h.query_by_label_contains("frame 11 of 20").is_some());
}

/// Presses and releases at a place of the image, or moves through several with the button down.
fn stroke(h: &mut Harness<'_, LightBox>, path: &[[f64; 2]]) {
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

#[test]
fn an_outline_drawn_in_one_stroke_measures_what_is_inside() {
    let mut h = harness(light_box());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Outline));
    // Around a square of 20 × 10 pixels of 1 mm; the value of a pixel is its column.
    let side = |from: [f64; 2], to: [f64; 2]| {
        (0..10).map(move |i| {
            let t = f64::from(i) / 10.0;
            [from[0] + (to[0] - from[0]) * t, from[1] + (to[1] - from[1]) * t]
        })
    };
    let corners = [[40.0, 40.0], [60.0, 40.0], [60.0, 50.0], [40.0, 50.0]];
    let path: Vec<[f64; 2]> = (0..4).flat_map(|i| side(corners[i], corners[(i + 1) % 4])).collect();
    stroke(&mut h, &path);
    let drawn = h.state().annotations.present().values().next().cloned().unwrap();
    assert_eq!(drawn.kind, AnnotationKind::Outline);
    assert!((drawn.measured.area_mm2.unwrap() - 200.0).abs() < 8.0, "{:?}", drawn.measured);
    assert!((drawn.measured.mean.unwrap() - 50.0).abs() < 1.0, "{:?}", drawn.measured);
    assert_eq!(drawn.measured.scale, Some(ScaleSource::PixelSpacing));
}

#[test]
fn an_outline_is_clicked_corner_by_corner_until_the_first_is_met_again() {
    let mut h = harness(light_box());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Outline));
    let corners = [[40.0, 40.0], [60.0, 40.0], [60.0, 50.0]];
    for corner in corners {
        stroke(&mut h, &[corner]);
    }
    assert!(h.state().annotations.present().is_empty(), "it is not closed yet");
    stroke(&mut h, &[corners[0]]);
    let drawn = h.state().annotations.present().values().next().cloned().unwrap();
    let Place::Image { points_px, .. } = &drawn.place else { panic!("on an image") };
    assert_eq!(points_px.len(), 3, "{points_px:?}");
    assert!((drawn.measured.area_mm2.unwrap() - 100.0).abs() < 0.5);
}

#[test]
fn regions_become_a_segment_with_a_name_and_a_meaning_from_the_list() {
    let mut h = harness(light_box());
    h.state_mut().has_desk = true;
    h.state_mut().command(ViewCommand::SelectTool(Tool::Rectangle));
    drag(&mut h, PointerButton::Primary, vec2(-60.0, -60.0), vec2(60.0, 60.0));
    h.state_mut().take_effects();
    h.key_press_modifiers(Modifiers::COMMAND, Key::S);
    h.run();
    assert!(h.query_by_label_contains("Regions: 1; images: 1").is_some());
    h.key_press(Key::Num4);
    h.run();
    assert!(matches!(h.state().popup, Popup::Segment { .. }));
    h.event(egui::Event::Text("Left lobe".into()));
    h.run();
    h.key_press(Key::ArrowDown);
    h.run();
    h.key_press(Key::Enter);
    h.run();
    let effects = h.state_mut().take_effects();
    let [Effect::Write(ToWrite::Segment(segment))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((segment.label.as_str(), segment.meaning), ("Left lobe", SegmentMeaning::Mass));
    assert_eq!((segment.regions.len(), segment.series.as_str()), (1, "1.2.3"));
    assert_eq!(h.state().popup, Popup::None);
}

#[test]
fn drawing_after_writing_makes_undo_take_the_drawing_back_and_not_the_object() {
    let mut h = harness(light_box());
    h.state_mut().has_desk = true;
    let series = SeriesUid::parse("2.25.9").unwrap();
    h.state_mut().written(Ok(Written { series, kind: "KO".into(), number: 7 }));
    h.state_mut().command(ViewCommand::ToggleKeyImage);
    h.state_mut().take_effects();
    h.state_mut().command(ViewCommand::Undo);
    let effects = h.state_mut().take_effects();
    assert!(matches!(effects[..], [Effect::Remove(_)]), "{effects:?}");
    assert_eq!(h.state().written.len(), 1);
}

#[test]
fn a_measurement_that_a_report_holds_as_it_still_is_is_drawn_once() {
    let mut h = harness(light_box());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Length));
    drag(&mut h, PointerButton::Primary, vec2(0.0, 0.0), vec2(60.0, 0.0));
    let own = h.state().annotations.present().values().next().unwrap().clone();
    let labels = |h: &mut Harness<'_, LightBox>| {
        h.run();
        h.output().shapes.iter().filter(|s| is_label(&s.shape)).count()
    };
    let before = labels(&mut h);
    h.state_mut().put_reported(vec![own.clone(), own.clone()]);
    assert_eq!(h.state().reported.len(), 1, "two reports say the same");
    assert_eq!(labels(&mut h), before);
    let mut moved = own;
    let Place::Image { points_px, .. } = &mut moved.place else { panic!("on an image") };
    points_px[0][1] += 5.0;
    h.state_mut().put_reported(vec![moved]);
    assert_eq!(labels(&mut h), before + 1, "another place is another statement");
}

/// What stands beside a measurement.
fn is_label(shape: &egui::Shape) -> bool {
    matches!(shape, egui::Shape::Text(text) if text.galley.text().ends_with("(pixel spacing)"))
}

#[test]
fn a_text_is_written_on_the_image() {
    let mut h = harness(light_box());
    h.key_press(Key::T);
    h.run();
    let at = h.state().cells[0].rect.center();
    h.hover_at(at);
    h.run();
    h.drag_at(at);
    h.run();
    h.drop_at(at);
    h.run();
    assert!(matches!(h.state().popup, Popup::Text { .. }));
    h.event(egui::Event::Text("cyst".into()));
    h.run();
    h.key_press(Key::Enter);
    h.run();
    let kinds: Vec<_> = h.state().annotations.present().values().map(|a| a.kind.clone()).collect();
    assert_eq!(kinds, [AnnotationKind::Text { text: "cyst".into() }]);
}

#[test]
fn tools_have_names_for_a_screen_reader_and_are_chosen_by_click() {
    let mut h = harness(light_box());
    h.get_by_label("Ellipse").click();
    h.run();
    assert_eq!(h.state().tool, Tool::Ellipse);
}

#[test]
fn tab_opens_the_side_panel_which_selects_and_deletes() {
    let mut h = harness(light_box());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Arrow));
    drag(&mut h, PointerButton::Primary, vec2(0.0, 0.0), vec2(80.0, 40.0));
    h.state_mut().selected = None;
    h.key_press(Key::Tab);
    h.run();
    assert!(h.state().panel);
    h.get_by_label("Arrow 1: ").click();
    h.run();
    assert!(h.state().selected.is_some());
    h.key_press(Key::Delete);
    h.run();
    assert!(h.state().annotations.present().is_empty());
}

#[test]
fn an_idle_light_box_asks_for_no_frames_and_cine_does() {
    let mut h = harness(light_box());
    h.run();
    assert!(!h.ctx.has_requested_repaint());
    assert_eq!(h.state_mut().advance_cines(), None);
    h.key_press(Key::C);
    h.run();
    let slice = h.state().cells[0].slice;
    assert!(h.state_mut().advance_cines().is_some_and(|wait| wait < 0.1));
    h.state_mut().clock_s += 0.2;
    h.state_mut().advance_cines();
    assert_eq!(h.state().cells[0].slice, slice + 3);
}

/// A radiograph: one image without a place in the patient, measured at the detector.
fn radiograph() -> LightBox {
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

/// The lengths in the order they were drawn in, with where their millimetres come from.
fn lengths(b: &LightBox) -> Vec<(f64, ScaleSource)> {
    let of = |a: &medsight_record::Annotation| {
        ((a.measured.length_mm.unwrap() * 1e6).round() / 1e6, a.measured.scale.unwrap())
    };
    b.annotations.present().values().map(of).collect()
}

#[test]
fn a_line_of_known_length_scales_what_is_measured_on_its_radiograph_until_it_is_taken_back() {
    let mut h = harness(radiograph());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Length));
    drag(&mut h, PointerButton::Primary, vec2(-100.0, -50.0), vec2(-100.0, 50.0));
    drag(&mut h, PointerButton::Primary, vec2(100.0, -100.0), vec2(100.0, 100.0));
    let at_detector = lengths(h.state());
    assert!(at_detector.iter().all(|(_, source)| *source == ScaleSource::Detector), "{at_detector:?}");

    // The line drawn last is chosen, and is a coin of 30 mm.
    h.key_press_modifiers(Modifiers::SHIFT, Key::L);
    h.event(egui::Event::Text("L".into())); // as a keyboard sends it
    h.run();
    h.event(egui::Event::Text("30,0".into()));
    h.run();
    h.key_press(Key::Enter);
    h.run();
    let by_hand = lengths(h.state());
    assert_eq!(by_hand, [(15.0, ScaleSource::Manual), (30.0, ScaleSource::Manual)]);
    drag(&mut h, PointerButton::Primary, vec2(-50.0, -50.0), vec2(-50.0, 50.0));
    assert_eq!(lengths(h.state())[2], (15.0, ScaleSource::Manual));

    // Undone with the line drawn after it, everything is as it was at the detector.
    for _ in 0..2 {
        h.state_mut().command(ViewCommand::Undo);
    }
    assert_eq!(lengths(h.state()), at_detector);
    h.state_mut().command(ViewCommand::Redo);
    assert_eq!(lengths(h.state()), by_hand);
    let line = *h.state().annotations.present().keys().nth(1).unwrap();
    h.state_mut().selected = Some(line);
    h.state_mut().command(ViewCommand::DeleteSelected);
    assert_eq!(lengths(h.state()), at_detector[..1]);
}

#[test]
fn what_is_no_length_is_not_taken_for_a_calibration() {
    let mut h = harness(radiograph());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Length));
    drag(&mut h, PointerButton::Primary, vec2(-100.0, -50.0), vec2(-100.0, 50.0));
    let before = lengths(h.state());
    for typed in ["0", "1.2.3", ",", "99999999"] {
        h.key_press_modifiers(Modifiers::SHIFT, Key::L);
        h.run();
        h.event(egui::Event::Text(typed.into()));
        h.run();
        h.key_press(Key::Enter);
        h.run();
        assert!(h.state().notice.as_deref().is_some_and(|n| n.contains("millimetres")), "{typed}");
        assert_eq!(lengths(h.state()), before, "{typed}");
        h.state_mut().command(ViewCommand::Cancel);
        h.run();
        assert_eq!(h.state().popup, Popup::None);
    }
}

#[test]
fn an_image_that_lies_in_the_patient_is_not_calibrated_by_hand() {
    let mut h = harness(light_box());
    h.state_mut().command(ViewCommand::SelectTool(Tool::Length));
    drag(&mut h, PointerButton::Primary, vec2(-100.0, -50.0), vec2(-100.0, 50.0));
    h.key_press_modifiers(Modifiers::SHIFT, Key::L);
    h.run();
    assert_eq!(h.state().popup, Popup::None);
    assert!(h.state().notice.as_deref().is_some_and(|n| n.contains("pixel spacing")));
}

#[test]
fn two_patients_in_one_window_are_named_on_every_image_whatever_else_is_hidden() {
    let mut b = light_box();
    let mut other = b.series[0].clone();
    other.uid = SeriesUid::parse("1.2.4").unwrap();
    other.study =
        Some(medsight_viewport::StudyFacts { identity: "ROE^RICHARD · ID 7".into(), ..Default::default() });
    b.series.push(other);
    b.cells[1] = Cell::showing(1, 3);
    let mut h = harness(b);
    h.state_mut().command(ViewCommand::Layout(1));
    h.run();
    let bars = |h: &Harness<'_, LightBox>| {
        let of = |shape: &egui::epaint::ClippedShape| match &shape.shape {
            egui::Shape::Rect(rect) if medsight_viewport::theme::PATIENTS.contains(&rect.fill) => {
                Some(rect.fill)
            }
            _ => None,
        };
        h.output().shapes.iter().filter_map(of).collect::<Vec<_>>()
    };
    let texts = |h: &Harness<'_, LightBox>| {
        let of = |shape: &egui::epaint::ClippedShape| match &shape.shape {
            egui::Shape::Text(text) => Some(text.galley.text().to_owned()),
            _ => None,
        };
        h.output().shapes.iter().filter_map(of).collect::<Vec<_>>().join("|")
    };
    for _ in 0..3 {
        let colors: std::collections::BTreeSet<[u8; 4]> = bars(&h).iter().map(|c| c.to_array()).collect();
        assert_eq!(colors.len(), 2, "{:?}", h.state().overlays);
        assert!(texts(&h).contains("ROE^RICHARD"), "{:?}", h.state().overlays);
        h.state_mut().command(ViewCommand::CycleOverlays);
        h.run();
    }
    // One patient needs no bar.
    assert!(bars(&harness(light_box())).is_empty());
}
