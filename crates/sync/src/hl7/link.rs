//! MLLP (HL7 v2 transport: 0x0B … 0x1C 0x0D) and what an acknowledgement means.

use super::message::{control_id, oru};
use crate::Trouble;
use crate::backoff::{after, fraction};
use crate::link::Round;
use crate::moment::now;
use crate::stream::{Address, Connection};
use medsight_base::Timestamp;
use medsight_cache::{Delivered, Entry, Outcome};
use medsight_record::destination::Hl7Receiver;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

const BEGIN: u8 = 0x0B;
const END: [u8; 2] = [0x1C, 0x0D];
/// Longest acknowledgement, in bytes.
const MOST: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// A message in its frame.
#[must_use]
pub fn frame(message: &str) -> Vec<u8> {
    let mut framed = vec![BEGIN];
    framed.extend_from_slice(message.as_bytes());
    framed.extend_from_slice(&END);
    framed
}

/// The first whole message in `bytes`, and how many of them it took.
#[must_use]
pub fn unframe(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let begin = bytes.iter().position(|byte| *byte == BEGIN)?;
    let end = bytes[begin..].windows(2).position(|pair| pair == END)? + begin;
    Some((&bytes[begin + 1..end], end + 2))
}

/// What the receiver says of a message (2.9.3, MSA-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    /// AA, CA: it has it.
    Taken,
    /// AE, CE: something is wrong with it.
    Error(String),
    /// AR, CR: it does not want it now.
    Rejected(String),
}

/// Reads an acknowledgement: of which message, and what it says. `None` when it is none.
#[must_use]
pub fn read_ack(message: &[u8]) -> Option<(String, Ack)> {
    let text = std::str::from_utf8(message).ok()?;
    let divider = text.strip_prefix("MSH")?.chars().next()?;
    let msa = text.split(['\r', '\n']).find(|segment| segment.starts_with(&format!("MSA{divider}")))?;
    let mut fields = msa.split(divider).skip(1);
    let code = fields.next()?;
    let id = fields.next()?.trim().to_owned();
    let ack = match code {
        "AA" | "CA" => Ack::Taken,
        "AE" | "CE" => Ack::Error(error_code(text, divider)),
        "AR" | "CR" => Ack::Rejected(error_code(text, divider)),
        _ => return None,
    };
    Some((id, ack))
}

/// ERR-3, the HL7 error code (table 0357); never its text, which may quote the patient.
fn error_code(text: &str, divider: char) -> String {
    let err = text.split(['\r', '\n']).find(|segment| segment.starts_with(&format!("ERR{divider}")));
    let code = err.and_then(|err| err.split(divider).nth(3)).and_then(|field| field.split('^').next());
    code.filter(|code| !code.is_empty() && code.bytes().all(|b| b.is_ascii_digit()))
        .unwrap_or("none")
        .to_owned()
}

pub(crate) struct Hl7Link {
    receiver: Hl7Receiver,
    address: Address,
    connection: Option<Connection>,
}

impl Hl7Link {
    pub(crate) fn new(receiver: &Hl7Receiver) -> Result<Self, Trouble> {
        let address = Address::new(&receiver.host, receiver.port, receiver.tls.as_ref(), &receiver.pins)?;
        Ok(Self { receiver: receiver.clone(), address, connection: None })
    }

