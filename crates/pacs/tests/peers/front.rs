//! A server before Orthanc that wants a bearer token, as a hospital's gateway does; Orthanc itself knows only HTTP
//! Basic. It answers 401 to everything else and counts both.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What came to it.
#[derive(Debug, Default)]
pub struct Asked {
    with_token: AtomicUsize,
    refused: AtomicUsize,
}

impl Asked {
    pub fn with_token(&self) -> usize {
        self.with_token.load(Ordering::SeqCst)
    }

    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}

/// Listens until the test ends. Gives its port.
pub fn bearer_front(token: &str, orthanc_http: u16) -> (u16, Arc<Asked>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, wanted) = (Arc::new(Asked::default()), format!("bearer {token}"));
    let counts = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (counts, wanted) = (counts.clone(), wanted.clone());
            // A client that goes away in the middle is its own affair.
            std::thread::spawn(move || drop(pass(stream, &wanted, orthanc_http, &counts)));
        }
    });
    (port, asked)
}

/// One request a connection: the answer ends with it.
fn pass(mut client: TcpStream, wanted: &str, orthanc_http: u16, asked: &Asked) -> std::io::Result<()> {
    let text = head_of(&mut client)?;
    let mut lines = text.trim_end().split("\r\n");
    let mut forwarded = vec![lines.next().unwrap_or_default().to_owned()];
    let mut is_known = false;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name.to_ascii_lowercase().as_str() {
            "authorization" => is_known = value.trim().eq_ignore_ascii_case(wanted),
            "connection" => {}
            _ => forwarded.push(line.to_owned()),
        }
    }
    if !is_known {
        asked.refused.fetch_add(1, Ordering::SeqCst);
        return client.write_all(
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    }
    asked.with_token.fetch_add(1, Ordering::SeqCst);
    // `peer:peer-test-only`, Orthanc's own.
    forwarded.push("Authorization: Basic cGVlcjpwZWVyLXRlc3Qtb25seQ==".to_owned());
    forwarded.push("Connection: close".to_owned());
    let mut server = TcpStream::connect(("127.0.0.1", orthanc_http))?;
    server.write_all(format!("{}\r\n\r\n", forwarded.join("\r\n")).as_bytes())?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    // The client must not keep a connection that ends here.
    let answer = head_of(&mut server)?;
    let kept = answer.trim_end().split("\r\n").filter(|line| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !matches!(name.as_str(), "connection" | "keep-alive")
    });
    let kept: Vec<&str> = kept.chain(["Connection: close"]).collect();
    client.write_all(format!("{}\r\n\r\n", kept.join("\r\n")).as_bytes())?;
    std::io::copy(&mut server, &mut client)?;
    client.shutdown(std::net::Shutdown::Both)
}

fn head_of(stream: &mut TcpStream) -> std::io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
