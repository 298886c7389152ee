//! A vessel traced by clicks, its centre line, and the curved view along it.

use crate::support::{harness, light_box, stroke};
use egui::{Key, Modifiers, PointerButton, vec2};
use egui_kittest::Harness;
use glam::{DVec2, DVec3};
use medsight_image::ToolError;
use medsight_image::centerline::Centerline;
use medsight_image::curved::{CurvedKind, curved};
use medsight_record::{Tool, ViewCommand, ViewKind};
use medsight_viewport::{Action, Button, Effect, JobKind, LightBox, Textures, setup};

/// 40 mm from the patient's right to the left, in the slice that is shown, 6 mm wide.
fn line() -> Centerline {
    let points_mm = (0..=40).map(|x| DVec3::new(f64::from(x) - 20.0, 0.0, 20.0)).collect();
    Centerline { points_mm, step_mm: 1.0, radius_mm: vec![3.0; 41] }
}

fn points(h: &Harness<'_, LightBox>) -> usize {
    h.state().vessel().map_or(0, |vessel| vessel.clicks_mm.len())
}

/// Two points are clicked, and the line is asked for; the number of the question.
fn asked(h: &mut Harness<'_, LightBox>) -> u64 {
    h.key_press_modifiers(Modifiers::SHIFT, Key::V);
    h.run();
    stroke(h, &[[30.0, 50.0]]);
    stroke(h, &[[70.0, 50.0]]);
    h.state_mut().take_effects();
    h.key_press(Key::Enter);
    h.run();
    h.state().job.unwrap().turn
}

/// The line is found, and so is the picture along it.
fn traced() -> Harness<'static, LightBox> {
    let mut h = harness(light_box());
    let turn = asked(&mut h);
    h.state_mut().traced(turn, Ok(line()));
    h.run();
    unroll(&mut h);
    h
}

fn unroll(h: &mut Harness<'_, LightBox>) {
    let ask = h.state_mut().curved_to_make().unwrap();
    let made = curved(&ask.volume, &ask.line.points_mm, &ask.draw);
    h.state_mut().put_curved(ask, made);
    h.run();
}

#[test]
fn clicks_along_a_vessel_are_taken_off_by_backspace_brought_back_by_undo_and_enter_asks_for_its_line() {
    let mut h = harness(light_box());
    h.key_press_modifiers(Modifiers::SHIFT, Key::V);
    h.run();
    assert_eq!(h.state().tool, Tool::Vessel);
    stroke(&mut h, &[[30.0, 50.0]]);
    h.key_press(Key::Enter);
    h.run();
    assert!(h.state().notice.as_ref().unwrap().contains("other end"), "one point has no line");
    stroke(&mut h, &[[70.0, 50.0]]);
    assert_eq!(points(&h), 2);
    h.key_press(Key::Backspace);
    h.run();
    assert_eq!(points(&h), 1);
    h.state_mut().command(ViewCommand::Undo);
    assert_eq!(points(&h), 2);
    let ends: Vec<f64> = h.state().vessel().unwrap().clicks_mm.iter().map(|p| p.x).collect();
    assert!((ends[0] + 20.0).abs() < 0.1 && (ends[1] - 20.0).abs() < 0.1, "{ends:?}");
    h.state_mut().take_effects();
    h.key_press(Key::Enter);
    h.run();
    assert_eq!(h.state_mut().take_effects(), [Effect::Compute(JobKind::CenterLine)]);
    assert_eq!(h.state().job_needs(), Some(vec![0]));
}

#[test]
fn a_double_click_finishes_and_sets_no_point_twice() {
    // Each event has a frame of its own: at the usual pace of a test two clicks are no double click.
    // At this pace the click at the one end is so shortly before that egui counts three clicks.
    let builder = Harness::builder().with_size(egui::vec2(1200.0, 800.0)).with_step_dt(1.0 / 60.0);
    let show = |ui: &mut egui::Ui, b: &mut LightBox| {
        setup(ui.ctx());
        b.show(ui, &Textures::default());
    };
    let mut h = builder.build_ui_state(show, light_box());
    h.run();
    h.key_press_modifiers(Modifiers::SHIFT, Key::V);
    h.run();
    stroke(&mut h, &[[30.0, 50.0]]);
    let pos = h.state().surface(0).unwrap().screen(DVec2::new(70.0, 50.0));
    h.hover_at(pos);
    h.run();
    for pressed in [true, false, true, false] {
        let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
        h.event(egui::Event::PointerButton { pos, button, pressed, modifiers });
    }
    h.run();
    assert_eq!(points(&h), 2);
    assert!(h.state().job.is_some() && !h.state().maximised);
}

#[test]
fn the_line_opens_the_planes_with_a_curved_view_in_place_of_3d_and_undo_takes_it_away() {
    let mut h = traced();
    let views = |h: &Harness<'_, LightBox>| -> Vec<ViewKind> {
        h.state().visible_cells().into_iter().map(|i| h.state().cells[i].view).collect()
    };
    assert_eq!(views(&h), [ViewKind::Axial, ViewKind::Coronal, ViewKind::Sagittal, ViewKind::Curved]);
    assert!(h.state().done.as_ref().unwrap().contains("40.0 mm"));
    assert_eq!(h.state().session(None).cells[3].view, ViewKind::Volume3d, "a restart knows no line");
    h.state_mut().command(ViewCommand::Undo);
    assert_eq!(views(&h)[3], ViewKind::Volume3d);
    assert_eq!(points(&h), 2, "its points are there");
    h.state_mut().command(ViewCommand::Redo);
    assert_eq!(views(&h)[3], ViewKind::Curved);
    h.state_mut().command(ViewCommand::Cancel);
    assert_eq!((views(&h)[3], points(&h)), (ViewKind::Volume3d, 0));
}

