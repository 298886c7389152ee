//! Forms that a site writes itself: what has to be right before one is offered, and which place of which file is wrong
//! where it is not. Reading the folder is the desk's.

use super::rules::OPEN_PLACE;
use super::template::{Code, Template, TemplateSection, Texts};
use crate::words::Locale;

/// A longer file is no form, bytes.
pub const LONGEST_FILE: u64 = 256 << 10;
/// Longest code value and scheme, characters (SH of PS3.5), and longest meaning (LO).
const LONGEST_CODE: usize = 16;
const LONGEST_MEANING: usize = 64;

/// Why a form is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the form {file} is not used: {key}: {fault}")]
pub struct FormError {
    /// Name of the file.
    pub file: String,
    /// Which part of it: `section.findings.field.quality.label`, or the line.
    pub key: String,
    /// What is wrong with it.
    pub fault: FormFault,
}

/// What is wrong with a part of a form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormFault {
    /// The file can't be read.
    #[error("the file can't be read: {0}")]
    Unreadable(
        /// What the system says.
        String,
    ),
    /// No form is that long.
    #[error("the file is longer than a form can be")]
    TooLong,
    /// Not TOML, an unknown name, or a value of the wrong kind.
    #[error("this can't be understood: {0}")]
    NotUnderstood(
        /// What is wrong with it.
        String,
    ),
    /// A name that is empty or has other signs than `a`–`z`, `0`–`9`, `_` and `-`.
    #[error("a name is of the letters a to z, digits, _ and -")]
    BadName,
    /// Two of one name.
    #[error("there are two of this name")]
    Twice,
    /// There is another form of this `id`.
    #[error("another form has this id already")]
    TakenId,
    /// A form without sections.
    #[error("a form needs a section")]
    NoSection,
    /// A text is missing in a language that the title has.
    #[error("the words are missing in a language that the title has: {0}")]
    NoWords(
        /// Two-letter code.
        &'static str,
    ),
    /// The languages leave different numbers of places open.
    #[error("each language has to leave the same number of places open: [___]")]
    Places,
    /// A field with a unit and with choices.
    #[error("a field has a unit or choices, not both")]
    UnitAndChoices,
    /// A code without a value, a scheme or a meaning, or with one that is too long.
    #[error("a code has a value and a scheme of at most 16 signs, and a meaning of at most 64")]
    BadCode,
}

impl FormFault {
    /// What belongs into the words: the reason of the system, or the language.
    #[must_use]
    pub fn why(&self) -> String {
        match self {
            Self::Unreadable(why) | Self::NotUnderstood(why) => why.clone(),
            Self::NoWords(language) => (*language).to_owned(),
            _ => String::new(),
        }
    }

    /// Stable name; its words are `report.form_fault.…`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::TooLong => "too_long",
            Self::NotUnderstood(_) => "not_understood",
            Self::BadName => "bad_name",
            Self::Twice => "twice",
            Self::TakenId => "taken_id",
            Self::NoSection => "no_section",
            Self::NoWords(_) => "no_words",
            Self::Places => "places",
            Self::UnitAndChoices => "unit_and_choices",
            Self::BadCode => "bad_code",
        }
    }
}

/// Reads one form of a site. `file` is its name for errors; `others` are the forms that are there already.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn read(file: &str, text: &str, others: &[Template]) -> Result<Template, FormError> {
    let wrong = |key: &str, fault| FormError { file: file.to_owned(), key: key.to_owned(), fault };
    let template: Template = toml::from_str(text).map_err(|error: toml::de::Error| {
        let line =
            error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        wrong(&place_of(text, line), FormFault::NotUnderstood(error.message().to_owned()))
    })?;
    check(&template).map_err(|(key, fault)| wrong(&key, fault))?;
    if others.iter().any(|other| other.id == template.id) {
        return Err(wrong("id", FormFault::TakenId));
    }
    Ok(template)
}

