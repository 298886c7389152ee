//! People at one workstation: they sign in with a real OpenID provider, do what their roles permit, lock, unlock, hand over,
//! break the glass; and what a script that was smuggled into the page, or somebody who reads along, gets of it.

use super::import;
use super::searching::read_along;
use crate::Programs;
use crate::actors::{Browser, Desk, LightBox, Person, Provider};
use crate::machine::Machine;
use crate::phantom;
use crate::process::until;
use crate::report::Report;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::path::Path;

/// The name of the patient whose study is open while people come and go.
const PATIENT: &str = "Phantom";

/// Plays everything.
pub(crate) fn play(programs: &Programs, report: &mut Report) -> Result<()> {
    let logs = report.folder().to_path_buf();
    let machine = report.must("a desktop session with a keyring", || Machine::start(&logs))?;
    report.watch(&machine.display);
    let Some(provider) = report.must("an OpenID provider", Provider::start)? else {
        println!("SKIPPED: the peers' OpenID provider is not here, so NOTHING of signing in was tested");
        return Ok(());
    };
    let browser = Browser::install(&machine)?;
    let settings = machine.home("config").join("medsight");
    std::fs::create_dir_all(&settings)?;
    std::fs::write(settings.join("settings.toml"), "[identity]\nidle_lock_min = 1\n")?;
    let state_file = machine.home("light-box-state.jsonl");
    let more = [("MEDSIGHT_STATE_FILE", state_file.clone().into_os_string()), browser.variable()];
    let cache = machine.home("cache-of-people");
    let mut light_box = LightBox::new(&machine, state_file);
    let desk = report.must("the desk starts for the account of the computer", || {
        Desk::start(&machine, programs, &cache, &more)
    })?;
    set_provider(report, &desk, &provider.issuer)?;
    signed_out(report, &desk);
    sign_in(report, &machine, &desk, &browser, &light_box)?;
    lock(report, &machine, &desk, &browser, &light_box)?;
    others(report, &desk, &browser, &mut light_box)?;
    typed_last(report, &desk, &browser)?;
    device(report, &desk)?;
    smuggled(report, &desk);
    led_away(report, &desk);
    report
        .step("no token is in logs, in the list of processes, in files of the desk or in the cache", || {
            tokens(&machine, &desk, &browser, &logs, &cache)
        });
    Ok(())
}

/// Whoever keeps the workstation sets the sign-in server; one that does not answer would keep everybody out.
fn set_provider(report: &mut Report, desk: &Desk, issuer: &str) -> Result<()> {
    report.must("a sign-in server that does not answer is not saved", || {
        desk.click(&desk.find("settings", 10)?)?;
        desk.click(&desk.find("provider-change", 10)?)?;
        desk.type_into(&desk.find("provider-issuer", 10)?, "http://127.0.0.1:1")?;
        desk.type_into(&desk.find("provider-client", 5)?, "workstation")?;
        desk.click(&desk.find("provider-save", 5)?)?;
        until("the answer", 20, || {
            let dialog = desk.all_css("[data-testid=\"provider-dialog\"] [data-testid=\"echo-answer\"]")?;
            let said = desk.text(dialog.first().context("no answer is shown")?)?;
            ensure!(said.contains('▲'), "it says {said}");
            Ok(())
        })
    })?;
    report.must("one that answers is, and the desk asks who is there", || {
        desk.type_into(&desk.find("provider-issuer", 5)?, issuer)?;
        desk.click(&desk.find("provider-save", 5)?)?;
        standing(desk, "signed_out")
    })
}

fn standing(desk: &Desk, wanted: &str) -> Result<()> {
    until(&format!("the session to be {wanted}"), 20, || {
        let now = desk.attribute(&desk.find("session", 1)?, "data-state")?;
        ensure!(now == wanted, "it is {now}");
        Ok(())
    })
}

fn is_in(desk: &Desk, name: &str) -> Result<()> {
    until(&format!("the session of {name}"), 20, || {
        let shown = desk.text(&desk.find("user-menu", 1)?)?;
        ensure!(shown.contains(name), "it is that of {shown}");
        Ok(())
    })
}

