//! Each network gives the logits of its original: PyTorch's, MONAI's, nnU-Net's and torchvision's own classes, whose answers
//! `tests/infer/make_networks.py` keeps.

use crate::made;
use burn::prelude::Tensor;
use burn::tensor::TensorData;
use medsight_infer::{
    BasicUnetShape, Compute, ConvNextShape, DenseNetShape, DynUnetShape, EfficientNetShape, Merging,
    MonaiNorm, MonaiUnetShape, NnunetShape, ResNetShape, SegResNetShape, Shape, SwinUnetrShape, Weights,
    WeightsError,
};

/// Relative difference of the logits: the root of the sum of squares of the difference by that of the original.
fn difference(name: &str, shape: &Shape) -> f64 {
    let reference = made::reference(name);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    made::write_weights(&reference, &path);
    let compute = Compute::cpu();
    let network = shape.build(&Weights::open(&path, &[]).unwrap(), &compute).unwrap();
    let dims = five(&reference.input);
    let x = TensorData::new(made::image(dims.iter().product()), dims);
    let y = network.forward(Tensor::from_data(x, compute.device()));
    assert_eq!(y.dims(), five(&reference.output));
    let [images, classes, depth, rows, columns] = y.dims();
    let y: Vec<f32> = y.into_data().try_to_vec().unwrap();
    let every = |size: usize| (0..size).step_by(reference.step);
    let mut sample = Vec::with_capacity(reference.logits.len());
    for map in 0..images * classes {
        for z in every(depth) {
            for row in every(rows) {
                sample.extend(
                    every(columns).map(|column| y[((map * depth + z) * rows + row) * columns + column]),
                );
            }
        }
    }
    assert_eq!(sample.len(), reference.logits.len());
    let square = |x: f64| x * x;
    let pairs = sample.iter().zip(&reference.logits);
    let apart: f64 = pairs.map(|(ours, theirs)| square(f64::from(*ours) - f64::from(*theirs))).sum();
    let whole: f64 = reference.logits.iter().map(|theirs| square(f64::from(*theirs))).sum();
    (apart / whole).sqrt()
}

/// Pictures have depth 1; a classifier's answer has one voxel.
fn five(sizes: &[usize]) -> [usize; 5] {
    match *sizes {
        [a, b] => [a, b, 1, 1, 1],
        [a, b, c, d] => [a, b, 1, c, d],
        [a, b, c, d, e] => [a, b, c, d, e],
        _ => panic!("{sizes:?}"),
    }
}

fn agrees(name: &str, shape: Shape) {
    let difference = difference(name, &shape);
    println!("{name}: relative difference {difference:.2e}");
    assert!(difference < 1e-4, "{name}: {difference:e}");
}

fn plain(spatial: usize, inputs: usize, outputs: usize) -> NnunetShape {
    let all = |size: usize| if spatial == 2 { [1, size, size] } else { [size; 3] };
    NnunetShape {
        spatial,
        inputs,
        outputs,
        features: vec![8, 16, 32, 64],
        kernels: vec![all(3); 4],
        strides: vec![[1; 3], all(2), all(2), all(2)],
        blocks: vec![2; 4],
        residual: false,
        decoder_blocks: vec![2; 3],
        bias: true,
        epsilon: 1e-5,
        slope: 0.01,
    }
}

fn residual(spatial: usize, inputs: usize, outputs: usize) -> NnunetShape {
    NnunetShape {
        blocks: vec![1, 2, 2, 2],
        residual: true,
        decoder_blocks: vec![1; 3],
        ..plain(spatial, inputs, outputs)
    }
}

#[test]
fn nnunets_plain_network_agrees_in_volumes_and_pictures() {
    agrees("nnunet_plain_3d", Shape::Nnunet(plain(3, 1, 3)));
    agrees("nnunet_plain_2d", Shape::Nnunet(plain(2, 3, 2)));
}

#[test]
fn nnunets_residual_network_agrees_in_volumes_and_pictures() {
    let uneven = NnunetShape {
        kernels: vec![[1, 3, 3], [3; 3], [3; 3], [3; 3]],
        strides: vec![[1; 3], [1, 2, 2], [2; 3], [2; 3]],
        ..residual(3, 2, 3)
    };
    assert_eq!(uneven.divisor(), [4, 8, 8]);
    agrees("nnunet_residual_3d", Shape::Nnunet(uneven));
    agrees("nnunet_residual_2d", Shape::Nnunet(residual(2, 1, 2)));
}

#[test]
fn monais_unet_agrees_with_residual_units_and_without() {
    let plane = MonaiUnetShape {
        spatial: 2,
        inputs: 3,
        outputs: 2,
        channels: vec![16, 32, 64, 128],
        strides: vec![2, 2, 2],
        kernels: [3, 3],
        units: 2,
        norm: MonaiNorm::Batch,
        slope: None,
    };
    agrees("monai_unet_2d", Shape::MonaiUnet(plane.clone()));
    let volume = MonaiUnetShape {
        spatial: 3,
        inputs: 1,
        outputs: 3,
        channels: vec![8, 16, 32],
        strides: vec![2, 2],
        units: 0,
        norm: MonaiNorm::Instance { affine: false },
        ..plane
    };
    agrees("monai_unet_3d", Shape::MonaiUnet(volume));
}

#[test]
fn monais_basic_unet_agrees_where_sizes_are_odd() {
    let shape =
        BasicUnetShape { spatial: 3, inputs: 1, outputs: 2, features: [8, 8, 16, 32, 64, 8], bias: true };
    agrees("basic_unet_3d", Shape::BasicUnet(shape));
}

