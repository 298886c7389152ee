//! Requests to a FHIR server: to its own address only, within limits, and with what a person can do in each error.

use super::access::Access;
use crate::Trouble;
use medsight_base::{DicomDate, Timestamp, time::seconds_of_day};
use medsight_pacs::{Auth, client_pinned};
use medsight_record::destination::FhirServer;
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::Value;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longest answer, in bytes.
const MOST: usize = 64 << 20;
const MEDIA: &str = "application/fhir+json";

/// A server.
pub(crate) struct Http {
    client: Client,
    base: Url,
    access: Access,
    patience: Duration,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) etag: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// What the server's clock said, to the second (Date, RFC 9110 6.6.1).
    pub(crate) date: Option<Timestamp>,
    pub(crate) body: Value,
}

impl Http {
    pub(crate) fn new(server: &FhirServer, access: Access) -> Result<Self, Trouble> {
        let unusable = |why: &str| Trouble::Settings(why.to_owned());
        let mut base = Url::parse(&server.url).map_err(|_| unusable("the address is no URL"))?;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let is_here = matches!(base.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if !matches!(access, Access::Fixed(Auth::None)) && base.scheme() != "https" && !is_here {
            return Err(unusable("a token or password goes to https:// addresses only"));
        }
        let client = Client::builder()
            .tls_backend_preconfigured(client_pinned(server.tls.as_ref(), &server.pins)?)
            .connect_timeout(Duration::from_secs(u64::from(server.connect_s.max(1))))
            // A token is for the address in the settings and no other.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .tcp_nodelay(true)
            .user_agent(concat!("MedSight/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| unusable("TLS cannot be set up"))?;
        Ok(Self { client, base, access, patience: Duration::from_secs(u64::from(server.answer_s.max(1))) })
    }

    /// A resource below the base: `Patient/7`, `Patient?identifier=…`, or empty for the base itself.
    pub(crate) fn below(&self, path: &str) -> Result<Url, Trouble> {
        let url = self.base.join(path).map_err(|_| Trouble::Answer("an address that is none"))?;
        let stays = url.origin() == self.base.origin() && url.path().starts_with(self.base.path());
        // The base without its last slash is the base: transactions are posted there.
        if stays { Ok(url) } else { Err(Trouble::Redirected) }
    }

    /// As [`Http::answer`]; that this account may not is what stops everything.
    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: HeaderMap,
        cancel: &CancellationToken,
    ) -> Result<Answer, Trouble> {
        let answer = self.answer(method, path, body, headers, cancel).await?;
        if answer.status == StatusCode::FORBIDDEN { Err(Trouble::NotPermitted) } else { Ok(answer) }
    }

    /// What the server says, also that this account may not (403): of one resource among others that is no more than what
    /// becomes of this one.
    pub(crate) async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: HeaderMap,
        cancel: &CancellationToken,
    ) -> Result<Answer, Trouble> {
        let tokens = match &self.access {
            Access::Fixed(auth) => return self.as_one(auth, method, path, body, headers, cancel).await,
            Access::Client(tokens) => tokens,
        };
        let token = tokens.bearer(None, cancel).await?;
        let auth = Auth::Bearer(token.clone());
        match self.as_one(&auth, method.clone(), path, body, headers.clone(), cancel).await {
            // The provider may have taken it back, or have other keys now: once, with another one. What was not let in had
            // no effect.
            Err(Trouble::SignIn) => {
                let auth = Auth::Bearer(tokens.bearer(Some(&token), cancel).await?);
                self.as_one(&auth, method, path, body, headers, cancel).await
            }
            done => done,
        }
    }

    async fn as_one(
        &self,
        auth: &Auth,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: HeaderMap,
        cancel: &CancellationToken,
    ) -> Result<Answer, Trouble> {
        let mut url = self.below(path)?;
        if path.is_empty() {
            let trimmed = url.path().trim_end_matches('/').to_owned();
            url.set_path(&trimmed);
        }
        let mut request = self.client.request(method, url).header(ACCEPT, MEDIA).headers(headers);
        request = match auth {
            Auth::None => request,
            Auth::Bearer(token) => request.bearer_auth(token.as_str()),
            Auth::Basic(user, password) => request.basic_auth(user, Some(password.as_str())),
        };
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, MEDIA).body(body.to_string());
        }
        let whole = async {
            let mut response = request.send().await.map_err(|why| lost(&self.base, why))?;
            let (status, headers) = (response.status(), response.headers().clone());
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                return Err(Trouble::Redirected);
            }
            let mut bytes = Vec::new();
            while let Some(chunk) =
                response.chunk().await.map_err(|_| Trouble::Lost("the server's answer was being read"))?
            {
                if bytes.len() + chunk.len() > MOST {
                    return Err(Trouble::Answer("it is too long"));
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok((status, headers, bytes))
        };
        let (status, headers, bytes) = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Trouble::Cancelled),
            done = tokio::time::timeout(self.patience, whole) => {
                done.unwrap_or(Err(Trouble::Timeout(self.patience.as_secs())))?
            }
        };
        // A proxy's page of an error is no JSON, and need not be.
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() && body.is_null() && !bytes.is_empty() {
            return Err(Trouble::Answer("it is no JSON"));
        }
        let text =
            |name| headers.get(name).and_then(|value: &reqwest::header::HeaderValue| value.to_str().ok());
        let answer = Answer {
            status,
            etag: text(reqwest::header::ETAG).and_then(version_of_etag),
            retry_after: text(RETRY_AFTER).and_then(|text| text.trim().parse().ok()).map(Duration::from_secs),
            date: text(DATE).and_then(moment_of_date),
            body,
        };
        match status.as_u16() {
            401 => Err(Trouble::SignIn),
            408 | 429 | 503 => Err(Trouble::Busy { retry_after: answer.retry_after }),
            502 | 504 => Err(Trouble::Server(status.as_u16())),
            _ => Ok(answer),
        }
    }
}

