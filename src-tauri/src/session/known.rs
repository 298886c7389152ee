//! Who has been at this desk: name, roles, when their provider last confirmed them, and their code. Sealed with the key of
//! the cache's blobs in one file beside the database; no token is in it.
//!
//! A file that is gone or damaged leaves nobody known: with a provider everybody signs in anew.

use super::code::Code;
use crate::problem::{Problem, SessionFault};
use medsight_base::Timestamp;
use medsight_cache::{Cache, CacheError};
use medsight_record::Person;
use serde::{Deserialize, Serialize};
use std::io::Write as _;

/// People who are remembered; who was here longest ago is forgotten first.
const MOST: usize = 32;
/// Wrong codes before there is a wait.
const FREE_TRIES: u32 = 4;
/// First wait and longest wait, in milliseconds.
const WAITS_MS: [i64; 2] = [30_000, 900_000];

/// Somebody who has signed in here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) issuer: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) person: Person,
    pub(super) verified_at: Timestamp,
    pub(super) code: Option<Code>,
    wrong: u32,
    wrong_at: Timestamp,
    /// Signed out, and not just behind the lock.
    gone: bool,
}

/// All of them; who was here last is last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct People(Vec<Known>);

impl People {
    pub(super) fn read(cache: &Cache) -> Self {
        let sealed = std::fs::read(cache.folder().join("people")).unwrap_or_default();
        let plain = medsight_vault::unseal(cache.blob_key(), &sealed).unwrap_or_default();
        serde_json::from_slice(&plain).unwrap_or_default()
    }

    pub(super) fn write(&self, cache: &Cache) -> Result<(), Problem> {
        let plain = serde_json::to_vec(self).map_err(|why| CacheError::from(std::io::Error::other(why)))?;
        let mut sealed = Vec::new();
        medsight_vault::seal(cache.blob_key(), &[&plain], &mut sealed).map_err(CacheError::from)?;
        let path = cache.folder().join("people");
        let part = path.with_extension("part");
        let in_place = || -> std::io::Result<()> {
            let mut file = std::fs::File::create(&part)?;
            file.write_all(&sealed)?;
            file.sync_all()?;
            std::fs::rename(&part, &path)
        };
        Ok(in_place().map_err(CacheError::from)?)
    }

    pub(super) fn find(&self, issuer: Option<&str>, account: &str) -> Option<&Known> {
        self.0.iter().find(|known| known.issuer.as_deref() == issuer && known.person.account == account)
    }

    fn find_mut(&mut self, issuer: Option<&str>, account: &str) -> Option<&mut Known> {
        self.0.iter_mut().find(|known| known.issuer.as_deref() == issuer && known.person.account == account)
    }

    /// Whose session was left behind the lock, if it was the last one here.
    pub(super) fn last(&self, issuer: Option<&str>) -> Option<&Known> {
        self.0.last().filter(|known| known.issuer.as_deref() == issuer && !known.gone)
    }

    /// Somebody is at the desk. `verified_at`: when their provider said so; `None` leaves what was.
    pub(super) fn meet(
        &mut self,
        issuer: Option<String>,
        subject: Option<String>,
        person: &Person,
        verified_at: Option<Timestamp>,
        at: Timestamp,
    ) {
        let before = self.find(issuer.as_deref(), &person.account).cloned();
        // The same account name of another person has not the other's code.
        let before = before.filter(|known| known.subject == subject);
        self.0.retain(|known| known.issuer != issuer || known.person.account != person.account);
        let mut known = before.unwrap_or_else(|| Known {
            issuer,
            subject,
            person: person.clone(),
            verified_at: at,
            code: None,
            wrong: 0,
            wrong_at: Timestamp(0),
            gone: false,
        });
        known.person = person.clone();
        known.gone = false;
        if let Some(verified_at) = verified_at {
            known.verified_at = verified_at;
            known.wrong = 0;
        }
        self.0.push(known);
        let extra = self.0.len().saturating_sub(MOST);
        self.0.drain(..extra);
    }

