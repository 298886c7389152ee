//! Another study of the patient beside the one that is read: chosen from the list, laid out, measured in its own record, taken off.

use crate::support::{harness, light_box, stroke};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use medsight_base::{DicomDate, InstanceUid, SeriesUid, StudyUid, Timestamp};
use medsight_record::{
    AnnotationKind, Layout, Patient, ReadState, StudyRecord, ToWrite, Tool, ViewCommand, ViewKind,
};
use medsight_viewport::{Action, Effect, LightBox, ModelOffer, Popup, Series, StudyFacts};

const PRIOR: &str = "1.4";

fn prior() -> StudyUid {
    StudyUid::parse(PRIOR).unwrap()
}

fn record(uid: &str, day: &str) -> StudyRecord {
    StudyRecord {
        uid: StudyUid::parse(uid).unwrap(),
        patient: Patient { id: "004711".into(), ..Patient::default() },
        date: DicomDate::parse(day),
        time: String::new(),
        accession: String::new(),
        description: "Chest".into(),
        modalities: vec!["CT".into()],
        series_count: 2,
        instance_count: 30,
        bytes: 0,
        state: ReadState::Final,
        imported_at: Timestamp(0),
        work: Default::default(),
    }
}

fn with_desk() -> Harness<'static, LightBox> {
    let mut h = harness(light_box());
    h.state_mut().has_desk = true;
    h.state_mut().put_other_studies(vec![record("1.6", "20260101"), record(PRIOR, "20250301")]);
    h.run();
    h
}

/// The CT of the current study once more, as the prior has it: `uid`, with so many images.
fn of_prior(b: &LightBox, uid: &str, modality: &str, images: usize) -> Series {
    let mut series = b.series[0].clone();
    series.uid = SeriesUid::parse(uid).unwrap();
    series.modality = modality.into();
    series.slices.truncate(images);
    for (n, slice) in series.slices.iter_mut().enumerate() {
        slice.instance = InstanceUid::parse(&format!("{uid}.{n}")).unwrap();
    }
    series.study_uid = Some(prior());
    series.study = Some(StudyFacts {
        description: "Chest · 2025-03-01".into(),
        date: DicomDate::parse("20250301"),
        ..b.facts.clone()
    });
    series
}

/// The prior is chosen, and its series have come.
fn beside() -> Harness<'static, LightBox> {
    let mut h = with_desk();
    h.key_press_modifiers(Modifiers::COMMAND, Key::O);
    h.run();
    h.key_press(Key::ArrowDown);
    h.run();
    h.key_press(Key::Enter);
    h.run();
    assert_eq!(h.state_mut().take_effects(), [Effect::ListPriors, Effect::PutPrior(prior())]);
    h.state_mut().cells[0].slice = 19;
    h.state_mut().put_beside(prior(), Vec::new());
    let series = [("1.4.1", "CR", 1), ("1.4.2", "CT", 3), ("1.4.3", "CT", 11)];
    for (uid, modality, images) in series {
        let series = of_prior(h.state(), uid, modality, images);
        h.state_mut().series.push(series);
    }
    h.state_mut().lay_out_beside();
    h.run();
    h.state_mut().take_effects();
    h
}

#[test]
fn the_list_names_day_and_kind_and_what_is_chosen_is_laid_beside_at_the_same_height() {
    let mut h = with_desk();
    h.get_by_label_contains("Priors: 2");
    h.key_press_modifiers(Modifiers::COMMAND, Key::O);
    h.run();
    assert_eq!(h.state().popup, Popup::Priors { chosen: 0 });
    h.get_by_label_contains("2025-03-01 · CT · Chest");
    let h = beside();
    let b = h.state();
    assert_eq!(b.layout, Layout { columns: 2, rows: 1 });
    assert_eq!((b.active, b.cells[0].series, b.cells[0].slice), (0, Some(0), 19));
    // A CT with about as many images, not the radiograph nor the localiser; its last image, as the current one is at its last.
    assert_eq!((b.cells[1].series, b.cells[1].slice), (Some(3), 10));
    assert!(b.done.as_ref().unwrap().contains("2025-03-01"));
    assert_eq!(b.session(None).beside, [prior()]);
}

