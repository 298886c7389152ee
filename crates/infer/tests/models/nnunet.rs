//! Folders of results as nnU-Net v2 leaves them give the labels that `nnunetv2.inference` gives: on a real CT, with the whole
//! way there and back. `tests/infer/make_nnunet.py` keeps the folders and the answers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use medsight_infer::{Compute, Grid, InferError, NnunetError, NnunetModel, Progress, Weights, WeightsError};

use crate::arrays::{Array, arrays, two_images};
use crate::made;

fn folder() -> PathBuf {
    made::folder().join("../nnunet")
}

fn results(model: &str, configuration: &str) -> PathBuf {
    folder().join(model).join(format!("nnUNetTrainer__nnUNetPlans__{configuration}"))
}

/// The part of all voxels that has the original's label.
fn agreement(model: &str, configuration: &str, spacing_mm: [f64; 3]) -> f64 {
    let answers = arrays(&folder().join("answers.npz"));
    let ct = &answers["ct"];
    let grid = |image: &Array| {
        let values = image.values.iter().map(|value| f32::from(*value)).collect();
        Grid { dims: image.dims, values }
    };
    let compute = Compute::cpu();
    let model_here = NnunetModel::open(&results(model, configuration), &compute).unwrap();
    let images = match model_here.dataset().channels.len() {
        1 => vec![grid(ct)],
        _ => two_images(ct).iter().map(grid).collect(),
    };
    let told = Mutex::new(Vec::new());
    let tell = |part: f32| told.lock().unwrap().push(part);
    let labels = model_here.segment(&images, spacing_mm, &Progress::new(&tell)).unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted() && told.last().is_some_and(|last| (last - 1.0).abs() < 1e-3), "{told:?}");
    let same = labels
        .iter()
        .zip(&answers[model].values)
        .filter(|(ours, theirs)| i32::from(**ours) == i32::from(**theirs));
    let part = same.count() as f64 / labels.len() as f64;
    println!("{model}: {:.4} % of {} voxels agree", 100.0 * part, labels.len());
    part
}

#[test]
fn an_ensemble_of_folds_with_mirroring_agrees_and_its_plan_is_of_the_old_form() {
    assert!(agreement("ensemble", "3d_fullres", [3.0; 3]) >= 0.999);
}

#[test]
fn a_network_of_the_plane_agrees_with_axes_transposed_and_values_by_the_image_itself() {
    assert!(agreement("plane", "2d", [3.0; 3]) >= 0.999);
}

#[test]
fn slices_far_apart_are_resampled_as_the_original_does_it() {
    assert!(agreement("thick_slices", "3d_fullres", [10.0, 3.0, 3.0]) >= 0.999);
}

#[test]
fn a_cascade_runs_its_lower_stage_first_and_agrees() {
    assert!(agreement("cascade", "3d_cascade_fullres", [3.0; 3]) >= 0.999);
}

#[test]
fn regions_that_lie_in_one_another_agree() {
    assert!(agreement("regions", "3d_fullres", [3.0; 3]) >= 0.999);
}

#[test]
fn two_images_each_normalised_where_either_is_something_agree() {
    assert!(agreement("two_channels", "3d_fullres", [3.0; 3]) >= 0.999);
}

#[test]
fn a_run_gives_the_same_labels_each_time() {
    let model = NnunetModel::open(&results("regions", "3d_fullres"), &Compute::cpu()).unwrap();
    let image =
        Grid { dims: [20, 44, 52], values: made::image(20 * 44 * 52).iter().map(|x| x * 500.0).collect() };
    let run = || model.segment(std::slice::from_ref(&image), [3.0; 3], &Progress::new(&|_| ())).unwrap();
    assert_eq!(run(), run());
}

#[test]
fn an_image_that_does_not_fit_is_refused_before_anything_runs() {
    let model = NnunetModel::open(&results("regions", "3d_fullres"), &Compute::cpu()).unwrap();
    let progress = Progress::new(&|_| panic!("it ran"));
    let refused = |images: &[Grid], spacing_mm| model.segment(images, spacing_mm, &progress).unwrap_err();
    let image = Grid::filled([8, 8, 8], 1.0);
    assert!(matches!(
        refused(&[image.clone(), image.clone()], [1.0; 3]),
        InferError::Channels { expected: 1, found: 2 }
    ));
    assert!(matches!(refused(std::slice::from_ref(&image), [0.0, 1.0, 1.0]), InferError::Spacing(_)));
    assert!(matches!(refused(&[Grid::filled([1, 64, 64], 1.0)], [1.0; 3]), InferError::SingleSlice));
    let mut holed = image;
    holed.values[100] = f32::NAN;
    assert!(matches!(refused(&[holed], [1.0; 3]), InferError::NotFinite));
}

