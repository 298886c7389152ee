//! Objects made here, and files that came in, to a PACS: by STOW-RS or C-STORE, and kept there by its word where the
//! settings ask for that.

use crate::Trouble;
use crate::backoff::{after, fraction};
use crate::engine::Secrets;
use crate::link::Round;
use crate::moment::now;
use medsight_base::{Timestamp, Uid};
use medsight_cache::{Cache, CacheError, Delivered, Entry, Outcome};
use medsight_dicom::{Object, tags};
use medsight_pacs::node::{Dimse, Node};
use medsight_pacs::{
    Auth, Delivery as Sent, Outcome as Fate, Patience, SendReport, Source, WebClient, commit, send,
};
use medsight_record::destination::{Destination, PacsNode};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Files that are held in memory at once, in bytes, about.
const AT_ONCE: usize = 64 << 20;
/// How long the promise to keep objects is waited for on the connection that asks for it.
const PROMISE: Duration = Duration::from_secs(20);

pub(crate) struct PacsLink {
    cache: Arc<Cache>,
    node: Node,
    by_web: bool,
    commitment: bool,
    destination: Destination,
    secrets: Secrets,
}

/// Class and instance of an object that was sent.
type Name = (String, String);

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
        Ok(Self { cache, node, by_web, commitment, destination, secrets })
    }

    pub(crate) async fn deliver(&self, entries: Vec<Entry>, cancel: &CancellationToken) -> Round {
        let mut round = Round::default();
        for entry in entries {
            match self.one(&entry, cancel).await {
                Ok(outcome) => {
                    round.delivered.push(Delivered { entry: entry.id, outcome, remotes: Vec::new() });
                }
                Err(trouble) => {
                    round.trouble = Some(trouble);
                    break;
                }
            }
        }
        round
    }

    async fn one(&self, entry: &Entry, cancel: &CancellationToken) -> Result<Outcome, Trouble> {
        let mut groups = match self.files(entry).await {
            Ok(groups) => groups,
            Err(CacheError::PixelsElsewhere) => {
                let words = "Its files are no longer on this computer. Retrieve the study again, or drop it.";
                return Ok(Outcome::Refused { code: "sync.files-gone", words: words.to_owned() });
            }
            Err(error) => return Err(error.into()),
        };
        let mut names = Vec::new();
        groups.retain(|group| !group.is_empty());
        for group in groups {
            let (sources, of_group): (Vec<Source>, Vec<Name>) = group.into_iter().unzip();
            let report = self.send(&sources, cancel).await?;
            if let Some(bad) = report.deliveries.iter().find_map(fault_of) {
                return Ok(Outcome::Refused { code: "sync.refused", words: bad });
            }
            if report.deliveries.iter().any(|sent| sent.outcome == Fate::NotSent) {
                return Err(report.error.map_or(Trouble::Lost("objects were being sent"), Trouble::from));
            }
            names.extend(of_group);
        }
        match (&self.node.dimse, self.commitment && !names.is_empty()) {
            (Some(dimse), true) => self.promise(dimse, &names, entry.attempts, cancel).await,
            _ => Ok(Outcome::Done),
        }
    }

    /// The files of an entry in groups that fit into memory, each file with its name.
    async fn files(&self, entry: &Entry) -> Result<Vec<Vec<(Source, Name)>>, CacheError> {
        let (cache, entry) = (Arc::clone(&self.cache), entry.clone());
        let read = move || {
            let (mut groups, mut bytes) = (vec![Vec::new()], 0);
            cache.outbox_files(&entry, |file| {
                if bytes + file.len() > AT_ONCE && bytes > 0 {
                    groups.push(Vec::new());
                    bytes = 0;
                }
                bytes += file.len();
                let name = name_of(&file);
                let label = name.1.clone();
                if let Some(group) = groups.last_mut() {
                    group.push((Source::Memory(label, file.into()), name));
                }
                Ok(())
            })?;
            Ok(groups)
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(read) => read,
            Err(_) => Err(CacheError::BadCommand("a fault of the program while sending.")),
        }
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

    async fn promise(
        &self,
        dimse: &Dimse,
        names: &[Name],
        attempts: u32,
        cancel: &CancellationToken,
    ) -> Result<Outcome, Trouble> {
        let transaction = Uid::from_uuid(uuid::Uuid::new_v4().as_u128()).to_string();
        let promised = commit(dimse, &transaction, names, PROMISE, cancel).await?;
        let Some(promised) = promised else {
            let pause = after(attempts.saturating_add(4), None, fraction());
            let next_try = Timestamp(now().0 + i64::try_from(pause.as_millis()).unwrap_or(0));
            let words =
                "The server has the objects and has not yet promised to keep them. It is asked again.";
            return Ok(Outcome::Again { code: "sync.not-committed", words: words.to_owned(), next_try });
        };
        if names.iter().all(|(_, instance)| promised.committed.contains(instance)) {
            return Ok(Outcome::Done);
        }
        let reason = promised.failed.first().map_or(0, |(_, reason)| *reason);
        let words = format!(
            "The server does not promise to keep {} of {} objects (Failure Reason {reason:04X}H). Ask its administrator.",
            names.len() - promised.committed.len().min(names.len()),
            names.len()
        );
        Ok(Outcome::Refused { code: "sync.not-committed", words })
    }
}

/// SOP class and instance of a file; empty where it is none, which the sending tells then.
fn name_of(file: &[u8]) -> Name {
    Object::from_vec(file.to_vec()).map_or_else(
        |_| Name::default(),
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
