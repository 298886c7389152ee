//! `info PATH…`: which studies and series the files are, and whether a series is a volume.

use crate::files::{self, path_text};
use crate::output::{Exit, Output};
use medsight_base::InstanceUid;
use medsight_cache::import::{each_in_archive, is_archive, listed_by};
use medsight_codec::{FolderSource, FrameFile};
use medsight_dicom::{DicomHeaders, ImageInfo, Object, StackKind, instance_record, sort_frames};
use medsight_record::{HeaderReader, InstanceRecord, Refusal};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What the files are: studies, series, and whether a series is a volume.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files, folders, zip archives or DICOMDIRs.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Document {
    studies: Vec<Study>,
    rejected: Vec<Rejected>,
}

#[derive(Serialize)]
struct Study {
    uid: String,
    patient: Patient,
    date: Option<String>,
    description: String,
    modalities: BTreeSet<String>,
    series: Vec<Series>,
}

#[derive(Serialize)]
struct Patient {
    id: String,
    name: String,
    birth_date: Option<String>,
    sex: Option<String>,
}

#[derive(Serialize)]
struct Series {
    uid: String,
    number: Option<i32>,
    modality: String,
    description: String,
    instances: usize,
    frames: u32,
    volume: IsVolume,
}

#[derive(Serialize)]
#[serde(untagged)]
enum IsVolume {
    Yes(bool),
    No { why_not: String },
}

#[derive(Serialize)]
struct Rejected {
    file: String,
    code: String,
    reason: String,
}

/// Files from this size on are not read whole, in bytes.
const LARGE: u64 = 4 << 20;

/// Instances of a series and the images among them.
type Members = (Vec<InstanceRecord>, Vec<ImageInfo>);

/// What was found so far.
#[derive(Default)]
struct Found {
    studies: BTreeMap<String, BTreeMap<String, Members>>,
    seen: BTreeSet<InstanceUid>,
    rejected: Vec<Rejected>,
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    let (paths, missing) = files::collect(&args.paths);
    let mut found = Found::default();
    for (index, path) in paths.iter().enumerate() {
        out.progress("Reading", index, paths.len());
        if is_archive(path) {
            let each = |name: String, bytes: Result<Vec<u8>, Refusal>| found.take(name, bytes);
            if let Err(refusal) = each_in_archive(path, each) {
                found.refuse(path_text(path), refusal);
            }
        } else {
            // A DICOMDIR within a folder lists files that are read anyway.
            found.file(path, args.paths.contains(path));
        }
    }
    out.progress("", 0, 0);
    if paths.is_empty() && missing.is_empty() {
        out.note("There are no files there.");
    }
    let refused = !found.rejected.is_empty();
    let studies = found.studies.into_iter().map(|(uid, series)| study(uid, series)).collect();
    out.document(&Document { studies, rejected: found.rejected }, text);
    files::exit(&missing, refused, out)
}

impl Found {
    /// One file; with `follow` also those that it lists, if it is a DICOMDIR.
    fn file(&mut self, path: &Path, follow: bool) {
        if let Some(read) = read_large(path) {
            return self.add(read);
        }
        let bytes = match files::read(path) {
            Ok(bytes) => bytes,
            Err(refusal) => return self.refuse(path_text(path), refusal),
        };
        match listed_by(path, &bytes, &DicomHeaders) {
            None => self.take(path_text(path), Ok(bytes)),
            Some(Err(refusal)) => self.refuse(path_text(path), refusal),
            Some(Ok(_)) if !follow => {}
            Some(Ok((listed, gone))) => {
                listed.iter().for_each(|file| self.take(path_text(file), files::read(file)));
                let gone = gone.into_iter();
                self.rejected.extend(gone.map(|r| Rejected { file: r.file, code: r.code, reason: r.reason }));
            }
        }
    }

    fn take(&mut self, file: String, bytes: Result<Vec<u8>, Refusal>) {
        match bytes.and_then(|bytes| read(&bytes)) {
            Ok(read) => self.add(read),
            Err(refusal) => self.refuse(file, refusal),
        }
    }

