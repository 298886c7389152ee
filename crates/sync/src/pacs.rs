//! Objects made here, files that came in, and signed reports as pages, to a PACS: by STOW-RS or C-STORE. Not here: its promise to
//! keep them, and what stands on the pages.

mod promise;

use crate::Trouble;
use crate::engine::{Papers, Secrets};
use crate::link::Round;
use crate::moment::now;
use medsight_base::Timestamp;
use medsight_cache::{Cache, CacheError, Delivered, Entry, ObjectName, Outcome};
use medsight_dicom::{Object, tags};
use medsight_pacs::node::Node;
use medsight_pacs::{Auth, Delivery as Sent, Outcome as Fate, Patience, SendReport, Source, WebClient, send};
use medsight_record::destination::{Destination, Kind, PacsNode};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Why an entry's files are not there to be sent.
#[derive(Debug, thiserror::Error)]
enum NoFiles {
    #[error("no pages: {0}")]
    NoPages(String),
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Files, each with its name, that are sent together.
type Group = Vec<(Source, ObjectName)>;

/// A report that this program makes no pages of is left for the window so long.
const UNTIL_A_WINDOW_MS: i64 = 60_000;

/// Bytes of such a group, about.
const AT_ONCE: usize = 64 << 20;

pub(crate) struct PacsLink {
    cache: Arc<Cache>,
    node: Node,
    by_web: bool,
    commitment: bool,
    destination: Destination,
    secrets: Secrets,
    papers: Option<Papers>,
    /// It has not answered on the association that asked for its promise.
    answers_elsewhere: AtomicBool,
}

impl PacsLink {
    pub(crate) fn new(
        pacs: &PacsNode,
        nodes: &[Node],
        cache: Arc<Cache>,
        destination: &Destination,
        secrets: Secrets,
    ) -> Result<Self, Trouble> {
        let unusable = |why: &str| Trouble::Settings(why.to_owned());
        let node = nodes.iter().find(|node| node.name == pacs.node);
        let node = node.ok_or_else(|| unusable("there is no server of this name"))?.clone();
        if pacs.by_web && node.web.is_none() {
            return Err(unusable("the server has no DICOMweb address"));
        }
        if (!pacs.by_web || pacs.commitment) && node.dimse.is_none() {
            return Err(unusable("the server has no DICOM address"));
        }
        let (by_web, commitment, destination) = (pacs.by_web, pacs.commitment, destination.clone());
        let answers_elsewhere = AtomicBool::new(false);
        Ok(Self { cache, node, by_web, commitment, destination, secrets, papers: None, answers_elsewhere })
    }

    /// With somebody who makes pages of reports.
    pub(crate) fn with_papers(self, papers: Option<Papers>) -> Self {
        Self { papers, ..self }
    }

    pub(crate) async fn deliver(&self, entries: Vec<Entry>, cancel: &CancellationToken) -> Round {
        let mut round = Round::default();
        for entry in entries {
            match self.one(&entry, cancel).await {
                Ok(delivered) => round.delivered.push(delivered),
                Err(trouble) => {
                    round.trouble = Some(trouble);
                    break;
                }
            }
        }
        round
    }

    async fn one(&self, entry: &Entry, cancel: &CancellationToken) -> Result<Delivered, Trouble> {
        if let Some(dimse) = self.node.dimse.as_ref().filter(|_| self.commitment) {
            if let Some(asked) = self.asked(entry).await? {
                return self.promise(dimse, entry, asked, cancel).await;
            }
        }
        let ended = |outcome| Ok(Delivered::plain(entry.id, outcome));
        if entry.kind == Kind::Report.word() && self.papers.is_none() {
            let words =
                "The pages of reports are made by the window of the workstation. It waits for it.".to_owned();
            let next_try = Timestamp(now().0.saturating_add(UNTIL_A_WINDOW_MS));
            let again = Outcome::Again { code: "sync.needs-window", words, next_try };
            return Ok(Delivered::plain(entry.id, again));
        }
        let (mut groups, reading) = self.files(entry);
        let mut names = Vec::new();
        while let Some(group) = groups.recv().await {
            let (sources, of_group): (Vec<Source>, Vec<ObjectName>) = group.into_iter().unzip();
            let report = self.send(&sources, cancel).await?;
            if let Some(bad) = report.deliveries.iter().find_map(fault_of) {
                return ended(Outcome::Refused { code: "sync.refused", words: bad });
            }
            if report.deliveries.iter().any(|sent| sent.outcome == Fate::NotSent) {
                return Err(report.error.map_or(Trouble::Lost("objects were being sent"), Trouble::from));
            }
            names.extend(of_group);
        }
        match reading.await {
            Ok(Ok(())) => {}
            Ok(Err(NoFiles::NoPages(why))) => {
                let words = format!("The report can't be made into pages: {why}.");
                return ended(Outcome::Refused { code: "sync.no-pages", words });
            }
            Ok(Err(NoFiles::Cache(CacheError::PixelsElsewhere))) => {
                let words = "Its files are no longer on this computer. Retrieve the study again, or drop it.";
                return ended(Outcome::Refused { code: "sync.files-gone", words: words.to_owned() });
            }
            Ok(Err(NoFiles::Cache(error))) => return Err(error.into()),
            Err(_) => return Err(CacheError::BadCommand("a fault of the program while sending.").into()),
        }
        if names.is_empty() {
            return ended(Outcome::Nothing);
        }
        match (&self.node.dimse, self.commitment) {
            (Some(dimse), true) => self.promise(dimse, entry, promise::unasked(names), cancel).await,
            _ => {
                Ok(Delivered { files: Some(names.len() as u64), ..Delivered::plain(entry.id, Outcome::Done) })
            }
        }
    }

