//! `wound PHOTO`: where a photograph shows a wound, by the installed wound segmenter. Its scale and its scores come with the
//! markers that give a photograph a scale; without one nothing is said in centimetres.

use super::models::{self, Place};
use crate::files::path_text;
use crate::output::{Exit, Output};
use medsight_infer::image::{GrayImage, ImageReader, RgbImage};
use medsight_infer::{Compute, Form, Installed, Progress, Store, Trust, WoundMask, WoundModel};
use medsight_record::Refusal;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Where a photograph shows a wound.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A photograph: JPEG, PNG or WebP.
    photo: PathBuf,
    /// Where to write the mask: a PNG of the photograph's size, 255 where there is wound.
    #[arg(long, value_name = "FILE")]
    mask_out: Option<PathBuf>,
    /// Name of an installed wound segmenter, or NAME@VERSION. Without it the only one that is installed, else the one that came
    /// with the program.
    #[arg(long)]
    model: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// A photograph that is larger is no photograph: 200 megapixels.
const MOST_PIXELS: u64 = 200_000_000;

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    match mask(args, out) {
        Ok(document) => {
            out.document(&document, |document| {
                format!("{} px of {} are wound.", document["wound_px"], document["pixels"])
            });
            Exit::Done
        }
        Err(refusal) => {
            out.refused(&refusal);
            models::exit_of(&refusal)
        }
    }
}

fn mask(args: &Args, out: &Output) -> Result<Value, Refusal> {
    let photograph = read(&args.photo)?;
    let trust = args.place.trust()?;
    let installed = wanted(args, &trust)?;
    let model = WoundModel::open(&installed, &trust, &Compute::cpu()).map_err(models::not_opened)?;
    let tell = |part: f32| out.progress("Looking for the wound", (part * 4.0) as usize, 4);
    let mask = model.mask(&photograph, &Progress::new(&tell));
    out.progress("", 0, 0);
    let mask = mask.map_err(|error| Refusal::new("not_segmented", format!("{error}.")))?;
    if let Some(path) = &args.mask_out {
        write(&mask, path)?;
    }
    let wound_px = mask.pixels.iter().filter(|pixel| **pixel > 0).count();
    Ok(json!({
        "model": format!("{}@{}", model.manifest.name, model.manifest.version),
        "sha256": model.sha256,
        "licence": model.manifest.licence,
        "pixels": mask.pixels.len(),
        "wound_px": wound_px,
        // Without a scale there are no centimetres, and no stage is guessed.
        "area_cm2": null,
        "length_cm": null,
        "width_cm": null,
        "suggestion": [],
        "refused": null,
    }))
}

fn wanted(args: &Args, trust: &Trust) -> Result<Installed, Refusal> {
    let store = args.place.store()?;
    if let Some(name) = &args.model {
        return store.find(name, trust).map_err(|error| models::refusal(&error));
    }
    // What somebody installed goes before what came with the program.
    for store in [Some(store), Store::shipped()].into_iter().flatten() {
        match of_wounds(&store).as_slice() {
            [] => {}
            [name] => return store.find(name, trust).map_err(|error| models::refusal(&error)),
            _ => {
                return Err(Refusal::new("no_model", "Several wound segmenters are installed: say --model."));
            }
        }
    }
    Err(Refusal::new("no_model", "No wound segmenter is installed: `medsightctl models install` brings one."))
}

/// Names of the segmenters of wounds in a store, each once.
fn of_wounds(store: &Store) -> Vec<String> {
    let found = store.list().into_iter();
    let found = found.filter(|installed| matches!(installed.manifest.form, Form::Wound { .. }));
    let mut names: Vec<String> = found.map(|installed| installed.manifest.name).collect();
    names.dedup();
    names
}

/// A picture file as red, green, blue of 8 bits.
pub(super) fn read(path: &Path) -> Result<RgbImage, Refusal> {
    let bad = |reason: String| {
        Refusal::new(
            "bad_photograph",
            format!("{} is no photograph that can be read: {reason}.", path_text(path)),
        )
    };
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let mut reader = reader.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Refusal::new("not_found", format!("{} is not there.", path_text(path)))
        }
        kind => bad(kind.to_string()),
    })?;
    let mut limits = medsight_infer::image::Limits::default();
    limits.max_alloc = Some(MOST_PIXELS * 4);
    reader.limits(limits);
    Ok(reader.decode().map_err(|error| bad(error.to_string()))?.to_rgb8())
}

fn write(mask: &WoundMask, path: &Path) -> Result<(), Refusal> {
    let failed = |reason: String| Refusal::new("unwritable", format!("{}: {reason}.", path_text(path)));
    let [columns, rows] = mask.size_px.map(|size| size as u32);
    let picture = GrayImage::from_raw(columns, rows, mask.pixels.clone())
        .ok_or_else(|| failed("the mask has another size than the photograph".to_owned()))?;
    picture
        .save_with_format(path, medsight_infer::image::ImageFormat::Png)
        .map_err(|error| failed(error.to_string()))
}
