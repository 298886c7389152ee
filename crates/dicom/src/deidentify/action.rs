//! What happens to an attribute: its row of the table, the profile, and what the value is.

use super::profile::{DeidentifyOption as O, Profile};
use super::table;
use crate::attribute::{Tag, vr_in_dictionary};

/// What happens to an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Stays; items of a sequence are treated one by one.
    Keep,
    /// Goes.
    Remove,
    /// Stays without a value.
    Empty,
    /// Gets a value that says nothing.
    Dummy,
    /// A UID gets its pseudonym; items of a sequence are treated one by one.
    Uid,
    /// Dates are moved.
    Move,
    /// Text is cleaned, and goes when nothing remains; in a sequence, all text.
    Clean {
        /// The basic profile would replace it, so it may not be missing.
        required: bool,
    },
}

/// What happens to a public attribute. Private ones are decided with their creator at hand.
pub(super) fn action(tag: Tag, vr: [u8; 2], is_sequence: bool, profile: &Profile) -> Action {
    let Some(row) = table::row(tag) else { return unlisted(tag, vr, profile) };
    let required = row.basic.contains('D') || row.basic == "Z";
    match row.code(profile) {
        Some((b'C', O::RetainModifiedDates)) => Action::Move,
        // AE titles are names of devices on a network: a dummy says as much.
        Some((b'C', O::RetainDevice)) => Action::Dummy,
        // What graphics say cannot be told from bits; in presentation states text and lines are apart.
        Some((b'C', O::CleanGraphics)) if !is_sequence => Action::Remove,
        Some((b'C', _)) => Action::Clean { required },
        Some(_) => Action::Keep,
        None => basic(tag, is_sequence),
    }
}

/// What the basic profile does to an attribute, whatever the options.
pub(super) fn basic(tag: Tag, is_sequence: bool) -> Action {
    let Some(row) = table::row(tag) else { return Action::Remove };
    match (row.basic, is_sequence) {
        ("X", _) | ("X/D", true) => Action::Remove,
        ("Z" | "X/Z", _) | ("X/Z/D" | "Z/D", true) => Action::Empty,
        ("U", _) | ("X/Z/U*", _) => Action::Uid,
        ("D" | "X/D" | "Z/D" | "X/Z/D", _) => Action::Dummy,
        // A code that this program does not know must not let anything through.
        _ => Action::Remove,
    }
}

/// An attribute without a row.
fn unlisted(tag: Tag, vr: [u8; 2], profile: &Profile) -> Action {
    if vr_in_dictionary(tag).is_none() || tag.element() == 0 {
        return Action::Remove;
    }
    let is_date = matches!(&vr, b"DA" | b"DT");
    match is_date {
        true if profile.has(O::RetainModifiedDates) => Action::Move,
        true if !profile.has(O::RetainFullDates) => Action::Empty,
        _ => Action::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tags;

    #[test]
    fn with_two_options_that_speak_of_an_attribute_the_one_that_cleans_wins() {
        let both = Profile::new([O::RetainDevice, O::RetainModifiedDates]).unwrap();
        let calibration = tags::DATE_OF_LAST_CALIBRATION;
        assert_eq!(action(calibration, *b"DA", false, &both), Action::Move);
        let device = Profile::new([O::RetainDevice]).unwrap();
        assert_eq!(action(calibration, *b"DA", false, &device), Action::Keep);
    }

    #[test]
    fn an_attribute_that_nobody_knows_is_removed() {
        assert_eq!(action(Tag(0x0010, 0x9999), *b"LO", false, &Profile::default()), Action::Remove);
        assert_eq!(action(tags::ROWS, *b"US", false, &Profile::default()), Action::Keep);
    }
}
