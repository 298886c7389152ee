//! Parcels as one transaction, with the patient and the study that they need.

use super::link::Shared;
use super::names::{DICOM_UID, URI, token, urn, uuid_of};
use super::parcel::{Known, Parcel};
use super::resources::{About, imaging_study, patient};
use crate::Trouble;
use medsight_cache::Remote;
use medsight_record::StudyRecord;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One entry of a transaction, and what it is for.
pub(super) enum Slot {
    /// Patient or study, by the key of its remote.
    Needed { key: String, study: String },
    /// The parcel itself, by its place in the list.
    Main(usize),
    /// What goes with the parcel.
    Beside(usize),
}

impl Shared {
    pub(super) fn known(&self, study: &StudyRecord) -> Result<Known, Trouble> {
        let place =
            |key: &str| Ok::<_, Trouble>(self.cache.remote(&self.name, key)?.map(|remote| remote.place));
        Ok(Known { patient: place(&patient_key(study))?, study: place(&study_key(study))? })
    }

    /// A transaction, what each entry of it is for, and which parcels hold nothing to send.
    pub(super) fn bundle(&self, parcels: &[Parcel]) -> Result<(Value, Vec<Slot>, Vec<usize>), Trouble> {
        let (mut entries, mut slots, mut empty) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen: BTreeMap<String, Known> = BTreeMap::new();
        let mut patients: BTreeMap<String, String> = BTreeMap::new();
        for (at, parcel) in parcels.iter().enumerate() {
            let study = &parcel.study;
            let name = study.uid.to_string();
            let mut known = match seen.get(&name) {
                Some(known) => known.clone(),
                None => self.known(study)?,
            };
            let mut needed: Vec<(String, Value, Slot)> = Vec::new();
            if known.patient.is_none() {
                let key = patient_key(study);
                if let Some(reference) = patients.get(&key) {
                    known.patient = Some(reference.clone());
                } else if let Some(resource) = patient(&self.server, study) {
                    let reference = urn(uuid_of(&self.sync_id, "patient", &key));
                    let system = &self.server.patient_system;
                    let search = token("identifier", system, study.patient.id.trim());
                    needed.push((
                        reference.clone(),
                        create(&reference, resource, &search),
                        Slot::Needed { key: key.clone(), study: name.clone() },
                    ));
                    patients.insert(key, reference.clone());
                    known.patient = Some(reference);
                }
            }
            if known.study.is_none() {
                let key = study_key(study);
                let reference = urn(uuid_of(&self.sync_id, "study", &name));
                known.study = Some(reference.clone());
                let about = self.about(study, &known);
                let search = token("identifier", DICOM_UID, &format!("urn:oid:{name}"));
                needed.push((
                    reference.clone(),
                    create(&reference, imaging_study(&about), &search),
                    Slot::Needed { key, study: name.clone() },
                ));
            }
            let Some(resource) = parcel.resource(&self.about(study, &known)) else {
                // A draft of a report, an arrow: nothing for others. What it would have needed is not made for it.
                for (reference, _, slot) in &needed {
                    if matches!(slot, Slot::Needed { key, .. } if key.starts_with("patient:")) {
                        patients.retain(|_, known| known != reference);
                    }
                }
                empty.push(at);
                continue;
            };
            seen.insert(name, known);
            for (_, entry, slot) in needed {
                entries.push(entry);
                slots.push(slot);
            }
            // Not its own name: servers write the place of an entry over every text that is the entry's name.
            let full_url = urn(uuid_of(&self.sync_id, "entry", &parcel.identity()));
            let target = match &parcel.remote {
                Some(remote) => {
                    entries.push(update(resource, remote));
                    remote.place.clone()
                }
                None => {
                    entries.push(create_in(parcel.kind(), &full_url, resource, &parcel.search()));
                    full_url
                }
            };
            slots.push(Slot::Main(at));
            if let Some((id, resource)) = parcel.provenance(&self.sync_id, &target) {
                let full_url = urn(uuid_of(&self.sync_id, "entry", &urn(id)));
                entries.push(create(&full_url, resource, &token("_tag", URI, &urn(id))));
                slots.push(Slot::Beside(at));
            }
        }
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        Ok((bundle, slots, empty))
    }

    pub(super) fn about<'a>(&'a self, study: &'a StudyRecord, known: &Known) -> About<'a> {
        About {
            server: &self.server,
            study,
            patient: known.patient.clone(),
            imaging_study: known.study.clone().unwrap_or_default(),
        }
    }
}

pub(super) fn patient_key(study: &StudyRecord) -> String {
    format!("patient:{}", study.patient.id.trim())
}

fn study_key(study: &StudyRecord) -> String {
    format!("study:{}", study.uid)
}

fn create(full_url: &str, resource: Value, search: &str) -> Value {
    let kind = resource["resourceType"].as_str().unwrap_or_default().to_owned();
    create_in(&kind, full_url, resource, search)
}

fn create_in(kind: &str, full_url: &str, resource: Value, search: &str) -> Value {
    json!({
        "fullUrl": full_url,
        "resource": resource,
        "request": {"method": "POST", "url": kind, "ifNoneExist": search},
    })
}

fn update(mut resource: Value, remote: &Remote) -> Value {
    resource["id"] = json!(remote.place.rsplit('/').next());
    let mut request = json!({"method": "PUT", "url": remote.place});
    if let Some(version) = &remote.version {
        request["ifMatch"] = json!(format!("W/\"{version}\""));
    }
    json!({"resource": resource, "request": request})
}
