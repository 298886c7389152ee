//! The chain: each hash covers the one before, so no event can be changed, removed or put between.
//!
//! Form 1 is SHA-256 and says only that nothing was changed by accident; form 2 is HMAC-SHA-256 under the site's key,
//! so that nobody without the key can write a trail that fits. A chain may go from form 1 to form 2, never back.

use crate::{AuditEvent, SiteKeys, canonical};
use sha2::{Digest, Sha256};

/// SHA-256, or HMAC-SHA-256 in form 2.
pub type Hash = [u8; 32];

/// What stands before the first event.
pub const GENESIS: Hash = [0; 32];

/// The form of new events.
pub const FORM: u8 = 2;

/// A place in the chain: the event of this number has this hash. Number 0 with [`GENESIS`] is before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Sequence number.
    pub sequence: u64,
    /// Hash of that event.
    pub hash: Hash,
}

impl Position {
    /// Before the first event.
    pub const START: Self = Self { sequence: 0, hash: GENESIS };
}

/// One stored event with its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Counts from 1 without gaps.
    pub sequence: u64,
    /// 1, or 2 with a keyed hash.
    pub form: u8,
    /// The event.
    pub event: AuditEvent,
    /// Hash over the previous hash, the sequence number and the event.
    pub hash: Hash,
}

/// A chain without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Number of events.
    pub events: u64,
    /// Sequence number of the first event that is still kept; one more than the last where none is.
    pub first: u64,
    /// Hash of the last event, or [`GENESIS`].
    pub last: Hash,
}

/// The first thing that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit trail is broken at event {sequence} ({how})")]
pub struct BrokenAt {
    /// Its sequence number as expected.
    pub sequence: u64,
    /// In which way.
    pub how: Break,
}

/// In which way a trail does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// The event is not as it was written.
    #[error("changed")]
    Changed,
    /// Another number stands where this one should.
    #[error("missing or out of order")]
    Missing,
    /// An event without the site's key after events with it.
    #[error("written without the key")]
    Unkeyed,
    /// A signed checkpoint is missing or not the site's.
    #[error("its checkpoint does not fit")]
    Checkpoint,
    /// The record of a purge is not the site's.
    #[error("the record of a purge does not fit")]
    Purge,
    /// The mark beside the records tells of later events than there are, or of others: an older copy was put in place.
    #[error("the records are older than the mark beside them")]
    RolledBack,
    /// The mark beside the records is missing or not the site's.
    #[error("the mark beside the records is missing")]
    Mark,
}

impl Break {
    /// Stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Unkeyed => "unkeyed",
            Self::Checkpoint => "checkpoint",
            Self::Purge => "purge",
            Self::RolledBack => "rolled_back",
            Self::Mark => "mark",
        }
    }

    /// The break at an event.
    #[must_use]
    pub fn at(self, sequence: u64) -> BrokenAt {
        BrokenAt { sequence, how: self }
    }
}

/// The hash of `event` after `previous` in form 1.
#[must_use]
pub fn link_unkeyed(previous: &Hash, sequence: u64, event: &AuditEvent) -> Hash {
    let value = serde_json::json!({
        "who": event.who, "what": event.what, "when": event.when,
        "study": event.study, "detail": event.detail,
    });
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(sequence.to_be_bytes());
    hash.update(canonical::text(&value).as_bytes());
    hash.finalize().into()
}

/// The hash of `event` after `previous` in form 2.
#[must_use]
pub fn link(keys: &SiteKeys, previous: &Hash, sequence: u64, event: &AuditEvent) -> Hash {
    // An event is words, numbers and JSON: it has no map with keys that are not text.
    let value = serde_json::to_value(event).unwrap_or_default();
    let text = canonical::text(&value);
    keys.chained(&[previous, &sequence.to_be_bytes(), text.as_bytes()])
}

/// Checks a chain event by event, in their order.
#[derive(Debug)]
pub struct Verifier<'a> {
    keys: Option<&'a SiteKeys>,
    is_keyed: bool,
    start: u64,
    last: Position,
}

impl<'a> Verifier<'a> {
    /// Begins after `start`, which is [`Position::START`] or the last event of a purge whose record was checked.
    /// Without keys no event of form 2 fits.
    #[must_use]
    pub fn new(keys: Option<&'a SiteKeys>, start: Position) -> Self {
        Self { keys, is_keyed: false, start: start.sequence, last: start }
    }

