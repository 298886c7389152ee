//! A prior beside the current study: registered to it, scrolled with it, refused where it cannot be.

use crate::support::{harness, light_box};
use egui::Key;
use egui_kittest::Harness;
use glam::{DMat4, DVec2, DVec3};
use medsight_base::{DicomDate, SeriesUid};
use medsight_image::register::Registration;
use medsight_image::{ToolError, Volume};
use medsight_record::{Patient, Tool, ViewCommand, ViewKind};
use medsight_viewport::{
    Action, Button, Cell, Effect, JobKind, LightBox, SliceFacts, SlicePlace, StudyFacts, VolumeState,
};
use std::sync::Arc;

/// The prior lies so much nearer to the head in its own coordinates.
const OFF_MM: f64 = 10.0;

fn study(id: &str, day: &str) -> StudyFacts {
    StudyFacts {
        date: DicomDate::parse(day),
        patient: Some(Patient { id: id.into(), name: "DOE^JANE".into(), ..Patient::default() }),
        description: day.into(),
        ..StudyFacts::default()
    }
}

/// The CT, and beside it one of a year before in another frame of reference, [`OFF_MM`] further up there.
fn current_and_prior() -> LightBox {
    let mut b = light_box();
    let mut prior = b.series[0].clone();
    prior.uid = SeriesUid::parse("1.2.8").unwrap();
    let up = DVec3::Z * OFF_MM;
    for (z, slice) in prior.slices.iter_mut().enumerate() {
        slice.instance = medsight_base::InstanceUid::parse(&format!("1.2.8.{z}")).unwrap();
        let facts = SliceFacts::clone(slice.facts.as_ref().unwrap());
        let place = facts.place.map(|place| SlicePlace { origin_mm: place.origin_mm + up, ..place });
        slice.facts = Some(Arc::new(SliceFacts { place, ..facts }));
    }
    let volume = prior.volume().unwrap();
    prior.volume = VolumeState::Ready(Arc::new(Volume {
        origin_mm: volume.origin_mm + up,
        patient_from_voxel: DMat4::from_translation(up) * volume.patient_from_voxel,
        ..Volume::clone(volume)
    }));
    b.series[0].frame_of_reference = "1.2.9.1".into();
    b.series[0].study = Some(study("7", "20260301"));
    prior.frame_of_reference = "1.2.9.2".into();
    prior.study = Some(study("7", "20250301"));
    prior.planes = None;
    b.series.push(prior);
    b.volume_ready(1);
    b.command(ViewCommand::Layout(1));
    b.cells[1] = Cell::showing(1, 3);
    b.active = 0;
    b
}

fn moved_by(mm: f64) -> Registration {
    let fixed_from_moving = DMat4::from_translation(DVec3::NEG_Z * mm);
    Registration { fixed_from_moving, similarity: 1.3, overlap: 1.0 }
}

fn aligned() -> Harness<'static, LightBox> {
    let mut h = harness(current_and_prior());
    h.key_press_modifiers(egui::Modifiers::SHIFT, Key::Y);
    h.run();
    assert_eq!(h.state_mut().take_effects(), [Effect::Compute(JobKind::Alignment)]);
    assert_eq!(h.state().job_needs(), Some(vec![0, 1]));
    let turn = h.state().job.unwrap().turn;
    h.state_mut().aligned(turn, Ok(moved_by(OFF_MM)));
    h.run();
    h
}

fn prior_z(h: &Harness<'_, LightBox>) -> f64 {
    h.state().series[1].planes.unwrap().center_mm.z
}

#[test]
fn viewports_without_a_common_frame_of_reference_are_not_scrolled_together() {
    let mut h = harness(current_and_prior());
    h.key_press(Key::Y);
    h.run();
    assert!(h.state().is_linked);
    h.state_mut().command(ViewCommand::ScrollBy(1));
    assert_eq!((h.state().cells[0].slice, h.state().cells[1].slice), (11, 3));
    // In one frame of reference they are, by their place: 22 mm is the seventh slice from 10 mm.
    h.state_mut().series[1].frame_of_reference = "1.2.9.1".into();
    h.state_mut().command(ViewCommand::ScrollBy(1));
    assert_eq!((h.state().cells[0].slice, h.state().cells[1].slice), (12, 7));
}

