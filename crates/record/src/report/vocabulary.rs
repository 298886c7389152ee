//! Words that a checker of spelling should know beside its everyday dictionary: those of the forms, macros, findings and
//! places that are offered here, and of radiology (`assets/spelling`). No words of any report.

use super::template::{Phrases, Template, Texts};
use crate::words::Locale;
use std::collections::BTreeSet;

/// Shorter ones are abbreviations, which no checker looks at twice.
const SHORTEST: usize = 3;

/// The words of a language, each once. A form that is not in this language adds none.
#[must_use]
pub fn vocabulary(locale: Locale, templates: &[Template], phrases: &Phrases) -> BTreeSet<String> {
    let own = match locale {
        Locale::En => include_str!("../../../../assets/spelling/en.txt"),
        Locale::Es => include_str!("../../../../assets/spelling/es.txt"),
        Locale::De => include_str!("../../../../assets/spelling/de.txt"),
    };
    let mut all = BTreeSet::new();
    own.lines().filter(|line| !line.starts_with('#')).for_each(|line| take(line, &mut all));
    let mut of = |texts: &Texts| take(texts.of(locale), &mut all);
    for template in templates {
        of(&template.title);
        for section in &template.sections {
            of(&section.heading);
            of(&section.text);
            for field in &section.fields {
                of(&field.label);
                field.choices.iter().for_each(|choice| of(&choice.words));
            }
        }
    }
    phrases.macros.iter().for_each(|one| of(&one.text));
    phrases.findings.iter().chain(&phrases.sites).for_each(|one| of(&one.words));
    all
}

/// A word that a person may have a checker learn: letters, and what joins them inside.
#[must_use]
pub fn is_word(text: &str) -> bool {
    let inner = text.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '\'' | '’'));
    inner && text.starts_with(char::is_alphabetic) && text.chars().count() <= 60
}

fn take(text: &str, all: &mut BTreeSet<String>) {
    let words = text.split(|c: char| !c.is_alphabetic());
    all.extend(words.filter(|word| word.chars().count() >= SHORTEST).map(str::to_owned));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_forms_and_findings_say_is_known_in_their_language() {
        let all = |locale| vocabulary(locale, &Template::built_in(), &Phrases::built_in());
        let cases = [
            (Locale::En, ["pneumothorax", "Impression", "ectatic"]),
            (Locale::Es, ["neumotórax", "Hallazgos", "hipodensa"]),
            (Locale::De, ["Raumforderung", "Perikarderguss", "hypodense"]),
        ];
        for (locale, words) in cases {
            for word in words {
                assert!(all(locale).contains(word), "{word}");
            }
        }
        assert!(!all(Locale::En).contains("Raumforderung"));
    }

    #[test]
    fn lists_hold_words_and_nothing_else() {
        for locale in Locale::ALL {
            let all = vocabulary(locale, &[], &Phrases::built_in());
            assert!(all.len() > 500 && all.iter().all(|word| is_word(word)), "{locale:?}");
        }
        assert!(is_word("Müller-Weiss") && is_word("l’os"));
        for wrong in ["", "two words", "4711", "a/b", "-x", "line\nbreak"] {
            assert!(!is_word(wrong), "{wrong}");
        }
    }
}
