//! A connection to a machine by name and port, with TLS where the settings say so.

use crate::Trouble;
use medsight_pacs::client_pinned;
use medsight_record::node::Tls;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest wait for a connection and its handshake.
const CONNECT: Duration = Duration::from_secs(15);

pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

pub(crate) type Connection = Box<dyn Duplex>;

/// Where to, and how.
pub(crate) struct Address {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Address {
    pub(crate) fn new(host: &str, port: u16, tls: Option<&Tls>, pins: &[String]) -> Result<Self, Trouble> {
        let tls = match tls {
            None => None,
            Some(tls) => {
                let config = client_pinned(Some(tls), pins)?;
                let name = tls.server_name.clone().unwrap_or_else(|| host.to_owned());
                let name = ServerName::try_from(name)
                    .map_err(|_| Trouble::Settings("a host that no certificate can name".to_owned()))?;
                Some((TlsConnector::from(Arc::new(config)), name))
            }
        };
        Ok(Self { host: host.to_owned(), port, tls })
    }

    pub(crate) async fn connect(&self) -> Result<Connection, Trouble> {
        let peer = || format!("{}:{}", self.host, self.port);
        let connecting = async {
            let tcp = TcpStream::connect((self.host.as_str(), self.port))
                .await
                .map_err(|why| Trouble::Unreachable(format!("{}: {why}", peer())))?;
            // Without it each record waits for the acknowledgement of the one before.
            let _slower = tcp.set_nodelay(true);
            match &self.tls {
                None => Ok(Box::new(tcp) as Connection),
                Some((connector, name)) => {
                    let stream = connector
                        .connect(name.clone(), tcp)
                        .await
                        .map_err(|why| Trouble::Tls(format!("{}: {why}", peer())))?;
                    Ok(Box::new(stream) as Connection)
                }
            }
        };
        tokio::time::timeout(CONNECT, connecting).await.unwrap_or(Err(Trouble::Timeout(CONNECT.as_secs())))
    }
}
