//! The forms for other systems: what real servers and the schema of the standard say to them.
//!
//! FHIR: servers of others that run already, at the ports in `PEER_FHIR_PORT` (Medplum) and `PEER_HFS_PORT` (Helios).
//! DICOM: the rules of the schema in PS3.15 A.5.1, written here again from the standard, and a reader of XML of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use medsight_audit::{
    Action, AuditEvent, Clock, ClockState, FORM, Link, Origin, Outcome, PatientKey, dicom, fhir, fhir_id,
};
use medsight_base::{StudyUid, Timestamp};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const SITE: &str = "9d1f6a52-0000-8000-8000-000000000000";

/// An event of every action, with everything, with little, and failed; and one of a word of a later version.
fn links() -> Vec<Link> {
    let mut events = Vec::new();
    for action in Action::ALL {
        let study = StudyUid::parse("1.2.840.99999.1").unwrap();
        let detail = json!({"server": "pacs.example", "bytes": 7, "text": "<&\"' ü \u{1}"});
        let mut full = AuditEvent::new("müller", *action, Timestamp(1_790_000_000_123), Some(study), detail)
            .because("<why> & \"how\"\n")
            .about(Some(PatientKey { id: "PAT-1".into(), issuer: Some("HOSPITAL".into()) }));
        full.more.name = Some("Dr. Käthe Müller".into());
        full.more.roles = vec!["radiologist".into(), "auditor".into()];
        full.more.from = Some(Origin { station: "READ-1".into(), program: "medsight 0.1.0".into() });
        full.more.clock = Some(Clock { state: ClockState::Unsynchronised, went_back: true });
        events.push(full.clone());
        events.push(full.ended(Outcome::SeriousFailure));
        let bare = AuditEvent::new("system", *action, Timestamp(0), None, Value::Null);
        events.push(bare);
    }
    let mut later = events[0].clone();
    later.what = "took_a_nap".into();
    events.push(later);
    let link =
        |(index, event)| Link { sequence: index as u64 + 1, form: FORM, event, hash: [index as u8; 32] };
    events.into_iter().enumerate().map(link).collect()
}

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

fn port(variable: &str) -> Option<u16> {
    let port = std::env::var(variable).ok()?.parse().ok()?;
    TcpStream::connect(("127.0.0.1", port)).ok().map(|_| port)
}

fn skipped(why: &str) {
    let _unwritten = writeln!(std::io::stderr().lock(), "SKIPPED: {why}");
}

#[test]
fn a_server_of_others_takes_every_audit_event_and_gives_it_back_as_it_was() {
    let Some(port) = port("PEER_FHIR_PORT") else {
        return skipped("no Medplum server at PEER_FHIR_PORT: no AuditEvent was sent");
    };
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
    let Some(port) = port("PEER_HFS_PORT") else {
        return skipped("no Helios server at PEER_HFS_PORT: no AuditEvent was validated");
    };
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

#[test]
fn sending_an_event_again_names_the_same_resource_and_no_other_event_has_its_name() {
    assert_eq!(fhir_id(SITE, 7), fhir_id(SITE, 7));
    assert_ne!(fhir_id(SITE, 7), fhir_id(SITE, 8));
    assert_ne!(fhir_id(SITE, 7), fhir_id("another", 7));
    assert_eq!(fhir_id(SITE, 7).len(), 36);
}

fn with<'a>(list: &'a Value, kind: &str, code: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|item| {
        let kind = &item[kind];
        let codings = kind["coding"].as_array().cloned().unwrap_or_else(|| vec![kind.clone()]);
        codings.iter().any(|coding| coding["code"] == code)
    })
}

