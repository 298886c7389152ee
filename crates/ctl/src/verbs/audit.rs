//! `audit verify`, `audit export`: whether the audit trail is whole, and copies of it for other systems.

use super::store::{Store, exit_of, fail, now, shown, who};
use crate::output::{Exit, Output};
use medsight_audit::{Action, AuditEvent, BrokenAt, CSV_HEAD, Link, csv, dicom, fhir};
use medsight_cache::{Cache, CacheError, Trail};
use medsight_record::Refusal;
use serde::{Serialize, Serializer};
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Events that are in memory at a time.
const PAGE: usize = 500;

/// The audit trail.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Check that no event was changed, removed, put between or cut off; ends with code 5 where one was.
    Verify {
        #[command(flatten)]
        store: Store,
    },
    /// Write the trail to files: audit.ndjson (FHIR), audit.xml (DICOM), audit.csv. They are not encrypted.
    Export {
        /// Forms, divided by commas.
        #[arg(long, value_enum, value_delimiter = ',', required = true)]
        format: Vec<Format>,
        /// Folder for the files; made if it is not there. Files that exist are not overwritten.
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
        #[command(flatten)]
        store: Store,
    },
    /// Say that the records were restored from a backup, so that being older than the mark beside them is right.
    AcceptRestore {
        /// Why; it is in the trail for as long as the trail is kept.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        store: Store,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// AuditEvent resources of FHIR R4, one a line.
    Fhir,
    /// DICOM audit messages (PS3.15 A.5) in one document.
    Dicom,
    /// A table.
    Csv,
}

#[derive(Serialize)]
struct Document {
    events: u64,
    /// Sequence numbers of the first and the last event that are kept.
    first: Option<u64>,
    last: Option<u64>,
    first_at: Option<String>,
    last_at: Option<String>,
    #[serde(serialize_with = "chain")]
    chain: Result<(), BrokenAt>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
}

/// `"whole"` or `{broken_at, how}`.
fn chain<S: Serializer>(chain: &Result<(), BrokenAt>, to: S) -> Result<S::Ok, S::Error> {
    match chain {
        Ok(()) => "whole".serialize(to),
        Err(broken) => json!({"broken_at": broken.sequence, "how": broken.how.word()}).serialize(to),
    }
}

impl Document {
    fn of(trail: &Trail) -> Self {
        Self {
            events: trail.events,
            first: trail.first.map(|(sequence, _)| sequence),
            last: trail.last.map(|(sequence, _)| sequence),
            first_at: trail.first.map(|(_, at)| at.iso()),
            last_at: trail.last.map(|(_, at)| at.iso()),
            chain: trail.chain.map(drop),
            files: Vec::new(),
        }
    }
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    let done = match &args.what {
        What::Verify { store } => verify(store),
        What::Export { format, out: folder, store } => match export(format, folder, store, out) {
            Err(Failed::NotWritten(file, error)) => {
                let reason = format!(
                    "{} could not be written: {error}. Files that exist are not overwritten.",
                    shown(&file)
                );
                out.refused(&Refusal::new("not_written", reason));
                return Exit::NotPermitted;
            }
            Err(Failed::Cache(error)) => Err(error),
            Ok(document) => Ok(document),
        },
        What::AcceptRestore { reason, store } => accept(reason, store),
    };
    match done {
        Ok(document) => {
            out.document(&document, text);
            if document.chain.is_ok() { Exit::Done } else { Exit::Damaged }
        }
        Err(error) => match fail(&error, out) {
            // Whatever of the records cannot be read, the trail is not whole.
            Exit::Partly if matches!(error, CacheError::Records(_)) => Exit::Damaged,
            _ => exit_of(&error),
        },
    }
}

fn verify(store: &Store) -> Result<Document, CacheError> {
    let cache = store.open_for_reading()?;
    Ok(Document::of(&cache.audit_trail()?))
}

fn accept(reason: &str, store: &Store) -> Result<Document, CacheError> {
    let cache = store.open()?;
    cache.accept_restore(&who(), reason, now())?;
    Ok(Document::of(&cache.audit_trail()?))
}

enum Failed {
    Cache(CacheError),
    NotWritten(PathBuf, std::io::Error),
}

