//! Classifiers of pictures as torchvision publishes them: ResNet, EfficientNet, ConvNeXt. (DenseNet is in
//! `densenet`, which MONAI shares.)

mod convnext;
mod efficientnet;
mod resnet;

pub use convnext::ConvNextShape;
pub(super) use convnext::build as build_convnext;
pub use efficientnet::EfficientNetShape;
pub(super) use efficientnet::build as build_efficientnet;
pub(super) use efficientnet::{STAGES, rounded};
pub use resnet::ResNetShape;
pub(super) use resnet::build as build_resnet;