/// BALP 1.1.5, `input/fsh`: agents client, server and user, entities data and patient, by pattern.
#[test]
fn whoever_claims_a_balp_pattern_has_what_the_pattern_asks_for() {
    let patterns = [
        ("PatientCreate", "C", "create", ("110153", "110152")),
        ("PatientRead", "R", "read", ("110152", "110153")),
        ("PatientUpdate", "U", "update", ("110153", "110152")),
        ("PatientDelete", "D", "delete", ("110150", "custodian")),
        ("PrivacyDisclosure.Source", "R", "disclose", ("110153", "110152")),
    ];
    let mut claimed = std::collections::BTreeSet::new();
    for link in links() {
        let resource = fhir(&link, SITE);
        let Some(profile) = resource["meta"]["profile"][0].as_str() else { continue };
        assert_eq!(resource["outcome"], "0", "failures claim no pattern");
        let name = profile.rsplit_once("IHE.BasicAudit.").unwrap().1;
        let (_, action, subtype, (client, server)) =
            patterns.iter().find(|pattern| pattern.0 == name).unwrap();
        assert_eq!(&resource["action"], action);
        assert!(resource["subtype"].as_array().unwrap().iter().any(|coding| coding["code"] == *subtype));
        for agent in [client, server] {
            let agent = with(&resource["agent"], "type", agent).unwrap();
            assert!(agent["who"].is_object() && agent["network"]["address"].is_string());
            assert!(agent.get("media").is_none());
        }
        let users: Vec<&Value> =
            resource["agent"].as_array().unwrap().iter().filter(|agent| agent["requestor"] == true).collect();
        assert_eq!(users.len(), 1);
        assert!(users[0]["who"].is_object() && users[0].get("network").is_none());
        let patient = with(&resource["entity"], "type", "1").unwrap();
        assert_eq!((&patient["role"]["code"], &patient["what"]["type"]), (&json!("1"), &json!("Patient")));
        let data: Vec<&Value> = resource["entity"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|entity| entity["type"]["code"] == "2")
            .collect();
        assert_eq!(data.len(), 1);
        assert!(["3", "4", "20"].contains(&data[0]["role"]["code"].as_str().unwrap()));
        claimed.insert(name.to_owned());
    }
    assert_eq!(claimed.len(), patterns.len(), "{claimed:?}");
}

/// An element of a message.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn names(&self) -> Vec<&str> {
        self.children.iter().map(|child| child.name.as_str()).collect()
    }
}

