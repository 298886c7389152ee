//! A scale that a reader gives a radiograph by a line of known length.

use crate::support::{drag, harness, light_box, radiograph};
use egui::{Key, Modifiers, PointerButton, vec2};
use medsight_record::{ScaleSource, Tool, ViewCommand};
use medsight_viewport::{LightBox, Popup};

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
