//! What the values inside a region stand for besides modality values: uptake of PET, and quantities that the file maps its
//! values to.

use glam::DVec2;
use medsight_image::present::Modality;
use medsight_record::words::Words;
use medsight_record::{AnnotationKind, Measured, RealWorldMeasured, Uptake, ViewKind};

use crate::light_box::LightBox;
use crate::measure::{statistics, values_inside};
use crate::series::RealWorld;
use crate::surface::Surface;

impl LightBox {
    /// Adds uptake values and the mapped quantity to the numbers of a region.
    pub(crate) fn with_quantities(
        &self,
        cell: usize,
        kind: &AnnotationKind,
        points: &[DVec2],
        surface: &Surface,
        measured: Measured,
    ) -> Measured {
        let (Some(mean), Some(max), Some(facts)) = (measured.mean, measured.max, self.facts(cell)) else {
            return measured;
        };
        let uptake =
            |(kind, factor): &(_, f64)| Uptake { kind: *kind, mean: mean * factor, max: max * factor };
        let real_world = self.real_world_of(cell).and_then(|(mapping, file_modality)| {
            let (source, _) = self.source(cell)?;
            let values = values_inside(kind, points, surface, &source);
            let mapped: Option<Vec<f64>> =
                values.into_iter().map(|value| mapping.of_modality_value(value, file_modality)).collect();
            Some(RealWorldMeasured {
                label: mapping.label.clone(),
                unit: mapping.unit.clone(),
                unit_code: mapping.unit_code.clone(),
                quantity: mapping.quantity.clone(),
                statistics: mapped.and_then(|values| statistics(&values)),
            })
        });
        Measured {
            suv_bw: facts.suv_bw.map(|factor| [mean * factor, max * factor]),
            uptakes: facts.uptakes.iter().map(uptake).collect(),
            real_world,
            ..measured
        }
    }

    /// The quantity that values of a cell are mapped to, with the way back to stored values. On planes only where all
    /// images of the volume say the same: a mapping is of stored values, and those mean something else in each image.
    pub(crate) fn real_world_of(&self, cell: usize) -> Option<(&RealWorld, &Modality)> {
        let facts = self.facts(cell)?;
        let mapping = facts.real_world.as_ref()?;
        if self.cells[cell].view != ViewKind::Stack {
            let mut known = self.series_of(cell)?.slices.iter().filter_map(|slice| slice.facts.as_ref());
            let same = |other: &std::sync::Arc<crate::SliceFacts>| {
                other.real_world.as_ref() == Some(mapping) && other.file_modality == facts.file_modality
            };
            if !known.all(same) {
                return None;
            }
        }
        Some((mapping, &facts.file_modality))
    }
}

/// The lines of a region: `SUVlbm (James) 2.31 · max 4.50 g/ml`, `ADC 0.00112 ± 0.00005 mm2/s`.
pub(crate) fn lines(m: &Measured, words: &Words) -> Vec<String> {
    let number = |value: f64, decimals| words.number(value, decimals);
    let max_word = words.text("lightbox.max");
    let mut out: Vec<String> = m
        .uptakes
        .iter()
        .map(|u| {
            let (mean, max) = (number(u.mean, 2), number(u.max, 2));
            format!("{} {mean} · {max_word} {max} {}", u.kind.name(), u.kind.unit())
        })
        .collect();
    if let Some(quantity) = &m.real_world {
        let label = match quantity.label.as_str() {
            "" => words.text("lightbox.real_world"),
            label => label,
        };
        out.push(match &quantity.statistics {
            Some(s) => {
                // Decimals that tell the mean, for all: quantities of maps may be far below 1.
                let decimals = crate::ui::decimals_of(s.mean).max(usize::from(s.mean.abs() < 100.0));
                let sd = s.sd.map_or(String::new(), |sd| format!(" ± {}", number(sd, decimals)));
                let [min, max] = [s.min, s.max].map(|value| number(value, decimals));
                let unit = &quantity.unit;
                format!("{label} {}{sd} {unit} · {min}…{max}", number(s.mean, decimals)).replace("  ", " ")
            }
            None => format!("{label}: {}", words.text("lightbox.not_mapped")),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use medsight_record::words::Locale;
    use medsight_record::{CodedName, Statistics, UptakeKind};

    #[test]
    fn each_quantity_stands_with_its_unit_and_its_formula_and_a_gap_says_so() {
        let code =
            |value: &str| CodedName { value: value.into(), scheme: "UCUM".into(), meaning: value.into() };
        let mut m = Measured {
            uptakes: vec![Uptake { kind: UptakeKind::BodySurface, mean: 512.25, max: 900.0 }],
            real_world: Some(RealWorldMeasured {
                label: "ADC".into(),
                unit: "mm2/s".into(),
                unit_code: code("mm2/s"),
                quantity: None,
                statistics: Some(Statistics { mean: 0.00112, sd: Some(0.00005), min: 0.001, max: 0.0012 }),
            }),
            ..Measured::default()
        };
        let of = |m: &Measured, locale| lines(m, &Words::new(locale));
        assert_eq!(
            of(&m, Locale::En),
            ["SUVbsa 512.25 · max 900.00 cm²/ml", "ADC 0.00112 ± 0.00005 mm2/s · 0.00100…0.00120"]
        );
        assert!(of(&m, Locale::De)[0].contains("512,25"));
        if let Some(quantity) = &mut m.real_world {
            (quantity.statistics, quantity.label) = (None, String::new());
        }
        assert_eq!(of(&m, Locale::En)[1], "Real world value: some of these pixels have none");
    }
}
