//! From a volume in the patient to a model's axes and back.

use medsight_image::{Volume, regular};

use crate::grid::{Grid, flipped, transposed};
use crate::nnunet::Placing;
use crate::package::Manifest;

/// A volume as a model takes it, and how to bring labels back to its own slices.
pub(crate) struct Turned {
    pub(crate) grid: Grid,
    /// Of slices, rows, columns.
    pub(crate) spacing_mm: [f64; 3],
    /// Axis `n` of the model is axis `order[n]` of the volume (slices, rows, columns).
    order: [usize; 3],
    flips: [bool; 3],
    /// For each slice of the volume the one on the even grid.
    slices: Vec<usize>,
    /// Slices, rows, columns on the even grid.
    even_dims: [usize; 3],
}

/// The volume with its axes as the model's images have them. Uneven slices are made even first.
pub(crate) fn turned(volume: &Volume, manifest: &Manifest) -> Turned {
    let even = regular(volume.clone());
    let even_dims = [even.dims[2], even.dims[1], even.dims[0]];
    let first = even.first_voxel();
    let values =
        (first..first + even.voxels_per_time()).map(|at| even.voxels.value(at)).collect::<Vec<f32>>();
    let (order, flips) = match manifest.input.orientation.as_deref().and_then(crate::package::directions) {
        None => ([0, 1, 2], [false; 3]),
        Some(wanted) => to_directions(&even, wanted),
    };
    let (values, dims) = transposed(&values, even_dims, order);
    let values = flipped(&values, dims, flips);
    let spacing_zyx = [even.spacing_mm.z, even.spacing_mm.y, even.spacing_mm.x];
    let place = |slice: usize| match volume.slice_offsets_mm.get(slice) {
        Some(offset) => {
            let from_first = offset - volume.slice_offsets_mm[0];
            ((from_first / even.spacing_mm.z).round().max(0.0) as usize).min(even_dims[0] - 1)
        }
        None => slice.min(even_dims[0] - 1),
    };
    Turned {
        grid: Grid { dims, values },
        spacing_mm: order.map(|axis| spacing_zyx[axis]),
        order,
        flips,
        slices: (0..volume.dims[2]).map(place).collect(),
        even_dims,
    }
}

impl Turned {
    /// Labels on the model's grid, back on the volume's voxels: columns fastest, slice after slice.
    pub(crate) fn back(&self, labels: &[u16]) -> Vec<u16> {
        let dims = self.order.map(|axis| self.even_dims[axis]);
        let labels = flipped(labels, dims, self.flips);
        let mut inverse = [0; 3];
        self.order.iter().enumerate().for_each(|(to, from)| inverse[*from] = to);
        let (labels, _) = transposed(&labels, dims, inverse);
        let slice = self.even_dims[1] * self.even_dims[2];
        self.slices.iter().flat_map(|at| &labels[at * slice..(at + 1) * slice]).copied().collect()
    }
}

impl Turned {
    /// The same for the graphics device.
    pub(crate) fn placing(&self) -> Placing {
        Placing {
            axes: [0, 1, 2].map(|axis| (self.order[axis], self.flips[axis])),
            image_dims: self.grid.dims,
            slices: self.slices.iter().map(|slice| *slice as u32).collect(),
            size: [self.even_dims[1], self.even_dims[2]],
        }
    }
}

/// For each axis of the model (slices, rows, columns) the volume's axis that lies nearest to it, and whether it runs the other
/// way. `wanted` is for columns, rows, slices.
fn to_directions(volume: &Volume, wanted: [(usize, bool); 3]) -> ([usize; 3], [bool; 3]) {
    // Slices, rows, columns of the volume along the patient's left, back, head.
    let axes = [volume.axes[2], volume.axes[1], volume.axes[0]].map(|axis| axis.to_array());
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let along = |place: usize, axis: usize| axes[axis][wanted[2 - place].0];
    let fit = |order: &[usize; 3]| (0..3).map(|place| along(place, order[place]).abs()).sum::<f64>();
    let best = orders.into_iter().max_by(|a, b| fit(a).total_cmp(&fit(b))).unwrap_or([0, 1, 2]);
    let flips = [0, 1, 2].map(|place| (along(place, best[place]) < 0.0) != wanted[2 - place].1);
    (best, flips)
}
