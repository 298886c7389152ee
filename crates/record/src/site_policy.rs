//! A policy of the site that is fetched from a server: where from, by whose signature, and the form in which it comes.
//!
//! Only the policy on the machine itself says so, and what that one fixes no fetched one changes. A fetched policy is a text of
//! the same settings behind a line with its signature, and a number that rises with each:
//!
//! ```text
//! # medsight-signature: 128 hexadecimal digits
//! serial = 12
//! audit_years = 10
//! ```
//!
//! Signed (Ed25519, RFC 8032) is everything behind the first line. Not here: fetching and the check of the signature
//! (`medsight-sync`).

use crate::settings::{Settings, SettingsError};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How the first line begins.
const MARK: &str = "# medsight-signature: ";

/// Where the site's policy is fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SitePolicy {
    /// `https://…`; `http://` on 127.0.0.1 and `[::1]` only.
    pub url: String,
    /// Ed25519's public key of who may sign it, 64 hexadecimal digits.
    pub key: String,
    /// Minutes from one asking to the next; 0: at the start only.
    #[serde(default = "hourly")]
    pub every_min: u16,
    /// Authorities that the server's certificate is checked by (PEM), where they are not the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<PathBuf>,
}

/// Why nothing can be fetched by these settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SitePolicyError {
    /// Somebody on the way could keep a newer policy back.
    #[error("site_policy.url has to begin with https:// (http:// only on 127.0.0.1 or [::1])")]
    Url,
    /// No Ed25519 public key.
    #[error(
        "site_policy.key has to be 64 hexadecimal digits: the Ed25519 public key of who signs the policy"
    )]
    Key,
    /// It would not be asked again.
    #[error("site_policy.every_min has to be from 0 to 10080")]
    Every,
}

const fn hourly() -> u16 {
    60
}

impl SitePolicy {
    /// # Errors
    /// [`SitePolicyError`], naming the setting.
    pub fn check(&self) -> Result<(), SitePolicyError> {
        let is_here = |url: &str| {
            let Some(rest) = url.strip_prefix("http://") else { return false };
            let host = rest.split('/').next().unwrap_or_default();
            let host = host
                .rsplit_once(':')
                .filter(|(_, port)| port.parse::<u16>().is_ok())
                .map_or(host, |(h, _)| h);
            matches!(host, "127.0.0.1" | "[::1]")
        };
        let is_secure = self.url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
        if !is_secure && !is_here(&self.url) {
            return Err(SitePolicyError::Url);
        }
        if self.public_key().is_none() {
            return Err(SitePolicyError::Key);
        }
        if self.every_min > 10_080 { Err(SitePolicyError::Every) } else { Ok(()) }
    }

    /// The 32 bytes of the key; `None` where it is none.
    #[must_use]
    pub fn public_key(&self) -> Option<[u8; 32]> {
        bytes(&self.key)
    }
}

/// A fetched text, taken apart: its signature, and what is signed.
#[must_use]
pub fn signed_part(text: &str) -> Option<([u8; 64], &str)> {
    let (first, rest) = text.split_once('\n')?;
    Some((bytes(first.trim_end_matches('\r').strip_prefix(MARK)?)?, rest))
}

/// What is signed, as a layer of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPolicy {
    /// Its number: an older one never replaces a newer one.
    pub serial: u64,
    /// The settings, for [`Settings::with_fetched`].
    pub layer: String,
}

impl FetchedPolicy {
    /// Reads what was signed, and tries it below the machine's own policy.
    ///
    /// # Errors
    /// [`SettingsError::Format`]: no serial, a setting that there is not, or one about fetching itself.
    pub fn read(signed: &str, machine: &str) -> Result<Self, SettingsError> {
        let wrong =
            |reason: &str| SettingsError::Format { layer: "the fetched policy", reason: reason.to_owned() };
        let mut table: toml::Table =
            toml::from_str(signed).map_err(|e: toml::de::Error| wrong(e.message()))?;
        let serial = table.remove("serial").and_then(|serial| serial.as_integer());
        let serial = serial.and_then(|serial| u64::try_from(serial).ok());
        let serial = serial.ok_or_else(|| wrong("it has no serial: a whole number that rises with each"))?;
        if table.contains_key("site_policy") {
            return Err(wrong("where it is fetched is said on the machine only: leave site_policy out"));
        }
        let layer = table.to_string();
        Settings::with_fetched(machine, &layer, "")?;
        Ok(Self { serial, layer })
    }
}

