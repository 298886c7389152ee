//! The data set, element by element, into a new file.

use super::action::{Action, action, basic};
use super::private::{self, Safe};
use super::profile::{DeidentifyOption as O, Profile};
use super::pseudonym::Pseudonyms;
use super::words::Cleaner;
use super::{DecodeFrame, Deidentified, dates, encode, finish, overlays, pixels, table};
use crate::attribute::{Tag, tags};
use crate::dataset::Dataset;
use crate::object::{Object, is_pixel_data};
use crate::parse::{Element, Encoding};
use medsight_record::Refusal;

/// A piece of the new data set: a whole element.
pub(super) type Piece = (Tag, Vec<u8>);

/// The item that stands for a report's content (PS3.16 CID 121106: a comment).
const CONTENT_DUMMY: [(Tag, [u8; 2], &str); 3] = [
    (tags::RELATIONSHIP_TYPE, *b"CS", "CONTAINS"),
    (tags::VALUE_TYPE, *b"CS", "TEXT"),
    (tags::TEXT_VALUE, *b"UT", DUMMY),
];
const DUMMY: &str = "REMOVED";

/// How the elements of an item are treated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// By the table.
    Table,
    /// By the table, and text that it does not name is cleaned.
    CleanText,
    /// All values say nothing.
    Dummy,
}

pub(super) struct Walk<'w> {
    pub(super) profile: &'w Profile,
    pub(super) pseudonyms: &'w Pseudonyms,
    cleaner: Cleaner,
    patient: String,
    days: i64,
}

/// Writes the de-identified file.
pub(super) fn rewrite(
    object: &Object<'_>,
    profile: &Profile,
    pseudonyms: &Pseudonyms,
    plan: pixels::Plan,
    decode: &DecodeFrame<'_>,
) -> Result<Deidentified, Refusal> {
    let data = object.data();
    // Without a Patient ID files are held together by their study.
    let id = data.text(tags::PATIENT_ID).or_else(|| data.text(tags::STUDY_INSTANCE_UID)).unwrap_or_default();
    let walk = Walk {
        profile,
        pseudonyms,
        cleaner: Cleaner::new(&data),
        patient: pseudonyms.patient(&id),
        days: pseudonyms.days(&id),
    };
    let pieces = walk.data_set(&data, Mode::Table, 0)?;
    finish::file(object, &walk, pieces, &plan, decode)
}