    /// The files of an entry in groups that fit into memory, each file with its name. One group is sent, one waits and one is
    /// read: more are never in memory. Who takes no more ends the reading.
    fn files(&self, entry: &Entry) -> (mpsc::Receiver<Group>, JoinHandle<Result<(), NoFiles>>) {
        const NO_MORE: CacheError = CacheError::BadCommand("the sending ended before all was read.");
        let (cache, entry) = (Arc::clone(&self.cache), entry.clone());
        let (give, groups) = mpsc::channel(1);
        let papers = self.papers.clone().filter(|_| entry.kind == Kind::Report.word());
        let read = move || {
            if let Some(papers) = papers {
                let Some((study, report)) = entry.content.study.zip(entry.content.report) else {
                    return Ok(());
                };
                let Some(file) = papers(&study, &report).map_err(NoFiles::NoPages)? else { return Ok(()) };
                let name = name_of(&file);
                let group = vec![(Source::Memory(name.1.clone(), file.into()), name)];
                return Ok(give.blocking_send(group).map_err(|_| NO_MORE)?);
            }
            let (mut group, mut bytes) = (Group::new(), 0);
            cache.outbox_files(&entry, |file| {
                if bytes + file.len() > AT_ONCE && bytes > 0 {
                    give.blocking_send(std::mem::take(&mut group)).map_err(|_| NO_MORE)?;
                    bytes = 0;
                }
                bytes += file.len();
                let name = name_of(&file);
                let label = name.1.clone();
                group.push((Source::Memory(label, file.into()), name));
                Ok(())
            })?;
            if !group.is_empty() {
                give.blocking_send(group).map_err(|_| NO_MORE)?;
            }
            Ok(())
        };
        (groups, tokio::task::spawn_blocking(read))
    }

    async fn send(&self, sources: &[Source], cancel: &CancellationToken) -> Result<SendReport, Trouble> {
        // Trying again is the courier's business.
        let patience = Patience { retry_for: Duration::ZERO };
        match (self.by_web, &self.node.web, &self.node.dimse) {
            (true, Some(web), _) => {
                let (secrets, destination) = (Arc::clone(&self.secrets), self.destination.clone());
                let asked = tokio::task::spawn_blocking(move || secrets(&destination)).await;
                let auth: Auth = asked.map_err(|_| Trouble::SignIn)?.map_err(Trouble::Secret)?;
                let client = WebClient::new(web, auth)?;
                Ok(client.store(sources, patience, cancel, |_| ()).await)
            }
            (_, _, Some(dimse)) => Ok(send(dimse, sources, patience, cancel, |_, _| ()).await),
            _ => Err(Trouble::Settings("the server has no address".to_owned())),
        }
    }
}

/// SOP class and instance of a file; empty where it is none, which the sending tells then.
fn name_of(file: &[u8]) -> ObjectName {
    Object::from_vec(file.to_vec()).map_or_else(
        |_| ObjectName::default(),
        |object| {
            let data = object.data();
            (data.text_or_empty(tags::SOP_CLASS_UID), data.text_or_empty(tags::SOP_INSTANCE_UID))
        },
    )
}

/// Why an object was not taken, where it will never be.
fn fault_of(sent: &Sent) -> Option<String> {
    match &sent.outcome {
        Fate::Stored | Fate::StoredWithWarning { .. } | Fate::NotSent => None,
        Fate::Failed { status, meaning } => {
            Some(format!("The server did not take an object: {meaning} (status {status:04X}H)."))
        }
        Fate::SyntaxRefused { transfer_syntax, .. } => {
            Some(format!("The server takes no object of this class in transfer syntax {transfer_syntax}."))
        }
        Fate::Unreadable { code, .. } => Some(format!("A file cannot be sent ({code}).")),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CacheError> + Send + 'static,
) -> Result<T, CacheError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(CacheError::BadCommand("a fault of the program while sending.")),
    }
}
