//! Whether a source answers as it stands in a form: one question of each kind that it is asked. Nothing is kept, and no
//! patient's data is asked for where the server can say it by a number.

use super::{Inbound, worklist};
use crate::Trouble;
use medsight_record::Source;
use medsight_record::source::{Brings, From};
use reqwest::Method;
use reqwest::header::HeaderMap;
use tokio_util::sync::CancellationToken;

impl Inbound {
    /// Asks a source of the settings' systems what it would be asked. It need not be one of the settings itself.
    ///
    /// # Errors
    /// [`Trouble`], as it would stop the asking.
    pub async fn probe(&self, source: &Source, cancel: &CancellationToken) -> Result<(), Trouble> {
        let asked = async {
            match &source.from {
                From::Node(_) => worklist::probe(self.dimse(source)?, cancel).await,
                From::Destination(_) => self.probe_fhir(source, cancel).await,
            }
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Trouble::Cancelled),
            answer = asked => answer,
        }
    }

    async fn probe_fhir(&self, source: &Source, cancel: &CancellationToken) -> Result<(), Trouble> {
        let (_, http) = self.fhir(source).await?;
        for brings in &source.brings {
            let question = match brings {
                Brings::Orders if source.only.is_empty() => "ServiceRequest?_summary=count".to_owned(),
                // With the condition: a server that does not understand it says so here.
                Brings::Orders => format!("ServiceRequest?{}&_summary=count", source.only),
                Brings::Reports => "DiagnosticReport?_summary=count".to_owned(),
                Brings::Wounds => "Observation?_summary=count".to_owned(),
            };
            let answer = http.request(Method::GET, &question, None, HeaderMap::new(), cancel).await?;
            match answer.status.as_u16() {
                200 if answer.body["resourceType"] == "Bundle" => {}
                200..=299 => return Err(Trouble::Answer("it is no bundle of a search")),
                status => return Err(Trouble::Server(status)),
            }
        }
        Ok(())
    }
}
