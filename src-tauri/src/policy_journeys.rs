//! What becomes of a workstation's settings when the policy of its site is fetched, changed on the way, older, or away.

use crate::desk::held;
use crate::dto::SitePolicyView;
use crate::settings::SettingsFile;
use crate::site_policy::ask;
use crate::support::open_desk;
use medsight_pacs::CancellationToken;
use medsight_record::settings::{SettingChange, Theme};
use medsight_sync::site_policy::KEPT;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn openssl(folder: &Path, line: &str) -> Vec<u8> {
    let done = Command::new("openssl")
        .args(line.split(' '))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

fn signed(folder: &Path, policy: &str) -> String {
    std::fs::write(folder.join("to-sign"), policy).unwrap();
    let signature = openssl(folder, "pkeyutl -sign -rawin -inkey site.pem -in to-sign");
    format!("# medsight-signature: {}\n{policy}", hex(&signature))
}

/// A server that has one text, until it goes away.
fn serve() -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let text: Arc<Mutex<String>> = Arc::default();
    let told = Arc::clone(&text);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|bytes| bytes > 2) {}
            let body = held(&told).clone();
            let status = if body.is_empty() { "503 Away" } else { "200 OK" };
            let _unheard = write!(
                stream,
                "HTTP/1.1 {status}\r\nETag: \"e{}\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len(),
                body.len()
            );
        }
    });
    (port, text)
}

#[test]
fn a_signed_policy_holds_from_its_arrival_on_also_while_its_server_is_away_and_no_older_one_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    openssl(place, "genpkey -algorithm ed25519 -out site.pem");
    let public = openssl(place, "pkey -in site.pem -pubout -outform der");
    let (port, text) = serve();
    let machine = place.join("policy.toml");
    std::fs::write(
        &machine,
        format!(
            "density = \"compact\"\n[site_policy]\nurl = \"http://127.0.0.1:{port}/p\"\nkey = \"{}\"\nevery_min = 0\n",
            hex(&public[public.len() - 32..])
        ),
    )
    .unwrap();
    let person = place.join("settings.toml");
    std::fs::write(&person, "theme = \"light\"\ndensity = \"touch\"\n").unwrap();
    let desk = open_desk(place, |_| None);
    let read = || SettingsFile::read_below(Some(machine.clone()), Some(person.clone())).0;
    *desk.settings() = read();
    let policy = desk.settings().settings.site_policy.clone().unwrap();
    let asked = || {
        let stop = CancellationToken::new();
        tauri::async_runtime::block_on(ask(&desk, &policy, &stop));
        desk.settings_view().site_policy.unwrap()
    };
    let problem = |view: &SitePolicyView| view.problem.as_ref().map(|problem| problem.code.clone());
    // Nothing yet: the person's own settings hold, and the page says why.
    let view = asked();
    assert_eq!((view.serial, problem(&view).as_deref()), (None, Some("sync.server")));
    assert_eq!(desk.settings().settings.theme, Theme::Light);
    *held(&text) = signed(place, "serial = 7\ntheme = \"dark\"\ndensity = \"touch\"\naudit_years = 10\n");
    let view = asked();
    assert_eq!((view.serial, problem(&view)), (Some(7), None));
    {
        let mut file = desk.settings();
        assert_eq!((file.settings.theme, file.settings.audit_years.years()), (Theme::Dark, 10));
        assert_eq!(file.settings.density, medsight_record::settings::Density::Compact, "the machine's own");
        assert!(file.settings.change(SettingChange::Theme(Theme::Light)).is_err());
    }
    // Somebody else's text, an older one, and no server: the good one goes on to hold, also after a restart.
    let changed = held(&text).replace("audit_years = 10", "audit_years = 7");
    *held(&text) = changed;
    assert_eq!(problem(&asked()).as_deref(), Some("sync.policy-signature"));
    *held(&text) = signed(place, "serial = 6\n");
    assert_eq!(problem(&asked()).as_deref(), Some("sync.policy-older"));
    held(&text).clear();
    assert_eq!(problem(&asked()).as_deref(), Some("sync.server"));
    assert_eq!(desk.settings().settings.theme, Theme::Dark);
    assert_eq!(read().settings.theme, Theme::Dark);
    // What is kept is believed by its signature alone.
    let kept = place.join(KEPT);
    let changed = std::fs::read_to_string(&kept).unwrap().replace("theme = \"dark\"", "theme = \"light\"");
    std::fs::write(&kept, changed).unwrap();
    let file = read();
    assert_eq!(file.settings.theme, Theme::Light, "the person's");
    assert_eq!(file.fetched.problem.unwrap().code, "sync.policy-signature");
}
