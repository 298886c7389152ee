//! MONAI bundles give the labels that MONAI gives with its own configuration parser, transforms and inferer, on a real CT.
//! `tests/infer/make_bundles.py` keeps the bundles and the answers.

use std::path::{Path, PathBuf};

use medsight_infer::{BundleError, Compute, Grid, MonaiModel, Progress};

use crate::arrays::arrays;
use crate::made;

fn bundle(name: &str) -> PathBuf {
    made::folder().join("../bundles").join(name)
}

fn agreement(name: &str) -> f64 {
    let ct = &arrays(&made::folder().join("../nnunet/answers.npz"))["ct"];
    let answer = &arrays(&bundle("answers.npz"))[name];
    let [slices, rows, columns] = ct.dims;
    // x slowest.
    let place = |x: usize, y: usize, z: usize| (z * rows + y) * columns + x;
    let mut values = Vec::with_capacity(ct.values.len());
    for x in 0..columns {
        for y in 0..rows {
            values.extend((0..slices).map(|z| f32::from(ct.values[place(x, y, z)])));
        }
    }
    let image = Grid { dims: [columns, rows, slices], values };
    let model = MonaiModel::open(&bundle(name), &Compute::cpu()).unwrap();
    assert_eq!(model.orientation(), Some("RAS"));
    let labels = model.segment(&image, [3.0; 3], &Progress::new(&|_| ())).unwrap();
    let mut same = 0;
    for x in 0..columns {
        for y in 0..rows {
            for z in 0..slices {
                let ours = labels[(x * rows + y) * slices + z];
                same += usize::from(i32::from(ours) == i32::from(answer.values[place(x, y, z)]));
            }
        }
    }
    let part = same as f64 / labels.len() as f64;
    println!("{name}: {:.4} % of {} voxels agree", 100.0 * part, labels.len());
    part
}

#[test]
fn a_unet_with_spacing_gaussian_windows_and_probabilities_brought_back_agrees() {
    assert!(agreement("unet") >= 0.999);
}

#[test]
fn a_dynunet_with_a_crop_and_labels_brought_back_agrees() {
    assert!(agreement("dynunet") >= 0.999);
}

#[test]
fn a_segresnet_with_one_channel_and_a_threshold_agrees() {
    assert!(agreement("segresnet") >= 0.999);
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
