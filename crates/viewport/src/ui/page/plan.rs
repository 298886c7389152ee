//! A radiotherapy plan as a list: aims, fractions, beams.

use egui::{Grid, RichText, ScrollArea, Ui};
use medsight_record::words::Words;

use crate::page::{PlanBeam, PlanList};
use crate::theme;

pub(super) fn show(ui: &mut Ui, words: &Words, index: usize, plan: &PlanList) {
    ScrollArea::both().id_salt(("plan", index)).auto_shrink([false, false]).show(ui, |ui| {
        ui.label(RichText::new(&plan.title).size(15.0).color(theme::TEXT_1));
        if !plan.about.is_empty() {
            ui.label(RichText::new(plan.about.join(" · ")).color(theme::TEXT_2));
        }
        ui.add_space(8.0);
        for (description, kind, dose) in &plan.prescriptions {
            let dose = dose.map(|gy| format!("{} Gy", words.short_number(gy, 2))).unwrap_or_default();
            let parts = [kind.as_str(), description.as_str(), dose.as_str()];
            let line: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
            let text = format!("{}: {}", words.text("page.prescription"), line.join(" · "));
            ui.label(RichText::new(text).color(theme::TEXT_1));
        }
        for fractions in &plan.fractions {
            let count = fractions.map_or_else(|| "—".to_owned(), |n| n.to_string());
            let text = format!("{}: {count}", words.text("page.fractions"));
            ui.label(RichText::new(text).color(theme::TEXT_1));
        }
        ui.add_space(8.0);
        Grid::new(("beams", index)).striped(true).spacing([18.0, 6.0]).show(ui, |ui| {
            let heads = [
                "#",
                words.text("page.beam"),
                words.text("page.kind"),
                words.text("page.energy"),
                words.text("page.gantry"),
                words.text("page.collimator"),
                words.text("page.couch"),
                words.text("page.monitor_units"),
                words.text("page.beam_dose"),
                words.text("page.control_points"),
            ];
            for head in heads {
                ui.label(RichText::new(head).color(theme::TEXT_3).size(12.0));
            }
            ui.end_row();
            for beam in &plan.beams {
                for text in row(beam, words) {
                    ui.label(RichText::new(text).color(theme::TEXT_1));
                }
                ui.end_row();
            }
            let total: Option<f64> = plan.beams.iter().map(|b| b.monitor_units).sum();
            if let Some(total) = total.filter(|_| plan.beams.len() > 1) {
                for text in ["", words.text("page.total"), "", "", "", "", ""] {
                    ui.label(RichText::new(text).color(theme::TEXT_2));
                }
                ui.label(RichText::new(words.number(total, 1)).color(theme::TEXT_2));
                ui.end_row();
            }
        });
    });
}

fn row(beam: &PlanBeam, words: &Words) -> [String; 10] {
    let degrees = |deg: Option<f64>| deg.map(|d| format!("{}°", words.number(d, 1))).unwrap_or_default();
    let gantry = match beam.gantry_deg {
        Some([from, to]) if (from - to).abs() > 0.05 => {
            format!("{}° → {}°", words.number(from, 1), words.number(to, 1))
        }
        other => degrees(other.map(|[from, _]| from)),
    };
    let number = |value: Option<f64>, decimals| value.map(|v| words.number(v, decimals)).unwrap_or_default();
    [
        beam.number.to_string(),
        beam.name.clone(),
        beam.about.clone(),
        beam.energy.map(|e| words.short_number(e, 1)).unwrap_or_default(),
        gantry,
        degrees(beam.collimator_deg),
        degrees(beam.couch_deg),
        number(beam.monitor_units, 1),
        number(beam.dose_gy, 3),
        beam.control_points.to_string(),
    ]
}
