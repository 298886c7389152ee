//! The master key in a real keyring service, each scenario on a session bus of its own.
//!
//! A test starts itself again under `dbus-run-session`, with a home of its own, and there starts
//! `gnome-keyring-daemon`. The bus knows no other service: nothing is started behind the test's back, and
//! no dialog can open. Where the tools are missing the tests say so loudly and check nothing.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test: what fails here fails the test")]

use medsight_vault::{KeyError, KeySource, MasterKey, ServerSecret};
use secret_service::EncryptionType;
use secret_service::blocking::SecretService;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Set in the process that runs on the private bus.
const INSIDE: &str = "MEDSIGHT_TEST_ON_PRIVATE_BUS";
/// Of the throw-away keyring.
const PASSWORD: &str = "keyring-test-only";
/// A locked or absent keyring must be reported well before a person gives up.
const QUICK: Duration = Duration::from_secs(5);

const BUS_CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=RUN</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"#;

/// Runs `scenario` in this process when it is the inner one; otherwise starts that one and reports on it.
fn on_a_private_bus(test_name: &str, scenario: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        return scenario();
    }
    for tool in ["dbus-run-session", "dbus-daemon", "gnome-keyring-daemon"] {
        if Command::new(tool).arg("--version").output().is_err() {
            // Straight to the stream: the test harness swallows what `eprintln!` says in a test that passes.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED {test_name}: {tool} is not installed, so NOTHING about the keyring was tested"
            );
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["run", "data"] {
        fs::create_dir(at(name)).unwrap();
        fs::set_permissions(at(name), Permissions::from_mode(0o700)).unwrap();
    }
    fs::write(at("bus.conf"), BUS_CONFIG.replace("RUN", at("run").to_str().unwrap())).unwrap();
    let status = Command::new("dbus-run-session")
        .arg("--config-file")
        .arg(at("bus.conf"))
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test_name, "--nocapture"])
        .env(INSIDE, "1")
        .env("HOME", folder.path())
        .env("XDG_RUNTIME_DIR", at("run"))
        .env("XDG_DATA_HOME", at("data"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("GNOME_KEYRING_CONTROL")
        .status()
        .unwrap();
    assert!(status.success(), "the scenario failed; see its output above");
}

/// A keyring daemon that ends with the test.
struct Daemon(Child);

impl Daemon {
    /// With the login keyring open.
    fn unlocked() -> Self {
        Self::start(&["--unlock"], PASSWORD)
    }

    /// After a start without the password: the login keyring, if there is one, is closed.
    fn locked() -> Self {
        Self::start(&["--start"], "")
    }

    fn start(arguments: &[&str], password: &str) -> Self {
        let mut child = Command::new("gnome-keyring-daemon")
            .args(arguments.iter().filter(|argument| **argument != "--start"))
            .args(["--foreground", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The daemon reads the password to the end of its input.
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        wait_for_name(true);
        Self(child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        wait_for_name(false);
    }
}

/// Waits until the bus knows the service, or no longer does.
fn wait_for_name(wanted: bool) {
    let bus = zbus::blocking::Connection::session().unwrap();
    let proxy = zbus::blocking::fdo::DBusProxy::new(&bus).unwrap();
    let begin = Instant::now();
    while proxy.name_has_owner("org.freedesktop.secrets".try_into().unwrap()).unwrap() != wanted {
        assert!(begin.elapsed() < Duration::from_secs(20), "the keyring service does not come or go");
        sleep(Duration::from_millis(50));
    }
}

fn code(result: Result<MasterKey, KeyError>) -> &'static str {
    result.unwrap_err().code()
}

fn quick_code(call: impl FnOnce() -> Result<MasterKey, KeyError>) -> &'static str {
    let begin = Instant::now();
    let code = code(call());
    assert!(begin.elapsed() < QUICK, "{code} took {:?}", begin.elapsed());
    code
}

#[test]
fn the_first_run_makes_a_key_and_every_later_run_reads_the_same() {
    on_a_private_bus("the_first_run_makes_a_key_and_every_later_run_reads_the_same", || {
        let source = KeySource::default();
        let daemon = Daemon::unlocked();
        assert_eq!(quick_code(|| source.load()), "key.missing");
        let first = source.create_if_first_run(false).unwrap();
        assert_eq!(source.create_if_first_run(true).unwrap().fingerprint(), first.fingerprint());
        assert_eq!(source.create_if_first_run(false).unwrap().fingerprint(), first.fingerprint());
        // After the next sign-in.
        drop(daemon);
        let _daemon = Daemon::unlocked();
        assert_eq!(source.load().unwrap().fingerprint(), first.fingerprint());
        let other = "keyring:medsight/another-cache".parse::<KeySource>().unwrap();
        assert_ne!(other.create_if_first_run(false).unwrap().fingerprint(), first.fingerprint());
        assert_eq!(source.load().unwrap().fingerprint(), first.fingerprint());
        assert_key_not_in_files(&first);
    });
}

#[test]
fn a_token_of_a_server_is_kept_replaced_and_forgotten_in_the_keyring_and_nowhere_else() {
    on_a_private_bus(
        "a_token_of_a_server_is_kept_replaced_and_forgotten_in_the_keyring_and_nowhere_else",
        || {
            let secret = ServerSecret::of("https://pacs.test/dicom-web", "");
            assert_eq!(secret.load().unwrap_err().code(), "key.no-keyring-service");
            let daemon = Daemon::unlocked();
            assert!(secret.load().unwrap().is_none());
            for token in ["first-token", "second-token"] {
                secret.keep(token.to_owned().into()).unwrap();
                assert_eq!(secret.load().unwrap().unwrap().as_str(), token);
            }
            assert!(ServerSecret::of("https://pacs.test/dicom-web", "rita").load().unwrap().is_none());
            let key = KeySource::default().create_if_first_run(false).unwrap();
            // After the next sign-in.
            drop(daemon);
            let _daemon = Daemon::unlocked();
            assert_eq!(secret.load().unwrap().unwrap().as_str(), "second-token");
            secret.forget().unwrap();
            assert!(secret.load().unwrap().is_none());
            assert_eq!(KeySource::default().load().unwrap().fingerprint(), key.fingerprint());
            lock_default_keyring();
            assert_eq!(secret.load().unwrap_err().code(), "key.keyring-locked");
        },
    );
}

fn assert_key_not_in_files(key: &MasterKey) {
    let text = key.to_hex();
    let folder = Path::new(&std::env::var_os("XDG_DATA_HOME").unwrap()).join("keyrings");
    let mut files = 0;
    for file in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()));
        files += 1;
    }
    assert!(files > 0);
}

