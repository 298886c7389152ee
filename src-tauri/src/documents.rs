//! Documents of a study: what they are; those that hold a file (PDF, CDA, STL) are written where a person says, to be
//! read in another program.
//!
//! Web views do not show PDF on every platform, and a copy for a viewer would be a file with patient data that nobody
//! asked for. So there is one way: the person chooses the place, and the export is in the audit trail.

use crate::asker::Asker;
use crate::desk::{Desk, now};
use crate::dto::{DocumentsRequest, SaveDocumentRequest, StudyDocument};
use crate::problem::{Fault, Problem};
use medsight_base::{InstanceUid, StudyUid};
use medsight_cache::{Cache, CacheError};
use medsight_dicom::Object;
use medsight_dicom::derived::{Document, DocumentKind, Titled};
use medsight_record::{ManifestInstance, Right};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Documents that are looked at, at most: a study of thousands of reports is none that a panel lists.
const MOST: usize = 200;

/// The documents of a study, in the order of its series. What can't be read is left out here; the light box names it.
pub(crate) fn list(desk: &Arc<Desk>, request: DocumentsRequest) -> Result<Vec<StudyDocument>, Problem> {
    let study = StudyUid::parse(&request.study_uid)?;
    let cache = desk.cache()?;
    let manifest = cache.manifest_here(&study)?;
    let titled = manifest.instances.iter().filter(|instance| instance.frames == 0).filter_map(|instance| {
        let titled = Titled::of(&object_of(&cache, instance).ok()?)?;
        let series = manifest.series.iter().find(|series| series.uid == instance.series);
        Some(StudyDocument {
            instance_uid: instance.uid.to_string(),
            series_number: series.and_then(|series| series.number),
            kind: match titled.kind {
                DocumentKind::Report => "report",
                DocumentKind::KeyImages => "key_images",
                DocumentKind::View => "view",
                DocumentKind::File if titled.mime == "application/pdf" => "pdf",
                DocumentKind::File => "file",
            }
            .to_owned(),
            title: titled.title,
            has_file: titled.kind == DocumentKind::File,
        })
    });
    Ok(titled.take(MOST).collect())
}

/// As [`save`], for the window.
pub(crate) fn save_from_window(desk: &Arc<Desk>, request: SaveDocumentRequest) -> Result<bool, Problem> {
    save(desk, &StudyUid::parse(&request.study_uid)?, &InstanceUid::parse(&request.instance_uid)?)
}

fn object_of(cache: &Cache, instance: &ManifestInstance) -> Result<Object<'static>, Problem> {
    let blob = instance.blob.parse().map_err(|_| CacheError::Damaged("a file name".to_owned()))?;
    let bytes = cache.blobs().open(blob).and_then(|blob| blob.read_all()).map_err(CacheError::from)?;
    Object::from_vec(bytes).map_err(|refusal| Problem::from(&refusal))
}

/// Asks where to, and writes the document of an object there. False when the person chose no place.
pub(crate) fn save(desk: &Arc<Desk>, study: &StudyUid, instance: &InstanceUid) -> Result<bool, Problem> {
    let (asker, cache) = (Asker::of(desk, Right::GiveOut), desk.cache()?);
    let manifest = cache.manifest(study)?;
    let found = manifest.instances.iter().find(|i| i.uid == *instance).ok_or(Fault::StudyGone)?;
    let object = object_of(&cache, found)?;
    let document = Document::read(&object).map_err(|refusal| Problem::from(&refusal))?;
    // The title may name the patient: the person gives the file its name.
    let name = format!("document.{}", ending(&document.mime));
    let Some(path) = asker.save_as(desk, &name)? else { return Ok(false) };
    write(&path, |file| file.write_all(document.bytes))
        .map_err(|error| CacheError::Export { file: path.clone(), error })?;
    cache.exported(study, asker.who(), now(), serde_json::json!({"document": instance}))?;
    Ok(true)
}

fn ending(mime: &str) -> &'static str {
    match mime {
        "application/pdf" => "pdf",
        "text/xml" | "application/xml" => "xml",
        "model/stl" | "application/sla" => "stl",
        "model/obj" => "obj",
        _ => "bin",
    }
}

