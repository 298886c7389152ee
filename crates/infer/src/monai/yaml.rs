//! A configuration written in YAML, as MONAI reads it: by PyYAML's safe loader, which means the words and numbers of YAML 1.1
//! (`yes` is true, `1e-5` is a text).
//!
//! A bundle's configuration is data. What else the format can say is refused with its line before anything is built of it:
//! anchors and aliases (a few lines of them make gigabytes), tags (they name types to be made), merge keys, several documents,
//! the same key twice.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// Tables and lists within one another.
const DEEPEST: usize = 64;

/// What is open around the place that is read.
enum Open {
    List(Vec<Value>),
    Table { entries: Vec<(String, Value)>, key: Option<String> },
}

/// The entries of the one table that the text is, in its order.
///
/// # Errors
/// What cannot be read or is refused, with its line.
pub(super) fn entries(text: &str) -> Result<Vec<(String, Value)>, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let at = |reason: &str| format!("line {}: {reason}", span.start.line());
        let plain = |anchor: usize, has_tag: bool| match (anchor, has_tag) {
            (0, false) => Ok(()),
            (0, true) => Err(at("a tag, which names a type to be made, is refused")),
            _ => Err(at("an anchor is refused: write the value where it is meant")),
        };
        let done = match event {
            Event::Alias(_) => return Err(at("an alias is refused: write the value where it is meant")),
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(at("a second document is refused"));
                }
                continue;
            }
            Event::Scalar(text, style, anchor, tag) => {
                plain(anchor, tag.is_some())?;
                let is_plain = style == ScalarStyle::Plain;
                if let Some(Open::Table { entries, key: key @ None }) = open.last_mut() {
                    if is_plain && text == "<<" {
                        return Err(at("a merge key is refused"));
                    }
                    if entries.iter().any(|(name, _)| *name == text) {
                        return Err(at(&format!("the key `{text}` stands there twice")));
                    }
                    *key = Some(text.into_owned());
                    continue;
                }
                match is_plain {
                    true => resolved(&text).map_err(|reason| at(&reason))?,
                    false => Value::String(text.into_owned()),
                }
            }
            Event::SequenceStart(anchor, tag) => {
                plain(anchor, tag.is_some())?;
                opened(&mut open, Open::List(Vec::new())).map_err(at)?;
                continue;
            }
            Event::MappingStart(anchor, tag) => {
                plain(anchor, tag.is_some())?;
                opened(&mut open, Open::Table { entries: Vec::new(), key: None }).map_err(at)?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(values)) => Value::Array(values),
                Some(Open::Table { entries, .. }) if open.is_empty() => {
                    root = Some(entries);
                    continue;
                }
                Some(Open::Table { entries, .. }) => {
                    Value::Object(entries.into_iter().collect::<Map<_, _>>())
                }
                None => return Err(at("an end without a beginning")),
            },
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => continue,
        };
        match open.last_mut() {
            Some(Open::List(values)) => values.push(done),
            Some(Open::Table { entries, key }) => match key.take() {
                Some(key) => entries.push((key, done)),
                None => return Err(at("a key that is no text is refused")),
            },
            None => return Err(at("a table of names is expected")),
        }
    }
    root.ok_or_else(|| "it holds no table of names".to_owned())
}

fn opened(open: &mut Vec<Open>, new: Open) -> Result<(), &'static str> {
    match open.last() {
        Some(Open::Table { key: None, .. }) => Err("a key that is no text is refused"),
        _ if open.len() >= DEEPEST => Err("tables and lists lie more than 64 deep in one another"),
        _ => {
            open.push(new);
            Ok(())
        }
    }
}

/// What a word without quotes stands for (PyYAML's `resolver.py`).
fn resolved(text: &str) -> Result<Value, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => number(text)?.unwrap_or_else(|| Value::String(text.to_owned())),
    })
}