    pub(super) fn set_code(&mut self, issuer: Option<&str>, account: &str, code: Option<Code>) {
        if let Some(known) = self.find_mut(issuer, account) {
            known.code = code;
            known.wrong = 0;
        }
    }

    pub(super) fn leave(&mut self, issuer: Option<&str>, account: &str) {
        if let Some(known) = self.find_mut(issuer, account) {
            known.gone = true;
        }
    }

    /// Tries a code. After some wrong ones there is a wait, which doubles, and which a restart does not shorten.
    pub(super) fn try_code(
        &mut self,
        issuer: Option<&str>,
        account: &str,
        typed: &str,
        at: Timestamp,
    ) -> Result<(), SessionFault> {
        let Some(known) = self.find_mut(issuer, account) else { return Err(SessionFault::NeedsSignIn) };
        let Some(code) = &known.code else { return Err(SessionFault::NeedsSignIn) };
        let wait_ms = wait_ms(known.wrong);
        let waited_ms = at.0 - known.wrong_at.0;
        // A clock that was set back has not waited.
        if wait_ms > 0 && !(wait_ms..i64::MAX).contains(&waited_ms) {
            let left_ms = (wait_ms - waited_ms.max(0)).clamp(1000, wait_ms);
            return Err(SessionFault::Wait { seconds: (left_ms + 999) / 1000 });
        }
        if code.is(typed) {
            known.wrong = 0;
            return Ok(());
        }
        known.wrong += 1;
        known.wrong_at = at;
        Err(SessionFault::WrongCode)
    }
}

fn wait_ms(wrong: u32) -> i64 {
    let [first, longest] = WAITS_MS;
    match wrong.checked_sub(FREE_TRIES) {
        None => 0,
        Some(more) => (first << more.min(10)).min(longest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn rita() -> Person {
        Person { account: "rita".into(), name: "Rita".into(), roles: BTreeSet::new() }
    }

    fn people() -> People {
        let mut people = People::default();
        people.meet(Some("https://i".into()), Some("1".into()), &rita(), Some(Timestamp(5)), Timestamp(5));
        people.set_code(Some("https://i"), "rita", Some(Code::of("right-code").unwrap()));
        people
    }

    #[test]
    fn guessing_a_code_gets_slower_and_slower_and_the_clock_does_not_help() {
        let mut people = people();
        let mut at = Timestamp(1_000_000);
        let mut tried = |typed: &str, at| people.try_code(Some("https://i"), "rita", typed, at);
        for _ in 0..FREE_TRIES {
            assert!(matches!(tried("guess", at), Err(SessionFault::WrongCode)));
        }
        assert!(matches!(tried("right-code", at), Err(SessionFault::Wait { seconds: 30 })));
        assert!(matches!(tried("right-code", Timestamp(0)), Err(SessionFault::Wait { .. })));
        at.0 += 30_000;
        assert!(matches!(tried("guess", at), Err(SessionFault::WrongCode)));
        at.0 += 30_000;
        assert!(matches!(tried("right-code", at), Err(SessionFault::Wait { seconds: 30 })));
        at.0 += 30_000;
        assert!(tried("right-code", at).is_ok());
        assert!(matches!(tried("guess", at), Err(SessionFault::WrongCode)));
    }

    #[test]
    fn somebody_who_gets_an_account_name_that_was_anothers_does_not_get_their_code() {
        let mut people = people();
        people.meet(Some("https://i".into()), Some("1".into()), &rita(), None, Timestamp(6));
        assert!(people.find(Some("https://i"), "rita").unwrap().code.is_some());
        people.meet(Some("https://i".into()), Some("2".into()), &rita(), None, Timestamp(7));
        assert!(people.find(Some("https://i"), "rita").unwrap().code.is_none());
        people.leave(Some("https://i"), "rita");
        assert!(people.last(Some("https://i")).is_none());
    }
}
