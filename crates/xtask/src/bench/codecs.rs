//! Compressed frames to stored values on one thread, against the fastest of the decoders that Python packages bring
//! (libjpeg, libjpeg-turbo, CharLS, OpenJPEG, GDCM) on the same frames; and how frames in parallel scale.

use super::{Case, ROUNDS, ctl, peer::Peer};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

const PEER: &str = include_str!("peer_codecs.py");

/// What is measured: the case, and its file in the corpus.
const CASES: &[(&str, &str)] = &[
    ("rle_16", "wg04/XA1_RLE"),
    ("rle_colour", "wg04/US1_RLE"),
    ("jpeg_baseline", "pydicom/examples_ybr_color.dcm"),
    ("jpeg_extended_12", "wg04/XA1_JPLY"),
    ("jpeg_lossless", "wg04/XA1_JPLL"),
    ("jpeg_ls_lossless", "wg04/XA1_JLSL"),
    ("jpeg_ls_near", "wg04/XA1_JLSN"),
    ("jpeg_2000_lossless", "wg04/XA1_J2KR"),
    ("jpeg_2000", "wg04/XA1_J2KI"),
    ("htj2k_lossless", "pydicom/HTJ2KLossless_08_RGB.dcm"),
];

/// Measures `codecs …`.
pub(super) fn measure(cases: &mut Vec<Case>) -> Result<()> {
    let Some(corpus) = std::env::var_os("MEDSIGHT_CORPUS").map(PathBuf::from) else {
        println!("MEDSIGHT_CORPUS names no corpus: bench codecs measures NOTHING.");
        return Ok(());
    };
    for (case, file) in CASES {
        let path = corpus.join("dicom/codecs").join(file);
        let mut peer = Peer::start("pydicom", PEER, &[path.as_os_str()])?;
        let (mut ours_ms, mut peer_ms) = (Vec::new(), Vec::new());
        let mut megabytes = 0.0;
        for _ in 0..ROUNDS + 1 {
            let (ms, mb) = ours(&path, 1)?;
            ours_ms.push(ms);
            megabytes = mb;
            if let Some(peer) = peer.as_mut().filter(|peer| peer.name != "none") {
                peer_ms.push(peer.measure()?);
            }
        }
        let rate = megabytes * 1e3 / super::median(&ours_ms);
        println!("codecs {case}: {rate:.0} MB/s on one thread");
        let name = peer.map_or_else(|| "none".to_owned(), |p| p.name.clone());
        cases.push(Case { bench: "codecs", case: (*case).to_owned(), ours_ms, peer_ms, peer: name });
    }
    cases.push(scaling(&corpus.join("dicom/codecs/pydicom/examples_ybr_color.dcm"))?);
    Ok(())
}

/// Milliseconds to decode all frames, and their size in MB.
fn ours(path: &Path, threads: usize) -> Result<(f64, f64)> {
    let document = ctl(&[&"bench-internal", &"decode", &path, &"--threads", &threads.to_string()])?;
    let number = |key: &str| document[key].as_f64().with_context(|| format!("the document has no {key}"));
    Ok((number("ms")?, number("bytes")? / 1e6))
}

/// 30 frames of JPEG on all cores against one thread: the ratio is what the cores are worth, their number at best.
fn scaling(path: &Path) -> Result<Case> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let (mut ours_ms, mut peer_ms) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS + 1 {
        ours_ms.push(ours(path, cores)?.0);
        peer_ms.push(ours(path, 1)?.0);
    }
    let (case, peer) = (format!("frames_on_{cores}_threads"), "ours on one thread".to_owned());
    Ok(Case { bench: "codecs", case, ours_ms, peer_ms, peer })
}
