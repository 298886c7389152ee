//! What went wrong, as it crosses to the window: a stable code, what fills its words, and the English of whoever noticed.
//!
//! The window has a text for each code in each language (`problem.*` in `assets/locales`); `cargo xtask tidy` fails
//! when one is missing. Nothing here carries patient data.

mod destination;
mod listening;
mod session;
mod settings;

pub(crate) use destination::DestinationFault;
pub(crate) use listening::ListenFault;
use medsight_base::UidError;
use medsight_cache::{CacheError, Rejected};
use medsight_pacs::NetError;
use medsight_paper::PaperError;
use medsight_record::Refusal;
use medsight_record::node::NodeError;
use medsight_record::report::site_forms::FormError;
use medsight_record::words::Words;
use medsight_sync::Trouble;
use medsight_vault::{KeyError, KeySource};
use serde::Serialize;
pub(crate) use session::SessionFault;
pub(crate) use settings::SourceFault;
use std::collections::BTreeMap;
use std::path::PathBuf;
use ts_rs::TS;

/// What went wrong and what to do, for a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
pub struct Problem {
    /// Stable name; its words are `problem.CODE`.
    pub code: String,
    /// What is filled into the words, by name. A value that begins with `@` names another word.
    #[ts(type = "Record<string, string>")]
    pub values: BTreeMap<String, String>,
    /// The same in English and in full, for whoever looks into it.
    pub detail: String,
}

impl Problem {
    /// A problem that another part of the program has named and told already.
    pub(crate) fn named(code: String, detail: String) -> Self {
        Self { code, values: BTreeMap::new(), detail }
    }

    /// The problem in a language, as the window tells it; the English of whoever noticed where no words fit.
    pub(crate) fn told(&self, words: &Words) -> String {
        let known = words.all();
        let Some(mut text) = known.get(&format!("problem.{}", self.code)).cloned() else {
            return self.detail.clone();
        };
        // A value may name a word, which may have places of its own: two rounds fill all.
        for _ in 0..2 {
            for (name, value) in &self.values {
                let word = value.strip_prefix('@').and_then(|key| known.get(key));
                text = text.replace(&format!("{{{name}}}"), word.unwrap_or(value));
            }
        }
        if text.contains('{') { self.detail.clone() } else { text }
    }
}

