//! Text in the character sets of PS3.3 C.12.1.1.2, with code extensions (ISO 2022).

use encoding_rs::{self as enc, Encoding};

/// The character sets of one data set, from Specific Character Set (0008,0005).
#[derive(Clone, Debug, Default)]
pub(crate) struct CharacterSet {
    /// The first value: what holds until an escape sequence says otherwise. `None`: ASCII.
    first: Option<&'static Encoding>,
    /// True when escape sequences may switch.
    extended: bool,
}

impl CharacterSet {
    /// Reads the attribute's value. An unknown set is read as Latin 1: no letter is lost.
    pub(crate) fn from_value(value: &str) -> Self {
        let mut terms = value.split('\\').map(str::trim);
        let first = terms.next().unwrap_or_default();
        let extended = first.starts_with("ISO 2022") || terms.next().is_some();
        Self { first: by_term(first), extended }
    }

    /// The text of a value, padding removed at its end.
    pub(crate) fn decode(&self, bytes: &[u8]) -> String {
        let end = bytes.iter().rposition(|b| *b != 0 && *b != b' ').map_or(0, |last| last + 1);
        let bytes = &bytes[..end];
        if bytes.is_ascii() && !bytes.contains(&0x1B) {
            return bytes.iter().map(|b| char::from(*b)).collect();
        }
        if self.extended && bytes.contains(&0x1B) {
            return decode_iso2022(bytes, self.first);
        }
        let encoding = self.first.unwrap_or(enc::WINDOWS_1252);
        encoding.decode_without_bom_handling(bytes).0.into_owned()
    }
}

/// A defined term; the form with code extensions means the same set.
fn by_term(term: &str) -> Option<&'static Encoding> {
    let number = term.trim_start_matches("ISO_IR ").trim_start_matches("ISO 2022 IR ");
    Some(match number {
        "100" => enc::WINDOWS_1252,
        "101" => enc::ISO_8859_2,
        "109" => enc::ISO_8859_3,
        "110" => enc::ISO_8859_4,
        "144" => enc::ISO_8859_5,
        "127" => enc::ISO_8859_6,
        "126" => enc::ISO_8859_7,
        "138" => enc::ISO_8859_8,
        "148" => enc::WINDOWS_1254,
        "203" => enc::ISO_8859_15,
        "166" => enc::WINDOWS_874,
        "13" => enc::SHIFT_JIS,
        "149" => enc::EUC_KR,
        "58" => enc::GBK,
        "192" => enc::UTF_8,
        "GB18030" | "GBK" => enc::GB18030,
        _ => return None,
    })
}

/// What bytes below 0x80 mean.
#[derive(Clone, Copy, PartialEq)]
enum Lower {
    Ascii,
    /// JIS X 0208: two bytes a letter.
    Kanji,
    /// JIS X 0212: two bytes a letter.
    KanjiSupplement,
}

/// PS3.5 6.1.2.5: G0 and G1 switched by escape sequences, reset at every delimiter.
fn decode_iso2022(bytes: &[u8], first: Option<&'static Encoding>) -> String {
    let mut out = String::new();
    let (mut lower, mut upper) = (Lower::Ascii, first);
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest[0] == 0x1B {
            at += escape(rest, &mut lower, &mut upper);
        } else if rest[0] >= 0x80 {
            let run = rest.iter().position(|b| *b < 0x80).unwrap_or(rest.len());
            let encoding = upper.unwrap_or(enc::WINDOWS_1252);
            out += &encoding.decode_without_bom_handling(&rest[..run]).0;
            at += run;
        } else if lower == Lower::Ascii || rest[0] < 0x21 {
            out.push(char::from(rest[0]));
            if matches!(rest[0], b'^' | b'=' | b'\\' | b'\r' | b'\n' | b'\x0C') {
                (lower, upper) = (Lower::Ascii, first);
            }
            at += 1;
        } else {
            let pair = [rest[0] | 0x80, rest.get(1).copied().unwrap_or(0x21) | 0x80];
            let euc = [0x8F, pair[0], pair[1]];
            let euc = if lower == Lower::Kanji { &euc[1..] } else { &euc[..] };
            out += &enc::EUC_JP.decode_without_bom_handling(euc).0;
            at += 2;
        }
    }
    out
}

/// Takes one escape sequence; returns its length. An unknown one is skipped.
fn escape(rest: &[u8], lower: &mut Lower, upper: &mut Option<&'static Encoding>) -> usize {
    let (length, set): (usize, Option<&'static Encoding>) = match rest.get(1..) {
        Some([b'(', b'B' | b'J', ..]) => {
            *lower = Lower::Ascii;
            return 3;
        }
        Some([b'$', b'B' | b'@', ..]) => {
            *lower = Lower::Kanji;
            return 3;
        }
        Some([b'$', b'(', b'D', ..]) => {
            *lower = Lower::KanjiSupplement;
            return 4;
        }
        Some([b'$', b')', b'C', ..]) => (4, Some(enc::EUC_KR)),
        Some([b'$', b')', b'A', ..]) => (4, Some(enc::GBK)),
        Some([b')', b'I', ..]) => (3, Some(enc::SHIFT_JIS)),
        Some([b'-', b'A', ..]) => (3, Some(enc::WINDOWS_1252)),
        Some([b'-', b'B', ..]) => (3, Some(enc::ISO_8859_2)),
        Some([b'-', b'C', ..]) => (3, Some(enc::ISO_8859_3)),
        Some([b'-', b'D', ..]) => (3, Some(enc::ISO_8859_4)),
        Some([b'-', b'F', ..]) => (3, Some(enc::ISO_8859_7)),
        Some([b'-', b'G', ..]) => (3, Some(enc::ISO_8859_6)),
        Some([b'-', b'H', ..]) => (3, Some(enc::ISO_8859_8)),
        Some([b'-', b'L', ..]) => (3, Some(enc::ISO_8859_5)),
        Some([b'-', b'M', ..]) => (3, Some(enc::WINDOWS_1254)),
        Some([b'-', b'T', ..]) => (3, Some(enc::WINDOWS_874)),
        _ => return 1,
    };
    *upper = set;
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_japanese_name_keeps_its_three_forms() {
        let set = CharacterSet::from_value("\\ISO 2022 IR 87");
        let bytes = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
        assert_eq!(set.decode(bytes), "Yamada^Tarou=山田^太郎=やまだ^たろう");
    }

    #[test]
    fn a_german_umlaut_in_latin_1_and_in_utf_8_is_the_same_letter() {
        assert_eq!(CharacterSet::from_value("ISO_IR 100").decode(b"R\xFCdiger "), "Rüdiger");
        assert_eq!(CharacterSet::from_value("ISO_IR 192").decode("Rüdiger".as_bytes()), "Rüdiger");
    }
}
