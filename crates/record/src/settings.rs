//! Settings: built-in defaults, then the person's differences, then the site's policy: the one that was fetched
//! ([`crate::site_policy`]), and above all others the one on the machine.
//!
//! Only differences are stored. What the site has set can't be changed by the person; [`Settings::locked`]
//! says so, so that the user interface can show who set it.

mod references;

use crate::Retention;
use crate::destination::{Destination, DestinationError};
use crate::identity::{Identity, IdentityError};
use crate::listener::{Listener, ListenerError};
use crate::model_rules::{ModelSettings, ModelSettingsError};
use crate::node::{Node, NodeError};
use crate::site_policy::{SitePolicy, SitePolicyError};
use crate::source::{Source, SourceError};
use crate::words::Locale;
use crate::work::ServiceTimes;
use serde::{Deserialize, Serialize};

/// The built-in defaults, with a comment on each.
pub const DEFAULTS: &str = include_str!("../../../assets/settings.default.toml");

/// Colours of the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// For the reading room.
    Dark,
    /// For an office.
    Light,
}

/// Height of rows and targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Density {
    /// Reading desk.
    Compact,
    /// Office.
    Regular,
    /// Bedside, with gloves.
    Touch,
}

/// All settings, each with a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Language; `None` follows the system.
    #[serde(default)]
    pub locale: Option<Locale>,
    /// Colours of the desk.
    pub theme: Theme,
    /// Height of rows.
    pub density: Density,
    /// Most bytes of images kept on this computer, in GiB; 0 for no limit.
    pub cache_quota_gib: u32,
    /// Screen pixels in a millimetre, measured by the person; for true size.
    #[serde(default)]
    pub screen_px_per_mm: Option<f64>,
    /// Columns of the worklist, in their order.
    pub worklist_columns: Vec<String>,
    /// Until when reports are promised.
    pub service_times: ServiceTimes,
    /// Peers on the hospital's network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
    /// Whether and how this workstation takes what others send.
    #[serde(default, skip_serializing_if = "Listener::is_default")]
    pub listener: Listener,
    /// Who may use this workstation, and when it locks.
    #[serde(default, skip_serializing_if = "Identity::is_default")]
    pub identity: Identity,
    /// Systems that findings, reports and audit events are sent to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<Destination>,
    /// Systems that orders and earlier reports are asked of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// Which models may run, and which run by themselves.
    #[serde(default, skip_serializing_if = "ModelSettings::is_default")]
    pub models: ModelSettings,
    /// Years for which events of the audit trail are kept.
    #[serde(default)]
    pub audit_years: Retention,
    /// Days after which a closed order without images is forgotten; 0: never.
    pub closed_order_days: u16,
    /// Where more of the site's policy is fetched. Of the machine's own policy only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_policy: Option<SitePolicy>,
    /// Names of settings that the site's policy has fixed.
    #[serde(skip)]
    locked: Vec<String>,
}

/// One setting and its new value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", content = "value", rename_all = "snake_case")]
pub enum SettingChange {
    /// Language; `None` follows the system.
    Locale(Option<Locale>),
    /// Colours of the desk.
    Theme(Theme),
    /// Height of rows.
    Density(Density),
    /// Most GiB of images kept; 0 for no limit.
    CacheQuotaGib(u32),
    /// Screen pixels in a millimetre; `None` when not measured.
    ScreenPxPerMm(Option<f64>),
    /// Columns of the worklist, in their order.
    WorklistColumns(Vec<String>),
    /// Peers on the network, all of them, in their order.
    Nodes(Vec<Node>),
    /// Whether and how this workstation takes what others send.
    Listener(Box<Listener>),
    /// Who may use this workstation, and when it locks.
    Identity(Box<Identity>),
    /// Where findings, reports and audit events go, all of them.
    Destinations(Vec<Destination>),
    /// Where orders and earlier reports come from, all of them.
    Sources(Vec<Source>),
    /// Which models may run, and which run by themselves.
    Models(Box<ModelSettings>),
}

impl SettingChange {
    /// The setting's name in the file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Locale(_) => "locale",
            Self::Theme(_) => "theme",
            Self::Density(_) => "density",
            Self::CacheQuotaGib(_) => "cache_quota_gib",
            Self::ScreenPxPerMm(_) => "screen_px_per_mm",
            Self::WorklistColumns(_) => "worklist_columns",
            Self::Nodes(_) => "nodes",
            Self::Listener(_) => "listener",
            Self::Identity(_) => "identity",
            Self::Destinations(_) => "destinations",
            Self::Sources(_) => "sources",
            Self::Models(_) => "models",
        }
    }
}

