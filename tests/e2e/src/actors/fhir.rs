//! The FHIR server of the hospital: Medplum's, started by the peers' own script, and asked by curl what it has.

use super::peer::Peer;
use crate::http::{curl, free_port};
use anyhow::{Result, ensure};
use serde_json::Value;

/// The token that it wants.
pub(crate) const TOKEN: &str = "peer-test-token";

/// A server that keeps what it has in memory. Dropping it ends it.
pub(crate) struct FhirServer {
    peer: Peer,
    /// Base of its service.
    pub(crate) base: String,
}

impl FhirServer {
    /// Its address, before it is started; `None` where its scripts are not here.
    pub(crate) fn find() -> Result<Option<Self>> {
        let port = free_port()?;
        let peer = Peer::find("fhir", &["medplum"], ("PEER_FHIR_PORT", port))?;
        Ok(peer.map(|peer| Self { peer, base: format!("http://127.0.0.1:{port}/fhir") }))
    }

    /// Starts it.
    pub(crate) fn begin(&self) -> Result<()> {
        self.peer.begin()
    }

    /// Ends it, with all that it had.
    pub(crate) fn end(&self) -> Result<()> {
        self.peer.end()
    }

    /// Resources that a search finds.
    pub(crate) fn search(&self, query: &str) -> Result<Vec<Value>> {
        let (status, bundle) = self.ask("GET", query, None)?;
        ensure!(status == 200, "{query} is answered with {status}: {bundle}");
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        Ok(entries.into_iter().map(|entry| entry["resource"].clone()).collect())
    }

    /// One request below the base.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let bearer = format!("Authorization: Bearer {TOKEN}");
        let more = ["-H", "Content-Type: application/fhir+json", "-H", bearer.as_str()];
        curl(method, &format!("{}/{path}", self.base), &more, body)
    }
}
