//! A FHIR server that answers as a test says: with whatever, to whatever. One request a connection.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// What it answers: everything behind the status line, or raw bytes that end anywhere.
#[derive(Clone)]
pub enum Said {
    /// Status, further headers (each with its line end), body.
    Answer(u16, String, String),
    /// These bytes, and the connection ends.
    Raw(Vec<u8>),
}

/// Listens until the test program ends.
pub struct Fake {
    pub port: u16,
    /// First line and headers of each request.
    pub asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// `answers` sees the target of the request (`/fhir/Task?…`) and all of its head.
    pub fn start(answers: impl Fn(&str, &str) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, answers) = (Arc::clone(&asked), Arc::new(answers));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
                std::thread::spawn(move || {
                    let mut head = String::new();
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while reader.read_line(&mut head).is_ok_and(|bytes| bytes > 2) {}
                    seen.lock().unwrap().push(head.clone());
                    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    let bytes = match answers(&target, &head) {
                        Said::Raw(bytes) => bytes,
                        Said::Answer(status, headers, body) => format!(
                            "HTTP/1.1 {status} Said\r\nContent-Type: application/fhir+json\r\nContent-Length: {}\r\n\
                             Connection: close\r\n{headers}\r\n{body}",
                            body.len()
                        )
                        .into_bytes(),
                    };
                    // A client that went away is its own affair.
                    let _unheard = stream.write_all(&bytes);
                });
            }
        });
        Self { port, asked }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/fhir", self.port)
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}
