//! Who somebody is, from claims: account, name, and roles at the claim that the settings name.

use super::id_token::Claims;
use medsight_record::Role;
use medsight_record::identity::Provider;
use medsight_record::person::Person;
use serde_json::Value;
use std::collections::BTreeSet;

/// Longest name that is shown.
const NAME_LETTERS: usize = 100;

/// The words at the role claim: `None` when the claim is not there at all.
pub(super) fn roles(provider: &Provider, claims: &Claims) -> Option<BTreeSet<Role>> {
    let found = at(claims, &provider.role_claim)?;
    let words: Vec<&str> = match found {
        Value::String(words) => words.split([' ', ',']).collect(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    Some(words.into_iter().filter_map(|word| provider.role(word)).collect())
}

/// A claim by its own name, which may have dots in it, else by its path.
fn at<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut steps = path.split('.');
    let first = claims.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}

/// The person of the claims. The account is what is stored in the audit trail.
pub(super) fn person(claims: &Claims, userinfo: Option<&Claims>, roles: BTreeSet<Role>) -> Person {
    let text = |name: &str| {
        let of = |claims: &Claims| claims.get(name).and_then(Value::as_str).map(shown);
        of(claims).or_else(|| userinfo.and_then(of)).filter(|text| !text.is_empty())
    };
    let account = text("preferred_username").or_else(|| text("sub")).unwrap_or_default();
    let name = text("name").unwrap_or_else(|| account.clone());
    Person { account, name, roles }
}

/// One line of letters, without what would turn the direction of writing or hide something.
fn shown(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.trim().chars().filter(|c| !hidden(*c)).take(NAME_LETTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    fn found(path: &str, value: Value) -> Option<Vec<Role>> {
        let mut provider = Provider::new("https://a.example", "w");
        provider.role_claim = path.to_owned();
        roles(&provider, &claims(value)).map(|roles| roles.into_iter().collect())
    }

    #[test]
    fn roles_are_found_where_the_settings_say_in_each_form_that_providers_use() {
        let both = Some(vec![Role::Radiologist, Role::WoundNurse]);
        assert_eq!(found("roles", json!({"roles": ["wound_nurse", "radiologist", "x", 7]})), both);
        assert_eq!(
            found("realm_access.roles", json!({"realm_access": {"roles": ["radiologist", "wound_nurse"]}})),
            both
        );
        assert_eq!(
            found("https://h.example/roles", json!({"https://h.example/roles": "radiologist wound_nurse"})),
            both
        );
        assert_eq!(found("roles", json!({"roles": []})), Some(vec![]));
        assert_eq!(found("roles", json!({"groups": ["radiologist"]})), None);
    }

    #[test]
    fn a_name_can_not_turn_the_line_it_stands_in() {
        let person =
            person(&claims(json!({"sub": "1", "name": "Rita\u{202e}\nnimda "})), None, BTreeSet::new());
        assert_eq!((person.account.as_str(), person.name.as_str()), ("1", "Ritanimda"));
    }
}
