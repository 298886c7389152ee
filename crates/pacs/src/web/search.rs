//! QIDO-RS (PS3.18 10.6): queries for studies, series and instances, page by page; and metadata (10.4).

use super::{WebClient, checked};
use crate::find::Level;
use crate::keys::Keys;
use crate::row::Row;
use crate::{NetError, Wanted};
use dicom_dictionary_std::tags;
use reqwest::header::WARNING;
use reqwest::{Method, StatusCode};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// Rows of one page.
const PAGE: usize = 500;
/// Longest page, in bytes.
const MAX_PAGE: u64 = 64 << 20;
/// Longest metadata, in bytes: a series of ten thousand instances.
const MAX_METADATA: u64 = 1 << 30;
const JSON: &str = "application/dicom+json";

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebQuery {
    /// Studies, series or images.
    pub level: Level,
    /// Within this study.
    pub study: Option<String>,
    /// Within this series.
    pub series: Option<String>,
    /// Matches, and further attributes to be returned.
    pub keys: Keys,
    /// Rows at most.
    pub limit: usize,
}

impl WebQuery {
    fn path(&self) -> Result<String, NetError> {
        let mut path = String::new();
        if let Some(study) = &self.study {
            path += &format!("studies/{}/", checked(study)?);
        }
        if let Some(series) = self.series.as_ref().filter(|_| self.study.is_some()) {
            path += &format!("series/{}/", checked(series)?);
        }
        path += match self.level {
            Level::Patient => {
                return Err(NetError::Settings("DICOMweb has no queries for patients".to_owned()));
            }
            Level::Study => "studies",
            Level::Series => "series",
            Level::Image => "instances",
        };
        Ok(path)
    }

    fn unique(&self) -> dicom_core::Tag {
        match self.level {
            Level::Patient | Level::Study => tags::STUDY_INSTANCE_UID,
            Level::Series => tags::SERIES_INSTANCE_UID,
            Level::Image => tags::SOP_INSTANCE_UID,
        }
    }
}

impl WebClient {
    /// Looks for studies, series or instances. Whether the server had more is the second value.
    ///
    /// # Errors
    /// [`NetError`].
    pub async fn search(
        &self,
        query: &WebQuery,
        cancel: &CancellationToken,
    ) -> Result<(Vec<Row>, bool), NetError> {
        let mut rows: Vec<Row> = Vec::new();
        let mut seen = BTreeSet::new();
        loop {
            let asked = PAGE.min(query.limit - rows.len());
            if asked == 0 {
                return Ok((rows, true));
            }
            let mut url = self.resource(&query.path()?)?;
            {
                let mut pairs = url.query_pairs_mut();
                for (tag, value) in query.keys.texts() {
                    let digits = format!("{:04X}{:04X}", tag.group(), tag.element());
                    match value {
                        "" => pairs.append_pair("includefield", &digits),
                        value => pairs.append_pair(&digits, value),
                    };
                }
                pairs.append_pair("limit", &asked.to_string()).append_pair("offset", &rows.len().to_string());
            }
            let response = self.send(self.request(Method::GET, url, JSON)?, "QIDO-RS", cancel).await?;
            if response.status() == StatusCode::NO_CONTENT {
                return Ok((rows, false));
            }
            // 299: "there are more than are returned" (PS3.18 10.6.3.2).
            let cut = response.headers().get_all(WARNING).iter().any(|w| w.as_bytes().starts_with(b"299"));
            let page = parse(&self.body(response, MAX_PAGE, cancel).await?)?;
            let told = page.len();
            let before = rows.len();
            // A server that pays no heed to the offset gives the same rows again.
            rows.extend(page.into_iter().filter(|row| seen.insert(row.text(query.unique()))));
            if rows.len() == before || (told < asked && !cut) {
                return Ok((rows, false));
            }
        }
    }

    /// All attributes but the bulk ones, of every instance (PS3.18 10.4.1.1.2).
    ///
    /// # Errors
    /// [`NetError`].
    pub async fn metadata(&self, wanted: &Wanted, cancel: &CancellationToken) -> Result<Vec<Row>, NetError> {
        let url = self.resource(&format!("{}/metadata", super::retrieve::path_of(wanted)?))?;
        let response = self.send(self.request(Method::GET, url, JSON)?, "WADO-RS metadata", cancel).await?;
        parse(&self.body(response, MAX_METADATA, cancel).await?)
    }
}

pub(crate) fn parse(body: &[u8]) -> Result<Vec<Row>, NetError> {
    serde_json::from_slice(body).map_err(|_| NetError::malformed("an answer that is not DICOM JSON"))
}
