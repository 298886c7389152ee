//! How much memory a pass over a patch takes, and the largest patch for which there is room: a smaller one gives a slightly
//! different answer, a pass that does not fit none.

use medsight_gpu::{MemoryBudget, OutOfGpuMemory, Reservation};

use crate::compute::Compute;
use crate::networks::NnunetShape;

/// Bytes of a number.
const NUMBER: u64 = 4;
/// Maps of the finest kind that are there at the same time: what comes up, what it is joined with, the two as one, and what is
/// being made of them.
const AT_ONCE: u64 = 5;

/// The most that a pass holds at a time, and its largest single map.
fn bytes_of(shape: &NnunetShape, patch: [usize; 3]) -> (u64, u64) {
    let mut size = patch.map(|size| size as u64);
    let (mut kept, mut largest) = (0, 0);
    for (features, stride) in shape.features.iter().zip(&shape.strides) {
        (0..3).for_each(|axis| size[axis] = size[axis].div_ceil(stride[axis] as u64));
        let map = size.iter().product::<u64>() * *features as u64 * NUMBER;
        // Each level is kept until its rise.
        kept += map;
        largest = largest.max(map);
    }
    let heads = patch.iter().product::<usize>() as u64 * shape.outputs as u64 * NUMBER;
    (kept + AT_ONCE * largest + 2 * heads, (2 * largest).max(heads))
}

/// The largest patch that fits, no larger than the plan's, with its place in the account of memory.
///
/// # Errors
/// What the smallest patch needs, and what there is.
pub(super) fn room(
    shape: &NnunetShape,
    patch: [usize; 3],
    compute: &Compute,
) -> Result<([usize; 3], Reservation), OutOfGpuMemory> {
    let divisor = shape.divisor();
    // The coarsest map keeps two voxels along an axis: of one there is no variance.
    let least = [0, 1, 2].map(|axis| (2 * divisor[axis]).min(patch[axis]));
    let mut patch = patch;
    loop {
        let fault = match taken(shape, patch, compute.memory(), compute.largest_tensor_bytes()) {
            Ok(reservation) => return Ok((patch, reservation)),
            Err(fault) => fault,
        };
        // Half of the axis that is longest, measured by what it may shrink to.
        let longest = (0..3).filter(|axis| patch[*axis] > least[*axis]).max_by_key(|axis| patch[*axis]);
        let Some(axis) = longest else { return Err(fault) };
        patch[axis] = (patch[axis] / 2)
            .next_multiple_of(divisor[axis])
            .max(least[axis])
            .min(patch[axis] - divisor[axis]);
    }
}

fn taken(
    shape: &NnunetShape,
    patch: [usize; 3],
    memory: &MemoryBudget,
    largest_tensor: u64,
) -> Result<Reservation, OutOfGpuMemory> {
    let (pass, tensor) = bytes_of(shape, patch);
    match tensor > largest_tensor {
        true => Err(OutOfGpuMemory { needed: tensor, free: largest_tensor }),
        false => memory.reserve(pass),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> NnunetShape {
        NnunetShape {
            spatial: 3,
            inputs: 1,
            outputs: 3,
            features: vec![32, 64, 128],
            kernels: vec![[3; 3]; 3],
            strides: vec![[1; 3], [2; 3], [2; 3]],
            blocks: vec![2; 3],
            residual: false,
            decoder_blocks: vec![2; 2],
            bias: true,
            epsilon: 1e-5,
            slope: 0.01,
        }
    }

    #[test]
    fn a_patch_shrinks_until_there_is_room_and_gives_its_room_back() {
        let compute = Compute::cpu().within(200 << 20);
        let (patch, held) = room(&shape(), [96, 96, 96], &compute).unwrap();
        assert!(patch.iter().product::<usize>() < 96 * 96 * 96);
        assert!(patch.iter().all(|size| size % 4 == 0 && *size >= 8), "{patch:?}");
        assert!(held.bytes() <= 200 << 20);
        drop(held);
        assert_eq!(compute.memory().used(), 0);
        assert_eq!(room(&shape(), [96, 96, 96], &Compute::cpu()).unwrap().0, [96; 3]);
    }

    #[test]
    fn where_not_even_the_smallest_fits_both_figures_are_told() {
        let fault = room(&shape(), [96, 96, 96], &Compute::cpu().within(1 << 10)).unwrap_err();
        assert!(fault.needed > 1 << 10 && fault.free == 1 << 10, "{fault}");
    }
}
