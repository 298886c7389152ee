//! Models and what they propose: chosen by key, painted on, undone, accepted and rejected.

use crate::support::{harness, light_box, stroke};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use medsight_base::{SeriesUid, Timestamp};
use medsight_record::{
    Decided, Decision, LabelMeaning, Maker, Proposal, ToWrite, Tool, ViewCommand, ViewKind, Written,
};
use medsight_viewport::{Action, Effect, LightBox, ModelOffer, Picture, Popup};

fn liver() -> ModelOffer {
    ModelOffer {
        key: "liver@1.0.0".into(),
        title: "liver 1.0.0".into(),
        name: "liver".into(),
        version: "1.0.0".into(),
        intended_use: "Outlines the liver on CT.".into(),
        modalities: vec!["CT".into()],
        ..ModelOffer::default()
    }
}

fn maker() -> Maker {
    Maker {
        name: "liver".into(),
        version: "1.0.0".into(),
        sha256: String::new(),
        is_guided: false,
        arithmetic: String::new(),
    }
}

fn meanings() -> Vec<LabelMeaning> {
    let named = |value: u16, name: &str| LabelMeaning {
        value,
        name: name.into(),
        category: None,
        code: None,
        side: None,
        rgb: None,
    };
    vec![named(1, "liver"), named(2, "lesion")]
}

/// A window with a proposal: a block of 10×10×5 voxels is liver.
fn proposed() -> Harness<'static, LightBox> {
    let mut b = light_box();
    b.series[0].frame_of_reference = "1.2.9".into();
    let mut h = harness(b);
    h.state_mut().has_desk = true;
    let mut labels = vec![0; 200_000];
    for z in 8..13 {
        for y in 40..50 {
            for x in 40..50 {
                labels[(z * 100 + y) * 100 + x] = 1;
            }
        }
    }
    let volume = h.state().series[0].volume().unwrap().clone();
    h.state_mut().put_proposed(0, &volume, maker(), meanings(), &labels);
    h.run();
    h
}

/// As the desk answers when the proposal is stored.
fn stored(h: &mut Harness<'_, LightBox>, decided: Option<Decided>) -> SeriesUid {
    let series = SeriesUid::parse("2.25.7").unwrap();
    let proposal = Proposal {
        series: series.clone(),
        images: h.state().series[0].uid.clone(),
        maker: maker(),
        made_at: Timestamp(0),
        decided,
    };
    h.state_mut().put_proposals(vec![proposal]);
    h.state_mut().written(Ok(Written { series: series.clone(), kind: "SEG".into(), number: 9 }));
    h.run();
    series
}

fn ml(h: &Harness<'_, LightBox>) -> f64 {
    h.state().layers[0].layers[0].volume_ml.unwrap()
}

#[test]
fn what_a_model_has_just_found_is_shown_until_it_can_be_decided_on() {
    let mut b = light_box();
    b.series[0].frame_of_reference = "1.2.9".into();
    let mut h = harness(b);
    let volume = h.state().series[0].volume().unwrap().clone();
    let size_px = [200, 100];
    assert!(h.state().fresh_labels(0, size_px).is_none());
    assert!(h.state_mut().put_fresh(0, &volume, &meanings()));
    h.run();
    let look = h.state().fresh_labels(0, size_px).unwrap();
    assert_eq!((look.plane.size_px, look.color(0)), ([200, 100], None));
    let shown = [1, 2].map(|label| look.color(label).unwrap());
    // Half of the pixels across: each is twice as wide.
    let wide = h.state().fresh_labels(0, [100, 100]).unwrap().plane.right_mm;
    assert!(wide.distance(look.plane.right_mm * 2.0) < 1e-3);
    // In 3D too, in the same colours, each of them a part of its own.
    let flat = h.state().cells[0].view;
    h.state_mut().cells[0].view = ViewKind::Volume3d;
    let of_3d = |b: &LightBox| match b.picture(0, size_px, 1.0) {
        Picture::Volume(view) => view.fresh,
        other => panic!("{other:?}"),
    };
    let fresh = of_3d(h.state()).unwrap();
    assert_eq!([1, 2].map(|label| fresh.labels.of(label)), [1, 2]);
    assert_eq!([1, 2].map(|part| fresh.look.colors[part][..3].to_vec()), shown.map(|rgb| rgb.to_vec()));
    h.state_mut().layers_shown = false;
    assert!(of_3d(h.state()).is_none());
    h.state_mut().cells[0].view = flat;
    assert!(h.state().fresh_labels(0, size_px).is_none());
    h.state_mut().put_proposed(0, &volume, maker(), meanings(), &vec![1; 200_000]);
    assert!(!h.state().has_fresh_labels());
    // In the colours in which it was seen already.
    assert_eq!([0, 1].map(|layer| h.state().layers[0].layers[layer].rgb), shown);
    // Slices that are uneven are drawn from the processor's memory alone.
    let mut uneven = (*volume).clone();
    uneven.slice_offsets_mm = (0..volume.dims[2]).map(|z| (z * z) as f64).collect();
    assert!(!h.state_mut().put_fresh(0, &uneven, &meanings()));
    // A run that ends without a result leaves nothing on the screen.
    assert!(h.state_mut().put_fresh(0, &volume, &meanings()));
    h.state_mut().model_ended(None);
    assert!(!h.state().has_fresh_labels());
}

