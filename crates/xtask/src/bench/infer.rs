//! A patch of a 3D U-Net, 96³ voxels with 32 to 256 channels (nnU-Net's PlainConvUNet), on the processor: against PyTorch
//! and onnxruntime with the same weights and as many threads.

use super::{Case, ROUNDS, ctl_with_memory, peer::Peer};
use crate::run;
use anyhow::{Context, Result};
use std::ffi::OsStr;

/// Needs `tests/infer/requirements.txt`, and onnxruntime with onnx for the second case.
const PEER: &str = include_str!("peer_infer.py");

/// Measures `infer patch96` and `infer patch96_ort`.
pub(super) fn measure(cases: &mut Vec<Case>) -> Result<()> {
    let weights = run::built("release", "medsightctl").with_file_name("bench-infer.safetensors");
    for (case, runtime, module) in
        [("patch96", "torch", "dynamic_network_architectures"), ("patch96_ort", "onnxruntime", "onnxruntime")]
    {
        let Some(mut peer) = Peer::start(module, PEER, &[OsStr::new(runtime), weights.as_os_str()])? else {
            continue;
        };
        let (mut ours_ms, mut peer_ms, mut peak) = (Vec::new(), Vec::new(), 0);
        for _ in 0..ROUNDS {
            let arguments: [&dyn AsRef<OsStr>; 3] = [&"bench-internal", &"infer", &weights];
            let (document, bytes) = ctl_with_memory(&arguments)?;
            ours_ms.push(document["ms"].as_f64().context("the document has no ms")?);
            peak = peak.max(bytes);
            peer_ms.push(peer.measure()?);
        }
        println!("infer {case}: peak memory {} MiB", peak >> 20);
        let name = peer.name.clone();
        cases.push(Case { bench: "infer", case: case.into(), ours_ms, peer_ms, peer: name });
    }
    Ok(())
}
