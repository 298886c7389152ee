//! What a site signs about its trail: a checkpoint says how far it had come, a purge what was taken away from its
//! beginning. Ed25519, so that who has only the public key can check.

use crate::keys::{Signature, is_signed};
use crate::{Hash, Position, SiteKeys};
use medsight_base::Timestamp;

/// Every so many events there is a checkpoint.
pub const CHECKPOINT_EVERY: u64 = 64;

/// "The event of this number has this hash", signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The event.
    pub position: Position,
    /// When it was signed.
    pub at: Timestamp,
    /// Over all of it.
    pub signature: Signature,
}

impl Checkpoint {
    /// Signs.
    #[must_use]
    pub fn sign(keys: &SiteKeys, position: Position, at: Timestamp) -> Self {
        Self { position, at, signature: keys.sign(&Self::message(position, at)) }
    }

    /// Whether the site with this public key signed it.
    #[must_use]
    pub fn is_of(&self, public: &[u8; 32]) -> bool {
        is_signed(public, &Self::message(self.position, self.at), &self.signature)
    }

    fn message(position: Position, at: Timestamp) -> Vec<u8> {
        let mut message = b"medsight audit checkpoint 1\0".to_vec();
        message.extend(position.sequence.to_be_bytes());
        message.extend(position.hash);
        message.extend(at.0.to_be_bytes());
        message
    }
}

/// "These events were removed by policy; the trail goes on after the last of them", signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge {
    /// First event that was removed.
    pub first: u64,
    /// Last event that was removed, with its hash: what the next one follows.
    pub last: Position,
    /// Time of the newest event that was removed.
    pub newest: Timestamp,
    /// When they were removed.
    pub at: Timestamp,
    /// Over all of it.
    pub signature: Signature,
}

impl Purge {
    /// Signs.
    #[must_use]
    pub fn sign(keys: &SiteKeys, first: u64, last: Position, newest: Timestamp, at: Timestamp) -> Self {
        let mut purge = Self { first, last, newest, at, signature: [0; 64] };
        purge.signature = keys.sign(&purge.message());
        purge
    }

    /// Whether the site with this public key signed it.
    #[must_use]
    pub fn is_of(&self, public: &[u8; 32]) -> bool {
        is_signed(public, &self.message(), &self.signature)
    }

    fn message(&self) -> Vec<u8> {
        let hash: &Hash = &self.last.hash;
        let mut message = b"medsight audit purge 1\0".to_vec();
        message.extend(self.first.to_be_bytes());
        message.extend(self.last.sequence.to_be_bytes());
        message.extend(hash);
        message.extend(self.newest.0.to_be_bytes());
        message.extend(self.at.0.to_be_bytes());
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn a_checkpoint_is_of_the_site_that_signed_it_and_of_no_other() {
        let (here, there) = (SiteKeys::from_secret(&[1; 32]), SiteKeys::from_secret(&[2; 32]));
        let checkpoint = Checkpoint::sign(&here, Position { sequence: 64, hash: [9; 32] }, AT);
        assert!(checkpoint.is_of(&here.public()));
        assert!(!checkpoint.is_of(&there.public()));
        let earlier = Position { sequence: 63, ..checkpoint.position };
        assert!(!Checkpoint { position: earlier, ..checkpoint }.is_of(&here.public()));
    }

    #[test]
    fn the_record_of_a_purge_cannot_be_stretched() {
        let keys = SiteKeys::from_secret(&[1; 32]);
        let purge = Purge::sign(&keys, 1, Position { sequence: 500, hash: [9; 32] }, AT, AT);
        assert!(purge.is_of(&keys.public()));
        let longer = Position { sequence: 501, ..purge.last };
        assert!(!Purge { last: longer, ..purge }.is_of(&keys.public()));
    }
}
