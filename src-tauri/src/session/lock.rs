//! The lock: by a person or the clock, opened by a code, by nothing where nothing was set, or by a sign-in.

use super::code::Code;
use super::known::Known;
use super::{browser, changed, entered, note};
use crate::desk::{Desk, held, now};
use crate::dto::{CodeRequest, Standing, UnlockRequest};
use crate::problem::{Problem, SessionFault};
use medsight_audit::Action;
use medsight_base::Timestamp;
use medsight_record::identity::Identity;
use serde_json::json;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Until when a code opens the session of this person without the provider.
pub(super) fn offline_until(known: &Known, identity: &Identity) -> Timestamp {
    Timestamp(known.verified_at.0 + i64::from(identity.offline_unlock_hours) * 3_600_000)
}

/// Whether a code still counts without the provider. A clock that was set back before the confirmation does not
/// lengthen the time; without a provider there is nobody who confirms.
pub(super) fn is_confirmed(known: &Known, identity: &Identity, at: Timestamp) -> bool {
    let slack_ms = 300_000;
    identity.provider.is_none()
        || (at < offline_until(known, identity) && at.0 >= known.verified_at.0 - slack_ms)
}

/// Locks the desk. `why` is a word of the audit trail.
pub(crate) fn lock(desk: &Arc<Desk>, why: &str) {
    {
        let mut inner = held(&desk.session().inner);
        if inner.standing != Standing::Active {
            return;
        }
        inner.standing = Standing::Locked;
        inner.problem = None;
    }
    note(desk, Action::Locked, json!({"by": why}));
    changed(desk);
}

/// Opens the lock for the person whose session it is: by their code, or, where they have none and no provider tells
/// people apart, by asking. With a provider and no code it takes a sign-in.
pub(crate) fn unlock(desk: &Arc<Desk>, request: UnlockRequest) -> Result<(), Problem> {
    let typed = Zeroizing::new(request.code.unwrap_or_default());
    let identity = desk.settings().settings.identity.clone();
    let done = {
        let mut inner = held(&desk.session().inner);
        if inner.standing != Standing::Locked {
            return Ok(());
        }
        let at = now();
        let has_provider = identity.provider.is_some();
        let issuer = inner.issuer.clone();
        match inner.known().cloned() {
            Some(known) if known.code.is_some() => {
                if !is_confirmed(&known, &identity, at) {
                    Err(SessionFault::OfflineOver)
                } else {
                    let tried = inner.people.try_code(issuer.as_deref(), &known.person.account, &typed, at);
                    if let Ok(cache) = desk.cache() {
                        // On a full disk the right code still opens, and wrong ones are counted until the program ends.
                        let _ = inner.people.write(&cache);
                    }
                    tried
                }
            }
            _ if has_provider => Err(SessionFault::NeedsSignIn),
            _ => Ok(()),
        }
    };
    match done {
        Ok(()) => {
            let mut inner = held(&desk.session().inner);
            inner.standing = Standing::Active;
            inner.problem = None;
            let is_known = inner.is_known;
            drop(inner);
            let by = if typed.is_empty() { "system" } else { "code" };
            // After a restart it is the first that the trail hears of the person.
            if is_known {
                note(desk, Action::Unlocked, json!({"by": by}));
            } else {
                entered(desk, by);
            }
            changed(desk);
            browser::confirm(desk);
            Ok(())
        }
        Err(fault) => {
            note(desk, Action::UnlockFailed, json!({"by": "code"}));
            Err(fault.into())
        }
    }
}

/// Sets, changes or removes the code of who is signed in. The present code has to be given, where there is one.
pub(crate) fn set_code(desk: &Arc<Desk>, request: CodeRequest) -> Result<(), Problem> {
    let (present, wanted) = (request.present.map(Zeroizing::new), request.code.map(Zeroizing::new));
    let cache = desk.cache()?;
    {
        let mut inner = held(&desk.session().inner);
        let Some(person) = inner.person.clone() else { return Err(SessionFault::SignedOut.into()) };
        let (issuer, subject) = (inner.issuer.clone(), inner.subject.clone());
        if inner.known().is_some_and(|known| known.code.is_some()) {
            let typed = present.unwrap_or_default();
            let tried = inner.people.try_code(issuer.as_deref(), &person.account, &typed, now());
            inner.people.write(&cache)?;
            tried?;
        }
        let code = wanted.as_deref().map(|text| Code::of(text)).transpose()?;
        // Without a provider there is nobody who confirmed; the time then does not count.
        inner.people.meet(issuer, subject, &person, None, now());
        let issuer = inner.issuer.clone();
        inner.people.set_code(issuer.as_deref(), &person.account, code);
        inner.people.write(&cache)?;
    }
    changed(desk);
    Ok(())
}