    fn add(&mut self, (record, image): (InstanceRecord, Option<ImageInfo>)) {
        if self.seen.insert(record.uid.clone()) {
            let series = self.studies.entry(record.study.to_string()).or_default();
            let (records, images) = series.entry(record.series.to_string()).or_default();
            records.push(record);
            images.extend(image);
        }
    }

    fn refuse(&mut self, file: String, Refusal { code, reason }: Refusal) {
        self.rejected.push(Rejected { file, code, reason });
    }
}

/// A large image by its header and the places of its frames; the rest is not read. `None` for small files and for
/// whatever needs a look at all of it, be it only to say what is wrong.
fn read_large(path: &Path) -> Option<(InstanceRecord, Option<ImageInfo>)> {
    if std::fs::metadata(path).ok()?.len() < LARGE {
        return None;
    }
    let opened = FrameFile::open(&FolderSource::new(vec![path.to_owned()]), 0).ok()?;
    let image = ImageInfo::read(opened.object()).ok()?;
    Some((instance_record(opened.object()).ok()?, Some(image)))
}

fn read(bytes: &[u8]) -> Result<(InstanceRecord, Option<ImageInfo>), Refusal> {
    DicomHeaders.read_header(bytes)?;
    let object = Object::parse(bytes)?;
    let image = if object.has_pixel_data() { Some(ImageInfo::read(&object)?) } else { None };
    Ok((instance_record(&object)?, image))
}

fn study(uid: String, series: BTreeMap<String, Members>) -> Study {
    let first = series.values().next().and_then(|(records, _)| records.first()).cloned();
    let modalities =
        series.values().flat_map(|(records, _)| records.iter().map(|r| r.modality.clone())).collect();
    let mut list: Vec<Series> = series.into_iter().map(|(uid, members)| one_series(uid, &members)).collect();
    list.sort_by(|a, b| (a.number, &a.uid).cmp(&(b.number, &b.uid)));
    let patient = first.as_ref().map(|r| r.patient.clone()).unwrap_or_default();
    Study {
        uid,
        patient: Patient {
            id: patient.id,
            name: patient.name,
            birth_date: patient.birth_date.map(|d| d.iso()),
            sex: patient.sex.map(|s| s.letter().to_string()),
        },
        date: first.as_ref().and_then(|r| r.study_date).map(|d| d.iso()),
        description: first.map(|r| r.study_description).unwrap_or_default(),
        modalities,
        series: list,
    }
}

fn one_series(uid: String, (records, images): &Members) -> Series {
    let first = &records[0]; // a series is made by its first instance
    let sorted = sort_frames(images);
    let why_not = sorted.stacks.iter().find_map(|stack| match &stack.kind {
        StackKind::Pages { why_not, .. } => Some(why_not.clone()),
        StackKind::Volume(_) => None,
    });
    let volume = if sorted.volumes().next().is_some() {
        IsVolume::Yes(true)
    } else {
        IsVolume::No { why_not: why_not.unwrap_or_else(|| "The series has no images.".into()) }
    };
    Series {
        uid,
        number: first.series_number,
        modality: first.modality.clone(),
        description: first.series_description.clone(),
        instances: records.len(),
        frames: records.iter().map(|r| r.frames).sum(),
        volume,
    }
}

fn text(document: &Document) -> String {
    let mut lines = Vec::new();
    for study in &document.studies {
        let date = study.date.as_deref().unwrap_or("no date");
        lines.push(format!("{}  {}  {date}  {}", study.patient.name, study.patient.id, study.description));
        for series in &study.series {
            let number = series.number.map_or_else(String::new, |n| n.to_string());
            let volume = match &series.volume {
                IsVolume::Yes(_) => "volume".to_owned(),
                IsVolume::No { why_not } => why_not.clone(),
            };
            lines.push(format!(
                "  {number:>4}  {}  {}  {} instances, {} frames  {volume}",
                series.modality, series.description, series.instances, series.frames
            ));
        }
    }
    lines.extend(document.rejected.iter().map(|r| format!("REFUSED {}: {}", r.file, r.reason)));
    lines.join("\n")
}
