//! The system's browser, as the desk opens it, and the OpenID provider that it shows: a script notes the address, and a
//! person with a name and a password follows it.

use super::peer::Peer;
use crate::http;
use crate::machine::Machine;
use crate::process::until;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// What is started as the browser of a machine.
pub(crate) struct Browser {
    opened: PathBuf,
    script: PathBuf,
    /// Addresses that were followed already.
    followed: std::cell::Cell<usize>,
}

/// A page that was reached.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) url: String,
    pub(crate) text: String,
}

impl Browser {
    /// Puts the script where the desk finds it.
    pub(crate) fn install(machine: &Machine) -> Result<Self> {
        let (script, opened) = (machine.home("browser.sh"), machine.home("opened"));
        std::fs::write(&script, format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >> '{}'\n", opened.display()))?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700))?;
        Ok(Self { opened, script, followed: std::cell::Cell::new(0) })
    }

    /// How the desk is told of it.
    pub(crate) fn variable(&self) -> (&'static str, OsString) {
        ("BROWSER", self.script.clone().into_os_string())
    }

    /// Every address that the desk has opened.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.opened).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Follows the address that the desk opens next, signs in there, and returns where that ends.
    pub(crate) fn sign_in(&self, user: &str) -> Result<Page> {
        let url = until("the browser to be opened", 20, || {
            self.addresses().get(self.followed.get()).cloned().context("no address was opened")
        })?;
        self.followed.set(self.followed.get() + 1);
        Person::default().sign_in(&url, user)
    }
}

/// Somebody at a browser with its own cookies.
#[derive(Default)]
pub(crate) struct Person {
    cookies: BTreeMap<String, String>,
}

impl Person {
    fn sign_in(&mut self, url: &str, user: &str) -> Result<Page> {
        let page = self.load(url, None)?;
        ensure!(page.text.contains("name=\"password\""), "no form: {} {}", page.status, page.text);
        self.load(&page.url, Some(&format!("login={user}&password={user}-test-only")))
    }

    /// Types a code at the provider's own page, and signs in.
    pub(crate) fn type_code(&mut self, address: &str, code: &str, user: &str) -> Result<()> {
        let mut page = self.load(address, None)?;
        for more in ["", "&confirm=yes"] {
            let hidden =
                page.text.split("name=\"xsrf\"").nth(1).and_then(|rest| rest.split("value=\"").nth(1));
            let hidden = hidden.and_then(|rest| rest.split('"').next()).context("no form for a code")?;
            page = self.load(&page.url, Some(&format!("xsrf={hidden}&user_code={code}{more}")))?;
        }
        let done = self.load(&page.url, Some(&format!("login={user}&password={user}-test-only")))?;
        ensure!(done.status == 200, "the provider answers {}", done.status);
        Ok(())
    }

    fn load(&mut self, url: &str, form: Option<&str>) -> Result<Page> {
        let (mut url, mut form) = (url.to_owned(), form.map(str::to_owned));
        for _ in 0..20 {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let answer = http::page(&url, form.take().as_deref(), &cookies.join("; "))?;
            for (name, value) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
                let pair = value.split(';').next().and_then(|pair| pair.split_once('='));
                let (key, value) = pair.with_context(|| format!("a bad {name}"))?;
                self.cookies.insert(key.to_owned(), value.to_owned());
            }
            let to = answer.headers.iter().find(|(name, _)| name == "location").map(|(_, to)| to);
            match to {
                Some(to) if (300..400).contains(&answer.status) && to.starts_with('/') => {
                    let origin: Vec<&str> = url.splitn(4, '/').take(3).collect();
                    url = format!("{}{to}", origin.join("/"));
                }
                Some(to) if (300..400).contains(&answer.status) => url.clone_from(to),
                _ => return Ok(Page { status: answer.status, url, text: answer.text }),
            }
        }
        bail!("redirects without end")
    }
}

/// The OpenID provider of the hospital, started by the peers' own script.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    _peer: Peer,
}

impl Provider {
    /// Starts it; `None` where its scripts are not here.
    pub(crate) fn start() -> Result<Option<Self>> {
        let port = http::free_port()?;
        let Some(peer) = Peer::find("oidc", &[], ("PEER_OIDC_PORT", port))? else { return Ok(None) };
        peer.begin()?;
        Ok(Some(Self { issuer: format!("http://127.0.0.1:{port}"), _peer: peer }))
    }
}
