//! Text as it is searched and sorted: lower case, without accents, words apart.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Writes the words of `text`, each with a blank before it. A word is a run of letters and digits; each Chinese,
/// Japanese or Korean character is a word, because these are written without blanks.
pub(crate) fn words(text: &str, out: &mut String) {
    if text.is_ascii() {
        return ascii_words(text, out);
    }
    let mut inside = false;
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        if !c.is_alphanumeric() {
            inside = false;
            continue;
        }
        let alone = is_written_without_blanks(c);
        if !inside || alone {
            out.push(' ');
        }
        inside = !alone;
        match plain(c) {
            Some(letters) => out.push_str(letters),
            None => out.extend(c.to_lowercase()),
        }
    }
}

/// The same, without tables: most texts.
fn ascii_words(text: &str, out: &mut String) {
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        out.push(' ');
        let start = out.len();
        out.push_str(word);
        out[start..].make_ascii_lowercase();
    }
}

/// Letters that Unicode does not take apart but people do.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' | 'ẞ' => "ss",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'ø' | 'Ø' => "o",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'ł' | 'Ł' => "l",
        'þ' | 'Þ' => "th",
        'ı' => "i",
        'ς' => "σ",
        _ => return None,
    })
}

fn is_written_without_blanks(c: char) -> bool {
    matches!(u32::from(c), 0x2E80..=0x9FFF | 0xAC00..=0xD7AF | 0x1100..=0x11FF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut out = String::new();
        words(text, &mut out);
        out
    }

    #[test]
    fn case_accents_and_separators_make_no_difference() {
        assert_eq!(folded("MÜLLER^José-María"), " muller jose maria");
        assert_eq!(folded("Straße Øre Łódź"), " strasse ore lodz");
        assert_eq!(folded("PAT-0042/7"), " pat 0042 7");
        assert_eq!(folded("山田^太郎"), " 山 田 太 郎");
        assert_eq!(folded("Διονύσιος"), folded("ΔΙΟΝΥΣΙΟΣ"));
        assert_eq!(folded("^^ ="), "");
    }
}
