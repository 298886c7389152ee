//! Reading a configuration without executing it: literals and references (`@name::part`, `@name#part`, and `%name`, which
//! copies), nothing else.

use serde_json::{Map, Value};

use super::bundle::BundleError;
use super::files::parts;

/// A configuration and the place that is read.
#[derive(Clone)]
pub(super) struct Config<'a> {
    root: &'a Map<String, Value>,
    place: String,
    object: &'a Map<String, Value>,
}

/// References that point at one another end.
const MOST_REFERENCES: usize = 16;

impl<'a> Config<'a> {
    pub(super) fn new(root: &'a Map<String, Value>) -> Self {
        Self { root, place: String::new(), object: root }
    }

    /// Where this is in the file, for errors.
    pub(super) fn at(&self, key: &str) -> String {
        match self.place.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.place),
        }
    }

    pub(super) fn wrong(&self, key: &str, reason: &str) -> BundleError {
        BundleError::Config(format!("`{}` {reason}", self.at(key)))
    }

    pub(super) fn not_done(&self, key: &str, value: impl ToString) -> BundleError {
        BundleError::NotDone { key: self.at(key), value: value.to_string() }
    }

    /// The value of a key; a reference is followed. An expression of Python is an error.
    pub(super) fn get(&self, key: &str) -> Result<Option<&'a Value>, BundleError> {
        self.object.get(key).map(|value| self.followed(key, value)).transpose()
    }

    fn followed(&self, key: &str, value: &'a Value) -> Result<&'a Value, BundleError> {
        let mut value = value;
        for _ in 0..MOST_REFERENCES {
            let Value::String(text) = value else { return Ok(value) };
            if text.starts_with('$') {
                return Err(self.not_done(key, text));
            }
            let Some(path) = text.strip_prefix(['@', '%']) else { return Ok(value) };
            let parts = parts(path);
            let first = parts.first().and_then(|name| self.root.get(name));
            let found = parts.iter().skip(1).fold(first, |at, part| match at? {
                Value::Object(object) => object.get(part),
                Value::Array(values) => values.get(part.parse::<usize>().ok()?),
                _ => None,
            });
            value =
                found.ok_or_else(|| self.wrong(key, &format!("refers to `{path}`, which is not there")))?;
        }
        Err(self.wrong(key, "refers to itself"))
    }

    /// The object of a key.
    pub(super) fn object(&self, key: &str) -> Result<Config<'a>, BundleError> {
        match self.get(key)? {
            Some(Value::Object(object)) => Ok(Config { root: self.root, place: self.at(key), object }),
            _ => Err(self.wrong(key, "is no object")),
        }
    }

    /// The objects of a list, but for those that are switched off.
    pub(super) fn objects(&self, key: &str) -> Result<Vec<Config<'a>>, BundleError> {
        let Some(Value::Array(values)) = self.get(key)? else { return Err(self.wrong(key, "is no list")) };
        let one = |(place, value): (usize, &'a Value)| {
            let name = format!("{key}[{place}]");
            match self.followed(&name, value)? {
                Value::Object(object) => Ok(Config { root: self.root, place: self.at(&name), object }),
                _ => Err(self.wrong(&name, "is no object")),
            }
        };
        let all: Result<Vec<Config<'a>>, BundleError> = values.iter().enumerate().map(one).collect();
        let mut on = Vec::new();
        for config in all? {
            // MONAI takes the text "true" for true here.
            let off = match config.get("_disabled_")? {
                Some(Value::Bool(off)) => *off,
                Some(Value::String(text)) => text.trim().eq_ignore_ascii_case("true"),
                None | Some(Value::Null) => false,
                Some(other) => return Err(config.not_done("_disabled_", other)),
            };
            if !off {
                on.push(config);
            }
        }
        Ok(on)
    }

    /// The class that an object stands for, without its module and without the `d` of dictionaries.
    pub(super) fn target(&self) -> Result<&'a str, BundleError> {
        let target = self.object.get("_target_").and_then(Value::as_str);
        let target = target.ok_or_else(|| self.wrong("_target_", "is missing"))?;
        Ok(target.rsplit('.').next().unwrap_or(target))
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, BundleError> {
        match self.get(key)? {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64().filter(|number| number.is_finite()) {
                Some(number) => Ok(Some(number)),
                None => Err(self.wrong(key, "is no number")),
            },
        }
    }

    pub(super) fn count(&self, key: &str) -> Result<Option<usize>, BundleError> {
        match self.number(key)? {
            None => Ok(None),
            Some(number) if number >= 0.0 && number.fract() == 0.0 && number < 1e6 => {
                Ok(Some(number as usize))
            }
            Some(_) => Err(self.wrong(key, "is no whole number")),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, BundleError> {
        match self.get(key)? {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(key, "is neither true nor false")),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, BundleError> {
        match self.get(key)? {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "is no text")),
        }
    }

    /// Texts of a list, or one text.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>, BundleError> {
        match self.get(key)? {
            Some(Value::Array(values)) => {
                let all: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
                all.map(Some).ok_or_else(|| self.wrong(key, "is no list of texts"))
            }
            _ => Ok(self.text(key)?.map(|text| vec![text])),
        }
    }

    /// Numbers of a list, or one number.
    pub(super) fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>, BundleError> {
        match self.get(key)? {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(values)) => {
                let all: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
                all.map(Some).ok_or_else(|| self.wrong(key, "is no list of numbers"))
            }
            Some(_) => Ok(self.number(key)?.map(|number| vec![number])),
        }
    }

    /// Whole numbers of a list.
    pub(super) fn counts(&self, key: &str) -> Result<Option<Vec<usize>>, BundleError> {
        let Some(numbers) = self.numbers(key)? else { return Ok(None) };
        let whole = |number: &f64| {
            (*number >= 0.0 && number.fract() == 0.0 && *number < 1e6).then_some(*number as usize)
        };
        let all: Option<Vec<usize>> = numbers.iter().map(whole).collect();
        all.map(Some).ok_or_else(|| self.wrong(key, "is no list of whole numbers"))
    }

    /// For each axis: lists of numbers, or one for all axes; two numbers stand for rows and columns.
    pub(super) fn sizes_of_levels(
        &self,
        key: &str,
        spatial: usize,
    ) -> Result<Option<Vec<[usize; 3]>>, BundleError> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        let wrong = || self.wrong(key, "does not hold sizes of axes");
        let count = |value: &Value| value.as_u64().map(|count| count as usize);
        let level = |value: &Value| match value {
            Value::Array(sizes) => {
                let sizes: Vec<usize> = sizes.iter().map(count).collect::<Option<_>>()?;
                match (sizes.as_slice(), spatial) {
                    ([rows, columns], 2) => Some([1, *rows, *columns]),
                    ([a, b, c], 3) => Some([*a, *b, *c]),
                    _ => None,
                }
            }
            one => count(one).map(|size| if spatial == 2 { [1, size, size] } else { [size; 3] }),
        };
        let Value::Array(levels) = value else { return Err(wrong()) };
        levels.iter().map(level).collect::<Option<Vec<_>>>().map(Some).ok_or_else(wrong)
    }

    /// No argument but these stands here: one that is not known could change the answer.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), BundleError> {
        let changes =
            |key: &str| !known.contains(&key) && !["_target_", "_disabled_", "_desc_"].contains(&key);
        let extra = self.object.keys().find(|key| changes(key));
        match extra {
            None => Ok(()),
            Some(key) => Err(self.not_done(key, &self.object[key])),
        }
    }
}
