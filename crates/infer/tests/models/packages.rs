//! Packages: what is published is installed as it is, stays what it was, and runs only where the site allows it.

use std::path::{Path, PathBuf};

use medsight_image::{Volume, Voxels};
use medsight_infer::{
    Compute, Draft, InferError, InputRules, Model, PackageError, Progress, SeriesFacts, Store, Trust,
};

use crate::arrays::arrays;
use crate::made;

fn results() -> PathBuf {
    made::folder().join("../nnunet/regions/nnUNetTrainer__nnUNetPlans__3d_fullres")
}

fn draft(version: &str) -> Draft {
    let input = InputRules {
        modalities: vec!["CT".to_owned()],
        unit: Some("HU".to_owned()),
        slice_distance_mm_at_most: Some(5.0),
        ..InputRules::default()
    };
    Draft { name: "trunk".to_owned(), version: version.to_owned(), licence: "MIT".to_owned(), input }
}

fn ct() -> SeriesFacts {
    SeriesFacts { modality: "CT".to_owned(), body_part: String::new() }
}

/// The CT of the answers as a volume whose columns, rows and slices grow to left, back and head.
fn volume() -> Volume {
    let ct = arrays(&made::folder().join("../nnunet/answers.npz")).remove("ct").unwrap();
    let [slices, rows, columns] = ct.dims;
    let axes = [glam::DVec3::X, glam::DVec3::Y, glam::DVec3::Z];
    Volume {
        dims: [columns, rows, slices, 1],
        spacing_mm: glam::DVec3::splat(3.0),
        origin_mm: glam::DVec3::ZERO,
        axes,
        patient_from_voxel: glam::DMat4::from_scale(glam::DVec3::splat(3.0)),
        slice_offsets_mm: Vec::new(),
        voxels: std::sync::Arc::new(Voxels::I16(ct.values)),
        time: 0,
        min_max: [-1024.0, 2000.0],
        unit: "HU".to_owned(),
        warnings: Vec::new(),
    }
}

#[test]
fn what_was_published_is_installed_listed_and_found_by_its_newest_version() {
    let folder = tempfile::tempdir().unwrap();
    let (store, trust) = (Store::new(folder.path()), Trust::default());
    assert!(store.list().is_empty());
    for version in ["1.9.0", "1.10.0"] {
        store.adopt(&results(), &draft(version), &trust).unwrap();
    }
    assert_eq!(store.list().len(), 2);
    assert_eq!(store.find("trunk", &trust).unwrap().manifest.version, "1.10.0");
    let older = store.find("trunk@1.9.0", &trust).unwrap();
    let names: Vec<&str> = older.manifest.labels.iter().map(|label| label.name.as_str()).collect();
    assert_eq!(names, ["whole", "core", "enhancing"]);
    assert!(matches!(store.find("liver", &trust), Err(PackageError::NotInstalled(_))));
    assert!(store.verify(&trust).iter().all(|verdict| verdict.fault.is_none()));
    // Nothing is left of the work beside the packages.
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1);
}

#[test]
fn a_package_is_the_same_again_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (store, trust) = (Store::new(folder.path()), Trust::default());
    let first = store.adopt(&results(), &draft("1"), &trust).unwrap();
    assert_eq!(store.adopt(&results(), &draft("1"), &trust).unwrap(), first);
    let other = Draft { licence: "Apache-2.0".to_owned(), ..draft("1") };
    assert!(matches!(store.adopt(&results(), &other, &trust), Err(PackageError::Exists { .. })));
    // An installed package is itself a package: another workstation takes it byte for byte.
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = Store::new(elsewhere.path()).install(&first.folder, &trust).unwrap();
    assert_eq!(copy.sha256, first.sha256);
}

#[test]
fn a_file_that_was_changed_or_added_is_found_and_the_package_does_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let (store, trust) = (Store::new(folder.path()), Trust::default());
    let installed = store.adopt(&results(), &draft("1"), &trust).unwrap();
    let plans = "results/nnUNetTrainer__nnUNetPlans__3d_fullres/plans.json";
    let text = std::fs::read_to_string(installed.folder.join(plans)).unwrap();
    std::fs::write(installed.folder.join(plans), text.replace("\"order\": 3", "\"order\": 1")).unwrap();
    let refused = Model::open(&installed, &trust, &Compute::cpu()).unwrap_err();
    assert!(refused.to_string().contains("plans.json"), "{refused}");
    std::fs::write(installed.folder.join(plans), text).unwrap();
    assert!(installed.verify(&trust).is_ok());
    std::fs::write(installed.folder.join("results/more.pth"), b"x").unwrap();
    assert!(
        matches!(installed.verify(&trust), Err(PackageError::Unnamed(path)) if path == "results/more.pth")
    );
    // A package whose files do not fit its manifest is not installed, and nothing of it stays.
    let elsewhere = tempfile::tempdir().unwrap();
    let source = tempfile::tempdir().unwrap();
    copied(&installed.folder, source.path());
    std::fs::write(source.path().join("CARD.md"), "another card").unwrap();
    let refused = Store::new(elsewhere.path()).install(source.path(), &trust).unwrap_err();
    assert!(matches!(&refused, PackageError::Changed(path) if path == "CARD.md"), "{refused}");
    assert!(Store::new(elsewhere.path()).list().is_empty());
}

