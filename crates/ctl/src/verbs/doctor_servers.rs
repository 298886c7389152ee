//! The servers of the settings, for `doctor`: whether each answers, and whether the certificates they need are there.

use super::doctor::{Row, Status};
use crate::settings::in_force;
use medsight_pacs::{Auth, CancellationToken, Keys, Level, NetError, WebClient, WebQuery};
use medsight_record::node::{Node, Tls, Web};
use std::path::Path;

/// Longest time that one server is waited for, seconds.
const PATIENCE_S: u16 = 5;

/// A row for each server, or one that says that there is none; and one for their certificates.
pub(super) fn rows() -> Vec<Row> {
    let nodes = match nodes() {
        Ok(nodes) => nodes,
        Err(why) => {
            let to_do = "Correct the settings file, or remove it to begin with the defaults.";
            return vec![Row::new("servers", Status::Fail, why, to_do)];
        }
    };
    if nodes.is_empty() {
        return vec![
            Row::ok("servers", "none in the settings"),
            Row::ok("certificates", "none needed without servers"),
        ];
    }
    let mut rows = asked(&nodes);
    rows.push(certificates(&nodes));
    rows
}

fn nodes() -> Result<Vec<Node>, String> {
    in_force(None).map(|settings| settings.nodes).map_err(|refusal| refusal.reason)
}

/// Asks all of them at once.
fn asked(nodes: &[Node]) -> Vec<Row> {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let to_do = "Close other programs and try again.";
            return vec![Row::new(
                "servers",
                Status::Fail,
                format!("the network cannot be used: {error}"),
                to_do,
            )];
        }
    };
    runtime.block_on(async {
        let asking: Vec<_> =
            nodes.iter().cloned().map(|node| tokio::spawn(async move { ask(node).await })).collect();
        let mut rows = Vec::with_capacity(asking.len());
        for answer in asking {
            match answer.await {
                Ok(row) => rows.push(row),
                Err(error) => rows.push(Row::new("server", Status::Fail, error.to_string(), "Report this.")),
            }
        }
        rows
    })
}

async fn ask(node: Node) -> Row {
    let cancel = CancellationToken::new();
    let (mut said, mut status) = (Vec::new(), Status::Ok);
    if let Some(mut dimse) = node.dimse.clone() {
        dimse.connect_s = dimse.connect_s.min(PATIENCE_S);
        dimse.answer_s = dimse.answer_s.min(PATIENCE_S);
        match medsight_pacs::echo(&dimse, &cancel).await {
            Ok(ms) => said.push(format!("DICOM answers in {ms:.0} ms")),
            Err(error) => {
                status = Status::Warn;
                said.push(format!("DICOM: {error}"));
            }
        }
    }
    if let Some(mut web) = node.web.clone() {
        web.connect_s = web.connect_s.min(PATIENCE_S);
        web.answer_s = web.answer_s.min(PATIENCE_S);
        match ask_web(&web, &cancel).await {
            Ok(()) => said.push("DICOMweb answers".to_owned()),
            // The secret is in the desk's keyring entry; that the server asks for it is an answer.
            Err(NetError::Http { status: 401 | 403, .. }) => {
                said.push("DICOMweb answers and asks to sign in".to_owned())
            }
            Err(error) => {
                status = Status::Warn;
                said.push(format!("DICOMweb: {error}"));
            }
        }
    }
    let to_do = match status {
        Status::Ok => "",
        _ => "Check the server's address in Settings → Servers, and test it there.",
    };
    Row::new("server", status, format!("{}: {}", node.name, said.join("; ")), to_do)
}

/// DICOMweb has no echo: one study is asked for.
async fn ask_web(web: &Web, cancel: &CancellationToken) -> Result<(), NetError> {
    let client = WebClient::new(web, Auth::None)?;
    let query = WebQuery { level: Level::Study, study: None, series: None, keys: Keys::new(), limit: 1 };
    client.search(&query, cancel).await.map(|_| ())
}

/// Files that the servers' settings name and that cannot be read.
fn certificates(nodes: &[Node]) -> Row {
    let of_dimse = nodes.iter().filter_map(|node| node.dimse.as_ref()?.tls.as_ref());
    let of_web = nodes.iter().filter_map(|node| node.web.as_ref()?.tls.as_ref());
    let files: Vec<&Path> = of_dimse.chain(of_web).flat_map(files_of).collect();
    let unreadable: Vec<String> = files
        .iter()
        .filter(|file| std::fs::read(file).is_err())
        .map(|file| file.display().to_string())
        .collect();
    if unreadable.is_empty() {
        return match files.len() {
            0 => Row::ok("certificates", "those of the platform"),
            n => Row::ok("certificates", format!("{n} files, all readable")),
        };
    }
    let to_do = "Put the files where the settings of the servers name them, readable for this user.";
    Row::new("certificates", Status::Fail, format!("cannot be read: {}", unreadable.join(", ")), to_do)
}

fn files_of(tls: &Tls) -> impl Iterator<Item = &Path> {
    [&tls.authorities, &tls.certificate, &tls.key].into_iter().flatten().map(|file| file.as_path())
}
