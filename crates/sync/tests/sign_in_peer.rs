//! Sign-in with a real OpenID provider that nobody here wrote, and no browser but one of this test.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of several test programs")]

#[path = "sign_in/browser.rs"]
mod browser;
#[path = "sign_in/peer.rs"]
mod peer;

use browser::Browser;
use medsight_pacs::CancellationToken;
use medsight_record::Role;
use medsight_record::identity::Provider;
use medsight_sync::sign_in::{Ask, Pages, SignIn, SignInError, SignedIn};
use peer::Peer;

fn pages() -> Pages {
    Pages { title: "MedSight".into(), done: "You are signed in.".into(), refused: "Not signed in.".into() }
}

async fn sign_in(to: &SignIn, user: &str, ask: Ask) -> Result<SignedIn, SignInError> {
    let cancel = CancellationToken::new();
    let pending = to.begin(ask).await?;
    let url = pending.url().to_owned();
    let user = user.to_owned();
    let person =
        tokio::spawn(async move { Browser::new().sign_in(&url, &user, &format!("{user}-test-only")).await });
    let signed_in = to.finish(pending, &pages(), &cancel).await;
    let page = person.await.unwrap();
    assert_eq!(page.status, 200);
    // The browser ends on the page of the workstation, whatever comes of the answer afterwards.
    assert!(page.text.contains("You are signed in."), "{}", page.text);
    signed_in
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_people_of_a_real_provider_sign_in_with_their_roles_stay_signed_in_and_are_signed_out() {
    let Some(peer) = Peer::start() else { return };
    let cancel = CancellationToken::new();
    let mut provider = Provider::new(&peer.issuer, "workstation");
    let to = SignIn::discover(&provider, &cancel).await.unwrap();
    for (user, name, roles) in [
        ("rita", "Rita Radiologist", vec![Role::Radiologist]),
        ("nora", "Nora Nurse", vec![Role::WoundNurse]),
        ("ivan", "Ivan Admin", vec![Role::ItAdmin]),
        ("norole", "No Role", vec![]),
    ] {
        let signed_in = sign_in(&to, user, Ask::default()).await.unwrap();
        assert_eq!((signed_in.person.account.as_str(), signed_in.person.name.as_str()), (user, name));
        assert_eq!(signed_in.person.roles.into_iter().collect::<Vec<_>>(), roles);
    }

    // Who unlocks has to be who locked.
    let nora = Ask { subject: Some("nora".into()), login_hint: Some("nora".into()) };
    assert_eq!(sign_in(&to, "rita", nora).await.unwrap_err(), SignInError::AnotherPerson);

    // Refresh tokens rotate; a used one is refused, and ends the chain.
    let rita = sign_in(&to, "rita", Ask::default()).await.unwrap();
    let first = rita.tokens.refresh.unwrap();
    let again = to.refresh(&first, "rita", &cancel).await.unwrap();
    assert_eq!(again.person, rita.person);
    let second = again.tokens.refresh.unwrap();
    assert_ne!(*second, *first);
    let refused = SignInError::Refused("invalid_grant".into());
    assert_eq!(to.refresh(&first, "rita", &cancel).await.unwrap_err(), refused);
    assert_eq!(to.refresh(&second, "rita", &cancel).await.unwrap_err(), refused);

    // Signed out: the refresh token is worth nothing, and the browser gets an address without a token in it.
    let rita = sign_in(&to, "rita", Ask::default()).await.unwrap();
    let refresh = rita.tokens.refresh.unwrap();
    to.revoke(&refresh, &cancel).await.unwrap();
    assert_eq!(to.refresh(&refresh, "rita", &cancel).await.unwrap_err(), refused);
    let out = to.sign_out_url("rita").unwrap();
    assert!(out.starts_with(&peer.issuer) && out.contains("client_id=workstation"), "{out}");
    assert!(!out.contains(&*refresh) && !out.contains("token"), "{out}");

    // By a claim that only userinfo has, and with words of the site.
    provider.role_claim = "name".into();
    provider.role_words.insert("Nora".into(), Role::Technologist);
    let to = SignIn::discover(&provider, &cancel).await.unwrap();
    let nora = sign_in(&to, "nora", Ask::default()).await.unwrap();
    assert!(nora.person.roles.contains(&Role::Technologist));

    device_flow(&peer).await;
}

/// The code is typed on another device while the workstation waits; before, nobody is signed in.
async fn device_flow(peer: &Peer) {
    let cancel = CancellationToken::new();
    let to = SignIn::discover(&Provider::new(&peer.issuer, "workstation"), &cancel).await.unwrap();
    assert!(to.offers_device());
    let code = to.begin_device(&cancel).await.unwrap();
    assert!(code.address.starts_with(&peer.issuer));
    let (address, user_code) = (code.address.clone(), code.user_code.clone());
    let person = tokio::spawn(async move {
        let mut browser = Browser::new();
        let page = browser.load(reqwest::Url::parse(&address).unwrap(), None).await;
        let hidden = |text: &str| {
            let at = text.split("name=\"xsrf\"").nth(1).unwrap();
            at.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
        let form = format!("xsrf={}&user_code={user_code}", hidden(&page.text));
        let page = browser.load(page.url, Some(form)).await;
        let form = format!("xsrf={}&user_code={user_code}&confirm=yes", hidden(&page.text));
        let page = browser.load(page.url, Some(form)).await;
        browser.load(page.url, Some("login=nora&password=nora-test-only".into())).await.status
    });
    let signed_in = to.finish_device(code, &cancel).await.unwrap();
    assert_eq!(person.await.unwrap(), 200);
    assert_eq!(signed_in.person.account, "nora");
    assert!(signed_in.person.roles.contains(&Role::WoundNurse));

    let unused = to.begin_device(&cancel).await.unwrap();
    let stopped = CancellationToken::new();
    stopped.cancel();
    assert_eq!(to.finish_device(unused, &stopped).await.unwrap_err(), SignInError::Cancelled);
}
