//! What the network's readers make of bytes, without a connection: for fuzzing, and for replaying what it found.
//!
//! The same code as on a connection, from the first PDU or boundary on; what we would answer goes nowhere. No program
//! calls this.

use crate::association::{Association, Proposal};
use crate::fetch::{GET, GetSession, storage_proposals};
use crate::find::ask_over;
use crate::listen::Visit;
use crate::sink::{Arrival, Keeper, Kept, Sink, Taken};
use crate::web::{Event, Multipart, parse};
use crate::wire::Stream;
use crate::{Allowed, Keys, ListenSettings, NetError, Row, Wanted};
use dicom_dictionary_std::uids;
use medsight_base::Uid;
use medsight_record::Refusal;
use medsight_record::node::Dimse;
use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// The title by which a peer of [`provided`] has to call us.
pub const OUR_TITLE: &str = "MEDSIGHT";
/// The title that it has to give as its own.
pub const PEER_TITLE: &str = "MODALITY";
/// Class asked for by [`found`].
const FIND: &str = uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND;
/// Long enough for anything that does not hang.
const PATIENCE: Duration = Duration::from_secs(4);

/// Counts what it is given. Whatever arrives has to be named by a UID: names become parts of files elsewhere.
struct Counting;

impl Sink for Counting {
    fn keep(&self, arrivals: &[Arrival]) -> Vec<Result<Taken, Refusal>> {
        for arrival in arrivals {
            assert!(
                Uid::parse(&arrival.name.instance).is_ok(),
                "an object was taken that has no UID for a name"
            );
        }
        arrivals.iter().map(|_| Ok(Taken::New)).collect()
    }

    fn missing(&self, _: &str, instances: &[String]) -> Result<Vec<String>, Refusal> {
        Ok(instances.to_vec())
    }
}

/// Everything a peer ever sends, and then the end of the connection.
fn peer(sends: &[u8]) -> Box<dyn Stream> {
    Box::new(tokio::io::join(Cursor::new(sends.to_vec()), tokio::io::sink()))
}

fn node() -> Dimse {
    Dimse {
        called_ae: PEER_TITLE.into(),
        calling_ae: OUR_TITLE.into(),
        host: "localhost".into(),
        port: 104,
        tls: None,
        connect_s: 1,
        answer_s: 4,
    }
}

fn on_this_thread<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(work))
}

/// As the listener: an association request, and whatever follows it. What was taken, and why it ended.
///
/// # Errors
/// When no runtime can be had.
pub fn provided(sends: &[u8]) -> std::io::Result<(Kept, Result<(), NetError>)> {
    on_this_thread(async {
        let (keeper, tally) = Keeper::start(Arc::new(Counting));
        let (events, mut told) = mpsc::channel(16);
        let nobody = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let settings = ListenSettings {
            own_ae: OUR_TITLE.into(),
            address: SocketAddr::new(nobody, 0),
            tls: None,
            peers: vec![Allowed { calling_ae: PEER_TITLE.into(), address: None }],
            most_associations: 1,
            idle_s: 4,
        };
        let visit = Visit {
            settings: Arc::new(settings),
            acceptor: None,
            keeper,
            events,
            room: Arc::new(Semaphore::new(1)),
            cancel: CancellationToken::new(),
            address: nobody,
            calling: std::sync::OnceLock::new(),
        };
        let talk = async {
            let ended = visit.converse(peer(sends), PATIENCE).await;
            drop(visit);
            ended
        };
        let (ended, ()) = tokio::join!(talk, async { while told.recv().await.is_some() {} });
        (tally.await.unwrap_or_default(), ended)
    })
}

/// As the side that asks by C-FIND: the answer to its association request, and whatever follows.
///
/// # Errors
/// When no runtime can be had.
pub fn found(sends: &[u8]) -> std::io::Result<(Vec<Row>, Result<bool, NetError>)> {
    on_this_thread(async {
        let mut rows = Vec::new();
        let ask = async {
            let proposals = [Proposal::service(FIND)];
            let cancel = CancellationToken::new();
            let association = Association::request_over(peer(sends), &node(), &proposals, &cancel).await?;
            ask_over(association, FIND, &Keys::new(), |row| {
                rows.push(row);
                true
            })
            .await
        };
        let ended = ask.await;
        (rows, ended)
    })
}

/// As the side that retrieves CT images by C-GET: the answer to its association request, and whatever follows.
///
/// # Errors
/// When no runtime can be had.
pub fn retrieved(sends: &[u8]) -> std::io::Result<(Kept, Result<(), NetError>)> {
    on_this_thread(async {
        let (keeper, tally) = Keeper::start(Arc::new(Counting));
        let get = async {
            let mut proposals = vec![Proposal::service(GET)];
            proposals.extend(storage_proposals(&[uids::CT_IMAGE_STORAGE.to_owned()]));
            let cancel = CancellationToken::new();
            let association = Association::request_over(peer(sends), &node(), &proposals, &cancel).await?;
            let mut session = GetSession::over(association).await?;
            session.get(&Wanted::study("1.2"), &keeper, |_| {}).await?;
            session.release().await;
            Ok(())
        };
        let ended = get.await;
        drop(keeper);
        (tally.await.unwrap_or_default(), ended)
    })
}

/// The bodies of a multipart answer of this media type that arrives in pieces of `step` bytes, and whether its last
/// boundary was there.
///
/// # Errors
/// [`NetError::Protocol`].
pub fn parts(content_type: &str, body: &[u8], step: usize) -> Result<(Vec<Vec<u8>>, bool), NetError> {
    let mut parser = Multipart::new(content_type)?;
    let (mut parts, mut open) = (Vec::new(), Vec::new());
    for piece in body.chunks(step.max(1)) {
        parser.feed(piece);
        while let Some(event) = parser.next()? {
            match event {
                Event::Part(_) => open = Vec::new(),
                Event::Data(data) => open.extend_from_slice(&data),
                Event::PartEnd => parts.push(std::mem::take(&mut open)),
                Event::End => {}
            }
        }
    }
    Ok((parts, parser.is_complete()))
}

/// The rows of an answer in the DICOM JSON model (PS3.18 F).
///
/// # Errors
/// [`NetError::Protocol`].
pub fn rows(json: &[u8]) -> Result<Vec<Row>, NetError> {
    parse(json)
}