/// Why there is no answer, without the path, which may hold what was searched for.
pub(crate) fn lost(to: &Url, why: reqwest::Error) -> Trouble {
    let peer =
        format!("{}:{}", to.host_str().unwrap_or_default(), to.port_or_known_default().unwrap_or_default());
    let is_connect = why.is_connect();
    let why = why.without_url();
    let mut text = why.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&why);
    while let Some(next) = cause {
        text = next.to_string();
        cause = next.source();
    }
    let lower = text.to_lowercase();
    if ["certificate", "tls", "handshake"].iter().any(|word| lower.contains(word)) {
        Trouble::Tls(format!("{peer}: {text}"))
    } else if is_connect {
        Trouble::Unreachable(format!("{peer}: {text}"))
    } else {
        Trouble::Lost("the server's answer was awaited")
    }
}

/// `W/"7"` is version 7.
pub(crate) fn version_of_etag(etag: &str) -> Option<String> {
    let version = etag.trim().trim_start_matches("W/").trim_matches('"');
    (!version.is_empty()).then(|| version.to_owned())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7, the form that is to be sent).
fn moment_of_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = 1 + MONTHS.iter().position(|one| *one == month)?;
    let day = DicomDate::parse(&format!("{year}-{month:02}-{day}"))?;
    let of_day_ms = (seconds_of_day(time)? * 1000.0) as i64;
    Some(Timestamp(day.days_since_epoch() * 86_400_000 + of_day_ms))
}

/// `Type/id` of an address, whatever stands before it and whatever version behind it. What is no such pair names nothing. For
/// what the server says of its own; of a reference inside a resource see [`place_below`].
pub(crate) fn place_of(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next()?.split("/_history").next()?;
    let mut parts = path.rsplit('/');
    let (id, kind) = (parts.next()?, parts.next()?);
    let is_id = (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    let is_kind =
        kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.bytes().all(|b| b.is_ascii_alphabetic());
    (is_id && is_kind).then(|| format!("{kind}/{id}"))
}

/// `Type/id` of a reference inside a resource of the server at `base`: a relative one, or an absolute one below it. A resource of
/// another server may have the same number and is somebody else.
pub(crate) fn place_below(base: &str, reference: &str) -> Option<String> {
    let base = base.trim_end_matches('/');
    let relative = match reference.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) if !base.is_empty() => rest,
        _ => reference,
    };
    let pair = relative.split("/_history/").next().unwrap_or_default();
    place_of(pair).filter(|place| place == pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> FhirServer {
        let text = format!("url = \"{url}\"\npatient_system = \"urn:oid:1\"");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_place_is_a_type_and_an_id_wherever_the_address_points() {
        assert_eq!(place_of("https://other/fhir/Patient/7/_history/2").as_deref(), Some("Patient/7"));
        assert_eq!(place_of("Observation/ab-1").as_deref(), Some("Observation/ab-1"));
        for bad in ["", "Patient", "https://evil/../Patient/..%2f", "Patient/a b", "patient/7"] {
            assert_eq!(place_of(bad), None, "{bad}");
        }
        assert_eq!(version_of_etag("W/\"7\"").as_deref(), Some("7"));
    }

    #[test]
    fn a_reference_to_another_server_is_nobody_here() {
        let below = |reference| place_below("https://fhir.hospital/r4/", reference);
        assert_eq!(below("Patient/7").as_deref(), Some("Patient/7"));
        assert_eq!(below("Patient/7/_history/2").as_deref(), Some("Patient/7"));
        assert_eq!(below("https://fhir.hospital/r4/Patient/7").as_deref(), Some("Patient/7"));
        for elsewhere in [
            "https://mpi.hospital/r4/Patient/7",
            "https://fhir.hospital/r4x/Patient/7",
            "/other/Patient/7",
            "urn:uuid:7",
            "#p",
        ] {
            assert_eq!(below(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn the_clock_of_a_server_is_read_from_its_answers() {
        assert_eq!(moment_of_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Timestamp(784_111_777_000)));
        assert_eq!(moment_of_date("yesterday"), None);
    }

    #[test]
    fn a_token_never_goes_over_an_open_connection_or_to_another_address() {
        let bearer = || Access::Fixed(Auth::Bearer(zeroize::Zeroizing::new("secret".into())));
        let refused = Http::new(&server("http://fhir.hospital/r4"), bearer()).err().unwrap();
        assert_eq!(refused.code(), "sync.settings");
        let http = Http::new(&server("https://fhir.hospital/r4"), bearer()).unwrap();
        for path in ["https://evil.test/Patient", "//evil.test/r4/Patient", "../other/Patient", "/admin"] {
            assert!(matches!(http.below(path), Err(Trouble::Redirected)), "{path}");
        }
        assert!(http.below("Patient?identifier=a").is_ok());
    }
}