#[test]
fn a_model_is_chosen_and_run_with_the_keyboard_and_one_for_another_modality_says_so() {
    let mut b = light_box();
    b.series[0].frame_of_reference = "1.2.9".into();
    let other = ModelOffer { name: "knee".into(), modalities: vec!["MR".into()], ..liver() };
    b.put_models(vec![other, liver()]);
    let mut h = harness(b);
    h.key_press_modifiers(Modifiers::SHIFT, Key::M);
    h.run();
    assert_eq!(h.state().popup, Popup::Models { chosen: 1 }, "the first that can run is chosen");
    assert!(h.query_by_label_contains("It takes MR; this series is CT.").is_some());
    assert!(h.query_by_label_contains("Nobody has said how well it was measured.").is_some());
    h.key_press(Key::Enter);
    h.run();
    let wanted = Effect::RunModel { series: 0, model: "liver@1.0.0".into() };
    assert_eq!(h.state_mut().take_effects(), [wanted]);
    h.state_mut().model_at(0.25, Some(9.0));
    h.run();
    assert!(h.query_by_label_contains("25 % · 9 s left").is_some());
    h.key_press_modifiers(Modifiers::COMMAND, Key::Period);
    h.run();
    assert_eq!(h.state_mut().take_effects(), [Effect::StopModel]);
    h.state_mut().model_ended(Some("stopped".into()));
    assert!(h.state().model_run.is_none());
}

#[test]
fn what_a_model_found_is_a_proposal_that_is_stored_and_accepted_with_enter() {
    let mut h = proposed();
    let effects = h.state_mut().take_effects();
    let [Effect::LayersChanged, Effect::Propose(id)] = &effects[..] else { panic!("{effects:?}") };
    assert!((ml(&h) - 1.0).abs() < 1e-9, "500 voxels of 2 mm³");
    // Nothing can be decided on what is not stored.
    h.key_press(Key::Enter);
    h.run();
    assert!(h.state_mut().take_effects().is_empty());
    let series = stored(&mut h, None);
    assert!(h.query_by_label_contains("Proposal, read by nobody yet").is_some());
    h.key_press(Key::Enter);
    h.run();
    let decide = Effect::Decide { set: *id, decision: Decision::Accepted };
    assert_eq!(h.state_mut().take_effects(), [decide]);
    let kept = SeriesUid::parse("2.25.8").unwrap();
    let decided =
        Decided { decision: Decision::Accepted, by: "rossi".into(), at: Timestamp(0), kept: vec![kept] };
    stored(&mut h, Some(decided));
    h.state_mut().settled(&series, None);
    h.run();
    assert!(h.query_by_label_contains("liver 1.0.0: accepted and kept.").is_some());
    assert!(!h.state().layers[0].lies_on(&h.state().series[0]), "what was kept is shown instead");
    h.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    h.run();
    assert_eq!(h.state_mut().take_effects(), [Effect::Reopen(series)]);
}

#[test]
fn a_stroke_of_the_brush_is_one_step_and_makes_the_proposal_the_persons() {
    let mut h = proposed();
    stored(&mut h, None);
    h.state_mut().take_effects();
    h.key_press(Key::Q);
    h.run();
    assert_eq!(h.state().tool, Tool::Brush);
    h.state_mut().apply(Action::BrushRadius(3.0));
    stroke(&mut h, &[[44.0, 44.0], [60.0, 44.0], [70.0, 44.0]]);
    let painted = ml(&h);
    assert!(painted > 1.2 && painted < 1.5, "{painted} ml: a band of 7 mm on one slice of 2 mm");
    assert_eq!(h.state_mut().take_effects(), [Effect::LayersChanged]);
    assert!(h.query_by_label_contains("Proposal, changed here and not kept yet").is_some());
    h.key_press_modifiers(Modifiers::SHIFT, Key::Q);
    h.run();
    stroke(&mut h, &[[44.0, 44.0], [70.0, 44.0]]);
    assert!(ml(&h) < 1.0);
    h.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    h.run();
    assert!((ml(&h) - painted).abs() < 1e-9);
    h.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    h.run();
    assert!((ml(&h) - 1.0).abs() < 1e-9);
    h.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    h.run();
    assert!((ml(&h) - painted).abs() < 1e-9);
    h.state_mut().take_effects();
    h.state_mut().command(ViewCommand::AcceptProposal);
    let effects = h.state_mut().take_effects();
    assert!(matches!(&effects[..], [Effect::Decide { decision: Decision::Changed, .. }]), "{effects:?}");
}

