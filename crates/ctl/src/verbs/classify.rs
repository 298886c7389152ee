//! `classify PATH --model NAME`: how probable an installed classifier finds each of its labels in one picture.

use super::models::{self, Place};
use super::segment::compute;
use super::wound;
use crate::files::path_text;
use crate::output::{Exit, Output};
use medsight_codec::{FolderSource, FrameFile};
use medsight_dicom::{ImageInfo, tags};
use medsight_image::{Frame, Modality, Photometric, present};
use medsight_infer::image::{ImageFormat, RgbImage};
use medsight_infer::{ClassifierModel, Finding, InferError, Picture, SeriesFacts};
use medsight_record::Refusal;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How probable an installed classifier finds each of its labels in one picture.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A DICOM file, or a picture: JPEG, PNG or WebP.
    path: PathBuf,
    /// Name of an installed classifier, or NAME@VERSION.
    #[arg(long)]
    model: String,
    /// Frame of the DICOM file, from 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    frame: usize,
    /// Modality (0008,0060) of what a picture file shows, which the file itself cannot say.
    #[arg(long)]
    modality: Option<String>,
    /// On the processor even where there is a graphics card.
    #[arg(long)]
    cpu: bool,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    match classify(args) {
        Ok(document) => {
            out.document(&document, text);
            Exit::Done
        }
        Err(refusal) => {
            out.refused(&refusal);
            models::exit_of(&refusal)
        }
    }
}

/// A picture in memory.
enum Decoded {
    Grey { size_px: [usize; 2], values: Vec<f32>, unit: String, inverted: bool },
    Colour(RgbImage),
}

fn classify(args: &Args) -> Result<Value, Refusal> {
    let (store, trust) = (args.place.store()?, args.place.trust()?);
    let installed = store.find(&args.model, &trust).map_err(|error| models::refusal(&error))?;
    let compute = compute(args.cpu)?;
    let begun = Instant::now();
    let model = ClassifierModel::open(&installed, &trust, &compute).map_err(models::not_opened)?;
    let (decoded, series) = match is_picture(&args.path)? {
        true => {
            let none = || Refusal::new("no_modality", "A picture file names no modality: say --modality.");
            let modality = args.modality.clone().ok_or_else(none)?;
            (Decoded::Colour(wound::read(&args.path)?), SeriesFacts { modality, body_part: String::new() })
        }
        false => dicom(&args.path, args.frame)?,
    };
    let load_seconds = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let picture = match &decoded {
        Decoded::Colour(picture) => Picture::Colour(picture),
        Decoded::Grey { size_px, values, unit, inverted } => {
            Picture::Grey { size_px: *size_px, values, unit, inverted: *inverted }
        }
    };
    let found = model.classify(picture, &series).map_err(|error| {
        let code = if matches!(error, InferError::Device(_)) { "device" } else { "not_for_this_model" };
        Refusal::new(code, format!("{error}."))
    })?;
    Ok(json!({
        "model": format!("{}@{}", model.manifest.name, model.manifest.version),
        "sha256": model.sha256,
        "adapter": compute.name(),
        "seconds": { "load": load_seconds, "infer": begun.elapsed().as_secs_f64() },
        "labels": found.iter().map(row).collect::<Vec<_>>(),
    }))
}

fn row(finding: &Finding<'_>) -> Value {
    json!({
        "label": finding.label.name,
        "code": finding.label.code,
        "probability": finding.probability,
        "threshold": finding.label.threshold,
        "above": finding.is_above,
    })
}

/// True for the picture formats, by how the file begins.
fn is_picture(path: &Path) -> Result<bool, Refusal> {
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Refusal::new("not_found", format!("{} is not there.", path_text(path)))
        }
        kind => Refusal::new("unreadable", format!("The file cannot be read: {kind}.")),
    })?;
    file.take(32)
        .read_to_end(&mut start)
        .map_err(|error| Refusal::new("unreadable", format!("The file cannot be read: {}.", error.kind())))?;
    let format = medsight_infer::image::guess_format(&start).ok();
    Ok(format
        .is_some_and(|format| [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP].contains(&format)))
}