impl Walk<'_> {
    /// The elements of a data set or an item. Pixel data are left to the end ([`finish`]).
    fn data_set(&self, data: &Dataset<'_>, mode: Mode, depth: usize) -> Result<Vec<Piece>, Refusal> {
        let mut pieces = Vec::new();
        let mut creators: Vec<Tag> = Vec::new();
        for element in data.elements.iter() {
            let tag = element.tag;
            // Commands, a second meta header and stray marks are no part of a data set; pixels in an item are an icon's.
            if matches!(tag.group(), 0..=7 | 0xFFFE..) || is_pixel_data(tag) {
                continue;
            }
            if tag.group() % 2 == 1 {
                if let Some((creator, kept)) = self.safe_private(data, element, mode, depth)? {
                    pieces.push((tag, kept));
                    if !creators.contains(&creator) {
                        creators.push(creator);
                    }
                }
                continue;
            }
            let mut out = Vec::new();
            self.element(data, element, mode, depth, &mut out)?;
            if !out.is_empty() {
                pieces.push((tag, out));
            }
        }
        for creator in creators {
            pieces.extend(data.find(creator).map(|element| (creator, copied(data, element))));
        }
        pieces.sort_by_key(|(tag, _)| *tag);
        Ok(pieces)
    }

    /// A private attribute that may stay, and its creator's tag.
    fn safe_private(
        &self,
        data: &Dataset<'_>,
        element: &Element,
        mode: Mode,
        depth: usize,
    ) -> Result<Option<(Tag, Vec<u8>)>, Refusal> {
        let tag = element.tag;
        let (block, within) = (tag.element() >> 8, (tag.element() & 0xFF) as u8);
        if !self.profile.has(O::RetainSafePrivate) || block < 0x10 || mode == Mode::Dummy {
            return Ok(None);
        }
        let creator = Tag(tag.group(), block);
        let vr = if is_sequence(data, element) { *b"SQ" } else { data.vr(element) };
        let Some(safe) = data.text(creator).and_then(|name| private::safe(&name, tag.group(), within, vr))
        else {
            return Ok(None);
        };
        let mut out = Vec::new();
        match safe {
            Safe::Value => out = copied(data, element),
            Safe::Uids => {
                let uids = self.uids(&data.text_or_empty(tag));
                encode::element(&mut out, data.encoding, tag, element.vr, uids.as_bytes());
            }
            Safe::Sequence => {
                let (items, inner) = self.items(data, element, mode, depth)?;
                encode::sequence(&mut out, data.encoding, inner, tag, element.vr, &items);
            }
        }
        Ok(Some((creator, out)))
    }

    fn element(
        &self,
        data: &Dataset<'_>,
        element: &Element,
        mode: Mode,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let (tag, vr) = (element.tag, data.vr(element));
        if is_sequence(data, element) {
            return self.sequence(data, element, mode, depth, out);
        }
        let value = &data.bytes[element.start..element.end];
        let mut put = |value: &[u8]| encode::element(out, data.encoding, tag, element.vr, value);
        let in_overlay = overlays::GROUPS.contains(&tag.group()) && self.profile.has(O::CleanGraphics);
        let what = match action(tag, vr, false, self.profile) {
            _ if in_overlay => match overlays::part(data, tag) {
                overlays::Part::Keep => Action::Keep,
                overlays::Part::Clean => Action::Clean { required: false },
                overlays::Part::Remove => Action::Remove,
            },
            // The table leaves it to the Content Sequence around it, which may be missing.
            Action::Keep if mode == Mode::Table && tag == tags::TEXT_VALUE => Action::Dummy,
            Action::Keep if mode == Mode::CleanText && is_free_text(tag, vr) => {
                Action::Clean { required: false }
            }
            Action::Keep | Action::Empty | Action::Clean { .. } | Action::Move if mode == Mode::Dummy => {
                Action::Dummy
            }
            other => other,
        };
        let text = || data.text_or_empty(tag);
        match what {
            Action::Remove => {}
            Action::Keep => put(value),
            // A name that is the same in all files of a patient keeps them together on every worklist.
            Action::Empty if tag == tags::PATIENT_NAME && !value.is_empty() => put(self.patient.as_bytes()),
            Action::Empty => put(&[]),
            Action::Dummy => put(&self.dummy(tag, vr, value, &text())),
            Action::Uid => put(self.uids(&text()).as_bytes()),
            Action::Move => match dates::moved(&text(), vr, self.days) {
                Some(moved) => put(moved.as_bytes()),
                None => self.by_basic(tag, vr, value, &mut put),
            },
            Action::Clean { required } => {
                let cleaned: Vec<String> = match is_text(vr) {
                    true => text().split('\\').map(|part| self.cleaner.clean(part)).collect(),
                    false => Vec::new(),
                };
                match cleaned.iter().all(String::is_empty) {
                    false => put(cleaned.join("\\").as_bytes()),
                    true if required => self.by_basic(tag, vr, value, &mut put),
                    true => {}
                }
            }
        }
        Ok(())
    }

    /// What an option could not clean is treated by the basic profile.
    fn by_basic(&self, tag: Tag, vr: [u8; 2], value: &[u8], put: &mut impl FnMut(&[u8])) {
        match basic(tag, false) {
            Action::Dummy => put(&self.dummy(tag, vr, value, "")),
            Action::Empty => put(&[]),
            _ => {}
        }
    }

    fn uids(&self, text: &str) -> String {
        let mapped = text.split('\\').filter(|uid| !uid.is_empty()).map(|uid| self.pseudonyms.uid(uid));
        mapped.collect::<Vec<_>>().join("\\")
    }

    /// A value that says nothing, of the right VR. An empty one stays empty.
    fn dummy(&self, tag: Tag, vr: [u8; 2], value: &[u8], text: &str) -> Vec<u8> {
        if value.is_empty() {
            return Vec::new();
        }
        match (&vr, tag) {
            (_, tags::PATIENT_ID) => self.patient.clone().into_bytes(),
            (_, tags::ENCAPSULATED_DOCUMENT) => finish::BLANK_PDF.to_vec(),
            (b"UI", _) => self.uids(text).into_bytes(),
            (b"DA", _) => b"19000101".to_vec(),
            (b"TM", _) => b"000000".to_vec(),
            (b"DT", _) => b"19000101000000".to_vec(),
            (b"AS", _) => b"000Y".to_vec(),
            (b"DS" | b"IS", _) => b"0".to_vec(),
            (b"UR", _) => b"urn:removed".to_vec(),
            (b"AE" | b"PN" | b"LO" | b"SH" | b"ST" | b"LT" | b"UT" | b"UC", _) => DUMMY.as_bytes().to_vec(),
            // Codes of the standard, counts and pointers: what holds an item together.
            (b"CS" | b"US" | b"SS" | b"UL" | b"SL" | b"AT", _) if table::row(tag).is_none() => value.to_vec(),
            (b"CS", _) => DUMMY.as_bytes().to_vec(),
            _ => vec![0; value.len()],
        }
    }

    fn sequence(
        &self,
        data: &Dataset<'_>,
        element: &Element,
        mode: Mode,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let tag = element.tag;
        let mode = match action(tag, *b"SQ", true, self.profile) {
            Action::Remove => return Ok(()),
            Action::Empty if mode != Mode::Dummy => {
                encode::sequence(out, data.encoding, data.encoding, tag, element.vr, &[]);
                return Ok(());
            }
            Action::Dummy if tag == tags::CONTENT_SEQUENCE => {
                let item = content_dummy(data.encoding);
                encode::sequence(out, data.encoding, data.encoding, tag, element.vr, &[item]);
                return Ok(());
            }
            // The name of a concept is not its value.
            Action::Keep if tag == tags::CONCEPT_NAME_CODE_SEQUENCE => Mode::Table,
            Action::Dummy | Action::Empty => Mode::Dummy,
            Action::Clean { .. } if mode == Mode::Table => Mode::CleanText,
            _ => mode,
        };
        let (items, inner) = self.items(data, element, mode, depth)?;
        encode::sequence(out, data.encoding, inner, tag, element.vr, &items);
        Ok(())
    }

    /// The items of a sequence, treated, and how they are encoded.
    fn items(
        &self,
        data: &Dataset<'_>,
        element: &Element,
        mode: Mode,
        depth: usize,
    ) -> Result<(Vec<Vec<u8>>, Encoding), Refusal> {
        let mut items = Vec::new();
        let mut inner = data.encoding;
        for item in data.whole_items(element)? {
            inner = item.encoding;
            if mode == Mode::CleanText && self.is_about_the_patient(&item) {
                continue;
            }
            let pieces = self.data_set(&item, mode, depth + 1)?;
            items.push(pieces.into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<u8>>());
            if mode == Mode::Dummy {
                break; // One item says as little as several, and does not say how many there were.
            }
        }
        Ok((items, inner))
    }

    /// Content items that say who the subject of a report is (PS3.15 E.3.4, TID 1007).
    fn is_about_the_patient(&self, item: &Dataset<'_>) -> bool {
        let Some(name) = item.first_item(tags::CONCEPT_NAME_CODE_SEQUENCE) else { return false };
        if name.text_or_empty(tags::CODING_SCHEME_DESIGNATOR) != "DCM" {
            return false;
        }
        match name.text_or_empty(tags::CODE_VALUE).as_str() {
            "121028" | "121029" | "121030" | "121031" => true,
            "121032" | "121033" => !self.profile.has(O::RetainPatientCharacteristics),
            _ => false,
        }
    }
}

