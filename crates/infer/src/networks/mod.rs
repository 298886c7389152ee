//! The networks that the field publishes, each as its original computes it and with the names its weights have.
//!
//! A network here is only its layers: what goes in, how it is cut into patches and what becomes of the logits is told by the
//! form the model comes in (`nnunet`, `monai`, `classifier`).

mod basic_unet;
mod densenet;
mod dyn_unet;
mod monai_unet;
mod nnunet;
mod seg_resnet;
mod swin_unetr;
mod swin_windows;
mod torchvision;
mod unet_blocks;
mod wound_unet;

use burn::prelude::Tensor;
use burn::tensor::TensorData;

pub use basic_unet::BasicUnetShape;
pub use densenet::DenseNetShape;
pub use dyn_unet::DynUnetShape;
pub use monai_unet::{MonaiNorm, MonaiUnetShape};
pub use nnunet::NnunetShape;
pub use seg_resnet::SegResNetShape;
pub use swin_unetr::{Merging, SwinUnetrShape};
pub use torchvision::{ConvNextShape, EfficientNetShape, ResNetShape};
pub(crate) use wound_unet::STEP_PX as WOUND_STEP_PX;
pub use wound_unet::WoundUnetShape;

use crate::compute::{Compute, single};
use crate::layers::Kept;
use crate::run::InferError;
use crate::weights::{Weights, WeightsError};

/// A network with its weights on a device.
pub trait Network: Send {
    /// Logits of images: `[images, channels, depth, rows, columns]` to `[images, classes, depth, rows, columns]`, with
    /// depth 1 for pictures. A classifier's answer has one voxel.
    fn forward(&self, x: Tensor<5>) -> Tensor<5>;
}

/// One pass over numbers: for measurements and comparisons.
///
/// # Errors
/// The device's word when it failed.
pub fn pass(
    network: &dyn Network,
    compute: &Compute,
    values: Vec<f32>,
    dims: [usize; 5],
) -> Result<Vec<f32>, InferError> {
    let _kept = Kept;
    let x = compute.placed(Tensor::from_data(TensorData::new(values, dims), compute.device()));
    let failed = |reason: String| InferError::Device(reason);
    let data = single(network.forward(x)).try_into_data().map_err(|error| failed(error.to_string()))?;
    data.try_into_vec().map_err(|error| failed(format!("{error:?}")))
}

/// Which network, and its measures.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// nnU-Net's PlainConvUNet or ResidualEncoderUNet.
    Nnunet(NnunetShape),
    /// MONAI's UNet.
    MonaiUnet(MonaiUnetShape),
    /// MONAI's BasicUNet.
    BasicUnet(BasicUnetShape),
    /// MONAI's DynUNet.
    DynUnet(DynUnetShape),
    /// MONAI's SegResNet.
    SegResNet(SegResNetShape),
    /// MONAI's SwinUNETR.
    SwinUnetr(SwinUnetrShape),
    /// DenseNet, MONAI's or torchvision's.
    DenseNet(DenseNetShape),
    /// torchvision's ResNet.
    ResNet(ResNetShape),
    /// torchvision's EfficientNet.
    EfficientNet(EfficientNetShape),
    /// torchvision's ConvNeXt.
    ConvNext(ConvNextShape),
    /// The wound segmenter's.
    WoundUnet(WoundUnetShape),
}

impl Shape {
    /// A classifier of pictures by the name that torchvision and MONAI give it: `resnet50`, `densenet121`, `efficientnet_b2`,
    /// `convnext_tiny`.
    pub fn classifier(name: &str, inputs: usize, outputs: usize) -> Option<Self> {
        if let Some(depth) = name.strip_prefix("resnet") {
            return ResNetShape::by_depth(depth.parse().ok()?, inputs, outputs).map(Self::ResNet);
        }
        if let Some(layers) = name.strip_prefix("densenet") {
            return DenseNetShape::by_layers(layers.parse().ok()?, inputs, outputs).map(Self::DenseNet);
        }
        if let Some(number) = name.strip_prefix("efficientnet_b") {
            return EfficientNetShape::b(number.parse().ok()?, inputs, outputs).map(Self::EfficientNet);
        }
        let size = name.strip_prefix("convnext_")?;
        ConvNextShape::by_name(size, inputs, outputs).map(Self::ConvNext)
    }

    /// The network of this shape with these weights.
    ///
    /// # Errors
    /// [`WeightsError`] with the name of the layer that does not fit; no network exists then.
    pub fn build(&self, weights: &Weights, compute: &Compute) -> Result<Box<dyn Network>, WeightsError> {
        match self {
            Self::Nnunet(shape) => nnunet::build(shape, weights, compute),
            Self::MonaiUnet(shape) => monai_unet::build(shape, weights, compute),
            Self::BasicUnet(shape) => basic_unet::build(shape, weights, compute),
            Self::DynUnet(shape) => dyn_unet::build(shape, weights, compute),
            Self::SegResNet(shape) => seg_resnet::build(shape, weights, compute),
            Self::SwinUnetr(shape) => swin_unetr::build(shape, weights, compute),
            Self::DenseNet(shape) => densenet::build(shape, weights, compute),
            Self::ResNet(shape) => torchvision::build_resnet(shape, weights, compute),
            Self::EfficientNet(shape) => torchvision::build_efficientnet(shape, weights, compute),
            Self::ConvNext(shape) => torchvision::build_convnext(shape, weights, compute),
            Self::WoundUnet(shape) => wound_unet::build(shape, weights, compute),
        }
    }
}

/// No name of a layer is a copy of another's.
fn no_copies(_: &str) -> bool {
    false
}
