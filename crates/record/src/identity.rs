//! Who may use this workstation, as the settings keep it: an identity provider or the account of the operating system,
//! when the screen is locked, how long a locked session may be opened again without the server.
//!
//! Plain data. Not here: signing in (`medsight-sync`), the session (the desk), what a role may do (`person`).

use crate::person::Role;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Nobody may set a longer idle time than this, in minutes, unless the site's policy names its own maximum.
const IDLE_LOCK_MAX_MIN: u16 = 60;
/// Longest maximum that a site may name: a shift.
const SHIFT_MIN: u16 = 480;
/// Longest time, in hours, in which a session may be opened again without the server: a long weekend.
const OFFLINE_MAX_H: u16 = 96;

/// Sign-in and lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Who says who somebody is; without one it is the account of the operating system, with every role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Minutes without input after which the screen is locked; never 0, never above [`Identity::idle_lock_max_min`].
    #[serde(default = "idle_lock")]
    pub idle_lock_min: u16,
    /// The most minutes that may be set above.
    #[serde(default = "idle_lock_max")]
    pub idle_lock_max_min: u16,
    /// Hours since the provider last confirmed a person, in which the code of the person opens the session without it.
    #[serde(default = "offline_unlock")]
    pub offline_unlock_hours: u16,
    /// Minutes for which studies are seen after the glass was broken.
    #[serde(default = "break_glass")]
    pub break_glass_min: u16,
}

/// An OpenID provider, and this workstation as its public client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// As it names itself, to the letter (OpenID Connect Discovery 4.3). Without TLS only on this computer.
    pub issuer: String,
    /// This workstation's name there.
    pub client_id: String,
    /// What is asked for, divided by spaces; `openid` must be among it.
    #[serde(default = "scopes")]
    pub scopes: String,
    /// The claim that names roles: its name, or a path divided by dots, such as `realm_access.roles`.
    #[serde(default = "role_claim")]
    pub role_claim: String,
    /// The provider's words for roles, where they are not ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub role_words: BTreeMap<String, Role>,
    /// Port of the loopback redirect, for providers that compare it; else any that is free (RFC 8252 7.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_port: Option<u16>,
    /// Hosts other than the issuer's that may have its endpoints, and so may see codes and tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_hosts: Vec<String>,
    /// A person who is still signed in in the browser need not show again who they are. Not for shared workstations.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub browser_session: bool,
    /// PEM file of the authorities of its TLS certificate; without one those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<PathBuf>,
}

fn idle_lock() -> u16 {
    15
}
fn idle_lock_max() -> u16 {
    IDLE_LOCK_MAX_MIN
}
fn offline_unlock() -> u16 {
    12
}
fn break_glass() -> u16 {
    60
}
fn scopes() -> String {
    "openid profile roles offline_access".to_owned()
}
fn role_claim() -> String {
    "roles".to_owned()
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            provider: None,
            idle_lock_min: idle_lock(),
            idle_lock_max_min: idle_lock_max(),
            offline_unlock_hours: offline_unlock(),
            break_glass_min: break_glass(),
        }
    }
}

/// Why these settings can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// 0 would be never.
    #[error("the screen has to lock after 1 minute at the least and idle_lock_max_min at the most")]
    IdleLock,
    /// Too long.
    #[error("offline_unlock_hours may be {OFFLINE_MAX_H} at the most")]
    Offline,
    /// No time, or longer than a shift.
    #[error("break_glass_min has to be from 1 to {SHIFT_MIN}")]
    BreakGlass,
    /// Not an address for tokens.
    #[error(
        "the issuer has to begin with https:// (http:// only on 127.0.0.1 or [::1]), without query or fragment"
    )]
    Issuer,
    /// Nobody.
    #[error("the client_id is missing")]
    ClientId,
    /// OpenID Connect Core 3.1.2.1.
    #[error("the scopes have to contain openid")]
    Scopes,
    /// Nothing to look for.
    #[error("the role_claim is missing")]
    RoleClaim,
    /// An address instead of a host.
    #[error("also_hosts has names of hosts, without scheme, port or path")]
    Hosts,
}

