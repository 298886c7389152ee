//! Labels made on the graphics device are those of the processor, voxel for voxel. Where there is no graphics card a software
//! device runs the same shaders.

use std::sync::{Arc, Mutex};

use medsight_gpu::{DeviceLabels, Gpu};
use medsight_image::{Volume, Voxels};
use medsight_infer::{
    ChannelVolume, Compute, Draft, Grid, InputRules, Model, NnunetModel, Precision, Progress, SeriesFacts,
    Shape, Store, Trust, Weights, pass,
};

use crate::made;

/// A volume of a pattern, with its columns along the patient's back: turned before it goes through the network.
fn volume(dims: [usize; 3], spacing_mm: [f64; 3]) -> Volume {
    let values: Vec<i16> =
        made::image(dims.iter().product()).iter().map(|value| (value * 500.0) as i16).collect();
    let axes = [glam::DVec3::Y, -glam::DVec3::X, glam::DVec3::Z];
    let columns = [0, 1, 2].map(|axis| (axes[axis] * spacing_mm[axis]).extend(0.0));
    Volume {
        dims: [dims[0], dims[1], dims[2], 1],
        spacing_mm: glam::DVec3::from_array(spacing_mm),
        origin_mm: glam::DVec3::ZERO,
        axes,
        patient_from_voxel: glam::DMat4::from_cols(columns[0], columns[1], columns[2], glam::DVec4::W),
        slice_offsets_mm: Vec::new(),
        voxels: Arc::new(Voxels::I16(values)),
        time: 0,
        min_max: [-2000.0, 2000.0],
        unit: "HU".to_owned(),
        warnings: Vec::new(),
    }
}

/// Voxels whose labels differ, of how many, and how many labels there are. Each volume is a channel.
fn mismatches(results: &str, volumes: &[Volume]) -> (usize, usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let input = InputRules {
        modalities: vec!["CT".to_owned()],
        orientation: Some("LPH".to_owned()),
        ..InputRules::default()
    };
    let draft = Draft { name: "x".to_owned(), version: "1".to_owned(), licence: "MIT".to_owned(), input };
    let results = made::folder().join("../nnunet").join(results);
    let installed = Store::new(folder.path()).adopt(&results, &draft, &Trust::default()).unwrap();
    let gpu = Gpu::headless().unwrap();
    let compute = Compute::on_software_too(&gpu).unwrap();
    let model = Model::open(&installed, &Trust::default(), &compute).unwrap();
    let series = SeriesFacts { modality: "CT".to_owned(), body_part: String::new() };
    let shown: Mutex<Option<Arc<DeviceLabels>>> = Mutex::default();
    let show = |labels: Arc<DeviceLabels>| *shown.lock().unwrap() = Some(labels);
    let channel =
        |volume| ChannelVolume { volume, series: series.clone(), frame_of_reference: "1.2".to_owned() };
    let progress = Progress::new(&|_| ());
    let run = || match volumes {
        [volume] => model.segment_shown(volume, &series, &progress, &show).unwrap(),
        all => {
            let all: Vec<ChannelVolume<'_>> = all.iter().map(channel).collect();
            model.segment_channels_shown(&all, &progress, &show).unwrap()
        }
    };
    let there = run();
    let on_device = shown.lock().unwrap().take().expect("the labels were made on the device");
    let volume = &volumes[0];
    assert_eq!(on_device.dims(), [volume.dims[0], volume.dims[1], volume.dims[2]]);
    assert_eq!(on_device.read_back().unwrap(), there);
    drop(on_device);
    assert_eq!(gpu.memory.used(), 0, "room is given back");
    // A byte less than the plan took: the network runs where it ran, and all else on the processor.
    gpu.memory.set_budget(gpu.memory.peak() - 1);
    let here = run();
    assert!(shown.lock().unwrap().is_none(), "there was no room on the device");
    assert!(gpu.errors.is_empty(), "{:?}", gpu.errors.entries());
    let wrong = here.iter().zip(&there).filter(|(here, there)| here != there).count();
    let kinds: std::collections::BTreeSet<u16> = here.iter().copied().collect();
    println!("{}: {wrong} of {} voxels differ, labels {kinds:?}", gpu.adapter_text(), here.len());
    (wrong, here.len(), kinds.len())
}