#[test]
fn an_aligned_prior_is_cut_where_the_current_study_is_says_by_how_much_it_was_moved_and_is_scrolled_with_it()
{
    let mut h = aligned();
    assert_eq!(h.state().cells[1].view, ViewKind::Axial);
    assert!((prior_z(&h) - 30.0).abs() < 1e-6, "{}", prior_z(&h));
    let said = h.state().aligned_as(1).unwrap();
    assert!(said.contains("10.0 mm") && said.contains("0.0°"), "{said}");
    h.state_mut().command(ViewCommand::ScrollBy(1));
    assert!((prior_z(&h) - 32.0).abs() < 1e-6);
    // And the other way round.
    h.state_mut().apply(Action::Activate(1));
    h.state_mut().command(ViewCommand::ScrollBy(-2));
    assert_eq!(h.state().cells[0].slice, 9);
    // A millimetre is as long in both.
    let scale = |h: &Harness<'_, LightBox>, cell: usize| {
        let surface = h.state().surface(cell).unwrap();
        surface.screen_per_mm(h.state().cells[cell].rect.center()).unwrap().0
    };
    assert!((scale(&h, 0) / scale(&h, 1) - 1.0).abs() < 1e-3);
}

#[test]
fn the_crosshair_points_at_one_place_in_both() {
    let mut h = aligned();
    h.state_mut().command(ViewCommand::SelectTool(Tool::Crosshair));
    let at = h.state().surface(0).unwrap().screen(DVec2::new(70.0, 40.0));
    h.state_mut().apply(Action::Press(0, at, Button::Left));
    h.state_mut().apply(Action::Release(at));
    let center = h.state().series[1].planes.unwrap().center_mm;
    assert!(center.distance(DVec3::new(20.0, -10.0, 30.0)) < 0.1, "{center}");
}

#[test]
fn the_same_key_turns_the_alignment_off_and_on_and_undo_takes_it_away() {
    let mut h = aligned();
    let toggle = |h: &mut Harness<'_, LightBox>| {
        h.key_press_modifiers(egui::Modifiers::SHIFT, Key::Y);
        h.run();
    };
    toggle(&mut h);
    assert_eq!((h.state().cells[1].view, h.state().cells[1].slice), (ViewKind::Stack, 3));
    assert!(h.state().aligned_as(1).unwrap().contains("not aligned"));
    let slice = h.state().cells[1].slice;
    h.state_mut().command(ViewCommand::ScrollBy(1));
    assert_eq!(h.state().cells[1].slice, slice, "each by itself");
    toggle(&mut h);
    assert!(h.state().alignment().unwrap().is_on && h.state().job.is_none(), "nothing is computed twice");
    assert_eq!(h.state().cells[1].view, ViewKind::Axial);
    for _ in 0..3 {
        h.state_mut().command(ViewCommand::Undo);
    }
    assert!(h.state().alignment().is_none());
    assert_eq!(h.state().cells[1].view, ViewKind::Stack);
    h.state_mut().command(ViewCommand::Redo);
    assert!(h.state().alignment().unwrap().is_on);
}

#[test]
fn the_later_study_stays_where_it_is_whichever_viewport_is_active() {
    let mut b = current_and_prior();
    b.active = 1;
    b.command(ViewCommand::AlignPrior);
    assert_eq!(b.job_needs(), Some(vec![0, 1]));
}

#[test]
fn what_cannot_be_aligned_is_refused_with_the_reason() {
    let refused = |change: &dyn Fn(&mut LightBox)| {
        let mut b = current_and_prior();
        change(&mut b);
        b.command(ViewCommand::AlignPrior);
        assert!(b.job.is_none());
        b.notice.unwrap()
    };
    let other = refused(&|b| b.series[1].study = Some(study("8", "20250301")));
    assert!(other.contains("Patient ID"), "{other}");
    let film = refused(&|b| b.series[1].modality = "DX".into());
    assert!(film.contains("DX"), "{film}");
    let alone = refused(&|b| b.cells[1] = Cell::default());
    assert!(alone.contains("no prior"), "{alone}");
    // Two parts of the body.
    let mut b = current_and_prior();
    b.command(ViewCommand::AlignPrior);
    let turn = b.job.unwrap().turn;
    b.aligned(turn, Err(ToolError::NoOverlap { percent: 4.2, least: 15.0 }));
    let why = b.notice.clone().unwrap();
    assert!(why.contains("4 %") && why.contains("15 %") && b.alignment().is_none(), "{why}");
}
