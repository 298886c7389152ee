//! Who is at the desk: nobody, somebody, or somebody behind a lock; what they may do; how they come and go.
//!
//! A session belongs to one person. With an identity provider in the settings that person is whom the provider vouches for;
//! without one it is the account of the operating system, with every role. While nobody is signed in, or the desk is
//! locked, no command is done and nothing of the studies is told to a window: [`allowed`] and [`Desk::tell`] see to that.
//! Not here: the protocol of sign-in (`medsight-sync`), what a role may do (`medsight-record`).

mod browser;
mod code;
mod idle;
mod known;
mod lock;

pub(crate) use browser::{begin, cancel, test_provider};
pub(crate) use lock::{lock, set_code, unlock};

use crate::desk::{Desk, held, now};
use crate::dto::{DeskEvent, PersonView, SessionView, SignInFlow, Standing};
use crate::problem::{Problem, SessionFault};
use idle::Idle;
use known::{Known, People};
use medsight_audit::{Action, AuditEvent};
use medsight_base::Timestamp;
use medsight_cache::Cache;
use medsight_pacs::CancellationToken;
use medsight_record::identity::Identity;
use medsight_record::{Person, Right, Role};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest reason for breaking the glass, in letters; the shortest is enough for a word.
const REASON_LETTERS: std::ops::RangeInclusive<usize> = 4..=500;

/// What a command of the window needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: it is how a person gets in.
    Nobody,
    /// Somebody, and no lock.
    Somebody,
    /// Somebody with this right, and no lock.
    Right(Right),
    /// Somebody with this right, also behind the lock: the end of what they began there is kept.
    Kept(Right),
}

/// The session of the desk.
pub(crate) struct Session {
    inner: Mutex<Inner>,
    idle: Arc<Idle>,
}

struct Inner {
    standing: Standing,
    person: Option<Person>,
    /// The provider's own name for the person; `None` for the account of the operating system.
    subject: Option<String>,
    /// The provider as it was when the person signed in.
    issuer: Option<String>,
    glass_until: Option<Timestamp>,
    flow: SignInFlow,
    /// Ends the sign-in that runs.
    running: CancellationToken,
    /// Counts sign-ins, so that a late answer changes nothing.
    attempt: u64,
    people: People,
    /// For the time of the program, where the keyring does not keep it.
    refresh: Option<Zeroizing<String>>,
    /// The provider could not be asked when the session was opened.
    is_offline: bool,
    /// The audit trail has been told who is here.
    is_known: bool,
    problem: Option<Problem>,
}

/// The account of the operating system.
pub(crate) fn system_account() -> String {
    let account = std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
    account.ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown account".to_owned())
}

/// Whoever has the account of the operating system, where no provider tells people apart.
fn system_person() -> Person {
    let account = system_account();
    Person { name: account.clone(), account, roles: BTreeSet::from(Role::ALL) }
}

impl Session {
    pub(crate) fn new(identity: &Identity) -> Self {
        let mut inner = Inner {
            standing: Standing::SignedOut,
            person: None,
            subject: None,
            issuer: None,
            glass_until: None,
            flow: SignInFlow::Idle,
            running: CancellationToken::new(),
            attempt: 0,
            people: People::default(),
            refresh: None,
            is_offline: false,
            is_known: false,
            problem: None,
        };
        inner.belong_to_settings(identity);
        Self { inner: Mutex::new(inner), idle: Arc::default() }
    }

    pub(crate) fn is_open(&self) -> bool {
        held(&self.inner).standing == Standing::Active
    }

    /// In whose name records are changed: whose session it is, also behind the lock; else the account of the
    /// operating system, for what goes on by itself.
    pub(crate) fn account(&self) -> String {
        held(&self.inner).person.as_ref().map_or_else(system_account, |person| person.account.clone())
    }

    /// The person's name, as it stands under what they sign.
    pub(crate) fn name(&self) -> String {
        held(&self.inner).person.as_ref().map_or_else(system_account, |person| person.name.clone())
    }

    /// Whether the person of the session has a right, also behind the lock: the end of a gesture is kept.
    pub(crate) fn may(&self, right: Right) -> bool {
        held(&self.inner).may(right)
    }

