//! Models on the processor. A patch of a 3D U-Net, 96³ voxels with 32 to 256 channels (nnU-Net's PlainConvUNet): against PyTorch and
//! onnxruntime with the same weights and as many threads. A whole CT with the same network, from its voxels to labels on them: against
//! nnU-Net's own predictor. What five models of TotalSegmentator's shape would take is extrapolated from that.

use super::{Case, ROUNDS, ctl_with_memory, peer::Peer};
use crate::run;
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::path::Path;

/// Needs `tests/infer/requirements.txt`, and onnxruntime with onnx for the second case.
const PEER: &str = include_str!("peer_infer.py");
/// Needs `tests/infer/requirements.txt`.
const SEGMENTING_PEER: &str = include_str!("peer_segment.py");
/// A whole study takes a minute.
const STUDY_ROUNDS: usize = 3;

/// Measures `infer patch96`, `infer patch96_ort` and `infer study`.
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
    study(cases)
}

fn study(cases: &mut Vec<Case>) -> Result<()> {
    let folder = run::built("release", "medsightctl").with_file_name("bench-segment");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let Some(mut peer) = Peer::start("nnunetv2", SEGMENTING_PEER, &[folder.as_os_str()])? else {
        return Ok(());
    };
    let (mut ours_ms, mut peer_ms, mut peak) = (Vec::new(), Vec::new(), 0);
    let mut patches = 0.0;
    for _ in 0..STUDY_ROUNDS {
        let arguments: [&dyn AsRef<OsStr>; 3] = [&"bench-internal", &"segment", &folder];
        let (document, bytes) = ctl_with_memory(&arguments)?;
        let number =
            |name: &str| document[name].as_f64().with_context(|| format!("the document has no {name}"));
        ours_ms.push(number("ms")?);
        patches = number("patches")?;
        peak = peak.max(bytes);
        peer_ms.push(peer.measure()?);
    }
    let best_ms = ours_ms.iter().copied().fold(f64::INFINITY, f64::min);
    // Five networks of TotalSegmentator: 1.5 mm, patches of 128³, on a CT of 280 slices that is 260×260×280 there: 4×4×4 patches each.
    let voxels_per_ms = patches * f64::from(96_u32.pow(3)) / best_ms;
    let minutes = 5.0 * 64.0 * f64::from(128_u32.pow(3)) / voxels_per_ms / 60_000.0;
    println!(
        "infer study: {patches} patches, peak memory {} MiB, the peer's {} MiB; {} of the voxels have the peer's label; \
         EXTRAPOLATED from it: five networks of TotalSegmentator's shape on 512×512×280 take {minutes:.0} min",
        peak >> 20,
        peak_of_peer(&folder)? >> 20,
        agreement(&folder)?,
    );
    let name = peer.name.clone();
    cases.push(Case { bench: "infer", case: "study".into(), ours_ms, peer_ms, peer: name });
    Ok(())
}

fn peak_of_peer(folder: &Path) -> Result<u64> {
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("theirs.json"))?)?;
    Ok(document["peak_kib"].as_u64().context("the peer told no memory")? * 1024)
}

fn agreement(folder: &Path) -> Result<String> {
    let [ours, theirs] = ["ours.u8", "theirs.u8"].map(|name| std::fs::read(folder.join(name)));
    let (ours, theirs) = (ours?, theirs?);
    anyhow::ensure!(ours.len() == theirs.len(), "{} labels against {}", ours.len(), theirs.len());
    let same = ours.iter().zip(&theirs).filter(|(a, b)| a == b).count();
    Ok(format!("{:.3} %", 100.0 * same as f64 / ours.len().max(1) as f64))
}