/// The code of the problem with which the desk refuses a command, as a script in the page meets it.
fn refusal(desk: &Desk, command: &str, request: &str) -> Result<String> {
    let code = "const done = arguments[2]; window.__TAURI_INTERNALS__.invoke(arguments[0], JSON.parse(arguments[1]))\
        .then(() => done('done'), (e) => done(e && e.code ? e.code : 'refused: ' + e))";
    let answer = desk.inject(code, &[command, request])?;
    Ok(answer.as_str().unwrap_or_default().to_owned())
}

const LIST: &str = r#"{"request":{"filter":{"text":"","modalities":[],"states":[],"dates":{"from":null,"to":null}},"sort":"date","descending":true,"offset":0,"limit":10}}"#;
const DELETE: &str = r#"{"request":{"do":"delete_studies","with":{"studyUids":["2.25.1"]}}}"#;

fn signed_out(report: &mut Report, desk: &Desk) {
    report.step("while nobody is signed in no command is done and no list is on the page", || {
        ensure!(desk.all("worklist")?.is_empty(), "the worklist is there");
        for (command, request) in
            [("worklist", LIST), ("perform", DELETE), ("import_paths", r#"{"request":{"paths":["/etc"]}}"#)]
        {
            let code = refusal(desk, command, request)?;
            ensure!(code == "session.signed-out", "{command}: {code}");
        }
        Ok(())
    });
}

fn sign_in(
    report: &mut Report,
    machine: &Machine,
    desk: &Desk,
    browser: &Browser,
    light_box: &LightBox<'_>,
) -> Result<()> {
    report.must("a radiologist signs in in the browser and is named with her role", || {
        desk.click(&desk.find("sign-in", 10)?)?;
        let page = browser.sign_in("rita")?;
        ensure!(page.status == 200 && page.text.contains("close this page"), "the page says {}", page.text);
        desk.find("worklist", 20)?;
        is_in(desk, "Rita Radiologist")?;
        desk.click(&desk.find("user-menu", 5)?)?;
        let roles = desk.text(&desk.find("user-roles", 5)?)?;
        ensure!(roles == "radiologist", "the menu says {roles}");
        desk.key(machine, "Escape")
    })?;
    report.must("she brings a study here and opens it", || {
        phantom::write_ct(&machine.home("study"), 12, 128)?;
        import::begin(desk, &machine.home("study"))?;
        import::summary(desk, 60)?;
        desk.select(PATIENT)?;
        desk.click(&desk.find("open-study", 10)?)?;
        light_box.wait_for_image().map(drop)
    })
}

fn hidden(desk: &Desk, light_box: &LightBox<'_>) -> Result<()> {
    standing(desk, "locked")?;
    let shown = desk.texts()?.join(" ");
    ensure!(!shown.contains(PATIENT) && !shown.contains("DRAWN"), "the page shows {shown}");
    until("the light box to be hidden", 10, || {
        let titles = light_box.titles();
        ensure!(titles.iter().all(|title| title == "MedSight"), "its titles are {titles:?}");
        Ok(())
    })?;
    for (command, request) in [("worklist", LIST), ("perform", DELETE)] {
        let code = refusal(desk, command, request)?;
        ensure!(code == "session.locked", "{command}: {code}");
    }
    Ok(())
}

fn lock(
    report: &mut Report,
    machine: &Machine,
    desk: &Desk,
    browser: &Browser,
    light_box: &LightBox<'_>,
) -> Result<()> {
    let before = light_box.whole(None)?;
    report.must("Ctrl+Alt+L on the light box hides it and the desk", || {
        light_box.key("ctrl+alt+l")?;
        hidden(desk, light_box)?;
        let of = desk.text(&desk.find("locked-of", 5)?)?;
        ensure!(of.contains("Rita Radiologist"), "it says {of}");
        let face = light_box.whole(Some(&before))?;
        let lit = face.look().lit;
        ensure!(lit < 0.02, "{:.1} % of the locked window is lit", lit * 100.0);
        light_box.key("3")?;
        light_box.whole(Some(&before)).map(drop)
    })?;
    report.must("somebody else can't open her session, and she can", || {
        desk.click(&desk.find("sign-in", 10)?)?;
        browser.sign_in("nora")?;
        let said = desk.text(&desk.find("session-problem", 20)?)?;
        ensure!(said.contains("Somebody else signed in"), "it says {said}");
        standing(desk, "locked")?;
        desk.click(&desk.find("sign-in", 10)?)?;
        browser.sign_in("rita")?;
        is_in(desk, "Rita Radiologist")?;
        desk.find("worklist", 20)?;
        light_box.whole(None).map(drop)
    })?;
    report.must("she sets a code, and it opens the lock in one step, a wrong one does not", || {
        desk.click(&desk.find("settings", 10)?)?;
        desk.type_into(&desk.find("code-new", 10)?, "planted-code-1")?;
        desk.click(&desk.find("code-set", 5)?)?;
        until("the code to be set", 10, || {
            let said = desk.text(&desk.find("code-state", 1)?)?;
            if said.contains("A code is set") { Ok(()) } else { bail!("it says {said}") }
        })?;
        desk.key(machine, "ctrl+alt+l")?;
        hidden(desk, light_box)?;
        desk.type_into(&desk.find("unlock-code", 5)?, "planted-code-2")?;
        desk.click(&desk.find("unlock", 5)?)?;
        let said = desk.text(&desk.find("session-problem", 20)?)?;
        ensure!(said.contains("not the code"), "it says {said}");
        desk.type_into(&desk.find("unlock-code", 5)?, "planted-code-1")?;
        desk.click(&desk.find("unlock", 5)?)?;
        is_in(desk, "Rita Radiologist")
    })?;
    report.must("after a minute without input it locks by itself", || {
        until("the lock", 90, || {
            let there = desk.all("session")?;
            if there.is_empty() { bail!("it is open") } else { Ok(()) }
        })?;
        hidden(desk, light_box)
    })
}

fn others(report: &mut Report, desk: &Desk, browser: &Browser, light_box: &mut LightBox<'_>) -> Result<()> {
    report.must("a nurse takes over, the studies of the other are gone, and she may not delete", || {
        desk.click(&desk.find("sign-in-other", 10)?)?;
        browser.sign_in("nora")?;
        is_in(desk, "Nora Nurse")?;
        until("the light box to be cleared", 10, || {
            let titles = light_box.titles();
            if titles.is_empty() { Ok(()) } else { bail!("it shows {titles:?}") }
        })?;
        desk.click(&desk.find("worklist-page", 10)?)?;
        desk.select(PATIENT)?;
        let button = desk.find("delete-study", 10)?;
        ensure!(!desk.attribute(&button, "disabled")?.is_empty(), "the button can be pressed");
        let code = refusal(desk, "perform", DELETE)?;
        ensure!(code == "session.no-right", "the desk answers {code}");
        Ok(())
    })?;
    report.must(
        "IT sees no studies, breaks the glass with a reason, and then sees them for a time",
        || {
            switch(desk)?;
            browser.sign_in("ivan")?;
            is_in(desk, "Ivan Admin")?;
            desk.find("no-studies", 10)?;
            let code = refusal(desk, "worklist", LIST)?;
            ensure!(code == "session.no-right", "the list answers {code}");
            desk.click(&desk.find("break-glass-open", 10)?)?;
            desk.click(&desk.find("glass-go", 10)?)?;
            let said = desk.text(&desk.find("glass-wrong", 10)?)?;
            ensure!(said.contains("Write out the reason"), "it says {said}");
            desk.type_into(&desk.find("glass-reason", 5)?, "Cardiac arrest, nobody else is here")?;
            desk.click(&desk.find("glass-go", 5)?)?;
            desk.find("glass-chip", 10)?;
            desk.row_with(PATIENT, 20).map(drop)
        },
    )?;
    report.must("the radiologist comes back to what she had open", || {
        light_box.forget();
        switch(desk)?;
        browser.sign_in("rita")?;
        is_in(desk, "Rita Radiologist")?;
        light_box.wait_for_image().map(drop)
    })
}

/// By the menu, as a person does it.
fn switch(desk: &Desk) -> Result<()> {
    desk.click(&desk.find("user-menu", 10)?)?;
    desk.click(&desk.find("menu-switch", 5)?)
}

/// The words are kept 0.7 s after typing rests; who signs out before that has rested for less.
fn typed_last(report: &mut Report, desk: &Desk, browser: &Browser) -> Result<()> {
    const TYPED: &str = "Typed a moment before she leaves";
    report.must("what she types a moment before she signs out is there when she comes back", || {
        desk.select(PATIENT)?;
        desk.click(&desk.find("open-report", 10)?)?;
        desk.click(&desk.find("template-general", 10)?)?;
        desk.type_into(&desk.find("text-findings", 10)?, TYPED)?;
        desk.click(&desk.find("user-menu", 10)?)?;
        desk.click(&desk.find("menu-sign-out", 5)?)?;
        standing(desk, "signed_out")?;
        desk.click(&desk.find("sign-in", 10)?)?;
        browser.sign_in("rita")?;
        is_in(desk, "Rita Radiologist")?;
        desk.select(PATIENT)?;
        desk.click(&desk.find("open-report", 10)?)?;
        let text = desk.property(&desk.find("text-findings", 10)?, "value")?;
        ensure!(text == TYPED, "the text is {text}");
        desk.click(&desk.find("report-back", 5)?)?;
        desk.find("worklist", 10).map(drop)
    })
}

fn device(report: &mut Report, desk: &Desk) -> Result<()> {
    report.must("signed out, a nurse signs in with a code on another device", || {
        desk.click(&desk.find("user-menu", 10)?)?;
        desk.click(&desk.find("menu-sign-out", 5)?)?;
        standing(desk, "signed_out")?;
        desk.click(&desk.find("sign-in-device", 10)?)?;
        let code = desk.text(&desk.find("device-code", 20)?)?;
        let address = desk.text(&desk.find("device-address", 5)?)?;
        Person::default().type_code(&address, &code, "nora")?;
        is_in(desk, "Nora Nurse")
    })
}

/// What a script in the page would try.
fn smuggled(report: &mut Report, desk: &Desk) {
    report.step(
        "a script in the page gets no command that is not on the list, and none of the plug-ins",
        || {
            for (command, request) in [
                ("no_such_command", "{}"),
                ("plugin:dialog|open", r#"{"options":{}}"#),
                ("plugin:fs|read_text_file", r#"{"path":"/etc/passwd"}"#),
                ("plugin:shell|open", r#"{"path":"https://evil.example"}"#),
                ("plugin:window|create", r#"{"options":{"label":"second","url":"index.html"}}"#),
                ("plugin:webview|create_webview_window", r#"{"options":{"label":"second"}}"#),
                ("plugin:event|emit", r#"{"event":"desk","payload":{}}"#),
            ] {
                let said = refusal(desk, command, request)?;
                ensure!(said.starts_with("refused:"), "{command}: {said}");
            }
            Ok(())
        },
    );
    report.step("an injected script does not run, and nothing leaves the page", || {
        let tried = desk.inject(
            "const done = arguments[0]; const out = {}; const breaches = []; \
             document.addEventListener('securitypolicyviolation', (e) => breaches.push(e.effectiveDirective)); \
             const s = document.createElement('script'); s.textContent = 'window.smuggled = 1'; document.head.append(s); \
             const r = document.createElement('script'); r.src = 'http://127.0.0.1:1/x.js'; document.head.append(r); \
             const d = document.createElement('div'); d.innerHTML = '<img src=\"http://127.0.0.1:1/x.png\" onerror=\"window.smuggled = 2\">'; document.body.append(d); \
             const f = document.createElement('iframe'); f.src = 'http://127.0.0.1:1/'; document.body.append(f); \
             try { (0, eval)('window.smuggled = 3') } catch { out.eval = 'refused' } \
             fetch('http://127.0.0.1:1/').catch(() => (out.fetch = 'refused')); \
             setTimeout(() => { out.smuggled = window.smuggled ?? null; out.breaches = breaches; d.remove(); f.remove(); done(JSON.stringify(out)) }, 1500)",
            &[],
        )?;
        let tried: Value = serde_json::from_str(tried.as_str().context("no answer")?)?;
        ensure!(tried["smuggled"].is_null(), "it ran: {tried}");
        ensure!(tried["eval"] == "refused" && tried["fetch"] == "refused", "it got out: {tried}");
        let breaches = tried["breaches"].to_string();
        for directive in ["script-src", "connect-src", "img-src"] {
            ensure!(breaches.contains(directive), "{directive} did not refuse: {tried}");
        }
        Ok(())
    });
}

/// What a script in the page would try next: to lead it away, or to talk to others by what is not `fetch`.
fn led_away(report: &mut Report, desk: &Desk) {
    report.step("the page is not led away, and opens no window, socket or worker and sends no form", || {
        let tried = desk.inject(
            "const done = arguments[0]; const out = {}; const breaches = []; \
             document.addEventListener('securitypolicyviolation', (e) => breaches.push(e.effectiveDirective)); \
             try { out.window = window.open('http://127.0.0.1:1/') !== null } catch { out.window = false } \
             try { const w = new Worker(URL.createObjectURL(new Blob(['postMessage(1)'], { type: 'text/javascript' }))); \
                   w.onmessage = () => (out.worker = true) } catch { } \
             try { const s = new WebSocket('ws://127.0.0.1:1/'); s.onopen = () => (out.socket = true) } catch { } \
             try { navigator.sendBeacon('http://127.0.0.1:1/', 'x') } catch { } \
             const f = document.createElement('form'); f.action = 'http://127.0.0.1:1/'; f.method = 'post'; \
             document.body.append(f); f.submit(); \
             setTimeout(() => { location.href = 'http://127.0.0.1:1/elsewhere'; setTimeout(() => { f.remove(); \
                done(JSON.stringify({ ...out, at: location.href, breaches })) }, 1200) }, 800)",
            &[],
        )?;
        let tried: Value = serde_json::from_str(tried.as_str().context("no answer")?)?;
        let at = tried["at"].as_str().unwrap_or_default();
        ensure!(at.starts_with("tauri://localhost"), "the page was led away: {tried}");
        for name in ["window", "worker", "socket"] {
            ensure!(tried[name] != true, "it got a {name}: {tried}");
        }
        let breaches = tried["breaches"].to_string();
        for directive in ["connect-src", "form-action"] {
            ensure!(breaches.contains(directive), "{directive} did not refuse: {tried}");
        }
        Ok(())
    });
}

/// Looks for the refresh token that the keyring keeps, and for anything that looks like a token, wherever somebody else
/// could read.
fn tokens(machine: &Machine, desk: &Desk, browser: &Browser, logs: &Path, cache: &Path) -> Result<()> {
    let kept = machine.output("secret-tool", &["search", "--all", "--unlock", "service", "medsight"])?;
    // Names of entries are on its standard error. The key of the cache is 64 digits, a refresh token is not.
    let mut wanted: Vec<&str> = kept.lines().filter_map(|line| line.strip_prefix("secret = ")).collect();
    let is_key = |secret: &&str| secret.len() == 64 && secret.bytes().all(|digit| digit.is_ascii_hexdigit());
    ensure!(wanted.iter().any(|secret| !is_key(secret)), "the keyring keeps no refresh token");
    // Every JWT begins like this.
    wanted.extend(["eyJhbGciOi", "planted-code-"]);
    for address in browser.addresses() {
        let is_told = wanted.iter().any(|text| address.contains(text));
        ensure!(!is_told && !address.contains("token"), "the browser got {address}");
    }
    let mut folders = vec![logs.to_path_buf(), cache.to_path_buf()];
    folders.extend(["config", "cache", "run", "data"].map(|name| machine.home(name)));
    read_along(desk, &wanted, &folders)
}
