//! Pseudonyms that need no list: a keyed hash (HMAC-SHA-256) of what they stand for. With one key the same UID, the
//! same patient and the same moved date come out for every file of every export; without the key nobody goes back.

use ring::hmac;

/// The key of the pseudonyms.
#[derive(Clone)]
pub struct Pseudonyms(hmac::Key);

/// Farthest that dates are moved: ten years.
const MOST_DAYS: u64 = 3652;

impl Pseudonyms {
    /// From 32 secret bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    fn hash(&self, purpose: &str, text: &str) -> u128 {
        let tag = hmac::sign(&self.0, format!("{purpose}\0{}", text.trim_matches([' ', '\0'])).as_bytes());
        tag.as_ref().iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
    }

    /// A UID for another one, under the root for UUIDs (PS3.5 B.2). UIDs of the standard itself stay.
    pub fn uid(&self, uid: &str) -> String {
        let uid = uid.trim_matches([' ', '\0']);
        if uid.starts_with("1.2.840.10008.") {
            return uid.to_owned();
        }
        // Version and variant bits of a UUID made by a hash (RFC 9562, version 8).
        let number = self.hash("uid", uid) & !(0xF << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62;
        format!("2.25.{number}")
    }

    /// A pseudonym for a patient, the same in all files with this Patient ID (0010,0020).
    pub fn patient(&self, patient_id: &str) -> String {
        format!("ANON-{:012X}", self.hash("patient", patient_id) >> 80)
    }

    /// By how many days a patient's dates are moved: always back, by at least one day and at most ten years.
    pub fn days(&self, patient_id: &str) -> i64 {
        -((self.hash("days", patient_id) % u128::from(MOST_DAYS)) as i64 + 1)
    }
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_uid_has_one_pseudonym_with_one_key_and_another_with_another() {
        let (ours, theirs) = (Pseudonyms::new(&[1; 32]), Pseudonyms::new(&[2; 32]));
        assert_eq!(ours.uid("1.2.3.4"), ours.uid("1.2.3.4\0"));
        assert_ne!(ours.uid("1.2.3.4"), ours.uid("1.2.3.5"));
        assert_ne!(ours.uid("1.2.3.4"), theirs.uid("1.2.3.4"));
        let uid = ours.uid("1.2.3.4");
        assert!(
            uid.len() <= 64 && uid.strip_prefix("2.25.").is_some_and(|n| n.parse::<u128>().is_ok()),
            "{uid}"
        );
    }

    #[test]
    fn a_uid_of_the_standard_keeps_its_meaning() {
        let ct = "1.2.840.10008.5.1.4.1.1.2";
        assert_eq!(Pseudonyms::new(&[1; 32]).uid(ct), ct);
    }

    #[test]
    fn dates_are_moved_by_at_least_a_day() {
        let pseudonyms = Pseudonyms::new(&[3; 32]);
        assert!((0..500).all(|n| (-3652..=-1).contains(&pseudonyms.days(&n.to_string()))));
    }
}
