//! Whether a server has a patient once.
//!
//! A condition of a transaction asks the same, but a server that does not roll a failed transaction back keeps the findings of
//! it with a subject that does not exist. So nothing is sent of a patient whom the server has several times.

use super::bundle::patient_key;
use super::http::Http;
use super::link::Shared;
use super::names::token;
use super::parcel::Parcel;
use crate::Trouble;
use medsight_record::destination::Patients;
use reqwest::Method;
use reqwest::header::HeaderMap;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

impl Shared {
    /// The parcels whose patients are known there, or are there once at most; and the others.
    pub(super) async fn of_one_patient(
        &self,
        http: &Http,
        parcels: Vec<Parcel>,
        cancel: &CancellationToken,
    ) -> Result<(Vec<Parcel>, Vec<Parcel>), Trouble> {
        if self.server.patients == Patients::Refer {
            return Ok((parcels, Vec::new()));
        }
        let mut is_several: BTreeMap<String, bool> = BTreeMap::new();
        for parcel in &parcels {
            let key = patient_key(&parcel.study);
            let id = parcel.study.patient.id.trim();
            if is_several.contains_key(&key) || id.is_empty() || self.known(&parcel.study)?.patient.is_some()
            {
                continue;
            }
            let search = token("identifier", &self.server.patient_system, id);
            let question = format!("Patient?{search}&_count=2&_elements=id");
            let answer = http.answer(Method::GET, &question, None, HeaderMap::new(), cancel).await?;
            let found = match answer.status.as_u16() {
                200..=299 => answer.body["entry"].as_array().map_or(0, |entries| {
                    entries.iter().filter(|entry| entry["resource"]["resourceType"] == "Patient").count()
                }),
                status @ 500.. => return Err(Trouble::Server(status)),
                // Who may not search may create all the same: then the condition alone decides.
                _ => 0,
            };
            is_several.insert(key, found > 1);
        }
        Ok(parcels.into_iter().partition(|parcel| is_several.get(&patient_key(&parcel.study)) != Some(&true)))
    }
}