/// So many bytes of hexadecimal digits.
fn bytes<const COUNT: usize>(digits: &str) -> Option<[u8; COUNT]> {
    let digits = digits.trim();
    if digits.len() != 2 * COUNT || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut out = [0; COUNT];
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Retention;
    use crate::settings::Theme;

    fn policy(url: &str) -> SitePolicy {
        SitePolicy { url: url.into(), key: "ab".repeat(32), every_min: 60, authorities: None }
    }

    #[test]
    fn a_policy_is_fetched_over_tls_or_from_this_computer_and_by_a_whole_key() {
        for good in ["https://it.hospital/policy.toml", "http://127.0.0.1:8080/p", "http://[::1]/p"] {
            assert_eq!(policy(good).check(), Ok(()), "{good}");
        }
        for bad in [
            "http://it.hospital/p",
            "http://127.0.0.1.evil.test/p",
            "file:///etc/p",
            "https://",
            "http://127.0.0.1@evil.test/",
        ] {
            assert_eq!(policy(bad).check(), Err(SitePolicyError::Url), "{bad}");
        }
        let short = SitePolicy { key: "ab".repeat(31), ..policy("https://it/p") };
        assert_eq!(short.check(), Err(SitePolicyError::Key));
    }

    #[test]
    fn what_the_machine_fixes_no_fetched_policy_changes_and_it_fixes_the_rest_for_the_person() {
        let machine = "theme = \"dark\"\n[identity]\nidle_lock_min = 5\n";
        let signed = "serial = 3\ntheme = \"light\"\naudit_years = 30\n[identity]\nidle_lock_min = 59\n";
        let fetched = FetchedPolicy::read(signed, machine).unwrap();
        assert_eq!(fetched.serial, 3);
        let person = "theme = \"light\"\naudit_years = 7\ndensity = \"touch\"";
        let settings = Settings::with_fetched(machine, &fetched.layer, person).unwrap();
        assert_eq!((settings.theme, settings.identity.idle_lock_min), (Theme::Dark, 5));
        assert_eq!(settings.audit_years, Retention::Thirty);
        for locked in ["theme", "identity", "audit_years"] {
            assert!(settings.locked().iter().any(|name| name == locked), "{locked}");
        }
        assert!(!settings.locked().iter().any(|name| name == "density"));
    }

    #[test]
    fn a_fetched_policy_without_number_with_an_unknown_setting_or_about_fetching_is_refused() {
        for bad in [
            "theme = \"dark\"",
            "serial = -1",
            "serial = 1\ntheem = \"dark\"",
            "serial = 1\n[site_policy]\nurl = \"https://evil/p\"\nkey = \"\"",
            "serial = 1\n[identity]\nidle_lock_min = 0",
        ] {
            assert!(FetchedPolicy::read(bad, "").is_err(), "{bad}");
        }
    }

    #[test]
    fn the_signature_stands_in_the_first_line_and_everything_behind_it_is_signed() {
        let text = format!("{MARK}{}\r\nserial = 1\n", "0f".repeat(64));
        let (signature, signed) = signed_part(&text).unwrap();
        assert_eq!((signature, signed), ([15; 64], "serial = 1\n"));
        assert!(signed_part("serial = 1\n").is_none());
        assert!(signed_part(&format!("{MARK}{}\nserial = 1\n", "0f".repeat(63))).is_none());
    }

    #[test]
    fn a_person_cannot_say_where_the_policy_is_fetched() {
        let own = format!("[site_policy]\nurl = \"https://evil/p\"\nkey = \"{}\"", "ab".repeat(32));
        let error = Settings::layered("", &own).unwrap_err().to_string();
        assert!(error.contains("site_policy"), "{error}");
        let settings = Settings::layered(&own, "").unwrap();
        assert!(settings.site_policy.is_some() && settings.differences().unwrap().is_empty());
    }
}
