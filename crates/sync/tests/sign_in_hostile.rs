//! Sign-in with a provider that lies, and with somebody on this computer who brings answers that nobody asked for.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of several test programs")]

#[path = "sign_in/hostile.rs"]
mod hostile;

use hostile::Hostile;
use medsight_pacs::CancellationToken;
use medsight_record::identity::Provider;
use medsight_sync::sign_in::{Ask, IdTokenFault, Pages, Pending, SignIn, SignInError, SignedIn};
use reqwest::Url;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

fn asked(pending: &Pending) -> BTreeMap<String, String> {
    Url::parse(pending.url()).unwrap().query_pairs().into_owned().collect()
}

/// What the workstation's socket answers to a browser; empty when nobody listens.
fn bring(redirect: &str, query: &str) -> String {
    let url = Url::parse(redirect).unwrap();
    let host = format!("127.0.0.1:{}", url.port().unwrap());
    let Ok(mut stream) = TcpStream::connect(&host) else { return String::new() };
    write!(stream, "GET {}?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n", url.path()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

async fn connect(to: &Hostile) -> Result<SignIn, SignInError> {
    SignIn::discover(&Provider::new(&to.issuer, "workstation"), &CancellationToken::new()).await
}

/// A whole sign-in in which the browser brings `query`, with the question's state and the provider's name in it.
async fn sign_in(to: &Hostile, query: &str, nonce: Option<&str>) -> Result<SignedIn, SignInError> {
    let client = connect(to).await.unwrap();
    let pending = client.begin(Ask::default()).await.unwrap();
    let asked = asked(&pending);
    let nonce = nonce.unwrap_or(&asked["nonce"]);
    to.lies.lock().unwrap().claims["nonce"] = json!(nonce);
    let query = query.replace("STATE", &asked["state"]).replace("ISSUER", &to.issuer);
    let redirect = asked["redirect_uri"].clone();
    let browser = tokio::task::spawn_blocking(move || bring(&redirect, &query));
    let pages = Pages { title: "T".into(), done: "D".into(), refused: "R".into() };
    let cancel = CancellationToken::new();
    let done = tokio::time::timeout(Duration::from_secs(20), client.finish(pending, &pages, &cancel));
    let done = done.await.unwrap();
    browser.await.unwrap();
    done
}

const GOOD: &str = "code=planted-code&state=STATE&iss=ISSUER";

fn claim(to: &Hostile, name: &str, value: Value) {
    to.lies.lock().unwrap().claims = json!({ name: value });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lying_provider_says_signs_nobody_in() {
    let to = Hostile::start();
    assert_eq!(sign_in(&to, GOOD, None).await.unwrap().person.account, "mallory");

    use IdTokenFault as F;
    assert_eq!(sign_in(&to, GOOD, Some("another")).await.unwrap_err(), F::Nonce.into());
    for (name, value, fault) in [
        ("iss", json!("https://another.example"), F::Issuer),
        ("aud", json!("another-program"), F::Audience),
        ("exp", json!(1_000_000), F::Expired),
        ("auth_time", json!(1_000_000), F::NotFresh),
        ("at_hash", json!("AAAA"), F::AccessToken),
    ] {
        claim(&to, name, value);
        assert_eq!(sign_in(&to, GOOD, None).await.unwrap_err(), fault.into(), "{name}");
    }
    claim(&to, "x", json!(0));
    let mixed = sign_in(&to, "code=planted-code&state=STATE&iss=https%3A%2F%2Fanother.example", None).await;
    assert_eq!(mixed.unwrap_err(), SignInError::MixedUp);
    assert_eq!(sign_in(&to, "code=planted-code&state=STATE", None).await.unwrap_err(), SignInError::MixedUp);
    let refused = sign_in(&to, "error=access_denied&state=STATE&iss=ISSUER", None).await;
    assert_eq!(refused.unwrap_err(), SignInError::Refused("access_denied".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_code_and_no_token_goes_where_the_provider_points_to() {
    let (to, thief) = (Hostile::start(), Hostile::start());
    for name in ["token_endpoint", "jwks_uri", "authorization_endpoint", "revocation_endpoint"] {
        to.lies.lock().unwrap().description = json!({ name: format!("{}/token", thief.issuer) });
        assert!(matches!(connect(&to).await.err(), Some(SignInError::Elsewhere { .. })), "{name}");
    }
    to.lies.lock().unwrap().description = json!({ "issuer": thief.issuer });
    assert!(matches!(connect(&to).await.err(), Some(SignInError::AnotherIssuer { .. })));

    to.lies.lock().unwrap().description = json!({});
    let away = format!("Location: {}/token\r\n", thief.issuer);
    to.lies.lock().unwrap().token = Some((307, away, "{}".to_owned()));
    let told = sign_in(&to, GOOD, None).await.unwrap_err();
    assert_eq!(told, SignInError::Answer("it points to another address"));
    assert_eq!(thief.forms.lock().unwrap().len(), 0);
    assert!(to.forms.lock().unwrap()[0].contains("code_verifier="));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_else_on_this_computer_can_neither_answer_nor_end_a_sign_in_and_the_socket_closes_after_it()
{
    let to = Hostile::start();
    let client = connect(&to).await.unwrap();
    let pending = client.begin(Ask::default()).await.unwrap();
    let asked = asked(&pending);
    to.lies.lock().unwrap().claims = json!({"nonce": asked["nonce"]});
    let (redirect, state, issuer) =
        (asked["redirect_uri"].clone(), asked["state"].clone(), to.issuer.clone());
    let others = tokio::task::spawn_blocking(move || {
        for query in ["code=mine&state=guess", "error=access_denied&state=guess", "code=mine", ""] {
            assert!(bring(&redirect, query).starts_with("HTTP/1.1 404"), "{query}");
        }
        let page = bring(&redirect, &format!("code=planted-code&state={state}&iss={issuer}"));
        assert!(
            page.starts_with("HTTP/1.1 200") && page.contains("Content-Security-Policy: default-src 'none'")
        );
        assert!(!page.contains("planted-code"));
        redirect
    });
    let pages = Pages { title: "T".into(), done: "D".into(), refused: "R".into() };
    let signed_in = client.finish(pending, &pages, &CancellationToken::new()).await.unwrap();
    let redirect = others.await.unwrap();
    assert_eq!(bring(&redirect, "code=x"), "");
    assert_eq!(to.forms.lock().unwrap().len(), 1);
    // What is printed for somebody who looks into a fault has no token in it.
    let printed = format!("{signed_in:?}");
    assert!(!printed.contains("planted"), "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_answers_with_somebody_else_is_refused_and_the_token_that_came_is_ended() {
    let to = Hostile::start();
    // Where it takes tokens back is asked in the same way as where it gives them.
    to.lies.lock().unwrap().description = json!({"revocation_endpoint": format!("{}/token", to.issuer)});
    let client = connect(&to).await.unwrap();
    let cancel = CancellationToken::new();
    assert_eq!(client.refresh("r", "rita", &cancel).await.unwrap_err(), SignInError::AnotherPerson);
    let forms = to.forms.lock().unwrap().clone();
    assert_eq!(forms.len(), 2, "{forms:?}");
    assert!(forms[1].contains("token=planted-refresh") && forms[1].contains("token_type_hint=refresh_token"));
    assert_eq!(client.refresh("r", "mallory", &cancel).await.unwrap().person.account, "mallory");
    let gone = SignIn::discover(&Provider::new("http://127.0.0.1:9", "w"), &cancel).await;
    assert!(gone.err().is_some_and(|why| why.is_offline()));
}
