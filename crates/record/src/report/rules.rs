//! What may be done to a report, by whom, and what it becomes: draft → preliminary → final → addendum or amended.
//!
//! After PS3.20 and FHIR R4's DiagnosticReport.status: what is final is never written over; it is added to, amended
//! with a reason, or marked as entered in error.

use super::{Content, ReportStatus, Section};
use crate::person::Right;
use serde::{Deserialize, Serialize};

/// A step of a report that somebody signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum SignAct {
    /// The text stands, and an attending has yet to look at it.
    Preliminary,
    /// The text stands. A preliminary report of somebody else is co-signed by it.
    Final,
    /// Text is added to a final report.
    Addendum {
        /// What is added.
        text: String,
    },
    /// The text of a final report is changed.
    Amend {
        /// Why.
        reason: String,
    },
    /// The report is not to be used.
    EnteredInError {
        /// Why.
        reason: String,
    },
}

impl SignAct {
    /// The right that is needed.
    #[must_use]
    pub fn right(&self) -> Right {
        match self {
            Self::Preliminary => Right::Report,
            Self::Final | Self::Addendum { .. } | Self::Amend { .. } | Self::EnteredInError { .. } => {
                Right::Sign
            }
        }
    }

    /// The stored word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Preliminary => "preliminary",
            Self::Final => "final",
            Self::Addendum { .. } => "addendum",
            Self::Amend { .. } => "amend",
            Self::EnteredInError { .. } => "entered_in_error",
        }
    }
}

/// Why a step is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// The step does not follow the status.
    #[error("a report that is {from:?} cannot become what was asked for")]
    NotNext {
        /// The status that the report has.
        from: ReportStatus,
    },
    /// There is nothing in it.
    #[error("the report has no text")]
    Empty,
    /// Places of the template are still open.
    #[error("the section “{section}” has a place that is not filled in")]
    Open {
        /// Heading of the section.
        section: String,
    },
    /// A text names a quote that is not there.
    #[error("the text names [{label}], which is not among the measurements of the report")]
    UnknownQuote {
        /// The name in the text.
        label: String,
    },
    /// A change of a final report needs a reason, an addendum a text.
    #[error("the reason is missing")]
    NoReason,
}

/// What stands where a template's place is to be filled in.
pub const OPEN_PLACE: &str = "[___]";

/// What the report becomes.
///
/// # Errors
/// [`NotSigned`] when the step does not follow the status, or the words are not ready to be signed.
pub fn next(status: ReportStatus, act: &SignAct, content: &Content) -> Result<ReportStatus, NotSigned> {
    use ReportStatus as S;
    let next = match (status, act) {
        (S::Draft | S::Preliminary, SignAct::Preliminary) => S::Preliminary,
        (S::Draft | S::Preliminary, SignAct::Final) => S::Final,
        (S::Final | S::Addendum | S::Amended, SignAct::Addendum { .. }) => S::Addendum,
        (S::Final | S::Addendum | S::Amended, SignAct::Amend { .. }) => S::Amended,
        (S::Preliminary | S::Final | S::Addendum | S::Amended, SignAct::EnteredInError { .. }) => {
            S::EnteredInError
        }
        _ => return Err(NotSigned::NotNext { from: status }),
    };
    let why = match act {
        SignAct::Preliminary | SignAct::Final => None,
        SignAct::Addendum { text } => Some(text),
        SignAct::Amend { reason } | SignAct::EnteredInError { reason } => Some(reason),
    };
    if why.is_some_and(|why| why.trim().is_empty()) {
        return Err(NotSigned::NoReason);
    }
    // What is withdrawn may be as unready as it is.
    if next != S::EnteredInError {
        check(content)?;
    }
    Ok(next)
}

/// Whether words can be signed.
fn check(content: &Content) -> Result<(), NotSigned> {
    if content.sections.iter().all(Section::is_empty) {
        return Err(NotSigned::Empty);
    }
    for section in &content.sections {
        if section.text.contains(OPEN_PLACE) {
            return Err(NotSigned::Open { section: section.heading.clone() });
        }
        if let Some(label) = labels(&section.text).find(|l| !content.quotes.iter().any(|q| q.label == *l)) {
            return Err(NotSigned::UnknownQuote { label: label.to_owned() });
        }
    }
    Ok(())
}

/// `M1`, `K2` and the like that a text names in brackets.
fn labels(text: &str) -> impl Iterator<Item = &str> {
    text.split('[').skip(1).filter_map(|rest| {
        let label = rest.split_once(']')?.0;
        let digits = label.strip_prefix(['M', 'K'])?;
        (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(label)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Content {
        let section = Section {
            key: "findings".into(),
            heading: "Findings".into(),
            text: text.into(),
            ..Section::default()
        };
        Content { language: "en".into(), title: "CT".into(), sections: vec![section], ..Content::default() }
    }

    #[test]
    fn a_report_goes_from_draft_over_preliminary_to_final_and_never_back() {
        let text = content("Nothing to be seen.");
        let next = |from, act| next(from, &act, &text);
        assert_eq!(next(ReportStatus::Draft, SignAct::Preliminary), Ok(ReportStatus::Preliminary));
        assert_eq!(next(ReportStatus::Preliminary, SignAct::Final), Ok(ReportStatus::Final));
        assert_eq!(next(ReportStatus::Draft, SignAct::Final), Ok(ReportStatus::Final));
        for act in [SignAct::Preliminary, SignAct::Final] {
            let refused = Err(NotSigned::NotNext { from: ReportStatus::Final });
            assert_eq!(next(ReportStatus::Final, act), refused);
        }
        let gone = SignAct::EnteredInError { reason: "wrong patient".into() };
        assert_eq!(next(ReportStatus::Amended, gone), Ok(ReportStatus::EnteredInError));
        assert!(next(ReportStatus::EnteredInError, SignAct::Final).is_err());
    }

    #[test]
    fn a_final_report_is_changed_only_with_a_reason_and_added_to_only_with_a_text() {
        let text = content("Nothing to be seen.");
        for act in [SignAct::Amend { reason: " ".into() }, SignAct::Addendum { text: String::new() }] {
            assert_eq!(next(ReportStatus::Final, &act, &text), Err(NotSigned::NoReason));
        }
        let act = SignAct::Amend { reason: "side was wrong".into() };
        assert_eq!(next(ReportStatus::Final, &act, &text), Ok(ReportStatus::Amended));
    }

    #[test]
    fn what_is_empty_or_still_open_cannot_be_signed() {
        let sign = |text: &str| next(ReportStatus::Draft, &SignAct::Final, &content(text));
        assert_eq!(sign("  \n"), Err(NotSigned::Empty));
        assert_eq!(sign("Node of [___] mm."), Err(NotSigned::Open { section: "Findings".into() }));
        assert_eq!(sign("Node [M1]."), Err(NotSigned::UnknownQuote { label: "M1".into() }));
        assert_eq!(sign("Level [L5] and [M] are words."), Ok(ReportStatus::Final));
    }

    #[test]
    fn a_resident_signs_as_preliminary_only() {
        use crate::person::{Person, Role};
        let resident =
            Person { account: "r".into(), name: "R".into(), roles: [Role::Resident].into_iter().collect() };
        assert!(resident.may(SignAct::Preliminary.right()));
        assert!(!resident.may(SignAct::Final.right()));
    }
}