#[test]
fn a_stroke_that_is_broken_off_leaves_everything_as_it_was() {
    let mut h = proposed();
    stored(&mut h, None);
    h.key_press(Key::Q);
    h.run();
    let at = h.state().cells[0].rect.center();
    h.state_mut().apply(Action::Press(0, at, medsight_viewport::Button::Left));
    h.state_mut().apply(Action::Drag(at + egui::vec2(60.0, 0.0)));
    h.key_press(Key::Escape);
    h.run();
    assert!((ml(&h) - 1.0).abs() < 1e-9);
    assert!(!h.state().is_moving());
}

#[test]
fn a_rejection_asks_for_its_reason_and_sends_it() {
    let mut h = proposed();
    stored(&mut h, None);
    h.state_mut().take_effects();
    h.key_press(Key::Backspace);
    h.run();
    assert!(matches!(h.state().popup, Popup::Reject { .. }));
    h.event(egui::Event::Text("it is the spleen".into()));
    h.run();
    h.key_press(Key::Enter);
    h.run();
    let effects = h.state_mut().take_effects();
    let [Effect::Decide { decision: Decision::Rejected(why), .. }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(why, "it is the spleen");
}

#[test]
fn what_was_drawn_and_painted_is_undone_in_the_order_in_which_it_was_done() {
    let mut h = proposed();
    stored(&mut h, None);
    h.state_mut().command(ViewCommand::SelectTool(Tool::Length));
    stroke(&mut h, &[[10.0, 10.0], [30.0, 10.0]]);
    h.state_mut().command(ViewCommand::SelectTool(Tool::Brush));
    stroke(&mut h, &[[70.0, 70.0], [75.0, 70.0]]);
    h.state_mut().command(ViewCommand::SelectTool(Tool::Length));
    stroke(&mut h, &[[10.0, 20.0], [30.0, 20.0]]);
    let counts = |h: &Harness<'_, LightBox>| (h.state().annotations.present().len(), ml(h) > 1.0);
    assert_eq!(counts(&h), (2, true));
    for expected in [(1, true), (1, false), (0, false)] {
        h.state_mut().command(ViewCommand::Undo);
        assert_eq!(counts(&h), expected);
    }
    h.state_mut().command(ViewCommand::Redo);
    h.state_mut().command(ViewCommand::Redo);
    assert_eq!(counts(&h), (1, true));
}

#[test]
fn nothing_is_kept_without_a_desk_and_the_window_says_so() {
    let mut h = proposed();
    h.state_mut().has_desk = false;
    h.state_mut().take_effects();
    h.state_mut().command(ViewCommand::AcceptProposal);
    h.run();
    assert!(h.state().notice.is_some());
    let is_write =
        |effect: &Effect| matches!(effect, Effect::Decide { .. } | Effect::Write(ToWrite::Proposal(_)));
    assert!(!h.state_mut().take_effects().iter().any(is_write));
}

#[test]
fn a_click_is_outlined_in_3d_more_clicks_add_or_take_off_and_enter_keeps_it_in_the_readers_name() {
    let mut b = light_box();
    b.series[0].frame_of_reference = "1.2.9".into();
    let mut h = harness(b);
    h.state_mut().has_desk = true;
    h.key_press(Key::U);
    h.run();
    stroke(&mut h, &[[40.0, 40.0]]);
    assert_eq!(h.state_mut().take_effects(), [Effect::Outline]);
    let volume = h.state().series[0].volume().unwrap().clone();
    let block = |to: usize| -> Vec<bool> {
        let inside = |i: usize| {
            (30..to).contains(&(i % 100)) && (30..50).contains(&(i / 100 % 100)) && i / 10_000 == 10
        };
        (0..200_000).map(inside).collect()
    };
    h.state_mut().outlined(1, &volume, "0.1.0", Ok(&block(50)));
    h.run();
    assert!((ml(&h) - 0.8).abs() < 1e-9, "400 voxels of 2 mm³");
    assert_eq!(h.state_mut().take_effects(), [Effect::LayersChanged], "nothing is stored yet");
    // Outside of it a click adds, inside it takes off.
    stroke(&mut h, &[[60.0, 40.0]]);
    stroke(&mut h, &[[45.0, 40.0]]);
    let adds: Vec<bool> =
        h.state().outlining.as_ref().unwrap().clicks.iter().map(|click| click.adds).collect();
    assert_eq!(adds, [true, true, false]);
    h.state_mut().outlined(1, &volume, "0.1.0", Ok(&block(90)));
    assert!((ml(&h) - 0.8).abs() < 1e-9, "an answer to an earlier question is none");
    h.state_mut().outlined(3, &volume, "0.1.0", Ok(&block(60)));
    assert!((ml(&h) - 1.2).abs() < 1e-9);
    h.state_mut().command(ViewCommand::Undo);
    assert!((ml(&h) - 0.8).abs() < 1e-9);
    h.state_mut().take_effects();
    h.key_press(Key::Enter);
    h.run();
    let effects = h.state_mut().take_effects();
    assert!(matches!(effects[..], [Effect::KeepOutline(_)]), "{effects:?}");
    let series = SeriesUid::parse("2.25.5").unwrap();
    h.state_mut().written(Ok(Written { series, kind: "SEG".into(), number: 4 }));
    assert!(h.state().layers.is_empty(), "it is read again as what it is now");
}
