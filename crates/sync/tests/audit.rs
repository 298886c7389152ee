//! Every event of the audit trail is at a real audit record repository and at a real FHIR server, whole and in order.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod peers;

use medsight_record::destination::Destination;
use peers::bed::*;
use std::collections::BTreeMap;
use std::path::Path;
use uuid::Uuid;

fn repository(port: u16, pki: &Path, certificate: &str, pins: &str) -> Destination {
    let file = |name: String| pki.join(name).display().to_string();
    let text = format!(
        "name = \"repository\"\ntakes = [\"audit\"]\n[to]\nsystem = \"audit_repository\"\nhost = \"localhost\"\n\
         port = {port}\npins = [{pins}]\n[to.tls]\nauthorities = \"{}\"\ncertificate = \"{}\"\nkey = \"{}\"",
        file("ca.crt".into()),
        file(format!("{certificate}.crt")),
        file(format!("{certificate}.key")),
    );
    toml::from_str(&text).unwrap()
}

/// Records of one site, by the sequence numbers that they tell, and how often each is there.
fn records(state: &Path, site: &str) -> BTreeMap<u64, usize> {
    let text = std::fs::read_to_string(state.join("atna/records.jsonl")).unwrap();
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| line.contains(site)) {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let message = record["msg"].as_str().unwrap();
        assert!(message.contains("<AuditMessage>") && message.ends_with("</AuditMessage>"), "{message}");
        let at = message.find("sequence").map(|at| &message[at..]).unwrap_or_default();
        let number: String =
            at.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        *found.entry(number.parse().unwrap_or(0)).or_default() += 1;
    }
    found
}

#[test]
fn a_repository_gets_every_event_once_and_a_stranger_sends_none() {
    let Some(peer) = peers::atna() else { return };
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), 1, 9000);
    for n in 0..40 {
        draw(&cache, &length(&study(9000, 0), Uuid::from_u128(n), 1.0));
    }
    let events = cache.audit_position().unwrap().sequence;
    let pki = peer.folder.join("pki");
    let known = || cache.audit_delivered("repository").unwrap().map_or(0, |d| d.acknowledged.sequence);
    for stranger in ["stranger", "server"] {
        let engine = engine(&cache, vec![repository(peer.port, &pki, stranger, "")], nothing());
        let swept = sweep(&engine).remove(0);
        assert!(swept.trouble.is_some(), "{stranger}");
        assert_eq!((swept.sent, known()), (0, 0), "{stranger}: nothing counts as sent");
    }
    let wrong_pin = "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"";
    let pinned = engine(&cache, vec![repository(peer.port, &pki, "workstation", wrong_pin)], nothing());
    assert_eq!(
        sweep(&pinned)[0].trouble.as_ref().unwrap().code(),
        "sync.tls",
        "another key is no server of ours"
    );
    let site = cache.audit_site();
    assert!(records(&peer.folder, &site).is_empty());

    let right = engine(&cache, vec![repository(peer.port, &pki, "workstation", "")], nothing());
    let swept = sweep(&right).remove(0);
    assert!(swept.trouble.is_none(), "{:?}", swept.trouble);
    assert_eq!((swept.sent, known()), (events, events));
    std::thread::sleep(std::time::Duration::from_millis(300));
    let there = records(&peer.folder, &site);
    assert_eq!(there.values().sum::<usize>() as u64, events);
    assert_eq!(sweep(&right)[0].sent, 0, "what has arrived is not sent again");
}

#[test]
fn a_fhir_server_has_every_event_under_its_own_name_however_often_it_is_sent() {
    let Some(peer) = peers::medplum() else { return };
    let base = format!("http://127.0.0.1:{}/fhir", peer.port);
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), 1, 9100);
    for n in 0..30 {
        draw(&cache, &length(&study(9100, 0), Uuid::from_u128(n), 1.0));
    }
    let events = cache.audit_position().unwrap().sequence;
    let engine =
        |name: &str| engine(&cache, vec![fhir(name, &base, "\"audit\"", "bundle = 10")], bearer(TOKEN));
    // Two names for one server: everything is sent twice.
    for name in ["first", "second"] {
        let swept = sweep(&engine(name)).remove(0);
        assert!(swept.trouble.is_none(), "{:?}", swept.trouble);
        assert_eq!(swept.sent, events);
    }
    let site = cache.audit_site();
    for sequence in 1..=events {
        let id = medsight_audit::fhir_id(&site, sequence);
        let (status, event) = curl("GET", &format!("{base}/AuditEvent/{id}"), None);
        assert_eq!((status, event["resourceType"].as_str()), (200, Some("AuditEvent")));
    }
    assert_eq!(search(&base, "AuditEvent?_count=1000").len() as u64, events);
}