#[test]
fn monais_dynunet_agrees_with_uneven_kernels_and_with_residual_blocks() {
    let uneven = DynUnetShape {
        spatial: 3,
        inputs: 1,
        outputs: 3,
        filters: vec![8, 16, 32, 64],
        kernels: vec![[3, 3, 1], [3; 3], [3; 3], [3; 3]],
        strides: vec![[1; 3], [2, 2, 1], [2; 3], [2; 3]],
        up_kernels: vec![[2, 2, 1], [2; 3], [2; 3]],
        norm: MonaiNorm::Instance { affine: true },
        residual: false,
        up_bias: false,
    };
    agrees("dyn_unet_3d", Shape::DynUnet(uneven.clone()));
    let plane = DynUnetShape {
        spatial: 2,
        outputs: 2,
        filters: vec![8, 16, 32],
        kernels: vec![[1, 3, 3]; 3],
        strides: vec![[1; 3], [1, 2, 2], [1, 2, 2]],
        up_kernels: vec![[1, 2, 2]; 2],
        residual: true,
        up_bias: true,
        ..uneven
    };
    agrees("dyn_unet_2d_residual", Shape::DynUnet(plane));
}

#[test]
fn monais_segresnet_agrees_in_volumes_and_pictures() {
    let volume = SegResNetShape {
        spatial: 3,
        inputs: 1,
        outputs: 2,
        filters: 8,
        blocks_down: vec![1, 2, 2, 4],
        blocks_up: vec![1, 1, 1],
        norm: MonaiNorm::Group(8),
    };
    agrees("seg_resnet_3d", Shape::SegResNet(volume.clone()));
    let plane = SegResNetShape {
        spatial: 2,
        filters: 16,
        blocks_down: vec![1, 1, 2],
        blocks_up: vec![1, 1],
        ..volume
    };
    agrees("seg_resnet_2d", Shape::SegResNet(plane));
}

#[test]
fn monais_swin_unetr_agrees_with_both_ways_to_merge() {
    let first = SwinUnetrShape {
        spatial: 3,
        inputs: 1,
        outputs: 2,
        features: 12,
        depths: [2; 4],
        heads: [3, 6, 12, 24],
        window: 7,
        merging: Merging::First,
        convolutions: false,
        normalise: true,
    };
    agrees("swin_unetr_3d", Shape::SwinUnetr(first.clone()));
    let second = SwinUnetrShape { merging: Merging::Second, ..first };
    agrees("swin_unetr_3d_merging_v2", Shape::SwinUnetr(second.clone()));
    // With the other way of merging the same weights give something else: the two are not interchangeable.
    let mixed = Shape::SwinUnetr(SwinUnetrShape { merging: Merging::First, ..second.clone() });
    assert!(difference("swin_unetr_3d_merging_v2", &mixed) > 0.01);
    let plane = SwinUnetrShape { spatial: 2, convolutions: true, ..second };
    agrees("swin_unetr_2d_v2", Shape::SwinUnetr(plane));
}

#[test]
fn densenet_agrees_with_monai_and_with_torchvision() {
    agrees("densenet121_3d", Shape::DenseNet(DenseNetShape::densenet121(3, 1, 4)));
    agrees("densenet121_2d", Shape::DenseNet(DenseNetShape::densenet121(2, 1, 5)));
    agrees("torchvision_densenet121", Shape::DenseNet(DenseNetShape::densenet121(2, 3, 7)));
}

#[test]
fn torchvisions_classifiers_agree() {
    agrees("torchvision_resnet18", Shape::ResNet(ResNetShape::by_depth(18, 3, 7).unwrap()));
    agrees("torchvision_resnet50", Shape::ResNet(ResNetShape::by_depth(50, 3, 7).unwrap()));
    agrees("torchvision_efficientnet_b2", Shape::EfficientNet(EfficientNetShape::b(2, 3, 7).unwrap()));
    agrees("torchvision_convnext_tiny", Shape::ConvNext(ConvNextShape::by_name("tiny", 3, 7).unwrap()));
}

#[test]
fn weights_that_do_not_fit_are_refused_with_the_name_of_the_layer() {
    let reference = made::reference("nnunet_plain_3d");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let compute = Compute::cpu();
    let fault = |shape: &NnunetShape| {
        let weights = Weights::open(&path, &[]).unwrap();
        match Shape::Nnunet(shape.clone()).build(&weights, &compute) {
            Ok(_) => panic!("it was built"),
            Err(error) => error,
        }
    };
    made::write_weights(&reference, &path);
    let wide = NnunetShape { features: vec![8, 16, 32, 96], ..plain(3, 1, 3) };
    let error = fault(&wide);
    assert!(
        matches!(&error, WeightsError::Shape { layer, .. } if layer == "encoder.stages.3.0.convs.0.conv.weight")
    );
    assert!(error.to_string().contains("[96, 32, 3, 3, 3]"), "{error}");

    let shallow = NnunetShape { blocks: vec![2, 2, 2, 1], ..plain(3, 1, 3) };
    assert!(
        matches!(fault(&shallow), WeightsError::Unknown { first, .. } if first.starts_with("encoder.stages.3.0.convs.1"))
    );

    let missing: Vec<_> =
        reference.layers.iter().filter(|(name, ..)| name != "decoder.transpconvs.1.bias").cloned().collect();
    made::write_layers(&missing, &path, |_, values| values);
    assert!(
        matches!(fault(&plain(3, 1, 3)), WeightsError::Missing(layer) if layer == "decoder.transpconvs.1.bias")
    );

    made::write_layers(&reference.layers, &path, |name, mut values| {
        if name == "encoder.stages.1.0.convs.0.norm.weight" {
            values[3] = f32::NAN;
        }
        values
    });
    assert!(matches!(
        fault(&plain(3, 1, 3)),
        WeightsError::NotFinite(layer) if layer == "encoder.stages.1.0.convs.0.norm.weight"
    ));
}
