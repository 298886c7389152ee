//! How this workstation signs in to a server of the settings (DICOMweb, FHIR) or, for one, to a sign-in server: a secret out of
//! the keyring, for the time of its use.
//!
//! A secret is never part of the settings, of an error or a log line, and never crosses to the window.

use crate::desk::Desk;
use crate::dto::{SecretRequest, SignInForm};
use crate::problem::{Fault, Problem};
use crate::session;
use medsight_audit::Action;
use medsight_pacs::Auth;
use medsight_record::node::{SignIn, Web};
use medsight_vault::ServerSecret;
use serde_json::json;
use zeroize::Zeroizing;

/// What requests carry. `typed`: the secret in a form that is not kept yet.
pub(crate) fn auth(web: &Web, by: &SignIn, typed: Option<Zeroizing<String>>) -> Result<Auth, Problem> {
    of(&web.url, by, typed)
}

/// As [`auth`], for the server of an address.
pub(crate) fn of(url: &str, by: &SignIn, typed: Option<Zeroizing<String>>) -> Result<Auth, Problem> {
    let secret = |user: &str| match typed {
        Some(typed) => Ok(typed),
        None => kept(url, user),
    };
    Ok(match by {
        SignIn::None => Auth::None,
        SignIn::Bearer => Auth::Bearer(secret("")?),
        SignIn::Basic { user } => Auth::Basic(user.clone(), secret(user)?),
    })
}

/// What the keyring has under an address and a name.
pub(crate) fn kept(address: &str, name: &str) -> Result<Zeroizing<String>, Problem> {
    ServerSecret::of(address, name).load()?.ok_or_else(|| Fault::NoSecret.into())
}

/// Keeps what was typed into a form, or takes it out of the keyring.
pub(crate) fn keep(desk: &Desk, request: SecretRequest) -> Result<(), Problem> {
    let user = match &request.sign_in {
        SignInForm::None | SignInForm::Bearer => "",
        SignInForm::Basic { user } => user.trim(),
    };
    let kept = ServerSecret::of(request.url.trim(), user);
    let is_kept = request.secret.is_some();
    match request.secret.map(Zeroizing::new) {
        Some(secret) => kept.keep(Zeroizing::new(secret.trim().to_owned()))?,
        None => kept.forget()?,
    }
    let detail = json!({"setting": "secret", "of": request.name.trim(), "kept": is_kept});
    session::note(desk, Action::SettingChanged, detail);
    // What was refused for want of it may go now.
    desk.syncing().try_all_now();
    Ok(())
}