/// A frame of a DICOM file: modality values, or colours.
fn dicom(path: &Path, place: usize) -> Result<(Decoded, SeriesFacts), Refusal> {
    let source = FolderSource::new(vec![path.to_owned()]);
    let opened = FrameFile::open(&source, 0)?;
    let info = ImageInfo::read(opened.object())?;
    let frame = opened.decode_shown(&source, &info, place)?;
    let body_part = opened.object().data().text_or_empty(tags::BODY_PART_EXAMINED);
    let series = SeriesFacts { modality: info.modality.clone(), body_part };
    let decoded = match frame.photometric {
        Photometric::Monochrome1 | Photometric::Monochrome2 => grey(&info, &frame, place),
        Photometric::PaletteColor => {
            let none = || Refusal::new("no_palette", "The image has no palette for its colours (0028,1101).");
            let palette = info.palette.as_ref().and_then(|palette| palette.to_image()).ok_or_else(none)?;
            let pixels = (0..frame.samples.len()).map(|at| palette.apply(frame.samples.value(at) as f32));
            colour(&frame, pixels.collect())?
        }
        Photometric::Rgb | Photometric::YbrFull => colour(&frame, present::rgb8(&frame).unwrap_or_default())?,
    };
    Ok((decoded, series))
}

fn grey(info: &ImageInfo, frame: &Frame, place: usize) -> Decoded {
    let facts = info.frames.get(place).or(info.frames.first());
    let modality = facts.map_or(Modality::IDENTITY, |facts| facts.modality_lut.to_image());
    let is_padding =
        |stored: f64| info.padding.is_some_and(|[low, high]| (low as f64..=high as f64).contains(&stored));
    let stored = |at: usize| frame.samples.value(at);
    let value = |at: usize| modality.apply(stored(at) as f32);
    let count = frame.samples.len();
    let inverted = frame.photometric == Photometric::Monochrome1;
    // Padding is no image: it is as black as the blackest pixel that is one.
    let image = (0..count).filter(|at| !is_padding(stored(*at))).map(value);
    let black = match inverted {
        true => image.fold(f32::NEG_INFINITY, f32::max),
        false => image.fold(f32::INFINITY, f32::min),
    };
    let values = (0..count).map(|at| if is_padding(stored(at)) { black } else { value(at) }).collect();
    let unit = facts.map(|facts| facts.unit.clone()).unwrap_or_default();
    Decoded::Grey { size_px: [frame.columns, frame.rows], values, unit, inverted }
}

fn colour(frame: &Frame, pixels: Vec<[u8; 3]>) -> Result<Decoded, Refusal> {
    let bytes = pixels.into_iter().flatten().collect();
    let picture = RgbImage::from_raw(frame.columns as u32, frame.rows as u32, bytes);
    let short = || Refusal::new("damaged", "The frame has fewer colours than pixels.");
    picture.map(Decoded::Colour).ok_or_else(short)
}

fn text(document: &Value) -> String {
    let line = |row: &Value| {
        let mark = match row["above"].as_bool() {
            Some(true) => "  at or above its threshold",
            Some(false) => "  below its threshold",
            None => "",
        };
        let percent = 100.0 * row["probability"].as_f64().unwrap_or_default();
        format!("{:<32} {percent:>6.2} %{mark}", row["label"].as_str().unwrap_or_default())
    };
    let rows = document["labels"].as_array().into_iter().flatten().map(line);
    let head = format!(
        "{} on {}: read by nobody yet",
        document["model"].as_str().unwrap_or_default(),
        document["adapter"].as_str().unwrap_or_default(),
    );
    std::iter::once(head).chain(rows).collect::<Vec<_>>().join("\n")
}
