//! Spelling of reports: by which dictionary the web view checks, and which words it knows beside it.
//!
//! On Linux the web view checks by the dictionaries of the system, and by a list of words for each that is in a folder of
//! the program (Enchant's personal words). The folder is in the account's memory-backed runtime directory: there are the
//! words of forms and of radiology, and what people have had it learn. What was learned is kept in the encrypted cache, since
//! it may be a name. Elsewhere the web view follows the language of the page by itself, and keeps its own words.

use crate::desk::Desk;
use crate::dto::{SpellingRequest, SpellingState};
use crate::problem::{Fault, Problem};
use medsight_cache::Cache;
use medsight_record::report::template::Phrases;
use medsight_record::report::vocabulary::{is_word, vocabulary};
use medsight_record::words::Locale;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Has the web view check by the first of these dictionaries that is installed, and says which that is.
pub type Choose = Box<dyn Fn(&[String]) -> Option<String> + Send + Sync>;

/// The checker of the web view, where the program has to tell it what to check by.
pub struct Speller {
    /// Where it looks for words of the program; without one it has the dictionary alone.
    pub folder: Option<PathBuf>,
    /// Chooses its dictionary.
    pub choose: Choose,
}

/// Has the words of a report checked in its language from now on.
pub(crate) fn check(desk: &Arc<Desk>, request: SpellingRequest) -> Result<SpellingState, Problem> {
    let locale = Locale::parse(&request.language);
    let locale = locale.ok_or_else(|| Fault::BadRequest("there is no such language.".into()))?;
    let Some(speller) = desk.speller() else { return Ok(SpellingState::OfPlatform) };
    let tags = tags(locale, system_tag().as_deref());
    if let Some(folder) = &speller.folder {
        let words = known(desk, locale);
        let learned = learned(folder, &tags, &words);
        let cache = desk.cache()?;
        cache.learn_words(locale.code(), &learned)?;
        let kept = cache.learned_words(locale.code())?;
        let list = words.into_iter().chain(kept).chain(signs()).map(|word| word + "\n").collect::<String>();
        // A list that can't be written leaves the dictionary alone: more is underlined, nothing is lost.
        let _shorter = tags.iter().try_for_each(|tag| replace(&folder.join(format!("{tag}.dic")), &list));
    }
    Ok(match (speller.choose)(&tags) {
        Some(dictionary) => SpellingState::Checked { dictionary },
        None => SpellingState::NoDictionary { dictionary: tags[0].clone() },
    })
}

/// The program ends: what was learned is kept, and the lists go.
pub(crate) fn end(desk: &Desk, cache: Option<&Cache>) {
    let Some(folder) = desk.speller().and_then(|speller| speller.folder.as_ref()) else { return };
    if let Some(cache) = cache {
        for locale in Locale::ALL {
            let learned = learned(folder, &tags(locale, system_tag().as_deref()), &known(desk, locale));
            // On a full disk what was learned since the last time has to be learned again.
            let _again = cache.learn_words(locale.code(), &learned);
        }
    }
    let _gone_with_the_session = std::fs::remove_dir_all(folder);
}

fn known(desk: &Desk, locale: Locale) -> BTreeSet<String> {
    vocabulary(locale, &desk.forms().all(), &Phrases::built_in())
}

/// What stands in a text for something else: labels of measurements and key images (`[M1]`), and the gap of a macro.
fn signs() -> impl Iterator<Item = String> {
    let labels =
        ["M", "K"].into_iter().flat_map(|kind| (1..=30).map(move |number| format!("{kind}{number}")));
    labels.chain(["___".to_owned()])
}

