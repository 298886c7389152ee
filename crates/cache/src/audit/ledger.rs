//! What every event needs beside itself: the site's keys, where we are, who is signed in, and the mark outside of the
//! records. And [`Act`], the transaction that knows them.

use super::clock::SystemClock;
use super::mark::Mark;
use crate::{CacheError, tables};
use medsight_audit::{AuditEvent, Clock, Origin, Position, SiteKeys};
use medsight_base::Timestamp;
use medsight_record::Person;
use medsight_vault::{BlobKey, MasterKey, Purpose, seal, unseal};
use rusqlite::{Connection, Transaction};
use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// Name of the fact under which the sealed secret of the site is kept.
pub(crate) const SITE: &str = "audit_site";

/// A transaction in which events can be written.
pub(crate) struct Act<'a> {
    pub(crate) transaction: Transaction<'a>,
    pub(crate) ledger: &'a Ledger,
    noted: Cell<Option<Position>>,
}

impl<'a> Act<'a> {
    pub(crate) fn new(transaction: Transaction<'a>, ledger: &'a Ledger) -> Self {
        Self { transaction, ledger, noted: Cell::new(None) }
    }

    /// An event was written at this place.
    pub(crate) fn noted(&self, position: Position) {
        self.noted.set(Some(position));
    }

    /// Makes it part of the records. With a wait for the disk, the mark outside follows.
    pub(crate) fn commit(self, is_waited_for: bool) -> Result<(), CacheError> {
        let (ledger, noted) = (self.ledger, self.noted.get());
        self.transaction.commit()?;
        if let Some(position) = noted.filter(|_| is_waited_for) {
            ledger.advance(position);
        }
        Ok(())
    }
}

impl<'a> Deref for Act<'a> {
    type Target = Transaction<'a>;

    fn deref(&self) -> &Self::Target {
        &self.transaction
    }
}

/// What the trail of one cache is written with.
pub(crate) struct Ledger {
    /// `None` in a cache that was opened for reading and has events of form 1 only.
    site: Option<Site>,
    context: Mutex<Context>,
    clock: SystemClock,
    mark: Mutex<Option<Mark>>,
}

struct Site {
    secret: Zeroizing<[u8; 32]>,
    keys: SiteKeys,
}

#[derive(Default)]
struct Context {
    origin: Origin,
    people: HashMap<String, Person>,
}

impl Ledger {
    /// The ledger of the cache that `db` is the records of; on first use its keys and its mark are made.
    pub(crate) fn open(db: &mut Connection, folder: &Path, master: &MasterKey) -> Result<Self, CacheError> {
        let ledger = match stored(db, master)? {
            Some(site) => {
                let mark = Mark::open(folder, &site.keys, |mark| holds(db, mark))?;
                Self::new(Some(site), mark)
            }
            None => {
                let secret = MasterKey::random()
                    .map(|random| Zeroizing::new(*random.derive(Purpose::Audit).as_bytes()))
                    .ok_or(CacheError::Blob(medsight_vault::BlobError::NoRandomness))?;
                let site = Site::new(secret);
                let last = tables::audit::last(db)?.unwrap_or(Position::START);
                // The mark is on the disk before the keys are: where keys are and no mark is, somebody took it away.
                let mark = Mark::create(folder, &site.keys, last)?;
                tables::meta::set(db, SITE, &site.sealed(master)?)?;
                Self::new(Some(site), Some(mark))
            }
        };
        Ok(ledger)
    }

    /// For a cache that is only read.
    pub(crate) fn read(db: &Connection, master: &MasterKey) -> Result<Self, CacheError> {
        Ok(Self::new(stored(db, master)?, None))
    }

    fn new(site: Option<Site>, mark: Option<Mark>) -> Self {
        let program = format!("medsight {}", env!("CARGO_PKG_VERSION"));
        let origin = Origin { station: station(), program };
        let context = Mutex::new(Context { origin, people: HashMap::new() });
        // Asked now, so that there is an answer when the first event comes.
        let clock = SystemClock::default();
        clock.state();
        Self { site, context, clock, mark: Mutex::new(mark) }
    }

    /// The keys of a cache that can be written.
    pub(crate) fn keys(&self) -> &SiteKeys {
        // `open` has made them, and only a cache that was opened so gives out an `Act`.
        let Some(site) = &self.site else {
            unreachable!("a cache that can be written has the keys of its trail")
        };
        &site.keys
    }

