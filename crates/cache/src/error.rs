//! What can go wrong with the cache. Every message says what happened and what to do; [`CacheError::code`]
//! is the stable name that translations and programs use. No patient data, no key material.

use medsight_base::Timestamp;
use medsight_record::report::rules::NotSigned;
use medsight_vault::{BlobError, KeyError};

/// Why something could not be done. Nothing is half-written when one of these is returned.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The key could not be had: first run without keyring, locked keyring, lost key…
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key is a good one, but of another cache.
    #[error(
        "The key in use does not belong to this encrypted cache. Choose the key source that was used when the \
         cache was made, or restore its key from a backup. Nothing was changed."
    )]
    WrongKey,
    /// The right key, but the records do not open.
    #[error(
        "The records of the cache are damaged: {0}. Restore the folder of the cache from a backup, or move it \
         away and import the images again. Nothing was changed."
    )]
    Damaged(String),
    /// No room.
    #[error("The disk is full. Free some space and try again; what was saved before is safe.")]
    DiskFull,
    /// Written by a newer program in a way that this one cannot follow.
    #[error(
        "This cache was written by a newer MedSight (records version {found}; this program knows {known}). \
         Install the newer version. Nothing was changed."
    )]
    Newer {
        /// Version that a program must know to use the cache.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// Another program has the cache open for writing.
    #[error("The cache is in use by another MedSight program. Close it, then try again.")]
    InUse,
    /// There is no cache in the folder.
    #[error("There is no cache in {}. Import something first, or name another folder.", .0.display())]
    NoCache(std::path::PathBuf),
    /// The record is not here.
    #[error("This {0} is not in the cache. It may have been deleted.")]
    NotFound(&'static str),
    /// The images were taken off this computer to keep to its space limit.
    #[error(
        "The images of this study are no longer on this computer: they were removed to make room and are kept \
         elsewhere. Import or fetch them again."
    )]
    PixelsElsewhere,
    /// It was written here and is in other hands by now.
    #[error(
        "It was exported or sent since it was written, so it can't be taken back. It stays in the study."
    )]
    GivenOut,
    /// Somebody has decided on the proposal.
    #[error("{0} has decided on this proposal in the meantime. Open the study again to see what was kept.")]
    Decided(String),
    /// Somebody else is reading the study.
    #[error("{by} is reading this study. Take it over if that is agreed, or read another one.")]
    Claimed {
        /// The account.
        by: String,
        /// Since when.
        at: Timestamp,
    },
    /// Somebody else saved or signed the report meanwhile.
    #[error(
        "Somebody else changed this report in the meantime. Nothing was written over: look at both, take over what \
         is missing, and save or sign again."
    )]
    ReportChanged,
    /// What a person decided about is not what is there any more.
    #[error(
        "It was changed at the server once more since it was shown. Nothing was decided: look at both again."
    )]
    ChangedAgain,
    /// The report can't become what was asked for.
    #[error("The report could not be signed: {0}.")]
    NotSigned(#[from] NotSigned),
    /// A command that contradicts itself; a programming error upstream.
    #[error("The change could not be kept: {0}")]
    BadCommand(&'static str),
    /// The cache was opened for reading.
    #[error("The cache was opened for reading only, because another MedSight program is using it.")]
    ReadOnly,
    /// A file of an export could not be written.
    #[error("{} could not be written: {error}. Choose another folder or an empty one; files that exist are not overwritten.", .file.display())]
    Export {
        /// The file.
        file: std::path::PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// An encrypted file could not be written or read.
    #[error(transparent)]
    Blob(BlobError),
    /// Anything else from the record database.
    #[error("The records of the cache cannot be used: {0}")]
    Records(#[source] rusqlite::Error),
    /// Anything else from the operating system.
    #[error("The folder of the cache cannot be used: {0}")]
    Io(#[source] std::io::Error),
}

impl CacheError {
    /// Stable name of what happened.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Key(error) => error.code(),
            Self::WrongKey => "cache.wrong-key",
            Self::Damaged(_) => "cache.damaged",
            Self::DiskFull => "cache.disk-full",
            Self::Newer { .. } => "cache.newer",
            Self::InUse => "cache.in-use",
            Self::NoCache(_) => "cache.none",
            Self::NotFound(_) => "cache.not-found",
            Self::PixelsElsewhere => "cache.pixels-elsewhere",
            Self::BadCommand(_) => "cache.bad-command",
            Self::ReadOnly => "cache.read-only",
            Self::Blob(error) => error.code(),
            Self::Records(_) => "cache.records",
            Self::Io(_) => "cache.io",
            Self::Export { .. } => "cache.export",
            Self::GivenOut => "cache.given-out",
            Self::Decided(_) => "cache.decided",
            Self::Claimed { .. } => "cache.claimed",
            Self::ReportChanged => "cache.report-changed",
            Self::ChangedAgain => "cache.changed-again",
            Self::NotSigned(why) => match why {
                NotSigned::NotNext { .. } => "report.not-next",
                NotSigned::Empty => "report.empty",
                NotSigned::Open { .. } => "report.open",
                NotSigned::UnknownQuote { .. } => "report.unknown-quote",
                NotSigned::NoReason => "report.no-reason",
            },
        }
    }

    /// What a translation of the message fills in, by name.
    #[must_use]
    pub fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Key(error) => error.values(),
            Self::Blob(error) => error.values(),
            Self::Newer { found, known } => vec![("found", found.to_string()), ("known", known.to_string())],
            Self::NoCache(folder) => vec![("folder", folder.display().to_string())],
            Self::Export { file, .. } => vec![("file", file.display().to_string())],
            Self::Claimed { by, .. } | Self::Decided(by) => vec![("by", by.clone())],
            Self::NotSigned(NotSigned::NotNext { from }) => {
                vec![("status", format!("@report.status.{}", from.word()))]
            }
            Self::NotSigned(NotSigned::Open { section }) => vec![("section", section.clone())],
            Self::NotSigned(NotSigned::UnknownQuote { label }) => vec![("label", label.clone())],
            _ => Vec::new(),
        }
    }

    /// Whether the cache is closed to whoever asks now: no key, wrong key, keyring closed.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Key(_) | Self::WrongKey | Self::Blob(BlobError::WrongKey))
    }

    /// Whether data on the disk are damaged.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        let blob =
            |e: &BlobError| matches!(e, BlobError::Damaged { .. } | BlobError::NotABlob | BlobError::Missing);
        matches!(self, Self::Damaged(_)) || matches!(self, Self::Blob(e) if blob(e))
    }
}

impl From<rusqlite::Error> for CacheError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged("the database reports an inconsistency".to_owned())
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            _ => Self::Records(error),
        }
    }
}

impl From<BlobError> for CacheError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::DiskFull => Self::DiskFull,
            other => Self::Blob(other),
        }
    }
}

impl From<std::io::Error> for CacheError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}

impl From<serde_json::Error> for CacheError {
    fn from(_: serde_json::Error) -> Self {
        // The text of a JSON error may quote the record.
        Self::Damaged("a record has a form that this program does not know".to_owned())
    }
}
