//! Settings as the settings page shows and changes them.

use super::{DestinationForm, IdentityForm, ListenerForm, ModelsForm, NodeForm, SourceForm};
use crate::problem::Problem;
use medsight_record::settings::{Density, SettingChange, Theme};
use medsight_record::words::Locale;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// Where the key is kept, for reading only: it is chosen at the start, on the command line.
#[derive(Clone, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct KeySourceInfo {
    /// `keyring`, `file` or `credential`.
    pub kind: String,
    /// Path of the file or name of the credential; empty for the keyring.
    pub name: String,
}

/// All settings with their values.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SettingsView {
    /// Language in use.
    #[ts(type = "\"en\" | \"es\" | \"de\"")]
    pub locale: String,
    /// The language follows the system.
    pub locale_from_system: bool,
    /// Colours.
    #[ts(type = "\"dark\" | \"light\"")]
    pub theme: String,
    /// Height of rows.
    #[ts(type = "\"compact\" | \"regular\" | \"touch\"")]
    pub density: String,
    /// Most GiB of images kept; 0 for no limit.
    pub cache_quota_gib: u32,
    /// Screen pixels in a millimetre.
    pub screen_px_per_mm: Option<f64>,
    /// Columns of the worklist in their order.
    pub worklist_columns: Vec<String>,
    /// Minutes to the report that the site promises, by priority.
    #[ts(type = "Record<string, number>")]
    pub service_minutes: BTreeMap<String, u32>,
    /// Peers on the network.
    pub nodes: Vec<NodeForm>,
    /// Whether and how this workstation takes what others send.
    pub listener: ListenerForm,
    /// Sign-in and lock.
    pub identity: IdentityForm,
    /// Systems that findings, reports, objects and audit events are sent to.
    pub destinations: Vec<DestinationForm>,
    /// Systems that orders and earlier reports are asked of.
    pub sources: Vec<SourceForm>,
    /// Which models may run, and which run by themselves.
    pub models: ModelsForm,
    /// The policy of the site that is fetched; none where the machine's policy names no server.
    pub site_policy: Option<SitePolicyView>,
    /// Names of settings the site has fixed.
    pub locked: Vec<String>,
    /// Where the key is kept.
    pub key_source: KeySourceInfo,
    /// Folder of the cache.
    pub cache_folder: String,
    /// Bytes of images in the cache.
    pub cache_bytes: u64,
}

/// The policy of the site that is fetched from a server.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SitePolicyView {
    /// Its server.
    pub url: String,
    /// Number of the one that holds; none came yet, or none that is believed.
    pub serial: Option<u64>,
    /// When the server was last asked, milliseconds since 1970.
    pub asked_ms: Option<i64>,
    /// Why none holds, or no newer one.
    pub problem: Option<Problem>,
}

/// One setting and its new value; a value that is none of those listed is refused before it gets here.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(tag = "name", content = "value", rename_all = "snake_case")]
pub enum SettingsChange {
    /// Language; absent follows the system.
    Locale(#[ts(type = "\"en\" | \"es\" | \"de\" | null")] Option<Locale>),
    /// Colours.
    Theme(#[ts(type = "\"dark\" | \"light\"")] Theme),
    /// Height of rows.
    Density(#[ts(type = "\"compact\" | \"regular\" | \"touch\"")] Density),
    /// Most GiB of images kept; 0 for no limit.
    CacheQuotaGib(u32),
    /// Screen pixels in a millimetre; absent when not measured.
    ScreenPxPerMm(Option<f64>),
    /// Columns of the worklist in their order.
    WorklistColumns(Vec<String>),
    /// Peers on the network, all of them.
    Nodes(Vec<NodeForm>),
    /// Whether and how this workstation takes what others send.
    Listener(Box<ListenerForm>),
    /// Sign-in and lock.
    Identity(Box<IdentityForm>),
    /// Where findings, reports, objects and audit events go, all of them.
    Destinations(Vec<DestinationForm>),
    /// Where orders and earlier reports come from, all of them.
    Sources(Vec<SourceForm>),
    /// Which models may run, and which run by themselves.
    Models(Box<ModelsForm>),
}

impl TryFrom<SettingsChange> for SettingChange {
    type Error = Problem;

    fn try_from(change: SettingsChange) -> Result<Self, Problem> {
        Ok(match change {
            SettingsChange::Locale(locale) => Self::Locale(locale),
            SettingsChange::Theme(theme) => Self::Theme(theme),
            SettingsChange::Density(density) => Self::Density(density),
            SettingsChange::CacheQuotaGib(gib) => Self::CacheQuotaGib(gib),
            SettingsChange::ScreenPxPerMm(px_per_mm) => Self::ScreenPxPerMm(px_per_mm),
            SettingsChange::WorklistColumns(columns) => Self::WorklistColumns(columns),
            SettingsChange::Nodes(nodes) => Self::Nodes(nodes.into_iter().map(Into::into).collect()),
            SettingsChange::Listener(form) => Self::Listener(Box::new((*form).try_into()?)),
            SettingsChange::Destinations(forms) => {
                Self::Destinations(forms.into_iter().map(Into::into).collect())
            }
            SettingsChange::Sources(forms) => Self::Sources(forms.into_iter().map(Into::into).collect()),
            SettingsChange::Models(form) => Self::Models(Box::new((*form).into())),
            SettingsChange::Identity(form) => Self::Identity(Box::new((*form).into())),
        })
    }
}
