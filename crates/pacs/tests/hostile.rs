//! Peers that break the protocol: refused at once, without memory for what they announce, and others go on.
#![allow(clippy::unwrap_used, reason = "tests")]

mod peers;

use medsight_pacs::node::Web;
use medsight_pacs::{
    Allowed, Auth, CancellationToken, Event, Keys, Level, ListenSettings, NetError, Patience, Plan, Remote,
    Retrieval, Urgency, Wanted, WebClient, WebQuery,
};
use peers::{MemorySink, free_port, node};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

struct Listening {
    port: u16,
    sink: Arc<MemorySink>,
    stop: CancellationToken,
    /// Kept so that events have somewhere to go.
    events: mpsc::Receiver<Event>,
}

async fn listening(most: usize) -> Listening {
    let port = free_port();
    let settings = ListenSettings {
        own_ae: "WORKSTATION".into(),
        address: ([127, 0, 0, 1], port).into(),
        tls: None,
        peers: vec![Allowed { calling_ae: "WORKSTATION".into(), address: None }],
        most_associations: most,
        idle_s: 1,
    };
    let sink = Arc::new(MemorySink::default());
    let (tell, mut events) = mpsc::channel(1000);
    let stop = CancellationToken::new();
    tokio::spawn(medsight_pacs::listen(settings, sink.clone(), tell, stop.clone()));
    assert!(matches!(events.recv().await, Some(Event::Listening { .. })));
    Listening { port, sink, stop, events }
}

/// Sends bytes and reads until the other side closes; how long that took.
async fn send_raw(port: u16, bytes: &[u8]) -> (Vec<u8>, Duration) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let _refused = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _reset =
        tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap();
    (answer, begun.elapsed())
}

/// A well-formed A-ASSOCIATE-RQ for verification and CT storage.
fn request() -> Vec<u8> {
    let item = |kind: u8, value: &[u8]| {
        let mut out = vec![kind, 0];
        out.extend_from_slice(&(value.len() as u16).to_be_bytes());
        out.extend_from_slice(value);
        out
    };
    let context = |id: u8, class: &str| {
        let mut value = vec![id, 0, 0, 0];
        value.extend(item(0x30, class.as_bytes()));
        value.extend(item(0x40, b"1.2.840.10008.1.2.1"));
        item(0x20, &value)
    };
    let mut body = vec![0, 1, 0, 0];
    body.extend_from_slice(b"WORKSTATION     WORKSTATION     ");
    body.extend_from_slice(&[0; 32]);
    body.extend(item(0x10, b"1.2.840.10008.3.1.1.1"));
    body.extend(context(1, "1.2.840.10008.1.1"));
    body.extend(context(3, "1.2.840.10008.5.1.4.1.1.2"));
    let mut user = item(0x51, &16_384_u32.to_be_bytes());
    user.extend(item(0x52, b"1.2.3"));
    body.extend(item(0x50, &user));
    let mut pdu = vec![1, 0];
    pdu.extend_from_slice(&(body.len() as u32).to_be_bytes());
    pdu.extend(body);
    pdu
}

