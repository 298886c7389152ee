//! Who we are to a FHIR server, and who it is to us: TLS by an authority and by pins, tokens of an OpenID provider that are
//! asked for anew in time, and where neither token nor secret goes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod peers;

use medsight_record::destination::Destination;
use medsight_sync::{Auth, Engine, Secrets};
use peers::bed::*;
use peers::proxy::{Fault, Proxy};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const CLIENT: &str = "resource-server";
const SECRET: &str = "resource-server-test-only";

/// The peers' scripts know one of each in a folder: one test at a time has them.
static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn code_of(engine: &Engine) -> Option<&'static str> {
    sweep(engine).remove(0).trouble.map(|trouble| trouble.code())
}

fn output(program: &str, arguments: &[&str]) -> Vec<u8> {
    Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap().stdout
}

/// base64 of the SHA-256 of a certificate's public key, by OpenSSL.
fn pin_of(certificate: &Path) -> String {
    let line = format!(
        "openssl x509 -in '{}' -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64",
        certificate.display()
    );
    String::from_utf8(output("sh", &["-c", &line])).unwrap().trim().to_owned()
}

#[test]
fn over_tls_a_server_is_believed_by_its_authority_and_its_pin_and_by_nothing_less() {
    let _alone = alone();
    let Some(plain) = peers::medplum() else { return };
    let Some(front) = peers::tls_before(plain.port) else { return };
    let pki = front.folder.join("pki");
    let url = format!("https://localhost:{}/fhir", front.port);
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), 1, 9800);
    let id = Uuid::new_v4();
    draw(&cache, &length(&study(9800, 0), id, 7.0));
    let with = |pins: &str, authority: Option<&str>| {
        let tls = authority.map(|file| format!("[to.tls]\nauthorities = \"{}\"\n", pki.join(file).display()));
        let more = format!("pins = [{pins}]\n{}", tls.unwrap_or_default());
        engine(&cache, vec![fhir("server", &url, FINDINGS, &more)], bearer(TOKEN))
    };
    assert_eq!(code_of(&with("", None)), Some("sync.tls"), "the system does not know the authority");
    assert_eq!(code_of(&with("", Some("stranger-ca.crt"))), Some("sync.tls"), "another authority");
    let other = format!("\"{}\"", pin_of(&pki.join("workstation.crt")));
    assert_eq!(code_of(&with(&other, Some("ca.crt"))), Some("sync.tls"), "another key than the pinned one");
    let base = format!("http://127.0.0.1:{}/fhir", plain.port);
    assert!(named(&base, "Observation", id).is_empty(), "nothing was sent to who was not believed");
    let right = format!("\"{}\"", pin_of(&pki.join("server.crt")));
    let good = with(&right, Some("ca.crt"));
    assert_eq!(code_of(&good), None);
    assert_eq!(named(&base, "Observation", id).len(), 1);
}

/// A destination that is shown tokens which `issuer` gives.
fn by_tokens(url: &str, issuer: &str) -> Destination {
    let more = format!(
        "[to.sign_in]\nby = \"client\"\nissuer = \"{issuer}\"\nclient_id = \"{CLIENT}\"\n\
         scopes = \"system/*.cruds\"\nresource = \"urn:peer:fhir\"\n"
    );
    fhir("server", url, FINDINGS, &more)
}

fn client(secret: &str) -> Secrets {
    let secret = secret.to_owned();
    Arc::new(move |_| Ok(Auth::Basic(CLIENT.to_owned(), zeroize::Zeroizing::new(secret.clone()))))
}

/// How many of our name a server has, asked by curl with a token that curl got.
fn there(base: &str, issuer: &str, id: Uuid) -> usize {
    let form = ["grant_type=client_credentials", "scope=system/*.rs", "resource=urn:peer:fhir"];
    let mut asking = vec!["-s", "-u", "resource-server:resource-server-test-only"];
    form.iter().for_each(|part| asking.extend(["-d", part]));
    let token_url = format!("{issuer}/token");
    asking.push(&token_url);
    let answer: Value = serde_json::from_slice(&output("curl", &asking)).unwrap();
    let bearer = format!("Authorization: Bearer {}", answer["access_token"].as_str().unwrap());
    let url = format!("{base}/Observation?identifier=urn:ietf:rfc:3986%7Curn:uuid:{}", id.as_hyphenated());
    let found: Value = serde_json::from_slice(&output("curl", &["-s", "-H", &bearer, &url])).unwrap();
    assert_eq!(found["resourceType"], "Bundle", "{found}");
    found["entry"].as_array().map_or(0, Vec::len)
}

