//! As much HTTP/1.1 as a WebDriver session on this machine needs: one request a connection, JSON both ways.
//!
//! `Connection: close` is never sent: the driver passes it on to the browser's own driver, and then stumbles over the
//! connection that it keeps for the next request.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A port of the loopback interface that nobody uses now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Sends a request and returns the `value` of the answer (W3C WebDriver, 6.3 to 6.6).
pub(crate) fn request(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("the driver does not listen")?;
    stream.set_read_timeout(Some(Duration::from_secs(90)))?;
    let body = body.map_or_else(String::new, Value::to_string);
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let answer = whole_answer(&mut stream).context("the driver broke off")?;
    let value = parse(&answer).with_context(|| format!("{method} {path}"))?;
    if let Some(error) = value["value"]["error"].as_str() {
        bail!("{error}: {}", value["value"]["message"].as_str().unwrap_or_default());
    }
    Ok(value["value"].clone())
}

/// An answer of a web server, its names of headers in small letters.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

/// Loads a page of this machine without TLS, or sends a form to it. Redirects are not followed.
pub(crate) fn page(url: &str, form: Option<&str>, cookies: &str) -> Result<Answer> {
    let rest = url.strip_prefix("http://").with_context(|| format!("not of this machine: {url}"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.split('#').next().unwrap_or_default();
    let mut stream = TcpStream::connect(host).with_context(|| format!("nobody listens at {host}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let method = if form.is_some() { "POST" } else { "GET" };
    let body = form.unwrap_or_default();
    let head = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {cookies}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let at = answer.windows(4).position(|w| w == b"\r\n\r\n").context("no end of the header")?;
    let head = String::from_utf8_lossy(&answer[..at]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?.parse()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if is_chunked { unchunked(&answer[at + 4..])? } else { answer[at + 4..].to_vec() };
    Ok(Answer { status, headers, text: String::from_utf8_lossy(&body).into_owned() })
}

/// Asks a server by curl, which shares no code with the programs under test: status and JSON of the answer.
pub(crate) fn curl(method: &str, url: &str, more: &[&str], body: Option<&Value>) -> Result<(u16, Value)> {
    let mut command = Command::new("curl");
    command.args(["-s", "-X", method, "-w", "\n%{http_code}", "--max-time", "30"]).args(more);
    if let Some(body) = body {
        command.args(["--data-binary", &body.to_string()]);
    }
    let output = command.arg(url).stdin(Stdio::null()).output().context("curl is not installed")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').context("no answer")?;
    Ok((status.trim().parse()?, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// Reads until the length that the header names is there, or the last chunk.
fn whole_answer(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let (mut answer, mut piece) = (Vec::new(), [0_u8; 16 << 10]);
    while !complete(&answer) {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..count]);
    }
    Ok(answer)
}

fn complete(answer: &[u8]) -> bool {
    let Some(at) = answer.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..at]).to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    match length {
        Some(length) => answer.len() >= at + 4 + length,
        None => answer.ends_with(b"0\r\n\r\n"),
    }
}

fn parse(answer: &[u8]) -> Result<Value> {
    let at = answer.windows(4).position(|w| w == b"\r\n\r\n").context("no end of the header")?;
    let head = String::from_utf8_lossy(&answer[..at]).to_ascii_lowercase();
    let body = &answer[at + 4..];
    if head.contains("transfer-encoding: chunked") {
        return Ok(serde_json::from_slice(&unchunked(body)?)?);
    }
    Ok(serde_json::from_slice(body)?)
}

/// Joins the pieces of a chunked body (RFC 9112, 7.1).
fn unchunked(mut body: &[u8]) -> Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let at = body.windows(2).position(|w| w == b"\r\n").context("no size of a chunk")?;
        let size = usize::from_str_radix(std::str::from_utf8(&body[..at])?.trim(), 16)?;
        if size == 0 {
            return Ok(whole);
        }
        whole.extend_from_slice(body.get(at + 2..at + 2 + size).context("a chunk is cut off")?);
        body = body.get(at + 4 + size..).context("a chunk is cut off")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_pieces_is_the_same_as_one_in_one_piece() {
        let whole = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"value\":7}").expect("whole");
        let pieces =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"val\r\n6\r\nue\":7}\r\n0\r\n\r\n";
        assert_eq!(parse(pieces).expect("pieces"), whole);
    }
}
