//! What the dialog writes as DICOM objects, and how that is taken back.

use crate::support::{drag, harness, light_box};
use egui::{Key, Modifiers, PointerButton, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use medsight_base::SeriesUid;
use medsight_record::{Place, SegmentMeaning, ToWrite, Tool, ViewCommand, Written};
use medsight_viewport::{Effect, LightBox, Popup};

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
    assert!(matches!(effects[..], [Effect::Remove { .. }]), "{effects:?}");
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
