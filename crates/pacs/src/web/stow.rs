//! STOW-RS (PS3.18 10.5): objects as they are stored, several in one request, streamed from the disk.

use super::{WebClient, http_error};
use crate::NetError;
use crate::row::Row;
use crate::status;
use crate::store::{Delivery, Outcome, Patience, SendReport, Source, named};
use bytes::Bytes;
use dicom_dictionary_std::tags;
use futures_util::stream;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, Method};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Bytes of one request, about; one larger object goes alone.
const GROUP_BYTES: u64 = 64 << 20;
/// Objects of one request, at most.
const GROUP: usize = 256;
/// Read from the disk at once.
const PIECE: usize = 256 << 10;
/// Longest answer, in bytes.
const MAX_ANSWER: u64 = 16 << 20;

struct Planned {
    index: usize,
    instance: String,
    bytes: u64,
}

impl WebClient {
    /// Sends objects. `progress` is told the number of objects done. What the server has acknowledged is not sent
    /// again when a connection breaks off.
    pub async fn store(
        &self,
        sources: &[Source],
        patience: Patience,
        cancel: &CancellationToken,
        mut progress: impl FnMut(usize),
    ) -> SendReport {
        let begun = Instant::now();
        let mut report = SendReport::default();
        let mut waiting = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            // The head of a file only; a few microseconds each.
            let (instance, outcome) = match named(source) {
                Ok((name, _, bytes)) => {
                    waiting.push(Planned { index, instance: name.instance.clone(), bytes });
                    (Some(name.instance), Outcome::NotSent)
                }
                Err(why) => (None, Outcome::Unreadable { code: why.code, reason: why.reason }),
            };
            report.deliveries.push(Delivery { label: source.label(), instance, outcome });
        }
        let (mut last_progress, mut pause) = (Instant::now(), Duration::from_millis(250));
        while !waiting.is_empty() {
            let group = group_of(&waiting);
            let ended = self.store_group(sources, &waiting[..group], cancel, &mut report).await;
            let before = waiting.len();
            waiting.retain(|planned| report.deliveries[planned.index].outcome == Outcome::NotSent);
            if waiting.len() < before {
                (last_progress, pause) = (Instant::now(), Duration::from_millis(250));
                progress(sources.len() - waiting.len());
            }
            let Err(error) = ended else { continue };
            let again = error.is_passing() && last_progress.elapsed() + pause < patience.retry_for;
            if !again || !crate::store::paused(pause, cancel).await {
                report.error = Some(if cancel.is_cancelled() { NetError::Cancelled } else { error });
                break;
            }
            report.resumed += 1;
            pause = (pause * 2).min(Duration::from_secs(8));
        }
        report.seconds = begun.elapsed().as_secs_f64();
        report
    }

    async fn store_group(
        &self,
        sources: &[Source],
        group: &[Planned],
        cancel: &CancellationToken,
        report: &mut SendReport,
    ) -> Result<(), NetError> {
        let boundary = format!("medsight-{:016x}{:016x}", fresh(), fresh());
        let (pieces, body) = mpsc::channel::<std::io::Result<Bytes>>(8);
        let parts: Vec<Source> = group.iter().map(|planned| sources[planned.index].clone()).collect();
        let delimiter = boundary.clone();
        let writer = tokio::task::spawn_blocking(move || write_parts(&parts, &delimiter, &pieces));
        let body = stream::unfold(body, |mut body| async { body.recv().await.map(|piece| (piece, body)) });
        let media = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let request = self
            .request(Method::POST, self.resource("studies")?, "application/dicom+json")?
            .header(CONTENT_TYPE, media)
            .body(Body::wrap_stream(body));
        // No limit on the whole: a slow line may take minutes. The answer has its own.
        let answer = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(NetError::Cancelled),
            answer = request.send() => answer,
        };
        let _ended = writer.await;
        let response = answer.map_err(|why| self.lost(why))?;
        let status = response.status();
        if !status.is_success() && status.as_u16() != 409 {
            return Err(http_error("STOW-RS", status));
        }
        let body = self.body(response, MAX_ANSWER, cancel).await?;
        let told: Row = serde_json::from_slice(&body)
            .or_else(|_| {
                serde_json::from_slice::<Vec<Row>>(&body)
                    .map(|rows| rows.into_iter().next().unwrap_or_default())
            })
            .map_err(|_| NetError::malformed("a STOW-RS answer that is not DICOM JSON"))?;
        let outcomes = outcomes_of(&told);
        for planned in group {
            let outcome = match outcomes.get(&planned.instance) {
                Some(outcome) => outcome.clone(),
                // 200 says that all were stored, even if it does not name them (PS3.18 10.5.3).
                None if status.as_u16() == 200 && outcomes.is_empty() => Outcome::Stored,
                None => Outcome::Failed { status: 0x0110, meaning: "the server's answer does not name it" },
            };
            if matches!(outcome, Outcome::Stored | Outcome::StoredWithWarning { .. }) {
                report.bytes += planned.bytes;
            }
            report.deliveries[planned.index].outcome = outcome;
        }
        Ok(())
    }
}

fn group_of(waiting: &[Planned]) -> usize {
    let mut bytes = 0;
    let fits = |planned: &&Planned| {
        bytes += planned.bytes;
        bytes <= GROUP_BYTES
    };
    waiting.iter().take(GROUP).take_while(fits).count().max(1)
}

/// By instance UID (PS3.18 10.5.3.2, table I.2.2-1).
fn outcomes_of(told: &Row) -> BTreeMap<String, Outcome> {
    let mut outcomes = BTreeMap::new();
    for item in told.items(tags::REFERENCED_SOP_SEQUENCE) {
        let warning = item.text(tags::WARNING_REASON).parse().ok();
        let outcome = warning.map_or(Outcome::Stored, |status| Outcome::StoredWithWarning { status });
        outcomes.insert(item.text(tags::REFERENCED_SOP_INSTANCE_UID), outcome);
    }
    for item in told.items(tags::FAILED_SOP_SEQUENCE) {
        let status = item.text(tags::FAILURE_REASON).parse().unwrap_or(0x0110);
        let outcome = Outcome::Failed { status, meaning: status::meaning(status) };
        outcomes.insert(item.text(tags::REFERENCED_SOP_INSTANCE_UID), outcome);
    }
    outcomes
}

/// Writes the body; ends early when nobody reads it any more. A file that cannot be read ends the request, so
/// that the server does not take half of it for the whole.
fn write_parts(parts: &[Source], boundary: &str, pieces: &mpsc::Sender<std::io::Result<Bytes>>) {
    let send = |piece: std::io::Result<Bytes>| pieces.blocking_send(piece).is_ok();
    for part in parts {
        let head = format!("\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n");
        if !send(Ok(head.into())) {
            return;
        }
        match part {
            Source::Memory(_, bytes) => {
                if !send(Ok(bytes.clone())) {
                    return;
                }
            }
            Source::File(path) => {
                let copied = File::open(path).and_then(|mut file| {
                    loop {
                        let mut piece = vec![0; PIECE];
                        let read = file.read(&mut piece)?;
                        piece.truncate(read);
                        if read == 0 || !send(Ok(piece.into())) {
                            return Ok(());
                        }
                    }
                });
                if let Err(why) = copied {
                    let _nobody = send(Err(why));
                    return;
                }
            }
        }
    }
    let _nobody = send(Ok(format!("\r\n--{boundary}--\r\n").into()));
}

/// Bits for a boundary; it only has to be unlikely in an image.
fn fresh() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