#[test]
fn a_site_that_names_its_packages_runs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (store, free) = (Store::new(folder.path()), Trust::default());
    let one = store.adopt(&results(), &draft("1"), &free).unwrap();
    let two = store.adopt(&results(), &draft("2"), &free).unwrap();
    let only_one = Trust { hashes: vec![one.sha256.clone()], ..Trust::default() };
    assert!(Model::open(&one, &only_one, &Compute::cpu()).is_ok());
    assert!(Model::open(&two, &only_one, &Compute::cpu()).is_err());
    assert!(matches!(store.find("trunk@2", &only_one), Err(PackageError::Trust(_))));
    let elsewhere = tempfile::tempdir().unwrap();
    assert!(Store::new(elsewhere.path()).install(&two.folder, &only_one).is_err());
}

#[test]
fn a_series_that_the_model_was_not_made_for_is_refused_with_the_attribute() {
    let folder = tempfile::tempdir().unwrap();
    let installed = Store::new(folder.path()).adopt(&results(), &draft("1"), &Trust::default()).unwrap();
    let model = Model::open(&installed, &Trust::default(), &Compute::cpu()).unwrap();
    let progress = Progress::new(&|_| panic!("it ran"));
    let refused =
        |volume: &Volume, series: &SeriesFacts| model.segment(volume, series, &progress).unwrap_err();
    let mr = SeriesFacts { modality: "MR".to_owned(), ..ct() };
    assert!(refused(&volume(), &mr).to_string().contains("(0008,0060)"));
    let unknown = Volume { unit: String::new(), ..volume() };
    assert!(refused(&unknown, &ct()).to_string().contains("(Rescale Type, 0028,1054)"));
    let thick = Volume { spacing_mm: glam::DVec3::new(3.0, 3.0, 7.5), ..volume() };
    assert!(refused(&thick, &ct()).to_string().contains("7.50 mm"));
    let single = Volume { dims: [122, 101 * 30, 1, 1], ..volume() };
    assert!(matches!(refused(&single, &ct()), InferError::SingleSlice));
}

#[test]
fn however_a_series_lies_in_the_patient_the_model_sees_it_as_it_was_trained() {
    let folder = tempfile::tempdir().unwrap();
    let turned =
        Draft { input: InputRules { orientation: Some("LPH".to_owned()), ..draft("1").input }, ..draft("1") };
    let installed = Store::new(folder.path()).adopt(&results(), &turned, &Trust::default()).unwrap();
    let model = Model::open(&installed, &Trust::default(), &Compute::cpu()).unwrap();
    let straight = volume();
    let [columns, rows, slices, _] = straight.dims;
    let labels = model.segment(&straight, &ct(), &Progress::new(&|_| ())).unwrap();
    let answers = arrays(&made::folder().join("../nnunet/answers.npz"));
    let same = labels.iter().zip(&answers["regions"].values);
    let same = same.filter(|(ours, theirs)| i32::from(**ours) == i32::from(**theirs)).count();
    assert!(same as f64 >= 0.999 * labels.len() as f64);
    // The same body with columns along its back, rows to its feet and slices to its right.
    let Voxels::I16(values) = straight.voxels.as_ref() else { panic!() };
    let mut sagittal = Vec::with_capacity(values.len());
    for x in (0..columns).rev() {
        for z in (0..slices).rev() {
            sagittal.extend((0..rows).map(|y| values[(z * rows + y) * columns + x]));
        }
    }
    let axes = [glam::DVec3::Y, -glam::DVec3::Z, -glam::DVec3::X];
    let other = Volume {
        dims: [rows, slices, columns, 1],
        axes,
        voxels: std::sync::Arc::new(Voxels::I16(sagittal)),
        ..straight.clone()
    };
    let turned = model.segment(&other, &ct(), &Progress::new(&|_| ())).unwrap();
    let mut place = 0;
    for x in (0..columns).rev() {
        for z in (0..slices).rev() {
            for y in 0..rows {
                assert_eq!(turned[place], labels[(z * rows + y) * columns + x]);
                place += 1;
            }
        }
    }
}

fn copied(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => {
                std::fs::create_dir_all(&target).unwrap();
                copied(&entry.path(), &target);
            }
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}
