//! Sign-ins in the background: by the browser, by a code on another device, and by the refresh token that the keyring keeps.

use super::{Standing, changed, entered, leave, note};
use crate::desk::{Desk, held, now};
use crate::dto::{EchoAnswer, ProviderForm, SignInFlow, SignInRequest};
use crate::network;
use crate::problem::{Problem, SessionFault};
use medsight_audit::Action;
use medsight_pacs::CancellationToken;
use medsight_record::identity::Provider;
use medsight_sync::sign_in::{Ask, Pages, SignIn, SignInError, SignedIn};
use medsight_vault::SignInSecret;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// Begins a sign-in; how it goes on is told by events. One that runs is ended.
pub(crate) fn begin(desk: &Arc<Desk>, request: SignInRequest) -> Result<(), Problem> {
    let provider = desk.settings().settings.identity.provider.clone().ok_or(SessionFault::NoProvider)?;
    let (cancel, attempt, ask) = {
        let mut inner = held(&desk.session().inner);
        if inner.standing == Standing::Active {
            return Ok(());
        }
        inner.running.cancel();
        inner.running = CancellationToken::new();
        inner.attempt += 1;
        inner.flow = SignInFlow::Asking;
        inner.problem = None;
        let same = inner.standing == Standing::Locked && !request.other;
        let ask = Ask {
            login_hint: inner.person.as_ref().filter(|_| same).map(|person| person.account.clone()),
            subject: inner.subject.clone().filter(|_| same),
        };
        (inner.running.clone(), inner.attempt, ask)
    };
    changed(desk);
    let desk = Arc::clone(desk);
    std::thread::spawn(move || {
        let work = run(&desk, &provider, ask, request.by_device, attempt, &cancel);
        let done = tauri::async_runtime::block_on(work);
        ended(&desk, &provider, done, attempt, if request.by_device { "device" } else { "browser" });
    });
    Ok(())
}

/// Asks a sign-in server by what its form says. Nobody comes or goes by it.
pub(crate) fn test_provider(desk: &Arc<Desk>, form: ProviderForm) -> Result<EchoAnswer, Problem> {
    let provider = Provider::from(form);
    provider.check()?;
    let cancel = desk.asking().token();
    let begun = Instant::now();
    let asked = tauri::async_runtime::block_on(SignIn::discover(&provider, &cancel));
    let told = asked.map(|_| begun.elapsed().as_secs_f64() * 1e3);
    Ok(network::answer(told.map_err(Problem::from)))
}

/// Calls off the sign-in that runs.
pub(crate) fn cancel(desk: &Arc<Desk>) -> Result<(), Problem> {
    let mut inner = held(&desk.session().inner);
    inner.running.cancel();
    inner.attempt += 1;
    inner.flow = SignInFlow::Idle;
    drop(inner);
    changed(desk);
    Ok(())
}

async fn run(
    desk: &Arc<Desk>,
    provider: &Provider,
    ask: Ask,
    by_device: bool,
    attempt: u64,
    cancel: &CancellationToken,
) -> Result<SignedIn, Problem> {
    let client = SignIn::discover(provider, cancel).await?;
    if by_device {
        let subject = ask.subject;
        let code = client.begin_device(cancel).await?;
        let shown = SignInFlow::Device { code: code.user_code.clone(), address: code.address.clone() };
        show(desk, attempt, shown);
        let signed_in = client.finish_device(code, cancel).await?;
        let is_same = subject.is_none_or(|subject| subject == signed_in.subject);
        return if is_same { Ok(signed_in) } else { Err(SignInError::AnotherPerson.into()) };
    }
    let pending = client.begin(ask).await?;
    if !desk.open_in_browser(pending.url()) {
        return Err(SessionFault::NoBrowser.into());
    }
    show(desk, attempt, SignInFlow::Browser);
    let pages = {
        let words = desk.words();
        let word = |key: &str| words.all().get(key).cloned().unwrap_or_default();
        Pages {
            title: word("session.browser_title"),
            done: word("session.browser_done"),
            refused: word("session.browser_refused"),
        }
    };
    Ok(client.finish(pending, &pages, cancel).await?)
}

fn show(desk: &Arc<Desk>, attempt: u64, flow: SignInFlow) {
    let mut inner = held(&desk.session().inner);
    if inner.attempt == attempt {
        inner.flow = flow;
        drop(inner);
        changed(desk);
    }
}

fn ended(desk: &Arc<Desk>, provider: &Provider, done: Result<SignedIn, Problem>, attempt: u64, how: &str) {
    let is_present = {
        let mut inner = held(&desk.session().inner);
        let is_present = inner.attempt == attempt;
        if is_present {
            inner.flow = SignInFlow::Idle;
        }
        is_present
    };
    if !is_present {
        return;
    }
    match done {
        Ok(signed_in) => {
            came_in(desk, provider, signed_in, how);
        }
        Err(problem) => {
            note(desk, Action::SignInFailed, json!({"by": how, "code": problem.code}));
            held(&desk.session().inner).problem = Some(problem);
        }
    }
    changed(desk);
}

