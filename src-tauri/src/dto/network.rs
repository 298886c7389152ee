//! Servers on the network: their form in the settings, a test of one, a search.
//!
//! No secret crosses: certificates and keys are named by their files.

use crate::problem::Problem;
use medsight_record::node::{Dimse, Node, Prefetch, RetrieveBy, SignIn, Tls, Web};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use ts_rs::TS;

/// A server, as the form has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeForm {
    /// As the person calls it.
    pub name: String,
    /// Its DIMSE address; absent when it has none.
    pub dimse: Option<DimseForm>,
    /// Its DICOMweb address; absent when it has none.
    pub web: Option<WebForm>,
    /// How its studies are brought here.
    pub retrieve: RetrieveWay,
    /// Retrievals at once, 1 to 32.
    pub parallel_retrievals: u8,
    /// The next study of the worklist is fetched ahead.
    pub prefetch_next: bool,
    /// So many earlier studies of the patient are fetched ahead, 0 to 20.
    pub prefetch_priors: u8,
    /// How this workstation signs in to its DICOMweb.
    pub sign_in: SignInForm,
}

/// How studies of a server are brought here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum RetrieveWay {
    /// By C-GET, or by DICOMweb where that is all there is.
    Get,
    /// By C-MOVE to the listener.
    Move,
    /// By DICOMweb.
    Web,
}

/// How this workstation signs in. The secret does not cross back: it is in the keyring.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum SignInForm {
    /// Not at all, or by a certificate.
    None,
    /// By a bearer token.
    Bearer,
    /// By name and password.
    Basic {
        /// The name.
        user: String,
    },
}

/// A DIMSE address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DimseForm {
    /// The server's application entity title.
    pub called_ae: String,
    /// This workstation's title.
    pub calling_ae: String,
    /// Name or address of the machine.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// With TLS, and how.
    pub tls: Option<TlsForm>,
    /// Seconds to wait for the connection.
    pub connect_s: u16,
    /// Seconds to wait for an answer.
    pub answer_s: u16,
}

/// A DICOMweb address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebForm {
    /// Base of the service, below which `/studies` is.
    pub url: String,
    /// Certificates, where they are not those of the platform.
    pub tls: Option<TlsForm>,
    /// Seconds to wait for the connection.
    pub connect_s: u16,
    /// Seconds to wait for an answer.
    pub answer_s: u16,
}

/// Files of certificates; an empty path stands for none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsForm {
    /// Authorities to trust; the platform's when empty.
    pub authorities: String,
    /// This workstation's certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// The name in the server's certificate, where it is not the host.
    pub server_name: String,
}

/// Asks a server as it stands in the form.
#[derive(Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeTestRequest {
    /// The server.
    pub node: NodeForm,
    /// The token or password that is typed; absent when the keyring has it.
    pub secret: Option<String>,
}

/// Keeps the token or password of a server in the keyring. It crosses in this direction only.
#[derive(Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretRequest {
    /// What the person calls the server, for the audit trail.
    pub name: String,
    /// Base of the service.
    pub url: String,
    /// What it is used with.
    pub sign_in: SignInForm,
    /// The token or password; absent to take it out of the keyring.
    pub secret: Option<String>,
}

/// How one way to a server answered.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct EchoAnswer {
    /// Question and answer in milliseconds; absent when there was none.
    pub answer_ms: Option<f64>,
    /// Why there was none.
    pub problem: Option<Problem>,
}

/// How a server answered, by each way that its settings name.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct NodeTest {
    /// C-ECHO.
    pub dimse: Option<EchoAnswer>,
    /// QIDO-RS for one study.
    pub web: Option<EchoAnswer>,
}

/// What a person looks for on a server. An empty text is no restriction.
#[derive(Clone, Debug, Default, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindRequest {
    /// Name of the server in the settings.
    pub node: String,
    /// Beginning of the patient's name, or a pattern with `*` and `?`.
    pub name: String,
    /// Patient ID.
    pub id: String,
    /// Accession number.
    pub accession: String,
    /// First study date `YYYY-MM-DD`.
    pub from: String,
    /// Last study date, included.
    pub to: String,
    /// Modality in the study.
    pub modality: String,
}

