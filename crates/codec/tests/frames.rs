//! Every frame of the codec corpora against what independent decoders make of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

use medsight_codec::FrameDecoder;
use medsight_dicom::Object;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

fn own_corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus")
}

fn expected(folder: &Path) -> Vec<Value> {
    let text = std::fs::read(folder.join("expected.json")).unwrap();
    let document: Value = serde_json::from_slice(&text).unwrap();
    document["files"].as_array().unwrap().clone()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// `None` when the file is as expected, else what differs.
fn difference(folder: &Path, want: &Value) -> Option<String> {
    let bytes = std::fs::read(folder.join(want["file"].as_str()?)).unwrap();
    let object = Object::from_vec(bytes).map_err(|r| r.reason).err();
    if let Some(reason) = object {
        return Some(format!("refused: {reason}"));
    }
    let bytes = std::fs::read(folder.join(want["file"].as_str()?)).unwrap();
    let object = Object::parse(&bytes).ok()?;
    let decoder = match FrameDecoder::new(&object) {
        Ok(decoder) => decoder,
        Err(refusal) => return Some(format!("refused: {}", refusal.reason)),
    };
    let frames = want["frames"].as_u64()? as usize;
    if decoder.encoded().frames != frames {
        return Some(format!("{} frames", decoder.encoded().frames));
    }
    let tolerance = |key: &str| want["tolerance"][key].as_f64().unwrap_or(0.0);
    for frame in 0..frames {
        let samples = match decoder.decode(frame) {
            Ok(decoded) => decoded.samples,
            Err(refusal) => return Some(format!("frame {frame}: {}", refusal.reason)),
        };
        let hash = hex(&Sha256::digest(samples.to_le_bytes()));
        let is = |key: &str| want[key][frame].as_str().map(|h| h == hash);
        match (is("frame_sha256"), is("frame_sha256_masked")) {
            (Some(true), _) | (_, Some(true)) => continue,
            (Some(false), _) => return Some(format!("frame {frame}: pixels differ")),
            _ => {}
        }
        let (min, max, mean) = samples.min_max_mean()?;
        let figures = &want["frame_min_max_mean"][frame];
        let off = |i: usize, ours: f64| (ours - figures[i].as_f64().unwrap()).abs();
        if off(0, min) > tolerance("min_max")
            || off(1, max) > tolerance("min_max")
            || off(2, mean) > tolerance("mean")
        {
            return Some(format!("frame {frame}: {min} to {max}, mean {mean}; wanted {figures}"));
        }
    }
    None
}

fn all_as_expected(folder: &Path) {
    let files = expected(folder);
    let readable = files.iter().filter(|f| f["frame_min_max_mean"].is_array());
    let wrong: Vec<String> = readable
        .clone()
        .filter_map(|want| Some(format!("{}: {}", want["file"].as_str()?, difference(folder, want)?)))
        .collect();
    assert!(readable.count() > 0);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_frame_of_our_own_corpus_has_the_pixels_that_independent_decoders_find() {
    all_as_expected(&own_corpus());
}

#[test]
fn every_frame_of_the_codec_corpus_has_the_pixels_that_independent_decoders_find() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    all_as_expected(&corpus.join("dicom/codecs"));
}

#[test]
fn a_broken_file_is_refused_or_read_but_never_ends_the_program() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let folder = corpus.join("dicom/hostile");
    for want in expected(&folder) {
        let bytes = std::fs::read(folder.join(want["file"].as_str().unwrap())).unwrap();
        let Ok(object) = Object::parse(&bytes) else { continue };
        let Ok(decoder) = FrameDecoder::new(&object) else { continue };
        for frame in 0..decoder.encoded().frames {
            let Ok(decoded) = decoder.decode(frame) else { continue };
            if let Some(hash) = want["frame_sha256"][frame].as_str() {
                assert_eq!(hex(&Sha256::digest(decoded.samples.to_le_bytes())), hash, "{}", want["file"]);
            }
        }
    }
}

#[test]
fn a_compressed_frame_that_is_cut_anywhere_or_has_a_wrong_byte_does_no_harm() {
    let folder = own_corpus().join("accepted/codecs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let whole = std::fs::read(entry.unwrap().path()).unwrap();
        for step in 1..12 {
            let cut = &whole[..whole.len() * step / 12];
            let mut wrong = whole.clone();
            let at = wrong.len() - 1 - (wrong.len() / 3) * step / 12;
            wrong[at] ^= 0x5A;
            for bytes in [cut, &wrong] {
                let Ok(object) = Object::parse(bytes) else { continue };
                let Ok(decoder) = FrameDecoder::new(&object) else { continue };
                let _refused_or_not = decoder.decode(0);
            }
        }
    }
}
