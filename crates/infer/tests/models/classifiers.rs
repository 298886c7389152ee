//! Classifiers as packages give the probabilities that torchvision and MONAI give with their own preparation of the same
//! picture. `tests/infer/make_classifiers.py` keeps the answers; the pictures and the weights are made on both sides.

use std::collections::BTreeMap;
use std::path::Path;

use medsight_infer::image::{Rgb, RgbImage};
use medsight_infer::{
    ClassifierForm, ClassifierModel, CodedLabel, Compute, FileHash, Form, GreyWindow, InferError, InputRules,
    Installed, Likelihood, Manifest, Model, ModelError, OwnRange, Picture, PictureFilter, PictureRules,
    Resize, SeriesFacts, Store, Trust,
};
use sha2::{Digest, Sha256};

use crate::made;

fn label(value: u16) -> CodedLabel {
    CodedLabel {
        value,
        name: format!("finding {value}"),
        category: None,
        code: None,
        side: None,
        colour: None,
        threshold: (value == 1).then_some(0.2),
    }
}

fn rules(resize_px: Resize, crop_px: Option<usize>, interpolation: PictureFilter) -> PictureRules {
    PictureRules {
        resize_px,
        crop_px,
        interpolation,
        antialias: true,
        window: None,
        mean: vec![0.485, 0.456, 0.406],
        deviation: vec![0.229, 0.224, 0.225],
    }
}

fn form(network: &str, activation: Likelihood, picture: PictureRules) -> ClassifierForm {
    ClassifierForm {
        weights: "weights.safetensors".to_owned(),
        entry: None,
        network: network.to_owned(),
        channels: picture.mean.len(),
        activation,
        picture,
    }
}

/// A package of the made network in a store. Its labels stand in the manifest from the last to the first.
fn installed(folder: &Path, reference: &str, form: &ClassifierForm) -> Installed {
    let source = folder.join("source");
    std::fs::create_dir_all(&source).unwrap();
    let layers = made::reference(reference);
    made::write_weights(&layers, &source.join("weights.safetensors"));
    std::fs::write(source.join("CARD.md"), "# Made\n").unwrap();
    let hash = |path: &str| {
        let digest = Sha256::digest(std::fs::read(source.join(path)).unwrap());
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        FileHash { path: path.to_owned(), sha256 }
    };
    let manifest = Manifest {
        format: 1,
        name: "chest".to_owned(),
        version: "1".to_owned(),
        licence: "MIT".to_owned(),
        intended_use: "A test.".to_owned(),
        limits: vec![],
        card: "CARD.md".to_owned(),
        form: Form::Classifier(Box::new(form.clone())),
        input: InputRules { modalities: vec!["CT".to_owned()], ..InputRules::default() },
        labels: (1..=layers.output[1] as u16).rev().map(label).collect(),
        measured: vec![],
        files: vec![hash("weights.safetensors"), hash("CARD.md")],
    };
    let text = manifest.text().unwrap();
    assert_eq!(Manifest::read(&text).unwrap(), manifest);
    std::fs::write(source.join("model.toml"), text).unwrap();
    Store::new(folder.join("models")).install(&source, &Trust::default()).unwrap()
}

fn ct() -> SeriesFacts {
    SeriesFacts { modality: "CT".to_owned(), body_part: String::new() }
}

fn probabilities(reference: &str, form: &ClassifierForm, picture: Picture<'_>) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let installed = installed(folder.path(), reference, form);
    let model = ClassifierModel::open(&installed, &Trust::default(), &Compute::cpu()).unwrap();
    let found = model.classify(picture, &ct()).unwrap();
    for (place, finding) in found.iter().enumerate() {
        assert_eq!(usize::from(finding.label.value), place + 1);
        let is_above = (place == 0).then_some(finding.probability >= 0.2);
        assert_eq!(finding.is_above, is_above);
    }
    found.iter().map(|finding| finding.probability).collect()
}

/// The largest difference of a probability from the original's.
fn difference(reference: &str, ours: &[f32]) -> f32 {
    let text = std::fs::read(made::folder().join("classifiers.json")).unwrap();
    let told: BTreeMap<String, Vec<f32>> = serde_json::from_slice(&text).unwrap();
    let theirs = &told[reference];
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max)
}