/// Runs an engine while `work` is done.
fn while_running(engine: Engine, work: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let running = runtime.spawn(async move { engine.run(token).await });
    work();
    cancel.cancel();
    runtime.block_on(running).unwrap();
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The tokens that requests showed, in their order, each once.
fn tokens(proxy: &Proxy) -> Vec<String> {
    let shown = |head: String| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization:"));
        line.map(|line| line.rsplit(' ').next().unwrap().to_owned())
    };
    let mut all: Vec<String> = proxy.requests().into_iter().filter_map(shown).collect();
    all.dedup();
    all
}

#[test]
fn tokens_of_a_provider_are_checked_by_the_server_asked_for_anew_in_time_and_once_when_refused() {
    let _alone = alone();
    // A quarter of a minute longer than what is kept in hand.
    let Some((oidc, helios)) = peers::helios_with_tokens(45) else { return };
    let (issuer, base) =
        (format!("http://127.0.0.1:{}", oidc.port), format!("http://127.0.0.1:{}", helios.port));
    let refuse = Arc::new(AtomicBool::new(false));
    let refuses = Arc::clone(&refuse);
    let proxy = Proxy::before(helios.port, move |head| {
        let hit = head.starts_with("POST") && refuses.swap(false, Ordering::SeqCst);
        if hit { Fault::Status(401, 0) } else { Fault::None }
    });
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), 1, 9900);
    let ids: Vec<Uuid> = (0..4).map(|_| Uuid::new_v4()).collect();
    draw(&cache, &length(&study(9900, 0), ids[0], 1.0));

    let wrong = engine(&cache, vec![by_tokens(&url, &issuer)], client("not the secret"));
    let told = sweep(&wrong).remove(0).trouble.unwrap();
    assert_eq!(told.code(), "sync.sign-in-server");
    assert!(!told.to_string().contains("not the secret"), "{told}");
    assert!(proxy.requests().is_empty(), "the server was asked nothing without a token");
    let no_token = engine(&cache, vec![fhir("server", &url, FINDINGS, "")], nothing());
    assert_eq!(code_of(&no_token), Some("sync.sign-in"), "the server lets nobody in without a token");

    let right = engine(&cache, vec![by_tokens(&url, &issuer)], client(SECRET));
    let waiting = || cache.usage().unwrap().waiting;
    let sends = |id: Uuid| {
        draw(&cache, &length(&study(9900, 0), id, 2.0));
        until("it to be sent", || waiting() == 0);
    };
    while_running(right, || {
        until("the first to be sent", || waiting() == 0);
        sends(ids[1]);
        assert_eq!(tokens(&proxy).len(), 1, "one token does for both");
        std::thread::sleep(Duration::from_secs(16));
        sends(ids[2]);
        assert_eq!(tokens(&proxy).len(), 2, "a token that is about to end is not used");
        refuse.store(true, Ordering::SeqCst);
        sends(ids[3]);
        assert_eq!(tokens(&proxy).len(), 3, "one that is refused is asked for anew, once");
    });
    for id in ids {
        assert_eq!(there(&base, &issuer, id), 1);
    }
    assert!(!proxy.requests().iter().any(|head| head.contains(SECRET) || head.contains("Basic ")));
}

#[test]
fn a_server_that_never_lets_us_in_is_asked_twice_and_not_without_end() {
    let _alone = alone();
    let Some((oidc, helios)) = peers::helios_with_tokens(300) else { return };
    let issuer = format!("http://127.0.0.1:{}", oidc.port);
    let proxy = Proxy::before(helios.port, |_| Fault::Status(401, 0));
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), 1, 9950);
    draw(&cache, &length(&study(9950, 0), Uuid::new_v4(), 1.0));
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let engine = engine(&cache, vec![by_tokens(&url, &issuer)], client(SECRET));
    assert_eq!(code_of(&engine), Some("sync.sign-in"));
    assert_eq!(tokens(&proxy).len(), 2);
    let kept: Vec<_> = engine.status().unwrap().remove(0).failing.into_iter().collect();
    let told = format!("{kept:?} {engine:?}");
    assert!(!told.contains(SECRET) && !told.contains("eyJ"), "{told}");
}