#[test]
fn labels_made_on_the_device_are_those_of_the_processor_to_the_voxel() {
    let volume = volume([31, 45, 27], [3.0; 3]);
    let (wrong, _, labels) = mismatches("regions/nnUNetTrainer__nnUNetPlans__3d_fullres", &[volume]);
    assert_eq!(wrong, 0);
    assert!(labels > 1);
}

#[test]
fn labels_of_several_images_are_made_on_the_device_too() {
    let first = volume([31, 45, 27], [3.0; 3]);
    let Voxels::I16(values) = first.voxels.as_ref() else { panic!() };
    let other = Voxels::I16(values.iter().rev().map(|value| value / 2).collect());
    let second = Volume { voxels: Arc::new(other), ..first.clone() };
    let results = "two_channels/nnUNetTrainer__nnUNetPlans__3d_fullres";
    let (wrong, of, labels) = mismatches(results, &[first, second]);
    assert!(wrong * 10_000 <= of && labels > 1, "{wrong} of {of}, {labels} labels");
}

#[test]
fn an_ensemble_that_is_resampled_gives_on_the_device_what_it_gives_on_the_processor() {
    let volume = volume([60, 61, 29], [3.0; 3]);
    let (wrong, of, labels) = mismatches("ensemble/nnUNetTrainer__nnUNetPlans__3d_fullres", &[volume]);
    // Resampled in single instead of double precision: two labels of equal logits may change places.
    assert!(wrong * 10_000 <= of, "{wrong} of {of}");
    assert!(labels > 1);
}

#[test]
fn axes_in_another_order_and_slices_far_apart_come_out_in_their_places() {
    let plane = mismatches("plane/nnUNetTrainer__nnUNetPlans__2d", &[volume([44, 38, 7], [3.0; 3])]);
    let thick = volume([41, 39, 9], [3.0, 3.0, 10.0]);
    let thick = mismatches("thick_slices/nnUNetTrainer__nnUNetPlans__3d_fullres", &[thick]);
    for (wrong, of, labels) in [plane, thick] {
        assert!(wrong * 10_000 <= of && labels > 1, "{wrong} of {of}, {labels} labels");
    }
}

#[test]
fn a_model_in_half_precision_gives_the_labels_of_single_precision_and_says_so() {
    let gpu = Gpu::headless().unwrap();
    let compute = Compute::on_software_too(&gpu).unwrap();
    if compute.in_half().is_none() {
        println!("SKIPPED: {} has no half precision in shaders", gpu.adapter_text());
        return;
    }
    let results = made::folder().join("../nnunet/regions/nnUNetTrainer__nnUNetPlans__3d_fullres");
    let half = compute.in_half().unwrap();
    let [there, here] =
        [compute, Compute::cpu()].map(|compute| NnunetModel::open(&results, &compute).unwrap());
    assert_eq!(here.compute().precision(), Precision::Single);
    println!("{}: {:?}", gpu.adapter_text(), there.compute().precision());
    // The network itself, whatever was decided: 11 bits of a number are left after each layer.
    let weights = Weights::open(&results.join("fold_0/checkpoint_final.pth"), &["network_weights"]).unwrap();
    let shape = Shape::Nnunet(here.plan().shape.clone());
    let [of_half, of_single] = [&half, here.compute()].map(|compute| {
        let network = shape.build(&weights, compute).unwrap();
        pass(network.as_ref(), compute, made::image(24 * 40 * 40), [1, 1, 24, 40, 40]).unwrap()
    });
    let square = |of: &mut dyn Iterator<Item = f32>| of.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let apart = square(&mut of_half.iter().zip(&of_single).map(|(half, single)| half - single));
    let apart = apart / square(&mut of_single.iter().copied());
    println!("half precision: relative L2 {apart:.2e}");
    assert!(apart < 0.02, "{apart}");
    let image =
        Grid { dims: [20, 40, 36], values: made::image(20 * 40 * 36).iter().map(|x| x * 500.0).collect() };
    let run = |model: &NnunetModel| {
        model.segment(std::slice::from_ref(&image), [3.0; 3], &Progress::new(&|_| ())).unwrap()
    };
    let (here, found) = (run(&here), run(&there));
    let same = here.iter().zip(&found).filter(|(here, there)| here == there).count();
    println!("{same} of {} voxels agree", here.len());
    assert!(same as f64 >= 0.998 * here.len() as f64);
    assert!(gpu.errors.is_empty(), "{:?}", gpu.errors.entries());
}
