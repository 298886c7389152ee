//! Pooling over windows that do not overlap, over all of a map, and PyTorch's max pooling of pictures.

use burn::prelude::Tensor;
use burn::tensor::module;
use burn::tensor::ops::MaxPoolOptions;

/// Means over windows as large as their stride; what does not fill a window is left out, as `AvgPool` does.
pub(crate) fn avg_pool(x: Tensor<5>, size: [usize; 3]) -> Tensor<5> {
    by_axis(x, size, |windows| windows.mean_dim(2))
}

/// Largest values over windows as large as their stride.
pub(crate) fn max_pool(x: Tensor<5>, size: [usize; 3]) -> Tensor<5> {
    by_axis(x, size, |windows| windows.max_dim(2))
}

/// Backends have no pooling of three axes: the window is reduced along one axis after another.
fn by_axis(x: Tensor<5>, size: [usize; 3], reduce: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<5> {
    let mut x = x;
    for (axis, window) in size.into_iter().enumerate().filter(|(_, window)| *window > 1) {
        let mut dims = x.dims();
        let count = dims[axis + 2] / window;
        let whole = x.narrow(axis + 2, 0, count * window);
        let before = dims[..axis + 2].iter().product();
        let after = dims[axis + 3..].iter().product();
        dims[axis + 2] = count;
        x = reduce(whole.reshape([before, count, window, after])).reshape(dims);
    }
    x
}

/// The mean of each channel, `[images, channels]`.
pub(crate) fn adaptive_mean(x: Tensor<5>) -> Tensor<2> {
    let [images, channels, depth, rows, columns] = x.dims();
    let flat: Tensor<3> = x.reshape([images, channels, depth * rows * columns]);
    flat.mean_dim(2).reshape([images, channels])
}

/// Max pooling of 3 by stride 2 with padding 1 over rows and columns: the stem of ResNet and DenseNet. Volumes reduce the
/// same windows along their depth too.
pub(crate) fn stem_pool(x: Tensor<5>, spatial: usize) -> Tensor<5> {
    let [images, channels, depth, rows, columns] = x.dims();
    let plane = MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]);
    let flat: Tensor<4> = x.reshape([images, channels * depth, rows, columns]);
    let pooled = module::max_pool2d(flat, plane);
    let [_, _, rows, columns] = pooled.dims();
    if spatial == 2 {
        return pooled.reshape([images, channels, depth, rows, columns]);
    }
    // The maximum over a box is the maximum along its last axis of the maxima over its planes.
    let upright: Tensor<4> = pooled.reshape([images, channels, depth, rows * columns]);
    let along = MaxPoolOptions::new([3, 1]).with_stride([2, 1]).with_padding([1, 0]);
    let pooled = module::max_pool2d(upright, along);
    let depth = pooled.dims()[2];
    pooled.reshape([images, channels, depth, rows, columns])
}
