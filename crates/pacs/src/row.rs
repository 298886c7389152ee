//! One answer to a query, whichever way it came: the DICOM JSON model (PS3.18 F).

use crate::keys::{keyword, vr};
use dicom_core::{Tag, VR};
use medsight_dicom::{Dataset, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Attributes with their values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(pub Map<String, Value>);

/// Sequences in sequences are followed this far; what is deeper is left out.
const DEEPEST: usize = 8;

impl Row {
    /// From a data set as DIMSE brings it.
    #[must_use]
    pub fn of(object: &Object<'_>) -> Self {
        Self(map_of(&object.data(), 0))
    }

    /// The first value of an attribute as text; empty when there is none.
    #[must_use]
    pub fn text(&self, tag: Tag) -> String {
        self.texts(tag).into_iter().next().unwrap_or_default()
    }

    /// All values of an attribute as text.
    #[must_use]
    pub fn texts(&self, tag: Tag) -> Vec<String> {
        let element = self.0.get(&format!("{:04X}{:04X}", tag.group(), tag.element()));
        let values = element.and_then(|e| e.get("Value")).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(plain).collect()
    }

    /// The items of a sequence.
    #[must_use]
    pub fn items(&self, tag: Tag) -> Vec<Self> {
        let element = self.0.get(&format!("{:04X}{:04X}", tag.group(), tag.element()));
        let values = element.and_then(|e| e.get("Value")).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(|v| v.as_object().cloned().map(Self)).collect()
    }

    /// With keywords for names and plain values, as scripts like it: `{"PatientID": "A12", …}`.
    #[must_use]
    pub fn by_keyword(&self) -> Value {
        let named = self.0.iter().filter_map(|(digits, element)| {
            let tag = crate::keys::tag_named(digits)?;
            let values = element.get("Value").and_then(Value::as_array).cloned().unwrap_or_default();
            let sequence = element.get("vr").and_then(Value::as_str) == Some("SQ");
            let mut shown: Vec<Value> = if sequence {
                let items = values.into_iter().filter_map(|v| v.as_object().cloned());
                items.map(|item| Self(item).by_keyword()).collect()
            } else {
                values.iter().map(|v| plain(v).map_or(Value::Null, Value::String)).collect()
            };
            let value = match shown.len() {
                0 => Value::Null,
                1 if !sequence => shown.remove(0),
                _ => Value::Array(shown),
            };
            Some((keyword(tag), value))
        });
        Value::Object(named.collect())
    }
}

/// A value as text: person names by their first group that is there (PS3.18 F.2.2).
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(name) => {
            let groups =
                ["Alphabetic", "Ideographic", "Phonetic"].map(|g| name.get(g).and_then(Value::as_str));
            let groups = groups.map(Option::unwrap_or_default).join("=");
            let text = groups.trim_end_matches('=');
            (!text.is_empty()).then(|| text.to_owned())
        }
        _ => None,
    }
}

fn map_of(data: &Dataset<'_>, depth: usize) -> Map<String, Value> {
    let mut map = Map::new();
    for tag in data.tags() {
        let vr = vr(tag);
        if tag.element() == 0 || (vr == VR::SQ && depth == DEEPEST) {
            continue;
        }
        let values: Vec<Value> = match vr {
            VR::SQ => data.items(tag).iter().map(|item| Value::Object(map_of(item, depth + 1))).collect(),
            VR::PN => data.texts(tag).iter().map(|name| name_of(name)).collect(),
            VR::LT | VR::ST | VR::UT => data.text(tag).into_iter().map(Value::String).collect(),
            VR::DS | VR::IS | VR::US | VR::SS | VR::UL | VR::SL | VR::FL | VR::FD => {
                // An unreadable number is shown as it stands.
                match data.numbers(tag) {
                    Ok(numbers) => numbers.into_iter().flatten().map(number).collect(),
                    Err(_) => data.texts(tag).into_iter().map(Value::String).collect(),
                }
            }
            // Bytes are no answer to a query.
            VR::OB | VR::OW | VR::OF | VR::OD | VR::OL | VR::OV | VR::UN => Vec::new(),
            _ => data.texts(tag).into_iter().map(Value::String).collect(),
        };
        let mut element = json!({"vr": vr.to_string()});
        if !values.is_empty() {
            element["Value"] = Value::Array(values);
        }
        map.insert(format!("{:04X}{:04X}", tag.group(), tag.element()), element);
    }
    map
}

fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9.0e15 { json!(value as i64) } else { json!(value) }
}

fn name_of(text: &str) -> Value {
    let mut name = Map::new();
    for (key, group) in ["Alphabetic", "Ideographic", "Phonetic"].into_iter().zip(text.split('=')) {
        if !group.is_empty() {
            name.insert(key.to_owned(), Value::String(group.to_owned()));
        }
    }
    Value::Object(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;
    use dicom_dictionary_std::tags;

    #[test]
    fn an_answer_reads_the_same_from_dimse_and_from_dicomweb() {
        let keys = Keys::new()
            .matching(tags::PATIENT_NAME, "Yamada^Tarou=山田^太郎")
            .matching(tags::STUDY_DESCRIPTION, "Head")
            .item(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, Keys::new().matching(tags::MODALITY, "CT"));
        let row = Row::of(&crate::part10::as_object(crate::syntax::IMPLICIT, &keys.encode()).unwrap());
        assert_eq!(row.text(tags::PATIENT_NAME), "Yamada^Tarou=山田^太郎");
        assert_eq!(row.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE)[0].text(tags::MODALITY), "CT");
        let back: Row = serde_json::from_str(&serde_json::to_string(&row).unwrap()).unwrap();
        assert_eq!(back, row);
        assert_eq!(row.by_keyword()["ScheduledProcedureStepSequence"][0]["Modality"], "CT");
    }
}
