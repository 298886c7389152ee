//! The wound segmenter sees what the network that was trained sees (`models/wound/train/network.py`, with made weights).

use medsight_infer::image::{Rgb, RgbImage};
use medsight_infer::{
    CodedLabel, Compute, FileHash, Form, InputRules, Manifest, Model, ModelError, Progress, Store, Trust,
    WoundModel,
};
use sha2::{Digest, Sha256};

use crate::made;

/// A package of the made network in a store.
fn installed(folder: &std::path::Path, threshold: f32) -> medsight_infer::Installed {
    let source = folder.join("source");
    std::fs::create_dir_all(&source).unwrap();
    made::write_weights(&made::reference("wound"), &source.join("weights.safetensors"));
    std::fs::write(source.join("CARD.md"), "# Made\n").unwrap();
    let hash = |path: &str| {
        let digest = Sha256::digest(std::fs::read(source.join(path)).unwrap());
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        FileHash { path: path.to_owned(), sha256 }
    };
    let manifest = Manifest {
        format: 1,
        name: "wound".to_owned(),
        version: "0.1.0".to_owned(),
        licence: "CC-BY-NC-4.0".to_owned(),
        intended_use: "A test.".to_owned(),
        limits: vec!["Made weights.".to_owned()],
        card: "CARD.md".to_owned(),
        form: Form::Wound {
            weights: "weights.safetensors".to_owned(),
            network: "lite0".to_owned(),
            edge_px: 64,
            threshold,
        },
        input: InputRules { modalities: vec!["XC".to_owned()], ..InputRules::default() },
        labels: vec![CodedLabel {
            value: 1,
            name: "wound".to_owned(),
            category: None,
            code: None,
            side: None,
            colour: None,
            threshold: None,
        }],
        measured: vec![],
        files: vec![hash("weights.safetensors"), hash("CARD.md")],
    };
    std::fs::write(source.join("model.toml"), manifest.text().unwrap()).unwrap();
    Store::new(folder.join("models")).install(&source, &Trust::default()).unwrap()
}

/// Squares of 8 × 8 pixels of one colour.
fn photograph() -> RgbImage {
    let coarse = made::uniform("photograph", 3 * 64);
    RgbImage::from_fn(64, 64, |column, row| {
        let at = |channel: u32| (coarse[(channel * 64 + row / 8 * 8 + column / 8) as usize] * 255.0) as u8;
        Rgb([at(0), at(1), at(2)])
    })
}

#[test]
fn a_photograph_is_segmented_as_by_the_network_that_was_trained() {
    let folder = tempfile::tempdir().unwrap();
    let threshold = 0.5;
    let model =
        WoundModel::open(&installed(folder.path(), threshold), &Trust::default(), &Compute::cpu()).unwrap();
    let mask = model.mask(&photograph(), &Progress::new(&|_| ())).unwrap();
    assert_eq!(mask.size_px, [64, 64]);
    let parts = made::reference("wound").logits;
    let (mut wound, mut rest) = (0, 0);
    for (pixel, part) in mask.pixels.iter().zip(&parts) {
        if (part - threshold).abs() > 1e-4 {
            assert_eq!(*pixel == 255, *part > threshold, "{part}");
        }
        wound += usize::from(*pixel == 255);
        rest += usize::from(*pixel == 0);
    }
    assert!(wound > 100 && rest > 100, "{wound} and {rest}");
}

#[test]
fn a_photograph_of_another_shape_gets_a_mask_of_its_own_size() {
    let folder = tempfile::tempdir().unwrap();
    let model = WoundModel::open(&installed(folder.path(), 0.5), &Trust::default(), &Compute::cpu()).unwrap();
    let wide = RgbImage::from_pixel(300, 100, Rgb([200, 120, 110]));
    let mask = model.mask(&wide, &Progress::new(&|_| ())).unwrap();
    assert_eq!((mask.size_px, mask.pixels.len()), ([300, 100], 30_000));
}

#[test]
fn a_package_for_photographs_is_no_model_for_volumes() {
    let folder = tempfile::tempdir().unwrap();
    let installed = installed(folder.path(), 0.5);
    let refused = Model::open(&installed, &Trust::default(), &Compute::cpu()).unwrap_err();
    assert!(matches!(refused, ModelError::OtherUse("volumes")), "{refused}");
}

#[test]
fn a_package_that_names_no_network_that_there_is_or_weights_of_elsewhere_is_refused_by_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let whole = installed(folder.path(), 0.5).manifest;
    let refused = |network: &str, weights: &str, edge_px: usize| {
        let (network, weights) = (network.to_owned(), weights.to_owned());
        let form = Form::Wound { weights, network, edge_px, threshold: 0.5 };
        Manifest { form, ..whole.clone() }.text().unwrap_err().to_string()
    };
    assert!(refused("lite9", "weights.safetensors", 64).contains("form.network"));
    assert!(refused("lite0", "../weights.safetensors", 64).contains("form.weights"));
    assert!(refused("lite0", "weights.safetensors", 100).contains("form.edge_px"));
}

#[test]
fn weights_of_another_size_of_network_are_refused_by_the_layer() {
    let folder = tempfile::tempdir().unwrap();
    let mut installed = installed(folder.path(), 0.5);
    let place = installed.folder.clone();
    if let Form::Wound { network, .. } = &mut installed.manifest.form {
        *network = "lite2".to_owned();
    }
    std::fs::write(place.join("model.toml"), installed.manifest.text().unwrap()).unwrap();
    let refused = WoundModel::open(&installed, &Trust::default(), &Compute::cpu()).unwrap_err();
    assert!(refused.to_string().contains("encoder.blocks."), "{refused}");
}
