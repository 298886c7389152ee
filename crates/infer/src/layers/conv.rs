//! Convolutions and transposed convolutions as PyTorch defines them.

use burn::prelude::Tensor;
use burn::tensor::module;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::cpu::{self, Map};
use super::join::join;
use crate::compute::Stop;
use crate::weights::{Layers, WeightsError};

/// The padding that keeps the size at stride 1: (k - 1) / 2 on each side.
pub(crate) fn same_padding(kernel: [usize; 3]) -> [usize; 3] {
    kernel.map(|size| (size - 1) / 2)
}

/// A convolution's form. Axes are depth, rows, columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvSpec {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel: [usize; 3],
    pub(crate) stride: [usize; 3],
    pub(crate) padding: [usize; 3],
    pub(crate) groups: usize,
    pub(crate) bias: bool,
}

impl ConvSpec {
    /// Kernel of one size, in as many axes as the network has; padding keeps the size.
    pub(crate) fn cube(
        layers: &Layers<'_>,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
    ) -> Self {
        let all = |size| if layers.spatial() == 2 { [1, size, size] } else { [size; 3] };
        Self::sized(inputs, outputs, all(kernel), all(stride))
    }

    /// A kernel with a size for each axis; padding keeps the size.
    pub(crate) fn sized(inputs: usize, outputs: usize, kernel: [usize; 3], stride: [usize; 3]) -> Self {
        Self { inputs, outputs, kernel, stride, padding: same_padding(kernel), groups: 1, bias: true }
    }

    /// What comes out of an input of these sizes: images, channels, depth, rows, columns.
    pub(super) fn output_dims(&self, input: [usize; 5]) -> [usize; 5] {
        let size = |axis: usize| {
            (input[axis + 2] + 2 * self.padding[axis]).saturating_sub(self.kernel[axis]) / self.stride[axis]
                + 1
        };
        [input[0], self.outputs, size(0), size(1), size(2)]
    }

    /// The same without a bias.
    pub(crate) fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }

    /// The same with a bias where `bias` says so.
    pub(crate) fn with_bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// The same with channels in groups that do not see each other.
    pub(crate) fn in_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }
}

/// Weights where they are used.
#[derive(Debug)]
enum Kernels<T> {
    /// In memory, in the order in which the processor's own work takes them.
    Here { kernels: T, bias: Option<Vec<f32>> },
    /// On burn's device.
    There(Box<OnDevice>),
}

#[derive(Debug)]
struct OnDevice {
    weight: Tensor<5>,
    bias: Option<Tensor<1>>,
}

/// A convolution with its weights.
#[derive(Debug)]
pub(crate) struct Conv {
    kernels: Kernels<cpu::Kernels>,
    spec: ConvSpec,
    stop: Stop,
}

impl Conv {
    /// Takes `weight` and, where the form has one, `bias`.
    pub(crate) fn load(layers: &Layers<'_>, spec: ConvSpec) -> Result<Self, WeightsError> {
        let kernels = match layers.is_cpu() && spec.groups == 1 {
            true => Kernels::Here {
                kernels: cpu::Kernels::of(
                    layers.kernel_numbers("weight", spec.outputs, spec.inputs, spec.kernel)?,
                    &spec,
                ),
                bias: spec.bias.then(|| layers.numbers("bias", &[spec.outputs])).transpose()?,
            },
            false => Kernels::There(Box::new(OnDevice {
                weight: layers.kernels("weight", spec.outputs, spec.inputs / spec.groups, spec.kernel)?,
                bias: spec.bias.then(|| layers.tensor("bias", [spec.outputs])).transpose()?,
            })),
        };
        Ok(Self { kernels, spec, stop: layers.stop() })
    }

    /// The convolution of the channels of `first`, then those of `second`. On the processor the two are not put together in
    /// memory first.
    pub(crate) fn forward_joined(&self, first: Tensor<5>, second: Tensor<5>) -> Tensor<5> {
        match &self.kernels {
            Kernels::Here { kernels, bias } if kernels.take_two() && !self.stop.is_asked() => {
                let maps = [&Map::of(first), &Map::of(second)];
                cpu::convolve_both(maps, kernels, bias.as_deref(), &self.spec).into_tensor()
            }
            _ => self.forward(join(first, second)),
        }
    }

    /// Nothing but zeros once the run is to end: convolutions are nearly all of the work, and the answer is thrown away.
    pub(crate) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let ConvSpec { kernel, stride, padding, groups, .. } = self.spec;
        if self.stop.is_asked() {
            return nothing(self.spec.output_dims(x.dims()), &x);
        }
        let (weight, bias) = match &self.kernels {
            Kernels::Here { kernels, bias } => {
                return cpu::convolve(&Map::of(x), kernels, bias.as_deref(), &self.spec).into_tensor();
            }
            Kernels::There(there) => (there.weight.clone(), there.bias.clone()),
        };
        if kernel[0] > 1 || stride[0] > 1 || x.dims()[2] > 1 {
            return module::conv3d(x, weight, bias, ConvOptions::new(stride, padding, [1; 3], groups));
        }
        let [_, rows_stride, columns_stride] = stride;
        let [_, rows_pad, columns_pad] = padding;
        let options =
            ConvOptions::new([rows_stride, columns_stride], [rows_pad, columns_pad], [1; 2], groups);
        with_depth_one(module::conv2d(without_depth(x), without_depth(weight), bias, options))
    }
}

