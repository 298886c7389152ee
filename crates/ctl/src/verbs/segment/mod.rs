//! `segment PATH --model NAME`: runs an installed model over a series, or over several that are its channels, and writes what
//! it finds as a DICOM segmentation.

mod load;
mod written;

use self::load::{Folder, Loaded};
use self::written::written;
use super::models::{self, Place};
use crate::files::path_text;
use crate::output::{Exit, Output};
use medsight_image::Volume;
use medsight_infer::{
    ChannelVolume, CodedLabel, Compute, InferError, Manifest, Model, Progress, SeriesTexts, assigned,
};
use medsight_record::Refusal;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

/// Run an installed model over a series and write what it finds as a DICOM segmentation.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder or a file.
    path: PathBuf,
    /// Name of an installed model, or NAME@VERSION.
    #[arg(long)]
    model: String,
    /// Only the series with this Series Instance UID (0020,000E); without it the largest volume.
    #[arg(long, value_name = "UID")]
    series: Option<String>,
    /// For a model of several images: the series of a channel; may be given several times. Without it the series is found by
    /// the package's rules.
    #[arg(long, value_name = "NAME=UID", value_parser = channel, conflicts_with = "series")]
    channel: Vec<(String, String)>,
    /// Where to write the segmentation.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// On the processor even where there is a graphics card.
    #[arg(long)]
    cpu: bool,
    #[command(flatten)]
    place: Place,
}

fn channel(text: &str) -> Result<(String, String), String> {
    let (name, uid) = text.split_once('=').ok_or_else(|| "NAME=UID is expected".to_owned())?;
    Ok((name.to_owned(), uid.to_owned()))
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    match segment(args, out) {
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

fn segment(args: &Args, out: &Output) -> Result<Value, Refusal> {
    let (store, trust) = (args.place.store()?, args.place.trust()?);
    let installed = store.find(&args.model, &trust).map_err(|error| models::refusal(&error))?;
    let compute = compute(args.cpu)?;
    let begun = Instant::now();
    let model = Model::open(&installed, &trust, &compute).map_err(models::not_opened)?;
    let folder = Folder::open(&args.path, out)?;
    let channels = match model.channels().len() {
        0 | 1 if args.channel.is_empty() => vec![folder.largest(args.series.as_deref())?],
        0 | 1 => return Err(usage("the model takes one image: say --series, not --channel")),
        _ if args.series.is_some() => {
            return Err(usage("the model takes several images: say --channel, not --series"));
        }
        _ => chosen(&model, &folder, &args.channel)?,
    };
    let loaded: Vec<Loaded> =
        channels.iter().map(|series| folder.load(series, out)).collect::<Result<_, _>>()?;
    let load_seconds = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let tell = |part: f32| out.progress("Running the model", (part * 1000.0) as usize, 1000);
    // The first channel's images are those that the segmentation lies over.
    let first = &loaded[0];
    let labels = match loaded.as_slice() {
        [one] => model.segment(&one.volume, &one.facts, &Progress::new(&tell)),
        all => {
            let all: Vec<ChannelVolume<'_>> = all.iter().map(Loaded::as_channel).collect();
            model.segment_channels(&all, &Progress::new(&tell))
        }
    };
    let labels = labels.map_err(refusal)?;
    out.progress("", 0, 0);
    let infer_seconds = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let rows = rows(&model.manifest, &first.volume, &labels);
    if let Some(path) = &args.out {
        let bytes = written(&model, first, &labels)?;
        let failed = |error: std::io::Error| {
            Refusal::new("unwritable", format!("{} cannot be written: {}.", path_text(path), error.kind()))
        };
        let part = path.with_extension("part");
        std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path)).map_err(failed)?;
    }
    Ok(json!({
        "model": format!("{}@{}", model.manifest.name, model.manifest.version),
        "sha256": model.sha256,
        "adapter": compute.name(),
        "seconds": {
            "load": load_seconds, "infer": infer_seconds, "write": begun.elapsed().as_secs_f64(),
        },
        "peak_gpu_bytes": compute.peak_gpu_bytes(),
        "series": channels.iter().map(|series| series.uid()).collect::<Vec<_>>(),
        "segments": rows,
    }))
}

