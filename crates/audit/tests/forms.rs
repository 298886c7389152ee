//! The forms for other systems: which patterns an event claims, and what a message says. What servers of others say to them
//! is in `crates/sync/tests/audit_events.rs`; whether messages follow the standard's schema in `schema.rs`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod drawn;

use drawn::{SITE, links};
use medsight_audit::{Action, dicom, fhir, fhir_id};
use serde_json::{Value, json};

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
