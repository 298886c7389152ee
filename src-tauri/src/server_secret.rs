//! How this workstation signs in to a server's DICOMweb: a secret out of the keyring, for the time of its use.
//!
//! A secret is never part of the settings, of an error or a log line, and never crosses to the window.

use crate::dto::{SecretRequest, SignInForm};
use crate::problem::{Fault, Problem};
use medsight_pacs::Auth;
use medsight_record::node::{SignIn, Web};
use medsight_vault::ServerSecret;
use zeroize::Zeroizing;

/// What requests carry. `typed`: the secret in a form that is not kept yet.
pub(crate) fn auth(web: &Web, by: &SignIn, typed: Option<Zeroizing<String>>) -> Result<Auth, Problem> {
    of(&web.url, by, typed)
}

/// As [`auth`], for the server of an address.
pub(crate) fn of(url: &str, by: &SignIn, typed: Option<Zeroizing<String>>) -> Result<Auth, Problem> {
    let secret = |user: &str| match typed {
        Some(typed) => Ok(typed),
        None => ServerSecret::of(url, user).load()?.ok_or_else(|| Problem::from(Fault::NoSecret)),
    };
    Ok(match by {
        SignIn::None => Auth::None,
        SignIn::Bearer => Auth::Bearer(secret("")?),
        SignIn::Basic { user } => Auth::Basic(user.clone(), secret(user)?),
    })
}

/// Keeps what was typed into a form, or takes it out of the keyring.
pub(crate) fn keep(request: SecretRequest) -> Result<(), Problem> {
    let user = match &request.sign_in {
        SignInForm::None | SignInForm::Bearer => "",
        SignInForm::Basic { user } => user.trim(),
    };
    let name = ServerSecret::of(request.url.trim(), user);
    match request.secret.map(Zeroizing::new) {
        Some(secret) => Ok(name.keep(Zeroizing::new(secret.trim().to_owned()))?),
        None => Ok(name.forget()?),
    }
}
