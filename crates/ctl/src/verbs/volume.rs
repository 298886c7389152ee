//! `volume PATH`: the volumes of a series, their geometry, hash and warnings, and where the time went.

use crate::files::{self, path_text};
use crate::output::{Exit, Output};
use medsight_codec::{FolderSource, LoadOptions, Seconds, SeriesScan, build_volume, scan_headers};
use medsight_dicom::{StackKind, sort_frames};
use medsight_image::{Volume, VolumeWarning, Voxels};
use medsight_record::Refusal;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Build the volumes of a series and print their geometry and hash.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder or a file.
    path: PathBuf,
    /// Only the series with this Series Instance UID (0020,000E).
    #[arg(long, value_name = "UID")]
    series: Option<String>,
}

#[derive(Serialize)]
struct Document {
    volumes: Vec<VolumeRow>,
    refused: Vec<Refused>,
    seconds: SecondsRow,
}

#[derive(Serialize)]
struct VolumeRow {
    series: String,
    dims: Vec<usize>,
    spacing_mm: [f64; 3],
    origin_mm: [f64; 3],
    direction: [f64; 9],
    r#type: &'static str,
    unit: String,
    sha256: String,
    min: f64,
    max: f64,
    mean: f64,
    warnings: Vec<VolumeWarning>,
}

#[derive(Serialize)]
struct Refused {
    series: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    code: String,
    reason: String,
}

#[derive(Default, Serialize)]
struct SecondsRow {
    read: f64,
    decode: f64,
    assemble: f64,
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    let (found, missing) = files::collect(std::slice::from_ref(&args.path));
    let source = FolderSource::new(found.clone());
    let progress = files::loading(out);
    let cancel = AtomicBool::new(false);
    let mut document = Document { volumes: Vec::new(), refused: Vec::new(), seconds: SecondsRow::default() };
    let begun = Instant::now();
    let scan = scan_headers(&source, 0, &progress, &cancel).unwrap_or_default();
    document.seconds.read = begun.elapsed().as_secs_f64();
    for skipped in scan.skipped {
        let Refusal { code, reason } = skipped.refusal;
        document.refused.push(Refused {
            series: String::new(),
            file: Some(path_text(&found[skipped.file])),
            code,
            reason,
        });
    }
    let wanted = |series: &&SeriesScan| args.series.as_ref().is_none_or(|uid| *uid == series.uid);
    let mut any = false;
    for series in scan.series.iter().filter(wanted) {
        any = true;
        let begun = Instant::now();
        let sorted = sort_frames(&series.images);
        let mut seconds = Seconds { assemble: begun.elapsed().as_secs_f64(), ..Seconds::default() };
        for stack in &sorted.stacks {
            let built = match &stack.kind {
                StackKind::Pages { code, why_not } => Err(Refusal::new(*code, why_not.clone())),
                StackKind::Volume(layout) => {
                    let options = LoadOptions::default();
                    build_volume(&source, series, stack, layout, options, &progress, &cancel, &mut seconds)
                }
            };
            match built {
                Ok(volume) => document.volumes.push(row(series.uid.clone(), &volume)),
                Err(Refusal { code, reason }) => {
                    document.refused.push(Refused { series: series.uid.clone(), file: None, code, reason });
                }
            }
        }
        document.seconds.decode += seconds.decode;
        document.seconds.assemble += seconds.assemble;
    }
    out.progress("", 0, 0);
    let refused = !document.refused.is_empty();
    out.document(&document, text);
    if let (Some(uid), false) = (&args.series, any) {
        out.note(&format!("No image of the series {uid} is there."));
        return Exit::NotFound;
    }
    files::exit(&missing, refused, out)
}

fn row(series: String, volume: &Volume) -> VolumeRow {
    let [x, y, z, t] = volume.dims;
    let [ax, ay, az] = volume.axes.map(|a| a.to_array());
    let (r#type, sha256, mean) = match &*volume.voxels {
        Voxels::I16(v) => {
            let sum: i64 = v.iter().map(|x| i64::from(*x)).sum();
            ("int16", files::sha256(bytemuck::cast_slice(v)), sum as f64 / v.len() as f64)
        }
        Voxels::F32(v) => {
            let sum: f64 = v.iter().map(|x| f64::from(*x)).sum();
            ("float32", files::sha256(bytemuck::cast_slice(v)), sum / v.len() as f64)
        }
    };
    VolumeRow {
        series,
        dims: if t > 1 { vec![x, y, z, t] } else { vec![x, y, z] },
        spacing_mm: volume.spacing_mm.to_array(),
        origin_mm: volume.origin_mm.to_array(),
        direction: [ax[0], ay[0], az[0], ax[1], ay[1], az[1], ax[2], ay[2], az[2]],
        r#type,
        unit: volume.unit.clone(),
        sha256,
        min: f64::from(volume.min_max[0]),
        max: f64::from(volume.min_max[1]),
        mean,
        warnings: volume.warnings.clone(),
    }
}

fn text(document: &Document) -> String {
    let mut lines = Vec::new();
    for v in &document.volumes {
        let dims = v.dims.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
        let [x, y, z] = v.spacing_mm;
        lines.push(format!(
            "{}  {dims} voxels of {x:.3} × {y:.3} × {z:.3} mm, {} to {} {}",
            v.series, v.min, v.max, v.unit
        ));
        lines.extend(v.warnings.iter().map(|w| format!("  WARNING {}", w.reason)));
    }
    for r in &document.refused {
        lines.push(format!("NO VOLUME {}{}: {}", r.series, r.file.as_deref().unwrap_or_default(), r.reason));
    }
    let s = &document.seconds;
    lines.push(format!("headers {:.3} s, pixels {:.3} s, volume {:.3} s", s.read, s.decode, s.assemble));
    lines.join("\n")
}
