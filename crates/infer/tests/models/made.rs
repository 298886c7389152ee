//! Weights and images that the original's side (`tests/infer/made_numbers.py`) and ours make alike from names.

use std::path::{Path, PathBuf};

use base64::Engine;
use safetensors::tensor::{Dtype, TensorView};

/// What `tests/infer/make_networks.py` keeps of an original: its layers and a sample of its answer.
pub(crate) struct Reference {
    pub(crate) input: Vec<usize>,
    pub(crate) output: Vec<usize>,
    /// Every how many voxels along each axis of a volume.
    pub(crate) step: usize,
    pub(crate) layers: Vec<(String, Vec<usize>, bool)>,
    pub(crate) logits: Vec<f32>,
}

pub(crate) fn reference(name: &str) -> Reference {
    let path = folder().join(format!("{name}.json"));
    let told: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let sizes = |value: &serde_json::Value| serde_json::from_value::<Vec<usize>>(value.clone()).unwrap();
    let layers: Vec<(String, Vec<usize>, String)> = serde_json::from_value(told["layers"].clone()).unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(told["logits"].as_str().unwrap()).unwrap();
    Reference {
        input: sizes(&told["input"]),
        output: sizes(&told["output"]),
        step: told["step"].as_u64().unwrap() as usize,
        layers: layers.into_iter().map(|(name, shape, kind)| (name, shape, kind == "f32")).collect(),
        logits: bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
    }
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/infer/references")
}

/// Numbers in [0, 1) from a name: FNV-1a, then SplitMix64.
pub(crate) fn uniform(name: &str, count: usize) -> Vec<f32> {
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let number = |index: u64| {
        let mut x = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((x ^ (x >> 31)) >> 40) as f32) * 2.0_f32.powi(-24)
    };
    (1..=count as u64).map(number).collect()
}

pub(crate) fn weight(name: &str, shape: &[usize]) -> Vec<f32> {
    let mut values = uniform(name, shape.iter().product());
    match shape {
        [_, inner @ ..] if !inner.is_empty() => {
            let scale = (3.0 / inner.iter().product::<usize>() as f64).sqrt() as f32;
            values.iter_mut().for_each(|value| *value = (*value * 2.0 - 1.0) * scale);
        }
        _ if name.ends_with("running_var") || name.ends_with("weight") => {
            values.iter_mut().for_each(|value| *value = *value * 0.5 + 0.75);
        }
        _ => values.iter_mut().for_each(|value| *value = *value * 0.25 - 0.125),
    }
    values
}

pub(crate) fn image(count: usize) -> Vec<f32> {
    uniform("input", count).into_iter().map(|value| value * 2.0 - 1.0).collect()
}

/// The weights of a reference as a safetensors file.
pub(crate) fn write_weights(reference: &Reference, path: &Path) {
    write_layers(&reference.layers, path, |_, values| values);
}

/// The same, with something done to the numbers of each layer.
pub(crate) fn write_layers(
    layers: &[(String, Vec<usize>, bool)],
    path: &Path,
    change: impl Fn(&str, Vec<f32>) -> Vec<f32>,
) {
    let bytes: Vec<(String, Vec<usize>, bool, Vec<u8>)> = layers
        .iter()
        .map(|(name, shape, is_float)| {
            let bytes = match is_float {
                true => change(name, weight(name, shape)).iter().flat_map(|x| x.to_le_bytes()).collect(),
                false => vec![0; 8 * shape.iter().product::<usize>()],
            };
            (name.clone(), shape.clone(), *is_float, bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, is_float, bytes)| {
        let kind = if *is_float { Dtype::F32 } else { Dtype::I64 };
        (name.clone(), TensorView::new(kind, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}