    /// Before the cache is given to anybody: who was here last is known from it. With a code the session waits behind
    /// the lock.
    pub(crate) fn remember(&self, cache: &Cache, identity: &Identity) {
        let mut inner = held(&self.inner);
        inner.people = People::read(cache);
        if identity.provider.is_none() {
            if inner.known().is_some_and(|known| known.code.is_some()) {
                inner.standing = Standing::Locked;
            }
            return;
        }
        let last = inner.people.last(inner.issuer.as_deref()).filter(|known| known.code.is_some()).cloned();
        if let Some(last) = last {
            inner.standing = Standing::Locked;
            inner.subject = last.subject;
            inner.person = Some(last.person);
        }
    }

    /// A person is there.
    pub(crate) fn input(&self) {
        self.idle.input();
    }

    /// The program ends.
    pub(crate) fn end(&self) {
        held(&self.inner).running.cancel();
        self.idle.end();
    }

    pub(crate) fn view(&self, identity: &Identity) -> SessionView {
        held(&self.inner).view(identity)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
    }
}

impl Inner {
    /// The session that the settings begin with: nobody's, or that of the operating system's account.
    fn belong_to_settings(&mut self, identity: &Identity) {
        self.glass_until = None;
        self.is_known = false;
        self.refresh = None;
        self.is_offline = false;
        self.subject = None;
        self.issuer = identity.provider.as_ref().map(|provider| provider.issuer.clone());
        let is_system = identity.provider.is_none();
        self.person = is_system.then(system_person);
        self.standing = if is_system { Standing::Active } else { Standing::SignedOut };
    }

    fn may(&self, right: Right) -> bool {
        let glass = right == Right::See && self.glass_until.is_some_and(|until| now() < until);
        glass || self.person.as_ref().is_some_and(|person| person.may(right))
    }

    fn known(&self) -> Option<&Known> {
        let account = &self.person.as_ref()?.account;
        self.people.find(self.issuer.as_deref(), account)
    }

    fn view(&self, identity: &Identity) -> SessionView {
        let known = self.known();
        let person = self.person.as_ref().map(|person| PersonView {
            account: person.account.clone(),
            name: person.name.clone(),
            roles: person.roles.iter().map(|role| role.word().to_owned()).collect(),
        });
        let is_open = self.standing == Standing::Active;
        let rights = Right::ALL.into_iter().filter(|right| is_open && self.may(*right));
        let has_code = known.is_some_and(|known| known.code.is_some());
        let offline_until = known.filter(|k| k.code.is_some()).map(|k| lock::offline_until(k, identity));
        let provider = identity.provider.as_ref();
        SessionView {
            standing: self.standing,
            person,
            rights: rights.map(|right| right.word().to_owned()).collect(),
            provider: provider.map(|p| p.issuer.clone()),
            flow: self.flow.clone(),
            has_code,
            code_works: has_code && known.is_some_and(|known| lock::is_confirmed(known, identity, now())),
            offline: self.is_offline,
            offline_until_ms: offline_until.filter(|_| provider.is_some()).map(|until| until.0),
            glass_until_ms: self.glass_until.filter(|until| now() < *until).map(|until| until.0),
            problem: self.problem.clone(),
        }
    }
}

/// Refuses what may not be done now, in words that name the right and who has it.
pub(crate) fn allowed(desk: &Desk, need: Need) -> Result<(), Problem> {
    let fault = {
        let inner = held(&desk.session().inner);
        match (need, inner.standing) {
            (Need::Nobody, _) | (Need::Somebody, Standing::Active) => return Ok(()),
            (_, Standing::SignedOut) => SessionFault::SignedOut,
            (Need::Kept(right), _) if inner.may(right) => return Ok(()),
            (_, Standing::Locked) => SessionFault::Locked,
            (Need::Right(right), Standing::Active) if inner.may(right) => return Ok(()),
            (Need::Right(right) | Need::Kept(right), Standing::Active) => SessionFault::NoRight(right),
        }
    };
    if let SessionFault::NoRight(right) = fault {
        note(desk, Action::RightRefused, json!({"right": right.word()}));
    }
    Err(fault.into())
}

/// An event of the session. That it can't be written must not keep anybody out or in.
pub(crate) fn note(desk: &Desk, what: Action, detail: serde_json::Value) {
    if let Ok(cache) = desk.cache() {
        let event = AuditEvent::new(&desk.who(), what, now(), None, detail);
        let _ = cache.note_event(&event);
    }
}

