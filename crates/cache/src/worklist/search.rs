//! The words of a search, ready to be looked for in folded text.

use super::fold;
use memchr::memmem::Finder;

/// What was typed. No words fit everything.
pub(crate) struct Search {
    /// Each with the blank that begins a word; longest first, because it rules out the most.
    words: Vec<Finder<'static>>,
}

impl Search {
    pub(crate) fn new(typed: &str) -> Self {
        let mut folded = String::new();
        fold::words(typed, &mut folded);
        let mut words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        Self { words: words.iter().map(|word| Finder::new(&format!(" {word}")).into_owned()).collect() }
    }

    pub(crate) fn fits(&self, folded: &str) -> bool {
        self.words.iter().all(|word| word.find(folded.as_bytes()).is_some())
    }
}
