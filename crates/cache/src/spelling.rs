//! Words that people had the checker of spelling learn, by language. Encrypted with the records: one may be a name.

use crate::tables::meta;
use crate::{Cache, CacheError};
use std::collections::BTreeSet;

/// More are not taken: a checker that knows everything checks nothing.
const MOST: usize = 10_000;

impl Cache {
    /// The learned words of a language (two-letter code), in order.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn learned_words(&self, language: &str) -> Result<Vec<String>, CacheError> {
        let stored: Option<String> = self.read(|db| Ok(meta::get(db, &name(language))?))?;
        Ok(stored.unwrap_or_default().lines().map(str::to_owned).collect())
    }

    /// Adds words of a language to those that are known. A word is one line.
    ///
    /// # Errors
    /// [`CacheError`]; then none was added.
    pub fn learn_words(&self, language: &str, words: &[String]) -> Result<(), CacheError> {
        // Read and written in one, so that two who teach at the same moment lose none.
        self.write(|db| {
            let stored: Option<String> = meta::get(db, &name(language))?;
            let mut known: BTreeSet<String> = stored.unwrap_or_default().lines().map(str::to_owned).collect();
            let before = known.len();
            known.extend(
                words.iter().filter(|word| !word.contains('\n')).take(MOST.saturating_sub(before)).cloned(),
            );
            if known.len() == before {
                return Ok(());
            }
            let all = known.into_iter().collect::<Vec<_>>().join("\n");
            Ok(meta::set(db, &name(language), &all)?)
        })
    }
}

fn name(language: &str) -> String {
    format!("spelling_{language}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use medsight_vault::MasterKey;

    #[test]
    fn words_are_kept_by_language_each_once_and_no_line_becomes_two_words() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), &MasterKey::random().unwrap()).unwrap();
        let learn = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            cache.learn_words("de", &words).unwrap();
        };
        learn(&["Hansen", "Befundtext"]);
        learn(&["Hansen", "two\nlines"]);
        assert_eq!(cache.learned_words("de").unwrap(), ["Befundtext", "Hansen"]);
        assert_eq!(cache.learned_words("en").unwrap(), [""; 0]);
    }
}