/// What the desk itself has to say; the libraries have errors of their own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The cache is not open.
    #[error("The encrypted cache is not open.")]
    NotReady,
    /// The account has no place for data.
    #[error("This account has no folder for data; name one with --cache.")]
    NoDataFolder,
    /// It was deleted in the meantime.
    #[error("This study is no longer on this computer.")]
    StudyGone,
    /// Reports, measurements and the like have nothing that a light box shows.
    #[error("This study has no images, so there is nothing to show on the light box. Its files are kept.")]
    NoImages,
    /// A study that is to be shown beside another one.
    #[error("This study is not of the same patient (Patient ID, birth date), or is no longer here.")]
    NotOfPatient,
    /// A path that leads nowhere.
    #[error("There is nothing at {}. Check the path; removable media may not be connected.", .0.display())]
    NothingThere(PathBuf),
    /// The window asked for something that makes no sense.
    #[error("The request makes no sense: {0}")]
    BadRequest(String),
    /// A panic: nothing was written, since what is written is a transaction.
    #[error("The desk met a fault of its own in this command. Nothing was lost; try again.")]
    Own,
    /// The last step is another's, or there is none.
    #[error("There is nothing to take back.")]
    NothingToUndo,
    /// None was taken back.
    #[error("There is nothing to do again.")]
    NothingToRedo,
    /// The policy of the site has it.
    #[error("This setting is fixed by your site.")]
    SettingFixed,
    /// Not one of the values.
    #[error("This setting has no such value.")]
    NoSuchValue,
    /// A server that nothing can be asked of.
    #[error("{0}")]
    Node(NodeError),
    /// Something else in the settings names it.
    #[error("“{by}” uses “{name}”. Change that first.")]
    InUse {
        /// What would be gone.
        name: String,
        /// What uses it.
        by: String,
    },
    /// The settings changed since the list was drawn.
    #[error("The settings have no server of this name any more.")]
    NoSuchNode,
    /// The keyring works and has none.
    #[error("The keyring has no token or password for this server. Enter it in the settings of the server.")]
    NoSecret,
    /// Every server is asked for everything by a search without words.
    #[error("The search needs at least one field.")]
    NothingToFind,
    /// A day that does not exist, or a backslash, which divides values in DICOM.
    #[error("This can't be searched for: {0}.")]
    BadSearch(&'static str),
    /// A retrieval ended well and yet not whole.
    #[error("{missing} of {listed} objects that the server lists did not come.")]
    NotAllCame {
        /// Not here.
        missing: usize,
        /// On the server.
        listed: u64,
    },
    /// The server lists nothing below the studies.
    #[error("The server lists no objects of these studies.")]
    NothingListed,
    /// No place for settings, or the file could not be read at the start.
    #[error("This account has no usable settings file; the change holds until the program ends.")]
    NoSettingsFile,
    /// The disk refused.
    #[error("The settings could not be written: {0}. The change holds until the program ends.")]
    SettingsNotWritten(std::io::Error),
    /// The settings file can't be used.
    #[error("{why} ({})", file.display())]
    SettingsUnreadable {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The imaging program is not where it belongs.
    #[error("The program medsight-imaging is not beside this program. Install MedSight again.")]
    ViewerNotThere,
    /// The system would not start it.
    #[error("The program medsight-imaging could not be started: {0}.")]
    ViewerRefused(std::io::Error),
    /// Two installations were mixed.
    #[error("The programs medsight and medsight-imaging are of different versions. Install MedSight again.")]
    ViewerVersions,
    /// It died too often.
    #[error("The viewer stopped three times in a minute. What was saved is safe.")]
    ViewerGivenUp,
    /// It could not show what it was asked for.
    #[error("{0}")]
    ViewerProblem(String),
    /// The small picture of a series could not be made.
    #[error("No picture could be made of this series.")]
    NoPicture,
    /// A report could not be put on paper.
    #[error("{0}")]
    Paper(PaperError),
    /// A form of the site that is not as it should be.
    #[error("{0}")]
    Form(FormError),
    /// What is being written can't be kept, and whoever wants to leave is held back once.
    #[error("What was written could not be kept.")]
    NotKept,
    /// Nothing to make a picture of.
    #[error("This series has no images.")]
    NoImagesInSeries,
}

impl Fault {
    fn code(&self) -> &'static str {
        match self {
            Self::NotReady => "desk.not-ready",
            Self::NoDataFolder => "desk.no-data-folder",
            Self::StudyGone => "desk.study-gone",
            Self::NoImages => "desk.no-images",
            Self::NotOfPatient => "desk.not-of-patient",
            Self::NothingThere(_) => "desk.nothing-there",
            Self::BadRequest(_) => "desk.bad-request",
            Self::Own => "desk.own",
            Self::NothingToUndo => "desk.nothing-to-undo",
            Self::NothingToRedo => "desk.nothing-to-redo",
            Self::SettingFixed => "settings.fixed",
            Self::NoSuchValue => "settings.no-such-value",
            Self::Node(NodeError::Title { .. }) => "settings.node-title",
            Self::Node(NodeError::Name) => "settings.node-name",
            Self::Node(NodeError::NoAddress) => "settings.node-address",
            Self::Node(NodeError::Host) => "settings.node-host",
            Self::Node(NodeError::Url) => "settings.node-url",
            Self::Node(NodeError::Priors) => "settings.node-priors",
            Self::Node(NodeError::User) => "settings.node-user",
            Self::Node(NodeError::Retrievals) => "settings.node-retrievals",
            Self::InUse { .. } => "settings.in-use",
            Self::NoSuchNode => "desk.no-such-server",
            Self::NoSecret => "desk.no-secret",
            Self::Node(NodeError::Retrieve) => "settings.node-retrieve",
            Self::NothingToFind => "desk.nothing-to-find",
            Self::BadSearch(_) => "desk.bad-search",
            Self::NotAllCame { .. } => "desk.not-all-came",
            Self::NothingListed => "desk.nothing-listed",
            Self::NoSettingsFile => "settings.no-file",
            Self::SettingsNotWritten(_) => "settings.not-written",
            Self::SettingsUnreadable { .. } => "settings.unreadable",
            Self::ViewerNotThere => "viewer.not-there",
            Self::ViewerRefused(_) => "viewer.refused",
            Self::ViewerVersions => "viewer.versions",
            Self::ViewerGivenUp => "viewer.given-up",
            Self::ViewerProblem(_) => "viewer.problem",
            Self::NoPicture => "viewer.no-picture",
            Self::NoImagesInSeries => "viewer.no-images-in-series",
            Self::Paper(PaperError::NoGlyph(_)) => "report.no-glyph",
            Self::Paper(_) => "report.no-paper",
            Self::Form(_) => "report.form",
            Self::NotKept => "report.not-kept",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NothingThere(path) => vec![("path", path.display().to_string())],
            Self::InUse { name, by } => vec![("name", name.clone()), ("by", by.clone())],
            Self::SettingsUnreadable { file, .. } => vec![("file", file.display().to_string())],
            Self::NotAllCame { missing, listed } => {
                vec![("missing", missing.to_string()), ("listed", listed.to_string())]
            }
            Self::Paper(PaperError::NoGlyph(sign)) => vec![("sign", sign.to_string())],
            Self::Form(error) => {
                let fault = format!("@report.form_fault.{}", error.fault.word());
                let (file, key) = (error.file.clone(), error.key.clone());
                vec![("file", file), ("key", key), ("fault", fault), ("why", error.fault.why())]
            }
            _ => Vec::new(),
        }
    }
}

