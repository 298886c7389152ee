//! A directory of CT slices to a finished volume, against SimpleITK; and the memory it takes.

use super::{Case, ROUNDS, ct_300, ctl_with_memory, peer::Peer, warm};
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Sorts and reads as `read_series.py` of the peers' page does, once a line.
const PEER: &str = include_str!("peer_load.py");

/// Measures `load ct300`.
pub(super) fn measure(cases: &mut Vec<Case>) -> Result<()> {
    let folder = ct_300()?;
    warm(&folder)?;
    let mut peer = Peer::start("SimpleITK", PEER, &[folder.as_os_str()])?;
    let (mut ours_ms, mut peer_ms) = (Vec::new(), Vec::new());
    let mut over = f64::NAN;
    for _ in 0..ROUNDS + 1 {
        let (document, peak_bytes) = ctl_with_memory(&[&"volume", &folder])?;
        ours_ms.push(ours(&document)?);
        over = times_volume(&document, peak_bytes).unwrap_or(over);
        if let Some(peer) = &mut peer {
            peer_ms.push(peer.measure()?);
        }
    }
    println!("load ct300: peak memory is {over:.2} × the volume's bytes");
    let name = peer.map_or_else(|| "none".to_owned(), |p| p.name.clone());
    cases.push(Case { bench: "load", case: "ct300".into(), ours_ms, peer_ms, peer: name });
    Ok(())
}

/// Everything between the first byte read and the last voxel in place.
fn ours(document: &Value) -> Result<f64> {
    if document["volumes"].as_array().is_none_or(|volumes| volumes.len() != 1) {
        bail!("one volume was expected: {document}");
    }
    let seconds = &document["seconds"];
    let whole = seconds["total"].as_f64();
    let parts =
        || ["read", "decode", "assemble"].iter().map(|part| seconds[*part].as_f64()).sum::<Option<f64>>();
    Ok(whole.or_else(parts).context("the document has no seconds")? * 1e3)
}

/// Highest resident memory of the process over the bytes of the volume.
fn times_volume(document: &Value, peak_bytes: u64) -> Option<f64> {
    let dims = document["volumes"][0]["dims"].as_array()?;
    let voxels: u64 = dims.iter().filter_map(Value::as_u64).product();
    Some(peak_bytes as f64 / (voxels * 2) as f64)
}