/// The name at a line where it gives one, and the line.
fn place_of(text: &str, line: usize) -> String {
    let content = text.lines().nth(line - 1).unwrap_or_default();
    match content.split_once('=') {
        Some((name, _)) if is_name(name.trim()) => format!("{} ({line})", name.trim()),
        _ => format!("({line})"),
    }
}

fn is_name(name: &str) -> bool {
    let sign = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    !name.is_empty() && name.len() <= 64 && name.chars().all(sign)
}

type Wrong = (String, FormFault);

fn check(template: &Template) -> Result<(), Wrong> {
    named("id", &template.id)?;
    let languages: Vec<Locale> = Locale::ALL.into_iter().filter(|of| template.title.has(*of)).collect();
    if languages.is_empty() {
        return Err(("title".into(), FormFault::NoWords(Locale::En.code())));
    }
    coded("code", template.code.as_ref())?;
    if template.sections.is_empty() {
        return Err(("section".into(), FormFault::NoSection));
    }
    let keys = template.sections.iter().map(|section| section.key.as_str());
    each_once("section", keys)?;
    template.sections.iter().try_for_each(|section| check_section(section, &languages))
}

fn check_section(section: &TemplateSection, languages: &[Locale]) -> Result<(), Wrong> {
    let at = format!("section.{}", section.key);
    coded(&format!("{at}.code"), section.code.as_ref())?;
    whole(&format!("{at}.heading"), &section.heading, languages)?;
    if Locale::ALL.iter().any(|locale| section.text.has(*locale)) {
        let key = format!("{at}.text");
        whole(&key, &section.text, languages)?;
        let places = |locale: &Locale| section.text.of(*locale).matches(OPEN_PLACE).count();
        if languages.iter().any(|locale| places(locale) != places(&languages[0])) {
            return Err((key, FormFault::Places));
        }
    }
    each_once(&format!("{at}.field"), section.fields.iter().map(|field| field.key.as_str()))?;
    for field in &section.fields {
        let at = format!("{at}.field.{}", field.key);
        whole(&format!("{at}.label"), &field.label, languages)?;
        if field.unit.is_some() && !field.choices.is_empty() {
            return Err((at, FormFault::UnitAndChoices));
        }
        for (number, choice) in (1..).zip(&field.choices) {
            whole(&format!("{at}.choices.{number}"), &choice.words, languages)?;
            coded(&format!("{at}.choices.{number}.code"), choice.code.as_ref())?;
        }
    }
    Ok(())
}

fn named(key: &str, name: &str) -> Result<(), Wrong> {
    if is_name(name) { Ok(()) } else { Err((key.to_owned(), FormFault::BadName)) }
}

fn each_once<'a>(at: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Wrong> {
    let mut seen = Vec::new();
    for name in names {
        named(&format!("{at}.key"), name)?;
        if seen.contains(&name) {
            return Err((format!("{at}.{name}"), FormFault::Twice));
        }
        seen.push(name);
    }
    Ok(())
}

fn whole(key: &str, texts: &Texts, languages: &[Locale]) -> Result<(), Wrong> {
    match languages.iter().find(|locale| !texts.has(**locale)) {
        Some(missing) => Err((key.to_owned(), FormFault::NoWords(missing.code()))),
        None => Ok(()),
    }
}

