//! Whether a destination is there and lets us in, asked before anything is sent. Nothing is written there.

use crate::audit_repository::RepositoryLink;
use crate::engine::Secrets;
use crate::stream::Address;
use crate::{Trouble, fhir};
use medsight_dicom::tags;
use medsight_pacs::{Keys, Level, WebClient, WebQuery, echo};
use medsight_record::destination::{Destination, PacsNode, To};
use medsight_record::node::Node;
use tokio_util::sync::CancellationToken;

/// Asks a destination as it stands in the settings: a FHIR server for what it is and for a number, a PACS for an echo or for
/// one study, the others for a connection.
///
/// # Errors
/// [`Trouble`], as it would stop the sending.
pub async fn probe(
    destination: &Destination,
    nodes: &[Node],
    secrets: Secrets,
    cancel: &CancellationToken,
) -> Result<(), Trouble> {
    destination.check().map_err(|why| Trouble::Settings(why.to_string()))?;
    let asked = async {
        match &destination.to {
            To::Fhir(server) => fhir::probe(destination, server, &secrets, cancel).await,
            To::Pacs(to) => pacs(destination, to, nodes, secrets, cancel).await,
            To::AuditRepository(to) => RepositoryLink::new(to, String::new())?.probe().await,
            To::Hl7(to) => {
                let address = Address::new(&to.host, to.port, to.tls.as_ref(), &to.pins)?;
                address.connect().await.map(drop)
            }
        }
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Trouble::Cancelled),
        answer = asked => answer,
    }
}

async fn pacs(
    destination: &Destination,
    to: &PacsNode,
    nodes: &[Node],
    secrets: Secrets,
    cancel: &CancellationToken,
) -> Result<(), Trouble> {
    let unusable = |why: &str| Trouble::Settings(why.to_owned());
    let node = nodes.iter().find(|node| node.name == to.node);
    let node = node.ok_or_else(|| unusable("there is no server of this name"))?;
    if to.by_web {
        let web = node.web.as_ref().ok_or_else(|| unusable("the server has no DICOMweb address"))?;
        let destination = destination.clone();
        let asked = tokio::task::spawn_blocking(move || secrets(&destination)).await;
        let auth = asked.map_err(|_| Trouble::SignIn)?.map_err(Trouble::Secret)?;
        // DICOMweb has no echo: one study is asked for.
        let keys = Keys::new().ask(&[tags::STUDY_INSTANCE_UID]);
        let query = WebQuery { level: Level::Study, study: None, series: None, keys, limit: 1 };
        WebClient::new(web, auth)?.search(&query, cancel).await?;
    }
    if !to.by_web || to.commitment {
        let dimse = node.dimse.as_ref().ok_or_else(|| unusable("the server has no DICOM address"))?;
        echo(dimse, cancel).await?;
    }
    Ok(())
}