impl Identity {
    /// As it is where nobody has changed it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`IdentityError`], naming the field.
    pub fn check(&self) -> Result<(), IdentityError> {
        let most = self.idle_lock_max_min;
        if !(1..=SHIFT_MIN).contains(&most) || !(1..=most).contains(&self.idle_lock_min) {
            return Err(IdentityError::IdleLock);
        }
        if self.offline_unlock_hours > OFFLINE_MAX_H {
            return Err(IdentityError::Offline);
        }
        if !(1..=SHIFT_MIN).contains(&self.break_glass_min) {
            return Err(IdentityError::BreakGlass);
        }
        self.provider.as_ref().map_or(Ok(()), Provider::check)
    }
}

impl Provider {
    /// The provider of this issuer and client, with the defaults for all else.
    #[must_use]
    pub fn new(issuer: &str, client_id: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            scopes: scopes(),
            role_claim: role_claim(),
            role_words: BTreeMap::new(),
            redirect_port: None,
            also_hosts: Vec::new(),
            browser_session: false,
            authorities: None,
        }
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`IdentityError`], naming the field.
    pub fn check(&self) -> Result<(), IdentityError> {
        let rest = self.issuer.strip_prefix("https://").or_else(|| {
            let rest = self.issuer.strip_prefix("http://")?;
            let host = rest.split(['/', ':']).next().unwrap_or_default();
            (host == "127.0.0.1" || rest.starts_with("[::1]")).then_some(rest)
        });
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '?' | '#' | '@' | '\\');
        if !rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && rest.chars().all(plain)) {
            return Err(IdentityError::Issuer);
        }
        if self.client_id.trim().is_empty() {
            return Err(IdentityError::ClientId);
        }
        if !self.scopes.split_whitespace().any(|scope| scope == "openid") {
            return Err(IdentityError::Scopes);
        }
        if self.role_claim.trim().is_empty() {
            return Err(IdentityError::RoleClaim);
        }
        let host = |host: &String| {
            !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
        };
        if self.also_hosts.iter().all(host) { Ok(()) } else { Err(IdentityError::Hosts) }
    }

    /// The role of a provider's word: by the site's list, else by our own words.
    #[must_use]
    pub fn role(&self, word: &str) -> Option<Role> {
        self.role_words.get(word).copied().or_else(|| Role::of_word(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(minutes: u16, most: u16) -> Result<(), IdentityError> {
        Identity { idle_lock_min: minutes, idle_lock_max_min: most, ..Identity::default() }.check()
    }

    #[test]
    fn a_screen_that_never_locks_or_later_than_the_site_allows_is_refused() {
        assert_eq!(Identity::default().check(), Ok(()));
        assert_eq!(idle(0, 60), Err(IdentityError::IdleLock));
        assert_eq!(idle(31, 30), Err(IdentityError::IdleLock));
        assert_eq!(idle(30, 30), Ok(()));
        assert_eq!(idle(15, 0), Err(IdentityError::IdleLock));
    }

    #[test]
    fn an_issuer_without_tls_is_refused_unless_it_is_this_computer() {
        let check = |issuer: &str| Provider::new(issuer, "workstation").check();
        assert_eq!(check("https://sign-in.hospital.example/realms/main"), Ok(()));
        assert_eq!(check("http://127.0.0.1:29000"), Ok(()));
        for bad in [
            "http://sign-in.hospital.example",
            "http://127.0.0.1.evil.example",
            "http://localhost:1",
            "https://a.example/?x=1",
            "https://user@evil.example",
            "https://",
            "file:///etc/passwd",
        ] {
            assert_eq!(check(bad), Err(IdentityError::Issuer), "{bad}");
        }
    }

    #[test]
    fn a_site_may_have_its_own_words_for_roles() {
        let mut provider = Provider::new("https://a.example", "w");
        provider.role_words.insert("RAD-ATTENDING".into(), Role::Radiologist);
        assert_eq!(provider.role("RAD-ATTENDING"), Some(Role::Radiologist));
        assert_eq!(provider.role("wound_nurse"), Some(Role::WoundNurse));
        assert_eq!(provider.role("root"), None);
        provider.also_hosts = vec!["https://other.example/".into()];
        assert_eq!(provider.check(), Err(IdentityError::Hosts));
    }
}
