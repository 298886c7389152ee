//! Orders over TLS: a server is believed by its authority and its pinned key, and told nothing before.

use crate::peers::bed::{TOKEN, bearer, cache, curl, fhir};
use crate::{SYSTEM, peers, source, with};
use medsight_sync::Trouble;
use serde_json::json;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::tempdir;

/// base64 of the SHA-256 of a certificate's public key, by OpenSSL.
fn pin_of(certificate: &Path) -> String {
    let line = format!(
        "openssl x509 -in '{}' -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64",
        certificate.display()
    );
    let output = Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn orders_come_over_tls_from_who_has_the_right_certificate_and_key_and_from_nobody_else() {
    let Some(plain) = peers::medplum() else { return };
    let Some(front) = peers::tls_before(plain.port) else { return };
    let pki = front.folder.join("pki");
    let unique = format!("tls-{}", std::process::id());
    let (status, made) = curl(
        "POST",
        &format!("http://127.0.0.1:{}/fhir/ServiceRequest", plain.port),
        Some(&json!({"resourceType": "ServiceRequest", "status": "active", "intent": "order",
            "category": [{"coding": [{"system": "urn:medsight:test", "code": unique}]}], "code": {"text": "CT"},
            "identifier": [{"system": "urn:acc", "value": "T1"}],
            "subject": {"identifier": {"system": SYSTEM, "value": "P-tls"}}})),
    );
    assert_eq!(status, 201, "{made}");
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let asked = |pins: &str, authority: Option<&str>| {
        let tls = authority.map(|file| format!("[to.tls]\nauthorities = \"{}\"\n", pki.join(file).display()));
        let more = format!("accession_system = \"urn:acc\"\npins = [{pins}]\n{}", tls.unwrap_or_default());
        let url = format!("https://localhost:{}/fhir", front.port);
        let destination = fhir("ris", &url, "\"report\"", &more);
        let only = format!("only = \"category=urn:medsight:test%7C{unique}\"");
        crate::ask(&with(&cache, source(&only), vec![destination], Vec::new(), bearer(TOKEN)))
    };
    let known = || cache.expected_orders("", 10).unwrap().total;
    assert!(matches!(asked("", None), Err(Trouble::Tls(_))), "the system does not know the authority");
    assert!(matches!(asked("", Some("stranger-ca.crt")), Err(Trouble::Tls(_))), "another authority");
    let other = format!("\"{}\"", pin_of(&pki.join("workstation.crt")));
    assert!(matches!(asked(&other, Some("ca.crt")), Err(Trouble::Tls(_))), "another key than the pinned one");
    assert_eq!(known(), 0);
    let right = format!("\"{}\"", pin_of(&pki.join("server.crt")));
    assert_eq!(asked(&right, Some("ca.crt")).unwrap().new, 1);
    assert_eq!(known(), 1);
}