#[test]
fn a_place_in_the_curved_view_is_one_on_the_planes_and_the_other_way_round() {
    let mut h = traced();
    let middle = h.state().curved_screen(3, 20.0).unwrap();
    h.state_mut().apply(Action::Hover(3, middle));
    let marker = h.state().curved_marker_mm().unwrap();
    assert!(marker.distance(DVec3::new(0.0, 0.0, 20.0)) < 0.6, "{marker}");
    assert!((h.state().curved_at_mm().unwrap() - 20.0).abs() < 0.6);
    // A click puts the planes there.
    let above = h.state().curved_screen(3, 10.0).unwrap();
    h.state_mut().apply(Action::Press(3, above, Button::Left));
    h.state_mut().apply(Action::Release(above));
    let center = h.state().series[0].planes.unwrap().center_mm;
    assert!(center.distance(DVec3::new(-10.0, 0.0, 20.0)) < 0.6, "{center}");
    // Where the planes cross is where the reader looks along the line.
    h.state_mut().apply(Action::Leave);
    assert!((h.state().curved_at_mm().unwrap() - 10.0).abs() < 0.6);
    h.state_mut().series[0].planes.as_mut().unwrap().center_mm = DVec3::new(15.0, 1.0, 20.0);
    assert!((h.state().curved_at_mm().unwrap() - 35.0).abs() < 0.6);
    // Beside the picture there is no place.
    let corner = h.state().cells[3].rect.left_top() + vec2(2.0, 2.0);
    h.state_mut().apply(Action::Hover(3, corner));
    assert_eq!(h.state().curved_marker_mm(), None);
}

#[test]
fn the_wheel_turns_the_curved_view_and_j_stretches_it_one_picture_at_a_time() {
    let mut h = traced();
    assert!(h.state_mut().curved_to_make().is_none(), "it is there already");
    let middle = h.state().cells[3].rect.center();
    h.state_mut().apply(Action::Wheel(3, middle, -1.0, false));
    let ask = h.state_mut().curved_to_make().unwrap();
    let CurvedKind::Straightened { angle_rad } = ask.draw.kind else { panic!("it is straightened") };
    assert!((angle_rad.to_degrees() - 5.0).abs() < 1e-9);
    h.state_mut().apply(Action::Activate(3));
    h.state_mut().command(ViewCommand::NextCurved);
    assert!(h.state_mut().curved_to_make().is_none(), "one is being made");
    let made = curved(&ask.volume, &ask.line.points_mm, &ask.draw);
    h.state_mut().put_curved(ask, made);
    let next = h.state_mut().curved_to_make().unwrap();
    assert!(matches!(next.draw.kind, CurvedKind::Stretched { .. }), "the newest comes next");
    // The slab of the planes is that of the curved view.
    h.state_mut().put_curved(next.clone(), curved(&next.volume, &next.line.points_mm, &next.draw));
    h.state_mut().apply(Action::Slab(3, 5.0));
    assert_eq!(h.state_mut().curved_to_make().unwrap().draw.slab_mm, 5.0);
}

#[test]
fn a_window_set_in_the_curved_view_is_that_of_the_planes() {
    let mut h = traced();
    h.state_mut().apply(Action::Activate(3));
    h.state_mut().command(ViewCommand::WindowPreset(2));
    let of = |h: &Harness<'_, LightBox>, cell: usize| h.state().window(cell).unwrap();
    assert_eq!(of(&h, 0), of(&h, 3));
    assert!((of(&h, 3).width() - 400.0).abs() > 1.0, "it is not the one of the file");
}

#[test]
fn a_line_that_is_not_found_says_between_which_points_and_leaves_them() {
    let mut h = harness(light_box());
    let turn = asked(&mut h);
    h.state_mut().traced(turn, Err(ToolError::NoPath { from: 0 }));
    let notice = h.state().notice.clone().unwrap();
    assert!(notice.contains("point 1 to point 2") && notice.contains("Click once more"), "{notice}");
    assert_eq!((points(&h), h.state().job), (2, None));
    // An answer to an earlier question is none.
    h.key_press(Key::Enter);
    h.run();
    h.state_mut().traced(turn, Ok(line()));
    assert!(h.state().vessel().unwrap().line.is_none());
}

#[test]
fn escape_stops_the_search_first_and_leaves_the_vessel_then() {
    let mut h = harness(light_box());
    let turn = asked(&mut h);
    h.state_mut().take_effects();
    h.key_press(Key::Escape);
    h.run();
    assert_eq!(h.state_mut().take_effects(), [Effect::StopComputing]);
    h.state_mut().traced(turn, Err(ToolError::Stopped));
    assert_eq!(points(&h), 2);
    h.key_press(Key::Escape);
    h.run();
    assert_eq!(points(&h), 0);
    h.state_mut().command(ViewCommand::Undo);
    assert_eq!(points(&h), 2, "undo brings it back");
}
