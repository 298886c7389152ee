//! Objects made here, and files that came in, to a PACS: by STOW-RS or C-STORE. Not here: its promise to keep them.

mod promise;

use crate::Trouble;
use crate::engine::Secrets;
use crate::link::Round;
use medsight_cache::{Cache, CacheError, Delivered, Entry, ObjectName, Outcome};
use medsight_dicom::{Object, tags};
use medsight_pacs::node::Node;
use medsight_pacs::{Auth, Delivery as Sent, Outcome as Fate, Patience, SendReport, Source, WebClient, send};
use medsight_record::destination::{Destination, PacsNode};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Files, each with its name, that are sent together.
type Group = Vec<(Source, ObjectName)>;

/// Bytes of such a group, about.
const AT_ONCE: usize = 64 << 20;

pub(crate) struct PacsLink {
    cache: Arc<Cache>,
    node: Node,
    by_web: bool,
    commitment: bool,
    destination: Destination,
    secrets: Secrets,
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
        Ok(Self { cache, node, by_web, commitment, destination, secrets, answers_elsewhere })
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
            Ok(Err(CacheError::PixelsElsewhere)) => {
                let words = "Its files are no longer on this computer. Retrieve the study again, or drop it.";
                return ended(Outcome::Refused { code: "sync.files-gone", words: words.to_owned() });
            }
            Ok(Err(error)) => return Err(error.into()),
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
    fn files(&self, entry: &Entry) -> (mpsc::Receiver<Group>, JoinHandle<Result<(), CacheError>>) {
        const NO_MORE: CacheError = CacheError::BadCommand("the sending ended before all was read.");
        let (cache, entry) = (Arc::clone(&self.cache), entry.clone());
        let (give, groups) = mpsc::channel(1);
        let read = move || {
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
            if group.is_empty() { Ok(()) } else { give.blocking_send(group).map_err(|_| NO_MORE) }
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