#[test]
fn a_run_that_is_ended_stops_within_a_patch_and_the_next_one_runs() {
    let compute = Compute::cpu();
    let model = NnunetModel::open(&results("ensemble", "3d_fullres"), &compute).unwrap();
    let image = Grid { dims: [60, 100, 100], values: made::image(600_000) };
    let stop = compute.stop().clone();
    let tell = move |_| stop.now();
    let ended = model.segment(std::slice::from_ref(&image), [3.0; 3], &Progress::new(&tell));
    assert!(matches!(ended, Err(InferError::Stopped)), "{ended:?}");
    let small = Grid { dims: [10, 20, 20], values: made::image(4000) };
    assert_eq!(model.segment(&[small], [3.0; 3], &Progress::new(&|_| ())).unwrap().len(), 4000);
}

fn copied(from: &Path, to: &Path) {
    for name in ["plans.json", "dataset.json"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
    std::fs::create_dir(to.join("fold_0")).unwrap();
    let file = "fold_0/checkpoint_final.pth";
    std::fs::copy(from.join(file), to.join(file)).unwrap();
}

#[test]
fn a_folder_that_is_damaged_says_which_file_and_what() {
    let from = results("regions", "3d_fullres");
    let opened = |change: &dyn Fn(&Path)| {
        let to = tempfile::tempdir().unwrap();
        copied(&from, to.path());
        change(to.path());
        NnunetModel::open(to.path(), &Compute::cpu()).unwrap_err()
    };
    let no_plans = opened(&|to| std::fs::remove_file(to.join("plans.json")).unwrap());
    assert!(matches!(&no_plans, NnunetError::File { file, .. } if file == "plans.json"), "{no_plans}");
    let no_fold = opened(&|to| std::fs::remove_dir_all(to.join("fold_0")).unwrap());
    assert!(matches!(no_fold, NnunetError::NoFold));
    let checkpoint = "fold_0/checkpoint_final.pth";
    let whole = std::fs::read(from.join(checkpoint)).unwrap();
    let cut = opened(&|to| std::fs::write(to.join(checkpoint), &whole[..whole.len() / 2]).unwrap());
    assert!(matches!(&cut, NnunetError::Weights { fold, .. } if fold == "fold_0"), "{cut}");
    // Every seventh hundredth of the file turned over: an error, or the same network; never a crash.
    for part in (0..100).step_by(7) {
        let mut bytes = whole.clone();
        let at = bytes.len() * part / 100;
        bytes[at] ^= 0x55;
        let to = tempfile::tempdir().unwrap();
        copied(&from, to.path());
        std::fs::write(to.path().join(checkpoint), &bytes).unwrap();
        let _ = NnunetModel::open(to.path(), &Compute::cpu());
    }
    let cascade = results("cascade", "3d_cascade_fullres");
    let to = tempfile::tempdir().unwrap();
    copied(&cascade, to.path());
    let alone = NnunetModel::open(to.path(), &Compute::cpu()).unwrap_err();
    assert!(matches!(&alone, NnunetError::NoLowerStage(name) if name.contains("3d_lowres")), "{alone}");
}

/// A checkpoint of PyTorch whose table is this pickle.
fn checkpoint(path: &Path, pickle: &[u8]) {
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in [("archive/data.pkl", pickle), ("archive/version", b"3\n")] {
        archive.start_file(name, stored).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
}

#[test]
fn a_checkpoint_that_calls_a_program_is_refused_by_name_and_calls_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mark) = (folder.path().join("x.pth"), folder.path().join("called"));
    let command = format!("touch {}", mark.display());
    let call = |name: &str| {
        let mut pickle = format!("\u{0}c{name}\nX").into_bytes();
        pickle.splice(0..1, [0x80, 2]);
        pickle.extend((command.len() as u32).to_le_bytes());
        pickle.extend(command.bytes());
        pickle.extend(b"\x85R0}.");
        pickle
    };
    for (name, told) in [
        ("posix\nsystem", "posix.system"),
        ("builtins\neval", "builtins.eval"),
        ("torch\nload", "torch.load"),
        ("torch.hub\nload", "torch.hub.load"),
        ("subprocess\nPopen", "subprocess.Popen"),
        ("numpy.testing._private.utils\nrunstring", "numpy.testing._private.utils.runstring"),
    ] {
        checkpoint(&path, &call(name));
        let error = Weights::open(&path, &["network_weights"]).err().expect("it was opened");
        assert!(matches!(&error, WeightsError::Hostile(called) if called == told), "{error}");
        // The same without an archive around it, as it was before PyTorch 1.6.
        std::fs::write(&path, call(name)).unwrap();
        assert!(matches!(Weights::open(&path, &[]), Err(WeightsError::Hostile(called)) if called == told));
    }
    assert!(!mark.exists());
}
