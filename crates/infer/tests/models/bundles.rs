//! MONAI bundles give the labels that MONAI gives with its own configuration parser, transforms and inferer, on a real CT.
//! `tests/infer/make_bundles.py` keeps the bundles and the answers.

use std::path::{Path, PathBuf};

use medsight_infer::{
    BundleChoice, BundleError, BundlePlan, Compute, Grid, InferError, MonaiModel, Progress,
};

use crate::arrays::{Array, arrays, two_images};
use crate::made;

fn bundle(name: &str) -> PathBuf {
    made::folder().join("../bundles").join(name)
}

fn ct() -> Array {
    arrays(&made::folder().join("../nnunet/answers.npz")).remove("ct").unwrap()
}

/// With x slowest.
fn grid(image: &Array) -> Grid {
    let [slices, rows, columns] = image.dims;
    let mut values = Vec::with_capacity(image.values.len());
    for x in 0..columns {
        for y in 0..rows {
            values.extend((0..slices).map(|z| f32::from(image.values[(z * rows + y) * columns + x])));
        }
    }
    Grid { dims: [columns, rows, slices], values }
}

fn agreement(name: &str, model: &MonaiModel, images: &[Grid]) -> f64 {
    let answer = grid(&arrays(&bundle("answers.npz"))[name]);
    assert_eq!(model.orientation(), Some("RAS"));
    let labels = model.segment(images, [3.0; 3], &Progress::new(&|_| ())).unwrap();
    let pairs = labels.iter().zip(&answer.values);
    let same = pairs.filter(|(ours, theirs)| f32::from(**ours) == **theirs).count();
    let part = same as f64 / labels.len() as f64;
    println!("{name}: {:.4} % of {} voxels agree", 100.0 * part, labels.len());
    part
}

fn agrees(name: &str) {
    let model = MonaiModel::open(&bundle(name), &Compute::cpu()).unwrap();
    assert!(agreement(name, &model, &[grid(&ct())]) >= 0.999);
}

#[test]
fn a_unet_with_spacing_gaussian_windows_and_probabilities_brought_back_agrees() {
    agrees("unet");
}

#[test]
fn a_dynunet_with_a_crop_and_labels_brought_back_agrees() {
    agrees("dynunet");
}

#[test]
fn a_segresnet_with_one_channel_and_a_threshold_agrees() {
    agrees("segresnet");
}

#[test]
fn a_bundle_of_two_images_written_in_yaml_agrees_with_each_image_prepared_for_itself() {
    let images = two_images(&ct()).each_ref().map(grid);
    let model = MonaiModel::open(&bundle("two_images"), &Compute::cpu()).unwrap();
    assert_eq!(model.channels(), ["t1", "t2"]);
    assert!(agreement("two_images_apart", &model, &images) >= 0.999);
    let refused = model.segment(&images[..1], [3.0; 3], &Progress::new(&|_| panic!("it ran"))).unwrap_err();
    assert!(matches!(refused, InferError::Channels { expected: 2, found: 1 }), "{refused}");
}

#[test]
fn files_of_a_configuration_are_merged_and_two_images_in_one_array_agree() {
    let images = two_images(&ct()).each_ref().map(grid);
    let configs = ["configs/inference.yaml", "configs/joined.json"].map(str::to_owned).to_vec();
    let choice = BundleChoice { configs, ..BundleChoice::default() };
    let model = MonaiModel::open_with(&bundle("two_images"), &choice, &Compute::cpu()).unwrap();
    assert_eq!(model.channels(), ["T1", "T2"]);
    assert!(agreement("two_images_joined", &model, &images) >= 0.999);
}

#[test]
fn regions_that_may_overlap_are_written_in_the_order_that_was_said() {
    let images = two_images(&ct()).each_ref().map(grid);
    let configs = ["configs/inference.yaml", "configs/regions.json"].map(str::to_owned).to_vec();
    let opened = |regions_order: &[u16]| {
        let choice = BundleChoice { configs: configs.clone(), regions_order: regions_order.to_vec() };
        MonaiModel::open_with(&bundle("two_images"), &choice, &Compute::cpu())
    };
    let model = opened(&[2, 3, 1]).unwrap();
    assert_eq!(model.labels().collect::<Vec<_>>(), [1, 2, 3]);
    assert!(agreement("two_images_regions", &model, &images) >= 0.999);
    for wrong in [&[][..], &[1, 2], &[1, 2, 2], &[0, 1, 2]] {
        let refused = opened(wrong).unwrap_err();
        assert!(matches!(refused, BundleError::Regions(3)), "{refused}");
    }
}

#[test]
fn a_step_that_leaves_out_an_image_is_refused() {
    let text = std::fs::read_to_string(bundle("two_images/configs/inference.yaml")).unwrap();
    let read = |text: &str| BundlePlan::read(&[("inference.yaml", text.as_bytes())]);
    assert!(read(&text).is_ok());
    let one = text.replace("keys: '@keys', axcodes: RAS", "keys: t1, axcodes: RAS");
    let error = read(&one).unwrap_err().to_string();
    assert!(error.contains("transforms[2].keys") && error.contains("t2"), "{error}");
    let three = text.replace("in_channels: 2", "in_channels: 3");
    assert!(read(&three).unwrap_err().to_string().contains("joins 2 images"));
    let hidden = text.replace("keys: [t1, t2]", "keys: &keys [t1, t2]");
    assert!(read(&hidden).unwrap_err().to_string().contains("line 7: an anchor"));
}

#[test]
fn what_a_bundle_asks_that_is_not_done_here_is_named_and_no_python_runs() {
    let opened = |change: &dyn Fn(&mut serde_json::Value)| {
        let to = tempfile::tempdir().unwrap();
        copied(&bundle("unet"), to.path());
        let path = to.path().join("configs/inference.json");
        let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut json);
        std::fs::write(&path, serde_json::to_vec(&json).unwrap()).unwrap();
        MonaiModel::open(to.path(), &Compute::cpu()).unwrap_err()
    };
    let python = opened(&|json| json["inferer"]["overlap"] = "$__import__('os').system('true')".into());
    assert!(matches!(&python, BundleError::NotDone { key, .. } if key == "inferer.overlap"), "{python}");
    let network = opened(&|json| json["network_def"]["_target_"] = "VISTA3D".into());
    assert!(network.to_string().contains("VISTA3D"), "{network}");
    let step = opened(&|json| json["preprocessing"]["transforms"][2]["_target_"] = "RandFlipd".into());
    assert!(
        matches!(&step, BundleError::NotDone { key, value } if key.contains("transforms[2]") && value == "RandFlipd")
    );
    // The second one brings the answer back to the grid that `Spacingd` left.
    let left = opened(&|json| {
        json["postprocessing"]["transforms"].as_array_mut().unwrap().remove(1);
    });
    assert!(
        left.to_string().contains("postprocessing.transforms") && left.to_string().contains("Invertd"),
        "{left}"
    );
    let argument = opened(&|json| json["network_def"]["adn_ordering"] = "AND".into());
    assert!(
        matches!(&argument, BundleError::NotDone { key, .. } if key == "network_def.adn_ordering"),
        "{argument}"
    );
    let channels = opened(&|json| json["network_def"]["channels"] = serde_json::json!([6, 8, 16]));
    assert!(channels.to_string().contains("model.1.submodule"), "{channels}");
}

fn copied(from: &Path, to: &Path) {
    for file in ["configs/inference.json", "configs/metadata.json", "models/model.pt"] {
        std::fs::create_dir_all(to.join(file).parent().unwrap()).unwrap();
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
}
