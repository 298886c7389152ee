//! DICOMweb as user (PS3.18): the connection, how requests are made, and how answers are read within limits.
//!
//! Not here: signing in. A bearer token is given by whoever signed in, and goes to the node's own origin only.

mod multipart;
mod retrieve;
mod search;
mod stow;

pub(crate) use multipart::{Event, Multipart};
pub use retrieve::{Frame, Rendered};
pub use search::WebQuery;
pub(crate) use search::parse;

use crate::error::Breach;
use crate::{NetError, tls};
use bytes::{Bytes, BytesMut};
use medsight_base::Uid;
use medsight_record::node::Web;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// How we show who we are.
#[derive(Clone)]
pub enum Auth {
    /// Not at all, or by the certificate of the connection.
    None,
    /// RFC 6750.
    Bearer(Zeroizing<String>),
    /// RFC 7617.
    Basic(String, Zeroizing<String>),
}

/// A node's DICOMweb service.
#[derive(Clone)]
pub struct WebClient {
    http: Client,
    base: Url,
    auth: Auth,
    patience: Duration,
}

impl WebClient {
    /// A client for the node. No connection is made yet.
    ///
    /// # Errors
    /// [`NetError::Settings`], [`NetError::Certificate`].
    pub fn new(node: &Web, auth: Auth) -> Result<Self, NetError> {
        let wrong = |why: String| NetError::Settings(why);
        let mut base = Url::parse(&node.url).map_err(|why| wrong(format!("DICOMweb URL: {why}")))?;
        if base.cannot_be_a_base() || !matches!(base.scheme(), "http" | "https") {
            return Err(wrong("DICOMweb URL: it has to begin with https:// or http://".to_owned()));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let http = Client::builder()
            .tls_backend_preconfigured(tls::client(node.tls.as_ref())?)
            .connect_timeout(Duration::from_secs(u64::from(node.connect_s.max(1))))
            .redirect(reqwest::redirect::Policy::limited(3))
            .referer(false)
            .tcp_nodelay(true)
            .user_agent(concat!("MedSight/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|why| wrong(without_url(why)))?;
        Ok(Self { http, base, auth, patience: Duration::from_secs(u64::from(node.answer_s.max(1))) })
    }

    /// The URL of a resource below the service. Names of the path have to be checked before.
    fn resource(&self, path: &str) -> Result<Url, NetError> {
        self.base.join(path).map_err(|why| NetError::Settings(format!("DICOMweb URL: {why}")))
    }

    fn request(&self, method: Method, url: Url, accept: &str) -> Result<RequestBuilder, NetError> {
        let accept = HeaderValue::from_str(accept)
            .map_err(|_| NetError::Settings("a media type that no header can hold".to_owned()))?;
        let same_origin = url.origin() == self.base.origin();
        let request = self.http.request(method, url).header(ACCEPT, accept);
        Ok(match &self.auth {
            Auth::Bearer(token) if same_origin => request.bearer_auth(token.as_str()),
            Auth::Basic(user, password) if same_origin => request.basic_auth(user, Some(password.as_str())),
            _ => request,
        })
    }

    /// Sends a request and gives the answer's beginning. A status that is no success is an error.
    async fn send(
        &self,
        request: RequestBuilder,
        operation: &'static str,
        cancel: &CancellationToken,
    ) -> Result<Response, NetError> {
        let answer = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(NetError::Cancelled),
            answer = tokio::time::timeout(self.patience, request.send()) => answer,
        };
        let seconds = self.patience.as_secs();
        match answer {
            Err(_) => Err(NetError::Timeout { seconds, doing: "waiting for the server's answer" }),
            Ok(Err(why)) => Err(self.lost(why)),
            Ok(Ok(response)) if response.status().is_success() => Ok(response),
            Ok(Ok(response)) => Err(http_error(operation, response.status())),
        }
    }

    /// The next piece of an answer.
    async fn chunk(
        &self,
        response: &mut Response,
        cancel: &CancellationToken,
    ) -> Result<Option<Bytes>, NetError> {
        let chunk = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(NetError::Cancelled),
            chunk = tokio::time::timeout(self.patience, response.chunk()) => chunk,
        };
        match chunk {
            Err(_) => Err(NetError::Timeout {
                seconds: self.patience.as_secs(),
                doing: "reading the server's answer",
            }),
            Ok(chunk) => chunk.map_err(|_| NetError::Lost("reading the server's answer")),
        }
    }

    /// A whole answer of at most `most` bytes.
    async fn body(
        &self,
        mut response: Response,
        most: u64,
        cancel: &CancellationToken,
    ) -> Result<Bytes, NetError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk(&mut response, cancel).await? {
            if (body.len() + chunk.len()) as u64 > most {
                return Err(NetError::Protocol(Breach::TooLarge(most)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    fn lost(&self, why: reqwest::Error) -> NetError {
        let host = self.base.host_str().unwrap_or_default();
        let peer = format!("{host}:{}", self.base.port_or_known_default().unwrap_or_default());
        let text = without_url(why.without_url());
        if text.contains("certificate")
            || text.contains("tls")
            || text.contains("TLS")
            || text.contains("handshake")
        {
            NetError::Tls { peer, why: text }
        } else {
            NetError::Unreachable { peer, why: text }
        }
    }
}

/// An error's chain of causes, without the URL, which may hold what was searched for.
fn without_url(why: reqwest::Error) -> String {
    let why = why.without_url();
    let mut text = why.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&why);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

fn http_error(operation: &'static str, status: StatusCode) -> NetError {
    let hint = match status.as_u16() {
        401 => ": it wants to know who asks; sign in again or check the token",
        403 => ": it does not permit this",
        404 | 410 => ": it has no such thing",
        406 => ": it cannot give it in the form asked for",
        409 => ": it took none of the objects",
        413 => ": it finds this too much at once",
        415 => ": it does not take this form",
        429 | 503 => ": it is busy",
        _ => "",
    };
    NetError::Http { operation, status: status.as_u16(), hint }
}

/// The media type of an answer or a part.
fn content_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// A UID that is to become part of a URL. Anything else could name another resource.
fn checked(uid: &str) -> Result<&str, NetError> {
    match Uid::parse(uid) {
        Ok(parsed) if parsed.as_str() == uid => Ok(uid),
        _ => Err(NetError::Settings(
            "a UID of the request has other characters than digits and dots".to_owned(),
        )),
    }
}
