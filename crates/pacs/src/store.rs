//! C-STORE as user (PS3.4 B): objects as they are stored, in the syntax they are stored in.
//!
//! The next objects are read while one is on its way. When the connection breaks off, what the peer has not
//! acknowledged is sent again on a new association; what it has acknowledged is not.

use crate::association::{Association, MOST_CONTEXTS, Proposal};
use crate::command::{Command, field, tag};
use crate::part10::{self, ObjectName};
use crate::{NetError, status};
use bytes::Bytes;
use medsight_record::Refusal;
use medsight_record::node::Dimse;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Objects read ahead of the one being sent.
const AHEAD: usize = 8;
/// Above this an object is sent in pieces and not read whole.
const WHOLE: u64 = 32 << 20;
/// As far as a meta header is looked for.
const HEAD: u64 = 64 << 10;

/// Where an object to be sent is.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A whole file in memory, and how it is called to the person.
    Memory(String, Bytes),
}

impl Source {
    /// As it is called to the person.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Memory(label, _) => label.clone(),
        }
    }
}

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The peer has it.
    Stored,
    /// The peer has it, and says something about it.
    StoredWithWarning {
        /// Its status.
        status: u16,
    },
    /// The peer does not want it.
    Failed {
        /// Its status.
        status: u16,
        /// By the standard's tables.
        meaning: &'static str,
    },
    /// The peer takes no such object in the syntax that it is stored in. It was not transcoded.
    SyntaxRefused {
        /// SOP class.
        sop_class: String,
        /// The syntax that was offered.
        transfer_syntax: String,
    },
    /// It cannot be sent.
    Unreadable {
        /// Stable word.
        code: String,
        /// Why.
        reason: String,
    },
    /// It was not sent, or not acknowledged, when the operation ended.
    NotSent,
}

/// One object and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// As it is called to the person.
    pub label: String,
    /// SOP Instance UID, where it could be read.
    pub instance: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How sending ended.
#[derive(Debug, Default)]
pub struct SendReport {
    /// One entry an object, in the order given.
    pub deliveries: Vec<Delivery>,
    /// Bytes of data sets that the peer acknowledged.
    pub bytes: u64,
    /// From the first connection to the last release.
    pub seconds: f64,
    /// Connections that broke off and were taken up again.
    pub resumed: u32,
    /// Why it ended early.
    pub error: Option<NetError>,
}

/// How long to try again when the peer goes away in the middle.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// After the last progress; zero for no second try.
    pub retry_for: Duration,
}

struct Planned {
    index: usize,
    name: ObjectName,
    head: usize,
    bytes: u64,
}

enum Body {
    Whole(Bytes),
    Pieces(File),
}

struct Ready {
    at: usize,
    body: Result<Body, Refusal>,
}

/// Sends objects. `progress` is told the number of objects done and the last one's outcome.
pub async fn send(
    to: &Dimse,
    sources: &[Source],
    patience: Patience,
    cancel: &CancellationToken,
    mut progress: impl FnMut(usize, &Outcome),
) -> SendReport {
    let begun = Instant::now();
    let names = names_of(sources.to_vec()).await;
    let mut report = SendReport::default();
    let mut waiting = Vec::new();
    for (index, (source, name)) in sources.iter().zip(names).enumerate() {
        let (instance, outcome) = match &name {
            Ok((name, ..)) => (Some(name.instance.clone()), Outcome::NotSent),
            Err(why) => (None, Outcome::Unreadable { code: why.code.clone(), reason: why.reason.clone() }),
        };
        report.deliveries.push(Delivery { label: source.label(), instance, outcome });
        if let Ok((name, head, bytes)) = name {
            waiting.push(Planned { index, name, head, bytes });
        }
    }
    let mut done = sources.len() - waiting.len();
    let mut last_progress = Instant::now();
    let mut pause = Duration::from_millis(250);
    while !waiting.is_empty() {
        let before = waiting.len();
        let batch = batch_of(&waiting);
        let ended =
            send_batch(to, sources, &waiting[..batch], cancel, &mut report, (&mut done, &mut progress)).await;
        waiting.retain(|planned| report.deliveries[planned.index].outcome == Outcome::NotSent);
        if waiting.len() < before {
            last_progress = Instant::now();
            pause = Duration::from_millis(250);
        }
        let Err(error) = ended else { continue };
        let again = error.is_passing() && last_progress.elapsed() + pause < patience.retry_for;
        if !again || !paused(pause, cancel).await {
            report.error = Some(if cancel.is_cancelled() { NetError::Cancelled } else { error });
            break;
        }
        report.resumed += 1;
        pause = (pause * 2).min(Duration::from_secs(8));
    }
    report.seconds = begun.elapsed().as_secs_f64();
    report
}

