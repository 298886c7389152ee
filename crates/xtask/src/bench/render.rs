//! Ray casting 512×512×300 at 1024×1024 on software Vulkan, against VTK's GPU mapper on Mesa's llvmpipe: the same
//! camera, step and values shown, since what a frame costs is the rays that meet the volume.

use super::{Case, ROUNDS, ct_300, ctl, peer::Peer};
use crate::run;
use anyhow::{Context, Result};
use serde_json::Value;

const PEER: &str = include_str!("peer_vtk.py");

/// Frames of one run of ours: the first is not counted.
const FRAMES: &str = "3";

/// Measures `render shaded` and `render mip`.
pub(super) fn measure(cases: &mut Vec<Case>) -> Result<()> {
    let folder = ct_300()?;
    let picture = run::target_dir().join("bench/render.png");
    // The window is the MIP's alone: -1000 to 1500 HU, as the peer's ramp.
    for (case, view, preset) in [("vr1024", "vr", "ct-bone"), ("mip1024", "mip", "mip")] {
        let kind = if view == "mip" { "mip" } else { "shaded" };
        let mut peer =
            Peer::start("vtkmodules.all", PEER, &[kind.as_ref(), "1024".as_ref(), folder.as_os_str()])?;
        let (mut ours_ms, mut peer_ms) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let words: [&dyn AsRef<std::ffi::OsStr>; 14] = [
                &"render",
                &folder,
                &"--view",
                &view,
                &"--preset",
                &preset,
                &"--window",
                &"250,2500",
                &"--size",
                &"1024x1024",
                &"--frames",
                &FRAMES,
                &"--out",
                &picture,
            ];
            let document = ctl(&words)?;
            ours_ms.push(document["ms"]["median"].as_f64().context("no ms.median")?);
            if let Some(peer) = &mut peer {
                peer_ms.push(peer.measure()?);
            }
            let adapter = document["adapter"]
                .as_str()
                .map(str::to_owned)
                .unwrap_or_else(|| Value::to_string(&document["adapter"]));
            println!(
                "render {case}: ours {:.0} ms on {adapter}",
                ours_ms.last().copied().unwrap_or(f64::NAN)
            );
        }
        let name = peer.map_or_else(|| "none".to_owned(), |p| p.name.clone());
        cases.push(Case { bench: "render", case: case.into(), ours_ms, peer_ms, peer: name });
    }
    Ok(())
}
