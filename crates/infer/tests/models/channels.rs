//! Models of several images: which series is which, and images that lie otherwise in the patient brought to one grid.

use std::sync::Arc;

use glam::{DMat4, DVec3};
use medsight_image::{Volume, Voxels};
use medsight_infer::{
    BundleChoice, ChannelRule, ChannelVolume, Compute, Draft, InferError, InputRules, Model, ModelError,
    Progress, SeriesFacts, Store, Trust,
};

use crate::arrays::{arrays, two_images};
use crate::made;

fn draft(channels: Vec<ChannelRule>) -> Draft {
    let input = InputRules { modalities: vec!["MR".to_owned()], channels, ..InputRules::default() };
    Draft { name: "brain".to_owned(), version: "1".to_owned(), licence: "MIT".to_owned(), input }
}

fn model(folder: &std::path::Path) -> Model {
    let from = made::folder().join("../nnunet/two_channels/nnUNetTrainer__nnUNetPlans__3d_fullres");
    let installed = Store::new(folder).adopt(&from, &draft(Vec::new()), &Trust::default()).unwrap();
    Model::open(&installed, &Trust::default(), &Compute::cpu()).unwrap()
}

fn mr() -> SeriesFacts {
    SeriesFacts { modality: "MR".to_owned(), body_part: String::new() }
}

fn volume(dims: [usize; 3], values: Vec<i16>, spacing_mm: DVec3, origin_mm: DVec3) -> Volume {
    let least = values.iter().copied().min().unwrap_or(0);
    let most = values.iter().copied().max().unwrap_or(0);
    Volume {
        dims: [dims[0], dims[1], dims[2], 1],
        spacing_mm,
        origin_mm,
        axes: [DVec3::X, DVec3::Y, DVec3::Z],
        patient_from_voxel: DMat4::from_translation(origin_mm) * DMat4::from_scale(spacing_mm),
        slice_offsets_mm: Vec::new(),
        voxels: Arc::new(Voxels::I16(values)),
        time: 0,
        min_max: [f32::from(least), f32::from(most)],
        unit: String::new(),
        warnings: Vec::new(),
    }
}

/// The two images of the answers.
fn images() -> [Volume; 2] {
    let ct = arrays(&made::folder().join("../nnunet/answers.npz")).remove("ct").unwrap();
    two_images(&ct).map(|image| {
        let [slices, rows, columns] = image.dims;
        volume([columns, rows, slices], image.values, DVec3::splat(3.0), DVec3::ZERO)
    })
}

fn of<'a>(volume: &'a Volume, frame_of_reference: &str) -> ChannelVolume<'a> {
    ChannelVolume { volume, series: mr(), frame_of_reference: frame_of_reference.to_owned() }
}

fn same(ours: &[u16], theirs: &[i16]) -> f64 {
    let same = ours.iter().zip(theirs).filter(|(ours, theirs)| i32::from(**ours) == i32::from(**theirs));
    same.count() as f64 / theirs.len() as f64
}

#[test]
fn a_published_model_of_two_images_is_installed_with_their_names_and_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    assert_eq!(model.channels(), [ChannelRule::named("T1"), ChannelRule::named("T2")]);
    let [t1, t2] = images();
    let labels = model.segment_channels(&[of(&t1, "1.2"), of(&t2, "1.2")], &Progress::new(&|_| ())).unwrap();
    let answer = &arrays(&made::folder().join("../nnunet/answers.npz"))["two_channels"];
    assert!(same(&labels, &answer.values) >= 0.999);
    // The images have their places: exchanged they give something else.
    let other = model.segment_channels(&[of(&t2, "1.2"), of(&t1, "1.2")], &Progress::new(&|_| ())).unwrap();
    assert!(same(&other, &answer.values) < 0.99);
    let one = model.segment(&t1, &mr(), &Progress::new(&|_| panic!("it ran"))).unwrap_err();
    assert!(matches!(one, InferError::Channels { expected: 2, found: 1 }), "{one}");
}

