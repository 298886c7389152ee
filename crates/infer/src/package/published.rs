//! What is published without a manifest, as a package: nnU-Net folders of results and MONAI bundles.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::labels::CodedLabel;
use super::manifest::{FileHash, Form, Manifest};
use super::store::{Draft, MANIFEST, PackageError, all_files, copy, fault, hex, read, write};
use crate::channels::ChannelRule;
use crate::monai::{BundleChoice, config_files, names_of};
use crate::nnunet::{Dataset, LabelValue};

/// Something that was published without a manifest.
pub(super) struct Published {
    form: Form,
    labels: Vec<CodedLabel>,
    /// Names of the images it takes at once, when there are several.
    channels: Vec<String>,
    /// Where each file is, and its path in the package.
    files: Vec<(PathBuf, String)>,
}

impl Published {
    pub(super) fn of(from: &Path, choice: &BundleChoice) -> Result<Self, PackageError> {
        let name = from.file_name().and_then(|name| name.to_str()).unwrap_or("model").to_owned();
        let has = |file: &str| from.join(file).is_file();
        let within = |folder: &Path, to: &str, files: Vec<String>| -> Vec<(PathBuf, String)> {
            files.into_iter().map(|file| (folder.join(&file), format!("{to}/{file}"))).collect()
        };
        if has("plans.json") && has("dataset.json") {
            let dataset = Dataset::read(&read(from, "dataset.json")?)?;
            let mut files = within(from, &format!("results/{name}"), published_files(from)?);
            // A cascade keeps its lower stage beside it; the names of both say which is which.
            if let Some(stem) = name.strip_suffix("3d_cascade_fullres") {
                let lower = from.with_file_name(format!("{stem}3d_lowres"));
                files.extend(within(&lower, &format!("results/{stem}3d_lowres"), published_files(&lower)?));
            }
            let form = Form::Nnunet { folder: format!("results/{name}") };
            return Ok(Self { form, labels: labels_of(&dataset), channels: dataset.channels, files });
        }
        if has("configs/metadata.json") && has("models/model.pt") {
            let mut there = config_files(from, &choice.configs)?;
            let beside = ["configs/metadata.json", "models/model.pt", "LICENSE"];
            there.extend(beside.into_iter().filter(|file| has(file)).map(str::to_owned));
            let (labels, channels) = names_of(from, choice)?;
            let labels = labels.into_iter().map(|(value, name)| uncoded(&name, value)).collect();
            let (configs, regions_order) = (choice.configs.clone(), choice.regions_order.clone());
            let form = Form::Monai { folder: "bundle".to_owned(), configs, regions_order };
            return Ok(Self { form, labels, channels, files: within(from, "bundle", there) });
        }
        Err(PackageError::Unknown)
    }
}

/// Puts the files of something published, a card and a manifest into a folder.
pub(super) fn package(build: &Path, draft: &Draft, published: Published) -> Result<(), PackageError> {
    let mut files = Vec::new();
    for (from, path) in &published.files {
        let target = build.join(path);
        target.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|error| fault(path, &error))?;
        let sha256 = copy(from, &target).map_err(|error| fault(path, &error))?;
        files.push(FileHash { path: path.clone(), sha256 });
    }
    let card = card_of(draft, &published.labels);
    write(build, "CARD.md", card.as_bytes())?;
    files.push(FileHash { path: "CARD.md".to_owned(), sha256: hex(&Sha256::digest(card.as_bytes())) });
    let mut input = draft.input.clone();
    if published.channels.len() > 1 && input.channels.is_empty() {
        input.channels = published.channels.iter().map(|name| ChannelRule::named(name)).collect();
    }
    let manifest = Manifest {
        format: 1,
        name: draft.name.clone(),
        version: draft.version.clone(),
        licence: draft.licence.clone(),
        intended_use: "Not stated by this package: ask who published the model.".to_owned(),
        limits: vec!["Its quality on this site's images has not been measured.".to_owned()],
        card: "CARD.md".to_owned(),
        form: published.form,
        input,
        labels: published.labels,
        measured: Vec::new(),
        files,
    };
    write(build, MANIFEST, manifest.text()?.as_bytes())
}

/// What of a folder of results a run needs: logs, validations and best checkpoints beside final ones stay behind.
fn published_files(folder: &Path) -> Result<Vec<String>, PackageError> {
    let all = all_files(folder);
    let has = |path: &str| all.iter().any(|file| file == path);
    let wanted = |path: &String| match path.split_once('/') {
        None => ["plans.json", "dataset.json"].contains(&path.as_str()),
        Some((fold, "checkpoint_final.pth")) => fold.starts_with("fold_"),
        Some((fold, "checkpoint_best.pth")) => {
            fold.starts_with("fold_") && !has(&format!("{fold}/checkpoint_final.pth"))
        }
        Some(_) => false,
    };
    let files: Vec<String> = all.iter().filter(|path| wanted(path)).cloned().collect();
    match files.iter().any(|file| file.starts_with("fold_")) && has("plans.json") && has("dataset.json") {
        true => Ok(files),
        false => Err(PackageError::Unknown),
    }
}

fn uncoded(name: &str, value: u16) -> CodedLabel {
    CodedLabel {
        value,
        name: name.to_owned(),
        category: None,
        code: None,
        side: None,
        colour: None,
        threshold: None,
    }
}

fn labels_of(dataset: &Dataset) -> Vec<CodedLabel> {
    let numbers = dataset.regions_order.clone().unwrap_or_default();
    let labels =
        dataset.labels.iter().enumerate().map(|(place, label)| match (&label.value, numbers.get(place)) {
            (_, Some(written)) => uncoded(&label.name, *written),
            (LabelValue::One(value), None) => uncoded(&label.name, *value),
            (LabelValue::Region(values), None) => {
                uncoded(&label.name, values.first().copied().unwrap_or_default())
            }
        });
    labels.collect()
}

fn card_of(draft: &Draft, labels: &[CodedLabel]) -> String {
    let names: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
    format!(
        "# {} {}\n\nMade from what was published. Licence of the weights: {}.\n\nLabels: {}.\n\nIntended use, training data \
         and measured quality are not stated here; they are with who published the model.\n",
        draft.name,
        draft.version,
        draft.licence,
        names.join(", "),
    )
}
