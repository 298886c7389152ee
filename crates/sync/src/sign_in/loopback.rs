//! Where the browser brings the provider's answer: a socket on this computer's loopback address, open for one sign-in and
//! closed after its answer (RFC 8252 7.3). The one file of the crate that listens; `cargo xtask tidy` holds it to that.
//!
//! Whatever else comes to the port is answered with an error and changes nothing: another program or a web page can
//! neither end a sign-in nor bring an answer to it, as neither knows its state.

use super::SignInError;
use reqwest::Url;
use ring::digest::{SHA256, digest};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

/// The path that is registered with the provider.
const PATH: &str = "/callback";
/// A browser's request head is shorter.
const MOST_HEAD: usize = 16 << 10;
const HEAD_PATIENCE: Duration = Duration::from_secs(5);

/// What the browser shows when it has brought the answer: one line each, in the person's language.
#[derive(Clone, Debug)]
pub struct Pages {
    /// Title of the page.
    pub title: String,
    /// It worked so far; the window can be closed.
    pub done: String,
    /// The provider refused.
    pub refused: String,
}

/// The open socket.
#[derive(Debug)]
pub(super) struct Loopback {
    listener: TcpListener,
    at: SocketAddr,
}

/// The provider's answer, by way of the browser.
pub(super) struct Brought {
    pub(super) code: Result<Zeroizing<String>, String>,
    pub(super) issuer: Option<String>,
}

impl Loopback {
    /// Opens the socket, on IPv4 or, on a computer without it, on IPv6.
    pub(super) async fn open(port: Option<u16>) -> Result<Self, SignInError> {
        let port = port.unwrap_or(0);
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Err(why) if why.kind() == std::io::ErrorKind::AddrNotAvailable => {
                TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await
            }
            bound => bound,
        };
        let failed = |why: std::io::Error| SignInError::Loopback(why.kind().to_string());
        let listener = listener.map_err(failed)?;
        let at = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, at })
    }

    pub(super) fn redirect_uri(&self) -> String {
        format!("http://{}{PATH}", self.at)
    }

    /// Waits for the answer to the question with this state, and closes the socket.
    pub(super) async fn answer(self, state: &str, pages: &Pages) -> Result<Brought, SignInError> {
        loop {
            let Ok((mut stream, from)) = self.listener.accept().await else {
                // Out of file handles, perhaps; the next one may do.
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            };
            if !from.ip().is_loopback() {
                continue;
            }
            // One after the other: a browser opens connections that it does not use, and each waits no longer than this.
            let head = tokio::time::timeout(HEAD_PATIENCE, head(&mut stream)).await.ok().flatten();
            let Some(head) = head else { continue };
            match brought(&head, self.at, state) {
                Some(answer) => {
                    let text = if answer.code.is_ok() { &pages.done } else { &pages.refused };
                    reply(&mut stream, "200 OK", &page(&pages.title, text)).await;
                    return Ok(answer);
                }
                None => reply(&mut stream, "404 Not Found", "").await,
            }
        }
    }
}

/// The head of a request, up to its empty line.
async fn head(stream: &mut TcpStream) -> Option<Zeroizing<String>> {
    let mut head = Zeroizing::new(Vec::with_capacity(MOST_HEAD));
    let mut piece = Zeroizing::new([0u8; 2048]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut *piece).await.ok().filter(|count| *count > 0)?;
        if head.len() + count > MOST_HEAD {
            return None;
        }
        head.extend_from_slice(&piece[..count]);
    }
    std::str::from_utf8(&head).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// The answer in a request, if it is one: a GET of the path, to this address by its number (a name could be anybody's,
/// by DNS rebinding), with the state of the question, and each part once.
fn brought(head: &str, at: SocketAddr, state: &str) -> Option<Brought> {
    let mut lines = head.split("\r\n");
    let target = lines.next()?.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
    let hosts: Vec<&str> = lines
        .filter_map(|line| line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("host")))
        .map(|(_, value)| value.trim())
        .collect();
    if hosts != [at.to_string()] || !target.starts_with('/') {
        return None;
    }
    let url = Url::parse(&format!("http://{at}{target}")).ok().filter(|url| url.path() == PATH)?;
    let one = |name: &str| {
        let mut found = url.query_pairs().filter(|(key, _)| key == name);
        let first = found.next()?.1.into_owned();
        found.next().is_none().then_some(first)
    };
    // Hashes are compared, so that the time it takes tells nothing of how much of a guess was right.
    let hash = |text: &str| digest(&SHA256, text.as_bytes());
    if hash(&one("state")?).as_ref() != hash(state).as_ref() {
        return None;
    }
    let code = match (one("code"), one("error")) {
        (Some(code), None) => Ok(Zeroizing::new(code)),
        (None, Some(error)) => Err(error),
        _ => return None,
    };
    Some(Brought { code, issuer: one("iss") })
}

/// Nothing of the request is repeated in the page, and it loads nothing.
fn page(title: &str, text: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let (title, text) = (escaped(title), escaped(text));
    format!("<!doctype html><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1><p>{text}</p>")
}

async fn reply(stream: &mut TcpStream, status: &str, body: &str) {
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\r\n{body}",
        body.len()
    );
    // A browser that has gone has brought its answer all the same.
    let _ = tokio::time::timeout(HEAD_PATIENCE, async {
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 4711))
    }

    fn code(request: &str, host: &str) -> Option<String> {
        let head = format!("{request} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        brought(&head, at(), "right").map(|b| b.code.map_or_else(|e| e, |code| code.to_string()))
    }

    #[test]
    fn only_the_answer_to_this_question_is_taken() {
        let here = "127.0.0.1:4711";
        assert_eq!(code("GET /callback?code=a%2Bb&state=right", here).as_deref(), Some("a+b"));
        assert_eq!(
            code("GET /callback?error=access_denied&state=right", here).as_deref(),
            Some("access_denied")
        );
        for (request, host) in [
            ("GET /callback?code=c&state=wrong", here),
            ("GET /callback?code=c", here),
            ("GET /callback?code=c&code=d&state=right", here),
            ("GET /callback?code=c&state=right&state=wrong", here),
            ("GET /callback?code=c&error=e&state=right", here),
            ("GET /elsewhere?code=c&state=right", here),
            ("POST /callback?code=c&state=right", here),
            ("GET http://evil.example/callback?code=c&state=right", here),
            ("GET /callback?code=c&state=right", "evil.example:4711"),
            ("GET /callback?code=c&state=right", "localhost:4711"),
        ] {
            assert_eq!(code(request, host), None, "{request} {host}");
        }
    }

    #[test]
    fn the_page_in_the_browser_runs_nothing() {
        let text = page("MedSight", "<script>alert(1)</script>");
        assert!(!text.contains("<script>"));
    }
}
