//! Settings as the settings page shows and changes them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Where the key is kept, for reading only: it is chosen at the start, on the command line.
#[derive(Clone, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct KeySourceInfo {
    /// `keyring`, `file` or `credential`.
    pub kind: String,
    /// In words.
    pub place: String,
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
    /// Names of settings the site has fixed.
    pub locked: Vec<String>,
    /// Where the key is kept.
    pub key_source: KeySourceInfo,
    /// Folder of the cache.
    pub cache_folder: String,
    /// Bytes of images in the cache.
    pub cache_bytes: u64,
}

/// One setting and its new value.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(tag = "name", content = "value", rename_all = "snake_case")]
pub enum SettingsChange {
    /// Language; absent follows the system.
    Locale(#[ts(type = "\"en\" | \"es\" | \"de\" | null")] Option<String>),
    /// Colours.
    Theme(#[ts(type = "\"dark\" | \"light\"")] String),
    /// Height of rows.
    Density(#[ts(type = "\"compact\" | \"regular\" | \"touch\"")] String),
    /// Most GiB of images kept; 0 for no limit.
    CacheQuotaGib(u32),
    /// Screen pixels in a millimetre; absent when not measured.
    ScreenPxPerMm(Option<f64>),
    /// Columns of the worklist in their order.
    WorklistColumns(Vec<String>),
}
