//! Names of things on other systems, and the codes of schemes.

use medsight_dicom::derived::Code;
use medsight_record::CodedName;
use ring::digest::{Context, SHA256};
use serde_json::{Value, json};
use uuid::{Builder, Uuid};

/// System of identifiers that are URIs themselves (R4 identifier registry).
pub(crate) const URI: &str = "urn:ietf:rfc:3986";
/// System of DICOM UIDs as identifiers.
pub(crate) const DICOM_UID: &str = "urn:dicom:uid";
const LOCAL_CODES: &str = "urn:medsight:codes";

/// A name made of this cache's own random bits and the name of a thing in it: always the same, met nowhere else
/// (RFC 9562 5.8, version 8 of SHA-256).
#[must_use]
pub fn uuid_of(sync_id: &[u8; 16], what: &str, name: &str) -> Uuid {
    let mut hash = Context::new(&SHA256);
    for part in [&sync_id[..], what.as_bytes(), name.as_bytes()] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finish().as_ref()[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

pub(crate) fn urn(id: Uuid) -> String {
    format!("urn:uuid:{}", id.as_hyphenated())
}

/// The name of a thing, and of its revision.
pub(crate) fn identifiers(id: Uuid, revision: i64) -> Value {
    json!([
        {"use": "official", "system": URI, "value": urn(id)},
        {"use": "secondary", "system": URI, "value": format!("{}#{revision}", urn(id))},
    ])
}

/// The revision that a resource says it is, by the identifiers of [`identifiers`] or the tag of [`tag`].
pub(crate) fn revision_of(resource: &Value, id: Uuid) -> Option<i64> {
    let prefix = format!("{}#", urn(id));
    let texts = |list: &Value, member: &str| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.filter_map(|one| one[member].as_str().map(str::to_owned)).collect()
    };
    let identifiers = match &resource["identifier"] {
        Value::Array(_) => texts(&resource["identifier"], "value"),
        one => one["value"].as_str().map(str::to_owned).into_iter().collect(),
    };
    let tags = texts(&resource["meta"]["tag"], "code");
    identifiers.iter().chain(&tags).filter_map(|text| text.strip_prefix(&prefix)?.parse().ok()).max()
}

/// For resources that have no identifier in R4 (Provenance, AuditEvent).
pub(crate) fn tag(id: Uuid, revision: i64) -> Value {
    json!({"tag": [{"system": URI, "code": urn(id)}, {"system": URI, "code": format!("{}#{revision}", urn(id))}]})
}

/// A search for a token. What separates or ends a parameter is escaped.
pub(crate) fn token(parameter: &str, system: &str, value: &str) -> String {
    format!("{parameter}={}|{}", escaped(system), escaped(value))
}

/// For a URL's query: FHIR's own escapes (R4 search 3.1.1.4.0.1), then percent.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | '|' | ',' | '$') {
            out.push_str("%5C");
        }
        if c.is_ascii_alphanumeric() || "-._~:/".contains(c) {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}

/// The URI of a coding scheme (PS3.16 table 8-1).
pub(crate) fn system_of(scheme: &str) -> &str {
    match scheme {
        "DCM" => "http://dicom.nema.org/resources/ontology/DCM",
        "SCT" | "SRT" => "http://snomed.info/sct",
        "LN" => "http://loinc.org",
        "UCUM" => "http://unitsofmeasure.org",
        "RADLEX" => "http://www.radlex.org",
        "NCIt" => "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
        "RFC5646" => "urn:ietf:bcp:47",
        _ => LOCAL_CODES,
    }
}

pub(crate) fn concept(code: &CodedName) -> Value {
    json!({"coding": [coding(&code.scheme, &code.value, &code.meaning)], "text": code.meaning})
}

pub(crate) fn concept_of(code: &Code) -> Value {
    concept(&code.named())
}

fn coding(scheme: &str, value: &str, meaning: &str) -> Value {
    json!({"system": system_of(scheme), "code": value, "display": meaning})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_has_the_same_name_every_time_and_another_cache_another() {
        let one = uuid_of(&[1; 16], "task", "1.2.3");
        assert_eq!(one, uuid_of(&[1; 16], "task", "1.2.3"));
        assert_ne!(one, uuid_of(&[2; 16], "task", "1.2.3"));
        assert_ne!(one, uuid_of(&[1; 16], "task1", ".2.3"));
        assert_eq!(one.get_version_num(), 8);
    }

    #[test]
    fn a_resource_tells_its_revision() {
        let id = Uuid::from_u128(7);
        let resource = json!({"identifier": identifiers(id, 3)});
        assert_eq!(revision_of(&resource, id), Some(3));
        assert_eq!(revision_of(&resource, Uuid::from_u128(8)), None);
        assert_eq!(revision_of(&json!({"meta": tag(id, 9)}), id), Some(9));
        assert_eq!(revision_of(&json!({"identifier": identifiers(id, 1)[1]}), id), Some(1));
    }

    #[test]
    fn an_id_with_signs_of_a_query_asks_for_itself_alone() {
        assert_eq!(token("identifier", "urn:oid:1.2", "A&b=c|d"), "identifier=urn:oid:1.2|A%26b%3Dc%5C%7Cd");
    }
}