    /// The next event.
    ///
    /// # Errors
    /// [`BrokenAt`] when it was changed, or does not follow the one before.
    pub fn take(&mut self, next: &Link) -> Result<(), BrokenAt> {
        let expected = self.last.sequence + 1;
        if next.sequence != expected {
            return Err(Break::Missing.at(expected));
        }
        let hash = match (next.form, self.keys) {
            (1, _) if self.is_keyed => return Err(Break::Unkeyed.at(expected)),
            (1, _) => link_unkeyed(&self.last.hash, expected, &next.event),
            (FORM, Some(keys)) => link(keys, &self.last.hash, expected, &next.event),
            _ => return Err(Break::Changed.at(expected)),
        };
        if hash != next.hash {
            return Err(Break::Changed.at(expected));
        }
        self.is_keyed |= next.form == FORM;
        self.last = Position { sequence: expected, hash };
        Ok(())
    }

    /// Where it stands.
    #[must_use]
    pub fn position(&self) -> Position {
        self.last
    }

    /// What was checked.
    #[must_use]
    pub fn verified(&self) -> Verified {
        Verified { events: self.last.sequence - self.start, first: self.start + 1, last: self.last.hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Origin};
    use medsight_base::Timestamp;

    fn keys() -> SiteKeys {
        SiteKeys::from_secret(&[7; 32])
    }

    fn chain(unkeyed: u64, keyed: u64) -> Vec<Link> {
        let mut previous = GENESIS;
        (1..=unkeyed + keyed)
            .map(|sequence| {
                let detail = serde_json::json!({"files": sequence, "bytes": 7});
                let mut event =
                    AuditEvent::new("nurse", Action::Imported, Timestamp(sequence as i64), None, detail);
                let form = if sequence > unkeyed { FORM } else { 1 };
                if form == FORM {
                    event.more.from = Some(Origin { station: "READ-1".into(), program: "test".into() });
                    previous = link(&keys(), &previous, sequence, &event);
                } else {
                    previous = link_unkeyed(&previous, sequence, &event);
                }
                Link { sequence, form, event, hash: previous }
            })
            .collect()
    }

    fn check(links: &[Link]) -> Result<Verified, BrokenAt> {
        let keys = keys();
        let mut verifier = Verifier::new(Some(&keys), Position::START);
        links.iter().try_for_each(|link| verifier.take(link))?;
        Ok(verifier.verified())
    }

    #[test]
    fn an_untouched_trail_is_whole_also_where_it_began_without_a_key() {
        for links in [chain(5, 0), chain(0, 5), chain(2, 3)] {
            assert_eq!(check(&links), Ok(Verified { events: 5, first: 1, last: links[4].hash }));
        }
        assert_eq!(check(&[]), Ok(Verified { events: 0, first: 1, last: GENESIS }));
    }

    #[test]
    fn a_changed_event_breaks_the_trail_where_it_stands() {
        for mut links in [chain(5, 0), chain(0, 5)] {
            links[2].event.who = "somebody else".to_owned();
            assert_eq!(check(&links), Err(Break::Changed.at(3)));
        }
        let mut links = chain(0, 5);
        links[3].event.more.from = None;
        assert_eq!(check(&links), Err(Break::Changed.at(4)));
    }

    #[test]
    fn a_removed_event_breaks_the_trail() {
        let mut links = chain(0, 5);
        links.remove(1);
        assert_eq!(check(&links), Err(Break::Missing.at(2)));
    }

    #[test]
    fn two_events_that_changed_places_break_the_trail() {
        let mut links = chain(0, 5);
        links.swap(2, 3);
        assert_eq!(check(&links), Err(Break::Missing.at(3)));
        (links[2].sequence, links[3].sequence) = (3, 4);
        assert_eq!(check(&links), Err(Break::Changed.at(3)));
    }

    #[test]
    fn nobody_without_the_key_can_write_an_event_that_fits() {
        let mut links = chain(0, 3);
        let forged = AuditEvent::new("nobody", Action::Exported, Timestamp(9), None, serde_json::Value::Null);
        let other = SiteKeys::from_secret(&[8; 32]);
        let hash = link(&other, &links[2].hash, 4, &forged);
        links.push(Link { sequence: 4, form: FORM, event: forged.clone(), hash });
        assert_eq!(check(&links), Err(Break::Changed.at(4)));
        let hash = link_unkeyed(&links[2].hash, 4, &forged);
        links[3] = Link { sequence: 4, form: 1, event: forged, hash };
        assert_eq!(check(&links), Err(Break::Unkeyed.at(4)));
    }

    #[test]
    fn a_hash_does_not_depend_on_the_order_of_members() {
        let event = |text: &str| AuditEvent {
            detail: serde_json::from_str(text).unwrap(),
            ..AuditEvent::new("a", Action::Exported, Timestamp(0), None, serde_json::Value::Null)
        };
        let one = link_unkeyed(&GENESIS, 1, &event(r#"{"a":1,"b":[{"d":1.5,"c":null}]}"#));
        assert_eq!(one, link_unkeyed(&GENESIS, 1, &event(r#"{ "b":[{"c":null,"d":1.5}], "a":1 }"#)));
    }
}