fn coded(key: &str, code: Option<&Code>) -> Result<(), Wrong> {
    let fits = |text: &str, longest| !text.trim().is_empty() && text.chars().count() <= longest;
    match code {
        Some(Code(name))
            if !(fits(&name.value, LONGEST_CODE)
                && fits(&name.scheme, LONGEST_CODE)
                && fits(&name.meaning, LONGEST_MEANING)) =>
        {
            Err((key.to_owned(), FormFault::BadCode))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;

    const GOOD: &str = r#"
id = "knee_house"
title = { de = "Knie, Hausform" }
code = ["18748-4", "LN", "Diagnostic Imaging Report"]

[[section]]
key = "findings"
heading = { de = "Befund" }
text = { de = "Menisken: [___]" }
[[section.field]]
key = "side"
label = { de = "Seite" }
choices = [{ words = { de = "links" } }, { words = { de = "rechts" } }]
"#;

    fn fault(text: &str) -> (String, FormFault) {
        let error = read("knee.toml", text, &Template::built_in()).unwrap_err();
        assert_eq!(error.file, "knee.toml");
        assert!(error.to_string().contains("knee.toml") && error.to_string().contains(&error.key));
        (error.key, error.fault)
    }

    #[test]
    fn a_form_in_one_language_begins_a_report_in_that_language() {
        let form = read("knee.toml", GOOD, &Template::built_in()).unwrap();
        let content = form.begin(Locale::En);
        assert_eq!((content.language.as_str(), content.title.as_str()), ("de", "Knie, Hausform"));
        assert_eq!(content.sections[0].text, "Menisken: [___]");
    }

    #[test]
    fn the_forms_of_the_program_are_as_good_as_those_of_a_site_have_to_be() {
        for template in Template::built_in() {
            assert_eq!(check(&template), Ok(()), "{}", template.id);
        }
    }

    #[test]
    fn what_is_wrong_with_a_form_is_said_with_its_place() {
        use FormFault as F;
        let with = |from: &str, to: &str| fault(&GOOD.replace(from, to));
        assert_eq!(with("knee_house", "ct_head"), ("id".into(), F::TakenId));
        assert_eq!(with("knee_house", "Knee House"), ("id".into(), F::BadName));
        assert_eq!(with("key = \"findings\"", "key = \"\""), ("section.key".into(), F::BadName));
        assert_eq!(
            with("title = {", "title = { en = \"Knee\","),
            ("section.findings.heading".into(), F::NoWords("en"))
        );
        let label = "section.findings.field.side.label";
        assert_eq!(with("de = \"Seite\"", "de = \" \""), (label.into(), F::NoWords("de")));
        let field = "section.findings.field.side";
        assert_eq!(
            with("key = \"side\"", "key = \"side\"\nunit = \"mm\""),
            (field.into(), F::UnitAndChoices)
        );
        assert_eq!(with("18748-4", "12345678901234567"), ("code".into(), F::BadCode));
        let twice = format!("{GOOD}[[section]]\nkey = \"findings\"\nheading = {{ de = \"B\" }}\n");
        assert_eq!(fault(&twice), ("section.findings".into(), F::Twice));
        assert_eq!(
            fault("id = \"x\"\nsection = []\ntitle = { de = \"X\" }"),
            ("section".into(), F::NoSection)
        );
        let (key, what) = with("[[section]]", "colour = 7\n[[section]]");
        assert!(matches!(what, F::NotUnderstood(why) if why.contains("colour")));
        assert_eq!(key, "colour (6)");
        assert!(matches!(fault("no form at all").1, F::NotUnderstood(_)));
    }

    #[test]
    fn places_that_are_open_in_one_language_only_are_seen() {
        let two = GOOD
            .replace("de = \"Knie, Hausform\"", "de = \"Knie\", en = \"Knee\"")
            .replace("de = \"Befund\"", "de = \"Befund\", en = \"Findings\"")
            .replace("de = \"Seite\"", "de = \"Seite\", en = \"Side\"")
            .replace("de = \"links\"", "de = \"links\", en = \"left\"")
            .replace("de = \"rechts\"", "de = \"rechts\", en = \"right\"");
        let text = |en: &str| {
            two.replace("de = \"Menisken: [___]\"", &format!("de = \"Menisken: [___]\", en = \"{en}\""))
        };
        assert!(read("k.toml", &text("Menisci: [___]"), &[]).is_ok());
        assert_eq!(fault(&text("Menisci:")), ("section.findings.text".into(), FormFault::Places));
    }
}