#[test]
fn a_study_that_is_beside_is_taken_off_by_the_same_list_and_the_layout_is_as_before() {
    let mut h = beside();
    h.key_press_modifiers(Modifiers::COMMAND, Key::O);
    h.run();
    h.get_by_label_contains("in this window");
    h.key_press(Key::Num2);
    h.run();
    assert_eq!(h.state_mut().take_effects(), [Effect::ListPriors, Effect::TakePrior(prior())]);
    h.state_mut().take_beside(&prior());
    let b = h.state();
    assert_eq!((b.layout, b.cells[0].series, b.cells[1].series), (Layout::default(), Some(0), None));
    assert!(b.session(None).beside.is_empty());
}

#[test]
fn what_is_measured_on_the_prior_is_kept_with_the_prior_and_reported_with_neither_study_s_other() {
    let mut h = beside();
    h.state_mut().active = 1;
    h.key_press(Key::L);
    h.run();
    let surface = h.state().surface(1).unwrap();
    let at = [[20.0, 20.0], [60.0, 20.0]].map(|p| surface.screen(p.into()));
    for step in [
        Action::Press(1, at[0], medsight_viewport::Button::Left),
        Action::Drag(at[1]),
        Action::Release(at[1]),
    ] {
        h.state_mut().apply(step);
    }
    h.run();
    let effects = h.state_mut().take_effects();
    let Some(Effect::Save(kept)) = effects.iter().find(|e| matches!(e, Effect::Save(_))) else {
        panic!("{effects:?}")
    };
    assert_eq!((&kept.study, &kept.kind), (&prior(), &AnnotationKind::Length));
    let writes = |h: &mut Harness<'_, LightBox>| {
        h.state_mut().command(ViewCommand::WriteReport);
        h.state_mut().take_effects().iter().any(|e| matches!(e, Effect::Write(ToWrite::Report)))
    };
    assert!(!writes(&mut h), "a report of the current study would be empty");
    h.state_mut().command(ViewCommand::Undo);
    let removed = Effect::Remove { study: prior(), id: kept.id };
    assert_eq!(h.state_mut().take_effects(), [removed]);
    h.state_mut().active = 0;
    h.state_mut().tool = Tool::Length;
    stroke(&mut h, &[[20.0, 20.0], [60.0, 20.0]]);
    assert!(writes(&mut h));
}

#[test]
fn models_and_objects_of_a_prior_are_for_its_own_window() {
    let mut h = beside();
    let model = ModelOffer { key: "a@1".into(), modalities: vec!["CT".into()], ..ModelOffer::default() };
    h.state_mut().put_models(vec![model]);
    h.state_mut().active = 1;
    let said = |h: &Harness<'_, LightBox>| h.state().notice.clone().unwrap_or_default();
    h.state_mut().apply(Action::RunModel(0));
    assert!(said(&h).contains("another study"), "{}", said(&h));
    h.state_mut().command(ViewCommand::WriteLook);
    assert!(said(&h).contains("another study"), "{}", said(&h));
    assert_eq!(h.state().cells[1].view, ViewKind::Stack);
    assert!(
        !h.state_mut().take_effects().iter().any(|e| matches!(e, Effect::Write(_) | Effect::RunModel { .. }))
    );
    h.state_mut().active = 0;
    h.state_mut().command(ViewCommand::WriteLook);
    assert!(h.state_mut().take_effects().iter().any(|e| matches!(e, Effect::Write(ToWrite::Look(_)))));
}

#[test]
fn undo_goes_through_what_was_drawn_here_and_leaves_what_came_with_a_prior() {
    let mut h = with_desk();
    h.key_press(Key::L);
    h.run();
    stroke(&mut h, &[[20.0, 20.0], [60.0, 20.0]]);
    let drawn = h.state().annotations.present().values().next().unwrap().clone();
    let mut of_prior = drawn.clone();
    of_prior.id = medsight_record::AnnotationId(uuid::Uuid::from_u128(99));
    of_prior.study = prior();
    h.state_mut().put_beside(prior(), vec![of_prior.clone()]);
    h.state_mut().command(ViewCommand::Undo);
    let left: Vec<_> = h.state().annotations.present().keys().copied().collect();
    assert_eq!(left, [of_prior.id]);
    h.state_mut().command(ViewCommand::Redo);
    assert_eq!(h.state().annotations.present().len(), 2);
    h.state_mut().take_beside(&prior());
    assert_eq!(h.state().annotations.present().keys().copied().collect::<Vec<_>>(), [drawn.id]);
}
