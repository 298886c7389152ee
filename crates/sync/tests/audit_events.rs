//! Audit events as FHIR servers of others take, keep and validate them: each action, with everything, with little, and failed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../audit/tests/drawn/mod.rs"]
mod drawn;
mod peers;

use drawn::{SITE, links};
use medsight_audit::fhir;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// One request to a server on this computer: status and body.
fn ask(port: u16, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let body = body.to_string();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/fhir+json\r\n\
         Accept: application/fhir+json\r\nAuthorization: Bearer peer-test-token\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    let _ends_as_it_likes = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let content = answer.split_once("\r\n\r\n").map(|(_, content)| content).unwrap_or_default();
    // Helios answers in chunks even to HTTP/1.0: the JSON is what stands between the first brace and the last.
    let json = content.find('{').zip(content.rfind('}')).map(|(from, to)| &content[from..=to]);
    (status, json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or(Value::Null))
}

#[test]
fn a_server_of_others_takes_every_audit_event_and_gives_it_back_as_it_was() {
    let Some(peer) = peers::medplum() else {
        return peers::skipped("no AuditEvent was sent to Medplum");
    };
    let port = peer.port;
    for link in links() {
        let resource = fhir(&link, SITE);
        let id = resource["id"].as_str().unwrap();
        let (status, answer) = ask(port, "PUT", &format!("/fhir/AuditEvent/{id}"), &resource);
        assert!(matches!(status, 200 | 201), "{}: {status} {answer}", link.event.what);
        for member in ["type", "subtype", "action", "recorded", "outcome", "agent", "source", "entity"] {
            assert_eq!(answer[member], resource[member], "{member} of {}", link.event.what);
        }
    }
}

#[test]
fn a_validator_of_others_finds_no_error_in_any_audit_event() {
    let Some(peer) = peers::helios() else {
        return peers::skipped("no AuditEvent was validated by Helios");
    };
    let port = peer.port;
    let check = |resource: &Value| -> Vec<Value> {
        let (status, outcome) = ask(port, "POST", "/AuditEvent/$validate", resource);
        assert!(outcome["issue"].is_array(), "{status} {outcome}");
        let issues = outcome["issue"].as_array().unwrap().iter();
        issues
            .filter(|issue| matches!(issue["severity"].as_str(), Some("error" | "fatal")))
            .cloned()
            .collect()
    };
    let mut wrong = fhir(&links()[0], SITE);
    wrong["outcome"] = json!("3");
    assert!(!check(&wrong).is_empty(), "the validator looks at required codes");
    for link in links() {
        let mut resource = fhir(&link, SITE);
        // It does not know IHE's profiles.
        resource.as_object_mut().unwrap().remove("meta");
        assert_eq!(check(&resource), [] as [Value; 0], "{}", link.event.what);
    }
}