fn agrees(reference: &str, form: &ClassifierForm, picture: Picture<'_>) {
    let difference = difference(reference, &probabilities(reference, form, picture));
    println!("{reference}: probabilities differ by {difference:.1e} at most");
    assert!(difference < 2e-5, "{reference}: {difference:e}");
}

/// Noise over squares of 8 by 8 pixels, and of each pixel.
fn colour(name: &str, rows: usize, columns: usize) -> RgbImage {
    let coarse = made::uniform(name, rows * columns * 3);
    let fine = made::uniform(&format!("{name}/fine"), rows * columns * 3);
    RgbImage::from_fn(columns as u32, rows as u32, |column, row| {
        let (row, column) = (row as usize, column as usize);
        let at = |row: usize, column: usize, channel: usize| (row * columns + column) * 3 + channel;
        let value = |channel: usize| {
            (coarse[at(row / 8, column / 8, channel)] * 192.0 + fine[at(row, column, channel)] * 64.0) as u8
        };
        Rgb([value(0), value(1), value(2)])
    })
}

fn grey(name: &str, rows: usize, columns: usize) -> Vec<f32> {
    let coarse = made::uniform(name, rows * columns);
    let fine = made::uniform(&format!("{name}/fine"), rows * columns);
    let value = |at: usize| {
        let (row, column) = (at / columns, at % columns);
        (coarse[row / 8 * columns + column / 8] * 1500.0 + fine[at] * 500.0).floor() - 1000.0
    };
    (0..rows * columns).map(value).collect()
}

fn slice(values: &[f32], size_px: [usize; 2]) -> Picture<'_> {
    Picture::Grey { size_px, values, unit: "HU", inverted: false }
}

#[test]
fn pictures_in_colour_agree_with_torchvisions_presets_made_smaller_and_larger() {
    let smaller = rules(Resize::ShorterEdge(72), Some(64), PictureFilter::Bilinear);
    let resnet = form("resnet18", Likelihood::Softmax, smaller);
    agrees("torchvision_resnet18", &resnet, Picture::Colour(&colour("picture", 90, 117)));
    let larger = rules(Resize::ShorterEdge(80), Some(96), PictureFilter::Bicubic);
    let efficientnet = form("efficientnet_b2", Likelihood::Sigmoid, larger);
    agrees("torchvision_efficientnet_b2", &efficientnet, Picture::Colour(&colour("small", 61, 50)));
    let wide = rules(Resize::ShorterEdge(64), Some(64), PictureFilter::Bicubic);
    let convnext = form("convnext_tiny", Likelihood::Softmax, wide);
    agrees("torchvision_convnext_tiny", &convnext, Picture::Colour(&colour("wide", 40, 133)));
}

#[test]
fn grey_pictures_agree_with_a_window_in_their_unit_and_with_their_own_range() {
    let window = PictureRules {
        antialias: false,
        window: Some(GreyWindow::Values([-200.0, 300.0])),
        mean: vec![0.3],
        deviation: vec![0.4],
        ..rules(Resize::RowsColumns([64, 96]), None, PictureFilter::Bilinear)
    };
    let monai = form("densenet121", Likelihood::Sigmoid, window);
    agrees("densenet121_2d", &monai, slice(&grey("slice", 75, 80), [80, 75]));
    let own = PictureRules {
        window: Some(GreyWindow::Own(OwnRange::Image)),
        ..rules(Resize::ShorterEdge(72), Some(64), PictureFilter::Bicubic)
    };
    let chest = form("densenet121", Likelihood::Softmax, own);
    let values = grey("chest", 101, 130);
    agrees("torchvision_densenet121", &chest, slice(&values, [130, 101]));
    // A picture whose lowest value is white is the same picture when its values are turned over too.
    let turned: Vec<f32> = values.iter().map(|value| -value).collect();
    let size_px = [130, 101];
    let white = Picture::Grey { size_px, values: &turned, unit: "HU", inverted: true };
    agrees("torchvision_densenet121", &chest, white);
}

#[test]
fn another_preparation_gives_another_answer() {
    let exact = rules(Resize::ShorterEdge(72), Some(64), PictureFilter::Bilinear);
    let picture = colour("picture", 90, 117);
    for other in [
        PictureRules { interpolation: PictureFilter::Bicubic, ..exact.clone() },
        PictureRules { antialias: false, ..exact.clone() },
        PictureRules { mean: vec![0.4; 3], ..exact.clone() },
        PictureRules { resize_px: Resize::ShorterEdge(73), ..exact },
    ] {
        let form = form("resnet18", Likelihood::Softmax, other);
        let ours = probabilities("torchvision_resnet18", &form, Picture::Colour(&picture));
        assert!(difference("torchvision_resnet18", &ours) > 1e-4);
    }
}