/// The provider vouches for somebody: the person whose session it is unlocks it, anybody else takes the place.
fn came_in(desk: &Arc<Desk>, provider: &Provider, signed_in: SignedIn, how: &str) {
    let SignedIn { person, subject, tokens } = signed_in;
    let was = held(&desk.session().inner).subject.clone();
    let is_same = was.as_deref() == Some(&subject);
    if !is_same {
        leave(desk);
    }
    // Where there is no keyring, the token is kept for the time of the program and on no disk.
    let kept = tokens.refresh.map(|token| (keep(provider, &subject, &token), token));
    let account = person.account.clone();
    {
        let mut inner = held(&desk.session().inner);
        inner.refresh = kept.and_then(|(is_kept, token)| (!is_kept).then_some(token));
        inner.issuer = Some(provider.issuer.clone());
        inner.subject = Some(subject.clone());
        inner.is_offline = false;
        inner.problem = None;
        if !is_same {
            inner.glass_until = None;
        }
        let at = now();
        inner.people.meet(Some(provider.issuer.clone()), Some(subject), &person, Some(at), at);
        inner.person = Some(person);
        inner.standing = Standing::Active;
        if let Ok(cache) = desk.cache() {
            // Who can't be remembered signs in again the next time.
            let _ = inner.people.write(&cache);
        }
    }
    if is_same && held(&desk.session().inner).is_known {
        note(desk, Action::Unlocked, json!({"by": how}));
    } else {
        entered(desk, how);
    }
    if !is_same {
        desk.light_box().unpark(desk, &account);
    }
}

fn secret(provider: &Provider, subject: &str) -> SignInSecret {
    SignInSecret::of(&provider.issuer, &provider.client_id, subject)
}

fn keep(provider: &Provider, subject: &str, token: &str) -> bool {
    secret(provider, subject).keep(zeroize::Zeroizing::new(token.to_owned())).is_ok()
}

/// A session was opened by the code: the provider is asked whether it still vouches for the person, where it answers.
pub(crate) fn confirm(desk: &Arc<Desk>) {
    let Some(provider) = desk.settings().settings.identity.provider.clone() else { return };
    let (subject, attempt, cancel, token) = {
        let inner = held(&desk.session().inner);
        let Some(subject) = inner.subject.clone() else { return };
        (subject, inner.attempt, inner.running.clone(), inner.refresh.clone())
    };
    let desk = Arc::clone(desk);
    std::thread::spawn(move || {
        let kept = token.or_else(|| secret(&provider, &subject).load().ok().flatten());
        let Some(token) = kept else { return };
        let asked = tauri::async_runtime::block_on(async {
            let client = SignIn::discover(&provider, &cancel).await?;
            client.refresh(&token, &subject, &cancel).await
        });
        let is_present = {
            let inner = held(&desk.session().inner);
            inner.attempt == attempt && inner.subject.as_deref() == Some(&subject)
        };
        match asked {
            // The old token is spent, so the new one is kept whatever happened meanwhile.
            Ok(signed_in) => confirmed(&desk, &provider, signed_in, is_present),
            Err(SignInError::Refused(_) | SignInError::AnotherPerson) if is_present => {
                let _ = secret(&provider, &subject).forget();
                leave(&desk);
                let identity = desk.settings().settings.identity.clone();
                let mut inner = held(&desk.session().inner);
                inner.belong_to_settings(&identity);
                inner.problem = Some(SessionFault::Ended.into());
            }
            Err(why) if is_present && why.is_offline() => held(&desk.session().inner).is_offline = true,
            Err(_) => {}
        }
        changed(&desk);
    });
}

fn confirmed(desk: &Arc<Desk>, provider: &Provider, signed_in: SignedIn, is_present: bool) {
    let SignedIn { person, subject, tokens } = signed_in;
    let kept = tokens.refresh.map(|token| (keep(provider, &subject, &token), token));
    if !is_present {
        return;
    }
    let mut inner = held(&desk.session().inner);
    let is_changed = inner.person.as_ref() != Some(&person);
    inner.refresh = kept.and_then(|(is_kept, token)| (!is_kept).then_some(token));
    inner.is_offline = false;
    let at = now();
    inner.people.meet(Some(provider.issuer.clone()), Some(subject), &person, Some(at), at);
    inner.person = Some(person);
    if let Ok(cache) = desk.cache() {
        let _ = inner.people.write(&cache);
    }
    drop(inner);
    // Another name or other roles than before.
    if is_changed {
        entered(desk, "refresh");
    }
}

/// Ends the refresh token here and, where the provider answers, there; and, where the browser's session is used for
/// signing in, that one too.
pub(crate) fn forget(desk: &Arc<Desk>) {
    let Some(provider) = desk.settings().settings.identity.provider.clone() else { return };
    let (subject, kept, account) = {
        let mut inner = held(&desk.session().inner);
        (inner.subject.clone(), inner.refresh.take(), desk_account(&inner))
    };
    let Some(subject) = subject else { return };
    let desk = Arc::clone(desk);
    std::thread::spawn(move || {
        let place = secret(&provider, &subject);
        let token = kept.or_else(|| place.load().ok().flatten());
        let _ = place.forget();
        let cancel = CancellationToken::new();
        tauri::async_runtime::block_on(async {
            let Ok(client) = SignIn::discover(&provider, &cancel).await else { return };
            if let Some(token) = token {
                // A server that can't be reached ends it by its own time; here it is gone.
                let _ = client.revoke(&token, &cancel).await;
            }
            if let Some(url) = client.sign_out_url(&account).filter(|_| provider.browser_session) {
                desk.open_in_browser(&url);
            }
        });
    });
}

fn desk_account(inner: &super::Inner) -> String {
    inner.person.as_ref().map(|person| person.account.clone()).unwrap_or_default()
}
