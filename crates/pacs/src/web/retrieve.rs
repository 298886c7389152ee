//! WADO-RS (PS3.18 10.4): instances, frames, bulk data and rendered images.
//!
//! Everything is asked for as it is stored (`transfer-syntax=*`), and comes in pieces: an instance is handed to
//! its sink, and a frame to its caller, as soon as its part is whole.

use super::multipart::{Event, Multipart, parameter};
use super::{WebClient, checked, content_type};
use crate::error::Breach;
use crate::fetch::LARGEST_OBJECT;
use crate::part10;
use crate::sink::{Arrival, Keeper};
use crate::{NetError, Wanted};
use bytes::Bytes;
use reqwest::{Method, Response};
use tokio_util::sync::CancellationToken;

/// Longest frame or bulk value, in bytes.
const LARGEST_FRAME: u64 = 2 << 30;
/// Longest rendered image, in bytes.
const LARGEST_RENDERED: u64 = 256 << 20;

/// One frame as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its number, from 1.
    pub number: u32,
    /// Media type of its bytes.
    pub media_type: String,
    /// Transfer syntax, where the server says it.
    pub transfer_syntax: Option<String>,
    /// The bytes.
    pub bytes: Bytes,
}

/// An image that the server drew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Media type of its bytes.
    pub media_type: String,
    /// The bytes.
    pub bytes: Bytes,
}

/// `studies/…`, `studies/…/series/…` or `studies/…/series/…/instances/…`.
pub(super) fn path_of(wanted: &Wanted) -> Result<String, NetError> {
    let mut path = format!("studies/{}", checked(&wanted.study)?);
    if let Some(series) = &wanted.series {
        path += &format!("/series/{}", checked(series)?);
        match wanted.instances.as_slice() {
            [] => {}
            [one] => path += &format!("/instances/{}", checked(one)?),
            _ => return Err(NetError::Settings("one request names one instance".to_owned())),
        }
    }
    Ok(path)
}

impl WebClient {
    /// Brings a study, a series or one instance to the keeper; the number of instances handed over.
    pub(crate) async fn instances(
        &self,
        wanted: &Wanted,
        keeper: &Keeper,
        cancel: &CancellationToken,
    ) -> Result<u64, NetError> {
        let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
        let url = self.resource(&path_of(wanted)?)?;
        let response = self.send(self.request(Method::GET, url, accept)?, "WADO-RS", cancel).await?;
        let from = self.base.host_str().unwrap_or_default().to_owned();
        let mut count = 0;
        let mut parts = Parts::new(self, response)?;
        while let Some((_, file)) = parts.next(LARGEST_OBJECT, cancel).await? {
            let (name, _) = part10::name_of(&file)?;
            keeper.push(Arrival { name, file, from: from.clone() }).await?;
            count += 1;
        }
        Ok(count)
    }

    /// Brings frames of one instance, as stored. `each` gets every frame when it is whole.
    ///
    /// # Errors
    /// [`NetError`].
    pub async fn frames(
        &self,
        wanted: &Wanted,
        numbers: &[u32],
        cancel: &CancellationToken,
        mut each: impl FnMut(Frame),
    ) -> Result<(), NetError> {
        let list = numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let url = self.resource(&format!("{}/frames/{list}", path_of(wanted)?))?;
        let accept = "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*";
        let response = self.send(self.request(Method::GET, url, accept)?, "WADO-RS frames", cancel).await?;
        let whole = content_type(&response);
        let mut parts = Parts::new(self, response)?;
        let mut wanted = numbers.iter();
        while let Some((media_type, bytes)) = parts.next(LARGEST_FRAME, cancel).await? {
            let Some(number) = wanted.next() else {
                return Err(NetError::malformed("more frames than were asked for"));
            };
            let transfer_syntax = parameter(&media_type, "transfer-syntax")
                .or_else(|| parameter(&whole, "transfer-syntax"))
                .map(str::to_owned);
            let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
            each(Frame { number: *number, media_type, transfer_syntax, bytes: bytes.into() });
        }
        if wanted.next().is_some() {
            Err(NetError::malformed("fewer frames than were asked for"))
        } else {
            Ok(())
        }
    }

    /// A bulk value by the URI that metadata named. URIs of other servers are refused: they were chosen by the peer.
    ///
    /// # Errors
    /// [`NetError`].
    pub async fn bulk(&self, uri: &str, cancel: &CancellationToken) -> Result<Bytes, NetError> {
        let url = self.resource(uri)?;
        if url.origin() != self.base.origin() {
            return Err(NetError::malformed("a bulk data URI on another server"));
        }
        let accept = "multipart/related; type=\"application/octet-stream\", application/octet-stream";
        let response =
            self.send(self.request(Method::GET, url, accept)?, "WADO-RS bulk data", cancel).await?;
        if !content_type(&response).to_ascii_lowercase().starts_with("multipart/") {
            return self.body(response, LARGEST_FRAME, cancel).await;
        }
        let mut parts = Parts::new(self, response)?;
        match parts.next(LARGEST_FRAME, cancel).await? {
            Some((_, bytes)) => Ok(bytes.into()),
            None => Err(NetError::malformed("bulk data without a part")),
        }
    }

    /// An image drawn by the server (PS3.18 10.4.1.1.3): for a preview, never for reading.
    ///
    /// # Errors
    /// [`NetError`].
    pub async fn rendered(
        &self,
        wanted: &Wanted,
        frame: Option<u32>,
        media_type: &str,
        cancel: &CancellationToken,
    ) -> Result<Rendered, NetError> {
        let path = match frame {
            Some(frame) => format!("{}/frames/{frame}/rendered", path_of(wanted)?),
            None => format!("{}/rendered", path_of(wanted)?),
        };
        let request = self.request(Method::GET, self.resource(&path)?, media_type)?;
        let response = self.send(request, "WADO-RS rendered", cancel).await?;
        let media_type = content_type(&response);
        Ok(Rendered { media_type, bytes: self.body(response, LARGEST_RENDERED, cancel).await? })
    }
}

/// The parts of an answer, one after the other.
struct Parts<'c> {
    client: &'c WebClient,
    response: Response,
    parser: Multipart,
}

impl<'c> Parts<'c> {
    fn new(client: &'c WebClient, response: Response) -> Result<Self, NetError> {
        let parser = Multipart::new(&content_type(&response))?;
        Ok(Self { client, response, parser })
    }

    /// The next part's media type and bytes; `None` behind the last boundary.
    async fn next(
        &mut self,
        most: u64,
        cancel: &CancellationToken,
    ) -> Result<Option<(String, Vec<u8>)>, NetError> {
        let (mut media_type, mut body) = (String::new(), Vec::new());
        loop {
            match self.parser.next()? {
                Some(Event::Part(headers)) => {
                    let found = headers.into_iter().find(|(name, _)| name == "content-type");
                    media_type = found.map(|(_, value)| value).unwrap_or_default();
                }
                Some(Event::Data(data)) => {
                    if (body.len() + data.len()) as u64 > most {
                        return Err(NetError::Protocol(Breach::TooLarge(most)));
                    }
                    body.extend_from_slice(&data);
                }
                Some(Event::PartEnd) => return Ok(Some((media_type, body))),
                Some(Event::End) => return Ok(None),
                None => match self.client.chunk(&mut self.response, cancel).await? {
                    Some(chunk) => self.parser.feed(&chunk),
                    None if self.parser.is_complete() => return Ok(None),
                    None => return Err(NetError::Lost("reading the parts of an answer")),
                },
            }
        }
    }
}