/// Words of the lists that the program did not put there.
fn learned(folder: &Path, tags: &[String], known: &BTreeSet<String>) -> Vec<String> {
    let lists = tags.iter().filter_map(|tag| std::fs::read_to_string(folder.join(format!("{tag}.dic"))).ok());
    let words: BTreeSet<String> = lists
        .flat_map(|list| {
            list.lines().map(str::trim).filter(|word| is_word(word)).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    words.difference(known).cloned().collect()
}

/// Names of dictionaries, best first: the country of the system where it speaks the language, then the usual ones.
fn tags(locale: Locale, system: Option<&str>) -> Vec<String> {
    let usual: &[&str] = match locale {
        Locale::En => &["en_US", "en_GB"],
        Locale::Es => &["es_ES"],
        Locale::De => &["de_DE"],
    };
    let system = system.filter(|tag| Locale::parse(tag) == Some(locale) && tag.len() == 5);
    let mut tags: Vec<String> = Vec::new();
    for tag in system.into_iter().chain(usual.iter().copied()) {
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags
}

/// `de_AT` of `de_AT.UTF-8`.
fn system_tag() -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let name = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG"))?;
    let tag = name.split(['.', '@']).next()?;
    tag.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_').then(|| tag.to_owned())
}

/// In one step: the checker reads a list again as soon as it is another.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, text)?;
    std::fs::rename(part, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use crate::support::{new_desk_with, shell};
    use std::sync::Mutex;

    #[test]
    fn the_country_of_the_system_comes_first_where_it_speaks_the_language() {
        assert_eq!(tags(Locale::De, Some("de_AT")), ["de_AT", "de_DE"]);
        assert_eq!(tags(Locale::De, Some("en_GB")), ["de_DE"]);
        assert_eq!(tags(Locale::En, Some("en_GB")), ["en_GB", "en_US"]);
        assert_eq!(tags(Locale::En, Some("C")), ["en_US", "en_GB"]);
        assert_eq!(tags(Locale::Es, None), ["es_ES"]);
    }

    #[test]
    fn a_word_that_was_learned_is_known_at_the_next_start_and_stands_nowhere_unencrypted() {
        let folder = tempfile::tempdir().unwrap();
        let lists = folder.path().join("lists");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let desk = || {
            std::fs::create_dir_all(&lists).unwrap();
            let heard = Arc::clone(&asked);
            let choose: Choose = Box::new(move |tags| {
                heard.lock().unwrap().extend_from_slice(tags);
                tags.iter().find(|tag| !tag.starts_with("es")).cloned()
            });
            let shell = crate::desk::Shell {
                speller: Some(Speller { folder: Some(lists.clone()), choose }),
                ..shell(|_| None)
            };
            let desk = new_desk_with(folder.path(), shell);
            desk.start(false);
            desk
        };
        let list = |tag: &str| std::fs::read_to_string(lists.join(format!("{tag}.dic"))).unwrap();
        let request = |language: &str| SpellingRequest { language: language.into() };
        let first = desk();
        let state = check(&first, request("de")).unwrap();
        assert!(matches!(state, SpellingState::Checked { dictionary } if dictionary.starts_with("de_")));
        assert!(list("de_DE").lines().any(|word| word == "Raumforderung"));
        let state = check(&first, request("es")).unwrap();
        assert!(matches!(state, SpellingState::NoDictionary { dictionary } if dictionary.starts_with("es_")));
        // As the web view's own "Learn spelling" does.
        let with = list("de_DE") + "\nHansenzeichen\n12/7\n";
        std::fs::write(lists.join("de_DE.dic"), with).unwrap();
        first.end();
        assert!(!lists.exists());
        drop(first);
        let second = desk();
        check(&second, request("de")).unwrap();
        assert!(list("de_DE").lines().any(|word| word == "Hansenzeichen"));
        assert!(!list("de_DE").contains("12/7"));
        check(&second, request("en")).unwrap();
        assert!(!list("en_US").contains("Hansenzeichen"));
        assert!(asked.lock().unwrap().contains(&"de_DE".to_owned()));
        assert_eq!(check(&second, request("fr")).unwrap_err().code, "desk.bad-request");
    }
}
