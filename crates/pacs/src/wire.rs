//! PDUs on a connection (PS3.8 9.3): bounded on the way in, gathered on the way out.
//!
//! Negotiation PDUs are read and written by `dicom-ul`. Its associations are not used, for three reasons: their
//! errors print the PDU, and with it what may be a patient's data; they copy each P-DATA value twice; and their
//! state cannot be watched by a cancellation. A length is held against its limit before anything is reserved
//! for it, and memory grows only as bytes arrive.

use crate::NetError;
use crate::error::Breach;
use bytes::{Buf, Bytes, BytesMut};
use dicom_ul::pdu::{AssociationAC, AssociationRJ, AssociationRQ, Pdu};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// Longest P-DATA-TF that we take, without its header of 6 bytes; told to the peer as Maximum Length (PS3.8 D.1).
pub(crate) const MAX_PDATA: u32 = 262_144 - 6;
/// Longest negotiation PDU; 128 contexts with all syntaxes stay below 200 KiB.
const MAX_NEGOTIATION: u32 = 1 << 20;
/// What is gathered before it is written.
const GATHER: usize = 512 << 10;
/// Read at once at most, and reserved at once at most.
const STEP: usize = 256 << 10;

/// A TCP connection, with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A PDU that came in.
#[derive(Debug)]
pub(crate) enum Received {
    /// The values of a P-DATA-TF, not yet taken apart.
    Data(Bytes),
    Request(AssociationRQ),
    Accept(AssociationAC),
    Reject(AssociationRJ),
    ReleaseRequest,
    ReleaseResponse,
    Abort(&'static str),
}

/// Both directions of one connection.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    inbox: BytesMut,
    outbox: Vec<u8>,
    patience: Duration,
    /// What the peer does elsewhere, and how far that was when it was looked at last: silence here is none while it goes on.
    elsewhere: Option<(Arc<AtomicU64>, u64)>,
    pub(crate) cancel: CancellationToken,
}

impl Wire {
    /// `patience`: how long nothing may come or go.
    pub(crate) fn new(stream: Box<dyn Stream>, patience: Duration, cancel: CancellationToken) -> Self {
        let (inbox, outbox) = (BytesMut::new(), Vec::new());
        Self { stream, inbox, outbox, patience, elsewhere: None, cancel }
    }

    /// While this counts up, the peer is not silent, although nothing comes here.
    pub(crate) fn watch(&mut self, elsewhere: &Arc<AtomicU64>) {
        self.elsewhere = Some((elsewhere.clone(), elsewhere.load(Ordering::Relaxed)));
    }

    fn goes_on_elsewhere(&mut self) -> bool {
        self.elsewhere.as_mut().is_some_and(|(counter, seen)| {
            let now = counter.load(Ordering::Relaxed);
            std::mem::replace(seen, now) != now
        })
    }

    /// The next PDU.
    ///
    /// # Errors
    /// [`NetError::Lost`], [`NetError::Timeout`], [`NetError::Protocol`], [`NetError::Cancelled`].
    pub(crate) async fn receive(&mut self, doing: &'static str) -> Result<Received, NetError> {
        self.fill(6, doing).await?;
        let kind = self.inbox[0];
        let length = u32::from_be_bytes([self.inbox[2], self.inbox[3], self.inbox[4], self.inbox[5]]);
        let allowed = match kind {
            0x01 | 0x02 => MAX_NEGOTIATION,
            0x04 => MAX_PDATA,
            0x03 | 0x05..=0x07 => 4,
            _ => return Err(NetError::Protocol(Breach::UnexpectedPdu(kind))),
        };
        if length > allowed {
            return Err(NetError::Protocol(Breach::PduTooLong { announced: length, allowed }));
        }
        let whole = 6 + length as usize;
        self.fill(whole, doing).await?;
        let mut pdu = self.inbox.split_to(whole).freeze();
        if kind == 0x04 {
            pdu.advance(6);
            return Ok(Received::Data(pdu));
        }
        let read = dicom_ul::read_pdu(pdu, MAX_NEGOTIATION, true);
        match read {
            Ok(Some(Pdu::AssociationRQ(request))) => Ok(Received::Request(request)),
            Ok(Some(Pdu::AssociationAC(accept))) => Ok(Received::Accept(accept)),
            Ok(Some(Pdu::AssociationRJ(reject))) => Ok(Received::Reject(reject)),
            Ok(Some(Pdu::ReleaseRQ)) => Ok(Received::ReleaseRequest),
            Ok(Some(Pdu::ReleaseRP)) => Ok(Received::ReleaseResponse),
            Ok(Some(Pdu::AbortRQ { source })) => Ok(Received::Abort(match source {
                dicom_ul::pdu::AbortRQSource::ServiceUser => "by its application",
                _ => "by its network layer",
            })),
            // Its error may print titles and names of the PDU; that a field is wrong is what matters.
            _ => Err(NetError::malformed("a PDU with a field that cannot be read")),
        }
    }