    pub(crate) async fn deliver(&mut self, entries: Vec<Entry>, cancel: &CancellationToken) -> Round {
        let mut round = Round::default();
        for entry in entries {
            let outcome = tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Trouble::Cancelled),
                outcome = self.one(&entry) => outcome,
            };
            match outcome {
                Ok(outcome) => {
                    round.delivered.push(Delivered::plain(entry.id, outcome));
                }
                Err(trouble) => {
                    // An answer to this message may still come: not on the next connection.
                    self.connection = None;
                    round.trouble = Some(trouble);
                    break;
                }
            }
        }
        round
    }

    async fn one(&mut self, entry: &Entry) -> Result<Outcome, Trouble> {
        let number = entry.payload["version"].as_u64();
        let report = entry.content.report.as_ref();
        let version = report.and_then(|report| {
            report.versions.iter().find(|version| Some(u64::from(version.number)) == number)
        });
        let (Some(report), Some(version)) = (report, version) else { return Ok(Outcome::Nothing) };
        let Some(study) = entry.content.study.as_ref().filter(|study| !study.patient.id.trim().is_empty())
        else {
            let words = "The study has no Patient ID (0010,0020): nobody could tell whose report it is.";
            return Ok(Outcome::Refused { code: "sync.no-patient-id", words: words.to_owned() });
        };
        // The time of the entry, not of the sending: a message sent again is the same to the last byte.
        let message = oru(&self.receiver, study, report, version, entry.created_at);
        let ack = self.exchange(&message, &control_id(report, version)).await?;
        Ok(match ack {
            Ack::Taken => Outcome::Done,
            Ack::Error(code) => Outcome::Refused {
                code: "sync.refused",
                words: format!("The receiver finds an error in the message (AE, HL7 error code {code})."),
            },
            Ack::Rejected(code) if entry.attempts < 8 => {
                let pause = after(entry.attempts + 2, None, fraction());
                Outcome::Again {
                    code: "sync.rejected",
                    words: format!("The receiver does not take it now (AR, HL7 error code {code})."),
                    next_try: Timestamp(now().0 + i64::try_from(pause.as_millis()).unwrap_or(0)),
                }
            }
            Ack::Rejected(code) => Outcome::Refused {
                code: "sync.refused",
                words: format!("The receiver rejects the message each time (AR, HL7 error code {code})."),
            },
        })
    }

    async fn exchange(&mut self, message: &str, id: &str) -> Result<Ack, Trouble> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.address.connect().await?,
        };
        let talking = async {
            connection
                .write_all(&frame(message))
                .await
                .map_err(|_| Trouble::Lost("a message was being sent"))?;
            connection.flush().await.map_err(|_| Trouble::Lost("a message was being sent"))?;
            let mut bytes = Vec::new();
            loop {
                while let Some((found, length)) = unframe(&bytes) {
                    match read_ack(found) {
                        Some((of, ack)) if of == id => return Ok(ack),
                        // Of another message: late, and of no use.
                        Some(_) => {}
                        None => return Err(Trouble::Answer("it is no acknowledgement")),
                    }
                    bytes.drain(..length);
                }
                if bytes.len() > MOST {
                    return Err(Trouble::Answer("it is too long"));
                }
                let mut piece = [0; 4096];
                let read = connection
                    .read(&mut piece)
                    .await
                    .map_err(|_| Trouble::Lost("an acknowledgement was awaited"))?;
                if read == 0 {
                    return Err(Trouble::Lost("an acknowledgement was awaited"));
                }
                bytes.extend_from_slice(&piece[..read]);
            }
        };
        let ack = tokio::time::timeout(PATIENCE, talking)
            .await
            .unwrap_or(Err(Trouble::Timeout(PATIENCE.as_secs())))?;
        self.connection = Some(connection);
        Ok(ack)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;

    #[test]
    fn an_acknowledgement_tells_of_which_message_and_what() {
        let ack = |text: &str| read_ack(text.as_bytes());
        let head = "MSH|^~\\&|RIS||MEDSIGHT||2026||ACK|1|P|2.5.1\r";
        assert_eq!(ack(&format!("{head}MSA|AA|77\r")), Some(("77".into(), Ack::Taken)));
        let bad = format!("{head}MSA|AE|77|Jane Doe is unknown\rERR|||204^Unknown key^HL70357|E\r");
        assert_eq!(ack(&bad), Some(("77".into(), Ack::Error("204".into()))));
        assert_eq!(ack(&format!("{head}MSA|AR|77\r")), Some(("77".into(), Ack::Rejected("none".into()))));
        for none in ["", "MSH", "GET / HTTP/1.1", head] {
            assert_eq!(ack(none), None);
        }
    }

    #[test]
    fn a_message_is_found_in_what_comes_in_pieces() {
        let framed = frame("MSH|1\r");
        assert_eq!(unframe(&framed[..framed.len() - 1]), None);
        assert_eq!(unframe(&framed), Some((&b"MSH|1\r"[..], framed.len())));
        assert_eq!(unframe(b"noise"), None);
    }
}
