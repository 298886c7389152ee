//! `segment PATH --model NAME`: runs an installed model over a series and writes what it finds as a DICOM segmentation.

use super::models::{self, Place};
use super::store::now;
use crate::files::{self, path_text};
use crate::output::{Exit, Output};
use medsight_base::{InstanceUid, SeriesUid, Uid};
use medsight_codec::{FolderSource, LoadOptions, Seconds, SeriesScan, build_volume, scan_headers};
use medsight_dicom::derived::{self, Device, Evidence, NewInstance, Origin, SegmentedVolume};
use medsight_dicom::{Object, Stack, StackKind, VolumeLayout, sort_frames, tags};
use medsight_image::Volume;
use medsight_infer::{CodedLabel, Compute, InferError, Manifest, Model, ModelError, Progress, SeriesFacts};
use medsight_record::{LabelMeaning, Refusal};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
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
    /// Where to write the segmentation.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// On the processor even where there is a graphics card.
    #[arg(long)]
    cpu: bool,
    #[command(flatten)]
    place: Place,
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

struct Loaded {
    volume: Volume,
    facts: SeriesFacts,
    origin: Origin,
    slices: Vec<Evidence>,
    frame_of_reference: String,
    lossy: bool,
}

fn segment(args: &Args, out: &Output) -> Result<Value, Refusal> {
    let (store, trust) = (args.place.store()?, args.place.trust());
    let installed = store.find(&args.model, &trust).map_err(|error| models::refusal(&error))?;
    let compute = compute(args.cpu)?;
    let begun = Instant::now();
    let model = Model::open(&installed, &trust, &compute).map_err(|error| match error {
        ModelError::Package(error) => models::refusal(&error),
        other => Refusal::new("bad_model", format!("{other}.")),
    })?;
    let loaded = load(args, out)?;
    let load_seconds = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let tell = |part: f32| out.progress("Running the model", (part * 1000.0) as usize, 1000);
    let labels = model.segment(&loaded.volume, &loaded.facts, &Progress::new(&tell)).map_err(refusal)?;
    out.progress("", 0, 0);
    let infer_seconds = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let rows = rows(&model.manifest, &loaded.volume, &labels);
    if let Some(path) = &args.out {
        let bytes = written(&model, &loaded, &labels)?;
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
        "segments": rows,
    }))
}

fn compute(on_cpu: bool) -> Result<Compute, Refusal> {
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

/// The wanted series, or the largest volume there is.
fn load(args: &Args, out: &Output) -> Result<Loaded, Refusal> {
    let (found, missing) = files::collect(std::slice::from_ref(&args.path));
    if !missing.is_empty() {
        return Err(Refusal::new("not_found", format!("{} is not there.", path_text(&args.path))));
    }
    let source = FolderSource::new(found.clone());
    let progress = files::loading(out);
    let cancel = AtomicBool::new(false);
    let scan = scan_headers(&source, 0, &progress, &cancel)?;
    let wanted = |series: &&SeriesScan| args.series.as_ref().is_none_or(|uid| *uid == series.uid);
    let mut why_not = Refusal::new("not_found", "No series with images is there.");
    let mut best: Option<(&SeriesScan, Stack, Box<VolumeLayout>)> = None;
    for series in scan.series.iter().filter(wanted) {
        for stack in sort_frames(&series.images).stacks {
            match &stack.kind {
                StackKind::Pages { code, why_not: reason } => {
                    why_not = Refusal::new(*code, format!("The series is no volume: {reason}"));
                }
                StackKind::Volume(layout) => {
                    let voxels = |layout: &VolumeLayout| layout.dims.iter().product::<usize>();
                    if best.as_ref().is_none_or(|(_, _, best)| voxels(layout) > voxels(best)) {
                        best = Some((series, stack.clone(), layout.clone()));
                    }
                }
            }
        }
    }
    let (series, stack, layout) = best.ok_or(why_not)?;
    let (options, mut seconds) = (LoadOptions::default(), Seconds::default());
    let volume = build_volume(&source, series, &stack, &layout, options, &progress, &cancel, &mut seconds)?;
    let mut slices = Vec::with_capacity(volume.dims[2]);
    let mut first: Option<(Origin, SeriesFacts)> = None;
    for place in &stack.frames[..volume.dims[2]] {
        let bytes = files::read(&found[series.files[place.image]])?;
        let object = Object::parse(&bytes)?;
        let mut evidence = Evidence::of(&object)?;
        if series.images[place.image].frames.len() > 1 {
            evidence.instance = evidence.instance.frame(place.frame as u32);
        }
        slices.push(evidence);
        if first.is_none() {
            let body_part = object.data().text_or_empty(tags::BODY_PART_EXAMINED);
            let modality = series.images[place.image].modality.clone();
            first = Some((Origin::of(&object)?, SeriesFacts { modality, body_part }));
        }
    }
    let (origin, facts) = first.ok_or_else(|| Refusal::new("not_found", "The series has no image."))?;
    let image = &series.images[stack.frames[0].image];
    let (frame_of_reference, lossy) = (image.frame_of_reference.clone(), image.lossy);
    Ok(Loaded { volume, facts, origin, slices, frame_of_reference, lossy })
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

fn written(model: &Model, loaded: &Loaded, labels: &[u16]) -> Result<Vec<u8>, Refusal> {
    let manifest = &model.manifest;
    let new = || Uid::from_uuid(uuid::Uuid::new_v4().as_u128());
    let header = NewInstance {
        origin: loaded.origin.clone(),
        series: SeriesUid(new()),
        instance: InstanceUid(new()),
        series_number: 9000,
        instance_number: 1,
        series_description: format!("{} {} (unread)", manifest.name, manifest.version),
        made_at: now(),
        utc_offset_min: 0,
        device: Device::default(),
    };
    let maker = model.maker();
    let segment = |meaning: LabelMeaning| (meaning.value, derived::segment_of(&meaning, &maker, false));
    SegmentedVolume {
        header,
        places: derived::slice_places(&loaded.volume, &loaded.frame_of_reference),
        labels,
        segments: manifest.labels.iter().map(CodedLabel::meaning).map(segment).collect(),
        slices: loaded.slices.clone(),
        label: "MODEL".to_owned(),
        description: format!("Made by {}, read by nobody yet", maker.text()),
        creator: String::new(),
        lossy_source: loaded.lossy,
        dimension_organization: new(),
    }
    .to_file()
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
