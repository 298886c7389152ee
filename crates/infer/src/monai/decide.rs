//! From logits to labels: activations, the way back to the image's grid, the decision for each voxel.

use rayon::prelude::*;

use super::prepare::{Undo, undone};
use super::steps::After;
use crate::grid::Grid;

/// The label of each voxel, after what the bundle does behind the network. `regions_order` is empty where a voxel has one
/// label, else the labels of the heads in the order in which they are written.
pub(super) fn decided(
    after: &[After],
    logits: Vec<Grid>,
    dims: [usize; 3],
    undo: &[Undo],
    regions_order: &[u16],
) -> Vec<u16> {
    let mut heads = logits;
    let mut labels: Option<Grid> = None;
    for step in after {
        match step {
            After::Softmax => softmax(&mut heads),
            After::Sigmoid => heads.iter_mut().flat_map(|head| &mut head.values).for_each(|value| {
                *value = 1.0 / (1.0 + (-*value).exp());
            }),
            After::Invert { nearest } => match &mut labels {
                Some(labels) => *labels = undone(labels, undo, *nearest),
                None => heads = heads.iter().map(|head| undone(head, undo, *nearest)).collect(),
            },
            After::Argmax => {
                let mut best = Grid::filled(heads.first().map_or(dims, |head| head.dims), 0.0);
                let mut most = vec![f32::NEG_INFINITY; best.values.len()];
                for (number, head) in heads.iter().enumerate() {
                    let all = best.values.par_iter_mut().zip(&mut most).zip(&head.values);
                    all.for_each(|((label, most), value)| {
                        if *value > *most {
                            (*most, *label) = (*value, number as f32);
                        }
                    });
                }
                labels = Some(best);
            }
            After::Threshold(part) => {
                let least = *part as f32 / 1e5;
                let order = if regions_order.is_empty() { &[1] } else { regions_order };
                let mut written = Grid::filled(heads.first().map_or(dims, |head| head.dims), 0.0);
                for label in order {
                    let Some(head) = heads.get(usize::from(*label) - 1) else { continue };
                    for (to, value) in written.values.iter_mut().zip(&head.values) {
                        if *value >= least {
                            *to = f32::from(*label);
                        }
                    }
                }
                labels = Some(written);
            }
        }
    }
    labels.map(|labels| labels.values.iter().map(|label| *label as u16).collect()).unwrap_or_default()
}

fn softmax(heads: &mut [Grid]) {
    let voxels = heads.first().map_or(0, |head| head.values.len());
    let mut most = vec![f32::NEG_INFINITY; voxels];
    heads.iter().for_each(|head| {
        most.iter_mut().zip(&head.values).for_each(|(most, value)| *most = most.max(*value))
    });
    let mut sums = vec![0.0; voxels];
    for head in heads.iter_mut() {
        for ((value, most), sum) in head.values.iter_mut().zip(&most).zip(&mut sums) {
            *value = (*value - most).exp();
            *sum += *value;
        }
    }
    for head in heads {
        head.values.iter_mut().zip(&sums).for_each(|(value, sum)| *value /= sum);
    }
}