/// The cache is open.
pub(crate) fn started(desk: &Arc<Desk>) {
    let session = desk.session();
    Idle::watch(&session.idle, desk);
    if session.is_open() {
        entered(desk, "system");
    }
    changed(desk);
}

/// The settings may have another provider or another time now.
pub(crate) fn settings_changed(desk: &Arc<Desk>) {
    let identity = desk.settings().settings.identity.clone();
    let issuer = identity.provider.as_ref().map(|provider| provider.issuer.clone());
    if held(&desk.session().inner).issuer != issuer {
        leave(desk);
        held(&desk.session().inner).belong_to_settings(&identity);
    }
    changed(desk);
}

/// Tells windows and the clock how the session stands.
fn changed(desk: &Arc<Desk>) {
    let identity = desk.settings().settings.identity.clone();
    let session = desk.session();
    let (view, is_open, glass_until) = {
        let inner = held(&session.inner);
        (inner.view(&identity), inner.standing == Standing::Active, inner.glass_until)
    };
    let glass_s = glass_until.map(|until| (until.0 - now().0).max(0) / 1000 + 1);
    let glass = glass_s.and_then(|s| u64::try_from(s).ok()).map(Duration::from_secs);
    session.idle.set(is_open.then(|| Duration::from_secs(60 * u64::from(identity.idle_lock_min))), glass);
    desk.light_box().lock(desk, !is_open);
    desk.tell(DeskEvent::Session(Box::new(view)));
}

/// Somebody is at the desk now: in the audit trail with name and roles.
fn entered(desk: &Arc<Desk>, how: &str) {
    let person = {
        let mut inner = held(&desk.session().inner);
        inner.is_known = true;
        inner.person.clone()
    };
    if let (Some(person), Ok(cache)) = (person, desk.cache()) {
        let _ = cache.signed_in(&person, json!({"by": how}), now());
    }
}

/// The time of no input is over, or that of the broken glass.
fn time_over(desk: &Arc<Desk>, over: idle::Over) {
    match over {
        idle::Over::Idle => lock(desk, "idle"),
        idle::Over::Glass => {
            held(&desk.session().inner).glass_until = None;
            let sees = desk.session().may(Right::See);
            if !sees {
                desk.light_box().close_all(desk);
            }
            changed(desk);
        }
    }
}

/// Lets somebody without the right to see studies see them for a time that the site has set, for a reason that is kept.
/// Without its event in the audit trail it does not happen.
pub(crate) fn break_glass(desk: &Arc<Desk>, reason: &str) -> Result<(), Problem> {
    let reason = reason.trim();
    if !REASON_LETTERS.contains(&reason.chars().count()) {
        return Err(SessionFault::NoReason.into());
    }
    let minutes = desk.settings().settings.identity.break_glass_min;
    let event = AuditEvent::new(&desk.who(), Action::BrokeGlass, now(), None, json!({"minutes": minutes}));
    desk.cache()?.note_event(&event.because(reason))?;
    held(&desk.session().inner).glass_until = Some(Timestamp(now().0 + i64::from(minutes) * 60_000));
    changed(desk);
    Ok(())
}

/// Signs out: the light box is cleared, the provider is told that the refresh token ends, and the code is forgotten.
/// Without a provider there is no other account to sign in with: the desk is locked.
pub(crate) fn sign_out(desk: &Arc<Desk>) -> Result<(), Problem> {
    let identity = desk.settings().settings.identity.clone();
    if identity.provider.is_none() {
        lock(desk, "person");
        return Ok(());
    }
    browser::forget(desk);
    leave(desk);
    held(&desk.session().inner).belong_to_settings(&identity);
    changed(desk);
    Ok(())
}

/// The person goes: their studies leave the light box, what they did is not undone by the next one.
fn leave(desk: &Arc<Desk>) {
    let person = held(&desk.session().inner).person.clone();
    desk.light_box().park(desk, &desk.who());
    desk.steps().forget_all();
    if let (Some(person), Ok(cache)) = (person, desk.cache()) {
        let _ = cache.signed_out(&person.account, now());
        let mut inner = held(&desk.session().inner);
        let issuer = inner.issuer.clone();
        inner.people.leave(issuer.as_deref(), &person.account);
        let _ = inner.people.write(&cache);
    }
}

#[cfg(test)]
#[path = "session/journeys.rs"]
mod journeys;