    pub(crate) fn keys_if_any(&self) -> Option<&SiteKeys> {
        self.site.as_ref().map(|site| &site.keys)
    }

    /// The site's secret sealed for another master key.
    pub(crate) fn sealed_for(&self, master: &MasterKey) -> Result<Option<Vec<u8>>, CacheError> {
        self.site.as_ref().map(|site| site.sealed(master)).transpose()
    }

    pub(crate) fn set_origin(&self, change: impl FnOnce(&mut Origin)) {
        change(&mut self.context().origin);
    }

    pub(crate) fn know(&self, person: &Person) {
        self.context().people.insert(person.account.clone(), person.clone());
    }

    pub(crate) fn forget(&self, account: &str) {
        self.context().people.remove(account);
    }

    /// Fills in what the event leaves open. `before` is the time of the event before.
    pub(crate) fn complete(&self, event: &mut AuditEvent, before: Option<Timestamp>) {
        let context = self.context();
        let more = &mut event.more;
        if let Some(person) = context.people.get(&event.who) {
            more.name.get_or_insert_with(|| person.name.clone());
            if more.roles.is_empty() {
                more.roles = person.roles.iter().map(|role| role.word().to_owned()).collect();
            }
        }
        more.from.get_or_insert_with(|| context.origin.clone());
        more.clock.get_or_insert_with(|| Clock {
            state: self.clock.state(),
            went_back: before.is_some_and(|before| event.when < before),
        });
    }

    /// What the mark says; nothing where it is missing, or nobody may write it.
    pub(crate) fn marked(&self) -> Option<Position> {
        self.mark().as_ref().map(Mark::position)
    }

    /// Moves the mark to a later event that is on the disk. A mark that does not fit the records stays as it is, so
    /// that it is found.
    fn advance(&self, position: Position) {
        if let Some((mark, keys)) = self.mark().as_mut().zip(self.keys_if_any()) {
            mark.advance(keys, position);
        }
    }

    /// Sets the mark whatever it said.
    pub(crate) fn mark_anew(&self, position: Position, folder: &Path) -> Result<(), CacheError> {
        *self.mark() = Some(Mark::create(folder, self.keys(), position)?);
        Ok(())
    }

    fn context(&self) -> MutexGuard<'_, Context> {
        self.context.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self) -> MutexGuard<'_, Option<Mark>> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Site {
    fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self { keys: SiteKeys::from_secret(&secret), secret }
    }

    /// Sealed in the form of the blobs, under a key of its own.
    fn sealed(&self, master: &MasterKey) -> Result<Vec<u8>, CacheError> {
        let mut sealed = Vec::new();
        seal(&sealing_key(master), &[self.secret.as_slice()], &mut sealed)?;
        Ok(sealed)
    }
}

fn sealing_key(master: &MasterKey) -> BlobKey {
    BlobKey::from_bytes(*master.derive(Purpose::Audit).as_bytes())
}

/// Whether the records have this event as the mark tells it. What was purged since is in its record.
pub(super) fn holds(db: &Connection, mark: Position) -> rusqlite::Result<bool> {
    if mark.sequence == 0 {
        return Ok(true);
    }
    if let Some(hash) = tables::audit::hash_at(db, mark.sequence)? {
        return Ok(hash == mark.hash);
    }
    let purged = tables::audit_purges::last(db)?.map(|purge| purge.last);
    Ok(purged.is_some_and(|last| last == mark || mark.sequence < last.sequence))
}

fn stored(db: &Connection, master: &MasterKey) -> Result<Option<Site>, CacheError> {
    let damaged = |what: &str| CacheError::Damaged(format!("the key of the audit trail {what}"));
    let Some(sealed) = tables::meta::get::<Vec<u8>>(db, SITE)? else {
        let is_needed = tables::audit::is_keyed(db)?
            && db.query_row("SELECT EXISTS (SELECT 1 FROM audit WHERE form > 1)", [], |row| row.get(0))?;
        return if is_needed { Err(damaged("is missing")) } else { Ok(None) };
    };
    let secret = unseal(&sealing_key(master), &sealed).map(Zeroizing::new);
    let secret = secret.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    Ok(Some(Site::new(Zeroizing::new(secret.ok_or_else(|| damaged("does not open"))?))))
}

/// The name of this computer.
fn station() -> String {
    #[cfg(unix)]
    let name = Some(rustix::system::uname().nodename().to_string_lossy().into_owned());
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").ok();
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "unnamed".to_owned())
}