#[test]
fn a_locked_keyring_is_reported_at_once_and_never_as_a_lost_key() {
    on_a_private_bus("a_locked_keyring_is_reported_at_once_and_never_as_a_lost_key", || {
        let source = KeySource::default();
        let daemon = Daemon::unlocked();
        // With no entry in it, a locked keyring could be taken for a first run.
        lock_default_keyring();
        assert_eq!(quick_code(|| source.create_if_first_run(false)), "key.keyring-locked");
        drop(daemon);
        let daemon = Daemon::unlocked();
        let key = source.create_if_first_run(false).unwrap();
        lock_default_keyring();
        for cache_exists in [false, true] {
            assert_eq!(quick_code(|| source.create_if_first_run(cache_exists)), "key.keyring-locked");
        }
        drop(daemon);
        let daemon = Daemon::locked();
        assert_eq!(quick_code(|| source.load()), "key.keyring-locked");
        // Asking for a dialog where none can open is no success, and ends.
        assert_eq!(source.unlock(QUICK).unwrap_err().code(), "key.keyring-locked");
        drop(daemon);
        let _daemon = Daemon::unlocked();
        source.unlock(QUICK).unwrap();
        assert_eq!(source.load().unwrap().fingerprint(), key.fingerprint());
    });
}

fn lock_default_keyring() {
    let keyring = SecretService::connect(EncryptionType::Plain).unwrap();
    keyring.get_default_collection().unwrap().lock().unwrap();
}

#[test]
fn a_session_without_a_keyring_service_says_so() {
    on_a_private_bus("a_session_without_a_keyring_service_says_so", || {
        let source = KeySource::default();
        for cache_exists in [false, true] {
            assert_eq!(quick_code(|| source.create_if_first_run(cache_exists)), "key.no-keyring-service");
        }
    });
}

#[test]
fn a_machine_without_a_session_bus_says_the_same() {
    if std::env::var_os(INSIDE).is_some() {
        assert_eq!(quick_code(|| KeySource::default().load()), "key.no-keyring-service");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_machine_without_a_session_bus_says_the_same"])
        .env(INSIDE, "1")
        .env("HOME", folder.path())
        .env("XDG_RUNTIME_DIR", folder.path())
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .env_remove("DISPLAY")
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn a_service_without_any_keyring_says_what_to_make() {
    on_a_private_bus("a_service_without_any_keyring_says_what_to_make", || {
        let _daemon = Daemon::locked();
        assert_eq!(quick_code(|| KeySource::default().create_if_first_run(false)), "key.no-default-keyring");
    });
}

#[test]
fn a_deleted_key_is_missing_and_no_new_one_is_made_over_a_cache() {
    on_a_private_bus("a_deleted_key_is_missing_and_no_new_one_is_made_over_a_cache", || {
        let source = KeySource::default();
        let _daemon = Daemon::unlocked();
        source.create_if_first_run(false).unwrap();
        let keyring = SecretService::connect(EncryptionType::Dh).unwrap();
        let attributes = [("service", "medsight"), ("username", "cache-key-1")].into();
        let found = keyring.search_items(attributes).unwrap();
        assert_eq!(found.unlocked.len(), 1);
        found.unlocked[0].set_secret(b"not a key", "text/plain").unwrap();
        assert_eq!(code(source.create_if_first_run(false)), "key.not-a-key");
        found.unlocked[0].delete().unwrap();
        assert_eq!(code(source.create_if_first_run(true)), "key.missing");
        assert_eq!(code(source.load()), "key.missing");
    });
}