fn named(values: Vec<(&'static str, String)>) -> BTreeMap<String, String> {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self { code: fault.code().to_owned(), values: named(fault.values()), detail: fault.to_string() }
    }
}

impl From<CacheError> for Problem {
    fn from(error: CacheError) -> Self {
        Self::from(&error)
    }
}

impl From<&CacheError> for Problem {
    fn from(error: &CacheError) -> Self {
        let mut values = named(error.values());
        // Of the key file's faults each has words of its own.
        if let CacheError::Key(KeyError::BadKeyFile { fault, .. }) = error {
            values.insert("fault".into(), format!("@problem.key_file.{}", fault.word()));
        }
        Self { code: error.code().to_owned(), values, detail: error.to_string() }
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Cache(error) => error.into(),
            other => Self::named(other.code().to_owned(), other.to_string()),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        Self::from(CacheError::from(error)).about_key(&KeySource::default())
    }
}

impl From<NetError> for Problem {
    fn from(error: NetError) -> Self {
        Self::from(&error)
    }
}

impl From<&NetError> for Problem {
    fn from(error: &NetError) -> Self {
        let values = match error {
            NetError::Unreachable { peer, .. } | NetError::Tls { peer, .. } => vec![("peer", peer.clone())],
            NetError::Certificate { file, .. } => vec![("file", file.clone())],
            NetError::Timeout { seconds, .. } => vec![("seconds", seconds.to_string())],
            NetError::NotDelivered { destination, .. } => vec![("title", destination.clone())],
            NetError::NotOffered(what) => vec![("what", what.clone())],
            NetError::Failed { operation, status, .. } => {
                vec![("operation", (*operation).to_owned()), ("status", format!("{status:04X}H"))]
            }
            NetError::Http { operation, status, .. } => {
                vec![("operation", (*operation).to_owned()), ("status", status.to_string())]
            }
            _ => Vec::new(),
        };
        let mut detail = error.to_string();
        if !detail.ends_with('.') {
            detail.push('.');
        }
        Self { code: format!("net.{}", error.code()), values: named(values), detail }
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let attributes = Some(refusal.attributes()).filter(|names| !names.is_empty());
        Self {
            code: format!("refused.{}", refusal.code),
            values: attributes.map(|names| ("attributes".to_owned(), names)).into_iter().collect(),
            detail: refusal.reason.clone(),
        }
    }
}

impl From<UidError> for Problem {
    fn from(error: UidError) -> Self {
        Fault::BadRequest(error.to_string()).into()
    }
}

impl From<&Rejected> for Problem {
    fn from(rejected: &Rejected) -> Self {
        Self::from(&Refusal::new(&rejected.code, &rejected.reason))
    }
}

impl Problem {
    /// Says where the key is kept, in messages that name it.
    #[must_use]
    pub(crate) fn about_key(mut self, source: &KeySource) -> Self {
        let (word, name) = match source {
            KeySource::Keyring { .. } => ("@place.keyring", String::new()),
            KeySource::KeyFile(path) => ("@place.file", path.display().to_string()),
            KeySource::SystemdCredential(name) => ("@place.credential", name.clone()),
        };
        self.values.insert("place".into(), word.into());
        self.values.insert("key_name".into(), name);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_to_the_light_box_in_its_language() {
        let problem = Problem {
            code: "cache.disk-full".into(),
            detail: "The disk is full.".into(),
            ..Problem::default()
        };
        let told = problem.told(&Words::new(medsight_record::words::Locale::Es));
        assert!(told.contains("disco") && !told.contains("disk"), "{told}");
        let unknown =
            Problem { code: "no-such-code".into(), detail: "As it was said.".into(), ..Problem::default() };
        assert_eq!(unknown.told(&Words::new(medsight_record::words::Locale::De)), "As it was said.");
    }

    #[test]
    fn a_refused_file_names_its_attributes_in_every_language() {
        let rejected = Rejected {
            file: "a.dcm".into(),
            code: "bad_attribute".into(),
            reason: "Rescale Slope (0028,1053) is present but empty. Ask the sender.".into(),
        };
        let problem = Problem::from(&rejected);
        assert_eq!(problem.code, "refused.bad_attribute");
        assert_eq!(problem.values["attributes"], "Rescale Slope (0028,1053)");
    }

    #[test]
    fn a_key_file_that_others_may_read_says_so_by_a_word_and_names_the_file() {
        let fault = medsight_vault::KeyFileFault::Mode { mode: 0o644 };
        let error = CacheError::Key(KeyError::BadKeyFile { path: "/k".into(), fault });
        let problem = Problem::from(error).about_key(&KeySource::KeyFile("/k".into()));
        assert_eq!(problem.values["path"], "/k");
        assert_eq!(problem.values["fault"], "@problem.key_file.mode");
        assert_eq!(problem.values["place"], "@place.file");
    }
}
