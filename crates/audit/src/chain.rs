//! The chain: each hash covers the one before, so no event can be changed, removed or put between.

use crate::{AuditEvent, canonical};
use sha2::{Digest, Sha256};

/// SHA-256.
pub type Hash = [u8; 32];

/// What stands before the first event.
pub const GENESIS: Hash = [0; 32];

/// One stored event with its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Counts from 1 without gaps.
    pub sequence: u64,
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
    /// Hash of the last event, or [`GENESIS`].
    pub last: Hash,
}

/// The first event that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit trail is broken at event {0}")]
pub struct BrokenAt(
    /// Its sequence number as expected.
    pub u64,
);

/// The hash of `event` after `previous`.
#[must_use]
pub fn link(previous: &Hash, sequence: u64, event: &AuditEvent) -> Hash {
    let value = serde_json::json!({
        "who": event.who, "what": event.what, "when": event.when,
        "study": event.study, "detail": event.detail,
    });
    let mut text = String::new();
    canonical::write(&value, &mut text);
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(sequence.to_be_bytes());
    hash.update(text.as_bytes());
    hash.finalize().into()
}

/// Checks a whole chain in the order of its events.
///
/// # Errors
/// [`BrokenAt`] for the first event that was changed, or that does not follow the one before.
pub fn verify<E: From<BrokenAt>>(links: impl IntoIterator<Item = Result<Link, E>>) -> Result<Verified, E> {
    let mut verified = Verified { events: 0, last: GENESIS };
    for stored in links {
        let stored = stored?;
        let expected = verified.events + 1;
        if stored.sequence != expected || link(&verified.last, expected, &stored.event) != stored.hash {
            return Err(BrokenAt(expected).into());
        }
        verified = Verified { events: expected, last: stored.hash };
    }
    Ok(verified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Action;
    use medsight_base::Timestamp;

    fn chain(count: u64) -> Vec<Link> {
        let mut previous = GENESIS;
        (1..=count)
            .map(|sequence| {
                let detail = serde_json::json!({"files": sequence, "bytes": 7});
                let event =
                    AuditEvent::new("nurse", Action::Imported, Timestamp(sequence as i64), None, detail);
                previous = link(&previous, sequence, &event);
                Link { sequence, event, hash: previous }
            })
            .collect()
    }

    fn check(links: &[Link]) -> Result<Verified, BrokenAt> {
        verify(links.iter().cloned().map(Ok))
    }

    #[test]
    fn an_untouched_trail_is_whole() {
        let links = chain(5);
        assert_eq!(check(&links), Ok(Verified { events: 5, last: links[4].hash }));
        assert_eq!(check(&[]), Ok(Verified { events: 0, last: GENESIS }));
    }

    #[test]
    fn a_changed_event_breaks_the_trail_where_it_stands() {
        let mut links = chain(5);
        links[2].event.who = "somebody else".to_owned();
        assert_eq!(check(&links), Err(BrokenAt(3)));
    }

    #[test]
    fn a_removed_event_breaks_the_trail() {
        let mut links = chain(5);
        links.remove(1);
        assert_eq!(check(&links), Err(BrokenAt(2)));
    }

    #[test]
    fn a_hash_does_not_depend_on_the_order_of_members() {
        let event = |text: &str| AuditEvent {
            detail: serde_json::from_str(text).unwrap(),
            ..AuditEvent::new("a", Action::Exported, Timestamp(0), None, serde_json::Value::Null)
        };
        let one = link(&GENESIS, 1, &event(r#"{"a":1,"b":[{"d":1.5,"c":null}]}"#));
        assert_eq!(one, link(&GENESIS, 1, &event(r#"{ "b":[{"c":null,"d":1.5}], "a":1 }"#)));
    }
}