fn pdata(context: u8, control: u8, data: &[u8]) -> Vec<u8> {
    let mut pdu = vec![4, 0];
    pdu.extend_from_slice(&(data.len() as u32 + 6).to_be_bytes());
    pdu.extend_from_slice(&(data.len() as u32 + 2).to_be_bytes());
    pdu.extend_from_slice(&[context, control]);
    pdu.extend_from_slice(data);
    pdu
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_outlives_every_kind_of_broken_pdu() {
    let ours = listening(8).await;
    let with = |tail: Vec<u8>| [request(), tail].concat();
    let mut store = Vec::new();
    for (element, value) in [
        (0x0002_u16, b"1.2.840.10008.5.1.4.1.1.2\0".to_vec()),
        (0x0100, vec![1, 0]),
        (0x0110, vec![1, 0]),
        (0x0800, vec![1, 0]),
        (0x1000, b"../../etc/x\0".to_vec()),
    ] {
        store.extend_from_slice(&[0, 0]);
        store.extend_from_slice(&element.to_le_bytes());
        store.extend_from_slice(&(value.len() as u32).to_le_bytes());
        store.extend(value);
    }
    let attacks = [
        vec![4, 0, 0xFF, 0xFF, 0xFF, 0xFF],
        vec![1, 0, 0x7F, 0xFF, 0xFF, 0xFF],
        vec![1, 0, 0, 0, 0, 4, 0, 1, 0, 0],
        vec![9; 64],
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        vec![5, 0, 0, 0, 0, 4, 0, 0, 0, 0],
        with(vec![4, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
        with(vec![2, 0, 0, 0, 0, 4, 0, 0, 0, 0]),
        with(vec![4, 0, 0, 0, 0, 6, 0xFF, 0xFF, 0xFF, 0xFF, 1, 3]),
        with(vec![4, 0, 0, 0, 0, 3, 0, 0, 0]),
        with(pdata(99, 3, &[0; 20])),
        with(pdata(1, 3, &[0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF])),
        with(pdata(1, 2, b"data before any command")),
        // A path where a UID must stand.
        with([pdata(3, 3, &store), pdata(3, 2, b"object")].concat()),
        // A command that never ends.
        with((0..100).flat_map(|_| pdata(1, 1, &[0; 1000])).collect()),
    ];
    for (index, attack) in attacks.iter().enumerate() {
        let (_, took) = send_raw(ours.port, attack).await;
        assert!(took < Duration::from_secs(5), "attack {index} held the listener for {took:?}");
    }
    medsight_pacs::echo(&node("WORKSTATION", ours.port), &CancellationToken::new()).await.unwrap();
    assert!(ours.sink.files.lock().unwrap().is_empty());
    ours.stop.cancel();
    drop(ours.events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_says_nothing_is_let_go() {
    let ours = listening(8).await;
    for said in [Vec::new(), request()[..30].to_vec(), request()] {
        let (_, took) = send_raw(ours.port, &said).await;
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
    ours.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_associations_than_allowed_are_turned_away_for_now() {
    let ours = listening(1).await;
    let mut first = TcpStream::connect(("127.0.0.1", ours.port)).await.unwrap();
    first.write_all(&request()).await.unwrap();
    let mut kind = [0; 1];
    first.read_exact(&mut kind).await.unwrap();
    assert_eq!(kind, [2], "the first association was accepted");
    let error =
        medsight_pacs::echo(&node("WORKSTATION", ours.port), &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, NetError::Rejected { permanent: false, .. }), "{error}");
    drop(first);
    ours.stop.cancel();
}

/// A server that answers every connection with the same bytes.
async fn http_server(answer: &'static [u8]) -> WebClient {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut asked = vec![0; 16 << 10];
                let _asked = stream.read(&mut asked).await;
                let _gone = stream.write_all(answer).await;
            });
        }
    });
    let url = format!("http://127.0.0.1:{port}/dicom-web");
    WebClient::new(&Web { url, tls: None, connect_s: 2, answer_s: 2 }, Auth::None).unwrap()
}

fn one() -> Wanted {
    Wanted { study: "1.2".into(), series: Some("1.2.3".into()), instances: vec!["1.2.3.4".into()] }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_never_passes_for_a_whole_object() {
    let cut_off = http_server(
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/related; boundary=b\r\nConnection: close\r\n\r\n--b\r\n\r\nhalf",
    )
    .await;
    let cancel = CancellationToken::new();
    let mut frames = 0;
    let error = cut_off.frames(&one(), &[1], &cancel, |_| frames += 1).await.unwrap_err();
    assert!(matches!(error, NetError::Lost(_)) && frames == 0, "{error}");

    let not_json = http_server(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ht>").await;
    let query = WebQuery { level: Level::Study, study: None, series: None, keys: Keys::new(), limit: 5 };
    assert!(matches!(not_json.search(&query, &cancel).await, Err(NetError::Protocol(_))));

    let silent = http_server(b"").await;
    let begun = Instant::now();
    assert!(silent.search(&query, &cancel).await.unwrap_err().is_unreachable());
    assert!(begun.elapsed() < Duration::from_secs(5));

    let elsewhere = silent.bulk("http://evil.test/secret", &cancel).await.unwrap_err();
    assert!(matches!(elsewhere, NetError::Protocol(_)), "{elsewhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_names_an_object_it_never_gives_ends_in_a_list_of_what_is_missing() {
    // Every question gets the same row, a retrieval too.
    let server = http_server(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nContent-Length: 126\r\nConnection: close\r\n\r\n\
          [{\"00080018\":{\"vr\":\"UI\",\"Value\":[\"1.2.3.4\"]},\"0020000E\":{\"vr\":\"UI\",\"Value\":[\"1.2.3\"]},\"0020000D\":{\"vr\":\"UI\",\"Value\":[\"1.2\"]}}]",
    )
    .await;
    let retrieval = Retrieval {
        remote: Remote::Web(server),
        studies: vec![("1.2".into(), Urgency::Open)],
        slots: medsight_pacs::Slots::new(5),
        patience: Patience { retry_for: Duration::from_secs(2) },
    };
    let sink = Arc::new(MemorySink::default());
    let report = retrieval.run(&Arc::new(Plan::new()), sink, &CancellationToken::new(), |_| {}).await;
    assert!(report.error.is_some());
    assert_eq!(report.missing, ["1.2.3.4"]);
}

/// A server that answers the first connection with these bytes, and what it was asked.
async fn one_answer(answer: String) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 16 << 10];
        let read = stream.read(&mut asked).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&asked[..read]).to_ascii_lowercase()
    });
    (port, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_sends_us_elsewhere_does_not_get_the_token_there() {
    // ICSMA-26-176-02: a token that goes to a server which somebody else chose.
    let nothing = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n".to_owned();
    let (elsewhere, got_there) = one_answer(nothing).await;
    let moved = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{elsewhere}/studies\r\nContent-Length: 0\r\n\r\n"
    );
    let (port, got_here) = one_answer(moved).await;
    let url = format!("http://127.0.0.1:{port}/dicom-web");
    let auth = Auth::Bearer("s3cret".to_owned().into());
    let client = WebClient::new(&Web { url, tls: None, connect_s: 2, answer_s: 2 }, auth).unwrap();
    let query = WebQuery { level: Level::Study, study: None, series: None, keys: Keys::new(), limit: 5 };
    let _rows = client.search(&query, &CancellationToken::new()).await;
    assert!(got_here.await.unwrap().contains("authorization: bearer s3cret"));
    let there = tokio::time::timeout(Duration::from_secs(3), got_there).await;
    assert!(there.is_err() || !there.unwrap().unwrap().contains("s3cret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_is_no_archive_to_ask_or_fetch_from() {
    // CVE-2026-10194: the query and retrieve services of a listener. Ours has none.
    let ours = listening(2).await;
    let to = node("WORKSTATION", ours.port);
    let query = medsight_pacs::Query::new(Level::Study, Keys::new());
    let cancel = CancellationToken::new();
    let found = medsight_pacs::find(&to, &query, &cancel, |_| true).await;
    assert!(matches!(found, Err(NetError::NotOffered(_))), "{found:?}");
    let moved = medsight_pacs::move_to(&to, &Wanted::study("1.2"), "WORKSTATION", &cancel, |_| {}).await;
    assert!(matches!(moved.error, Some(NetError::NotOffered(_))), "{:?}", moved.error);
    ours.stop.cancel();
}