fn plain(text: &str) -> String {
    assert!(!text.contains('<') && !text.chars().any(|c| c < ' '), "{text:?} is no content of XML");
    for part in text.split('&').skip(1) {
        let name = part.split_once(';').map(|(name, _)| name);
        assert!(
            name.is_some_and(|name| ["amp", "lt", "gt", "quot", "#9", "#10", "#13"].contains(&name)),
            "{text}"
        );
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#10;", "\n")
        .replace("&amp;", "&")
}

/// Reads one element from the beginning of the text; what follows it.
fn element(xml: &str) -> (Element, &str) {
    let (head, mut rest) = xml.strip_prefix('<').unwrap().split_once('>').unwrap();
    let (head, is_empty) = head.strip_suffix('/').map_or((head, false), |head| (head, true));
    let mut element = Element { name: head.split(' ').next().unwrap().to_owned(), ..Element::default() };
    let mut attributes = &head[element.name.len()..];
    while let Some(attribute) = attributes.strip_prefix(' ') {
        let (name, value) = attribute.split_once("=\"").unwrap();
        let (value, after) = value.split_once('"').unwrap();
        assert!(element.get(name).is_none(), "{name} twice");
        element.attributes.push((name.to_owned(), plain(value)));
        attributes = after;
    }
    assert!(attributes.is_empty(), "{attributes}");
    if is_empty {
        return (element, rest);
    }
    let end = format!("</{}>", element.name);
    loop {
        if let Some(after) = rest.strip_prefix(&end) {
            return (element, after);
        }
        if rest.starts_with('<') {
            let (child, after) = self::element(rest);
            element.children.push(child);
            rest = after;
        } else {
            let at = rest.find('<').unwrap();
            element.text.push_str(&plain(&rest[..at]));
            rest = &rest[at..];
        }
    }
}

/// `CodedValueType`: csd-code, codeSystemName, originalText; displayName may be.
fn is_code(element: &Element) {
    for name in ["csd-code", "codeSystemName", "originalText"] {
        assert!(element.get(name).is_some_and(|value| !value.is_empty()), "{name} of {element:?}");
    }
    assert!(element.children.is_empty());
}

fn only(element: &Element, allowed: &[&str]) {
    for (name, _) in &element.attributes {
        assert!(allowed.contains(&name.as_str()), "{name} in {}", element.name);
    }
}

#[test]
fn every_message_follows_the_schema_of_the_standard() {
    for link in links() {
        let xml = dicom(&link, SITE);
        let (message, rest) = element(&xml);
        assert!(rest.is_empty() && message.name == "AuditMessage");
        let names = message.names();
        let mut order = names.clone();
        order.dedup();
        assert_eq!(
            order,
            [
                "EventIdentification",
                "ActiveParticipant",
                "AuditSourceIdentification",
                "ParticipantObjectIdentification"
            ]
        );
        assert_eq!(names.iter().filter(|name| **name == "AuditSourceIdentification").count(), 1);
        let event = &message.children[0];
        only(event, &["EventActionCode", "EventDateTime", "EventOutcomeIndicator"]);
        assert!(["C", "R", "U", "D", "E"].contains(&event.get("EventActionCode").unwrap()));
        assert!(["0", "4", "8", "12"].contains(&event.get("EventOutcomeIndicator").unwrap()));
        assert!(event.get("EventDateTime").unwrap().ends_with('Z'));
        let inside = event.names();
        assert_eq!(inside[0], "EventID");
        let described =
            inside.iter().position(|name| *name == "EventOutcomeDescription").unwrap_or(inside.len());
        assert!(
            inside[1..described].iter().all(|name| *name == "EventTypeCode") && described + 1 >= inside.len()
        );
        event.children[..described].iter().for_each(is_code);
        let mut requestors = 0;
        for part in &message.children[1..] {
            match part.name.as_str() {
                "ActiveParticipant" => {
                    let network = ["NetworkAccessPointID", "NetworkAccessPointTypeCode"];
                    only(part, &["UserID", "UserName", "UserIsRequestor", network[0], network[1]]);
                    assert!(!part.get("UserID").unwrap().is_empty());
                    assert_eq!(part.get(network[0]).is_some(), part.get(network[1]).is_some());
                    requestors += usize::from(part.get("UserIsRequestor") == Some("true"));
                    part.children.iter().for_each(is_code);
                    assert!(part.children.iter().all(|child| child.name == "RoleIDCode"));
                }
                "AuditSourceIdentification" => {
                    only(part, &["AuditEnterpriseSiteID", "AuditSourceID"]);
                    assert!(!part.get("AuditSourceID").unwrap().is_empty());
                    assert_eq!(part.children[0].get("csd-code"), Some("1"));
                }
                _ => is_object(part),
            }
        }
        assert_eq!(requestors, 1, "A.5.2: no more than one requestor");
    }
}

fn is_object(part: &Element) {
    let (kind, role) = ("ParticipantObjectTypeCode", "ParticipantObjectTypeCodeRole");
    only(part, &["ParticipantObjectID", kind, role]);
    assert!(!part.get("ParticipantObjectID").unwrap().is_empty());
    assert!(["1", "2", "3", "4"].contains(&part.get(kind).unwrap()));
    let role: u8 = part.get(role).unwrap().parse().unwrap();
    assert!((1..=26).contains(&role));
    let inside = part.names();
    assert_eq!(
        inside[..2],
        ["ParticipantObjectIDTypeCode", "ParticipantObjectName"],
        "a name or a query must be"
    );
    is_code(&part.children[0]);
    assert!(!part.children[1].text.is_empty());
    let order = |name: &str| {
        ["ParticipantObjectDetail", "ParticipantObjectDescription"].iter().position(|n| *n == name)
    };
    assert!(inside[2..].iter().map(|name| order(name).unwrap()).is_sorted());
    for detail in part.children.iter().filter(|child| child.name == "ParticipantObjectDetail") {
        only(detail, &["type", "value"]);
        let value = detail.get("value").unwrap();
        assert!(
            value.len().is_multiple_of(4)
                && value.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c))
        );
    }
}

#[test]
fn a_message_says_who_whose_data_and_which_study() {
    let all = links();
    let opened = all.iter().find(|link| link.event.action() == Some(Action::StudyOpened)).unwrap();
    let (message, _) = element(&dicom(opened, SITE));
    assert_eq!(message.children[0].children[0].get("csd-code"), Some("110103"));
    let person = &message.children[1];
    assert_eq!((person.get("UserID"), person.get("UserName")), (Some("müller"), Some("Dr. Käthe Müller")));
    let objects: Vec<&str> =
        message.children.iter().filter_map(|child| child.get("ParticipantObjectID")).collect();
    assert_eq!(objects[..2], ["1.2.840.99999.1", "PAT-1^^^HOSPITAL"]);
    let glass = all.iter().find(|link| link.event.action() == Some(Action::BrokeGlass)).unwrap();
    let (message, _) = element(&dicom(glass, SITE));
    let codes: Vec<_> =
        message.children[0].children.iter().filter_map(|child| child.get("csd-code")).collect();
    assert_eq!(codes, ["110113", "110127", "broke_glass"]);
    assert_eq!(message.children[0].children[3].text, "<why> & \"how\"\n");
}
