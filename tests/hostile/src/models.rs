//! Models that somebody brings: weights, nnU-Net's plans, bundles' configurations. Nothing of it is built on a device.

use std::io::Write;

use medsight_infer::{BundlePlan, Dataset, Manifest, Plan, Weights};

/// Layers whose numbers are read: what one costs is measured, not their number.
const SOME: usize = 8;

/// A file of weights, `.pth` or `.safetensors`. What is read of it has as many numbers as its shape says.
pub(crate) fn weights(data: &[u8]) {
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    if file.write_all(data).is_err() {
        return;
    }
    let Ok(weights) = Weights::open(file.path(), &["network_weights", "state_dict"]) else { return };
    let names: Vec<&str> = weights.names().take(SOME).collect();
    for name in names {
        let (shape, numbers) = (weights.shape(name), weights.numbers(name));
        if let (Some(shape), Some(Ok(numbers))) = (shape, numbers) {
            assert_eq!(numbers.len(), shape.iter().product::<usize>(), "a layer is not as long as its shape");
        }
    }
}

/// `dataset.json`, a byte 0, `plans.json`: every configuration that is published.
pub(crate) fn plans(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == 0) else { return };
    let Ok(dataset) = Dataset::read(&data[..end]) else { return };
    for configuration in ["2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres"] {
        let Ok(plan) = Plan::read(&data[end + 1..], configuration, &dataset) else { continue };
        assert!(plan.patch.iter().zip(plan.shape.divisor()).all(|(size, divisor)| size % divisor == 0));
        assert_eq!(plan.normalisation.len(), dataset.channels.len());
    }
}

/// One or two files of a bundle's configuration with a byte 0 between them; the first byte says which of them are YAML. The
/// whole is read as a package's manifest too.
pub(crate) fn bundle(data: &[u8]) {
    let Some((kinds, text)) = data.split_first() else { return };
    if let Ok(text) = std::str::from_utf8(text) {
        let _manifest = Manifest::read(text);
    }
    let name = |bit: u8| if kinds >> bit & 1 == 1 { "configs/a.yaml" } else { "configs/a.json" };
    let _plan = match text.iter().position(|byte| *byte == 0) {
        None => BundlePlan::read(&[(name(0), text)]),
        Some(end) => BundlePlan::read(&[(name(0), &text[..end]), (name(1), &text[end + 1..])]),
    };
}
