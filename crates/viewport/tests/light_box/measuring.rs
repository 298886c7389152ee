//! Lengths, angles, regions, outlines, texts and key images, drawn with mouse and keys.

use crate::support::{drag, harness, light_box, stroke};
use egui::{Key, Modifiers, PointerButton, pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use glam::DVec2;
use medsight_base::StudyUid;
use medsight_record::{AnnotationKind, Place, ScaleSource, Tool, ViewCommand};
use medsight_viewport::{Action, Effect, LightBox, Popup, SaveState};

fn saves(effects: &[Effect]) -> usize {
    effects.iter().filter(|e| matches!(e, Effect::Save(_))).count()
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
    assert_eq!(h.state_mut().take_effects(), [Effect::Remove { study: StudyUid::parse("1.2").unwrap(), id }]);
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