#[test]
fn an_image_on_a_finer_grid_of_the_same_frame_of_reference_is_brought_to_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let [t1, t2] = images();
    let Voxels::I16(values) = t2.voxels.as_ref() else { panic!() };
    // Every voxel of the second image twice along each axis, its centres a quarter of the old distance aside.
    let [columns, rows, slices, _] = t2.dims;
    let mut fine = Vec::with_capacity(8 * values.len());
    for z in 0..2 * slices {
        for y in 0..2 * rows {
            fine.extend((0..2 * columns).map(|x| values[(z / 2 * rows + y / 2) * columns + x / 2]));
        }
    }
    let finer = volume([2 * columns, 2 * rows, 2 * slices], fine, DVec3::splat(1.5), DVec3::splat(-0.75));
    let progress = Progress::new(&|_| ());
    let labels = model.segment_channels(&[of(&t1, "1.2"), of(&finer, "1.2")], &progress).unwrap();
    let direct = model.segment_channels(&[of(&t1, "1.2"), of(&t2, "1.2")], &progress).unwrap();
    let agree = labels.iter().zip(&direct).filter(|(one, other)| one == other).count();
    assert_eq!(agree, direct.len(), "the centre between eight equal voxels has their value");
}

#[test]
fn images_that_cannot_be_laid_on_one_another_are_refused_with_channel_and_attribute() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let [t1, t2] = images();
    let progress = Progress::new(&|_| panic!("it ran"));
    let refused = |second: &ChannelVolume<'_>| {
        model.segment_channels(&[of(&t1, "1.2"), second.clone()], &progress).unwrap_err().to_string()
    };
    let other = refused(&of(&t2, "1.3"));
    assert!(other.contains("T2") && other.contains("(0020,0052)"), "{other}");
    let none = model.segment_channels(&[of(&t1, ""), of(&t2, "")], &progress).unwrap_err();
    assert!(matches!(&none, InferError::FrameOfReference { channel } if channel == "T2"), "{none}");
    let away = Volume {
        patient_from_voxel: DMat4::from_translation(DVec3::new(300.0, 0.0, 0.0)) * t2.patient_from_voxel,
        ..t2.clone()
    };
    let away = refused(&of(&away, "1.2"));
    assert!(away.contains("T2") && away.contains("0020,0032"), "{away}");
    let ct = SeriesFacts { modality: "CT".to_owned(), ..mr() };
    let ct = refused(&ChannelVolume { series: ct, ..of(&t2, "1.2") });
    assert!(ct.contains("T2") && ct.contains("(0008,0060)"), "{ct}");
}

#[test]
fn a_manifest_that_names_other_channels_than_the_network_has_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let from = made::folder().join("../nnunet/two_channels/nnUNetTrainer__nnUNetPlans__3d_fullres");
    let three = ["T1", "T2", "FLAIR"].map(ChannelRule::named).to_vec();
    let installed = Store::new(folder.path()).adopt(&from, &draft(three), &Trust::default()).unwrap();
    let refused = Model::open(&installed, &Trust::default(), &Compute::cpu()).unwrap_err();
    assert!(matches!(refused, ModelError::Channels { manifest: 3, network: 2 }), "{refused}");
}

#[test]
fn a_bundle_with_several_files_of_configuration_is_installed_with_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let (store, trust) = (Store::new(folder.path()), Trust::default());
    let from = made::folder().join("../bundles/two_images");
    let configs = ["configs/inference.yaml", "configs/joined.json"].map(str::to_owned).to_vec();
    let choice = BundleChoice { configs, ..BundleChoice::default() };
    let installed = store.adopt_with(&from, &choice, &draft(Vec::new()), &trust).unwrap();
    let model = Model::open(&installed, &trust, &Compute::cpu()).unwrap();
    assert_eq!(model.channels(), [ChannelRule::named("T1"), ChannelRule::named("T2")]);
    assert_eq!(model.manifest.input.orientation.as_deref(), Some("RAS"));
    assert!(installed.verify(&trust).is_ok());
}
