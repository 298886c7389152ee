//! `dataset.json`: channels and labels.

use serde::Deserialize;
use serde_json::Value;

use super::plans::PlanError;
use crate::in_order::InOrder;

/// What a head of the network stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelValue {
    /// A label of its own.
    One(u16),
    /// A region made of several labels; regions may lie in one another.
    Region(Vec<u16>),
}

/// A named label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Name in the dataset.
    pub name: String,
    /// Which voxels it is.
    pub value: LabelValue,
}

/// What the heads of a network mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Names of the channels in order: `CT`, `T1`.
    pub channels: Vec<String>,
    /// Labels but for the background and what was left out of the training, as the file lists them.
    pub labels: Vec<Label>,
    /// For regions: the label that each one writes, in the order of writing. Later ones write over earlier ones.
    pub regions_order: Option<Vec<u16>>,
    /// All labels with the background, ascending.
    pub all_labels: Vec<u16>,
}

#[derive(Deserialize)]
struct Json {
    channel_names: Option<InOrder>,
    /// What version 1 called the channels.
    modality: Option<InOrder>,
    /// The heads of a network of regions are in the order of the file.
    labels: InOrder,
    regions_class_order: Option<Vec<u16>>,
}

impl Dataset {
    /// Reads `dataset.json`.
    ///
    /// # Errors
    /// [`PlanError`] with the key that is missing or wrong.
    pub fn read(text: &[u8]) -> Result<Self, PlanError> {
        let fault = |reason: String| PlanError::Dataset(reason);
        let json: Json = serde_json::from_slice(text).map_err(|error| fault(error.to_string()))?;
        let channels = json
            .channel_names
            .or(json.modality)
            .ok_or_else(|| fault("missing field `channel_names`".to_owned()))?;
        let mut channels: Vec<(usize, String)> = channels
            .0
            .iter()
            .map(|(key, name)| match (key.parse(), name.as_str()) {
                (Ok(place), Some(name)) => Ok((place, name.to_owned())),
                _ => Err(fault(format!(
                    "`channel_names` has the entry `{key}`; numbers with names are expected"
                ))),
            })
            .collect::<Result<_, _>>()?;
        channels.sort_unstable();
        if channels.iter().enumerate().any(|(place, (number, _))| place != *number) || channels.is_empty() {
            return Err(fault("`channel_names` are not numbered from 0".to_owned()));
        }
        let background = json.labels.0.iter().find(|(name, _)| name == "background");
        if background.and_then(|(_, value)| value.as_u64()) != Some(0) {
            return Err(fault("`labels.background` is not 0".to_owned()));
        }
        let mut labels = Vec::new();
        let mut all_labels = Vec::new();
        let mut has_regions = false;
        for (name, value) in json.labels.0.iter().filter(|(name, _)| name != "ignore") {
            let values =
                values_of(value).ok_or_else(|| fault(format!("`labels.{name}` is no label number")))?;
            all_labels.extend(&values);
            if values.iter().all(|value| *value == 0) {
                continue;
            }
            has_regions |= values.len() > 1;
            let value = match values.as_slice() {
                [one] => LabelValue::One(*one),
                _ => LabelValue::Region(values),
            };
            labels.push(Label { name: name.clone(), value });
        }
        all_labels.sort_unstable();
        all_labels.dedup();
        let regions_order = match (has_regions, json.regions_class_order) {
            (false, _) => None,
            (true, Some(order)) if order.len() == labels.len() => Some(order),
            (true, _) => {
                let reason = format!(
                    "`regions_class_order` does not name a label for each of {} regions",
                    labels.len()
                );
                return Err(fault(reason));
            }
        };
        let channels = channels.into_iter().map(|(_, name)| name).collect();
        Ok(Self { channels, labels, regions_order, all_labels })
    }

    /// Heads of the network.
    pub fn heads(&self) -> usize {
        match &self.regions_order {
            Some(order) => order.len(),
            None => self.all_labels.len(),
        }
    }

    /// Labels but for the background, ascending: the channels that a cascade adds.
    pub fn foreground(&self) -> impl Iterator<Item = u16> {
        self.all_labels.iter().copied().filter(|label| *label != 0)
    }
}

fn values_of(value: &Value) -> Option<Vec<u16>> {
    let one = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok());
    match value {
        Value::Array(values) if !values.is_empty() => values.iter().map(one).collect(),
        other => one(other).map(|value| vec![value]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_order_and_what_is_ignored_is_no_head() {
        let json =
            br#"{"channel_names":{"0":"CT"},"labels":{"background":0,"liver":2,"spleen":1,"ignore":3}}"#;
        let dataset = Dataset::read(json).unwrap();
        assert_eq!(dataset.heads(), 3);
        assert_eq!(dataset.labels[0].name, "liver");
        assert_eq!(dataset.foreground().collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn regions_need_the_order_in_which_they_are_written() {
        let with =
            br#"{"channel_names":{"0":"T1","1":"T2"},"labels":{"background":0,"whole":[1,2,3],"core":[2,3]},
            "regions_class_order":[1,2]}"#;
        let dataset = Dataset::read(with).unwrap();
        assert_eq!((dataset.heads(), dataset.channels.len()), (2, 2));
        assert_eq!(
            dataset.labels.iter().map(|label| label.name.as_str()).collect::<Vec<_>>(),
            ["whole", "core"]
        );
        let without = br#"{"channel_names":{"0":"T1"},"labels":{"background":0,"whole":[1,2],"core":2}}"#;
        assert!(Dataset::read(without).unwrap_err().to_string().contains("regions_class_order"));
        let nothing = br#"{"labels":{"background":0}}"#;
        assert!(Dataset::read(nothing).unwrap_err().to_string().contains("channel_names"));
    }
}