/// A number in the ways that configurations write it; PyYAML's other ways (0x1F, 010, 1:30) are errors, not texts.
fn number(text: &str) -> Result<Option<Value>, String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Ok(None);
    }
    let of = |digits: &str, also: &[char]| {
        digits.chars().all(|letter| letter.is_ascii_digit() || letter == '_' || also.contains(&letter))
    };
    let other = || Err(format!("the number `{text}` is written in a way that is not read here"));
    if [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"].contains(&unsigned) {
        return other();
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = text.replace('_', "");
    match (mantissa.split_once('.'), exponent) {
        (Some((whole, part)), exponent) if of(whole, &[]) && of(part, &[]) => {
            // An exponent without a sign makes it a text there.
            let fits = exponent.is_none_or(|exponent| {
                exponent.strip_prefix(['+', '-']).is_some_and(|e| !e.is_empty() && of(e, &[]))
            });
            if !fits || (whole.is_empty() && part.is_empty()) {
                return Ok(None);
            }
            let value = digits.parse::<f64>().ok().and_then(Number::from_f64);
            value.map_or_else(other, |number| Ok(Some(Value::Number(number))))
        }
        (None, None) if of(mantissa, &[]) => match mantissa == "0" || !mantissa.starts_with('0') {
            true => digits.parse::<i64>().map_or_else(|_| other(), |number| Ok(Some(number.into()))),
            false => other(),
        },
        (None, _) if mantissa.starts_with("0x") || mantissa.starts_with("0b") => other(),
        (_, None) if mantissa.contains(':') && of(mantissa, &[':', '.']) => other(),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        let (_, value) = entries(&format!("key: {text}")).unwrap().remove(0);
        value
    }

    /// What `yaml.safe_load` of PyYAML 6 gives.
    #[test]
    fn words_and_numbers_mean_what_pyyaml_takes_them_for() {
        for text in ["yes", "True", "on"] {
            assert_eq!(value(text), Value::Bool(true), "{text}");
        }
        for (text, number) in [("3", 3.0), ("-1_000", -1000.0), ("1.0e-5", 1e-5), (".5", 0.5), ("2.", 2.0)] {
            assert_eq!(value(text).as_f64(), Some(number), "{text}");
        }
        for text in ["1e-5", "1.5e5", "'yes'", "\"3\"", "$@network.to(1)", "1.2.3", "y"] {
            assert!(value(text).is_string(), "{text}");
        }
        assert_eq!(value("~"), Value::Null);
        assert_eq!(value("[1, [2, {a: b}]]"), serde_json::json!([1, [2, {"a": "b"}]]));
    }

    #[test]
    fn the_order_of_the_file_is_kept() {
        let names: Vec<String> =
            entries("b: 1\na: 2\n+b: 3\n").unwrap().into_iter().map(|(k, _)| k).collect();
        assert_eq!(names, ["b", "a", "+b"]);
    }

    #[test]
    fn what_is_no_plain_data_is_refused_with_its_line() {
        let laughs = "a: &a [x, x]\nb: [*a, *a]\n";
        let deep = format!("a: {}", "[".repeat(100));
        for (text, named) in [
            (laughs, "line 1: an anchor"),
            ("a: 1\nb: !!python/object/apply:os.system [true]", "line 2: a tag"),
            ("a: !t {b: 1}", "a tag"),
            ("a: 1\n---\nb: 2", "second document"),
            ("a: 1\na: 2", "line 2: the key `a`"),
            ("<<: {b: 1}", "merge key"),
            ("? [1, 2]\n: 3", "no text"),
            ("a: 0x1F", "0x1F"),
            ("a: 1:30", "1:30"),
            ("a: .inf", ".inf"),
            ("- 1", "table of names"),
            ("text", "table of names"),
            ("", "no table"),
            (deep.as_str(), "64 deep"),
        ] {
            let error = entries(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error} does not say {named}");
        }
    }
}
