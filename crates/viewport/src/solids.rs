//! Surfaces of segments and regions in 3D: which are wanted, and how they look.
//!
//! The labels are made outside, where it may take its time.

use std::sync::Arc;

use medsight_image::{Field, Solids, SolidsDraw};
use medsight_record::ViewKind;

use crate::layers::{LayerForm, LayerSet};
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
        LayerForm::Label(grid, _) => {
            matches!(set.grids.get(*grid).map(AsRef::as_ref), Some(Field::Labels(_)))
        }
        LayerForm::Contours(contours) => contours.iter().any(|c| c.closed),
    })
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
        let shown = self.cells.get(cell)?.series.filter(|_| self.layers_shown)?;
        let of = self.solids.get(&shown)?;
        let color = |(set, layer): &(usize, usize)| {
            let Some(set) = self.layers.get(*set) else { return [0; 4] };
            // As on the images, the slider of the set says how much is seen through.
            let opacity = (255.0 * (0.4 + 0.6 * set.fill.clamp(0.0, 1.0))) as u8;
            let layer = set.layers.get(*layer).filter(|l| l.on);
            layer.map_or([0; 4], |l| [l.rgb[0], l.rgb[1], l.rgb[2], opacity])
        };
        let colors: Vec<[u8; 4]> = std::iter::once([0; 4]).chain(of.parts.iter().map(color)).collect();
        let any = colors.iter().any(|c| c[3] > 0);
        let volume_share = self.cells[cell].view_3d.volume_share;
        any.then(|| SolidsDraw { solids: of.solids.clone(), colors, volume_share })
    }
}