    /// Until at least `wanted` bytes are in the inbox.
    async fn fill(&mut self, wanted: usize, doing: &'static str) -> Result<(), NetError> {
        while self.inbox.len() < wanted {
            // By what is missing, but in steps: a length that lies costs one step.
            self.inbox.reserve((wanted - self.inbox.len()).clamp(16 << 10, STEP));
            let read = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(NetError::Cancelled),
                read = tokio::time::timeout(self.patience, self.stream.read_buf(&mut self.inbox)) => read,
            };
            match read {
                Err(_) if self.goes_on_elsewhere() => {}
                Err(_) => return Err(NetError::Timeout { seconds: self.patience.as_secs(), doing }),
                Ok(Ok(0) | Err(_)) => return Err(NetError::Lost(doing)),
                Ok(Ok(_)) => {}
            }
        }
        Ok(())
    }

    /// Sends a negotiation PDU at once.
    pub(crate) async fn send(&mut self, pdu: &Pdu) -> Result<(), NetError> {
        dicom_ul::write_pdu(&mut self.outbox, pdu)
            .map_err(|_| NetError::Settings("a title or UID that no PDU can hold".to_owned()))?;
        self.flush().await
    }

    /// Puts a P-DATA-TF with one value (PS3.8 9.3.5) behind what is gathered; `chunk` fits the peer's limit.
    pub(crate) fn gather(&mut self, context: u8, is_command: bool, is_last: bool, chunk: &[u8]) {
        let value = chunk.len() as u32 + 2;
        self.outbox.extend_from_slice(&[0x04, 0]);
        self.outbox.extend_from_slice(&(value + 4).to_be_bytes());
        self.outbox.extend_from_slice(&value.to_be_bytes());
        self.outbox.extend_from_slice(&[context, u8::from(is_command) | (u8::from(is_last) << 1)]);
        self.outbox.extend_from_slice(chunk);
    }

    /// Writes what is gathered if it is worth a system call.
    pub(crate) async fn flush_if_full(&mut self) -> Result<(), NetError> {
        if self.outbox.len() >= GATHER { self.flush().await } else { Ok(()) }
    }

    /// Writes what is gathered.
    pub(crate) async fn flush(&mut self) -> Result<(), NetError> {
        let doing = "sending";
        let write = async {
            self.stream.write_all(&self.outbox).await?;
            self.stream.flush().await
        };
        let written = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(NetError::Cancelled),
            written = tokio::time::timeout(self.patience, write) => written,
        };
        self.outbox.clear();
        match written {
            Err(_) => Err(NetError::Timeout { seconds: self.patience.as_secs(), doing }),
            Ok(Err(_)) => Err(NetError::Lost(doing)),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// Ends the connection in order, as far as the peer still listens.
    pub(crate) async fn close(&mut self) {
        let _gone = tokio::time::timeout(Duration::from_secs(1), self.stream.shutdown()).await;
    }
}

/// One presentation data value (PS3.8 9.3.5.1).
pub(crate) struct Fragment {
    pub(crate) context: u8,
    pub(crate) is_command: bool,
    pub(crate) is_last: bool,
    pub(crate) data: Bytes,
}