#[test]
fn a_picture_that_the_model_was_not_made_for_is_refused_with_the_attribute() {
    let folder = tempfile::tempdir().unwrap();
    let colours = rules(Resize::ShorterEdge(72), Some(64), PictureFilter::Bilinear);
    let installed =
        installed(folder.path(), "torchvision_resnet18", &form("resnet18", Likelihood::Softmax, colours));
    let model = ClassifierModel::open(&installed, &Trust::default(), &Compute::cpu()).unwrap();
    let refused = |picture, series: &SeriesFacts| model.classify(picture, series).unwrap_err();
    let values = vec![0.0; 64];
    let grey = refused(slice(&values, [8, 8]), &ct());
    assert!(grey.to_string().contains("Samples per Pixel (0028,0002)"), "{grey}");
    let line = RgbImage::new(1, 40_000);
    let narrow = refused(Picture::Colour(&line), &ct());
    assert!(narrow.to_string().contains("Rows, 0028,0010"), "{narrow}");
    let mr = SeriesFacts { modality: "MR".to_owned(), ..ct() };
    let picture = colour("picture", 20, 20);
    assert!(refused(Picture::Colour(&picture), &mr).to_string().contains("(0008,0060)"));
    let other = Model::open(&installed, &Trust::default(), &Compute::cpu()).unwrap_err();
    assert!(matches!(other, ModelError::OtherUse("volumes")), "{other}");
}

#[test]
fn values_that_are_none_and_another_unit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let window = PictureRules {
        window: Some(GreyWindow::Values([-200.0, 300.0])),
        ..rules(Resize::ShorterEdge(64), None, PictureFilter::Bilinear)
    };
    let mut installed =
        installed(folder.path(), "torchvision_resnet18", &form("resnet18", Likelihood::Softmax, window));
    installed.manifest.input.unit = Some("HU".to_owned());
    let model = ClassifierModel::open(&installed, &Trust::default(), &Compute::cpu()).unwrap();
    let mut values = vec![0.0; 64 * 64];
    let unknown = Picture::Grey { size_px: [64, 64], values: &values, unit: "", inverted: false };
    let unit = model.classify(unknown, &ct()).unwrap_err();
    assert!(unit.to_string().contains("(Rescale Type, 0028,1054)"), "{unit}");
    values[7] = f32::NAN;
    let refused = model.classify(slice(&values, [64, 64]), &ct()).unwrap_err();
    assert!(matches!(refused, InferError::NotFinite), "{refused}");
}

#[test]
fn what_is_wrong_in_a_classifiers_manifest_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let colours = rules(Resize::ShorterEdge(72), Some(64), PictureFilter::Bilinear);
    let whole =
        installed(folder.path(), "torchvision_resnet18", &form("resnet18", Likelihood::Softmax, colours));
    let wrong = |change: &dyn Fn(&mut Manifest, &mut ClassifierForm)| {
        let mut manifest = whole.manifest.clone();
        let Form::Classifier(form) = manifest.form.clone() else { panic!() };
        let mut form = *form;
        change(&mut manifest, &mut form);
        manifest.form = Form::Classifier(Box::new(form));
        manifest.text().unwrap_err().to_string()
    };
    assert!(wrong(&|_, form| form.network = "resnet19".to_owned()).contains("`form.network`"));
    assert!(wrong(&|_, form| form.channels = 2).contains("`form.channels`"));
    assert!(wrong(&|_, form| form.weights = "other.pth".to_owned()).contains("`form.weights`"));
    assert!(wrong(&|_, form| form.picture.deviation[1] = 0.0).contains("`form.picture.mean`"));
    assert!(wrong(&|_, form| form.picture.crop_px = Some(0)).contains("`form.picture.resize_px`"));
    let window = Some(GreyWindow::Values([1.0, 1.0]));
    assert!(wrong(&|_, form| form.picture.window = window).contains("`form.picture.window`"));
    assert!(wrong(&|manifest, _| manifest.labels[0].value = 9).contains("`labels`"));
    assert!(wrong(&|manifest, _| manifest.labels[6].threshold = Some(1.5)).contains("`labels.threshold`"));
}
