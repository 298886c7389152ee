//! Which peer: from the command line, or by its name from a settings file.

use crate::settings::in_force;
use medsight_pacs::node::{Dimse, Node, Tls, Web};
use medsight_pacs::{Auth, NetError, WebClient};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A DIMSE peer.
#[derive(clap::Args)]
pub(crate) struct Peer {
    /// `AE@HOST:PORT`, or the name of a node in the settings.
    #[arg(value_name = "PEER")]
    peer: String,
    /// This workstation's application entity title.
    #[arg(long, default_value = "MEDSIGHT", value_name = "AE")]
    aet: String,
    /// Settings with the nodes; without it the person's own.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// With TLS (BCP 195).
    #[arg(long)]
    tls: bool,
    #[command(flatten)]
    files: TlsFiles,
    /// Seconds to wait for the connection.
    #[arg(long, default_value_t = 10)]
    connect_s: u16,
    /// Seconds to wait for an answer.
    #[arg(long, default_value_t = 60)]
    answer_s: u16,
}

/// Certificates.
#[derive(clap::Args)]
pub(crate) struct TlsFiles {
    /// PEM file of the authorities to trust; without it the platform's.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// PEM file of this workstation's certificate.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// PEM file of its key.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// The name that the peer's certificate must have, where it is not the host.
    #[arg(long, value_name = "NAME")]
    tls_name: Option<String>,
}

impl TlsFiles {
    pub(crate) fn tls(&self) -> Tls {
        Tls {
            authorities: self.tls_ca.clone(),
            certificate: self.tls_cert.clone(),
            key: self.tls_key.clone(),
            server_name: self.tls_name.clone(),
        }
    }

    fn any(&self) -> bool {
        self.tls_ca.is_some() || self.tls_cert.is_some()
    }
}

fn settings(why: impl Into<String>) -> NetError {
    NetError::Settings(why.into())
}

impl Peer {
    /// As it is called to the person.
    pub(crate) fn label(&self) -> &str {
        &self.peer
    }

    pub(crate) fn dimse(&self) -> Result<Dimse, NetError> {
        let dimse = match self.peer.split_once('@') {
            Some((called, address)) => {
                let Some((host, port)) = address.rsplit_once(':') else {
                    return Err(settings("a peer is written AE@HOST:PORT"));
                };
                let port = port.parse().map_err(|_| settings("the port of the peer is no number"))?;
                Dimse {
                    called_ae: called.to_owned(),
                    calling_ae: self.aet.clone(),
                    host: host.trim_matches(['[', ']']).to_owned(),
                    port,
                    tls: (self.tls || self.files.any()).then(|| self.files.tls()),
                    connect_s: self.connect_s,
                    answer_s: self.answer_s,
                }
            }
            None => {
                let node = named(self.settings.as_deref(), &self.peer)?;
                node.dimse.ok_or_else(|| settings("this node of the settings has no DICOM address"))?
            }
        };
        let mut check = Node::new(&self.peer);
        check.dimse = Some(dimse.clone());
        check.check().map_err(|why| settings(why.to_string()))?;
        Ok(dimse)
    }
}

/// A DICOMweb service.
#[derive(clap::Args)]
pub(crate) struct WebPeer {
    /// `https://…` below which /studies is, or the name of a node in the settings.
    #[arg(value_name = "URL")]
    url: String,
    /// Settings with the nodes; without it the person's own.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    secrets: Secrets,
    #[command(flatten)]
    files: TlsFiles,
}

/// Who asks; secrets come from files, because a command line can be seen by others.
#[derive(clap::Args)]
pub(crate) struct Secrets {
    /// File with a bearer token.
    #[arg(long, value_name = "FILE", env = "MEDSIGHT_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// File with `user:password`.
    #[arg(long, value_name = "FILE", env = "MEDSIGHT_BASIC_FILE")]
    basic_file: Option<PathBuf>,
}

impl Secrets {
    fn auth(&self) -> Result<Auth, NetError> {
        let read = |path: &Path| {
            let text = std::fs::read_to_string(path);
            text.map(|text| Zeroizing::new(text.trim().to_owned()))
                .map_err(|source| NetError::Io { what: "reading the file with the secret", source })
        };
        match (&self.token_file, &self.basic_file) {
            (Some(file), _) => Ok(Auth::Bearer(read(file)?)),
            (None, Some(file)) => {
                let pair = read(file)?;
                let (user, password) =
                    pair.split_once(':').ok_or_else(|| settings("the file has to hold user:password"))?;
                Ok(Auth::Basic(user.to_owned(), Zeroizing::new(password.to_owned())))
            }
            (None, None) => Ok(Auth::None),
        }
    }
}

impl WebPeer {
    /// As it is called to the person.
    pub(crate) fn label(&self) -> &str {
        &self.url
    }

    pub(crate) fn is_url(text: &str) -> bool {
        text.starts_with("http://") || text.starts_with("https://")
    }

    pub(crate) fn client(&self) -> Result<WebClient, NetError> {
        client(&self.url, self.settings.as_deref(), &self.secrets, &self.files)
    }
}

fn client(url: &str, file: Option<&Path>, secrets: &Secrets, tls: &TlsFiles) -> Result<WebClient, NetError> {
    let web = if WebPeer::is_url(url) {
        Web { url: url.to_owned(), tls: tls.any().then(|| tls.tls()), connect_s: 10, answer_s: 60 }
    } else {
        named(file, url)?.web.ok_or_else(|| settings("this node of the settings has no DICOMweb URL"))?
    };
    WebClient::new(&web, secrets.auth()?)
}

/// Either kind of peer, for verbs that do with both.
#[derive(clap::Args)]
pub(crate) struct EitherPeer {
    #[command(flatten)]
    dimse: Peer,
    #[command(flatten)]
    secrets: Secrets,
}

/// What an [`EitherPeer`] turned out to be.
pub(crate) enum Chosen {
    Dimse(Dimse),
    Web(WebClient),
}

impl EitherPeer {
    /// As it is called to the person.
    pub(crate) fn label(&self) -> &str {
        self.dimse.label()
    }

    pub(crate) fn choose(&self) -> Result<Chosen, NetError> {
        if WebPeer::is_url(&self.dimse.peer) {
            let client =
                client(&self.dimse.peer, self.dimse.settings.as_deref(), &self.secrets, &self.dimse.files);
            return client.map(Chosen::Web);
        }
        self.dimse.dimse().map(Chosen::Dimse)
    }
}

/// A node of the settings.
fn named(file: Option<&Path>, name: &str) -> Result<Node, NetError> {
    let read = in_force(file).map_err(|refusal| settings(refusal.reason))?;
    let node = read.nodes.into_iter().find(|node| node.name == name);
    node.ok_or_else(|| settings(format!("no node of the settings is called {name}")))
}
