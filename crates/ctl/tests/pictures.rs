//! The verbs that draw, by the real program: present and render on the sample studies.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its files has failed")]

use medsight_codec::decode_frame;
use medsight_dicom::Object;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn sample(name: &str) -> PathBuf {
    medsight_base::testing::workspace().join("assets/samples/studies").join(name)
}

fn ctl(args: &[&str]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_medsightctl")).arg("--json").args(args).output().unwrap();
    let document = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap_or(-1), document)
}

fn grey_png(path: &Path) -> Vec<u8> {
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels
}

#[test]
fn a_presented_ct_has_the_greys_the_standards_formula_gives() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (sample("ct_head_tilted_uneven/14.dcm"), folder.path().join("picture.png"));
    let out_text = out.to_str().unwrap();
    let (exit, document) = ctl(&["present", file.to_str().unwrap(), "--window", "40,80", "--out", out_text]);
    assert_eq!((exit, &document["channels"]), (0, &1.into()));

    let object = Object::from_vec(std::fs::read(&file).unwrap()).unwrap();
    let frame = decode_frame(&object, 0).unwrap();
    let number = |tag| object.data().number(tag).unwrap();
    let slope = number(medsight_dicom::tags::RESCALE_SLOPE).unwrap_or(1.0);
    let intercept = number(medsight_dicom::tags::RESCALE_INTERCEPT).unwrap_or(0.0);
    let padding = number(medsight_dicom::tags::PIXEL_PADDING_VALUE);
    let shown = grey_png(&out);
    assert_eq!(shown.len(), frame.samples.len());
    for (i, grey) in shown.iter().enumerate() {
        let stored = frame.samples.value(i);
        let hu = stored * slope + intercept;
        // PS3.3 C.11.2.1.2.1 with centre 40 and width 80.
        let y = ((hu - 39.5) / 79.0 + 0.5).clamp(0.0, 1.0) * 255.0;
        let wanted = if padding == Some(stored) { 0.0 } else { y };
        assert!((f64::from(*grey) - wanted).abs() <= 1.0, "pixel {i}: {grey} for {hu} HU");
    }
}

#[test]
fn every_view_of_a_series_is_drawn_and_timed() {
    let folder = tempfile::tempdir().unwrap();
    let series = sample("mr_head_t1_3d");
    for view in ["axial", "coronal", "sagittal", "mip", "vr"] {
        let out = folder.path().join(format!("{view}.png"));
        let args = ["render", series.to_str().unwrap(), "--view", view, "--size", "96x80", "--frames", "2"];
        let (exit, document) = ctl(&[&args[..], &["--out", out.to_str().unwrap()]].concat());
        assert_eq!(exit, 0, "{view}");
        assert!(document["ms"]["median"].as_f64().unwrap() > 0.0);
        assert_eq!(document["image_sha256"].as_str().unwrap().len(), 64);
        let pixels = grey_png(&out);
        assert_eq!(pixels.len(), 96 * 80 * 3);
        assert!(pixels.iter().filter(|p| **p > 60).count() > 500, "{view} shows the head");
    }
}

#[test]
fn an_unknown_preset_is_wrong_usage_and_a_missing_folder_is_not_found() {
    let series = sample("mr_head_t1_3d");
    assert_eq!(ctl(&["render", series.to_str().unwrap(), "--preset", "gold", "--size", "9x9"]).0, 2);
    let composited =
        ["render", series.to_str().unwrap(), "--view", "mip", "--preset", "ct-bone", "--size", "9x9"];
    assert_eq!(ctl(&composited).0, 2, "a preset that is not of the view is not taken for it");
    assert_eq!(ctl(&["render", "/nowhere/at/all"]).0, 3);
}

#[test]
fn what_cannot_be_presented_is_said_in_the_document_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = sample("us_colour_multiframe").join("examples_ybr_color.dcm");
    let (file, out) = (file.to_str().unwrap(), folder.path().join("picture.png"));
    let (exit, document) = ctl(&["present", file, "--frame", "9999", "--out", out.to_str().unwrap()]);
    assert_eq!((exit, &document["error"]["code"]), (3, &"no_such_frame".into()));
    let reason = document["error"]["reason"].as_str().unwrap();
    let object = Object::from_vec(std::fs::read(file).unwrap()).unwrap();
    let frames = object.data().number(medsight_dicom::tags::NUMBER_OF_FRAMES).unwrap().unwrap();
    assert!(reason.contains(&format!("is {frames}.")), "{reason}");

    let nowhere = folder.path().join("not there").join("picture.png");
    for words in [vec!["present", file], vec!["render", file]] {
        let (exit, document) = ctl(&[words, vec!["--out", nowhere.to_str().unwrap()]].concat());
        assert_eq!((exit, &document["error"]["code"]), (3, &"not_found".into()), "{document}");
        assert!(document["error"]["reason"].as_str().unwrap().contains("not there"));
    }
    let (exit, document) = ctl(&["render", "/nowhere/at/all"]);
    assert_eq!((exit, &document["error"]["code"]), (3, &"not_found".into()));
    let (exit, document) = ctl(&["present", "/nowhere/at/all", "--out", out.to_str().unwrap()]);
    assert_eq!((exit, document["error"]["code"].is_string()), (3, true));
}
