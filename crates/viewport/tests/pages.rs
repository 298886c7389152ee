//! Pages in cells, by what a reader sees and does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use egui::vec2;
use egui_kittest::{Harness, kittest::Queryable};
use medsight_base::{SeriesUid, StudyUid};
use medsight_record::ViewCommand;
use medsight_record::words::Locale;
use medsight_viewport::{
    Action, Cell, HistogramCurve, Histograms, LightBox, Page, Series, Textures, Trace, TraceGroup, TraceUnit,
    Tracing, setup,
};
use uuid::Uuid;

fn showing(page: Page) -> Harness<'static, LightBox> {
    let mut b = LightBox::new(StudyUid::parse("1.2").unwrap(), Locale::De, || Uuid::from_u128(1));
    let mut series = Series::new(SeriesUid::parse("1.2.3").unwrap(), page.letters());
    series.page = Some(Arc::new(page));
    b.series.push(series);
    b.cells[0] = Cell::showing(0, 0);
    let mut h = Harness::builder().with_size(vec2(1200.0, 800.0)).build_ui_state(
        |ui, b: &mut LightBox| {
            setup(ui.ctx());
            b.show(ui, &Textures::default());
        },
        b,
    );
    h.run();
    h
}

fn ecg(groups: usize) -> Page {
    let trace = |name: &str| Trace {
        name: name.to_owned(),
        unit: TraceUnit::Millivolt,
        values: Arc::new((0..5000).map(|i| (f64::from(i) / 80.0).sin() as f32).collect()),
    };
    let names = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];
    let group = TraceGroup {
        label: "RHYTHM".into(),
        frequency_hz: 500.0,
        filter_hz: [Some(0.05), Some(150.0)],
        traces: names.iter().map(|name| trace(name)).collect(),
    };
    Page::Tracing(Tracing { groups: vec![group; groups], findings: Vec::new() })
}

fn curve(name: &str, recorded: bool) -> HistogramCurve {
    HistogramCurve {
        name: name.into(),
        rgb: [200, 40, 40],
        on: true,
        recorded,
        points: Arc::new(vec![[0.0, 1.0], [20.0, 0.8], [30.0, 0.0]]),
        volume_cm3: Some(120.5),
        covered: 1.0,
        mean: Some(21.25),
        max: Some(30.0),
    }
}

#[test]
fn a_histogram_is_taken_off_by_its_name_and_volumes_change_their_unit() {
    let curves = vec![curve("PTV", true), curve("Heart", false)];
    let mut h = showing(Page::Histograms(Histograms { unit: "Gy", in_cm3: false, curves }));
    h.get_by_label("Heart, berechnet").click();
    h.run();
    h.get_by_label("cm³").click();
    h.run();
    let Some(Page::Histograms(sheet)) = h.state().page_of(0) else { panic!("histograms") };
    assert_eq!(sheet.curves.iter().map(|c| c.on).collect::<Vec<_>>(), [true, false]);
    assert!(sheet.in_cm3);
    // Written as in German.
    let figures = h.query_all_by_label_contains("120,5 cm³").count();
    assert_eq!(figures, 2);
}

#[test]
fn the_wheel_turns_the_sheets_of_an_ecg_and_a_drag_moves_the_paper_without_drawing() {
    let mut h = showing(ecg(2));
    let middle = h.state().cells[0].rect.center();
    h.state_mut().apply(Action::Wheel(0, middle, -1.0, false));
    assert_eq!(h.state().position(0), Some((1, 2)));
    h.state_mut().command(ViewCommand::SelectTool(medsight_record::Tool::Length));
    h.state_mut().apply(Action::Press(0, middle, medsight_viewport::Button::Left));
    h.state_mut().apply(Action::Drag(middle + vec2(40.0, 10.0)));
    h.state_mut().apply(Action::Release(middle + vec2(40.0, 10.0)));
    assert!(h.state().cells[0].pan.x > 30.0);
    assert!(h.state().annotations.present().is_empty());
    h.run();
}

#[test]
fn true_size_makes_a_millimetre_of_paper_one_of_the_screen_and_says_when_it_cannot() {
    let mut h = showing(ecg(1));
    h.state_mut().command(ViewCommand::TrueSize);
    assert!(h.state().notice.is_some(), "the screen is not calibrated");
    h.state_mut().screen_points_per_mm = Some(3.0);
    h.state_mut().command(ViewCommand::TrueSize);
    let zoom = h.state().cells[0].zoom;
    h.state_mut().command(ViewCommand::TrueSize);
    assert!((h.state().cells[0].zoom - zoom).abs() < 1e-9, "it is at true size already");
}

#[test]
fn a_page_makes_no_planes_and_says_why() {
    let mut h = showing(ecg(1));
    h.state_mut().series[0].volume = medsight_viewport::VolumeState::Refused(medsight_record::Refusal::new(
        "no_pixels",
        "The object has no Pixel Data (7FE0,0010).",
    ));
    h.state_mut().command(ViewCommand::ToggleMpr);
    h.run();
    assert!(h.state().before_mpr.is_none() && h.state().notice.is_some());
}