/// A transposed convolution's form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransposedSpec {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel: [usize; 3],
    pub(crate) stride: [usize; 3],
    pub(crate) padding: [usize; 3],
    pub(crate) output_padding: [usize; 3],
    pub(crate) bias: bool,
}

/// A transposed convolution with its weights.
#[derive(Debug)]
pub(crate) struct TransposedConv {
    kernels: Kernels<cpu::TransposedKernels>,
    spec: TransposedSpec,
    stop: Stop,
}

impl TransposedConv {
    /// Takes `weight` and, where the form has one, `bias`.
    pub(crate) fn load(layers: &Layers<'_>, spec: TransposedSpec) -> Result<Self, WeightsError> {
        let as_product =
            spec.kernel == spec.stride && spec.padding == [0; 3] && spec.output_padding == [0; 3];
        let kernels = match layers.is_cpu() && as_product {
            true => Kernels::Here {
                kernels: cpu::TransposedKernels::of(
                    &layers.kernel_numbers("weight", spec.inputs, spec.outputs, spec.kernel)?,
                    &spec,
                ),
                bias: spec.bias.then(|| layers.numbers("bias", &[spec.outputs])).transpose()?,
            },
            false => Kernels::There(Box::new(OnDevice {
                weight: layers.kernels("weight", spec.inputs, spec.outputs, spec.kernel)?,
                bias: spec.bias.then(|| layers.tensor("bias", [spec.outputs])).transpose()?,
            })),
        };
        Ok(Self { kernels, spec, stop: layers.stop() })
    }

    pub(crate) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let TransposedSpec { kernel, stride, padding, output_padding, .. } = self.spec;
        if self.stop.is_asked() {
            let [images, _, depth, rows, columns] = x.dims();
            let size = |axis: usize, size: usize| {
                (size - 1) * stride[axis] + kernel[axis] + output_padding[axis] - 2 * padding[axis]
            };
            let dims = [images, self.spec.outputs, size(0, depth), size(1, rows), size(2, columns)];
            return nothing(dims, &x);
        }
        if kernel == stride && padding == [0; 3] && output_padding == [0; 3] {
            return match &self.kernels {
                Kernels::Here { kernels, bias } => {
                    cpu::transposed(&Map::of(x), kernels, bias.as_deref(), &self.spec).into_tensor()
                }
                Kernels::There(there) => self.as_product(x, &there.weight, there.bias.as_ref()),
            };
        }
        let Kernels::There(there) = &self.kernels else {
            // Only kernels that are their stride are kept here, and those are done above.
            unreachable!("a transposed convolution that is no product has its weights on the device");
        };
        let (weight, bias) = (there.weight.clone(), there.bias.clone());
        if kernel[0] > 1 || stride[0] > 1 || x.dims()[2] > 1 {
            let options = ConvTransposeOptions::new(stride, padding, output_padding, [1; 3], 1);
            return module::conv_transpose3d(x, weight, bias, options);
        }
        let plane = |axes: [usize; 3]| [axes[1], axes[2]];
        let options =
            ConvTransposeOptions::new(plane(stride), plane(padding), plane(output_padding), [1; 2], 1);
        with_depth_one(module::conv_transpose2d(without_depth(x), without_depth(weight), bias, options))
    }

    /// Kernel and stride are equal, so that no two inputs meet in an output: one product of matrices, and its results put
    /// in their places. Backends have only a slow gathering kernel for the general case (tracel-ai/burn#5792).
    fn as_product(&self, x: Tensor<5>, weight: &Tensor<5>, bias: Option<&Tensor<1>>) -> Tensor<5> {
        let [images, inputs, depth, rows, columns] = x.dims();
        let TransposedSpec { outputs, kernel: [kd, kr, kc], .. } = self.spec;
        let wide = outputs * kd * kr * kc;
        let weight: Tensor<3> = weight
            .clone()
            .reshape([inputs, wide])
            .transpose()
            .unsqueeze::<3>()
            .expand([images, wide, inputs]);
        let product = weight.matmul(x.reshape([images, inputs, depth * rows * columns]));
        let apart: Tensor<8> = product.reshape([images, outputs, kd, kr, kc, depth, rows, columns]);
        let placed = apart.permute([0, 1, 5, 2, 6, 3, 7, 4]);
        let joined: Tensor<5> = placed.reshape([images, outputs, depth * kd, rows * kr, columns * kc]);
        match bias {
            Some(bias) => joined + bias.clone().reshape([1, outputs, 1, 1, 1]),
            None => joined,
        }
    }
}

/// Zeros, in the precision of `like`.
fn nothing(dims: [usize; 5], like: &Tensor<5>) -> Tensor<5> {
    Tensor::zeros(dims, (&like.device(), like.dtype()))
}

fn without_depth(x: Tensor<5>) -> Tensor<4> {
    let [images, channels, _, rows, columns] = x.dims();
    x.reshape([images, channels, rows, columns])
}

fn with_depth_one(x: Tensor<4>) -> Tensor<5> {
    let [images, channels, rows, columns] = x.dims();
    x.reshape([images, channels, 1, rows, columns])
}
