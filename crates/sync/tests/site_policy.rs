//! The site's policy from a server: signed by OpenSSL as a site does it, changed on the way, older, gone.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use medsight_record::SitePolicy;
use medsight_sync::Trouble;
use medsight_sync::site_policy::{PolicyTrouble, Sent, believed, fetch};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// A key of a site, and what it signs, made by OpenSSL alone.
struct Site {
    folder: tempfile::TempDir,
}

fn openssl(args: &[&str], folder: &Path) -> Vec<u8> {
    let done = Command::new("openssl").args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        openssl(&["genpkey", "-algorithm", "ed25519", "-out", "key.pem"], folder.path());
        Self { folder }
    }

    /// The last 32 bytes of SubjectPublicKeyInfo (RFC 8410).
    fn key(&self) -> String {
        let public = openssl(&["pkey", "-in", "key.pem", "-pubout", "-outform", "der"], self.folder.path());
        hex(&public[public.len() - 32..])
    }

    fn signed(&self, policy: &str) -> String {
        std::fs::write(self.folder.path().join("policy.toml"), policy).unwrap();
        let args = ["pkeyutl", "-sign", "-rawin", "-inkey", "key.pem", "-in", "policy.toml"];
        format!("# medsight-signature: {}\n{policy}", hex(&openssl(&args, self.folder.path())))
    }
}

/// A web server that has one file, by its ETag.
fn serve(file: &Arc<Mutex<(u16, String, String)>>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let file = Arc::clone(file);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while reader.read_line(&mut head).is_ok_and(|bytes| bytes > 2) {}
            let (status, etag, body) = file.lock().unwrap().clone();
            let is_known = head.to_lowercase().contains(&format!("if-none-match: \"{etag}\""));
            let (status, body) = if is_known { (304, String::new()) } else { (status, body) };
            let _unheard = write!(
                stream,
                "HTTP/1.1 {status} Said\r\nETag: \"{etag}\"\r\nLocation: http://127.0.0.1:{port}/other\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    format!("http://127.0.0.1:{port}/policy.toml")
}

fn asked(policy: &SitePolicy, etag: Option<&str>) -> Result<Option<Sent>, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(fetch(policy, etag, &CancellationToken::new()))
}

fn policy(site: &Site, url: &str) -> SitePolicy {
    SitePolicy { url: url.into(), key: site.key(), every_min: 0, authorities: None }
}

#[test]
fn a_policy_that_openssl_signed_is_fetched_once_and_believed() {
    let site = Site::new();
    let text = site.signed("serial = 12\naudit_years = 10\n");
    let file = Arc::new(Mutex::new((200, "v1".to_owned(), text.clone())));
    let policy = policy(&site, &serve(&file));
    let sent = asked(&policy, None).unwrap().unwrap();
    assert_eq!((sent.text.as_str(), sent.etag.as_deref()), (text.as_str(), Some("\"v1\"")));
    assert_eq!(believed(&sent.text, &policy, "").unwrap().serial, 12);
    assert_eq!(asked(&policy, Some("\"v1\"")).unwrap(), None, "it is the one that is here");
    *file.lock().unwrap() = (200, "v2".to_owned(), site.signed("serial = 13\n"));
    assert!(asked(&policy, Some("\"v1\"")).unwrap().unwrap().text.contains("serial = 13"));
}

#[test]
fn a_policy_that_was_changed_is_by_another_key_or_unsigned_is_not_believed() {
    let (site, other) = (Site::new(), Site::new());
    let policy = policy(&site, "https://it.hospital/policy.toml");
    let good = site.signed("serial = 12\naudit_years = 10\n");
    let code = |text: &str| believed(text, &policy, "").unwrap_err().code();
    assert_eq!(code(&good.replace("audit_years = 10", "audit_years = 7")), "sync.policy-signature");
    assert_eq!(code(&format!("{good}theme = \"light\"\n")), "sync.policy-signature");
    assert_eq!(code(&other.signed("serial = 12\n")), "sync.policy-signature");
    assert_eq!(code("serial = 12\n"), "sync.policy-unsigned");
    assert_eq!(code(&site.signed("audit_years = 10\n")), "sync.policy-unusable");
    assert_eq!(code(&site.signed("serial = 1\n[identity]\nidle_lock_min = 0\n")), "sync.policy-unusable");
}

#[test]
fn a_server_that_sends_on_fails_or_is_not_there_is_named() {
    let site = Site::new();
    for (status, expected) in [(302, "sync.redirected"), (404, "sync.server"), (401, "sync.sign-in")] {
        let file = Arc::new(Mutex::new((status, "v1".to_owned(), String::new())));
        assert_eq!(asked(&policy(&site, &serve(&file)), None).unwrap_err().code(), expected);
    }
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let gone = asked(&policy(&site, &format!("http://127.0.0.1:{nobody}/p")), None).unwrap_err();
    assert_eq!(PolicyTrouble::from(gone).code(), "sync.unreachable");
    let open = asked(&policy(&site, "http://it.hospital/p"), None).unwrap_err();
    assert_eq!(open.code(), "sync.settings");
    let long = Arc::new(Mutex::new((200, "v1".to_owned(), "x".repeat(2 << 20))));
    assert_eq!(asked(&policy(&site, &serve(&long)), None).unwrap_err().code(), "sync.answer");
}
