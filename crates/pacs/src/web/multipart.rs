//! `multipart/related` as it arrives (RFC 2046 5.1, RFC 2387; PS3.18 8.6): parts in pieces, nothing buffered.
//!
//! Fed with what the network brings, it gives headers and pieces of bodies. It holds back no more than the length
//! of a boundary, and headers up to a limit. A body that ends without its last boundary is an error: an object
//! that was cut off must not pass for a whole one.

use crate::NetError;
use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

/// Longest headers of a part, and most that stands before the first boundary.
const MAX_HEADERS: usize = 16 << 10;
/// RFC 2046: at most 70 characters.
const MAX_BOUNDARY: usize = 70;

/// What the parser found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A part begins, with these headers; names in lower case.
    Part(Vec<(String, String)>),
    /// A piece of its body.
    Data(Bytes),
    /// It is whole.
    PartEnd,
    /// The last boundary was there.
    End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    Boundary,
    Headers,
    Body,
    Done,
}

/// The parser.
pub(crate) struct Multipart {
    /// CR LF, two hyphens and the boundary.
    delimiter: Vec<u8>,
    held: BytesMut,
    state: State,
}

impl Multipart {
    /// For a response of this media type.
    ///
    /// # Errors
    /// When it is none of several parts, or names no boundary.
    pub(crate) fn new(content_type: &str) -> Result<Self, NetError> {
        let is_multipart = content_type.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/"));
        let boundary = parameter(content_type, "boundary").filter(|_| is_multipart);
        let boundary = boundary.filter(|b| !b.is_empty() && b.len() <= MAX_BOUNDARY);
        let Some(boundary) = boundary else {
            return Err(NetError::malformed("a response that is not multipart or names no boundary"));
        };
        // The first boundary may stand at the very beginning: as if a line had ended before it.
        let (delimiter, held) = (format!("\r\n--{boundary}").into_bytes(), BytesMut::from("\r\n"));
        Ok(Self { delimiter, held, state: State::Preamble })
    }

    /// Adds what the network brought.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.state != State::Done {
            self.held.extend_from_slice(bytes);
        }
    }

    /// The next event; `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`NetError::Protocol`].
    pub(crate) fn next(&mut self) -> Result<Option<Event>, NetError> {
        loop {
            match self.state {
                State::Done => return Ok(None),
                State::Preamble => match memmem::find(&self.held, &self.delimiter) {
                    Some(at) => {
                        self.held.advance(at + self.delimiter.len());
                        self.state = State::Boundary;
                    }
                    None if self.held.len() > MAX_HEADERS => {
                        return Err(NetError::malformed("a multipart response without its boundary"));
                    }
                    None => return Ok(None),
                },
                State::Boundary => {
                    if self.held.starts_with(b"--") {
                        self.state = State::Done;
                        self.held.clear();
                        return Ok(Some(Event::End));
                    }
                    let blank = self.held.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
                    match self.held.get(blank..blank + 2) {
                        Some(b"\r\n") => {
                            self.held.advance(blank);
                            self.state = State::Headers;
                        }
                        None if self.held.len() < MAX_HEADERS => return Ok(None),
                        _ => return Err(NetError::malformed("a multipart boundary that goes on")),
                    }
                }
                State::Headers => {
                    // From the line end of the boundary, so that a part without headers has its empty line too.
                    let Some(end) = memmem::find(&self.held, b"\r\n\r\n") else {
                        if self.held.len() > MAX_HEADERS {
                            return Err(NetError::malformed("a part with headers that do not end"));
                        }
                        return Ok(None);
                    };
                    let headers = headers(&self.held[..end]);
                    self.held.advance(end + 4);
                    self.state = State::Body;
                    return Ok(Some(Event::Part(headers)));
                }
                State::Body => {
                    if let Some(at) = memmem::find(&self.held, &self.delimiter) {
                        if at > 0 {
                            return Ok(Some(Event::Data(self.held.split_to(at).freeze())));
                        }
                        self.held.advance(self.delimiter.len());
                        self.state = State::Boundary;
                        return Ok(Some(Event::PartEnd));
                    }
                    // The end of what is there may be the beginning of a boundary.
                    let safe = self.held.len().saturating_sub(self.delimiter.len() - 1);
                    if safe == 0 {
                        return Ok(None);
                    }
                    return Ok(Some(Event::Data(self.held.split_to(safe).freeze())));
                }
            }
        }
    }

    /// Whether the last boundary was there.
    pub(crate) fn is_complete(&self) -> bool {
        self.state == State::Done
    }
}

fn headers(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split("\r\n").filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect()
}

/// A parameter of a media type. Quotes may stand in the wrong place, as Orthanc's do
/// (`type="image/jls; transfer-syntax=…"`), so they only count around the boundary.
pub(crate) fn parameter<'t>(media_type: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = media_type;
    while let Some((_, behind)) = rest.split_once(';') {
        let behind = behind.trim_start();
        if let Some((key, value)) = behind.split_once('=') {
            if key.trim().eq_ignore_ascii_case(name) {
                let value = value.trim_start();
                return match value.strip_prefix('"') {
                    Some(quoted) => quoted.split('"').next(),
                    None => value.split(';').next().map(|v| v.trim().trim_matches('"')),
                };
            }
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_bytes::parts;

    const TYPE: &str = "multipart/related; type=\"application/dicom\"; boundary=\"b1\"";

    #[test]
    fn parts_come_out_the_same_in_whatever_pieces_they_arrive() {
        let body = b"before\r\n--b1\r\nContent-Type: application/dicom\r\n\r\none\r\n--b\r\n\r\n--b1\r\n\r\n\r\n--b1--\r\nafter";
        for step in 1..=body.len() {
            let (found, whole) = parts(TYPE, body, step).unwrap();
            assert_eq!(found, [b"one\r\n--b\r\n".to_vec(), Vec::new()], "in steps of {step}");
            assert!(whole);
        }
    }

    #[test]
    fn a_response_that_is_cut_off_is_not_whole() {
        let (found, whole) = parts(TYPE, b"--b1\r\n\r\none\r\n--b1\r\n\r\ntw", 5).unwrap();
        assert_eq!((found.len(), whole), (1, false));
    }

    #[test]
    fn headers_without_end_are_refused_and_not_gathered() {
        let mut body = b"--b1\r\n".to_vec();
        body.resize(1 << 20, b'x');
        assert!(parts(TYPE, &body, 4096).is_err());
        assert!(parts(TYPE, &vec![b'x'; 1 << 20], 4096).is_err());
        assert!(parts("multipart/related", b"", 1).is_err());
        assert!(parts("application/dicom", b"", 1).is_err());
    }

    #[test]
    fn a_quote_in_the_wrong_place_does_not_hide_the_transfer_syntax() {
        let orthanc =
            "multipart/related; type=\"image/jls; transfer-syntax=1.2.840.10008.1.2.4.80\"; boundary=x-1";
        assert_eq!(parameter(orthanc, "transfer-syntax"), Some("1.2.840.10008.1.2.4.80"));
        assert_eq!(parameter(orthanc, "boundary"), Some("x-1"));
        assert_eq!(parameter("a/b; Boundary = \"q;w\" ; c=d", "boundary"), Some("q;w"));
    }
}
