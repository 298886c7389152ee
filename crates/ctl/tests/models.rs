//! The verbs that run installed models, by the real program: a classifier of pictures, and a model of two images.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its files has failed")]

use medsight_dicom::{Object, tags};
use medsight_infer::image;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

fn workspace(path: &str) -> PathBuf {
    medsight_base::testing::workspace().join(path)
}

fn ctl(models: &Path, args: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medsightctl"));
    let output = command.arg("--json").args(args).env("MEDSIGHT_MODELS", models).output().unwrap();
    let document = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap_or(-1), document)
}

/// A ResNet whose weights are 0 but for the last ones: whatever the picture shows, its answers are these.
fn write_resnet(path: &Path, answers: &[f32]) {
    let reference = std::fs::read(workspace("tests/infer/references/torchvision_resnet18.json")).unwrap();
    let reference: Value = serde_json::from_slice(&reference).unwrap();
    let (mut table, mut numbers) = (serde_json::Map::new(), Vec::new());
    for layer in reference["layers"].as_array().unwrap().iter().filter(|layer| layer[2] == "f32") {
        let shape: Vec<usize> = serde_json::from_value(layer[1].clone()).unwrap();
        let from = numbers.len();
        match layer[0] == "fc.bias" {
            true => numbers.extend(answers.iter().flat_map(|answer| answer.to_le_bytes())),
            false => numbers.resize(from + 4 * shape.iter().product::<usize>(), 0),
        }
        let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [from, numbers.len()]});
        table.insert(layer[0].as_str().unwrap().to_owned(), entry);
    }
    let table = serde_json::to_vec(&table).unwrap();
    let mut file = (table.len() as u64).to_le_bytes().to_vec();
    file.extend(table);
    file.extend(numbers);
    std::fs::write(path, file).unwrap();
}

fn sha256(path: &Path) -> String {
    Sha256::digest(std::fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Installs a classifier of CT slices with seven labels.
fn install_classifier(folder: &Path, models: &Path) {
    let source = folder.join("classifier");
    std::fs::create_dir_all(&source).unwrap();
    write_resnet(&source.join("w.safetensors"), &[0.0, 2.0, -2.0, 1.0, 0.0, 0.0, 0.0]);
    std::fs::write(source.join("CARD.md"), "# Made\n").unwrap();
    let labels: String = (1..=7)
        .map(|value| format!("[[labels]]\nvalue = {value}\nname = \"finding {value}\"\nthreshold = 0.5\n"))
        .collect();
    let files: String = ["w.safetensors", "CARD.md"]
        .iter()
        .map(|file| format!("[[files]]\npath = \"{file}\"\nsha256 = \"{}\"\n", sha256(&source.join(file))))
        .collect();
    let manifest = format!(
        "format = 1\nname = \"heads\"\nversion = \"1\"\nlicence = \"MIT\"\nintended_use = \"A test.\"\nlimits = []\n\
         card = \"CARD.md\"\n\
         [form]\nkind = \"classifier\"\nweights = \"w.safetensors\"\nnetwork = \"resnet18\"\nchannels = 3\n\
         activation = \"sigmoid\"\n\
         [form.picture]\nresize_px = 72\ncrop_px = 64\nwindow = [-100, 200]\nmean = [0.5, 0.5, 0.5]\n\
         deviation = [0.25, 0.25, 0.25]\n\
         [input]\nmodalities = [\"CT\"]\nunit = \"HU\"\n{labels}{files}"
    );
    std::fs::write(source.join("model.toml"), manifest).unwrap();
    assert_eq!(ctl(models, &["models", "install", source.to_str().unwrap()]).0, 0);
}

#[test]
fn a_slice_and_a_picture_are_classified_and_what_is_no_ct_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    install_classifier(folder.path(), &models);
    let slice = workspace("assets/samples/studies/ct_head_tilted_uneven/14.dcm");
    let (exit, document) = ctl(&models, &["classify", slice.to_str().unwrap(), "--model", "heads", "--cpu"]);
    assert_eq!(exit, 0, "{document}");
    let labels = document["labels"].as_array().unwrap();
    for (label, answer) in labels.iter().zip([0.0_f64, 2.0, -2.0, 1.0, 0.0, 0.0, 0.0]) {
        let probability = 1.0 / (1.0 + (-answer).exp());
        assert!((label["probability"].as_f64().unwrap() - probability).abs() < 1e-6, "{label}");
        assert_eq!(label["above"].as_bool(), Some(probability >= 0.5));
    }
    assert_eq!((labels.len(), &labels[1]["label"]), (7, &"finding 2".into()));

    let picture = folder.path().join("picture.png");
    let mut encoder = png::Encoder::new(std::fs::File::create(&picture).unwrap(), 9, 7);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&[100; 9 * 7 * 3]).unwrap();
    let picture = picture.to_str().unwrap();
    let (exit, document) = ctl(&models, &["classify", picture, "--model", "heads", "--cpu"]);
    assert_eq!((exit, &document["error"]["code"]), (1, &"no_modality".into()));
    let (exit, _) = ctl(&models, &["classify", picture, "--model", "heads", "--cpu", "--modality", "CT"]);
    assert_eq!(exit, 0);
    let photograph = ["classify", picture, "--model", "heads", "--cpu", "--modality", "XC"];
    let (_, document) = ctl(&models, &photograph);
    assert!(document["error"]["reason"].as_str().unwrap().contains("(0008,0060)"), "{document}");
    let (exit, _) = ctl(&models, &["classify", picture, "--model", "none", "--cpu", "--modality", "CT"]);
    assert_eq!(exit, 3);
}

