//! How long the audit trail is kept. Not here: taking away what is older (`medsight-cache`).

use serde::{Deserialize, Serialize};

/// How many years the law or the hospital wants audit events to be kept; in the settings as that number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum Retention {
    /// 7 years.
    #[default]
    Seven,
    /// 10 years.
    Ten,
    /// 30 years.
    Thirty,
}

/// A number of years that is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audit_years is {0}; it can be 7, 10 or 30")]
pub struct NoSuchRetention(
    /// The number.
    pub u32,
);

impl Retention {
    /// Years.
    #[must_use]
    pub fn years(self) -> u32 {
        match self {
            Self::Seven => 7,
            Self::Ten => 10,
            Self::Thirty => 30,
        }
    }
}

impl TryFrom<u32> for Retention {
    type Error = NoSuchRetention;

    fn try_from(years: u32) -> Result<Self, NoSuchRetention> {
        [Self::Seven, Self::Ten, Self::Thirty]
            .into_iter()
            .find(|retention| retention.years() == years)
            .ok_or(NoSuchRetention(years))
    }
}

impl From<Retention> for u32 {
    fn from(retention: Retention) -> Self {
        retention.years()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[test]
    fn the_audit_trail_is_kept_seven_years_or_as_the_site_says_and_never_for_less() {
        let of = |policy: &str| Settings::layered(policy, "").map(|settings| settings.audit_years);
        assert_eq!(of(""), Ok(Retention::Seven));
        assert_eq!(of("audit_years = 30"), Ok(Retention::Thirty));
        let refused = of("audit_years = 1").unwrap_err().to_string();
        assert!(refused.contains("audit_years is 1"), "{refused}");
    }
}
