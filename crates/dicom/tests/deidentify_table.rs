//! Every attribute of PS3.15 Table E.1-1, one at a time, against parses of the standard that the program does not use.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

mod support;

use medsight_dicom::{DeidentifyOption as O, Object, Profile, Pseudonyms, Tag, deidentify};
use medsight_record::Refusal;
use support::{File, Value};

/// In every value: a word that no profile may let through.
const SECRET: &str = "Zebulon";
const SECRET_UID: &str = "1.2.3.999.1";

/// The value of an attribute before.
fn original(vr: &str) -> Vec<u8> {
    let text = match vr {
        "AE" | "CS" => "ZEBULON",
        "AS" => "045Y",
        "DA" => "20200131",
        "DS" => "123.5",
        "DT" => "20200131101112",
        "IS" => "77",
        "PN" => "Zebulon^Quentin",
        "TM" => "101112",
        "UI" => SECRET_UID,
        "UR" => "http://zebulon.example",
        "LO" | "SH" | "ST" | "LT" | "UT" | "UC" => "Zebulon of Ward 7",
        _ => "Zebulon!",
    };
    text.as_bytes().to_vec()
}

/// What became of an attribute.
#[derive(Debug, PartialEq)]
enum Fate {
    Gone,
    Empty,
    Same,
    Other(Vec<u8>),
}

fn fate(tag: Tag, profile: &Profile) -> (Fate, &'static str, Vec<u8>) {
    let vr = support::vr(tag);
    let mut file = File::new();
    let value = if vr == "SQ" {
        Value::Items(vec![vec![
            (Tag(0x0008, 0x1155), Value::Bytes("UI", SECRET_UID.into())),
            (Tag(0x0008, 0x9215), Value::Bytes("LO", b"harmless".to_vec())), // not a sequence's content; any text
            (Tag(0x0010, 0x0010), Value::Bytes("PN", b"Zebulon^Quentin".to_vec())),
            (Tag(0x0040, 0xA160), Value::Bytes("UT", b"Zebulon said".to_vec())),
        ]])
    } else {
        Value::Bytes(vr, original(vr))
    };
    file.put(tag, value);
    let bytes = file.bytes();
    let object = Object::parse(&bytes).unwrap();
    let none = |_| Err(Refusal::new("test", "no pixels here"));
    let done = deidentify(&object, profile, &Pseudonyms::new(&[7; 32]), &none).unwrap();
    let after = Object::parse(&done.bytes).unwrap();
    let data = after.data();
    let fate = match (data.has(tag), data.raw(tag)) {
        (false, _) => Fate::Gone,
        (true, None) => Fate::Empty,
        (true, Some(raw)) if Some(raw) == object.data().raw(tag) => Fate::Same,
        (true, Some(raw)) => Fate::Other(raw.to_vec()),
    };
    (fate, vr, done.bytes)
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a code of the table was obeyed.
fn obeys(code: &str, vr: &str, fate: &Fate, bytes: &[u8]) -> bool {
    let changed = matches!(fate, Fate::Other(_));
    let silent = !contains(bytes, SECRET) && !contains(bytes, SECRET_UID);
    // A sequence of which the items are treated one by one may come out as it was only without what it held.
    match code {
        "X" => *fate == Fate::Gone,
        "Z" | "Z/D" => (changed || *fate == Fate::Empty) && silent,
        "D" | "U" => changed && silent,
        "X/Z" => matches!(fate, Fate::Gone | Fate::Empty),
        "X/D" => (changed || *fate == Fate::Gone) && silent,
        "X/Z/D" | "X/Z/U*" => *fate != Fate::Same && silent,
        "K" if vr == "SQ" => matches!(fate, Fate::Same | Fate::Other(_)),
        "K" => *fate == Fate::Same,
        // A time of day is kept with modified dates: intervals stay what they were.
        "C" => silent && !contains(bytes, "20200131"),
        other => panic!("{other} is no code"),
    }
}

fn tag(text: &str) -> Tag {
    let number = |part: &str| u16::from_str_radix(&part.replace('x', "0"), 16).unwrap();
    let (group, element) = text.split_once(',').unwrap();
    // Repeating groups stand for all of theirs; the second overlay is as good as the first.
    match number(group) {
        0x6000 => Tag(0x6002, number(element)),
        0x5000 => Tag(0x5000, 0x3000),
        group => Tag(group, number(element)),
    }
}

fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').collect())
}

/// Group 0002 is the meta header, groups 0000 and 0004 are no part of an image: they are not copied at all.
fn is_in_a_data_set(tag: Tag) -> bool {
    tag.group() >= 8
}

#[test]
fn the_basic_profile_does_to_each_attribute_what_the_standard_says() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for row in rows(include_str!("data/ps315-basic-2026c.txt")) {
        let tag = tag(row[0]);
        if !is_in_a_data_set(tag) {
            continue;
        }
        let (fate, vr, bytes) = fate(tag, &Profile::default());
        checked += 1;
        if !obeys(row[1], vr, &fate, &bytes) {
            wrong.push(format!("{} {vr} {}: {fate:?}", row[0], row[1]));
        }
    }
    assert!(checked > 640, "{checked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where the older edition says otherwise than 2026c.
const CHANGED_SINCE: [&str; 8] = [
    "3008,0105", // X, now X/Z
    "300a,00b2", // X, now X/Z
    "3010,0077", // D, now X/D
    "0008,1120", // retain UIDs: X, now K
    "0040,0241", // retain device: K, now C
    "0040,0001", // retain device: K, now C
    "0032,1021", // retain device: K, now C
    "0020,3401", // retain device: nothing, now K
];

#[test]
fn each_option_does_to_each_attribute_what_the_standard_says() {
    let options = [
        O::RetainUids,
        O::RetainDevice,
        O::RetainInstitution,
        O::RetainPatientCharacteristics,
        O::RetainFullDates,
        O::RetainModifiedDates,
        O::CleanDescriptors,
        O::CleanStructuredContent,
        O::CleanGraphics,
    ];
    let mut wrong = Vec::new();
    let mut checked = 0;
    for row in rows(include_str!("data/ps315-options-older.txt")) {
        let tag = tag(row[0]);
        if !is_in_a_data_set(tag) || CHANGED_SINCE.contains(&row[0]) {
            continue;
        }
        for (option, code) in options.iter().zip(&row[2..]) {
            let profile = Profile::new([*option]).unwrap();
            let (fate, vr, bytes) = fate(tag, &profile);
            let code = if *code == "-" { row[1] } else { code };
            checked += 1;
            // Patient ID has a pseudonym, which Z allows too.
            if !obeys(code, vr, &fate, &bytes) {
                wrong.push(format!("{} {vr} {code} with {}: {fate:?}", row[0], option.name()));
            }
        }
    }
    assert!(checked > 3600, "{checked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
