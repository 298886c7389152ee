//! Enlargement by two: linear, PyTorch's `Upsample(scale_factor=2, align_corners=False)`, which backends have for pictures
//! only; and of pictures by repetition.

use burn::prelude::Tensor;

/// Twice the size along each axis that has more than `1` when `spatial` is 2, along all axes when it is 3.
pub(crate) fn linear_by_two(x: Tensor<5>, spatial: usize) -> Tensor<5> {
    (5 - spatial..5).fold(x, along)
}

/// Each pixel of a picture four times: PyTorch's `interpolate(scale_factor=2, mode="nearest")`.
pub(crate) fn nearest_by_two(x: Tensor<5>) -> Tensor<5> {
    let [images, channels, depth, rows, columns] = x.dims();
    let apart: Tensor<6> = x.reshape([images, channels, depth * rows, 1, columns, 1]);
    let four = apart.expand([images, channels, depth * rows, 2, columns, 2]);
    four.reshape([images, channels, depth, 2 * rows, 2 * columns])
}

/// Each new pair lies a quarter before and after its old one: ¾ of it and ¼ of its neighbour; at an end all of it.
fn along(x: Tensor<5>, axis: usize) -> Tensor<5> {
    let mut dims = x.dims();
    let count = dims[axis];
    let first = x.clone().narrow(axis, 0, 1);
    let last = x.clone().narrow(axis, count - 1, 1);
    let (before, after) = match count {
        1 => (first, last),
        _ => (
            Tensor::cat(vec![first, x.clone().narrow(axis, 0, count - 1)], axis),
            Tensor::cat(vec![x.clone().narrow(axis, 1, count - 1), last], axis),
        ),
    };
    let near = x * 0.75;
    let low = near.clone() + before * 0.25;
    let high = near + after * 0.25;
    // The two interleaved: stacked on an axis of their own behind this one.
    let front: usize = dims[..=axis].iter().product();
    let back: usize = dims[axis + 1..].iter().product();
    let pair: Tensor<3> = Tensor::cat(vec![low.reshape([front, 1, back]), high.reshape([front, 1, back])], 1);
    dims[axis] = 2 * count;
    pair.reshape(dims)
}
