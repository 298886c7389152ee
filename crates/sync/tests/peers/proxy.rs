//! What stands between a client and a server and does what networks do: cuts, loses answers, is busy, hangs.
//!
//! One request a connection. Each request is told to a plan, which says what is to happen to it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection ends before anything is read.
    Gone,
    /// Half of the request goes on, then the connection ends.
    CutRequest,
    /// The server does it; its answer is lost.
    LoseAnswer,
    /// The server does it; half of its answer arrives.
    HalfAnswer,
    /// The proxy answers this status itself, and asks for as many seconds.
    Status(u16, u64),
    /// Nothing comes for this long, then the connection ends. The server has done it.
    Hang(Duration),
}

type Plan = dyn Fn(&str) -> Fault + Send + Sync;

/// A proxy; it listens until the test program ends.
pub struct Proxy {
    pub port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Before `server_port`. `plan` sees the first line and headers of each request.
    pub fn before(server_port: u16, plan: impl Fn(&str) -> Fault + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, plan): (_, Arc<Plan>) = (Arc::clone(&requests), Arc::new(plan));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (seen, plan) = (Arc::clone(&seen), Arc::clone(&plan));
                // A client that goes away is its own affair.
                std::thread::spawn(move || drop(pass(client, server_port, &seen, &*plan)));
            }
        });
        Self { port, requests }
    }

    /// First line and headers of each request so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn pass(
    mut client: TcpStream,
    server_port: u16,
    seen: &Mutex<Vec<String>>,
    plan: &Plan,
) -> std::io::Result<()> {
    let Some((head, body)) = read_message(&mut client)? else { return Ok(()) };
    seen.lock().unwrap().push(head.clone());
    let fault = plan(&head);
    match fault {
        Fault::Gone => return client.shutdown(Shutdown::Both),
        Fault::Status(status, seconds) => {
            let answer = format!(
                "HTTP/1.1 {status} Told\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            return client.write_all(answer.as_bytes());
        }
        _ => {}
    }
    let mut server = TcpStream::connect(("127.0.0.1", server_port))?;
    let mut lines: Vec<&str> = head.trim_end().split("\r\n").collect();
    lines.retain(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    lines.push("Connection: close");
    let mut request = format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
    request.extend_from_slice(&body);
    if fault == Fault::CutRequest {
        server.write_all(&request[..request.len() / 2])?;
        server.shutdown(Shutdown::Both)?;
        return client.shutdown(Shutdown::Both);
    }
    server.write_all(&request)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    match fault {
        Fault::LoseAnswer => {}
        Fault::HalfAnswer => client.write_all(&answer[..answer.len() / 2])?,
        Fault::Hang(time) => std::thread::sleep(time),
        _ => client.write_all(&answer)?,
    }
    client.shutdown(Shutdown::Both)
}

/// Head and body of a request, by Content-Length.
fn read_message(stream: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 65_536];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned))
                .and_then(|value| value.trim().parse().ok())
                .unwrap_or(0_usize);
            while bytes.len() < end + 4 + length {
                let read = stream.read(&mut piece)?;
                if read == 0 {
                    return Ok(None);
                }
                bytes.extend_from_slice(&piece[..read]);
            }
            return Ok(Some((head, bytes[end + 4..end + 4 + length].to_vec())));
        }
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece[..read]);
    }
}