/// Takes the next value off a P-DATA-TF.
pub(crate) fn next_fragment(data: &mut Bytes) -> Result<Option<Fragment>, NetError> {
    if data.is_empty() {
        return Ok(None);
    }
    if data.len() < 6 {
        return Err(NetError::malformed("a P-DATA that ends inside a value"));
    }
    let length = data.get_u32() as usize;
    if length < 2 || length > data.len() {
        return Err(NetError::malformed("a presentation data value that does not fit its PDU"));
    }
    let mut value = data.split_to(length);
    let (context, control) = (value.get_u8(), value.get_u8());
    Ok(Some(Fragment { context, is_command: control & 1 != 0, is_last: control & 2 != 0, data: value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_peer_that_goes_on_elsewhere_is_not_silent() {
        let (ours, theirs) = tokio::io::duplex(1 << 10);
        let mut wire = Wire::new(Box::new(ours), Duration::from_millis(50), CancellationToken::new());
        let counter = Arc::new(AtomicU64::new(0));
        wire.watch(&counter);
        let counting = tokio::spawn(async move {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let begun = std::time::Instant::now();
        assert!(matches!(wire.receive("testing").await, Err(NetError::Timeout { .. })));
        assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
        counting.await.unwrap();
        drop(theirs);
    }

    async fn fed(bytes: &[u8]) -> Result<Received, NetError> {
        let (ours, mut theirs) = tokio::io::duplex(4 << 20);
        theirs.write_all(bytes).await.unwrap();
        drop(theirs);
        Wire::new(Box::new(ours), Duration::from_secs(2), CancellationToken::new()).receive("testing").await
    }

    #[tokio::test]
    async fn a_pdu_that_announces_four_gigabytes_is_refused_before_memory_is_reserved() {
        for kind in [1, 2, 3, 4, 5, 6, 7] {
            let error = fed(&[kind, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0]).await.unwrap_err();
            assert!(matches!(error, NetError::Protocol(Breach::PduTooLong { .. })), "type {kind}: {error}");
        }
    }

    #[tokio::test]
    async fn a_pdu_of_no_known_type_is_refused() {
        let error = fed(&[0x47, 0x45, 0, 0, 0, 4, 0, 0, 0, 0]).await.unwrap_err();
        assert!(matches!(error, NetError::Protocol(Breach::UnexpectedPdu(0x47))), "{error}");
    }

    #[tokio::test]
    async fn a_pdu_that_ends_early_is_a_lost_connection_and_not_a_wait() {
        let error = fed(&[4, 0, 0, 0, 1, 0, 0, 0]).await.unwrap_err();
        assert!(matches!(error, NetError::Lost(_)), "{error}");
    }

    #[tokio::test]
    async fn damaged_negotiation_never_panics() {
        let mut pdu = Vec::new();
        let request = crate::negotiate::tests_request();
        dicom_ul::write_pdu(&mut pdu, &Pdu::AssociationRQ(request)).unwrap();
        assert!(matches!(fed(&pdu).await, Ok(Received::Request(_))));
        let mut seed = 0x2545_F491_4F6C_DD1D_u64;
        for round in 0..20_000 {
            let mut bad = pdu.clone();
            for _ in 0..=round % 4 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let at = 6 + (seed as usize) % (bad.len() - 6);
                bad[at] = (seed >> 32) as u8;
            }
            if round % 3 == 0 {
                bad.truncate(6 + (seed >> 8) as usize % (bad.len() - 6));
                let length = (bad.len() - 6) as u32;
                bad[2..6].copy_from_slice(&length.to_be_bytes());
            }
            let _any = fed(&bad).await;
        }
    }

    #[test]
    fn a_data_value_longer_than_its_pdu_is_refused() {
        let mut data = Bytes::from_static(&[0, 0, 1, 0, 1, 3, 9]);
        assert!(next_fragment(&mut data).is_err());
        let mut data = Bytes::from_static(&[0, 0, 0, 1, 1, 3, 9]);
        assert!(next_fragment(&mut data).is_err());
    }
}