/// Some slices of a head as another series: its UID ends otherwise, and it has another description.
fn series(to: &Path, digit: char, description: &str) -> String {
    let from = std::fs::read_dir(workspace("assets/samples/studies/mr_head_t1_3d")).unwrap();
    let mut paths: Vec<PathBuf> = from.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    std::fs::create_dir_all(to).unwrap();
    let mut named = String::new();
    for path in &paths[180..204] {
        let bytes = std::fs::read(path).unwrap();
        let object = Object::parse(&bytes).unwrap();
        let uid = object.data().text(tags::SERIES_INSTANCE_UID).unwrap();
        let old = object.data().text(tags::SERIES_DESCRIPTION).unwrap();
        named = format!("{}{digit}", &uid[..uid.len() - 1]);
        let new = format!("{description:width$}", width = old.len());
        assert_eq!(new.len(), old.len(), "{old}");
        let bytes =
            replaced(&replaced(&bytes, uid.as_bytes(), named.as_bytes()), old.as_bytes(), new.as_bytes());
        std::fs::write(to.join(path.file_name().unwrap()), bytes).unwrap();
    }
    named
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for at in 0..=bytes.len() - old.len() {
        if &bytes[at..at + old.len()] == old {
            out[at..at + old.len()].copy_from_slice(new);
        }
    }
    out
}

#[test]
fn series_of_a_model_of_two_images_are_found_by_their_words_or_said() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    let published = workspace("tests/infer/nnunet/two_channels/nnUNetTrainer__nnUNetPlans__3d_fullres");
    let install = ["models", "install", published.to_str().unwrap(), "--name", "two", "--modality", "MR"];
    assert_eq!(ctl(&models, &install).0, 0);
    let study = folder.path().join("study");
    let first = series(&study.join("a"), '1', "T1");
    let second = series(&study.join("b"), '2', "T2");
    let out = folder.path().join("found.dcm");
    let (study_text, out_text) = (study.to_str().unwrap(), out.to_str().unwrap());
    let segment = |more: &[&str]| {
        let all = [&["segment", study_text, "--model", "two", "--cpu", "--out", out_text], more].concat();
        ctl(&models, &all)
    };
    let (exit, document) = segment(&[]);
    assert_eq!(exit, 0, "{document}");
    assert_eq!(document["series"], json!([first, second]));
    let written = Object::from_vec(std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(written.data().text_or_empty(tags::MODALITY), "SEG");

    // Exchanged by the caller; and what cannot be: one series twice, a channel that is none.
    let (t1, t2) = (format!("T1={second}"), format!("T2={first}"));
    let (exit, document) = segment(&["--channel", &t1, "--channel", &t2]);
    assert_eq!((exit, &document["series"]), (0, &json!([second, first])));
    let twice = format!("T2={second}");
    let (_, document) = segment(&["--channel", &t1, "--channel", &twice]);
    assert_eq!(document["error"]["code"], "no_channel");
    let (_, document) = segment(&["--channel", "FLAIR=1.2"]);
    assert!(document["error"]["reason"].as_str().unwrap().contains("T1, T2"), "{document}");

    series(&study.join("b"), '2', "T3");
    let (_, document) = segment(&[]);
    assert!(document["error"]["reason"].as_str().unwrap().contains("(0008,103E)"), "{document}");
}

#[test]
fn the_wound_segmenter_that_came_with_the_program_is_whole_and_marks_the_wounds_it_was_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let (_, listed) = ctl(folder.path(), &["models", "ls"]);
    let shipped = listed["shipped"].as_array().unwrap();
    let wound = shipped.iter().find(|model| model["name"] == "wound").unwrap();
    assert_eq!(wound["licence"], "CC-BY-NC-4.0");
    let place = PathBuf::from(wound["folder"].as_str().unwrap());
    assert_eq!(
        ctl(folder.path(), &["models", "install", place.to_str().unwrap()]).0,
        0,
        "a file was changed"
    );
    std::fs::remove_dir_all(folder.path().join("wound")).unwrap();

    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let train = corpus.join("wounds/fuseg/train");
    let (mut both, mut sizes) = (0_u64, 0_u64);
    for name in ["0100", "0140", "0391", "0500"] {
        let (photograph, mask) =
            (train.join(format!("images/{name}.webp")), folder.path().join(format!("{name}.png")));
        let args = ["wound", photograph.to_str().unwrap(), "--mask-out", mask.to_str().unwrap()];
        let (code, document) = ctl(folder.path(), &args);
        assert_eq!(
            (code, &document["licence"], &document["sha256"]),
            (0, &wound["licence"], &wound["sha256"])
        );
        let read = |path: &Path| image::open(path).unwrap().to_luma8().into_raw();
        let (ours, drawn) = (read(&mask), read(&train.join(format!("labels/{name}.png"))));
        assert_eq!(ours.len(), drawn.len());
        for (ours, drawn) in ours.iter().zip(&drawn) {
            both += u64::from(*ours > 0 && *drawn > 0);
            sizes += u64::from(*ours > 0) + u64::from(*drawn > 0);
        }
    }
    assert!(2 * both > sizes * 85 / 100, "Dice {}", 2.0 * both as f64 / sizes as f64);
}