fn usage(reason: &str) -> Refusal {
    Refusal::new("usage", format!("{reason}."))
}

/// The series of each channel: as it was said, else by the package's rules.
fn chosen<'f>(
    model: &Model,
    folder: &'f Folder,
    said: &[(String, String)],
) -> Result<Vec<load::Wanted<'f>>, Refusal> {
    let rules = model.channels();
    if let Some((name, _)) = said.iter().find(|(name, _)| rules.iter().all(|rule| rule.name != *name)) {
        let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        return Err(usage(&format!(
            "the model has no channel {name}; its channels are {}",
            names.join(", ")
        )));
    }
    let mut candidates = folder.volumes();
    let place_of = |uid: &str| {
        let place = candidates.iter().position(|candidate| candidate.uid() == uid);
        place.ok_or_else(|| {
            Refusal::new("not_found", "A series that was said to be a channel is no volume here.")
        })
    };
    let given =
        |name: &str| said.iter().find(|(said, _)| said == name).map(|(_, uid)| place_of(uid)).transpose();
    let given: Vec<Option<usize>> = rules.iter().map(|rule| given(&rule.name)).collect::<Result<_, _>>()?;
    let texts: Vec<SeriesTexts> =
        candidates.iter().map(|candidate| folder.texts(candidate)).collect::<Result<_, _>>()?;
    let places = assigned(rules, &given, &texts)
        .map_err(|error| Refusal::new("no_channel", format!("{error}: --channel NAME=UID.")))?;
    // Each place once: `assigned` gives no series to two channels.
    let mut taken: Vec<Option<load::Wanted<'f>>> = candidates.drain(..).map(Some).collect();
    Ok(places.into_iter().filter_map(|place| taken[place].take()).collect())
}

pub(super) fn compute(on_cpu: bool) -> Result<Compute, Refusal> {
    if on_cpu {
        return Ok(Compute::cpu());
    }
    let no_gpu = |reason: String| Refusal::new("no_gpu", format!("{reason}; --cpu runs without it."));
    let gpu = medsight_gpu::Gpu::headless().map_err(|error| no_gpu(error.to_string()))?;
    Compute::on(&gpu).map_err(no_gpu)
}

fn refusal(error: InferError) -> Refusal {
    let code = match &error {
        InferError::Device(_) => "device",
        InferError::Stopped => "stopped",
        _ => "not_for_this_model",
    };
    Refusal::new(code, format!("{error}."))
}

fn rows(manifest: &Manifest, volume: &Volume, labels: &[u16]) -> Vec<Value> {
    let mut counts = vec![0_u64; usize::from(u16::MAX) + 1];
    labels.iter().for_each(|label| counts[usize::from(*label)] += 1);
    let voxel_ml = volume.spacing_mm.x * volume.spacing_mm.y * volume.spacing_mm.z / 1000.0;
    let row = |label: &CodedLabel| {
        let voxels = counts[usize::from(label.value)];
        json!({"label": label.name, "code": label.code, "voxels": voxels, "ml": voxels as f64 * voxel_ml})
    };
    manifest.labels.iter().map(row).collect()
}

fn text(document: &Value) -> String {
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let line = |row: &Value| {
        format!("{:<32} {:>10.1} ml", row["label"].as_str().unwrap_or_default(), number(&row["ml"]))
    };
    let segments = document["segments"].as_array().into_iter().flatten();
    let found = segments.filter(|row| row["voxels"].as_u64() > Some(0)).map(line);
    let head = format!(
        "{} on {}: {:.1} s",
        document["model"].as_str().unwrap_or_default(),
        document["adapter"].as_str().unwrap_or_default(),
        number(&document["seconds"]["infer"]),
    );
    std::iter::once(head).chain(found).collect::<Vec<_>>().join("\n")
}