/// A study on a server.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FoundStudy {
    /// Study Instance UID.
    pub uid: String,
    /// Patient's name as the server has it.
    pub name: String,
    /// Patient ID.
    pub id: String,
    /// Birth date `YYYY-MM-DD`, or empty.
    pub birth_date: String,
    /// Study date `YYYY-MM-DD`, or empty.
    pub date: String,
    /// Accession number.
    pub accession: String,
    /// Study description.
    pub description: String,
    /// Modalities.
    pub modalities: Vec<String>,
    /// Number of objects, where the server says it.
    pub images: Option<u32>,
    /// Some of it is on this computer.
    pub here: bool,
}

/// What a server found.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FoundStudies {
    /// Newest first.
    pub studies: Vec<FoundStudy>,
    /// The server had more; it was told to stop.
    pub more: bool,
}

impl From<TlsForm> for Tls {
    fn from(form: TlsForm) -> Self {
        let file =
            |path: String| Some(PathBuf::from(path.trim())).filter(|path| !path.as_os_str().is_empty());
        Self {
            authorities: file(form.authorities),
            certificate: file(form.certificate),
            key: file(form.key),
            server_name: Some(form.server_name.trim().to_owned()).filter(|name| !name.is_empty()),
        }
    }
}

impl From<&Tls> for TlsForm {
    fn from(tls: &Tls) -> Self {
        let text = |path: &Option<PathBuf>| {
            path.as_deref().map(Path::display).map(|path| path.to_string()).unwrap_or_default()
        };
        Self {
            authorities: text(&tls.authorities),
            certificate: text(&tls.certificate),
            key: text(&tls.key),
            server_name: tls.server_name.clone().unwrap_or_default(),
        }
    }
}

impl From<NodeForm> for Node {
    fn from(form: NodeForm) -> Self {
        Self {
            name: form.name.trim().to_owned(),
            dimse: form.dimse.map(|dimse| Dimse {
                called_ae: dimse.called_ae,
                calling_ae: dimse.calling_ae,
                host: dimse.host.trim().to_owned(),
                port: dimse.port,
                tls: dimse.tls.map(Tls::from),
                connect_s: dimse.connect_s,
                answer_s: dimse.answer_s,
            }),
            web: form.web.map(|web| Web {
                url: web.url.trim().to_owned(),
                tls: web.tls.map(Tls::from),
                connect_s: web.connect_s,
                answer_s: web.answer_s,
            }),
            retrieve: match form.retrieve {
                RetrieveWay::Get => RetrieveBy::Get,
                RetrieveWay::Move => RetrieveBy::Move,
                RetrieveWay::Web => RetrieveBy::Web,
            },
            parallel_retrievals: form.parallel_retrievals,
            prefetch: Prefetch { next: form.prefetch_next, priors: form.prefetch_priors },
            sign_in: match form.sign_in {
                SignInForm::None => SignIn::None,
                SignInForm::Bearer => SignIn::Bearer,
                SignInForm::Basic { user } => SignIn::Basic { user: user.trim().to_owned() },
            },
        }
    }
}

impl From<&Node> for NodeForm {
    fn from(node: &Node) -> Self {
        Self {
            name: node.name.clone(),
            dimse: node.dimse.as_ref().map(|dimse| DimseForm {
                called_ae: dimse.called_ae.clone(),
                calling_ae: dimse.calling_ae.clone(),
                host: dimse.host.clone(),
                port: dimse.port,
                tls: dimse.tls.as_ref().map(TlsForm::from),
                connect_s: dimse.connect_s,
                answer_s: dimse.answer_s,
            }),
            web: node.web.as_ref().map(|web| WebForm {
                url: web.url.clone(),
                tls: web.tls.as_ref().map(TlsForm::from),
                connect_s: web.connect_s,
                answer_s: web.answer_s,
            }),
            retrieve: match node.retrieve {
                RetrieveBy::Get => RetrieveWay::Get,
                RetrieveBy::Move => RetrieveWay::Move,
                RetrieveBy::Web => RetrieveWay::Web,
            },
            parallel_retrievals: node.parallel_retrievals,
            prefetch_next: node.prefetch.next,
            prefetch_priors: node.prefetch.priors,
            sign_in: match &node.sign_in {
                SignIn::None => SignInForm::None,
                SignIn::Bearer => SignInForm::Bearer,
                SignIn::Basic { user } => SignInForm::Basic { user: user.clone() },
            },
        }
    }
}