/// The whole file or none: written beside its place and then put there.
pub(crate) fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let filled = File::create(&part).and_then(|mut file| {
        fill(&mut file)?;
        file.sync_all()
    });
    let written = filled.and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        let _half_written = std::fs::remove_file(&part);
    }
    written
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use crate::args::Args;
    use crate::desk::Shell;
    use crate::dto::{ImportPaths, ImportState};
    use crate::importing;
    use medsight_base::{SeriesUid, Timestamp};
    use medsight_dicom::NewDataset;
    use medsight_dicom::derived::{Device, ENCAPSULATED_PDF, NewInstance, NewPdf, Origin};
    use medsight_dicom::tags;
    use std::time::{Duration, Instant};

    const PDF: &[u8] = b"%PDF-1.4 odd length.\n%%EOF";

    fn report(study: &StudyUid, instance: &InstanceUid) -> Vec<u8> {
        let mut source = NewDataset::new();
        source
            .text(tags::SOP_CLASS_UID, ENCAPSULATED_PDF)
            .text(tags::SOP_INSTANCE_UID, "2.25.73")
            .text(tags::STUDY_INSTANCE_UID, study.as_str())
            .text(tags::PATIENT_ID, "T-1");
        let source = source.to_file().unwrap();
        let header = NewInstance {
            origin: Origin::of(&Object::parse(&source).unwrap()).unwrap(),
            series: SeriesUid::parse("2.25.71").unwrap(),
            instance: instance.clone(),
            series_number: 9,
            instance_number: 1,
            series_description: "Report".into(),
            made_at: Timestamp(0),
            utc_offset_min: 0,
            device: Device::default(),
        };
        let pdf = NewPdf {
            header,
            title: "Report".into(),
            concept: None,
            names_patient: true,
            sources: Vec::new(),
            bytes: PDF,
        };
        pdf.to_file().unwrap()
    }

    #[test]
    fn a_report_is_written_where_the_person_says_byte_for_byte_and_nowhere_when_they_say_no() {
        let folder = tempfile::tempdir().unwrap();
        let args = Args {
            cache: Some(folder.path().join("cache")),
            key: format!("key-file:{}", folder.path().join("key").display()).parse().ok(),
            import: Vec::new(),
        };
        let out = folder.path().join("mine.pdf");
        let answer = std::sync::Mutex::new(Some(out.clone()));
        let shell = Shell {
            tell: Box::new(|_| ()),
            choose: Box::new(|_| Vec::new()),
            save_as: Box::new(move |name| {
                assert_eq!(name, "document.pdf");
                answer.lock().unwrap().take()
            }),
            open_in_browser: Box::new(|_| false),
            speller: None,
            close: Box::new(|| ()),
        };
        let desk = Desk::new(args, Some(folder.path().join("settings.toml")), shell);
        desk.start(false);
        let (study, instance) = (StudyUid::parse("2.25.70").unwrap(), InstanceUid::parse("2.25.72").unwrap());
        let file = folder.path().join("report.dcm");
        std::fs::write(&file, report(&study, &instance)).unwrap();
        importing::import_paths(&desk, ImportPaths { paths: vec![file.display().to_string()] }).unwrap();
        let begun = Instant::now();
        while !matches!(desk.importing().state(), ImportState::Ended(_)) {
            assert!(begun.elapsed() < Duration::from_secs(60), "the import does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        let listed = list(&desk, DocumentsRequest { study_uid: study.to_string() }).unwrap();
        let of = |d: &StudyDocument| (d.kind.clone(), d.title.clone(), d.series_number, d.has_file);
        let found: Vec<_> = listed.iter().map(of).collect();
        assert_eq!(found, [("pdf".to_owned(), "Report".to_owned(), Some(9), true)]);
        assert!(save(&desk, &study, &instance).unwrap());
        assert_eq!(std::fs::read(&out).unwrap(), PDF);
        std::fs::remove_file(&out).unwrap();
        assert!(!save(&desk, &study, &instance).unwrap());
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().contains("pdf")), "{left:?}");
        assert!(desk.cache().unwrap().verify_audit().unwrap().is_ok());
    }
}
