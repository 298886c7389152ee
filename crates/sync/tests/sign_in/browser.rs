//! A browser for tests: follows redirects, keeps cookies, fills in the forms of the peer, and stops where a test says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Url};
use std::collections::BTreeMap;

/// A browser with an empty cookie jar.
pub struct Browser {
    http: Client,
    cookies: BTreeMap<String, String>,
}

/// A page, or where a redirect led that was not followed.
pub struct Page {
    pub status: u16,
    pub url: Url,
    pub text: String,
}

impl Browser {
    pub fn new() -> Self {
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let tls = medsight_pacs::client_tls(None).unwrap();
        Self { http: http.tls_backend_preconfigured(tls).build().unwrap(), cookies: BTreeMap::new() }
    }

    /// Opens an address and signs in as somebody wherever a password is asked for.
    pub async fn sign_in(&mut self, url: &str, user: &str, password: &str) -> Page {
        let mut page = self.load(Url::parse(url).unwrap(), None).await;
        for _ in 0..4 {
            if page.status != 200 || !page.text.contains("name=\"password\"") {
                break;
            }
            let form = format!("login={user}&password={password}");
            page = self.load(page.url.clone(), Some(form)).await;
        }
        page
    }

    /// Loads a page, or sends a form, and follows where it leads.
    pub async fn load(&mut self, url: Url, form: Option<String>) -> Page {
        let (mut url, mut form) = (url, form);
        for _ in 0..20 {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = match form.take() {
                Some(form) => {
                    let request = self.http.post(url.clone()).body(form);
                    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                }
                None => self.http.get(url.clone()),
            };
            let response = request.header(COOKIE, cookies.join("; ")).send().await.unwrap();
            for cookie in response.headers().get_all(SET_COOKIE) {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            let to = response.headers().get(LOCATION).map(|to| url.join(to.to_str().unwrap()).unwrap());
            let status = response.status().as_u16();
            match to {
                Some(to) if (300..400).contains(&status) => url = to,
                _ => return Page { status, url, text: response.text().await.unwrap() },
            }
        }
        panic!("redirects without end");
    }
}