/// Waits; false when cancelled meanwhile.
pub(crate) async fn paused(pause: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        biased;
        () = cancel.cancelled() => false,
        () = tokio::time::sleep(pause) => true,
    }
}

/// As many of the first objects as fit one association's contexts.
fn batch_of(waiting: &[Planned]) -> usize {
    let mut kinds: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (at, planned) in waiting.iter().enumerate() {
        kinds.insert((&planned.name.sop_class, &planned.name.transfer_syntax));
        if kinds.len() > MOST_CONTEXTS {
            return at;
        }
    }
    waiting.len()
}

async fn send_batch(
    to: &Dimse,
    sources: &[Source],
    batch: &[Planned],
    cancel: &CancellationToken,
    report: &mut SendReport,
    (done, progress): (&mut usize, &mut impl FnMut(usize, &Outcome)),
) -> Result<(), NetError> {
    let kinds: BTreeSet<(&str, &str)> =
        batch.iter().map(|p| (p.name.sop_class.as_str(), p.name.transfer_syntax.as_str())).collect();
    let proposals: Vec<Proposal> = kinds
        .into_iter()
        .map(|(class, syntax)| Proposal {
            abstract_syntax: class.to_owned(),
            transfer_syntaxes: vec![syntax.to_owned()],
            peer_sends: false,
        })
        .collect();
    let mut association = Association::request(to, &proposals, cancel).await?;
    let (read, mut ready) = mpsc::channel(AHEAD);
    let wanted: Vec<(Source, usize, u64)> =
        batch.iter().map(|p| (sources[p.index].clone(), p.head, p.bytes)).collect();
    let reader = tokio::task::spawn_blocking(move || {
        for (at, (source, head, bytes)) in wanted.into_iter().enumerate() {
            if read.blocking_send(Ready { at, body: body_of(source, head, bytes) }).is_err() {
                break;
            }
        }
    });
    let mut ended = Ok(());
    while let Some(Ready { at, body }) = ready.recv().await {
        let planned = &batch[at];
        let outcome = match body {
            Err(why) => Outcome::Unreadable { code: why.code, reason: why.reason },
            Ok(body) => match send_one(&mut association, planned, body).await {
                Ok(outcome) => outcome,
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            },
        };
        if matches!(outcome, Outcome::Stored | Outcome::StoredWithWarning { .. }) {
            report.bytes += planned.bytes - planned.head as u64;
        }
        *done += 1;
        progress(*done, &outcome);
        report.deliveries[planned.index].outcome = outcome;
    }
    drop(ready);
    // It ends at once, because nobody receives any more.
    let _ended = reader.await;
    match &ended {
        Ok(()) => association.release().await,
        Err(_) => association.abort().await,
    }
    ended
}

