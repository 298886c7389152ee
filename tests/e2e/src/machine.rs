//! A machine of its own for a run: X server, window manager, message bus, keyring service, home folder.

use crate::process::{Owned, until};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Width and height of the screen in pixels.
pub(crate) const SCREEN: (usize, usize) = (1600, 1000);

/// A session bus as the standard one, but without the services that it would start when they are asked for
/// (dbus-daemon(1)).
const BARE_BUS: &str = r#"<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=HOME</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Everything that a desktop session gives a program. Ends with all it started, and its folder is removed.
pub(crate) struct Machine {
    // Ended in this order: those that need the others first.
    keyring: Option<Owned>,
    _manager: Owned,
    _bus: Owned,
    _screen: Owned,
    pub(crate) display: String,
    environment: Vec<(&'static str, OsString)>,
    home: PathBuf,
    logs: PathBuf,
}

impl Machine {
    /// Starts it all, with an unlocked keyring. Logs of the programs go to `logs`.
    pub(crate) fn start(logs: &Path) -> Result<Self> {
        let mut machine = Self::session(logs, true)?;
        machine.unlock_keyring()?;
        Ok(machine)
    }

    /// Starts all but a keyring service, on a bus that starts none by itself, as where none is installed.
    pub(crate) fn without_keyring(logs: &Path) -> Result<Self> {
        Self::session(logs, false)
    }

    fn session(logs: &Path, starts_services: bool) -> Result<Self> {
        let home = private_folder()?;
        let mut environment: Vec<(&'static str, OsString)> = vec![
            ("GDK_BACKEND", "x11".into()),
            ("NO_AT_BRIDGE", "1".into()),
            ("WGPU_BACKEND", "vulkan".into()),
            ("LIBGL_ALWAYS_SOFTWARE", "1".into()),
            ("WEBKIT_DISABLE_DMABUF_RENDERER", "1".into()),
            ("GTK_THEME", "Adwaita".into()),
            ("LANG", "C.UTF-8".into()),
            ("HOME", home.clone().into()),
        ];
        for (name, folder) in [
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            let folder = home.join(folder);
            std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
            environment.push((name, folder.into()));
        }

        let size = format!("{}x{}x24", SCREEN.0, SCREEN.1);
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-screen", "0", &size, "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped());
        let mut screen = Owned::start(&mut xvfb, logs, "xvfb")?;
        let display = format!(":{}", first_line(&mut screen)?);
        environment.push(("DISPLAY", display.clone().into()));

        let mut daemon = Command::new("dbus-daemon");
        daemon.args(["--nofork", "--nopidfile", "--print-address=1"]).stdout(Stdio::piped());
        if starts_services {
            daemon.arg("--session");
        } else {
            let config = home.join("bus.conf");
            std::fs::write(&config, BARE_BUS.replace("HOME", &home.display().to_string()))?;
            daemon.arg("--config-file").arg(config);
        }
        daemon.envs(environment.iter().cloned()).env_remove("DBUS_SESSION_BUS_ADDRESS");
        let mut bus = Owned::start(&mut daemon, logs, "dbus")?;
        environment.push(("DBUS_SESSION_BUS_ADDRESS", first_line(&mut bus)?.into()));

        let mut openbox = Command::new("openbox");
        openbox.arg("--sm-disable").envs(environment.iter().cloned()).stdout(Stdio::null());
        let manager = Owned::start(&mut openbox, logs, "openbox")?;

        Ok(Self {
            keyring: None,
            _manager: manager,
            _bus: bus,
            _screen: screen,
            display,
            environment,
            home,
            logs: logs.to_path_buf(),
        })
    }

    /// Forgets every key that the keyring had, as a new account on the same computer does.
    pub(crate) fn forget_keys(&mut self) -> Result<()> {
        self.keyring = None;
        std::fs::remove_dir_all(self.home.join("data/keyrings")).context("the keyring has no files")?;
        self.unlock_keyring()
    }

    /// Locks the keyring, as a screen lock may do.
    pub(crate) fn lock_keyring(&self) -> Result<()> {
        let service = "--dest=org.freedesktop.secrets";
        let lock = "org.freedesktop.Secret.Service.Lock";
        let login = "array:objpath:/org/freedesktop/secrets/collection/login";
        let words = ["--session", "--print-reply", service, "/org/freedesktop/secrets", lock, login];
        self.output("dbus-send", &words).map(drop)
    }

    /// A program of this machine: with its environment, and without the person's.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_remove("WAYLAND_DISPLAY").envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command
    }

    /// A file or folder in the machine's home.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// Where logs go.
    pub(crate) fn logs(&self) -> &Path {
        &self.logs
    }

    /// Runs a program to its end and returns what it printed.
    pub(crate) fn output(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let out = self
            .command(program)
            .args(arguments)
            .output()
            .with_context(|| format!("{program} is not installed"))?;
        if !out.status.success() {
            bail!(
                "{program} {}: {} {}",
                arguments.join(" "),
                out.status,
                String::from_utf8_lossy(&out.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    /// Starts a real keyring service and unlocks its login collection, as signing in does.
    pub(crate) fn unlock_keyring(&mut self) -> Result<()> {
        let mut daemon = self.command("gnome-keyring-daemon");
        daemon.args(["--foreground", "--unlock", "--components=secrets"]);
        daemon.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut keyring = Owned::start(&mut daemon, &self.logs, "keyring")?;
        keyring.stdin()?.write_all(b"only for this run")?;
        until("the keyring service", 15, || {
            let owned = self.output(
                "dbus-send",
                &[
                    "--session",
                    "--print-reply=literal",
                    "--dest=org.freedesktop.DBus",
                    "/org/freedesktop/DBus",
                    "org.freedesktop.DBus.NameHasOwner",
                    "string:org.freedesktop.secrets",
                ],
            )?;
            if owned.contains("true") { Ok(()) } else { bail!("it does not answer") }
        })?;
        self.keyring = Some(keyring);
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.keyring = None;
        std::fs::remove_dir_all(&self.home).ok();
    }
}

/// A folder that only this user can enter, with a short path: sockets lie in it.
fn private_folder() -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("medsight-run-{}-{number}", std::process::id()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder).context("no private folder")?;
    Ok(folder)
}

fn first_line(program: &mut Owned) -> Result<String> {
    let mut line = String::new();
    BufReader::new(program.stdout()?).read_line(&mut line)?;
    let line = line.trim();
    if line.is_empty() {
        bail!("a program of the session ended at once: see its log")
    } else {
        Ok(line.to_owned())
    }
}
