//! The settings of sign-in and lock as their form shows and changes them.

use medsight_record::Role;
use medsight_record::identity::{Identity, Provider};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use ts_rs::TS;

/// Sign-in and lock.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityForm {
    /// The sign-in server; absent for the account of the operating system.
    pub provider: Option<ProviderForm>,
    /// Minutes without input until the lock.
    pub idle_lock_min: u16,
    /// The most that may be set.
    pub idle_lock_max_min: u16,
    /// Hours in which a code opens a session without the server.
    pub offline_unlock_hours: u16,
    /// Minutes of emergency access.
    pub break_glass_min: u16,
}

/// A sign-in server.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderForm {
    /// As it names itself.
    pub issuer: String,
    /// This workstation's name there.
    pub client_id: String,
    /// What is asked for.
    pub scopes: String,
    /// Where roles stand.
    pub role_claim: String,
    /// The server's words for roles.
    #[ts(type = "Record<string, string>")]
    pub role_words: BTreeMap<String, Role>,
    /// A fixed port for the browser's answer.
    pub redirect_port: Option<u16>,
    /// Other hosts of the server.
    pub also_hosts: Vec<String>,
    /// The browser's own session is enough.
    pub browser_session: bool,
    /// File of its authorities.
    pub authorities: Option<String>,
}

impl From<&Identity> for IdentityForm {
    fn from(identity: &Identity) -> Self {
        Self {
            provider: identity.provider.as_ref().map(|provider| ProviderForm {
                issuer: provider.issuer.clone(),
                client_id: provider.client_id.clone(),
                scopes: provider.scopes.clone(),
                role_claim: provider.role_claim.clone(),
                role_words: provider.role_words.clone(),
                redirect_port: provider.redirect_port,
                also_hosts: provider.also_hosts.clone(),
                browser_session: provider.browser_session,
                authorities: provider.authorities.as_ref().map(|path| path.display().to_string()),
            }),
            idle_lock_min: identity.idle_lock_min,
            idle_lock_max_min: identity.idle_lock_max_min,
            offline_unlock_hours: identity.offline_unlock_hours,
            break_glass_min: identity.break_glass_min,
        }
    }
}

impl From<IdentityForm> for Identity {
    fn from(form: IdentityForm) -> Self {
        Self {
            provider: form.provider.map(Provider::from),
            idle_lock_min: form.idle_lock_min,
            idle_lock_max_min: form.idle_lock_max_min,
            offline_unlock_hours: form.offline_unlock_hours,
            break_glass_min: form.break_glass_min,
        }
    }
}

impl From<ProviderForm> for Provider {
    fn from(provider: ProviderForm) -> Self {
        Self {
            issuer: provider.issuer.trim().to_owned(),
            client_id: provider.client_id.trim().to_owned(),
            scopes: provider.scopes.trim().to_owned(),
            role_claim: provider.role_claim.trim().to_owned(),
            role_words: provider.role_words,
            redirect_port: provider.redirect_port,
            also_hosts: provider.also_hosts,
            browser_session: provider.browser_session,
            authorities: provider.authorities.filter(|path| !path.is_empty()).map(PathBuf::from),
        }
    }
}
