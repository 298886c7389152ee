//! What differs between two texts, word by word: for what changed since the last version, or since the prior report.

use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};

/// What became of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is in both.
    Same,
    /// It is in the new text only.
    Added,
    /// It is in the old text only.
    Removed,
}

/// A piece of text and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// The words, with the space between them.
    pub text: String,
}

/// The pieces in the order in which they are read; neighbours of one kind are one piece. All that is not `Removed`, put
/// together, is `new`; all that is not `Added` is `old`.
#[must_use]
pub fn between(old: &str, new: &str) -> Vec<Change> {
    let diff = TextDiff::from_unicode_words(old, new);
    let mut changes: Vec<Change> = Vec::new();
    for change in diff.iter_all_changes() {
        let kind = match change.tag() {
            ChangeTag::Equal => ChangeKind::Same,
            ChangeTag::Insert => ChangeKind::Added,
            ChangeTag::Delete => ChangeKind::Removed,
        };
        match changes.last_mut().filter(|last| last.kind == kind) {
            Some(last) => last.text.push_str(change.value()),
            None => changes.push(Change { kind, text: change.value().to_owned() }),
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_number_is_told_word_by_word() {
        let changes = between("Node of 12 mm.", "Node of 15 mm, larger.");
        let of =
            |kind| changes.iter().filter(|c| c.kind == kind).map(|c| c.text.as_str()).collect::<String>();
        assert_eq!(of(ChangeKind::Removed).trim(), "12");
        assert!(of(ChangeKind::Added).contains("15"));
        assert!(of(ChangeKind::Added).contains("larger"));
    }

    #[test]
    fn both_texts_can_be_put_together_again() {
        for (old, new) in [("", "a b"), ("a b", ""), ("größer – ä\nb", "kleiner – ä\n\nb c"), ("x", "x")]
        {
            let changes = between(old, new);
            let put = |without| {
                changes.iter().filter(|c| c.kind != without).map(|c| c.text.as_str()).collect::<String>()
            };
            assert_eq!(put(ChangeKind::Added), old);
            assert_eq!(put(ChangeKind::Removed), new);
        }
    }
}
