//! The audit trail of a cache: writing events, checking them, and handing them on in pages.
//!
//! An event that belongs to a change is written in the transaction of that change ([`crate::apply::note`]). What is
//! here besides: events of the desk itself (sign-in, lock, print), the end of the chain, deliveries, verification.

mod clock;
mod deliver;
mod ledger;
mod left;
mod mark;
mod retain;
mod search;
mod unusual;
mod verify;

pub use deliver::{Agreement, Delivery};
pub(crate) use ledger::{Act, Ledger, SITE};
pub use retain::Purged;
pub use search::{AuditFilter, AuditPage};
pub use unusual::{Rule, Unusual, Usual};
pub use verify::Trail;

use crate::{Cache, CacheError, tables};
use medsight_audit::{Action, AuditEvent, Hash, Link, Position, SiteKeys};
use medsight_base::Timestamp;
use medsight_record::Person;
use serde_json::json;

impl Cache {
    /// Says which program events come from from now on, with its version. Without it: the version of this library.
    pub fn set_program(&self, program: &str) {
        self.ledger.set_origin(|origin| program.clone_into(&mut origin.program));
    }

    /// Says which workstation events come from from now on, as the hospital names it. Without it: the name of this
    /// computer.
    pub fn set_station(&self, station: &str) {
        self.ledger.set_origin(|origin| station.clone_into(&mut origin.station));
    }

    /// Writes an event that stands for itself. What belongs to a change of the record writes its own.
    ///
    /// # Errors
    /// [`CacheError`]; the event is not written then.
    pub fn note_event(&self, event: &AuditEvent) -> Result<Position, CacheError> {
        self.write(|act| Ok(tables::audit::add(act, event)?))
    }

    /// Writes events that belong together: all of them, or none.
    ///
    /// # Errors
    /// [`CacheError`]; none is written then.
    pub fn note_events(&self, events: &[AuditEvent]) -> Result<(), CacheError> {
        self.write(|act| Ok(events.iter().try_for_each(|event| tables::audit::add(act, event).map(drop))?))
    }

    /// Somebody signed in: noted, and from now on their events carry name and roles. `detail` says how (`oidc`,
    /// `system`, …).
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn signed_in(
        &self,
        person: &Person,
        detail: serde_json::Value,
        at: Timestamp,
    ) -> Result<(), CacheError> {
        self.ledger.know(person);
        self.note_event(&AuditEvent::new(&person.account, Action::SignedIn, at, None, detail)).map(drop)
    }

    /// Somebody signed out, and their name and roles are forgotten.
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn signed_out(&self, account: &str, at: Timestamp) -> Result<(), CacheError> {
        let event = AuditEvent::new(account, Action::SignedOut, at, None, serde_json::Value::Null);
        let noted = self.note_event(&event).map(drop);
        self.ledger.forget(account);
        noted
    }

    /// The end of the trail: what a server is told, to compare later. [`Position::START`] where there is none.
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn audit_position(&self) -> Result<Position, CacheError> {
        self.read(|db| {
            let purged = || Ok::<_, rusqlite::Error>(tables::audit_purges::last(db)?.map(|purge| purge.last));
            let last = match tables::audit::last(db)? {
                None if tables::audit::is_keyed(db)? => purged()?,
                last => last,
            };
            Ok(last.unwrap_or(Position::START))
        })
    }

    /// The hash of one event; `None` when it is not (or no longer) here.
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn audit_hash_at(&self, sequence: u64) -> Result<Option<Hash>, CacheError> {
        self.read(|db| Ok(tables::audit::hash_at(db, sequence)?))
    }

    /// At most `limit` events after the one of this number, in their order: a page, so that a long trail is never in
    /// memory at once.
    ///
    /// # Errors
    /// [`CacheError::Damaged`] when an event can't be read; [`Cache::verify_audit`] tells which.
    pub fn audit_after(&self, sequence: u64, limit: usize) -> Result<Vec<Link>, CacheError> {
        self.read(|db| Ok(tables::audit::after(db, sequence, limit)?))
    }

    /// The public key of what this site signs; `None` in a cache that has not been opened as its owner since there are
    /// signatures.
    #[must_use]
    pub fn audit_public_key(&self) -> Option<[u8; 32]> {
        self.ledger.keys_if_any().map(SiteKeys::public)
    }

    /// Name of this site's trail in what is sent to other systems; empty where [`Self::audit_public_key`] is `None`.
    #[must_use]
    pub fn audit_site(&self) -> String {
        self.ledger.keys_if_any().map(SiteKeys::site).unwrap_or_default()
    }

    /// A person says that the records were restored from a backup, so that an older copy than the mark tells of is
    /// rightly here. The trail says so from now on, with what the mark said.
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn accept_restore(&self, who: &str, reason: &str, at: Timestamp) -> Result<(), CacheError> {
        let mark = self.ledger.marked();
        let detail = json!({"mark": mark.map(|mark| mark.sequence)});
        let event = AuditEvent::new(who, Action::RestoreAccepted, at, None, detail).because(reason);
        let position = self.note_event(&event)?;
        self.ledger.mark_anew(position, self.folder())
    }
}