async fn send_one(association: &mut Association, planned: &Planned, body: Body) -> Result<Outcome, NetError> {
    let ObjectName { sop_class, instance, transfer_syntax } = &planned.name;
    let Some(context) = association.context_in(sop_class, transfer_syntax) else {
        let (sop_class, transfer_syntax) = (sop_class.clone(), transfer_syntax.clone());
        return Ok(Outcome::SyntaxRefused { sop_class, transfer_syntax });
    };
    let id = association.message_id();
    let request = Command::new(field::C_STORE_RQ, true)
        .number(tag::MESSAGE_ID, id)
        .uid(tag::AFFECTED_CLASS, sop_class)
        .uid(tag::AFFECTED_INSTANCE, instance)
        .number(tag::PRIORITY, 0);
    association.begin(context, &request);
    match body {
        Body::Whole(bytes) => association.send_part(context, &bytes, true).await?,
        Body::Pieces(file) => {
            send_pieces(association, context, file, planned.bytes - planned.head as u64).await?
        }
    }
    let (_, answer) = association.answer(field::C_STORE_RSP, "waiting for C-STORE").await?;
    if answer.get(tag::RESPONDED_ID) != Some(id) {
        return Err(NetError::malformed("an answer to another message"));
    }
    Ok(match answer.status() {
        0 => Outcome::Stored,
        status if status::is_warning(status) => Outcome::StoredWithWarning { status },
        status => Outcome::Failed { status, meaning: status::meaning(status) },
    })
}

/// A large object, a few megabytes at a time.
async fn send_pieces(
    association: &mut Association,
    context: u8,
    mut file: File,
    mut left: u64,
) -> Result<(), NetError> {
    let step = (4 << 20) / association.chunk() * association.chunk();
    loop {
        let wanted = left.min(step as u64) as usize;
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; wanted];
            file.read_exact(&mut piece).map(|()| (file, piece))
        });
        let io = |source| NetError::Io { what: "reading the file that is being sent", source };
        let piece;
        (file, piece) = read.await.map_err(|why| io(std::io::Error::other(why)))?.map_err(io)?;
        left -= wanted as u64;
        association.send_part(context, &piece, left == 0).await?;
        if left == 0 {
            return Ok(());
        }
    }
}

pub(crate) type Named = Result<(ObjectName, usize, u64), Refusal>;

async fn names_of(sources: Vec<Source>) -> Vec<Named> {
    let count = sources.len();
    let read = tokio::task::spawn_blocking(move || sources.iter().map(named).collect());
    read.await.unwrap_or_else(|_| {
        let fault = || Err(Refusal::new("fault", "The program failed on this file. Please report it."));
        (0..count).map(|_| fault()).collect()
    })
}

/// What a source is, where its data set begins, and how long the file is.
pub(crate) fn named(source: &Source) -> Named {
    match source {
        Source::Memory(_, bytes) => {
            part10::name_of(bytes).map(|(name, head)| (name, head, bytes.len() as u64))
        }
        Source::File(path) => {
            let mut file = File::open(path).map_err(|why| unreadable(&why))?;
            let length = file.metadata().map_err(|why| unreadable(&why))?.len();
            let mut bytes = Vec::new();
            file.by_ref().take(HEAD).read_to_end(&mut bytes).map_err(|why| unreadable(&why))?;
            if bytes.get(128..132) != Some(b"DICM") && length <= WHOLE {
                // Without a meta header the whole data set says what it is.
                file.read_to_end(&mut bytes).map_err(|why| unreadable(&why))?;
            }
            part10::name_of(&bytes).map(|(name, head)| (name, head, length))
        }
    }
}

fn body_of(source: Source, head: usize, bytes: u64) -> Result<Body, Refusal> {
    use std::io::{Seek, SeekFrom};
    let path = match source {
        Source::Memory(_, bytes) => return Ok(Body::Whole(bytes.slice(head..))),
        Source::File(path) => path,
    };
    let mut file = File::open(path).map_err(|why| unreadable(&why))?;
    file.seek(SeekFrom::Start(head as u64)).map_err(|why| unreadable(&why))?;
    if bytes > WHOLE {
        return Ok(Body::Pieces(file));
    }
    let mut body = Vec::with_capacity((bytes as usize).saturating_sub(head));
    file.read_to_end(&mut body).map_err(|why| unreadable(&why))?;
    Ok(Body::Whole(body.into()))
}

fn unreadable(why: &std::io::Error) -> Refusal {
    Refusal::new("unreadable", format!("The file cannot be read: {why}."))
}
