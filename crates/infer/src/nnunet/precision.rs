//! Whether a network runs in half precision: where the adapter has it, and one patch gives the same answer as in single
//! precision. Decided when a model is opened, for all its folds, and stated in what the model makes
//! ([`medsight_record::Maker::arithmetic`]).

use burn::prelude::Tensor;
use burn::tensor::TensorData;

use super::dataset::Dataset;
use super::memory::room;
use super::plans::Plan;
use crate::compute::Compute;
use crate::networks::{Network, pass};

/// The part of a patch's voxels that must have the same label.
const LEAST_AGREEMENT: f64 = 0.999;

/// A network, and the device that it computes on.
pub(super) type Placed = (Box<dyn Network>, Compute);

/// The network in half precision with the device that computes so, where that holds; else `None`. `build` makes the network of
/// `single` for another device.
pub(super) fn in_half<E>(
    single: &dyn Network,
    plan: &Plan,
    dataset: &Dataset,
    compute: &Compute,
    build: impl FnOnce(&Compute) -> Result<Box<dyn Network>, E>,
) -> Result<Option<Placed>, E> {
    let Some(half) = compute.in_half() else { return Ok(None) };
    // No room for a patch: the run will say so, with its figures.
    let Ok((patch, _room)) = room(&plan.shape, plan.patch, compute) else { return Ok(None) };
    let dims = [1, plan.shape.inputs, patch[0], patch[1], patch[2]];
    let values = test_patch(dims.iter().product());
    let Ok(expected) = pass(single, compute, values.clone(), dims) else { return Ok(None) };
    let network = build(&half)?;
    // A device that fails here computes in single precision.
    let Ok(found) = pass(network.as_ref(), &half, values, dims) else { return Ok(None) };
    Ok(holds(dataset, &expected, &found).then_some((network, half)))
}

/// Smooth values with noise, about as large as normalised images have them: the same for every model and each time.
fn test_patch(count: usize) -> Vec<f32> {
    let mut state = 29_u32;
    (0..count)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 8) as f32 / 16_777_216.0 - 0.5;
            (at as f32 * 0.05).sin() + (at as f32 * 0.0007).cos() + noise
        })
        .collect()
}

/// Whether logits, head by head, are all numbers and give the labels of `single`.
fn holds(dataset: &Dataset, single: &[f32], half: &[f32]) -> bool {
    let voxels = single.len() / dataset.heads().max(1);
    if half.len() != single.len() || voxels == 0 || half.iter().any(|logit| !logit.is_finite()) {
        return false;
    }
    let is_region = dataset.regions_order.is_some();
    let same = |voxel: usize| {
        let of = |logits: &[f32]| label(logits, voxel, voxels, is_region);
        of(single) == of(half)
    };
    let agreeing = (0..voxels).filter(|voxel| same(*voxel)).count();
    agreeing as f64 >= LEAST_AGREEMENT * voxels as f64
}

/// The head of a voxel's label, as the run decides: of equal logits the first, of regions the last that is there.
fn label(logits: &[f32], voxel: usize, voxels: usize, is_region: bool) -> Option<usize> {
    let heads = logits.iter().skip(voxel).step_by(voxels).enumerate();
    match is_region {
        true => heads.filter(|(_, logit)| **logit > 0.0).map(|(head, _)| head).max(),
        false => {
            let best = heads.reduce(|best, next| if next.1 > best.1 { next } else { best });
            best.map(|(head, _)| head)
        }
    }
}

/// The input of a network that computes in half precision, where it does.
pub(super) fn input(data: TensorData, compute: &Compute) -> Tensor<5> {
    compute.placed(Tensor::from_data(data, compute.device()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::Precision;

    fn dataset() -> Dataset {
        let json = br#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "a": 1, "b": 2}}"#;
        Dataset::read(json).unwrap()
    }

    /// Logits of three heads for a thousand voxels: each voxel is `at % 3`.
    fn logits() -> Vec<f32> {
        (0..3000).map(|at| if at % 1000 % 3 == at / 1000 { 2.0 } else { -1.0 }).collect()
    }

    #[test]
    fn half_precision_holds_while_one_voxel_of_a_thousand_differs_and_not_with_two() {
        let single = logits();
        let mut half: Vec<f32> = single.iter().map(|logit| logit * 1.001).collect();
        assert!(holds(&dataset(), &single, &half));
        half[1000] = 9.0;
        assert!(holds(&dataset(), &single, &half));
        half[1003] = 9.0;
        assert!(!holds(&dataset(), &single, &half));
    }

    #[test]
    fn a_logit_that_is_no_number_is_single_precision() {
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut half = logits();
            half[2999] = wrong;
            assert!(!holds(&dataset(), &logits(), &half));
        }
        assert!(!holds(&dataset(), &logits(), &logits()[1..]));
    }

    #[test]
    fn the_processor_has_no_half_precision() {
        assert!(Compute::cpu().in_half().is_none());
        assert_eq!(Compute::cpu().precision(), Precision::Single);
    }
}
