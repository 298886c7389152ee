//! Table E.1-1 of PS3.15 as data (`table.txt`).

use super::profile::{DeidentifyOption as O, Profile};
use crate::attribute::Tag;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Columns of options in the order of `table.txt`.
const COLUMNS: [O; 9] = [
    O::RetainUids,
    O::RetainDevice,
    O::RetainInstitution,
    O::RetainPatientCharacteristics,
    O::RetainFullDates,
    O::RetainModifiedDates,
    O::CleanDescriptors,
    O::CleanStructuredContent,
    O::CleanGraphics,
];

/// One row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The basic profile's code, such as `X/Z/D`.
    pub(super) basic: &'static str,
    options: [u8; 9],
}

impl Row {
    /// The options of the profile that clean the attribute, then those that keep it.
    pub(super) fn code(&self, profile: &Profile) -> Option<(u8, O)> {
        let with = |code: u8| {
            let on = COLUMNS.iter().zip(self.options).find(|(o, c)| *c == code && profile.has(**o));
            on.map(|(option, _)| (code, *option))
        };
        with(b'C').or_else(|| with(b'K'))
    }
}

/// The row of a public attribute; curves (50xx) and overlays (60xx) are rows for their whole group.
pub(super) fn row(tag: Tag) -> Option<&'static Row> {
    static ROWS: OnceLock<HashMap<Tag, Row>> = OnceLock::new();
    let rows = ROWS.get_or_init(|| lines(include_str!("table.txt")).filter_map(parsed).collect());
    let tag = match tag {
        Tag(0x5000..=0x50FF, _) => Tag(0x5000, 0),
        // An overlay without its data is no overlay: all of its description goes with it.
        Tag(0x6000..=0x60FF, _) => Tag(0x6000, 0x3000),
        other => other,
    };
    rows.get(&tag)
}

pub(super) fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

fn parsed(line: &'static str) -> Option<(Tag, Row)> {
    let mut words = line.split(' ');
    let (group, element) = words.next()?.split_once(',')?;
    let basic = words.next()?;
    let mut options = [b'-'; 9];
    for option in &mut options {
        *option = *words.next()?.as_bytes().first()?;
    }
    let number = |text: &str| u16::from_str_radix(&text.replace('x', "0"), 16).ok();
    Some((Tag(number(group)?, number(element)?), Row { basic, options }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_row() {
        let all = lines(include_str!("table.txt")).count();
        assert_eq!(lines(include_str!("table.txt")).filter_map(parsed).count(), all);
        assert_eq!(all, 655, "656 rows in edition 2026c, one of them private attributes");
        assert!(row(Tag(0x0010, 0x0010)).is_some_and(|row| row.basic == "Z"));
        assert!(row(Tag(0x6002, 0x0010)).is_some_and(|row| row.basic == "X"));
    }
}