impl From<CacheError> for Failed {
    fn from(error: CacheError) -> Self {
        Self::Cache(error)
    }
}

/// One file that is being written.
struct Writing {
    format: Format,
    path: PathBuf,
    file: BufWriter<File>,
}

impl Writing {
    fn begin(format: Format, folder: &Path) -> Result<Self, Failed> {
        let name = match format {
            Format::Fhir => "audit.ndjson",
            Format::Dicom => "audit.xml",
            Format::Csv => "audit.csv",
        };
        let path = folder.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(file) => {
                let mut writing = Self { format, path, file: BufWriter::new(file) };
                let head = match format {
                    Format::Fhir => "",
                    Format::Dicom => "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AuditMessages>\n",
                    Format::Csv => CSV_HEAD,
                };
                writing.write(head)?;
                Ok(writing)
            }
            Err(error) => Err(Failed::NotWritten(path, error)),
        }
    }

    fn write(&mut self, text: &str) -> Result<(), Failed> {
        self.file.write_all(text.as_bytes()).map_err(|error| Failed::NotWritten(self.path.clone(), error))
    }

    fn event(&mut self, link: &Link, site: &str) -> Result<(), Failed> {
        match self.format {
            Format::Fhir => self.write(&format!("{}\n", fhir(link, site))),
            Format::Dicom => self.write(&format!("{}\n", dicom(link, site))),
            Format::Csv => self.write(&csv(link)),
        }
    }

    fn end(mut self) -> Result<String, Failed> {
        if self.format == Format::Dicom {
            self.write("</AuditMessages>\n")?;
        }
        let ended = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        match ended {
            Ok(()) => Ok(shown(&self.path)),
            Err(error) => Err(Failed::NotWritten(self.path, error)),
        }
    }
}

fn export(formats: &[Format], folder: &Path, store: &Store, out: &Output) -> Result<Document, Failed> {
    let cache = store.open_for_reading()?;
    let mut document = Document::of(&cache.audit_trail()?);
    std::fs::create_dir_all(folder).map_err(|error| Failed::NotWritten(folder.to_path_buf(), error))?;
    let mut files = Vec::new();
    for (index, format) in formats.iter().enumerate() {
        if !formats[..index].contains(format) {
            files.push(Writing::begin(*format, folder)?);
        }
    }
    let written = write_all(&cache, &mut files, document.last.unwrap_or(0), out);
    out.progress("", 0, 0);
    if let Err(failed) = written {
        // Half a trail must not pass for a whole one.
        for writing in files {
            let _stays = std::fs::remove_file(&writing.path);
        }
        return Err(failed);
    }
    for writing in files {
        document.files.push(writing.end()?);
    }
    let words: Vec<String> = formats.iter().map(|format| format!("{format:?}").to_lowercase()).collect();
    let detail = json!({"formats": words, "events": document.events});
    // Where the desk owns the cache, it takes the event in.
    cache.note_or_leave(&AuditEvent::new(&who(), Action::AuditExported, now(), None, detail))?;
    Ok(document)
}

/// Everything up to `last`: what is written meanwhile belongs to the next export.
fn write_all(cache: &Cache, files: &mut [Writing], last: u64, out: &Output) -> Result<(), Failed> {
    let site = cache.audit_site();
    let mut seen = 0;
    loop {
        let page = cache.audit_after(seen, PAGE)?;
        for link in page.iter().take_while(|link| link.sequence <= last) {
            for writing in files.iter_mut() {
                writing.event(link, &site)?;
            }
        }
        match page.last() {
            Some(link) if link.sequence < last => seen = link.sequence,
            _ => return Ok(()),
        }
        out.progress("Writing", seen as usize, last as usize);
    }
}

fn text(document: &Document) -> String {
    let mut lines = vec![match (&document.first_at, &document.last_at) {
        (Some(first), Some(last)) => format!("{} events, {first} to {last}", document.events),
        _ => format!("{} events", document.events),
    }];
    lines.push(match &document.chain {
        Ok(()) => "The trail is whole.".to_owned(),
        Err(broken) => format!("BROKEN: {broken}. Tell whoever is responsible for it."),
    });
    lines.extend(document.files.iter().map(|file| format!("Wrote {file}")));
    lines.join("\n")
}
