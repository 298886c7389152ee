//! Windows, scrolling, magnifying, layouts, tools and names on the image.

use crate::support::{drag, harness, light_box, two_volumes_in_a_series};
use egui::{Key, Modifiers, PointerButton, pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use medsight_base::SeriesUid;
use medsight_base::geometry::orientation_letters;
use medsight_record::{Tool, ViewCommand};
use medsight_viewport::{Action, Cell, Effect, LightBox, Popup, SliceFacts};
use std::sync::Arc;

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

#[test]
fn tools_have_names_for_a_screen_reader_and_are_chosen_by_click() {
    let mut h = harness(light_box());
    h.get_by_label("Ellipse").click();
    h.run();
    assert_eq!(h.state().tool, Tool::Ellipse);
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