fn content_dummy(encoding: Encoding) -> Vec<u8> {
    let mut item = Vec::new();
    let vr = |vr| if encoding.explicit { vr } else { [0; 2] };
    for (tag, value_vr, value) in &CONTENT_DUMMY[..2] {
        encode::element(&mut item, encoding, *tag, vr(*value_vr), value.as_bytes());
    }
    let comment = finish::code_item(encoding, "121106", "Comment");
    encode::sequence(&mut item, encoding, encoding, tags::CONCEPT_NAME_CODE_SEQUENCE, vr(*b"SQ"), &[comment]);
    let (tag, value_vr, value) = CONTENT_DUMMY[2];
    encode::element(&mut item, encoding, tag, vr(value_vr), value.as_bytes());
    item
}

fn copied(data: &Dataset<'_>, element: &Element) -> Vec<u8> {
    let mut out = Vec::new();
    encode::element(
        &mut out,
        data.encoding,
        element.tag,
        element.vr,
        &data.bytes[element.start..element.end],
    );
    out
}

fn is_sequence(data: &Dataset<'_>, element: &Element) -> bool {
    element.undefined || &data.vr(element) == b"SQ"
}

fn is_text(vr: [u8; 2]) -> bool {
    matches!(&vr, b"LO" | b"SH" | b"ST" | b"LT" | b"UT" | b"UC")
}

/// Text that a person typed, by its VR; codes of a scheme and what describes them are not.
fn is_free_text(tag: Tag, vr: [u8; 2]) -> bool {
    let of_a_code = matches!(
        tag,
        tags::CODE_VALUE
            | tags::LONG_CODE_VALUE
            | tags::CODING_SCHEME_DESIGNATOR
            | tags::CODING_SCHEME_VERSION
    );
    is_text(vr) && !of_a_code
}
