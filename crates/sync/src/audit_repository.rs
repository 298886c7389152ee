//! An audit record repository (IHE ITI-20): DICOM audit messages as syslog records (RFC 5424) over TLS (RFC 5425).
//!
//! Syslog has no acknowledgement, and a server that speaks TLS 1.3 refuses our certificate only after we may write. So
//! records are kept until a connection has ended in order: all written, our end closed, and then, not before, the other
//! end closed too. What was on a connection that ended otherwise is sent again.

use crate::Trouble;
use crate::stream::{Address, Connection};
use medsight_audit::Link;
use medsight_base::Timestamp;
use medsight_record::destination::AuditRepository;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// Facility authpriv (10), severity notice (5): RFC 5424 6.2.1.
const PRIORITY: u8 = 85;
/// A server that does not know us ends the connection within this time after the handshake.
const REFUSED_WITHIN: Duration = Duration::from_millis(200);
/// Longest wait for the other end to close, once all is written.
const CLOSES_WITHIN: Duration = Duration::from_secs(30);
/// Longest wait for a record to be taken.
const TAKES_WITHIN: Duration = Duration::from_secs(30);

pub(crate) struct RepositoryLink {
    address: Address,
    message_id: String,
    site: String,
}

impl RepositoryLink {
    pub(crate) fn new(repository: &AuditRepository, site: String) -> Result<Self, Trouble> {
        let address =
            Address::new(&repository.host, repository.port, Some(&repository.tls), &repository.pins)?;
        Ok(Self { address, message_id: printable(&repository.message_id, 32), site })
    }

    /// Whether the other side takes our certificate: a connection that ends in order.
    pub(crate) async fn probe(&self) -> Result<(), Trouble> {
        self.send(&[]).await
    }

    pub(crate) async fn deliver_audit(
        &self,
        events: &[Link],
        cancel: &CancellationToken,
    ) -> (usize, Option<Trouble>) {
        let sent = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Trouble::Cancelled),
            sent = self.send(events) => sent,
        };
        match sent {
            Ok(()) => (events.len(), None),
            Err(trouble) => (0, Some(trouble)),
        }
    }

    async fn send(&self, events: &[Link]) -> Result<(), Trouble> {
        let mut connection = self.address.connect().await?;
        still_open(&mut connection, REFUSED_WITHIN).await?;
        for event in events {
            let record = frame(&self.record(event));
            let written = tokio::time::timeout(TAKES_WITHIN, connection.write_all(&record)).await;
            written
                .map_err(|_| Trouble::Timeout(TAKES_WITHIN.as_secs()))?
                .map_err(|_| Trouble::Lost("audit records were being sent"))?;
        }
        connection.flush().await.map_err(|_| Trouble::Lost("audit records were being sent"))?;
        // An end that comes now, before ours, is none in order.
        still_open(&mut connection, Duration::from_millis(20)).await?;
        connection.shutdown().await.map_err(|_| Trouble::Lost("audit records were being sent"))?;
        let mut rest = [0; 256];
        let closing = async {
            loop {
                match connection.read(&mut rest).await {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    // Many servers close without a word of TLS.
                    Err(why) if why.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                    Err(why) => return Err(refused(&why)),
                }
            }
        };
        tokio::time::timeout(CLOSES_WITHIN, closing)
            .await
            .unwrap_or(Err(Trouble::Timeout(CLOSES_WITHIN.as_secs())))
    }

    /// RFC 5424 6: header, no structured data, byte order mark, message.
    fn record(&self, event: &Link) -> Vec<u8> {
        let station = event.event.more.from.as_ref().map(|from| printable(&from.station, 255));
        let host = station.filter(|station| !station.is_empty()).unwrap_or_else(|| "-".to_owned());
        let head = header(event.event.when, &host, &self.message_id);
        let mut record = head.into_bytes();
        record.extend_from_slice(b"\xEF\xBB\xBF");
        record.extend_from_slice(medsight_audit::dicom(event, &self.site).as_bytes());
        record
    }
}

fn header(at: Timestamp, host: &str, message_id: &str) -> String {
    format!("<{PRIORITY}>1 {} {host} medsight {} {message_id} - ", at.iso(), std::process::id())
}

/// RFC 5425 4.3: octet count, space, message.
fn frame(record: &[u8]) -> Vec<u8> {
    let mut framed = record.len().to_string().into_bytes();
    framed.push(b' ');
    framed.extend_from_slice(record);
    framed
}

/// PRINTUSASCII of RFC 5424; anything else would end the field.
fn printable(text: &str, most: usize) -> String {
    text.chars().filter(char::is_ascii_graphic).take(most).collect()
}

/// An error when the other end is closed within `wait`.
async fn still_open(connection: &mut Connection, wait: Duration) -> Result<(), Trouble> {
    let mut piece = [0; 256];
    match tokio::time::timeout(wait, connection.read(&mut piece)).await {
        Err(_) | Ok(Ok(1..)) => Ok(()),
        Ok(Ok(0)) => Err(Trouble::Tls(
            "the repository ended the connection at once: it may not know this workstation's certificate"
                .to_owned(),
        )),
        Ok(Err(why)) => Err(refused(&why)),
    }
}

fn refused(why: &std::io::Error) -> Trouble {
    let text = why.to_string();
    if text.contains("alert")
        || text.contains("certificate")
        || why.kind() == std::io::ErrorKind::UnexpectedEof
    {
        Trouble::Tls(text)
    } else {
        Trouble::Lost("audit records were being sent")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_header_of_rfc_5424_and_its_length_before_it() {
        let head = header(Timestamp(1_795_379_968_123), "reading-1", "DICOM+RFC3881");
        let begin = "<85>1 2026-11-22T20:39:28.123Z reading-1 medsight ";
        assert!(head.starts_with(begin) && head.ends_with(" DICOM+RFC3881 - "), "{head}");
        assert_eq!(frame("ä".as_bytes()), "2 ä".as_bytes());
    }

    #[test]
    fn a_name_with_spaces_does_not_shift_the_fields() {
        assert_eq!(printable("Lese platz\n7ä", 255), "Leseplatz7");
    }
}
