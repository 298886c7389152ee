//! Surfaces of segments, regions and isodoses in 3D: which are wanted, and how they look.
//!
//! The labels are made outside, where it may take its time.

use std::sync::Arc;

use medsight_image::{Solids, SolidsDraw, SolidsLook};
use medsight_record::ViewKind;

use crate::layers::{Layer, LayerDose, LayerForm, LayerSet};
use crate::light_box::LightBox;

/// Labels of the parts of layer sets in a volume.
#[derive(Clone, Debug)]
pub struct SolidsOf {
    /// The labels.
    pub solids: Arc<Solids>,
    /// Set and layer of each label; label 1 is the first.
    pub parts: Vec<(usize, usize)>,
}

fn has_surface(set: &LayerSet) -> bool {
    set.layers.iter().filter(|layer| !layer.is_body).any(|layer| match &layer.form {
        LayerForm::Label(grid, _) => set.grids.get(*grid).is_some(),
        LayerForm::Contours(contours) => contours.iter().any(|c| c.closed),
    })
}

/// The isodose whose surface holds a dose: the highest one of those that are on and not above it.
fn isodose_at(set: &LayerSet, dose: f64) -> Option<&Layer> {
    let at_most = set.layers.iter().filter(|l| l.on && isodose(l).is_some_and(|of| of <= dose));
    at_most.max_by(|a, b| isodose(a).unwrap_or_default().total_cmp(&isodose(b).unwrap_or_default()))
}

/// The dose of an isodose.
fn isodose(layer: &Layer) -> Option<f64> {
    match layer.dose {
        LayerDose::Isodose { value, .. } => Some(value),
        _ => None,
    }
}

impl LightBox {
    /// Series that are seen in 3D and have parts whose labels are not there yet.
    pub fn wanted_solids(&self) -> Vec<usize> {
        let mut wanted: Vec<usize> = self
            .visible_cells()
            .into_iter()
            .filter(|i| self.cells[*i].view == ViewKind::Volume3d)
            .filter_map(|i| self.cells[i].series)
            .filter(|s| !self.solids.contains_key(s))
            .filter(|s| self.series.get(*s).is_some_and(|s| s.volume().is_some()))
            .filter(|s| !self.sets_with_surfaces(*s).is_empty())
            .collect();
        wanted.dedup();
        wanted
    }

    /// The layer sets on a series that have surfaces, with their numbers.
    pub fn sets_with_surfaces(&self, series: usize) -> Vec<(usize, &LayerSet)> {
        let Some(series) = self.series.get(series) else { return Vec::new() };
        let sets = self.layers.iter().enumerate();
        sets.filter(|(_, set)| set.lies_on(series) && has_surface(set)).collect()
    }

    /// The surfaces that a 3D cell shows; `None` when all are off.
    pub(crate) fn solids_draw(&self, cell: usize) -> Option<SolidsDraw> {
        let (of, look) = self.solids_look(cell)?;
        let any = look.colors.iter().any(|c| c[3] > 0);
        any.then(|| SolidsDraw { solids: of.solids.clone(), look })
    }

    /// The parts of a 3D cell whose labels are there, and how they look; `None` where none are.
    pub(crate) fn solids_look(&self, cell: usize) -> Option<(&SolidsOf, SolidsLook)> {
        let shown = self.cells.get(cell)?.series.filter(|_| self.layers_shown)?;
        let of = self.solids.get(&shown)?;
        let color = |(set, layer): &(usize, usize)| {
            let Some(set) = self.layers.get(*set) else { return [0; 4] };
            // Isodoses lie around each other and around the regions: more is seen through them, the lower the more.
            let fill = set.fill.clamp(0.0, 1.0);
            let Some(layer) = set.layers.get(*layer) else { return [0; 4] };
            let (shown, share) = match layer.dose {
                LayerDose::Isodose { value, .. } => {
                    let highest = set.layers.iter().filter_map(isodose).fold(value, f64::max);
                    (isodose_at(set, value), (0.1 + 0.5 * fill) * (value / highest) as f32)
                }
                _ => (Some(layer).filter(|l| l.on), surface_share(fill)),
            };
            shown.map_or([0; 4], |l| [l.rgb[0], l.rgb[1], l.rgb[2], (255.0 * share) as u8])
        };
        let colors: Vec<[u8; 4]> = std::iter::once([0; 4]).chain(of.parts.iter().map(color)).collect();
        Some((of, SolidsLook { colors, volume_share: self.cells[cell].view_3d.volume_share }))
    }
}

/// How opaque a surface is. As on the images, the slider of its set says how much is seen through.
pub(crate) fn surface_share(fill: f32) -> f32 {
    0.4 + 0.6 * fill
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_hottest_isodose_is_off_the_surface_around_it_goes_on() {
        let isodose = |value: f64, on: bool| Layer {
            name: format!("{value}"),
            rgb: [value as u8; 3],
            on,
            volume_ml: None,
            is_body: false,
            dose: LayerDose::Isodose { value, unit: "Gy" },
            form: LayerForm::Label(0, 1),
        };
        let set = LayerSet {
            name: String::new(),
            frame_of_reference: "1.2".into(),
            fill: 0.3,
            plane_distance_mm: 1.0,
            grids: Vec::new(),
            layers: vec![
                isodose(50.0, true),
                isodose(20.0, true),
                isodose(60.0, false),
                isodose(10.0, false),
            ],
            series: None,
            meanings: Vec::new(),
            proposed: None,
        };
        let at = |dose: f64| isodose_at(&set, dose).map(|layer| layer.name.as_str());
        assert_eq!([60.0, 50.0, 30.0, 15.0].map(at), [Some("50"), Some("50"), Some("20"), None]);
    }
}