/// Why settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML, an unknown name, or a value of the wrong kind.
    #[error("the settings in {layer} can't be used: {reason}")]
    Format {
        /// Which of the layers.
        layer: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The site's policy has it.
    #[error("{0} is fixed by the site")]
    Fixed(&'static str),
    /// Outside of what makes sense.
    #[error("{0} has no such value")]
    NoSuchValue(&'static str),
    /// A peer that nothing can be asked of.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A listener that could not listen.
    #[error(transparent)]
    Listener(#[from] ListenerError),
    /// Sign-in that could not work, or a screen that would not lock.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A destination that nothing can be sent to.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// A source that nothing can be asked of.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A list or a rule for models that can't be meant.
    #[error(transparent)]
    Models(#[from] ModelSettingsError),
    /// A policy that could not be fetched.
    #[error(transparent)]
    SitePolicy(#[from] SitePolicyError),
    /// Something else in the settings names it.
    #[error("“{by}” uses “{name}”. Change that first.")]
    InUse {
        /// What would be gone.
        name: String,
        /// What uses it.
        by: String,
    },
}

impl Settings {
    /// Lays the site's policy over the person's differences over the defaults. Empty text: no layer.
    pub fn layered(policy: &str, person: &str) -> Result<Self, SettingsError> {
        Self::with_fetched(policy, "", person)
    }

    /// The same with a policy that was fetched: it lies over the person's differences, and the machine's own over it.
    pub fn with_fetched(machine: &str, fetched: &str, person: &str) -> Result<Self, SettingsError> {
        let read = |layer, text: &str| -> Result<toml::Table, SettingsError> {
            toml::from_str(text)
                .map_err(|e: toml::de::Error| SettingsError::Format { layer, reason: e.message().to_owned() })
        };
        let mut table = read("the defaults", DEFAULTS)?;
        let (machine, fetched) = (read("the site policy", machine)?, read("the fetched policy", fetched)?);
        let (person, mut locked) = (read("your settings", person)?, Vec::new());
        if person.contains_key("site_policy") {
            let reason = "site_policy belongs into the policy of the machine".to_owned();
            return Err(SettingsError::Format { layer: "your settings", reason });
        }
        table.extend(person);
        for policy in [fetched, machine] {
            locked.extend(policy.keys().cloned());
            table.extend(policy);
        }
        let mut settings: Self = table.try_into().map_err(|e: toml::de::Error| SettingsError::Format {
            layer: "your settings",
            reason: e.message().to_owned(),
        })?;
        settings.identity.check()?;
        settings.models.check()?;
        if let Some(policy) = &settings.site_policy {
            policy.check()?;
        }
        locked.sort_unstable();
        locked.dedup();
        settings.locked = locked;
        Ok(settings)
    }

    /// Changes one setting. The answer is the change that takes it back.
    pub fn change(&mut self, change: SettingChange) -> Result<SettingChange, SettingsError> {
        use SettingChange as C;
        use std::mem::replace;
        let name = change.name();
        if self.locked.iter().any(|locked| locked == name) {
            return Err(SettingsError::Fixed(name));
        }
        Ok(match change {
            C::Locale(locale) => C::Locale(replace(&mut self.locale, locale)),
            C::Theme(theme) => C::Theme(replace(&mut self.theme, theme)),
            C::Density(density) => C::Density(replace(&mut self.density, density)),
            C::CacheQuotaGib(gib) => C::CacheQuotaGib(replace(&mut self.cache_quota_gib, gib)),
            // From a projector's beam to a microdisplay: outside is a slip of the hand.
            C::ScreenPxPerMm(Some(px_per_mm)) if !(0.5..=200.0).contains(&px_per_mm) => {
                return Err(SettingsError::NoSuchValue(name));
            }
            C::ScreenPxPerMm(px_per_mm) => C::ScreenPxPerMm(replace(&mut self.screen_px_per_mm, px_per_mm)),
            C::WorklistColumns(columns) if columns.is_empty() => {
                return Err(SettingsError::NoSuchValue(name));
            }
            C::WorklistColumns(columns) => C::WorklistColumns(replace(&mut self.worklist_columns, columns)),
            C::Nodes(nodes) => C::Nodes(self.put_nodes(nodes)?),
            C::Listener(listener) => {
                listener.check()?;
                C::Listener(Box::new(replace(&mut self.listener, *listener)))
            }
            C::Identity(identity) => {
                identity.check()?;
                C::Identity(Box::new(replace(&mut self.identity, *identity)))
            }
            C::Destinations(destinations) => C::Destinations(self.put_destinations(destinations)?),
            C::Sources(sources) => C::Sources(self.put_sources(sources)?),
            C::Models(models) => {
                models.check()?;
                C::Models(Box::new(replace(&mut self.models, *models)))
            }
        })
    }

    /// The names that the site's policy has fixed.
    pub fn locked(&self) -> &[String] {
        &self.locked
    }

    /// What differs from the defaults, as the text to store for the person.
    pub fn differences(&self) -> Result<String, SettingsError> {
        let defaults = Self::layered("", "")?;
        let table = |s: &Self| {
            toml::Table::try_from(s)
                .map_err(|e| SettingsError::Format { layer: "your settings", reason: e.to_string() })
        };
        let (defaults, mut mine) = (table(&defaults)?, table(self)?);
        mine.retain(|name, value| {
            defaults.get(name) != Some(value) && !self.locked.iter().any(|l| l == name)
        });
        Ok(mine.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_person_changed_is_stored() {
        let mut settings = Settings::layered("", "").unwrap();
        assert_eq!(settings.differences().unwrap(), "");
        settings.theme = Theme::Light;
        let stored = settings.differences().unwrap();
        assert_eq!(stored.trim(), "theme = \"light\"");
        assert_eq!(Settings::layered("", &stored).unwrap(), settings);
    }

    #[test]
    fn what_the_site_has_fixed_a_person_cannot_change() {
        let settings = Settings::layered("theme = \"dark\"", "theme = \"light\"").unwrap();
        assert_eq!(settings.theme, Theme::Dark);
        assert_eq!(settings.locked(), ["theme"]);
        let mut settings = settings;
        assert_eq!(settings.change(SettingChange::Theme(Theme::Light)), Err(SettingsError::Fixed("theme")));
    }

    #[test]
    fn a_change_answers_with_the_change_that_takes_it_back() {
        let mut settings = Settings::layered("", "").unwrap();
        let before = settings.clone();
        for change in [
            SettingChange::Locale(Some(Locale::De)),
            SettingChange::Theme(Theme::Light),
            SettingChange::Density(Density::Touch),
            SettingChange::CacheQuotaGib(7),
            SettingChange::ScreenPxPerMm(Some(3.78)),
            SettingChange::WorklistColumns(vec!["name".into()]),
            SettingChange::Nodes(vec![archive("archive")]),
            SettingChange::Listener(Box::new(Listener { port: 104, ..Listener::default() })),
            SettingChange::Identity(Box::new(Identity { idle_lock_min: 5, ..Identity::default() })),
        ] {
            let back = settings.change(change).unwrap();
            assert_ne!(settings, before);
            settings.change(back).unwrap();
            assert_eq!(settings, before);
        }
    }

    fn archive(name: &str) -> Node {
        let url = format!("name = \"{name}\"\n[web]\nurl = \"https://pacs/dicom-web\"");
        toml::from_str(&url).unwrap()
    }

    #[test]
    fn servers_are_stored_and_two_of_the_same_name_are_refused() {
        let mut settings = Settings::layered("", "").unwrap();
        let two = vec![archive("archive"), archive("archive")];
        assert_eq!(settings.change(SettingChange::Nodes(two)), Err(SettingsError::Node(NodeError::Name)));
        settings.change(SettingChange::Nodes(vec![archive("a"), archive("b")])).unwrap();
        let stored = settings.differences().unwrap();
        assert_eq!(Settings::layered("", &stored).unwrap().nodes, settings.nodes);
        settings.change(SettingChange::Nodes(Vec::new())).unwrap();
        assert_eq!(settings.differences().unwrap(), "");
    }

    #[test]
    fn a_pixel_size_nobody_has_and_a_list_without_columns_are_refused() {
        let mut settings = Settings::layered("", "").unwrap();
        assert!(settings.change(SettingChange::ScreenPxPerMm(Some(0.0))).is_err());
        assert!(settings.change(SettingChange::ScreenPxPerMm(Some(f64::NAN))).is_err());
        assert!(settings.change(SettingChange::WorklistColumns(Vec::new())).is_err());
    }

    #[test]
    fn a_workstation_whose_settings_would_never_lock_it_does_not_start_with_them() {
        let error = Settings::layered("", "[identity]\nidle_lock_min = 0").unwrap_err();
        assert_eq!(error, SettingsError::Identity(IdentityError::IdleLock));
        let policy = "[identity]\nidle_lock_min = 10\nidle_lock_max_min = 10";
        let mut settings = Settings::layered(policy, "[identity]\nidle_lock_min = 60").unwrap();
        assert_eq!(settings.identity.idle_lock_min, 10);
        let change = SettingChange::Identity(Box::default());
        assert_eq!(settings.change(change), Err(SettingsError::Fixed("identity")));
    }

    #[test]
    fn a_misspelt_setting_is_named() {
        let error = Settings::layered("", "theem = \"dark\"").unwrap_err().to_string();
        assert!(error.contains("theem"), "{error}");
    }
}
