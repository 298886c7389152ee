//! Where received objects go: the encrypted cache; or, for peers' tests and IT, a folder.

use medsight_base::StudyUid;
use medsight_cache::{Cache, Took};
use medsight_dicom::{DicomHeaders, same_object};
use medsight_pacs::{Arrival, Sink, Taken};
use medsight_record::{HeaderReader, Refusal};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The cache, in somebody's name.
pub(crate) struct CacheSink {
    pub(crate) cache: Arc<Cache>,
    pub(crate) who: String,
}

impl Sink for CacheSink {
    fn keep(&self, arrivals: &[Arrival]) -> Vec<Result<Taken, Refusal>> {
        let files: Vec<&[u8]> = arrivals.iter().map(|arrival| arrival.file.as_slice()).collect();
        match self.cache.take_in(&DicomHeaders, &self.who, &files) {
            Ok(received) => received
                .answers
                .into_iter()
                .map(|answer| {
                    answer.map(|took| match took {
                        Took::New => Taken::New,
                        Took::AlreadyHere => Taken::AlreadyHere,
                    })
                })
                .collect(),
            Err(error) => {
                let code = if error.code() == "cache.disk-full" { "disk_full" } else { "io" };
                arrivals.iter().map(|_| Err(Refusal::new(code, error.to_string()))).collect()
            }
        }
    }

    fn missing(&self, study: &str, instances: &[String]) -> Result<Vec<String>, Refusal> {
        let bad = |why: String| Refusal::new("io", why);
        let study = StudyUid::parse(study).map_err(|why| bad(why.to_string()))?;
        let here = self.cache.instances_here(&study).map_err(|why| bad(why.to_string()))?;
        let here: BTreeSet<&str> = here.iter().map(|uid| uid.as_str()).collect();
        Ok(instances.iter().filter(|uid| !here.contains(uid.as_str())).cloned().collect())
    }
}

/// A folder of unencrypted files, one an instance, for a person who asks for it by name.
pub(crate) struct FolderSink {
    pub(crate) folder: PathBuf,
}

impl FolderSink {
    fn path(&self, instance: &str) -> PathBuf {
        self.folder.join(format!("{instance}.dcm"))
    }
}

impl Sink for FolderSink {
    fn keep(&self, arrivals: &[Arrival]) -> Vec<Result<Taken, Refusal>> {
        arrivals.iter().map(|arrival| keep_file(&self.path(&arrival.name.instance), &arrival.file)).collect()
    }

    fn missing(&self, _study: &str, instances: &[String]) -> Result<Vec<String>, Refusal> {
        Ok(instances.iter().filter(|uid| !self.path(uid).is_file()).cloned().collect())
    }
}

/// Under another name first: a file with the instance's name is whole.
fn keep_file(path: &Path, file: &[u8]) -> Result<Taken, Refusal> {
    DicomHeaders.read_header(file)?;
    let io = |why: std::io::Error| Refusal::new("io", format!("The file could not be written: {why}."));
    if let Ok(here) = std::fs::read(path) {
        return if same_object(&here, file) {
            Ok(Taken::AlreadyHere)
        } else {
            Err(Refusal::new(
                "conflict",
                "The folder has this SOP Instance UID (0008,0018) with other content.",
            ))
        };
    }
    let part = path.with_extension("part");
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).open(&part).map_err(io)?;
    out.write_all(file).and_then(|()| out.sync_data()).map_err(io)?;
    drop(out);
    std::fs::rename(&part, path).map_err(io)?;
    Ok(Taken::New)
}
